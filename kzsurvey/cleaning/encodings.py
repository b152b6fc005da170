"""The encoding of a text file, judged by the text that comes out.

Most encodings decode most bytes "successfully", so success proves nothing: GB18030 reads Big5 as rare characters. Every
reading is scored by how common its characters are in ordinary writing, and by the survey's own words that appear in it.
A close race is told (``doubtful``), never hidden.
"""

import codecs
import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

from kzsurvey.cleaning.folding import simplify

# The commonest characters of modern written Chinese in general (not of any one topic), by falling frequency.
_EVERYDAY = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种"
    "事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第"
    "公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合"
    "回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总"
    "何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听"
    "白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带"
    "导争运笔快步吃六算县乡镇村七八九百千元岁男女州省组织干支党职员镇街访农满足够缺修养林牧医病药房屋钱款费贫困难岗待遇"
)
_HALF_WIDTH_KANA = range(0xFF61, 0xFFA0)
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# Any bytes are letters in a one-byte encoding; that they also are whole characters of two bytes is rarely chance.
_CANDIDATES = {"gb18030": 0.0, "big5hkscs": 0.0, "cp932": 0.0, "cp1252": -0.15, "cp1251": -0.15}
_SAMPLE = 20_000
_MARGIN = 0.15
_BROKEN_UTF8_SHARE = 0.05
_WIDE_SHARE = 0.02  # a stray zero byte is damage, not UTF-16; Chinese in UTF-16 has them in its commas and line ends
_WORD_START = re.compile(r"(?<=[^\W\d_])[A-ZÀ-ÖØ-ÞА-ЯЁ](?=[^\W\d_])|(?<=[a-zà-öø-ÿа-яё])[A-ZÀ-ÖØ-ÞА-ЯЁ]")


class Decoded(NamedTuple):
    """A file's text.

    Attributes
    ----------
    text : str
    encoding : str
        Python's name of the encoding.
    doubtful : bool
        Another encoding is nearly as likely, or some bytes fit none.
    """

    text: str
    encoding: str
    doubtful: bool


def decode(data: bytes, *, words: Collection[str] = ()) -> Decoded:
    r"""Text of a file whose encoding nobody stated.

    Parameters
    ----------
    data : bytes
    words : collection of str
        Words likely to be in it, such as the labels of the form: evidence, never proof.

    Returns
    -------
    Decoded

    Notes
    -----
    The ladder: byte order mark; strict UTF-8; UTF-16 where every second byte is zero; else the best score among
    GB18030, Big5 (HKSCS), Shift-JIS (cp932), Windows-1252 and Windows-1251.

    Examples
    --------
    >>> decode("县,人数\n阿图什,12\n".encode("gb18030"))
    Decoded(text='县,人数\n阿图什,12\n', encoding='gb18030', doubtful=False)
    >>> decode("縣,人數\n烏恰,7\n".encode("big5")).encoding
    'big5hkscs'
    """
    for mark, encoding in _BOMS:
        if data.startswith(mark):
            return _with_mark(data, encoding)
    if data[:2000].count(0) > _WIDE_SHARE * len(data[:2000]):
        return _wide(data)
    try:
        return Decoded(data.decode("utf-8"), "utf-8", doubtful=False)
    except UnicodeDecodeError:
        return _judged(data, words)


def commonness(text: str) -> float:
    """How ordinary the characters beyond ASCII of a text are: about 1 for everyday writing, below 0 for nonsense.

    Parameters
    ----------
    text : str

    Returns
    -------
    float
        Mean weight per character beyond ASCII; 0 where there is none.

    Examples
    --------
    >>> nonsense = "我们村里的人不够".encode("gb18030").decode("big5hkscs", "replace")
    >>> commonness("我们村里的人不够") > 0.6 > 0.2 > commonness(nonsense)
    True
    """
    beyond = [character for character in simplify(text) if character > "\x7f"]
    if not beyond:
        return 0.0
    counts = Counter(beyond)
    total = sum(_weight(character) * number for character, number in counts.items())
    return (total - 1.5 * len(_WORD_START.findall(text))) / len(beyond)


def rare(text: str, *, share: float = 0.05) -> bool:
    """Whether more than a share of the characters beyond ASCII are out of the ordinary.

    Examples
    --------
    >>> rare("人手不够，任务太重"), rare("鎴戜滑鏉戦噷浜烘墜")
    (False, True)
    """
    counts = Counter(character for character in text if character > "\x7f")
    strange = sum(number for character, number in counts.items() if _simple_weight(character) <= 0)
    return strange > share * counts.total()


