"""Replicate weights are those of R's survey, give the linearised variance of linear estimates, and stay calibrated.

Reference values: tests/reference/weights.R.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError

REFERENCE = Path(__file__).parents[1] / "reference"
Z_COUNTS = {"low": 1900, "middle": 1100, "high": 800}
STRATUM_COUNTS = {"east": 1100, "north": 1500, "south": 800, "west": 400}
TOTALS = {"one": 3800, "middle": 1100, "high": 800, "hours": 130000}


@pytest.fixture(scope="module")
def people():
    return pd.read_csv(REFERENCE / "modelling.csv").assign(all=112)


@pytest.fixture(scope="module")
def reference():
    return json.loads((REFERENCE / "weights.json").read_text())


@pytest.fixture(scope="module")
def halves(people):
    two = [name for _, rows in people.groupby("stratum") for name in rows["cluster"].unique()[:2]]
    return people[people["cluster"].isin(two)].sort_values("stratum", kind="stable").reset_index(drop=True)


def design_of(people, **options):
    options = {"strata": "stratum", "clusters": "cluster", "weight": "weight"} | options
    return m.make_design(people, **options)


def agree(people, design, reference, tolerance=1e-9):
    """Estimates and covariances of totals, ratio, domain and logistic regression."""
    known = {"one": np.ones(len(people)), "middle": people["z"] == "middle", "high": people["z"] == "high"}
    matrix = np.column_stack([known["one"], people["hours"], known["middle"], known["high"]]).astype(float)
    logistic = m.regress(people["b"].to_numpy(dtype=float), matrix, design=design, family="logistic")
    inside = (people["b"] == 1).to_numpy()
    found = {
        "total": m.total(["hours", "visits"], people, design=design),
        "mean": m.mean(["hours", "b"], people, design=design),
        "ratio": m.ratio("visits", "hours", people, design=design),
        "domain": m.mean("hours", people, design=design, where=inside),
    }
    pairs = {name: (part.table["estimate"].to_numpy(), part.covariance) for name, part in found.items()}
    pairs["logistic"] = (logistic.estimate, logistic.covariance)
    for name in pairs.keys() & reference.keys():
        wanted = reference[name]
        limit = max(tolerance, 1e-8) if name == "logistic" else tolerance
        np.testing.assert_allclose(pairs[name][0], np.ravel(wanted["estimate"]), rtol=limit, err_msg=name)
        cov = np.reshape(wanted["covariance"], pairs[name][1].shape)
        np.testing.assert_allclose(pairs[name][1], cov, rtol=10 * limit, atol=limit * np.abs(cov).max(), err_msg=name)


@pytest.mark.parametrize(
    ("case", "options"),
    [
        ("jkn", {}),
        ("jkn_finite", {"population": "villages"}),
        ("jk1", {"strata": None}),
        ("jk1_finite", {"strata": None, "population": "all"}),
        ("jkn_certainty", {"strata": "lonely", "lonely": "certainty"}),
        ("jkn_adjust", {"strata": "lonely", "lonely": "adjust"}),
        ("jkn_average", {"strata": "lonely", "lonely": "average"}),
    ],
)
def test_the_jackknife_is_that_of_r(people, reference, case, options):
    design = m.jackknife(design_of(people, **options))
    factor = np.broadcast_to(reference[case]["factor"], design.replicates.factor.shape)
    np.testing.assert_allclose(np.sort(design.replicates.factor), np.sort(factor), rtol=1e-12)
    agree(people, design, reference[case])


@pytest.mark.parametrize(("case", "rho"), [("brr", 0.0), ("fay", 0.3)])
def test_half_samples_are_those_of_r_with_its_hadamard_matrix(halves, reference, case, rho):
    design = m.balanced(design_of(halves), rho=rho, hadamard=np.array(reference["hadamard"]))
    assert design.replicates.df == reference[case]["df"]
    np.testing.assert_allclose(design.replicates.factor, reference[case]["factor"])
    agree(halves, design, reference[case])


def linear_covariance(people, design):
    return m.total(["hours", "visits"], people, design=design).covariance


@pytest.mark.parametrize("rho", [0.0, 0.5])
def test_any_hadamard_matrix_gives_a_total_its_linearised_variance(halves, rho):
    design = design_of(halves)
    replicated = m.balanced(design, rho=rho)
    np.testing.assert_allclose(linear_covariance(halves, replicated), linear_covariance(halves, design), rtol=1e-10)


def test_the_jackknife_gives_a_total_its_linearised_variance(people):
    for design in (design_of(people), design_of(people, population="villages")):
        replicated = m.jackknife(design)
        assert m.degrees_of_freedom(replicated) == m.degrees_of_freedom(design) == 24
        np.testing.assert_allclose(linear_covariance(people, replicated), linear_covariance(people, design), rtol=1e-10)


@pytest.mark.parametrize("population", [None, "villages"])
def test_the_bootstrap_expects_the_linearised_variance(people, population):
    design = design_of(people, population=population)
    replicated = m.bootstrap(design, replicates=4000, seed=3)
    wanted = linear_covariance(people, design)
    np.testing.assert_allclose(linear_covariance(people, replicated), wanted, atol=0.08 * wanted.max())
    assert replicated.replicates.factor[0] == 1 / 3999
    per_cluster = replicated.replicates.weight[np.unique(design.stages[0].cluster, return_index=True)[1]]
    base = design.weight[np.unique(design.stages[0].cluster, return_index=True)[1]]
    sums = np.stack([np.bincount(design.stages[0].stratum, column / base) for column in per_cluster.T])
    np.testing.assert_allclose(sums, np.broadcast_to(design.stages[0].drawn, sums.shape))


def test_the_bootstrap_is_its_seed(people):
    one, same, other = (m.bootstrap(design_of(people), replicates=5, seed=seed).replicates.weight for seed in (1, 1, 2))
    assert (one == same).all()
    assert (one != other).any()


def calibrated(people, design):
    known = pd.DataFrame({"one": 1.0, "hours": people["hours"]})
    known = known.assign(middle=1.0 * (people["z"] == "middle"), high=1.0 * (people["z"] == "high"))
    margins = {"z": Z_COUNTS, "stratum": STRATUM_COUNTS}
    by_numbers = {
        name: m.calibrate(known, TOTALS, design=design, distance=distance, bounds=bounds, tolerance=1e-12)
        for name, distance, bounds in [
            ("linear", "linear", None),
            ("bounded", "linear", (0.4, 2.2)),
            ("raking", "raking", None),
            ("logit", "logit", (0.3, 3)),
        ]
    }
    return by_numbers | {
        "post": m.poststratify(people["z"], Z_COUNTS, design=design),
        "raked": m.rake(people, margins, design=design, tolerance=1e-13),
        "greg": m.greg(people, margins, design=design),
    }


def test_calibrating_a_design_calibrates_each_replicate_as_in_r(people, reference):
    design = m.jackknife(design_of(people))
    for name, found in calibrated(people, design).items():
        wanted = reference["calibrated"][name]
        np.testing.assert_allclose(found.design.weight, wanted["weight"], rtol=1e-8, err_msg=name)
        agree(people, found.design, wanted, tolerance=1e-8)


def test_replicates_meet_the_totals_and_a_calibrated_variable_has_no_variance(people):
    found = calibrated(people, m.bootstrap(design_of(people), replicates=30, seed=1))
    reached = found["raked"].design.replicates.weight.T @ pd.get_dummies(people["z"])[list(Z_COUNTS)].to_numpy(
        dtype=float
    )
    np.testing.assert_allclose(reached, np.broadcast_to(list(Z_COUNTS.values()), reached.shape), rtol=1e-10)
    hours = m.total("hours", people, design=found["linear"].design).table
    assert hours["std_error"][0] == pytest.approx(0, abs=1e-6)


def test_a_replicate_that_has_nobody_of_a_margin_is_named(people):
    rare = people.assign(kind=np.where(people["cluster"] == people["cluster"][0], "rare", "other"))
    with pytest.raises(DesignError, match="1 of 28 replicates that do not reach 'rare'.*merge it"):
        m.poststratify(rare["kind"], {"rare": 100, "other": 3700}, design=m.jackknife(design_of(people)))


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (m.balanced, {}, "4 strata without exactly two clusters"),
        (lambda design: m.balanced(design, rho=1.0), {}, "rho 1"),
        (lambda design: m.bootstrap(design, seed=1, replicates=1), {}, "1 replicates"),
        (
            lambda design: m.bootstrap(design, seed=1),
            {"strata": "lonely"},
            "1 strata with a single cluster under lonely adjust",
        ),
        (
            m.jackknife,
            {"clusters": ["cluster", "person"], "population": ["villages", "households"]},
            "stage 2 under a finite population",
        ),
        (m.jackknife, {"population": "drawn"}, "no stratum that replicates tell"),
        (
            lambda design: m.jackknife(m.calibrated_design(design, design.weight, np.ones((len(design), 1)))),
            {},
            "a design that is calibrated.*calibrate what comes out",
        ),
        (
            lambda design: m.calibrated_design(m.jackknife(design), design.weight, np.ones((len(design), 1))),
            {},
            "replicate weights.*calibrate again",
        ),
    ],
)
def test_what_replicates_cannot_do_with_a_design_is_refused(people, make, options, message):
    known = people.assign(drawn=people.groupby("stratum")["cluster"].transform("nunique"))
    with pytest.raises(DesignError, match=message):
        make(design_of(known, **options))


def test_half_samples_refuse_finite_populations_and_matrices_out_of_balance(halves):
    with pytest.raises(DesignError, match="4 strata with a finite population"):
        m.balanced(design_of(halves, population="villages"))
    for matrix in (np.ones((8, 8)), m.hadamard_matrix(4), np.arange(64).reshape(8, 8) % 2):
        with pytest.raises(DesignError, match="a Hadamard matrix of two values"):
            m.balanced(design_of(halves), hadamard=matrix)
    with pytest.raises(DesignError, match="unknown centre"):
        m.jackknife(design_of(halves), centre="median")


def test_hadamard_matrices_are_orthogonal_and_small():
    sizes = [len(m.hadamard_matrix(size)) for size in (1, 2, 3, 5, 9, 21, 41)]
    assert sizes == [1, 2, 4, 8, 12, 24, 44]
    for size in range(1, 60):
        matrix = m.hadamard_matrix(size)
        np.testing.assert_array_equal(matrix @ matrix.T, len(matrix) * np.eye(len(matrix), dtype=int))
        assert (matrix[0] == 1).all()


def test_replicates_leave_a_domain_no_more_degrees_of_freedom_than_its_clusters_have(people):
    design, inside = design_of(people), (people["stratum"] == "west").to_numpy()
    few = m.bootstrap(design, replicates=3, seed=1)
    assert m.degrees_of_freedom(m.jackknife(design), inside) == m.degrees_of_freedom(design, inside) == 4
    assert m.degrees_of_freedom(few) == m.degrees_of_freedom(few, inside) == 2


def test_deviations_may_be_taken_from_the_estimate(people):
    mean = m.jackknife(design_of(people))
    estimate = m.jackknife(design_of(people), centre="estimate")
    ratios = [m.ratio("visits", "hours", people, design=design).covariance[0, 0] for design in (mean, estimate)]
    assert 0 < ratios[0] < ratios[1] < 1.01 * ratios[0]
