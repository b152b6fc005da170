"""Two variables at a time: polychoric, polyserial and plain covariances with the influence of every row.

Thresholds, means and variances are those of the single variables (two-step), and the influence of a row counts that it
moves them too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from kzsurvey.modelling.describing.bivariate_normal import (
    Limits,
    both_below,
    both_density,
    chance,
    chance_slope,
    density,
    edge_slopes,
)
from kzsurvey.modelling.describing.latent_margins import Margin, edge_columns

_STEPS = 200
_EDGE = 0.99995  # a correlation beyond it is on its way to 1


@dataclass(frozen=True, eq=False)
class Pair:
    """How two variables go together.

    Attributes
    ----------
    rho : float, their correlation (of latent variables, where they are ordinal)
    value : float, their covariance
    influence : (n,) array, of the covariance
    empty : int, cells of the two-way table of ordinal variables that nobody is in
    corrected : bool, whether something was added to them
    """

    rho: float
    value: float
    influence: np.ndarray
    empty: int = 0
    corrected: bool = False


def pairs_of(
    margins: Sequence[Margin], weight: np.ndarray, covariates: np.ndarray, *, empty: float = 0.5,
    influence: bool = True, start: np.ndarray | None = None,
) -> list[Pair]:  # fmt: skip
    """Every pair of variables, column by column of the lower triangle.

    Parameters
    ----------
    margins : sequence of Margin
    weight : (n,) array
    covariates : (n, x) array
    empty : float
        What an empty cell of a table of two by two gets, its margins kept; larger tables stay as they are.
    influence : bool, whether those of ordinal pairs are wanted; else they are empty
    start : array, correlations of the ordinal pairs to begin with
    """
    number = [not margin.levels for margin in margins]
    found: dict[tuple[int, int], Pair] = {}
    places = list(combinations(range(len(margins)), 2))
    ordinal = [pair for pair in places if not number[pair[0]] and not number[pair[1]]]
    both = [(margins[a], margins[b]) for a, b in ordinal]
    found |= dict(zip(ordinal, _polychoric(both, weight, covariates, empty, influence, start), strict=True))
    for a, b in places:
        if number[a] and number[b]:
            found[a, b] = _plain(margins[a], margins[b], weight)
        elif number[a] or number[b]:
            first, second = (margins[a], margins[b]) if number[a] else (margins[b], margins[a])
            found[a, b] = _polyserial(first, second, weight, covariates)
    return [found[pair] for pair in places]


@dataclass(frozen=True, eq=False)
class _Cells:
    """Rectangles of one pair: cells of its table, or single rows where covariates move the limits."""

    limits: Limits
    weight: np.ndarray
    of_row: np.ndarray  # (n,) cell of each row, -1 where the row does not count
    total: float
    empty: int
    corrected: bool


def _cells(first: Margin, second: Margin, weight: np.ndarray, covariates: np.ndarray, empty: float) -> _Cells:
    both = first.known & second.known
    if covariates.shape[1]:
        rows = np.flatnonzero(both)
        of_row = np.full(len(weight), -1)
        of_row[rows] = np.arange(len(rows))
        limits = Limits((first.below[rows], first.above[rows]), (second.below[rows], second.above[rows]))
        return _Cells(limits, weight[rows], of_row, float(weight[rows].sum()), 0, False)
    count = first.levels * second.levels
    of_row = np.where(both, first.code * second.levels + second.code, -1)
    table = np.bincount(of_row[both], weights=weight[both], minlength=count)
    total, none = float(table.sum()), int((table == 0).sum())
    corrected = bool(none == 1 and count == 4 and empty > 0)
    if corrected:
        table = _with_addition(table, empty * total / max(int(both.sum()), 1))
    cuts = [np.concatenate([[-np.inf], one.value[: one.levels - 1], [np.inf]]) for one in (first, second)]
    a, b = np.divmod(np.arange(count), second.levels)
    limits = Limits((cuts[0][a], cuts[0][a + 1]), (cuts[1][b], cuts[1][b + 1]))
    return _Cells(limits, table, of_row, total, none, corrected)


def _with_addition(table: np.ndarray, amount: float) -> np.ndarray:
    """Put something into the one empty cell of two by two, and keep the margins."""
    sign = np.array([1.0, -1.0, -1.0, 1.0])
    return table + amount * (sign if table[0] == 0 or table[3] == 0 else -sign)


def _polychoric(
    pairs: Sequence[tuple[Margin, Margin]], weight: np.ndarray, covariates: np.ndarray, empty: float,
    influence: bool, start: np.ndarray | None,
) -> list[Pair]:  # fmt: skip
    """All polychoric correlations at once."""
    if not pairs:
        return []
    cells = [_cells(*pair, weight, covariates, empty) for pair in pairs]
    rho = _correlations(cells, start)
    if not influence:
        nothing = np.zeros(0)
        return [
            Pair(float(at), float(at), nothing, one.empty, one.corrected) for one, at in zip(cells, rho, strict=True)
        ]
    return [
        _with_influence(pair, one, float(at), weight, covariates)
        for pair, one, at in zip(pairs, cells, rho, strict=True)
    ]


def _correlations(cells: Sequence[_Cells], start: np.ndarray | None) -> np.ndarray:
    """Correlations of greatest likelihood, by scoring on Fisher's scale."""
    owner = np.repeat(np.arange(len(cells)), [len(one.weight) for one in cells])
    heavy = np.concatenate([one.weight for one in cells])
    corners = _corners(cells)
    z = np.zeros(len(cells)) if start is None else np.arctanh(np.clip(start, -0.99, 0.99))
    last = np.full(len(cells), np.inf)
    for _ in range(_STEPS):
        rho = np.tanh(z)
        inside, slope = _at_corners(corners, rho)
        score = slope / inside
        slope = np.bincount(owner, heavy * score, len(cells)) * (1 - rho**2)
        bend = np.bincount(owner, heavy * score**2, len(cells)) * (1 - rho**2) ** 2
        step = np.clip(slope / np.maximum(bend, 1e-300), -0.5, 0.5)
        step = np.where(step * last < 0, step / 2, step)
        z, last = np.clip(z + step, -7, 7), step
        if np.abs(step).max() < 1e-11:
            break
    return np.tanh(z)


