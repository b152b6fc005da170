"""Frequent phrases of open answers, without word segmentation and without a word list.

A stretch of characters is a phrase when it comes back in many answers and stands freely there: what is before and
behind it varies. 人手不 comes back as often as 人手不够, but always with 够 behind it, so it is no phrase.
"""

from collections.abc import Collection, Iterable
from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.coding.rules.scanning import Joined, join, make_scanner
from kzsurvey.coding.rules.text import fold
from kzsurvey.errors import CodingError, Fault

COLUMNS = ("phrase", "answers", "times", "share", "freedom_left", "freedom_right", "n")
_PARTS = "。!?;,.、:…\"'()《》「」“”‘’[]{}<>/|\n\t "  # what no phrase reads over


def frequent_phrases(
    answers: Iterable[str | None],
    *,
    shortest: int = 2,
    longest: int = 8,
    least_answers: int = 5,
    freedom: float = 1.5,
    leave_out: Collection[str] = (),
) -> pd.DataFrame:
    r"""Phrases that come back in many answers.

    Parameters
    ----------
    answers : iterable of str
        Missing ones are passed over.
    shortest, longest : int, characters of a phrase
    least_answers : int
        Answers that a phrase must stand in by itself: outside longer phrases of the list.
    freedom : float, bits
        How much what stands before and behind a phrase must vary; 1 bit is two neighbours of equal frequency.
    leave_out : collection of str
        Phrases not to list.

    Returns
    -------
    DataFrame, one row per phrase, the most frequent first
        ``phrase`` (folded: simplified, small letters), ``answers`` that it stands in, ``times`` it stands there,
        ``share`` of the ``n`` answers given, ``freedom_left`` and ``freedom_right`` (bits).

    Raises
    ------
    CodingError
        Lengths or counts that make no sense.

    Notes
    -----
    Freedom is the branching entropy :math:`-\sum_c p_c \log_2 p_c` of the characters next to the phrase; a place at the
    end of a clause counts as a neighbour that no other place has. From long to short a phrase is taken when it is free
    on both sides and stands by itself in enough answers; what lies inside phrases taken before does not count, so
    parts of a phrase are not listed again unless they live a life of their own.

    References
    ----------
    Jin, Z., & Tanaka-Ishii, K. (2006). Unsupervised segmentation of Chinese text by use of branching entropy.
    Proceedings of COLING/ACL, 428-435. https://aclanthology.org/P06-2056

    Examples
    --------
    >>> said = ["这里人手不够", "人手不够，活多", "真的人手不够了", "检查多", "天天检查", "检查又来"]
    >>> frequent_phrases(said, least_answers=3)[["phrase", "answers", "n"]]
      phrase  answers  n
    0   人手不够        3  6
    1     检查        3  6
    """
    _check(shortest, longest, least_answers)
    given = [one for one in answers if isinstance(one, str) and one.strip()]
    joined = join([one.text for one in fold(given)])
    grams = _grams(joined, shortest, longest, least_answers)
    rows, ends = [], np.zeros(len(joined.characters), dtype=np.int64)
    for size in sorted(grams, reverse=True):
        rows += _free(joined, grams[size], size, ends, least_answers, freedom)
    table = pd.DataFrame(rows, columns=[name for name in COLUMNS if name not in ("share", "n")])
    table = table[~table["phrase"].isin(leave_out)]
    table = table.assign(share=table["answers"] / max(len(given), 1), n=len(given))
    return table.sort_values(["answers", "times", "phrase"], ascending=[False, False, True], ignore_index=True)[
        [*COLUMNS]
    ]


def phrase_table(answers: pd.Series, phrases: Iterable[str]) -> pd.DataFrame:
    """Which answer holds which phrase.

    Parameters
    ----------
    answers : Series of str, one row per interview
    phrases : iterable of str

    Returns
    -------
    DataFrame, one row per interview
        A column per phrase: 1, 0, or missing where there is no answer; whether it is denied does not matter.

    Raises
    ------
    CodingError
        A phrase is empty, or of signs alone that one cannot see.

    Examples
    --------
    >>> phrase_table(pd.Series(["人手不夠", None, "检查多"], index=["a", "b", "c"]), ["人手", "检查"]).to_dict("list")
    {'人手': [1.0, nan, 0.0], '检查': [0.0, nan, 1.0]}
    """
    phrases = list(dict.fromkeys(phrases))
    folded = [one.text for one in fold(phrases)]
    if not all(folded):
        raise CodingError(Fault("phrases", "an empty phrase", "phrases of at least one character"))
    given = answers.notna().to_numpy()
    joined = join([one.text for one in fold(answers[given].astype(str))])
    scanner = make_scanner(folded)
    hits = scanner.scan(joined)
    held = np.zeros((int(given.sum()), len(scanner.strings)))
    held[joined.text_of(hits.start), hits.string] = 1.0
    found = np.full((len(answers), len(phrases)), np.nan)
    found[given] = held[:, [scanner.strings.index(one) for one in folded]]
    return pd.DataFrame(found, index=answers.index, columns=pd.Index(phrases, dtype="str"))


