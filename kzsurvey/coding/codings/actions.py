"""The files of human codings: one line an action, read whole or said to be at fault, never changed."""

import csv
import hashlib
import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv

from kzsurvey.coding.rules.text import fold
from kzsurvey.errors import CodingError, Fault, fail_if

if TYPE_CHECKING:
    from kzsurvey.survey import Survey

KINDS = {
    "number": "int64", "time": "str", "coder": "str", "role": "str", "action": "str", "interview": "str",
    "question": "str", "start": "Int64", "end": "Int64", "code": "str", "quote": "str", "before": "str",
    "after": "str", "answer": "str", "codebook": "int64", "suggestion": "str", "memo": "str", "of": "Int64",
}  # fmt: skip
COLUMNS = tuple(KINDS)
ROLES = ("coder", "adjudicator")
GIVES = ("add", "accept")  # actions after which a code stands
ACTIONS = ("add", "accept", "reject", "remove", "nothing", "confirm", "memo", "place", "undo")
TARGETS = {"remove": GIVES, "place": GIVES, "undo": ACTIONS}
NEEDS = {"code": (*GIVES, "reject"), "suggestion": ("accept", "reject"), "memo": ("memo",), "start": ("place",)}
CONTEXT = 12  # code points kept on either side of a span, to find it again
FOLDER = "codings"
NAME = re.compile(r"[^\W_][\w-]{0,39}")
_DEVICE = re.compile(r"(?i)con|prn|aux|nul|com\d|lpt\d")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\0": "\\0"}
_ESCAPE = str.maketrans(_ESCAPES)
_UNESCAPE = {written: sign for sign, written in _ESCAPES.items()}
_WRITTEN = re.compile(r"\\[\\nr0]")
_BOM = "\ufeff".encode()
_SHOWN = 20  # faults of one file that are told; more say nothing new


class Actions(NamedTuple):
    """What people did, as it stands in their files.

    Attributes
    ----------
    table : DataFrame, one row per action
        The columns of ``KINDS``, then ``file`` and ``row``. Text is never missing; ``start``, ``end``, ``of`` may be.
    torn : list of Fault
        Last lines that were cut off while they were written: nobody was told that they had been kept.
    """

    table: pd.DataFrame
    torn: list[Fault]


class Entry(NamedTuple):
    """One action before it is written; number, time, coder, role and codebook are put to it then.

    Attributes
    ----------
    action : str, one of ``ACTIONS``
    interview, question : str
    start, end : int, code points of the answer; None: the whole answer
    code : str
    quote, before, after : str
        The words between ``start`` and ``end``, and up to ``CONTEXT`` code points on either side of them.
    answer : str
        The :func:`fingerprint` of the whole answer.
    suggestion, memo : str
    of : int
        Number of the action that is removed, placed or undone.
    """

    action: str
    interview: str = ""
    question: str = ""
    start: int | None = None
    end: int | None = None
    code: str = ""
    quote: str = ""
    before: str = ""
    after: str = ""
    answer: str = ""
    suggestion: str = ""
    memo: str = ""
    of: int | None = None


def entry(
    action: str,
    interview: str = "",
    question: str = "",
    text: str = "",
    *,
    start: int | None = None,
    end: int | None = None,
    code: str = "",
    suggestion: str = "",
    memo: str = "",
    of: int | None = None,
) -> Entry:
    """An action on a stretch of an answer, with what it takes to find that stretch again.

    Parameters
    ----------
    action : str
        ``add`` or ``accept`` (of a suggestion) a code; ``reject`` a suggestion; ``remove`` a code; ``nothing`` applies;
        ``confirm`` what stands; ``memo``; ``place`` a span anew; ``undo``.
    interview, question : str
        Need not be given where ``of`` tells them.
    text : str
        The whole answer, as it stands in ``interviews``.
    start, end : int, code points of ``text``
        Neither where the whole answer is meant.
    code : str
    suggestion : str
        Where a suggestion came from: ``rule:P1.1#2``.
    memo : str
    of : int
        Number of the action that is removed, placed or undone.

    Returns
    -------
    Entry

    Raises
    ------
    CodingError
        The span does not lie in its text; there is no text, because nothing was answered.

    Examples
    --------
    >>> made = entry("add", "i1", "troubles", "人手不够，工资太低", start=5, end=9, code="C1.2")
    >>> made.quote, made.before, made.after
    ('工资太低', '人手不够，', '')
    """
    if not isinstance(text, str):
        raise CodingError(Fault(f"answer of {interview}", repr(text), "the answer as text", column=question))
    start, end = (None if pd.isna(place) else place for place in (start, end))
    if (start is None) != (end is None) or (start is not None and not 0 <= start < end <= len(text)):
        found, allowed = f"a span from {start} to {end}", f"0 <= start < end <= {len(text)}, the length of the answer"
        raise CodingError(Fault(f"answer of {interview}", found, allowed, column=question))
    spoken = {} if start is None else _surroundings(text, int(start), int(end))
    return Entry(
        action, str(interview), question, code=code, suggestion=suggestion, memo=memo, of=of,
        answer=fingerprint(text) if text else "", **spoken,
    )  # fmt: skip


