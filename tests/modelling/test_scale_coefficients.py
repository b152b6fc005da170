"""Scale coefficients, factors and adequacy equal those of psych, refuse what they cannot tell, and know clusters."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kzsurvey.errors import DesignError
from kzsurvey.modelling import (
    coefficients,
    factor_analysis,
    make_design,
    parallel_analysis,
    reliability,
    sampling_adequacy,
    single_factor,
)
from kzsurvey.modelling.scales.moments import item_moments

REFERENCE = Path(__file__).parents[1] / "reference"
ITEMS = [f"q{k}" for k in range(1, 10)]


@pytest.fixture(scope="module")
def answers():
    return pd.read_csv(REFERENCE / "scales.csv")


@pytest.fixture(scope="module")
def in_r():
    return json.loads((REFERENCE / "scales.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("kind", "tolerance"),
    [("alpha", 1e-12), ("omega", 1e-8), ("omega_total", 1e-7), ("omega_hierarchical", 1e-6), ("ordinal_alpha", 1e-5)],
)
def test_coefficients_are_those_of_psych(answers, in_r, kind, tolerance):
    found = coefficients(ITEMS, answers, kinds=[kind]).iloc[0]
    assert found["estimate"] == pytest.approx(in_r[kind], rel=tolerance)
    assert found[["n", "n_dropped"]].tolist() == [395, 5]


def test_pairwise_coefficients_are_those_of_psych(answers, in_r):
    found = coefficients(ITEMS, answers, kinds=list(in_r["pairwise"]), missing="pairwise")
    assert found["estimate"].tolist() == pytest.approx(list(in_r["pairwise"].values()), rel=1e-12)


def test_alpha_has_the_error_of_the_reliability_that_is_computed_another_way(answers):
    village = np.arange(len(answers)) // 8
    design = make_design(answers, clusters=village, weight=1 + (village % 3))
    one = coefficients(ITEMS, answers, design=design, kinds=["alpha"]).iloc[0]
    other = reliability(ITEMS, answers, design=design).scale.iloc[0]
    assert one["estimate"] == pytest.approx(other["alpha"], rel=1e-12)
    assert one[["std_error", "conf_low", "conf_high"]].tolist() == pytest.approx(
        other[["std_error", "conf_low", "conf_high"]].tolist(), rel=1e-5
    )


def test_the_square_of_a_covariance_has_its_variance_as_bias_and_the_slope_of_a_square(answers):
    moments = item_moments(ITEMS[:3], answers)
    found = moments.spread(lambda square: np.array([square[0, 1] ** 2]))
    value, variance = moments.square[0, 1], moments.error[1, 1]
    assert found.bias[0] == pytest.approx(variance, rel=1e-9)
    assert found.covariance[0, 0] == pytest.approx(4 * value**2 * variance, rel=1e-9)


def test_intervals_of_what_noise_makes_too_low_lie_higher(answers):
    few = answers.iloc[:120]
    hierarchical = coefficients(ITEMS, few, kinds=["omega_hierarchical"]).iloc[0]
    plain = np.log(1 - hierarchical[["conf_low", "conf_high"]].astype(float)).mean()
    assert 1 - np.exp(plain) > hierarchical["estimate"] + 0.2 * hierarchical["std_error"]
    adequacy, _ = sampling_adequacy(ITEMS, few)
    middle = adequacy[["conf_low", "conf_high"]].mean(axis=1)
    assert (middle > adequacy["kmo"] + 0.005).all()


@pytest.mark.parametrize("method", ["minres", "ml"])
def test_unique_variances_are_those_of_r_run_to_the_end(answers, in_r, method):
    found = factor_analysis(ITEMS, answers, factors=3, method=method, rotation="none", errors=False)
    assert found.items["uniqueness"].tolist() == pytest.approx(in_r[method], abs=1e-6)


@pytest.mark.parametrize(("rotation", "tolerance"), [("varimax", 2e-6), ("oblimin", 2e-6)])
def test_rotated_loadings_are_those_of_r(answers, in_r, rotation, tolerance):
    found = factor_analysis(ITEMS, answers, factors=3, rotation=rotation, errors=False)
    loadings = found.items[["F1", "F2", "F3"]].to_numpy()
    wanted = np.array(in_r[rotation])
    np.testing.assert_allclose(np.abs(loadings), np.abs(wanted), atol=tolerance)


def test_adequacy_and_eigenvalues_are_those_of_psych(answers, in_r):
    summary, by_item = sampling_adequacy(ITEMS, answers)
    assert summary[["kmo", "bartlett"]].iloc[0].tolist() == pytest.approx([in_r["kmo"], in_r["bartlett"]], rel=1e-10)
    assert by_item["msa"].tolist() == pytest.approx(in_r["msa"], rel=1e-10)
    found = parallel_analysis(ITEMS, answers, draws=2).table
    assert found["eigenvalue"].tolist() == pytest.approx(in_r["eigenvalues"], rel=1e-10)


def test_one_factor_explains_what_it_does_in_psych(answers, in_r):
    found = single_factor(ITEMS, answers)
    assert found["share"].tolist() == pytest.approx([in_r["component_share"], in_r["factor_share"]], rel=1e-5)


def test_errors_of_loadings_are_those_of_the_whole_analysis_done_again_without_each_village(answers):
    whole = answers.dropna().reset_index(drop=True)
    village = np.arange(len(whole)) // 8
    found = factor_analysis(ITEMS, whole, factors=3, design=make_design(whole, clusters=village))
    again = []
    for left in np.unique(village):
        rest = whole[village != left]
        one = factor_analysis(ITEMS, rest, factors=3, errors=False).loadings["estimate"].to_numpy().reshape(9, 3)
        base = found.loadings["estimate"].to_numpy().reshape(9, 3)
        order = np.abs(base.T @ one).argmax(axis=1)
        again.append(one[:, order].ravel())
    count = len(again)
    jackknife = np.sqrt((count - 1) / count * ((np.array(again) - np.mean(again, axis=0)) ** 2).sum(axis=0))
    assert np.median(found.loadings["std_error"] / jackknife) == pytest.approx(1.0, abs=0.1)


def test_clusters_do_not_make_factors():
    random = np.random.default_rng(5)
    village = np.repeat(np.arange(20), 15)
    items = pd.DataFrame(
        0.7 * random.normal(size=(20, 8))[village] + random.normal(size=(300, 8)), columns=list("abcdefgh")
    )
    clustered = parallel_analysis(list("abcdefgh"), items, design=make_design(items, clusters=village))
    blind = parallel_analysis(list("abcdefgh"), items, design=make_design(items))
    assert clustered.table["random_high"].iloc[0] > blind.table["random_high"].iloc[0] + 0.1
    assert clustered.factors == 0


def test_correlations_that_are_not_there_are_not_found_in_clusters():
    random, found = np.random.default_rng(6), []
    for _ in range(200):
        village = np.repeat(np.arange(30), 10)
        items = pd.DataFrame(
            0.6 * random.normal(size=(30, 4))[village] + random.normal(size=(300, 4)), columns=list("abcd")
        )
        summary, _ = sampling_adequacy(list("abcd"), items, design=make_design(items, clusters=village))
        found.append(summary[["p_value", "bartlett_p"]].iloc[0].to_numpy() < 0.05)
    design_based, classical = np.mean(found, axis=0)
    assert 0.01 <= design_based <= 0.10
    assert classical > 0.15


def heywood(n=200):
    random = np.random.default_rng(8)
    common = random.normal(size=n)
    return pd.DataFrame(
        {
            "a": common + 0.01 * random.normal(size=n),
            "b": common + random.normal(size=n),
            "c": common + random.normal(size=n),
        }
    )


def test_a_heywood_case_is_told():
    found = coefficients(["a", "b", "c"], heywood(), kinds=["omega"]).iloc[0]
    analysis = factor_analysis(["a", "b", "c"], heywood(), factors=1, errors=False)
    assert "Heywood" in found["state"]
    assert "unique variance of a" in analysis.summary["state"].iloc[0]


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda table: coefficients(["q1"], table), "1 item"),
        (lambda table: coefficients(["q1", "q2"], table, kinds=["omega"]), "omega of 2 items"),
        (lambda table: coefficients(ITEMS[:5], table, kinds=["omega_hierarchical"]), "3 group factors of 5 items"),
        (lambda table: coefficients(ITEMS, table, kinds=["omega_total"], factors=2), "2 group factors"),
        (lambda table: coefficients(ITEMS, table, kinds=["beta"]), "coefficient 'beta'"),
        (lambda table: coefficients(ITEMS, table.assign(q3=4)), "q3 with one answer for all"),
        (lambda table: coefficients(ITEMS, table.assign(q3=np.nan)), "fewer than 3 interviews"),
        (lambda table: factor_analysis(ITEMS, table, factors=7), "7 factors of 9 items; allowed: 1 to 5"),
        (lambda table: factor_analysis(ITEMS, table, factors=2, rotation="promax"), "rotation 'promax'"),
        (lambda table: sampling_adequacy([*ITEMS, "sum"], table.assign(sum=table.sum(axis=1))), "repeat each other"),
        (lambda table: parallel_analysis(ITEMS, table, of="residuals"), "of 'residuals'"),
        (lambda table: item_moments(ITEMS, table, missing="mean"), "missing 'mean'"),
    ],
)
def test_what_cannot_be_told_is_refused_by_name(answers, call, said):
    with pytest.raises(DesignError, match=said):
        call(answers)
