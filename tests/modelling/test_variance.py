"""The variance core: hand-computed stages, invariances, calibration, lonely strata."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kzsurvey import modelling as m
from kzsurvey.modelling.sampling.intervals import interval, p_value
from kzsurvey.modelling.sampling.variance import cluster_sums


def sample(seed, rows=60):
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, 12, rows)
    return rng.normal(size=(rows, 3)), rng.uniform(0.5, 3, rows), cluster, cluster % 3


def test_two_stages_with_finite_populations_by_hand():
    y = np.array([1.0, 3.0, 2.0, 6.0])
    design = m.make_design(
        weight=np.full(4, 10.0), clusters=[[1, 1, 2, 2], [1, 2, 3, 4]], population=[[4] * 4, [5] * 4]
    )
    totals, within = np.array([40.0, 80.0]), [np.array([10.0, 30.0]), np.array([20.0, 60.0])]
    first = (1 - 2 / 4) * 2 * totals.var(ddof=1)
    second = sum(2 / 4 * (1 - 2 / 5) * 2 * part.var(ddof=1) for part in within)
    found = m.covariance(y[:, None], np.eye(1), design)
    assert found[0, 0] == pytest.approx(first + second)


def nested_variance(y, codes, sizes):
    """The variance of a total stage by stage, as the textbook writes it."""
    groups = [np.flatnonzero(codes[0] == code) for code in np.unique(codes[0])]
    totals, drawn, size = np.array([y[rows].sum() for rows in groups]), len(groups), sizes[0]
    own = (1 - drawn / size) * drawn * totals.var(ddof=1)
    if len(codes) == 1:
        return own
    lower = sum(nested_variance(y[rows], [code[rows] for code in codes[1:]], sizes[1:]) for rows in groups)
    return own + drawn / size * lower


def test_three_stages_are_the_textbook_recursion():
    rng = np.random.default_rng(6)
    codes, sizes = [np.arange(24) // 8, np.arange(24) // 4 % 2, np.arange(24) // 2 % 2, np.arange(24) % 2], [5, 6, 7, 8]
    y = rng.normal(size=24)
    design = m.make_design(clusters=codes, population=[np.full(24, size) for size in sizes])
    assert m.covariance(y[:, None], np.eye(1), design)[0, 0] == pytest.approx(nested_variance(y, codes, sizes))


def test_without_a_finite_population_only_the_first_stage_counts():
    scores, weight, cluster, stratum = sample(1)
    one = m.make_design(weight=weight, strata=stratum, clusters=cluster)
    two = m.make_design(weight=weight, strata=stratum, clusters=[cluster, np.arange(60)])
    np.testing.assert_array_equal(m.covariance(scores, np.eye(3), one), m.covariance(scores, np.eye(3), two))


def test_a_census_of_clusters_leaves_only_the_variance_within():
    design = m.make_design(clusters=[[1, 1, 2, 2], [1, 2, 3, 4]], population=[[2] * 4, [2, 2, 2, 2]])
    assert m.covariance(np.arange(4.0)[:, None], np.eye(1), design)[0, 0] == 0


@pytest.mark.parametrize(("lonely", "expected"), [("certainty", 4.0), ("average", 8.0), ("adjust", 4.0 + 16.0)])
def test_a_stratum_with_a_single_cluster(lonely, expected):
    design = m.make_design(strata=[1, 1, 2], clusters=[1, 2, 3], lonely=lonely)
    scores = np.array([[1.0], [3.0], [8.0]])  # the mean of all three is 4, so the lonely one is 4 away
    assert m.covariance(scores, np.eye(1), design)[0, 0] == pytest.approx(expected)


def lower_variance(y, clusters, strata, sizes, lonely):
    """Two stages with strata at both, by R's survey 4.5: what is lonely is judged among units of the same cluster."""

    def stage(totals, of, size):
        counts = {h: int((of == h).sum()) for h in np.unique(of)}
        alone = [h for h in counts if counts[h] == 1]
        part = sum(
            (1 - n / size) * n / max(n - 1, 1) * ((totals[of == h] - totals[of == h].mean()) ** 2).sum()
            for h, n in counts.items()
        )
        if lonely == "adjust":
            part += sum((1 - 1 / size) * ((totals[of == h] - totals.mean()) ** 2).sum() for h in alone)
        return part * len(counts) / (len(counts) - len(alone)) if lonely == "average" else part

    drawn = np.unique(clusters)
    top = np.array([y[clusters == c].sum() for c in drawn])
    above = np.array([strata[0][clusters == c][0] for c in drawn])
    own = stage(top, above, sizes[0])
    shares = [(above == h).sum() / sizes[0] for h in above]
    lower = [stage(y[clusters == c], strata[1][clusters == c], sizes[1]) for c in drawn]
    return own + float(np.dot(shares, lower))


