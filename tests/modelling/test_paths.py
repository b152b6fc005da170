"""Path models: bad input is refused or reported by name, units do not matter, a survey can declare one."""

from contextlib import suppress

import numpy as np
import pandas as pd
import pytest

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError
from kzsurvey.modelling.paths.estimation import likelihood_sums
from kzsurvey.modelling.paths.normal import normal_slopes, observed_information
from kzsurvey.modelling.paths.solving import complex_slopes
from kzsurvey.modelling.regression.results import TERM_COLUMNS
from kzsurvey.survey.record import Model

CFA = "load =~ hours + forms + visits\nleave =~ plans + looks + goes\n"
ITEMS = ["hours", "forms", "visits", "plans", "looks", "goes"]


@pytest.fixture
def table():
    rng = np.random.default_rng(11)
    village = np.arange(360) % 30
    load = rng.normal(size=360) + 0.4 * rng.normal(size=30)[village]
    leave = 0.5 * load + rng.normal(size=360)
    items = {item: load + rng.normal(size=360) for item in ITEMS[:3]}
    items |= {item: leave + rng.normal(size=360) for item in ITEMS[3:]}
    office = np.where(village % 2, "county", "township")
    return pd.DataFrame(items).assign(village=village, office=office, age=rng.normal(40, 9, 360))


def sampled(table):
    return m.make_design(table, clusters="village")


def fitted(table, syntax=CFA, **options):
    return m.fit_paths(table, syntax, design=options.pop("design", None) or sampled(table), name="H4", **options)


def refusal(table, syntax=CFA, **options):
    with pytest.raises(DesignError) as caught:
        fitted(table, syntax, **options)
    return str(caught.value)


def coded(table, cuts=(-1, 1)):
    return table.assign(**{item: np.digitize(table[item], cuts) + 1 for item in ITEMS})


def test_terms_are_the_tables_of_the_house_and_print(table):
    fit = fitted(table, CFA + "leave ~ b*load\nload ~ a*age\nab := a*b")
    assert list(fit.terms) == TERM_COLUMNS
    assert fit.terms["term"].iloc[-1] == "ab"
    assert fit.covariance.shape == (len(fit.terms),) * 2
    assert fit.terms["df"].eq(29).all()
    assert "chi_square" in str(fit)
    assert "<table" in fit._repr_html_()
    a, b = (fit.terms.set_index("term").loc[term, "estimate"] for term in ("load ~ age", "leave ~ load"))
    assert fit.terms["estimate"].iloc[-1] == pytest.approx(a * b)


def test_units_and_order_of_rows_do_not_matter(table):
    fit = fitted(table, CFA + "leave ~ load + age")
    moved = table.assign(forms=1e4 * table["forms"] + 1e6, age=table["age"] / 1e3).sample(frac=1, random_state=2)
    again = fitted(moved, CFA + "leave ~ load + age")
    one, other = (found.terms.set_index("term") for found in (fit, again))
    for term, unit in (("load =~ forms", 1e4), ("leave ~ age", 1e3), ("forms ~~ forms", 1e8), ("leave ~ load", 1)):
        assert other.loc[term, "estimate"] == pytest.approx(unit * one.loc[term, "estimate"], rel=1e-6)
        assert other.loc[term, "std_error"] == pytest.approx(unit * one.loc[term, "std_error"], rel=1e-5)


def test_whole_weights_are_like_repeated_rows_in_clusters(table):
    weight = np.arange(360) % 3 + 1
    weighted = fitted(table, design=m.make_design(weight=weight, clusters=table["village"]))
    repeated = table.loc[np.repeat(table.index, weight)].reset_index(drop=True)
    for column, near in (("estimate", 1e-7), ("std_error", 1e-6)):
        np.testing.assert_allclose(weighted.terms[column], fitted(repeated).terms[column], rtol=near)


def test_full_information_of_complete_answers_is_the_likelihood(table):
    complete, full = fitted(table, means=True), fitted(table, missing="fiml")
    np.testing.assert_allclose(complete.terms["estimate"], full.terms["estimate"])
    np.testing.assert_allclose(complete.indices["value"], full.indices["value"], equal_nan=True)


@pytest.mark.parametrize("options", [{}, {"groups": "office"}, {"missing": "fiml"}])
def test_the_observed_information_is_the_slope_of_the_slopes(table, options):
    gaps = table.assign(forms=table["forms"].mask(table.index % 5 == 0)) if options.get("missing") else table
    fit = fitted(gaps, CFA + "leave ~ load + age", **options)
    sample, model = fit.solved.sample, fit.solved.fitted.model
    theta, sums = fit.solved.fitted.theta + 0.01, likelihood_sums(sample, sample.design.weight)
    steps = complex_slopes(lambda at: normal_slopes(model, sums, at, valued=False)[1], theta)
    np.testing.assert_allclose(observed_information(model, sums, theta), steps, rtol=1e-9, atol=1e-9)


