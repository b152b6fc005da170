"""Matrices of worlds that were not seen: treatment, mediators and moderators set, through fitted formulas."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from formulaic import ModelSpec

from kzsurvey.errors import DesignError, Fault
from kzsurvey.modelling.effects.worlds import Scene
from kzsurvey.modelling.regression.formulas import model_matrix, nearest

_CHECKED = 60  # rows in which a formula is tried for bends
_TRUTH = {"yes", "true", "1", "1.0"}


@dataclass(frozen=True, eq=False)
class Side:
    """One fitted formula, as a maker of matrices.

    Attributes
    ----------
    name : str, its outcome
    kind : str
    spec : ModelSpec
    keep : (p,) bool array, columns used; an ordinal model has no column of ones
    """

    name: str
    kind: str
    spec: ModelSpec
    keep: np.ndarray

    def matrix(self, table: pd.DataFrame, title: str) -> np.ndarray:
        """(m, p) array for the rows of a table."""
        return model_matrix(self.spec, table, name=title)[:, self.keep]


def set_to(table: pd.DataFrame, values: Mapping[str, object]) -> pd.DataFrame:
    """A table in which some columns have one value throughout.

    Parameters
    ----------
    table : DataFrame, one row per interview
    values : mapping of column to value

    Examples
    --------
    >>> set_to(pd.DataFrame({"x": [1, 2], "y": [3, 4]}), {"x": 0.5}).to_dict("list")
    {'x': [0.5, 0.5], 'y': [3, 4]}
    """
    changed = {name: _constant(table[name], value) for name, value in values.items() if name in table}
    return table.assign(**changed)


def treatment_values(
    column: pd.Series, weight: np.ndarray, *, low: object, high: object, title: str
) -> tuple[object, object]:
    """The two values of the treatment that are compared.

    Parameters
    ----------
    column : Series, treatment of the rows used
    weight : (m,) array
    low, high : value of the treatment or None
        Where None: the two values of a treatment that has two (in the order of its categories), else half a unit below
        and above the weighted mean, so that effects are per unit.
    title : str, what messages call the model

    Raises
    ------
    DesignError
        A constant treatment; more than two categories and no values chosen; values that are not there, or equal.

    Examples
    --------
    >>> treatment_values(pd.Series([1.0, 2.0, 6.0]), np.ones(3), low=None, high=None, title="model H4")
    (2.5, 3.5)
    >>> treatment_values(pd.Series(["no", "yes"], dtype="category"), np.ones(2), low=None, high=None, title="model H4")
    ('no', 'yes')
    """
    found = _values(column)
    number = _is_number(column)
    words = ", ".join(f"{value:g}" if number else str(value) for value in found[:8])
    if len(found) < 2:
        raise DesignError(Fault(title, f"treatment {column.name} is constant ({words})", "a treatment that varies"))
    if (low is None) != (high is None):
        raise DesignError(Fault(title, "low without high, or high without low", "both values, or neither"))
    if low is None and len(found) > 2 and not number:
        raise DesignError(
            Fault(title, f"treatment {column.name} with {len(found)} categories", f"low and high, of {words}")
        )
    if low is None:
        middle = float(np.average(column.astype(float), weights=weight)) if len(found) > 2 else 0.0
        return (found[0], found[1]) if len(found) == 2 else (middle - 0.5, middle + 0.5)
    values = tuple(known_value(column, value, title=title) for value in (low, high))
    if values[0] == values[1]:
        raise DesignError(Fault(title, f"low and high are both {low}", "two values of the treatment"))
    return values


def known_value(column: pd.Series, value: object, *, title: str) -> object:
    """A value to set a column to: any number for numbers, else a category that the rows have.

    Parameters
    ----------
    column : Series, of the rows used
    value : object
    title : str, what messages call the model

    Examples
    --------
    >>> known_value(pd.Series([1, 2], name="pay"), 1.5, title="model H5")
    1.5
    >>> known_value(pd.Series(["a", "b"], name="county"), "c", title="model H5")
    Traceback (most recent call last):
    kzsurvey.errors.DesignError: model H5: found county set to 'c'; allowed: a, b
    """
    if _is_number(column):
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = np.nan
        if np.isfinite(number):
            return number
        raise DesignError(Fault(title, f"{column.name} set to {value!r}", "a number"))
    found = {str(category): category for category in _values(column)}
    if str(value) in found:
        return found[str(value)]
    hint = nearest(str(value), found)
    raise DesignError(Fault(title, f"{column.name} set to {value!r}", ", ".join(found), hint=hint))


def mediator_levels(column: pd.Series, kind: str) -> tuple:
    """Values of a mediator that has levels, lowest first; empty for one that is a number.

    Parameters
    ----------
    column : Series, of the rows used
    kind : str

    Examples
    --------
    >>> mediator_levels(pd.Series(["yes", "no"]), "logistic"), mediator_levels(pd.Series([2, 1, 3]), "linear")
    (('no', 'yes'), ())
    """
    if kind == "linear":
        return ()
    found = _values(column)
    if kind in ("logistic", "probit") and not _is_number(column):
        found = sorted(found, key=lambda value: str(value).lower() in _TRUTH)
    return tuple(found)


def level_codes(column: pd.Series, levels: tuple) -> np.ndarray:
    """Number of each row's level.

    Examples
    --------
    >>> level_codes(pd.Series(["b", "a", "b"]), ("a", "b")).tolist()
    [1, 0, 1]
    """
    place = {value: number for number, value in enumerate(levels)}
    values = column.astype(float) if _is_number(column) else column.astype("object")
    return np.array([place[value] for value in values], dtype=np.int64)


def make_scene(
    table: pd.DataFrame,
    sides: tuple[Side, ...],
    *,
    treatment: str,
    values: tuple[object, object],
    levels: tuple[tuple, ...],
    moderator: Mapping[str, object],
    name: str = "",
    title: str = "model",
) -> Scene:
    """Matrices of both worlds.

    Parameters
    ----------
    table : DataFrame, the rows used
    sides : tuple of Side, mediators first, outcome last
    treatment : str
    values : tuple of two values of the treatment
    levels : tuple, one per mediator: its levels, or empty
    moderator : mapping of column to value, what else is set
    name : str, of the scene
    title : str, what messages call the model

    Returns
    -------
    Scene

    Raises
    ------
    DesignError
        A mediator that is a number and whose path to the outcome bends, or meets another such mediator in one term.
    """
    table = set_to(table, moderator)
    worlds = [set_to(table, {treatment: value}) for value in values]
    pairs = tuple(tuple(side.matrix(world, title) for world in worlds) for side in sides[:-1])
    names = [side.name for side in sides[:-1]]
    numbers = [name for name, own in zip(names, levels, strict=True) if not own]
    chosen = {name: own for name, own in zip(names, levels, strict=True) if own}
    reach = {name: _reach(table[name]) for name in numbers}
    base, slopes = {}, {}
    for treated, world in enumerate(worlds):
        for codes in product(*(range(len(own)) for own in chosen.values())):
            held = set_to(world, {name: own[code] for (name, own), code in zip(chosen.items(), codes, strict=True)})
            base[treated, codes], slopes[treated, codes] = _split(held, sides[-1], reach, title)
    _refuse_bends(set_to(worlds[1].iloc[:_CHECKED], _first(chosen)), sides[-1], reach, base, slopes, title)
    return Scene(name, pairs, base, slopes)


def _constant(column: pd.Series, value: object) -> object:
    """A column of one value, of the kind the column is of."""
    if _is_number(column):
        return np.full(len(column), float(value))
    categories = column.dtype.categories if isinstance(column.dtype, pd.CategoricalDtype) else None
    ordered = bool(getattr(column.dtype, "ordered", False))
    return pd.Series(pd.Categorical([value] * len(column), categories=categories, ordered=ordered), index=column.index)


def _is_number(column: pd.Series) -> bool:
    """Whether a column holds numbers (or truth values)."""
    return pd.api.types.is_numeric_dtype(column.dtype)


def _values(column: pd.Series) -> list:
    """Values that occur, lowest first; categories in their order."""
    if _is_number(column):
        return np.unique(column.astype(float)).tolist()
    if isinstance(column.dtype, pd.CategoricalDtype):
        return list(column.cat.remove_unused_categories().cat.categories)
    return sorted(column.unique())


def _reach(column: pd.Series) -> tuple[float, float]:
    """Two values of a mediator between which its path is read: one standard deviation around the mean."""
    values = column.astype(float)
    return float(values.mean() - values.std()), float(values.mean() + values.std())


def _first(chosen: Mapping[str, tuple]) -> dict[str, object]:
    """The lowest level of each mediator that has levels."""
    return {name: levels[0] for name, levels in chosen.items()}


def _split(
    world: pd.DataFrame, outcome: Side, reach: dict[str, tuple[float, float]], title: str
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """The outcome's matrix where the mediators that are numbers are 0, and what a unit of each adds."""
    lows = {name: low for name, (low, _) in reach.items()}
    base = lowest = outcome.matrix(set_to(world, lows), title)
    slopes = []
    for name, (low, high) in reach.items():
        slope = (outcome.matrix(set_to(world, lows | {name: high}), title) - lowest) / (high - low)
        slope[np.abs(slope) < 1e-12 * np.abs(slope).max(initial=0)] = 0.0
        base = base - low * slope
        same = np.allclose(slope, slope[0], rtol=1e-10, atol=1e-12)
        slopes.append(slope[:1] if same else slope)
    return base, tuple(slopes)


