"""Open answers are screened for people: names, phones, identity numbers, addresses, accounts become placeholders.

The screen rather takes a word too many where it says who somebody is, and never takes a place or office of the form.
"""

import functools
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from kzsurvey.cleaning.folding import simplify
from kzsurvey.cleaning.surnames import (
    COMPOUND_SURNAMES,
    GIVEN_ENDINGS,
    GIVEN_NAMES,
    NOT_AFTER,
    NOT_GIVEN,
    NOT_NAMES,
    PLACE_AFTER,
    SOUNDS,
    SURNAMES,
    TITLED_SURNAMES,
    TITLES,
)

PLACEHOLDERS: Mapping[str, Mapping[str, str]] = {
    "zh": {"name": "[姓名]", "phone": "[电话]", "identity": "[身份证号]", "mail": "[邮箱]", "account": "[账号]"},
    "en": {"name": "[name]", "phone": "[phone]", "identity": "[id number]", "mail": "[e-mail]", "account": "[account]"},
}
PLACEHOLDER = re.compile("|".join(re.escape(word) for words in PLACEHOLDERS.values() for word in words.values()))

_HAN = "\u4e00-\u9fff"
_GAP = r"[\s\-–—.·]{0,2}"
_MAIL = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_IDENTITY = re.compile(r"(?<!\d)[1-9](?:[\s-]?\d){16}[\s-]?[\dXx](?![\dA-Za-z])|(?<!\d)[1-9]\d{14}(?!\d)")
_MOBILE = re.compile(rf"(?<!\d)(?:(?:\+|00)?86{_GAP})?1{_GAP}[3-9](?:{_GAP}\d){{9}}(?!\d)")
_LANDLINE = re.compile(r"(?<![\d.])\(?0\d{2,3}\)?[\s\-–—]{0,2}\d(?:[\s-]?\d){6,7}(?!\d)")
_CARD = re.compile(r"(?<!\d)\d(?:[\s-]?\d){11,18}(?!\d)")
_CALLED = re.compile(r"(?:电话|手机|号码|座机|固话|联系方式|[Tt]el|[Pp]hone)[^\d\n]{0,6}(\d(?:[\s-]?\d){5,12})(?!\d)")
_ACCOUNT = re.compile(
    r"(?:(?:微信|薇信|[Vv]信)(?:号|[Ii][Dd])?码?[\s::是为叫]*|(?<![A-Za-z0-9])(?:wechat|weixin|wx|vx)(?:号|id)?[\s::是为叫号]+)"
    r"([A-Za-z][A-Za-z0-9_-]{4,19}|\d{5,11})"
    r"|(?<![A-Za-z0-9])qq(?:号码?|群)?[\s::是为]*(\d{5,11})",
    re.IGNORECASE,
)
_DIGIT_SIGNS = str.maketrans("〇零○一壹幺二贰三叁四肆五伍六陆七柒八捌九玖", "0001112233445566778899")
_STRONG = re.compile(
    "(?:我叫|名叫|名字叫做?|名字是|叫做|取名|姓名(?:是|叫)?|联系人(?:是|叫)?|负责人(?:是|叫)|经办人(?:是)?|受访人|被访人|访谈对象|签名|本人(?:是|叫))"
    r"[\s::是]*"
)
_WEAK = re.compile(
    "(?:[村队乡镇组]里的|单位的|社区的|隔壁的?|邻居|同事|我是|找|联系|请教|有个叫|一个叫|有人叫|叫|名为|姓名)"
)
_LATIN_NAME = r"[A-Z][a-z'’-]+(?:\s+[A-Z][a-z'’-]+){0,2}"
_LATIN = (
    re.compile(
        r"(?:[Mm]y name is|I am called|[Nn]ame\s*:|[Cc]ontact(?: person)?\s*:?|ask for|我叫|名叫|姓名:?)"
        rf"\s*({_LATIN_NAME})"
    ),
    re.compile(rf"\b(?:Mr|Mrs|Ms|Miss|Dr|Secretary|Director|Teacher|Captain)\b\.?\s+({_LATIN_NAME})"),
)
_CYRILLIC_WORD = "[А-ЯЁӨҮҢ][а-яёөүң]+"
_CYRILLIC = (
    re.compile(
        rf"(?:[Мм]енин атым|[Аа]тым|[Мм]еня зовут|[Аа]ты-жөнү)[\s::]*({_CYRILLIC_WORD}(?:\s+{_CYRILLIC_WORD})?)"
    ),
    re.compile(rf"\b({_CYRILLIC_WORD}(?:\s+{_CYRILLIC_WORD})?\s+(?:уулу|кызы))\b"),
    re.compile(rf"\b({_CYRILLIC_WORD}(?:ова|ов|ева|ев|бекова?|баева?)(?:\s+{_CYRILLIC_WORD})?)\b"),
)
_ARABIC = (
    re.compile(r"(?:ئىسمىم|ئاتىم|اسمي|атым)[\s::]*([\u0600-\u06ff]+(?:\s+[\u0600-\u06ff]+)?)"),
    re.compile(r"([\u0600-\u06ff]{3,})\s+(?:شۇجى|مۇدىر)"),
)
_TITLED = re.compile(
    rf"(?=((?:{'|'.join(COMPOUND_SURNAMES)}|[{''.join(sorted(TITLED_SURNAMES))}])([{_HAN}]{{0,2}}?)(?:{TITLES})))"
)
_TITLE_FIRST = re.compile(
    rf"(?:书记|主任|队长|老师|镇长|乡长|村长|支书|干部|医生|同志)((?:{'|'.join(COMPOUND_SURNAMES)}|[{''.join(sorted(TITLED_SURNAMES))}])[{_HAN}]{{2}})"
    r"(?=$|[\s,.;:!?、。()]|[的是说在]|两次|也|都)"
)
_CHINESE_NAME = re.compile(rf"(?:{'|'.join(COMPOUND_SURNAMES)}|[{SURNAMES}])[{_HAN}]{{1,2}}")
_AFTER_NAME = frozenset("反办处解帮签报领谈聊咨了就去来说也都的在是和跟与,.;:!?、。() \n以从被将先")
_DOT = "[·•‧・]"
_DOTTED = re.compile(
    rf"[{SOUNDS}]{{1,8}}(?:{_DOT}[{SOUNDS}]{{2,8}})+"
    rf"|[{SOUNDS}]{{1,8}}{_DOT}(?:(?![最很太真反办说讲就去来也都的在是和跟与家他她了])[{_HAN}]){{1,4}}"
)
_WITH_CONTACT = re.compile(
    rf"(?=((?:{'|'.join(COMPOUND_SURNAMES)}|[{''.join(sorted(TITLED_SURNAMES))}])([{_HAN}]{{1,2}})"
    r"[\s,:()]{0,2}(?:他|她|其|本人)?的?(?:电话|手机|号码|身份证|微信|联系方式|联系电话)))"
)
_SOUNDING = re.compile(
    "|".join(rf"[{SOUNDS}]{{{fewest},5}}(?:{endings})" for fewest, endings in GIVEN_ENDINGS)
    + rf"|(?:{GIVEN_NAMES})(?:{GIVEN_NAMES})?"
)
_HINTS = re.compile(
    rf"\d[\s\d–—-]{{5,}}|@|[QqＱ]|[Ww]|[Vv]|微信|薇信|叫|姓名|找|联系|请教|人是|受访|里的|位的|区的|隔壁|邻居|同事|电话|手机|号码|身份证|被访|访谈对象|签名|我是|本人|{TITLES}|干部|[·•‧・]"
)


