"""Files that are broken, dangerous or something else: one clear error with every fault, and nothing written."""

import struct
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kzsurvey.coding.exchange import Positions, project_faults, project_of, read_qdc, read_qdpx, write_qdc, write_qdpx
from kzsurvey.coding.exchange import archive as archives
from kzsurvey.errors import CodingError

FOLDER = Path(__file__).parent
TEXT = "46ACDB89-832F-4998-A542-D579FCBE8F1F.txt"
MAXQDA = {TEXT: "工资太低😀，又留不住人"}
CODE = "0b1f7e0c-1f6e-4f7e-9f0e-000000000001"
SOURCE = "0b1f7e0c-1f6e-4f7e-9f0e-000000000002"
QDC = '<CodeBook xmlns="urn:QDA-XML:codebook:1.0"><Codes>{}</Codes></CodeBook>'


def told(path, *, read=read_qdpx, **options):
    """What the error says."""
    with pytest.raises(CodingError) as caught:
        read(path, **options)
    return str(caught.value)


def qdc(tmp_path, content):
    path = tmp_path / "given.qdc"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("read", [read_qdc, read_qdpx])
def test_a_file_that_is_not_there_and_a_folder_are_said_to_be_so(tmp_path, read):
    assert "no such file" in told(tmp_path / "none.qdpx", read=read)
    assert "a folder" in told(tmp_path, read=read)


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.99])
def test_a_zip_file_cut_short_is_refused(packed, kept):
    path = packed("maxqda", MAXQDA)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    assert "cannot be opened as a zip file" in told(path)


def test_bytes_turned_over_inside_an_entry_are_refused(packed):
    path = packed("maxqda", MAXQDA)
    content = bytearray(path.read_bytes())
    content[60:90] = bytes(30)
    path.write_bytes(content)
    assert "damaged" in told(path)


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "given.qdpx").write_bytes(b"\x89PNG\r\n\x1a\n")
    assert "no zip file" in told(tmp_path / "given.qdpx")
    (tmp_path / "given.qdpx").write_bytes(b"")
    assert "no zip file" in told(tmp_path / "given.qdpx")


def test_a_codebook_where_a_project_is_expected_and_the_other_way_round(tmp_path, packed):
    codebook = qdc(tmp_path, QDC.format(f'<Code guid="{CODE}" name="a" isCodable="true"/>'))
    assert "read it as .qdc" in told(codebook)
    assert "read it as .qdpx" in told(packed("maxqda", MAXQDA), read=read_qdc)
    assert "<html> at the top" in told(qdc(tmp_path, "<html/>"), read=read_qdc)
    assert "namespace ''" in told(qdc(tmp_path, "<CodeBook/>"), read=read_qdc)


@pytest.mark.parametrize("space", ["urn:QDA-XML:codebook:1.0", "urn:QDA-XML:codebook:1:0", "urn:QDA-XML:codebook:0:4"])
def test_namespaces_that_programs_write_are_read(tmp_path, space):
    content = (
        f'<CodeBook xmlns="{space}"><Codes><Code guid="{CODE}" name="a" isCodable="true"/></Codes><Sets/></CodeBook>'
    )
    assert read_qdc(qdc(tmp_path, content)).codes["name"].tolist() == ["a"]


def test_entities_are_refused_before_they_unfold(tmp_path):
    lines = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE CodeBook [<!ENTITY a0 "ha">{lines}]>' + QDC.format(f'<Code guid="{CODE}" name="&a11;"/>')
    assert "a document type, which can declare entities" in told(qdc(tmp_path, bomb), read=read_qdc)
    reader = f'<!DOCTYPE CodeBook [<!ENTITY x SYSTEM "file:///etc/passwd">]>{QDC.format("<Code>&x;</Code>")}'
    assert "a document type" in told(qdc(tmp_path, reader), read=read_qdc)
    assert "undefined entity" in told(qdc(tmp_path, QDC.format("&x;")), read=read_qdc)


def test_elements_too_deep_inside_one_another_are_refused(tmp_path):
    deep = f'<Code guid="{CODE}" name="a">' * 5000 + "</Code>" * 5000
    assert "inside one another" in told(qdc(tmp_path, QDC.format(deep)), read=read_qdc)


