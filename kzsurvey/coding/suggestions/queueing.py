"""Which answers to code next: where the machine doubts, where an answer would teach it most, or at random.

Only a random queue is a sample of the answers, and only it carries the probabilities by which shares can be corrected.
What a machine picked for its own sake says nothing of how frequent a code is, and its table says so.
"""

import numpy as np
import pandas as pd

from kzsurvey.coding.rules.text import fold
from kzsurvey.coding.suggestions.classifier import STRENGTH
from kzsurvey.coding.suggestions.groups import alike_texts
from kzsurvey.coding.suggestions.learning import Suggester, suggestion_probabilities
from kzsurvey.coding.suggestions.material import KEY, check_answers
from kzsurvey.coding.suggestions.ngrams import count_ngrams, weigh_ngrams
from kzsurvey.errors import CodingError, Fault

ORDERS = ("uncertainty", "gain", "random")
_POOL = 3000  # answers among which gains are weighed, the most doubtful ones


def next_answers(
    answers: pd.DataFrame, size: int, *, by: str, suggester: Suggester | None = None, seed: int | None = None
) -> pd.DataFrame:
    r"""Queue answers for coding.

    Parameters
    ----------
    answers : DataFrame, one row per answer that nobody coded yet
        ``interview``, ``question``, ``text``; not changed.
    size : int, answers to queue
        Fewer where there are fewer: of answers that say nearly the same, a machine picks one.
    by : {"uncertainty", "gain", "random"}
        ``uncertainty``: the binary entropy of the answer's probabilities, summed over codes. ``gain``: what coding the
        answer takes, as expected, from the variance of all predictions. ``random``: every answer alike.
    suggester : Suggester, for all but ``random``
    seed : int, for ``random``; recorded

    Returns
    -------
    DataFrame, one row per answer, index (interview, question), in order of coding
        ``order``, ``by``, ``value`` (of the criterion) and, as :func:`kzsurvey.modelling.draw_sample` has them,
        ``stratum``, ``stratum_size``, ``stratum_drawn``, ``probability``, ``seed``: missing unless ``random``, so that
        only a random sample passes for one.

    Raises
    ------
    CodingError
        An unknown order; no suggester or no seed where one is needed; a size below 1, or above the answers at random;
        answers twice or without text.

    Notes
    -----
    Gain: a logistic model with a normal prior on its weights has the predictive covariance
    :math:`K = F (I / C + F^T W F)^{-1} F^T` over answers with features F, of which those coded count with
    :math:`W = p (1 - p)`. Coding answer x takes :math:`\sum_z v_z K_{zx}^2 w_x / (1 + w_x K_{xx})` off the sum of
    variances over answers z not coded, :math:`v_z = \sum_c (p_{zc} (1 - p_{zc}))^2` and :math:`w_x` the mean of
    :math:`p_{xc} (1 - p_{xc})` over codes (A-optimal design). Answers are taken one by one, K is updated after each.
    Weighed are the 3000 answers with the highest entropy.

    Answers picked by doubt or gain are harder than others: how good suggestions are (:func:`judge_suggestions`), what
    their probabilities are worth and how frequent codes are, is told by answers coded at random. Code some of both.

    References
    ----------
    Lewis, D. D., & Gale, W. A. (1994). A sequential algorithm for training text classifiers. SIGIR '94, 3-12.
    doi:10.1007/978-1-4471-2099-5_1
    Schein, A. I., & Ungar, L. H. (2007). Active learning for logistic regression: an evaluation. Machine Learning 68,
    235-265. doi:10.1007/s10994-007-5019-5

    Examples
    --------
    >>> said = ["工资低", "缺人", "路远", "冷"]
    >>> answers = pd.DataFrame({"interview": list("abcd"), "question": "causes", "text": said})
    >>> next_answers(answers, 2, by="random", seed=1)[["stratum_size", "probability"]].to_dict("list")
    {'stratum_size': [4, 4], 'probability': [0.5, 0.5]}
    """
    check_answers(answers)
    _refuse(answers, size, by, suggester, seed)
    index = pd.MultiIndex.from_frame(answers[KEY].astype("str"))
    if by == "random":
        return _random(index, size, int(seed))
    chance = suggestion_probabilities(suggester, answers).to_numpy(dtype=float)
    doubt = _entropy(chance)
    order = np.argsort(-doubt, kind="stable")
    alike = alike_texts([one.text for one in fold(answers["text"].astype("str"))])
    order = order[np.sort(np.unique(alike[order], return_index=True)[1])]
    if by == "uncertainty":
        rows = order[:size]
        values = doubt[rows]
    else:
        rows, values = _gains(suggester, answers, chance, order, size)
    blank = {"stratum": None, "stratum_size": pd.NA, "stratum_drawn": pd.NA, "probability": np.nan, "seed": pd.NA}
    table = pd.DataFrame({"order": np.arange(1, len(rows) + 1), "by": by, "value": values}, index=index[rows])
    kinds = {"stratum": "str", "stratum_size": "Int64", "stratum_drawn": "Int64", "seed": "Int64"}
    return table.assign(**blank).astype(kinds)


