"""An answer that was coded as it stands is replayed in plain steps, with the same result as all codings have."""

import json
import random

import pandas as pd
import pytest

from kzsurvey.coding.codings.actions import read_actions
from kzsurvey.coding.codings.replaying import replay
from kzsurvey.coding.codings.standing import stand
from kzsurvey.coding.desk import standing as module
from kzsurvey.coding.desk.standing import standing_of, standings

PLACES = ((0, 4), (0, 2), (2, 6), (5, 10), (None, None))


def drawn(rng, numbers):
    """What a key may mean, sensible or not: the store refuses what is not."""
    action = rng.choice(["add", "add", "add", "remove", "undo", "nothing", "confirm", "memo", "place", "reject"])
    start, end = rng.choice(PLACES)
    place = {"start": start, "end": end}
    of = {"of": rng.choice(numbers or [1])}
    details = {
        "add": {**place, "code": rng.choice(["T1.1", "T2"])},
        "memo": {**place, "memo": "?"},
        "place": {**place, **of},
        "reject": {"suggestion": "T1.1@0-4"},
    }
    return {"action": action, **details.get(action, of if action in ("remove", "undo") else {})}


@pytest.mark.parametrize("seed", range(3))
def test_after_every_action_the_desk_shows_what_one_opened_anew_shows(opened, market, seed):
    rng, done = random.Random(seed), 0
    told = [{"interview": "M1", "question": "troubles", "code": "T1.1", "source": "rule", "coder": "T1.1#1"}]
    suggestions = pd.DataFrame(told).assign(start=0, end=4)
    ann = opened(suggestions=suggestions)
    for _ in range(40):
        kind = rng.choice(["act", "act", "act", "act", "undo", "redo"])
        numbers = list(range(1, done + 1))
        message = {"key": rng.randrange(2), "actions": [drawn(rng, numbers)]} if kind == "act" else {}
        if "error" in ann.say(kind, **message):
            continue
        actions = read_actions(market).table
        done = len(actions)
        anew = opened(suggestions=suggestions).say("look", positions=[0, 1])["answers"]
        assert json.dumps(ann.say("look", positions=[0, 1])["answers"]) == json.dumps(anew)
    assert done > 15


def test_what_was_done_on_another_text_or_codebook_goes_the_long_way(opened, market, answers, monkeypatch):
    opened().act(0, "add", code="T1.1", start=0, end=4)
    actions = read_actions(market).table
    codings = stand(replay(actions), market, answers)
    (whole,) = standings(codings.spans, codings.answers, codings.rejected, codings.memos).values()
    now = actions["answer"].iloc[0]
    monkeypatch.setattr(module, "replay", lambda _: pytest.fail("the long way"))
    assert standing_of(actions, now, market, answers) == whole
    with pytest.raises(pytest.fail.Exception, match="the long way"):
        standing_of(actions.assign(codebook=2), now, market, answers)
    with pytest.raises(pytest.fail.Exception, match="the long way"):
        standing_of(actions, "another", market, answers)
