"""Desks on the real store of codings, without a browser; and the browser of this machine, for those that need one."""

import importlib.util
import shutil
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from kzsurvey.coding.desk import desk
from kzsurvey.coding.desk.messages import respond
from kzsurvey.survey import read_survey


def beside(name):
    """A module of this folder, which is no package."""
    found = importlib.util.spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


jupyter = beside("jupyter")
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


@pytest.fixture(scope="module")
def browser():
    """The Chromium of this machine, driven by Playwright."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if (found := jupyter.browser_path()) is None:
        pytest.skip(f"no browser on this machine: none of {', '.join(jupyter.BROWSERS)}")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture(scope="session", name="jupyter")
def jupyter_servers():
    """Starts servers and opens notebooks."""
    pytest.importorskip("jupyterlab", reason="jupyterlab is not installed")
    return jupyter


@pytest.fixture(scope="session")
def axe():
    """The script that looks for barriers."""
    package = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    return Path(package.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
