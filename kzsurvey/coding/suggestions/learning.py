"""A machine that learns codes from people's decisions and suggests them for answers nobody has coded yet.

What it says of an answer that people decided is always said by a machine that did not learn from that answer.
"""

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from kzsurvey.coding.rules.text import fold
from kzsurvey.coding.suggestions.calibration import Calibration, fit_calibration
from kzsurvey.coding.suggestions.classifier import Weights, fit_weights
from kzsurvey.coding.suggestions.groups import assign_folds
from kzsurvey.coding.suggestions.material import KEY, Material, check_answers, match_material
from kzsurvey.coding.suggestions.ngrams import RUNS, Runs, Vocabulary, count_ngrams, learn_vocabulary, weigh_ngrams
from kzsurvey.errors import CodingError, Fault

FOLDS = 5
LEAST = 3  # groups of answers with a code, and without it, below which it cannot be learned


class Machine(NamedTuple):
    """From counts of runs of characters to scores.

    Attributes
    ----------
    vocabulary : Vocabulary
    weights : Weights
    features : (n, kept) csr_array, of the answers that taught
    """

    vocabulary: Vocabulary
    weights: Weights
    features: sparse.csr_array

    def scores(self, material: Material) -> np.ndarray:
        """(n, k) array of scores; NaN for codes that could not be learned."""
        return weigh_ngrams(material.counts, self.vocabulary) @ self.weights.weight + self.weights.start


@dataclass(frozen=True, eq=False)
class Suggester:
    """A machine that suggests codes.

    Attributes
    ----------
    name : str
        ``model:`` and a fingerprint of all it learned from: the ``coder`` of its suggestions.
    codes : tuple of str
        All codes that people decided about.
    learned : DataFrame, one row per code, index ``code``
        ``answers`` (decided), ``yes``, ``groups_yes``, ``groups_no``, ``learned``; ``reason`` where it is not.
    threshold : float
        Probability from which a code is suggested: the one with the best F1 over all codes in left-out answers.
    asked : mapping of question to (k,) bool array
        Codes that people decided about in answers to it; no others are suggested there.
    machine : Machine
    calibration : Calibration
    runs : Runs
    left_out : DataFrame, one row per answer that taught, index (interview, question)
        Probability of each code by machines and calibrations that did not learn from that answer, its interview or
        one that says nearly the same.
    seed : int
    """

    name: str
    codes: tuple[str, ...]
    learned: pd.DataFrame
    threshold: float
    asked: dict[str, np.ndarray]
    machine: Machine
    calibration: Calibration
    runs: Runs
    left_out: pd.DataFrame
    seed: int


def learn_suggestions(
    answers: pd.DataFrame, labels: pd.DataFrame, *, seed: int, folds: int = FOLDS, runs: Runs = RUNS
) -> Suggester:
    """Learn to suggest codes from what people decided.

    Parameters
    ----------
    answers : DataFrame, one row per answer
        ``interview``, ``question``, ``text``; not changed. Those without decisions teach nothing.
    labels : DataFrame, one row per answer and code that a person decided
        ``interview``, ``question``, ``code``, ``value`` (1: has it, 0: has it not).
    seed : int
        Shuffles interviews into folds.
    folds : int
        Parts of the answers that are left out in turn, for calibration.
    runs : Runs
        Lengths of the runs of characters that are weighed.

    Returns
    -------
    Suggester

    Raises
    ------
    CodingError
        What :func:`match_material` refuses; fewer groups of answers than folds; no code that can be learned.

    Notes
    -----
    A code is learned from three groups of answers with it and three without (a group: the answers of one interview, and
    those that say nearly the same); others are listed in ``learned`` with their counts, and never suggested.

    Examples
    --------
    >>> said = [f"{what}{how}" for what in ("工资", "奖金", "人手", "人员") for how in ("太少", "不够", "少", "不足")]
    >>> answers = pd.DataFrame({"interview": [f"i{n}" for n in range(16)], "question": "causes", "text": said})
    >>> value = ["人" in text for text in said]
    >>> labels = answers.assign(code="C1.1", value=value)
    >>> suggester = learn_suggestions(answers, labels, seed=1)
    >>> suggester.learned[["answers", "yes", "learned"]].to_dict("index")
    {'C1.1': {'answers': 16, 'yes': 8, 'learned': True}}
    >>> new = pd.DataFrame({"interview": ["x", "y"], "question": "causes", "text": ["人手很紧", "奖金很低"]})
    >>> chance = suggestion_probabilities(suggester, new)["C1.1"]
    >>> bool(chance.iloc[0] > 0.5 > chance.iloc[1])
    True
    """
    return learn_from(match_material(answers, labels, runs=runs), seed=seed, folds=folds)


