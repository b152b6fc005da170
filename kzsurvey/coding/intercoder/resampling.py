"""Errors and intervals of coefficients of agreement, from whole units or clusters of units.

Promise: what belongs together is drawn together; pairs of codings within a unit are never treated as independent. The
same seed gives the same draws, and what is undefined in a draw is counted, not guessed.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri, stdtrit

from kzsurvey.coding.intercoder.coefficients import Formula, Statistic, estimate

STEP = 1e-30  # of complex differentiation: exact, for nothing is subtracted
SMALL = 1e-10
BLOCK = 50  # resamples at a time, so that what is drawn stays in the cache of the processor
WHOLE = 1 - 1e-12  # agreement without a disagreement, up to rounding
POWER = 1 / 3  # (1 - estimate)^(1/3) is nearly symmetric, from a few disagreements to agreement by chance


class Drawn(NamedTuple):
    """How to find intervals.

    Attributes
    ----------
    interval : str, one of INTERVALS
    resamples, seed : int
    confidence : float
    """

    interval: str
    resamples: int
    seed: int
    confidence: float


class Spread(NamedTuple):
    """What is known of a coefficient beside its value; one entry per layer.

    Attributes
    ----------
    estimate, std_error, low, high : (layers,) arrays
    undefined : (layers,) array, draws in which the coefficient was not defined, or clusters without which it is not
    """

    estimate: np.ndarray
    std_error: np.ndarray
    low: np.ndarray
    high: np.ndarray
    undefined: np.ndarray


class Sums(NamedTuple):
    """Summands of clusters (layers, clusters, p), their total (layers, p) and, of a bootstrap, sums of draws."""

    parts: np.ndarray
    total: np.ndarray
    draws: np.ndarray | None
    formula: Formula


def spread(statistics: dict[str, Statistic], clusters: np.ndarray, drawn: Drawn) -> dict[str, Spread]:
    """Estimates, standard errors and intervals of several coefficients of the same units, from the same draws.

    Parameters
    ----------
    statistics : dict, name of a coefficient to its summands (layers, units, p) and its formula
    clusters : (units,) array, number of the cluster
    drawn : Drawn

    Returns
    -------
    dict of Spread

    Notes
    -----
    The standard error is that of linearisation: with u the derivative of the coefficient in the direction of the
    summand of a cluster, the square root of C / (C - 1) times the sum of u^2.
    """
    parts = {name: _by_cluster(statistic.terms, clusters) for name, statistic in statistics.items()}
    draws = _draws(parts, drawn) if drawn.interval in RESAMPLED else dict.fromkeys(parts)
    sums = {name: Sums(part, part.sum(axis=1), draws[name], statistics[name].formula) for name, part in parts.items()}
    return {name: _spread(each, drawn) for name, each in sums.items()}


def _by_cluster(terms: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    """Summands added up within clusters."""
    if len(np.unique(clusters)) == len(clusters):
        return terms
    order = np.argsort(clusters, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(clusters[order]) > 0])
    return np.add.reduceat(terms[:, order], starts, axis=1)


def _draws(parts: dict[str, np.ndarray], drawn: Drawn) -> dict[str, np.ndarray]:
    """Sums (layers, draws, p) of resampled clusters: one product of weights and summands for all coefficients."""
    size = next(iter(parts.values())).shape[1]
    wide = np.concatenate([part.transpose(1, 0, 2).reshape(size, -1) for part in parts.values()], axis=1)
    sums = _weights(size, drawn) @ np.ascontiguousarray(wide)
    ends = np.cumsum([part.shape[0] * part.shape[2] for part in parts.values()])[:-1]
    pieces = zip(parts.items(), np.split(sums, ends, axis=1), strict=True)
    return {
        name: piece.reshape(drawn.resamples, part.shape[0], part.shape[2]).swapaxes(0, 1)
        for (name, part), piece in pieces
    }


def _weights(size: int, drawn: Drawn) -> np.ndarray:
    """(resamples, size) array: how often each cluster is drawn, with replacement."""
    rng, weights = np.random.default_rng(drawn.seed), np.empty((drawn.resamples, size))
    for start in range(0, drawn.resamples, BLOCK):
        rows = range(start, min(start + BLOCK, drawn.resamples))
        for row, chosen in zip(rows, rng.integers(0, size, (len(rows), size), dtype=np.int32), strict=True):
            weights[row] = np.bincount(chosen, minlength=size)
    return weights


def _spread(sums: Sums, drawn: Drawn) -> Spread:
    found = estimate(sums.formula, sums.total)
    influence = _influence(sums.formula, sums.total, sums.parts)
    clusters = sums.parts.shape[1]
    inflation = clusters / (clusters - 1) if clusters > 1 else np.nan
    std_error = np.sqrt(inflation * (influence**2).sum(axis=1))
    low, high, undefined = INTERVALS[drawn.interval](sums, found, influence, drawn)
    alike = (
        (std_error < SMALL) | (high - low < SMALL) | (clusters < 2)
    )  # nothing varies, so that nothing is known of the error
    low, high = np.where(alike, np.nan, low), np.where(alike, np.nan, high)
    return Spread(found, std_error, low, high, undefined)


def _influence(formula: Formula, total: np.ndarray, parts: np.ndarray) -> np.ndarray:
    """(layers, clusters) array: derivative of the coefficient in the direction of every cluster."""
    return estimate(formula, total[:, None, :] + 1j * STEP * parts).imag / STEP


def gwet_error(statistic: Statistic) -> np.ndarray:
    """Gwet's standard error of a coefficient whose second summand says that a unit was coded twice; per layer.

    Parameters
    ----------
    statistic : Statistic, with one row of summands per unit that anybody coded

    Returns
    -------
    (layers,) array

    Notes
    -----
    It takes the number of units that were coded twice as given: a unit coded once adds the square of the coefficient.
    The same as linearisation where every unit was coded twice.

    References
    ----------
    Gwet (2008), doi:10.1348/000711006X126600.
    """
    total = statistic.terms.sum(axis=1)
    units = statistic.terms.shape[1]
    paired = statistic.terms[..., 1]
    twice = np.maximum(paired.sum(axis=1, keepdims=True), 1)
    moved = estimate(statistic.formula, total)[:, None] * (paired / twice - 1 / units)
    influence = _influence(statistic.formula, total, statistic.terms) + moved
    return np.sqrt(units / max(units - 1, 1) * (influence**2).sum(axis=1))


def _leave_one_out(sums: Sums, found: np.ndarray, influence: np.ndarray, drawn: Drawn) -> tuple[np.ndarray, ...]:
    """Jackknife t interval of (1 - estimate)^(1/3), carried back.

    Where the coefficient is not defined without one of the clusters, all hangs on that one: there is no interval.
    """
    clusters = sums.parts.shape[1]
    without = estimate(sums.formula, sums.total[:, None, :] - sums.parts)
    undefined = np.isnan(without).sum(axis=1) * (found < WHOLE)
    shift = without - without.mean(axis=1, keepdims=True)
    error = np.sqrt((clusters - 1) / clusters * (shift**2).sum(axis=1))
    reach = stdtrit(max(clusters - 1, 1), (1 + drawn.confidence) / 2) * error
    left = np.maximum(1 - found, 0)
    root = left**POWER
    with np.errstate(divide="ignore", invalid="ignore"):
        half = reach * POWER * left ** (POWER - 1)
    low = 1 - (root + half) ** (1 / POWER)
    high = 1 - np.maximum(root - half, 0) ** (1 / POWER)
    return low, high, undefined


def _percentile(sums: Sums, found: np.ndarray, influence: np.ndarray, drawn: Drawn) -> tuple[np.ndarray, ...]:
    """Interval between quantiles of the resampled coefficient."""
    values = np.sort(estimate(sums.formula, sums.draws), axis=1)  # undefined ones come last
    tails = np.array([1 - drawn.confidence, 1 + drawn.confidence]) / 2
    return *_quantiles(values, np.broadcast_to(tails, (len(found), 2))), np.isnan(values).sum(axis=1)


def _accelerated(sums: Sums, found: np.ndarray, influence: np.ndarray, drawn: Drawn) -> tuple[np.ndarray, ...]:
    """BCa interval: quantiles corrected for bias and for an error that changes with the coefficient."""
    values = np.sort(estimate(sums.formula, sums.draws), axis=1)
    defined = np.maximum((~np.isnan(values)).sum(axis=1), 1)
    below, upto = ((values < found[:, None] + edge).sum(axis=1) for edge in (-1e-12, 1e-12))
    bias = ndtri(np.clip((below + upto) / 2 / defined, 0.5 / drawn.resamples, 1 - 0.5 / drawn.resamples))
    scale = 6 * (influence**2).sum(axis=1) ** 1.5
    curve = np.divide((influence**3).sum(axis=1), scale, out=np.zeros(len(found)), where=scale > 0)
    moved = bias[:, None] + ndtri(np.array([1 - drawn.confidence, 1 + drawn.confidence]) / 2)
    tails = ndtr(bias[:, None] + moved / (1 - curve[:, None] * moved))
    return *_quantiles(values, tails), np.isnan(values).sum(axis=1)


def _quantiles(values: np.ndarray, tails: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Interpolated quantiles of sorted rows that may end in nan."""
    defined = (~np.isnan(values)).sum(axis=1, keepdims=True)
    place = np.nan_to_num(tails) * np.maximum(defined - 1, 0)
    before = np.floor(place).astype(int)
    after = np.minimum(before + 1, np.maximum(defined - 1, 0))
    rows = np.arange(len(values))[:, None]
    found = values[rows, before] + (place - before) * (values[rows, after] - values[rows, before])
    return found[:, 0], found[:, 1]


def no_disagreement(found: Spread, loss: np.ndarray, clusters: int, confidence: float) -> Spread:
    """The interval up to 1 where nothing disagreed, of which resampling knows nothing.

    Parameters
    ----------
    found : Spread, of one coefficient
    loss : (layers,) array, what one dissent in every cluster would take from the coefficient
    clusters : int
    confidence : float

    Returns
    -------
    Spread

    Notes
    -----
    With no event among C clusters, an expected number of -log((1 - confidence) / 2) events is the most that the tail
    allows (the rule of three, two-sided).
    """
    most = -np.log((1 - confidence) / 2) / clusters
    whole = found.estimate > WHOLE
    return found._replace(low=np.where(whole, 1 - most * loss, found.low), high=np.where(whole, 1.0, found.high))


RESAMPLED = ("percentile", "bca")
INTERVALS: dict[str, Callable[..., tuple[np.ndarray, ...]]] = {
    "jackknife": _leave_one_out,
    "percentile": _percentile,
    "bca": _accelerated,
}
