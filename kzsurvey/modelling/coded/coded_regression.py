"""Regressions on codes that a machine gave to all answers and people to a sample, free of the machine's errors.

The estimating equations are those of machine codes, plus what human codes change in them: a coded answer stands for
as many as its chance of being drawn says. Nothing is assumed about the machine, only that we drew the sample.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.coded.human_samples import Codings, Probability, TwoParts, codings, infer_from_both
from kzsurvey.modelling.coded.prevalence import calibrated_prediction
from kzsurvey.modelling.regression.families import FAMILIES, Family
from kzsurvey.modelling.regression.formulas import ModelSpec, Prepared, model_matrix, prepare
from kzsurvey.modelling.regression.results import Fit, terms_table
from kzsurvey.modelling.sampling.design import Design, check_rows, degrees_of_freedom, domain_rows
from kzsurvey.modelling.sampling.variance import Linearised

_KINDS = ("linear", "logistic")
_STEPS, _SETTLED = 100, 1e-11
_RARE = 5  # human codes of either kind, below which nothing is said


class _Side(NamedTuple):
    """The model's data by one kind of codes: outcome, matrix, and what a row stands for beside its weight."""

    outcome: np.ndarray
    matrix: np.ndarray
    count: np.ndarray


@dataclass(frozen=True, eq=False)
class _Equations:
    """Both sides of the estimating equations, over the rows of the table (0 where a row is not used)."""

    machine: _Side
    human: _Side
    family: Family
    place: str


def coded_regression(
    table: pd.DataFrame,
    formula: str,
    human: pd.DataFrame | pd.Series,
    *,
    probability: Probability,
    design: Design,
    family: str = "linear",
    name: str = "",
    where: np.ndarray | None = None,
    level: float = 0.95,
) -> Fit:
    r"""Regress on codes by design-based supervised learning.

    Parameters
    ----------
    table : DataFrame, one row per answer, index unique
        Has the variables of the formula, codes as the machine gave them (0 and 1, or probabilities).
    formula : str, as in :func:`kzsurvey.modelling.regression.formulas.prepare`
        Codes may be outcome, predictors or both.
    human : DataFrame (or Series), one row per answer coded by hand
        The codes among the variables, 0 and 1.
    probability : the sample of :func:`draw_sample`, inclusion probabilities, or one for all
        As in :func:`prevalence`.
    design : Design, of the rows of the table
    family : {"linear", "logistic"}
    name : str
    where : (n,) bool array, the domain
    level : float, of the intervals

    Returns
    -------
    Fit
        ``summary``: ``n``, ``n_dropped``, ``n_coded``, ``clusters``, ``df``; ``extra`` as of
        :func:`fit_regression` (``estimator``, ``spec``, ``rows``, ``design``, ``predict``) and ``second_phase``, the
        part of the covariance that coding more answers would take away.

    Raises
    ------
    DesignError
        What :func:`prevalence` refuses; no code of ``human`` in the formula; a code inside a function on the left side;
        no used answer coded, or fewer than five with a code or without; no convergence (too few codes for the terms).

    Notes
    -----
    Solves :math:`\sum_i w_i \{\psi(\hat D_i) + (r_i / \pi_i) [\psi(D_i) - \psi(\hat D_i)]\} = 0` with
    :math:`\psi(D) = x (y - \mu(x^T \beta))`, D by human and :math:`\hat D` by machine codes, calibrated to human
    ones of other folds. Degrees of freedom are those of the survey, or of the human codes where these are fewer, less
    the coefficients beside the intercept; and of each term no more than :math:`2 (\sum_g u_g^2)^2 / \{\sum_g u_g^4 -
    (\sum_g u_g^2)^2 / G\}` with :math:`u_g` the influences of the G clusters on it (Satterthwaite). With fewer than
    some ten human codes of a kind, intervals still hold the truth less often than they say (90 % for 95 in simulation).

    References
    ----------
    Egami, N., Hinck, M., Stewart, B. M., & Wei, H. (2023). Using imperfect surrogates for downstream inference:
    design-based supervised learning for social science applications of large language models.
    doi:10.48550/arXiv.2306.04746
    Robins, J. M., Rotnitzky, A., & Zhao, L. P. (1994). Estimation of regression coefficients when some regressors are
    not always observed. Journal of the American Statistical Association 89, 846-866.
    doi:10.1080/01621459.1994.10476818

    Examples
    --------
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> x, truth = np.arange(40) % 4, np.array([0, 0, 0, 1, 0, 1, 1, 1] * 5)
    >>> table = pd.DataFrame({"x": x, "pay": np.where(np.arange(40) % 9 == 0, 1 - truth, truth)})
    >>> human = pd.Series(truth, name="pay").iloc[::2]
    >>> fit = coded_regression(table, "pay ~ x", human, probability=0.5, design=make_design(weight=np.ones(40)))
    >>> fit.terms[["term", "n"]].to_dict("records"), fit.summary["n_coded"]
    ([{'term': 'Intercept', 'n': 40}, {'term': 'x', 'n': 40}], 20)
    """
    if family not in _KINDS:
        raise DesignError(Fault(f"model {name}".strip(), f"unknown family {family!r}", ", ".join(_KINDS)))
    place = f"model {name}".strip()
    check_rows(design, table, where, place=place)
    codes = codings(table, human, probability, place)
    foretold = _foretold(table, codes)
    prepared = prepare(formula, foretold, name=name, where=codes.inside & domain_rows(where, len(table), place=place))
    rows = prepared.rows
    fail_if(_formula_faults(prepared.left, formula, codes, rows, place), DesignError)
    actual = _human_table(foretold, codes, rows)
    equations = _both_sides(prepared, actual, codes, FAMILIES[family], place)
    estimator = _Solver(equations)
    inferred = infer_from_both(estimator, codes, design)
    count = len(prepared.names)
    df = min(degrees_of_freedom(design, rows), codes.df) - count + 1
    if df <= 0:
        found = f"{count} coefficients on {df + count - 1:g} degrees of freedom"
        raise DesignError(Fault(place, found, "fewer terms, or more answers coded by hand"))
    about = {"model": name, "n": int(rows.sum()), "n_dropped": prepared.n_dropped}
    each = np.minimum(df, _degrees_of_freedom(estimator(design.weight), design))
    terms = terms_table(
        prepared.names,
        inferred.estimate,
        inferred.total,
        each,
        level=level,
        **about,
        outcome=prepared.left,
        kind=family,
    )
    summary = {"n": about["n"], "n_dropped": about["n_dropped"], "n_coded": int((rows & codes.coded).sum())}
    first = design.stages[0]
    summary |= {"clusters": len(np.unique(first.cluster[rows])), "df": df}
    extra = {
        "estimator": lambda weight: _joined(estimator(weight)),
        "spec": prepared.spec,
        "rows": rows,
        "design": design,
        "predict": _predictor(prepared.spec, FAMILIES[family], name),
        "family": FAMILIES[family],
        "second_phase": inferred.second,
    }
    return Fit(name, family, terms, summary, inferred.total, extra)


