"""What people decided in the end, and what they disagree on; nothing unsettled is counted by silence."""

import pandas as pd
import pytest

from kzsurvey.coding import code, disagreements, final_codes, human_codes, human_shares, with_people
from kzsurvey.errors import CodingError
from kzsurvey.modelling.declared.analysis import codes as analysed
from kzsurvey.tables import check_table


def final(desk, **options):
    found = final_codes(desk.read(), **options)
    return dict(zip(found["interview"], zip(found["codes"], found["by"], strict=True), strict=True))


def test_one_coder_decides_alone_two_decide_when_they_agree(desk):
    desk.do("ann", "add", "M01", words="太高", code="T1")
    desk.do("ben", "add", "M01", words="租金太高", code="T1")
    desk.do("ann", "nothing", "M02")
    desk.do("ann", "add", "M03", code="T2")
    desk.do("ben", "nothing", "M03")
    assert final(desk) == {"M01": (("T1",), "ann+ben"), "M02": ((), "ann")}
    assert disagreements(desk.read()).to_dict("list") == {
        "interview": ["M03", "M03"], "question": ["troubles"] * 2, "coder": ["ann", "ben"], "codes": [("T2",), ()],
    }  # fmt: skip


def test_an_adjudication_decides_whatever_coders_say(desk):
    desk.do("ann", "add", "M03", code="T2")
    desk.do("ben", "nothing", "M03")
    desk.do("eve", "add", "M03", code="T1", role="adjudicator")
    assert final(desk) == {"M03": (("T1",), "adjudicator:eve")}
    assert disagreements(desk.read()).empty
    desk.do("ann", "nothing", "M03", role="adjudicator")  # the last one holds
    assert final(desk) == {"M03": ((), "adjudicator:ann")}


@pytest.mark.parametrize(
    ("codings", "codes"),
    [(["T1", "T1", "T2"], ("T1",)), (["T1", "T2", None], ()), (["T1", None], ()), (["T1", "T1", None], ("T1",))],
)
def test_the_majority_is_more_than_half(desk, codings, codes):
    for coder, given in zip(("ann", "ben", "eve"), codings, strict=False):
        desk.do(coder, "add", "M03", code=given) if given else desk.do(coder, "nothing", "M03")
    assert final(desk, several="majority")["M03"][0] == codes


def test_human_codes_hold_parents_and_are_missing_until_all_is_read(desk):
    desk.do("ann", "add", "M01", code="T1.1")
    desk.do("ann", "nothing", "M02")
    table = human_codes(desk.read(), desk.interviews, desk.survey)
    assert table.loc["M01"].to_dict() == {"code_T1": 1, "code_T1_1": 1, "code_T2": 0}
    assert table.loc["M02"].tolist() == [0, 0, 0]
    assert table.loc["M05"].tolist() == [0, 0, 0]  # asked, and said nothing
    assert table.loc[["M03", "M08"]].isna().all(axis=None)  # not read yet; refused to answer


def test_unsettled_answers_are_refused_because_they_are_not_like_the_others(desk):
    desk.do("ann", "add", "M03", code="T2")
    desk.do("ben", "nothing", "M03")
    with pytest.raises(CodingError, match="1 answers that coders decided differently.*adjudicate them"):
        human_codes(desk.read(), desk.interviews, desk.survey)
    assert human_codes(desk.read(), desk.interviews, desk.survey, several="majority").loc["M03"].tolist() == [0, 0, 0]
    left = human_codes(desk.read(), desk.interviews, desk.survey, unsettled="leave out")
    assert left.loc["M03"].isna().all()


def test_human_shares_say_of_how_many(desk):
    desk.do("ann", "add", "M01", code="T1.1")
    desk.do("ann", "nothing", "M02")
    found = human_shares(desk.read(), desk.interviews, desk.survey)
    assert found.to_dict("list") == {
        "code": ["T1", "T1.1", "T2"], "n": [4, 4, 4], "count": [1, 1, 0], "share": [0.25, 0.25, 0.0],
    }  # fmt: skip


def counted(desk, stand):
    mentions = code(desk.interviews, desk.survey)
    both = with_people(mentions, desk.read(), desk.interviews, desk.survey, stand=stand)
    check_table(both, "mentions")
    return both, analysed(desk.interviews, both, desk.survey)


def test_people_stand_beside_rules_and_analysis_counts_rules_unless_told(desk):
    desk.do("ann", "nothing", "M01")  # the rules find T1.1
    desk.do("ann", "add", "M10", words="路不好走", code="T2")  # the rules find nothing
    both, table = counted(desk, "rules")
    before = code(desk.interviews, desk.survey)
    pd.testing.assert_frame_equal(table, analysed(desk.interviews, before, desk.survey))
    mine = both[both["source"] == "person"]
    assert mine[["interview", "start", "end", "coder", "stands"]].to_numpy().tolist() == [["M10", 0, 4, "ann", False]]
    pd.testing.assert_frame_equal(both[both["source"] == "rule"].reset_index(drop=True), before)


def test_people_can_take_the_place_of_rules_that_found_nothing(desk):
    none = code(desk.interviews, desk.survey).iloc[:0]
    both = with_people(none, desk.read(), desk.interviews, desk.survey, stand="people")
    assert len(check_table(both, "mentions")) == 0


def test_people_can_take_the_place_of_rules_where_they_are_done(desk):
    desk.do("ann", "nothing", "M01")
    desk.do("ann", "add", "M10", code="T2")
    desk.do("ann", "add", "M03", code="T1.1")
    desk.do("ben", "nothing", "M03")  # not settled: rules stand
    _, table = counted(desk, "people")
    rules = analysed(desk.interviews, code(desk.interviews, desk.survey), desk.survey)
    assert table.loc["M01"].tolist() == [0, 0, 0]
    assert table.loc["M10", "code_T2"] == 1
    pd.testing.assert_frame_equal(table.drop(index=["M01", "M10"]), rules.drop(index=["M01", "M10"]))


def test_an_adjudication_stands_for_what_it_decided(desk):
    desk.do("ann", "add", "M10", code="T1")
    desk.do("ben", "nothing", "M10")
    desk.do("ann", "add", "M10", code="T2", role="adjudicator")
    both, table = counted(desk, "people")
    assert table.loc["M10"].tolist() == [0, 0, 1]
    assert both.loc[both["stands"] & (both["source"] == "person"), "coder"].tolist() == ["adjudicator:ann"]


def test_codings_that_wait_for_a_person_are_no_mentions(desk):
    desk.do("ann", "add", "M04", words="客人也少", code="T2")
    later = desk.said(M04="别的话")
    both, _ = counted(later, "people")
    assert both[both["source"] == "person"].empty
