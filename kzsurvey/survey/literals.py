"""What a text must hold for a pattern to match in it: strings that are looked for in all texts at once.

A regular expression is slow and rarely matches. Most of the time some string that every match contains is missing, and
that is seen without it. Where a pattern is nothing but a choice of strings, it need not be run at all.
"""

import re
import re._compiler as compiler  # the parts of the standard library's re; nothing else knows its own patterns
import re._constants as signs
import re._parser as parser
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from kzsurvey.survey.regular import ambiguous_words, chained_words, parts_of, reads

MOST = 300  # strings that a part may stand for; beyond them it is taken to say nothing
RANGE = 40  # characters of a class such as [一-十]
ROUNDS = 2  # of a repeat, written out
BEST = 3  # sets of strings kept of each alternative
STOPS = "。!?;\0"  # what ends a sentence that is read alone; \0 parts texts
_STOP_CODES = frozenset(map(ord, STOPS))
FARTHEST_AHEAD = 100  # characters that a pattern may look ahead of its match

Strings = frozenset[str]
# One of several alternatives; each is several sets; of each set one string must be there. None: any text may match.
Needs = tuple[tuple[Strings, ...], ...] | None

_REPEATS = (signs.MAX_REPEAT, signs.MIN_REPEAT)
_WIDTHLESS = (signs.AT, signs.ASSERT, signs.ASSERT_NOT)
# Letters that match others than their own capital where case does not count (K, ſ, ı).
_SEVERAL_CASES = frozenset("iks")


class Wanted(NamedTuple):
    """What a pattern looks for.

    Attributes
    ----------
    strings : tuple of str, or None
        The pattern is exactly a choice of these, the first that fits; None where it is more.
    needs : alternatives of sets of strings, or None
        A text in which no alternative has a string of each of its sets cannot match; None where that is not known.
    starts : frozenset of str, or None
        Every match begins with one of these; None where that is not known.
    ahead : int or None
        No match reads over the end of a sentence, nor looks farther than this many characters ahead of itself; None
        where one may.
    """

    strings: tuple[str, ...] | None
    needs: Needs
    starts: Strings | None
    ahead: int | None


def wanted(pattern: str) -> Wanted:
    """Find what a text must hold for a pattern to match.

    Parameters
    ----------
    pattern : str, a regular expression that compiles, folded

    Returns
    -------
    Wanted

    Examples
    --------
    >>> wanted("人手不[够足]").strings
    ('人手不够', '人手不足')
    >>> [[sorted(one) for one in both] for both in wanted("工资.{0,3}[低少]").needs]
    [[['工资'], ['低', '少']]]
    >>> wanted(".").needs is None
    True
    """
    return look(pattern).wanted


class Look(NamedTuple):
    """A pattern, compiled, and what is seen of it from outside: it is read once for all of that.

    Attributes
    ----------
    matcher : compiled pattern
    runs_away : str
        As :func:`kzsurvey.survey.regular.runs_away`.
    chained : str
        As :func:`kzsurvey.survey.regular.chained_words`.
    wanted : Wanted
    """

    matcher: re.Pattern
    runs_away: str
    chained: str
    wanted: Wanted


@cache
def look(pattern: str) -> Look:
    """Read a pattern, compile it, and see what it looks for and whether it runs away."""
    tree = parser.parse(pattern)
    return Look(compiler.compile(tree), ambiguous_words(tree), chained_words(tree), _wanted(tree))


def _wanted(tree: parser.SubPattern) -> Wanted:
    """What a text must hold for a pattern to match, from its structure."""
    reader = _Reader({})
    starts, ahead = reader.starts(tree), _ahead(tree)
    strings = reader.exactly(tree)
    if strings is not None and "" not in strings and not _looks_around(tree):
        return Wanted(_unhidden(strings), ((frozenset(strings),),), starts, ahead)
    alternatives = []
    for branch in _branches(tree):
        sets = sorted(reader.sets(branch), key=_worth, reverse=True)
        if not sets:
            return Wanted(None, None, starts, ahead)
        alternatives.append(tuple(sets[:BEST]))
    return Wanted(None, tuple(alternatives), starts, ahead)


def _looks_around(tree: Iterable) -> bool:
    """Whether a pattern looks at what is before or behind its match."""
    return any(sign in _WIDTHLESS or any(_looks_around(part) for part in parts_of(sign, value)) for sign, value in tree)


