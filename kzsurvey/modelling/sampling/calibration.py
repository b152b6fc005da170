"""Weights brought to what is known of the population: raking, post-stratification, regression calibration, trimming.

A margin that cannot be met is refused by name, and what calibration has fixed is kept in the design, so that the
variance credits it. Replicate weights are each brought to the same totals.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.linalg import pinvh, qr
from scipy.sparse import csr_array

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.sampling.design import Calibration, Design, check_rows, make_design

_RANK = 1e-9  # a calibration variable this close to a combination of the others adds nothing
_SPARSE = 1  # combinations of values per row up to which raking runs over combinations, beyond it over rows


@dataclass(frozen=True, eq=False)
class Calibrated:
    """Weights that meet known totals.

    Attributes
    ----------
    design : Design
        The design with the new weights; its variance credits the calibration, and its replicate weights, where it has
        any, meet the same totals.
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
    table: pd.DataFrame,
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
    table : DataFrame, one row per interview, with the variables of ``targets``
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
    if bounds is not None:
        return greg(table, targets, design=design, distance="raking", bounds=bounds, tolerance=tolerance)
    before = check_rows(make_design(table) if design is None else design, table, place="calibration")
    margins = _margins(table, targets)
    system = _margin_system(margins)
    fitted = partial(_fitted, system.codes, [margin.wanted for margin in margins], tolerance=tolerance, most=most)
    return _brought(before, system._replace(solve=fitted), _MarginResiduals.of(margins), tolerance)


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


