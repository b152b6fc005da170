"""Numbers, dates and times as people write them: read where they are clear, never guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kzsurvey.cleaning.folding import chinese_number
from kzsurvey.cleaning.moments import read_date, read_datetime, read_time
from kzsurvey.cleaning.numbers import read_number


@pytest.mark.parametrize(
    ("text", "unit", "value", "kind"),
    [
        ("3500", "yuan", 3500, None),
        ("3500.0", "yuan", 3500, None),
        (" 3500 ", "yuan", 3500, "spacing"),
        ("３５００", "yuan", 3500, "number_form"),
        ("3,500", "yuan", 3500, "number_form"),
        ("三千五百", "yuan", 3500, "number_form"),
        ("三千五", "yuan", 3500, "number_form"),
        ("一万二", "yuan", 12000, "number_form"),
        ("两千元", "yuan", 2000, "number_form"),
        ("约3500元", "yuan", 3500, "number_form"),
        ("3500左右", "yuan", 3500, "number_form"),
        ("3.5千元", "yuan", 3500, "number_unit"),
        ("0.35万", "yuan", 3500, "number_unit"),
        ("3.5k", "yuan", 3500, "number_unit"),
        ("¥3500", "yuan", 3500, "number_form"),
        ("每月3500元", "元/月", 3500, "number_form"),
        ("两年半", "months", 30, "number_unit"),
        ("一年", "月", 12, "number_unit"),
        ("3个半月", "months", None, "unreadable"),
        ("五十二", "hours", 52, "number_form"),
        ("50小时", "hours per week", 50, "number_form"),
        ("廿五", "人", 25, "number_form"),
        ("5人", "", 5, "number_form"),
        ("12人", "posts", 12, "number_form"),
        ("3-5", "人", None, "unreadable"),
        ("三到五", "人", None, "unreadable"),
        ("3000多", "yuan", None, "unreadable"),
        ("4万元/年", "元/月", None, "unreadable"),
        ("50元", "hours", None, "unreadable"),
        ("3.5", "人", None, "unreadable"),
        ("inf", "", None, "unreadable"),
        ("百分", "", None, "unreadable"),
        ("", "", None, "unreadable"),
    ],
)
def test_whole_numbers(text, unit, value, kind):
    from kzsurvey.cleaning.numbers import named_periods

    read = read_number(text, whole=True, unit=unit, periods=named_periods(unit))
    assert read.value == value
    assert [found for found, _ in read.findings][:1] == ([kind] if kind else [])


@given(st.integers(min_value=1, max_value=99_999_999))
def test_every_number_is_read_back_from_chinese_numerals(number):
    assert chinese_number(numerals(number)) == number


def numerals(number: int) -> str:
    """A number as it is written in full."""
    digits, steps = "零一二三四五六七八九", ["", "十", "百", "千"]
    if number >= 10_000:
        rest = number % 10_000
        zero = "零" if 0 < rest < 1000 else ""
        return numerals(number // 10_000) + "万" + (zero + numerals(rest) if rest else "")
    text, gap = "", False
    for place, digit in enumerate(str(number)):
        step = steps[len(str(number)) - place - 1]
        if digit == "0":
            gap = True
            continue
        text += ("零" if gap and text else "") + digits[int(digit)] + step
        gap = False
    return text


@pytest.mark.parametrize(
    "text",
    [
        "2019-03-05", "2019-3-5", "2019/3/5", "2019.03.05", "2019年3月5日", "2019年03月05号", "20190305", "43529",
        "43529.5", "２０１９年３月５日", "二〇一九年三月五日", "二零一九年三月五号", "5 March 2019", "Mar 5, 2019",
        "2019-03-05 08:30:00",
        "2019/3/5 8:30", "2019年3月5日 下午", "2019-03-05T08:30:00.000+08:00",
    ],
)  # fmt: skip
def test_every_way_to_write_a_day_is_the_same_day(text):
    assert str(read_date(text).value)[:10] == "2019-03-05"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("03/04/2019", "date_doubtful"),
        ("19.3.5", "date_doubtful"),
        ("3月5日", "date_doubtful"),
        ("2019-02-30", "unreadable"),
        ("31/31/2019", "unreadable"),
        ("5 Smarch 2019", "unreadable"),
        ("99999", "unreadable"),
        ("昨天", "unreadable"),
    ],
)
def test_a_day_that_is_not_clear_is_not_guessed(text, kind):
    read = read_date(text)
    assert (read.value, read.reason, read.findings[0][0]) == (None, "invalid", kind)


def test_a_day_and_a_month_that_cannot_be_mistaken_are_read():
    assert str(read_date("25/3/2019").value)[:10] == str(read_date("3/25/2019").value)[:10] == "2019-03-25"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("08:05", "08:05:00"), ("8:05", "08:05:00"), ("8点5分", "08:05:00"), ("8点", "08:00:00"),
        ("八点一刻", "08:15:00"),
        ("上午8时05分", "08:05:00"), ("下午3点半", "15:30:00"), ("15:30:20", "15:30:20"), ("3:30 PM", "15:30:00"),
        ("0.5", "12:00:00"), ("1530", "15:30:00"), ("中午12点半", "12:30:00"), ("凌晨12点", "00:00:00"),
        ("2019-03-05 08:05:00", "08:05:00"), ("2019/3/5 8:05", "08:05:00"), ("25:00", None), ("早上", None),
        ("8点99分", None),
    ],
)  # fmt: skip
def test_times_of_day(text, value):
    assert read_time(text).value == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2021-07-05T10:58:34.147+03:00", "2021-07-05 10:58:34"),
        ("2021/7/5 下午3点半", "2021-07-05 15:30:00"),
        ("43529.5", "2019-03-05 12:00:00"),
        ("2021-07-05", "2021-07-05 00:00:00"),
        ("2021-07-05 soon", "None"),
    ],
)
def test_days_with_times(text, value):
    assert str(read_datetime(text).value) == value


def test_words_beside_a_number_are_told_in_full():
    assert read_number("89 or older", whole=True).findings == (
        ("unreadable", "words beside the number: '89 or older'"),
    )
    assert read_number("3天", whole=True, unit="元").findings == (("unreadable", "unit '天', the question's is '元'"),)
