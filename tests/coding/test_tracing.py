"""Each rule tells what it matched, what was taken back, and what it just missed."""

import pytest

from kzsurvey.coding import compile_rules
from kzsurvey.coding.rules.tracing import trace_rules
from kzsurvey.errors import CodingError


@pytest.fixture
def traced(with_codes):
    """Outcome, words and detail of the first code in a text."""

    def find(text, pattern, *, code="C1", others=None, **more):
        rules = compile_rules(with_codes({"C1": {"pattern": pattern, **more}, **(others or {})}))
        table = trace_rules([text], rules, codes=[code])
        return list(table[["outcome", "words", "detail"]].itertuples(index=False, name=None))

    return find


@pytest.mark.parametrize(
    ("text", "pattern", "row"),
    [
        ("真缺人手", "缺人手", ("found", "缺人手", "")),
        ("不缺人手", "缺人手", ("denied", "缺人手", "")),
        ("工资不低", "工资 NEAR/3 低", ("denied", "工资不低", "")),
        ("工资真是低", "工资 NEAR/1 低", ("far", "工资真是低", "2 characters between, 1 allowed")),
        ("低工资", "工资 BEFORE/3 低", ("order", "低工资", "低 stands first")),
        ("工资。低", "工资 NEAR/3 低", ("scope", "工资。低", "not in one sentence")),
        ("工资多", "工资 NEAR/3 低", ("missing", "工资", "低")),
        ("工资多，人走", "工资 AND 走 AND 累", ("missing", "工资多，人走", "累")),
        ("工资。走", "工资 AND 走", ("scope", "工资。走", "not in one sentence")),
        ("工资，走", "工资 AND NOT 走", ("NOT", "工资", "走")),
        ("人走，工资真是低", "走 AND 工资 NEAR/1 低", ("far", "走", "工资 NEAR/1 低: 2 characters between, 1 allowed")),
    ],
)
def test_a_near_miss_names_what_is_wanting(traced, text, pattern, row):
    assert traced(text, pattern) == [row]


def test_an_exclude_is_quoted(traced):
    assert traced("外地缺人", "缺人", exclude="外.") == [("excluded", "缺人", "外地")]


def test_a_code_that_gives_way_names_the_other(traced):
    longer = {"C2": {"pattern": "缺人手"}}
    finer = {"C2": {"pattern": "累", "parent": "C1"}}
    assert traced("缺人手", "缺人", others=longer) == [("longer", "缺人", "C2")]
    assert traced("缺人，累", "缺人", others=finer) == [("finer", "缺人", "C2")]


def test_a_rule_that_is_far_from_matching_is_not_listed(traced):
    assert traced("天气好", "工资 AND 走") == []
    assert traced("工资" + "很" * 40 + "低", "工资 NEAR/2 低") == []


def test_places_are_those_of_the_answer_and_missing_answers_are_counted(with_codes):
    rules = compile_rules(with_codes({"C1": {"pattern": "人手不够"}}))
    table = trace_rules([None, "３０㎡，人手不夠"], rules)
    assert table[["answer", "start", "end"]].to_numpy().tolist() == [[1, 4, 8]]


def test_unknown_codes_and_schemes_are_named(with_codes):
    rules = compile_rules(with_codes({"C1": {"pattern": "人"}}))
    with pytest.raises(CodingError, match="2 faults"):
        trace_rules(["人"], rules, schemes=["troubel"], codes=["C9"])
