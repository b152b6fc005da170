"""What one line of a rule finds in one text: words, expressions and the operators that join them.

A match is a stretch with the parts it is made of: 工资 NEAR/8 低 in 工资真是低 is made of 工资 and 低. What lies
between the parts belongs to nobody, so another code may say it.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from kzsurvey.coding.rules.negation import denied
from kzsurvey.coding.rules.text import clause, clause_borders, fold_pattern, sentence_borders
from kzsurvey.survey.literals import Needs, either, joint, look
from kzsurvey.survey.patterns import Both, Code, Either, Line, Near, Tree, Words, leaves


class Match(NamedTuple):
    """A stretch of a text.

    Attributes
    ----------
    start, end : int
    parts : tuple of (start, end)
        What it is made of, in order of place; empty where that is the whole stretch.
    borrowed : tuple of (start, end)
        Parts that another code found: this one refers to them and does not claim them.
    """

    start: int
    end: int
    parts: tuple[tuple[int, int], ...] = ()
    borrowed: tuple[tuple[int, int], ...] = ()

    @property
    def pieces(self) -> tuple[tuple[int, int], ...]:
        """Its parts, or itself."""
        return self.parts or ((self.start, self.end),)

    @property
    def own(self) -> tuple[tuple[int, int], ...]:
        """Its pieces, those aside that it borrowed."""
        pieces = self.pieces
        return tuple(one for one in pieces if one not in self.borrowed) if self.borrowed else pieces


@dataclass(frozen=True, eq=False)
class Leaf:
    """Words, or a regular expression, ready to be looked for.

    Attributes
    ----------
    pattern : compiled pattern
    strings : tuple of str, or None
        The pattern is exactly a choice of these.
    needs : what a text must hold for it to match
    starts : strings of which one begins each match, or None
    ahead : int or None
        How far it looks ahead of a match; None where it may read over the end of a sentence.
    """

    pattern: re.Pattern
    strings: tuple[str, ...] | None
    needs: Needs
    starts: frozenset[str] | None
    ahead: int | None

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Where it matches, empty matches aside."""
        return [span for found in self.pattern.finditer(text) if (span := found.span())[0] < span[1]]


@dataclass(frozen=True, eq=False)
class Matcher:
    """One line of a rule, ready to be looked for.

    Attributes
    ----------
    line : Line
    leaf : mapping of words of the rule to the leaf that looks for them
    plain : Leaf, or None
        The leaf of a line that is nothing but one, in the mood of its column.
    needs : what a text must hold for it to match
    """

    line: Line
    leaf: dict[Words, Leaf]
    plain: Leaf | None
    needs: Needs


class Reading:
    """One text while rules are looked for in it; what several rules ask for is worked out once.

    Parameters
    ----------
    text : str, folded
    places_of : function of a code and a mood
        The matches of a code's own rules in this text.
    spans_of : function of a leaf, optional
        Where a leaf matches, where that is known without looking; else None.
    """

    def __init__(
        self,
        text: str,
        places_of: Callable[["Reading", str, str], list[Match]],
        spans_of: Callable[[Leaf], list[tuple[int, int]] | None] = lambda leaf: None,
    ) -> None:
        self.text, self._places_of, self._spans_of = text, places_of, spans_of
        self._spans: dict[int, list[tuple[int, int]]] = {}

    @cached_property
    def borders(self) -> list[tuple[int, int]]:
        """Where clauses part."""
        return clause_borders(self.text)

    @cached_property
    def sentence_borders(self) -> list[tuple[int, int]]:
        """Where sentences part."""
        return sentence_borders(self.text)

    def spans(self, leaf: Leaf) -> list[tuple[int, int]]:
        """Where a leaf matches."""
        if id(leaf) not in self._spans:
            known = self._spans_of(leaf)
            self._spans[id(leaf)] = leaf.spans(self.text) if known is None else known
        return self._spans[id(leaf)]

    def stretch(self, start: int, end: int, scope: str) -> tuple[int, int]:
        """The clauses, the sentences, or the answer that a match touches."""
        if scope == "answer":
            return 0, len(self.text)
        borders = self.borders if scope == "clause" else self.sentence_borders
        return clause(self.text, borders, start, end)

    def is_denied(self, start: int, end: int, text: str = "") -> bool:
        """Whether what is found is denied there; ``text`` is this text, with what denies nothing taken out."""
        return denied(text or self.text, start, end, clause(self.text, self.borders, start, end))

    def places(self, code: str, mood: str) -> list[Match]:
        """The matches of a code's own rules."""
        return self._places_of(self, code, mood)


def make_matcher(line: Line, needs_of: Callable[[str], Needs], *, mood: str = "STATED") -> Matcher:
    """Compile one line.

    Parameters
    ----------
    line : Line, without problems
    needs_of : function of a code
        What a text must hold for the code's own rules to match.
    mood : str
        What holds in this column where a rule does not say.

    Returns
    -------
    Matcher
    """
    leaf = {one: make_leaf(one.pattern) for one in leaves(line.tree) if isinstance(one, Words)}
    simple = isinstance(line.tree, Words) and line.tree.mood == mood
    return Matcher(line, leaf, leaf[line.tree] if simple else None, _needs(line.tree, leaf, needs_of))


