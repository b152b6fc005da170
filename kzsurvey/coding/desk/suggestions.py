"""Suggestions at the desk: codes that a rule, a model or another coder proposes, until this coder takes or rejects them."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from kzsurvey.coding.desk.answers import Answer
from kzsurvey.coding.desk.standing import Span, Standing
from kzsurvey.errors import CodingError, Fault, fail_if

NEEDED = ("interview", "question", "code", "source", "coder")


class Suggestion(NamedTuple):
    """A code proposed for a stretch of an answer; ``start`` and ``end`` None mean the whole answer."""

    start: int | None
    end: int | None
    code: str
    source: str
    coder: str
    score: float | None

    @property
    def origin(self) -> str:
        """What is written down when it is accepted or rejected: ``rule:P1.1#2``, ``model:<name>@0.83``."""
        named = self.coder if self.coder.startswith(f"{self.source}:") else f"{self.source}:{self.coder}"
        return f"{named}@{self.score:.2f}" if self.source == "model" and self.score is not None else named

    @property
    def name(self) -> str:
        """What the browser calls it."""
        return f"{self.code}@{self.start}-{self.end}@{self.origin}"


def suggested(
    mentions: pd.DataFrame | None, answers: Sequence[Answer], codes: pd.Index
) -> dict[int, tuple[Suggestion, ...]]:
    """Suggestions by the place of the answer they are about.

    Parameters
    ----------
    mentions : DataFrame, one row per suggestion
        As the table ``mentions``: interview, question, start, end, code, source (``rule`` or ``model``), coder, score.
        Without ``start`` and ``end``, or where they are missing, the whole answer is meant.
    answers : sequence of Answer
    codes : Index of the codes there are

    Raises
    ------
    CodingError
        A column is missing, a code is unknown, a place lies outside its answer.
    """
    if mentions is None or mentions.empty:
        return {}
    missing = [name for name in NEEDED if name not in mentions]
    fail_if((Fault("suggestions", f"no column {name}", ", ".join(NEEDED)) for name in missing), CodingError)
    table = mentions[mentions["source"] != "person"].reindex(columns=[*NEEDED, "start", "end", "score"])
    place = {(answer.interview, answer.question): number for number, answer in enumerate(answers)}
    result: dict[int, list[Suggestion]] = {}
    faults = []
    for row in table.itertuples():
        at = place.get((row.interview, row.question))
        if at is None:
            continue
        one = Suggestion(
            _whole(row.start), _whole(row.end), row.code, row.source, str(row.coder), None if pd.isna(row.score) else float(row.score)
        )
        if problem := _problem(one, answers[at], codes):
            faults.append(problem)
        result.setdefault(at, []).append(one)
    fail_if(faults[:20], CodingError)
    return {at: tuple(sorted(set(found), key=_order)) for at, found in result.items()}


def of_coders(beside: Mapping[int, Sequence[tuple[str, Standing]]]) -> dict[int, tuple[Suggestion, ...]]:
    """What the coders of an answer said, each code on each stretch once, as suggestions to whoever reconciles them."""
    result = {}
    for place, coders in beside.items():
        said: dict[tuple, list[str]] = {}
        for coder, standing in coders:
            for span in standing.spans:
                said.setdefault((span.start, span.end, span.code), []).append(coder)
        found = [Suggestion(*span, "person", " + ".join(who), None) for span, who in said.items()]
        result[place] = tuple(sorted(found, key=_order))
    return result


def still_open(suggestions: Sequence[Suggestion], standing: Standing) -> list[Suggestion]:
    """Suggestions that this coder has neither taken nor rejected."""
    decided = {(span.start, span.end, span.code) for span in standing.spans} | standing.rejected
    return [one for one in suggestions if (one.start, one.end, one.code) not in decided]


def agreed(span: Span, coders: Sequence[tuple[str, Standing]]) -> bool:
    """Whether every coder gave this code to a stretch that shares a character with this one."""
    return all(
        any(other.code == span.code and _share(span, other) for other in standing.spans) for _, standing in coders
    )


def _share(one: Span, other: Span) -> bool:
    if one.start is None or other.start is None:
        return True
    return one.start < other.end and other.start < one.end


def _order(one: Suggestion) -> tuple:
    return (-1 if one.start is None else one.start, one.end or 0, one.code, one.origin)


def _problem(one: Suggestion, answer: Answer, codes: pd.Index) -> Fault | None:
    where = f"suggestions, {answer.question} of {answer.interview}"
    if one.code not in codes:
        return Fault(where, f"code {one.code!r}", "a code of codes.csv", column="code")
    if one.start is not None and not 0 <= one.start < (one.end or 0) <= len(answer.text):
        allowed = f"0 <= start < end <= {len(answer.text)}, the length of the answer"
        return Fault(where, f"a span from {one.start} to {one.end}", allowed, column="start")
    return None


def _whole(value: object) -> int | None:
    return None if pd.isna(value) else int(value)
