"""Human codings as they stand now: under the present codebook, on the present texts, with all that is still open."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from kzsurvey.coding.codings.actions import FOLDER, read_actions
from kzsurvey.coding.codings.anchoring import Anchored, anchored, texts_of
from kzsurvey.coding.codings.replaying import ANSWER, SPAN, State, replay
from kzsurvey.coding.versions.steps import codebook_version, codes_at, fail_if_unknown, translate, unread
from kzsurvey.errors import CodingError, Fault
from kzsurvey.tables import TABLES

if TYPE_CHECKING:
    from kzsurvey.survey import Survey

WHERE = ["interview", "question"]
QUEUE = [*SPAN, "number", "reason", "now", "quote"]
SPANS = [
    *SPAN, "suggestion", "quote", "before", "after", "answer", "codebook", "memo", "number", "time", "place", "open",
]  # fmt: skip
REJECTED = [*SPAN, "suggestion", "quote", "number", "place"]
MEMOS = [*SPAN, "memo", "quote", "number", "time", "place"]
ANSWERS = [*ANSWER, "nothing", "codes", "decided", "codebook", "answer", "time", "number"]
REASONS = {
    "lost": "the text changed, and the coded words are not found in one place of it",
    "text": "the text changed in more than its script",
    "split": "the code was split",
    "definition": "the definition of the code changed",
    "new": "the code was added after the answer was read",
}


@dataclass(frozen=True, eq=False)
class Codings:
    """What people coded, read under one version of the codebook on the answers as they stand.

    Attributes
    ----------
    spans : DataFrame, one row per code on a stretch of an answer
        ``coder``, ``role``, ``interview``, ``question``, ``start``, ``end`` (missing: the whole answer, or lost),
        ``code``, ``suggestion``, ``quote``, ``before``, ``after``, ``answer``, ``codebook``, ``memo``, ``number``,
        ``time``, ``place`` (whole, as coded, by hand, found, lost), ``open`` (why it is in the queue, or nothing).
    answers : DataFrame, one row per answer that a coder decided something about
        ``coder``, ``role``, ``interview``, ``question``, ``nothing`` (flag), ``codes`` (how many different ones stand),
        ``decided`` (flag: read, and nothing about it is open), ``codebook``, ``answer``, ``time``, ``number``.
    rejected : DataFrame, one row per suggestion said to be wrong
        As spans as far as ``suggestion``, then ``quote``, ``number``, ``place`` (as of spans, or gone: no such answer).
    memos : DataFrame, one row per memo
        As spans as far as ``code``, then ``memo``, ``quote``, ``number``, ``time``, ``place`` (as of ``rejected``).
    queue : DataFrame, one row per decision that has to be made again
        Where it stands, ``code``, ``number``, ``reason`` (a key of ``REASONS``), ``now`` (codes it may be), ``quote``.
    issues : DataFrame, as the table ``issues``
    version : int, of the codebook
    """

    spans: pd.DataFrame
    answers: pd.DataFrame
    rejected: pd.DataFrame
    memos: pd.DataFrame
    queue: pd.DataFrame
    issues: pd.DataFrame
    version: int


def read_codings(
    survey: "Survey", interviews: pd.DataFrame, *, version: int | None = None, until: str | None = None
) -> Codings:
    """Read what people coded.

    Parameters
    ----------
    survey : Survey
    interviews : DataFrame, one row per interview
        From :func:`kzsurvey.cleaning.clean`; not changed.
    version : int, optional
        Of the codebook; the present one where not given. What was coded under later ones is left out.
    until : str, optional
        Only what was coded up to this time (``2026-11-29``).

    Returns
    -------
    Codings
        Empty where nobody has coded yet.

    Raises
    ------
    CodingError
        Every fault of the files; codes that no codebook had when they were given.

    Examples
    --------
    >>> import kzsurvey as kz
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> len(read_codings(survey, interviews).spans)
    0
    """
    actions = read_actions(survey)
    fail_if_unknown(actions.table, survey)
    version = codebook_version(survey) if version is None else version
    codes_at(survey, version)  # there is such a version
    state = replay(actions.table, version=version, until=until)
    return stand(state, survey, interviews, version=version, torn=actions.torn)


def codings_faults(survey: "Survey") -> list[Fault]:
    """What is wrong in the files of human codings; nothing where they are sound, or there are none.

    Parameters
    ----------
    survey : Survey

    Returns
    -------
    list of Fault

    Examples
    --------
    >>> from kzsurvey.survey import read_survey
    >>> codings_faults(read_survey("tests/surveys/data/raw/market"))
    []
    """
    try:
        fail_if_unknown(read_actions(survey).table, survey)
    except CodingError as error:
        return list(error.faults)
    return []


def stand(
    state: State, survey: "Survey", interviews: pd.DataFrame, *, version: int | None = None, torn: Sequence[Fault] = ()
) -> Codings:
    """What was coded, under a codebook and on the answers as they stand.

    Parameters
    ----------
    state : State, from :func:`replay`
    survey : Survey
    interviews : DataFrame, one row per interview
    version : int, optional
    torn : sequence of Fault
        Lines that were cut off, to be told among the issues.

    Returns
    -------
    Codings

    Examples
    --------
    >>> import kzsurvey as kz
    >>> from kzsurvey.coding import read_actions
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> codings = stand(replay(read_actions(survey).table), survey, interviews)
    >>> codings.version, len(codings.spans), len(codings.queue)
    (1, 0, 0)
    """
    version = codebook_version(survey) if version is None else version
    texts = texts_of(interviews, pd.concat([table[WHERE] for table in (state.answers, state.rejected, state.memos)]))
    memos, rejected = (anchored(table.assign(placed=False), texts) for table in (state.memos, state.rejected))
    found = anchored(_translated(state, survey, version), texts)
    spans = found.spans[found.spans["place"] != "gone"]
    spans = spans.assign(open=spans["open"].mask(spans["place"] == "lost", "lost"))
    doubles = [*SPAN, "open"]
    spans = spans.sort_values("number").drop_duplicates(doubles, keep="last").sort_values([*SPAN, "number"])
    answers, changed = _answers(state, spans, texts)
    queue = _queue(spans, changed, unread(answers, spans, survey, version))
    undecided = pd.MultiIndex.from_frame(answers[ANSWER]).isin(pd.MultiIndex.from_frame(queue[ANSWER]))
    answers = answers.assign(decided=answers["decided"] & ~undecided)
    return Codings(
        spans[SPANS].reset_index(drop=True),
        answers[ANSWERS].reset_index(drop=True),
        rejected.spans[REJECTED],
        memos.spans[MEMOS],
        queue,
        _issues({"coding": found, "memo": memos}, changed, _gone(state, texts), torn, interviews),
        version,
    )


def _translated(state: State, survey: "Survey", version: int) -> pd.DataFrame:
    """Codings under a later codebook, beside what was confirmed after they were made."""
    confirmed = state.answers[[*ANSWER, "confirmed", "confirmed_codebook"]]
    spans = state.spans.merge(confirmed, on=ANSWER, how="left", validate="many_to_one")
    later = spans["confirmed"].fillna(0) > spans["number"]
    return translate(
        spans.assign(confirmed_codebook=spans["confirmed_codebook"].where(later, 0).astype("int64")), survey, version
    )


def _answers(state: State, spans: pd.DataFrame, texts: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Answers that are still there, with the codes that stand now; and those whose text says something else now."""
    at = texts.index.get_indexer(pd.MultiIndex.from_frame(state.answers[WHERE]))
    now = texts["answer"].take(at).set_axis(state.answers.index)
    there = now != ""
    codes = spans[spans["open"] != "split"].groupby(ANSWER)["code"].nunique()
    counted = codes.reindex(pd.MultiIndex.from_frame(state.answers[ANSWER]), fill_value=0).to_numpy("int64")
    answers = state.answers.assign(codes=counted)[there]
    read = answers["answer"].str.split("-").str[-1]
    return answers, answers[(read != now[there].str.split("-").str[-1]) & answers["decided"]]


