"""Damped scoring under equality constraints, for one data set or for many draws at once."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from kzsurvey.modelling.paths.matrices import inverses
from kzsurvey.modelling.paths.syntax import Definition

_STEPS = 500
_STEP = 1e-20  # along the imaginary axis: no rounding, so as small as one likes


class Value(NamedTuple):
    """An objective at (B, q) parameters: (B,) values, (B, q) slopes, (B, q, q) expected curvature."""

    value: np.ndarray
    gradient: np.ndarray
    information: np.ndarray


class Solution(NamedTuple):
    """Where the search ended.

    Attributes
    ----------
    theta : (B, q) array
    value : (B,) array
    converged : (B,) flags
    steps : int
    """

    theta: np.ndarray
    value: np.ndarray
    converged: np.ndarray
    steps: int


# (B, q) parameters, and which draws they belong to
Objective = Callable[[np.ndarray, np.ndarray], Value]


class Constraints(NamedTuple):
    """Expressions of the free parameters that must be 0.

    Attributes
    ----------
    definitions : tuple of Definition
    places : mapping of label to place among the free parameters, or to a fixed value (as a float)
    """

    definitions: tuple[Definition, ...]
    places: dict[str, int | float]

    def __call__(self, theta: np.ndarray) -> np.ndarray:
        """(..., c) values."""
        known = labelled(theta, self.places)
        values = [np.broadcast_to(one.expression(known), theta.shape[:-1]) for one in self.definitions]
        return np.stack(values, axis=-1)

    def slopes(self, theta: np.ndarray) -> np.ndarray:
        """(..., c, q) derivatives."""
        return complex_slopes(self, theta)


def labelled(theta: np.ndarray, places: dict[str, int | float]) -> dict[str, np.ndarray]:
    """Values by label."""
    return {name: theta[..., place] if isinstance(place, int) else np.asarray(place) for name, place in places.items()}


def complex_slopes(function: Callable[[np.ndarray], np.ndarray], theta: np.ndarray) -> np.ndarray:
    """(..., k, q) derivatives of a function of (..., q) parameters, exact to the last digits (complex step).

    References
    ----------
    Squire, W., & Trapp, G. (1998). Using complex variables to estimate derivatives of real functions. SIAM Review 40,
    110-112. doi:10.1137/S003614459631241X

    Examples
    --------
    >>> complex_slopes(lambda theta: theta**2, np.array([1.0, 3.0])).tolist()
    [[2.0, 0.0], [0.0, 6.0]]
    """
    steps = theta[..., None, :] + 1j * _STEP * np.eye(theta.shape[-1])
    return np.swapaxes(np.imag(function(steps)) / _STEP, -1, -2)


def solve(
    objective: Objective,
    start: np.ndarray,
    *,
    constraints: Constraints | None = None,
    tolerance: float = 1e-14,
    steps: int = _STEPS,
) -> Solution:
    """Minimise an objective for each row of starting values.

    Parameters
    ----------
    objective : function of (B, q) parameters and their (B,) places giving a Value
    start : (B, q) array
    constraints : Constraints
    tolerance : float
        Largest square of the length of a last step in the metric of the information (per unit of sample).
    steps : int, at most

    Notes
    -----
    Each step solves the scoring equations, bordered by the linearised constraints, damped by Levenberg and Marquardt
    where a step would not lead down. Only draws that still move are computed.
    """
    theta = np.array(start, dtype=float)
    count = len(theta)
    here = objective(theta, np.arange(count))
    state = {"value": here.value.copy(), "gradient": here.gradient.copy(), "information": here.information.copy()}
    damping, converged = np.zeros(count), np.zeros(count, dtype=bool)
    active = np.flatnonzero(np.isfinite(here.value))
    taken = 0
    while len(active) and taken < steps:
        taken += 1
        at = theta[active]
        gap = None if constraints is None else (constraints(at), constraints.slopes(at))
        step, price = _step(state["gradient"][active], state["information"][active], damping[active], gap)
        trial = at + step
        there = objective(trial, active)
        merit = state["value"][active] + _penalty(price, gap)
        reached = there.value + _penalty(price, None if gap is None else (constraints(trial), None))
        length = np.einsum("bi,bij,bj->b", step, state["information"][active], step)
        slack = 1e-13 * (1 + np.abs(merit))
        better = np.isfinite(reached) & (reached <= merit + slack)
        moved = active[better]
        theta[moved] = trial[better]
        for name, new in zip(("value", "gradient", "information"), there, strict=True):
            state[name][moved] = new[better]
        done = better & (length < tolerance) & (damping[active] < 1e-2)
        converged[active[done]] = True
        damping[active] = np.where(
            better, np.where(damping[active] < 1e-5, 0.0, damping[active] / 10), np.maximum(damping[active] * 10, 1e-4)
        )
        active = active[~done & (damping[active] < 1e12) & np.isfinite(length)]
    return Solution(theta, state["value"], converged, taken)


def solve_near(
    slopes: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]],
    start: np.ndarray,
    inverse: np.ndarray,
    *,
    tolerance: float,
    steps: int = 60,
) -> Solution:
    """Minimise many objectives that resemble one whose solution and curvature are known.

    Parameters
    ----------
    slopes : function of (B, q) parameters and their (B,) places giving (B,) values and (B, q) slopes
    start : (B, q) array, the known solution
    inverse : (q, q) array, inverse curvature there
    tolerance : float, as in :func:`solve`

    Notes
    -----
    Each draw has an inverse curvature of its own, which begins as the known one and learns from its steps (BFGS).
    """
    theta = np.array(start, dtype=float)
    count = len(theta)
    with np.errstate(all="ignore"):
        value, gradient = (np.array(one) for one in slopes(theta, np.arange(count)))
        bends = np.repeat(inverse[None], count, axis=0)
        shrink, converged = np.ones(count), np.zeros(count, dtype=bool)
        active = np.flatnonzero(np.isfinite(value))
        taken = 0
        while len(active) and taken < steps:
            taken += 1
            way = -(bends[active] @ gradient[active][..., None])[..., 0]
            fall = -np.sum(way * gradient[active], axis=-1)
            step = shrink[active, None] * way
            there, ahead = slopes(theta[active] + step, active)
            better = there <= value[active] - 1e-4 * shrink[active] * fall + 1e-13 * (1 + np.abs(value[active]))
            moved = active[better]
            turned = ahead[better] - gradient[moved]
            theta[moved] += step[better]
            value[moved], gradient[moved] = there[better], ahead[better]
            bends[moved] = _learned(bends[moved], step[better], turned)
            shrink[active] = np.where(better, 1.0, shrink[active] / 2)
            done = better & (fall < tolerance) & (fall >= 0)
            converged[active[done]] = True
            active = active[~done & (shrink[active] > 1e-4) & (fall >= 0)]
    return Solution(theta, value, converged, taken)


def _learned(inverse: np.ndarray, step: np.ndarray, turned: np.ndarray) -> np.ndarray:
    """Inverse curvatures that agree with the last steps; as they were where a step shows no curvature."""
    along = np.sum(step * turned, axis=-1)
    usable = along > 1e-14 * np.sqrt(np.sum(step**2, axis=-1) * np.sum(turned**2, axis=-1))
    safe = np.where(usable, along, 1.0)[:, None, None]
    moved = (inverse @ turned[..., None])[..., 0]
    size = np.sum(turned * moved, axis=-1)[:, None, None]
    outer = step[:, :, None] * step[:, None, :]
    mixed = moved[:, :, None] * step[:, None, :]
    found = inverse + (1 + size / safe) / safe * outer - (mixed + np.swapaxes(mixed, -1, -2)) / safe
    return np.where(usable[:, None, None], found, inverse)


def _penalty(price: np.ndarray | None, gap: tuple | None) -> np.ndarray | float:
    return 0.0 if gap is None else price * np.abs(gap[0]).sum(axis=-1)


def _step(
    gradient: np.ndarray, information: np.ndarray, damping: np.ndarray, gap: tuple | None
) -> tuple[np.ndarray, np.ndarray | None]:
    """One step of each draw, and what a violated constraint costs."""
    count = gradient.shape[-1]
    scale = np.sqrt(np.maximum(np.diagonal(information, axis1=-2, axis2=-1), 1e-300))
    square = information / (scale[..., :, None] * scale[..., None, :])
    square = square + (damping[:, None, None] + 1e-12) * np.eye(count)
    right = -gradient / scale
    if gap is None:
        return _solved(square, right) / scale, None
    value, slopes = gap
    slopes = slopes / scale[..., None, :]
    nothing = np.zeros((*slopes.shape[:-2], slopes.shape[-2], slopes.shape[-2])) - 1e-12 * np.eye(slopes.shape[-2])
    bordered = np.concatenate(
        [
            np.concatenate([square, np.swapaxes(slopes, -1, -2)], axis=-1),
            np.concatenate([slopes, nothing], axis=-1),
        ],
        axis=-2,
    )
    found = _solved(bordered, np.concatenate([right, -value], axis=-1))
    price = 2 * np.abs(found[..., count:]).max(axis=-1) + 1e-3
    return found[..., :count] / scale, price


def _solved(square: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solutions of all draws; missing where a matrix is singular."""
    try:
        return np.linalg.solve(square, right[..., None])[..., 0]
    except np.linalg.LinAlgError:
        found = np.full_like(right, np.nan)
        for place, (one, side) in enumerate(zip(square, right, strict=True)):
            try:
                found[place] = np.linalg.solve(one, side)
            except np.linalg.LinAlgError:
                continue
        return found


