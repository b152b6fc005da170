"""Reliability coefficients beside alpha: omega, hierarchical omega, ordinal ones, each with an interval."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.describing.estimates import Columns
from kzsurvey.modelling.sampling.design import Design
from kzsurvey.modelling.sampling.intervals import checked_level
from kzsurvey.modelling.sampling.threads import one_thread
from kzsurvey.modelling.scales.extraction import Extracted, extract, oblimin
from kzsurvey.modelling.scales.moments import Moments, item_moments

_BIASED = ("omega_hierarchical",)  # in small samples too low by half a standard error and more; the others hardly
_EDGE = 0.0051  # a unique variance below this is at its bound: a Heywood case
Coefficient = Callable[[np.ndarray], float]


@one_thread
def coefficients(
    items: Columns,
    table: pd.DataFrame | None = None,
    *,
    design: Design | None = None,
    kinds: Sequence[str] = ("alpha", "omega", "ordinal_alpha", "ordinal_omega"),
    reverse: Sequence[str] = (),
    low: float | None = None,
    high: float | None = None,
    factors: int = 3,
    missing: str = "listwise",
    where: np.ndarray | pd.Series | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    r"""Reliability of a sum of items, by several coefficients, with design-based intervals.

    Parameters
    ----------
    items : column names of ``table``, or a DataFrame
    table : DataFrame, one row per interview
    design : Design
        Where None, read from the columns ``weight``, ``stratum`` and ``cluster`` of ``table``.
    kinds : some of {"alpha", "standardised_alpha", "lambda6", "omega", "omega_total", "omega_hierarchical",
        "ordinal_alpha", "ordinal_omega"}
    reverse, low, high : as in :func:`kzsurvey.modelling.score`
    factors : int, group factors of ``omega_total`` and ``omega_hierarchical``
    missing : {"listwise", "pairwise"}
    where : (n,) bool array, the domain
    level : float, of the intervals

    Returns
    -------
    DataFrame, one row per coefficient
        ``coefficient``, ``estimate``, ``std_error``, ``df``, ``conf_low``, ``conf_high``, ``items``, ``n``,
        ``n_dropped``, ``state`` (a Heywood case, empty cells; empty where there is nothing to say).

    Raises
    ------
    DesignError
        As :func:`~kzsurvey.modelling.scales.moments.item_moments`; an unknown coefficient; one factor of two items;
        more group factors than so many items can tell.

    Notes
    -----
    ``alpha`` :math:`= \frac{k}{k-1}(1 - \mathrm{tr}\,C / 1^\top C 1)` of covariances C (``standardised_alpha`` of
    correlations); ``lambda6`` Guttman's, from squared multiple correlations; ``omega`` :math:`= (\sum \lambda)^2 /
    ((\sum \lambda)^2 + \sum \theta)` of one factor of the correlations by minres; ``omega_total``
    :math:`= 1 - \sum u^2 / 1^\top R 1` and ``omega_hierarchical`` :math:`= (\sum g)^2 / 1^\top R 1` with the general
    factor g of a Schmid-Leiman transformation (minres, oblimin), as R's psych; the ordinal ones are
    ``standardised_alpha`` and ``omega`` of polychoric correlations: they are about the variables that stand behind the
    answers, not about the sum of the answers themselves. Errors come by the delta method from the design-based
    covariance of all correlations; intervals are symmetric on log(1 - coefficient), that of ``omega_hierarchical``
    around the estimate less its bias (second order), because noise of the correlations makes it too low.

    References
    ----------
    McDonald, R. P. (1999). Test theory: a unified treatment. Erlbaum.
    Zinbarg, R. E., Revelle, W., Yovel, I., & Li, W. (2005). Cronbach's alpha, Revelle's beta, and McDonald's omega H.
    Psychometrika 70, 123-133. doi:10.1007/s11336-003-0974-7
    Zumbo, B. D., Gadermann, A. M., & Zeisser, C. (2007). Ordinal versions of coefficients alpha and theta for Likert
    rating scales. Journal of Modern Applied Statistical Methods 6, 21-29. doi:10.22237/jmasm/1177992180

    Examples
    --------
    >>> answers = pd.DataFrame({"a": [1, 2, 3, 4, 5, 3], "b": [2, 2, 3, 5, 5, 2], "c": [1, 3, 2, 4, 4, 3]})
    >>> found = coefficients(["a", "b", "c"], answers, kinds=["alpha", "omega"])
    >>> found[["coefficient", "estimate", "n"]].round(3).values.tolist()
    [['alpha', 0.924, 6], ['omega', 0.928, 6]]
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    fail_if([Fault("coefficients", f"coefficient {kind!r}", ", ".join(KINDS)) for kind in unknown], DesignError)
    options = {"design": design, "reverse": reverse, "low": low, "high": high, "missing": missing, "where": where}
    moments: dict[str, Moments] = {}
    rows = []
    for kind in kinds:
        correlation = "polychoric" if kind.startswith("ordinal") else "pearson"
        if correlation not in moments:
            moments[correlation] = item_moments(items, table, correlation=correlation, place="coefficients", **options)
        rows.append({"coefficient": kind, **_row(kind, moments[correlation], factors, level)})
    return pd.DataFrame(rows)


def _row(kind: str, moments: Moments, factors: int, level: float) -> dict:
    """One coefficient with its interval."""
    fail_if(_identification_faults(kind, len(moments.items), factors), DesignError)
    function, heywood = KINDS[kind](moments, factors)
    found = moments.spread(lambda square: np.array([function(square)]))
    value, std_error = float(found.value[0]), float(np.sqrt(found.covariance[0, 0]))
    middle = value - float(found.bias[0]) if kind in _BIASED else value
    ends = coefficient_interval(middle, std_error, moments.df, level)
    states = [*(("unique variance at its bound (Heywood case)",) if heywood else ()), *moments.states]
    return {
        "estimate": value,
        "std_error": std_error,
        "df": moments.df,
        "conf_low": ends[0],
        "conf_high": ends[1],
        "items": len(moments.items),
        "n": moments.n,
        "n_dropped": moments.n_dropped,
        "state": "; ".join(states),
    }


def coefficient_interval(value: float, std_error: float, df: float, level: float) -> tuple[float, float]:
    """Interval symmetric on log(1 - coefficient); missing without degrees of freedom, or for a coefficient of 1.

    Examples
    --------
    >>> [round(end, 3) for end in coefficient_interval(0.8, 0.02, 100, 0.95)]
    [0.756, 0.836]
    """
    if not df > 0 or not value < 1:
        return float("nan"), float("nan")
    reach = stdtrit(df, (1 + checked_level(level)) / 2) * std_error / (1 - value)
    return float(1 - (1 - value) * np.exp(reach)), float(1 - (1 - value) * np.exp(-reach))


def _identification_faults(kind: str, items: int, factors: int) -> list[Fault]:
    """Factors that so few items cannot tell."""
    if kind in ("omega", "ordinal_omega") and items < 3:
        return [Fault("coefficients", f"{kind} of {items} items", "three items or more", hint="alpha needs two")]
    if kind not in ("omega_total", "omega_hierarchical"):
        return []
    left = ((items - factors) ** 2 - (items + factors)) / 2
    if factors < 3:
        hint = "two group factors do not tell how much each owes the general one"
        return [Fault("coefficients", f"{kind} with {factors} group factors", "three or more", hint=hint)]
    if left < 0:
        found = f"{kind} with {factors} group factors of {items} items"
        return [Fault("coefficients", found, "more items than that, as 6 for 3 factors", hint="omega has one factor")]
    return []


def _alpha(moments: Moments, factors: int) -> tuple[Coefficient, bool]:
    return lambda square: _alpha_of(square), False


def _standardised_alpha(moments: Moments, factors: int) -> tuple[Coefficient, bool]:
    return lambda square: _alpha_of(_correlations(square)), False


def _lambda6(moments: Moments, factors: int) -> tuple[Coefficient, bool]:
    def function(square: np.ndarray) -> float:
        R = _correlations(square)
        return float(1 - (1 / np.diag(np.linalg.inv(R))).sum() / R.sum())

    return function, False


def _omega(moments: Moments, factors: int) -> tuple[Coefficient, bool]:
    start = extract(moments.correlations, 1)

    def function(square: np.ndarray) -> float:
        found = extract(_correlations(square), 1, start=start.unique)
        common = found.loadings.sum() ** 2
        return float(common / (common + found.unique.sum()))

    return function, _at_bound(start)


def _omega_total(moments: Moments, factors: int) -> tuple[Coefficient, bool]:
    start = extract(moments.correlations, factors)

    def function(square: np.ndarray) -> float:
        R = _correlations(square)
        return float(1 - extract(R, factors, start=start.unique).unique.sum() / R.sum())

    return function, _at_bound(start)


def _omega_hierarchical(moments: Moments, factors: int) -> tuple[Coefficient, bool]:
    start = extract(moments.correlations, factors)
    pattern, _ = oblimin(start.loadings)

    def function(square: np.ndarray) -> float:
        R = _correlations(square)
        general = general_loadings(extract(R, factors, start=start.unique).loadings, start=pattern)
        return float(general.sum() ** 2 / R.sum())

    return function, _at_bound(start)


def general_loadings(loadings: np.ndarray, *, start: np.ndarray | None = None) -> np.ndarray:
    """Loadings on the general factor behind oblique group factors (Schmid and Leiman).

    Parameters
    ----------
    loadings : (k, m) array, unrotated, m three or more
    start : (k, m) array, a pattern to begin the rotation near

    Returns
    -------
    (k,) array

    References
    ----------
    Schmid, J., & Leiman, J. M. (1957). The development of hierarchical factor solutions. Psychometrika 22, 53-61.
    doi:10.1007/BF02289209

    Examples
    --------
    >>> general, groups = np.full(9, 0.6), np.kron(np.eye(3), np.full((3, 1), 0.5))
    >>> R = np.outer(general, general) + groups @ groups.T
    >>> np.fill_diagonal(R, 1.0)
    >>> general_loadings(extract(R, 3).loadings).round(2).tolist()
    [0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6]
    """
    pattern, correlations = oblimin(loadings, start=start)
    return pattern @ extract(correlations, 1).loadings[:, 0]


def _alpha_of(square: np.ndarray) -> float:
    count = len(square)
    return float(count / (count - 1) * (1 - np.trace(square) / square.sum()))


def _correlations(square: np.ndarray) -> np.ndarray:
    size = np.sqrt(np.diag(square))
    return square / np.outer(size, size)


def _at_bound(found: Extracted) -> bool:
    return bool((found.unique < _EDGE).any())


KINDS: dict[str, Callable[[Moments, int], tuple[Coefficient, bool]]] = {
    "alpha": _alpha,
    "standardised_alpha": _standardised_alpha,
    "lambda6": _lambda6,
    "omega": _omega,
    "omega_total": _omega_total,
    "omega_hierarchical": _omega_hierarchical,
    "ordinal_alpha": _standardised_alpha,
    "ordinal_omega": _omega,
}
