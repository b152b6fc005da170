"""One delivered file to one sheet of text: CSV in any encoding, spreadsheets, SPSS, Stata and SAS files.

Everything is text as delivered (``007`` stays ``007``, a spreadsheet's 12.0 is ``12``); rows keep their number in the
file; what cannot be read is a fault that names file, row and what is wrong.
"""

import csv
import datetime
import io
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import python_calamine

from kzsurvey.cleaning.encodings import decode
from kzsurvey.errors import DeliveryError, Fault, fail_if
from kzsurvey.files import sha256
from kzsurvey.survey.record import Delivered

_SEPARATORS = ",;\t|"
_NOT_TEXT = {
    b"PK\x03\x04": "a workbook or another zip file",
    b"\xd0\xcf\x11\xe0": "an old Excel or Word file",
    b"%PDF": "a PDF",
    b"$FL2": "an SPSS file",
}
_NO_LABELS: Mapping[int, Mapping[str, str]] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Sheet:
    """What one file holds.

    Attributes
    ----------
    headers : tuple of str
        As delivered, one per column.
    cells : DataFrame, one row per row of the file
        Text; columns numbered from 0; rows without any content left out.
    rows : (n,) array of int
        Number of each row in the file, the first row of the file is 1.
    sheet, encoding : str
        Where it stood and how it was read; ``?`` after an encoding in doubt.
    labels : mapping of column number to mapping of code to label
        Value labels that the file itself carries (SPSS, Stata).
    absent : mapping of column number to set of codes
        Codes that the file itself declares to be missing answers (SPSS user-missing values).
    """

    headers: tuple[str, ...]
    cells: pd.DataFrame
    rows: np.ndarray
    sheet: str = ""
    encoding: str = ""
    labels: Mapping[int, Mapping[str, str]] = field(default_factory=lambda: _NO_LABELS)
    absent: Mapping[int, frozenset[str]] = field(default_factory=lambda: MappingProxyType({}))


def read_sheet(delivered: Delivered, *, words: Collection[str] = ()) -> Sheet:
    r"""Read one delivered file as text.

    Parameters
    ----------
    delivered : Delivered
    words : collection of str
        Words of the form, as evidence for the encoding.

    Returns
    -------
    Sheet

    Raises
    ------
    DeliveryError
        No such file, another file than the checksum says, an empty or unreadable file, a sheet that is not there,
        rows with more or fewer cells than the header.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "artux.csv"
    >>> _ = path.write_bytes("编号;人数\n007;12\n".encode("gb18030"))
    >>> sheet = read_sheet(Delivered(path))
    >>> sheet.headers, sheet.cells.values.tolist(), sheet.rows.tolist(), sheet.encoding
    (('编号', '人数'), [['007', '12']], [2], 'gb18030')
    """
    name = delivered.path.name
    fail_if(_unusable(delivered), DeliveryError)
    reader = _READERS.get(delivered.path.suffix.lower(), _read_text)
    sheet = reader(delivered, words)
    if not len(sheet.cells):
        raise DeliveryError(Fault(name, "no rows below the header", "a header and at least one row"))
    return sheet


def _unusable(delivered: Delivered) -> list[Fault]:
    """Why a file cannot even be opened."""
    path = delivered.path
    if not path.is_file():
        return [Fault(path.name, "no file", hint=f"expected at {path}")]
    if not path.stat().st_size:
        return [Fault(path.name, "an empty file", "a header and at least one row")]
    if delivered.sha256 and sha256(path) != delivered.sha256.lower():
        hint = "the file was changed after it was registered, or another one was delivered"
        return [Fault(path.name, f"sha256 {sha256(path)}", delivered.sha256.lower(), column="sha256", hint=hint)]
    return []


# text files


