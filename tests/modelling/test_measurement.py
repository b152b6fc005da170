"""Composite reliability as semTools has it; the measurement model of a survey, with what it cannot do."""

import numpy as np
import pandas as pd
import pytest

import kzsurvey as kz
from kzsurvey.errors import DesignError
from kzsurvey.modelling import (
    coefficients,
    common_factors,
    composite_reliability,
    fit_paths,
    make_design,
    measurement,
    scale_coefficients,
    standardised,
)


def items(n=400, seed=3):
    random = np.random.default_rng(seed)
    first, second = random.normal(size=(2, n))
    columns = {name: first + random.normal(size=n) for name in "abc"}
    columns |= {name: 0.5 * first + second + random.normal(size=n) for name in "def"}
    return pd.DataFrame(columns).assign(village=np.arange(n) // 8)


def test_omega_of_one_factor_is_the_same_by_either_way():
    table = items()
    design = make_design(table, clusters="village")
    model = composite_reliability(fit_paths(table, "f =~ a + b + c", design=design)).iloc[0]
    scale = coefficients(list("abc"), table, design=design, kinds=["omega"]).iloc[0]
    equal = table[list("abc")] / table[list("abc")].std()  # on standardised items both speak of the same sum
    alike = composite_reliability(fit_paths(equal.assign(village=table["village"]), "f =~ a + b + c", design=design))
    assert alike["estimate"].iloc[0] == pytest.approx(scale["estimate"], abs=1e-6)
    assert model["estimate"] == pytest.approx(scale["estimate"], abs=0.01)
    assert alike["std_error"].iloc[0] == pytest.approx(scale["std_error"], rel=0.1)


def test_of_ordinal_items_it_follows_from_the_standardised_loadings():
    table = items()
    cut = table[list("abc")].apply(lambda column: pd.cut(column, [-9, -1, 0, 1, 9], labels=False))
    fit = fit_paths(cut, "f =~ a + b + c", design=make_design(cut), ordered=True)
    loadings = standardised(fit)["estimate"].iloc[:3].to_numpy()
    omega, ave = composite_reliability(fit)["estimate"]
    common = loadings.sum() ** 2
    assert omega == pytest.approx(common / (common + (1 - loadings**2).sum()))
    assert ave == pytest.approx((loadings**2).mean())


def test_items_of_two_scales_have_no_composite_of_their_own():
    table = items()
    fit = fit_paths(table, "one =~ a + b + c + d\nother =~ c + d + e + f", design=make_design(table))
    with pytest.raises(DesignError, match="belong to it alone"):
        composite_reliability(fit)


@pytest.fixture(scope="module")
def kizilsu():
    survey = kz.read_survey("data/raw/kizilsu")
    interviews, _ = kz.clean(kz.read_answers(survey), survey)
    analysis = kz.analyse(interviews, kz.code(interviews, survey), survey)
    return survey, analysis, kz.sample_design(analysis, survey)


def test_every_scale_of_a_survey_has_its_coefficients_and_its_place_in_the_model(kizilsu):
    survey, analysis, design = kizilsu
    table, reasons = scale_coefficients(analysis, survey, design=design)
    found = measurement(analysis, survey, design=design, groups="county")
    assert set(table["measure"]) | set(reasons) == set(survey.measures.index)
    assert found.loadings["item"].tolist() == [item for row in survey.measures["items"] for item in row]
    assert (found.loadings["estimate"] > 0.4).all()  # reversed items are turned round
    assert found.invariance.table["level"].tolist() == ["configural", "metric", "scalar", "strict"]


def test_factors_are_as_many_as_parallel_analysis_keeps(kizilsu):
    survey, analysis, design = kizilsu
    found = common_factors(analysis, survey, design=design, draws=30)
    assert len(found.analysis.factors) == found.parallel.factors
    assert set(found.by_item["item"]) == set(found.scale_of)


def test_an_item_that_everybody_answers_alike_costs_a_reason_and_no_report(kizilsu):
    survey, analysis, design = kizilsu
    alike = analysis.assign(workload_1=analysis["workload_1"].mask(analysis["workload_1"].notna(), "3"))
    table, reasons = scale_coefficients(alike, survey, design=design)
    assert "workload_1 with one answer" in reasons["workload"]
    assert set(table["measure"]) == set(survey.measures.index) - {"workload"}
    assert any("workload_1" in reason for reason in common_factors(alike, survey, design=design, draws=5).reasons)
    assert any("workload_1" in reason for reason in measurement(alike, survey, design=design).reasons)
