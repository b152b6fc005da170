"""How well a model fits: chi-square, its scaling under the design, and what a saturated model would give.

Under a design (or answers that are not normal) the likelihood ratio is no chi-square. It is divided by the mean of what
it would be if the model were true, taken from the design-based covariance of the moments.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import block_diag
from scipy.special import chdtrc

from kzsurvey.modelling.paths.estimation import (
    Fitted,
    Sample,
    all_metric,
    estimator_of,
    exact_start,
    fit_model,
    group_statistics,
    likelihood_sums,
    plain_model,
    saturated_squares,
    squares_slopes,
)
from kzsurvey.modelling.paths.matrices import derivatives, implied, reduced_form, selection
from kzsurvey.modelling.paths.normal import information_of
from kzsurvey.modelling.paths.solving import free_directions
from kzsurvey.modelling.sampling.variance import Linearised, infer


@dataclass(frozen=True, eq=False)
class Saturated:
    """Moments without a model.

    Attributes
    ----------
    value : float, of the objective there
    moments : (m,) array, of all groups: means and lower triangles, or those of least squares
    metric : (m, m) array, curvature of the objective by the moments, per unit of sample
    covariance : (m, m) array, design-based covariance of the moments
    fitted : Fitted or None, the saturated model of a likelihood
    """

    value: float
    moments: np.ndarray
    metric: np.ndarray
    covariance: np.ndarray
    fitted: Fitted | None


class ChiSquare(NamedTuple):
    """A test of a model.

    Attributes
    ----------
    statistic : float, as if rows were drawn one by one from a normal distribution
    df : int
    scale : float, what it is divided by under the design; NaN where that is not defined
    shift : float, what is added after that (least squares: mean and variance adjusted)
    adjusted : float
        The statistic with mean and variance adjusted under the design; of least squares the same as ``scaled``.
    """

    statistic: float
    df: int
    scale: float
    shift: float = 0.0
    adjusted: float = float("nan")

    @property
    def scaled(self) -> float:
        """The statistic under the design."""
        return self.statistic / self.scale + self.shift if self.df > 0 else self.statistic

    @property
    def p_value(self) -> float:
        """Without the design."""
        return float(chdtrc(self.df, self.statistic)) if self.df > 0 else float("nan")

    @property
    def p_adjusted(self) -> float:
        """Of the adjusted statistic."""
        return float(chdtrc(self.df, self.adjusted)) if self.df > 0 else float("nan")

    @property
    def p_scaled(self) -> float:
        """Under the design."""
        return float(chdtrc(self.df, self.scaled)) if self.df > 0 else float("nan")


def saturate(sample: Sample) -> Saturated:
    """Moments without a model, with their covariance under the design."""
    if sample.estimator != "ML":
        _, covariance = infer(moments_estimator(sample), sample.design)
        _, moments = saturated_squares(sample)
        return Saturated(0.0, moments, all_metric(sample), covariance, None)
    model = plain_model(sample, saturated=True)
    fitted = fit_model(sample, model, information="observed", start=exact_start(sample, model))
    _, covariance = infer(estimator_of(sample, fitted), sample.design)
    return Saturated(fitted.value, fitted.theta, fitted.information, covariance, fitted)


def moments_estimator(sample: Sample):
    """Moments of least squares as a function of weights."""

    def estimate(weight: np.ndarray) -> Linearised:
        if weight is sample.design.weight:
            influence, value = saturated_squares(sample)
        else:
            statistics = group_statistics(sample, weight)
            value, influence = np.concatenate([one.value for one in statistics]), np.zeros((len(weight), 0))
        return Linearised(value, influence, np.eye(influence.shape[1]))

    return estimate


def moment_slopes(sample: Sample, fitted: Fitted) -> np.ndarray:
    """(m, q) derivatives of the moments of all groups by the parameters."""
    if sample.estimator != "ML":
        return squares_slopes(sample, fitted)
    parts = []
    for block in fitted.model.blocks:
        slopes = derivatives(block, fitted.theta, reduced_form(block, fitted.theta))
        chosen = selection(slopes.free, fitted.model.count)
        parts += [slopes.mean @ chosen, slopes.covariance @ chosen]
    return np.concatenate(parts)


def likelihood_metric(sample: Sample, fitted: Fitted) -> np.ndarray:
    """(m, m) expected curvature by the moments that a model implies."""
    parts = []
    for block, sums in zip(fitted.model.blocks, likelihood_sums(sample, sample.design.weight), strict=True):
        there = sums.there.astype(float)
        both = there[:, :, None] * there[:, None, :]
        matrix = implied(block, fitted.theta).covariance * both + np.eye(block.observed) * (1 - there)[:, None, :]
        parts += information_of(np.linalg.inv(matrix) * both, sums.share, block.lower)
    return block_diag(*parts)


def degrees(saturated: Saturated, fitted: Fitted) -> int:
    """Moments less free parameters, plus constraints."""
    bound = 0
    if fitted.slopes is not None:
        bound = len(fitted.theta) - free_directions(fitted.slopes).shape[1]
    return len(saturated.moments) - len(fitted.theta) + bound


def residual_metric(sample: Sample, saturated: Saturated, fitted: Fitted, *, expected: bool = False) -> np.ndarray:
    r"""(m, m) matrix U whose product with the covariance of the moments says what the statistic would be on average.

    Notes
    -----
    :math:`U = W - W \Delta (\Delta^T W \Delta)^{-1} \Delta^T W`, along what constraints leave free.
    """
    metric = likelihood_metric(sample, fitted) if expected and sample.estimator == "ML" else saturated.metric
    slopes = moment_slopes(sample, fitted)
    if fitted.slopes is not None:
        slopes = slopes @ free_directions(fitted.slopes)
    weighted = metric @ slopes
    return metric - weighted @ np.linalg.pinv(slopes.T @ weighted, rcond=1e-13) @ weighted.T


def chi_square(
    sample: Sample, saturated: Saturated, fitted: Fitted, covariance: np.ndarray, *, expected: bool = False
) -> ChiSquare:
    r"""Test of a model against the saturated one.

    Parameters
    ----------
    covariance : (q, q) array, of the parameters, design-based
    expected : bool
        Whether the scale of a likelihood is Satorra and Bentler's (expected information) rather than that of Yuan and
        Bentler, Asparouhov and Muthen (observed).

    Notes
    -----
    Likelihood: scale :math:`(\mathrm{tr}\, A_1 V_1 - \mathrm{tr}\, A_0 V_0) n / d` with information A and design-based
    covariance V of the saturated (1) and the fitted (0) model. Least squares, and ``adjusted``: scaled and shifted so
    that mean and variance are those of chi-square, :math:`a = \sqrt{d / \mathrm{tr}(U \Gamma)^2}`, :math:`b = d - a\,
    \mathrm{tr}\, U \Gamma`.

    References
    ----------
    Satorra, A., & Bentler, P. M. (1994). Corrections to test statistics and standard errors in covariance structure
    analysis. In A. von Eye & C. C. Clogg (Eds.), Latent variables analysis (pp. 399-419). Sage.

    Asparouhov, T. (2005). Sampling weights in latent variable modeling. Structural Equation Modeling 12, 411-434.
    doi:10.1207/s15328007sem1203_4

    Asparouhov, T., & Muthen, B. (2010). Simple second order chi-square correction. Mplus technical appendix.
    """
    df = degrees(saturated, fitted)
    statistic = max(2 * sample.units * (fitted.value - saturated.value), 0.0)
    if df <= 0:
        return ChiSquare(statistic if df < 0 else 0.0, df, float("nan"))
    product = residual_metric(sample, saturated, fitted, expected=expected) @ saturated.covariance * sample.effective
    first, second = float(np.trace(product)), float(np.sum(product * product.T))
    both = scaled_shifted(statistic, df, first, second)
    if sample.estimator != "ML":
        return both
    if not expected:
        first = np.sum(saturated.metric * saturated.covariance) - np.sum(fitted.information * covariance)
        first = float(first) * sample.count
    return ChiSquare(statistic, df, first / df, 0.0, both.scaled)


def scaled_shifted(statistic: float, df: int, first: float, second: float) -> ChiSquare:
    """Adjust mean and variance to those of chi-square."""
    size = np.sqrt(df / second)
    shift = df - size * first
    return ChiSquare(statistic, df, float(1 / size), float(shift), float(statistic * size + shift))


def baseline(sample: Sample, saturated: Saturated, *, information: str) -> tuple[Fitted | None, ChiSquare]:
    """Test of the model in which nothing goes with anything.

    Covariates go with one another; where they are conditioned on, everything may depend on them.
    """
    if sample.estimator == "ML":
        model = plain_model(sample, saturated=False)
        fitted = fit_model(sample, model, information=information, start=exact_start(sample, model))
        _, covariance = infer(estimator_of(sample, fitted), sample.design)
        return fitted, chi_square(sample, saturated, fitted, covariance, expected=information == "expected")
    kept = unrelated_columns(sample)
    metric = saturated.metric
    weighted = metric @ kept
    residual = metric - weighted @ np.linalg.solve(kept.T @ weighted, weighted.T)
    statistic = float(sample.units * saturated.moments @ residual @ saturated.moments)
    product = residual @ saturated.covariance * sample.effective
    df = len(metric) - kept.shape[1]
    return None, scaled_shifted(statistic, df, float(np.trace(product)), float(np.sum(product * product.T)))


def unrelated_columns(sample: Sample) -> np.ndarray:
    """(m, k) columns of the moments that the baseline model of least squares leaves free."""
    free = []
    for one in sample.statistics:
        heads = sum(max(margin.levels - 1, 1) for margin in one.margins)
        numbers = sum(not margin.levels for margin in one.margins)
        covariances = len(one.pairs)
        between = len(one.value) - heads - numbers - covariances
        flags = [True] * (heads + between + numbers)
        flags += _covariate_pairs(sample) if not sample.conditional else [False] * covariances
        free += flags
    return np.eye(len(free))[:, np.array(free)]


def _covariate_pairs(sample: Sample) -> list[bool]:
    """Which pairs of variables are both covariates."""
    flags = [name in sample.variables.covariates for name in sample.variables.observed]
    a, b = np.triu_indices(len(flags), 1)
    return [flags[i] and flags[j] for i, j in zip(a, b, strict=True)]


def design_covariance(sample: Sample, fitted: Fitted) -> np.ndarray:
    """(q, q) covariance of the parameters under the design."""
    return infer(estimator_of(sample, fitted), sample.design)[1]
