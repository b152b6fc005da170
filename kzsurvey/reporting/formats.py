"""How a number is written, in print and as data."""

import math
from collections.abc import Callable
from typing import Any

import pandas as pd

DIGITS = 10  # significant; processors agree that far


def shown(value: Any, format: str, *, beside: float = 0.0) -> str:
    """A value as readers see it.

    Parameters
    ----------
    value : number or text
    format : str
        A key of ``FORMATS``.
    beside : float
        The largest of the numbers it stands beside: ``number`` gives all of them the same decimals.

    Examples
    --------
    >>> shown(0.4213, "percent"), shown(12345, "integer"), shown(0.00004, "p"), shown(-0.2, "number")
    ('42.1%', '12,345', '<0.001', '−0.20')
    """
    if format not in FORMATS:
        raise ValueError(f"no format {format!r}; allowed: {', '.join(FORMATS)}")
    return _like(value, beside) if format == "number" else FORMATS[format](value)


def format_of(name: str, value: Any) -> str:
    """The format of a column without one of its own: by its name, else by its type."""
    if name in BY_NAME:
        return BY_NAME[name]
    kinds = pd.api.types
    if kinds.is_bool(value) or kinds.is_bool_dtype(value):
        return "text"
    if kinds.is_integer(value) or kinds.is_integer_dtype(value):
        return "integer"
    return "number" if kinds.is_float(value) or kinds.is_numeric_dtype(value) else "text"


def rounded(value: Any) -> Any:
    """A value as data: plain types, ten significant digits, ``None`` where there is no value.

    Examples
    --------
    >>> rounded(1 / 3), rounded(float("nan")), rounded(pd.NA)
    (0.3333333333, None, None)
    """
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, bool | str):
        return value
    if pd.api.types.is_integer(value):
        return int(value)
    if pd.api.types.is_float(value):
        return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else None
    return str(value)


def _number(digits: int) -> Callable[[Any], str]:
    return lambda value: _sign(f"{value:,.{digits}f}")


def _percent(digits: int) -> Callable[[Any], str]:
    return lambda value: _sign(f"{100 * value:.{digits}f}%")


def _like(value: float, beside: float) -> str:
    """Two decimals below a hundred, one below a thousand, none above: about as many as mean something."""
    size = max(abs(value), abs(beside))
    return _number(2 if size < 100 else 1 if size < 1000 else 0)(value)


def _p_is(value: float) -> str:
    """After the letter p in a sentence."""
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def _p_value(value: float) -> str:
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def _sign(text: str) -> str:
    """A minus is a minus, and there is no negative zero."""
    return text if not text.startswith("-") else text[1:] if not text.strip("-0.,%") else f"−{text[1:]}"


FORMATS: dict[str, Callable[[Any], str]] = {
    "text": str,
    "integer": _number(0),
    "number": lambda value: _like(value, 0.0),
    "number1": _number(1),
    "number3": _number(3),
    "percent": _percent(1),
    "percent0": _percent(0),
    "p": _p_value,
    "p_is": _p_is,
}
BY_NAME = {"n": "integer", "count": "integer", "p_value": "p", "p_adjusted": "p", "df": "number1"}
