"""One question at a time: from delivered text to typed values, with the reason where there is none.

Every rule runs once per distinct answer. A question is settled after the questions its rules refer to, so skip logic,
choice filters and constraints see clean values.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.cleaning.folding import fold, traditional
from kzsurvey.cleaning.kinds import Issue, Origin, issue_rows
from kzsurvey.cleaning.moments import read_date, read_datetime, read_time
from kzsurvey.cleaning.numbers import named_periods, read_number
from kzsurvey.cleaning.options import Options, options_of, read_option, read_options, read_place
from kzsurvey.cleaning.reading import HABITS, SCRIPT, Read, taken
from kzsurvey.survey import Expression, Survey, compile_expression
from kzsurvey.survey.record import MISSING_REASONS

NUMERIC = ("integer", "decimal")
MOMENTS = ("date", "datetime")
REASONS = pd.CategoricalDtype(MISSING_REASONS)
_ASKED_WITHOUT_VALUE = tuple(reason for reason in MISSING_REASONS if reason != "not_asked")
_EMPTY = Read()
_OPTIONS_FIRST = "\0options first"


@dataclass(frozen=True, eq=False)
class Work:
    """What cleaning one question needs to know of the whole.

    Attributes
    ----------
    survey : Survey
    origin : Origin, one row per interview
    today : Series of datetime64 or None
        The day of each interview, once it is known.
    lost, emptied : mapping of question to (n,) array of bool
        Answers damaged beyond repair; answers that a correction took out.
    """

    survey: Survey
    origin: Origin
    index: pd.Index
    today: pd.Series | None
    lost: Mapping[str, np.ndarray]
    emptied: Mapping[str, np.ndarray]


class Filter(NamedTuple):
    """The options that a choice filter leaves, per distinct combination of the answers it looks at.

    Attributes
    ----------
    rows : (n,) array of int
        Combination of each interview; -1 where an answer it looks at is missing.
    allowed : list of frozenset of option names
    """

    rows: np.ndarray
    allowed: list[frozenset[str]]


@dataclass(frozen=True, eq=False)
class Column:
    """The answers to one question on their way from text to values.

    Attributes
    ----------
    name : str
    text : Series
        As delivered; ``""`` where nothing was.
    value : Series
        Typed.
    reasons : (n,) array of str
        Why there is no value; ``""`` where there is one, or where nobody knows yet.
    asked : (n,) array of bool
        The skip logic asks the question.
    undecided : (n,) array of bool
        The skip logic hangs on an answer that is missing.
    required : (n,) array of bool
    there : (n,) array of bool
        The file has a column for the question.
    chosen : Filter
        What the choice filter leaves.
    issues : tuple of issues
    """

    name: str
    text: pd.Series
    value: pd.Series
    reasons: np.ndarray
    asked: np.ndarray
    undecided: np.ndarray
    required: np.ndarray
    there: np.ndarray
    chosen: Filter
    issues: tuple[Issue, ...] = ()

    @property
    def missing(self) -> pd.Series:
        """Reasons as a column of ``interviews``."""
        reasons = pd.Categorical(np.where(self.reasons == "", None, self.reasons), dtype=REASONS)
        return pd.Series(reasons, index=self.text.index)

    @property
    def silent(self) -> np.ndarray:
        """It was to be answered as far as can be known, and nothing was said."""
        return self.open & (self.text == "").to_numpy()

    @property
    def open(self) -> np.ndarray:
        """It was to be answered as far as can be known."""
        return (self.asked | self.undecided) & self.there

    @property
    def unanswered(self) -> np.ndarray:
        """Required, and nothing was said."""
        return self.required & (self.reasons == "no_answer") & (self.text == "").to_numpy()


def order_of_questions(survey: Survey) -> list[str]:
    """Questions so that each follows those its expressions refer to; otherwise in the order of the form.

    A circle (two questions whose constraints name each other) is cut where it is met.
    """
    questions = survey.questions
    asked = questions.index[questions["type"] != "note"]
    needs = {name: sorted(_referred(survey, name), key=list(questions.index).index) for name in asked}
    ordered: dict[str, None] = {}

    def visit(name: str, above: frozenset[str]) -> None:
        for other in needs[name]:
            if other not in ordered and other not in above:
                visit(other, above | {name})
        ordered.setdefault(name)

    for name in asked:
        visit(name, frozenset((name,)))
    return list(ordered)


def _referred(survey: Survey, name: str) -> set[str]:
    """Questions that the expressions of a question refer to."""
    found = (
        expression(survey, name, column)
        for column in ("relevant", "constraint", "choice_filter", "calculation", "required")
    )
    return {other for compiled in found if compiled for other in compiled.names if other in survey.questions.index} - {
        name
    }


def expression(survey: Survey, name: str, column: str) -> Expression | None:
    """An expression of a question, compiled; None where it has none (``required`` may simply be yes)."""
    text = survey.questions.at[name, column]
    if not text or (column == "required" and text == "yes"):
        return None
    return compile_expression(text, names=survey.questions.index, columns=[*survey.choices.columns])


def reader_of(survey: Survey, name: str) -> Callable[[str], Read]:
    """The function that reads one written answer to a question."""
    question = survey.questions.loc[name]
    kind = question["type"]
    if kind in NUMERIC:
        periods = named_periods(question["unit"], *(question[f"label_{code}"] for code in survey.languages))
        return partial(read_number, whole=kind == "integer", unit=question["unit"], periods=periods)
    if kind in ("select_one", "select_multiple"):
        read = read_option if kind == "select_one" else read_options
        return partial(read, options=options_of(survey.offered(name), survey.languages))
    return {"date": read_date, "datetime": read_datetime, "time": read_time}.get(kind, _read_text)


def _read_text(text: str) -> Read:
    return taken(text.strip())


def settle(name: str, delivered: pd.Series, done: Mapping[str, Column], work: Work) -> Column:
    """Clean the answers to one question.

    Parameters
    ----------
    name : str
    delivered : Series, one answer per interview
        As delivered; missing where the file has no column for the question.
    done : mapping of question to Column
        The questions this one's rules refer to.
    work : Work

    Returns
    -------
    Column
    """
    text = delivered.fillna("")
    text = text.mask(text.str.strip() == "", "")
    asked, undecided = _asked(name, done, work)
    there = delivered.notna().to_numpy()
    required = _required(name, done, work) & asked & there
    blank = np.full(len(text), "", dtype=object)
    column = Column(name, text, text, blank, asked, undecided, required, there, _filter(name, done, work))
    calculated = work.survey.questions.at[name, "type"] == "calculate" and work.survey.questions.at[name, "calculation"]
    steps = (
        (_calculate,) if calculated else (_read, _apply_number_codes, _apply_skips, _apply_constraint, _apply_filter)
    )
    for step in steps:
        column = step(column, done, work)
    return _explained(column, work)


def _table(names: frozenset[str], done: Mapping[str, Column], work: Work) -> pd.DataFrame:
    """The columns an expression refers to."""
    return pd.DataFrame({name: done[name].value for name in sorted(names) if name in done}, index=work.index)


def _holds(compiled: Expression, done: Mapping[str, Column], work: Work) -> np.ndarray:
    """Where an expression holds; one that refers to a question of a circle holds."""
    if not compiled.names <= done.keys():
        return np.ones(len(work.index), dtype=bool)
    return compiled.mask(_table(compiled.names, done, work), today=work.today).to_numpy()


def _asked(name: str, done: Mapping[str, Column], work: Work) -> tuple[np.ndarray, np.ndarray]:
    """Where the skip logic asks a question, and where it cannot tell because an answer it hangs on is missing."""
    everybody, nobody = np.ones(len(work.index), dtype=bool), np.zeros(len(work.index), dtype=bool)
    compiled = expression(work.survey, name, "relevant")
    if compiled is None:
        return everybody, nobody
    asked = _holds(compiled, done, work)
    unknown = nobody.copy()
    for other in compiled.names & done.keys():
        unknown |= np.isin(done[other].reasons.astype(str), _ASKED_WITHOUT_VALUE)
    return asked, ~asked & unknown


def _required(name: str, done: Mapping[str, Column], work: Work) -> np.ndarray:
    """Where an answer is required; one that was withheld is not asked for again."""
    if work.survey.questions.at[name, "sensitivity"] in ("direct", "special"):
        return np.zeros(len(work.index), dtype=bool)
    compiled = expression(work.survey, name, "required")
    if compiled is None:
        return np.full(len(work.index), work.survey.questions.at[name, "required"] == "yes")
    return _holds(compiled, done, work)


# reading


def _filter(name: str, done: Mapping[str, Column], work: Work) -> Filter:
    """What the choice filter of a question leaves; everything where it has none."""
    compiled = expression(work.survey, name, "choice_filter")
    nothing = Filter(np.full(len(work.index), -1), [])
    if compiled is None or not compiled.names <= done.keys():
        return nothing
    table = _table(compiled.names, done, work)
    if not len(table.columns):
        return nothing
    codes = table.groupby(list(table.columns), observed=True).ngroup().fillna(-1).astype(int).to_numpy()
    first = pd.Series(range(len(table)))[codes >= 0].groupby(codes[codes >= 0]).first()
    distinct = table.iloc[first.to_numpy()]
    today = None if work.today is None else work.today.iloc[first.to_numpy()]
    allowed: list[set[str]] = [set() for _ in range(len(distinct))]
    for option, row in work.survey.offered(name).iterrows():
        values = {**row[[column for column in row.index if isinstance(row[column], str)]], "name": option}
        for place in np.flatnonzero(compiled.mask(distinct, today=today, option=values).to_numpy()):
            allowed[place].add(option)
    return Filter(codes, [frozenset(names) for names in allowed])


def _read(column: Column, done: Mapping[str, Column], work: Work) -> Column:
    """Every distinct answer read once; where a choice filter applies, once per combination it looks at."""
    chosen = column.chosen
    codes, distinct = pd.factorize(column.text)
    pairs, rows = np.unique(np.stack([codes, chosen.rows]), axis=1, return_inverse=True)
    rows = rows.reshape(-1)
    readers = _readers(column.name, chosen, work)
    reads = [_EMPTY if not distinct[code] else readers[place](distinct[code]) for code, place in pairs.T]
    values = typed([read.value for read in reads], column.name, work.survey)
    reasons = np.array([read.reason for read in reads] or [""], dtype=object)[rows]
    read = replace(column, value=values.iloc[rows].set_axis(column.text.index), reasons=reasons)
    texts = [distinct[code] for code, _ in pairs.T]
    return replace(read, issues=tuple(_findings(read, reads, rows, _habits(reads, texts, rows, work), work)))


def _readers(name: str, chosen: Filter, work: Work) -> dict[int, Callable[[str], Read]]:
    """One reader per combination of answers that the choice filter looks at; -1 is the one without a filter."""
    plain = reader_of(work.survey, name)
    closed = bool(work.survey.questions.at[name, "list_name"])
    words, reasons = _missing_words(work.survey, name), work.survey.missing_options(name) if closed else {}
    if not chosen.allowed and name not in work.survey.places:
        return {-1: partial(_or_missing, plain, words, reasons)}
    choices = work.survey.offered(name)
    everything = options_of(choices, work.survey.languages)
    readers = {}
    for place, allowed in enumerate([*chosen.allowed, frozenset(everything.names)]):
        offered = (
            options_of(choices[choices.index.isin(allowed)], work.survey.languages) if chosen.allowed else everything
        )
        number = place if place < len(chosen.allowed) else -1
        reader = partial(
            _read_offered, offered=offered, everything=everything, plain=plain, place=name in work.survey.places
        )
        readers[number] = partial(_or_missing, reader, words, reasons)
    return readers


def _read_offered(text: str, *, offered: Options, everything: Options, plain: Callable, place: bool) -> Read:
    """An answer among the options offered; else among all options, which the choice filter then rules out."""
    if not place:
        read = read_option(text, offered)
        return read if read.value is not None else plain(text)
    read = read_place(text, offered, offered.names)
    if read.value is not None:
        return read
    elsewhere = read_option(text, everything)
    return elsewhere if elsewhere.value is not None else read


def _or_missing(reader: Callable[[str], Read], words: Mapping[str, str], reasons: Mapping[str, str], text: str) -> Read:
    """An answer, or the reason that a written code for a missing answer stands for.

    An option that is another wording of the code (an alias of it) comes before the code; an option that the survey
    itself names as a code is one of ``reasons``.
    """
    reason = words.get(fold(text))
    if reason is None:
        return _without_reasons(reader(text), reasons)
    read = _without_reasons(reader(text), reasons) if words.get(_OPTIONS_FIRST) else _EMPTY
    if read.reason not in ("", "invalid"):
        return read
    literal = read.value is not None and not any(kind.startswith("place") for kind, _ in read.findings)
    return read if literal else Read(None, reason, (("missing_code", "a code for a missing answer"),))


def _without_reasons(read: Read, reasons: Mapping[str, str]) -> Read:
    """Options that mean there is no answer: alone they are the reason, beside answers they are dropped."""
    if not reasons or read.value is None:
        return read
    chosen = str(read.value).split()
    dropped = [name for name in chosen if name in reasons]
    if not dropped:
        return read
    if len(dropped) == len(chosen):
        return Read(None, reasons[dropped[0]], (*read.findings, ("missing_code", "an option that means no answer")))
    rest = " ".join(name for name in chosen if name not in reasons)
    rule = f"an option that means no answer, beside answers: {', '.join(dropped)}"
    return Read(rest, "", (*read.findings, ("missing_code", rule)))


def _missing_words(survey: Survey, name: str) -> dict[str, str]:
    """Written codes for missing answers; for a number those that are numbers themselves wait for its constraint."""
    kind = survey.questions.at[name, "type"]
    words = {fold(word): reason for reason, written in survey.missing.items() for word in written}
    if kind in NUMERIC:
        return {word: reason for word, reason in words.items() if _as_number(word) is None}
    return words | ({_OPTIONS_FIRST: "yes"} if kind.startswith("select") else {})


def _as_number(word: str) -> float | None:
    try:
        return float(word)
    except ValueError:
        return None


def typed(values: list, name: str, survey: Survey) -> pd.Series:
    """Values as a column of the question's type."""
    kind = survey.questions.at[name, "type"]
    if kind in MOMENTS:
        return pd.Series(pd.to_datetime(pd.Series(values, dtype=object)), dtype="datetime64[us]")
    if kind == "select_one":
        names = dict.fromkeys(survey.options(name).index)
        ordered = survey.questions.at[name, "level"] == "ordinal"
        return pd.Series(pd.Categorical(values, categories=list(names), ordered=ordered))
    return pd.Series(values, dtype={"integer": "Int64", "decimal": "Float64"}.get(kind, "str"))


