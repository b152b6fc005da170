"""The tables of questions and answer options, made from the sheets of a form and checked as a whole."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from kzsurvey.errors import DefinitionError, Fault
from kzsurvey.survey.expressions import Expression, compile_expression
from kzsurvey.survey.sheets import Row, Sheet, listed, near, repeated, table
from kzsurvey.survey.xlsform import CHOICE_COLUMNS, NAME, Form, Item, header_faults, items_of

LEVELS = ("nominal", "ordinal", "interval", "ratio")
SENSITIVITIES = ("none", "quasi", "direct", "special")
RESERVED = ("interview", "file", "sheet", "row", "encoding", "weight", "stratum", "cluster")
TRANSLATED = ("label", "hint", "constraint_message")
CONDITIONS = ("relevant", "constraint", "required")
EXPRESSIONS = (*CONDITIONS, "choice_filter", "calculation")
YES, NO = ("yes", "true", "true()", "1"), ("no", "false", "false()", "0")
OTHER = {"zh": "其他", "en": "Other"}


class Instrument(NamedTuple):
    """The tables ``questions`` and ``choices`` as documented in :class:`kzsurvey.survey.Survey`, and all faults."""

    questions: pd.DataFrame
    choices: pd.DataFrame
    faults: list[Fault]


def read_instrument(form: Form, languages: Mapping[str, str], *, dated: bool = True) -> Instrument:
    """Make the tables of questions and answer options from the sheets of a form, and list all that is wrong.

    Parameters
    ----------
    form : Form
    languages : mapping of language code to the word after ``::`` in the headers; the first is the default
    dated : bool
        Whether the survey says when an interview took place; without it no expression may ask for ``today()``.

    Returns
    -------
    Instrument
        The tables are only of use where ``faults`` is empty.

    Examples
    --------
    >>> row = Row(2, {"type": "integer", "name": "age", "label": "Age"})
    >>> survey = Sheet("a.csv", ("type", "name", "label"), (row,))
    >>> instrument = read_instrument(Form(survey, Sheet("b.csv"), Sheet("c.csv")), {"en": "English"})
    >>> instrument.questions.loc["age", ["type", "label_en", "sensitivity"]].tolist()
    ['integer', 'Age', 'none']
    """
    items, faults = items_of(form.survey)
    items = [part for item in items for part in _with_question_of_other(item, form.survey, languages)]
    choices = _with_other(form.choices, items, languages)
    filters = _filter_columns(choices)
    faults += _header_faults(form, languages, items)
    faults += _name_faults(form.survey, items)
    faults += _vocabulary_faults(form.survey, items)
    faults += _choice_faults(form.survey, choices, items, filters)
    faults += _expression_faults(form.survey, items, filters, dated=dated)
    asked = {item.name: item for item in items if item.name}.values()
    columns = ["list_name", "name", *(f"label_{code}" for code in languages), "aliases", "file", "row", *filters]
    return Instrument(
        table((_question(item, form.survey, languages) for item in asked), _question_columns(languages), index="name"),
        table((_choice(row, choices, languages, filters) for row in choices), columns),
        faults,
    )


def _with_question_of_other(item: Item, sheet: Sheet, languages: Mapping[str, str]) -> Iterator[Item]:
    """The item, and behind one that says ``or_other`` the text question that it adds to the form."""
    yield item
    if item.or_other:
        asked = {code: item.row[_column(sheet, "label", code, languages)] for code in languages}
        labels = {
            _column(sheet, "label", code, languages): f"{label} - {OTHER.get(code, OTHER['en'])}"
            for code, label in asked.items()
        }
        relevant = _all_of([item.row["relevant"], f"selected(${{{item.name}}}, 'other')"])
        cells = {**labels, "type": "text", "name": f"{item.name}_other", "relevant": relevant}
        row = Row(item.row.number, cells)
        yield Item(row, row["name"], "text", group=item.group, inherited=item.inherited)


def _with_other(sheet: Sheet, items: Sequence[Item], languages: Mapping[str, str]) -> Sheet:
    """The choices without blank rows, with an option ``other`` last in each list whose question says ``or_other``."""
    rows = [row for row in sheet if row["list_name"] or row["name"]]
    for name in dict.fromkeys(item.list_name for item in items if item.or_other):
        there = [number for number, row in enumerate(rows) if row["list_name"] == name]
        if there and all(rows[number]["name"] != "other" for number in there):
            labels = {_column(sheet, "label", code, languages): OTHER.get(code, OTHER["en"]) for code in languages}
            added = Row(rows[there[-1]].number, {**labels, "list_name": name, "name": "other"})
            rows.insert(there[-1] + 1, added)
    return Sheet(sheet.file, sheet.header, tuple(rows))


def _filter_columns(sheet: Sheet) -> tuple[str, ...]:
    """Columns of the choices that are there to be filtered by."""
    own = (*CHOICE_COLUMNS, "file", "row")
    return tuple(dict.fromkeys(header for header in sheet.header if header and header.split("::")[0] not in own))


def _header_faults(form: Form, languages: Mapping[str, str], items: Sequence[Item]) -> list[Fault]:
    """Columns missing, twice or misspelt, and languages of labels that do not fit the declared ones."""
    faults = [*header_faults(form.survey), *_language_faults(form.survey, languages)]
    if form.choices.header and any(item.list_name for item in items):
        faults += [*header_faults(form.choices, choices=True), *_language_faults(form.choices, languages)]
    return faults


def _language_faults(sheet: Sheet, languages: Mapping[str, str]) -> list[Fault]:
    """Labels in a language that survey.toml does not declare, and declared languages without labels."""
    words, faults = list(languages.values()), []
    for header in dict.fromkeys(sheet.header):
        base, _, word = header.partition("::")
        if base in TRANSLATED and word and word not in words:
            hint = near(word, words) or "declare it in survey.toml under [languages], or take the column out"
            faults.append(sheet.fault(1, header, f"the language {word!r}", listed(words), hint))
    for code, word in languages.items():
        if not _column(sheet, "label", code, languages):
            hint = f"survey.toml declares {code} = {word!r}"
            faults.append(sheet.fault(1, f"label::{word}", "no such column", "a label column per language", hint))
    if "label" in sheet.header and _column(sheet, "label", next(iter(languages)), languages) != "label":
        faults.append(sheet.fault(1, "label", "labels without a language", f"label::{words[0]} alone, or label alone"))
    return faults


def _column(sheet: Sheet, base: str, code: str, languages: Mapping[str, str]) -> str:
    """The column that holds a text in one language; a header without language is in the first one."""
    exact = f"{base}::{languages[code]}"
    plain = base if base in sheet.header and code == next(iter(languages)) else ""
    return exact if exact in sheet.header else plain


def _name_faults(sheet: Sheet, items: Sequence[Item]) -> list[Fault]:
    """Names that are missing, cannot be column names, or stand twice."""
    faults = repeated(sheet, (item.row for item in items if item.name), ["name"], "name")
    for item in items:
        if not item.name:
            faults.append(sheet.fault(item.row, "name", "an empty cell", "a name for every question"))
        elif not NAME.fullmatch(item.name) or "__" in item.name:
            allowed = "letters, digits, single underscores; a letter first"
            faults.append(sheet.fault(item.row, "name", f"name {item.name!r}", allowed))
        elif item.name in RESERVED:
            hint = "the tables have a column of that name already"
            faults.append(sheet.fault(item.row, "name", f"name {item.name!r}", f"none of {listed(RESERVED)}", hint))
    return faults


def _vocabulary_faults(sheet: Sheet, items: Sequence[Item]) -> list[Fault]:
    """Words in level and sensitivity that mean nothing here."""
    return [
        sheet.fault(
            item.row, column, f"{column} {item.row[column]!r}", listed(allowed), near(item.row[column], allowed)
        )
        for item in items
        for column, allowed in (("level", LEVELS), ("sensitivity", SENSITIVITIES))
        if item.row[column] and item.row[column] not in allowed
    ]


def _choice_faults(survey: Sheet, choices: Sheet, items: Sequence[Item], filters: Sequence[str]) -> list[Fault]:
    """Lists without options, options twice or badly named."""
    lists = Counter(row["list_name"] for row in choices)
    faults = [
        survey.fault(
            item.row, "type", f"list {item.list_name!r}", f"a list in {choices.file}", near(item.list_name, lists)
        )
        for item in items
        if item.list_name and item.list_name not in lists
    ]
    multiple = {item.list_name for item in items if item.type == "select_multiple"}
    faults += [fault for row in choices for fault in _option_faults(choices, row, multiple)]
    filtered = {item.list_name for item in items if item.row["choice_filter"]}
    apart = [row for row in choices if row["list_name"] in filtered]
    alone = [row for row in choices if row["list_name"] not in filtered]
    # one option may be offered under several values of a filter: two states have a county of the same name
    faults += repeated(choices, alone, ["list_name", "name"], "name")
    return faults + repeated(choices, apart, ["list_name", "name", *filters], "name")


def _option_faults(sheet: Sheet, row: Row, multiple: Collection[str]) -> Iterator[Fault]:
    """An option that is nameless, or whose name would be taken for something else."""
    if not row["list_name"] or not row["name"]:
        column = "name" if row["list_name"] else "list_name"
        yield sheet.fault(row, column, "an empty cell", "list_name and name for every option")
    elif row["name"] == "missing":
        yield sheet.fault(row, "name", "an option named missing", "another name", "the tables use that name themselves")
    elif row["list_name"] in multiple and len(row["name"].split()) > 1:
        hint = "several answers are written with a space between them"
        yield sheet.fault(row, "name", f"name {row['name']!r}", "a name without spaces", hint)


def _expression_faults(sheet: Sheet, items: Sequence[Item], filters: Sequence[str], *, dated: bool) -> list[Fault]:
    """Every expression that cannot be read, asks for an unknown question, or for a date that is not known."""
    names = {item.name for item in items if item.type != "note"}
    faults, formulas = [], {}
    for row, column in _expression_cells(sheet):
        place = {"file": sheet.file, "row": row.number, "column": column}
        columns = (*filters, "name", "label") if column == "choice_filter" else ()
        try:
            compiled = compile_expression(
                row[column], names=names, columns=columns, dot=column == "constraint", **place
            )
        except DefinitionError as problem:
            faults += problem.faults
            continue
        if compiled.uses_today and not dated:
            allowed = "a survey that names the question interview.date in survey.toml"
            faults.append(sheet.fault(row, column, "today()", allowed))
        if column == "calculation":
            formulas[row["name"]] = (row, compiled)
    faults += [
        sheet.fault(item.row, "calculation", "nothing to calculate", "an expression")
        for item in items
        if item.type == "calculate" and not item.row["calculation"]
    ]
    return faults + _circle_faults(sheet, formulas)


def _expression_cells(sheet: Sheet) -> Iterator[tuple[Row, str]]:
    """Every cell that holds an expression; one that a group hands down is read once, at the group."""
    for row in sheet:
        for column in EXPRESSIONS:
            plain = column in CONDITIONS and row[column].lower() in YES + NO
            if row[column] and not plain:
                yield row, column


def _circle_faults(sheet: Sheet, formulas: Mapping[str, tuple[Row, Expression]]) -> list[Fault]:
    """Calculations that need their own result."""
    needs = {name: compiled.names & formulas.keys() for name, (_, compiled) in formulas.items()}
    while ready := {name for name, others in needs.items() if not others}:
        needs = {name: others - ready for name, others in needs.items() if name not in ready}
    found = f"a circle: {listed(sorted(needs))} need one another"
    return [sheet.fault(formulas[name][0], "calculation", found, "a calculation from answers") for name in needs]


def _question_columns(languages: Collection[str]) -> list[str]:
    translated = [f"{base}_{code}" for base in TRANSLATED for code in languages]
    texts = ["required", "relevant", "constraint", "choice_filter", "calculation", "unit", "level", "sensitivity"]
    return ["name", "type", "list_name", "group", *translated, *texts, "file", "row"]


def _question(item: Item, sheet: Sheet, languages: Mapping[str, str]) -> dict[str, object]:
    """One row of ``questions``."""
    row = item.row
    translated = {
        f"{base}_{code}": row[_column(sheet, base, code, languages)] for base in TRANSLATED for code in languages
    }
    return {
        **{column: row[column] for column in ("choice_filter", "calculation", "unit", "level")},
        **translated,
        "name": item.name,
        "type": item.type,
        "list_name": item.list_name,
        "group": item.group,
        "required": _required(row["required"]),
        "relevant": _all_of([_condition(part) for part in (*item.inherited, row["relevant"])]),
        "constraint": _condition(row["constraint"]),
        "sensitivity": row["sensitivity"] or "none",
        "file": sheet.file,
        "row": row.number,
    }


def _all_of(conditions: Sequence[str]) -> str:
    """Several conditions as one expression; a single one stays as it is."""
    given = [condition for condition in conditions if condition]
    return given[0] if len(given) == 1 else " and ".join(f"({condition})" for condition in given)


def _condition(text: str) -> str:
    """A condition; the plain words yes, no, TRUE and FALSE are one too, as in a spreadsheet's own true and false."""
    return "true()" if text.lower() in YES else "false()" if text.lower() in NO else text


def _required(text: str) -> str:
    """``yes``, empty, or the condition under which an answer is required."""
    return "yes" if text.lower() in YES else "" if text.lower() in NO else text


def _choice(row: Row, sheet: Sheet, languages: Mapping[str, str], filters: Sequence[str]) -> dict[str, object]:
    """One row of ``choices``."""
    return {
        **{column: row[column] for column in filters},
        **{f"label_{code}": row[_column(sheet, "label", code, languages)] for code in languages},
        "list_name": row["list_name"],
        "name": row["name"],
        "aliases": tuple(part.strip() for part in row["aliases"].split("|") if part.strip()),
        "file": sheet.file,
        "row": row.number,
    }