def _refuse(answers: pd.DataFrame, size: int, by: str, suggester: Suggester | None, seed: int | None) -> None:
    """Queues that cannot be made."""
    place = "next_answers"
    if by not in ORDERS:
        raise CodingError(Fault(place, f"by {by!r}", ", ".join(ORDERS), column="by"))
    if by == "random" and seed is None:
        raise CodingError(Fault(place, "a random order without a seed", "a number", column="seed"))
    if by != "random" and suggester is None:
        hint = "nothing is learned yet: code a random sample first"
        raise CodingError(Fault(place, f"by {by} without a suggester", "learn_suggestions", hint=hint))
    if size < 1 or (by == "random" and size > len(answers)):
        raise CodingError(Fault(place, f"size {size}", f"1 to the {len(answers)} answers", column="size"))


def _random(index: pd.MultiIndex, size: int, seed: int) -> pd.DataFrame:
    """A simple random sample, its design in its columns."""
    rows = np.random.default_rng(seed).permutation(len(index))[:size]
    table = pd.DataFrame({"order": np.arange(1, size + 1), "by": "random", "value": np.nan}, index=index[rows])
    return table.assign(
        stratum=pd.array(["all"] * size, dtype="str"),
        stratum_size=len(index),
        stratum_drawn=size,
        probability=size / len(index),
        seed=seed,
    )


def _entropy(chance: np.ndarray) -> np.ndarray:
    """Binary entropy summed over the codes an answer may have."""
    p = np.clip(np.nan_to_num(chance), 1e-12, 1 - 1e-12)
    return -(p * np.log(p) + (1 - p) * np.log1p(-p)).sum(axis=1)


def _gains(
    suggester: Suggester, answers: pd.DataFrame, chance: np.ndarray, order: np.ndarray, size: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows in order of gain, each given those before it."""
    pool = order[: max(_POOL, size)]
    spread = np.nan_to_num(chance[pool] * (1 - chance[pool]))
    asked = np.maximum((~np.isnan(chance[pool])).sum(axis=1), 1)
    weight, value = spread.sum(axis=1) / asked, (spread**2).sum(axis=1)
    covariance = _covariance(suggester, answers["text"].astype("str").iloc[pool])
    open_, rows, gains = np.ones(len(pool), dtype=bool), [], []
    for _ in range(min(size, len(pool))):
        scale = weight / (1 + weight * np.diag(covariance))
        gain = np.where(open_, (value @ covariance**2) * scale, -1.0)
        best = int(gain.argmax())
        rows.append(pool[best])
        gains.append(gain[best])
        open_[best] = False
        covariance = covariance - np.outer(covariance[best], covariance[best]) * scale[best]
    return np.array(rows, dtype=np.int64), np.array(gains)


def _covariance(suggester: Suggester, texts: pd.Series) -> np.ndarray:
    """Predictive covariance of answers, given those that taught; of the latter the most doubtful ones, where many."""
    folded = [one.text for one in fold(texts)]
    features = weigh_ngrams(count_ngrams(folded, runs=suggester.runs), suggester.machine.vocabulary)
    chance = suggester.left_out.to_numpy(dtype=float)
    learned = np.maximum((~np.isnan(chance)).sum(axis=1), 1)
    weight = np.nan_to_num(chance * (1 - chance)).sum(axis=1) / learned
    rows = np.sort(np.argsort(-weight, kind="stable")[:_POOL])
    rows = rows[weight[rows] > 1e-9]
    coded = suggester.machine.features[rows]
    own = (coded @ coded.T).toarray() + np.diag(1 / (STRENGTH * weight[rows]))
    between = (coded @ features.T).toarray()
    return STRENGTH * ((features @ features.T).toarray() - between.T @ np.linalg.solve(own, between))
