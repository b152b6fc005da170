"""Simulated coders at work on simulated answers: what people with known errors would write down, in their own files.

For trying what comes after coding (agreement, queues, corrected shares) before anybody has; never on real answers.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey import tables
from kzsurvey.coding import Entry, disagreements, entry, fold, read_codings, record
from kzsurvey.errors import CodingError, Fault, fail_if
from kzsurvey.modelling import draw_coding_sample
from kzsurvey.simulate import draw_truth
from kzsurvey.survey import Survey, read_survey


class Coder(NamedTuple):
    """A simulated coder.

    Attributes
    ----------
    name : str, of the file
    misses : float, share of what was said that gets no code
    confuses : float, share of it that gets a code beside the right one
    adds : float, share of answers that get a code for something nobody said
    """

    name: str
    misses: float = 0.08
    confuses: float = 0.04
    adds: float = 0.02


def rehearse_coding(
    folder: str | Path,
    *,
    sample: int = 120,
    coded: int = 110,
    both: int = 40,
    coders: tuple[Coder, Coder] = (Coder("chen"), Coder("gulnar", misses=0.12, confuses=0.06)),
    adjudicator: str = "lin",
    interviews: int = 500,
    seed: int = 1,
) -> list[Path]:
    """Draw a sample of the interviews of a built, simulated survey and let simulated coders code it.

    Parameters
    ----------
    folder : path
        The survey, built; its answers were simulated with the same ``interviews`` and ``seed``.
    sample : int, interviews drawn
    coded : int, the first of them, in the order drawn, that the first coder has coded so far
    both : int, the first of them that the second coder has coded too
    coders : two Coders
    adjudicator : str
        Settles every answer on which the two differ, always rightly.
    interviews, seed : int

    Returns
    -------
    list of Path
        ``coding_sample.csv`` and the files of the coders.

    Raises
    ------
    CodingError
        Answers that are not simulated; a survey that has been coded already; a survey that has not been simulated so.

    Examples
    --------
    >>> rehearse_coding("data/raw/kizilsu")
    Traceback (most recent call last):
    kzsurvey.errors.CodingError: codings: found codings that are there already; allowed: a survey that nobody has coded
    """
    survey = read_survey(folder)
    fail_if(_faults(survey), CodingError)
    random = np.random.default_rng(seed)
    answers = tables.read_processed(survey, "interviews")
    said = _said(answers, draw_truth(survey, interviews, seed).mentions, survey)
    drawn = draw_coding_sample(tables.read_processed(survey, "analysis"), survey, sample, seed=seed).index
    for coder, count in zip(coders, (coded, both), strict=True):
        record(survey, coder.name, list(_coded(said, drawn[:count], coder, survey, random)))
    differing = disagreements(read_codings(survey, answers))[["interview", "question"]].drop_duplicates()
    settled = said[pd.MultiIndex.from_frame(said[["interview", "question"]]).isin(pd.MultiIndex.from_frame(differing))]
    right = Coder(adjudicator, misses=0.0, confuses=0.0, adds=0.0)
    judged = list(_coded(settled, settled["interview"].unique(), right, survey, random))
    if judged:
        record(survey, adjudicator, judged, role="adjudicator")
    names = [*(coder.name for coder in coders), *([adjudicator] if judged else [])]
    return [survey.folder / "coding_sample.csv", *(survey.folder / "codings" / f"{name}.csv" for name in names)]


def _faults(survey: Survey) -> Iterator[Fault]:
    """Why this survey is none to rehearse on."""
    if list((survey.folder / "codings").glob("*.csv")):
        yield Fault("codings", "codings that are there already", "a survey that nobody has coded")
    if not survey.simulated:
        yield Fault("survey.toml", "simulated = false", "simulated answers", column="simulated")


def _said(answers: pd.DataFrame, truth: pd.DataFrame, survey: Survey) -> pd.DataFrame:
    """One row per answer to read: its text as cleaned, and what is truly said in it, found again in that text."""
    wanted = truth[(truth["code"] != "") & ~truth["negated"].astype(bool)]
    clauses = {key: rows for key, rows in wanted.groupby(["interview", "question"])}
    questions = dict.fromkeys(question for scheme in survey.schemes.values() for question in scheme.questions)
    rows = []
    for question in questions:
        texts = answers[question].dropna().astype("str")
        folded = dict(zip(texts.index, fold(texts), strict=True))
        for interview, text in texts.items():
            own = clauses.get((interview, question))
            found = [] if own is None else [_place(folded[interview], row) for row in own.itertuples()]
            rows.append({"interview": interview, "question": question, "text": text, "codes": found})
    return pd.DataFrame(rows)


def _place(answer: object, row: object) -> tuple[int | None, int | None, str]:
    """Where a clause stands in the answer; the whole answer where cleaning or a field team has changed its words."""
    words = fold([row.clause])[0].text
    at = answer.text.find(words) if words else -1
    return (*answer.span(at, at + len(words)), row.code) if at >= 0 else (None, None, row.code)


def _coded(
    said: pd.DataFrame, interviews: pd.Index, coder: Coder, survey: Survey, random: np.random.Generator
) -> Iterator[Entry]:
    """The actions of one coder, answer by answer in the order of the sample."""
    place = {interview: number for number, interview in enumerate(interviews)}
    mine = said[said["interview"].isin(place)].assign(order=said["interview"].map(place))
    for row in mine.sort_values("order", kind="stable").itertuples():
        allowed = _codes_for(row.question, survey)
        given = [one for one in row.codes if random.random() >= coder.misses]
        given = [
            (*one[:2], _other(one[2], allowed, random)) if random.random() < coder.confuses else one for one in given
        ]
        if random.random() < coder.adds:
            given.append((None, None, allowed[int(random.integers(len(allowed)))]))
        about = (row.interview, row.question, row.text)
        for start, end, code in dict.fromkeys(given):
            yield entry("add", *about, start=start, end=end, code=code)
        if not given:
            yield entry("nothing", *about)


def _codes_for(question: str, survey: Survey) -> list[str]:
    """Codes without any below them that an answer to this question may get."""
    schemes = [scheme.name for scheme in survey.schemes.values() if question in scheme.questions]
    codes = survey.codes
    finest = codes.index[codes["scheme"].isin(schemes) & ~codes.index.isin(codes["parent"])]
    return finest.tolist()


def _other(code: str, allowed: list[str], random: np.random.Generator) -> str:
    """A code of the same family, or any other where it is alone."""
    others = [one for one in allowed if one != code and one.partition(".")[0] == code.partition(".")[0]]
    others = others or [one for one in allowed if one != code]
    return others[int(random.integers(len(others)))]
