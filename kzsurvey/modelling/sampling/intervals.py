"""Intervals and probabilities from an estimate, its standard error and its degrees of freedom."""

from collections.abc import Callable

import numpy as np
from scipy.special import betaincinv, expit, log_expit, logit, ncfdtr, stdtr, stdtrit

from kzsurvey.errors import DesignError, Fault


def checked_level(level: float) -> float:
    """The level of an interval, if it is one: 95 would give intervals without ends.

    Raises
    ------
    DesignError
        Anything but a number above 0 and below 1.

    Examples
    --------
    >>> checked_level(0.95)
    0.95
    >>> checked_level(95)
    Traceback (most recent call last):
    kzsurvey.errors.DesignError: interval: found level 95; allowed: above 0 and below 1; 0.95 for 95 %
    """
    if isinstance(level, (int, float, np.number)) and 0 < level < 1:
        return level
    raise DesignError(Fault("interval", f"level {level}", "above 0 and below 1", hint="0.95 for 95 %"))


def interval(
    estimate: np.ndarray, std_error: np.ndarray, df: np.ndarray | float, *, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the Student t interval; missing where there are no degrees of freedom.

    Examples
    --------
    >>> low, high = interval(10.0, 1.0, 5)
    >>> round(float(low), 4), round(float(high), 4)
    (7.4294, 12.5706)
    """
    df, above = np.asarray(df, dtype=float), (1 + checked_level(level)) / 2
    reach = np.where(df > 0, stdtrit(np.where(df > 0, df, 1.0), above), np.nan) * std_error
    return estimate - reach, estimate + reach


def p_value(statistic: np.ndarray, df: np.ndarray | float) -> np.ndarray:
    """Two-sided probability of a Student t statistic; missing where there are no degrees of freedom.

    Examples
    --------
    >>> round(float(p_value(2.5706, 5)), 4)
    0.05
    """
    df = np.asarray(df, dtype=float)
    return np.where(df > 0, 2 * stdtr(np.where(df > 0, df, 1.0), -np.abs(statistic)), np.nan)


def proportion_interval(
    estimate: np.ndarray,
    std_error: np.ndarray,
    n: np.ndarray,
    df: np.ndarray,
    *,
    method: str = "logit",
    level: float = 0.95,
) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the intervals of proportions, between 0 and 1 by all methods but ``mean``.

    Parameters
    ----------
    estimate, std_error : (p,) arrays
    n : (p,) array, rows used
    df : (p,) array
    method : a key of ``PROPORTIONS``
        See :func:`kzsurvey.modelling.proportion`. A share known without error (calibrated to) is its own interval.
    level : float

    Returns
    -------
    low, high : (p,) arrays, missing without degrees of freedom

    Examples
    --------
    >>> n, df = np.array([80, 80]), np.array([20, 20])
    >>> low, high = proportion_interval(np.array([0.2, 0.0]), np.array([0.05, 0.0]), n, df)
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.115, 0.0], [0.324, 0.049])
    """
    low, high = interval(estimate, std_error, df, level=level)
    if method == "mean":
        return low, high
    usable, inside = (df > 0) & (n > 1), (estimate > 0) & (estimate < 1)
    unsure = std_error > 1e-10  # below is rounding: a share that the weights are calibrated to
    methods = {_exact_interval: usable & ~inside, PROPORTIONS[method]: usable & inside & unsure}
    for function, rows in methods.items():
        low[rows], high[rows] = function(estimate[rows], std_error[rows], n[rows], df[rows], level)
    return low, high


def length_interval(
    vector: np.ndarray, covariance: np.ndarray, df: float, *, level: float = 0.95
) -> tuple[float, float]:
    r"""Ends of the interval of the length of a vector of estimates, such as Cramer's V or the root of eta squared.

    Parameters
    ----------
    vector : (q,) array
    covariance : (q, q) array, design-based; may be singular
    df : float
    level : float

    Returns
    -------
    low, high : float
        ``low`` is 0 where the length is no longer than its own error makes it.

    Notes
    -----
    A length is never below 0, so that its sampling distribution is far from normal where it is short. The squared
    length is taken as :math:`c` times a noncentral chi-square of :math:`\mathrm{tr} V / c` degrees of freedom and
    noncentrality :math:`m^2 / c` (noncentral F for finite ``df``), with
    :math:`c = (2 m^2 u^T V u + \mathrm{tr} V^2) / (2 m^2 + \mathrm{tr} V)` and :math:`u` the direction of the vector.
    This gives the squared length its mean and variance for every true length :math:`m`: the Rao-Scott approximation at
    0, and the delta method far from 0. The ends are the lengths that the observed one just does not contradict.

    References
    ----------
    Rao, J. N. K., & Scott, A. J. (1981). The analysis of categorical data from complex sample surveys. Journal of the
    American Statistical Association 76, 221-230. doi:10.1080/01621459.1981.10477633
    Steiger, J. H. (2004). Beyond the F test: effect size confidence intervals and tests of close fit in the analysis
    of variance and contrast analysis. Psychological Methods 9, 164-182. doi:10.1037/1082-989X.9.2.164

    Examples
    --------
    >>> low, high = length_interval(np.array([0.3, 0.1]), np.diag([0.01, 0.01]), 60)
    >>> round(low, 3), round(high, 3)
    (0.078, 0.507)
    >>> length_interval(np.array([0.05, 0.1]), np.diag([0.01, 0.01]), 60)[0]
    0.0
    """
    checked_level(level)
    length, first, second = np.linalg.norm(vector), np.trace(covariance), np.sum(covariance**2)
    if not (df > 0 and first > 0 and np.isfinite(first)):
        return float("nan"), float("nan")
    along = max(vector @ covariance @ vector, 0.0) / length**2 if length > 0 else first

    def below(true: float) -> float:
        scale = (2 * true**2 * along + second) / (2 * true**2 + first)
        return float(ncfdtr(first / scale, df, true**2 / scale, length**2 / first))

    reach = float(stdtrit(df, (1 + level) / 2)) * np.sqrt(along)
    if length > 40 * np.sqrt(max(along, first)):  # so far out the two are the same, and the noncentral F slow
        return float(length - reach), float(length + reach)
    tail, farthest = (1 - level) / 2, float(length + 4 * reach + 4 * np.sqrt(first))
    low = 0.0 if below(0.0) < 1 - tail else _bisected(lambda true: below(true) - (1 - tail), 0.0, float(length))
    high = 0.0 if below(0.0) < tail else _bisected(lambda true: below(true) - tail, 0.0, farthest)
    return low, high


def _bisected(function: Callable[[float], float], low: float, high: float) -> float:
    """Root of a falling function between two points."""
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return (low + high) / 2


def _mean_interval(p: np.ndarray, se: np.ndarray, n: np.ndarray, df: np.ndarray, level: float) -> tuple:
    """Wald interval."""
    return interval(p, se, df, level=level)


def _logit_interval(p: np.ndarray, se: np.ndarray, n: np.ndarray, df: np.ndarray, level: float) -> tuple:
    """Wald interval on the log odds."""
    low, high = interval(logit(p), se / (p * (1 - p)), df, level=level)
    return expit(low), expit(high)


def _asin_interval(p: np.ndarray, se: np.ndarray, n: np.ndarray, df: np.ndarray, level: float) -> tuple:
    """Wald interval on the variance-stabilising scale."""
    low, high = interval(np.arcsin(np.sqrt(p)), se / (2 * np.sqrt(p * (1 - p))), df, level=level)
    return np.sin(np.clip(low, 0, None)) ** 2, np.sin(np.clip(high, None, np.pi / 2)) ** 2


def _likelihood_interval(p: np.ndarray, se: np.ndarray, n: np.ndarray, df: np.ndarray, level: float) -> tuple:
    """Where the binomial deviance, scaled by the design effect, reaches the square of the t quantile."""
    reach = stdtrit(df, (1 + level) / 2) ** 2 * n * se**2 / (p * (1 - p)) / (2 * (n - 1))
    return _deviance_root(p, reach, -1.0), _deviance_root(p, reach, 1.0)


def _deviance_root(p: np.ndarray, reach: np.ndarray, sign: float) -> np.ndarray:
    """Proportion on one side of ``p`` whose mean deviance is twice ``reach``, by Newton steps on the log odds.

    The deviance is convex there, so that steps from outside never overshoot.
    """
    best = p * log_expit(logit(p)) + (1 - p) * log_expit(-logit(p))
    odds = logit(p) + sign * (reach / np.minimum(p, 1 - p) + np.sqrt(8 * reach) + 1)
    for _ in range(100):
        excess = best - p * log_expit(odds) - (1 - p) * log_expit(-odds) - reach
        step = excess / (expit(odds) - p)
        odds = odds - step
        if np.all(np.abs(step) <= 1e-14 * (1 + np.abs(odds))):
            break
    return expit(odds)


def _effective_size(p: np.ndarray, se: np.ndarray, n: np.ndarray, df: np.ndarray, level: float) -> np.ndarray:
    """Size of the simple random sample with this variance, made smaller for few degrees of freedom."""
    tail = (1 - level) / 2
    return p * (1 - p) / se**2 * (stdtrit(n - 1, tail) / stdtrit(df, tail)) ** 2


def _korn_graubard_interval(p: np.ndarray, se: np.ndarray, n: np.ndarray, df: np.ndarray, level: float) -> tuple:
    """Clopper-Pearson interval on the effective sample size."""
    return _clopper_pearson(p, _effective_size(p, se, n, df, level), level)


def _wilson_interval(p: np.ndarray, se: np.ndarray, n: np.ndarray, df: np.ndarray, level: float) -> tuple:
    """Score interval on the effective sample size."""
    size, reach = p * (1 - p) / se**2, stdtrit(df, (1 + level) / 2) ** 2
    middle = (p + reach / (2 * size)) / (1 + reach / size)
    half = np.sqrt(reach * (p * (1 - p) / size + reach / (4 * size**2))) / (1 + reach / size)
    return middle - half, middle + half


def _exact_interval(p: np.ndarray, se: np.ndarray, n: np.ndarray, df: np.ndarray, level: float) -> tuple:
    """Clopper-Pearson interval on ``n`` itself, for proportions of 0 and 1, whose variance cannot be estimated."""
    tail = (1 - level) / 2
    return _clopper_pearson(p, n * (stdtrit(n - 1, tail) / stdtrit(df, tail)) ** 2, level)


def _clopper_pearson(p: np.ndarray, size: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Exact interval of ``p * size`` successes in ``size`` trials, neither of them whole."""
    tail, yes, no = (1 - level) / 2, p * size, (1 - p) * size
    low = np.where(yes > 0, betaincinv(np.maximum(yes, 1e-300), no + 1, tail), 0.0)
    high = np.where(no > 0, betaincinv(yes + 1, np.maximum(no, 1e-300), 1 - tail), 1.0)
    return low, high


PROPORTIONS = {
    "logit": _logit_interval,
    "xlogit": _logit_interval,
    "likelihood": _likelihood_interval,
    "beta": _korn_graubard_interval,
    "asin": _asin_interval,
    "wilson": _wilson_interval,
    "mean": _mean_interval,
}
