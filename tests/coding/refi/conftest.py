"""Files of other programs, packed as they pack them; the structure that the standard lays down."""

import re
import xml.etree.ElementTree as ET
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from kzsurvey.coding.exchange.records import COLUMNS, WITHOUT_GUID

REFI = Path(__file__).parent
OFFICIAL = Path(__file__).parents[4] / "shared" / "refi"


@pytest.fixture
def packed(tmp_path):
    """A .qdpx as a program writes it: ``packed("qualcoder", {name of a text: its content}, folder="sources")``."""

    def make(project, texts, *, folder="sources", name="project.qde", change=()):
        written = project if project.lstrip().startswith("<") else (REFI / f"{project}.qde").read_text(encoding="utf-8")
        for old, new in change:
            assert old in written
            written = written.replace(old, new)
        path = tmp_path / "given.qdpx"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
            made.writestr(name, written.encode())
            for file, text in texts.items():
                made.writestr(f"{folder}/{file}", text if isinstance(text, bytes) else text.encode())
        return path

    return make


@pytest.fixture(scope="session")
def same():
    """Whether two projects hold the same, table by table; what was not taken of the first is not in the second."""

    def compare(one, other):
        for table in [name for name in COLUMNS if name != "not_taken"]:
            left, right = getattr(one, table), getattr(other, table)
            if table in WITHOUT_GUID:  # pairs, in no order of their own
                left, right = (rows.sort_values(list(rows), ignore_index=True) for rows in (left, right))
            pd.testing.assert_frame_equal(left, right, obj=table)
        assert (one.name, one.description) == (other.name, other.description)

    return compare


GUID = r"\{?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}?"
TEXT_SOURCE = "(Description )?(PlainTextContent )?(PlainTextSelection )*(Coding )*(NoteRef )*(VariableValue )*"
# what may stand in an element, in which order; what it must have
PARTS = {
    "Project": "(Users )?(CodeBook )?(Variables )?(Cases )?(Sources )?(Notes )?(Description )?(NoteRef )*",
    "Users": "(User )+", "Codes": "(Code )+", "Variables": "(Variable )+", "Cases": "(Case )+", "Notes": "(Note )+",
    "CodeBook": "Codes ", "Code": "(Description )?(NoteRef )*(Code )*", "Variable": "(Description )?",
    "Case": "(Description )?(CodeRef )*(VariableValue )*(SourceRef )*(SelectionRef )*",
    "Sources": "(TextSource )+", "TextSource": TEXT_SOURCE, "Note": TEXT_SOURCE,
    "PlainTextSelection": "(Description )?(Coding )*(NoteRef )*", "Coding": "CodeRef (NoteRef )*",
    "VariableValue": "VariableRef (TextValue |BooleanValue |IntegerValue |FloatValue |DateValue |DateTimeValue )?",
}  # fmt: skip
MUST = {
    "Project": ["name"], "User": ["guid"], "Code": ["guid", "name", "isCodable"], "Case": ["guid"],
    "Variable": ["guid", "name", "typeOfVariable"], "TextSource": ["guid"], "Note": ["guid"], "Coding": ["guid"],
    "PlainTextSelection": ["guid", "startPosition", "endPosition"],
    **{f"{name}Ref": ["targetGUID"] for name in ("Code", "Note", "Source", "Selection", "Variable")},
}  # fmt: skip
KINDS = {
    "guid|targetGUID|creatingUser|modifyingUser": GUID,
    "isCodable": "true|false|1|0",
    "color": "#([0-9a-fA-F]{6}|[0-9a-fA-F]{3})",
    "startPosition|endPosition": r"\d+",
    "creationDateTime|modifiedDateTime": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)?",
    "typeOfVariable": "Text|Boolean|Integer|Float|Date|DateTime",
}


@pytest.fixture(scope="session")
def structure_faults():
    """Where a file is not as the standard lays it down: ``structure_faults(bytes of a .qdc, or of a project.qde)``."""
    return _structure_faults


def _structure_faults(content):
    """Where a file is not as the standard lays it down."""
    root = ET.fromstring(content)
    space = root.tag.partition("}")[0] + "}"
    faults = [] if re.fullmatch(r"\{urn:QDA-XML:(project|codebook):1\.0\}", space) else [root.tag]
    for one in root.iter():
        name = one.tag.removeprefix(space)
        inside = "".join(f"{child.tag.removeprefix(space)} " for child in one)
        if not re.fullmatch(PARTS.get(name, ""), inside):
            faults.append(f"{name} holds {inside}")
        faults += [f"{name} without {must}" for must in MUST.get(name, ()) if must not in one.attrib]
        for key, value in one.attrib.items():
            kind = next((kind for keys, kind in KINDS.items() if re.fullmatch(keys, key)), ".*")
            if not re.fullmatch(kind, value, flags=re.DOTALL):
                faults.append(f"{name} {key}={value}")
    return faults


@pytest.fixture(scope="session")
def official():
    """The official schemas: ``official("Project").validate(text)``."""
    import xmlschema

    if not OFFICIAL.is_dir():
        pytest.skip("needs ../shared/refi, which is not part of the project")
    return lambda name: xmlschema.XMLSchema10(str(OFFICIAL / f"{name}.xsd"))
