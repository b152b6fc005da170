"""Further questions about a fitted path model: standardised terms, and which fixed parameters the data would free."""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from kzsurvey.errors import DesignError, Fault
from kzsurvey.modelling.paths.estimation import sample_objective
from kzsurvey.modelling.paths.matrices import Model, make_model
from kzsurvey.modelling.paths.normal import normal_scores
from kzsurvey.modelling.paths.parameters import Parameter, term_name
from kzsurvey.modelling.paths.results import PathFit, Solved, delta
from kzsurvey.modelling.paths.sample_moments import moment_vector
from kzsurvey.modelling.paths.solving import bordered_inverse, complex_slopes
from kzsurvey.modelling.paths.standardising import (
    SCALES,
    covariate_moments,
    defined_values,
    labels_of,
    standardised_values,
)
from kzsurvey.modelling.paths.testing import all_metric, saturated_squares
from kzsurvey.modelling.regression.results import terms_table
from kzsurvey.modelling.sampling.variance import covariance as design_covariance


def standardised(fit: PathFit, *, scale: str = "all") -> pd.DataFrame:
    """Terms of a path model on a common scale, with errors by the delta method.

    Parameters
    ----------
    fit : PathFit
    scale : {"all", "latent"}
        Every variable has variance 1, or every latent one (``std.all`` and ``std.lv`` of lavaan). Covariances become
        correlations (of residuals).

    Returns
    -------
    DataFrame, one row per parameter of the model, also fixed ones, then what is defined: the columns of ``terms``

    Examples
    --------
    >>> from kzsurvey.modelling.paths.paths import fit_paths
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=200)
    >>> fit = fit_paths(pd.DataFrame({"x": x, "y": x + rng.normal(size=200)}), "y ~ x")
    >>> standardised(fit).set_index("term").loc["y ~ x", ["estimate", "std_error"]].round(2).to_dict()
    {'estimate': 0.73, 'std_error': 0.03}
    """
    if scale not in SCALES:
        raise DesignError(Fault(f"model {fit.model}".strip(), f"scale {scale!r}", ", ".join(SCALES)))
    solved = fit.solved
    model, moments = solved.fitted.model, covariate_moments(solved.sample)
    kept = [
        number
        for number, row in enumerate(model.rows)
        if row.role in ("model", "derived")
        and row.op != "~*~"
        and not (row.op == "~1" and row.free < 0 and row.value == 0)
    ]

    def values(theta: np.ndarray) -> np.ndarray:
        every = standardised_values(model, theta, moments, scale)
        defined = defined_values(solved.definitions, labels_of(model, every), theta.shape[:-1])
        return np.concatenate([every[..., kept], defined], axis=-1)

    estimate, inner = delta(values, solved.fitted.theta, _covariance(solved))
    names = [term_name(model.rows[number], model.groups) for number in kept] + [one.name for one in solved.definitions]
    inner = np.where(np.abs(inner) < 1e-24, 0.0, inner)
    about = {name: fit.terms[name].iloc[0] for name in ("model", "n", "n_dropped", "outcome", "kind")}
    with np.errstate(divide="ignore", invalid="ignore"):
        table = terms_table(tuple(names), estimate, inner, solved.df, level=solved.level, **about)
    still = table["std_error"] == 0
    return table.assign(p_value=table["p_value"].mask(still))


