"""The desk in JupyterLab and in Notebook 7: coded by keyboard alone, killed in the middle, and nothing lost."""

import csv
import os
import shutil
import signal
from pathlib import Path

import pytest

READ = """import pandas as pd
import kzsurvey as kz
survey = kz.read_survey("kizilsu")
interviews = pd.read_csv("answers.csv", index_col="interview", dtype=str)
rule = dict(question="open_causes", source="rule", score=1.0)
suggestions = pd.DataFrame([
    dict(rule, interview="A04", start=0, end=8, code="C2.3", coder="rule:C2.3#4"),
    dict(rule, interview="A05", start=0, end=5, code="C1.1", coder="rule:C1.1#2"),
    dict(rule, interview="A05", start=6, end=10, code="C1.1", coder="rule:C1.1#3"),
    dict(rule, interview="A08", start=0, end=9, code="C3.3", coder="rule:C3.3#1"),
    dict(rule, interview="A08", start=10, end=20, code="C3.2", source="model", score=0.83, coder="ngrams"),
])
"""
CODERS = """from kzsurvey.coding import entry, record
text = interviews.at["A01", "open_causes"]
for coder, code in (("bo", "C1.1"), ("cai", "C1.2")):
    record(survey, coder, entry("add", "A01", "open_causes", text, start=0, end=4, code=code))
"""
DESK = 'kz.desk(survey, coder="{}", interviews=interviews, suggestions=suggestions)'
ADJUDICATION = 'kz.desk(survey, coder="chief", interviews=interviews, adjudicate=["bo", "cai"])'
ANSWERS = [
    "人手不够，工资太低，任务一层层加码。",
    "😀任务太重，每天加班到半夜。",
    "没有什么原因。",
    "检查组一拨接一拨，每个组一个标准。",
    "没人愿意来，编制一直空着。",
    "待遇差，年轻人留不住。",
    "上面千条线，下面一根针。",
    "第一书记什么都要管，责任全在他一个人身上。",
    "说不清楚。",
    "工作浮在表面，只顾留痕。",
]
STATE = "() => document.querySelector('.kz-desk')?.dataset.state"
IN_TEXT = "() => document.activeElement?.classList.contains('kz-text') ?? false"
BOX = """(element, [start, end]) => {
  const range = document.createRange();
  range.setStart(element.firstChild, start);
  range.setEnd(element.firstChild, end);
  const { left, right, top, height } = range.getBoundingClientRect();
  return { left, right, y: top + height / 2 };
}"""
CONTRASTS = """() => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 });
  const pen = canvas.getContext('2d', { willReadFrequently: true });
  const linear = value => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
  const light = colour => {
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    const [red, green, blue] = [...pen.getImageData(0, 0, 1, 1).data].map(value => linear(value / 255));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const root = document.querySelector('.kz-desk');
  const probe = document.createElement('span');
  const found = [];
  root.append(probe);
  for (const kind of ['kz-own', 'kz-chip']) for (let hue = 0; hue < 360; hue += 5) {
    probe.className = kind;
    probe.style.setProperty('--hue', hue);
    const { color, backgroundColor } = getComputedStyle(probe);
    const [low, high] = [light(color), light(backgroundColor)].sort((one, other) => one - other);
    found.push((high + 0.05) / (low + 0.05));
  }
  probe.remove();
  return found;
}"""
FONT = "() => [...document.fonts].some(font => font.family === 'Kz Han' && font.status === 'loaded')"
THEME = "name => { window.jupyterapp.commands.execute('apputils:change-theme', { theme: name }); return 1 }"
CELLS = "() => window.jupyterapp.shell.currentWidget.content.model.cells.length"

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def work(tmp_path_factory, jupyter):
    """A folder with a survey, ten answers and notebooks that open desks."""
    pytest.importorskip("anywidget", reason="anywidget is not installed")
    folder = tmp_path_factory.mktemp("work")
    shutil.copytree("data/raw/kizilsu", folder / "kizilsu")
    rows = [f"A{number:02d},first_secretary,{text}" for number, text in enumerate(ANSWERS, start=1)]
    (folder / "answers.csv").write_text("\n".join(["interview,role,open_causes", *rows]), encoding="utf-8")
    for coder in ("anna", "dan", "eve"):
        jupyter.notebook(folder / f"{coder}.ipynb", READ, DESK.format(coder))
    jupyter.notebook(folder / "chief.ipynb", READ, CODERS, ADJUDICATION)
    return folder


@pytest.fixture(scope="module")
def lab(work, jupyter):
    with jupyter.jupyter(work) as running:
        yield running


@pytest.fixture
def at(browser, lab, jupyter, axe):
    """Open a notebook in JupyterLab and run it: ``at("anna")``."""
    pages = []

    def opened(coder, running=lab, **options):
        pages.append(browser.new_page(viewport={"width": 1400, "height": 1000}, **options))
        desk = AtTheDesk(pages[-1], running, jupyter, coder, axe)
        desk.open()
        return desk

    yield opened
    for page in pages:
        page.close()
    for kernel in lab.ask("kernels"):
        lab.ask(f"kernels/{kernel['id']}", "DELETE")


