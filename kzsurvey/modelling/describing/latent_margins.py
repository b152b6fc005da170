"""One variable at a time: thresholds of ordinal ones, means and variances of numbers, given covariates if any.

Every parameter comes with its influence: how far one row, times its weight, moves it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from kzsurvey.modelling.describing.bivariate_normal import density


@dataclass(frozen=True, eq=False)
class Margin:
    """One variable.

    Attributes
    ----------
    levels : int, of an ordinal variable; 0 of a number
    known : (n,) flags of rows that count
    code : (n,) array of levels from 0, or the residual over its standard deviation
    below, above : (n,) arrays, limits of the latent variable less what covariates say; of ordinal variables
    value : (k,) array: thresholds or mean; then slopes of the covariates; then, of a number, the variance
    influence : (n, k) array, 0 for rows that do not count
    """

    levels: int
    known: np.ndarray
    code: np.ndarray
    below: np.ndarray
    above: np.ndarray
    value: np.ndarray
    influence: np.ndarray

    @property
    def deviation(self) -> float:
        """Standard deviation of a number; 1 of a latent variable."""
        return 1.0 if self.levels else float(np.sqrt(self.value[-1]))


def ordinal_margin(
    code: np.ndarray, levels: int, weight: np.ndarray, covariates: np.ndarray, *, influence: bool = True
) -> Margin:
    """Thresholds of an ordinal variable, by ordered probit where there are covariates.

    Parameters
    ----------
    code : (n,) array of levels from 0; -1 where the row does not count
    levels : int
    weight : (n,) array
    covariates : (n, x) array
    influence : bool, whether it is wanted; else it is empty
    """
    known = code >= 0
    share = np.bincount(code[known], weights=weight[known], minlength=levels) / weight[known].sum()
    cuts = ndtri(np.clip(np.cumsum(share)[:-1], 1e-12, 1 - 1e-12))
    value = np.concatenate([cuts, np.zeros(covariates.shape[1])])
    if covariates.shape[1]:
        value = _probit(value, code, levels, weight, covariates, known)
    below, above = _limits(value, code, levels, covariates)
    moved = np.zeros((len(code), 0))
    if influence:
        scores = _ordinal_scores(below, above, code, levels, covariates, known)
        moved = scores @ np.linalg.inv(scores.T @ (scores * weight[:, None]))
    return Margin(levels, known, code, below, above, value, moved)


def _limits(value: np.ndarray, code: np.ndarray, levels: int, covariates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    cuts = np.concatenate([[-np.inf], value[: levels - 1], [np.inf]])
    told = covariates @ value[levels - 1 :]
    return cuts[np.maximum(code, 0)] - told, cuts[np.maximum(code, 0) + 1] - told


def _ordinal_scores(
    below: np.ndarray, above: np.ndarray, code: np.ndarray, levels: int, covariates: np.ndarray, known: np.ndarray
) -> np.ndarray:
    """(n, k) slopes of the log likelihood of each row."""
    inside = np.maximum(ndtr(above) - ndtr(below), 1e-15)
    up, down = density(above) / inside, density(below) / inside
    return edge_columns(up, down, code, levels, covariates) * known[:, None]


def edge_columns(up: np.ndarray, down: np.ndarray, code: np.ndarray, levels: int, covariates: np.ndarray) -> np.ndarray:
    """Slopes by the limits of each row as slopes by thresholds and slopes of covariates."""
    cut = np.arange(levels - 1)
    by_cut = up[:, None] * (code[:, None] == cut) - down[:, None] * (code[:, None] == cut + 1)
    return np.concatenate([by_cut, -(up - down)[:, None] * covariates], axis=1)


def _probit(
    value: np.ndarray, code: np.ndarray, levels: int, weight: np.ndarray, covariates: np.ndarray, known: np.ndarray
) -> np.ndarray:
    """Ordered probit by scoring with summed squares of scores, halved where a step would not lead up."""

    def height(at: np.ndarray) -> float:
        below, above = _limits(at, code, levels, covariates)
        inside = ndtr(above) - ndtr(below)
        return -np.inf if (inside[known] <= 0).any() else float(weight[known] @ np.log(inside[known]))

    best = height(value)
    for _ in range(100):
        below, above = _limits(value, code, levels, covariates)
        scores = _ordinal_scores(below, above, code, levels, covariates, known)
        step = np.linalg.lstsq(scores.T @ (scores * weight[:, None]), weight @ scores, rcond=None)[0]
        while (reached := height(value + step)) < best - 1e-12 * abs(best) and np.abs(step).max() > 1e-14:
            step = step / 2
        value, best = value + step, max(best, reached)
        if np.abs(step).max() < 1e-10:
            break
    return value


def number_margin(values: np.ndarray, weight: np.ndarray, covariates: np.ndarray) -> Margin:
    """Mean and variance of a number, or its regression on covariates.

    Parameters
    ----------
    values : (n,) array, NaN where the row does not count
    """
    known = np.isfinite(values)
    matrix = np.concatenate([np.ones((len(values), 1)), covariates], axis=1) * known[:, None]
    heavy = matrix * weight[:, None]
    bread = np.linalg.inv(matrix.T @ heavy)
    filled = np.where(known, values, 0.0)
    slopes = bread @ (heavy.T @ filled)
    residual = (filled - matrix @ slopes) * known
    total = weight[known].sum()
    variance = float(weight @ residual**2 / total)
    influence = np.concatenate(
        [(matrix * residual[:, None]) @ bread, ((residual**2 - variance) * known / total)[:, None]], axis=1
    )
    nothing = np.zeros(len(values))
    deviation = np.sqrt(variance) if variance > 0 else 1.0
    return Margin(0, known, residual / deviation, nothing, nothing, np.append(slopes, variance), influence)