class Span(NamedTuple):
    """A stretch of a text that tells who somebody is."""

    start: int
    end: int
    kind: str


@dataclass(frozen=True)
class Screen:
    """What a survey adds to the general rules.

    Attributes
    ----------
    places : frozenset of str
        Places and offices of the form, as compared; never taken for names.
    people : mapping of the first two characters to names, as compared
        People who are known from the delivered files themselves.
    numbers : frozenset of str
        Their phone and identity numbers, digits only.
    """

    places: frozenset[str]
    people: Mapping[str, tuple[str, ...]]
    numbers: frozenset[str] = frozenset()


def make_screen(*, places: Iterable[str] = (), people: Iterable[str] = (), also: Iterable[str] = ()) -> Screen:
    """Prepare a screen.

    Parameters
    ----------
    places : iterable of str
        Labels and aliases of options: words that are never names.
    people : iterable of str
        Values of direct identifiers in the delivered files; what is no name and no number is left out.
    also : iterable of str
        Further names, as given in survey.toml.

    Returns
    -------
    Screen

    Examples
    --------
    >>> make_screen(people=["王建國", "138 0013 8000", ""]).people
    {'王建': ('王建国',)}
    """
    kept = frozenset(shadow(place).casefold() for place in places if len(place) > 1)
    index: dict[str, set[str]] = {}
    numbers = set()
    for person in {shadow(" ".join(person.split())).casefold() for person in (*people, *also)}:
        digits = re.sub(r"\D", "", person)
        if len(digits) >= 7:
            numbers.add(digits)
        elif _is_name(person) and person not in kept:
            index.setdefault(person[:2], set()).add(person)
    by_length = {
        start: tuple(sorted(names, key=lambda name: (-len(name), name))) for start, names in sorted(index.items())
    }
    return Screen(kept, by_length, frozenset(numbers))


