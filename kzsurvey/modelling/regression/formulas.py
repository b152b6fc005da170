"""A formula and a table made into an outcome and a matrix; what the formula asks for and the table lacks is named."""

import ast
import difflib
import math
import re
import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from formulaic import Formula, ModelSpec, SimpleFormula
from formulaic.errors import DataMismatchWarning, FormulaicError

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.sampling.design import domain_rows, repeated_names

_FUNCTIONS = {"np": np}  # what a formula may use beside the transforms of formulaic (C, center, scale, poly, bs)
_CODED = re.compile(r"C\((`[^`]+`|\w+)(?:,.*)?\)")
_QUOTED = re.compile(r"`([^`]+)`")
_IN_BACKTICKS = "a name with spaces or signs stands in backticks: `hours a week`"


@dataclass(frozen=True, eq=False)
class Prepared:
    """What a formula takes from a table.

    Attributes
    ----------
    outcome : (m,) Series, left side of the formula for the rows used, as it stands in the table
    matrix : (m, p) array, right side
    names : tuple of str, one per column of the matrix
    rows : (n,) bool array, rows of the table used: in the domain, with every variable known
    n_dropped : int, rows of the domain left out because a variable is missing
    left : str, the left side as written
    spec : ModelSpec, to make the same matrix from other rows
    """

    outcome: pd.Series
    matrix: np.ndarray
    names: tuple[str, ...]
    rows: np.ndarray
    n_dropped: int
    left: str
    spec: ModelSpec


def prepare(
    formula: str, table: pd.DataFrame, *, name: str = "", where: np.ndarray | None = None, also: tuple[str, ...] = ()
) -> Prepared:
    """Evaluate a formula on the rows of a domain that have every variable it needs.

    Parameters
    ----------
    formula : str
        Wilkinson notation as formulaic reads it: ``y ~ x + C(group) + a:b + center(x) * z + np.log(pay)``.
        Centring and coding see the rows used only; categories nobody of them has are left out. A column whose name has
        spaces or signs stands in backticks: ``y ~ `hours a week```.
    table : DataFrame, one row per interview
    name : str
        What messages call the model.
    where : (n,) bool array
        The domain; everybody where None.
    also : tuple of str
        Further columns that must be known (an offset, say).

    Returns
    -------
    Prepared

    Raises
    ------
    DesignError
        A formula that does not parse, or with no or several outcomes; unknown variables; nobody left; a term that is
        not a finite number.

    Examples
    --------
    >>> table = pd.DataFrame({"y": [1.0, 2.0, 4.0], "x": [1.0, None, 3.0], "place": ["a", "b", "b"]})
    >>> prepared = prepare("y ~ center(x) + C(place)", table)
    >>> prepared.names, prepared.matrix.tolist(), prepared.n_dropped
    (('Intercept', 'center(x)', 'C(place)[T.b]'), [[1.0, -1.0, 0.0], [1.0, 1.0, 1.0]], 1)
    >>> prepare("y ~ plce", table, name="H1")
    Traceback (most recent call last):
    kzsurvey.errors.DesignError: model H1: found unknown variable 'plce'; allowed: columns of the table; perhaps place
    """
    parsed = _parsed(formula, name)
    needed = sorted({*parsed.variables, *also})
    unknown = unknown_variables(needed, table, name=name)
    fail_if([replace(fault, hint=_quoted(fault.hint)) for fault in unknown], DesignError)
    fail_if(repeated_names(table, needed, _model(name)), DesignError)
    domain = domain_rows(where, len(table), place=_model(name), index=table.index)
    columns = {column: table[column] for column in needed}
    rows = domain & _known(columns, len(table))
    if not rows.any():
        found = "nobody in its domain" if not domain.any() else "nobody in its domain with every variable known"
        raise DesignError(Fault(_model(name), found, "at least one interview"))
    used = _used(columns, table.index, rows, parsed.coded)
    outcome = _outcome(parsed.left, used, name)
    matrix, spec = _numbers(parsed, used) or _evaluated(parsed.right, used, name)
    names = tuple(map(str, spec.column_names))
    fail_if([*_outcome_faults(outcome, parsed.left, name), *_infinite_faults(matrix, names, name)], DesignError)
    dropped = int(domain.sum() - rows.sum())
    return Prepared(outcome, matrix, names, rows, dropped, parsed.left, spec)


