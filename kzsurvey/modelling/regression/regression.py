"""Regression by estimating equations: linear, logistic, probit, Poisson and any family of statsmodels.

Coefficients come from iteratively reweighted least squares, errors from the one variance core. What has no answer
(a separated outcome, columns that repeat each other, fewer degrees of freedom than coefficients) is refused by name.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import fdtrc

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.regression.families import FAMILIES, Family
from kzsurvey.modelling.regression.few_clusters import corrected, least_move, small_sample_faults
from kzsurvey.modelling.regression.formulas import Prepared, model_matrix, nearest, offset_numbers, prepare
from kzsurvey.modelling.regression.results import Fit, terms_table
from kzsurvey.modelling.regression.solving import Problem, Refit, bread_of, gram, solve, spread
from kzsurvey.modelling.sampling.design import Design, check_rows, degrees_of_freedom, domain_rows
from kzsurvey.modelling.sampling.threads import one_thread
from kzsurvey.modelling.sampling.variance import Estimator, effective_df, infer

_REPEATED = 1e-7  # relative size of what is left of a column after the columns before it, as in R's lm


@dataclass(frozen=True, eq=False)
class Regression:
    """A regression on arrays.

    Attributes
    ----------
    estimate : (p,) array
    covariance : (p, p) array, design-based
    df : float, degrees of freedom of the design less the coefficients beside the intercept
    term_df : (p,) array, the same, or what a correction for few clusters leaves to each coefficient
    fitted : (n,) array, expected outcome; 0 outside the domain
    deviance, null_deviance : float, with weights that average 1
    unscaled : (p, p) array, covariance of a simple random sample with dispersion 1
    estimator : (n,) weights -> Linearised, the same fit under other weights
    in_one_cluster : (p, k) array, directions of the coefficients that rest on the rows of a single cluster, so that
        their error is unknown; mostly none
    """

    estimate: np.ndarray
    covariance: np.ndarray
    df: float
    term_df: np.ndarray
    fitted: np.ndarray
    deviance: float
    null_deviance: float
    unscaled: np.ndarray
    estimator: Estimator
    in_one_cluster: np.ndarray


@one_thread
def regress(
    outcome: np.ndarray,
    matrix: np.ndarray,
    *,
    design: Design,
    family: Family | str = "linear",
    names: tuple[str, ...] = (),
    where: np.ndarray | None = None,
    offset: np.ndarray | None = None,
    small_sample: str = "none",
    df: str = "design",
    name: str = "",
) -> Regression:
    r"""Regress on arrays, with design-based errors.

    Parameters
    ----------
    outcome : (n,) array
    matrix : (n, p) array, with its column of ones where an intercept is wanted
    design : Design, of the n rows
    family : Family or a key of ``FAMILIES``
    names : tuple of str
        Names of the columns, for messages.
    where : (n,) bool array
        Rows used; the others keep their place in the design.
    offset : (n,) array, added to the linear predictor
    small_sample : {"none", "CR1", "CR1S", "CR2", "CR3"}
        Correction for few clusters, see :func:`~kzsurvey.modelling.regression.few_clusters.corrected`; ``none`` as R's
        ``svyglm``.
    df : {"design", "satterthwaite"}
        Degrees of freedom: those of the design, as R; or fewer, by how unequally strata share in the variance of each
        coefficient (:func:`~kzsurvey.modelling.sampling.variance.effective_df`). A correction for few clusters has its
        own.
    name : str
        What messages call the model.

    Returns
    -------
    Regression

    Raises
    ------
    DesignError
        A constant outcome, outcomes the family does not know, columns that repeat each other, too few clusters,
        separation, no convergence, no variance left.

    Notes
    -----
    Solves :math:`\sum_i w_i x_i (y_i - \mu_i) \mu'_i / V_i = 0`; the bread is the inverse of the information expected,
    :math:`\sum_i w_i x_i x_i^T \mu_i'^2 / V_i`. The degrees of freedom are those of the design in the domain, less
    the number of coefficients, plus 1, as in R's ``svyglm``.

    Examples
    --------
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> x = np.array([0.0, 1.0, 2.0, 3.0])
    >>> line = regress(2 * x + [0, 1, 0, -1], np.column_stack([np.ones(4), x]), design=make_design(weight=np.ones(4)))
    >>> line.estimate.round(6).tolist(), line.df
    ([0.6, 1.6], 2.0)
    """
    place = f"model {name}".strip()
    family, matrix = _family(family, place), np.asarray(matrix, dtype=float)
    if matrix.ndim != 2:
        raise DesignError(
            Fault(place, f"a matrix of shape {matrix.shape}", "one row per interview, one column per term")
        )
    check_rows(
        design, matrix, where, np.asarray(outcome) if isinstance(outcome, list) else outcome, offset, place=place
    )
    where = domain_rows(where, len(matrix), place=place)
    where = None if where.all() else where
    rows = slice(None) if where is None else np.flatnonzero(where)
    shift = 0.0 if offset is None else np.asarray(offset, dtype=float)[rows]
    if names and len(names) != matrix.shape[1]:
        raise DesignError(Fault(place, f"{len(names)} names for {matrix.shape[1]} columns", "one for each"))
    names = names or tuple(f"x{number}" for number in range(1, matrix.shape[1] + 1))
    columns = np.ascontiguousarray(matrix[rows].T)
    problem = Problem(np.asarray(outcome, dtype=float)[rows], columns, shift, family, names, place)
    return _regressed(problem, design, where, small_sample, df)


def _regressed(problem: Problem, design: Design, where: np.ndarray | None, small_sample: str, rule: str) -> Regression:
    """Check, solve, infer."""
    rows = slice(None) if where is None else np.flatnonzero(where)
    whole, lost = degrees_of_freedom(design, where), len(problem.columns) - 1
    df = whole - lost
    _refuse_unanswerable(problem, design, rows, df, small_sample, rule)
    weight = design.weight[rows]
    full = solve(problem, weight)
    estimator = Refit(problem, rows, len(design), design.weight, full)
    term_df = np.full(lost + 1, df)
    estimate, covariance = infer(estimator, design)
    refuse_no_variance(covariance, estimate, problem.names, problem.place.removeprefix("model").strip())
    alone = np.zeros((lost + 1, 0))
    if design.replicates is None:
        alone = in_one_cluster(full.information, covariance, lambda: problem.columns.T, design.stages[0].cluster[rows])
    if rule != "design":
        term_df = effective_df(estimator(design.weight), whole, design, rule, lost=lost, place=problem.place)
    if small_sample != "none":
        linearised, cluster = covariance, design.stages[0].cluster[rows]
        covariance, term_df = corrected(problem, full, weight, cluster, small_sample)
        refuse_no_variance(covariance, estimate, problem.names, problem.place.removeprefix("model").strip())
        estimator = replace(estimator, correction=least_move(linearised, covariance))
    family, mu = problem.family, problem.family.mean(full.eta)
    relative = weight / weight.mean()
    return Regression(
        estimate=estimate,
        covariance=covariance,
        df=df,
        term_df=term_df,
        fitted=spread(mu, rows, len(design)),
        deviance=float(relative @ family.deviance(problem.y, mu)),
        null_deviance=float(relative @ family.deviance(problem.y, _null_fit(problem, weight))),
        unscaled=bread_of(problem, weight, full) * weight.mean(),
        estimator=estimator,
        in_one_cluster=alone,
    )


def fit_regression(
    table: pd.DataFrame,
    formula: str,
    *,
    design: Design,
    family: Family | str = "linear",
    name: str = "",
    where: np.ndarray | None = None,
    offset: str = "",
    small_sample: str = "none",
    df: str = "design",
    level: float = 0.95,
) -> Fit:
    """Regress by a formula over a table.

    Parameters
    ----------
    table : DataFrame, one row per interview
    formula : str
        ``y ~ x + C(group) + a:b``, as formulaic reads it; names of columns with spaces or signs in backticks.
    design : Design, of the rows of the table
    family : Family or a key of ``FAMILIES``
    name : str
    where : (n,) bool array, the domain
    offset : str
        Column added to the linear predictor as it is.
    small_sample : {"none", "CR1", "CR1S", "CR2", "CR3"}
        Correction for few clusters, as in :func:`regress`; with it each term has degrees of freedom of its own.
    df : {"design", "satterthwaite"}, as in :func:`regress`
    level : float, of the intervals

    Returns
    -------
    Fit
        ``summary`` holds ``n``, ``n_dropped``, ``clusters``, ``strata``, ``df``, ``r_squared`` (share of the deviance),
        ``deviance``, ``null_deviance``, ``dispersion``, ``wald_f``, ``wald_df``, ``wald_p`` (all terms beside the
        intercept), and for outcomes 0-1 and counts ``aic`` with its ``effective_parameters``; ``extra`` holds
        ``fitted``, ``family``, ``offset``, ``spec``, ``rows``, ``design``, ``estimator`` (weights -> Linearised),
        ``predict`` (coefficients, table -> expected outcome), ``unscaled`` (covariance of a simple random sample with
        dispersion 1), ``small_sample`` and ``in_one_cluster``: terms that rest on the rows of a single cluster (a
        category that nobody else is in, or that all others are compared with). One cluster does not tell how clusters
        differ, so that their error, interval and p value are missing (R gives an error that leaves this cluster out).

    References
    ----------
    Lumley, T., & Scott, A. (2015). AIC and BIC for modeling with complex survey data. Journal of Survey Statistics and
    Methodology 3, 1-18. doi:10.1093/jssam/smu021

    Examples
    --------
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> table = pd.DataFrame({"y": [1.0, 2.0, 4.0, 4.0, 6.0], "x": [0.0, 1.0, 2.0, 3.0, 4.0]})
    >>> fit = fit_regression(table, "y ~ x", design=make_design(weight=[1.0] * 5), name="line")
    >>> fit.terms[["term", "estimate", "df"]].round(6).to_dict("records")
    [{'term': 'Intercept', 'estimate': 1.0, 'df': 3.0}, {'term': 'x', 'estimate': 1.2, 'df': 3.0}]
    """
    family = _family(family, f"model {name}".strip())
    check_rows(design, table, where, place=f"model {name}".strip())
    prepared = prepare(formula, table, name=name, where=where, also=(offset,) if offset else ())
    outcome = outcome_numbers(prepared, family, name)
    rows, where = prepared.rows, None if prepared.rows.all() else prepared.rows
    shift = offset_numbers(table, offset, rows, name=name)[rows] if offset else 0.0
    columns, place = np.ascontiguousarray(prepared.matrix.T), f"model {name}".strip()
    problem = Problem(outcome, columns, shift, family, prepared.names, place)
    found = _regressed(problem, design, where, small_sample, df)
    about = {"model": name, "n": len(outcome), "n_dropped": prepared.n_dropped}
    terms = terms_table(
        prepared.names, found.estimate, found.covariance, found.term_df,
        level=level, **about, outcome=prepared.left, kind=family.name,
    )  # fmt: skip
    alone = found.in_one_cluster.any(axis=1)
    if alone.any():
        terms.loc[alone, ["std_error", "conf_low", "conf_high", "p_value"]] = np.nan
    summary = _summary(found, prepared.names, outcome, where, design, family)
    summary = {"n": about["n"], "n_dropped": about["n_dropped"], **summary}
    extra = {
        "fitted": pd.Series(np.where(rows, found.fitted, np.nan), index=table.index),
        "family": family,
        "offset": offset,
        "spec": prepared.spec,
        "rows": rows,
        "design": design,
        "estimator": found.estimator,
        "predict": _predictor(prepared, family, offset, name),
        "unscaled": found.unscaled,
        "small_sample": small_sample,
        "in_one_cluster": tuple(np.array(prepared.names, dtype=object)[alone]),
        "directions_in_one_cluster": found.in_one_cluster,
    }
    return Fit(name, family.name, terms, summary, found.covariance, extra)


def wald_test(estimate: np.ndarray, covariance: np.ndarray, df: float) -> tuple[float, int, float]:
    """F test that all of some coefficients are 0: statistic, degrees of freedom above the line, probability.

    Parameters
    ----------
    estimate : (q,) array
    covariance : (q, q) array
    df : float, below the line

    Raises
    ------
    DesignError
        No coefficients, or some without an estimate or an error.

    Examples
    --------
    >>> statistic, above, probability = wald_test(np.array([2.0]), np.array([[1.0]]), 10)
    >>> statistic, above, round(probability, 4)
    (4.0, 1, 0.0734)
    """
    size = np.sqrt(np.diag(covariance))
    if not (len(size) and np.isfinite(estimate).all() and np.isfinite(size).all() and (size > 0).all()):
        raise DesignError(Fault("wald_test", "coefficients without an estimate or an error", "errors above 0"))
    correlation = covariance / np.outer(size, size)
    rank = int(np.linalg.matrix_rank(correlation, hermitian=True))
    scaled = estimate / size
    statistic = float(scaled @ np.linalg.pinv(correlation, hermitian=True) @ scaled) / rank
    return statistic, rank, float(fdtrc(rank, df, statistic))


def _predictor(
    prepared: Prepared, family: Family, offset: str, name: str
) -> Callable[[np.ndarray, pd.DataFrame], np.ndarray]:
    """The expected outcome of the rows of a table, given coefficients; missing where a variable is."""

    def predict(parameters: np.ndarray, table: pd.DataFrame) -> np.ndarray:
        matrix = model_matrix(prepared.spec, table, name=name)
        used = np.isfinite(matrix).all(axis=1)
        shift = offset_numbers(table, offset, used, name=name) if offset else 0.0
        return family.mean(matrix @ parameters + shift)

    return predict


def _family(family: Family | str, place: str) -> Family:
    """A family, or that of a name."""
    if isinstance(family, str) and family not in FAMILIES:
        hint = nearest({"logit": "logistic"}.get(family, family), FAMILIES)
        raise DesignError(Fault(place, f"unknown family {family!r}", ", ".join(FAMILIES), hint=hint))
    if not isinstance(family, (str, Family)):
        hint = "statsmodels_family(family) takes one of statsmodels"
        raise DesignError(Fault(place, f"a family of kind {type(family).__name__}", ", ".join(FAMILIES), hint=hint))
    return FAMILIES[family] if isinstance(family, str) else family


_TRUTH = {"yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}


def outcome_numbers(prepared: Prepared, family: Family, name: str) -> np.ndarray:
    """The outcome as numbers; options named yes and no are 1 and 0.

    Examples
    --------
    >>> table = pd.DataFrame({"stays": ["yes", "no"], "x": [1.0, 2.0]})
    >>> outcome_numbers(prepare("stays ~ x", table), FAMILIES["logistic"], "H1").tolist()
    [1.0, 0.0]
    """
    outcome = prepared.outcome
    if pd.api.types.is_numeric_dtype(outcome.dtype):
        return outcome.to_numpy(dtype=float)
    truth = outcome.astype("object").map(lambda value: _TRUTH.get(str(value).lower(), np.nan)).astype(float)
    if family.outcomes == "binary" and truth.notna().all():
        return truth.to_numpy()
    words = ", ".join(sorted({str(value) for value in outcome})[:6])
    allowed = "0 and 1, or options named yes and no" if family.outcomes == "binary" else "numbers"
    hint = "a measure with this question as its one item, or a calculate, gives numbers"
    if getattr(outcome.dtype, "ordered", False):
        hint = f"fit_ordinal takes words in order; mediate, with kinds={{{prepared.left!r}: 'ordinal'}}"
    raise DesignError(Fault(f"model {name}".strip(), f"outcome {prepared.left} in words ({words})", allowed, hint=hint))


def _refuse_unanswerable(
    problem: Problem, design: Design, rows: slice | np.ndarray, df: float, small_sample: str, rule: str
) -> None:
    """What can be seen to have no answer before anything is solved."""
    place = problem.place
    if not len(problem.columns):
        raise DesignError(Fault(place, "a formula without terms", "at least an intercept"))
    faults = _unknown_faults(problem)
    fail_if(faults, DesignError)
    faults += _outcome_faults(problem, design.stages[0].cluster[rows])
    faults += small_sample_faults(small_sample, design, place)
    if small_sample != "none" and rule != "design":
        faults.append(Fault(place, f"df {rule!r} with small_sample {small_sample}, which has its own", "df design"))
    if df <= 0:
        coefficients = len(problem.columns)
        left = df + coefficients - 1
        found = f"{coefficients} coefficients on {left:g} degrees of freedom (clusters less strata)"
        faults += [Fault(place, found, f"at most {left:g} coefficients", hint="fewer terms, or more clusters")]
    fail_if(faults, DesignError)
    refuse_repeats(problem.columns.T, problem.names, place.removeprefix("model").strip())


def _unknown_faults(problem: Problem) -> list[Fault]:
    """Numbers that are missing or infinite: of arrays, no row is left out unseen."""
    parts = {"the outcome": problem.y, "the offset": np.atleast_1d(problem.shift)}
    parts |= {f"term {name}": column for name, column in zip(problem.names, problem.columns, strict=True)}
    return [
        Fault(problem.place, f"{name} is not a finite number in {count} interviews", "finite numbers")
        for name, values in parts.items()
        if (count := int((~np.isfinite(values)).sum()))
    ]


def _outcome_faults(problem: Problem, cluster: np.ndarray) -> list[Fault]:
    """Outcomes that the family cannot have, or that have nothing to explain."""
    y, place, outcomes = problem.y, problem.place, problem.family.outcomes
    if outcomes == "binary" and not ((y == 0) | (y == 1)).all():
        return [Fault(place, "an outcome with values other than 0 and 1", "0 and 1")]
    if outcomes == "counts" and (y < 0).any():
        return [Fault(place, "an outcome below 0", "counts from 0 up")]
    if len(y) and (y == y[0]).all():
        return [Fault(place, f"a constant outcome ({y[0]:g} for all {len(y)})", "an outcome that varies")]
    if outcomes == "binary" and len(y):
        return [
            Fault(place, f"outcome {value} in a single cluster", "two clusters or more with each outcome")
            for value in (0, 1)
            if (cluster[y == value] == cluster[y == value][0]).all()
        ]
    return []


def refuse_repeats(X: np.ndarray, names: tuple[str, ...], name: str) -> None:
    """Refuse columns that are a combination of those before them.

    Examples
    --------
    >>> refuse_repeats(np.array([[1.0, 2.0], [1.0, 2.0], [1.0, 2.0]]), ("Intercept", "x"), "H1")
    Traceback (most recent call last):
    kzsurvey.errors.DesignError: model H1: found term x is a combination of Intercept; \
