"""Scores to probabilities that mean what they say, also for codes that few answers have.

Calibration sees only scores of answers that the machine did not learn from. Codes lend each other strength: what a
score is worth is learned from all codes together, and each departs from that as far as its own answers bear it out.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

_SPREAD = np.array([0.5, 0.4])  # how far, as standard deviations, a code departs from all: level and log slope
_STEPS, _SETTLED = 50, 1e-9


class Calibration(NamedTuple):
    """Probability of each code: ``most x expit(start + slope x score)``.

    Attributes
    ----------
    start, slope : (k,) array; NaN for codes without any scored answer
    most : (k,) array
        (yes + 1) / (yes + 2): of a code seen in three answers, nothing is surer than 4 in 5.
    """

    start: np.ndarray
    slope: np.ndarray
    most: np.ndarray

    def probability(self, scores: np.ndarray) -> np.ndarray:
        """(n, k) array of probabilities; NaN where there is no score."""
        return self.most * expit(self.start + self.slope * scores)


def fit_calibration(scores: np.ndarray, labels: np.ndarray) -> Calibration:
    r"""Learn what scores of left-out answers are worth.

    Parameters
    ----------
    scores : (n, k) array, of answers that taught nothing to what scored them; NaN where there is none
    labels : (n, k) array, 1, 0 or NaN

    Returns
    -------
    Calibration

    Notes
    -----
    Platt's logistic calibration, pooled:
    :math:`P_{ic} = m_c\, \mathrm{expit}(\alpha + \gamma o_c + u_c + \beta e^{v_c} s_{ic})`
    with :math:`o_c` the log odds of the code's frequency, and :math:`u_c, v_c` normal around 0 with standard deviations
    of .5 and .4. Three answers with a code move it little from what codes of its frequency are like; three hundred
    give it its own curve. A slope is never negative: a machine that knows nothing of a code says how frequent it is.
    :math:`m_c` is Laplace's rule of succession: codes that are easily told apart lend a rare one their slope, but not
    their certainty.

    References
    ----------
    Platt, J. (1999). Probabilistic outputs for support vector machines and comparisons to regularized likelihood
    methods. Advances in Large Margin Classifiers, 61-74. MIT Press.

    Examples
    --------
    >>> scores = np.array([[2.0], [1.5], [1.0], [-1.0], [-1.5], [-2.0], [1.8], [-1.7]])
    >>> labels = np.array([[1.0], [1.0], [0.0], [0.0], [1.0], [0.0], [1.0], [0.0]])
    >>> fit_calibration(scores, labels).probability(np.array([[2.0], [-2.0]])).round(2).tolist()
    [[0.72], [0.13]]
    """
    known = ~np.isnan(scores) & ~np.isnan(labels)
    some = np.flatnonzero(known.any(axis=0))
    start, slope = np.full(scores.shape[1], np.nan), np.full(scores.shape[1], np.nan)
    yes, count = np.where(known, labels, 0).sum(axis=0), known.sum(axis=0)
    most = (yes + 1) / (yes + 2)
    if not len(some):
        return Calibration(start, slope, most)
    odds = logit((yes + 0.5) / (count + 1))
    row, code = np.nonzero(known)
    pooled = _pooled(scores[row, code], labels[row, code], odds[code])
    for number in some:
        here = known[:, number]
        centre = pooled[0] + pooled[2] * odds[number]
        start[number], slope[number] = _own(
            scores[here, number], labels[here, number], (centre, pooled[1]), most[number]
        )
    return Calibration(start, slope, most)


def _pooled(score: np.ndarray, label: np.ndarray, odds: np.ndarray) -> np.ndarray:
    """Start, slope and what a code's frequency is worth, from all codes together; near (0, 1, 1) without evidence."""
    matrix, prior = np.stack([np.ones_like(score), score, odds], axis=1), np.array([0.0, 1.0, 1.0])
    free = np.ptp(odds) > 0  # codes of one frequency say nothing of what frequency is worth
    precision = np.array([0.04, 1.0, 1.0 if free else 1e6])
    beta = prior.copy()
    for _ in range(_STEPS):
        p = expit(matrix @ beta)
        score_ = matrix.T @ (label - p) - precision * (beta - prior)
        information = (matrix.T * (p * (1 - p))) @ matrix + np.diag(precision)
        step = np.linalg.solve(information, score_)
        beta = beta + step * min(1.0, 2.0 / max(np.abs(step).max(), 1e-300))
        if np.abs(step).max() < _SETTLED:
            break
    return np.array([beta[0], max(beta[1], 0.0), beta[2]])


def _own(score: np.ndarray, label: np.ndarray, common: tuple[float, float], most: float) -> tuple[float, float]:
    """Start and slope of one code, drawn towards those of all."""
    from scipy.optimize import minimize

    centre, slope = common

    def loss(own: np.ndarray) -> tuple[float, np.ndarray]:
        steep = slope * np.exp(own[1])
        eta = centre + own[0] + steep * score
        p = expit(eta)
        chance = np.clip(most * p, 1e-300, None)
        value = -np.sum(label * np.log(chance) + (1 - label) * np.log1p(-most * p)) + np.sum((own / _SPREAD) ** 2) / 2
        apart = (chance - label) / (1 - most * p) * (1 - p)
        return value, np.array([apart.sum(), apart @ score * steep]) + own / _SPREAD**2

    own = minimize(loss, np.zeros(2), jac=True, method="BFGS").x
    return float(centre + own[0]), float(slope * np.exp(own[1]))
