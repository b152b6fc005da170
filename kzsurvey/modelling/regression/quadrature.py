"""The likelihood of answers in categories whose level varies by group, integrated by adaptive Gauss-Hermite quadrature.

All groups are integrated at once, and the derivative is that of the very sum that is computed, so that the optimum is
exact for the number of nodes that was asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from kzsurvey.errors import DesignError, Fault
from kzsurvey.modelling.regression.group_likelihood import curvature, descended

_STEPS = 60


@dataclass(frozen=True, eq=False)
class Categories:
    """Answers in categories: each says that a logistic variable lies between two bounds.

    Attributes
    ----------
    above, below : (n, P) arrays
        What the upper and the lower bound of each answer are, times the parameters.
    ends : (n, 2) bool array, whether the upper and the lower bound are finite
    code : (n,) array, group of each row, 0 to G - 1
    nodes, weights : (K,) arrays, of Gauss and Hermite
    """

    above: np.ndarray
    below: np.ndarray
    ends: np.ndarray
    code: np.ndarray
    nodes: np.ndarray
    weights: np.ndarray


class Integral(NamedTuple):
    """The likelihood at some parameters.

    Attributes
    ----------
    log : (G,) array, log likelihood of each group
    scores : (G, P + 1) array, its derivative by the parameters and the standard deviation of the groups
    mode : (G,) array, the likeliest effect of each group, in standard deviations
    """

    log: np.ndarray
    scores: np.ndarray
    mode: np.ndarray


def make_categories(
    levels: np.ndarray, matrix: np.ndarray, code: np.ndarray, *, cuts: int, nodes: int, thresholds: bool
) -> Categories:
    """The bounds of the answers.

    Parameters
    ----------
    levels : (n,) array, 0 to ``cuts``
    matrix : (n, p) array
    code : (n,) array, group of each row
    cuts : int
    nodes : int
    thresholds : bool
        Whether the thresholds are parameters (before the slopes); without, the one threshold is 0.

    Examples
    --------
    >>> yes = np.array([0, 1])
    >>> answers = make_categories(yes, np.ones((2, 1)), np.array([0, 0]), cuts=1, nodes=3, thresholds=False)
    >>> answers.above.ravel().tolist(), answers.ends.tolist()
    ([-1.0, -1.0], [[True, False], [False, True]])
    """
    rows, marks = len(levels), np.eye(cuts) if thresholds else np.zeros((cuts, 0))
    above, below = (np.hstack([marks[np.clip(at, 0, cuts - 1)], -matrix]) for at in (levels, levels - 1))
    ends = np.column_stack([levels < cuts, levels > 0])
    points, weights = np.polynomial.hermite.hermgauss(nodes)
    return Categories(above, below, ends.reshape(rows, 2), code, points, weights)


def integrate(answers: Categories, values: np.ndarray, start: np.ndarray | None = None) -> Integral | None:
    r"""Log likelihood of each group and its derivative; None where bounds cross.

    Parameters
    ----------
    answers : Categories
    values : (P + 1,) array, parameters and, last, the standard deviation of the groups
    start : (G,) array, modes to begin from

    Notes
    -----
    With :math:`h_g(u)` the log of the joint density of answers and effect, its mode :math:`\hat u` and
    :math:`\hat\sigma^2 = -1 / h''(\hat u)`, the integral is
    :math:`\sqrt 2 \hat\sigma \sum_k w_k \exp(t_k^2 + h(\hat u + \sqrt 2 \hat\sigma t_k)) / \sqrt{2 \pi}`. One node is
    the approximation of Laplace. The derivative includes how mode and scale move.

    References
    ----------
    Pinheiro, J. C., & Bates, D. M. (1995). Approximations to the log-likelihood function in the nonlinear mixed-effects
    model. Journal of Computational and Graphical Statistics 4, 12-35. doi:10.1080/10618600.1995.10474663

    Examples
    --------
    >>> yes = np.array([0, 1])
    >>> answers = make_categories(yes, np.ones((2, 1)), np.array([0, 1]), cuts=1, nodes=25, thresholds=False)
    >>> integrate(answers, np.array([0.0, 1.0])).log.round(6).tolist()
    [-0.693147, -0.693147]
    """
    parameters, size = values[:-1], values[-1]
    upper = np.where(answers.ends[:, 0], answers.above @ parameters, np.inf)
    lower = np.where(answers.ends[:, 1], answers.below @ parameters, -np.inf)
    if not (upper > lower).all():
        return None
    groups = int(answers.code.max()) + 1
    sums = _summing(answers.code, groups)
    mode = _modes(answers, upper, lower, size, np.zeros(groups) if start is None else start)
    peak = _Peak.at(answers, upper, lower, size, mode)
    scale = 1 / np.sqrt(-peak.second)
    logs, slopes, tilts = [], [], []
    for node in answers.nodes:
        effect = mode + np.sqrt(2) * scale * node
        shift = size * effect[answers.code]
        high, low = expit(upper - shift), expit(lower - shift)
        chance = _between(upper - shift, lower - shift, high, low)
        logs.append(node**2 + sums(np.log(chance)) - effect**2 / 2)
        slopes.append((high * (1 - high) / chance, low * (1 - low) / chance))
        tilts.append((effect, sums(high + low - 1)))
    heights = np.log(answers.weights)[:, None] + np.array(logs)
    top = heights.max(axis=0)
    share = np.exp(heights - top)
    whole = share.sum(axis=0)
    share /= whole
    # what moves with the mode and its scale, then what moves at the nodes themselves
    moved_mode, moved_scale = peak.moved(answers, sums, size, mode, scale)
    along = [(size * tilt - effect) for effect, tilt in tilts]
    by_mode = sum(part * line for part, line in zip(share, along, strict=True))
    by_scale = sum(part * line * node for part, line, node in zip(share, along, answers.nodes, strict=True))
    scores = by_mode[:, None] * moved_mode + (by_scale * np.sqrt(2) * scale + 1)[:, None] * moved_scale
    gain_high = sum(part[answers.code] * pair[0] for part, pair in zip(share, slopes, strict=True))
    gain_low = sum(part[answers.code] * pair[1] for part, pair in zip(share, slopes, strict=True))
    rows = gain_high[:, None] * answers.above - gain_low[:, None] * answers.below
    scores[:, :-1] += np.stack([sums(column) for column in rows.T], axis=1)
    scores[:, -1] += sum(part * effect * tilt for part, (effect, tilt) in zip(share, tilts, strict=True))
    log = np.log(scale) + top + np.log(whole) - np.log(np.pi) / 2
    return Integral(log, scores, mode)


def maximise(answers: Categories, start: np.ndarray, weight: np.ndarray, place: str) -> tuple[np.ndarray, np.ndarray]:
    """The parameters where the likelihood is largest, and the inverse of its curvature there.

    Parameters
    ----------
    answers : Categories
    start : (P + 1,) array
    weight : (G,) array, what each group counts
    place : str, what messages call the model

    Returns
    -------
    values : (P + 1,) array, the standard deviation of the groups last and from 0 up
    covariance : (P + 1, P + 1) array

    Raises
    ------
    DesignError
        No convergence.
    """
    held = [None]

    def slope(values: np.ndarray) -> tuple[float, np.ndarray]:
        found = integrate(answers, values, held[0])
        if found is None or not np.isfinite(found.log).all():
            return np.inf, np.full(len(values), np.inf)
        held[0] = found.mode
        return -float(weight @ found.log), -(weight @ found.scores)

    values, settled = descended(slope, start)
    if not settled or np.abs(values).max() > 1e3:
        hint = "fewer terms, or categories taken together"
        raise DesignError(Fault(place, "no convergence", "a likelihood with a peak", hint=hint))
    values = np.append(values[:-1], abs(values[-1]))
    if values[-1] < 1e-4:
        alone = np.append(values[:-1], 0.0)
        values = alone if slope(alone)[0] <= slope(values)[0] + 1e-8 else values
    covariance = np.zeros((len(values), len(values)))
    inner = slice(None) if values[-1] else slice(0, -1)
    information = curvature(lambda at: slope(at)[1], values)[inner, inner]
    covariance[inner, inner] = np.linalg.inv(information)
    return values, covariance


class _Peak(NamedTuple):
    """Sums by group at the modes, and rows behind them."""

    high: np.ndarray
    low: np.ndarray
    second: np.ndarray
    sums: tuple[np.ndarray, np.ndarray, np.ndarray]

    @classmethod
    def at(cls, answers: Categories, upper: np.ndarray, lower: np.ndarray, size: float, mode: np.ndarray) -> "_Peak":
        """Derivatives of the log joint density by the effect."""
        sums = _summing(answers.code, len(mode))
        shift = size * mode[answers.code]
        high, low = expit(upper - shift), expit(lower - shift)
        first = sums(high + low - 1)
        second = sums(-(high * (1 - high)) - low * (1 - low))
        third = sums(high * (1 - high) * (1 - 2 * high) + low * (1 - low) * (1 - 2 * low))
        return cls(high, low, size**2 * second - 1, (first, second, third))

    def moved(
        self, answers: Categories, sums: Callable[[np.ndarray], np.ndarray], size: float, mode: np.ndarray,
        scale: np.ndarray,
    ) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
        """(G, P + 1) derivatives of the modes, and of the logs of their scales, by the parameters."""
        first, second, third = self.sums
        high, low = self.high * (1 - self.high), self.low * (1 - self.low)
        rows = high[:, None] * answers.above + low[:, None] * answers.below
        slopes = high * (1 - 2 * self.high), low * (1 - 2 * self.low)
        bends = slopes[0][:, None] * answers.above + slopes[1][:, None] * answers.below
        by_first = np.column_stack([*(size * sums(column) for column in rows.T), first + size * second * mode])
        by_second = np.column_stack(
            [*(-(size**2) * sums(column) for column in bends.T), 2 * size * second + size**2 * third * mode]
        )
        moved_mode = by_first * (scale**2)[:, None]
        moved_second = by_second + (size**3 * third)[:, None] * moved_mode
        return moved_mode, moved_second * (scale**2)[:, None] / 2


def _summing(code: np.ndarray, groups: int) -> Callable[[np.ndarray], np.ndarray]:
    """Sums of rows by group."""
    return lambda values: np.bincount(code, weights=values, minlength=groups)


def _between(upper: np.ndarray, lower: np.ndarray, high: np.ndarray, low: np.ndarray) -> np.ndarray:
    """Probability between two bounds, without loss where both are far out on one side."""
    chance = np.where(lower > 0, expit(-lower) - expit(-upper), high - low)
    return np.maximum(chance, 1e-300)


def _modes(answers: Categories, upper: np.ndarray, lower: np.ndarray, size: float, start: np.ndarray) -> np.ndarray:
    """The likeliest effect of every group, by Newton's method; the density is log-concave."""
    sums, mode = _summing(answers.code, len(start)), start
    for _ in range(_STEPS):
        shift = size * mode[answers.code]
        high, low = expit(upper - shift), expit(lower - shift)
        first = size * sums(high + low - 1) - mode
        second = size**2 * sums(-(high * (1 - high)) - low * (1 - low)) - 1
        step = np.clip(first / second, -2, 2)
        mode = mode - step
        if np.abs(step).max() < 1e-11:
            break
    return mode
