"""What stands on one answer for one coder: the same as :func:`replay` says of it, without a table and so in no time."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from kzsurvey.coding.codings.actions import GIVES


class Act(NamedTuple):
    """One action on the answer; the fields are those of the files of codings."""

    number: int
    action: str
    start: int | None = None
    end: int | None = None
    code: str = ""
    memo: str = ""
    of: int | None = None

    @property
    def span(self) -> tuple[int | None, int | None, str]:
        """What it is about."""
        return self.start, self.end, self.code


class OneAnswer(NamedTuple):
    """What stands on an answer; spans and memos in the order of their places, those of the whole answer last.

    Attributes
    ----------
    spans : tuple of Act
        The actions that gave the codes, each at the place where its code stands now.
    nothing : bool
        Read, and no code applies.
    rejected : frozenset of (start, end, code)
    memos : tuple of Act
    """

    spans: tuple[Act, ...]
    nothing: bool
    rejected: frozenset[tuple[int | None, int | None, str]]
    memos: tuple[Act, ...]


def replay_one(acts: Sequence[Act]) -> OneAnswer:
    """Replay the actions of one coder in one role on one answer.

    Parameters
    ----------
    acts : sequence of Act, in the order of their numbers

    Returns
    -------
    OneAnswer

    Examples
    --------
    >>> acts = [Act(1, "add", 0, 2, "C1"), Act(2, "add", code="C2"), Act(3, "remove", of=1), Act(4, "undo", of=2)]
    >>> [act.code for act in replay_one(acts[:2]).spans], replay_one(acts).spans
    (['C1', 'C2'], ())
    """
    undone: set[int | None] = set()
    for act in reversed(acts):
        if act.action == "undo" and act.number not in undone:
            undone.add(act.of)
    done = [act for act in acts if act.number not in undone]
    given = {act.span: act.number for act in done if act.action in GIVES}  # when it was given last
    rejected = frozenset(act.span for act in done if act.action == "reject" and act.number > given.get(act.span, 0))
    spans = _spans(done, {act.number: act for act in acts})
    none = max((act.number for act in done if act.action == "nothing"), default=0)
    nothing = not spans and none > max(given.values(), default=0)
    return OneAnswer(spans, nothing, rejected, _in_order(act for act in done if act.action == "memo"))


def _spans(done: Sequence[Act], acts: dict[int, Act]) -> tuple[Act, ...]:
    """Codes that stand, where they were put last."""
    standing: dict[tuple, Act] = {}
    for act in done:
        if act.action in GIVES:
            standing[act.span] = act
        elif act.action == "remove":
            standing.pop(acts[act.of].span, None)
        elif act.action == "place" and (meant := acts[act.of].span) in standing:
            standing[meant] = standing[meant]._replace(start=act.start, end=act.end)
    alike = {act.span: act for act in sorted(standing.values())}  # of two that were put on one place the last
    return _in_order(alike.values())


def _in_order(acts: Iterable[Act]) -> tuple[Act, ...]:
    return tuple(sorted(acts, key=lambda act: (act.start is None, act.start, act.end, act.code, act.number)))
