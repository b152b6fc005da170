"""The bivariate normal distribution over rectangles, for whole arrays of limits."""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, owens_t

_FAR = 12.0  # beyond it nothing is left of a normal distribution
_ROOT = np.sqrt(2 * np.pi)


def density(x: np.ndarray) -> np.ndarray:
    """Standard normal density; 0 at infinity."""
    return np.exp(-0.5 * np.square(np.clip(x, -40, 40))) / _ROOT


def both_below(h: np.ndarray, k: np.ndarray, rho: np.ndarray) -> np.ndarray:
    """Probability that two standard normal variables of correlation ``rho`` lie below ``h`` and ``k``.

    References
    ----------
    Owen, D. B. (1956). Tables for computing bivariate normal probabilities. Annals of Mathematical Statistics 27,
    1075-1090. doi:10.1214/aoms/1177728074

    Examples
    --------
    >>> float(both_below(0.0, 0.0, 0.5).round(12)), float(both_below(np.inf, 1.0, -0.3).round(6))
    (0.333333333333, 0.841345)
    """
    h, k = (np.clip(np.asarray(one, dtype=float), -_FAR, _FAR) for one in (h, k))
    h, k = (np.where(one == 0, 1e-300, one) for one in (h, k))
    rest = np.sqrt(1 - np.square(rho))
    inside = 0.5 * (ndtr(h) + ndtr(k) - (np.sign(h) != np.sign(k)))
    with np.errstate(over="ignore"):
        return inside - owens_t(h, (k - rho * h) / (h * rest)) - owens_t(k, (h - rho * k) / (k * rest))


def both_density(h: np.ndarray, k: np.ndarray, rho: np.ndarray) -> np.ndarray:
    """Density of two standard normal variables; 0 at infinity."""
    h, k = (np.clip(one, -40, 40) for one in (h, k))
    rest = 1 - np.square(rho)
    return np.exp(-0.5 * (h * h - 2 * rho * h * k + k * k) / rest) / (2 * np.pi * np.sqrt(rest))


class Limits(NamedTuple):
    """Rectangles: below and above of the first variable ``a`` and of the second one ``b``."""

    a: tuple[np.ndarray, np.ndarray]
    b: tuple[np.ndarray, np.ndarray]


def chance(limits: Limits, rho: np.ndarray) -> np.ndarray:
    """Probability of each rectangle."""
    (a0, a1), (b0, b1) = limits.a, limits.b
    inside = both_below(a1, b1, rho) - both_below(a0, b1, rho) - both_below(a1, b0, rho) + both_below(a0, b0, rho)
    return np.maximum(inside, 1e-15)


def chance_slope(limits: Limits, rho: np.ndarray) -> np.ndarray:
    """Slope of the probability of each rectangle by the correlation."""
    (a0, a1), (b0, b1) = limits.a, limits.b
    return both_density(a1, b1, rho) - both_density(a0, b1, rho) - both_density(a1, b0, rho) + both_density(a0, b0, rho)


def edge_slopes(limits: Limits, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Slopes of the probability by the upper and minus the lower limit of each variable."""
    rest = np.sqrt(1 - np.square(rho))

    def slope(edge: np.ndarray, other: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        at = np.clip(edge, -40, 40)
        return density(edge) * (ndtr((other[1] - rho * at) / rest) - ndtr((other[0] - rho * at) / rest))

    return (
        slope(limits.a[1], limits.b),
        slope(limits.a[0], limits.b),
        slope(limits.b[1], limits.a),
        slope(limits.b[0], limits.a),
    )
