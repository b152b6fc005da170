"""Sheets and CSV files of a definition, read as text with the row that each cell stands in; nothing is guessed."""

import csv
import difflib
import io
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path

import pandas as pd

from kzsurvey.errors import DefinitionError, Fault

NEAR = 0.75  # share of equal letters above which a word is taken for a slip of the pen


@dataclass(frozen=True)
class Row:
    """One row of a sheet.

    Attributes
    ----------
    number : int
        Counted as a spreadsheet does: the header is row 1.
    cells : mapping of column to text
        Without space around it; empty where nothing is written.
    """

    number: int
    cells: Mapping[str, str]

    def __getitem__(self, column: str) -> str:
        """The text of a cell; empty where the sheet has no such column."""
        return self.cells.get(column, "")


@dataclass(frozen=True)
class Sheet:
    """One sheet: what it is called in messages, its header, its rows that are not blank."""

    file: str
    header: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def fault(self, row: Row | int | None, column: str | None, found: str, allowed: str = "", hint: str = "") -> Fault:
        """A fault in a cell of this sheet."""
        number = row.number if isinstance(row, Row) else row
        return Fault(self.file, found, allowed, row=number, column=column, hint=hint)


def read_csv_sheet(path: Path) -> Sheet:
    """Read a CSV file of a definition as text.

    Parameters
    ----------
    path : Path
        UTF-8, with or without a byte order mark; commas, or semicolons as some spreadsheets write them.

    Returns
    -------
    Sheet
        A cell may hold line breaks: a row is a record, not a line.

    Raises
    ------
    DefinitionError
        The file is missing, empty, not UTF-8 or no CSV.

    Examples
    --------
    >>> sheet = read_csv_sheet(Path("tests/surveys/data/raw/market/frame.csv"))
    >>> sheet.header, sheet.rows[0]["count"]
    (('variable', 'value', 'count', 'source'), '40')
    """
    return sheet_of(path.name, read_csv_records(path))


def read_csv_records(path: Path) -> list[list[str]]:
    """The cells of a CSV file, blank lines included: the place of a record is its row."""
    text = read_text(path)
    first = next(line for line in text.splitlines() if line.strip())
    separator = max((",", ";", "\t"), key=first.count)
    records = []
    try:
        records.extend(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
    except csv.Error as problem:
        found, allowed = f"text that is no CSV ({problem})", "cells with a quote or a comma stand in quotes"
        raise DefinitionError(Fault(path.name, found, allowed, row=len(records) + 1)) from None
    return records


def read_text(path: Path) -> str:
    """The text of a file in UTF-8; raises DefinitionError where the file is missing, empty or in another encoding."""
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise DefinitionError(Fault(path.name, found, f"a file in {path.parent}"))
    content = _bytes(path)
    sort = {".toml": "TOML", ".csv": "CSV UTF-8"}.get(path.suffix, "text")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        row = content[: problem.start].count(b"\n") + 1
        found = f"bytes that are not UTF-8 (line {row} of the file)"
        fault = Fault(path.name, found, "UTF-8", hint=f"save it in UTF-8, as {sort}")
        raise DefinitionError(fault) from None
    if not text.strip():
        raise DefinitionError(
            Fault(path.name, "an empty file", "name and languages" if sort == "TOML" else "a header and rows")
        )
    return text


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as problem:
        found = f"a file that cannot be opened ({problem.strerror})"
        raise DefinitionError(Fault(path.name, found, "a file that you may read")) from None


def read_workbook(path: Path) -> dict[str, list[list[str]]]:
    """Read every sheet of a workbook as text, from its first cell on.

    Parameters
    ----------
    path : Path
        .xlsx or .xls.

    Returns
    -------
    dict of sheet name, as written in the workbook, to rows of cells

    Raises
    ------
    DefinitionError
        The file is missing, empty or no workbook.
    """
    import python_calamine as calamine

    if not path.is_file():
        raise DefinitionError(Fault(path.name, "no such file", f"a file in {path.parent}"))
    try:
        with calamine.load_workbook(path) as book:
            cells = {name: book.get_sheet_by_name(name).to_python(skip_empty_area=False) for name in book.sheet_names}
    except (calamine.CalamineError, OSError) as problem:
        found = f"a file that cannot be read as a workbook ({problem})"
        raise DefinitionError(Fault(path.name, found, "an .xlsx or .xls workbook")) from None
    return {name: [[_text(cell) for cell in record] for record in records] for name, records in cells.items()}


def table(records: Iterable[Mapping[str, object]], columns: Iterable[str], *, index: str = "") -> pd.DataFrame:
    """A table of text, with rows counted in integers, that has its columns even when it has no rows."""
    records, columns = list(records), list(columns)
    made = {column: pd.Series([record[column] for record in records], dtype=_dtype(column)) for column in columns}
    result = pd.DataFrame(made)
    return result.set_index(index) if index else result


def near(word: str, known: Collection[str]) -> str:
    """A hint at the known word that was probably meant, or nothing.

    Examples
    --------
    >>> near("conty", ["county", "village"])
    'did you mean county?'
    """
    lower = {name.lower(): name for name in known}
    found = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=NEAR)
    return f"did you mean {lower[found[0]]}?" if found else ""


