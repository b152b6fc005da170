"""What is to be imputed and by what: each column read once into codes, with who was asked and who gave no answer.

A question that was not asked has no value to be guessed: such rows are never imputed and never counted as missing.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.regression.formulas import nearest, unknown_variables
from kzsurvey.modelling.sampling.design import domain_rows
from kzsurvey.survey.record import MISSING_REASONS

METHODS = {
    "pmm": "numbers: an observed answer of one of the people with the nearest prediction",
    "normal": "numbers: a Bayesian linear model",
    "logistic": "two answers: a logistic model",
    "ordinal": "answers in order: a proportional-odds model",
    "nominal": "answers without order: a multinomial logistic model",
}
_DEFAULTS = {"number": "pmm", "binary": "logistic", "ordinal": "ordinal", "nominal": "nominal"}
IMPUTED_REASONS = tuple(reason for reason in MISSING_REASONS if reason != "not_asked")
_MOST_LEVELS = 20


class Variable(NamedTuple):
    """One column as numbers.

    Attributes
    ----------
    name : str
    method : a key of ``METHODS``
    numbers : (n,) array, numbers as they are, categories as codes from 0; NaN where there is no value
    levels : tuple, the answers behind the codes; empty for numbers
    asked : (n,) bool array
    low, high : float, bounds of what may be imputed
    """

    name: str
    method: str
    numbers: np.ndarray
    levels: tuple
    asked: np.ndarray
    low: float = -np.inf
    high: float = np.inf

    @property
    def observed(self) -> np.ndarray:
        """(n,) flags of rows with a value."""
        return self.asked & ~np.isnan(self.numbers)

    @property
    def missing(self) -> np.ndarray:
        """(n,) flags of rows that were asked and have no value."""
        return self.asked & np.isnan(self.numbers)


def asked_rows(
    table: pd.DataFrame, name: str, *, reasons: Sequence[str] = IMPUTED_REASONS, asked: object = None
) -> np.ndarray:
    """Rows where a question was asked: those with a value, and those without one for one of some reasons.

    Parameters
    ----------
    table : DataFrame, one row per interview
        ``<name>__missing``, where there is such a column, says why there is no value.
    name : str, the question
    reasons : of ``MISSING_REASONS``; a value missing for another reason counts as not asked
    asked : (n,) bool array, in place of the reasons

    Returns
    -------
    (n,) bool array

    Examples
    --------
    >>> table = pd.DataFrame({"hours": [40, None, None], "hours__missing": [None, "not_asked", "refused"]})
    >>> asked_rows(table, "hours").tolist()
    [True, False, True]
    """
    fail_if(unknown_variables([name], table, name="asked"), DesignError)
    known = table[name].notna().to_numpy()
    if asked is not None:
        return known | domain_rows(asked, len(table), place=f"asked {name}", index=table.index)
    if f"{name}__missing" not in table:
        return np.ones(len(table), dtype=bool)
    reason = table[f"{name}__missing"].astype("object")
    return known | (reason.isna() | reason.isin(list(reasons))).to_numpy()


def read_variables(
    table: pd.DataFrame,
    names: Sequence[str],
    *,
    methods: Mapping[str, str],
    asked: Mapping[str, object],
    reasons: Sequence[str],
    bounds: Mapping[str, tuple[float, float]],
) -> list[Variable]:
    """All columns as numbers, in the order of their names, or everything that is wrong with them.

    Raises
    ------
    DesignError
        Unknown columns, methods or reasons; a method that does not fit the answers; nobody asked who answered; the
        same answer from all where some are missing; numbers that are not finite or outside their bounds.

    Examples
    --------
    >>> table = pd.DataFrame({"hours": [40.0, None, 50.0], "role": ["head", "clerk", None]})
    >>> options = {"methods": {}, "asked": {}, "reasons": IMPUTED_REASONS, "bounds": {}}
    >>> [(found.name, found.method, found.levels) for found in read_variables(table, ["role", "hours"], **options)]
    [('hours', 'pmm', ()), ('role', 'logistic', ('clerk', 'head'))]
    """
    fail_if(_name_faults(table, names, {"methods": methods, "asked": asked, "bounds": bounds}, reasons), DesignError)
    found, faults = [], []
    for name in sorted(names):
        rows = asked_rows(table, name, reasons=reasons, asked=asked.get(name))
        low, high = bounds.get(name, (-np.inf, np.inf))
        variable = _variable(table[name], methods.get(name, ""), rows)
        wrong = list(_value_faults(variable, methods.get(name, ""), low, high))
        faults += wrong
        found += [] if wrong else [variable._replace(low=low, high=high)]
    fail_if(faults, DesignError)
    return found


def _name_faults(
    table: pd.DataFrame, names: Sequence[str], options: Mapping[str, Mapping], reasons: Sequence[str]
) -> list[Fault]:
    """Columns that are not there, twice, or not among those to be imputed."""
    columns = [str(column) for column in table]
    faults = [
        Fault("imputation", f"unknown column {name!r}", "columns of the table", hint=nearest(name, columns))
        for name in dict.fromkeys(names)
        if name not in columns
    ]
    twice = sorted({name for name in names if list(names).count(name) > 1})
    faults += [Fault("imputation", f"{name!r} a second time", "every column once") for name in twice]
    if not len(names):
        faults.append(Fault("imputation", "no columns", "the columns to impute, and those to impute from"))
    for option, given in options.items():
        faults += [
            Fault("imputation", f"{option} of {name!r}", "columns to impute", hint=nearest(name, names))
            for name in given
            if name not in names
        ]
    known = ", ".join(IMPUTED_REASONS)
    faults += [
        Fault("imputation", f"reason {reason!r}", known, hint="what was not asked is never imputed")
        for reason in reasons
        if reason not in IMPUTED_REASONS
    ]
    return faults


def _variable(column: pd.Series, method: str, asked: np.ndarray) -> Variable:
    """A column with its kind found out."""
    kind = _kind(column)
    method = method or _DEFAULTS[kind]
    if method in ("pmm", "normal") and kind == "number":
        return Variable(str(column.name), method, _numbers(column), (), asked)
    levels = _levels(column)
    code = {level: number for number, level in enumerate(levels)}
    values = column.astype("object").map(code).to_numpy(dtype=float, na_value=np.nan)
    return Variable(str(column.name), method, values, levels, asked)


def _kind(column: pd.Series) -> str:
    """number, binary, ordinal or nominal."""
    dtype, values = column.dtype, column.dropna().unique()
    numeric = pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
    if numeric:
        return "binary" if set(values) == {0, 1} else "number"
    if len(values) == 2:
        return "binary"
    return "ordinal" if getattr(dtype, "ordered", False) else "nominal"


def _numbers(column: pd.Series) -> np.ndarray:
    return column.to_numpy(dtype=float, na_value=np.nan)


def _levels(column: pd.Series) -> tuple:
    """Answers that somebody gave, in their order, else sorted."""
    given = column.dropna().unique()
    if isinstance(column.dtype, pd.CategoricalDtype):
        return tuple(level for level in column.dtype.categories if level in set(given))
    return tuple(sorted(given, key=lambda level: (str(type(level)), level)))


def _value_faults(variable: Variable, asked_for: str, low: float, high: float) -> list[Fault]:
    """What cannot be imputed from these answers."""
    name, given = variable.name, variable.numbers[variable.observed]
    place = {"file": "imputation", "column": name}
    kind = "number" if not variable.levels else ""
    if asked_for and asked_for not in METHODS:
        return [Fault(found=f"method {asked_for!r}", allowed=", ".join(METHODS), **place)]
    if not len(given):
        hint = "leave it out: there is nothing to learn from"
        return [Fault(found="no answer at all among those asked", allowed="some answers", hint=hint, **place)]
    if not np.isfinite(given).all():
        return [Fault(found="numbers that are not finite", allowed="finite numbers", **place)]
    if variable.missing.any() and np.ptp(given) == 0:
        hint = "leave it out, or fill it in by a rule of your own"
        return [Fault(found="the same answer from all who answered", allowed="answers that vary", hint=hint, **place)]
    if variable.missing.any() and len(variable.levels) > _MOST_LEVELS:
        hint = "merge answers, or leave it out"
        found = f"{len(variable.levels)} different answers"
        return [Fault(found=found, allowed=f"at most {_MOST_LEVELS} categories", hint=hint, **place)]
    if variable.missing.any() and (fault := _method_fault(variable, asked_for)):
        return [Fault(found=fault, allowed=", ".join(_fitting(variable)), **place)]
    outside = int(((given < low) | (given > high)).sum()) if kind == "number" else 0
    if outside:
        return [Fault(found=f"{outside} answers outside the bounds", allowed=f"{low:g} to {high:g}", **place)]
    if not kind and (np.isfinite(low) or np.isfinite(high)):
        return [Fault(found="bounds of an item in categories", allowed="bounds of numbers", **place)]
    return []


def _fitting(variable: Variable) -> tuple[str, ...]:
    """Methods for these answers."""
    if not variable.levels:
        return tuple(METHODS)[:2] + ("ordinal", "nominal")
    return ("logistic",) if len(variable.levels) == 2 else ("ordinal", "nominal")


def _method_fault(variable: Variable, asked_for: str) -> str:
    """A method that the answers do not fit; empty where it does."""
    two = len(variable.levels) == 2
    if asked_for == "logistic" and not two:
        return f"method logistic for {len(variable.levels) or 'many'} different answers"
    if asked_for in ("pmm", "normal") and variable.levels:
        return f"method {asked_for} for answers in categories"
    return ""
