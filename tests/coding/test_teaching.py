"""Phrases learned from coded sentences: what they know, what is refused, and that the committed ones are not stale."""

from pathlib import Path

import pandas as pd
import pytest

from kzsurvey.coding.rules.teaching import learn_phrases
from kzsurvey.errors import CodingError
from kzsurvey.survey import read_survey
from kzsurvey.survey.phrases import read_sentences

ROOT = Path(__file__).parents[2]
FEW = ["客人少", "没人来", "人流太小", "没有客人", "来的人少", "客人不多", "没客人了", "人越来越少", "客少", "人太少"]
RENT = [
    "租金高",
    "摊位费贵",
    "租金又涨",
    "费用太高",
    "摊位租金贵",
    "管理费高",
    "租金太贵",
    "费涨了",
    "租太贵",
    "涨租金",
]


@pytest.fixture
def sentences():
    codes = [("T2",)] * len(FEW) + [("T1.1",)] * len(RENT) + [()] * 4
    said = [*FEW, *RENT, "天气好", "还可以", "没什么", "挺好的"]
    return pd.DataFrame({"sentence": said, "question": "troubles", "codes": codes, "patterns": False})


def test_sentences_teach_which_phrases_speak_for_which_code(sentences, market):
    weight = learn_phrases(sentences, market).phrases.set_index(["code", "phrase"])["weight"]
    assert weight["T2", "客"] > 0 > weight["T1.1", "人"]
    assert weight["T1.1", "租金"] > 0


def test_the_judgement_counts_only_sentences_that_no_pattern_was_made_with(sentences, market):
    judged = learn_phrases(sentences.assign(patterns=sentences.index < 5), market).judged
    assert judged.at["T2", "true"] == 5
    assert judged.at["all", "true"] == 15


def test_the_same_sentences_teach_the_same(sentences, market):
    first, second = learn_phrases(sentences, market), learn_phrases(sentences, market)
    pd.testing.assert_frame_equal(first.phrases, second.phrases)


def test_a_code_with_few_sentences_is_left_to_its_patterns(sentences, market):
    assert set(learn_phrases(sentences.iloc[1:], market).phrases["code"]) == {"", "T1.1", "(any)"}


def test_too_few_sentences_teach_nothing_and_say_so(sentences, market):
    with pytest.raises(CodingError, match="no code in 10 sentences"):
        learn_phrases(sentences.iloc[5:15], market)


def test_sentences_that_all_have_a_code_teach_which_one(sentences, market):
    weight = learn_phrases(sentences.iloc[:20], market).phrases.set_index(["code", "phrase"])["weight"]
    assert weight["(any)", "(start)"] > 0
    assert weight["T2", "客"] > 0


def test_a_code_that_every_sentence_has_cannot_be_learned(sentences, market):
    with pytest.raises(CodingError, match=r"code T2 in every sentence"):
        learn_phrases(sentences.iloc[:10], market)


def test_the_phrases_of_the_shipped_survey_are_what_its_sentences_teach():
    survey = read_survey(ROOT / "data" / "raw" / "kizilsu", check_delivered=False)
    learned = learn_phrases(read_sentences(survey), survey).phrases.set_index(["code", "phrase"])["weight"]
    committed = survey.phrases.set_index(["code", "phrase"])["weight"]
    both = pd.concat([learned, committed], axis=1, keys=["learned", "committed"]).fillna(0.0)
    assert (both["learned"] - both["committed"]).abs().max() < 0.3  # what is left out is below .25, rounding apart
    assert len(both) < 1.01 * len(committed)