def path_arrows(fit: PathFit, *, scale: str = "all", group: str = "") -> pd.DataFrame:
    """Arrows of a path model, for the figure ``structure``.

    Parameters
    ----------
    fit : PathFit
    scale : {"all", "latent", "none"}
        As in :func:`standardised`, or as estimated.
    group : str, of several; the first where none is named

    Returns
    -------
    DataFrame, one row per loading, path and covariance of latent variables
        ``path``, ``form`` (``measures``, ``explains``, ``covaries``), ``source``, ``target``, ``estimate``,
        ``conf_low``, ``conf_high``, ``n``.

    Examples
    --------
    >>> from kzsurvey.modelling.paths.paths import fit_paths
    >>> rng = np.random.default_rng(1)
    >>> x = rng.normal(size=200)
    >>> fit = fit_paths(pd.DataFrame({"x": x, "y": x + rng.normal(size=200)}), "y ~ x")
    >>> path_arrows(fit)[["form", "source", "target"]].to_dict("records")
    [{'form': 'explains', 'source': 'x', 'target': 'y'}]
    """
    place = f"model {fit.model}".strip()
    if scale not in (*SCALES, "none"):
        raise DesignError(Fault(place, f"scale {scale!r}", ", ".join((*SCALES, "none"))))
    model = fit.solved.fitted.model
    if group and group not in model.groups:
        raise DesignError(Fault(place, f"group {group!r}", ", ".join(model.groups)))
    number = model.groups.index(group) if group else 0
    table = (fit.terms if scale == "none" else standardised(fit, scale=scale)).set_index("term")
    found = []
    for row in model.rows:
        term = term_name(row, model.groups)
        latent = row.lhs in model.variables.latent and row.rhs in model.variables.latent
        drawn = row.op in ("=~", "~") or (row.op == "~~" and latent and row.lhs != row.rhs)
        if row.group != number or not drawn:
            continue
        form = {"=~": "measures", "~": "explains"}.get(row.op, "covaries")
        source, target = (row.rhs, row.lhs) if row.op == "~" else (row.lhs, row.rhs)
        fixed = {"estimate": row.value, "conf_low": np.nan, "conf_high": np.nan}
        told = table.loc[term, list(fixed)].to_dict() if term in table.index else fixed
        found.append({"path": term, "form": form, "source": source, "target": target, **told, "n": fit.summary["n"]})
    return pd.DataFrame(found)


def _covariance(solved: Solved) -> np.ndarray:
    """Covariance of the parameters; without that of covariates where they count as fixed."""
    if solved.request["covariates"] == "sampled":
        return solved.covariance
    fixed = {row.free for row in solved.fitted.model.rows if row.role == "covariate"}
    keep = np.array([place not in fixed for place in range(solved.fitted.model.count)])
    return solved.covariance * keep[:, None] * keep


def modification_indices(fit: PathFit, *, smallest: float = 0.0) -> pd.DataFrame:
    r"""What would happen if a parameter that is fixed were free.

    Parameters
    ----------
    fit : PathFit
    smallest : float, of the indices that are listed

    Returns
    -------
    DataFrame, one row per loading, regression and covariance that is fixed at 0 (and per other fixed value), largest
    first
        ``term``, ``mi`` (what chi-square would fall by, rows drawn one by one), ``mi_scaled`` and ``p_value`` (score
        test under the design), ``epc`` (expected parameter change), ``sepc`` (the same, all variables with variance
        1).

    Notes
    -----
    With score s and information I of the freed parameter (a) and the others (o), :math:`n s^2 / V`,
    :math:`V = I_{aa} - I_{ao} I_{oo}^{-1} I_{oa}`; under the design the square of the efficient score
    :math:`s_a - I_{ao} I_{oo}^{-1} s_o` over its design-based variance. They are many tests of one data set: a change
    that they suggest is a hypothesis for the next one.

    References
    ----------
    Sorbom, D. (1989). Model modification. Psychometrika 54, 371-384. doi:10.1007/BF02294623

    Boos, D. D. (1992). On generalized score tests. The American Statistician 46, 327-333.
    doi:10.1080/00031305.1992.10475921
    """
    solved = fit.solved
    old, sample = solved.fitted.model, solved.sample
    added = _candidates(solved)
    if not added:
        return pd.DataFrame(columns=["term", "mi", "mi_scaled", "p_value", "epc", "sepc"])
    rows = [
        row for row in old.rows if row.key not in {one.key for one in added if one.group == row.group} or row.free >= 0
    ]
    model = make_model([*rows, *added], old.variables, old.groups, conditional=sample.conditional)
    theta = np.concatenate([solved.fitted.theta, [one.value for one in added]])
    here = sample_objective(sample, model)(theta[None], np.arange(1))
    gradient, bend = here.gradient[0], here.information[0]
    count = old.count
    inverse = bordered_inverse(bend[:count, :count], solved.fitted.slopes)
    across = bend[count:, :count] @ inverse
    curvature = np.diag(bend)[count:] - np.sum(across * bend[count:, :count], axis=1)
    usable = curvature > 1e-7 * np.diag(bend)[count:]
    curvature = np.where(usable, curvature, np.nan)
    score = -gradient[count:]
    spread = np.diag(_efficient_covariance(solved, model, theta, across))
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = np.where(usable, score**2 / spread, np.nan)
        change = score / curvature
        index = sample.units * score**2 / curvature
    table = pd.DataFrame(
        {
            "term": [term_name(one, old.groups) for one in added],
            "mi": index,
            "mi_scaled": scaled,
            "p_value": chdtrc(1, scaled),
            "epc": change,
            "sepc": _standardised_change(solved, added, change),
        }
    )
    table = table[table["mi"].notna() & (table["mi"] >= smallest)]
    return table.sort_values("mi", ascending=False, kind="stable", ignore_index=True)


