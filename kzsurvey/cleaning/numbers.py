"""Numbers as people write them: full width, Chinese numerals, thousands separators, 千元 and 万, hours and years.

A number that is only bounded (3-5, 不到三千, 5000多) is not guessed.
"""

import re
from collections.abc import Collection, Mapping

from kzsurvey.cleaning.folding import chinese_number, fold, simplify, widths
from kzsurvey.cleaning.reading import Read, refused, taken

# unit -> (what it measures, how many of the smallest unit)
_UNITS: Mapping[str, tuple[str, float]] = {
    **dict.fromkeys(("元", "块钱", "块", "圆", "yuan", "rmb", "cny", "人民币", "¥", "¥元"), ("money", 1)),
    **dict.fromkeys(("千元", "千块", "kyuan"), ("money", 1000)),
    **dict.fromkeys(("万元", "万块"), ("money", 10_000)),
    **dict.fromkeys(("分钟", "minutes", "minute", "mins", "min"), ("time", 1)),
    **dict.fromkeys(("小时", "个小时", "钟头", "个钟头", "hours", "hour", "hrs", "hr", "h"), ("time", 60)),
    **dict.fromkeys(("天", "日", "days", "day"), ("days", 1)),
    **dict.fromkeys(("周", "星期", "个星期", "weeks", "week"), ("days", 7)),
    **dict.fromkeys(("个月", "月", "months", "month"), ("months", 1)),
    **dict.fromkeys(("年", "years", "year", "yrs", "yr"), ("months", 12)),
    **dict.fromkeys(("公里", "千米", "km"), ("length", 1000)),
    **dict.fromkeys(("里", "里路", "华里"), ("length", 500)),
    **dict.fromkeys(("米", "m", "metres", "meters"), ("length", 1)),
    **dict.fromkeys(("%", "percent"), ("share", 1)),
    **dict.fromkeys(
        (
            "人",
            "名",
            "个人",
            "位",
            "个",
            "次",
            "回",
            "户",
            "家",
            "份",
            "张",
            "篇",
            "套",
            "项",
            "岁",
            "周岁",
            "件",
            "条",
            "趟",
            "种",
        ),
        ("count", 1),
    ),
    **dict.fromkeys(
        (
            "people",
            "persons",
            "person",
            "staff",
            "times",
            "time",
            "households",
            "forms",
            "reports",
            "visits",
            "years old",
        ),
        ("count", 1),
    ),
}
_MULTIPLES = {"千": 1e3, "k": 1e3, "万": 1e4, "w": 1e4, "百": 1e2, "亿": 1e8, "": 1.0}
_PER = {"月": "month", "个月": "month", "周": "week", "星期": "week", "天": "day", "日": "day", "年": "year"}
_PER |= {word: word for word in ("month", "week", "day", "year")}
_ABOUT = re.compile(r"^(?:大约|大概|差不多|约莫|约|近|将近|about|around|approx\.?|~|≈)|(?:左右|上下|吧|整|正)$")
_RATE_BEFORE = re.compile(r"^(?:每个?|一个?|per)(月|周|星期|天|日|年)(?=[\d约¥一二两三四五六七八九十])")
_RATE_AFTER = re.compile(r"(?:/|每|per)(?:一|个)*(月|周|星期|天|日|年|month|week|day|year)$")
_PERIOD = re.compile(r"(?:/|每个?|per |a |each |_)(月|周|星期|天|日|年|month|week|day|year)")
_PLAIN = re.compile(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?", re.ASCII)
_WRITTEN = re.compile(
    r"(?P<sign>[-+−–]?)(?P<digits>\d{1,3}(?:[,，' ]\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?P<multiple>[千百万亿kw]?)(?P<unit>.*)"
)
_NUMERALS = re.compile(
    r"(?P<numeral>[零〇○一二三四五六七八九十百千万亿两廿卅壹贰叁肆伍陆柒捌玖拾佰仟\d]+)(?P<half>半?)(?P<unit>.*)"
)
_LARGEST = 2**53  # beyond it a float skips whole numbers


def read_number(text: str, *, whole: bool, unit: str = "", periods: Collection[str] = ()) -> Read:
    """A number from one written answer.

    Parameters
    ----------
    text : str
        As delivered.
    whole : bool
        Only whole numbers are allowed.
    unit : str
        The question's unit, such as ``元``, ``hours`` or ``months``; empty where it has none.
    periods : collection of str
        What the number is per (``month``, ``week``, ``day``, ``year``), where the question says so.

    Returns
    -------
    Read
        Value ``int`` or ``float`` in the question's unit.

    Examples
    --------
    >>> read_number("３５００", whole=True)
    Read(value=3500, reason='', findings=(('number_form', 'width'),))
    >>> read_number("3.5千元", whole=True, unit="元").value, read_number("一万二", whole=True).value
    (3500, 12000)
    >>> read_number("两年", whole=True, unit="月").value, read_number("约50小时", whole=True, unit="hours").value
    (24, 50)
    >>> read_number("3-5", whole=True).findings
    (('unreadable', 'a range, not a number'),)
    """
    plain = text.strip()
    if _PLAIN.fullmatch(plain):
        return _checked(float(plain), whole=whole, findings=_spaced(text, plain))
    folded = fold(text)
    if _PLAIN.fullmatch(folded):
        return _checked(float(folded), whole=whole, findings=(("number_form", _form(text, folded)),))
    if re.fullmatch(r".*\d\s*(?:[-~—–至到]|to)\s*\d.*", folded) or re.search(
        "[一二三四五六七八九十]到[一二三四五六七八九十]", folded
    ):
        return refused("unreadable", "a range, not a number")
    return _worded(folded, whole=whole, unit=fold(unit), periods=periods, written=plain)


def _spaced(text: str, plain: str) -> tuple[tuple[str, str], ...]:
    return (("spacing", "spaces around the number"),) if text != plain else ()


def _form(text: str, folded: str) -> str:
    """What was unusual about a number that is plain once folded."""
    return "width" if widths(text) != text.strip() else "spaces"


def _checked(value: float, *, whole: bool, findings: tuple) -> Read:
    """A number as a whole number, where only those are allowed."""
    if value in (float("inf"), float("-inf")):
        return refused("unreadable", "not a number")
    if not whole:
        return taken(value, *findings)
    if abs(value) > _LARGEST:
        return refused("unreadable", "a whole number of more digits than can be kept")
    nearest = round(value)
    if abs(value - nearest) > 1e-9:
        return refused("unreadable", "not a whole number")
    return taken(nearest, *findings)


def _worded(folded: str, *, whole: bool, unit: str, periods: Collection[str], written: str) -> Read:
    """A number with words, a unit or Chinese numerals."""
    core = _ABOUT.sub("", _ABOUT.sub("", folded))
    hedged = core != folded
    core, foreign = _without_rate(core, periods)
    core = re.sub(r"^(?:人民币|rmb|¥|¥|cny)", "", core)
    number = _amount(core)
    if foreign:
        return refused("unreadable", f"a number per {foreign}, which is not what the question asks")
    if number is None:
        return refused("unreadable", "not a number")
    value, written_unit, form = number
    factor = _factor(written_unit, unit)
    if factor is None:
        known = f"unit {written_unit!r}, the question's is {unit or 'none'!r}"
        return refused("unreadable", known if written_unit in _UNITS else f"words beside the number: {written!r}")
    converted = factor != 1 or form == "multiple"
    findings = (
        ("number_unit" if converted else "", _conversion(core, unit)),
        (
            "" if converted and not hedged and form != "numerals" else "number_form",
            "about" if hedged else form or "words",
        ),
    )
    return _checked(round(value * factor, 9), whole=whole, findings=findings)


def _conversion(core: str, unit: str) -> str:
    """The unit as written and the one that is asked for."""
    return f"{re.sub(r'^[^a-z%千百万亿年月周天小分时]*', '', core)} to {unit or 'one'}"


def named_periods(*texts: str) -> frozenset[str]:
    """Periods that a question's unit and wording name: what its number is per.

    Examples
    --------
    >>> sorted(named_periods("元/月")), sorted(named_periods("每周多少小时？")), sorted(named_periods("months"))
    (['month'], ['week'], [])
    """
    found = (match for text in texts for match in _PERIOD.finditer(text.lower()))
    return frozenset(_PER[match.group(1)] for match in found)


def _without_rate(core: str, periods: Collection[str]) -> tuple[str, str]:
    """The number without 每月 or /月, and the period if it is another than the question's."""
    for pattern in (_RATE_BEFORE, _RATE_AFTER):
        if found := pattern.search(core):
            period = _PER[found.group(1)]
            rest = core[: found.start()] + core[found.end() :]
            return rest, "" if period in periods else period
    return core, ""


def _amount(core: str) -> tuple[float, str, str] | None:
    """Value, unit as written, and what was unusual about the writing."""
    if (found := _NUMERALS.fullmatch(core)) and not found["numeral"].isdecimal():
        value = _numeral(found["numeral"])
        if value is not None:
            return _half(value, found["half"], found["unit"], "numerals")
    if not (found := _WRITTEN.fullmatch(core)):
        return None
    digits = re.sub("[,，' ]", "", found["digits"])
    value = float(digits) * _MULTIPLES[found["multiple"]] * (-1 if found["sign"] in "-−–" and found["sign"] else 1)
    form = "multiple" if found["multiple"] else "separators" if digits != found["digits"] else ""
    unit = found["unit"]
    if unit.startswith("半"):
        return _half(value, "半", unit[1:], form)
    return (value + 0.5, unit[:-1], form) if unit.endswith("半") else (value, unit, form)


def _half(value: float, half: str, unit: str, form: str) -> tuple[float, str, str]:
    """两年半, 三个半月: half a unit more."""
    trailing = unit.endswith("半")
    inside = unit.startswith("个半")
    unit = unit.removesuffix("半") if trailing else unit.replace("个半", "个", 1) if inside else unit
    return value + 0.5 * bool(half or trailing or inside), unit, form


def _numeral(text: str) -> float | None:
    """Value of Chinese numerals; a whole number followed by 千 or 万 in digits (3千5) counts as well."""
    value = chinese_number(simplify(text))
    return None if value is None else float(value)


def _factor(written: str, wanted: str) -> float | None:
    """What a number in the written unit is multiplied by; None where the two do not measure the same."""
    if not written:
        return 1
    dimension, size = _UNITS.get(written, ("", 0))
    if not dimension:
        return None
    asked, asked_size = _asked_unit(wanted)
    if dimension == asked:
        return size / asked_size
    countable = dimension == "count" and asked in ("", "count")
    plain = not asked and size == 1
    return 1 if countable or plain else None


def _asked_unit(wanted: str) -> tuple[str, float]:
    """What the question's unit measures: the first unit named in it."""
    if wanted in _UNITS:
        return _UNITS[wanted]
    numerator = re.split(r"/|per|每|_", wanted, maxsplit=1)[0]
    named = [unit for unit in _UNITS if unit in numerator]
    return _UNITS[max(named, key=len)] if named else ("", 1)
