"""What is written is read back the same, whatever names, texts and passages are; the same project, the same bytes."""

import uuid
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kzsurvey.coding.exchange import Positions, project_of, read_qdc, read_qdpx, write_qdc, write_qdpx
from kzsurvey.coding.exchange.carrying import carried, carrier
from kzsurvey.coding.exchange.codebooks import cells_of, describe
from kzsurvey.coding.exchange.positions import places, to_code_points

# Chinese, Uyghur in Arabic script, letters beyond the basic plane, marks, space of all kinds, what XML must escape
ODD = "工资低ئىشچى مائاشى𠀀😀e\u0301\u200f\ufeff\u2028\u0085\xa0 \t\n\r<>&\"'﷽a1.;]]>"
texts = st.text(alphabet=st.sampled_from(ODD), max_size=40) | st.text(
    alphabet=st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"),
    max_size=12,
)
names = texts.filter(bool)
moments = st.sampled_from(["", "2019-06-04T06:11:56Z", "2026-11-29T05:04:12.345Z", "2019-06-04T06:11:56+08:00"])
# any character at all may stand in a text, because it lies in a file of its own
wild = texts | st.text(alphabet=st.characters(codec="utf-8"), max_size=20)


def guid(*parts):
    return str(uuid.uuid5(uuid.NAMESPACE_URL, repr(parts)))


@st.composite
def codebooks(draw):
    """Codes in the order of a document: a code stands before those below it, its own before the next."""
    rows = []

    def grow(parent, depth):
        for number in range(draw(st.integers(0 if depth else 1, 3))):
            color = draw(st.sampled_from(["", "#a1B2c3", "#FFF"]))
            one = {"guid": guid(parent, number), "name": draw(names), "parent": parent, "color": color}
            rows.append({**one, "codable": draw(st.booleans()), "description": draw(texts)})
            if depth < 3 and len(rows) < 12:
                grow(one["guid"], depth + 1)

    grow("", 0)
    return rows


@st.composite
def projects(draw):
    """Whole projects: several coders, overlapping passages, whole texts coded, memos, cases and values."""
    codes = draw(codebooks())
    users = [{"guid": guid("user", n), "name": draw(names)} for n in range(draw(st.integers(1, 3)))]
    user = st.sampled_from(["", *(one["guid"] for one in users)])
    stamps = st.fixed_dictionaries({"user": user, "time": moments})
    sources, passages, codings, refs = [], [], [], []
    notes = [
        {"guid": guid("note", n), "name": draw(texts), "text": draw(texts), **draw(stamps)}
        for n in range(draw(st.integers(0, 2)))
    ]
    for n in range(draw(st.integers(0, 3))):
        source = {"guid": guid("source", n), "name": draw(texts), "text": draw(wild), "description": draw(texts)}
        sources.append({**source, **draw(stamps)})
        targets = []
        for m in range(draw(st.integers(0, 4))):
            start, end = sorted(draw(st.tuples(*[st.integers(0, len(source["text"]))] * 2)))
            one = {"guid": guid("passage", n, m), "source": source["guid"], "start": start, "end": end}
            passages.append({**one, "name": draw(texts), "description": draw(texts), **draw(stamps)})
            targets.append(one["guid"])
        for target in [*targets, source["guid"]]:
            for m in range(draw(st.integers(0, 2))):
                code = draw(st.sampled_from(codes))["guid"]
                codings.append({"guid": guid("coding", target, m), "target": target, "code": code, **draw(stamps)})
            refs += [{"owner": target, "note": note["guid"]} for note in notes if draw(st.booleans())]
    variables = [
        {"guid": guid("variable", n), "name": draw(names), "type": "Text"} for n in range(draw(st.integers(0, 2)))
    ]
    cases = [{"guid": guid("case", n), "name": draw(texts)} for n in range(draw(st.integers(0, 2)))]
    members = [{"case": case["guid"], "member": source["guid"]} for case in cases for source in sources]
    values = [
        {"owner": case["guid"], "variable": variable["guid"], "value": draw(names)}
        for case in cases
        for variable in variables
    ]
    rows = {
        "users": users, "codes": codes, "variables": variables, "cases": cases, "sources": sources,
        "passages": passages,
        "codings": codings, "notes": notes, "note_refs": refs, "variable_values": values, "members": members,
    }  # fmt: skip
    return project_of(rows, name=draw(texts), description=draw(texts))


@given(codes=codebooks())
@settings(deadline=None, max_examples=40)
def test_a_codebook_comes_back_the_same(tmp_path_factory, codes):
    project = project_of({"codes": codes})
    again = read_qdc(write_qdc(project, tmp_path_factory.mktemp("qdc") / "made.qdc"))
    assert again.codes.equals(project.codes)
    assert again.not_taken.empty


