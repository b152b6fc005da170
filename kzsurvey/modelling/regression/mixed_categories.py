"""Outcomes of two or more ordered categories whose level varies between groups: the other half of ``fit_mixed``."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit, ndtri

from kzsurvey.errors import DesignError, Fault
from kzsurvey.modelling.regression.families import FAMILIES
from kzsurvey.modelling.regression.formulas import Prepared, model_matrix
from kzsurvey.modelling.regression.ordinal import ordinal_regress, outcome_levels
from kzsurvey.modelling.regression.quadrature import Categories, integrate, make_categories, maximise
from kzsurvey.modelling.regression.regression import outcome_numbers, regress
from kzsurvey.modelling.regression.solving import spread
from kzsurvey.modelling.sampling.design import make_design
from kzsurvey.modelling.sampling.variance import Estimator, Linearised

_LATENT = np.pi**2 / 3  # variance of the logistic distribution
_CONSTANT = 1e-9  # relative spread below which a column does not vary inside a group
_POINTS = 31  # of the integral over groups in predictions


class Found(NamedTuple):
    """What ``fit_mixed`` reports of a model.

    Attributes
    ----------
    names, estimate, covariance : of the terms
    summary : mapping
    variances : DataFrame, one row per component
    extra : mapping
    """

    names: tuple[str, ...]
    estimate: np.ndarray
    covariance: np.ndarray
    summary: dict[str, float]
    variances: pd.DataFrame
    extra: dict[str, Any]


@dataclass(frozen=True, eq=False)
class _Problem:
    """A model on standardised columns, and the way back to the formula's (``back``, (P, P))."""

    answers: Categories
    names: tuple[str, ...]
    start: np.ndarray
    back: np.ndarray
    matrix: np.ndarray
    levels: tuple[str, ...]
    keep: np.ndarray
    place: str


def fit_categories(
    prepared: Prepared,
    table: pd.DataFrame,
    code: np.ndarray,
    labels: pd.Index,
    *,
    family: str,
    nodes: int,
    name: str,
    level: float,
) -> Found:
    """Fit a logistic or ordinal model with a random intercept; see :func:`kzsurvey.modelling.fit_mixed`.

    Parameters
    ----------
    prepared : Prepared
    table : DataFrame, one row per interview
    code : (m,) array, group of each row used
    labels : Index, names of the groups
    family : {"logistic", "ordinal"}
    nodes : int, of the quadrature
    name : str
    level : float, of the interval of the share of groups

    Examples
    --------
    >>> from kzsurvey.modelling.regression.formulas import prepare
    >>> table = pd.DataFrame({"quit": [0, 1, 0, 1, 1, 0, 0, 1, 0, 0, 0, 1]})
    >>> table["load"] = [1.0, 3, 2, 1, 4, 2, 1, 5, 3, 4, 2, 2]
    >>> found = fit_categories(prepare("quit ~ load", table), table, np.arange(12) // 4, pd.Index(list("abc")),
    ...                        family="logistic", nodes=9, name="H1", level=0.95)
    >>> dict(zip(found.names, found.estimate.round(3).tolist())), found.extra["boundary"]
    ({'Intercept': -1.799, 'load': 0.574}, ('Intercept',))
    """
    make = {"logistic": _logistic, "ordinal": _ordinal}[family]
    problem = make(prepared, table, code, nodes, name)
    if constant_inside(pd.factorize(prepared.outcome)[0].astype(float), code):
        found, hint = "an outcome that is the same for everybody in each group", "a regression over the groups"
        raise DesignError(Fault(problem.place, found, "an outcome that varies inside groups", hint=hint))
    weight = np.ones(len(labels))
    values, covariance = maximise(problem.answers, problem.start, weight, problem.place)
    integral = integrate(problem.answers, values)
    estimate = problem.back @ values[:-1]
    outer = problem.back @ covariance[:-1, :-1] @ problem.back.T
    size, error = float(values[-1]), float(np.sqrt(covariance[-1, -1]))
    variances = _variances(str(labels.name), size)
    slopes = estimate[len(problem.names) - problem.matrix.shape[1] :]
    summary = _summary(float(integral.log.sum()), problem, code, size, error, slopes, level)
    extra = {
        "boundary": () if size else ("Intercept",),
        "random": pd.DataFrame({"Intercept": size * integral.mode}, index=labels).sort_index(),
        "fitted": _fitted(problem, estimate, size * integral.mode[code], prepared.rows, table.index, family),
        "nodes": nodes,
        "df": _degrees(problem, code),
        "predict": _predictor(prepared, problem, size, family, name),
        "estimator": _estimator(problem, prepared.rows, (values, covariance), len(labels)),
    }
    if family == "ordinal":
        extra["levels"] = problem.levels
    return Found(problem.names, estimate, outer, summary, variances, extra)


