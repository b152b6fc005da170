"""Rules of a codebook: patterns compiled once, all their faults named at once, and what they find in a text.

Of the overlapping matches of one code the longest decides what the place says; if it is excluded or denied there, the
place says nothing.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from kzsurvey.coding.negation import denied
from kzsurvey.coding.text import Folded, clause, clause_borders, fold_pattern
from kzsurvey.errors import CodingError, Fault, fail_if

if TYPE_CHECKING:
    import pandas as pd

    from kzsurvey.survey import Survey

_MACRO = re.compile(r"\{([^\W\d]\w*)\}")


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
    screen : compiled pattern
        Matches wherever any of ``patterns`` does: one scan that tells most texts off.
    """

    code: str
    ancestors: tuple[str, ...]
    patterns: tuple[re.Pattern, ...]
    excludes: tuple[re.Pattern, ...]
    screen: re.Pattern


@dataclass(frozen=True)
class Rules:
    """The rules of a survey.

    Attributes
    ----------
    schemes : mapping of scheme to its rules
        Codes without a pattern are for people only, and not in here.
    """

    schemes: Mapping[str, tuple[Rule, ...]]


class Found(NamedTuple):
    """A code in one place of one text.

    Attributes
    ----------
    start, end : int
        In the original text.
    code : str
    number : int
        Which pattern of the code, counted from 1.
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
        With every pattern that does not compile, that matches nothing at all, or that uses an unknown word list, and
        every question under a scheme that is not an open one.

    Examples
    --------
    >>> from kzsurvey.survey import read_survey
    >>> rules = compile_rules(read_survey("data/raw/kizilsu"))
    >>> [rule.code for rule in rules.schemes["proposal"]]
    ['M1', 'M2', 'M3', 'M4', 'M5', 'M6']
    """
    fail_if(rule_faults(survey), CodingError)
    lexicon = _word_lists(survey)
    parents = survey.codes["parent"].to_dict()
    schemes: dict[str, list[Rule]] = {name: [] for name in survey.schemes}
    for code, row in survey.codes.iterrows():
        if patterns := _lines(row["pattern"]):
            schemes.setdefault(row["scheme"], []).append(
                _rule(code, _ancestors(code, parents), patterns, _lines(row["exclude"]), lexicon)
            )
    return Rules({name: tuple(rules) for name, rules in schemes.items()})


def rule_faults(survey: "Survey") -> list[Fault]:
    """Everything that keeps the rules of a survey from being compiled; empty when they are sound."""
    lexicon = _word_lists(survey)
    cells = [(row, "pattern") for _, row in survey.lexicon.iterrows()]
    cells += [(row, column) for _, row in survey.codes.iterrows() for column in ("pattern", "exclude")]
    faults = [fault for row, column in cells for fault in _cell_faults(row, column, lexicon)]
    return faults + list(_question_faults(survey))


def find(rules: Iterable[Rule], folded: Folded) -> list[Found]:
    """Find the codes of one text.

    Parameters
    ----------
    rules : iterable of Rule
    folded : Folded

    Returns
    -------
    list of Found
        In order of place, then of the codebook. A code is left out where a code below it was found in the same text.
    """
    hits = [rule for rule in rules if rule.screen.search(folded.text)]
    if not hits:
        return []
    borders = clause_borders(folded.text)
    found = [
        (start, end, rule, number) for rule in hits for start, end, number in _places(rule, folded.text, borders)
    ]
    implied = {ancestor for _, _, rule, _ in found for ancestor in rule.ancestors}
    kept = [
        Found(*folded.span(start, end), rule.code, number)
        for start, end, rule, number in found
        if rule.code not in implied
    ]
    return sorted(kept, key=lambda one: one[:2])


