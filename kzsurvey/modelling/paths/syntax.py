"""Model syntax as lavaan writes it, read into statements; whatever cannot be read is told with line and column."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.paths.expressions import Expression, compile_arithmetic

_REFUSED = {
    "<~": ("formative variables", "a sum or mean of the items as a column of the table"),
    "<": ("an inequality", "==; at a bound the usual errors and tests do not hold"),
    ">": ("an inequality", "==; at a bound the usual errors and tests do not hold"),
    ":": ("blocks (group:, level:) or products of variables", "groups=..., or a column that holds the product"),
    "%": ("operator %", "=~, ~, ~~, ~1, |, :=, =="),
}  # fmt: skip
_CALLS = ("start", "label", "equal", "c")
_TOKEN = re.compile(
    r"(?P<space>[ \t\r\u3000]+)|(?P<comment>[#!][^\n]*)|(?P<line>\n|;)"
    r"|(?P<operator>=~|<~|~\*~|~~|:=|==|~|\||<|>|%)"
    r"|(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<name>[^\W\d][\w.]*|\.[\w.]+)|(?P<text>\"[^\"\n]*\"|'[^'\n]*')|(?P<sign>[-+*/^(),:])"
)


class Token(NamedTuple):
    """One word or sign, and where it stands (from 1)."""

    kind: str
    text: str
    line: int
    column: int


class Modifier(NamedTuple):
    """What stands before a ``*``: its kind (``value``, ``label``, ``start``, ``equal``) and a value for each group.

    One value holds for all groups. A ``value`` of None (``NA``) frees a parameter that would be fixed.
    """

    kind: str
    values: tuple


class Statement(NamedTuple):
    """One parameter named by the syntax: ``lhs op rhs`` with its modifiers; ``~1`` has no right side."""

    lhs: str
    op: str
    rhs: str
    modifiers: tuple[Modifier, ...]
    line: int
    column: int


class Definition(NamedTuple):
    """A quantity computed from labelled parameters (``:=``), or, without a name, one that must be 0 (``==``)."""

    name: str
    expression: Expression
    text: str
    line: int
    column: int


class Syntax(NamedTuple):
    """All statements of a model."""

    statements: tuple[Statement, ...]
    definitions: tuple[Definition, ...]
    constraints: tuple[Definition, ...]


class _Unreadable(Exception):  # noqa: N818 - never leaves this module
    """Why a formula cannot be read."""

    def __init__(self, found: str, allowed: str, at: Token) -> None:
        super().__init__(found)
        self.found, self.allowed, self.at = found, allowed, at


def parse(text: str, *, place: str = "model") -> Syntax:
    r"""Read model syntax.

    Parameters
    ----------
    text : str
        Statements, one per line or parted by ``;``. ``=~`` measures, ``~`` regresses, ``~~`` (co)varies, ``~1`` sets an
        intercept, ``|`` thresholds, ``:=`` defines, ``==`` constrains. Modifiers before ``*``: a number, ``NA``, a
        label, ``start(0.5)``, ``equal("f=~x2")``, ``label("a")``, and ``c(...)`` of one per group. ``#`` and ``!``
        begin a comment; a line without an operator continues the one before.
    place : str, what messages call the model

    Returns
    -------
    Syntax

    Raises
    ------
    DesignError
        Everything that cannot be read, with line and column.

    Examples
    --------
    >>> read = parse("load =~ hours + a*forms   # a scale\nleave ~ b*load\nindirect := a*b")
    >>> [(one.lhs, one.op, one.rhs) for one in read.statements]
    [('load', '=~', 'hours'), ('load', '=~', 'forms'), ('leave', '~', 'load')]
    >>> read.definitions[0].name
    'indirect'
    >>> parse("load =~ hours + + forms")
    Traceback (most recent call last):
    kzsurvey.errors.DesignError: model, row 1, column 17: found '+'; allowed: a variable, a modifier with *
    """
    if not isinstance(text, str) or not text.strip():
        raise DesignError(Fault(place, f"syntax {text!r}", "statements such as 'load =~ hours + forms'"))
    faults: list[Fault] = []
    statements: list[Statement] = []
    definitions: list[Definition] = []
    constraints: list[Definition] = []
    for line in _formulas(text, place, faults):
        try:
            at = next(number for number, token in enumerate(line) if token.kind == "operator")
            operator = line[at]
            if operator.text in (":=", "=="):
                (definitions if operator.text == ":=" else constraints).append(_defined(line, at, text))
            else:
                statements += _statements(line, at)
        except _Unreadable as problem:
            faults.append(_fault(place, problem.found, problem.allowed, problem.at))
    faults += _repeated(statements, definitions, place)
    fail_if(faults, DesignError)
    if not statements:
        raise DesignError(Fault(place, "syntax without a statement", "statements such as 'load =~ hours + forms'"))
    return Syntax(_merged(statements), tuple(definitions), tuple(constraints))


def _fault(place: str, found: str, allowed: str, at: Token) -> Fault:
    return Fault(place, found, allowed, row=at.line, column=str(at.column))


def _tokens(text: str, place: str, faults: list[Fault]) -> Iterator[Token]:
    """Words and signs; a sign that has no meaning is a fault."""
    line, begin, at = 1, 0, 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found:
            bad = Token("sign", text[at], line, at - begin + 1)
            faults.append(_fault(place, f"sign {text[at]!r}", "names, numbers, =~ ~ ~~ | := == + * ( )", bad))
            at += 1
            continue
        if found.lastgroup not in ("space", "comment"):
            yield Token(found.lastgroup, found.group(), line, at - begin + 1)
        at = found.end()
        if found.group() == "\n":
            line, begin = line + 1, at


def _formulas(text: str, place: str, faults: list[Fault]) -> list[list[Token]]:
    """Tokens of each formula: a line without an operator continues the one before."""
    lines: list[list[Token]] = [[]]
    for token in _tokens(text, place, faults):
        if token.kind == "line":
            lines.append([])
        else:
            lines[-1].append(token)
    found: list[list[Token]] = []
    for line in lines:
        starts = any(token.kind == "operator" for token in line)
        if line and (starts and not (found and _open(found[-1]))):
            found.append(line)
        elif line and not starts and len(line) > 1 and line[1].text == ":":
            faults.append(_fault(place, *_REFUSED[":"], line[1]))
        elif line and found:
            found[-1] += line
        elif line:
            faults.append(_fault(place, f"{line[0].text!r} without an operator", "=~, ~, ~~, |, := or ==", line[0]))
    return found


def _open(line: Sequence[Token]) -> bool:
    """Whether a formula goes on: it ends with a sign that wants something after it."""
    return line[-1].text in ("+", "*", ",", "(", "=~", "~", "~~", "|", ":=", "==", "-", "/", "^")


def _statements(line: list[Token], at: int) -> Iterator[Statement]:
    """Statements of one formula: every variable on the left with every one on the right."""
    operator = line[at]
    if operator.text in _REFUSED:
        raise _Unreadable(_REFUSED[operator.text][0], _REFUSED[operator.text][1], operator)
    if not line[:at]:
        raise _Unreadable(f"{operator.text} without a left side", "a variable before it", operator)
    left = [one for one, _, _ in _terms(line[:at], operator)]
    right = list(_terms(line[at + 1 :], operator))
    for lhs in left:
        if lhs == "1":
            raise _Unreadable("1 on the left side", "a variable", line[0])
        for rhs, modifiers, where in right:
            if rhs == "1" and operator.text != "~":
                raise _Unreadable(f"1 after {operator.text}", "a variable", where)
            op = "~1" if rhs == "1" else operator.text
            yield Statement(lhs, op, "" if rhs == "1" else rhs, modifiers, where.line, where.column)


def _terms(tokens: list[Token], operator: Token) -> Iterator[tuple[str, tuple[Modifier, ...], Token]]:
    """Variables parted by ``+``, each with its modifiers."""
    if not tokens:
        raise _Unreadable(f"nothing after {operator.text}", "a variable", operator)
    place = 0
    while place < len(tokens):
        modifiers: list[Modifier] = []
        read = _operand(tokens, place)
        while read.end < len(tokens) and tokens[read.end].text == "*":
            modifiers.append(_as_modifier(read))
            read = _operand(tokens, read.end + 1)
        if read.name is None:
            raise _Unreadable(f"{read.token.text!r}", "a variable, a modifier with *", read.token)
        yield read.name, tuple(modifiers), read.token
        place = read.end
        if place < len(tokens):
            if tokens[place].text != "+" or place + 1 == len(tokens):
                _refuse_sign(tokens[place])
            place += 1


def _refuse_sign(token: Token) -> None:
    """A sign that does not belong between two variables."""
    if token.text in _REFUSED:
        raise _Unreadable(*_REFUSED[token.text], token)
    raise _Unreadable(f"{token.text!r}", "+ and a variable, or the end of the line", token)


class _Operand(NamedTuple):
    """What stands between two signs: as a modifier, as the name of a variable (None where it is neither), its end."""

    token: Token
    end: int
    modifier: Modifier | None
    name: str | None


def _operand(tokens: list[Token], place: int) -> _Operand:
    """Read what stands at a place."""
    if place >= len(tokens):
        raise _Unreadable("the end of the formula", "a variable", tokens[-1])
    token, after = tokens[place], tokens[place + 1] if place + 1 < len(tokens) else None
    if token.kind == "name" and after and after.text == "(":
        modifier, end = _call(tokens, place)
        return _Operand(token, end, modifier, None)
    if token.text == "-" and after and after.kind == "number":
        return _Operand(token, place + 2, Modifier("value", (-float(after.text),)), None)
    if token.kind == "number":
        one = "1" if token.text == "1" else None
        return _Operand(token, place + 1, Modifier("value", (float(token.text),)), one)
    if token.kind == "text":
        return _Operand(token, place + 1, Modifier("label", (token.text[1:-1],)), None)
    if token.kind == "name":
        modifier = Modifier("value", (None,)) if token.text == "NA" else Modifier("label", (token.text,))
        return _Operand(token, place + 1, modifier, token.text)
    if token.kind == "operator":
        found, allowed = _REFUSED.get(token.text, (f"a second operator {token.text}", "one formula per line"))
        raise _Unreadable(found, allowed, token)
    raise _Unreadable(f"{token.text!r}", "a variable, a modifier with *", token)


def _as_modifier(read: _Operand) -> Modifier:
    if read.modifier is None:
        raise _Unreadable(f"{read.token.text!r} before *", "a number, NA, a label, start(), equal(), c()", read.token)
    return read.modifier


def _call(tokens: list[Token], place: int) -> tuple[Modifier, int]:
    """``start(0.5)``, ``equal("f=~x1")``, ``label("a")`` or ``c(a, b)``, and where it ends."""
    name = tokens[place]
    if name.text not in _CALLS:
        raise _Unreadable(f"{name.text}()", ", ".join(f"{one}()" for one in _CALLS), name)
    values, end = _arguments(tokens, place + 2, name)
    kind = {"start": "start", "label": "label", "equal": "equal"}.get(name.text, "")
    words = [isinstance(value, str) for value in values]
    if not kind:
        if any(words) and not all(words):
            raise _Unreadable("c() of numbers and labels", "numbers and NA, or labels", name)
        kind = "label" if all(words) else "value"
    if kind == "start" and any(words):
        raise _Unreadable("start() of a word", "a number", name)
    return Modifier(kind, tuple(values)), end


def _arguments(tokens: list[Token], place: int, name: Token) -> tuple[list, int]:
    """Values between brackets; a ``c(...)`` inside counts as they stand."""
    values: list = []
    depth, sign = 1, 1.0
    while place < len(tokens):
        token = tokens[place]
        place += 1
        if token.text == ")":
            depth -= 1
            if not depth:
                if not values:
                    raise _Unreadable(f"{name.text}() without a value", "a value", name)
                return values, place
        elif token.text == "c" and place < len(tokens) and tokens[place].text == "(":
            depth, place = depth + 1, place + 1
        elif token.text == "-":
            sign = -1.0
        elif token.kind == "number":
            values.append(sign * float(token.text))
            sign = 1.0
        elif token.kind in ("name", "text"):
            values.append(None if token.text == "NA" else token.text.strip("\"'"))
        elif token.text != ",":
            raise _Unreadable(f"{token.text!r} in {name.text}()", "numbers or labels", token)
    raise _Unreadable(f"{name.text}( without an end", ")", name)


def _defined(line: list[Token], at: int, text: str) -> Definition:
    """``name := expression``, or ``left == right`` as left minus right."""
    operator, rest = line[at], line[at + 1 :]
    if not rest or not line[:at]:
        raise _Unreadable(f"{operator.text} with nothing beside it", "an expression of labels", operator)
    again = next((token for token in rest if token.kind == "operator"), None)
    if again is not None:
        raise _Unreadable(f"a second operator {again.text}", "one formula per line", again)
    if operator.text == ":=":
        if at != 1 or line[0].kind != "name":
            raise _Unreadable(f"{line[0].text!r} before :=", "one name", line[0])
        name, written = line[0].text, _text(rest)
    else:
        name, written = "", f"({_text(line[:at])}) - ({_text(rest)})"
    try:
        expression = compile_arithmetic(written)
    except ValueError as problem:
        raise _Unreadable(str(problem), "+ - * / ^ ( ) exp log sqrt of labels and numbers", rest[0]) from None
    said = f"{_text(line[:at])} {operator.text} {_text(rest)}"
    return Definition(name, expression, said, line[0].line, line[0].column)


def _text(tokens: Sequence[Token]) -> str:
    return " ".join(token.text for token in tokens)


def _repeated(statements: list[Statement], definitions: list[Definition], place: str) -> list[Fault]:
    """Names defined twice, and modifiers of one kind twice for one parameter."""
    faults, names = [], set()
    for one in definitions:
        if one.name in names:
            faults.append(Fault(place, f"{one.name} defined twice", "once", row=one.line, column=str(one.column)))
        names.add(one.name)
    kinds: dict[tuple, set] = {}
    for one in statements:
        seen = kinds.setdefault(_key(one), set())
        mine = [modifier.kind for modifier in one.modifiers]
        twice = sorted(kind for kind in set(mine) if kind in seen or mine.count(kind) > 1)
        plain = _key(one) in kinds and not mine and seen
        if twice or ("written" in seen and not mine) or plain:
            said = f"{one.lhs} {one.op} {one.rhs} twice".replace("  ", " ")
            faults.append(Fault(place, said, "each parameter once", row=one.line, column=str(one.column)))
        seen |= {*mine, "written"}
    return faults


def _key(one: Statement) -> tuple:
    """A parameter, whichever way round a covariance is written."""
    return (one.op, *sorted((one.lhs, one.rhs))) if one.op == "~~" else (one.op, one.lhs, one.rhs)


def _merged(statements: list[Statement]) -> tuple[Statement, ...]:
    """One statement per parameter, with all of its modifiers."""
    found: dict[tuple, Statement] = {}
    for one in statements:
        before = found.get(_key(one))
        found[_key(one)] = one if before is None else before._replace(modifiers=before.modifiers + one.modifiers)
    return tuple(found.values())
