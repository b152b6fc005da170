"""Predictions and marginal effects are those of R's survey, written out by hand (tests/reference/margins.R)."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "margins.json").read_text())
FORMULAS = {"linear": "y ~ x + z", "logistic": "b ~ x + z", "poisson": "visits ~ x + z"}


@pytest.fixture(scope="module")
def people():
    table = pd.read_csv(REFERENCE / "modelling.csv").dropna().reset_index(drop=True)
    return table.assign(z=pd.Categorical(table["z"], ["low", "middle", "high"]))


@pytest.fixture(scope="module")
def design(people):
    return m.make_design(people, weight="weight", strata="stratum", clusters="cluster")


@pytest.fixture(scope="module")
def interaction(people, design):
    return m.fit_regression(people, "b ~ x * z", design=design, family="logistic", name="both")


def same(found, wanted, tolerance=3e-8):
    np.testing.assert_allclose(np.asarray(found, dtype=float), wanted, rtol=tolerance, atol=1e-12)


@pytest.mark.parametrize("kind", list(FORMULAS))
def test_predictions_are_those_of_r(people, design, kind):
    fit = m.fit_regression(people, FORMULAS[kind], design=design, family=kind)
    grid = pd.DataFrame([{"x": x, "z": z} for z in ("low", "middle", "high") for x in (5.0, 10.0, 16.0)])
    found = m.predictions(fit, grid)
    for column, wanted in R["predictions"][kind].items():
        same(found[column], wanted)


@pytest.mark.parametrize("covariates", ["sampled", "fixed"])
def test_marginal_effects_of_an_interaction_are_those_of_r(people, interaction, covariates):
    found = m.marginal_effects(interaction, people, covariates=covariates).table
    assert found["contrast"].tolist() == ["d/dx", "middle - low", "high - low"]
    assert found["df"].unique().tolist() == [R["margins"]["df"]]
    wanted = R["margins"]["all"].values()
    same(found["estimate"], [effect["estimate"] for effect in wanted])
    same(found["std_error"], [effect[covariates] for effect in wanted])


def test_marginal_effects_by_group_are_averages_within_it(people, interaction):
    found = m.marginal_effects(interaction, people, variables="x", by="stratum")
    table = found.table.set_index("stratum")
    for stratum in ("north", "south"):
        wanted = R["margins"][stratum]["x"]
        same(table.loc[stratum, ["estimate", "std_error"]], [wanted["estimate"], wanted["sampled"]])
    assert table["n"].sum() == len(people)
    difference = m.contrast(found, {"north - east": [-1, 1, 0, 0]}).table
    same(difference["estimate"], table.loc["north", "estimate"] - table.loc["east", "estimate"])


def test_a_group_is_a_domain(people, interaction):
    alone = m.marginal_effects(interaction, people, variables="x", where=(people["stratum"] == "north").to_numpy())
    wanted = R["margins"]["north"]["x"]
    same(alone.table[["estimate", "std_error"]].iloc[0], [wanted["estimate"], wanted["sampled"]])


def test_marginal_effects_from_replicate_weights(people, design):
    jackknife = m.jackknife(design)
    fit = m.fit_regression(people, "b ~ x * z", design=jackknife, family="logistic")
    found = m.marginal_effects(fit, people).table
    same(found["estimate"], R["margins"]["jackknife"]["estimate"])
    same(found["std_error"], R["margins"]["jackknife"]["std_error"], 1e-7)


def test_a_linear_effect_is_its_coefficient(people, design):
    fit = m.fit_regression(people, "y ~ x + z", design=design)
    found = m.marginal_effects(fit, people).table
    same(found[["estimate", "std_error"]], fit.terms[["estimate", "std_error"]].iloc[1:], 1e-9)


def test_an_indicator_moves_by_the_difference_it_makes(people, design):
    fit = m.fit_regression(people, "visits ~ b + x", design=design, family="poisson")
    found = m.marginal_effects(fit, people, variables="b").table.iloc[0]
    both = [m.predictions(fit, people.assign(b=value))["estimate"] for value in (1, 0)]
    assert found["contrast"] == "1 - 0"
    same(found["estimate"], np.average(both[0] - both[1], weights=people["weight"]))


def test_powers_logarithms_splines_and_offsets_move_with_their_variable(people, design):
    table = people.assign(log_hours=np.log(people["hours"]))
    fit = m.fit_regression(
        table, "visits ~ x + I(x ** 2) + np.log(hours)", design=design, family="poisson", offset="log_hours"
    )
    b = fit.terms.set_index("term")["estimate"]
    mu = fit.extra["fitted"]
    wanted = np.average(mu * (b["x"] + 2 * b["I(x ** 2)"] * table["x"]), weights=table["weight"])
    found = m.marginal_effects(fit, table).table.set_index("variable")["estimate"]
    same(found["x"], wanted, 1e-8)
    same(found["hours"], np.average(mu * b["np.log(hours)"] / table["hours"], weights=table["weight"]), 1e-8)
    spline = m.fit_regression(people, "y ~ bs(x, df=4)", design=design)
    assert np.isfinite(m.marginal_effects(spline, people).table["std_error"]).all()


def test_numbers_coded_as_categories_are_differences(people, design):
    levels = people.assign(level=(people["hours"] // 20).astype(int) + 1)
    fit = m.fit_regression(levels, "y ~ C(level)", design=design)
    assert m.marginal_effects(fit, levels).table["contrast"].tolist() == ["2 - 1", "3 - 1"]


def test_ordinal_effects_add_up_to_nothing_over_categories(people, design):
    ordered = people.assign(item1=pd.Categorical(people["item1"], ordered=True))
    fit = m.fit_ordinal(ordered, "item1 ~ x + z", design=design)
    found = m.marginal_effects(fit, ordered).table
    sums = found.groupby(["variable", "contrast"])["estimate"].sum()
    np.testing.assert_allclose(sums, 0, atol=1e-10)
    assert found["category"].tolist()[:5] == [str(level) for level in fit.extra["levels"]]
    shares = m.predictions(fit, ordered.head(3))
    np.testing.assert_allclose(shares["estimate"].to_numpy().reshape(3, -1).sum(axis=1), 1)
    assert (shares["conf_low"] > 0).all()
    assert (shares["conf_high"] < 1).all()


def test_derivatives_without_a_closed_form_are_the_same(people, interaction):
    extra = {key: value for key, value in interaction.extra.items() if key != "family"}
    plain = m.Fit("both", "other", interaction.terms, interaction.summary, interaction.covariance, extra)
    for covariates in ("sampled", "fixed"):
        one, other = (m.marginal_effects(fit, people, covariates=covariates).table for fit in (plain, interaction))
        same(one[["estimate", "std_error"]], other[["estimate", "std_error"]], 1e-6)
    same(m.predictions(plain, people.head())["std_error"], m.predictions(interaction, people.head())["std_error"], 1e-6)


def test_rows_without_a_variable_are_left_out(people, design):
    gaps = people.assign(x=people["x"].mask(people.index < 9))
    fit = m.fit_regression(gaps, "b ~ x", design=design, family="logistic")
    found = m.marginal_effects(fit, gaps).table
    assert found["n"].tolist() == [len(people) - 9]
    assert m.predictions(fit, gaps.head(10))["estimate"].isna().tolist() == [True] * 9 + [False]


def test_fixed_covariates_of_another_table(people, design):
    fit = m.fit_regression(people, "b ~ x", design=design, family="logistic")
    grid = pd.DataFrame({"x": [5.0, 10.0, np.nan]})
    found = m.marginal_effects(fit, grid, covariates="fixed").table.iloc[0]
    p = m.predictions(fit, grid)["estimate"].to_numpy()[:2]
    same(found["estimate"], fit.terms["estimate"][1] * np.mean(p * (1 - p)), 1e-8)
    assert found["n"] == 2


def test_effects_corrected_for_few_clusters_take_the_corrected_errors(people, design):
    fit = m.fit_regression(people, "y ~ x + z", design=design, small_sample="CR2")
    for covariates in ("fixed", "sampled"):
        found = m.marginal_effects(fit, people, covariates=covariates).table
        same(found["std_error"], fit.terms["std_error"].iloc[1:], 1e-9)
        assert found["df"].iloc[0] == fit.terms["df"].min()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"variables": "xx"}, "no variable 'xx' in the formula; allowed: x, z; perhaps x"),
        ({"by": "strata"}, "unknown variable 'strata'.*perhaps stratum"),
        ({"where": np.zeros(206, dtype=bool)}, "nobody to average over"),
        ({"covariates": "random"}, "covariates 'random'; allowed: sampled, fixed"),
    ],
)
def test_effects_that_cannot_be_had_are_refused_by_name(people, interaction, options, message):
    if "where" in options:
        options = {"where": options["where"][: len(people)]}
    with pytest.raises(DesignError, match=f"model both: found {message}"):
        m.marginal_effects(interaction, people, **options)


def test_other_refusals(people, design, interaction):
    with pytest.raises(DesignError, match="a table of 3 rows, and a design of"):
        m.marginal_effects(interaction, people.head(3))
    with pytest.raises(DesignError, match=r"outside of the nominated levels.*highest"):
        m.predictions(interaction, pd.DataFrame({"x": [1.0], "z": ["highest"]}))
    with pytest.raises(DesignError, match="no predictions of kind paths"):
        m.predictions(m.Fit("one", "paths", interaction.terms, {}, interaction.covariance), people)


def test_a_group_that_a_replicate_has_nobody_of_is_refused(people, design):
    one = (people["cluster"] == people["cluster"][0]).map({True: "one", False: "others"})
    fit = m.fit_regression(people, "b ~ x", design=m.jackknife(design), family="logistic")
    with pytest.raises(DesignError, match="1 of 28 replicates without anybody in a group"):
        m.marginal_effects(fit, people.assign(one=one), by="one")


@pytest.fixture(scope="module")
def mixed():
    table = pd.read_csv(REFERENCE / "mixed.csv").dropna(subset=["org", "x"])
    return table, m.fit_mixed(table, "y ~ x * z + w", groups="org", name="H1")


def test_effects_of_a_model_with_group_effects_have_the_errors_it_says(mixed):
    table, fit = mixed
    terms = fit.terms.set_index("term")
    found = m.marginal_effects(fit, table, variables=["w", "z"]).table.set_index("variable")
    same(found.loc["w", ["estimate", "std_error", "df"]], terms.loc["w", ["estimate", "std_error", "df"]], 1e-8)
    at = [fit.terms["term"].tolist().index(name) for name in ("z", "x:z")]
    part = np.array([1.0, table["x"].mean()])
    same(found.loc["z", "std_error"], np.sqrt(part @ fit.covariance[np.ix_(at, at)] @ part), 1e-8)
    assert found.loc["z", "df"] == fit.terms["df"].iloc[at].min()


@pytest.mark.parametrize("family", ["logistic", "ordinal"])
def test_effects_averaged_over_groups_take_the_rows_as_they_are(mixed, family):
    table, outcome = mixed[0], {"logistic": "b", "ordinal": "o"}[family]
    fit = m.fit_mixed(table, f"{outcome} ~ x", groups="org", family=family, nodes=5)
    beta, step = fit.terms["estimate"].to_numpy(), 1e-4
    slopes = [
        np.reshape([fit.extra["predict"](beta + sign * move, table.assign(x=table["x"] + place * 1e-3)).mean(axis=0)
                    for sign in (1, -1) for place in (1, -1)], (2, 2, -1))
        for move in np.eye(len(beta)) * step
    ]  # fmt: skip
    gradient = np.array([(own[0, 0] - own[0, 1] - own[1, 0] + own[1, 1]) for own in slopes]) / (4e-3 * step)
    found = m.marginal_effects(fit, table).table
    same(found["std_error"], np.sqrt(np.einsum("pk,pq,qk->k", gradient, fit.covariance, gradient)), 1e-3)


def test_sampled_covariates_are_not_for_models_with_group_effects(mixed):
    table, fit = mixed
    with pytest.raises(DesignError, match="model H1: found sampled covariates of a model with group effects"):
        m.marginal_effects(fit, table, covariates="sampled")
    pd.testing.assert_frame_equal(
        m.marginal_effects(fit, table).table, m.marginal_effects(fit, table, covariates="fixed").table
    )


def test_cuts_that_cross_outside_the_data_are_refused_by_name():
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"x": rng.normal(size=400)})
    table["y"] = np.digitize(table["x"] + np.exp(table["x"] / 3) * rng.normal(size=400), [-0.5, 0.7])
    fit = m.fit_ordinal(table, "y ~ x", design=m.make_design(weight=np.ones(400)), nonproportional="x", name="H2")
    assert (m.predictions(fit, table)["estimate"] > 0).all()
    far = pd.DataFrame({"x": [0.0, -15.0, 15.0]}, index=["a", "b", "c"])
    message = r"model H2: found cuts that cross in 1 of 3 rows \(first: [bc]; slopes by cut: x\)"
    with pytest.raises(DesignError, match=message):
        m.predictions(fit, far)
