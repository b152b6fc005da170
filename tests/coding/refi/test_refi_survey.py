"""A survey goes out as a project and its codings come back; a project of others becomes a survey."""

import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from kzsurvey.coding import entry, read_codings, record
from kzsurvey.coding.exchange import (
    codebook_of,
    draft_survey,
    project_of,
    read_qdc,
    read_qdpx,
    survey_codings,
    survey_project,
    write_qdc,
    write_qdpx,
)
from kzsurvey.errors import CodingError
from kzsurvey.survey import read_survey
from kzsurvey.survey.codebook import read_codebook
from kzsurvey.survey.record import Scheme

MARKET = Path(__file__).parents[2] / "surveys" / "data" / "raw" / "market"
ANSWERS = {
    "v1": "租金太高，快交不起了😀\n没人来买东西",
    "v2": "none to speak of",
    "v3": None,
    "v4": "摊位费年年涨\r\n生意差",
}
GUID = "0b1f7e0c-1f6e-4f7e-9f0e-{:012d}"


@pytest.fixture
def survey(tmp_path):
    """The market survey in a folder of its own, so that codings can be recorded."""
    return read_survey(shutil.copytree(MARKET, tmp_path / "market"))


@pytest.fixture
def interviews():
    kinds = ["fruit", "fruit", "meat", "cloth"]
    columns = {"troubles": ANSWERS, "stall_kind": dict(zip(ANSWERS, kinds, strict=True))}
    return pd.DataFrame(columns).rename_axis("interview").assign(market=["east", "east", "east", "west"])


@pytest.fixture
def coded(survey, interviews):
    """Codings by two coders: overlapping passages, a memo, a whole answer, a decision that nothing applies."""
    one, two = ANSWERS["v1"], ANSWERS["v2"]
    record(survey, "艾山", [
        entry("add", "v1", "troubles", one, start=0, end=4, code="T1.1", memo="said first\nand last"),
        entry("add", "v1", "troubles", one, start=2, end=12, code="T1"),
        entry("add", "v4", "troubles", ANSWERS["v4"], code="T2", memo="the whole answer"),
        entry("memo", "v1", "troubles", one, start=12, end=14, memo="who?"),
        entry("nothing", "v2", "troubles", two),
    ])  # fmt: skip
    record(survey, "li", entry("add", "v1", "troubles", one, start=0, end=4, code="T1.1"))
    record(survey, "li", entry("add", "v1", "troubles", one, start=12, end=18, code="T2"), role="adjudicator")
    return read_codings(survey, interviews)


def plain(codings):
    """Actions as a sorted list of tuples, with the words of each passage."""
    columns = ["coder", "role", "action", "interview", "start", "end", "code", "memo"]
    return sorted(tuple(map(str, row)) for row in codings[columns].itertuples(index=False))


def test_every_answer_that_has_codes_is_a_source_and_every_interview_a_case(survey, interviews):
    project = survey_project(survey, interviews)
    assert project.sources["text"].tolist() == [text for text in ANSWERS.values() if text]
    assert project.sources["name"].tolist() == ["v1 troubles", "v2 troubles", "v4 troubles"]
    assert project.cases["name"].tolist() == ["v1", "v2", "v3", "v4"]
    assert len(project.members) == 3


def test_a_scheme_stands_above_its_codes_and_is_not_codable(survey, interviews):
    codes = survey_project(survey, interviews).codes
    assert codes["name"].tolist() == ["困难", "T1 钱", "T1.1 租金高", "T2 客人少"]
    assert codes["codable"].tolist() == [False, True, True, True]
    assert codes["parent"].map(codes["name"]).fillna("").tolist() == ["", "困难", "T1 钱", "困难"]


def test_names_come_in_the_language_that_is_asked_for(survey, interviews):
    assert survey_project(survey, interviews, language="en").codes["name"].iloc[1] == "T1 Money"


