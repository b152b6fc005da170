"""How strong something unmeasured would have to be to explain an association away.

Robustness values for coefficients of linear models, E-values for ratios, and the correlation of errors at which an
indirect effect is 0. What the sample alone decides (partial R squared) is taken under the weights; what an interval
decides has the errors and degrees of freedom of the design.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.effects.moderation import variable_of
from kzsurvey.modelling.effects.scenes import set_to, treatment_values
from kzsurvey.modelling.regression.formulas import model_matrix, nearest, unknown_variables
from kzsurvey.modelling.regression.results import Fit
from kzsurvey.modelling.sampling.design import check_rows
from kzsurvey.modelling.sampling.intervals import interval, p_value
from kzsurvey.modelling.sampling.variance import Estimator, Linearised, infer

ERRORS = ("design", "simple")
_RARE = 0.15  # prevalence up to which an odds ratio counts as a risk ratio
_PER_SD = 0.91  # log risk ratio of one standard deviation, as VanderWeele and Ding take it


def robustness_value(
    fit: Fit, term: str | Sequence[str], *, q: float = 1.0, alpha: float = 0.05, errors: str = "design"
) -> pd.DataFrame:
    r"""Share of what is left of treatment and outcome that a confounder must explain to undo an estimate.

    Parameters
    ----------
    fit : Fit, of a linear model
    term : str or several, coefficients
    q : float
        Share of the estimate to be undone: 1 brings it to 0, 0.5 halves it.
    alpha : float
        The interval to be undone is that of level 1 - alpha.
    errors : {"design", "simple"}
        ``design``: error and degrees of freedom of the fit. ``simple``: those of independent interviews with equal
        variance, as R's ``lm`` and sensemakr have them (adjusted intervals then keep the degree of freedom that the
        confounder takes, as there).

    Returns
    -------
    DataFrame, one row per term
        ``model``, ``term``, ``estimate``, ``std_error``, ``df``, ``partial_r2`` (of the term with the outcome: also
        what a confounder that explains all that is left of the outcome must explain of the term), ``q``,
        ``robustness_value`` (for the estimate), ``alpha``, ``robustness_value_interval`` (for its interval to reach
        0; for q below 1, (1 - q) times the estimate).

    Raises
    ------
    DesignError
        A model that is not linear, an unknown term, shares that are none, a single degree of freedom.

    Notes
    -----
    Omitted-variable bias is algebra of weighted least squares: with S the ratio of the weighted residual deviations
    of outcome and term, a confounder with partial R squared r_D and r_Y moves the estimate by
    :math:`S \sqrt{r_Y r_D / (1 - r_D)}`. So partial R squared and the robustness value of the estimate follow from the
    weighted sums of squares: :math:`f = |\hat\beta| / S` and
    :math:`RV = (\sqrt{f^4 + 4 f^2} - f^2) / 2` at q f. They are those of sensemakr whenever the weights are equal,
    however the sample was clustered. A design-based t over its few degrees of freedom must not stand in for f: with
    20 clusters it would find any result robust.

    The design counts in the interval. Where sensemakr has :math:`f^* = t_{\alpha, n - p - 1} / \sqrt{n - p - 1}`, here
    :math:`f^* = t_{\alpha, df - 1}\, \widehat{se} / S`, with error and degrees of freedom of the design, less the one
    that the confounder takes: it is supposed to leave the design effect as it is. Errors of the design are robust
    ones, so that with equal weights and without clusters this comes near sensemakr, and with ``simple`` errors equals
    it. Interaction terms are coefficients like others.

    References
    ----------
    Cinelli, C., & Hazlett, C. (2020). Making sense of sensitivity: Extending omitted variable bias. Journal of the
    Royal Statistical Society B 82, 39-67. doi:10.1111/rssb.12348

    Examples
    --------
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> from kzsurvey.modelling.regression.regression import fit_regression
    >>> table = pd.DataFrame({"y": [1.0, 3, 2, 5, 4, 6, 8, 6], "x": [0.0, 1, 2, 3, 4, 5, 6, 7]})
    >>> fit = fit_regression(table, "y ~ x", design=make_design(weight=np.ones(8)))
    >>> found = robustness_value(fit, "x")
    >>> found[["partial_r2", "robustness_value", "robustness_value_interval"]].round(3).to_dict("records")
    [{'partial_r2': 0.792, 'robustness_value': 0.823, 'robustness_value_interval': 0.578}]
    """
    fail_if(_share_faults(fit, {"q": q, "alpha": alpha}), DesignError)
    names = [term] if isinstance(term, str) else list(term)
    return pd.DataFrame([_robustness(fit, _coefficient(fit, name, errors), q, alpha) for name in names])


def partial_r2(fit: Fit, term: str | Sequence[str]) -> float:
    """Share of what the other terms leave of the outcome that a term explains, by weight.

    Parameters
    ----------
    fit : Fit, of a linear model
    term : str or several
        Coefficients, or terms of the formula with all their columns (``C(level)``); several count together.

    Raises
    ------
    DesignError
        A model that is not linear, an unknown term.

    Examples
    --------
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> from kzsurvey.modelling.regression.regression import fit_regression
    >>> table = pd.DataFrame({"y": [1.0, 3, 2, 5, 4, 6], "x": [0.0, 1, 2, 3, 4, 5], "z": [0.0, 1, 0, 1, 0, 1]})
    >>> fit = fit_regression(table, "y ~ x + z", design=make_design(weight=np.ones(6)))
    >>> round(partial_r2(fit, "x"), 4), round(partial_r2(fit, ["x", "z"]), 4)
    (0.9643, 0.981)
    """
    _refuse_other_kinds(fit)
    return _r2_with_outcome(fit, _columns(fit, term))


def confounding_bounds(
    fit: Fit,
    term: str,
    *,
    benchmarks: str | Sequence[str],
    times: float | Sequence[float] = (1, 2, 3),
    outcome_times: Sequence[float] | None = None,
    alpha: float = 0.05,
    errors: str = "design",
) -> pd.DataFrame:
    r"""What an estimate would be beside a confounder as strong as, or some times as strong as, a known covariate.

    Parameters
    ----------
    fit : Fit, of a linear model
    term : str, a coefficient
    benchmarks : str or several
        Coefficients, or terms of the formula with all their columns (``C(level)``).
    times : float or several
        How many times as much of the term the confounder explains as the benchmark does.
    outcome_times : floats, as many
        The same of the outcome; as ``times`` where None.
    alpha, errors : as in :func:`robustness_value`

    Returns
    -------
    DataFrame, one row per benchmark and strength
        ``benchmark``, ``times``, ``treatment_r2``, ``outcome_r2``, ``estimate``, ``std_error``, ``df``, ``conf_low``,
        ``conf_high``, ``p_value``, all adjusted for the confounder, and ``capped``: whether the bound for the outcome
        was above 1 and taken as 1.

    Raises
    ------
    DesignError
        As :func:`robustness_value`; a confounder that would explain all of the term.

    References
    ----------
    Cinelli, C., & Hazlett, C. (2020). Making sense of sensitivity: Extending omitted variable bias. Journal of the
    Royal Statistical Society B 82, 39-67, section 4.4. doi:10.1111/rssb.12348

    Examples
    --------
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> from kzsurvey.modelling.regression.regression import fit_regression
    >>> table = pd.DataFrame({"y": [1.0, 3, 2, 5, 4, 6, 8, 6], "x": [0.0, 1, 2, 3, 4, 5, 6, 7],
    ...                       "z": [1.0, 1, 0, 1, 0, 1, 0, 0]})
    >>> fit = fit_regression(table, "y ~ x + z", design=make_design(weight=np.ones(8)))
    >>> confounding_bounds(fit, "x", benchmarks="z", times=1)[["treatment_r2", "estimate"]].round(3).to_dict("records")
    [{'treatment_r2': 0.424, 'estimate': 0.63}]
    """
    coefficient = _coefficient(fit, term, errors)
    strengths = np.atleast_1d(np.asarray(times, dtype=float))
    others = strengths if outcome_times is None else np.atleast_1d(np.asarray(outcome_times, dtype=float))
    names = [benchmarks] if isinstance(benchmarks, str) else list(benchmarks)
    place = _title(fit)
    if len(others) != len(strengths) or (strengths < 0).any() or (others < 0).any():
        raise DesignError(Fault(place, f"times {times}, outcome_times {outcome_times}", "as many, from 0 up"))
    bounds = [_bounds(fit, coefficient, name, strengths, others) for name in names]
    table = pd.concat(bounds, ignore_index=True)
    adjusted = _adjusted(coefficient, table["treatment_r2"].to_numpy(), table["outcome_r2"].to_numpy(), 1, alpha)
    return pd.concat([table.drop(columns="capped"), adjusted, table[["capped"]]], axis=1)


def adjusted_estimates(
    fit: Fit,
    term: str,
    *,
    treatment_r2: Sequence[float] = (0.01, 0.02, 0.05, 0.1, 0.2),
    outcome_r2: Sequence[float] = (0.01, 0.02, 0.05, 0.1, 0.2),
    away: bool = False,
    alpha: float = 0.05,
    errors: str = "design",
) -> pd.DataFrame:
    """Estimates beside confounders of every strength asked for.

    Parameters
    ----------
    fit : Fit, of a linear model
    term : str, a coefficient
    treatment_r2, outcome_r2 : floats from 0 up, below 1 for the treatment
        Partial R squared of the confounder with term and outcome; every pair of them.
    away : bool
        The confounder hides a part of the estimate, in place of making one up.
    alpha, errors : as in :func:`robustness_value`

    Returns
    -------
    DataFrame, one row per pair
        ``treatment_r2``, ``outcome_r2``, ``estimate``, ``std_error``, ``df``, ``conf_low``, ``conf_high``, ``p_value``.

    Raises
    ------
    DesignError
        As :func:`robustness_value`; shares that are none.

    Examples
    --------
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> from kzsurvey.modelling.regression.regression import fit_regression
    >>> table = pd.DataFrame({"y": [1.0, 3, 2, 5, 4, 6, 8, 6], "x": [0.0, 1, 2, 3, 4, 5, 6, 7]})
    >>> fit = fit_regression(table, "y ~ x", design=make_design(weight=np.ones(8)))
    >>> adjusted_estimates(fit, "x", treatment_r2=[0.1, 0.3], outcome_r2=[0.3])["estimate"].round(3).tolist()
    [0.766, 0.69]
    """
    coefficient = _coefficient(fit, term, errors)
    pairs = [(first, second) for first in np.atleast_1d(treatment_r2) for second in np.atleast_1d(outcome_r2)]
    grid = pd.DataFrame(pairs, columns=["treatment_r2", "outcome_r2"]).astype(float)
    wrong = ~(grid["treatment_r2"].between(0, 1, inclusive="left") & grid["outcome_r2"].between(0, 1))
    if wrong.any():
        found = f"R squared {grid[wrong].iloc[0].tolist()}"
        raise DesignError(Fault(_title(fit), found, "shares from 0 to 1, below 1 for the treatment"))
    sign = -1 if away else 1
    return pd.concat([grid, _adjusted(coefficient, *grid.to_numpy().T, sign, alpha)], axis=1)


class EValue(NamedTuple):
    """How strongly, as risk ratios, a confounder must be tied to both treatment and outcome.

    Attributes
    ----------
    e_value : float, to explain the estimate away
    e_value_interval : float, to move its interval to 1; 1 where it includes 1, missing where none was given
    risk_ratio, low, high : float, what the estimate counts as on the scale of risk ratios
    """

    e_value: float
    e_value_interval: float
    risk_ratio: float
    low: float
    high: float


def e_value(
    estimate: float,
    low: float | None = None,
    high: float | None = None,
    *,
    kind: str = "rr",
    rare: bool | None = None,
    sd: float | None = None,
    delta: float = 1.0,
) -> EValue:
    r"""Smallest strength of a confounder that explains an association away.

    Parameters
    ----------
    estimate : float, a ratio or a difference
    low, high : float, ends of its interval
    kind : {"rr", "or", "hr", "smd", "linear"}
        Risk (or rate) ratio, odds ratio, hazard ratio, standardised difference, linear coefficient.
    rare : bool
        Of an odds or hazard ratio: the outcome is rare (up to 15 %) at the end of the study, so that it counts as
        a risk ratio. Else the square root stands for an odds ratio, and :math:`(1 - 0.5^{\sqrt{HR}}) / (1 -
        0.5^{\sqrt{1 / HR}})` for a hazard ratio.
    sd : float
        Of a linear coefficient: standard deviation of the outcome given all covariates (conservative: of the outcome).
    delta : float
        Of a linear coefficient: the difference of the treatment that is meant.

    Returns
    -------
    EValue

    Raises
    ------
    DesignError
        An unknown kind; a ratio that is not above 0; an interval around something else; what a kind needs and lacks.

    Notes
    -----
    :math:`E = RR + \sqrt{RR (RR - 1)}`, for ratios below 1 of 1 / RR. A standardised difference d counts as
    :math:`\exp(0.91 d)`; that and the rules for common outcomes are approximations.

    References
    ----------
    VanderWeele, T. J., & Ding, P. (2017). Sensitivity analysis in observational research: Introducing the E-value.
    Annals of Internal Medicine 167, 268-274. doi:10.7326/M16-2607

    VanderWeele, T. J. (2017). On a square-root transformation of the odds ratio for a common outcome. Epidemiology 28,
    e58-e60. doi:10.1097/EDE.0000000000000733

    Examples
    --------
    >>> found = e_value(3.9, 1.8, 8.7)
    >>> round(found.e_value, 4), round(found.e_value_interval, 4)
    (7.263, 3.0)
    >>> round(e_value(0.5, kind="smd").e_value, 4)
    2.5291
    """
    fail_if(_measure_faults(estimate, low, high, kind, rare, sd), DesignError)
    to_ratio = _RATIOS[kind]
    ends = [np.nan if end is None else end for end in (low, high)]
    ratios = [float(to_ratio(value, rare, sd, delta)) for value in (estimate, *ends)]
    return _e_value(ratios[0], *sorted(ratios[1:]))


def e_value_of(
    fit: Fit,
    term: str,
    *,
    delta: float = 1.0,
    rare: bool | None = None,
    table: pd.DataFrame | None = None,
    contrast: tuple[object, object] | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """E-value of a term of a fit.

    Parameters
    ----------
    fit : Fit, linear, logistic, probit or Poisson
    term : str, a coefficient; with a table, a variable (or a term of it alone)
    delta : float, the difference of the term that is meant; not with a table
    rare : bool
        Of a logistic model: whether the outcome is rare; where None, it is up to a prevalence of 15 % by weight.
    table : DataFrame, the one the model was fitted to
        The risk ratio is then exact: expected outcomes averaged over the rows used, by weight, with everybody at each
        of the two values of the contrast; its interval is design-based. Needed for a probit model.
    contrast : two values of the variable
        With a table; where None, the two values of a variable that has two, else half a unit around its mean.
    level : float

    Returns
    -------
    DataFrame, one row
        ``model``, ``term``, ``measure`` (how the risk ratio was had), ``risk_ratio``, ``conf_low``, ``conf_high``,
        ``e_value``, ``e_value_interval``. Of a linear model the risk ratio is that of the difference in residual
        standard deviations (weighted sum of squares over n less coefficients).

    Raises
    ------
    DesignError
        A kind of model without a risk ratio; an unknown term or variable.

    Examples
    --------
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> from kzsurvey.modelling.regression.regression import fit_regression
    >>> table = pd.DataFrame({"y": [0, 0, 1, 0, 1, 1, 1, 0, 1, 0], "x": [0, 0, 0, 0, 0, 1, 1, 1, 1, 1]})
    >>> fit = fit_regression(table, "y ~ x", design=make_design(weight=np.ones(10)), family="logistic")
    >>> found = pd.concat([e_value_of(fit, "x"), e_value_of(fit, "x", table=table)])
    >>> found[["measure", "risk_ratio", "e_value"]].round(3).to_dict("records")
    [{'measure': 'odds ratio, outcome common', 'risk_ratio': 1.5, 'e_value': 2.366},
     {'measure': 'ratio of average risks', 'risk_ratio': 1.5, 'e_value': 2.366}]
    """
    if table is None:
        measure, name, found = _coefficient_e_value(fit, term, delta, rare, level)
    else:
        name = variable_of(fit, term)
        measure, found = _RISKS.get(fit.kind, ""), _risk_e_value(fit, name, table, contrast, level)
    row = {"model": fit.model, "term": name, "measure": measure, "risk_ratio": found.risk_ratio}
    row |= {"conf_low": found.low, "conf_high": found.high}
    return pd.DataFrame([row | {"e_value": found.e_value, "e_value_interval": found.e_value_interval}])


class _Coefficient(NamedTuple):
    """A coefficient with what omitted-variable bias needs.

    ``unit`` is the bias of a confounder with r_Y r_D / (1 - r_D) = 1; ``widen`` what a further coefficient adds to the
    error under ``simple`` errors; ``left`` the degrees of freedom of adjusted intervals.
    """

    title: str
    term: str
    place: int
    estimate: float
    unit: float
    std_error: float
    df: float
    widen: float
    left: float


def _title(fit: Fit) -> str:
    """What messages call a model."""
    return f"model {fit.model}".strip()


def _refuse_other_kinds(fit: Fit) -> None:
    """Partial R squared belongs to linear models."""
    if fit.kind == "linear" and "unscaled" in fit.extra:
        return
    tools = {"mediation": "mediation_sensitivity"} | dict.fromkeys(("logistic", "poisson", "probit"), "e_value_of")
    hint = "a linear regression of the same outcome, with any groups as clusters of the design, has one"
    if fit.kind in tools:
        hint = f"{tools[fit.kind]} says how strong a confounder would have to be"
    raise DesignError(Fault(_title(fit), f"robustness of a model of kind {fit.kind}", "a linear model", hint=hint))


def _share_faults(fit: Fit, shares: dict[str, float]) -> list[Fault]:
    """Shares that are none."""
    limits = {"q": ("a number above 0", lambda value: value > 0), "alpha": ("above 0 to 1", lambda at: 0 < at <= 1)}
    return [
        Fault(_title(fit), f"{name} = {value}", limits[name][0])
        for name, value in shares.items()
        if not limits[name][1](value)
    ]


def _coefficient(fit: Fit, term: str, errors: str) -> _Coefficient:
    """A coefficient of a linear fit, with the errors asked for."""
    _refuse_other_kinds(fit)
    title, names = _title(fit), list(fit.terms["term"])
    if errors not in ERRORS:
        raise DesignError(Fault(title, f"unknown errors {errors!r}", ", ".join(ERRORS), hint=nearest(errors, ERRORS)))
    if term not in names or term == "Intercept":
        others = [name for name in names if name != "Intercept"]
        raise DesignError(Fault(title, f"no term {term!r}", ", ".join(others), hint=nearest(term, others)))
    place = names.index(term)
    squares = fit.summary["deviance"] * fit.extra["unscaled"][place, place]
    row, free = fit.terms.iloc[place], float(fit.summary["n"] - len(names))
    found = (float(row["std_error"]), float(row["df"]), 1.0, float(row["df"]) - 1)
    if errors == "simple":
        widen = float(np.sqrt(free / (free - 1))) if free > 1 else np.nan
        found = (float(np.sqrt(squares / free)), free, widen, free)
    if not found[1] > 1:
        raise DesignError(Fault(title, f"{found[1]:g} degrees of freedom", "more than 1: a confounder takes one"))
    return _Coefficient(title, term, place, float(row["estimate"]), float(np.sqrt(squares)), *found)


def _robustness(fit: Fit, one: _Coefficient, q: float, alpha: float) -> dict[str, object]:
    """One row."""
    strength = abs(one.estimate) / one.unit
    critical = float(stdtrit(one.df - 1, 1 - alpha / 2)) * one.std_error * one.widen / one.unit
    return {
        "model": fit.model,
        "term": one.term,
        "estimate": one.estimate,
        "std_error": one.std_error,
        "df": one.df,
        "partial_r2": strength**2 / (1 + strength**2),
        "q": q,
        "robustness_value": _equal_strength(q * strength, 0.0),
        "alpha": alpha,
        "robustness_value_interval": _equal_strength(q * strength, critical),
    }


def _equal_strength(strength: float, critical: float) -> float:
    """Robustness value; the second form where a confounder is worst when it explains less of the outcome."""
    left = strength - critical
    if left <= 0:
        return 0.0
    if strength * critical > 1:
        return (strength**2 - critical**2) / (1 + strength**2)
    return (np.sqrt(left**4 + 4 * left**2) - left**2) / 2


def _columns(fit: Fit, term: str | Sequence[str]) -> np.ndarray:
    """Coefficients that are meant by name, or by the term of the formula that they belong to."""
    names, spec = list(fit.terms["term"]), fit.extra["spec"]
    groups = {str(one): list(columns) for one, columns in spec.term_indices.items() if str(one) != "1"}
    wanted = [term] if isinstance(term, str) else list(term)
    known = {name: [place] for place, name in enumerate(names) if name != "Intercept"} | groups
    fail_if(
        [
            Fault(_title(fit), f"no term {one!r}", ", ".join(known), hint=nearest(one, known))
            for one in wanted
            if one not in known
        ],
        DesignError,
    )
    return np.unique([place for one in wanted for place in known[one]])


def _r2_with_outcome(fit: Fit, columns: np.ndarray) -> float:
    """Partial R squared of some coefficients with the outcome, from their Wald statistic under simple errors."""
    estimate = fit.terms["estimate"].to_numpy()[columns]
    ratio = estimate @ np.linalg.solve(fit.extra["unscaled"][np.ix_(columns, columns)], estimate)
    return float(ratio / (ratio + fit.summary["deviance"]))


def _r2_with_term(fit: Fit, place: int, columns: np.ndarray) -> float:
    """Partial R squared of some columns with another, given all others, from the inverse of their products."""
    inverse = fit.extra["unscaled"]
    across = inverse[columns, place]
    explained = across @ np.linalg.solve(inverse[np.ix_(columns, columns)], across)
    return float(explained / inverse[place, place])


def _bounds(fit: Fit, one: _Coefficient, name: str, times: np.ndarray, outcome_times: np.ndarray) -> pd.DataFrame:
    """Strength of a confounder so many times as strong as a benchmark."""
    columns = _columns(fit, name)
    if one.place in columns:
        raise DesignError(Fault(one.title, f"{name} as its own benchmark", "another term"))
    with_term, with_outcome = _r2_with_term(fit, one.place, columns), _r2_with_outcome(fit, columns)
    treatment = times * with_term / (1 - with_term)
    shared = times * with_term**2 / ((1 - times * with_term) * (1 - with_term))
    impossible = (treatment >= 1) | (shared >= 1) | (times * with_term >= 1)
    if impossible.any():
        found = f"a confounder {times[impossible][0]:g} times as strong as {name} would explain all of {one.term}"
        raise DesignError(Fault(one.title, found, f"fewer than {(1 - with_term) / with_term:.3g} times"))
    factor = (np.sqrt(outcome_times) + np.sqrt(shared)) / np.sqrt(1 - shared)
    outcome = factor**2 * with_outcome / (1 - with_outcome)
    return pd.DataFrame(
        {"benchmark": name, "times": times, "treatment_r2": treatment, "outcome_r2": np.minimum(outcome, 1.0),
         "capped": outcome > 1}
    )  # fmt: skip


def _adjusted(one: _Coefficient, treatment: np.ndarray, outcome: np.ndarray, sign: int, alpha: float) -> pd.DataFrame:
    """Estimate and interval beside a confounder."""
    bias = one.unit * np.sqrt(outcome * treatment / (1 - treatment))
    estimate = np.copysign(1.0, one.estimate) * (abs(one.estimate) - sign * bias)
    std_error = one.std_error * one.widen * np.sqrt((1 - outcome) / (1 - treatment))
    df = one.left
    low, high = interval(estimate, std_error, df, level=1 - alpha)
    with np.errstate(divide="ignore", invalid="ignore"):
        probability = p_value(estimate / std_error, df)
    return pd.DataFrame(
        {"estimate": estimate, "std_error": std_error, "df": df, "conf_low": low, "conf_high": high,
         "p_value": probability}
    )  # fmt: skip


def _hazard_ratio(value: float, rare: bool | None) -> float:
    """Risk ratio of a hazard ratio."""
    return value if rare else (1 - 0.5 ** np.sqrt(value)) / (1 - 0.5 ** np.sqrt(1 / value))


_RATIOS: dict[str, Callable[[float, bool | None, float | None, float], float]] = {
    "rr": lambda value, rare, sd, delta: value,
    "or": lambda value, rare, sd, delta: value if rare else np.sqrt(value),
    "hr": lambda value, rare, sd, delta: _hazard_ratio(value, rare),
    "smd": lambda value, rare, sd, delta: np.exp(_PER_SD * value),
    "linear": lambda value, rare, sd, delta: np.exp(_PER_SD * value * delta / sd),
}


def _measure_faults(
    estimate: float, low: float | None, high: float | None, kind: str, rare: bool | None, sd: float | None
) -> list[Fault]:
    """What cannot be an estimate of this kind."""
    if kind not in _RATIOS:
        return [Fault("e_value", f"unknown kind {kind!r}", ", ".join(_RATIOS), hint=nearest(str(kind), _RATIOS))]
    given = [value for value in (estimate, low, high) if value is not None]
    faults = []
    if not np.isfinite(given).all() or (kind in ("rr", "or", "hr") and min(given) <= 0):
        allowed = "numbers above 0" if kind in ("rr", "or", "hr") else "finite numbers"
        faults.append(Fault("e_value", f"{kind} {', '.join(f'{value:g}' for value in given)}", allowed))
    if (low is not None and low > estimate) or (high is not None and high < estimate):
        faults.append(Fault("e_value", f"estimate {estimate:g} outside its interval {low} to {high}", "low to high"))
    if kind in ("or", "hr") and rare is None:
        faults.append(Fault("e_value", f"kind {kind!r} without rare", "rare=True (outcome up to 15 %) or rare=False"))
    if kind == "linear" and not (sd is not None and sd > 0):
        faults.append(Fault("e_value", f"kind 'linear' with sd {sd}", "sd above 0, of the outcome"))
    return faults


def _e_value(ratio: float, low: float, high: float) -> EValue:
    """E-values of a risk ratio and of the end of its interval that is nearer to 1."""

    def strength(value: float) -> float:
        away = value if value >= 1 else 1 / value
        return float(away + np.sqrt(away * (away - 1)))

    near = low if ratio >= 1 else high
    beyond = not (near <= 1 if ratio >= 1 else near >= 1)
    end = np.nan if np.isnan(near) else strength(near) if beyond else 1.0
    return EValue(strength(ratio), end, ratio, low, high)


def _coefficient_e_value(fit: Fit, term: str, delta: float, rare: bool | None, level: float) -> tuple[str, str, EValue]:
    """From a coefficient."""
    title, names = _title(fit), list(fit.terms["term"])
    if fit.kind not in ("linear", "logistic", "poisson"):
        found, allowed = f"an E-value from a coefficient of kind {fit.kind}", "linear, logistic, poisson"
        hint = "with a table, from average risks" if fit.kind == "probit" else ""
        raise DesignError(Fault(title, found, allowed, hint=hint))
    if term not in names or term == "Intercept":
        raise DesignError(Fault(title, f"no term {term!r}", ", ".join(names[1:]), hint=nearest(term, names)))
    row = fit.terms.iloc[names.index(term)]
    low, high = interval(row["estimate"], row["std_error"], row["df"], level=level)
    values = delta * np.array([row["estimate"], low, high])
    values = values if delta > 0 else values[[0, 2, 1]]
    if fit.kind == "linear":
        sd = float(np.sqrt(fit.summary["deviance"] / (fit.summary["n"] - len(names))))
        return "difference in residual standard deviations", term, e_value(*values, kind="linear", sd=sd)
    if fit.kind == "poisson":
        return "rate ratio", term, e_value(*np.exp(values))
    rare = _prevalence(fit) <= _RARE if rare is None else rare
    words = "rare" if rare else "common"
    return f"odds ratio, outcome {words}", term, e_value(*np.exp(values), kind="or", rare=rare)


def _prevalence(fit: Fit) -> float:
    """Share with the outcome, by weight: the average fitted probability."""
    fitted, rows = fit.extra["fitted"].to_numpy(dtype=float), fit.extra["rows"]
    return float(np.average(fitted[rows], weights=fit.extra["design"].weight[rows]))


_RISKS = {
    "logistic": "ratio of average risks",
    "probit": "ratio of average risks",
    "poisson": "ratio of average counts",
}


def _risk_e_value(
    fit: Fit, variable: str, table: pd.DataFrame, contrast: tuple[object, object] | None, level: float
) -> EValue:
    """From expected outcomes of everybody at two values of a variable."""
    title = _title(fit)
    if fit.kind not in _RISKS:
        found = f"average risks of a model of kind {fit.kind}"
        raise DesignError(Fault(title, found, ", ".join(_RISKS), hint="without a table for a linear model"))
    used = used_rows(fit, table)
    low, high = contrast or (None, None)
    weight = fit.extra["design"].weight[fit.extra["rows"]]
    values = treatment_values(used[variable], weight, low=low, high=high, title=title)
    found, covariance = infer(_log_ratio(fit, used, variable, values), fit.extra["design"])
    ends = interval(found[0], np.sqrt(covariance[0, 0]), float(fit.terms["df"].min()), level=level)
    return _e_value(*(float(np.exp(value)) for value in (found[0], *ends)))


def used_rows(fit: Fit, table: pd.DataFrame) -> pd.DataFrame:
    """The rows a model was fitted to, of the table that it was fitted to.

    Raises
    ------
    DesignError
        Another table.

    Examples
    --------
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> from kzsurvey.modelling.regression.regression import fit_regression
    >>> table = pd.DataFrame({"y": [1.0, 2.0, 4.0, None], "x": [0.0, 1.0, 2.0, 3.0]})
    >>> len(used_rows(fit_regression(table, "y ~ x", design=make_design(weight=np.ones(4))), table))
    3
    """
    rows = fit.extra["rows"]
    if len(table) != len(rows):
        found = f"a table of {len(table)} rows, the model was fitted to one of {len(rows)}"
        raise DesignError(Fault(_title(fit), found, "the table of the fit"))
    check_rows(fit.extra["design"], table, place=_title(fit))
    needed = sorted(map(str, fit.extra["spec"].required_variables))
    fail_if(unknown_variables(needed, table, name=fit.model), DesignError)
    return table.loc[rows]


def _log_ratio(fit: Fit, used: pd.DataFrame, variable: str, values: tuple[object, object]) -> Estimator:
    """Logarithm of the ratio of two average expected outcomes."""
    rows, family, offset = fit.extra["rows"], fit.extra["family"], fit.extra.get("offset", "")
    shift = used[offset].to_numpy(dtype=float) if offset else 0.0
    worlds = [model_matrix(fit.extra["spec"], set_to(used, {variable: value}), name=fit.model) for value in values]

    def estimator(weight: np.ndarray) -> Linearised:
        inner, own = fit.extra["estimator"](weight), weight[rows]
        share = own / own.sum()
        etas = [world @ inner.estimate + shift for world in worlds]
        risks = [family.mean(eta) for eta in etas]
        means = [share @ risk for risk in risks]
        slopes = [
            (share * family.slope(eta)) @ world / mean for eta, world, mean in zip(etas, worlds, means, strict=True)
        ]
        scores = np.zeros((len(weight), 1))
        scores[rows, 0] = risks[1] / means[1] - risks[0] / means[0]
        bread = np.concatenate([(slopes[1] - slopes[0]) @ inner.bread, [1 / own.sum()]])[None, :]
        estimate = np.array([np.log(means[1] / means[0])])
        return Linearised(estimate, np.concatenate([inner.scores, scores], axis=1), bread)

    return estimator
