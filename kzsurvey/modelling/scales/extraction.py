"""Common factors of a correlation matrix: least squares residuals, maximum likelihood, principal components; rotations.

Plain functions of arrays, so that the errors of what comes out can be had by moving what goes in.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from kzsurvey.errors import DesignError, Fault

_LOWEST = 0.005  # of a unique variance: below it the solution is a Heywood case
_STEPS, _SETTLED = 2000, 1e-9


class Extracted(NamedTuple):
    """Unrotated factors.

    Attributes
    ----------
    loadings : (k, m) array
    unique : (k,) array, unique variances
    """

    loadings: np.ndarray
    unique: np.ndarray


def extract(R: np.ndarray, factors: int, method: str = "minres", *, start: np.ndarray | None = None) -> Extracted:
    """Factors of a correlation matrix.

    Parameters
    ----------
    R : (k, k) array
    factors : int
    method : {"minres", "ml", "components"}
        Least squares of the residual correlations; maximum likelihood; principal components.
    start : (k,) array, unique variances to begin with

    Returns
    -------
    Extracted

    Raises
    ------
    DesignError
        A matrix that is not positive definite (``ml``), no convergence.

    References
    ----------
    Harman, H. H., & Jones, W. H. (1966). Factor analysis by minimizing residuals (minres). Psychometrika 31, 351-368.
    doi:10.1007/BF02289468
    Joreskog, K. G. (1967). Some contributions to maximum likelihood factor analysis. Psychometrika 32, 443-482.
    doi:10.1007/BF02289658

    Examples
    --------
    >>> R = np.array([[1, 0.56, 0.48], [0.56, 1, 0.42], [0.48, 0.42, 1]])
    >>> extract(R, 1).loadings[:, 0].round(3).tolist()
    [0.8, 0.7, 0.6]
    """
    if method == "components":
        loadings = _leading(R, factors)
        return Extracted(loadings, 1 - (loadings**2).sum(axis=1))
    if method == "ml" and np.linalg.eigvalsh(R)[0] <= 1e-10:
        found = "correlations that are not positive definite"
        raise DesignError(Fault("factor analysis", found, "items that do not repeat each other", hint="method minres"))
    loss = {"minres": _minres, "ml": _likelihood}[method]
    if start is None:
        start = np.clip(1 / np.diag(np.linalg.pinv(R)), _LOWEST, 1.0)
        start = np.where(np.isfinite(start), start, 0.5)
    found = minimize(
        loss, start, args=(R, factors), jac=True, method="L-BFGS-B", bounds=[(_LOWEST, 1.0)] * len(R),
        options={"maxiter": _STEPS, "ftol": 1e-15, "gtol": _SETTLED},
    )  # fmt: skip
    if not found.success and np.abs(found.jac[(found.x > _LOWEST) & (found.x < 1)]).max(initial=0) > 1e-5:
        raise DesignError(Fault("factor analysis", f"no convergence in {_STEPS} steps", "fewer factors, other items"))
    return Extracted({"minres": _leading_of, "ml": _scaled_leading}[method](found.x, R, factors), found.x)


def _leading(R: np.ndarray, factors: int) -> np.ndarray:
    """Loadings on the largest principal axes; negative eigenvalues count as nothing."""
    values, vectors = np.linalg.eigh(R)
    size = np.sqrt(np.maximum(values[::-1][:factors], 0.0))
    return _upright(vectors[:, ::-1][:, :factors] * size)


def _leading_of(unique: np.ndarray, R: np.ndarray, factors: int) -> np.ndarray:
    """Loadings on the largest axes of what the unique variances leave."""
    return _leading(R - np.diag(unique), factors)


def _scaled_leading(unique: np.ndarray, R: np.ndarray, factors: int) -> np.ndarray:
    """The same in units of the unique variances, as maximum likelihood has it."""
    size = np.sqrt(unique)
    values, vectors = np.linalg.eigh(R / np.outer(size, size))
    above = np.sqrt(np.maximum(values[::-1][:factors] - 1, 0.0))
    return _upright(size[:, None] * vectors[:, ::-1][:, :factors] * above)


def _upright(loadings: np.ndarray) -> np.ndarray:
    """Every factor with more positive than negative loadings, by their sum."""
    return loadings * np.where(loadings.sum(axis=0) < 0, -1.0, 1.0)


def _minres(unique: np.ndarray, R: np.ndarray, factors: int) -> tuple[float, np.ndarray]:
    """Squares of what is left beside the diagonal, and their slopes."""
    values, vectors = np.linalg.eigh(R - np.diag(unique))
    kept = np.maximum(values[-factors:], 0.0)
    leading = vectors[:, -factors:]
    model = (leading * kept) @ leading.T
    left = R - model
    np.fill_diagonal(left, 0.0)
    return float((left**2).sum() / 2), _minres_slope(left, values, vectors, factors)


def _minres_slope(left: np.ndarray, values: np.ndarray, vectors: np.ndarray, factors: int) -> np.ndarray:
    """Slopes by the derivative of the leading part of a symmetric matrix in its diagonal."""
    count = len(values)
    high = np.arange(count) >= count - factors
    positive = np.where(high, np.maximum(values, 0.0), 0.0)
    gap = values[:, None] - values[None, :]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (positive[:, None] - positive[None, :]) / gap
    same = np.abs(gap) < 1e-12
    ratio[same] = np.broadcast_to((high & (values > 0)).astype(float)[:, None], ratio.shape)[same]
    turned = vectors.T @ left @ vectors
    # the model falls as the unique variance rises, so the residuals rise
    return np.einsum("ai,ij,aj->a", vectors, turned * ratio, vectors)


def _likelihood(unique: np.ndarray, R: np.ndarray, factors: int) -> tuple[float, np.ndarray]:
    """Joreskog's discrepancy after the factors have been taken out, and its slopes."""
    size = np.sqrt(unique)
    values, vectors = np.linalg.eigh(R / np.outer(size, size))
    rest = np.maximum(values[: len(R) - factors], 1e-12)
    above = np.maximum(values[len(R) - factors :] - 1, 0.0)
    loadings = size[:, None] * vectors[:, len(R) - factors :] * np.sqrt(above)
    model = loadings @ loadings.T + np.diag(unique) - R
    return float((rest - np.log(rest) - 1).sum()), np.diag(model) / unique**2


