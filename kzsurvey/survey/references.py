"""What survey.toml refers to: every question, measure, code and variable it names must exist."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pandas as pd

from kzsurvey.errors import DefinitionError, Fault
from kzsurvey.survey.expressions import compile_expression
from kzsurvey.survey.record import MISSING_REASONS
from kzsurvey.survey.settings import FILE
from kzsurvey.survey.sheets import listed, near

DESIGN_VARIABLES = ("weight", "stratum", "cluster")
WEIGHTS = ("weighted", "unweighted")
MODELS = ("linear", "logistic", "probit", "poisson", "ordinal", "mixed", "mediation", "paths")
PLANS = ("slope", "moderation", "mediation", "code")
PATHS = "paths"  # the kind whose formula is the syntax of a path model
OWN_TERMS = ("mediation", PATHS)  # kinds whose terms are named for what they say (indirect, direct), not by the formula
MOMENTS = {
    "date": ("date", "datetime", "text", "calculate"),
    "start": ("time", "datetime", "text", "calculate"),
    "end": ("time", "datetime", "text", "calculate"),
}


class Known(NamedTuple):
    """What a definition holds, for its other parts to refer to."""

    questions: pd.DataFrame
    choices: pd.DataFrame
    measures: pd.DataFrame
    codes: pd.DataFrame
    frame: pd.DataFrame

    def names(self, *types: str) -> list[str]:
        """Names of the questions of these types; of all questions that have answers where no type is given."""
        kinds = self.questions["type"]
        return list(self.questions.index[kinds.isin(types) if types else kinds != "note"])


def reference_faults(read: Mapping[str, Any], known: Known) -> list[Fault]:
    """List everything in survey.toml that names what does not exist.

    Parameters
    ----------
    read : mapping
        survey.toml, sound in itself.
    known : Known

    Returns
    -------
    list of Fault
    """
    return [
        *_interview_faults(read, known),
        *_place_faults(read, known),
        *_sample_faults(read, known),
        *_weighting_faults(read, known),
        *_scheme_faults(read, known),
        *_column_faults(read, known),
        *_title_faults(read),
        *_model_faults(read, known),
        *_imputation_faults(read, known),
        *_specification_faults(read, known),
        *_plan_faults(read),
        *_report_faults(read, known),
    ]


def analysis_variables(known: Known) -> list[str]:
    """The columns of ``analysis`` that a model may name: closed questions, options, measures, codes, the design."""
    flags = [
        f"{question}__{option}" for question in known.names("select_multiple") for option in _options(question, known)
    ]
    codes = [f"code_{code.replace('.', '_')}" for code in known.codes.index]
    closed = [name for name in known.names() if known.questions.at[name, "type"] != "text"]
    return [*closed, *flags, *known.measures.index, *codes, *DESIGN_VARIABLES]


def _options(question: str, known: Known) -> list[str]:
    wanted = known.choices["list_name"] == known.questions.at[question, "list_name"]
    return list(dict.fromkeys(known.choices.loc[wanted, "name"]))


def _unknown(key: str, names: Collection[str], allowed: Collection[str], what: str) -> Iterator[Fault]:
    """A fault for each name that is not allowed at this key."""
    for name in names:
        if name not in allowed:
            yield Fault(FILE, f"{name!r}", what, column=key, hint=near(name, allowed))


def _interview_faults(read: Mapping[str, Any], known: Known) -> Iterator[Fault]:
    interview = read["interview"]
    if not interview.get("id"):
        found = "nothing" if "id" in interview else "no such key"
        yield Fault(FILE, found, "the question that holds the id of an interview", column="interview.id")
    for key in ("id", "respondent", "interviewer", "date", "start", "end"):
        given = [interview[key]] if interview.get(key) else []
        yield from _unknown(f"interview.{key}", given, known.names(), "a question of the form")
    for key, types in MOMENTS.items():
        if (name := interview.get(key)) in known.names() and name not in known.names(*types):
            found = f"{name!r}, a {known.questions.at[name, 'type']}"
            yield Fault(FILE, found, f"a question of type {', '.join(types)}", column=f"interview.{key}")


def _place_faults(read: Mapping[str, Any], known: Known) -> Iterator[Fault]:
    given = read.get("places", {}).get("questions", ())
    yield from _unknown("places.questions", given, known.names("select_one"), "a select_one question of the form")


def _sample_faults(read: Mapping[str, Any], known: Known) -> Iterator[Fault]:
    sample = read.get("sample", {})
    weight = [sample["weight"]] if sample.get("weight") else []
    numbers = known.names("integer", "decimal", "calculate")
    for key in ("strata", "clusters"):
        yield from _unknown(f"sample.{key}", sample.get(key, ()), known.names(), "a question of the form")
    yield from _unknown("sample.weight", weight, numbers, "a question whose answer is a number")
    yield from _unknown(
        "sample.population", sample.get("population", ()), numbers, "a question whose answer is a number"
    )


def _weighting_faults(read: Mapping[str, Any], known: Known) -> Iterator[Fault]:
    weighting, variables = read.get("weighting", {}), list(dict.fromkeys(known.frame["variable"]))
    allowed = (
        f"a variable of frame.csv: {listed(variables)}" if variables else "a variable of frame.csv, which is empty"
    )
    yield from _unknown("weighting.margins", weighting.get("margins", ()), variables, allowed)
    if weighting.get("method") and not weighting.get("margins"):
        yield Fault(FILE, "a method without margins", "margins = [...]", column="weighting.margins")
    yield from _method_faults(weighting.get("method", ""), weighting.get("margins", ()), weighting.get("bounds", ()))


def _method_faults(method: str, margins: Sequence[str], bounds: Sequence[float]) -> Iterator[Fault]:
    """What a method of weighting cannot do with its margins or bounds."""
    if method == "poststratification" and len(margins) > 1:
        hint = "raking, or one question that crosses them (calculate), with its counts in frame.csv"
        found = f"poststratification to {len(margins)} margins"
        yield Fault(FILE, found, "one margin", column="weighting.margins", hint=hint)
    if method == "poststratification" and bounds:
        found = f"bounds {list(bounds)} of poststratification"
        yield Fault(FILE, found, "no bounds: one margin fixes the weights", column="weighting.bounds")
    if method == "logit" and not (bounds and bounds[0] < 1 < bounds[1]):
        found = f"logit with bounds {list(bounds)}" if bounds else "logit without bounds"
        yield Fault(FILE, found, "a number below 1 and one above: bounds = [0.2, 5.0]", column="weighting.bounds")


def _scheme_faults(read: Mapping[str, Any], known: Known) -> Iterator[Fault]:
    for scheme in read.get("schemes", ()):
        key = f"schemes.{scheme['name']}.questions"
        yield from _unknown(key, scheme["questions"], known.names("text"), "an open (text) question of the form")


def _column_faults(read: Mapping[str, Any], known: Known) -> Iterator[Fault]:
    places = {"columns.rename": read.get("columns", {}).get("rename", {})}
    places |= {f"delivered.{entry['file']}.columns": entry.get("columns", {}) for entry in read.get("delivered", ())}
    for key, columns in places.items():
        yield from _unknown(key, columns.values(), known.names(), "a question of the form")


def _title_faults(read: Mapping[str, Any]) -> Iterator[Fault]:
    """Titles and sentences in a language that is not declared."""
    lists = ("schemes", "models", "specifications", "plans")
    entries = [(f"{name}.{entry['name']}.", entry) for name in lists for entry in read.get(name, ())]
    for path, entry in [("", read), *entries]:
        for key in ("title", "text"):
            if isinstance(entry.get(key), dict):
                yield from _unknown(
                    f"{path}{key}", entry[key], read["languages"], f"languages: {listed(read['languages'])}"
                )


def _model_faults(read: Mapping[str, Any], known: Known) -> Iterator[Fault]:
    variables = analysis_variables(known)
    for model in read.get("models", ()):
        key = f"models.{model['name']}"
        yield from _unknown(f"{key}.kind", [model["kind"]], MODELS, listed(MODELS))
        if model.get("hypothesis") and not model.get("term"):
            yield Fault(FILE, "a hypothesis without a term", "the term that it is about", column=f"{key}.term")
        if model.get("where"):
            yield from _where_faults(model["where"], variables, f"{key}.where")
        if model.get("kind") == PATHS:
            yield from _syntax_faults(model["formula"], variables, f"{key}.formula")
            continue
        yield from _formula_faults(model, variables, key)
        for formula in _mediators(model):
            yield from _formula_faults({"formula": formula}, variables, f"{key}.mediators")


def _imputation_faults(read: Mapping[str, Any], known: Known) -> Iterator[Fault]:
    """Questions to impute from that no model may see, and reasons that are none to impute for."""
    imputation = read.get("imputation", {})
    closed = [name for name in analysis_variables(known) if name not in DESIGN_VARIABLES]
    allowed = "a closed question, an option or a measure"
    yield from _unknown("imputation.also", imputation.get("also", ()), closed, allowed)
    reasons = [reason for reason in MISSING_REASONS if reason != "not_asked"]
    yield from _unknown("imputation.reasons", imputation.get("reasons", ()), reasons, listed(reasons))
    if imputation and not any(model.get("imputed") for model in read.get("models", ())):
        yield Fault(FILE, "an imputation that no model uses", "imputed = true in a model", column="imputation")


def _specification_faults(read: Mapping[str, Any], known: Known) -> Iterator[Fault]:
    """Specifications of a model that is not declared, or with columns, terms, samples or weights that are not there."""
    variables, models = analysis_variables(known), [model["name"] for model in read.get("models", ())]
    for entry in read.get("specifications", ()):
        key = f"specifications.{entry['name']}"
        yield from _unknown(f"{key}.model", [entry["model"]], models, f"a declared model: {listed(models)}")
        for name in ("outcomes", "terms"):
            yield from _unknown(f"{key}.{name}", entry[name], variables, "a closed question, a measure or a code")
        for name in ("controls", "always"):
            for term in entry.get(name, ()):
                formula = {"formula": f"{entry['outcomes'][0]} ~ {term}"}
                yield from _formula_faults(formula, variables, f"{key}.{name}")
        for where in filter(None, entry.get("samples", {}).values()):
            yield from _where_faults(where, variables, f"{key}.samples")
        yield from _unknown(f"{key}.weights", entry.get("weights", ()), WEIGHTS, listed(WEIGHTS))


def _plan_faults(read: Mapping[str, Any]) -> Iterator[Fault]:
    """Plans of no known kind, or for a model that is not declared."""
    models = [model["name"] for model in read.get("models", ())]
    for plan in read.get("plans", ()):
        key = f"plans.{plan['name']}"
        yield from _unknown(f"{key}.kind", [plan["kind"]], PLANS, listed(PLANS))
        yield from _unknown(f"{key}.model", [plan["model"]], models, f"a declared model: {listed(models)}")


def _syntax_faults(syntax: str, variables: Collection[str], key: str) -> Iterator[Fault]:
    """Variables of a path model that are neither latent nor there; the rest is read when the model is fitted."""
    plain = re.sub(r"[#!][^\n]*", "", syntax)
    plain = re.sub(r"([-+*,(~|=])\s*\n|\n\s*(?=[+*])", r"\1 ", plain)
    pairs = [
        re.split(r"=~|~~|~", line, maxsplit=1) for line in re.split(r"[;\n]", plain) if not re.search(":=|==", line)
    ]
    latent = {name.strip() for left in re.findall(r"([^;\n]+)=~", plain) for name in left.split("+")}
    sides = [side for pair in pairs if len(pair) == 2 for side in pair]
    named = [term.rpartition("*")[2].strip() for side in sides for term in re.split(r"\+(?![^(]*\))", side)]
    wanted = [name for name in named if re.fullmatch(r"[^\W\d][\w.]*", name) and name not in latent]
    allowed = "a closed question, an option, a measure or a code"
    yield from _unknown(key, list(dict.fromkeys(wanted)), variables, allowed)


def _mediators(model: Mapping[str, Any]) -> list[str]:
    """Formulas beside that of the outcome, however they are written; what is no formula is left to the model."""
    written = model.get("mediators", ())
    listed = written.values() if isinstance(written, Mapping) else [written] if isinstance(written, str) else written
    return [formula for formula in listed if isinstance(formula, str)] if isinstance(listed, Iterable) else []


def _report_faults(read: Mapping[str, Any], known: Known) -> Iterator[Fault]:
    reports = read.get("reports", {})
    yield from _unknown("reports.groups", reports.get("groups", ()), known.names("select_one"), "a select_one question")
    for name in reports.get("notebooks", ()):
        if not name.endswith(".ipynb") or set(name) & set("/\\"):
            yield Fault(FILE, f"{name!r}", "the name of a notebook, name.ipynb", column="reports.notebooks")
    for name, title in reports.get("titles", {}).items():
        languages = f"languages: {listed(read['languages'])}"
        yield from _unknown(f"reports.titles.{name}", title, read["languages"], languages)


def _where_faults(text: str, variables: Collection[str], key: str) -> Iterator[Fault]:
    try:
        compile_expression(text, names=variables, dot=False, file=FILE, column=key)
    except DefinitionError as problem:
        yield from problem.faults


def _formula_faults(model: Mapping[str, Any], variables: Collection[str], key: str) -> Iterator[Fault]:
    """A formula that cannot be read, names what is not there, or does not hold the term that is tested."""
    # slow to import, and a definition without models does without it
    from formulaic import Formula
    from formulaic.errors import FormulaicError

    shape = "outcome ~ variable + variable"
    try:
        formula = Formula(model["formula"])
        named = sorted(str(name) for name in formula.required_variables)
    except (FormulaicError, SyntaxError, ValueError) as problem:
        # formulaic colours the place for a terminal
        reason = re.sub(r"\x1b?\[[\d;]*m|[⧛⧚]", "", str(problem))
        found = f"{model['formula']!r} ({' '.join(reason.split())})"
        yield Fault(FILE, found, shape, column=f"{key}.formula")
        return
    if not hasattr(formula, "lhs"):
        yield Fault(FILE, f"{model['formula']!r}", shape, column=f"{key}.formula")
        return
    allowed = "a closed question, an option, a measure or a code"
    unknown = list(_unknown(f"{key}.formula", named, variables, allowed))
    yield from unknown
    terms = [str(term) for term in formula.rhs if str(term) != "1"]
    own = model.get("kind") in OWN_TERMS
    if model.get("term") and not own and not unknown and _plain(model["term"]) not in map(_plain, terms):
        yield Fault(FILE, f"{model['term']!r}", f"a term of the formula: {listed(terms)}", column=f"{key}.term")


def _plain(term: str) -> tuple[str, ...]:
    """A term without the level it stands for, its factors in a fixed order."""
    return tuple(sorted(re.sub(r"\[[^\]]*\]", "", factor).replace(" ", "") for factor in term.split(":")))
