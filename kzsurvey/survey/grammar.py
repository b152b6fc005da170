"""The grammar of XLSForm expressions: text to a tree, or a fault with the sign, or the function, and its place."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from kzsurvey.errors import DefinitionError, Fault
from kzsurvey.survey.sheets import listed, near

TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+(?:\.\d*)?|\.\d+)|(?P<text>'[^']*'|\"[^\"]*\"|‘[^‘’]*’|“[^“”]*”)|\$\{\s*(?P<name>[^{}]*?)\s*\}"
    r"|(?P<sign>!=|<=|>=|[=<>+\-*,()])|(?P<dot>\.(?!\.))|(?P<word>[^\W\d][\w\-]*(?:[.:][\w\-]+)*))"
)
BINDING = {
    "or": 1, "and": 2, "=": 3, "!=": 3, "<": 4, "<=": 4, ">": 4, ">=": 4, "+": 5, "-": 5, "*": 6, "div": 6, "mod": 6,
}  # fmt: skip
UNARY_BINDING = 7
DEEPEST = 100  # parts inside one another; evaluating takes three calls for each


@dataclass(frozen=True)
class Node:
    """A part of an expression: a constant, a question, or a function (or operator) with its arguments."""

    kind: str  # number, text, name, dot, column, call
    word: str
    arguments: tuple["Node", ...] = ()
    position: int = 0
    depth: int = 1


class Token(NamedTuple):
    """A word or sign of an expression, with its place counted from 1."""

    kind: str
    word: str
    position: int


class Place(NamedTuple):
    """Where an expression stands, to say what is wrong with it."""

    text: str
    file: str
    row: int | None
    column: str | None

    def fault(self, found: str, allowed: str, hint: str = "") -> Fault:
        """A fault in this expression."""
        return Fault(self.file, f"{found} of {self.text!r}", allowed, row=self.row, column=self.column, hint=hint)

    def unknown(self, what: str, node: Node, known_words: Collection[str]) -> Fault:
        """A fault for a question, or a bare word, that nothing is called by."""
        shown = f"${{{node.word}}}" if what == "question" else node.word
        allowed = "a question of this form" if what == "question" else f"${{question}}, 'text', {listed(known_words)}"
        hint = near(node.word, known_words) or ("" if what == "question" else f"text stands in quotes: '{node.word}'")
        return self.fault(f"unknown {what} {shown} at character {node.position}", allowed.rstrip(", "), hint)


def tokens_of(text: str, place: Place) -> Iterator[Token]:
    """The words and signs of an expression, each with its position counted from 1."""
    position, end = 0, len(text.rstrip())
    while position < end:
        match = TOKEN.match(text, position)
        if not match:
            start = position + len(text[position:]) - len(text[position:].lstrip())
            hint = "text stands in quotes" if text[start] in "'\"‘“" else ""
            found = f"{text[start]!r} at character {start + 1}"
            raise DefinitionError(place.fault(found, "an XLSForm expression", hint))
        kind = match.lastgroup
        word = match[kind]
        start = match.end() - len(match[0].lstrip())
        yield Token(kind, word[1:-1] if kind == "text" else word, start + 1)
        position = match.end()
    yield Token("end", "", end + 1)


class Parser:
    """Reads tokens by binding strength (a Pratt parser): what binds tighter is read first.

    Parameters
    ----------
    tokens : list of Token
    place : Place
    functions : mapping of name to its fewest and most arguments, and whatever else follows
    """

    def __init__(self, tokens: list[Token], place: Place, functions: Mapping[str, Sequence]) -> None:
        self.tokens, self.place, self.functions, self.at, self.inside = tokens, place, functions, 0, 0

    def whole(self) -> Node:
        """The expression, to its end."""
        node = self.expression(0)
        if self.tokens[self.at].kind != "end":
            self.refuse("an operator, or the end of the expression")
        return node

    def expression(self, binding: int) -> Node:
        """Everything from here on that binds tighter than ``binding``."""
        self.inside += 1
        if self.inside > DEEPEST:
            self.refuse(f"at most {DEEPEST} parts inside one another")
        left = self.operand()
        while BINDING.get(self.operator(), 0) > binding:
            token = self.take()
            left = self.node(token.word, (left, self.expression(BINDING[token.word])), token.position)
        self.inside -= 1
        return left

    def node(self, word: str, arguments: tuple[Node, ...], position: int) -> Node:
        """A function or operator with its arguments."""
        depth = 1 + max((argument.depth for argument in arguments), default=0)
        if depth > DEEPEST:
            self.refuse(f"at most {DEEPEST} parts inside one another")
        return Node("call", word, arguments, position, depth)

    def operator(self) -> str:
        """The operator that stands here, or nothing."""
        token = self.tokens[self.at]
        return token.word if token.kind in ("sign", "word") else ""

    def operand(self) -> Node:
        """A constant, a question, a function with its arguments, or an expression in parentheses."""
        token = self.take()
        if token.kind in ("number", "text", "name", "dot"):
            return Node(token.kind, token.word, (), token.position)
        if token.kind == "word" and self.operator() == "(":
            return self.call(token)
        if token.kind == "word":
            return Node("column", token.word, (), token.position)
        if token.word == "-":
            return self.node("negative", (self.expression(UNARY_BINDING),), token.position)
        if token.word == "(":
            inside = self.expression(0)
            self.expect(")")
            return inside
        self.at -= 1
        return self.refuse("a question as ${name}, a number, 'text' or a function")

    def call(self, name: Token) -> Node:
        """A function with its arguments."""
        self.expect("(")
        arguments = []
        if self.operator() != ")":
            arguments.append(self.expression(0))
            while self.operator() == ",":
                self.take()
                arguments.append(self.expression(0))
        self.expect(")")
        shown = f"function {name.word}() at character {name.position}"
        if name.word not in self.functions:
            allowed = listed((f"{known_name}()" for known_name in self.functions), most=30)
            raise DefinitionError(self.place.fault(shown, allowed, near(name.word, self.functions)))
        fewest, most = self.functions[name.word][:2]
        if not fewest <= len(arguments) <= most:
            allowed = f"{fewest} arguments" if fewest == most else f"{fewest} or more arguments"
            raise DefinitionError(self.place.fault(f"{shown} with {len(arguments)} arguments", allowed))
        return self.node(name.word, tuple(arguments), name.position)

    def take(self) -> Token:
        """The token that stands here; go on to the next."""
        self.at += 1
        return self.tokens[self.at - 1]

    def expect(self, sign: str) -> None:
        """Go on after ``sign``, which must stand here."""
        if self.operator() != sign:
            self.refuse(repr(sign))
        self.at += 1

    def refuse(self, allowed: str) -> Node:
        """Say that the token that stands here cannot stand here."""
        token = self.tokens[self.at]
        shown = f"${{{token.word}}}" if token.kind == "name" else token.word
        found = f"{shown!r} at character {token.position}" if token.kind != "end" else "the end too early"
        hint = "write = for equal" if token.word == "=" else ""
        raise DefinitionError(self.place.fault(found, allowed, hint))


def all_nodes(node: Node) -> Iterator[Node]:
    """A part of an expression and all parts inside it."""
    yield node
    for argument in node.arguments:
        yield from all_nodes(argument)


def pattern_fault(node: Node, place: Place) -> Fault | None:
    """A fault where a part is a regular expression that cannot be read."""
    if node.kind != "call" or node.arguments[1].kind != "text":
        return None
    try:
        re.compile(node.arguments[1].word)
    except re.error as problem:
        found = f"pattern {node.arguments[1].word!r} ({problem})"
        return place.fault(found, "a regular expression")
    return None