def varimax(loadings: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotate to few large loadings per factor, factors kept apart; items weighted by their communality (Kaiser).

    Parameters
    ----------
    loadings : (k, m) array

    Returns
    -------
    rotated : (k, m) array
    correlations : (m, m) array, of the factors: the identity

    References
    ----------
    Kaiser, H. F. (1958). The varimax criterion for analytic rotation in factor analysis. Psychometrika 23, 187-200.
    doi:10.1007/BF02289233

    Examples
    --------
    >>> varimax(np.array([[0.8, 0.0], [0.0, 0.8]]))[0].round(2).tolist()
    [[0.8, 0.0], [0.0, 0.8]]
    """
    factors = loadings.shape[1]
    if factors < 2:
        return loadings, np.eye(factors)
    size = np.sqrt((loadings**2).sum(axis=1))
    size = np.where(size > 0, size, 1.0)
    scaled, turn, reached = loadings / size[:, None], np.eye(factors), 0.0
    for _ in range(_STEPS):
        turned = scaled @ turn
        u, values, v = np.linalg.svd(scaled.T @ (turned**3 - turned * (turned**2).mean(axis=0)))
        turn, before, reached = u @ v, reached, values.sum()
        if reached < before * (1 + 1e-12):
            break
    return _ordered((scaled @ turn) * size[:, None], np.eye(factors))


def oblimin(loadings: np.ndarray, *, start: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Rotate to few large loadings per factor, factors free to correlate (quartimin: oblimin with gamma 0).

    Parameters
    ----------
    loadings : (k, m) array
    start : (k, m) array, a pattern to begin near

    Returns
    -------
    rotated : (k, m) array, the pattern
    correlations : (m, m) array, of the factors

    Raises
    ------
    DesignError
        No convergence.

    References
    ----------
    Bernaards, C. A., & Jennrich, R. I. (2005). Gradient projection algorithms and software for arbitrary rotation
    criteria in factor analysis. Educational and Psychological Measurement 65, 676-696. doi:10.1177/0013164404272507

    Examples
    --------
    >>> pattern, correlations = oblimin(np.array([[0.8, 0.1], [0.7, 0.2], [0.1, 0.8], [0.2, 0.7]]))
    >>> pattern.round(2).tolist(), correlations.round(2).tolist()
    ([[0.82, -0.04], [0.7, 0.08], [-0.04, 0.82], [0.08, 0.7]], [[1.0, 0.34], [0.34, 1.0]])
    """
    factors = loadings.shape[1]
    if factors < 2:
        return loadings, np.eye(factors)
    turn = np.eye(factors) if start is None else np.linalg.pinv(np.linalg.lstsq(loadings, start, rcond=None)[0]).T
    turn = _projected(loadings, turn / np.linalg.norm(turn, axis=0))
    pattern = loadings @ np.linalg.inv(turn).T
    return _ordered(pattern, turn.T @ turn)


def _quartimin(pattern: np.ndarray) -> tuple[float, np.ndarray]:
    """How far items load on several factors, and its slopes."""
    squares = pattern**2
    others = squares.sum(axis=1, keepdims=True) - squares
    return float((squares * others).sum() / 4), pattern * others


def _projected(loadings: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Gradient projection over directions of length 1."""
    length, pattern = 1.0, loadings @ np.linalg.inv(turn).T
    value, slope = _quartimin(pattern)
    for _ in range(_STEPS):
        gradient = -(pattern.T @ slope @ np.linalg.inv(turn)).T
        projected = gradient - turn * (turn * gradient).sum(axis=0)
        size = np.linalg.norm(projected)
        if size < _SETTLED:
            return turn
        length *= 2
        for _ in range(40):
            moved = turn - length * projected
            moved /= np.linalg.norm(moved, axis=0)
            trial = loadings @ np.linalg.inv(moved).T
            lower, steeper = _quartimin(trial)
            if value - lower > 0.5 * size**2 * length:
                break
            length /= 2
        if value - lower < 1e-16:
            return moved if lower <= value else turn
        turn, pattern, value, slope = moved, trial, lower, steeper
    raise DesignError(Fault("factor analysis", f"a rotation without convergence in {_STEPS} steps", "fewer factors"))


def _ordered(pattern: np.ndarray, correlations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Factors by how much they explain, the most first, each upright."""
    sign = np.where(pattern.sum(axis=0) < 0, -1.0, 1.0)
    pattern, correlations = pattern * sign, correlations * np.outer(sign, sign)
    order = np.argsort(-np.diag(correlations @ pattern.T @ pattern), kind="stable")
    return pattern[:, order], correlations[np.ix_(order, order)]


ROTATIONS: dict[str, Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]] = {
    "none": lambda loadings: (loadings, np.eye(loadings.shape[1])),
    "varimax": varimax,
    "oblimin": oblimin,
}
