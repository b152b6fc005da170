"""Expressions mean what they mean in ODK, for a whole column as for one row."""

import contextlib
import datetime as dt
import math
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kzsurvey.errors import DefinitionError
from kzsurvey.survey import compile_expression

TABLE = pd.DataFrame(
    {
        "age": pd.array([17, 40, None, 0], dtype="Int64"),
        "pay": pd.array([1.5, None, 3.0, 2.0], dtype="Float64"),
        "sex": pd.Categorical(["f", "m", None, "f"], categories=["f", "m"]),
        "goods": pd.Series(["tea bread", "bread", None, ""], dtype="str"),
        "day": pd.to_datetime(pd.Series(["2024-05-01", None, "2024-05-03", "2023-12-31"])).astype("datetime64[us]"),
        "clock": pd.Series(["09:00:00", "10:30:00", None, "08:15:00"], dtype="str"),
        "open": pd.array([True, False, None, True], dtype="boolean"),
    }
)


def compiled(text, **options):
    return compile_expression(text, names=list(TABLE), **options)


def mask(text, **options):
    return compiled(text).mask(TABLE, **options).tolist()


def values(text, **options):
    return compiled(text).evaluate(TABLE, **options).tolist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${age} >= 18", [False, True, False, False]),
        ("${age} < 18", [True, False, False, True]),
        ("${age} = ''", [False, False, True, False]),
        ("${age} != ''", [True, True, False, True]),
        ("${age} != 40", [True, False, True, True]),
        ("${sex} = 'f'", [True, False, False, True]),
        ("${sex} != 'f'", [False, True, True, False]),
        ("${sex} = ''", [False, False, True, False]),
        ("${goods} = ''", [False, False, True, True]),
        ("not(${age} >= 18)", [True, False, True, True]),
        ("${age}", [True, True, False, False]),
        ("${sex}", [True, True, False, True]),
        ("${sex} and ${age}", [True, True, False, False]),
        ("${open} = 1", [True, False, False, True]),
        ("${age} = '17'", [True, False, False, False]),
        ("true()", [True] * 4),
        ("false() or ${sex} = 'm'", [False, True, False, False]),
    ],
)
def test_an_unanswered_question_counts_as_in_odk(text, expected):
    assert mask(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("selected(${goods}, 'tea')", [True, False, False, False]),
        ("selected(${goods}, 'te')", [False] * 4),
        ("selected(${goods}, ' tea ')", [True, False, False, False]),
        ("selected (${sex} ,'m')", [False, True, False, False]),
        ("count-selected(${goods}) = 2", [True, False, False, False]),
        ("string-length(${goods}) > 5", [True, False, False, False]),
        ("regex(${goods}, 'bre.d')", [False, True, False, False]),
        ("regex(${goods}, '.*bre.d')", [True, True, False, False]),
        ("selected(${goods}, ${sex})", [False, False, True, False]),
        ("if(${sex} = 'm', ${age}, ${pay}) > 1", [True, True, True, True]),
        ("coalesce(${pay}, ${age}) = 40", [False, True, False, False]),
    ],
)
def test_functions_of_answers(text, expected):
    assert mask(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("${day} > '2024-01-01'", [True, False, True, False]),
        ("${day} <= date('2024-05-01')", [True, False, False, True]),
        ("${day} = date('2024-05-01')", [True, False, False, False]),
        ("date('2024-05-02') > ${day}", [True, False, False, True]),
        ("today() - ${day} <= 1", [True, False, True, False]),
        ("${day} < today()", [True, False, False, True]),
        ("${clock} >= '09:00'", [True, True, False, False]),
        ("${day} != ''", [True, False, True, True]),
    ],
)
def test_dates_compare_as_dates(text, expected):
    assert mask(text, today=dt.date(2024, 5, 2)) == expected


def test_today_may_be_the_day_of_each_interview():
    today = pd.to_datetime(pd.Series(["2024-05-02", "2024-05-02", "2024-05-02", None])).astype("datetime64[us]")
    assert mask("${day} <= today()", today=today) == [True, False, False, False]
    with pytest.raises(ValueError, match="pass today"):
        mask("${day} <= today()")


def test_a_calculation_has_the_type_of_its_result():
    assert values("${age} * 2 + ${pay}") == [35.5, pd.NA, pd.NA, 2.0]
    assert values("${age} > 18") == [0.0, 1.0, 0.0, 0.0]
    text = compiled("if(${age} > 18, 'old', 'young')").evaluate(TABLE)
    assert text.dtype == "str"
    assert text.tolist() == ["young", "old", "young", "young"]
    days = compiled("date(${day})").evaluate(TABLE)
    assert str(days.dtype) == "datetime64[us]"
    assert days.dropna().tolist() == [pd.Timestamp(day) for day in ("2024-05-01", "2024-05-03", "2023-12-31")]


