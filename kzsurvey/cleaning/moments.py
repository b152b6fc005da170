"""Dates and times as people write them; a day that can be read two ways is not guessed."""

import datetime
import re
from collections.abc import Callable

from kzsurvey.cleaning.folding import chinese_number, simplify, widths
from kzsurvey.cleaning.reading import Read, refused, taken

_EPOCH = datetime.datetime(1899, 12, 30)  # Excel counts days from here, its false 29 February 1900 included
_SERIALS = (20_000, 80_000)  # 1954 to 2119
_MONTHS = {
    name: number
    for number, names in enumerate(
        ("jan january", "feb february", "mar march", "apr april", "may", "jun june", "jul july", "aug august",
         "sep sept september", "oct october", "nov november", "dec december"),
        start=1,
    )
    for name in names.split()
}  # fmt: skip
_NUMERAL = "[零〇○一二三四五六七八九十廿卅0-9]"
_ISO_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_ISO = re.compile(
    r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})?)?",
    re.ASCII,
)
_YEAR_FIRST = re.compile(r"(\d{4})\s*[-/.年、]\s*(\d{1,2})\s*[-/.月、]\s*(\d{1,2})\s*[日号]?")
_COMPACT = re.compile(r"((?:19|20)\d{2})(\d{2})(\d{2})")
_CHINESE = re.compile(rf"({_NUMERAL}{{4}})年({_NUMERAL}{{1,3}})月({_NUMERAL}{{1,3}})[日号]?")
_YEAR_LAST = re.compile(r"(\d{1,2})\s*[-/.]\s*(\d{1,2})\s*[-/.]\s*(\d{4})")
_NAMED = re.compile(
    r"(?:(\d{1,2})(?:st|nd|rd|th)?\s+([a-z]{3,9})\.?|([a-z]{3,9})\.?\s+(\d{1,2})(?:st|nd|rd|th)?),?\s+(\d{4})"
)
_SERIAL = re.compile(r"\d{5}(?:\.\d+)?")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?", re.ASCII)
_WORDED_CLOCK = re.compile(
    rf"(?P<half>凌晨|清晨|早上|早晨|早|上午|中午|下午|傍晚|晚上|晚|夜里|am|pm|a\.m\.|p\.m\.)?\s*"
    rf"(?P<hour>{_NUMERAL}{{1,3}})\s*(?:[:.点时h]|点钟)\s*"
    rf"(?:(?P<minute>{_NUMERAL}{{1,3}})\s*分?|(?P<part>半|一刻|三刻|整))?(?::(?P<second>\d{{2}}))?\s*"
    rf"(?P<after>am|pm|a\.m\.|p\.m\.)?"
)
_LATE = {"下午", "傍晚", "晚上", "晚", "夜里", "pm", "p.m."}
_PARTS = {"半": 30, "一刻": 15, "三刻": 45, "整": 0, None: 0}


def read_date(text: str) -> Read:
    """A day from one written answer.

    Parameters
    ----------
    text : str
        As delivered.

    Returns
    -------
    Read
        Value ``datetime.datetime`` at midnight.

    Examples
    --------
    >>> written = ("2019-03-05", "2019年3月5日", "20190305", "43529", "２０１９／３／５")
    >>> {str(read_date(text).value) for text in written}
    {'2019-03-05 00:00:00'}
    >>> read_date("03/04/2019").findings
    (('date_doubtful', 'day and month can be read either way'),)
    """
    plain = text.strip()
    if found := _ISO.fullmatch(plain):
        spaces = ("spacing", "spaces around the date") if plain != text else ("", "")
        return _day(*map(int, found.group(1).split("-")), finding=spaces)
    written = simplify(widths(text)).lower()
    day_part = re.split(r"(?<=\d)[ t]+(?=\d{1,2}[:点时])|(?<=[日号])\s*(?=\S)", written, maxsplit=1)[0].strip()
    for pattern, read in _DATE_FORMS:
        if found := pattern.fullmatch(day_part):
            return read(found)
    return refused("unreadable", "not a date")


