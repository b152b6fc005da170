"""A codebook that changes: older codings are read through its steps; what they may mean now is asked, never guessed."""

import pandas as pd
import pytest

from kzsurvey.coding import codebook_version, codes_at, human_codes, human_shares
from kzsurvey.errors import CodingError
from kzsurvey.survey import codebooks, definition_faults

T = [("T1", ""), ("T1.1", "T1"), ("T2", "")]


def standing(desk, **options):
    spans = desk.read(**options).spans
    return dict(zip(spans["interview"], zip(spans["code"], spans["open"], strict=True), strict=True))


@pytest.mark.parametrize(
    ("steps", "codes", "before"),
    [
        (["2,add,T3,,,"], [*T, ("T3", "")], T),
        (["2,merge,T2,T1,,"], [("T1", ""), ("T1.1", "T1")], [("T1", ""), ("T1.1", "T1"), ("T2", "")]),
        (["2,split,T2,T2a T2b,,"], [*T[:2], ("T2a", ""), ("T2b", "")], T),
        (["2,split,T2,T2 T2b,,"], [*T, ("T2b", "")], T),
        (["2,move,T1.1,T2,T1,"], [("T1", ""), ("T1.1", "T2"), ("T2", "")], T),
        (["2,rename,T1,Q1,,"], [("Q1", ""), ("T1.1", "Q1"), ("T2", "")], T),
        (["2,retire,T1.1,,T1,"], [("T1", ""), ("T2", "")], T),
        (["2,retire,T2,,,trouble"], T[:2], T),
        (["2,redefine,T2,wider,,"], T, T),
        (["2,rename,T2,T3,,", "3,merge,T3,T1,,", "3,add,T4,,,"], [*T[:2], ("T4", "")], T),
    ],
)
def test_the_first_codebook_follows_from_the_steps(desk, steps, codes, before):
    changed = desk.with_steps(steps, codes).survey
    tree = codebooks(changed.codes, changed.steps)[1]
    assert sorted((code, place.parent) for code, place in tree.items()) == sorted(before)
    assert {place.scheme for place in tree.values()} == {"trouble"}
    assert codes_at(changed, 1)["parent"].to_dict() == dict(before)


@pytest.mark.parametrize(
    ("steps", "codes", "told"),
    [
        (["1,add,T3,,,"], T, "row 2, column version: found version '1'"),
        (["3,add,T2,,,"], T, "version 3 after 1; allowed: 1 or 2"),
        (["2,ad,T2,,,"], T, "step 'ad'; allowed: add, merge, split, move, rename, retire, redefine"),
        (["2,add,T3,,,"], T, "row 2, column code: found T3, which is not in the codebook after this step"),
        (["2,add,T1,,,"], T, "found T1, which T1.1 stood below before"),
        (["2,merge,T2,T1,,"], T, "found T2, which is in the codebook after this step"),
        (["2,merge,T3,T9,,"], T, "column into: found T9, which is not in the codebook"),
        (["2,merge,T3,,,"], T, "merge into ''; allowed: the code that takes it in"),
        (["2,split,T3,T2,,"], T, "split into 'T2'; allowed: two codes or more"),
        (["2,move,T2,T1,,"], T, "found T2 moved below T1; allowed: below no code"),
        (["2,rename,T2,T2,,"], T, "rename into 'T2'"),
        (["2,retire,T3,,,"], T, "column scheme: found T3, whose scheme cannot be seen"),
        (["2,retire,T3,,,cause"], T, "scheme 'cause'; allowed: a scheme of survey.toml: trouble"),
        (["2,redefine,T2,larger,,"], T, "redefine into 'larger'; allowed: narrower, wider"),
        (["2,retire,T3,,T8,"], T, "column parent: found T8, which is not in the codebook"),
    ],
)
def test_steps_that_do_not_lead_to_the_codebook_are_faults_of_their_rows(desk, steps, codes, told):
    folder = desk.survey.folder
    lines = ["version,step,code,into,parent,scheme", *steps]
    (folder / "codebook_steps.csv").write_text("\n".join(lines), "utf-8")
    found = [str(fault) for fault in definition_faults(folder)]
    assert len(found) == 1
    assert told in found[0]
    assert found[0].startswith("codebook_steps.csv, row 2")


