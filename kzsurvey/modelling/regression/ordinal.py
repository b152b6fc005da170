"""Cumulative link models of an ordered outcome, design-based; slopes may differ from cut to cut, and that is tested.

The likelihood stands in :mod:`kzsurvey.modelling.regression.cumulative`; here it meets designs, formulas and tables. A
level nobody chose has no threshold: it is left out and counted.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
from scipy.special import fdtrc

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.regression.cumulative import (
    LINKS,
    Layout,
    Link,
    Problem,
    Solution,
    crossed,
    level_probabilities,
    make_layout,
    make_problem,
    refuse_empty,
    row_scores,
    solve,
)
from kzsurvey.modelling.regression.formulas import Prepared, model_matrix, nearest, offset_numbers, prepare
from kzsurvey.modelling.regression.regression import in_one_cluster, refuse_no_variance, refuse_repeats, wald_test
from kzsurvey.modelling.regression.results import Fit, one_cluster_faults, terms_table
from kzsurvey.modelling.regression.solving import spread
from kzsurvey.modelling.sampling.design import Design, check_rows, degrees_of_freedom
from kzsurvey.modelling.sampling.threads import one_thread
from kzsurvey.modelling.sampling.variance import Estimator, Linearised, effective_df, infer


@dataclass(frozen=True, eq=False)
class OrdinalRegression:
    """A cumulative link model on arrays.

    Attributes
    ----------
    estimate : (q,) array, thresholds, then slopes
    covariance : (q, q) array, design-based
    df : float, degrees of freedom of the design less the slopes
    term_df : (q,) array, the same, or fewer where asked for
    names : tuple of str, one per parameter
    fitted : (n, K) array, probability of each level; 0 outside the domain
    deviance, null_deviance : float, with weights that average 1; the null model has thresholds and the offset
    unscaled : (q, q) array, inverse of the observed information: the covariance of a simple random sample
    layout : Layout
    estimator : function of (n,) weights giving a Linearised of all parameters
    by_cut : function of (n,) weights giving a Linearised of the slopes of K - 1 separate models, one per cut, each
        with all columns
    """

    estimate: np.ndarray
    covariance: np.ndarray
    df: float
    term_df: np.ndarray
    names: tuple[str, ...]
    fitted: np.ndarray
    deviance: float
    null_deviance: float
    unscaled: np.ndarray
    layout: Layout
    estimator: Estimator
    by_cut: Estimator


@one_thread
def ordinal_regress(
    outcome: np.ndarray,
    matrix: np.ndarray,
    *,
    design: Design,
    link: str = "logit",
    nonproportional: Sequence[int] | np.ndarray = (),
    names: tuple[str, ...] = (),
    levels: tuple[str, ...] = (),
    where: np.ndarray | None = None,
    offset: np.ndarray | None = None,
    df: str = "design",
    name: str = "",
) -> OrdinalRegression:
    r"""Regress an ordered outcome on arrays, with design-based errors.

    Parameters
    ----------
    outcome : (n,) array of integers
        Level of each row, 0 to K - 1, every level chosen by somebody; outside the domain anything.
    matrix : (n, p) array, without a column of ones
    design : Design, of the n rows
    link : {"logit", "probit", "cloglog", "loglog", "cauchit"}
    nonproportional : sequence of int
        Columns with a slope for each cut (partial proportional odds).
    names : tuple of str
        Names of the columns.
    levels : tuple of str
        Names of the levels, lowest first.
    where : (n,) bool array
        Rows used; the others keep their place in the design.
    offset : (n,) array, added to the linear predictor
    df : {"design", "satterthwaite"}, as in :func:`~kzsurvey.modelling.regression.regression.regress`
    name : str
        What messages call the model.

    Returns
    -------
    OrdinalRegression

    Raises
    ------
    DesignError
        An unknown link, fewer than three levels, a level without weight (also in replicate weights), columns that
        repeat each other or the thresholds, too few clusters, separation, no convergence, cuts that cross.

    Notes
    -----
    :math:`P(Y \le k) = F(\theta_k - x^T \beta_k - o)`, with one :math:`\beta` for all cuts unless the column is
    nonproportional: a positive slope moves towards the higher levels, with thresholds and slopes of the sign of
    ``polr``, ``clm`` and ``svyolr`` in R (whose ``clm`` gives nominal effects the other sign). Weighted likelihood,
    Newton's method; the bread is the inverse of the observed information. The degrees of freedom are those of the
    design in the domain, less the number of slopes.

    References
    ----------
    McCullagh, P. (1980). Regression models for ordinal data. Journal of the Royal Statistical Society B 42, 109-127.
    doi:10.1111/j.2517-6161.1980.tb01109.x

    Examples
    --------
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> satisfied = np.array([0, 0, 1, 2, 1, 2, 2, 1, 0, 2])
    >>> pay = np.array([[1.0, 2, 2, 3, 4, 4, 5, 1, 3, 6]]).T
    >>> found = ordinal_regress(satisfied, pay, design=make_design(weight=np.ones(10)), names=("pay",))
    >>> dict(zip(found.names, found.estimate.round(3).tolist()))
    {'0|1': 1.933, '1|2': 3.946, 'pay': 1.102}
    """
    title = f"model {name}".strip()
    matrix = np.asarray(matrix, dtype=float).reshape(len(design), -1)
    columns = names or tuple(f"x{number}" for number in range(1, matrix.shape[1] + 1))
    rows = slice(None) if where is None or np.all(where) else np.flatnonzero(where)
    codes, X = _codes(outcome, design, rows, title), matrix[rows]
    if not np.isfinite(X).all():
        raise DesignError(Fault(title, "terms that are missing or infinite in some interviews", "finite numbers"))
    levels = levels or tuple(str(code) for code in range(int(codes.max(initial=-1)) + 1))
    shift = np.zeros(len(codes)) if offset is None else np.asarray(offset, dtype=float)[rows]
    varying = np.isin(np.arange(len(columns)), np.asarray(nonproportional, dtype=int))
    layout = make_layout(levels, columns, varying)
    whole, lost = degrees_of_freedom(design, where), len(layout.names) - layout.cuts
    left = whole - lost
    faults = [*_link_faults(link, title), *_level_faults(levels, title)]
    faults += _df_faults(left, layout, design, where, title)
    fail_if(faults, DesignError)
    _refuse_without_weight(codes, design, rows, levels, title)
    refuse_repeats(np.column_stack([np.ones(len(X)), X]), ("the thresholds", *columns), name)
    problem = make_problem(codes, X, shift, varying=varying, link=LINKS[link], layout=layout, title=title)
    solution = solve(problem, design.weight[rows])
    _refuse_crossing(problem, solution.inner)
    estimator = _Refit(problem, rows, design.weight, solution)
    estimate, covariance = infer(estimator, design)
    refuse_no_variance(covariance, estimate, layout.names, name)
    term_df = np.full(len(estimate), left)
    if df != "design":
        term_df = effective_df(estimator(design.weight), whole, design, df, lost=lost, place=title)
    fitted = level_probabilities(estimate, X, layout=layout, link=LINKS[link], shift=shift)
    weight = design.weight[rows]
    return OrdinalRegression(
        estimate=estimate,
        covariance=covariance,
        df=left,
        term_df=term_df,
        names=layout.names,
        fitted=spread(fitted, rows, len(design)),
        deviance=2 * solution.loss,
        null_deviance=2 * _null_loss(codes, shift, weight, levels, LINKS[link]),
        unscaled=problem.back @ solution.inverse @ problem.back.T * weight.mean(),
        layout=layout,
        estimator=estimator,
        by_cut=_by_cut(codes, X, shift, rows, len(design), problem),
    )


def fit_ordinal(
    table: pd.DataFrame,
    formula: str,
    *,
    design: Design,
    link: str = "logit",
    nonproportional: Sequence[str] | str = (),
    name: str = "",
    where: np.ndarray | None = None,
    offset: str = "",
    df: str = "design",
    level: float = 0.95,
) -> Fit:
    """Regress an ordered outcome by a formula over a table.

    Parameters
    ----------
    table : DataFrame, one row per interview
    formula : str
        ``y ~ x + C(group) + a:b``, as formulaic reads it; names of columns with spaces or signs in backticks.
        The outcome is an ordered category or whole numbers; an intercept is implied by the thresholds.
    design : Design, of the rows of the table
    link : {"logit", "probit", "cloglog", "loglog", "cauchit"}
    nonproportional : str or sequence of str
        Terms of the formula (or single columns of the matrix) with a slope for each cut.
    name : str
    where : (n,) bool array, the domain
    offset : str
        Column added to the linear predictor as it is.
    df : {"design", "satterthwaite"}, as in :func:`fit_regression`
    level : float, of the intervals

    Returns
    -------
    Fit
        Terms: thresholds ``low|middle``, then slopes; a nonproportional slope is ``x:low|middle``. ``summary`` holds
        ``n``, ``n_dropped``, ``clusters``, ``strata``, ``df``, ``levels``, ``unused_levels`` (declared, but chosen by
        nobody in the domain, hence left out), ``r_squared`` (share of the deviance), ``deviance``, ``null_deviance``,
        ``wald_f``, ``wald_df``, ``wald_p`` (all slopes), ``effective_parameters``, ``aic``. ``extra`` holds
        ``estimator``, ``spec``, ``rows``, ``design``, ``predict`` (function of parameters and a table: (n, K)
        probabilities), ``expected`` (the same, table first: function of the parameters), ``fitted``, ``levels``,
        ``unused_levels``, ``link``, ``nonproportional``, ``columns`` (term of the formula to its columns), ``by_cut``,
        ``unscaled`` and ``in_one_cluster`` (terms without an error, see :func:`fit_regression`).

    References
    ----------
    Peterson, B., & Harrell, F. E. (1990). Partial proportional odds models for ordinal response variables. Applied
    Statistics 39, 205-217. doi:10.2307/2347760

    Examples
    --------
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> words = ["low", "low", "middle", "high", "middle", "high", "high", "middle", "low", "high"]
    >>> table = pd.DataFrame({"pay": [1.0, 2, 2, 3, 4, 4, 5, 1, 3, 6]})
    >>> table["satisfied"] = pd.Categorical(words, ["low", "middle", "high"], ordered=True)
    >>> fit = fit_ordinal(table, "satisfied ~ pay", design=make_design(weight=[1.0] * 10), name="H1")
    >>> fit.terms[["term", "estimate", "df"]].round(3).to_dict("records")
    [{'term': 'low|middle', 'estimate': 1.933, 'df': 8.0},
     {'term': 'middle|high', 'estimate': 3.946, 'df': 8.0},
     {'term': 'pay', 'estimate': 1.102, 'df': 8.0}]
    >>> fit.extra["predict"](fit.terms["estimate"].to_numpy(), pd.DataFrame({"pay": [1.0, 6.0]})).round(2)
    array([[0.7 , 0.25, 0.05],
           [0.01, 0.06, 0.93]])
    """
    check_rows(design, table, where, place=f"model {name}".strip())
    prepared = prepare(formula, table, name=name, where=where, also=(offset,) if offset else ())
    codes, levels, unused = outcome_levels(prepared, table, name)
    keep = np.array([term != "Intercept" for term in prepared.names], dtype=bool)
    columns = tuple(term for term in prepared.names if term != "Intercept")
    groups = _groups(prepared, columns)
    varying = _varying(nonproportional, groups, columns, name)
    rows, count = prepared.rows, len(table)
    found = ordinal_regress(
        spread(codes, rows, count),
        spread(prepared.matrix[:, keep], rows, count),
        design=design,
        link=link,
        nonproportional=varying,
        names=columns,
        levels=levels,
        where=rows,
        offset=offset_numbers(table, offset, rows, name=name) if offset else None,
        df=df,
        name=name,
    )
    about = {"model": name, "n": int(rows.sum()), "n_dropped": prepared.n_dropped}
    terms = terms_table(
        found.names, found.estimate, found.covariance, found.term_df,
        level=level, **about, outcome=prepared.left, kind="ordinal",
    )  # fmt: skip
    directions = np.zeros((len(terms), 0))
    if design.replicates is None:
        cluster = np.tile(design.stages[0].cluster[rows], len(levels) - 1)
        moves = partial(_moves, prepared.matrix[:, keep], columns, found.names, len(levels) - 1)
        directions = in_one_cluster(np.linalg.inv(found.unscaled), found.covariance, moves, cluster)
    alone = directions.any(axis=1)
    if alone.any():
        terms.loc[alone, ["std_error", "conf_low", "conf_high", "p_value"]] = np.nan
    counts = {"levels": len(levels), "unused_levels": len(unused)}
    summary = {"n": about["n"], "n_dropped": about["n_dropped"], **_summary(found, rows, design), **counts}
    fitted = np.where(rows[:, None], found.fitted, np.nan)
    expected = _expecter(prepared, keep, found, LINKS[link], offset, name)
    extra = {
        "fitted": pd.DataFrame(fitted, index=table.index, columns=list(levels)),
        "levels": levels,
        "unused_levels": unused,
        "link": link,
        "nonproportional": tuple(columns[column] for column in varying),
        "columns": groups,
        "spec": prepared.spec,
        "rows": rows,
        "design": design,
        "estimator": found.estimator,
        "expected": expected,
        "predict": lambda parameters, table: expected(table)(parameters),
        "by_cut": found.by_cut,
        "unscaled": found.unscaled,
        "in_one_cluster": tuple(terms.loc[alone, "term"]),
        "directions_in_one_cluster": directions,
    }
    return Fit(name, "ordinal", terms, summary, found.covariance, extra)


def proportional_odds_test(fit: Fit) -> pd.DataFrame:
    r"""Test that slopes are the same at every cut: Brant's test with the covariance of the design.

    Parameters
    ----------
    fit : Fit, of :func:`fit_ordinal`

    Returns
    -------
    DataFrame, one row per term of the formula and one for all of them
        ``term`` (empty for all together), ``statistic`` (F), ``df``, ``df_below``, ``p_value``.

    Raises
    ------
    DesignError
        A model of another kind, or without slopes; separation at one of the cuts; too few clusters for a term.

    Notes
    -----
    One model for each cut, outcome above it or not, all columns, the link of the fit; their slopes have one joint
    covariance (linearised, or from replicate weights). With W the Wald statistic of q differences from the first cut
    and d the degrees of freedom of the design, :math:`F = W (d - q + 1) / (d q)` on q and d - q + 1. All terms together
    means those the fit holds proportional.

    References
    ----------
    Brant, R. (1990). Assessing proportionality in the proportional odds model for ordinal logistic regression.
    Biometrics 46, 1171-1178. doi:10.2307/2532457

    Korn, E. L., & Graubard, B. I. (1990). Simultaneous testing of regression coefficients with complex survey data.
    The American Statistician 44, 270-276. doi:10.1080/00031305.1990.10475737

    Examples
    --------
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> table = pd.DataFrame({"pay": [1.0, 2, 2, 3, 4, 4, 5, 1, 3, 6], "rank": [1, 1, 2, 3, 2, 3, 3, 2, 1, 3]})
    >>> fit = fit_ordinal(table, "rank ~ pay", design=make_design(weight=[1.0] * 10))
    >>> proportional_odds_test(fit).round(3).to_dict("records")
    [{'term': 'pay', 'statistic': 0.853, 'df': 1, 'df_below': 9.0, 'p_value': 0.38},
     {'term': '', 'statistic': 0.853, 'df': 1, 'df_below': 9.0, 'p_value': 0.38}]
    """
    title = f"model {fit.model}".strip()
    if fit.kind != "ordinal" or not fit.extra["columns"]:
        found = "an ordinal model without terms" if fit.kind == "ordinal" else f"a model of kind {fit.kind}"
        raise DesignError(Fault(title, found, "an ordinal model with at least one term"))
    extra = fit.extra
    groups, cuts = extra["columns"], len(extra["levels"]) - 1
    columns = [column for group in groups.values() for column in group]
    fail_if(one_cluster_faults(fit, columns), DesignError)
    slopes, covariance = infer(extra["by_cut"], extra["design"])
    contrast = np.hstack([-np.ones((cuts - 1, 1)), np.eye(cuts - 1)])
    df = degrees_of_freedom(extra["design"], extra["rows"])
    asked = dict(groups) | {"": [column for column in columns if column not in extra["nonproportional"]]}
    tested = {}
    for term, members in asked.items():
        select = np.isin(columns, members)
        if select.any():
            part = np.kron(np.eye(len(columns))[select], contrast)
            tested[term] = _adjusted_wald(part @ slopes, part @ covariance @ part.T, df)
    faults = [
        Fault(title, f"{above} differences of {term} on {df:g} degrees of freedom (clusters less strata)",
              f"at most {df:g}", hint="fewer levels or terms, or more clusters")
        for term, (_, above, below, _) in tested.items() if term and below <= 0
    ]  # fmt: skip
    fail_if(faults, DesignError)
    found = pd.DataFrame.from_dict(tested, orient="index", columns=["statistic", "df", "df_below", "p_value"])
    return found.rename_axis("term").reset_index().astype({"term": "str", "df": "int64"})


def _adjusted_wald(difference: np.ndarray, covariance: np.ndarray, df: float) -> tuple[float, int, float, float]:
    """F with the degrees of freedom a design has left; missing where it has none left."""
    statistic, above, _ = wald_test(difference, covariance, df)
    below = df - above + 1
    if below <= 0 or above < len(difference):
        return np.nan, len(difference), min(below, df - len(difference) + 1), np.nan
    return statistic * below / df, above, below, float(fdtrc(above, below, statistic * below / df))


@dataclass(frozen=True, eq=False)
class _Refit:
    """All parameters as a function of the weights; every fit starts from that of the sample."""

    problem: Problem
    rows: slice | np.ndarray
    weight: np.ndarray
    full: Solution

    def __call__(self, weight: np.ndarray) -> Linearised:
        """Parameters, scores over all rows, and bread."""
        known = weight is self.weight
        solution = self.full if known else solve(self.problem, weight[self.rows], self.full.inner)
        scores = spread(row_scores(self.problem, solution).T, self.rows, len(weight))
        return Linearised(self.problem.back @ solution.inner, scores, self.problem.back @ solution.inverse)

    def refits(self, weight: np.ndarray) -> np.ndarray:
        """Parameters under each column of weights: (n, R) to (R, q)."""
        estimates, faults = [], {}
        for number, own in enumerate(np.ascontiguousarray(weight[self.rows].T), 1):
            try:
                estimates.append(solve(self.problem, own, self.full.inner).inner)
            except DesignError as error:
                faults[number] = error.faults[0]
        if faults:
            number, first = next(iter(faults.items()))
            found = f"{len(faults)} of {weight.shape[1]} replicates without an answer (number {number}: {first.found})"
            raise DesignError(replace(first, found=found, hint="merge categories or levels, or leave terms out"))
        return np.array(estimates) @ self.problem.back.T


def _by_cut(
    codes: np.ndarray, X: np.ndarray, shift: np.ndarray, rows: slice | np.ndarray, count: int, whole: Problem
) -> Estimator:
    """Slopes of a model for each cut, column by column, as a function of the weights."""
    columns, cuts = X.shape[1], whole.layout.cuts
    none = np.zeros(columns, dtype=bool)

    def at_cut(cut: int, weight: np.ndarray) -> Linearised:
        layout = make_layout(("below", "above"), whole.layout.columns, none)
        title = f"{whole.title}, cut {whole.layout.names[cut]}"
        above = (codes > cut).astype(np.int64)
        problem = make_problem(above, X, shift, varying=none, link=whole.link, layout=layout, title=title)
        solution = solve(problem, weight)
        bread = problem.back[1:] @ solution.inverse
        return Linearised(problem.back[1:] @ solution.inner, row_scores(problem, solution), bread)

    def estimator(weight: np.ndarray) -> Linearised:
        parts = [at_cut(cut, weight[rows]) for cut in range(cuts)]
        bread = np.zeros((columns, cuts, cuts, columns + 1))
        for cut, part in enumerate(parts):
            bread[:, cut, cut] = part.bread
        scores = np.vstack([part.scores for part in parts])
        estimate = np.stack([part.estimate for part in parts], axis=1).ravel()
        return Linearised(estimate, spread(scores.T, rows, count), bread.reshape(columns * cuts, -1))

    return estimator


def _link_faults(link: str, title: str) -> list[Fault]:
    """Links there are not."""
    if str(link) in LINKS:
        return []
    return [Fault(title, f"unknown link {link!r}", ", ".join(LINKS), hint=nearest(str(link), LINKS))]


def _level_faults(levels: tuple[str, ...], title: str) -> list[Fault]:
    """Too few levels for an order."""
    if len(levels) > 2:
        return []
    if len(levels) == 2:
        found, hint = f"an outcome with two levels ({' and '.join(levels)})", "a logistic or probit model is for two"
    else:
        found, hint = f"a constant outcome ({''.join(levels) or 'nobody'})", ""
    return [Fault(title, found, "three levels or more", hint=hint)]


def _df_faults(df: float, layout: Layout, design: Design, where: np.ndarray | None, title: str) -> list[Fault]:
    """Fewer clusters than it takes."""
    if df > 0:
        return []
    left, slopes = degrees_of_freedom(design, where), len(layout.names) - layout.cuts
    found = f"{slopes} slopes on {left:g} degrees of freedom (clusters less strata)"
    return [Fault(title, found, f"fewer than {left:g} slopes", hint="fewer terms, or more clusters")]


def _moves(matrix: np.ndarray, columns: tuple[str, ...], names: tuple[str, ...], cuts: int) -> np.ndarray:
    """(cuts x n, q) derivatives of the linear predictor at every cut by thresholds and slopes."""
    parts = []
    for cut in names[:cuts]:
        own = [*columns, *(f"{column}:{cut}" for column in columns)]
        part = np.zeros((len(matrix), len(names)))
        part[:, names.index(cut)] = 1.0
        for number, name in enumerate(own):
            if name in names[cuts:]:
                part[:, names.index(name, cuts)] = -matrix[:, number % len(columns)]
        parts.append(part)
    return np.concatenate(parts)


def _codes(outcome: np.ndarray, design: Design, rows: slice | np.ndarray, title: str) -> np.ndarray:
    """Levels of the rows used, counted from 0."""
    check_rows(design, np.asarray(outcome), place=title)
    codes = np.asarray(outcome, dtype=float)[rows]
    if not (np.isfinite(codes) & (codes >= 0) & (codes == np.floor(codes))).all():
        raise DesignError(Fault(title, "an outcome with values other than whole numbers from 0 up", "codes of levels"))
    return codes.astype(np.int64)


def _refuse_without_weight(
    codes: np.ndarray, design: Design, rows: slice | np.ndarray, levels: tuple[str, ...], title: str
) -> None:
    """A level without anybody, in the sample or in a replicate of it."""
    refuse_empty(codes, design.weight[rows][:, None], levels, title)
    if design.replicates is not None:
        refuse_empty(codes, design.replicates.weight[rows], levels, f"{title}, replicate weights")


def _refuse_crossing(problem: Problem, inner: np.ndarray) -> None:
    """Cuts that change places: a level with a probability below 0."""
    count = crossed(problem, inner)
    if not count:
        return
    free = ", ".join(_by_own_cut(problem.layout))
    found = f"cuts that cross in {count} of {len(problem.order)} rows (slopes by cut: {free})"
    hint = "fewer terms in nonproportional, or fewer levels"
    raise DesignError(Fault(problem.title, found, "probabilities of at least 0", hint=hint))


def _refuse_crossing_rows(found: OrdinalRegression, matrix: np.ndarray, index: pd.Index, title: str) -> None:
    """The same away from the data, where a fit that is sound there may end."""
    layout, estimate = found.layout, found.estimate
    free = ", ".join(_by_own_cut(layout))
    if not free:
        return
    cuts = estimate[: layout.cuts, None] - estimate[layout.position].T @ matrix.T
    rows = np.flatnonzero((np.diff(cuts, axis=0) <= 0).any(axis=0))
    if len(rows):
        told = f"cuts that cross in {len(rows)} of {len(index)} rows (first: {index[rows[0]]}; slopes by cut: {free})"
        hint = "values nearer the data, or fewer terms in nonproportional"
        raise DesignError(Fault(title, told, "probabilities of at least 0", hint=hint))


def _by_own_cut(layout: Layout) -> list[str]:
    """Columns with a slope for each cut."""
    return [name for name, at in zip(layout.columns, layout.position, strict=True) if at[0] != at[-1]]


def _null_loss(codes: np.ndarray, shift: np.ndarray, weight: np.ndarray, levels: tuple[str, ...], link: Link) -> float:
    """Minus the log likelihood of thresholds alone, with weights that average 1."""
    weight = weight / weight.mean()
    if not shift.any():
        size = np.bincount(codes, weights=weight, minlength=len(levels))
        return float(-size @ np.log(size / size.sum()))
    none = np.zeros(0, dtype=bool)
    problem = make_problem(
        codes,
        np.zeros((len(codes), 0)),
        shift,
        varying=none,
        link=link,
        layout=make_layout(levels, (), none),
        title="null",
    )
    return solve(problem, weight).loss


def outcome_levels(
    prepared: Prepared, table: pd.DataFrame, name: str
) -> tuple[np.ndarray, tuple[str, ...], tuple[str, ...]]:
    """Code of each row used, names of the levels, and of those nobody chose.

    Examples
    --------
    >>> table = pd.DataFrame({"rank": [3, 1, 3], "x": [1.0, 2.0, 4.0]})
    >>> codes, levels, unused = outcome_levels(prepare("rank ~ x", table), table, "H1")
    >>> codes.tolist(), levels, unused
    ([1, 0, 1], ('1', '3'), ())
    """
    outcome, title = prepared.outcome, f"model {name}".strip()
    if isinstance(outcome.dtype, pd.CategoricalDtype):
        declared = table[prepared.left].dtype if prepared.left in table else outcome.dtype
        if not getattr(declared, "ordered", False):
            found = f"outcome {prepared.left} without an order"
            hint = "an ordered category: pd.Categorical(..., ordered=True), or level ordinal in a survey folder"
            raise DesignError(Fault(title, found, "an ordered category or whole numbers", hint=hint))
        used = outcome.cat.remove_unused_categories()
        levels = tuple(str(level) for level in used.cat.categories)
        unused = tuple(str(level) for level in declared.categories if level not in used.cat.categories)
        return used.cat.codes.to_numpy(), levels, unused
    values = outcome.to_numpy(dtype=float)
    if not np.isfinite(values).all() or (values != np.round(values)).any():
        found = f"outcome {prepared.left} with values other than whole numbers"
        raise DesignError(
            Fault(title, found, "an ordered category or whole numbers", hint="a linear model is for these")
        )
    numbers, codes = np.unique(values, return_inverse=True)
    return codes, tuple(f"{number:.0f}" for number in numbers), ()


def _groups(prepared: Prepared, columns: tuple[str, ...]) -> dict[str, list[str]]:
    """Columns of each term of the formula."""
    groups = {str(term): [prepared.names[at] for at in where] for term, where in prepared.spec.term_indices.items()}
    return {term: [name for name in names if name in columns] for term, names in groups.items() if term != "1"}


def _varying(
    asked: Sequence[str] | str, groups: dict[str, list[str]], columns: tuple[str, ...], name: str
) -> tuple[int, ...]:
    """Numbers of the columns asked for, by term or by column."""
    asked = list(asked) if isinstance(asked, (list, tuple)) else [asked]
    known = dict.fromkeys([*groups, *columns])
    fail_if(
        [
            Fault(f"model {name}".strip(), f"nonproportional {term!r}", ", ".join(known) or "a term of the formula",
                  hint=nearest(str(term), known))
            for term in asked if str(term) not in known
        ],
        DesignError,
    )  # fmt: skip
    wanted = {column for term in asked for column in groups.get(str(term), [term])}
    return tuple(number for number, column in enumerate(columns) if column in wanted)


def _expecter(
    prepared: Prepared, keep: np.ndarray, found: OrdinalRegression, link: Link, offset: str, name: str
) -> Callable[[pd.DataFrame], Callable[[np.ndarray], np.ndarray]]:
    """Probabilities of the levels of the rows of any table with the variables of the formula, by parameters."""
    layout = found.layout

    def expected(table: pd.DataFrame) -> Callable[[np.ndarray], np.ndarray]:
        matrix = model_matrix(prepared.spec, table, name=name)[:, keep]
        _refuse_crossing_rows(found, matrix, table.index, f"model {name}".strip())
        used = np.isfinite(matrix).all(axis=1)
        shift = offset_numbers(table, offset, used, name=name) if offset else 0.0
        return lambda parameters: level_probabilities(
            np.asarray(parameters), matrix, layout=layout, link=link, shift=shift
        )

    return expected


def _summary(found: OrdinalRegression, rows: np.ndarray, design: Design) -> dict[str, float]:
    """Numbers about the whole fit."""
    first = design.stages[0]
    clusters = np.flatnonzero(np.bincount(first.cluster[rows]))
    slopes = slice(found.layout.cuts, None)
    covariance = found.covariance[slopes, slopes]
    any_slope = len(found.names) > found.layout.cuts
    tested = (
        wald_test(found.estimate[slopes], covariance, float(found.term_df[slopes].min()))
        if any_slope
        else (np.nan,) * 3
    )
    unscaled = found.unscaled[slopes, slopes]
    effective = float(np.trace(np.linalg.solve(unscaled, covariance))) if any_slope else 0.0
    return {
        "clusters": len(clusters),
        "strata": len(np.unique(first.stratum[clusters])),
        "df": found.df,
        "r_squared": 1 - found.deviance / found.null_deviance,
        "deviance": found.deviance,
        "null_deviance": found.null_deviance,
        "wald_f": tested[0],
        "wald_df": tested[1],
        "wald_p": tested[2],
        "effective_parameters": effective,
        "aic": found.deviance + 2 * effective,
    }