def fingerprint(text: str) -> str:
    """What tells whether an answer is still the same: in its letters, and as rules read it.

    Parameters
    ----------
    text : str

    Returns
    -------
    str
        Ten hexadecimal digits of the text and, after a hyphen, ten of the text as rules read it.

    Examples
    --------
    >>> fingerprint("工资低").split("-")[1] == fingerprint("工資低").split("-")[1]
    True
    """
    return fingerprints([text])[0]


def fingerprints(texts: Iterable[str]) -> list[str]:
    """The fingerprint of each text."""
    texts = list(texts)
    folded = fold(texts)
    return [f"{_hash(text)}-{_hash(one.text)}" for text, one in zip(texts, folded, strict=True)]


def read_actions(source: "Survey | Path | str", *, coder: str = "*") -> Actions:
    """Read every file of codings of a survey.

    Parameters
    ----------
    source : Survey, or the folder of the files
    coder : str
        Only the file of this coder; all of them where not given.

    Returns
    -------
    Actions
        Empty where nobody has coded yet.

    Raises
    ------
    CodingError
        Every fault of every file: no UTF-8, other columns, unknown actions, numbers or times out of order, spans that
        are none, references to actions that are not there.

    Examples
    --------
    >>> import tempfile
    >>> len(read_actions(tempfile.mkdtemp()).table)
    0
    """
    paths, faults = files_of(folder_of(source), coder)
    bodies, torn = {}, []
    faults += name_faults([path.stem for path in paths])
    for path in paths:
        body, cut, wrong = _body(path.name, path.read_bytes())
        bodies[path.name] = body
        torn += cut
        faults += wrong
    fail_if(faults, CodingError)
    return Actions(_parsed(bodies), torn)


def folder_of(source: "Survey | Path | str") -> Path:
    """The folder that holds the codings of a survey."""
    return Path(source) if isinstance(source, str | Path) else source.folder / FOLDER


def files_of(folder: Path, coder: str = "*") -> tuple[list[Path], list[Fault]]:
    """The files of codings in a folder, in order, and what would be passed over there without a word."""
    if folder.exists() and not folder.is_dir():
        return [], [Fault(folder.name, "a file", "a folder that holds the codings, a file for each coder")]
    paths = sorted(path for path in folder.glob("*") if path.is_file() and not path.name.startswith("."))
    other = [path.name for path in paths if path.suffix != ".csv" and path.suffix.lower() == ".csv"]
    found = [path for path in paths if path.suffix == ".csv" and coder in ("*", path.stem)]
    return found, [Fault(f"{FOLDER}/{name}", f"the ending of {name}", ".csv, in small letters") for name in other]


def name_faults(names: Iterable[str]) -> Iterator[Fault]:
    """Names of coders that cannot be names of files everywhere, or differ by case alone."""
    seen: dict[str, str] = {}
    for name in names:
        if not NAME.fullmatch(name) or _DEVICE.fullmatch(name):
            allowed = "letters, digits, - and _, up to 40, a letter or digit first; no device of Windows (con, nul)"
            yield Fault(f"{FOLDER}/{name}.csv", f"coder {name!r}", allowed)
        other = seen.setdefault(name.casefold(), name)
        if other != name:
            yield Fault(
                f"{FOLDER}/{name}.csv", f"coder {name!r} beside {other!r}", "names that differ in more than case"
            )


def empty_actions() -> pd.DataFrame:
    """The table of no actions."""
    return pd.DataFrame({**{name: pd.Series(dtype=kind) for name, kind in KINDS.items()}, **_origin([], [])})


def line(values: Iterable[object]) -> str:
    r"""One action as it stands in a file, line break included: a line, whatever is in its cells.

    Examples
    --------
    >>> line([1, "a, b", "two\nlines"])
    '1,"a, b",two\\nlines\n'
    """
    written = io.StringIO()
    cells = ["" if value is None or value is pd.NA else str(value).translate(_ESCAPE) for value in values]
    csv.writer(written, lineterminator="\n").writerow(cells)
    return written.getvalue()


HEADER = line(COLUMNS).encode()


def lines(actions: pd.DataFrame) -> bytes:
    """Actions as they stand in a file, without the header."""
    cells = [_written(actions[name]) for name in COLUMNS]
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerows(zip(*cells, strict=True))
    return written.getvalue().encode()


