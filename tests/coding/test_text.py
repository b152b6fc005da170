"""The folded text and its way back to the original."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kzsurvey.coding.rules.text import clause, clause_borders, fold, fold_pattern

# Characters that become several, fewer or none, among those of open answers.
ODD = "㎡½ﬁ㈱ﷺİßÅe\u0301\u200b\ufeff\u00ad…！，。０Ａ後裏麵髮臺乾幹👍🏽👩‍🌾한각ガ\u3099"
ANSWERS = st.text(st.one_of(st.sampled_from(ODD + "缺人手工资低 12ab"), st.characters(exclude_categories=["Cs"])))


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("人手不夠", "人手不够"),
        ("後勤經費", "后勤经费"),
        ("ＯＫ，１２０％！", "ok,120%!"),
        ("３０㎡", "30m2"),
        ("½", "1⁄2"),
        ("ﬁx", "fix"),
        ("照著做，沒有答覆", "照着做,没有答复"),
        ("３０㎡沒有回覆，反覆改", "30m2没有回复,反复改"),
        ("覆盖", "覆盖"),
        ("缺\u200b人\ufeff", "缺人"),
        ("e\u0301te\u0301", "été"),
        ("\u0301缺", "\u0301缺"),
        ("", ""),
    ],
)
def test_width_script_and_invisible_characters_are_folded(written, folded):
    assert fold([written])[0].text == folded


def test_what_changes_no_length_needs_no_map():
    assert fold(["人手不夠，工資低"])[0].starts == ()


def test_the_words_after_a_character_that_grows_are_found_in_their_place():
    folded = fold(["３０㎡住３㏋，人手不夠"])[0]
    start = folded.text.index("人手")
    assert folded.original[slice(*folded.span(start, start + 4))] == "人手不夠"


def test_an_invisible_character_inside_a_match_stays_inside_it():
    folded = fold(["很缺\u200b人手"])[0]
    assert folded.span(1, 4) == (1, 5)


@given(ANSWERS)
@example("ﷺ")
@example("\u0301\u0301")
@example("İ\u0307")
@example("각\u11a8")
def test_every_stretch_leads_back_to_characters_that_fold_to_it(text):
    folded = fold([text])[0]
    for place in range(len(folded.text)):
        start, end = folded.span(place, place + 1)
        assert 0 <= start < end <= len(text)
        assert folded.text[place] in fold([text[start:end]])[0].text


@given(ANSWERS, st.data())
def test_places_never_run_backwards(text, data):
    folded = fold([text])[0]
    if len(folded.text) > 1:
        start = data.draw(st.integers(0, len(folded.text) - 2))
        end = data.draw(st.integers(start + 1, len(folded.text) - 1))
        low, high = folded.span(start, end)
        wider_low, wider_high = folded.span(start, end + 1)
        assert low == wider_low
        assert high <= wider_high
        assert folded.text[start:end] in fold([text[low:high]])[0].text


@given(ANSWERS)
def test_folding_does_not_depend_on_the_other_texts(text):
    alone = fold([text])[0]
    assert fold(["１", text, "後"])[1] == alone


@given(ANSWERS)
def test_only_visible_characters_are_left(text):
    assert all(unicodedata.category(character) != "Cf" for character in fold([text])[0].text)


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("人手(?:不夠|不足)", "人手(?:不够|不足)"),
        ("沒人(?:答覆|管著)", "没人(?:答复|管着)"),
        ("（人）？", r"\(人\)\?"),
        (r"\d+％", r"\d+%"),
        ("[，。]", "[,。]"),
        ("㎡", "m2"),
    ],
)
def test_a_pattern_is_folded_where_it_is_literal_only(written, folded):
    assert fold_pattern(written) == folded


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("工资低,人少", ["工资低", "人少"]),
        ("工资低。人少!累?", ["工资低", "人少", "累", ""]),
        ("工资低但是人少", ["工资低", "人少"]),
        ("忙不过来", ["忙不过来"]),
        ("不过是累", ["不过是累"]),
        ("还行不过人少", ["还行", "人少"]),
        ("不但人少", ["不但人少"]),
        ("资金、人手", ["资金、人手"]),
        ("3.5天", ["3.5天"]),
        ("累.少", ["累", "少"]),
    ],
)
def test_clauses_part_at_marks_and_contrasts(text, clauses):
    borders = [0, *(place for border in clause_borders(text) for place in border), len(text)]
    assert [text[start:end] for start, end in zip(borders[::2], borders[1::2], strict=True)] == clauses


def test_a_match_over_a_comma_lies_in_both_clauses():
    text = "累,工资低,人少"
    assert clause(text, clause_borders(text), 4, 7) == (2, 8)


def test_a_match_that_begins_with_a_contrast_lies_on_both_sides_of_it():
    text = "累但是缺人"
    assert clause(text, clause_borders(text), 1, 5) == (0, 5)
