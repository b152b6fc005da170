"""The same equation fitted again under a thousand sets of weights: warm starts, all draws in one product of matrices.

The first Newton step of every draw needs sums by cluster alone; later steps pass over the rows a few times. A draw
without a solution (an outcome level that nobody has any more, say) comes back as missing, never as a number.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from kzsurvey.modelling.effects.worlds import LINK, curve, density
from kzsurvey.modelling.sampling.design import Design
from kzsurvey.modelling.sampling.variance import cluster_sums

_PASSES = 12  # a warm start that takes longer is on its way to infinity
_CLOSE = 1e-3  # last step in standard errors; the step squares the error, to 1e-6
BLOCK = 100_000  # rows times draws held at once
_TINY = 1e-300


@dataclass(frozen=True, eq=False)
class Equation:
    """One equation without weights.

    Attributes
    ----------
    kind : str, a key of ``LINK``
    y : (m,) array, the outcome; the code of its level where the kind is ordinal
    matrix : (m, p) array; without a column of ones where the kind is ordinal
    cuts : int, thresholds, which come first among the parameters
    estimate : (q,) array, parameters of the sample, where every refit starts
    """

    kind: str
    y: np.ndarray
    matrix: np.ndarray
    cuts: int
    estimate: np.ndarray


@dataclass(frozen=True, eq=False)
class WarmStart:
    """An equation, ready to be fitted again under weights that change by cluster.

    Attributes
    ----------
    equation : Equation
    sides : tuple of (m, q) arrays
        What the linear predictors are made with: one, or that of the cut above and the cut below a level.
    products : tuple of (m, q (q + 1) / 2) arrays, products of the columns of each pair of sides
    score : (C, q) array, weighted score of each cluster at the estimate
    information : (C, q (q + 1) / 2) array, weighted information of each cluster at the estimate
    """

    equation: Equation
    sides: tuple[np.ndarray, ...]
    products: tuple[np.ndarray, ...]
    score: np.ndarray
    information: np.ndarray


def warm_start(equation: Equation, weight: np.ndarray, cluster: np.ndarray) -> WarmStart:
    """Prepare an equation for refits.

    Parameters
    ----------
    equation : Equation, of m rows
    weight : (m,) array
    cluster : (m,) array of integers from 0

    Examples
    --------
    >>> y, matrix = np.array([0.0, 1.0, 2.0, 5.0]), np.array([[1.0], [1.0], [1.0], [1.0]])
    >>> mean = Equation("linear", y, matrix, 0, np.array([2.0]))
    >>> start = warm_start(mean, np.ones(4), np.arange(4))
    >>> refit(start, np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [1.0, 1.0]]), np.ones(4)[:, None])
    array([[2. , 3.5]])
    """
    sides = _sides(equation)
    pairs = list(combinations_with_replacement(range(len(sides)), 2))
    products = tuple(_products(sides[one], sides[other]) for one, other in pairs)
    first, second = _derivatives(equation, _predictors(equation, sides, equation.estimate[:, None]))
    score = sum(side * part for side, part in zip(sides, first, strict=True))
    information = sum(
        product * np.broadcast_to(part, (len(product), 1)) for product, part in zip(products, second, strict=True)
    )
    count = int(cluster.max()) + 1
    return WarmStart(
        equation=equation,
        sides=sides,
        products=products,
        score=cluster_sums(weight[:, None] * score, cluster, count),
        information=cluster_sums(weight[:, None] * information, cluster, count),
    )


def refit(start: WarmStart, factor: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Parameters under each set of weights.

    Parameters
    ----------
    start : WarmStart
    factor : (C, B) array, what the weights of each cluster are multiplied by
    weight : (m, B) array, the weights themselves; not looked at where the equation is linear

    Returns
    -------
    (q, B) array, missing where a draw has no solution
    """
    equation = start.equation
    step, _ = _steps(start.score.T @ factor, start.information.T @ factor)
    theta = equation.estimate[:, None] + step
    if equation.kind == "linear":
        return theta
    going = np.flatnonzero(np.isfinite(theta).all(axis=0))
    done = np.zeros(theta.shape[1], dtype=bool)
    for _ in range(_PASSES):
        if not len(going):
            break
        own = weight if len(going) == weight.shape[1] else weight[:, going]
        step, size = _newton(start, theta[:, going], own)
        theta[:, going] += step
        done[going[size < _CLOSE]] = True
        going = going[(size >= _CLOSE) & np.isfinite(step).all(axis=0)]
    theta[:, ~done] = np.nan
    return theta


