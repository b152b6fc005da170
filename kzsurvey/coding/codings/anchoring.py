"""Codings find their words again after a text was changed, or wait for a person; none is moved silently."""

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.coding.codings.actions import fingerprints
from kzsurvey.coding.rules.text import fold

ANSWER = ["interview", "question"]


class Anchored(NamedTuple):
    """Codings on the answers as they stand now.

    Attributes
    ----------
    spans : DataFrame, the same rows
        ``start``, ``end``, ``quote`` as they are now, and ``place``: ``whole`` (the whole answer is meant), ``as
        coded`` (the text is the one that was coded), ``by hand``, ``found`` (at the only place where words and
        surroundings fit), ``lost`` (no such place, or several; ``start`` and ``end`` missing), ``gone`` (no such answer
        any more).
    before : DataFrame, the rows that were found or lost, as they were
    """

    spans: pd.DataFrame
    before: pd.DataFrame


def texts_of(interviews: pd.DataFrame, answers: pd.DataFrame) -> pd.DataFrame:
    """The texts of answers as they stand now.

    Parameters
    ----------
    interviews : DataFrame, one row per interview
    answers : DataFrame with ``interview`` and ``question``

    Returns
    -------
    DataFrame, one row per distinct answer, index ``interview`` and ``question``
        ``text`` (missing where there is no such answer any more) and ``answer`` (its fingerprint, or nothing).
    """
    keys = answers[ANSWER].drop_duplicates()
    parts = []
    for question, rows in keys.groupby("question", sort=False):
        known = interviews[question] if question in interviews else pd.Series(index=interviews.index, dtype="str")
        parts.append(rows.assign(text=known.reindex(rows["interview"]).to_numpy(dtype=object)))
    table = pd.concat(parts) if parts else keys.assign(text=None)
    text = table["text"].astype("str")
    there = text.notna()
    answer = pd.Series("", index=table.index, dtype="str")
    answer[there] = fingerprints(text[there])
    return table.assign(text=text, answer=answer).set_index(ANSWER)


def anchored(spans: pd.DataFrame, texts: pd.DataFrame) -> Anchored:
    """Put codings on the answers as they stand now.

    Parameters
    ----------
    spans : DataFrame, one row per coding
        ``interview``, ``question``, ``start``, ``end``, ``quote``, ``before``, ``after``, ``answer``, ``placed``.
    texts : DataFrame, one row per answer, from :func:`texts_of`

    Returns
    -------
    Anchored

    Notes
    -----
    Words and surroundings are compared as rules read them: simplified, in one width, in lower case. A place fits when
    the words are there, and what stood on both sides of them still does; where there is no such place, one side will
    do. More than one place that fits is none.
    """
    at = texts.index.get_indexer(pd.MultiIndex.from_frame(spans[ANSWER]))
    now = texts["answer"].to_numpy(dtype=object)[at]
    was = spans["answer"].to_numpy(dtype=object)
    whole, same, gone = spans["start"].isna().to_numpy(), now == was, now == ""
    place = np.select([gone, whole, same], ["gone", "whole", "as coded"], "found").astype(object)
    kept = np.flatnonzero(place == "as coded")
    place[kept[~_there(spans.iloc[kept], texts["text"].iloc[at[kept]].tolist())]] = "found"
    place[(place == "as coded") & spans["placed"].to_numpy(bool)] = "by hand"
    rows = np.flatnonzero(place == "found")
    before, labels = spans.iloc[rows], spans.index[rows]
    found = list(_found(before, texts["text"].iloc[at[rows]].tolist()))
    moved = spans.assign(place=pd.Series(place, index=spans.index, dtype="str"))
    moved.loc[labels, "start"] = pd.array([one and one[0] for one in found], dtype="Int64")
    moved.loc[labels, "end"] = pd.array([one and one[1] for one in found], dtype="Int64")
    moved.loc[labels, "quote"] = [one[2] if one else was for one, was in zip(found, before["quote"], strict=True)]
    moved.loc[labels, "place"] = ["found" if one else "lost" for one in found]
    return Anchored(moved, before)


def _there(spans: pd.DataFrame, texts: list[str]) -> np.ndarray:
    """Where the words stand that were coded; they do not where a file was changed by hand."""
    rows = zip(texts, *(spans[name].tolist() for name in ("start", "end", "quote")), strict=True)
    return np.array([text[start:end] == quote for text, start, end, quote in rows], dtype=bool)


def _found(spans: pd.DataFrame, texts: list[str]) -> Iterator[tuple[int, int, str] | None]:
    """The only place in its text where each span can be, with its words; None where there is none, or more than one."""
    columns = [texts, *(spans[name].tolist() for name in ("quote", "before", "after"))]
    distinct = list(dict.fromkeys(chain(*columns)))
    folded = dict(zip(distinct, fold(distinct), strict=True))  # all at once: each by itself takes ten times as long
    for text, *words in zip(*columns, strict=True):
        within = folded[text]
        if (place := _place(within.text, *(folded[one].text for one in words))) is None:
            yield None
            continue
        start, end = within.span(*place)
        yield start, end, text[start:end]


def _place(text: str, quote: str, before: str, after: str) -> tuple[int, int] | None:
    """The only place where a quote can be in a folded text."""
    places = occurrences(quote, text) if quote else []
    sides = [_sides(text, place, place + len(quote), before, after) for place in places]
    for wanted in (2, 1):
        fitting = [place for place, count in zip(places, sides, strict=True) if count >= wanted]
        if fitting:
            return (fitting[0], fitting[0] + len(quote)) if len(fitting) == 1 else None
    return None


def occurrences(quote: str, text: str) -> list[int]:
    """Where a quote stands in a text; places may overlap."""
    places, place = [], text.find(quote)
    while place >= 0:
        places.append(place)
        place = text.find(quote, place + 1)
    return places


def _sides(text: str, start: int, end: int, before: str, after: str) -> int:
    """On how many sides a place has the surroundings that a span had; the border of the text is one too."""
    left = text.endswith(before, 0, start) if before else start == 0
    right = text.startswith(after, end) if after else end == len(text)
    return left + right