def greg(
    table: pd.DataFrame,
    targets: Mapping[str, Mapping[object, float]],
    *,
    design: Design | None = None,
    distance: str = "linear",
    bounds: tuple[float, float] | None = None,
    tolerance: float = 1e-10,
    most: int = 200,
) -> Calibrated:
    """Calibrate weights to the margins of several variables, under any distance (generalised regression and relatives).

    Parameters
    ----------
    table : DataFrame, one row per interview, with the variables of ``targets``
    targets : mapping of variable to known count of each of its values
    design : Design
        Where None, weights 1 and every row its own cluster.
    distance : {"linear", "raking", "logit"}
    bounds : (low, high)
        Limits of each weight, relative to the weight before brought to the wanted total; needed for ``logit``.

    Returns
    -------
    Calibrated

    Raises
    ------
    DesignError
        As :func:`rake`, and weights not above 0 (linear without bounds).

    References
    ----------
    Deville, J.-C., & Särndal, C.-E. (1992). Calibration estimators in survey sampling. Journal of the American
    Statistical Association 87, 376-382. doi:10.1080/01621459.1992.10475217

    Examples
    --------
    >>> people = pd.DataFrame({"place": ["a", "a", "b", "b", "b"], "sex": ["f", "m", "f", "m", "m"]})
    >>> found = greg(people, {"place": {"a": 45, "b": 55}, "sex": {"f": 50, "m": 50}})
    >>> found.design.weight.round(4).tolist()
    [26.4286, 18.5714, 23.5714, 15.7143, 15.7143]
    """
    _check_distance(distance, bounds)
    before = check_rows(make_design(table) if design is None else design, table, place="calibration")
    margins = _margins(table, targets)
    system = _margin_system(margins)
    solve = partial(
        _scaled_newton,
        _indicators(system.codes, margins),
        system.wanted,
        float(margins[0].wanted.sum()),
        distance=_DISTANCES[distance],
        limits=bounds or (-np.inf, np.inf),
        tolerance=tolerance,
        most=most,
    )
    residuals = _MarginResiduals.of(margins)
    return _brought(before, system._replace(solve=solve), residuals, tolerance, bounded=bounds is not None)


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
    _check_distance(distance, bounds)
    names = list(totals)
    check_rows(design, variables, place="calibration")
    fail_if(_variable_faults(variables, totals), DesignError)
    matrix = variables[names].to_numpy(dtype=float)
    wanted = np.array([totals[name] for name in names], dtype=float)
    limits = (-np.inf, np.inf) if bounds is None else bounds
    solve = partial(
        _newton, matrix, wanted=wanted, distance=_DISTANCES[distance], limits=limits, tolerance=tolerance, most=most
    )
    labels = pd.DataFrame({"variable": names, "value": "", "n": len(design)})
    system = _System(slice(None), (), labels, wanted, lambda weight: weight @ matrix, solve)
    return _brought(design, system, partial(_Residuals, matrix), tolerance, bounded=bounds is not None)


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
        Weights missing or below 0; limits that leave nobody to take up the difference.

    Examples
    --------
    >>> trim(np.array([1.0, 2.0, 9.0]), high=6.0).tolist()
    [2.5, 3.5, 6.0]
    """
    weight = _known_weights(weight)
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
    weight = _known_weights(weight)
    return float(len(weight) * (weight**2).sum() / weight.sum() ** 2)


def calibrated_design(design: Design, weight: np.ndarray, variables: np.ndarray | pd.DataFrame) -> Design:
    """Say that weights made earlier meet the totals of some variables, so that the variance credits it.

    Parameters
    ----------
    design : Design, with the weights before; without replicate weights, which would have to be calibrated too
    weight : (n,) array, the weights after
    variables : (n, q) array of numbers, whose totals they meet, or DataFrame of margins, whose counts they meet

    Raises
    ------
    DesignError
        Replicate weights; weights of another number of rows, missing or not above 0; variables that are not known for
        everybody.

    Examples
    --------
    >>> design = make_design(weight=[1.0, 1.0, 1.0])
    >>> calibrated_design(design, np.array([2.0, 2.0, 2.0]), np.ones((3, 1)))
    Design(3 rows, 1 strata, 3 clusters, calibrated, lonely adjust)
    """
    if design.replicates is not None:
        hint = "calibrate again (rake, greg, calibrate): that calibrates each replicate"
        raise DesignError(Fault("calibration", "replicate weights", "a design without them", hint=hint))
    weight = np.asarray(weight, dtype=float)
    check_rows(design, variables, weight, place="calibration")
    if not (np.isfinite(weight) & (weight > 0)).all():
        raise DesignError(Fault("calibration", "weights missing or not above 0", "numbers above 0", column="weight"))
    if isinstance(variables, pd.DataFrame):
        codes = [pd.factorize(variables[name], use_na_sentinel=False) for name in variables]
        residuals = partial(_MarginResiduals, tuple(code for code, _ in codes), tuple(len(found) for _, found in codes))
    else:
        numbers = np.asarray(variables, dtype=float)
        if not np.isfinite(numbers).all():
            raise DesignError(Fault("calibration", "variables missing in some rows", "known for all"))
        residuals = partial(_Residuals, numbers)
    return _after(design, weight, residuals)


def _known_weights(weight: np.ndarray) -> np.ndarray:
    """Weights as numbers; some of them above 0, none of them missing."""
    weight = np.asarray(weight, dtype=float)
    if not (len(weight) and np.isfinite(weight).all() and (weight >= 0).all() and weight.any()):
        raise DesignError(Fault("calibration", "weights missing or below 0", "numbers from 0 up", column="weight"))
    return weight


class _Margin(NamedTuple):
    """One margin: the code of each row, the values coded, the count wanted of each, the number of rows."""

    name: str
    code: np.ndarray
    labels: list
    wanted: np.ndarray
    number: np.ndarray


class _System(NamedTuple):
    """Totals to be met: what they are called, what is wanted, what weights reach, what ratio of weights meets them.

    ``reached`` and ``solve`` take weights summed over the ``cell`` each row is in: rows that have all values in common.
    """

    cell: np.ndarray | slice
    codes: tuple[np.ndarray, ...]
    labels: pd.DataFrame
    wanted: np.ndarray
    reached: Callable[[np.ndarray], np.ndarray]
    solve: Callable[[np.ndarray], tuple[np.ndarray, int]] | None = None

    def summed(self, weight: np.ndarray) -> np.ndarray:
        """Weights of the cells."""
        return weight if isinstance(self.cell, slice) else np.bincount(self.cell, weights=weight)


@dataclass(frozen=True, eq=False)
class _Residuals:
    """Weighted scores less what numeric calibration variables explain of them."""

    variables: np.ndarray
    before: np.ndarray
    after: np.ndarray

    @cached_property
    def basis(self) -> np.ndarray:
        """(n, q) orthonormal columns spanning sqrt(weight before) x variables."""
        root = np.sqrt(self.before)[:, None]
        size = np.sqrt(self.before @ self.variables**2)
        basis, triangle, _ = qr(root * self.variables / np.where(size > 0, size, 1.0), mode="economic", pivoting=True)
        diagonal = np.abs(np.diag(triangle))
        return basis[:, : int((diagonal > _RANK * diagonal[0]).sum())]

    def __call__(self, weighted: np.ndarray) -> np.ndarray:
        scale = (self.after / np.sqrt(self.before))[:, None]
        scaled = weighted / scale
        return (scaled - self.basis @ (self.basis.T @ scaled)) * scale


@dataclass(frozen=True, eq=False)
class _MarginResiduals:
    """The same for margins, whose 0-1 variables are never written out: cross tables stand for them."""

    codes: tuple[np.ndarray, ...]
    sizes: tuple[int, ...]
    before: np.ndarray
    after: np.ndarray

    @classmethod
    def of(cls, margins: list[_Margin]) -> partial:
        """The residuals on some margins, but for the weights."""
        return partial(cls, tuple(margin.code for margin in margins), tuple(len(margin.wanted) for margin in margins))

    @cached_property
    def indicators(self) -> csr_array:
        """(n, q) sparse 0-1 columns, one per value of every margin."""
        shift = np.cumsum([0, *self.sizes[:-1]])
        columns = np.stack(self.codes, axis=1) + shift
        rows, width = columns.shape
        return csr_array((np.ones(rows * width), columns.ravel(), np.arange(rows + 1) * width), (rows, sum(self.sizes)))

    @cached_property
    def inverse(self) -> np.ndarray:
        """(q, q) pseudo-inverse of the weighted cross tables."""
        weighted = self.indicators.multiply(self.before[:, None]).tocsr()
        table = (self.indicators.T @ weighted).toarray()
        size = np.sqrt(np.maximum(np.diag(table), np.finfo(float).tiny))
        return pinvh(table / np.outer(size, size), rtol=_RANK) / np.outer(size, size)

    def __call__(self, weighted: np.ndarray) -> np.ndarray:
        slope = self.inverse @ (self.indicators.T @ (weighted * (self.before / self.after)[:, None]))
        return weighted - self.after[:, None] * (self.indicators @ slope)


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


def _check_distance(distance: str, bounds: tuple[float, float] | None) -> None:
    """A known distance, with bounds it can do with."""
    if distance not in _DISTANCES:
        raise DesignError(Fault("calibration", f"unknown distance {distance!r}", ", ".join(_DISTANCES)))
    if distance == "logit" and bounds is None:
        raise DesignError(Fault("calibration", "distance logit without bounds", "bounds such as [0.2, 5]"))
    if bounds is not None and not 0 <= bounds[0] < bounds[1]:
        raise DesignError(Fault("calibration", f"bounds {list(bounds)}", "two numbers from 0 up, the low one first"))
    if distance == "logit" and not bounds[0] < 1 < bounds[1]:
        raise DesignError(Fault("calibration", f"bounds {list(bounds)}", "for logit, a number below 1 and one above"))


def _positive(counts: Mapping[object, float]) -> dict[object, float]:
    """Known counts above 0, by value; NaN for what is no number."""
    numbers = {value: pd.to_numeric(count, errors="coerce") for value, count in dict(counts).items()}
    return {value: float(count) for value, count in numbers.items() if count != 0}


def _margins(table: pd.DataFrame, targets: Mapping[str, Mapping[object, float]]) -> list[_Margin]:
    """Coded margins, or all that is wrong with them."""
    wanted = {name: _positive(counts) for name, counts in targets.items()}
    unknown = [name for name in wanted if name not in table]
    faults = [
        Fault("frame", f"unknown variable {name!r}", "a column of the interviews", column=name) for name in unknown
    ]
    coded = {name: _coded(table[name]) for name in wanted if name in table}
    fail_if(
        [*faults, *[fault for name in coded for fault in _margin_faults(name, *coded[name], wanted[name])]], DesignError
    )
    fail_if(_sum_faults(wanted), DesignError)
    return [_margin(name, *coded[name], wanted[name]) for name in wanted]


def _coded(values: pd.Series) -> tuple[np.ndarray, pd.Index]:
    """Codes of the rows' values, -1 where missing, and the values."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        return values.cat.codes.to_numpy().astype(np.intp), values.cat.categories
    code, found = pd.factorize(values)
    return code, pd.Index(found)


