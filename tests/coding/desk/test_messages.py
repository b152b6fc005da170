"""What the browser asks of the desk goes through the store of codings, all of it or nothing, and can be taken back."""

import pandas as pd
import pytest


def test_the_desk_opens_with_question_speaker_and_no_interview_id(opened):
    reply = opened().say("open")
    first = reply["answers"][0]
    assert (first["text"], first["question"], first["done"]) == ("租金太高，快交不起了", "troubles", False)
    assert reply["queue"] == {"name": "all", "size": 4, "position": 0, "open": [0, 1, 2, 3]}
    assert "M1" not in str(reply)


def test_a_code_is_on_disk_when_the_desk_says_so(opened, on_disk):
    ann = opened()
    reply = ann.act(0, "add", code="T1.1", start=0, end=4)
    assert on_disk() == [("add", "M1", "0", "4", "T1.1")]
    (answer,) = reply["answers"]
    assert (answer["done"], answer["spans"][0]["code"], answer["spans"][0]["start"]) == (True, "T1.1", 0)


def test_a_code_without_a_place_is_one_of_the_whole_answer(opened, on_disk):
    reply = opened().act(1, "add", code="T2", start=None, end=None)
    assert on_disk() == [("add", "M2", "", "", "T2")]
    assert reply["answers"][0]["spans"][0]["start"] is None


def test_places_are_counted_in_code_points(opened, market):
    opened().act(2, "add", code="T2", start=1, end=4)
    table = pd.read_csv(market.folder / "codings" / "ann.csv", dtype=str)
    assert table["quote"].tolist() == ["客人少"]


def test_what_the_store_refuses_is_told_and_changes_nothing(opened, market):
    ann = opened()
    reply = ann.act(0, "add", code="T9", start=0, end=4)
    assert "code 'T9'" in reply["error"]
    assert not (market.folder / "codings" / "ann.csv").exists()
    assert ann.say("look", positions=[0])["answers"][0]["spans"] == []


def test_a_folder_that_cannot_be_written_is_told_and_nothing_counts_as_saved(opened, market):
    ann = opened()
    (market.folder / "codings" / ".ann.lock").mkdir(parents=True)
    assert "nothing was saved" in ann.act(0, "nothing")["error"]
    assert ann.say("look", positions=[0])["answers"][0]["done"] is False


def test_nothing_applies_is_a_decision_that_a_code_lifts(opened, on_disk):
    ann = opened()
    assert ann.act(3, "nothing")["answers"][0]["nothing"]
    assert ann.act(3, "remove", of="nothing")["answers"][0]["done"] is False
    assert [row[0] for row in on_disk()] == ["nothing", "undo"]


def test_nothing_applies_is_refused_where_codes_stand(opened):
    ann = opened()
    ann.act(0, "add", code="T2", start=0, end=2)
    assert "nothing applies" in ann.act(0, "nothing")["error"]


def test_undo_goes_back_through_all_answers_and_lays_each_on_the_desk(opened):
    ann = opened()
    ann.act(0, "add", code="T1.1", start=0, end=4)
    ann.act(2, "add", code="T2", start=1, end=4)
    assert [(ann.say("undo")["position"], ann.say("undo")["position"])] == [(2, 0)]
    assert ann.say("undo")["said"] == "nothing_to_undo"
    assert all(not one["spans"] for one in ann.say("look", positions=[0, 2])["answers"])


def test_undo_can_be_undone_until_something_else_is_done(opened):
    ann = opened()
    ann.act(0, "add", code="T1.1", start=0, end=4)
    ann.say("undo")
    assert ann.say("redo")["answers"][0]["spans"]
    assert not ann.say("undo")["answers"][0]["spans"]
    ann.act(1, "nothing")
    assert ann.say("redo")["said"] == "nothing_to_redo"


def test_undo_works_after_a_restart_on_what_is_on_disk(opened):
    opened().act(1, "add", code="T2", start=0, end=2)
    reply = opened().say("undo")
    assert (reply["position"], reply["answers"][0]["spans"]) == (1, [])


def test_the_desk_goes_on_at_the_answer_acted_on_last(opened):
    opened().act(2, "add", code="T2", start=1, end=4)
    again = opened().say("open")
    assert again["queue"]["position"] == 2
    assert again["answers"][0]["spans"][0]["code"] == "T2"
    assert again["recent"] == ["T2"]


