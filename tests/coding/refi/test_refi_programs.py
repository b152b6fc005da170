"""Projects in the forms that NVivo, MAXQDA, ATLAS.ti and QualCoder are documented to write."""

import zipfile

import pandas as pd
import pytest

from kzsurvey.coding.exchange import Positions, read_qdpx, write_qdpx

QUALCODER = {
    "ffffffff-0000-4000-8000-000000000002.txt": "here pay is low and posts stay empty",
    "33333333-0000-4000-8000-000000000001.txt": "first day\nnothing yet",
    "ffffffff-0000-4000-8000-000000000001.docx": b"PK not read",
}
MAXQDA = {"46ACDB89-832F-4998-A542-D579FCBE8F1F.txt": "工资太低😀，又留不住人"}
# 21-24 and 29-32 only in UTF-16 units, with a line end as two
NVIVO = {
    "56a79789-d535-4fb8-bedd-a915504c54ba.txt": "tea 😀😀 house:\r\nthe pay was bad \r\nposts stay empty",
    "6f84a2ee-3a4b-46da-8265-55be12999ab0.txt": "whose posts?",
}
ATLAS = {
    "01106019-2518-43DD-BBD1-8F0252BACB01.txt": "tea house\r\npay low\r\n\r\nposts stay empty",
    "B09E8D25-66A6-4D7E-A884-3E1A11A40E01.txt": "the rules",
}


def words(project):
    """Words of each passage, and the names of its codes."""
    texts = project.sources["text"]
    names = project.codings["code"].map(project.codes["name"]).groupby(project.codings["target"]).agg(list)
    return [(texts[one.source][one.start : one.end], names.get(one.Index, [])) for one in project.passages.itertuples()]


def left(project):
    """What was not taken of a project, but what it says of itself."""
    return project.not_taken[project.not_taken["element"] != "Project"].reset_index(drop=True)


def test_a_project_of_qualcoder_has_its_texts_codes_coders_and_memos(packed):
    project = read_qdpx(packed("qualcoder", QUALCODER))
    assert words(project) == [("pay is low", ["pay is low"]), ("posts stay empty", ["posts empty"])]
    assert project.codings["user"].map(project.users["name"]).tolist() == ["default", "aygul"]
    assert project.passages["description"].tolist() == ["said twice", ""]
    assert project.codes["codable"].tolist() == [False, True, True]
    assert project.notes["text"].tolist() == ["first day\nnothing yet", "ask again here"]
    assert project.description == "a trial"


def test_an_empty_value_of_qualcoder_is_no_value(packed):
    project = read_qdpx(packed("qualcoder", QUALCODER))
    assert project.variable_values["value"].tolist() == ["41"]


def test_where_an_annotation_of_qualcoder_stands_is_listed_because_the_standard_means_the_memo(packed):
    reasons = left(read_qdpx(packed("qualcoder", QUALCODER)))["reason"]
    assert reasons.tolist() == ["a place in a memo (0-4), or a code given to it"]


def test_a_project_of_maxqda_counts_code_points_and_may_have_empty_sets(packed):
    project = read_qdpx(packed("maxqda", MAXQDA))
    assert words(project) == [("工资太低😀", ["待遇低"]), ("留不住人", [])]
    assert project.positions == Positions()
    assert project.variable_values[["owner", "value"]].to_numpy().tolist() == [[project.sources.index[0], "41"]]
    assert project.passages["description"].tolist() == ["", "与待遇有关"]
    assert left(project).empty


def test_a_project_of_nvivo_counts_utf_16_units_and_two_for_a_line_end(packed):
    project = read_qdpx(packed("nvivo", NVIVO, folder="Sources"))
    assert project.positions == Positions(unit="utf-16")
    assert [one for one, _ in words(project)][:2] == ["pay", "bad"]
    assert words(project)[3][0] == "posts"