def _margin(name: str, code: np.ndarray, found: pd.Index, wanted: dict[object, float]) -> _Margin:
    """A margin with the values in the order of the known counts."""
    code = pd.Index(list(wanted)).get_indexer(found)[code]
    return _Margin(name, code, list(wanted), np.array(list(wanted.values())), np.bincount(code, minlength=len(wanted)))


def _margin_faults(name: str, code: np.ndarray, found: pd.Index, wanted: dict[object, float]) -> list[Fault]:
    """Why one margin cannot be met, whatever the weights."""
    counts = np.bincount(code + 1, minlength=len(found) + 1)
    have = {value: int(count) for value, count in zip(found, counts[1:], strict=True) if count}
    faults = []
    if counts[0]:
        faults.append(
            Fault("frame", f"{counts[0]} interviews without a value", "a value for every interview", column=name)
        )
    bad = [value for value, count in wanted.items() if not count > 0]
    faults += [
        Fault("frame", f"count {wanted[value]:g} of {value!r}", "counts from 0 up", column=name) for value in bad
    ]
    hint = "merge it with another, in the frame and in the interviews"
    faults += [
        Fault("frame", f"value {value!r} ({count:g}) without interviews", "values that somebody has", None, name, hint)
        for value, count in wanted.items()
        if value not in have and count > 0
    ]
    allowed, hint = ", ".join(map(str, wanted)), "give its count in the frame"
    faults += [
        Fault("frame", f"{have[value]} interviews with {value!r}", allowed, None, name, hint)
        for value in have
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


def _variable_faults(variables: pd.DataFrame, totals: Mapping[str, float]) -> list[Fault]:
    """Calibration variables that are not there, not numbers or not for everybody, and totals that are no numbers."""
    if not totals:
        return [Fault("calibration", "no totals", "at least one variable")]
    faults = [
        Fault("calibration", f"unknown variable {name!r}", ", ".join(map(str, variables)), column=name)
        for name in totals
        if name not in variables
    ]
    for name in [name for name in totals if name in variables]:
        values = pd.to_numeric(variables[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan)
        if unknown := int((~np.isfinite(values)).sum()):
            faults.append(
                Fault("calibration", f"{unknown} rows without a value that is a number", "known for all", column=name)
            )
        elif not values.any():
            faults.append(Fault("calibration", "0 in every row", "a variable with a total of its own", column=name))
    return faults + [
        Fault("calibration", f"total {total!r}", "a number", column=name)
        for name, total in totals.items()
        if not np.isfinite(pd.to_numeric(total, errors="coerce"))
    ]


def _margin_system(margins: list[_Margin]) -> _System:
    """Margins over the distinct combinations of their values, or over the rows where those are hardly fewer."""
    sizes = tuple(len(margin.wanted) for margin in margins)
    codes = tuple(margin.code for margin in margins)
    cell = slice(None)
    if np.prod(sizes, dtype=float) <= _SPARSE * len(codes[0]):
        combined = np.ravel_multi_index(codes, sizes)
        used = np.bincount(combined, minlength=int(np.prod(sizes))) > 0
        cell = (np.cumsum(used) - 1)[combined]
        codes = np.unravel_index(np.flatnonzero(used), sizes)

    def reached(weight: np.ndarray) -> np.ndarray:
        return np.concatenate([np.bincount(code, weight, size) for code, size in zip(codes, sizes, strict=True)])

    labels = [(margin.name, value) for margin in margins for value in margin.labels]
    labels = pd.DataFrame(labels, columns=["variable", "value"])
    labels = labels.assign(n=np.concatenate([margin.number for margin in margins]))
    return _System(cell, codes, labels, np.concatenate([margin.wanted for margin in margins]), reached)


def _indicators(codes: tuple[np.ndarray, ...], margins: list[_Margin]) -> np.ndarray:
    """One 0-1 column per value of every margin."""
    parts = [code[:, None] == np.arange(len(margin.wanted)) for code, margin in zip(codes, margins, strict=True)]
    return np.concatenate(parts, axis=1) * 1.0


def _fitted(
    codes: tuple[np.ndarray, ...], wanted: list[np.ndarray], before: np.ndarray, *, tolerance: float, most: int
) -> tuple[np.ndarray, int]:
    """Ratio of weights after iterative proportional fitting; how many rounds it took to meet every margin."""
    after, worst, iteration = before.copy(), np.inf, -1
    while worst > tolerance and iteration < most:
        iteration, worst = iteration + 1, 0.0
        for code, aim in zip(codes, wanted, strict=True):
            reached = np.bincount(code, weights=after, minlength=len(aim))
            worst = max(worst, np.max(np.abs(reached - aim) / (1 + aim)))
            after *= (aim / reached)[code]
    return np.divide(after, before, out=np.ones_like(after), where=before > 0), iteration


def _brought(
    before: Design,
    system: _System,
    residuals: Callable[[np.ndarray, np.ndarray], Callable],
    tolerance: float,
    *,
    bounded: bool = False,
) -> Calibrated:
    """Weights, and replicate weights, that meet the totals; or which are not met."""
    summed = system.summed(before.weight)
    ratio, iterations = system.solve(summed)
    table = system.labels.assign(
        before=system.reached(summed), wanted=system.wanted, reached=system.reached(summed * ratio)
    )
    misfit = (table["reached"] - table["wanted"]).abs() / (1 + table["wanted"].abs())
    fail_if(_misfit_faults(table[~(misfit < 10 * tolerance)], bounded), DesignError)
    ratio = ratio[system.cell]
    after = _after(before, before.weight * ratio, residuals)
    if (after.weight <= 0).any():
        found = f"{int((after.weight <= 0).sum())} weights not above 0"
        raise DesignError(Fault("calibration", found, "weights above 0", hint="set bounds, or use distance raking"))
    if before.replicates is not None:
        weight = _replicates_brought(before.replicates.weight, system, tolerance)
        after = replace(after, replicates=replace(before.replicates, weight=weight))
    return Calibrated(after, ratio, table, iterations, float(misfit.max()), weighting_effect(after.weight))


def _misfit_faults(missed: pd.DataFrame, bounded: bool) -> list[Fault]:
    """Totals that were not met."""
    hint = "these totals cannot be met together by this sample"
    hint += " within the bounds: widen them, or merge values" if bounded else ""
    return [
        Fault("frame", f"{row.value!r} reaches {row.reached:.6g}" if row.value != "" else f"total {row.reached:.6g}",
              f"{row.wanted:g}", column=row.variable, hint=hint)
        for row in missed.itertuples()
    ]  # fmt: skip


def _replicates_brought(weights: np.ndarray, system: _System, tolerance: float) -> np.ndarray:
    """Each set of replicate weights brought to the totals by itself, as in R's survey."""
    after, missed = np.empty_like(weights), np.zeros(len(system.wanted), dtype=int)
    for number, column in enumerate(weights.T):
        summed = system.summed(column)
        bad = (system.reached(summed) == 0) & (system.wanted != 0)
        if not bad.any():
            ratio, _ = system.solve(summed)
            misfit = np.abs(system.reached(summed * ratio) - system.wanted) / (1 + np.abs(system.wanted))
            bad = ~(misfit < 10 * tolerance)
            after[:, number] = column * ratio[system.cell]
        missed += bad
    hint, allowed = (
        "merge it with another value, or take the linearised variance",
        "totals that every replicate can meet",
    )
    count = f"of {weights.shape[1]} replicates that do not reach"
    faults = [
        Fault("calibration", f"{bad} {count} {row.value!r}", allowed, column=str(row.variable), hint=hint)
        for row, bad in zip(system.labels.itertuples(), missed, strict=True)
        if bad
    ]
    fail_if(faults, DesignError)
    return after


def _after(before: Design, weight: np.ndarray, residuals: Callable[[np.ndarray, np.ndarray], Callable]) -> Design:
    """The design with new weights, remembering what they are calibrated to."""
    calibrations = (*before.calibrations, Calibration(residuals(before.weight, weight)))
    return replace(before, weight=weight, calibrations=calibrations)


def _scaled_newton(
    matrix: np.ndarray, wanted: np.ndarray, size: float, weight: np.ndarray, **options: object
) -> tuple[np.ndarray, int]:
    """Ratio of weights that meets the totals, its distance and bounds reckoned from weights of the wanted sum."""
    scale = size / weight.sum()
    ratio, iterations = _newton(matrix, weight * scale, wanted=wanted, **options)
    return ratio * scale, iterations


def _newton(
    matrix: np.ndarray,
    weight: np.ndarray,
    *,
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
