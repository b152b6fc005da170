"""REFI-QDA files of any program to a project: read within bounds, every fault at once, nothing taken on trust."""

import codecs
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from kzsurvey.coding.exchange.archive import MOST_PROJECT_BYTES, Archive, leaves, open_archive, read_entry
from kzsurvey.coding.exchange.checking import project_faults
from kzsurvey.coding.exchange.completing import Texts, with_links, with_numbers, with_texts
from kzsurvey.coding.exchange.elements import Row, codebook_rows, project_rows, text_of
from kzsurvey.coding.exchange.parsing import Document, parse
from kzsurvey.coding.exchange.positions import ENDS, LINES, UNITS, judge, to_code_points, weigh
from kzsurvey.coding.exchange.records import COLUMNS, STANDARD, Positions, Project, project_of
from kzsurvey.errors import CodingError, Fault, fail_if

_NAMESPACE = re.compile(r"urn:QDA-XML:(codebook|project):\d+[.:]\d+")
_SIGNED = re.compile(r"kzsurvey(?: \[(.+), line ends (.+), end (.+)\])?")


def read_qdc(path: str | Path) -> Project:
    """Read a REFI-QDA codebook (.qdc), as NVivo, MAXQDA, ATLAS.ti, QualCoder and others write it.

    Parameters
    ----------
    path : path

    Returns
    -------
    Project
        With ``codes``, and ``not_taken`` for what has no place (sets of codes).

    Raises
    ------
    CodingError
        The file is missing, no codebook, not well-formed, or has codes without a name or with a guid that stands
        twice; with the line of each.
    """
    path = Path(path)
    _fail_unless_file(path)
    content = _bounded(path)
    if content[:2] == b"PK":
        found = "a zip file, so probably a project"
        raise CodingError(Fault(path.name, found, "a codebook (.qdc)", hint="read it as .qdpx"))
    document = parse(content, path.name)
    _fail_unless_root(document, path.name, "CodeBook")
    rows = _by_table(codebook_rows(document.root))
    project, lines = _project(rows, name=path.stem, origin=document.root.attributes.get("origin", ""))
    fail_if(project_faults(project, path.name, lines), CodingError)
    return project


def read_qdpx(path: str | Path, *, positions: Positions | None = None, missing_texts: str = "fault") -> Project:
    """Read a REFI-QDA project (.qdpx), as NVivo, MAXQDA, ATLAS.ti, QualCoder and others write it.

    Parameters
    ----------
    path : path
        A ``.qdpx``; or a ``.qde``, the project file alone, whose texts lie in a folder ``sources`` beside it.
    positions : Positions, optional
        How the program counted; found out when not given: see ``positions`` and ``evidence`` of the result.
    missing_texts : str
        ``fault``, or ``list``: a text that is not there becomes a row of ``not_taken`` and its passages are kept as
        they are written, without anybody having seen that they lie inside it.

    Returns
    -------
    Project

    Raises
    ------
    CodingError
        The file is damaged, locked, dangerous or no project; a text is missing or in an unknown encoding; a guid stands
        twice or leads nowhere; a passage lies outside its text. All faults of a kind at once, with their lines.

    Notes
    -----
    Only the project file and the texts that it names are read, each within bounds, none outside the zip file.
    """
    path = Path(path)
    if missing_texts not in ("fault", "list"):
        raise ValueError(f"missing_texts is {missing_texts!r}; allowed: fault, list")
    _fail_unless_known(positions)
    _fail_unless_file(path)
    with path.open("rb") as file:
        begins = file.read(3)
    if begins[:2] != b"PK":
        if path.suffix.lower() == ".qdpx" and not begins.startswith((b"<", codecs.BOM_UTF8)):
            found = "a file that is no zip file"
            raise CodingError(Fault(path.name, found, "a .qdpx as a program exports it, whole"))
        content, texts = _bounded(path), _beside(path.parent)
        return _read_project(parse(content, path.name), path.name, texts, positions, missing_texts)
    with open_archive(path) as archive:
        name, content = _project_file(archive)
        return _read_project(parse(content, name), name, _inside(archive), positions, missing_texts)


def _read_project(
    document: Document, file: str, texts: Texts, positions: Positions | None, missing_texts: str
) -> Project:
    """The tables of a project file, its texts put in, its places as code points."""
    _fail_unless_root(document, file, "Project")
    root = document.root
    rows = with_links(_by_table(project_rows(root)))
    rows, without_text = with_texts(rows, texts, file, missing_texts=missing_texts)
    rows, without_place = with_numbers(rows, file)
    about = {key: root.attributes.get(key, "") for key in ("name", "origin")}
    project, lines = _project(rows, **about, description=text_of(root, "Description"))
    project, misplaced = _with_positions(project, positions, file, lines["passages"])
    fail_if([*without_text, *without_place, *misplaced, *project_faults(project, file, lines)], CodingError)
    return project


def _project(rows: Mapping[str, list[dict]], **about: str) -> tuple[Project, dict[str, pd.Series]]:
    """The tables, and the line of the file that each row comes from."""
    lines = {table: pd.Series([row.get("line", 0) for row in rows.get(table, ())], dtype="int64") for table in COLUMNS}
    return project_of(rows, **about), lines


def _by_table(rows: Iterable[Row]) -> dict[str, list[dict]]:
    found: dict[str, list[dict]] = {table: [] for table in (*COLUMNS, "links")}
    for table, row in rows:
        found[table].append(row)
    return found


