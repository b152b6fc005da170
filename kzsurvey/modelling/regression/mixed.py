"""Models whose intercept, and slopes where wanted, vary between groups such as organisations or villages.

The model speaks of a population of groups from which those seen are a sample of equal chances. Where chances were not
equal it is refused: that needs a weight for each level, which a weight per interview does not give.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import chdtri

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.regression.families import FAMILIES
from kzsurvey.modelling.regression.formulas import Prepared, model_matrix, nearest, prepare, unknown_variables
from kzsurvey.modelling.regression.group_likelihood import (
    Moments,
    Point,
    evaluate,
    likelihood_ends,
    make_moments,
    maximise,
    satterthwaite,
)
from kzsurvey.modelling.regression.mixed_categories import Found, constant_inside, fit_categories, group_weights
from kzsurvey.modelling.regression.regression import refuse_repeats
from kzsurvey.modelling.regression.results import Fit, terms_table
from kzsurvey.modelling.regression.solving import gram, spread
from kzsurvey.modelling.sampling.design import Design, Stage, check_rows, domain_rows
from kzsurvey.modelling.sampling.intervals import checked_level
from kzsurvey.modelling.sampling.threads import one_thread
from kzsurvey.modelling.sampling.variance import Estimator, Linearised

_FAMILIES = ("linear", "logistic", "ordinal")
_MOST_NODES = 101
_EXACT = 1e-12  # share of the outcome's variance left below which a model fits without error


@one_thread
def fit_mixed(
    table: pd.DataFrame,
    formula: str,
    *,
    groups: str,
    slopes: Sequence[str] | str = (),
    reml: bool = True,
    family: str = "linear",
    nodes: int = 15,
    design: Design | None = None,
    name: str = "",
    where: np.ndarray | None = None,
    level: float = 0.95,
) -> Fit:
    r"""Regress with an intercept, and slopes where wanted, that vary between groups.

    Parameters
    ----------
    table : DataFrame, one row per interview
    formula : str
        ``y ~ x + C(group) + a:b``, as formulaic reads it; names of columns with spaces or signs in backticks.
    groups : str
        Column that tells the groups. Interviews without a group are left out and counted.
    slopes : str or sequence of str
        Terms of the formula whose slopes vary between groups too, with covariances of any shape.
    reml : bool
        Restricted likelihood; with False the full one, for comparing models with different terms. Linear only.
    family : {"linear", "logistic", "ordinal"}
        ``ordinal`` is the cumulative logit. Both others have an intercept by group only.
    nodes : int
        Points of the adaptive Gauss-Hermite quadrature over groups, for the other families; 1 is Laplace's
        approximation.
    design : Design, of the rows of the table
        Only to be checked: equal weights, and no clusters beside the groups.
    name : str
    where : (n,) bool array, the domain
    level : float, of the intervals

    Returns
    -------
    Fit
        Terms have degrees of freedom after Satterthwaite; those of other families than ``linear`` count groups (terms
        that differ between groups only) or interviews less groups, less the terms of their sort.
        ``summary`` holds ``n``, ``n_dropped``, ``n_without_group``,
        ``groups``, ``smallest_group``, ``largest_group``, ``log_likelihood``, ``aic``, ``bic`` (with ``reml``, to
        compare models of the same terms only), ``sigma`` (residual standard deviation), ``icc`` (share of the groups in
        the variance that the terms leave, at the mean over interviews where slopes vary), ``icc_low``, ``icc_high``
        (from the profile of the likelihood; missing where slopes vary), ``r_squared_marginal`` (terms),
        ``r_squared_conditional`` (terms and groups), ``singular`` (1 where a variance is 0 or a correlation is 1).
        ``extra`` holds ``variances`` (table of the variance components), ``boundary`` (names of those at 0), ``random``
        (table of group effects, shrunk), ``fitted``, ``groups``, ``slopes``, ``reml``, ``spec``, ``rows``, ``design``
        (the groups as clusters), ``predict`` (coefficients, table -> outcome expected in an average group) and
        ``estimator`` (weights -> Linearised): with the ``design`` it gives errors that hold where groups vary otherwise
        than the model says; it takes any weights that are equal inside the groups.

        Of ``logistic`` and ``ordinal`` models, shares are of the variance on the scale of the logit (the logistic
        distribution has :math:`\pi^2 / 3`), ``group_sd`` is the standard deviation of the groups, with its
        ``group_sd_error``; the interval of ``icc`` is from the logarithm of ``group_sd``, and ``predict`` gives
        probabilities averaged over groups.

    Raises
    ------
    DesignError
        An unknown column or slope; a single group; groups of one interview only; a constant outcome; a slope that
        does not vary inside any group; columns that repeat each other; as many coefficients that differ between groups
        only as groups; a model that fits without error; no convergence; unequal weights, clusters beside the groups,
        finite populations or replicate weights.

    Notes
    -----
    :math:`y_{gi} = x_{gi}^T \beta + z_{gi}^T u_g + e_{gi}` with :math:`u_g \sim N(0, \Sigma)` and
    :math:`e_{gi} \sim N(0, \sigma^2)`. The likelihood is profiled over the coefficients and the residual variance and
    computed from sums by group. A variance at the edge is reported as 0. Explained variance is that of
    Nakagawa and Schielzeth, with Johnson's mean of :math:`z^T \Sigma z` where slopes vary.

    References
    ----------
    Laird, N. M., & Ware, J. H. (1982). Random-effects models for longitudinal data. Biometrics 38, 963-974.
    doi:10.2307/2529876
    Nakagawa, S., & Schielzeth, H. (2013). A general and simple method for obtaining R2 from generalized linear
    mixed-effects models. Methods in Ecology and Evolution 4, 133-142. doi:10.1111/j.2041-210x.2012.00261.x
    Li, P., & Redden, D. T. (2015). Comparing denominator degrees of freedom approximations for the generalized linear
    mixed model in analyzing binary outcome in small sample cluster-randomized trials. BMC Medical Research Methodology
    15, 38. doi:10.1186/s12874-015-0026-x
    Johnson, P. C. D. (2014). Extension of Nakagawa & Schielzeth's R2 GLMM to random slopes models. Methods in Ecology
    and Evolution 5, 944-946. doi:10.1111/2041-210X.12225
    Pfeffermann, D., Skinner, C. J., Holmes, D. J., Goldstein, H., & Rasbash, J. (1998). Weighting for unequal selection
    probabilities in multilevel models. Journal of the Royal Statistical Society B 60, 23-40.
    doi:10.1111/1467-9868.00106

    Examples
    --------
    >>> table = pd.DataFrame({"load": [1.0, 2, 3, 4, 5, 7, 5, 6, 9], "staff": [3.0, 2, 1, 3, 2, 1, 3, 2, 1]})
    >>> table["office"] = list("aaabbbccc")
    >>> fit = fit_mixed(table, "load ~ staff", groups="office", name="H1")
    >>> fit.terms[["term", "estimate", "std_error", "df"]].round(3).to_dict("records")
    [{'term': 'Intercept', 'estimate': 7.667, 'std_error': 1.473, 'df': 2.524},
     {'term': 'staff', 'estimate': -1.5, 'std_error': 0.247, 'df': 5.0}]
    >>> fit.extra["variances"][["term", "variance", "share"]].round(3).to_dict("records")
    [{'term': 'Intercept', 'variance': 5.656, 'share': 0.939}, {'term': 'residual', 'variance': 0.367, 'share': 0.061}]
    """
    place = f"model {name}".strip()
    checked_level(level)
    fail_if(
        [*unknown_variables([groups], table, name=name), *_option_faults(family, slopes, nodes, place)], DesignError
    )
    prepared = prepare(formula, table, name=name, where=where, also=(groups,))
    layout = _laid_out(prepared, table[groups], slopes, family, place)
    if design is not None:
        check_rows(design, table, where, place=place)
        fail_if(design_faults(design, prepared.rows, layout.code, groups, place), DesignError)
    shared = {"groups": groups, "slopes": layout.names[1:], "likelihood": family, "spec": prepared.spec}
    shared |= {"rows": prepared.rows, "design": _group_design(table[groups], prepared.rows)}
    if family == "linear":
        found = _linear(prepared, layout, table, reml=reml, place=place, level=level)
    else:
        found = fit_categories(
            prepared, table, layout.code, layout.labels, family=family, nodes=nodes, name=name, level=level
        )
    domain = domain_rows(where, len(table), place=place)
    counted = {"n": len(layout.code), "n_dropped": prepared.n_dropped}
    terms = terms_table(
        found.names, found.estimate, found.covariance, found.extra["df"], level=level, model=name,
        **counted, outcome=prepared.left, kind="mixed",
    )  # fmt: skip
    counted["n_without_group"] = int((domain & table[groups].isna().to_numpy()).sum())
    extra = {"variances": found.variances, **found.extra, **shared}
    return Fit(name, "mixed", terms, counted | found.summary, found.covariance, extra)


def _linear(
    prepared: Prepared, layout: "_Layout", table: pd.DataFrame, *, reml: bool, place: str, level: float
) -> Found:
    """A linear model: what is reported of it."""
    problem = _problem(prepared, layout, reml=reml, place=place)
    found = _solved(problem, np.ones(len(layout.labels)))
    variances = _variances(found, problem, str(layout.labels.name))
    extra = {
        "df": satterthwaite(found.moments, found.factor, problem.back),
        "boundary": tuple(variances.loc[variances["boundary"], "term"]),
        "random": _random(found, problem),
        "fitted": _fitted(found, problem, prepared.rows, table.index),
        "reml": reml,
        "family": FAMILIES["linear"],
        "offset": "",
        "predict": _predictor(prepared, place.removeprefix("model").strip()),
        "estimator": _estimator(problem, prepared.rows, found, place),
    }
    summary = _summary(found, problem, variances, level)
    return Found(prepared.names, found.beta, found.covariance, summary, variances, extra)


def _option_faults(family: str, slopes: Sequence[str] | str, nodes: int, place: str) -> list[Fault]:
    """Families there are, and what they can do."""
    if family not in _FAMILIES:
        hint = nearest(str(family), _FAMILIES)
        return [Fault(place, f"family {family!r}", ", ".join(_FAMILIES), hint=hint)]
    if family != "linear" and len(slopes):
        found = f"slopes that vary between groups in a {family} model"
        hint = "no slopes, or a regression with the groups as clusters of the design"
        return [Fault(place, found, "slopes of linear models", hint=hint)]
    if not 1 <= nodes <= _MOST_NODES:
        return [Fault(place, f"{nodes} nodes", f"1 to {_MOST_NODES}")]
    return []


def design_faults(design: Design, rows: np.ndarray, code: np.ndarray, groups: str, place: str) -> list[Fault]:
    """What of a design a model with group effects cannot answer.

    Parameters
    ----------
    design : Design
    rows : (n,) bool array, rows used
    code : (m,) array, group of each row used
    groups : str, name of the column
    place : str, what messages call the model

    Examples
    --------
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> design, everybody = make_design(weight=[1.0, 1, 2, 2]), np.ones(4, dtype=bool)
    >>> print(design_faults(design, everybody, np.array([0, 0, 1, 1]), "office", "model H1")[0])
    model H1: found unequal weights (1 to 2); allowed: equal weights: with unequal ones, group effects need a weight \
