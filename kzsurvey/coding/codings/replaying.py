"""What stands after a list of actions: one pure function, the same result in whatever order the files were read."""

import re
from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.coding.codings.actions import GIVES
from kzsurvey.errors import CodingError, Fault

ANSWER = ["coder", "role", "interview", "question"]
SPAN = [*ANSWER, "start", "end", "code"]
SPOKEN = ("quote", "before", "after", "answer")
SPANS = [*SPAN, "suggestion", *SPOKEN, "codebook", "memo", "number", "time", "placed"]
REJECTED = [*SPAN, "suggestion", *SPOKEN, "number"]
MEMOS = [*SPAN, "memo", *SPOKEN, "number", "time"]
_UNTIL = re.compile(r"\d{4}(-\d\d(-\d\d(T\d\d(:\d\d(:\d\d(\.\d{1,3}Z?)?)?)?)?)?)?")
DECIDING = (*GIVES, "nothing", "confirm")


class State(NamedTuple):
    """What stands, by coder; sorted by coder, role, interview, question, place, code.

    Attributes
    ----------
    spans : DataFrame, one row per code on a stretch of an answer
        ``coder``, ``role``, ``interview``, ``question``, ``start``, ``end`` (missing: the whole answer), ``code``,
        ``suggestion``, ``quote``, ``before``, ``after``, ``answer``, ``codebook``, ``memo``, ``number``, ``time``,
        ``placed`` (flag: put there by hand after the text had changed).
    answers : DataFrame, one row per answer that a coder decided something about
        The first four, ``nothing`` (flag: read, and no code applies), ``codes`` (codes that stand), ``decided`` (flag),
        ``codebook``, ``answer``, ``time``, ``number`` (of the last decision), ``confirmed``, ``confirmed_codebook``
        (of the last confirmation; 0 without).
    rejected : DataFrame, one row per suggestion said to be wrong
        As spans as far as ``suggestion``, then ``quote``, ``before``, ``after``, ``answer``, ``number``.
    memos : DataFrame, one row per memo
        As spans as far as ``code``, then ``memo``, ``quote``, ``before``, ``after``, ``answer``, ``number``, ``time``.
    """

    spans: pd.DataFrame
    answers: pd.DataFrame
    rejected: pd.DataFrame
    memos: pd.DataFrame


def replay(actions: pd.DataFrame, *, version: int | None = None, until: str | None = None) -> State:
    """Replay actions.

    Parameters
    ----------
    actions : DataFrame, one row per action
        From :func:`read_actions`; in any order, of any number of coders.
    version : int, optional
        Only what was done under this version of the codebook or an older one.
    until : str, optional
        Only what was done up to this time (``2026-11-29T05:04:12.345Z``, or its beginning: ``2026-11-29``).

    Returns
    -------
    State

    Raises
    ------
    CodingError
        ``until`` is no time.

    Notes
    -----
    An action that was undone counts as if it had never been; an undo can be undone. Of what was said of one code on one
    stretch the last word holds. ``nothing`` holds until a code is given to the answer, and not again when that code is
    removed: the answer has then to be decided anew.

    Examples
    --------
    >>> from kzsurvey.coding.codings.actions import KINDS
    >>> rows = [("add", "C1", None), ("remove", "", 1), ("undo", "", 2)]
    >>> blank = {name: "" if kind == "str" else 1 for name, kind in KINDS.items()} | {"start": None, "end": None}
    >>> actions = pd.DataFrame(
    ...     [{**blank, "number": number, "coder": "ann", "action": action, "code": code, "of": of}
    ...      for number, (action, code, of) in enumerate(rows, start=1)]).astype(KINDS)
    >>> replay(actions).spans["code"].tolist(), replay(actions[:2]).spans["code"].tolist()
    (['C1'], [])
    """
    if until is not None and not _UNTIL.fullmatch(until):
        raise CodingError(
            Fault("codings", f"until {until!r}", "2026-11-29T05:04:12.345Z, or its beginning: 2026-11-29")
        )
    table = _wanted(actions, version, until)
    target = _targets(table)
    done = ~_undone(table, target)
    meant = table.take(np.where(target >= 0, target, np.arange(len(table)))).set_axis(table.index)
    spans = _spans(table, meant, done)
    return State(
        _sorted(spans, SPANS),
        _answers(table[done], spans),
        _sorted(_rejected(table[done]), REJECTED),
        _sorted(table[done & (table["action"] == "memo")], MEMOS),
    )


def _wanted(actions: pd.DataFrame, version: int | None, until: str | None) -> pd.DataFrame:
    """The actions that count, each coder's in the order they were done."""
    wanted = np.ones(len(actions), dtype=bool)
    if version is not None:
        wanted &= (actions["codebook"] <= version).to_numpy()
    if until is not None:
        wanted &= (actions["time"].str.slice(0, len(until)) <= until).to_numpy()
    return actions[wanted].sort_values(["coder", "number"], kind="stable", ignore_index=True)


