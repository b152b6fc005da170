"""Elements of a project file to rows of tables; what has no place in a table becomes a row of what was not taken."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace

from kzsurvey.coding.exchange.checking import COLOR
from kzsurvey.coding.exchange.parsing import Element
from kzsurvey.coding.exchange.records import normal_guid

Row = tuple[str, dict[str, object]]  # the table, and what stands in it
_STAMPS = {
    "creatingUser": "user",
    "creationDateTime": "time",
    "modifyingUser": "changed_by",
    "modifiedDateTime": "changed",
}
_GUIDS = ("user", "changed_by")
_TEXT_PARTS = ("Description", "PlainTextContent", "PlainTextSelection", "Coding", "NoteRef", "VariableValue")
_CASE_PARTS = ("Description", "CodeRef", "VariableValue", "SourceRef", "SelectionRef")
# where other media keep what is said in them
_MEDIA = {
    "PDFSource": "Representation",
    "PictureSource": "TextDescription",
    "AudioSource": "Transcript",
    "VideoSource": "Transcript",
}
_TEXT_ATTRIBUTES = ("guid", "name", "plainTextPath", "richTextPath", *_STAMPS)


def codebook_rows(root: Element) -> Iterator[Row]:
    """Rows of a .qdc file: codes, and what was not taken."""
    for part in root:
        if part.name == "Codes":
            yield from _codes(part, "")
        else:
            yield from _not_taken(part)


def project_rows(root: Element) -> Iterator[Row]:
    """Rows of all tables of a project file.

    Parameters
    ----------
    root : Element
        ``Project``.

    Yields
    ------
    (table, row)
        Rows have a ``line``; passages have ``start`` and ``end`` as they are written; sources have their ``path``, or
        the ``text`` that stands in the file itself.
    """
    readers = {
        "Users": _users,
        "CodeBook": codebook_rows,
        "Variables": _variables,
        "Cases": _cases,
        "Sources": _sources,
        "Notes": _notes,
        "Links": _links,
    }
    yield from _about_project(root)
    for part in root:
        if part.name in readers:
            yield from readers[part.name](part)
        elif part.name == "NoteRef":
            yield from _note_ref(part, "")
        elif part.name != "Description":
            # an empty container is none that the standard allows, and loses nothing
            for one in part.children if part.name in ("Sets", "Graphs") else [part]:
                yield from _not_taken(one)


def text_of(element: Element, name: str) -> str:
    """The text of the first child of a name; empty where there is none."""
    return next((child.text for child in element if child.name == name), "")


def _about_project(root: Element) -> Iterator[Row]:
    """Who made a project, when and where: it says nothing about the texts."""
    said = {name: text for name, text in root.attributes.items() if name not in ("name", "origin") and " " not in name}
    if told := ", ".join(f"{name} {text}" for name, text in said.items() if text):
        yield from _not_taken(root, f"of the project itself: {told}")


def _users(part: Element) -> Iterator[Row]:
    for one in part:
        yield "users", {**_named(one), "id": one.attributes.get("id", "")}
        yield from _left(one, (), ("guid", "name", "id"))


def _codes(part: Element, parent: str) -> Iterator[Row]:
    for one in part:
        if one.name != "Code":
            if part.name == "Codes":
                yield from _not_taken(one)
            continue
        row, color = _named(one), one.attributes.get("color", "").strip()
        codable = one.attributes.get("isCodable", "true").strip().lower() in ("true", "1")
        good = color if COLOR.fullmatch(color) else ""
        yield "codes", {**row, "parent": parent, "codable": codable, "color": good, "description": _description(one)}
        if color and not good:
            yield from _not_taken(one, f"color {color!r} is none that the standard knows")
        yield from _note_refs(one)
        yield from _left(one, ("Description", "NoteRef", "Code"), ("guid", "name", "isCodable", "color"))
        yield from _codes(one, row["guid"])


def _variables(part: Element) -> Iterator[Row]:
    for one in part:
        kind = one.attributes.get("typeOfVariable", "")
        yield "variables", {**_named(one), "type": kind, "description": _description(one)}
        yield from _left(one, ("Description",), ("guid", "name", "typeOfVariable"))


def _cases(part: Element) -> Iterator[Row]:
    for one in part:
        row = _named(one)
        yield "cases", {**row, "description": _description(one)}
        yield from _values(one)
        for child in one:
            if child.name in ("SourceRef", "SelectionRef"):
                yield "members", {"case": row["guid"], "member": _target(child), "line": child.row}
            elif child.name == "CodeRef":
                yield from _not_taken(child, f"a code given to case {row['name']!r} as a whole")
        yield from _left(one, _CASE_PARTS, ("guid", "name"))


def _sources(part: Element) -> Iterator[Row]:
    for one in part:
        if one.name == "TextSource":
            yield from _text_source(one)
        elif one.name in _MEDIA:
            yield from _medium(one, _MEDIA[one.name])
        else:
            yield from _not_taken(one)


def _text_source(one: Element, *, name: str = "") -> Iterator[Row]:
    """A text with its passages; a text that only says something about another medium bears that one's name."""
    row = _text(one)
    yield "sources", {**row, "name": row["name"] or name}
    for child in one:
        if child.name == "PlainTextSelection":
            yield from _passage(child, row["guid"])
    yield from _codings(one, row["guid"])
    yield from _note_refs(one)
    yield from _values(one)
    yield from _left(one, (*_TEXT_PARTS, "SyncPoint", "TranscriptSelection"), _TEXT_ATTRIBUTES)