def test_xml_that_is_not_well_formed_is_refused_with_its_line(tmp_path):
    said = told(qdc(tmp_path, QDC.format("\n<Code>\n</Cod>")), read=read_qdc)
    assert "row 3" in said
    assert "not well-formed" in said
    assert "an empty file" in told(qdc(tmp_path, " \n"), read=read_qdc)


def test_an_encoding_that_is_not_what_the_file_says_is_refused(tmp_path):
    code = QDC.format(f'\n<Code guid="{CODE}" name="工资" isCodable="true"/>')
    assert "row 2: found bytes that are not UTF-8" in told(qdc(tmp_path, code.encode("gb18030")), read=read_qdc)
    declared = f'<?xml version="1.0" encoding="gb18030"?>{code}'.encode("gb18030")
    assert "an encoding that cannot be read" in told(qdc(tmp_path, declared), read=read_qdc)
    assert read_qdc(qdc(tmp_path, code.encode("utf-16"))).codes["name"].tolist() == ["工资"]


def test_texts_that_are_missing_are_all_named(packed):
    said = told(packed("qualcoder", {}))
    assert "2 faults" in said
    assert "'keeper.docx' whose text 'internal://ffffffff-0000-4000-8000-000000000002.txt' is not there" in said


def test_a_text_outside_the_file_is_never_opened(packed, tmp_path):
    (tmp_path / "secret.txt").write_text("工资太低😀，又留不住人", encoding="utf-8")
    for path in (
        f"absolute://{tmp_path}/secret.txt",
        "relative:///secret.txt",
        f"{tmp_path}/secret.txt",
        "internal://../secret.txt",
    ):
        said = told(packed("maxqda", {}, change=[(f"internal://{TEXT}", path)]))
        assert "is not there" in said or "leaves the zip file" in said


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil.txt", "C:\\evil.txt", "sources/../../evil.txt"])
def test_an_entry_that_would_leave_the_zip_file_is_refused(packed, name):
    path = packed("maxqda", MAXQDA)
    with zipfile.ZipFile(path, "a") as opened:
        opened.writestr(name, "evil")
    assert "leaves the zip file" in told(path)


def test_an_entry_that_stands_twice_is_refused(packed):
    path = packed("maxqda", MAXQDA)
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as opened:
        opened.writestr("project.qde", "<Project/>")
    assert "project.qde: found this entry a second time" in told(path)


def test_entries_that_unfold_to_far_more_are_refused_unread(packed):
    assert "that unfold to 30,000,000" in told(packed("maxqda", {**MAXQDA, "bomb.txt": bytes(30_000_000)}))


def test_an_entry_that_lies_about_its_size_is_read_no_further_than_allowed(packed, monkeypatch):
    path = packed("maxqda", {TEXT: "x" * 5000})
    content = path.read_bytes()
    path.write_bytes(content.replace(struct.pack("<I", 5000), struct.pack("<I", 10)))
    assert "damaged" in told(path) or "more than" in told(path)
    monkeypatch.setattr(archives, "MOST_ENTRIES", 1)
    assert "at most 1" in told(packed("maxqda", MAXQDA))


def test_a_picture_may_unfold_to_more_because_nobody_unfolds_it(packed):
    assert len(read_qdpx(packed("maxqda", {**MAXQDA, "white.bmp": bytes(30_000_000)})).codes) == 2


def test_a_text_larger_than_allowed_is_refused(packed):
    with archives.open_archive(packed("maxqda", MAXQDA)) as opened, pytest.raises(CodingError, match="more than 10"):
        archives.read_entry(opened, opened.entries[f"sources/{TEXT.lower()}"], most=10)


def test_an_entry_locked_by_a_password_is_refused(packed):
    path = packed("maxqda", MAXQDA)
    content = path.read_bytes()
    places = [place for place in range(len(content)) if content.startswith((b"PK\x03\x04", b"PK\x01\x02"), place)]
    locked = bytearray(content)
    for place in places:
        locked[place + (6 if content[place + 2] == 3 else 8)] |= 1
    path.write_bytes(locked)
    assert "locked by a password" in told(path)


def test_a_zip_file_without_a_project_file_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "given.qdpx", "w") as made:
        made.writestr("a.txt", "a")
    assert "no project file" in told(tmp_path / "given.qdpx")