def _foretold(table: pd.DataFrame, codes: Codings) -> pd.DataFrame:
    """The table with machine codes calibrated to human ones."""
    columns = {
        code: np.where(
            codes.inside,
            calibrated_prediction(codes.machine[:, number], codes.human[:, number], codes.expansion),
            np.nan,
        )
        for number, code in enumerate(codes.codes)
    }
    return table.assign(**columns)


def _human_table(foretold: pd.DataFrame, codes: Codings, rows: np.ndarray) -> pd.DataFrame:
    """Coded answers of the rows used, with human codes."""
    used = rows & codes.coded
    columns = {code: codes.human[used, number] for number, code in enumerate(codes.codes)}
    return foretold[used].assign(**columns)


def _formula_faults(left: str, formula: str, codes: Codings, rows: np.ndarray, place: str) -> list[Fault]:
    """Formulas without codes, or with codes where they cannot be."""
    words = set(re.findall(r"\w+", formula))
    faults = []
    if not words & set(codes.codes):
        faults += [Fault(place, f"formula {formula!r} without a code", f"one of {', '.join(codes.codes)}")]
    if left not in codes.codes and set(re.findall(r"\w+", left)) & set(codes.codes):
        faults += [Fault(place, f"outcome {left}", "a code as it is, without a function")]
    if not (rows & codes.coded).any():
        faults += [Fault(place, "no human codes among the rows used", "coded answers with every variable known")]
    return faults or list(_rare_faults(words, codes, rows, place))


def _rare_faults(words: set[str], codes: Codings, rows: np.ndarray, place: str) -> Iterator[Fault]:
    """Codes that too few human codes are of one kind for: the error of what hangs on them cannot be told."""
    used = rows & codes.coded
    for number, code in enumerate(codes.codes):
        yes = int(codes.human[used, number].sum())
        if code in words and min(yes, used.sum() - yes) < _RARE and (rows & ~codes.coded).any():
            found = f"{yes} of {used.sum()} answers coded by hand that have it"
            allowed = f"{_RARE} with it and {_RARE} without"
            yield Fault(place, found, allowed, column=code, hint="code more of the answers flagged with it")


