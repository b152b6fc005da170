"""The likelihood of a linear model with effects that vary by group, from sums by group alone.

The rows are read once; after that, every evaluation costs groups x coefficients, however many rows there are, and
comes with its gradient. So an optimum is found to the last digits, and not to where a search without slopes stops.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from kzsurvey.errors import DesignError, Fault
from kzsurvey.modelling.regression.solving import gram

_STARTS = np.geomspace(0.01, 100, 13)  # standard deviations, relative to the residual
_NOTHING = 1e-9  # of -2 log likelihood: less than this tells no two solutions apart
_STEPS = 100


@dataclass(frozen=True, eq=False)
class Moments:
    """What a linear mixed model needs of its rows: sums of products, in all and by group.

    Attributes
    ----------
    whole : (p + 1, p + 1) array, products of the columns and the outcome, weighted
    zz : (G, q, q) array, products of the varying columns, by group
    zx : (G, q, p + 1) array, products of the varying columns with the columns and the outcome, by group
    weight : (G,) array, what each group counts
    count : float, rows, weighted
    restricted : bool, whether the likelihood is that of the residuals (REML)
    """

    whole: np.ndarray
    zz: np.ndarray
    zx: np.ndarray
    weight: np.ndarray
    count: float
    restricted: bool

    @property
    def spread_over(self) -> float:
        """What the sum of squares is divided by."""
        return self.count - self.restricted * (len(self.whole) - 1)


class Point(NamedTuple):
    """The likelihood at one covariance of the group effects (all relative to the residual variance).

    Attributes
    ----------
    deviance : float, -2 log likelihood with coefficients and residual variance at their best
    slope : (q, q) array, its derivative by the covariance of the group effects
    beta : (p,) array, coefficients
    unscaled : (p, p) array, covariance of the coefficients, relative to the residual variance
    squares : float, generalised sum of squares
    pulled : (G, q, p) array, Z'V^-1 X of each group
    residual : (G, q) array, Z'V^-1 (y - X beta) of each group
    """

    deviance: float
    slope: np.ndarray
    beta: np.ndarray
    unscaled: np.ndarray
    squares: float
    pulled: np.ndarray
    residual: np.ndarray


def make_moments(
    columns: np.ndarray, varying: np.ndarray, code: np.ndarray, weight: np.ndarray, *, restricted: bool
) -> Moments:
    """Read the rows once.

    Parameters
    ----------
    columns : (p + 1, n) array, the columns of the model and, last, the outcome
    varying : (q, n) array, the columns whose coefficients vary by group
    code : (n,) array, group of each row, 0 to G - 1
    weight : (G,) array, what each group counts
    restricted : bool

    Examples
    --------
    >>> moments = make_moments(np.array([[1.0, 1, 1], [2, 4, 5]]), np.ones((1, 3)), np.array([0, 0, 1]), np.ones(2),
    ...                        restricted=True)
    >>> moments.whole.tolist(), moments.zz.ravel().tolist(), moments.zx[:, 0].tolist()
    ([[3.0, 11.0], [11.0, 45.0]], [2.0, 1.0], [[2.0, 6.0], [1.0, 5.0]])
    """
    count, q = len(weight), len(varying)
    equal = bool((weight == 1).all())
    whole = gram(columns) if equal else gram(columns * np.sqrt(weight)[code])
    zx = np.empty((count, q, len(columns)))
    zz = np.empty((count, q, q))
    for one in range(q):
        constant = one == 0 and bool((varying[0] == 1).all())
        for number, column in enumerate(columns):
            product = column if constant else varying[one] * column
            zx[:, one, number] = np.bincount(code, weights=product, minlength=count)
        for other in range(one + 1):
            zz[:, one, other] = np.bincount(code, weights=varying[one] * varying[other], minlength=count)
            zz[:, other, one] = zz[:, one, other]
    rows = float(weight @ np.bincount(code, minlength=count))
    return Moments(whole, zz, zx, weight, rows, restricted)


def evaluate(moments: Moments, factor: np.ndarray, variance: float | None = None) -> Point:
    r"""The likelihood where the group effects have covariance ``factor @ factor.T`` times the residual variance.

    Parameters
    ----------
    moments : Moments
    factor : (q, q) lower triangular array
    variance : float
        The residual variance; its best value where None.

    Notes
    -----
    With :math:`V_g = I + Z_g D Z_g^T`, everything follows from :math:`W_g = (I + Z_g^T Z_g D)^{-1}`:
    :math:`Z^T V^{-1} Z = W Z^T Z`, :math:`Z^T V^{-1} X = W Z^T X`, :math:`X^T V^{-1} X = X^T X - X^T Z D W Z^T X` and
    :math:`\log |V_g| = -\log |W_g|`. The derivative of the deviance by D is the sum over groups of
    :math:`Z^T V^{-1} Z - Z^T V^{-1} X (X^T V^{-1} X)^{-1} X^T V^{-1} Z - k k^T / \sigma^2`, with
    :math:`k = Z^T V^{-1} (y - X \beta)`; the middle term belongs to the restricted likelihood.

    References
    ----------
    Bates, D., Maechler, M., Bolker, B., & Walker, S. (2015). Fitting linear mixed-effects models using lme4. Journal of
    Statistical Software 67(1), 1-48. doi:10.18637/jss.v067.i01

    Examples
    --------
    >>> moments = make_moments(np.array([[1.0, 1, 1, 1], [0, 2, 4, 6]]), np.ones((1, 4)), np.array([0, 0, 1, 1]),
    ...                        np.ones(2), restricted=True)
    >>> point = evaluate(moments, np.zeros((1, 1)))
    >>> point.beta.tolist(), point.squares, point.slope.tolist()
    ([3.0], 20.0, [[-2.8]])
    """
    covariance, weight = factor @ factor.T, moments.weight
    shrunk, log_size = _shrunk(moments.zz, covariance)
    pulled = _product(shrunk, moments.zx)
    q, width = moments.zx.shape[1:]
    weighted = pulled * weight[:, None, None]
    taken = _rows(moments.zx).T @ _rows(_product(covariance, weighted))
    products = moments.whole - (taken + taken.T) / 2
    try:
        triangle = cho_factor(products[:-1, :-1], lower=True)
    except np.linalg.LinAlgError as error:
        found = "terms that groups and rows leave nothing to tell from"
        raise DesignError(Fault("model", found, "more rows inside the groups, or fewer terms")) from error
    beta = cho_solve(triangle, products[:-1, -1])
    unscaled = cho_solve(triangle, np.eye(width - 1))
    squares = float(products[-1, -1] - products[:-1, -1] @ beta)
    over = moments.spread_over
    variance = squares / over if variance is None else variance
    deviance = float(weight @ log_size) + over * np.log(2 * np.pi * variance) + squares / variance
    deviance += 2 * np.log(np.diag(triangle[0])).sum() * moments.restricted
    inner = pulled[:, :, :-1]
    residual = pulled[:, :, -1] - (_rows(inner) @ beta).reshape(-1, q)
    slope = np.tensordot(weight, _product(shrunk, moments.zz), 1)
    slope = slope - (residual * weight[:, None]).T @ residual / variance
    if moments.restricted:
        spread = (_rows(inner) @ unscaled).reshape(inner.shape)
        slope = slope - np.array([[np.vdot(weighted[:, a, :-1], spread[:, b]) for b in range(q)] for a in range(q)])
    return Point(float(deviance), (slope + slope.T) / 2, beta, unscaled, squares, inner, residual)


def maximise(moments: Moments, place: str) -> np.ndarray:
    """The lower triangular factor of the relative covariance of the group effects where the likelihood is largest.

    Newton's method from the best of several starts, on the analytic gradient; a solution at the edge (a variance of 0)
    is left again where the likelihood rises inward.

    Parameters
    ----------
    moments : Moments, with varying columns whose products average the unit matrix
    place : str, what messages call the model

    Returns
    -------
    (q, q) array

    Raises
    ------
    DesignError
        No convergence.

    Examples
    --------
    >>> moments = make_moments(np.array([[1.0, 1, 1, 1], [0, 2, 4, 6]]), np.ones((1, 4)), np.array([0, 0, 1, 1]),
    ...                        np.ones(2), restricted=True)
    >>> maximise(moments, "model a").round(6).tolist()
    [[1.870829]]
    """
    q = moments.zz.shape[1]
    lower = np.tril_indices(q)

    def slope(values: np.ndarray) -> tuple[float, np.ndarray]:
        factor = _factor(values, q)
        point = evaluate(moments, factor)
        return point.deviance, (2 * point.slope @ factor)[lower]

    best = min((evaluate(moments, size * np.eye(q)).deviance, size) for size in _STARTS)[1]
    values = (best * np.eye(q))[lower]
    for _ in range(3):
        values, settled = descended(slope, values)
        factor = _trimmed(moments, _factor(values, q))
        point = evaluate(moments, factor)
        inward, rising = _inward(point.slope, factor)
        if settled and not rising:
            return factor
        values = _lower_factor(factor @ factor.T + 1e-2 * np.outer(inward, inward))[lower]
    hint = "fewer slopes, or slopes centred; a look at groups with very few rows"
    raise DesignError(
        Fault(place, "no convergence of the variances of the groups", "a likelihood with a peak", hint=hint)
    )


def satterthwaite(moments: Moments, factor: np.ndarray, combinations: np.ndarray) -> np.ndarray:
    r"""Degrees of freedom of combinations of the coefficients, from how well their variances are known.

    Parameters
    ----------
    moments : Moments
    factor : (q, q) array, where the likelihood is largest
    combinations : (k, p) array

    Returns
    -------
    (k,) array

    Notes
    -----
    :math:`\nu = 2 v^2 / g^T A g`: v is the variance of the coefficient, g its derivative by the parameters of the
    variances, A their covariance from the second derivatives of the (restricted) likelihood, as in R's lmerTest.

    References
    ----------
    Kuznetsova, A., Brockhoff, P. B., & Christensen, R. H. B. (2017). lmerTest package: tests in linear mixed effects
    models. Journal of Statistical Software 82(13), 1-26. doi:10.18637/jss.v082.i13

    Examples
    --------
    >>> moments = make_moments(np.array([[1.0, 1, 1, 1], [0, 2, 4, 6]]), np.ones((1, 4)), np.array([0, 0, 1, 1]),
    ...                        np.ones(2), restricted=True)
    >>> satterthwaite(moments, maximise(moments, "model a"), np.eye(1)).round(6).tolist()
    [1.0]
    """
    q = len(factor)
    lower = np.tril_indices(q)
    point = evaluate(moments, factor)
    variance, over = point.squares / moments.spread_over, moments.spread_over

    def slope(values: np.ndarray) -> np.ndarray:
        at, deviation = _factor(values[:-1], q), values[-1]
        here = evaluate(moments, at, deviation**2)
        by_deviation = 2 * over / deviation - 2 * here.squares / deviation**3
        return np.append((2 * here.slope @ at)[lower], by_deviation)

    bend = curvature(slope, np.append(factor[lower], np.sqrt(variance)))
    size, directions = np.linalg.eigh(bend)
    known = size > 1e-8 * size[-1]
    spread = (directions[:, known] * (2 / size[known])) @ directions[:, known].T
    moved = (_rows(point.pulled) @ (point.unscaled @ combinations.T)).reshape(len(moments.weight), q, -1)
    products = np.einsum("gqj,grj->jqr", moved * moments.weight[:, None, None], moved)
    by_factor = 2 * variance * (products @ factor)[:, lower[0], lower[1]]
    unscaled = np.einsum("kp,pr,kr->k", combinations, point.unscaled, combinations)
    gradient = np.column_stack([by_factor, 2 * np.sqrt(variance) * unscaled])
    return 2 * (variance * unscaled) ** 2 / np.einsum("ja,ab,jb->j", gradient, spread, gradient)


def likelihood_ends(moments: Moments, factor: np.ndarray, rise: float) -> tuple[float, float]:
    """Ends of the relative standard deviations of one group effect whose deviance is within a rise of the smallest.

    Parameters
    ----------
    moments : Moments, with one varying column
    factor : (1, 1) array, where the likelihood is largest
    rise : float, a quantile of chi-square with 1 degree of freedom

    Examples
    --------
    >>> moments = make_moments(np.array([[1.0, 1, 1, 1], [0, 2, 4, 6]]), np.ones((1, 4)), np.array([0, 0, 1, 1]),
    ...                        np.ones(2), restricted=True)
    >>> low, high = likelihood_ends(moments, maximise(moments, "model a"), 3.84)
    >>> low, round(high, 2)
    (0.0, 24.93)
    """
    best = float(factor[0, 0])
    limit = evaluate(moments, factor).deviance + rise

    def excess(size: float) -> float:
        return evaluate(moments, np.array([[size]])).deviance - limit

    high = max(2 * best, 1e-3)
    while excess(high) <= 0 and high < 1e6:
        high *= 2
    low = 0.0 if best == 0 or excess(0.0) <= 0 else _root(excess, best, 0.0)
    return low, _root(excess, best, high)


def _root(function: Callable[[float], float], one: float, other: float) -> float:
    """Where a function changes its sign between two places: false position, an end that stays counted half."""
    at_one, at_other = function(one), function(other)
    for _ in range(60):
        middle = (one * at_other - other * at_one) / (at_other - at_one)
        here = function(middle)
        if here == 0 or abs(other - one) <= 1e-13 * abs(other) or abs(here) < 1e-10:
            return middle
        if (here > 0) == (at_other > 0):
            other, at_other, at_one = middle, here, at_one / 2
        else:
            one, at_one, other, at_other = other, at_other, middle, here
    return middle


def _product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Matrix products group by group; many products of single numbers are slow as such."""
    return left * right if left.shape[-1] == 1 else left @ right