def test_a_domain_keeps_the_clusters_of_the_design(table):
    part = table["age"].gt(38)
    fit = fitted(table, where=part)
    assert fit.summary["n"] == part.sum()
    alone = fitted(table[part], design=sampled(table[part]))
    np.testing.assert_allclose(fit.terms["estimate"], alone.terms["estimate"], rtol=1e-8)


def test_answers_missing_are_counted_or_used(table):
    gaps = table.assign(
        forms=table["forms"].mask(table.index % 5 == 0), looks=table["looks"].mask(table.index % 7 == 0)
    )
    listwise, full = fitted(gaps), fitted(gaps, missing="fiml")
    assert listwise.summary["n_dropped"] == gaps[ITEMS].isna().any(axis=1).sum()
    assert full.summary["n_dropped"] == 0
    assert full.terms["std_error"].iloc[0] < listwise.terms["std_error"].iloc[0]


@pytest.mark.parametrize(
    ("syntax", "named"),
    [
        ("load =~ hours + forms", "load =~ forms"),
        ("load =~ hours + forms\nleave =~ plans + looks\nload ~~ 0*leave", "leave =~ looks"),
        (CFA + "hours ~~ forms\nhours ~~ visits\nforms ~~ visits", "hours ~~ forms"),
    ],
)
def test_a_model_that_is_not_identified_names_its_parameters(table, syntax, named):
    said = refusal(table, syntax)
    assert "not identified" in said
    assert named in said


def test_a_negative_variance_is_a_state(table):
    rng = np.random.default_rng(3)
    x = rng.normal(size=360)
    improper = table.assign(hours=x, forms=0.95 * x + 0.3 * rng.normal(size=360), visits=0.3 * x + rng.normal(size=360))
    improper = improper.assign(visits=improper["visits"] + 0.9 * (improper["forms"] - 0.95 * x))
    fit = fitted(improper, "load =~ forms + hours + visits")
    assert any("negative variance" in state and "Heywood" in state for state in fit.states)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hours": 3.0}, "column hours: found one answer for all"),
        ({"hours": np.nan}, "column hours: found no answer at all"),
        ({"hours": "many"}, "column hours: found 'many' in 360 rows"),
        ({"hours": np.inf}, "infinite"),
    ],
)
def test_items_that_say_nothing_are_refused_by_name(table, change, said):
    assert said in refusal(table.assign(**change))


def test_a_combination_of_other_items_is_refused_by_name(table):
    said = refusal(table.assign(visits=table["hours"] + table["forms"]))
    assert "not positive definite: hours, forms, visits" in said


def test_no_convergence_is_an_error():
    rng = np.random.default_rng(8)
    noise = pd.DataFrame(rng.normal(size=(12, 4)), columns=list("abcd"))
    with pytest.raises(DesignError, match="no solution after|not identified"):
        m.fit_paths(noise, "f =~ a + b\ng =~ c + d\nf ~~ g", design=m.make_design(weight=np.ones(12)))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"estimator": "MLX"}, "found estimator 'MLX'"),
        ({"groups": "ofice"}, "perhaps office"),
        ({"equal": ["loadings"]}, "without groups"),
        ({"ordered": ["hour"]}, "perhaps hours"),
        ({"missing": "pairwise"}, "missing pairwise with estimator ML"),
        ({"estimator": "ULS", "errors": "model"}, "errors of this estimator are wrong"),
        ({"errors": "model"}, "errors model of a design with clusters"),
        ({"groups": "office", "equal": ["loadings"], "partial": ["load =~ hour"]}, "partial 'load=~hour'"),
    ],
)
def test_options_that_do_not_fit_are_refused(table, options, said):
    assert said in refusal(table, **options)


def test_empty_cells_are_a_state_and_those_of_two_by_two_are_mended(table):
    binary = coded(table, cuts=(0,))
    binary.loc[(binary["hours"] == 1) & (binary["forms"] == 2), "forms"] = 1
    fit = fitted(binary, "load =~ hours + forms + visits + plans", ordered=True)
    assert "hours x forms; 1 tables of two by two got 0.5" in " ".join(fit.states)
    assert "+1.0000" in refusal(binary, "load =~ hours + forms + visits + plans", ordered=True, empty_cells=0.0)


