"""Oster's delta and adjusted estimate, held to populations whose unobserved control is known."""

import numpy as np
import pandas as pd
import pytest

from kzsurvey.errors import DesignError
from kzsurvey.modelling import fit_regression, make_design, oster


def population(effect, delta, var_u=0.8, covariance=0.5, n=400):
    """Rows with exact moments: x, an observed control c, an unobserved u with selection delta times as strong."""
    cov = np.array([[2.0, covariance, delta * covariance * var_u], [covariance, 1.0, 0.0], [0.0, 0.0, var_u]])
    cov[2, 0] = cov[0, 2]
    drawn = np.random.default_rng(5).normal(size=(n, 3))
    drawn -= drawn.mean(axis=0)
    white = drawn @ np.linalg.inv(np.linalg.cholesky(drawn.T @ drawn / n)).T
    people = pd.DataFrame(white @ np.linalg.cholesky(cov).T, columns=["x", "c", "u"])
    return people.assign(y=effect * people["x"] + people["c"] + people["u"])


@pytest.mark.parametrize(("effect", "delta"), [(0.5, 1.0), (1.0, 0.5), (-0.3, 1.7), (0.2, -0.6), (0.0, 0.8)])
def test_the_true_effect_and_the_true_proportion_are_found(effect, delta):
    people = population(effect, delta)
    given = {"term": "x", "design": make_design(people), "r_max": 1.0}
    found = oster(people, "y ~ x + c", target=effect, proportion=delta, **given).iloc[0]
    assert found["delta"] == pytest.approx(delta, rel=1e-8)
    assert found["adjusted"] == pytest.approx(effect, abs=1e-8)


def test_both_regressions_are_those_of_the_house():
    people = population(0.5, 1.0).assign(weight=np.linspace(1, 3, 400), group=lambda rows: np.arange(len(rows)) % 3)
    design = make_design(people, weight="weight")
    found = oster(people, "y ~ x + c + C(group)", term="x", design=design).iloc[0]
    short, long = (fit_regression(people, f"y ~ x{rest}", design=design) for rest in ("", " + c + C(group)"))
    assert [found["estimate_short"], found["estimate"]] == pytest.approx(
        [fit.terms["estimate"].iloc[fit.terms["term"].tolist().index("x")] for fit in (short, long)]
    )
    assert [found["r_squared_short"], found["r_squared"]] == pytest.approx(
        [fit.summary["r_squared"] for fit in (short, long)]
    )


def test_terms_that_always_stand_are_taken_out_of_both_models():
    people = population(0.5, 1.0).assign(group=lambda rows: (np.arange(len(rows)) % 3).astype(str))
    people["y"] += people["group"].astype(int)
    design = make_design(people)
    found = oster(people, "y ~ x + c + C(group)", term="x", always=("C(group)",), design=design).iloc[0]
    alone = fit_regression(people, "y ~ x + C(group)", design=design).terms
    assert found["estimate_short"] == pytest.approx(alone.loc[alone["term"] == "x", "estimate"].iloc[0])


def test_the_interval_of_the_adjusted_estimate_covers_it():
    random, held = np.random.default_rng(2), []
    for _ in range(300):
        village = np.repeat(np.arange(40), 10)
        drawn = population(0.5, 1.0).sample(400, replace=True, random_state=int(random.integers(1e9)))
        people = drawn.reset_index(drop=True).assign(village=village)
        found = oster(people, "y ~ x + c", term="x", r_max=1.0, design=make_design(people, clusters="village")).iloc[0]
        held.append(found["conf_low"] <= 0.5 <= found["conf_high"])
    assert 0.90 <= np.mean(held) <= 0.98


@pytest.mark.parametrize(
    ("formula", "options", "said"),
    [
        ("y ~ c", {}, "no term 'x'"),
        ("y ~ x", {}, "without controls"),
        ("y ~ x + c", {"r_max": 0.1}, "r_max 0.1"),
        ("y ~ x + c + I(2 * c)", {}, "I"),
        ("y ~ x + c", {"always": ("d",)}, "no term 'd'"),
    ],
)
def test_what_has_no_answer_is_refused(formula, options, said):
    people = population(0.5, 1.0)
    with pytest.raises(DesignError, match=said):
        oster(people, formula, term="x", design=make_design(people), **options)
