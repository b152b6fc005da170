"""The codebook of a survey as codes of a project, and codes of any project as a codebook; nothing in a cell is lost.

What codes.csv says of a code and a project has no attribute for stands in the code's description, a line for each
column, so that people can read it in any program and it comes back whole.
"""

import re
import uuid
from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from kzsurvey.coding.exchange.records import Project

if TYPE_CHECKING:
    from kzsurvey.survey import Survey

HOME = uuid.UUID("8f0c4f0e-3d5b-5a0f-9a53-4d6f7f3c1b20")  # the space in which all guids of ours are named
BASES = ("name", "definition")
TEXTS = ("use_when", "not_when", "example")
RULES = ("pattern", "exclude")
SCHEME = "imported"
NOTHING = "nothing"  # what the code for "read, and no code applies" says of itself
NO_CODE = ""
_LINE = re.compile(r"([^\s:]+(?:::[^:\s][^:]*)?): (.*)")
_NUMBERED = re.compile(r"([A-Za-z]{0,3}\d+(?:\.\d+)*)\.?\s+(\S.*)")
_LONGEST = 40


class Coded(NamedTuple):
    """The codebook of a project.

    Attributes
    ----------
    codes : DataFrame, one row per code
        Index ``code``; ``scheme``, ``parent``, ``name_<language>``, ``definition_<language>``, ``use_when``,
        ``not_when``, ``example``, ``note``.
    by_guid : dict of guid to code
        Empty for the code that says that no code applies; codes that only stand for a scheme are not in it.
    languages : dict of language code to the word after ``::`` in headers
    schemes : dict of scheme to its name as people read it
    """

    codes: pd.DataFrame
    by_guid: dict[str, str]
    languages: dict[str, str]
    schemes: dict[str, str]


def guid(survey: "Survey", *parts: object) -> str:
    """The guid of something in a survey: the same in every export, on every machine."""
    return str(uuid.uuid5(HOME, "\x1f".join([survey.name, *map(str, parts)])))


def codes_of(survey: "Survey", language: str, *, nothing: bool = False) -> tuple[list[dict], list[dict]]:
    """The codebook of a survey as codes of a project.

    Parameters
    ----------
    survey : Survey
    language : str
        Of the names that are shown; all languages stand in the descriptions.
    nothing : bool
        Whether there must be a code that says that no code applies.

    Returns
    -------
    codes, not_taken : rows
        As in :class:`Project`. Above the codes of each scheme stands one that is not codable and bears its title.
    """
    rows, left = [], []
    for scheme in survey.schemes.values():
        title = scheme.title.get(language, scheme.name)
        rows.append(_row(guid(survey, "scheme", scheme.name), title, "", False, {"scheme": scheme.name}))
        for code in _in_order(survey.codes[survey.codes["scheme"] == scheme.name]):
            cells = survey.codes.loc[code]
            above = ("code", cells["parent"]) if cells["parent"] else ("scheme", scheme.name)
            name = f"{code} {cells[f'name_{language}']}".strip()
            described = _described(code, cells, survey.languages)
            rows.append(_row(guid(survey, "code", code), name, guid(survey, *above), True, described))
            rules = [column for column in RULES if cells[column]]
            left += [_rules_left(survey, code, rules)] if rules else []
    if nothing:
        rows.append(_row(guid(survey, NOTHING), "no code applies", "", True, {NOTHING: "yes"}))
    return rows, left