def test_the_codebook_comes_back_cell_for_cell_but_for_its_rules(survey, interviews, tmp_path):
    project = survey_project(survey, interviews)
    back = codebook_of(read_qdc(write_qdc(project, tmp_path / "made.qdc"))).codes
    kept = [
        "scheme",
        "parent",
        "name_zh",
        "name_en",
        "definition_zh",
        "definition_en",
        "use_when",
        "not_when",
        "example",
    ]
    pd.testing.assert_frame_equal(back[kept], survey.codes[kept])
    assert project.not_taken["name"].tolist() == ["T1.1", "T2"]


def test_the_shipped_codebook_comes_back_cell_for_cell(tmp_path):
    survey = read_survey(Path(__file__).parents[3] / "data" / "raw" / "kizilsu", check_delivered=False)
    nobody = pd.DataFrame(index=pd.Index([], name="interview", dtype="str"))
    back = codebook_of(read_qdc(write_qdc(survey_project(survey, nobody), tmp_path / "made.qdc")))
    kept = [column for column in back.codes if column != "note"]
    pd.testing.assert_frame_equal(back.codes[kept], survey.codes.loc[back.codes.index, kept])
    assert sorted(back.codes.index) == sorted(survey.codes.index)
    assert back.languages == dict(survey.languages)


def test_codings_go_out_and_come_back_the_same(survey, interviews, coded, tmp_path):
    path = write_qdpx(survey_project(survey, interviews, coded), tmp_path / "made.qdpx")
    back = survey_codings(read_qdpx(path), survey, interviews)
    assert plain(back.codings) == sorted([
        ("li", "adjudicator", "add", "v1", "12", "18", "T2", ""),
        ("li", "coder", "add", "v1", "0", "4", "T1.1", ""),
        ("艾山", "coder", "add", "v1", "0", "4", "T1.1", "said first\nand last"),
        ("艾山", "coder", "add", "v1", "2", "12", "T1", ""),
        ("艾山", "coder", "add", "v4", "<NA>", "<NA>", "T2", "the whole answer"),
        ("艾山", "coder", "memo", "v1", "12", "14", "", "who?"),
        ("艾山", "coder", "nothing", "v2", "<NA>", "<NA>", "", ""),
    ])  # fmt: skip
    assert back.not_taken["reason"].tolist() == ["the time of each coding: it becomes that of the import"]


def test_a_coded_survey_has_the_structure_of_the_standard(survey, interviews, coded, tmp_path, structure_faults):
    project = survey_project(survey, interviews, coded, variables=["stall_kind"])
    with zipfile.ZipFile(write_qdpx(project, tmp_path / "made.qdpx")) as made:
        assert structure_faults(made.read("project.qde")) == []
    assert structure_faults(write_qdc(project, tmp_path / "made.qdc").read_bytes()) == []


@pytest.mark.shared
def test_a_coded_survey_is_valid_against_the_official_schemas(survey, interviews, coded, tmp_path, official):
    project = survey_project(survey, interviews, coded, variables=["stall_kind"])
    with zipfile.ZipFile(write_qdpx(project, tmp_path / "made.qdpx")) as made:
        official("Project").validate(made.read("project.qde").decode())
    official("Codebook").validate(write_qdc(project, tmp_path / "made.qdc").read_text(encoding="utf-8"))


def test_the_same_survey_gives_the_same_bytes(survey, interviews, coded, tmp_path):
    first, second = (
        write_qdpx(survey_project(survey, interviews, coded), tmp_path / name).read_bytes() for name in ("a", "b")
    )
    assert first == second


