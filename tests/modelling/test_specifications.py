"""Specification curves fit every choice, keep what cannot be fitted, and their joint test knows clusters."""

import numpy as np
import pandas as pd
import pytest

from kzsurvey.errors import DesignError
from kzsurvey.modelling import fit_regression, make_design, specification_curve


def table(n=120, seed=3, effect=0.5, villages=30):
    random = np.random.default_rng(seed)
    people = pd.DataFrame(random.normal(size=(n, 5)), columns=["y", "z", "x", "a", "b"])
    people["village"] = np.arange(n) % villages
    people["y"] += effect * people["x"] + 0.5 * random.normal(size=villages)[people["village"]]
    people["weight"] = random.uniform(1, 3, size=n)
    return people


def curve(people, **options):
    design = make_design(people, weight="weight", clusters="village")
    given = {"outcomes": ["y"], "terms": ["x"], "controls": ["a", "b"], "design": design, "draws": 199}
    return specification_curve(people, **(given | options))


def test_each_row_is_the_regression_it_says_it_is():
    people = table()
    found = curve(people, weights=["weighted", "unweighted"]).specifications
    row = found[(found["control:a"]) & (~found["control:b"]) & (found["weights"] == "unweighted")].iloc[0]
    alone = fit_regression(people, "y ~ x + a", design=make_design(people, clusters="village")).terms.iloc[1]
    assert row[["estimate", "std_error", "p_value"]].tolist() == pytest.approx(
        alone[["estimate", "std_error", "p_value"]].tolist()
    )


def test_every_combination_stands_once_sorted_by_its_estimate():
    people = table()
    halves = {"all": None, "first": people["village"] < 15}
    found = curve(people, outcomes=["y", "z"], terms=["x", "a"], controls=["b"], samples=halves).specifications
    assert len(found) == 16
    assert found["estimate"].is_monotonic_increasing
    assert not found.duplicated(["outcome", "term", "sample", "control:b"]).any()


def test_several_outcomes_are_put_on_one_scale():
    people = table().assign(big=lambda rows: 1000 * rows["y"])
    found = curve(people, outcomes=["y", "big"], controls=[]).specifications
    assert found["estimate"].iloc[0] == pytest.approx(found["estimate"].iloc[1])


def test_a_specification_without_an_answer_keeps_its_row_and_says_why():
    people = table().assign(flat=1.0)
    found = curve(people, controls=["flat"])
    lost = found.specifications[found.specifications["control:flat"]].iloc[0]
    assert np.isnan(lost["estimate"])
    assert "flat" in lost["not_fitted"]
    assert found.summary[["specifications", "fitted"]].to_numpy().tolist() == [[2, 1]]


def test_too_many_combinations_are_drawn_the_same_way_each_time():
    people = table()
    one, other = (curve(people, most=3).specifications for _ in range(2))
    assert len(one) == 3
    pd.testing.assert_frame_equal(one, other)


def test_an_effect_is_found_by_all_three_joint_tests_and_no_effect_by_none():
    with_effect, without = (curve(table(effect=effect)).summary.iloc[0] for effect in (0.8, 0.0))
    tests = ["p_median", "p_significant", "p_mean_z"]
    assert (with_effect[tests] <= 0.05).all()
    assert (without[tests] > 0.1).all()


def test_the_joint_test_holds_its_level_in_clusters():
    random = np.random.default_rng(11)
    rejected = []
    for _ in range(150):
        village = np.repeat(np.arange(24), 5)
        common = random.normal(size=(24, 3))
        people = pd.DataFrame(common[village] + random.normal(size=(120, 3)), columns=["y", "x", "a"])
        people = people.assign(village=village, weight=1.0)
        rejected.append(curve(people, controls=["a"], draws=99).summary["p_median"].iloc[0] <= 0.05)
    assert np.mean(rejected) < 0.12  # rows drawn one by one reject 30 % and more


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"outcomes": []}, "no outcomes"),
        ({"terms": ["pay"]}, "unknown column 'pay'"),
        ({"weights": ["trimmed"]}, "weights 'trimmed'"),
        ({"controls": [], "always": ["nothing"]}, "unknown variable"),
    ],
)
def test_choices_that_are_none_are_refused_by_name(options, said):
    with pytest.raises(DesignError, match=said):
        curve(table(), **options)