def test_a_survey_without_steps_has_version_one(desk):
    assert codebook_version(desk.survey) == 1
    with pytest.raises(CodingError, match="version 2; allowed: 1 to 1"):
        desk.read(version=2)


def test_merged_and_renamed_codes_go_over_by_themselves(desk):
    desk.do("ann", "add", "M01", code="T1.1")
    desk.do("ann", "add", "M03", code="T2")
    later = desk.with_steps(["2,merge,T1.1,T1,T1,", "2,rename,T2,T5,,"], [("T1", ""), ("T5", "")])
    assert standing(later) == {"M01": ("T1", ""), "M03": ("T5", "")}
    assert later.read().answers["decided"].all()


def test_codings_of_a_code_that_was_split_wait_for_a_person(desk):
    desk.do("ann", "add", "M03", words="没人来买", code="T2")
    desk.do("ann", "add", "M04", code="T1.1")
    later = desk.with_steps(["2,split,T2,T2.a T2.b,,"], [*T[:2], ("T2.a", ""), ("T2.b", "")])
    read = later.read()
    assert read.queue[["interview", "code", "reason", "now", "quote"]].to_numpy().tolist() == [
        ["M03", "T2", "split", "T2.a T2.b", "没人来买"]
    ]
    assert read.answers.set_index("interview")["decided"].to_dict() == {"M03": False, "M04": True}
    later.do("ann", "remove", of=1)
    later.do("ann", "add", "M03", words="没人来买", code="T2.b")
    assert standing(later) == {"M03": ("T2.b", ""), "M04": ("T1.1", "")}
    assert later.read().queue.empty


def test_a_code_that_stays_after_a_split_can_be_confirmed(desk):
    desk.do("ann", "add", "M03", code="T2")
    later = desk.with_steps(["2,split,T2,T2 T3,,"], [*T, ("T3", "")])
    assert later.read().queue["reason"].tolist() == ["split"]
    later.do("ann", "confirm", "M03")
    later.do("ann", "add", "M09", code="T2")  # under the new codebook, so that nothing is in doubt
    assert standing(later) == {"M03": ("T2", ""), "M09": ("T2", "")}


def test_codes_that_a_code_may_be_keep_up_with_later_names(desk):
    desk.do("ann", "add", "M03", code="T2")
    steps = ["2,split,T2,Ta Tb,,", "3,rename,Ta,Tc,,"]
    later = desk.with_steps(steps, [*T[:2], ("Tc", ""), ("Tb", "")])
    assert later.read().queue["now"].tolist() == ["Tc Tb"]
    assert later.read(version=2).queue["now"].tolist() == ["Ta Tb"]


def test_a_retired_code_counts_no_more_and_its_answer_stays_read(desk):
    desk.do("ann", "add", "M03", code="T2")
    later = desk.with_steps(["2,retire,T2,,,trouble"], T[:2])
    read = later.read()
    assert read.spans.empty
    assert read.queue.empty
    assert read.answers[["codes", "decided"]].to_numpy().tolist() == [[0, True]]


@pytest.mark.parametrize(("width", "asked"), [("narrower", {"M03"}), ("wider", {"M02"}), ("", {"M02", "M03"})])
def test_a_new_definition_asks_for_the_answers_that_it_puts_in_doubt(desk, width, asked):
    desk.do("ann", "nothing", "M02")
    desk.do("ann", "add", "M03", code="T2")
    later = desk.with_steps([f"2,redefine,T2,{width},,"], T)
    assert set(later.read().queue["interview"]) == asked
    for interview in asked:
        later.do("ann", "confirm", interview)
    assert later.read().queue.empty


def test_a_code_that_is_added_has_not_been_looked_for_before(desk):
    desk.do("ann", "nothing", "M02")
    later = desk.with_steps(["2,add,T3,,,"], [*T, ("T3", "")])
    assert later.read().queue[["interview", "code", "reason"]].to_numpy().tolist() == [["M02", "T3", "new"]]
    later.do("ann", "add", "M02", code="T3")
    assert later.read().queue.empty
    later.do("ann", "nothing", "M10")
    assert later.read().queue.empty


def test_a_code_added_and_renamed_in_one_version_is_looked_for_under_its_last_name(desk):
    desk.do("ann", "nothing", "M02")
    later = desk.with_steps(["2,add,T3,,,", "2,rename,T3,T4,,"], [*T, ("T4", "")])
    assert later.read().queue[["code", "reason"]].to_numpy().tolist() == [["T4", "new"]]