def group_weights(weight: np.ndarray, code: np.ndarray, place: str) -> np.ndarray:
    """What each group counts, from weights that are equal inside the groups.

    Examples
    --------
    >>> group_weights(np.array([2.0, 1.0, 2.0]), np.array([0, 1, 0]), "model H1").tolist()
    [2.0, 1.0]
    """
    counted = np.zeros(int(code.max()) + 1)
    counted[code] = weight
    if np.abs(weight - counted[code]).max() > 1e-6 * weight.mean():
        found, allowed = "weights that differ inside groups", "weights equal inside the groups"
        raise DesignError(Fault(place, found, allowed, hint="replicates of groups"))
    return counted


def constant_inside(column: np.ndarray, code: np.ndarray) -> bool:
    """Whether a column is the same for everybody in each group.

    Examples
    --------
    >>> constant_inside(np.array([2.0, 1.0, 2.0]), np.array([0, 1, 0]))
    True
    """
    one = np.zeros(int(code.max()) + 1)
    one[code] = column
    return bool(np.abs(column - one[code]).max() <= _CONSTANT * max(np.abs(column).max(), 1e-300))


def _degrees(problem: _Problem, code: np.ndarray) -> np.ndarray:
    """Degrees of freedom of the terms: of groups where a term differs between groups only, else of people in them."""
    groups = int(code.max()) + 1
    between = np.array([constant_inside(column, code) for column in problem.matrix.T], dtype=bool)
    cuts = len(problem.names) - len(between)
    levels = int(between.sum()) + (cuts > 0)
    sort = np.append(np.ones(cuts, dtype=bool), between)
    df = np.where(sort, groups - levels, len(code) - groups - int((~between).sum()))
    if df.min() < 1:
        found = f"{levels} terms that differ between groups only on {groups} groups"
        raise DesignError(Fault(problem.place, found, f"fewer than {groups}", hint="fewer terms, or more groups"))
    return df.astype(float)


def _logistic(prepared: Prepared, table: pd.DataFrame, code: np.ndarray, nodes: int, name: str) -> _Problem:
    """An outcome of no and yes."""
    place = f"model {name}".strip()
    y = outcome_numbers(prepared, FAMILIES["logistic"], name)
    design = make_design(weight=np.ones(len(y)))
    line = regress(y, prepared.matrix, design=design, family="logistic", names=prepared.names, name=name)
    constant = np.array([term == "Intercept" for term in prepared.names])
    middle, size = _standard(prepared.matrix, constant)
    if not constant.any():
        middle = np.zeros_like(middle)
    columns = (prepared.matrix - middle) / size
    back = np.diag(1 / size)
    back[constant] -= middle / size * ~constant
    answers = make_categories(y.astype(np.int64), columns, code, cuts=1, nodes=nodes, thresholds=False)
    start = np.append(np.linalg.solve(back, line.estimate), 0.7)
    everything = np.ones(len(prepared.names), dtype=bool)
    return _Problem(answers, prepared.names, start, back, prepared.matrix, ("0", "1"), everything, place)


def _ordinal(prepared: Prepared, table: pd.DataFrame, code: np.ndarray, nodes: int, name: str) -> _Problem:
    """An outcome in order."""
    if not (pd.api.types.is_numeric_dtype(prepared.outcome.dtype) or hasattr(prepared.outcome, "cat")):
        found = f"outcome {prepared.left} without an order"
        raise DesignError(Fault(f"model {name}".strip(), found, "an ordered category or whole numbers"))
    codes, levels, _ = outcome_levels(prepared, table, name)
    keep = np.array([term != "Intercept" for term in prepared.names], dtype=bool)
    matrix, columns = prepared.matrix[:, keep], tuple(term for term in prepared.names if term != "Intercept")
    design = make_design(weight=np.ones(len(codes)))
    line = ordinal_regress(codes, matrix, design=design, names=columns, levels=levels, name=name)
    cuts = len(levels) - 1
    middle, size = _standard(matrix, np.zeros(matrix.shape[1], dtype=bool))
    back = np.eye(cuts + len(columns))
    back[cuts:, cuts:] = np.diag(1 / size)
    back[:cuts, cuts:] = middle / size
    standard = (matrix - middle) / size
    answers = make_categories(codes, standard, code, cuts=cuts, nodes=nodes, thresholds=True)
    start = np.append(np.linalg.solve(back, line.estimate), 0.7)
    return _Problem(answers, line.names, start, back, matrix, levels, keep, f"model {name}".strip())


