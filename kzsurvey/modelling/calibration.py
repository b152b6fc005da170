"""Weights brought to what is known of the population: raking, post-stratification, regression calibration, trimming.

A margin that cannot be met is refused by name, and what calibration has fixed is kept in the design, so that the
variance credits it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.linalg import qr

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.design import Calibration, Design, make_design

_RANK = 1e-9  # a calibration variable this close to a combination of the others adds nothing


@dataclass(frozen=True, eq=False)
class Calibrated:
    """Weights that meet known totals.

    Attributes
    ----------
    design : Design
        The design with the new weights; its variance credits the calibration.
    ratio : (n,) array, weight after over weight before
    margins : DataFrame, one row per known total
        ``variable``, ``value``, ``n`` (rows), ``before``, ``wanted``, ``reached`` (weighted counts or totals).
    iterations : int
    misfit : float
        Largest ``|reached - wanted| / (1 + |wanted|)``.
    design_effect : float
        Of the new weights, after Kish.
    """

    design: Design
    ratio: np.ndarray
    margins: pd.DataFrame
    iterations: int
    misfit: float
    design_effect: float


def rake(
    frame: pd.DataFrame,
    targets: Mapping[str, Mapping[object, float]],
    *,
    design: Design | None = None,
    bounds: tuple[float, float] | None = None,
    tolerance: float = 1e-10,
    most: int = 2000,
) -> Calibrated:
    """Rake weights to the margins of several variables (iterative proportional fitting).

    Parameters
    ----------
    frame : DataFrame, one row per interview, with the variables of ``targets``
    targets : mapping of variable to known count of each of its values
        All variables must add up to the same total.
    design : Design
        Where None, weights 1 and every row its own cluster.
    bounds : (low, high)
        Limits of each weight, relative to the weight before brought to the wanted total. Keeps the distance of raking
        (truncated exponential), solved by Newton's method.
    tolerance : float
        Largest ``|reached - wanted| / (1 + |wanted|)`` that counts as met.
    most : int
        Iterations before the margins are declared not to be met.

    Returns
    -------
    Calibrated

    Raises
    ------
    DesignError
        All of these at once: an unknown variable; rows without a value; a value known to the population that nobody
        has; a value that the population does not know; variables that add up to different totals. Also: margins
        that cannot be met together, or within the bounds.

    References
    ----------
    Deville, J.-C., Särndal, C.-E., & Sautory, O. (1993). Generalized raking procedures in survey sampling. Journal of
    the American Statistical Association 88, 1013-1020. doi:10.1080/01621459.1993.10476369

    Examples
    --------
    >>> people = pd.DataFrame({"place": ["a", "a", "b", "b"], "sex": ["f", "m", "f", "f"]})
    >>> raked = rake(people, {"place": {"a": 30, "b": 70}, "sex": {"f": 80, "m": 20}})
    >>> raked.design.weight.round(6).tolist()
    [10.0, 20.0, 35.0, 35.0]
    >>> rake(people, {"place": {"a": 30, "c": 70}})
    Traceback (most recent call last):
    kzsurvey.errors.DesignError: 2 faults
      frame, column place: found value 'c' (70) without interviews; allowed: values that somebody has...
      frame, column place: found 2 interviews with 'b'; allowed: a, c...
    """
    before = design or make_design(weight=np.ones(len(frame)))
    _refuse_replicates(before)
    wanted = {name: _positive(counts) for name, counts in targets.items()}
    fail_if([fault for name in wanted for fault in _margin_faults(frame, name, wanted[name])], DesignError)
    fail_if(_sum_faults(wanted), DesignError)
    if bounds is not None:
        return _bounded_raking(frame, wanted, before, bounds, tolerance)
    margins = [_Margin(name, *_coded(frame[name], wanted[name])) for name in wanted]
    ratio, iterations = _fitted(margins, before.weight, tolerance, most)
    return _calibrated(_indicators(margins), before, ratio, margins, iterations, tolerance)


def poststratify(values: pd.Series, counts: Mapping[object, float], *, design: Design | None = None) -> Calibrated:
    """Bring weights to known counts of the values of one variable; several variables are crossed beforehand.

    Parameters
    ----------
    values : Series, one value per row
    counts : mapping of value to known count

    Returns
    -------
    Calibrated

    Examples
    --------
    >>> poststratify(pd.Series(["a", "b", "b"]), {"a": 10, "b": 30}).design.weight.tolist()
    [10.0, 15.0, 15.0]
    """
    name = str(values.name or "value")
    return rake(values.to_frame(name), {name: counts}, design=design)


def calibrate(
    variables: pd.DataFrame,
    totals: Mapping[str, float],
    *,
    design: Design,
    distance: str = "linear",
    bounds: tuple[float, float] | None = None,
    tolerance: float = 1e-10,
    most: int = 200,
) -> Calibrated:
    """Calibrate weights to known totals of numeric variables (generalised regression and its relatives).

    Parameters
    ----------
    variables : DataFrame, one row per interview, numbers; a column of ones for the size of the population
    totals : mapping of variable to its known population total
    design : Design
    distance : {"linear", "raking", "logit"}
    bounds : (low, high)
        Limits of weight after over weight before; needed for ``logit``.

    Returns
    -------
    Calibrated

    Raises
    ------
    DesignError
        Totals that cannot be met; weights not above 0 (linear without bounds).

    References
    ----------
    Deville, J.-C., & Särndal, C.-E. (1992). Calibration estimators in survey sampling. Journal of the American
    Statistical Association 87, 376-382. doi:10.1080/01621459.1992.10475217

    Examples
    --------
    >>> design = make_design(weight=[10.0, 10.0, 10.0])
    >>> known = pd.DataFrame({"one": 1.0, "age": [20.0, 40.0, 60.0]})
    >>> calibrate(known, {"one": 30, "age": 1320}, design=design).design.weight.round(4).tolist()
    [7.0, 10.0, 13.0]
    """
    _refuse_replicates(design)
    if distance not in _DISTANCES:
        raise ValueError(f"unknown distance {distance!r}, known are {', '.join(_DISTANCES)}")
    if distance == "logit" and bounds is None:
        raise DesignError(Fault("calibration", "distance logit without bounds", "bounds such as [0.2, 5]"))
    names = list(totals)
    fail_if(_variable_faults(variables, names), DesignError)
    matrix = variables[names].to_numpy(dtype=float)
    wanted = np.array([totals[name] for name in names], dtype=float)
    limits = (-np.inf, np.inf) if bounds is None else bounds
    ratio, iterations = _newton(matrix, design.weight, wanted, _DISTANCES[distance], limits, tolerance, most)
    after = _after(design, matrix, ratio)
    table = pd.DataFrame({"variable": names, "value": "", "n": len(design), "before": design.weight @ matrix})
    table = table.assign(wanted=wanted, reached=after.weight @ matrix)
    return _checked(after, ratio, table, iterations, tolerance, bounded=bounds is not None)


def trim(weight: np.ndarray, *, low: float = 0.0, high: float = np.inf, strict: bool = False) -> np.ndarray:
    """Cut weights to limits and give what was cut off to the rest in equal parts, so that the sum stays.

    Parameters
    ----------
    weight : (n,) array
    low, high : float
    strict : bool
        Repeat until no weight is outside; without, the rest may end a little above ``high``, as in R's ``trimWeights``.

    Returns
    -------
    (n,) array

    Raises
    ------
    DesignError
        The limits leave nobody to take up the difference.

    Examples
    --------
    >>> trim(np.array([1.0, 2.0, 9.0]), high=6.0).tolist()
    [2.5, 3.5, 6.0]
    """
    weight = np.asarray(weight, dtype=float)
    outside = (weight < low) | (weight > high)
    while outside.any():
        if outside.all() or low * len(weight) > weight.sum() or high * len(weight) < weight.sum():
            raise DesignError(Fault("calibration", f"limits {low:g} to {high:g}", "limits around the mean weight"))
        cut = np.clip(weight, low, high)
        weight = np.where(outside, cut, cut + (weight - cut).sum() / (~outside).sum())
        outside = ((weight < low) | (weight > high)) & strict
    return weight


def weighting_effect(weight: np.ndarray) -> float:
    """Design effect of unequal weights: how many times larger they make the variance of a mean unrelated to them.

    Parameters
    ----------
    weight : (n,) array

    References
    ----------
    Kish, L. (1992). Weighting for unequal Pi. Journal of Official Statistics 8, 183-200.

    Examples
    --------
    >>> weighting_effect(np.array([1.0, 1.0, 2.0]))
    1.125
    """
    weight = np.asarray(weight, dtype=float)
    return float(len(weight) * (weight**2).sum() / weight.sum() ** 2)


def calibrated_design(design: Design, weight: np.ndarray, variables: np.ndarray) -> Design:
    """Say that weights made earlier meet the totals of some variables, so that the variance credits it.

    Parameters
    ----------
    design : Design, with the weights before
    weight : (n,) array, the weights after
    variables : (n, q) array, whose totals they meet

    Examples
    --------
    >>> design = make_design(weight=[1.0, 1.0, 1.0])
    >>> calibrated_design(design, np.array([2.0, 2.0, 2.0]), np.ones((3, 1)))
    Design(3 rows, 1 strata, 3 clusters, calibrated, lonely adjust)
    """
    return _after(design, np.asarray(variables, dtype=float), np.asarray(weight, dtype=float) / design.weight)


class _Margin(NamedTuple):
    """One margin: the code of each row, the values coded, the count wanted of each."""

    name: str
    code: np.ndarray
    labels: list
    wanted: np.ndarray


class _Distance(NamedTuple):
    """Ratio of weights as a function of the linear predictor, and its slope, within limits."""

    ratio: Callable[[np.ndarray, tuple[float, float]], np.ndarray]
    slope: Callable[[np.ndarray, tuple[float, float]], np.ndarray]


def _logit_parts(u: np.ndarray, limits: tuple[float, float]) -> tuple[np.ndarray, float, float, float]:
    """What ratio and slope of the logit distance share."""
    low, high = limits
    rate = (high - low) / ((high - 1) * (1 - low))
    return np.exp(np.clip(rate * u, -100, 100)), low, high, rate


def _logit_ratio(u: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Ratio between the limits along a logistic curve."""
    power, low, high, _ = _logit_parts(u, limits)
    return (low * (high - 1) + high * (1 - low) * power) / (high - 1 + (1 - low) * power)


