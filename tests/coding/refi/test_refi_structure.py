"""Files of ours have the structure that the standard lays down; the official schemas, where they are, say the same."""

import uuid
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from kzsurvey.coding.exchange import project_of, read_qdc, read_qdpx, write_qdc, write_qdpx
from kzsurvey.errors import CodingError

OFFICIAL = Path(__file__).parents[4] / "shared" / "refi"


def guid(name):
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


@pytest.fixture
def full():
    """A project with something in every table."""
    stamps = {"user": guid("user"), "time": "2026-11-29T05:04:12.345Z"}
    source = {"guid": guid("source"), "name": "A", "text": "pay 低", "description": "d", **stamps}
    passage = {"guid": guid("passage"), "source": source["guid"], "start": 0, "end": 3, "name": "pay", **stamps}
    whole = {"guid": guid("whole"), "target": source["guid"], "code": guid("below")}
    owners = [guid(name) for name in ("code", "passage", "coding", "source")]
    rows = {
        "users": [{"guid": guid("user"), "name": "艾"}],
        "codes": [{"guid": guid("code"), "name": "work", "codable": False, "color": "#fff", "description": "a\nb"},
                  {"guid": guid("below"), "name": "pay", "parent": guid("code")}],
        "variables": [{"guid": guid("age"), "name": "age", "type": "Float", "description": "in years"},
                      {"guid": guid("day"), "name": "day", "type": "Date"}],
        "cases": [{"guid": guid("case"), "name": "K", "description": "one"}],
        "sources": [{**source, "changed": "2026-11-29T05:04:12Z"}, {"guid": guid("bare"), "text": ""}],
        "passages": [passage, {**passage, "guid": guid("comment"), "start": 4, "end": 5, "description": "why?"}],
        "codings": [{**whole, "guid": guid("coding"), "target": guid("passage"), **stamps}, whole],
        "notes": [{"guid": guid("note"), "name": "n", "text": "a memo", **stamps}],
        "note_refs": [{"owner": owner, "note": guid("note")} for owner in [*owners, ""]],
        "variable_values": [{"owner": guid("case"), "variable": guid("age"), "value": "41.5"},
                            {"owner": guid("source"), "variable": guid("day"), "value": "2019-06-04"}],
        "members": [{"case": guid("case"), "member": guid(member)} for member in ("source", "comment")],
    }  # fmt: skip
    return project_of(rows, name="tea", description="a trial")


def project_xml(path):
    with zipfile.ZipFile(path) as opened:
        return opened.read("project.qde")


def test_a_full_project_has_the_structure_of_the_standard_and_comes_back_the_same(
    full, tmp_path, same, structure_faults
):
    path = write_qdpx(full, tmp_path / "made.qdpx")
    assert structure_faults(project_xml(path)) == []
    same(full, read_qdpx(path))


def test_a_codebook_has_the_structure_of_the_standard(full, tmp_path, structure_faults):
    assert structure_faults(write_qdc(full, tmp_path / "made.qdc").read_bytes()) == []


def test_an_empty_project_has_no_empty_containers(tmp_path, structure_faults):
    content = project_xml(write_qdpx(project_of({}, name="empty"), tmp_path / "made.qdpx"))
    assert structure_faults(content) == []
    assert list(ET.fromstring(content)) == []


@pytest.mark.parametrize(("old", "new"), [
    ("<Users>", "<Users/><Users>"), ("<Codes>", "<Codes/><Codes>"), (' isCodable="true"', ""),
    ('color="#fff"', 'color="red"'),
    ("<CodeRef", "<NoteRef"), ("project:1.0", "project:2.0"), ("Z", " noon"),
])  # fmt: skip
def test_the_check_of_structure_sees_what_is_wrong(full, tmp_path, structure_faults, old, new):
    content = project_xml(write_qdpx(full, tmp_path / "made.qdpx")).decode()
    assert old in content
    assert structure_faults(content.replace(old, new).encode())


