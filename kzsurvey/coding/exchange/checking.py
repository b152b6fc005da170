"""Whether a project means something: every reference leads somewhere, every passage lies in its text.

A file can be valid against the schema and still come out empty in another program; this is the check that sees it.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime

import pandas as pd

from kzsurvey.coding.exchange.records import COLUMNS, GUID, VARIABLE_TYPES, WITHOUT_GUID, Project
from kzsurvey.errors import Fault

# table, column: the tables it may point into
REFERENCES: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("codes", "parent"): ("codes",),
    ("passages", "source"): ("sources",),
    ("codings", "target"): ("passages", "sources"),
    ("codings", "code"): ("codes",),
    ("note_refs", "owner"): ("passages", "codings", "sources", "codes"),
    ("note_refs", "note"): ("notes",),
    ("variable_values", "owner"): ("cases", "sources"),
    ("variable_values", "variable"): ("variables",),
    ("members", "case"): ("cases",),
    ("members", "member"): ("sources", "passages"),
    **{(table, "user"): ("users",) for table in ("sources", "passages", "codings", "notes")},
    **{(table, "changed_by"): ("users",) for table in ("sources", "passages", "notes")},
}
MAY_BE_EMPTY = ("parent", "user", "changed_by")
# what XML 1.0 cannot hold in any form
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
COLOR = re.compile(r"#(?:[0-9a-fA-F]{6}|[0-9a-fA-F]{3})")
MOMENT = re.compile(r"-?\d{4,}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?")
_DECIMAL = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)")
_PATTERNS = {
    "Boolean": re.compile(r"true|false|1|0"),
    "Integer": re.compile(r"[+-]?\d+"),
    "Float": _DECIMAL,
    "DateTime": MOMENT,
}


def project_faults(project: Project, file: str, rows: Mapping[str, pd.Series] | None = None) -> list[Fault]:
    """List everything by which a project would mean something else than it says, or nothing.

    Parameters
    ----------
    project : Project
    file : str
        What to call it in messages.
    rows : mapping of table to lines of the file, optional
        For a project that was read; without it, tables and rows of the project are named.

    Returns
    -------
    list of Fault
    """
    found = [
        *_guid_faults(project),
        *_reference_faults(project),
        *_parent_faults(project),
        *_span_faults(project),
        *_plain_faults(project),
    ]
    return [_placed(one, file, rows) for one in found]


def is_moment(written: str) -> bool:
    """Whether a text is a point in time as XML writes it.

    Examples
    --------
    >>> is_moment("2019-06-04T06:11:56Z"), is_moment("2019-06-04 06:11"), is_moment("2019-13-04T06:11:56Z")
    (True, False, False)
    """
    if not MOMENT.fullmatch(written):
        return False
    try:
        datetime.fromisoformat(written)
    except ValueError:
        return False
    return True


def fits_type(value: str, kind: str) -> bool:
    """Whether a value can stand in a variable of a type.

    Examples
    --------
    >>> fits_type("3.50", "Float"), fits_type("1e3", "Float"), fits_type("2019-02-30", "Date")
    (True, False, False)
    """
    if kind == "Text":
        return True
    if kind == "Date":
        try:
            return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", value)) and bool(date.fromisoformat(value))
        except ValueError:
            return False
    return bool(_PATTERNS[kind].fullmatch(value)) and (kind != "DateTime" or is_moment(value))


# what is wrong, before it is known what to call the place: table, number of the row, column, found, allowed, hint
_Found = tuple[str, int, str, str, str, str]


def _placed(one: _Found, file: str, rows: Mapping[str, pd.Series] | None) -> Fault:
    """A fault with its place: the line of a file, or the row of a table."""
    table, number, column, found, allowed, hint = one
    if rows is None:
        return Fault(f"{file}, table {table}", found, allowed, row=number + 1, column=column, hint=hint)
    return Fault(file, found, allowed, row=int(rows[table].iloc[number]), column=column, hint=hint)


def _guid_faults(project: Project) -> Iterator[_Found]:
    """Guids that are none, and guids that stand twice in their table."""
    for table in COLUMNS:
        if table in WITHOUT_GUID:
            continue
        guids = getattr(project, table).index
        for number in (~guids.str.fullmatch(GUID.pattern)).nonzero()[0]:
            yield table, number, "guid", f"guid {guids[number]!r}", "32 hexadecimal digits in five groups", ""
        for number in guids.duplicated().nonzero()[0]:
            yield table, number, "guid", f"guid {guids[number]} a second time among {table}", "each guid once", ""


def _reference_faults(project: Project) -> Iterator[_Found]:
    """References that lead nowhere."""
    for (table, column), targets in REFERENCES.items():
        written = getattr(project, table)[column]
        empty_allowed = column in MAY_BE_EMPTY or (table, column) == ("note_refs", "owner")
        known = set().union(*(getattr(project, target).index for target in targets))
        lost = ~written.isin(known) & ~((written == "") & empty_allowed)
        for number in lost.to_numpy().nonzero()[0]:
            found = f"guid {written.iloc[number]}, which is not there" if written.iloc[number] else "no guid"
            yield table, number, column, found, f"the guid of one of the {' or '.join(targets)}", ""


def _parent_faults(project: Project) -> Iterator[_Found]:
    """Codes that are their own ancestors."""
    parents = project.codes["parent"].to_dict()
    for number, guid in enumerate(project.codes.index):
        above, seen = parents[guid], set()
        while above and above in parents and above not in seen:
            seen.add(above)
            above = parents[above]
        if guid in seen:
            yield "codes", number, "parent", f"code {guid} above itself", "a parent that is not below it", ""


def _span_faults(project: Project) -> Iterator[_Found]:
    """Passages outside their text, or that end before they start; sources without a text."""
    texts = project.sources["text"]
    lengths = texts[~texts.index.duplicated()].str.len()
    passages = project.passages
    length = passages["source"].map(lengths).to_numpy(dtype=float, na_value=float("nan"))
    start, end = passages["start"].to_numpy(), passages["end"].to_numpy()
    for number in (end < start).nonzero()[0]:
        yield "passages", number, "end", f"start {start[number]}, end {end[number]}", "an end after the start", ""
    for number in ((end >= start) & ((start < 0) | (end > length))).nonzero()[0]:
        found = f"a passage from {start[number]} to {end[number]} in a text of {length[number]:.0f} characters"
        yield "passages", number, "end", found, "a passage inside its text", ""


def _plain_faults(project: Project) -> Iterator[_Found]:
    """Values that the schema does not know, and characters that XML cannot hold."""
    for number, code in enumerate(project.codes.itertuples()):
        if code.color and not COLOR.fullmatch(code.color):
            yield "codes", number, "color", f"color {code.color!r}", "#RGB or #RRGGBB", ""
        if not code.name:
            yield "codes", number, "name", "no name", "a name", ""
    kinds = project.variables["type"]
    for number in (~kinds.isin(VARIABLE_TYPES)).to_numpy().nonzero()[0]:
        yield "variables", number, "type", f"type {kinds.iloc[number]!r}", ", ".join(VARIABLE_TYPES), ""
    known = kinds[kinds.isin(VARIABLE_TYPES)].to_dict()
    for number, row in enumerate(project.variable_values.itertuples()):
        if row.variable in known and not fits_type(row.value, known[row.variable]):
            yield (
                "variable_values",
                number,
                "value",
                f"value {row.value!r}",
                f"a value of type {known[row.variable]}",
                "",
            )
    for table, column in ((t, c) for t in COLUMNS if t != "not_taken" for c in ("time", "changed") if c in COLUMNS[t]):
        written = getattr(project, table)[column]
        for number in [place for place, text in enumerate(written.tolist()) if text and not is_moment(text)]:
            yield table, number, column, f"time {written.iloc[number]!r}", "a time such as 2019-06-04T06:11:56Z", ""
    yield from _character_faults(project)


def _character_faults(project: Project) -> Iterator[_Found]:
    """Characters that XML cannot hold; texts of sources lie in files of their own and may hold any."""
    columns = [(table, column) for table in COLUMNS for column in COLUMNS[table]]
    for table, column in columns:
        written = getattr(project, table)[column]
        if table == "not_taken" or (table, column) == ("sources", "text") or written.dtype != "str":
            continue
        for number, text in enumerate(written.fillna("").tolist()):
            if bad := FORBIDDEN.search(text):
                found = f"the character U+{ord(bad[0]):04X}"
                yield table, number, column, found, "characters that XML can hold", "take it out"
