"""Many texts at once give what each gives alone, looked at match by match."""

import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kzsurvey.coding import code_texts, compile_rules, fold
from kzsurvey.coding.rules.deciding import judged, read_text, stands
from kzsurvey.coding.rules.negation import denied, may_be_denied
from kzsurvey.coding.rules.scanning import join, make_scanner
from kzsurvey.coding.rules.settling import Spans, settle
from kzsurvey.coding.rules.text import borders_of, clause, clause_borders, clauses
from kzsurvey.survey.literals import wanted

RULES = {
    "C1": {"pattern": "人手不够\n缺人手?\n人手|手不够用|人手不", "exclude": "外地\n手册 IN answer"},
    "C2": {"pattern": "工资(?:太|很|.{0,2}真)?低\n没?钱[。,]?(?=少|$)"},
    "C2.1": {"pattern": "工资太低\n低了", "parent": "C2"},
    "C3": {"pattern": "缺人 AND 工资\n@C2 NEAR/4 累", "exclude": "不累"},
    "C4": {"pattern": "(?i:WiFi).?差\n.累.\n[^。]{1,3}少\n差(?=.?$)"},
}
PIECES = [
    "缺人", "人手", "不够", "用", "工资", "太低", "低", "很", "真", "钱", "少", "累", "外地", "手册",
    "wifi", "差", "不", "没有", "不是",
    "的问题", "以前", "现在好了", "但是", "不过", "。", "，", "；", "\n", "…", " ", "3.5", ".", "㎡",
    "該", "解决了", "没有的事", "从来", "都",
]  # fmt: skip
TEXTS = st.lists(st.lists(st.sampled_from(PIECES), max_size=14).map("".join), max_size=6)
QUIET = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)


def one_by_one(text, rules):
    """The codes of a text by looking at each line of each rule, without any shortcut."""
    folded = fold([text])[0]
    reading = read_text(folded.text, rules)
    found = [one for rule in rules.schemes["trouble"] for one in judged(rule, reading) if not one.why]
    places = [one.found for one in stands(found, rules.above)]
    return sorted((*folded.span(one.start, one.end), one.code, one.number) for one in places)


@QUIET
@given(TEXTS)
def test_texts_read_together_give_what_each_gives_alone(with_codes, texts):
    rules = compile_rules(with_codes(RULES))
    together = [sorted(map(tuple, found)) for found in code_texts(texts, rules)]
    assert together == [one_by_one(text, rules) for text in texts]


@pytest.mark.parametrize(
    ("pattern", "text", "count"),
    [
        ("差(?=.?$)", "差。少", 0),
        ("差(?=.?$)", "差。", 1),
        ("差(?!。)", "差。差", 1),
        ("(?<=。)差", "少。差", 1),
        ("差$", "差。\n", 0),
    ],
)
def test_an_expression_that_looks_beyond_its_sentence_sees_the_whole_text(spans, pattern, text, count):
    assert len(spans(text, {"C1": {"pattern": pattern}})) == count


@QUIET
@given(TEXTS)
def test_borders_of_many_texts_are_those_of_each(texts):
    folded = [one.text for one in fold(texts)]
    joined = join(folded)
    starts, ends = (places.tolist() for places in borders_of(joined))
    begins = joined.starts.tolist()
    expected = [(begins[n] + a, begins[n] + b) for n, text in enumerate(folded) for a, b in clause_borders(text)]
    assert list(zip(starts, ends, strict=True)) == expected


@QUIET
@given(TEXTS)
def test_nothing_is_denied_where_no_word_around_could_deny_it(texts):
    folded = [one.text for one in fold(texts)]
    joined = join(folded)
    places = [(n, *one.span()) for n, text in enumerate(folded) for one in re.finditer("人手|缺人|工资|低|累|钱", text)]
    text, start, end = np.array(places, dtype=np.int64).reshape(-1, 3).T
    start, end = start + joined.starts[text], end + joined.starts[text]
    low, high = clauses(joined, borders_of(joined), start, end)
    doubtful = may_be_denied(joined, start, end, low, high)
    for (n, first, last), doubt, *scope in zip(places, doubtful, low, high, strict=True):
        own = clause(folded[n], clause_borders(folded[n]), first, last)
        assert own == tuple(int(one - joined.starts[n]) for one in scope)
        assert doubt or not denied(folded[n], first, last, own)


@given(
    st.lists(st.text("人手缺少", min_size=1, max_size=4), min_size=1, max_size=8),
    st.lists(st.text("人手缺少钱𠀀", max_size=12), max_size=4),
)
def test_the_scanner_finds_every_place_of_every_string(strings, texts):
    scanner = make_scanner(strings)
    joined = join(texts)
    hits = scanner.scan(joined)
    found = sorted((int(start), scanner.strings[number]) for start, number in zip(*hits, strict=True))
    expected = [
        (int(joined.starts[n]) + place, one)
        for n, text in enumerate(texts)
        for one in set(strings)
        for place in range(len(text))
        if text.startswith(one, place)
    ]
    assert found == sorted(expected)


PATTERNS = [
    "人手不[够足]", "缺人|缺人手", "(?:a|ab){0,2}", "(?:很|太)?低(?!保)", "(?i:WiFi差)", "人.{0,3}[少缺]",
    "(?:工资|补贴)(?:[^。]{0,4})低", "不?够",
    "(?<!不)缺(?=人|钱)", "[一-十]个", "(?:没|不)(?:人|钱)?(?:来|去)|走了", "缺+人", "(?:人|手)*缺",
]  # fmt: skip


@pytest.mark.parametrize("pattern", PATTERNS)
@given(text=st.text("人手不够足缺很太低保wifi差少工资补贴。没来去走了一十个钱ab", max_size=15))
def test_what_a_pattern_is_said_to_need_is_in_every_text_that_it_matches(pattern, text):
    known = wanted(pattern)
    for one in re.finditer(pattern, text):
        if one[0]:
            assert known.needs is None or any(all(any(s in text for s in of) for of in both) for both in known.needs)
            assert known.starts is None or text.startswith(tuple(known.starts), one.start())
            assert known.ahead is None or not set(one[0]) & set("。!?;")
    if known.strings is not None:
        by_strings = re.compile("|".join(map(re.escape, known.strings)))
        assert [one.span() for one in by_strings.finditer(text)] == [one.span() for one in re.finditer(pattern, text)]


def test_matches_that_lose_to_one_that_loses_itself_are_kept():
    joined = join(["abcdefghij"])
    start, end = np.array([0, 2, 5]), np.array([3, 7, 8])
    spans = Spans(start, end, np.zeros(3, dtype=np.int64), np.array([1, 2, 3]))
    stand, _ = settle(spans, joined, ["abcdefghij"], np.zeros(1, dtype=np.int64), {})
    assert stand.start.tolist() == [0, 5]
