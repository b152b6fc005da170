"""Forms that others wrote are read as they are, and what cannot be used in them is named."""

import re
from pathlib import Path

import pytest

from kzsurvey.errors import DefinitionError
from kzsurvey.survey import definition_faults, new_survey, read_survey

SHARED = Path(__file__).parents[2].parent / "shared"
FORMS = SHARED / "data" / "xlsforms"
REACH = SHARED / "data" / "reach_talafar_kobo"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not FORMS.is_dir(), reason="the forms of other projects are not part of this one"),
]
NO_ID = "survey.toml, column interview.id: found nothing; allowed: the question that holds the id of an interview"
SOUND = {
    "example_xls__choice_filter_test.xlsx": 3,
    "example_xls__specify_other.xlsx": 2,
    "example_xls__utf_csv.csv": 1,
    "example_xls__yes_or_no_question.xlsx": 1,
}
BROKEN = {
    "bug_example_xls__badly_named_choices_sheet.xls": r"found sheet 'Choices'; allowed: sheet 'choices'",
    "bug_example_xls__duplicate_columns.xlsx": r"sheet survey, row 1, column label: found this column 2 times",
    "example_xls__tutorial.xls": r"sheet survey, row 2, column type: found type begin repeat, which is not supported",
    "example_xls__or_other.xlsx": r"sheet survey, row 3, column choice_filter: .* unknown word yes .* in quotes: 'yes'",
}


def test_every_form_is_known_here_as_sound_or_broken():
    assert {path.name for path in FORMS.iterdir() if path.name != "LICENSE"} == set(SOUND) | set(BROKEN)


@pytest.mark.parametrize("name", SOUND)
def test_a_sound_form_becomes_a_draft_that_lacks_nothing_but_an_id(tmp_path, name):
    new_survey(tmp_path / "a", form=FORMS / name)
    assert [str(fault) for fault in definition_faults(tmp_path / "a")] == [NO_ID]
    settings = tmp_path / "a" / "survey.toml"
    text = (tmp_path / "a" / "questions.csv").read_text(encoding="utf-8")
    last = re.findall(r"\w+", text.splitlines()[1])
    first = next(word for word in last if word in ("state", "sex", "burger_toppings", "good_day"))
    settings.write_text(settings.read_text(encoding="utf-8").replace('id = ""', f'id = "{first}"'), encoding="utf-8")
    assert len(read_survey(tmp_path / "a").questions) == SOUND[name]


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_form_is_refused_with_sheet_row_and_column(tmp_path, name):
    with pytest.raises(DefinitionError, match=BROKEN[name]) as problem:
        new_survey(tmp_path / "a", form=FORMS / name)
    assert all(fault.file.startswith(name) for fault in problem.value.faults)
    assert not (tmp_path / "a").exists()


@pytest.fixture
def reach(tmp_path):
    """A draft of the household survey, as `kzsurvey new` makes it."""
    new_survey(tmp_path / "reach", form=REACH / "cleaningtools_survey.csv")
    return tmp_path / "reach"


def test_the_household_form_becomes_a_draft_that_lacks_nothing_but_an_id(reach):
    assert [str(fault) for fault in definition_faults(reach)] == [NO_ID]


def test_the_household_form_is_sound_once_a_person_has_named_the_id(reach):
    with open(reach / "questions.csv", "a", encoding="utf-8") as file:
        file.write("text,uuid\n")
    settings = reach / "survey.toml"
    settings.write_text(settings.read_text(encoding="utf-8").replace('id = ""', 'id = "uuid"'), encoding="utf-8")
    survey = read_survey(reach)
    assert (len(survey.questions), len(survey.choices)) == (224, 969)
    assert dict(survey.languages) == {"en": "English (en)", "ar": "Arabic (ar)"}
    assert survey.questions.at["deviceid", "sensitivity"] == "direct"
    assert survey.questions.at["water_tank_litres", "relevant"] == "selected(${water_tank},'yes')"
    assert survey.interview["date"] == "date_assessment"
