"""How good suggestions are in answers that nobody has coded yet, with intervals, and what more coding would bring.

Promise: what judges an answer has never seen it, nor its interview, nor an answer that says nearly the same; that holds
for the machine, for its calibration and for the probability from which it suggests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from kzsurvey.coding.suggestions.groups import assign_folds
from kzsurvey.coding.suggestions.learning import FOLDS, learn_from, suggestion_probabilities
from kzsurvey.coding.suggestions.material import Material, match_material
from kzsurvey.coding.suggestions.ngrams import RUNS, Runs
from kzsurvey.errors import CodingError, Fault

SIZES = (0.125, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True, eq=False)
class Judged:
    """What suggestions are worth.

    Attributes
    ----------
    codes : DataFrame, one row per code
        ``code``, ``answers`` (judged), ``yes``, ``suggested``, ``right``; ``precision``, ``recall``, ``f1``, each with
        ``_low`` and ``_high``; ``learned``. Missing where nothing was suggested or nothing was there, and for codes
        that could not be learned.
    overall : DataFrame, two rows
        ``average`` (``micro``: all decisions alike; ``macro``: the mean over learned codes), measures and intervals.
    reliability : DataFrame, one row per class of probability
        From :func:`suggestion_reliability`.
    answers : DataFrame, one row per answer and code
        ``interview``, ``question``, ``code``, ``value``, ``probability``, ``suggested``, ``group``, ``fold``.
    n_stock : int
        Stock answers, which are not judged.
    level : float
    """

    codes: pd.DataFrame
    overall: pd.DataFrame
    reliability: pd.DataFrame
    answers: pd.DataFrame
    n_stock: int
    level: float


def judge_suggestions(
    answers: pd.DataFrame,
    labels: pd.DataFrame,
    *,
    seed: int,
    folds: int = FOLDS,
    level: float = 0.95,
    runs: Runs = RUNS,
) -> Judged:
    r"""Judge by answers left out in turn how good suggestions are.

    Parameters
    ----------
    answers, labels, runs : as in :func:`learn_suggestions`
    seed : int
    folds : int, parts left out in turn; within the others, as many again calibrate
    level : float, of the intervals

    Returns
    -------
    Judged

    Raises
    ------
    CodingError
        What :func:`learn_suggestions` refuses, in any of the parts.

    Notes
    -----
    Precision, recall and :math:`F_1 = \sum_i t_i / \sum_i (t_i + (f_i + m_i) / 2)` (right, wrong and missed ones) are
    ratios of totals over groups of answers. Their variance is that of linearised ratios of clusters, their
    interval Wilson's score interval on the number of decisions that would have this variance, no larger than there
    are, with Student's t of the groups that take part. Macro averages add the linearised codes up. All of it is about
    answers like those that were coded: coded at random, it is about all answers; picked by the machine's doubts, about
    harder ones.

    References
    ----------
    Varma, S., & Simon, R. (2006). Bias in error estimation when using cross-validation for model selection. BMC
    Bioinformatics 7, 91. doi:10.1186/1471-2105-7-91
    Takahashi, K., Yamamoto, K., Kuchiba, A., & Koyama, T. (2022). Confidence interval for micro-averaged F1 and
    macro-averaged F1 scores. Applied Intelligence 52, 4961-4972. doi:10.1007/s10489-021-02635-5

    Examples
    --------
    >>> ends = ("太少", "不够", "少", "不足", "紧")
    >>> said = [f"{what}{how}" for what in ("工资", "奖金", "人手", "人员") for how in ends]
    >>> answers = pd.DataFrame({"interview": [f"i{n}" for n in range(20)], "question": "causes", "text": said})
    >>> labels = answers.assign(code="C1.1", value=["人" in text for text in said])
    >>> judged = judge_suggestions(answers, labels, seed=1)
    >>> judged.codes[["code", "answers", "yes", "suggested", "right"]].to_dict("records")
    [{'code': 'C1.1', 'answers': 20, 'yes': 10, 'suggested': 10, 'right': 10}]
    """
    material = match_material(answers, labels, runs=runs)
    fold = outer_folds(material, folds, seed)
    table = pd.concat([left_out_decisions(material, fold, number, seed) for number in range(folds)], ignore_index=True)
    judged = table[~table["stock"]].drop(columns="stock").reset_index(drop=True)
    codes, overall = _measured(judged, level)
    shown = suggestion_reliability(judged.dropna(subset="probability"), level=level)
    return Judged(codes, overall, shown, judged, int(material.stock.sum()), level)


def outer_folds(material: Material, folds: int, seed: int) -> np.ndarray:
    """(n,) fold of each answer, groups whole."""
    groups = len(np.unique(material.group))
    if folds < 2 or groups < 2 * folds:
        found = f"{groups} groups of answers for {folds} folds"
        hint = "a group: answers of one interview, or nearly the same"
        raise CodingError(Fault("labels", found, "two folds or more, of two groups or more", hint=hint))
    return assign_folds(material.group, material.labels == 1, count=folds, seed=seed)


def left_out_decisions(
    material: Material, fold: np.ndarray, number: int, seed: int, keep: np.ndarray | None = None
) -> pd.DataFrame:
    """Decisions of one fold beside what is suggested there by all others, or by some of their answers."""
    out = fold == number
    teaching = ~out if keep is None else ~out & keep
    suggester = learn_from(material.part(teaching), seed=seed)
    here = material.part(out)
    chance = (
        suggestion_probabilities(suggester, here.answers).reindex(columns=list(material.codes)).to_numpy(dtype=float)
    )
    row, code = np.nonzero(~np.isnan(here.labels))
    probability = chance[row, code]
    return pd.DataFrame(
        {
            "interview": here.answers["interview"].to_numpy()[row],
            "question": here.answers["question"].to_numpy()[row],
            "code": np.array(material.codes, dtype=object)[code],
            "value": here.labels[row, code].astype(int),
            "probability": probability,
            "suggested": probability >= suggester.threshold,
            "group": here.group[row],
            "fold": number,
            "stock": here.stock[row],
        }
    ).astype({"code": "str"})


class _Counts(NamedTuple):
    """Right, wrong and missed suggestions of each group (rows) and code (columns)."""

    right: np.ndarray
    wrong: np.ndarray
    missed: np.ndarray

    def ratios(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Numerator and denominator of each measure."""
        return {
            "precision": (self.right, self.right + self.wrong),
            "recall": (self.right, self.right + self.missed),
            "f1": (self.right, self.right + (self.wrong + self.missed) / 2),
        }