def read_time(text: str) -> Read:
    """A time of day from one written answer.

    Returns
    -------
    Read
        Value ``"HH:MM:SS"``.

    Examples
    --------
    >>> [read_time(text).value for text in ("8:05", "下午3点半", "８点５分", "0.35", "3:20 PM")]
    ['08:05:00', '15:30:00', '08:05:00', '08:24:00', '15:20:00']
    """
    plain = text.strip()
    if found := _CLOCK.fullmatch(plain):
        spaces = ("spacing", "spaces around the time") if plain != text else ("", "")
        return _time(*(int(part or 0) for part in found.groups()), finding=spaces)
    if (found := _ISO.fullmatch(plain)) and found.group(2):
        return _time(*(int(float(part)) for part in found.group(2).split(":")), finding=("time_form", "date and time"))
    written = simplify(widths(text)).lower().strip()
    if re.fullmatch(r"0?\.\d+", written):
        seconds = round(float(written) * 86_400)
        return _time(seconds // 3600, seconds // 60 % 60, seconds % 60, finding=("time_form", "fraction of a day"))
    if re.fullmatch(r"\d{4}", written):
        return _time(int(written[:2]), int(written[2:]), finding=("time_form", "compact"))
    if found := _WORDED_CLOCK.fullmatch(written):
        return _worded_time(found)
    if found := re.search(r"(?<=[\d日号])\s+(\d{1,2}:\d{2}(?::\d{2})?)$", written):
        return read_time(found.group(1))._replace(findings=(("time_form", "date and time"),))
    return refused("unreadable", "not a time")


def read_datetime(text: str) -> Read:
    """A day and time from one written answer; an offset from UTC is left out, the clock on the wall counts.

    Examples
    --------
    >>> str(read_datetime("2021-07-05T10:58:34.147+03:00").value)
    '2021-07-05 10:58:34'
    """
    plain = text.strip()
    if (found := _ISO.fullmatch(plain)) and found.group(2):
        spaces = ("spacing", "spaces around the time") if plain != text else ("", "")
        day, clock = read_date(found.group(1)), read_time(found.group(2).split(".")[0])
        return _joined(day, clock, spaces)
    written = simplify(widths(text)).strip()
    if _SERIAL.fullmatch(written):
        return _serial(re.fullmatch(_SERIAL, written), whole=False)
    parts = re.split(r"\s+|(?<=[日号])|(?<=\d)T(?=\d)", written, maxsplit=1)
    if len(parts) < 2 or not parts[1]:
        return read_date(text)
    return _joined(read_date(parts[0]), read_time(parts[1]), ("date_form", "date and time"))


def _joined(day: Read, clock: Read, finding: tuple[str, str]) -> Read:
    """A day and a time together; a fault of either is a fault of both."""
    for part in (day, clock):
        if part.value is None:
            return part
    hour, minute, second = map(int, str(clock.value).split(":"))
    return taken(day.value.replace(hour=hour, minute=minute, second=second), finding)


def _day(year: int, month: int, day: int, *, finding: tuple[str, str]) -> Read:
    try:
        return taken(datetime.datetime(year, month, day), finding)
    except ValueError:
        return refused("unreadable", "no such day")


def _time(hour: int, minute: int = 0, second: int = 0, *, finding: tuple[str, str] = ("", "")) -> Read:
    if not (0 <= hour < 24 and 0 <= minute < 60 and 0 <= second < 60):
        return refused("unreadable", "no such time")
    return taken(f"{hour:02}:{minute:02}:{second:02}", finding)


def _numerals(found: re.Match) -> Read:
    """二〇一九年三月五日."""
    year, month, day = (chinese_number(part) or 0 for part in found.groups())
    return _day(year, month, day, finding=("date_form", "Chinese numerals"))


def _serial(found: re.Match, *, whole: bool = True) -> Read:
    """Days since the end of 1899, as Excel stores them."""
    days = float(found.group())
    if not _SERIALS[0] <= days <= _SERIALS[1]:
        return refused("unreadable", "not a date")
    moment = _EPOCH + datetime.timedelta(seconds=round((int(days) if whole else days) * 86_400))
    return taken(moment, ("date_form", "Excel serial number"))


def _year_last(found: re.Match) -> Read:
    """5/3/2019: readable only where one of the two cannot be a month."""
    first, second, year = map(int, found.groups())
    if first == second or (first > 12) != (second > 12):
        day, month = (second, first) if second > 12 else (first, second)
        return _day(year, month, day, finding=("date_form", "year last"))
    if first > 12:
        return refused("unreadable", "no such day")
    return refused("date_doubtful", "day and month can be read either way")


def _named_month(found: re.Match) -> Read:
    """5 March 2019, March 5, 2019."""
    day, month = found.group(1) or found.group(4), found.group(2) or found.group(3)
    if month not in _MONTHS:
        return refused("unreadable", "not a date")
    return _day(int(found.group(5)), _MONTHS[month], int(day), finding=("date_form", "month by name"))


def _form(rule: str) -> Callable[[re.Match], Read]:
    """Reader of a form in which year, month and day follow one another as digits."""
    return lambda found: _day(*map(int, found.groups()), finding=("date_form", rule))


def _two_digit_year(found: re.Match) -> Read:
    return refused("date_doubtful", "no year, or a year of two digits")


_DATE_FORMS: tuple[tuple[re.Pattern, Callable[[re.Match], Read]], ...] = (
    (_ISO_DATE, _form("width")),
    (_YEAR_FIRST, _form("other separators")),
    (_COMPACT, _form("compact")),
    (_SERIAL, _serial),
    (_CHINESE, _numerals),
    (_YEAR_LAST, _year_last),
    (_NAMED, _named_month),
    (re.compile(r"\d{1,2}[-/.年]\d{1,2}[-/.月]\d{1,2}[日号]?|\d{1,2}[-/.月]\d{1,2}[日号]?"), _two_digit_year),
)


def _worded_time(found: re.Match) -> Read:
    """下午3点半, 15时30分, 3 pm."""
    hour, minute = _count(found["hour"]), _count(found["minute"]) if found["minute"] else _PARTS[found["part"]]
    if hour is None or minute is None:
        return refused("unreadable", "not a time")
    if hour < 12 and (_LATE & {found["half"], found["after"]} or (found["half"] == "中午" and hour < 3)):
        hour += 12
    if hour == 12 and {"am", "a.m.", "凌晨"} & {found["half"], found["after"]}:
        hour = 0
    return _time(hour, minute, int(found["second"] or 0), finding=("time_form", "words"))


def _count(text: str) -> int | None:
    return chinese_number(text)