def _logit_slope(u: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """Slope of that curve."""
    power, low, high, rate = _logit_parts(u, limits)
    return power * rate * (high - low) * (high - 1) * (1 - low) / (high - 1 + (1 - low) * power) ** 2


def _inside(ratio: np.ndarray, limits: tuple[float, float]) -> np.ndarray:
    """1 where a ratio is free to move."""
    return ((ratio > limits[0]) & (ratio < limits[1])).astype(float)


_DISTANCES = {
    "linear": _Distance(lambda u, limits: np.clip(1 + u, *limits), lambda u, limits: _inside(1 + u, limits)),
    "raking": _Distance(
        lambda u, limits: np.clip(np.exp(np.clip(u, None, 100)), *limits),
        lambda u, limits: np.exp(np.clip(u, None, 100)) * _inside(np.exp(np.clip(u, None, 100)), limits),
    ),
    "logit": _Distance(_logit_ratio, _logit_slope),
}


def _refuse_replicates(design: Design) -> None:
    """Replicate weights have to be calibrated one by one, where they are made."""
    if design.replicates is not None:
        raise DesignError(Fault("calibration", "replicate weights", "a design without them", hint="calibrate first"))


def _positive(counts: Mapping[object, float]) -> dict[object, float]:
    """Known counts above 0, by value."""
    return {value: float(count) for value, count in dict(counts).items() if count != 0}


def _margin_faults(frame: pd.DataFrame, name: str, wanted: dict[object, float]) -> list[Fault]:
    """Why one margin cannot be met, whatever the weights."""
    if name not in frame:
        return [Fault("frame", f"unknown variable {name!r}", "a column of the interviews", column=name)]
    values = frame[name]
    have = values.value_counts(sort=False)
    have = have[have > 0]
    faults = []
    if values.isna().any():
        found = f"{int(values.isna().sum())} interviews without a value"
        faults.append(Fault("frame", found, "a value for every interview", column=name))
    bad = [value for value, count in wanted.items() if not count > 0]
    faults += [
        Fault("frame", f"count {wanted[value]:g} of {value!r}", "counts from 0 up", column=name) for value in bad
    ]
    hint = "merge it with another, in the frame and in the interviews"
    faults += [
        Fault("frame", f"value {value!r} ({count:g}) without interviews", "values that somebody has", None, name, hint)
        for value, count in wanted.items()
        if value not in have.index and count > 0
    ]
    allowed, hint = ", ".join(map(str, wanted)), "give its count in the frame"
    faults += [
        Fault("frame", f"{have[value]} interviews with {value!r}", allowed, None, name, hint)
        for value in have.index
        if value not in wanted
    ]
    return faults


def _sum_faults(wanted: dict[str, dict[object, float]]) -> list[Fault]:
    """Margins of one population have one sum."""
    sums = {name: sum(counts.values()) for name, counts in wanted.items()}
    if not sums:
        return [Fault("frame", "no margins", "at least one variable")]
    first = next(iter(sums))
    return [
        Fault("frame", f"counts that add up to {found:g}", f"{sums[first]:g}, the sum of {first}", column=name)
        for name, found in sums.items()
        if not np.isclose(found, sums[first], rtol=1e-8)
    ]


def _variable_faults(variables: pd.DataFrame, names: list[str]) -> list[Fault]:
    """Calibration variables that are not there, or not for everybody."""
    faults = [
        Fault("calibration", f"unknown variable {name!r}", ", ".join(map(str, variables)), column=name)
        for name in names
        if name not in variables
    ]
    return faults + [
        Fault("calibration", f"{int(variables[name].isna().sum())} rows without a value", "known for all", column=name)
        for name in names
        if name in variables and variables[name].isna().any()
    ]


def _coded(values: pd.Series, wanted: dict[object, float]) -> tuple[np.ndarray, list, np.ndarray]:
    """Codes of the rows' values in the order of the known counts."""
    order = list(wanted)
    return pd.Index(order).get_indexer(pd.Index(values)), order, np.array([wanted[value] for value in order])


def _fitted(margins: list[_Margin], weight: np.ndarray, tolerance: float, most: int) -> tuple[np.ndarray, int]:
    """Ratio of weights after iterative proportional fitting, which runs over distinct combinations of values."""
    cell = np.zeros(len(weight), dtype=np.int64)
    for margin in margins:
        cell = pd.factorize(cell * len(margin.wanted) + margin.code)[0]
    first = np.unique(cell, return_index=True)[1]
    codes = [margin.code[first] for margin in margins]
    before = np.bincount(cell, weights=weight)
    after = before.copy()
    iteration, worst = 0, np.inf
    while worst > tolerance and iteration < most:
        iteration += 1
        for margin, code in zip(margins, codes, strict=True):
            after *= (margin.wanted / np.bincount(code, weights=after, minlength=len(margin.wanted)))[code]
        worst = max(_misfits(margins, codes, after))
    return (after / before)[cell], iteration


def _misfits(margins: list[_Margin], codes: list[np.ndarray], weight: np.ndarray) -> list[float]:
    """Largest relative misfit of each margin."""
    return [
        float(np.max(np.abs(np.bincount(code, weights=weight) - margin.wanted) / (1 + margin.wanted)))
        for margin, code in zip(margins, codes, strict=True)
    ]


def _indicators(margins: list[_Margin]) -> np.ndarray:
    """One 0-1 column per value of every margin."""
    return np.concatenate([margin.code[:, None] == np.arange(len(margin.wanted)) for margin in margins], axis=1) * 1.0


def _calibrated(
    matrix: np.ndarray,
    before: Design,
    ratio: np.ndarray,
    margins: list[_Margin],
    iterations: int,
    tolerance: float,
    bounded: bool = False,
) -> Calibrated:
    """What raking has reached, by margin and value."""
    after = _after(before, matrix, ratio)
    labels = [(margin.name, value) for margin in margins for value in margin.labels]
    table = pd.DataFrame(labels, columns=["variable", "value"])
    table = table.assign(n=matrix.sum(axis=0).astype(int), before=before.weight @ matrix)
    table = table.assign(wanted=np.concatenate([margin.wanted for margin in margins]), reached=after.weight @ matrix)
    return _checked(after, ratio, table, iterations, tolerance, bounded)


def _checked(
    after: Design, ratio: np.ndarray, table: pd.DataFrame, iterations: int, tolerance: float, bounded: bool = False
) -> Calibrated:
    """The result, or which totals were not met."""
    hint = "these totals cannot be met together by this sample"
    hint += " within the bounds: widen them, or merge values" if bounded else ""
    misfit = (table["reached"] - table["wanted"]).abs() / (1 + table["wanted"].abs())
    faults = [
        Fault("frame", f"{row.value!r} reaches {row.reached:.6g}" if row.value != "" else f"total {row.reached:.6g}",
              f"{row.wanted:g}", column=row.variable, hint=hint)
        for row in table[~(misfit < 10 * tolerance)].itertuples()
    ]  # fmt: skip
    fail_if(faults, DesignError)
    if (after.weight <= 0).any():
        found = f"{int((after.weight <= 0).sum())} weights not above 0"
        raise DesignError(Fault("calibration", found, "weights above 0", hint="set bounds, or use distance raking"))
    return Calibrated(after, ratio, table, iterations, float(misfit.max()), weighting_effect(after.weight))


def _after(before: Design, matrix: np.ndarray, ratio: np.ndarray) -> Design:
    """The design with new weights, remembering what they are calibrated to."""
    root = np.sqrt(before.weight)
    size = np.sqrt(before.weight @ matrix**2)
    basis, triangle, _ = qr(root[:, None] * matrix / np.where(size > 0, size, 1.0), mode="economic", pivoting=True)
    diagonal = np.abs(np.diag(triangle))
    basis = basis[:, : int((diagonal > _RANK * diagonal[0]).sum())]
    weight = before.weight * ratio
    calibrations = (*before.calibrations, Calibration(basis=basis, scale=weight / root))
    return replace(before, weight=weight, calibrations=calibrations)


def _bounded_raking(
    frame: pd.DataFrame,
    wanted: dict[str, dict[object, float]],
    before: Design,
    bounds: tuple[float, float],
    tolerance: float,
) -> Calibrated:
    """Raking within limits: truncated exponential, by Newton's method."""
    margins = [_Margin(name, *_coded(frame[name], wanted[name])) for name in wanted]
    scale = margins[0].wanted.sum() / before.weight.sum()
    matrix = _indicators(margins)
    aim = np.concatenate([margin.wanted for margin in margins])
    raking = _DISTANCES["raking"]
    ratio, iterations = _newton(matrix, before.weight * scale, aim, raking, bounds, tolerance, 200)
    return _calibrated(matrix, before, ratio * scale, margins, iterations, tolerance, bounded=True)


def _newton(
    matrix: np.ndarray,
    weight: np.ndarray,
    wanted: np.ndarray,
    distance: _Distance,
    limits: tuple[float, float],
    tolerance: float,
    most: int,
) -> tuple[np.ndarray, int]:
    """Ratio of weights that meets the totals: Newton's method on the dual, steps halved while they do not help."""
    size = np.maximum(np.sqrt((matrix**2).mean(axis=0)), np.finfo(float).tiny)
    scaled, aim = matrix / size, wanted / size
    dual = np.zeros(matrix.shape[1])

    def miss(at: np.ndarray) -> np.ndarray:
        return aim - (weight * distance.ratio(scaled @ at, limits)) @ scaled

    gap, iteration = miss(dual), 0
    while np.max(np.abs(gap * size) / (1 + np.abs(wanted))) > tolerance and iteration < most:
        iteration += 1
        slope = weight * distance.slope(scaled @ dual, limits)
        step = np.linalg.lstsq((scaled * slope[:, None]).T @ scaled, gap, rcond=1e-13)[0]
        length, trial = 1.0, miss(dual + step)
        while not np.linalg.norm(trial) < np.linalg.norm(gap) and length > 1e-4:
            length /= 2
            trial = miss(dual + length * step)
        dual, gap = dual + length * step, trial
    return distance.ratio(scaled @ dual, limits), iteration