def _is_name(person: str) -> bool:
    """Whether a delivered value may be looked for in texts: two characters or more, and no ordinary word."""
    if any(character.isdigit() for character in person):
        return len(person) >= 5 and not person.isdigit()
    return (2 if not person.isascii() else 4) <= len(person) <= 40 and person not in NOT_NAMES


def screen_text(text: str, screen: Screen, *, names: bool = True) -> str:
    """A text without personal data.

    Parameters
    ----------
    text : str
        An open answer.
    screen : Screen
    names : bool
        Look for names; without it, for numbers and addresses only.

    Returns
    -------
    str
        Placeholders in Chinese where the text has Chinese characters, else in English.

    Examples
    --------
    >>> screen = make_screen(places=["阿图什市"])
    >>> screen_text("阿图什市的王书记电话是１３８ ００１３ ８０００，找买买提·艾力也行", screen)
    '阿图什市的[姓名]书记电话是[电话]，找[姓名]也行'
    >>> screen_text("第一书记和村支书都很忙，县委书记也来检查", screen)
    '第一书记和村支书都很忙，县委书记也来检查'
    """
    spans = find_personal(text, screen, names=names)
    if not spans:
        return text
    words = PLACEHOLDERS["zh" if re.search(f"[{_HAN}]", text) else "en"]
    parts, position = [], 0
    for span in spans:
        parts += [text[position : span.start], words[span.kind]]
        position = span.end
    return "".join([*parts, text[position:]])


def find_personal(text: str, screen: Screen, *, names: bool = True) -> list[Span]:
    """Where a text tells who somebody is: spans in order, none inside another; without ``names`` only by numbers."""
    plain = shadow(text)
    if not names:
        return _apart(list(_numbers(plain, screen)))
    found = [Span(at, end, "name") for at, end in _known_people(plain.casefold(), screen)]
    if _HINTS.search(plain) or not plain.isascii():
        found = [*_numbers(plain, screen), *found, *_names(plain, screen)]
    elif re.search(r"\d{5}|@|[A-Z]", plain):
        found = [*_numbers(plain, screen), *found, *_foreign_names(plain)]
    return _apart(found)


def _apart(found: list[Span]) -> list[Span]:
    """Spans without overlap: the earlier kinds in the list win, touching names become one."""
    kept: list[Span] = []
    for span in found:
        if all(span.end <= other.start or span.start >= other.end for other in kept):
            kept.append(span)
    return sorted(kept)


@functools.cache
def _plain(character: str) -> str:
    """A character in ordinary width, simplified; always one character, so that positions stay."""
    normal = unicodedata.normalize("NFKC", character)
    normal = normal if len(normal) == 1 else character
    simple = simplify(normal)
    return simple if len(simple) == 1 else normal


def shadow(text: str) -> str:
    """A text of the same length in which every character stands in ordinary width and simplified.

    Examples
    --------
    >>> shadow("電話１３８")
    '电话138'
    """
    return text if text.isascii() else text.translate({ord(sign): _plain(sign) for sign in set(text)})


