"""Text damaged by a wrong conversion: restored where the way back is exact and clear, else told as lost."""

import re
from typing import NamedTuple

from kzsurvey.cleaning.encodings import commonness, rare

# (written back in, read again as): the wrong conversion undone
_WAYS_BACK = (
    ("latin-1", "utf-8"),
    ("cp1252", "utf-8"),
    ("cp1251", "utf-8"),
    ("gb18030", "utf-8"),
    ("cp932", "utf-8"),
    ("big5hkscs", "utf-8"),
    ("latin-1", "gb18030"),
    ("cp1252", "gb18030"),
    ("gb18030", "big5hkscs"),
    ("big5hkscs", "gb18030"),
    ("latin-1", "big5hkscs"),
    ("cp1252", "big5hkscs"),
)
_GAIN = 0.35
_CLEAR = 0.15
_GOOD = 0.45
_BAD = -0.15
_SHORTEST = 2
_ENOUGH = 6  # characters from which on rare characters alone say that a text is damaged
_LOST_MARKS = re.compile("\ufffd|锟斤拷|锟斤|斤拷|烫烫烫|屯屯屯|\\?{3,}|(?:Ã.|Â.|ï¿½){2,}")
_LOST_SHARE = 0.2
_SUSPICIOUS = re.compile("[\x80-\xff\u0152-\u0178\u0400-\u04ff]")
_USUAL_SHARE = 0.05


class Mended(NamedTuple):
    """What became of one text.

    Attributes
    ----------
    text : str or None
        None where too much is lost.
    rule : str
        How it was restored, or what is wrong; empty where nothing is.
    """

    text: str | None
    rule: str = ""


def mend(text: str) -> Mended:
    """Restore a text that went through a wrong conversion.

    Parameters
    ----------
    text : str

    Returns
    -------
    Mended
        Restored only where writing the text in the wrong encoding and reading it in the right one is exact both ways
        and gives clearly more ordinary characters than the text as it is and than every other way.

    Examples
    --------
    >>> mend("我们村里人手不够".encode("gb18030").decode("latin-1")).text
    '我们村里人手不够'
    >>> mend("人手不够，任务太重")
    Mended(text='人手不够，任务太重', rule='')
    >>> mend("ä��ä��å").text is None
    True
    """
    if text.isascii():
        return Mended(None, "only question marks are left") if re.fullmatch(r"[?\s]{3,}", text) else Mended(text)
    if sum(character > "\x7f" for character in text) < _SHORTEST:
        return Mended(text)
    if len(_SUSPICIOUS.findall(text)) <= _USUAL_SHARE * len(text) and not rare(text) and not _LOST_MARKS.search(text):
        return Mended(text)
    now = commonness(text)
    return _restored(text, now) or _judged(text, now)


def readings(text: str) -> list[str]:
    """What a damaged text may have said, gaps allowed: for looking for personal data in it, never to be shown.

    Examples
    --------
    >>> "13800138000" in readings("电话13800138000".encode().decode("gb18030", "replace"))[0]
    True
    """
    pairs = ((text.encode(wrong, "ignore").decode(right, "ignore")) for wrong, right in _WAYS_BACK)
    return [reading for reading in dict.fromkeys(pairs) if commonness(reading) >= _GOOD]


def _restored(text: str, now: float) -> Mended | None:
    """The text before the wrong conversion, where it is exact and clear."""
    found: dict[str, tuple[float, str]] = {}
    for wrong, right in _WAYS_BACK:
        try:
            before = text.encode(wrong).decode(right)
            exact = before.encode(right).decode(wrong) == text
        except UnicodeError:
            continue
        if exact and before not in found:
            found[before] = (commonness(before), f"{right} had been read as {wrong}")
    ranked = sorted(((score, rule, before) for before, (score, rule) in found.items()), reverse=True)
    if not ranked:
        return None
    score, rule, before = ranked[0]
    second = ranked[1][0] if len(ranked) > 1 else -9.0
    clear = score >= _GOOD and score - now >= _GAIN and score - second >= _CLEAR
    return Mended(before, rule) if clear else None


def _judged(text: str, now: float) -> Mended:
    """A text that cannot be restored: as it is, as it is with a warning, or lost."""
    beyond = sum(character > "\x7f" or character == "?" for character in text)
    lost = sum(len(mark) for mark in _LOST_MARKS.findall(text))
    nonsense = now < _BAD and beyond >= _ENOUGH
    if not lost and not nonsense and not _half_readable(text, now):
        return Mended(text)
    if lost and lost / beyond < _LOST_SHARE and not nonsense:
        return Mended(text, "a few characters are lost")
    return Mended(None, "damaged by a wrong conversion that cannot be undone")


def _half_readable(text: str, now: float) -> bool:
    """Whether undoing a wrong conversion, gaps allowed, would give clearly better text."""
    for reading in readings(text):
        kept = sum(character > "\x7f" for character in reading)
        score = commonness(reading)
        if kept >= _SHORTEST and kept * 3 >= len(text) and score - now >= 2 * _GAIN and score >= 2 * _GOOD - 0.2:
            return True
    return False
