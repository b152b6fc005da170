"""Simulated coders err as they are told to, in files like those of people, and never touch what people coded."""

import shutil
from pathlib import Path

import pytest

import kzsurvey as kz
from kzsurvey.build import build
from kzsurvey.coding import coding_agreement, disagreements, human_codes, read_codings
from kzsurvey.errors import CodingError
from kzsurvey.rehearsal import Coder, rehearse_coding

SHIPPED = Path("data/raw/kizilsu")


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rehearsal") / "data" / "raw" / "kizilsu"
    shutil.copytree(SHIPPED, folder, ignore=shutil.ignore_patterns("codings", "coding_sample.csv"))
    build(folder, progress=lambda line: None)
    return folder


@pytest.fixture
def survey(built, tmp_path):
    project = Path(shutil.copytree(built.parents[2], tmp_path / "project"))
    return kz.read_survey(project / "data" / "raw" / "kizilsu")


def read(survey):
    answers = kz.read_processed(survey, "interviews")
    return read_codings(survey, answers), answers


def test_coders_who_never_err_agree_and_are_right(survey):
    sure = (Coder("a", 0, 0, 0), Coder("b", 0, 0, 0))
    written = rehearse_coding(survey.folder, coders=sure, sample=100, coded=60, both=30)
    codings, _ = read(survey)
    assert [path.name for path in written] == ["coding_sample.csv", "a.csv", "b.csv"]
    assert disagreements(codings).empty
    assert coding_agreement(codings, survey).set_index("coefficient").loc["alpha", "estimate"] == pytest.approx(1.0)


def test_coders_err_about_as_often_as_they_are_told_to_and_an_adjudicator_settles_it(survey):
    rehearse_coding(survey.folder, sample=120, coded=120, both=120)
    codings, answers = read(survey)
    agreement = coding_agreement(codings, survey).set_index("coefficient")["estimate"]
    assert 0.6 < agreement["alpha"] < 0.9
    assert disagreements(codings).empty
    assert human_codes(codings, answers, survey).notna().any(axis=1).sum() >= 110


def test_most_codes_stand_on_the_words_that_were_written_for_them(survey):
    rehearse_coding(survey.folder, sample=100, coded=60, both=20)
    codings, answers = read(survey)
    placed = codings.spans.dropna(subset="start")
    assert len(placed) > 0.9 * len(codings.spans)
    first = placed.iloc[0]
    assert answers.at[first["interview"], first["question"]][first["start"] : first["end"]] == first["quote"]


def test_a_survey_that_was_coded_is_left_alone(survey):
    rehearse_coding(survey.folder, sample=100, coded=20, both=10)
    before = {path: path.read_bytes() for path in (survey.folder / "codings").glob("*.csv")}
    with pytest.raises(CodingError, match="codings that are there already"):
        rehearse_coding(survey.folder)
    assert before == {path: path.read_bytes() for path in (survey.folder / "codings").glob("*.csv")}


def test_real_answers_are_never_coded_by_simulated_coders(survey):
    settings = survey.folder / "survey.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("simulated = true", "simulated = false"), "utf-8")
    with pytest.raises(CodingError, match="simulated = false"):
        rehearse_coding(survey.folder)
    assert not (survey.folder / "codings").exists()