def cells_of(written: bytes) -> dict[str, str]:
    """The cells of one line; ValueError where it is not one."""
    (cells,) = csv.reader([written.decode("utf-8").rstrip("\r\n")], strict=True)
    return dict(zip(COLUMNS, map(_unescaped, cells), strict=True))


def whole_lines(content: bytes) -> tuple[bytes, bytes]:
    r"""What of a file is kept, and what was cut off while it was written.

    Examples
    --------
    >>> whole_lines(b"number,time\n1,2026\n2,20")
    (b'number,time\n1,2026\n', b'2,20')
    """
    end = content.rfind(b"\n") + 1
    return content[:end], content[end:]


def _written(column: pd.Series) -> list[object]:
    """The cells of a column as they stand in a file."""
    if KINDS[column.name] != "str":
        return column.astype("object").where(column.notna(), "").tolist()
    special = column.str.contains(r"[\\\n\r\x00]")
    return column.mask(special, column[special].map(lambda cell: cell.translate(_ESCAPE))).tolist()


def _surroundings(text: str, start: int, end: int) -> dict[str, object]:
    return {
        "start": start,
        "end": end,
        "quote": text[start:end],
        "before": text[max(start - CONTEXT, 0) : start],
        "after": text[end : end + CONTEXT],
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10]


def _unescaped(cell: str) -> str:
    return _WRITTEN.sub(lambda found: _UNESCAPE[found[0]], cell) if "\\" in cell else cell


def _body(name: str, content: bytes) -> tuple[bytes, list[Fault], list[Fault]]:
    """The lines below the header, a last line that was cut off, and what is wrong with the file as a whole."""
    file = f"{FOLDER}/{name}"
    content = content.removeprefix(_BOM).replace(b"\r\n", b"\n")  # as spreadsheet programs save it
    if b"\r" in content:
        return b"", [], [Fault(file, "line breaks of another kind", "lines that end in LF or CRLF")]
    whole, cut = whole_lines(content)
    count = whole.count(b"\n")
    hint = "it was never told to be kept; the next action of this coder puts it aside"
    torn = [Fault(file, f"half a line of {len(cut)} bytes", "whole lines", row=count + 1, hint=hint)] if cut else []
    if not whole:
        return b"", torn, []
    header, _, body = whole.partition(b"\n")
    if header + b"\n" != HEADER:
        found = header.decode("utf-8", "replace")[:120]
        return b"", torn, [Fault(file, f"columns {found}", ", ".join(COLUMNS), row=1)]
    return body, torn, []


def _parsed(bodies: dict[str, bytes]) -> pd.DataFrame:
    """All files as one table; where that cannot be, every line that is at fault."""
    lengths = [body.count(b"\n") for body in bodies.values()]
    files = np.repeat(np.array([f"{FOLDER}/{name}" for name in bodies], dtype=object), lengths)
    rows = np.concatenate([np.arange(2, length + 2) for length in lengths]) if lengths else np.array([], dtype="int64")
    if not len(files):
        return empty_actions()
    try:
        cells = _read_all(b"".join(bodies.values()))
    except (pa.ArrowInvalid, UnicodeDecodeError):
        cells = None
    if cells is None or len(cells) != len(files):
        raise CodingError(list(_line_faults(bodies)))
    table = cells.assign(**_origin(files, rows))
    fail_if(_action_faults(table), CodingError)
    return table


def _read_all(content: bytes) -> pd.DataFrame:
    """Lines of actions as a table; fast, and without a word on where a fault is."""
    types = {name: pa.int64() if "nt64" in kind else pa.string() for name, kind in KINDS.items()}
    read = pyarrow.csv.read_csv(
        pa.BufferReader(content),
        read_options=pyarrow.csv.ReadOptions(column_names=list(COLUMNS), use_threads=False),
        parse_options=pyarrow.csv.ParseOptions(ignore_empty_lines=False),
        convert_options=pyarrow.csv.ConvertOptions(column_types=types, null_values=[""], strings_can_be_null=False),
    )
    if any(read[name].null_count for name in ("number", "codebook")):
        raise pa.ArrowInvalid("a number is missing")
    columns = {name: _column(read[name], kind) for name, kind in KINDS.items()}
    return pd.DataFrame(columns)


def _column(read: pa.ChunkedArray, kind: str) -> pd.Series:
    if kind == "str":
        column = pd.Series(read.to_pandas(), dtype="str")
        written = column.str.contains("\\", regex=False)
        return column.mask(written, column[written].map(_unescaped)).astype("str") if written.any() else column
    if kind == "int64":
        return pd.Series(read.to_numpy(), dtype="int64")
    missing = read.is_null().to_numpy()
    return pd.Series(pd.arrays.IntegerArray(read.fill_null(0).to_numpy().copy(), missing))


