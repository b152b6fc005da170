"""Queues: all answers, those still open, a sample in its order, those that coders decided differently."""

import pandas as pd
import pytest

from kzsurvey.errors import CodingError


def texts(ann, name):
    """The beginnings of the answers of a queue, in its order."""
    session = ann.session
    return [session.answers[place].text[:2] for place in session.queues[name]]


def test_open_answers_are_those_without_a_decision(opened):
    ann = opened()
    ann.act(0, "add", code="T2", start=0, end=2)
    ann.act(3, "nothing")
    assert texts(opened(), "open") == ["没人", "😀客"]


def test_a_sample_is_coded_in_its_own_order_and_lies_open_first(opened):
    sample = pd.DataFrame({"order": [2, 1]}, index=["M1", "M3"])
    ann = opened(sample=sample)
    assert texts(ann, "sample") == ["😀客", "租金"]
    assert ann.say("open")["queue"]["name"] == "sample"


def test_a_sample_of_answers_names_interview_and_question(opened):
    sample = pd.DataFrame(index=pd.MultiIndex.from_tuples([("M2", "troubles")]))
    assert texts(opened(sample=sample), "sample") == ["没人"]


def test_a_sample_that_names_no_answer_is_told(opened):
    with pytest.raises(CodingError, match="'M9'"):
        opened(sample=pd.DataFrame(index=["M1", "M9"]))


def test_only_what_coders_decided_differently_is_adjudicated(opened):
    for coder, place in (("ann", 0), ("bo", 0), ("ann", 1), ("bo", 1)):
        opened(coder).act(place, "add", code="T2" if (coder, place) != ("bo", 1) else "T1.1", start=0, end=2)
    opened("ann").act(3, "nothing")
    chief = opened("chief", adjudicate=["ann", "bo"])
    assert (texts(chief, "disagreements"), texts(chief, "all")) == (["没人"], ["租金", "没人"])


def test_who_adjudicates_sees_each_coder_and_takes_codes_one_by_one_or_all(opened, market):
    opened("ann").act(1, "add", code="T2", start=0, end=2)
    opened("bo").act(1, "add", code="T1.1", start=0, end=4)
    chief = opened("chief", adjudicate=["ann", "bo"])
    answer = chief.say("open")["answers"][0]
    assert [(coder["coder"], coder["spans"][0]["agreed"]) for coder in answer["coders"]] == [
        ("ann", False),
        ("bo", False),
    ]
    chief.act(answer["key"], "take", coder="ann")
    reply = chief.act(answer["key"], "accept", suggestion="T1.1@0-4")
    assert [span["code"] for span in reply["answers"][0]["spans"]] == ["T2", "T1.1"]
    table = pd.read_csv(market.folder / "codings/chief.csv")
    assert (set(table["role"]), table["suggestion"].tolist()) == ({"adjudicator"}, ["person:ann", "person:bo"])


def test_that_nothing_applies_can_be_taken_from_a_coder(opened, on_disk):
    opened("ann").act(1, "nothing")
    opened("bo").act(1, "add", code="T1.1", start=0, end=4)
    chief = opened("chief", adjudicate=["ann", "bo"])
    assert chief.act(1, "take", coder="ann")["answers"][0]["nothing"]
    assert texts(opened("chief", adjudicate=["ann", "bo"]), "disagreements") == []


def test_an_adjudication_is_no_coding_of_the_same_person(opened):
    opened("ann").act(1, "nothing")
    opened("bo").act(1, "add", code="T1.1", start=0, end=4)
    opened("ann", adjudicate=["ann", "bo"]).act(1, "take", coder="bo")
    assert opened("ann").say("look", positions=[1])["answers"][0]["nothing"]


def test_undo_of_an_answer_outside_the_queue_lays_all_answers_open(opened):
    opened().act(0, "nothing")
    reply = opened(queue="open").say("undo")
    assert (reply["queue"]["name"], reply["queue"]["position"]) == ("all", 0)


@pytest.mark.parametrize("coders", ["ann", ["ann"], ["ann", "ann"]])
def test_two_coders_are_needed_to_adjudicate(opened, coders):
    with pytest.raises(CodingError, match="two coders"):
        opened("chief", adjudicate=coders)
