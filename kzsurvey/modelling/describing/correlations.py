"""Correlations with design-based errors: Pearson's, Spearman's, partial ones, and the triangle that papers print.

Every pair of variables uses the rows that have both, and says how many those are.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.describing.estimates import Columns, chosen_columns, design_for
from kzsurvey.modelling.describing.numbers import numbers_of
from kzsurvey.modelling.regression.results import holm
from kzsurvey.modelling.sampling.design import Design, degrees_of_freedom, domain_rows
from kzsurvey.modelling.sampling.intervals import interval, p_value
from kzsurvey.modelling.sampling.variance import Linearised, effective_df, infer


@dataclass(frozen=True, eq=False)
class Correlations:
    """Correlations of one call.

    Attributes
    ----------
    table : DataFrame, one row per pair
        ``first``, ``second``, ``estimate``, ``std_error``, ``df``, ``conf_low``, ``conf_high``, ``p_value``, ``p_holm``
        (over the pairs of the call), ``n``, ``n_dropped`` (rows of the domain without both).
    variables : DataFrame, one row per variable
        ``variable``, ``n``, ``mean``, ``sd``, ``reliability`` (missing where not given).
    """

    table: pd.DataFrame
    variables: pd.DataFrame = field(repr=False)

    def matrix(self) -> pd.DataFrame:
        """Square table of the correlations, reliabilities (or 1) on the diagonal."""
        names = self.variables["variable"].tolist()
        square = pd.DataFrame(np.diag(self.variables["reliability"].fillna(1.0)), names, names)
        for row in self.table.itertuples():
            square.loc[row.first, row.second] = square.loc[row.second, row.first] = row.estimate
        return square

    def _repr_html_(self) -> str:
        """The triangle, in a notebook."""
        return triangle(self).to_html(index=False)


class _Pair(NamedTuple):
    """Two variables and what is held constant, over the rows that have all of them."""

    x: np.ndarray
    y: np.ndarray
    held: np.ndarray
    rows: np.ndarray


def correlations(
    values: Columns,
    table: pd.DataFrame | None = None,
    *,
    design: Design | None = None,
    where: np.ndarray | pd.Series | None = None,
    method: str = "pearson",
    controls: Sequence[str] | str = (),
    reliability: Mapping[str, float] | None = None,
    level: float = 0.95,
    df: str = "design",
) -> Correlations:
    r"""Correlations between all pairs of variables.

    Parameters
    ----------
    values : column names of ``table``, or arrays
        Numbers, or options with numbers for names or with an order.
    table : DataFrame, one row per interview
    design : Design
        Where None, read from the columns ``weight``, ``stratum`` and ``cluster`` of ``table``.
    where : (n,) bool array, the domain
    method : {"pearson", "spearman"}
        Spearman's is that of ranks estimated for the population; the error counts that they are estimated.
    controls : column names of ``table``, or "others"
        Partial correlations: what is left when these are held constant; ``others``: all other variables of the call.
        For Pearson's only.
    reliability : mapping of a variable to its reliability
        Shown on the diagonal.
    level : float
    df : {"design", "satterthwaite"}, as in :func:`mean`

    Returns
    -------
    Correlations

    Raises
    ------
    DesignError
        Fewer than two variables; a variable in words, or that does not vary; a pair without three rows, or without
        degrees of freedom; controls that determine a variable.

    Notes
    -----
    :math:`r = s_{xy} / (s_x s_y)` of weighted moments, linearised by the scores
    :math:`z_x z_y - \frac{r}{2} (z_x^2 + z_y^2)`; a partial correlation is that of the residuals, and its scores are as
    well. For Spearman's, z are standardised mid-ranks, and the scores add how a row moves the ranks of all others. The
    interval is Student's t on Fisher's z, whose error is :math:`se / (1 - r^2)`, with the degrees of freedom of the
    design less 1 and less the controls; the test that r is 0 takes the same error.

    References
    ----------
    Fisher, R. A. (1921). On the "probable error" of a coefficient of correlation deduced from a small sample. Metron
    1, 3-32.
    Borkowf, C. B. (2002). Computing the nonnull asymptotic variance and the asymptotic relative efficiency of
    Spearman's rank correlation. Computational Statistics & Data Analysis 39, 271-286. doi:10.1016/S0167-9473(01)00081-0

    Examples
    --------
    >>> table = pd.DataFrame({"pay": [1, 2, 3, 4, 5, 6], "load": [6, 5, 3, 4, 1, 2], "age": [3, 1, 2, 5, 4, 4]})
    >>> correlations(["pay", "load", "age"], table).table[["first", "second", "estimate"]].round(3).to_dict("records")
    [{'first': 'pay', 'second': 'load', 'estimate': -0.886},
     {'first': 'pay', 'second': 'age', 'estimate': 0.617},
     {'first': 'load', 'second': 'age', 'estimate': -0.399}]
    """
    columns, held = _columns(values, table, method, controls)
    design = design_for(table, design, values, where)
    domain = domain_rows(where, len(columns))
    fail_if(_variable_faults(columns, domain), DesignError)
    names = list(combinations(columns, 2))
    pairs = [_pair(columns, held, first, second, domain) for first, second in names]
    faults = [fault for pair, name in zip(pairs, names, strict=True) for fault in _pair_faults(pair, name, design)]
    fail_if(faults, DesignError)
    estimator = _correlation_estimator(pairs, METHODS[method], names)
    point, covariance = infer(estimator, design)
    if not (np.isfinite(point).all() and np.isfinite(covariance).all()):
        found = "replicate weights under which a variable does not vary"
        raise DesignError(Fault("correlations", found, "variables that vary in every replicate"))
    free = np.array([_df(pair, design) for pair in pairs])
    if df != "design":
        held_back = max(pairs[0].held.shape[1], 1)
        free = effective_df(estimator(design.weight), free + held_back, design, df, lost=held_back)
    correlated = _pair_table(names, pairs, point, np.sqrt(np.diag(covariance)), free, domain, level)
    fail_if(_reliability_faults(reliability or {}, list(columns)), DesignError)
    return Correlations(correlated, _variable_table(columns, domain, design, reliability or {}))


def triangle(found: Correlations, *, digits: int = 2, stars: bool = True) -> pd.DataFrame:
    """The table of correlations as papers print it: means, standard deviations, the lower triangle, reliabilities.

    Parameters
    ----------
    found : Correlations
    digits : int
    stars : bool
        ``*`` for p below .05, ``**`` for .01, ``***`` for .001, of each pair by itself.

    Returns
    -------
    DataFrame of text, one row per variable, numbered as the columns are
        The diagonal holds reliabilities in brackets, or a dash.

    Examples
    --------
    >>> table = pd.DataFrame({"pay": [1, 2, 3, 4, 5, 6], "load": [6, 5, 3, 4, 1, 2]})
    >>> print(triangle(correlations(["pay", "load"], table, reliability={"pay": 0.8})).to_string(index=False))
    variable mean   sd        1 2
      1 pay 3.50 1.87    (0.80)
     2 load 3.50 1.87 -0.89** —
    """
    if not isinstance(found, Correlations):
        raise TypeError(f"triangle takes what correlations() gives, not {type(found).__name__}")
    about = found.variables
    names = about["variable"].tolist()
    cells = {name: number for number, name in enumerate(names, 1)}
    columns = {"variable": [f"{number} {name}" for name, number in cells.items()]}
    columns |= {name: [f"{value:.{digits}f}" for value in about[name]] for name in ("mean", "sd")}
    shown = np.full((len(names), len(names)), "", dtype=object)
    for place, value in enumerate(about["reliability"]):
        shown[place, place] = "—" if np.isnan(value) else f"({value:.{digits}f})"
    for row in found.table.itertuples():
        marks = "*" * int(np.sum(np.array([0.05, 0.01, 0.001]) > row.p_value)) if stars else ""
        shown[cells[row.second] - 1, cells[row.first] - 1] = f"{row.estimate:.{digits}f}{marks}"
    return pd.DataFrame(columns | {str(number): shown[:, number - 1] for number in cells.values()})


def _columns(
    values: Columns, table: pd.DataFrame | None, method: str, controls: Sequence[str] | str
) -> tuple[pd.DataFrame, pd.DataFrame | str]:
    """Variables and controls as numbers."""
    faults = []
    if method not in METHODS:
        faults.append(Fault("correlations", f"method {method!r}", ", ".join(METHODS)))
    if method == "spearman" and len(controls):
        faults.append(Fault("correlations", "controls with Spearman's correlation", "method pearson"))
    if len(controls) and controls != "others" and table is None:
        faults.append(Fault("correlations", "controls without a table", "column names of the table"))
    fail_if(faults, DesignError)
    chosen = chosen_columns(values, table)
    for name in chosen.columns[chosen.columns.duplicated()]:
        raise DesignError(Fault("correlations", f"variable {name} twice", "every variable once"))
    columns = _as_numbers(chosen)
    if columns.shape[1] < 2:
        raise DesignError(Fault("correlations", f"{columns.shape[1]} variable", "two variables or more"))
    if isinstance(controls, str) and controls == "others":
        return columns, "others"
    return columns, _as_numbers(chosen_columns(controls, table)) if len(controls) else columns.iloc[:, :0]


def _as_numbers(columns: pd.DataFrame) -> pd.DataFrame:
    """Every column as floats, words refused by name."""
    numbers, faults = {}, []
    for name in columns:
        try:
            numbers[name] = numbers_of(columns[name])
        except DesignError as error:
            faults += [Fault("correlations", "words", fault.allowed, column=str(name)) for fault in error.faults]
    fail_if(faults, DesignError)
    return pd.DataFrame(numbers, index=columns.index)


def _variable_faults(columns: pd.DataFrame, domain: np.ndarray) -> list[Fault]:
    """Variables that do not vary in the domain."""
    counts = columns[domain].nunique()
    return [
        Fault("correlations", "the same value for all" if count else "no value", "values that vary", column=str(name))
        for name, count in counts.items()
        if count < 2
    ]


def _pair(columns: pd.DataFrame, held: pd.DataFrame | str, first: str, second: str, domain: np.ndarray) -> _Pair:
    """Two variables over the rows that have both, and all controls."""
    controls = columns.drop(columns=[first, second]) if isinstance(held, str) else held
    x, y, Z = columns[first].to_numpy(), columns[second].to_numpy(), controls.to_numpy(dtype=float)
    rows = domain & np.isfinite(x) & np.isfinite(y) & np.isfinite(Z).all(axis=1)
    ones = np.ones((int(rows.sum()), 1 if Z.shape[1] else 0))
    return _Pair(x[rows], y[rows], np.hstack([ones, Z[rows]]), np.flatnonzero(rows))


def _pair_faults(pair: _Pair, names: tuple[str, str], design: Design) -> list[Fault]:
    """Pairs that have no correlation."""
    place = " and ".join(map(str, names))
    if len(pair.rows) < 3:
        return [Fault("correlations", f"{len(pair.rows)} rows with both", "three or more", column=place)]
    if (df := _df(pair, design)) < 1:
        found, hint = f"{df:g} degrees of freedom (clusters less strata, less controls, less 1)", "more clusters"
        return [Fault("correlations", found, "1 or more", column=place, hint=hint)]
    constant = [name for name, values in zip(names, (pair.x, pair.y), strict=True) if np.ptp(values) == 0]
    return [
        Fault("correlations", f"{name} with the same value in all rows with both", "values that vary", column=place)
        for name in constant
    ]


def _correlation_estimator(
    pairs: Sequence[_Pair], standardised: Callable, names: Sequence[tuple[str, str]]
) -> Callable[[np.ndarray], Linearised]:
    """Correlation of every pair, with its scores."""

    def estimator(weight: np.ndarray) -> Linearised:
        scores, point = np.zeros((len(weight), len(pairs))), np.zeros(len(pairs))
        for number, (pair, name) in enumerate(zip(pairs, names, strict=True)):
            share = weight[pair.rows] / weight[pair.rows].sum()
            point[number], moved = standardised(pair, share, name)
            scores[pair.rows, number] = moved / weight[pair.rows].sum()
        return Linearised(point, scores, np.eye(len(pairs)))

    return estimator


def _pearson(pair: _Pair, share: np.ndarray, name: tuple[str, str]) -> tuple[float, np.ndarray]:
    """Correlation of values, or of their residuals on the controls."""
    x, y = (_standard(_left(values, pair.held, share, name), share) for values in (pair.x, pair.y))
    point = float(share @ (x * y))
    return point, x * y - point / 2 * (x**2 + y**2)


def _left(values: np.ndarray, held: np.ndarray, share: np.ndarray, name: tuple[str, str]) -> np.ndarray:
    """What is left of values when the controls are held constant."""
    if not held.shape[1]:
        return values
    root = np.sqrt(share)
    centred = values - share @ values
    found = np.linalg.lstsq(held * root[:, None], centred * root, rcond=None)[0]
    left = centred - held @ found
    if share @ left**2 < 1e-18 * (share @ centred**2):
        found = "controls that determine a variable"
        raise DesignError(Fault("correlations", found, "fewer controls", column=" and ".join(map(str, name))))
    return left


def _standard(values: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Values less their mean, over their standard deviation; NaN where that is 0."""
    centred = values - share @ values
    with np.errstate(divide="ignore", invalid="ignore"):
        return centred / np.sqrt(share @ centred**2)


