"""Hand corrections are replayed on what was delivered: each applies exactly, or is told as not applied."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.cleaning.folding import fold, widths
from kzsurvey.cleaning.kinds import WITHHELD, Issue, Origin, issue_rows
from kzsurvey.cleaning.reading import Read
from kzsurvey.survey import Survey

REMOVE = "remove"
ANYTHING = "*"  # as an old value: whatever stands there
_NOTHING_LIKE_IT = "\0"
_TRUE = ("1", "true")


class Corrected(NamedTuple):
    """Answers after the corrections.

    Attributes
    ----------
    answers : DataFrame, the same rows
    kept : (n,) array of bool
        False where a correction takes an interview out.
    emptied : dict of question to (n,) array of bool
        Answers that a correction took out.
    issues : list of issues
    """

    answers: pd.DataFrame
    kept: np.ndarray
    emptied: dict[str, np.ndarray]
    issues: list[Issue]


class _State(NamedTuple):
    """What corrections are applied to, question by question; the arrays are this module's own copies."""

    texts: dict[str, np.ndarray]
    rows: dict[str, int]
    kept: np.ndarray
    hidden: frozenset[str]


def apply_corrections(
    answers: pd.DataFrame,
    origin: Origin,
    survey: Survey,
    *,
    readers: Mapping[str, Callable[[str], Read]],
    screen: Callable[[str], str],
) -> Corrected:
    """Apply the corrections of a survey in their order.

    Parameters
    ----------
    answers : DataFrame, one row per interview
        As delivered, text.
    origin : Origin, same rows
    survey : Survey
        Its ``corrections``.
    readers : mapping of question to function
        What an answer means: an old value fits when it means the same as what is there (3500.0 and 3500).
    screen : function of text
        Takes personal data out of what people wrote into corrections.

    Returns
    -------
    Corrected
    """
    corrections, options = survey.corrections, _single_options(survey)
    sensitive = survey.questions.index[survey.questions["sensitivity"].isin(["direct", "special"])]
    state = _State(
        {
            name: answers[name].to_numpy(dtype=object, copy=True)
            for name in sorted({options.get(name, (name,))[0] for name in corrections["question"]})
            if name in answers
        },
        {interview: row for row, interview in enumerate(origin.interview)},
        np.ones(len(answers), dtype=bool),
        frozenset(sensitive),
    )
    before = {name: texts.copy() for name, texts in state.texts.items()}
    issues = []
    for correction in corrections.itertuples():
        cleared = correction._replace(
            old=screen(correction.old), new=screen(correction.new), reason=screen(correction.reason)
        )
        whole = _whole_answer(cleared, state, options, readers)
        issues += _apply(whole, state, origin, readers.get(whole.question))
    changed = {name: pd.Series(texts, index=answers.index, dtype="str") for name, texts in state.texts.items()}
    emptied = {
        name: np.array([now == "" and was != "" for now, was in zip(texts, before[name], strict=True)], dtype=bool)
        for name, texts in state.texts.items()
    }
    return Corrected(answers.assign(**changed), state.kept, emptied, issues)


def questions_corrected(survey: Survey) -> set[str]:
    """Questions that corrections are about; one about a single option is about its question."""
    options = _single_options(survey)
    named = {options.get(name, (name,))[0] for name in survey.corrections["question"]}
    return named & set(survey.questions.index)


def _single_options(survey: Survey) -> dict[str, tuple[str, str]]:
    """Ways to name one option of a select_multiple, with its question and the option."""
    if survey.corrections.empty:
        return {}
    several = survey.questions.index[survey.questions["type"] == "select_multiple"]
    return {
        f"{name}{mark}{option}": (name, option)
        for name in several
        for option in survey.offered(name).index
        for mark in (".", "__")
    }


def _whole_answer(
    correction: tuple,
    state: _State,
    options: Mapping[str, tuple[str, str]],
    readers: Mapping[str, Callable[[str], Read]],
) -> tuple:
    """A correction of one option as one of the whole answer: what it leaves of the options that are chosen."""
    if correction.question not in options:
        return correction
    question, option = options[correction.question]
    row = state.rows.get(widths(str(correction.interview)))
    there = "" if row is None or question not in state.texts else state.texts[question][row]
    there = "" if pd.isna(there) else there
    chosen = str(readers[question](there).value or "").split() if there.strip() else []
    wanted, expected = correction.new.lower() in _TRUE, correction.old.lower()
    as_expected = expected == ANYTHING or (not there if not expected else (expected in _TRUE) == (option in chosen))
    left = [name for name in chosen if name != option] + [option] * wanted
    same = wanted == (option in chosen)
    return correction._replace(
        question=question,
        old=there if as_expected else _NOTHING_LIKE_IT,
        new=there if same else " ".join(left),
        reason=f"{correction.question} = {int(wanted)}; {correction.reason}".rstrip("; "),
    )


def _apply(correction: tuple, state: _State, origin: Origin, reader: Callable[[str], Read] | None) -> list[Issue]:
    """One correction, applied or refused."""
    row = state.rows.get(widths(str(correction.interview)))
    place = f"{correction.file} row {correction.row}"
    if refusal := _refusal(correction, row, state, reader):
        nowhere = Origin(
            *(np.array([part], dtype=object) for part in (correction.interview, correction.file, "", correction.row))
        )
        told = {"question": correction.question or None, "rule": f"{place}: {refusal}"}
        at = nowhere if row is None else origin.at([row])
        return issue_rows(at, kind="correction_not_applied", action="flagged", **told)
    if not correction.question:
        state.kept[row] = False
        return issue_rows(origin.at([row]), kind="correction", action="removed", rule=f"{place}: {correction.reason}")
    was, new = state.texts[correction.question][row], correction.new.strip()
    state.texts[correction.question][row] = new
    hide = correction.question in state.hidden
    return issue_rows(
        origin.at([row]),
        kind="correction",
        action="changed" if new else "set_missing",
        question=correction.question,
        before=WITHHELD if hide else was,
        after=(WITHHELD if hide else new) if new else None,
        rule=f"{place}: {correction.reason}",
    )


def _refusal(correction: tuple, row: int | None, state: _State, reader: Callable[[str], Read] | None) -> str:
    """Why a correction cannot be applied; empty where it can."""
    if row is None:
        return "no such interview"
    if not state.kept[row]:
        return "the interview was taken out by an earlier correction"
    if not correction.question:
        return "" if correction.new == REMOVE else f"no question, and new is not {REMOVE!r}"
    if correction.question not in state.texts or pd.isna(state.texts[correction.question][row]):
        return "no column for the question"
    if correction.question in state.hidden:
        return (
            ""
            if correction.old.strip() in ("", ANYTHING)
            else "the answer is protected, so an old value cannot be compared"
        )
    there = state.texts[correction.question][row]
    if fold(there) == fold(correction.new):
        return "the answer is already what the correction says"
    return "" if _fits(correction.old, there, reader) else "the old value is not what was delivered"


def _fits(old: str, there: str, reader: Callable[[str], Read] | None) -> bool:
    """Whether the value a correction expects is the one that is there."""
    if old.strip() == ANYTHING or fold(old) == fold(there):
        return True
    if reader is None or not old.strip() or not there.strip():
        return False
    expected, found = reader(old), reader(there)
    return expected.value is not None and expected.value == found.value