@functools.cache
def _simple_weight(character: str) -> float:
    """Weight of a character in its simplified form."""
    return _weight(simplify(character)[:1])


def _with_mark(data: bytes, encoding: str) -> Decoded:
    """Text of a file that names its encoding itself; bytes that do not fit become U+FFFD and a doubt."""
    try:
        return Decoded(data.decode(encoding), encoding, doubtful=False)
    except UnicodeDecodeError:
        return Decoded(data.decode(encoding, "replace"), encoding, doubtful=True)


def _wide(data: bytes) -> Decoded:
    """Text of a file in UTF-16 without a mark: zeros stand at odd places in little endian, at even ones in big."""
    sample = data[:2000]
    encoding = "utf-16-le" if sample[1::2].count(0) >= sample[0::2].count(0) else "utf-16-be"
    return Decoded(data.decode(encoding, "replace"), encoding, doubtful=True)


def _judged(data: bytes, words: Collection[str]) -> Decoded:
    """The reading with the best score."""
    broken = _broken_utf8(data)
    if broken is not None:
        return broken
    sample = _sample(data)
    scores = {encoding: _score(sample, encoding, words) for encoding in _CANDIDATES}
    ranked = sorted(_CANDIDATES, key=lambda encoding: -scores[encoding])
    best, second = ranked[:2]
    text = data.decode(best, "replace")
    doubtful = scores[best] - scores[second] < _MARGIN or "\ufffd" in text
    return Decoded(text, best, doubtful)


def _broken_utf8(data: bytes) -> Decoded | None:
    """UTF-8 with a few bytes damaged is still UTF-8: nothing else makes so many valid sequences by chance."""
    text = data.decode("utf-8", "replace")
    beyond = sum(character > "\x7f" for character in text[:_SAMPLE])
    wrong = text[:_SAMPLE].count("\ufffd")
    if beyond and wrong / beyond < _BROKEN_UTF8_SHARE:
        return Decoded(text, "utf-8", doubtful=True)
    return None


def _sample(data: bytes) -> bytes:
    """The lines with bytes beyond ASCII, up to a size that is judged quickly."""
    lines, size = [], 0
    for line in data.splitlines(keepends=True):
        if not line.isascii():
            lines.append(line)
            size += len(line)
            if size > _SAMPLE:
                break
    return b"".join(lines)


def _score(sample: bytes, encoding: str, words: Collection[str]) -> float:
    """Commonness of a reading, plus up to one half for the survey's own words in it."""
    text = sample.decode(encoding, "replace")
    plain = simplify(text)
    found = sum(word in plain for word in words)
    return commonness(text) + min(found, 5) / 10 + _CANDIDATES[encoding]


@functools.cache
def _weight(character: str) -> float:
    """Weight of one character beyond ASCII."""
    if character in _everyday():
        return 1.0
    if character in _ordinary():
        return 0.35
    code = ord(character)
    if code in _HALF_WIDTH_KANA:
        return -0.5
    for first, last, weight in _BLOCKS:
        if first <= code <= last:
            return weight
    return _CATEGORIES.get(unicodedata.category(character), -0.3)


_BLOCKS = (
    (0x00C0, 0x024F, 0.5),  # Latin letters with marks
    (0x0400, 0x04FF, 0.5),  # Cyrillic
    (0x0600, 0x06FF, 0.6),  # Arabic
    (0x0750, 0x077F, 0.6),
    (0x2010, 0x2027, 0.5),  # dashes and quotation marks
    (0x3000, 0x3011, 0.7),  # 、。《》「」【】
    (0x3041, 0x30FF, 0.6),  # kana
    (0xAC00, 0xD7A3, 0.4),  # Hangul
    (0xFF01, 0xFF5E, 0.5),  # full width
    (0x3400, 0x9FFF, -0.7),  # every other Chinese character is rare
)
_CATEGORIES = {"Co": -2.0, "Cn": -2.0, "Cc": -2.0, "So": -0.5, "Lo": 0.0}


@functools.cache
def _everyday() -> frozenset[str]:
    return frozenset(_EVERYDAY)


@functools.cache
def _ordinary() -> frozenset[str]:
    """Level 1 of GB 2312: the 3755 characters in general use."""
    rows = (bytes((first, second)) for first in range(0xB0, 0xD8) for second in range(0xA1, 0xFF))
    return frozenset("".join(row.decode("gb2312", "ignore") for row in rows))
