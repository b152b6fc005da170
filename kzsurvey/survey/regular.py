"""Regular expressions seen from outside: whether one could take hours over a short text.

A search tries every way in which a pattern can read a text. Where a repeat can read the same characters in two ways,
each round doubles the ways: thirty rounds make a thousand million. Where several endless repeats follow one another and
can read the same text, each multiplies the ways by its length. Such a pattern is found by its structure, before any
text is read.
"""

import re
import re._constants as signs  # the parser of the standard library; nothing else knows its own patterns
import re._parser as parser
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from itertools import product
from typing import NamedTuple

UNBOUNDED = 20  # repeats that may go on longer than this count as endless
COPIES = 4  # repeats up to this many rounds are written out
CHAIN = 4  # endless repeats that can read the same text in a row; three are borne, as in 检查.*多.*报表.*
LARGEST = 400  # characters of a repeat; a longer one is not looked at

_CHARACTERS = (signs.LITERAL, signs.NOT_LITERAL, signs.ANY, signs.IN)
_REPEATS = (signs.MAX_REPEAT, signs.MIN_REPEAT, signs.POSSESSIVE_REPEAT)
_SAMPLES = "啊a0_ \n-"  # one of each kind that a class such as \\w can tell apart


class _Piece(NamedTuple):
    """A part of a pattern: where it can begin and end, once for each way, and in how many ways it can be empty."""

    first: tuple[int, ...]
    last: tuple[int, ...]
    empty: int


_NOTHING = _Piece((), (), 1)


def runs_away(pattern: str) -> str:
    """Characters that a repeat of a pattern can read in more ways than one, over and over.

    Parameters
    ----------
    pattern : str, a regular expression that compiles

    Returns
    -------
    str
        Empty where each repeat can read a text in one way only.

    Notes
    -----
    The inside of each endless repeat becomes a graph of its characters (Glushkov), in which every way to go on is one
    edge. The repeat is exponential exactly where two different walks lead from a place back to itself over the same
    characters: two parallel edges, or a walk in the product of the graph with itself that leaves the diagonal and
    returns. Looking ahead and behind is taken to allow everything; long counted repeats are taken for endless.

    References
    ----------
    Weber, A., & Seidl, H. (1991). On the degree of ambiguity of finite automata. Theoretical Computer Science, 88(2),
    325-349. https://doi.org/10.1016/0304-3975(91)90381-B

    Examples
    --------
    >>> runs_away("(?:人|手|人手)*不够")
    '人手人'
    >>> runs_away("(?:人|手)*不够")
    ''
    """
    return ambiguous_words(parser.parse(pattern))


def ambiguous_words(tree: parser.SubPattern) -> str:
    """What :func:`runs_away` finds, of a pattern that was read already."""
    for body in _endless(tree):
        if len(body) == 1 and body[0][0] in _CHARACTERS:
            continue
        graph = _Graph(sorted({*_letters(body), *_SAMPLES}))
        piece = graph.repeated(graph.sequence(body))
        if piece.first and len(graph.reads) <= LARGEST and (words := graph.ambiguous()):
            return words
    return ""


def chained_words(tree: parser.SubPattern) -> str:
    r"""Characters that :data:`CHAIN` endless repeats of a pattern can all read, one after another.

    Parameters
    ----------
    tree : pattern that was read

    Returns
    -------
    str
        Empty where there are none.

    Notes
    -----
    A repeat hands over to a later one where some characters lead from the first back to itself, from the first to the
    second, and from the second back to itself (Weber and Seidl, as of :func:`runs_away`).

    Examples
    --------
    >>> chained_words(parser.parse("检查.*多.*报表.*填.*改"))[0]
    '填'
    >>> [chained_words(parser.parse(one)) for one in ("检查.*多.{0,20}报表.*填.*改", r"\d+年\d+月\d+日\d+时")]
    ['', '']
    """
    if _count_endless(tree) < CHAIN:
        return ""
    graph = _Whole(sorted({*_letters(tree), *_SAMPLES}))
    graph.sequence(tree)
    return graph.chained() if len(graph.reads) <= LARGEST else ""


