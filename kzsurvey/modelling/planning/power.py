"""Power by simulation: samples of villages are drawn, the library's own estimators are applied, findings are counted.

Nothing is assumed that an analysis would not do: the same weights, clusters and tests, whatever they cost.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import betaincinv, expit

from kzsurvey.errors import DesignError, Fault, SurveyError, fail_if
from kzsurvey.modelling.coded.coded_regression import coded_regression
from kzsurvey.modelling.coded.human_samples import draw_sample
from kzsurvey.modelling.describing.organisations import intraclass
from kzsurvey.modelling.regression.regression import Regression, regress
from kzsurvey.modelling.sampling.design import Design, check_rows, domain_rows, make_design
from kzsurvey.modelling.sampling.intervals import checked_level, interval
from kzsurvey.modelling.sampling.variance import infer, joined, transformed

_DRAWS = 1000  # of the paths of a mediation, for its Monte Carlo interval
_SAMPLE = ("villages", "interviews", "strata", "icc", "size_variation", "weight_variation")


class _Drawn(NamedTuple):
    """One sample without its answers."""

    village: np.ndarray
    design: Design
    icc: float
    random: np.random.Generator


class _Found(NamedTuple):
    """What one sample says of the effect."""

    estimate: float
    low: float
    high: float


class _Kind(NamedTuple):
    """A kind of effect: its sizes with their usual values, how a sample finds it, and what it truly is."""

    effects: Mapping[str, float]
    find: Callable[[_Drawn, Mapping[str, float], float], _Found]
    truth: Callable[[Mapping[str, float]], float]


def power(
    kind: str,
    *,
    villages: int | Sequence[int] = 50,
    interviews: float | Sequence[float] = 10,
    strata: int | Sequence[int] = 1,
    icc: float | Sequence[float] = 0.1,
    size_variation: float | Sequence[float] = 0.0,
    weight_variation: float | Sequence[float] = 0.0,
    replications: int = 1000,
    seed: int = 1,
    level: float = 0.95,
    **effects: float | Sequence[float],
) -> pd.DataFrame:
    r"""How often a survey of this size and shape would find an effect of this size.

    Every argument of the sample and of the effect may be a list: each combination is one row.

    Parameters
    ----------
    kind : {"slope", "moderation", "mediation", "code"}
    villages : int, clusters drawn
    interviews : float, interviews per village, on average
    strata : int, equal parts of the villages, drawn apart
    icc : float, share of the variance of every variable that lies between villages
    size_variation : float, coefficient of variation of the interviews per village
    weight_variation : float, coefficient of variation of the weights, which are the same within a village
    replications : int, samples drawn per row
    seed : int
        Rows that differ only in their effects draw the same villages.
    level : float, of the interval that is to exclude 0
    **effects
        ``slope``: ``effect``, standard deviations of the outcome per standard deviation of the predictor.
        ``moderation``: ``effect`` of the product of two predictors, ``first`` and ``second`` of each by itself, all
        standardised. ``mediation``: ``a`` (predictor to mediator), ``b`` (mediator to outcome), ``direct``,
        standardised; the interval of ``a * b`` is Monte Carlo. ``code``: ``effect`` (logarithm of the odds ratio per
        standard deviation of the predictor), ``share`` (of answers with the code), ``hand_coded`` (share of the
        interviews coded by hand), ``sensitivity`` and ``specificity`` of the machine's codes; the model is
        :func:`kzsurvey.modelling.coded_regression`, or with ``hand_coded = 1`` a logistic regression on human codes.

    Returns
    -------
    DataFrame, one row per combination
        The sample and the effect, then ``truth``, ``power`` with ``conf_low`` and ``conf_high`` (simulation error),
        ``estimate`` (mean), ``std_error`` (standard deviation of the estimates), ``coverage`` (of the truth),
        ``n`` (interviews, on average), ``failed`` (samples in which the model had no answer; they count as not found),
        ``replications``, ``seed``.

    Raises
    ------
    DesignError
        An unknown kind or effect; fewer than two villages per stratum; effects that leave no variance; shares outside
        0 to 1.

    Notes
    -----
    Variables are normal with variance 1, each with the share ``icc`` between villages. Fits have no controls; where
    controls will take up a share R of the outcome's variance, divide the effect by :math:`\sqrt{1 - R}`.

    References
    ----------
    Arnold, B. F., Hogan, D. R., Colford, J. M., & Hubbard, A. E. (2011). Simulation methods to estimate design power.
    BMC Medical Research Methodology 11, 94. doi:10.1186/1471-2288-11-94

    Examples
    --------
    >>> found = power("slope", villages=[20, 80], interviews=5, effect=0.2, replications=100)
    >>> found[["villages", "power"]].round(2).values.tolist()
    [[20.0, 0.53], [80.0, 0.97]]
    """
    checked_level(level)
    fail_if(_kind_faults(kind, effects), DesignError)
    sample = dict(zip(_SAMPLE, (villages, interviews, strata, icc, size_variation, weight_variation), strict=True))
    options = sample | KINDS[kind].effects | effects
    rows = [dict(zip(options, one, strict=True)) for one in product(*map(_listed, options.values()))]
    fail_if([fault for row in rows for fault in _row_faults(kind, row, replications)], DesignError)
    return pd.DataFrame([row | _simulated(kind, row, replications, seed, level) for row in rows])


def sample_shape(
    variables: Sequence[str], table: pd.DataFrame, *, design: Design, where: np.ndarray | None = None
) -> dict[str, float]:
    """The shape of a sample that there is, as :func:`power` takes it: ``power(kind, **sample_shape(...), effect=...)``.

    Parameters
    ----------
    variables : names of columns
        Whose intraclass correlations are averaged (those below 0 count as 0).
    table : DataFrame, one row per interview
    design : Design
    where : (n,) bool array, the domain

    Returns
    -------
    dict
        ``villages``, ``interviews``, ``strata``, ``icc``, ``size_variation``, ``weight_variation``.

    Examples
    --------
    >>> table = pd.DataFrame({"y": [1.0, 2.0, 2.0, 3.0, 5.0, 4.0], "village": [1, 1, 2, 2, 3, 3]})
    >>> shape = sample_shape(["y"], table, design=make_design(table, clusters="village"))
    >>> {name: round(float(value), 2) for name, value in shape.items()}
    {'villages': 3.0, 'interviews': 2.0, 'strata': 1.0, 'icc': 0.81, 'size_variation': 0.0, 'weight_variation': 0.0}
    """
    check_rows(design, table, where, place="sample_shape")
    inside = domain_rows(where, len(table), place="sample_shape")
    first = design.stages[0]
    sizes = np.bincount(first.cluster[inside])
    there, sizes = np.flatnonzero(sizes), sizes[sizes > 0]
    weight = design.weight[inside]
    found = intraclass(list(variables), table, groups=first.cluster, where=inside, draws=0)
    icc = found.loc[found["statistic"] == "ICC1", "estimate"].clip(lower=0).mean()
    return {
        "villages": len(sizes),
        "interviews": float(sizes.mean()),
        "strata": len(np.unique(first.stratum[there])),
        "icc": float(icc),
        "size_variation": float(sizes.std() / sizes.mean()),
        "weight_variation": float(weight.std() / weight.mean()),
    }


def _listed(value: float | Sequence[float]) -> list[float]:
    return [value] if np.ndim(value) == 0 else list(value)


def _simulated(kind: str, row: Mapping[str, float], replications: int, seed: int, level: float) -> dict[str, float]:
    """Draw the samples of one row and count what they find."""
    truth, found, people, failed = KINDS[kind].truth(row), [], [], 0
    for number in range(replications):
        drawn = _drawn(row, np.random.default_rng([seed, number]))
        people.append(len(drawn.village))
        try:
            found.append(KINDS[kind].find(drawn, row, level))
        except SurveyError:
            failed += 1
    results = np.array(found or [(np.nan,) * 3])
    estimate, low, high = results.T
    excludes = int(((low > 0) | (high < 0)).sum())
    ends = _binomial_interval(excludes, replications)
    return {
        "truth": truth,
        "power": excludes / replications,
        "conf_low": ends[0],
        "conf_high": ends[1],
        "estimate": float(estimate.mean()),
        "std_error": float(estimate.std(ddof=1)) if len(estimate) > 1 else np.nan,
        "coverage": float(((low <= truth) & (truth <= high)).sum() / max(len(found), 1)),
        "n": float(np.mean(people)),
        "failed": failed,
        "replications": replications,
        "seed": seed,
    }


def _drawn(row: Mapping[str, float], random: np.random.Generator) -> _Drawn:
    """Villages of the given sizes, weights and strata."""
    count = int(row["villages"])
    sizes = np.full(count, row["interviews"])
    if row["size_variation"] > 0:
        sizes = row["interviews"] * _around_one(random, count, row["size_variation"])
    sizes = np.maximum(np.floor(sizes + random.uniform(size=count)).astype(int), 1)
    weight = _around_one(random, count, row["weight_variation"]) if row["weight_variation"] > 0 else np.ones(count)
    village = np.repeat(np.arange(count), sizes)
    stratum = np.arange(count) % int(row["strata"])
    design = make_design(weight=weight[village], strata=stratum[village], clusters=village)
    return _Drawn(village, design, row["icc"], random)


def _around_one(random: np.random.Generator, count: int, variation: float) -> np.ndarray:
    """Numbers above 0 with mean 1 and this coefficient of variation."""
    return random.gamma(1 / variation**2, variation**2, size=count)


def _variable(drawn: _Drawn) -> np.ndarray:
    """A normal variable, part of which differs from village to village."""
    between = drawn.random.normal(size=int(drawn.village[-1]) + 1)[drawn.village]
    within = drawn.random.normal(size=len(drawn.village))
    return np.sqrt(drawn.icc) * between + np.sqrt(1 - drawn.icc) * within


def _slope(drawn: _Drawn, row: Mapping[str, float], level: float) -> _Found:
    x = _variable(drawn)
    y = row["effect"] * x + np.sqrt(1 - row["effect"] ** 2) * _variable(drawn)
    return _coefficient(_fitted(y, drawn, x), 1, level)


def _moderation(drawn: _Drawn, row: Mapping[str, float], level: float) -> _Found:
    x, z = _variable(drawn), _variable(drawn)
    explained = row["first"] ** 2 + row["second"] ** 2 + row["effect"] ** 2
    y = row["first"] * x + row["second"] * z + row["effect"] * x * z + np.sqrt(1 - explained) * _variable(drawn)
    return _coefficient(_fitted(y, drawn, x, z, x * z), 3, level)


def _mediation(drawn: _Drawn, row: Mapping[str, float], level: float) -> _Found:
    x = _variable(drawn)
    mediator = row["a"] * x + np.sqrt(1 - row["a"] ** 2) * _variable(drawn)
    y = row["b"] * mediator + row["direct"] * x + np.sqrt(_left_of_outcome(row)) * _variable(drawn)
    first, second = _fitted(mediator, drawn, x), _fitted(y, drawn, mediator, x)
    both = transformed(
        joined(first.estimator, second.estimator), lambda at: at[[1, 3]], lambda at: np.eye(len(at))[[1, 3]]
    )
    paths, covariance = infer(both, drawn.design)
    a, b = drawn.random.multivariate_normal(paths, covariance, size=_DRAWS, method="cholesky").T
    low, high = np.quantile(a * b, [(1 - level) / 2, (1 + level) / 2])
    return _Found(float(paths[0] * paths[1]), float(low), float(high))


def _code(drawn: _Drawn, row: Mapping[str, float], level: float) -> _Found:
    x = _variable(drawn)
    chance = expit(_level_of(row["share"], row["effect"]) + row["effect"] * x)
    truth = (drawn.random.uniform(size=len(x)) < chance).astype(float)
    if row["hand_coded"] >= 1:
        return _coefficient(_fitted(truth, drawn, x, family="logistic"), 1, level)
    right = np.where(truth == 1, row["sensitivity"], row["specificity"])
    machine = np.where(drawn.random.uniform(size=len(x)) < right, truth, 1 - truth)
    table = pd.DataFrame({"x": x, "code": machine})
    size = max(round(row["hand_coded"] * len(x)), 4)
    chosen = draw_sample(table[["code"]], size, seed=int(drawn.random.integers(2**31)))
    human = pd.DataFrame({"code": truth[chosen.index]}, index=chosen.index)
    fit = coded_regression(table, "code ~ x", human, probability=chosen, design=drawn.design, family="logistic")
    return _Found(*fit.terms.loc[1, ["estimate", "conf_low", "conf_high"]])


def _fitted(outcome: np.ndarray, drawn: _Drawn, *predictors: np.ndarray, family: str = "linear") -> Regression:
    matrix = np.column_stack([np.ones(len(outcome)), *predictors])
    return regress(outcome, matrix, design=drawn.design, family=family)


def _coefficient(fit: Regression, place: int, level: float) -> _Found:
    estimate, std_error = fit.estimate[place], np.sqrt(fit.covariance[place, place])
    return _Found(float(estimate), *map(float, interval(estimate, std_error, fit.df, level=level)))


def _left_of_outcome(row: Mapping[str, float]) -> float:
    """Variance of the outcome that mediator and predictor leave."""
    return 1 - row["b"] ** 2 - row["direct"] ** 2 - 2 * row["a"] * row["b"] * row["direct"]


def _level_of(share: float, effect: float) -> float:
    """Intercept at which so many answers have the code, when the predictor is a standard normal."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    low, high = -30.0, 30.0
    for _ in range(80):
        middle = (low + high) / 2
        reached = weights @ expit(middle + effect * nodes) / weights.sum()
        low, high = (middle, high) if reached < share else (low, middle)
    return (low + high) / 2


