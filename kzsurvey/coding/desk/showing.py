"""What the browser is told: answers with their codes, where the queue stands. Places are code points, as on disk."""

from typing import Any

from kzsurvey.coding.desk.codebook import shown_codes, shown_schemes
from kzsurvey.coding.desk.page import words
from kzsurvey.coding.desk.session import Progress, Session, first_position, keys_of_codes, open_positions
from kzsurvey.coding.desk.standing import Span, Standing
from kzsurvey.coding.desk.suggestions import Suggestion, agreed, still_open

KEYS_OF_CODES = 9  # recent codes with a key of their own
AHEAD = 3  # answers sent with the first one


def shown_desk(session: Session, progress: Progress) -> dict[str, Any]:
    """What the browser needs once: codebook, words, queues."""
    recent, used = keys_of_codes(progress.actions, session.survey.codes.index, KEYS_OF_CODES)
    spoken = [language for language in session.survey.languages if language in words()] or ["en"]
    return {
        "title": dict(session.survey.title),
        "simulated": session.survey.simulated,
        "coder": session.coder,
        "blind": session.blind,
        "adjudicating": session.role == "adjudicator",
        "language": session.language if session.language in spoken else spoken[0],
        "words": {language: words()[language] for language in spoken},
        "codes": shown_codes(session.survey),
        "schemes": shown_schemes(session.survey),
        "labels": dict(session.labels),
        "queues": {name: len(queue) for name, queue in session.queues.items()},
        "recent": recent,
        "used": used,
    }


def shown_queue(session: Session, progress: Progress, *, position: int | None = None) -> dict[str, Any]:
    """A queue as it is laid open: where it begins, which of its answers are still open, the first answers."""
    queue = session.queues[progress.queue]
    begin = first_position(session, progress) if position is None else position
    first = range(begin, min(begin + AHEAD, len(queue)))
    described = {
        "name": progress.queue, "size": len(queue), "position": begin, "open": open_positions(session, progress),
    }  # fmt: skip
    return {"queue": described, "answers": [shown_answer(session, progress, place) for place in first]}


def shown_answer(session: Session, progress: Progress, position: int) -> dict[str, Any]:
    """One answer of the open queue, by its position in it."""
    place = session.queues[progress.queue][position]
    answer, standing = session.answers[place], progress.of(place)
    beside = session.beside.get(place, ())
    return {
        "position": position,
        "key": place,
        "question": answer.question,
        "speaker": dict(session.speakers.get(answer.interview, {})),
        "text": answer.text,
        "spans": [_shown_span(span) for span in standing.spans],
        "memos": [memo._asdict() for memo in standing.memos],
        "nothing": standing.nothing,
        "done": standing.decided,
        "suggestions": [_shown_suggestion(one) for one in still_open(session.suggestions.get(place, ()), standing)],
        "coders": [_shown_coder(coder, said, beside) for coder, said in beside],
    }


def _shown_span(span: Span) -> dict[str, Any]:
    return span._asdict()


def _shown_suggestion(one: Suggestion) -> dict[str, Any]:
    return {**one._asdict(), "id": one.name, "voices": [voice._asdict() for voice in one.voices]}


def _shown_coder(coder: str, said: Standing, beside: tuple[tuple[str, Standing], ...]) -> dict[str, Any]:
    spans = [{**_shown_span(span), "agreed": agreed(span, beside)} for span in said.spans]
    return {"coder": coder, "nothing": said.nothing, "spans": spans}
