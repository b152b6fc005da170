"""A project to .qdc and .qdpx: the same project gives the same bytes, and what is written can be read back whole."""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import pandas as pd

from kzsurvey.coding.exchange.archive import write_archive
from kzsurvey.coding.exchange.checking import project_faults
from kzsurvey.coding.exchange.positions import places
from kzsurvey.coding.exchange.records import STANDARD, Positions, Project
from kzsurvey.errors import CodingError, Fault, fail_if
from kzsurvey.files import whole_file

ORIGIN = "kzsurvey"
CODEBOOK = "urn:QDA-XML:codebook:1.0"
PROJECT = "urn:QDA-XML:project:1.0"
_HOME = "http://schema.qdasoftware.org/versions"
_TEXT = {"\r": "&#13;"}
_QUOTED = {"\r": "&#13;", "\n": "&#10;", "\t": "&#9;", '"': "&quot;"}
# attribute, column of the table
_STAMPS = (
    ("creatingUser", "user"),
    ("creationDateTime", "time"),
    ("modifyingUser", "changed_by"),
    ("modifiedDateTime", "changed"),
)


def write_qdc(project: Project, path: str | Path) -> Path:
    """Write the codes of a project as a REFI-QDA codebook.

    Parameters
    ----------
    project : Project
        Its ``codes`` are written.
    path : path
        Usually ends in ``.qdc``.

    Returns
    -------
    Path

    Raises
    ------
    CodingError
        There is no code, or a code cannot be written; nothing has been.

    Examples
    --------
    >>> import tempfile
    >>> from kzsurvey.coding.exchange import project_of, read_qdc
    >>> code = {"guid": "0b1f7e0c-1f6e-4f7e-9f0e-000000000001", "name": "green tea"}
    >>> path = write_qdc(project_of({"codes": [code]}), Path(tempfile.mkdtemp()) / "tea.qdc")
    >>> read_qdc(path).codes["name"].tolist()
    ['green tea']
    """
    faults = project_faults(project, str(path))
    if project.codes.empty:
        faults.append(Fault(str(path), "no codes", "at least one code"))
    fail_if(faults, CodingError)
    lines = [*_root("CodeBook", CODEBOOK, f"{_HOME}/Codebook/v1.0/Codebook.xsd", {}, {"origin": ORIGIN})]
    lines += [" <Codes>", *_codes(project.codes, {}, "  "), " </Codes>", "</CodeBook>", ""]
    with whole_file(path) as beside:
        beside.write_text("\n".join(lines), encoding="utf-8", newline="\n")
    return Path(path)


def write_qdpx(project: Project, path: str | Path, *, positions: Positions = STANDARD) -> Path:
    """Write a project as a REFI-QDA project.

    Parameters
    ----------
    project : Project
    path : path
        Usually ends in ``.qdpx``.
    positions : Positions
        How to count places in texts: in code points, which is the standard, or ``Positions("utf-16")`` for NVivo.

    Returns
    -------
    Path

    Raises
    ------
    CodingError
        Something refers to what is not there, lies outside its text, or cannot be written; with everything of the
        kind. Nothing has been written.

    Notes
    -----
    Texts are UTF-8 without a byte order mark and with the line ends they have, so that every program counts the same
    characters.

    References
    ----------
    REFI (2019). REFI-QDA: Exchange of processed data between qualitative data analysis software packages, version 1.5.
    https://www.qdasoftware.org
    """
    faults = project_faults(project, str(path))
    for guid, source in project.sources.iterrows():
        if pd.isna(source["text"]):
            faults.append(Fault(str(path), f"source {source['name'] or guid} without its text", "a text"))
    if positions.end != "exclusive":
        faults.append(Fault(str(path), f"positions {positions}", "an end that is one past the last character"))
    fail_if(faults, CodingError)
    contents = {"project.qde": "\n".join([*project_lines(project, positions), ""]).encode()}
    for guid, text in project.sources["text"].items():
        # a reader takes one mark off the front: a text that begins with one keeps it
        contents[f"sources/{guid}.txt"] = (("\ufeff" if text.startswith("\ufeff") else "") + text).encode()
    return write_archive(path, contents)