allowed: terms that do not repeat each other; leave one out
    """
    products = gram(X.T)
    size = np.sqrt(products.diagonal())
    size = np.where(size > 0, size, 1.0)
    if np.linalg.eigvalsh(products / size / size[:, None])[0] > 1e-9:
        return  # the Gram matrix cannot tell smaller ones from rounding; then the columns themselves decide
    scaled = X / size
    triangle = np.linalg.qr(scaled, mode="r")
    short = np.linalg.norm(triangle, axis=0) == 0
    left = np.zeros(X.shape[1])  # of columns beyond the number of rows nothing is left
    left[: len(triangle)] = np.abs(np.diag(triangle))
    repeated = np.flatnonzero((left < _REPEATED) | short)
    fail_if([_repeat_fault(scaled, names, int(column), name) for column in repeated], DesignError)


def _repeat_fault(scaled: np.ndarray, names: tuple[str, ...], column: int, name: str) -> Fault:
    """Which columns a column repeats."""
    parts = np.linalg.lstsq(scaled[:, :column], scaled[:, column], rcond=None)[0]
    others = [names[number] for number in np.flatnonzero(np.abs(parts) > 1e-6)]
    found = f"term {names[column]} is a combination of {' + '.join(others)}" if others else f"term {names[column]} is 0"
    return Fault(f"model {name}".strip(), found, "terms that do not repeat each other", hint="leave one out")


def refuse_no_variance(covariance: np.ndarray, estimate: np.ndarray, names: tuple[str, ...], name: str) -> None:
    """Refuse errors of exactly nothing: they come from a design or a fit that leaves nothing to vary.

    Examples
    --------
    >>> refuse_no_variance(np.array([[0.0]]), np.array([2.0]), ("x",), "H1")
    Traceback (most recent call last):
    kzsurvey.errors.DesignError: model H1: found no variance left for term x; allowed: a standard error above 0; \
