"""The likelihood of cumulative link models: links true far out in the tails, one pass per Newton step, separation.

A model is held in columns of mean 0 and size 1 and in rows sorted by level, so that no step depends on units and none
gathers; ``Problem.back`` leads to the units of the data.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from scipy.special import logit, ndtr, ndtri

from kzsurvey.errors import DesignError, Fault, fail_if

_STEPS = 100
_DOUBTFUL = 15  # steps after which a fit may be on its way to infinity: a sound one ends within ten
_CLOSE = 1e-10  # distance from the optimum, in standard errors
_ROUNDING = 1e-7  # the same, where two steps on end bring no more
_BLOCK = 8192
_MANY, _PART, _PART_STEPS = 60_000, 10_000, 4  # a part of many rows gives a start
_FEW = 50_000  # rows of a linear programme worth sorting for those that repeat each other
_END = 1e300  # the cut below the lowest and above the highest level


class Tails(NamedTuple):
    """A distribution at some points: what lies below and above, density, and slope of the density."""

    below: np.ndarray
    above: np.ndarray
    density: np.ndarray
    slope: np.ndarray


@dataclass(frozen=True, eq=False)
class Link:
    """The distribution behind a cumulative link.

    Attributes
    ----------
    name : str
    tails : x -> Tails
    quantile : probability -> x
    """

    name: str
    tails: Callable[[np.ndarray], Tails]
    quantile: Callable[[np.ndarray], np.ndarray]


def _logistic(x: np.ndarray) -> Tails:
    """Logistic distribution: proportional odds."""
    small = np.exp(-np.abs(x))
    large = 1 / (1 + small)
    small = small * large
    below, above = np.where(x > 0, large, small), np.where(x > 0, small, large)
    density = small * large
    return Tails(below, above, density, density * (above - below))


def _normal(x: np.ndarray) -> Tails:
    """Standard normal distribution."""
    density = np.exp(-(x**2) / 2) / np.sqrt(2 * np.pi)
    return Tails(ndtr(x), ndtr(-x), density, -x * density)


def _smallest(x: np.ndarray) -> Tails:
    """Distribution of the smallest of many: proportional hazards."""
    rate = np.exp(np.minimum(x, 700.0))
    above = np.exp(-rate)
    density = rate * above
    return Tails(-np.expm1(-rate), above, density, density * (1 - rate))


def _largest(x: np.ndarray) -> Tails:
    """Distribution of the largest of many."""
    mirror = _smallest(-x)
    return Tails(mirror.above, mirror.below, mirror.density, -mirror.slope)


def _cauchy(x: np.ndarray) -> Tails:
    """Cauchy distribution."""
    density = 1 / (np.pi * (1 + x**2))
    return Tails(np.arctan2(1, -x) / np.pi, np.arctan2(1, x) / np.pi, density, -2 * np.pi * x * density**2)


LINKS = {
    "logit": Link("logit", _logistic, logit),
    "probit": Link("probit", _normal, ndtri),
    "cloglog": Link("cloglog", _smallest, lambda share: np.log(-np.log1p(-share))),
    "loglog": Link("loglog", _largest, lambda share: -np.log(-np.log(share))),
    "cauchit": Link("cauchit", _cauchy, lambda share: np.tan(np.pi * (share - 0.5))),
}


@dataclass(frozen=True, eq=False)
class Layout:
    """Where the parameters of a model stand: thresholds first, then the slopes column by column.

    Attributes
    ----------
    cuts : int, levels less 1
    position : (p, cuts) array of integers, parameter that is the slope of a column at a cut
    names : tuple of str, one per parameter
    columns : tuple of str, length p
    """

    cuts: int
    position: np.ndarray
    names: tuple[str, ...]
    columns: tuple[str, ...]


def make_layout(levels: tuple[str, ...], columns: tuple[str, ...], varying: np.ndarray) -> Layout:
    """Thresholds are named ``low|high``; a column with a slope for each cut has terms ``column:low|high``.

    Parameters
    ----------
    levels : tuple of str, lowest first
    columns : tuple of str
    varying : (p,) bool array, columns whose slope differs from cut to cut

    Examples
    --------
    >>> make_layout(("low", "middle", "high"), ("x", "z"), np.array([False, True])).names
    ('low|middle', 'middle|high', 'x', 'z:low|middle', 'z:middle|high')
    """
    names = [f"{low}|{high}" for low, high in pairwise(levels)]
    cuts = len(names)
    position = np.zeros((len(columns), cuts), dtype=int)
    for column, (name, free) in enumerate(zip(columns, varying, strict=True)):
        position[column] = len(names) + (np.arange(cuts) if free else 0)
        names += [f"{name}:{cut}" for cut in names[:cuts]] if free else [name]
    return Layout(cuts, position, tuple(names), columns)


def level_probabilities(
    parameters: np.ndarray, matrix: np.ndarray, *, layout: Layout, link: Link, shift: np.ndarray | float = 0.0
) -> np.ndarray:
    """Probability of each level.

    Parameters
    ----------
    parameters : (q,) array, in the order of ``layout.names``
    matrix : (n, p) array, without a column of ones
    layout : Layout
    link : Link
    shift : (n,) array, offset of the linear predictor

    Returns
    -------
    (n, K) array

    Examples
    --------
    >>> layout = make_layout(("low", "middle", "high"), ("x",), np.array([False]))
    >>> level_probabilities(np.array([-1.0, 1.0, 2.0]), np.array([[0.0]]), layout=layout, link=LINKS["logit"]).round(3)
    array([[0.269, 0.462, 0.269]])
    """
    slopes, cuts = parameters[layout.position], layout.cuts
    shift = np.broadcast_to(shift, len(matrix))
    shares = np.empty((len(matrix), cuts + 1))
    for start in range(0, len(matrix), _BLOCK):
        rows = slice(start, start + _BLOCK)
        with np.errstate(all="ignore"):
            tails = link.tails(parameters[:cuts, None] - shift[rows] - slopes.T @ matrix[rows].T)
        below, above = tails.below, tails.above
        shares[rows, 0], shares[rows, cuts] = below[0], above[-1]
        shares[rows, 1:cuts] = _between(below[1:], below[:-1], above[1:], above[:-1]).T
    return shares


@dataclass(frozen=True, eq=False)
class Problem:
    """One model without its weights.

    Attributes
    ----------
    own : (r, m) array, columns with coefficients at each cut: ones, then the standardised varying columns, negative
    common : (s, m) array, the other columns, standardised
    shift : (m,) array, offset
    levels : tuple of slice, rows of each level
    order : (m,) array, row of the data that stands at each place
    link : Link
    back : (q, q) array, parameters in the units of the data from those of this problem
    layout : Layout
    title : str, what messages call the model
    """

    own: np.ndarray
    common: np.ndarray
    shift: np.ndarray
    levels: tuple[slice, ...]
    order: np.ndarray
    link: Link
    back: np.ndarray
    layout: Layout
    title: str


def make_problem(
    codes: np.ndarray,
    matrix: np.ndarray,
    shift: np.ndarray,
    *,
    varying: np.ndarray,
    link: Link,
    layout: Layout,
    title: str,
) -> Problem:
    """Sort rows by level and standardise the columns.

    Parameters
    ----------
    codes : (m,) array of integers, level of each row, 0 to K - 1
    matrix : (m, p) array, without a column of ones
    shift : (m,) array, offset
    varying : (p,) bool array
    link : Link
    layout : Layout
    title : str

    Examples
    --------
    >>> layout = make_layout(("1", "2", "3"), ("x",), np.array([False]))
    >>> problem = make_problem(np.array([2, 0, 1]), np.array([[5.0], [1.0], [3.0]]), np.zeros(3),
    ...                        varying=np.array([False]), link=LINKS["logit"], layout=layout, title="model H1")
    >>> problem.order.tolist(), problem.common.round(2)[0].tolist()
    ([1, 2, 0], [-1.22, 0.0, 1.22])
    """
    order = np.argsort(codes.astype(np.int16), kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=layout.cuts + 1))
    levels = tuple(slice(int(start), int(end)) for start, end in zip([0, *ends[:-1]], ends, strict=True))
    scaled = np.take(matrix.T, order, axis=1)
    middle = scaled.mean(axis=1)
    scaled -= middle[:, None]
    size = np.sqrt(np.einsum("ij,ij->i", scaled, scaled) / len(order))
    size = np.where(size > 0, size, 1.0)
    scaled /= size[:, None]
    own = np.vstack([np.ones(len(order)), -scaled[varying]])
    back = _back(layout, varying, middle, size)
    return Problem(own, scaled[~varying], shift[order], levels, order, link, back, layout, title)


class Solution(NamedTuple):
    """Where the likelihood is highest.

    Attributes
    ----------
    inner : (q,) array, coefficients in the units of the problem
    loss : float, minus the log likelihood, with weights that average 1
    slopes : (2, m) array, how the log likelihood of each sorted row moves with the cut above and below its level
    inverse : (q, q) array, inverse of the observed information under the weights given
    """

    inner: np.ndarray
    loss: float
    slopes: np.ndarray
    inverse: np.ndarray


def solve(problem: Problem, weight: np.ndarray, start: np.ndarray | None = None) -> Solution:
    """Highest likelihood, by Newton's method with the observed information and step halving.

    Parameters
    ----------
    problem : Problem
    weight : (m,) array, of the rows as they stand in the data
    start : (q,) array, ``inner`` of an earlier solution

    Raises
    ------
    DesignError
        Separation, no convergence, parameters the rows with weight do not identify.

    Examples
    --------
    >>> layout = make_layout(("1", "2", "3"), ("x",), np.array([False]))
    >>> problem = make_problem(np.array([0, 1, 2, 1, 0, 2]), np.array([[0.0, 1, 1, 0, 1, 0]]).T, np.zeros(6),
    ...                        varying=np.array([False]), link=LINKS["logit"], layout=layout, title="model H1")
    >>> solution = solve(problem, np.ones(6))
    >>> (problem.back @ solution.inner).round(6).tolist()
    [-0.693147, 0.693147, 0.0]
    """
    scale = weight.mean()
    sorted_weight = weight[problem.order] / scale
    inner, here = (
        _start(problem, sorted_weight) if start is None else (start, _evaluated(problem, sorted_weight, start))
    )
    before = np.inf
    for number in range(_STEPS):
        if not here.sound:
            break
        step, left = _step(here.information, here.score)
        if left <= _CLOSE or max(left, before) <= _ROUNDING:
            inverse = _inverse(problem, sorted_weight, here.information)
            return Solution(inner, here.loss, here.slopes, inverse / scale)
        if number == _DOUBTFUL:
            refuse_separation(problem, sorted_weight)
        inner, here, before = *_lower(problem, sorted_weight, inner, here, step), left
    refuse_separation(problem, sorted_weight)
    hint = "its cuts may cross: fewer terms in nonproportional" if len(problem.own) > 1 else ""
    found = f"no convergence in {_STEPS} steps"
    raise DesignError(Fault(problem.title, found, "fewer terms, or another link", hint=hint))


def row_scores(problem: Problem, solution: Solution) -> np.ndarray:
    """Score of each row, without its weight.

    Parameters
    ----------
    problem : Problem
    solution : Solution, of the same problem

    Returns
    -------
    (q, m) array, coefficients in the order of ``inner``, rows as they stand in the data

    Examples
    --------
    >>> layout = make_layout(("1", "2", "3"), (), np.zeros(0, dtype=bool))
    >>> problem = make_problem(np.array([0, 2, 1]), np.zeros((3, 0)), np.zeros(3), varying=np.zeros(0, dtype=bool),
    ...                        link=LINKS["logit"], layout=layout, title="model H1")
    >>> row_scores(problem, solve(problem, np.ones(3))).round(3).tolist()
    [[0.667, 0.0, -0.667], [0.0, -0.667, 0.667]]
    """
    width, cuts = len(problem.own), problem.layout.cuts
    scores = np.zeros((cuts * width + len(problem.common), len(problem.order)))
    for level, rows in enumerate(problem.levels):
        for cut, side in ((level, 0), (level - 1, 1)):
            if 0 <= cut < cuts:
                slope = solution.slopes[side, rows]
                scores[cut * width : (cut + 1) * width, problem.order[rows]] = problem.own[:, rows] * slope
    scores[cuts * width :, problem.order] = -problem.common * solution.slopes.sum(axis=0)
    return scores


def crossed(problem: Problem, inner: np.ndarray) -> int:
    """Number of rows in which the cuts are not in order, so that a level in between has no probability.

    Parameters
    ----------
    problem : Problem
    inner : (q,) array

    Examples
    --------
    >>> layout = make_layout(("1", "2", "3"), ("x",), np.array([True]))
    >>> problem = make_problem(np.array([0, 1, 2]), np.array([[-1.0, 0, 1]]).T, np.zeros(3),
    ...                        varying=np.array([True]), link=LINKS["logit"], layout=layout, title="model H1")
    >>> crossed(problem, np.array([-1.0, 0.0, 1.0, 5.0]))
    1
    """
    width = len(problem.own)
    if width == 1:
        return 0
    cuts = inner[: problem.layout.cuts * width].reshape(-1, width) @ problem.own
    return int((np.diff(cuts, axis=0) <= 0).any(axis=0).sum())


def refuse_separation(problem: Problem, weight: np.ndarray) -> None:
    """Refuse data in which a combination of terms foretells the order without error: no finite slope fits best.

    Parameters
    ----------
    problem : Problem
    weight : (m,) array, of the sorted rows; rows without weight do not count

    Notes
    -----
    A linear programme looks for a direction along which no row's level loses and some row's level gains: the cut above
    each level must not fall and the cut below it must not rise. A second one names as few terms as will do.

    References
    ----------
    Konis, K. (2007). Linear programming algorithms for detecting separated data in binary logistic regression models.
    Thesis, University of Oxford.

    Examples
    --------
    >>> layout = make_layout(("1", "2", "3"), ("x",), np.array([False]))
    >>> problem = make_problem(np.array([0, 1, 2]), np.array([[1.0], [3.0], [5.0]]), np.zeros(3),
    ...                        varying=np.array([False]), link=LINKS["logit"], layout=layout, title="model H1")
    >>> refuse_separation(problem, np.ones(3))
    Traceback (most recent call last):
    kzsurvey.errors.DesignError: model H1: found separation: the order of the outcome is foretold without error by x; \
