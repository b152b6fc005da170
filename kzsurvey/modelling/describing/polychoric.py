"""Correlations of what stands behind ordinal answers: polychoric and polyserial, with design-based errors."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
import pandas as pd

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.describing.estimates import design_for
from kzsurvey.modelling.describing.latent_margins import Margin, number_margin, ordinal_margin
from kzsurvey.modelling.describing.latent_pairs import Pair, pairs_of
from kzsurvey.modelling.describing.numbers import numbers_of
from kzsurvey.modelling.regression.formulas import nearest
from kzsurvey.modelling.sampling.design import Design, degrees_of_freedom, domain_rows
from kzsurvey.modelling.sampling.intervals import interval, p_value
from kzsurvey.modelling.sampling.threads import one_thread
from kzsurvey.modelling.sampling.variance import Linearised, infer
from kzsurvey.modelling.sampling.variance import covariance as linearised_covariance

_PLACE = "polychoric"
_MOST_LEVELS = 25


@dataclass(frozen=True, eq=False)
class Polychoric:
    """Correlations of latent variables.

    Attributes
    ----------
    table : DataFrame, one row per pair
        ``first``, ``second``, ``kind`` (``polychoric``, ``polyserial``, ``pearson``), ``estimate``, ``std_error``,
        ``df``, ``conf_low``, ``conf_high`` (on Fisher's z), ``p_value``, ``n``, ``empty_cells``. The error is missing
        where one of four cells is empty, and beyond 0.999: neither has one that could be estimated.
    thresholds : DataFrame, one row per threshold: ``variable``, ``threshold``, ``estimate``, ``std_error``
    covariance : (m, m) array, of the correlations, in the order of ``table``
    states : tuple of str, empty cells and what was done about them
    """

    table: pd.DataFrame
    thresholds: pd.DataFrame = field(repr=False)
    covariance: np.ndarray = field(repr=False)
    states: tuple[str, ...] = ()

    def matrix(self) -> pd.DataFrame:
        """Square table of the correlations."""
        names = list(dict.fromkeys([*self.table["first"], *self.table["second"]]))
        square = pd.DataFrame(np.eye(len(names)), names, names)
        for row in self.table.itertuples():
            square.loc[row.first, row.second] = square.loc[row.second, row.first] = row.estimate
        return square

    def _repr_html_(self) -> str:
        """The table, in a notebook."""
        return self.table.to_html(index=False)


@one_thread
def polychoric(
    items: Sequence[str] | pd.DataFrame,
    table: pd.DataFrame | None = None,
    *,
    design: Design | None = None,
    numbers: Sequence[str] = (),
    missing: str = "pairwise",
    empty_cells: float = 0.5,
    where: np.ndarray | pd.Series | None = None,
    level: float = 0.95,
) -> Polychoric:
    r"""Correlations of the normal variables that ordinal answers are cut from.

    Parameters
    ----------
    items : column names of ``table``, or a DataFrame
        Ordinal, with their levels in order (numbers, or ordered categories).
    table : DataFrame, one row per interview
    design : Design
        Where None, read from the columns ``weight``, ``stratum`` and ``cluster`` of ``table``.
    numbers : names of items that are numbers: polyserial correlations with the others, Pearson's among themselves
    missing : {"pairwise", "listwise"}
    empty_cells : float
        What the empty cell of a table of two by two gets, its margins kept; reported. 0: nothing.
    where : (n,) bool array, the domain
    level : float, of the intervals

    Returns
    -------
    Polychoric

    Raises
    ------
    DesignError
        Fewer than two items; an item that does not vary, has no answers, more than 25 levels, or words without an
        order.

    Notes
    -----
    Two steps: thresholds from each item, then each correlation by maximum likelihood given them. The error of a
    correlation counts that thresholds are estimated, and comes from the influence of every row through the variance
    core, with the products of scores for the information.

    References
    ----------
    Olsson, U. (1979). Maximum likelihood estimation of the polychoric correlation coefficient. Psychometrika 44,
    443-460. doi:10.1007/BF02296207

    Muthen, B. (1984). A general structural equation model with dichotomous, ordered categorical, and continuous latent
    variable indicators. Psychometrika 49, 115-132. doi:10.1007/BF02294210

    Examples
    --------
    >>> answers = pd.DataFrame({"a": [1, 1, 2, 2, 3, 3, 1, 2, 3, 2], "b": [1, 2, 2, 1, 3, 3, 1, 2, 2, 3]})
    >>> polychoric(answers).table[["kind", "estimate", "n"]].round(3).to_dict("records")
    [{'kind': 'polychoric', 'estimate': 0.782, 'n': 10}]
    """
    if table is None and not isinstance(items, pd.DataFrame):
        raise TypeError("names of items need a table")
    if not 0 <= empty_cells < np.inf:
        raise DesignError(Fault(_PLACE, f"empty_cells {empty_cells}", "a number from 0 up"))
    chosen = items if isinstance(items, pd.DataFrame) else _chosen(table, [items] if isinstance(items, str) else items)
    numbers = [numbers] if isinstance(numbers, str) else list(numbers)
    fail_if(_name_faults(chosen, numbers), DesignError)
    design = design_for(chosen if table is None else table, design, chosen, where)
    inside = domain_rows(where, len(chosen), place=_PLACE)
    values, levels = _coded(chosen, numbers, inside, missing)
    used = np.isfinite(values).any(axis=1)
    rows = np.flatnonzero(used)
    margins = [
        _margin(column, count, design.weight[rows]) for column, count in zip(values[rows].T, levels, strict=True)
    ]
    pairs = pairs_of(margins, design.weight[rows], np.zeros((len(rows), 0)), empty=empty_cells)
    places = list(combinations(range(len(margins)), 2))
    influence, slopes = _influences(margins, pairs, places, rows, len(chosen))
    covariance = _covariance(design, influence, slopes, (values, levels, rows, empty_cells))
    names = list(chosen.columns)
    found = _pair_table(names, places, pairs, margins, covariance, degrees_of_freedom(design, used), level)
    cuts = _threshold_table(names, margins, rows, design)
    return Polychoric(found, cuts, covariance, _states(names, places, pairs, margins, empty_cells))


def _name_faults(chosen: pd.DataFrame, numbers: Sequence[str]) -> list[Fault]:
    """Items named twice, and numbers that are none of the items."""
    names = [str(name) for name in chosen]
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    faults = [Fault(_PLACE, f"item {name} twice", "every item once") for name in twice]
    return faults + [
        Fault(_PLACE, f"numbers {name!r}", ", ".join(names), hint=nearest(str(name), names))
        for name in numbers
        if name not in names
    ]


def _chosen(table: pd.DataFrame, items: Sequence[str]) -> pd.DataFrame:
    """Columns by name."""
    unknown = [name for name in items if name not in table]
    fail_if(
        [
            Fault(_PLACE, f"unknown item {name!r}", "columns of the table", hint=nearest(name, map(str, table)))
            for name in unknown
        ],
        DesignError,
    )
    return table[list(items)]


def _coded(
    table: pd.DataFrame, numbers: Sequence[str], inside: np.ndarray, missing: str
) -> tuple[np.ndarray, list[int]]:
    """Levels from 0 (or numbers) of every item, and how many levels each has (0: a number)."""
    if missing not in ("pairwise", "listwise"):
        raise DesignError(Fault(_PLACE, f"missing {missing!r}", "pairwise, listwise"))
    values = np.stack([_numbers(table[name]) for name in table], axis=1)
    values[~inside] = np.nan
    if missing == "listwise":
        values[~np.isfinite(values).all(axis=1)] = np.nan
    faults = [Fault(_PLACE, f"{values.shape[1]} items", "at least two")] if values.shape[1] < 2 else []
    levels = []
    for place, name in enumerate(table):
        column = values[:, place]
        found = np.unique(column[np.isfinite(column)])
        count = 0 if name in numbers else len(found)
        if len(found) < 2:
            said = "one answer for all" if len(found) else "no answers"
            faults.append(Fault(_PLACE, f"item {name} with {said}", "an item that varies"))
        elif count > _MOST_LEVELS:
            faults.append(Fault(_PLACE, f"item {name} with {count} levels", f"at most {_MOST_LEVELS}", hint="numbers="))
        elif count:
            known = np.isfinite(column)
            column[known] = np.searchsorted(found, column[known])
        levels.append(count)
    for one, other in combinations(range(values.shape[1]), 2):
        if not faults and np.isfinite(values[:, [one, other]]).all(axis=1).sum() < 3:
            names = f"{table.columns[one]} and {table.columns[other]}"
            faults.append(Fault(_PLACE, f"fewer than 3 rows with {names}", "answers to both"))
    fail_if(faults, DesignError)
    return values, levels


def _numbers(column: pd.Series) -> np.ndarray:
    """An item as numbers, or that it is in words."""
    try:
        return numbers_of(column).to_numpy(dtype=float)
    except DesignError as error:
        raise DesignError([replace(fault, file=_PLACE) for fault in error.faults]) from error


def _margin(column: np.ndarray, levels: int, weight: np.ndarray) -> Margin:
    nobody = np.zeros((len(column), 0))
    if not levels:
        return number_margin(column, weight, nobody)
    return ordinal_margin(np.where(np.isfinite(column), column, -1).astype(int), levels, weight, nobody)


def _influences(
    margins: Sequence[Margin], pairs: Sequence[Pair], places: list, rows: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Influence of every row on the covariances and variances, and how the correlations follow from those."""
    width = len(pairs) + len(margins)
    influence = np.zeros((count, width))
    slopes = np.zeros((len(pairs), width))
    for place, ((a, b), pair) in enumerate(zip(places, pairs, strict=True)):
        size = margins[a].deviation * margins[b].deviation
        influence[rows, place] = pair.influence
        slopes[place, place] = 1 / size
        for side in (a, b):
            if not margins[side].levels:
                slopes[place, len(pairs) + side] = -pair.rho / (2 * margins[side].value[-1])
    for place, margin in enumerate(margins):
        if not margin.levels:
            influence[rows, len(pairs) + place] = margin.influence[:, -1]
    return influence, slopes


def _covariance(design: Design, influence: np.ndarray, slopes: np.ndarray, again: tuple) -> np.ndarray:
    """Covariance of the correlations under the design."""
    values, levels, rows, empty = again

    def estimate(weight: np.ndarray) -> Linearised:
        if weight is design.weight:
            return Linearised(np.zeros(len(slopes)), influence, slopes)
        kept = rows[weight[rows] > 0]
        if not _all_vary(values[kept]):
            found = "replicate weights under which an item does not vary"
            raise DesignError(Fault(_PLACE, found, "items that vary in every replicate", hint="merge categories"))
        margins = [_margin(column, count, weight[kept]) for column, count in zip(values[kept].T, levels, strict=True)]
        pairs = pairs_of(margins, weight[kept], np.zeros((len(kept), 0)), empty=empty)
        return Linearised(np.array([pair.rho for pair in pairs]), np.zeros((len(weight), 0)), np.zeros((len(pairs), 0)))

    return infer(estimate, design)[1]


def _all_vary(values: np.ndarray) -> bool:
    """Whether every item still varies."""
    return all(len(np.unique(column[np.isfinite(column)])) > 1 for column in values.T)


def _pair_table(
    names: list,
    places: list,
    pairs: Sequence[Pair],
    margins: Sequence[Margin],
    covariance: np.ndarray,
    df: float,
    level: float,
) -> pd.DataFrame:
    """Tidy rows with intervals on Fisher's z."""
    estimate, error = np.array([pair.rho for pair in pairs]), np.sqrt(np.diag(covariance))
    known = [
        not (_at_the_end(pair) or _quarter_empty(pair, margins[a], margins[b]))
        for (a, b), pair in zip(places, pairs, strict=True)
    ]
    error = np.where(known, error, np.nan)
    inner = np.clip(estimate, -1 + 1e-9, 1 - 1e-9)
    spread = error / (1 - inner**2)
    low, high = (np.tanh(end) for end in interval(np.arctanh(inner), spread, df, level=level))
    kinds = {(True, True): "polychoric", (False, False): "pearson"}
    with np.errstate(divide="ignore", invalid="ignore"):
        chance = p_value(np.arctanh(inner) / spread, df)
    return pd.DataFrame(
        {
            "first": [names[a] for a, _ in places],
            "second": [names[b] for _, b in places],
            "kind": [kinds.get((margins[a].levels > 0, margins[b].levels > 0), "polyserial") for a, b in places],
            "estimate": estimate,
            "std_error": error,
            "df": df,
            "conf_low": low,
            "conf_high": high,
            "p_value": chance,
            "n": [int((margins[a].known & margins[b].known).sum()) for a, b in places],
            "empty_cells": [pair.empty for pair in pairs],
        }
    )


def _threshold_table(names: list, margins: Sequence[Margin], rows: np.ndarray, design: Design) -> pd.DataFrame:
    """Thresholds with their errors under the design (by linearisation)."""
    found = []
    for name, margin in zip(names, margins, strict=True):
        if margin.levels:
            influence = np.zeros((len(design), margin.levels - 1))
            influence[rows] = margin.influence
            error = np.sqrt(np.diag(linearised_covariance(influence, np.eye(margin.levels - 1), design)))
            found += [(name, f"t{k + 1}", value, error[k]) for k, value in enumerate(margin.value)]
    return pd.DataFrame(found, columns=["variable", "threshold", "estimate", "std_error"])


def _quarter_empty(pair: Pair, first: Margin, second: Margin) -> bool:
    """Whether one of only four cells is empty: like a share of 0, it has no error that could be estimated."""
    return pair.empty > 0 and first.levels == 2 and second.levels == 2


def _at_the_end(pair: Pair) -> bool:
    """Whether a correlation has run to the end of its range, where the likelihood has no peak."""
    return abs(pair.rho) > 0.999


def _states(
    names: list, places: list, pairs: Sequence[Pair], margins: Sequence[Margin], empty: float
) -> tuple[str, ...]:
    """Pairs with cells that nobody is in, and correlations that have run to their end."""
    found = []
    for (a, b), pair in zip(places, pairs, strict=True):
        if pair.empty:
            mended = f"; {empty:g} added to the empty one" if pair.corrected else ""
            unsure = "; an empty cell of four leaves no error" if _quarter_empty(pair, margins[a], margins[b]) else ""
            found.append(f"{names[a]} x {names[b]}: {pair.empty} empty cells{mended}{unsure}")
        if _at_the_end(pair):
            found.append(
                f"{names[a]} x {names[b]}: a correlation of {pair.rho:+.4f}, at the end of its range, no error"
            )
    return tuple(found)