def _places(rule: Rule, text: str, borders: list[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    """Start, end and pattern of each place that a rule finds and nothing takes back."""
    taken_back = [match.span() for pattern in rule.excludes for match in pattern.finditer(text)]
    for start, end, number in _longest(rule, text):
        scope = clause(text, borders, start, end)
        excluded = any(
            (low < end and high > start) or (scope[0] <= low and high <= scope[1]) for low, high in taken_back
        )
        if not excluded and not denied(text, start, end, scope):
            yield start, end, number


def _longest(rule: Rule, text: str) -> list[tuple[int, int, int]]:
    """Matches of a rule that overlap no longer one, the earlier pattern first among equals."""
    matches = [
        (*match.span(), number)
        for number, pattern in enumerate(rule.patterns, start=1)
        for match in pattern.finditer(text)
        if match.end() > match.start()
    ]
    kept: list[tuple[int, int, int]] = []
    for start, end, number in sorted(matches, key=lambda match: (match[0] - match[1], match[0], match[2])):
        if all(end <= low or start >= high for low, high, _ in kept):
            kept.append((start, end, number))
    return kept


def _rule(
    code: str, ancestors: tuple[str, ...], patterns: list[str], excludes: list[str], lexicon: Mapping[str, str]
) -> Rule:
    compiled = tuple(_compile(pattern, lexicon) for pattern in patterns)
    # Numbered groups and flags mean something else in a joined pattern: such a rule is not screened.
    plain = all(pattern.groups == 0 and pattern.flags == re.UNICODE for pattern in compiled)
    screen = re.compile("|".join(f"(?:{pattern.pattern})" for pattern in compiled) if plain else "")
    return Rule(code, ancestors, compiled, tuple(_compile(pattern, lexicon) for pattern in excludes), screen)


def _compile(pattern: str, lexicon: Mapping[str, str]) -> re.Pattern:
    """Compile a pattern whose word lists are put in; upper-case letters in it match lower-case text."""
    full = fold_pattern(_expand(pattern, lexicon))
    return re.compile(f"(?i:{full})" if re.search(r"(?<!\\)[A-Z]", full) else full)


def _expand(pattern: str, lexicon: Mapping[str, str], within: tuple[str, ...] = ()) -> str:
    """Put word lists in the places of their names; KeyError for an unknown name, or one inside itself."""

    def words(found: re.Match) -> str:
        if found[1] in within:
            raise KeyError(found[1])
        return f"(?:{_expand(lexicon[found[1]], lexicon, (*within, found[1]))})"

    return _MACRO.sub(words, pattern)


def _cell_faults(row: "pd.Series", column: str, lexicon: Mapping[str, str]) -> Iterator[Fault]:
    """Faults of each line of a cell."""
    for pattern in _lines(row[column]):
        try:
            matches_nothing = _compile(pattern, lexicon).search("") is not None
        except KeyError as error:
            allowed = ", ".join(sorted(lexicon)) or "none, there is no lexicon.csv"
            yield Fault(
                row["file"], f"word list {{{error.args[0]}}} in {pattern!r}", f"word lists {allowed}", row["row"], column
            )
        except re.error as error:
            yield Fault(row["file"], f"{pattern!r}: {error}", "a regular expression", row["row"], column)
        else:
            if matches_nothing:
                yield Fault(
                    row["file"], f"{pattern!r}, which matches empty text", "a pattern of at least one character",
                    row["row"], column,
                )  # fmt: skip


def _question_faults(survey: "Survey") -> Iterator[Fault]:
    """Questions of the schemes that are not open."""
    kinds = survey.questions["type"]
    for scheme in survey.schemes.values():
        for question in scheme.questions:
            kind = kinds.get(question)
            if kind != "text":
                found = f"question {question!r} of type {kind}" if kind else f"unknown question {question!r}"
                yield Fault("survey.toml", found, "questions of type text", column=f"schemes.{scheme.name}.questions")


def _word_lists(survey: "Survey") -> dict[str, str]:
    return {name: "|".join(_lines(pattern)) for name, pattern in survey.lexicon["pattern"].items()}


def _ancestors(code: str, parents: Mapping[str, str]) -> tuple[str, ...]:
    """The codes above one, nearest first."""
    above: list[str] = []
    while (code := parents.get(code, "")) and code not in above:
        above.append(code)
    return tuple(above)


def _lines(cell: object) -> list[str]:
    """The lines of a cell that hold something."""
    return [line.strip() for line in cell.splitlines() if line.strip()] if isinstance(cell, str) else []