def learn_from(material: Material, *, seed: int, folds: int = FOLDS) -> Suggester:
    """Learn from matched answers; as :func:`learn_suggestions`."""
    learned = _learnable(material)
    _refuse_unlearnable(material, learned, folds)
    taught = material._replace(labels=np.where(learned["learned"].to_numpy(), material.labels, np.nan))
    fold_ = assign_folds(material.group, taught.labels == 1, count=folds, seed=seed)
    scores = left_out_scores(taught, fold_)
    judged = np.where(material.stock[:, None], np.nan, taught.labels)
    chance = left_out_chance(scores, judged, fold_)
    columns = pd.Index(material.codes, name="code")
    left_out = pd.DataFrame(chance, index=pd.MultiIndex.from_frame(material.answers[KEY]), columns=columns)
    question = material.answers["question"].to_numpy()
    return Suggester(
        name=_fingerprint(material),
        codes=material.codes,
        learned=learned,
        threshold=best_threshold(chance, judged),
        asked={one: ~np.isnan(material.labels[question == one]).all(axis=0) for one in np.unique(question)},
        machine=fit_machine(taught),
        calibration=fit_calibration(scores, judged),
        runs=material.runs,
        left_out=left_out,
        seed=seed,
    )


def suggestion_probabilities(suggester: Suggester, answers: pd.DataFrame) -> pd.DataFrame:
    """Probability of each code in each answer.

    Parameters
    ----------
    suggester : Suggester
    answers : DataFrame, one row per answer
        ``interview``, ``question``, ``text``.

    Returns
    -------
    DataFrame, one row per answer, index (interview, question), one column per code that was learned
        Missing where the code is not one of the question's. For answers that taught the suggester, probabilities by
        machines that did not learn from them: so the table can be corrected by the same human codes
        (:func:`kzsurvey.modelling.prevalence`).

    Raises
    ------
    CodingError
        Answers twice or without text.
    """
    check_answers(answers)
    index = pd.MultiIndex.from_frame(answers[KEY].astype("str"))
    chance = _chance(suggester, answers)
    table = pd.DataFrame(chance, index=index, columns=pd.Index(suggester.codes, name="code"))
    place = suggester.left_out.index.get_indexer(index)
    table.iloc[place >= 0] = suggester.left_out.to_numpy()[place[place >= 0]]
    asked = np.array([suggester.asked.get(one, np.zeros(len(suggester.codes), bool)) for one in answers["question"]])
    table = table.where(asked.reshape(table.shape))
    return table.loc[:, suggester.learned["learned"].to_numpy()]


def _chance(suggester: Suggester, answers: pd.DataFrame) -> np.ndarray:
    """Calibrated probabilities by the machine that learned from everything."""
    texts = [one.text for one in fold(answers["text"].astype("str"))]
    features = weigh_ngrams(count_ngrams(texts, runs=suggester.runs), suggester.machine.vocabulary)
    scores = features @ suggester.machine.weights.weight + suggester.machine.weights.start
    return suggester.calibration.probability(scores)


