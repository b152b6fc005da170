"""Which answers come to the desk, and what the browser is told of one: no identifier of a person, no interview id."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from kzsurvey.errors import CodingError, Fault, fail_if

if TYPE_CHECKING:
    from kzsurvey.survey import Survey


class Answer(NamedTuple):
    """One open answer."""

    interview: str
    question: str
    text: str


def open_answers(interviews: pd.DataFrame, questions: Sequence[str]) -> list[Answer]:
    """The answers to be coded, one question after the other, because codes are given more evenly so."""
    return [
        Answer(interview, question, str(text))
        for question in questions
        for interview, text in interviews[question].dropna().items()
        if str(text).strip()
    ]


def coded_questions(survey: "Survey", interviews: pd.DataFrame, wanted: Sequence[str] | None) -> list[str]:
    """The open questions that a scheme of codes is meant for, or those of them that are wanted.

    Raises
    ------
    CodingError
        The survey has no codebook; a wanted question has no scheme, or no column in the interviews.
    """
    coded = list(dict.fromkeys(question for scheme in survey.schemes.values() for question in scheme.questions))
    if not coded or survey.codes.empty:
        raise CodingError(Fault("codes.csv", "no codes", "a codebook, and the questions of its schemes in survey.toml"))
    named = [name for name in coded if name in interviews] if wanted is None else list(wanted)
    allowed = ", ".join(coded)
    if not named:
        raise CodingError(Fault("desk", "no question to code", f"interviews with {allowed}"))
    fail_if((Fault("desk", f"question {name!r}", allowed) for name in named if name not in coded), CodingError)
    fail_if(
        (Fault("interviews", f"no column {name}", allowed) for name in named if name not in interviews), CodingError
    )
    return named


def speaker_questions(survey: "Survey", wanted: Sequence[str] | None) -> list[str]:
    """Questions that say who speaks; without a wish those that results are grouped by, places aside.

    Raises
    ------
    CodingError
        A wanted question is unknown, or would name a person.
    """
    questions, choices = survey.questions, ("select_one", "select_multiple")
    if wanted is None:
        grouped = survey.reports.get("groups", ())
        return [name for name in grouped if name not in survey.places and questions["type"].get(name) == "select_one"]
    faults = [Fault("desk", f"speaker {name!r}", "a question") for name in wanted if name not in questions.index]
    faults += [
        Fault("desk", f"speaker {name!r}", "a closed question", hint="whoever codes sees roles, never persons")
        for name in wanted
        if name in questions.index
        and (questions.at[name, "type"] not in choices or questions.at[name, "sensitivity"] == "direct")
    ]
    fail_if(faults, CodingError)
    return list(wanted)


def speakers(interviews: pd.DataFrame, survey: "Survey", questions: Sequence[str]) -> dict[str, dict[str, str]]:
    """Who speaks in each interview, in each language: the labels of the answers to some closed questions."""
    labels = {question: _labels(survey, question) for question in questions if question in interviews}
    result: dict[str, dict[str, str]] = {}
    for interview, row in interviews[list(labels)].iterrows():
        said = [labels[question].get(row[question], {}) for question in labels if pd.notna(row[question])]
        result[interview] = {
            language: " · ".join(label[language] for label in said if label.get(language))
            for language in survey.languages
        }
    return result


def question_labels(survey: "Survey", questions: Sequence[str]) -> dict[str, dict[str, str]]:
    """The wording of each question in each language."""
    return {
        question: {language: survey.questions.at[question, f"label_{language}"] for language in survey.languages}
        for question in questions
    }


def _labels(survey: "Survey", question: str) -> Mapping[str, dict[str, str]]:
    choices = survey.choices[survey.choices["list_name"] == survey.questions.at[question, "list_name"]]
    return {
        row["name"]: {language: row[f"label_{language}"] for language in survey.languages}
        for _, row in choices.iterrows()
    }