def bootstrap_factors(design: Design, draws: int, *, rows: int, seed: int) -> Iterator[np.ndarray]:
    r"""What each draw of a bootstrap of clusters within strata multiplies the weights by, some draws at a time.

    Parameters
    ----------
    design : Design
    draws : int
    rows : int, of the table, for how many draws are made at a time
    seed : int

    Returns
    -------
    iterator of (C, B) arrays

    Notes
    -----
    In a stratum of n clusters n - 1 are drawn with replacement; a cluster drawn r times gets
    :math:`1 - \lambda + \lambda r n / (n - 1)` with :math:`\lambda = \sqrt{1 - n / N}` (1 without a finite
    population). A stratum of one cluster keeps its weights, as under ``lonely="certainty"``.

    References
    ----------
    Rao, J. N. K., Wu, C. F. J., & Yue, K. (1992). Some recent work on resampling methods for complex surveys. Survey
    Methodology 18, 209-217. https://www150.statcan.gc.ca/n1/pub/12-001-x/1992002/article/14486-eng.pdf

    Examples
    --------
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> factors = next(bootstrap_factors(make_design(clusters=[1, 2, 3, 4]), 500, rows=4, seed=1))
    >>> factors.shape, factors.sum(axis=0).round(9).tolist()[:3], bool(abs(factors.mean() - 1) < 1e-12)
    ((4, 500), [4.0, 4.0, 4.0], True)
    """
    first, rng = design.stages[0], np.random.default_rng(seed)
    members = [np.flatnonzero(first.stratum == stratum) for stratum in range(len(first.drawn))]
    share = np.sqrt(np.maximum(1 - first.drawn / first.population, 0.0))
    size = max(1, min(draws, BLOCK // max(rows, 1)))
    for begin in range(0, draws, size):
        block = min(size, draws - begin)
        factor = np.ones((len(first.stratum), block))
        for stratum, clusters in enumerate(members):
            n = len(clusters)
            if n > 1:
                drawn = rng.multinomial(n - 1, np.full(n, 1 / n), size=block).T
                factor[clusters] = 1 - share[stratum] + share[stratum] * drawn * n / (n - 1)
        yield factor


def _sides(equation: Equation) -> tuple[np.ndarray, ...]:
    """What the linear predictors of an equation are made with."""
    if not equation.cuts:
        return (equation.matrix,)
    cut = np.vstack([np.eye(equation.cuts), np.zeros((1, equation.cuts))])
    above, below = cut[equation.y], np.vstack([np.zeros((1, equation.cuts)), cut[:-1]])[equation.y]
    return np.hstack([above, -equation.matrix]), np.hstack([below, -equation.matrix])


def _predictors(equation: Equation, sides: tuple[np.ndarray, ...], theta: np.ndarray) -> list[np.ndarray]:
    """Linear predictors, infinite beyond the last cut and below the first."""
    found = [side @ theta for side in sides]
    if equation.cuts:
        found[0][equation.y == equation.cuts] = np.inf
        found[1][equation.y == 0] = -np.inf
    return found


def _products(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Products of the columns of two sides, symmetric, upper triangle row by row."""
    first, second = np.triu_indices(one.shape[1])
    if one is other:
        return one[:, first] * one[:, second]
    return one[:, first] * other[:, second] + one[:, second] * other[:, first]


def _derivatives(equation: Equation, predictors: list[np.ndarray]) -> tuple[list, list]:
    """Slopes of the log likelihood in its predictors, and minus its second slopes for each pair of them."""
    if equation.kind == "linear":
        return [equation.y[:, None] - predictors[0]], [np.ones((1, 1))]
    link = LINK[equation.kind]
    if equation.cuts:
        return _ordinal_derivatives(link, *predictors)
    mean = curve(link, predictors[0])
    if link == "logit":
        spread = mean * (1 - mean)
        return [np.subtract(equation.y[:, None], mean, out=mean)], [spread]
    slope = density(link, predictors[0])
    ratio = slope / np.maximum(mean * (1 - mean), _TINY)
    return [(equation.y[:, None] - mean) * ratio], [slope * ratio]


def _ordinal_derivatives(link: str, above: np.ndarray, below: np.ndarray) -> tuple[list, list]:
    """The same for a level between two cuts."""
    chance = np.maximum(curve(link, above) - curve(link, below), _TINY)
    bell, bend = zip(*(_bell(link, x) for x in (above, below)), strict=True)
    up, down = bell[0] / chance, bell[1] / chance
    return [up, -down], [up**2 - bend[0] / chance, -up * down, down**2 + bend[1] / chance]


def _bell(link: str, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Density and its slope; 0 at infinity."""
    value = density(link, x)
    finite = np.where(np.isfinite(x), x, 0.0)
    return value, -finite * value if link == "probit" else value * (1 - 2 * curve(link, x))


def _newton(start: WarmStart, theta: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """One step of all draws, and its length in standard errors."""
    with np.errstate(all="ignore"):
        first, second = _derivatives(start.equation, _predictors(start.equation, start.sides, theta))
        score = sum(side.T @ (weight * part) for side, part in zip(start.sides, first, strict=True))
        information = sum(product.T @ (weight * part) for product, part in zip(start.products, second, strict=True))
    return _steps(score, information)


def _steps(score: np.ndarray, information: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Solve for the steps; missing where the information is singular."""
    count, draws = score.shape
    first, second = np.triu_indices(count)
    square = np.empty((draws, count, count))
    square[:, first, second] = square[:, second, first] = information.T
    scale = np.sqrt(np.maximum(square[:, range(count), range(count)], _TINY))
    square /= scale[:, :, None] * scale[:, None, :]
    scaled = score.T / scale
    sound = np.isfinite(square).all(axis=(1, 2)) & np.isfinite(scaled).all(axis=1)
    sound[sound] = np.linalg.eigvalsh(square[sound])[:, 0] > 1e-12
    step = np.full((draws, count), np.nan)
    step[sound] = np.linalg.solve(square[sound], scaled[sound][:, :, None])[:, :, 0]
    size = np.sqrt(np.abs(np.einsum("bi,bi->b", step, scaled)))
    return (step / scale).T, size
