"""Coefficients of agreement, each as sums over units and a formula of the sums.

Every coefficient is ``1 - observed / expected`` disagreement, and both are functions of sums over units. So a resample
is a product of a matrix of weights with the summands, and the influence of a unit is the derivative of the formula in
the direction of its summand: no coefficient knows how it is resampled.

Shapes: ``numbers`` is (layers, units, coders), where layers are codes looked at one by one (one layer otherwise);
``terms`` is (layers, units, p); sums are (..., p). Formulas take complex sums, for exact derivatives.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Formula = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


class Panel(NamedTuple):
    """What was coded, as coefficients see it.

    Attributes
    ----------
    numbers : (layers, units, coders) array, place of a value; -1 where not coded
    agreement : (values, values) array, credit for a pair of values: 1 on the diagonal
    distance : (values, values) array, squared distance for alpha; for ordinal values taken from the margins instead
    level : str, level of measurement for alpha
    shared : (values, values) array, decisions that two values share (Holsti)
    decisions : (values,) array, decisions that a value holds
    scores : (values,) array of numbers for the interval level; else empty
    """

    numbers: np.ndarray
    agreement: np.ndarray
    distance: np.ndarray
    level: str
    shared: np.ndarray
    decisions: np.ndarray
    scores: np.ndarray

    @property
    def size(self) -> int:
        """Number of values."""
        return len(self.agreement)


class Statistic(NamedTuple):
    """Summands of every unit, and (observed, expected) disagreement from their sums."""

    terms: np.ndarray
    formula: Formula


def estimate(formula: Formula, sums: np.ndarray) -> np.ndarray:
    """The coefficient; nan where no disagreement could be expected, or nothing was coded twice."""
    observed, expected = formula(sums)
    return 1 - ratio(observed, expected)


def ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Quotient; nan where the divisor is 0, up to rounding."""
    above, below = np.broadcast_arrays(above, below)
    out = np.full(above.shape, np.nan, dtype=np.result_type(above, below, float))
    return np.divide(above, below, out=out, where=np.abs(np.real(below)) > 1e-12)


def counts(panel: Panel) -> np.ndarray:
    """(layers, units, values) array: how many coders gave each value."""
    layers, units, coders = panel.numbers.shape
    cell = np.arange(layers * units).repeat(coders) * (panel.size + 1) + panel.numbers.ravel() + 1
    counted = np.bincount(cell, minlength=layers * units * (panel.size + 1)).astype(float)
    return counted.reshape(layers, units, panel.size + 1)[..., 1:]


def _given(numbers: np.ndarray, size: int) -> np.ndarray:
    """0/1 per value, in a new last axis; all 0 where not coded."""
    return np.vstack([np.eye(size), np.zeros(size)])[numbers]


