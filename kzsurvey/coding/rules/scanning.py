"""Many strings looked for in many texts at once: a trie is walked from every place of all texts together.

One array holds the characters of all texts, a zero between them. Each step of the walk is one look-up for all places
that are still alive; after two or three characters few are.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from kzsurvey.survey.literals import STOPS

CHUNK = 400_000  # characters of texts that are read together
DENSE = 2_000_000  # a trie up to this size is one table; a larger one is searched


@dataclass(frozen=True, eq=False)
class Joined:
    """Texts as one array.

    Attributes
    ----------
    characters : (n,) array of code points, a zero after each text
    starts : (texts + 1,) array, where each text begins
    """

    characters: np.ndarray
    starts: np.ndarray

    @cached_property
    def sentences(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the sentences of all texts begin and end: what lies between two stops, were it nothing."""
        last = np.flatnonzero(np.isin(self.characters, [ord(stop) for stop in STOPS]))
        return np.concatenate([[0], last[:-1] + 1]), last

    def text_of(self, place: np.ndarray) -> np.ndarray:
        """The number of the text in which each place lies."""
        return np.searchsorted(self.starts, place, side="right") - 1


class Hits(NamedTuple):
    """Strings that were found, in order of place: arrays of equal length.

    Attributes
    ----------
    start : (hits,) array, place in the joined texts
    string : (hits,) array, number of the string
    """

    start: np.ndarray
    string: np.ndarray


@dataclass(frozen=True, eq=False)
class Scanner:
    """Strings ready to be looked for.

    Attributes
    ----------
    strings : tuple of str
    kind : (code points,) array, a number for each character that stands in some string; 0 for all others
    first : (code points,) array, the state that a text's character leads to from the root
    width : int, kinds of characters
    table : (states x width,) array, or None where that would be too large
    keys, targets : arrays of the edges: state x width + kind, sorted, and the state it leads to
    ends : (states,) array, the string that is complete there, or -1
    """

    strings: tuple[str, ...]
    kind: np.ndarray
    first: np.ndarray
    width: int
    table: np.ndarray | None
    keys: np.ndarray
    targets: np.ndarray
    ends: np.ndarray

    def scan(self, joined: Joined) -> Hits:
        """Every place of every string, overlapping ones too."""
        characters = joined.characters
        last = len(self.kind) - 1
        state_here = self.first[np.minimum(characters, last)]
        place = np.flatnonzero(state_here)
        state, depth = state_here[place], 0
        places, numbers = [], []
        while len(place):
            number = self.ends[state]
            done = number >= 0
            places.append(place[done])
            numbers.append(number[done])
            depth += 1
            kind = self.kind[np.minimum(characters[place + depth], last)]
            alive = np.flatnonzero(kind)
            state = self._follow(state[alive], kind[alive])
            place, state = place[alive][state > 0], state[state > 0]
        start, string = np.concatenate(places or [place]), np.concatenate(numbers or [place])
        order = np.argsort(start, kind="stable")
        return Hits(start[order], string[order])

    def _follow(self, state: np.ndarray, kind: np.ndarray) -> np.ndarray:
        """The states that an edge leads to, 0 where there is none."""
        key = state.astype(np.int64) * self.width + kind
        if self.table is not None:
            return self.table[key]
        place = np.minimum(np.searchsorted(self.keys, key), len(self.keys) - 1)
        return np.where(self.keys[place] == key, self.targets[place], 0)


def join(texts: Sequence[str]) -> Joined:
    """Put texts into one array.

    Examples
    --------
    >>> joined = join(["人手", "", "钱"])
    >>> joined.starts.tolist(), chr(joined.characters[4])
    ([0, 3, 4, 6], '钱')
    """
    characters = np.frombuffer("\0".join([*texts, ""]).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    return Joined(characters, np.concatenate([[0], np.cumsum(lengths + 1)]))


def chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Texts in pieces of some ``CHUNK`` characters, so that arrays stay small; an empty list is one piece."""
    ends = np.cumsum(np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)))
    cuts = np.flatnonzero(np.diff(ends // CHUNK)) + 1
    yield from (texts[low:high] for low, high in pairwise([0, *cuts.tolist(), len(texts)]))


def make_scanner(strings: Iterable[str]) -> Scanner:
    """Build the trie of some strings; none may be empty or hold a zero character.

    Examples
    --------
    >>> scanner = make_scanner(["人手", "缺人", "人"])
    >>> hits = scanner.scan(join(["缺人手", "人"]))
    >>> [(int(start), scanner.strings[string]) for start, string in zip(*hits)]
    [(0, '缺人'), (1, '人'), (1, '人手'), (4, '人')]
    """
    strings = tuple(dict.fromkeys(strings))
    kinds = {character: number for number, character in enumerate(sorted({*"".join(strings)}), start=1)}
    width = len(kinds) + 1
    edges: dict[int, int] = {}
    ends = [-1]
    for number, string in enumerate(strings):
        state = 0
        for character in string:
            key = state * width + kinds[character]
            if key not in edges:
                edges[key] = len(ends)
                ends.append(-1)
            state = edges[key]
        ends[state] = number
    kind = np.zeros(max(map(ord, kinds), default=0) + 2, dtype=np.int32)  # the last stands for all beyond it
    kind[[ord(character) for character in kinds]] = list(kinds.values())
    keys = np.array(sorted(edges), dtype=np.int64)
    targets = np.array([edges[key] for key in keys.tolist()], dtype=np.int32)
    table = None
    if len(ends) * width <= DENSE:
        table = np.zeros(len(ends) * width, dtype=np.int32)
        table[keys] = targets
    root = np.zeros(width, dtype=np.int32)
    root[keys[keys < width]] = targets[keys < width]
    return Scanner(strings, kind, root[kind], width, table, keys, targets, np.array(ends, dtype=np.int32))
