"""Text as rules see it - simplified, NFKC-folded, lower-case - with a way back to every character of the original."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from functools import cache, partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kzsurvey.coding.rules.scanning import Joined, Scanner, chunks, join, make_scanner

if TYPE_CHECKING:
    from opencc import OpenCC

# A comma of enumeration joins what one verb governs (不缺资金、人手), so it ends no clause. 不过 inside 忙不过来,
# 不过是 and 不过如此 is no conjunction, nor is 但 inside 不但 and 但凡.
_BORDER = re.compile(
    # each alternative begins with a character of its own: what cannot begin a border is passed over at once
    r"[。!?;,\s…]+|\.(?!\d)|但(?<!不但)(?!凡)是?|不过(?<![得忙管顾跑干做]不过)(?![来是去如问])|可是|然而|只是(?=[^因为])"
)


_STOP = re.compile(r"[。!?;…\n]+|\.(?!\d)")


class Folded(NamedTuple):
    """One text, folded for matching.

    Attributes
    ----------
    original : str
        The text as it was given.
    text : str
        The text that patterns are matched on; may be longer or shorter than the original.
    starts, ends : tuple of int
        For each character of ``text`` where in ``original`` the characters begin and end that it was made from.
        Both empty where the two texts run in parallel.
    """

    original: str
    text: str
    starts: tuple[int, ...] = ()
    ends: tuple[int, ...] = ()

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where a stretch of ``text``, not empty, stands in the original."""
        return (self.starts[start], self.ends[end - 1]) if self.starts else (start, end)


# Spellings of Taiwan and Hong Kong that the table of single characters leaves, because they are words of their own too;
# one of them is another character only beside its neighbour.
_VARIANTS = {"著": "着", "瞭": "了", "藉": "借", "揹": "背", "衞": "卫", "枱": "台"}
_VARIANT_PAIRS = {"答覆": "答复", "回覆": "回复", "反覆": "反复"}
_FOLDED = partial(tuple.__new__, Folded)  # without a call of Python for each


def fold(texts: Iterable[str]) -> list[Folded]:
    """Fold texts for matching: NFKC, traditional to simplified Chinese, lower case, no invisible characters.

    Parameters
    ----------
    texts : iterable of str

    Returns
    -------
    list of Folded
        One for each text, in the same order.

    Notes
    -----
    Every character is folded by itself (a letter together with its combining marks), so that the way back is exact
    whatever a character becomes. Conversion of Chinese by phrases, which knows 乾坤 from 乾淨, would lose it; the few
    characters concerned carry no code.

    Examples
    --------
    >>> folded = fold(["３０㎡的辦公室"])[0]
    >>> folded.text
    '30m2的办公室'
    >>> start = folded.text.index("m2")
    >>> folded.original[slice(*folded.span(start, start + 2))]
    '㎡'
    """
    return [one for chunk in chunks(list(texts)) for one in _fold_together(chunk)]


def fold_pattern(pattern: str) -> str:
    """Fold what a pattern matches literally; its syntax, which is ASCII, stays as written.

    Examples
    --------
    >>> fold_pattern("人手(不夠|ＯＫ，)")
    '人手(不够|ok,)'
    """
    folded = {ord(one): _literal(_fold_character(one)) for one in set(pattern) if not one.isascii()}
    return _with_pairs(pattern.translate(folded))


def clause(text: str, borders: list[tuple[int, int]], start: int, end: int) -> tuple[int, int]:
    """The clauses that a stretch of folded text touches: where the first begins and the last ends.

    Examples
    --------
    >>> text = "工资低,但是不缺人手"
    >>> clause(text, clause_borders(text), 8, 10)
    (6, 10)
    """
    before = bisect_right(borders, start, key=lambda border: border[1])
    after = bisect_right(borders, end - 1, key=lambda border: border[0])
    return (borders[before - 1][1] if before else 0), (borders[after][0] if after < len(borders) else len(text))


def clause_borders(text: str) -> list[tuple[int, int]]:
    """Where clauses of a folded text part: start and end of each punctuation mark or contrasting conjunction.

    Examples
    --------
    >>> clause_borders("工资低,但是不缺人手")
    [(3, 4), (4, 6)]
    """
    return [match.span() for match in _BORDER.finditer(text)]


def borders_of(joined: Joined) -> tuple[np.ndarray, np.ndarray]:
    """Start and end of what :func:`clause_borders` finds, for many folded texts at once.

    Examples
    --------
    >>> [places.tolist() for places in borders_of(join(["工资低,但是不缺人手", "累。"]))]
    [[3, 4, 12], [4, 6, 13]]
    """
    characters = joined.characters
    is_mark = np.append(_marks()[np.minimum(characters, len(_marks()) - 1)], False)
    turns = np.diff(is_mark.astype(np.int8), prepend=0)
    starts, ends = [np.flatnonzero(turns == 1)], [np.flatnonzero(turns == -1)]
    hits = _contrasts().scan(joined)
    padded = np.concatenate([[0, 0], characters, [0, 0]])
    for number, word in enumerate(_contrasts().strings):
        place = hits.start[hits.string == number]
        before, after = padded[place + 1], padded[place + 2 + len(word)]
        parts, further = _PARTS_CLAUSES[word](before, after)
        starts.append(place[parts])
        ends.append((place + len(word) + further)[parts])
    order = np.argsort(np.concatenate(starts), kind="stable")
    return np.concatenate(starts)[order], np.concatenate(ends)[order]


