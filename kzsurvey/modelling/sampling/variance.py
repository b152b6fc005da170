"""One variance for every estimator: from scores and bread, or from replicate weights, by what the design says.

An estimator is a function ``weight -> Linearised``. That is all the core asks for, so whatever can be written as
the solution of estimating equations (a mean, a regression, an ordinal model, a path through a mediator) gets strata,
stages, finite populations, lonely clusters, calibration and replicate weights without knowing of them.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.linalg import block_diag
from scipy.sparse import csc_array

from kzsurvey.errors import DesignError, Fault
from kzsurvey.modelling.sampling.design import Design, Replicates, Stage
from kzsurvey.modelling.sampling.threads import one_thread

_CENSUS = 1e-7  # a stratum sampled up to this fraction counts as fully observed, as in R's survey

_MANY = 5_000  # rows from which a sparse product is faster than counting column by column


class Linearised(NamedTuple):
    """An estimate and how it moves with each row.

    Attributes
    ----------
    estimate : (p,) array
    scores : (n, q) array, what each row adds to the estimating equations, without its weight; 0 outside the domain
    bread : (p, q) array, what one unit of summed score moves the estimate by
    """

    estimate: np.ndarray
    scores: np.ndarray
    bread: np.ndarray


Estimator = Callable[[np.ndarray], Linearised]


def infer(estimator: Estimator, design: Design) -> tuple[np.ndarray, np.ndarray]:
    """Estimate and covariance, by linearisation or, where the design has replicate weights, from refits.

    Parameters
    ----------
    estimator : function of (n,) weights giving a Linearised
    design : Design

    Returns
    -------
    estimate : (p,) array
    covariance : (p, p) array

    Examples
    --------
    >>> import numpy as np
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> y = np.array([1.0, 2.0, 6.0])
    >>> def total(weight):
    ...     return Linearised(np.array([weight @ y]), y[:, None], np.eye(1))
    >>> estimate, covariance = infer(total, make_design(weight=[2.0, 2.0, 2.0]))
    >>> float(estimate[0]), float(covariance[0, 0])
    (18.0, 84.0)
    """
    full = estimator(design.weight)
    if design.replicates is None:
        return full.estimate, covariance(full.scores, full.bread, design)
    return full.estimate, replicate_covariance(estimator, full.estimate, design.replicates)


def covariance(scores: np.ndarray, bread: np.ndarray, design: Design) -> np.ndarray:
    r"""Covariance of an estimate by linearisation (Taylor series), over all stages of the design.

    Parameters
    ----------
    scores : (n, q) array, score of each row without its weight
    bread : (p, q) array
    design : Design

    Returns
    -------
    (p, p) array

    Notes
    -----
    With z the weighted scores times the bread (residuals on the calibration variables, where there are any), the first
    stage adds, over its strata h, :math:`(1 - n_h / N_h) n_h / (n_h - 1) \sum_c (z_{hc} - \bar z_h)^2`; each further
    stage adds the same within the clusters above it, times the fraction of those that were drawn. Without a finite
    population at the first stage that fraction is 0 and only the first stage counts (ultimate clusters).

    References
    ----------
    Binder, D. A. (1983). On the variances of asymptotically normal estimators from complex surveys. International
    Statistical Review 51, 279-292. doi:10.2307/1402588

    Examples
    --------
    >>> import numpy as np
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> covariance(np.array([[1.0], [2.0], [6.0]]), np.eye(1), make_design(weight=[2.0, 2.0, 2.0]))
    array([[84.]])
    """
    parts = _stage_parts(scores, bread, design)
    return sum((deviation * scale[:, None]).T @ deviation for deviation, scale in parts)


def contributions(estimator: Estimator, design: Design) -> np.ndarray:
    """What each cluster (of each stage; or each replicate) adds to the error of an estimate.

    Parameters
    ----------
    estimator : function of (n,) weights giving a Linearised
    design : Design

    Returns
    -------
    (K, p) array
        Its product with itself, ``contributions.T @ contributions``, is the covariance of :func:`infer`. Those of
        several estimators under one design stand row by row beside each other, so that their errors can be drawn
        together: rows times random signs.

    Examples
    --------
    >>> import numpy as np
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> y = np.array([1.0, 2.0, 6.0])
    >>> def total(weight):
    ...     return Linearised(np.array([weight @ y]), y[:, None], np.eye(1))
    >>> design = make_design(weight=[2.0, 2.0, 2.0])
    >>> parts = contributions(total, design)
    >>> parts.round(3).tolist(), infer(total, design)[1].round(3).tolist()
    ([[-4.899], [-2.449], [7.348]], [[84.0]])
    """
    full = estimator(design.weight)
    if design.replicates is None:
        parts = _stage_parts(full.scores, full.bread, design)
    else:
        parts = [(_deviations(estimator, full.estimate, design.replicates), design.replicates.factor)]
    return np.concatenate([deviation * np.sqrt(scale)[:, None] for deviation, scale in parts])


@one_thread
def replicate_covariance(estimator: Estimator, estimate: np.ndarray, replicates: Replicates) -> np.ndarray:
    """Covariance of an estimate from refitting it under each set of replicate weights.

    Parameters
    ----------
    estimator : function of (n,) weights giving a Linearised
    estimate : (p,) array, from the full sample
    replicates : Replicates

    Returns
    -------
    (p, p) array

    Examples
    --------
    >>> import numpy as np
    >>> from kzsurvey.modelling.sampling.design import Replicates
    >>> y = np.array([1.0, 2.0, 6.0])
    >>> def mean(weight):
    ...     return Linearised(np.array([weight @ y / weight.sum()]), y[:, None], np.eye(1))
    >>> jackknife = Replicates(weight=1 - np.eye(3), factor=np.full(3, 2 / 3), df=2)
    >>> replicate_covariance(mean, np.array([3.0]), jackknife).round(6)
    array([[2.333333]])
    """
    deviation = _deviations(estimator, estimate, replicates)
    return (deviation * replicates.factor[:, None]).T @ deviation


def transformed(
    estimator: Estimator,
    function: Callable[[np.ndarray], np.ndarray],
    gradient: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Estimator:
    r"""A smooth function of what an estimator estimates, as an estimator itself (delta method).

    Under linearisation the covariance is :math:`G V G^\top`; under replicate weights the function is computed from
    each refit, so that no gradient is used.

    Parameters
    ----------
    estimator : function of (n,) weights giving a Linearised of p parameters
    function : function of (p,) parameters giving (k,) values
    gradient : function of (p,) parameters giving the (k, p) derivatives
        Central differences where None.

    Returns
    -------
    estimator : function of (n,) weights giving a Linearised of k values

    Notes
    -----
    What also depends on the sample itself, such as an effect averaged over its rows, is a function of two estimators:
    see :func:`joined`.

    Examples
    --------
    >>> import numpy as np
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> y = np.array([1.0, 2.0, 6.0])
    >>> def mean(weight):
    ...     centre = weight @ y / weight.sum()
    ...     return Linearised(np.array([centre]), (y - centre)[:, None], np.eye(1) / weight.sum())
    >>> logarithm = transformed(mean, np.log, lambda at: np.diag(1 / at))
    >>> estimate, covariance = infer(logarithm, make_design(weight=[1.0, 1.0, 1.0]))
    >>> float(estimate[0].round(4)), float(covariance[0, 0].round(4))
    (1.0986, 0.2593)
    >>> numerical = infer(transformed(mean, np.log), make_design(weight=[1.0, 1.0, 1.0]))
    >>> bool(np.allclose(numerical[1], covariance))
    True
    """

    def estimate(weight: np.ndarray) -> Linearised:
        inner = estimator(weight)
        slope = _central_differences(function, inner.estimate) if gradient is None else gradient(inner.estimate)
        value = np.atleast_1d(np.asarray(function(inner.estimate), dtype=float))
        return Linearised(value, inner.scores, np.atleast_2d(slope) @ inner.bread)

    return estimate


def joined(*estimators: Estimator) -> Estimator:
    """Several estimators as one, with the covariances between them.

    Parameters
    ----------
    estimators : functions of (n,) weights giving a Linearised, all over the same n rows

    Returns
    -------
    estimator : function of (n,) weights giving a Linearised of all parameters, one after the other

    Examples
    --------
    >>> import numpy as np
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> y = np.array([1.0, 2.0, 6.0])
    >>> def total(weight):
    ...     return Linearised(np.array([weight @ y]), y[:, None], np.eye(1))
    >>> difference = transformed(joined(total, total), lambda at: at[:1] - at[1:], lambda at: np.array([[1.0, -1.0]]))
    >>> infer(difference, make_design(weight=[2.0, 2.0, 2.0]))
    (array([0.]), array([[0.]]))
    """

    def estimate(weight: np.ndarray) -> Linearised:
        parts = [estimator(weight) for estimator in estimators]
        scores = np.concatenate([part.scores for part in parts], axis=1)
        bread = block_diag(*[part.bread for part in parts])
        return Linearised(np.concatenate([part.estimate for part in parts]), scores, bread)

    return estimate


def effective_df(
    full: Linearised,
    df: np.ndarray | float,
    design: Design,
    rule: str = "satterthwaite",
    *,
    lost: int = 0,
    place: str = "estimate",
) -> np.ndarray:
    r"""Degrees of freedom of every estimate's variance, from what the strata add to it.

    Parameters
    ----------
    full : Linearised, of p estimates
    df : (p,) array or float, clusters less strata: no more than these
    design : Design
    rule : {"satterthwaite", "design"}
    lost : int
        Coefficients beside the mean.
    place : str, what messages call the model or function

    Returns
    -------
    (p,) array

    Raises
    ------
    DesignError
        A rule that is not known; replicate weights, which have degrees of freedom of their own.

    Notes
    -----
    With :math:`v_h` what the :math:`n_h` clusters of stratum h add to the variance, :math:`(\sum v_h)^2 / \sum v_h^2 /
    (n_h - 1)`: the chi-square with the mean and the variance that the estimated variance has, if cluster totals are
    normal. Clusters less strata only where all strata add alike. In samples of 24 clusters of unequal weight, intervals
    of means, correlations and Hedges' g held 89 to 92 % with clusters less strata, 92 to 94 % with these.

    References
    ----------
    Satterthwaite, F. E. (1946). An approximate distribution of estimates of variance components. Biometrics Bulletin
    2, 110-114. doi:10.2307/3002019

    Examples
    --------
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> y = np.array([1.0, 2.0, 4.0, 8.0, 9.0, 1.0])
    >>> design = make_design(strata=list("aaabbb"))
    >>> effective_df(Linearised(y[:1], y[:, None], np.eye(1)), 4.0, design).round(2).tolist()
    [2.48]
    """
    if rule == "design":
        return np.broadcast_to(np.asarray(df, dtype=float) - lost, full.estimate.shape)
    if rule != "satterthwaite":
        raise DesignError(Fault(place, f"degrees of freedom by {rule!r}", "design, satterthwaite"))
    if design.replicates is not None:
        raise DesignError(Fault(place, "degrees of freedom by Satterthwaite with replicate weights", "design"))
    weighted, first = design.weight[:, None] * full.scores, design.stages[0]
    for calibration in design.calibrations:
        weighted = calibration.residuals(weighted)
    total = cluster_sums(weighted, first.cluster, len(first.stratum)) @ full.bread.T
    drawn, strata = first.drawn, len(first.drawn)
    centre = cluster_sums(total, first.stratum, strata) / drawn[:, None]
    scale = (1 - drawn / first.population) * np.where(drawn > 1, drawn / np.maximum(drawn - 1, 1), 1.0)
    added = cluster_sums((total - centre[first.stratum]) ** 2, first.stratum, strata) * scale[:, None]
    spread = np.sum(added**2 / np.maximum(drawn - 1, 1)[:, None], axis=0)
    found = np.divide(np.sum(added, axis=0) ** 2, spread, out=np.zeros(len(spread)), where=spread > 0)
    whole = np.asarray(df, dtype=float)
    return np.minimum(found, whole) * np.divide(whole - lost, whole, out=np.zeros_like(whole), where=whole > 0)


def cluster_sums(values: np.ndarray, code: np.ndarray, count: int, weight: np.ndarray | None = None) -> np.ndarray:
    """Sums of the columns of an array by integer code.

    Parameters
    ----------
    values : (n, p) array
    code : (n,) array of integers below ``count``
    count : int
    weight : (n,) array, counts each row so many times; the values are not copied for it

    Returns
    -------
    (count, p) array

    Examples
    --------
    >>> import numpy as np
    >>> cluster_sums(np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([1, 0, 1]), 2)
    array([[3., 4.],
           [6., 8.]])
    """
    if len(values) < _MANY or not values.flags.c_contiguous:
        weighted = values.T if weight is None else (column * weight for column in values.T)
        return np.stack([np.bincount(code, weights=column, minlength=count) for column in weighted], axis=1)
    ones = np.ones(len(values)) if weight is None else weight
    return csc_array((ones, code, np.arange(len(values) + 1)), shape=(count, len(values))) @ values


def _central_differences(function: Callable[[np.ndarray], np.ndarray], at: np.ndarray) -> np.ndarray:
    """(k, p) derivatives of a function of p parameters, by steps that suit the size of each."""
    step = np.cbrt(np.finfo(float).eps) * np.maximum(np.abs(at), 1.0)
    sides = [
        (np.atleast_1d(function(at + move)), np.atleast_1d(function(at - move)), width)
        for move, width in zip(np.diag(step), step, strict=True)
    ]
    return np.stack([(above - below) / (2 * width) for above, below, width in sides], axis=1)


def _stage_parts(scores: np.ndarray, bread: np.ndarray, design: Design) -> list[tuple[np.ndarray, np.ndarray]]:
    """What the clusters of each stage add to the error: their (C, p) deviations, and what the square of each counts."""
    weight = design.weight
    if design.calibrations:
        scores, weight = weight[:, None] * scores, None
        for calibration in design.calibrations:
            scores = calibration.residuals(scores)
    stages = [stage for stage in design.stages if stage.counts]
    sums = [cluster_sums(scores, stage.cluster, len(stage.stratum), weight) for stage in stages]
    return [_stage_part(total @ bread.T, stage, design.lonely) for total, stage in zip(sums, stages, strict=True)]


def _stage_part(total: np.ndarray, stage: Stage, lonely: str) -> tuple[np.ndarray, np.ndarray]:
    """What one stage of sampling adds to the error, from the totals of its clusters."""
    deviation = total - (cluster_sums(total, stage.stratum, len(stage.drawn)) / stage.drawn[:, None])[stage.stratum]
    unseen = 1 - stage.drawn / stage.population
    unseen = np.where(unseen > _CENSUS, unseen, 0.0)
    scale = stage.share * unseen * np.where(stage.drawn > 1, stage.drawn / np.maximum(stage.drawn - 1, 1), 1.0)
    if lonely == "adjust" and stage.alone.any():
        single, above = stage.alone[stage.stratum], stage.above[stage.stratum]
        mean = cluster_sums(total, above, int(above.max()) + 1) / np.bincount(above)[:, None]
        deviation[single] = (total - mean[above])[single]
    if lonely == "average" and stage.alone.any():
        strata, alone = np.bincount(stage.above), np.bincount(stage.above, weights=stage.alone)
        scale = scale * (strata / np.maximum(strata - alone, 1))[stage.above]
    return deviation, scale[stage.stratum]


def _deviations(estimator: Estimator, estimate: np.ndarray, replicates: Replicates) -> np.ndarray:
    """How far each replicate's estimate lies from their centre, (R, p)."""
    together = getattr(estimator, "refits", None)  # (n, R) weights -> (R, p), where that is faster than one by one
    refits = together(replicates.weight) if together else np.array([estimator(w).estimate for w in replicates.weight.T])
    centre = estimate if replicates.centre == "estimate" else refits[replicates.factor > 0].mean(axis=0)
    return refits - centre
