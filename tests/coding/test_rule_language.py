"""What rules with operators find: scope, distance, negation, other codes, and what excludes take back."""

import pytest

from kzsurvey.coding import code_texts, compile_rules
from kzsurvey.errors import CodingError


@pytest.fixture
def said(spans):
    """The words that one rule finds in a text."""

    def find(text, pattern, **more):
        return [words for code, words in spans(text, {"C1": {"pattern": pattern, **more}}) if code == "C1"]

    return find


@pytest.mark.parametrize(
    ("text", "rule", "words"),
    [
        ("工资低，人要走。", "工资 AND 走", ["工资低，人要走"]),
        ("工资低。人要走", "工资 AND 走", []),
        ("工资低。人要走", "工资 AND 走 IN answer", ["工资低。人要走"]),
        ("工资低，人要走", "工资 AND 走 IN clause", []),
        ("工资低，人要走", "工资 AND NOT 走", []),
        ("工资低。人要走", "工资 AND NOT 走", ["工资"]),
        ("工资低。人要走", "工资 AND NOT 走 IN answer", []),
        ("工资真的是低", "工资 NEAR/3 低", ["工资真的是低"]),
        ("工资真的是低", "工资 NEAR/2 低", []),
        ("低的是工资", "工资 NEAR/3 低", ["低的是工资"]),
        ("低的是工资", "工资 BEFORE/3 低", []),
        ("工资。低", "工资 NEAR/3 低", []),
        ("工资高，补贴低", "工资 NOT NEAR/2 高", []),
        ("工资高，补贴低", "补贴 NOT NEAR/2 高", []),
        ("工资高，补贴低", "补贴 NOT BEFORE/2 高", ["补贴"]),
        ("工资低", "(工资 OR 补贴) NEAR/2 (低 OR 少)", ["工资低"]),
        ("人人缺", "人 NEAR/3 人", ["人人"]),
        ("一个人", "人 NEAR/3 人", []),
    ],
)
def test_scope_and_distance(said, text, rule, words):
    assert said(text, rule) == words


@pytest.mark.parametrize(
    ("text", "rule", "count"),
    [
        ("工资不低", "工资 NEAR/3 低", 0),
        ("工资不是不低", "工资 NEAR/4 低", 1),
        ("没有工资低的问题", "工资 NEAR/3 低", 0),
        ("没人愿意来", "没人 NEAR/2 来", 1),
        ("不缺人手", "DENIED 缺人手", 1),
        ("缺人手", "DENIED 缺人手", 0),
        ("不缺人手", "MENTIONED 缺人手", 1),
        ("不缺人手，工资低", "工资 AND NOT 缺人手", 1),
        ("不缺人手，工资低", "工资 AND NOT MENTIONED 缺人手", 0),
    ],
)
def test_what_is_denied_is_not_said(said, text, rule, count):
    assert len(said(text, rule)) == count


def test_a_code_stands_for_its_rules_and_those_below_it(spans):
    rules = {
        "C1": {"pattern": "待遇"},
        "C1.1": {"pattern": "工资低", "parent": "C1"},
        "C2": {"pattern": "@C1 AND 走"},
        "C3": {"pattern": "DENIED @C1.1"},
    }
    assert [code for code, _ in spans("工资低，都走了", rules)] == ["C1.1", "C2"]
    assert [code for code, _ in spans("没有工资低的问题", rules)] == ["C3"]


def test_what_an_exclude_of_a_code_takes_back_is_not_there_for_others(spans):
    rules = {"C1": {"pattern": "缺人", "exclude": "外地"}, "C2": {"pattern": "@C1 AND 累"}}
    assert [code for code, _ in spans("外地缺人，累", rules)] == []
    assert [code for code, _ in spans("本地缺人，累", rules)] == ["C1", "C2"]


@pytest.mark.parametrize(
    ("text", "exclude", "count"),
    [
        ("外地人多，这里缺人", "外地", 1),
        ("外地人多，这里缺人", "外地 IN sentence", 0),
        ("外地人多。这里缺人", "外地 AND 多 IN answer", 0),
        ("外地人多。这里缺人", "外地 AND 多 IN sentence", 1),
        ("不是外地。缺人", "外地 IN answer", 0),
    ],
)
def test_an_exclude_takes_back_as_far_as_its_scope(said, text, exclude, count):
    assert len(said(text, "缺人", exclude=exclude)) == count


def test_another_code_may_say_what_lies_between_the_parts_of_a_match(spans):
    rules = {"C1": {"pattern": "人少 AND 走了 IN answer"}, "C2": {"pattern": "工资低"}}
    assert [code for code, _ in spans("人少，工资低。都走了", rules)] == ["C1", "C2"]


def test_traditional_and_simplified_spelling_get_the_same_codes(spans):
    rules = {"C1": {"pattern": "“人手不夠” NEAR/6 /工[資]低/"}, "C2": {"pattern": "@C1 AND NOT 補貼"}}
    simplified, traditional = "人手不够，也是因为工资低", "人手不夠，也是因為工資低"
    assert [code for code, _ in spans(simplified, rules)] == ["C1", "C2"]
    assert [code for code, _ in spans(traditional, rules)] == ["C1", "C2"]


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"C1": {"pattern": "@C2 AND 人"}, "C2": {"pattern": "@C1 OR 钱"}}, "in a ring: C1, C2"),
        ({"C1": {"pattern": "@C1 OR 人"}}, "in a ring: C1"),
        (
            {"C1": {"pattern": "人"}, "C2": {"pattern": "@C1 OR 钱", "parent": "C1"}, "C3": {"pattern": "@C2"}},
            "ring: C2",
        ),
        ({"C1": {"pattern": "@C2 AND 人"}, "C2": {"pattern": ""}}, "@C2, a code without a pattern"),
        ({"C1": {"pattern": "@C3 AND 人"}}, "unknown code @C3 at character 1"),
    ],
)
def test_references_that_cannot_work_are_named(with_codes, rules, message):
    with pytest.raises(CodingError, match=message):
        compile_rules(with_codes(rules))


def test_a_mention_names_the_line_of_the_rule(with_codes):
    rules = compile_rules(with_codes({"C1": {"pattern": "钱\n工资 NEAR/3 低"}}))
    assert [one.number for one in code_texts(["工资很低"], rules)[0]] == [2]