def codebook_of(project: Project, *, scheme: str = SCHEME) -> Coded:
    """The codes of a project as a codebook.

    Parameters
    ----------
    project : Project
        Of a survey, or of any other program.
    scheme : str
        The scheme of codes that do not say in which they are.

    Returns
    -------
    Coded
        The code of a code is the one that its description says, or a number in front of its name, or is made of its
        name.

    Examples
    --------
    >>> from kzsurvey.coding.exchange import project_of
    >>> rows = [{"guid": f"0b1f7e0c-1f6e-4f7e-9f0e-00000000000{n}", "name": name} for n, name in
    ...         enumerate(["C1 pay is low", "too many meetings", "Too many meetings!"])]
    >>> codebook_of(project_of({"codes": rows})).codes["name_en"].to_dict()
    {'C1': 'pay is low', 'too_many_meetings': 'too many meetings', 'Too_many_meetings_2': 'Too many meetings!'}
    """
    cells = {code.Index: cells_of(code.description) for code in project.codes.itertuples()}
    languages = _languages(project, cells.values())
    titles = {one: cells[one]["scheme"] for one in cells if set(cells[one]) == {"scheme"}}
    known = {one: NO_CODE for one in cells if NOTHING in cells[one]}
    taken = {_column(cell["code"]) for cell in cells.values() if "code" in cell}
    rows: dict[str, dict[str, str]] = {}
    for one in project.codes.itertuples():
        if one.Index in titles or one.Index in known:
            continue
        own = cells[one.Index]
        code, name = _code_and_name(one.name, own, languages, rows, taken)
        taken.add(_column(code))
        known[one.Index] = code
        above = rows.get(known.get(one.parent, ""), {}).get("scheme", scheme)
        placed = {"scheme": own.get("scheme") or titles.get(one.parent) or above, "parent": known.get(one.parent, "")}
        rows[code] = {**placed, **_code_cells(one, own, name, languages)}
    schemes = {name: project.codes.at[one, "name"] for one, name in titles.items()}
    schemes |= {row["scheme"]: row["scheme"] for row in rows.values() if row["scheme"] not in schemes}
    return Coded(_code_table(rows, languages), known, languages, schemes)


def describe(cells: Mapping[str, str]) -> str:
    r"""Cells as lines that people can read; further lines of a cell are set in by two spaces.

    Examples
    --------
    >>> cells = {"definition::English": "Pay is called low.", "example": "not enough\nto live on", "use_when": ""}
    >>> print(describe(cells))
    definition::English: Pay is called low.
    example: not enough
      to live on
    """
    return "\n".join(f"{key}: {text}".replace("\n", "\n  ") for key, text in cells.items() if text)


def cells_of(description: str) -> dict[str, str]:
    r"""Cells out of lines; nothing where the text is not of that form: then it is somebody's own.

    Examples
    --------
    >>> cells_of("definition::English: Pay is called low.\nexample: not enough\n  to live on")
    {'definition::English': 'Pay is called low.', 'example': 'not enough\nto live on'}
    >>> cells_of("Note: anything about jobs")
    {}
    """
    cells: dict[str, str] = {}
    last = ""
    lines = description.split("\n") if description else []
    if len(lines) > 1 and all(line.endswith("\r") for line in lines[:-1]):
        lines = [line.removesuffix("\r") for line in lines]  # another program's line ends
    for line in lines:
        if line.startswith("  ") and last:
            cells[last] += f"\n{line[2:]}"
        elif (found := _LINE.fullmatch(line)) and _is_key(found[1]) and found[1] not in cells:
            last = found[1]
            cells[last] = found[2]
        else:
            return {}
    return cells


def _is_key(key: str) -> bool:
    base = key.split("::")[0]
    return base in ("name", "definition") if "::" in key else base in ("code", "scheme", NOTHING, *TEXTS)


def _described(code: str, cells: pd.Series, languages: Mapping[str, str]) -> dict[str, str]:
    """The cells of a code under the headers of codes.csv, what it means in front."""
    translated = {
        f"{base}::{word}": f"{base}_{key}" for base in ("definition", "name") for key, word in languages.items()
    }
    headers = {**translated, **{column: column for column in TEXTS}}
    written = {header: cells[column] for header, column in headers.items()}
    return {**written, "scheme": cells["scheme"], "code": code}


