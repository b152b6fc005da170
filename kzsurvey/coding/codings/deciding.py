"""What people decided in the end: the adjudication, or what all who read an answer agree on; no more than that."""

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kzsurvey.coding.codings.replaying import ANSWER
from kzsurvey.coding.codings.standing import REASONS, Codings
from kzsurvey.coding.versions.steps import codes_at
from kzsurvey.errors import CodingError, Fault, fail_if

if TYPE_CHECKING:
    from kzsurvey.survey import Survey

TEXT = ["interview", "question"]
SEVERAL = ("agreed", "majority")
UNSETTLED = ("refuse", "leave out")
_SAID_NOTHING = ("no_answer", "dont_know")  # asked, and there is nothing to read


def decided_sets(codings: Codings) -> pd.DataFrame:
    """The codes of every decided answer, by coder.

    Parameters
    ----------
    codings : Codings

    Returns
    -------
    DataFrame, one row per answer and coder who decided it
        ``coder``, ``role``, ``interview``, ``question``, ``codes`` (tuple, in order; empty where nothing applies),
        ``time`` (of the last decision), ``codebook``.
    """
    answers = codings.answers[codings.answers["decided"]].reset_index(drop=True)
    given = codings.spans[[*ANSWER, "code"]].drop_duplicates().sort_values([*ANSWER, "code"])
    keys = pd.MultiIndex.from_frame(answers[ANSWER])
    row = keys.get_indexer(pd.MultiIndex.from_frame(given[ANSWER]))
    given, row = given[row >= 0], row[row >= 0]
    codes = np.empty(len(answers), dtype=object)
    borders = np.searchsorted(row, np.arange(len(answers) + 1))
    said = given["code"].tolist()
    codes[:] = [tuple(said[low:high]) for low, high in pairwise(borders)]
    return answers[ANSWER].assign(codes=codes, time=answers["time"], codebook=answers["codebook"])


def final_codes(codings: Codings, *, several: str = "agreed") -> pd.DataFrame:
    """The codes of every answer that people are done with.

    Parameters
    ----------
    codings : Codings
    several : {"agreed", "majority"}
        Of answers that several coders decided and nobody adjudicated: those where all gave the same codes; or the codes
        that more than half of them gave (of two coders: both).

    Returns
    -------
    DataFrame, one row per answer
        ``interview``, ``question``, ``codes`` (tuple), ``by`` (names; ``adjudicator:<name>`` where it was adjudicated).

    Notes
    -----
    The last adjudication of an answer holds, whatever coders say.

    Examples
    --------
    >>> import shutil, tempfile
    >>> import kzsurvey as kz
    >>> from kzsurvey.coding import entry, read_codings, record
    >>> survey = kz.read_survey(shutil.copytree("tests/surveys/data/raw/market", tempfile.mkdtemp() + "/market"))
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> for coder, code in (("ann", "T1.1"), ("ben", "T1.1")):
    ...     given = entry("add", "M01", "troubles", interviews.at["M01", "troubles"], code=code)
    ...     made = record(survey, coder, given)
    >>> codings = read_codings(survey, interviews)
    >>> final_codes(codings).to_dict("records")
    [{'interview': 'M01', 'question': 'troubles', 'codes': ('T1.1',), 'by': 'ann+ben'}]
    """
    if several not in SEVERAL:
        raise ValueError(f"several={several!r}: allowed are {', '.join(SEVERAL)}")
    sets = decided_sets(codings)
    judged = sets[sets["role"] == "adjudicator"].sort_values("time").drop_duplicates(TEXT, keep="last")
    judged = judged.assign(by="adjudicator:" + judged["coder"])
    open_ones = sets[(sets["role"] == "coder") & ~_among(sets, judged)]
    settled = _agreed(open_ones) if several == "agreed" else _majority(open_ones)
    columns = [*TEXT, "codes", "by"]
    return pd.concat([judged[columns], settled[columns]]).sort_values(TEXT, ignore_index=True)


