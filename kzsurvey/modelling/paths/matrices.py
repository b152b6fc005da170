"""From parameters to moments: the reticular action model, its moments and their derivatives, for many draws at once.

All arrays may have leading axes (draws), and parameters may be complex: a step along the imaginary axis gives exact
derivatives of whatever is computed from them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kzsurvey.modelling.paths.parameters import Parameter, Variables, free_count


class Placed(NamedTuple):
    """Entries of one matrix: where they stand, and which free parameter each is (-1: fixed)."""

    row: np.ndarray
    column: np.ndarray
    free: np.ndarray
    value: np.ndarray


class Moments(NamedTuple):
    """Moments that a model implies in one group.

    Attributes
    ----------
    mean : (..., p) array
    covariance : (..., p, p) array, given the covariates where those are conditioned on
    slopes : (..., p, x) array, total effects of the covariates that are conditioned on
    threshold : (..., t) array
    scale : (..., p) array, 1 unless an ordinal variable has another scale than in the first group
    """

    mean: np.ndarray
    covariance: np.ndarray
    slopes: np.ndarray
    threshold: np.ndarray
    scale: np.ndarray


@dataclass(frozen=True, eq=False)
class Block:
    """The model in one group.

    Attributes
    ----------
    names : tuple of str, observed variables first, then latent ones, then covariates that are conditioned on
    observed : int, p
    conditioned : int, number of covariates at the end that have no moments
    paths, spread, level, threshold, scale : Placed
        Arrows (row: target, column: source), (co)variances (lower triangle), intercepts, thresholds (row: variable)
        and scales of ordinal variables.
    lower : pair of arrays, rows and columns of the lower triangle of p by p
    """

    names: tuple[str, ...]
    observed: int
    conditioned: int
    paths: Placed
    spread: Placed
    level: Placed
    threshold: Placed
    scale: Placed
    lower: tuple[np.ndarray, np.ndarray]

    @property
    def ordinal(self) -> np.ndarray:
        """(p,) flags of variables with thresholds."""
        flags = np.zeros(self.observed, dtype=bool)
        flags[self.threshold.row] = True
        return flags


def make_block(rows: Sequence[Parameter], variables: Variables, group: int, *, conditional: bool) -> Block:
    """Place the parameters of one group in its matrices."""
    plain = variables.modelled if conditional else variables.observed
    beyond = variables.covariates if conditional else ()
    names = (*plain, *variables.latent, *beyond)
    place = {name: number for number, name in enumerate(names)}
    found: dict[str, list[tuple]] = {"paths": [], "spread": [], "level": [], "threshold": [], "scale": []}
    for row in rows:
        if row.group != group:
            continue
        where = {"=~": "paths", "~": "paths", "~~": "spread", "~1": "level", "|": "threshold", "~*~": "scale"}[row.op]
        at = (place[row.lhs], place.get(row.rhs, 0))
        if row.op == "=~":
            at = at[::-1]
        if row.op == "~~":
            at = (max(at), min(at))
        found[where].append((*at, row.free, row.value if row.free < 0 else 0.0, row.rhs))
    found["threshold"].sort(key=lambda entry: (entry[0], int(entry[4][1:])))
    lower = np.tril_indices(len(plain))
    # column by column, as the field lists them
    order = np.lexsort((lower[0], lower[1]))
    return Block(
        names=names,
        observed=len(plain),
        conditioned=len(beyond),
        lower=(lower[0][order], lower[1][order]),
        **{name: _placed(entries) for name, entries in found.items()},
    )


def _placed(entries: list[tuple]) -> Placed:
    row, column, free = (np.array([entry[k] for entry in entries], dtype=np.intp) for k in range(3))
    return Placed(row, column, free, np.array([entry[3] for entry in entries], dtype=float))


def filled(placed: Placed, theta: np.ndarray) -> np.ndarray:
    """(..., entries) values."""
    return np.where(placed.free >= 0, theta[..., np.maximum(placed.free, 0)], placed.value)


def inverses(matrices: np.ndarray) -> np.ndarray:
    """Inverse of each of a stack of matrices; missing where one is singular."""
    try:
        return np.linalg.inv(matrices)
    except np.linalg.LinAlgError:
        sound = np.abs(np.linalg.slogdet(matrices)[0]) > 0
        filled_up = np.where(sound[..., None, None], matrices, np.eye(matrices.shape[-1]))
        return np.where(sound[..., None, None], np.linalg.inv(filled_up), np.nan)


class Reduced(NamedTuple):
    """Matrices of one group: total effects, and the covariance and mean of all variables."""

    total: np.ndarray
    covariance: np.ndarray
    mean: np.ndarray


def reduced_form(block: Block, theta: np.ndarray) -> Reduced:
    """Solve the model for its variables: ``total`` is the inverse of I - A."""
    size, lead = len(block.names), theta.shape[:-1]
    paths = np.zeros((*lead, size, size), dtype=theta.dtype)
    spread, level = np.zeros_like(paths), np.zeros((*lead, size), dtype=theta.dtype)
    paths[..., block.paths.row, block.paths.column] = filled(block.paths, theta)
    entries = filled(block.spread, theta)
    spread[..., block.spread.row, block.spread.column] = entries
    spread[..., block.spread.column, block.spread.row] = entries
    level[..., block.level.row] = filled(block.level, theta)
    total = inverses(np.eye(size) - paths)
    covariance = total @ spread @ np.swapaxes(total, -1, -2)
    return Reduced(total, covariance, (total @ level[..., None])[..., 0])


def implied(block: Block, theta: np.ndarray, reduced: Reduced | None = None) -> Moments:
    """Moments of the observed variables of one group.

    Notes
    -----
    With arrows A, (co)variances S and intercepts m, and F choosing what is observed: covariance
    :math:`F (I - A)^{-1} S (I - A)^{-T} F^T`, mean :math:`F (I - A)^{-1} m`.

    References
    ----------
    McArdle, J. J., & McDonald, R. P. (1984). Some algebraic properties of the reticular action model for moment
    structures. British Journal of Mathematical and Statistical Psychology 37, 234-251.
    doi:10.1111/j.2044-8317.1984.tb00802.x
    """
    reduced = reduced or reduced_form(block, theta)
    p, last = block.observed, len(block.names) - block.conditioned
    scale = np.ones((*theta.shape[:-1], p), dtype=theta.dtype)
    scale[..., block.scale.row] = filled(block.scale, theta)
    return Moments(
        mean=reduced.mean[..., :p],
        covariance=reduced.covariance[..., :p, :p],
        slopes=reduced.total[..., :p, last:],
        threshold=filled(block.threshold, theta),
        scale=scale,
    )


class Derivatives(NamedTuple):
    """Derivatives of the moments of one group by its entries, and the free parameter of each entry."""

    mean: np.ndarray  # (..., p, e)
    covariance: np.ndarray  # (..., p (p + 1) / 2, e), lower triangle
    slopes: np.ndarray  # (..., p, x, e)
    free: np.ndarray  # (e,)


def derivatives(block: Block, theta: np.ndarray, reduced: Reduced) -> Derivatives:
    """Derivatives by arrows, (co)variances and intercepts that are free, one column each."""
    p, last = block.observed, len(block.names) - block.conditioned
    total, covariance = reduced.total[..., :p, :], reduced.covariance[..., :p]
    arrows, spread, level = (_free_entries(placed) for placed in (block.paths, block.spread, block.level))
    i, j = block.lower
    into, along = total[..., arrows.row], covariance[..., arrows.column, :]  # (..., p, a), (..., a, p)
    along = np.swapaxes(along, -1, -2)
    by_arrow = into[..., i, :] * along[..., j, :] + into[..., j, :] * along[..., i, :]
    one, other = total[..., spread.row], total[..., spread.column]
    by_spread = one[..., i, :] * other[..., j, :]
    apart = spread.row != spread.column
    by_spread = by_spread + np.where(apart, one[..., j, :] * other[..., i, :], 0.0)
    lead = theta.shape[:-1]
    nothing = np.zeros((*lead, len(i), len(level.row)), dtype=theta.dtype)
    mean_arrow = into * reduced.mean[..., None, arrows.column]
    mean_spread = np.zeros((*lead, p, len(spread.row)), dtype=theta.dtype)
    onward = reduced.total[..., arrows.column, last:]  # (..., a, x)
    slopes = into[..., :, None, :] * np.swapaxes(onward, -1, -2)[..., None, :, :]
    still = np.zeros((*slopes.shape[:-1], len(spread.row) + len(level.row)), dtype=theta.dtype)
    return Derivatives(
        mean=np.concatenate([mean_arrow, mean_spread, total[..., level.row]], axis=-1),
        covariance=np.concatenate([by_arrow, by_spread, nothing], axis=-1),
        slopes=np.concatenate([slopes, still], axis=-1),
        free=np.concatenate([arrows.free, spread.free, level.free]),
    )


def _free_entries(placed: Placed) -> Placed:
    keep = placed.free >= 0
    return Placed(*(part[keep] for part in placed))


def pulled_back(
    block: Block, theta: np.ndarray, reduced: Reduced, by_mean: np.ndarray, by_covariance: np.ndarray, count: int
) -> np.ndarray:
    """(..., q) slopes of a function by the parameters, from its slopes by the moments.

    Parameters
    ----------
    by_mean : (..., p) array
    by_covariance : (..., p, p) array, symmetric: the function moves by the sum of its products with the changes
    """
    total = np.swapaxes(reduced.total[..., : block.observed, :], -1, -2)
    inner = total @ by_covariance
    spread = inner @ np.swapaxes(total, -1, -2)
    arrows = 2 * inner @ reduced.covariance[..., : block.observed, :]
    level = (total @ by_mean[..., None])[..., 0]
    arrows = arrows + level[..., :, None] * reduced.mean[..., None, :]
    paths, apart, plain = (_free_entries(placed) for placed in (block.paths, block.spread, block.level))
    twice = np.where(apart.row == apart.column, 1.0, 2.0)
    entries = np.concatenate(
        [arrows[..., paths.row, paths.column], twice * spread[..., apart.row, apart.column], level[..., plain.row]],
        axis=-1,
    )
    return entries @ selection(np.concatenate([paths.free, apart.free, plain.free]), count)


def selection(free: np.ndarray, count: int) -> np.ndarray:
    """(e, q) matrix that adds entries up to the free parameters they are."""
    chosen = np.zeros((len(free), count))
    chosen[np.arange(len(free)), free] = 1.0
    return chosen


@dataclass(frozen=True, eq=False)
class Model:
    """A model in all its groups.

    Attributes
    ----------
    rows : tuple of Parameter
    variables : Variables
    groups : tuple of str
    blocks : tuple of Block, one per group
    count : int, q, free parameters
    """

    rows: tuple[Parameter, ...]
    variables: Variables
    groups: tuple[str, ...]
    blocks: tuple[Block, ...]
    count: int


def make_model(
    rows: Sequence[Parameter], variables: Variables, groups: Sequence[str], *, conditional: bool = False
) -> Model:
    """Put a parameter table into matrices."""
    blocks = tuple(make_block(rows, variables, group, conditional=conditional) for group in range(len(groups)))
    return Model(tuple(rows), variables, tuple(groups), blocks, free_count(rows))
