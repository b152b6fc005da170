"""Codes for other programs: counts one can count by hand, quotes that tell nobody."""

import pandas as pd
import pytest

from kzsurvey.cleaning import answer_screen
from kzsurvey.coding import case_by_code, code, code_by_code, quotes, with_people
from kzsurvey.errors import CodingError
from kzsurvey.modelling.declared.analysis import codes as analysed


def people(desk):
    empty = code(desk.interviews, desk.survey).iloc[:0]
    return with_people(empty, desk.read(), desk.interviews, desk.survey)


def test_cases_by_codes_are_those_that_analysis_has_where_there_is_an_answer(desk):
    mentions = code(desk.interviews, desk.survey)
    table = case_by_code(mentions, desk.interviews, desk.survey)
    said = desk.interviews["troubles"].notna()
    pd.testing.assert_frame_equal(table[said], analysed(desk.interviews, mentions, desk.survey)[said])
    assert table[~said].isna().all(axis=None)


def test_cases_can_be_answers(desk):
    table = case_by_code(code(desk.interviews, desk.survey), desk.interviews, desk.survey, unit="answer")
    assert table.index.names == ["interview", "question"]
    assert len(table) == desk.interviews["troubles"].notna().sum()
    assert table.loc[("M04", "troubles")].tolist() == [1, 1, 0]


def test_codes_by_codes_count_what_they_share(desk):
    desk.do("ann", "add", "M04", words="摊位费年年涨", code="T1.1")
    desk.do("ann", "add", "M04", words="涨，客人也少", code="T2")
    desk.do("ann", "add", "M20", words="租金高，", code="T1.1")  # ends where the next one begins
    desk.do("ann", "add", "M20", words="客人少", code="T2")
    desk.do("ann", "add", "M03", code="T2")
    for within, both in (("interview", 2), ("answer", 2), ("overlap", 1)):
        counts = code_by_code(people(desk), desk.survey, within=within)
        assert counts.to_numpy().tolist() == [[2, 2, both], [2, 2, both], [both, both, 3]]


def test_codes_by_codes_of_nothing_are_zeros(desk):
    assert (code_by_code(people(desk), desk.survey) == 0).all(axis=None)


def test_quotes_tell_what_was_said_and_not_who_said_it(desk):
    mentions = code(desk.interviews, desk.survey)
    table = quotes(mentions, desk.interviews, desk.survey, screen=answer_screen(desk.survey))
    assert table.columns.tolist() == ["code", "question", "quote", "withheld"]
    assert "租金太高" in set(table["quote"])
    assert not table["quote"].str.contains("M0", na=False).any()


def test_quotes_are_screened_and_come_from_the_answers_never_from_a_file(desk):
    for interview in ("M01", "M03", "M09"):
        desk.do("ann", "add", interview, code="T2")
    path = desk.path("ann")
    later = desk.said(M03="找王建国，电话13800138000，没人来买东西")
    path.write_text(path.read_text("utf-8").replace(",T2,,", ",T2,王建国,"), "utf-8")
    table = quotes(people(later), later.interviews, later.survey, screen=answer_screen(later.survey))
    said = " ".join(table["quote"].dropna())
    assert "13800138000" not in said
    assert "[电话]" in said
    assert "王建国" not in said


def test_a_code_of_few_interviews_has_no_quotes(desk):
    desk.do("ann", "add", "M01", words="太高", code="T1")
    desk.do("ann", "add", "M09", words="贵", code="T1")
    for interview in ("M03", "M12", "M14"):
        desk.do("ann", "add", interview, code="T2")
    table = quotes(people(desk), desk.interviews, desk.survey, screen=answer_screen(desk.survey), by=["stall_kind"])
    few = table[table["code"] == "T1"]
    assert few["withheld"].tolist() == [True]
    assert few[["question", "quote", "stall_kind"]].isna().all(axis=None)
    assert table.loc[table["code"] == "T2", "quote"].notna().all()


def test_groups_of_few_are_not_told(desk):
    mentions = code(desk.interviews, desk.survey)
    by = ["market", "stall_kind"]
    table = quotes(mentions, desk.interviews, desk.survey, screen=answer_screen(desk.survey), by=by)
    sizes = desk.interviews.groupby(by, observed=True, dropna=False).size()
    told = table.dropna(subset=by)
    assert len(told)
    assert all(sizes[tuple(row)] >= desk.survey.smallest_cell for row in told[by].itertuples(index=False))
    assert table[by].isna().any(axis=None)


@pytest.mark.parametrize("name", ["keeper_id", "troubles", "nothing_such"])
def test_nobody_is_told_by_what_says_who_they_are(desk, name):
    with pytest.raises(CodingError, match=f"by '{name}'"):
        quotes(people(desk), desk.interviews, desk.survey, screen=str, by=[name])
