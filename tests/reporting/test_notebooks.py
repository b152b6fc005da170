"""Notebooks become reports whole or not at all, the same to the byte, and a failure names its cell."""

import ast
import hashlib
import json
from pathlib import Path

import pytest

from kzsurvey.errors import ReportError
from kzsurvey.reporting import run_notebooks
from kzsurvey.reporting.kernels import can_fork, kernels
from kzsurvey.reporting.notebooks import read_notebook

OPEN = """
import kzsurvey as kz

report = kz.open_report("data/raw/kizilsu", language="zh")
report
"""
HOURS = """
hours = report.processed("analysis")["hours"]
kz.say(report, zh="平均 {mean}。", en="The mean is {mean}.", mean={"estimate": hours.mean(), "n": len(hours)})
kz.table(hours.describe().rename("value").to_frame().rename_axis("label"), report, caption={"en": "Hours"})
print(hash("a string"))
"""
PAGE = (("code", OPEN), ("zh", "# 果园"), ("en", "# Orchard"), ("code", HOURS))


def quiet(line):
    """Progress nobody looks at."""


@pytest.fixture
def page(tmp_path, notebook):
    return notebook(tmp_path / "notebooks" / "page.ipynb", *PAGE)


def hashes(folder):
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_report_is_made_for_each_language_and_again_with_the_same_bytes(built, page):
    lines = []
    paths = run_notebooks(built, languages=["zh", "en"], progress=lines.append)
    assert [str(path.relative_to(built.report_folder)) for path in paths] == ["zh/page.html", "en/page.html"]
    assert len(lines) == 2
    first = hashes(built.report_folder)
    assert sorted(first) == [
        f"{code}/{name}" for code in ("en", "zh") for name in ("manifest.json", "numbers.json", "page.html")
    ]
    run_notebooks(built, languages=["zh", "en"], progress=quiet)
    assert hashes(built.report_folder) == first


def test_the_numbers_beside_a_report_are_those_in_it(built, page, warm):
    path = run_notebooks(built, languages=["en"], progress=quiet)[0]
    numbers = json.loads(path.with_name("numbers.json").read_text(encoding="utf-8"))
    outputs = numbers["notebooks"]["page"]
    assert [output["kind"] for output in outputs] == ["report", "prose", "table"]
    assert outputs[1]["numbers"] == {"mean": 35.5}
    assert "The mean is 35.50." in path.read_text(encoding="utf-8")
    assert numbers["simulated"] is True


def test_the_manifest_says_what_the_report_was_made_from(built, page, warm):
    path = run_notebooks(built, languages=["en"], progress=quiet)[0]
    manifest = json.loads(path.with_name("manifest.json").read_text(encoding="utf-8"))
    assert manifest["inputs"]["notebooks"] == {"page.ipynb": hashlib.sha256(page.read_bytes()).hexdigest()}
    assert list(manifest["inputs"]["tables"]) == ["analysis"]
    assert manifest["reports"]["page.html"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert manifest["made_with"]["kzsurvey"]


def test_an_error_names_notebook_language_and_cell_and_nothing_is_written(built, page, warm, notebook):
    notebook(page.with_name("wrong.ipynb"), ("code", OPEN), ("md", "text"), ("code", "1 / 0"))
    with pytest.raises(ReportError, match=r"wrong.ipynb \(en\), cell 3: found ZeroDivisionError: division by zero"):
        run_notebooks(built, languages=["en"], progress=quiet)
    assert not built.report_folder.exists()


def test_a_fault_of_the_researcher_keeps_its_own_words(built, page, warm, notebook):
    notebook(page.with_name("wrong.ipynb"), ("code", OPEN), ("code", "report.processed('terms')"))
    several = "from kzsurvey.errors import *; raise DesignError([Fault('a', 'x', 'y'), Fault('b', 'z')])"
    notebook(page.with_name("worse.ipynb"), ("code", several))
    with pytest.raises(ReportError) as caught:
        run_notebooks(built, languages=["en"], notebooks=["wrong.ipynb", "worse.ipynb"], progress=quiet)
    told = [str(fault) for fault in caught.value.faults]
    assert told[0].startswith("wrong.ipynb (en), cell 2, ")
    assert "kzsurvey build" in told[0]
    assert told[1:] == [f"worse.ipynb (en), cell 1, {rest}" for rest in ("a: found x; allowed: y", "b: found z")]


def test_a_kernel_that_dies_is_told_in_one_sentence(built, page, warm, notebook):
    notebook(page, ("code", "import os; os._exit(3)"))
    with pytest.raises(ReportError, match=r"page.ipynb \(en\): found a kernel that ended before the notebook did"):
        run_notebooks(built, languages=["en"], progress=quiet)


def test_a_survey_that_is_not_built_is_told_how_to_be(survey, page):
    with pytest.raises(ReportError, match="a survey that has not been built.*run: kzsurvey build"):
        run_notebooks(survey, progress=quiet)


def test_everything_wrong_with_an_order_is_said_at_once(built, page):
    with pytest.raises(ReportError) as caught:
        run_notebooks(built, languages=["fr"], notebooks=["none.ipynb"], to=["pdf"], progress=quiet)
    assert [fault.found for fault in caught.value.faults] == [
        "no language 'fr'",
        "no kind of file 'pdf'",
        "no notebook 'none.ipynb'",
    ]


def test_a_folder_without_notebooks_and_no_folder_are_refused(built, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReportError, match="found no notebook"):
        run_notebooks(built, folder=tmp_path / "empty", progress=quiet)
    with pytest.raises(ReportError, match="found no such folder"):
        run_notebooks(built, folder=tmp_path / "none", progress=quiet)


@pytest.mark.parametrize("text", ["not json", '{"cells": 3}', "[]"])
def test_a_file_that_is_no_notebook_is_refused(built, page, warm, text):
    page.write_text(text, encoding="utf-8")
    with pytest.raises(ReportError, match=r"page.ipynb: found no notebook"):
        run_notebooks(built, languages=["en"], progress=quiet)


def test_stored_outputs_are_forgotten(page):
    notebook = read_notebook(page)
    notebook.cells[0].outputs = [{"output_type": "stream", "name": "stdout", "text": "old"}]
    page.write_text(json.dumps(notebook), encoding="utf-8")
    assert read_notebook(page).cells[0].outputs == []


@pytest.mark.parametrize(
    "forked", [pytest.param(True, marks=pytest.mark.skipif(not can_fork(), reason="no fork")), False]
)
def test_forked_and_fresh_kernels_give_the_same(page, forked, tmp_path):
    notebook = read_notebook(page)
    notebook.cells = notebook.cells[:1]
    notebook.cells[
        0
    ].source = "import os, sys\n(os.environ['KZ_LANGUAGE'], hash('a'), os.getcwd(), 'pandas' in sys.modules)"
    with kernels(forked=forked) as execute:
        execute(notebook, tmp_path, {"KZ_LANGUAGE": "zh"})
    shown = notebook.cells[0].outputs[0].data["text/plain"]
    language, _, folder, preloaded = ast.literal_eval(shown)
    assert (language, folder, preloaded) == ("zh", str(tmp_path), forked)


def test_each_notebook_has_a_process_of_its_own(page, tmp_path, execute):
    notebook = read_notebook(page)
    notebook.cells = notebook.cells[:1]
    notebook.cells[0].source = "first = 'left' in globals()\nleft = 1\nfirst"
    for _ in range(2):
        execute(notebook, Path(tmp_path), {})
        assert notebook.cells[0].outputs[0].data["text/plain"] == "False"
