"""Regression by estimating equations: linear, logistic, probit, Poisson and any family of statsmodels.

Coefficients come from iteratively reweighted least squares, errors from the one variance core. What has no answer
(a separated outcome, columns that repeat each other, fewer degrees of freedom than coefficients) is refused by name.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.special import fdtrc

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.design import Design, degrees_of_freedom
from kzsurvey.modelling.families import FAMILIES, Family
from kzsurvey.modelling.formulas import Prepared, prepare
from kzsurvey.modelling.results import Fit, terms_table
from kzsurvey.modelling.variance import Linearised, infer

_STEPS = 60
_REPEATED = 1e-7  # relative size of what is left of a column after the columns before it, as in R's lm
_FAR = 12.0  # a linear predictor this far out may be on its way to infinity


@dataclass(frozen=True, eq=False)
class Regression:
    """A regression on arrays.

    Attributes
    ----------
    estimate : (p,) array
    covariance : (p, p) array, design-based
    df : float, degrees of freedom of the design less the coefficients beside the intercept
    fitted : (n,) array, expected outcome; 0 outside the domain
    deviance, null_deviance : float, with weights that average 1
    unscaled : (p, p) array, covariance of a simple random sample with dispersion 1
    """

    estimate: np.ndarray
    covariance: np.ndarray
    df: float
    fitted: np.ndarray
    deviance: float
    null_deviance: float
    unscaled: np.ndarray


def regress(
    outcome: np.ndarray,
    matrix: np.ndarray,
    *,
    design: Design,
    family: Family | str = "linear",
    names: tuple[str, ...] = (),
    where: np.ndarray | None = None,
    offset: np.ndarray | None = None,
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
    >>> from kzsurvey.modelling.design import make_design
    >>> x = np.array([0.0, 1.0, 2.0, 3.0])
    >>> line = regress(2 * x + [0, 1, 0, -1], np.column_stack([np.ones(4), x]), design=make_design(weight=np.ones(4)))
    >>> line.estimate.round(6).tolist(), line.df
    ([0.6, 1.6], 2.0)
    """
    family = FAMILIES[family] if isinstance(family, str) else family
    if not matrix.shape[1]:
        raise DesignError(Fault(f"model {name}".strip(), "a formula without terms", "at least an intercept"))
    names = names or tuple(f"x{number}" for number in range(1, matrix.shape[1] + 1))
    rows = slice(None) if where is None or where.all() else np.flatnonzero(where)
    y, X = np.asarray(outcome, dtype=float)[rows], np.asarray(matrix, dtype=float)[rows]
    shift = np.zeros(len(y)) if offset is None else np.asarray(offset, dtype=float)[rows]
    df = degrees_of_freedom(design, where) - X.shape[1] + 1
    fail_if([*_outcome_faults(y, family, name), *_df_faults(df, X, design, where, name)], DesignError)
    _refuse_repeats(X, names, name)
    place = f"model {name}".strip()
    problem = _Problem(y, X, shift, family, family.link(family.start(y)), names, place)
    found = {}

    def estimator(weight: np.ndarray) -> Linearised:
        beta, eta, bread = _solved(problem, weight[rows])
        mu = family.mean(eta)
        scores = X * ((y - mu) * family.slope(eta) / family.variance(mu))[:, None]
        found.setdefault("full", (mu, bread))
        return Linearised(beta, _spread(scores, rows, len(design)), bread)

    estimate, covariance = infer(estimator, design)
    _refuse_no_variance(covariance, estimate, names, name)
    mu, bread = found["full"]
    weight = design.weight[rows] / design.weight[rows].mean()
    return Regression(
        estimate=estimate,
        covariance=covariance,
        df=df,
        fitted=_spread(mu[:, None], rows, len(design))[:, 0],
        deviance=float(weight @ family.deviance(y, mu)),
        null_deviance=float(weight @ family.deviance(y, _null_fit(problem, weight))),
        unscaled=bread * design.weight[rows].mean(),
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
    level: float = 0.95,
) -> Fit:
    """Regress by a formula over a table.

    Parameters
    ----------
    table : DataFrame, one row per interview
    formula : str, as in :func:`kzsurvey.modelling.formulas.prepare`
    design : Design, of the rows of the table
    family : Family or a key of ``FAMILIES``
    name : str
    where : (n,) bool array, the domain
    offset : str
        Column added to the linear predictor as it is.
    level : float, of the intervals

    Returns
    -------
    Fit
        ``summary`` holds ``n``, ``n_dropped``, ``clusters``, ``strata``, ``df``, ``r_squared`` (share of the deviance),
        ``deviance``, ``null_deviance``, ``dispersion``, ``wald_f``, ``wald_df``, ``wald_p`` (all terms beside the
        intercept), and for outcomes 0-1 and counts ``aic`` with its ``effective_parameters``; ``extra`` holds
        ``fitted`` and ``spec``.

    References
    ----------
    Lumley, T., & Scott, A. (2015). AIC and BIC for modeling with complex survey data. Journal of Survey Statistics and
    Methodology 3, 1-18. doi:10.1093/jssam/smu021

    Examples
    --------
    >>> from kzsurvey.modelling.design import make_design
    >>> table = pd.DataFrame({"y": [1.0, 2.0, 4.0, 4.0, 6.0], "x": [0.0, 1.0, 2.0, 3.0, 4.0]})
    >>> fit = fit_regression(table, "y ~ x", design=make_design(weight=[1.0] * 5), name="line")
    >>> fit.terms[["term", "estimate", "df"]].round(6).to_dict("records")
    [{'term': 'Intercept', 'estimate': 1.0, 'df': 3.0}, {'term': 'x', 'estimate': 1.2, 'df': 3.0}]
    """
    family = FAMILIES[family] if isinstance(family, str) else family
    prepared = prepare(formula, table, name=name, where=where, also=(offset,) if offset else ())
    outcome = _outcome_numbers(prepared, family, name)
    rows, count = prepared.rows, len(table)
    found = regress(
        _spread(outcome[:, None], rows, count)[:, 0],
        _spread(prepared.matrix, rows, count),
        design=design,
        family=family,
        names=prepared.names,
        where=rows,
        offset=table[offset].astype(float).to_numpy() if offset else None,
        name=name,
    )
    about = {"model": name, "n": int(rows.sum()), "n_dropped": prepared.n_dropped}
    terms = terms_table(
        prepared.names, found.estimate, found.covariance, found.df,
        level=level, **about, outcome=prepared.left, kind=family.name,
    )  # fmt: skip
    summary = _summary(found, prepared.names, outcome, rows, design, family)
    summary = {"n": about["n"], "n_dropped": about["n_dropped"], **summary}
    extra = {"fitted": pd.Series(found.fitted, index=table.index).where(rows), "spec": prepared.spec}
    return Fit(name, family.name, terms, summary, found.covariance, extra)


