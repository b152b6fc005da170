"""Codings on texts that changed: found where one place fits, else left for a person, never moved silently."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kzsurvey.coding import entry, fingerprint
from kzsurvey.coding.codings.anchoring import anchored, texts_of

QUOTE = "客人也少"  # of M04: 摊位费年年涨，客人也少


def anchor(old, new, start, end):
    """The words that a coding of old[start:end] stands on in the new text, and how it got there."""
    made = entry("add", "i", "q", old, start=start, end=end, code="A")
    spans = pd.DataFrame([made._asdict()]).assign(placed=False).astype({"start": "Int64", "end": "Int64"})
    interviews = pd.DataFrame({"q": pd.Series([new], index=["i"], dtype="str")})
    row = anchored(spans, texts_of(interviews, spans)).spans.iloc[0]
    words = None if row["start"] is pd.NA or new is None else new[row["start"] : row["end"]]
    return words, row["place"]


OLD = "摊位费年年涨，客人也少"


@pytest.mark.parametrize(
    ("new", "words", "place"),
    [
        (OLD, "客人也少", "as coded"),
        ("摊位费年年都涨，客人也少", "客人也少", "found"),  # it still ends the text
        ("嗯。摊位费年年涨，客人也少", "客人也少", "found"),
        ("攤位費年年漲，客人也少", "客人也少", "found"),
        ("摊位费年年涨，客人也少。客人也少", "客人也少", "lost"),  # one behind the old words, the other at the end
        ("摊位费年年涨，顾客也少", None, "lost"),
        ("客人也少的时候，客人也少说话", None, "lost"),
        ("别的话", None, "lost"),
        ("别处客人也少些", None, "lost"),  # the words are there once, and nothing of what was around them
        (None, None, "gone"),
    ],
)
def test_a_coding_finds_its_words_again_or_is_lost(new, words, place):
    assert anchor(OLD, new, 7, 11) == (words if place in ("as coded", "found") else None, place)


def test_the_second_of_two_like_words_is_not_taken_for_the_first():
    old = "租金高，别处租金低"
    made = entry("add", "i", "q", old, start=6, end=8, code="A")
    spans = pd.DataFrame([made._asdict()]).assign(placed=False).astype({"start": "Int64", "end": "Int64"})
    interviews = pd.DataFrame({"q": pd.Series(["嗯，" + old], index=["i"], dtype="str")})
    assert anchored(spans, texts_of(interviews, spans)).spans["start"].tolist() == [8]


def test_words_that_fit_two_places_are_lost():
    assert anchor("高高高高", "高高高高高", 1, 2) == (None, "lost")
    assert anchor("缺人。缺人。", "嗯缺人。缺人。缺人。", 3, 5) == (None, "lost")


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [("３０㎡的辦公室太小", "30m2的办公室太小", "办公室"), ("30m2的办公室太小", "３０㎡的辦公室太小", "辦公室")],
)
def test_conversion_may_change_the_number_of_letters(old, new, words):
    start = old.index("的") + 1
    assert anchor(old, new, start, start + 3) == (words, "found")


LETTERS = st.text(st.sampled_from("租金太高客人少，。m2㎡辦办"), min_size=1, max_size=12)


@given(LETTERS, LETTERS, LETTERS, LETTERS)
@settings(max_examples=40, deadline=None)
def test_what_is_found_is_always_the_same_words(before, quote, after, put_in):
    old = before + quote + after
    for new in (put_in + old, before + put_in + quote + after, old + put_in, put_in):
        words, place = anchor(old, new, len(before), len(before) + len(quote))
        assert place in ("as coded", "found", "lost")
        assert words is None or fingerprint(words).split("-")[1] == fingerprint(quote).split("-")[1]


@given(LETTERS, LETTERS, LETTERS, LETTERS)
@settings(max_examples=40, deadline=None)
def test_a_text_put_in_front_moves_a_coding_by_its_length_or_loses_it(before, quote, after, front):
    made = entry("add", "i", "q", before + quote + after, start=len(before), end=len(before + quote), code="A")
    spans = pd.DataFrame([made._asdict()]).assign(placed=False).astype({"start": "Int64", "end": "Int64"})
    interviews = pd.DataFrame({"q": pd.Series([front + before + quote + after], index=["i"], dtype="str")})
    (start,) = anchored(spans, texts_of(interviews, spans)).spans["start"]
    assert start is pd.NA or start == len(front + before)


def test_a_change_is_told_and_the_answer_has_to_be_read_again(desk):
    desk.do("ann", "add", "M04", words=QUOTE, code="T2")
    changed = desk.said(M04="嗯，摊位费年年涨，客人也少").read()
    assert changed.issues["kind"].tolist() == ["coding_found", "coding_text"]
    assert changed.issues[["before", "after"]].iloc[0].tolist() == ["7-11 客人也少", "9-13 客人也少"]
    assert changed.queue[["interview", "reason"]].to_numpy().tolist() == [["M04", "text"]]
    assert not changed.answers["decided"].any()


def test_conversion_to_other_letters_leaves_decisions_as_they_are(desk):
    desk.do("ann", "add", "M04", words=QUOTE, code="T2")
    desk.do("ann", "nothing", "M02")
    changed = desk.said(M04="攤位費年年漲，客人也少", M02="沒什麼困難").read()
    assert changed.answers["decided"].all()
    assert changed.issues["kind"].tolist() == ["coding_found"]
    assert changed.queue.empty


def test_a_lost_coding_waits_for_a_person_who_places_it(desk):
    given = desk.do("ann", "add", "M04", words=QUOTE, code="T2")
    later = desk.said(M04="摊位费年年涨，来的人少")
    lost = later.read()
    assert lost.spans[["place", "open"]].to_numpy().tolist() == [["lost", "lost"]]
    assert lost.spans["start"].isna().all()
    assert set(lost.queue["reason"]) == {"lost", "text"}
    later.do("ann", "place", "M04", words="来的人少", of=given)
    placed = later.read()
    assert placed.spans[["start", "end", "quote", "place", "open"]].to_numpy().tolist() == [
        [7, 11, "来的人少", "by hand", ""]
    ]
    assert placed.queue.empty
    assert placed.answers["decided"].all()


def test_confirming_says_that_a_changed_answer_was_read_again(desk):
    desk.do("ann", "nothing", "M02")
    later = desk.said(M02="没什么困难，就是累")
    assert later.read().queue["reason"].tolist() == ["text"]
    later.do("ann", "confirm", "M02")
    assert later.read().queue.empty


def test_codings_of_an_interview_that_is_gone_are_told_and_kept_in_their_file(desk):
    desk.do("ann", "add", "M04", words=QUOTE, code="T2")
    gone = desk._replace(interviews=desk.interviews.drop(index="M04")).read()
    assert gone.spans.empty
    assert gone.issues["kind"].tolist() == ["coding_gone"]
    assert len(desk.read().spans) == 1


def test_a_code_of_a_whole_answer_needs_no_place(desk):
    desk.do("ann", "add", "M04", code="T2")
    read = desk.said(M04="攤位費年年漲，客人也少").read()
    assert read.spans["place"].tolist() == ["whole"]
    assert read.issues.empty


@given(st.lists(st.tuples(LETTERS, LETTERS, LETTERS, LETTERS), min_size=1, max_size=5))
@settings(max_examples=20, deadline=None)
def test_many_codings_find_their_words_as_each_does_alone(told):
    made, texts = [], {}
    for place, (before, quote, after, put_in) in enumerate(told):
        old = before + quote + after
        texts[f"i{place}"] = put_in + old if place % 2 else before + put_in + quote + after
        made.append(entry("add", f"i{place}", "q", old, start=len(before), end=len(before + quote), code="A"))
    spans = (
        pd.DataFrame([one._asdict() for one in made]).assign(placed=False).astype({"start": "Int64", "end": "Int64"})
    )
    interviews = pd.DataFrame({"q": pd.Series(texts, dtype="str")})
    together = anchored(spans, texts_of(interviews, spans)).spans
    alone = [anchored(row, texts_of(interviews, row)).spans for row in (spans[at : at + 1] for at in range(len(spans)))]
    pd.testing.assert_frame_equal(together, pd.concat(alone))


def test_a_memo_moves_with_its_words_and_is_told(desk):
    desk.do("ann", "memo", "M04", words=QUOTE, memo="ask why")
    memo = desk.said(M04="嗯，摊位费年年涨，客人也少").read()
    assert memo.memos[["start", "end", "quote", "place"]].to_numpy().tolist() == [[9, 13, QUOTE, "found"]]
    assert memo.issues[["kind", "before", "after"]].to_numpy().tolist() == [
        ["memo_found", "7-11 客人也少", "9-13 客人也少"]
    ]


def test_a_memo_whose_words_are_gone_is_lost_not_left_on_other_words(desk):
    desk.do("ann", "memo", "M04", words=QUOTE, memo="ask why")
    desk.do("ann", "memo", "M04", memo="of it all")
    changed = desk.said(M04="摊位费年年涨，来的人少").read()
    assert changed.memos[["memo", "quote", "place"]].to_numpy().tolist() == [
        ["ask why", QUOTE, "lost"],
        ["of it all", "", "whole"],
    ]
    assert changed.memos["start"].isna().all()
    assert changed.issues["kind"].tolist() == ["memo_lost"]
    gone = desk._replace(interviews=desk.interviews.drop(index="M04")).read()
    assert gone.memos["place"].tolist() == ["gone", "gone"]


def test_a_rejected_suggestion_moves_with_its_words(desk):
    desk.do("ann", "reject", "M04", words=QUOTE, code="T2", suggestion="rule:T2#1")
    assert desk.said(M04="嗯，摊位费年年涨，客人也少").read().rejected["start"].tolist() == [9]
    assert desk.said(M04="摊位费年年涨，来的人少").read().rejected["place"].tolist() == ["lost"]


def test_a_place_changed_by_hand_is_looked_for_by_its_words(desk):
    desk.do("ann", "add", "M04", words=QUOTE, code="T2")
    path = desk.path("ann")
    path.write_text(path.read_text("utf-8").replace(",7,11,", ",97,99,"), "utf-8")
    read = desk.read()
    assert read.spans[["start", "end", "place"]].to_numpy().tolist() == [[7, 11, "found"]]
    assert read.issues["kind"].tolist() == ["coding_found"]