def disagreements(codings: Codings) -> pd.DataFrame:
    """Answers that coders decided differently, and nobody has adjudicated yet.

    Parameters
    ----------
    codings : Codings

    Returns
    -------
    DataFrame, one row per answer and coder
        ``interview``, ``question``, ``coder``, ``codes`` (tuple).

    Examples
    --------
    >>> import shutil, tempfile
    >>> import kzsurvey as kz
    >>> from kzsurvey.coding import entry, read_codings, record
    >>> survey = kz.read_survey(shutil.copytree("tests/surveys/data/raw/market", tempfile.mkdtemp() + "/market"))
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> for coder, code in (("ann", "T1.1"), ("ben", "T2")):
    ...     given = entry("add", "M01", "troubles", interviews.at["M01", "troubles"], code=code)
    ...     made = record(survey, coder, given)
    >>> codings = read_codings(survey, interviews)
    >>> disagreements(codings)[["coder", "codes"]].to_dict("list")
    {'coder': ['ann', 'ben'], 'codes': [('T1.1',), ('T2',)]}
    """
    sets = decided_sets(codings)
    judged = _among(sets, sets[sets["role"] == "adjudicator"])
    coders = sets[(sets["role"] == "coder") & ~judged]
    differing = coders.groupby(TEXT)["codes"].transform("nunique") > 1
    return coders.loc[differing, [*TEXT, "coder", "codes"]].sort_values([*TEXT, "coder"], ignore_index=True)


def human_codes(
    codings: Codings,
    interviews: pd.DataFrame,
    survey: "Survey",
    *,
    several: str = "agreed",
    unsettled: str = "refuse",
) -> pd.DataFrame:
    """The codes of interviews by hand, in the shape of the codes in ``analysis``.

    Parameters
    ----------
    codings : Codings
    interviews : DataFrame, one row per interview
    survey : Survey
    several : {"agreed", "majority"}, as of :func:`final_codes`
    unsettled : {"refuse", "leave out"}
        What becomes of answers that coders decided differently, or that have to be decided again: they are not like the
        others, so that shares without them are wrong.

    Returns
    -------
    DataFrame, one row per interview, one column per code of the version
        ``code_<code>`` (``_`` for ``.``): 1 where the code or one below it was given, 0 where it was not; missing where
        people are not done with all answers that the code's scheme reads, or none of its questions was asked.
        An interview that was asked and had nothing to say is 0 without being read.

    Raises
    ------
    CodingError
        Answers are unsettled: so many wait for an adjudication, so many in the queue, and why.

    Examples
    --------
    >>> import kzsurvey as kz
    >>> from kzsurvey.coding import read_codings
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> human_codes(read_codings(survey, interviews), interviews, survey).notna().sum().to_dict()
    {'code_T1': 2, 'code_T1_1': 2, 'code_T2': 2}
    """
    if unsettled not in UNSETTLED:
        raise ValueError(f"unsettled={unsettled!r}: allowed are {', '.join(UNSETTLED)}")
    fail_if(_unsettled(codings, several) if unsettled == "refuse" else (), CodingError)
    final = final_codes(codings, several=several)
    tree = codes_at(survey, codings.version)
    given = with_parents(final.explode("codes").dropna(subset="codes").rename(columns={"codes": "code"}), tree)
    columns = {}
    for scheme in survey.schemes.values():
        done = _done(interviews, scheme.questions, final)
        mine = given[given["question"].isin(scheme.questions)]
        for code in tree.index[tree["scheme"] == scheme.name]:
            who = mine.loc[mine["code"] == code, "interview"]
            value = pd.Series(interviews.index.isin(who), index=interviews.index).astype("Int64")
            columns[column_of(code)] = value.where(done)
    return pd.DataFrame(columns, index=interviews.index)


def human_shares(
    codings: Codings,
    interviews: pd.DataFrame,
    survey: "Survey",
    *,
    several: str = "agreed",
    unsettled: str = "refuse",
) -> pd.DataFrame:
    """How many of the interviews that people are done with have each code, under the codings' version of the codebook.

    Parameters
    ----------
    codings, interviews, survey, several, unsettled : as of :func:`human_codes`

    Returns
    -------
    DataFrame, one row per code, in the order of their names
        ``code``, ``n`` (interviews done), ``count`` (with the code), ``share`` (missing where none is done).

    Notes
    -----
    For the shares of an earlier version: ``human_shares(read_codings(survey, interviews, version=2), ...)``. They stay
    what they were, to the byte, while coding goes on under a later version. They are shares of the interviews coded by
    hand, not corrected to all of them.

    Examples
    --------
    >>> import kzsurvey as kz
    >>> from kzsurvey.coding import read_codings
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> human_shares(read_codings(survey, interviews), interviews, survey)[["code", "n", "count"]].to_dict("list")
    {'code': ['T1', 'T1.1', 'T2'], 'n': [2, 2, 2], 'count': [0, 0, 0]}
    """
    # in the order of their names: that of codes.csv is not the order it once had
    codes = sorted(codes_at(survey, codings.version).index)
    table = human_codes(codings, interviews, survey, several=several, unsettled=unsettled)
    table = table[[column_of(code) for code in codes]]
    n, count = table.notna().sum().to_numpy(), table.sum().astype("int64").to_numpy()
    share = np.divide(count, n, out=np.full(len(n), np.nan), where=n > 0)
    return pd.DataFrame({"code": pd.array(codes, dtype="str"), "n": n, "count": count, "share": share})


