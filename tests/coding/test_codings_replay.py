"""What stands after actions: one result, whatever the order of files; undo is an action; nothing is a decision."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kzsurvey.coding import read_actions, replay
from kzsurvey.coding.codings.actions import COLUMNS, KINDS, Entry, line
from kzsurvey.coding.codings.one_answer import Act, replay_one
from kzsurvey.coding.codings.writing import _Before, _coded

TIME = "2026-11-29T05:04:12.{:03}Z"


def actions(*rows, coder="ann"):
    """Actions as (action, options)."""
    blank = {name: "" if kind == "str" else 1 for name, kind in KINDS.items()} | {
        "start": None,
        "end": None,
        "of": None,
    }
    given_ = {"coder": coder, "role": "coder", "interview": "M1", "question": "q"}
    made = [
        {**blank, **given_, "number": number, "time": TIME.format(number), "action": action, **options}
        for number, (action, options) in enumerate(rows, start=1)
    ]
    return pd.DataFrame(made, columns=list(KINDS)).astype(KINDS)


def codes(*rows):
    return replay(actions(*rows)).spans["code"].tolist()


def decided(*rows):
    return replay(actions(*rows)).answers["decided"].tolist()


ADD = ("add", {"code": "A", "start": 0, "end": 2})
REMOVE, UNDO_1, UNDO_2 = ("remove", {"of": 1}), ("undo", {"of": 1}), ("undo", {"of": 2})
NOTHING = ("nothing", {})


@pytest.mark.parametrize(
    ("rows", "stand"),
    [
        ([ADD], ["A"]),
        ([ADD, REMOVE], []),
        ([ADD, UNDO_1], []),
        ([ADD, REMOVE, UNDO_2], ["A"]),
        ([ADD, UNDO_1, UNDO_2], ["A"]),
        ([ADD, UNDO_1, UNDO_2, ("undo", {"of": 3})], []),
        ([ADD, REMOVE, ADD], ["A"]),
        ([ADD, ADD], ["A"]),
        ([ADD, ADD, REMOVE], []),
        ([ADD, ("accept", {"code": "B", "suggestion": "rule:B#1"})], ["B", "A"][::-1]),
        ([("reject", {"code": "A", "suggestion": "rule:A#1"})], []),
    ],
)
def test_codes_that_stand(rows, stand):
    assert codes(*rows) == stand


@pytest.mark.parametrize(
    ("rows", "is_decided"),
    [
        ([NOTHING], [True]),
        ([ADD], [True]),
        ([NOTHING, UNDO_1], []),
        ([NOTHING, ADD, ("remove", {"of": 2})], [False]),  # the last word was that something did not apply
        ([NOTHING, ADD, UNDO_2], [True]),  # as if it had never been given
        ([ADD, REMOVE, NOTHING], [True]),
        ([("memo", {"memo": "?"})], []),
        ([("confirm", {})], [False]),
    ],
)
def test_answers_that_are_decided(rows, is_decided):
    assert decided(*rows) == is_decided


def test_nothing_applies_never_takes_a_code_away():
    answers = replay(actions(ADD, NOTHING)).answers
    assert answers[["nothing", "codes"]].to_numpy().tolist() == [[False, 1]]


def test_a_rejected_suggestion_is_known_until_it_is_taken_after_all():
    reject = ("reject", {"code": "A", "start": 0, "end": 2, "suggestion": "rule:A#1"})
    assert replay(actions(reject)).rejected["suggestion"].tolist() == ["rule:A#1"]
    assert replay(actions(reject, UNDO_1)).rejected.empty
    assert replay(actions(reject, ADD)).rejected.empty
    assert len(replay(actions(ADD, reject)).rejected) == 1


def test_a_span_placed_by_hand_stands_there_until_the_code_is_given_anew():
    place = ("place", {"of": 1, "start": 5, "end": 7, "quote": "xy"})
    moved = replay(actions(ADD, place)).spans
    assert moved[["start", "end", "quote", "placed"]].to_numpy().tolist() == [[5, 7, "xy", True]]
    assert replay(actions(ADD, place, UNDO_2)).spans["start"].tolist() == [0]
    assert replay(actions(ADD, place, REMOVE)).spans.empty
    assert replay(actions(ADD, place, ADD)).spans["start"].tolist() == [0]


def test_an_adjudication_is_a_coding_of_its_own():
    state = replay(actions(ADD, ("nothing", {"role": "adjudicator"})))
    assert state.answers[["role", "nothing"]].to_numpy().tolist() == [["adjudicator", True], ["coder", False]]


def test_earlier_versions_and_times_can_be_replayed():
    rows = actions(ADD, ("remove", {"of": 1, "codebook": 2}), ("add", {"code": "B", "codebook": 2}))
    assert replay(rows, version=1).spans["code"].tolist() == ["A"]
    assert replay(rows, until=TIME.format(2)).spans.empty
    assert replay(rows, until="2026-11-29").spans["code"].tolist() == ["B"]
    assert replay(rows, until="2026-11-28").spans.empty


EVERY = st.sampled_from(["add", "accept", "remove", "nothing", "reject", "confirm", "memo", "place", "undo"])


@st.composite
def histories(draw, places=((None, None),)):
    """Any actions that a file may hold, on some places of two answers."""
    rows = []
    for action in draw(st.lists(EVERY, min_size=1, max_size=14)):
        options = {"interview": draw(st.sampled_from(["M1", "M2"]))}
        fitting = [
            place for place, (kind, _) in enumerate(rows, start=1) if action == "undo" or kind in ("add", "accept")
        ]
        if action in ("undo", "remove", "place"):
            if not fitting:
                continue
            of = draw(st.sampled_from(fitting))
            options |= {"of": of, "interview": rows[of - 1][1]["interview"]}
        elif action in ("add", "accept", "reject"):
            options |= {"code": draw(st.sampled_from("AB")), "suggestion": "rule:A#1"}
        if action in ("add", "accept", "reject", "memo"):
            options |= dict(zip(("start", "end"), draw(st.sampled_from(places)), strict=True))
        options |= {"start": 3, "end": 4} if action == "place" else {}
        rows.append((action, options))
    return rows


def state_bytes(state):
    return b"".join(table.to_csv(index=False).encode() for table in state)


@given(histories(), histories(), st.randoms())
@settings(max_examples=30, deadline=None)
def test_the_order_of_files_and_rows_does_not_matter(mine, hers, shuffle):
    parts = [actions(*mine), actions(*hers, coder="ben")]
    both = pd.concat(parts, ignore_index=True)
    order = list(range(len(both)))
    shuffle.shuffle(order)
    assert state_bytes(replay(both)) == state_bytes(replay(both.iloc[order]))
    assert state_bytes(replay(both)) == state_bytes(replay(pd.concat(parts[::-1])))


@given(histories())
@settings(max_examples=30, deadline=None)
def test_undoing_everything_from_the_last_on_leaves_nothing(rows):
    undone = rows + [
        ("undo", {"of": number, "interview": rows[number - 1][1]["interview"]}) for number in range(len(rows), 0, -1)
    ]
    state = replay(actions(*undone))
    # an undo of an undo makes good what that had taken back, which is then undone in its turn
    assert [len(table) for table in (state.spans, state.rejected, state.memos)] == [0, 0, 0]


@given(histories())
@settings(max_examples=30, deadline=None)
def test_what_is_looked_up_before_writing_is_what_the_replay_says(rows):
    table = actions(*rows)
    lines = [b"header", *(line([row[name] for name in COLUMNS]).encode() for row in table.to_dict("records"))]
    standing = set(replay(table).spans["interview"])
    for interview in ("M1", "M2"):
        one = Entry("nothing", interview, "q")
        assert _coded(one, _Before(lines, None, ""), "coder") == (interview in standing)


def plain_replay(table):
    """The meaning of actions, one after the other, as one would explain it."""
    rows = {row["number"]: row for row in table.to_dict("records")}
    undone = set()
    for number in sorted(rows, reverse=True):
        if rows[number]["action"] == "undo" and number not in undone:
            undone.add(rows[number]["of"])
    stand, nothing = {}, {}
    for number in sorted(set(rows) - undone):
        row = rows[number]
        if row["action"] in ("add", "accept"):
            stand[row["interview"], row["code"]] = True
            nothing[row["interview"]] = False
        if row["action"] == "remove":
            stand.pop((row["interview"], rows[row["of"]]["code"]), None)
        if row["action"] == "nothing":
            nothing[row["interview"]] = True
    coded = {interview for interview, _ in stand}
    return set(stand), {interview for interview, holds in nothing.items() if holds and interview not in coded}


@given(histories())
@settings(max_examples=30, deadline=None)
def test_replay_means_what_one_would_explain(rows):
    state = replay(actions(*rows))
    said = set(state.spans[["interview", "code"]].itertuples(index=False, name=None))
    nothing = set(state.answers.loc[state.answers["nothing"], "interview"])
    assert (said, nothing) == plain_replay(actions(*rows))


def test_the_state_of_files_is_the_replay_of_their_actions(desk):
    desk.do("ann", "add", "M01", words="太高", code="T1")
    desk.do("ben", "undo", of=desk.do("ben", "nothing", "M01"))
    state = replay(read_actions(desk.survey).table)
    pd.testing.assert_frame_equal(state.spans[["coder", "code"]], desk.read().spans[["coder", "code"]])
    assert desk.read().answers["coder"].tolist() == ["ann"]


@given(histories(places=((None, None), (0, 2), (3, 4))))
@settings(max_examples=120, deadline=None)
def test_one_answer_replayed_alone_is_what_all_of_them_give(rows):
    table = actions(*rows)
    state = replay(table)
    for interview in ("M1", "M2"):
        mine = table[table["interview"] == interview][list(Act._fields)].astype("object")
        one = replay_one([Act(*row) for row in mine.where(mine.notna(), None).itertuples(index=False, name=None)])
        spans, memos, rejected, answers = (
            part[part["interview"] == interview] for part in (state.spans, state.memos, state.rejected, state.answers)
        )
        single = spans.drop_duplicates(["start", "end", "code"], keep=False)  # doubles: the last stands
        assert {act.number for act in one.spans} >= set(single["number"])
        assert {act.span for act in one.spans} == spans_of(spans)
        assert [act.number for act in one.memos] == memos["number"].tolist()
        assert one.rejected == spans_of(rejected)
        assert one.nothing == answers["nothing"].any()


def spans_of(table):
    plain = table[["start", "end", "code"]].astype("object")
    return set(plain.where(plain.notna(), None).itertuples(index=False, name=None))
