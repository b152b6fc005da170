"""Errors and degrees of freedom in few clusters are those of R's clubSandwich (tests/reference/margins.R)."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError
from kzsurvey.survey.record import Model

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "margins.json").read_text())["few"]
CASES = {"linear": ("y ~ x + z", "weight", "linear"), "logistic": ("b ~ x + z", None, "logistic")}
CASES["weighted"] = ("b ~ x + z", "weight", "logistic")


@pytest.fixture(scope="module")
def people():
    table = pd.read_csv(REFERENCE / "modelling.csv").dropna().reset_index(drop=True)
    return table.assign(z=pd.Categorical(table["z"], ["low", "middle", "high"]))


@pytest.mark.parametrize("correction", list(R))
@pytest.mark.parametrize("case", list(CASES))
def test_corrections_are_those_of_r(people, correction, case):
    formula, weight, family = CASES[case]
    design = m.make_design(people, weight=weight, clusters="cluster")
    fit = m.fit_regression(people, formula, design=design, family=family, small_sample=correction)
    for column in ("std_error", "df"):
        np.testing.assert_allclose(fit.terms[column], R[correction][case][column], rtol=1e-7)


def power(matrix, exponent):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.where(values > 1e-10, np.maximum(values, 1e-10) ** exponent, 0)) @ vectors.T


def test_the_correction_of_a_cluster_with_an_effect_of_its_own_is_that_written_out_in_full(people):
    own = (people["cluster"] == people["cluster"][0]).to_numpy() * 1.0
    design = m.make_design(people, weight="weight", clusters="cluster")
    X, w = np.column_stack([np.ones(len(people)), people["x"], own]), people["weight"].to_numpy()
    found = m.regress(people["y"].to_numpy(), X, design=design, small_sample="CR2")
    bread = np.linalg.inv((X.T * w) @ X)
    left = np.eye(len(X)) - X @ bread @ (X.T * w)
    e, members = left @ people["y"].to_numpy(), [design.stages[0].cluster == code for code in range(28)]
    roots = [power((left @ left.T)[np.ix_(rows, rows)], -0.5) for rows in members]
    scores = np.array([(X[rows].T * w[rows]) @ root @ e[rows] for rows, root in zip(members, roots, strict=True)])
    np.testing.assert_allclose(found.covariance, bread @ scores.T @ scores @ bread, rtol=1e-8)
    pull = [left[rows].T @ root @ (w[rows, None] * X[rows]) @ bread for rows, root in zip(members, roots, strict=True)]
    for term in range(3):
        cross = np.array([part[:, term] for part in pull])
        assert found.term_df[term] == pytest.approx(np.trace(cross @ cross.T) ** 2 / ((cross @ cross.T) ** 2).sum())


def test_a_correction_is_refused_by_name_where_it_does_not_hold(people):
    design = m.make_design(people, weight="weight", clusters="cluster", strata="stratum")
    finite = m.make_design(people, clusters="cluster", strata="stratum", population="villages")
    with pytest.raises(DesignError, match="model few: found small_sample CR2 with a finite population"):
        m.fit_regression(people, "y ~ x", design=finite, small_sample="CR2", name="few")
    with pytest.raises(DesignError, match="with replicate weights"):
        m.fit_regression(people, "y ~ x", design=m.jackknife(design), small_sample="CR2")
    with pytest.raises(DesignError, match="small_sample 'HC3'; allowed: none, CR1, CR1S, CR2, CR3"):
        m.fit_regression(people, "y ~ x", design=design, small_sample="HC3")


def test_whatever_is_computed_from_the_coefficients_has_their_corrected_covariance(people):
    design = m.make_design(people, weight="weight", clusters="cluster", strata="stratum")
    fit = m.fit_regression(people, "b ~ x + z", design=design, family="logistic", small_sample="CR2")
    np.testing.assert_allclose(m.infer(fit.extra["estimator"], design)[1], fit.covariance, rtol=1e-8)


def test_margins_and_strata_are_not_credited_by_a_correction(people):
    design = m.make_design(people, weight="weight", clusters="cluster", strata="stratum")
    calibrated = m.poststratify(people["z"], {"low": 1900, "middle": 1100, "high": 800}, design=design).design
    alone = m.make_design(people, weight=calibrated.weight, clusters="cluster")
    one, other = (m.fit_regression(people, "y ~ x", design=of, small_sample="CR2").terms for of in (calibrated, alone))
    pd.testing.assert_frame_equal(one, other)


def test_a_declared_model_asks_for_a_correction(people):
    model = Model(name="few", kind="linear", formula="y ~ x", options={"small_sample": "CR2"})
    design = m.make_design(people, weight="weight", clusters="cluster")
    found = m.fit(people, model, design=design).terms
    assert found["df"].nunique() == 2


def test_degrees_of_freedom_may_follow_what_the_strata_add(people):
    design = m.make_design(people, weight="weight", clusters="cluster", strata="stratum")
    table = people.assign(rank=pd.qcut(people["y"], 3, labels=False))
    fits = [
        [m.fit_regression(table, "y ~ x + z", design=design, df=df) for df in ("design", "satterthwaite")],
        [m.fit_ordinal(table, "rank ~ x + z", design=design, df=df) for df in ("design", "satterthwaite")],
    ]
    for plain, few in fits:
        np.testing.assert_array_equal(plain.terms["std_error"], few.terms["std_error"])
        assert (few.terms["df"] < plain.terms["df"]).all()
        assert few.summary["wald_p"] > plain.summary["wald_p"]
    linear = fits[0][1]
    scores, bread = linear.extra["estimator"](design.weight)[1:]
    first, moved = design.stages[0], design.weight[:, None] * scores @ bread.T
    total = pd.DataFrame(moved).groupby(first.cluster).sum()
    added = total.groupby(first.stratum).var() * first.drawn[:, None]
    expected = added.sum() ** 2 / (added**2).div(first.drawn - 1, axis=0).sum()
    np.testing.assert_allclose(linear.terms["df"], expected * (24 - 3) / 24)


def test_a_correction_has_degrees_of_freedom_of_its_own(people):
    design = m.make_design(people, weight="weight", clusters="cluster")
    with pytest.raises(DesignError, match="df 'satterthwaite' with small_sample CR2, which has its own"):
        m.fit_regression(people, "y ~ x", design=design, small_sample="CR2", df="satterthwaite")
    with pytest.raises(DesignError, match="model H1: found degrees of freedom by 'kenward'; allowed: design, satt"):
        m.fit_regression(people, "y ~ x", design=design, df="kenward", name="H1")