def clauses(
    joined: Joined, borders: tuple[np.ndarray, np.ndarray], start: np.ndarray, end: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The clauses that stretches touch, as :func:`clause` finds them, for many stretches at once."""
    starts, ends = borders
    text = joined.text_of(start)
    low, high = joined.starts[text], joined.starts[text + 1] - 1
    before = np.searchsorted(ends, start, side="right") - 1
    after = np.searchsorted(starts, end - 1, side="right")
    last = np.append(ends, 0)[before]
    following = np.append(starts, len(joined.characters))[after]
    return np.maximum(low, last), np.minimum(high, following)


def _code(characters: str) -> list[int]:
    return [ord(one) for one in characters]


# What parts clauses beside marks: whether it does so between two characters, and how much further it reaches.
_PARTS_CLAUSES = {
    ".": lambda before, after: (~_is_digit(after), 0),
    "但": lambda before, after: ((before != ord("不")) & (after != ord("凡")), after == ord("是")),
    "不过": lambda before, after: (
        ~np.isin(before, _code("得忙管顾跑干做")) & ~np.isin(after, _code("来是去如问")),
        0,
    ),
    "可是": lambda before, after: (np.ones(len(after), dtype=bool), 0),
    "然而": lambda before, after: (np.ones(len(after), dtype=bool), 0),
    "只是": lambda before, after: (~np.isin(after, _code("因为\0")), 0),
}


def _is_digit(characters: np.ndarray) -> np.ndarray:
    return np.array([chr(one).isdecimal() for one in characters.tolist()], dtype=bool)


@cache
def _marks() -> np.ndarray:
    """(code points,) bool array: the marks that part clauses; the last stands for all beyond it."""
    return np.array([bool(re.match(r"[。!?;,\s…]", chr(one))) for one in range(0x3100)] + [False])


@cache
def _contrasts() -> Scanner:
    return make_scanner(_PARTS_CLAUSES)


def sentence_borders(text: str) -> list[tuple[int, int]]:
    """Where sentences of a folded text part; with :func:`clause`, the sentences that a stretch touches.

    Examples
    --------
    >>> sentence_borders("工资低,人少。累!")
    [(6, 7), (8, 9)]
    """
    return [match.span() for match in _STOP.finditer(text)]


def _fold_together(texts: list[str]) -> list[Folded]:
    """Fold texts as one array: each distinct character is looked at once."""
    joined = join(texts)
    distinct = np.flatnonzero(np.bincount(joined.characters))
    becomes = {character: _fold_character(character) for character in map(chr, distinct.tolist())}
    becomes["\0"] = "\0"
    odd = [ord(one) for one, folded in becomes.items() if len(folded) != 1 or unicodedata.combining(one)]
    same = np.zeros(int(distinct[-1]) + 1 if len(distinct) else 1, dtype=np.uint32)
    same[distinct] = [ord(one) if len(one) == 1 else 0 for one in map(becomes.get, map(chr, distinct.tolist()))]
    whole = _with_pairs(same[joined.characters].tobytes().decode("utf-32-le", "surrogatepass"))
    needs_map = _holding(joined, odd)
    becomes["\0"] = ""  # it parts texts, so none is left inside one
    starts = joined.starts.tolist()
    return [
        _fold_with_map(text, becomes)
        if mapped or "\0" in text
        else _FOLDED((text, whole[start : start + len(text)], (), ()))
        for text, start, mapped in zip(texts, starts[:-1], needs_map, strict=True)
    ]


def _holding(joined: Joined, characters: list[int]) -> list[bool]:
    """Which of the texts hold one of some characters."""
    wanted = np.zeros(int(joined.characters.max(initial=0)) + 1, dtype=bool)
    wanted[characters] = True
    held = np.zeros(len(joined.starts) - 1, dtype=bool)
    held[joined.text_of(np.flatnonzero(wanted[joined.characters]))] = True
    return held.tolist()


def _with_pairs(text: str) -> str:
    """Characters that are another one beside a neighbour; no text gets longer by it."""
    if "覆" in text:
        for written, simplified in _VARIANT_PAIRS.items():
            text = text.replace(written, simplified)
    return text


@cache
def _fold_character(character: str) -> str:
    """What a character becomes by itself; a character that one cannot see becomes nothing."""
    kind = unicodedata.category(character)
    if kind in ("Cf", "Cs"):
        return character if kind == "Cs" else ""  # half a character, which no converter takes
    simplified = _converter().convert(unicodedata.normalize("NFKC", character)).lower()
    return _VARIANTS.get(simplified, simplified)


@cache
def _converter() -> "OpenCC":
    """Traditional to simplified Chinese; slow to load, hence once."""
    from opencc import OpenCC

    return OpenCC("t2s")


def _fold_with_map(text: str, becomes: dict[str, str]) -> Folded:
    """Fold letter by letter, each with its combining marks, and note where each result came from."""
    pieces, starts, ends = [], [], []
    for start, end in _letters(text):
        folded = becomes[text[start]] if end == start + 1 else _fold_letter(text[start:end])
        pieces.append(folded)
        starts += [start] * len(folded)
        ends += [end] * len(folded)
    return Folded(text, _with_pairs("".join(pieces)), tuple(starts), tuple(ends))


def _letters(text: str) -> Iterable[tuple[int, int]]:
    """Start and end of each character with the combining marks that follow it."""
    start = 0
    for place in range(1, len(text) + 1):
        if place == len(text) or not unicodedata.combining(text[place]):
            yield start, place
            start = place


def _fold_letter(letter: str) -> str:
    composed = unicodedata.normalize("NFKC", letter)
    return "".join(_fold_character(character) for character in composed)


def _literal(folded: str) -> str:
    return re.escape(folded) if folded.isascii() else folded
