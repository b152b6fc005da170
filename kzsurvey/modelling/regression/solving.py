"""Coefficients of a regression by iteratively reweighted least squares: few passes over the rows, no false answer.

One pass gives deviance, information and score together, block by block, so that all a block needs stays in the cache.
Large samples start from the answer of a part of their rows, replicates from that of the full sample.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from kzsurvey.errors import DesignError, Fault
from kzsurvey.modelling.regression.families import Family, working
from kzsurvey.modelling.sampling.variance import Linearised

_STEPS = 60
_SETTLED = 1e-11  # relative change of the linear predictor that is rounding
_NEXT = 1e-7  # a Newton step this small leaves less than rounding to the next
_NEAR = 1e-8  # columns nearer to each other than this are turned apart before they are squared
_BLOCK = 8192
_PART, _MANY = 20_000, 60_000  # rows of the part that gives a start, and where that pays
_JOINT_STEPS = 6  # of all replicates at once, before those left are solved one by one


@dataclass(frozen=True, eq=False)
class Problem:
    """One regression without its weights.

    Attributes
    ----------
    y : (n,) array
    columns : (p, n) array, rows contiguous
    shift : (n,) array, added to the linear predictor, or 0
    family : Family
    names : tuple of str, of the columns
    place : str, what messages call the model
    """

    y: np.ndarray
    columns: np.ndarray
    shift: np.ndarray | float
    family: Family
    names: tuple[str, ...]
    place: str


class Solution(NamedTuple):
    """Where a regression settles.

    Attributes
    ----------
    estimate : (p,) array
    eta : (n,) array, linear predictor
    residual : (n,) array, slope of each row's log likelihood in its linear predictor
    information : (p, p) array, expected
    """

    estimate: np.ndarray
    eta: np.ndarray
    residual: np.ndarray
    information: np.ndarray


class _State(NamedTuple):
    """What one pass over the rows gives."""

    loss: float
    information: np.ndarray
    score: np.ndarray
    residual: np.ndarray


@dataclass(frozen=True, eq=False)
class Refit:
    """A regression as a function of its weights, for the variance core.

    Attributes
    ----------
    problem : Problem, of the rows used
    rows : slice or (m,) array, the rows used among all
    count : int, all rows
    weight : (n,) array, weights of the full fit
    full : Solution, under those weights; where fits under other weights start
    correction : (p, p) array, what a correction for few clusters makes of the coefficients' errors, or None
        So that whatever is computed from the coefficients has errors corrected like theirs.
    """

    problem: Problem
    rows: slice | np.ndarray
    count: int
    weight: np.ndarray
    full: Solution
    correction: np.ndarray | None = None

    def __call__(self, weight: np.ndarray) -> Linearised:
        """Coefficients, scores over all rows, and bread."""
        known = weight is self.weight
        found = self.full if known else solve(self.problem, weight[self.rows], start=self.full.estimate)
        scores = (self.problem.columns * found.residual).T
        bread = bread_of(self.problem, weight[self.rows], found)
        bread = bread if self.correction is None else self.correction @ bread
        return Linearised(found.estimate, spread(scores, self.rows, self.count), bread)

    def refits(self, weight: np.ndarray) -> np.ndarray:
        """Coefficients under each column of weights: (n, R) to (R, p)."""
        return refit(self.problem, weight[self.rows], self.full)


def bread_of(problem: Problem, weight: np.ndarray, found: Solution) -> np.ndarray:
    """Inverse of the information; from the columns themselves where they nearly repeat each other.

    Sums of squares lose twice the digits that the columns do: for a predictor that lies a million of its own standard
    deviations from 0, the errors would have four digits left.

    Parameters
    ----------
    problem : Problem
    weight : (n,) array
    found : Solution, under those weights

    Returns
    -------
    (p, p) array

    Examples
    --------
    >>> from kzsurvey.modelling.regression.families import FAMILIES
    >>> columns = np.stack([np.ones(4), 1e7 + np.arange(4.0)])
    >>> problem = Problem(np.array([1.0, 3.0, 2.0, 4.0]), columns, 0.0, FAMILIES["linear"], ("Intercept", "x"), "model")
    >>> round(float(bread_of(problem, np.ones(4), solve(problem, np.ones(4)))[1, 1]), 6)
    0.2
    """
    size = np.sqrt(found.information.diagonal())
    if np.linalg.eigvalsh(found.information / size / size[:, None])[0] > _NEAR:
        return np.linalg.inv(found.information)
    _, curvature, _ = working(problem.family, problem.y, found.eta, loss=False)
    triangle = np.linalg.qr((problem.columns / size[:, None] * np.sqrt(curvature * weight)).T, mode="r")
    inverse = np.linalg.inv(triangle)
    return inverse @ inverse.T / size / size[:, None]


def spread(values: np.ndarray, rows: slice | np.ndarray, count: int) -> np.ndarray:
    """Values of the rows used, put back among all rows; 0 elsewhere.

    Examples
    --------
    >>> spread(np.array([1.0, 2.0]), np.array([0, 2]), 3).tolist()
    [1.0, 0.0, 2.0]
    """
    if len(values) == count:
        return values
    full = np.zeros((count, *values.shape[1:]), order="F")
    full[rows] = values
    return full


def solve(problem: Problem, weight: np.ndarray, *, start: np.ndarray | None = None) -> Solution:
    """Coefficients under weights, or the reason why there are none.

    Parameters
    ----------
    problem : Problem
    weight : (n,) array, from 0 up
    start : (p,) array, coefficients to start from

    Returns
    -------
    Solution

    Raises
    ------
    DesignError
        Separation, terms without variation, no convergence.

    Examples
    --------
    >>> from kzsurvey.modelling.regression.families import FAMILIES
    >>> y, columns = np.array([0.0, 1.0, 1.0]), np.ones((1, 3))
    >>> problem = Problem(y, columns, 0.0, FAMILIES["logistic"], ("Intercept",), "model")
    >>> solve(problem, np.array([1.0, 1.0, 1.0])).estimate.round(6).tolist()
    [0.693147]
    """
    near = _part_start(problem, weight) if start is None else start
    found = None if near is None else _settled(problem, weight, near)
    found = found or _settled(problem, weight, None)
    if found is None:
        raise DesignError(_reason(problem, weight))
    return found


def refit(problem: Problem, weight: np.ndarray, full: Solution) -> np.ndarray:
    """Coefficients under many weights, all at once from the full fit; one by one where that does not settle.

    Parameters
    ----------
    problem : Problem
    weight : (n, R) array, from 0 up
    full : Solution, of the full sample

    Returns
    -------
    (R, p) array

    Raises
    ------
    DesignError
        Replicates without an answer: how many, and why the first has none.
    """
    estimates, settled = _together(problem, weight, full)
    failed = []
    for number in np.flatnonzero(~settled):
        found = _settled(problem, np.ascontiguousarray(weight[:, number]), None)
        failed += [number] if found is None else []
        estimates[number] = np.nan if found is None else found.estimate
    if failed:
        reason = _reason(problem, weight[:, failed[0]])
        first = f"number {failed[0] + 1}: {reason.found}"
        found = f"{len(failed)} of {weight.shape[1]} replicates without an answer ({first})"
        raise DesignError(replace(reason, found=found, hint="merge categories, or leave terms out"))
    return estimates


def gram(columns: np.ndarray) -> np.ndarray:
    """Sums of squares and products of rows, block by block.

    Examples
    --------
    >>> gram(np.array([[1.0, 2.0], [0.0, 1.0]])).tolist()
    [[5.0, 2.0], [2.0, 1.0]]
    """
    total = np.zeros((len(columns), len(columns)))
    for block in _blocks(columns.shape[1]):
        part = columns[:, block]
        total += part @ part.T
    return total


def _blocks(count: int, most: int = _BLOCK) -> Iterator[slice]:
    """Equal parts small enough for the cache."""
    size = -(-count // max(-(-count // most), 1))
    return (slice(first, first + size) for first in range(0, count, max(size, 1)))


def _equations(
    problem: Problem, weight: np.ndarray, eta: np.ndarray, target: np.ndarray | float | None = None
) -> _State:
    """Deviance, expected information and score (of the working outcome, where the coefficients are not known yet)."""
    size = len(problem.columns)
    loss, information, score = 0.0, np.zeros((size, size)), np.zeros(size)
    residual = np.empty(len(problem.y))
    for block in _blocks(len(problem.y)):
        columns, own = problem.columns[:, block], weight[block]
        part, curvature, deviance = working(problem.family, problem.y[block], eta[block])
        curvature = curvature * own
        residual[block] = part
        loss += own @ deviance
        information += (columns * curvature) @ columns.T
        score += columns @ (part * own if target is None else part * own + curvature * target[block])
    return _State(float(loss), information, score, residual)


def _settled(
    problem: Problem, weight: np.ndarray, start: np.ndarray | None, *, finish: float = _SETTLED
) -> Solution | None:
    """Newton (or scoring) steps, halved while they make the fit worse; None where they lead nowhere.

    Without a start, the first step is least squares on the working outcome. Later steps add what the score still asks
    for, which also takes off the rounding error of the normal equations. A step below ``finish`` is the last, and
    costs no further pass.
    """
    family, columns = problem.family, problem.columns
    beta = _working_start(problem, weight) if start is None else start
    if beta is None:
        return None
    eta = beta @ columns + problem.shift
    state = _equations(problem, weight, eta)
    for _ in range(_STEPS):
        step = _step(state.information, state.score)
        if step is None:
            return None
        move, length = step @ columns, 1.0
        size = np.abs(move).max() / (1 + np.abs(eta).max())
        if size <= finish:
            return Solution(beta + step, eta + move, state.residual, state.information)
        after = _equations(problem, weight, eta + move)
        while not after.loss <= state.loss * (1 + 1e-12):
            length /= 2
            if length < 1e-6:
                return None
            after = _equations(problem, weight, eta + length * move)
        beta, eta, state = beta + length * step, eta + length * move, after
        if family.canonical and size <= _NEXT and length == 1:
            return Solution(beta, eta, state.residual, state.information)
    return None


def _working_start(problem: Problem, weight: np.ndarray) -> np.ndarray | None:
    """Least squares on the working outcome of a guess at each row's mean."""
    eta = problem.family.link(problem.family.start(problem.y))
    state = _equations(problem, weight, eta, target=eta - problem.shift)
    return _step(state.information, state.score)