@pytest.mark.parametrize("lonely", ["certainty", "adjust", "average"])
def test_lonely_units_at_a_lower_stage_are_judged_within_their_cluster(lonely):
    rng = np.random.default_rng(8)
    clusters, ward = np.repeat(np.arange(6), 5), np.tile([0, 0, 1, 1, 2], 6)
    y, strata = rng.normal(size=30), [clusters // 3, ward]
    design = m.make_design(
        strata=[strata[0]],
        clusters=[clusters, np.arange(30)],
        population=[np.full(30, 9), np.full(30, 7)],
        lower_strata=[ward],
        lonely=lonely,
    )
    wanted = lower_variance(y, clusters, strata, (9, 7), lonely)
    assert m.covariance(y[:, None], np.eye(1), design)[0, 0] == pytest.approx(wanted)


@pytest.mark.parametrize("lonely", ["certainty", "average"])
def test_strata_at_the_second_stage_are_those_of_r(lonely):
    folder = Path(__file__).parents[1] / "reference"
    reference = json.loads((folder / "weights.json").read_text())["lower"][lonely]
    people = pd.read_csv(folder / "modelling.csv")
    design = m.make_design(
        people.assign(group=people["households"] + 5 * people["b"]),
        weight="weight",
        strata="stratum",
        clusters=["cluster", "person"],
        population=["villages", "group"],
        lower_strata=["b"],
        lonely=lonely,
    )
    total, ratio = (
        m.total(["hours", "visits"], people, design=design),
        m.ratio("visits", "hours", people, design=design),
    )
    np.testing.assert_allclose(total.covariance, reference["total"]["covariance"], rtol=1e-10)
    np.testing.assert_allclose(ratio.covariance, reference["ratio"]["covariance"], rtol=1e-10)


def test_many_rows_are_summed_as_few_are():
    rng = np.random.default_rng(2)
    values, code, weight = rng.normal(size=(6000, 2)), rng.integers(0, 9, 6000), rng.uniform(size=6000)
    for counted in (None, weight):
        slow = cluster_sums(np.asfortranarray(values), code, 9, counted)
        np.testing.assert_allclose(cluster_sums(values, code, 9, counted), slow, rtol=1e-12)


def logarithm_of_ratio(at):
    return np.log(at[:1] / at[1:])


def test_a_function_of_two_totals_has_the_error_of_their_ratio():
    scores, weight, cluster, stratum = sample(5)
    y = np.exp(scores[:, :2])
    design = m.make_design(weight=weight, strata=stratum, clusters=cluster)

    def total(column):
        return lambda weight: m.Linearised(np.array([weight @ y[:, column]]), y[:, [column]], np.eye(1))

    both = m.joined(total(0), total(1))
    exact = m.transformed(both, logarithm_of_ratio, lambda at: np.array([[1 / at[0], -1 / at[1]]]))
    wanted = m.ratio(y[:, 0], y[:, 1], design=design)
    for estimator in (exact, m.transformed(both, logarithm_of_ratio)):
        estimate, covariance = m.infer(estimator, design)
        assert np.exp(estimate[0]) == pytest.approx(wanted.table["estimate"][0])
        assert covariance[0, 0] == pytest.approx(wanted.covariance[0, 0] / np.exp(estimate[0]) ** 2)
    replicated = m.jackknife(design)
    refits = np.log((replicated.replicates.weight.T @ y[:, 0]) / (replicated.replicates.weight.T @ y[:, 1]))
    expected = (replicated.replicates.factor * (refits - refits.mean()) ** 2).sum()
    assert m.infer(exact, replicated)[1][0, 0] == pytest.approx(expected)


def test_what_is_calibrated_has_no_variance():
    rng = np.random.default_rng(3)
    known = np.column_stack([np.ones(30), rng.normal(5, 1, 30)])
    base = m.make_design(weight=rng.uniform(1, 2, 30))
    design = m.calibrated_design(base, base.weight * rng.uniform(0.9, 1.1, 30), known)
    assert np.allclose(m.covariance(known @ [[2.0], [3.0]], np.eye(1), design), 0)
    other = rng.normal(size=(30, 1)) + known[:, 1:]
    assert m.covariance(other, np.eye(1), design) < m.covariance(other, np.eye(1), base)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.01, 100))
def test_order_of_rows_and_scale_of_weights_do_not_matter_to_a_mean(seed, scale):
    y, weight, cluster, stratum = sample(seed)
    order = np.random.default_rng(seed).permutation(len(weight))
    plain = m.mean(y, design=m.make_design(weight=weight, strata=stratum, clusters=cluster)).table
    mixed = m.make_design(weight=scale * weight[order], strata=stratum[order], clusters=cluster[order])
    columns = ["estimate", "std_error", "df", "conf_low", "conf_high", "n", "deff"]
    np.testing.assert_allclose(plain[columns], m.mean(y[order], design=mixed).table[columns], rtol=1e-9, atol=1e-12)


def test_cluster_sums_intervals_and_p_values():
    assert cluster_sums(np.array([[1.0], [2.0], [4.0]]), np.array([0, 2, 0]), 3).ravel().tolist() == [5, 0, 2]
    low, high = interval(np.array([1.0, 1.0]), np.array([1.0, 1.0]), np.array([0.0, 1e9]))
    assert np.isnan(low[0])
    assert high[1] == pytest.approx(1 + 1.959964, abs=1e-5)
    assert np.isnan(p_value(np.array([3.0]), 0)).all()