def _ahead(tree: Iterable) -> int | None:
    """How far a pattern looks ahead of its match; None where a match may read over the end of a sentence."""
    farthest = 0
    for sign, value in tree:
        if sign in (signs.ASSERT, signs.ASSERT_NOT):
            widest = value[1].getwidth()[1] if value[0] > 0 else 0
            farthest = max(farthest, widest)
            continue
        if sign in (signs.LITERAL, signs.NOT_LITERAL, signs.IN, signs.ANY):
            inside = [None if _reads_a_stop(sign, value) else 0]
        else:
            inside = [_ahead(part) for part in parts_of(sign, value)]
        if None in inside:
            return None
        farthest = max(farthest, *inside, 0)
    return farthest if farthest <= FARTHEST_AHEAD else None


def _reads_a_stop(sign: object, value: object) -> bool:
    """Whether one character of a pattern may be the end of a sentence."""
    if sign is signs.IN and all(kind is signs.LITERAL for kind, _ in value):
        return not _STOP_CODES.isdisjoint(code for _, code in value)
    if sign is signs.LITERAL:
        return value in _STOP_CODES
    return any(reads(sign, value, stop) for stop in STOPS)


def joint(parts: Iterable[Needs]) -> Needs:
    """What a text must hold for all of several parts to match: each alternative of one with the best of the others."""
    known = [needs for needs in parts if needs is not None]
    if not known:
        return None
    widest = max(known, key=len)
    common = tuple(united(needs) for needs in known if needs is not widest)
    return tuple((*alternative, *common) for alternative in widest)


def either(parts: Iterable[Needs]) -> Needs:
    """What a text must hold for one of several parts to match."""
    parts = list(parts)
    return None if any(needs is None for needs in parts) else tuple(one for needs in parts for one in needs)


def united(needs: Needs) -> Strings:
    """One set that every alternative shares in, from the best set of each."""
    return frozenset().union(*(max(alternative, key=_worth) for alternative in needs))


def _worth(strings: Strings) -> tuple[int, int]:
    """Long strings are rare, and so are few."""
    return min(min(map(len, strings)), 3), -len(strings)


def _unhidden(strings: Iterable[str]) -> tuple[str, ...]:
    """Without strings that another before them begins: a choice takes the first that fits."""
    kept: list[str] = []
    for one in strings:
        if not one.startswith(tuple(kept)):
            kept.append(one)
    return tuple(kept)


def _branches(tree: Iterable) -> list:
    """The alternatives of a pattern; itself where it has none."""
    tree = list(tree)
    while len(tree) == 1 and tree[0][0] is signs.SUBPATTERN and not any(tree[0][1][1:3]):
        tree = list(tree[0][1][3])
    return list(tree[0][1][1]) if len(tree) == 1 and tree[0][0] is signs.BRANCH else [tree]


