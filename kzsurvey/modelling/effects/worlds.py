"""Expected outcomes in worlds that were not seen: treatment at one value, mediators as under another.

Everything here is a smooth function of parameters and weights, with its exact derivative, so that effects carried by a
mediator get the same design-based variance as a coefficient. Matrices are made once; parameters may come by the
thousand, one column for each draw.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

# The logistic curve as a mixture of eight normal ones, off by at most 2.2e-9 (Monahan and Stefanski 1992). Averaged
# over a normal variable it stays one, whatever the variance; the nodes of Gauss and Hermite fail for large variances.
_SHARE = np.array(
    [
        0.003246343272134, 0.051517477033972, 0.195077912673858, 0.315569823632818,
        0.274149576158423, 0.131076880695470, 0.027912418727972, 0.001449567805354,
    ]
)  # fmt: skip
_SPEED = np.array(
    [
        1.365340806296348, 1.059523971016916, 0.830791313765644, 0.650732166639391,
        0.508135425366489, 0.396313345166341, 0.308904252267995, 0.238212616409306,
    ]
)  # fmt: skip
_MIXTURES = {"logit": (_SHARE, _SPEED), "probit": (np.ones(1), np.ones(1))}
LINK = {
    "linear": "", "logistic": "logit", "probit": "probit", "ordinal": "logit", "ordinal_probit": "probit",
}  # fmt: skip
_CELL = 0.1  # width, of the table that a curve is read from for many draws
_WORTH_A_TABLE = 300  # rows

Worlds = tuple[int, tuple[int, ...]]


class Mediator(NamedTuple):
    """A mediator's equation.

    Attributes
    ----------
    name : str
    kind : str, a key of ``LINK``
    place : slice, of its parameters among all
    cuts : int, thresholds, which come first among its parameters
    levels : tuple, its values in the table, lowest first; empty where it is a number
    """

    name: str
    kind: str
    place: slice
    cuts: int
    levels: tuple


class Outcome(NamedTuple):
    """The outcome's equation.

    Attributes
    ----------
    kind : str, a key of ``LINK``
    place : slice, of its parameters among all
    cuts : int, thresholds, which come first among its parameters
    scores : (K,) array, what each level of an ordinal outcome counts
    """

    kind: str
    place: slice
    cuts: int
    scores: np.ndarray


@dataclass(frozen=True, eq=False)
class Equations:
    """Mediators and outcome, and where each has its parameters.

    Attributes
    ----------
    mediators : tuple of Mediator
    outcome : Outcome
    spread : slice
        Of the residual variances and covariances of the mediators that are numbers (lower triangle, row by row);
        empty where the outcome is linear and does not need them.
    size : int, number of parameters
    """

    mediators: tuple[Mediator, ...]
    outcome: Outcome
    spread: slice
    size: int

    @property
    def numbers(self) -> list[int]:
        """Mediators that are numbers."""
        return [at for at, mediator in enumerate(self.mediators) if not mediator.levels]

    @property
    def chosen(self) -> list[int]:
        """Mediators that have levels."""
        return [at for at, mediator in enumerate(self.mediators) if mediator.levels]


@dataclass(frozen=True, eq=False)
class Scene:
    """The rows whose effects are averaged, made ready for both values of the treatment.

    Attributes
    ----------
    name : str, empty, or the value a moderator was set to
    mediators : tuple of (low, high), each (m, p), matrices of the mediators' equations
    base : mapping of (treatment, levels of the mediators that have them) to (m, p)
        Matrix of the outcome's equation where the mediators that are numbers are 0.
    slopes : mapping of the same to a tuple of (m, p) or (1, p)
        What one unit of each mediator that is a number adds; one row where all are the same.
    """

    name: str
    mediators: tuple[tuple[np.ndarray, np.ndarray], ...]
    base: dict[tuple[int, tuple[int, ...]], np.ndarray]
    slopes: dict[tuple[int, tuple[int, ...]], tuple[np.ndarray, ...]]


def settings(count: int) -> list[Worlds]:
    """The worlds compared: value of the treatment, and the value under which each mediator arose.

    Parameters
    ----------
    count : int, mediators

    Examples
    --------
    >>> settings(1)
    [(0, (0,)), (0, (1,)), (1, (0,)), (1, (1,))]
    >>> settings(2)[4:]
    [(0, (1, 0)), (1, (0, 1)), (0, (0, 1)), (1, (1, 0))]
    """
    whole = [(treated, (world,) * count) for treated in (0, 1) for world in (0, 1)]
    if count == 1:
        return whole
    alone = [
        (treated, tuple(1 - treated if at == one else treated for at in range(count)))
        for one in range(count)
        for treated in (0, 1)
    ]
    return whole + alone


def means(equations: Equations, scene: Scene, theta: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Average outcome in each of the worlds compared.

    Parameters
    ----------
    equations : Equations
    scene : Scene, of m rows
    theta : (P, B) array, one set of parameters a column
    weight : (m, B) or (m, 1) array, adding to 1

    Returns
    -------
    (S, B) array, in the order of :func:`settings`

    Examples
    --------
    A mediator raised by 2, an outcome raised by 3 for each unit of it and by 1 beside it:

    >>> ones, zeros = np.ones((1, 1)), np.zeros((1, 1))
    >>> equations = Equations(
    ...     (Mediator("m", "linear", slice(0, 2), 0, ()),),
    ...     Outcome("linear", slice(2, 5), 0, np.zeros(0)), slice(5, 5), 5)
    >>> scene = Scene("", ((np.array([[1.0, 0.0]]), np.array([[1.0, 1.0]])),),
    ...     {(0, ()): np.array([[1.0, 0, 0]]), (1, ()): np.array([[1.0, 1, 0]])},
    ...     {(0, ()): (np.array([[0.0, 0, 1]]),), (1, ()): (np.array([[0.0, 0, 1]]),)})
    >>> means(equations, scene, np.array([[0.0], [2.0], [0.0], [1.0], [3.0]]), ones).ravel().tolist()
    [0.0, 6.0, 1.0, 7.0]
    """
    seen = _Seen(equations, scene, theta)
    rows = (sum(part.value() for part in seen.parts(*worlds)) for worlds in settings(len(equations.mediators)))
    return np.array([_average(weight, row) for row in rows])


