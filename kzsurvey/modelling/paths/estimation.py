"""Fitting a model to a sample: likelihood or least squares, with what the variance core needs of it.

A fit hands out scores of every row and bread, so that strata, clusters, finite populations, calibration and replicate
weights enter through :func:`kzsurvey.modelling.sampling.variance.infer` alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from scipy.linalg import block_diag

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.describing.latent_margins import ordinal_margin
from kzsurvey.modelling.describing.latent_pairs import pairs_of
from kzsurvey.modelling.paths.columns import Columns, dependent
from kzsurvey.modelling.paths.matrices import Model, make_model
from kzsurvey.modelling.paths.normal import (
    Answers,
    Sums,
    information_of,
    make_answers,
    normal_objective,
    normal_scores,
    observed_information,
    pattern_totals,
    sums_of,
)
from kzsurvey.modelling.paths.parameters import Parameter, Variables
from kzsurvey.modelling.paths.sample_moments import Statistics, make_statistics, moment_vector
from kzsurvey.modelling.paths.solving import (
    Constraints,
    Objective,
    Solution,
    Value,
    bordered_inverse,
    complex_slopes,
    solve,
)
from kzsurvey.modelling.paths.starting import Moment, start_values
from kzsurvey.modelling.sampling.design import Design
from kzsurvey.modelling.sampling.variance import Estimator, Linearised

_VARIES = 1e-9  # a share of its variance in the sample below which a variable is constant
ESTIMATORS = ("ML", "DWLS", "WLS", "ULS", "GLS")


@dataclass(frozen=True, eq=False)
class Sample:
    """What models are fitted to.

    Attributes
    ----------
    estimator : str, one of ``ESTIMATORS``
    variables : Variables
    columns : Columns
    design : Design
    empty : float, what an empty cell of two by two gets
    unbiased : bool, whether covariances are divided by the number of rows less 1 (Wishart likelihood)
    answers : tuple of Answers, of each group (likelihood)
    statistics : tuple of Statistics, of each group (least squares)
    metric : tuple of (m, m) arrays, what least squares weighs by
    """

    estimator: str
    variables: Variables
    columns: Columns
    design: Design
    empty: float = 0.5
    unbiased: bool = False
    answers: tuple[Answers, ...] = ()
    statistics: tuple[Statistics, ...] = ()
    metric: tuple[np.ndarray, ...] = ()

    @property
    def count(self) -> int:
        """Rows used."""
        return int(self.columns.used.sum())

    @property
    def weight(self) -> float:
        """Sum of the weights of the rows used."""
        return float(self.design.weight[self.columns.used].sum())

    @property
    def shares(self) -> np.ndarray:
        """(G,) weight of each group as a share of all."""
        group = self.columns.group
        totals = [self.design.weight[group == code].sum() for code in range(len(self.columns.groups))]
        return np.array(totals) / self.weight

    @property
    def units(self) -> float:
        """What the objective is multiplied by to become a chi-square."""
        return self.count - len(self.columns.groups) * (self.unbiased or self.estimator != "ML")

    @property
    def effective(self) -> float:
        """What the covariance of moments is multiplied by to become one per unit of sample."""
        return self.count - (self.estimator != "ML")

    @property
    def conditional(self) -> bool:
        """Whether covariates are conditioned on."""
        return self.estimator == "DWLS" and bool(self.variables.covariates)


class Fitted(NamedTuple):
    """A model and its solution.

    Attributes
    ----------
    model : Model
    theta : (q,) array
    value : float, of the objective: half the deviance, or half the weighted sum of squares, per unit
    converged : bool
    steps : int
    information : (q, q) array, per unit of sample
    inverse : (q, q) array, its inverse along what constraints leave free
    constraints : Constraints or None
    slopes : (c, q) array, of the constraints, or None
    """

    model: Model
    theta: np.ndarray
    value: float
    converged: bool
    steps: int
    information: np.ndarray
    inverse: np.ndarray
    constraints: Constraints | None
    slopes: np.ndarray | None


def make_sample(
    columns: Columns, variables: Variables, design: Design, *, estimator: str, empty: float = 0.5,
    unbiased: bool = False, place: str = "model",
) -> Sample:  # fmt: skip
    """Moments of every group.

    Raises
    ------
    DesignError
        Variables that are combinations of others; correlations that have run to 1; a weight matrix that cannot be
        inverted.
    """
    sample = Sample(estimator, variables, columns, design, empty, unbiased or estimator in ("WLS", "ULS", "GLS"))
    if estimator == "ML":
        answers = tuple(
            make_answers(columns.answers[columns.group == code], np.flatnonzero(columns.group == code))
            for code in range(len(columns.groups))
        )
        sample = replace(sample, answers=answers)
        fail_if(_dependent_faults(sample, place), DesignError)
        return sample
    statistics = group_statistics(sample, design.weight)
    fail_if(_correlation_faults(statistics, sample, place), DesignError)
    metric = tuple(_metric(one, sample, place) for one in statistics)
    return replace(sample, statistics=statistics, metric=metric)


def group_values(sample: Sample, weight: np.ndarray) -> list[np.ndarray]:
    """(m,) moments for least squares of each group, under some weights, without influences where that saves time."""
    if not all(levels for name, levels in sample.columns.levels.items()) or len(sample.columns.levels) < len(
        sample.variables.observed
    ):
        return [one.value for one in group_statistics(sample, weight)]
    found = []
    for code in range(len(sample.columns.groups)):
        rows = np.flatnonzero(sample.columns.group == code)
        nobody = np.zeros((len(rows), 0))
        margins = [
            ordinal_margin(
                np.where(np.isfinite(column), column, -1).astype(int),
                len(levels),
                weight[rows],
                nobody,
                influence=False,
            )
            for column, levels in zip(sample.columns.answers[rows].T, sample.columns.levels.values(), strict=True)
        ]
        start = np.array([pair.rho for pair in sample.statistics[code].pairs])
        pairs = pairs_of(margins, weight[rows], nobody, empty=sample.empty, influence=False, start=start)
        found.append(np.concatenate([*(one.value for one in margins), [pair.value for pair in pairs]]))
    return found


def group_statistics(sample: Sample, weight: np.ndarray) -> tuple[Statistics, ...]:
    """Moments for least squares of each group, under some weights."""
    columns, variables = sample.columns, sample.variables
    kept = variables.modelled if sample.conditional else variables.observed
    beside = variables.covariates if sample.conditional else ()
    at, x = ([variables.observed.index(name) for name in names] for names in (kept, beside))
    levels = [len(columns.levels.get(name, ())) for name in kept]
    found = []
    for code in range(len(columns.groups)):
        rows = np.flatnonzero(columns.group == code)
        values = columns.answers[rows]
        found.append(
            make_statistics(
                values[:, at], levels, weight[rows], values[:, x], rows, empty=sample.empty, unbiased=sample.unbiased
            )
        )
    return tuple(found)


def _dependent_faults(sample: Sample, place: str) -> list[Fault]:
    """Variables that are linear combinations of others."""
    faults = []
    for code, one in enumerate(likelihood_sums(sample, sample.design.weight)):
        matrix = _pooled(one)[1]
        names = dependent(matrix, sample.variables.observed)
        where = f" in group {sample.columns.groups[code]}" if len(sample.columns.groups) > 1 else ""
        if names and len(one.there) == 1:
            found = f"covariances that are not positive definite{where}: {', '.join(names)}"
            hint = "leave one of them out; or more interviews than variables are needed"
            faults.append(Fault(place, found, "variables that are no combination of others", hint=hint))
    return faults


def _correlation_faults(statistics: Sequence[Statistics], sample: Sample, place: str) -> list[Fault]:
    """Pairs whose correlation is 1, so that their covariances are no covariances."""
    names = sample.variables.modelled if sample.conditional else sample.variables.observed
    faults = []
    for one in statistics:
        places = zip(*np.triu_indices(len(names), 1), strict=True)
        for (a, b), pair in zip(places, one.pairs, strict=True):
            if abs(pair.rho) > 0.9999:
                found = f"a correlation of {pair.rho:+.4f} between {names[a]} and {names[b]}"
                empty = f", with {pair.empty} empty cells in their table" if pair.empty else ""
                hint = "merge rare categories, or leave one of the items out"
                faults.append(Fault(place, found + empty, "items that differ", hint=hint))
    return faults


def _metric(one: Statistics, sample: Sample, place: str) -> np.ndarray:
    """What least squares weighs by: the inverse of the (diagonal of the) covariance under simple random sampling."""
    weight = sample.design.weight[one.rows]
    heavy = one.influence * weight[:, None]
    if sample.estimator == "DWLS":
        return np.diag(1 / np.maximum((heavy**2).sum(axis=0) * len(one.rows), 1e-300))
    if sample.estimator == "WLS":
        gamma = heavy.T @ heavy * len(one.rows)
        if len(one.rows) <= len(gamma):
            found = f"{len(one.rows)} interviews for {len(gamma)} moments"
            raise DesignError(Fault(place, found, "more interviews than moments", hint="estimator DWLS or ML"))
        return np.linalg.inv(gamma)
    p = len(one.margins)
    matrix = one.latent_covariance
    i, j = _order(p)
    if sample.estimator == "ULS":
        return np.eye(p + len(i))
    middle, spread = information_of(np.linalg.inv(matrix)[None], np.ones(1), (i, j))
    return block_diag(middle, spread)


def _order(p: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of a covariance in the order of :class:`Statistics`: variances, then pairs."""
    a, b = np.triu_indices(p, 1)
    return np.concatenate([np.arange(p), b]), np.concatenate([np.arange(p), a])


