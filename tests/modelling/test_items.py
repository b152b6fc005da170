"""Item analysis and the sample beside the frame."""

import numpy as np
import pandas as pd
import pytest

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError


@pytest.fixture
def answers():
    rng = np.random.default_rng(2)
    trait = rng.normal(3, 1, 200)
    table = pd.DataFrame({name: (trait + rng.normal(0, 0.8, 200)).round().clip(1, 5) for name in ("a", "b", "c")})
    table["b"] = 6 - table["b"]
    table["weight"], table["cluster"] = rng.uniform(1, 3, 200), np.arange(200) // 5
    table.loc[:5, "c"] = np.nan
    return table


def analysed(answers, **options):
    return m.item_analysis(["a", "b", "c"], answers, **{"reverse": ["b"], "low": 1, "high": 5} | options)


def test_items_are_described_and_told_apart_by_the_extreme_groups(answers):
    found = analysed(answers)
    items = found.items.set_index("item")
    assert items["missing"].tolist() == [0, 0, 6]
    assert items.loc["a", "mean"] == pytest.approx(np.average(answers["a"], weights=answers["weight"]))
    assert items.loc["b", "floor"] == pytest.approx(np.average(answers["b"] == 5, weights=answers["weight"]))
    assert (items["discrimination"] > 0).all()
    np.testing.assert_allclose(items["discrimination"], items["mean_upper"] - items["mean_lower"])
    np.testing.assert_allclose(items["item_rest"], m.reliability(
        ["a", "b", "c"], answers, reverse=["b"], low=1, high=5).items["item_rest"])  # fmt: skip
    assert found.scale["n"][0] == 194
    assert found.scale["n_lower"][0] >= 0.2 * 194
    assert found._repr_html_().count("<table") == 3


def test_answers_of_an_item_share_one_and_are_turned_with_it(answers):
    shares = analysed(answers).answers.groupby("item")["share"].sum()
    np.testing.assert_allclose(shares, 1)
    turned = analysed(answers).answers.query("item == 'b'").set_index("answer")["n"]
    assert turned[5.0] == (answers["b"] == 1).sum()


def test_without_a_range_floor_and_ceiling_are_the_ends_that_occur(answers):
    found = m.item_analysis(["a", "c"], answers.assign(a=answers["a"].clip(2, 4))).items
    assert found["floor"][0] == pytest.approx(np.average(answers["a"] <= 2, weights=answers["weight"]))


def test_items_that_cancel_each_other_are_refused():
    against = pd.DataFrame({"a": [1.0, 2, 3, 4, 5], "b": [5.0, 4, 3, 2, 1]})
    with pytest.raises(DesignError, match="items whose sum is the same for all"):
        m.item_analysis(["a", "b"], against)


@pytest.mark.parametrize(
    ("change", "options", "named"),
    [
        ({"c": 3.0}, {}, "item c with one answer for all"),
        ({"c": "often"}, {}, "an item in words"),
        ({}, {"extreme": 0.6}, "extreme groups of 0.6"),
        ({}, {"high": 4}, "outside the range"),
        ({"cluster": 1}, {"design": None}, "a single cluster"),
    ],
)
def test_items_that_cannot_be_analysed_are_refused_by_name(answers, change, options, named):
    with pytest.raises(DesignError, match=named):
        analysed(answers.assign(**change), **options)


def test_an_extreme_group_in_one_cluster_or_scores_that_hardly_differ_are_refused(answers):
    flat = pd.DataFrame({"a": [3.0] * 18 + [1, 5], "b": [3.0] * 18 + [1, 5]})
    with pytest.raises(DesignError, match=r"the same score \(3\) at the cuts"):
        m.item_analysis(["a", "b"], flat)
    top = answers.assign(
        **{name: np.where(answers["cluster"] < 12, 5, answers[name].fillna(2).clip(1, 4)) for name in "ac"}
    )
    with pytest.raises(DesignError, match="group upper in a single cluster"):
        m.item_analysis(["a", "c"], top.assign(cluster=np.where(top["cluster"] < 12, 0, top["cluster"])))


FRAME = pd.DataFrame(
    {"variable": ["sex", "sex", "place", "place"], "value": ["f", "m", "1", "2"], "count": [60, 40, 5, 5]}
)


@pytest.fixture
def people():
    rng = np.random.default_rng(4)
    table = pd.DataFrame({"sex": rng.choice(["f", "m"], 90, p=[0.6, 0.4]), "place": 1.0 + (np.arange(90) >= 60)})
    table["cluster"], table["stratum"] = np.arange(90) // 3, table["place"]
    table["weight"], table["age"] = np.where(table["place"] == 1, 1.0, 2.0), rng.integers(2, 5, 90) * 10
    table.loc[:1, "sex"] = None
    return table


def test_the_sample_stands_beside_the_frame_with_what_is_missing(people):
    shares, tests = m.sample_table(people, FRAME)
    sex = shares[shares["variable"] == "sex"]
    assert sex["n"].tolist() == [(people["sex"] == "f").sum(), (people["sex"] == "m").sum(), 2]
    assert sex["share"].sum() == pytest.approx(1)
    assert sex["frame_share"].tolist()[:2] == [0.6, 0.4]
    place = shares[shares["variable"] == "place"]
    assert place["weighted_share"].tolist() == [0.5, 0.5]
    assert place["value"].tolist() == ["1", "2"]
    assert tests["variable"].tolist() == ["sex", "place"]


def test_a_share_that_the_design_fixes_has_no_test(people):
    tests = m.sample_table(people, FRAME)[1].set_index("variable")
    assert tests.loc["place", "note"] == "the design fixes these shares"
    assert np.isnan(tests.loc["place", "p_value"])
    assert 0 < tests.loc["sex", "p_value"] < 1


def test_variables_without_a_frame_have_shares_only(people):
    shares, tests = m.sample_table(people, variables=["age"])
    assert shares["value"].tolist() == ["20", "30", "40"]
    assert shares["frame_share"].isna().all()
    assert tests.empty


def test_weights_and_their_calibration_do_not_enter_the_test(people):
    base = m.make_design(people, strata="stratum", clusters="cluster")
    raked = m.poststratify(people["place"].astype("str"), {"1.0": 5, "2.0": 5}, design=base).design
    plain, weighted = (m.sample_table(people, FRAME, design=design)[1] for design in (base, raked))
    pd.testing.assert_frame_equal(plain, weighted)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"survey": FRAME.replace("m", "x")}, "value 'm' that the frame does not have"),
        ({"variables": ["six"]}, "unknown column 'six'"),
        ({}, "no variables"),
        ({"variables": ["sex"], "where": np.arange(90) < 2}, "nobody with a value"),
    ],
)
def test_samples_that_cannot_be_shown_are_refused_by_name(people, arguments, named):
    with pytest.raises(DesignError, match=named):
        m.sample_table(people, **arguments)
