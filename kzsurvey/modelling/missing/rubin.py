"""Rubin's rules on numbers: estimates of several imputed sets made into one, with what the gaps cost.

Degrees of freedom are those of Barnard and Rubin, which never exceed the ones the design leaves without gaps.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import fdtrc

from kzsurvey.errors import DesignError, Fault


class Rubin(NamedTuple):
    """Estimates pooled one by one; every attribute is a (p,) array.

    Attributes
    ----------
    estimate, std_error, df
    within : mean of the variances of the sets
    between : variance of the estimates between the sets
    riv : relative increase of the variance by the gaps
    share : fraction of the variance that the gaps are to blame for (lambda)
    fmi : fraction of missing information, which also counts that the sets are few
    efficiency : variance with infinitely many sets over that with these
    """

    estimate: np.ndarray
    std_error: np.ndarray
    df: np.ndarray
    within: np.ndarray
    between: np.ndarray
    riv: np.ndarray
    share: np.ndarray
    fmi: np.ndarray
    efficiency: np.ndarray


class PooledTest(NamedTuple):
    """A test of several numbers at once over imputed sets.

    Attributes
    ----------
    f : float
    df, df_below : float, degrees of freedom above and below the line
    p_value : float
    riv : float, average relative increase of the variance by the gaps
    method : str, ``D1`` (estimates and covariances) or ``D2`` (statistics only)
    """

    f: float
    df: float
    df_below: float
    p_value: float
    riv: float
    method: str


def rubin(estimate: np.ndarray, variance: np.ndarray, *, df: np.ndarray | float = np.inf) -> Rubin:
    r"""Pool estimates over imputed sets by Rubin's rules.

    Parameters
    ----------
    estimate : (m, p) array, one row per imputed set
    variance : (m, p) array, squared standard errors
    df : float or (p,) array
        Degrees of freedom there would be without gaps; of a survey, those of its design.

    Returns
    -------
    Rubin

    Raises
    ------
    DesignError
        Fewer than two sets.

    Notes
    -----
    :math:`\bar q = \sum q_l / m`, :math:`T = \bar u + (1 + 1/m) b`, :math:`\lambda = (1 + 1/m) b / T`; the degrees of
    freedom are :math:`(1 / \nu_m + 1 / \nu_{obs})^{-1}` with :math:`\nu_m = (m - 1) / \lambda^2` and
    :math:`\nu_{obs} = (\nu + 1) / (\nu + 3) \cdot \nu (1 - \lambda)`. What is the same in all sets keeps :math:`\nu`.

    References
    ----------
    Rubin, D. B. (1987). Multiple imputation for nonresponse in surveys. Wiley. doi:10.1002/9780470316696
    Barnard, J., & Rubin, D. B. (1999). Small-sample degrees of freedom with multiple imputation. Biometrika 86,
    948-955. doi:10.1093/biomet/86.4.948

    Examples
    --------
    >>> pooled = rubin(np.array([[1.0], [2.0], [3.0]]), np.array([[4.0], [4.0], [4.0]]), df=30)
    >>> [round(float(part[0]), 3) for part in (pooled.estimate, pooled.std_error, pooled.df, pooled.fmi)]
    [2.0, 2.309, 12.729, 0.345]
    """
    estimate, variance = np.asarray(estimate, dtype=float), np.asarray(variance, dtype=float)
    sets = len(estimate)
    _several(sets)
    if estimate.shape != variance.shape:
        found = f"estimates of shape {estimate.shape}, variances of shape {variance.shape}"
        raise DesignError(Fault("imputation", found, "one variance for each estimate"))
    if (variance < 0).any():
        raise DesignError(Fault("imputation", "variances below 0", "squares of standard errors"))
    unknown = ~np.isfinite(estimate).all(axis=0) | ~np.isfinite(variance).all(axis=0)
    within, between = variance.mean(axis=0), estimate.var(axis=0, ddof=1)
    # equal numbers differ by rounding
    between = np.where(between > 1e-24 * np.maximum(estimate.mean(axis=0) ** 2, within), between, 0.0)
    added = (1 + 1 / sets) * between
    with np.errstate(divide="ignore", invalid="ignore"):
        riv, share = added / within, np.where(added > 0, added / (within + added), 0.0)
    riv = np.where(added > 0, riv, 0.0)
    df = barnard_rubin(sets, share, np.broadcast_to(np.asarray(df, dtype=float), within.shape))
    with np.errstate(invalid="ignore"):
        fmi = np.where(np.isinf(riv), 1.0, (riv + np.where(added > 0, 2 / (df + 3), 0.0)) / (riv + 1))
    total = np.where(unknown, np.nan, np.sqrt(within + added))
    return Rubin(estimate.mean(axis=0), total, df, within, between, riv, share, fmi, 1 / (1 + fmi / sets))


def barnard_rubin(sets: int, share: np.ndarray, df: np.ndarray) -> np.ndarray:
    """Degrees of freedom of pooled estimates.

    Parameters
    ----------
    sets : int, m
    share : (p,) array, lambda
    df : (p,) array, without gaps; may be infinite

    Examples
    --------
    >>> barnard_rubin(20, np.array([0.0, 0.3, 0.3]), np.array([50.0, 50.0, np.inf])).round(2).tolist()
    [50.0, 29.05, 211.11]
    """
    df = np.where(np.asarray(df) > 0, df, 0.0)
    known = np.maximum(share, 1e-12)
    old = (sets - 1) / known**2
    with np.errstate(invalid="ignore"):
        observed = np.where(np.isinf(df), np.inf, (df + 1) / (df + 3) * df * (1 - share))
        both = np.where(np.isinf(observed), old, old * observed / (old + observed))
    return np.where(share > 0, both, df)


def pooled_wald(
    estimate: np.ndarray, covariance: np.ndarray, *, df: float = np.inf, against: np.ndarray | float = 0.0
) -> PooledTest:
    r"""Test over imputed sets that several coefficients are all equal to some numbers (D1).

    Parameters
    ----------
    estimate : (m, k) array, one row per imputed set
    covariance : (m, k, k) array
    df : float
        Degrees of freedom without gaps; infinite uses the formula for large samples.
    against : float or (k,) array

    Returns
    -------
    PooledTest

    Raises
    ------
    DesignError
        Fewer than two sets; a covariance that is singular.

    Notes
    -----
    :math:`D_1 = (\bar q - q_0)^T \bar U^{-1} (\bar q - q_0) / (k (1 + r))` with
    :math:`r = (1 + 1/m) \mathrm{tr}(B \bar U^{-1}) / k`, which takes the gaps to cost all coefficients alike. The
    degrees of freedom below the line are those of Li, Raghunathan and Rubin, or of Reiter where ``df`` is finite; where
    ``df`` is so small that Reiter's have no value, the former are shortened as Barnard and Rubin do.

    References
    ----------
    Li, K. H., Raghunathan, T. E., & Rubin, D. B. (1991). Large-sample significance levels from multiply imputed data
    using moment-based statistics and an F reference distribution. Journal of the American Statistical Association 86,
    1065-1073. doi:10.1080/01621459.1991.10475152
    Reiter, J. P. (2007). Small-sample degrees of freedom for multi-component significance tests with multiple
    imputation for missing data. Biometrika 94, 502-508. doi:10.1093/biomet/asm028

    Examples
    --------
    >>> estimate = np.array([[1.0, 0.2], [1.4, 0.1], [1.2, 0.3]])
    >>> found = pooled_wald(estimate, np.stack([np.diag([0.1, 0.1])] * 3), df=40)
    >>> round(found.f, 3), found.df, round(found.p_value, 4)
    (5.55, 2, 0.0133)
    """
    estimate, covariance = np.asarray(estimate, dtype=float), np.asarray(covariance, dtype=float)
    sets, terms = estimate.shape
    _several(sets)
    within = covariance.mean(axis=0)
    size = np.sqrt(np.diag(within))
    correlation = within / np.outer(size, size)
    if not np.isfinite(correlation).all() or np.linalg.matrix_rank(correlation, hermitian=True) < terms:
        found = "coefficients of which one follows from the others, or without error"
        raise DesignError(Fault("pooled test", found, "coefficients with errors of their own"))
    middle = (estimate.mean(axis=0) - against) / size
    between = np.atleast_2d(np.cov(estimate / size, rowvar=False))
    inverse = np.linalg.inv(correlation)
    riv = (1 + 1 / sets) * float(np.trace(between @ inverse)) / terms
    f = float(middle @ inverse @ middle) / (terms * (1 + riv))
    below = _df_below(sets, terms, riv, float(df))
    return PooledTest(f, terms, below, _f_p(terms, below, f), riv, "D1")


def pooled_statistics(statistics: np.ndarray, df: float) -> PooledTest:
    r"""One test from the chi-square statistics of imputed sets (D2), where there is nothing better to pool.

    Parameters
    ----------
    statistics : (m,) array, chi-square statistics; an F statistic times its degrees of freedom above the line
    df : float, of the statistics

    Returns
    -------
    PooledTest

    Notes
    -----
    :math:`D_2 = (\bar d / k - (m + 1) / (m - 1) \cdot r) / (1 + r)` with :math:`r` from the variance of the roots of
    the statistics. It is cruder than D1, and its p value may be wrong by a factor of two either way.

    References
    ----------
    Li, K. H., Meng, X.-L., Raghunathan, T. E., & Rubin, D. B. (1991). Significance levels from repeated p-values with
    multiply-imputed data. Statistica Sinica 1, 65-92.

    Examples
    --------
    >>> found = pooled_statistics(np.array([6.0, 7.5, 5.1, 6.6]), 2)
    >>> round(found.f, 3), round(found.p_value, 3)
    (2.916, 0.055)
    """
    statistics = np.maximum(np.asarray(statistics, dtype=float), 0.0)
    sets = len(statistics)
    _several(sets)
    if not (df > 0 and np.isfinite(statistics).all()):
        found = f"statistics {statistics.tolist()} of {df} degrees of freedom"
        raise DesignError(Fault("pooled test", found, "finite statistics, degrees of freedom above 0"))
    riv = (1 + 1 / sets) * float(np.sqrt(statistics).var(ddof=1))
    f = max((statistics.mean() / df - (sets + 1) / (sets - 1) * riv) / (1 + riv), 0.0)
    below = np.inf if riv < 1e-12 else df ** (-3 / sets) * (sets - 1) * (1 + 1 / riv) ** 2
    return PooledTest(float(f), float(df), float(below), _f_p(df, below, f), riv, "D2")


def _several(sets: int) -> None:
    if sets < 2:
        raise DesignError(Fault("imputation", f"{sets} imputed sets", "two sets or more, better twenty"))


def _f_p(df: float, below: float, f: float) -> float:
    """Probability of an F statistic; infinitely many degrees of freedom are a billion."""
    return float(fdtrc(df, min(below, 1e9), f))


def _df_below(sets: int, terms: int, riv: float, df: float) -> float:
    """Degrees of freedom below the line of D1."""
    freedom = terms * (sets - 1)
    if riv < 1e-12:
        return df
    large = _large_sample(freedom, terms, riv)
    if np.isinf(df):
        return large
    a, known = riv * freedom / max(freedom - 2, 1), (df + 1) / (df + 3) * df
    if freedom > 4 and known > 4 * (1 + a):
        return _reiter(freedom, a, known)
    observed = known / (1 + riv)
    return large * observed / (large + observed)


def _large_sample(freedom: int, terms: int, riv: float) -> float:
    """Li, Raghunathan and Rubin (1991)."""
    if freedom > 4:
        return 4 + (freedom - 4) * (1 + (1 - 2 / freedom) / riv) ** 2
    return freedom * (1 + 1 / terms) * (1 + 1 / riv) ** 2 / 2


def _reiter(freedom: int, a: float, known: float) -> float:
    """Reiter (2007)."""
    c0, c1, c2 = 1 / (freedom - 4), known - 2 * (1 + a), known - 4 * (1 + a)
    z = (
        1 / c2
        + c0 * (a**2 * c1 / ((1 + a) ** 2 * c2))
        + c0 * (8 * a**2 * c1 / ((1 + a) * c2**2) + 4 * a**2 / ((1 + a) * c2))
        + c0 * (4 * a**2 / (c2 * c1) + 16 * a**2 * c1 / c2**3)
        + c0 * (8 * a**2 / c2**2)
    )
    return 4 + 1 / z
