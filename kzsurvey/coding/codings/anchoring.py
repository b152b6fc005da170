"""Codings find their words again after a text was changed, or wait for a person; none is moved silently."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.coding.codings.actions import fingerprints
from kzsurvey.coding.rules.text import Folded, fold

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
    place[(place == "as coded") & spans["placed"].to_numpy(bool)] = "by hand"
    rows = np.flatnonzero(place == "found")
    folded = dict(zip(texts.index, fold(texts["text"].fillna("")), strict=True)) if len(rows) else {}
    moved = spans.assign(place=pd.Series(place, index=spans.index, dtype="str"))
    found = [_found(row, folded[row.interview, row.question]) for row in spans.iloc[rows].itertuples()]
    labels = spans.index[rows]
    moved.loc[labels, "start"] = pd.array([span and span[0] for span in found], dtype="Int64")
    moved.loc[labels, "end"] = pd.array([span and span[1] for span in found], dtype="Int64")
    kept = zip(found, spans.iloc[rows].itertuples(), strict=True)
    moved.loc[labels, "quote"] = [
        folded[row.interview, row.question].original[slice(*span)] if span else row.quote for span, row in kept
    ]
    moved.loc[labels, "place"] = ["found" if span else "lost" for span in found]
    return Anchored(moved, spans.loc[labels])


def _found(span: tuple, text: Folded) -> tuple[int, int] | None:
    """The only place where a span can be, in the original; None where there is none, or more than one."""
    quote, before, after = (one.text for one in fold([span.quote, span.before, span.after]))
    if not quote:
        return None
    places = occurrences(quote, text.text)
    sides = [_sides(text.text, place, place + len(quote), before, after) for place in places]
    for wanted in (2, 1):
        fitting = [place for place, count in zip(places, sides, strict=True) if count >= wanted]
        if fitting:
            return text.span(fitting[0], fitting[0] + len(quote)) if len(fitting) == 1 else None
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
    left = text[:start].endswith(before) if before else start == 0
    right = text[end:].startswith(after) if after else end == len(text)
    return left + right