def test_codings_of_nvivo_with_a_case_make_the_passage_part_of_the_case(packed):
    project = read_qdpx(packed("nvivo", NVIVO))
    assert project.members.to_numpy().tolist() == [[project.cases.index[0], project.passages.index[2]]]
    assert len(project.codings) == 2


def test_an_annotation_of_nvivo_is_a_memo_in_its_place_and_its_link_is_listed(packed):
    project = read_qdpx(packed("nvivo", NVIVO))
    ref = project.note_refs.iloc[0]
    assert (project.notes.at[ref["note"], "text"], ref["owner"]) == ("whose posts?", project.passages.index[3])
    assert "kept as a memo in its place" in left(project).at[0, "reason"]


def test_a_project_of_atlas_counts_a_line_end_as_one(packed):
    project = read_qdpx(packed("atlas", ATLAS))
    assert project.positions == Positions(lines="one")
    assert words(project) == [("pay", ["Work::pay"]), ("posts stay empty", [])]


def test_the_text_of_a_pdf_is_taken_and_its_coded_areas_and_the_sets_are_listed(packed):
    project = read_qdpx(packed("atlas", ATLAS))
    assert project.sources["name"].tolist() == ["keeper.txt", "rules.pdf"]
    assert left(project)["element"].tolist() == ["PDFSource", "Set"]
    assert "1 codings on it, its text is taken" in left(project).at[0, "reason"]


PROGRAMS = pytest.mark.parametrize(
    ("program", "texts"), [("qualcoder", QUALCODER), ("maxqda", MAXQDA), ("nvivo", NVIVO), ("atlas", ATLAS)]
)


def project_xml(path):
    with zipfile.ZipFile(path) as opened:
        return opened.read("project.qde")


@PROGRAMS
def test_what_was_read_of_a_program_is_written_and_read_again_the_same(
    packed, tmp_path, program, texts, same, structure_faults
):
    project = read_qdpx(packed(program, texts))
    path = write_qdpx(project, tmp_path / "again.qdpx")
    same(project, read_qdpx(path))
    assert structure_faults(project_xml(path)) == []


@pytest.mark.shared
@PROGRAMS
def test_what_was_read_of_a_program_is_valid_against_the_official_schema_when_written(
    packed, tmp_path, program, texts, official
):
    path = write_qdpx(read_qdpx(packed(program, texts)), tmp_path / "again.qdpx")
    official("Project").validate(project_xml(path).decode())


def test_who_made_a_project_and_where_is_listed(packed):
    reasons = read_qdpx(packed("qualcoder", QUALCODER)).not_taken["reason"]
    told = "creatingUserGUID aaaaaaaa-0000-4000-8000-000000000099, creationDateTime 2024-05-01T08:00:00Z"
    assert reasons[0] == f"of the project itself: {told}"


def test_the_evidence_says_how_each_way_of_counting_fits(packed):
    evidence = read_qdpx(packed("maxqda", MAXQDA)).evidence.set_index(["unit", "lines", "end"])
    assert evidence.loc[("code points", "as stored", "exclusive"), "named"] == 2
    assert evidence.loc[("utf-16", "as stored", "exclusive"), "named"] == 0
    assert evidence.loc[("utf-8", "as stored", "exclusive"), "outside"] > 0
    assert (evidence["passages"] == 2).all()


def test_a_way_of_counting_that_is_asked_for_is_taken_without_evidence(packed):
    project = read_qdpx(packed("atlas", ATLAS), positions=Positions())
    assert words(project)[0][0] == "\npa"
    assert project.evidence.empty


def test_an_inclusive_end_is_seen_by_the_words_that_passages_are_named_after(packed):
    change = [('endPosition="15"', 'endPosition="14"'), ('endPosition="36"', 'endPosition="35"')]
    project = read_qdpx(packed("qualcoder", QUALCODER, change=change))
    assert project.positions == Positions(end="inclusive")
    assert [one for one, _ in words(project)] == ["pay is low", "posts stay empty"]