def _read_text(delivered: Delivered, words: Collection[str]) -> Sheet:
    """CSV, TSV and their relatives."""
    text, encoding = _text(delivered, words)
    above = delivered.header_row - 1
    body = "".join(text.splitlines(keepends=True)[above:]) if above else text
    if not body.strip():
        found, row = ("an empty file", None) if not text.strip() else ("nothing at the header's row", above + 1)
        raise DeliveryError(Fault(delivered.path.name, found, "a header and at least one row", row=row))
    separator = delivered.separator or _separator(body.partition("\n")[0])
    table, ragged = _parse(body, separator)
    fail_if(_ragged_faults(ragged, delivered, separator), DeliveryError)
    if body.count('"') % 2 and "\n" in str(table.iloc[-1, -1]):
        hint = "everything after it was read as one cell"
        raise DeliveryError(Fault(delivered.path.name, "a quotation mark that is never closed", hint=hint))
    rows = table.index.to_numpy() + above
    return _sheet(table.iloc[0].tolist(), table.iloc[1:], rows[1:], encoding=encoding)


def _text(delivered: Delivered, words: Collection[str]) -> tuple[str, str]:
    """A file's text and the encoding it was read in."""
    data = delivered.path.read_bytes()
    if kind := next((kind for start, kind in _NOT_TEXT.items() if data.startswith(start)), ""):
        hint = "name the file by what it is, or save it as CSV UTF-8"
        raise DeliveryError(Fault(delivered.path.name, kind, "text: CSV or TSV", hint=hint))
    if not delivered.encoding:
        decoded = decode(data, words=words)
        return _lines(decoded.text), decoded.encoding + "?" * decoded.doubtful
    try:
        return _lines(data.decode(delivered.encoding).removeprefix("\ufeff")), delivered.encoding
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        found, allowed = f"bytes that are not {delivered.encoding}", "the encoding that the file is written in"
        hint = f"by its content the file is {decode(data, words=words).encoding}"
        raise DeliveryError(Fault(delivered.path.name, found, allowed, row=row, column="encoding", hint=hint)) from None
    except (LookupError, ValueError):  # Python knows codecs that are none for text
        found, allowed = f"encoding {delivered.encoding!r}", "a name such as utf-8, gb18030, big5hkscs, cp932"
        raise DeliveryError(Fault(delivered.path.name, found, allowed, column="encoding")) from None


def _lines(text: str) -> str:
    """A text with line ends that every CSV reader takes: a lone carriage return (an old Mac's) becomes a line feed."""
    return text if "\n" in text else text.replace("\r", "\n")


def _separator(header: str) -> str:
    """The separator that stands most often in the header outside quotation marks."""
    plain = "".join(header.split('"')[::2])
    return max(_SEPARATORS, key=plain.count)


def _parse(body: str, separator: str) -> tuple[pd.DataFrame, list[pyarrow.csv.InvalidRow]]:
    """All rows from the header on, indexed by their number from 1, and the rows with more or fewer cells."""
    width = len(next(csv.reader(io.StringIO(body), delimiter=separator), [])) or 1
    ragged: list[pyarrow.csv.InvalidRow] = []

    def skip(row: pyarrow.csv.InvalidRow) -> str:
        ragged.append(row)
        return "skip"

    names = [str(number) for number in range(width)]
    table = pyarrow.csv.read_csv(
        io.BytesIO(body.encode("utf-8", "replace")),
        read_options=pyarrow.csv.ReadOptions(column_names=names, use_threads=False, block_size=1 << 26),
        parse_options=pyarrow.csv.ParseOptions(
            delimiter=separator, newlines_in_values=True, ignore_empty_lines=False, invalid_row_handler=skip
        ),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()), strings_can_be_null=False
        ),
    )
    frame = table.to_pandas(types_mapper={pa.string(): pd.StringDtype(na_value=np.nan)}.get)
    numbers = np.arange(1, len(frame) + len(ragged) + 1)
    return frame.set_axis(np.delete(numbers, [row.number - 1 for row in ragged]), axis=0), ragged


