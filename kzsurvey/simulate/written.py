"""The file of a field team: headers, order of columns, characters, bytes."""

import csv
import io
import re
import unicodedata
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from kzsurvey.errors import DefinitionError, Fault
from kzsurvey.files import whole_file
from kzsurvey.simulate.plan import FILE, Written
from kzsurvey.survey import Survey

_MADE = (1980, 1, 1, 0, 0, 0)
_VARIANTS = ("s2t", "s2tw", "s2hk")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_PLAIN_NUMBER = re.compile(r"0|-?[1-9]\d{0,8}(\.\d+)?")


def in_file(sheet: pd.DataFrame, team: Written, survey: Survey, generator: np.random.Generator) -> list[list[str]]:
    """All lines of one file as text: title, headers, answers.

    Parameters
    ----------
    sheet : DataFrame, one row per line of the file
    team : Written
    survey : Survey
    generator : numpy Generator
        Moves columns about, where the team does.

    Returns
    -------
    list of lines, each a list of texts
    """
    columns = list(sheet)
    if team.shuffled:
        columns = [columns[k] for k in generator.permutation(len(columns))]
    language = team.language or next(iter(survey.languages))
    headers = [survey.label(q, language) if team.headers == "label" else q for q in columns]
    lines = [headers, *sheet[columns].to_numpy().tolist()]
    if team.extra:
        lines = [[team.extra if k == 0 else str(k), *line] for k, line in enumerate(lines)]
    return [[team.title, *[""] * (len(lines[0]) - 1)], *lines] if team.title else lines


def in_characters(texts: list[str], team: Written) -> list[str]:
    """The same texts in the characters the team writes, each of which its encoding can hold.

    Raises
    ------
    DefinitionError
        A character has no form that the encoding can hold: nothing is ever replaced by a question mark.
    """
    if team.traditional:
        texts = _traditional(texts, team.encoding)
    if team.file.endswith(".xlsx"):
        return texts
    texts = [
        "".join(_held((sign, unicodedata.normalize("NFKC", sign)), team.encoding) for sign in text) for text in texts
    ]
    if lost := sorted({sign for text in texts for sign in text if not _holds(team.encoding, sign)}):
        place = f"files {team.file}"
        raise DefinitionError(
            Fault(FILE, f"{' '.join(lost)} in {team.encoding}", "characters it can hold", column=place)
        )
    return texts


@cache
def can_write(text: str, team: Written) -> bool:
    """Whether the team's encoding has all characters of a text, in the form in which the team writes them."""
    try:
        in_characters([text], team)
    except DefinitionError:
        return False
    return True


@cache
def _converters() -> tuple:
    from opencc import OpenCC

    return tuple(OpenCC(variant) for variant in _VARIANTS)


def _traditional(texts: list[str], encoding: str) -> list[str]:
    """Traditional characters; of several forms of one character the first that the encoding holds."""
    forms = [[converter.convert(text) for text in texts] for converter in _converters()]
    return [
        "".join(_held(signs, encoding) for signs in _aligned(versions, text))
        for text, *versions in zip(texts, *forms, strict=True)
    ]


def _aligned(versions: list[str], text: str) -> list[tuple[str, ...]]:
    """The forms of each character, the simplified one last; only the first version where lengths differ."""
    versions = [version for version in versions if len(version) == len(versions[0])]
    if len(text) == len(versions[0]):
        versions.append(text)
    return list(zip(*versions, strict=True))


def _held(signs: tuple[str, ...], encoding: str) -> str:
    return next((sign for sign in signs if _holds(encoding, sign)), signs[0])


def _holds(encoding: str, sign: str) -> bool:
    try:
        return sign.encode(encoding).decode(encoding) == sign
    except UnicodeError:
        return False


def write_file(path: Path, lines: list[list[str]], team: Written) -> Path:
    """Write one delivered file, whole; equal lines give equal bytes.

    Parameters
    ----------
    path : Path
    lines : list of lines
    team : Written

    Returns
    -------
    Path
    """
    content = _workbook(lines, team) if path.suffix == ".xlsx" else _separated(lines, team)
    with whole_file(path) as beside:
        beside.write_bytes(content)
    return path


def _separated(lines: list[list[str]], team: Written) -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=team.separator, lineterminator="\r\n").writerows(lines)
    return text.getvalue().encode(team.encoding)


def _workbook(lines: list[list[str]], team: Written) -> bytes:
    """A workbook with numbers as numbers and days as days; properties, times and order of its parts are fixed."""
    import openpyxl

    book = openpyxl.Workbook()
    page = book.active
    page.title = team.sheet
    for row, line in enumerate(lines, start=1):
        for column, text in enumerate(line, start=1):
            if text != "":
                _fill(page.cell(row, column), text)
    book.properties.creator = "kzsurvey simulate"
    book.properties.created = book.properties.modified = pd.Timestamp(*_MADE).to_pydatetime()
    made = io.BytesIO()
    book.save(made)
    return _fixed_zip(made.getvalue())


def _fill(cell: object, text: str) -> None:
    """A cell as a spreadsheet keeps it: a number, a day or text."""
    if _DAY.fullmatch(text):
        cell.value, cell.number_format = pd.Timestamp(text).to_pydatetime(), "yyyy-mm-dd"
    elif _PLAIN_NUMBER.fullmatch(text):
        cell.value = float(text) if "." in text else int(text)
    else:
        cell.value, cell.data_type = text, "s"


def _fixed_zip(content: bytes) -> bytes:
    """The same parts in the order of their names, with one date, and without the time of saving."""
    rewritten = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(rewritten, "w", zipfile.ZIP_DEFLATED) as new:
        for name in sorted(old.namelist()):
            part = zipfile.ZipInfo(name, date_time=_MADE)
            part.compress_type = zipfile.ZIP_DEFLATED
            part.external_attr = 0o600 << 16
            new.writestr(part, _without_time(old.read(name)) if name == "docProps/core.xml" else old.read(name))
    return rewritten.getvalue()


def _without_time(core: bytes) -> bytes:
    """Document properties with the time of saving set to the fixed date."""
    return re.sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>1980-01-01T00:00:00Z", core)
