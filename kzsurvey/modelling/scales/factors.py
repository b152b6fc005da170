"""Exploratory factor analysis under a survey's design: adequacy, number of factors, loadings with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment
from scipy.special import chdtrc, fdtrc

from kzsurvey.errors import DesignError, Fault, SurveyError, fail_if
from kzsurvey.modelling.describing.estimates import Columns, chosen_columns, design_for
from kzsurvey.modelling.describing.organisations import intraclass
from kzsurvey.modelling.sampling.design import Design, domain_rows
from kzsurvey.modelling.sampling.intervals import interval
from kzsurvey.modelling.sampling.threads import one_thread
from kzsurvey.modelling.scales.extraction import ROTATIONS, extract
from kzsurvey.modelling.scales.measures import keyed
from kzsurvey.modelling.scales.moments import Moments, Spread, item_moments

METHODS = ("minres", "ml")
_EDGE = 0.0051


@dataclass(frozen=True, eq=False)
class FactorAnalysis:
    """Common factors of items.

    Attributes
    ----------
    loadings : DataFrame, one row per item and factor
        ``item``, ``factor``, ``estimate`` (of the pattern), ``std_error``, ``df``, ``conf_low``, ``conf_high``.
    items : DataFrame, one row per item
        ``item``, one column per factor, ``communality``, ``uniqueness``, ``complexity`` (Hofmann's: how many factors
        it takes to account for the item).
    factors : DataFrame, one row per factor
        ``factor``, ``sum_of_squares``, ``share`` (of the variance of all items).
    correlations : DataFrame, one row per pair of factors
        ``first``, ``second``, ``estimate``, ``std_error``, ``df``, ``conf_low``, ``conf_high`` (around the estimate
        less its bias of second order).
    summary : DataFrame, one row
        ``items``, ``factors``, ``df_model``, ``rmsr`` (root mean square of the residual correlations), ``n``,
        ``n_dropped``, ``state``.
    """

    loadings: pd.DataFrame = field(repr=False)
    items: pd.DataFrame
    factors: pd.DataFrame
    correlations: pd.DataFrame
    summary: pd.DataFrame

    def _repr_html_(self) -> str:
        """What a paper prints, in a notebook."""
        tables = (self.items, self.factors, self.correlations, self.summary)
        return "".join(table.to_html(index=False) for table in tables)


@one_thread
def factor_analysis(
    items: Columns,
    table: pd.DataFrame | None = None,
    *,
    factors: int,
    design: Design | None = None,
    method: str = "minres",
    rotation: str = "oblimin",
    correlation: str = "pearson",
    reverse: Sequence[str] = (),
    low: float | None = None,
    high: float | None = None,
    missing: str = "listwise",
    where: np.ndarray | pd.Series | None = None,
    errors: bool = True,
    level: float = 0.95,
) -> FactorAnalysis:
    """Exploratory factor analysis, with design-based intervals of loadings and factor correlations.

    Parameters
    ----------
    items : column names of ``table``, or a DataFrame
    table : DataFrame, one row per interview
    factors : int
    design : Design
        Where None, read from the columns ``weight``, ``stratum`` and ``cluster`` of ``table``.
    method : {"minres", "ml"}
    rotation : {"oblimin", "varimax", "none"}
    correlation : {"pearson", "polychoric"}
    reverse, low, high : as in :func:`kzsurvey.modelling.score`
    missing : {"listwise", "pairwise"}
    where : (n,) bool array, the domain
    errors : bool
        Whether to compute errors, by the delta method from those of all correlations; with many items they take time.
    level : float, of the intervals

    Returns
    -------
    FactorAnalysis
        Factors are sorted by how much they explain, each with more positive than negative loadings.

    Raises
    ------
    DesignError
        As :func:`~kzsurvey.modelling.scales.moments.item_moments`; more factors than so many items can tell; an unknown
        method or rotation; no convergence.

    Examples
    --------
    >>> random = np.random.default_rng(1)
    >>> common = random.normal(size=(300, 2))
    >>> answers = pd.DataFrame({name: common[:, k // 3] + random.normal(size=300) for k, name in enumerate("abcdef")})
    >>> found = factor_analysis(list("abcdef"), answers, factors=2, rotation="varimax")
    >>> found.items.loc[[0, 5], ["item", "F1", "F2", "communality"]].round(2).values.tolist()
    [['a', -0.03, 0.7, 0.49], ['f', 0.68, -0.09, 0.47]]
    """
    fail_if(_method_faults(method, rotation), DesignError)
    moments = item_moments(
        items, table, design=design, correlation=correlation, reverse=reverse, low=low, high=high, missing=missing,
        where=where, place="factor analysis",
    )  # fmt: skip
    fail_if(_count_faults(len(moments.items), factors), DesignError)
    first = extract(moments.correlations, factors, method)
    pattern, phi = ROTATIONS[rotation](first.loadings)
    spread = _spread(moments, factors, method, rotation, (first.unique, pattern)) if errors else None
    names = [f"F{number}" for number in range(1, factors + 1)]
    return FactorAnalysis(
        loadings=_loading_table(moments, names, pattern, spread, level),
        items=_item_table(moments, names, pattern, first.unique),
        factors=_factor_table(names, pattern, phi),
        correlations=_correlation_table(moments, names, phi, spread, level),
        summary=_summary(moments, pattern, phi, first.unique),
    )


def sampling_adequacy(
    items: Columns,
    table: pd.DataFrame | None = None,
    *,
    design: Design | None = None,
    correlation: str = "pearson",
    missing: str = "listwise",
    where: np.ndarray | pd.Series | None = None,
    level: float = 0.95,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    r"""Whether items have enough in common for factors: Kaiser, Meyer and Olkin's measure, and tests of no correlation.

    Parameters
    ----------
    items : column names of ``table``, or a DataFrame
    table : DataFrame, one row per interview
    design : Design
    correlation : {"pearson", "polychoric"}
    missing : {"listwise", "pairwise"}
    where : (n,) bool array, the domain
    level : float, of the interval

    Returns
    -------
    summary : DataFrame, one row
        ``kmo`` with ``conf_low`` and ``conf_high`` (around the estimate less its bias of second order: noise of the
        correlations lowers it); ``bartlett`` (chi-square), ``bartlett_df``, ``bartlett_p``:
        Bartlett's test, right for simple random samples of normal answers only; ``statistic`` (F), ``df``,
        ``df_below``, ``p_value``: the test that all correlations are 0 under the design (Rao and Scott); ``n``,
        ``n_dropped``.
    by_item : DataFrame, one row per item: ``item``, ``msa`` (its own measure)

    Raises
    ------
    DesignError
        As :func:`~kzsurvey.modelling.scales.moments.item_moments`; items that repeat each other.

    References
    ----------
    Kaiser, H. F., & Rice, J. (1974). Little jiffy, mark IV. Educational and Psychological Measurement 34, 111-117.
    doi:10.1177/001316447403400115
    Bartlett, M. S. (1951). The effect of standardization on a chi-square approximation in factor analysis. Biometrika
    38, 337-344. doi:10.1093/biomet/38.3-4.337

    Examples
    --------
    >>> answers = pd.DataFrame({"a": [1, 2, 3, 4, 5, 3], "b": [2, 2, 3, 5, 5, 2], "c": [1, 3, 2, 4, 4, 3]})
    >>> summary, by_item = sampling_adequacy(["a", "b", "c"], answers)
    >>> summary[["kmo", "bartlett_df", "n"]].round(3).values.tolist(), by_item["msa"].round(2).tolist()
    ([[0.686, 3.0, 6.0]], [0.62, 0.72, 0.74])
    """
    moments = item_moments(
        items, table, design=design, correlation=correlation, missing=missing, where=where, place="sampling adequacy"
    )
    R = moments.correlations
    if np.linalg.eigvalsh(R)[0] <= 1e-10:
        found = "items that repeat each other (no inverse of their correlations)"
        raise DesignError(Fault("sampling adequacy", found, "items none of which follows from the others"))
    found = moments.spread(lambda square: np.array([_adequacy(_correlation(square))[0]]))
    low, high = interval(found.value - found.bias, np.sqrt(found.covariance[0]), moments.df, level=level)
    row = {"kmo": found.value[0], "conf_low": low[0], "conf_high": min(high[0], 1.0), **_bartlett(R, moments.n)}
    row |= {**_no_correlation(moments), "n": moments.n, "n_dropped": moments.n_dropped}
    return pd.DataFrame([row]), pd.DataFrame({"item": moments.items, "msa": _adequacy(R)[1]})


@dataclass(frozen=True, eq=False)
class ParallelAnalysis:
    """How many factors stand above those of items that have nothing in common.

    Attributes
    ----------
    table : DataFrame, one row per factor
        ``factor`` (1, 2, ...), ``eigenvalue``, ``random_mean``, ``random_high`` (the quantile asked for), ``kept``.
    factors : int, those kept: the first ones that are above
    n : int, interviews
    """

    table: pd.DataFrame
    factors: int
    n: int

    def _repr_html_(self) -> str:
        """The table, in a notebook."""
        return self.table.to_html(index=False)


@one_thread
def parallel_analysis(
    items: Columns,
    table: pd.DataFrame | None = None,
    *,
    design: Design | None = None,
    of: str = "components",
    reverse: Sequence[str] = (),
    low: float | None = None,
    high: float | None = None,
    where: np.ndarray | pd.Series | None = None,
    draws: int = 200,
    quantile: float = 0.95,
    seed: int = 1,
) -> ParallelAnalysis:
    """Horn's parallel analysis for clustered and weighted samples.

    Parameters
    ----------
    items : column names of ``table``, or a DataFrame
    table : DataFrame, one row per interview
    design : Design
    of : {"components", "factors"}
        Eigenvalues of the correlations, or of the correlations with squared multiple ones on the diagonal.
    reverse, low, high : as in :func:`kzsurvey.modelling.score`
    where : (n,) bool array, the domain
    draws : int
    quantile : float, of the random eigenvalues that the real ones must exceed
    seed : int

    Returns
    -------
    ParallelAnalysis

    Raises
    ------
    DesignError
        As :func:`~kzsurvey.modelling.scales.moments.item_moments`; an unknown ``of``.

    Notes
    -----
    Random items have the answers of the real ones, each by itself in another order, drawn so that they are as alike
    within clusters as the real ones (by their intraclass correlations), and have the same weights. Clusters make random
    eigenvalues larger; without this, parallel analysis of a cluster sample keeps too many factors.

    References
    ----------
    Horn, J. L. (1965). A rationale and test for the number of factors in factor analysis. Psychometrika 30, 179-185.
    doi:10.1007/BF02289447

    Examples
    --------
    >>> random = np.random.default_rng(1)
    >>> common = random.normal(size=(300, 2))
    >>> answers = pd.DataFrame({name: common[:, k // 3] + random.normal(size=300) for k, name in enumerate("abcdef")})
    >>> parallel_analysis(list("abcdef"), answers, draws=50).factors
    2
    """
    if of not in ("components", "factors"):
        raise DesignError(Fault("parallel analysis", f"of {of!r}", "components, factors"))
    if not (draws >= 1 and 0 < quantile < 1):
        found, allowed = f"quantile {quantile} of {draws} draws", "a share between 0 and 1, of 1 draw or more"
        raise DesignError(Fault("parallel analysis", found, allowed))
    moments = item_moments(
        items, table, design=design, reverse=reverse, low=low, high=high, where=where, place="parallel analysis"
    )
    chosen = chosen_columns(items, table)
    design = design_for(chosen if table is None else table, design, items, where)
    values = keyed(chosen, reverse, low, high).to_numpy(dtype=float)
    rows = domain_rows(where, len(values)) & ~np.isnan(values).any(axis=1)
    random = np.random.default_rng(seed)
    cluster = np.unique(design.stages[0].cluster[rows], return_inverse=True)[1]
    alike, weight = _alike(values[rows], cluster), design.weight[rows]
    drawn = np.stack(
        [_eigenvalues(_weighted(_shuffled(values[rows], cluster, alike, random), weight), of) for _ in range(draws)]
    )
    real, high_end = _eigenvalues(moments.correlations, of), np.quantile(drawn, quantile, axis=0)
    kept = np.cumprod(real > high_end).astype(bool)
    found = pd.DataFrame(
        {
            "factor": np.arange(1, len(real) + 1),
            "eigenvalue": real,
            "random_mean": drawn.mean(axis=0),
            "random_high": high_end,
            "kept": kept,
        }
    )
    return ParallelAnalysis(found, int(kept.sum()), moments.n)


def single_factor(
    items: Columns,
    table: pd.DataFrame | None = None,
    *,
    design: Design | None = None,
    where: np.ndarray | pd.Series | None = None,
    missing: str = "listwise",
    level: float = 0.95,
) -> pd.DataFrame:
    """Harman's single factor: how much of the variance of all items one unrotated factor explains.

    A large share (by custom, half) can come from having asked everything in one way at one time; a small one does not
    rule that out.

    Parameters
    ----------
    items : column names of ``table``, or a DataFrame, of all scales together
    table : DataFrame, one row per interview
    design : Design
    where : (n,) bool array, the domain
    missing : {"listwise", "pairwise"}
    level : float, of the interval

    Returns
    -------
    DataFrame, two rows
        ``method`` (``component``: first principal component; ``factor``: first minres factor), ``share``,
        ``std_error``, ``df``, ``conf_low``, ``conf_high``, ``items``, ``n``, ``n_dropped``.

    References
    ----------
    Podsakoff, P. M., MacKenzie, S. B., Lee, J.-Y., & Podsakoff, N. P. (2003). Common method biases in behavioral
    research. Journal of Applied Psychology 88, 879-903. doi:10.1037/0021-9010.88.5.879

    Examples
    --------
    >>> answers = pd.DataFrame({"a": [1, 2, 3, 4, 5, 3], "b": [2, 2, 3, 5, 5, 2], "c": [1, 3, 2, 4, 4, 3]})
    >>> single_factor(["a", "b", "c"], answers)[["method", "share"]].round(2).values.tolist()
    [['component', 0.87], ['factor', 0.82]]
    """
    moments = item_moments(items, table, design=design, where=where, missing=missing, place="single factor")
    count = len(moments.items)

    def shares(square: np.ndarray) -> np.ndarray:
        R = _correlation(square)
        return np.array([np.linalg.eigvalsh(R)[-1] / count, (extract(R, 1).loadings ** 2).sum() / count])

    found = moments.spread(shares)
    std_error = np.sqrt(np.diag(found.covariance))
    low, high = interval(found.value, std_error, moments.df, level=level)
    states = _heywood(moments, extract(moments.correlations, 1).unique)
    return pd.DataFrame(
        {
            "method": ["component", "factor"],
            "share": found.value,
            "std_error": std_error,
            "df": moments.df,
            "conf_low": np.maximum(low, 0.0),
            "conf_high": np.minimum(high, 1.0),
            "items": count,
            "n": moments.n,
            "n_dropped": moments.n_dropped,
            "state": ["", "; ".join(states)],
        }
    )


def _method_faults(method: str, rotation: str) -> list[Fault]:
    known = ((method, "method", METHODS), (rotation, "rotation", tuple(ROTATIONS)))
    return [
        Fault("factor analysis", f"{name} {value!r}", ", ".join(allowed))
        for value, name, allowed in known
        if value not in allowed
    ]


def _count_faults(items: int, factors: int) -> list[Fault]:
    """More factors than the correlations of so many items can tell apart."""
    most = max((m for m in range(1, items) if ((items - m) ** 2 - (items + m)) / 2 >= 0), default=0)
    if isinstance(factors, int | np.integer) and 1 <= factors <= most:
        return []
    allowed = f"1 to {most}" if most else "three items or more"
    return [Fault("factor analysis", f"{factors} factors of {items} items", allowed)]


def _spread(moments: Moments, factors: int, method: str, rotation: str, base: tuple[np.ndarray, np.ndarray]) -> Spread:
    """Covariance and bias of all loadings, then of the factor correlations above the diagonal."""
    unique, pattern = base
    above = np.triu_indices(factors, k=1)

    def everything(square: np.ndarray) -> np.ndarray:
        again = extract(_correlation(square), factors, method, start=unique)
        turned, phi = _aligned(*ROTATIONS[rotation](again.loadings), pattern)
        return np.concatenate([turned.ravel(), phi[above]])

    return moments.spread(everything)


def _aligned(pattern: np.ndarray, phi: np.ndarray, base: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Factors in the order and direction of those of the sample itself."""
    likeness = base.T @ pattern
    order = linear_sum_assignment(-np.abs(likeness))[1]
    sign = np.where(likeness[np.arange(len(order)), order] < 0, -1.0, 1.0)
    return pattern[:, order] * sign, phi[np.ix_(order, order)] * np.outer(sign, sign)


def _loading_table(
    moments: Moments, names: list[str], pattern: np.ndarray, spread: Spread | None, level: float
) -> pd.DataFrame:
    estimate = pattern.ravel()
    std_error, _ = _errors(spread, slice(len(estimate)), len(estimate))
    low, high = interval(estimate, std_error, moments.df, level=level)
    columns = {"item": np.repeat(moments.items, len(names)), "factor": names * len(moments.items)}
    numbers = {"estimate": estimate, "std_error": std_error, "df": moments.df, "conf_low": low, "conf_high": high}
    return pd.DataFrame(columns | numbers)


def _item_table(moments: Moments, names: list[str], pattern: np.ndarray, unique: np.ndarray) -> pd.DataFrame:
    squares = pattern**2
    return pd.DataFrame(
        {"item": moments.items}
        | dict(zip(names, pattern.T, strict=True))
        | {"communality": 1 - unique, "uniqueness": unique}
        | {"complexity": squares.sum(axis=1) ** 2 / (squares**2).sum(axis=1)}
    )


def _factor_table(names: list[str], pattern: np.ndarray, phi: np.ndarray) -> pd.DataFrame:
    explained = np.diag(phi @ pattern.T @ pattern)
    return pd.DataFrame({"factor": names, "sum_of_squares": explained, "share": explained / len(pattern)})


def _correlation_table(
    moments: Moments, names: list[str], phi: np.ndarray, spread: Spread | None, level: float
) -> pd.DataFrame:
    first, second = np.triu_indices(len(names), k=1)
    estimate = phi[first, second]
    errors, bias = _errors(spread, slice(len(moments.items) * len(names), None), len(first))
    low, high = interval(estimate - bias, errors, moments.df, level=level)
    pairs = {"first": [names[k] for k in first], "second": [names[k] for k in second]}
    numbers = {"estimate": estimate, "std_error": errors, "df": moments.df, "conf_low": low, "conf_high": high}
    return pd.DataFrame(pairs | numbers)


def _errors(spread: Spread | None, part: slice, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Standard errors and biases of a part of the numbers; missing where none were asked for."""
    if spread is None:
        return np.full(count, np.nan), np.full(count, np.nan)
    return np.sqrt(np.diag(spread.covariance)[part]), spread.bias[part]


def _summary(moments: Moments, pattern: np.ndarray, phi: np.ndarray, unique: np.ndarray) -> pd.DataFrame:
    left = moments.correlations - pattern @ phi @ pattern.T
    count, factors = pattern.shape
    above = left[np.triu_indices(count, k=1)]
    states = [*_heywood(moments, unique), *moments.states]
    row = {"items": count, "factors": factors, "df_model": int(((count - factors) ** 2 - (count + factors)) / 2)}
    row |= {"rmsr": float(np.sqrt((above**2).mean())), "n": moments.n, "n_dropped": moments.n_dropped}
    return pd.DataFrame([row | {"state": "; ".join(states)}])


def _heywood(moments: Moments, unique: np.ndarray) -> list[str]:
    """What is said of items without a variance of their own."""
    at_bound = [name for name, own in zip(moments.items, unique, strict=True) if own < _EDGE]
    return [f"unique variance of {name} at its bound (Heywood case)" for name in at_bound]


def _correlation(square: np.ndarray) -> np.ndarray:
    size = np.sqrt(np.diag(square))
    return square / np.outer(size, size)


def _adequacy(R: np.ndarray) -> tuple[float, np.ndarray]:
    """Squared correlations beside squared partial ones: overall, and item by item."""
    inverse = np.linalg.inv(R)
    size = np.sqrt(np.diag(inverse))
    partial, plain = (inverse / np.outer(size, size)) ** 2, R**2
    np.fill_diagonal(partial, 0.0)
    np.fill_diagonal(plain, 0.0)
    by_item = plain.sum(axis=1) / (plain.sum(axis=1) + partial.sum(axis=1))
    return float(plain.sum() / (plain.sum() + partial.sum())), by_item


def _bartlett(R: np.ndarray, n: int) -> dict[str, float]:
    count = len(R)
    statistic = -(n - 1 - (2 * count + 5) / 6) * np.linalg.slogdet(R)[1]
    df = count * (count - 1) / 2
    return {"bartlett": statistic, "bartlett_df": df, "bartlett_p": float(chdtrc(df, statistic))}


def _no_correlation(moments: Moments) -> dict[str, float]:
    """Rao and Scott's test that all correlations are 0: the sum of their squares against what the design lets it be."""
    above = np.triu_indices(len(moments.items), k=1)
    found = moments.spread(lambda square: _correlation(square)[above])
    first, second = np.trace(found.covariance), np.trace(found.covariance @ found.covariance)
    df = first**2 / second
    statistic = float(found.value @ found.value / first)
    below = df * moments.df
    return {"statistic": statistic, "df": df, "df_below": below, "p_value": float(fdtrc(df, below, statistic))}


def _alike(values: np.ndarray, cluster: np.ndarray) -> np.ndarray:
    """Intraclass correlation of each item in the clusters; 0 where it cannot be told."""
    try:
        found = intraclass(pd.DataFrame(values).rename(columns=str), groups=cluster, draws=0)
    except SurveyError:
        return np.zeros(values.shape[1])
    return found.loc[found["statistic"] == "ICC1", "estimate"].clip(0.0, 0.99).to_numpy()


def _shuffled(values: np.ndarray, cluster: np.ndarray, alike: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """The answers of each item in a random order that is as alike within clusters as the real one."""
    between = random.normal(size=(int(cluster.max()) + 1, values.shape[1]))[cluster]
    latent = np.sqrt(alike) * between + np.sqrt(1 - alike) * random.normal(size=values.shape)
    rank = np.argsort(np.argsort(latent, axis=0), axis=0)
    return np.take_along_axis(np.sort(values, axis=0), rank, axis=0)


def _weighted(values: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted correlations."""
    centred = values - np.average(values, axis=0, weights=weight)
    return _correlation((centred * weight[:, None]).T @ centred)


def _eigenvalues(R: np.ndarray, of: str) -> np.ndarray:
    """The largest first."""
    if of == "factors":
        R = R - np.diag(1 / np.diag(np.linalg.inv(R)))
    return np.linalg.eigvalsh(R)[::-1]
