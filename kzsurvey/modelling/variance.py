"""One variance for every estimator: from scores and bread, or from replicate weights, by what the design says.

An estimator is a function ``weight -> Linearised``. That is all the core asks for, so whatever can be written as
the solution of estimating equations (a mean, a regression, an ordinal model, a path through a mediator) gets strata,
stages, finite populations, lonely clusters, calibration and replicate weights without knowing of them.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from kzsurvey.modelling.design import Design, Replicates, Stage

_CENSUS = 1e-7  # a stratum sampled up to this fraction counts as fully observed, as in R's survey


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
    >>> from kzsurvey.modelling.design import make_design
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
    >>> from kzsurvey.modelling.design import make_design
    >>> covariance(np.array([[1.0], [2.0], [6.0]]), np.eye(1), make_design(weight=[2.0, 2.0, 2.0]))
    array([[84.]])
    """
    weighted = design.weight[:, None] * scores
    for calibration in design.calibrations:
        scaled = weighted / calibration.scale[:, None]
        weighted = (scaled - calibration.basis @ (calibration.basis.T @ scaled)) * calibration.scale[:, None]
    stages = [stage for stage in design.stages if np.any(stage.share > 0)]
    return sum(_stage_covariance(weighted, bread, stage, design.lonely) for stage in stages)


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
    >>> from kzsurvey.modelling.design import Replicates
    >>> y = np.array([1.0, 2.0, 6.0])
    >>> def mean(weight):
    ...     return Linearised(np.array([weight @ y / weight.sum()]), y[:, None], np.eye(1))
    >>> jackknife = Replicates(weight=1 - np.eye(3), factor=np.full(3, 2 / 3), df=2)
    >>> replicate_covariance(mean, np.array([3.0]), jackknife).round(6)
    array([[2.333333]])
    """
    refits = np.array([estimator(weight).estimate for weight in replicates.weight.T])
    centre = estimate if replicates.centre == "estimate" else refits[replicates.factor > 0].mean(axis=0)
    deviation = refits - centre
    return (deviation * replicates.factor[:, None]).T @ deviation


def cluster_sums(values: np.ndarray, code: np.ndarray, count: int) -> np.ndarray:
    """Sums of the columns of an array by integer code.

    Parameters
    ----------
    values : (n, p) array
    code : (n,) array of integers below ``count``
    count : int

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
    return np.stack([np.bincount(code, weights=column, minlength=count) for column in values.T], axis=1)


def _stage_covariance(weighted: np.ndarray, bread: np.ndarray, stage: Stage, lonely: str) -> np.ndarray:
    """What one stage of sampling adds to the covariance."""
    total = cluster_sums(weighted, stage.cluster, len(stage.stratum)) @ bread.T
    strata = len(stage.drawn)
    deviation = total - (cluster_sums(total, stage.stratum, strata) / stage.drawn[:, None])[stage.stratum]
    unseen = 1 - stage.drawn / stage.population
    alone = (stage.drawn == 1) & (unseen > _CENSUS)
    if lonely == "adjust" and alone.any():
        single = alone[stage.stratum]
        deviation[single] = (total - total.mean(axis=0))[single]
    scale = stage.share * unseen * np.where(stage.drawn > 1, stage.drawn / np.maximum(stage.drawn - 1, 1), 1.0)
    if lonely == "average" and alone.any():
        scale = scale * strata / max(strata - alone.sum(), 1)
    return (deviation * scale[stage.stratum][:, None]).T @ deviation