@pytest.mark.shared
def test_files_of_ours_are_valid_against_the_official_schemas(full, tmp_path, official):
    official("Project").validate(project_xml(write_qdpx(full, tmp_path / "made.qdpx")).decode())
    official("Project").validate(project_xml(write_qdpx(project_of({}, name=""), tmp_path / "none.qdpx")).decode())
    official("Codebook").validate(write_qdc(full, tmp_path / "made.qdc").read_text(encoding="utf-8"))


@pytest.mark.shared
def test_the_official_schema_sees_what_our_check_sees(full, tmp_path, official):
    content = project_xml(write_qdpx(full, tmp_path / "made.qdpx")).decode()
    assert not official("Project").is_valid(content.replace("<Users>", "<Users/><Users>"))


@pytest.fixture
def example():
    if not OFFICIAL.is_dir():
        pytest.skip("needs ../shared/refi, which is not part of the project")
    return lambda name: next(OFFICIAL.glob(f"{name}*"))


@pytest.mark.shared
def test_example_a1_of_the_specification_is_read(example):
    codes = read_qdc(example("A1")).codes
    assert codes["name"].tolist() == ["Topics", "Economy", "Health care", "Values", "Conservatives", "Liberals"]
    assert codes["codable"].tolist() == [False, True, True, False, True, True]
    assert codes.loc["d7aa29da-519b-4946-9b90-253b6db8fd0a", ["color", "description"]].tolist() == [
        "#ffff00", "Anything about jobs or taxes or business"]  # fmt: skip


@pytest.mark.shared
def test_example_a2_of_the_specification_is_read_and_what_it_lacks_is_said(example):
    with pytest.raises(CodingError, match="11 faults"):
        read_qdpx(example("A2"))
    project = read_qdpx(example("A2"), missing_texts="list")
    tables = (project.users, project.codes, project.sources, project.passages, project.codings, project.notes)
    assert [len(table) for table in tables] == [3, 14, 11, 8, 9, 2]
    counted = project.not_taken["element"].value_counts().to_dict()
    assert counted == {"Project": 1, "Set": 16, "TextSource": 11, "PDFSource": 2, "VideoSource": 2, "PictureSource": 1,
                       "AudioSource": 1, "Graph": 1, "Link": 1}  # fmt: skip


@pytest.mark.shared
def test_example_a2_with_texts_of_its_lengths_is_read_whole(example, packed):
    root = ET.fromstring(example("A2").read_bytes())
    space = root.tag.partition("}")[0] + "}"
    texts = {}
    for kind in ("TextSource", "Representation", "Transcript"):
        for one in root.iter(f"{space}{kind}"):
            written = ["…"] * 1500
            for passage in one.iter(f"{space}PlainTextSelection"):
                words, start = passage.get("name", "").rstrip("…"), int(passage.get("startPosition"))
                if len(words) == int(passage.get("endPosition")) - start or passage.get("name", "").endswith("…"):
                    written[start : start + len(words)] = words
            if one.get("plainTextPath"):
                texts.setdefault(one.get("plainTextPath").removeprefix("internal://"), "".join(written))
    project = read_qdpx(packed(example("A2").read_text(encoding="utf-8"), texts))
    one = project.passages.loc["4191294a-e287-4510-95b0-69bce4638e56"]
    assert project.sources["text"][one["source"]][one["start"] : one["end"]] == one["name"]
    assert project.positions.unit == "code points"


@pytest.mark.shared
def test_example_a3_of_the_specification_is_refused_with_the_line(example):
    with pytest.raises(CodingError, match=r"row 260: found XML that is not well-formed \(mismatched tag"):
        read_qdpx(example("A3"))


def test_tables_of_a_project_are_text_and_have_their_columns_when_empty():
    project = project_of({})
    assert project.codes.columns.tolist() == ["name", "parent", "codable", "color", "description"]
    assert pd.api.types.is_bool_dtype(project.codes["codable"])
