"""What the operators and functions of XLSForm expressions do, for whole columns."""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.survey.columns import (
    Days,
    Flags,
    Numbers,
    Values,
    Words,
    by_distinct,
    choose,
    from_series,
    missing,
    to_days,
    to_flags,
    to_numbers,
    to_words,
)
from kzsurvey.survey.grammar import Node


class Context(NamedTuple):
    """What an expression is applied to."""

    table: pd.DataFrame
    value: pd.Series | None
    today: Values | None
    option: Mapping[str, object]
    doubt: bool | None  # what a < or > with no value on one side is taken for; None: it does not hold, as in ODK


def evaluate(node: Node, context: Context) -> Values:
    """The values of a part of an expression, one per row or one for all rows."""
    return LEAVES[node.kind](node, context) if node.kind in LEAVES else OPERATIONS[node.word](node.arguments, context)


def _name(node: Node, context: Context) -> Values:
    return from_series(context.table[node.word])


def _dot(node: Node, context: Context) -> Values:
    if context.value is None:
        raise ValueError("an expression with . needs value, the answers it stands for")
    return from_series(context.value)


def _filter_column(node: Node, context: Context) -> Values:
    value = context.option[node.word]
    return from_series(value) if isinstance(value, pd.Series) else Words.constant(str(value))


def _either(arguments: tuple[Node, ...], context: Context) -> Values:
    left, right = (to_flags(evaluate(argument, context)).data for argument in arguments)
    return Flags(left | right)


def _both(arguments: tuple[Node, ...], context: Context) -> Values:
    left, right = (to_flags(evaluate(argument, context)).data for argument in arguments)
    return Flags(left & right)


def _not(arguments: tuple[Node, ...], context: Context) -> Values:
    # the benefit of the doubt inside is its contrary outside
    inside = context if context.doubt is None else context._replace(doubt=not context.doubt)
    return Flags(~to_flags(evaluate(arguments[0], inside)).data)


def _equal(left: Values, right: Values) -> np.ndarray:
    """Equality as in XPath: as conditions, dates or numbers where one side is one, else as text; gaps are equal."""
    if isinstance(left, Flags) or isinstance(right, Flags):
        return to_flags(left).data == to_flags(right).data
    if isinstance(left, Words) and isinstance(right, Words):
        return left.equals(right)
    same = np.abs(_comparable(left, right) - _comparable(right, left)) < 1e-12
    return same | (missing(left) & missing(right))


def _comparable(values: Values, other: Values) -> np.ndarray:
    """Values as numbers; as days since 1970 where one side is a date."""
    dated = isinstance(values, Days) or isinstance(other, Days)
    return (to_days(values) if dated else to_numbers(values)).data


def _equality(wanted: bool) -> Callable:
    def compare(arguments: tuple[Node, ...], context: Context) -> Values:
        left, right = (evaluate(argument, context) for argument in arguments)
        return Flags(_equal(left, right) == wanted)

    return compare


def _order(compare_numbers: Callable) -> Callable:
    def compare(arguments: tuple[Node, ...], context: Context) -> Values:
        left, right = (evaluate(argument, context) for argument in arguments)
        one, other = _comparable(left, right), _comparable(right, left)
        unknown = np.isnan(one) | np.isnan(other)
        return Flags(np.where(unknown, bool(context.doubt), compare_numbers(one, other)))

    return compare


def _arithmetic(compute: Callable) -> Callable:
    def compute_from(arguments: tuple[Node, ...], context: Context) -> Values:
        return Numbers(compute(*(to_numbers(evaluate(argument, context)).data for argument in arguments)))

    return compute_from


def _by_text(compute: Callable, result: Callable) -> Callable:
    """A function of texts, run once per distinct combination."""

    def compute_from(arguments: tuple[Node, ...], context: Context) -> Values:
        return by_distinct(compute, result, [to_words(evaluate(argument, context)) for argument in arguments])

    return compute_from


def _if(arguments: tuple[Node, ...], context: Context) -> Values:
    sure = context._replace(doubt=None)
    return choose(to_flags(evaluate(arguments[0], sure)).data, *(evaluate(part, context) for part in arguments[1:]))


def _coalesce(arguments: tuple[Node, ...], context: Context) -> Values:
    result = evaluate(arguments[-1], context)
    for argument in reversed(arguments[:-1]):
        first = evaluate(argument, context)
        result = choose(~missing(first), first, result)
    return result


def _selected(answer: str, option: str) -> bool:
    return f" {option.strip()} " in f" {answer} "


def _full_match(answer: str, pattern: str) -> bool:
    return re.fullmatch(pattern, answer) is not None


def _joined(*parts: str) -> str:
    return "".join(parts)


LEAVES = {
    "number": lambda node, context: Numbers(np.array([float(node.word)])),
    "text": lambda node, context: Words.constant(node.word),
    "name": _name,
    "dot": _dot,
    "column": _filter_column,
}
MANY = 100
FUNCTIONS = {
    "not": (1, 1, _not),
    "selected": (2, 2, _by_text(_selected, Flags)),
    "count-selected": (1, 1, _by_text(lambda answer: len(answer.split()), Numbers)),
    "string-length": (1, 1, _by_text(len, Numbers)),
    "regex": (2, 2, _by_text(_full_match, Flags)),
    "if": (3, 3, _if),
    "coalesce": (2, MANY, _coalesce),
    "concat": (1, MANY, _by_text(_joined, Words.of)),
    "today": (0, 0, lambda arguments, context: context.today),
    "date": (1, 1, lambda arguments, context: Days(np.floor(to_days(evaluate(arguments[0], context)).data))),
    "int": (1, 1, _arithmetic(np.trunc)),
    "round": (1, 1, _arithmetic(lambda number: np.floor(number + 0.5))),
    "number": (1, 1, _arithmetic(lambda number: number)),
    "true": (0, 0, lambda arguments, context: Flags(np.array([True]))),
    "false": (0, 0, lambda arguments, context: Flags(np.array([False]))),
}
OPERATIONS = {
    **{name: compute for name, (_, _, compute) in FUNCTIONS.items()},
    "or": _either,
    "and": _both,
    "=": _equality(True),
    "!=": _equality(False),
    "<": _order(np.less),
    "<=": _order(np.less_equal),
    ">": _order(np.greater),
    ">=": _order(np.greater_equal),
    "+": _arithmetic(np.add),
    "-": _arithmetic(np.subtract),
    "*": _arithmetic(np.multiply),
    "div": _arithmetic(np.divide),
    "mod": _arithmetic(np.fmod),
    "negative": _arithmetic(np.negative),
}
