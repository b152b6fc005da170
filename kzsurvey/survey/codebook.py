"""The codebook of a survey (codes.csv, lexicon.csv): read as tables and checked, patterns included."""

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import pandas as pd

from kzsurvey.errors import Fault
from kzsurvey.survey.patterns import (
    RULE_COLUMNS,
    CodeRules,
    line_problems,
    pattern_problem,
    read_cell,
    reference_problems,
)
from kzsurvey.survey.sheets import Row, Sheet, column_faults, listed, near, read_csv_sheet, readable, repeated, table

NEEDED = ("scheme", "code")
WORD_COLUMNS = ("name", "pattern")
TEXT_COLUMNS = ("use_when", "not_when", "example", "pattern", "exclude")


class Codebook(NamedTuple):
    """The tables ``codes`` and ``lexicon`` as documented in :class:`kzsurvey.survey.Survey`, and all faults."""

    codes: pd.DataFrame
    lexicon: pd.DataFrame
    faults: list[Fault]


def read_codebook(folder: Path, languages: Mapping[str, str], schemes: Collection[str]) -> Codebook:
    """Read the codes and the word lists of their patterns.

    Parameters
    ----------
    folder : Path
        May hold ``codes.csv`` and ``lexicon.csv``; without them the tables are empty.
    languages : mapping of language code to the word after ``::`` in the headers
    schemes : collection of str
        The schemes that survey.toml declares.

    Returns
    -------
    Codebook
    """
    lexicon, faults = _read_lexicon(folder)
    # a word list that cannot be read is at fault once, not in every pattern that uses it
    words = {row["name"]: row["pattern"] if not pattern_problem(row["pattern"]) else "" for row in lexicon}
    codes = optional_sheet(folder / "codes.csv")
    translated = {
        f"{base}_{code}": f"{base}::{word}" for base in ("name", "definition") for code, word in languages.items()
    }
    if codes.header:
        known = ["scheme", "code", "parent", *translated.values(), *TEXT_COLUMNS, "note"]
        faults += column_faults(codes, needed=NEEDED, known=known, strict=True)
        codes = readable(codes, NEEDED)
    faults += _code_faults(codes, schemes)
    faults += _pattern_faults(codes, words)
    plain = ["code", "scheme", "parent", *TEXT_COLUMNS]
    return Codebook(
        table(
            (_record(row, codes, plain, translated) for row in codes),
            [*plain, *translated, "file", "row"],
            index="code",
        ),
        table((_record(row, lexicon, WORD_COLUMNS) for row in lexicon), [*WORD_COLUMNS, "file", "row"], index="name"),
        faults,
    )


def optional_sheet(path: Path) -> Sheet:
    """A CSV file that a survey may do without; then it has no header and no rows."""
    return read_csv_sheet(path) if path.exists() else Sheet(path.name)


def _record(
    row: Row, sheet: Sheet, columns: Collection[str], translated: Mapping[str, str] = MappingProxyType({})
) -> dict[str, object]:
    """One row of a table, with its origin."""
    texts = {column: row[column] for column in columns} | {name: row[header] for name, header in translated.items()}
    return {**texts, "file": sheet.file, "row": row.number}


def _read_lexicon(folder: Path) -> tuple[Sheet, list[Fault]]:
    """The word lists, and what is wrong in them."""
    sheet = optional_sheet(folder / "lexicon.csv")
    if not sheet.header:
        return sheet, []
    faults = column_faults(sheet, needed=WORD_COLUMNS, known=(*WORD_COLUMNS, "note"), strict=True)
    sheet = readable(sheet, WORD_COLUMNS)
    faults += repeated(sheet, sheet, ["name"], "name")
    for row in sheet:
        if not re.fullmatch(r"[^\W\d]\w*", row["name"]):
            faults.append(sheet.fault(row, "name", f"name {row['name']!r}", "letters, digits and _; a letter first"))
        if problem := pattern_problem(row["pattern"]):
            faults.append(sheet.fault(row, "pattern", *problem))
    return sheet, faults


def _code_faults(sheet: Sheet, schemes: Collection[str]) -> list[Fault]:
    """Codes that are missing or stand twice, unknown schemes and parents, a parent that is its own descendant."""
    faults = repeated(sheet, (row for row in sheet if row["code"]), ["code"], "code")
    rows = {row["code"]: row for row in sheet}
    faults += _clashing(sheet, rows)
    for row in sheet:
        parent = rows.get(row["parent"])
        if not row["code"]:
            faults.append(sheet.fault(row, "code", "an empty cell", "a code"))
        if row["scheme"] not in schemes:
            allowed, hint = f"a scheme of survey.toml: {listed(schemes)}", near(row["scheme"], schemes)
            faults.append(sheet.fault(row, "scheme", f"scheme {row['scheme']!r}", allowed, hint))
        if row["parent"] and parent is None:
            faults.append(
                sheet.fault(
                    row, "parent", f"parent {row['parent']!r}", "a code of this file", near(row["parent"], rows)
                )
            )
        elif row["parent"] and parent["scheme"] != row["scheme"]:
            faults.append(sheet.fault(row, "parent", f"parent {row['parent']} of another scheme", row["scheme"]))
        elif row["code"] in _ancestors(row, rows):
            faults.append(sheet.fault(row, "parent", f"{row['code']} above itself", "a parent that is not below it"))
    return faults


def _clashing(sheet: Sheet, rows: Mapping[str, Row]) -> list[Fault]:
    """Codes whose columns in ``analysis`` would bear one name: T1.1 and T1_1 both give code_T1_1."""
    seen, faults = {}, []
    for code, row in rows.items():
        other = seen.setdefault(code.replace(".", "_"), code)
        if other != code:
            faults.append(
                sheet.fault(row, "code", f"code {code!r} beside {other!r}", "codes that differ in more than . and _")
            )
    return faults


def _ancestors(row: Row, rows: Mapping[str, Row]) -> list[str]:
    above, code = [], row["parent"]
    while code and code not in above:
        above.append(code)
        code = rows[code]["parent"] if code in rows else ""
    return above


def _pattern_faults(sheet: Sheet, words: Mapping[str, str]) -> list[Fault]:
    """Lines of ``pattern`` and ``exclude`` that cannot be read, and codes that refer to each other in a ring."""
    rows = {row["code"]: row for row in sheet}
    parents = {code: row["parent"] for code, row in rows.items()}
    rules = {
        code: CodeRules(*(read_cell(row[column], words=words, codes=rows, column=column) for column in RULE_COLUMNS))
        for code, row in rows.items()
    }
    return [
        sheet.fault(rows[code], column, *problem)
        for code, column, problem in (*line_problems(rules), *reference_problems(rules, parents))
    ]