for each level (Pfeffermann et al. 1998); a regression (linear, logistic, ordinal) with the groups as clusters of \
the design takes the weights
    """
    weight = design.weight[rows]
    instead = "a regression (linear, logistic, ordinal) with the groups as clusters of the design"
    unequal = np.ptp(weight) > 1e-6 * weight.mean()
    levels = "equal weights: with unequal ones, group effects need a weight for each level (Pfeffermann et al. 1998)"
    beside = [number for number, stage in enumerate(design.stages, 1) if not _fits(stage.cluster[rows], code)]
    first = design.stages[0]
    own = len(np.unique(first.cluster[rows])) == len(code)
    strata = own and len(first.drawn) > 1
    finite = any(np.isfinite(stage.population).any() for stage in design.stages)
    alone = f"the groups ({groups}) as the only clusters"
    told = [
        (unequal, f"unequal weights ({weight.min():g} to {weight.max():g})", levels, f"{instead} takes the weights"),
        (
            bool(beside),
            f"clusters of the design other than the groups ({groups})",
            alone,
            f"{instead}, or groups = them",
        ),
        (strata, "strata beside the groups", alone, instead),
        (finite, "a finite population", "groups drawn from many, as a model with group effects takes them", instead),
        (design.replicates is not None, "replicate weights", "a design without them", instead),
        (bool(design.calibrations), "calibrated weights", "equal weights as drawn", instead),
    ]
    return [Fault(place, found, allowed, hint=hint) for bad, found, allowed, hint in told if bad]


def _fits(cluster: np.ndarray, code: np.ndarray) -> bool:
    """Whether clusters are the rows themselves, or the groups."""
    count = len(np.unique(cluster))
    if count == len(code):
        return True
    pairs = len(np.unique(cluster.astype(np.int64) * (int(code.max()) + 1) + code))
    return count == pairs == int(code.max()) + 1


class _Layout(NamedTuple):
    """Groups and varying terms of the rows used."""

    code: np.ndarray
    labels: pd.Index
    names: tuple[str, ...]
    varying: np.ndarray


def _laid_out(prepared: Prepared, groups: pd.Series, slopes: Sequence[str] | str, family: str, place: str) -> _Layout:
    """Code the groups, find the slopes; refuse what has no answer."""
    slopes = (slopes,) if isinstance(slopes, str) else tuple(slopes)
    known = [term for term in prepared.names if term != "Intercept"]
    fail_if(
        [
            Fault(place, f"slope {term!r} that is no term of the formula", ", ".join(known), hint=nearest(term, known))
            for term in slopes
            if term not in known
        ],
        DesignError,
    )
    used = groups[prepared.rows] if not prepared.rows.all() else groups
    code, labels = pd.factorize(used)
    varying = np.array([np.ones(len(code)), *[prepared.matrix[:, prepared.names.index(term)] for term in slopes]])
    layout = _Layout(code, pd.Index(labels, name=groups.name), ("Intercept", *slopes), varying)
    outcome = _outcome_faults(prepared, place) if family == "linear" else []
    fail_if([*_group_faults(layout, groups.name, place), *outcome], DesignError)
    fail_if(_slope_faults(layout, place), DesignError)
    return layout


def _group_faults(layout: _Layout, groups: str, place: str) -> list[Fault]:
    """Too few groups, or too little in them."""
    count, n, q = len(layout.labels), len(layout.code), len(layout.names)
    if count < 2:
        return [Fault(place, f"a single group ({groups} {layout.labels[0]})", "two groups or more")]
    if count == n:
        found, hint = f"groups of one interview only ({groups})", "a regression without groups"
        return [Fault(place, found, "several interviews in some groups", hint=hint)]
    if n <= count * q:
        found = f"{q} effects that vary over {count} groups of {n} interviews in all"
        return [Fault(place, found, f"more than {count * q} interviews", hint="fewer slopes")]
    return []


def _outcome_faults(prepared: Prepared, place: str) -> list[Fault]:
    """An outcome in words, or with nothing to explain."""
    if not pd.api.types.is_numeric_dtype(prepared.outcome.dtype):
        words = ", ".join(sorted({str(value) for value in prepared.outcome})[:6])
        hint = "a measure with this question as its one item, or a calculate, gives numbers"
        return [Fault(place, f"outcome {prepared.left} in words ({words})", "numbers", hint=hint)]
    y = prepared.outcome.to_numpy(dtype=float)
    if (y == y[0]).all():
        return [Fault(place, f"a constant outcome ({y[0]:g} for all {len(y)})", "an outcome that varies")]
    return []


def _slope_faults(layout: _Layout, place: str) -> list[Fault]:
    """Slopes of what is the same for everybody in a group."""
    hint = "leave the slope out; as a term of the formula it stays"
    return [
        Fault(
            place, f"slope {term} of what does not vary inside any group", "terms that differ inside groups", hint=hint
        )
        for term, column in zip(layout.names[1:], layout.varying[1:], strict=True)
        if constant_inside(column, layout.code)
    ]


@dataclass(frozen=True, eq=False)
class _Problem:
    """A model on standard columns, and the way back to those of the formula.

    ``columns`` (p + 1, n): standardised, with what ordinary least squares leave of the outcome last, of variance 1;
    ``back`` (p, p): coefficients of standard columns to those of the formula, both in units of ``unit``; ``ordinary``
    (p,): the coefficients of ordinary least squares; ``turn`` (q, q): varying columns to those whose products average
    the unit matrix; ``matrix`` (n, p) and ``y`` (n,): as the formula gives them.
    """

    columns: np.ndarray
    back: np.ndarray
    ordinary: np.ndarray
    unit: float
    turn: np.ndarray
    layout: _Layout
    matrix: np.ndarray
    y: np.ndarray
    reml: bool
    place: str


def _problem(prepared: Prepared, layout: _Layout, *, reml: bool, place: str) -> _Problem:
    """Standardise, so that no digit is lost to the scales of columns and outcome."""
    matrix, y, names = prepared.matrix, prepared.outcome.to_numpy(dtype=float), prepared.names
    if not names:
        raise DesignError(Fault(place, "a formula without terms", "at least an intercept"))
    refuse_repeats(matrix, names, place.removeprefix("model").strip())
    columns = np.empty((len(names) + 1, len(y)))
    for target, column in zip(columns, matrix.T, strict=False):
        target[:] = column
    back = np.eye(len(names))
    ones = np.flatnonzero([name == "Intercept" for name in names])
    if len(ones):
        means = np.where(np.arange(len(names)) == ones[0], 0.0, columns[:-1].mean(axis=1))
        columns[:-1] -= means[:, None]
        back[ones[0]] -= means
    size = np.sqrt(np.array([column @ column for column in columns[:-1]]) / len(y))
    columns[:-1] /= size[:, None]
    back = back / size
    products = gram(columns[:-1])
    middle = y.mean() if len(ones) else 0.0
    slope = np.linalg.solve(products, columns[:-1] @ (y - middle))
    left = y - middle - slope @ columns[:-1]
    unit = float(np.sqrt(left @ left / len(y)))
    _refuse_no_error(unit, y, place)
    columns[-1] = left / unit
    ordinary = back @ slope
    if len(ones):
        ordinary[ones[0]] += middle
    _refuse_between_only(columns[:-1], layout, names, place)
    turn = np.linalg.inv(np.linalg.cholesky(gram(layout.varying) / len(y))).T
    return _Problem(columns, back, ordinary, unit, turn, layout, matrix, y, reml, place)


def _refuse_no_error(unit: float, y: np.ndarray, place: str) -> None:
    """A model that leaves nothing has no errors to report."""
    if unit**2 <= _EXACT * y.var():
        raise DesignError(
            Fault(place, "no variance left: the terms give the outcome without error", "an error to model")
        )


def _refuse_between_only(columns: np.ndarray, layout: _Layout, names: tuple[str, ...], place: str) -> None:
    """Coefficients that only groups can tell, when there are no more groups than those."""
    count = len(layout.labels)
    if len(names) < count:
        return
    between = [term for term, column in zip(names, columns, strict=True) if constant_inside(column, layout.code)]
    if len(between) >= count:
        found = f"{len(between)} coefficients that differ between groups only ({', '.join(between)}) on {count} groups"
        raise DesignError(Fault(place, found, f"fewer than {count}", hint="fewer terms of groups, or more groups"))


class _Solution(NamedTuple):
    """A fitted model: in standard columns (``factor``, ``point``, ``moments``) and in those of the formula."""

    factor: np.ndarray
    point: Point
    moments: Moments
    beta: np.ndarray
    covariance: np.ndarray
    variance: float
    groups: np.ndarray


def _solved(problem: _Problem, weight: np.ndarray) -> _Solution:
    """The best variances, and the coefficients there, with groups weighted."""
    layout = problem.layout
    moments = make_moments(problem.columns, layout.varying, layout.code, weight, restricted=problem.reml)
    turn = problem.turn
    turned = Moments(
        moments.whole, turn.T @ moments.zz @ turn, turn.T @ moments.zx, weight, moments.count, problem.reml
    )
    factor = maximise(turned, problem.place)
    point = evaluate(turned, factor)
    relative = point.squares / turned.spread_over
    variance = relative * problem.unit**2
    if relative <= _EXACT:
        found = "no variance left: terms and groups give the outcome without error"
        raise DesignError(Fault(problem.place, found, "an error to model"))
    covariance = variance * problem.back @ point.unscaled @ problem.back.T
    beta = problem.ordinary + problem.unit * (problem.back @ point.beta)
    half = turn @ factor
    return _Solution(factor, point, turned, beta, covariance, variance, variance * half @ half.T)


def _variances(found: _Solution, problem: _Problem, groups: str) -> pd.DataFrame:
    """The variance components; those at the edge are 0, or correlations of 1, and marked."""
    names, covariance = problem.layout.names, found.groups
    weight = np.diag(gram(problem.layout.varying)) / len(problem.y)
    variance = np.diag(covariance).copy()
    edge = variance * weight <= 1e-10 * (found.variance + variance @ weight)
    variance[edge] = 0.0
    deviation = np.sqrt(variance)
    rows = [(groups, term, value, np.sqrt(value), np.nan, bool(none))
            for term, value, none in zip(names, variance, edge, strict=True)]  # fmt: skip
    for one in range(len(names)):
        for other in range(one):
            size = deviation[one] * deviation[other]
            correlation = float(np.clip(covariance[one, other] / size, -1, 1)) if size else np.nan
            term = f"{names[other]}, {names[one]}"
            rows.append((groups, term, correlation * size, np.nan, correlation, abs(correlation) > 1 - 1e-8))
    rows.append(("", "residual", found.variance, np.sqrt(found.variance), np.nan, False))
    table = pd.DataFrame(rows, columns=["group", "term", "variance", "std_dev", "correlation", "boundary"])
    share = table["variance"] / table["variance"].sum() if len(names) == 1 else np.nan
    return table.assign(share=share)


def _summary(found: _Solution, problem: _Problem, variances: pd.DataFrame, level: float) -> dict[str, float]:
    """Numbers about the whole fit."""
    n, p = problem.matrix.shape
    q, size = len(problem.layout.names), np.bincount(problem.layout.code)
    deviance = found.point.deviance + 2 * found.moments.spread_over * np.log(problem.unit)
    deviance -= 2 * np.linalg.slogdet(problem.back)[1] * problem.reml
    parameters = p + q * (q + 1) // 2 + 1
    between = float(np.sum(found.factor**2))  # mean of z' Sigma z: the turned columns average the unit matrix
    low, high = (np.nan, np.nan)
    if q == 1:
        ends = np.square(likelihood_ends(found.moments, found.factor, float(chdtri(1, 1 - level))))
        low, high = ends / (1 + ends)
    explained = float(np.var(problem.matrix @ found.beta, ddof=1)) / found.variance
    total = explained + between + 1
    return {
        "groups": len(size),
        "smallest_group": int(size.min()),
        "largest_group": int(size.max()),
        "log_likelihood": -deviance / 2,
        "aic": deviance + 2 * parameters,
        "bic": deviance + np.log(n) * parameters,
        "sigma": float(np.sqrt(found.variance)),
        "icc": between / (between + 1),
        "icc_low": float(low),
        "icc_high": float(high),
        "r_squared_marginal": explained / total,
        "r_squared_conditional": (explained + between) / total,
        "singular": float(variances["boundary"].any()),
    }


def _random(found: _Solution, problem: _Problem) -> pd.DataFrame:
    """The effects expected of each group, given what was seen of it."""
    turned = problem.unit * found.point.residual @ (found.factor @ found.factor.T)
    names = list(problem.layout.names)
    return pd.DataFrame(turned @ problem.turn.T, index=problem.layout.labels, columns=names).sort_index()


def _fitted(found: _Solution, problem: _Problem, rows: np.ndarray, index: pd.Index) -> pd.Series:
    """The outcome expected in each row's own group; missing outside the domain."""
    turned = problem.unit * found.point.residual @ (found.factor @ found.factor.T) @ problem.turn.T
    layout = problem.layout
    fitted = problem.matrix @ found.beta
    for effect, column in zip(turned.T, layout.varying, strict=True):
        fitted += effect[layout.code] * column
    whole = np.full(len(rows), np.nan)
    whole[rows] = fitted
    return pd.Series(whole, index=index)


