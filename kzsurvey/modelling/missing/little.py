"""Little's test that answers are missing completely at random, as usually printed and with the design in it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import chdtrc, fdtrc

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.describing.estimates import design_for
from kzsurvey.modelling.describing.numbers import numbers_of
from kzsurvey.modelling.missing.variables import asked_rows
from kzsurvey.modelling.regression.formulas import unknown_variables
from kzsurvey.modelling.sampling.design import Design, degrees_of_freedom, domain_rows
from kzsurvey.modelling.sampling.variance import covariance as design_covariance

_ROUNDS, _SETTLED = 10_000, 1e-11


class LittleTest(NamedTuple):
    """Little's test.

    Attributes
    ----------
    f, df, df_below, p_value : the design-based test, the one to read
    statistic, statistic_df, statistic_p : chi-square of a simple random sample, what other programs print
    patterns : int, of missing answers
    n : int, rows used: those who were asked all the items and answered one at least
    n_not_asked : int, rows left out because an item was not asked
    """

    f: float
    df: float
    df_below: float
    p_value: float
    statistic: float
    statistic_df: int
    statistic_p: float
    patterns: int
    n: int
    n_not_asked: int


class _Pattern(NamedTuple):
    """Rows with the same answers missing."""

    rows: np.ndarray
    seen: np.ndarray


class Moments(NamedTuple):
    """Mean and covariance of items with gaps, by maximum likelihood."""

    mean: np.ndarray
    covariance: np.ndarray


def little_test(
    table: pd.DataFrame,
    items: Sequence[str],
    *,
    design: Design | None = None,
    where: np.ndarray | pd.Series | None = None,
) -> LittleTest:
    r"""Are answers missing completely at random (Little's test).

    Parameters
    ----------
    table : DataFrame, one row per interview
    items : column names, numbers or options with an order
        Those not asked all of them are left out, because "not asked" is no missing answer.
    design : Design
        Where None, read from the columns ``weight``, ``stratum`` and ``cluster``.
    where : (n,) bool array, the domain

    Returns
    -------
    LittleTest

    Raises
    ------
    DesignError
        Fewer than two items; no gaps; a single pattern; items that repeat each other or do not vary; words without
        order; no maximum found.

    Notes
    -----
    :math:`d^2 = \sum_j n_j (\bar y_j - \hat\mu_j)^T \hat\Sigma_j^{-1} (\bar y_j - \hat\mu_j)` over the patterns of
    missing answers, chi-square with :math:`\sum_j p_j - p` degrees of freedom in a simple random sample of normal
    items. In clusters the means of patterns differ by more than that. The design-based test takes weighted moments and
    the covariance :math:`V` of the standardised distances from the variance core, with the corrections of Rao and
    Scott: :math:`F = d^2 / \mathrm{tr} V` on :math:`(\mathrm{tr} V)^2 / \mathrm{tr} V^2` degrees of freedom. A large p
    does not show that answers are missing completely at random, and none shows that they are missing at random.

    References
    ----------
    Little, R. J. A. (1988). A test of missing completely at random for multivariate data with missing values. Journal
    of the American Statistical Association 83, 1198-1202. doi:10.1080/01621459.1988.10478722
    Thomas, D. R., & Rao, J. N. K. (1987). Small-sample comparisons of level and power for simple goodness-of-fit
    statistics under cluster sampling. Journal of the American Statistical Association 82, 630-636.
    doi:10.1080/01621459.1987.10478475

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> table = pd.DataFrame(rng.normal(size=(200, 3)), columns=["a", "b", "c"])
    >>> table["c"] = table["c"].where(table["a"] < 0.8)
    >>> found = little_test(table, ["a", "b", "c"])
    >>> found.patterns, found.statistic_df, found.p_value < 0.001
    (2, 2, True)
    """
    fail_if(unknown_variables(items, table, name="little_test"), DesignError)
    design = design_for(table, design)
    domain = domain_rows(where, len(table), index=table.index)
    asked = domain & np.all([asked_rows(table, item) for item in items], axis=0)
    values = np.column_stack([numbers_of(table[item]).to_numpy(dtype=float) for item in items])
    rows = np.flatnonzero(asked & ~np.isnan(values).all(axis=1))
    values, weight = values[rows], design.weight[rows]
    patterns = _patterns(values)
    fail_if(_faults(values, patterns, items), DesignError)
    centre, spread = np.nanmean(values, axis=0), np.nanstd(values, axis=0)
    values = (values - centre) / spread
    plain, _ = _distances(values, patterns, np.ones(len(values)))
    df = sum(int(pattern.seen.sum()) for pattern in patterns) - values.shape[1]
    found, scores = _distances(values, patterns, weight * len(weight) / weight.sum())
    whole = np.zeros((len(design), scores.shape[1]))
    whole[rows] = scores * (len(weight) / weight.sum())
    size = design_covariance(whole, np.eye(scores.shape[1]), design)
    trace, below = float(np.trace(size)), degrees_of_freedom(design, np.isin(np.arange(len(design)), rows))
    freedom = trace**2 / float((size**2).sum())
    statistic, f = float(plain @ plain), float(found @ found) / trace
    return LittleTest(
        f, freedom, freedom * below, float(fdtrc(freedom, freedom * below, f)),
        statistic, df, float(chdtrc(df, statistic)), len(patterns), len(rows), int(domain.sum() - asked.sum()),
    )  # fmt: skip


def gapped_moments(values: np.ndarray, weight: np.ndarray) -> Moments:
    """Mean and covariance of normal items with gaps, by the EM algorithm over patterns.

    Parameters
    ----------
    values : (n, p) array, NaN where an answer is missing
    weight : (n,) array, what each row counts

    Raises
    ------
    DesignError
        No maximum found.

    Examples
    --------
    >>> gapped_moments(np.array([[1.0, 2.0], [2.0, 4.5], [3.0, np.nan], [4.0, 7.0]]), np.ones(4)).mean.round(3).tolist()
    [2.5, 4.768]
    """
    patterns = _patterns(values)
    mean = np.nansum(values * weight[:, None], axis=0) / (~np.isnan(values) * weight[:, None]).sum(axis=0)
    covariance = np.diag(np.nanvar(values, axis=0))
    size = np.sqrt(np.diag(covariance))
    for _ in range(_ROUNDS):
        sums, products = np.zeros_like(mean), np.zeros_like(covariance)
        for pattern in patterns:
            filled, extra = _expected(values[pattern.rows], pattern.seen, mean, covariance)
            own = weight[pattern.rows]
            sums += own @ filled
            products += (filled * own[:, None]).T @ filled + own.sum() * extra
        new = sums / weight.sum()
        spread = products / weight.sum() - np.outer(new, new)
        moved = max(np.abs((new - mean) / size).max(), np.abs((spread - covariance) / np.outer(size, size)).max())
        mean, covariance = new, spread
        if moved < _SETTLED:
            return Moments(mean, covariance)
    raise DesignError(Fault("moments with gaps", "no maximum of the likelihood", "items that share answers"))


def _expected(
    values: np.ndarray, seen: np.ndarray, mean: np.ndarray, covariance: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rows with their gaps at the expectation, and the covariance that expectation lacks."""
    extra = np.zeros_like(covariance)
    if seen.all():
        return values, extra
    slope = np.linalg.solve(covariance[np.ix_(seen, seen)], covariance[np.ix_(seen, ~seen)])
    filled = values.copy()
    filled[:, ~seen] = mean[~seen] + (values[:, seen] - mean[seen]) @ slope
    extra[np.ix_(~seen, ~seen)] = covariance[np.ix_(~seen, ~seen)] - covariance[np.ix_(~seen, seen)] @ slope
    return filled, extra


def _patterns(values: np.ndarray) -> list[_Pattern]:
    """Rows by which answers they have."""
    kinds, code = np.unique(~np.isnan(values), axis=0, return_inverse=True)
    return [_Pattern(np.flatnonzero(code.ravel() == number), kind) for number, kind in enumerate(kinds)]


def _distances(values: np.ndarray, patterns: list[_Pattern], weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standardised distances of the means of the patterns, and what each row adds to them."""
    mean, covariance = gapped_moments(values, weight)
    covariance = covariance * weight.sum() / (weight.sum() - 1)
    information, pull = np.zeros_like(covariance), np.zeros((len(values), len(mean)))
    for pattern in patterns:
        inverse = np.linalg.inv(covariance[np.ix_(pattern.seen, pattern.seen)])
        information[np.ix_(pattern.seen, pattern.seen)] += weight[pattern.rows].sum() * inverse
        left = values[np.ix_(pattern.rows, pattern.seen)] - mean[pattern.seen]
        pull[np.ix_(pattern.rows, pattern.seen)] = left @ inverse
    moved = pull @ np.linalg.inv(information)
    distances, scores = [], []
    for pattern in patterns:
        own = weight[pattern.rows]
        size = own.sum()
        root = np.linalg.inv(np.linalg.cholesky(covariance[np.ix_(pattern.seen, pattern.seen)])) * np.sqrt(size)
        left = values[np.ix_(pattern.rows, pattern.seen)] - mean[pattern.seen]
        distances.append(root @ (own @ left / size))
        score = -moved[:, pattern.seen]
        score[pattern.rows] += left / size
        scores.append(score @ root.T)
    return np.concatenate(distances), np.concatenate(scores, axis=1)


def _faults(values: np.ndarray, patterns: list[_Pattern], items: Sequence[str]) -> list[Fault]:
    """What leaves the test without an answer."""
    place = "little_test"
    if len(items) < 2:
        return [Fault(place, f"{len(items)} items", "two or more")]
    if not len(values):
        return [Fault(place, "nobody who was asked all items and answered one", "at least one interview")]
    faults = [
        Fault(place, "the same answer from all, or from nobody", "items that vary", column=name)
        for name, column in zip(items, values.T, strict=True)
        if not (np.nanmax(column, initial=-np.inf) > np.nanmin(column, initial=np.inf))
    ]
    if faults:
        return faults
    if len(patterns) < 2:
        return [Fault(place, "a single pattern of missing answers", "two or more")]
    whole = values[~np.isnan(values).any(axis=1)]
    if len(whole) > len(items) and np.linalg.matrix_rank(whole - whole.mean(axis=0)) < len(items):
        return [Fault(place, "items that repeat each other", "items of their own", hint="leave sums of items out")]
    return []