def test_what_comes_back_is_recorded_as_it_was(survey, interviews, coded, tmp_path):
    path = write_qdpx(survey_project(survey, interviews, coded), tmp_path / "made.qdpx")
    back = survey_codings(read_qdpx(path), survey, interviews, coder="again").codings
    adds = back[(back["action"] == "add") & back["start"].notna()]
    record(survey, "again", [
        entry("add", one.interview, one.question, ANSWERS[one.interview], start=one.start, end=one.end, code=one.code)
        for one in adds.itertuples()
    ])  # fmt: skip
    spans = read_codings(survey, interviews).spans
    assert spans.loc[spans["coder"] == "again", "quote"].tolist() == [
        "租金太高",
        "太高，快交不起了😀\n",
        "没人来买东西",
    ]


def test_coders_are_users_and_an_adjudication_is_one_apart(survey, interviews, coded):
    project = survey_project(survey, interviews, coded)
    assert project.users["name"].tolist() == ["adjudicator:li", "li", "艾山"]
    assert sorted(project.passages["name"])[-1] == "租金太高"


def test_a_passage_whose_words_are_gone_is_listed_and_not_sent(survey, interviews, coded):
    changed = interviews.assign(troubles=interviews["troubles"].replace({ANSWERS["v1"]: "nothing of the kind"}))
    project = survey_project(survey, changed, read_codings(survey, changed))
    left = "\n".join(project.not_taken["reason"])
    assert project.passages.empty
    assert left.count("whose place is lost: 租金太高") == 2
    assert "the place of a memo of 艾山 on v1 troubles, which was written on: 没人" in left
    assert project.notes["text"].tolist() == ["the whole answer", "who?"]


def test_codings_on_an_answer_that_is_gone_are_counted(survey, interviews, coded):
    project = survey_project(survey, interviews.drop("v4"), coded)
    left = project.not_taken["reason"].tolist()
    assert "1 codings on v4 troubles, an answer that is not there" in left
    assert project.codings["target"].isin([*project.passages.index, *project.sources.index]).all()


def test_that_a_code_was_suggested_is_listed(survey, interviews):
    text = ANSWERS["v1"]
    record(survey, "li", [
        entry("accept", "v1", "troubles", text, start=0, end=4, code="T1.1", suggestion="rule:T1.1#1"),
        entry("reject", "v1", "troubles", text, start=12, end=18, code="T2", suggestion="rule:T2#1"),
    ])  # fmt: skip
    left = survey_project(survey, interviews, read_codings(survey, interviews)).not_taken["reason"].tolist()
    assert left[-2:] == ["that 1 codings were accepted suggestions", "1 suggestions that were rejected"]


def test_no_variable_goes_out_unasked_and_none_that_names_anybody(survey, interviews):
    assert survey_project(survey, interviews).variables.empty
    with pytest.raises(CodingError, match="keeper_id, which is direct"):
        survey_project(survey, interviews, variables=["keeper_id"])
    with pytest.raises(CodingError, match="'stal_kind'.*did you mean stall_kind"):
        survey_project(survey, interviews, variables=["stal_kind"])
    with pytest.raises(CodingError, match="troubles, which is no closed question"):
        survey_project(survey, interviews, variables=["troubles"])


@pytest.mark.parametrize("sensitivity", ["direct", "special"])
def test_a_closed_question_that_says_too_much_of_a_person_does_not_go_out(survey, interviews, sensitivity):
    questions = survey.questions.copy()
    questions.loc["stall_kind", "sensitivity"] = sensitivity
    with pytest.raises(CodingError, match=f"stall_kind, which is {sensitivity}"):
        survey_project(replace(survey, questions=questions), interviews, variables=["stall_kind"])


def test_a_variable_that_is_asked_for_goes_out_with_its_labels(survey, interviews):
    project = survey_project(survey, interviews, variables=["stall_kind"], language="en")
    assert project.variable_values["value"].tolist() == ["Fruit", "Fruit", "Meat", "Cloth"]
    assert project.variables["description"].tolist() == ["What is mainly sold here?"]


