"""Quantiles by hand, and what of them is refused."""

import numpy as np
import pandas as pd
import pytest

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError


@pytest.fixture
def table():
    rng = np.random.default_rng(3)
    frame = pd.DataFrame({"weight": rng.uniform(1, 4, 120), "cluster": np.arange(120) // 6})
    frame["pay"] = np.exp(rng.normal(8, 0.4, 120) + 0.02 * frame["cluster"])
    frame["rating"] = rng.integers(1, 6, 120)
    frame["place"] = np.where(frame["cluster"] < 10, "north", "south")
    frame.loc[:3, "pay"] = np.nan
    return frame


def test_equal_weights_give_the_quantiles_of_numpy():
    values = np.array([5.0, 1.0, 9.0, 4.0, 4.5, 7.0, 2.0])
    methods = {"hf1": "inverted_cdf", "hf5": "hazen", "hf6": "weibull", "hf7": "linear", "hf8": "median_unbiased"}
    for definition, method in methods.items():
        found = m.weighted_quantile(values, np.ones(7), [0.2, 0.35, 0.5, 0.9], definition=definition)
        np.testing.assert_allclose(found, np.quantile(values, [0.2, 0.35, 0.5, 0.9], method=method))


def test_a_p_below_the_weight_of_the_smallest_value_gives_the_smallest_value():
    assert m.weighted_quantile(np.array([3.0, 1.0, 2.0]), np.ones(3), 0.1, definition="math") == 1.0
    assert m.weighted_quantile(np.array([]), np.array([]), [0.5])[0] != 0


@pytest.mark.parametrize("interval", ["xlogit", "mean", "beta", "score"])
def test_groups_keep_their_rows_and_the_interval_holds_the_estimate(table, interval):
    found = m.quantile("pay", table, p=[0.25, 0.5], by="place", interval=interval).table
    assert found[["place", "p"]].to_numpy().tolist() == [
        ["north", 0.25],
        ["north", 0.5],
        ["south", 0.25],
        ["south", 0.5],
    ]
    assert found["n"].tolist() == [56, 56, 60, 60]
    assert found["n_dropped"].tolist() == [4, 4, 0, 0]
    assert (found["conf_low"] < found["estimate"]).all()
    assert (found["estimate"] < found["conf_high"]).all()


def test_differences_of_medians_have_an_error(table):
    medians = m.quantile("pay", table, by="place")
    found = m.differences(medians).table.iloc[0]
    assert found["std_error"] == pytest.approx(np.hypot(*medians.table["std_error"]), rel=0.05)


def test_the_score_interval_of_ratings_is_made_of_ratings(table):
    found = m.quantile("rating", table, interval="score", definition="math").table.iloc[0]
    assert found["conf_low"] <= found["estimate"] <= found["conf_high"]
    assert {found["conf_low"], found["conf_high"]} <= {1.0, 2.0, 3.0, 4.0, 5.0}


def test_a_group_without_values_or_with_a_single_cluster_has_no_interval(table):
    table.loc[table["place"] == "south", "pay"] = np.nan
    found = m.quantile("pay", table, by="place").table
    assert found["n"].tolist() == [56, 0]
    assert found[["estimate", "std_error", "conf_low"]].iloc[1].isna().all()
    alone = m.quantile("rating", table, where=table["cluster"] == 3).table.iloc[0]
    assert alone["df"] == 0
    assert np.isnan(alone["conf_low"])


def test_bootstrap_replicates_give_an_interval(table):
    known = table.dropna()
    base = m.make_design(known, weight="weight", clusters="cluster")
    rng = np.random.default_rng(1)
    drawn = np.array([np.bincount(rng.integers(0, 20, 19), minlength=20) * 20 / 19 for _ in range(60)]).T
    design = m.with_replicates(base, base.weight[:, None] * drawn[known["cluster"]], factor=1 / 60, df=19)
    by_replicates = m.quantile("pay", known, design=design, interval="replicates").table.iloc[0]
    by_shares = m.quantile("pay", known, design=design).table.iloc[0]
    assert by_replicates["std_error"] == pytest.approx(by_shares["std_error"], rel=0.5)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"p": [0.5, 1.0]}, "p of 0.5, 1"),
        ({"definition": "hf3"}, "not definition 3 of Hyndman and Fan"),
        ({"interval": "wald"}, "interval 'wald'"),
        ({"interval": "replicates"}, "no replicate weights"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_by_name(table, options, named):
    with pytest.raises(DesignError, match=named):
        m.quantile("pay", table, **options)


def test_words_are_refused(table):
    with pytest.raises(DesignError, match="column place: found words where numbers are needed"):
        m.quantile("place", table)


def test_an_ordered_category_has_quantiles_by_its_order(table):
    names = ["never", "rarely", "sometimes", "often", "always"]
    ordered = pd.Categorical.from_codes(table["rating"] - 1, names, ordered=True)
    options = {"p": [0.25, 0.5], "definition": "math", "interval": "score"}
    found = m.quantile("rating", table.assign(rating=ordered), **options).table
    pd.testing.assert_frame_equal(found, m.quantile("rating", table, **options).table)
    with pytest.raises(DesignError, match="words where numbers are needed"):
        m.quantile("rating", table.assign(rating=pd.Categorical(ordered, ordered=False)))


def test_the_jackknife_has_no_interval_of_quantiles(table):
    design = m.jackknife(m.make_design(table, weight="weight", clusters="cluster"))
    raked = m.poststratify(table["place"], {"north": 100, "south": 120}, design=design).design
    for made in (design, raked):
        with pytest.raises(DesignError, match="jackknife"):
            m.quantile("pay", table, design=made, interval="replicates")