def _habits(reads: list[Read], texts: list[str], rows: np.ndarray, work: Work) -> dict[str, np.ndarray]:
    """Where a way of writing is the habit of the file, per rule in ``HABITS``: most of its answers are written so.

    Parameters
    ----------
    reads, texts : lists of the same length
        Distinct answers as read and as delivered.
    rows : (n,) array of int
        Which of them each interview gave.
    work : Work
    """
    habits = {}
    files, _ = pd.factorize(work.origin.file)
    for rule in HABITS:
        so = np.array([any(rule == told for _, told in read.findings) for read in reads])
        if so.any():
            plain = [
                read.value is not None and (rule != SCRIPT or traditional(text) != text)
                for read, text in zip(reads, texts, strict=True)
            ]
            habits[rule] = (np.bincount(files, so[rows]) > np.bincount(files, (np.array(plain) & ~so)[rows]))[files]
    return habits


def _findings(
    column: Column, reads: list[Read], rows: np.ndarray, habits: Mapping[str, np.ndarray], work: Work
) -> list[Issue]:
    """What reading found, for answers that were to be given and could be read."""
    notable = np.array([bool(read.findings) for read in reads] or [False])
    here = np.flatnonzero(notable[rows] & (column.asked | column.undecided) & ~_lost(column, work))
    texts, after = column.text.to_numpy(dtype=object)[here], written(column.value.iloc[here])
    found = []
    for position, text, value in zip(here, texts, after, strict=True):
        at = [part[position] for part in work.origin]
        action = "set_missing" if value is None else "changed"
        found += [
            (*at, column.name, kind, action, text, value, rule)
            for kind, rule in reads[rows[position]].findings
            if not (rule in habits and habits[rule][position])
        ]
    return found


