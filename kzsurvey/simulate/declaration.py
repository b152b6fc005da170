"""Reading simulation.toml and the tables it names; every fault at once, with its place."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pandas as pd

from kzsurvey.errors import DefinitionError, Fault, fail_if
from kzsurvey.simulate.distributions import DISTRIBUTIONS, is_date
from kzsurvey.simulate.lines import ROWS
from kzsurvey.simulate.mess import CELLS
from kzsurvey.simulate.plan import FILE, OpenQuestion, Plan, Variable, Written
from kzsurvey.survey import Survey, compile_expression

LEVELS = ("cluster", "respondent", "interview")
TABLES: Mapping[str, tuple[str, ...]] = {
    "clusters": (),
    "clauses": ("code", "kind", "clause"),
    "slots": ("slot", "words"),
    "joints": ("kind", "words"),
    "names": ("name",),
    "spellings": ("kind", "question", "name", "written"),
}
KINDS = (*CELLS, *ROWS, "skip", "personal_data")
LIKERT = ("loadings", "noise", "thresholds")
_SHAPED = ("name", "distribution", "level", "terms", "cluster", "respondent", "low", "high", "round")
_OPEN = ("question", "empty", "most", "negated", "aside", "long", "codes", "cluster", "respondent")
_FILE = (
    "file", "where", "encoding", "headers", "options", "language", "traditional", "title", "sheet", "separator",
    "extra", "shuffled",
)  # fmt: skip
_LISTS = ("variables", "open", "files")
_KINDS = {
    "interviews": {**dict.fromkeys(TABLES, str), "second": int | float},
    "variables": {**dict.fromkeys(("name", "distribution", "level"), str), "terms": dict},
    "open": {"question": str, "codes": dict},
    "files": {**dict.fromkeys(_FILE, str), **dict.fromkeys(("traditional", "shuffled"), bool)},
}
_WORDS = {str: "a text in quotes", bool: "true or false", dict: "a table", int | float: "a number"}
_TOP = ("note", "interviews", "variables", "open", "files", "mess")


def read_plan(survey: Survey) -> Plan:
    """Read simulation.toml; without one, an empty plan: everything from the form alone, one UTF-8 file.

    Parameters
    ----------
    survey : Survey

    Returns
    -------
    Plan

    Raises
    ------
    DefinitionError
        Unknown keys, distributions, variables, questions, codes or kinds of fault; missing parameters or files.
    """
    path = survey.folder / FILE
    if not path.is_file():
        return _empty(survey)
    settings = _read_toml(path)
    fail_if(_shape_faults(settings), DefinitionError)
    fail_if(_faults(settings, survey), DefinitionError)
    interviews = settings["interviews"]
    tables = {key: _read_csv(survey.folder / interviews[key]) for key in TABLES if key in interviews}
    tables.setdefault("clusters", pd.DataFrame(index=range(10)))
    fail_if(_table_faults(tables, interviews, survey), DefinitionError)
    return Plan(
        second=float(interviews.get("second", 0.0)),
        variables=tuple(_variable(entry) for entry in settings.get("variables", [])),
        open=tuple(_open(entry) for entry in settings.get("open", [])),
        files=tuple(Written(**entry) for entry in settings["files"]),
        mess=MappingProxyType(settings.get("mess", {})),
        **tables,
    )


def factors(term: str) -> list[str]:
    """The variables a term of a linear predictor names.

    Examples
    --------
    >>> factors("intercept"), factors("log(pay_month):role=resident")
    ([], ['pay_month', 'role'])
    """
    parts = [part for part in term.split(":") if part != "intercept"]
    return [re.sub(r"^log\((.*)\)$", r"\1", part).partition("=")[0] for part in parts]


def _empty(survey: Survey) -> Plan:
    """Ten clusters without properties, no mess, one file."""
    return Plan(
        clusters=pd.DataFrame(index=range(10)),
        second=0.0,
        variables=(),
        open=(),
        files=(Written(file=f"delivered/{survey.name}.csv"),),
        mess=MappingProxyType({}),
    )


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as fault:
        raise DefinitionError(Fault(FILE, str(fault), "TOML in UTF-8")) from fault


def _read_csv(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise DefinitionError(Fault(path.name, "no file", "a CSV that simulation.toml names"))
    return pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")


def _variable(entry: Mapping[str, Any]) -> Variable:
    return Variable(
        name=entry["name"],
        distribution=entry["distribution"],
        level=entry.get("level", "interview"),
        terms=entry.get("terms", {}),
        cluster=float(entry.get("cluster", 0.0)),
        respondent=float(entry.get("respondent", 0.0)),
        low=entry.get("low"),
        high=entry.get("high"),
        round=entry.get("round"),
        parameters={key: value for key, value in entry.items() if key not in _SHAPED},
    )


def _open(entry: Mapping[str, Any]) -> OpenQuestion:
    shares = {key: float(entry.get(key, 0.0)) for key in ("empty", "negated", "aside", "long", "cluster", "respondent")}
    return OpenQuestion(
        question=entry["question"], most=int(entry.get("most", 3)), codes=entry.get("codes", {}), **shares
    )


def _faults(settings: Mapping[str, Any], survey: Survey) -> Iterator[Fault]:
    """Everything wrong inside simulation.toml."""
    yield from _unknown(settings, _TOP, "the top level")
    for key in ("interviews", "files"):
        if key not in settings:
            yield Fault(FILE, f"no [{key}]", "a section that says it", column=key)
    yield from _unknown(settings.get("interviews", {}), ("second", *TABLES), "[interviews]")
    known = set(_cluster_columns(settings, survey))
    for number, entry in enumerate(settings.get("variables", []), start=1):
        yield from _variable_faults(entry, number, known, survey)
        known |= _made_by(entry.get("name", ""), known, survey)
    for entry in settings.get("open", []):
        yield from _open_faults(entry, known, survey)
    for entry in settings.get("files", []):
        yield from _file_faults(entry, survey)
    yield from _mess_faults(settings.get("mess", {}), survey)


def _shape_faults(settings: Mapping[str, Any]) -> Iterator[Fault]:
    """Sections, and entries of them, that are of another kind than what is read from them."""
    tables = {key: [settings[key]] for key in ("interviews", "mess") if key in settings}
    for key, entries in {**tables, **{key: settings[key] for key in _LISTS if key in settings}}.items():
        if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
            yield Fault(FILE, f"{settings[key]!r}", f"[[{key}]]" if key in _LISTS else f"[{key}]", column=key)
            continue
        for entry in entries:
            for name, value in entry.items():
                kind = dict if key == "mess" else _KINDS[key].get(name)
                if kind and not isinstance(value, kind):
                    yield Fault(FILE, f"{value!r}", _WORDS[kind], column=f"{key}.{name}")


def _variable_faults(entry: Mapping[str, Any], number: int, known: set[str], survey: Survey) -> Iterator[Fault]:
    """One [[variables]]: its keys, its distribution, and that its terms were drawn before it."""
    place = f"variables {entry.get('name', f'no. {number}')}"
    if missing := [key for key in ("name", "distribution") if key not in entry]:
        yield Fault(FILE, f"no {' and no '.join(missing)}", "name and distribution", column=place)
        return
    name, distribution = entry["name"], entry["distribution"]
    if distribution == "likert":
        required, optional = LIKERT, ()
        if name not in survey.measures.index:
            yield Fault(FILE, f"likert for {name!r}", "a measure of measures.csv", column=place)
    elif distribution in DISTRIBUTIONS:
        required, optional = DISTRIBUTIONS[distribution].required, DISTRIBUTIONS[distribution].optional
    else:
        yield Fault(FILE, f"distribution {distribution!r}", ", ".join([*DISTRIBUTIONS, "likert"]), column=place)
        return
    for key in required:
        if key not in entry:
            yield Fault(FILE, f"no {key}", f"{distribution} needs {', '.join(required)}", column=place)
    yield from _unknown(entry, (*_SHAPED, *required, *optional), place)
    yield from _level_faults(entry, place)
    yield from _term_faults(entry.get("terms", {}), known, place)
    yield from _needed_faults(entry, known, survey, place)
    if distribution in ("choice", "subset", "bernoulli", "ordinal") and name in survey.questions.index:
        yield from _option_faults(entry, survey, place)


def _level_faults(entry: Mapping[str, Any], place: str) -> Iterator[Fault]:
    if (level := entry.get("level", "interview")) not in LEVELS:
        yield Fault(FILE, f"level {level!r}", ", ".join(LEVELS), column=place)
    for key in ("first", "last"):
        if entry["distribution"] == "date" and not is_date(entry.get(key)):
            yield Fault(FILE, f"{key} = {entry.get(key)!r}", "a day, as 2019-03-05", column=place)


def _term_faults(terms: Mapping[str, Any], known: set[str], place: str) -> Iterator[Fault]:
    for term, coefficient in terms.items():
        if not isinstance(coefficient, int | float):
            yield Fault(FILE, f"coefficient {coefficient!r} of {term}", "a number", column=place)
        for name in sorted(set(factors(term)) - known):
            hint = "declare it above, or correct the name"
            yield Fault(FILE, f"{name!r} in term {term!r}", "variables drawn before", column=place, hint=hint)


def _needed_faults(entry: Mapping[str, Any], known: set[str], survey: Survey, place: str) -> Iterator[Fault]:
    """Variables that a distribution, or the form's own skip logic, looks at must have been drawn before."""
    by, trials = entry.get("by", []), entry.get("trials")
    named = {
        *([by] if isinstance(by, str) else by),
        *([trials] if isinstance(trials, str) else []),
        entry.get("of", ""),
    }
    if relevant := survey.questions["relevant"].get(entry["name"], ""):
        named |= compile_expression(relevant, names=survey.questions.index).names
    for name in sorted(named - known - {""}):
        yield Fault(FILE, f"{name!r} not drawn yet", "variables drawn before", column=place)


