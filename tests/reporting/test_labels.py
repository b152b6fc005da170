"""Labels are broken into lines as printed Chinese is: no comma begins a line, no bracket is left open at its end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kzsurvey.reporting.drawing.labels import CLOSING, LABEL, OPENING, width_of, wrapped

TEXTS = st.lists(
    st.sampled_from(
        ["政", "策", "落地", "，", "。", "？", "（", "）", "“", "”", "《", "》", "、", "——", "……", "12.5%", "B2"]
    ),
    min_size=1,
    max_size=40,
).map("".join)
SENSIBLE = [
    "您所在的单位（含下属站所）里，“编外”人员有多少？",
    "对“一门式服务”“最多跑一次”等改革，您怎么看？",
    "《公务员法》《事业单位人事管理条例》执行得怎么样",
    "（一）编制；（二）薪酬；（三）工作量——以及其他",
]


def lines_of(label, width=LABEL):
    return wrapped(label, width).split("\n")


def test_long_labels_are_wrapped_and_no_line_begins_with_a_comma():
    assert max(map(len, lines_of("A label that is much too long to stand on one line"))) <= LABEL
    chinese = lines_of("最近十二个月以来您所在的单位里，有多少人离开")
    assert len(chinese) > 1
    assert not any(line.startswith("，") for line in chinese)


@pytest.mark.parametrize("width", range(12, 30))
@pytest.mark.parametrize("label", SENSIBLE)
def test_no_line_begins_with_what_closes_or_ends_with_what_opens(label, width):
    lines = lines_of(label, width)
    assert "".join(lines) == label
    assert not [line for line in lines if line[0] in CLOSING or line[-1] in OPENING]


@given(TEXTS, st.integers(10, 30))
def test_nothing_is_lost_and_no_line_is_longer_than_a_closing_mark_beyond_the_width(label, width):
    lines = lines_of(label, width)
    assert "".join(lines) == label
    assert all(width_of(line) <= width + 3 for line in lines)


def test_words_and_numbers_stay_whole():
    assert all("12.5%" in wrapped("目前的空编率大约是12.5%左右吧", width) for width in range(6, 20))
    assert all("Excel" in wrapped("每天都要填各种Excel表格材料", width) for width in range(6, 20))


def test_a_dash_and_dots_are_not_torn_apart():
    for width in range(8, 20):
        lines = lines_of("基层减负——减了多少……还是没有减", width)
        assert sum("——" in line for line in lines) == 1
        assert sum("……" in line for line in lines) == 1


def test_lines_are_of_about_the_same_length():
    assert [len(line) for line in lines_of("最近十二个月以来您所在的单位有人离开", 26)] == [9, 9]


def test_what_is_longer_than_a_line_is_broken_anywhere():
    assert max(map(width_of, lines_of("网址" + "a" * 40, 20))) <= 21
