"""Passages carried over from a text to a version of it: line ends changed, something screened, a word corrected."""

from difflib import SequenceMatcher
from typing import NamedTuple

SHORT = 4  # characters that two texts share by chance


class Carrier(NamedTuple):
    """Which parts of one text are which parts of another.

    Attributes
    ----------
    blocks : list of (here, until, there, then)
        Both texts, cut into parts that are the same or that take each other's place.
    shared : float
        The share of the longer text that is the same in both.
    """

    blocks: list[tuple[int, int, int, int]]
    shared: float


def carrier(text: str, other: str) -> Carrier:
    """Compare two versions of a text.

    Parameters
    ----------
    text, other : str

    Returns
    -------
    Carrier

    Examples
    --------
    >>> carrier("Li Ming says pay is low", "[name] says pay is low").blocks
    [(0, 7, 0, 6), (7, 23, 6, 22)]
    """
    first = _common(text, other)
    last = _common(text[first:][::-1], other[first:][::-1])
    here, there = text[first : len(text) - last], other[first : len(other) - last]
    middle = SequenceMatcher(None, here, there, autojunk=False).get_opcodes()
    parts = [
        ("equal", 0, first, 0, first),
        *((kind, a + first, b + first, c + first, d + first) for kind, a, b, c, d in middle),
        ("equal", len(text) - last, len(text), len(other) - last, len(other)),
    ]
    same = sum(part[2] - part[1] for part in parts if part[0] == "equal")
    return Carrier(_joined(parts), same / max(len(text), len(other), 1))


def carried(way: Carrier | None, start: int, end: int) -> tuple[int, int]:
    """A passage in the other version: through what both have it moves along, of what differs it takes in all.

    Examples
    --------
    >>> way = carrier("Li Ming says pay is low", "[name] says pay is low")
    >>> carried(way, 13, 16), carried(way, 3, 12)
    ((12, 15), (0, 11))
    """
    if way is None or start == end:
        return start, end
    first, last = start, end
    for here, until, there, then in way.blocks:
        moves = until - here == then - there
        if here <= start < until:
            first = there + start - here if moves else there
        if here < end <= until:
            last = there + end - here if moves else then
    return first, last


def alike(one: str, other: str) -> float:
    """The share of two texts that is the same: 1 where only space differs.

    Examples
    --------
    >>> alike("pay is low", "pay is  low"), alike("pay", "posts") < 0.5
    (1.0, True)
    """
    one, other = ("".join(text.split()) for text in (one, other))
    return 1.0 if one == other else carrier(one, other).shared


def _joined(parts: list[tuple[str, int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """Parts that differ, as one where hardly a letter between them is the same: that is chance."""
    joined: list[tuple[str, int, int, int, int]] = []
    for part in parts:
        kind, here, until, there, then = part
        if kind == "equal" and until - here < SHORT and joined and part is not parts[-1]:
            kind = "replace"
        if kind != "equal" and joined and joined[-1][0] != "equal":
            here, there = joined[-1][1], joined[-1][3]
            joined.pop()
        if here < until or there < then:
            joined.append(("equal" if kind == "equal" else "replace", here, until, there, then))
    return [part[1:] for part in joined]


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((number for number, (a, b) in pairs if a != b), min(len(one), len(other)))
