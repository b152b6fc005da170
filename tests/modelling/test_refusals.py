"""What has no answer is refused by name, or says that it has none: no number stands where there is nothing to tell."""

import numpy as np
import pandas as pd
import pytest

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError
from kzsurvey.modelling.regression.results import Fit, one_cluster_faults


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"weight": rng.uniform(1, 3, 160), "cluster": np.arange(160) % 32, "x": rng.normal(size=160)})
    frame["z"], frame["place"] = rng.normal(size=160), rng.choice(["a", "b", "c"], 160)
    frame["y"] = frame["x"] + rng.normal(size=160)
    frame["yes"] = (frame["y"] > 0).astype(int)
    frame["rating"] = np.clip(np.round(3 + frame["y"]), 1, 5)
    return frame


@pytest.fixture(scope="module")
def design(people):
    return m.make_design(people, weight="weight", clusters="cluster")


def one(t, d):
    return m.fit_regression(t, "y ~ x + z", design=d)


def replicates(design, **options):
    weight = design.weight[:, None] * np.where(np.arange(160)[:, None] % 4 == np.arange(4), 0, 4 / 3)
    return m.with_replicates(design, options.pop("weight", weight), **({"factor": 0.75} | options))


LEVELS = {
    "mean": lambda t, d, level: m.mean("y", t, design=d, level=level),
    "proportion": lambda t, d, level: m.proportion("yes", t, design=d, level=level),
    "t_test": lambda t, d, level: m.t_test("y", t, by="yes", design=d, level=level),
    "chi_square": lambda t, d, level: m.chi_square("place", t, by="yes", design=d, level=level),
    "reliability": lambda t, d, level: m.reliability(["x", "y"], t, design=d, level=level),
    "coefficients": lambda t, d, level: m.coefficients(["x", "y"], t, design=d, kinds=["alpha"], level=level),
    "intraclass": lambda t, d, level: m.intraclass("y", t, groups="cluster", draws=0, level=level),
    "decompose": lambda t, d, level: m.decompose_correlation("x", "y", t, groups="cluster", level=level),
    "fit_regression": lambda t, d, level: m.fit_regression(t, "y ~ x", design=d, level=level),
    "fit_ordinal": lambda t, d, level: m.fit_ordinal(t, "rating ~ x", design=d, level=level),
    "fit_mixed": lambda t, d, level: m.fit_mixed(t, "y ~ x", groups="cluster", level=level),
    "missing_counts": lambda t, d, level: m.missing_counts(t, ["x"], design=d, level=level),
    "pool": lambda t, d, level: m.pool([one(t, d)] * 2, level=level),
    "power": lambda t, d, level: m.power("slope", villages=4, interviews=2, replications=1, level=level),
}


@pytest.mark.parametrize("level", [95, 0, 1, np.nan])
@pytest.mark.parametrize("estimate", LEVELS.values(), ids=LEVELS)
def test_a_level_in_percent_is_refused_and_not_an_interval_without_ends(people, design, estimate, level):
    with pytest.raises(DesignError, match="level .*above 0 and below 1; 0.95 for 95 %"):
        estimate(people, design, level)


TWICE = {
    "design": lambda t, d: m.make_design(t[["weight", "weight"]], weight="weight"),
    "mean": lambda t, d: m.mean("y", pd.concat([t, t[["y"]]], axis=1), design=d),
    "groups": lambda t, d: m.mean("y", pd.concat([t, t[["place"]]], axis=1), design=d, by="place"),
    "regression": lambda t, d: m.fit_regression(pd.concat([t, t[["x"]]], axis=1), "y ~ x", design=d),
    "scale": lambda t, d: m.score(t[["x", "x"]]),
    "codes": lambda t, d: m.distinctive(t[["yes", "yes"]], t["place"], design=d),
}


@pytest.mark.parametrize("call", TWICE.values(), ids=TWICE)
def test_two_columns_of_one_name_are_refused(people, design, call):
    with pytest.raises(DesignError, match="found 2 columns of this name"):
        call(people, design)


