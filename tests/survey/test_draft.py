"""The first draft of a survey keeps what the form says and asks for what only a person knows."""

import csv
import re
import tomllib

import openpyxl
import pytest

from kzsurvey.coding import example_faults
from kzsurvey.errors import DefinitionError
from kzsurvey.simulate import simulate
from kzsurvey.survey import definition_faults, new_survey, read_survey
from kzsurvey.survey.draft import TEMPLATES
from kzsurvey.survey.settings import LISTS, SECTIONS, TOP


@pytest.fixture
def form(tmp_path):
    """A workbook as a form tool writes it."""
    book = openpyxl.Workbook()
    book.active.title = "survey"
    for row in [
        ("type", "name", "label::中文 (zh)", "relevant", "remark"),
        ("start", "begun", None, None, None),
        ("today", "asked_on", None, None, None),
        ("deviceid", "device", None, None, None),
        ("text", "uuid", "编号", None, "keep me"),
        ("text", "phone_number", "电话", None, None),
        ("geopoint", "spot", "位置", None, None),
        ("text", "interviewer", "访员", None, None),
        ("integer", "hours", "小时", None, None),
        ("select_one yn", "tired", "累吗？", "${hours} > 8", None),
    ]:
        book.active.append(row)
    choices = book.create_sheet("choices")
    for row in [("list_name", "name", "label::中文 (zh)"), ("yn", "yes", "是"), ("yn", "no", "否")]:
        choices.append(row)
    settings = book.create_sheet("settings")
    settings.append(("form_title",))
    settings.append(('题目 "甲"',))
    book.save(tmp_path / "teahouse form.xlsx")
    return tmp_path / "teahouse form.xlsx"


