"""Fit indices: CFI, TLI, RMSEA, SRMR and information criteria, plain, scaled and robust."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.linalg import block_diag
from scipy.special import chndtr

from kzsurvey.modelling.paths.estimation import Fitted, Sample, likelihood_sums
from kzsurvey.modelling.paths.matrices import implied
from kzsurvey.modelling.paths.normal import information_of
from kzsurvey.modelling.paths.sample_moments import moment_vector
from kzsurvey.modelling.paths.solving import free_directions
from kzsurvey.modelling.paths.testing import ChiSquare, Saturated, moment_slopes, residual_metric

_CLOSE = 0.05


class Robust(NamedTuple):
    """A statistic, what it is on average without misfit (per degree of freedom), for the model and the baseline."""

    statistic: float
    scale: float
    baseline: float
    baseline_scale: float


def fit_indices(
    sample: Sample, saturated: Saturated, fitted: Fitted, base: Fitted | None, test: ChiSquare, base_test: ChiSquare
) -> pd.DataFrame:
    """Table of fit indices.

    Returns
    -------
    DataFrame, one row per index
        ``index``, ``value`` (rows drawn one by one, normal), ``scaled`` (under the design), ``robust`` (under the
        design, estimating what the index is in the population).

    Notes
    -----
    ``chi_square_adjusted`` has the mean and the variance of a chi-square under the design (of a likelihood,
    ``scaled`` has the mean alone, as MLR and MLM of lavaan). In samples of clusters it keeps its level better.

    ``robust`` CFI, TLI and RMSEA are those of Brosseau-Liard and Savalei (complete answers), Zhang and Savalei (answers
    missing), Savalei (ordinal items without covariates: from the normal likelihood of the polychoric correlations).

    References
    ----------
    Brosseau-Liard, P. E., & Savalei, V. (2014). Adjusting incremental fit indices for nonnormality. Multivariate
    Behavioral Research 49, 460-470. doi:10.1080/00273171.2014.933697

    Zhang, X., & Savalei, V. (2023). New computations for RMSEA and CFI following FIML and TS estimation with missing
    data. Psychological Methods 28, 263-283. doi:10.1037/met0000445

    Savalei, V. (2021). Improving fit indices in structural equation modeling with categorical data. Multivariate
    Behavioral Research 56, 390-407. doi:10.1080/00273171.2020.1717922
    """
    robust = _robust(sample, saturated, fitted, base, test, base_test)
    nothing = float("nan")
    rows = [
        ("chi_square", test.statistic, test.scaled if test.df else nothing, nothing),
        ("df", test.df, test.df, nothing),
        ("p_value", test.p_value, test.p_scaled, nothing),
        ("scaling", nothing, test.scale, nothing),
        ("chi_square_adjusted", nothing, test.adjusted, nothing),
        ("p_value_adjusted", nothing, test.p_adjusted, nothing),
        ("baseline_chi_square", base_test.statistic, base_test.scaled, nothing),
        ("baseline_df", base_test.df, base_test.df, nothing),
    ]
    rows += _incremental(test, base_test, robust)
    rows += _rmsea_rows(sample, test, robust)
    rows.append(("srmr", srmr(sample, saturated, fitted), nothing, nothing))
    rows += _criteria(sample, saturated, fitted) if sample.estimator == "ML" else []
    rows += [("parameters", counted(fitted), nothing, nothing), ("n", sample.count, nothing, nothing)]
    return pd.DataFrame(rows, columns=["index", "value", "scaled", "robust"]).astype({"index": "str"})


def counted(fitted: Fitted) -> int:
    """Free parameters of the model less what constraints bind."""
    free = {row.free for row in fitted.model.rows if row.free >= 0 and row.role == "model"}
    bound = 0 if fitted.slopes is None else len(fitted.theta) - free_directions(fitted.slopes).shape[1]
    return len(free) - bound


def _comparative(statistic: float, df: float, base: float, base_df: float) -> tuple[float, float]:
    """CFI and TLI from excesses over their expectation."""
    excess, base_excess = statistic - df, base - base_df
    most = max(excess, base_excess, 0.0)
    cfi = 1.0 if most == 0 else 1 - max(excess, 0.0) / most
    return cfi, _tucker_lewis(excess, df, base_excess, base_df)


def _tucker_lewis(excess: float, df: float, base_excess: float, base_df: float) -> float:
    if df <= 0:
        return 1.0
    return 1 - excess / df * base_df / base_excess if base_excess else float("nan")


def _incremental(test: ChiSquare, base: ChiSquare, robust: Robust | None) -> list[tuple]:
    """CFI and TLI, the three ways."""
    plain = _comparative(test.statistic, test.df, base.statistic, base.df)
    nothing = (float("nan"),) * 2
    scaled = _comparative(test.scaled, test.df, base.scaled, base.df) if test.df else nothing
    strong = nothing
    if robust is not None and test.df:
        excess = robust.statistic - robust.scale * test.df
        base_excess = robust.baseline - robust.baseline_scale * base.df
        most = max(excess, base_excess, 0.0)
        strong = (1 - max(excess, 0.0) / most if most else 1.0, _tucker_lewis(excess, test.df, base_excess, base.df))
    return [(name, *three) for name, three in zip(("cfi", "tli"), zip(plain, scaled, strong, strict=True), strict=True)]


def rmsea(statistic: float, df: int, n: float, groups: int, scale: float = 1.0) -> float:
    """Root mean square error of approximation.

    Examples
    --------
    >>> round(rmsea(85.3055, 24, 301, 1), 4)
    0.0921
    """
    return float(np.sqrt(max(statistic / n / df - scale / n, 0.0) * groups)) if df > 0 else 0.0


def rmsea_interval(statistic: float, df: int, n: float, groups: int, scale: float = 1.0) -> tuple[float, float]:
    """Ends of the 90 % interval, from the noncentral chi-square; ``statistic``: after scaling.

    References
    ----------
    Steiger, J. H. (1990). Structural model evaluation and modification. Multivariate Behavioral Research 25, 173-180.
    doi:10.1207/s15327906mbr2502_4

    Examples
    --------
    >>> [round(end, 4) for end in rmsea_interval(85.3055, 24, 301, 1)]
    [0.0714, 0.1137]
    """
    if df <= 0 or not np.isfinite(statistic) or not scale > 0:
        return (0.0, 0.0) if df <= 0 else (float("nan"), float("nan"))
    ends = [_noncentrality(statistic, df, probability) for probability in (0.95, 0.05)]
    return tuple(float(np.sqrt(scale * end * groups / (n * df))) for end in ends)


def _noncentrality(statistic: float, df: int, probability: float) -> float:
    """Noncentrality under which the statistic is that quantile; 0 where it is below already without."""
    if chndtr(statistic, df, 0.0) < probability:
        return 0.0
    low, high = 0.0, max(statistic, 1.0)
    while chndtr(statistic, df, high) > probability:
        low, high = high, 2 * high
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if chndtr(statistic, df, middle) > probability else (low, middle)
    return (low + high) / 2


def _rmsea_rows(sample: Sample, test: ChiSquare, robust: Robust | None) -> list[tuple]:
    """RMSEA with its interval and the test that it is at most .05, the three ways."""
    n, groups = sample.units, len(sample.columns.groups)
    nothing = (float("nan"),) * 4
    scaled = test.scaled if test.df else float("nan")
    ways = [_rmsea_all(test.statistic, test.statistic, test.df, n, groups)]
    ways.append(_rmsea_all(scaled, scaled, test.df, n, groups) if test.df else nothing)
    strong = nothing
    if robust is not None and test.df:
        after = scaled if sample.estimator == "ML" and _complete(sample) else robust.statistic / robust.scale
        strong = _rmsea_all(robust.statistic, after, test.df, n, groups, robust.scale)
    names = ("rmsea", "rmsea_low", "rmsea_high", "rmsea_p_close")
    return [(name, *three) for name, three in zip(names, zip(*ways, strong, strict=True), strict=True)]


def _rmsea_all(statistic: float, after: float, df: int, n: float, groups: int, scale: float = 1.0) -> tuple:
    low, high = rmsea_interval(after, df, n, groups, scale)
    close = float("nan")
    if df > 0 and np.isfinite(after):
        close = float(1 - chndtr(after, df, n * df * _CLOSE**2 / groups / scale))
    return rmsea(statistic, df, n, groups, scale), low, high, close


def _complete(sample: Sample) -> bool:
    return all(len(one.there) == 1 for one in sample.answers)


def _robust(
    sample: Sample, saturated: Saturated, fitted: Fitted, base: Fitted | None, test: ChiSquare, base_test: ChiSquare
) -> Robust | None:
    if test.df <= 0:
        return None
    if sample.estimator == "ML" and _complete(sample):
        return Robust(test.statistic, test.scale, base_test.statistic, base_test.scale)
    if sample.estimator == "ML":
        scale = [
            _missing_corrected(sample, saturated, one, tested.df) for one, tested in ((fitted, test), (base, base_test))
        ]
        return Robust(*scale[0], *scale[1])
    return _categorical(sample, saturated, fitted, test, base_test)


def _missing_corrected(sample: Sample, saturated: Saturated, fitted: Fitted, df: int) -> tuple[float, float]:
    """Statistic that complete answers with the saturated moments would give, and its scale (Zhang and Savalei, V3)."""
    deviance, parts, begin = 0.0, [], 0
    for block, share in zip(fitted.model.blocks, sample.shares, strict=True):
        p = block.observed
        mean, triangle = np.split(saturated.moments[begin : begin + p + p * (p + 1) // 2], [p])
        begin += p + len(triangle)
        matrix = np.zeros((p, p))
        matrix[block.lower] = triangle
        matrix = matrix + matrix.T - np.diag(np.diag(matrix))
        moments = implied(block, fitted.theta)
        deviance += share * _divergence(matrix, mean, moments.covariance, moments.mean)
        parts += information_of(np.linalg.inv(matrix)[None], np.array([share]), block.lower)
    complete, incomplete = block_diag(*parts), saturated.metric
    residual = residual_metric(sample, saturated, fitted)
    inner = np.linalg.solve(incomplete, np.linalg.solve(incomplete, complete).T)
    gamma = saturated.covariance * sample.count
    return sample.count * deviance, float(np.trace(residual @ inner @ residual @ gamma)) / df


def _divergence(sample: np.ndarray, mean: np.ndarray, matrix: np.ndarray, model_mean: np.ndarray) -> float:
    """Normal discrepancy of two sets of moments."""
    inverse, apart = np.linalg.inv(matrix), mean - model_mean
    size = np.linalg.slogdet(matrix)[1] - np.linalg.slogdet(sample)[1]
    return float(size + np.sum(inverse * sample) - len(sample) + apart @ inverse @ apart)


def _categorical(
    sample: Sample, saturated: Saturated, fitted: Fitted, test: ChiSquare, base: ChiSquare
) -> Robust | None:
    """From the normal likelihood of the polychoric correlations; only where all variables are ordinal."""
    every = all(margin.levels for one in sample.statistics for margin in one.margins)
    positive = all(np.linalg.eigvalsh(one.latent_covariance)[0] > 1e-8 for one in sample.statistics)
    if sample.estimator != "DWLS" or sample.conditional or not every or not positive:
        return None
    deviance = base_deviance = 0.0
    keep, weights, begin = [], [], 0
    for one, block, share in zip(sample.statistics, fitted.model.blocks, sample.shares, strict=True):
        pairs = len(one.pairs)
        keep.append(np.arange(begin + len(one.value) - pairs, begin + len(one.value)))
        begin += len(one.value)
        matrix = np.eye(len(one.margins))
        a, b = np.triu_indices(len(matrix), 1)
        matrix[a, b] = matrix[b, a] = moment_vector(block, fitted.theta)[-pairs:]
        nothing = np.zeros(len(matrix))
        deviance += share * _divergence(one.latent_covariance, nothing, matrix, nothing)
        base_deviance += share * _divergence(one.latent_covariance, nothing, np.eye(len(matrix)), nothing)
        if np.linalg.eigvalsh(matrix)[0] <= 0:
            return None
        weights.append(information_of(np.linalg.inv(matrix)[None], np.array([share]), (b, a))[1])
    at, likelihood = np.concatenate(keep), block_diag(*weights)
    gamma = saturated.covariance[np.ix_(at, at)] * sample.effective
    slopes, metric = moment_slopes(sample, fitted), saturated.metric
    mine = slopes[at]
    away = np.eye(len(at)) - mine @ fitted.inverse @ mine.T @ metric[np.ix_(at, at)]
    scale = float(np.trace(away.T @ likelihood @ away @ gamma)) / test.df
    base_scale = float(np.sum(_base_weight(sample) * np.diag(gamma))) / base.df
    return Robust(sample.count * deviance, scale, sample.count * base_deviance, base_scale)


def _base_weight(sample: Sample) -> np.ndarray:
    """Curvature of the normal likelihood by correlations where all are 0: the share of each group."""
    return np.concatenate(
        [np.full(len(one.pairs), share) for one, share in zip(sample.statistics, sample.shares, strict=True)]
    )


def srmr(sample: Sample, saturated: Saturated, fitted: Fitted) -> float:
    """Standardised root mean square residual (Bentler's); of correlations, where variables are ordinal.

    Means count where they are part of the model.
    """
    total, begin = 0.0, 0
    with_means = any(
        row.op == "~1" and row.role == "model" and row.lhs in sample.variables.observed for row in fitted.model.rows
    )
    for code, (block, share) in enumerate(zip(fitted.model.blocks, sample.shares, strict=True)):
        p = block.observed
        if sample.estimator == "ML":
            mean, triangle = np.split(saturated.moments[begin : begin + p + p * (p + 1) // 2], [p])
            begin += p + len(triangle)
            moments = implied(block, fitted.theta)
            i, j = block.lower
            size = np.sqrt(triangle[i == j])
            apart = (triangle - moments.covariance[i, j]) / (size[i] * size[j])
            squares = np.sum(apart**2)
            count = len(i)
            if with_means:
                squares, count = squares + np.sum(((mean - moments.mean) / size) ** 2), count + p
        else:
            squares, count = _least_squares_residuals(sample, fitted, code, block)
        total += share * np.sqrt(squares / count)
    return float(total)


def _least_squares_residuals(sample: Sample, fitted: Fitted, code: int, block: object) -> tuple[float, int]:
    """Squares of standardised residuals of (co)variances, and how many they are."""
    one = sample.statistics[code]
    matrix = one.latent_covariance
    implied_values = moment_vector(block, fitted.theta)
    pairs = len(one.pairs)
    numbers = [place for place, margin in enumerate(one.margins) if not margin.levels]
    size = np.sqrt(np.diag(matrix))
    a, b = np.triu_indices(len(matrix), 1)
    apart = (matrix[a, b] - implied_values[len(implied_values) - pairs :]) / (size[a] * size[b])
    own = np.zeros(len(matrix))
    told = implied_values[len(implied_values) - pairs - len(numbers) : len(implied_values) - pairs]
    own[numbers] = (np.diag(matrix)[numbers] - told) / np.diag(matrix)[numbers]
    return float(np.sum(apart**2) + np.sum(own**2)), len(a) + len(matrix)


def _criteria(sample: Sample, saturated: Saturated, fitted: Fitted) -> list[tuple]:
    """Log likelihood given the covariates, and information criteria; weights count as numbers of rows."""
    known = sum(
        float((one.share * one.there.sum(axis=1)).sum()) for one in likelihood_sums(sample, sample.design.weight)
    )
    loglik = -sample.count * (fitted.value + 0.5 * known * np.log(2 * np.pi))
    loglik -= _covariate_likelihood(sample)
    count, nothing = counted(fitted), float("nan")
    return [
        ("log_likelihood", loglik, nothing, nothing),
        ("aic", -2 * loglik + 2 * count, nothing, nothing),
        ("bic", -2 * loglik + np.log(sample.count) * count, nothing, nothing),
    ]


def _covariate_likelihood(sample: Sample) -> float:
    """Log likelihood of the covariates alone, whose moments are those of the sample."""
    at = [sample.variables.observed.index(name) for name in sample.variables.covariates]
    if not at:
        return 0.0
    total = 0.0
    for one in likelihood_sums(sample, sample.design.weight):
        share = float(one.share.sum())
        mean = (one.share[:, None] * one.mean).sum(axis=0) / share
        apart = one.mean - mean
        around = one.covariance + apart[:, :, None] * apart[:, None, :]
        matrix = ((one.share[:, None, None] * around).sum(axis=0) / share)[np.ix_(at, at)]
        total -= 0.5 * sample.count * share * (len(at) * (np.log(2 * np.pi) + 1) + np.linalg.slogdet(matrix)[1])
    return total
