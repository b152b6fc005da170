"""Intervals and probabilities from an estimate, its standard error and its degrees of freedom."""

import numpy as np
from scipy.special import betaincinv, expit, logit, stdtr, stdtrit


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
    df = np.asarray(df, dtype=float)
    reach = np.where(df > 0, stdtrit(np.where(df > 0, df, 1.0), (1 + level) / 2), np.nan) * std_error
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
    "beta": _korn_graubard_interval,
    "asin": _asin_interval,
    "wilson": _wilson_interval,
    "mean": _mean_interval,
}
