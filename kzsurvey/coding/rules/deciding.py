"""Which of the matches of rules in one text stand.

Of the overlapping matches of one code the longest decides what the place says; if it is excluded or denied there, the
place says nothing. Of the overlapping matches of several codes of one scheme the longest stands. Long is what has many
characters of its own, not what spans much.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

from kzsurvey.coding.rules.expressions import Leaf, Match, Reading, matches

if TYPE_CHECKING:
    from kzsurvey.coding.rules.rules import Rule, Rules


class Found(NamedTuple):
    """A code in one place of one text.

    Attributes
    ----------
    start, end : int
        In the text that was searched: the folded one in this module, the original one where a caller gets it.
    code : str
    number : int
        Which pattern of the code, counted from 1; 0 where the phrases of a whole statement say it.
    """

    start: int
    end: int
    code: str
    number: int


class Judged(NamedTuple):
    """A match of a rule, and why it does not stand: excluded, denied, or nothing."""

    match: Match
    code: str
    number: int
    why: str = ""

    @property
    def found(self) -> Found:
        """What callers get."""
        return Found(self.match.start, self.match.end, self.code, self.number)


def read_text(text: str, rules: "Rules", known: Mapping[int, list[tuple[int, int]]] | None = None) -> Reading:
    """A text in which rules can be looked for.

    Parameters
    ----------
    text : str, folded
    rules : Rules
    known : mapping of the identity of a leaf to its matches, where that is known without looking
    """
    judged_rules: dict[str, list[Judged]] = {}

    def places(reading: Reading, code: str, mood: str) -> list[Match]:
        if code not in judged_rules:
            judged_rules[code] = [one for rule in rules.families[code] for one in judged(rule, reading)]
        wanted = {"STATED": ("",), "DENIED": ("denied",), "MENTIONED": ("", "denied")}[mood]
        return [one.match for one in judged_rules[code] if one.why in wanted]

    def spans(leaf: Leaf) -> list[tuple[int, int]] | None:
        return known.get(id(leaf)) if known else None

    return Reading(text, places, spans)


def judged(
    rule: "Rule", reading: Reading, lines: Iterable[int] | None = None, excludes: Iterable[int] | None = None
) -> list[Judged]:
    """The matches of one rule in one text that overlap no longer one, each with why it does not stand.

    Parameters
    ----------
    rule : Rule
    reading : Reading
    lines, excludes : iterable of int, optional
        Numbers of those that may match, counted from 0; all of them when not given.
    """
    lines = range(len(rule.patterns)) if lines is None else lines
    kept = _longest([one for number in lines for one in _candidates(rule, number, reading)])
    if not kept:
        return []
    excludes = range(len(rule.excludes)) if excludes is None else excludes
    taken_back = [
        (one.start, one.end, rule.excludes[number].line.scope)
        for number in excludes
        for one in matches(rule.excludes[number], reading)
    ]
    return [one._replace(why=_why(one, rule, reading, taken_back)) for one in kept]


def stands(found: list[Judged], above: Mapping[str, tuple[str, ...]]) -> list[Judged]:
    """Of the matches of one scheme those that stand: no code beside one below it, of several codes the longest."""
    over = {ancestor for one in found for ancestor in above[one.code]}
    finest = [one for one in found if one.code not in over]
    return [one for one, beside in _with_neighbours(finest) if not any(overrules(other, one) for other in beside)]


def implied(found: list[Judged], above: Mapping[str, tuple[str, ...]]) -> list[Judged]:
    """Matches of codes that stand above another one found."""
    over = {ancestor for one in found for ancestor in above[one.code]}
    return [one for one in found if one.code in over]


def _candidates(rule: "Rule", number: int, reading: Reading) -> Iterator[Judged]:
    """Every match of one line; of a rule with operators also those in which some word is denied."""
    matcher = rule.patterns[number]
    if matcher.plain:
        yield from (Judged(Match(*span), rule.code, number + 1) for span in reading.spans(matcher.plain))
        return
    strict, said = matches(matcher, reading), set()
    for one in strict:
        said.update(one.pieces)
        yield Judged(one, rule.code, number + 1)
    for one in matches(matcher, reading, lenient=True):
        if said.isdisjoint(one.pieces):
            yield Judged(one, rule.code, number + 1, "denied")


def _why(one: Judged, rule: "Rule", reading: Reading, taken_back: list[tuple[int, int, str]]) -> str:
    """Why a match does not stand; an exclude counts before a denial."""
    start, end = one.match[:2]
    for low, high, scope in taken_back:
        if low < end and high > start:
            return "excluded"
        first, last = reading.stretch(start, end, scope)
        if first <= low and high <= last:
            return "excluded"
    if rule.patterns[one.number - 1].plain and reading.is_denied(start, end):
        return "denied"
    return one.why


def _longest(found: Iterable[Judged]) -> list[Judged]:
    """Matches of a rule that share nothing with a longer one, in order of place; earlier lines first among equals."""
    found = list(found)
    if len(found) < 2:
        return found
    taken: list[tuple[int, int]] = []
    kept = []
    for one in sorted(found, key=_rank):
        if all(_is_free(piece, taken) for piece in one.match.pieces):
            for piece in one.match.pieces:
                taken.insert(bisect_left(taken, piece), piece)
            kept.append(one)
    return sorted(kept, key=lambda one: one.match[:2])


def _rank(one: Judged) -> tuple[int, int, int, int]:
    start, end = one.match[:2]
    return -_length(one.match.pieces), end - start, start, one.number


def _length(pieces: Iterable[tuple[int, int]]) -> int:
    return sum(end - start for start, end in pieces)


def _is_free(piece: tuple[int, int], taken: list[tuple[int, int]]) -> bool:
    """Whether a piece overlaps none of those taken, which are in order."""
    place = bisect_left(taken, piece)
    free_before = place == 0 or taken[place - 1][1] <= piece[0]
    return free_before and (place == len(taken) or taken[place][0] >= piece[1])


def _with_neighbours(found: list[Judged]) -> Iterator[tuple[Judged, list[Judged]]]:
    """Each match with those that can overlap it: an answer of a hundred pages takes no longer than its pages."""
    ordered = sorted(found, key=lambda one: one.match[:2])
    starts = [one.match.start for one in ordered]
    longest = max((one.match.end - one.match.start for one in ordered), default=0)
    for one in ordered:
        low, high = bisect_left(starts, one.match.start - longest), bisect_left(starts, one.match.end)
        yield one, ordered[low:high]


def overrules(other: Judged, one: Judged) -> bool:
    """Whether a match of another code overlaps a match and is longer, in what each claims for itself."""
    if other.code == one.code:
        return False
    theirs, own = other.match.own, one.match.own
    return _length(theirs) > _length(own) and any(
        low < end and start < high for low, high in theirs for start, end in own
    )
