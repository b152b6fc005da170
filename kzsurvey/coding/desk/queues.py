"""Queues of the desk: which answers, in which order. What was open when a queue was made stays in it, done or not."""

from collections.abc import Mapping, Sequence

import pandas as pd

from kzsurvey.coding.desk.answers import Answer
from kzsurvey.coding.desk.standing import Standing
from kzsurvey.errors import CodingError, Fault, fail_if

Queues = dict[str, tuple[int, ...]]
NAMES = ("all", "open", "sample", "recode", "disagreements")


def coding_queues(
    answers: Sequence[Answer],
    own: Mapping[int, Standing],
    again: pd.DataFrame,
    sample: pd.DataFrame | None,
) -> Queues:
    """The queues of somebody who codes.

    Parameters
    ----------
    answers : sequence of Answer
    own : mapping of place to Standing
        What this coder has done.
    again : DataFrame, one row per reason to code an answer again
        ``interview``, ``question``; of this coder.
    sample : DataFrame, one row per answer or interview drawn, optional

    Returns
    -------
    dict of name to places of answers
    """
    everything = range(len(answers))
    queues = {
        "all": tuple(everything),
        "open": tuple(place for place in everything if not own.get(place, Standing()).decided),
    }
    if sample is not None:
        queues["sample"] = _drawn(sample, answers)
    wanted = set(zip(again["interview"], again["question"], strict=True))
    return {**queues, "recode": _places(wanted, answers)}


def adjudication_queues(answers: Sequence[Answer], apart: pd.DataFrame, coded: pd.DataFrame) -> Queues:
    """The queues of somebody who decides between coders.

    Parameters
    ----------
    answers : sequence of Answer
    apart : DataFrame, one row per coder of an answer that they decided differently
        ``interview``, ``question``.
    coded : DataFrame, one row per answer that one of these coders decided
        ``interview``, ``question``, ``coder``.
    """
    coders = coded.groupby(["interview", "question"])["coder"].nunique()
    return {
        "disagreements": _places(set(zip(apart["interview"], apart["question"], strict=True)), answers),
        "all": _places(set(coders.index[coders > 1]), answers),
    }


def first_queue(queues: Queues) -> str:
    """What lies open when nobody chose: a sample or disagreements before everything else."""
    return next((name for name in ("disagreements", "sample") if name in queues), "all")


def _drawn(sample: pd.DataFrame, answers: Sequence[Answer]) -> tuple[int, ...]:
    """The answers of a sample, in the order in which they are to be coded."""
    table = sample.sort_values("order", kind="stable") if "order" in sample else sample
    pairs = table.index.nlevels == 2
    drawn = list(dict.fromkeys(table.index))
    keyed: dict[object, list[int]] = {}
    for place, answer in enumerate(answers):
        keyed.setdefault((answer.interview, answer.question) if pairs else answer.interview, []).append(place)
    absent = [key for key in drawn if key not in keyed]
    allowed = "interviews, or interviews and questions, with an answer to be coded"
    fail_if((Fault("sample", f"{key!r}", allowed) for key in absent[:20]), CodingError)
    return tuple(place for key in drawn for place in keyed.get(key, ()))


def _places(wanted: set[tuple[str, str]], answers: Sequence[Answer]) -> tuple[int, ...]:
    return tuple(place for place, answer in enumerate(answers) if (answer.interview, answer.question) in wanted)
