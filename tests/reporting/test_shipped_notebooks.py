"""The notebooks of the project: valid, in both languages, without typed numbers, and about no survey in particular."""

import ast
import re
import shutil
from pathlib import Path

import nbformat
import pytest

from kzsurvey.build import build
from kzsurvey.reporting import run_notebooks
from kzsurvey.survey import read_survey

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
ALLOWED = re.compile(r"95 ?%")


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def code(notebook):
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def test_there_is_one_for_each_part_of_the_work():
    assert [path.stem for path in NOTEBOOKS] == [
        "01_fieldwork",
        "02_problems",
        "03_links",
        "04_report",
        "05_scales",
        "06_fragile",
        "07_coding",
    ]


def test_a_notebook_is_valid_with_fixed_ids_and_an_ordinary_kernel(notebook):
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert notebook.metadata.kernelspec.name == "python3"
    ids = [cell.id for cell in notebook.cells]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"\d\d-\d\d-(code|zh|en)", name) for name in ids)


def test_every_chinese_cell_is_followed_by_its_english_one(notebook):
    tags = [cell.metadata.get("tags", [""]) for cell in notebook.cells if cell.cell_type == "markdown"]
    assert [tag[0] for tag in tags] == ["zh", "en"] * (len(tags) // 2)
    assert [tag[1:] for tag in tags[::2]] == [tag[1:] for tag in tags[1::2]]


def test_both_languages_have_the_same_sections(notebook):
    levels = {"zh": [], "en": []}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            levels[cell.metadata.tags[0]] += re.findall(r"(?m)^#+", cell.source)
    assert levels["zh"] == levels["en"]


def test_no_number_is_typed_into_prose(notebook):
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            assert not re.search(r"\d", ALLOWED.sub("", cell.source)), cell.source


def test_every_sentence_is_there_in_both_languages(notebook):
    calls = [node for source in code(notebook) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    said = [call for call in calls if getattr(call.func, "attr", "") == "say"]
    assert said
    assert all({"zh", "en"} <= {keyword.arg for keyword in call.keywords} for call in said)


def test_every_text_is_there_in_both_languages(notebook):
    for source in code(notebook):
        for node in ast.walk(ast.parse(source)):
            keys = [getattr(key, "value", None) for key in node.keys] if isinstance(node, ast.Dict) else []
            assert ("zh" in keys) == ("en" in keys)


def test_a_survey_is_named_only_where_it_is_opened(notebook):
    text = "\n".join(cell.source for cell in notebook.cells)
    assert text.count("kizilsu") == 1
    assert 'kz.open_report("data/raw/kizilsu", language="zh")' in code(notebook)[0]
    assert not re.search("克孜勒苏|克州|Kizilsu", text)


KINDS = """
[[models]]
name = "paths"
kind = "mediation"
hypothesis = "H1"
formula = "leave ~ load + pay + place"
mediators = ["load ~ pay + place"]
treatment = "pay"
term = "indirect"
expected = "negative"
[[models]]
name = "buffer"
kind = "linear"
hypothesis = "H2"
formula = "leave ~ load * pay"
term = "load:pay"
[[models]]
name = "where"
kind = "linear"
hypothesis = "H3"
formula = "leave ~ load * place"
term = "load:place[T.river]"
[[models]]
name = "named"
kind = "logistic"
hypothesis = "H4"
formula = "code_P1_1 ~ load"
term = "load"
[[models]]
name = "counted"
kind = "poisson"
hypothesis = "H5"
formula = "hours ~ load + place"
term = "place[T.river]"
[[models]]
name = "ordered"
kind = "ordinal"
hypothesis = "H6"
formula = "mood ~ load"
term = "load"
"""


@pytest.fixture
def many_kinds(definition):
    """The orchards again, with a model of every kind that a notebook treats in a way of its own."""
    import numpy as np

    questions = "".join(f"integer,{name},,{name},,,ratio\n" for name in ("pay", "load", "leave"))
    choices = "".join(f"mood,{level},{level},Mood {level},\n" for level in (1, 2, 3))
    for name, text in (("questions", questions + "select_one mood,mood,,Mood,,,ordinal\n"), ("choices", choices)):
        with open(definition / f"{name}.csv", "a", encoding="utf-8") as file:
            file.write(text)
    with open(definition / "survey.toml", "a", encoding="utf-8") as file:
        file.write(KINDS)
    rng = np.random.default_rng(2)
    pay, place = rng.integers(1, 8, 150), rng.choice(["hill", "river"], 150)
    load = np.clip(9 - pay + rng.integers(-2, 3, 150), 1, 12)
    leave = np.clip(load - pay // 2 + rng.integers(0, 4, 150), 0, 20)
    mood = np.clip(3 - leave // 4 + rng.integers(-1, 2, 150), 1, 3)
    said = np.where(rng.uniform(size=150) < load / 14, "缺人", "没有")
    codes = (definition / "codes.csv").read_text(encoding="utf-8").splitlines()
    lines = [codes[0] + ",pattern", codes[1] + ",", codes[2] + ",缺人"]
    (definition / "codes.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    rows = zip(place, 30 + load, said, pay, load, leave, mood, strict=True)
    answers = [f"i{number}," + ",".join(map(str, row)) for number, row in enumerate(rows)]
    header = "interview_id,place,hours,open_problems,pay,load,leave,mood\n"
    (definition / "delivered" / "answers.csv").write_text(header + "\n".join(answers) + "\n", encoding="utf-8")
    build(definition, progress=lambda line: None)
    return read_survey(definition)


def test_links_are_shown_for_every_kind_of_model(many_kinds, warm):
    paths = run_notebooks(
        many_kinds, languages=["en", "zh"], notebooks=["03_links.ipynb"], folder=FOLDER, progress=lambda line: None
    )
    english, chinese = (path.read_text(encoding="utf-8") for path in sorted(paths))
    for shown in ("H1: the paths", "Share mediated", "H2: an association that changes with", "H3: an association"):
        assert shown in english
    assert "percentage points" in english
    assert "units of the outcome" in english
    assert "Robustness value" in english
    assert "E-value" in english
    assert "个百分点" in chinese
    assert "经由中介的比例" in chinese
    assert len(re.findall("<h3", english)) == len(re.findall("<h3", chinese))


def test_the_made_up_market_has_its_reports_in_both_languages(tmp_path, warm):
    market = Path(__file__).parents[1] / "surveys" / "data" / "raw" / "market"
    folder = Path(shutil.copytree(market, tmp_path / "data" / "raw" / "market"))
    build(folder, progress=lambda line: None)
    paths = run_notebooks(read_survey(folder), folder=FOLDER, progress=lambda line: None)
    assert len(paths) == 2 * len(NOTEBOOKS)


def test_they_serve_a_survey_without_codebook_measures_models_and_frame(definition, warm):
    rows = [f"i{number},{'hill' if number % 3 else 'river'},{30 + number},\n" for number in range(30)]
    (definition / "delivered" / "answers.csv").write_text("interview_id,place,hours,open_problems\n" + "".join(rows))
    (definition / "codes.csv").unlink()
    settings = (definition / "survey.toml").read_text(encoding="utf-8").split("[[schemes]]")[0]
    (definition / "survey.toml").write_text(settings, encoding="utf-8")
    build(definition, progress=lambda line: None)
    paths = run_notebooks(read_survey(definition), languages=["ar"], folder=FOLDER, progress=lambda line: None)
    assert [path.stem for path in paths] == [path.stem for path in NOTEBOOKS]
    first, problems, links, *_ = [path.read_text(encoding="utf-8") for path in paths]
    assert "ساعات العمل" in links
    assert '<html lang="en" dir="ltr">' in first
    assert "has no codebook" in problems
    assert "<h2" not in problems
    assert "has no scale" in links
    assert "declares no hypotheses" in links
    assert "no frame to compare with" in first
