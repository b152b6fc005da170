"""Answers in categories imputed for all sets at once: logistic, multinomial, proportional-odds models.

The centre of each posterior is found by Newton steps that reuse the curvature of the cycle before; its own curvature is
made once, where the centre is, and the coefficients are drawn from the normal distribution it gives.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from kzsurvey.modelling.missing.layout import Groups
from kzsurvey.modelling.missing.numbers_drawn import everywhere, rooted, solved, spread_out
from kzsurvey.modelling.missing.streams import Streams

_SETTLED = 1e-8  # squared distance to the centre, in standard errors
_CHORDS, _STEPS, _HALVINGS = 8, 16, 12
_CERTAIN = 1e-8  # a fitted chance this near to 0 or 1 is a perfect prediction
_START = 0.25  # variance between clusters before the first cycle, on the scale of the log odds


class Point(NamedTuple):
    """Coefficients (m, P) and effects of clusters (m, C, q); the effects are empty without clusters."""

    coefficients: np.ndarray
    effects: np.ndarray


class Curvature(NamedTuple):
    """Of the log posterior at its centre.

    Attributes
    ----------
    root : (m, P, P) array, inverse Cholesky root of the coefficients' information, clusters taken out
    cross : (m, P, C, q) array, between coefficients and effects
    within : (m, C, q, q) array, inverse information of the effects
    ridged : (m,) bool array
    """

    root: np.ndarray
    cross: np.ndarray
    within: np.ndarray
    ridged: np.ndarray


class Memory(NamedTuple):
    """What the next cycle starts from; ``effects`` are those drawn, None before the first cycle."""

    point: Point
    curvature: Curvature
    variance: np.ndarray
    effects: np.ndarray | None = None


class Categories(NamedTuple):
    """A model of categories in all sets, drawn.

    Attributes
    ----------
    values : (m, k) array, imputed codes
    memory : Memory
    perfect : bool, whether somebody's answer was predicted perfectly
    arrived : bool, whether the centre was found in all sets
    ridged : (m,) bool array
    """

    values: np.ndarray
    memory: Memory
    perfect: bool
    arrived: bool
    ridged: np.ndarray


@dataclass(frozen=True, eq=False)
class Softmax:
    """Multinomial logistic model against the first category; with two categories, the logistic one.

    Attributes
    ----------
    y : (k,) array, codes
    matrix : (m, p, k) array, predictors as rows, the intercept among them
    weight : (k,) array, what each row counts
    levels : int, categories
    groups : Groups or None
    variance : (m, q) array, of the effects between clusters
    """

    y: np.ndarray
    matrix: np.ndarray
    weight: np.ndarray
    levels: int
    groups: Groups | None
    variance: np.ndarray

    @property
    def equations(self) -> int:
        """q, numbers that a row has for its categories."""
        return self.levels - 1

    def start(self) -> Point:
        """Shares of the categories, no slopes."""
        counts = np.bincount(self.y, weights=self.weight, minlength=self.levels)
        first = np.zeros((len(self.matrix), self.equations, self.matrix.shape[1]))
        first[:, :, 0] = np.log(counts[1:] / counts[0])
        return Point(first.reshape(len(first), -1), no_effects(self))

    def chances(self, point: Point, matrix: np.ndarray, codes: np.ndarray | None) -> np.ndarray:
        """(m, K, k) chances of the categories."""
        coefficients = point.coefficients.reshape(len(matrix), self.equations, -1)
        eta = np.matmul(coefficients, matrix)
        if codes is not None:
            eta = eta + point.effects[:, codes].transpose(0, 2, 1)
        if self.equations == 1:
            p = expit(eta)
            return np.concatenate([1 - p, p], axis=1)
        top = np.maximum(eta.max(axis=1, keepdims=True), 0)
        powers = np.concatenate([np.exp(-top), np.exp(eta - top)], axis=1)
        return powers / powers.sum(axis=1, keepdims=True)

    def slope(self, chances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gradient of coefficients (m, P), and of the numbers of each row (m, q, k)."""
        rows = self.weight * ((self.y == np.arange(1, self.levels)[:, None]) - chances[:, 1:])
        return np.matmul(rows, self.matrix.transpose(0, 2, 1)).reshape(len(rows), -1), rows

    def information(self, chances: np.ndarray, point: Point) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Of coefficients (m, P, P), coefficients by row (m, P, k, q) summed over clusters, rows (m, q, q, k)."""
        sets, p, _ = self.matrix.shape
        q = self.equations
        own = chances[:, 1:]
        rows = -self.weight * own[:, :, None] * own[:, None]
        rows[:, np.arange(q), np.arange(q)] += self.weight * own
        whole = np.empty((sets, q, p, q, p))
        cross = _no_cross(self) if self.groups is None else np.empty((sets, q, p, len(self.groups.starts), q))
        for a in range(q):
            for b in range(a, q):
                weighted = self.matrix * rows[:, a, b][:, None]
                block = np.matmul(weighted, self.matrix.transpose(0, 2, 1))
                whole[:, a, :, b] = block
                whole[:, b, :, a] = block
                if self.groups is not None:
                    sums = _by_cluster(weighted, self.groups)
                    cross[:, a, :, :, b] = sums
                    cross[:, b, :, :, a] = sums
        return whole.reshape(sets, q * p, q * p), cross.reshape(sets, q * p, -1, q), rows

    def drawn(self, centre: Point, move: np.ndarray) -> np.ndarray:
        """Coefficients a random move away from the centre."""
        return centre.coefficients + move


@dataclass(frozen=True, eq=False)
class Cumulative:
    """Proportional-odds model: thresholds first, then slopes; attributes as of :class:`Softmax`, without intercept."""

    y: np.ndarray
    matrix: np.ndarray
    weight: np.ndarray
    levels: int
    groups: Groups | None
    variance: np.ndarray

    @property
    def equations(self) -> int:
        """One number per row."""
        return 1

    def start(self) -> Point:
        """Thresholds by the shares, no slopes."""
        counts = np.bincount(self.y, weights=self.weight, minlength=self.levels)
        below = np.cumsum(counts)[:-1] / counts.sum()
        first = np.zeros((len(self.matrix), self.levels - 1 + self.matrix.shape[1]))
        first[:, : self.levels - 1] = np.log(below / (1 - below))
        return Point(first, no_effects(self))

    def _below(self, point: Point, matrix: np.ndarray, codes: np.ndarray | None) -> np.ndarray:
        """(m, K + 1, k) chances of answers up to each category, from 0 to 1."""
        thresholds, slopes = np.split(point.coefficients, [self.levels - 1], axis=1)
        eta = np.matmul(slopes[:, None], matrix)
        if codes is not None:
            eta = eta + point.effects[:, codes].transpose(0, 2, 1)
        inner = expit(thresholds[:, :, None] - eta)
        ends = np.zeros((len(eta), 1, eta.shape[2]))
        return np.concatenate([ends, inner, ends + 1], axis=1)

    def chances(self, point: Point, matrix: np.ndarray, codes: np.ndarray | None) -> np.ndarray:
        """(m, K, k) chances of the categories; below 0 where thresholds are out of order."""
        return np.diff(self._below(point, matrix, codes), axis=1)

    def _sides(self, chances: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Chances up to the answer, below it, and of it, each (m, k)."""
        upper = np.cumsum(chances, axis=1)
        at = self.y[None, None]
        own = np.take_along_axis(chances, np.broadcast_to(at, (len(chances), 1, len(self.y))), axis=1)[:, 0]
        high = np.take_along_axis(upper, np.broadcast_to(at, (len(chances), 1, len(self.y))), axis=1)[:, 0]
        return high, high - own, own

    def slope(self, chances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Gradient of coefficients (m, P), and of the number of each row (m, 1, k)."""
        high, low, own = self._sides(chances)
        rows = self.weight * (high + low - 1)
        up, down = self.weight * high * (1 - high) / own, -self.weight * low * (1 - low) / own
        cuts = up @ self._at(0) + down @ self._at(1)
        slopes = np.matmul(self.matrix, rows[:, :, None])[:, :, 0]
        return np.concatenate([cuts, slopes], axis=1), rows[:, None]

    def _at(self, below: int) -> np.ndarray:
        """(k, K - 1) flags: the threshold above (0) or below (1) the answer of a row."""
        return (self.y[:, None] - below == np.arange(self.levels - 1)).astype(float)

    def information(self, chances: np.ndarray, point: Point) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """As of :class:`Softmax`."""
        high, low, own = self._sides(chances)
        up, down = high * (1 - high), low * (1 - low)
        above, below = self._at(0), self._at(1)
        cuts = self._cut_information(high, low, own, up, down)
        touching = (self.weight * up)[:, :, None] * above + (self.weight * down)[:, :, None] * below
        mixed = -np.matmul(self.matrix, touching)
        rows = self.weight * (up + down)
        weighted = self.matrix * rows[:, None]
        slopes = np.matmul(weighted, self.matrix.transpose(0, 2, 1))
        whole = np.concatenate(
            [
                np.concatenate([cuts, mixed.transpose(0, 2, 1)], axis=2),
                np.concatenate([mixed, slopes], axis=2),
            ],
            axis=1,
        )
        cross = _no_cross(self)
        if self.groups is not None:
            parts = np.concatenate([-touching.transpose(0, 2, 1), weighted], axis=1)
            cross = _by_cluster(parts, self.groups)[..., None]
        return whole, cross.reshape(len(whole), whole.shape[1], -1, 1), rows[:, None, None]

    def _cut_information(
        self, high: np.ndarray, low: np.ndarray, own: np.ndarray, up: np.ndarray, down: np.ndarray
    ) -> np.ndarray:
        """(m, K - 1, K - 1) information of the thresholds, which is that of neighbours only."""
        upper = self.weight * ((up / own) ** 2 - up * (1 - 2 * high) / own)
        lower = self.weight * ((down / own) ** 2 + down * (1 - 2 * low) / own)
        between = -self.weight * up * down / own**2
        cuts = np.arange(self.levels - 1)
        whole = np.zeros((len(high), len(cuts), len(cuts)))
        whole[:, cuts, cuts] = upper @ self._at(0) + lower @ self._at(1)
        neighbours = (between @ self._at(0))[:, 1:]
        whole[:, cuts[1:], cuts[:-1]] = neighbours
        whole[:, cuts[:-1], cuts[1:]] = neighbours
        return whole

    def drawn(self, centre: Point, move: np.ndarray) -> np.ndarray:
        """Coefficients a random move away; steps between thresholds move by factors, so that their order stays."""
        cuts = self.levels - 1
        steps = np.diff(centre.coefficients[:, :cuts], axis=1)
        factor = np.exp(np.clip(np.diff(move[:, :cuts], axis=1) / steps, -20, 20))
        first = centre.coefficients[:, :1] + move[:, :1]
        thresholds = np.concatenate([first, first + np.cumsum(steps * factor, axis=1)], axis=1)
        return np.concatenate([thresholds, centre.coefficients[:, cuts:] + move[:, cuts:]], axis=1)


Model = Softmax | Cumulative


def draw_categories(
    model: Model, fill: np.ndarray, streams: Streams, codes: np.ndarray | None, memory: Memory | None
) -> Categories:
    r"""Draw a model of categories from its posterior in all sets, and answers from it.

    Parameters
    ----------
    model : Softmax or Cumulative
    fill : (m, p, k) array, predictors of those without an answer
    streams : Streams
    codes : (k,) array, their clusters; None without clusters
    memory : Memory of the cycle before, or None

    Returns
    -------
    Categories

    Notes
    -----
    Coefficients from :math:`N(\hat\beta, I(\hat\beta)^{-1})`. Effects of clusters are drawn together with them from
    the curvature of both, given the variance between clusters, and that given the effects (a flat prior on the standard
    deviation), so that the sampler goes on from cycle to cycle.
    """
    centre, curvature, chances, found = _centre(model, memory)
    move = spread_out(curvature.root, streams.normal(centre.coefficients.shape[1]))
    drawn = model.drawn(centre, move)
    effects, variance = None, model.variance
    if model.groups is not None:
        effects, variance = _drawn_effects(model, centre, curvature, move, memory, streams)
    whole = centre.effects if model.groups is None else _everywhere(model, effects, streams)
    of_fill = model.chances(Point(drawn, whole), fill, codes)
    uniform = streams.uniform(fill.shape[2])
    values = (np.cumsum(of_fill, axis=1)[:, :-1] < uniform[:, None]).sum(axis=1).astype(float)
    real = model.weight == 1.0
    certain = bool(((chances < _CERTAIN) | (chances > 1 - _CERTAIN))[:, :, real].any())
    kept = Memory(centre, curvature, variance, effects)
    return Categories(values, kept, certain, bool(found.all()), curvature.ridged)


def augmented(y: np.ndarray, matrix: np.ndarray, levels: int, *, intercept: bool) -> tuple[np.ndarray, ...]:
    r"""Rows added against perfect prediction: answers, predictors and weights, those of the data first.

    For every predictor, its mean plus and minus a standard deviation, the others at their means, with every answer. The
    added rows count p + 1 together, shared out as the answers are among the people, so that slopes are held off
    infinity and shares stay what they are.

    Parameters
    ----------
    y : (k,) array, codes
    matrix : (m, p, k) array
    levels : int
    intercept : bool, whether the first predictor is one

    References
    ----------
    White, I. R., Daniel, R., & Royston, P. (2010). Avoiding bias due to perfect prediction in multiple imputation of
    incomplete categorical variables. Computational Statistics & Data Analysis 54, 2267-2275.
    doi:10.1016/j.csda.2010.04.005
    """
    sets, p, count = matrix.shape
    mean, spread = matrix.mean(axis=2), matrix.std(axis=2)
    slopes = np.arange(int(intercept), p)
    moved = np.zeros((sets, p, 2 * len(slopes)))
    moved[:, slopes, 2 * np.arange(len(slopes))] = spread[:, slopes]
    moved[:, slopes, 2 * np.arange(len(slopes)) + 1] = -spread[:, slopes]
    rows = np.tile(mean[:, :, None] + moved, (1, 1, levels))
    shares = np.bincount(y, minlength=levels) / count
    weight = np.repeat(shares, 2 * len(slopes)) * (len(slopes) + 1) / max(2 * len(slopes), 1)
    answers = np.repeat(np.arange(levels), 2 * len(slopes))
    weight = np.where(weight == 1.0, 1.0 - 1e-12, weight)  # 1 says that a row is real
    return (
        np.concatenate([y, answers]),
        np.concatenate([matrix, rows], axis=2),
        np.concatenate([np.ones(count), weight]),
    )


def no_effects(model: Model) -> np.ndarray:
    """Effects before the first cycle."""
    count = 0 if model.groups is None else len(model.groups.starts)
    return np.zeros((len(model.matrix), count, model.equations))


def start_variance(sets: int, levels: int, method: str) -> np.ndarray:
    """Variance between clusters before the first cycle."""
    return np.full((sets, 1 if method == "ordinal" else levels - 1), _START)


def _places(groups: Groups) -> np.ndarray:
    """Which of the clusters with answers each row to learn from is in."""
    return np.searchsorted(groups.present, groups.learn)


def _no_cross(model: Model) -> np.ndarray:
    return np.zeros((len(model.matrix), 0))


def _by_cluster(values: np.ndarray, groups: Groups) -> np.ndarray:
    """(m, p, C) sums of the columns of the people; rows added against perfect prediction are in no cluster."""
    return np.add.reduceat(values[:, :, : len(groups.learn)], groups.starts, axis=2)


def _log_posterior(model: Model, point: Point, chances: np.ndarray) -> np.ndarray:
    """(m,) log posterior; minus infinity where chances are none."""
    at = np.broadcast_to(model.y[None, None], (len(chances), 1, len(model.y)))
    own = np.take_along_axis(chances, at, axis=1)[:, 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        likelihood = np.where(
            (own > 0).all(axis=1), (model.weight * np.log(np.maximum(own, 1e-300))).sum(axis=1), -np.inf
        )
    return likelihood - (point.effects**2 / model.variance[:, None] / 2).sum(axis=(1, 2))


def _codes(model: Model) -> np.ndarray | None:
    """Clusters of the rows to learn from; added rows come last and are in a cluster without effect."""
    if model.groups is None:
        return None
    added = len(model.y) - len(model.groups.learn)
    return np.concatenate([_places(model.groups), np.full(added, len(model.groups.starts))])


def _evaluated(model: Model, point: Point) -> tuple[np.ndarray, np.ndarray]:
    """Chances and log posterior."""
    codes, shown = _codes(model), point
    if codes is not None:
        shown = Point(point.coefficients, np.pad(point.effects, ((0, 0), (0, 1), (0, 0))))
    chances = model.chances(shown, model.matrix, codes)
    return chances, _log_posterior(model, point, chances)


def _gradient(model: Model, point: Point, chances: np.ndarray) -> Point:
    coefficients, rows = model.slope(chances)
    if model.groups is None:
        return Point(coefficients, point.effects)
    effects = _by_cluster(rows, model.groups).transpose(0, 2, 1) - point.effects / model.variance[:, None]
    return Point(coefficients, effects)


def _curvature(model: Model, point: Point, chances: np.ndarray) -> Curvature:
    """Information of the coefficients with that of the effects taken out."""
    whole, cross, rows = model.information(chances, point)
    if model.groups is None:
        root, ridged = rooted(whole)
        return Curvature(root, cross, np.zeros((len(whole), 0, 1, 1)), ridged)
    sets, q = len(whole), model.equations
    own = _by_cluster(rows.reshape(sets, q * q, -1), model.groups).transpose(0, 2, 1).reshape(sets, -1, q, q)
    own = own + (np.eye(q) / model.variance[:, None, :])[:, None]
    within = np.linalg.inv(own)
    half = np.matmul(cross.transpose(0, 2, 1, 3), within)  # (m, C, P, q)
    taken = np.matmul(
        half.transpose(0, 2, 1, 3).reshape(sets, whole.shape[1], -1),
        cross.reshape(sets, whole.shape[1], -1).transpose(0, 2, 1),
    )
    root, ridged = rooted(whole - taken)
    return Curvature(root, cross, within, ridged)


def _step(curvature: Curvature, slope: Point) -> tuple[Point, np.ndarray]:
    """Newton step, and its squared length in standard errors."""
    right = slope.coefficients
    if slope.effects.shape[1]:
        inner = np.matmul(curvature.within, slope.effects[..., None])[..., 0]
        right = right - np.einsum("mpcq,mcq->mp", curvature.cross, inner, optimize=True)
    move = solved(curvature.root, right)
    effects = slope.effects
    length = (move * slope.coefficients).sum(axis=1)
    if slope.effects.shape[1]:
        back = np.einsum("mpcq,mp->mcq", curvature.cross, move, optimize=True)
        effects = np.matmul(curvature.within, (slope.effects - back)[..., None])[..., 0]
        length = length + (effects * slope.effects).sum(axis=(1, 2))
    return Point(move, effects), length


def _centre(model: Model, memory: Memory | None) -> tuple[Point, Curvature, np.ndarray, np.ndarray]:
    """Centre of the posterior, its curvature and the chances there, and in which sets it was found.

    Steps by the curvature of the cycle before come first; where they do not arrive, Newton's own do.
    """
    point = memory.point if memory else model.start()
    curvature = memory.curvature if memory else None
    found = np.zeros(len(model.matrix), dtype=bool)
    if memory:
        point, found = _walk(model, point, curvature, _CHORDS)
    steps = 0
    while not found.all() and steps < _STEPS:
        chances, _ = _evaluated(model, point)
        curvature = _curvature(model, point, chances)
        nearer, arrived = _walk(model, point, curvature, 2 if steps else 1, only=~found)
        point, found, steps = nearer, found | arrived, steps + 1
    chances, _ = _evaluated(model, point)
    return point, _curvature(model, point, chances), chances, found


def _walk(
    model: Model, point: Point, curvature: Curvature, steps: int, *, only: np.ndarray | None = None
) -> tuple[Point, np.ndarray]:
    """Several steps by one curvature; sets that have arrived stay where they are."""
    chances, height = _evaluated(model, point)
    moving = np.ones(len(height), dtype=bool) if only is None else only.copy()
    arrived = ~moving
    for _ in range(steps):
        move, length = _step(curvature, _gradient(model, point, chances))
        point, chances, height, better = _moved(model, point, move, moving, height)
        arrived |= moving & better & (np.abs(length) < _SETTLED)
        moving = ~arrived & (moving & better)
        if not moving.any():
            break
    return point, arrived


def _moved(
    model: Model, point: Point, move: Point, moving: np.ndarray, height: np.ndarray
) -> tuple[Point, np.ndarray, np.ndarray, np.ndarray]:
    """A step, halved in the sets where it would lead down; the last flags say where it leads anywhere."""
    share = np.where(moving, 1.0, 0.0)
    for _ in range(_HALVINGS):
        tried = Point(
            point.coefficients + share[:, None] * move.coefficients,
            point.effects + share[:, None, None] * move.effects,
        )
        new, level = _evaluated(model, tried)
        worse = ~(level >= height - 1e-9 * (1 + np.abs(height)))
        if not worse.any():
            return tried, new, level, np.ones(len(height), dtype=bool)
        share = np.where(worse, share / 2, share)
    share = np.where(worse, 0.0, share)
    tried = Point(
        point.coefficients + share[:, None] * move.coefficients, point.effects + share[:, None, None] * move.effects
    )
    new, level = _evaluated(model, tried)
    return tried, new, level, ~worse


def _drawn_effects(
    model: Model, centre: Point, curvature: Curvature, move: np.ndarray, memory: Memory | None, streams: Streams
) -> tuple[np.ndarray, np.ndarray]:
    """Effects of clusters given the drawn coefficients, and the variance between clusters given those.

    What the curvature proposes replaces the effects of the cycle before by Metropolis and Hastings' rule, cluster by
    cluster: the curvature alone takes answers of few people for surer than they are, and the variance for too small.
    """
    back = np.einsum("mpcq,mp->mcq", curvature.cross, move, optimize=True)
    mean = centre.effects - np.matmul(curvature.within, back[..., None])[..., 0]
    count, q = mean.shape[1:]
    noise = streams.normal(count, q)
    effects = mean + np.matmul(np.linalg.cholesky(curvature.within), noise[..., None])[..., 0]
    if memory is not None and memory.effects is not None:
        drawn = model.drawn(centre, move)
        old = memory.effects - mean
        distance = (np.linalg.solve(curvature.within, old[..., None])[..., 0] * old).sum(axis=2)
        gain = _cluster_heights(model, Point(drawn, effects)) - _cluster_heights(model, Point(drawn, memory.effects))
        with np.errstate(over="ignore"):
            chance = np.exp(gain + ((noise**2).sum(axis=2) - distance) / 2)
        effects = np.where((streams.uniform(count) < chance)[..., None], effects, memory.effects)
    chi = np.stack([streams.chi_square(count - 1) for _ in range(q)], axis=1)
    return effects, np.maximum((effects**2).sum(axis=1) / chi, 1e-6)


def _cluster_heights(model: Model, point: Point) -> np.ndarray:
    """(m, C) log posterior of the effects of each cluster."""
    people = len(model.groups.learn)
    chances, _ = _evaluated(model, point)
    at = np.broadcast_to(model.y[None, None, :people], (len(chances), 1, people))
    own = np.take_along_axis(chances[:, :, :people], at, axis=1)
    likelihood = _by_cluster(np.log(np.maximum(own, 1e-300)), model.groups)[:, 0]
    return likelihood - (point.effects**2 / model.variance[:, None] / 2).sum(axis=2)


def _everywhere(model: Model, effects: np.ndarray, streams: Streams) -> np.ndarray:
    """Effects of all clusters of the design, those without answers drawn."""
    parts = [
        everywhere(effects[:, :, k], model.groups, np.sqrt(model.variance[:, k]), streams)
        for k in range(effects.shape[2])
    ]
    return np.stack(parts, axis=2)
