"""Polychoric correlations: known values, errors that hold under clusters, empty cells that are told."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import multivariate_normal

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError
from kzsurvey.modelling.describing.bivariate_normal import both_below


def latent(rng, n, rho, villages=0):
    """Two correlated normal variables, alike within villages."""
    root = np.linalg.cholesky([[1, rho], [rho, 1]])
    if not villages:
        return rng.normal(size=(n, 2)) @ root.T
    village = np.arange(n) % villages
    return (np.sqrt(0.3) * rng.normal(size=(villages, 2))[village] + np.sqrt(0.7) * rng.normal(size=(n, 2))) @ root.T


@pytest.mark.parametrize(
    ("h", "k", "rho"), [(0.3, -1.2, 0.5), (0, 0, -0.9), (-2.5, 2.0, 0.97), (1.0, 0.0, 0.0), (0, -1, 0.3)]
)
def test_the_bivariate_normal_is_that_of_scipy(h, k, rho):
    known = multivariate_normal.cdf([h, k], [0, 0], [[1, rho], [rho, 1]], abseps=1e-10, releps=1e-10)
    assert both_below(h, k, rho) == pytest.approx(known, abs=1e-7)


def test_two_by_two_at_the_medians_is_the_sine():
    table = pd.DataFrame({"a": [0, 0, 1, 1] * 25, "b": [0, 1, 1, 1] * 25})
    even = pd.DataFrame({"a": [0] * 50 + [1] * 50, "b": [0] * 35 + [1] * 15 + [0] * 15 + [1] * 35})
    assert m.polychoric(even).table["estimate"].item() == pytest.approx(np.sin(2 * np.pi * (0.35 - 0.25)), abs=1e-9)
    found = m.polychoric(table)
    assert found.states == ("a x b: 1 empty cells; 0.5 added to the empty one; an empty cell of four leaves no error",)
    assert found.table["estimate"].item() < 1
    assert found.table[["std_error", "conf_low", "p_value"]].isna().all(axis=None)


def test_estimates_come_near_what_the_answers_were_cut_from():
    both = latent(np.random.default_rng(2), 20000, 0.6)
    table = pd.DataFrame(
        {"a": np.digitize(both[:, 0], [-1, 0.3]), "b": np.digitize(both[:, 1], [0.5]), "x": both[:, 1]}
    )
    found = m.polychoric(table, numbers=["x"], design=m.make_design(weight=np.ones(20000)))
    assert found.table["kind"].tolist() == ["polychoric", "polyserial", "polyserial"]
    assert found.table["estimate"].iloc[:2].to_numpy() == pytest.approx(0.6, abs=0.02)
    assert found.thresholds["estimate"].to_numpy() == pytest.approx([-1, 0.3, 0.5], abs=0.03)


def test_errors_know_clusters():
    errors, estimates = [], []
    for seed in range(120):
        both = latent(np.random.default_rng(seed), 300, 0.5, villages=30)
        table = pd.DataFrame({"a": np.digitize(both[:, 0], [-1, 0, 1]), "b": np.digitize(both[:, 1], [0.2])})
        row = m.polychoric(table, design=m.make_design(clusters=np.arange(300) % 30)).table.iloc[0]
        errors.append(row["std_error"])
        estimates.append(row["estimate"])
    assert np.mean(errors) == pytest.approx(np.std(estimates), rel=0.15)


def test_replicate_weights_give_nearly_the_same_errors():
    both, noise = latent(np.random.default_rng(4), 300, 0.5, villages=30), np.random.default_rng(5).normal(size=300)
    table = pd.DataFrame(
        {"a": np.digitize(both[:, 0], [-1, 0, 1]), "b": np.digitize(both[:, 1], [0.2]), "x": both.sum(axis=1) + noise}
    )
    design = m.make_design(clusters=np.arange(300) % 30)
    one, other = (
        m.polychoric(table, numbers=["x"], design=which).table["std_error"] for which in (design, m.jackknife(design))
    )
    np.testing.assert_allclose(one, other, rtol=0.12)


def test_answers_missing_are_used_pair_by_pair():
    table = pd.DataFrame(
        {"a": [1, 2, 2, None, 1, 3] * 10, "b": [1, 2, None, 2, 1, 3] * 10, "c": [2, 2, 1, 1, 2, 1] * 10}
    )
    assert m.polychoric(table).table["n"].tolist() == [40, 50, 50]
    assert m.polychoric(table, missing="listwise").table["n"].tolist() == [40, 40, 40]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"a": [1, 2, 3]}, "1 items"),
        ({"a": [1, 1, 1], "b": [1, 2, 3]}, "item a with one answer"),
        ({"a": [None, None, None], "b": [1, 2, 3]}, "item a with no answers"),
        ({"a": list(range(30)), "b": [1, 2] * 15}, "item a with 30 levels"),
        ({"a": ["low", "high", "low"], "b": [1, 2, 1]}, "an item in words"),
    ],
)
def test_items_without_a_correlation_are_refused(table, said):
    with pytest.raises(DesignError, match=said):
        m.polychoric(pd.DataFrame(table))
