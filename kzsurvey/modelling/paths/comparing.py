"""Nested path models: scaled difference tests, and the ladder of invariance between groups."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.paths.estimation import at_solution, estimator_of, sample_objective
from kzsurvey.modelling.paths.matrices import implied
from kzsurvey.modelling.paths.normal import Sums, normal_objective
from kzsurvey.modelling.paths.paths import fit_paths
from kzsurvey.modelling.paths.results import PathFit, Solved
from kzsurvey.modelling.paths.solving import Solution, free_directions, solve
from kzsurvey.modelling.paths.testing import chi_square, moment_slopes
from kzsurvey.modelling.sampling.design import Design
from kzsurvey.modelling.sampling.variance import infer

METHODS = ("satorra2000", "satorra_bentler2001", "satorra_bentler2010")
LEVELS = ("configural", "metric", "scalar", "strict")
_EQUAL = {
    "numbers": {
        "configural": (),
        "metric": ("loadings",),
        "scalar": ("loadings", "intercepts"),
        "strict": ("loadings", "intercepts", "residuals"),
    },
    "ordinal": {"configural": (), "metric": ("loadings",), "scalar": ("loadings", "thresholds", "intercepts")},
}


def compare_paths(restricted: PathFit, full: PathFit, *, method: str = "") -> pd.DataFrame:
    r"""Test a path model against a larger one that holds it, under the design.

    Parameters
    ----------
    restricted, full : PathFit
        Of the same rows and variables; every model that the restricted one allows, the full one allows as well.
    method : {"satorra2000", "satorra_bentler2001", "satorra_bentler2010"}
        Where nothing is said: the second for a likelihood (the third where it gives a scale that is not above 0), the
        first for least squares.

    Returns
    -------
    DataFrame, one row
        ``chi_square`` (difference as if rows were drawn one by one), ``scaled``, ``df``, ``p_value``, ``scale``,
        ``method``, ``cfi_change``, ``rmsea_change`` (robust ones, where there are any).

    Raises
    ------
    DesignError
        Other rows, variables or estimators; a restricted model with no more degrees of freedom.

    Notes
    -----
    With statistics T, degrees of freedom d and scales c of the restricted (0) and the full (1) model:
    :math:`(T_0 - T_1) / c_d`, :math:`c_d = (d_0 c_0 - d_1 c_1) / (d_0 - d_1)` (2001); in 2010 c of the full model is
    taken at the solution of the restricted one. 2000 takes the mean (for least squares also the variance) of what the
    difference would be from the moments' covariance.

    References
    ----------
    Satorra, A. (2000). Scaled and adjusted restricted tests in multi-sample analysis of moment structures. In R. D. H.
    Heijmans et al. (Eds.), Innovations in multivariate statistical analysis (pp. 233-247). Kluwer.
    doi:10.1007/978-1-4615-4603-0_17

    Satorra, A., & Bentler, P. M. (2001). A scaled difference chi-square test statistic for moment structure analysis.
    Psychometrika 66, 507-514. doi:10.1007/BF02296192

    Satorra, A., & Bentler, P. M. (2010). Ensuring positiveness of the scaled difference chi-square test statistic.
    Psychometrika 75, 243-248. doi:10.1007/s11336-009-9135-y

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> load = rng.normal(size=300)
    >>> table = pd.DataFrame({item: load + rng.normal(size=300) for item in ("a", "b", "c", "d")})
    >>> free, same = (fit_paths(table, f"load =~ a + {x}*b + {y}*c + d") for x, y in (("u", "v"), ("u", "u")))
    >>> compare_paths(same, free)[["df", "method"]].to_dict("records")
    [{'df': 1, 'method': 'satorra_bentler2001'}]
    """
    place = f"comparison of {restricted.model} and {full.model}".replace("  ", " ").strip()
    fail_if(_faults(restricted, full, method, place), DesignError)
    low, high = restricted.solved, full.solved
    df = low.test.df - high.test.df
    plain = max(low.test.statistic - high.test.statistic, 0.0)
    squares = low.sample.estimator != "ML"
    used = method or ("satorra2000" if squares else "satorra_bentler2001")
    shift = 0.0
    if used == "satorra2000":
        scale, shift = _satorra2000(low, high, df)
    else:
        scale = _scale_difference(low, high, df, evaluated=used == "satorra_bentler2010")
        if not scale > 0 and not method:
            used = "satorra_bentler2010"
            scale = _scale_difference(low, high, df, evaluated=True)
    scaled = plain / scale + shift if scale > 0 else float("nan")
    row = {"chi_square": plain, "scaled": scaled, "df": df, "p_value": float(chdtrc(df, scaled)), "scale": scale}
    return pd.DataFrame([row | {"method": used} | _changes(restricted, full)])


def _faults(restricted: PathFit, full: PathFit, method: str, place: str) -> list[Fault]:
    """Models that cannot be compared."""
    low, high = restricted.solved, full.solved
    faults = []
    if method and method not in METHODS:
        faults.append(Fault(place, f"method {method!r}", ", ".join(METHODS)))
    if low.sample.estimator != high.sample.estimator:
        faults.append(Fault(place, f"estimators {low.sample.estimator} and {high.sample.estimator}", "one estimator"))
    if not np.array_equal(low.sample.columns.group, high.sample.columns.group):
        faults.append(Fault(place, "models of other rows or groups", "the same rows in both"))
    if set(low.sample.variables.observed) != set(high.sample.variables.observed):
        faults.append(Fault(place, "models of other variables", "the same variables in both"))
    if not faults and low.test.df <= high.test.df:
        found = f"{low.test.df} and {high.test.df} degrees of freedom"
        faults.append(Fault(place, found, "the restricted model first, with more of them"))
    if method.startswith("satorra_bentler") and low.sample.estimator != "ML":
        faults.append(Fault(place, f"method {method} of least squares", "satorra2000"))
    return faults


def _satorra2000(low: Solved, high: Solved, df: int) -> tuple[float, float]:
    """Scale and shift from the part of the full model's moments that the restricted one does not reach."""
    sample = high.sample
    slopes, inner = moment_slopes(sample, high.fitted), moment_slopes(low.sample, low.fitted)
    if high.fitted.slopes is not None:
        slopes = slopes @ free_directions(high.fitted.slopes)
    if low.fitted.slopes is not None:
        inner = inner @ free_directions(low.fitted.slopes)
    metric = high.saturated.metric
    curvature = slopes.T @ metric @ slopes
    inside = np.linalg.lstsq(slopes, inner, rcond=None)[0]  # the restricted directions among the full ones
    left, size, _ = np.linalg.svd(inside)
    rank = int((size > 1e-7 * size.max()).sum())
    across = left[:, rank:].T
    solved = np.linalg.solve(curvature, across.T)
    bread = solved @ np.linalg.solve(across @ solved, solved.T)
    product = metric @ slopes @ bread @ slopes.T @ metric @ high.saturated.covariance * sample.effective
    first, second = float(np.trace(product)), float(np.sum(product * product.T))
    if sample.estimator == "ML":
        return first / df, 0.0
    return float(np.sqrt(second / df)), float(df - np.sqrt(df / second) * first)