def project_lines(project: Project, positions: Positions = STANDARD) -> Iterator[str]:
    """The lines of ``project.qde``."""
    schema = f"{_HOME}/Project/v1.0/Project.xsd"
    yield from _root("Project", PROJECT, schema, {"name": project.name}, {"origin": _signed(positions)})
    notes = project.note_refs.groupby("owner", sort=False)["note"].apply(list).to_dict()
    yield from _section(
        "Users", (_tag("  ", "User", guid=one.Index, name=one.name, id=one.id) for one in _rows(project.users))
    )
    codes = list(_codes(project.codes, notes, "   "))
    yield from _section("CodeBook", ["  <Codes>", *codes, "  </Codes>"] if codes else [])
    yield from _section("Variables", _variables(project.variables))
    values = _values(project)
    yield from _section("Cases", _cases(project, values))
    yield from _section("Sources", _sources(project, positions, notes, values))
    yield from _section("Notes", _notes(project.notes))
    yield from _described(" ", project.description)
    yield from _note_refs(" ", notes.get("", ()))
    yield "</Project>"


def _signed(positions: Positions) -> str:
    """The program, and how it counted where that is not the standard: so a file of ours is read as it was written."""
    return ORIGIN if positions == STANDARD else f"{ORIGIN} [{positions}]"


def _root(element: str, namespace: str, schema: str, must: dict[str, str], may: dict[str, str]) -> Iterator[str]:
    yield '<?xml version="1.0" encoding="utf-8"?>'
    xsi = {"xmlns": namespace, "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance"}
    yield _opening("", element, {**xsi, "xsi:schemaLocation": f"{namespace} {schema}", **must}, may) + ">"


def _section(name: str, lines: Iterable[str]) -> Iterator[str]:
    """A container with its lines; nothing at all where it would be empty, which the schema does not allow."""
    lines = list(lines)
    if lines:
        yield f" <{name}>"
        yield from lines
        yield f" </{name}>"


def _codes(codes: pd.DataFrame, notes: dict[str, list[str]], indent: str) -> Iterator[str]:
    """Codes inside one another, those of one parent in the order of the table."""
    below: dict[str, list] = {}
    for code in _rows(codes):
        below.setdefault(code.parent, []).append(code)

    def nested(parent: str, indent: str) -> Iterator[str]:
        for code in below.get(parent, ()):
            codable = "true" if code.codable else "false"
            must = {"guid": code.Index, "name": code.name, "isCodable": codable}
            inside = [
                *_described(f"{indent} ", code.description),
                *_note_refs(f"{indent} ", notes.get(code.Index, ())),
                *nested(code.Index, f"{indent} "),
            ]
            yield from _element(indent, "Code", must, {"color": code.color}, inside)

    yield from nested("", indent)


def _variables(variables: pd.DataFrame) -> Iterator[str]:
    for one in _rows(variables):
        must = {"guid": one.Index, "name": one.name, "typeOfVariable": one.type}
        yield from _element("  ", "Variable", must, {}, _described("   ", one.description))


def _values(project: Project) -> Callable[[str], Iterator[str]]:
    """Values of a case or a source, as lines."""
    kinds = project.variables["type"].to_dict()
    of = {owner: list(_rows(rows)) for owner, rows in project.variable_values.groupby("owner", sort=False)}

    def lines(owner: str) -> Iterator[str]:
        for one in of.get(owner, ()):
            kind = f"{kinds[one.variable]}Value"
            yield "   <VariableValue>"
            yield _tag("    ", "VariableRef", targetGUID=one.variable)
            yield f"    <{kind}>{escape(one.value, _TEXT)}</{kind}>"
            yield "   </VariableValue>"

    return lines


def _cases(project: Project, values: Callable[[str], Iterator[str]]) -> Iterator[str]:
    sources = set(project.sources.index)
    of = project.members.groupby("case", sort=False)["member"].apply(list).to_dict()
    for one in _rows(project.cases):
        members = of.get(one.Index, [])
        inside = [
            *_described("   ", one.description),
            *values(one.Index),
            *(_tag("   ", "SourceRef", targetGUID=member) for member in members if member in sources),
            *(_tag("   ", "SelectionRef", targetGUID=member) for member in members if member not in sources),
        ]
        yield from _element("  ", "Case", {"guid": one.Index}, {"name": one.name}, inside)