def likelihood_sums(sample: Sample, weight: np.ndarray) -> list[Sums]:
    """Moments by pattern of each group, for (..., n) weights."""
    totals = [pattern_totals(one, weight[..., one.rows]) for one in sample.answers]
    everything = sum(one[..., 0].sum(axis=-1) for one in totals)
    found = [sums_of(one, answers, everything) for one, answers in zip(totals, sample.answers, strict=True)]
    if not sample.unbiased:
        return found
    sizes = [len(one.rows) for one in sample.answers]
    return [one._replace(covariance=one.covariance * size / (size - 1)) for one, size in zip(found, sizes, strict=True)]


def _pooled(sums: Sums) -> tuple[np.ndarray, np.ndarray]:
    """Means and covariances over all patterns, each from the rows that have it."""
    heavy = sums.share[:, None] * sums.there
    mean = (heavy * sums.mean).sum(axis=0) / np.maximum(heavy.sum(axis=0), 1e-300)
    both = sums.share[:, None, None] * (sums.there[:, :, None] & sums.there[:, None, :])
    apart = (sums.mean - mean) * sums.there
    around = sums.covariance + apart[:, :, None] * apart[:, None, :]
    return mean, (both * around).sum(axis=0) / np.maximum(both.sum(axis=0), 1e-300)


