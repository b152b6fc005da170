"""How items vary together, with the design-based errors of it: what every coefficient of a scale is a function of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.describing.estimates import Columns, chosen_columns, design_for
from kzsurvey.modelling.describing.polychoric import polychoric
from kzsurvey.modelling.sampling.design import Design, degrees_of_freedom, domain_rows
from kzsurvey.modelling.sampling.variance import Linearised, infer
from kzsurvey.modelling.scales.measures import keyed

CORRELATIONS = ("pearson", "polychoric")
_STEP = 0.02  # of a standard error: the curve of a coefficient shows, and where iterations stopped does not


class Spread(NamedTuple):
    """Numbers computed from moments of items: their values, covariance, and bias by the curve of the function."""

    value: np.ndarray
    covariance: np.ndarray
    bias: np.ndarray


@dataclass(frozen=True, eq=False)
class Moments:
    """Covariances of items, or correlations of what stands behind ordinal ones.

    Attributes
    ----------
    items : tuple of str
    square : (k, k) array
        Covariances (``pearson``), correlations of latent variables (``polychoric``).
    error : (m, m) array
        Design-based covariance of the entries on and above the diagonal, row by row (``pearson``), or above it.
    df : float, degrees of freedom of the design among the rows used
    correlation : str, a word of ``CORRELATIONS``
    n : int, interviews used
    n_dropped : int, interviews of the domain that are not
    states : tuple of str, empty cells and what was done about them
    """

    items: tuple[str, ...]
    square: np.ndarray
    error: np.ndarray = field(repr=False)
    df: float
    correlation: str
    n: int
    n_dropped: int
    states: tuple[str, ...] = ()

    @property
    def correlations(self) -> np.ndarray:
        """(k, k) array."""
        size = np.sqrt(np.diag(self.square))
        return self.square / np.outer(size, size)

    def spread(self, function: Callable[[np.ndarray], np.ndarray]) -> Spread:
        """A smooth function of the square: its value, its covariance by the delta method, its bias to second order.

        The square is moved along the axes of its own errors, a little to both sides: the slopes give the covariance,
        the curve gives what the noise of the moments adds to the value on average.

        Parameters
        ----------
        function : of a (k, k) array, giving (q,) numbers
        """
        value = np.atleast_1d(np.asarray(function(self.square), dtype=float))
        row, column = np.triu_indices(len(self.square), k=0 if self.correlation == "pearson" else 1)
        unit = np.sqrt(self.square[row, row] * self.square[column, column])
        sizes, axes = np.linalg.eigh(self.error / np.outer(unit, unit))
        slopes, bias = [], np.zeros(len(value))
        for size, axis in zip(sizes, axes.T, strict=True):
            if size <= sizes[-1] * 1e-12:
                continue
            move = np.zeros_like(self.square)
            move[row, column] = move[column, row] = _STEP * np.sqrt(size) * unit * axis
            high, low = (np.atleast_1d(function(moved)) for moved in (self.square + move, self.square - move))
            slopes.append((high - low) / (2 * _STEP))
            bias += (high - 2 * value + low) / (2 * _STEP**2)
        slopes = np.array(slopes).reshape(-1, len(value))
        return Spread(value, slopes.T @ slopes, bias)


def item_moments(
    items: Columns,
    table: pd.DataFrame | None = None,
    *,
    design: Design | None = None,
    correlation: str = "pearson",
    reverse: Sequence[str] = (),
    low: float | None = None,
    high: float | None = None,
    missing: str = "listwise",
    where: np.ndarray | pd.Series | None = None,
    place: str = "items",
) -> Moments:
    """Covariances of items, or polychoric correlations, with the covariance of these under the design.

    Parameters
    ----------
    items : column names of ``table``, or a DataFrame
    table : DataFrame, one row per interview
    design : Design
        Where None, read from the columns ``weight``, ``stratum`` and ``cluster`` of ``table``.
    correlation : {"pearson", "polychoric"}
        ``polychoric`` for items of few levels: of the normal variables that answers are cut from.
    reverse, low, high : as in :func:`~kzsurvey.modelling.scales.measures.score`
    missing : {"listwise", "pairwise"}
        Interviews with all items, or for each pair those with both.
    where : (n,) bool array, the domain
    place : str, what messages call the analysis

    Returns
    -------
    Moments

    Raises
    ------
    DesignError
        Fewer than two items; nobody with all of them (or with some pair); an item that does not vary; words without an
        order; answers outside the range; fewer clusters than strata allow.

    Examples
    --------
    >>> answers = pd.DataFrame({"a": [1, 2, 3, 4, 5], "b": [2, 2, 3, 5, 5]})
    >>> item_moments(["a", "b"], answers).square.round(2).tolist()
    [[2.5, 2.25], [2.25, 2.3]]
    """
    chosen = chosen_columns(items, table)
    design = design_for(chosen if table is None else table, design, items, where)
    fail_if(_option_faults(correlation, missing, place), DesignError)
    numbers = keyed(chosen, reverse, low, high)
    inside = domain_rows(where, len(numbers), place=place)
    values = numbers.to_numpy(dtype=float, copy=True)
    values[~inside] = np.nan
    fail_if(_answer_faults(list(numbers), values, place), DesignError)
    if missing == "listwise":
        values[np.isnan(values).any(axis=1)] = np.nan
    fail_if(_value_faults(list(numbers), values, place), DesignError)
    used = ~np.isnan(values).all(axis=1)
    counts = {"n": int(used.sum()), "n_dropped": int(inside.sum() - used.sum())}
    df = degrees_of_freedom(design, used)
    if not df > 0:
        found = "no degrees of freedom (clusters less strata)"
        raise DesignError(Fault(place, found, "at least two clusters in some stratum"))
    if correlation == "polychoric":
        cleaned = pd.DataFrame(values, columns=numbers.columns, index=numbers.index)
        found = polychoric(cleaned, design=design, missing=missing)
        square, error, states = found.matrix().to_numpy(), found.covariance, found.states
    else:
        square, error = _covariances(values, design)
        states = ()
    return Moments(tuple(map(str, numbers)), square, error, df, correlation, **counts, states=states)


def _option_faults(correlation: str, missing: str, place: str) -> list[Fault]:
    """Options that are none."""
    known = ((correlation, "correlation", CORRELATIONS), (missing, "missing", ("listwise", "pairwise")))
    return [
        Fault(place, f"{name} {value!r}", ", ".join(allowed)) for value, name, allowed in known if value not in allowed
    ]


def _answer_faults(names: list[str], values: np.ndarray, place: str) -> list[Fault]:
    """Items that hardly anybody answered."""
    counts = (~np.isnan(values)).sum(axis=0)
    return [
        Fault(place, f"fewer than 3 interviews with item {name}", "3 or more", hint="leave it out")
        for name, count in zip(names, counts, strict=True)
        if count < 3
    ]


def _value_faults(names: list[str], values: np.ndarray, place: str) -> list[Fault]:
    """Items that say nothing together."""
    if len(names) < 2:
        return [Fault(place, f"{len(names)} item", "at least two items")]
    known = ~np.isnan(values)
    both = known.T.astype(int) @ known
    few = [(names[i], names[j]) for i, j in zip(*np.triu_indices(len(names)), strict=True) if both[i, j] < 3]
    if few:
        all_of_them = known.sum() == len(names) * known.all(axis=1).sum()
        said = "all items" if all_of_them else f"{few[0][0]} and {few[0][1]}"
        return [Fault(place, f"fewer than 3 interviews with {said}", "3 or more", hint="leave an item out")]
    return [
        Fault(place, f"item {name} with one answer for all {int(known[:, k].sum())}", "an item that varies")
        for k, name in enumerate(names)
        if np.ptp(values[known[:, k], k]) == 0
    ]


def _covariances(values: np.ndarray, design: Design) -> tuple[np.ndarray, np.ndarray]:
    """Weighted covariances of all pairs over the rows that have both, and their covariance under the design.

    Divided by the sum of weights, times n / (n - 1) of the pair's own rows, so that without weights they are the usual.
    """
    known = ~np.isnan(values)
    filled = np.where(known, values, 0.0)
    first, second = np.triu_indices(values.shape[1])
    both = known[:, first] & known[:, second]
    count = both.sum(axis=0)
    factor = count / (count - 1)

    def estimator(weight: np.ndarray) -> Linearised:
        total = weight @ both
        sums = ((weight[:, None] * both).T @ filled)[np.arange(len(first))]
        mean_first = sums[np.arange(len(first)), first] / total
        mean_second = sums[np.arange(len(first)), second] / total
        products = np.where(both, (filled[:, first] - mean_first) * (filled[:, second] - mean_second), 0.0)
        covariance = weight @ products / total
        return Linearised(covariance * factor, np.where(both, products - covariance, 0.0), np.diag(factor / total))

    estimate, error = infer(estimator, design)
    square = np.empty((values.shape[1],) * 2)
    square[first, second] = square[second, first] = estimate
    return square, error
