"""Arithmetic over labelled parameters, evaluated on numbers, on many draws at once, or on complex numbers."""

import ast
import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

_OPERATORS: dict[type, Callable] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.divide,
    ast.Pow: np.power,
}
_FUNCTIONS: dict[str, Callable] = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "abs": lambda value: value * np.sign(np.real(value)),  # keeps a complex step
}
_DOT = "·"  # stands for the dot of a label, which Python reads otherwise


class Expression(NamedTuple):
    """An expression, ready to be evaluated.

    Attributes
    ----------
    names : tuple of str, the labels in it, in order of appearance
    tree : the parsed expression
    """

    names: tuple[str, ...]
    tree: ast.expr

    def __call__(self, values: Mapping[str, np.ndarray]) -> np.ndarray:
        """Value, given those of its labels."""
        with np.errstate(all="ignore"):
            return _value(self.tree, values)


def compile_arithmetic(text: str) -> Expression:
    """Read an expression of labels and numbers.

    Parameters
    ----------
    text : str
        With ``+ - * / ^ ( )`` and ``exp log sqrt abs``.

    Raises
    ------
    ValueError
        What cannot be read, in words.

    Examples
    --------
    >>> share = compile_arithmetic("a*b / (a*b + c')".replace("'", "1"))
    >>> share.names, float(share({"a": 0.5, "b": 0.4, "c1": 0.3}))
    (('a', 'b', 'c1'), 0.4)
    >>> compile_arithmetic("a + open(b)")
    Traceback (most recent call last):
    ValueError: function open()
    """
    written = re.sub(r"(?<=[^\W\d])\.|(?<![\d])\.(?=[^\W\d])", _DOT, text.replace("^", "**"))
    written = re.sub(r"(?<=\w)\.(?=[^\W\d])", _DOT, written)
    written = written.replace(_DOT, "_dot_")
    try:
        tree = ast.parse(written, mode="eval").body
    except SyntaxError:
        raise ValueError(f"expression {text!r}") from None
    names: dict[str, None] = {}
    _check(tree, names)
    return Expression(tuple(names), tree)


def _label(name: str) -> str:
    return name.replace("_dot_", ".")


def _check(node: ast.expr, names: dict[str, None]) -> None:
    """Collect the labels; refuse whatever is no arithmetic."""
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        _check(node.left, names)
        _check(node.right, names)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        _check(node.operand, names)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id not in _FUNCTIONS or len(node.args) != 1 or node.keywords:
            raise ValueError(f"function {node.func.id}()")
        _check(node.args[0], names)
    elif isinstance(node, ast.Name):
        names[_label(node.id)] = None
    elif not (isinstance(node, ast.Constant) and isinstance(node.value, (int, float))):
        raise ValueError(f"{_label(ast.unparse(node))!r}")


def _value(node: ast.expr, values: Mapping[str, np.ndarray]) -> np.ndarray:
    if isinstance(node, ast.BinOp):
        return _OPERATORS[type(node.op)](_value(node.left, values), _value(node.right, values))
    if isinstance(node, ast.UnaryOp):
        inner = _value(node.operand, values)
        return -inner if isinstance(node.op, ast.USub) else inner
    if isinstance(node, ast.Call):
        return _FUNCTIONS[node.func.id](_value(node.args[0], values))
    if isinstance(node, ast.Name):
        return np.asarray(values[_label(node.id)])
    return np.asarray(float(node.value))
