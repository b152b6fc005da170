"""Each rule shows what it matched, what was taken back and why, and what it just missed."""

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

import pandas as pd

from kzsurvey.coding.rules.deciding import Found, Judged, judged, overrules, read_text
from kzsurvey.coding.rules.expressions import Match, Matcher, Reading, find_part, gap, matches, united_match
from kzsurvey.coding.rules.finding import find
from kzsurvey.coding.rules.rules import Rule, Rules
from kzsurvey.coding.rules.text import fold
from kzsurvey.errors import CodingError, Fault, fail_if
from kzsurvey.survey.patterns import Both, Either, Near, Tree, written
from kzsurvey.survey.sheets import listed, near

COLUMNS = ("answer", "code", "line", "outcome", "words", "detail", "start", "end", "rule")
A_LITTLE = 10  # characters by which NEAR may be missed and still be told, or its own reach once more


def trace_rules(
    answers: Iterable[str | None], rules: Rules, *, schemes: Iterable[str] | None = None, codes: Collection[str] = ()
) -> pd.DataFrame:
    """What each rule matched in some answers, and what it just missed.

    Parameters
    ----------
    answers : iterable of str
        Missing ones are passed over, and counted.
    rules : Rules
        From :func:`compile_rules`.
    schemes : iterable of str, optional
        Schemes to apply; all of them when not given.
    codes : collection of str
        Codes to show; all of them when not given.

    Returns
    -------
    DataFrame, one row per match or near miss
        ``answer`` (its place among the answers, from 0), ``code``, ``line`` (of the cell ``pattern``, from 1; 0 where
        weighted phrases gave the code to a statement), ``outcome``, ``words``, ``detail``, ``start``, ``end`` (in the
        answer), ``rule`` (the line as it is written). ``outcome`` is

        - ``found``: the answer got the code here;
        - ``denied``, ``excluded``: taken back by words around it, by a line of ``exclude``;
        - ``longer``, ``finer``: left to a longer match of another code, to a code below this one;
        - ``weighed``: the weighted phrases of the statement speak against it;
        - ``missing``: all parts of an AND are there but one, or one side of a NEAR;
        - ``far``: NEAR or BEFORE missed by a little; ``order``: BEFORE the other way round;
        - ``scope``: all parts are there, but not in one clause or sentence; ``NOT``: what must not be there is.

    Raises
    ------
    CodingError
        A scheme or a code that there is no rule for.

    Examples
    --------
    >>> from kzsurvey.coding import compile_rules
    >>> from kzsurvey.survey import read_survey
    >>> rules = compile_rules(read_survey("tests/surveys/data/raw/market"))
    >>> trace_rules(["没有客人", "客人不是很少"], rules)[["answer", "code", "outcome", "words"]]
       answer code outcome words
    0       0   T2   found  没有客人
    """
    schemes = list(rules.schemes if schemes is None else schemes)
    fail_if(_unknown(rules, schemes, codes), CodingError)
    answers = list(answers)
    given = [(place, one) for place, one in enumerate(answers) if isinstance(one, str)]
    folded = fold([one for _, one in given])
    decided = find(rules, schemes, [one.text for one in folded])
    rows = []
    for (place, answer), text, found in zip(given, folded, decided, strict=True):
        for one in _traced(text.text, rules, schemes, found):
            if one.start < one.end and (not codes or one.code in codes):
                start, end = text.span(one.start, one.end)
                rows.append(
                    (place, one.code, one.line, one.outcome, answer[start:end], one.detail, start, end, one.rule)
                )
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.sort_values(["answer", "start", "code", "line"], kind="stable", ignore_index=True)


class _Traced(NamedTuple):
    """One row, in the folded text."""

    code: str
    line: int
    outcome: str
    detail: str
    start: int
    end: int
    rule: str


def _unknown(rules: Rules, schemes: Iterable[str], codes: Iterable[str]) -> Iterator[Fault]:
    """Schemes and codes without a rule."""
    for name in schemes:
        if name not in rules.schemes:
            yield Fault("rules", f"scheme {name!r}", listed(rules.schemes), hint=near(name, rules.schemes))
    for code in codes:
        if code not in rules.above:
            yield Fault(
                "rules", f"code {code!r}", f"a code with a rule: {listed(rules.above)}", hint=near(code, rules.above)
            )


def _traced(text: str, rules: Rules, schemes: Iterable[str], found: list[Found]) -> Iterator[_Traced]:
    """Everything to be told of one text."""
    reading = read_text(text, rules)
    for name in schemes:
        by_rule = {rule.code: judged(rule, reading) for rule in rules.schemes[name]}
        standing = [one for several in by_rule.values() for one in several if not one.why]
        for rule in rules.schemes[name]:
            for one in by_rule[rule.code]:
                outcome, detail = _outcome(one, rule, reading, standing, rules, found)
                line = rule.patterns[one.number - 1].line.text
                yield _Traced(rule.code, one.number, outcome, detail, one.match.start, one.match.end, line)
            yield from _said_by_phrases(rule, found)
            yield from _missed(rule, reading, {one.number for one in by_rule[rule.code]})


