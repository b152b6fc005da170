"""XML from outside as a tree of elements with their lines; entities of any kind are refused before they unfold."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple
from xml.parsers import expat

from kzsurvey.errors import CodingError, Fault

DEEPEST = 200
_UNKNOWN_ENCODING = 18  # of expat's codes


@dataclass(frozen=True, slots=True)
class Element:
    """One element: its name without the namespace, where it stands, what it holds.

    ``words`` are its text in pieces, as far as it stands directly inside it.
    """

    name: str
    attributes: Mapping[str, str]
    row: int
    children: list["Element"]
    words: list[str]

    @property
    def text(self) -> str:
        """Its text, as written."""
        return "".join(self.words)

    def __iter__(self) -> Iterator["Element"]:
        return iter(self.children)


class Document(NamedTuple):
    """The root of an XML file and the namespace it is in."""

    root: Element
    namespace: str


class _RefusedError(Exception):
    """Something that is well-formed and still not read."""


def parse(content: bytes, file: str) -> Document:
    """Read an XML file.

    Parameters
    ----------
    content : bytes
    file : str
        What to call it in messages.

    Returns
    -------
    Document

    Raises
    ------
    CodingError
        It is not well-formed, in an encoding that is not known, has a document type (the only place where entities
        can be declared), or is nested too deeply; with the line.

    Examples
    --------
    >>> document = parse(b'<Codes xmlns="urn:tea"><Code name="green"/></Codes>', "tea.qdc")
    >>> document.namespace, document.root.name, [code.attributes["name"] for code in document.root]
    ('urn:tea', 'Codes', ['green'])
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    top = Element("", {}, 0, [], [])
    namespaces: list[str] = []
    open_elements = [top]

    def start(name: str, attributes: dict[str, str]) -> None:
        if len(open_elements) > DEEPEST:
            raise _RefusedError(f"elements inside one another {DEEPEST} deep")
        namespace, _, plain = name.rpartition(" ")
        namespaces.append(namespace) if len(open_elements) == 1 else None
        element = Element(plain, attributes, parser.CurrentLineNumber, [], [])
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def refuse(*_: object) -> None:
        raise _RefusedError("a document type, which can declare entities")

    parser.StartElementHandler = start
    parser.EndElementHandler = lambda name: open_elements.pop()
    parser.CharacterDataHandler = lambda words: open_elements[-1].words.append(words)
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except _RefusedError as problem:
        allowed = "the plain XML of REFI-QDA"
        raise CodingError(Fault(file, str(problem), allowed, row=parser.CurrentLineNumber)) from None
    except (expat.ExpatError, ValueError, LookupError) as problem:
        raise CodingError(_not_well_formed(content, file, problem)) from None
    return Document(top.children[0], namespaces[0])


def _not_well_formed(content: bytes, file: str, problem: Exception) -> Fault:
    """Why XML cannot be read: its encoding, or its form."""
    row = getattr(problem, "lineno", None)
    code = getattr(problem, "code", _UNKNOWN_ENCODING)
    if not content.strip():
        return Fault(file, "an empty file", "XML")
    if code == _UNKNOWN_ENCODING:
        return Fault(file, f"an encoding that cannot be read ({problem})", "UTF-8 or UTF-16", row=row)
    if content[:200].lower().find(b"encoding") < 0 or b"utf-8" in content[:200].lower():
        try:
            content.decode("utf-8-sig")
        except UnicodeDecodeError as bad:
            row = content[: bad.start].count(b"\n") + 1
            return Fault(file, "bytes that are not UTF-8", "UTF-8, as its first line says", row=row)
    return Fault(file, f"XML that is not well-formed ({problem})", "well-formed XML", row=row, hint="export it again")