def wald_test(estimate: np.ndarray, covariance: np.ndarray, df: float) -> tuple[float, int, float]:
    """F test that all of some coefficients are 0: statistic, degrees of freedom above the line, probability.

    Parameters
    ----------
    estimate : (q,) array
    covariance : (q, q) array
    df : float, below the line

    Examples
    --------
    >>> statistic, above, probability = wald_test(np.array([2.0]), np.array([[1.0]]), 10)
    >>> statistic, above, round(probability, 4)
    (4.0, 1, 0.0734)
    """
    size = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(size, size)
    rank = int(np.linalg.matrix_rank(correlation, hermitian=True))
    scaled = estimate / size
    statistic = float(scaled @ np.linalg.pinv(correlation, hermitian=True) @ scaled) / rank
    return statistic, rank, float(fdtrc(rank, df, statistic))


_TRUTH = {"yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0, "1": 1.0, "0": 0.0}


def _outcome_numbers(prepared: Prepared, family: Family, name: str) -> np.ndarray:
    """The outcome as numbers; options named yes and no are 1 and 0."""
    outcome = prepared.outcome
    if pd.api.types.is_numeric_dtype(outcome.dtype):
        return outcome.to_numpy(dtype=float)
    truth = outcome.astype("object").map(lambda value: _TRUTH.get(str(value).lower(), np.nan)).astype(float)
    if family.outcomes == "binary" and truth.notna().all():
        return truth.to_numpy()
    words = ", ".join(sorted({str(value) for value in outcome})[:6])
    allowed = "0 and 1, or options named yes and no" if family.outcomes == "binary" else "numbers"
    hint = "a measure with this question as its one item, or a calculate, gives numbers"
    raise DesignError(Fault(f"model {name}".strip(), f"outcome {prepared.left} in words ({words})", allowed, hint=hint))


def _spread(values: np.ndarray, rows: np.ndarray | slice, count: int) -> np.ndarray:
    """Rows used, put back among all rows; 0 elsewhere."""
    if len(values) == count:
        return values
    full = np.zeros((count, values.shape[1]))
    full[rows] = values
    return full


def _outcome_faults(y: np.ndarray, family: Family, name: str) -> list[Fault]:
    """Outcomes that the family cannot have, or that have nothing to explain."""
    model = f"model {name}".strip()
    if family.outcomes == "binary" and not np.isin(y, (0, 1)).all():
        return [Fault(model, "an outcome with values other than 0 and 1", "0 and 1")]
    if family.outcomes == "counts" and (y < 0).any():
        return [Fault(model, "an outcome below 0", "counts from 0 up")]
    if len(y) and (y == y[0]).all():
        return [Fault(model, f"a constant outcome ({y[0]:g} for all {len(y)})", "an outcome that varies")]
    return []


def _df_faults(df: float, X: np.ndarray, design: Design, where: np.ndarray | None, name: str) -> list[Fault]:
    """Fewer clusters than it takes."""
    if df > 0:
        return []
    left, coefficients = degrees_of_freedom(design, where), X.shape[1]
    found = f"{coefficients} coefficients on {left:g} degrees of freedom (clusters less strata)"
    return [
        Fault(f"model {name}".strip(), found, f"at most {left:g} coefficients", hint="fewer terms, or more clusters")
    ]


def _refuse_repeats(X: np.ndarray, names: tuple[str, ...], name: str) -> None:
    """Columns that are a combination of those before them."""
    size = np.sqrt((X**2).sum(axis=0))
    scaled = X / np.where(size > 0, size, 1.0)
    left = np.linalg.eigvalsh(scaled.T @ scaled)[0]
    if left > 1e-9:  # the Gram matrix cannot tell smaller ones from rounding; then the columns themselves decide
        return
    triangle = np.linalg.qr(scaled, mode="r")
    short = np.linalg.norm(triangle, axis=0) == 0
    repeated = np.flatnonzero((np.abs(np.diag(triangle)) < _REPEATED) | short)
    fail_if([_repeat_fault(scaled, names, int(column), name) for column in repeated], DesignError)


def _repeat_fault(scaled: np.ndarray, names: tuple[str, ...], column: int, name: str) -> Fault:
    """Which columns a column repeats."""
    parts = np.linalg.lstsq(scaled[:, :column], scaled[:, column], rcond=None)[0]
    others = [names[number] for number in np.flatnonzero(np.abs(parts) > 1e-6)]
    found = f"term {names[column]} is a combination of {' + '.join(others)}" if others else f"term {names[column]} is 0"
    return Fault(f"model {name}".strip(), found, "terms that do not repeat each other", hint="leave one out")


def _solved(problem: "_Problem", weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Coefficients, linear predictor and bread, by iteratively reweighted least squares.

    The first step is least squares on the working outcome; the later ones add what the score still asks for, which
    also takes off the rounding error of the normal equations.
    """
    y, X, family = problem.y, problem.X, problem.family
    eta, beta, checked = problem.start, np.zeros(X.shape[1]), False
    information, score = _equations(problem, weight, eta, working=eta - problem.shift)
    beta = _solve(problem, information, score)
    eta, loss = X @ beta + problem.shift, np.inf
    for _ in range(_STEPS):
        information, score = _equations(problem, weight, eta)
        step = _solve(problem, information, score)
        move, length = X @ step, 1.0
        after = weight @ family.deviance(y, family.mean(eta + move))
        while not after <= loss * (1 + 1e-12) and length > 1e-6:
            length /= 2
            after = weight @ family.deviance(y, family.mean(eta + length * move))
        beta, eta, loss = beta + length * step, eta + length * move, after
        if not checked and family.outcomes != "any" and np.abs(eta - problem.shift).max() > _FAR:
            _refuse_separation(problem)
            checked = True
        if np.abs(move).max() <= 1e-11 * (1 + np.abs(eta).max()):
            return beta, eta, np.linalg.inv(_equations(problem, weight, eta)[0])
    _refuse_separation(problem)
    raise DesignError(Fault(problem.place, f"no convergence in {_STEPS} steps", "fewer terms, or other scales"))


@dataclass(frozen=True, eq=False)
class _Problem:
    """One regression without its weights: outcome, matrix, offset, family, where to start, what to call things."""

    y: np.ndarray
    X: np.ndarray
    shift: np.ndarray
    family: Family
    start: np.ndarray
    names: tuple[str, ...]
    place: str


def _equations(
    problem: _Problem, weight: np.ndarray, eta: np.ndarray, working: np.ndarray | float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Expected information and score (of the working outcome, where the coefficients are not known yet)."""
    mu, slope = problem.family.mean(eta), problem.family.slope(eta)
    inner = weight * slope / problem.family.variance(mu)
    weighted = problem.X * (inner * slope)[:, None]
    return weighted.T @ problem.X, weighted.T @ (working + (problem.y - mu) / slope)


def _solve(problem: _Problem, information: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Newton step, on columns of equal size."""
    size = np.sqrt(np.diag(information))
    if (size > 0).all() and np.isfinite(size).all():
        try:
            return np.linalg.solve(information / np.outer(size, size), score / size) / size
        except np.linalg.LinAlgError:
            pass  # as singular as a column of nothing
    _refuse_separation(problem)
    terms = [name for name, part in zip(problem.names, size, strict=True) if not part > 0]
    found = f"nothing to estimate {' + '.join(terms) or 'the terms'} from"
    raise DesignError(Fault(problem.place, found, "terms that vary in the rows with weight", hint="fewer terms"))


def _refuse_separation(problem: _Problem) -> None:
    """Outcomes that a combination of terms foretells without error have no finite coefficient (Konis 2007).

    A linear programme looks for a direction in which every fitted value can only get better.
    """
    from scipy.optimize import linprog  # half a second to load, and rarely needed

    if problem.family.outcomes == "any":
        return
    y, X = problem.y, problem.X / np.abs(problem.X).max(axis=0)
    better = X[y > 0] if problem.family.outcomes == "binary" else np.zeros((0, X.shape[1]))
    fixed = X[y > 0] if problem.family.outcomes == "counts" else None
    towards = np.concatenate([better, -X[y == 0]])
    found = linprog(
        -towards.sum(axis=0),
        A_ub=-towards,
        b_ub=np.zeros(len(towards)),
        A_eq=fixed,
        b_eq=None if fixed is None else np.zeros(len(fixed)),
        bounds=(-1, 1),
        method="highs",
    )
    if found.status != 0 or -found.fun < 1e-6:
        return
    terms = [
        term for term, part in zip(problem.names, found.x, strict=True) if abs(part) > 1e-6 and term != "Intercept"
    ]
    found = f"separation: the outcome is foretold without error by {' + '.join(terms) or 'the intercept'}"
    raise DesignError(
        Fault(problem.place, found, "terms with both outcomes", hint="merge categories or leave terms out")
    )


def _refuse_no_variance(covariance: np.ndarray, estimate: np.ndarray, names: tuple[str, ...], name: str) -> None:
    """Errors of exactly nothing come from a design or a fit that leaves nothing to vary."""
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


def _null_fit(problem: _Problem, weight: np.ndarray) -> np.ndarray:
    """Expected outcome under an intercept alone."""
    if not problem.shift.any():
        return np.full(len(problem.y), np.average(problem.y, weights=weight))
    alone = replace(problem, X=np.ones((len(problem.y), 1)), names=("Intercept",))
    return problem.family.mean(_solved(alone, weight)[1])


def _summary(
    found: Regression, names: tuple[str, ...], y: np.ndarray, rows: np.ndarray, design: Design, family: Family
) -> dict[str, float]:
    """Numbers about the whole fit."""
    weight, first = design.weight[rows], design.stages[0]
    clusters = np.unique(first.cluster[rows])
    mu = found.fitted[rows]
    pearson = (y - mu) / np.sqrt(family.variance(mu))
    squares = (pearson - np.average(pearson, weights=weight)) ** 2
    others = np.array([number for number, term in enumerate(names) if term != "Intercept"], dtype=int)
    covariance = found.covariance[np.ix_(others, others)]
    tested = wald_test(found.estimate[others], covariance, found.df) if len(others) else (np.nan,) * 3
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