class _Corners(NamedTuple):
    """Corners of all rectangles, each once: those with finite sides, and what is known of the others."""

    h: np.ndarray
    k: np.ndarray
    owner: np.ndarray  # pair of each finite corner
    finite: np.ndarray  # places of the finite ones among all
    known: np.ndarray  # probability below each corner, of those with an infinite side
    at: np.ndarray  # (cells, 4) corners of each rectangle: above both, above the second, above the first, below both


def _corners(cells: Sequence[_Cells]) -> _Corners:
    """Corners of the rectangles of all pairs."""
    parts, ats, begin = [], [], 0
    for number, one in enumerate(cells):
        (a0, a1), (b0, b1) = one.limits.a, one.limits.b
        sides = np.stack([np.concatenate([a1, a0, a1, a0]), np.concatenate([b1, b1, b0, b0])], axis=1)
        unique, at = np.unique(sides, axis=0, return_inverse=True)
        parts.append(np.column_stack([unique, np.full(len(unique), number)]))
        ats.append(begin + at.reshape(4, -1).T)
        begin += len(unique)
    h, k, owner = np.concatenate(parts).T
    finite = np.flatnonzero(np.isfinite(h) & np.isfinite(k))
    known = np.where(np.isinf(h) & np.isinf(k), (h > 0) & (k > 0), ndtr(np.minimum(h, k)))
    return _Corners(h[finite], k[finite], owner[finite].astype(int), finite, known, np.concatenate(ats))