def test_combinations_that_few_interviews_share_are_withheld_and_counted(survey, interviews):
    project = survey_project(replace(survey, smallest_cell=2), interviews, variables=["market", "stall_kind"])
    markets = project.variable_values[project.variable_values["variable"] == project.variables.index[0]]
    assert len(markets) == 3
    assert "market of 1 cases: fewer than 2 interviews" in project.not_taken["reason"].iloc[-1]


def test_codings_of_a_code_that_the_codebook_lacks_are_faults(survey, interviews, coded):
    project = survey_project(survey, interviews, coded)
    shorter = replace(survey, codes=survey.codes.drop("T2"))
    with pytest.raises(CodingError, match="code 'T2 客人少', given 2 times"):
        survey_codings(project, shorter, interviews)


def test_a_code_on_an_answer_that_it_is_not_for_is_a_fault(survey, interviews, coded):
    project = survey_project(survey, interviews, coded)
    schemes = {**survey.schemes, "wish": Scheme("wish", ("wishes",))}
    codes = survey.codes.assign(scheme=["trouble", "trouble", "wish"])
    with pytest.raises(CodingError, match="code T2 on v1 troubles; allowed: an answer to wishes"):
        survey_codings(project, replace(survey, codes=codes, schemes=schemes), interviews)


def test_codings_on_a_text_that_is_no_answer_are_faults(survey, interviews, coded):
    project = survey_project(survey, interviews, coded)
    with pytest.raises(CodingError, match="source 'v4 troubles'; allowed: an answer"):
        survey_codings(project, survey, interviews.drop("v4"))
    other = interviews.assign(troubles=interviews["troubles"].replace({ANSWERS["v4"]: "quite another text"}))
    with pytest.raises(CodingError, match="source 'v4 troubles' with another text"):
        survey_codings(project, survey, other)


def test_a_program_that_gives_new_guids_and_endings_is_understood_by_names(survey, interviews, coded):
    project = survey_project(survey, interviews, coded)
    new = {old: GUID.format(number) for number, old in enumerate(project.sources.index)}
    sources = project.sources.assign(name=project.sources["name"] + ".txt").rename(index=new)
    passages = project.passages.assign(source=project.passages["source"].map(new))
    changed = replace(project, sources=sources, passages=passages,
                      codings=project.codings.assign(target=project.codings["target"].replace(new)),
                      note_refs=project.note_refs.assign(owner=project.note_refs["owner"].replace(new)))  # fmt: skip
    assert plain(survey_codings(changed, survey, interviews).codings) == plain(
        survey_codings(project, survey, interviews).codings
    )


def test_line_ends_that_a_program_changed_move_no_passage(survey, interviews, coded):
    project = survey_project(survey, interviews, coded)
    here = project.passages["source"] == project.sources.index[0]
    moved = {side: project.passages[side] + (here & (project.passages[side] > 11)) for side in ("start", "end")}
    text = project.sources["text"].str.replace("\n", "\r\n").str.replace("\r\r", "\r")
    changed = replace(project, sources=project.sources.assign(text=text), passages=project.passages.assign(**moved))
    assert plain(survey_codings(changed, survey, interviews).codings) == plain(
        survey_codings(project, survey, interviews).codings
    )


def test_a_passage_whose_words_the_answer_lacks_is_listed_not_moved(survey, interviews, coded):
    project = survey_project(survey, interviews, coded)
    changed = interviews.assign(troubles=interviews["troubles"].str.replace("没人来买东西", "[withheld]"))
    back = survey_codings(project, survey, changed)
    assert "12" not in [start for *_, start, _, _, _ in plain(back.codings)]
    assert back.not_taken["reason"].str.contains("its words are not in the answer v1 troubles").sum() == 2


def test_nothing_and_codes_by_one_coder_on_one_answer_are_not_both_taken(survey, interviews, coded):
    project = survey_project(survey, interviews, coded)
    nothing = project.codings["code"].map(project.codes["name"]) == "no code applies"
    target = project.codings["target"].where(~nothing, project.sources.index[0])
    back = survey_codings(replace(project, codings=project.codings.assign(target=target)), survey, interviews)
    assert "nothing" not in back.codings["action"].tolist()
    assert "that no code applies to v1 troubles, beside codes" in back.not_taken["reason"].tolist()


