"""Rows of a project file, completed: links that are memos, texts out of their files, places as numbers.

What cannot be completed is a fault with its line, or a row of what was not taken; no row vanishes.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

import pandas as pd

from kzsurvey.coding.exchange.checking import fits_type
from kzsurvey.coding.exchange.records import VARIABLE_TYPES
from kzsurvey.errors import Fault

Rows = Mapping[str, list[dict]]
Texts = Callable[[str], str | Fault | None]  # the path of a text to the text, to nothing, or to what is wrong
NUMBER = re.compile(r"\s*[+-]?\d{1,15}\s*")


def with_links(rows: Rows) -> Rows:
    """Rows that programs write in another place, put in theirs.

    A link between a memo and what it is about is a place of that memo; a coding whose code is a case makes its passage
    part of the case (both NVivo); a value that does not fit its variable is not taken.
    """
    notes, cases = ({row["guid"] for row in rows[table]} for table in ("notes", "cases"))
    owners = {row["guid"] for table in ("passages", "codings", "sources", "codes") for row in rows[table]}
    refs, left = list(rows["note_refs"]), list(rows["not_taken"])
    for link in rows["links"]:
        note, owner = link["ends"] if link["ends"][0] in notes else link["ends"][::-1]
        kept = ""
        if note in notes and owner in owners:
            refs.append({"owner": owner, "note": note, "line": link["line"]})
            kept = "; it is kept as a memo in its place, without direction and color"
        left.append(_left("Link", link, f"a link from {link['ends'][0]} to {link['ends'][1]}{kept}"))
    unfit = _unfit_values(rows)
    left += [_left("VariableValue", row, f"value {row['value']!r} of a variable of another type") for row in unfit]
    of_cases = [row for row in rows["codings"] if row["code"] in cases]
    return {
        **rows,
        "note_refs": refs,
        "not_taken": left,
        "codings": [row for row in rows["codings"] if row["code"] not in cases],
        "members": [*rows["members"], *({**row, "case": row["code"], "member": row["target"]} for row in of_cases)],
        "variable_values": [row for row in rows["variable_values"] if row not in unfit]
        if unfit
        else rows["variable_values"],
    }


def with_texts(rows: Rows, texts: Texts, file: str, *, missing_texts: str) -> tuple[Rows, list[Fault]]:
    """Sources and notes with the texts that lie in files of their own.

    Parameters
    ----------
    rows : rows by table
    texts : function of a path
    file : str
        The project file, as messages call it.
    missing_texts : str
        ``fault``: a text that is not there is one; ``list``: it is a row of what was not taken.
    """
    faults, left = [], list(rows["not_taken"])
    completed: dict[str, list[dict]] = {"sources": [], "notes": []}
    for table, element in (("sources", "TextSource"), ("notes", "Note")):
        for row in rows[table]:
            text = texts(row["path"]) if row["text"] is None else row["text"]
            if isinstance(text, Fault):
                faults.append(replace(text, row=row["line"]))
            elif text is None and missing_texts == "fault":
                faults.append(_missing_text(row, element, file))
            elif text is None:
                left.append(_left(element, row, f"the text {row['path']} is not there"))
            nothing = pd.NA if table == "sources" else ""
            completed[table].append({**row, "text": text if isinstance(text, str) else nothing})
    return {**rows, **completed, "not_taken": left}, faults


def with_numbers(rows: Rows, file: str) -> tuple[Rows, list[Fault]]:
    """Passages with their places as numbers; 0 where there is none, which is a fault."""
    faults, passages = [], []
    for row in rows["passages"]:
        numbers = {}
        for column in ("start", "end"):
            good = row[column] is not None and NUMBER.fullmatch(row[column])
            numbers[column] = int(row[column]) if good else 0
            if not good:
                found = f"no {column}" if row[column] is None else f"{column} {row[column]!r}"
                faults.append(Fault(file, found, "a whole number", row=row["line"], column=column))
        passages.append({**row, **numbers})
    return {**rows, "passages": passages}, faults


def _unfit_values(rows: Rows) -> list[dict]:
    """Values that their variables cannot hold; a variable of an unknown type is at fault itself."""
    kinds = {row["guid"]: row["type"] for row in rows["variables"] if row["type"] in VARIABLE_TYPES}
    values = [row for row in rows["variable_values"] if row["variable"] in kinds]
    return [row for row in values if not fits_type(row["value"], kinds[row["variable"]])]


def _missing_text(row: Mapping[str, object], element: str, file: str) -> Fault:
    found = f"{element} {row['name'] or row['guid']!r} whose text {row['path']!r} is not there"
    hint = ""
    if row["rich"] and not row["path"]:
        hint = "it has a formatted text only: export it as plain text too"
    elif str(row["path"]).lower().startswith(("relative:", "absolute:", "file:")):
        hint = "export the project with its sources inside"
    return Fault(file, found, "a text inside the file", row=row["line"], hint=hint)


def _left(element: str, row: Mapping[str, object], reason: str) -> dict[str, object]:
    named = {"element": element, "guid": row.get("guid") or row.get("owner", ""), "name": row.get("name", "")}
    return {**named, "row": row["line"], "reason": reason}
