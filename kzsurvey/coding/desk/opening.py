"""The coding desk: open answers coded in the notebook by keyboard or mouse, every action on disk before it counts."""

from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pandas as pd

from kzsurvey.coding.codings.actions import name_faults, read_actions
from kzsurvey.coding.codings.deciding import disagreements
from kzsurvey.coding.codings.standing import Codings, read_codings
from kzsurvey.coding.desk.answers import (
    Answer,
    coded_questions,
    open_answers,
    question_labels,
    speaker_questions,
    speakers,
)
from kzsurvey.coding.desk.page import words
from kzsurvey.coding.desk.queues import Queues, adjudication_queues, coding_queues, first_queue
from kzsurvey.coding.desk.session import Progress, Session
from kzsurvey.coding.desk.standing import Standing, standings
from kzsurvey.coding.desk.suggestions import of_coders, suggested
from kzsurvey.errors import CodingError, Fault, fail_if
from kzsurvey.tables import read_processed

if TYPE_CHECKING:
    from kzsurvey.coding.desk.widget import DeskWidget
    from kzsurvey.survey import Survey

PACKAGES = ("anywidget", "pypinyin")


def desk(
    survey: "Survey",
    *,
    coder: str,
    interviews: pd.DataFrame | None = None,
    questions: Sequence[str] | None = None,
    suggestions: pd.DataFrame | None = None,
    sample: pd.DataFrame | None = None,
    beside: Sequence[str] = (),
    adjudicate: Sequence[str] = (),
    blind: bool = False,
    queue: str | None = None,
    speaker: Sequence[str] | None = None,
    language: str | None = None,
) -> "DeskWidget":
    """Open the coding desk.

    Parameters
    ----------
    survey : Survey
    coder : str
        Who codes; what is done goes to ``codings/<coder>.csv`` in the survey's folder, one line per action.
    interviews : DataFrame, one row per interview
        From :func:`kzsurvey.clean`; when not given, the table of the last build.
    questions : sequence of str, optional
        The open questions to code; all that a scheme of the codebook is meant for when not given.
    suggestions : DataFrame, one row per suggested code
        As the table ``mentions``, from rules or a model. Where ``start`` and ``end`` are missing, the whole answer is
        meant.
    sample : DataFrame, one row per answer or interview drawn
        From :func:`kzsurvey.modelling.draw_sample`: its index names interviews, or interviews and questions; ``order``,
        where there is one, says in what order they are coded.
    beside : sequence of coders
        Whose codes are shown beside each answer, to read only.
    adjudicate : sequence of two coders or more
        Only the answers that these decided differently, side by side. What is chosen is a coding of its own, in the
        role ``adjudicator``.
    blind : bool
        Neither codes of others nor suggestions, whatever else is asked for.
    queue : {"all", "open", "sample", "recode", "disagreements"}
        What lies open first: by default the sample or the disagreements where there are any, else all answers.
    speaker : sequence of closed questions
        What is told of who speaks. By default the questions that results are grouped by, places aside.
    language : str
        Language of the desk: ``zh`` or ``en``; the survey's first when not given.

    Returns
    -------
    DeskWidget
        Shows itself as the last line of a cell in JupyterLab or Jupyter Notebook.

    Raises
    ------
    CodingError
        The packages of the desk are not installed; a coder, question, code or queue is unknown; a file of codings is
        damaged.
    ReportError
        No interviews are given and the survey has not been built.

    Notes
    -----
    An action is written by :func:`kzsurvey.coding.record` before the browser is told that it is saved; until then it is
    drawn as waiting. A kernel that dies loses what was not acknowledged and nothing else: run the cell again and the
    desk goes on at the answer acted on last. Spans are counted in code points of the answer.

    Examples
    --------
    >>> from kzsurvey.survey import read_survey
    >>> market = read_survey("tests/surveys/data/raw/market")
    >>> answers = pd.DataFrame({"troubles": ["摊位费年年涨"]}, index=pd.Index(["M01"], name="interview"))
    >>> desk(market, coder="ann", interviews=answers, queue="yesterday")
    Traceback (most recent call last):
    ...
    kzsurvey.errors.CodingError: desk: found queue 'yesterday'; allowed: all, open, recode
    """
    fail_if(_faults(survey, coder, adjudicate, language), CodingError)
    from kzsurvey.coding.desk.widget import DeskWidget

    interviews = read_processed(survey, "interviews") if interviews is None else interviews
    answers = open_answers(interviews, coded_questions(survey, interviews, questions))
    role, codings = "adjudicator" if adjudicate else "coder", read_codings(survey, interviews)
    own = _standing(codings, answers, coder, role)
    queues = _queues(survey, answers, codings, own, coder=coder, sample=sample, adjudicate=adjudicate)
    if queue is not None and queue not in queues:
        raise CodingError(Fault("desk", f"queue {queue!r}", ", ".join(queues)))
    others = {} if blind else _beside(codings, answers, adjudicate or beside)
    session = Session(
        survey=survey,
        interviews=interviews,
        coder=coder,
        role=role,
        answers=tuple(answers),
        queues=queues,
        speakers=speakers(interviews, survey, speaker_questions(survey, speaker)),
        labels=question_labels(survey, list(dict.fromkeys(answer.question for answer in answers))),
        suggestions=of_coders(others)
        if adjudicate
        else suggested(None if blind else suggestions, answers, survey.codes.index),
        beside=others,
        language=language or next(iter(survey.languages)),
        blind=blind,
    )
    actions = read_actions(survey).table
    done = actions[(actions["coder"] == coder) & (actions["role"] == role)]
    return DeskWidget(session, Progress(queue or first_queue(queues), done, own))


