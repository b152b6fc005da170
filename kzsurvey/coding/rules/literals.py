"""What a text must hold for a pattern to match in it: strings that are looked for in all texts at once.

A regular expression is slow and rarely matches. Most of the time some string that every match contains is missing, and
that is seen without it. Where a pattern is nothing but a choice of strings, it need not be run at all.
"""

import re
import re._constants as signs  # the parser of the standard library; nothing else knows its own patterns
import re._parser as parser
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from kzsurvey.survey.regular import parts_of, reads

MOST = 300  # strings that a part may stand for; beyond them it is taken to say nothing
RANGE = 40  # characters of a class such as [一-十]
ROUNDS = 2  # of a repeat, written out
BEST = 3  # sets of strings kept of each alternative
STOPS = "。!?;\0"  # what ends a sentence that is read alone; \0 parts texts
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
    tree = parser.parse(pattern)
    starts, ahead = _starts(tree, ignoring_case=False), _ahead(tree)
    strings = _exactly(tree, ignoring_case=False, widthless=False)
    if strings is not None and "" not in strings:
        return Wanted(_unhidden(strings), ((frozenset(strings),),), starts, ahead)
    alternatives = []
    for branch in _branches(tree):
        sets = sorted(_sets(branch, ignoring_case=False), key=_worth, reverse=True)
        if not sets:
            return Wanted(None, None, starts, ahead)
        alternatives.append(tuple(sets[:BEST]))
    return Wanted(None, tuple(alternatives), starts, ahead)


def _starts(tree: Iterable, *, ignoring_case: bool) -> Strings | None:
    """Strings of which one begins each match."""
    run: tuple[str, ...] = ("",)
    for sign, value in tree:
        strings = _strings(sign, value, ignoring_case, widthless=True)
        if strings is None:
            further = None if all(run) else _first_of(sign, value, ignoring_case)
            if further is None:
                break
            return frozenset(low + high for low in run for high in (further if not low else ("",)))
        if len(run) * len(strings) > MOST:
            break
        run = tuple(low + high for low in run for high in strings)
    return frozenset(run) if all(run) else None


def _first_of(sign: object, value: object, ignoring_case: bool) -> Strings | None:
    """Strings of which one begins each match of a part that is more than a choice of strings."""
    if sign is signs.SUBPATTERN:
        return _starts(value[3], ignoring_case=ignoring_case or bool(value[1] & re.IGNORECASE))
    if sign in _REPEATS and value[0] > 0:
        return _starts(value[2], ignoring_case=ignoring_case)
    if sign is signs.BRANCH:
        several = [_starts(branch, ignoring_case=ignoring_case) for branch in value[1]]
        return None if None in several else frozenset().union(*several)
    return None


def _ahead(tree: Iterable) -> int | None:
    """How far a pattern looks ahead of its match; None where a match may read over the end of a sentence."""
    farthest = 0
    for sign, value in tree:
        if sign in (signs.ASSERT, signs.ASSERT_NOT):
            widest = value[1].getwidth()[1] if value[0] > 0 else 0
            farthest = max(farthest, widest)
            continue
        if sign in (signs.LITERAL, signs.NOT_LITERAL, signs.IN, signs.ANY):
            inside = [None if any(reads(sign, value, stop) for stop in STOPS) else 0]
        else:
            inside = [_ahead(part) for part in parts_of(sign, value)]
        if None in inside:
            return None
        farthest = max(farthest, *inside, 0)
    return farthest if farthest <= FARTHEST_AHEAD else None


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


def _sets(tree: Iterable, *, ignoring_case: bool) -> Iterator[Strings]:
    """Sets of strings of which every match has one of each."""
    run: tuple[str, ...] = ("",)
    for sign, value in [*tree, (None, None)]:
        exact = None if sign is None else _exactly([(sign, value)], ignoring_case=ignoring_case, widthless=True)
        if exact is not None and len(run) * len(exact) <= MOST:
            run = tuple(low + high for low in run for high in exact)
            continue
        if "" not in run:
            yield frozenset(run)
        run = exact if exact is not None else ("",)
        if exact is None and sign is not None:
            yield from _inner_sets(sign, value, ignoring_case)


def _inner_sets(sign: object, value: object, ignoring_case: bool) -> Iterator[Strings]:
    """Sets of strings of a part that is more than a choice of strings."""
    if sign is signs.SUBPATTERN:
        yield from _sets(value[3], ignoring_case=ignoring_case or bool(value[1] & re.IGNORECASE))
    elif sign in _REPEATS and value[0] > 0:
        yield from _sets(value[2], ignoring_case=ignoring_case)
    elif sign is signs.BRANCH:
        best = [max(_sets(branch, ignoring_case=ignoring_case), key=_worth, default=None) for branch in value[1]]
        if None not in best:
            yield frozenset().union(*best)


def _exactly(tree: Iterable, *, ignoring_case: bool, widthless: bool) -> tuple[str, ...] | None:
    """The strings that a part stands for, in the order of a search; None where it is more.

    With ``widthless``, what looks ahead or behind is passed over: then the part matches some of the strings.
    """
    run: tuple[str, ...] = ("",)
    for sign, value in tree:
        strings = _strings(sign, value, ignoring_case, widthless)
        if strings is None or len(run) * len(strings) > MOST:
            return None
        run = tuple(low + high for low in run for high in strings)
    return run


def _strings(sign: object, value: object, ignoring_case: bool, widthless: bool) -> tuple[str, ...] | None:
    """The strings that one part of a pattern stands for."""
    if sign in (signs.LITERAL, signs.IN):
        return _characters(sign, value, ignoring_case)
    if sign in _WIDTHLESS and widthless:
        return ("",)
    inside = None
    if sign is signs.SUBPATTERN and not value[2]:
        ignoring = ignoring_case or bool(value[1] & re.IGNORECASE)
        inside = [_exactly(value[3], ignoring_case=ignoring, widthless=widthless)]
    elif sign is signs.BRANCH:
        inside = [_exactly(branch, ignoring_case=ignoring_case, widthless=widthless) for branch in value[1]]
    elif sign in _REPEATS and value[1] <= ROUNDS:
        once = _exactly(value[2], ignoring_case=ignoring_case, widthless=widthless)
        inside = [once and _rounds(once, value[0], value[1], greedy=sign is signs.MAX_REPEAT)]
    if inside is None or any(one is None for one in inside):
        return None
    return tuple(dict.fromkeys(one for strings in inside for one in strings))


def _rounds(once: tuple[str, ...], least: int, most: int, *, greedy: bool) -> tuple[str, ...]:
    """A repeat written out, what a search tries first in front."""
    if most == 0:
        return ("",)
    rest = _rounds(once, least - 1, most - 1, greedy=greedy)
    further, stop = tuple(low + high for low in once for high in rest), ("",) if least <= 0 else ()
    return further + stop if greedy else stop + further


def _characters(sign: object, value: object, ignoring_case: bool) -> tuple[str, ...] | None:
    """The characters that a letter or a class stands for."""
    found: list[str] = []
    for kind, one in [(sign, value)] if sign is signs.LITERAL else value:
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
