"""How long the coding desk keeps somebody waiting: from the key to the painted frame, and to the word "saved".

python benchmarks/desk.py --to benchmarks/desk.csv

Measured in Chromium, in JupyterLab, with the real store of codings: a key is pressed as a keyboard would, the clock
begins with the time stamp that the browser gave to the key, and ends in the first task after the frame in which the
page changed. Answers are read at a reader's pace (a third of a second) and as fast as keys go. ``cpu_ms`` is the
processor time of the page's main thread per key, all that comes after the first frame included; ``load`` is how many
processes wanted a processor meanwhile: where they are more than the machine has, the times are not the desk's.
"""

import argparse
import importlib.util
import json
import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from kzsurvey.coding import entry, record
from kzsurvey.survey import read_survey

ROOT = Path(__file__).parents[1]
QUESTION = "open_causes"
SIZES = {
    "short": (600, 60, 60, 50.0),
    "long": (20_000, 500, 25, 150.0),
}  # characters, spans, answers, milliseconds asked
PACES = {"reading": 330, "as fast as keys go": 0}  # milliseconds between keys
SENTENCES = (
    "人手不够，一个人干三个人的活。",
    "工资太低，年轻人留不住，来一个走一个；",
    "检查组一拨接一拨，每个组一个标准，",
    "😀材料堆成山。",
)
CELLS = (
    """import pandas as pd
import kzsurvey as kz
survey = kz.read_survey("kizilsu")
interviews = pd.read_csv("answers.csv", index_col="interview", dtype=str)""",
    'kz.desk(survey, coder="{}", interviews=interviews)',
)
WATCH = """() => {
  window.painted = [];
  window.saved = [];
  const after = (list, begin) => requestAnimationFrame(() => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => list.push(performance.now() - begin);
    port2.postMessage(null);
  });
  addEventListener('keydown', event => after(window.painted, event.timeStamp), true);
  let begin = null;
  addEventListener('keydown', event => { begin = event.timeStamp }, true);
  const status = document.querySelector('.kz-status');
  let before = 'ready';
  new MutationObserver(() => {
    if (before !== 'ready' && status.dataset.state === 'ready') window.saved.push(performance.now() - begin);
    before = status.dataset.state;
  }).observe(status, { attributes: true });
}"""
PLACE = "() => document.querySelector('.kz-place').textContent"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path)
    arguments = parser.parse_args()
    table = pd.DataFrame(list(measured()))
    print(table.to_string(index=False))
    if arguments.to:
        table.to_csv(arguments.to, index=False, lineterminator="\n")


def measured() -> Iterator[dict]:
    """One row per kind of answer and pace."""
    from playwright.sync_api import sync_playwright

    jupyter = _harness()
    folder = Path(tempfile.mkdtemp())
    survey = shutil.copytree(ROOT / "data/raw/kizilsu", folder / "kizilsu")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=jupyter.browser_path(), args=["--no-sandbox"])
        for name, (characters, spans, answers, asked) in SIZES.items():
            coder = f"coder-{name}"
            _write(folder, survey, coder, characters, spans, answers)
            jupyter.notebook(folder / "desk.ipynb", CELLS[0], CELLS[1].format(coder))
            with jupyter.jupyter(folder) as running:
                page = browser.new_page(viewport={"width": 1400, "height": 1000})
                jupyter.open_notebook(page, running, "desk.ipynb")
                jupyter.run_all(page)
                page.wait_for_selector(".kz-desk .kz-words .kz-span", timeout=120_000)
                yield from _rows(browser, page, answers, {"characters": characters, "spans": spans}, asked)
                page.close()


def _rows(browser: object, page: object, answers: int, size: dict, asked: float) -> Iterator[dict]:
    page.locator(".kz-text").focus()
    page.evaluate(WATCH)
    _pressed(page, "p", answers - 1, PACES["reading"])
    for key, pace in (("n", "reading"), ("p", "as fast as keys go")):
        times, work = _work(browser, page, partial(_pressed, page, key, answers - 1, PACES[pace]))
        yield _row("next answer painted", size, pace, times, asked, work / len(times))
    yield _row("code painted as waiting", size, "reading", _coded(page, 20), None)
    yield _row("code saved", size, "reading", page.evaluate("() => window.saved.slice(-20)"), None)


def _work(browser: object, page: object, press: Callable[[], list[float]]) -> tuple[list[float], float]:
    """What pressing keys took, and the processor time of the page's main thread meanwhile, in milliseconds."""
    browser.start_tracing(page=page, categories=["devtools.timeline", "disabled-by-default-devtools.timeline"])
    times = press()
    events = json.loads(browser.stop_tracing())["traceEvents"]
    named = {(event["pid"], event["tid"]): event["args"]["name"] for event in events if event["name"] == "thread_name"}
    tasks = [event for event in events if event["name"] == "RunTask" and "tdur" in event]
    own = [event["tdur"] for event in tasks if named.get((event["pid"], event["tid"])) == "CrRendererMain"]
    return times, sum(own) / 1000


def _pressed(page: object, key: str, count: int, pause: int) -> list[float]:
    """Press a key until the queue ends; milliseconds of each."""
    page.evaluate("() => { window.painted = [] }")
    for _ in range(count):
        before = page.evaluate(PLACE)
        page.keyboard.press(key)
        assert page.evaluate(PLACE) != before, "the key brought no other answer"
        if pause:
            page.wait_for_timeout(pause)
    page.wait_for_timeout(500)
    return page.evaluate("() => window.painted")


def _coded(page: object, count: int) -> list[float]:
    """Code one clause after another with the key of a recent code."""
    page.evaluate("() => { window.painted = []; window.saved = [] }")
    for _ in range(count):
        page.keyboard.press("j")
        page.wait_for_timeout(100)
        page.keyboard.press("1")
        page.wait_for_function("() => document.querySelector('.kz-desk').dataset.state === 'ready'")
        page.wait_for_timeout(250)
    return page.evaluate("() => window.painted.filter((_, place) => place % 2 === 1)")


def _row(what: str, size: dict, pace: str, times: list[float], asked: float | None, cpu: float | None = None) -> dict:
    median, p95 = np.percentile(times, [50, 95]).round(1).tolist()
    reached = "" if asked is None else "yes" if p95 <= asked else "no"
    return {
        "what": what, **size, "pace": pace, "keys": len(times), "median_ms": median, "p95_ms": p95,
        "cpu_ms": None if cpu is None else round(cpu, 1), "asked_ms": asked, "reached": reached,
        "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip


def _write(folder: Path, survey: Path, coder: str, characters: int, spans: int, answers: int) -> None:
    """Answers of one length, each with spans of random places, lengths and codes, as a coder left them."""
    drawn = random.Random(1)
    read = read_survey(survey)
    codes = read.codes.index[read.codes["scheme"] == "cause"].tolist()
    text = ("".join(drawn.choice(SENTENCES) for _ in range(characters)))[:characters]
    table = pd.DataFrame({"open_causes": [text] * answers}, index=[f"A{number:03d}" for number in range(answers)])
    table.assign(role="first_secretary").rename_axis("interview").to_csv(folder / "answers.csv")
    made = []
    for interview in table.index:
        for _ in range(spans):
            start = drawn.randrange(characters - 40)
            end = start + drawn.randint(4, 40)
            made.append(entry("add", interview, QUESTION, text, start=start, end=end, code=drawn.choice(codes)))
    record(read, coder, made)


def _harness() -> object:
    """How the tests start JupyterLab."""
    path = ROOT / "tests/coding/desk/jupyter.py"
    found = importlib.util.spec_from_file_location("jupyter_harness", path)
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
