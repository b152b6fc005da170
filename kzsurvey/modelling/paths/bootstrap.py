"""Terms of a path model over clusters drawn again within strata: warm starts, all draws in one product of matrices."""

from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.effects.refits import bootstrap_factors
from kzsurvey.modelling.paths.estimation import Fitted, group_values, squares_objective, still_varying
from kzsurvey.modelling.paths.normal import Sums, normal_objective, normal_slopes, products, sums_of
from kzsurvey.modelling.paths.results import PathFit, Solved, term_values
from kzsurvey.modelling.paths.solving import solve, solve_near
from kzsurvey.modelling.sampling.threads import one_thread
from kzsurvey.modelling.sampling.variance import cluster_sums

_FAILED = 0.05  # share of draws without a solution above which a bootstrap says nothing
_BLOCK = 250  # draws held at once
_STEPS = 200  # of a draw that is far from the sample
_CLOSE = 1e-9  # square of the last step, per unit of sample: a thousandth of a standard error at 1000 rows


@dataclass(frozen=True, eq=False)
class PathBootstrap:
    """Terms over draws.

    Attributes
    ----------
    table : DataFrame, one row per term
        ``term``, ``estimate``, ``std_error``, ``conf_low``, ``conf_high`` (percentiles), ``p_value`` (twice the smaller
        share of draws on one side of 0).
    draws : DataFrame, one row per draw that converged, one column per term
    failed : int, draws without a solution, which are left out
    seed : int
    """

    table: pd.DataFrame
    draws: pd.DataFrame = field(repr=False)
    failed: int
    seed: int

    def _repr_html_(self) -> str:
        """The table, in a notebook."""
        return self.table.to_html(index=False)


@one_thread
def path_bootstrap(fit: PathFit, *, draws: int = 2000, seed: int = 1, level: float | None = None) -> PathBootstrap:
    r"""Draw clusters again within strata and refit the model to each draw.

    Parameters
    ----------
    fit : PathFit
    draws : int
    seed : int
    level : float, of the intervals; that of the fit where None

    Returns
    -------
    PathBootstrap

    Raises
    ------
    DesignError
        A design with calibrated or replicate weights, further stages of a finite population, or strata of a single
        cluster; more than one draw in twenty without a solution.

    Notes
    -----
    Weights of the draws are those of Rao, Wu and Yue (:func:`~kzsurvey.modelling.effects.refits.bootstrap_factors`).
    Every draw starts at the solution of the sample. Moments of clusters are summed once; a draw of complete answers
    needs no pass over the rows.

    Examples
    --------
    >>> from kzsurvey.modelling.paths.paths import fit_paths
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=200)
    >>> m = 0.5 * x + rng.normal(size=200)
    >>> table = pd.DataFrame({"x": x, "m": m, "y": 0.5 * m + rng.normal(size=200)})
    >>> fit = fit_paths(table, "m ~ a*x\ny ~ b*m + x\nindirect := a*b")
    >>> drawn = path_bootstrap(fit, draws=500)
    >>> drawn.failed, drawn.table["term"].iloc[-1]
    (0, 'indirect')
    """
    solved = fit.solved
    place = f"model {fit.model}".strip()
    level = solved.level if level is None else level
    fail_if(_faults(solved, draws, seed, place), DesignError)
    theta, converged = _draws(solved, draws, seed)
    failed = int((~converged).sum())
    if failed > _FAILED * draws:
        found = f"{failed} of {draws} draws without a solution"
        raise DesignError(
            Fault(place, found, "at most one in twenty", hint="intervals of the fit itself (delta method)")
        )
    names = fit.terms["term"].tolist()
    values = pd.DataFrame(np.real(term_values(solved, theta[converged])), columns=names)
    return PathBootstrap(_table(fit, values, level), values, failed, seed)


def _faults(solved: Solved, draws: int, seed: int, place: str) -> list[Fault]:
    """What drawing clusters again does not do justice to."""
    design = solved.sample.design
    first = design.stages[0]
    reasons = {
        "calibrated weights (each draw would have to be calibrated again)": bool(design.calibrations),
        "replicate weights": design.replicates is not None,
        "several stages of a finite population": any(np.any(stage.share > 0) for stage in design.stages[1:]),
        "strata with a single cluster": bool(((first.drawn == 1) & (first.population > 1)).any())
        and design.lonely != "certainty",
    }
    faults = [
        Fault(
            place,
            f"a bootstrap of a design with {reason}",
            "weights, strata, clusters",
            hint="the delta method knows it",
        )
        for reason, there in reasons.items()
        if there
    ]
    if not (isinstance(draws, (int, np.integer)) and draws >= 100):
        faults.append(Fault(place, f"{draws} draws", "a whole number from 100 up"))
    if not (isinstance(seed, (int, np.integer)) and seed >= 0):
        faults.append(Fault(place, f"seed {seed!r}", "a whole number from 0 up"))
    return faults


