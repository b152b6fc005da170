"""Regressions: invariances, families of statsmodels, domains, and a named refusal for every fit without an answer."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from statsmodels.genmod import families
from statsmodels.genmod.generalized_linear_model import GLM

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError
from kzsurvey.modelling.regression.formulas import prepare


@pytest.fixture
def table():
    rng = np.random.default_rng(11)
    cluster = rng.integers(0, 30, 300)
    frame = pd.DataFrame({"cluster": cluster, "stratum": cluster % 3, "weight": rng.uniform(0.5, 2, 300)})
    frame = frame.assign(x=rng.normal(5, 2, 300), z=rng.normal(size=300), place=rng.choice(["a", "b", "c"], 300))
    eta = -1 + 0.3 * frame["x"] + 0.5 * frame["z"]
    frame = frame.assign(y=2 * eta + rng.normal(size=300), visits=rng.poisson(np.exp(eta / 3)))
    return frame.assign(named=(rng.random(300) < 1 / (1 + np.exp(-eta))) * 1)


@pytest.fixture
def design(table):
    return m.make_design(table, weight="weight", strata="stratum", clusters="cluster")


def estimates(fit):
    return fit.terms["estimate"].to_numpy()


@pytest.mark.parametrize(
    ("kind", "formula", "family"),
    [
        ("linear", "y ~ x + z + C(place)", families.Gaussian()),
        ("logistic", "named ~ x * z", families.Binomial()),
        ("probit", "named ~ x + z", families.Binomial(families.links.Probit())),
        ("poisson", "visits ~ x + z", families.Poisson()),
    ],
)
def test_estimates_are_those_of_statsmodels(table, design, kind, formula, family):
    ours = m.fit_regression(table, formula, design=design, family=kind)
    prepared = prepare(formula, table)
    peer = GLM(prepared.outcome, prepared.matrix, family=family, freq_weights=table["weight"]).fit(tol=1e-14)
    np.testing.assert_allclose(estimates(ours), peer.params, rtol=1e-7)
    taken = m.fit_regression(table, formula, design=design, family=m.statsmodels_family(family))
    np.testing.assert_allclose(estimates(taken), estimates(ours), rtol=1e-8)
    np.testing.assert_allclose(taken.covariance, ours.covariance, rtol=1e-7)


def test_another_family_of_statsmodels(table, design):
    family = m.statsmodels_family(families.Gamma(families.links.Log()))
    fit = m.fit_regression(table.assign(pay=np.exp(table["y"] / 5)), "pay ~ x", design=design, family=family)
    assert fit.kind == "gamma"
    assert estimates(fit)[1] > 0


@pytest.mark.parametrize("kind", ["linear", "logistic"])
def test_scale_of_weights_and_order_of_rows_do_not_matter(table, kind):
    outcome = {"linear": "y", "logistic": "named"}[kind]
    mixed = table.sample(frac=1, random_state=1).assign(weight=lambda t: 7 * t["weight"])
    fits = [
        m.fit_regression(
            t,
            f"{outcome} ~ x + C(place)",
            design=m.make_design(t, weight="weight", strata="stratum", clusters="cluster"),
            family=kind,
        )
        for t in (table, mixed)
    ]
    pd.testing.assert_frame_equal(fits[0].terms, fits[1].terms, rtol=1e-7)
    assert dict(fits[0].summary) == pytest.approx(dict(fits[1].summary), rel=1e-7)


def test_a_domain_is_a_fit_to_its_rows_with_the_whole_design(table, design):
    where = (table["place"] == "a").to_numpy()
    fit = m.fit_regression(table, "y ~ x", design=design, where=where)
    alone = table[where]
    own = m.fit_regression(
        alone, "y ~ x", design=m.make_design(alone, weight="weight", strata="stratum", clusters="cluster")
    )
    np.testing.assert_allclose(estimates(fit), estimates(own), rtol=1e-10)
    assert fit.terms["std_error"][1] != own.terms["std_error"][1] or fit.summary["clusters"] == 30
    assert fit.extra["fitted"].notna().sum() == where.sum()


def test_missing_values_are_dropped_as_a_domain_and_counted(table, design):
    fit = m.fit_regression(table.assign(x=table["x"].mask(table.index < 20)), "y ~ x", design=design)
    where = np.arange(300) >= 20
    same = m.fit_regression(table, "y ~ x", design=design, where=where)
    assert (fit.terms["n"][0], fit.terms["n_dropped"][0]) == (280, 20)
    np.testing.assert_allclose(fit.covariance, same.covariance)


def test_the_scores_of_a_fit_add_up_to_nothing(table, design):
    X = np.column_stack([np.ones(300), table["x"], table["z"]])
    for family, outcome in (("probit", "named"), ("poisson", "visits")):
        found = m.regress(table[outcome].to_numpy(), X, design=design, family=family)
        mu, rule = found.fitted, m.FAMILIES[family]
        slope = rule.slope(X @ found.estimate)
        score = X.T @ (design.weight * (table[outcome] - mu) * slope / rule.variance(mu))
        assert np.abs(score).max() < 1e-7


def test_an_offset_is_a_term_with_coefficient_1(table, design):
    shifted = table.assign(log_time=np.log(np.random.default_rng(0).uniform(1, 5, 300)))
    fit = m.fit_regression(shifted, "visits ~ x", design=design, family="poisson", offset="log_time")
    free = m.fit_regression(shifted, "visits ~ x + log_time", design=design, family="poisson")
    assert estimates(fit)[1] == pytest.approx(estimates(free)[1], abs=0.05)
    assert fit.summary["null_deviance"] > fit.summary["deviance"]


def test_options_named_yes_and_no_are_an_outcome(table, design):
    words = table.assign(named=pd.Categorical(table["named"].map({1: "yes", 0: "no"}), categories=["yes", "no"]))
    fit = m.fit_regression(words, "named ~ x", design=design, family="logistic")
    np.testing.assert_allclose(
        estimates(fit), estimates(m.fit_regression(table, "named ~ x", design=design, family="logistic"))
    )


def test_a_fit_with_an_intercept_alone_is_a_mean(table, design):
    fit = m.fit_regression(table, "y ~ 1", design=design)
    mean = m.mean("y", table, design=design).table.iloc[0]
    assert fit.terms["std_error"][0] == pytest.approx(mean["std_error"])
    assert fit.terms["df"][0] == mean["df"]
    assert np.isnan(fit.summary["wald_f"])


def refuse(table, formula, message, *, kind="linear", **options):
    design = m.make_design(table, weight="weight", strata="stratum", clusters="cluster")
    with pytest.raises(DesignError, match=message):
        m.fit_regression(table, formula, design=design, family=kind, name="H9", **options)


def test_columns_that_repeat_each_other_are_named(table):
    twice = table.assign(double=2 * table["x"] + 1, nothing=0.0)
    refuse(twice, "y ~ x + double", r"model H9: found term double is a combination of Intercept \+ x")
    refuse(twice, "y ~ x + nothing", "term nothing is 0")
    refuse(twice, "y ~ x + np.log(np.exp(x))", r"np.log\(np.exp\(x\)\) is a combination of")


def test_nearly_collinear_columns_still_fit(table, design):
    near = table.assign(near=table["x"] + 1e-5 * table["z"])
    assert np.isfinite(m.fit_regression(near, "y ~ x + near", design=design).covariance).all()


def test_separation_is_found_and_named(table):
    sure = table.assign(sure=np.where(table["named"] == 1, "in", np.where(table["z"] > 0, "out", "both")))
    refuse(sure, "named ~ x + C(sure)", r"separation.*C\(sure\)\[T\.", kind="logistic")
    refuse(sure, "named ~ x + C(sure)", "separation", kind="probit")
    perfect = table.assign(named=(table["x"] > 5) * 1)
    refuse(perfect, "named ~ x", "separation: the outcome is foretold without error by x", kind="logistic")


def test_a_count_that_is_always_0_in_a_group_is_separation(table):
    refuse(
        table.assign(visits=table["visits"].where(table["place"] != "c", 0)),
        "visits ~ C(place)",
        r"C\(place\)\[T.c\]",
        kind="poisson",
    )


def test_a_rare_but_not_separated_outcome_fits(table, design):
    rare = table.assign(named=(table.index % 60 == 0) * 1)
    fit = m.fit_regression(rare, "named ~ x", design=design, family="logistic")
    assert np.isfinite(fit.terms["std_error"]).all()


@pytest.mark.parametrize(
    ("change", "formula", "kind", "message"),
    [
        ({"y": 3.0}, "y ~ x", "linear", r"constant outcome \(3 for all 300\)"),
        ({}, "y ~ x", "logistic", "values other than 0 and 1"),
        ({}, "place ~ x", "logistic", r"outcome place in words \(a, b, c\); allowed: 0 and 1, or options named yes"),
        ({}, "place ~ x", "linear", "in words"),
        ({}, "y ~ x", "poisson", "an outcome below 0"),
        ({}, "y ~ x + zz", "linear", "unknown variable 'zz'"),
        ({"y": np.nan}, "y ~ x", "linear", "nobody in its domain with every variable known"),
    ],
)
def test_outcomes_without_an_answer_are_refused(table, change, formula, kind, message):
    refuse(table.assign(**change), formula, message, kind=kind)


def test_an_empty_domain_is_refused(table):
    refuse(table, "y ~ x", "nobody in its domain;", where=np.zeros(300, dtype=bool))


def test_fewer_clusters_than_coefficients_are_refused(table):
    few = table.assign(cluster=table["stratum"] * 2 + (table["x"] > 5))
    refuse(
        few,
        "y ~ x + z + C(place)",
        "5 coefficients on 3 degrees of freedom; allowed: at most 3".replace(
            "freedom;", r"freedom \(clusters less strata\);"
        ),
    )


def test_a_fit_without_error_is_refused(table):
    refuse(table.assign(y=1 + 2 * table["x"]), "y ~ x", "no variance left for term")


def test_replicates_refit_every_time(table, design):
    rng = np.random.default_rng(0)
    counts = rng.multinomial(300, np.full(300, 1 / 300), size=50).T
    boot = m.with_replicates(design, counts * design.weight[:, None], factor=1 / 49, df=27)
    fit = m.fit_regression(table, "named ~ x", design=boot, family="logistic")
    plain = m.fit_regression(table, "named ~ x", design=design, family="logistic")
    np.testing.assert_array_equal(estimates(fit), estimates(plain))
    assert 0.5 < fit.terms["std_error"][1] / plain.terms["std_error"][1] < 2


def test_a_replicate_without_a_category_is_refused(table, design):
    without = np.where((table["place"] == "c").to_numpy()[:, None], 0.0, design.weight[:, None] * np.ones((1, 3)))
    gaps = m.with_replicates(design, without, factor=1, df=27)
    with pytest.raises(DesignError, match=r"nothing to estimate C\(place\)\[T.c\] from"):
        m.fit_regression(table, "y ~ C(place)", design=gaps)


def test_a_fit_that_does_not_settle_is_refused(table, design):
    backwards = {"slope": lambda eta: np.full_like(eta, -50.0), "start": np.zeros_like}
    wrong = replace(m.FAMILIES["linear"], name="wrong", **backwards)
    with pytest.raises(DesignError, match="no convergence in 60 steps"):
        m.fit_regression(table, "y ~ x", design=design, family=wrong)


def test_steps_that_make_a_fit_worse_are_halved(table, design):
    far = {"slope": lambda eta: np.full_like(eta, 0.3 if np.abs(eta).max() > 30 else 1.0), "start": lambda y: 10 * y}
    eager = replace(m.FAMILIES["linear"], name="eager", **far)
    fit = m.fit_regression(table, "y ~ x", design=design, family=eager)
    np.testing.assert_allclose(estimates(fit), estimates(m.fit_regression(table, "y ~ x", design=design)), rtol=1e-6)


def test_the_wald_test_of_one_term_is_its_t_test_squared(table, design):
    fit = m.fit_regression(table, "y ~ x", design=design)
    f, rank, p = m.wald_test(estimates(fit)[1:], fit.covariance[1:, 1:], fit.summary["df"])
    assert f == pytest.approx((estimates(fit)[1] / fit.terms["std_error"][1]) ** 2)
    assert rank == 1
    assert p == pytest.approx(fit.terms["p_value"][1], abs=1e-12)


def test_an_ordered_outcome_is_shown_the_way_to_ordinal_models(table, design):
    ordered = table.assign(worn=pd.Categorical(np.where(table["z"] > 0, "yes", "no"), ["no", "yes"], ordered=True))
    with pytest.raises(DesignError, match=r"fit_ordinal takes words in order; mediate, with kinds=\{'worn': 'ord"):
        m.fit_regression(ordered, "worn ~ x", design=design)


def test_numbers_about_a_fit_are_plain_ones(table, design):
    ranks = table.assign(rank=pd.cut(table["y"], 3, labels=False))
    fits = [
        m.fit_regression(table, "named ~ x", design=design, family="logistic"),
        m.fit_ordinal(ranks, "rank ~ x", design=design),
        m.fit_mixed(table, "y ~ x", groups="cluster"),
        m.fit_mixed(table, "named ~ x", groups="cluster", family="logistic", nodes=3),
    ]
    assert {type(value) for fit in fits for value in fit.summary.values()} <= {int, float}


@pytest.mark.parametrize("family", ["logistic", "probit"])
@pytest.mark.parametrize("value", [0, 1])
def test_an_outcome_that_only_one_cluster_has_is_refused(table, design, family, value):
    rare = table.assign(named=np.where((table["cluster"] == 4) & (table["z"] > 0), value, 1 - value))
    with pytest.raises(
        DesignError, match=f"model H6: found outcome {value} in a single cluster; allowed: two clusters"
    ):
        m.fit_regression(rare, "named ~ x", design=design, family=family, name="H6")


def test_an_infinite_outcome_is_refused_by_every_kind_of_model(table, design):
    endless = table.assign(y=table["y"].where(table.index > 1, np.inf))
    message = "outcome y is not a finite number in 2 interviews"
    for work in [
        lambda: m.fit_regression(endless, "y ~ x", design=design),
        lambda: m.fit_mixed(endless, "y ~ x", groups="cluster"),
        lambda: m.mediate(endless, outcome="y ~ z + x", mediators="z ~ x", treatment="x", design=design),
        lambda: m.fit_regression(endless, "np.abs(y) ~ x", design=design),
    ]:
        with pytest.raises(DesignError, match=message.replace("y", r"(np.abs\(y\)|y)", 1)):
            work()


@pytest.mark.parametrize("bad", ["place", "endless"])
def test_an_offset_that_is_no_number_is_refused(table, design, bad):
    table = table.assign(endless=np.where(table.index < 5, np.inf, 1.0))
    with pytest.raises(DesignError, match=f"offset {bad} with values other than numbers"):
        m.fit_regression(table, "visits ~ x", design=design, family="poisson", offset=bad)
