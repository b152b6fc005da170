"""Romano and Wolf's adjustment: as theory says where tests are independent, cheaper than Holm where they are not."""

import numpy as np
import pandas as pd
import pytest

from kzsurvey.errors import DesignError
from kzsurvey.modelling import contributions, fit_regression, holm, infer, make_design, romano_wolf
from kzsurvey.modelling.sampling.variance import Linearised


def family(correlation, effects=(0.0, 0.0, 0.0, 0.0), n=300, seed=1):
    random = np.random.default_rng(seed)
    common = random.normal(size=(n, 1))
    noise = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * random.normal(size=(n, len(effects)))
    x = random.normal(size=n)
    table = pd.DataFrame(noise + np.outer(x, effects), columns=[f"y{k}" for k in range(len(effects))]).assign(x=x)
    design = make_design(table.assign(village=np.arange(n) // 2), clusters="village")
    return [fit_regression(table, f"{name} ~ x", design=design, name=name) for name in table.columns[:-1]]


def test_contributions_square_to_the_covariance_in_stages_and_in_replicates():
    from kzsurvey.modelling import jackknife

    y = np.random.default_rng(1).normal(size=(24, 2))
    villages, houses = np.arange(24) // 4, np.arange(24) // 2

    def total(weight):
        return Linearised(weight @ y, y, np.eye(2))

    two_stages = make_design(clusters=[villages, houses], population=[[30] * 24, [9] * 24])
    for design in (two_stages, jackknife(make_design(clusters=villages))):
        part = contributions(total, design)
        np.testing.assert_allclose(part.T @ part, infer(total, design)[1], rtol=1e-12)


def test_independent_tests_are_adjusted_as_theory_says():
    found = romano_wolf(family(0.0, n=2000), ["x"] * 4, draws=20000)
    smallest = found["p_value"].min()
    assert found["p_adjusted"].min() == pytest.approx(1 - (1 - smallest) ** 4, abs=0.02)


def test_tests_that_hang_together_cost_less_than_holm_asks():
    found = romano_wolf(family(0.95, effects=(0.12,) * 4, seed=3), ["x"] * 4)
    assert (found["p_adjusted"] < holm(found["p_value"].to_numpy())).all()


def test_adjusted_values_rise_with_the_single_ones():
    found = romano_wolf(family(0.3, effects=(0.3, 0.1, 0.0, 0.2)), ["x"] * 4).sort_values("p_value")
    assert found["p_adjusted"].is_monotonic_increasing
    assert (found["p_adjusted"] >= found["p_value"] - 0.01).all()


def test_the_family_is_told_by_name_and_the_draws_by_their_seed():
    fits = dict(zip("abcd", family(0.3), strict=True))
    terms = dict.fromkeys(fits, "x")
    one, other = (romano_wolf(fits, terms, draws=500, seed=7) for _ in range(2))
    pd.testing.assert_frame_equal(one, other)


def test_families_that_cannot_be_tested_together_are_refused():
    fits = family(0.3)
    with pytest.raises(DesignError, match="no term 'z'"):
        romano_wolf(fits, ["x", "z", "x", "x"])
    with pytest.raises(DesignError, match="two fits or more"):
        romano_wolf(fits[:1], ["x"])
    with pytest.raises(DesignError, match="other rows or clusters"):
        romano_wolf([fits[0], family(0.3, n=200)[0]], ["x", "x"])