def group_moments(sample: Sample) -> list[Moment]:
    """Simple moments of each group, for starting values and covariates."""
    if sample.estimator == "ML":
        pooled = [_pooled(one) for one in likelihood_sums(sample, sample.design.weight)]
        return [Moment(sample.variables.observed, mean, matrix, {}) for mean, matrix in pooled]
    names = sample.variables.modelled if sample.conditional else sample.variables.observed
    found = []
    for one in sample.statistics:
        means = np.array([0.0 if margin.levels else margin.value[0] for margin in one.margins])
        cuts = {
            (name, f"t{k + 1}"): float(margin.value[k])
            for name, margin in zip(names, one.margins, strict=True)
            for k in range(margin.levels - 1)
        }
        found.append(Moment(names, means, one.latent_covariance, cuts))
    return found


def objective_of(sample: Sample, model: Model, weight: np.ndarray) -> Objective:
    """What is minimised, for (B, n) weights."""
    if sample.estimator == "ML":
        return normal_objective(model, likelihood_sums(sample, weight))
    known = [one.value for one in sample.statistics]
    by_draw = [known if one is sample.design.weight else group_values(sample, one) for one in weight]
    values = [np.stack([draw[code] for draw in by_draw]) for code in range(len(sample.statistics))]
    return squares_objective(sample, model, values)


