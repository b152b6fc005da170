"""Whether what was found is denied where it stands: 不缺人手 is no shortage, 不是不缺人手 is one.

The cues are those of Chinese. What stands inside a match is the pattern's own affair: 没人愿意来 denies nothing.
"""

import re
from functools import cache

import numpy as np

from kzsurvey.coding.rules.scanning import Joined, Scanner, make_scanner
from kzsurvey.survey.literals import united, wanted

# Words with a negative character that deny nothing; taken out before cues are counted.
_NO_DENIAL = re.compile(
    "不仅仅?|不光|不但|不只是?|不单是?|不止|不管|不论|无论|不断地?|不停地?|不免|未免|难免|免不了|避免不了|不可避免|"
    "不得不|不得已|不外乎|无非是?|不过是|不少|没少|不时|不用说|不必说|不说|不瞒你?说|不怕你?笑话|不客气地?说|"
    "没完没了地?|莫不是?|无疑|无一不|不知不觉|动不动就?|不知道(?:为什么|怎么)?|不如|不比|要不|要不是|差不多|"
    "特别|别人|别的|区别|分别|级别|个别|性别|差别|辨别|对不起|不好意思|不言而喻|不容易|不同程度|巴不得|恨不得|说不定|不一定|是不是|有没有|会不会|好不好|能不能"
)
_CUE = re.compile(
    "(?:从来没有?|从来不|从没有?|从未|从不|并没有?|并不是?|并非|并未|绝不是?|决不|绝非|不能说|不敢说|不可能|"
    "不存在|没发现|没见过?|没听说过?|未发现|未出现|未见|谈不上|说不上|算不上|称不上|不至于|不觉得|不认为|"
    "不再|不会|不能|不是|没有|没|不|未|无|非|别|杜绝|避免|防止|告别|摆脱|克服了?|消除了?|改变了|解决了|"
    "纠正了|扭转了|根治了|很少|极少|少有)$"
)
_BETWEEN = (
    "(?:出现|存在|发生|发现|什么|任何|那种|这种|那些|这些|那么|这么|怎么|多少|那样|过于|特别|一直|兴|玩|觉得|感到|感觉|认为|听到|"
    "听说|看到|遇到|碰到|因为|由于|所谓的?|村里|村上|我们|这里|这儿|本地|单位|支部|哪一?[个次年天里]|谁|人|一[个次天点些]|半点|"
    "丝毫|严重|明显|大量|以前|过去|像|把|被|让|使|搞|做|去|在|会|是|有|太|很|再|还|都|也|就|要|说|过|了|的|得|到|啥|算|走|开成|变成|成了?){0,5}"
)
_DENIAL = re.compile(f"(?P<cue>{_CUE.pattern[:-1]}){_BETWEEN}$")
_ISSUE = "(?:问题|现象|情况|状况|事情?|日子|局面|矛盾|说法|做法|困难|毛病|感觉|迹象|苗头|困扰|烦恼|倾向|习惯)"
_FRAME_BEFORE = re.compile(
    "(?:没有|没|不存在|未出现|未发现|没出现|没发现|不会有|谈不上|不会出现|无)"
    "(?:(?!解决|改变|改善|缓解|消除|重视|考虑|克服|引起|得到|办法|能力|认识|意识|想到|人|避免|杜绝|从|把).){0,14}$"
)
_FRAME_AFTER = re.compile(f".{{0,8}}?(?:的|这[种类样]|那[种类样])(?:这[种类])?{_ISSUE}")
_SOFT = (
    "(?:我们|这里|这儿|在|现在|目前|如今|已经|早已|早就|早|都|也|基本上?|完全|全部?|根本|其实|是|倒|就|再也|确实|"
    "几乎|大多|当前|得以){0,4}"
)
_GONE = (
    "(?:并?不存在|没有了|没了|没有(?=$)|不见了|解决了|(?:得到|有)了?(?:根本|明显|很大|较大|较好|有效|妥善|基本)?的?(?:解决|改善|缓解|好转|改变|改观|扭转|遏制)|"
    "改善了|缓解了|好转|好多了|扭转了|杜绝了?|消除了|消失了?|绝迹|不再|不是问题|不成问题|成为过去|成了?过去|"
    "(?:都?成)?(?:老黄历|历史)|过去式|过去了|少多了|(?:很|极)少见?(?=$|了)|少了(?:很多|许多|不少)?|不多见?(?=$|了)|不严重|不明显|不突出|(?:并?没有?|未)(?:出现|发生|发现|见)|"
    "从未|从来没|倒不|谈不上|说不上|不至于|没有的事|不是主要|以前的事|是?没有的|不符合事实|不属实|夸大)"
)
_AFTER = re.compile(f"了?(?:的?(?:这种|那种|这类|这些)?{_ISSUE})?[,，]?{_SOFT}{_GONE}")
_PAST = re.compile("以前|过去|原来|原先|前几年|前些年|早些年|早先|从前|当初|当年|那时|曾经|刚来的?时|往年|去年|早年")
_NOW_WELL = re.compile(
    "(?:现在|如今|目前|今年|这两年|这几年|近两年|近几年|后来|自从|今天|眼下|已经)"
    "(?!.{0,12}(?:更|还是|仍|依旧|越来越|也一样|照样|反而|依然|没变|没改|没有?解决|没补|老样子|还))"
    ".{0,14}(?:好|改|解决|不|没|补|涨|少|强|提高|规范|齐|够|顺|实|真|严|理顺|上来)"
)
# 该给的都给了: what is due is done, whatever is named between.
_FULFILLED = re.compile("该(给|补|配|发|办|做|干|休|还|管|落实|解决|兑现)的.{0,8}?(?:都|全|也)(?:已经?|按时)?\\1(?!不)")
_MARKS = "。!?;,… \n\t"
# Characters around a match that can deny it: more than any of these patterns spans, so long answers stay quick.
_REACH = 40
_DISOWNED = re.compile(
    "^(?:这|那|这个|这话|其实|根本|都|我看|我觉得|倒|也|并){0,3}"
    "(?:没有的事|不是这样|不是这么回事|不是事实|不属实|不对(?=$|[。,])|不存在|不同意|不认同|不准确|说得过了|夸大|言重|我不这么看|是误会)"
)


