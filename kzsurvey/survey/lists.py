"""The smaller tables of a definition: measures, frame, corrections, words; read, and checked against the form."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from kzsurvey.errors import Fault
from kzsurvey.survey.codebook import optional_sheet
from kzsurvey.survey.instrument import RESERVED
from kzsurvey.survey.sheets import Row, Sheet, column_faults, listed, near, readable, repeated, table
from kzsurvey.survey.xlsform import NAME

RULES = ("mean", "sum")
FLAGS = ("1", "0", "true", "false")
SCALED = ("integer", "decimal", "select_one", "calculate")


class Asked(NamedTuple):
    """What the smaller tables refer to: the questions and choices of the instrument."""

    questions: pd.DataFrame
    choices: pd.DataFrame
    languages: Mapping[str, str]

    def options(self, question: str) -> list[str]:
        """Names of the answer options of a question."""
        wanted = self.choices["list_name"] == self.questions.at[question, "list_name"]
        return self.choices.loc[wanted, "name"].unique().tolist()


class Read(NamedTuple):
    """One table and all that is wrong in its file."""

    table: pd.DataFrame
    faults: list[Fault]


def read_measures(folder: Path, asked: Asked) -> Read:
    """Read the scales of a survey (``measures.csv``)."""
    sheet = optional_sheet(folder / "measures.csv")
    labels = {f"label_{code}": f"label::{word}" for code, word in asked.languages.items()}
    known = ["measure", *labels.values(), "items", "reversed", "rule", "smallest", "low", "high", "unit", "note"]
    sheet, faults = _with_columns(sheet, ("measure", "items", "rule"), known)
    faults += repeated(sheet, sheet, ["measure"], "measure")
    faults += [fault for row in sheet for fault in _measure_faults(sheet, row, asked)]
    records = [
        {
            **{column: row[header] for column, header in labels.items()},
            "measure": row["measure"],
            "items": tuple(row["items"].split()),
            "reversed": tuple(row["reversed"].split()),
            "rule": row["rule"],
            "smallest": _whole(row["smallest"], default=len(row["items"].split())),
            "low": _number(row["low"]),
            "high": _number(row["high"]),
            "unit": row["unit"],
            "file": sheet.file,
            "row": row.number,
        }
        for row in sheet
    ]
    columns = ["measure", *labels, "items", "reversed", "rule", "smallest", "low", "high", "unit", "file", "row"]
    return Read(table(records, columns, index="measure"), faults)


def read_frame(folder: Path, asked: Asked) -> Read:
    """Read the known counts of the population (``frame.csv``)."""
    sheet = optional_sheet(folder / "frame.csv")
    known = ("variable", "value", "count", "source")
    sheet, faults = _with_columns(sheet, known[:3], (*known, "note"))
    faults += repeated(sheet, sheet, ["variable", "value"], "value")
    faults += [fault for row in sheet for fault in _frame_faults(sheet, row, asked)]
    records = [{**_texts(row, known), "count": _number(row["count"]), **_origin(sheet, row)} for row in sheet]
    return Read(table(records, [*known, "file", "row"]), faults)


def read_corrections(folder: Path, asked: Asked) -> Read:
    """Read the corrections made by hand (``corrections.csv``)."""
    sheet = optional_sheet(folder / "corrections.csv")
    known = ("interview", "question", "old", "new", "reason", "who", "when")
    sheet, faults = _with_columns(sheet, known[:4], known)
    for row in sheet:
        if not row["interview"]:
            faults.append(sheet.fault(row, "interview", "an empty cell", "the id of an interview"))
        faults += _question_faults(sheet, row, asked)
    records = [{**_texts(row, known), **_origin(sheet, row)} for row in sheet]
    return Read(table(records, [*known, "file", "row"]), faults)


def read_words(folder: Path, asked: Asked) -> Read:
    """Read the survey's own words for its reports (``words.csv``)."""
    sheet = optional_sheet(folder / "words.csv")
    known = ("key", *asked.languages)
    sheet, faults = _with_columns(sheet, ("key",), known)
    faults += repeated(sheet, sheet, ["key"], "key")
    return Read(table((_texts(row, known) for row in sheet), known, index="key"), faults)


TABLES: dict[str, Callable[[Path, Asked], Read]] = {
    "measures": read_measures,
    "frame": read_frame,
    "corrections": read_corrections,
    "words": read_words,
}


def _with_columns(sheet: Sheet, needed: Sequence[str], known: Sequence[str]) -> tuple[Sheet, list[Fault]]:
    """The sheet as far as its columns let it be read, and the faults in its header; nothing of a file not there."""
    if not sheet.header:
        return sheet, []
    return readable(sheet, needed), column_faults(sheet, needed=needed, known=known, strict=True)