def _count_endless(tree: Iterable) -> int:
    """How many endless repeats there are, those of a counted repeat as often as it may come round."""
    count = 0
    for sign, value in tree:
        times = min(value[1], COPIES) if sign in _REPEATS and value[1] <= UNBOUNDED else 1
        inside = sum(_count_endless(part) for part in parts_of(sign, value))
        count += max(times * inside, int(sign in _REPEATS and value[1] > UNBOUNDED))
    return count


def _endless(tree: Iterable) -> Iterable:
    """The insides of the outermost endless repeats of a pattern."""
    for sign, value in tree:
        if sign in _REPEATS and value[1] > UNBOUNDED:
            yield value[2]
        else:
            yield from (one for inside in parts_of(sign, value) for one in _endless(inside))


def _letters(tree: Iterable) -> Iterable[str]:
    """The characters that a pattern names."""
    for sign, value in tree:
        if sign in (signs.LITERAL, signs.NOT_LITERAL):
            yield chr(value)
        elif sign is signs.IN:
            codes = (one for kind, one in value if kind in (signs.LITERAL, signs.RANGE))
            yield from (chr(code) for one in codes for code in (one if isinstance(one, tuple) else (one,)))
        else:
            yield from (letter for part in parts_of(sign, value) for letter in _letters(part))


def parts_of(sign: object, value: object) -> Sequence:
    """The parts of a part."""
    if sign is signs.SUBPATTERN:
        return [value[-1]]
    if sign is signs.BRANCH:
        return value[1]
    if sign in _REPEATS:
        return [value[2]]
    if sign in (signs.ASSERT, signs.ASSERT_NOT):
        return [value[1]]
    return [value] if sign is signs.ATOMIC_GROUP else []


class _Graph:
    """The characters of a repeat and the ways from one to the next."""

    def __init__(self, alphabet: Sequence[str]) -> None:
        self.alphabet = alphabet
        self.reads: list[frozenset[str]] = []
        self.ways: Counter[tuple[int, int]] = Counter()

    def sequence(self, tree: Iterable) -> _Piece:
        """Parts one after the other."""
        whole = _NOTHING
        for sign, value in tree:
            whole = self.joined(whole, self.part(sign, value))
        return whole

    def joined(self, before: _Piece, after: _Piece) -> _Piece:
        """One part and the next."""
        self.ways.update((low, high) for low in before.last for high in after.first)
        return _Piece(
            before.first + after.first * min(before.empty, 2),
            after.last + before.last * min(after.empty, 2),
            before.empty * after.empty,
        )

    def part(self, sign: object, value: object) -> _Piece:
        """One part of a pattern."""
        if sign is signs.SUBPATTERN:
            return self.sequence(value[-1])
        if sign is signs.BRANCH:
            pieces = [self.sequence(branch) for branch in value[1]]
            first, last = (tuple(one for piece in pieces for one in piece[side]) for side in (0, 1))
            return _Piece(first, last, sum(piece.empty for piece in pieces))
        if sign in _REPEATS:
            return self.counted(*value)
        if sign in _CHARACTERS:
            return self.character(sign, value)
        return _NOTHING

    def counted(self, least: int, most: int, inside: Iterable) -> _Piece:
        """A repeat inside the repeat."""
        if most > COPIES:
            piece = self.repeated(self.sequence(inside))
            return piece._replace(empty=piece.empty or int(least == 0))
        whole = _NOTHING
        for number in range(most):
            piece = self.sequence(inside)
            whole = self.joined(whole, piece._replace(empty=piece.empty or int(number >= least)))
        return whole

    def repeated(self, piece: _Piece) -> _Piece:
        """A part that may follow itself."""
        self.ways.update((low, high) for low in piece.last for high in piece.first)
        return piece

    def character(self, sign: object, value: object) -> _Piece:
        """One character, or one of a class."""
        place = len(self.reads)
        self.reads.append(frozenset(one for one in self.alphabet if reads(sign, value, one)))
        return _Piece((place,), (place,), 0)

    def ambiguous(self) -> str:
        """Characters over which two walks lead from a place back to it; empty where there is no such place."""
        for (low, high), count in self.ways.items():
            if count > 1 and self.reads[low] and self.reads[high]:
                return min(self.reads[low]) + min(self.reads[high]) if low != high else min(self.reads[low])
        onward: dict[int, list[int]] = {}
        for low, high in self.ways:
            onward.setdefault(low, []).append(high)
        return next(filter(None, (self._apart_and_back(start, onward) for start in range(len(self.reads)))), "")

    def _apart_and_back(self, start: int, onward: dict[int, list[int]]) -> str:
        """The shortest words over which two walks part at a place and meet there again."""
        seen, waiting = {(start, start)}, deque([(start, start, "", False)])
        while waiting:
            one, other, words, apart = waiting.popleft()
            for following in onward.get(one, ()):
                for beside in onward.get(other, ()):
                    common = self.reads[following] & self.reads[beside]
                    if not common or (following == beside and not apart):
                        continue
                    if following == beside == start:
                        return words + min(common)
                    if (following, beside) not in seen:
                        seen.add((following, beside))
                        waiting.append((following, beside, words + min(common), True))
        return ""


