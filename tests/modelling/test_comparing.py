"""Models side by side, and tests of nested ones as R's regTermTest has them (tests/reference/margins.R)."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "margins.json").read_text())["likelihood"]
LME4 = json.loads((REFERENCE / "mixed.json").read_text())["ratio"]
OUTCOMES = {"linear": "y", "logistic": "b", "poisson": "visits"}


@pytest.fixture(scope="module")
def people():
    table = pd.read_csv(REFERENCE / "modelling.csv").dropna().reset_index(drop=True)
    return table.assign(z=pd.Categorical(table["z"], ["low", "middle", "high"]))


@pytest.fixture(scope="module")
def design(people):
    return m.make_design(people, weight="weight", strata="stratum", clusters="cluster")


def pair(people, design, kind, smaller="x", larger="x + z", **options):
    formulas = {"small": smaller, "large": larger}
    return [
        m.fit_regression(people, f"{OUTCOMES[kind]} ~ {right}", design=design, family=kind, name=name, **options)
        for name, right in formulas.items()
    ]


@pytest.mark.parametrize("kind", list(OUTCOMES))
def test_likelihood_ratio_tests_are_those_of_r(people, design, kind):
    small, large = pair(people, design, kind)
    found, wanted = m.likelihood_ratio_test(large, small), R[kind]
    np.testing.assert_allclose(found.statistic, wanted["statistic"])
    np.testing.assert_allclose(found.weights, wanted["lambda"], rtol=1e-6)
    np.testing.assert_allclose([found.df, found.df_below, found.p_value], [2, wanted["ddf"], wanted["p"]], rtol=1e-6)


def test_nested_models_are_tested_and_shown_side_by_side(people, design):
    small, large = pair(people, design, "logistic")
    found = m.compare(small, large)
    test = found.tests.iloc[0]
    assert (test["smaller"], test["larger"], test["terms"]) == ("small", "large", "z[T.middle] + z[T.high]")
    np.testing.assert_allclose(test["f"], R["logistic"]["f"], rtol=1e-7)
    probabilities = [R["logistic"]["wald_p"], R["logistic"]["p"]]
    np.testing.assert_allclose(test[["p_value", "lr_p_value"]].astype(float), probabilities, rtol=1e-6)
    assert found.wide.columns.tolist() == ["small", "large"]
    assert found.wide.loc["z[T.high]", "small"] == ""
    assert found.wide.loc["n"].tolist() == [str(len(people))] * 2
    assert "<table" in found._repr_html_()
    values = found.long[found.long["part"].eq("term") & found.long["model"].eq("large")]["estimate"]
    np.testing.assert_array_equal(values, large.terms["estimate"])


def test_order_of_models_does_not_matter_for_tests(people, design):
    small, large = pair(people, design, "linear")
    pd.testing.assert_frame_equal(m.compare(small, large).tests, m.compare(large, small).tests)


def test_models_on_different_rows_have_a_note_in_place_of_a_test(people, design):
    small, _ = pair(people, design, "linear")
    _, large = pair(people.assign(z=people["z"].mask(people.index < 5)), design, "linear")
    test = m.compare(small, large).tests.iloc[0]
    assert np.isnan(test["p_value"])
    assert "different rows" in test["note"]
    with pytest.raises(DesignError, match=r"models large and small: found models on different rows \(\d+ and \d+\)"):
        m.likelihood_ratio_test(large, small)


def test_models_of_other_outcomes_kinds_or_terms_have_no_test(people, design):
    fits = [pair(people, design, "linear")[0], pair(people, design, "logistic")[1]]
    fits.append(pair(people, design, "linear", "z", "hours")[1])
    tests = m.compare(*fits, names=["a", "b", "c"]).tests
    assert tests[["smaller", "larger"]].to_numpy().tolist() == [["a", "c"]]
    assert tests["p_value"].isna().all()
    assert "not nested" in tests["note"][0]
    with pytest.raises(DesignError, match="not nested"):
        m.likelihood_ratio_test(fits[0], fits[2])


def test_models_of_one_name_are_numbered(people, design):
    small, large = pair(people, design, "linear")
    same = m.Fit("small", large.kind, large.terms, large.summary, large.covariance, large.extra)
    assert m.compare(small, same).wide.columns.tolist() == ["small (1)", "small (2)"]
    with pytest.raises(DesignError, match="compare: found 2 models with 1 names"):
        m.compare(small, same, names=["one"])
    with pytest.raises(DesignError, match="0 models"):
        m.compare()


def test_other_weights_are_not_one_design(people, design):
    small, _ = pair(people, m.make_design(people, clusters="cluster"), "linear")
    _, large = pair(people, design, "linear")
    assert "different weights" in m.compare(small, large).tests["note"][0]


def test_models_corrected_for_few_clusters_have_wald_tests_alone(people):
    design = m.make_design(people, weight="weight", clusters="cluster")
    found = m.compare(*pair(people, design, "linear", small_sample="CR2")).tests.iloc[0]
    assert found["p_value"] < 1
    assert np.isnan(found["lr_p_value"])


def test_a_kind_without_a_likelihood_is_refused(people, design):
    small, large = pair(people, design, "linear")
    bare = m.Fit("bare", "linear", large.terms, {}, large.covariance, {"rows": large.extra["rows"], "design": design})
    with pytest.raises(DesignError, match="no likelihood of kind linear"):
        m.likelihood_ratio_test(bare, small)
    with pytest.raises(DesignError, match="rows that kind linear does not tell"):
        m.likelihood_ratio_test(m.Fit("bare", "linear", large.terms, {}, large.covariance), small)


@pytest.fixture(scope="module")
def grouped():
    table = pd.read_csv(REFERENCE / "mixed.csv")

    def fitted(right, slopes=(), **options):
        return m.fit_mixed(table, f"y ~ {right}", groups="org", slopes=slopes, name=f"{right} {slopes}", **options)

    return fitted


def test_mixed_models_by_full_likelihood_are_tested_as_lme4_tests_them(grouped):
    small, large = grouped("x + z", reml=False), grouped("x + z + w + k", reml=False)
    found = m.likelihood_ratio_test(large, small)
    assert (found.df, found.df_below) == (3, np.inf)
    wanted = [LME4["terms"][key] for key in ("statistic", "p_value")]
    np.testing.assert_allclose([found.statistic, found.p_value], wanted, rtol=1e-6)
    test = m.compare(small, large).tests.iloc[0]
    assert (test["lr_p_value"], test["note"]) == (found.p_value, "")


@pytest.mark.parametrize("reml", [True, False])
def test_a_slope_by_group_is_tested_at_the_edge_of_its_variance(grouped, reml):
    small, large = grouped("x + z", reml=reml), grouped("x + z", "x", reml=reml)
    found = m.likelihood_ratio_test(large, small)
    statistic, naive = (LME4["slope_reml" if reml else "slope_ml"][key] for key in ("statistic", "p_value"))
    assert found.df == 2
    np.testing.assert_allclose(found.statistic, statistic, rtol=1e-5)
    np.testing.assert_allclose(found.p_value, (naive + chi2.sf(statistic, 1)) / 2, rtol=1e-4)
    test = m.compare(large, small).tests.iloc[0]
    assert (test["terms"], test["df"], test["lr_p_value"]) == ("x by org", 2, found.p_value)


def test_restricted_likelihoods_of_other_terms_are_not_compared(grouped):
    small, large = grouped("x + z"), grouped("x + z + w")
    with pytest.raises(DesignError, match="restricted likelihoods of other terms; allowed: reml=False"):
        m.likelihood_ratio_test(large, small)
    test = m.compare(small, large).tests.iloc[0]
    assert 0 < test["p_value"] < 1
    assert np.isnan(test["lr_p_value"])
    assert "reml=False" in test["note"]


def test_a_mixed_model_shows_its_groups_and_likelihood(grouped):
    fit = grouped("x + z")
    wide = m.compare(fit, names=["one"]).wide["one"]
    assert [float(wide[name]) for name in ("icc", "sigma", "log_likelihood")] == pytest.approx(
        [fit.summary[name] for name in ("icc", "sigma", "log_likelihood")], abs=5e-4
    )


def test_a_pair_of_one_outcome_without_a_test_has_a_note(people, design):
    one, other = (m.fit_ordinal(people, "item1 ~ x", design=design, nonproportional=free) for free in ((), "x"))
    test = m.compare(one, other, names=["a", "b"]).tests.iloc[0]
    assert (test["smaller"], test["larger"]) == ("a", "b")
    assert "proportional_odds_test" in test["note"]