def _faults(survey: "Survey", coder: str, adjudicate: Sequence[str], language: str | None) -> list[Fault]:
    """What is wrong with the wishes of whoever opens the desk."""
    faults = list(name_faults([coder]))
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        hint = "start the notebook with: python run.py lab"
        faults.append(Fault("desk", f"no package {', '.join(missing)}", "the packages of the lab", hint=hint))
    if isinstance(adjudicate, str) or (adjudicate and len(set(adjudicate)) < 2):
        faults.append(Fault("desk", f"adjudicate = {adjudicate!r}", "two coders or more"))
    if language is not None and language not in words():
        faults.append(Fault("desk", f"language {language!r}", ", ".join(words())))
    return faults


def _queues(
    survey: "Survey",
    answers: Sequence[Answer],
    codings: Codings,
    own: dict[int, Standing],
    *,
    coder: str,
    sample: pd.DataFrame | None,
    adjudicate: Sequence[str],
) -> Queues:
    if not adjudicate:
        again = codings.queue
        again = again[(again["coder"] == coder) & (again["role"] == "coder")]
        return coding_queues(answers, own, again, sample)
    told = codings.answers
    theirs = told["coder"].isin(adjudicate) & (told["role"] == "coder")
    asked = replace(codings, answers=told[theirs | (told["role"] == "adjudicator")])
    return adjudication_queues(answers, disagreements(asked), told[theirs & told["decided"]])


def _beside(
    codings: Codings, answers: Sequence[Answer], coders: Sequence[str]
) -> dict[int, tuple[tuple[str, Standing], ...]]:
    """What other coders said of each answer, in the order in which they were named."""
    said = {coder: _standing(codings, answers, coder, "coder") for coder in coders}
    places = sorted(set().union(*said.values()))
    return {place: tuple((coder, said[coder].get(place, Standing())) for coder in coders) for place in places}


def _standing(codings: Codings, answers: Sequence[Answer], coder: str, role: str) -> dict[int, Standing]:
    """How the answers stand for one coder in one role, by place."""
    frames = [codings.spans, codings.answers, codings.rejected, codings.memos]
    mine = [frame[(frame["coder"] == coder) & (frame["role"] == role)] for frame in frames]
    found = standings(*mine)
    return {
        place: found[answer.interview, answer.question]
        for place, answer in enumerate(answers)
        if (answer.interview, answer.question) in found
    }
