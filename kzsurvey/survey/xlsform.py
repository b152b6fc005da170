"""The sheets of an XLSForm, or CSV files with its columns: read, headers and types brought to their usual spelling.

Every row is read; what cannot be used is refused by name, never skipped.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from kzsurvey.errors import DefinitionError, Fault, fail_if
from kzsurvey.survey.record import QUESTION_TYPES
from kzsurvey.survey.sheets import Row, Sheet, column_faults, listed, near, read_csv_records, read_workbook, sheet_of

TYPES = {
    **dict.fromkeys(("integer", "int"), "integer"),
    "decimal": "decimal",
    **dict.fromkeys(("date", "today"), "date"),
    "time": "time",
    **dict.fromkeys(("datetime", "start", "end"), "datetime"),
    **dict.fromkeys(("text", "string", "hidden", "barcode", "acknowledge", "trigger"), "text"),
    **dict.fromkeys(("geopoint", "geotrace", "geoshape", "gps", "location", "start-geopoint"), "text"),
    **dict.fromkeys(("image", "photo", "audio", "video", "file", "background-audio"), "text"),
    **dict.fromkeys(("deviceid", "device id", "username", "email", "phonenumber", "phone number"), "text"),
    **dict.fromkeys(("subscriberid", "simserial", "audit", "instanceid", "uuid", "caseid"), "text"),
    "calculate": "calculate",
    "note": "note",
}
REFUSED = {
    "begin repeat": "repeats give several rows for one interview; deliver them as a survey of their own",
    "begin loop": "loops give several rows for one interview; deliver them as a survey of their own",
    "select_one_from_file": "copy the list into the choices",
    "select_multiple_from_file": "copy the list into the choices",
    "select_one_external": "copy the list into the choices",
    "rank": "ask for the first choice with select_one",
    "csv-external": "copy the list into the choices",
    "xml-external": "copy the list into the choices",
}
SELECT = re.compile(
    r"(?P<kind>select[_ ]one|select[_ ]multiple|select[ ]all[ ]that[ ]apply)(?:[ ]from)?[ ](?P<list>\S+)"
    r"(?P<other>[ ]or[_ ](?:other|specify[_ ]other))?",
    re.IGNORECASE,
)
NAME = re.compile(r"[^\W\d][\w.\-]*")
HEADERS = {
    "list name": "list_name",
    "value": "name",
    "caption": "label",
    "relevance": "relevant",
    "constraint message": "constraint_message",
    "required message": "required_message",
    "choice filter": "choice_filter",
    "calculate": "calculation",
    "read_only": "readonly",
    "repeat count": "repeat_count",
}
SURVEY_COLUMNS = (
    "type", "name", "label", "hint", "required", "relevant", "constraint", "constraint_message", "choice_filter",
    "calculation", "unit", "level", "sensitivity", "appearance", "default", "readonly", "required_message",
    "guidance_hint", "parameters", "repeat_count", "note", "trigger", "image", "audio", "video",
)  # fmt: skip
CHOICE_COLUMNS = ("list_name", "name", "label", "aliases", "image", "audio", "video", "big-image")
COLUMNS = ((("type", "name"), SURVEY_COLUMNS), (("list_name", "name"), CHOICE_COLUMNS))  # needed, known; by sheet
SUPPORTED = f"{', '.join(QUESTION_TYPES)}, groups"
FORMS = ("form.xlsx", "form.xls", "questions.csv")
SHEETS = ("survey", "choices", "settings")
LANGUAGE_CODES = {
    "中文": "zh", "汉语": "zh", "chinese": "zh", "english": "en", "英文": "en", "english (en)": "en", "français": "fr",
    "french": "fr", "español": "es", "spanish": "es", "русский": "ru", "russian": "ru", "arabic": "ar", "العربية": "ar",
    "кыргызча": "ky", "kyrgyz": "ky", "ئۇيغۇرچە": "ug", "uyghur": "ug",
}  # fmt: skip


class Form(NamedTuple):
    """The sheets of an instrument; a sheet that is not there has no header."""

    survey: Sheet
    choices: Sheet
    settings: Sheet


@dataclass(frozen=True)
class Item:
    """One row of the survey sheet that asks, computes or shows something.

    Attributes
    ----------
    row : Row
    name, type, list_name : str
        The type is one of ``QUESTION_TYPES``.
    or_other : bool
        Whether the form adds an option "other" and a question that asks which.
    group : str
        Names of the groups it stands in, outermost first, with / between them.
    inherited : tuple of str
        Conditions under which those groups are asked.
    """

    row: Row
    name: str
    type: str
    list_name: str = ""
    or_other: bool = False
    group: str = ""
    inherited: tuple[str, ...] = ()


def read_form(folder: Path) -> Form:
    """Read ``form.xlsx``, or ``questions.csv`` and ``choices.csv``, whichever a definition folder holds.

    Raises
    ------
    DefinitionError
        There is no form, there are two, or a sheet or file is missing, empty or unreadable.

    Examples
    --------
    >>> form = read_form(Path("tests/surveys/data/raw/market"))
    >>> form.survey.file, form.survey.rows[0]["type"]
    ('questions.csv', 'text')
    """
    found = [name for name in FORMS if (folder / name).is_file()]
    if len(found) != 1:
        what = " and ".join(found) if found else "no form"
        raise DefinitionError(Fault(str(folder), what, "form.xlsx, or questions.csv and choices.csv, as files"))
    if found == ["questions.csv"]:
        return read_csv_form(folder / "questions.csv", folder / "choices.csv")
    return read_workbook_form(folder / found[0])


def read_csv_form(questions: Path, choices: Path) -> Form:
    """Read a form from CSV files; one without answer options needs no choices.

    A single file may also hold all sheets, as XLSForm tools write it: the name of a sheet stands alone in the first
    column, its rows below it with the first column left empty.
    """
    records = read_csv_records(questions)
    first = next(record for record in records if any(cell.strip() for cell in record))
    if first[0].strip() in SHEETS and not any(cell.strip() for cell in first[1:]):
        return _sections(questions.name, records)
    lists = sheet_of(choices.name, read_csv_records(choices)) if choices.exists() else Sheet(choices.name)
    return _form(sheet_of(questions.name, records), lists, Sheet("settings"))


def read_workbook_form(path: Path) -> Form:
    """Read the sheets survey, choices and settings of an XLSForm; other sheets are left alone."""
    sheets = read_workbook(path)
    faults = [
        Fault(path.name, f"sheet {name!r}", f"sheet {wanted!r}", hint="the name of a sheet is written exactly so")
        for wanted in ("survey", "choices")
        for name in sheets
        if wanted not in sheets and near(name, [wanted])
    ]
    if "survey" not in sheets and not faults:
        faults = [Fault(path.name, f"sheets {listed(sheets)}", "a sheet named 'survey'")]
    fail_if(faults, DefinitionError)
    filled = {name for name in SHEETS if any(cell.strip() for record in sheets.get(name, ()) for cell in record)}
    if "survey" not in filled:
        raise DefinitionError(Fault(f"{path.name}, sheet survey", "an empty sheet", "a header and rows"))
    called = {name: f"{path.name}, sheet {name}" for name in SHEETS}
    return _form(*(sheet_of(called[name], sheets[name]) if name in filled else Sheet(called[name]) for name in SHEETS))


def languages_of(form: Form) -> dict[str, str]:
    """The languages in which a form has labels: a code, and the word after ``::``.

    The code is the one in parentheses, if any; labels without a language are in the first language.

    Examples
    --------
    >>> languages_of(Form(Sheet("a", ("type", "label::English (en)", "label::中文")), Sheet("b"), Sheet("c")))
    {'en': 'English (en)', 'zh': '中文'}
    """
    words = [header.partition("::")[2] for header in form.survey.header if header.startswith("label::")]
    found = {_language_code(word): word for word in words}
    if "label" in form.survey.header or not found:
        default = next((row["default_language"] for row in form.settings), "") or "English"
        found = {_language_code(default): default, **found}
    return found


def items_of(sheet: Sheet) -> tuple[list[Item], list[Fault]]:
    """The questions of a form with the groups they stand in, and faults in types and groups.

    Parameters
    ----------
    sheet : Sheet
        The sheet ``survey``.

    Returns
    -------
    list of Item, list of Fault
    """
    items, faults, groups = [], [], []
    for row in sheet:
        kind = " ".join(row["type"].split())
        edge = re.fullmatch(r"(begin|end)[ _](group|repeat|loop)", kind, re.IGNORECASE)
        if not edge:
            found, wrong = _item(sheet, row, kind, [group for group, _ in groups])
            items += found
        elif edge[1].lower() == "begin":
            groups.append((row, edge[2].lower()))
            wrong = _refused(sheet, row, f"begin {edge[2].lower()}")
        else:
            begun = groups.pop() if groups else None
            wrong = _ending_faults(sheet, row, edge[2].lower(), begun)
        faults += wrong
    for row, kind in groups:
        faults.append(
            sheet.fault(row, "type", f"begin {kind} {row['name']} that never ends", f"an end {kind} below it")
        )
    return items, faults


def _form(survey: Sheet, choices: Sheet, settings: Sheet) -> Form:
    """The sheets with their usual headers; without the columns that everything rests on there is no form."""
    form = Form(*(_usual_headers(sheet) for sheet in (survey, choices, settings)))
    faults = []
    for choices, sheet in enumerate((form.survey, form.choices)):
        needed, _ = COLUMNS[choices]
        if sheet.header and not set(needed) <= set(sheet.header):
            faults += header_faults(sheet, choices=bool(choices))
    if form.survey.header and not form.survey.rows:
        faults.append(form.survey.fault(2, None, "no row below the header", "a row per question"))
    fail_if(faults, DefinitionError)
    return form


def header_faults(sheet: Sheet, *, choices: bool = False) -> list[Fault]:
    """Columns that are missing, stand twice or are misspelt; columns that others have added are left alone."""
    needed, columns = COLUMNS[choices]
    known = [*columns, *(header for header in sheet.header if "::" in header)]
    return column_faults(sheet, needed=needed, known=known, strict=False)


def _sections(file: str, records: Sequence[Sequence[str]]) -> Form:
    """The sheets of a form that stand below one another in one file; rows keep their numbers."""
    parts, name = {}, ""
    for number, record in enumerate(records):
        name = record[0].strip() or name if record else name
        below = [[]] * number
        if record and not record[0].strip() and any(cell.strip() for cell in record):
            parts.setdefault(name, below).append(record[1:])
        elif name in parts:
            parts[name].append([])
    sheets = {name: sheet_of(f"{file}, sheet {name}", part) for name, part in parts.items()}
    return _form(*(sheets.get(name, Sheet(f"{file}, sheet {name}")) for name in SHEETS))


def _language_code(word: str) -> str:
    written = re.search(r"\((\w+)\)\s*$", word)
    return written[1] if written else LANGUAGE_CODES.get(word.lower(), re.sub(r"\W+", "_", word.lower()))


def _usual_headers(sheet: Sheet) -> Sheet:
    """The sheet with headers as XLSForm writes them today: ``bind:relevant`` is ``relevant``."""
    usual = {header: _usual_header(header) for header in sheet.header}
    rows = (Row(row.number, {usual[name]: cell for name, cell in row.cells.items()}) for row in sheet)
    return Sheet(sheet.file, tuple(usual[header] for header in sheet.header), tuple(rows))


def _usual_header(header: str) -> str:
    base, *rest = [part.strip() for part in re.split("::?", header)]
    if base.lower() in ("bind", "body", "media", "control") and rest:
        base, *rest = rest
    known = base.lower() if base.lower() in SURVEY_COLUMNS + CHOICE_COLUMNS else base
    return "::".join([HEADERS.get(base.lower(), known), *rest])


def _ending_faults(sheet: Sheet, row: Row, kind: str, begun: tuple[Row, str] | None) -> list[Fault]:
    """The end of a group that has not begun, or has begun as another kind."""
    if begun is None:
        return [sheet.fault(row, "type", f"end {kind} without a beginning", f"a begin {kind} above it")]
    start, opened = begun
    if opened == kind:
        return []
    return [sheet.fault(row, "type", f"end {kind}", f"end {opened}", f"begin {opened} stands in row {start.number}")]


def _item(sheet: Sheet, row: Row, kind: str, groups: Sequence[Row]) -> tuple[list[Item], list[Fault]]:
    """What a row asks, or why it cannot be read; a row with neither type nor name asks nothing."""
    place = {
        "group": "/".join(group["name"] for group in groups),
        "inherited": tuple(group["relevant"] for group in groups if group["relevant"]),
    }
    if not kind and not row["name"]:
        return [], []
    if select := SELECT.fullmatch(kind):
        usual = "select_one" if "one" in select["kind"].lower() else "select_multiple"
        return [Item(row, row["name"], usual, select["list"], bool(select["other"]), **place)], []
    if kind.lower() == "range":
        return [Item(row, row["name"], _range_type(row["parameters"]), **place)], []
    if kind.lower() in TYPES:
        return [Item(row, row["name"], TYPES[kind.lower()], **place)], []
    # still a question, so that what refers to it is not at fault as well
    return [Item(row, row["name"], "integer", **place)], _refused(sheet, row, kind)


def _range_type(parameters: str) -> str:
    """A range gives whole numbers unless one of its parameters is none."""
    return "decimal" if re.search(r"=\s*-?\d*\.\d", parameters) else "integer"


def _refused(sheet: Sheet, row: Row, kind: str) -> list[Fault]:
    """Why a type cannot be used; nothing for a group."""
    if kind == "begin group":
        return []
    for refused, reason in REFUSED.items():
        if kind.lower().split(" ")[0] == refused or kind.lower() == refused:
            return [sheet.fault(row, "type", f"type {kind}, which is not supported", SUPPORTED, reason)]
    found = f"type {kind!r}" if kind else f"question {row['name']} without a type"
    word = kind.lower().split(" ")[0]
    return [sheet.fault(row, "type", found, SUPPORTED, near(word, [*TYPES, "select_one", "select_multiple"]))]
