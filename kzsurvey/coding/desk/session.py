"""An open desk: what stays the same while it is open, and what each action changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from kzsurvey.coding.desk.answers import Answer
from kzsurvey.coding.desk.standing import Standing
from kzsurvey.coding.desk.suggestions import Suggestion

if TYPE_CHECKING:
    from kzsurvey.survey import Survey

NOTHING_SAID = Standing()


@dataclass(frozen=True, eq=False)
class Session:
    """What stays the same while a desk is open.

    Attributes
    ----------
    survey : Survey
    interviews : DataFrame, one row per interview
    coder, role : str
        Whose file is written; role ``coder`` or ``adjudicator``.
    answers : tuple of Answer
        All that can come to the desk; the browser calls one by its place in here, never by an interview id.
    queues : mapping of name to places of answers
    speakers : mapping of interview to who speaks, by language
    labels : mapping of question to its wording, by language
    suggestions : mapping of place to what is suggested there
    beside : mapping of place to (coder, Standing) pairs shown beside the answer
    language : str
    blind : bool
    """

    survey: "Survey"
    interviews: pd.DataFrame
    coder: str
    role: str
    answers: tuple[Answer, ...]
    queues: Mapping[str, tuple[int, ...]]
    speakers: Mapping[str, Mapping[str, str]]
    labels: Mapping[str, Mapping[str, str]]
    suggestions: Mapping[int, tuple[Suggestion, ...]]
    beside: Mapping[int, tuple[tuple[str, Standing], ...]]
    language: str
    blind: bool


@dataclass(frozen=True, eq=False)
class Progress:
    """What a message of the browser may change; all of it but the queue rests on what is on disk.

    Attributes
    ----------
    queue : str
        The queue that lies open.
    actions : DataFrame, one row per action
        All that this coder did in this role.
    standing : mapping of place to Standing
        Answers without an action are not in it.
    batches : tuple of tuples of action numbers
        What single keys did since the desk was opened, oldest first.
    undone : tuple of pairs of tuples of action numbers
        Undos that can be taken back in turn, with what they undid; oldest first.
    """

    queue: str
    actions: pd.DataFrame
    standing: Mapping[int, Standing]
    batches: tuple[tuple[int, ...], ...] = ()
    undone: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = ()

    def of(self, place: int) -> Standing:
        """How one answer stands."""
        return self.standing.get(place, NOTHING_SAID)


def open_positions(session: Session, progress: Progress) -> list[int]:
    """Positions in the open queue that are not decided yet."""
    return [position for position, place in enumerate(session.queues[progress.queue]) if not progress.of(place).decided]


def first_position(session: Session, progress: Progress) -> int:
    """Where a queue is begun: at the answer acted on last, or after it at the first one that is open."""
    queue = session.queues[progress.queue]
    last = last_place(session, progress)
    if last in queue:
        return queue.index(last)
    still = open_positions(session, progress)
    return next((position for position in still if queue[position] > last), next(iter(still), 0))


def last_place(session: Session, progress: Progress) -> int:
    """The answer that this coder acted on last; -1 where there is none, or it does not come to this desk."""
    if progress.actions.empty:
        return -1
    last = progress.actions.iloc[-1]
    return place_of(session, last["interview"], last["question"])


def place_of(session: Session, interview: str, question: str) -> int:
    """The place of an answer; -1 where it does not come to this desk."""
    wanted = (interview, question)
    return next((place for place, one in enumerate(session.answers) if (one.interview, one.question) == wanted), -1)


def keys_of_codes(actions: pd.DataFrame, known: pd.Index, count: int) -> tuple[list[str], list[str]]:
    """Which code lies on which number key, as the browser has it: the same after every restart.

    A code keeps its key; a new one takes the next free key, or that of the code which was given longest ago.

    Parameters
    ----------
    actions : DataFrame, one row per action
    known : Index of the codes there are
    count : int, number keys

    Returns
    -------
    list of str
        The codes by key.
    list of str
        The same codes, that given last at the end.

    Examples
    --------
    >>> given = pd.DataFrame({"action": "add", "code": ["a", "b", "a", "c"]})
    >>> keys_of_codes(given, pd.Index(["a", "b", "c"]), 2)
    (['a', 'c'], ['a', 'c'])
    """
    given = actions.loc[(actions["action"] == "add") & actions["code"].isin(known), "code"]
    keys: list[str] = []
    last: dict[str, int] = {}
    for moment, code in enumerate(given):
        last[code] = moment
        if code in keys:
            continue
        if len(keys) < count:
            keys.append(code)
        else:
            keys[keys.index(min(keys, key=last.__getitem__))] = code
    return keys, sorted(keys, key=last.__getitem__)


def last_action(actions: pd.DataFrame) -> tuple[int, ...]:
    """The number of the last action that counts and is no undo; empty where there is none.

    Examples
    --------
    >>> rows = [(1, "add", None), (2, "add", None), (3, "undo", 2)]
    >>> last_action(pd.DataFrame(rows, columns=["number", "action", "of"]))
    (1,)
    """
    undone = set()
    for number, action, of in actions[["number", "action", "of"]].iloc[::-1].itertuples(index=False):
        if number in undone:
            continue
        if action != "undo":
            return (int(number),)
        undone.add(int(of))
    return ()
