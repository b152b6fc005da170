"""How a number is written, in print and as data."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

DIGITS = 10  # significant; processors agree that far
DECIMALS = 6  # at most; what is smaller than the last of them is nought


def shown(value: Any, format: str, *, beside: Sequence[float] = ()) -> str:
    """A value as readers see it.

    Parameters
    ----------
    value : number or text
    format : str
        A key of ``FORMATS``.
    beside : estimate, low end, high end
        The row that the value stands in, itself included: ``number`` gives all of them the same decimals.

    Notes
    -----
    ``number``: two decimals below a hundred, one below a thousand, none above; more where the estimate would
    have fewer than two significant digits, but no more than half its interval has in two; more too where half the
    interval or one of its ends would round to nought.

    Examples
    --------
    >>> row = (0.0042, 0.0007, 0.0077)
    >>> [shown(value, "number", beside=row) for value in row]
    ['0.0042', '0.0007', '0.0077']
    >>> shown(0.4213, "percent"), shown(12345, "integer"), shown(0.00004, "p"), shown(-0.2, "number")
    ('42.1%', '12,345', '<0.001', '−0.20')
    """
    if format not in FORMATS:
        raise ValueError(f"no format {format!r}; allowed: {', '.join(FORMATS)}")
    return _number(decimals(beside or (value,)))(value) if format == "number" else FORMATS[format](value)


def decimals(row: Sequence[float]) -> int:
    """How many decimals ``number`` gives to an estimate and the two ends of its interval, if it has one.

    Examples
    --------
    >>> decimals([0.21]), decimals([0.0042, 0.001, 0.0074]), decimals([0.0004, -0.2, 0.2]), decimals([512.3, 498, 526])
    (2, 4, 2, 1)
    """
    estimate, *ends = (float(value) for value in row if not pd.isna(value))
    size = max(abs(value) for value in (estimate, *ends))
    half = (max(ends) - min(ends)) / 2 if ends else 0.0
    known = min(_places(estimate, 2), _places(half, 2)) if half else _places(estimate, 2)
    needed = [known, _places(half, 1), *(_places(end, 1) for end in ends)]
    return min(max(2 if size < 100 else 1 if size < 1000 else 0, *needed), DECIMALS)


def shown_tick(value: float, format: str, ticks: Sequence[float]) -> str:
    """A tick of an axis, with the decimals that its steps need.

    Examples
    --------
    >>> [shown_tick(value, "number", [-0.002, 0, 0.002]) for value in (0.0, 0.002)]
    ['0.000', '0.002']
    >>> shown_tick(0.005, "percent0", [0, 0.005, 0.01])
    '0.5%'
    """
    if len(ticks) < 2 or format not in ("number", "percent0"):
        return shown(value, format)
    step = abs(float(ticks[1] - ticks[0])) * (1 if format == "number" else 100)
    digits = max(0, _places(step * (1 + 1e-9), 1))  # a step of 0.1 is a little less in binary
    return (_number if format == "number" else _percent)(digits)(value)


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


def _places(value: float, digits: int) -> int:
    """Decimals at which a value has so many significant digits; none are needed for nought."""
    if not math.isfinite(value) or abs(value) < 0.5 * 10**-DECIMALS:
        return 0
    return digits - 1 - math.floor(math.log10(abs(value)))


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
    "written": str,  # numbers as they stand, set like numbers
    "integer": _number(0),
    "number": lambda value: _number(decimals((value,)))(value),
    "number1": _number(1),
    "number2": _number(2),
    "number3": _number(3),
    "percent": _percent(1),
    "percent0": _percent(0),
    "points": lambda value: _number(1)(100 * value),  # percentage points
    "p": _p_value,
    "p_is": _p_is,
}
BY_NAME = {"n": "integer", "count": "integer", "p_value": "p", "p_adjusted": "p", "p_holm": "p", "df": "number1"}
