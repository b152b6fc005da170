"""Who coded what: a frame of units by coders, or a list of codings, as one array of numbers with its faults found.

Promise: what was not coded stays apart from "nothing applies"; a code that is not in the list, a coder who coded a unit
twice, an order that nobody gave are errors that name their place, never a number.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.errors import CodingError, Fault, fail_if

TABLE = "codings"
MANY = (set, frozenset, list, tuple)
SHOWN = 5


class Ratings(NamedTuple):
    """Codings of units by coders.

    Attributes
    ----------
    numbers : (units, coders) array, place of the coded value in ``distinct``; -1 where a coder did not code the unit
    distinct : tuple, one per value: codes in their order, or frozensets of codes
    codes : tuple, the codes of which values are made
    coders : tuple, one name per column
    clusters : (units,) array, number of the cluster of a unit
    groups : (units,) array of labels of the groups that are reported apart, or None
    ordered : bool, the order of the codes is known
    empty : int, units nobody coded, which are left out
    """

    numbers: np.ndarray
    distinct: tuple
    codes: tuple
    coders: tuple
    clusters: np.ndarray
    groups: np.ndarray | None
    ordered: bool
    empty: int

    @property
    def several(self) -> bool:
        """Whether values are sets of codes."""
        return any(isinstance(value, frozenset) for value in self.distinct)


def read_ratings(
    codings: pd.DataFrame,
    *,
    unit: str | None = None,
    coder: str | None = None,
    code: str | None = None,
    codes: Sequence | None = None,
    several: bool = False,
    clusters: object = None,
    over: object = None,
) -> Ratings:
    """Codings as numbers, checked.

    Parameters
    ----------
    codings : DataFrame, one row per unit and one column per coder; or, where unit, coder and code name columns, one row
        per coding.
    unit, coder, code : str, columns of a list of codings
    codes : sequence, the codes that may be given, in their order; those seen where it is not given
    several : bool, a coder may give several codes to a unit (cells that hold sets say so by themselves)
    clusters, over : name of a column (of a list) or of a level of the index (of a frame), or one value per unit

    Returns
    -------
    Ratings

    Raises
    ------
    CodingError
        Columns that are not there, a unit coded twice by one coder, codes that are not in the list, no two coders.
    """
    if not isinstance(codings, pd.DataFrame):
        raise TypeError(f"codings must be a DataFrame, not {type(codings).__name__}")
    if any(name is not None for name in (unit, coder, code)):
        named = {"unit": unit, "coder": coder, "code": code, "clusters": clusters, "over": over}
        frame, clusters, over = _from_list(codings, named, several)
    else:
        frame = codings
    fail_if(_frame_faults(frame), CodingError)
    cluster_of, group_of = (_per_unit(frame, given, name) for given, name in ((clusters, "clusters"), (over, "over")))
    numbers, values, allowed, ordered = _numbered(frame, codes, several)
    coded = (numbers >= 0).any(axis=1)
    return Ratings(
        numbers[coded],
        values,
        allowed,
        tuple(frame.columns),
        np.arange(coded.sum()) if cluster_of is None else pd.factorize(cluster_of[coded])[0],
        None if group_of is None else group_of[coded],
        ordered,
        int((~coded).sum()),
    )


def _from_list(codings: pd.DataFrame, named: dict, several: bool) -> tuple[pd.DataFrame, object, object]:
    """A frame of units by coders from one row per coding, and what holds per unit."""
    missing = [name for name in ("unit", "coder", "code") if named[name] is None]
    if missing:
        raise TypeError(f"a list of codings needs the columns of unit, coder and code; not given: {', '.join(missing)}")
    wanted = [name for name in named.values() if isinstance(name, str)]
    columns = ", ".join(map(str, codings.columns))
    fail_if((Fault(TABLE, f"no column {name!r}", columns) for name in wanted if name not in codings), CodingError)
    places = {name: codings[named[name]] for name in ("unit", "coder")}
    fail_if(
        (Fault(TABLE, "rows without a value", "a value in every row", column=named[name])
         for name, column in places.items() if column.isna().any()),
        CodingError,
    )  # fmt: skip
    (rows, units), (columns, coders) = (_factorized(column) for column in places.values())
    cells = _gathered(rows, columns, codings[named["code"]], several)
    if not several:
        fail_if(_repeat_faults(cells, units, coders, named), CodingError)
    array = np.full((len(units), len(coders)), np.nan, dtype=object)
    for place, given in cells.items():
        array[place] = frozenset(given) if several else (given[0] if given else np.nan)
    frame = pd.DataFrame(array, index=pd.Index(units, name=named["unit"]), columns=coders, dtype=object)
    frame.attrs = _known_order(codings[named["code"]])
    return frame, *(_first_per_unit(codings, rows, named, name) for name in ("clusters", "over"))


def _factorized(column: pd.Series) -> tuple[np.ndarray, pd.Index]:
    """Numbers and labels, sorted, so that the order of rows does not matter; in order of appearance where types mix."""
    try:
        numbers, labels = pd.factorize(column, sort=True)
    except TypeError:
        numbers, labels = pd.factorize(column)
    return numbers, pd.Index(labels)


def _gathered(rows: np.ndarray, columns: np.ndarray, code: pd.Series, several: bool) -> dict[tuple[int, int], list]:
    """Codes of every cell; a row without a code makes a cell with nothing in it."""
    cells = defaultdict(list)
    written = code.astype(object).tolist()
    for row, column, value, blank in zip(rows.tolist(), columns.tolist(), written, _blank(code).tolist(), strict=True):
        cell = cells[row, column]
        if not blank:
            cell.extend(value if several and isinstance(value, MANY) else [value])
    return cells


def _repeat_faults(cells: dict, units: pd.Index, coders: pd.Index, named: dict) -> list[Fault]:
    """Units that one coder coded more than once."""
    repeats = sorted(place for place, given in cells.items() if len(given) > 1)
    hint = "several=True where a coder may give several codes to a unit"
    names = units.tolist()
    return [
        Fault(TABLE, f"{len(cells[row, column])} codes of unit {names[row]!r} by coder {coders[column]!r}", "one",
              column=named["code"], hint=hint)
        for row, column in repeats[:SHOWN]
    ]  # fmt: skip


def _first_per_unit(codings: pd.DataFrame, rows: np.ndarray, named: dict, name: str) -> object:
    """What a column of the list says of each unit; it must say one thing."""
    given = named[name]
    if given is None:
        return None
    if not isinstance(given, str):
        return given
    column = codings[given]
    first = column.groupby(rows).first(skipna=False).to_numpy()
    same = (column.to_numpy(dtype=object) == first[rows]) | (column.isna().to_numpy() & pd.isna(first[rows]))
    mixed = len(np.unique(rows[~same.astype(bool)]))
    found = f"{mixed} units with several values of {given!r}"
    fail_if([Fault(TABLE, found, "one value per unit", column=given)] * (mixed > 0), CodingError)
    return first


def _frame_faults(frame: pd.DataFrame) -> list[Fault]:
    """What no coefficient can be computed from."""
    faults = []
    if frame.shape[1] < 2:
        names = ", ".join(map(str, frame.columns)) or "none"
        faults.append(Fault(TABLE, f"{frame.shape[1]} coder ({names})", "at least two coders of the same units"))
    repeated = frame.columns[frame.columns.duplicated()].unique()
    faults += [Fault(TABLE, f"several columns of coder {name!r}", "one column per coder") for name in repeated]
    if len(frame) == 0:
        faults.append(Fault(TABLE, "no units", "at least one unit"))
    return faults


def _per_unit(frame: pd.DataFrame, given: object, name: str) -> np.ndarray | None:
    """One value per row of the frame."""
    if given is None:
        return None
    if isinstance(given, str):
        levels = ", ".join(str(level) for level in frame.index.names if level is not None) or "no named level"
        known = given in frame.index.names
        fail_if([Fault(TABLE, f"{name}={given!r}", f"a level of the index: {levels}")] * (not known), CodingError)
        values = frame.index.get_level_values(given)
    elif isinstance(given, pd.Series):
        values = given.reindex(frame.index) if given.index.is_unique else given
    else:
        values = pd.Series(list(given))
    if len(values) != len(frame):
        raise ValueError(f"{name} has {len(values)} values for {len(frame)} units")
    holes = int(pd.isna(values).sum())
    fail_if([Fault(TABLE, f"{holes} units without a value of {name}", "one value per unit")] * (holes > 0), CodingError)
    return np.asarray(values, dtype=object)


def _numbered(frame: pd.DataFrame, codes: Sequence | None, several: bool) -> tuple[np.ndarray, tuple, tuple, bool]:
    """Numbers, values, codes, and whether the order of the codes is known."""
    order = frame.attrs or _known_order(*(frame[name] for name in frame.columns))
    cells = frame.to_numpy(dtype=object).ravel()
    blank = pd.concat([_blank(frame[name]) for name in frame.columns], axis=1).to_numpy().ravel()
    several = several or any(isinstance(cell, MANY) for cell in cells)
    if several:
        cells = np.fromiter((_as_set(cell, hole) for cell, hole in zip(cells, blank, strict=True)), object, len(cells))
    places, seen = pd.factorize(np.where(blank, None, cells))
    said = set().union(*seen) if several else set(seen)
    listed = list(codes) if codes is not None else order.get("codes")
    allowed = _sorted(said) if listed is None else listed
    twice = [code for place, code in enumerate(allowed) if code in allowed[:place]]
    fail_if((Fault("codes", f"{code!r} twice", "every code once") for code in twice), CodingError)
    fail_if(_unknown(said, allowed, cells[~blank], several), CodingError)
    known = listed is not None and (codes is not None or order["ordered"])
    values = sorted(seen, key=lambda value: (len(value), sorted(map(str, value)))) if several else allowed
    place_of = {value: place for place, value in enumerate(values)}
    lookup = np.array([*(place_of[value] for value in seen), -1])
    return lookup[places].reshape(frame.shape), tuple(values), tuple(allowed), known or _numeric(allowed)


def _known_order(*columns: pd.Series) -> dict:
    """The codes that categories list, and whether they are ordered, where all columns say the same."""
    kinds = {column.dtype for column in columns}
    if len(kinds) != 1 or not isinstance(kind := kinds.pop(), pd.CategoricalDtype):
        return {}
    return {"codes": list(kind.categories), "ordered": bool(kind.ordered)}


def _blank(column: pd.Series) -> pd.Series:
    """Cells without a coding: missing, or text without a sign."""
    missing = column.isna()
    if pd.api.types.is_object_dtype(column) or pd.api.types.is_string_dtype(column):
        return missing | column.map(lambda cell: isinstance(cell, str) and not cell.strip()).astype(bool)
    return missing


def _as_set(cell: object, blank: bool) -> frozenset | None:
    if blank:
        return None
    return frozenset(cell) if isinstance(cell, MANY) else frozenset([cell])


def _sorted(codes: Iterable) -> list:
    """Codes in the order of numbers, or of text where not all are numbers."""
    codes = [_whole(code) for code in codes]
    return sorted(codes) if _numeric(codes) else sorted(codes, key=str)


def _whole(code: object) -> object:
    """3 for 3.0: a column of whole numbers with gaps is one of floats."""
    return int(code) if isinstance(code, float) and code.is_integer() else code


def _numeric(codes: Iterable) -> bool:
    return all(isinstance(code, (int, float, np.integer, np.floating, np.bool_)) for code in codes)


def _unknown(said: set, allowed: Sequence, cells: np.ndarray, several: bool) -> list[Fault]:
    """Codes that are not in the list."""
    strange = _sorted(said - set(allowed))
    text = ", ".join(map(str, allowed))
    times = {code: sum(code in cell if several else code == cell for cell in cells) for code in strange}
    return [Fault(TABLE, f"code {code!r} ({count} times)", text, column="code") for code, count in times.items()]