def _ragged_faults(ragged: list, delivered: Delivered, separator: str) -> list[Fault]:
    """One fault per row that does not fit the header."""
    hint = f"a {separator!r}, a quotation mark or a line break inside an answer must stand in quotation marks"
    above = delivered.header_row - 1
    return [
        Fault(
            delivered.path.name,
            f"{row.actual_columns} cells",
            f"{row.expected_columns} cells, as in the header",
            row=row.number + above,
            hint=hint,
        )
        for row in ragged
    ]


def _sheet(headers: list, table: pd.DataFrame, rows: np.ndarray, *, sheet: str = "", encoding: str = "") -> Sheet:
    """A sheet without the rows that hold nothing."""
    cells = table.set_axis(range(table.shape[1]), axis=1)
    filled = np.zeros(len(cells), dtype=bool)
    for column in cells:
        filled |= (cells[column].str.strip() != "").to_numpy()
    return Sheet(tuple(headers), cells[filled].reset_index(drop=True), rows[filled], sheet, encoding)


# spreadsheets


def _read_spreadsheet(delivered: Delivered, words: Collection[str]) -> Sheet:
    """Excel and OpenDocument files."""
    name = delivered.path.name
    try:
        book = python_calamine.CalamineWorkbook.from_path(str(delivered.path))
        return _book_sheet(book, delivered)
    except python_calamine.CalamineError as error:  # a part may turn out to be damaged as late as when it is read
        found = f"a file that cannot be read as a spreadsheet ({error})"
        raise DeliveryError(Fault(name, found, "a whole spreadsheet", hint="save it again as .xlsx")) from None


def _book_sheet(book: python_calamine.CalamineWorkbook, delivered: Delivered) -> Sheet:
    """The sheet of a workbook that holds the answers."""
    name, names = delivered.path.name, book.sheet_names
    if delivered.sheet and delivered.sheet not in names:
        raise DeliveryError(Fault(name, f"no sheet {delivered.sheet!r}", ", ".join(names), column="sheet"))
    sheet = delivered.sheet or _only_sheet(book, name)
    grid = book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
    return _grid_sheet(grid, delivered, sheet)


def _only_sheet(book: python_calamine.CalamineWorkbook, name: str) -> str:
    """The one sheet with content; several are a question for the person who registered the file."""
    filled = [sheet for sheet in book.sheet_names if book.get_sheet_by_name(sheet).to_python(nrows=2)]
    if len(filled) > 1:
        hint = "say in survey.toml which one holds the answers: sheet = ..."
        raise DeliveryError(Fault(name, "several sheets", ", ".join(filled), column="sheet", hint=hint))
    return (filled or book.sheet_names)[0]


def _grid_sheet(grid: list[list], delivered: Delivered, sheet: str) -> Sheet:
    """A sheet from rows of typed cells."""
    body = [[cell_text(cell) for cell in row] for row in grid[delivered.header_row - 1 :]]
    if not body or not any(body[0]):
        found, row = "an empty row", delivered.header_row
        raise DeliveryError(Fault(delivered.path.name, found, "column headers", row=row))
    table = pd.DataFrame(body[1:], columns=range(len(body[0])), dtype="str")
    rows = np.arange(len(table)) + delivered.header_row + 1
    return _sheet(body[0], table, rows, sheet=sheet)


def cell_text(cell: object) -> str:
    """A typed cell as text: whole numbers without ``.0``, dates as ISO.

    Examples
    --------
    >>> import datetime
    >>> [cell_text(cell) for cell in (12.0, 0.1 + 0.2, "007", True, datetime.datetime(2019, 3, 5), None)]
    ['12', '0.3', '007', 'true', '2019-03-05', '']
    """
    return _CELLS.get(type(cell), str)(cell)


def _number_text(cell: float) -> str:
    if cell != cell:
        return ""
    return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else format(cell, ".15g")


