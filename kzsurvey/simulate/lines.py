"""What goes wrong with whole interviews: sent twice, sent half, sent under another id, answers nobody asked for."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from kzsurvey.simulate.mess import Planted, count_of
from kzsurvey.survey import Survey

Result = tuple[pd.DataFrame, list[Planted]]


def spoil_lines(
    sheet: pd.DataFrame, survey: Survey, mess: Mapping[str, Mapping[str, Any]], generator: np.random.Generator
) -> Result:
    """Plant the faults that concern whole interviews.

    Parameters
    ----------
    sheet : DataFrame, one row per line to be delivered
        Text; the index is the order of the lines, a line added after line 7 is 7.5.
    survey : Survey
    mess : mapping of kind to settings
    generator : numpy Generator

    Returns
    -------
    sheet : DataFrame
    planted : list of Planted
    """
    planted: list[Planted] = []
    untouched = list(generator.permutation(sheet.index.to_numpy()))
    for kind, setting in mess.items():
        if kind in ROWS:
            wanted = count_of(setting, len(sheet))
            chosen, untouched = untouched[:wanted], untouched[wanted:]
            for line in chosen:
                sheet, found = ROWS[kind](sheet, line, survey, generator)
                planted += found
    return sheet.sort_index(), planted


def _duplicate_id(sheet: pd.DataFrame, line: float, survey: Survey, generator: np.random.Generator) -> Result:
    """The same interview a second time."""
    return _added(sheet, line, sheet.loc[line], "duplicate_id", survey, generator, "removed")


def _conflicting_id(sheet: pd.DataFrame, line: float, survey: Survey, generator: np.random.Generator) -> Result:
    """The same id with less and other content: an earlier, half-filled version."""
    row = sheet.loc[line].copy()
    answered = [question for question in _substance(sheet, survey) if row[question]]
    row[answered[len(answered) // 2 :]] = ""
    row[survey.interview["interviewer"]] += "b"
    return _added(sheet, line, row, "conflicting_id", survey, generator, "removed")


def _duplicate_content(sheet: pd.DataFrame, line: float, survey: Survey, generator: np.random.Generator) -> Result:
    """The same answers under a new id."""
    row = sheet.loc[line].copy()
    row[survey.interview["id"]] = _new_id(sheet, survey)
    return _added(sheet, line, row, "duplicate_content", survey, generator, "removed")


def _near_duplicate(sheet: pd.DataFrame, line: float, survey: Survey, generator: np.random.Generator) -> Result:
    """The same answers but one, under a new id."""
    row = sheet.loc[line].copy()
    row[survey.interview["id"]] = _new_id(sheet, survey)
    scales = [q for q in sheet if survey.questions.at[q, "type"] == "select_one" and row[q] and q not in _fixed(survey)]
    question = scales[generator.integers(len(scales))]
    others = sorted({text for text in sheet[question] if text not in ("", row[question])})
    row[question] = others[generator.integers(len(others))] if others else ""
    return _added(sheet, line, row, "near_duplicate", survey, generator, "flagged")


def _incomplete(sheet: pd.DataFrame, line: float, survey: Survey, generator: np.random.Generator) -> Result:
    """Sent before its end: everything after some question is empty; nothing substantive in every other case."""
    substance = _substance(sheet, survey)
    empty = generator.random() < 0.5
    answered = [question for question in substance if sheet.at[line, question]]
    row = sheet.loc[line].copy()
    row[substance if empty else answered[len(answered) // 3 :]] = ""
    if survey.interview.get("end"):
        row[survey.interview["end"]] = ""
    if not empty:
        sheet = sheet.copy()
        sheet.loc[line] = row
        return sheet, [Planted(line, "", "incomplete", row[survey.interview["id"]], "", "flagged")]
    row[survey.interview["id"]] = _new_id(sheet, survey)
    return _added(sheet, line, row, "incomplete", survey, generator, "removed")


def _empty_id(sheet: pd.DataFrame, line: float, survey: Survey, generator: np.random.Generator) -> Result:
    """A line without an id: a copy whose id was wiped out."""
    row = sheet.loc[line].copy()
    row[survey.interview["id"]] = ""
    return _added(sheet, line, row, "empty_id", survey, generator, "removed")


ROWS: dict[str, Callable[[pd.DataFrame, float, Survey, np.random.Generator], Result]] = {
    "duplicate_id": _duplicate_id,
    "conflicting_id": _conflicting_id,
    "duplicate_content": _duplicate_content,
    "near_duplicate": _near_duplicate,
    "incomplete": _incomplete,
    "empty_id": _empty_id,
}


def fill_not_asked(
    sheet: pd.DataFrame,
    asked: pd.DataFrame,
    teams: pd.Series,
    setting: Mapping[str, Any],
    generator: np.random.Generator,
) -> Result:
    """Answers where the form asks nothing, as another person of the same file gave them.

    Parameters
    ----------
    sheet, asked : DataFrame, one row per interview
        Text; and whether the question was to be asked.
    teams : Series of str
        File of each interview.
    setting : mapping
        ``questions`` it befalls, ``share`` or ``count`` of their cells.
    generator : numpy Generator

    Returns
    -------
    sheet : DataFrame
    planted : list of Planted
    """
    sheet, planted = sheet.copy(), []
    questions = list(setting["questions"])
    lines, numbers = np.nonzero(~asked[questions].to_numpy())
    for k in generator.permutation(len(lines))[: count_of(setting, len(lines))]:
        line, question = sheet.index[lines[k]], questions[numbers[k]]
        others = sheet.loc[(teams == teams[line]) & asked[question] & (sheet[question] != ""), question]
        if len(others):
            answer = others.iloc[generator.integers(len(others))]
            sheet.at[line, question] = answer
            planted.append(Planted(line, question, "skip", answer, "", "not_asked"))
    return sheet, planted


def _added(sheet, line, row, kind, survey, generator, expected) -> Result:
    """The sheet with one more line, some lines below the one it was made from."""
    position = line + float(generator.integers(1, 10_000)) / 20_000
    extra = pd.DataFrame([row.to_list()], columns=sheet.columns, index=[position], dtype="str")
    truth = sheet.at[line, survey.interview["id"]]
    planted = Planted(position, "", kind, row[survey.interview["id"]], truth, expected)
    return pd.concat([sheet, extra]), [planted]


def _new_id(sheet: pd.DataFrame, survey: Survey) -> str:
    """The next id in the manner of the others."""
    ids = sheet[survey.interview["id"]]
    longest = max(ids[ids != ""], key=lambda written: (len(written), written))
    stem = longest.rstrip("0123456789")
    return f"{stem}{int(longest[len(stem) :] or 0) + 1:0{max(len(longest) - len(stem), 1)}d}"


def _fixed(survey: Survey) -> set[str]:
    """Questions about the interview itself: nothing substantive."""
    parts = [value for value in survey.interview.values() if isinstance(value, str)]
    return {*parts, *survey.places, *survey.questions.index[survey.questions["sensitivity"] == "direct"]}


def _substance(sheet: pd.DataFrame, survey: Survey) -> list[str]:
    """Questions that tell more than who, where and when, in the order of the sheet."""
    return [q for q in sheet if q not in _fixed(survey) and not survey.questions.at[q, "required"]]
