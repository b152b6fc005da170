"""A notebook knows its survey and its language, and can be told otherwise from outside."""

import pandas as pd
import pytest

from kzsurvey.errors import ReportError
from kzsurvey.reporting import open_report
from kzsurvey.reporting.context import MIME


def test_the_first_language_is_the_default(definition):
    assert open_report(definition).language == "zh"


def test_the_environment_overrides_what_the_notebook_says(definition, monkeypatch):
    monkeypatch.setenv("KZ_SURVEY", str(definition))
    monkeypatch.setenv("KZ_LANGUAGE", "en")
    report = open_report("no/such/folder", language="zh")
    assert (report.survey.name, report.language) == ("orchard", "en")


def test_a_relative_folder_is_found_from_a_folder_below(definition, monkeypatch, tmp_path):
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert open_report("data/raw/orchard").survey.name == "orchard"


def test_a_language_the_survey_has_not_is_refused_with_those_it_has(definition):
    with pytest.raises(ReportError, match=r"no language 'fr'; allowed: zh, en, ar"):
        open_report(definition, language="fr")


def test_questions_options_and_codes_are_called_what_the_form_calls_them(report):
    assert report.label("hours") == "Hours per week"
    assert report.head("hours") == "Hours per week (hours)"
    assert report.options("place").to_dict() == {"hill": "Hill", "river": "River"}
    assert report.label("code_P1_1") == report.label("P1.1") == "P1.1 Too few <people>"
    assert report.label("n_dropped") == "Left out (missing)"


def test_a_label_missing_in_one_language_is_taken_from_another(definition):
    report = open_report(definition, language="ar")
    assert report.options("place").to_dict() == {"hill": "تل", "river": "River"}


def test_a_unit_without_a_word_is_written_as_the_form_has_it(definition):
    path = definition / "questions.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",hours,ratio", ",baskets,ratio"), encoding="utf-8")
    assert open_report(definition, language="zh").head("hours") == "每周工时（baskets）"


def test_short_words_of_the_survey_come_before_the_label_of_the_form(definition):
    (definition / "words.csv").write_text("key,zh,en\nhours,工时,Hours\n", encoding="utf-8")
    assert open_report(definition, language="zh").label("hours") == "工时"


@pytest.mark.parametrize(
    ("term", "words"),
    [
        ("hours", "Hours per week"),
        ("C(place)[T.river]", "Place: River"),
        ("place[T.river]", "Place: River"),
        ("center(hours):place[T.hill]", "Hours per week × Place: Hill"),
        ("Intercept", "Intercept"),
        ("np.log(hours)", "log(Hours per week)"),
        ("log(hours + 1)", "log(Hours per week + 1)"),
        ("I(hours**2)", "(Hours per week)²"),
        ("I(hours / 10):C(place, Treatment('hill'))[T.river]", "Hours per week / 10 × Place: River"),
        ("poly(hours, 2)[1]", "poly(Hours per week, 2): 1"),
    ],
)
def test_a_term_of_a_model_is_said_in_words(report, term, words):
    assert report.term(term) == words


def test_labels_of_several_names_are_indexed_by_them(report):
    assert report.labels(pd.Index(["hours", "P1"])).to_dict() == {"hours": "Hours per week", "P1": "P1 People"}


def test_a_report_shows_its_study_and_that_it_is_simulated(report):
    bundle = report._repr_mimebundle_()
    assert "Interviews in orchards" in bundle["text/html"]
    assert "simulated data" in bundle["text/html"]
    assert bundle[MIME]["simulated"] is True
    assert bundle[MIME]["language"] == "en"


def test_a_survey_not_built_says_how_to_build_it(report):
    with pytest.raises(ReportError, match="run: kzsurvey build .*orchard"):
        report.processed("analysis")