def _medium(one: Element, inner: str) -> Iterator[Row]:
    """A picture, a sound or a page: its text is taken, its places in the picture or in time are not."""
    texts = [child for child in one if child.name == inner]
    coded = _count(one, "Coding") - sum(_count(text, "Coding") for text in texts)
    taken = ", its text is taken" if texts else ""
    yield from _not_taken(one, f"a source that is no text; {coded} codings on it{taken}")
    for text in texts:
        yield from _text_source(text, name=one.attributes.get("name", ""))
        yield from _transcript_passages(text)


def _transcript_passages(one: Element) -> Iterator[Row]:
    """Passages of a transcript lie between two points in time that also name a place in the text."""
    points = {
        normal_guid(child.attributes.get("guid", "")): child.attributes.get("position", "").strip()
        for child in one
        if child.name == "SyncPoint"
    }
    for child in one:
        if child.name != "TranscriptSelection":
            continue
        ends = [points.get(normal_guid(child.attributes.get(key, "")), "") for key in ("fromSyncPoint", "toSyncPoint")]
        if all(end.isdecimal() for end in ends):
            others = {key: value for key, value in child.attributes.items() if not key.endswith("SyncPoint")}
            placed = {**others, "startPosition": ends[0], "endPosition": ends[1]}
            yield from _passage(replace(child, attributes=placed), _guid(one))
        else:
            yield from _not_taken(child, "a passage in time that names no place in the text")


def _passage(one: Element, source: str) -> Iterator[Row]:
    row = {**_named(one), **_stamps(one), "source": source, "description": _description(one)}
    yield "passages", {**row, "start": one.attributes.get("startPosition"), "end": one.attributes.get("endPosition")}
    yield from _codings(one, row["guid"])
    yield from _note_refs(one)
    attributes = ("guid", "name", "startPosition", "endPosition", *_STAMPS)
    yield from _left(one, ("Description", "Coding", "NoteRef"), attributes)


def _codings(owner: Element, target: str) -> Iterator[Row]:
    for one in owner:
        if one.name != "Coding":
            continue
        stamps = _stamps(one)
        row = {"guid": _guid(one), "target": target, "user": stamps["user"], "time": stamps["time"], "line": one.row}
        codes = [_target(child) for child in one if child.name == "CodeRef"]
        yield "codings", {**row, "code": codes[0] if codes else ""}
        for child in [child for child in one if child.name == "CodeRef"][1:]:
            yield from _not_taken(child, "a second code in one coding")
        yield from _note_refs(one)
        yield from _left(one, ("CodeRef", "NoteRef"), ("guid", "creatingUser", "creationDateTime"))