def squares_objective(sample: Sample, model: Model, values: Sequence[np.ndarray]) -> Objective:
    """Half the weighted sum of squares; ``values``: (B, m) moments of each group."""

    def objective(theta: np.ndarray, which: np.ndarray) -> Value:
        value, gradient, information = 0.0, 0.0, 0.0
        with np.errstate(all="ignore"):
            for block, moments, metric, share in zip(model.blocks, values, sample.metric, sample.shares, strict=True):
                apart = moments[which] - moment_vector(block, theta)
                slopes = complex_slopes(lambda at, block=block: moment_vector(block, at), theta)
                pulled = share * apart @ metric
                value = value + 0.5 * (pulled * apart).sum(axis=-1)
                gradient = gradient - (pulled[..., None, :] @ slopes)[..., 0, :]
                information = information + share * np.swapaxes(slopes, -1, -2) @ metric @ slopes
        sound = np.isfinite(information).all(axis=(-1, -2))
        return Value(np.where(sound & np.isfinite(value), value, np.inf), gradient, information)

    return objective


def fit_model(
    sample: Sample, model: Model, *, constraints: Constraints | None = None, information: str = "expected",
    start: np.ndarray | None = None,
) -> Fitted:  # fmt: skip
    """Search for the solution of one model.

    Parameters
    ----------
    information : {"expected", "observed"}
        Which curvature the errors rest on; least squares has one only.
    start : (q,) array
    """
    begin = start_values(model, group_moments(sample)) if start is None else start
    objective = sample_objective(sample, model)
    found = solve(objective, begin[None], constraints=constraints)
    return at_solution(sample, model, found, constraints, information)


def sample_objective(sample: Sample, model: Model) -> Objective:
    """What is minimised in the sample itself."""
    weight = sample.design.weight
    return objective_of(sample, model, weight[None] if sample.estimator == "ML" else [weight])


def at_solution(
    sample: Sample, model: Model, found: Solution, constraints: Constraints | None, information: str
) -> Fitted:
    """Curvature where the search ended."""
    theta = found.theta[0]
    objective = sample_objective(sample, model)
    bend = objective(theta[None], np.arange(1)).information[0]
    if sample.estimator == "ML" and information == "observed" and model.count:
        sums = likelihood_sums(sample, sample.design.weight)
        bend = observed_information(model, sums, theta)
    slopes = None if constraints is None else constraints.slopes(theta)
    inverse = bordered_inverse(bend, slopes)
    return Fitted(
        model, theta, float(found.value[0]), bool(found.converged[0]), found.steps, bend, inverse, constraints, slopes
    )


def linearised(sample: Sample, fitted: Fitted) -> Linearised:
    """Estimate, scores of every row of the table, and bread."""
    if sample.estimator == "ML":
        scores = normal_scores(fitted.model, sample.answers, fitted.theta, len(sample.design))
        return Linearised(fitted.theta, scores, fitted.inverse / sample.weight)
    influence, _ = saturated_squares(sample)
    slopes = squares_slopes(sample, fitted)
    return Linearised(fitted.theta, influence, fitted.inverse @ slopes.T @ all_metric(sample))


