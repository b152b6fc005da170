"""Every word a report needs is there in both languages, and a survey may say it otherwise."""

import csv
from dataclasses import replace

import pandas as pd
import pytest

from kzsurvey.reporting.figures import FIGURES
from kzsurvey.reporting.words import WORDS, direction, has_word, pick, word


def test_every_word_is_there_in_both_languages_and_once():
    with open(WORDS, encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert all(row["key"] and row["zh"] and row["en"] for row in rows)
    assert len({row["key"] for row in rows}) == len(rows)


def test_the_same_blanks_are_filled_in_both_languages():
    blanks = {
        key: [sorted(part for part in word(key, code).split("{")[1:]) for code in ("zh", "en")] for key in ("note_n",)
    }
    assert all(len(chinese) == len(english) for chinese, english in blanks.values())


@pytest.mark.parametrize("kind", FIGURES)
def test_every_kind_of_figure_has_a_name(kind):
    assert has_word(f"figure_{kind}")


def test_every_kind_of_issue_has_a_name():
    from kzsurvey.cleaning import KINDS

    assert [kind for kind in KINDS if not has_word(f"kind_{kind}")] == []


def test_a_survey_says_it_in_its_own_words_and_in_more_languages(survey):
    words = pd.DataFrame({"en": ["talks"], "ar": ["مقابلات"]}, index=["interviews"])
    own = replace(survey, words=words)
    assert word("interviews", "en", own) == "talks"
    assert word("interviews", "ar", own) == "مقابلات"
    assert word("interviews", "zh", own) == "访谈"


def test_a_word_nobody_has_is_its_key():
    assert word("no_such_word", "zh") == "no_such_word"


def test_a_text_falls_back_on_english_then_on_what_there_is():
    assert pick({"zh": "县", "en": "county"}, "ar") == "county"
    assert pick({"zh": "县", "en": ""}, "ar") == "县"
    assert pick({}, "ar") == ""
    assert pick("plain", "ar") == "plain"


def test_arabic_runs_from_right_to_left():
    assert direction("ar") == direction("ug-CN") == "rtl"
    assert direction("zh") == "ltr"