def test_categories_that_a_group_lacks_are_refused_by_name(table):
    few = coded(table)
    few.loc[few["office"].eq("county") & few["looks"].eq(3), "looks"] = 2
    assert "column looks: found nobody chose 3 in group county" in refusal(few, ordered=True, groups="office")
    lonely = table.assign(office=np.where(table.index < 2, "prefecture", table["office"]))
    assert "2 interviews with answers to all in group prefecture" in refusal(lonely, groups="office")


def test_an_ordinal_variable_that_explains_is_refused(table):
    assert "ordinal hours that explains" in refusal(coded(table), "hours ~ forms\nlooks ~ hours", ordered=["hours"])


def test_clusters_change_errors_of_ordinal_models_and_not_estimates(table):
    items = coded(table)
    alone = fitted(items, ordered=True, design=m.make_design(items, weight=np.ones(360)))
    clustered = fitted(items, ordered=True)
    np.testing.assert_allclose(alone.terms["estimate"], clustered.terms["estimate"])
    assert not np.allclose(alone.terms["std_error"], clustered.terms["std_error"], rtol=0.02)
    assert alone.solved.test.scaled != pytest.approx(clustered.solved.test.scaled, rel=0.01)


def test_covariates_of_ordinal_models_are_conditioned_on(table):
    fit = fitted(coded(table), CFA + "load ~ age", ordered=True)
    assert not fit.terms["term"].str.contains("age ~").any()
    assert fit.parameters["role"].ne("covariate").all()


def test_two_factors_that_are_one_are_a_state(table):
    split = "one =~ hours + forms\ntwo =~ visits + plans"
    near = table.assign(plans=table["forms"] + 0.2 * table["plans"])
    fit = fitted(near, split + "\none ~~ two")
    assert any("not positive definite" in state or "negative variance" in state for state in fit.states)


def test_a_bootstrap_agrees_with_the_delta_method_and_counts_what_fails(table):
    fit = fitted(table, CFA + "leave ~ b*load\nload ~ a*age\nab := a*b")
    drawn = m.path_bootstrap(fit, draws=400, seed=4)
    ratio = drawn.table["std_error"] / fit.terms["std_error"]
    assert ratio.between(0.8, 1.25).all()
    assert drawn.failed == 400 - len(drawn.draws)
    pd.testing.assert_frame_equal(drawn.table, m.path_bootstrap(fit, draws=400, seed=4).table)


def test_a_bootstrap_of_a_draw_is_the_fit_of_its_weights(table):
    from kzsurvey.modelling.effects.refits import bootstrap_factors
    from kzsurvey.modelling.paths.bootstrap import _likelihood_refit, _squares_refit

    for options, refit in (({}, _likelihood_refit), ({"ordered": True}, _squares_refit)):
        fit = fitted(coded(table) if options else table, **options)
        factors = next(bootstrap_factors(fit.solved.sample.design, 100, rows=1, seed=7))[:, :3]
        theta, _ = refit(fit.solved)(factors)
        drawn = factors[table["village"].to_numpy(), 0]
        kept = drawn > 0
        again = fitted(
            (coded(table) if options else table)[kept],
            design=m.make_design(weight=drawn[kept], clusters=table.loc[kept, "village"]),
            **options,
        )
        close = 1e-4 if not options else 0.05  # least squares keeps the metric of the sample
        np.testing.assert_allclose(theta[0], again.solved.fitted.theta, rtol=close, atol=close)


def test_a_bootstrap_of_replicate_weights_is_refused(table):
    fit = fitted(table, design=m.jackknife(sampled(table)))
    with pytest.raises(DesignError, match="replicate weights"):
        m.path_bootstrap(fit, draws=100)


def test_modification_indices_find_what_was_left_out(table):
    linked = table.assign(looks=table["looks"] + 0.8 * (table["hours"] - table["forms"]))
    found = m.modification_indices(fitted(linked, CFA))
    assert found["term"].iloc[0] in ("hours ~~ looks", "forms ~~ looks")
    row = found[found["term"] == found["term"].iloc[0]].iloc[0]
    assert row["p_value"] < 1e-3
    free = fitted(linked, CFA + row["term"])
    assert free.terms.set_index("term").loc[row["term"], "estimate"] == pytest.approx(row["epc"], rel=0.35)


