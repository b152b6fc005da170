"""Imputation models are drawn from their posterior: centre, covariance and answers, against theory and estimators."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from kzsurvey.modelling import fit_mixed, fit_ordinal, fit_regression, make_design
from kzsurvey.modelling.missing.categories_drawn import (
    Cumulative,
    Softmax,
    augmented,
    draw_categories,
    start_variance,
)
from kzsurvey.modelling.missing.layout import Groups
from kzsurvey.modelling.missing.numbers_drawn import draw_line, draw_normal, matched
from kzsurvey.modelling.missing.streams import Streams

SETS = 4000
RNG = np.random.default_rng(5)
X = RNG.normal(size=(2, 150))
ROWS = np.vstack([np.ones(150), X])
LEANING = 0.8 * X[0] - 0.5 * X[1]


def stacked(matrix, sets=SETS):
    return np.broadcast_to(matrix, (sets, *matrix.shape)).copy()


def centre_and_draws(kind, y, matrix, levels, sets=SETS):
    """Coefficients at the centre and the draws, taken from what the model is asked to draw."""
    model = kind(y, stacked(matrix, sets), np.ones(len(y)), levels, None, start_variance(sets, levels, "logistic"))
    seen = []
    drawn = kind.drawn

    def recorded(self, centre, move):
        seen.append(drawn(self, centre, move))
        return seen[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kind, "drawn", recorded)
        found = draw_categories(model, stacked(matrix[:, :3], sets), Streams(1, "y", sets), None, None)
    return found, found.memory.point.coefficients[0], seen[0]


def close_in_moments(draws, mean, covariance, *, errors=4.5):
    """Mean and covariance of draws within some errors of simulation."""
    size = np.sqrt(np.diag(covariance))
    assert np.abs((draws.mean(axis=0) - mean) / size).max() < errors / np.sqrt(len(draws))
    ours = np.cov(draws, rowvar=False) / np.outer(size, size)
    wanted = covariance / np.outer(size, size)
    assert np.abs(ours - wanted).max() < errors * np.sqrt(2 / len(draws))


def test_a_linear_model_is_drawn_from_its_posterior():
    y = 1 + LEANING + RNG.normal(size=150)
    line = draw_line(y, stacked(ROWS), Streams(1, "y", SETS))
    inverse = np.linalg.inv(ROWS @ ROWS.T)
    best = inverse @ ROWS @ y
    rss = ((y - best @ ROWS) ** 2).sum()
    assert np.allclose(line.centre, best)
    close_in_moments(line.drawn, best, rss / (150 - 3 - 2) * inverse)
    assert (line.sigma**2).mean() == pytest.approx(rss / 145, rel=0.01)


def test_values_of_a_linear_model_spread_as_new_people_would():
    y = 1 + LEANING + RNG.normal(size=150)
    streams = Streams(1, "y", SETS)
    line = draw_line(y, stacked(ROWS), streams)
    values = draw_normal(line, stacked(ROWS[:, :1]), streams, None, (-np.inf, np.inf))[:, 0]
    row, inverse = ROWS[:, 0], np.linalg.inv(ROWS @ ROWS.T)
    best = inverse @ ROWS @ y
    variance = ((y - best @ ROWS) ** 2).sum() / 145 * (1 + row @ inverse @ row)
    assert values.mean() == pytest.approx(row @ best, abs=4 * np.sqrt(variance / SETS))
    assert values.var() == pytest.approx(variance, rel=0.1)


def test_bounds_hold_and_cut_a_normal_distribution_off():
    y = RNG.normal(size=150)
    streams = Streams(1, "y", 200)
    line = draw_line(y, stacked(ROWS[:1], 200), streams)
    values = draw_normal(line, np.ones((200, 1, 50)), streams, None, (0.0, 0.5))
    assert values.min() >= 0
    assert values.max() <= 0.5
    assert values.mean() == pytest.approx(0.245, abs=0.01)


def test_a_logistic_model_is_drawn_from_its_curvature():
    y = (RNG.random(150) < expit(LEANING)).astype(int)
    found, centre, draws = centre_and_draws(Softmax, y, ROWS, 2)
    table = pd.DataFrame({"y": y, "a": X[0], "b": X[1]})
    fit = fit_regression(table, "y ~ a + b", design=make_design(weight=np.ones(150)), family="logistic")
    assert np.allclose(centre, fit.terms["estimate"], atol=1e-6)
    close_in_moments(draws, fit.terms["estimate"].to_numpy(), fit.extra["unscaled"])
    assert not found.perfect


def test_a_multinomial_model_is_drawn_from_its_curvature():
    from statsmodels.discrete.discrete_model import MNLogit

    y = (np.array([0 * X[0], LEANING, 0.5 - LEANING]) + RNG.gumbel(size=(3, 150))).argmax(axis=0)
    _, centre, draws = centre_and_draws(Softmax, y, ROWS, 3)
    fit = MNLogit(y, ROWS.T).fit(disp=False, method="newton", maxiter=100)
    best = fit.params.T.ravel()
    assert np.allclose(centre, best, atol=1e-5)
    close_in_moments(draws, best, fit.cov_params())


def test_a_proportional_odds_model_is_drawn_from_its_curvature():
    y = np.searchsorted([-1.0, 0.0, 1.2], LEANING + RNG.logistic(size=150))
    _, centre, draws = centre_and_draws(Cumulative, y, X, 4)
    table = pd.DataFrame({"y": y, "a": X[0], "b": X[1]})
    fit = fit_ordinal(table, "y ~ a + b", design=make_design(weight=np.ones(150)))
    best = fit.terms["estimate"].to_numpy()
    assert np.allclose(centre, best, atol=1e-6)
    close_in_moments(draws[:, 3:], best[3:], fit.extra["unscaled"][3:, 3:])
    assert (np.diff(draws[:, :3], axis=1) > 0).all()
    close_in_moments(draws[:, :1], best[:1], fit.extra["unscaled"][:1, :1])


def test_answers_are_drawn_with_their_chances():
    y = (RNG.random(150) < expit(LEANING)).astype(int)
    found, centre, _ = centre_and_draws(Softmax, y, ROWS, 2)
    expected = expit(centre @ ROWS[:, :3])
    assert np.abs(found[0].mean(axis=0) - expected).max() < 0.03


def test_donors_are_the_nearest_few_and_each_is_as_likely():
    learn, y = np.arange(20.0), np.arange(20.0) * 10
    streams = Streams(1, "y", SETS)
    line = draw_line(y, stacked(np.vstack([np.ones(20), learn]), SETS), streams)
    values = matched(
        line, y, stacked(np.vstack([np.ones(20), learn])), stacked(np.array([[1.0], [7.2]])), streams, donors=5
    )
    counts = pd.Series(values[:, 0]).value_counts(normalize=True).sort_index()
    assert counts.index.tolist() == [50.0, 60.0, 70.0, 80.0, 90.0]
    assert counts.between(0.17, 0.23).all()


def test_donors_with_one_prediction_all_have_their_turn():
    y = np.arange(40.0)
    streams = Streams(1, "y", 800)
    line = draw_line(y, stacked(np.ones((1, 40)), 800), streams)
    values = matched(line, y, stacked(np.ones((1, 40)), 800), stacked(np.ones((1, 1)), 800), streams, donors=5)
    assert set(values[:, 0]) == set(y)


CODE = np.repeat(np.arange(60), 8)
GROUPS = Groups(CODE, np.array([0, 59, 60]), np.flatnonzero(np.diff(CODE, prepend=-1)), np.arange(60), 61)


def test_a_linear_model_with_clusters_agrees_with_a_mixed_model():
    x = RNG.normal(size=480)
    y = 1 + 0.5 * x + RNG.normal(size=60)[CODE] * 0.7 + RNG.normal(size=480)
    matrix, streams, spread = stacked(np.vstack([np.ones(480), x]), 300), Streams(1, "y", 300), None
    for _ in range(6):
        line = draw_line(y, matrix, streams, groups=GROUPS, spread=spread)
        spread = line.spread
    fit = fit_mixed(pd.DataFrame({"y": y, "x": x, "village": CODE}), "y ~ x", groups="village")
    close_in_moments(line.drawn, fit.terms["estimate"].to_numpy(), fit.covariance * 1.03, errors=6)
    residual = fit.extra["variances"].set_index("term").loc["residual", "variance"]
    assert spread.people.mean() == pytest.approx(residual, rel=0.05)
    between = fit.summary["icc"] / (1 - fit.summary["icc"]) * spread.people.mean()
    assert np.median(spread.clusters) == pytest.approx(between, rel=0.15)
    unsure = 1 / (8 / spread.people.mean() + 1 / np.median(spread.clusters))
    assert line.drawn_effect[:, :60].var(axis=0).mean() == pytest.approx(unsure, rel=0.2)
    assert line.drawn_effect[:, 60].var() == pytest.approx(np.median(spread.clusters), rel=0.3)


def spread_between(kind, y, rows, levels, groups):
    """Standard deviations between clusters, medians over sets and the later of 40 cycles."""
    people, memory, kept = y.size, None, []
    variance = start_variance(60, levels, "ordinal" if kind is Cumulative else "")
    for cycle in range(40):
        model = kind(y, stacked(rows, 60), np.ones(people), levels, groups, variance)
        found = draw_categories(model, stacked(rows[:, :3], 60), Streams(cycle, "y", 60), groups.fill, memory)
        memory, variance = found.memory, found.memory.variance
        kept += [variance] if cycle >= 15 else []
    assert found.arrived
    return np.sqrt(np.median(kept, axis=(0, 1)))


def test_clusters_differ_as_in_a_logistic_mixed_model():
    x = RNG.normal(size=480)
    y = (RNG.random(480) < expit(0.5 * x + RNG.normal(size=60)[CODE] * 0.9)).astype(int)
    fit = fit_mixed(pd.DataFrame({"y": y, "x": x, "village": CODE}), "y ~ x", groups="village", family="logistic")
    wanted = np.sqrt(fit.summary["icc"] / (1 - fit.summary["icc"]) * np.pi**2 / 3)
    assert spread_between(Softmax, y, np.vstack([np.ones(480), x]), 2, GROUPS) == pytest.approx([wanted], rel=0.12)


@pytest.mark.parametrize("kind", [Softmax, Cumulative])
def test_clusters_of_several_categories_differ_as_much_as_they_do(kind):
    rng, code = np.random.default_rng(3), np.repeat(np.arange(80), 16)
    groups = Groups(code, np.array([0, 1, 80]), np.arange(0, 1280, 16), np.arange(80), 81)
    x, effect = rng.normal(size=1280), rng.normal(size=(80, 3))[code] * 0.8
    if kind is Softmax:
        y = (np.column_stack([0 * x, 0.5 * x, -0.3 * x]) + effect * [0, 1, 1] + rng.gumbel(size=(1280, 3))).argmax(
            axis=1
        )
        found = spread_between(kind, y, np.vstack([np.ones(1280), x]), 3, groups)
    else:
        y = np.searchsorted([-1.0, 0.0, 1.2], 0.5 * x + effect[:, 0] + rng.logistic(size=1280))
        found = spread_between(kind, y, x[None], 4, groups)
    assert found == pytest.approx(np.full(len(found), 0.8), abs=0.2)


def test_rows_added_against_perfect_prediction_keep_the_shares():
    y = np.array([0] * 90 + [1] * 10)
    answers, matrix, weight = augmented(y, stacked(np.vstack([np.ones(100), np.arange(100.0)]), 2), 2, intercept=True)
    assert weight[100:].sum() == pytest.approx(2.0)
    assert weight[100:][answers[100:] == 1].sum() == pytest.approx(0.2)
    assert matrix.shape == (2, 2, 104)
    assert np.allclose(matrix[:, 1, 100:].mean(axis=1), 49.5)


def test_a_perfect_prediction_is_noticed_and_the_added_rows_mend_it():
    x = np.linspace(-1, 1, 80)
    y = (x > 0).astype(int)
    rows = stacked(np.vstack([np.ones(80), x]), 50)
    plain = Softmax(y, rows, np.ones(80), 2, None, start_variance(50, 2, ""))
    found = draw_categories(plain, rows[:, :, :2], Streams(1, "y", 50), None, None)
    assert found.perfect or not found.arrived
    more = Softmax(*augmented(y, rows, 2, intercept=True), 2, None, start_variance(50, 2, ""))
    found = draw_categories(more, rows[:, :, :2], Streams(1, "y", 50), None, None)
    assert found.arrived
    assert not found.perfect
    assert np.abs(found.memory.point.coefficients).max() < 30