def foreign():
    """A project of nobody's survey: a heading, codes without codes, a case with an age, a memo on nothing."""
    g = GUID.format
    return project_of({
        "users": [{"guid": g(1), "name": "Li Ming"}],
        "codes": [{"guid": g(2), "name": "Work", "codable": False}, {"guid": g(3), "name": "pay: low", "parent": g(2)},
                  {"guid": g(4), "name": "pay, low", "description": "Note: wages"}],
        "variables": [{"guid": g(5), "name": "Age (years)", "type": "Integer"},
                      {"guid": g(6), "name": "file", "type": "Text"}],
        "cases": [{"guid": g(7), "name": "Mabel"}],
        "sources": [{"guid": g(8), "name": "Mabel.txt", "text": " the pay is low "},
                    {"guid": g(9), "name": "x", "text": "posts"}],
        "members": [{"case": g(7), "member": g(8)}],
        "variable_values": [{"owner": g(7), "variable": g(5), "value": "41"},
                            {"owner": g(8), "variable": g(6), "value": "a"}],
        "passages": [{"guid": g(10), "source": g(8), "start": 5, "end": 15, "name": "pay is low", "user": g(1)}],
        "codings": [{"guid": g(11), "target": g(10), "code": g(3), "user": g(1)}],
        "notes": [{"guid": g(12), "name": "journal", "text": "day one"}],
    }, name="Tea", origin="Other 1.0")  # fmt: skip


def test_codes_without_a_code_get_one_of_their_name_and_keep_what_they_say():
    codes = codebook_of(foreign()).codes
    assert codes.index.tolist() == ["Work", "pay_low", "pay_low_2"]
    assert codes["parent"].tolist() == ["", "Work", ""]
    assert codes["definition_en"].tolist() == ["", "", "Note: wages"]
    assert codes["note"].tolist() == ["not codable", "", ""]


def test_a_code_that_is_called_nothing_is_a_code():
    codes = [{"guid": GUID.format(1), "name": "nothing"}]
    assert codebook_of(project_of({"codes": codes})).by_guid == {GUID.format(1): "nothing"}


def test_a_code_that_was_copied_or_renamed_in_another_program_is_another_code_or_has_its_new_name(survey, interviews):
    project = survey_project(survey, interviews)
    high = project.codes.iloc[[2]]
    renamed = project.codes.assign(name=project.codes["name"].replace({"T2 客人少": "T2 没有客人"}))
    codes = pd.concat([renamed, high.set_axis([GUID.format(1)]).rename_axis("guid")])
    found = codebook_of(replace(project, codes=codes)).codes
    assert found["name_zh"].to_dict() == {"T1": "钱", "T1.1": "租金高", "T2": "没有客人", "T1.1_租金高": "T1.1 租金高"}


def test_a_draft_names_nobody_where_it_is_read(tmp_path):
    draft = draft_survey(foreign(), "tea")
    assert draft.sources == {GUID.format(8): ("T1", "text"), GUID.format(9): ("T2", "text")}
    assert "Mabel" not in draft.files["questions.csv"] + draft.files["codes.csv"] + draft.files["survey.toml"]
    assert draft.files["delivered/texts.csv"].splitlines() == [
        "interview_id,case_id,source_name,case_name,text,age_years,file_answer",
        "T1,C1,Mabel.txt,Mabel, the pay is low ,41,a",
        "T2,,x,,posts,,",
    ]
    (tmp_path / "codes.csv").write_text(draft.files["codes.csv"], encoding="utf-8")
    assert read_codebook(tmp_path, {"en": "English"}, ["imported"]).faults == []