REFUSED = {
    "deff": (lambda t, d: m.mean("y", t, design=d, deff="Finite"), "deff 'Finite'"),
    "no variable": (lambda t, d: m.mean([], t, design=d), "no variable"),
    "variable twice": (lambda t, d: m.mean(["y", "y"], t, design=d), "variable y twice"),
    "no group": (lambda t, d: m.mean("y", t.assign(g=None), design=d, by="g"), "nobody with a group .g."),
    "group called n": (lambda t, d: m.mean("y", t.assign(n=1), design=d, by="n"), "column n: found a name that"),
    "no answers": (lambda t, d: m.shares("q", t.assign(q=np.nan), design=d), "column q: found no answers"),
    "contrast": (lambda t, d: m.contrast(m.mean("y", t, design=d), {"a": [1, -1]}), "a with 2 numbers; allowed: 1"),
    "quantile": (lambda t, d: m.weighted_quantile([1.0], [1.0], 0.5, definition="hf3"), "definition 'hf3'"),
    "polychoric cells": (lambda t, d: m.polychoric(["yes", "rating"], t, design=d, empty_cells=-1), "empty_cells -1"),
    "polychoric numbers": (lambda t, d: m.polychoric(["yes", "rating"], t, design=d, numbers="rate"), "numbers 'rate'"),
    "polychoric twice": (lambda t, d: m.polychoric(["yes", "yes"], t, design=d), "item yes twice"),
    "half an option": (lambda t, d: m.within_agreement("rating", t, groups="cluster", options=4.5), "4.5 options"),
    "no null": (
        lambda t, d: m.within_agreement("rating", t, groups="cluster", options=5, null={"u": np.inf}),
        "of inf for null u",
    ),
    "nan outcome": (
        lambda t, d: m.regress(np.where(t["x"] > 1, np.nan, t["y"]), np.ones((160, 1)), design=d),
        "the outcome is not a finite number in",
    ),
    "nan term": (
        lambda t, d: m.regress(t["y"], np.where(t[["x"]] > 1, np.nan, 1.0), design=d), "term x1 is not a finite number",
    ),
    "log of less than 0": (
        lambda t, d: m.fit_regression(t, "np.log(y) ~ x", design=d), r"np.log\(y\) is not a finite number",
    ),
    "one dimension": (lambda t, d: m.regress(t["y"], t["x"].to_numpy(), design=d), "a matrix of shape .160,."),
    "wald": (lambda t, d: m.wald_test(np.ones(2), np.zeros((2, 2)), 3), "without an estimate or an error"),
    "p values": (lambda t, d: m.holm(np.array([0.1, 1.2])), "1.2.*allowed: 0 to 1"),
    "replicate centre": (lambda t, d: replicates(d, centre="estimat"), "centre 'estimat'"),
    "replicate factor": (lambda t, d: replicates(d, factor=-1), "factor -1"),
    "empty replicate": (lambda t, d: replicates(d, weight=np.eye(160)[:, :2] * [[1, 0]]), "1 replicates in which all"),
    "one replicate": (lambda t, d: replicates(d, weight=np.ones((160, 1))), "two replicates or more"),
    "infinite weight": (lambda t, d: m.make_design(weight=[1.0, np.inf]), "1 of 2 weights infinite"),
    "population in words": (lambda t, d: m.make_design(clusters=[1, 2], population=["9 villages"] * 2), "no numbers"),
    "calibrated weights": (
        lambda t, d: m.calibrated_design(d, np.where(t["x"] > 1, np.nan, 1.0), t[["place"]]), "missing or not above 0",
    ),
    "too few calibrated weights": (lambda t, d: m.calibrated_design(d, [1.0], t[["place"]]), "1 rows of a design of"),
    "trim": (lambda t, d: m.trim([1.0, np.nan], high=2), "weights missing"),
    "effect of weights": (lambda t, d: m.weighting_effect([1.0, -1.0]), "weights missing or below 0"),
    "no totals": (lambda t, d: m.calibrate(t, {}, design=d), "no totals"),
    "total in words": (lambda t, d: m.calibrate(t, {"x": "ten"}, design=d), "total 'ten'"),
    "variable in words": (lambda t, d: m.calibrate(t, {"place": 10}, design=d), "160 rows without a value that is"),
    "count in words": (lambda t, d: m.rake(t, {"place": {"a": "ten", "b": 5, "c": 5}}, design=d), "count nan of 'a'"),
    "item without answers": (
        lambda t, d: m.coefficients(["x", "y", "q"], t.assign(q=np.nan), design=d),
        "fewer than 3 interviews with item q",
    ),
    "more than all items": (lambda t, d: m.score(t[["x", "y"]], smallest=3), "smallest 3 of 2 items"),
    "points": (
        lambda t, d: m.interaction_curve(m.fit_regression(t, "y ~ x * z", design=d), "x", "z", table=t, points=1),
        "1 points",
    ),
    "draws": (lambda t, d: m.romano_wolf([one(t, d), one(t, d)], ["x", "z"], draws=0), "0 draws; allowed: 99 or more"),
    "r_max": (
        lambda t, d: m.oster(t, "y ~ x + z", term="x", design=d, r_max=one(t, d).summary["r_squared"]), "r_max 0",
    ),
    "oster in words": (lambda t, d: m.oster(t, "place ~ x + z", term="x", design=d), "outcome place in words"),
    "unknown code": (lambda t, d: m.codes_by_groups(["nay"], t, by=["place"], design=d), "unknown variable 'nay'"),
    "same proportions": (
        lambda t, d: m.correspondence(pd.DataFrame(1.0, t.index, ["a", "b"]), t["place"], design=d),
        "same proportions",
    ),
    "no variables": (lambda t, d: m.sample_shape([], t, design=d), "no variable"),
    "contradiction": (lambda t, d: m.fit_paths(t, "y ~ p*x\np == 1\np == 2", design=d), "row 2.*p == 1 that is not"),
    "endless": (lambda t, d: m.fit_paths(t, "y ~ p*x\nq := p/0", design=d), "q is not a finite number"),
    "paths cells": (lambda t, d: m.fit_paths(t, "y ~ x", design=d, empty_cells=np.nan), "empty_cells nan"),
    "rubin shapes": (lambda t, d: m.rubin(np.ones((2, 1)), np.ones((1, 1))), "one variance for each estimate"),
    "rubin variances": (lambda t, d: m.rubin(np.ones((2, 1)), -np.ones((2, 1))), "variances below 0"),
    "pooled statistics": (lambda t, d: m.pooled_statistics(np.array([1.0, 2.0]), 0), "degrees of freedom above 0"),
    "another family": (
        lambda t, d: m.fit_regression(t, "y ~ x", design=d, family=object()), "a family of kind object",
    ),
    "few rows in groups": (
        lambda t, d: m.fit_mixed(t.iloc[[0, 32, 1, 33]], "y ~ x + z", groups="cluster"),
        "groups and rows leave nothing",
    ),
    "more terms than rows": (
        lambda t, d: m.fit_mixed(t.iloc[[0, 32, 1, 33]], "y ~ x + z + weight + yes", groups="cluster"),
        "combination of",
    ),
    "codes of levels": (
        lambda t, d: m.ordinal_regress(t["rating"].where(t["x"] < 1), t[["x"]].to_numpy(), design=d), "whole numbers",
    ),
    "constant replicate, paths": (
        lambda t, d: m.fit_paths(t.assign(q=t["cluster"] == 1), "y ~ q", design=m.jackknife(d)),
        "1 of 32 replicates in which a variable does not vary",
    ),
    "constant replicate, polychoric": (
        lambda t, d: m.polychoric(["rating", "q"], t.assign(q=(t["cluster"] == 1) * 1), design=m.jackknife(d)),
        "replicate weights under which an item does not vary",
    ),
    "reliability": (lambda t, d: m.correlations(["x", "y"], t, design=d, reliability={"q": 0.8}), "reliability of 'q'"),
    "no draws": (lambda t, d: m.parallel_analysis(["x", "y", "z"], t, design=d, draws=0), "of 0 draws"),
    "unasked": (lambda t, d: m.asked_rows(t, "nay"), "unknown variable 'nay'"),
}  # fmt: skip