def test_texts_are_joined_as_a_person_writes_them():
    assert values("concat(${age}, '-', ${sex}, ' ', ${day})")[0] == "17-f 2024-05-01"
    assert values("concat(${pay}, true())")[:2] == ["1.5true", "true"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("int(-3.7)", -3.0),
        ("round(2.5)", 3.0),
        ("number('12.50')", 12.5),
        ("number(' 7 ')", 7.0),
        ("-7 mod 3", -1.0),
        ("7 div 2", 3.5),
        ("-(2 + 3) * 2", -10.0),
        ("2 - -2", 4.0),
        ("number(true())", 1.0),
        ("if(${sex} = 'nobody', 1, '')", pd.NA),
        ("if(1 = 1, true(), 0)", 1.0),
        ("1 div 0", pd.NA),
        ("number('a')", pd.NA),
    ],
)
def test_arithmetic_and_conversions(text, expected):
    result = values(text)[0]
    assert result is expected if expected is pd.NA else result == expected


def test_a_constraint_is_broken_only_where_it_can_be_judged():
    filled = pd.Series([20, 20, 20, None], dtype="Int64")
    assert compiled(". <= ${age}").broken(TABLE, value=filled).tolist() == [True, False, False, False]
    assert compiled("not(. > ${age})").broken(TABLE, value=filled).tolist() == [True, False, False, False]
    assert compiled("if(${age} > 18, . > 30, true())").broken(TABLE, value=filled).tolist() == [
        False,
        True,
        False,
        False,
    ]


def test_an_answer_that_is_empty_text_breaks_nothing():
    assert compiled("regex(., 'x')").broken(TABLE, value=TABLE["goods"]).tolist() == [True, True, False, False]


def test_a_choice_filter_compares_columns_of_the_choices_with_answers():
    expression = compile_expression("market=${sex}", names=["sex"], columns=["market"])
    assert expression.columns == {"market"}
    assert expression.mask(TABLE, option={"market": "f"}).tolist() == [True, False, False, True]
    chosen = pd.Series(["f", "f", None, "m"], dtype="str")
    assert expression.mask(TABLE, option={"market": chosen}).tolist() == [True, False, True, False]


def test_an_expression_knows_what_it_needs():
    expression = compiled("${age} > 3 and (. < ${pay} or today() > ${day})")
    assert expression.names == {"age", "pay", "day"}
    assert expression.uses_today
    with pytest.raises(ValueError, match="needs value"):
        expression.mask(TABLE, today="2024-05-01")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("pulldata('a', 'b')", r"function pulldata\(\) at character 1"),
        ("${age} > 3 and selcted(${sex}, 'f')", r"function selcted\(\) at character 16 .*did you mean selected"),
        ("selected(${sex})", r"selected\(\) at character 1 with 1 arguments.*allowed: 2"),
        ("${agee} > 3", r"unknown question \$\{agee\} at character 1 .*did you mean age\?"),
        ("${age} == 3", r"'=' at character 9 .*write = for equal"),
        ("${age} > ", "the end too early"),
        ("(${age} > 3", r"the end too early.*allowed: '\)'"),
        ("${age} > 3)", r"'\)' at character 11"),
        ("${age} ${pay}", r"'\$\{pay\}' at character 8"),
        ("${age} && 3", "'&' at character 8"),
        ("${sex} = 'f", '"\'" at character 10 .*quotes'),
        ("regex(${sex}, '[')", r"pattern '\['"),
        ("../age > 3", r"'\.' at character 1"),
        ("${sex} = yes", "unknown word yes at character 10.*quotes"),
        ("", "the end too early"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(text, said):
    with pytest.raises(DefinitionError, match=said) as problem:
        compiled(text, file="questions.csv", row=7, column="relevant")
    assert str(problem.value).startswith("questions.csv, row 7, column relevant: ")


def test_all_unknown_questions_are_named_at_once():
    with pytest.raises(DefinitionError) as problem:
        compiled("${a1} = ${b1} or . > 1", dot=False)
    assert len(problem.value.faults) == 3


@pytest.mark.parametrize("text", ["(" * 999, "-" * 999 + "1", "not(" * 999, " + ".join("1" * 999)])
def test_an_expression_too_deep_to_evaluate_is_refused(text):
    with pytest.raises(DefinitionError, match="at most 100 parts inside one another"):
        compiled(text)


def test_long_conditions_are_evaluated():
    assert mask(" or ".join(["${age} > 39"] * 99)) == [False, True, False, False]


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="${}age.'\"()<>=!+-* ,or12not", max_size=25))
def test_any_text_is_an_expression_or_a_fault(text):
    with contextlib.suppress(DefinitionError):
        assert compiled(text, dot=False).mask(TABLE).dtype == bool


