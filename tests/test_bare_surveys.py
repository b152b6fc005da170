"""Surveys that declare next to nothing have reports all the same: every notebook asks what there is."""

import shutil
from pathlib import Path

import pytest

from kzsurvey.build import build, report

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted(path.stem for path in (ROOT / "notebooks").glob("*.ipynb"))


def quiet(line):
    """Nobody is told."""


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data" / "raw" / "market"


def without_codes(folder):
    """A list of codes is declared, and its codebook not written yet."""
    shutil.copytree(ROOT / "tests" / "surveys" / "data" / "raw" / "market", folder)
    (folder / "codes.csv").unlink()


def without_anything(folder):
    """An id, one number, one choice and one open question; no design, weights, codes, scales, models."""
    (folder / "delivered").mkdir(parents=True)
    texts = {
        "survey.toml": 'name = "market"\n[languages]\nen = "English"\n[interview]\nid = "id"\n'
        '[[delivered]]\nfile = "delivered/a.csv"\n',
        "questions.csv": "type,name,label\ntext,id,Id\ninteger,hours,Hours\nselect_one yn,tired,Tired\ntext,said,x\n",
        "choices.csv": "list_name,name,label\nyn,yes,Yes\nyn,no,No\n",
        "delivered/a.csv": "id,hours,tired,said\n"
        + "".join(f"{k},{k + 20},{'yes' if k % 3 else 'no'},a\n" for k in range(30)),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


@pytest.mark.parametrize("bare", [without_codes, without_anything])
def test_every_notebook_is_made_of_a_survey_with_little_in_it(folder, bare):
    bare(folder)
    build(folder, progress=quiet)
    pages = report(folder, languages=["en"], progress=quiet)
    assert [page.stem for page in pages] == NOTEBOOKS
