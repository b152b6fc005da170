"""Places in a text, as different programs count them: converted, and found out where a program does not say.

The specification counts Unicode code points from 0, the end one past the last; programs differ. Which way a file
counts is judged by where its passages then begin and end, and by the words that they are named after.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np
import pandas as pd

from kzsurvey.coding.exchange.records import STANDARD, Positions

UNITS = ("code points", "utf-16", "utf-8")
LINES = ("as stored", "one")
ENDS = ("exclusive", "inclusive")
# what programs are known to do; where the passages say nothing else, this holds
HABITS = {"nvivo": Positions(unit="utf-16"), "atlas": Positions(lines="one")}
LEAD = (3, 0.1)  # passages, and share of them, that one reading must have on another before word borders speak for it
QUOTE = 100  # characters; programs name a passage after its words, and cut them


def places(text: str, positions: Positions) -> np.ndarray:
    r"""Where each code point begins as a program counts, and last where the text ends.

    Parameters
    ----------
    text : str
    positions : Positions

    Returns
    -------
    (len(text) + 1,) array of int

    Examples
    --------
    >>> places("a\r\n😀b", Positions(unit="utf-16")).tolist()
    [0, 1, 2, 3, 5, 6]
    >>> places("a\r\n😀b", Positions(lines="one")).tolist()
    [0, 1, 2, 2, 3, 4]
    """
    points = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    widths = np.ones(len(points), dtype=np.int64)
    if positions.unit == "utf-16":
        widths += points > 0xFFFF
    elif positions.unit == "utf-8":
        widths += (points > 0x7F).astype(np.int64) + (points > 0x7FF) + (points > 0xFFFF)
    if positions.lines == "one":
        widths[1:][(points[:-1] == 13) & (points[1:] == 10)] = 0
    return np.concatenate([[0], np.cumsum(widths)])


def to_code_points(
    text: str, start: np.ndarray, end: np.ndarray, positions: Positions
) -> tuple[np.ndarray, np.ndarray]:
    """Places of passages as code points.

    Parameters
    ----------
    text : str
    start, end : (n,) arrays of int
        As the program counts.
    positions : Positions

    Returns
    -------
    two (n,) arrays of int
        Start, and one past the last; -1 where there is no such place: outside the text, or inside a character.

    Examples
    --------
    >>> start, end = to_code_points("😀 ab", np.array([3, 1]), np.array([5, 9]), Positions(unit="utf-16"))
    >>> start.tolist(), end.tolist()
    ([2, -1], [4, -1])
    """
    known = np.arange(len(text) + 1) if _plain(text, positions) else places(text, positions)
    first, last = _found(known, start), _found(known, end)
    if positions.end == "inclusive":
        last = np.where((last >= 0) & (last < len(text)), last + 1, -1)
    return first, last


def weigh(texts: Sequence[str], passages: pd.DataFrame) -> pd.DataFrame:
    """How well each way of counting fits the passages of a project.

    Parameters
    ----------
    texts : sequence of str
        The text that each passage is in.
    passages : DataFrame, one row per passage
        ``start``, ``end`` as the program counts, ``name``.

    Returns
    -------
    DataFrame, one row per way of counting
        ``unit``, ``lines``, ``end``; ``passages``; of these ``outside`` (no such place in the text), ``named`` (the
        words are those that the passage is named after), ``at_words`` (neither begins nor ends inside a word).
    """
    starts, ends = passages["start"].to_numpy(), passages["end"].to_numpy()
    quotes = [_quote(name) for name in passages["name"]]
    groups: dict[str, list[int]] = {}
    for row, text in enumerate(texts):
        groups.setdefault(text, []).append(row)
    counted = []
    for unit, lines, end in product(UNITS, LINES, ENDS):
        total = np.zeros(3, dtype=int)
        for text, rows in groups.items():
            first, last = to_code_points(text, starts[rows], ends[rows], Positions(unit, lines, end))
            total += _fits(text, first, last, [quotes[row] for row in rows])
        counted.append((unit, lines, end, len(quotes), *total.tolist()))
    return pd.DataFrame(counted, columns=["unit", "lines", "end", "passages", "outside", "named", "at_words"])


def judge(evidence: pd.DataFrame, origin: str) -> Positions:
    """The way of counting that the passages speak for; where they say nothing, what the program is known to do.

    Parameters
    ----------
    evidence : DataFrame
        From :func:`weigh`.
    origin : str
        The program that wrote the file, as it says itself.

    Returns
    -------
    Positions

    Notes
    -----
    The words that passages are named after speak first, then passages outside their text. Word borders speak last, and
    only where one reading has a clear lead: people also code parts of words.
    """
    usual = next((habit for word, habit in HABITS.items() if word in origin.lower()), STANDARD)
    ways = {Positions(row.unit, row.lines, row.end): row for row in evidence.itertuples()}
    most = max(row.named for row in ways.values())
    ways = {way: row for way, row in ways.items() if row.named == most}
    fewest = min(row.outside for row in ways.values())
    ways = {way: row for way, row in ways.items() if row.outside == fewest}
    best = max(ways.values(), key=lambda row: row.at_words)
    enough = best.at_words - max(LEAD[0], LEAD[1] * best.passages)
    in_order = [way for way in (usual, STANDARD, *ways) if way in ways]
    return next((way for way in in_order if ways[way].at_words > enough), in_order[0])


def quoted(text: str, start: int, end: int) -> str:
    r"""What a passage is named after: its words on one line, cut where it is long.

    Examples
    --------
    >>> quoted("pay is low,\nposts stay empty", 0, 17)
    'pay is low, posts'
    """
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in text[start:end]).split())
    return words if len(words) <= QUOTE else f"{words[:QUOTE]}…"


def _plain(text: str, positions: Positions) -> bool:
    """Whether every unit is one code point in this text."""
    widths = positions.unit == "code points" or text.isascii()
    return widths and (positions.lines == "as stored" or "\r\n" not in text)


def _found(known: np.ndarray, sought: np.ndarray) -> np.ndarray:
    """The code point that begins at each place, the last one where a pair counts as one; -1 where none does."""
    index = np.searchsorted(known, sought, side="right") - 1
    return np.where((index >= 0) & (known[np.maximum(index, 0)] == sought), index, -1)


def _quote(name: str) -> tuple[str, bool]:
    """The words that a passage is named after, without space; whether they were cut."""
    cut = name.rstrip().endswith(("…", "..."))
    words = "".join(name.rstrip().removesuffix("…").removesuffix("...").split())
    return (words if len(words) >= 3 else ""), cut


def _fits(text: str, first: np.ndarray, last: np.ndarray, quotes: Sequence[tuple[str, bool]]) -> np.ndarray:
    """Of the passages of one text: outside it, named after their words, at word borders."""
    outside = (first < 0) | (last < 0) | (last < first)
    named = at_words = 0
    for start, end, (words, cut), lost in zip(first.tolist(), last.tolist(), quotes, outside.tolist(), strict=True):
        if lost:
            continue
        at_words += not _inside_word(text, start) and not _inside_word(text, end)
        if words:
            there = "".join(text[start : min(end, start + 4 * len(words) + 40) if cut else end].split())
            named += there.startswith(words) if cut else there == words
    return np.array([outside.sum(), named, at_words])


def _inside_word(text: str, place: int) -> bool:
    """Whether letters of one word stand on both sides; Chinese has no such borders and says nothing."""
    if not 0 < place < len(text):
        return False
    sides = text[place - 1 : place + 1]
    return sides.isalnum() and not any("\u2e80" <= letter <= "\u9fff" or letter >= "\uac00" for letter in sides)