allowed: terms that overlap between levels; merge categories or leave terms out
    """
    from scipy.optimize import linprog  # half a second to load, and rarely needed

    gains = _gains(problem, weight)
    gains = np.unique(gains, axis=0) if len(gains) < _FEW else gains
    found = linprog(-gains.mean(axis=0), A_ub=-gains, b_ub=np.zeros(len(gains)), bounds=(-1, 1), method="highs")
    if found.status != 0 or -found.fun * len(gains) < 1e-6:
        return
    doubled = np.hstack([gains, -gains])
    thresholds = np.arange(len(found.x)) < problem.layout.cuts * len(problem.own)
    thresholds[: problem.layout.cuts * len(problem.own)] &= np.arange(sum(thresholds)) % len(problem.own) == 0
    fewest = linprog(
        np.tile(~thresholds, 2).astype(float),
        A_ub=-doubled,
        b_ub=np.zeros(len(gains)),
        A_eq=doubled.mean(axis=0)[None],
        b_eq=[1.0],
        method="highs",
    )
    direction = fewest.x[: len(found.x)] - fewest.x[len(found.x) :] if fewest.status == 0 else found.x
    moved = np.abs(direction) > 1e-6 * np.abs(direction).max()
    names = _names_of(problem, moved & ~thresholds)
    what = f"separation: the order of the outcome is foretold without error by {' + '.join(names)}"
    hint = "merge categories or leave terms out"
    raise DesignError(Fault(problem.title, what, "terms that overlap between levels", hint=hint))


class _Point(NamedTuple):
    """The likelihood at one point: loss, score, observed information; slope of each row by its upper and lower cut."""

    loss: float
    score: np.ndarray
    information: np.ndarray
    slopes: np.ndarray

    @property
    def sound(self) -> bool:
        """Whether there is a step from here."""
        return bool(np.isfinite(self.loss) and (self.information.diagonal() != 0).all())


def _evaluated(problem: Problem, weight: np.ndarray, inner: np.ndarray) -> _Point:
    """Loss, score and information, level by level; a point without likelihood has an infinite loss and no more."""
    count, width, cuts = len(inner), len(problem.own), problem.layout.cuts
    block = [slice(cut * width, (cut + 1) * width) for cut in range(cuts)]
    shared = slice(cuts * width, None)
    information, score = np.zeros((count, count)), np.zeros(count)
    slopes, loss = np.empty((2, len(weight))), 0.0
    for level, rows in _blocks(problem):
        part, own, common = (
            _level(problem, inner, level, rows, weight[rows]),
            problem.own[:, rows],
            problem.common[:, rows],
        )
        if part is None:
            return _Point(np.inf, score, information, slopes)
        loss += part.loss
        slopes[:, rows] = part.up, part.down
        score[shared] -= common @ (weight[rows] * (part.up + part.down))
        information[shared, shared] -= (common * (part.up_up + 2 * part.up_down + part.down_down)) @ common.T
        for cut, first, second in ((level, part.up, part.up_up), (level - 1, part.down, part.down_down)):
            if 0 <= cut < cuts:
                score[block[cut]] += own @ (weight[rows] * first)
                information[block[cut], block[cut]] -= (own * second) @ own.T
                information[block[cut], shared] += (own * (second + part.up_down)) @ common.T
        if 0 < level < cuts:
            information[block[level], block[level - 1]] -= (own * part.up_down) @ own.T
    return _Point(float(loss), score, _symmetric(information, cuts * width, width), slopes)


def _symmetric(information: np.ndarray, split: int, width: int) -> np.ndarray:
    """Blocks written once, put on both sides of the diagonal."""
    information[split:, :split] = information[:split, split:].T
    for start in range(width, split, width):
        here, before = slice(start, start + width), slice(start - width, start)
        information[before, here] = information[here, before].T
    return information


def _blocks(problem: Problem) -> Iterator[tuple[int, slice]]:
    """Rows of one level, few enough to stay in the cache."""
    for level, rows in enumerate(problem.levels):
        for start in range(rows.start, rows.stop, _BLOCK):
            yield level, slice(start, min(start + _BLOCK, rows.stop))


class _Level(NamedTuple):
    """Rows of one level: loss, how their log likelihood moves with both cuts, and, weighted, how that bends."""

    loss: float
    up: np.ndarray
    down: np.ndarray
    up_up: np.ndarray
    up_down: np.ndarray
    down_down: np.ndarray


def _level(problem: Problem, inner: np.ndarray, level: int, rows: slice, weight: np.ndarray) -> _Level | None:
    """Derivatives of log(F(upper cut) - F(lower cut)); None where a row that counts has no probability."""
    upper, lower = _cuts(problem, inner, level, rows)
    with np.errstate(all="ignore"):
        top, bottom = problem.link.tails(upper), problem.link.tails(lower)
        share = _between(top.below, bottom.below, top.above, bottom.above)
    if not share.min(initial=1.0) > 0:
        none = ~(share > 0)
        if (weight[none] > 0).any():
            return None
        share = np.where(none, 1.0, share)
    up, down = top.density / share, -bottom.density / share
    up_up, down_down = top.slope / share - up**2, -bottom.slope / share - down**2
    return _Level(-(weight @ np.log(share)), up, down, weight * up_up, weight * (-up * down), weight * down_down)


def _cuts(problem: Problem, inner: np.ndarray, level: int, rows: slice) -> tuple[np.ndarray, np.ndarray]:
    """Upper and lower cut of rows of a level."""
    width, cuts = len(problem.own), problem.layout.cuts
    eta = inner[cuts * width :] @ problem.common[:, rows] + problem.shift[rows]

    def cut(number: int) -> np.ndarray:
        return inner[number * width : (number + 1) * width] @ problem.own[:, rows] - eta

    return cut(level) if level < cuts else np.float64(_END), cut(level - 1) if level else np.float64(-_END)


def _between(
    below_top: np.ndarray, below_bottom: np.ndarray, above_top: np.ndarray, above_bottom: np.ndarray
) -> np.ndarray:
    """Probability between two cuts, from the tail that is the smaller one."""
    return np.where(below_bottom > 0.5, above_bottom - above_top, below_top - below_bottom)


def _lower(
    problem: Problem, weight: np.ndarray, inner: np.ndarray, here: _Point, step: np.ndarray
) -> tuple[np.ndarray, _Point]:
    """The next point, by a step halved until the loss does not grow."""
    length = 1.0
    there = _evaluated(problem, weight, inner + step)
    while not there.loss <= here.loss + 1e-12 * abs(here.loss) and length > 1e-8:
        length /= 2
        there = _evaluated(problem, weight, inner + length * step)
    return inner + length * step, there


def _step(information: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, float]:
    """Newton step and its length in standard errors; uphill also where the likelihood bends (cauchit, crossing)."""
    size = np.sqrt(np.abs(np.diag(information)))
    values, vectors = np.linalg.eigh(information / np.outer(size, size))
    values = np.maximum(np.abs(values), 1e-14)
    along = vectors.T @ (score / size)
    return vectors @ (along / values) / size, float(np.sqrt(along @ (along / values)))


def _inverse(problem: Problem, weight: np.ndarray, information: np.ndarray) -> np.ndarray:
    """Inverse of the information, refused where it has none: a step too long may end beyond anything finite."""
    size = np.sqrt(np.abs(np.diag(information)))
    values, vectors = np.linalg.eigh(information / np.outer(size, size))
    if values[0] < 1e-6 or size.min() ** 2 < 1e-6 * len(problem.order):
        refuse_separation(problem, weight)
    if values[0] > 1e-11:
        return (vectors / values) @ vectors.T / np.outer(size, size)
    loose = np.abs(vectors[:, 0] / size)
    found = f"{' + '.join(_names_of(problem, loose > 1e-4 * loose.max()))} not identified"
    raise DesignError(Fault(problem.title, found, "terms that vary in the rows with weight", hint="fewer terms"))


def _names_of(problem: Problem, moved: np.ndarray) -> list[str]:
    """Slopes that move with some coefficients; thresholds where no slope does."""
    parts = (problem.back != 0) @ moved
    names = [name for name, part in zip(problem.layout.names, parts, strict=True) if part]
    cuts = set(problem.layout.names[: problem.layout.cuts])
    return [name for name in names if name not in cuts] or names


def _start(problem: Problem, weight: np.ndarray) -> tuple[np.ndarray, _Point]:
    """Thresholds that give the shares of the levels and slopes of 0; from many rows, what a part of them says."""
    width, cuts = len(problem.own), problem.layout.cuts
    share = np.cumsum([weight[rows].sum() for rows in problem.levels])[:-1] / weight.sum()
    inner = np.zeros(cuts * width + len(problem.common))
    inner[: cuts * width : width] = problem.link.quantile(share) + np.average(problem.shift, weights=weight)
    if len(weight) > _MANY:
        near = _near(problem, weight, inner)
        here = _evaluated(problem, weight, near)
        if here.sound:
            return near, here
    return inner, _evaluated(problem, weight, inner)


def _near(problem: Problem, weight: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """A start from a part of many rows, every so many of each level, by a few steps."""
    every = len(weight) // _PART
    ends = [-(-level.stop // every) for level in problem.levels]
    part = replace(
        problem,
        own=np.ascontiguousarray(problem.own[:, ::every]),
        common=np.ascontiguousarray(problem.common[:, ::every]),
        shift=problem.shift[::every],
        levels=tuple(slice(start, end) for start, end in pairwise([0, *ends])),
    )
    weight = np.ascontiguousarray(weight[::every])
    here, near = _evaluated(part, weight, inner), inner
    for _ in range(_PART_STEPS):
        if not here.sound:
            return inner
        near, here = _lower(part, weight, near, here, _step(here.information, here.score)[0])
    return near


def _back(layout: Layout, varying: np.ndarray, middle: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Matrix from coefficients of standardised columns to those of the data."""
    width, cuts = 1 + int(varying.sum()), layout.cuts
    count = len(layout.names)
    back = np.zeros((count, count))
    at_cut = np.arange(cuts)
    back[at_cut, at_cut * width] = 1.0
    rank = np.where(varying, np.cumsum(varying), cuts * width + np.cumsum(~varying) - 1)
    for column, free in enumerate(varying):
        inner = at_cut * width + rank[column] if free else np.full(cuts, rank[column])
        back[layout.position[column], inner] = 1 / size[column]
        back[at_cut, inner] = middle[column] / size[column]
    return back


