"""Weighted phrases learned from sentences that people coded, and how well they code sentences not seen before."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from kzsurvey.coding.rules.finding import find
from kzsurvey.coding.rules.phrases import ANY, FIRST, FURTHER, PATTERN, START, Phrases, chosen, pieces
from kzsurvey.coding.rules.rules import compile_rules
from kzsurvey.coding.rules.text import fold
from kzsurvey.errors import CodingError, Fault, fail_if

if TYPE_CHECKING:
    from kzsurvey.survey import Survey

STRENGTH = 0.7  # inverse strength of the ridge penalty
SMALLEST = 0.25  # weights nearer to 0 than this are left out: there are many, and they say nothing
CERTAIN = 9.0  # where a code always or never stands
FOLDS = 5
LEAST = 10  # a code with fewer sentences is left to its patterns
WANTED = (0.95, 0.90)  # precision and recall: the settings chosen fall short of both by the same factor
_STEPS = {
    PATTERN: (1.0, 1.5, 2.0, 2.5, 3.0),
    FIRST: np.arange(-1.5, 1.1, 0.25),
    FURTHER: np.arange(-0.5, 2.6, 0.5),
    ANY: np.arange(-1.5, 0.6, 0.25),
}


class Learned(NamedTuple):
    """What sentences taught.

    Attributes
    ----------
    phrases : DataFrame, one row per phrase and code
        Columns ``code``, ``phrase``, ``weight``: the rows of ``phrases.csv``.
    judged : DataFrame, one row per code and one for all
        ``right``, ``given``, ``true`` mentions, ``precision`` and ``recall`` in sentences that were left out in turn,
        those aside that the patterns were made with.
    """

    phrases: pd.DataFrame
    judged: pd.DataFrame


def learn_phrases(sentences: pd.DataFrame, survey: "Survey", *, seed: int = 1) -> Learned:
    """Learn the weights of phrases from coded sentences.

    Parameters
    ----------
    sentences : DataFrame, one row per sentence
        From :func:`kzsurvey.survey.phrases.read_sentences`.
    survey : Survey
        Its patterns are a voice beside the phrases; phrases it has already are not looked at.
    seed : int
        Shuffles the sentences into folds.

    Returns
    -------
    Learned

    Raises
    ------
    CodingError
        No code has enough sentences, or one has all of them.

    Notes
    -----
    One logistic regression per code with a ridge penalty, the few sentences with the code counting as much in sum as
    the many without, on single characters and pairs of characters that stand in two sentences or more, each counted
    once per sentence, rare ones more (inverse document frequency), over the root of the sentence's length. Pairs of
    characters do as well as words here, and need no segmentation. Codes with fewer than ``LEAST`` sentences are left to
    their patterns. What a pattern adds, and how much the heaviest and any further code must weigh, is chosen so
    that precision and recall in sentences left out come as near as can be to ``WANTED``.

    References
    ----------
    Wang, S., & Manning, C. D. (2012). Baselines and bigrams: simple, good sentiment and topic classification.
    Proceedings of ACL, 90-94. https://aclanthology.org/P12-2018

    Examples
    --------
    >>> from kzsurvey.survey import read_survey
    >>> survey = read_survey("tests/surveys/data/raw/market")
    >>> said = [f"{what}{how}" for what in ("租金", "摊位费", "客人") for how in ("太高", "又涨", "贵", "多", "少")] * 2
    >>> codes = [("T1.1",) if "客" not in one else () for one in said]
    >>> coded = pd.DataFrame({"sentence": said, "question": "troubles", "codes": codes, "patterns": False})
    >>> weight = learn_phrases(coded, survey).phrases.set_index(["code", "phrase"])["weight"]
    >>> bool(weight["T1.1", "租金"] > 0 > weight["T1.1", "客人"])
    True
    """
    material = _material(sentences, survey)
    left_out = np.zeros((len(sentences), len(material.codes) + 1))
    for fold_ in _folds(len(sentences), seed):
        weights, start = _fitted(material, ~fold_)
        left_out[fold_] = start + material.matrix[fold_] @ weights.T
    left_out[:, :-1][~material.allowed] = -np.inf
    weights, start = _fitted(material, np.ones(len(sentences), dtype=bool))
    settings = _settings(left_out, material)
    phrases = Phrases(material.codes, {}, weights.T, start, *settings)
    judged = _judged(chosen(left_out, material.matched, phrases), material)
    return Learned(_table(material, phrases), judged)


class _Material(NamedTuple):
    """Sentences as numbers: rows of each array are sentences."""

    codes: tuple[str, ...]
    vocabulary: tuple[str, ...]
    rarity: np.ndarray
    matrix: sparse.csr_array
    codes_true: np.ndarray
    allowed: np.ndarray
    matched: np.ndarray
    fresh: np.ndarray


def _material(sentences: pd.DataFrame, survey: "Survey") -> _Material:
    """Count the phrases of sentences, and where their patterns match."""
    texts = [one.text for one in fold(sentences["sentence"])]
    parents = set(survey.codes["parent"])
    codes = tuple(code for code in survey.codes.index if code not in parents)
    true = np.array([[code in given for code in codes] for given in sentences["codes"]]).reshape(len(texts), len(codes))
    asked = {code: survey.schemes[survey.codes.at[code, "scheme"]].questions for code in codes}
    allowed = np.array([[question in asked[code] for code in codes] for question in sentences["question"]])
    allowed = allowed.reshape(true.shape)
    taught = true.sum(axis=0) >= LEAST
    codes, true, allowed = tuple(np.array(codes)[taught]), true[:, taught], allowed[:, taught]
    _refuse_untaught(codes, true, allowed)
    rules = replace(compile_rules(survey), phrases=None)
    found = [{one.code for one in here} for here in find(rules, rules.schemes, texts)]
    matched = np.array([[code in given for code in codes] for given in found])
    vocabulary, rarity, matrix = _counted(texts)
    return _Material(
        codes, vocabulary, rarity, matrix, true, allowed, matched & allowed, ~sentences["patterns"].to_numpy()
    )


def _refuse_untaught(codes: Sequence[str], true: np.ndarray, allowed: np.ndarray) -> None:
    """Nothing to learn: too few sentences, or a code that every sentence has."""
    everywhere = [code for code, here, able in zip(codes, true.T, allowed.T, strict=True) if here.sum() == able.sum()]
    faults = [Fault("sentences.csv", f"code {code} in every sentence", "sentences without it") for code in everywhere]
    if not len(codes):
        faults = [Fault("sentences.csv", f"no code in {LEAST} sentences", f"codes with at least {LEAST} sentences")]
    fail_if(faults, CodingError)


def _counted(texts: Sequence[str]) -> tuple[tuple[str, ...], np.ndarray, sparse.csr_array]:
    """Phrases that stand in two texts or more, how rare they are, and which text has which."""
    said = [pieces(text) for text in texts]
    count = pd.Series([phrase for here in said for phrase in here], dtype="str").value_counts()
    vocabulary = tuple(sorted(count.index[count > 1]))
    column = {phrase: place for place, phrase in enumerate(vocabulary)}
    rarity = 1 + np.log((1 + len(texts)) / (1 + count[list(vocabulary)].to_numpy()))
    known = [sorted(column[phrase] for phrase in here if phrase in column) for here in said]
    rows = np.repeat(np.arange(len(texts), dtype=np.int32), [len(here) for here in known])
    columns = np.array([place for here in known for place in here], dtype=np.int32)
    length = np.sqrt([max(len(text), 1) for text in texts])
    matrix = sparse.csr_array((rarity[columns] / length[rows], (rows, columns)), shape=(len(texts), len(vocabulary)))
    return vocabulary, rarity, matrix


def _folds(count: int, seed: int) -> list[np.ndarray]:
    """Masks of the sentences left out in turn."""
    order = np.random.default_rng(seed).permutation(count) % FOLDS
    return [order == number for number in range(FOLDS)]


def _fitted(material: _Material, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights (codes and any x phrases) and starts, from some of the sentences."""
    from sklearn.linear_model import LogisticRegression  # a second to load, and only needed here

    weights, starts = [], []
    targets = np.column_stack([material.codes_true, material.codes_true.any(axis=1)])
    usable = np.column_stack([material.allowed, np.ones(len(targets), dtype=bool)]) & rows[:, None]
    for target, here in zip(targets.T, usable.T, strict=True):
        if len(np.unique(target[here])) < 2:  # all of them, or none: nothing to tell apart
            weights.append(np.zeros(len(material.vocabulary)))
            starts.append(CERTAIN if target[here].all() else -CERTAIN)
            continue
        model = LogisticRegression(C=STRENGTH, class_weight="balanced", solver="liblinear", random_state=0)
        fitted = model.fit(material.matrix[here], target[here])
        weights.append(np.where(np.abs(fitted.coef_[0] * material.rarity) >= SMALLEST, fitted.coef_[0], 0.0))
        starts.append(fitted.intercept_[0])
    return np.array(weights), np.array(starts)