def _moment_text(cell: datetime.datetime) -> str:
    if cell != cell:  # pandas writes a missing date so
        return ""
    whole_day = (cell.hour, cell.minute, cell.second, cell.microsecond) == (0, 0, 0, 0)
    return cell.date().isoformat() if whole_day else cell.isoformat(sep=" ", timespec="seconds")


_CELLS: Mapping[type, Callable[..., str]] = {
    float: _number_text,
    np.float64: lambda cell: _number_text(float(cell)),
    bool: lambda cell: str(cell).lower(),
    datetime.datetime: _moment_text,
    pd.Timestamp: _moment_text,
    type(pd.NaT): lambda cell: "",
    datetime.date: lambda cell: cell.isoformat(),
    datetime.time: lambda cell: cell.isoformat(timespec="seconds"),
    type(None): lambda cell: "",
}


# files of statistics programs


def _read_statistics(delivered: Delivered, words: Collection[str]) -> Sheet:
    """SPSS, Stata and SAS files, with the labels and the missing codes they carry."""
    import pyreadstat

    readers = {
        ".sav": (pyreadstat.read_sav, {"user_missing": True}),
        ".zsav": (pyreadstat.read_sav, {"user_missing": True}),
        ".dta": (pyreadstat.read_dta, {"user_missing": True}),
        ".sas7bdat": (pyreadstat.read_sas7bdat, {}),
    }
    read, options = readers[delivered.path.suffix.lower()]
    encoding = {"encoding": delivered.encoding} if delivered.encoding else {}
    try:
        table, meta = read(str(delivered.path), **options, **encoding)
    # pyreadstat has no common base for what a broken file can raise
    except (pyreadstat.ReadstatError, ValueError, OverflowError, UnicodeError, OSError, KeyError) as error:
        hint = "save it again in the program it comes from, or export it as CSV in UTF-8"
        found = f"a file that cannot be read ({error})"
        raise DeliveryError(Fault(delivered.path.name, found, "a whole file", hint=hint)) from None
    cells = pd.DataFrame({k: table.iloc[:, k].map(cell_text).astype("str") for k in range(table.shape[1])})
    sheet = _sheet(list(table.columns), cells, np.arange(len(cells)) + 2)
    labels, absent = _labels(meta, list(table.columns)), _absent(meta, cells, list(table.columns))
    return Sheet(sheet.headers, sheet.cells, sheet.rows, "", meta.file_encoding or "", labels, absent)


def _labels(meta: object, names: list[str]) -> dict[int, dict[str, str]]:
    """Value labels per column number, codes as text."""
    return {
        number: {cell_text(code): str(label) for code, label in meta.variable_value_labels[name].items()}
        for number, name in enumerate(names)
        if name in meta.variable_value_labels
    }


def _absent(meta: object, cells: pd.DataFrame, names: list[str]) -> dict[int, frozenset[str]]:
    """Codes declared missing per column number: in SPSS single values and ranges, in Stata the letters .a to .z."""
    found = {}
    for number, name in enumerate(names):
        codes = set(cells[number].unique()) - {""}
        declared = {cell_text(code) for code in meta.missing_user_values.get(name, ())} & codes
        for bounds in meta.missing_ranges.get(name, ()):
            declared |= {code for code in codes if _within(code, bounds["lo"], bounds["hi"])}
        if declared:
            found[number] = frozenset(declared)
    return found


def _within(code: str, low: object, high: object) -> bool:
    if isinstance(low, str):
        return low <= code <= str(high)
    number = pd.to_numeric(code, errors="coerce")
    return bool(low <= number <= high)


_READERS = {
    **dict.fromkeys((".xlsx", ".xlsm", ".xls", ".xlsb", ".ods"), _read_spreadsheet),
    **dict.fromkeys((".sav", ".zsav", ".dta", ".sas7bdat"), _read_statistics),
}
