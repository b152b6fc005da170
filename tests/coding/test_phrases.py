"""Weighted phrases: what a statement is, what it weighs, and how phrases and patterns decide together."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from kzsurvey.coding import code, code_texts, compile_rules
from kzsurvey.coding.rules.phrases import LONGEST, chosen, compile_phrases, statements, weigh

WEIGHTS = [("", "(pattern)", 2.0), ("", "(first)", 0.0), ("", "(further)", 1.0), ("", "(any)", -1.0)]


def table(*rows):
    return pd.DataFrame([*WEIGHTS, *rows], columns=["code", "phrase", "weight"])


@pytest.fixture
def found(with_codes):
    """What patterns and phrases give in a text: (code, words, rule number)."""

    def find(text, patterns, *rows):
        survey = with_codes({code: {"pattern": pattern} for code, pattern in patterns.items()})
        rules = compile_rules(replace(survey, phrases=table(*rows)))
        return [(one.code, text[one.start : one.end], one.number) for one in code_texts([text], rules)[0]]

    return find


def test_a_long_sentence_is_read_in_parts_that_end_at_commas():
    text = ",".join(["十个字的一句话来了呀"] * 12)
    parts = [text[start:end] for start, end in statements(text)]
    assert len(parts) == 3
    assert all(len(part) <= LONGEST for part in parts)
    assert ",".join(parts) == text


def test_a_sentence_without_commas_stays_whole_however_long():
    assert statements("人" * 200) == [(0, 200)]


def test_spaces_and_commas_around_a_statement_do_not_belong_to_it():
    assert statements(" ,人少, 。 \n活多") == [(2, 4), (9, 11)]


def test_a_statement_weighs_its_start_and_its_phrases_over_the_root_of_its_length():
    phrases = compile_phrases(table(("T1", "(start)", -1.0), ("T1", "人", 2.0), ("T1", "人少", 4.0), ("T2", "多", 3.0)))
    assert np.allclose(weigh(["人少人多", "好"], phrases), [[-1 + 6 / 2, 3 / 2, 0], [-1, 0, 0]])


def test_a_further_code_must_weigh_more_than_the_first():
    phrases = compile_phrases(table(("T1", "人", 1.0), ("T2", "人", 1.0)))
    none = np.zeros((4, 2), dtype=bool)
    weights = np.array([[0.5, 0.4, 0], [2.0, 1.5, 0], [2.0, 0.9, 0], [-0.1, -0.2, 0]])
    assert chosen(weights, none, phrases).tolist() == [[True, False], [True, True], [True, False], [False, False]]


def test_a_statement_that_speaks_for_no_code_at_all_gets_none(found):
    rows = [("T1", "人", 3.0), ("(any)", "不", -3.0)]
    assert found("人少", {"T1": "x"}, *rows) == [("T1", "人少", 0)]
    assert found("人不少", {"T1": "x"}, *rows) == []


def test_settings_without_phrases_leave_everything_to_the_patterns(found):
    assert found("缺人", {"T1": "缺人"}) == [("T1", "缺人", 1)]


def test_phrases_alone_give_a_code_to_the_whole_statement(found):
    assert found("你好。人手少啊。", {"T1": "缺人"}, ("T1", "人手", 3.0)) == [("T1", "人手少啊", 0)]


def test_a_pattern_that_phrases_agree_with_keeps_its_place(found):
    assert found("真的缺人啊", {"T1": "缺人"}, ("T1", "人", 1.0)) == [("T1", "缺人", 1)]


def test_a_pattern_that_phrases_speak_against_is_not_believed(found):
    assert found("缺人", {"T1": "缺人"}, ("T1", "(start)", -3.0)) == []


def test_codes_without_phrases_follow_their_patterns_alone(found):
    assert found("缺人缺钱", {"T1": "缺人", "T2": "缺钱"}, ("T1", "(start)", -9.0)) == [("T2", "缺钱", 1)]


def test_places_are_those_of_the_original_text(with_codes):
    rules = compile_rules(replace(with_codes({"T1": {"pattern": "x"}}), phrases=table(("T1", "人手", 9.0))))
    one = code_texts(["３０㎡。人手不夠"], rules)[0][0]
    assert (one.start, one.end) == (4, 8)


def test_mentions_say_that_phrases_gave_the_code(with_codes):
    survey = replace(with_codes({"T1": {"pattern": "x"}}), phrases=table(("T1", "人手", 9.0)))
    interviews = pd.DataFrame({"troubles": ["人手"]}, index=pd.Index(["a"], name="interview"))
    assert code(interviews, survey)[["code", "source", "coder"]].to_numpy().tolist() == [["T1", "rule", "phrases:T1"]]
