"""A formula and a table made into an outcome and a matrix; what the formula asks for and the table lacks is named."""

import ast
import difflib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from formulaic import Formula, ModelSpec, SimpleFormula
from formulaic.errors import FormulaicError

from kzsurvey.errors import DesignError, Fault, fail_if

_FUNCTIONS = {"np": np}  # what a formula may use beside the transforms of formulaic (C, center, scale, poly, bs)


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
        Centring and coding see the rows used only; categories nobody of them has are left out.
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
    kzsurvey.errors.DesignError: model H1: found unknown variable 'plce'; allowed: columns of analysis; perhaps place
    """
    left, right = _parsed(formula, name)
    needed = sorted({*_names_in(left), *_names_in(*_factors(right)), *also})
    fail_if(unknown_variables(needed, table, name=name), DesignError)
    domain = np.ones(len(table), dtype=bool) if where is None else np.asarray(where, dtype=bool)
    rows = domain & table[needed].notna().all(axis=1).to_numpy()
    if not rows.any():
        found = "nobody in its domain" if not domain.any() else "nobody in its domain with every variable known"
        raise DesignError(Fault(_model(name), found, "at least one interview"))
    used = pd.DataFrame({column: _plain(table.loc[rows, column]) for column in needed})
    outcome = used[left] if left in used else _evaluated(Formula(left, _context=None), used, name).iloc[:, -1]
    matrix = _evaluated(right, used, name)
    names = tuple(str(column) for column in matrix)
    values = matrix.to_numpy(dtype=float)
    fail_if(_infinite_faults(values, names, name), DesignError)
    dropped = int(domain.sum() - rows.sum())
    return Prepared(outcome, values, names, rows, dropped, left, matrix.model_spec)


def unknown_variables(names: Iterable[str], table: pd.DataFrame, *, name: str = "") -> list[Fault]:
    """One fault per name that is not a column, with the nearest column there is.

    Examples
    --------
    >>> [str(fault) for fault in unknown_variables(["workloud"], pd.DataFrame({"workload": [1]}), name="H2")]
    ["model H2: found unknown variable 'workloud'; allowed: columns of analysis; perhaps workload"]
    """
    columns = [str(column) for column in table]
    return [
        Fault(_model(name), f"unknown variable {wanted!r}", "columns of analysis", hint=nearest(wanted, columns))
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


def _parsed(formula: str, name: str) -> tuple[str, SimpleFormula]:
    """Left side as written, right side parsed."""
    left, tilde, right = (part.strip() for part in formula.partition("~"))
    if not (left and tilde and right) or "~" in right or "|" in formula:
        raise DesignError(Fault(_model(name), f"formula {formula!r}", "one outcome, ~ and terms: y ~ x + z"))
    try:
        parsed = Formula(right)
        ast.parse(left, mode="eval")
    except (FormulaicError, SyntaxError) as error:
        reason = str(error).splitlines()[0]
        raise DesignError(Fault(_model(name), f"formula {formula!r} ({reason})", "a formula that parses")) from error
    return left, parsed


def _factors(formula: SimpleFormula) -> list[str]:
    """The expressions between the operators of a formula."""
    return [factor.expr for term in formula for factor in term.factors if factor.expr != "1"]


def _names_in(*expressions: str) -> set[str]:
    """Variables in Python expressions: names that are not called, and not a module."""
    trees = [ast.parse(expression, mode="eval") for expression in expressions]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    called = {id(node.func) for node in nodes if isinstance(node, ast.Call)}
    return {node.id for node in nodes if isinstance(node, ast.Name) and id(node) not in called} - set(_FUNCTIONS)


def _plain(column: pd.Series) -> pd.Series:
    """A column as formulaic takes it: floats, or categories that occur."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.remove_unused_categories()
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.astype(float)
    return column.astype("category")


def _evaluated(formula: SimpleFormula, used: pd.DataFrame, name: str) -> pd.DataFrame:
    """The model matrix, or what in the formula cannot be evaluated."""
    try:
        with np.errstate(all="ignore"):
            return formula.get_model_matrix(used, context=_FUNCTIONS, na_action="ignore")
    except (FormulaicError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DesignError(
            Fault(_model(name), f"a term that cannot be evaluated: {reason}", "C(), center(), np.log() ...")
        ) from error


def _infinite_faults(matrix: np.ndarray, names: tuple[str, ...], name: str) -> list[Fault]:
    """Terms such as the log of 0."""
    bad = (~np.isfinite(matrix)).sum(axis=0)
    return [
        Fault(_model(name), f"term {term} is not a finite number in {count} interviews", "finite numbers")
        for term, count in zip(names, bad, strict=True)
        if count
    ]
