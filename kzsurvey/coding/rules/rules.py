"""Rules of a codebook: patterns compiled once, all their faults named at once.

The rule language is described in :mod:`kzsurvey.survey.patterns`; what rules find is decided in
:mod:`kzsurvey.coding.rules.finding`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from typing import TYPE_CHECKING

from kzsurvey.coding.rules.expressions import make_matcher
from kzsurvey.coding.rules.index import Index, Rule, make_index
from kzsurvey.coding.rules.phrases import Phrases, compile_phrases
from kzsurvey.errors import CodingError, Fault, fail_if
from kzsurvey.survey.literals import Needs, either
from kzsurvey.survey.patterns import (
    RULE_COLUMNS,
    Code,
    CodeRules,
    below,
    leaves,
    line_problems,
    read_cell,
    reference_problems,
)

if TYPE_CHECKING:
    from kzsurvey.survey import Survey


@dataclass(frozen=True)
class Rules:
    """The rules of a survey.

    Attributes
    ----------
    schemes : mapping of scheme to its rules
        Codes with neither a pattern nor phrases are for people only, and not in here.
    phrases : Phrases or None
        Where the survey has weighted phrases, they and the patterns decide together.
    families : mapping of code to the rules that ``@code`` stands for: its own, and those of the codes below it
    """

    schemes: Mapping[str, tuple[Rule, ...]]
    phrases: Phrases | None
    families: Mapping[str, tuple[Rule, ...]]

    @cached_property
    def index(self) -> Mapping[str, Index]:
        """The lines of each scheme, by the strings that they need."""
        return {name: make_index(scheme) for name, scheme in self.schemes.items()}

    @cached_property
    def above(self) -> Mapping[str, tuple[str, ...]]:
        """The codes above each code."""
        return {rule.code: rule.ancestors for scheme in self.schemes.values() for rule in scheme}


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
        With every pattern that cannot be read, that matches empty text, that would take hours, or that uses an unknown
        word list or code or one inside itself, and every question under a scheme that is not an open one.

    Examples
    --------
    >>> from kzsurvey.survey import read_survey
    >>> rules = compile_rules(read_survey("data/raw/kizilsu"))
    >>> [rule.code for rule in rules.schemes["proposal"]]
    ['M1', 'M2', 'M3', 'M4', 'M5', 'M6']
    """
    words, phrases = survey.lexicon["pattern"].to_dict(), compile_phrases(survey.phrases)
    cells = {
        code: CodeRules(
            *(read_cell(row[column], words=words, codes=survey.codes.index, column=column) for column in RULE_COLUMNS)
        )
        for code, row in survey.codes.iterrows()
    }
    fail_if([*_lexicon_faults(survey), *_rule_faults(survey, cells), *_question_faults(survey)], CodingError)
    parents = survey.codes["parent"].to_dict()
    rules = _compiled(cells, parents)
    phrased = frozenset(phrases.codes if phrases else ())
    schemes: dict[str, list[Rule]] = {name: [] for name in survey.schemes}
    for code, scheme in survey.codes["scheme"].items():
        if rules[code].patterns or code in phrased:
            schemes.setdefault(scheme, []).append(rules[code])
    families = {code: tuple(rules[one] for one in (code, *below(code, parents))) for code in rules}
    return Rules({name: tuple(rules) for name, rules in schemes.items()}, phrases, families)


def _compiled(cells: Mapping[str, CodeRules], parents: Mapping[str, str]) -> dict[str, Rule]:
    """A rule for each code, those that others refer to first."""
    family = {code: (code, *below(code, parents)) for code in cells}
    referred = {code: {one for line in lines.pattern for one in _referred(line)} for code, lines in cells.items()}
    needed = {code: [one for other in others for one in family[other]] for code, others in referred.items()}
    needs: dict[str, Needs] = {}

    def needs_of(code: str) -> Needs:
        """What a text must hold for a code, or one below it, to be found by its rules."""
        return either(needs[one] for one in family[code])

    patterns = {}
    for code in TopologicalSorter(needed).static_order():
        patterns[code] = tuple(make_matcher(line, needs_of) for line in cells[code].pattern)
        needs[code] = either(matcher.needs for matcher in patterns[code])
    return {
        code: Rule(
            code,
            _ancestors(code, parents),
            patterns[code],
            tuple(make_matcher(line, needs_of, mood="MENTIONED") for line in lines.exclude),
        )
        for code, lines in cells.items()
    }


def _referred(line) -> Iterator[str]:
    """The codes that a line refers to."""
    return (one.code for one in leaves(line.tree) if isinstance(one, Code))


def _rule_faults(survey: "Survey", cells: Mapping[str, CodeRules]) -> Iterator[Fault]:
    """Everything that is wrong with the rules of the codes, row by row."""
    problems = [*line_problems(cells), *reference_problems(cells, survey.codes["parent"].to_dict())]
    order = {code: place for place, code in enumerate(cells)}
    for code, column, (found, allowed, hint) in sorted(problems, key=lambda problem: order[problem[0]]):
        row = survey.codes.loc[code]
        yield Fault(row["file"], found, allowed, row["row"], column, hint)


def _lexicon_faults(survey: "Survey") -> Iterator[Fault]:
    """Word lists that cannot be read, or that name unknown ones."""
    words = survey.lexicon["pattern"].to_dict()
    for _, row in survey.lexicon.iterrows():
        problems = [
            problem
            for line in read_cell(row["pattern"], words=words, codes=None, column="pattern")
            for problem in line.problems
        ]
        for found, allowed, hint in problems:
            yield Fault(row["file"], found, allowed, row["row"], "pattern", hint)


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
