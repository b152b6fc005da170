"""A project of another program as the folder of a new survey: its texts are answers, its codes the codebook."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import pandas as pd

from kzsurvey.coding.exchange.codebooks import SCHEME, Coded, codebook_of
from kzsurvey.coding.exchange.records import Project
from kzsurvey.survey.draft import first_lines, quoted

QUESTION = "text"
TYPES = {"Integer": "integer", "Float": "decimal", "Date": "date"}


class Draft(NamedTuple):
    """The folder of a survey, not yet written.

    Attributes
    ----------
    files : dict of path inside the folder to its text
    sources : dict of guid of a source to (interview, question)
        Where its text stands as an answer.
    not_taken : rows of ``not_taken`` of :class:`Project`
        What the folder has no place for.
    """

    files: dict[str, str]
    sources: dict[str, tuple[str, str]]
    not_taken: list[dict]


def draft_survey(project: Project, name: str) -> Draft:
    """The definition of a survey whose answers are the texts of a project.

    Parameters
    ----------
    project : Project
        From :func:`read_qdpx`; or from :func:`read_qdc`, which has codes and no texts.
    name : str
        Of the survey, and so of its folder.

    Returns
    -------
    Draft

    Notes
    -----
    Every text with a name and a guid of its own becomes an interview T1, T2 ..., with the answer ``text``; cases become
    respondents C1, C2 ... What sources and cases are called may name people, so these names stand in the delivered file
    alone and are not read from there. Values of variables are read, as ``quasi``: who can be told apart by them is for
    the survey to say.
    """
    coded = codebook_of(project)
    variables = _variable_names(project)
    rows, sources = _delivered(project, variables)
    files = {
        "survey.toml": _survey_toml(name, project, coded),
        "questions.csv": _questions(project, variables, coded),
        **({"codes.csv": _codes(coded)} if len(coded.codes) else {}),
        "README.md": _readme(name, project),
    }
    header = ["interview_id", "case_id", "source_name", "case_name", QUESTION, *variables.values()]
    if rows:
        files["delivered/texts.csv"] = _csv(header, ([row.get(column, "") for column in header] for row in rows))
    return Draft(files, sources, list(_left(project)))


def not_taken_csv(not_taken: pd.DataFrame) -> str:
    """What was not taken, as a file that people look through."""
    return _csv(not_taken.columns, not_taken.astype("object").fillna("").itertuples(index=False))


def _delivered(project: Project, variables: Mapping[str, str]) -> tuple[list[dict], dict[str, tuple[str, str]]]:
    """A row for each text, with its case and with the values of both; and which interview each source is."""
    of_passages = project.passages["source"].to_dict()
    in_case: dict[str, str] = {}
    for case, member in project.members[["case", "member"]].itertuples(index=False):
        in_case.setdefault(of_passages.get(member, member), case)
    numbers = {case: f"C{number}" for number, case in enumerate(project.cases.index, start=1)}
    values: dict[str, dict[str, str]] = {}
    for owner, variable, value in project.variable_values.itertuples(index=False):
        values.setdefault(owner, {})[variables[variable]] = value
    rows, sources = [], {}
    for number, (one, name, text) in enumerate(project.sources[["name", "text"]].dropna().itertuples(), start=1):
        case = in_case.get(one, "")
        sources[one] = (f"T{number}", QUESTION)
        named = {"source_name": name, "case_name": project.cases["name"].get(case, ""), QUESTION: text}
        ids = {"interview_id": f"T{number}", "case_id": numbers.get(case, "")}
        rows.append({**ids, **named, **values.get(case, {}), **values.get(one, {})})
    return rows, sources


def _left(project: Project) -> Iterator[dict]:
    """What a project says of itself, of colors, cases and variables."""
    if project.description:
        yield {"element": "Project", "reason": f"what is said of the project: {project.description}"}
    if colored := int((project.codes["color"] != "").sum()):
        yield {"element": "Code", "reason": f"the colors of {colored} codes"}
    for element, table in (("Case", project.cases), ("Variable", project.variables)):
        for one in table[table["description"] != ""].itertuples():
            reason = f"what is said of it: {one.description}"
            yield {"element": element, "guid": one.Index, "name": one.name, "reason": reason}


def _variable_names(project: Project) -> dict[str, str]:
    """A question for each variable, named after it."""
    taken, names = {"interview_id", "case_id", "source_name", "case_name", QUESTION}, {}
    for one, written in project.variables["name"].items():
        plain = re.sub(r"\W+", "_", written).strip("_").lower() or "variable"
        plain = plain if not plain[0].isdigit() else f"v_{plain}"
        name, number = f"{plain}_answer" if plain in ("interview", "file", "sheet", "row", "weight") else plain, 2
        while name in taken:
            name, number = f"{plain}_{number}", number + 1
        taken.add(name)
        names[one] = name
    return names


def _questions(project: Project, variables: Mapping[str, str], coded: Coded) -> str:
    labels = [f"label::{word}" for word in coded.languages.values()]
    rows = [
        ("text", "interview_id", "T1, T2 ...", "nominal", "none"),
        ("text", "case_id", "C1, C2 ...", "nominal", "none"),
        ("text", QUESTION, project.name or QUESTION, "nominal", "none"),
    ]
    for one in project.variables.itertuples():
        kind = TYPES.get(one.type, "text")
        rows.append((kind, variables[one.Index], one.name, "nominal" if kind == "text" else "", "quasi"))
    labelled = ((kind, name, *[label] * len(labels), *others) for kind, name, label, *others in rows)
    return _csv(["type", "name", *labels, "level", "sensitivity"], labelled)


def _codes(coded: Coded) -> str:
    translated = {
        f"{base}_{key}": f"{base}::{word}" for base in ("name", "definition") for key, word in coded.languages.items()
    }
    table = coded.codes.reset_index().rename(columns=translated)
    table = table[["scheme", "code", *(column for column in table if column not in ("scheme", "code"))]]
    return _csv(table.columns, table.itertuples(index=False))


def _survey_toml(name: str, project: Project, coded: Coded) -> str:
    schemes = [
        line
        for scheme, title in (coded.schemes or {SCHEME: SCHEME}).items()
        for line in ("", "[[schemes]]", f"name = {quoted(scheme)}", f'questions = ["{QUESTION}"]',
                     f"title = {{ {', '.join(f'{key} = {quoted(title)}' for key in coded.languages)} }}")
    ]  # fmt: skip
    delivered = ["", "[[delivered]]", 'file = "delivered/texts.csv"', 'encoding = "utf-8"']
    lines = [
        *first_lines(name, coded.languages, project.name or name),
        "[interview]",
        'id = "interview_id"',
        *(['respondent = "case_id"'] if len(project.cases) else []),
        "",
        "[columns]  # these may name people",
        'ignore = ["source_name", "case_name"]',
        *(delivered if len(project.sources["text"].dropna()) else []),
        *schemes,
    ]
    return "\n".join(lines) + "\n"


def _readme(name: str, project: Project) -> str:
    program = project.origin or "another program"
    return f"""# {name}

Drafted from the project {project.name!r} of {program}: {len(project.sources)} texts, {len(project.codes)} codes,
{len(project.codings)} codings. What has no place here is listed in `not_taken.csv`.

- Where the texts come from, who collected them and when:
- Who may see them, under which licence (`delivered/` holds them as they are; it may be kept out of git):
- What coders wrote as comments stands in `codings/` as they wrote it: does it name anybody?
- Sensitivities in `questions.csv` are guesses: look at each.
"""


def _csv(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