def denied(text: str, start: int, end: int, scope: tuple[int, int]) -> bool:
    """Whether the words around a match deny it.

    Parameters
    ----------
    text : str
        Folded text.
    start, end : int
        The match.
    scope : (int, int)
        The clauses the match touches.

    Returns
    -------
    bool
        True for an odd number of negations before the match, for a match that is said to be gone, and for what was so
        in the past and is said to be better now.

    Examples
    --------
    >>> denied("村里不缺人手", 3, 6, (0, 6))
    True
    >>> denied("村里不是不缺人手", 5, 8, (0, 8))
    False
    """
    before = text[max(scope[0], start - _REACH) : start]
    after = text[end : min(scope[1], end + _REACH)]
    next_clause = text[scope[1] : scope[1] + _REACH].lstrip(_MARKS)
    sentence = re.split("[。!?]", text[end : min(scope[1] + _REACH, end + 2 * _REACH)])[0]
    if _FULFILLED.search(text[max(scope[0], start - _REACH) : min(scope[1], end + _REACH)]):
        return True
    return _odd_negations(before) or _framed(before, after) or _gone(before, after, next_clause, sentence)


def may_be_denied(joined: Joined, start: np.ndarray, end: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Whether there are words around matches that :func:`denied` could act on; where not, nothing denies them.

    Parameters
    ----------
    joined : Joined, folded texts
    start, end : (matches,) arrays, places in the joined texts
    low, high : (matches,) arrays, the clauses that they touch

    Returns
    -------
    (matches,) bool array

    Notes
    -----
    Each of the patterns needs one of some strings in some place: a negation and what may stand between it and the
    match, right before the match; a word of the past before and one of the present behind it; and so on.
    """
    hits = _clues().scan(joined)
    kinds = _kinds_of_clues()
    before, after = np.maximum(low, start - _REACH), np.minimum(high, end + _REACH)
    beyond = high + _REACH
    # what leads from a negation to the match is made of a few characters only
    bridge = _bridge()[np.minimum(joined.characters, len(_bridge()) - 1)]
    place = np.arange(1, len(bridge) + 1)
    broken = np.maximum.accumulate(np.where(bridge, 0, place))  # behind the last other character
    near = np.maximum(before, np.concatenate([[0], broken])[start])

    def holds(kind: str, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        places = hits.start[kinds[kind][hits.string]]
        return np.searchsorted(places, last) > np.searchsorted(places, first)

    return (
        holds("negation", near, start)
        | holds("fulfilled", before, after)
        | holds("gone", end, after)
        | holds("disowned", high, beyond)
        | (holds("frame", before, start) & holds("issue", end, after))
        | (holds("past", before, start) & holds("now", end, np.maximum(after, end) + 2 * _REACH))
    )


_CLUES = {
    "negation": _DENIAL,
    "fulfilled": _FULFILLED,
    "gone": _AFTER,
    "disowned": _DISOWNED,
    "frame": _FRAME_BEFORE,
    "issue": _FRAME_AFTER,
    "past": _PAST,
    "now": _NOW_WELL,
}


@cache
def _strings_of_clues() -> dict[str, frozenset[str]]:
    """For each kind of denial strings of which it needs one."""
    return {kind: united(wanted(pattern.pattern).needs) for kind, pattern in _CLUES.items()}


@cache
def _clues() -> Scanner:
    return make_scanner(sorted(frozenset().union(*_strings_of_clues().values())))


@cache
def _kinds_of_clues() -> dict[str, np.ndarray]:
    """(strings,) bool array for each kind."""
    return {kind: np.array([one in those for one in _clues().strings]) for kind, those in _strings_of_clues().items()}


@cache
def _bridge() -> np.ndarray:
    """(code points,) bool array: the characters of negations and of what may stand behind them; the last for others."""
    characters = {ord(one) for one in _CUE.pattern + _BETWEEN if not one.isascii()}
    found = np.zeros(max(characters) + 2, dtype=bool)
    found[sorted(characters)] = True
    return found


def _odd_negations(before: str) -> bool:
    """Negations that govern what follows ``before``, counted from its end as long as nothing stands between them."""
    count = 0
    before = _without_false_cues(before)
    while found := _DENIAL.search(before):
        count += 1
        before = before[: found.start()]
    return count % 2 == 1


def _framed(before: str, after: str) -> bool:
    """Denied by words on both sides: 没有大家担心的…的问题."""
    return bool(_FRAME_BEFORE.search(_without_false_cues(before)) and _FRAME_AFTER.match(after))


def _gone(before: str, after: str, next_clause: str, sentence: str) -> bool:
    """Said to exist no more, to be no true account, or to be better now than it was."""
    return bool(
        _AFTER.match(after) or _DISOWNED.match(next_clause) or (_PAST.search(before) and _NOW_WELL.search(sentence))
    )


def _without_false_cues(before: str) -> str:
    return _NO_DENIAL.sub(lambda found: "□" * len(found[0]), before)
