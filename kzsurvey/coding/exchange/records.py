"""A coded project as plain tables, the same for every program; files and surveys are not known here."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import pandas as pd

GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
VARIABLE_TYPES = ("Text", "Boolean", "Integer", "Float", "Date", "DateTime")
STAMPS = ("user", "time", "changed_by", "changed")
# every table is indexed by guid, but the last four, which say what belongs to what
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "users": ("name", "id"),
    "codes": ("name", "parent", "codable", "color", "description"),
    "variables": ("name", "type", "description"),
    "cases": ("name", "description"),
    "sources": ("name", "text", "description", *STAMPS),
    "passages": ("source", "start", "end", "name", "description", *STAMPS),
    "codings": ("target", "code", "user", "time"),
    "notes": ("name", "text", "description", *STAMPS),
    "note_refs": ("owner", "note"),
    "variable_values": ("owner", "variable", "value"),
    "members": ("case", "member"),
    "not_taken": ("element", "guid", "name", "row", "reason"),
}
WITHOUT_GUID = ("note_refs", "variable_values", "members", "not_taken")
_KINDS = {"codable": "bool", "start": "int64", "end": "int64", "row": "Int64"}


class Positions(NamedTuple):
    """How a program counts the places of passages in a text.

    Attributes
    ----------
    unit : str
        ``code points`` as the specification says; ``utf-16`` (NVivo) and ``utf-8`` (bytes) are seen in the wild.
    lines : str
        ``as stored``: a line end of two characters counts as two; ``one``: it counts as one (ATLAS.ti).
    end : str
        ``exclusive``: one past the last character; ``inclusive``: the last character itself.
    """

    unit: str = "code points"
    lines: str = "as stored"
    end: str = "exclusive"

    def __str__(self) -> str:
        """As a sentence says it."""
        return f"{self.unit}, line ends {self.lines}, end {self.end}"


STANDARD = Positions()


@dataclass(frozen=True, eq=False)
class Project:
    """A coded project: tables of text, empty where nothing is said. Guids are lower case, without braces.

    Attributes
    ----------
    name, origin, description : str
        What the project is called, the program that wrote it, what it is about.
    users : DataFrame, one row per coder
        ``name``, ``id``.
    codes : DataFrame, one row per code, a code before those below it
        ``name``, ``parent`` (guid), ``codable`` (flag), ``color``, ``description``.
    variables : DataFrame, one row per variable of cases or sources
        ``name``, ``type`` (Text, Boolean, Integer, Float, Date, DateTime), ``description``.
    cases : DataFrame, one row per case
        ``name``, ``description``.
    sources : DataFrame, one row per text
        ``name``, ``text`` (missing where the file was not there), ``description``; ``user``, ``time`` of its making,
        ``changed_by``, ``changed``.
    passages : DataFrame, one row per passage of a text
        ``source`` (guid), ``start``, ``end`` (code points, the end is one past the last), ``name`` (often the words),
        ``description`` (a comment), and the four stamps. A passage without a coding is a comment on a place.
    codings : DataFrame, one row per code given
        ``target`` (guid of a passage, or of a whole source), ``code`` (guid), ``user``, ``time``.
    notes : DataFrame, one row per memo
        ``name``, ``text``, ``description`` and the four stamps.
    note_refs : DataFrame, one row per place of a memo
        ``owner`` (guid of a passage, coding, source or code; empty for the whole project), ``note`` (guid).
    variable_values : DataFrame, one row per value
        ``owner`` (guid of a case or source), ``variable`` (guid), ``value`` as text.
    members : DataFrame, one row per part of a case
        ``case`` (guid), ``member`` (guid of a source or a passage).
    not_taken : DataFrame, one row per thing that has no place above
        ``element``, ``guid``, ``name``, ``row`` (line of the project file), ``reason``.
    positions : Positions
        How the file that was read counts; places in the tables are code points in any case.
    evidence : DataFrame, one row per way of counting that was considered
        See :func:`kzsurvey.coding.exchange.positions.weigh`; empty where nothing was to be found out.
    """

    name: str
    origin: str
    description: str
    users: pd.DataFrame
    codes: pd.DataFrame
    variables: pd.DataFrame
    cases: pd.DataFrame
    sources: pd.DataFrame
    passages: pd.DataFrame
    codings: pd.DataFrame
    notes: pd.DataFrame
    note_refs: pd.DataFrame
    variable_values: pd.DataFrame
    members: pd.DataFrame
    not_taken: pd.DataFrame
    positions: Positions = STANDARD
    evidence: pd.DataFrame = field(default_factory=pd.DataFrame)

    def __repr__(self) -> str:
        """What is in it, counted."""
        counted = ", ".join(f"{len(getattr(self, name))} {name}" for name in COLUMNS if len(getattr(self, name)))
        return f"<Project {self.name!r} of {self.origin or 'an unnamed program'}: {counted or 'nothing in it'}>"


def project_of(
    rows: Mapping[str, Iterable[Mapping[str, object]]],
    *,
    name: str = "",
    origin: str = "",
    description: str = "",
    positions: Positions = STANDARD,
) -> Project:
    """A project from rows; a table that is not named is empty.

    Parameters
    ----------
    rows : mapping of table to rows
        Each row names its columns, and its ``guid`` where the table has one; what it leaves out is empty.
    name, origin, description : str
    positions : Positions

    Returns
    -------
    Project

    Examples
    --------
    >>> one = project_of({"users": [{"guid": "0b1f7e0c-1f6e-4f7e-9f0e-000000000001", "name": "coder a"}]}, name="tea")
    >>> one
    <Project 'tea' of an unnamed program: 1 users>
    """
    tables = {table: frame_of(table, rows.get(table, ())) for table in COLUMNS}
    return Project(name=name, origin=origin, description=description, positions=positions, **tables)


def frame_of(table: str, rows: Iterable[Mapping[str, object]]) -> pd.DataFrame:
    """One table of a project, with all its columns in their kinds even when it has no rows."""
    rows = list(rows)
    made = {
        column: pd.Series([row.get(column, _nothing(column)) for row in rows], dtype=_KINDS.get(column, "str"))
        for column in COLUMNS[table]
    }
    index = None if table in WITHOUT_GUID else pd.Index([row["guid"] for row in rows], dtype="str", name="guid")
    return pd.DataFrame(made) if index is None else pd.DataFrame(made).set_axis(index)


def normal_guid(written: str) -> str:
    """A guid as it is compared: lower case, without braces.

    Examples
    --------
    >>> normal_guid("{5215CC69-b628-4e02-afb9-9beeaee55808}")
    '5215cc69-b628-4e02-afb9-9beeaee55808'
    """
    return written.strip().removeprefix("{").removesuffix("}").lower()


def _nothing(column: str) -> object:
    return {"codable": True, "start": 0, "end": 0, "row": pd.NA}.get(column, "")