def _queue(spans: pd.DataFrame, changed: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Everything that has to be decided again."""
    again = changed[[*ANSWER, "number"]].assign(reason="text")
    parts = [spans[spans["open"] != ""].rename(columns={"open": "reason"}), again, new]
    texts = {name: "" for name in ("code", "now", "quote")}
    whole = pd.concat([part.reindex(columns=QUEUE) for part in parts], ignore_index=True)
    kinds = dict.fromkeys(QUEUE, "str") | {"start": "Int64", "end": "Int64", "number": "Int64"}
    return whole.fillna(texts).astype(kinds).sort_values([*ANSWER, "reason", "start", "code"], ignore_index=True)


def _gone(state: State, texts: pd.DataFrame) -> pd.DataFrame:
    """Decisions about answers that are not there any more."""
    gone = texts.index[texts["answer"] == ""]
    return state.answers[pd.MultiIndex.from_frame(state.answers[WHERE]).isin(gone)]


def _issues(
    found: Mapping[str, Anchored],
    changed: pd.DataFrame,
    gone: pd.DataFrame,
    torn: Sequence[Fault],
    interviews: pd.DataFrame,
) -> pd.DataFrame:
    """What a reader of the results must know, as rows of ``issues``."""
    parts = [
        *(part for kind, one in found.items() for part in _moves(kind, one)),
        _told(changed, "coding_text", "flagged"),
        _told(gone, "coding_gone", "flagged"),
        pd.DataFrame([{"kind": "coding_torn", "action": "flagged", "rule": str(fault)} for fault in torn]),
    ]
    columns = list(TABLES["issues"].columns)
    whole = pd.concat([part.reindex(columns=columns).astype("object") for part in parts], ignore_index=True)
    if {"file", "row"} <= set(interviews):  # the row of the interview in its delivered file
        origin = interviews[["file", "row"]].reindex(whole["interview"])
        whole = whole.assign(file=origin["file"].to_numpy(), row=origin["row"].to_numpy(dtype=object, na_value=None))
    return whole.astype({name: "Int64" if name == "row" else "str" for name in columns})


def _moves(kind: str, found: Anchored) -> Iterator[pd.DataFrame]:
    """What was found at another place, and what was not found, as issues."""
    after = found.spans.loc[found.before.index]
    lost = (after["place"] == "lost").to_numpy()
    before, moved = _shown(found.before), _shown(after)
    yield _told(found.before[~lost], f"{kind}_found", "changed", before=before[~lost], after=moved[~lost])
    yield _told(found.before[lost], f"{kind}_lost", "flagged", before=before[lost])


def _told(rows: pd.DataFrame, kind: str, action: str, **texts: pd.Series) -> pd.DataFrame:
    """One issue for each coding or answer."""
    rule = f"{FOLDER}/" + rows["coder"] + ".csv, action " + rows["number"].astype("str")
    return rows[WHERE].assign(kind=kind, action=action, sheet="", rule=rule, **texts)


def _shown(spans: pd.DataFrame) -> pd.Series:
    """Where a coding stands, and on what words."""
    return (spans["start"].astype("str") + "-" + spans["end"].astype("str") + " " + spans["quote"]).astype("str")