def bordered_inverse(information: np.ndarray, slopes: np.ndarray | None) -> np.ndarray:
    """(q, q) inverse of an information matrix in the directions that constraints leave free; missing where singular.

    Parameters
    ----------
    information : (q, q) array
    slopes : (c, q) array of the constraints, or None
    """
    scale = np.sqrt(np.maximum(np.abs(np.diag(information)), 1e-300))
    square = information / np.outer(scale, scale)
    free = np.eye(len(square)) if slopes is None or not len(slopes) else free_directions(slopes / scale)
    return free @ inverses(free.T @ square @ free) @ free.T / np.outer(scale, scale)


def free_directions(slopes: np.ndarray) -> np.ndarray:
    """(q, q - rank) orthonormal directions along which constraints do not change."""
    _, size, directions = np.linalg.svd(slopes)
    rank = int((size > 1e-9 * max(size.max(), 1e-300)).sum())
    return directions[rank:].T


def unidentified(
    information: np.ndarray, slopes: np.ndarray | None, names: Sequence[str], units: np.ndarray
) -> list[str]:
    """Names of the parameters that move along directions in which the information is 0.

    Parameters
    ----------
    information : (q, q) array
    slopes : (c, q) array of constraints, or None
    names : sequence of str
    units : (q,) array, how large a change of each parameter is one to speak of
    """
    scale = np.sqrt(np.maximum(np.diag(information), 0.0))
    moves = scale * units > 1e-6
    still = [name for name, some in zip(names, moves, strict=True) if not some]
    scale = np.where(moves, scale, 1 / units)
    square = information / np.outer(scale, scale)
    free = np.eye(len(square)) if slopes is None or not len(slopes) else free_directions(slopes / scale)
    size, inner = np.linalg.eigh(free.T @ square @ free)
    flat = free @ inner[:, size < 1e-9 * max(size.max(initial=0.0), 1e-300)]
    moving = np.abs(flat).max(axis=1, initial=0.0) > 0.02
    return list(dict.fromkeys([*still, *(name for name, some in zip(names, moving, strict=True) if some)]))