def _option_faults(entry: Mapping[str, Any], survey: Survey, place: str) -> Iterator[Fault]:
    """Values of a question with options must be its options."""
    if not survey.questions.at[entry["name"], "type"].startswith("select"):
        return
    allowed = list(survey.options(entry["name"]).index)
    shares = entry.get("options", entry.get("values", []))
    for value in [name for shared in shares.values() for name in shared] if "by" in entry else shares:
        if str(value) not in allowed:
            yield Fault(FILE, f"option {value!r}", ", ".join(allowed), column=place)


def _open_faults(entry: Mapping[str, Any], known: set[str], survey: Survey) -> Iterator[Fault]:
    place = f"open {entry.get('question', '')}"
    yield from _unknown(entry, _OPEN, place)
    if entry.get("question") not in survey.questions.index:
        yield Fault(FILE, f"question {entry.get('question')!r}", "a question of the form", column=place)
    for code, terms in entry.get("codes", {}).items():
        if code not in survey.codes.index:
            yield Fault(FILE, f"code {code!r}", "a code of codes.csv", column=place)
        yield from _term_faults(terms, known, f"{place} {code}")


def _file_faults(entry: Mapping[str, Any], survey: Survey) -> Iterator[Fault]:
    place = f"files {entry.get('file', '')}"
    yield from _unknown(entry, _FILE, place)
    if Path(entry.get("file", "")).suffix not in (".csv", ".xlsx"):
        yield Fault(FILE, f"file {entry.get('file')!r}", "a path that ends in .csv or .xlsx", column=place)
    if Path(entry.get("file", "")).is_absolute() or ".." in Path(entry.get("file", "")).parts:
        yield Fault(FILE, f"file {entry['file']!r}", "a path below the survey's folder", column=place)
    if len(entry.get("separator", ",")) != 1:
        yield Fault(FILE, f"separator {entry['separator']!r}", "one sign", column=place)
    for key in ("headers", "options"):
        if entry.get(key, "name") not in ("name", "label"):
            yield Fault(FILE, f"{key} = {entry[key]!r}", "name, label", column=place)
    if entry.get("language", "") not in ("", *survey.languages):
        yield Fault(FILE, f"language {entry['language']!r}", ", ".join(survey.languages), column=place)
    try:
        "".encode(entry.get("encoding", "utf-8"))
    except LookupError:
        yield Fault(FILE, f"encoding {entry['encoding']!r}", "a name Python knows: gb18030, big5hkscs", column=place)