the model fits without error, or its clusters do not differ
    """
    variance = np.diag(covariance)
    none = ~(variance > 1e-24 * estimate**2) | ~np.isfinite(variance)
    hint = "the model fits without error, or its clusters do not differ"
    fail_if(
        [
            Fault(f"model {name}".strip(), f"no variance left for term {term}", "a standard error above 0", hint=hint)
            for term, bad in zip(names, none, strict=True)
            if bad
        ],
        DesignError,
    )


def in_one_cluster(
    information: np.ndarray, covariance: np.ndarray, moves: Callable[[], np.ndarray], cluster: np.ndarray
) -> np.ndarray:
    """Directions of the coefficients that rest on the rows of a single cluster.

    The residuals of such a cluster sum to 0 along them, so that no cluster adds anything to the error in that
    direction: the sum of squares of what the clusters add, information x covariance x information, has a null space.
    Where it has one, the rows that move along it tell whether they are of one cluster.

    Parameters
    ----------
    information : (p, p) array, up to a factor
    covariance : (p, p) array, linearised
    moves : function giving the (m, p) derivatives of the linear predictors; called where they are needed
    cluster : (m,) array, code of each row's cluster

    Returns
    -------
    (p, k) array, 0 for the coefficients that are not concerned

    Examples
    --------
    >>> rows = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
    >>> added = np.array([[2.0, 0.0], [-1.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])  # what each cluster adds to the scores
    >>> information = rows.T @ rows
    >>> covariance = np.linalg.inv(information) @ (added.T @ added) @ np.linalg.inv(information)
    >>> in_one_cluster(information, covariance, lambda: rows, np.arange(4)).any(axis=1).tolist()
    [False, True]
    """
    size = np.sqrt(np.diag(information))
    none = np.zeros((len(size), 0))
    values, vectors = np.linalg.eigh(information / size / size[:, None])
    if values[0] < 1e-8:
        return none  # too near to each other to tell
    root = vectors * np.sqrt(values)
    added, directions = np.linalg.eigh(root.T @ (covariance * size * size[:, None]) @ root)
    nothing = (vectors / np.sqrt(values)) @ directions[:, added <= 1e-12 * added[-1]]
    if not nothing.size:
        return none
    turned, triangle = np.linalg.qr(moves() / size @ nothing)
    nothing = nothing @ np.linalg.inv(triangle)
    shares = np.bincount(cluster, weights=(turned**2).sum(axis=1))
    found = [none]
    for one in np.flatnonzero(shares > 1 - 1e-6):
        own = turned[cluster == one]
        share, ways = np.linalg.eigh(own.T @ own)
        found.append(nothing @ ways[:, share > 1 - 1e-6])
    directions = np.hstack(found)
    return np.where(np.abs(directions) > 1e-6, directions, 0.0) / size[:, None]


def _null_fit(problem: Problem, weight: np.ndarray) -> np.ndarray:
    """Expected outcome under an intercept alone."""
    if not np.any(problem.shift):
        return np.full(len(problem.y), np.average(problem.y, weights=weight))
    alone = replace(problem, columns=np.ones((1, len(problem.y))), names=("Intercept",))
    return problem.family.mean(solve(alone, weight).eta)


def _summary(
    found: Regression, names: tuple[str, ...], y: np.ndarray, where: np.ndarray | None, design: Design, family: Family
) -> dict[str, float]:
    """Numbers about the whole fit."""
    rows = slice(None) if where is None else np.flatnonzero(where)
    weight, first = design.weight[rows], design.stages[0]
    clusters = np.flatnonzero(np.bincount(first.cluster[rows], minlength=len(first.stratum)))
    mu = found.fitted[rows]
    pearson = (y - mu) / np.sqrt(family.variance(mu))
    squares = (pearson - np.average(pearson, weights=weight)) ** 2
    told = (np.array(names, dtype=object) != "Intercept") & ~found.in_one_cluster.any(axis=1)
    others = np.flatnonzero(told)
    covariance = found.covariance[np.ix_(others, others)]
    tested = (np.nan,) * 3
    if len(others):
        tested = wald_test(found.estimate[others], covariance, float(found.term_df[others].min()))
    summary = {
        "clusters": len(clusters),
        "strata": len(np.unique(first.stratum[clusters])),
        "df": found.df,
        "r_squared": 1 - found.deviance / found.null_deviance,
        "deviance": found.deviance,
        "null_deviance": found.null_deviance,
        "dispersion": float(np.average(squares, weights=weight) * len(y) / (len(y) - 1)),
        "wald_f": tested[0],
        "wald_df": tested[1],
        "wald_p": tested[2],
    }
    if family.outcomes != "any":
        unscaled = found.unscaled[np.ix_(others, others)]
        effective = float(np.trace(np.linalg.solve(unscaled, covariance))) if len(others) else 0.0
        summary |= {"effective_parameters": effective, "aic": found.deviance + 2 * effective}
    return summary
