"""Suggestions at the desk: codes that a rule, a model or another coder proposes, until they are taken or rejected."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import pandas as pd

from kzsurvey.coding.desk.answers import Answer
from kzsurvey.coding.desk.standing import Span, Standing
from kzsurvey.errors import CodingError, Fault, fail_if

NEEDED = ("interview", "question", "code", "source", "coder")
_SHOWN = 20  # faults that are told


class Voice(NamedTuple):
    """Who proposes a code: ``rule``, ``model`` or ``person``; which one; a probability where it has one."""

    source: str
    coder: str
    score: float | None = None

    @property
    def origin(self) -> str:
        """As it is written down when the suggestion is taken: ``rule:P1.1#2``, ``model:<name>@0.83``."""
        return f"{self.source}:{self.coder}" + (f"@{self.score:.2f}" if self.source == "model" and self.score else "")


class Suggestion(NamedTuple):
    """A code proposed for a stretch of an answer; ``start`` and ``end`` None mean the whole answer."""

    start: int | None
    end: int | None
    code: str
    voices: tuple[Voice, ...]

    @property
    def origin(self) -> str:
        """All who propose it."""
        return " + ".join(voice.origin for voice in self.voices)

    @property
    def name(self) -> str:
        """What the browser calls it."""
        return f"{self.code}@{self.start}-{self.end}"


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
    said: dict[int, dict[tuple, list[Voice]]] = {}
    faults = []
    for row in table.itertuples():
        at = place.get((row.interview, row.question))
        if at is None:
            continue
        span = (_whole(row.start), _whole(row.end), row.code)
        faults += _problems(span, answers[at], codes)
        score = None if pd.isna(row.score) else float(row.score)
        said.setdefault(at, {}).setdefault(span, []).append(
            Voice(row.source, str(row.coder).removeprefix(f"{row.source}:"), score)
        )
    fail_if(faults[:_SHOWN], CodingError)
    return {at: _suggestions(spans) for at, spans in said.items()}


def of_coders(beside: Mapping[int, Sequence[tuple[str, Standing]]]) -> dict[int, tuple[Suggestion, ...]]:
    """What the coders of an answer said, each code on each stretch once, as suggestions to who decides between them."""
    result = {}
    for place, coders in beside.items():
        said: dict[tuple, list[Voice]] = {}
        for coder, standing in coders:
            for span in standing.placed:
                said.setdefault((span.start, span.end, span.code), []).append(Voice("person", coder))
        result[place] = _suggestions(said)
    return result


def still_open(suggestions: Sequence[Suggestion], standing: Standing) -> list[Suggestion]:
    """Suggestions that say something new: neither rejected, nor the code of a span that stands in the same place."""
    return [
        one
        for one in suggestions
        if (one.start, one.end, one.code) not in standing.rejected
        and not any(span.code == one.code and _share(span, one) for span in standing.placed)
    ]


def agreed(span: Span, coders: Sequence[tuple[str, Standing]]) -> bool:
    """Whether every coder gave this code to a stretch that shares a character with this one."""
    alike = (any(other.code == span.code and _share(span, other) for other in said.placed) for _, said in coders)
    return span.notice != "lost" and all(alike)


def _share(one: Span | Suggestion, other: Span | Suggestion) -> bool:
    if one.start is None or other.start is None:
        return one.start == other.start
    return one.start < other.end and other.start < one.end


def _suggestions(said: Mapping[tuple, Sequence[Voice]]) -> tuple[Suggestion, ...]:
    """One suggestion per span and code, in the order of the text, whole answers first."""
    order = sorted(said, key=lambda span: (-1 if span[0] is None else span[0], span[1] or 0, span[2]))
    return tuple(Suggestion(*span, tuple(dict.fromkeys(said[span]))) for span in order)


def _problems(span: tuple[int | None, int | None, str], answer: Answer, codes: pd.Index) -> list[Fault]:
    start, end, code = span
    where, faults = f"suggestions, {answer.question} of {answer.interview}", []
    if code not in codes:
        faults.append(Fault(where, f"code {code!r}", "a code of codes.csv", column="code"))
    if (start, end) != (None, None) and (start is None or end is None or not 0 <= start < end <= len(answer.text)):
        allowed = f"0 <= start < end <= {len(answer.text)}, the length of the answer, or neither"
        faults.append(Fault(where, f"a span from {start} to {end}", allowed, column="start"))
    return faults


def _whole(value: object) -> int | None:
    return None if pd.isna(value) else int(value)