def _sources(
    project: Project, positions: Positions, notes: dict[str, list[str]], values: Callable[[str], Iterator[str]]
) -> Iterator[str]:
    passages = _grouped(project.passages, "source")
    codings = _grouped(project.codings, "target")
    for one in _rows(project.sources):
        known = places(one.text, positions)
        inside = list(_described("   ", one.description))
        for passage in passages.get(one.Index, ()):
            inside += _passage(passage, known, codings.get(passage.Index, ()), notes)
        inside += [line for coding in codings.get(one.Index, ()) for line in _coding("   ", coding, notes)]
        inside += [*_note_refs("   ", notes.get(one.Index, ())), *values(one.Index)]
        plain = {"plainTextPath": f"internal://{one.Index}.txt"}
        yield from _element(
            "  ", "TextSource", {"guid": one.Index}, {"name": one.name, **plain, **_stamps(one)}, inside
        )


def _passage(passage: tuple, known: np.ndarray, codings: Iterable[tuple], notes: dict[str, list[str]]) -> Iterator[str]:
    must = {"guid": passage.Index}
    span = {"startPosition": str(known[passage.start]), "endPosition": str(known[passage.end])}
    inside = [
        *_described("    ", passage.description),
        *(line for coding in codings for line in _coding("    ", coding, notes)),
        *_note_refs("    ", notes.get(passage.Index, ())),
    ]
    yield from _element("   ", "PlainTextSelection", must, {"name": passage.name, **span, **_stamps(passage)}, inside)


def _coding(indent: str, coding: tuple, notes: dict[str, list[str]]) -> Iterator[str]:
    inside = [
        _tag(f"{indent} ", "CodeRef", targetGUID=coding.code),
        *_note_refs(f"{indent} ", notes.get(coding.Index, ())),
    ]
    stamps = {"creatingUser": coding.user, "creationDateTime": coding.time}
    yield from _element(indent, "Coding", {"guid": coding.Index}, stamps, inside)


def _notes(notes: pd.DataFrame) -> Iterator[str]:
    for one in _rows(notes):
        inside = [
            *_described("   ", one.description),
            f"   <PlainTextContent>{escape(one.text, _TEXT)}</PlainTextContent>",
        ]
        yield from _element("  ", "Note", {"guid": one.Index}, {"name": one.name, **_stamps(one)}, inside)


def _note_refs(indent: str, notes: Iterable[str]) -> Iterator[str]:
    return (_tag(indent, "NoteRef", targetGUID=note) for note in notes)


def _described(indent: str, text: str) -> Iterator[str]:
    if text:
        yield f"{indent}<Description>{escape(text, _TEXT)}</Description>"


def _stamps(row: tuple) -> dict[str, str]:
    return {attribute: getattr(row, column) for attribute, column in _STAMPS}


def _element(indent: str, name: str, must: dict[str, str], may: dict[str, str], inside: Iterable[str]) -> Iterator[str]:
    """An element with what is in it; attributes of ``may`` are left out where they are empty."""
    inside = list(inside)
    opening = _opening(indent, name, must, may)
    if not inside:
        yield f"{opening}/>"
        return
    yield f"{opening}>"
    yield from inside
    yield f"{indent}</{name}>"


def _tag(indent: str, element: str, /, **attributes: str) -> str:
    return _opening(indent, element, {}, attributes) + "/>"


def _opening(indent: str, name: str, must: dict[str, str], may: dict[str, str]) -> str:
    kept = {**must, **{key: value for key, value in may.items() if value}}
    return f"{indent}<{name}" + "".join(f' {key}="{escape(value, _QUOTED)}"' for key, value in kept.items())


def _grouped(table: pd.DataFrame, column: str) -> dict[str, list[tuple]]:
    """Rows by what a column says, in the order of the table."""
    ordered = table.sort_values(column, kind="stable")
    place = ordered.columns.get_loc(column) + 1
    return {key: list(rows) for key, rows in groupby(_rows(ordered), key=lambda row: row[place])}


def _rows(table: pd.DataFrame) -> Iterator[tuple]:
    return table.itertuples()