def _candidates(solved: Solved) -> list[Parameter]:
    """Parameters that could be free: loadings, covariances, regressions between what is structured, fixed values."""
    model = solved.fitted.model
    variables, found = model.variables, []
    there = {(row.group, row.key) for row in model.rows if row.free >= 0 or row.role == "derived"}
    structural = [
        name
        for name in (*variables.latent, *variables.observed)
        if name in variables.explained | variables.explaining or name in variables.latent
    ]
    several = bool(variables.explained)
    for group in range(len(model.groups)):
        fixed = {row.key: row.value for row in model.rows if row.group == group and row.free < 0}
        wanted = [
            (latent, "=~", item)
            for latent in variables.latent
            for item in variables.modelled
            if item in variables.indicators
        ]
        wanted += [(a, "~~", b) for a, b in combinations(variables.modelled, 2)]
        wanted += [(a, "~~", b) for a, b in combinations(variables.latent, 2)]
        if several:
            wanted += [
                (a, "~", b)
                for a in structural
                for b in structural
                if a != b and a not in variables.covariates and b not in variables.ordered
            ]
        for lhs, op, rhs in wanted:
            one = Parameter(lhs, op, rhs, group, 0, 0.0, "")
            if (group, one.key) not in there:
                found.append(one._replace(value=fixed.get(one.key, 0.0)))
    return [one._replace(free=model.count + place) for place, one in enumerate(found)]


def _efficient_covariance(solved: Solved, model: Model, theta: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Design-based covariance of the mean efficient scores."""
    sample = solved.sample
    projection = np.concatenate([-across, np.eye(len(across))], axis=1)
    if sample.estimator == "ML":
        scores = normal_scores(model, sample.answers, theta, len(sample.design))
        return design_covariance(scores, projection / sample.weight, sample.design)
    influence, _ = saturated_squares(sample)
    slopes = np.concatenate(
        [complex_slopes(lambda at, block=block: moment_vector(block, at), theta) for block in model.blocks]
    )
    return design_covariance(influence, projection @ slopes.T @ all_metric(sample), sample.design)


def _standardised_change(solved: Solved, added: list[Parameter], change: np.ndarray) -> np.ndarray:
    """Expected changes with every variable at variance 1."""
    old = solved.fitted.model
    model = make_model([*old.rows, *added], old.variables, old.groups, conditional=solved.sample.conditional)
    plain = np.concatenate([solved.fitted.theta, np.zeros(len(added))])
    moments = covariate_moments(solved.sample)
    # the factor of each parameter, at the solution: what a parameter of 1 is multiplied by there
    slopes = complex_slopes(lambda at: _own_values(model, at, moments, len(old.rows)), plain)
    return change * np.array([slopes[place, old.count + place] for place in range(len(added))])


def _own_values(model: Model, theta: np.ndarray, moments: list, begin: int) -> np.ndarray:
    return standardised_values(model, theta, moments)[..., begin:]