def listed(words: Iterable[str], *, most: int = 12) -> str:
    """Words as one enumeration, cut where it gets long."""
    words = list(words)
    if not words:
        return "(there are none)"
    return ", ".join(words[:most]) + (f", ... ({len(words)} in all)" if len(words) > most else "")


def column_faults(sheet: Sheet, *, needed: Collection[str], known: Collection[str], strict: bool) -> list[Fault]:
    """Columns that are missing, stand twice, or are not known.

    With ``strict`` every unknown column is a fault; without it only one that looks like a known one misspelt.
    """
    faults = []
    for column, times in Counter(column for column in sheet.header if column).items():
        hint = near(column, [name for name in known if name not in sheet.header])
        if times > 1:
            faults.append(sheet.fault(1, column, f"this column {times} times", "a column stands once"))
        elif column not in known and (strict or hint):
            faults.append(sheet.fault(1, column, "an unknown column", listed(sorted(known), most=30), hint))
    for column in needed:
        if column not in sheet.header:
            faults.append(sheet.fault(1, column, "no such column", listed(needed)))
    return faults


def readable(sheet: Sheet, needed: Iterable[str]) -> Sheet:
    """The sheet, or its header alone where a needed column is missing: then its rows tell nothing."""
    return sheet if set(needed) <= set(sheet.header) else Sheet(sheet.file, sheet.header)


def repeated(sheet: Sheet, rows: Iterable[Row], key: Iterable[str], column: str) -> list[Fault]:
    """A fault for each row whose key stands in an earlier row already."""
    key, seen, faults = tuple(key), {}, []
    for row in rows:
        value = tuple(row[part] for part in key)
        if value in seen:
            found = f"{' '.join(part for part in value if part)} a second time"
            faults.append(sheet.fault(row, column, found, "once", f"it stands in row {seen[value]} already"))
        seen.setdefault(value, row.number)
    return faults


def sheet_of(file: str, records: Iterable[Sequence[str]]) -> Sheet:
    """The records of a file as header and rows; the first record that is not blank is the header.

    Raises
    ------
    DefinitionError
        There is nothing in it, or a row is longer than the header.
    """
    filled = [
        (number, record) for number, record in enumerate(records, start=1) if any(cell.strip() for cell in record)
    ]
    if not filled:
        raise DefinitionError(Fault(file, "an empty sheet", "a header and rows"))
    header = tuple(cell.strip() for cell in filled[0][1])
    rows, faults = [], []
    for number, record in filled[1:]:
        if any(cell.strip() for cell in record[len(header) :]):
            found = f"{len(record)} cells under a header of {len(header)}"
            faults.append(Fault(file, found, "a comma inside a cell stands in quotes", row=number))
        # of a column that stands twice the first counts; that it does is a fault of its own
        cells = {column: cell.strip() for column, cell in reversed(list(zip(header, record, strict=False))) if column}
        rows.append(Row(number, cells))
    if faults:
        raise DefinitionError(faults)
    return Sheet(file, header, tuple(rows))


def _text(cell: object) -> str:
    """A cell of a workbook as a person reads it: 1.0 is 1, true is TRUE, a date is written in ISO form."""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime) and cell.time() == time():
        return cell.date().isoformat()
    if isinstance(cell, (date, time)):
        return cell.isoformat()
    return str(cell)


def _dtype(column: str) -> str:
    return {"row": "int64", "smallest": "int64", "low": "float64", "high": "float64", "count": "float64"}.get(
        column, "object" if column in ("items", "reversed", "aliases") else "str"
    )