def _notes(part: Element) -> Iterator[Row]:
    for one in part:
        yield "notes", _text(one)
        for child in one:
            if child.name in ("PlainTextSelection", "Coding"):
                places = [child.attributes.get(key, "") for key in ("startPosition", "endPosition")]
                yield from _not_taken(child, f"a place in a memo ({'-'.join(places)}), or a code given to it")
        yield from _left(one, _TEXT_PARTS, _TEXT_ATTRIBUTES)


def _links(part: Element) -> Iterator[Row]:
    """A link becomes the place of a memo where it begins at one; the reader knows which do."""
    for one in part:
        ends = [normal_guid(one.attributes.get(key, "")) for key in ("originGUID", "targetGUID")]
        yield "links", {**_named(one), "ends": ends, "line": one.row}


def _values(owner: Element) -> Iterator[Row]:
    """Values that say something; an empty one says that there is none."""
    for one in owner:
        if one.name != "VariableValue":
            continue
        given = {child.name: child for child in one}
        kind = next((name for name in given if name.endswith("Value")), "")
        value = given[kind].text if kind else ""
        value = value if kind == "TextValue" else value.strip()
        if value:
            variable = _target(given["VariableRef"]) if "VariableRef" in given else ""
            yield "variable_values", {"owner": _guid(owner), "variable": variable, "value": value, "line": one.row}


def _text(one: Element) -> dict[str, object]:
    """What sources and notes have in common."""
    inside = next((child for child in one if child.name == "PlainTextContent"), None)
    path = one.attributes.get("plainTextPath", "").strip()
    return {
        **_named(one),
        **_stamps(one),
        "description": _description(one),
        "path": path,
        "text": None if inside is None else inside.text,
        "rich": bool(one.attributes.get("richTextPath")),
    }


def _note_refs(owner: Element) -> Iterator[Row]:
    for one in owner:
        if one.name == "NoteRef":
            yield from _note_ref(one, _guid(owner))


def _note_ref(one: Element, owner: str) -> Iterator[Row]:
    yield "note_refs", {"owner": owner, "note": _target(one), "line": one.row}


def _named(one: Element) -> dict[str, object]:
    return {"guid": _guid(one), "name": one.attributes.get("name", ""), "line": one.row}


def _stamps(one: Element) -> dict[str, str]:
    written = {column: one.attributes.get(attribute, "").strip() for attribute, column in _STAMPS.items()}
    return {column: normal_guid(text) if column in _GUIDS else text for column, text in written.items()}


def _description(one: Element) -> str:
    return text_of(one, "Description")


def _guid(one: Element) -> str:
    return normal_guid(one.attributes.get("guid", ""))


def _target(one: Element) -> str:
    """What a reference points to; older drafts wrote ``guid``, or the guid as text."""
    return normal_guid(one.attributes.get("targetGUID") or one.attributes.get("guid") or one.text)


def _left(one: Element, children: Iterable[str], attributes: Iterable[str]) -> Iterator[Row]:
    """What an element holds that nobody reads."""
    for child in one:
        if child.name not in children:
            yield from _not_taken(child, "an element that the standard does not know here")
    # names with a space are in another namespace
    for name in [name for name in one.attributes if name not in attributes and " " not in name]:
        yield from _not_taken(one, f"attribute {name}={one.attributes[name]!r}, which the standard does not know here")


def _not_taken(one: Element, reason: str = "") -> Iterator[Row]:
    if not reason:
        held = ", ".join(f"{times} {name}" for name, times in Counter(child.name for child in one).items())
        reason = f"{one.name} has no place in our tables" + (f"; it holds {held}" if held else "")
    named = {"element": one.name, "guid": _guid(one), "name": one.attributes.get("name", "")}
    yield "not_taken", {**named, "row": one.row, "reason": reason}


def _count(one: Element, name: str) -> int:
    """Elements of a name, at any depth."""
    return sum((child.name == name) + _count(child, name) for child in one)
