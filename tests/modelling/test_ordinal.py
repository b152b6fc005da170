"""Ordinal models: what R gives (tests/reference/ordinal.R), invariances, a named refusal where there is no answer."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError
from kzsurvey.modelling.regression.cumulative import LINKS, level_probabilities, make_layout
from kzsurvey.survey.record import Model

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "ordinal.json").read_text())
LEVELS = ["low", "middle", "high", "top"]
FORMULA = "y ~ x + z + g"


@pytest.fixture(scope="module")
def people():
    table = pd.read_csv(REFERENCE / "ordinal.csv")
    return table.assign(y=pd.Categorical(table["y"], LEVELS, ordered=True))


@pytest.fixture(scope="module")
def design(people):
    return m.make_design(people, weight="weight", strata="stratum", clusters="cluster", population="clusters")


@pytest.fixture
def table():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"x": rng.normal(size=240), "z": rng.normal(size=240), "cluster": np.arange(240) % 24})
    frame = frame.assign(g=rng.choice(["a", "b", "c"], 240), weight=rng.uniform(0.5, 2, 240))
    return frame.assign(y=np.digitize(frame["x"] + rng.logistic(size=240), [-1, 0.5, 1.5]))


def sampled(table):
    return m.make_design(table, weight="weight", clusters="cluster")


def fitted(table, formula="y ~ x + z", **options):
    return m.fit_ordinal(table, formula, design=options.pop("design", None) or sampled(table), name="H1", **options)


def refusal(table, formula="y ~ x + z", **options):
    with pytest.raises(DesignError) as caught:
        fitted(table, formula, **options)
    return str(caught.value)


def agrees(fit, case, rtol=1e-7):
    np.testing.assert_allclose(fit.terms["estimate"], case["estimate"], rtol=rtol)
    np.testing.assert_allclose(fit.terms["std_error"], case["std_error"], rtol=rtol)
    if "covariance" in case:
        np.testing.assert_allclose(fit.covariance, case["covariance"], rtol=rtol, atol=1e-9)


def jackknife(people, design):
    cluster, stratum = (pd.factorize(people[column])[0] for column in ("cluster", "stratum"))
    drawn = people.groupby("stratum", sort=False)["cluster"].nunique().to_numpy()
    home = pd.Series(stratum).groupby(cluster).first().to_numpy()
    ratio = drawn[home] / (drawn[home] - 1)
    factor = np.where(stratum[:, None] == home, np.where(cluster[:, None] == np.arange(len(home)), 0, ratio), 1)
    weight = people["weight"].to_numpy()[:, None] * factor
    return m.with_replicates(design, weight, factor=1 / ratio, df=len(home) - len(drawn))


@pytest.mark.parametrize("link", sorted(LINKS))
def test_every_link_gives_what_clm_with_a_design_sandwich_gives(people, design, link):
    fit = m.fit_ordinal(people, FORMULA, design=design, link=link)
    agrees(fit, R["links"][link])
    np.testing.assert_allclose(fit.extra["unscaled"] / people["weight"].mean(), R["links"][link]["unscaled"], rtol=1e-7)
    loglik = -fit.summary["deviance"] / 2 * people["weight"].mean()
    assert loglik == pytest.approx(R["links"][link]["loglik"], rel=1e-10)


@pytest.mark.parametrize(("case", "link"), [("partial", "logit"), ("partial_probit", "probit")])
def test_slopes_by_cut_are_those_of_nominal_effects(people, design, case, link):
    fit = m.fit_ordinal(people, FORMULA, design=design, link=link, nonproportional="x")
    assert fit.terms["term"].tolist()[3:6] == ["x:low|middle", "x:middle|high", "x:high|top"]
    agrees(fit, R[case])


def test_offset_domain_and_jackknife_give_what_r_gives(people, design):
    agrees(m.fit_ordinal(people, FORMULA, design=design, offset="o"), R["offset"])
    agrees(m.fit_ordinal(people, FORMULA, design=design, where=people["adult"].eq(1).to_numpy()), R["domain"])
    replicated = m.fit_ordinal(people, FORMULA, design=jackknife(people, design))
    agrees(replicated, R["jackknife"])
    assert replicated.summary["df"] == R["jackknife"]["df"] - 4


def test_svyolr_stops_near_our_optimum(people, design):
    agrees(m.fit_ordinal(people, FORMULA, design=design), R["svyolr"], rtol=1e-4)


def test_the_test_of_proportional_odds_is_that_of_separate_logits(people, design):
    fit = m.fit_ordinal(people, FORMULA, design=design)
    slopes, covariance = m.infer(fit.extra["by_cut"], design)
    np.testing.assert_allclose(slopes, R["brant"]["slopes"], rtol=1e-7)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), R["brant"]["std_error"], rtol=1e-7)
    tests = m.proportional_odds_test(fit).set_index("term")
    for term, case in {"x": "x", "z": "z", "g": "g", "": "all"}.items():
        assert tests.loc[term].to_dict() == pytest.approx(R["brant"][case], rel=1e-6)


def test_all_terms_together_leaves_out_those_with_slopes_by_cut(people, design):
    fit = m.fit_ordinal(people, FORMULA, design=design, nonproportional=["g"])
    tests = m.proportional_odds_test(fit).set_index("term")
    assert tests["df"].to_dict() == {"x": 2, "z": 2, "g": 4, "": 4}


def test_units_weights_and_row_order_do_not_matter(table):
    fit = fitted(table)
    moved = fitted(table.assign(x=2019 + table["x"] / 1e3, weight=table["weight"] * 1e6).sample(frac=1, random_state=1))
    assert moved.terms["estimate"].iloc[3] == pytest.approx(1e3 * fit.terms["estimate"].iloc[3], rel=1e-8)
    assert moved.terms["std_error"].iloc[4] == pytest.approx(fit.terms["std_error"].iloc[4], rel=1e-8)
    assert moved.summary["aic"] == pytest.approx(fit.summary["aic"], rel=1e-9)


@pytest.mark.parametrize(("link", "mirror"), [("logit", "logit"), ("probit", "probit"), ("cloglog", "loglog")])
def test_turning_the_order_round_turns_the_signs(table, link, mirror):
    fit, turned = fitted(table, link=link), fitted(table.assign(y=-table["y"]), link=mirror)
    expected = -turned.terms["estimate"].to_numpy()[[2, 1, 0, 3, 4]]
    np.testing.assert_allclose(fit.terms["estimate"], expected, rtol=1e-9)


@pytest.mark.parametrize("nonproportional", [(), ("x",)])
def test_the_scores_are_what_a_little_more_weight_moves(table, nonproportional):
    fit = fitted(table, nonproportional=nonproportional)
    weight, more = table["weight"].to_numpy(), np.eye(240)[7] * 1e-5
    estimator = fit.extra["estimator"]
    full = estimator(weight)
    slope = (estimator(weight + more).estimate - estimator(weight - more).estimate) / 2e-5
    np.testing.assert_allclose(full.bread @ full.scores[7], slope, rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(weight @ full.scores, 0, atol=1e-7)


def test_a_model_of_all_slopes_by_cut_nearly_is_its_separate_cuts(table):
    fit = fitted(table, "y ~ x", nonproportional="x")
    apart, _ = m.infer(fit.extra["by_cut"], sampled(table))
    np.testing.assert_allclose(fit.terms["estimate"][3:], apart, atol=0.15)


def test_predictions_are_the_fitted_probabilities_and_add_up_to_one(table):
    fit = fitted(table.assign(o=table["z"] / 2), "y ~ x + g", offset="o", nonproportional="x")
    predicted = fit.extra["predict"](fit.terms["estimate"].to_numpy(), table.assign(o=table["z"] / 2))
    np.testing.assert_allclose(predicted, fit.extra["fitted"], rtol=1e-12)
    np.testing.assert_allclose(predicted.sum(axis=1), 1, rtol=1e-12)
    assert (predicted > 0).all()


def test_rows_outside_the_domain_keep_their_place_with_score_0(table):
    where = table["x"].gt(-1).to_numpy()
    fit = fitted(table, where=where)
    assert fit.summary["n"] == where.sum()
    assert (fit.extra["estimator"](table["weight"].to_numpy()).scores[~where] == 0).all()
    assert fit.extra["fitted"].isna().any(axis=1).eq(~where).all()


def test_rows_without_weight_do_not_count(table):
    none = table["cluster"].eq(3).to_numpy()
    weightless = replace(sampled(table), weight=np.where(none, 0.0, table["weight"]))
    fit = fitted(table, design=weightless)
    np.testing.assert_allclose(fit.terms["estimate"], fitted(table, where=~none).terms["estimate"], rtol=1e-9)


def test_an_outlier_without_weight_changes_nothing_and_one_with_weight_is_reached_by_halved_steps(table):
    far = table.assign(x=np.where(np.arange(240) == 0, 1e5, table["x"]), y=np.where(np.arange(240) == 0, 0, table["y"]))
    first = np.arange(240) == 0
    weightless = replace(sampled(far), weight=np.where(first, 0.0, far["weight"]))
    without = fitted(far, design=weightless)
    np.testing.assert_allclose(without.terms["estimate"], fitted(far, where=~first).terms["estimate"], rtol=1e-7)
    fit = fitted(far, nonproportional="z")
    scores = fit.extra["estimator"](far["weight"].to_numpy()).scores
    np.testing.assert_allclose(far["weight"].to_numpy() @ scores, 0, atol=1e-7)


def test_many_rows_start_from_a_part_of_them_and_end_where_few_do(table):
    often = pd.concat([table] * 300, ignore_index=True)
    fit = fitted(often, nonproportional="z")
    np.testing.assert_allclose(fit.terms["estimate"], fitted(table, nonproportional="z").terms["estimate"], rtol=1e-9)


def test_a_level_nobody_chose_is_left_out_and_counted(table):
    chosen = pd.Categorical.from_codes(
        np.where(table["y"] > 1, table["y"] + 1, table["y"]), list("abcdef"), ordered=True
    )
    fit = fitted(table.assign(y=chosen))
    assert fit.terms["term"].tolist()[:3] == ["a|b", "b|d", "d|e"]
    assert fit.summary["unused_levels"] == 2
    assert fit.extra["unused_levels"] == ("c", "f")
    np.testing.assert_allclose(fit.terms["estimate"], fitted(table).terms["estimate"], rtol=1e-9)


def test_a_fit_without_terms_has_the_shares_for_thresholds(table):
    fit = fitted(table, "y ~ 1", link="probit")
    shares = table.groupby("y")["weight"].sum() / table["weight"].sum()
    np.testing.assert_allclose(fit.extra["fitted"].iloc[0], shares, rtol=1e-12)
    assert fit.summary["r_squared"] == pytest.approx(0, abs=1e-12)


def test_tails_of_the_links_keep_their_digits():
    for link in LINKS.values():
        below = link.tails(np.array([-30.0, -5.0, 0.0, 2.0])).below
        assert (np.diff(below) > 0).all()
        step = 1e-6
        up, down = link.tails(np.array([1 + step])), link.tails(np.array([1 - step]))
        here = link.tails(np.array([1.0]))
        assert (up.below - down.below) / (2 * step) == pytest.approx(here.density, rel=1e-8)
        assert (up.density - down.density) / (2 * step) == pytest.approx(here.slope, rel=1e-7, abs=1e-9)
    layout = make_layout(("a", "b", "c"), ("x",), np.array([False]))
    middle = level_probabilities(np.array([40.0, 41.0, 1.0]), np.zeros((1, 1)), layout=layout, link=LINKS["logit"])[
        0, 1
    ]
    assert middle == pytest.approx(np.exp(-40) - np.exp(-41), rel=1e-12, abs=0)
    far = LINKS["logit"].tails(np.array([40.0]))
    assert far.above[0] == pytest.approx(np.exp(-40), rel=1e-12, abs=0)


@pytest.mark.parametrize("link", sorted(LINKS))
def test_a_category_with_the_lowest_level_alone_is_refused_by_name(table, link):
    assert "separation: the order of the outcome is foretold without error by C(g)[T.d];" in refusal(
        table.assign(g=np.where(np.arange(240) < 5, "d", table["g"]), y=np.where(np.arange(240) < 5, 0, table["y"])),
        "y ~ x + C(g)",
        link=link,
    )


def test_a_term_that_tells_the_order_is_refused_by_name(table):
    told = table.assign(k=table["y"] + np.linspace(0, 0.5, 240))
    assert "foretold without error by k;" in refusal(told, "y ~ x + k + z")


def test_a_category_with_a_middle_level_alone_has_a_slope_but_not_one_for_each_cut(table):
    five = np.arange(240) < 5
    middle = table.assign(g=np.where(five, "d", table["g"]), y=np.where(five, 1, table["y"]))
    assert fitted(middle, "y ~ C(g)").terms["std_error"].gt(0).all()
    assert "separation" in refusal(middle, "y ~ C(g)", nonproportional="C(g)")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: {"y": t["y"].gt(1) * 1}, "two levels (0 and 1); allowed: three levels or more; a logistic"),
        (lambda t: {"y": 2}, "a constant outcome (2)"),
        (lambda t: {"y": t["y"].map(str)}, "outcome y without an order"),
        (lambda t: {"y": pd.Categorical(t["y"])}, "outcome y without an order"),
        (lambda t: {"y": t["y"] / 2}, "values other than whole numbers"),
        (lambda t: {"y": np.where(t["y"] == 3, np.inf, t["y"])}, "outcome y is not a finite number"),
        (lambda t: {"z": 2 * t["x"] + 1}, "term z is a combination of the thresholds + x"),
        (lambda t: {"z": 7.0}, "term z is a combination of the thresholds;"),
        (lambda t: {"cluster": t["cluster"] % 3}, "2 slopes on 2 degrees of freedom"),
    ],
)
def test_data_without_an_answer_are_refused_by_name(table, change, said):
    assert said in refusal(table.assign(**change(table)))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"link": "logitt"}, "unknown link 'logitt'; allowed: logit, probit, cloglog, loglog, cauchit; perhaps logit"),
        ({"nonproportional": ["xx"]}, "nonproportional 'xx'; allowed: x, z; perhaps x"),
        ({"nonproportional": 5}, "nonproportional 5"),
        ({"offset": "zz"}, "unknown variable 'zz'"),
        ({"offset": "g"}, "offset g with values other than numbers"),
        ({"where": np.zeros(240, dtype=bool)}, "nobody in its domain"),
    ],
)
def test_options_that_cannot_be_are_refused_by_name(table, options, said):
    assert said in refusal(table, **options)


def test_cuts_that_cross_are_refused_with_their_count(table):
    rng = np.random.default_rng(1)
    wide = np.where(table["x"] > 0, rng.choice([0, 2], 240), rng.choice([0, 1, 2], 240, p=[0.1, 0.8, 0.1]))
    assert "cuts that cross in 1" in refusal(table.assign(y=wide), "y ~ x", nonproportional="x")


def test_replicates_without_a_level_are_counted_and_refused(table):
    weight = np.repeat(table["weight"].to_numpy()[:, None], 10, axis=1)
    weight[table["y"] == 3, 2:4] = 0
    replicated = m.with_replicates(sampled(table), weight, factor=0.1, df=9)
    said = "model H1, replicate weights: found nobody with weight at level 3 in 2 of 10 sets of weights"
    assert said in refusal(table, design=replicated)


def test_a_replicate_that_is_separated_is_refused(table):
    six = np.arange(240) < 6
    mixed = table.assign(g=np.where(six, "d", table["g"]), y=np.where(six, [0, 1, 2, 3, 0, 0] * 40, table["y"]))
    weight = np.repeat(table["weight"].to_numpy()[:, None], 10, axis=1)
    weight[1:4, 4] = 0
    replicated = m.with_replicates(sampled(table), weight, factor=0.1, df=9)
    said = "1 of 10 replicates without an answer (number 5: separation: the order of the outcome is foretold"
    assert said in refusal(mixed, "y ~ C(g)", design=replicated)


def test_a_replicate_in_which_a_term_does_not_vary_is_refused(table):
    weight = np.repeat(table["weight"].to_numpy()[:, None], 10, axis=1)
    weight[table["z"] < 0, 0] = 0
    replicated = m.with_replicates(sampled(table), weight, factor=0.1, df=9)
    said = "1 of 10 replicates without an answer (number 1: s not identified)"
    assert said in refusal(table.assign(s=table["z"].lt(0) * 1.0), "y ~ x + s", design=replicated)


def test_a_fit_that_does_not_settle_is_refused(table, monkeypatch):
    monkeypatch.setattr("kzsurvey.modelling.regression.cumulative._STEPS", 2)
    assert "no convergence in 2 steps; allowed: fewer terms, or another link" in refusal(table)
    assert "its cuts may cross: fewer terms in nonproportional" in refusal(table, nonproportional="x")


def test_a_test_with_too_few_clusters_is_refused_or_missing(table):
    fit = fitted(table, "y ~ x + C(g)", design=m.make_design(table, clusters=table["cluster"] % 5))
    together = m.proportional_odds_test(fit).set_index("term").loc[""]
    assert np.isnan(together["p_value"])
    assert together["df_below"] < 1
    few = fitted(table, "y ~ C(g)", design=m.make_design(table, clusters=table["cluster"] % 4))
    with pytest.raises(DesignError, match=r"4 differences of C\(g\) on 3 degrees of freedom"):
        m.proportional_odds_test(few)


def test_the_test_is_for_ordinal_models_with_terms(table):
    for fit in (fitted(table, "y ~ 1"), m.fit_regression(table, "y ~ x", design=sampled(table))):
        with pytest.raises(DesignError, match="an ordinal model with at least one term"):
            m.proportional_odds_test(fit)


def test_a_declared_model_takes_link_and_nonproportional(table):
    declared = Model(name="H1", kind="ordinal", formula="y ~ x + z", hypothesis="H1", term="z",
                     options={"link": "probit", "nonproportional": ["x"]})  # fmt: skip
    fit = m.fit(table, declared, design=sampled(table))
    np.testing.assert_allclose(fit.covariance, fitted(table, link="probit", nonproportional="x").covariance)
    assert fit.terms.set_index("term")["hypothesis"]["z"] == "H1"
    with pytest.raises(DesignError, match="unknown option 'linkk'"):
        m.fit(table, replace(declared, options={"linkk": "probit"}))


def test_messages_of_a_plain_table_do_not_speak_of_survey_folders(table):
    words = pd.Categorical(np.resize(["a", "b", "c"], len(table)))
    message = refusal(table.assign(y=words), "y ~ x")
    assert message.endswith("pd.Categorical(..., ordered=True), or level ordinal in a survey folder")


def test_the_test_of_proportional_odds_names_the_kind_it_was_given(table):
    line = m.fit_regression(table, "y ~ x", design=sampled(table), name="H1")
    with pytest.raises(DesignError, match="model H1: found a model of kind linear; allowed: an ordinal model"):
        m.proportional_odds_test(line)