def issues_at(column: Column, where: np.ndarray, work: Work, *, kind: str, action: str, rule: str) -> list[Issue]:
    """Issues about the answers to one question; ``after`` is the value as it stands."""
    if not where.any():
        return []
    after = None if action == "set_missing" else written(column.value[where])
    before = column.text.to_numpy(dtype=object)[where]
    told = {"question": column.name, "before": before, "after": after, "rule": rule}
    return issue_rows(work.origin.at(where), kind=kind, action=action, **told)


def written(values: pd.Series) -> list:
    """Typed values as text; None where there is no value."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return [None if pd.isna(value) else str(value).removesuffix(" 00:00:00") for value in values]
    return [
        None if pd.isna(value) else format(value, ".15g") if isinstance(value, float) else str(value)
        for value in values
    ]


def _not_delivered(column: Column, work: Work) -> np.ndarray:
    """Where the file has no column for the question; a calculation is made here and needs none."""
    made = work.survey.questions.at[column.name, "calculation"] != ""
    return np.zeros(len(column.text), dtype=bool) if made else ~column.there


def _lost(column: Column, work: Work) -> np.ndarray:
    return work.lost.get(column.name, np.zeros(len(column.text), dtype=bool))


# rules


def _apply_number_codes(column: Column, done: Mapping[str, Column], work: Work) -> Column:
    """Codes such as 99 mean that a number is missing where its constraint does not allow that number."""
    numbers = {
        _as_number(fold(word)): reason
        for reason, words in work.survey.missing.items()
        for word in words
        if _as_number(fold(word)) is not None
    }
    if work.survey.questions.at[column.name, "type"] not in NUMERIC or not numbers:
        return column
    candidates = column.value.isin(list(numbers)).to_numpy() & _broken(column, done, work)
    if not candidates.any():
        return column
    meant = column.value[candidates].astype("float64").map(numbers).to_numpy()
    reasons = column.reasons.copy()
    reasons[candidates] = meant
    coded = replace(column, value=column.value.mask(candidates), reasons=reasons)
    stands = candidates & (column.asked | column.undecided) & ~_lost(column, work)
    rule = "a code for a missing answer that the constraint does not allow as a number"
    return _with(coded, issues_at(coded, stands, work, kind="missing_code", action="set_missing", rule=rule))


def _apply_skips(column: Column, done: Mapping[str, Column], work: Work) -> Column:
    """Answers outside the skip logic are not answers; where the logic cannot be known they stay."""
    if column.asked.all():
        return column
    outside = ~column.asked & ~column.undecided
    said = (column.text != "").to_numpy() & ~np.isin(column.reasons.astype(str), ("no_answer", "dont_know", "refused"))
    skipped = replace(
        column,
        value=column.value.mask(outside),
        reasons=np.where(outside, "not_asked", column.reasons).astype(object),
    )
    rule = work.survey.questions.at[column.name, "relevant"]
    doubt = "an answer it hangs on is missing, so whether it was to be asked is not known"
    return _with(
        skipped,
        issues_at(skipped, said & outside, work, kind="skip", action="set_missing", rule=rule),
        issues_at(skipped, said & column.undecided, work, kind="skip", action="flagged", rule=doubt),
    )


def _apply_constraint(column: Column, done: Mapping[str, Column], work: Work) -> Column:
    """Values that the form does not allow are not taken."""
    broken = _broken(column, done, work)
    rule = work.survey.questions.at[column.name, "constraint"]
    backwards = column.name == work.survey.interview.get("end") and f"${{{work.survey.interview.get('start')}}}" in rule
    return _ruled_out(column, broken, work, kind="end_before_start" if backwards else "constraint", rule=rule)


def _broken(column: Column, done: Mapping[str, Column], work: Work) -> np.ndarray:
    """Where a value breaks the constraint of its question."""
    compiled = expression(work.survey, column.name, "constraint")
    if compiled is None or not compiled.names <= done.keys() | {column.name}:
        return np.zeros(len(column.text), dtype=bool)
    table = _table(compiled.names, {**done, column.name: column}, work)
    return compiled.broken(table, value=column.value, today=work.today).to_numpy()


def _apply_filter(column: Column, done: Mapping[str, Column], work: Work) -> Column:
    """Options that an earlier answer rules out are not taken."""
    if not work.survey.questions.at[column.name, "choice_filter"]:
        return column
    chosen = column.chosen
    codes, distinct = pd.factorize(column.value)
    impossible = np.zeros((len(distinct) + 1, len(chosen.allowed) + 1), dtype=bool)
    for place, allowed in enumerate(chosen.allowed):
        impossible[:-1, place] = [not set(str(value).split()) <= allowed and value not in allowed for value in distinct]
    rule = work.survey.questions.at[column.name, "choice_filter"]
    return _ruled_out(column, impossible[codes, chosen.rows], work, kind="choice_filter", rule=rule)


def _ruled_out(column: Column, where: np.ndarray, work: Work, *, kind: str, rule: str) -> Column:
    """Values taken out, each with an issue."""
    if not where.any():
        return column
    reasons = np.where(where, "invalid", column.reasons).astype(object)
    out = replace(column, value=column.value.mask(where), reasons=reasons)
    return _with(out, issues_at(out, where, work, kind=kind, action="set_missing", rule=rule))


def _with(column: Column, *issues: list[Issue]) -> Column:
    return replace(column, issues=(*column.issues, *(issue for found in issues for issue in found)))


def _calculate(column: Column, done: Mapping[str, Column], work: Work) -> Column:
    """A calculation is made again from the clean answers, where its inputs are there."""
    compiled = expression(work.survey, column.name, "calculation")
    table = _table(compiled.names, done, work)
    result = compiled.evaluate(table, today=work.today)
    if pd.api.types.is_datetime64_any_dtype(result.dtype):
        result = pd.Series(written(result), index=result.index, dtype="str")
    absent = table.isna().any(axis=1) if "coalesce(" not in compiled.text else pd.Series(False, index=table.index)
    values = result.mask(absent | ~pd.Series(column.asked, index=table.index))
    ours = pd.Series(written(values), index=values.index, dtype="str").fillna("")
    both = (column.text != "").to_numpy()
    unlike = [not _same_number(said, made) for said, made in zip(column.text, ours, strict=True)]
    differs = both & np.array(unlike, dtype=bool)  # a list without rows would be floats
    reasons = np.full(len(table), "no_answer", dtype=object)
    for reason in ("not_delivered", "not_asked"):
        for other in sorted(compiled.names & done.keys()):
            reasons[done[other].reasons == reason] = reason
    reasons = np.where(values.notna(), "", np.where(column.asked, reasons, "not_asked")).astype(object)
    made = replace(column, value=values, reasons=reasons)
    return _with(made, issues_at(made, differs, work, kind="calculated", action="changed", rule=compiled.text))


def _same_number(said: str, made: str) -> bool:
    """Whether a delivered result is ours, up to its last written digits."""
    one, other = _as_number(said), _as_number(made)
    if one is None or other is None:
        return said.strip() == made
    return bool(np.isclose(one, other, rtol=1e-4, atol=1e-6))


def _explained(column: Column, work: Work) -> Column:
    """A reason wherever there is no value, and none where there is one."""
    lost, empty = _lost(column, work), (column.text == "").to_numpy()
    emptied = work.emptied.get(column.name, np.zeros(len(empty), dtype=bool))
    outside = ~column.asked & ~column.undecided
    values = column.value.mask(lost)
    steps = (
        (_not_delivered(column, work), "not_delivered"),
        (empty & column.undecided & column.there, "not_asked"),
        (empty & emptied, "invalid"),
        (lost, "lost"),
        (outside, "not_asked"),
    )
    reasons = np.where((column.reasons == "") & values.isna().to_numpy(), "no_answer", column.reasons)
    for where, reason in steps:
        reasons = np.where(where, reason, reasons)
    reasons = np.where(values.notna(), "", reasons).astype(object)
    return replace(column, value=values, reasons=reasons)
