"""Fits under many weights and of many rows are those of one fit at a time; a fit without an answer is counted."""

from dataclasses import replace

import numpy as np
import pytest

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError
from kzsurvey.modelling.regression import solving
from kzsurvey.modelling.regression.families import FAMILIES, working


def problem(family, n=400, seed=5):
    rng = np.random.default_rng(seed)
    X = np.column_stack([np.ones(n), rng.normal(size=(n, 2)), rng.random(n) < 0.3])
    eta = X @ [-0.4, 0.5, -0.3, 0.4]
    y = {"linear": eta, "poisson": rng.poisson(np.exp(eta))}.get(family, (rng.random(n) < 1 / (1 + np.exp(-eta))) * 1.0)
    names = ("Intercept", "a", "b", "c")
    columns = np.ascontiguousarray(X.T)
    return solving.Problem(
        y + rng.normal(size=n) * (family == "linear"), columns, 0.0, FAMILIES[family], names, "model M"
    )


def bootstrap(n, count, seed=6):
    return np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=count).T * 1.0


@pytest.mark.parametrize("family", list(FAMILIES))
def test_refits_together_are_refits_one_by_one(family):
    one, weight = problem(family), bootstrap(400, 70)
    full = solving.solve(one, np.ones(400))
    alone = np.array([solving.solve(one, own).estimate for own in weight.T])
    np.testing.assert_allclose(solving.refit(one, weight, full), alone, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize("family", ["logistic", "poisson"])
def test_what_a_row_adds_is_the_same_with_one_exponential(family):
    rule, eta = FAMILIES[family], np.linspace(-15, 15, 161)
    y = np.tile([0.0, 1.0], 81)[:161]
    for fast, parts in zip(working(rule, y, eta), working(replace(rule, working=None), y, eta), strict=True):
        np.testing.assert_allclose(fast, parts, rtol=1e-8)
    assert working(rule, y, eta, loss=False)[2] is None


def test_a_start_from_a_part_of_the_rows_leads_to_the_same_answer(monkeypatch):
    one, weight = problem("logistic", 4000), np.random.default_rng(0).uniform(0.5, 2, 4000)
    whole = solving.solve(one, weight)
    monkeypatch.setattr(solving, "_MANY", 1000)
    monkeypatch.setattr(solving, "_PART", 300)
    found = solving.solve(one, weight)
    np.testing.assert_allclose(found.estimate, whole.estimate, rtol=1e-10)
    np.testing.assert_allclose(found.information, whole.information, rtol=1e-9)


def test_a_part_without_an_answer_does_no_harm(monkeypatch):
    one = problem("logistic", 4000)
    one.y[::13] = 0.0  # a part of the rows without the outcome
    weight = np.ones(4000)
    whole = solving.solve(one, weight)
    monkeypatch.setattr(solving, "_MANY", 1000)
    monkeypatch.setattr(solving, "_PART", 4000 // 13)
    np.testing.assert_allclose(solving.solve(one, weight).estimate, whole.estimate, rtol=1e-9)


def test_blocks_of_rows_do_not_matter(monkeypatch):
    one, weight = problem("poisson"), bootstrap(400, 9)
    full, refits = solving.solve(one, np.ones(400)), []
    for size in (8192, 64):
        monkeypatch.setattr(solving, "_BLOCK", size * 2)
        refits.append(solving.refit(one, weight, full))
    np.testing.assert_allclose(refits[0], refits[1], rtol=1e-9)


def test_replicates_without_an_answer_are_counted_and_the_first_is_explained():
    one, weight = problem("logistic"), bootstrap(400, 20)
    weight[:, 4] *= one.y == 0
    weight[:, 7] *= (one.columns[3] == 0) | (one.y == 1)
    full = solving.solve(one, np.ones(400))
    message = r"model M: found 2 of 20 replicates without an answer \(number 5: an outcome that is always 0\)"
    with pytest.raises(DesignError, match=message):
        solving.refit(one, weight, full)
    with pytest.raises(DesignError, match=r"1 of 19 .*\(number 7: separation: .* by c\)"):
        solving.refit(one, np.delete(weight, 4, axis=1), full)


def test_an_estimate_from_replicates_is_the_spread_of_its_refits():
    one = problem("logistic")
    design = m.make_design(weight=np.ones(400))
    weight = bootstrap(400, 60)
    boot = m.with_replicates(design, weight, factor=1 / 60, df=59, centre="estimate")
    where = np.arange(400) < 390
    found = m.regress(one.y, one.columns.T, design=boot, family="logistic", where=where)
    alone = [solving.solve(replace(one, y=one.y[:390], columns=one.columns[:, :390]), w[:390]) for w in weight.T]
    spread = np.array([fit.estimate for fit in alone]) - found.estimate
    np.testing.assert_allclose(found.covariance, spread.T @ spread / 60, rtol=1e-7)


def test_separation_is_looked_for_where_rows_have_weight():
    one = problem("logistic")
    weight = np.where((one.columns[3] == 1) & (one.y == 0), 0.0, 1.0)
    with pytest.raises(DesignError, match=r"separation: the outcome is foretold without error by c"):
        solving.solve(one, weight)
    with pytest.raises(DesignError, match="nothing to estimate c from"):
        solving.solve(one, (one.columns[3] == 0) * 1.0)


def test_separation_in_rows_outside_the_first_part_is_found(monkeypatch):
    one = problem("poisson", 4000)
    rare = np.isin(np.arange(4000), [1, 402, 1203]) * 1.0
    columns = np.concatenate([one.columns, rare[None]])
    separated = replace(one, y=np.where(rare, 0.0, one.y), columns=columns, names=(*one.names, "rare"))
    monkeypatch.setattr(solving, "_PART", 400)
    for family in ("poisson", "logistic"):
        y = separated.y if family == "poisson" else (separated.y > 0) * 1.0
        with pytest.raises(DesignError, match="foretold without error by rare"):
            solving.solve(replace(separated, y=y, family=FAMILIES[family]), np.ones(4000))


def test_an_outcome_far_from_separated_by_a_strong_term_is_fitted():
    x = np.random.default_rng(1).normal(size=3000)
    y = (np.random.default_rng(2).random(3000) < 1 / (1 + np.exp(-12 * x))) * 1.0
    strong = solving.Problem(y, np.stack([np.ones(3000), x]), 0.0, FAMILIES["logistic"], ("Intercept", "x"), "model")
    assert 9 < solving.solve(strong, np.ones(3000)).estimate[1] < 16