def _in_order(codes: pd.DataFrame) -> Iterable[str]:
    """Codes, each before those below it, otherwise in the order of the table."""
    below: dict[str, list[str]] = {}
    for code, parent in codes["parent"].items():
        below.setdefault(parent, []).append(code)
    waiting = below.get("", [])[::-1]
    while waiting:
        code = waiting.pop()
        yield code
        waiting += below.get(code, [])[::-1]


def _row(guid: str, name: str, parent: str, codable: bool, cells: Mapping[str, str]) -> dict[str, object]:
    return {"guid": guid, "name": name, "parent": parent, "codable": codable, "description": describe(cells)}


def _rules_left(survey: "Survey", code: str, rules: list[str]) -> dict[str, object]:
    reason = f"the rules of {code} ({', '.join(rules)}): other programs have none"
    return {"element": "Code", "guid": guid(survey, "code", code), "name": code, "reason": reason}


def _languages(project: Project, cells: Collection[Mapping[str, str]]) -> dict[str, str]:
    """The languages that descriptions are in; where they do not say, the one that the names are written in."""
    words = dict.fromkeys(key.split("::")[1] for cell in cells for key in cell if "::" in key)
    usual = {"中文": "zh", "English": "en"}
    if words:
        return {usual.get(word, re.sub(r"\W+", "_", word).lower()): word for word in words}
    chinese = any("\u4e00" <= letter <= "\u9fff" for name in project.codes["name"] for letter in name)
    return {"zh": "中文"} if chinese else {"en": "English"}


def _code_and_name(
    written: str,
    own: Mapping[str, str],
    languages: Mapping[str, str],
    rows: Collection[str],
    taken: Collection[str],
) -> tuple[str, str]:
    """The code of a code and its name: as its description says, or out of the name that it bears.

    A copy of a code says the same of itself and is another one; a code that was renamed bears its new name.
    """
    code = own.get("code", "")
    if not code or code in rows:
        return _made_code(written, taken)
    names = [own.get(f"name::{word}", "") for word in languages.values()]
    unchanged = any(written == f"{code} {name}".strip() for name in names)
    return code, names[0] if unchanged else written.removeprefix(f"{code} ")


def _made_code(name: str, taken: Collection[str]) -> tuple[str, str]:
    """A code for a code that has only a name, and the name without it."""
    numbered = _NUMBERED.fullmatch(name)
    if numbered and _column(numbered[1]) not in taken:
        return numbered[1], numbered[2]
    plain = re.sub(r"[^\w.]+", "_", name)[:_LONGEST].strip("_.") or "code"
    code, number = plain, 2
    while _column(code) in taken:
        code, number = f"{plain}_{number}", number + 1
    return code, name


def _code_cells(one: tuple, own: Mapping[str, str], name: str, languages: Mapping[str, str]) -> dict[str, str]:
    """What codes.csv says of a code; a description that is not of our form is its definition."""
    first = next(iter(languages))
    told = {f"{base}_{key}": own.get(f"{base}::{word}", "") for base in BASES for key, word in languages.items()}
    plain = {} if own else {f"definition_{first}": one.description}
    texts = {column: own.get(column, "") for column in TEXTS}
    return {**told, f"name_{first}": name, **plain, **texts, "note": "" if one.codable else "not codable"}


def _code_table(rows: Mapping[str, Mapping[str, str]], languages: Mapping[str, str]) -> pd.DataFrame:
    translated = [f"{base}_{key}" for base in BASES for key in languages]
    columns = ["scheme", "parent", *translated, *TEXTS, "note"]
    made = pd.DataFrame([[row[column] for column in columns] for row in rows.values()], columns=columns, dtype="str")
    return made.set_axis(pd.Index(list(rows), name="code", dtype="str"))


def _column(code: str) -> str:
    """What tables call a code, by which two of them may be one; capitals alone are no difference on every disk."""
    return code.replace(".", "_").lower()
