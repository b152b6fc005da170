"""Suggestions of rules, models and coders stay until they are taken or rejected; blind desks see none."""

import pandas as pd
import pytest

from kzsurvey.coding import code
from kzsurvey.errors import CodingError

MENTION = {
    "interview": "M1",
    "question": "troubles",
    "start": 0,
    "end": 4,
    "code": "T1.1",
    "source": "rule",
    "coder": "rule:T1.1#1",
}


def mentions(*changes):
    return pd.DataFrame([{**MENTION, "score": 1.0, **change} for change in changes or ({},)])


@pytest.fixture
def shown(opened):
    """The suggestions that an open desk shows for one answer."""
    return lambda ann, position=0: ann.say("look", positions=[position])["answers"][0]["suggestions"]


def test_rules_suggest_and_say_which_rule(opened, market, answers, shown):
    ann = opened(suggestions=code(answers, market))
    (one,) = shown(ann)
    assert (one["code"], one["voices"][0]["coder"]) == ("T1.1", "T1.1#1")


def test_an_accepted_suggestion_becomes_a_code_that_says_where_it_came_from(opened, market, shown):
    ann = opened(suggestions=mentions())
    reply = ann.act(0, "accept", suggestion=shown(ann)[0]["id"])
    assert (reply["answers"][0]["suggestions"], reply["answers"][0]["spans"][0]["code"]) == ([], "T1.1")
    assert pd.read_csv(market.folder / "codings/ann.csv")["suggestion"].tolist() == ["rule:T1.1#1"]


def test_a_rejected_suggestion_does_not_come_back(opened, shown):
    ann = opened(suggestions=mentions())
    ann.act(0, "reject", suggestion=shown(ann)[0]["id"])
    assert shown(ann) == shown(opened(suggestions=mentions())) == []


def test_undoing_an_accept_brings_the_suggestion_back(opened, shown):
    ann = opened(suggestions=mentions())
    ann.act(0, "accept", suggestion=shown(ann)[0]["id"])
    assert [one["code"] for one in ann.say("undo")["answers"][0]["suggestions"]] == ["T1.1"]


def test_a_code_removed_that_was_a_suggestion_is_not_suggested_again(opened, shown):
    ann = opened(suggestions=mentions())
    number = ann.act(0, "accept", suggestion=shown(ann)[0]["id"])["answers"][0]["spans"][0]["number"]
    reply = ann.act(0, "remove", of=number)
    assert (reply["answers"][0]["spans"], reply["answers"][0]["suggestions"]) == ([], [])


def test_one_stretch_and_code_is_one_suggestion_of_several_voices(opened, market, shown):
    ann = opened(suggestions=mentions({}, {"source": "model", "coder": "ngrams", "score": 0.834}))
    (one,) = shown(ann)
    assert [voice["source"] for voice in one["voices"]] == ["rule", "model"]
    ann.act(0, "accept", suggestion=one["id"])
    assert pd.read_csv(market.folder / "codings/ann.csv")["suggestion"].tolist() == ["rule:T1.1#1 + model:ngrams@0.83"]


def test_a_suggestion_for_the_whole_answer_has_no_place(opened, shown, on_disk):
    ann = opened(suggestions=mentions({"start": None, "end": None, "source": "model", "coder": "ngrams", "score": 0.5}))
    ann.act(0, "accept", suggestion=shown(ann)[0]["id"])
    assert on_disk() == [("accept", "M1", "", "", "T1.1")]


def test_a_code_that_stands_in_the_same_place_is_not_suggested(opened, shown):
    ann = opened(suggestions=mentions())
    ann.act(0, "add", code="T1.1", start=2, end=6)
    assert shown(ann) == []


def test_mentions_of_people_are_no_suggestions(opened, shown):
    assert shown(opened(suggestions=mentions({"source": "person", "coder": "bo"}))) == []


def test_a_blind_desk_shows_neither_suggestions_nor_other_coders(opened):
    opened("bo").act(0, "add", code="T2", start=0, end=2)
    reply = opened(suggestions=mentions(), beside=["bo"], blind=True).say("open")
    assert (reply["blind"], reply["answers"][0]["suggestions"], reply["answers"][0]["coders"]) == (True, [], [])


def test_coders_beside_are_shown_and_do_not_suggest(opened):
    opened("bo").act(0, "add", code="T2", start=0, end=2)
    first = opened(beside=["bo"]).say("open")["answers"][0]
    assert ([coder["coder"] for coder in first["coders"]], first["suggestions"]) == (["bo"], [])


@pytest.mark.parametrize(
    ("change", "told"),
    [({"code": "T9"}, "code 'T9'"), ({"end": 99}, "a span from 0 to 99"), ({"end": None}, "a span from 0 to None")],
)
def test_a_suggestion_that_cannot_be_is_told_when_the_desk_opens(opened, change, told):
    with pytest.raises(CodingError, match=told):
        opened(suggestions=mentions(change))


def test_suggestions_need_their_columns(opened):
    with pytest.raises(CodingError, match="no column coder"):
        opened(suggestions=mentions().drop(columns="coder"))