def make_leaf(pattern: str) -> Leaf:
    """Compile words or an expression; capitals in it match small letters, which texts are folded to."""
    folded = fold_pattern(pattern)
    folded = f"(?i:{folded})" if re.search(r"(?<!\\)[A-Z]", folded) else folded
    seen = look(folded)
    return Leaf(seen.matcher, *seen.wanted)


def matches(matcher: Matcher, reading: Reading, *, lenient: bool = False) -> list[Match]:
    """What a line finds in a text.

    Parameters
    ----------
    matcher : Matcher
    reading : Reading
    lenient : bool
        Whether words count where they are denied too; DENIED still asks for a denial.

    Returns
    -------
    list of Match
        They may overlap.
    """
    return _Finder(matcher, reading, lenient).find(matcher.line.tree)


def find_part(tree: Tree, matcher: Matcher, reading: Reading) -> list[Match]:
    """What one part of the rule of a line finds in a text, as if it stood alone."""
    return _Finder(matcher, reading, lenient=False).find(tree)


@dataclass(frozen=True, eq=False)
class _Finder:
    """One line, looked for in one text."""

    matcher: Matcher
    reading: Reading
    lenient: bool

    def find(self, tree: Tree) -> list[Match]:
        """The matches of one part of the rule."""
        match tree:
            case Words():
                return [Match(*span) for span in self.words(tree)]
            case Code():
                mood = "MENTIONED" if self.lenient and tree.mood == "STATED" else tree.mood
                found = self.reading.places(tree.code, mood)
                return [one._replace(borrowed=one.pieces) for one in found]
            case Either():
                return list(dict.fromkeys(one for part in tree.parts for one in self.find(part)))
            case Both():
                return self.both(tree)
            case Near():
                return self.near(tree)

    def words(self, tree: Words) -> list[tuple[int, int]]:
        """Where words stand, in the mood that is asked for."""
        spans = self.reading.spans(self.matcher.leaf[tree])
        if not spans or tree.mood == "MENTIONED" or (self.lenient and tree.mood == "STATED"):
            return spans
        return [span for span in spans if self.reading.is_denied(*span, self.own) == (tree.mood == "DENIED")]

    @cached_property
    def own(self) -> str:
        """The text without the words of this rule: what stands inside a match denies nothing."""
        text = self.reading.text
        tree = self.matcher.line.tree
        if isinstance(tree, Words):
            return text
        for leaf in _must_be_there(tree):
            for start, end in self.reading.spans(self.matcher.leaf[leaf]):
                text = f"{text[:start]}{'□' * (end - start)}{text[end:]}"
        return text

    def both(self, tree: Both) -> list[Match]:
        """Each match of the first part with the nearest of the others in its scope."""
        first, *others = [self.find(part) for part in tree.parts]
        if not first or not all(others):
            return []
        absent = [one for part in tree.absent for one in self.find(part)]
        found = []
        for one in first:
            low, high = self.reading.stretch(one.start, one.end, tree.scope)
            beside = [[other for other in part if other.start < high and other.end > low] for part in others]
            gone = not any(other.start < high and other.end > low for other in absent)
            if gone and all(beside):
                found.append(united_match([one, *(min(part, key=lambda other: gap(one, other)) for part in beside)]))
        return found

    def near(self, tree: Near) -> list[Match]:
        """Each match of the first with the nearest of the second that is not too far, or without one."""
        second = self.find(tree.second)
        found = []
        for one in self.find(tree.first):
            low, high = self.reading.stretch(one.start, one.end, tree.scope)
            beside = [
                other
                for other in second
                if other.start < high and other.end > low and _in_reach(one, other, tree.reach, tree.ordered)
            ]
            if tree.far and not beside:
                found.append(one)
            elif beside and not tree.far:
                found.append(united_match([one, min(beside, key=lambda other: gap(one, other))]))
        return found


def _must_be_there(tree: Tree) -> Iterable[Words]:
    """The words of a rule, those aside that must not be there."""
    match tree:
        case Words():
            yield tree
        case Either() | Both():
            for part in tree.parts:
                yield from _must_be_there(part)
        case Near():
            yield from _must_be_there(tree.first)
            if not tree.far:
                yield from _must_be_there(tree.second)


def gap(one: Match, other: Match) -> int:
    """Characters between two matches; below 0 where they overlap."""
    return max(one.start, other.start) - min(one.end, other.end)


def _in_reach(one: Match, other: Match, reach: int, ordered: bool) -> bool:
    return 0 <= gap(one, other) <= reach and (not ordered or one.end <= other.start)


def united_match(found: Sequence[Match]) -> Match:
    """One match of several."""
    parts = tuple(sorted({piece for one in found for piece in one.pieces}))
    borrowed = tuple(piece for one in found for piece in one.borrowed)
    start, end = parts[0][0], max(end for _, end in parts)
    return Match(start, end, parts if len(parts) > 1 else (), borrowed)


def _needs(tree: Tree, leaf: dict[Words, Leaf], needs_of: Callable[[str], Needs]) -> Needs:
    """What a text must hold for a rule to match."""
    match tree:
        case Words():
            return leaf[tree].needs
        case Code():
            return needs_of(tree.code)
        case Either():
            return either(_needs(part, leaf, needs_of) for part in tree.parts)
        case Both():
            return joint(_needs(part, leaf, needs_of) for part in tree.parts)
        case Near():
            parts = (tree.first,) if tree.far else (tree.first, tree.second)
            return joint(_needs(part, leaf, needs_of) for part in parts)
