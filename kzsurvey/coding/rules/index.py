"""The lines of many rules, sorted by the strings that they need, so that one scan tells which can match where."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from scipy import sparse

from kzsurvey.coding.rules.expressions import Leaf, Matcher
from kzsurvey.coding.rules.scanning import Hits, Joined, Scanner, make_scanner
from kzsurvey.survey.literals import Needs

# Alternatives of numbers of sets: of one alternative each set must be held; None where any text may match.
Numbered = tuple[tuple[int, ...], ...] | None
# Beside what a pattern looks ahead: two characters, so that the end of the window is never taken for the text's end.
_MARGIN = 2


@dataclass(frozen=True)
class Rule:
    """How one code is recognised.

    Attributes
    ----------
    code : str
    ancestors : tuple of str
        Codes above it; they are implied, and not found beside it.
    patterns : tuple of Matcher
        In the order of the cell: the second is ``rule:<code>#2``.
    excludes : tuple of Matcher
        What takes a match back, where it overlaps the match or lies in the same clause.
    """

    code: str
    ancestors: tuple[str, ...]
    patterns: tuple[Matcher, ...]
    excludes: tuple[Matcher, ...]


@dataclass(frozen=True, eq=False)
class Lines:
    """The lines of one column, of all rules of a scheme, in order.

    Attributes
    ----------
    matchers : list of Matcher
    rule : (lines,) array, the number of the rule
    number : list of int, the number of the line in its cell
    needs : list of alternatives of numbers of sets
        What a text must hold for the line to match.
    starts : list of arrays of numbers of strings, or None
        With which of the strings a match of the line begins.
    """

    matchers: list[Matcher]
    rule: np.ndarray
    number: list[int]
    needs: list[Numbered]
    starts: list[np.ndarray | None]

    @cached_property
    def rule_of(self) -> list[int]:
        """The number of the rule of each line."""
        return self.rule.tolist()


@dataclass(frozen=True, eq=False)
class Index:
    """The lines of the rules of one scheme, by the strings that they need.

    Attributes
    ----------
    rules : tuple of Rule
    patterns, excludes : Lines
    scanner : Scanner
    length : (strings,) array, characters of each string
    words : (strings x lines) sparse array
        The patterns that are nothing but a choice of strings; the rank of each string in the choice, from 1.
    sets : (strings x sets) sparse array
        Sets of strings of which other lines need one.
    ancestors : mapping of the number of a rule to those of the codes above it, where they have one in the scheme
    """

    rules: tuple[Rule, ...]
    patterns: Lines
    excludes: Lines
    scanner: Scanner
    length: np.ndarray
    words: sparse.csr_array
    sets: sparse.csr_array
    ancestors: dict[int, list[int]]


class Pieces(NamedTuple):
    """Pieces of texts: arrays of equal length.

    Attributes
    ----------
    text : number of the text
    low, stop : where a match may begin, and where no longer
    high : what may be looked at, some characters behind the stop
    """

    text: np.ndarray
    low: np.ndarray
    stop: np.ndarray
    high: np.ndarray


class Windows:
    """Where lines may match: sentences, or whole texts, that hold what the lines need."""

    def __init__(self, index: Index, joined: Joined, hits: Hits) -> None:
        self.index, self.joined, self.hits = index, joined, hits

    def texts(self, needs: Numbered) -> np.ndarray:
        """The numbers of the texts that hold what is needed."""
        return _holding(needs, self._texts_with, len(self.joined.starts) - 1)

    def of(self, leaf: Leaf, needs: Numbered) -> "Pieces":
        """The pieces in which a leaf may match: sentences, or texts where it may read over stops."""
        starts = self.joined.starts
        if leaf.ahead is None:
            text = self.texts(needs)
            end = starts[text + 1] - 1 - starts[text]
            return Pieces(text, np.zeros_like(text), end, end)
        low, high = self.joined.sentences
        sentence = _holding(needs, self._sentences_with, len(low))
        text = self._text_of_sentence[sentence]
        end = np.minimum(high[sentence] + leaf.ahead + _MARGIN, starts[text + 1] - 1)
        return Pieces(text, low[sentence] - starts[text], high[sentence] - starts[text], end - starts[text])

    def places(self, strings: np.ndarray, pieces: "Pieces") -> "Pieces":
        """What is left of pieces from each place on at which one of some strings begins."""
        order, first = self._by_string
        several = [order[first[one] : first[one + 1]] for one in strings.tolist() if first[one] < first[one + 1]]
        if not several or not len(pieces.text):
            return Pieces(*(column[:0] for column in pieces))
        begun = np.zeros(len(self.joined.characters), dtype=bool)
        begun[self.hits.start[np.concatenate(several)]] = True
        place, begins = np.flatnonzero(begun), self.joined.starts[pieces.text]
        piece = np.maximum(np.searchsorted(begins + pieces.low, place, side="right") - 1, 0)
        inside = (place >= (begins + pieces.low)[piece]) & (place < (begins + pieces.stop)[piece])
        place, piece = place[inside], piece[inside]
        return Pieces(pieces.text[piece], place - begins[piece], pieces.stop[piece], pieces.high[piece])

    @cached_property
    def _by_string(self) -> tuple[np.ndarray, list[int]]:
        """The hits in the order of their strings, and where each string begins among them."""
        order = np.argsort(self.hits.string, kind="stable")
        count = np.bincount(self.hits.string, minlength=len(self.index.length))
        return order, np.concatenate([[0], np.cumsum(count)]).tolist()

    @cached_property
    def _text_of_sentence(self) -> np.ndarray:
        return self.joined.text_of(self.joined.sentences[0])

    @cached_property
    def _sentences_with(self) -> sparse.csc_array:
        """(sentences x sets): the sets that a sentence holds a string of."""
        low, _ = self.joined.sentences
        return self._held(np.searchsorted(low, self.hits.start, side="right") - 1, len(low))

    @cached_property
    def _texts_with(self) -> sparse.csc_array:
        """(texts x sets): the sets that a text holds a string of."""
        return self._held(self.joined.text_of(self.hits.start), len(self.joined.starts) - 1)

    def _held(self, place: np.ndarray, count: int) -> sparse.csc_array:
        shape = (count, self.index.sets.shape[0])
        ones = np.ones(len(place), dtype=np.int32)
        held = (sparse.csr_array((ones, (place, self.hits.string)), shape=shape) @ self.index.sets).tocsc()
        held.sort_indices()
        return held


def make_index(rules: tuple[Rule, ...]) -> Index:
    """Sort the lines of some rules by the strings that they need."""
    strings: dict[str, int] = {}
    sets: dict[frozenset[str], int] = {}
    patterns, excludes = (_lines(rules, column, sets, strings) for column in ("patterns", "excludes"))
    spoken = [
        (strings.setdefault(one, len(strings)), line, rank)
        for line, matcher in enumerate(patterns.matchers)
        if matcher.plain and matcher.plain.strings
        for rank, one in enumerate(matcher.plain.strings, 1)
    ]
    members = [(strings.setdefault(one, len(strings)), number, 1) for both, number in sets.items() for one in both]
    number = {rule.code: place for place, rule in enumerate(rules)}
    above = {place: [number[code] for code in rule.ancestors if code in number] for place, rule in enumerate(rules)}
    return Index(
        rules,
        patterns,
        excludes,
        make_scanner(strings),
        np.array([len(one) for one in strings], dtype=np.int64),
        _table(spoken, (len(strings), len(patterns.matchers))),
        _table(members, (len(strings), len(sets))),
        {place: others for place, others in above.items() if others},
    )


def _lines(rules: tuple[Rule, ...], column: str, sets: dict[frozenset[str], int], strings: dict[str, int]) -> Lines:
    """The lines of one column; strings, and sets of strings, that are new get a number."""

    def numbered(needs: Needs) -> Numbered:
        return needs and tuple(tuple(sets.setdefault(one, len(sets)) for one in both) for both in needs)

    places = [(place, number) for place, rule in enumerate(rules) for number in range(len(getattr(rule, column)))]
    matchers = [getattr(rules[place], column)[number] for place, number in places]
    # patterns that are nothing but strings are found by these alone
    found = [column == "patterns" and matcher.plain and matcher.plain.strings is not None for matcher in matchers]
    needs = [() if alone else numbered(matcher.needs) for matcher, alone in zip(matchers, found, strict=True)]
    starts = [
        np.array([strings.setdefault(one, len(strings)) for one in sorted(matcher.plain.starts)], dtype=np.int64)
        if matcher.plain and matcher.plain.starts and not alone
        else None
        for matcher, alone in zip(matchers, found, strict=True)
    ]
    rule = np.array([place for place, _ in places], dtype=np.int64)
    return Lines(matchers, rule, [number for _, number in places], needs, starts)


def _holding(needs: Numbered, held: sparse.csc_array | None, count: int) -> np.ndarray:
    """Numbers of the places that hold what is needed, in order."""
    if needs is None:
        return np.arange(count)
    found = [
        _in_all([held.indices[held.indptr[one] : held.indptr[one + 1]] for one in dict.fromkeys(both)])
        for both in needs
    ]
    return found[0].astype(np.int64) if len(found) == 1 else np.unique(np.concatenate([np.arange(0), *found]))


def _in_all(several: list[np.ndarray]) -> np.ndarray:
    """What stands in each of several arrays of numbers, which are in order."""
    first, *others = sorted(several, key=len)
    for other in others:
        place = np.minimum(np.searchsorted(other, first), max(len(other) - 1, 0))
        first = first[other[place] == first] if len(other) else first[:0]
    return first


def _table(entries: Iterable[tuple[int, int, int]], shape: tuple[int, int]) -> sparse.csr_array:
    """A sparse table of (row, column, value)."""
    rows, columns, values = np.array(list(entries), dtype=np.int64).reshape(-1, 3).T
    return sparse.csr_array((values, (rows, columns)), shape=shape)