def _rows(stack: np.ndarray) -> np.ndarray:
    """All groups' rows in one matrix."""
    return stack.reshape(-1, stack.shape[-1])


def _shrunk(zz: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(I + Z'Z D)^-1 of each group, and the log of the determinant of I + Z'Z D."""
    if len(covariance) == 1:
        size = zz * covariance[0, 0]
        return 1 / (1 + size), np.log1p(size[:, 0, 0])
    inner = np.eye(len(covariance)) + zz @ covariance
    return np.linalg.inv(inner), np.linalg.slogdet(inner)[1]


def _factor(values: np.ndarray, q: int) -> np.ndarray:
    """A lower triangle from its entries."""
    factor = np.zeros((q, q))
    factor[np.tril_indices(q)] = values
    return factor


def _lower_factor(covariance: np.ndarray) -> np.ndarray:
    """A lower triangular factor of a covariance that may be singular."""
    size, directions = np.linalg.eigh(covariance)
    root = directions * np.sqrt(np.maximum(size, 0))
    triangle = np.linalg.qr(root.T, mode="r").T
    return triangle * np.where(np.diag(triangle) < 0, -1.0, 1.0)


def descended(slope: Callable[[np.ndarray], tuple[float, np.ndarray]], values: np.ndarray) -> tuple[np.ndarray, bool]:
    """Newton's method on a function and its slope, damped until each step goes down; and whether it came to rest.

    Examples
    --------
    >>> values, settled = descended(lambda at: (float((at @ at - 1) ** 2), 4 * (at @ at - 1) * at), np.array([2.0]))
    >>> values.round(6).tolist(), settled
    ([1.0], True)
    """
    height, gradient = slope(values)
    for _ in range(_STEPS):
        size, directions = np.linalg.eigh(curvature(lambda at: slope(at)[1], values))
        along = directions.T @ gradient
        convex = np.maximum(np.abs(size), 1e-7 * max(np.abs(size).max(), 1.0))
        step = -directions @ (along / convex)
        drop = float(along @ (along / convex))
        if drop < 1e-13:
            return values, True
        step *= min(1.0, 2.0 * max(np.abs(values).max(), 0.1) / np.abs(step).max())
        for halving in range(30):
            trial = values + step / 2**halving
            new_height, new_gradient = slope(trial)
            if new_height < height or (drop < 1e-8 and np.abs(new_gradient).max() < np.abs(gradient).max()):
                break
        else:
            return values, drop < 1e-7
        values, height, gradient = trial, new_height, new_gradient
    return values, False


def curvature(slope: Callable[[np.ndarray], np.ndarray], values: np.ndarray) -> np.ndarray:
    """Second derivatives from central differences of the first.

    Examples
    --------
    >>> curvature(lambda at: 2 * at, np.array([1.0, 0.0])).round(6).tolist()
    [[2.0, 0.0], [0.0, 2.0]]
    """
    step = 1e-4 * np.maximum(np.abs(values), 1e-2 * max(np.abs(values).max(), 0.1))
    rows = [
        (slope(values + move) - slope(values - move)) / (2 * width)
        for move, width in zip(np.diag(step), step, strict=True)
    ]
    return (np.array(rows) + np.array(rows).T) / 2


def _trimmed(moments: Moments, factor: np.ndarray) -> np.ndarray:
    """The same with directions of next to no variance at exactly 0, where the likelihood does not mind."""
    size, directions = np.linalg.eigh(factor @ factor.T)
    height = evaluate(moments, factor).deviance
    for kept in range(len(size)):
        flat = np.where(np.arange(len(size)) < len(size) - kept, 0.0, size)
        trial = _lower_factor((directions * flat) @ directions.T)
        if evaluate(moments, trial).deviance <= height + _NOTHING:
            return trial
    return _lower_factor(factor @ factor.T)


def _inward(slope: np.ndarray, factor: np.ndarray) -> tuple[np.ndarray, bool]:
    """The direction without variance along which the deviance falls fastest, and whether it falls at all."""
    size, directions = np.linalg.eigh(factor @ factor.T)
    none = directions[:, size <= 1e-14 * max(size[-1], 1e-6)]
    if not none.shape[1]:
        return directions[:, 0], False
    fall, along = np.linalg.eigh(none.T @ slope @ none)
    return none @ along[:, 0], bool(fall[0] < -1e-4)