# numbers


def _numbers(plain: str, screen: Screen) -> Iterator[Span]:
    """Numbers and addresses by which somebody can be reached or looked up."""
    digits = plain.translate(_DIGIT_SIGNS)
    yield from (Span(*match.span(), "mail") for match in _MAIL.finditer(plain))
    yield from (Span(*match.span(match.lastindex), "account") for match in _ACCOUNT.finditer(plain))
    yield from (Span(*match.span(), "identity") for match in _IDENTITY.finditer(digits) if _is_identity(match.group()))
    yield from (Span(*match.span(), "account") for match in _CARD.finditer(digits) if _length(match.group()) >= 16)
    for pattern in (_MOBILE, _LANDLINE):
        yield from (Span(*match.span(), "phone") for match in pattern.finditer(digits))
    yield from (Span(*match.span(), "account") for match in _CARD.finditer(digits) if luhn(match.group()))
    yield from (Span(*match.span(1), "phone") for match in _CALLED.finditer(digits))
    if screen.numbers:
        yield from _known_numbers(digits, screen)


def _length(written: str) -> int:
    return sum(sign.isdigit() for sign in written)


def _known_numbers(digits: str, screen: Screen) -> Iterator[Span]:
    for match in re.finditer(r"\d(?:[\s-]?\d){6,}", digits):
        if re.sub(r"\D", "", match.group()) in screen.numbers:
            yield Span(*match.span(), "phone")


def _is_identity(written: str) -> bool:
    """An identity number: 18 signs with the right check sign or a plausible day of birth, or 15 digits with one."""
    number = re.sub(r"[\s-]", "", written)
    if len(number) == 15:
        return _is_day(number[8:10], number[10:12])
    return identity_check(number[:17]) == number[17].upper() or _is_day(number[10:12], number[12:14])


def _is_day(month: str, day: str) -> bool:
    return 1 <= int(month) <= 12 and 1 <= int(day) <= 31


def identity_check(digits: str) -> str:
    """The check sign of an 18-digit identity number (GB 11643, ISO 7064 MOD 11-2).

    Examples
    --------
    >>> identity_check("11010519491231002")
    'X'
    """
    weights = [2**power % 11 for power in range(17, 0, -1)]
    return "10X98765432"[sum(weight * int(digit) for weight, digit in zip(weights, digits, strict=True)) % 11]


