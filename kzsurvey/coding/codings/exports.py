"""Codes for other programs and for the text of a report: cases by codes, codes by codes, words that were said."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kzsurvey.coding.codings.deciding import column_of, with_parents
from kzsurvey.errors import CodingError, Fault, fail_if
from kzsurvey.survey.sheets import listed, near

if TYPE_CHECKING:
    from kzsurvey.survey import Survey

TEXT = ["interview", "question"]
WITHIN = ("interview", "answer", "overlap")


def case_by_code(
    mentions: pd.DataFrame, interviews: pd.DataFrame, survey: "Survey", *, unit: str = "interview"
) -> pd.DataFrame:
    """A table of 0 and 1: which case has which code.

    Parameters
    ----------
    mentions : DataFrame, one row per mention
        Every row counts: ``mentions[mentions["stands"]]`` is what ``analysis`` counts, ``mentions[mentions["coder"] ==
        "ann"]`` what Ann coded.
    interviews : DataFrame, one row per interview
    survey : Survey
    unit : {"interview", "answer"}

    Returns
    -------
    DataFrame, one row per interview (or per open answer: ``interview``, ``question``), one column per code
        1 where the code or one below it was given, else 0; missing where no question that it is for has an answer.

    Examples
    --------
    >>> import kzsurvey as kz
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> case_by_code(kz.code(interviews, survey), interviews, survey).head(3).to_dict("list")
    {'code_T1': [1, 0, 0], 'code_T1_1': [1, 0, 0], 'code_T2': [0, 0, 1]}
    """
    if unit not in WITHIN[:2]:
        raise ValueError(f"unit={unit!r}: allowed are interview, answer")
    questions = list(dict.fromkeys(name for each in survey.schemes.values() for name in each.questions))
    asked = interviews.reindex(columns=questions)
    keys = ["interview"] if unit == "interview" else TEXT
    answers = asked.rename_axis("interview").reset_index().melt("interview", var_name="question").dropna()
    cases = interviews.index if unit == "interview" else pd.MultiIndex.from_frame(answers[TEXT])
    given = with_parents(mentions[[*TEXT, "code"]].drop_duplicates(), survey.codes)
    columns = {}
    for scheme in survey.schemes.values():
        there = answers.loc[answers["question"].isin(scheme.questions), keys]
        known = pd.Series(cases.isin(_index(there)), index=cases)
        for code in survey.codes.index[survey.codes["scheme"] == scheme.name]:
            has = cases.isin(_index(given.loc[given["code"] == code, keys]))
            columns[column_of(code)] = pd.Series(has, index=cases).astype("Int64").where(known)
    return pd.DataFrame(columns, index=cases)


def code_by_code(mentions: pd.DataFrame, survey: "Survey", *, within: str = "interview") -> pd.DataFrame:
    """How often two codes occur together.

    Parameters
    ----------
    mentions : DataFrame, one row per mention
        Every row counts, as of :func:`case_by_code`.
    survey : Survey
    within : {"interview", "answer", "overlap"}
        What they have in common: an interview, an answer, or a stretch of an answer (answers are counted).

    Returns
    -------
    DataFrame, one row and one column per code
        Counts of interviews, or of answers; in the diagonal those with the code at all. A code counts with those above
        it. Withhold small counts before you publish them.

    Examples
    --------
    >>> import kzsurvey as kz
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> code_by_code(kz.code(interviews, survey), survey).to_numpy().tolist()
    [[6, 6, 1], [6, 6, 1], [1, 1, 7]]
    """
    if within not in WITHIN:
        raise ValueError(f"within={within!r}: allowed are {', '.join(WITHIN)}")
    codes = survey.codes.index
    columns = ["interview"] if within == "interview" else TEXT if within == "answer" else [*TEXT, "start", "end"]
    given = with_parents(mentions[[*columns, "code"]].drop_duplicates(), survey.codes)
    counts = _overlapping(given, codes) if within == "overlap" else _together(given, columns, codes)
    return pd.DataFrame(counts, index=codes, columns=codes)


def quotes(
    mentions: pd.DataFrame,
    interviews: pd.DataFrame,
    survey: "Survey",
    *,
    screen: Callable[[str], str],
    by: Sequence[str] = (),
) -> pd.DataFrame:
    """What was said, code by code, without who said it.

    Parameters
    ----------
    mentions : DataFrame, one row per mention
        Every row counts, as of :func:`case_by_code`.
    interviews : DataFrame, one row per interview
        The words are taken from its answers, which were screened when they were read, never from files of codings.
    survey : Survey
    screen : function of a text
        Takes personal data out once more, of the words alone: :func:`kzsurvey.cleaning.answer_screen`.
    by : names of columns of ``interviews``
        What is told of who said it, as a county and a role.

    Returns
    -------
    DataFrame, one row per quote, in the order of codes, then of words
        ``code``, ``question``, ``quote``, the columns of ``by``, ``withheld``. No interview, no coder, no memo. Codes
        named in fewer interviews than the survey's smallest cell have one row without words, ``withheld``; where the
        interviews alike in all of ``by`` are fewer, those columns are missing.

    Raises
    ------
    CodingError
        ``by`` names what is no column, or what is open, direct or special.

    Examples
    --------
    >>> import kzsurvey as kz
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> from kzsurvey.cleaning import answer_screen
    >>> said = quotes(kz.code(interviews, survey), interviews, survey, screen=answer_screen(survey))
    >>> said[["code", "quote"]].head(3).to_dict("list")
    {'code': ['T1.1', 'T1.1', 'T1.1'], 'quote': ['房租贵', '摊位费太高', '摊位费年年涨']}
    """
    fail_if(_group_faults(by, interviews, survey), CodingError)
    rows = mentions[[*TEXT, "start", "end", "code"]].drop_duplicates()
    words = [interviews.at[row.interview, row.question][row.start : row.end] for row in rows.itertuples()]
    screened = {word: screen(word) for word in set(words)}
    rows = rows.assign(quote=pd.Series([screened[word] for word in words], index=rows.index, dtype="str"))
    few = rows.groupby("code")["interview"].transform("nunique") < survey.smallest_cell
    rows = rows.join(_groups(interviews, list(by), survey.smallest_cell), on="interview").assign(withheld=few)
    rows = pd.concat([rows[~few], rows.loc[few, ["code", "withheld"]].drop_duplicates()])
    rows = rows.assign(place=survey.codes.index.get_indexer(rows["code"]))
    rows = rows.sort_values(["place", "question", "quote"], kind="stable", ignore_index=True)
    return rows[["code", "question", "quote", *by, "withheld"]]


def _groups(interviews: pd.DataFrame, by: list[str], smallest: int) -> pd.DataFrame:
    """What may be told of interviews: nothing where few are alike in all of it."""
    groups = interviews[by]
    if not by:
        return groups
    size = groups.groupby(by, dropna=False, observed=True)[by[0]].transform("size")
    return groups.where(size >= smallest)


def _index(rows: pd.DataFrame) -> pd.Index:
    return pd.MultiIndex.from_frame(rows) if rows.shape[1] > 1 else pd.Index(rows.iloc[:, 0])


def _together(given: pd.DataFrame, columns: list[str], codes: pd.Index) -> np.ndarray:
    """Units that have both of two codes."""
    unit = given.groupby(columns, sort=False).ngroup().to_numpy()
    has = np.zeros((unit.max(initial=-1) + 1, len(codes)), dtype=np.int64)
    has[unit, codes.get_indexer(given["code"])] = 1
    return has.T @ has


def _overlapping(given: pd.DataFrame, codes: pd.Index) -> np.ndarray:
    """Answers in which a stretch with one code shares a character with a stretch with the other."""
    place = given.assign(place=codes.get_indexer(given["code"]))[[*TEXT, "start", "end", "place"]]
    pairs = place.merge(place, on=TEXT, suffixes=("", "_other"))
    pairs = pairs[(pairs["start"] < pairs["end_other"]) & (pairs["start_other"] < pairs["end"])]
    pairs = pairs.drop_duplicates([*TEXT, "place", "place_other"])
    counts = np.zeros((len(codes), len(codes)), dtype=np.int64)
    np.add.at(counts, (pairs["place"].to_numpy(), pairs["place_other"].to_numpy()), 1)
    return counts


def _group_faults(by: Sequence[str], interviews: pd.DataFrame, survey: "Survey") -> list[Fault]:
    """Columns that nobody may be told by."""
    questions = survey.questions
    told = questions.index[questions["sensitivity"].isin(["none", "quasi"]) & (questions["type"] != "text")]
    known = [name for name in told if name in interviews]
    unknown = [name for name in by if name not in known]
    return [Fault("quotes", f"by {name!r}", listed(known), column=name, hint=near(name, known)) for name in unknown]
