"""Which answers a person codes by hand, and what that says of all of them: the sample drawn, its errors, when to stop.

The sample is a probability sample, and its design travels with it: a table of the answers drawn with their strata and
inclusion probabilities, which can be saved, read again and given to every estimator here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import gammaln, logsumexp

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.sampling.design import Design, make_design
from kzsurvey.modelling.sampling.variance import Linearised, covariance, infer

_MOST_OF_FLAGGED = 0.6  # of the answers a machine flags; the rest stays unseen, so that their share is a sample too
_ONE_CODE, _SEVERAL_CODES = 1 / 3, 1 / 2  # share of the sample that flagged answers get at most
_FEW_PROBABILITIES = 20  # up to as many different ones are strata
_SHOWN = 6
Probability = pd.DataFrame | pd.Series | float


def draw_sample(
    frame: pd.DataFrame,
    size: int,
    *,
    strata: str | Sequence[str] = "predicted",
    codes: Sequence[str] | None = None,
    seed: int,
) -> pd.DataFrame:
    """Draw the answers to code by hand, at random within strata.

    Parameters
    ----------
    frame : DataFrame, one row per answer, index unique
    size : int, answers to draw
    strata : "predicted" or columns of ``frame``
        ``predicted``: by what the machine says, more from the answers it flags: a third of the sample for one code,
        half for several, but no more than 60 % of the flagged answers; every code has a stratum, and an answer flagged
        with several is in that of the rarest. Columns: crossed, in proportion to their sizes, at least two of each.
    codes : columns of ``frame`` with machine codes (0 and 1, or probabilities)
        All columns where None. Of probabilities, as many of the highest are flagged as they add up to.
    seed : int, recorded in the sample

    Returns
    -------
    DataFrame, one row per answer drawn, index as in ``frame``, in random order
        ``stratum``, ``stratum_size`` (answers in it), ``stratum_drawn``, ``probability`` (of inclusion), ``order`` (of
        coding), ``seed``. All of the design is in these columns: save it with ``to_csv``, read it with ``read_csv``.

    Raises
    ------
    DesignError
        Answers twice in the index; a code called ``none``; a size below two per stratum or above the answers there
        are; machine codes missing or outside 0 to 1; unknown columns; strata missing.

    References
    ----------
    Neyman, J. (1934). On the two different aspects of the representative method. Journal of the Royal Statistical
    Society 97, 558-625. doi:10.2307/2342192

    Examples
    --------
    >>> frame = pd.DataFrame({"pay": [1] * 10 + [0] * 90})
    >>> sample = draw_sample(frame, 30, seed=1)
    >>> sample.groupby("stratum")[["stratum_size", "stratum_drawn", "probability"]].first().round(3).to_dict("index")
    {'none': {'stratum_size': 90, 'stratum_drawn': 24, 'probability': 0.267},
     'pay': {'stratum_size': 10, 'stratum_drawn': 6, 'probability': 0.6}}
    """
    predicted = isinstance(strata, str) and strata == "predicted"
    wanted = list(codes) if codes is not None else list(frame)
    named = wanted if predicted else [strata] if isinstance(strata, str) else list(strata)
    fail_if(_frame_faults(frame, named, size, predicted), DesignError)
    label = _predicted_strata(frame[named]) if predicted else _crossed_strata(frame[named])
    sizes = label.value_counts().sort_index()
    drawn = _allocated(sizes, size, len(named) if predicted else 0)
    rng = np.random.default_rng(seed)
    places = [
        rng.choice(np.flatnonzero((label == name).to_numpy()), count, replace=False) for name, count in drawn.items()
    ]
    rows = rng.permutation(np.concatenate(places))
    stratum = label.iloc[rows]
    table = pd.DataFrame({"stratum": stratum, "stratum_size": stratum.map(sizes), "stratum_drawn": stratum.map(drawn)})
    order = np.arange(1, len(rows) + 1)
    return table.assign(probability=table["stratum_drawn"] / table["stratum_size"], order=order, seed=seed)


@dataclass(frozen=True, eq=False)
class Codings:
    """Machine codes of all answers and human codes of a sample of them, matched and checked.

    Attributes
    ----------
    codes : tuple of str
    machine : (n, k) array, 0 outside the domain
    human : (n, k) array, 0 where nobody coded
    inside : (n,) bool array, rows with machine codes
    expansion : (n,) array, answers that a coded one stands for; 0 where nobody coded
    stratum : (m,) array, stratum of each coded answer
    population : (m,) array, answers in that stratum; infinite where not known
    unseen : (m,) array, factor on the scores that stands for a finite population where strata cannot
    simple : bool, one chance for all
    """

    codes: tuple[str, ...]
    machine: np.ndarray
    human: np.ndarray
    inside: np.ndarray
    expansion: np.ndarray
    stratum: np.ndarray
    population: np.ndarray
    unseen: np.ndarray
    simple: bool

    @property
    def coded(self) -> np.ndarray:
        """(n,) flags of answers coded by hand."""
        return self.expansion > 0

    @property
    def df(self) -> float:
        """Coded answers less strata."""
        return float(len(self.stratum) - len(np.unique(self.stratum)))


class TwoParts(NamedTuple):
    """Estimates, and how they move with every answer and with the coded ones.

    Attributes
    ----------
    estimate : (p,) array
    every : (n, p) array, influence of what is known of every answer
    coded : (n, p) array, influence of human codes, times the expansion; 0 where nobody coded
    """

    estimate: np.ndarray
    every: np.ndarray
    coded: np.ndarray


class Inferred(NamedTuple):
    """Estimates with their two errors.

    Attributes
    ----------
    estimate : (p,) array
    total : (p, p) array, covariance over both samples; the same as ``second`` without a survey design
    second : (p, p) array, covariance from coding a sample of the answers
    """

    estimate: np.ndarray
    total: np.ndarray
    second: np.ndarray


def codings(machine: pd.DataFrame, human: pd.DataFrame | pd.Series, probability: Probability, place: str) -> Codings:
    """Match and check the codes of machine and people.

    Parameters
    ----------
    machine : DataFrame, one row per answer
        Has the codes of ``human`` among its columns, 0 and 1 or probabilities; missing in all of them: no answer.
    human : DataFrame, one row per coded answer, or Series
    probability : the sample of :func:`draw_sample`, or the inclusion probability of each coded answer, or of all
    place : str, what messages call the analysis

    Raises
    ------
    DesignError
        All that is wrong with them.

    Examples
    --------
    >>> found = codings(pd.DataFrame({"pay": [1, 0, 0, 1]}), pd.Series([1, 0], [0, 2], name="pay"), 0.5, "example")
    >>> found.expansion.tolist(), found.human[:, 0].tolist()
    ([2.0, 0.0, 2.0, 0.0], [1.0, 0.0, 0.0, 0.0])
    """
    human = human.to_frame() if isinstance(human, pd.Series) else human
    names = [str(name) for name in human]
    unknown = [name for name in human if name not in machine]
    fail_if(
        [Fault(place, f"no machine codes of {name!r}", "a column of the machine codes") for name in unknown]
        + _twice_faults(place, {"machine codes": machine.index, "human codes": human.index}),
        DesignError,
    )
    said, coded = _numbers(machine[list(human)], place), _numbers(human, place)
    inside = ~np.isnan(said).all(axis=1)
    done = ~np.isnan(coded).all(axis=1)
    answers = human.index[done]
    fail_if(_code_faults(said[inside], coded[done], names, place), DesignError)
    rows = machine.index.get_indexer(answers)
    fail_if(_answer_faults(answers, rows, inside, probability, place), DesignError)
    chance = _Chance.of(answers, probability, int(inside.sum()), place)
    expansion, values = np.zeros(len(machine)), np.zeros(said.shape)
    expansion[rows], values[rows] = chance.expansion, coded[done]
    order = np.argsort(rows)
    return Codings(
        codes=tuple(names),
        machine=np.where(inside[:, None], said, 0.0),
        human=values,
        inside=inside,
        expansion=expansion,
        stratum=chance.stratum[order],
        population=chance.population[order],
        unseen=chance.unseen[order],
        simple=bool(np.allclose(chance.expansion, chance.expansion[0])),
    )


def infer_from_both(
    estimator: Callable[[np.ndarray], TwoParts], codes: Codings, design: Design | None = None
) -> Inferred:
    r"""Estimates with the error of coding only a sample, and with that of the answers being a sample themselves.

    Parameters
    ----------
    estimator : function of (n,) weights giving TwoParts
    codes : Codings, of the n rows
    design : Design, of the survey
        None: the answers are all there are.

    Returns
    -------
    Inferred

    Notes
    -----
    Both are variances of the core: the second phase over the strata it was drawn in, with their finite populations;
    the total over the survey design, from each answer's whole influence, :math:`a_i + b_i / \pi_i`, which holds the
    second phase's error too. A finite first stage would make that part smaller as well, so that it is put back.

    References
    ----------
    Saerndal, C.-E., Swensson, B., & Wretman, J. (1992). Model assisted survey sampling (chapter 9). Springer.
    doi:10.1007/978-1-4612-4378-6

    Examples
    --------
    >>> found = codings(pd.DataFrame({"pay": [1, 0, 0, 1]}), pd.Series([1, 0], [0, 2], name="pay"), 0.5, "example")
    >>> def share(weight):
    ...     total = weight @ (found.expansion * found.human[:, 0]) / weight.sum()
    ...     part = (found.expansion * (found.human[:, 0] - total) / weight.sum())[:, None]
    ...     return TwoParts(np.array([total]), np.zeros((4, 1)), part)
    >>> inferred = infer_from_both(share, found)
    >>> inferred.estimate.tolist(), inferred.second.tolist()
    ([0.5], [[0.125]])
    """
    weight = np.ones(len(codes.expansion)) if design is None else design.weight
    parts = estimator(weight)
    rows = codes.coded
    phase = make_design(weight=weight[rows], strata=codes.stratum, population=codes.population)
    identity = np.eye(len(parts.estimate))
    second = covariance(parts.coded[rows] * codes.unseen[:, None], identity, phase)
    if design is None:
        return Inferred(parts.estimate, second, second)

    def whole(weight: np.ndarray) -> Linearised:
        found = estimator(weight)
        return Linearised(found.estimate, found.every + found.coded, identity)

    total = infer(whole, design)[1]
    first = design.stages[0]
    if design.replicates is None and np.isfinite(first.population).any():
        endless = replace(first, population=np.full_like(first.population, np.inf))
        apart = covariance(whole(weight).scores, identity, replace(design, stages=(endless,)))
        ratio = np.divide(np.diag(total), np.diag(apart), out=np.ones(len(total)), where=np.diag(apart) > 0)
        lost = np.sqrt(np.clip(1 - ratio, 0, 1))
        total = total + second * np.outer(lost, lost)
    return Inferred(parts.estimate, total, second)


class RecallStop(NamedTuple):
    """Whether enough of what there is has been found.

    Attributes
    ----------
    stop : bool
    recall_low : float, recall reached at least, with the confidence asked for
    missed_high : int, answers with the code not seen yet, at most
    more : int, further answers of the random sample, none of them with the code, after which to stop
    """

    stop: bool
    recall_low: float
    missed_high: int
    more: int


def recall_stop(
    found: int,
    remaining: int,
    drawn: int,
    positive: int = 0,
    *,
    recall: float = 0.9,
    level: float = 0.95,
    looks: str = "once",
) -> RecallStop:
    r"""Stop looking for a code when a random sample of the rest says that little of it is left.

    Parameters
    ----------
    found : int, answers with the code found before the sample
    remaining : int, answers nobody had seen before the sample
    drawn : int, answers of these drawn at random and read
    positive : int, of those drawn with the code
    recall : float, share of all answers with the code that must have been found
    level : float, one-sided confidence
    looks : {"once", "any"}
        ``once``: the size of the sample was fixed before it was drawn. ``any``: one looks after every answer, if one
        likes, answers being read in random order; the confidence holds for all looks together.

    Returns
    -------
    RecallStop

    Raises
    ------
    DesignError
        Counts that do not fit; a recall or a level outside 0 to 1.

    Notes
    -----
    Once: the bound is exact, the largest number with the code among the ``remaining`` under which so few in the sample
    would still have a probability above 1 - ``level`` (hypergeometric). Looked at again and again, it errs more often
    than 1 - ``level`` (up to 7 % for 5 %). Any: the largest number whose likelihood is above 1 - ``level`` times
    the mean likelihood under a prior fixed beforehand (half on none, the rest geometric around the number that may be
    missed): that ratio is a martingale, and so the bound holds at all looks at once.

    References
    ----------
    Waudby-Smith, I., & Ramdas, A. (2020). Confidence sequences for sampling without replacement. Advances in Neural
    Information Processing Systems 33, 20204-20214. doi:10.48550/arXiv.2006.04347
    Callaghan, M. W., & Mueller-Hansen, F. (2020). Statistical stopping criteria for automated screening in systematic
    reviews. Systematic Reviews 9, 273. doi:10.1186/s13643-020-01521-4

    Examples
    --------
    >>> recall_stop(40, 400, 100)
    RecallStop(stop=False, recall_low=0.8, missed_high=10, more=80)
    >>> recall_stop(40, 400, 180).stop, recall_stop(40, 400, 180, looks="any").stop
    (True, False)
    """
    if looks not in _BOUNDS:
        raise DesignError(Fault("recall_stop", f"unknown looks {looks!r}", ", ".join(_BOUNDS)))
    counts = {"found": found, "remaining": remaining, "drawn": drawn, "positive": positive}
    faults = [
        Fault("recall_stop", f"{name} {value}", "whole numbers from 0 up", column=name)
        for name, value in counts.items()
        if value < 0 or value != int(value)
    ]
    if drawn > remaining or positive > drawn:
        faults += [Fault("recall_stop", f"{positive} of {drawn} of {remaining}", "positive <= drawn <= remaining")]
    faults += [
        Fault("recall_stop", f"{name} {value}", "a share between 0 and 1", column=name)
        for name, value in {"recall": recall, "level": level}.items()
        if not 0 < value < 1
    ]
    fail_if(faults, DesignError)
    tolerated = found * (1 - recall) / recall

    def reached(more: int) -> tuple[float, int]:
        """Recall at least, and answers missed at most, after further answers without the code."""
        most = _BOUNDS[looks](remaining, drawn + more, positive, level, tolerated)
        known = found + positive
        return (known / (found + most) if found + most else 1.0), most - positive

    low, missed = reached(0)
    few, enough = 0, remaining - drawn
    while few < enough:
        middle = (few + enough) // 2
        if reached(middle)[0] >= recall:
            enough = middle
        else:
            few = middle + 1
    return RecallStop(bool(low >= recall), float(low), int(missed), int(enough))


def _most_once(remaining: int, drawn: int, positive: int, level: float, tolerated: float) -> int:
    """Largest number with the code that one look does not contradict."""
    low, high = positive, remaining - drawn + positive
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (
            (middle, high) if _at_most(positive, remaining, middle, drawn) > 1 - level + 1e-12 else (low, middle - 1)
        )
    return low


def _most_ever(remaining: int, drawn: int, positive: int, level: float, tolerated: float) -> int:
    """Largest number with the code that no look has contradicted."""
    number = np.arange(positive, remaining - drawn + positive + 1)
    likelihood = _choose(remaining - drawn, number - positive) - _choose(remaining, number)
    stay = 1 - 1 / max(tolerated, 1.0001)  # geometric from 1 up, with this mean
    prior = np.where(number == 0, 0.0, np.log(1 - stay) + (number - 1) * np.log(stay)) - np.log(2)
    mean = logsumexp(prior + likelihood)
    return int(number[likelihood > np.log(1 - level) + mean + 1e-12].max())


_BOUNDS = {"once": _most_once, "any": _most_ever}


def _at_most(most: int, population: int, positive: int, drawn: int) -> float:
    """Probability of at most so many with the code in a sample without replacement."""
    k = np.arange(max(0, drawn - (population - positive)), min(most, positive, drawn) + 1)
    if not len(k):
        return 0.0
    ways = logsumexp(_choose(positive, k) + _choose(population - positive, drawn - k))
    return float(np.exp(ways - _choose(population, drawn)))


def _choose(n: int, k: np.ndarray | int) -> np.ndarray:
    """Logarithm of the binomial coefficient."""
    return gammaln(n + 1) - gammaln(np.asarray(k) + 1) - gammaln(n - np.asarray(k) + 1)


def _frame_faults(frame: pd.DataFrame, named: list, size: int, predicted: bool) -> list[Fault]:
    """What keeps a sample from being drawn."""
    place = "draw_sample"
    faults = [Fault(place, f"unknown column {name!r}", "a column of the frame") for name in named if name not in frame]
    faults += _twice_faults(place, {"frame": frame.index})
    if not named:
        faults += [Fault(place, "no codes and no strata", "at least one column")]
    if not 2 <= size <= len(frame) or size != int(size):
        faults += [Fault(place, f"size {size}", f"a whole number from 2 to the {len(frame)} answers", column="size")]
    known = [name for name in named if name in frame]
    if predicted:
        taken = [name for name in known if str(name) == "none"]
        faults += [Fault(place, "a code called none", "another name: none is the stratum of no code") for _ in taken]
        values = _numbers(frame[known], place)
        return faults + [fault for number, name in enumerate(known) for fault in _range(place, name, values[:, number])]
    empty = {name: int(frame[name].isna().sum()) for name in known}
    return faults + [
        Fault(place, f"{count} answers without a value", "a stratum for every answer", column=str(name))
        for name, count in empty.items()
        if count
    ]


def _range(place: str, name: object, values: np.ndarray) -> list[Fault]:
    """Machine codes that are missing or no probability."""
    missing, wrong = int(np.isnan(values).sum()), int(((values < 0) | (values > 1)).sum())
    hint = "leave out answers that were not asked"
    kinds = [(missing, f"{missing} machine codes missing", hint), (wrong, f"{wrong} machine codes outside 0 to 1", "")]
    return [
        Fault(place, found, "0 and 1, or probabilities", column=str(name), hint=why)
        for count, found, why in kinds
        if count
    ]


def _predicted_strata(codes: pd.DataFrame) -> pd.Series:
    """The rarest code that each answer is flagged with."""
    flags = pd.DataFrame({str(name): flagged(codes[name].to_numpy(dtype=float)) for name in codes}, index=codes.index)
    label = pd.Series("none", index=codes.index, dtype="str", name="stratum")
    for name in flags.sum().sort_values(ascending=False, kind="stable").index:
        label = label.mask(flags[name], name)
    return label


def flagged(values: np.ndarray) -> np.ndarray:
    """Answers with a code by the machine; of probabilities, as many of the highest as they add up to.

    Examples
    --------
    >>> flagged(np.array([0.9, 0.2, 0.6, 0.3])).tolist()
    [True, False, True, False]
    """
    if np.isin(values, (0.0, 1.0)).all():
        return values == 1
    count = max(round(float(values.sum())), 1)
    return values >= np.sort(values)[::-1][count - 1]


def _crossed_strata(columns: pd.DataFrame) -> pd.Series:
    """Combinations of columns, in words."""
    words = [columns[name].astype(str) for name in columns]
    return pd.Series([" / ".join(parts) for parts in zip(*words, strict=True)], index=columns.index, name="stratum")


def _allocated(sizes: pd.Series, size: int, codes: int) -> pd.Series:
    """Answers to draw from each stratum."""
    least = np.minimum(sizes, 2)
    if size < least.sum():
        found = f"size {size} for {len(sizes)} strata"
        raise DesignError(Fault("draw_sample", found, f"at least {least.sum()}: two of each", column="size"))
    flagged = sizes.drop("none", errors="ignore") if codes else sizes.iloc[:0]
    most = sizes.astype(float).copy()
    most[flagged.index] = np.maximum(least[flagged.index], np.round(_MOST_OF_FLAGGED * flagged))
    drawn = least.copy()
    if len(flagged) and len(flagged) < len(sizes):
        share = int(size * (_ONE_CODE if codes == 1 else _SEVERAL_CODES))
        _fill(drawn, np.sqrt(flagged), most, min(share, size - int(least["none"])))
        _fill(drawn, sizes.loc[["none"]], most, size - int(drawn[flagged.index].sum()))
    _fill(drawn, sizes, sizes, size)
    return drawn.astype(int)


def _fill(drawn: pd.Series, measure: pd.Series, most: pd.Series, total: int) -> None:
    """Hand out answers one by one to the stratum with the most measure per answer drawn, up to its most."""
    own, wanted = drawn[measure.index].to_numpy(copy=True), measure.to_numpy(dtype=float)
    limit = most[measure.index].to_numpy()
    for _ in range(total - int(own.sum())):
        gain = np.where(own < limit, wanted / own, -1.0)
        if gain.max() < 0:
            break
        own[gain.argmax()] += 1
    drawn[measure.index] = own


class _Chance(NamedTuple):
    """How each coded answer came to be coded."""

    expansion: np.ndarray
    stratum: np.ndarray
    population: np.ndarray
    unseen: np.ndarray

    @classmethod
    def of(cls, answers: pd.Index, probability: Probability, count: int, place: str) -> "_Chance":
        """From a recorded sample, from probabilities, or from one for all."""
        if isinstance(probability, pd.DataFrame):
            return cls._recorded(probability, answers, count, place)
        ones = np.ones(len(answers))
        if not isinstance(probability, pd.Series):
            return cls(ones * count / len(answers), np.zeros(len(answers), dtype=int), ones * count, ones)
        chance = probability.loc[answers].to_numpy(dtype=float)
        value, stratum = np.unique(chance.round(9), return_inverse=True)
        if len(value) > _FEW_PROBABILITIES:  # unequal one by one: the finite population as Hajek has it
            return cls(1 / chance, 0 * stratum, np.inf * ones, np.sqrt(1 - chance))
        drawn = np.bincount(stratum)
        return cls(1 / chance, stratum, np.maximum(drawn / value, drawn)[stratum], ones)

    @classmethod
    def _recorded(cls, sample: pd.DataFrame, answers: pd.Index, count: int, place: str) -> "_Chance":
        """From strata; answers drawn and not coded yet are taken as missing at random within them."""
        every = sample.groupby("stratum", sort=True)["stratum_size"].first()
        own = sample.loc[answers]
        coded = own["stratum"].value_counts()
        faults = [
            Fault(place, f"no human codes in stratum {name}", "at least one coded answer in every stratum")
            for name in every.index.difference(coded.index)
        ]
        if every.sum() != count:
            found = f"a sample drawn from {int(every.sum())} answers, and machine codes of {count}"
            faults += [Fault(place, found, "machine codes of the answers the sample was drawn from")]
        fail_if(faults, DesignError)
        population = own["stratum_size"].to_numpy(dtype=float)
        stratum = every.index.get_indexer(own["stratum"])
        return cls(population / own["stratum"].map(coded).to_numpy(), stratum, population, np.ones(len(own)))


def _numbers(table: pd.DataFrame, place: str) -> np.ndarray:
    """Codes as numbers; NaN where missing."""
    wrong = [
        Fault(place, "codes in words", "0 and 1, or probabilities", column=str(name))
        for name in table
        if not (pd.api.types.is_numeric_dtype(table[name].dtype) or table[name].isna().all())
    ]
    fail_if(wrong, DesignError)
    return table.astype("Float64").to_numpy(dtype=float, na_value=np.nan)


def _twice_faults(place: str, indexes: dict[str, pd.Index]) -> list[Fault]:
    """Answers that occur more than once."""
    return [
        Fault(place, f"answers twice in the {name}: {_shown(index[index.duplicated()].unique())}", "each answer once")
        for name, index in indexes.items()
        if not index.is_unique
    ]


def _code_faults(machine: np.ndarray, human: np.ndarray, names: list[str], place: str) -> list[Fault]:
    """Codes that are not there, or not codes."""
    if not len(human):
        return [Fault(place, "no human codes", "a probability sample of answers coded by hand", hint="draw_sample")]
    faults = [fault for number, name in enumerate(names) for fault in _range(place, name, machine[:, number])]
    for number, name in enumerate(names):
        missing = int(np.isnan(human[:, number]).sum())
        if missing:
            found = f"{missing} coded answers without this code"
            faults += [Fault(place, found, "every code for every coded answer", column=name, hint="0 where it is not")]
        known = human[~np.isnan(human[:, number]), number]
        if not np.isin(known, (0.0, 1.0)).all():
            faults += [Fault(place, "human codes other than 0 and 1", "0 and 1", column=name)]
    if len(human) < 2:
        faults += [Fault(place, "one answer coded by hand", "at least two")]
    return faults


def _answer_faults(
    answers: pd.Index, rows: np.ndarray, inside: np.ndarray, probability: Probability, place: str
) -> list[Fault]:
    """Human codes of answers that nobody drew, or that no machine read; chances that are none."""
    unread = answers[(rows < 0) | ~inside[rows]]
    faults = []
    if len(unread):
        found = f"human codes of {len(unread)} answers without machine codes: {_shown(unread)}"
        faults += [Fault(place, found, "answers with machine codes")]
    if not isinstance(probability, (pd.DataFrame, pd.Series)):
        bad = not (isinstance(probability, (int, float, np.number)) and 0 < probability <= 1)
        return faults + ([_chance_fault(f"probability {probability!r}", place)] if bad else [])
    if isinstance(probability, pd.DataFrame) and (lacking := [c for c in _NEEDED if c not in probability]):
        return faults + [Fault(place, f"a sample without {', '.join(lacking)}", "the sample that draw_sample gave")]
    faults += _twice_faults(place, {"sample": probability.index})
    strange = answers.difference(probability.index)
    if len(strange):
        found = f"human codes of {len(strange)} answers not in the sample: {_shown(strange)}"
        faults += [Fault(place, found, "answers that were drawn")]
    chance = probability["probability"] if isinstance(probability, pd.DataFrame) else probability
    chance = pd.to_numeric(chance, errors="coerce")
    for bad, kind in ((chance.isna(), "missing"), (chance <= 0, "0 or below"), (chance > 1, "above 1")):
        faults += [_chance_fault(f"{int(bad.sum())} inclusion probabilities {kind}", place)] if bad.any() else []
    return faults


_NEEDED = ("stratum", "stratum_size", "probability")


def _chance_fault(found: str, place: str) -> Fault:
    """A chance to be coded that is none."""
    return Fault(place, found, "above 0, up to 1", column="probability")


def _shown(values: pd.Index) -> str:
    """The first of many."""
    words = [str(value) for value in values[:_SHOWN]]
    return ", ".join([*words, "..."] if len(values) > _SHOWN else words)
