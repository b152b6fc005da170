"""What a model of any kind says on the scale of the outcome: expected outcomes, and average effects of its variables.

Only a fit's ``estimator`` and ``predict`` are used. The formula is evaluated anew on changed tables, so that
interactions, powers and splines move with their variable.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.describing.estimates import Estimates
from kzsurvey.modelling.regression.formulas import (
    categorical_variables,
    model_matrix,
    nearest,
    unknown_variables,
    variables_of,
)
from kzsurvey.modelling.regression.results import Fit, variables_in_one_cluster, without_error
from kzsurvey.modelling.sampling.design import Design, check_rows, domain_rows
from kzsurvey.modelling.sampling.intervals import interval, p_value
from kzsurvey.modelling.sampling.variance import Linearised, infer

_STEP = 1e-3  # of a variable's standard deviation; with five points the error is of its fourth power
_STENCIL = {-2: 1 / 12, -1: -8 / 12, 1: 8 / 12, 2: -1 / 12}
_NO_PART = 1e-8  # of the largest derivative, in standard errors of its term: rounding
Curve = Callable[[np.ndarray], tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]]


class _Effect(NamedTuple):
    """One effect: a sum of expected outcomes on changed tables, each with a factor."""

    variable: str
    contrast: str
    parts: tuple[tuple[float, Curve], ...]


def predictions(fit: Fit, table: pd.DataFrame, *, level: float = 0.95) -> pd.DataFrame:
    """Expected outcomes of the rows of a table or grid, with design-based errors.

    Parameters
    ----------
    fit : Fit, of any kind whose ``extra`` has ``predict``
    table : DataFrame, one row per interview or case of a grid
        The variables of the formula; others are ignored.
    level : float, of the intervals

    Returns
    -------
    DataFrame, one row per row of the table (and category of an ordinal outcome)
        ``category`` (ordinal outcomes), ``estimate``, ``std_error``, ``df``, ``conf_low``, ``conf_high``; missing where
        a variable is. The index is that of the table.

    Raises
    ------
    DesignError
        A fit without predictions, an unknown variable, a category that the fit has not seen, rows in which the cuts of
        an ordinal model cross (slopes by cut, away from the data).

    Notes
    -----
    Errors are those of the coefficients (delta method), as of R's ``predict.svyglm``. Intervals of probabilities are
    taken on the log odds and those of counts on the logarithm, so that they stay where the outcome is.

    Examples
    --------
    >>> from kzsurvey.modelling import fit_regression, make_design
    >>> table = pd.DataFrame({"y": [1.0, 2.0, 4.0, 4.0, 6.0], "x": [0.0, 1.0, 2.0, 3.0, 4.0]})
    >>> fit = fit_regression(table, "y ~ x", design=make_design(weight=[1.0] * 5))
    >>> predictions(fit, pd.DataFrame({"x": [0.0, 10.0]})).round(3).to_dict("records")
    [{'estimate': 1.0, 'std_error': 0.167, 'df': 3.0, 'conf_low': 0.467, 'conf_high': 1.533},
     {'estimate': 13.0, 'std_error': 0.805, 'df': 3.0, 'conf_low': 10.438, 'conf_high': 15.562}]
    """
    _predictable(fit)
    beta = fit.terms["estimate"].to_numpy()
    mean, _ = _curve(fit, table)(beta)
    slope = _row_slopes(fit, table, beta, mean)
    variance = np.einsum("nkp,pq,nkq->nk", slope, fit.covariance, slope)
    df = _df(fit)
    found = {"estimate": mean.ravel(), "std_error": np.sqrt(variance).ravel(), "df": np.full(mean.size, df)}
    found["conf_low"], found["conf_high"] = _bounded_interval(fit, found["estimate"], found["std_error"], df, level)
    categories = list(fit.extra.get("levels", ()))
    named = {"category": np.tile(categories, len(table))} if categories else {}
    return pd.DataFrame(named | found, index=table.index.repeat(mean.shape[1]))


def marginal_effects(
    fit: Fit,
    table: pd.DataFrame,
    *,
    variables: Sequence[str] | str | None = None,
    by: Sequence[str] | str | None = None,
    where: np.ndarray | None = None,
    covariates: str | None = None,
    level: float = 0.95,
) -> Estimates:
    r"""Average marginal effects of variables on the expected outcome, with design-based errors.

    Parameters
    ----------
    fit : Fit, of any kind whose ``extra`` has ``estimator`` and ``predict``
    table : DataFrame, one row per interview
        The table the model was fitted to; any table of its variables where covariates are ``fixed``.
    variables : str or sequence of str
        All variables of the formula where None.
    by : str or sequence of str
        Columns of the table; effects are averaged within each group.
    where : (n,) bool array
        Rows to average over, among those the model used.
    covariates : {"sampled", "fixed"}
        ``sampled``: the rows averaged over are a sample, like the outcome. ``fixed``: they are the population itself,
        so that only the coefficients have errors (as in R's margins and marginaleffects). Where None, ``sampled``; of
        :func:`kzsurvey.modelling.fit_mixed` always ``fixed``, with the errors that the model itself says and the
        fewest degrees of freedom of the terms an effect depends on. Corrections of a fit for few clusters count in
        both.
    level : float, of the intervals

    Returns
    -------
    Estimates
        ``table`` has a row per variable, contrast, group and category of an ordinal outcome: ``variable``, ``contrast``
        (``d/d`` and the variable, or ``b - a``), the columns of ``by``, ``category``, ``estimate``, ``std_error``,
        ``df``, ``conf_low``, ``conf_high``, ``p_value``, ``n``. :func:`kzsurvey.modelling.contrast` compares its rows.

    Raises
    ------
    DesignError
        A fit without predictions, an unknown variable, nobody to average over, sampled covariates of another table.

    Notes
    -----
    The effect of a number on row i is the derivative of its expected outcome, of an indicator (0 and 1 only) the
    difference it makes, of a category the difference from the first one. The average
    :math:`\hat\theta = \sum_i w_i g_i(\hat\beta) / \sum_i w_i` is linearised in both its parts: row i adds
    :math:`(g_i - \hat\theta) / \sum w + \bar G\, B s_i`, with :math:`\bar G` the mean derivative of the effects in the
    coefficients and :math:`B s_i` what the row adds to these.

    References
    ----------
    Korn, E. L., & Graubard, B. I. (1999). Analysis of Health Surveys, section 3.7 (predictive margins). Wiley.
    doi:10.1002/9781118032619
    Graubard, B. I., & Korn, E. L. (1999). Predictive margins with survey data. Biometrics 55, 652-659.
    doi:10.1111/j.0006-341X.1999.00652.x

    Examples
    --------
    >>> from kzsurvey.modelling import fit_regression, make_design
    >>> table = pd.DataFrame({"y": [0, 0, 1, 0, 1, 1, 1, 0], "x": [0.0, 1, 2, 3, 4, 5, 6, 2], "z": list("aabbaabb")})
    >>> fit = fit_regression(table, "y ~ x + z", design=make_design(weight=[1.0] * 8), family="logistic")
    >>> found = marginal_effects(fit, table).table
    >>> found[["variable", "contrast", "estimate", "std_error"]].round(3).to_dict("records")
    [{'variable': 'x', 'contrast': 'd/dx', 'estimate': 0.151, 'std_error': 0.048},
     {'variable': 'z', 'contrast': 'b - a', 'estimate': -0.057, 'std_error': 0.203}]
    """
    _predictable(fit)
    design, place = fit.extra["design"], _place(fit)
    covariates = covariates or ("fixed" if fit.kind == "mixed" else "sampled")
    fail_if(_covariates_faults(fit, table, covariates), DesignError)
    keys = [by] if isinstance(by, str) else list(by or ())
    names = _chosen(fit, variables)
    fail_if(unknown_variables([*names, *keys], table, name=fit.model), DesignError)
    rows = _rows(fit, table, where, keys)
    if not len(rows):
        raise DesignError(Fault(place, "nobody to average over", "rows the model used, with a group"))
    used = table.iloc[rows]
    groups, members = _groups(used, keys)
    effects = [effect for name in names for effect in _effects(fit, used, name)]
    weight = design.weight[rows] if len(table) == len(design) else np.ones(len(rows))
    averages = _Averages(fit.extra["estimator"], tuple(effects), members, rows, covariates == "sampled", weight)
    estimate, covariance, df = _inferred(fit, averages, design)
    labels = _labels(effects, groups, members, list(fit.extra.get("levels", ())))
    std_error = np.sqrt(np.diag(covariance))
    if fit.extra.get("in_one_cluster"):
        _, slope = averages.moved(fit.extra["estimator"](design.weight).estimate, design.weight)
        unknown = (labels["variable"].isin(variables_in_one_cluster(fit)) & without_error(fit, slope)).to_numpy()
        std_error = np.where(unknown, np.nan, std_error)
        covariance = np.where(unknown[:, None] | unknown, np.nan, covariance)
    low, high = interval(estimate, std_error, df, level=level)
    found = {"estimate": estimate, "std_error": std_error, "df": df, "conf_low": low, "conf_high": high}
    with np.errstate(divide="ignore", invalid="ignore"):
        found["p_value"] = p_value(estimate / std_error, df)
    counts = labels.pop("n")
    return Estimates(labels.assign(**found, n=counts), covariance, float(np.min(df)))


@dataclass(frozen=True, eq=False)
class _Averages:
    """Averages of effects over rows, as an estimator.

    Attributes
    ----------
    inner : Estimator, of the coefficients
    effects : tuple of _Effect, over the m rows averaged
    members : (m, G) bool array, rows of each group
    rows : (m,) array, their places among the n rows of the design
    sampled : bool, whether the rows are a sample
    weight : (m,) array, of the rows where they are not
    """

    inner: Callable[[np.ndarray], Linearised]
    effects: tuple[_Effect, ...]
    members: np.ndarray
    rows: np.ndarray
    sampled: bool
    weight: np.ndarray

    def __call__(self, weight: np.ndarray) -> Linearised:
        """Averages, scores over all rows, and bread."""
        inner = self.inner(weight)
        if not self.sampled:
            estimate, slope = self.moved(inner.estimate, weight)
            return Linearised(estimate, inner.scores, slope @ inner.bread)
        share = self._shares(weight)
        effects = [_evaluated(effect, inner.estimate) for effect in self.effects]
        means = [share.T @ value for value, _ in effects]
        slope = np.concatenate([gradient(share).reshape(-1, len(inner.estimate)) for _, gradient in effects])
        estimate = np.concatenate([mean.ravel() for mean in means])
        scores = np.zeros((len(weight), len(estimate)), order="F")
        scores[self.rows] = np.concatenate(
            [
                (self.members[:, :, None] * (value[:, None, :] - mean)).reshape(len(value), -1)
                for (value, _), mean in zip(effects, means, strict=True)
            ],
            axis=1,
        )
        total = (self.members * weight[self.rows, None]).sum(axis=0)
        scale = np.concatenate([np.repeat(1 / total, mean.shape[1]) for mean in means])
        bread = np.concatenate([np.diag(scale), slope @ inner.bread], axis=1)
        return Linearised(estimate, np.concatenate([scores, inner.scores], axis=1), bread)

    def moved(self, beta: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Averages alone, and their derivative in the coefficients."""
        share = self._shares(weight)
        effects = [_evaluated(effect, beta) for effect in self.effects]
        slope = np.concatenate([gradient(share).reshape(-1, len(beta)) for _, gradient in effects])
        return np.concatenate([(share.T @ value).ravel() for value, _ in effects]), slope

    def refits(self, weight: np.ndarray) -> np.ndarray:
        """Averages under each column of weights, without what only linearisation needs."""
        together = getattr(self.inner, "refits", None)
        betas = together(weight) if together else [self.inner(own).estimate for own in weight.T]
        empty = (self.members.T @ weight[self.rows] <= 0).any(axis=0) & self.sampled
        if empty.any():
            found = f"{empty.sum()} of {weight.shape[1]} replicates without anybody in a group"
            raise DesignError(Fault("marginal effects", found, "every group in every replicate", hint="fewer groups"))
        return np.array([self._point(beta, own) for beta, own in zip(betas, weight.T, strict=True)])

    def _shares(self, weight: np.ndarray) -> np.ndarray:
        """Weight of each row in each group's average, (m, G)."""
        own = self.members * (weight[self.rows] if self.sampled else self.weight)[:, None]
        return own / own.sum(axis=0)

    def _point(self, beta: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """Averages alone."""
        share = self._shares(weight)
        return np.concatenate([(share.T @ _evaluated(effect, beta)[0]).ravel() for effect in self.effects])


def _evaluated(effect: _Effect, beta: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
    """Effect on each row, (m, K), and the derivative of its weighted means, shares (m, G) -> (G, K, p)."""
    parts = [(factor, *curve(beta)) for factor, curve in effect.parts]
    value = sum(factor * mean for factor, mean, _ in parts)
    return value, lambda share: sum(factor * gradient(share) for factor, _, gradient in parts)


def _curve(fit: Fit, table: pd.DataFrame) -> Curve:
    """Expected outcomes of a table as a function of the parameters, with the derivative of weighted means of them."""
    if "family" not in fit.extra:
        return _numerical_curve(fit, table)
    family, offset = fit.extra["family"], fit.extra["offset"]
    fail_if(unknown_variables([offset] if offset else [], table, name=fit.model), DesignError)
    matrix = model_matrix(fit.extra["spec"], table, name=fit.model)
    shift = table[offset].to_numpy(dtype=float, na_value=np.nan) if offset else 0.0

    def curve(beta: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        eta = matrix @ beta + shift
        return family.mean(eta)[:, None], lambda share: ((share * family.slope(eta)[:, None]).T @ matrix)[:, None, :]

    return curve


def _numerical_curve(fit: Fit, table: pd.DataFrame) -> Curve:
    """The same from ``predict`` alone, by central differences in steps far below the errors of the parameters."""
    expected, step = _expected(fit, table), 1e-3 * np.sqrt(np.diag(fit.covariance))

    def mean(beta: np.ndarray) -> np.ndarray:
        found = np.asarray(expected(beta), dtype=float)
        return found[:, None] if found.ndim == 1 else found

    def curve(beta: np.ndarray) -> tuple[np.ndarray, Callable[[np.ndarray], np.ndarray]]:
        def gradient(share: np.ndarray) -> np.ndarray:
            moved = [share.T @ (mean(beta + move) - mean(beta - move)) for move in np.diag(step)]
            return np.stack(moved, axis=-1) / (2 * step)

        return mean(beta), gradient

    return curve


def _expected(fit: Fit, table: pd.DataFrame) -> Callable[[np.ndarray], np.ndarray]:
    """Expected outcomes by parameters; the formula is evaluated once where the kind allows it."""
    if "expected" in fit.extra:
        return fit.extra["expected"](table)
    return lambda beta: fit.extra["predict"](beta, table)


def _row_slopes(fit: Fit, table: pd.DataFrame, beta: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Derivative of each row's expected outcome in the parameters, (n, K, p)."""
    if "family" in fit.extra:
        matrix = model_matrix(fit.extra["spec"], table, name=fit.model)
        offset = fit.extra["offset"]
        shift = table[offset].to_numpy(dtype=float, na_value=np.nan) if offset else 0.0
        return (matrix * fit.extra["family"].slope(matrix @ beta + shift)[:, None])[:, None, :]
    expected, step = _expected(fit, table), 1e-3 * np.sqrt(np.diag(fit.covariance))
    moved = [expected(beta + move) - expected(beta - move) for move in np.diag(step)]
    return np.stack([np.reshape(change, mean.shape) for change in moved], axis=-1) / (2 * step)


def _effects(fit: Fit, used: pd.DataFrame, name: str) -> list[_Effect]:
    """The effects of one variable: a derivative, or differences from its first category."""
    column = used[name]
    if name in categorical_variables(fit.extra["spec"]) or not pd.api.types.is_numeric_dtype(column.dtype):
        return _differences(fit, used, name, _levels(column))
    numbers = column.to_numpy(dtype=float)
    if np.isin(numbers, (0.0, 1.0)).all():
        return _differences(fit, used, name, [0, 1])
    step = _STEP * (numbers.std() or 1.0)
    return [_Effect(name, f"d/d{name}", _derivative(fit, used, name, numbers, step))]


def _derivative(
    fit: Fit, used: pd.DataFrame, name: str, numbers: np.ndarray, step: float
) -> tuple[tuple[float, Curve], ...]:
    """Five points around each row's value; a little inward for the outermost rows where the formula ends there."""

    def parts(centre: np.ndarray) -> tuple[tuple[float, Curve], ...]:
        tables = {place: used.assign(**{name: centre + place * step}) for place in _STENCIL}
        return tuple((factor / step, _curve(fit, tables[place])) for place, factor in _STENCIL.items())

    try:
        return parts(numbers)
    except DesignError:
        return parts(np.clip(numbers, numbers.min() + 2 * step, numbers.max() - 2 * step))


def _differences(fit: Fit, used: pd.DataFrame, name: str, levels: list[object]) -> list[_Effect]:
    """Everybody in one category less everybody in the first."""
    curves = [_curve(fit, used.assign(**{name: _constant(used[name], level)})) for level in levels]
    return [
        _Effect(name, f"{level} - {levels[0]}", ((1.0, curve), (-1.0, curves[0])))
        for level, curve in zip(levels[1:], curves[1:], strict=True)
    ]


def _levels(column: pd.Series) -> list[object]:
    """Categories that occur, in their order."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return list(column.cat.remove_unused_categories().cat.categories)
    return sorted(column.unique())


def _constant(column: pd.Series, level: object) -> object:
    """A column with one value."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return pd.Categorical([level] * len(column), dtype=column.dtype)
    return level


def _groups(used: pd.DataFrame, keys: list[str]) -> tuple[pd.DataFrame, np.ndarray]:
    """Values of the grouping columns, one row per group, and the rows in each, (m, G)."""
    if not keys:
        return pd.DataFrame(index=range(1)), np.ones((len(used), 1), dtype=bool)
    groups = used[keys].drop_duplicates().sort_values(keys).reset_index(drop=True)
    number = used[keys].merge(groups.assign(_number=range(len(groups))), on=keys, how="left")["_number"].to_numpy()
    return groups, number[:, None] == np.arange(len(groups))


def _labels(
    effects: list[_Effect], groups: pd.DataFrame, members: np.ndarray, categories: list[object]
) -> pd.DataFrame:
    """What each row of the result is about: effects, in them groups, in them categories."""
    several = categories or [None]
    about = [(effect.variable, effect.contrast, group) for effect in effects for group in range(len(groups))]
    table = pd.DataFrame(
        {
            "variable": pd.array([variable for variable, _, _ in about for _ in several], dtype="str"),
            "contrast": pd.array([contrast for _, contrast, _ in about for _ in several], dtype="str"),
        }
    )
    number = np.array([group for _, _, group in about for _ in several], dtype=int)
    for key in groups:
        table[key] = groups[key].array[number]
    if categories:
        table["category"] = pd.array([str(level) for _ in about for level in categories], dtype="str")
    return table.assign(n=members.sum(axis=0)[number])


def _rows(fit: Fit, table: pd.DataFrame, where: np.ndarray | None, keys: list[str]) -> np.ndarray:
    """Places of the rows averaged over: used by the model, inside the domain, of a known group."""
    if len(table) == len(fit.extra["design"]):
        check_rows(fit.extra["design"], table, where, place=_place(fit))
        inside = np.asarray(fit.extra["rows"])
    else:
        found = np.asarray(fit.extra["predict"](fit.terms["estimate"].to_numpy(), table), dtype=float)
        inside = np.isfinite(found.reshape(len(table), -1)).all(axis=1)
    inside = inside & table[keys].notna().all(axis=1).to_numpy()
    return np.flatnonzero(inside & domain_rows(where, len(table), place=_place(fit)))


def _inferred(fit: Fit, averages: _Averages, design: Design) -> tuple[np.ndarray, np.ndarray, float | np.ndarray]:
    """Averages, covariance and degrees of freedom; of a fit with errors of its own, from those."""
    own = fit.kind == "mixed"
    if not own:
        return (*infer(averages, design), _df(fit))
    estimate, slope = averages.moved(fit.terms["estimate"].to_numpy(), design.weight)
    share = np.abs(slope) * np.sqrt(np.diag(fit.covariance))
    counts = share > _NO_PART * share.max(axis=1, keepdims=True)
    fewest = np.where(counts, fit.terms["df"].to_numpy(), np.inf).min(axis=1)
    return estimate, slope @ fit.covariance @ slope.T, fewest


def _chosen(fit: Fit, variables: Sequence[str] | str | None) -> list[str]:
    """Variables asked for, all of them in the formula."""
    known = variables_of(fit.extra["spec"])
    wanted = known if variables is None else [variables] if isinstance(variables, str) else list(variables)
    fail_if(
        [
            Fault(_place(fit), f"no variable {name!r} in the formula", ", ".join(known), hint=nearest(name, known))
            for name in wanted
            if name not in known
        ],
        DesignError,
    )
    return wanted


def _covariates_faults(fit: Fit, table: pd.DataFrame, covariates: str) -> list[Fault]:
    """Errors that cannot be had."""
    place, rows = _place(fit), len(fit.extra["design"])
    if covariates not in ("sampled", "fixed"):
        return [Fault(place, f"covariates {covariates!r}", "sampled, fixed")]
    if covariates == "fixed":
        return []
    hint = 'covariates="fixed" takes the rows as they are'
    if fit.kind == "mixed":
        return [Fault(place, "sampled covariates of a model with group effects", "covariates fixed", hint=hint)]
    other = f"a table of {len(table)} rows, and a design of {rows}"
    return [Fault(place, other, "the table the model was fitted to", hint=hint)] if len(table) != rows else []


def _predictable(fit: Fit) -> None:
    """Kinds of models that say what outcome to expect."""
    lacking = [name for name in ("predict", "estimator", "design", "spec", "rows") if name not in fit.extra]
    found = f"no predictions of kind {fit.kind}"
    fail_if([Fault(_place(fit), found, "a regression or ordinal model")] if lacking else [], DesignError)


def _bounded_interval(
    fit: Fit, estimate: np.ndarray, std_error: np.ndarray, df: float, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Interval inside the range of the outcome: on the log odds of probabilities, on the logarithm of counts."""
    outcomes = "binary" if "levels" in fit.extra else getattr(fit.extra.get("family"), "outcomes", "any")
    if outcomes == "any":
        return interval(estimate, std_error, df, level=level)
    scales = {
        "binary": (logit, expit, lambda mean: mean * (1 - mean)),
        "counts": (np.log, np.exp, lambda mean: mean),
    }
    there, back, slope = scales[outcomes]
    low, high = interval(there(estimate), std_error / slope(estimate), df, level=level)
    return back(low), back(high)


def _df(fit: Fit) -> float:
    """Degrees of freedom: the fewest of any term."""
    return float(fit.terms["df"].min())


def _place(fit: Fit) -> str:
    """What messages call a fit."""
    return f"model {fit.model}".strip()