def _gains(problem: Problem, weight: np.ndarray) -> np.ndarray:
    """One row per interview with weight and cut beside its level: what moving the coefficients does for that level."""
    width, cuts = len(problem.own), problem.layout.cuts
    parts = []
    for level, every in enumerate(problem.levels):
        rows = every.start + np.flatnonzero(weight[every] > 0)
        for cut, sign in ((level, 1.0), (level - 1, -1.0)):
            if 0 <= cut < cuts:
                part = np.zeros((len(rows), cuts * width + len(problem.common)))
                part[:, cut * width : (cut + 1) * width] = sign * problem.own[:, rows].T
                part[:, cuts * width :] = -sign * problem.common[:, rows].T
                parts.append(part)
    return np.concatenate(parts)


def refuse_empty(codes: np.ndarray, weights: np.ndarray, levels: tuple[str, ...], title: str) -> None:
    """Refuse weights under which a level has nobody: its thresholds have no value.

    Parameters
    ----------
    codes : (m,) array of integers, 0 to K - 1
    weights : (m, R) array, one column per set of weights
    levels : tuple of str
    title : str, what messages call the model

    Examples
    --------
    >>> refuse_empty(np.array([0, 1]), np.array([[1.0, 0.0], [1.0, 2.0]]), ("low", "high"), "model H1")
    Traceback (most recent call last):
    kzsurvey.errors.DesignError: model H1: found nobody with weight at level low in 1 of 2 sets of weights; \
allowed: every level in each
    """
    alone = np.zeros((len(levels), len(codes)))
    alone[codes, np.arange(len(codes))] = 1.0
    empty = ~((alone @ weights) > 0)
    sets = weights.shape[1]
    fail_if(
        [
            Fault(title, f"nobody with weight at level {level} in {int(row.sum())} of {sets} sets of weights",
                  "every level in each")
            for level, row in zip(levels, empty, strict=True)
            if row.any()
        ],
        DesignError,
    )  # fmt: skip