class AtTheDesk:
    """Somebody at a desk who has a keyboard and looks at the status line and at the file of codings."""

    def __init__(self, page, running, jupyter, coder, axe):
        self.page, self.running, self.jupyter, self.coder, self.axe = page, running, jupyter, coder, axe
        self.complaints = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def open(self):
        self.jupyter.open_notebook(self.page, self.running, f"{self.coder}.ipynb")
        self.run()

    def run(self):
        """Run all cells, and go to the desk by keys."""
        self.page.evaluate("() => document.querySelector('.kz-desk')?.remove()")  # that of a kernel that is no more
        self.jupyter.run_all(self.page)
        self.page.wait_for_selector(".kz-desk .kz-code, [data-mime-type*=jupyter]", timeout=90_000)
        assert self.page.locator(".kz-desk").count() == 1, self.page.locator(".jp-OutputArea-output").all_inner_texts()
        for _ in range(60):
            if self.page.evaluate(IN_TEXT):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError("no way to the answer by Tab")

    def press(self, *keys):
        for key in keys:
            self.page.keyboard.press(key)

    def type(self, text):
        self.page.keyboard.type(text)

    def saved(self, count):
        """Wait for the status line to say saved; at that moment all is on disk."""
        self.page.wait_for_function(f"({STATE})() === 'ready' && !document.querySelector('.kz-waits')", timeout=20_000)
        assert len(self.rows()) == count, self.page.locator(".kz-alert").inner_text()

    def rows(self):
        path = Path(self.running.folder) / "kizilsu" / "codings" / f"{self.coder}.csv"
        if not path.exists():
            return []
        with open(path, encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    def say(self, *columns):
        return [tuple(row[column] for column in columns) for row in self.rows()]

    def text(self, part):
        return self.page.locator(f".kz-{part}").first.inner_text()

    def violations(self):
        """What axe finds wrong in the desk."""
        self.page.evaluate(self.axe)
        found = self.page.evaluate("() => axe.run('.kz-desk', { resultTypes: ['violations'] })")["violations"]
        return [(one["id"], one["nodes"][0]["html"]) for one in found]


def test_ten_answers_are_coded_by_keyboard_and_a_killed_kernel_loses_nothing_that_was_saved(at, lab):
    anna = at("anna")
    anna.press("j", "f")
    anna.type("yrh")  # 用人荒
    anna.press("Enter")
    anna.saved(1)
    anna.press("j", "Enter")
    anna.type("pay too low")
    anna.press("Enter")
    anna.saved(2)
    anna.press("n", "ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "Shift+ArrowRight", "f")
    anna.type("C1.3")
    anna.press("Enter")
    anna.saved(3)
    anna.press("n", "0")
    anna.saved(4)
    anna.press("n", "a")
    anna.saved(5)
    anna.press("n", "Shift+A")
    anna.saved(7)

    process = lab.kernel_process()
    os.kill(process, signal.SIGSTOP)
    anna.press("n", "j", "2")  # key 2 has been that of C1.2 since the second code
    anna.page.wait_for_function(f"({STATE})() === 'silent'", timeout=20_000)
    assert "1 项尚未保存" in anna.text("status")
    assert "等待保存" in anna.text("waits")
    os.kill(process, signal.SIGKILL)
    anna.page.wait_for_function(f"({STATE})() === 'lost'", timeout=30_000)
    assert "C1.2 待遇差" in anna.text("alert")
    assert len(anna.rows()) == 7
    anna.page.wait_for_selector(".jp-Dialog", timeout=30_000)
    anna.press("Enter")
    anna.page.wait_for_function(
        "() => window.jupyterapp.shell.currentWidget.sessionContext.session?.kernel?.status === 'idle'", timeout=60_000
    )

    anna.run()
    assert anna.text("words").replace("\n", "").endswith("编制一直空着。")
    anna.press("n", "j", "2")
    anna.saved(8)
    anna.press("n", "e", "e", "e", "f")
    anna.type("任务")
    anna.press("Enter", "m")
    anna.type("image, ask the team")
    anna.press("Control+Enter")
    anna.saved(10)
    anna.press("n", "s", "a")
    anna.saved(11)
    anna.press("r")
    anna.saved(12)
    anna.press("n", "0")
    anna.saved(13)
    anna.press("n", "j", "Shift+J", "f")
    anna.type("gzfz")  # 工作浮在
    anna.press("Enter")
    anna.saved(14)
    anna.press("u")
    anna.saved(15)
    anna.press("Shift+U")
    anna.saved(16)
    assert "已完成 10 / 10" in anna.text("progress")
    assert anna.complaints == []
    assert anna.say("action", "interview", "code", "quote", "of") == [
        ("add", "A01", "C1.1", "人手不够", ""),
        ("add", "A01", "C1.2", "工资太低", ""),
        ("add", "A02", "C1.3", "任务太重", ""),
        ("nothing", "A03", "", "", ""),
        ("accept", "A04", "C2.3", "检查组一拨接一拨", ""),
        ("accept", "A05", "C1.1", "没人愿意来", ""),
        ("accept", "A05", "C1.1", "编制一直", ""),
        ("add", "A06", "C1.2", "待遇差", ""),
        ("add", "A07", "C1.3", "上面千条线，下面一根针。", ""),
        ("memo", "A07", "", "上面千条线，下面一根针。", ""),
        ("accept", "A08", "C3.2", "责任全在他一个人身上", ""),
        ("reject", "A08", "C3.3", "第一书记什么都要管", ""),
        ("nothing", "A09", "", "", ""),
        ("add", "A10", "C2.4", "工作浮在表面，只顾留痕", ""),
        ("undo", "A10", "", "", "14"),
        ("undo", "A10", "", "", "15"),
    ]


def test_axe_finds_nothing_wrong_in_any_state_of_the_desk(at):
    dan = at("dan")
    assert dan.violations() == []
    dan.press("n", "n", "n", "a")
    dan.saved(1)
    dan.press("f")
    dan.type("c")
    assert dan.violations() == []
    dan.press("Escape", "m")
    assert dan.violations() == []
    dan.press("Escape", "?")
    assert dan.violations() == []
    assert min(dan.page.evaluate(CONTRASTS)) >= 4.5  # axe looks away from text on a background image, as spans have
    dan.page.evaluate(THEME, "JupyterLab Dark")
    dan.page.wait_for_selector(".kz-desk[data-theme=dark]")
    assert (dan.violations(), min(dan.page.evaluate(CONTRASTS)) >= 4.5) == ([], True)
    dan.page.locator(".kz-language").click()
    dan.page.set_viewport_size({"width": 700, "height": 900})
    assert dan.violations() == []
    dan.page.evaluate(THEME, "JupyterLab Light")


def test_keys_of_the_desk_do_not_reach_the_notebook_but_saving_does(at):
    eve = at("eve")
    cells = eve.page.evaluate(CELLS)
    eve.press("d", "d", "x", "b", "a", "z", "Shift+M", "y", "i", "i", "0", "0")
    eve.saved(1)
    assert (eve.page.evaluate(CELLS), eve.page.evaluate(IN_TEXT)) == (cells, True)
    eve.press("Control+s")
    eve.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")


def test_what_the_mouse_selects_is_coded_where_python_counts_it(at):
    eve = at("eve")
    eve.press("n")
    words = eve.page.locator(".kz-words", has_text="任务太重")
    box = words.evaluate(BOX, [2, 6])
    eve.page.mouse.move(box["left"] + 1, box["y"])
    eve.page.mouse.down()
    eve.page.mouse.move(box["right"] - 1, box["y"], steps=4)
    eve.page.mouse.up()
    eve.page.wait_for_function("() => getSelection().toString() === '任务太重'")
    before = len(eve.rows())
    eve.page.locator(".kz-code", has_text="C1.3").click()
    eve.saved(before + 1)
    assert eve.say("start", "end", "quote")[-1] == ("1", "5", "任务太重")


def test_a_browser_without_a_chinese_font_is_given_one(at):
    eve = at("eve")
    eve.page.add_init_script("CanvasRenderingContext2D.prototype.fillText = () => {}")
    eve.open()
    eve.page.wait_for_function(
        "() => [...document.fonts].some(font => font.family === 'Kz Han' && font.status === 'loaded')"
    )


def test_disagreements_are_decided_side_by_side_by_key(at):
    chief = at("chief")
    assert chief.page.locator(".kz-coder .kz-caption").all_inner_texts() == ["⇧1 bo", "⇧2 cai"]
    assert chief.violations() == []
    chief.press("Shift+Digit2")
    chief.saved(1)
    assert chief.say("role", "action", "code", "suggestion") == [("adjudicator", "accept", "C1.2", "person:cai")]


def test_the_desk_works_in_notebook_7(browser, work, jupyter, axe):
    (work / "kizilsu" / "codings" / "fay.csv").unlink(missing_ok=True)
    jupyter.notebook(work / "fay.ipynb", READ, DESK.format("fay"))
    page = browser.new_page(viewport={"width": 1200, "height": 900})
    with jupyter.jupyter(work, "notebook") as running:
        fay = AtTheDesk(page, running, jupyter, "fay", axe)
        fay.open()
        fay.press("j", "f")
        fay.type("yrh")
        fay.press("Enter")
        fay.saved(1)
        assert (fay.say("code", "quote"), fay.violations()) == ([("C1.1", "人手不够")], [])
    page.close()