def _pairs_agreeing(panel: Panel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each unit: agreement of its pairs of coders, whether it has one, counts of values."""
    count = counts(panel)
    coded = count.sum(axis=-1)
    paired = coded >= 2
    agreeing = (count * (count @ panel.agreement)).sum(axis=-1) - coded
    return np.where(paired, agreeing / np.maximum(coded * (coded - 1), 1), 0.0), paired, count


def _bilinear(left: np.ndarray, matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.einsum("...i,...i->...", left @ matrix, right)


def percent(panel: Panel) -> Statistic:
    """Share of units on which all who coded them agree."""
    count = counts(panel)
    coded = count.sum(axis=-1)
    alike = (count.max(axis=-1) == coded) & (coded >= 2)
    return Statistic(np.stack([alike, coded >= 2], axis=-1).astype(float), _share)


def percent_pairs(panel: Panel) -> Statistic:
    """Mean over units of the share of pairs of coders that agree (with part credit by weights)."""
    agreeing, paired, _ = _pairs_agreeing(panel)
    return Statistic(np.stack([agreeing, paired], axis=-1), _share)


def _share(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return 1 - ratio(sums[..., 0], sums[..., 1]), np.ones(sums.shape[:-1])


def holsti(panel: Panel) -> Statistic:
    """Mean over pairs of coders of 2 M / (N1 + N2): shared decisions over all decisions on units both coded."""
    first, second = np.triu_indices(panel.numbers.shape[-1], 1)
    left, right = panel.numbers[..., first], panel.numbers[..., second]
    both = (left >= 0) & (right >= 0)
    shared = 2 * panel.shared[left, right] * both
    made = (panel.decisions[left] + panel.decisions[right]) * both
    return Statistic(np.concatenate([shared, made], axis=-1), _mean_share)


def _mean_share(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    shared, made = np.split(sums, 2, axis=-1)
    shares = ratio(shared, made)
    there = ~np.isnan(shares.real)
    mean = ratio(np.where(there, shares, 0).sum(axis=-1), there.sum(axis=-1))
    return 1 - mean, np.ones(sums.shape[:-1])


def cohen(panel: Panel) -> Statistic:
    """Cohen's kappa of two coders, weighted where the agreement is; units that both coded."""
    left, right = panel.numbers[..., 0], panel.numbers[..., 1]
    both = ((left >= 0) & (right >= 0))[..., None]
    agreeing = panel.agreement[left, right][..., None]
    terms = np.concatenate([agreeing, _given(left, panel.size), _given(right, panel.size)], axis=-1) * both

    def formula(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        one, other = np.split(sums[..., 1:], 2, axis=-1)
        units = one.sum(axis=-1)
        return 1 - ratio(sums[..., 0], units), 1 - ratio(_bilinear(one, panel.agreement, other), units**2)

    return Statistic(terms, formula)


def conger(panel: Panel) -> Statistic:
    """Conger's kappa of any number of coders: each keeps a distribution of their own."""
    agreeing, paired, _ = _pairs_agreeing(panel)
    given = _given(panel.numbers, panel.size)
    terms = np.concatenate([agreeing[..., None], paired[..., None], given.reshape(*given.shape[:2], -1)], axis=-1)
    return Statistic(terms, lambda sums: _conger(sums, panel))


def _conger(sums: np.ndarray, panel: Panel) -> tuple[np.ndarray, np.ndarray]:
    margins = sums[..., 2:].reshape(*sums.shape[:-1], -1, panel.size)
    shares = ratio(margins, margins.sum(axis=-1, keepdims=True))
    there = ~np.isnan(shares.real).any(axis=-1)
    shares = np.where(there[..., None], shares, 0)
    coders = there.sum(axis=-1)
    total = shares.sum(axis=-2)
    between = _bilinear(total, panel.agreement, total) - _bilinear(shares, panel.agreement, shares).sum(axis=-1)
    return 1 - ratio(sums[..., 0], sums[..., 1]), 1 - ratio(between, coders * (coders - 1))


def _by_margins(panel: Panel, chance: Callable[[np.ndarray, Panel], np.ndarray]) -> Statistic:
    """Coefficients whose chance agreement is a function of the mean distribution of values over units."""
    agreeing, paired, count = _pairs_agreeing(panel)
    coded = count.sum(axis=-1, keepdims=True)
    shares = count / np.maximum(coded, 1)
    terms = np.concatenate([agreeing[..., None], paired[..., None], coded > 0, shares], axis=-1)

    def formula(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        margins = ratio(sums[..., 3:], sums[..., 2:3])
        return 1 - ratio(sums[..., 0], sums[..., 1]), 1 - chance(margins, panel)

    return Statistic(terms, formula)


def fleiss(panel: Panel) -> Statistic:
    """Fleiss' kappa (Scott's pi with two coders)."""
    return _by_margins(panel, lambda margins, panel: _bilinear(margins, panel.agreement, margins))


def gwet(panel: Panel) -> Statistic:
    """Gwet's AC1; AC2 where agreement is weighted."""
    return _by_margins(panel, _gwet_chance)


def _gwet_chance(margins: np.ndarray, panel: Panel) -> np.ndarray:
    scale = panel.agreement.sum() / max(panel.size * (panel.size - 1), 1)
    return scale * (margins * (1 - margins)).sum(axis=-1)


def brennan_prediger(panel: Panel) -> Statistic:
    """Brennan and Prediger's coefficient: all values are equally likely by chance."""
    return _by_margins(panel, lambda margins, panel: panel.agreement.mean() + 0 * margins.sum(axis=-1))


def alpha(panel: Panel) -> Statistic:
    """Krippendorff's alpha."""
    return ALPHAS.get(panel.level, _alpha_of_distance)(panel)


def _alpha_of_distance(panel: Panel) -> Statistic:
    """Alpha where the distance of two values is known beforehand: one summand of disagreement per unit."""
    count = counts(panel)
    coded = count.sum(axis=-1)
    paired = coded >= 2
    differing = np.where(paired, _bilinear(count, panel.distance, count) / np.maximum(coded - 1, 1), 0.0)
    terms = np.concatenate([differing[..., None], count * paired[..., None]], axis=-1)

    def formula(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        margins = sums[..., 1:]
        return _alpha(sums[..., 0], _bilinear(margins, panel.distance, margins), margins.sum(axis=-1))

    return Statistic(terms, formula)


def _alpha_of_margins(panel: Panel) -> Statistic:
    """Alpha of ordinal values: their distance depends on the margins, so all coincidences are summed."""
    count = counts(panel)
    coded = count.sum(axis=-1)
    paired = (coded >= 2)[..., None]
    low, high = np.triu_indices(panel.size, 1)
    pairs = count[..., low] * count[..., high] / np.maximum(coded - 1, 1)[..., None]
    terms = np.concatenate([pairs * paired, count * paired], axis=-1)

    def formula(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pairs, margins = sums[..., : len(low)], sums[..., len(low) :]
        middle = margins.cumsum(axis=-1) - margins / 2  # half of the own value: so the ends of a range count half
        distance = (middle[..., high] - middle[..., low]) ** 2
        expected = 2 * (margins[..., low] * margins[..., high] * distance).sum(axis=-1)
        return _alpha(2 * (pairs * distance).sum(axis=-1), expected, margins.sum(axis=-1))

    return Statistic(terms, formula)


def _alpha_of_scores(panel: Panel) -> Statistic:
    """Alpha of numbers: squared differences need sums and sums of squares only, however many values there are."""
    coded = (panel.numbers >= 0).sum(axis=-1)
    paired = coded >= 2
    middle = panel.scores.mean()  # keeps the sums of squares small
    score = np.append(panel.scores - middle, 0.0)[panel.numbers]
    summed, squared = score.sum(axis=-1), (score**2).sum(axis=-1)
    differing = 2 * (coded * squared - summed**2) / np.maximum(coded - 1, 1)
    terms = np.stack([differing, coded, summed, squared], axis=-1) * paired[..., None]

    def formula(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        observed, coded, summed, squared = np.moveaxis(sums, -1, 0)
        return _alpha(observed, 2 * (coded * squared - summed**2), coded)

    return Statistic(terms, formula)


def _alpha(observed: np.ndarray, expected: np.ndarray, coded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean disagreement of pairs within units, and of all pairs of codings whatever their unit."""
    return ratio(observed, coded), ratio(expected, coded * (coded - 1))


ALPHAS = {"ordinal": _alpha_of_margins, "interval": _alpha_of_scores}
STATISTICS: dict[str, Callable[[Panel], Statistic]] = {
    "percent": percent,
    "percent_pairs": percent_pairs,
    "holsti": holsti,
    "cohen": cohen,
    "conger": conger,
    "fleiss": fleiss,
    "alpha": alpha,
    "ac1": gwet,
    "ac2": gwet,
    "brennan_prediger": brennan_prediger,
    "pabak": brennan_prediger,
}