def _scale_difference(low: Solved, high: Solved, df: int, *, evaluated: bool) -> float:
    """Scale of the difference from the scales of the two models."""
    scale = _evaluated_scale(low, high) if evaluated else high.test.scale
    above = high.test.df * (scale if high.test.df else 0.0)
    return float((low.test.df * low.test.scale - above) / df)


def _evaluated_scale(low: Solved, high: Solved) -> float:
    """Scale of the full model at the solution of the restricted one."""
    if not high.test.df:
        return float("nan")
    theta = _as_in(low, high)
    sample, information = high.sample, high.request["information"]
    value = sample_objective(sample, high.fitted.model)(theta[None], np.arange(1)).value
    there = Solution(theta[None], value, np.ones(1, dtype=bool), 0)
    fitted = at_solution(sample, high.fitted.model, there, high.fitted.constraints, information)
    _, covariance = infer(estimator_of(sample, fitted), sample.design)
    return chi_square(sample, high.saturated, fitted, covariance, expected=information == "expected").scale


def _as_in(low: Solved, high: Solved) -> np.ndarray:
    """Parameters of the full model that imply the moments of the restricted one, whatever the two are written in."""
    told = []
    for block, share in zip(low.fitted.model.blocks, low.sample.shares, strict=True):
        moments = implied(block, low.fitted.theta)
        there = np.ones((1, block.observed), dtype=bool)
        told.append(Sums(np.array([[share]]), moments.mean[None, None], moments.covariance[None, None], there))
    objective = normal_objective(high.fitted.model, told)
    return solve(objective, high.fitted.theta[None], constraints=high.fitted.constraints, tolerance=1e-16).theta[0]


def _changes(restricted: PathFit, full: PathFit) -> dict[str, float]:
    """How far CFI and RMSEA move."""
    found = {}
    for index in ("cfi", "rmsea"):
        low, high = (_best(fit, index) for fit in (restricted, full))
        found[f"{index}_change"] = low - high
    return found


def _best(fit: PathFit, index: str) -> float:
    """An index as it should be read: robust, else scaled, else plain."""
    row = fit.indices.set_index("index").loc[index, ["robust", "scaled", "value"]]
    return float(row.dropna().iloc[0])


