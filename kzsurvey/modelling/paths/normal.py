"""Normal-theory likelihood, complete or with answers missing: sums by pattern, objective, scores of every row.

With complete answers there is one pattern of missing answers, so that both are the same code.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kzsurvey.modelling.paths.matrices import (
    Block,
    Model,
    Moments,
    derivatives,
    implied,
    inverses,
    pulled_back,
    reduced_form,
    selection,
)
from kzsurvey.modelling.paths.solving import Objective, Value, complex_slopes


@dataclass(frozen=True, eq=False)
class Answers:
    """Answers of one group.

    Attributes
    ----------
    rows : (n,) array, places in the table
    values : (n, p) array less ``centre``, 0 where missing
    centre : (p,) array
    pattern : (n,) array, code of what is there
    there : (J, p) flags of each pattern
    """

    rows: np.ndarray
    values: np.ndarray
    centre: np.ndarray
    pattern: np.ndarray
    there: np.ndarray


class Sums(NamedTuple):
    """Weighted moments of each pattern; leading axes are draws.

    Attributes
    ----------
    share : (..., J) array, weight of each pattern as a share of all groups together
    mean : (..., J, p) array
    covariance : (..., J, p, p) array, divided by the weight; 0 where missing
    there : (J, p) flags
    """

    share: np.ndarray
    mean: np.ndarray
    covariance: np.ndarray
    there: np.ndarray

    def take(self, which: np.ndarray) -> "Sums":
        """Those of some draws."""
        return Sums(self.share[which], self.mean[which], self.covariance[which], self.there)


def make_answers(values: np.ndarray, rows: np.ndarray) -> Answers:
    """Sort rows by what is missing.

    Parameters
    ----------
    values : (n, p) array, NaN where missing
    rows : (n,) array, places in the table
    """
    known = np.isfinite(values)
    there, pattern = np.unique(known, axis=0, return_inverse=True)
    with np.errstate(invalid="ignore"):
        centre = np.where(known, values, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    return Answers(rows, np.where(known, values - centre, 0.0), centre, pattern.ravel(), there)


def products(answers: Answers) -> np.ndarray:
    """(n, 1 + p + p (p + 1) / 2) array whose weighted sums are all that the likelihood needs."""
    i, j = np.tril_indices(answers.values.shape[1])
    return np.concatenate(
        [np.ones((len(answers.values), 1)), answers.values, answers.values[:, i] * answers.values[:, j]], axis=1
    )


def pattern_totals(answers: Answers, weight: np.ndarray) -> np.ndarray:
    """(..., J, l) weighted sums of the products of each pattern, for (..., n) weights."""
    columns = products(answers)
    return np.stack(
        [weight[..., answers.pattern == code] @ columns[answers.pattern == code] for code in range(len(answers.there))],
        axis=-2,
    )


def sums_of(totals: np.ndarray, answers: Answers, all_weight: np.ndarray) -> Sums:
    """Moments from (..., J, l) totals; ``all_weight``: (...) weight of all groups together."""
    p = answers.values.shape[1]
    i, j = np.tril_indices(p)
    weight = totals[..., 0]
    safe = np.where(weight > 0, weight, 1.0)
    mean = totals[..., 1 : p + 1] / safe[..., None]
    square = np.zeros((*weight.shape, p, p))
    square[..., i, j] = square[..., j, i] = totals[..., p + 1 :] / safe[..., None]
    covariance = square - mean[..., :, None] * mean[..., None, :]
    return Sums(weight / np.asarray(all_weight)[..., None], mean + answers.centre, covariance, answers.there)


class _Group(NamedTuple):
    """One group at some parameters: what its moments are, and how the objective moves with them."""

    by_mean: np.ndarray  # (..., p)
    by_covariance: np.ndarray  # (..., p, p)
    matrix: np.ndarray  # (..., J, p, p), 1 on the diagonal where missing
    inverse: np.ndarray  # the same, 0 where missing
    product: np.ndarray  # inverse times the moments about the model's mean


def _group(block: Block, moments: Moments, sums: Sums) -> _Group:
    there = sums.there.astype(float)
    both = there[:, :, None] * there[:, None, :]
    matrix = moments.covariance[..., None, :, :] * both + np.eye(block.observed) * (1 - there)[:, None, :]
    inverse = inverses(matrix) * both
    apart = (sums.mean - moments.mean[..., None, :]) * there
    product = inverse @ (sums.covariance + apart[..., :, None] * apart[..., None, :])
    by_covariance = 0.5 * (sums.share[..., None, None] * (inverse - product @ inverse)).sum(axis=-3)
    by_mean = -(sums.share[..., None] * (inverse @ apart[..., None])[..., 0]).sum(axis=-2)
    return _Group(by_mean, by_covariance, matrix, inverse, product)


def _value(group: _Group, share: np.ndarray, *, careful: bool = True) -> np.ndarray:
    """Half the deviance per unit of weight, without its constant; infinite where a covariance is none.

    Careful: by eigenvalues; else by the sign of the determinant, which two negative ones would pass.
    """
    known = share > 0
    with np.errstate(invalid="ignore", divide="ignore"):
        if careful:
            spread = np.sqrt(np.diagonal(group.matrix, axis1=-2, axis2=-1))
            scaled = group.matrix / (spread[..., :, None] * spread[..., None, :])
            usable = np.isfinite(scaled).all(axis=(-2, -1))
            size = np.linalg.eigvalsh(np.where(usable[..., None, None], scaled, np.eye(scaled.shape[-1])))
            sound = usable & (size[..., 0] > 1e-10)
            logarithm = np.log(size).sum(axis=-1) + 2 * np.log(spread).sum(axis=-1)
        else:
            sign, logarithm = np.linalg.slogdet(group.matrix)
            sound = sign > 0
        terms = logarithm + np.trace(group.product, axis1=-2, axis2=-1)
    sound = sound & np.isfinite(terms)
    return np.where(sound | ~known, 0.5 * share * np.where(sound, terms, 0.0), np.inf).sum(axis=-1)


def information_of(inverse: np.ndarray, share: np.ndarray, lower: tuple) -> tuple[np.ndarray, np.ndarray]:
    r"""Expected curvature by means, and by the lower triangle of the covariance.

    Notes
    -----
    With P the inverse covariance of a pattern: P for means; for elements (ij), (kl)
    :math:`(2 - \delta_{ij}) (2 - \delta_{kl}) (P_{ik} P_{jl} + P_{il} P_{jk}) / 4`, both summed over patterns.
    """
    lead, (patterns, p) = inverse.shape[:-3], inverse.shape[-3:-1]
    i, j = lower
    twice = np.where(i == j, 1.0, 2.0)
    weighted = share[..., None, None] * inverse
    if patterns == 1:
        one, other = weighted[..., 0, :, :], inverse[..., 0, :, :]
        first = one[..., i[:, None], i] * other[..., j[:, None], j]
        second = one[..., i[:, None], j] * other[..., j[:, None], i]
    else:
        flat, heavy = (part.reshape(*lead, patterns, p * p) for part in (inverse, weighted))
        pairs = (np.swapaxes(heavy, -1, -2) @ flat).reshape(*lead, p, p, p, p)
        first = pairs[..., i[:, None], i, j[:, None], j]
        second = pairs[..., i[:, None], j, j[:, None], i]
    return weighted.sum(axis=-3), 0.25 * (twice[:, None] * twice) * (first + second)


def normal_objective(model: Model, sums: Sequence[Sums]) -> Objective:
    """Half the deviance per unit of weight, for each of B draws; ``sums``: of each group, with a leading axis B."""

    def objective(theta: np.ndarray, which: np.ndarray) -> Value:
        value, gradient, information = 0.0, 0.0, 0.0
        with np.errstate(all="ignore"):
            for block, one in zip(model.blocks, sums, strict=True):
                mine, reduced = one.take(which), reduced_form(block, theta)
                group = _group(block, implied(block, theta, reduced), mine)
                slopes = derivatives(block, theta, reduced)
                chosen = selection(slopes.free, model.count)
                middle, spread = information_of(group.inverse, mine.share, block.lower)
                value = value + _value(group, mine.share)
                information = information + _sandwiched(slopes.mean @ chosen, middle)
                information = information + _sandwiched(slopes.covariance @ chosen, spread)
                gradient = gradient + pulled_back(
                    block, theta, reduced, group.by_mean, group.by_covariance, model.count
                )
        return Value(value, gradient, information)

    return objective


def _sandwiched(slopes: np.ndarray, middle: np.ndarray) -> np.ndarray:
    return np.swapaxes(slopes, -1, -2) @ middle @ slopes


def observed_information(model: Model, sums: Sequence[Sums], theta: np.ndarray) -> np.ndarray:
    r"""(q, q) second derivatives of the objective of one data set.

    Notes
    -----
    With P the inverse covariance of a pattern, C its moments about the model's mean, d their distance and B = P C P,
    the second derivatives by the moments are P (means), :math:`P\,d\Sigma\,P d` (means and covariances) and
    :math:`-P\,d\Sigma\,P / 2 + (P\,d\Sigma\,B + B\,d\Sigma\,P) / 2` (covariances), summed over patterns; those of the
    moments by the parameters, times the slopes, come by a complex step.
    """
    bend = np.zeros((model.count, model.count))
    for block, one in zip(model.blocks, sums, strict=True):
        reduced = reduced_form(block, theta)
        moments, slopes = implied(block, theta, reduced), derivatives(block, theta, reduced)
        group, chosen = _group(block, moments, one), selection(slopes.free, model.count)
        across = np.concatenate([slopes.mean @ chosen, slopes.covariance @ chosen])
        bend += across.T @ _observed_by_moments(block, moments, group, one) @ across

        def pulled(at: np.ndarray, block: Block = block, group: _Group = group) -> np.ndarray:
            form = reduced_form(block, at)
            return pulled_back(block, at, form, group.by_mean, group.by_covariance, model.count)

        bend += complex_slopes(pulled, theta)
    return (bend + bend.T) / 2


def _observed_by_moments(block: Block, moments: Moments, group: _Group, sums: Sums) -> np.ndarray:
    """Second derivatives by means and the lower triangle of the covariance."""
    i, j = block.lower
    twice = np.where(i == j, 1.0, 2.0)
    p = block.observed
    heavy, around = sums.share[:, None, None] * group.inverse, group.product @ group.inverse
    pull = (group.inverse @ ((sums.mean - moments.mean) * sums.there)[..., None])[..., 0]
    crossed = np.einsum("jab,jc->abc", heavy, pull)
    mixed = 0.5 * twice * (crossed[:, i, j] + crossed[:, j, i])
    flat = heavy.reshape(len(heavy), p * p).T
    plain, product = (flat @ one.reshape(len(one), p * p) for one in (group.inverse, around))
    plain, product = plain.reshape(p, p, p, p), product.reshape(p, p, p, p)
    rows, columns = i[:, None], j[:, None]
    first = plain[rows, i, columns, j] + plain[rows, j, columns, i]
    second = product[rows, i, columns, j] + product[rows, j, columns, i]
    second = second + product[columns, i, rows, j] + product[columns, j, rows, i]
    spread = 0.25 * twice[:, None] * twice * (second - first)
    return np.block([[heavy.sum(axis=0), mixed], [mixed.T, spread]])


def normal_slopes(
    model: Model, sums: Sequence[Sums], theta: np.ndarray, *, valued: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """The objective and its (..., q) slopes, without curvature; without values also at complex parameters."""
    value, gradient = np.zeros(theta.shape[:-1]), 0.0
    for block, one in zip(model.blocks, sums, strict=True):
        reduced = reduced_form(block, theta)
        group = _group(block, implied(block, theta, reduced), one)
        if valued:
            value = value + _value(group, one.share, careful=False)
        gradient = gradient + pulled_back(block, theta, reduced, group.by_mean, group.by_covariance, model.count)
    return value, gradient


def normal_scores(model: Model, answers: Sequence[Answers], theta: np.ndarray, count: int) -> np.ndarray:
    """(count, q) score of every row of the table: slopes of its log likelihood; 0 for rows not used."""
    scores = np.zeros((count, model.count))
    for block, group in zip(model.blocks, answers, strict=True):
        reduced = reduced_form(block, theta)
        moments, slopes = implied(block, theta, reduced), derivatives(block, theta, reduced)
        chosen = selection(slopes.free, model.count)
        by_mean, by_covariance = slopes.mean @ chosen, slopes.covariance @ chosen
        i, j = block.lower
        half = np.where(i == j, 0.5, 1.0)
        for code, there in enumerate(group.there):
            mine = group.pattern == code
            inverse = np.zeros((block.observed, block.observed))
            inverse[np.ix_(there, there)] = inverses(moments.covariance[np.ix_(there, there)])
            pull = ((group.values[mine] + group.centre - moments.mean) * there) @ inverse
            bend = half * (pull[:, i] * pull[:, j] - inverse[i, j])
            scores[group.rows[mine]] = pull @ by_mean + bend @ by_covariance
    return scores