class _Whole(_Graph):
    """The characters of a whole pattern; only its endless repeats go round."""

    def counted(self, least: int, most: int, inside: Iterable) -> _Piece:
        """A repeat, endless or written out."""
        if most > UNBOUNDED:
            piece = self.repeated(self.sequence(inside))
            return piece._replace(empty=piece.empty or int(least == 0))
        return super().counted(min(least, COPIES), min(most, COPIES), inside)

    def chained(self) -> str:
        """Characters that so many repeats in a row can read; empty where none can."""
        onward = [sorted({high for low, high in self.ways if low == place}) for place in range(len(self.reads))]
        reached = [_reached(place, onward) for place in range(len(self.reads))]
        loops = list({frozenset(other for other in reached[place] if place in reached[other])
                      for place in range(len(self.reads)) if place in reached[place]})  # fmt: skip
        loops.sort(key=min)  # a later repeat has later places
        longest: list[tuple[int, str]] = []
        for number, loop in enumerate(loops):
            before = [(0, "")]
            for earlier, (count, _) in zip(loops[:number], longest, strict=True):
                if (words := self._handed_over(earlier, loop, onward)) is not None:
                    before.append((count, words))
            count, words = max(before)
            longest.append((count + 1, words))
        return max((words for count, words in longest if count >= CHAIN), default="")

    def _handed_over(self, one: frozenset[int], other: frozenset[int], onward: list[list[int]]) -> str | None:
        """Characters that lead round in one repeat, from it to the other, and round in the other."""
        starts = [(low, low, high, low, high, "") for low in sorted(one) for high in sorted(other)]
        seen, waiting = {start[:5] for start in starts}, deque(starts)
        while waiting:
            first, between, last, low, high, words = waiting.popleft()
            for places in product(one.intersection(onward[first]), onward[between], other.intersection(onward[last])):
                common = self.reads[places[0]] & self.reads[places[1]] & self.reads[places[2]]
                if not common or (*places, low, high) in seen:
                    continue
                if places == (low, high, high):
                    return words + min(common)
                seen.add((*places, low, high))
                waiting.append((*places, low, high, words + min(common)))
        return None


def _reached(place: int, onward: list[list[int]]) -> set[int]:
    """The places that can be reached from a place."""
    found: set[int] = set()
    waiting = [place]
    while waiting:
        new = set(onward[waiting.pop()]) - found
        found |= new
        waiting += new
    return found


def reads(sign: object, value: object, character: str) -> bool:
    """Whether a part of a pattern matches a character."""
    if sign is signs.LITERAL:
        return character == chr(value)
    if sign is signs.NOT_LITERAL:
        return character != chr(value)
    if sign is signs.ANY:
        return character != "\n"
    found = False
    for kind, one in value:
        if kind is signs.NEGATE:
            continue
        found = found or _of_class(kind, one, character)
    return found != (value[0][0] is signs.NEGATE)


def _of_class(kind: object, value: object, character: str) -> bool:
    """Whether a part of a class matches a character."""
    if kind is signs.RANGE:
        return value[0] <= ord(character) <= value[1]
    if kind is signs.CATEGORY:
        return bool(re.match(_CATEGORIES[value], character))
    return kind is signs.LITERAL and character == chr(value)


_CATEGORIES = {
    signs.CATEGORY_DIGIT: r"\d",
    signs.CATEGORY_NOT_DIGIT: r"\D",
    signs.CATEGORY_SPACE: r"\s",
    signs.CATEGORY_NOT_SPACE: r"\S",
    signs.CATEGORY_WORD: r"\w",
    signs.CATEGORY_NOT_WORD: r"\W",
}
