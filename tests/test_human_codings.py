"""Human codings on their way through a build: into mentions, and into analysis where survey.toml says so."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

import kzsurvey as kz
from kzsurvey.__main__ import main
from kzsurvey.build import build, report
from kzsurvey.coding import entry, record
from kzsurvey.errors import CodingError, ReportError
from kzsurvey.reporting.words import has_word

MARKET = Path(__file__).parent / "surveys" / "data" / "raw" / "market"


@pytest.fixture
def folder(tmp_path):
    return Path(shutil.copytree(MARKET, tmp_path / "data" / "raw" / "market"))


def coded(folder):
    """Ann finds that M01 names nothing, and M10 few customers."""
    survey = kz.read_survey(folder)
    record(survey, "ann", entry("nothing", "M01", "troubles", "租金太高，快交不起了"))
    record(survey, "ann", entry("add", "M10", "troubles", "路不好走", start=0, end=4, code="T2"))
    return survey


def built(folder):
    lines = []
    paths = build(folder, progress=lines.append)
    return {name: pd.read_parquet(path) for name, path in paths.items()}, lines


def test_a_build_holds_people_beside_rules_and_analysis_is_of_rules(folder):
    before, _ = built(folder)
    coded(folder)
    after, lines = built(folder)
    pd.testing.assert_frame_equal(after["analysis"], before["analysis"])
    added = after["mentions"][after["mentions"]["source"] == "person"]
    assert added[["interview", "code", "coder", "stands"]].to_numpy().tolist() == [["M10", "T2", "ann", False]]
    assert "  by hand   1 codings in 2 decisions of 1 coders" in lines


def test_people_stand_in_analysis_where_survey_toml_says_so(folder):
    coded(folder)
    with open(folder / "survey.toml", "a", encoding="utf-8") as file:
        file.write('\n[codings]\nstand = "people"\n')
    tables, _ = built(folder)
    assert tables["analysis"].loc[["M01", "M10"], ["code_T1", "code_T2"]].to_numpy().tolist() == [[0, 0], [0, 1]]


def test_anything_else_than_rules_or_people_is_a_fault_of_survey_toml(folder, capsys):
    with open(folder / "survey.toml", "a", encoding="utf-8") as file:
        file.write('\n[codings]\nstand = "persons"\n')
    assert main(["check", str(folder)]) == 2
    assert "column codings.stand: found 'persons'; allowed: rules, people" in capsys.readouterr().err


def test_a_build_tells_what_was_found_again_among_its_issues(folder):
    coded(folder)
    visits = folder / "delivered" / "visits.csv"
    visits.write_text(visits.read_text("utf-8").replace("路不好走", "嗯，路不好走"), "utf-8")
    tables, lines = built(folder)
    found = tables["issues"][tables["issues"]["kind"].str.startswith("coding")]
    assert found[["interview", "kind", "before", "after"]].to_numpy()[0].tolist() == [
        "M10",
        "coding_found",
        "0-4 路不好走",
        "2-6 路不好走",
    ]
    assert all(has_word(f"kind_{kind}") for kind in found["kind"])
    assert any(line.endswith("2 decisions of 1 coders, 1 to decide again") for line in lines)


def test_a_report_after_more_coding_asks_for_a_build(folder):
    coded(folder)
    built(folder)
    record(kz.read_survey(folder), "ann", entry("nothing", "M13", "troubles", "都挺好"))
    with pytest.raises(ReportError, match="codings/ann.csv: found a change since the last build"):
        report(folder, progress=lambda line: None)


def test_faults_of_codings_are_told_by_check_and_build_and_nothing_is_written(folder, capsys):
    coded(folder)
    path = folder / "codings" / "ann.csv"
    path.write_text(path.read_text("utf-8").replace(",T2,", ",T7,"), "utf-8")
    assert main(["check", str(folder)]) == 2
    assert "codings/ann.csv, row 3, column code: found code 'T7'" in capsys.readouterr().err
    with pytest.raises(CodingError, match="T7"):
        build(folder, progress=lambda line: None)
    assert not (folder.parents[1] / "processed").exists()


def test_shares_of_a_survey_take_two_calls(folder):
    survey = kz.read_survey(folder)
    interviews, _ = kz.clean(kz.read_answers(survey), survey)
    analysis = kz.analyse(interviews, kz.code(interviews, survey), survey)
    drawn = kz.modelling.draw_coding_sample(analysis, survey, 12, seed=2)
    for name in drawn.index:
        if isinstance(text := interviews.at[name, "troubles"], str):
            code = "T1.1" if "租" in text else "T2" if "客" in text else ""
            record(survey, "ann", entry("add" if code else "nothing", name, "troubles", text, code=code))
    human = kz.coding.human_codes(kz.read_codings(survey, interviews), interviews, survey)
    found = kz.prevalence(analysis, human, survey)
    assert found[["n", "n_coded"]].to_numpy().tolist() == [[18, 12]] * 3
    assert found["conf_low"].le(found["estimate"]).all()
    assert found["estimate"].le(found["conf_high"]).all()