def _targets(table: pd.DataFrame) -> np.ndarray:
    """Where the action stands that each action refers to; -1 where it refers to none, or to none of these."""
    refers = np.flatnonzero(table["of"].notna())
    target = np.full(len(table), -1)
    known = pd.MultiIndex.from_arrays([table["coder"], table["number"]])
    meant = [table["coder"].iloc[refers], table["of"].iloc[refers].astype("int64")]
    target[refers] = known.get_indexer(pd.MultiIndex.from_arrays(meant))
    return target


def _undone(table: pd.DataFrame, target: np.ndarray) -> np.ndarray:
    """Which actions an undo took back that was not itself taken back; an undo only refers to what was before it."""
    undone = np.zeros(len(table), dtype=bool)
    for place in np.flatnonzero((table["action"] == "undo") & (target >= 0))[::-1]:
        if not undone[place]:
            undone[target[place]] = True
    return undone


def _spans(table: pd.DataFrame, meant: pd.DataFrame, done: np.ndarray) -> pd.DataFrame:
    """Codes that stand, where they were put last."""
    said = done & table["action"].isin((*GIVES, "remove")).to_numpy()
    last = ~meant.loc[said, SPAN].duplicated(keep="last").to_numpy()
    standing = table[said][last]
    standing = standing[standing["action"].isin(GIVES)].assign(placed=False)
    moves = np.flatnonzero(done & (table["action"] == "place").to_numpy())
    if not len(moves) or standing.empty:
        return standing
    return _moved(standing, table.iloc[moves], meant.iloc[moves])


def _moved(standing: pd.DataFrame, moves: pd.DataFrame, meant: pd.DataFrame) -> pd.DataFrame:
    """Spans at the place that a person found for them; a code given anew later stands where it was given."""
    last = ~meant[SPAN].duplicated(keep="last").to_numpy()
    at = pd.MultiIndex.from_frame(standing[SPAN]).get_indexer(pd.MultiIndex.from_frame(meant[SPAN][last]))
    moves = moves[last]
    later = (at >= 0) & (moves["number"].to_numpy() > standing["number"].to_numpy()[at])
    rows, fields = standing.index[at[later]], ["start", "end", *SPOKEN]
    moved = standing.copy()
    moved.loc[rows, fields] = moves.loc[later, fields].set_axis(rows)
    moved.loc[rows, "placed"] = True
    return moved


def _answers(done: pd.DataFrame, spans: pd.DataFrame) -> pd.DataFrame:
    """What was decided about whole answers."""
    deciding = done[done["action"].isin((*DECIDING, "place"))]
    number = deciding["number"]
    marked = deciding.assign(
        given=number.where(deciding["action"].isin(GIVES), 0),
        none=number.where(deciding["action"] == "nothing", 0),
        confirmed=number.where(deciding["action"] == "confirm", 0),
        confirmed_codebook=deciding["codebook"].where(deciding["action"] == "confirm", 0),
        codebook=deciding["codebook"].where(deciding["action"] != "place", 1),
    )
    whole = marked.groupby(ANSWER, sort=True)[["given", "none", "confirmed", "confirmed_codebook", "codebook"]].max()
    last = marked.drop_duplicates(ANSWER, keep="last").set_index(ANSWER)[["answer", "time", "number"]]
    codes = spans.groupby(ANSWER)["code"].nunique().reindex(whole.index, fill_value=0).astype("int64")
    nothing = (whole["none"] > whole["given"]) & (codes == 0)
    made = whole.assign(nothing=nothing, codes=codes, decided=nothing | (codes > 0)).join(last)
    columns = ["nothing", "codes", "decided", "codebook", "answer", "time", "number", "confirmed", "confirmed_codebook"]
    return made[columns].reset_index()


def _rejected(done: pd.DataFrame) -> pd.DataFrame:
    """Suggestions that were rejected, and not taken after all."""
    rejected = done[done["action"] == "reject"].drop_duplicates([*SPAN, "suggestion"], keep="last")
    given = done[done["action"].isin(GIVES)].drop_duplicates(SPAN, keep="last")
    at = pd.MultiIndex.from_frame(given[SPAN]).get_indexer(pd.MultiIndex.from_frame(rejected[SPAN]))
    taken = np.append(given["number"].to_numpy(), 0)[at]  # -1, not taken, is the last
    return rejected[rejected["number"].to_numpy() > taken]


def _sorted(rows: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    return rows.sort_values([*SPAN, "number"], kind="stable", ignore_index=True)[columns]