def _group_design(groups: pd.Series, rows: np.ndarray) -> Design:
    """Groups as clusters of equal weight; rows without a group, which no score reaches, lie in any."""
    code, labels = pd.factorize(groups)
    cluster, one = np.where(code < 0, code[rows.argmax()], code), np.ones(1)
    stratum = np.zeros(len(labels), dtype=np.int64)
    stage = Stage(cluster, stratum, one * len(labels), one * np.inf, one, np.zeros(1, dtype=np.int64))
    return Design(weight=np.ones(len(groups)), stages=(stage,), index=groups.index)


def _predictor(prepared: Prepared, name: str) -> Callable[[np.ndarray, pd.DataFrame], np.ndarray]:
    """The outcome expected in an average group."""

    def predict(parameters: np.ndarray, table: pd.DataFrame) -> np.ndarray:
        return model_matrix(prepared.spec, table, name=name) @ parameters

    return predict


def _estimator(problem: _Problem, rows: np.ndarray, full: _Solution, place: str) -> Estimator:
    """The coefficients under weights of the groups, variances estimated anew."""
    layout, used = problem.layout, np.flatnonzero(rows)

    def estimate(weight: np.ndarray) -> Linearised:
        own = np.asarray(weight, dtype=float)[used]
        counted, scale = group_weights(own, layout.code, place), len(own) / own.sum()
        found = full if np.ptp(own) <= 1e-9 * own.mean() else _solved(problem, counted * scale)
        scores = _scores(problem, found)
        bread = problem.unit * scale * problem.back @ found.point.unscaled
        return Linearised(found.beta, spread(scores, used, len(rows)), bread)

    return estimate


def _scores(problem: _Problem, found: _Solution) -> np.ndarray:
    """(m, p) what each row adds to the equations of the coefficients, in standard columns."""
    layout, point = problem.layout, found.point
    left = problem.columns[-1] - point.beta @ problem.columns[:-1]
    pull = (problem.turn @ (found.factor @ found.factor.T)) @ point.pulled
    scores = problem.columns[:-1].T.copy()
    for number, column in enumerate(layout.varying):
        scores -= column[:, None] * pull[layout.code, number]
    return scores * left[:, None]