def test_a_queue_of_open_answers_goes_on_behind_the_last_one(opened):
    opened().act(1, "nothing")
    reply = opened(queue="open").say("open")
    assert (reply["queue"]["size"], reply["answers"][0]["text"]) == (3, "😀客人少，摊位费年年涨。别的没有")


def test_several_actions_of_one_key_are_undone_together(opened, on_disk):
    ann = opened()
    two = [
        {"action": "add", "code": "T1.1", "start": 0, "end": 4},
        {"action": "add", "code": "T2", "start": 0, "end": 2},
    ]
    assert len(ann.say("act", key=0, actions=two)["answers"][0]["spans"]) == 2
    assert ann.say("undo")["answers"][0]["spans"] == []
    assert [row[0] for row in on_disk()] == ["add", "add", "undo", "undo"]


def test_of_several_actions_none_is_written_when_one_is_refused(opened, market):
    two = [
        {"action": "add", "code": "T1.1", "start": 0, "end": 4},
        {"action": "add", "code": "T2", "start": 0, "end": 99},
    ]
    assert "99" in opened().say("act", key=0, actions=two)["error"]
    assert not (market.folder / "codings" / "ann.csv").exists()


def test_a_memo_stands_on_the_answer_or_on_a_stretch_of_it(opened):
    ann = opened()
    ann.act(0, "memo", memo="ask again")
    reply = ann.act(0, "memo", memo="really?", start=0, end=4)
    assert [(memo["memo"], memo["start"]) for memo in reply["answers"][0]["memos"]] == [
        ("really?", 0),
        ("ask again", None),
    ]


def test_a_corrected_text_asks_for_the_code_again_and_a_person_places_it(opened, answers):
    opened().act(0, "add", code="T1.1", start=0, end=4)
    answers.loc["M1", "troubles"] = "房租涨得太快，快交不起了"
    ann = opened()
    reply = ann.say("open")
    (span,) = reply["answers"][0]["spans"]
    assert (span["notice"], span["start"], reply["queues"]["recode"]) == ("lost", None, 1)
    (span,) = ann.act(0, "place", of=span["number"], start=0, end=6)["answers"][0]["spans"]
    assert (span["start"], span["end"], span["notice"]) == (0, 6, "")


def test_an_unknown_queue_is_told(opened):
    assert "queue 'later'" in opened().say("queue", name="later")["error"]


@pytest.mark.parametrize("kind", ["accept", "reject"])
def test_a_suggestion_that_is_not_there_is_told(opened, kind):
    assert "suggestion" in opened().act(0, kind, suggestion="T1.1@0-4")["error"]


def test_a_memo_whose_words_are_gone_says_so(opened, answers):
    opened().act(0, "memo", memo="really?", start=0, end=4)
    answers.loc["M1", "troubles"] = "房租涨得太快，快交不起了"
    (memo,) = opened().say("open")["answers"][0]["memos"]
    assert (memo["start"], memo["notice"]) == (None, "memo_lost")


def test_a_rejected_place_that_is_lost_does_not_reject_the_code_of_the_whole_answer(opened, answers):
    place = {"question": "troubles", "code": "T1.1", "source": "model", "coder": "ngrams", "score": 0.5}
    told = pd.DataFrame([{"interview": "M1", **place, "start": 0, "end": 4}])
    opened(suggestions=told).act(0, "reject", suggestion="T1.1@0-4")
    answers.loc["M1", "troubles"] = "房租涨得太快，快交不起了"
    (one,) = opened(suggestions=told.assign(start=None, end=None)).say("open")["answers"][0]["suggestions"]
    assert one["code"] == "T1.1"


def test_a_code_whose_place_is_lost_is_not_taken_over_as_one_of_the_whole_answer(opened, answers, on_disk):
    opened("eve").act(0, "add", code="T1.1", start=0, end=4)
    opened("eve").act(0, "add", code="T2", start=5, end=10)
    answers.loc["M1", "troubles"] = "房租涨得太快，快交不起了"
    ann = opened(beside=["eve"])
    ann.act(0, "take", coder="eve")
    assert [row[-1] for row in on_disk()] == ["T2"]