def _standard(matrix: np.ndarray, constant: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean and spread of each column; 0 and 1 of the constant one."""
    spread_of = matrix.std(axis=0)
    return np.where(constant, 0.0, matrix.mean(axis=0)), np.where(constant | (spread_of == 0), 1.0, spread_of)


def _variances(groups: str, size: float) -> pd.DataFrame:
    """The variance components, on the scale of the logit."""
    variance = np.array([size**2, _LATENT])
    return pd.DataFrame(
        {
            "group": [groups, ""],
            "term": ["Intercept", "residual"],
            "variance": variance,
            "std_dev": np.sqrt(variance),
            "correlation": np.nan,
            "boundary": [size == 0, False],
            "share": variance / variance.sum(),
        }
    )


def _summary(
    log: float, problem: _Problem, code: np.ndarray, size: float, error: float, slopes: np.ndarray, level: float
) -> dict[str, float]:
    """Numbers about the whole fit."""
    counts, parameters, between = np.bincount(code), len(problem.names) + 1, size**2
    ends = np.full(2, np.nan)
    if size:
        reach = float(ndtri((1 + level) / 2)) * error / size
        ends = np.square(size * np.exp([-reach, reach]))
    explained = float(np.var(problem.matrix @ slopes, ddof=1))
    total = explained + between + _LATENT
    return {
        "groups": len(counts),
        "smallest_group": int(counts.min()),
        "largest_group": int(counts.max()),
        "log_likelihood": log,
        "aic": -2 * log + 2 * parameters,
        "bic": -2 * log + np.log(len(code)) * parameters,
        "group_sd": size,
        "group_sd_error": error if size else np.nan,
        "icc": between / (between + _LATENT),
        "icc_low": float(ends[0] / (ends[0] + _LATENT)),
        "icc_high": float(ends[1] / (ends[1] + _LATENT)),
        "r_squared_marginal": explained / total,
        "r_squared_conditional": (explained + between) / total,
        "singular": float(size == 0),
    }


def _chances(
    matrix: np.ndarray, parameters: np.ndarray, effect: np.ndarray | float, levels: tuple[str, ...], family: str
) -> np.ndarray:
    """(n,) probability of yes, or (n, K) probabilities of the levels, given the effects of groups."""
    if family == "logistic":
        return expit(matrix @ parameters + effect)
    cuts = len(levels) - 1
    shift = np.atleast_1d(matrix @ parameters[cuts:] + effect)
    below = np.column_stack([np.zeros(len(shift)), expit(parameters[:cuts] - shift[:, None]), np.ones(len(shift))])
    return np.diff(below, axis=1)


def _fitted(
    problem: _Problem, estimate: np.ndarray, effect: np.ndarray, rows: np.ndarray, index: pd.Index, family: str
) -> pd.Series | pd.DataFrame:
    """Probabilities in each row's own group; missing outside the domain."""
    chances = _chances(problem.matrix, estimate, effect, problem.levels, family)
    whole = np.full((len(rows), *chances.shape[1:]), np.nan)
    whole[rows] = chances
    if family == "logistic":
        return pd.Series(whole, index=index)
    return pd.DataFrame(whole, index=index, columns=list(problem.levels))


def _predictor(
    prepared: Prepared, problem: _Problem, size: float, family: str, name: str
) -> Callable[[np.ndarray, pd.DataFrame], np.ndarray]:
    """Probabilities averaged over groups, given the terms and the fitted differences between groups."""
    points, weights = np.polynomial.hermite.hermgauss(_POINTS)

    def predict(parameters: np.ndarray, table: pd.DataFrame) -> np.ndarray:
        matrix = model_matrix(prepared.spec, table, name=name)[:, problem.keep]
        values = np.asarray(parameters)
        parts = (
            weight * _chances(matrix, values, np.sqrt(2) * size * point, problem.levels, family)
            for point, weight in zip(points, weights, strict=True)
        )
        return sum(parts) / np.sqrt(np.pi)

    return predict


def _estimator(problem: _Problem, rows: np.ndarray, full: tuple[np.ndarray, np.ndarray], groups: int) -> Estimator:
    """The terms under weights of the groups; each group's score stands in its first row."""
    code, used = problem.answers.code, np.flatnonzero(rows)
    first = np.unique(code, return_index=True)[1]

    def estimate(weight: np.ndarray) -> Linearised:
        own = np.asarray(weight, dtype=float)[used]
        counted, scale = group_weights(own, code, problem.place), len(own) / own.sum()
        equal = np.ptp(own) <= 1e-9 * own.mean()
        values, covariance = full if equal else maximise(problem.answers, full[0], counted * scale, problem.place)
        scores = np.zeros((len(own), len(values)))
        scores[first] = integrate(problem.answers, values).scores
        bread = scale * problem.back @ covariance[:-1]
        return Linearised(problem.back @ values[:-1], spread(scores, used, len(rows)), bread)

    return estimate