@dataclass(frozen=True, eq=False)
class _Reader:
    """Reads the structure of one pattern; what each part stands for is worked out once.

    Attributes
    ----------
    known : mapping of a part to the strings it stands for
    ignoring_case : bool
    """

    known: dict[tuple[int, bool], tuple[str, ...] | None]
    ignoring_case: bool = False

    def inside(self, flags: int) -> "_Reader":
        """A reader of a group with flags of its own."""
        return _Reader(self.known, True) if flags & re.IGNORECASE and not self.ignoring_case else self

    def sets(self, tree: Iterable) -> Iterator[Strings]:
        """Sets of strings of which every match has one of each."""
        run: tuple[str, ...] = ("",)
        for sign, value in [*tree, (None, None)]:
            exact = None if sign is None else self.strings(sign, value)
            if exact is not None and len(run) * len(exact) <= MOST:
                run = _together(run, exact)
                continue
            if "" not in run:
                yield frozenset(run)
            run = exact if exact is not None else ("",)
            if exact is None and sign is not None:
                yield from self.inner_sets(sign, value)

    def inner_sets(self, sign: object, value: object) -> Iterator[Strings]:
        """Sets of strings of a part that is more than a choice of strings."""
        if sign is signs.SUBPATTERN:
            yield from self.inside(value[1]).sets(value[3])
        elif sign in _REPEATS and value[0] > 0:
            yield from self.sets(value[2])
        elif sign is signs.BRANCH:
            best = [max(self.sets(branch), key=_worth, default=None) for branch in value[1]]
            if None not in best:
                yield frozenset().union(*best)

    def starts(self, tree: Iterable) -> Strings | None:
        """Strings of which one begins each match."""
        run: tuple[str, ...] = ("",)
        for sign, value in tree:
            strings = self.strings(sign, value)
            if strings is None:
                further = None if all(run) else self.first_of(sign, value)
                if further is None:
                    break
                return frozenset(low + high for low in run for high in (further if not low else ("",)))
            if len(run) * len(strings) > MOST:
                break
            run = _together(run, strings)
        return frozenset(run) if all(run) else None

    def first_of(self, sign: object, value: object) -> Strings | None:
        """Strings of which one begins each match of a part that is more than a choice of strings."""
        if sign is signs.SUBPATTERN:
            return self.inside(value[1]).starts(value[3])
        if sign in _REPEATS and value[0] > 0:
            return self.starts(value[2])
        if sign is signs.BRANCH:
            several = [self.starts(branch) for branch in value[1]]
            return None if None in several else frozenset().union(*several)
        return None

    def exactly(self, tree: Iterable) -> tuple[str, ...] | None:
        """The strings that parts one after the other stand for, in the order of a search; None where they are more.

        What looks ahead or behind is passed over: with it, only some of the strings match.
        """
        run: tuple[str, ...] = ("",)
        for sign, value in tree:
            strings = self.strings(sign, value)
            if strings is None or len(run) * len(strings) > MOST:
                return None
            run = _together(run, strings)
        return run

    def strings(self, sign: object, value: object) -> tuple[str, ...] | None:
        """The strings that one part of a pattern stands for."""
        if sign is signs.LITERAL:
            return _characters([(sign, value)], self.ignoring_case)
        if sign in _WIDTHLESS:
            return ("",)
        key = id(value), self.ignoring_case
        if key not in self.known:
            self.known[key] = self._read(sign, value)
        return self.known[key]

    def _read(self, sign: object, value: object) -> tuple[str, ...] | None:
        if sign is signs.IN:
            return _characters(value, self.ignoring_case)
        inside = None
        if sign is signs.SUBPATTERN and not value[2]:
            inside = [self.inside(value[1]).exactly(value[3])]
        elif sign is signs.BRANCH:
            inside = [self.exactly(branch) for branch in value[1]]
        elif sign in _REPEATS and value[1] <= ROUNDS:
            once = self.exactly(value[2])
            inside = [once and _rounds(once, value[0], value[1], greedy=sign is signs.MAX_REPEAT)]
        if inside is None or any(one is None for one in inside):
            return None
        return inside[0] if len(inside) == 1 else tuple(dict.fromkeys(one for strings in inside for one in strings))


def _together(run: tuple[str, ...], further: tuple[str, ...]) -> tuple[str, ...]:
    """Strings one after the other."""
    if len(further) == 1:
        return tuple([low + further[0] for low in run]) if further[0] else run
    return tuple([low + high for low in run for high in further])


def _rounds(once: tuple[str, ...], least: int, most: int, *, greedy: bool) -> tuple[str, ...]:
    """A repeat written out, what a search tries first in front."""
    if most == 0:
        return ("",)
    rest = _rounds(once, least - 1, most - 1, greedy=greedy)
    further, stop = tuple(low + high for low in once for high in rest), ("",) if least <= 0 else ()
    return further + stop if greedy else stop + further


def _characters(members: Iterable[tuple[object, object]], ignoring_case: bool) -> tuple[str, ...] | None:
    """The characters that a letter or a class stands for."""
    found: list[str] = []
    for kind, one in members:
        if kind is signs.LITERAL:
            found.append(chr(one))
        elif kind is signs.RANGE and one[1] - one[0] <= RANGE:
            found += map(chr, range(one[0], one[1] + 1))
        else:
            return None
    if ignoring_case:  # the text is in small letters
        found = [one.lower() for one in found]
        if any(one in _SEVERAL_CASES or (not one.isascii() and one.lower() != one.upper()) for one in found):
            return None
    return None if "\0" in found else tuple(dict.fromkeys(found))