def _mess_faults(mess: Mapping[str, Any], survey: Survey) -> Iterator[Fault]:
    for kind, setting in mess.items():
        place = f"mess {kind}"
        if kind not in KINDS:
            yield Fault(FILE, f"kind {kind!r}", ", ".join(KINDS), column=place)
            continue
        yield from _unknown(setting, ("share", "count", "questions", "words", "where"), place)
        if ("share" in setting) == ("count" in setting):
            yield Fault(FILE, "share and count" if "share" in setting else "no share", "one of the two", column=place)
        for question in setting.get("questions", []):
            if question not in survey.questions.index:
                yield Fault(FILE, f"question {question!r}", "a question of the form", column=place)


def _table_faults(tables: Mapping[str, pd.DataFrame], names: Mapping[str, Any], survey: Survey) -> Iterator[Fault]:
    """The CSV files beside simulation.toml."""
    for key, columns in TABLES.items():
        for column in columns:
            if key in tables and column not in tables[key]:
                yield Fault(names[key], f"no column {column}", ", ".join(columns), row=1)
    yield from _clause_faults(tables, names, survey)
    for column in tables["clusters"].columns.difference(["interviews"]):
        if column not in survey.questions.index:
            yield Fault(names["clusters"], f"column {column!r}", "questions, interviews", row=1, column=column)
        elif survey.questions.at[column, "type"].startswith("select"):
            allowed = set(survey.options(column).index)
            for row, value in enumerate(tables["clusters"][column], start=2):
                if value and value not in allowed:
                    yield Fault(names["clusters"], f"{value!r}", f"an option of {column}", row=row, column=column)


