"""Effects through mediators: by hand in R, by replicate weights, by draws; and what is refused, by name."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import block_diag
from scipy.special import stdtrit

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError
from kzsurvey.modelling.effects import pathways, refits, worlds
from kzsurvey.survey.record import Model

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "mediation.json").read_text())
SHARED = Path(__file__).parents[2].parent / "shared" / "refs"
LOAD = "m ~ x + c"


@pytest.fixture(scope="module")
def people():
    return pd.read_csv(REFERENCE / "mediation.csv")


def drawn(people, **options):
    return m.make_design(people, weight="weight", strata="stratum", clusters="cluster", **options)


def split(people, outcome="y ~ x + m + c", mediators=LOAD, **options):
    options = {"treatment": "x", "design": drawn(people)} | options
    return m.mediate(people, outcome=outcome, mediators=mediators, **options)


def by_term(fit):
    return fit.terms.set_index("term")


def same(fit, wanted, tolerance, suffix=""):
    terms = by_term(fit)
    for column in ("estimate", "std_error"):
        found = {
            term + suffix: terms.loc[term + suffix, column] for term in wanted["term"] if term + suffix in terms.index
        }
        expected = {term + suffix: value for term, value in zip(wanted["term"], wanted[column], strict=True)}
        assert len(found) >= 3
        assert found == pytest.approx({term: expected[term] for term in found}, rel=tolerance)


@pytest.mark.parametrize("kind", ["linear", "probit", "logistic"])
def test_effects_and_errors_are_those_worked_out_by_hand_in_r(people, kind):
    outcome = "y" if kind == "linear" else "b"
    same(split(people, f"{outcome} ~ x * m + c", kinds={outcome: kind}), R[kind], 1e-7)


def test_a_mediator_of_two_levels_is_summed_over_them(people):
    same(split(people, "b ~ x * f + c", "f ~ x + c", kinds={"b": "logistic", "f": "logistic"}), R["flag"], 1e-7)


def test_several_mediators_have_a_joint_effect_and_each_its_own(people):
    fit = split(people, "b ~ x + m + k + c", ["m ~ x + c", "k ~ x + c"], kinds={"b": "probit"})
    same(fit, R["two"], 1e-7)
    assert {"indirect[m]", "indirect[k]", "a[m]", "b[k]"} <= set(fit.terms["term"])


def test_effects_at_values_of_a_moderator(people):
    fit = split(people, "b ~ x + m * w + c", "m ~ x * w + c", kinds={"b": "probit"}, at={"w": [2, 3, 4]})
    terms = by_term(fit)
    for value in (2, 4):
        same(fit, R[f"moderated_{value}"], 1e-7, suffix=f"[w={value}]")
    low, high = (terms.loc[f"indirect[w={value}]", "estimate"] for value in (2, 4))
    assert terms.loc["index[w]", "estimate"] == pytest.approx((high - low) / 2)


def test_the_index_is_a_product_of_coefficients_where_one_path_is_moderated(people):
    fit = split(people, "y ~ x + m * w + c", "m ~ x + w + c", at={"w": [1, 5]})
    outcome = fit.extra["equations"]["y"]["coefficients"]
    a = fit.extra["equations"]["m"]["coefficients"]["x"]
    assert by_term(fit).loc["index[w]", "estimate"] == pytest.approx(a * outcome["m:w"])


@pytest.mark.parametrize(
    ("case", "outcome", "mediator", "kinds"),
    [
        ("logistic_jackknife", "b ~ x * m + c", LOAD, {"b": "logistic"}),
        ("ordinal_jackknife", "o ~ x + f + c", "f ~ x + c", {"o": "ordinal", "f": "logistic"}),
    ],
)
def test_replicate_weights_give_the_errors_of_r(people, case, outcome, mediator, kinds):
    design = m.jackknife(drawn(people))
    same(split(people, outcome, mediator, kinds=kinds, design=design, interval="replicates"), R[case], 1e-6)


KINDS = ["linear", "logistic", "probit", "ordinal", "ordinal_probit"]


@pytest.fixture(scope="module")
def mixed():
    rng = np.random.default_rng(4)
    table = pd.DataFrame(rng.normal(size=(160, 3)), columns=["x", "c", "w"])
    for name in ("m", "k", "y"):
        table[name] = 0.6 * table["x"] + 0.4 * table.iloc[:, -1] + rng.normal(size=160)
    flags = {f"{name}_flag": (table[name] > 0) * 1.0 for name in ("m", "k", "y")}
    levels = {f"{name}_level": np.digitize(table[name], [-0.7, 0.6]) * 1.0 for name in ("m", "k", "y")}
    return table.assign(**flags, **levels, cluster=np.arange(160) // 4)


def column(name, kind):
    return name + {"linear": "", "l": "_flag", "p": "_flag", "o": "_level"}.get(kind if kind == "linear" else kind[0])


def stack_of(table, first, second, last):
    one, two, outcome = column("m", first), column("k", second), column("y", last)
    fit = m.mediate(
        table,
        outcome=f"{outcome} ~ x * {one} + {two} + {one}:w + w + c",
        mediators=[f"{one} ~ x * w + c", f"{two} ~ x + c"],
        kinds={one: first, two: second, outcome: last},
        treatment="x",
        design=m.make_design(table, clusters="cluster"),
        at={"w": [0, 1]},
    )
    return fit.extra["stack"], fit


@pytest.mark.parametrize("last", KINDS)
@pytest.mark.parametrize(("first", "second"), [("linear", "linear"), ("probit", "ordinal")])
def test_derivatives_are_those_of_differences(mixed, first, second, last):
    stack, fit = stack_of(mixed, first, second, last)
    at, share = fit.extra["parameters"], stack.share
    _, slopes = pathways.row_values(stack, at, share)
    steps = np.eye(len(at)) * 1e-5
    moved = pathways.averages_of_draws(stack, at[:, None] + np.hstack([steps, -steps]), share[:, None])
    numeric = (moved[:, : len(at)] - moved[:, len(at) :]) / 2e-5
    np.testing.assert_allclose(slopes, numeric, atol=2e-8)


@pytest.mark.parametrize("last", ["linear", "logistic", "ordinal"])
def test_scores_tell_how_every_estimate_moves_with_the_weights(mixed, last):
    stack, _ = stack_of(mixed, "linear", "linear", last)
    whole, move = pathways.stacked(stack), np.random.default_rng(2).normal(size=len(mixed)) * 1e-4
    up, down = (whole(stack.design.weight + sign * move).estimate for sign in (1, -1))
    here = whole(stack.design.weight)
    np.testing.assert_allclose((up - down) / 2, here.bread @ (here.scores.T @ move), rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("last", ["linear", "logistic", "probit", "ordinal"])
def test_a_bootstrap_draw_is_the_fit_under_its_weights(mixed, last):
    stack, _ = stack_of(mixed, "linear", "ordinal", last)
    estimate, _ = m.infer(pathways.stacked(stack), stack.design)
    start = len(estimate) - len(stack.terms.names)
    draws = pathways.bootstrap_draws(stack, estimate[:start], None, draws=3, seed=3)
    factors = next(refits.bootstrap_factors(stack.design, 3, rows=len(mixed), seed=3))
    whole = pathways.stacked(stack)
    for draw in range(3):
        weight = stack.design.weight * factors[stack.design.stages[0].cluster, draw]
        refit = whole(np.where(weight > 0, weight, 1e-12)).estimate
        np.testing.assert_allclose(draws[:, draw], refit[stack.equations.size : start], atol=2e-5)


def test_the_curve_read_from_a_table_is_the_curve():
    rng = np.random.default_rng(1)
    mean, variance = rng.normal(0, 3, (500, 4)), rng.uniform(0.1, 4, (1, 4))
    table = worlds._from_table("logit", mean, variance)
    np.testing.assert_allclose(table, worlds.smoothed("logit", mean, variance), atol=1e-7)


@given(mean=st.floats(-8, 8), variance=st.floats(0, 25))
@settings(max_examples=25, deadline=None)
def test_the_logistic_curve_over_a_normal_variable_is_its_integral(mean, variance):
    points = np.linspace(-9, 9, 4001)
    density = np.exp(-(points**2) / 2) / np.sqrt(2 * np.pi)
    integral = np.trapezoid(density / (1 + np.exp(-(mean + np.sqrt(variance) * points))), points)
    assert worlds.smoothed("logit", np.array([[mean]]), np.array([[variance]]))[0, 0] == pytest.approx(
        integral, abs=1e-8
    )


def test_in_linear_models_the_indirect_effect_is_the_product_of_the_paths_and_all_adds_up(people):
    terms = by_term(split(people, "y ~ m + k + x + c", ["m ~ x + c", "k ~ x + c"]))["estimate"]
    assert terms["indirect[m]"] == pytest.approx(terms["a[m]"] * terms["b[m]"])
    assert terms["indirect"] == pytest.approx(terms["indirect[m]"] + terms["indirect[k]"])
    assert terms["total"] == pytest.approx(terms["indirect"] + terms["direct"])
    whole = m.fit_regression(people, "y ~ x + c", design=drawn(people)).terms.set_index("term")["estimate"]
    assert terms["total"] == pytest.approx(whole["x"])


@pytest.mark.parametrize("interval", ["quasi", "bootstrap"])
def test_draws_agree_with_linearisation_and_repeat_themselves(people, interval):
    options = {"outcome": "b ~ x + m + c", "kinds": {"b": "logistic"}}
    fit = split(people, interval=interval, draws=400, seed=5, **options)
    again = split(people, interval=interval, draws=400, seed=5, **options)
    pd.testing.assert_frame_equal(fit.terms, again.terms)
    linear = by_term(split(people, **options))
    np.testing.assert_allclose(by_term(fit)["std_error"], linear["std_error"], rtol=0.25)
    assert fit.extra["draws"].shape == (400, len(fit.terms))
    assert (fit.summary["draws"], fit.summary["seed"], fit.summary["draws_failed"]) == (400, 5, 0)


def test_the_ratio_has_fiellers_interval_and_none_where_the_total_may_be_0(people):
    fit = split(people)
    terms = by_term(fit)
    row = terms.loc["proportion_mediated"]
    names = list(fit.terms["term"])
    top, bottom = names.index("indirect"), names.index("total")
    reach = stdtrit(row["df"], 0.975)
    for end in (row["conf_low"], row["conf_high"]):
        contrast = np.zeros(len(names))
        contrast[top], contrast[bottom] = 1, -end
        gap = abs(contrast @ fit.terms["estimate"]) / np.sqrt(contrast @ fit.covariance @ contrast)
        assert gap == pytest.approx(reach)
    assert row["p_value"] == terms.loc["indirect", "p_value"]
    unclear = split(people.assign(y=np.random.default_rng(1).normal(size=len(people))))
    assert unclear.summary["total_near_0"]
    assert np.isnan(by_term(unclear).loc["proportion_mediated", "conf_low"])


def test_joint_significance_is_the_larger_p_value_of_the_paths(people):
    fit = split(people)
    assert fit.summary["joint_significance_p"] == by_term(fit).loc[["a", "b"], "p_value"].max()


def test_errors_of_the_paths_are_corrected_for_few_clusters(people):
    plain, few = (split(people, small_sample=one) for one in ("none", "CR2"))
    options = {"design": drawn(people), "small_sample": "CR2"}
    load, leave = (m.fit_regression(people, formula, **options).terms for formula in (LOAD, "y ~ x + m + c"))
    rows = pd.concat([load, leave], keys=["a", "b"]).set_index("term", append=True).droplevel(1)
    paths = rows.loc[[("a", "x"), ("b", "m")]]
    np.testing.assert_allclose(by_term(few).loc[["a", "b"], "std_error"], paths["std_error"], rtol=1e-9)
    assert few.summary["df"] == paths["df"].min() < plain.summary["df"]
    slope = plain.terms.set_index("term").loc[["b", "a"], "estimate"].to_numpy()
    at = [list(few.terms["term"]).index(path) for path in "ab"]
    variance = slope @ few.covariance[np.ix_(at, at)] @ slope
    assert by_term(few).loc["indirect", "std_error"] == pytest.approx(np.sqrt(variance))


def test_cr1_of_one_stratum_is_what_linearisation_does_by_itself(people):
    options = {"outcome": "b ~ x * m + c", "kinds": {"b": "logistic"}}
    options["design"] = m.make_design(people, weight="weight", clusters="cluster")
    plain, few = (split(people, small_sample=one, **options) for one in ("none", "CR1"))
    np.testing.assert_allclose(few.covariance, plain.covariance, rtol=1e-9, atol=1e-15)


def test_draws_and_the_delta_method_agree_on_few_clusters(people):
    delta, quasi = (split(people, small_sample="CR2", interval=one, draws=4000) for one in ("delta", "quasi"))
    for term in ("a", "b", "direct"):
        ends = [by_term(fit).loc[term, ["conf_low", "conf_high"]].to_numpy(float) for fit in (delta, quasi)]
        np.testing.assert_allclose(*ends, atol=0.1 * np.ptp(ends[0]))


def test_a_treatment_in_words_and_mediators_in_words_give_the_same(people):
    words = people.assign(
        x=people["x"].map({0: "no", 1: "yes"}), f=people["f"].map({0: "no", 1: "yes"}).astype("category")
    )
    options = {"outcome": "y ~ x + f + c", "mediators": "f ~ x + c", "kinds": {"f": "logistic"}}
    np.testing.assert_allclose(split(words, **options).terms["estimate"], split(people, **options).terms["estimate"])


def test_a_treatment_of_many_values_counts_per_unit_or_between_two_of_them(people):
    unit = split(people, "y ~ w + m + c", "m ~ w + c", treatment="w")
    two = split(people, "y ~ w + m + c", "m ~ w + c", treatment="w", low=1, high=3)
    assert unit.summary["high"] - unit.summary["low"] == 1
    assert by_term(two).loc["indirect", "estimate"] == pytest.approx(2 * by_term(unit).loc["indirect", "estimate"])


def test_category_of_an_ordinal_outcome_gives_effects_on_its_probability(people):
    options = {"outcome": "o ~ x + m + c", "kinds": {"o": "ordinal"}}
    parts = [by_term(split(people, category=str(level), **options)).loc["total", "estimate"] for level in (1, 2, 3, 4)]
    assert sum(parts) == pytest.approx(0, abs=1e-12)
    score = by_term(split(people, **options)).loc["total", "estimate"]
    assert score == pytest.approx(np.dot(parts, [1, 2, 3, 4]))


def test_levels_in_words_count_by_their_number(people):
    words = pd.Categorical.from_codes(people["o"] - 1, ["never", "seldom", "often", "always"], ordered=True)
    options = {"outcome": "o ~ x + m + c", "kinds": {"o": "ordinal"}}
    worded = split(people.assign(o=words), **options)
    np.testing.assert_allclose(worded.terms["estimate"], split(people, **options).terms["estimate"], rtol=1e-7)


def test_a_moderator_in_words_is_set_to_one_of_its_categories(people):
    places = people.assign(place=np.where(people["stratum"] < 3, "town", "village"))
    options = {"outcome": "y ~ x + m * C(place) + c", "mediators": "m ~ x + C(place) + c"}
    terms = by_term(split(places, at={"place": ["town", "village"]}, **options))["estimate"]
    assert terms["index[place]"] == pytest.approx(terms["indirect[place=village]"] - terms["indirect[place=town]"])
    with pytest.raises(DesignError, match="place set to 'vilage'; allowed: town, village; perhaps village"):
        split(places, at={"place": ["vilage"]}, **options)


def test_a_mediator_in_categories_has_no_single_path_b(people):
    fit = split(people.assign(o=people["o"].astype(float)), "y ~ x + C(o) + c", "o ~ x + c", kinds={"o": "ordinal"})
    assert "b" not in set(fit.terms["term"])
    assert np.isnan(fit.summary["joint_significance_p"])


def test_rows_outside_the_domain_keep_their_clusters(people):
    inside = (people["stratum"] != 4).to_numpy()
    fit = split(people, where=inside)
    assert fit.summary["n"] == inside.sum()
    assert fit.extra["estimator"](np.ones(len(people))).scores[~inside].any() == np.False_


def test_both_equations_use_the_rows_that_both_can_use(people):
    holes = people.assign(k=people["k"].where(people.index >= 9))
    fit = split(holes, "y ~ x + m + c + k", "m ~ x + c")
    assert (fit.summary["n"], fit.summary["n_dropped"]) == (len(people) - 9, 9)
    assert {len(part["fit"].extra["rows"].nonzero()[0]) for part in fit.extra["equations"].values()} == {
        len(people) - 9
    }


def test_what_a_sensitivity_analysis_needs_is_there(people):
    extra = split(people).extra
    reduced, mediator = extra["reduced"], extra["equations"]["m"]
    assert set(reduced) == {"residual_sd", "residual_correlation"}
    assert mediator["residual_sd"] > 0
    a = mediator["fit"].terms.set_index("term").loc["x", "estimate"]
    assert mediator["partial_r_squared"]["x"] == pytest.approx(
        1 - _unexplained(people, ["x", "c"]) / _unexplained(people, ["c"])
    )
    assert a == mediator["coefficients"]["x"]


def _unexplained(people, columns):
    root = np.sqrt(people["weight"].to_numpy())
    matrix = np.column_stack([np.ones(len(people)), people[columns]]) * root[:, None]
    return np.linalg.lstsq(matrix, people["m"] * root, rcond=None)[1][0]


def test_a_declared_mediation_is_a_model_like_any_other(people):
    options = {"treatment": "x", "mediators": (LOAD,), "at": {"w": (2, 4)}}
    model = Model(
        name="through", kind="mediation", formula="y ~ x + m * w + c", hypothesis="H4", term="indirect",
        where="${stratum} < 4", options=options,
    )  # fmt: skip
    terms = m.fit(people, model, design=drawn(people)).terms
    assert terms.loc[terms["hypothesis"] == "H4", "term"].tolist() == ["indirect"]
    assert set(terms["kind"]) == {"mediation"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mediators": "m ~ c"}, "treatment x not in the formula of m"),
        ({"outcome": "y ~ m + c"}, "treatment x not in the formula of y"),
        ({"outcome": "y ~ x + c"}, "mediator m not in the formula of y"),
        ({"outcome": "y ~ x + m + k", "mediators": ["m ~ x", "k ~ x + m"]}, "m in the formula of mediator k"),
        ({"mediators": {"load": "m ~ x"}}, "mediator load with formula"),
        ({"mediators": []}, "0 mediators"),
        ({"mediators": 3}, "mediators = 3"),
        ({"kinds": {"m": "cubic"}}, "unknown kind 'cubic' for m"),
        ({"kinds": {"z": "linear"}}, "a kind for 'z'"),
        ({"interval": "delte"}, "perhaps delta"),
        ({"interval": "replicates"}, "without replicate weights"),
        ({"interval": "quasi", "draws": 10}, "10 draws"),
        ({"interval": "quasi", "seed": "x"}, "seed 'x'"),
        ({"level": 2}, "level 2"),
        ({"at": {"z": [1]}}, "no moderator 'z'"),
        ({"at": {"c": []}}, "moderator c without values"),
        ({"at": ["c"]}, "at = ['c']"),
        ({"kinds": "linear"}, "kinds = 'linear'"),
        ({"treatment": 3}, "treatment 3 not in the formula"),
        ({"at": {"c": ["high"]}}, "c set to 'high'"),
        ({"low": 1}, "low without high"),
        ({"low": 1, "high": 1}, "both 1"),
        ({"category": "3"}, "category '3' of a linear outcome"),
        ({"outcome": "y ~ x + np.exp(m / 10) + c"}, "bends in mediator m"),
        ({"outcome": "y ~ x + m * k", "mediators": ["m ~ x", "k ~ x"]}, "product of the mediators m and k"),
        ({"mediators": "np.abs(m) ~ x"}, "mediator np.abs(m)"),
        ({"kinds": {"y": "logistic"}}, "values other than 0 and 1"),
        ({"where": np.zeros(1, dtype=bool)}, "nobody in its domain"),
    ],
)
def test_bad_input_is_named(people, changes, said):
    if "where" in changes:
        changes = {"where": np.zeros(len(people), dtype=bool)}
    with pytest.raises(DesignError) as error:
        split(people, **changes)
    assert said in str(error.value)


def test_corrections_for_few_clusters_that_do_not_exist_are_refused(people):
    for changes, said in [
        ({"small_sample": "HC9"}, "small_sample 'HC9'"),
        ({"small_sample": "CR2", "interval": "bootstrap"}, "interval bootstrap with small_sample CR2"),
        ({"small_sample": "CR2", "design": m.jackknife(drawn(people))}, "CR2 with replicate weights"),
        ({"small_sample": "CR2", "kinds": {"m": "ordinal"}}, "small_sample CR2 of m, which is ordinal"),
    ]:
        with pytest.raises(DesignError, match=said):
            split(people, **changes)


def test_a_treatment_that_cannot_be_compared_is_named(people):
    with pytest.raises(DesignError, match="treatment x is constant"):
        split(people.assign(x=1))
    with pytest.raises(DesignError, match="treatment x with 3 categories; allowed: low and high, of a, b, c"):
        split(people.assign(x=np.resize(["a", "b", "c"], len(people))))
    chosen = split(people.assign(x=np.resize(["a", "b", "c"], len(people))), low="a", high="c")
    assert (chosen.summary["low"], chosen.summary["high"]) == ("a", "c")
    with pytest.raises(DesignError, match="unknown category '7'"):
        split(people, "o ~ x + m", kinds={"o": "ordinal"}, category="7")


def test_draws_without_an_outcome_level_are_counted_and_refused_above_a_share(people):
    first = people.groupby("cluster").cumcount() < 2
    rare = people.assign(x=people.index % 2, b=(first & people["cluster"].isin([101, 102])) * 1)
    with pytest.raises(DesignError, match="draws without a solution; allowed: at most 5%"):
        split(rare, "b ~ x + m", "m ~ x", kinds={"b": "logistic"}, interval="bootstrap", draws=200)


def test_designs_that_a_bootstrap_of_clusters_does_not_suit_are_refused(people):
    calibrated = m.poststratify(people["stratum"], {1: 90.0, 2: 90.0, 3: 90.0, 4: 90.0}, design=drawn(people)).design
    alone = people.assign(stratum=people["stratum"].where(people["cluster"] != 101, 9))
    for design, said in ((calibrated, "calibrated weights"), (m.jackknife(drawn(people)), "replicate weights")):
        with pytest.raises(DesignError, match=said):
            split(people, design=design, interval="bootstrap")
    with pytest.raises(DesignError, match="1 strata with a single cluster"):
        split(alone, design=drawn(alone), interval="bootstrap")


def test_a_finite_population_makes_the_bootstrap_narrower(people):
    sized = people.assign(size=7 * 1.25)
    few = drawn(sized, population="size")
    wide, narrow = (split(sized, design=one, interval="bootstrap", draws=300) for one in (drawn(people), few))
    ratio = by_term(narrow).loc["indirect", "std_error"] / by_term(wide).loc["indirect", "std_error"]
    assert ratio == pytest.approx(np.sqrt(0.2), abs=0.08)


def shared(case, file="models.json"):
    if not (SHARED / file).exists():
        pytest.skip("no reference values in shared/refs")
    return json.loads((SHARED / file).read_text())["cases"][case]["result"]


def jobs(**options):
    table = pd.read_csv(SHARED / "data" / "mediation_jobs_cl.csv")
    clusters = table["cl"] if options.pop("clustered", False) else None
    covariates = "econ_hard + sex + age"
    mediator = options.pop("mediator", "job_seek")
    design = m.make_design(weight=np.ones(len(table)), clusters=clusters)
    return m.mediate(
        table, outcome=f"depress2 ~ treat + {mediator} + {covariates}", mediators=f"{mediator} ~ treat + {covariates}",
        treatment="treat", design=design, **options,
    )  # fmt: skip


def framing(**options):
    table, covariates = pd.read_csv(SHARED / "data" / "mediation_framing.csv"), "age + C(educ) + gender + income"
    return m.mediate(
        table, outcome=f"cong_mesg ~ emo + treat + {covariates}",
        mediators=f"emo ~ treat + {covariates}",
        treatment="treat", kinds={"cong_mesg": "probit"}, design=m.make_design(weight=np.ones(len(table))), **options,
    )  # fmt: skip


TERMS = {
    "d0": "indirect_control", "d1": "indirect_treated", "z0": "direct_control", "z1": "direct_treated", "tau": "total",
}  # fmt: skip


@pytest.mark.shared
def test_closed_forms_of_the_shared_cases():
    wanted = shared("jobs.analytic")
    fit = jobs()
    terms = by_term(fit)["estimate"]
    found = {"a": terms["a"], "b": terms["b"], "acme": terms["indirect"], "ade": terms["direct"]}
    assert found == pytest.approx({name: wanted[name] for name in found}, rel=1e-6)
    gradient, classical = fit.extra["gradient"], _classical(fit)
    assert np.sqrt((gradient @ classical @ gradient.T)[0, 0]) == pytest.approx(wanted["sobel_se"], rel=1e-6)


@pytest.mark.shared
def test_closed_forms_of_a_probit_outcome():
    wanted = shared("framing.analytic", "design_extras.json")
    fit = framing()
    terms = by_term(fit)["estimate"]
    assert {name: terms[term] for name, term in TERMS.items()} == pytest.approx(wanted["est"], rel=1e-6)
    gradient = fit.extra["gradient"][[list(fit.terms["term"]).index(term) for term in TERMS.values()]]
    classical = _classical(fit)
    found = np.sqrt(np.diag(gradient[:, : len(classical)] @ classical @ gradient[:, : len(classical)].T))
    np.testing.assert_allclose(found, wanted["se"], rtol=1e-5)  # R's glm stops early


def _classical(fit):
    """Covariance of a simple random sample with constant variance, as lm and glm have it, residual variance known."""
    blocks = []
    for one in fit.extra["stack"].fitted:
        family = m.FAMILIES[one.side.kind]
        eta = one.matrix @ one.fit.terms["estimate"].to_numpy()
        inner = family.slope(eta) ** 2 / family.variance(family.mean(eta))
        left = len(one.y) - one.matrix.shape[1]
        dispersion = np.sum((one.y - eta) ** 2) / left if one.side.kind == "linear" else 1.0
        blocks.append(dispersion * np.linalg.inv((one.matrix * inner[:, None]).T @ one.matrix))
    return block_diag(*blocks)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("case", "fitted", "sims"),
    [
        ("jobs.qb", lambda **options: jobs(**options), 10000),
        ("jobs.cluster_qb", lambda **options: jobs(clustered=True, **options), 5000),
        ("framing.qb", lambda **options: framing(**options), 10000),
        (
            "jobs.ordered_med",
            lambda **options: jobs(mediator="job_disc", kinds={"job_disc": "ordinal_probit"}, **options),
            2000,
        ),
    ],
)
def test_means_of_draws_are_those_of_r_within_the_noise_of_both(case, fitted, sims):
    wanted = shared(case)
    draws = fitted(interval="quasi", draws=4000, seed=1).extra["draws"]
    for name, term in TERMS.items():
        noise = draws[term].std() * np.sqrt(1 / sims + 1 / 4000)
        assert abs(draws[term].mean() - wanted[name]) < 3 * noise, name


@pytest.mark.shared
def test_jackknife_replicates_of_a_cluster_sample_give_the_covariance_of_r():
    wanted = shared("design_mediation.jk1", "design_extras.json")
    table = pd.read_csv(SHARED / "data" / "survey_apiclus1.csv")
    design = m.jackknife(m.make_design(table, weight="pw", clusters="dnum", population="fpc"))
    fit = m.mediate(
        table, outcome="api00 ~ meals + ell + mobility", mediators="meals ~ ell + mobility", treatment="ell",
        design=design, interval="replicates",
    )  # fmt: skip
    place = [list(fit.terms["term"]).index(term) for term in ("a", "b", "indirect", "direct", "total")]
    np.testing.assert_allclose(fit.terms["estimate"].iloc[place], wanted["est"], rtol=1e-9)
    np.testing.assert_allclose(fit.covariance[np.ix_(place, place)], wanted["vcov"], rtol=1e-8)


def test_draws_do_not_care_for_the_units_of_a_covariate(people):
    tiny = people.assign(c=people["c"] * 1e-12, m=people["m"] * 1e9)
    options = {"kinds": {"b": "logistic"}, "interval": "quasi", "draws": 500, "outcome": "b ~ x + m + c"}
    one, other = (split(table, **options).terms.set_index("term") for table in (people, tiny))
    ends = [terms.loc[["indirect", "direct"], "conf_low"] for terms in (one, other)]
    np.testing.assert_allclose(*ends, atol=0.2 * one.loc["direct", "std_error"])
