"""Rules of a codebook: patterns compiled once, all their faults named at once, and what they find in a text.

Of the overlapping matches of one code the longest decides what the place says; if it is excluded or denied there, the
place says nothing. Of the overlapping matches of several codes of one scheme the longest stands.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kzsurvey.coding.rules.negation import denied
from kzsurvey.coding.rules.phrases import Phrases, chosen, compile_phrases, statements, weigh
from kzsurvey.coding.rules.text import clause, clause_borders, fold_pattern
from kzsurvey.errors import CodingError, Fault, fail_if
from kzsurvey.survey.codebook import WORD_LIST, compiled, expand_pattern

if TYPE_CHECKING:
    import pandas as pd

    from kzsurvey.survey import Survey


@dataclass(frozen=True)
class Rule:
    """How one code is recognised.

    Attributes
    ----------
    code : str
    ancestors : tuple of str
        Codes above it; they are implied, and not found beside it.
    patterns : tuple of compiled patterns
        In the order of the cell: the second is ``rule:<code>#2``.
    excludes : tuple of compiled patterns
        What takes a match back, where it overlaps the match or lies in the same clause.
    """

    code: str
    ancestors: tuple[str, ...]
    patterns: tuple[re.Pattern, ...]
    excludes: tuple[re.Pattern, ...]


@dataclass(frozen=True)
class Rules:
    """The rules of a survey.

    Attributes
    ----------
    schemes : mapping of scheme to its rules
        Codes with neither a pattern nor phrases are for people only, and not in here.
    phrases : Phrases or None
        Where the survey has weighted phrases, they and the patterns decide together.
    """

    schemes: Mapping[str, tuple[Rule, ...]]
    phrases: Phrases | None = None


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


def compile_rules(survey: "Survey") -> Rules:
    """Compile the patterns of a survey's codebook.

    Parameters
    ----------
    survey : Survey

    Returns
    -------
    Rules

    Raises
    ------
    CodingError
        With every pattern that does not compile, that matches empty text, or that uses an unknown word list or one
        inside itself, and every question under a scheme that is not an open one.

    Examples
    --------
    >>> from kzsurvey.survey import read_survey
    >>> rules = compile_rules(read_survey("data/raw/kizilsu"))
    >>> [rule.code for rule in rules.schemes["proposal"]]
    ['M1', 'M2', 'M3', 'M4', 'M5', 'M6']
    """
    words, phrases = survey.lexicon["pattern"].to_dict(), compile_phrases(survey.phrases)
    phrased = frozenset(phrases.codes if phrases else ())
    parents = survey.codes["parent"].to_dict()
    faults = [fault for _, row in survey.lexicon.iterrows() for fault in _compiled(row, "pattern", words)[1]]
    schemes: dict[str, list[Rule]] = {name: [] for name in survey.schemes}
    for code, row in survey.codes.iterrows():
        patterns, pattern_faults = _compiled(row, "pattern", words)
        excludes, exclude_faults = _compiled(row, "exclude", words)
        faults += pattern_faults + exclude_faults
        if patterns or code in phrased:
            schemes.setdefault(row["scheme"], []).append(Rule(code, _ancestors(code, parents), patterns, excludes))
    fail_if(faults + list(_question_faults(survey)), CodingError)
    return Rules({name: tuple(rules) for name, rules in schemes.items()}, phrases)


def find(rules: Rules, schemes: Iterable[str], texts: Sequence[str]) -> list[list[Found]]:
    """Find the codes of some schemes in some texts.

    Parameters
    ----------
    rules : Rules
    schemes : iterable of str
    texts : sequence of str, folded

    Returns
    -------
    list of list of Found, one for each text
        In order of place, then of the codebook. A code is left out where a code below it was found in the same text,
        and where a longer match of another code of its scheme overlaps its own: who says more decides what the place
        says. Where there are phrases, a match is only one voice among those of its statement.
    """
    wanted = [rules.schemes[name] for name in schemes]
    above = {rule.code: rule.ancestors for scheme in wanted for rule in scheme}
    decided = [[one for scheme in wanted for one in _matched(scheme, text)] for text in texts]
    if rules.phrases:
        decided = _weighed(texts, decided, rules.phrases, above)
    return [sorted(_finest(found, above), key=lambda one: one[:2]) for found in decided]


def _matched(rules: Iterable[Rule], text: str) -> list[Found]:
    """What the patterns of one scheme find in one text; at the end what finer codes imply."""
    borders = clause_borders(text)
    found = [
        Found(start, end, rule.code, number) for rule in rules for start, end, number in _places(rule, text, borders)
    ]
    finest = _finest(found, {rule.code: rule.ancestors for rule in rules})
    decided = [one for one, beside in _with_neighbours(finest) if not any(_overrules(other, one) for other in beside)]
    return decided + [one for one in found if one not in finest]


def _finest(found: list[Found], above: Mapping[str, tuple[str, ...]]) -> list[Found]:
    """Without codes that a code below them implies."""
    implied = {ancestor for one in found for ancestor in above[one.code]}
    return [one for one in found if one.code not in implied]


def _weighed(
    texts: Sequence[str], matched: list[list[Found]], phrases: Phrases, above: Mapping[str, tuple[str, ...]]
) -> list[list[Found]]:
    """What phrases and patterns say together: matches of the codes that weigh enough, else the whole statement.

    A code above others is left to its patterns, where none of the finer ones was given.
    """
    spans = [(number, *span) for number, text in enumerate(texts) for span in statements(text)]
    places = [[one for one in matched[number] if start <= one.start < end] for number, start, end in spans]
    known = [*(code in above for code in phrases.codes), True]
    weight = np.where(known, weigh([texts[number][start:end] for number, start, end in spans], phrases), -np.inf)
    said = [{one.code for one in here} for here in places]
    matches = [[code in codes for code in phrases.codes] for codes in said]
    given = chosen(weight, np.reshape(matches, (len(spans), len(phrases.codes))), phrases)
    general = {ancestor for code in phrases.codes for ancestor in above.get(code, ())}
    alone = above.keys() - general - set(phrases.codes)
    decided: list[list[Found]] = [[one for one in found if one.code in alone] for found in matched]
    for (number, start, end), here, row in zip(spans, places, given, strict=True):
        if not row.any():
            decided[number] += [one for one in here if one.code in general]
        for code in (phrases.codes[place] for place in np.flatnonzero(row)):
            decided[number] += [one for one in here if one.code == code] or [Found(start, end, code, 0)]
    return decided


def _with_neighbours(found: list[Found]) -> Iterator[tuple[Found, list[Found]]]:
    """Each match with those that can overlap it: an answer of a hundred pages takes no longer than its pages."""
    ordered = sorted(found, key=lambda one: one[:2])
    starts = [one.start for one in ordered]
    longest = max((one.end - one.start for one in ordered), default=0)
    for one in ordered:
        yield one, ordered[bisect_left(starts, one.start - longest) : bisect_left(starts, one.end)]


def _overrules(other: Found, one: Found) -> bool:
    """Whether a match of another code overlaps a match and is longer."""
    overlap = other.start < one.end and one.start < other.end
    return overlap and other.code != one.code and other.end - other.start > one.end - one.start


def _places(rule: Rule, text: str, borders: list[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    """Start, end and pattern of each place that a rule finds and nothing takes back."""
    if not (places := _longest(rule, text)):
        return
    taken_back = [match.span() for pattern in rule.excludes for match in pattern.finditer(text)]
    for start, end, number in places:
        scope = clause(text, borders, start, end)
        excluded = any(
            (low < end and high > start) or (scope[0] <= low and high <= scope[1]) for low, high in taken_back
        )
        if not excluded and not denied(text, start, end, scope):
            yield start, end, number


def _longest(rule: Rule, text: str) -> list[tuple[int, int, int]]:
    """Matches of a rule that overlap no longer one, in order of place; the earlier pattern first among equals."""
    matches = [
        (*match.span(), number)
        for number, pattern in enumerate(rule.patterns, start=1)
        for match in pattern.finditer(text)
        if match.end() > match.start()
    ]
    kept: list[tuple[int, int, int]] = []
    for match in sorted(matches, key=lambda match: (match[0] - match[1], match[0], match[2])):
        place = bisect_left(kept, match)
        free_before = place == 0 or kept[place - 1][1] <= match[0]
        free_after = place == len(kept) or kept[place][0] >= match[1]
        if free_before and free_after:
            kept.insert(place, match)
    return kept


def _compiled(row: "pd.Series", column: str, words: Mapping[str, str]) -> tuple[tuple[re.Pattern, ...], list[Fault]]:
    """The patterns of a cell, one a line, and the faults of the lines that are none."""
    patterns, faults = [], []
    for line in _lines(row[column]):
        expanded = expand_pattern(line, words)
        fault = _word_list_fault(line, expanded, words)
        try:
            pattern = _compile(expanded)
        except re.error as error:
            fault = fault or (f"{line!r}: {error}", "a regular expression")
        else:
            if pattern.search(""):
                fault = fault or (f"{line!r}, which matches empty text", "a pattern of at least one character")
            patterns.append(pattern)
        if fault:
            faults.append(Fault(row["file"], *fault, row["row"], column))
    return tuple(patterns), faults


def _compile(expanded: str) -> re.Pattern:
    """Compile a pattern whose word lists are put in; upper-case letters in it match lower-case text."""
    folded = fold_pattern(expanded)
    return compiled(f"(?i:{folded})" if re.search(r"(?<!\\)[A-Z]", folded) else folded)


def _word_list_fault(line: str, expanded: str, words: Mapping[str, str]) -> tuple[str, str] | None:
    """What was found and what is allowed where a name of a word list could not be replaced."""
    left = list(dict.fromkeys(WORD_LIST.findall(expanded)))
    if not left:
        return None
    ring = " inside itself" if left[0] in words else ""
    allowed = "word lists that do not name each other in a ring" if ring else f"word lists {', '.join(sorted(words))}"
    names = ", ".join(f"{{{name}}}" for name in left)
    return f"word list {names}{ring} in {line!r}", allowed if words else "none, there is no lexicon.csv"


def _question_faults(survey: "Survey") -> Iterator[Fault]:
    """Questions of the schemes that are not open."""
    kinds = survey.questions["type"]
    for scheme in survey.schemes.values():
        for question in scheme.questions:
            kind = kinds.get(question)
            if kind != "text":
                found = f"question {question!r} of type {kind}" if kind else f"unknown question {question!r}"
                yield Fault("survey.toml", found, "questions of type text", column=f"schemes.{scheme.name}.questions")


def _ancestors(code: str, parents: Mapping[str, str]) -> tuple[str, ...]:
    """The codes above one, nearest first."""
    above: list[str] = []
    while (code := parents.get(code, "")) and code not in above:
        above.append(code)
    return tuple(above)


def _lines(cell: object) -> list[str]:
    """The lines of a cell that hold something."""
    return [line.strip() for line in cell.splitlines() if line.strip()] if isinstance(cell, str) else []
