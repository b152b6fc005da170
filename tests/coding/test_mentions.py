"""Open answers to the table ``mentions``."""

from dataclasses import replace
from time import process_time

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kzsurvey.coding import code, code_texts, compile_rules
from kzsurvey.survey.record import Scheme
from kzsurvey.tables import check_table

RULES = {"C1": {"pattern": "人手不够\n缺人手?"}, "C2": {"pattern": "工资(?:太|很)?低"}}


def interviews(**answers):
    length = len(next(iter(answers.values())))
    index = pd.Index([f"i{number}" for number in range(length)], name="interview", dtype="str")
    return pd.DataFrame({name: pd.Series(texts, dtype="str").array for name, texts in answers.items()}, index=index)


def test_each_mention_says_where_it_stands_and_which_rule_found_it(with_codes):
    mentions = code(interviews(troubles=["工資太低，人手不夠"]), with_codes(RULES))
    assert mentions.to_dict("records") == [
        {"interview": "i0", "question": "troubles", "start": 0, "end": 4, "code": "C2",
         "source": "rule", "coder": "rule:C2#1", "score": 1.0, "stands": True},
        {"interview": "i0", "question": "troubles", "start": 5, "end": 9, "code": "C1",
         "source": "rule", "coder": "rule:C1#1", "score": 1.0, "stands": True},
    ]  # fmt: skip


def test_the_table_is_the_one_that_every_stage_shares(with_codes):
    for answers in (["缺人"], ["没有"], []):
        mentions = code(interviews(troubles=answers), with_codes(RULES))
        pd.testing.assert_frame_equal(check_table(mentions, "mentions"), mentions)


def test_mentions_follow_the_order_of_interviews_then_questions_then_places(with_codes):
    survey = with_codes(RULES, questions=("troubles", "asked_by"))
    mentions = code(interviews(asked_by=["缺人，工资低", "缺人"], troubles=["缺人", "工资低，缺人"]), survey)
    places = list(mentions[["interview", "question", "start"]].itertuples(index=False, name=None))
    assert places == [
        ("i0", "troubles", 0), ("i0", "asked_by", 0), ("i0", "asked_by", 3),
        ("i1", "troubles", 0), ("i1", "troubles", 4), ("i1", "asked_by", 0),
    ]  # fmt: skip


def test_interviews_without_an_answer_are_no_mentions(with_codes):
    mentions = code(interviews(troubles=[None, "", "  ", "缺人", pd.NA]), with_codes(RULES))
    assert mentions["interview"].tolist() == ["i3"]


def test_interviews_without_the_open_question_give_an_empty_table(with_codes):
    assert code(interviews(market=["north"]), with_codes(RULES)).empty


def test_a_scheme_reads_its_own_questions_only(with_codes):
    survey = with_codes({**RULES, "T1": {"pattern": "缺人", "scheme": "other"}})
    schemes = {"trouble": Scheme("trouble", ("troubles",)), "other": Scheme("other", ("asked_by",))}
    table = interviews(troubles=["缺人"], asked_by=["缺人"])
    mentions = code(table, replace(survey, schemes=schemes))
    assert mentions[["question", "code"]].to_numpy().tolist() == [["troubles", "C1"], ["asked_by", "T1"]]


def test_two_schemes_may_read_one_question(with_codes):
    survey = with_codes({**RULES, "T1": {"pattern": "缺人", "scheme": "other"}})
    schemes = {name: Scheme(name, ("troubles",)) for name in ("trouble", "other")}
    mentions = code(interviews(troubles=["缺人"]), replace(survey, schemes=schemes))
    assert mentions["code"].tolist() == ["C1", "T1"]


def test_the_interviews_stay_as_they_were(with_codes):
    table = interviews(troubles=["工資低", None])
    before = table.copy(deep=True)
    code(table, with_codes(RULES))
    pd.testing.assert_frame_equal(table, before)


def test_rules_compiled_before_give_the_same(with_codes):
    survey = with_codes(RULES)
    table = interviews(troubles=["工资低", "缺人"])
    pd.testing.assert_frame_equal(code(table, survey, rules=compile_rules(survey)), code(table, survey))


def test_the_same_answer_gets_the_same_codes_in_every_interview(with_codes):
    mentions = code(interviews(troubles=["缺人", "工资低", "缺人"]), with_codes(RULES))
    assert mentions["code"].tolist() == ["C1", "C2", "C1"]


def test_texts_are_read_with_the_schemes_that_are_asked_for(with_codes):
    rules = compile_rules(with_codes({**RULES, "T1": {"pattern": "缺人", "scheme": "other"}}))
    assert [one.code for one in code_texts(["缺人"], rules)[0]] == ["C1", "T1"]
    assert [one.code for one in code_texts(["缺人"], rules, schemes=["other"])[0]] == ["T1"]
    assert code_texts([], rules) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.text(
            st.one_of(st.sampled_from("缺人手不够工資太低，㎡½ﬁ\u200b\u0301"), st.characters(exclude_categories=["Cs"]))
        )
    )
)
def test_no_mention_leaves_its_answer_and_its_words_are_read_alone(with_codes, answers):
    survey = with_codes(RULES)
    table = interviews(troubles=answers) if answers else interviews(troubles=[""])
    for one in code(table, survey).itertuples():
        answer = table.at[one.interview, "troubles"]
        assert 0 <= one.start < one.end <= len(answer)
        words = code_texts([answer[one.start : one.end]], compile_rules(survey))[0]
        assert one.code in [found.code for found in words]


@pytest.mark.parametrize("unit", ["缺人手", "人手不够，", "没有缺人的问题", "不是没有", "工资很"])
def test_a_very_long_answer_is_read_in_good_time(with_codes, unit):
    rules = compile_rules(with_codes(RULES))
    began = process_time()
    code_texts([(unit * 10_000)[:10_000]], rules)
    assert process_time() - began < 2