def test_guids_that_stand_twice_or_are_none_are_faults_with_their_lines(packed):
    change = [
        ("0FB6E502-B2A2-459C-B8F7-C3E17A3A2F02", "{0fb6e502-b2a2-459c-b8f7-c3e17a3a2f01}"),
        ("5FB6E502-B2A2-459C-B8F7-C3E17A3A2F02", "s2"),
    ]
    said = told(packed("maxqda", MAXQDA, change=change))
    assert "row 9, column guid: found guid 0fb6e502-b2a2-459c-b8f7-c3e17a3a2f01 a second time among codes" in said
    assert "row 23, column guid: found guid 's2'" in said


def test_references_that_lead_nowhere_are_faults(packed):
    change = [('<CodeRef targetGUID="0FB6E502-B2A2-459C-B8F7-C3E17A3A2F02"', f'<CodeRef targetGUID="{CODE}"'),
              ('<VariableRef targetGUID="0FB6', '<VariableRef targetGUID="1FB6')]  # fmt: skip
    said = told(packed("maxqda", MAXQDA, change=change))
    assert f"row 19, column code: found guid {CODE}, which is not there; allowed: the guid of one of the codes" in said
    assert "column variable: found guid 1fb6e502" in said


def test_a_coding_by_nobody_that_is_there_is_a_fault_but_the_maker_of_the_project_may_be_unknown(packed):
    said = told(packed("maxqda", MAXQDA, change=[('<Coding creatingUser="2C58', '<Coding creatingUser="3C58')]))
    assert "column user" in said
    path = packed("maxqda", MAXQDA, change=[('name="茶馆"', f'name="茶馆" creatingUserGUID="{CODE}"')])
    assert len(read_qdpx(path).codings) == 1


@pytest.mark.parametrize(("start", "end", "found"), [
    ("0", "99", "a passage from 0 to 99"),
    ("-3", "2", "a passage from -3 to 2"),
    ("7", "3", "start 7, end 3"),
    ("x", "3", "start 'x'"),
    ("1.5", "3", "start '1.5'"),
    ("", "3", "start ''"),
    ("1", "9" * 400, "end '999"),
])  # fmt: skip
def test_a_passage_outside_its_text_is_a_fault(packed, start, end, found):
    change = [
        ('endPosition="5" name="工资太低😀"', f'endPosition="{end}" name=""'),
        ('startPosition="0"', f'startPosition="{start}"'),
    ]
    said = told(packed("maxqda", MAXQDA, change=change), positions=Positions())
    assert "row 18" in said
    assert found in said


def test_a_place_inside_a_character_is_a_fault_not_another_place(packed):
    change = [('endPosition="5" name="工资太低😀"', 'endPosition="5" name=""')]
    assert "a passage from 0 to 5 (utf-16" in told(
        packed("maxqda", MAXQDA, change=change), positions=Positions("utf-16")
    )


def test_a_text_in_another_encoding_is_a_fault(packed):
    assert "not UTF-8" in told(packed("maxqda", {TEXT: "工资太低".encode("gb18030")}))


def test_faults_of_every_kind_come_at_once(packed):
    change = [
        ('3A2F02"/>\n        </Coding>', '3A2F99"/>\n        </Coding>'),
        ('endPosition="11"', 'endPosition="111"'),
        ('typeOfVariable="Integer"', 'typeOfVariable="Whole"'),
        ('guid="0FB6E502-B2A2-459C-B8F7-C3E17A3A2F01"', 'guid="?"'),
    ]
    said = told(packed("maxqda", MAXQDA, change=change))
    for found in ("2f99, which is not there", "from 7 to 111", "type 'Whole'", "guid '?'"):
        assert found in said


def test_a_time_that_is_none_is_a_fault(packed):
    change = [("2024-05-01T08:02:00Z", "yesterday")]
    texts = {
        "ffffffff-0000-4000-8000-000000000002.txt": "here pay is low and posts stay empty",
        "33333333-0000-4000-8000-000000000001.txt": "",
    }
    assert "column time: found time 'yesterday'" in told(packed("qualcoder", texts, change=change))


