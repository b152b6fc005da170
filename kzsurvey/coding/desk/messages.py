"""What the browser asks for, done: every action goes through the store, and is answered when it is on disk."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from kzsurvey.coding.codings.actions import Entry, entry
from kzsurvey.coding.codings.writing import record
from kzsurvey.coding.desk.session import Progress, Session, last_action, place_of
from kzsurvey.coding.desk.showing import shown_answer, shown_desk, shown_queue
from kzsurvey.coding.desk.standing import Standing, standing_of
from kzsurvey.coding.desk.suggestions import Suggestion, Voice
from kzsurvey.errors import CodingError, Fault

Message = Mapping[str, Any]
Answered = tuple[dict[str, Any], Progress]


def respond(session: Session, progress: Progress, message: Message) -> Answered:
    """Answer one message of the browser.

    Parameters
    ----------
    session : Session
    progress : Progress
    message : mapping
        ``id``, ``kind`` (open, look, queue, act, undo, redo) and what the kind needs.

    Returns
    -------
    dict
        With the ``id`` of the message; ``error`` is a sentence where nothing was done.
    Progress
        As it stands afterwards; what it says of codes is on disk.
    """
    try:
        reply, after = KINDS[message["kind"]](session, progress, message)
    except CodingError as problem:
        return {"id": message["id"], "error": str(problem)}, progress
    except OSError as problem:
        name = problem.filename or f"the file of {session.coder}"
        return {"id": message["id"], "error": f"{name}: {problem.strerror or problem}; nothing was saved"}, progress
    return {"id": message["id"], **reply}, after


def _open(session: Session, progress: Progress, message: Message) -> Answered:
    return {**shown_desk(session, progress), **shown_queue(session, progress)}, progress


def _look(session: Session, progress: Progress, message: Message) -> Answered:
    size = len(session.queues[progress.queue])
    wanted = [position for position in message["positions"] if 0 <= position < size]
    return {"answers": [shown_answer(session, progress, position) for position in wanted]}, progress


def _queue(session: Session, progress: Progress, message: Message) -> Answered:
    if message["name"] not in session.queues:
        raise CodingError(Fault("desk", f"queue {message['name']!r}", ", ".join(session.queues)))
    after = replace(progress, queue=message["name"])
    return shown_queue(session, after), after


def _act(session: Session, progress: Progress, message: Message) -> Answered:
    """Write what one key meant, all of it at once or nothing of it."""
    place = message["key"]
    entries = [one for action in message["actions"] for one in _entries(session, progress, place, action)]
    if not entries:
        return _changed(session, progress, place), progress
    numbers, after = _written(session, progress, place, entries)
    after = replace(after, batches=(*progress.batches, numbers), undone=())
    return _changed(session, after, place), after


def _undo(session: Session, progress: Progress, message: Message) -> Answered:
    """Take back what the last key did, in whichever answer that was."""
    batch = progress.batches[-1] if progress.batches else last_action(progress.actions)
    if not batch:
        return {"said": "nothing_to_undo"}, progress
    undos, place, after = _taken_back(session, progress, batch)
    after = replace(after, batches=progress.batches[:-1], undone=(*progress.undone, (undos, batch)))
    return _gone_to(session, after, place, "saved_undo")


def _redo(session: Session, progress: Progress, message: Message) -> Answered:
    """Take back the last undo."""
    if not progress.undone:
        return {"said": "nothing_to_redo"}, progress
    undos, batch = progress.undone[-1]
    _, place, after = _taken_back(session, progress, undos)
    after = replace(after, batches=(*progress.batches, batch), undone=progress.undone[:-1])
    return _gone_to(session, after, place, "saved_redo")


KINDS = {"open": _open, "look": _look, "queue": _queue, "act": _act, "undo": _undo, "redo": _redo}


def _changed(session: Session, progress: Progress, place: int) -> dict[str, Any]:
    """The answer as it stands now, where it lies in the open queue."""
    queue = session.queues[progress.queue]
    return {"answers": [shown_answer(session, progress, queue.index(place))] if place in queue else []}


def _gone_to(session: Session, progress: Progress, place: int, said: str) -> Answered:
    """Lay the answer on the desk that was changed; where it is not in the open queue, in the queue of all answers."""
    if place in session.queues[progress.queue]:
        position = session.queues[progress.queue].index(place)
        return {**_changed(session, progress, place), "position": position, "said": said}, progress
    after = replace(progress, queue="all")
    return {**shown_queue(session, after, position=session.queues["all"].index(place)), "said": said}, after


def _taken_back(session: Session, progress: Progress, numbers: Sequence[int]) -> tuple[tuple[int, ...], int, Progress]:
    """Undo actions on one answer, the last one first."""
    done = progress.actions[progress.actions["number"] == numbers[-1]].iloc[0]
    place = place_of(session, done["interview"], done["question"])
    if place < 0:
        found = f"the last action, on {done['question']} of {done['interview']}"
        raise CodingError(Fault("desk", found, "an answer of this desk", hint="open the desk with all questions"))
    undos, after = _written(
        session, progress, place, [_entry(session, place, "undo", of=one) for one in reversed(numbers)]
    )
    return undos, place, after


def _written(
    session: Session, progress: Progress, place: int, entries: Sequence[Entry]
) -> tuple[tuple[int, ...], Progress]:
    """Actions on one answer, written to disk; their numbers, and how the answer stands now."""
    rows = record(session.survey, session.coder, entries, role=session.role)
    actions = pd.concat([progress.actions, rows], ignore_index=True)
    answer = session.answers[place]
    own = actions[(actions["interview"] == answer.interview) & (actions["question"] == answer.question)]
    standing = standing_of(own, entries[-1].answer, session.survey, session.interviews.loc[[answer.interview]])
    return tuple(map(int, rows["number"])), replace(
        progress, actions=actions, standing={**progress.standing, place: standing}
    )


def _entries(session: Session, progress: Progress, place: int, action: Message) -> list[Entry]:
    """What one action of the browser means to the store."""
    standing, kind = progress.of(place), action["action"]
    span = {name: action[name] for name in ("start", "end") if action.get(name) is not None}
    if kind in ("accept", "reject"):
        return [_on_suggestion(session, place, kind, _suggestion(session, place, action["suggestion"]))]
    if kind == "take":
        return _taken(session, place, standing, action["coder"])
    if kind == "remove":
        return _removed(session, progress, place, action["of"])
    given = {name: action[name] for name in ("code", "memo", "of") if name in action}
    return [_entry(session, place, kind, **span, **given)]


def _entry(session: Session, place: int, kind: str, **details: Any) -> Entry:
    answer = session.answers[place]
    return entry(kind, answer.interview, answer.question, answer.text, **details)


def _on_suggestion(session: Session, place: int, kind: str, one: Suggestion) -> Entry:
    span = {} if one.start is None else {"start": one.start, "end": one.end}
    return _entry(session, place, kind, **span, code=one.code, suggestion=one.origin)


def _suggestion(session: Session, place: int, name: str) -> Suggestion:
    found = next((one for one in session.suggestions.get(place, ()) if one.name == name), None)
    if found is None:
        raise CodingError(Fault("desk", f"suggestion {name!r}", "a suggestion for this answer"))
    return found


def _taken(session: Session, place: int, standing: Standing, coder: str) -> list[Entry]:
    """All codes of one coder that have a place and do not stand yet; or that nothing applies, as this coder said."""
    said = dict(session.beside.get(place, ())).get(coder)
    if said is None:
        raise CodingError(Fault("desk", f"coder {coder!r}", "a coder of this answer"))
    if said.nothing and not standing.nothing:
        return [_entry(session, place, "nothing")]
    there = {(span.start, span.end, span.code) for span in standing.placed}
    wanted = [span for span in said.placed if (span.start, span.end, span.code) not in there]
    return [
        _on_suggestion(session, place, "accept", Suggestion(span.start, span.end, span.code, (Voice("person", coder),)))
        for span in wanted
    ]


def _removed(session: Session, progress: Progress, place: int, number: int | str) -> list[Entry]:
    """A code taken away; one that was a suggestion is rejected with it, or it would be suggested again."""
    if number == "nothing":
        answer = session.answers[place]
        table = progress.actions
        said = table[(table["interview"] == answer.interview) & (table["question"] == answer.question)]
        return [_entry(session, place, "undo", of=int(said.loc[said["action"] == "nothing", "number"].iloc[-1]))]
    span = next((span for span in progress.of(place).spans if span.number == number), None)
    if span is None:
        raise CodingError(Fault("desk", f"action {number}", "a code that stands on this answer"))
    same = (span.start, span.end, span.code)
    proposed = [one for one in session.suggestions.get(place, ()) if (one.start, one.end, one.code) == same]
    removed = _entry(session, place, "remove", of=number, code=span.code)
    return [removed, *(_on_suggestion(session, place, "reject", one) for one in proposed[:1])]