def records(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_draft_of_a_form_with_an_id_is_sound(tmp_path, form):
    written = new_survey(tmp_path / "teahouse", form=form)
    assert [path.name for path in written] == ["README.md", "choices.csv", "questions.csv", "survey.toml"]
    assert (tmp_path / "teahouse" / "delivered").is_dir()
    assert definition_faults(tmp_path / "teahouse") == []


def test_a_draft_guesses_languages_title_and_the_parts_that_questions_play(tmp_path, form):
    new_survey(tmp_path / "teahouse", form=form)
    survey = read_survey(tmp_path / "teahouse")
    assert dict(survey.languages) == {"zh": "中文 (zh)"}
    assert survey.title["zh"] == '题目 "甲"'
    parts = {part: survey.interview.get(part) for part in ("id", "interviewer", "date", "start", "end")}
    assert parts == {"id": "uuid", "interviewer": "interviewer", "date": "asked_on", "start": "begun", "end": None}


def test_a_draft_keeps_every_column_and_adds_ours(tmp_path, form):
    new_survey(tmp_path / "teahouse", form=form)
    questions = records(tmp_path / "teahouse" / "questions.csv")
    assert list(questions[0]) == [
        "type", "name", "label::中文 (zh)", "relevant", "remark", "unit", "level", "sensitivity",
    ]  # fmt: skip
    assert [row["remark"] for row in questions if row["name"] == "uuid"] == ["keep me"]
    assert list(records(tmp_path / "teahouse" / "choices.csv")[0])[-1] == "aliases"


def test_a_draft_guesses_levels_and_what_says_who_answered(tmp_path, form):
    new_survey(tmp_path / "teahouse", form=form)
    questions = {row["name"]: row for row in records(tmp_path / "teahouse" / "questions.csv")}
    assert {name: row["level"] for name, row in questions.items() if row["level"]} == {
        "hours": "ratio",
        "tired": "nominal",
    }
    sensitive = {name: row["sensitivity"] for name, row in questions.items() if row["sensitivity"] != "none"}
    assert sensitive == {"device": "direct", "phone_number": "direct", "spot": "quasi"}


def test_the_example_is_sound_under_any_name(tmp_path):
    new_survey(tmp_path / "tea-houses_2")
    assert definition_faults(tmp_path / "tea-houses_2") == []
    survey = read_survey(tmp_path / "tea-houses_2")
    assert survey.name == "tea-houses_2"
    assert example_faults(survey) == []
    assert survey.simulated


def uncommented(text):
    """survey.toml with its examples: what follows a # without a space."""
    return re.sub(r"^#(?! )", "", text, flags=re.MULTILINE)


def test_the_template_shows_every_section_and_every_key_that_survey_toml_may_have():
    shown = tomllib.loads(uncommented((TEMPLATES / "survey.toml").read_text(encoding="utf-8")))
    assert set(shown) == {*TOP, *SECTIONS, *LISTS}
    for name, keys in SECTIONS.items():
        assert set(shown[name]) == set(keys), name
    for name, keys in LISTS.items():
        written = {key for entry in shown[name] for key in entry}
        assert set(keys) <= written, name
        assert written == set(keys) or name in ("models", "plans"), name  # whose kinds have options of their own


def test_the_template_is_sound_with_all_its_examples(tmp_path):
    folder = tmp_path / "clinics"
    new_survey(folder)
    settings = folder / "survey.toml"
    settings.write_text(uncommented(settings.read_text(encoding="utf-8")), encoding="utf-8")
    simulate(folder, interviews=50)
    assert definition_faults(folder) == []
    assert len(read_survey(folder).models) == 6


def test_a_form_without_an_id_leaves_one_question_to_a_person(tmp_path):
    (tmp_path / "survey.csv").write_text("type,name,label\ninteger,hours,Hours\n", encoding="utf-8")
    new_survey(tmp_path / "a", form=tmp_path / "survey.csv")
    assert [str(fault) for fault in definition_faults(tmp_path / "a")] == [
        "survey.toml, column interview.id: found nothing; allowed: the question that holds the id of an interview"
    ]
    assert "_uuid" in (tmp_path / "a" / "survey.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("questions", "choices"), [("x_survey.csv", "x_choices.csv"), ("questions.csv", "choices.csv")]
)
@pytest.mark.parametrize("by_folder", [True, False])
def test_questions_find_the_choices_beside_them(tmp_path, questions, choices, by_folder):
    source = tmp_path / "source"
    source.mkdir()
    (source / questions).write_text("type,name,label\ntext,uuid,Id\nselect_one yn,tired,Tired?\n", encoding="utf-8")
    (source / choices).write_text("list_name,name,label\nyn,yes,Yes\n", encoding="utf-8")
    new_survey(tmp_path / "a", form=source if by_folder else source / questions)
    assert read_survey(tmp_path / "a").options("tired").index.tolist() == ["yes"]


def test_what_a_form_says_already_about_levels_and_sensitivity_is_kept(tmp_path, market):
    new_survey(tmp_path / "a", form=market / "questions.csv")
    old, new = (records(folder / "questions.csv") for folder in (market, tmp_path / "a"))
    assert old == new


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("survey.csv", "type,name,label\nnumber,a,A\n", r"survey.csv, row 2, column type: found type 'number'"),
        ("survey.csv", "", "survey.csv: found an empty file"),
        ("survey.xlsx", "no workbook", "survey.xlsx: found a file that cannot be read as a workbook"),
    ],
)
def test_a_faulty_form_leaves_nothing_behind(tmp_path, name, text, said):
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DefinitionError, match=said):
        new_survey(tmp_path / "a", form=tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_folder_in_use_is_left_alone(tmp_path):
    (tmp_path / "a").mkdir()
    new_survey(tmp_path / "a")
    with pytest.raises(DefinitionError, match="a folder that is in use"):
        new_survey(tmp_path / "a")


@pytest.mark.parametrize("name", ["my survey", "_a", ".a"])
def test_a_folder_whose_name_cannot_be_a_surveys_is_refused(tmp_path, name):
    with pytest.raises(DefinitionError, match="letters, digits"):
        new_survey(tmp_path / name)


def test_a_failure_while_writing_leaves_nothing_behind(tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise OSError("no space left")

    monkeypatch.setattr("pathlib.Path.write_text", full)
    with pytest.raises(OSError, match="no space"):
        new_survey(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_with_no_form_or_with_two_is_refused(tmp_path):
    with pytest.raises(DefinitionError, match="found no form"):
        new_survey(tmp_path / "a", form=tmp_path)
    for name in ("a_survey.csv", "b_survey.csv"):
        (tmp_path / name).write_text("type,name,label\ntext,a,A\n", encoding="utf-8")
    with pytest.raises(DefinitionError, match="2 files that could be a form"):
        new_survey(tmp_path / "a", form=tmp_path)
