"""The rule language: what a line means, and what is said of one that cannot be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kzsurvey.survey.patterns import Both, Code, Either, Near, Words, is_rule, leaves, read_line, written
from kzsurvey.survey.regular import runs_away


def tree(line, **options):
    read = read_line(line, **options)
    assert not read.problems
    return read.tree


def problem(line, **options):
    (found,) = read_line(line, **options).problems
    return found


@pytest.mark.parametrize(
    "line", ["人手不[够足]", "工资.{0,3}低", "缺人手", "(?:a|b)c", "BRAND", "{pay}低", "a/b", "ANDY和ORT"]
)
def test_a_line_without_operators_is_a_regular_expression_as_it_stands(line):
    words = {"pay": "工资|补贴"}
    assert not is_rule(line)
    assert tree(line, words=words).pattern == line.replace("{pay}", "(?:工资|补贴)")


def test_operators_bind_not_then_near_then_and_then_or():
    found = tree("a OR b AND c NEAR/3 d AND NOT e")
    assert isinstance(found, Either)
    both = found.parts[1]
    assert isinstance(both, Both)
    assert isinstance(both.parts[1], Near)
    assert [one.shown for one in both.absent] == ["e"]


def test_words_in_quotes_and_between_slashes_are_leaves():
    found = tree("“三会 一课 (a OR b)” AND /工.{2}/ AND 「C++」")
    assert [one.pattern for one in leaves(found)] == [r"三会\ 一课\ \(a\ OR\ b\)", "工.{2}", r"C\+\+"]


def test_scope_and_mood_hold_for_all_inside_a_bracket_unless_it_says_otherwise():
    found = tree("(a AND b IN clause) AND DENIED (c OR STATED d) IN answer")
    assert (found.scope, found.parts[0].scope) == ("answer", "clause")
    assert [one.mood for one in leaves(found)] == ["STATED", "STATED", "DENIED", "STATED"]


def test_near_and_before_know_their_order_and_reach():
    found = tree("a NEAR/8 b NOT BEFORE/0 c")
    assert (found.far, found.ordered, found.reach) == (True, True, 0)
    assert (found.first.far, found.first.ordered, found.first.reach) == (False, False, 8)


def test_an_exclude_reaches_as_far_as_its_last_scope_and_hears_what_is_denied_too():
    read = read_line("a OR b IN sentence", mood="MENTIONED")
    assert (read.scope, {one.mood for one in leaves(read.tree)}) == ("sentence", {"MENTIONED"})
    assert read_line("a").scope == "clause"


@pytest.mark.parametrize(
    ("line", "found", "place"),
    [
        ("工资 NEAR 低", "NEAR without a number", 4),
        ("工资 NEAR/x 低", "NEAR/x", 4),
        ("工资 BEFORE/1000 低", "BEFORE/1000", 4),
        ("工资 AND", "the end", 7),
        ("AND 低", "AND", 1),
        ("工资 NOT 低", "NOT where AND, OR or NEAR/8 may stand", 4),
        ("(工资 OR 低", "a bracket that is not closed", 1),
        ("工资) AND 低", "a bracket that was not opened", 3),
        ("工资 AND ()", ")", 9),
        ("工资 AND “低", "“ without its partner", 8),
        ("工资 AND “”", "quotes with nothing in them", 8),
        ("a AND b IN day", "IN day", 12),
        ("工资 低 AND x", "低 right after other words", 4),
        ("NOT a NEAR/8 b", "NOT in front of a NEAR", 5),
        ("/ab AND c", "a / that is not closed", 1),
        ("工资.低 AND x", ". in '工资.低', outside quotes and slashes,", 1),
        ("@C9 AND x", "unknown code @C9", 1),
        ("工资 and 低", "and in small letters", 4),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(line, found, place):
    said = problem(line, codes=["C1"])
    assert said.found == f"{found} at character {place} of {line!r}"


@pytest.mark.parametrize("line", ["NOT 低", "a OR NOT b", "a AND NOT (b OR NOT c)", "NOT a NEAR/3 b OR c"])
def test_a_rule_that_asks_for_nothing_is_refused(line):
    assert read_line(line).problems


def test_all_problems_of_a_line_come_at_once():
    found = read_line("{stuff} NEAR 低 AND /a*/ OR @C9", words={"pay": "工资"}, codes=["C1"]).problems
    assert [one.found.split(" ")[0] for one in found] == ["word", "NEAR", "pattern", "unknown"]


@pytest.mark.parametrize(
    "pattern",
    ["(a+)+x", "(?:人|手|人手)*不", "(?:a?b?)*c", r"(\w+\s*)*x", "(?:(?:一|二){0,8}){0,30}x", "(?:人手|人手)+x"],
)
def test_an_expression_that_could_take_hours_is_refused(pattern):
    assert runs_away(pattern)
    assert "over and over" in problem(pattern).found


@pytest.mark.parametrize(
    "pattern", ["a+b+", "(?:a+,)*x", "[^。]*人.*手", "(?:[a-z]{4})*x", "(?:(?!不).){0,40}x", "(?:人|手)*"]
)
def test_an_expression_that_reads_a_text_in_one_way_is_allowed(pattern):
    assert not runs_away(pattern)


@pytest.mark.parametrize("pattern", ["a.*b.*c.*d.*e", "a+a+a+a+b", "(.*a){12}b", "(?:人.*|手.*)多.*少.*难.*"])
def test_an_expression_whose_endless_repeats_read_the_same_text_in_a_row_is_refused(pattern):
    assert "endless repeats in a row" in problem(pattern).found


@pytest.mark.parametrize(
    "pattern",
    [r"\d+年\d+月\d+日\d+时\d+分", "没.*人.*管.*", "a.{0,20}b.{0,20}c.{0,20}d.{0,20}e", "(?:a+,b|b+,c|c+,d|d+,a)+x"],
)
def test_endless_repeats_that_cannot_read_the_same_text_are_allowed(pattern):
    assert not read_line(pattern).problems


TREES = st.recursive(
    st.sampled_from(["工资", "“a b”", "/低.{1,2}/", "@C1", "DENIED 缺", "人手"]),
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' OR '.join(parts)})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: f"({' AND '.join(parts)})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} NEAR/4 {pair[1]})"),
        st.tuples(inner, inner).map(lambda pair: f"({pair[0]} AND NOT {pair[1]})"),
    ),
    max_leaves=6,
)


@given(TREES)
def test_a_rule_can_be_read_and_written_again(line):
    read = read_line(line + " OR 人", codes=["C1"])
    assert not read.problems
    assert written(read.tree).count("NEAR/4") == line.count("NEAR/4")


@given(st.text(alphabet="ab()“”/@{} AND OR NOT NEAR/3 IN clause", max_size=30))
def test_any_line_is_read_or_has_problems(line):
    read = read_line(line, codes=["a"])
    assert read.problems or isinstance(read.tree, Words | Code | Either | Both | Near)