def _refuse_bends(
    world: pd.DataFrame, outcome: Side, reach: dict[str, tuple[float, float]], base: dict, slopes: dict, title: str
) -> None:
    """A path that is not straight in a mediator, or differs with another mediator, has no closed form here."""
    if not reach:
        return
    key = next(key for key in base if key[0] == 1)
    rows = slice(None, len(world))
    lows = {name: low for name, (low, _) in reach.items()}

    def straight(values: Mapping[str, float]) -> bool:
        expected = base[key][rows] + sum(
            values[name] * slope[rows if len(slope) > 1 else slice(None)]
            for name, slope in zip(reach, slopes[key], strict=True)
        )
        found = outcome.matrix(set_to(world, values), title)
        return np.allclose(found, expected, rtol=1e-7, atol=1e-7 * np.abs(expected).max(initial=1e-7))

    for name, (low, high) in reach.items():
        if not straight(lows | {name: (low + high) / 2}):
            allowed, hint = f"{name} itself, times other variables", "leave powers and logs out"
            raise DesignError(Fault(title, f"an outcome formula that bends in mediator {name}", allowed, hint=hint))
    if not straight({name: high for name, (_, high) in reach.items()}):
        found = f"a product of the mediators {' and '.join(reach)}, numbers all"
        raise DesignError(Fault(title, found, "mediators side by side"))
