"""Columns of a table as a path model needs them: numbers, levels, groups; what cannot be used is told by name."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.describing.numbers import numbers_of
from kzsurvey.modelling.paths.parameters import Variables
from kzsurvey.modelling.regression.formulas import nearest

MISSING = ("listwise", "fiml", "pairwise")
_MOST_LEVELS = 25
_FEWEST = 3  # rows in a group, below which nothing can be said


class Columns(NamedTuple):
    """What a model is fitted to.

    Attributes
    ----------
    answers : (n, v) array, of all observed variables: numbers, or levels from 0; NaN where missing
    levels : mapping of ordinal variable to its levels, lowest first
    groups : tuple of str
    group : (n,) array, code of the group; -1 for rows that are not used
    dropped : int, rows of the domain that are not used
    """

    answers: np.ndarray
    levels: dict[str, list]
    groups: tuple[str, ...]
    group: np.ndarray
    dropped: int

    @property
    def used(self) -> np.ndarray:
        """(n,) flags."""
        return self.group >= 0


def ordered_names(table: pd.DataFrame, names: Sequence[str], declared: Sequence[str] | bool) -> list[str]:
    """Variables that are ordinal: declared so, or ordered categories in the table; none where False."""
    if isinstance(declared, bool) and declared:
        return list(names)
    if declared is False:
        return []
    known = {name for name in names if name in table and isinstance(table[name].dtype, pd.CategoricalDtype)}
    ordered = {name for name in known if table[name].dtype.ordered}
    return [name for name in names if name in ordered or name in set(declared or ())]


def read_columns(
    table: pd.DataFrame, variables: Variables, *, groups: str, inside: np.ndarray, missing: str, place: str
) -> Columns:
    """Numbers and levels of the observed variables of a model.

    Raises
    ------
    DesignError
        All at once: unknown columns, text, levels that are too many or too few, no answers at all, a constant item.
    """
    wanted = [*variables.observed, *([groups] if groups else [])]
    unknown = [name for name in wanted if name not in table]
    fail_if(
        [
            Fault(place, f"unknown variable {name!r}", "a column of the table", hint=nearest(name, table))
            for name in unknown
        ],
        DesignError,
    )
    twice = [name for name in wanted if isinstance(table[name], pd.DataFrame)]
    fail_if([Fault(place, f"column {name!r} twice in the table", "once") for name in twice], DesignError)
    faults: list[Fault] = []
    columns, levels = [], {}
    for name in variables.observed:
        if name in variables.ordered:
            values, levels[name] = _levels(table[name], inside, name, place, faults)
        else:
            values = _numbers(table[name], name, place, faults)
        columns.append(values)
    fail_if(faults, DesignError)
    values = np.stack(columns, axis=1)
    names, group = _groups(table, groups, inside, place)
    used = inside & (group >= 0) & _complete(values, variables, missing)
    faults = _empty_faults(values, variables, inside, place)
    fail_if(faults, DesignError)
    fail_if(_group_faults(values, variables, levels, names, np.where(used, group, -1), place), DesignError)
    dropped = int(inside.sum() - used.sum())
    return Columns(values, levels, names, np.where(used, group, -1), dropped)


def _numbers(column: pd.Series, name: str, place: str, faults: list[Fault]) -> np.ndarray:
    """A column as numbers; text is a fault."""
    if isinstance(column.dtype, pd.CategoricalDtype) and column.dtype.ordered:
        return numbers_of(column).to_numpy(dtype=float)
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.astype(column.cat.categories.dtype)
    if pd.api.types.is_bool_dtype(column.dtype):
        column = column.astype("Float64")
    numbers = pd.to_numeric(column, errors="coerce")
    bad = column[numbers.isna() & column.notna()]
    if len(bad):
        hint = "declare it ordinal (ordered=), or make numbers or 0/1 columns of its categories"
        faults.append(Fault(place, f"{bad.iloc[0]!r} in {len(bad)} rows", "numbers", column=name, hint=hint))
    values = numbers.to_numpy(dtype=float, na_value=np.nan)
    if np.isinf(values).any():
        faults.append(Fault(place, f"{int(np.isinf(values).sum())} infinite numbers", "numbers", column=name))
    return values


def _levels(
    column: pd.Series, inside: np.ndarray, name: str, place: str, faults: list[Fault]
) -> tuple[np.ndarray, list]:
    """Codes of the levels that somebody chose, lowest first."""
    chosen = column[inside].dropna()
    if isinstance(column.dtype, pd.CategoricalDtype):
        found = [level for level in column.cat.categories if (chosen == level).any()]
    else:
        found = sorted(chosen.unique().tolist(), key=lambda level: (isinstance(level, str), level))
    words = [level for level in found if isinstance(level, str)]
    if words and not isinstance(column.dtype, pd.CategoricalDtype):
        hint = "pd.Categorical(..., categories=[lowest, ..., highest], ordered=True)"
        faults.append(
            Fault(place, f"words such as {words[0]!r}", "numbers or ordered categories", column=name, hint=hint)
        )
    if len(found) > _MOST_LEVELS:
        faults.append(
            Fault(place, f"{len(found)} levels", f"at most {_MOST_LEVELS} for an ordinal variable", column=name)
        )
    codes = {level: float(code) for code, level in enumerate(found)}
    values = np.array(
        [codes.get(level, np.nan) if not pd.isna(level) else np.nan for level in column.tolist()], dtype=float
    )
    return values, found


def _groups(table: pd.DataFrame, groups: str, inside: np.ndarray, place: str) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the groups, in the order of their categories or of first appearance, and the code of each row."""
    if not groups:
        return ("",), np.zeros(len(table), dtype=np.intp)
    column = table[groups]
    present = column[inside].dropna()
    categorical = isinstance(column.dtype, pd.CategoricalDtype)
    order = list(column.cat.categories) if categorical else list(dict.fromkeys(present.tolist()))
    found = [value for value in order if (present == value).any()]
    if len(found) < 2:
        raise DesignError(Fault(place, f"{len(found)} groups in {groups}", "at least two", column=groups))
    codes = {value: code for code, value in enumerate(found)}
    code = np.array([codes.get(value, -1) if not pd.isna(value) else -1 for value in column.tolist()])
    return tuple(str(value) for value in found), code


