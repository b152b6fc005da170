"""A small survey of orchards, built: what every test of the reports starts from."""

from contextlib import nullcontext
from pathlib import Path

import pandas as pd
import pytest

from kzsurvey import tables
from kzsurvey.reporting import open_report
from kzsurvey.reporting.kernels import kernels
from kzsurvey.survey import read_survey

SETTINGS = """
name = "orchard"
wave = "2024"
simulated = true
[languages]
zh = "中文"
en = "English"
ar = "العربية"
[title]
zh = "果园访谈"
en = "Interviews in orchards"
[interview]
id = "interview_id"
[[delivered]]
file = "delivered/answers.csv"
[reports.titles."page"]
zh = "果园报告"
"""
QUESTIONS = """type,name,label::中文,label::English,label::العربية,unit,level
text,interview_id,访谈编号,Interview,,,
select_one place,place,地点,Place,المكان,,nominal
integer,hours,每周工时,Hours per week,ساعات العمل,hours,ratio
text,open_problems,有什么问题？,What goes wrong?,,,
"""
CHOICES = """list_name,name,label::中文,label::English,label::العربية
place,hill,山上,Hill,تل
place,river,河边,River,
"""
CODES = """scheme,code,parent,name::中文,name::English
problem,P1,,人手,People
problem,P1.1,P1,缺人,Too few <people>
"""


@pytest.fixture
def definition(tmp_path):
    """The folder of the definition, in a project of its own."""
    folder = tmp_path / "data" / "raw" / "orchard"
    (folder / "delivered").mkdir(parents=True)
    scheme = '[[schemes]]\nname = "problem"\nquestions = ["open_problems"]\n'
    files = {"survey.toml": SETTINGS + scheme, "questions.csv": QUESTIONS, "choices.csv": CHOICES, "codes.csv": CODES}
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "delivered" / "answers.csv").write_text("interview_id,place,hours,open_problems\n", encoding="utf-8")
    return folder


@pytest.fixture
def survey(definition):
    return read_survey(definition)


@pytest.fixture
def report(definition):
    return open_report(definition, language="en")


@pytest.fixture
def built(survey):
    """The survey with one table that has been built."""
    index = pd.Index([f"i{number}" for number in range(12)], name="interview")
    analysis = pd.DataFrame(
        {"weight": 1.0, "stratum": "s", "cluster": [f"c{number % 4}" for number in range(12)], "hours": range(30, 42)},
        index=index,
    ).astype({"stratum": "str", "cluster": "str", "hours": "Int64"})
    tables.write_tables({"analysis": analysis}, survey.processed, manifest={"inputs": {"survey.toml": "0"}})
    return survey


@pytest.fixture
def notebook():
    """A function that writes a notebook from cells: (kind, source), kind being code, md, zh or en."""
    import nbformat

    def write(path: Path, *cells: tuple[str, str]) -> Path:
        made = []
        for number, (kind, source) in enumerate(cells):
            cell = nbformat.v4.new_code_cell(source) if kind == "code" else nbformat.v4.new_markdown_cell(source)
            cell["id"] = f"c{number}"
            cell["metadata"] = {} if kind in ("code", "md") else {"tags": [kind]}
            made.append(cell)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(nbformat.writes(nbformat.v4.new_notebook(cells=made)), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def execute():
    """One process to fork kernels from for all tests: importing everything takes longer than any of them."""
    with kernels() as execute:
        yield execute


@pytest.fixture
def warm(execute, monkeypatch):
    """Reports are made with kernels that are ready."""
    monkeypatch.setattr("kzsurvey.reporting.notebooks.kernels", lambda: nullcontext(execute))