def with_parents(given: pd.DataFrame, tree: pd.DataFrame) -> pd.DataFrame:
    """Codes, and with each of them all codes above it.

    Parameters
    ----------
    given : DataFrame with ``code``
    tree : DataFrame, one row per code, index ``code``, with ``parent``
    """
    parents = {code: parent for code, parent in tree["parent"].items() if parent}
    level, levels = given, [given]
    while len(level := level.assign(code=level["code"].map(parents)).dropna(subset="code")):
        levels.append(level)
    return pd.concat(levels, ignore_index=True).drop_duplicates(ignore_index=True)


def column_of(code: str) -> str:
    """The column of a code in ``analysis``.

    Examples
    --------
    >>> column_of("P1.1")
    'code_P1_1'
    """
    return f"code_{code.replace('.', '_')}"


def _unsettled(codings: Codings, several: str) -> Iterator[Fault]:
    """Why some answers cannot be counted, and others like them can."""
    if several == "agreed" and (count := len(disagreements(codings)[TEXT].drop_duplicates())):
        hint = 'adjudicate them (kzsurvey.coding.disagreements lists them), or several="majority"'
        yield Fault("codings", f"{count} answers that coders decided differently", "one decision", hint=hint)
    for reason, count in codings.queue.drop_duplicates([*ANSWER, "reason"])["reason"].value_counts(sort=False).items():
        found, hint = f"{count} answers to decide again: {REASONS[reason]}", "codings.queue lists them"
        yield Fault("codings", found, "answers that are decided", hint=hint)


def _agreed(sets: pd.DataFrame) -> pd.DataFrame:
    """Answers of which all coders say the same."""
    groups = sets.groupby(TEXT)
    alike = sets[groups["codes"].transform("nunique") == 1]
    names = alike.groupby(TEXT)["coder"].agg("+".join)
    return alike.drop_duplicates(TEXT).merge(names.rename("by"), on=TEXT)


def _majority(sets: pd.DataFrame) -> pd.DataFrame:
    """The codes that more than half of the coders of an answer gave."""
    names = sets.groupby(TEXT)["coder"].agg(["+".join, "size"]).set_axis(["by", "coders"], axis=1).reset_index()
    given = sets.explode("codes").groupby([*TEXT, "codes"]).size().rename("times").reset_index()
    given = given.merge(names, on=TEXT)
    kept = given[2 * given["times"] > given["coders"]].groupby(TEXT)["codes"].agg(lambda codes: tuple(sorted(codes)))
    codes = kept.reindex(pd.MultiIndex.from_frame(names[TEXT]))
    return names.assign(codes=[each if isinstance(each, tuple) else () for each in codes])


def _among(rows: pd.DataFrame, others: pd.DataFrame) -> np.ndarray:
    """Which rows are about an answer that the others are about too."""
    return pd.MultiIndex.from_frame(rows[TEXT]).isin(pd.MultiIndex.from_frame(others[TEXT]))


def _done(interviews: pd.DataFrame, questions: tuple[str, ...], final: pd.DataFrame) -> pd.Series:
    """Interviews that were asked at least one of the questions, and all of whose answers people are done with."""
    heard = pd.Series(False, index=interviews.index)
    open_ones = pd.Series(False, index=interviews.index)
    for question in questions:
        text = interviews[question] if question in interviews else pd.Series(pd.NA, index=interviews.index)
        why = interviews.get(f"{question}__missing", pd.Series(pd.NA, index=interviews.index))
        read = interviews.index.isin(final.loc[final["question"] == question, "interview"])
        heard |= text.notna() | why.isin(_SAID_NOTHING)
        open_ones |= text.notna() & ~read
    return heard & ~open_ones