@dataclass(frozen=True, eq=False)
class Invariance:
    """How far a measure means the same in several groups.

    Attributes
    ----------
    table : DataFrame, one row per level
        ``level``, ``chi_square`` (scaled), ``df``, ``p_value``, ``cfi``, ``rmsea``, ``srmr``; against the level before:
        ``difference`` (scaled), ``difference_df``, ``difference_p``, ``cfi_change``, ``rmsea_change``.
    fits : mapping of level to PathFit
    """

    table: pd.DataFrame
    fits: dict[str, PathFit] = field(repr=False)

    def _repr_html_(self) -> str:
        """The table, in a notebook."""
        return self.table.to_html(index=False)


def invariance(
    table: pd.DataFrame,
    syntax: str,
    *,
    groups: str,
    design: Design | None = None,
    levels: Sequence[str] = (),
    method: str = "",
    name: str = "",
    **options: object,
) -> Invariance:
    """Fit a measurement model with more and more of it the same in all groups, and test each step.

    Parameters
    ----------
    table : DataFrame, one row per interview
    syntax : str
    groups : str, column of the groups
    design : Design
    levels : of {"configural", "metric", "scalar", "strict"}
        All that there are, where nothing is said. Of ordinal items ``scalar`` means equal loadings and thresholds, and
        there is no ``strict``: their residual variances have no scale of their own.
    method : str, as in :func:`compare_paths`
    name : str
    **options
        Of :func:`fit_paths`; ``partial`` names parameters that stay free.

    Returns
    -------
    Invariance

    Raises
    ------
    DesignError
        What :func:`fit_paths` refuses; levels that are unknown or do not exist for these items.

    References
    ----------
    Meredith, W. (1993). Measurement invariance, factor analysis and factorial invariance. Psychometrika 58, 525-543.
    doi:10.1007/BF02294825

    Chen, F. F. (2007). Sensitivity of goodness of fit indexes to lack of measurement invariance. Structural Equation
    Modeling 14, 464-504. doi:10.1080/10705510701301834

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> load = rng.normal(size=400)
    >>> items = {item: load + rng.normal(size=400) for item in ("a", "b", "c", "d")}
    >>> table = pd.DataFrame(items | {"office": ["county", "township"] * 200})
    >>> invariance(table, "load =~ a + b + c + d", groups="office").table[["level", "df"]].to_dict("list")
    {'level': ['configural', 'metric', 'scalar', 'strict'], 'df': [4, 7, 10, 14]}
    """
    place = f"model {name}".strip()
    if "equal" in options:
        raise DesignError(Fault(place, "equal in a test of invariance", "levels, and partial for what stays free"))
    partial = options.pop("partial", ())
    first = fit_paths(table, syntax, design=design, groups=groups, name=f"{name} configural".strip(), **options)
    known = _EQUAL["ordinal" if first.solved.sample.variables.ordered else "numbers"]
    wanted = tuple(levels) or tuple(known)
    unknown = [level for level in wanted if level not in known]
    hint = "residual variances of ordinal items are what thresholds leave" if "strict" in unknown else ""
    fail_if([Fault(place, f"level {level!r}", ", ".join(known), hint=hint) for level in unknown], DesignError)
    fits: dict[str, PathFit] = {}
    for level in [one for one in known if one in wanted]:
        equal = known[level]
        fits[level] = (
            first
            if not equal
            else fit_paths(
                table,
                syntax,
                design=design,
                groups=groups,
                equal=equal,
                partial=partial,
                name=f"{name} {level}".strip(),
                **options,
            )
        )
    return Invariance(_ladder(fits, method), fits)


def _ladder(fits: dict[str, PathFit], method: str) -> pd.DataFrame:
    """One row per level, each against the one before."""
    rows, before = [], None
    for level, fit in fits.items():
        test = fit.solved.test
        row = {"level": level, "chi_square": test.scaled, "df": test.df, "p_value": test.p_scaled}
        row |= {index: _best(fit, index) for index in ("cfi", "rmsea", "srmr")}
        step = dict.fromkeys(
            ("difference", "difference_df", "difference_p", "cfi_change", "rmsea_change"), float("nan")
        )
        if before is not None and test.df > before.solved.test.df:
            found = compare_paths(fit, before, method=method).iloc[0]
            step |= {"difference": found["scaled"], "difference_df": found["df"], "difference_p": found["p_value"]}
            step |= {"cfi_change": found["cfi_change"], "rmsea_change": found["rmsea_change"]}
        rows.append(row | step)
        before = fit
    return pd.DataFrame(rows)
