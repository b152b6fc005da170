"""Scores to probabilities that mean what they say, also for codes that few answers have.

Calibration sees only scores of answers that the machine did not learn from. Codes lend each other strength: what a
score is worth is learned from all codes together, and each departs from that as far as its own answers bear it out.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

_SPREAD = np.array(
    [0.5, 0.4]
)  # how far, as standard deviations, a code departs from all: level, and slope in parts of theirs
# Level, slopes below and above 0, worth of the frequency, flatness of rare codes: without evidence, and how far
# evidence takes them, as standard deviations.
_COMMON, _LOOSE = np.array([0.0, 1.0, 1.0, 1.0, 0.4]), np.array([5.0, 1.0, 1.0, 1.0, 0.15])
_TAUGHT = 30  # answers with a code, from which on its slope is that of all
_EXACT = {"gtol": 1e-9, "ftol": 1e-15, "maxiter": 500}


class Calibration(NamedTuple):
    """Probability of each code: ``most x expit(start + slope x bent(score))``.

    Attributes
    ----------
    start, slope : (k,) array; NaN for codes without any scored answer
    most : (k,) array
        (yes + 1) / (yes + 2): of a code seen in three answers, nothing is surer than 4 in 5.
    below, above : float
        What a score counts below 0, and above.
    """

    start: np.ndarray
    slope: np.ndarray
    most: np.ndarray
    below: float
    above: float

    def probability(self, scores: np.ndarray) -> np.ndarray:
        """(n, k) array of probabilities; NaN where there is no score."""
        return self.most * expit(self.start + self.slope * (_sides(scores) @ [self.below, self.above]))


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
    Beta calibration, which is Platt's with a slope of its own on either side of 0, pooled:
    :math:`P_{ic} = m_c\, \mathrm{expit}\{\alpha + \gamma o_c + u_c + (1 + v_c) r_c [a \ln \sigma(s_{ic}) -
    b \ln (1 - \sigma(s_{ic}))]\}` with :math:`o_c` the log odds of the code's frequency, :math:`u_c` and :math:`v_c`
    normal around 0 with standard deviations of .5 and .4, :math:`v_c \ge -1`. Three answers with a code move it little
    from what codes of its frequency are like; three hundred give it its own curve. Machines taught by few answers say
    less than they seem to: :math:`r_c = (n_c / 30)^\delta` for codes with :math:`n_c < 30` answers, else 1; without
    evidence :math:`\delta = .4`. Slopes are never negative: a machine that knows nothing of a code says how frequent
    it is. :math:`m_c` is Laplace's rule of succession: codes that are easily told apart lend a rare one their slope,
    but not their certainty.

    References
    ----------
    Platt, J. (1999). Probabilistic outputs for support vector machines and comparisons to regularized likelihood
    methods. Advances in Large Margin Classifiers, 61-74. MIT Press.
    Kull, M., Silva Filho, T. M., & Flach, P. (2017). Beyond sigmoids: how to obtain well-calibrated probabilities from
    binary classifiers with beta calibration. Electronic Journal of Statistics 11, 5052-5080. doi:10.1214/17-EJS1338SI

    Examples
    --------
    >>> scores = np.array([[2.0], [1.5], [1.0], [-1.0], [-1.5], [-2.0], [1.8], [-1.7]])
    >>> labels = np.array([[1.0], [1.0], [0.0], [0.0], [1.0], [0.0], [1.0], [0.0]])
    >>> fit_calibration(scores, labels).probability(np.array([[2.0], [-2.0]])).round(2).tolist()
    [[0.69], [0.24]]
    """
    known = ~np.isnan(scores) & ~np.isnan(labels)
    yes, count = np.where(known, labels, 0).sum(axis=0), known.sum(axis=0)
    odds, most = logit((yes + 0.5) / (count + 1)), (yes + 1) / (yes + 2)
    row, code = np.nonzero(known)
    rare = np.minimum(np.log(np.maximum(yes, 1) / _TAUGHT), 0.0)
    level, below, above, worth, flat = _common(
        scores[row, code], labels[row, code], (odds[code], most[code], rare[code])
    )
    start, slope = np.full(len(yes), np.nan), np.full(len(yes), np.nan)
    bent = _sides(scores) @ [below, above]
    for number in np.flatnonzero(count):
        here, centre = known[:, number], (level + worth * odds[number], np.exp(flat * rare[number]))
        start[number], slope[number] = _own(bent[here, number], labels[here, number], centre, most[number])
    return Calibration(start, slope, most, below, above)


def _common(score: np.ndarray, label: np.ndarray, about: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    """What all codes have in common, given the log odds of each, its most, and its logarithm of rarity."""
    from scipy.optimize import minimize

    odds, most, rare = about
    sides = _sides(score)

    def loss(beta: np.ndarray) -> tuple[float, np.ndarray]:
        steep = np.exp(beta[4] * rare)
        bent = steep * (sides @ beta[1:3])
        value, apart = _deviance(beta[0] + bent + beta[3] * odds, label, most)
        slopes = sides.T @ (apart * steep)
        departure = (beta - _COMMON) / _LOOSE
        gradient = np.array([apart.sum(), *slopes, apart @ odds, apart @ (bent * rare)])
        return value + departure @ departure / 2, gradient + departure / _LOOSE

    bounds = [(None, None), (0, None), (0, None), (None, None), (0, None)]
    return minimize(loss, _COMMON, jac=True, method="L-BFGS-B", bounds=bounds, options=_EXACT).x


def _own(bent: np.ndarray, label: np.ndarray, centre: tuple[float, float], most: float) -> tuple[float, float]:
    """Start and slope of one code, drawn towards those of all."""
    from scipy.optimize import minimize

    def loss(own: np.ndarray) -> tuple[float, np.ndarray]:
        steep = centre[1] * bent
        value, apart = _deviance(centre[0] + own[0] + (1 + own[1]) * steep, label, most)
        departure = own / _SPREAD
        return value + departure @ departure / 2, np.array([apart.sum(), apart @ steep]) + departure / _SPREAD

    bounds = [(None, None), (-1, None)]
    own = minimize(loss, np.zeros(2), jac=True, method="L-BFGS-B", bounds=bounds, options=_EXACT).x
    return float(centre[0] + own[0]), float(centre[1] * (1 + own[1]))


def _sides(scores: np.ndarray) -> np.ndarray:
    """What of scores lies below 0 and what above, softly, in a last axis; NaN where there is no score."""
    known = np.where(np.isnan(scores), 0.0, scores)
    sides = np.stack([-np.logaddexp(0, -known), np.logaddexp(0, known)], axis=-1)
    return np.where(np.isnan(scores)[..., None], np.nan, sides)


def _deviance(eta: np.ndarray, label: np.ndarray, most: np.ndarray | float) -> tuple[float, np.ndarray]:
    """Negative log likelihood of probabilities ``most x expit(eta)``, and its derivatives by ``eta``."""
    p = expit(eta)
    no = 1 - most * p
    value = -np.sum(label * (np.log(most) - np.logaddexp(0, -eta)) + (1 - label) * np.log(no))
    return float(value), (most * p - label) / no * (1 - p)
