"""True answers as a careful field team would write them, and which team that is."""

import pandas as pd

from kzsurvey.errors import DefinitionError, Fault
from kzsurvey.simulate.plan import FILE, Written
from kzsurvey.survey import Survey, compile_expression

BETWEEN_LABELS = ";"


def as_written(interviews: pd.DataFrame, labels: pd.Series, survey: Survey) -> pd.DataFrame:
    """True answers as text, one column per question that is delivered (no notes, no calculations).

    Parameters
    ----------
    interviews : DataFrame, one row per interview, typed
    labels : Series of str
        Language in which the interview's team writes labels of options; empty where it writes names.
    survey : Survey

    Returns
    -------
    DataFrame, one row per interview
        Empty text where there is no answer.
    """
    kinds = survey.questions["type"]
    columns = {q: _text(interviews[q], kinds[q]) for q in kinds.index[~kinds.isin(["note", "calculate"])]}
    for question, text in columns.items():
        if kinds[question].startswith("select"):
            columns[question] = _with_labels(text, labels, survey, question)
    return pd.DataFrame(columns, index=interviews.index, dtype="str")


def _text(values: pd.Series, kind: str) -> pd.Series:
    """Answers of one question as text."""
    forms = {
        "integer": lambda value: f"{value:d}",
        "decimal": lambda value: f"{value:.6f}".rstrip("0").rstrip("."),
        "date": lambda value: f"{value:%Y-%m-%d}",
        "datetime": lambda value: f"{value:%Y-%m-%d %H:%M}",
        "time": lambda value: value[:5],
    }
    form = forms.get(kind, str)
    written = [form(value) if known else "" for value, known in zip(values, values.notna(), strict=True)]
    return pd.Series(written, index=values.index, dtype="str")


def _with_labels(text: pd.Series, labels: pd.Series, survey: Survey, question: str) -> pd.Series:
    """Names of options replaced by their labels, where the team writes labels."""
    options = survey.options(question)
    for language in sorted(set(labels) - {""}):
        words = options[f"label_{language}"].to_dict() | {"": ""}
        if survey.questions.at[question, "type"] == "select_multiple":
            told = text.map(lambda names, words=words: BETWEEN_LABELS.join(words[name] for name in names.split()))
        else:
            told = text.map(words)
        text = text.where(labels != language, told)
    return text


def teams_of(interviews: pd.DataFrame, files: tuple[Written, ...], survey: Survey) -> pd.Series:
    """Which file each interview is sent in; the first whose ``where`` it meets.

    Raises
    ------
    DefinitionError
        An interview that no file takes.
    """
    teams = pd.Series("", index=interviews.index, dtype="str")
    for team in files:
        meets = pd.Series(True, index=interviews.index)
        if team.where:
            place = f"files {team.file}"
            expression = compile_expression(team.where, names=survey.questions.index, file=FILE, column=place)
            meets = expression.mask(interviews)
        teams = teams.mask((teams == "") & meets, team.file)
    if (left := int((teams == "").sum())) > 0:
        raise DefinitionError(Fault(FILE, f"{left} interviews that no file takes", "files for all", column="files"))
    return teams