def test_typographic_quotes_of_a_word_processor_are_quotes():
    assert mask("${sex} = ‘m’") == mask("${sex} = “m”") == [False, True, False, False]
    assert mask("${sex} = '“m”'") == [False] * 4


def test_expressions_apply_to_an_empty_table():
    empty = TABLE.iloc[:0]
    for text in (
        "${age} > 3",
        "selected(${goods}, 'a')",
        "concat(${sex}, ${age}) = 'a'",
        "1 = 1",
        "${day} > '2024-01-01'",
    ):
        assert compiled(text).mask(empty).tolist() == []


OPERATORS = {"+": "+", "-": "-", "*": "*", "div": "/"}


@given(
    st.lists(st.integers(1, 9), min_size=1, max_size=6),
    st.lists(st.sampled_from(sorted(OPERATORS)), min_size=6, max_size=6),
)
def test_operators_bind_as_in_arithmetic(numbers, operators):
    parts = [part for pair in zip(numbers, operators, strict=False) for part in pair][: 2 * len(numbers) - 1]
    ours = " ".join(str(part) for part in parts)
    theirs = " ".join(OPERATORS.get(part, str(part)) for part in parts)
    assert values(ours)[0] == pytest.approx(eval(theirs))


@given(
    st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["<", ">", "<=", "!=", "="]), st.integers(1, 3)), min_size=2),
    st.randoms(use_true_random=False),
)
def test_and_binds_tighter_than_or_and_comparisons_tighter_than_both(comparisons, random):
    parts = [f"{one} {sign} {other}" for one, sign, other in comparisons]
    words = [random.choice([" and ", " or "]) for _ in parts[1:]]
    ours = "".join(part for pair in zip(parts, [*words, ""], strict=True) for part in pair)
    theirs = re.sub(r"(?<= )=(?= )", "==", ours)
    assert mask(ours)[0] == eval(theirs)


def test_two_questions_with_other_options_in_another_order_compare_by_option():
    one = pd.Series(pd.Categorical(["a", "b", None], categories=["a", "b"]))
    other = pd.Series(pd.Categorical(["a", "c", None], categories=["c", "b", "a"]))
    expression = compile_expression("${one} = ${other}", names=["one", "other"])
    assert expression.mask(pd.DataFrame({"one": one, "other": other})).tolist() == [True, False, True]


# A second reading of the same rules, one row at a time, for the property below. An expression is a tuple.
ROWS = TABLE.to_dict("records")
DAY = dt.date(2024, 5, 2)
ORDERS = ("=", "!=", "<", "<=", ">", ">=")
ARITHMETIC = ("+", "-", "*", "div", "mod")
INFIX = (*ORDERS, *ARITHMETIC, "and", "or")
NO_DEEPER = 3


def kinds(depth):
    """Expressions of each kind, nested up to a depth: numbers, texts, dates, conditions."""
    numbers = st.sampled_from([("name", "age"), ("name", "pay"), *(("constant", number) for number in range(0, 45, 3))])
    texts = st.sampled_from([("text", text) for text in ("", "f", "tea", "17", "2024-05-01")])
    texts |= st.sampled_from([("name", "sex"), ("name", "goods")])
    dates = st.sampled_from([("name", "day"), ("today",)])
    conditions = st.sampled_from([("<", ("name", "age"), ("constant", 18)), ("true",)])
    for _ in range(depth):
        any_kind = numbers | texts | dates | conditions
        of_one = ["count-selected", "string-length", "number", "int", "negative"]
        numbers, texts, dates, conditions = (
            numbers
            | st.tuples(st.sampled_from(ARITHMETIC), any_kind, any_kind)
            | st.tuples(st.sampled_from(of_one), any_kind)
            | either(any_kind, numbers),
            texts | st.tuples(st.just("concat"), any_kind, any_kind) | either(any_kind, texts),
            dates | either(any_kind, dates),
            st.tuples(st.sampled_from([*ORDERS, "and", "or", "selected"]), any_kind, any_kind)
            | st.tuples(st.just("not"), any_kind)
            | either(any_kind, conditions),
        )
    return numbers, texts, dates, conditions


def either(any_kind, kind):
    """The two functions that choose between values, here of one kind: a column has one type."""
    return st.tuples(st.just("if"), any_kind, kind, kind) | st.tuples(st.just("coalesce"), kind, kind)