def saturated_squares(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """(n, m) influence of every row on the moments of all groups, and the moments."""
    width = [len(one.value) for one in sample.statistics]
    influence = np.zeros((len(sample.design), sum(width)))
    begin = 0
    for one, size in zip(sample.statistics, width, strict=True):
        influence[one.rows, begin : begin + size] = one.influence
        begin += size
    return influence, np.concatenate([one.value for one in sample.statistics])


def squares_slopes(sample: Sample, fitted: Fitted) -> np.ndarray:
    """(m, q) derivatives of the moments of all groups."""
    return np.concatenate(
        [
            complex_slopes(lambda at, block=block: moment_vector(block, at), fitted.theta)
            for block in fitted.model.blocks
        ]
    )


def all_metric(sample: Sample) -> np.ndarray:
    """(m, m) metric of all groups, each with its share."""
    return block_diag(*[share * metric for share, metric in zip(sample.shares, sample.metric, strict=True)])


def estimator_of(sample: Sample, fitted: Fitted) -> Estimator:
    """The model as a function of weights, for the variance core; refits start at the solution."""

    def refits(weight: np.ndarray) -> np.ndarray:
        sound = still_varying(sample, lambda rows, values: values @ weight[rows])
        if not sound.all():
            found = f"{int((~sound).sum())} of {len(sound)} replicates in which a variable does not vary"
            allowed = "variables that vary, and every category, in each"
            raise DesignError(Fault("paths", found, allowed, hint="merge categories, or leave the variable out"))
        theta, converged = refitted(sample, fitted, weight.T)
        if not converged.all():
            found = f"{int((~converged).sum())} of {len(converged)} replicates without a solution"
            raise DesignError(Fault("paths", found, "a solution for every set of replicate weights"))
        return theta

    def estimate(weight: np.ndarray) -> Linearised:
        if weight is sample.design.weight:
            return linearised(sample, fitted)
        theta = refits(weight[:, None])[0]
        return Linearised(theta, np.zeros((len(weight), 0)), np.zeros((len(theta), 0)))

    estimate.refits = refits
    return estimate


def refitted(sample: Sample, fitted: Fitted, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Parameters under each of (R, n) weights, and whether the search ended."""
    objective = objective_of(sample, fitted.model, weight)
    start = np.repeat(fitted.theta[None], len(weight), axis=0)
    found = solve(objective, start, constraints=fitted.constraints)
    return found.theta, found.converged


def still_varying(sample: Sample, total: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> np.ndarray:
    """Under which of several sets of weights every variable still varies, with every category, in every group.

    A search ends somewhere as well where a variable is constant: at a number that means nothing.

    Parameters
    ----------
    sample : Sample
    total : function of (m,) rows and (m,) values giving their (R,) weighted sums

    Returns
    -------
    (R,) flags
    """
    columns, sound = sample.columns, True
    for code in range(len(columns.groups)):
        for answers, name in zip(columns.answers.T, sample.variables.observed, strict=True):
            rows = np.flatnonzero((columns.group == code) & np.isfinite(answers))
            values = answers[rows]
            if name in columns.levels:
                there = [total(rows, (values == level) * 1.0) for level in range(len(columns.levels[name]))]
                sound = sound & (np.array(there) > 0).all(axis=0)
                continue
            unit = (values - values.mean()) / max(values.std(), np.finfo(float).tiny)
            with np.errstate(divide="ignore", invalid="ignore"):
                whole, first, second = (total(rows, part) for part in (np.ones(len(rows)), unit, unit**2))
                sound = sound & (second / whole - (first / whole) ** 2 > _VARIES)
    return sound


def plain_rows(variables: Variables, groups: Sequence[str], *, saturated: bool) -> tuple[Parameter, ...]:
    """A model without arrows: all covariances, or (the baseline of fit indices) only those of covariates.

    Parameters stand in the order of moments: means, then the lower triangle column by column, group by group.
    """
    rows, count, nan = [], 0, float("nan")
    names = variables.observed
    for group in range(len(groups)):
        for name in names:
            rows.append(Parameter(name, "~1", "", group, count, nan, ""))
            count += 1
        for place, first in enumerate(names):
            for second in names[place:]:
                outside = first in variables.covariates and second in variables.covariates
                if saturated or first == second or outside:
                    role = "covariate" if outside else "model"
                    rows.append(Parameter(first, "~~", second, group, count, nan, "", role))
                    count += 1
    return tuple(rows)


def plain_model(sample: Sample, *, saturated: bool) -> Model:
    """The saturated or the baseline model of a likelihood."""
    bare = sample.variables._replace(latent=(), ordered=())
    rows = plain_rows(bare, sample.columns.groups, saturated=saturated)
    return make_model(rows, bare, sample.columns.groups)


def exact_start(sample: Sample, model: Model) -> np.ndarray:
    """Sample moments as the parameters of a model without arrows."""
    theta = np.zeros(model.count)
    moments = group_moments(sample)
    place = {name: number for number, name in enumerate(sample.variables.observed)}
    for row in model.rows:
        moment = moments[row.group]
        if row.free >= 0:
            at = place[row.lhs]
            theta[row.free] = moment.mean[at] if row.op == "~1" else moment.covariance[at, place[row.rhs]]
    complete = all(len(one.there) == 1 for one in sample.answers)
    if complete:
        return theta
    for row in model.rows:  # pairwise moments may be no covariance matrix
        if row.free >= 0 and row.op == "~~" and row.lhs != row.rhs:
            theta[row.free] *= 0.7
    return theta