@pytest.mark.parametrize(("call", "said"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_answer_is_refused_by_name(people, design, call, said):
    with pytest.raises(DesignError, match=said):
        call(people, design)


def test_a_ratio_over_nothing_has_no_error():
    row = m.ratio("y", "x", pd.DataFrame({"y": [1.0, 2.0, 3.0], "x": 0.0})).table.iloc[0]
    assert row[["estimate", "std_error"]].isna().all()


def test_missing_values_do_not_count_in_a_quantile():
    assert m.weighted_quantile([1.0, np.nan, 3.0], [1.0, 1.0, 1.0], 0.5) == 2


def test_answers_of_words_and_numbers_are_counted_side_by_side():
    found = m.shares("said", pd.DataFrame({"said": [2, "other", 1, 2]})).table
    assert found[["value", "estimate"]].to_numpy().tolist() == [[1, 0.25], [2, 0.5], ["other", 0.25]]


def test_groups_without_a_name_are_called_group(people, design):
    found = m.mean("y", people, design=design, by=people["place"].rename(None))
    assert found.table.columns[1] == "group"
    assert len(m.differences(found).table) == 2


def test_two_groups_cannot_be_resampled(people):
    found = m.intraclass("y", people, groups="yes", draws=50)
    assert found[["resampled_low", "resampled_high"]].isna().all(axis=None)
    assert found["conf_low"].notna().all()


def test_a_heywood_case_of_the_single_factor_is_told(people, design):
    low = people.assign(q=people["x"], y=people["x"] * 0.1 + people["y"])[["x", "y", "q"]]
    assert "of x at its bound" in m.single_factor(low, design=design)["state"][1]


def test_the_units_of_an_item_do_not_make_errors_look_untrustworthy(people, design):
    rng = np.random.default_rng(1)
    items = pd.DataFrame({name: people["x"] + rng.normal(size=160) for name in "abcd"})
    plain, large = (
        m.fit_paths(t, "F =~ a + b + c + d", design=design) for t in (items, items.assign(b=items["b"] * 1e8))
    )
    assert plain.states == large.states == ()


def test_adjusted_p_values_are_those_of_the_pooled_ones(people, design):
    rng = np.random.default_rng(1)
    sets = [people.assign(y=people["y"] + rng.normal(size=160)) for _ in range(4)]
    found = m.with_imputations(sets, lambda t, d: m.correlations(["x", "y", "z"], t, design=d), design=design).table
    assert found["p_holm"].tolist() == m.holm(found["p_value"].to_numpy()).tolist()


def test_pooling_tells_a_missing_estimate():
    found = m.rubin(np.array([[1.0, 1.0], [np.nan, 2.0]]), np.ones((2, 2)))
    assert np.isnan(found.std_error).tolist() == [True, False]


@pytest.mark.parametrize("family", ["linear", "logistic", "probit"])
def test_errors_do_not_depend_on_where_a_predictor_is_0(people, design, family):
    outcome = "y" if family == "linear" else "yes"
    near, far = (
        m.fit_regression(people.assign(q=people["x"] + shift), f"{outcome} ~ q + z", design=design, family=family)
        for shift in (0, 5e6)
    )
    np.testing.assert_allclose(far.terms["std_error"][1:], near.terms["std_error"][1:], rtol=1e-7)
    corrected = m.fit_regression(people.assign(q=people["x"] + 5e6), "y ~ q + z", design=design, small_sample="CR2")
    expected = m.fit_regression(people.assign(q=people["x"]), "y ~ q + z", design=design, small_sample="CR2")
    np.testing.assert_allclose(corrected.terms["std_error"][1:], expected.terms["std_error"][1:], rtol=1e-6)


ALONE = {
    "a category": ("C(q)", lambda t: np.where(t["cluster"] == 1, "c", np.where(t["z"] > 0, "a", "b")), ("C(q)[T.c]",)),
    "the one compared with": (
        "C(q)",
        lambda t: np.where(t["cluster"] == 1, "a", np.where(t["z"] > 0, "c", "b")),
        ("Intercept", "C(q)[T.b]", "C(q)[T.c]"),
    ),
    "one row": ("q", lambda t: np.arange(160) == 5, ("q",)),
    "two clusters": ("q", lambda t: t["cluster"] < 2, ()),
    "a product": ("q * z", lambda t: t["cluster"] == 1, ("q", "q:z")),
}


@pytest.mark.parametrize(("terms", "made", "alone"), ALONE.values(), ids=ALONE)
@pytest.mark.parametrize("options", [{}, {"small_sample": "CR2"}], ids=["plain", "CR2"])
def test_a_term_that_rests_on_one_cluster_has_no_error(people, design, terms, made, alone, options):
    table = people.assign(q=made(people) * 1 if terms != "C(q)" else made(people))
    fit = m.fit_regression(table, f"y ~ x + {terms}", design=design, **options)
    none = fit.terms["std_error"].isna()
    assert tuple(fit.terms.loc[none, "term"]) == fit.extra["in_one_cluster"] == alone
    assert fit.terms.loc[none, ["conf_low", "conf_high", "p_value"]].isna().all(axis=None)
    assert np.isfinite(fit.summary["wald_p"])


def test_only_the_product_that_rests_on_one_cluster_is_refused_to_a_test():
    slopes = Fit("", "ordinal", pd.DataFrame(), {}, np.eye(0), {"in_one_cluster": ("pay:load:2|3", "age:sex")})
    refused = {name: bool(one_cluster_faults(slopes, [name])) for name in ("pay", "pay:load", "age", "age:sex")}
    assert refused == {"pay": False, "pay:load": True, "age": False, "age:sex": True}


def test_joint_tests_say_that_a_term_rests_on_one_cluster(people, design):
    table = people.assign(q=(people["cluster"] == 1) * 1.0)
    curve = m.specification_curve(table, outcomes=["y"], terms=["x", "q"], controls=["z"], design=design, draws=99)
    told = curve.specifications.groupby("term")["not_fitted"].agg(lambda said: "; ".join(dict.fromkeys(said)))
    assert told.to_dict() == {"x": "", "q": "term q rests on a single cluster"}
    fits = [m.fit_regression(table, f"y ~ {term}", design=design) for term in ("q", "x")]
    with pytest.raises(DesignError, match="term q without an error"):
        m.romano_wolf(fits, ["q", "x"], draws=99)


def test_an_ordinal_term_that_rests_on_one_cluster_has_no_error(people, design):
    table = people.assign(q=(people["cluster"] == 1) * 1.0)
    fit = m.fit_ordinal(table, "rating ~ x + q", design=design)
    none = fit.terms["std_error"].isna()
    assert tuple(fit.terms.loc[none, "term"]) == fit.extra["in_one_cluster"] == ("q",)


def test_draws_without_variance_do_not_count_as_solved(people, design):
    few = people.assign(q=people["cluster"].isin([2, 9]) * 1.0)
    with pytest.raises(DesignError, match="draws without a solution"):
        m.path_bootstrap(m.fit_paths(few, "y ~ q", design=design), draws=200)


def test_an_interval_of_a_quantile_beyond_the_data_has_no_end_there(people, design):
    found = m.quantile("y", people, design=design, p=[0.001, 0.5, 0.999], interval="score").table
    assert found["conf_low"].isna().tolist() == [True, False, False]
    assert found["conf_high"].isna().tolist() == [False, False, True]
    assert found["std_error"].isna().tolist() == [True, False, True]


@pytest.fixture(scope="module")
def village(people):
    """A trait that one cluster alone has."""
    return people.assign(q=(people["cluster"] == 1) * 1.0, g=np.where(people["cluster"] == 1, "c", people["place"]))


def test_effects_of_a_term_that_rests_on_one_cluster_have_no_error(village, design):
    fit = m.fit_regression(village, "yes ~ x + q", design=design, family="logistic")
    told = m.marginal_effects(fit, village).table.set_index("variable")["std_error"].notna()
    assert told.to_dict() == {"x": True, "q": False}
    slopes = m.simple_slopes(m.fit_regression(village, "y ~ x * q", design=design), "x", "q", table=village)
    assert slopes["std_error"].notna().tolist() == [True, False]


TESTS = {
    "likelihood ratio": lambda t, d: m.likelihood_ratio_test(
        *(m.fit_regression(t, f, design=d, family="logistic") for f in ("yes ~ x + q", "yes ~ x"))
    ),
    "proportional odds": lambda t, d: m.proportional_odds_test(m.fit_ordinal(t, "rating ~ x + q", design=d)),
    "johnson_neyman": lambda t, d: m.johnson_neyman(m.fit_regression(t, "y ~ x * q", design=d), "x", "q", table=t),
    "mediation": lambda t, d: m.mediate(t, outcome="y ~ q + x", mediators="x ~ q", treatment="q", design=d),
}


@pytest.mark.parametrize("call", TESTS.values(), ids=TESTS)
def test_no_test_is_made_of_a_single_cluster(village, design, call):
    with pytest.raises(DesignError, match="rests on a single cluster"):
        call(village, design)
