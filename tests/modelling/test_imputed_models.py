"""Models declared as imputed: checked in the definition, pooled in the terms, and nothing changes where none is."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kzsurvey as kz
from kzsurvey import modelling as m
from kzsurvey.build import build
from kzsurvey.errors import DesignError
from kzsurvey.survey.read import definition_faults
from kzsurvey.survey.record import Model

MARKET = Path(__file__).parents[1] / "surveys" / "data" / "raw" / "market"
IMPUTATION = "\n[imputation]\nsets = 4\ncycles = 3\nseed = 2\n"


@pytest.fixture
def market(tmp_path):
    return shutil.copytree(MARKET, tmp_path / "data" / "raw" / "market")


def declare(folder, *, settings=IMPUTATION, model="earnings"):
    """Make one model imputed."""
    path = folder / "survey.toml"
    text = path.read_text("utf-8").replace(f'name = "{model}"\n', f'name = "{model}"\nimputed = true\n')
    path.write_text(text + settings, "utf-8")
    return folder


def analysed(folder):
    survey = kz.read_survey(folder)
    interviews, _ = kz.clean(kz.read_answers(survey), survey)
    return survey, kz.analyse(interviews, kz.code(interviews, survey), survey)


def test_the_terms_of_an_imputed_model_are_those_pooled_over_its_sets(market):
    survey, analysis = analysed(declare(market))
    terms = m.fit_models(analysis, survey).query("model == 'earnings'")
    imputed = m.impute_analysis(analysis, survey)
    assert len(imputed) == 4
    model = m.complete_cases(survey.models["earnings"])
    pooled = m.with_imputations(imputed, lambda table, design: m.fit(table, model, design=design))
    assert terms["estimate"].to_numpy() == pytest.approx(pooled.table["estimate"].to_numpy())
    assert terms["df"].to_numpy() == pytest.approx(pooled.table["df"].to_numpy())
    assert terms["hypothesis"].tolist() == pooled.table["hypothesis"].tolist()


def test_an_imputed_model_uses_more_interviews(market):
    survey, analysis = analysed(declare(market))
    plain = m.fit(analysis, m.complete_cases(survey.models["earnings"]), design=m.sample_design(analysis, survey))
    terms = m.fit_models(analysis, survey).query("model == 'earnings'")
    assert terms["n"].iloc[0] + terms["n_dropped"].iloc[0] == plain.summary["n"] + plain.summary["n_dropped"]
    assert terms["n"].iloc[0] >= plain.summary["n"]
    assert terms["n_dropped"].iloc[0] == 0


def test_other_models_and_tables_stay_as_they_are(market):
    survey, analysis = analysed(market)
    before = m.fit_models(analysis, survey).query("model == 'stay'")
    assert not [column for column in analysis if column.endswith("__missing")]
    survey, analysis = analysed(declare(market))
    after = m.fit_models(analysis, survey).query("model == 'stay'")
    shown = ["term", "estimate", "std_error", "n", "n_dropped"]
    pd.testing.assert_frame_equal(before[shown].reset_index(drop=True), after[shown].reset_index(drop=True))


def test_a_survey_with_an_imputed_model_is_built(market):
    paths = build(declare(market), progress=lambda line: None)
    terms = pd.read_parquet(paths["terms"])
    assert np.isfinite(terms.loc[terms["model"] == "earnings", "estimate"]).all()


def test_a_model_that_is_imputed_is_not_fitted_over_gaps(market):
    survey, analysis = analysed(declare(market))
    with pytest.raises(DesignError, match="imputed = true over a table with gaps"):
        m.fit(analysis, survey.models["earnings"])
    fit = m.fit(m.impute_analysis(analysis, survey), survey.models["earnings"])
    assert fit.extra["imputation"]["fmi"].between(0, 1).all()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("\n[imputation]\nsets = 1\n", "imputation.sets: found 1; allowed: a whole number, 2 or more"),
        ('\n[imputation]\nalso = ["takings"]\n', "imputation.also: found 'takings'"),
        ('\n[imputation]\nreasons = ["not_asked"]\n', "imputation.reasons: found 'not_asked'"),
        ("\n[imputation]\nset = 5\n", "imputation.set: found an unknown key"),
    ],
)
def test_check_lists_what_is_wrong_with_an_imputation(market, settings, message):
    declare(market, settings=settings)
    assert any(message in str(fault) for fault in definition_faults(market))


def test_an_imputation_that_no_model_uses_is_a_fault(market):
    path = market / "survey.toml"
    path.write_text(path.read_text("utf-8") + IMPUTATION, "utf-8")
    assert ["found an imputation that no model uses" in str(fault) for fault in definition_faults(market)] == [True]


def test_faults_of_an_imputation_are_those_of_the_definition():
    rng = np.random.default_rng(1)
    analysis = pd.DataFrame({"weight": 1.0, "stratum": "all", "cluster": np.arange(40).astype(str)})
    analysis = analysis.assign(takings_day=rng.normal(size=40), days_week=np.nan).rename_axis("interview")
    analysis["days_week__missing"] = "refused"
    model = Model(name="e", kind="linear", formula="takings_day ~ days_week", imputed=True)
    declared = {"models": {"e": model}, "weighting": {}, "sample": {"lonely": "adjust"}}
    survey = replace(kz.read_survey(MARKET), **declared)
    with pytest.raises(DesignError, match=r"survey.toml, column days_week: found no answer at all"):
        m.fit_models(analysis, survey)


def test_chains_that_do_not_settle_are_an_error_where_terms_could_not_say_so():
    rng = np.random.default_rng(2)
    y = rng.normal(size=300)
    analysis = pd.DataFrame({"takings_day": y, "days_week": y + 0.001 * rng.normal(size=300)})
    analysis.loc[:149] = np.nan
    analysis = analysis.assign(weight=1.0, stratum="all", cluster=np.arange(300).astype(str)).rename_axis("interview")
    analysis = analysis.assign(days_week__missing="refused", takings_day__missing="refused")
    model = Model(name="e", kind="linear", formula="takings_day ~ days_week", imputed=True)
    declared = {"models": {"e": model}, "weighting": {}, "sample": {"lonely": "adjust"}}
    with pytest.raises(DesignError, match=r"survey.toml.*chains that have not settled after 10 cycles.*cycles = 30"):
        m.fit_models(analysis, replace(kz.read_survey(MARKET), **declared))