def _draws(solved: Solved, draws: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(draws, q) parameters, and whether each search ended."""
    refit = _likelihood_refit(solved) if solved.sample.estimator == "ML" else _squares_refit(solved)
    cluster, weight = solved.sample.design.stages[0].cluster, solved.sample.design.weight
    found, ended = [], []
    for factors in bootstrap_factors(solved.sample.design, draws, rows=1, seed=seed):
        for begin in range(0, factors.shape[1], _BLOCK):
            some = factors[:, begin : begin + _BLOCK]
            with np.errstate(all="ignore"):  # of draws in which a variable is constant, and which do not count
                theta, converged = refit(some)
            found.append(theta)
            ended.append(converged & still_varying(solved.sample, partial(_drawn_sums, some, cluster, weight)))
    return np.concatenate(found), np.concatenate(ended)


def _drawn_sums(
    factors: np.ndarray, cluster: np.ndarray, weight: np.ndarray, rows: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """Weighted sums of some rows under each draw of clusters."""
    return np.bincount(cluster[rows], weights=weight[rows] * values, minlength=len(factors)) @ factors


def _likelihood_refit(solved: Solved):
    """Refits from sums over clusters."""
    sample, fitted = solved.sample, solved.fitted
    cluster = sample.design.stages[0].cluster
    count = len(sample.design.stages[0].stratum)
    sums = []
    for answers in sample.answers:
        columns, own = products(answers), sample.design.weight[answers.rows]
        home = cluster[answers.rows]
        by_pattern = [
            cluster_sums(
                columns[answers.pattern == code], home[answers.pattern == code], count, own[answers.pattern == code]
            )
            for code in range(len(answers.there))
        ]
        sums.append(np.stack(by_pattern))  # (J, C, l)
    inverse = (fitted.inverse + fitted.inverse.T) / 2

    def refit(factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        totals = [np.moveaxis(factors.T @ one, 0, 1) for one in sums]  # (B, J, l)
        everything = sum(one[..., 0].sum(axis=-1) for one in totals)
        moments = [sums_of(one, answers, everything) for one, answers in zip(totals, sample.answers, strict=True)]
        start = np.repeat(fitted.theta[None], factors.shape[1], axis=0)
        theta, converged = start.copy(), np.zeros(len(start), dtype=bool)
        if fitted.constraints is None and np.linalg.eigvalsh(inverse)[0] > 0:
            near = solve_near(_slopes(fitted, moments), start, inverse, tolerance=_CLOSE)
            theta, converged = near.theta, near.converged
        left = np.flatnonzero(~converged)
        if len(left):  # further away than the curvature of the sample reaches
            rest = normal_objective(fitted.model, [one.take(left) for one in moments])
            found = solve(rest, start[left], constraints=fitted.constraints, tolerance=_CLOSE, steps=_STEPS)
            theta[left], converged[left] = found.theta, found.converged
        return theta, converged

    return refit


def _slopes(fitted: Fitted, moments: list[Sums]):
    """Value and slopes of each draw."""
    return lambda theta, which: normal_slopes(fitted.model, [one.take(which) for one in moments], theta)


def _squares_refit(solved: Solved):
    """Refits from the moments of each draw; weighed as the sample is."""
    sample, fitted = solved.sample, solved.fitted
    cluster, weight = sample.design.stages[0].cluster, sample.design.weight
    used = np.flatnonzero(sample.columns.used)

    def refit(factors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        moments, sound = [], []
        for draw in factors.T:
            drawn = weight * draw[cluster]
            every = _every_level(sample, drawn, used)
            sound.append(every)
            moments.append(group_values(sample, drawn) if every else [one.value for one in sample.statistics])
        values = [np.stack([one[code] for one in moments]) for code in range(len(sample.statistics))]
        start = np.repeat(fitted.theta[None], factors.shape[1], axis=0)
        objective = squares_objective(sample, fitted.model, values)
        found = solve(objective, start, constraints=fitted.constraints, tolerance=_CLOSE, steps=60)
        return found.theta, found.converged & np.array(sound)

    return refit


def _every_level(sample: object, weight: np.ndarray, used: np.ndarray) -> bool:
    """Whether every category of every item is still there in every group."""
    group = sample.columns.group[used]
    for column, name in zip(sample.columns.answers[used].T, sample.variables.observed, strict=True):
        levels = len(sample.columns.levels.get(name, ()))
        for code in range(len(sample.columns.groups)) if levels else ():
            mine = (group == code) & np.isfinite(column)
            if (np.bincount(column[mine].astype(int), weights=weight[used][mine], minlength=levels) <= 0).any():
                return False
    return True


def _table(fit: PathFit, values: pd.DataFrame, level: float) -> pd.DataFrame:
    """Percentiles of the draws beside the estimates."""
    ends = values.quantile([(1 - level) / 2, (1 + level) / 2]).to_numpy()
    above = (values > 0).mean().to_numpy()
    return pd.DataFrame(
        {
            "term": fit.terms["term"],
            "estimate": fit.terms["estimate"],
            "std_error": values.std().to_numpy(),
            "conf_low": ends[0],
            "conf_high": ends[1],
            "p_value": np.minimum(2 * np.minimum(above, 1 - above), 1.0),
        }
    )
