"""Answers as delivered to interviews that can be analysed: every value typed, every finding and every change listed.

Nothing vanishes: each delivered row is an interview or has one issue that says why it was removed, and each delivered
answer is a value or has a reason beside it.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.cleaning.corrections import apply_corrections, questions_corrected
from kzsurvey.cleaning.damage import Mended, mend
from kzsurvey.cleaning.kinds import WITHHELD, Issue, Origin, gather, issue_rows
from kzsurvey.cleaning.rows import interview_ids, near_duplicates, settle_rows
from kzsurvey.cleaning.screening import make_screen, placeholders_in, screen_text
from kzsurvey.cleaning.typed import Column, Work, order_of_questions, reader_of, settle, typed
from kzsurvey.survey import Survey
from kzsurvey.tables import check_table

SILENT_SHARE = 1 / 3  # of the questions put to an interview, counted from its end
SAID_SHARE = 1 / 3  # of the questions put to an interview: who answered more said something
FEWEST_SILENT = 5  # a short form may end in questions that nobody has to answer


class Cleaned(NamedTuple):
    """What cleaning gives.

    Attributes
    ----------
    interviews : DataFrame, one row per interview, index ``interview``
        ``file``, ``row``; per question ``<q>`` typed, ``<q>__missing`` (the reason where there is no value), and for
        select_multiple ``<q>__<option>`` flags.
    issues : DataFrame, one row per finding or change
        See ``TABLES["issues"]`` and ``KINDS``.
    """

    interviews: pd.DataFrame
    issues: pd.DataFrame


def clean(answers: pd.DataFrame, survey: Survey) -> Cleaned:
    """Clean the answers of a survey.

    Parameters
    ----------
    answers : DataFrame, one row per delivered row
        From :func:`read_answers`; not changed.
    survey : Survey

    Returns
    -------
    Cleaned
        Rows in are interviews out plus issues with action ``removed``.

    Notes
    -----
    Order: damaged text is restored; rows without id and rows delivered again are taken out; hand corrections are
    replayed; then every question in turn (codes for missing answers, type, skip logic, constraint, choice filter), each
    after the questions its rules refer to; then whole interviews (half-sent, too short, nearly the same).

    Examples
    --------
    >>> from kzsurvey.cleaning import read_answers
    >>> from kzsurvey.survey import read_survey
    >>> survey = read_survey("tests/surveys/data/raw/market")
    >>> answers = read_answers(survey)
    >>> interviews, issues = clean(answers, survey)
    >>> len(answers) == len(interviews) + (issues["action"] == "removed").sum()
    np.True_
    """
    answers = answers.reset_index(drop=True)
    origin = _origin(answers, survey)
    mended, lost, damaged = _mended(answers, origin, survey)
    delivery = [*_file_findings(answers, origin, survey), *_personal(answers, origin, survey), *damaged]
    rows = settle_rows(mended, origin, survey)
    current, origin = mended[rows.kept], origin.at(rows.kept)
    readers = {name: reader_of(survey, name) for name in questions_corrected(survey)}
    corrected = apply_corrections(current, origin, survey, readers=readers, screen=_screen())
    kept = corrected.kept
    current, origin = corrected.answers[kept], origin.at(kept)
    columns = _columns(
        current,
        origin,
        survey,
        lost={name: where[rows.kept][kept] for name, where in lost.items()},
        emptied={name: where[kept] for name, where in corrected.emptied.items()},
    )
    present, completeness = _present(columns, origin, survey)
    interviews, told = _interviews(columns, origin, survey)[present], origin.at(present)
    whole = [
        *completeness,
        *_plausible(interviews, told, survey),
        *near_duplicates(current[present], told, survey),
    ]
    found = [issue for column in columns.values() for issue in column.issues]
    issues = gather([*delivery, *rows.issues, *corrected.issues, *found, *whole])
    return Cleaned(check_table(interviews, "interviews"), check_table(issues, "issues"))


def _origin(answers: pd.DataFrame, survey: Survey) -> Origin:
    """Where each row comes from, and which interview it says it is."""
    places = (answers[column].to_numpy(dtype=object) for column in ("file", "sheet", "row"))
    return Origin(interview_ids(answers, survey), *places)


def _screen() -> Callable[[str], str]:
    """Screen for what people write into corrections and for restored text."""
    screen = make_screen()
    return lambda text: screen_text(text, screen)


# the delivery


def _file_findings(answers: pd.DataFrame, origin: Origin, survey: Survey) -> list[Issue]:
    """Encodings in doubt and columns that a file does not have, once per file."""
    files = answers.drop_duplicates(["file", "sheet", "encoding"])
    heads = [origin.at([row])._replace(interview=[None], row=[1]) for row in files.index]
    asked = survey.questions.index[~survey.questions["type"].isin(["note", "calculate"])]
    hidden = set(survey.questions.index[survey.questions["sensitivity"].isin(["direct", "special"])])
    found = []
    for head, (_, file) in zip(heads, files.iterrows(), strict=True):
        if file["encoding"].endswith("?"):
            read = file["encoding"].rstrip("?")
            rule = "judged by its content; state encoding in survey.toml"
            found += issue_rows(head, kind="encoding", action="flagged", before=read, after=read, rule=rule)
        for name in asked:
            if pd.isna(file[name]) and name not in hidden:
                found += issue_rows(head, kind="column_absent", action="flagged", question=name, rule="no column")
    return found


def _personal(answers: pd.DataFrame, origin: Origin, survey: Survey) -> list[Issue]:
    """One issue per answer from which something personal was taken; what it was is not repeated."""
    found = []
    for name in [name for name in survey.questions.index if name in answers]:
        marks = placeholders_in(answers[name].dropna().unique())
        here = answers[name].isin(list(marks)).to_numpy() if marks else np.zeros(len(answers), dtype=bool)
        if here.any():
            told = {
                "before": WITHHELD,
                "after": list(answers.loc[here, name].map(marks)),
                "rule": "personal data in an answer",
            }
            found += issue_rows(origin.at(here), kind="personal_data", action="changed", question=name, **told)
    return found


def _mended(
    answers: pd.DataFrame, origin: Origin, survey: Survey
) -> tuple[pd.DataFrame, dict[str, np.ndarray], list[Issue]]:
    """Answers with damaged text restored; what is lost stays as delivered, with a mask that says so."""
    lost, found, restored = {}, [], {}
    screen, words = _screen(), _own_words(survey)
    for name in [name for name in survey.questions.index if name in answers]:
        codes, distinct = pd.factorize(answers[name])
        results = [mend(text) if text not in words else Mended(text) for text in distinct]
        if not any(result.rule for result in results):
            continue
        texts = [
            text if result.text in (None, text) else screen(result.text)
            for text, result in zip(distinct, results, strict=True)
        ]
        restored[name] = pd.Series(np.array([*texts, None], dtype=object)[codes], index=answers.index, dtype="str")
        lost[name] = np.array([result.text is None for result in results] + [False])[codes]
        found += _damage_issues(name, codes, list(zip(distinct, results, texts, strict=True)), origin)
    return answers.assign(**restored), lost, found


def _own_words(survey: Survey) -> frozenset[str]:
    """Labels and aliases of the form: never damaged."""
    choices = survey.choices
    labels = {text for code in survey.languages for text in choices[f"label_{code}"]}
    return frozenset(labels | {alias for aliases in choices["aliases"] for alias in aliases})


def _damage_issues(name: str, codes: np.ndarray, results: list[tuple[str, Mended, str]], origin: Origin) -> list[Issue]:
    """One issue per damaged answer."""
    found = []
    for code, (text, result, after) in enumerate(results):
        if result.rule:
            action = "set_missing" if result.text is None else "flagged" if result.text == text else "changed"
            told = {"before": text, "after": None if result.text is None else after, "rule": result.rule}
            found += issue_rows(origin.at(codes == code), kind="damaged_text", action=action, question=name, **told)
    return found


# the questions


def _columns(
    answers: pd.DataFrame,
    origin: Origin,
    survey: Survey,
    *,
    lost: dict[str, np.ndarray],
    emptied: dict[str, np.ndarray],
) -> dict[str, Column]:
    """Every question cleaned, each after those its rules refer to."""
    work = Work(survey, origin, answers.index, _days(answers, survey), lost, emptied)
    done: dict[str, Column] = {}
    for name in order_of_questions(survey):
        done[name] = settle(name, answers[name], done, work)
    return done


def _days(answers: pd.DataFrame, survey: Survey) -> pd.Series | None:
    """The day of each interview, for rules that ask for today()."""
    name = survey.interview.get("date") or survey.interview.get("start")
    if not name or survey.questions.at[name, "type"] not in ("date", "datetime"):
        return None
    read = reader_of(survey, name)
    days = {text: read(text).value for text in answers[name].dropna().unique()}
    moments = typed([days.get(text) for text in answers[name]], name, survey)
    return moments.set_axis(answers.index).dt.normalize()


# whole interviews


def _present(columns: dict[str, Column], origin: Origin, survey: Survey) -> tuple[np.ndarray, list[Issue]]:
    """Which interviews are there, and what is missing in them.

    An interview whose last ``SILENT_SHARE`` of questions, or more, have no answer was sent before its end. It is
    removed where nothing was said about the matter (questions that are no ``quasi`` identifiers, open questions) and no
    more than ``SAID_SHARE`` of all questions have an answer, else flagged once. Of the other interviews every required
    question without answer is told.
    """
    questions = survey.questions
    asked = [columns[name] for name in _body(survey) if name in columns]
    silent, put = _silent_to_the_end(asked)
    half = (silent >= SILENT_SHARE * put) & (silent >= FEWEST_SILENT)
    said = [column.value.notna().to_numpy() for column in asked if _is_matter(questions.loc[column.name])]
    few = sum((column.open & ~column.silent for column in asked), np.zeros(1, dtype=int)) <= SAID_SHARE * put
    nothing = half & few & ~np.any(said, axis=0) if said else np.zeros(len(half), dtype=bool)
    rule = f"no answer to the last {SILENT_SHARE:.0%} of the questions, or more"
    found = [
        *issue_rows(origin.at(nothing), kind="incomplete", action="removed", rule=f"{rule}, and none about the matter"),
        *issue_rows(origin.at(half & ~nothing), kind="incomplete", action="flagged", rule=rule),
    ]
    for name, column in columns.items():
        here = column.unanswered & ~half
        found += issue_rows(origin.at(here), kind="required", action="flagged", question=name, rule="required")
    return ~nothing, found


def _body(survey: Survey) -> list[str]:
    """Questions that are asked, in the order of the form: no calculations, nothing that was withheld."""
    questions = survey.questions
    hidden = questions["sensitivity"].isin(["direct", "special"]) | questions["type"].isin(["note", "calculate"])
    about_interview = {
        survey.interview.get(part) for part in ("id", "respondent", "interviewer", "date", "start", "end")
    }
    return [name for name in questions.index[~hidden] if name not in about_interview]


def _is_matter(question: pd.Series) -> bool:
    """Whether a question is about the matter of the survey, and not about who is asked where."""
    return question["sensitivity"] == "none" or question["type"] == "text"


def _silent_to_the_end(asked: list[Column]) -> tuple[np.ndarray, np.ndarray]:
    """Questions without answer from the end back to the last answer, and all questions put to each interview."""
    silent, unbroken = np.zeros(1, dtype=int), True
    for column in reversed(asked):
        unbroken = unbroken & ~(column.open & ~column.silent)
        silent = silent + (column.silent & unbroken)
    return silent, sum((column.open.astype(int) for column in asked), np.zeros(1, dtype=int))


def _interviews(columns: dict[str, Column], origin: Origin, survey: Survey) -> pd.DataFrame:
    """The table ``interviews``."""
    index = pd.Index(origin.interview, name="interview", dtype="str")
    parts = {
        "file": pd.Series(origin.file, index=index, dtype="str"),
        "row": pd.Series(origin.row, index=index, dtype="Int64"),
    }
    for name in [name for name in survey.questions.index if name in columns]:
        column = columns[name]
        parts[name] = column.value.set_axis(index)
        parts[f"{name}__missing"] = column.missing.set_axis(index)
        if survey.questions.at[name, "type"] == "select_multiple":
            parts |= _flags(name, parts[name], survey)
    return pd.DataFrame(parts, index=index)


def _flags(name: str, values: pd.Series, survey: Survey) -> dict[str, pd.Series]:
    """One flag per option; missing where the question has no value."""
    codes, distinct = pd.factorize(values)
    chosen = [frozenset(value.split()) for value in distinct]
    flags = {}
    for option in dict.fromkeys(survey.options(name).index):
        has = pd.array([option in names for names in chosen] + [None], dtype="boolean")
        flags[f"{name}__{option}"] = pd.Series(has[codes], index=values.index)
    return flags


def _plausible(interviews: pd.DataFrame, origin: Origin, survey: Survey) -> list[Issue]:
    """Interviews that end before they start, or took less than the shortest plausible time."""
    start, end = (survey.interview.get(part) for part in ("start", "end"))
    if not start or not end:
        return []
    minutes = (_minutes(interviews[end]) - _minutes(interviews[start])).to_numpy(dtype=float)
    limit = survey.interview.get("shortest_minutes", 0)
    backwards, short = minutes < 0, (minutes >= 0) & (minutes < limit)
    took = [f"{value:.1f} minutes" for value in minutes[short]]
    rule = f"shorter than {limit:g} minutes"
    return [
        *issue_rows(
            origin.at(backwards), kind="end_before_start", action="flagged", question=end, rule="end before start"
        ),
        *issue_rows(origin.at(short), kind="too_short", action="flagged", before=took, after=took, rule=rule),
    ]


def _minutes(values: pd.Series) -> pd.Series:
    """A time of day or a moment as minutes."""
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        return (values - pd.Timestamp(0)).dt.total_seconds() / 60
    return pd.to_timedelta(values, errors="coerce").dt.total_seconds() / 60