def _origin(files: Iterable, rows: Iterable) -> dict[str, pd.Series]:
    return {"file": pd.Series(list(files), dtype="str"), "row": pd.Series(list(rows), dtype="int64")}


def _line_faults(bodies: dict[str, bytes]) -> Iterator[Fault]:
    """Lines that cannot be read by themselves."""
    for name, body in bodies.items():
        for row, written in enumerate(body.split(b"\n")[:-1], start=2):
            if found := _unreadable(written):
                yield Fault(f"{FOLDER}/{name}", found, "a line as it was written", row=row)


def _unreadable(written: bytes) -> str:
    """What is wrong with a line, if anything is."""
    try:
        cells = cells_of(written)
    except UnicodeDecodeError:
        return "bytes that are not UTF-8"
    except (ValueError, csv.Error):
        return f"a line that has not {len(COLUMNS)} cells"
    for name, kind in KINDS.items():
        blank = kind == "Int64" and not cells[name]
        if kind != "str" and not blank and not re.fullmatch(r"-?\d{1,18}", cells[name]):
            return f"{name} {cells[name]!r}, no whole number"
    return ""


def _action_faults(table: pd.DataFrame) -> list[Fault]:
    """Actions that cannot be, and what they say instead."""
    named = table["file"].str.removeprefix(f"{FOLDER}/").str.removesuffix(".csv")
    first = table["file"].ne(table["file"].shift())
    later = (table["time"] > table["time"].shift()) | first
    spanned = table["start"].notna() | table["end"].notna()
    sound = (table["start"] >= 0) & (table["start"] < table["end"])
    moment = pd.to_datetime(table["time"], format="%Y-%m-%dT%H:%M:%S.%fZ", errors="coerce").notna()
    checks = [
        ("number", table["number"] == table["row"] - 1, "the next number: lines are never removed or moved"),
        ("time", table["time"].str.fullmatch(TIME.pattern) & moment, "2026-11-29T05:04:12.345Z"),
        ("time", later, "a later time than the line above"),
        ("coder", table["coder"] == named, "the name of the file"),
        ("role", table["role"].isin(ROLES), ", ".join(ROLES)),
        ("action", table["action"].isin(ACTIONS), ", ".join(ACTIONS)),
        ("interview", table["interview"] != "", "an interview"),
        ("question", table["question"] != "", "a question"),
        ("codebook", table["codebook"] >= 1, "a version, 1 or more"),
        ("start", sound.fillna(False) | ~spanned, "0 <= start < end, or neither"),
        *((name, _given(table[name]) | ~table["action"].isin(actions), f"a value for {', '.join(actions)}")
          for name, actions in NEEDS.items()),
    ]  # fmt: skip
    faults = [fault for name, right, allowed in checks for fault in _wrong(table, name, right.to_numpy(bool), allowed)]
    return faults or _reference_faults(table, np.flatnonzero(first))


def _reference_faults(table: pd.DataFrame, starts: np.ndarray) -> list[Fault]:
    """References to actions that are not there, or cannot be meant."""
    first = np.repeat(starts, np.diff([*starts, len(table)]))
    of, refers = table["of"].fillna(0).to_numpy("int64"), table["action"].isin(TARGETS).to_numpy()
    earlier = (of >= 1) & (of < table["number"].to_numpy())
    faults = _wrong(table, "of", np.where(refers, earlier, table["of"].isna()), "the number of an earlier action")
    if faults:
        return faults
    target = table.take(np.where(refers, first + of - 1, np.arange(len(table)))).set_axis(table.index)
    for action, allowed in TARGETS.items():
        right = target["action"].isin(allowed) | (table["action"] != action)
        faults += _wrong(table, "of", right.to_numpy(), f"the number of an action {', '.join(allowed)}")
    same = (target[["role", "interview", "question"]] == table[["role", "interview", "question"]]).all(axis=1)
    return faults + _wrong(table, "of", same.to_numpy(), "an action in the same role on the same answer")


def _wrong(table: pd.DataFrame, name: str, right: np.ndarray, allowed: str) -> list[Fault]:
    """A fault for each row where something is not right."""
    if right.all():
        return []
    wrong = table[~right].head(_SHOWN)
    found = [repr(value) if isinstance(value, str) else str(value) for value in wrong[name]]
    places = zip(wrong["file"], found, wrong["row"].tolist(), strict=True)
    return [Fault(file, value, allowed, row=row, column=name) for file, value, row in places]


def _given(column: pd.Series) -> pd.Series:
    return column.notna() & (column != "").fillna(False)