@pytest.mark.parametrize("path", ["internal://a.txt", "a.txt", "internal://Sources/A.TXT", "INTERNAL://a.txt"])
def test_a_text_is_found_under_the_paths_that_programs_write(packed, path):
    change = [("internal://46ACDB89-832F-4998-A542-D579FCBE8F1F.txt", path)]
    texts = {"a.txt": MAXQDA["46ACDB89-832F-4998-A542-D579FCBE8F1F.txt"]}
    assert words(read_qdpx(packed("maxqda", texts, folder="Sources", change=change)))[1][0] == "留不住人"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_text_may_begin_with_a_mark_of_its_encoding(packed, encoding):
    (name, text), *_ = MAXQDA.items()
    project = read_qdpx(packed("maxqda", {name: text.encode(encoding)}))
    assert words(project)[0][0] == "工资太低😀"


def test_the_project_file_may_have_another_name(packed):
    assert len(read_qdpx(packed("maxqda", MAXQDA, name="茶馆.qde")).codes) == 2


def test_an_unpacked_project_is_read_from_its_folder(tmp_path, packed):
    with zipfile.ZipFile(packed("maxqda", MAXQDA)) as opened:
        opened.extractall(tmp_path / "unpacked")
    assert words(read_qdpx(tmp_path / "unpacked" / "project.qde"))[1][0] == "留不住人"


def test_a_transcript_is_a_text_and_its_passages_lie_between_points_in_time(packed):
    qde = """<Project xmlns="urn:QDA-XML:project:1.0" name="t">
    <CodeBook><Codes><Code guid="bbbbbbbb-0000-4000-8000-000000000001" name="pay" isCodable="true"/></Codes></CodeBook>
    <Sources><AudioSource guid="eeeeeeee-0000-4000-8000-000000000001" name="talk.mp3" path="relative:///talk.mp3">
    <Transcript guid="eeeeeeee-0000-4000-8000-000000000002"><PlainTextContent>the pay is low</PlainTextContent>
    <SyncPoint guid="11111111-0000-4000-8000-000000000001" timeStamp="0" position="4"/>
    <SyncPoint guid="11111111-0000-4000-8000-000000000002" timeStamp="900" position="7"/>
    <TranscriptSelection guid="22222222-0000-4000-8000-000000000001" name="pay"
     fromSyncPoint="11111111-0000-4000-8000-000000000001" toSyncPoint="{11111111-0000-4000-8000-000000000002}">
    <Coding guid="22222222-0000-4000-8000-000000000002">
    <CodeRef targetGUID="BBBBBBBB-0000-4000-8000-000000000001"/></Coding></TranscriptSelection></Transcript>
    </AudioSource></Sources></Project>"""
    project = read_qdpx(packed(qde, {}))
    assert words(project) == [("pay", ["pay"])]
    assert project.sources["name"].tolist() == ["talk.mp3"]


def test_two_coders_on_one_passage_are_two_codings_of_one_selection(packed):
    other = 'guid="E9CABA1A-0832-47CE-BD66-A8EC188D3702"><CodeRef targetGUID="0FB6E502-B2A2-459C-B8F7-C3E17A3A2F01"/>'
    change = [("        </Coding>", f"        </Coding><Coding {other}</Coding>")]
    project = read_qdpx(packed("maxqda", MAXQDA, change=change))
    assert words(project)[0] == ("工资太低😀", ["待遇低", "工作"])
    assert project.codings["user"].tolist() == ["2c5846fe-c0b7-4124-9256-794a5742ceba", ""]


def test_nothing_of_a_table_is_missing_but_texts_that_were_not_there(packed):
    project = read_qdpx(packed("maxqda", {}), missing_texts="list")
    assert pd.isna(project.sources["text"]).all()
    assert project.passages[["start", "end"]].to_numpy().tolist() == [[0, 5], [7, 11]]
    assert left(project)["element"].tolist() == ["TextSource"]
