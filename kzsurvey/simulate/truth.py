"""The truth behind simulated answers: one clean row per interview, drawn variable by variable from declared paths."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.errors import Fault, SurveyError
from kzsurvey.simulate import grammar
from kzsurvey.simulate.declaration import read_plan
from kzsurvey.simulate.distributions import DISTRIBUTIONS, clock, likert
from kzsurvey.simulate.plan import FILE, OpenQuestion, Plan, Variable
from kzsurvey.survey import Survey, compile_expression

STREAMS = ("people", "variables", "codes", "text", "mess", "files")
_TRIES = (10, 100, 1_000, 10_000, 1)
_NUMBERS = {"integer": "Int64", "decimal": "Float64"}


class Truth(NamedTuple):
    """What is true of simulated interviews.

    Attributes
    ----------
    interviews : DataFrame, one row per interview, index ``interview``
        Typed as cleaning types them: each question and its ``__missing``, plus ``cluster_number`` and each measure.
    mentions : DataFrame, one row per clause of an open answer
        ``interview``, ``question``, ``start``, ``end``, ``code`` (empty where it fits none), ``clause``, ``negated``.
    """

    interviews: pd.DataFrame
    mentions: pd.DataFrame


def draw_truth(
    survey: Survey, interviews: int = 500, seed: int = 1, *, plan: Plan | None = None, text: bool = True
) -> Truth:
    r"""Draw interviews as they truly are, before anybody writes them down.

    Parameters
    ----------
    survey : Survey
    interviews : int
    seed : int
        Every stage has a stream of its own, so that the mess on top never alters the truth.
    plan : Plan, optional
        simulation.toml where it was read already.
    text : bool
        False leaves open answers unwritten (their codes are drawn all the same): faster for coverage studies.

    Returns
    -------
    Truth

    Raises
    ------
    SurveyError
        simulation.toml is wrong, or a constraint of the form cannot be met by chance.

    Notes
    -----
    A variable is drawn as :math:`y \sim D(x\beta + u_{cluster} + v_{respondent})`; :math:`x` are variables drawn
    before it. What a question is not asked of does not enter later predictors.

    Examples
    --------
    >>> from kzsurvey.survey import read_survey
    >>> truth = draw_truth(read_survey("data/raw/kizilsu"), interviews=60, seed=1)
    >>> len(truth.interviews), truth.interviews.index.is_unique
    (60, True)
    """
    plan = plan or read_plan(survey)
    streams = generators(seed)
    table = _people(plan, interviews, streams["people"])
    for variable in plan.variables:
        table = _with_variable(table, variable, survey, streams["variables"])
    codes = {
        open_question.question: _codes(table, open_question, survey, streams["codes"]) for open_question in plan.open
    }
    left = survey.questions.index.difference(table.columns, sort=False).difference(codes, sort=False)
    for question in sorted(left, key=lambda name: name != survey.interview.get("date")):  # rules may ask for the day
        table = _with_form_answer(table, question, survey, streams["variables"])
    table = table.set_index(pd.Index(_ids(table, survey), name="interview", dtype="str"))
    written = [
        grammar.write(plan, entry, codes[entry.question], table.index, streams["text"], text=text)
        for entry in plan.open
    ]
    answers = {entry.question: answer for entry, (answer, _) in zip(plan.open, written, strict=True)}
    mentions = [found for _, found in written]
    return Truth(
        interviews=_finished(table.assign(**answers), survey),
        mentions=pd.concat(mentions, ignore_index=True) if mentions else grammar.no_mentions(),
    )


def generators(seed: int) -> dict[str, np.random.Generator]:
    """One independent stream of random numbers per stage."""
    children = np.random.SeedSequence(seed).spawn(len(STREAMS))
    return {name: np.random.Generator(np.random.PCG64(child)) for name, child in zip(STREAMS, children, strict=True)}


def predictor(terms: Mapping[str, float], table: pd.DataFrame) -> np.ndarray:
    """Linear predictor of each row; what was not asked counts as 0.

    Examples
    --------
    >>> table = pd.DataFrame({"x": [1, 2], "role": ["a", "b"]})
    >>> predictor({"intercept": 1.0, "x": 2.0, "x:role=b": 10.0}, table).tolist()
    [3.0, 25.0]
    """
    total = np.zeros(len(table))
    for term, coefficient in terms.items():
        product = np.full(len(table), float(coefficient))
        for part in term.split(":"):
            product *= _factor(part, table)
        total += product
    return total


def _factor(part: str, table: pd.DataFrame) -> np.ndarray | float:
    """The values of one part of a term."""
    if part == "intercept":
        return 1.0
    if "=" in part:
        name, _, option = part.partition("=")
        return (table[name].astype("str") == option).to_numpy("float64")
    if part.startswith("log("):
        return np.log(np.maximum(_numeric(table[part[4:-1]], fill=1.0), 1e-9))
    return _numeric(table[part], fill=0.0)


def _numeric(column: pd.Series, *, fill: float) -> np.ndarray:
    """Numbers of a column, whatever its type; missing is ``fill``."""
    return pd.to_numeric(column.astype("object"), errors="coerce").astype("float64").fillna(fill).to_numpy()


def _people(plan: Plan, interviews: int, generator: np.random.Generator) -> pd.DataFrame:
    """Who is interviewed where: respondents spread over the clusters, some of them interviewed again."""
    again = min(round(plan.second * interviews), interviews // 2)
    clusters = plan.clusters.drop(columns="interviews", errors="ignore")
    share = pd.to_numeric(plan.clusters["interviews"]) if "interviews" in plan.clusters else np.ones(len(clusters))
    reached = np.cumsum(share) / np.sum(share)
    respondents = interviews - again
    steps = (np.arange(respondents) + generator.random()) / respondents
    where = np.searchsorted(reached, steps)
    second = np.sort(generator.choice(respondents, size=again, replace=False))
    order = np.argsort(np.r_[np.arange(respondents), second + 0.5 + 3 * (generator.random(again) > 0)], kind="stable")
    who = np.r_[np.arange(respondents), second][order]
    table = clusters.iloc[where[who]].reset_index(drop=True).astype("str")
    return table.assign(cluster_number=where[who], respondent_number=who)


def _with_variable(table: pd.DataFrame, variable: Variable, survey: Survey, generator) -> pd.DataFrame:
    """The table with one more variable, and with what can be calculated from it."""
    first, back = _units(table, variable.level)
    base = table.iloc[first].reset_index(drop=True)
    location = predictor(variable.terms, base) + _effects(variable, base, generator)
    if variable.distribution == "likert":
        return _with_items(table, variable, location[back], survey, generator)
    drawn = pd.Series(DISTRIBUTIONS[variable.distribution].draw(location, variable.parameters, base, generator))
    drawn = _limited(drawn, variable)[back].reset_index(drop=True)
    if variable.name not in survey.questions.index:
        return table.assign(**{variable.name: drawn})
    return _with_calculations(table.assign(**{variable.name: _asked(drawn, variable.name, table, survey)}), survey)


def _units(table: pd.DataFrame, level: str) -> tuple[np.ndarray, np.ndarray]:
    """First row of each unit, and the unit of each row."""
    if level == "interview":
        return np.arange(len(table)), np.arange(len(table))
    _, first, back = np.unique(table[f"{level}_number"], return_index=True, return_inverse=True)
    return first, back


def _effects(variable: Variable | OpenQuestion, table: pd.DataFrame, generator) -> np.ndarray:
    """Random effects of the cluster and of the respondent, shared by all their interviews."""
    total = np.zeros(len(table))
    for level in ("cluster", "respondent"):
        if spread := getattr(variable, level):
            number = table[f"{level}_number"].to_numpy()
            total += spread * generator.standard_normal(number.max() + 1)[number]
    return total


def _limited(drawn: pd.Series, variable: Variable) -> pd.Series:
    """Rounded to the declared step, moved inside the declared limits."""
    if variable.round is not None:
        drawn = (drawn / variable.round).round() * variable.round
    if variable.low is not None or variable.high is not None:
        drawn = drawn.clip(variable.low, variable.high)
    return drawn


def _with_items(table: pd.DataFrame, variable: Variable, latent: np.ndarray, survey: Survey, generator) -> pd.DataFrame:
    """The items of a measure, and the measure made from them."""
    measure = survey.measures.loc[variable.name]
    low, high = float(measure["low"]), float(measure["high"])
    points = likert(latent, measure["items"], variable.parameters, generator)
    items = {
        item: _asked(pd.Series(low + high - scores if item in measure["reversed"] else scores), item, table, survey)
        for item, scores in points.items()
    }
    asked = np.array([items[item].notna() for item in points]).all(axis=0)
    total = np.stack(list(points.values())).sum(axis=0) / (1 if measure["rule"] == "sum" else len(points))
    return _with_calculations(table.assign(**items, **{variable.name: np.where(asked, total, np.nan)}), survey)


def _asked(drawn: pd.Series, question: str, table: pd.DataFrame, survey: Survey) -> pd.Series:
    """Typed answers, missing where the form does not ask."""
    typed = _typed(drawn, question, survey)
    return typed.where(_relevant(question, table, survey))


def _relevant(question: str, table: pd.DataFrame, survey: Survey) -> pd.Series:
    """Whom the form asks."""
    if not (text := survey.questions.at[question, "relevant"]):
        return pd.Series(True, index=table.index)
    return compile_expression(text, names=survey.questions.index, column=question).mask(
        table, today=_today(table, survey)
    )


def _today(table: pd.DataFrame, survey: Survey) -> "pd.Series | date":
    """The day of each interview, for rules that ask for today(); as long as it is not drawn, the end of the year."""
    day = survey.interview.get("date")
    return table[day] if day in table else date(_year(survey), 12, 31)


def _year(survey: Survey) -> int:
    """The year that the wave names, or else any."""
    return int(survey.wave) if re.fullmatch(r"[12]\d{3}", survey.wave) else 2020


def _typed(drawn: pd.Series, question: str, survey: Survey) -> pd.Series:
    """The column type that cleaning gives this question."""
    row = survey.questions.loc[question]
    if row["type"] in _NUMBERS:
        return (
            pd.to_numeric(drawn)
            .astype("Float64")
            .round(0 if row["type"] == "integer" else 6)
            .astype(_NUMBERS[row["type"]])
        )
    if row["type"] in ("date", "datetime"):
        return pd.to_datetime(drawn).astype("datetime64[us]")
    if row["type"] == "select_one":
        names = drawn.map(_plain)
        return names.astype(
            pd.CategoricalDtype(list(survey.options(question).index), ordered=row["level"] == "ordinal")
        )
    return drawn.map(_plain).astype("str")


def _plain(value: object) -> object:
    """An option written as the form writes it: 3, not 3.0."""
    if isinstance(value, float):
        return value if np.isnan(value) else f"{value:g}"
    return None if value is None or value == "" else str(value)


def _with_calculations(table: pd.DataFrame, survey: Survey) -> pd.DataFrame:
    """The table with every calculation whose inputs are now there."""
    for question, row in survey.questions[survey.questions["type"] == "calculate"].iterrows():
        expression = compile_expression(row["calculation"], names=survey.questions.index, column=question)
        days = {survey.interview.get("date")} & set(survey.questions.index) if expression.uses_today else set()
        if question not in table and expression.names | days <= set(table.columns):
            value = expression.evaluate(table, today=_today(table, survey))
            table = table.assign(**{question: value.where(_relevant(question, table, survey))})
    return table


def _codes(table: pd.DataFrame, entry: OpenQuestion, survey: Survey, generator) -> pd.DataFrame:
    """Which codes each respondent names (at most ``most``), and whether the question is asked and answered."""
    shared = _effects(entry, table, generator)
    chance = np.stack([predictor(terms, table) + shared for terms in entry.codes.values()], axis=1)
    order = generator.random(chance.shape)
    named = order < 0.5 * (1 + np.tanh(0.5 * chance))
    rank = np.where(named, generator.random(chance.shape), np.inf).argsort(axis=1).argsort(axis=1)
    answered = _relevant(entry.question, table, survey).to_numpy() & (generator.random(len(table)) >= entry.empty)
    named &= (rank < entry.most) & answered[:, None]
    return pd.DataFrame(named, columns=list(entry.codes)).assign(answered=answered)


def _with_form_answer(table: pd.DataFrame, question: str, survey: Survey, generator) -> pd.DataFrame:
    """The table with random valid answers to a question that simulation.toml does not mention."""
    row = survey.questions.loc[question]
    if row["type"] == "note":
        return table
    if row["type"] == "calculate":
        return _with_calculations(table, survey)
    drawn = _typed(_at_random(question, table, survey, generator), question, survey)
    if row["constraint"]:
        drawn = _kept_to_constraint(drawn, question, table, survey, generator)
    return table.assign(**{question: drawn.where(_relevant(question, table, survey))})


def _at_random(
    question: str, table: pd.DataFrame, survey: Survey, generator, *, size: int = 100, back: int = 0
) -> pd.Series:
    """Anything of the right type; for a text the question's name and a number.

    Numbers go up to ``size``; days lie in the year of the wave or up to ``back`` days before it.
    """
    kind, n = survey.questions.at[question, "type"], len(table)
    if kind == "select_one":
        return _options_at_random(question, table, survey, generator)
    if kind == "select_multiple":
        names = survey.options(question).index
        any_of = {"options": dict.fromkeys(names, 0.3), "none": names[0]}
        return pd.Series(DISTRIBUTIONS["subset"].draw(np.zeros(n), any_of, table, generator))
    if kind in ("date", "datetime"):
        return pd.Series(
            pd.Timestamp(_year(survey), 1, 1) + pd.to_timedelta(generator.integers(-back, 365, size=n), unit="D")
        )
    if kind == "time":
        return pd.Series(clock(480 + generator.integers(min(6 * size, 960), size=n)))
    if kind in _NUMBERS:
        return pd.Series(generator.integers(size + 1, size=n))
    return pd.Series([f"{question} {k}" for k in range(1, n + 1)])


def _options_at_random(question: str, table: pd.DataFrame, survey: Survey, generator) -> pd.Series:
    """An option each, among those that the choice filter leaves."""
    options = survey.options(question)
    rank = generator.random((len(table), len(options)))
    if filtered := survey.questions.at[question, "choice_filter"]:
        column, _, other = (part.strip() for part in filtered.partition("="))
        if column in options and other.startswith("${"):
            rank *= options[column].to_numpy()[None, :] == table[other[2:-1]].astype("str").to_numpy()[:, None]
    return pd.Series(options.index.to_numpy()[rank.argmax(axis=1)])


def _kept_to_constraint(drawn: pd.Series, question: str, table: pd.DataFrame, survey: Survey, generator) -> pd.Series:
    """The same answers, with those drawn anew that break the question's constraint."""
    text = survey.questions.at[question, "constraint"]
    constraint = compile_expression(text, names=survey.questions.index, column=question)
    for size in _TRIES * 20:
        broken = constraint.broken(table, value=drawn, today=_today(table, survey))
        if not broken.any():
            return drawn
        again = _typed(_at_random(question, table, survey, generator, size=size, back=size), question, survey)
        drawn = drawn.where(~broken, again)
    raise SurveyError(
        Fault(FILE, f"no declaration of {question}", "a [[variables]] entry", hint=f"chance alone does not meet {text}")
    )


def _ids(table: pd.DataFrame, survey: Survey) -> Iterable[str]:
    return table[survey.interview["id"]].astype("str").tolist()


def _finished(table: pd.DataFrame, survey: Survey) -> pd.DataFrame:
    """Questions in form order with the reason where there is no value, then everything else."""
    asked = {}
    for question, kind in survey.questions["type"].items():
        if kind == "note":
            continue
        asked[question] = table[question]
        reason = pd.Series(np.where(_relevant(question, table, survey), "no_answer", "not_asked"), index=table.index)
        asked[f"{question}__missing"] = reason.where(table[question].isna()).astype("category")
        if kind == "select_multiple":
            chosen = table[question].fillna("").str.split(" ")
            for option in survey.options(question).index:
                flag = chosen.map(lambda names, option=option: option in names).astype("boolean")
                asked[f"{question}__{option}"] = flag.where(table[question].notna())
    return pd.DataFrame(asked).join(table[table.columns.difference(list(asked), sort=False)])