def _at_corners(corners: _Corners, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Probability of each rectangle, and its slope by the correlation."""
    mine = rho[corners.owner]
    below, slope = corners.known.astype(float), np.zeros(len(corners.known))
    below[corners.finite] = both_below(corners.h, corners.k, mine)
    slope[corners.finite] = both_density(corners.h, corners.k, mine)
    signs = np.array([1.0, -1.0, -1.0, 1.0])
    return np.maximum(below[corners.at] @ signs, 1e-15), slope[corners.at] @ signs


def _with_influence(
    pair: tuple[Margin, Margin], cells: _Cells, rho: float, weight: np.ndarray, covariates: np.ndarray
) -> Pair:
    """Influence of each row on a polychoric correlation."""
    first, second = pair
    inside = chance(cells.limits, rho)
    used = cells.of_row >= 0
    at = np.maximum(cells.of_row, 0)
    score = np.where(used, (chance_slope(cells.limits, rho) / inside)[at], 0.0)
    edges = [np.where(used, (slope / inside)[at], 0.0) for slope in edge_slopes(cells.limits, rho)]
    heavy = weight * score
    influence = score.copy()
    for margin, up, down in ((first, *edges[:2]), (second, *edges[2:])):
        crossed = heavy @ edge_columns(up, down, margin.code, margin.levels, covariates)
        influence = influence - margin.influence @ crossed
    influence = influence / max(float(heavy @ score), 1e-300)
    return Pair(rho, rho, influence, cells.empty, cells.corrected)


def _plain(first: Margin, second: Margin, weight: np.ndarray) -> Pair:
    """Covariance of two numbers."""
    both = first.known & second.known
    size = first.deviation * second.deviation
    product = np.where(both, first.code * second.code * size, 0.0)
    total = weight[both].sum()
    value = float(weight @ product / total)
    return Pair(value / size if size > 0 else 0.0, value, np.where(both, product - value, 0.0) / total)


def _polyserial(number: Margin, ordinal: Margin, weight: np.ndarray, covariates: np.ndarray) -> Pair:
    """Covariance of a number with a latent variable behind levels."""
    both = number.known & ordinal.known
    heavy, u = weight * both, number.code
    z, last = 0.0, np.inf
    for _ in range(_STEPS):
        score, _, _ = _serial_scores(np.tanh(z), u, ordinal, both)
        rest = 1 - np.tanh(z) ** 2
        step = float(np.clip((heavy @ score) / max(heavy @ score**2, 1e-300) / rest, -0.5, 0.5))
        step = step / 2 if step * last < 0 else step
        z, last = float(np.clip(z + step, -7, 7)), step
        if abs(step) < 1e-11:
            break
    rho, deviation = float(np.tanh(z)), number.deviation
    score, up, down = _serial_scores(rho, u, ordinal, both)
    ratio = rho * (up - down)
    by_mean = np.where(both, (u + ratio) / deviation, 0.0)
    by_variance = np.where(both, (u**2 - 1 + u * ratio) / (2 * deviation**2), 0.0)
    own = np.concatenate([by_mean[:, None], by_mean[:, None] * covariates, by_variance[:, None]], axis=1)
    other = edge_columns(up, down, ordinal.code, ordinal.levels, covariates)
    weighted = heavy * score
    moved = number.influence @ (weighted @ own) + ordinal.influence @ (weighted @ other)
    influence = (score - moved) / max(float(weighted @ score), 1e-300)
    influence = deviation * influence + rho / (2 * deviation) * number.influence[:, -1]
    return Pair(rho, rho * deviation, influence)


def _serial_scores(rho: float, u: np.ndarray, ordinal: Margin, both: np.ndarray) -> tuple:
    """Slopes of the log likelihood of each row by the correlation, and by the limits above and below."""
    rest = np.sqrt(1 - rho**2)
    below, above = ((edge - rho * u) / rest for edge in (ordinal.below, ordinal.above))
    inside = np.maximum(ndtr(above) - ndtr(below), 1e-15)
    ends = [
        np.where(np.isfinite(edge), rho * np.where(np.isfinite(edge), edge, 0.0) - u, 0.0)
        for edge in (ordinal.below, ordinal.above)
    ]
    low, high = density(below), density(above)
    score = (high * ends[1] - low * ends[0]) / rest**3 / inside
    return (
        np.where(both, score, 0.0),
        np.where(both, high / rest / inside, 0.0),
        np.where(both, low / rest / inside, 0.0),
    )


def extreme(pair: Pair) -> bool:
    """Whether a correlation has run to its end."""
    return abs(pair.rho) > _EDGE
