"""Files that nobody made for this library: exports of collecting tools, of statistics programs and of a panel."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from kzsurvey.cleaning import clean, read_answers
from kzsurvey.cleaning.readers import read_sheet
from kzsurvey.errors import DeliveryError
from kzsurvey.survey import Delivered

SHARED = Path(__file__).parents[2].parent / "shared"
DATA = SHARED / "data"

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not DATA.is_dir(), reason="the shared data are not on this machine"),
]


def listed(name, labels):
    return [
        {"list_name": name, "name": f"{name}{number}", "label::中文": label, "label::English": label}
        for number, label in enumerate(sorted(labels))
    ]


def pointed(survey, path, **options):
    return replace(survey, delivered=(Delivered(path, **options),))


def parts(path, column):
    answers = read_sheet(Delivered(path)).cells[column].unique()
    return {part.split("【")[0].split("〖")[0] for answer in answers for part in answer.split("┋")} - {""}


def test_the_export_of_a_survey_site_is_read_by_the_labels_of_its_questions(make):
    path = DATA / "wjx_800" / "wjx_800_readable.xls"
    questions = [
        {"type": f"select_{kind} q{number}", "name": f"q{number}", "label::中文": label}
        for number, kind, label in (
            (6, "one", "手机部数"), (7, "one", "手机价格"), (8, "one", "性别"), (9, "one", "年龄"),
            (10, "one", "月收入"),
            (11, "multiple", "兴趣爱好"), (12, "one", "爱好投入占收入比重"), (13, "multiple", "关注资讯"),
        )
    ]  # fmt: skip
    choices = [row for number in range(6, 14) for row in listed(f"q{number}", parts(path, number))]
    survey = make(questions, {"a.csv": "id,q6\n1,\n"}, choices=choices)
    survey = pointed(survey, path, columns={"序号": "id"})
    interviews, issues = clean(read_answers(survey), survey)
    assert len(interviews) + (issues["action"] == "removed").sum() == 800
    assert interviews[["q8", "q11", "q13"]].notna().all().all()
    assert interviews["q11"].str.split().str.len().max() == 13
    assert not issues["kind"].isin(["option_unknown", "personal_data", "damaged_text"]).any()


def test_ages_and_seventy_spellings_of_one_answer(make):
    path = DATA / "osmi2016" / "osmi_2016_raw.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    questions = [
        {"type": "integer", "name": "age", "label::English": "What is your age?", "constraint": ". >= 16 and . <= 98"},
        {"type": "text", "name": "gender", "label::English": "What is your gender?"},
        {"type": "text", "name": "why", "label::English": "Why or why not?"},
    ]
    survey = make(questions, {"a.csv": "id,age\n1,\n"}, more='[columns]\nignore = ["*"]')
    with pytest.raises(DeliveryError, match="column id"):
        read_answers(pointed(survey, path))
    numbered = survey.folder / "delivered" / "numbered.csv"
    table.drop(columns="Why or why not?.1").assign(id=range(len(table))).to_csv(numbered, index=False)
    survey = pointed(survey, numbered)
    interviews, issues = clean(read_answers(survey), survey)
    assert len(interviews) == 1433
    refused = issues[issues["question"] == "age"]
    assert sorted(refused["before"], key=int) == ["3", "15", "99", "323"]
    assert refused.set_index("before")["kind"].to_dict()["99"] == "missing_code"
    assert interviews["gender"].nunique() > 60


def test_the_export_of_a_phone_survey_with_headers_changed_by_r(make):
    path = DATA / "reach_talafar_kobo" / "cleaningtools_raw_data.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    sources = [header.partition(".")[2] for header in table if header.startswith("water_sources.")]
    questions = [
        {"type": "datetime", "name": "start"},
        {"type": "datetime", "name": "end"},
        {"type": "integer", "name": "age_respondent_r", "constraint": ". > 17 and . < 120"},
        {"type": "decimal", "name": "tot_expenses"},
        {"type": "select_multiple sources", "name": "water_sources"},
    ]
    choices = [{"list_name": "sources", "name": name, "label::中文": name, "label::English": name} for name in sources]
    interview = 'start = "start"\nend = "end"\nshortest_minutes = 25'
    survey = make(questions, {"a.csv": "id,start\n1,\n"}, choices=choices, interview=interview)
    survey = pointed(replace(survey, ignored_columns=("*",)), path, columns={"X_uuid": "id"})
    interviews, issues = clean(read_answers(survey), survey)
    assert len(interviews) == len(table) == 632
    assert interviews["start"].notna().all()
    assert interviews["water_sources__piped"].sum() == (table["water_sources.piped"] == "True").sum() > 0
    assert (issues["kind"] == "too_short").sum() > 0


def test_one_wave_of_a_panel_whose_numbers_are_written_as_decimals(make):
    path = DATA / "gss_panel_qwl" / "gss_panel06_long.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    words = sorted(set(table["overwork"]) - {""})
    questions = [
        {"type": "integer", "name": "age"},
        {"type": "integer", "name": "hrs1", "constraint": ". <= 89"},
        {"type": "integer", "name": "vpsu"},
        {"type": "select_one words", "name": "overwork"},
    ]
    survey = make(questions, {"a.csv": "id,age\n1,\n"}, choices=listed("words", words))
    survey = replace(survey, ignored_columns=("*", "id"))
    survey = pointed(survey, path, columns={"firstid": "id"}, where={"wave": "1"})
    interviews, issues = clean(read_answers(survey), survey)
    wave = table[table["wave"] == "1.0"]
    assert len(interviews) + (issues["action"] == "removed").sum() == len(wave) == 2000
    assert interviews["vpsu"].notna().sum() > 0
    assert not (issues["kind"] == "number_form").any()


@pytest.mark.parametrize(
    ("name", "rows", "columns"),
    [
        ("basic__sample.sav", 5, 7),
        ("basic__sample.dta", 5, 7),
        ("basic__sample_missing.sav", 7, 7),
        ("basic__hebrews.sav", 99, 1),
    ],
)
def test_statistics_files_are_read(name, rows, columns):
    assert read_sheet(Delivered(DATA / "statfiles" / name)).cells.shape == (rows, columns)


def test_codes_that_a_file_declares_missing_are_known():
    sheet = read_sheet(Delivered(DATA / "statfiles" / "basic__sample_missing.sav"))
    assert sheet.absent[1] == {"2500", "-1"}
    assert sheet.labels[4]["-1"] == "undetermined"


def test_a_file_that_makes_its_reader_raise_is_a_clear_fault():
    with pytest.raises(DeliveryError, match=r"spss__datetime\.sav: found a file that cannot be read .*out of range"):
        read_sheet(Delivered(DATA / "statfiles" / "spss__datetime.sav"))
