"""How often each code occurs: machine codes of all answers, corrected by a probability sample of human codes.

Machines and rules err, and their errors do not cancel. Here human codes of a sample tell by how much, every interval
stays between 0 and 1 and counts both what was not coded by hand and, under a survey design, what was not asked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import betainc, betaln, stdtrit

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.coded.human_samples import (
    Codings,
    Inferred,
    Probability,
    TwoParts,
    codings,
    flagged,
    infer_from_both,
)
from kzsurvey.modelling.describing.estimates import Columns, Estimates, group_codes
from kzsurvey.modelling.sampling.design import Design, check_rows, degrees_of_freedom
from kzsurvey.modelling.sampling.intervals import interval, proportion_interval
from kzsurvey.modelling.sampling.variance import covariance

METHODS = ("auto", "human", "rogan-gladen", "poststratified", "difference", "ppi++", "dsl")
_BINS, _IN_BIN = 5, 10  # classes that probabilities are calibrated in, and coded answers in each
_RARE = 5  # human codes of either kind in a class, below which its error cannot be told from its variance
_FOLDS = 5
_FINEST = 4096  # points at which the distribution of a share is computed
_ATOMS = 256  # of these, when a second source is mixed in


class Cell(NamedTuple):
    """One class of predictions within a group: what is known of it, as shares of the group.

    Attributes
    ----------
    known : float, share of the group that is coded and has the code
    unseen : float, share of the group not coded by hand
    left : float, how many answers that share amounts to
    drawn : float, how many answers the human codes of it amount to
    yes : float, of these with the code
    """

    known: float
    unseen: float
    left: float
    drawn: float
    yes: float


@dataclass(frozen=True, eq=False)
class _Share:
    """One code in one group: its columns of weighted totals, and the share as a function of them."""

    every: np.ndarray
    coded: np.ndarray
    function: Callable[[np.ndarray, np.ndarray], np.ndarray]


class _Case(NamedTuple):
    """One code in one group: machine, human, expansion, membership, classes of the prediction (-1 outside)."""

    machine: np.ndarray
    human: np.ndarray
    expansion: np.ndarray
    inside: np.ndarray
    cell: np.ndarray
    everywhere: np.ndarray


def prevalence(
    machine: pd.DataFrame,
    human: pd.DataFrame | pd.Series,
    *,
    probability: Probability,
    method: str = "auto",
    by: Columns | None = None,
    design: Design | None = None,
    level: float = 0.95,
) -> Estimates:
    r"""Shares of all answers that have each code, overall or by group.

    Parameters
    ----------
    machine : DataFrame, one row per answer, index unique
        Has a column for each code of ``human``: 0 and 1, or probabilities. Rows without any are outside the domain.
    human : DataFrame (or Series), one row per answer coded by hand, index as in ``machine``
        0 and 1. Rows without any code count as not coded.
    probability : DataFrame, Series or float
        The sample of :func:`draw_sample`; or the inclusion probability of each coded answer; or one for all.
    method : {"auto", "human", "rogan-gladen", "poststratified", "difference", "ppi++", "dsl"}
        ``human``: human codes alone, Wilson's interval (Korn and Graubard's where chances were unequal).
        ``rogan-gladen``: the machine's share, corrected by its sensitivity and specificity, which are taken to be the
        same in all groups. ``poststratified``: human codes within classes of the prediction. ``difference``: the
        machine's share, plus the mean human correction. ``ppi++``: the same, with the machine's part tuned to the
        smallest variance. ``dsl``: the same, with the prediction calibrated to human codes of other folds.
        ``auto``: ``poststratified``, which holds its coverage for rare codes; ``ppi++`` where the machine gives
        probabilities and no class of them is rare in either kind of human codes; ``human`` where the machine says the
        same of all. Column ``method`` tells which.
    by : columns of ``machine``, or Series or DataFrame with its rows
    design : Design, of the survey that gave the rows of ``machine``
        None: the answers are all there are.
    level : float, of the intervals

    Returns
    -------
    Estimates
        ``variable`` (the code), the columns of the grouping, ``estimate``, ``std_error``, ``df``, ``conf_low``,
        ``conf_high``, ``n`` (answers), ``n_dropped`` (rows of the group without machine codes), ``n_coded``,
        ``n_positive`` (by hand), ``method``.

    Raises
    ------
    DesignError
        No human codes, or of answers not in the sample; chances missing or not above 0; a stratum or group without
        human codes; machine codes that are the same for all; sensitivity and specificity that add up to 1 or less.

    Notes
    -----
    The interval of ``poststratified`` is Bayesian with Jeffreys' prior in every class: the answers not coded by hand
    are beta-binomial given those that are, and the classes are added up exactly. Under a survey design, the share
    in the population is a beta distribution around each share of the answers, of the effective size that the design's
    variance leaves, and the two are mixed. That of ``human`` is at least as wide as that of a simple random sample,
    where chances were unequal. Those of the other corrections are symmetric on the log odds, with an error that is no
    smaller than Jeffreys' prior has it; for shares of 5 to 10 % and a hundred answers coded they still hold the truth
    less often than they say (90 to 95 % for 95).

    References
    ----------
    Rogan, W. J., & Gladen, B. (1978). Estimating prevalence from the results of a screening test. American Journal of
    Epidemiology 107, 71-76. doi:10.1093/oxfordjournals.aje.a112510
    Angelopoulos, A. N., Duchi, J. C., & Zrnic, T. (2023). PPI++: Efficient prediction-powered inference.
    doi:10.48550/arXiv.2311.01453
    Egami, N., Hinck, M., Stewart, B. M., & Wei, H. (2023). Using imperfect surrogates for downstream inference:
    design-based supervised learning for social science applications of large language models.
    doi:10.48550/arXiv.2306.04746
    Brown, L. D., Cai, T. T., & DasGupta, A. (2001). Interval estimation for a binomial proportion. Statistical Science
    16, 101-133. doi:10.1214/ss/1009213286

    Examples
    --------
    >>> answers = pd.DataFrame({"pay": [1] * 10 + [0] * 90})
    >>> human = pd.DataFrame({"pay": [1, 1, 1, 1, 0] + [0] * 20}, index=[*range(5), *range(20, 40)])
    >>> chance = pd.Series([0.5] * 5 + [20 / 90] * 20, index=human.index)
    >>> prevalence(answers, human, probability=chance).table[["estimate", "conf_low", "conf_high"]].round(3)
       estimate  conf_low  conf_high
    0      0.08     0.054      0.171
    """
    if method not in METHODS:
        raise DesignError(Fault("prevalence", f"unknown method {method!r}", ", ".join(METHODS)))
    study = _study(machine, human, probability, by, design, "prevalence")
    chosen = [_chosen(case, method) for case in study.cases]
    fail_if(_method_faults(study, chosen), DesignError)
    shares = _shares(study, chosen)
    inferred = infer_from_both(lambda weight: _evaluated(shares, weight), study.codes, design)
    fail_if(_estimate_faults(study, chosen, inferred.estimate), DesignError)
    df = np.array([_df(case, study) for case in study.cases])
    ends = [
        _ENDS.get(name, _corrected_ends)(study, number, inferred, df[number], level)
        for number, name in enumerate(chosen)
    ]
    point = np.clip(inferred.estimate, 0, 1)
    low, high = np.array(ends).T
    table = study.labels.assign(
        estimate=point,
        std_error=np.sqrt(np.clip(np.diag(inferred.total), 0, None)),
        df=df,
        conf_low=np.minimum(low, point),
        conf_high=np.maximum(high, point),
        n=[int(case.inside.sum()) for case in study.cases],
        n_dropped=study.dropped,
        n_coded=[int((case.expansion > 0).sum()) for case in study.cases],
        n_positive=[int(case.human[case.expansion > 0].sum()) for case in study.cases],
        method=pd.array(chosen, dtype="str"),
    )
    return Estimates(table, inferred.total, float(df.max()), study.ungrouped)


def answers_to_code(
    machine: pd.DataFrame,
    human: pd.DataFrame | pd.Series,
    *,
    probability: Probability,
    width: float,
    by: Columns | None = None,
    design: Design | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """How many more answers to code by hand for intervals of a wanted width.

    Parameters
    ----------
    width : float, of the interval (upper end less lower end)

    Other parameters as in :func:`prevalence`.

    Returns
    -------
    DataFrame, one row per code and group
        ``variable``, the columns of the grouping, ``n``, ``n_coded``, ``width`` (expected of the sample as it is),
        ``more`` (answers of the group, drawn as those before; missing where all of them would not do), ``width_all``
        (what is left when every answer is coded: the survey's own error).

    Notes
    -----
    Widths are those of the interval ``poststratified``, with the shares in the classes of the prediction as they are
    now estimated: a forecast, the surer the more answers are coded.

    Examples
    --------
    >>> answers = pd.DataFrame({"pay": [1] * 10 + [0] * 90})
    >>> human = pd.DataFrame({"pay": [1, 1, 1, 1, 0] + [0] * 20}, index=[*range(5), *range(20, 40)])
    >>> chance = pd.Series([0.5] * 5 + [20 / 90] * 20, index=human.index)
    >>> plan = answers_to_code(answers, human, probability=chance, width=0.06)
    >>> plan[["n", "n_coded", "more", "width_all"]].to_dict("records")
    [{'n': 100, 'n_coded': 25, 'more': 18, 'width_all': 0.0}]
    """
    if not 0 < width < 1:
        raise DesignError(Fault("answers_to_code", f"width {width}", "a number between 0 and 1", column="width"))
    study = _study(machine, human, probability, by, design, "answers_to_code")
    shares = _shares(study, ["poststratified"] * len(study.cases))
    inferred = infer_from_both(lambda weight: _evaluated(shares, weight), study.codes, design)
    rows = [_plan(study, number, inferred, width, level) for number in range(len(study.cases))]
    return study.labels.assign(
        n=[int(case.inside.sum()) for case in study.cases],
        n_coded=[int((case.expansion > 0).sum()) for case in study.cases],
        width=[row[0] for row in rows],
        more=pd.array([row[1] for row in rows], dtype="Int64"),
        width_all=[row[2] for row in rows],
    )


def posterior_interval(cells: list[Cell], *, answers: float = np.inf, level: float = 0.95) -> tuple[float, float]:
    """Ends of the interval of a share, from classes of a prediction that are coded in part.

    Parameters
    ----------
    cells : list of Cell
    answers : float, effective number of answers as a sample of a population; infinite where they are all there are
    level : float

    Examples
    --------
    >>> flagged, others = Cell(0.04, 0.05, 5, 5, 4), Cell(0.0, 0.7, 70, 20, 0)
    >>> low, high = posterior_interval([flagged, others])
    >>> round(low, 3), round(high, 3)
    (0.054, 0.171)
    >>> low, high = posterior_interval([flagged, others], answers=100)
    >>> round(low, 3), round(high, 3)
    (0.037, 0.196)
    """
    known, unseen = sum(cell.known for cell in cells), sum(cell.unseen for cell in cells)
    open_cells = [cell for cell in cells if cell.left >= 1 and cell.unseen > 0]
    step = 1 / _FINEST
    units = [cell.unseen / cell.left for cell in open_cells]
    if units and max(units) - min(units) < 1e-9 * max(units):
        step = max(max(units), step)
    mass = np.ones(1)
    for cell in open_cells:
        mass = np.convolve(mass, _unseen_mass(cell, step))
    tails = np.array([(1 - level) / 2, (1 + level) / 2])
    if np.isfinite(answers):
        low, high = _mixed_quantiles(known + step * np.arange(len(mass)), mass, answers, tails)
        return float(low), float(high)
    below = np.cumsum(mass)
    place = np.minimum(np.searchsorted(below, tails), len(mass) - 1)
    ends = known + step * (place - 0.5 + (tails - below[place] + mass[place]) / mass[place])
    low, high = np.clip(ends, known, known + unseen)
    return float(low), float(high)


@dataclass(frozen=True, eq=False)
class _Study:
    """Codes matched, groups made, and one case for each code and group."""

    codes: Codings
    cases: list[_Case]
    labels: pd.DataFrame
    dropped: list[int]
    ungrouped: int
    design: Design | None
    place: str

    @property
    def weight(self) -> np.ndarray:
        """(n,) weights; 1 where the answers are all there are."""
        return np.ones(len(self.codes.expansion)) if self.design is None else self.design.weight


def _study(
    machine: pd.DataFrame,
    human: pd.DataFrame | pd.Series,
    probability: Probability,
    by: Columns | None,
    design: Design | None,
    place: str,
) -> _Study:
    """Match, check, group."""
    codes = codings(machine, human, probability, place)
    if design is not None:
        check_rows(design, machine, place=place)
    aligned = by.reindex(machine.index) if isinstance(by, (pd.Series, pd.DataFrame)) else by
    group, groups = group_codes(aligned, machine, len(machine))
    asked = [number for number in range(len(groups)) if codes.inside[group == number].any()]
    groups = groups.iloc[asked].reset_index(drop=True)
    labels = pd.DataFrame({"variable": pd.array(codes.codes, dtype="str")}).merge(groups, how="cross")
    members = [group == number for number in asked]
    empty = [number for number, member in enumerate(members) if not codes.coded[member].any()]
    named = [" / ".join(str(part) for part in groups.iloc[number]) for number in empty]
    hint = "code answers of every group, or merge groups"
    faults = [
        Fault(place, f"no human codes in group {name}", "at least one in every group", hint=hint) for name in named
    ]
    fail_if(faults, DesignError)
    cases = [_case(codes, number, member) for number in range(len(codes.codes)) for member in members]
    dropped = [int((member & ~codes.inside).sum()) for _ in codes.codes for member in members]
    return _Study(codes, cases, labels, dropped, int((codes.inside & (group < 0)).sum()), design, place)


def _case(codes: Codings, number: int, member: np.ndarray) -> _Case:
    """One code in one group, with classes of the prediction that all have human codes."""
    machine, inside = codes.machine[:, number], member & codes.inside
    own = np.where(inside, codes.expansion, 0.0)
    return _Case(machine, codes.human[:, number], own, inside, _classes(machine, inside, own > 0), codes.expansion)


def _classes(machine: np.ndarray, inside: np.ndarray, coded: np.ndarray) -> np.ndarray:
    """Class of each answer's prediction, 1 flagged, 0 not, -1 outside.

    Two also for probabilities: each class brings a prior of its own, and many would outweigh the few codes there are.
    """
    cell = np.full(len(machine), -1)
    if inside.any():
        cell[inside] = flagged(machine[inside])
    return _merged(cell, coded)


def _bins(machine: np.ndarray, inside: np.ndarray, coded: np.ndarray) -> np.ndarray:
    """Finer classes of a prediction, to calibrate it by."""
    values = np.unique(machine[inside])
    if len(values) > _BINS:
        count = int(np.clip(coded.sum() // _IN_BIN, 1, _BINS))
        values = np.unique([values[0], *np.quantile(machine[coded], np.arange(1, count) / count)])
    cell = np.searchsorted(values, machine, side="right") - 1
    return _merged(np.where(inside, np.maximum(cell, 0), -1), coded)


def _merged(cell: np.ndarray, coded: np.ndarray) -> np.ndarray:
    """Classes with at least two coded answers each: a smaller one joins the class below, the lowest the one above."""
    for number in range(int(cell.max(initial=0)), 0, -1):
        if (coded & (cell == number)).sum() < 2:
            cell = np.where(cell >= number, cell - 1, cell)
    if (coded & (cell == 0)).sum() < 2:
        cell = np.where(cell > 0, cell - 1, cell)
    return cell


def _chosen(case: _Case, method: str) -> str:
    """The estimator for one code and group."""
    if method != "auto":
        return method
    values = case.machine[case.inside]
    if (values == values[:1]).all():
        return "human"
    if np.isin(values, (0.0, 1.0)).all():
        return "poststratified"
    coded = case.expansion > 0
    yes = np.bincount(case.cell[coded], weights=case.human[coded])
    no = np.bincount(case.cell[coded], weights=1 - case.human[coded])
    return "poststratified" if min(yes.min(), no.min()) < _RARE else "ppi++"


def _method_faults(study: _Study, chosen: list[str]) -> list[Fault]:
    """Machine codes that cannot correct or be corrected."""
    faults = []
    for number, (case, method) in enumerate(zip(study.cases, chosen, strict=True)):
        name = _named(study, number)
        values = case.machine[case.inside]
        if method != "human" and (values == values[:1]).all():
            found = f"machine codes that are {values[:1].sum():g} for all answers"
            faults += [Fault(study.place, found, "machine codes that differ", column=name, hint="method human")]
        elif method == "rogan-gladen":
            faults += _accuracy_faults(case, study.weight, name, study.place)
    return faults


def _accuracy_faults(case: _Case, weight: np.ndarray, name: str, place: str) -> list[Fault]:
    """A machine that is no better than chance, or that cannot be judged."""
    expansion = weight * case.everywhere
    yes, no = expansion @ case.human, expansion @ (1 - case.human)
    if not (yes and no):
        found = f"human codes that are all {0 if no else 1}"
        return [Fault(place, found, "both, for sensitivity and specificity", column=name, hint="method poststratified")]
    sensitivity = expansion @ (case.machine * case.human) / yes
    specificity = expansion @ ((1 - case.machine) * (1 - case.human)) / no
    if sensitivity + specificity > 1:
        return []
    found = f"sensitivity {sensitivity:.2f} + specificity {specificity:.2f}"
    return [Fault(place, found, "more than 1 together", column=name, hint="method human or poststratified")]


def _estimate_faults(study: _Study, chosen: list[str], estimate: np.ndarray) -> list[Fault]:
    """Shares that came to nothing."""
    return [
        Fault(
            study.place,
            f"no estimate by method {chosen[number]}",
            "human codes to estimate it from",
            column=_named(study, number),
        )
        for number in np.flatnonzero(~np.isfinite(estimate))
    ]


def _named(study: _Study, number: int) -> str:
    """A code and its group, in words."""
    return " / ".join(str(part) for part in study.labels.iloc[number])


def _df(case: _Case, study: _Study) -> float:
    """Degrees of freedom: of the human sample in the group, and no more than the survey has."""
    rows = case.expansion[study.codes.coded] > 0
    own = float(rows.sum() - len(np.unique(study.codes.stratum[rows])))
    own = max(own, 1.0)
    return own if study.design is None else min(own, degrees_of_freedom(study.design, case.inside))


def _shares(study: _Study, chosen: list[str]) -> list[_Share]:
    """The estimator of every code and group, the tuned ones tuned."""
    tuned = [number for number, name in enumerate(chosen) if name == "ppi++"]
    power = _tuned(study, tuned) if tuned else {}
    makers = {**_MAKERS, "ppi++": None}
    return [
        _difference(case, power[number]) if name == "ppi++" else makers[name](case, study.weight)
        for number, (case, name) in enumerate(zip(study.cases, chosen, strict=True))
    ]


def _evaluated(shares: list[_Share], weight: np.ndarray) -> TwoParts:
    """Values and influences of shares, by complex steps."""
    values, every, coded = [], [], []
    for share in shares:
        known, drawn = weight @ share.every, weight @ share.coded
        with np.errstate(divide="ignore", invalid="ignore"):
            values.append(float(share.function(known, drawn)))
            slopes = [share.function(known + step, drawn).imag * 1e100 for step in 1e-100j * np.eye(len(known))]
            others = [share.function(known, drawn + step).imag * 1e100 for step in 1e-100j * np.eye(len(drawn))]
        every.append(share.every @ np.array(slopes))
        coded.append(share.coded @ np.array(others))
    return TwoParts(np.array(values), np.stack(every, axis=1), np.stack(coded, axis=1))


def _human(case: _Case, weight: np.ndarray) -> _Share:
    """Share among human codes."""
    return _Share(
        case.inside[:, None] * 1.0,
        np.stack([case.expansion * case.human, case.expansion], axis=1),
        lambda known, drawn: drawn[0] / drawn[1] + 0 * known[0],
    )


def _rogan_gladen(case: _Case, weight: np.ndarray) -> _Share:
    """Share by the machine, less its false positives, over what it tells apart."""
    yes, no = case.everywhere * case.human, case.everywhere * (1 - case.human)

    def corrected(known: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        false = drawn[2] / drawn[3]
        return (known[0] / known[1] - false) / (drawn[0] / drawn[1] - false)

    return _Share(
        np.stack([case.inside * case.machine, case.inside * 1.0], axis=1),
        np.stack([case.machine * yes, yes, case.machine * no, no], axis=1),
        corrected,
    )


def _poststratified(case: _Case, weight: np.ndarray) -> _Share:
    """Human shares within classes of the prediction, weighted by how many answers there are of each."""
    member = case.cell[:, None] == np.arange(case.cell.max() + 1)
    count = member.shape[1]
    sampled = member * case.expansion[:, None]
    return _Share(
        member * 1.0,
        np.concatenate([sampled * case.human[:, None], sampled], axis=1),
        lambda known, drawn: (known * drawn[:count] / drawn[count:]).sum() / known.sum(),
    )


def _difference(case: _Case, power: float) -> _Share:
    """Share by the machine times a power, and the mean of what human codes add to that."""
    return _Share(
        np.stack([case.inside * case.machine, case.inside * 1.0], axis=1),
        np.stack([case.expansion * (case.human - power * case.machine), case.expansion], axis=1),
        lambda known, drawn: power * known[0] / known[1] + drawn[0] / drawn[1],
    )


def _supervised(case: _Case, weight: np.ndarray) -> _Share:
    """Mean of calibrated predictions, and what human codes add to that."""
    foretold = calibrated_prediction(case.machine, case.human, case.expansion, inside=case.inside)
    return _Share(
        np.stack([case.inside * foretold, case.inside * 1.0], axis=1),
        (case.expansion * (case.human - foretold))[:, None],
        lambda known, drawn: (known[0] + drawn[0]) / known[1],
    )


_MAKERS: Mapping[str, Callable[[_Case, np.ndarray], _Share]] = {
    "human": _human,
    "rogan-gladen": _rogan_gladen,
    "poststratified": _poststratified,
    "difference": lambda case, weight: _difference(case, 1.0),
    "dsl": _supervised,
}


def calibrated_prediction(
    machine: np.ndarray, human: np.ndarray, expansion: np.ndarray, *, inside: np.ndarray | None = None
) -> np.ndarray:
    """Expected human code of each answer given the machine's, never fitted on the answer's own human code.

    Parameters
    ----------
    machine, human, expansion : (n,) arrays
    inside : (n,) bool array, the group; everybody where None

    Returns
    -------
    (n,) array
        Human shares within classes of the prediction, drawn a little towards the overall share; of the other folds
        for a coded answer, of all of them for the others. Folds take coded answers in turn.

    Examples
    --------
    >>> coded = np.array([1.0] * 8 + [0.0] * 2)
    >>> machine = np.array([1, 1, 1, 1, 0, 0, 0, 0, 1, 0]) * 1.0
    >>> calibrated_prediction(machine, machine * coded, coded)[-2:].round(3).tolist()
    [0.9, 0.1]
    """
    coded = expansion > 0
    cell = _bins(machine, np.ones(len(machine), dtype=bool) if inside is None else inside, coded)
    fold = np.full(len(machine), -1)
    order = np.flatnonzero(coded)[np.argsort(cell[coded], kind="stable")]
    fold[order] = np.arange(len(order)) % _FOLDS
    foretold = np.zeros(len(machine))
    for number in range(-1, _FOLDS):
        rows, used = (fold == number) & (cell >= 0), coded & (fold != number)
        weight = expansion[used] / max(expansion[used].mean(), 1e-300) if used.any() else expansion[used]
        count = np.bincount(cell[used], weights=weight, minlength=int(cell.max()) + 1)
        yes = np.bincount(cell[used], weights=weight * human[used], minlength=len(count))
        overall = yes.sum() / count.sum() if count.sum() else 0.5
        foretold[rows] = ((yes + overall) / (count + 1))[cell[rows]]
    return foretold


def _tuned(study: _Study, numbers: list[int]) -> dict[int, float]:
    """The power of the machine's part that makes the variance smallest, for some cases."""
    parts = []
    for number in numbers:
        case = study.cases[number]
        machine_only = case._replace(human=case.machine)
        flat = np.stack([case.inside * case.machine, case.inside * 1.0], axis=1)
        share = _Share(flat, np.zeros((len(flat), 1)), lambda known, drawn: known[0] / known[1] + 0 * drawn[0])
        parts += [_human(case, study.weight), _human(machine_only, study.weight), share]
    total = infer_from_both(lambda weight: _evaluated(parts, weight), study.codes, study.design).total
    powers = {}
    for place, number in enumerate(numbers):
        block = total[3 * place : 3 * place + 3, 3 * place : 3 * place + 3]
        gap = np.array([0.0, 1.0, -1.0])
        spread = gap @ block @ gap
        powers[number] = float(gap @ block[0] / spread) if spread > 0 else 0.0
    return powers


def _cells(case: _Case, weight: np.ndarray) -> list[Cell]:
    """What each class of a case has, in effective numbers of answers where weights or chances differ."""
    whole, cells = weight[case.inside].sum(), []
    for number in range(case.cell.max() + 1):
        member = case.cell == number
        done, left = member & (case.expansion > 0), member & (case.expansion == 0)
        drawn = weight[done] * case.expansion[done]
        size = drawn.sum() ** 2 / (drawn**2).sum()
        known = float(weight[done] @ case.human[done]) / whole
        share = float(drawn @ case.human[done]) / drawn.sum()
        cells.append(Cell(known, weight[left].sum() / whole, _effective(weight[left]), size, size * share))
    return cells


def _effective(weight: np.ndarray) -> float:
    """Number of equal weights that vary as much as these."""
    return float(round(weight.sum() ** 2 / (weight**2).sum())) if len(weight) else 0.0


def _unseen_mass(cell: Cell, step: float) -> np.ndarray:
    """Distribution of what the answers not coded add to the share, on a grid."""
    count = int(min(cell.left, _FINEST))
    mean, size = (cell.yes + 0.5) / (cell.drawn + 1), cell.drawn + 1
    if count < cell.left:  # fewer atoms than answers: the same variance with more prior
        spread = (size + cell.left) / (cell.left * (size + 1))
        size = count * (1 - spread) / max(spread * count - 1, 1e-6)
    k = np.arange(count + 1)
    yes, no = size * mean, size * (1 - mean)
    chance = -np.log(count + 1) - betaln(count - k + 1, k + 1) + betaln(k + yes, count - k + no) - betaln(yes, no)
    place = k * (cell.unseen / count / step)
    floor = np.floor(place + 1e-7).astype(int)
    above = np.clip(place - floor, 0, 1) * np.exp(chance)
    mass = np.bincount(floor, weights=np.exp(chance) - above, minlength=floor[-1] + 2)
    return mass + np.bincount(floor + 1, weights=above, minlength=floor[-1] + 2)


def _mixed_quantiles(place: np.ndarray, mass: np.ndarray, answers: float, tails: np.ndarray) -> np.ndarray:
    """Quantiles of a population's share, given the distribution of the share among its answers."""
    likely = mass > 1e-12
    place, mass = place[likely], mass[likely]
    first = np.unique(np.linspace(0, len(mass), _ATOMS, endpoint=False).astype(int))
    weight = np.add.reduceat(mass, first)
    centre = np.clip(np.add.reduceat(mass * place, first) / weight, 0, 1)
    yes, no = answers * centre + 0.5, answers * (1 - centre) + 0.5
    low, high = np.zeros(len(tails)), np.ones(len(tails))
    for _ in range(45):
        middle = (low + high) / 2
        below = np.array([weight @ betainc(yes, no, at) for at in middle]) / weight.sum()
        low, high = np.where(below < tails, middle, low), np.where(below < tails, high, middle)
    return (low + high) / 2


def _answers_effective(study: _Study, number: int, inferred: Inferred, df: float, share: float) -> float:
    """How many answers drawn at random the survey's own sample amounts to, for a share."""
    if study.design is None:
        return np.inf
    case, design = study.cases[number], study.design
    rows = int(case.inside.sum())
    units = design.weight @ case.inside
    apparent = design.weight @ (case.inside * case.machine) / units
    scores = (case.inside * (case.machine - apparent) / units)[:, None]
    spread = (design.weight * case.inside) @ (case.machine - apparent) ** 2 / units
    machine = float(covariance(scores, np.eye(1), design)[0, 0])
    effect = machine / (spread / rows) if spread > 0 else _kish(design.weight[case.inside])
    own = inferred.total[number, number] - inferred.second[number, number]
    variance = max(own, effect * share * (1 - share) / rows)
    if not variance > 0:
        return np.inf
    few = stdtrit(rows - 1, 0.975) / stdtrit(df, 0.975) if df > 0 and rows > 1 else 1.0
    return float(share * (1 - share) / variance * few**2)


def _kish(weight: np.ndarray) -> float:
    """Variance added by unequal weights."""
    return float(len(weight) * (weight**2).sum() / weight.sum() ** 2)


def _posterior_ends(study: _Study, number: int, inferred: Inferred, df: float, level: float) -> tuple[float, float]:
    """Ends for human codes within classes of the prediction."""
    cells = _cells(study.cases[number], study.weight)
    share = _expected(cells)
    survey = df if study.design is None else degrees_of_freedom(study.design, study.cases[number].inside)
    answers = _answers_effective(study, number, inferred, survey, share)
    return posterior_interval(cells, answers=answers, level=level)


def _expected(cells: list[Cell]) -> float:
    """The share expected, never 0 or 1."""
    return sum(cell.known + cell.unseen * (cell.yes + 0.5) / (cell.drawn + 1) for cell in cells) or 0.5


def _human_ends(study: _Study, number: int, inferred: Inferred, df: float, level: float) -> tuple[float, float]:
    """Score interval on the effective size; the exact one, and no larger size than there is, for unequal chances."""
    case = study.cases[number]
    coded, rows = float((case.expansion > 0).sum()), float(case.inside.sum())
    finite = coded if study.design is not None or rows <= coded else coded * (rows - 1) / (rows - coded)
    error, share = _error(inferred, number), float(np.clip(inferred.estimate[number], 0, 1))
    if study.codes.simple and study.design is None:
        return _ends(share, error, finite, df, "wilson", level)
    error = max(error, np.sqrt(share * (1 - share) / finite)) if rows > coded or study.design is not None else error
    return _ends(share, error, finite, df, "beta", level)


def _corrected_ends(study: _Study, number: int, inferred: Inferred, df: float, level: float) -> tuple[float, float]:
    """Interval on the log odds, no wider than the plain one where the share is next to 0 or 1.

    The error is at least the one that classes without a single human yes (or no) leave under Jeffreys' prior.
    """
    case, share = study.cases[number], float(inferred.estimate[number])
    coded = float((case.expansion > 0).sum())
    least = sum(_unseen_variance(cell) for cell in _cells(case, study.weight)) - inferred.second[number, number]
    error = np.sqrt(_error(inferred, number) ** 2 + max(least, 0.0))
    low, high = _ends(float(np.clip(share, 0, 1)), error, coded, df, "logit", level)
    plain = interval(share, error, df, level=level)
    bare = [_ends(at, 0.0, coded, df, "logit", level) for at in (0.0, 1.0)]
    high = min(high, max(float(plain[1]), bare[0][1]))
    low = max(low, min(float(plain[0]), bare[1][0]))
    return max(low, 0.0), min(high, 1.0)


def _error(inferred: Inferred, number: int) -> float:
    """Standard error over both samples; rounding below 0 is 0."""
    return float(np.sqrt(max(inferred.total[number, number], 0.0)))


def _unseen_variance(cell: Cell) -> float:
    """Variance of what the answers of a class that are not coded add to the share."""
    if cell.left < 1:
        return 0.0
    mean, size = (cell.yes + 0.5) / (cell.drawn + 1), cell.drawn + 1
    return cell.unseen**2 * mean * (1 - mean) * (size + cell.left) / (cell.left * (size + 1))


def _ends(share: float, error: float, n: float, df: float, method: str, level: float) -> tuple[float, float]:
    """One interval of a proportion."""
    point, size = np.array([share]), np.array([max(n, 2.0)])
    low, high = proportion_interval(point, np.array([error]), size, np.array([df]), method=method, level=level)
    return float(low[0]), float(high[0])


_ENDS = {"poststratified": _posterior_ends, "human": _human_ends}


def _plan(
    study: _Study, number: int, inferred: Inferred, width: float, level: float
) -> tuple[float, int | None, float]:
    """Width now, answers still to code, width with everything coded."""
    case = study.cases[number]
    cells = _cells(case, study.weight)
    survey = 1.0 if study.design is None else degrees_of_freedom(study.design, case.inside)
    answers = _answers_effective(study, number, inferred, survey, _expected(cells))

    def reached(more: int) -> float:
        low, high = posterior_interval(_coded_further(cells, more), answers=answers, level=level)
        return high - low

    left = int(case.inside.sum() - (case.expansion > 0).sum())
    now, last = reached(0), reached(left)
    if last > width:
        return now, None, last
    few, enough = 0, left
    while few < enough:
        middle = (few + enough) // 2
        few, enough = (few, middle) if reached(middle) <= width else (middle + 1, enough)
    return now, enough, last


def _coded_further(cells: list[Cell], more: int) -> list[Cell]:
    """Classes as they may be expected after further codes, shared out as the answers coded so far are."""
    taken, open_to = np.zeros(len(cells)), np.array([cell.left for cell in cells])
    while more - taken.sum() > 0.5 and (open_to - taken).max() > 0.5:
        active = np.where(open_to - taken > 0.5, [cell.drawn for cell in cells], 0.0)
        taken = np.minimum(taken + (more - taken.sum()) * active / active.sum(), open_to)
    further = []
    for cell, count in zip(cells, np.round(taken), strict=True):
        rate = (cell.yes + 0.5) / (cell.drawn + 1)
        part = count / cell.left * cell.unseen if cell.left else 0.0
        drawn, yes = cell.drawn + count, cell.yes + count * cell.yes / cell.drawn
        further.append(Cell(cell.known + part * rate, cell.unseen - part, cell.left - count, drawn, yes))
    return further