def test_constraints_hold_and_cost_degrees_of_freedom(table):
    free = fitted(table, "load =~ hours + a*forms + b*visits\nleave =~ plans + c*looks + goes\nleave ~ load")
    bound = fitted(
        table, "load =~ hours + a*forms + b*visits\nleave =~ plans + c*looks + goes\nleave ~ load\na + b == 2*c"
    )
    estimate = bound.parameters.set_index("label")["estimate"]
    assert estimate["a"] + estimate["b"] == pytest.approx(2 * estimate["c"], abs=1e-8)
    assert bound.solved.test.df == free.solved.test.df + 1
    assert m.compare_paths(bound, free)["df"].item() == 1


def test_models_that_are_not_nested_are_refused(table):
    one, other = fitted(table, "load =~ hours + forms + visits"), fitted(table, CFA)
    with pytest.raises(DesignError, match="other variables"):
        m.compare_paths(one, other)
    with pytest.raises(DesignError, match="the restricted model first"):
        m.compare_paths(other, other)


def test_invariance_of_ordinal_items_has_no_strict_level(table):
    with pytest.raises(DesignError, match="strict"):
        m.invariance(coded(table), CFA, groups="office", design=sampled(table), ordered=True, levels=["strict"])


def test_there_are_no_scores_of_people(table):
    assert not any("score" in name for name in m.__all__ if "path" in name or "factor" in name)
    with pytest.raises(TypeError):
        fitted(table, scores=True)


def test_a_survey_declares_a_path_model_by_its_syntax(table):
    declared = Model(
        name="H4", kind="paths", formula=CFA + "leave ~ b*load\nload ~ a*age\nindirect := a*b", hypothesis="H4",
        term="indirect", where="${age} > 20", options={"information": "expected"},
    )  # fmt: skip
    fit = m.fit(table, declared, design=sampled(table))
    assert fit.terms.loc[fit.terms["hypothesis"] == "H4", "term"].tolist() == ["indirect"]
    assert fit.indices is not None
    with pytest.raises(DesignError, match=r"model H4: found '\)'.*line 2, sign 8 of the formula"):
        m.fit(table, Model(name="H4", kind="paths", formula="a =~ b\nload ~ )"), design=sampled(table))
    with pytest.raises(DesignError, match="unknown option 'ordred'"):
        m.fit(table, Model(name="H4", kind="paths", formula=CFA, options={"ordred": True}), design=sampled(table))


def test_ordered_categories_are_ordinal_unless_they_are_to_be_numbers(table):
    words = coded(table).assign(
        **{
            item: pd.Categorical.from_codes(np.digitize(table[item], (-1, 1)), ["low", "middle", "high"], ordered=True)
            for item in ITEMS
        }
    )
    assert fitted(words).extra["estimator"] == "DWLS"
    numbers = fitted(words, ordered=False)
    np.testing.assert_allclose(numbers.terms["estimate"], fitted(coded(table)).terms["estimate"])
    assert "ordered=False" in refusal(words, estimator="ML")


def test_an_ordinal_covariate_is_taken_as_numbers_and_said_so(table):
    level = pd.Categorical.from_codes(np.arange(360) % 3, ["low", "middle", "high"], ordered=True)
    fit = fitted(table.assign(level=level), CFA + "load ~ level")
    assert "ordinal covariates taken as numbers: level" in fit.states
    numbers = fitted(table.assign(level=np.arange(360) % 3 + 1), CFA + "load ~ level")
    np.testing.assert_allclose(fit.terms["estimate"], numbers.terms["estimate"])


def test_one_name_is_a_list_of_one(table):
    one, other = (fitted(table, groups="office", equal=equal) for equal in ("loadings", ["loadings"]))
    np.testing.assert_allclose(one.terms["estimate"], other.terms["estimate"])
    assert fitted(coded(table), "load =~ hours + forms + visits", ordered="hours").extra["estimator"] == "DWLS"


@pytest.mark.parametrize("seed", range(12))
def test_models_written_at_random_are_fitted_or_refused(table, seed):
    rng = np.random.default_rng(seed)
    lines = {
        f"{latent} =~ {' + '.join(rng.permutation(ITEMS)[: rng.integers(1, 5)])}"
        for latent in ("f", "g")[: rng.integers(0, 3)]
    }
    for _ in range(rng.integers(1, 4)):
        one, other = rng.permutation(["f", *ITEMS] if lines else ITEMS)[:2]
        lines.add(f"{one} {rng.choice(['~', '~~'])} {rng.choice(['', 'a*', '0.3*', 'NA*'])}{other}")
    with suppress(DesignError):  # any other error is one of ours
        fit = fitted(table, "\n".join(sorted(lines, reverse=True)))
        assert np.isfinite(fit.terms["estimate"]).all()
        m.standardised(fit)
        m.modification_indices(fit)