def _with_positions(
    project: Project, positions: Positions | None, file: str, lines: pd.Series
) -> tuple[Project, list[Fault]]:
    """Places as code points, in the way of counting that was asked for, that the file says, or that fits it best."""
    passages, texts = project.passages, project.sources["text"]
    texts = texts[~texts.index.duplicated()].dropna()
    seen = np.flatnonzero(passages["source"].isin(texts.index))
    evidence = pd.DataFrame()
    signed = _SIGNED.fullmatch(project.origin)
    if positions is None and signed:
        positions = Positions(*signed.groups()) if signed[1] else STANDARD
    elif positions is None and len(seen):
        evidence = weigh(texts.reindex(passages["source"].iloc[seen]).tolist(), passages.iloc[seen])
        positions = judge(evidence, project.origin)
    positions = positions or STANDARD
    start, end = passages["start"].to_numpy(copy=True), passages["end"].to_numpy(copy=True)
    faults = []
    for source, rows in passages.iloc[seen].groupby("source", sort=False).indices.items():
        places = seen[rows]
        first, last = to_code_points(texts[source], start[places], end[places], positions)
        for place in places[(first < 0) | (last < 0)]:
            found = f"a passage from {start[place]} to {end[place]} ({positions})"
            allowed = f"places in its text of {len(texts[source])} characters"
            faults.append(Fault(file, found, allowed, row=int(lines.iloc[place]), column="end"))
        start[places], end[places] = first, last
    lost = seen[(start[seen] < 0) | (end[seen] < 0)]
    start[lost] = end[lost] = 0  # each of them is at fault already
    placed = passages.assign(start=start, end=end)
    return replace(project, passages=placed, positions=positions, evidence=evidence), faults


def _project_file(archive: Archive) -> tuple[str, bytes]:
    """The project file of an archive: ``project.qde``, or the only ``.qde`` at its top."""
    named = [name for name in archive.entries if name.endswith(".qde") and "/" not in name]
    if "project.qde" not in named and len(named) != 1:
        found = f"{len(named)} project files" if named else "no project file"
        raise CodingError(Fault(archive.file, found, "project.qde"))
    entry = archive.entries["project.qde" if "project.qde" in named else named[0]]
    return f"{archive.file}/{entry.filename}", read_entry(archive, entry, most=MOST_PROJECT_BYTES)


def _inside(archive: Archive) -> Texts:
    """Texts of an archive by the paths that programs write: ``internal://a.txt``, also with a folder or no prefix."""

    def text(path: str) -> str | Fault | None:
        if not path or path.lower().startswith(("absolute:", "relative:", "file:", "http:", "https:")):
            return None
        name = re.sub(r"^internal:/*", "", path, flags=re.IGNORECASE).replace("\\", "/").lower()
        if leaves(name):
            return Fault(archive.file, f"the path {path}, which leaves the zip file", "internal://<name>")
        entry = archive.entries.get(f"sources/{name}") or archive.entries.get(name)
        return None if entry is None else _decoded(read_entry(archive, entry), f"{archive.file}/{entry.filename}")

    return text


def _beside(folder: Path) -> Texts:
    """Texts of an unpacked project, in the folder ``sources`` beside it and nowhere else."""

    def text(path: str) -> str | Fault | None:
        name = re.sub(r"^internal:/*", "", path, flags=re.IGNORECASE)
        if not name or leaves(name) or "/" in name or "\\" in name:
            return None
        for sources in (folder / "sources", folder / "Sources"):
            if (sources / name).is_file():
                return _decoded(_bounded(sources / name), name)
        return None

    return text


def _decoded(content: bytes, file: str) -> str | Fault:
    """A text in UTF-8, or in UTF-16 where its first bytes say so; without the mark that says it."""
    utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if utf_16 else "utf-8-sig")
    except UnicodeDecodeError as problem:
        hint = f"its byte {problem.start + 1} is the first that is not"
        return Fault(file, "a text that is not UTF-8", "UTF-8", hint=hint)


def _bounded(path: Path, most: int = MOST_PROJECT_BYTES) -> bytes:
    with path.open("rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise CodingError(Fault(path.name, f"more than {most:,} bytes", f"at most {most:,} bytes"))
    return content


def _fail_unless_file(path: Path) -> None:
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise CodingError(Fault(str(path), found, "a file that a program exported"))


def _fail_unless_known(positions: Positions | None) -> None:
    if positions is not None and not (positions.unit in UNITS and positions.lines in LINES and positions.end in ENDS):
        raise ValueError(f"positions is {positions!r}; allowed: unit {UNITS}, lines {LINES}, end {ENDS}")


def _fail_unless_root(document: Document, file: str, wanted: str) -> None:
    """Another kind of XML: the other kind of REFI-QDA file, or something else altogether."""
    kinds = {"CodeBook": ("a codebook", "a codebook (.qdc)"), "Project": ("a project file", "a project (.qdpx)")}
    root = document.root.name
    if root == wanted and _NAMESPACE.fullmatch(document.namespace):
        return
    if root in kinds and root != wanted:
        found, hint = kinds[root][0], f"read it as {'.qdc' if root == 'CodeBook' else '.qdpx'}"
    elif root == wanted:
        found, hint = f"<{root}> in the namespace {document.namespace!r}", ""
    else:
        found, hint = f"<{root}> at the top", ""
    raise CodingError(
        Fault(file, found, f'{kinds[wanted][1]}: <{wanted} xmlns="urn:QDA-XML:{wanted.lower()}:1.0">', hint=hint)
    )