def _spearman(pair: _Pair, share: np.ndarray, name: tuple[str, str]) -> tuple[float, np.ndarray]:
    """Correlation of mid-ranks; the scores count that a row moves the ranks of all rows above it."""
    ranks, codes = zip(*(_mid_ranks(values, share) for values in (pair.x, pair.y)), strict=True)
    x, y = (rank - 0.5 for rank in ranks)  # the weighted mean of mid-ranks is one half
    moments = {"xy": share @ (x * y), "xx": share @ x**2, "yy": share @ y**2}
    across = x * y + _above(codes[0], share * y) + _above(codes[1], share * x)
    squares = [rank**2 + 2 * _above(code, share * rank) for rank, code in ((x, codes[0]), (y, codes[1]))]
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.sqrt(moments["xx"] * moments["yy"])
        point = float(moments["xy"] / size)
        moved = across / size - point / 2 * (squares[0] / moments["xx"] + squares[1] / moments["yy"])
    return point, moved - share @ moved


def _mid_ranks(values: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share below each value and half of that at it, and the code of each value in order."""
    _, code = np.unique(values, return_inverse=True)
    at = np.bincount(code, weights=share)
    return (np.cumsum(at) - at / 2)[code], code


def _above(code: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Sum over the rows with a higher value and half of that over those with the same."""
    at = np.bincount(code, weights=values)
    return (at.sum() - np.cumsum(at) + at / 2)[code]


METHODS = {"pearson": _pearson, "spearman": _spearman}


def _pair_table(
    names: Sequence[tuple[str, str]], pairs: Sequence[_Pair], point: np.ndarray, std_error: np.ndarray,
    df: np.ndarray, domain: np.ndarray, level: float,
) -> pd.DataFrame:  # fmt: skip
    """Tidy rows with intervals on Fisher's z."""
    imperfect = np.abs(point) < 1 - 1e-12
    point = np.where(imperfect, point, np.sign(point))
    inner = np.where(imperfect, point, 0.0)
    spread = std_error / (1 - inner**2)
    low, high = (
        np.where(imperfect, np.tanh(end), point) for end in interval(np.arctanh(inner), spread, df, level=level)
    )
    statistic = np.divide(np.arctanh(inner), spread, out=np.full(len(point), np.nan), where=imperfect & (spread > 0))
    chance = np.where(imperfect, p_value(statistic, df), np.nan)
    n = np.array([len(pair.rows) for pair in pairs])
    first, second = zip(*names, strict=True)
    columns = {"first": first, "second": second, "estimate": point, "std_error": std_error, "df": df}
    columns |= {"conf_low": low, "conf_high": high, "p_value": chance, "p_holm": holm(chance)}
    return pd.DataFrame(columns | {"n": n, "n_dropped": int(domain.sum()) - n})


def _df(pair: _Pair, design: Design) -> float:
    """Degrees of freedom of a slope beside the controls."""
    inside = np.zeros(len(design), dtype=bool)
    inside[pair.rows] = True
    return degrees_of_freedom(design, inside) - max(pair.held.shape[1], 1)


def _reliability_faults(reliability: Mapping[str, float], names: list) -> list[Fault]:
    """Reliabilities of no variable, and numbers that are none."""
    unknown = [
        Fault("correlations", f"reliability of {name!r}", ", ".join(map(str, names)))
        for name in reliability
        if name not in names
    ]
    return unknown + [
        Fault("correlations", f"reliability {value} of {name}", "up to 1")
        for name, value in reliability.items()
        if value > 1
    ]


def _variable_table(
    columns: pd.DataFrame, domain: np.ndarray, design: Design, reliability: Mapping[str, float]
) -> pd.DataFrame:
    """Mean and standard deviation of each variable, from all rows that have it."""
    rows = []
    for name in columns:
        known = domain & columns[name].notna().to_numpy()
        values, weight = columns[name].to_numpy()[known], design.weight[known]
        centre = np.average(values, weights=weight)
        spread = np.average((values - centre) ** 2, weights=weight) * len(values) / (len(values) - 1)
        rows.append((name, len(values), centre, np.sqrt(spread), float(reliability.get(name, np.nan))))
    return pd.DataFrame(rows, columns=["variable", "n", "mean", "sd", "reliability"])
