"""The notebooks of the project: valid, in both languages, without typed numbers, and about no survey in particular."""

import ast
import re
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


def test_there_are_four():
    assert [path.stem for path in NOTEBOOKS] == ["01_fieldwork", "02_problems", "03_links", "04_report"]


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


def test_they_serve_a_survey_without_codebook_measures_models_and_frame(definition, warm):
    rows = [f"i{number},{'hill' if number % 3 else 'river'},{30 + number},\n" for number in range(30)]
    (definition / "delivered" / "answers.csv").write_text("interview_id,place,hours,open_problems\n" + "".join(rows))
    (definition / "codes.csv").unlink()
    settings = (definition / "survey.toml").read_text(encoding="utf-8").split("[[schemes]]")[0]
    (definition / "survey.toml").write_text(settings, encoding="utf-8")
    build(definition, progress=lambda line: None)
    paths = run_notebooks(read_survey(definition), languages=["ar"], folder=FOLDER, progress=lambda line: None)
    assert [path.stem for path in paths] == [path.stem for path in NOTEBOOKS]
    first, problems, links, _ = [path.read_text(encoding="utf-8") for path in paths]
    assert "ساعات العمل" in links
    assert '<html lang="en" dir="ltr">' in first
    assert "has no codebook" in problems
    assert "<h2" not in problems
    assert "has no scale" in links
    assert "declares no hypotheses" in links
    assert "no frame to compare with" in first