def _both_sides(prepared: Prepared, actual: pd.DataFrame, codes: Codings, family: Family, place: str) -> _Equations:
    """Outcome and matrix by machine and by human codes, spread over all rows."""
    rows, size = prepared.rows, len(prepared.rows)
    used = rows & codes.coded
    outcome, matrix = np.zeros(size), np.zeros((size, prepared.matrix.shape[1]))
    outcome[rows], matrix[rows] = _as_numbers(prepared.outcome, place), prepared.matrix
    own, truth = np.zeros_like(outcome), np.zeros_like(matrix)
    truth[used] = model_matrix(prepared.spec, actual, name=place.removeprefix("model").strip())
    own[used] = actual[prepared.left] if prepared.left in codes.codes else outcome[used]
    expansion = np.where(used, codes.expansion, 0.0)
    return _Equations(_Side(outcome, matrix, rows - expansion), _Side(own, truth, expansion), family, place)


def _as_numbers(outcome: pd.Series, place: str) -> np.ndarray:
    """The outcome of the rows used."""
    if not pd.api.types.is_numeric_dtype(outcome.dtype):
        raise DesignError(Fault(place, f"outcome {outcome.name} in words", "numbers"))
    return outcome.to_numpy(dtype=float)


@dataclass(frozen=True, eq=False)
class _Solver:
    """Coefficients and their influences as a function of weights."""

    equations: _Equations

    def __call__(self, weight: np.ndarray) -> TwoParts:
        """Newton steps on the corrected equations."""
        sides, family = (self.equations.machine, self.equations.human), self.equations.family
        beta = self._start(weight)
        for _ in range(_STEPS):
            score, information = np.zeros(len(beta)), np.zeros((len(beta), len(beta)))
            for side in sides:
                eta = side.matrix @ beta
                own = weight * side.count
                score += side.matrix.T @ (own * (side.outcome - family.mean(eta)))
                information += (side.matrix.T * (own * family.slope(eta))) @ side.matrix
            step = self._step(information, score)
            beta = beta + step * min(1.0, 4.0 / max(np.abs(step).max(), 1e-300))
            if np.abs(step).max() <= _SETTLED * (1 + np.abs(beta).max()):
                return self._influences(beta, np.linalg.inv(information))
        raise DesignError(self._fault(f"no convergence in {_STEPS} steps"))

    def _start(self, weight: np.ndarray) -> np.ndarray:
        """Least squares on the working outcome of a guess at each row's mean, by machine codes alone."""
        side, family = self.equations.machine, self.equations.family
        own = weight * np.any(side.matrix != 0, axis=1)
        target = family.link(family.start(np.clip(side.outcome, 0, 1))) if family.name == "logistic" else side.outcome
        return self._step((side.matrix.T * own) @ side.matrix, side.matrix.T @ (own * target))

    def _step(self, information: np.ndarray, score: np.ndarray) -> np.ndarray:
        """Newton step, on columns of equal size."""
        size = np.sqrt(np.abs(np.diag(information)))
        if not (size > 0).all() or np.linalg.cond(information / np.outer(size, size)) > 1e10:
            raise DesignError(self._fault("terms that repeat each other, or that no coded answer tells apart"))
        return np.linalg.solve(information / np.outer(size, size), score / size) / size

    def _influences(self, beta: np.ndarray, bread: np.ndarray) -> TwoParts:
        """What machine codes of every answer and human codes of some add."""
        machine, human, mean = self.equations.machine, self.equations.human, self.equations.family.mean
        foretold = machine.matrix * (machine.outcome - mean(machine.matrix @ beta))[:, None]
        actual = human.matrix * (human.outcome - mean(human.matrix @ beta))[:, None]
        drawn = human.count[:, None]
        return TwoParts(beta, foretold @ bread, drawn * (actual - foretold) @ bread)

    def _fault(self, found: str) -> Fault:
        """Why there are no coefficients."""
        return Fault(self.equations.place, found, "fewer terms, or more answers coded by hand")


def _degrees_of_freedom(parts: TwoParts, design: Design) -> np.ndarray:
    """Of each variance, by how unequal the clusters' parts in it are: few codes that weigh much leave few."""
    cluster = np.unique(design.stages[0].cluster, return_inverse=True)[1]
    influence = design.weight[:, None] * (parts.every + parts.coded)
    sums = np.stack([np.bincount(cluster, weights=column) for column in influence.T], axis=1)
    squares = sums**2
    spread = (squares**2).sum(axis=0) - squares.sum(axis=0) ** 2 / len(sums)
    return 2 * squares.sum(axis=0) ** 2 / np.maximum(spread, 1e-300)


def _joined(parts: TwoParts) -> Linearised:
    """Both parts as one, for what builds on a fit."""
    return Linearised(parts.estimate, parts.every + parts.coded, np.eye(len(parts.estimate)))


def _predictor(spec: ModelSpec, family: Family, name: str) -> Callable[[np.ndarray, pd.DataFrame], np.ndarray]:
    """The expected outcome of the rows of a table, given coefficients."""

    def predict(parameters: np.ndarray, table: pd.DataFrame) -> np.ndarray:
        return family.mean(model_matrix(spec, table, name=name) @ parameters)

    return predict
