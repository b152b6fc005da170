"""The parts of the desk that compute, asked in a real browser: places, clauses, lanes of stripes, finding codes."""

import pytest

from kzsurvey.coding.desk.codebook import shown_codes
from kzsurvey.coding.desk.page import script
from kzsurvey.survey import read_survey

ASKED = "measured, clauses, sentences, words, wider, trimmed, stops, lanes, pieces, find, appearance, removeAtCursor"
TEXTS = ["工资太低", "😀工资👩‍👧‍👦太低𠮷", "", "e\u0301a", "ئىش ھەققى تۆۋەن"]

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(browser):
    """An empty page that knows the functions of the desk as ``desk.<name>``."""
    page = browser.new_page()
    module = script().replace("export default { render };", f"window.desk = {{ {ASKED} }};")
    page.add_script_tag(content=module, type="module")
    page.wait_for_function("window.desk")
    yield page
    page.close()


@pytest.mark.parametrize("text", TEXTS)
def test_code_points_become_units_and_come_back(page, text):
    ask = """([text, point]) => {
      const { length, points, units } = desk.measured(text);
      return [length, points(units(point)), text.slice(0, units(point))];
    }"""
    for point in range(len(text) + 1):
        assert page.evaluate(ask, [text, point]) == [len(text), point, text[:point]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("工资低，人手不够。", ["工资低", "人手不够"]),
        ("一是钱、粮不够；二是3.5倍的活", ["一是钱、粮不够", "二是3.5倍的活"]),
        ("pay is low, work is hard. ", ["pay is low", "work is hard"]),
        ("……\n第一\n\n第二", ["第一", "第二"]),
        ("。，！", []),
        ("下午3：30开会，每周2,000份表", ["下午3：30开会", "每周2,000份表"]),
    ],
)
def test_clauses_end_where_people_pause(page, text, found):
    cut = "text => desk.clauses(text).map(([start, end]) => text.slice(start, end))"
    assert page.evaluate(cut, text) == found


def test_a_selection_widens_from_word_to_clause_sentence_and_answer(page):
    text = "工资太低，人手不够。没有别的。"
    ask = """text => {
      const steps = [];
      let [from, to] = [0, 0];
      for (let step = 0; step < 5; step += 1) {
        [from, to] = desk.wider(text, from, to);
        steps.push(text.slice(from, to));
      }
      return steps;
    }"""
    steps = page.evaluate(ask, text)
    assert steps[0] in ("工资", "工")
    assert steps[-4:] == ["工资太低", "工资太低，人手不够。", text, text]


def test_a_cursor_stops_between_letters_as_people_see_them(page):
    assert page.evaluate("text => desk.stops(text, 'grapheme')", "a👩‍👧‍👦e\u0301资") == [0, 1, 9, 11, 12]


def test_words_of_chinese_are_found_without_spaces(page):
    ask = "text => desk.words(text).map(([start, end]) => text.slice(start, end))"
    found = page.evaluate(ask, "工资太低，检查考核")
    assert (found[0], found[-2:]) == ("工资", ["检查", "考核"])


def test_a_span_keeps_its_lane_and_no_two_share_one_where_they_overlap(page):
    spans = [{"start": start, "end": end} for start, end in [(0, 10), (2, 5), (4, 12), (6, 8), (12, 14)]]
    lanes = page.evaluate("spans => desk.lanes(spans)", spans)
    assert lanes == {"lane": [0, 1, 2, 1, 0], "count": 3}


def test_pieces_cover_the_text_once_and_name_the_spans_on_them(page):
    spans = [{"start": 1, "end": 4}, {"start": 3, "end": 5}, {"start": 3, "end": 3}]
    pieces = page.evaluate("spans => desk.pieces(6, spans)", spans)
    assert [(one["start"], one["end"], one["covering"]) for one in pieces] == [
        (0, 1, []), (1, 3, [0]), (3, 4, [0, 1]), (4, 5, [1]), (5, 6, []),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def kizilsu():
    pytest.importorskip("pypinyin", reason="pypinyin is not installed")
    return shown_codes(read_survey("data/raw/kizilsu"))


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("c12", "C1.2"),
        ("C1.2", "C1.2"),
        ("rwfz", "C1.3"),
        ("繁重", "C1.3"),
        ("heavy", "C1.3"),
        ("yrh", "C1.1"),
        ("formality", "P2.1"),
    ],
)
def test_a_code_is_found_by_its_name_in_both_languages_and_by_pinyin_initials(page, kizilsu, typed, first):
    ask = "([codes, typed]) => desk.find(codes, typed).map(one => one.code)"
    assert page.evaluate(ask, [kizilsu, typed])[0] == first


def test_what_is_no_code_finds_nothing_and_nothing_typed_finds_all(page, kizilsu):
    ask = "([codes, typed]) => desk.find(codes, typed).length"
    assert page.evaluate(ask, [kizilsu, "qqqqq"]) == 0
    assert page.evaluate(ask, [kizilsu, " "]) == len(kizilsu)


def test_a_family_shares_a_colour_and_siblings_differ_by_pattern(page, kizilsu):
    looks = dict(page.evaluate("codes => [...desk.appearance(codes)]", kizilsu))
    family = ["P1.1", "P1.2", "P1.3", "P1.4"]
    assert {looks[code]["hue"] for code in family} == {looks["P1"]["hue"]}
    assert len({looks[code]["pattern"] for code in family}) == 4
    roots = [code["code"] for code in kizilsu if not code["parent"]]
    assert len({looks[code]["hue"] for code in roots}) == len(roots)
