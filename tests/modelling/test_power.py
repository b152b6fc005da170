"""Simulated power: equal to theory where there is one, never above the level where there is nothing to find."""

from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from scipy.stats import nct, t

import kzsurvey as kz
from kzsurvey.errors import DesignError
from kzsurvey.modelling import declared_plans, make_design, power, sample_shape


def test_without_likeness_in_villages_the_power_is_that_of_the_t_test():
    found = power("slope", villages=120, interviews=1, icc=0.0, effect=0.25, replications=1500).iloc[0]
    noncentral = 0.25 / np.sqrt((1 - 0.25**2) / 120)
    theory = 1 - nct.cdf(t.ppf(0.975, 118), 118, noncentral)
    assert found["conf_low"] - 0.01 <= theory <= found["conf_high"] + 0.01


def test_likeness_in_villages_costs_what_the_design_effect_says():
    alike, apart = (
        power("slope", villages=60, interviews=10, icc=icc, effect=0.0, replications=600).iloc[0] for icc in (0.3, 0.0)
    )
    assert (alike["std_error"] / apart["std_error"]) ** 2 == pytest.approx(1 + 9 * 0.3 * 0.3, rel=0.2)


@pytest.mark.parametrize(
    ("kind", "effects"),
    [("slope", {"effect": 0.0}), ("moderation", {"effect": 0.0}), ("mediation", {"a": 0.4, "b": 0.0})],
)
def test_where_there_is_nothing_little_is_found(kind, effects):
    found = power(kind, villages=60, interviews=5, replications=400, **effects).iloc[0]
    assert 0.02 <= found["power"] <= 0.09
    assert found["estimate"] == pytest.approx(0.0, abs=3 * found["std_error"] / 20)


def test_coding_more_by_hand_finds_more_and_the_truth_is_estimated_either_way():
    found = power("code", villages=50, interviews=8, effect=0.5, hand_coded=[0.25, 1.0], replications=80)
    assert found["std_error"].iloc[0] > found["std_error"].iloc[1]
    assert found["estimate"].tolist() == pytest.approx([0.5, 0.5], abs=0.1)


def test_every_combination_is_a_row_and_a_seed_repeats_it():
    options = {"villages": [20, 30], "interviews": [2, 4], "size_variation": 0.5, "weight_variation": 0.4}
    one, other = (power("slope", **options, replications=20) for _ in range(2))
    assert one[["villages", "interviews"]].to_numpy().tolist() == [[20, 2], [20, 4], [30, 2], [30, 4]]
    pd.testing.assert_frame_equal(one, other)


def test_samples_without_an_answer_are_counted_and_not_found():
    found = power("code", villages=4, interviews=2, share=0.05, hand_coded=1.0, replications=30).iloc[0]
    assert found["failed"] > 0
    assert found["power"] <= 1 - found["failed"] / 30


def test_the_shape_of_a_sample_is_measured_in_its_domain():
    random = np.random.default_rng(2)
    village = np.repeat(np.arange(80), 6)
    frame = pd.DataFrame({"y": random.normal(size=80)[village] * 0.5 + random.normal(size=480) * np.sqrt(0.75)})
    design = make_design(frame, clusters=village, strata=village % 4, weight=np.where(village < 40, 1.0, 3.0))
    shape = sample_shape(["y"], frame, design=design, where=village < 72)
    assert [shape[name] for name in ("villages", "interviews", "strata", "size_variation")] == [72, 6.0, 4, 0.0]
    assert shape["icc"] == pytest.approx(0.25, abs=0.1)
    assert shape["weight_variation"] == pytest.approx(0.52, abs=0.02)


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        ("slop", {}, "kind 'slop'"),
        ("slope", {"a": 0.3}, "effect 'a'"),
        ("slope", {"effect": 1.2}, "explain 144%"),
        ("mediation", {"a": 0.9, "b": 0.9, "direct": 0.5}, "explain"),
        ("slope", {"villages": 3, "strata": 2}, "two per stratum"),
        ("slope", {"icc": 1.0}, "icc 1.0"),
        ("code", {"sensitivity": 1.4}, "shares"),
    ],
)
def test_plans_that_cannot_be_are_refused(kind, options, said):
    with pytest.raises(DesignError, match=said):
        power(kind, replications=2, **options)


def test_a_declared_plan_is_about_a_sample_like_this_one():
    survey = kz.read_survey("data/raw/kizilsu")
    interviews, _ = kz.clean(kz.read_answers(survey), survey)
    analysis = kz.analyse(interviews, kz.code(interviews, survey), survey)
    plan = {**survey.settings["plans"][0], "replications": 3, "villages": 140}
    small = replace(survey, settings=MappingProxyType({**survey.settings, "plans": (plan,)}))
    found = declared_plans(analysis, small, design=kz.sample_design(analysis, survey))["buffer"]
    assert found["interviews"].tolist() == [2, 4, 8]
    assert (found["weight_variation"] > 0).all()