def _outcome(
    one: Judged, rule: Rule, reading: Reading, standing: list[Judged], rules: Rules, found: list[Found]
) -> tuple[str, str]:
    """What became of a match, and why."""
    if one.why == "excluded":
        return "excluded", _excluded_by(one, rule, reading)
    if one.why:
        return "denied", ""
    finer = [other.code for other in standing if rule.code in rules.above[other.code]]
    if finer:
        return "finer", ", ".join(sorted(set(finer)))
    longer = [other.code for other in standing if overrules(other, one)]
    if longer:
        return "longer", ", ".join(sorted(set(longer)))
    return ("found" if one.found in found else "weighed"), ""


def _excluded_by(one: Judged, rule: Rule, reading: Reading) -> str:
    """The words that take a match back."""
    for matcher in rule.excludes:
        low, high = reading.stretch(one.match.start, one.match.end, matcher.line.scope)
        for other in matches(matcher, reading):
            overlap = other.start < one.match.end and other.end > one.match.start
            if overlap or (low <= other.start and other.end <= high):
                return reading.text[other.start : other.end]
    return ""


def _said_by_phrases(rule: Rule, found: list[Found]) -> Iterator[_Traced]:
    """Statements that got the code without a pattern."""
    for one in found:
        if one.code == rule.code and one.number == 0:
            yield _Traced(rule.code, 0, "found", "weighted phrases", one.start, one.end, "")


def _missed(rule: Rule, reading: Reading, matched: Collection[int]) -> Iterator[_Traced]:
    """Near misses of the lines with operators that matched nowhere."""
    for number, matcher in enumerate(rule.patterns, start=1):
        if matcher.plain or number in matched:
            continue
        if miss := _miss(matcher.line.tree, matcher, reading):
            one, outcome, detail = miss
            yield _Traced(rule.code, number, outcome, detail, one.start, one.end, matcher.line.text)


Miss = tuple[Match, str, str] | None


def _miss(tree: Tree, matcher: Matcher, reading: Reading) -> Miss:
    """How a part of a rule was just missed: what is there of it, the outcome, and the detail."""
    match tree:
        case Either():
            return next(filter(None, (_miss(part, matcher, reading) for part in tree.parts)), None)
        case Both():
            return _missed_both(tree, matcher, reading)
        case Near():
            return _missed_near(tree, matcher, reading)
    return None


def _missed_both(tree: Both, matcher: Matcher, reading: Reading) -> Miss:
    """AND without one of its parts, over too wide a scope, or beside what must not be there."""
    found = [find_part(part, matcher, reading) for part in tree.parts]
    lacking = [part for part, here in zip(tree.parts, found, strict=True) if not here]
    there = [here[0] for here in found if here]
    if len(lacking) > 1 or not there:
        return None
    if lacking:
        if not _share_a_scope([here for here in found if here], tree.scope, reading):
            return None
        inside = _miss(lacking[0], matcher, reading)
        detail = f"{written(lacking[0])}: {inside[2]}" if inside else written(lacking[0])
        return united_match(there), inside[1] if inside else "missing", detail
    if not _share_a_scope(found, tree.scope, reading):
        return united_match(there), "scope", f"not in one {tree.scope}"
    absent = [part for part in tree.absent if find_part(part, matcher, reading)]
    return united_match(there), "NOT", ", ".join(written(part) for part in absent)


def _share_a_scope(found: list[list[Match]], scope: str, reading: Reading) -> bool:
    """Whether some match of the first lies in one scope with a match of each other."""
    for one in found[0]:
        low, high = reading.stretch(one.start, one.end, scope)
        if all(any(other.start < high and other.end > low for other in part) for part in found[1:]):
            return True
    return False


def _missed_near(tree: Near, matcher: Matcher, reading: Reading) -> Miss:
    """NEAR with one side only, too far apart, the other way round or over too wide a scope."""
    first, second = (find_part(part, matcher, reading) for part in (tree.first, tree.second))
    if not first or not second:
        if tree.far or not (first or second):
            return None
        lacking = tree.second if first else tree.first
        return (first or second)[0], "missing", written(lacking)
    pairs = [(gap(one, other), one, other) for one in first for other in second if gap(one, other) >= 0]
    if not pairs:
        return None
    apart, one, other = min(pairs, key=lambda pair: pair[0])
    both = united_match([one, other])
    if tree.far:
        return both, "NOT", f"{written(tree.second)}, {apart} characters away"
    if apart <= tree.reach and tree.ordered and other.start < one.start:
        return both, "order", f"{written(tree.second)} stands first"
    if apart <= tree.reach:
        return both, "scope", f"not in one {tree.scope}"
    if apart <= tree.reach + max(tree.reach, A_LITTLE):
        return both, "far", f"{apart} characters between, {tree.reach} allowed"
    return None