def model_matrix(spec: ModelSpec, table: pd.DataFrame, *, name: str = "") -> np.ndarray:
    """The matrix of a fitted formula for other rows: same columns, same coding and centring.

    Parameters
    ----------
    spec : ModelSpec, from :func:`prepare`
    table : DataFrame, one row per interview (or per case of a grid)
    name : str
        What messages call the model.

    Returns
    -------
    (n, p) array, missing in rows where a variable is missing

    Raises
    ------
    DesignError
        Unknown variables; a category that the rows fitted did not have; a term that is not a finite number.

    Examples
    --------
    >>> spec = prepare("y ~ center(x)", pd.DataFrame({"y": [1.0, 2.0], "x": [1.0, 3.0]})).spec
    >>> model_matrix(spec, pd.DataFrame({"x": [4.0, None]})).tolist()
    [[1.0, 2.0], [nan, nan]]
    """
    needed = sorted(_names_in(*_factors(spec.formula)))
    fail_if(unknown_variables(needed, table, name=name), DesignError)
    columns = {column: table[column] for column in needed}
    rows = _known(columns, len(table))
    matrix = np.full((len(table), len(spec.column_names)), np.nan)
    if rows.any():
        used = _used(columns, table.index, rows, _coded(_factors(spec.formula)))
        values, _ = _evaluated(spec, used, name)
        fail_if(_infinite_faults(values, tuple(map(str, spec.column_names)), name), DesignError)
        matrix[rows] = values
    return matrix


def variables_of(spec: ModelSpec) -> list[str]:
    """Variables of the right side of a fitted formula, in the order of their terms.

    Examples
    --------
    >>> table = pd.DataFrame({"y": [1.0, 2.0, 4.0], "x": [1.0, 2.0, 4.0], "z": ["a", "b", "b"]})
    >>> variables_of(prepare("y ~ z + np.log(x)", table).spec)
    ['z', 'x']
    """
    found = [name for factor in _factors(spec.formula) for name in sorted(_names_in(factor))]
    return list(dict.fromkeys(found))


def formula_variables(formula: str, *, name: str = "") -> list[str]:
    """Variables that a formula names, both sides, sorted.

    Examples
    --------
    >>> formula_variables("load ~ center(pay) + C(level)")
    ['level', 'load', 'pay']
    """
    return sorted(_parsed(formula, name)[2])


def categorical_variables(spec: ModelSpec) -> set[str]:
    """Variables that a fitted formula codes as categories.

    Examples
    --------
    >>> table = pd.DataFrame({"y": [1.0, 2.0, 4.0], "x": [1.0, 2.0, 4.0], "z": ["a", "b", "b"]})
    >>> sorted(categorical_variables(prepare("y ~ z + C(x)", table).spec))
    ['x', 'z']
    """
    kinds = {str(factor): state[0].value for factor, state in spec.encoder_state.items()}
    factors = {factor for factor in _factors(spec.formula) if kinds.get(factor.strip("`")) == "categorical"}
    return _names_in(*factors)


def unknown_variables(names: Iterable[str], table: pd.DataFrame, *, name: str = "") -> list[Fault]:
    """One fault per name that is not a column, with the nearest column there is.

    Examples
    --------
    >>> [str(fault) for fault in unknown_variables(["workloud"], pd.DataFrame({"workload": [1]}), name="H2")]
    ["model H2: found unknown variable 'workloud'; allowed: columns of the table; perhaps workload"]
    """
    columns = [str(column) for column in table]
    return [
        Fault(_model(name), f"unknown variable {wanted!r}", "columns of the table", hint=nearest(wanted, columns))
        for wanted in names
        if wanted not in columns
    ]


def nearest(wanted: str, known: Iterable[str]) -> str:
    """A hint at the name that was probably meant; empty where none is near.

    Examples
    --------
    >>> nearest("pay_satisfction", ["pay_satisfaction", "workload"])
    'perhaps pay_satisfaction'
    """
    near = difflib.get_close_matches(wanted, list(known), n=1, cutoff=0.6)
    return f"perhaps {near[0]}" if near else ""


