"""Moments that least squares fits: thresholds, means, slopes, (co)variances, with the influence of every row."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from kzsurvey.modelling.describing.latent_margins import Margin, number_margin, ordinal_margin
from kzsurvey.modelling.describing.latent_pairs import Pair, pairs_of
from kzsurvey.modelling.paths.matrices import Block, implied


@dataclass(frozen=True, eq=False)
class Statistics:
    """Moments of one group.

    Attributes
    ----------
    rows : (n,) array, places in the table
    value : (m,) array: thresholds or mean of each variable; slopes on covariates; variances of numbers; covariances
    influence : (n, m) array, how far a row, times its weight, moves each
    weight : float, of the group
    margins : tuple of Margin
    pairs : tuple of Pair
    """

    rows: np.ndarray
    value: np.ndarray
    influence: np.ndarray
    weight: float
    margins: tuple[Margin, ...]
    pairs: tuple[Pair, ...]

    @property
    def latent_covariance(self) -> np.ndarray:
        """(p, p) covariance of numbers and of the variables behind levels."""
        count = len(self.margins)
        matrix = np.diag([1.0 if one.levels else one.value[-1] for one in self.margins])
        a, b = np.triu_indices(count, 1)
        matrix[a, b] = matrix[b, a] = [pair.value for pair in self.pairs]
        return matrix


def make_statistics(
    values: np.ndarray, levels: Sequence[int], weight: np.ndarray, covariates: np.ndarray, rows: np.ndarray, *,
    empty: float, unbiased: bool = False,
) -> Statistics:  # fmt: skip
    """Moments of the variables of one group.

    Parameters
    ----------
    values : (n, p) array, NaN where missing
    levels : sequence of int, of each variable; 0 for a number
    weight : (n,) array
    covariates : (n, x) array
    rows : (n,) array, places in the table
    empty : float, as in :func:`~kzsurvey.modelling.describing.latent_pairs.pairs_of`
    unbiased : bool, whether (co)variances of numbers are divided by the number of rows less 1
    """
    margins = []
    for column, count in zip(values.T, levels, strict=True):
        if count:
            code = np.where(np.isfinite(column), column, -1).astype(int)
            margins.append(ordinal_margin(code, count, weight, covariates))
        else:
            margins.append(number_margin(column, weight, covariates))
    pairs = pairs_of(margins, weight, covariates, empty=empty)
    heads = [max(one.levels - 1, 1) for one in margins]
    width = covariates.shape[1]
    parts = [(one.value[:head], one.influence[:, :head]) for one, head in zip(margins, heads, strict=True)]
    parts += [
        (one.value[h : h + width], one.influence[:, h : h + width]) for one, h in zip(margins, heads, strict=True)
    ]
    parts += [(one.value[-1:], one.influence[:, -1:]) for one in margins if not one.levels]
    parts += [(np.array([pair.value]), pair.influence[:, None]) for pair in pairs]
    value, influence = (np.concatenate(kind, axis=-1) for kind in zip(*parts, strict=True))
    if unbiased:
        size = len(rows) / (len(rows) - 1)
        margins = [
            one if one.levels else replace(one, value=np.append(one.value[:-1], size * one.value[-1]))
            for one in margins
        ]
        pairs = [replace(pair, value=size * pair.value) for pair in pairs]
        spread = len(pairs) + sum(not one.levels for one in margins)
        value = np.append(value[:-spread], size * value[-spread:])
    return Statistics(rows, value, influence, float(weight.sum()), tuple(margins), tuple(pairs))


def moment_vector(block: Block, theta: np.ndarray) -> np.ndarray:
    """(..., m) moments that a model implies, in the order of :class:`Statistics`; also at complex parameters."""
    moments = implied(block, theta)
    ordinal = block.ordinal
    parts = []
    for place in range(block.observed):
        scale = moments.scale[..., place, None]
        if ordinal[place]:
            own = block.threshold.row == place
            parts.append(scale * (moments.threshold[..., own] - moments.mean[..., place, None]))
        else:
            parts.append(moments.mean[..., place, None])
    slopes = moments.slopes * moments.scale[..., None]
    parts.append(slopes.reshape(*slopes.shape[:-2], -1))
    numbers = np.flatnonzero(~ordinal)
    parts.append(moments.covariance[..., numbers, numbers])
    a, b = np.triu_indices(block.observed, 1)
    parts.append(moments.covariance[..., b, a] * moments.scale[..., a] * moments.scale[..., b])
    return np.concatenate(parts, axis=-1)