def _counts(judged: pd.DataFrame, codes: list[str]) -> _Counts:
    """Count by group and code."""
    group, names = pd.factorize(judged["group"])
    code = pd.Index(codes).get_indexer(judged["code"])
    shape = (len(names), len(codes))
    given, there = judged["suggested"].to_numpy(), judged["value"].to_numpy() == 1

    def tally(which: np.ndarray) -> np.ndarray:
        return np.bincount(group[which] * shape[1] + code[which], minlength=shape[0] * shape[1]).reshape(shape) * 1.0

    return _Counts(tally(given & there), tally(given & ~there), tally(~given & there))


def _measured(judged: pd.DataFrame, level: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Measures of every code, and of all."""
    codes = sorted(judged["code"].unique())
    learned = judged["probability"].notna().groupby(judged["code"]).any().reindex(codes).to_numpy()
    ratios = _counts(judged, codes).ratios()
    by_code = judged.groupby("code")
    right = (judged["suggested"] & (judged["value"] == 1)).groupby(judged["code"]).sum()
    columns = {
        "code": pd.array(codes, dtype="str"),
        "answers": by_code.size().to_numpy(),
        "yes": by_code["value"].sum().to_numpy(),
        "suggested": by_code["suggested"].sum().to_numpy(),
        "right": right.to_numpy(),
    }
    micro, macro = {"average": "micro"}, {"average": "macro"}
    for name, (top, bottom) in ratios.items():
        ends = [ratio_interval(top[:, number], bottom[:, number], level=level) for number in range(len(codes))]
        blank = [end if known else (np.nan,) * 3 for end, known in zip(ends, learned, strict=True)]
        columns |= dict(zip(_names(name), np.array(blank).T, strict=True))
        micro |= dict(zip(_names(name), ratio_interval(top.sum(axis=1), bottom.sum(axis=1), level=level), strict=True))
        macro |= dict(zip(_names(name), _macro(top[:, learned], bottom[:, learned], level), strict=True))
    return pd.DataFrame(columns).assign(learned=learned), pd.DataFrame([micro, macro])


def _names(measure: str) -> list[str]:
    """Columns of a measure."""
    return [measure, f"{measure}_low", f"{measure}_high"]


def ratio_interval(top: np.ndarray, bottom: np.ndarray, *, level: float = 0.95) -> tuple[float, float, float]:
    """A proportion that is a ratio of totals over groups, with its interval.

    Parameters
    ----------
    top, bottom : (groups,) arrays
    level : float

    Returns
    -------
    (estimate, low, high); NaN where the bottom is 0

    Examples
    --------
    >>> np.round(ratio_interval(np.array([1.0, 1, 0, 1, 2]), np.array([1.0, 2, 1, 1, 2])), 3).tolist()
    [0.714, 0.251, 0.949]
    """
    taking_part, total = int((bottom > 0).sum()), bottom.sum()
    if not total > 0:
        return (np.nan,) * 3
    share = top.sum() / total
    scores = (top - share * bottom) / total
    variance = (scores**2).sum() * taking_part / max(taking_part - 1, 1)
    return _score_interval(share, variance, total, taking_part, level)


def _score_interval(
    share: float, variance: float, size: float, groups: int, level: float
) -> tuple[float, float, float]:
    """Wilson's interval on as many decisions as have this variance, and no more than there are."""
    effective = share * (1 - share) / variance if variance > 0 else size
    effective = max(min(effective, size), 1e-9)
    reach = (stdtrit(groups - 1, (1 + level) / 2) if groups > 1 else ndtri((1 + level) / 2) * 2) ** 2
    middle = (share + reach / (2 * effective)) / (1 + reach / effective)
    half = np.sqrt(reach * (share * (1 - share) / effective + reach / (4 * effective**2))) / (1 + reach / effective)
    return float(share), float(max(middle - half, 0.0)), float(min(middle + half, 1.0))


def _macro(top: np.ndarray, bottom: np.ndarray, level: float) -> tuple[float, float, float]:
    """Mean of a measure over codes (0 where a code has no suggestion or none right), with its interval."""
    if not top.shape[1]:
        return (np.nan,) * 3
    total = np.maximum(bottom.sum(axis=0), 1e-300)
    shares = np.where(bottom.sum(axis=0) > 0, top.sum(axis=0) / total, 0.0)
    scores = ((top - shares * bottom) / total).mean(axis=1)
    taking_part = int((bottom > 0).any(axis=1).sum())
    variance = (scores**2).sum() * taking_part / max(taking_part - 1, 1)
    return _score_interval(float(shares.mean()), variance, float(bottom.sum()), taking_part, level)


def suggestion_reliability(judged: pd.DataFrame, *, classes: int = 10, level: float = 0.95) -> pd.DataFrame:
    """How often codes stand where the machine gives them a probability.

    Parameters
    ----------
    judged : DataFrame, one row per answer and code
        ``probability``, ``value`` (0 and 1), ``group``; as :class:`Judged` has them.
    classes : int
        Of equal width from 0 to 1.
    level : float

    Returns
    -------
    DataFrame, one row per class that is not empty
        ``low``, ``high`` (of the class), ``n``, ``probability`` (mean), ``share`` (that have the code), ``conf_low``,
        ``conf_high`` (groups of answers as clusters).

    References
    ----------
    Bröcker, J., & Smith, L. A. (2007). Increasing the reliability of reliability diagrams. Weather and Forecasting 22,
    651-661. doi:10.1175/WAF993.1

    Examples
    --------
    >>> judged = pd.DataFrame({"probability": [0.1, 0.1, 0.9, 0.9], "value": [0, 0, 1, 1], "group": range(4)})
    >>> suggestion_reliability(judged, classes=2)[["low", "n", "probability", "share"]].to_dict("records")
    [{'low': 0.0, 'n': 2, 'probability': 0.1, 'share': 0.0}, {'low': 0.5, 'n': 2, 'probability': 0.9, 'share': 1.0}]
    """
    place = np.clip((judged["probability"].to_numpy() * classes).astype(int), 0, classes - 1)
    rows = []
    for number, part in judged.groupby(place):
        sums = part.groupby("group")["value"].agg(["sum", "size"]).to_numpy(dtype=float)
        share, low, high = ratio_interval(sums[:, 0], sums[:, 1], level=level)
        rows.append((number / classes, (number + 1) / classes, len(part), part["probability"].mean(), share, low, high))
    return pd.DataFrame(rows, columns=["low", "high", "n", "probability", "share", "conf_low", "conf_high"])


def learning_curve(
    answers: pd.DataFrame,
    labels: pd.DataFrame,
    *,
    seed: int,
    sizes: Sequence[float] = SIZES,
    folds: int = FOLDS,
    level: float = 0.95,
    runs: Runs = RUNS,
) -> pd.DataFrame:
    """How good suggestions would have been with fewer coded answers.

    Parameters
    ----------
    sizes : sequence of float, shares of the groups of answers that teach
    answers, labels, seed, folds, level, runs : as of :func:`judge_suggestions`

    Returns
    -------
    DataFrame, one row per size
        ``size``, ``answers`` (that taught, mean over folds), ``codes`` (learned, mean over folds), measures over all
        decisions (micro) with intervals, and ``macro_f1``, the mean over all codes, those not learned as 0.

    Notes
    -----
    Every size is judged on the same left-out answers; a smaller size teaches with a part of what a larger one does.

    Examples
    --------
    >>> ends = ("太少", "不够", "少", "不足", "紧")
    >>> said = [f"{what}{how}" for what in ("工资", "奖金", "人手", "人员") for how in ends]
    >>> answers = pd.DataFrame({"interview": [f"i{n}" for n in range(20)], "question": "causes", "text": said})
    >>> labels = answers.assign(code="C1.1", value=["人" in text for text in said])
    >>> learning_curve(answers, labels, sizes=(0.8, 1), seed=1)["answers"].tolist()
    [13.0, 16.0]
    """
    if not sizes or not all(0 < size <= 1 for size in sizes):
        raise CodingError(Fault("learning_curve", f"sizes {list(sizes)}", "shares above 0, up to 1", column="sizes"))
    material = match_material(answers, labels, runs=runs)
    fold = outer_folds(material, folds, seed)
    order = np.random.default_rng(seed).permutation(int(material.group.max()) + 1)[material.group]
    return pd.DataFrame([_curve_row(material, fold, order, size, seed, level) for size in sorted(sizes)])


def _curve_row(
    material: Material, fold: np.ndarray, order: np.ndarray, size: float, seed: int, level: float
) -> dict[str, float]:
    """One size: in every fold the first of its teaching groups, in one order for all sizes."""
    parts, taught, learned = [], [], []
    for number in range(fold.max() + 1):
        ranks = np.unique(order[fold != number])
        keep = order <= ranks[int(np.ceil(size * len(ranks) - 1e-9)) - 1]
        parts.append(left_out_decisions(material, fold, number, seed, keep))
        taught.append(int((keep & (fold != number)).sum()))
        learned.append(parts[-1].dropna(subset="probability")["code"].nunique())
    judged = pd.concat(parts, ignore_index=True)
    judged = judged[~judged["stock"]]
    codes, overall = _measured(judged, level)
    micro = overall.iloc[0].drop("average").to_dict()
    macro = float(codes["f1"].fillna(0.0).mean())
    return {
        "size": size,
        "answers": float(np.mean(taught)),
        "codes": float(np.mean(learned)),
        **micro,
        "macro_f1": macro,
    }