def _model(name: str) -> str:
    """What messages call a model."""
    return f"model {name}".strip()


class _Parsed(NamedTuple):
    """A formula taken apart.

    Attributes
    ----------
    left : str, as written
    right : SimpleFormula
    variables : set of str, of both sides
    coded : set of str, variables that are nothing but categories: C(year)
    products : the columns that each term multiplies (none: the intercept); None where a term is anything else
    numbers : ModelSpec of such a formula where all these columns are numbers: the same for every table
    """

    left: str
    right: SimpleFormula
    variables: frozenset[str]
    coded: frozenset[str]
    products: tuple[tuple[str, ...], ...] | None = None
    numbers: ModelSpec | None = None


def _parsed(formula: str, name: str) -> _Parsed:
    """A formula taken apart, or why it cannot be."""
    try:
        return _understood(formula)
    except (FormulaicError, SyntaxError) as error:
        found = f"formula {formula!r} ({str(error).splitlines()[0]})"
        raise DesignError(Fault(_model(name), found, "a formula that parses", hint=_IN_BACKTICKS)) from error
    except ValueError as error:
        raise DesignError(Fault(_model(name), f"formula {formula!r}", str(error))) from error


@lru_cache(maxsize=256)
def _understood(formula: str) -> _Parsed:
    """The parts of a formula; parsing takes longer than a small fit."""
    left, tilde, right = (part.strip() for part in formula.partition("~"))
    if not (left and tilde and right) or "~" in right or "|" in formula:
        raise ValueError("one outcome, ~ and terms: y ~ x + z")
    if re.search(r"\bQ\(", formula):
        raise ValueError(_IN_BACKTICKS)
    parsed = Formula(right)
    variables = frozenset(_names_in(left, *_factors(parsed)))
    alone = _QUOTED.fullmatch(left)
    coded = _coded([left, *_factors(parsed)])
    found, products = _Parsed(alone[1] if alone else left, parsed, variables, coded), _products(parsed)
    if products is None:
        return found
    any_row = pd.DataFrame(0.0, [0], sorted(variables))
    return found._replace(products=products, numbers=parsed.get_model_matrix(any_row, output="numpy").model_spec)


def _products(formula: SimpleFormula) -> tuple[tuple[str, ...], ...] | None:
    """The columns that each term multiplies; None where a term is anything else."""
    terms = [[factor for factor in term.factors if factor.expr != "1"] for term in formula]
    plain = all(factor.eval_method.value == "lookup" for factors in terms for factor in factors)
    return tuple(tuple(factor.expr for factor in factors) for factors in terms) if plain else None


def _factors(formula: SimpleFormula) -> list[str]:
    """The expressions between the operators of a formula; a column by itself in backticks."""
    factors = [factor for term in formula for factor in term.factors if factor.expr != "1"]
    return [f"`{factor.expr}`" if factor.eval_method.value == "lookup" else factor.expr for factor in factors]


def _names_in(*expressions: str) -> set[str]:
    """Variables in Python expressions: what is in backticks, and names that are not called, and not a module."""
    quoted = {name for expression in expressions for name in _QUOTED.findall(expression)}
    trees = [ast.parse(_QUOTED.sub("0", expression), mode="eval") for expression in expressions]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    names = {node.id for node in nodes if isinstance(node, ast.Name) and id(node) not in called}
    return quoted | (names - set(_FUNCTIONS))


def _coded(factors: list[str]) -> frozenset[str]:
    """Variables that stand in ``C(...)`` only."""
    inside = {name for factor in factors if (found := _CODED.fullmatch(factor)) for name in _names_in(found[1])}
    return frozenset(inside - _names_in(*(factor for factor in factors if not _CODED.fullmatch(factor))))


def _quoted(hint: str) -> str:
    """A hint at a column as a formula has to write it."""
    near = hint.removeprefix("perhaps ")
    return hint if not near or near.isidentifier() else f"perhaps `{near}`, with its backticks"


def _known(columns: dict[str, pd.Series], count: int) -> np.ndarray:
    """Rows where all of some variables are known."""
    known = np.ones(count, dtype=bool)
    for column in columns.values():
        known &= ~np.asarray(pd.isna(column.array), dtype=bool)
    return known


