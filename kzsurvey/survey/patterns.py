"""The rule language of codes.csv: a line of ``pattern`` or ``exclude`` becomes a tree, or a list of what is wrong.

A line is a regular expression, as it stands; plain words are the simplest one. Or it is a **rule**: words joined by
operators in capitals. A line is a rule where such an operator stands in it, and where it begins with a quotation mark
or ``@``, or stands between slashes.

==================== ===============================================================================================
``工资``             words as they are; ``"三会 一课"``, ``“…”`` or ``「…」`` where there are blanks or signs in them
``/工资.{0,3}低/``   a regular expression, with word lists in it
``{pay}``            a word list of lexicon.csv
``@C1.2``            a place where code C1.2, or one below it, is found by its own rules
``a OR b``           either
``a AND b``          both in one sentence
``a AND NOT b``      a, and no b in its sentence
``a NEAR/8 b``       at most 8 characters between them, in one sentence, whichever comes first
``a BEFORE/8 b``     the same, a first
``a NOT NEAR/8 b``   a, and no b that near; also ``NOT BEFORE/8``
``… IN clause``      of all operators inside: in one ``clause``, ``sentence`` (the default) or ``answer``
``STATED a``         a where nothing denies it (不缺人手 does not say 缺人手): in ``pattern`` unless told otherwise
``DENIED a``         a only where it is denied
``MENTIONED a``      a either way: in ``exclude`` unless told otherwise
``( … )``            brackets, as many as needed
==================== ===============================================================================================

NOT binds tighter than NEAR and BEFORE, these tighter than AND, and AND tighter than OR; IN stands at the end of a line
or a bracket. A clause ends at a comma and at contrasts (但是), a sentence at its full stop, an answer where it ends.

A line of ``exclude`` takes a match back where it overlaps it or stands in the same clause; with ``IN sentence`` or
``IN answer`` at its end, in the same sentence or answer.

Examples
--------
>>> read_line("工资 NEAR/8 (低 OR 少) AND NOT 以前").tree.absent
(Words('以前'),)
>>> [problem.found for problem in read_line("工资 NEAR (低 OR 少)").problems]
["NEAR without a number at character 4 of '工资 NEAR (低 OR 少)'"]
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from kzsurvey.survey.literals import look
from kzsurvey.survey.regular import CHAIN
from kzsurvey.survey.sheets import listed, near

WORD_LIST = re.compile(r"\{([^\W\d]\w*)\}")
RULE_COLUMNS = ("pattern", "exclude")
SCOPES = ("clause", "sentence", "answer")
MOODS = ("STATED", "DENIED", "MENTIONED")
FARTHEST = 999  # characters that NEAR can span; what is farther apart is what IN is for
DEEPEST = 50  # brackets inside one another

_OPERATOR = r"AND|OR|NOT|IN|STATED|DENIED|MENTIONED|NEAR|BEFORE"
_QUOTED = r'"[^"]*"|“[^“”]*”|「[^「」]*」'
_SLASHED = r"/(?:[^/\\]|\\.)+/"
_LITERAL = re.compile(rf"{_QUOTED}|(?:(?<=[\s(])|^){_SLASHED}(?=[\s)]|$)")
_IS_RULE = re.compile(rf"(?:^|(?<=[\s()])|(?<=^~)|(?<=[\s()]~))(?:{_OPERATOR})(?:/\S*)?(?=[\s()~]|$)|^\s*[@~]")
_MAY_BE_RULE = re.compile(r"[A-Z]{2}|^\s*[@\"“「/]")
_SMALL = re.compile(r"(?<=\s)(?:and|or|not|near/\d+|before/\d+)(?=\s)")
_TOKEN = re.compile(
    rf"\s*(?:(?P<quoted>{_QUOTED})|(?P<slashed>{_SLASHED}(?=[\s()]|$))|(?P<list>\{{[^{{}}]*\}}(?=[\s()]|$))"
    rf"|@(?P<code>[^\s()]+)|(?P<sign>[()])|(?P<near>(?:NEAR|BEFORE)(?:/[^\s()]*)?(?=[\s()]|$))"
    rf"|(?P<operator>(?:{_OPERATOR})(?=[\s()]|$))|(?P<words>[^\s()\"“”「」]+)|(?P<odd>\S))"
)
_SIGNS = re.compile(r"[\\\[\]{}|*+?^$.](?!\d)")


@dataclass(frozen=True)
class Words:
    """Words, or a regular expression: a leaf of a rule."""

    shown: str
    pattern: str = field(repr=False)  # a regular expression with its word lists put in, not folded
    mood: str = field(default="STATED", repr=False)

    def __repr__(self) -> str:
        """As it was written."""
        return f"Words({self.shown!r})" if self.mood == "STATED" else f"Words({self.shown!r}, {self.mood})"


@dataclass(frozen=True)
class Code:
    """Places of another code, or of one below it."""

    code: str
    mood: str = "STATED"

    @property
    def shown(self) -> str:
        """As it was written."""
        return f"@{self.code}"


@dataclass(frozen=True)
class Either:
    """One of several."""

    parts: tuple["Tree", ...]


@dataclass(frozen=True)
class Both:
    """All of ``parts`` in one scope, and none of ``absent``."""

    parts: tuple["Tree", ...]
    absent: tuple["Tree", ...] = ()
    scope: str = field(default="sentence", repr=False)


@dataclass(frozen=True)
class Near:
    """Two with at most ``reach`` characters between them; with ``far``, the first without the second that near."""

    first: "Tree"
    second: "Tree"
    reach: int
    ordered: bool = field(default=False, repr=False)
    far: bool = field(default=False, repr=False)
    scope: str = field(default="sentence", repr=False)


Tree = Words | Code | Either | Both | Near


class Problem(NamedTuple):
    """What is wrong with a line, and where in it."""

    found: str
    allowed: str
    hint: str = ""


class Line(NamedTuple):
    """One line of ``pattern`` or ``exclude``.

    Attributes
    ----------
    text : str
        As it was written.
    tree : Tree or None
        None where it cannot be read.
    scope : str
        How far an exclude reaches: what stands after the last IN of the line, else the clause.
    problems : tuple of Problem
    """

    text: str
    tree: Tree | None
    scope: str
    problems: tuple[Problem, ...]


class CodeRules(NamedTuple):
    """The lines of the two cells of a code."""

    pattern: tuple[Line, ...]
    exclude: tuple[Line, ...]


def read_line(
    line: str,
    *,
    words: Mapping[str, str] = MappingProxyType({}),
    codes: Collection[str] | None = None,
    mood: str = "STATED",
) -> Line:
    """Read one line of a pattern.

    Parameters
    ----------
    line : str
    words : mapping of name to word list
    codes : collection of str, optional
        Codes that a rule may refer to; not checked when not given.
    mood : str
        What holds where a rule does not say: ``STATED``, or ``MENTIONED`` for an exclude.

    Returns
    -------
    Line

    Examples
    --------
    >>> read_line("人手不[够足]").tree
    Words('人手不[够足]')
    >>> print(*read_line("@C9 AND (钱").problems[0], sep="; ")
    a bracket that is not closed at character 9 of '@C9 AND (钱'; a ) for every (;
    """
    line = line.strip()
    problems: list[Problem] = []
    if not is_rule(line):
        tree = _expression(line, line, words, mood, problems)
        if small := _SMALL.search(line) if " " in line and not line.isascii() else None:
            hint = f"words that are meant as they are stand in quotes: “{line}”"
            problems.append(_at(line, small.start(), f"{small[0]} in small letters", small[0].upper(), hint))
        return Line(line, tree, "clause", tuple(problems))
    reader = _Reader(line, words, codes, problems)
    try:
        tree, scope = reader.rule(mood, "sentence", depth=0)
        reader.expect_end()
    except _UnreadableError as error:
        return Line(line, None, "clause", (*problems, error.problem))
    if not problems and (nothing := _says_nothing(tree)):
        problems.append(Problem(f"{nothing} in {_short(line)}", "something that must be there, beside what must not"))
    return Line(line, tree, scope or "clause", tuple(problems))


def read_cell(
    cell: object, *, words: Mapping[str, str], codes: Collection[str] | None, column: str
) -> tuple[Line, ...]:
    """Read the lines of a cell of the column ``pattern`` or ``exclude``, those that hold something."""
    lines = cell.splitlines() if isinstance(cell, str) else ()
    mood = "MENTIONED" if column == "exclude" else "STATED"
    return tuple(read_line(line, words=words, codes=codes, mood=mood) for line in lines if line.strip())


def line_problems(rules: Mapping[str, CodeRules]) -> Iterator[tuple[str, str, Problem]]:
    """What is wrong with single lines: code, column, problem."""
    for code, cells in rules.items():
        for column, lines in zip(RULE_COLUMNS, cells, strict=True):
            yield from ((code, column, problem) for line in lines for problem in line.problems)


def reference_problems(
    rules: Mapping[str, CodeRules], parents: Mapping[str, str]
) -> Iterator[tuple[str, str, Problem]]:
    """What is wrong between codes: references to codes that have no pattern, and rings of references.

    Parameters
    ----------
    rules : mapping of code to the lines of its cells
    parents : mapping of code to the code above it

    Yields
    ------
    (code, column, Problem)
    """
    family = {code: {code, *below(code, parents)} & rules.keys() for code in rules}
    needs: dict[str, set[str]] = {code: set() for code in rules}
    for code, cells in rules.items():
        for column, lines in zip(RULE_COLUMNS, cells, strict=True):
            for line, other in _references(lines):
                if other in rules and not any(rules[one].pattern for one in family[other]):
                    found = f"@{other}, a code without a pattern, in {_short(line.text)}"
                    yield code, column, Problem(found, "codes with a pattern, or with such a code below them")
                needs[code] |= family.get(other, set())
    for ring in _rings(needs):
        column = "pattern" if any(_references(rules[ring[0]].pattern)) else "exclude"
        found = f"codes that need each other in a ring: {', '.join(ring)}"
        yield ring[0], column, Problem(found, "codes that do not refer to themselves", "@ means the codes below too")


def below(code: str, parents: Mapping[str, str]) -> list[str]:
    """The codes below one, whatever the depth."""
    found = [code]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one and child not in found]
    return found[1:]


def is_rule(line: str) -> bool:
    """Whether a line is a rule; what stands in quotes and between slashes is not looked at.

    Examples
    --------
    >>> [is_rule(line) for line in ("工资低", "工资 AND 低", "“工资 AND 低”", "BRAND", "/工资/", "{pay}低")]
    [False, True, True, False, True, False]
    """
    if not _MAY_BE_RULE.search(line):
        return False
    return bool(_IS_RULE.search(_LITERAL.sub(lambda found: "~" * len(found[0]), line)))


def expand_pattern(pattern: str, words: Mapping[str, str], *, within: frozenset[str] = frozenset()) -> str:
    """A pattern with ``{name}`` replaced by the word list of that name, and by the lists that it names in turn.

    Parameters
    ----------
    pattern : str
    words : mapping of name to word list
        Lines of a list are alternatives.
    within : frozenset of str
        The lists this pattern is part of.

    Returns
    -------
    str
        What is left of ``{name}`` in it names no list, or a list inside itself.

    Examples
    --------
    >>> expand_pattern("no {stock}", {"stock": "fish|{meat}", "meat": "beef|lamb"})
    'no (?:fish|(?:beef|lamb))'
    >>> WORD_LIST.findall(expand_pattern("{fish} and {a}", {"a": "{b}", "b": "{a}"}))
    ['fish', 'a']
    """

    def put_in(found: re.Match) -> str:
        name = found[1]
        if name not in words or name in within:
            return found[0]
        lines = "|".join(line.strip() for line in words[name].splitlines() if line.strip())
        return f"(?:{expand_pattern(lines, words, within=within | {name})})"

    return WORD_LIST.sub(put_in, pattern)


def pattern_problem(pattern: str, shown: str = "") -> Problem | None:
    """What is wrong with a regular expression, shown as it was written; None where nothing is."""
    return _problem_of(pattern, shown or pattern)


def leaves(tree: Tree) -> Iterator[Words | Code]:
    """The words and codes of a rule, those that must not be there too."""
    match tree:
        case Words() | Code():
            yield tree
        case Near():
            yield from leaves(tree.first)
            yield from leaves(tree.second)
        case Either() | Both():
            for part in (*tree.parts, *getattr(tree, "absent", ())):
                yield from leaves(part)


def written(tree: Tree) -> str:
    """A part of a rule as one would write it.

    Examples
    --------
    >>> written(read_line("(工资 OR 补贴) NEAR/8 低 AND NOT @C2").tree)
    '(工资 OR 补贴) NEAR/8 低 AND NOT @C2'
    """
    match tree:
        case Either():
            return f"({' OR '.join(written(part) for part in tree.parts)})"
        case Both():
            absent = [f"NOT {_bracketed(part)}" for part in tree.absent]
            return " AND ".join([*map(_bracketed, tree.parts), *absent])
        case Near():
            operator = f"{'NOT ' * tree.far}{'BEFORE' if tree.ordered else 'NEAR'}/{tree.reach}"
            return f"{_bracketed(tree.first)} {operator} {_bracketed(tree.second)}"
    return tree.shown


def _bracketed(tree: Tree) -> str:
    """A part of a rule as a part of another."""
    return f"({written(tree)})" if isinstance(tree, Both) else written(tree)


@cache
def _problem_of(pattern: str, shown: str) -> Problem | None:
    try:
        seen = look(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        return Problem(f"pattern {_short(shown)} ({error})", "a regular expression")
    if seen.matcher.search(""):
        return Problem(f"pattern {_short(shown)}, which matches empty text", "a pattern of at least one character")
    if seen.runs_away:
        found = f"pattern {_short(shown)}, which can read {seen.runs_away!r} over and over in more ways than one"
        hint = "an answer with many of these would take hours: leave out what another part reads already"
        return Problem(found, "repeats that read a text in one way", hint)
    if seen.chained:
        found = f"pattern {_short(shown)}, in which {CHAIN} endless repeats in a row can read {seen.chained!r}"
        hint = "a long answer would take hours: write .{0,20} for .*"
        return Problem(found, f"at most {CHAIN - 1} of them", hint)
    return None


def _expression(pattern: str, shown: str, words: Mapping[str, str], mood: str, problems: list[Problem]) -> Words | None:
    """A regular expression as a leaf, its word lists put in."""
    expanded = expand_pattern(pattern, words)
    for name in dict.fromkeys(WORD_LIST.findall(expanded)):
        found, hint = f"word list {{{name}}}", near(name, words)
        allowed = f"a name in lexicon.csv: {listed(words)}" if words else "a name in lexicon.csv, which is empty"
        if name in words:
            found, allowed, hint = f"{found} inside itself", "word lists that do not name each other in a ring", ""
        problems.append(Problem(f"{found} in {_short(shown)}", allowed, hint))
    if problem := pattern_problem(expanded, shown):
        problems.append(problem)
        return None
    return Words(shown, expanded, mood)


class _UnreadableError(Exception):
    """A rule ends here: what follows cannot be read."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem.found)


class _Token(NamedTuple):
    """A word or sign of a rule and its place, counted from 0."""

    kind: str
    text: str
    start: int


class _Absent(NamedTuple):
    """What must not be there: a part of AND."""

    tree: Tree


class _Reader:
    """Reads the tokens of one rule from left to right, loose operators outside and tight ones inside."""

    def __init__(
        self, line: str, words: Mapping[str, str], codes: Collection[str] | None, problems: list[Problem]
    ) -> None:
        self.line, self.words, self.codes, self.problems = line, words, codes, problems
        self.tokens = [
            _Token(found.lastgroup, found[found.lastgroup], found.end() - len(found[0].lstrip()))
            for found in _TOKEN.finditer(line)
        ] + [_Token("end", "", len(line))]
        self.place = 0

    @property
    def next(self) -> _Token:
        """The token that is read next."""
        return self.tokens[self.place]

    def take(self) -> _Token:
        """Go on by one token."""
        self.place += 1
        return self.tokens[self.place - 1]

    def takes(self, *texts: str) -> bool:
        """Go on by one token if it is one of these operators."""
        if self.next.kind in ("operator", "sign") and self.next.text in texts:
            self.place += 1
            return True
        return False

    def stop(self, token: _Token, found: str, allowed: str, hint: str = "") -> _UnreadableError:
        """What to raise where nothing more can be read."""
        return _UnreadableError(_at(self.line, token.start, found, allowed, hint))

    def expect_end(self) -> None:
        """Nothing may stand after a rule."""
        token = self.next
        if token.text == ")":
            raise self.stop(token, "a bracket that was not opened", "a ( for every )")
        if token.kind == "operator":
            hint = "write: a AND NOT b" if token.text == "NOT" else "IN stands at the end of a line or a bracket"
            raise self.stop(token, f"{token.text} where AND, OR or NEAR/8 may stand", "an operator of two sides", hint)
        if token.kind == "odd":
            raise self.stop(token, f"{token.text} without its partner", "quotation marks in pairs")
        if token.kind != "end":
            found = f"{_shown(token)} right after other words"
            raise self.stop(
                token, found, "AND, OR or NEAR/8 between them", "words with a blank in them stand in quotes"
            )

    def rule(self, mood: str, scope: str, depth: int) -> tuple[Tree, str]:
        """``either [IN scope]``; the scope that it named, or nothing."""
        said = self.scope_ahead()
        tree = self.either(mood, said or scope, depth)
        if self.takes("IN"):
            token = self.take()
            if token.text not in SCOPES:
                hint = near(token.text, SCOPES)
                raise self.stop(token, f"IN {token.text}".strip(), f"IN {', IN '.join(SCOPES)}", hint)
        return tree, said

    def scope_ahead(self) -> str:
        """The scope that this bracket names at its end: what stands inside is read under it."""
        depth = 0
        for token, after in zip(self.tokens[self.place :], self.tokens[self.place + 1 :], strict=False):
            depth += (token.text == "(") - (token.text == ")") if token.kind == "sign" else 0
            if depth < 0:
                break
            if depth == 0 and (token.kind, token.text) == ("operator", "IN") and after.text in SCOPES:
                return after.text
        return ""

    def either(self, mood: str, scope: str, depth: int) -> Tree:
        """``both {OR both}``."""
        parts = [self.both(mood, scope, depth)]
        while self.takes("OR"):
            parts.append(self.both(mood, scope, depth))
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def both(self, mood: str, scope: str, depth: int) -> Tree:
        """``near {AND near}``."""
        parts = [self.near(mood, scope, depth)]
        while self.takes("AND"):
            parts.append(self.near(mood, scope, depth))
        absent = tuple(part.tree for part in parts if isinstance(part, _Absent))
        present = tuple(part for part in parts if not isinstance(part, _Absent))
        return present[0] if len(present) == 1 and not absent else Both(present, absent, scope)

    def near(self, mood: str, scope: str, depth: int) -> Tree | _Absent:
        """``part {[NOT] NEAR/n part}``."""
        if self.takes("NOT"):
            token, part = self.next, self.part(mood, scope, depth)
            if self.next.kind == "near":
                raise self.stop(token, "NOT in front of a NEAR", "a NOT NEAR/8 b", "or brackets: NOT (a NEAR/8 b)")
            return _Absent(part)
        tree = self.part(mood, scope, depth)
        while self.next.kind == "near" or (self.next.text == "NOT" and self.tokens[self.place + 1].kind == "near"):
            far = self.takes("NOT")
            token = self.take()
            name, _, number = token.text.partition("/")
            reach = self.reach(token, name, number)
            tree = Near(tree, self.part(mood, scope, depth), reach, name == "BEFORE", far, scope)
        return tree

    def reach(self, token: _Token, name: str, number: str) -> int:
        """The characters that NEAR/n spans; a missing number is a problem, and reading goes on."""
        if number.isascii() and number.isdigit() and int(number) <= FARTHEST:
            return int(number)
        found = f"{name}/{number}" if number else f"{name} without a number"
        self.problems.append(
            _at(self.line, token.start, found, f"{name}/8: at most 8 characters between, 0 to {FARTHEST}")
        )
        return 0

    def part(self, mood: str, scope: str, depth: int) -> Tree:
        """``[STATED | DENIED | MENTIONED] (words | expression | list | code | bracket)``."""
        token = self.take()
        if token.kind == "operator" and token.text in MOODS:
            return self.part(token.text, scope, depth)
        if token.text == "(" and token.kind == "sign":
            return self.bracket(token, mood, scope, depth)
        if token.kind in _LEAVES:
            return _LEAVES[token.kind](self, token, mood)
        if token.kind == "odd":
            raise self.stop(token, f"{token.text} without its partner", "quotation marks in pairs")
        found = "the end" if token.kind == "end" else token.text
        hint = "NOT stands behind AND, or in front of NEAR" if token.text == "NOT" else ""
        raise self.stop(token, found, "words, /expression/, {list}, @code or a bracket", hint)

    def bracket(self, opened: _Token, mood: str, scope: str, depth: int) -> Tree:
        """``( rule )``."""
        if depth >= DEEPEST:
            raise self.stop(opened, f"more than {DEEPEST} brackets inside one another", "fewer brackets")
        tree, _ = self.rule(mood, scope, depth + 1)
        if self.next.kind == "end":
            raise self.stop(opened, "a bracket that is not closed", "a ) for every (")
        if not self.takes(")"):
            self.expect_end()
        return tree

    def quoted(self, token: _Token, mood: str) -> Tree | None:
        """Words in quotes, as they are."""
        inside = token.text[1:-1].strip()
        if not inside:
            self.problems.append(_at(self.line, token.start, "quotes with nothing in them", "words"))
        return Words(inside, re.escape(inside), mood)

    def slashed(self, token: _Token, mood: str) -> Tree | None:
        """A regular expression."""
        return _expression(token.text[1:-1], token.text, self.words, mood, self.problems)

    def list_(self, token: _Token, mood: str) -> Tree | None:
        """A word list."""
        return _expression(token.text, token.text, self.words, mood, self.problems)

    def code(self, token: _Token, mood: str) -> Tree:
        """Another code."""
        if self.codes is not None and token.text not in self.codes:
            allowed, hint = f"a code of this file: {listed(self.codes)}", near(token.text, self.codes)
            self.problems.append(_at(self.line, token.start, f"unknown code @{token.text}", allowed, hint))
        return Code(token.text, mood)

    def plain(self, token: _Token, mood: str) -> Tree:
        """Words without quotes, in which signs of a regular expression would be a mistake."""
        if token.text.startswith("/"):
            self.problems.append(_at(self.line, token.start, "a / that is not closed", "/expression/"))
        elif signs := _SIGNS.search(token.text):
            allowed = "between slashes for a regular expression, in quotes for the words as they are"
            found = f"{signs[0]} in {token.text!r}, outside quotes and slashes,"
            self.problems.append(_at(self.line, token.start, found, f"/{token.text}/ or “{token.text}”", allowed))
        return Words(token.text, re.escape(token.text), mood)


_LEAVES = {
    "quoted": _Reader.quoted,
    "slashed": _Reader.slashed,
    "list": _Reader.list_,
    "code": _Reader.code,
    "words": _Reader.plain,
}


def _references(lines: tuple[Line, ...]) -> Iterator[tuple[Line, str]]:
    """Lines that refer to another code, and the code."""
    for line in lines:
        yield from ((line, one.code) for one in (leaves(line.tree) if line.tree else ()) if isinstance(one, Code))


def _rings(needs: Mapping[str, set[str]]) -> list[tuple[str, ...]]:
    """Codes that need themselves, those of one ring together, in the order of the codebook."""
    reach = {code: set(direct) for code, direct in needs.items()}
    for middle in needs:  # Warshall
        for code in needs:
            if middle in reach[code]:
                reach[code] |= reach[middle]
    rings = (tuple(other for other in needs if other in reach[code] and code in reach[other]) for code in needs)
    return list(dict.fromkeys(ring for ring in rings if ring))


def _says_nothing(tree: Tree) -> str:
    """A part that asks for nothing that must be there."""
    match tree:
        case Both(parts=()):
            return "NOT alone"
        case Either() | Both():
            return next(filter(None, map(_says_nothing, (*tree.parts, *getattr(tree, "absent", ())))), "")
        case Near():
            return _says_nothing(tree.first) or _says_nothing(tree.second)
    return ""


def _at(line: str, start: int, found: str, allowed: str, hint: str = "") -> Problem:
    """A problem and its place in a line, counted from 1."""
    return Problem(f"{found} at character {start + 1} of {_short(line)}", allowed, hint)


def _shown(token: _Token) -> str:
    return f"@{token.text}" if token.kind == "code" else token.text


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")
