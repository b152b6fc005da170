"""Adjusting p values over a family."""

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from kzsurvey.modelling import benjamini_hochberg, holm


@pytest.mark.parametrize(("function", "method"), [(benjamini_hochberg, "fdr_bh"), (holm, "holm")])
@pytest.mark.parametrize("seed", range(5))
def test_adjusted_p_values_are_those_of_statsmodels(function, method, seed):
    p = np.random.default_rng(seed).uniform(0, 0.3, 9).round(2)
    np.testing.assert_allclose(function(p), multipletests(p, method=method)[1])


def test_missing_p_values_stay_missing_and_do_not_count():
    p = np.array([0.01, np.nan, 0.04])
    assert holm(p)[[0, 2]].tolist() == [0.02, 0.04]
    assert np.isnan(benjamini_hochberg(p)[1])
    assert len(holm(np.array([]))) == 0


def test_adjusted_p_values_stop_at_1():
    assert holm(np.array([0.7, 0.9])).tolist() == [1.0, 1.0]