class _Used(NamedTuple):
    """Some variables in some rows: columns as floats or categories, and the index of the rows."""

    columns: dict[str, np.ndarray | pd.Categorical]
    index: pd.Index


def _used(columns: dict[str, pd.Series], index: pd.Index, rows: np.ndarray, coded: frozenset[str]) -> _Used:
    """Some variables in some rows."""
    everybody = bool(rows.all())
    plain = {name: _plain(column if everybody else column[rows]) for name, column in columns.items()}
    whole = {name: _whole(plain[name]) for name in coded & plain.keys()}
    return _Used(plain | whole, index if everybody else index[rows])


def _whole(values: np.ndarray | pd.Categorical) -> np.ndarray | pd.Categorical:
    """Numbers that name categories: 2022, not 2022.0."""
    whole = isinstance(values, np.ndarray) and (np.abs(values) < 2**53).all() and (values == np.floor(values)).all()
    return values.astype(np.int64) if whole else values


def _plain(column: pd.Series) -> np.ndarray | pd.Categorical:
    """A column as floats, or as the categories that occur."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.array.remove_unused_categories()
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.to_numpy(dtype=float)
    return pd.Categorical(column)


def _outcome(left: str, used: _Used, name: str) -> pd.Series:
    """A column, or what is computed of columns."""
    if left in used.columns:
        return pd.Series(used.columns[left], index=used.index, name=left)
    return pd.Series(_evaluated(Formula(left, _context=None), used, name)[0][:, -1], index=used.index)


def _numbers(parsed: _Parsed, used: _Used) -> tuple[np.ndarray, ModelSpec] | None:
    """Matrix and specification of a formula of numbers and their products; None where there is more to it.

    Formulaic gives the same, in a time that is most of a small fit.
    """
    products, columns = parsed.products, used.columns
    named = {column for term in products or () for column in term}
    if not products or not all(isinstance(columns[column], np.ndarray) for column in named):
        return None
    ones = np.ones(len(used.index))
    matrix = np.stack([math.prod((columns[column] for column in term), start=ones) for term in products], axis=1)
    return matrix, parsed.numbers


def _evaluated(formula: SimpleFormula | ModelSpec, used: _Used, name: str) -> tuple[np.ndarray, ModelSpec]:
    """Matrix and specification by formulaic, or what in the formula cannot be evaluated."""
    table = pd.DataFrame(used.columns, index=used.index, copy=False)
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("error", DataMismatchWarning)
            matrix = formula.get_model_matrix(table, context=_FUNCTIONS, na_action="ignore", output="numpy")
        return np.asarray(matrix, dtype=float), matrix.model_spec
    except (DataMismatchWarning, FormulaicError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DesignError(
            Fault(_model(name), f"a term that cannot be evaluated: {reason}", "C(), center(), np.log() ...")
        ) from error


def offset_numbers(table: pd.DataFrame, offset: str, rows: np.ndarray, *, name: str = "") -> np.ndarray:
    """An offset as numbers, known for the rows used.

    Examples
    --------
    >>> offset_numbers(pd.DataFrame({"log_days": [0.0, None]}), "log_days", np.array([True, False])).tolist()
    [0.0, nan]
    """
    fail_if(unknown_variables([offset], table, name=name), DesignError)
    values = pd.to_numeric(table[offset], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
    if not np.isfinite(values[rows]).all():
        raise DesignError(Fault(_model(name), f"offset {offset} with values other than numbers", "numbers"))
    return values


def _outcome_faults(outcome: pd.Series, left: str, name: str) -> list[Fault]:
    """An outcome such as the log of 0."""
    values = outcome.to_numpy()
    bad = int((~np.isfinite(values)).sum()) if values.dtype == float else 0
    found = f"outcome {left} is not a finite number in {bad} interviews"
    return [Fault(_model(name), found, "finite numbers")] if bad else []


def _infinite_faults(matrix: np.ndarray, names: tuple[str, ...], name: str) -> list[Fault]:
    """Terms such as the log of 0."""
    bad = (~np.isfinite(matrix)).sum(axis=0)
    return [
        Fault(_model(name), f"term {term} is not a finite number in {count} interviews", "finite numbers")
        for term, count in zip(names, bad, strict=True)
        if count
    ]
