"""A mediation is declared with several formulas, and each is checked like any other."""

import shutil
from pathlib import Path

import pytest

from kzsurvey.survey import definition_faults

MARKET = Path(__file__).parents[1] / "surveys" / "data" / "raw" / "market"
MODEL = """
[[models]]
name = "paths"
kind = "mediation"
hypothesis = "H3"
formula = "wants_to_stay ~ content + days_week"
mediators = {mediators}
treatment = "days_week"
term = "indirect"
"""


@pytest.fixture
def market(tmp_path):
    return Path(shutil.copytree(MARKET, tmp_path / "data" / "raw" / "market"))


def faults(market, mediators):
    with open(market / "survey.toml", "a", encoding="utf-8") as file:
        file.write(MODEL.format(mediators=mediators))
    return [(fault.column, fault.found) for fault in definition_faults(market)]


@pytest.mark.parametrize(
    "mediators", ['"content ~ days_week"', '["content ~ days_week"]', '{ content = "content ~ days_week" }']
)
def test_a_term_that_is_an_effect_is_no_fault_however_mediators_are_written(market, mediators):
    assert faults(market, mediators) == []


def test_an_unknown_variable_of_a_mediator_is_found_before_a_build(market):
    assert faults(market, '["content ~ days_weak"]') == [("models.paths.mediators.formula", "'days_weak'")]


def test_mediators_that_are_no_formulas_are_left_to_the_model(market):
    assert faults(market, "3") == []