def _measure_faults(sheet: Sheet, row: Row, asked: Asked) -> list[Fault]:
    """A scale whose name, items, rule or numbers cannot be used."""
    name, items, faults = row["measure"], row["items"].split(), []
    if not NAME.fullmatch(name) or name in RESERVED or name in asked.questions.index or "__" in name:
        allowed = "a name of its own: letters, digits, single underscores"
        faults.append(sheet.fault(row, "measure", f"name {name!r}", allowed))
    if not items:
        return [*faults, sheet.fault(row, "items", "no items", "questions, separated by spaces")]
    numeric = [question for question in asked.questions.index if asked.questions.at[question, "type"] in SCALED]
    for item in items:
        if item not in numeric:
            allowed = "a question with a number or one option as its answer"
            faults.append(sheet.fault(row, "items", f"item {item!r}", allowed, near(item, numeric)))
    for item in (item for item, times in Counter(items).items() if times > 1):
        faults.append(sheet.fault(row, "items", f"item {item!r} a second time", "once"))
    for item in row["reversed"].split():
        if item not in items:
            faults.append(
                sheet.fault(row, "reversed", f"item {item!r}", f"one of the items: {listed(items)}", near(item, items))
            )
    if row["rule"] not in RULES:
        faults.append(sheet.fault(row, "rule", f"rule {row['rule']!r}", listed(RULES), near(row["rule"], RULES)))
    return faults + _range_faults(sheet, row, len(items))


def _range_faults(sheet: Sheet, row: Row, items: int) -> list[Fault]:
    """Numbers of a scale that are none, or do not fit one another."""
    faults = []
    for column in ("smallest", "low", "high"):
        if row[column] and math.isnan(_number(row[column])):
            faults.append(sheet.fault(row, column, f"{row[column]!r}", "a number"))
    low, high, smallest = (_number(row[column]) for column in ("low", "high", "smallest"))
    if row["reversed"] and not (row["low"] and row["high"]):
        faults.append(sheet.fault(row, "low", "no range", "low and high, which reversing an item needs"))
    if low >= high:
        faults.append(sheet.fault(row, "low", f"low {row['low']}, high {row['high']}", "low below high"))
    if not math.isnan(smallest) and not (smallest.is_integer() and 1 <= smallest <= max(items, 1)):
        faults.append(sheet.fault(row, "smallest", row["smallest"], f"a whole number from 1 to {items}"))
    return faults


def _frame_faults(sheet: Sheet, row: Row, asked: Asked) -> list[Fault]:
    """A count of something that was not asked, or that is no count."""
    faults, variable = [], row["variable"]
    closed = asked.questions.index[asked.questions["type"] == "select_one"]
    if variable not in closed:
        allowed = "a question with one option as its answer"
        faults.append(sheet.fault(row, "variable", f"variable {variable!r}", allowed, near(variable, closed)))
    elif row["value"] not in (options := asked.options(variable)):
        allowed = f"an option of {variable}: {listed(options)}"
        faults.append(sheet.fault(row, "value", f"value {row['value']!r}", allowed, near(row["value"], options)))
    if not _number(row["count"]) > 0 or math.isinf(_number(row["count"])):
        faults.append(sheet.fault(row, "count", f"count {row['count']!r}", "a number above 0"))
    return faults


def _question_faults(sheet: Sheet, row: Row, asked: Asked) -> list[Fault]:
    """A correction of something that was not asked."""
    names, question = list(asked.questions.index), row["question"]
    if not question and row["new"] != "remove":
        allowed = "a question; or new = remove, which takes the interview out"
        return [sheet.fault(row, "question", "an empty cell", allowed)]
    if question in (flags := _option_flags(asked)):
        fits = row["new"].lower() in FLAGS and row["old"].lower() in (*FLAGS, "", "*")
        found = f"old {row['old']!r}, new {row['new']!r}"
        allowed = "1 or 0 (true or false): whether the option is chosen; old may be *"
        return [] if fits else [sheet.fault(row, "new", found, allowed)]
    if question and question not in names:
        names += sorted(flags)
        return [sheet.fault(row, "question", f"question {question!r}", "a question of the form", near(question, names))]
    return []


def _option_flags(asked: Asked) -> set[str]:
    """Names of single options of select_multiple questions, as exports and as interviews write them."""
    several = asked.questions.index[asked.questions["type"] == "select_multiple"]
    return {f"{name}{mark}{option}" for name in several for option in asked.options(name) for mark in (".", "__")}


def _texts(row: Row, columns: tuple[str, ...]) -> dict[str, str]:
    return {column: row[column] for column in columns}


def _origin(sheet: Sheet, row: Row) -> dict[str, object]:
    return {"file": sheet.file, "row": row.number}


def _number(text: str) -> float:
    """The number a cell holds; NaN where it holds none."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def _whole(text: str, *, default: int) -> int:
    number = _number(text)
    return int(number) if math.isfinite(number) else default
