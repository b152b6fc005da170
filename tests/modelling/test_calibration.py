"""Weights meet what is known, or the margin that cannot be met is named."""

import numpy as np
import pandas as pd
import pytest

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError


@pytest.fixture
def people():
    rng = np.random.default_rng(4)
    frame = pd.DataFrame(
        {"kind": rng.choice(["village", "town"], 200, p=[0.7, 0.3]), "sex": rng.choice(["f", "m"], 200)}
    )
    return frame.assign(age=rng.normal(40, 10, 200))


MARGINS = {"kind": {"village": 300, "town": 200}, "sex": {"f": 260, "m": 240}}


def test_raked_weights_meet_every_margin(people):
    raked = m.rake(people, MARGINS)
    for name, counts in MARGINS.items():
        reached = raked.design.weight @ pd.get_dummies(people[name])[list(counts)].to_numpy(dtype=float)
        np.testing.assert_allclose(reached, list(counts.values()), rtol=1e-9)
    assert raked.misfit < 1e-9
    assert raked.margins["n"].sum() == 2 * len(people)
    assert raked.design_effect == pytest.approx(m.weighting_effect(raked.design.weight))


def test_raking_by_fitting_equals_raking_by_calibration(people):
    bounded = m.rake(people, MARGINS, bounds=(0.01, 100))
    np.testing.assert_allclose(m.rake(people, MARGINS).design.weight, bounded.design.weight, rtol=1e-8)


def test_bounds_hold_and_the_margins_still_meet(people):
    shifted = people.assign(band=np.random.default_rng(5).choice(list("abcde"), 200))
    margins = MARGINS | {"band": {"a": 60, "b": 80, "c": 100, "d": 120, "e": 140}}
    free, scale = m.rake(shifted, margins), 500 / len(people)
    low, high = (free.ratio / scale).min() * 1.1, (free.ratio / scale).max() * 0.9
    raked = m.rake(shifted, margins, bounds=(low, high))
    assert (raked.ratio / scale).min() >= low - 1e-9
    assert (raked.ratio / scale).max() <= high + 1e-9
    np.testing.assert_allclose(raked.margins["reached"], raked.margins["wanted"], rtol=1e-8)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ({"kind": {"village": 1, "town": 1, "city": 3}}, r"column kind: found value 'city' \(3\) without interviews"),
        ({"kind": {"village": 5}}, r"column kind: found \d+ interviews with 'town'; allowed: village"),
        ({"kind": {"village": -2, "town": 3}}, "count -2 of 'village'"),
        ({"region": {"a": 1}}, "unknown variable 'region'"),
        ({"kind": {"village": 300, "town": 200}, "sex": {"f": 200, "m": 200}}, "add up to 400; allowed: 500"),
        ({}, "no margins"),
    ],
)
def test_a_margin_that_cannot_be_met_is_named(people, targets, message):
    with pytest.raises(DesignError, match=message):
        m.rake(people, targets)


def test_a_missing_value_is_counted_and_refused(people):
    with pytest.raises(DesignError, match="column sex: found 2 interviews without a value"):
        m.rake(people.assign(sex=people["sex"].mask(people.index < 2)), MARGINS)


def test_margins_that_contradict_each_other_are_named_with_value_found_and_wanted():
    frame = pd.DataFrame({"a": ["x", "x", "y"], "b": ["p", "p", "q"]})
    with pytest.raises(DesignError, match=r"column b: found 'q' reaches .*; allowed: 50; .*cannot be met together"):
        m.rake(frame, {"b": {"p": 50, "q": 50}, "a": {"x": 70, "y": 30}})


def test_bounds_too_narrow_are_refused(people):
    with pytest.raises(DesignError, match="cannot be met together by this sample within the bounds: widen them"):
        m.rake(people, MARGINS, bounds=(0.99, 1.01))


@pytest.mark.parametrize(
    ("distance", "bounds"), [("linear", None), ("linear", (0.5, 1.6)), ("raking", None), ("logit", (0.3, 3))]
)
def test_calibration_meets_totals_within_its_bounds(people, distance, bounds):
    base = m.make_design(weight=np.full(200, 2.0))
    known = pd.DataFrame({"one": 1.0, "age": people["age"]})
    totals = {"one": 400.0, "age": 400 * 42.0}
    found = m.calibrate(known, totals, design=base, distance=distance, bounds=bounds)
    np.testing.assert_allclose(found.design.weight @ known.to_numpy(), list(totals.values()), rtol=1e-9)
    low, high = bounds or (-np.inf, np.inf)
    assert ((found.ratio >= low) & (found.ratio <= high)).all()
    assert m.mean("age", people, design=found.design).table["std_error"][0] == pytest.approx(0, abs=1e-9)


def test_calibration_makes_a_related_variable_more_precise(people):
    base = m.make_design(weight=np.full(200, 2.0))
    found = m.calibrate(pd.DataFrame({"one": 1.0, "age": people["age"]}), {"one": 400.0, "age": 16100.0}, design=base)
    years = people.assign(years=people["age"] + np.random.default_rng(0).normal(0, 2, 200))
    before, after = (m.mean("years", years, design=design).table["std_error"][0] for design in (base, found.design))
    assert after < 0.4 * before


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d, k: m.calibrate(k, {"one": 400.0}, design=d, distance="logit"), "logit without bounds"),
        (lambda d, k: m.calibrate(k, {"two": 400.0}, design=d), "unknown variable 'two'"),
        (lambda d, k: m.calibrate(k.mask(k["age"] > 50), {"age": 400.0}, design=d), "rows without a value"),
        (lambda d, k: m.calibrate(k, {"one": 400.0, "age": 40000.0}, design=d), "weights not above 0"),
        (lambda d, k: m.calibrate(k, {"one": 400.0, "age": 4e6}, design=d, distance="raking"), "cannot be met"),
        (
            lambda d, k: m.calibrate(k, {"one": 400.0}, design=d, distance="logit", bounds=(1.1, 3)),
            "below 1 and one above",
        ),
        (lambda d, k: m.calibrate(k, {"one": 400.0}, design=d, bounds=(3, 1)), "the low one first"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(people, call, message):
    with pytest.raises(DesignError, match=message):
        call(m.make_design(weight=np.full(200, 2.0)), pd.DataFrame({"one": 1.0, "age": people["age"]}))


def test_an_unknown_distance_is_refused(people):
    with pytest.raises(DesignError, match="unknown distance"):
        m.calibrate(people, {"age": 1.0}, design=m.make_design(weight=np.ones(200)), distance="square")


def test_trimming_keeps_the_sum_and_strict_trimming_the_limits():
    weight = np.array([1.0, 2.0, 3.0, 4.0, 30.0])
    once, strict = m.trim(weight, high=9), m.trim(weight, high=9, strict=True)
    assert once.sum() == strict.sum() == weight.sum()
    assert once.max() > 9 >= strict.max()
    assert m.trim(weight, high=100).tolist() == weight.tolist()
    with pytest.raises(DesignError, match="limits"):
        m.trim(weight, high=7, strict=True)


def test_post_stratification_is_raking_to_one_margin(people):
    found = m.poststratify(people["kind"], MARGINS["kind"])
    counts = people["kind"].value_counts()
    assert found.design.weight[0] == pytest.approx(MARGINS["kind"][people["kind"][0]] / counts[people["kind"][0]])