def written(tree):
    kind, *parts = tree
    if kind in ("name", "constant", "text"):
        return {"name": "${%s}", "constant": "%s", "text": "'%s'"}[kind] % parts[0]
    inside = [written(part) for part in parts]
    if kind == "negative":
        return f"(- {inside[0]})"
    if kind in INFIX:
        return f"({inside[0]} {kind} {inside[1]})"
    return f"{kind}({', '.join(inside)})"


def days(date):
    return (date - dt.date(1970, 1, 1)).days


def as_number(value):
    if isinstance(value, dt.date):
        return float(days(value))
    if isinstance(value, str):
        return float(value) if re.fullmatch(r"-?\d+(\.\d*)?", value) else math.nan
    return float(value)


def as_day(value):
    iso = isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d", value)
    return float(days(dt.date.fromisoformat(value))) if iso else as_number(value)


def is_missing(value):
    return value == "" or (isinstance(value, float) and math.isnan(value))


def as_flag(value):
    return (
        value
        if isinstance(value, bool)
        else not is_missing(value) and (isinstance(value, str) or as_number(value) != 0)
    )


def as_text(value):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return "" if math.isnan(value) else str(int(value)) if value.is_integer() else repr(value)
    return str(value)


def equal(one, other):
    if isinstance(one, bool) or isinstance(other, bool):
        return as_flag(one) == as_flag(other)
    if isinstance(one, str) and isinstance(other, str):
        return one == other
    read = as_day if isinstance(one, dt.date) or isinstance(other, dt.date) else as_number
    return abs(read(one) - read(other)) < 1e-12 or (is_missing(one) and is_missing(other))


def before(one, other, compare):
    read = as_day if isinstance(one, dt.date) or isinstance(other, dt.date) else as_number
    return compare(read(one), read(other))


def computed(kind, one, other):
    one, other = np.float64(as_number(one)), np.float64(as_number(other))
    with np.errstate(all="ignore"):
        return float(
            {"+": one + other, "-": one - other, "*": one * other, "div": one / other, "mod": np.fmod(one, other)}[kind]
        )


def cell(row, name):
    value = row[name]
    if pd.isna(value):
        # the type of a column outlasts a gap in it: an empty date is still compared as a date
        return "" if name in ("sex", "goods") else math.nan
    return value.date() if name == "day" else value if isinstance(value, str) else float(value)


def of_one_row(tree, row):
    kind, *parts = tree
    if kind == "name":
        return cell(row, parts[0])
    if kind in ("constant", "text"):
        return float(parts[0]) if kind == "constant" else parts[0]
    return OF_ONE_ROW[kind](*(of_one_row(part, row) for part in parts))


OF_ONE_ROW = {
    "today": lambda: DAY,
    "true": lambda: True,
    "=": equal,
    "!=": lambda one, other: not equal(one, other),
    "<": lambda one, other: before(one, other, lambda a, b: a < b),
    "<=": lambda one, other: before(one, other, lambda a, b: a <= b),
    ">": lambda one, other: before(one, other, lambda a, b: a > b),
    ">=": lambda one, other: before(one, other, lambda a, b: a >= b),
    "and": lambda one, other: as_flag(one) and as_flag(other),
    "or": lambda one, other: as_flag(one) or as_flag(other),
    **{kind: lambda one, other, kind=kind: computed(kind, one, other) for kind in ("+", "-", "*", "div", "mod")},
    "selected": lambda answer, option: f" {as_text(option).strip()} " in f" {as_text(answer)} ",
    "concat": lambda one, other: as_text(one) + as_text(other),
    "coalesce": lambda one, other: other if is_missing(one) else one,
    "if": lambda condition, one, other: one if as_flag(condition) else other,
    "not": lambda value: not as_flag(value),
    "count-selected": lambda value: float(len(as_text(value).split())),
    "string-length": lambda value: float(len(as_text(value))),
    "number": as_number,
    "int": lambda value: float(np.trunc(as_number(value))),
    "negative": lambda value: -as_number(value),
}


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(st.one_of(kinds(NO_DEEPER)))
def test_a_whole_column_gives_what_each_row_alone_gives(tree):
    text = written(tree)
    expected = [as_flag(of_one_row(tree, row)) for row in ROWS]
    assert compiled(text).mask(TABLE, today=DAY).tolist() == expected, text


@settings(max_examples=400, deadline=None, derandomize=True)
@given(kinds(NO_DEEPER)[0])
def test_a_whole_column_of_numbers_is_computed_as_each_row_alone(tree):
    found = compiled(written(tree)).evaluate(TABLE, today=DAY).to_numpy(float, na_value=np.nan)
    expected = np.array([of_one_row(tree, row) for row in ROWS])
    expected[~np.isfinite(expected)] = np.nan
    np.testing.assert_allclose(found, expected)