@given(project=projects(), unit=st.sampled_from(["code points", "utf-16", "utf-8"]))
@settings(deadline=None, max_examples=60)
def test_a_project_comes_back_the_same_in_whatever_units_places_are_counted(tmp_path_factory, same, project, unit):
    path = tmp_path_factory.mktemp("qdpx") / "made.qdpx"
    again = read_qdpx(write_qdpx(project, path, positions=Positions(unit)))
    same(project, again)
    assert again.positions == Positions(unit)
    assert again.not_taken.empty


@given(project=projects())
@settings(deadline=None, max_examples=20)
def test_the_same_project_gives_the_same_bytes(tmp_path_factory, project):
    folder = tmp_path_factory.mktemp("qdpx")
    first, second = (write_qdpx(project, folder / name).read_bytes() for name in ("a.qdpx", "b.qdpx"))
    assert first == second
    assert write_qdpx(read_qdpx(folder / "a.qdpx"), folder / "c.qdpx").read_bytes() == first


@pytest.mark.parametrize(
    "odd", ["a\r\nb\tc", " a ", "<&>\"'", "]]>", "\ufeffa", "e\u0301", "\u202e\u200f\u2028", "𠀀😀", "ئىش"]
)
def test_odd_names_memos_and_texts_come_back(tmp_path, same, odd):
    one, other = guid("a"), guid("b")
    project = project_of({
        "codes": [{"guid": one, "name": odd, "description": odd}],
        "sources": [{"guid": one, "name": odd, "text": odd, "description": odd}],
        "passages": [{"guid": one, "source": one, "start": 0, "end": len(odd), "name": odd}],
        "notes": [{"guid": one, "name": odd, "text": odd}, {"guid": other, "text": ""}],
    }, name=odd, description=odd)  # fmt: skip
    same(project, read_qdpx(write_qdpx(project, tmp_path / "made.qdpx")))


def test_every_entry_has_the_first_moment_that_a_zip_file_knows_and_no_mark_in_front(tmp_path):
    source = {"guid": guid("a"), "name": "a", "text": "工资\r\n低"}
    with zipfile.ZipFile(write_qdpx(project_of({"sources": [source]}), tmp_path / "made.qdpx")) as made:
        assert {entry.date_time for entry in made.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert made.namelist() == ["project.qde", f"sources/{source['guid']}.txt"]
        assert made.read(f"sources/{source['guid']}.txt") == "工资\r\n低".encode()


@given(text=wild, unit=st.sampled_from(["code points", "utf-16", "utf-8"]), lines=st.sampled_from(["as stored", "one"]))
@settings(deadline=None)
def test_every_place_of_a_text_is_found_again(text, unit, lines):
    positions = Positions(unit, lines)
    known = places(text, positions)
    first, last = to_code_points(text, known, known, positions)
    assert first.tolist() == last.tolist()
    # where a line end counts as one, the place between its two characters is the place after it
    between = {place for place in range(1, len(text)) if lines == "one" and text[place - 1 : place + 1] == "\r\n"}
    assert first.tolist() == [place + (place in between) for place in range(len(text) + 1)]


UNITS = [("utf-16", "utf-16-le", 2), ("utf-8", "utf-8", 1), ("code points", "utf-32-le", 4)]


@pytest.mark.parametrize(("unit", "encoding", "width"), UNITS)
@given(text=wild)
@settings(deadline=None)
def test_places_are_lengths_in_the_encoding_they_are_named_after(unit, encoding, width, text):
    wanted = [len(text[:place].encode(encoding)) // width for place in range(len(text) + 1)]
    assert places(text, Positions(unit)).tolist() == wanted


HEADERS = ["definition::中文", "definition::English", "name::中文", "use_when", "not_when", "example", "code"]


@given(cells=st.dictionaries(st.sampled_from(HEADERS), texts.map(str.strip).filter(bool)))
@settings(deadline=None)
def test_cells_of_a_codebook_come_back_out_of_a_description(cells):
    assert cells_of(describe(cells)) == cells
    # other programs write line ends of two characters
    if "\r" not in describe(cells):
        assert cells_of(describe(cells).replace("\n", "\r\n")) == cells


@given(first=texts, second=texts, common=st.text(alphabet="abc工资\n", min_size=8, max_size=30), data=st.data())
@settings(deadline=None)
def test_a_passage_at_the_end_that_two_versions_share_keeps_its_words(first, second, common, data):
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(common))] * 2)))
    before, after = f"{first}1{common}", f"{second}2{common}"
    place = carried(carrier(before, after), len(first) + 1 + start, len(first) + 1 + end)
    assert start == end or after[slice(*place)] == common[start:end]
