"""How an answer stands for one coder: its codes, whether nothing applies, memos, what was rejected."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from kzsurvey.coding.codings.one_answer import Act, OneAnswer, replay_one
from kzsurvey.coding.codings.replaying import replay
from kzsurvey.coding.codings.standing import stand
from kzsurvey.coding.versions.steps import codebook_version

if TYPE_CHECKING:
    from kzsurvey.survey import Survey


class Span(NamedTuple):
    """A code that stands; ``start`` and ``end`` are None where it stands on the whole answer, or its place is lost.

    Attributes
    ----------
    number : int
        The action that put it there.
    notice : str
        Why somebody has to look at it again; empty where nobody has.
    """

    number: int
    start: int | None
    end: int | None
    code: str
    memo: str = ""
    notice: str = ""


class Memo(NamedTuple):
    """A note on an answer, or on a stretch of it; ``notice`` says where the words of that stretch are not found."""

    number: int
    start: int | None
    end: int | None
    memo: str
    notice: str = ""


class Standing(NamedTuple):
    """What one coder has said of one answer so far."""

    spans: tuple[Span, ...] = ()
    nothing: bool = False
    memos: tuple[Memo, ...] = ()
    rejected: frozenset[tuple[int | None, int | None, str]] = frozenset()
    decided: bool = False

    @property
    def placed(self) -> tuple[Span, ...]:
        """Codes that have a place, or stand on the whole answer; one whose place is lost is neither."""
        return tuple(span for span in self.spans if span.notice != "lost")


def standings(
    spans: pd.DataFrame, answers: pd.DataFrame, rejected: pd.DataFrame, memos: pd.DataFrame
) -> dict[tuple[str, str], Standing]:
    """How each answer stands, from the frames of codings of one coder in one role.

    Parameters
    ----------
    spans, answers, rejected, memos : DataFrame
        As in :class:`kzsurvey.coding.codings.Codings`.

    Returns
    -------
    dict of (interview, question) to Standing
    """
    found: dict[tuple[str, str], dict] = {}
    for row in answers.itertuples():
        found[row.interview, row.question] = {"nothing": bool(row.nothing), "decided": bool(row.decided)}
    _put(
        found,
        "spans",
        spans,
        lambda row: Span(row.number, _place(row.start), _place(row.end), row.code, row.memo, row.open),
    )
    _put(found, "memos", memos, _memo)
    there = rejected[rejected["place"] != "lost"]  # else a suggestion for the whole answer would be taken for rejected
    _put(found, "rejected", there, lambda row: (_place(row.start), _place(row.end), row.code))
    return {
        answer: Standing(**{**parts, "rejected": frozenset(parts.get("rejected", ()))})
        for answer, parts in found.items()
    }


def _put(found: Mapping, name: str, rows: pd.DataFrame, make: object) -> None:
    for row in rows.itertuples():
        parts = found.setdefault((row.interview, row.question), {})
        parts[name] = (*parts.get(name, ()), make(row))


def _memo(row: tuple) -> Memo:
    notice = "memo_lost" if row.place == "lost" else ""
    return Memo(row.number, _place(row.start), _place(row.end), row.memo, notice)


def _place(value: object) -> int | None:
    return None if pd.isna(value) else int(value)


def standing_of(actions: pd.DataFrame, answer: str, survey: "Survey", interviews: pd.DataFrame) -> Standing:
    """How one answer stands after some actions on it, all of one coder in one role.

    Parameters
    ----------
    actions : DataFrame, one row per action
    answer : str
        The fingerprint of its text as it stands.
    survey : Survey
    interviews : DataFrame, the row of the interview

    Returns
    -------
    Standing

    Notes
    -----
    Where text and codebook are those that everything was done under, nothing has to be found again or translated, and
    plain steps give the same as the frames of all codings, in a twentieth of the time: somebody waits for it.
    """
    if _of_today(actions, answer, codebook_version(survey)):
        return _standing(replay_one(_acts(actions)))
    codings = stand(replay(actions), survey, interviews)
    found = standings(codings.spans, codings.answers, codings.rejected, codings.memos)
    return next(iter(found.values()), Standing())


def _of_today(actions: pd.DataFrame, answer: str, codebook: int) -> bool:
    """Whether all was done on the answer as it stands, under the codebook as it stands."""
    place = ~actions["action"].isin(("remove", "undo"))  # these need no text
    return bool((actions["codebook"] == codebook).all() and (actions.loc[place, "answer"] == answer).all())


def _acts(actions: pd.DataFrame) -> list[Act]:
    plain = actions[list(Act._fields)].astype("object")
    return [*map(Act._make, plain.where(plain.notna(), None).itertuples(index=False, name=None))]


def _standing(one: OneAnswer) -> Standing:
    return Standing(
        spans=tuple(Span(act.number, *act.span, act.memo) for act in one.spans),
        nothing=one.nothing,
        memos=tuple(Memo(act.number, act.start, act.end, act.memo) for act in one.memos),
        rejected=one.rejected,
        decided=one.nothing or bool(one.spans),
    )