def rows_and_gradient(
    equations: Equations, scene: Scene, theta: np.ndarray, weight: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Expected outcome of each row in each of the worlds compared, and how their averages move with the parameters.

    Parameters
    ----------
    equations : Equations
    scene : Scene, of m rows
    theta : (P,) array
    weight : (m,) array, adding to 1

    Returns
    -------
    rows : (m, S) array
    gradient : (S, P) array
    """
    seen = _Seen(equations, scene, theta[:, None])
    worlds = settings(len(equations.mediators))
    rows, gradient = np.zeros((len(weight), len(worlds))), np.zeros((len(worlds), equations.size))
    for at, world in enumerate(worlds):
        for part in seen.parts(*world):
            rows[:, at] += part.value()[:, 0]
            _add_slopes(gradient[at], part, weight)
    return rows, gradient


def path_matrices(equations: Equations, scene: Scene) -> tuple[list[tuple[slice, np.ndarray]], np.ndarray]:
    """Paths from the treatment to each mediator, and from each mediator to the outcome, on linear predictors.

    Parameters
    ----------
    equations : Equations
    scene : Scene, of m rows

    Returns
    -------
    paths : list of (slice, (m, p) or (1, p) array), all a first, then all b
        Which parameters, and what each row takes of them.
    given : (2k,) bool array, False for the b of a mediator that enters the outcome as more than one term
    """
    mediators, outcome = equations.mediators, equations.outcome
    first = [
        (slice(one.place.start + one.cuts, one.place.stop), high - low)
        for one, (low, high) in zip(mediators, scene.mediators, strict=True)
    ]
    steps = [_one_unit(equations, scene, at) for at in range(len(mediators))]
    second = [(slice(outcome.place.start + outcome.cuts, outcome.place.stop), step) for step, _ in steps]
    return [*first, *second], np.array([True] * len(mediators) + [given for _, given in steps])


def smoothed(link: str, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Expected value of a link's curve at a normal variable.

    Parameters
    ----------
    link : {"logit", "probit"}
    mean : (m, B) array
    variance : array that broadcasts with it

    Notes
    -----
    The logistic curve is taken as a mixture of eight normal ones, exact to 2.2e-9.

    References
    ----------
    Monahan, J. F., & Stefanski, L. A. (1992). Normal scale mixture approximations to F*(z) and computation of the
    logistic-normal integral. In N. Balakrishnan (Ed.), Handbook of the Logistic Distribution (pp. 529-540). Dekker.

    Examples
    --------
    >>> smoothed("logit", np.array([[0.0, 1.0]]), np.array([[4.0]])).round(6).tolist()
    [[0.5, 0.647726]]
    """
    share, speed = _MIXTURES[link]
    return sum(
        part * ndtr(mean * (rate / np.sqrt(1 + rate**2 * variance))) for part, rate in zip(share, speed, strict=True)
    )


def density(link: str, x: np.ndarray) -> np.ndarray:
    """Slope of a link's curve.

    Examples
    --------
    >>> density("logit", np.array([0.0, np.inf])).tolist()
    [0.25, 0.0]
    """
    if link == "probit":
        return np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)
    value = curve("logit", x)
    return value * (1 - value)


