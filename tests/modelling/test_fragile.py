"""What a survey declares, held to other groups, specifications and controls; and what a declaration may not say."""

import shutil
from pathlib import Path

import pytest

import kzsurvey as kz
from kzsurvey.errors import DefinitionError
from kzsurvey.modelling import declared_curves, domain, fit_regression, selection_on_controls, without_each

MARKET = "tests/surveys/data/raw/market"
DECLARED = """
[[specifications]]
name = "other"
model = "{model}"
outcomes = ["{outcome}"]
terms = ["{term}"]
controls = [{controls}]
samples = {{ all = "", some = "${{{term}}} > 2" }}
"""


@pytest.fixture
def market(tmp_path):
    return Path(shutil.copytree(MARKET, tmp_path / "data" / "raw" / "market"))


def declare(folder, **other):
    survey = kz.read_survey(MARKET)
    model = next(model for model in survey.models.values() if model.kind == "linear")
    outcome, term = model.formula.split(" ~ ")[0], model.term
    said = {"model": model.name, "outcome": outcome, "term": term, "controls": ""} | other
    with open(folder / "survey.toml", "a", encoding="utf-8") as file:
        file.write(DECLARED.format(**said))
    return kz.read_survey(folder)


def tables(survey):
    interviews, _ = kz.clean(kz.read_answers(survey), survey)
    analysis = kz.analyse(interviews, kz.code(interviews, survey), survey)
    return analysis, kz.sample_design(analysis, survey)


def test_a_declared_curve_is_about_the_domain_and_the_samples_it_names(market):
    survey = declare(market)
    analysis, design = tables(survey)
    found = declared_curves(analysis, survey, design=design, draws=99)["other"].specifications.set_index("sample")
    model = survey.models[survey.settings["specifications"][0]["model"]]
    alone = fit_regression(
        analysis, f"{found['outcome'].iloc[0]} ~ {model.term}", design=design, where=domain(analysis, model)
    ).terms.iloc[1]
    assert found.loc["all", "estimate"] == pytest.approx(alone["estimate"])
    assert found.loc["some", "n"] < found.loc["all", "n"]


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ({"model": "loaf"}, "a declared model"),
        ({"outcome": "loaf"}, "specifications.other.outcomes: found 'loaf'"),
        ({"controls": '"C(loaf)"'}, "specifications.other.controls.formula: found 'loaf'"),
    ],
)
def test_a_declaration_that_names_what_is_not_there_is_a_fault(market, other, said):
    with pytest.raises(DefinitionError) as raised:
        declare(market, **other)
    assert said in str(raised.value)


def test_without_a_group_a_declared_model_keeps_its_own_domain(market):
    survey = kz.read_survey(market)
    analysis, design = tables(survey)
    model = next(model for model in survey.models.values() if model.term)
    by = "market"
    found = without_each(analysis, model, by, design=design)
    whole = kz.fit(analysis, model, design=design).terms.set_index("term").loc[model.term]
    assert found["estimate"].iloc[0] == whole["estimate"]
    assert len(found) == analysis[by].nunique() + 1


def test_selection_is_judged_for_linear_models_with_controls():
    survey = kz.read_survey("data/raw/kizilsu")
    linear = {model.hypothesis for model in survey.models.values() if model.kind == "linear" and ":" not in model.term}
    analysis, design = tables(survey)
    assert set(selection_on_controls(analysis, survey, design=design)["hypothesis"]) == linear - {""}
