"""Mixed models: what lme4 and lmerTest give (tests/reference/mixed.R), invariances, a named refusal where due."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError
from kzsurvey.modelling.regression.group_likelihood import evaluate, make_moments
from kzsurvey.modelling.regression.quadrature import integrate, make_categories
from kzsurvey.survey.record import Model

REFERENCE = Path(__file__).parents[1] / "reference"
SHARED = Path(__file__).parents[2].parent / "shared"
R = json.loads((REFERENCE / "mixed.json").read_text())
LINEAR = [name for name in R if name.endswith(("_reml", "_ml"))]
FORMULA = "y ~ x + z + w + k"


@pytest.fixture(scope="module")
def people():
    return pd.read_csv(REFERENCE / "mixed.csv")


def as_lme4(formula):
    """Fixed part and slopes of a formula of lme4."""
    fixed, varying = formula.split(" + (")
    return fixed, [term for term in varying.split(" | ")[0].split(" + ") if term != "1"]


def covariance_of(fit):
    names, table = ["Intercept", *fit.extra["slopes"]], fit.extra["variances"].set_index("term")["variance"]
    square = np.diag([table[name] for name in names])
    for one, name in enumerate(names):
        for other, second in enumerate(names[:one]):
            square[one, other] = square[other, one] = table[f"{second}, {name}"]
    return square


def refusal(table, formula=FORMULA, **options):
    with pytest.raises(DesignError) as caught:
        m.fit_mixed(table, formula, **{"groups": "org", "name": "H1"} | options)
    return str(caught.value)


@pytest.mark.parametrize("name", LINEAR)
def test_coefficients_errors_and_degrees_of_freedom_are_those_of_lmertest(people, name):
    case = R[name]
    fixed, slopes = as_lme4(case["formula"])
    fit = m.fit_mixed(people, fixed, groups="org", slopes=slopes, reml=case["reml"])
    np.testing.assert_allclose(fit.terms["estimate"], case["estimate"], rtol=2e-6)
    np.testing.assert_allclose(fit.terms["std_error"], case["std_error"], rtol=2e-6)
    np.testing.assert_allclose(fit.terms["df"], case["df"], rtol=1e-5)


@pytest.mark.parametrize("name", LINEAR)
def test_variances_likelihood_and_explained_variance_are_those_of_lme4(people, name):
    case = R[name]
    fixed, slopes = as_lme4(case["formula"])
    fit = m.fit_mixed(people, fixed, groups="org", slopes=slopes, reml=case["reml"])
    np.testing.assert_allclose(covariance_of(fit), case["covariance"], rtol=5e-6, atol=2e-6)
    ours = [fit.summary[key] for key in ("sigma", "r_squared_marginal", "r_squared_conditional")]
    np.testing.assert_allclose(ours, [case["sigma"], case["marginal"], case["conditional"]], rtol=1e-6, atol=1e-12)
    np.testing.assert_allclose(fit.summary["icc"], case["icc"], rtol=1e-6, atol=1e-9)
    ours = [fit.summary[key] for key in ("log_likelihood", "aic", "bic", "n")]
    np.testing.assert_allclose(ours, [case[key] for key in ("log_likelihood", "aic", "bic", "n")], rtol=1e-12)
    np.testing.assert_allclose(fit.extra["random"], case["random"], atol=5e-6)


def test_the_interval_of_the_share_of_groups_is_that_of_the_profile(people):
    fit = m.fit_mixed(people, FORMULA, groups="org")
    np.testing.assert_allclose([fit.summary["icc_low"], fit.summary["icc_high"]], R["profile"]["icc"], rtol=1e-8)


@pytest.mark.shared
def test_sleepstudy_and_a_large_set_give_the_published_values():
    path = SHARED / "refs" / "data" / "lme4_sleepstudy.csv"
    if not path.exists():
        pytest.skip(f"no data in {SHARED.name}/refs")
    fit = m.fit_mixed(pd.read_csv(path), "Reaction ~ Days", groups="Subject", slopes="Days")
    np.testing.assert_allclose(fit.terms["estimate"], [251.405, 10.467], atol=5e-4)
    np.testing.assert_allclose(fit.terms["std_error"], [6.825, 1.546], atol=6e-4)
    np.testing.assert_allclose(-2 * fit.summary["log_likelihood"], 1743.628, atol=1e-3)


def test_a_variance_at_the_edge_is_0_by_name(people):
    fit = m.fit_mixed(people, "flat ~ x + z", groups="org", name="H1")
    assert fit.extra["boundary"] == ("Intercept",)
    assert fit.extra["variances"].loc[0, "variance"] == 0
    assert fit.summary["singular"] == 1
    assert fit.summary["icc"] == fit.summary["icc_low"] == 0
    line = m.fit_regression(
        people[people["org"].notna()], "flat ~ x + z", design=m.make_design(people.dropna(subset="org"))
    )
    np.testing.assert_allclose(fit.terms["estimate"], line.terms["estimate"], rtol=1e-10)


def test_a_correlation_at_the_edge_is_named(people):
    fit = m.fit_mixed(people, "tied ~ x + z", groups="org", slopes="x")
    assert fit.extra["boundary"] == ("Intercept, x",)
    assert abs(fit.extra["variances"].set_index("term")["correlation"]["Intercept, x"]) == pytest.approx(1)


def test_the_derivative_of_the_likelihood_is_that_of_its_differences():
    rng = np.random.default_rng(1)
    columns, varying = rng.normal(size=(4, 60)), rng.normal(size=(2, 60))
    for restricted in (True, False):
        moments = make_moments(columns, varying, np.arange(60) % 7, rng.uniform(0.5, 2, 7), restricted=restricted)
        factor, step = np.array([[0.8, 0.0], [0.3, 0.5]]), 1e-6
        for place in ((0, 0), (1, 0), (1, 1)):
            move = np.zeros((2, 2))
            move[place] = step
            sides = [evaluate(moments, factor + sign * move).deviance for sign in (1, -1)]
            slope = (2 * evaluate(moments, factor).slope @ factor)[place]
            np.testing.assert_allclose((sides[0] - sides[1]) / (2 * step), slope, rtol=1e-6)


def test_scale_origin_and_order_of_rows_do_not_matter(people):
    fit = m.fit_mixed(people, "y ~ x + z", groups="org", slopes="x")
    other = people.assign(x=1e4 + 1e3 * people["x"], y=1e6 + 1e-3 * people["y"]).sample(frac=1, random_state=1)
    moved = m.fit_mixed(other, "y ~ x + z", groups="org", slopes="x")
    expected = fit.terms["std_error"].to_numpy()[1:] * [1e-6, 1e-3]
    np.testing.assert_allclose(moved.terms["std_error"][1:], expected, rtol=1e-5)
    np.testing.assert_allclose(moved.terms["df"][1:], fit.terms["df"][1:], rtol=1e-4)


def dense(people, fit):
    """Generalised least squares with every matrix written out."""
    used = people[fit.extra["rows"]]
    X = np.asarray(fit.extra["spec"].get_model_matrix(used), dtype=float)
    same = used["org"].to_numpy()[:, None] == used["org"].to_numpy()
    variance = fit.extra["variances"]["variance"]
    inverse = np.linalg.inv(variance[0] * same + variance[1] * np.eye(len(used)))
    return used, X, inverse, np.linalg.inv(X.T @ inverse @ X)


def test_the_covariance_is_that_of_generalised_least_squares(people):
    fit = m.fit_mixed(people, FORMULA, groups="org")
    used, X, inverse, bread = dense(people, fit)
    np.testing.assert_allclose(fit.covariance, bread, rtol=1e-8)
    np.testing.assert_allclose(bread @ X.T @ inverse @ used["y"].to_numpy(), fit.terms["estimate"], rtol=1e-8)


def test_the_estimator_gives_the_sandwich_over_groups(people):
    fit = m.fit_mixed(people, FORMULA, groups="org")
    used, X, inverse, bread = dense(people, fit)
    left = used["y"].to_numpy() - X @ fit.terms["estimate"].to_numpy()
    pulled = inverse @ left
    sums = np.stack([X[rows].T @ pulled[rows] for rows in used.reset_index().groupby("org").indices.values()])
    estimate, covariance = m.infer(fit.extra["estimator"], fit.extra["design"])
    np.testing.assert_allclose(estimate, fit.terms["estimate"])
    np.testing.assert_allclose(covariance, bread @ (sums.T @ sums) @ bread * 36 / 35, rtol=1e-7)


def test_a_group_of_weight_2_counts_as_two_groups(people):
    known = people[people["org"].notna()]
    fit = m.fit_mixed(known, "y ~ x + w", groups="org", reml=False)
    twice = pd.concat([known, known[known["org"] == "o09"].assign(org="again")])
    weight = np.where(known["org"] == "o09", 2.0, 1.0)
    expected = m.fit_mixed(twice, "y ~ x + w", groups="org", reml=False).terms["estimate"]
    np.testing.assert_allclose(fit.extra["estimator"](weight).estimate, expected, rtol=1e-7)
    with pytest.raises(DesignError, match="weights that differ inside groups"):
        fit.extra["estimator"](np.linspace(1, 2, len(known)))


def test_fitted_values_and_predictions_are_those_of_the_equation(people):
    fit = m.fit_mixed(people, "y ~ x", groups="org", slopes="x")
    beta, row = fit.terms["estimate"].to_numpy(), people[people["org"] == "o05"].iloc[0]
    effects = fit.extra["random"].loc["o05"].to_numpy()
    assert fit.extra["fitted"][row.name] == pytest.approx(float((beta + effects) @ [1, row["x"]]))
    np.testing.assert_allclose(fit.extra["predict"](beta, people.loc[[row.name]]), beta @ [1, row["x"]])
    assert fit.extra["fitted"].isna().sum() == 3


def test_interviews_left_out_are_counted(people):
    fit = m.fit_mixed(people, FORMULA, groups="org")
    assert [fit.summary[key] for key in ("n", "n_dropped", "n_without_group", "groups")] == [432, 3, 1, 36]


def test_a_declared_model_gives_the_same_terms(people):
    known = people[people["org"].notna()].assign(weight=2.0, stratum="all", cluster=lambda table: table["org"])
    model = Model(name="H1", kind="mixed", formula="y ~ x + z", options={"groups": "org", "slopes": ["x"]})
    fit = m.fit(known, model)
    assert fit.terms["kind"].unique().tolist() == ["mixed"]
    expected = m.fit_mixed(known, "y ~ x + z", groups="org", slopes="x").terms["estimate"]
    np.testing.assert_array_equal(fit.terms["estimate"], expected)
    with pytest.raises(DesignError, match="no groups"):
        m.fit(known, Model(name="H1", kind="mixed", formula="y ~ x"))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"weight": "odd"}, "weight for each level"),
        ({"clusters": "k"}, "clusters of the design other than the groups"),
        ({"strata": "k"}, "strata beside the groups"),
        ({"clusters": "org", "population": "many"}, "a finite population"),
    ],
)
def test_a_design_it_has_no_answer_for_is_refused(people, given, said):
    known = people.dropna().assign(many=1000, odd=1 + people["z"])
    message = refusal(known, design=m.make_design(known, **given))
    assert said in message
    assert "as clusters of the design" in message


def test_replicate_weights_are_refused(people):
    design = m.with_replicates(m.make_design(people), np.ones((len(people), 3)), factor=1.0)
    assert "replicate weights" in refusal(people, design=design)


def test_equal_weights_and_the_groups_as_clusters_are_taken(people):
    known = people.dropna()
    fit = m.fit_mixed(known, FORMULA, groups="org", design=m.make_design(known, clusters="org"))
    assert fit.summary["groups"] == 36


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        ({"org": "one"}, {}, "a single group (org one)"),
        ({"org": lambda table: np.arange(len(table))}, {}, "groups of one interview only"),
        ({"y": 3.0}, {}, "a constant outcome (3"),
        ({"y": "yes"}, {}, "outcome y in words"),
        ({}, {"slopes": "w"}, "slope w of what does not vary inside any group"),
        ({}, {"slopes": "wx"}, "slope 'wx' that is no term of the formula"),
        ({}, {"groups": "orgs"}, "unknown variable 'orgs'"),
        ({"z": lambda table: 2 * table["x"] + table["w"]}, {}, "is a combination of"),
        ({"y": lambda table: 2 * table["x"] + table["w"]}, {}, "without error"),
        (
            {"org": lambda table: table.index % 3, "w": lambda table: table.index % 3},
            {"formula": "y ~ C(w)"},
            "on 3 groups",
        ),
        ({"org": lambda table: table.index // 2}, {"slopes": ["x", "z"]}, "effects that vary over"),
    ],
)
def test_what_has_no_answer_is_refused_by_name(people, change, options, said):
    message = refusal(people.dropna().reset_index(drop=True).assign(**change), **options)
    assert said in message
    assert "model H1" in message


@pytest.mark.parametrize(("family", "formula"), [("logistic", "b ~ x + z"), ("ordinal", "o ~ x + z")])
def test_categories_give_what_glmer_and_clmm_give(people, family, formula):
    fit, case = m.fit_mixed(people, formula, groups="org", family=family, nodes=11), R[family]
    np.testing.assert_allclose(fit.terms["estimate"], case["estimate"], rtol=1e-5)
    np.testing.assert_allclose(fit.terms["std_error"], case["std_error"], rtol=2e-5)
    ours = [fit.summary[key] for key in ("group_sd", "log_likelihood", "aic")]
    np.testing.assert_allclose(ours, [case["sd"], case["log_likelihood"], case["aic"]], rtol=1e-5)
    assert 0 < fit.summary["icc_low"] < fit.summary["icc"] < fit.summary["icc_high"] < 1


def test_two_ordered_levels_are_the_logistic_model(people):
    numbers = make_categories(
        np.array([0, 1, 1]), np.ones((3, 1)), np.array([0, 0, 1]), cuts=1, nodes=7, thresholds=False
    )
    cut = make_categories(np.array([0, 1, 1]), np.ones((3, 0)), np.array([0, 0, 1]), cuts=1, nodes=7, thresholds=True)
    one, other = integrate(numbers, np.array([0.3, 0.9])), integrate(cut, np.array([-0.3, 0.9]))
    np.testing.assert_allclose(one.log, other.log, rtol=1e-12)
    np.testing.assert_allclose(one.scores * [-1, 1], other.scores, atol=1e-12)


def test_the_derivative_of_the_quadrature_is_that_of_its_differences():
    rng = np.random.default_rng(0)
    matrix, code, step = rng.normal(size=(60, 2)), np.arange(60) % 8, 1e-6
    answers = make_categories(rng.integers(0, 4, 60), matrix, code, cuts=3, nodes=3, thresholds=True)
    values = np.array([-1, 0.2, 1.1, 0.4, -0.3, 0.8])
    sides = [[integrate(answers, values + sign * move).log for move in step * np.eye(6)] for sign in (1, -1)]
    numerical = (np.array(sides[0]) - np.array(sides[1])).T / (2 * step)
    np.testing.assert_allclose(integrate(answers, values).scores, numerical, atol=1e-7)


@pytest.mark.parametrize(("family", "formula"), [("logistic", "b ~ x + z"), ("ordinal", "o ~ x + z")])
def test_scores_of_categories_sum_to_0_and_weights_of_groups_repeat_them(people, family, formula):
    known = people[people["org"].notna()]
    fit = m.fit_mixed(known, formula, groups="org", family=family)
    found = fit.extra["estimator"](np.ones(len(known)))
    np.testing.assert_allclose(found.scores.sum(axis=0), 0, atol=1e-5)
    twice = pd.concat([known, known[known["org"] == "o09"].assign(org="again")])
    weighted = fit.extra["estimator"](np.where(known["org"] == "o09", 2.0, 1.0))
    expected = m.fit_mixed(twice, formula, groups="org", family=family).terms["estimate"]
    np.testing.assert_allclose(weighted.estimate, expected, rtol=1e-5)
    with pytest.raises(DesignError, match="weights that differ inside groups"):
        fit.extra["estimator"](np.linspace(1, 2, len(known)))
    covariance = m.infer(fit.extra["estimator"], fit.extra["design"])[1]
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), fit.terms["std_error"], rtol=0.5)


def test_predicted_probabilities_are_averages_over_groups(people):
    fit = m.fit_mixed(people, "b ~ x + z", groups="org", family="logistic")
    beta, row = fit.terms["estimate"].to_numpy(), people.dropna().iloc[:1]
    draws = np.random.default_rng(1).normal(size=200_000) * fit.summary["group_sd"]
    expected = np.mean(1 / (1 + np.exp(-(beta @ [1, row["x"].iloc[0], row["z"].iloc[0]] + draws))))
    assert fit.extra["predict"](beta, row)[0] == pytest.approx(expected, abs=2e-3)
    ordinal = m.fit_mixed(people, "o ~ x + z", groups="org", family="ordinal")
    chances = ordinal.extra["predict"](ordinal.terms["estimate"].to_numpy(), people.dropna())
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    np.testing.assert_allclose(ordinal.extra["fitted"].dropna().sum(axis=1), 1)


def test_terms_of_groups_have_the_degrees_of_freedom_of_groups(people):
    fit = m.fit_mixed(people, "b ~ x + w", groups="org", family="logistic").terms
    assert fit["df"].tolist() == [34, 432 - 36 - 1, 34]
    few = people.dropna().assign(
        org=lambda known: known["k"].map({"a": 0, "b": 1, "c": 2}), v=lambda known: known["org"] ** 2
    )
    assert "on 3 groups" in refusal(few, "b ~ x + org + v", family="logistic")


def test_categories_without_differences_between_groups_have_variance_0(people):
    rng = np.random.default_rng(5)
    table = people.dropna().assign(b=lambda known: (known.groupby("org").cumcount() + rng.integers(0, 2)) % 2)
    fit = m.fit_mixed(table, "b ~ x", groups="org", family="logistic")
    assert fit.extra["boundary"] == ("Intercept",)
    assert fit.summary["icc"] == 0
    line = m.fit_regression(table, "b ~ x", design=m.make_design(table), family="logistic")
    np.testing.assert_allclose(fit.terms["estimate"], line.terms["estimate"], atol=1e-6)


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (
            {},
            {"formula": "b ~ x", "family": "logistic", "slopes": "x"},
            "slopes that vary between groups in a logistic",
        ),
        ({}, {"family": "logit"}, "family 'logit'"),
        ({}, {"family": "ordinal", "formula": "o ~ x", "nodes": 0}, "0 nodes"),
        ({"b": 1}, {"family": "logistic", "formula": "b ~ x"}, "a constant outcome"),
        ({"b": lambda table: (table["x"] > 5).astype(int)}, {"family": "logistic", "formula": "b ~ x"}, "separat"),
        ({"o": lambda table: table["b"]}, {"family": "ordinal", "formula": "o ~ x"}, "levels"),
        ({"o": lambda table: np.where(table["b"], "no", "yes")}, {"family": "ordinal", "formula": "o ~ x"}, "order"),
    ],
)
def test_categories_without_an_answer_are_refused_by_name(people, change, options, said):
    message = refusal(people.dropna().reset_index(drop=True).assign(**change), **options)
    assert said in message
    assert "model H1" in message


@pytest.mark.parametrize("family", ["logistic", "ordinal"])
def test_an_outcome_that_does_not_vary_inside_any_group_is_refused(people, family):
    codes = pd.factorize(people["org"])[0]
    table = people.assign(same=codes % (2 if family == "logistic" else 3))
    with pytest.raises(DesignError, match="an outcome that is the same for everybody in each group"):
        m.fit_mixed(table, "same ~ x", groups="org", family=family)
