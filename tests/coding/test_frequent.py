"""Frequent phrases: whole ones, no parts of them, and which answer holds which."""

import numpy as np
import pandas as pd
import pytest

from kzsurvey.coding import frequent_phrases, phrase_table
from kzsurvey.errors import CodingError

BEFORE, BEHIND = "村乡县里这那", "啊了吧呢哦嘛"


def said(phrase, times=6):
    """Answers with a phrase among changing neighbours."""
    return [f"{BEFORE[i % 6]}{phrase}{BEHIND[i % 6]}" for i in range(times)]


def phrases(answers, **options):
    return frequent_phrases(answers, **options)["phrase"].tolist()


def test_a_phrase_is_listed_whole_and_its_parts_are_not():
    assert phrases(said("人手不够")) == ["人手不够"]


def test_a_part_that_lives_a_life_of_its_own_is_listed_beside_the_whole():
    assert phrases(said("人手不够") + said("人手")) == ["人手", "人手不够"]
    assert phrases(said("人手不够") + said("人手", 3), freedom=1.0) == ["人手不够"]


def test_a_stretch_that_always_goes_on_in_one_way_is_no_phrase():
    table = frequent_phrases([f"{one}天天开会" for one in BEFORE], longest=3)
    assert "天天开" not in table["phrase"].tolist()


def test_the_end_of_a_clause_is_as_free_as_any_neighbour():
    assert phrases(["检查，累", "检查。烦", "检查", "多，检查", "检查；", "检查！"]) == ["检查"]


def test_no_phrase_reads_over_a_mark():
    assert phrases(["人多，活少"] * 6) == ["人多", "活少"]


def test_spellings_count_together_and_one_answer_counts_once():
    table = frequent_phrases(["人手不夠", "人手不够", "人手不够，人手不够", None, "", "好", "坏"], least_answers=3)
    assert table.loc[0, ["phrase", "answers", "times", "n"]].tolist() == ["人手不够", 3, 4, 5]
    assert table.loc[0, "share"] == pytest.approx(3 / 5)


def test_nothing_frequent_gives_an_empty_table():
    for answers in ([], [None], ["好"], ["甲乙丙"] * 2):
        assert frequent_phrases(answers).empty


@pytest.mark.parametrize("options", [{"shortest": 0}, {"shortest": 5, "longest": 4}, {"least_answers": 1}])
def test_numbers_that_make_no_sense_are_refused(options):
    with pytest.raises(CodingError):
        frequent_phrases(["人"], **options)


def test_the_table_of_phrases_has_a_row_for_every_interview():
    answers = pd.Series(["人手不夠", None, "工资低"], index=["a", "b", "c"])
    table = phrase_table(answers, ["人手", "工资"])
    assert table.index.tolist() == ["a", "b", "c"]
    assert np.array_equal(table.to_numpy(), [[1, 0], [np.nan, np.nan], [0, 1]], equal_nan=True)


def test_an_empty_phrase_is_refused():
    with pytest.raises(CodingError, match="an empty phrase"):
        phrase_table(pd.Series(["人"]), ["\u200b"])