def _settings(left_out: np.ndarray, material: _Material) -> tuple[float, ...]:
    """What a pattern adds and what codes must weigh, to come near what is wanted in sentences left out."""
    fresh = material.fresh if material.fresh.any() else np.ones(len(left_out), dtype=bool)
    weight, matched, true = left_out[fresh], material.matched[fresh], material.codes_true[fresh]
    empty = Phrases(material.codes, {}, np.zeros((0, 0)), np.zeros(0), 0.0, 0.0, 0.0, 0.0)

    def reached(settings: tuple[float, ...]) -> float:
        given = chosen(weight, matched, empty.with_settings(*settings))
        right = (given & true).sum()
        return min(right / max(given.sum(), 1) / WANTED[0], right / max(true.sum(), 1) / WANTED[1])

    tried = [one for one in product(*_STEPS.values()) if one[1] <= one[2]]  # first and further, in order
    return tuple(float(number) for number in max(tried, key=reached))


def _judged(given: np.ndarray, material: _Material) -> pd.DataFrame:
    """Right, given and true mentions per code in the sentences that no pattern was made with."""
    given, true = given[material.fresh], material.codes_true[material.fresh]
    counts = pd.DataFrame(
        {"right": (given & true).sum(axis=0), "given": given.sum(axis=0), "true": true.sum(axis=0)},
        index=material.codes,
    )
    counts.loc["all"] = counts.sum()
    return counts.assign(precision=counts["right"] / counts["given"], recall=counts["right"] / counts["true"])


def _table(material: _Material, phrases: Phrases) -> pd.DataFrame:
    """The rows of ``phrases.csv``: settings, then code by code its start and its phrases, the heaviest first."""
    settings = (phrases.pattern, phrases.first, phrases.further, phrases.any)
    rows = [("", name, number) for name, number in zip(_STEPS, settings, strict=True)]
    for number, code in enumerate([*phrases.codes, ANY]):
        weight = (phrases.weight[:, number] * material.rarity).round(2)
        order = np.argsort(-weight, kind="stable")
        rows.append((code, START, round(float(phrases.start[number]), 2)))
        rows += [(code, material.vocabulary[place], float(weight[place])) for place in order if weight[place]]
    return pd.DataFrame(rows, columns=["code", "phrase", "weight"])
