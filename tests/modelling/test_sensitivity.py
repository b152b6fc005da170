"""Robustness values and E-values: sensemakr's, EValue's and R's numbers, and the algebra they stand on."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError
from kzsurvey.modelling.effects.sensitivity import (
    adjusted_estimates,
    confounding_bounds,
    e_value,
    e_value_of,
    partial_r2,
    robustness_value,
)

REFERENCE = Path(__file__).parents[1] / "reference"
SHARED = Path(__file__).parents[2].parent / "shared"
R = json.loads((REFERENCE / "sensitivity.json").read_text())
OUTCOME = "leave ~ vacancies + pay + level + load"


@pytest.fixture(scope="module")
def people():
    return pd.read_csv(REFERENCE / "sensitivity.csv")


@pytest.fixture(scope="module")
def design(people):
    return m.make_design(people, weight="weight", strata="stratum", clusters="cluster")


@pytest.fixture(scope="module")
def fit(people, design):
    return m.fit_regression(people, OUTCOME, design=design, name="H1")


@pytest.fixture(scope="module")
def logit(people, design):
    return m.fit_regression(people, "quit ~ load * pay + vacancies", design=design, family="logistic", name="H5")


def test_robustness_is_what_a_search_in_r_finds(fit):
    found, expected = robustness_value(fit, "vacancies").iloc[0], R["robustness"]
    for name in ("estimate", "std_error", "df", "partial_r2"):
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-9)
    np.testing.assert_allclose(found["robustness_value"], expected["value"], rtol=1e-9)
    np.testing.assert_allclose(found["robustness_value_interval"], expected["interval"], rtol=1e-7)
    half = robustness_value(fit, "vacancies", q=0.5)["robustness_value"]
    np.testing.assert_allclose(half, expected["half"], rtol=1e-9)
    np.testing.assert_allclose(partial_r2(fit, "level"), expected["group_r2"], rtol=1e-9)


def test_bounds_are_those_of_sums_of_squares_in_r(fit):
    expected = pd.DataFrame(R["robustness"]["bounds"])
    found = pd.concat(
        confounding_bounds(fit, "vacancies", benchmarks=row.benchmark, times=row.times) for row in expected.itertuples()
    )
    numbers = ["treatment_r2", "outcome_r2", "estimate", "std_error"]
    np.testing.assert_allclose(found[numbers], expected[numbers], rtol=1e-9)
    assert set(found["df"]) == {R["robustness"]["df"] - 1}


def test_a_confounder_that_was_left_out_does_exactly_what_its_r_squared_say(people, design, fit):
    without = m.fit_regression(people, "leave ~ vacancies + pay + level", design=design)
    treatment = m.fit_regression(people, "vacancies ~ pay + level + load", design=design)
    shares = {"treatment_r2": [partial_r2(treatment, "load")], "outcome_r2": [partial_r2(fit, "load")]}
    for errors in ("design", "simple"):
        found = adjusted_estimates(without, "vacancies", **shares, errors=errors).iloc[0]
        np.testing.assert_allclose(found["estimate"], fit.terms.set_index("term")["estimate"]["vacancies"], rtol=1e-10)
    simple = robustness_value(fit, "vacancies", errors="simple")["std_error"][0]
    np.testing.assert_allclose(found["std_error"], simple, rtol=1e-10)


def test_a_confounder_as_strong_as_the_robustness_value_leaves_nothing(fit):
    value = robustness_value(fit, "vacancies")["robustness_value"][0]
    found = adjusted_estimates(fit, "vacancies", treatment_r2=[value], outcome_r2=[value])
    assert abs(found["estimate"][0]) < 1e-12
    away = adjusted_estimates(fit, "vacancies", treatment_r2=[value], outcome_r2=[value], away=True)
    np.testing.assert_allclose(away["estimate"], 2 * fit.terms.set_index("term")["estimate"]["vacancies"])
    value = robustness_value(fit, "vacancies")["robustness_value_interval"][0]
    found = adjusted_estimates(fit, "vacancies", treatment_r2=[value], outcome_r2=[value])
    assert abs(found["conf_low"][0]) < 1e-12


def test_the_estimate_s_robustness_does_not_grow_with_fewer_clusters(people, fit):
    alone = m.make_design(people, weight="weight")
    own = m.fit_regression(people, OUTCOME, design=alone)
    one, other = robustness_value(fit, "vacancies"), robustness_value(own, "vacancies")
    np.testing.assert_allclose(one["robustness_value"], other["robustness_value"], rtol=1e-12)
    assert one["robustness_value_interval"][0] < other["robustness_value_interval"][0]


def test_a_result_that_is_not_clear_has_no_robust_interval(people, design):
    fit = m.fit_regression(people.assign(noise=np.arange(len(people)) % 7), "leave ~ noise + load", design=design)
    assert robustness_value(fit, "noise")["robustness_value_interval"][0] == 0
    assert robustness_value(fit, "noise")["robustness_value"][0] > 0


def test_strong_results_take_the_second_form_and_stay_below_one():
    x = np.linspace(0, 1, 12)
    table = pd.DataFrame({"x": x, "y": x + 0.01 * np.cos(40 * x)})
    fit = m.fit_regression(table, "y ~ x", design=m.make_design(weight=np.ones(12)))
    found = robustness_value(fit, "x", errors="simple", alpha=1e-9).iloc[0]
    assert 0 < found["robustness_value_interval"] < found["robustness_value"] < 1
    grid = np.linspace(0, found["robustness_value_interval"], 400)
    worst = adjusted_estimates(fit, "x", treatment_r2=grid[-1:], outcome_r2=grid, errors="simple", alpha=1e-9)
    assert worst["conf_low"].min() > -0.02


def test_interactions_and_several_terms_have_rows(people, design):
    fit = m.fit_regression(people, "leave ~ center(load) * center(pay)", design=design, name="H5")
    found = robustness_value(fit, ["center(load)", "center(load):center(pay)"])
    assert found["term"].tolist() == ["center(load)", "center(load):center(pay)"]
    assert found["model"].eq("H5").all()


@pytest.mark.shared
def test_sensemakr_s_example_is_reproduced():
    if not (SHARED / "refs" / "models.json").exists():
        pytest.skip(f"no reference values in {SHARED.name}/refs")
    R = json.loads((SHARED / "refs" / "models.json").read_text())["cases"]["darfur.sensemakr"]["result"]
    table = pd.read_csv(SHARED / "refs" / "data" / "sensemakr_darfur.csv")
    formula = (
        "peacefactor ~ directlyharmed + village + female + age + farmer_dar + herder_dar + pastvoted + hhsize_darfur"
    )
    fit = m.fit_regression(table, formula, design=m.make_design(weight=np.ones(len(table))))
    found = robustness_value(fit, "directlyharmed", errors="simple").iloc[0]
    numbers = ["estimate", "std_error", "partial_r2", "robustness_value", "robustness_value_interval"]
    np.testing.assert_allclose(
        found[numbers].astype(float), [R[name] for name in ("est", "se", "r2yd", "rv", "rvqa")], rtol=1e-9
    )
    bounds = confounding_bounds(fit, "directlyharmed", benchmarks="female", errors="simple")
    names = ["treatment_r2", "outcome_r2", "estimate", "std_error", "conf_low", "conf_high"]
    theirs = ["r2dz.x", "r2yz.dx", "adjusted_estimate", "adjusted_se", "adjusted_lower_CI", "adjusted_upper_CI"]
    np.testing.assert_allclose(bounds[names], np.transpose([R["bounds"][name] for name in theirs]), rtol=1e-9)


def test_e_values_are_those_of_the_paper_and_of_r():
    found, expected = e_value(3.9, 1.8, 8.7), R["e_values"]
    np.testing.assert_allclose([found.e_value, found.e_value_interval], [7.26303434416005, 3.0], rtol=1e-12)
    np.testing.assert_allclose(e_value(0.5, kind="smd").e_value, 2.52914198186127, rtol=1e-12)
    np.testing.assert_allclose(e_value(0.8).e_value, expected["rr"], rtol=1e-12)
    for kind, value in {"or": 2.5, "hr": 0.6}.items():
        for rare, word in {True: "rare", False: "common"}.items():
            np.testing.assert_allclose(
                e_value(value, kind=kind, rare=rare).e_value, expected[f"{kind}_{word}"], rtol=1e-12
            )


def test_an_interval_around_one_needs_no_confounder():
    assert e_value(1.2, 0.9, 1.6).e_value_interval == 1
    assert e_value(0.8, 0.6, 1.1).e_value_interval == 1
    np.testing.assert_allclose(e_value(0.5, 0.4, 0.8).e_value_interval, e_value(1.25).e_value)
    assert np.isnan(e_value(2.0).e_value_interval)
    assert e_value(1.0).e_value == 1


def test_terms_of_a_fit_have_e_values(people, design, fit, logit):
    linear = e_value_of(fit, "vacancies").iloc[0]
    np.testing.assert_allclose(
        linear[["risk_ratio", "e_value"]].astype(float),
        [R["e_values"]["linear_ratio"], R["e_values"]["linear"]],
        rtol=1e-9,
    )
    trips = m.fit_regression(people, "trips ~ load + pay", design=design, family="poisson")
    np.testing.assert_allclose(e_value_of(trips, "load")["e_value"], R["e_values"]["poisson"], rtol=1e-8)
    common = e_value_of(logit, "vacancies").iloc[0]
    assert common["measure"] == "odds ratio, outcome common"
    beta = logit.terms.set_index("term")["estimate"]["vacancies"]
    np.testing.assert_allclose(common["risk_ratio"], np.exp(beta / 2))
    np.testing.assert_allclose(e_value_of(logit, "vacancies", rare=True)["risk_ratio"], np.exp(beta))
    np.testing.assert_allclose(e_value_of(logit, "vacancies", delta=-1)["e_value"], common["e_value"])


def test_average_risks_are_those_of_r_and_their_error_near_its_jackknife(people, logit):
    found, expected = e_value_of(logit, "load", table=people, contrast=(2, 4)).iloc[0], R["e_values"]
    np.testing.assert_allclose(found["risk_ratio"], expected["risk_ratio"], rtol=1e-8)
    half = np.log(found["conf_high"] / found["conf_low"]) / 2
    np.testing.assert_allclose(half, 2.0686576 * expected["risk_ratio_log_error_jackknife"], rtol=0.08)


def test_average_risks_move_with_weights_as_their_scores_say(people, logit):
    from kzsurvey.modelling.effects.sensitivity import _log_ratio, used_rows

    estimator, weight = _log_ratio(logit, used_rows(logit, people), "load", (2.0, 4.0)), people["weight"].to_numpy()
    influence, step = estimator(weight), 1e-4
    for row in (0, 50, 200):
        above, below = (estimator(weight + sign * step * (np.arange(len(weight)) == row)).estimate for sign in (1, -1))
        np.testing.assert_allclose((above - below) / (2 * step), influence.bread @ influence.scores[row], rtol=1e-5)


def test_a_probit_model_has_an_e_value_from_its_risks_alone(people, design):
    fit = m.fit_regression(people, "quit ~ load", design=design, family="probit", name="H3")
    with pytest.raises(DesignError, match="coefficient of kind probit.*from average risks"):
        e_value_of(fit, "load")
    assert e_value_of(fit, "load", table=people)["e_value"][0] > 1


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"kind": "irr"}, "unknown kind 'irr'"),
        ({"kind": "or"}, "kind 'or' without rare"),
        ({"kind": "linear"}, "sd above 0"),
        ({"estimate": -1.0}, "numbers above 0"),
        ({"low": 3.0}, "outside its interval"),
        ({"estimate": float("nan"), "kind": "smd"}, "finite numbers"),
    ],
)
def test_what_has_no_e_value_is_named(given, message):
    with pytest.raises(DesignError, match=message):
        e_value(**{"estimate": 2.0, **given})


def test_robustness_is_refused_where_it_is_not_defined(people, fit, logit):
    with pytest.raises(DesignError, match="model H5: found robustness of a model of kind logistic.*e_value_of"):
        robustness_value(logit, "load")
    with pytest.raises(DesignError, match="no term 'vacances'.*perhaps vacancies"):
        robustness_value(fit, "vacances")
    with pytest.raises(DesignError, match="no term 'Intercept'"):
        robustness_value(fit, "Intercept")
    with pytest.raises(DesignError, match="unknown errors 'robust'"):
        robustness_value(fit, "load", errors="robust")
    with pytest.raises(DesignError, match="q = 0"):
        robustness_value(fit, "load", q=0)
    with pytest.raises(DesignError, match="R squared"):
        adjusted_estimates(fit, "load", treatment_r2=[1.0], outcome_r2=[0.1])
    with pytest.raises(DesignError, match="1 degrees of freedom"):
        few = people.head(40).assign(place=np.arange(40) % 3)
        design = m.make_design(few, clusters="place")
        robustness_value(m.fit_regression(few, "leave ~ load", design=design), "load")


def test_benchmarks_that_cannot_be_are_named(people, design, fit):
    with pytest.raises(DesignError, match="no term 'levl'.*perhaps level"):
        confounding_bounds(fit, "vacancies", benchmarks="levl")
    with pytest.raises(DesignError, match="its own benchmark"):
        confounding_bounds(fit, "vacancies", benchmarks="vacancies")
    with pytest.raises(DesignError, match="200 times as strong as load would explain all of vacancies"):
        confounding_bounds(fit, "vacancies", benchmarks="load", times=[1, 200])
    with pytest.raises(DesignError, match="as many, from 0 up"):
        confounding_bounds(fit, "vacancies", benchmarks="load", times=[1, 2], outcome_times=[1])
    found = confounding_bounds(fit, "vacancies", benchmarks="pay", times=[1, 2])
    assert found["capped"].tolist() == [False, True]
    assert found["outcome_r2"].max() == 1


def test_e_values_of_other_kinds_and_terms_are_refused(people, design, fit, logit):
    with pytest.raises(DesignError, match="average risks of a model of kind linear"):
        e_value_of(fit, "load", table=people)
    with pytest.raises(DesignError, match="no term 'lod'.*perhaps load"):
        e_value_of(logit, "lod")
    with pytest.raises(DesignError, match="a table of 5 rows"):
        e_value_of(logit, "load", table=people.head(5))


@pytest.mark.parametrize("kind", ["ordinal", "mixed"])
def test_kinds_without_an_e_value_are_not_sent_to_it(people, kind):
    ranked = people.assign(rank=pd.cut(people["leave"], 3, labels=False))
    design = m.make_design(people, weight="weight", strata="stratum", clusters="cluster")
    fits = {
        "ordinal": lambda: m.fit_ordinal(ranked, "rank ~ pay", design=design),
        "mixed": lambda: m.fit_mixed(people, "leave ~ pay", groups="cluster"),
    }
    with pytest.raises(DesignError, match="a linear model; a linear regression of the same outcome") as caught:
        robustness_value(fits[kind](), "pay")
    assert "e_value_of" not in str(caught.value)


def test_the_e_value_of_a_linear_model_says_which_standard_deviation(people):
    design = m.make_design(people, weight="weight", strata="stratum", clusters="cluster")
    fit = m.fit_regression(people, "leave ~ pay", design=design)
    assert e_value_of(fit, "pay")["measure"].tolist() == ["difference in residual standard deviations"]