def test_what_the_standard_does_not_know_is_listed_with_its_line(packed):
    change = [
        ("  <Sets/>", '  <Extra guid="x"/>'),
        ('<Code isCodable="true" name="待遇低"', '<Code isCodable="true" weight="7" name="待遇低"'),
    ]
    left = read_qdpx(packed("maxqda", MAXQDA, change=change)).not_taken
    assert left[["element", "row"]].to_numpy().tolist() == [["Project", 2], ["Code", 9], ["Extra", 32]]
    assert "weight='7'" in left.at[1, "reason"]


@pytest.mark.parametrize(("column", "value", "found"), [
    ("name", "a\x0bb", "the character U+000B"),
    ("name", "", "no name"),
    ("color", "red", "color 'red'"),
    ("parent", SOURCE, "which is not there"),
    ("parent", CODE, "above itself"),
])  # fmt: skip
def test_a_codebook_that_cannot_be_written_is_refused_and_nothing_is_there(tmp_path, column, value, found):
    project = project_of({"codes": [{"guid": CODE, "name": "pay", column: value}]})
    assert found in told(tmp_path / "made.qdc", read=lambda path: write_qdc(project, path))
    assert found in told(tmp_path / "made.qdpx", read=lambda path: write_qdpx(project, path))
    assert list(tmp_path.iterdir()) == []


def test_an_empty_codebook_is_refused_and_an_empty_project_is_not(tmp_path, same):
    with pytest.raises(CodingError, match="no codes"):
        write_qdc(project_of({}), tmp_path / "made.qdc")
    project = project_of({}, name="empty")
    same(project, read_qdpx(write_qdpx(project, tmp_path / "made.qdpx")))


def test_a_project_whose_passage_lies_outside_its_text_is_not_written_over_a_good_file(tmp_path):
    source, path = {"guid": SOURCE, "name": "a", "text": "pay"}, tmp_path / "made.qdpx"
    write_qdpx(project_of({"sources": [source]}), path)
    before = path.read_bytes()
    passage = {"guid": CODE, "source": SOURCE, "start": 0, "end": 4}
    with pytest.raises(CodingError, match="from 0 to 4 in a text of 3 characters"):
        write_qdpx(project_of({"sources": [source], "passages": [passage]}), path)
    assert path.read_bytes() == before


def test_a_source_without_its_text_is_not_written(packed, tmp_path):
    project = read_qdpx(packed("maxqda", {}), missing_texts="list")
    with pytest.raises(CodingError, match="without its text"):
        write_qdpx(project, tmp_path / "made.qdpx")
    assert [path.name for path in Path(tmp_path).iterdir()] == ["given.qdpx"]


def test_options_that_mean_nothing_are_errors_of_the_program(packed):
    with pytest.raises(ValueError, match="missing_texts"):
        read_qdpx(packed("maxqda", MAXQDA), missing_texts="ignore")
    with pytest.raises(ValueError, match="positions"):
        read_qdpx(packed("maxqda", MAXQDA), positions=Positions("letters"))


PIECES = [
    'guid="',
    'targetGUID="',
    "<Coding",
    "</Coding>",
    'startPosition="',
    '"',
    ">",
    "<Note ",
    "0",
    "-",
    "9",
    "\x00",
]
edits = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 60), st.sampled_from(["", *PIECES])), max_size=4)


@given(program=st.sampled_from(["qualcoder", "maxqda", "nvivo", "atlas"]), edits=edits)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_changed_in_a_project_file_there_is_a_project_or_a_clear_error(tmp_path, program, edits):
    content = (FOLDER / f"{program}.qde").read_text(encoding="utf-8")
    for place, length, new in edits:
        place %= len(content)
        content = content[:place] + new + content[place + length :]
    path = tmp_path / "given.qde"
    path.write_text(content, encoding="utf-8")
    with suppress(CodingError):
        assert project_faults(read_qdpx(path, missing_texts="list"), "given") == []


@given(flips=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), min_size=1, max_size=3))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_bytes_are_changed_in_a_zip_file_there_is_a_project_or_a_clear_error(packed, flips):
    path = packed("maxqda", MAXQDA)
    content = bytearray(path.read_bytes())
    for place, byte in flips:
        content[place % len(content)] = byte
    path.write_bytes(content)
    with suppress(CodingError):
        assert project_faults(read_qdpx(path), "given") == []