class _Grams(NamedTuple):
    """Stretches of one length that come back: places in order, and which stretch stands at each."""

    place: np.ndarray
    number: np.ndarray
    count: int


def _check(shortest: int, longest: int, least_answers: int) -> None:
    if not 1 <= shortest <= longest:
        raise CodingError(Fault("phrases", f"lengths from {shortest} to {longest}", "1 or more, the shortest first"))
    if least_answers < 2:
        raise CodingError(Fault("phrases", f"least_answers {least_answers}", "2 or more"))


def _grams(joined: Joined, shortest: int, longest: int, least_answers: int) -> dict[int, _Grams]:
    """Stretches that stand in enough answers, length by length: only what is frequent can be part of what is."""
    characters = joined.characters
    inside = ~np.isin(characters, [0, *map(ord, _PARTS)])
    place = np.flatnonzero(inside)
    number = characters[place].astype(np.int64)
    found = {}
    for size in range(1, longest + 1):
        if size > 1:
            place, number = _longer(place, number, characters, inside, size)
        gram = _frequent(joined, place, number, least_answers)
        if not len(gram.place):
            break
        place, number = gram.place, gram.number
        if size >= shortest:
            found[size] = gram
    return found


def _longer(
    place: np.ndarray, number: np.ndarray, characters: np.ndarray, inside: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Frequent stretches that a further character follows, whose rest is a frequent stretch too."""
    follows = inside[np.minimum(place + size - 1, len(inside) - 1)]
    rest = np.searchsorted(place, place + 1)
    follows &= (rest < len(place)) & (place[np.minimum(rest, len(place) - 1)] == place + 1)
    kept = place[follows]
    return kept, number[follows] * np.int64(0x110000) + characters[kept + size - 1]


def _frequent(joined: Joined, place: np.ndarray, number: np.ndarray, least_answers: int) -> _Grams:
    """Those that stand in enough answers, numbered anew."""
    distinct, number = np.unique(number, return_inverse=True)
    gram = _Grams(place, number, len(distinct))
    kept = _answers(joined, gram, np.ones(len(place), dtype=bool)) >= least_answers
    here = kept[number]
    return _Grams(place[here], (np.cumsum(kept) - 1)[number[here]], int(kept.sum()))


def _freedom(joined: Joined, gram: _Grams, neighbour: np.ndarray) -> np.ndarray:
    """(stretches,) array of bits: how much a neighbour of each varies; a border is a neighbour of its own."""
    characters = joined.characters[np.clip(neighbour, 0, len(joined.characters) - 1)].astype(np.int64)
    bordered = np.isin(characters, [0, *map(ord, _PARTS)]) | (neighbour < 0)
    pairs, times = np.unique(gram.number[~bordered] * np.int64(0x110000) + characters[~bordered], return_counts=True)
    alike = np.bincount(pairs // 0x110000, weights=times * np.log2(times), minlength=gram.count)
    total = np.bincount(gram.number, minlength=gram.count)
    return np.log2(np.maximum(total, 1)) - alike / np.maximum(total, 1)


def _free(
    joined: Joined, gram: _Grams, size: int, ends: np.ndarray, least_answers: int, freedom: float
) -> list[tuple[str, int, int, float, float]]:
    """Phrases of one length; their places are noted in ``ends``, where each phrase taken from a place on ends."""
    left, right = _freedom(joined, gram, gram.place - 1), _freedom(joined, gram, gram.place + size)
    alone = np.maximum.accumulate(ends)[gram.place] < gram.place + size
    taken = (np.minimum(left, right) >= freedom) & (_answers(joined, gram, alone) >= least_answers)
    answers, times = _answers(joined, gram, np.ones(len(gram.place), dtype=bool)), np.bincount(gram.number)
    here = taken[gram.number]
    ends[gram.place[here]] = np.maximum(ends[gram.place[here]], gram.place[here] + size)
    numbers, first = np.unique(gram.number, return_index=True)
    return [
        (_text(joined, gram.place[at], size), int(answers[one]), int(times[one]), float(left[one]), float(right[one]))
        for one, at in zip(numbers.tolist(), first.tolist(), strict=True)
        if taken[one]
    ]


def _answers(joined: Joined, gram: _Grams, places: np.ndarray) -> np.ndarray:
    """(stretches,) array: the answers that each stands in, at some of its places."""
    texts = len(joined.starts)
    pairs = np.sort(gram.number[places] * texts + joined.text_of(gram.place[places]))
    return np.bincount(pairs[np.diff(pairs, prepend=-1) > 0] // texts, minlength=gram.count)


def _text(joined: Joined, place: int, size: int) -> str:
    return "".join(map(chr, joined.characters[place : place + size].tolist()))