def test_a_moved_code_counts_with_its_new_parent_and_then_with_its_old_one(desk):
    desk.do("ann", "add", "M01", code="T1.1")
    later = desk.with_steps(["2,move,T1.1,T2,T1,"], [("T1", ""), ("T1.1", "T2"), ("T2", "")])
    for version, counted in ((1, {"code_T1": 1, "code_T2": 0}), (2, {"code_T1": 0, "code_T2": 1})):
        table = human_codes(later.read(version=version), later.interviews, later.survey)
        assert table.loc["M01", ["code_T1", "code_T2"]].to_dict() == counted


def shares(desk, version):
    read = desk.read(version=version)
    return human_shares(read, desk.interviews, desk.survey).to_csv(index=False).encode()


def test_shares_of_every_past_version_stay_the_same_to_the_byte(desk):
    desk.do("ann", "add", "M01", words="租金太高", code="T1.1")
    for interview, code in (("M03", "T2"), ("M04", "T2"), ("M04", "T1.1")):
        desk.do("ann", "add", interview, code=code)
    desk.do("ann", "nothing", "M02")
    published = {1: shares(desk, 1)}
    second = desk.with_steps(
        ["2,split,T2,T2 T3,,", "2,rename,T1.1,R,,"], [("T1", ""), ("R", "T1"), ("T2", ""), ("T3", "")]
    )
    for interview in ("M03", "M04"):
        second.do("ann", "confirm", interview)
    second.do("ann", "add", "M09", code="R")
    published[2] = shares(second, 2)
    steps = ["2,split,T2,T2 T3,,", "2,rename,T1.1,R,,", "3,merge,R,T1,T1,", "3,retire,T3,,,trouble"]
    third = second.with_steps(steps, [("T1", ""), ("T2", "")])
    third.do("ann", "undo", of=1)
    third.do("ann", "add", "M20", code="T2")
    assert {version: shares(third, version) for version in (1, 2)} == published
    assert len(set(published.values()) | {shares(third, 3)}) == 3
    assert b"T1.1,6,2," in published[1]  # of M01 to M04 and two interviews that had nothing to say


def test_shares_are_refused_while_codings_wait_to_be_made_anew(desk):
    desk.do("ann", "add", "M03", code="T2")
    desk.do("ann", "nothing", "M02")
    later = desk.with_steps(["2,split,T2,Ta Tb,,"], [*T[:2], ("Ta", ""), ("Tb", "")])
    with pytest.raises(CodingError, match="1 answers to decide again: the code was split"):
        human_codes(later.read(), later.interviews, later.survey)
    table = human_codes(later.read(), later.interviews, later.survey, unsettled="leave out")
    assert table.loc[["M02", "M03"], "code_T1"].isna().tolist() == [False, True]


def test_a_code_that_no_codebook_had_then_is_a_fault_with_its_row(desk):
    desk.do("ann", "add", "M03", code="T2")
    path = desk.path("ann")
    path.write_text(path.read_text("utf-8").replace(",T2,", ",T9,"), "utf-8")
    with pytest.raises(
        CodingError, match=r"codings/ann.csv, row 2, column code: found code 'T9'; allowed: T1, T1.1, T2"
    ):
        desk.read()


def test_a_code_deleted_from_the_codebook_without_a_step_is_a_fault(desk):
    desk.do("ann", "add", "M03", code="T2")
    with pytest.raises(CodingError, match="code 'T2'; allowed: T1, T1.1.*needs a step in codebook_steps.csv"):
        desk.with_steps([], T[:2]).read()


def test_codings_of_a_codebook_that_is_not_here_yet_are_a_fault(desk):
    later = desk.with_steps(["2,add,T3,,,"], [*T, ("T3", "")])
    later.do("ann", "add", "M03", code="T3")
    with pytest.raises(CodingError, match="version 2; allowed: 1 to 1; codebook_steps.csv is older than the codings"):
        later.with_steps([], T).read()


def test_the_present_codebook_is_the_survey_s_own(desk):
    later = desk.with_steps(["2,add,T3,,,"], [*T, ("T3", "")]).survey
    pd.testing.assert_frame_equal(codes_at(later), later.codes)