def fit_machine(material: Material) -> Machine:
    """Learn weights from all of the material."""
    vocabulary = learn_vocabulary(material.counts)
    features = weigh_ngrams(material.counts, vocabulary)
    return Machine(vocabulary, fit_weights(features, material.labels), features)


def left_out_scores(material: Material, fold_: np.ndarray) -> np.ndarray:
    """Score each answer by a machine that learned from the other folds alone.

    Parameters
    ----------
    material : Material
    fold_ : (n,) int array

    Returns
    -------
    (n, k) array; NaN where the other folds could not teach the code
    """
    scores = np.full(material.labels.shape, np.nan)
    for number in np.unique(fold_):
        out = fold_ == number
        scores[out] = fit_machine(material.part(~out)).scores(material.part(out))
    return scores


def left_out_chance(scores: np.ndarray, labels: np.ndarray, fold_: np.ndarray) -> np.ndarray:
    """Probabilities by calibrations of the other folds."""
    chance = np.full(scores.shape, np.nan)
    for number in np.unique(fold_):
        out = fold_ == number
        chance[out] = fit_calibration(scores[~out], labels[~out]).probability(scores[out])
    return chance


def best_threshold(chance: np.ndarray, labels: np.ndarray) -> float:
    """The probability from which codes are given, so that F1 over all answers and codes is best.

    Examples
    --------
    >>> best_threshold(np.array([[0.9], [0.75], [0.25], [0.1]]), np.array([[1.0], [1.0], [0.0], [0.0]]))
    0.5
    """
    known = ~np.isnan(chance) & ~np.isnan(labels)
    order = np.argsort(-chance[known], kind="stable")
    probability, right = chance[known][order], np.cumsum(labels[known][order])
    f1 = 2 * right / (np.arange(1, len(right) + 1) + right[-1:])
    last = np.append(np.flatnonzero(np.diff(probability)), len(probability) - 1)  # equal probabilities stand together
    best = last[np.argmax(f1[last])] if len(right) and right[-1] else -1
    if best < 0:
        return 0.5
    below = probability[best + 1] if best + 1 < len(probability) else 0.0
    return float((probability[best] + below) / 2)


def _learnable(material: Material) -> pd.DataFrame:
    """How much people decided of each code, and whether that will do."""
    rows = []
    for label in material.labels.T:
        sides = [len(np.unique(material.group[label == value])) for value in (1, 0)]
        rows.append((int((~np.isnan(label)).sum()), int((label == 1).sum()), *sides))
    names = ["answers", "yes", "groups_yes", "groups_no"]
    table = pd.DataFrame(rows, columns=names, index=pd.Index(material.codes, name="code"))
    few_yes, few_no = table["groups_yes"] < LEAST, table["groups_no"] < LEAST
    reason = np.select([few_yes, few_no], [f"fewer than {LEAST} groups with it", f"fewer than {LEAST} without it"], "")
    return table.assign(learned=~(few_yes | few_no), reason=pd.array(reason, dtype="str"))


def _refuse_unlearnable(material: Material, learned: pd.DataFrame, folds: int) -> None:
    """Too little to learn from at all."""
    groups = len(np.unique(material.group))
    if folds < 2 or groups < folds:
        found = f"{groups} groups of answers for {folds} folds"
        hint = "a group: answers of one interview, or nearly the same"
        raise CodingError(Fault("labels", found, "at least two folds, and a group in each", hint=hint))
    if not learned["learned"].any():
        found = f"no code with {LEAST} groups of answers that have it and {LEAST} that have not"
        raise CodingError(Fault("labels", found, "more coded answers", hint="code a random sample first"))


def _fingerprint(material: Material) -> str:
    """A name that says what was learned from."""
    parts = material.answers.assign(codes=[row.tobytes().hex() for row in material.labels])
    said = "\n".join("\t".join(row) for row in sorted(parts.itertuples(index=False, name=None)))
    return f"model:{hashlib.sha256(f'{material.codes}{said}'.encode()).hexdigest()[:8]}"
