"""What each run of characters weighs for each code, learned from answers that people decided."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

STRENGTH = 10.0  # inverse strength of the ridge penalty
_SMOOTHING = 0.3  # what is added to the sums of features with and without the code


class Weights(NamedTuple):
    """One linear score per code: ``start + features @ weight``.

    Attributes
    ----------
    start : (k,) array; NaN for codes that could not be learned
    weight : (kept, k) array
    """

    start: np.ndarray
    weight: np.ndarray


def fit_weights(features: sparse.csr_array, labels: np.ndarray) -> Weights:
    """Learn a score for each code.

    Parameters
    ----------
    features : (n, kept) csr_array, from :func:`kzsurvey.coding.suggestions.ngrams.weigh_ngrams`
    labels : (n, k) array, 1, 0, or NaN where nobody decided

    Returns
    -------
    Weights

    Notes
    -----
    Logistic regression with a ridge penalty, the answers with the code counting as much in sum as those without. Each
    feature is first scaled by the root of how much it tells the two apart, the absolute log ratio of its shares in
    both (Wang & Manning's naive Bayes features): with few answers a code, that is worth more than a better penalty.

    References
    ----------
    Wang, S., & Manning, C. D. (2012). Baselines and bigrams: simple, good sentiment and topic classification.
    Proceedings of ACL, 90-94. https://aclanthology.org/P12-2018

    Examples
    --------
    >>> features = sparse.csr_array(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]))
    >>> weights = fit_weights(features, np.array([[1.0], [1.0], [0.0], [0.0]]))
    >>> bool(weights.weight[0, 0] > 0 > weights.weight[1, 0])
    True
    """
    start, weight = np.full(labels.shape[1], np.nan), np.zeros((features.shape[1], labels.shape[1]))
    for number, label in enumerate(labels.T):
        known = ~np.isnan(label)
        if len(np.unique(label[known])) == 2:
            start[number], weight[:, number] = _fitted(features[np.flatnonzero(known)], label[known] == 1)
    return Weights(start, weight)


def _fitted(features: sparse.csr_array, yes: np.ndarray) -> tuple[float, np.ndarray]:
    """Start and weights of one code."""
    from sklearn.linear_model import LogisticRegression  # a second to load, and only needed here

    scale = _telling(features, yes)
    scaled = sparse.csr_array(
        (features.data * scale[features.indices], features.indices, features.indptr), shape=features.shape
    )
    model = LogisticRegression(C=STRENGTH, class_weight="balanced", solver="liblinear", random_state=0)
    model.fit(scaled, yes)
    return float(model.intercept_[0]), model.coef_[0] * scale


def _telling(features: sparse.csr_array, yes: np.ndarray) -> np.ndarray:
    """How much each feature tells answers with the code from those without."""
    row = np.repeat(yes, np.diff(features.indptr))
    shares = []
    for side in (row, ~row):
        total = np.bincount(features.indices[side], weights=features.data[side], minlength=features.shape[1])
        shares.append((total + _SMOOTHING) / (total + _SMOOTHING).sum())
    return np.sqrt(np.abs(np.log(shares[0] / shares[1])))
