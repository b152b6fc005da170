"""Words in their context, sorted, and without anything that tells who said them."""

from dataclasses import replace

import pandas as pd
import pytest

from kzsurvey.coding import code, concordance
from kzsurvey.errors import CodingError

SAID = ["村里缺人，很忙", "不缺人", "乡里缺人多", None, "缺人"]


@pytest.fixture
def survey(with_codes):
    return with_codes({"T1": {"pattern": "缺人"}, "T2": {"pattern": "忙"}})


def interviews(said=SAID, **columns):
    return pd.DataFrame(
        {"troubles": said, **columns}, index=pd.Index([f"i{n}" for n in range(len(said))], name="interview")
    )


def lines(table):
    return [f"{row.left}[{row.words}]{row.right}" for row in table.itertuples()]


def test_each_place_has_its_words_around_it(survey):
    found = concordance(interviews(), survey, "缺人", width=2)
    assert lines(found) == ["[缺人]", "不[缺人]", "乡里[缺人]多", "村里[缺人]，很"]


def test_places_sort_by_what_precedes_them_read_backwards(survey):
    found = concordance(interviews(), survey, "缺人", sort="left", width=2)
    assert found["left"].tolist() == ["", "不", "乡里", "村里"]


@pytest.mark.parametrize(
    ("wanted", "count"),
    [("缺人|忙", 5), ("STATED 缺人", 3), ("@T1", 4), ("缺人 AND 忙", 1), ("DENIED 缺人", 1), ("缺.", 4)],
)
def test_any_line_of_the_rule_language_can_be_looked_for(survey, wanted, count):
    assert len(concordance(interviews(), survey, wanted)) == count


def test_places_that_have_a_code_can_be_shown(survey):
    table = interviews()
    mentions = code(table, survey)
    found = concordance(table, survey, mentions[mentions["code"] == "T2"], width=3)
    assert lines(found) == ["人，很[忙]"]


def test_the_id_of_the_interview_is_not_shown_and_rare_traits_are_empty(survey):
    table = interviews(["缺人"] * 7, market=["north"] * 6 + ["south"])
    found = concordance(table, survey, "缺人", columns=["market"])
    assert "interview" not in found
    assert sorted(found["market"].fillna("-")) == ["-"] + ["north"] * 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": ["keeper_id"]}, "column 'keeper_id', which can tell who said it"),
        ({"columns": ["nothing"]}, "column 'nothing'; allowed: a column of interviews"),
        ({"questions": ["market"]}, "question 'market'; allowed: an open question"),
        ({"sort": "rigth"}, "sort 'rigth'.*did you mean right"),
        ({"width": -1}, "width -1"),
        ({"wanted": "缺人 NEAR 忙"}, "NEAR without a number"),
        ({"wanted": "@T9"}, "unknown code @T9"),
    ],
)
def test_what_cannot_be_shown_is_named(survey, options, message):
    table = interviews(market="north", keeper_id="k")
    with pytest.raises(CodingError, match=message):
        concordance(table, survey, **{"wanted": "缺人"} | options)


def test_places_are_those_of_the_answer_as_it_was_given(survey):
    found = concordance(interviews(["３０㎡，缺\u200b人啊"]), replace(survey), "缺人", width=3)
    assert lines(found) == ["０㎡，[缺\u200b人]啊"]
