"""One form for every way of writing the same thing: width, case, script, spaces, and numbers in Chinese numerals."""

import functools
import re
import unicodedata
from collections.abc import Iterable

_DIGITS = {
    character: value
    for value, characters in enumerate(
        ("零〇○", "一壹幺弌", "二贰两俩弐", "三叁弎仨", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖")
    )
    for character in characters
}
_STEPS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_GROUPS = {"万": 10**4, "亿": 10**8}
_SCORES = str.maketrans({"廿": "二十", "卅": "三十", "卌": "四十"})
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\u00ad]")
_SPACE = re.compile(r"\s+")


@functools.cache
def _converter(way: str):
    """OpenCC, loaded when the first text is folded."""
    import opencc

    return opencc.OpenCC(way)


def simplify(text: str) -> str:
    """Chinese in simplified characters; other text as it is.

    Examples
    --------
    >>> simplify("阿圖什市 Artux")
    '阿图什市 Artux'
    """
    return text if text.isascii() else _converter("t2s").convert(text)


def traditional(text: str) -> str:
    """Chinese in traditional characters; other text as it is.

    Examples
    --------
    >>> traditional("乌恰县")
    '烏恰縣'
    """
    return text if text.isascii() else _converter("s2t").convert(text)


@functools.lru_cache(maxsize=200_000)
def widths(text: str) -> str:
    """Text in ordinary width (NFKC), without invisible characters, spaces at its ends removed.

    Examples
    --------
    >>> widths("　３，５００　元 ")
    '3,500 元'
    """
    if text.isascii():
        return text.strip()
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).strip()


@functools.lru_cache(maxsize=200_000)
def fold(text: str) -> str:
    """The form in which answers, options and headers are compared: ordinary width, lower case, simplified, no spaces.

    Examples
    --------
    >>> fold(" ＹＥＳ ") == fold("yes"), fold("烏恰縣") == fold("乌恰 县")
    (True, True)
    """
    return _SPACE.sub("", simplify(widths(text))).casefold()


def lookup(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """From (written form, what it means) to one dictionary; a form that means two things means nothing.

    Examples
    --------
    >>> lookup([("男", "m"), ("女", "f"), ("人", "m"), ("人", "f")])
    {'男': 'm', '女': 'f'}
    """
    found: dict[str, str] = {}
    twice = set()
    for form, meaning in pairs:
        if form and found.setdefault(form, meaning) != meaning:
            twice.add(form)
    return {form: meaning for form, meaning in found.items() if form not in twice}


def chinese_number(text: str) -> int | None:
    """Value of a whole number in Chinese numerals, or None.

    Parameters
    ----------
    text : str
        Simplified, without spaces: ``三千五百``, ``一万二`` (12000), ``二〇一九``, ``廿``, ``两千``, ``3千5``.

    Returns
    -------
    int or None

    Examples
    --------
    >>> [chinese_number(text) for text in ("五十二", "三千五", "一万二", "二〇一九", "廿", "十", "一百零五", "百分")]
    [52, 3500, 12000, 2019, 20, 10, 105, None]
    """
    text = text.translate(_SCORES)
    if not text or any(c not in _DIGITS and c not in _STEPS and c not in _GROUPS and not c.isdecimal() for c in text):
        return None
    if not any(c in _STEPS or c in _GROUPS for c in text):
        return int("".join(str(_DIGITS.get(c, c)) for c in text))
    return _grouped(text)


def _grouped(text: str) -> int | None:
    """Value of a number written with 万 and 亿."""
    for sign, size in sorted(_GROUPS.items(), key=lambda item: -item[1]):
        if sign in text:
            head, _, tail = text.partition(sign)
            high, low = _grouped(head), _tail(tail, size)
            return None if not high or low is None else high * size + low
    return _stepped(text)


def _tail(text: str, size: int) -> int | None:
    """What follows 万 or 亿: a single digit counts the next lower step (一万二 is 12000)."""
    if len(text) == 1 and text not in _STEPS:
        return _digit(text) * size // 10
    return _grouped(text) if text else 0


def _stepped(text: str) -> int | None:
    """Value of a number below 10000 written with 十, 百, 千."""
    total, digits, last = 0, "", 0
    for character in text:
        if character not in _STEPS:
            digits += str(_digit(character))
            continue
        step = _STEPS[character]
        if last and step >= last:
            return None
        if not digits and step > 10 and not last:
            return None
        total, digits, last = total + int(digits or 1) * step, "", step
    return None if not last and not digits else total + _units(text, digits, last)


def _units(text: str, digits: str, last: int) -> int:
    """The digits at the end: 三千五 is 3500, 三千零五 is 3005."""
    if not digits:
        return 0
    short = len(digits) == 1 and last > 10 and _digit(text[-1]) != 0
    return int(digits) * (last // 10 if short else 1)


def _digit(character: str) -> int:
    return _DIGITS[character] if character in _DIGITS else int(character)
