"""Scale scores and their reliability."""

import numpy as np
import pandas as pd
import pytest

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError
from kzsurvey.modelling.describing.numbers import numbers_of


def likert(rows=200, seed=0, share=0.7):
    rng = np.random.default_rng(seed)
    trait = rng.normal(size=(rows, 1))
    raw = 3 + share * trait + rng.normal(scale=0.8, size=(rows, 4))
    return pd.DataFrame(np.clip(np.round(raw), 1, 5), columns=list("abcd")).assign(cluster=np.arange(rows) // 5)


def test_reversed_items_count_from_the_other_end():
    items = pd.DataFrame({"a": [1, 5], "b": [1, 2]})
    assert m.score(items, reverse=["b"], low=1, high=5).tolist() == [3.0, 4.5]


def test_a_score_needs_the_smallest_number_of_items():
    items = pd.DataFrame({"a": [1, None, None], "b": [2, 2, None], "c": [3, 4, 5]}, dtype="Float64")
    assert m.score(items, smallest=2).tolist() == [2.0, 3.0, pd.NA]
    assert m.score(items).isna().tolist() == [False, True, True]
    assert m.score(items, rule="sum", smallest=2).tolist() == [6.0, 9.0, pd.NA]


def test_items_may_be_categories_named_by_numbers_or_in_an_order():
    named = pd.Series(pd.Categorical(["5", None, "1"], categories=["1", "3", "5"]))
    ordered = pd.Series(pd.Categorical(["good", "bad", None], categories=["bad", "good"], ordered=True))
    assert numbers_of(named).tolist()[::2] == [5.0, 1.0]
    assert numbers_of(ordered).tolist()[:2] == [2.0, 1.0]


@pytest.mark.parametrize(
    ("items", "options", "message"),
    [
        ({"a": ["red", "blue"]}, {}, "column a: found an item in words"),
        ({"a": [1, 2]}, {"reverse": ["b"], "low": 1, "high": 5}, "reversed item 'b'"),
        ({"a": [1, 2]}, {"reverse": ["a"]}, "without low and high"),
        ({"a": [1, 2]}, {"rule": "median"}, "rule 'median'; allowed: mean, sum"),
    ],
)
def test_a_score_that_cannot_be_made_is_refused(items, options, message):
    with pytest.raises(DesignError, match=message):
        m.score(pd.DataFrame(items), **options)


def test_alpha_is_the_textbook_formula_without_weights():
    items = likert()[list("abcd")]
    total = items.sum(axis=1)
    wanted = 4 / 3 * (1 - items.var().sum() / total.var())
    found = m.reliability(items).scale.iloc[0]
    assert found["alpha"] == pytest.approx(wanted)
    assert found["alpha_unweighted"] == pytest.approx(wanted)
    assert found["conf_low"] < wanted < found["conf_high"] < 1


def test_item_statistics_are_those_computed_by_hand():
    items = likert()[list("abcd")]
    found = m.reliability(items).items.set_index("item")
    rest = items.drop(columns="b").sum(axis=1)
    assert found.loc["b", "item_rest"] == pytest.approx(items["b"].corr(rest))
    assert found.loc["b", "alpha_if_dropped"] == pytest.approx(m.reliability(items.drop(columns="b")).scale["alpha"][0])


def test_weights_count_as_copies_do():
    items = likert(rows=60)
    weight = np.random.default_rng(1).integers(1, 4, 60)
    copies = items.loc[np.repeat(items.index, weight)]
    weighted = m.reliability(list("abcd"), items.assign(weight=weight)).scale
    assert weighted["alpha"][0] == pytest.approx(m.reliability(copies[list("abcd")]).scale["alpha"][0])


def test_the_interval_of_alpha_knows_the_clusters():
    items = likert()
    alone = m.reliability(list("abcd"), items.drop(columns="cluster")).scale
    copied = pd.concat([items] * 3).assign(cluster=lambda t: np.tile(np.arange(200), 3))
    clustered = m.reliability(list("abcd"), copied).scale
    assert clustered["std_error"][0] == pytest.approx(alone["std_error"][0], rel=1e-6)


def test_rows_without_all_items_are_counted():
    items = likert().assign(a=lambda t: t["a"].mask(t.index < 7))
    found = m.reliability(list("abcd"), items).scale.iloc[0]
    assert (found["n"], found["n_dropped"]) == (193, 7)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ({"a": [1, 2, 3]}, "1 item; allowed: at least two items"),
        ({"a": [1, 2, 3], "b": [4, 4, 4]}, "item b with one answer for all 3"),
        ({"a": [1, None, 3], "b": [None, 2, None]}, "0 interviews with all items"),
    ],
)
def test_scales_without_a_reliability_are_refused(items, message):
    with pytest.raises(DesignError, match=message):
        m.reliability(pd.DataFrame(items))


def test_two_items_have_no_alpha_without_one_of_them():
    assert m.reliability(likert()[["a", "b"]]).items["alpha_if_dropped"].isna().all()
    assert "alpha" in m.reliability(likert()[["a", "b"]])._repr_html_()


def test_an_answer_outside_the_range_of_a_scale_is_refused_not_scored():
    items = pd.DataFrame({"a": [1, 5, 6], "b": [2, 0, 3]})
    with pytest.raises(DesignError, match=r"(?s)2 faults.*column a.*range: 6.*1 to 5.*column b.*range: 0"):
        m.score(items, reverse=["a"], low=1, high=5)
