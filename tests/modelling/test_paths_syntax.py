"""Model syntax is read as lavaan reads it; what cannot be read is told with line and column."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as some

from kzsurvey.errors import DesignError
from kzsurvey.modelling.paths.expressions import compile_arithmetic
from kzsurvey.modelling.paths.parameters import Choices, parameter_table, sort_variables, term_name
from kzsurvey.modelling.paths.syntax import Modifier, parse


def rows(text, ordered=(), **choices):
    read = parse(text)
    return parameter_table(read, sort_variables(read, ordered), Choices(**choices))


def free(text, **choices):
    """Free parameters of the model in words."""
    return [term_name(row, ("",)) for row in rows(text, **choices) if row.free >= 0 and row.role == "model"]


def refusal(text, **choices):
    with pytest.raises(DesignError) as caught:
        rows(text, **choices)
    return str(caught.value)


def test_statements_continue_over_lines_and_comments_are_left_out():
    read = parse("f =~ a +   # first\n  b\n  + c  ! more\ny ~\n f; z ~~ y")
    said = [(one.lhs, one.op, one.rhs) for one in read.statements]
    assert said == [("f", "=~", "a"), ("f", "=~", "b"), ("f", "=~", "c"), ("y", "~", "f"), ("z", "~~", "y")]


def test_modifiers_are_values_labels_starts_and_one_of_each_group():
    read = parse('f =~ NA*a + 0.5*b + -1*c + w*d + start(0.3)*v*e\nf ~ c(a1, a2)*x + c(1, NA)*z\ng ~ label("k")*x')
    modifiers = {one.rhs: one.modifiers for one in read.statements if one.lhs != "g"}
    assert modifiers["a"] == (Modifier("value", (None,)),)
    assert [modifiers[name][0].values for name in "bcd"] == [(0.5,), (-1.0,), ("w",)]
    assert modifiers["e"] == (Modifier("start", (0.3,)), Modifier("label", ("v",)))
    assert modifiers["z"] == (Modifier("value", (1.0, None)),)


def test_several_variables_on_the_left_and_chinese_names():
    read = parse("离职 + 满意 ~ 负荷\n负荷 =~ 工时 + 报表\n离职 ~~ 0*满意")
    assert [(one.lhs, one.rhs) for one in read.statements[:2]] == [("离职", "负荷"), ("满意", "负荷")]


@pytest.mark.parametrize(
    ("text", "row", "column"),
    [
        ("f =~ a + + b", 1, 10),
        ("f =~ a\ny ~ f ~ z", 2, 7),
        ("f =~ a\n\ny ~ 3*", 3, 6),
        ("f =~ a\ny ~ b @ f", 2, 7),
        ("f =~ a*(b)", 1, 8),
        ("d := a ++ * b\nf =~ x", 1, 6),
        ("f =~ open(a)*b", 1, 6),
        ("f <~ a + b", 1, 3),
        ("f =~ a + b:c", 1, 11),
        ("f =~ a\na > 0", 2, 3),
        ("level: 1\nf =~ a", 1, 6),
        ("f =~ a\ny ~ c(a, NA)*f", 2, 5),
    ],
)
def test_what_cannot_be_read_is_told_with_line_and_column(text, row, column):
    with pytest.raises(DesignError, match=f"row {row}, column {column}: found"):
        parse(text)


def test_all_faults_come_at_once():
    with pytest.raises(DesignError, match=r"(?s)3 faults.*row 1.*row 2.*row 4"):
        parse("f =~ )\ny ~ 2\nz ~ f\nb := a b")


def test_a_parameter_written_twice_is_refused_unless_it_says_more():
    assert "twice" in refusal("f =~ a + b + a")
    assert "twice" in refusal("y ~~ z\nz ~~ y")
    assert len(parse("f =~ a + b\nf =~ w*a + start(1)*a").statements) == 2


def test_defaults_are_those_of_sem():
    assert free("f =~ a + b + c") == ["f =~ b", "f =~ c", "a ~~ a", "b ~~ b", "c ~~ c", "f ~~ f"]
    assert free("f =~ a + b\ng =~ c + d")[-1] == "f ~~ g"
    assert "y ~~ z" in free("y ~ x\nz ~ x")
    assert "y ~~ z" not in free("y ~ x\nz ~ x + y")
    assert free("f =~ a\ng =~ b + c + d") == [
        "g =~ c",
        "g =~ d",
        "b ~~ b",
        "c ~~ c",
        "d ~~ d",
        "f ~~ f",
        "g ~~ g",
        "f ~~ g",
    ]


def test_latent_variance_one_frees_the_first_loading():
    assert free("f =~ a + b", scale="unit") == ["f =~ a", "f =~ b", "a ~~ a", "b ~~ b"]


def test_covariates_are_as_in_the_sample_unless_the_syntax_speaks_of_them():
    roles = {row.key: row.role for row in rows("y ~ x + z")}
    assert roles["~~", "x", "z"] == "covariate"
    assert {row.key: row.role for row in rows("y ~ x + z\nx ~~ x")}["~~", "x", "x"] == "model"


def test_one_label_is_one_parameter_and_equal_names_another():
    same = rows('f =~ a + e*b + e*c\ng =~ d + equal("f=~b")*h + k')
    places = {row.rhs: row.free for row in same if row.op == "=~"}
    assert places["b"] == places["c"] == places["h"] != places["k"]
    assert "equal to 'f=~q'" in refusal('f =~ a + equal("f=~q")*b')


def test_thresholds_stand_for_ordinal_items():
    found = rows("f =~ a + b + c\na | t1", ordered=("a", "b"), thresholds={"a": 2, "b": 1})
    assert [(row.lhs, row.rhs) for row in found if row.op == "|"] == [("a", "t1"), ("a", "t2"), ("b", "t1")]
    assert "threshold t3 of a" in refusal("f =~ a + b\na | t3", thresholds={"a": 2})


def test_values_for_another_number_of_groups_are_refused():
    assert "2 values for y ~ x" in refusal("y ~ c(a, b)*x", groups=("north", "south", "west"))


@given(some.floats(-5, 5), some.floats(0.1, 5))
def test_arithmetic_is_that_of_python(a, b):
    found = compile_arithmetic("exp(a/5) - a*b^2 + sqrt(b)/(1 + b) - .5")({"a": a, "b": b})
    assert found == pytest.approx(2.718281828459045 ** (a / 5) - a * b**2 + b**0.5 / (1 + b) - 0.5)


@pytest.mark.parametrize("text", ["__import__('os')", "a.b()", "[a]", "a if b else c", "'a'", "lambda: 1", "a and b"])
def test_whatever_is_no_arithmetic_is_refused(text):
    with pytest.raises(ValueError):
        compile_arithmetic(text)


WORDS = (
    "f",
    "x1",
    "=~",
    "~",
    "~~",
    "+",
    "*",
    "1",
    "0.5",
    "NA",
    "c(",
    "start(",
    ")",
    ",",
    "|",
    "t1",
    ":=",
    "==",
    "\n",
    ";",
    "号",
)


@given(some.lists(some.sampled_from(WORDS), min_size=1, max_size=14))
def test_whatever_is_written_is_read_or_refused(words):
    with suppress(DesignError):  # any other error is one of ours
        assert parse(" ".join(words)).statements