def _part_start(problem: Problem, weight: np.ndarray) -> np.ndarray | None:
    """Coefficients of a part of many rows; None where there are few, or the part has no answer."""
    count = len(problem.y)
    if count < _MANY:
        return None
    rows = slice(None, None, count // _PART)
    shift = problem.shift if np.isscalar(problem.shift) else problem.shift[rows]
    part = replace(problem, y=problem.y[rows], columns=np.ascontiguousarray(problem.columns[:, rows]), shift=shift)
    found = _settled(part, np.ascontiguousarray(weight[rows]), None, finish=1e-4)
    return None if found is None else found.estimate


def _together(problem: Problem, weight: np.ndarray, full: Solution) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients under many weights from the full fit, (R, p), and which of them have settled."""
    estimates = np.tile(full.estimate, (weight.shape[1], 1))
    reach = np.abs(problem.columns).max(axis=1) / (1 + np.abs(full.eta).max())
    finish = 1e-4 if problem.family.canonical else 1e-9  # a Newton step of 1e-4 leaves some 1e-9
    settled = np.zeros(len(estimates), dtype=bool)
    for _ in range(_JOINT_STEPS):
        steps = _steps(problem, weight, estimates)
        estimates += steps
        settled = np.abs(steps) @ reach <= finish
        if settled.all():
            break
    return estimates, settled


def _steps(problem: Problem, weight: np.ndarray, estimates: np.ndarray) -> np.ndarray:
    """A Newton step for each set of weights from its own coefficients; not a number where there is none."""
    count, size = estimates.shape
    above = np.triu_indices(size)
    score, packed = np.zeros((size, count)), np.zeros((len(above[0]), count))
    for block in _blocks(len(problem.y), _BLOCK // 8):
        columns = problem.columns[:, block]
        products, y = columns[above[0]] * columns[above[1]], problem.y[block, None]
        shift = problem.shift if np.isscalar(problem.shift) else problem.shift[block, None]
        for first in range(0, count, _BLOCK // 128):
            some = slice(first, first + _BLOCK // 128)
            own = weight[block, some]
            residual, curvature, _ = working(problem.family, y, columns.T @ estimates[some].T + shift, loss=False)
            score[:, some] += columns @ (residual * own)
            packed[:, some] += products @ (curvature * own)
    information = np.empty((count, size, size))
    information[:, above[0], above[1]] = packed.T
    information[:, above[1], above[0]] = packed.T
    try:
        return np.linalg.solve(information, score.T[..., None])[..., 0]
    except np.linalg.LinAlgError:
        steps = [_step(*equations) for equations in zip(information, score.T, strict=True)]
        return np.array([np.full(size, np.nan) if step is None else step for step in steps])


def _step(information: np.ndarray, score: np.ndarray) -> np.ndarray | None:
    """Newton step, on columns of equal size; None where the equations have no one answer."""
    size = np.sqrt(information.diagonal())
    if not ((size > 0) & (size < np.inf)).all():
        return None
    try:
        return np.linalg.solve(information / size / size[:, None], score / size) / size
    except np.linalg.LinAlgError:
        return None


def _reason(problem: Problem, weight: np.ndarray) -> Fault:
    """Why a regression has no answer under these weights."""
    used = np.flatnonzero(weight > 0)
    problem = replace(problem, y=problem.y[used], columns=problem.columns[:, used])
    binary = problem.family.outcomes == "binary"
    if len(used) and (problem.y == problem.y[0]).all() and (binary or problem.y[0] == 0):
        return Fault(problem.place, f"an outcome that is always {problem.y[0]:g}", "an outcome that varies")
    nothing = [name for name, column in zip(problem.names, problem.columns, strict=True) if not np.any(column)]
    if nothing:
        found = f"nothing to estimate {' + '.join(nothing)} from"
        return Fault(problem.place, found, "terms that vary in the rows with weight", hint="fewer terms")
    separating = _separating(problem)
    if separating:
        found = f"separation: the outcome is foretold without error by {separating}"
        return Fault(problem.place, found, "terms with both outcomes", hint="merge categories or leave terms out")
    return Fault(problem.place, f"no convergence in {_STEPS} steps", "fewer terms, or other scales")


def _separating(problem: Problem) -> str:
    """Terms a combination of which foretells the outcome without error, so that no finite coefficient is best.

    A linear programme looks for a direction in which every fitted value can only get better (Konis 2007): first for a
    part of the rows, then also for those that the direction found makes worse.
    """
    if problem.family.outcomes == "any":
        return ""
    y, X = problem.y, problem.columns.T / np.abs(problem.columns).max(axis=1)
    counts = problem.family.outcomes == "counts"
    towards = np.where((y > 0)[:, None], X, -X)  # what must not fall; for counts above 0, not rise either
    both = (y > 0) & counts
    rows, gain = np.arange(len(y)) % max(len(y) // _PART, 1) == 0, towards[~both].sum(axis=0)
    while True:
        direction = _direction(gain, towards[rows & ~both], towards[rows & both])
        if direction is None:
            return ""
        change = towards @ direction
        worse = np.where(both, np.abs(change), -change)
        worst = np.argsort(-worse)[: _PART // 4]
        worst = worst[(worse[worst] > 1e-7) & ~rows[worst]]
        if not len(worst):
            break
        rows[worst] = True
    moving = [term for term, part in zip(problem.names, direction, strict=True) if abs(part) > 1e-6]
    return " + ".join(term for term in moving if term != "Intercept") or "the intercept"


def _direction(gain: np.ndarray, towards: np.ndarray, fixed: np.ndarray) -> np.ndarray | None:
    """The direction of most gain in which some rows do not lose, and others stay where they are; None without gain."""
    from scipy.optimize import linprog  # half a second to load, and rarely needed

    found = linprog(
        -gain,
        A_ub=-towards,
        b_ub=np.zeros(len(towards)),
        A_eq=fixed if len(fixed) else None,
        b_eq=np.zeros(len(fixed)) if len(fixed) else None,
        bounds=(-1, 1),
        method="highs",
    )
    return found.x if found.status == 0 and -found.fun > 1e-6 else None