def curve(link: str, x: np.ndarray) -> np.ndarray:
    """A link's curve itself.

    Examples
    --------
    >>> curve("logit", np.array([0.0, 2.0])).round(4).tolist()
    [0.5, 0.8808]
    """
    return ndtr(x) if link == "probit" else 0.5 + 0.5 * np.tanh(0.5 * x)  # tanh is three times as fast as expit


def _slopes(link: str, mean: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How an expected curve moves with mean and variance (which, by the heat equation, is half its bend)."""
    by_mean, by_variance = 0.0, 0.0
    for part, rate in zip(*_MIXTURES[link], strict=True):
        pace = rate / np.sqrt(1 + rate**2 * variance)
        bell = part * pace * np.exp(-0.5 * (mean * pace) ** 2) / np.sqrt(2 * np.pi)
        by_mean, by_variance = by_mean + bell, by_variance - 0.5 * mean * pace**2 * bell
    return by_mean, by_variance


def _average(weight: np.ndarray, row: np.ndarray) -> np.ndarray:
    """Weighted sum down the rows, for each draw."""
    if len(row) == 1:
        return np.broadcast_to(row[0], (max(row.shape[1], weight.shape[1]),))
    if weight.shape[1] == 1:
        return weight[:, 0] @ row
    return np.einsum("ib,ib->b", weight, row)


def _one_unit(equations: Equations, scene: Scene, at: int) -> tuple[np.ndarray, bool]:
    """What a mediator one unit (one level) higher adds to the outcome's matrix, and whether that is one number."""
    if at in equations.numbers:
        number = equations.numbers.index(at)
        found = list(scene.slopes.values())
        return sum(slopes[number] for slopes in found) / len(found), True
    chosen = equations.chosen.index(at)
    steps = [
        scene.base[treated, levels[:chosen] + (levels[chosen] + 1,) + levels[chosen + 1 :]] - matrix
        for (treated, levels), matrix in scene.base.items()
        if levels[chosen] + 1 < len(equations.mediators[at].levels)
    ]
    same = len(equations.mediators[at].levels) == 2 or all(np.allclose(step, steps[0]) for step in steps)
    return sum(steps) / len(steps), same


class _Part(NamedTuple):
    """What one combination of levels adds to the expected outcome in a world, and all its derivative needs."""

    seen: "_Seen"
    chances: list[tuple[int, np.ndarray, int, int]]  # mediator, (m, B) probability, level, world
    key: tuple[int, tuple[int, ...]]
    mean: np.ndarray
    variance: np.ndarray
    worlds: tuple[int, ...]

    def value(self) -> np.ndarray:
        """(m, B) array, probability of the levels times the outcome expected with them."""
        value = self.seen.outcome_value(self.mean, self.variance)
        for _, chance, _, _ in self.chances:
            value = value * chance
        return value


class _Seen:
    """Linear predictors of a scene under given parameters, worked out once for all worlds."""

    def __init__(self, equations: Equations, scene: Scene, theta: np.ndarray) -> None:
        self.equations, self.scene, self.theta = equations, scene, theta
        self.eta = [
            [matrix @ theta[one.place][one.cuts :] for matrix in pair]
            for one, pair in zip(equations.mediators, scene.mediators, strict=True)
        ]
        self.cuts = theta[equations.outcome.place][: equations.outcome.cuts]
        beta = theta[equations.outcome.place][equations.outcome.cuts :]
        self.base = {key: matrix @ beta for key, matrix in scene.base.items()}
        self.slopes = {key: [matrix @ beta for matrix in parts] for key, parts in scene.slopes.items()}
        self.chance = {
            at: [_level_chances(equations.mediators[at], theta, eta) for eta in self.eta[at]] for at in equations.chosen
        }
        self.covariance = _triangle(equations, theta)

    def parts(self, treated: int, worlds: tuple[int, ...]) -> Iterator[_Part]:
        """One part for each combination of levels of the mediators that have them."""
        equations = self.equations
        for levels in product(*(range(len(equations.mediators[at].levels)) for at in equations.chosen)):
            key, slopes = (treated, levels), self.slopes[treated, levels]
            mean = self.base[key]
            for at, slope in zip(equations.numbers, slopes, strict=True):
                mean = mean + slope * self.eta[at][worlds[at]]
            chances = [
                (at, self.chance[at][worlds[at]][level], level, worlds[at])
                for at, level in zip(equations.chosen, levels, strict=True)
            ]
            yield _Part(self, chances, key, mean, self.variance(slopes), worlds)

    def variance(self, slopes: list[np.ndarray]) -> np.ndarray:
        """Variance of the outcome's linear predictor that the mediators' residuals make."""
        if not self.covariance:
            return np.zeros((1, 1))
        return sum(
            (1 if one == other else 2) * size * slopes[one] * slopes[other]
            for (one, other), size in self.covariance.items()
        )

    def outcome_value(self, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """Expected outcome, of a linear predictor that is normal with this mean and variance."""
        outcome = self.equations.outcome
        link = LINK[outcome.kind]
        if not link:
            return mean
        if not outcome.cuts:
            return _curve_over(link, mean, variance)
        steps = np.diff(outcome.scores)
        return outcome.scores[-1] - sum(
            step * _curve_over(link, cut - mean, variance) for step, cut in zip(steps, self.cuts, strict=True) if step
        )

    def outcome_slopes(self, mean: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray, list]:
        """How the expected outcome moves with mean, variance and thresholds."""
        outcome = self.equations.outcome
        link = LINK[outcome.kind]
        if not link:
            return np.ones_like(mean), np.zeros_like(mean), []
        if not outcome.cuts:
            return *_curve_slopes(link, mean, variance), []
        by_mean, by_variance, by_cut = np.zeros_like(mean), np.zeros_like(mean), []
        for step, cut in zip(np.diff(outcome.scores), self.cuts, strict=True):
            slope, bend = _curve_slopes(link, cut - mean, variance)
            by_mean, by_variance = by_mean + step * slope, by_variance - step * bend
            by_cut.append(-step * slope)
        return by_mean, by_variance, by_cut


def _triangle(equations: Equations, theta: np.ndarray) -> dict[tuple[int, int], np.ndarray]:
    """Residual variances and covariances by pair of mediators that are numbers; none where they are not needed."""
    if equations.spread.stop == equations.spread.start:
        return {}
    pairs = [(one, other) for one in range(len(equations.numbers)) for other in range(one + 1)]
    return dict(zip(pairs, theta[equations.spread], strict=True))


def _level_chances(mediator: Mediator, theta: np.ndarray, eta: np.ndarray) -> list[np.ndarray]:
    """Probability of each level of a mediator."""
    link = LINK[mediator.kind]
    if not mediator.cuts:
        above = curve(link, eta)
        return [1 - above, above]
    below = [curve(link, cut - eta) for cut in theta[mediator.place][: mediator.cuts]]
    return [high - low for low, high in zip([0.0, *below], [*below, 1.0], strict=True)]


def _chance_slopes(mediator: Mediator, theta: np.ndarray, eta: np.ndarray, level: int) -> tuple[np.ndarray, list]:
    """How the probability of a level moves with the linear predictor, and with each threshold."""
    link = LINK[mediator.kind]
    if not mediator.cuts:
        return (1 if level else -1) * density(link, eta), []
    cuts = theta[mediator.place][: mediator.cuts]
    bells = {cut: density(link, cuts[cut] - eta) for cut in (level - 1, level) if 0 <= cut < mediator.cuts}
    none = np.zeros_like(eta)
    by_eta = bells.get(level - 1, none) - bells.get(level, none)
    return by_eta, [bells[cut] * (1 if cut == level else -1) if cut in bells else none for cut in range(mediator.cuts)]


def _add_slopes(gradient: np.ndarray, part: _Part, weight: np.ndarray) -> None:
    """Add the derivative of the average of a part to a row of the gradient."""
    seen, equations, scene = part.seen, part.seen.equations, part.seen.scene
    chance = weight[:, None]
    for _, own, _, _ in part.chances:
        chance = chance * own
    by_mean, by_variance, by_cut = seen.outcome_slopes(part.mean, part.variance)
    slopes, matrices = seen.slopes[part.key], scene.slopes[part.key]
    outcome = equations.outcome.place
    beta = gradient[outcome.start + equations.outcome.cuts : outcome.stop]
    beta += (chance * by_mean)[:, 0] @ scene.base[part.key]
    gradient[outcome.start : outcome.start + equations.outcome.cuts] += [np.sum(chance * own) for own in by_cut]
    for number, at in enumerate(equations.numbers):
        mediator, world = equations.mediators[at], part.worlds[at]
        pull = 2 * sum(
            size * slopes[other if one == number else one]
            for (one, other), size in seen.covariance.items()
            if number in (one, other)
        )
        moved = chance * (by_mean * seen.eta[at][world] + by_variance * pull)
        beta += moved[:, 0] @ np.broadcast_to(matrices[number], (len(moved), len(beta)))
        gradient[mediator.place] += (chance * by_mean * slopes[number])[:, 0] @ scene.mediators[at][world]
    for place, (one, other) in enumerate(seen.covariance, equations.spread.start):
        double = 1 if one == other else 2
        gradient[place] += np.sum(chance * by_variance * double * slopes[one] * slopes[other])
    _add_chance_slopes(gradient, part, weight)


def _add_chance_slopes(gradient: np.ndarray, part: _Part, weight: np.ndarray) -> None:
    """Add what comes through the probabilities of the mediators' levels."""
    seen = part.seen
    value = weight[:, None] * seen.outcome_value(part.mean, part.variance)
    for at, _, level, world in part.chances:
        mediator = seen.equations.mediators[at]
        others = value
        for other, chance, _, _ in part.chances:
            others = others * chance if other != at else others
        by_eta, by_cut = _chance_slopes(mediator, seen.theta, seen.eta[at][world], level)
        start = mediator.place.start
        gradient[start : start + mediator.cuts] += [np.sum(others * own) for own in by_cut]
        gradient[start + mediator.cuts : mediator.place.stop] += (others * by_eta)[:, 0] @ seen.scene.mediators[at][
            world
        ]


def _curve_over(link: str, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Expected curve; for many rows with one variance read from a table, whose error is about 1e-8."""
    if not np.any(variance):
        return curve(link, mean)
    if link == "logit" and len(variance) == 1 and mean.shape[0] > _WORTH_A_TABLE and mean.shape[1] > 1:
        return _from_table(link, mean, variance)
    return smoothed(link, mean, variance)


def _curve_slopes(link: str, mean: np.ndarray, variance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How an expected curve moves with mean and variance."""
    if not np.any(variance):
        return density(link, mean), np.zeros_like(mean)
    return _slopes(link, mean, variance)


def _from_table(link: str, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """Expected curve by cubic interpolation, one table for each draw."""
    low, high = np.fmin.reduce(mean, axis=None), np.fmax.reduce(mean, axis=None)  # draws without a solution are missing
    cells = int(np.clip(np.nan_to_num((high - low) / _CELL), 16, 4000))
    step = max(high - low, 1e-9) / cells
    knots = low + step * np.arange(cells + 1)[:, None]
    value = smoothed(link, knots, variance)
    rise = _slopes(link, knots, variance)[0] * step
    jump = np.diff(value, axis=0)
    bend = 3 * jump - 2 * rise[:-1] - rise[1:]
    twist = rise[:-1] + rise[1:] - 2 * jump
    place = mean - low
    place /= step
    cell = place.astype(np.int32)
    np.minimum(cell, cells - 1, out=cell)
    place -= cell
    cell *= mean.shape[1]
    cell += np.arange(mean.shape[1], dtype=np.int32)
    found = twist.ravel().take(cell, mode="clip")
    for coefficient in (bend, rise[:-1], value[:-1]):
        found *= place
        found += coefficient.ravel().take(cell, mode="clip")
    return found
