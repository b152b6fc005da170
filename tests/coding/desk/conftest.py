"""Desks on the real store of codings, without a browser; and the browser of this machine, for those that need one."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from kzsurvey.coding.desk import desk
from kzsurvey.coding.desk.messages import respond
from kzsurvey.survey import read_survey

ROOT = Path(__file__).parents[3]
TEXTS = {
    "M1": "租金太高，快交不起了",
    "M2": "没人来买东西",
    "M3": "😀客人少，摊位费年年涨。别的没有",
    "M4": "都挺好",
}


@pytest.fixture
def market(tmp_path):
    """The survey of the stall keepers in a folder of its own, so that codings can be written."""
    return read_survey(shutil.copytree(ROOT / "tests/surveys/data/raw/market", tmp_path / "market"))


@pytest.fixture
def answers():
    """Four answers to one question."""
    return pd.DataFrame({"troubles": list(TEXTS.values())}, index=pd.Index(list(TEXTS), name="interview"))


@pytest.fixture
def opened(market, answers):
    """Open a desk and talk to it as the browser does: ``say(kind, ...)`` gives the reply."""
    pytest.importorskip("anywidget", reason="anywidget is not installed")

    def make(coder="ann", **options):
        widget = desk(market, coder=coder, interviews=answers, **options)
        state = {"progress": widget._progress}

        def say(kind, **message):
            reply, state["progress"] = respond(widget._session, state["progress"], {"id": 1, "kind": kind, **message})
            return reply

        def act(key, action, **details):
            return say("act", key=key, actions=[{"action": action, **details}])

        return SimpleNamespace(say=say, act=act, session=widget._session, coder=coder)

    return make


@pytest.fixture
def on_disk(market):
    """What stands in the file of a coder: (action, interview, start, end, code)."""

    def read(coder="ann"):
        table = pd.read_csv(market.folder / "codings" / f"{coder}.csv", dtype=str, keep_default_na=False)
        return list(table[["action", "interview", "start", "end", "code"]].itertuples(index=False, name=None))

    return read