def _clause_faults(tables: Mapping[str, pd.DataFrame], names: Mapping[str, Any], survey: Survey) -> Iterator[Fault]:
    """Each clause has a known code, and only slots that have words."""
    clauses, slots = tables.get("clauses"), tables.get("slots")
    if clauses is None or "clause" not in clauses or "code" not in clauses:
        return
    known = set(slots["slot"]) if slots is not None and "slot" in slots else set()
    for row, (code, clause) in enumerate(zip(clauses["code"], clauses["clause"], strict=True), start=2):
        if code and code not in survey.codes.index:
            yield Fault(names["clauses"], f"code {code!r}", "a code of codes.csv", row=row, column="code")
        for slot in re.findall(r"\{(\w+)\}", clause):
            if slot not in known:
                yield Fault(names["clauses"], f"slot {slot!r}", "a slot of the slots file", row=row, column="clause")


def _cluster_columns(settings: Mapping[str, Any], survey: Survey) -> list[str]:
    path = survey.folder / settings.get("interviews", {}).get("clusters", "")
    return list(_read_csv(path).columns) if path.is_file() else []


def _made_by(name: str, known: set[str], survey: Survey) -> set[str]:
    """Names that can be used once ``name`` is drawn: itself, the items of a measure, calculations now complete."""
    made = {name, *(survey.measures.at[name, "items"] if name in survey.measures.index else ())}
    calculated = survey.questions[survey.questions["type"] == "calculate"]
    for question, formula in calculated["calculation"].items():
        expression = compile_expression(formula, names=survey.questions.index, column=question)
        if expression.names <= known | made:
            made.add(question)
    return made


def _unknown(entry: Mapping[str, Any], allowed: Sequence[str], place: str) -> Iterator[Fault]:
    for key in entry:
        if key not in allowed:
            yield Fault(FILE, f"key {key!r}", ", ".join(allowed), column=place)