KINDS: dict[str, _Kind] = {
    "slope": _Kind({"effect": 0.2}, _slope, lambda row: row["effect"]),
    "moderation": _Kind({"effect": 0.1, "first": 0.3, "second": 0.3}, _moderation, lambda row: row["effect"]),
    "mediation": _Kind({"a": 0.3, "b": 0.3, "direct": 0.0}, _mediation, lambda row: row["a"] * row["b"]),
    "code": _Kind(
        {"effect": 0.5, "share": 0.2, "hand_coded": 0.2, "sensitivity": 0.8, "specificity": 0.95},
        _code,
        lambda row: row["effect"],
    ),
}


def _kind_faults(kind: str, effects: Mapping[str, object]) -> list[Fault]:
    """Kinds and effects that are none."""
    if kind not in KINDS:
        return [Fault("power", f"kind {kind!r}", ", ".join(KINDS))]
    known = KINDS[kind].effects
    return [Fault("power", f"effect {name!r}", ", ".join(known)) for name in effects if name not in known]


def _row_faults(kind: str, row: Mapping[str, float], replications: int) -> list[Fault]:
    """Samples that cannot be drawn, and effects that leave no variance."""
    checks = [
        (replications >= 1, f"{replications} replications", "1 or more"),
        (
            row["villages"] >= 2 * row["strata"],
            f"{row['villages']} villages in {row['strata']} strata",
            "two per stratum",
        ),
        (row["interviews"] >= 1, f"{row['interviews']} interviews per village", "1 or more"),
        (0 <= row["icc"] < 1, f"icc {row['icc']}", "0 to below 1"),
        (min(row["size_variation"], row["weight_variation"]) >= 0, "a variation below 0", "0 or more"),
        *_effect_checks(kind, row),
    ]
    return [Fault("power", found, allowed) for sound, found, allowed in checks if not sound]


def _effect_checks(kind: str, row: Mapping[str, float]) -> list[tuple[bool, str, str]]:
    """Whether the effects of one row are possible."""
    if kind == "code":
        shares = [row[name] for name in ("share", "hand_coded", "sensitivity", "specificity")]
        return [(all(0 < share <= 1 for share in shares) and row["share"] < 1, f"shares {shares}", "above 0, up to 1")]
    if kind == "mediation":
        left = min(1 - row["a"] ** 2, _left_of_outcome(row))
    else:
        left = 1 - sum(row[name] ** 2 for name in KINDS[kind].effects)
    return [(left > 0, f"effects that explain {1 - left:.0%} of a variable", "less than all of it")]


def _binomial_interval(found: int, count: int) -> tuple[float, float]:
    """Simulation error of a share: Clopper and Pearson's interval."""
    low = betaincinv(found, count - found + 1, 0.025) if found else 0.0
    high = betaincinv(found + 1, count - found, 0.975) if found < count else 1.0
    return float(low), float(high)
