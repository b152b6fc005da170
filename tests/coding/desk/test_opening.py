"""What a desk is opened with is checked at once; who speaks is told by role, never by name."""

import pandas as pd
import pytest

from kzsurvey.coding.desk import desk
from kzsurvey.coding.desk.answers import speaker_questions, speakers
from kzsurvey.errors import CodingError, ReportError
from kzsurvey.survey import read_survey


def test_every_fault_of_the_wishes_is_told_at_once(market, answers):
    with pytest.raises(CodingError, match=r"(?s)coder 'a/b'.*two coders.*language 'fr'"):
        desk(market, coder="a/b", interviews=answers, adjudicate=["x"], language="fr")


def test_without_interviews_the_tables_of_the_build_are_needed(market):
    with pytest.raises(ReportError, match="has not been built"):
        desk(market, coder="ann")


@pytest.mark.parametrize(("question", "told"), [("rent", "question 'rent'"), ("troubles", "no column troubles")])
def test_a_question_without_codes_or_answers_is_told(market, question, told):
    with pytest.raises(CodingError, match=told):
        desk(market, coder="ann", interviews=pd.DataFrame({"other": ["x"]}), questions=[question])


def test_interviews_without_any_open_answer_are_told(market):
    with pytest.raises(CodingError, match="no question to code"):
        desk(market, coder="ann", interviews=pd.DataFrame({"other": ["x"]}))


def test_the_speaker_is_a_role_in_the_languages_of_the_survey():
    survey = read_survey("data/raw/kizilsu")
    assert speaker_questions(survey, None) == ["role"]
    interviews = pd.DataFrame({"role": ["first_secretary", None]}, index=["a", "b"])
    assert speakers(interviews, survey, ["role"])["a"] == {"zh": "第一书记", "en": "First secretary"}
    assert speakers(interviews, survey, ["role"])["b"] == {"zh": "", "en": ""}


@pytest.mark.parametrize("question", ["respondent_name", "respondent_id", "village_name"])
def test_a_question_that_would_name_a_person_says_nothing_about_the_speaker(question):
    with pytest.raises(CodingError, match="speaker"):
        speaker_questions(read_survey("data/raw/kizilsu"), [question])


def test_empty_answers_do_not_come_to_the_desk(market, opened, answers):
    answers.loc["M2", "troubles"] = None
    answers.loc["M4", "troubles"] = "  "
    assert len(opened().session.answers) == 2