def luhn(number: str) -> bool:
    """Whether a number, however it is spaced, passes the check of bank cards (ISO/IEC 7812).

    Examples
    --------
    >>> luhn("4111111111111111"), luhn("4111111111111112")
    (True, False)
    """
    digits = [int(sign) for sign in number if sign.isdigit()]
    doubled = [digit * (1 + place % 2) for place, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


# names


def _known_people(plain: str, screen: Screen) -> Iterator[tuple[int, int]]:
    """People known from the files, wherever they are named."""
    if screen.people:
        starts = [start for start in range(len(plain) - 1) if plain[start : start + 2] in screen.people]
        found = ((start, _known_at(plain, start, screen.people)) for start in starts)
        yield from ((start, end) for start, end in found if end)


def _known_at(plain: str, start: int, people: Mapping[str, tuple[str, ...]]) -> int:
    """End of the longest known name that starts here, or 0; a name in letters is a whole word."""
    for name in people.get(plain[start : start + 2], ()):
        end = start + len(name)
        if plain.startswith(name, start) and not (_joins(plain, start - 1, start) or _joins(plain, end - 1, end)):
            return end
    return 0


def _joins(plain: str, left: int, right: int) -> bool:
    """Whether two neighbouring characters belong to one word of letters."""
    inside = left >= 0 and right < len(plain)
    return inside and all(plain[at].isalnum() and not "\u3400" <= plain[at] <= "\u9fff" for at in (left, right))


def _names(plain: str, screen: Screen) -> list[Span]:
    """Names by what stands around them or by how they sound; places of the form are none."""
    found = [
        *(Span(*match.span(), "name") for match in _DOTTED.finditer(plain)),
        *(Span(start, end, "name") for start, end in _introduced(plain)),
        *(Span(start, end, "name") for start, end in _with_title(plain)),
        *(Span(start, end, "name") for start, end in _by_sound(plain)),
        *_foreign_names(plain),
    ]
    return [span for span in found if not _is_place(plain, span, screen)] if found else []


def _introduced(plain: str) -> Iterator[tuple[int, int]]:
    """我叫王建国, 联系人：李红、张明; after a weaker word (找, 叫) only where the name ends there."""
    for match in _STRONG.finditer(plain):
        end = match.end()
        while name := _name_at(plain, end):
            yield end, name
            end = name + 1 if plain[name : name + 1] and plain[name] in "、和跟与及" else len(plain)
    for match in _WEAK.finditer(plain):
        end = _name_at(plain, match.end(), titled=True)
        if end and (end == len(plain) or plain[end] in _AFTER_NAME or re.match(TITLES, plain[end:])):
            yield match.end(), end


def _name_at(plain: str, start: int, *, titled: bool = False) -> int:
    """End of the Chinese name that starts here, or 0."""
    if sounding := _DOTTED.match(plain, start) or _SOUNDING.match(plain, start):
        return sounding.end()
    match = _CHINESE_NAME.match(plain, start)
    if not match or plain[start : start + 2] in NOT_NAMES or (titled and plain[start] not in TITLED_SURNAMES):
        return 0
    surname = 2 if plain[start : start + 2] in COMPOUND_SURNAMES else 1
    given = plain[start + surname : match.end()]
    length = next(
        (number for number, sign in enumerate(given) if sign in NOT_GIVEN or (number and sign in _AFTER_NAME)),
        len(given),
    )
    return start + surname + length if length else 0


def _with_title(plain: str) -> Iterator[tuple[int, int]]:
    """王书记, 张建国主任, 主任张建国, 张建国的电话."""
    for match in (*_TITLED.finditer(plain), *_WITH_CONTACT.finditer(plain)):
        start, given = match.start(1), match.group(2)
        surname = match.group(1)[: 2 if match.group(1)[:2] in COMPOUND_SURNAMES else 1]
        end = start + len(surname) + len(given)
        before = plain[start - 1] if start else ""
        named = not set(given) & NOT_GIVEN and plain[start : start + 2] not in NOT_NAMES
        if named and not (before and before in NOT_AFTER.get(surname, "")) and not (given and len(surname + given) < 2):
            yield start, end
    for match in _TITLE_FIRST.finditer(plain):
        name = match.group(1)
        if name[:2] not in NOT_NAMES and not set(name[1:]) & NOT_GIVEN:
            yield match.span(1)


def _by_sound(plain: str) -> Iterator[tuple[int, int]]:
    """Transliterated names without a dot; a place by that name is none."""
    for match in _SOUNDING.finditer(plain):
        after = plain[match.end() : match.end() + 1]
        if not (after and after in PLACE_AFTER) and len(match.group()) >= 2:
            yield match.span()


def _foreign_names(plain: str) -> list[Span]:
    """Names in Latin, Cyrillic and Arabic letters, by what stands around them."""
    patterns = [pattern for needed, group in _LETTERS if needed.search(plain) for pattern in group]
    return [Span(*match.span(1), "name") for pattern in patterns for match in pattern.finditer(plain)]


_LETTERS = (
    (re.compile("[A-Z][a-z]"), _LATIN),
    (re.compile("[А-ЯЁӨҮҢ]"), _CYRILLIC),
    (re.compile("[\u0600-\u06ff]"), _ARABIC),
)


def _is_place(plain: str, span: Span, screen: Screen) -> bool:
    """Whether a place of the form stands where a name was seen."""
    around = plain[max(0, span.start - 8) : span.end + 8].casefold()
    offset = span.start - max(0, span.start - 8)
    longest = min(12, len(around))
    for start in range(offset + 1):
        for end in range(min(len(around), start + longest), offset, -1):
            if around[start:end] in screen.places and end > offset and end - start >= 2:
                return True
    return False


def placeholders_in(texts: Collection[str]) -> dict[str, str]:
    """The placeholders in each text that has any, with a space between."""
    return {text: " ".join(PLACEHOLDER.findall(text)) for text in texts if "[" in text and PLACEHOLDER.search(text)}