def _complete(values: np.ndarray, variables: Variables, missing: str) -> np.ndarray:
    """Rows that can be used: all answers, or some, and always the covariates."""
    known = np.isfinite(values)
    if missing == "listwise":
        return known.all(axis=1)
    covariates = np.array([name in variables.covariates for name in variables.observed])
    return known[:, ~covariates].any(axis=1) & known[:, covariates].all(axis=1)


def _empty_faults(values: np.ndarray, variables: Variables, inside: np.ndarray, place: str) -> list[Fault]:
    """Items that nobody answered."""
    known = np.isfinite(values[inside])
    return [
        Fault(place, "no answer at all", "answers", column=name)
        for name, some in zip(variables.observed, known.any(axis=0), strict=True)
        if not some
    ]


def _group_faults(
    values: np.ndarray,
    variables: Variables,
    levels: dict[str, list],
    groups: tuple[str, ...],
    group: np.ndarray,
    place: str,
) -> list[Fault]:
    """Groups too small, items that do not vary or were not answered in a group, categories one group lacks."""
    faults = []
    for code, called in enumerate(groups):
        mine = values[group == code]
        where = f" in group {called}" if len(groups) > 1 else ""
        if len(mine) < _FEWEST:
            faults.append(Fault(place, f"{len(mine)} interviews with answers to all{where}", f"at least {_FEWEST}"))
            continue
        for name, column in zip(variables.observed, mine.T, strict=True):
            known = column[np.isfinite(column)]
            absent = [level for number, level in enumerate(levels.get(name, ())) if not (known == number).any()]
            if not len(known):
                faults.append(Fault(place, f"no answer{where}", "answers", column=name))
            elif (known == known[0]).all():
                faults.append(
                    Fault(place, f"one answer for all {len(known)}{where}", "an item that varies", column=name)
                )
            elif absent and len(groups) > 1:
                hint = "merge categories that a group does not have"
                faults.append(
                    Fault(
                        place,
                        f"nobody chose {absent[0]!r}{where}",
                        "every category in every group",
                        column=name,
                        hint=hint,
                    )
                )
            elif absent:
                faults.append(
                    Fault(
                        place,
                        f"nobody left who chose {absent[0]!r}",
                        "rows with all answers in every category",
                        column=name,
                    )
                )
    return faults


def dependent(matrix: np.ndarray, names: Sequence[str]) -> list[str]:
    """Variables that are a linear combination of others, from their covariance matrix; empty where there are none."""
    scale = np.sqrt(np.maximum(np.diag(matrix), 1e-300))
    size, directions = np.linalg.eigh(matrix / np.outer(scale, scale))
    flat = directions[:, size < 1e-10]
    moving = np.abs(flat).max(axis=1, initial=0.0) > 1e-3
    return [name for name, moves in zip(names, moving, strict=True) if moves]
