"""A path model is declared by its syntax; variables that are not there are found before a build."""

import shutil
from pathlib import Path

import pytest

import kzsurvey as kz
from kzsurvey.modelling import fit_models
from kzsurvey.survey import definition_faults

MARKET = Path(__file__).parents[1] / "surveys" / "data" / "raw" / "market"
MODEL = '''
[[models]]
name = "chain"
kind = "paths"
hypothesis = "H3"
term = "indirect"
formula = """
{syntax}
"""
'''
SYNTAX = "content ~ a*days_week   # first\ntakings_day ~ b*content +\n  days_week\nindirect := a*b\ntotal := a*b + 0"


@pytest.fixture
def market(tmp_path):
    return Path(shutil.copytree(MARKET, tmp_path / "data" / "raw" / "market"))


def declare(market, syntax=SYNTAX):
    with open(market / "survey.toml", "a", encoding="utf-8") as file:
        file.write(MODEL.format(syntax=syntax))
    return [(fault.column, fault.found) for fault in definition_faults(market)]


def test_latent_variables_labels_and_definitions_are_no_unknown_variables(market):
    assert declare(market) == []
    assert declare(market, "mood =~ content + takings_day; mood ~ c(g, h)*days_week\nd := g - h") == [
        ("models", "'chain' a second time")
    ]


def test_an_unknown_variable_is_found_before_a_build(market):
    assert declare(market, "content ~ a*days_weak\nd := a^2") == [("models.chain.formula", "'days_weak'")]


def test_a_declared_path_model_is_fitted_with_the_others(market):
    declare(market)
    survey = kz.read_survey(market)
    interviews, _ = kz.clean(kz.read_answers(survey), survey)
    terms = fit_models(kz.analyse(interviews, kz.code(interviews, survey), survey), survey)
    found = terms[terms["model"] == "chain"].set_index("term")
    assert found.loc["indirect", "hypothesis"] == "H3"
    assert found.loc["indirect", "p_adjusted"] >= found.loc["indirect", "p_value"]
    a, b = found.loc["content ~ days_week", "estimate"], found.loc["takings_day ~ content", "estimate"]
    assert found.loc["indirect", "estimate"] == pytest.approx(a * b)
