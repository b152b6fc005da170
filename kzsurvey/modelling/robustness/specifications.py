"""The specification curve: an association under every defensible choice of outcome, term, controls, sample and weights.

One specification is a choice of the researcher; the curve shows all of them, and a joint test asks how often so many
of them would agree if there were no association in any.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations, product
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from kzsurvey.errors import DesignError, Fault, SurveyError, fail_if
from kzsurvey.modelling.regression.regression import fit_regression
from kzsurvey.modelling.regression.results import Fit
from kzsurvey.modelling.robustness.stepdown import chance, multipliers, standard_contributions
from kzsurvey.modelling.sampling.design import Design, check_rows, domain_rows

WEIGHTS = ("weighted", "unweighted")


@dataclass(frozen=True, eq=False)
class SpecificationCurve:
    """An association under many specifications.

    Attributes
    ----------
    specifications : DataFrame, one row per specification, sorted by estimate
        ``outcome``, ``term``, ``sample``, ``weights``, one column of flags per control (``control:<name>``),
        ``estimate``, ``std_error``, ``df``, ``conf_low``, ``conf_high``, ``p_value``, ``n``, ``not_fitted`` (why there
        is no estimate; such rows stand last).
    summary : DataFrame, one row
        ``specifications``, ``fitted``, ``median``, ``low`` and ``high`` (of the estimates), ``share_same_sign``,
        ``share_significant`` (of the sign that prevails), ``mean_z``; the probabilities ``p_median``, ``p_significant``
        and ``p_mean_z`` of the joint test, ``draws``, ``n_low`` and ``n_high`` (interviews).
    """

    specifications: pd.DataFrame
    summary: pd.DataFrame
    design: Design = field(repr=False)

    def _repr_html_(self) -> str:
        """The summary, in a notebook."""
        return self.summary.to_html(index=False)


class _Choice(NamedTuple):
    """One specification before it is fitted."""

    outcome: str
    term: str
    sample: str
    weights: str
    controls: tuple[str, ...]


def specification_curve(
    table: pd.DataFrame,
    *,
    outcomes: Sequence[str],
    terms: Sequence[str],
    controls: Sequence[str] = (),
    always: Sequence[str] = (),
    samples: Mapping[str, np.ndarray | None] | None = None,
    weights: Sequence[str] = ("weighted",),
    design: Design,
    family: str = "linear",
    where: np.ndarray | None = None,
    most: int = 5000,
    draws: int = 999,
    seed: int = 1,
    level: float = 0.95,
) -> SpecificationCurve:
    r"""Fit a model under every combination of choices, and test all of them together.

    Parameters
    ----------
    table : DataFrame, one row per interview
    outcomes, terms : names of columns, one of each in every specification
        With more than one outcome or term, estimates are in standard deviations (of the outcome, for linear models) per
        standard deviation of the term, so that they can stand on one axis.
    controls : terms of a formula, each in or out
    always : terms of a formula that stand in every specification
    samples : mapping of a name to (n,) bool array or None
        Everybody in the domain where None.
    weights : some of {"weighted", "unweighted"}
    design : Design
    family : {"linear", "logistic", "probit", "poisson"}
    where : (n,) bool array, the domain
    most : int
        Specifications; of more combinations so many are drawn at random.
    draws : int, of the joint test
    seed : int
    level : float, of the intervals; a specification is significant where its interval excludes 0

    Returns
    -------
    SpecificationCurve

    Raises
    ------
    DesignError
        Nothing to choose from; an unknown column; a specification in which nothing can be fitted at all. A single one
        that cannot be fitted keeps its row and says why.

    Notes
    -----
    The joint test is Simonsohn, Simmons and Nelson's, with three statistics: the median estimate, the share of
    significant estimates of the sign that prevails, the mean of all z. How they would fall if no specification had an
    association comes from a score (wild cluster) bootstrap: what each cluster adds to every estimate, times a random
    sign of that cluster, the same in all specifications; so the dependence of specifications on each other, and of
    people within clusters, is in it.

    References
    ----------
    Simonsohn, U., Simmons, J. P., & Nelson, L. D. (2020). Specification curve analysis. Nature Human Behaviour 4,
    1208-1214. doi:10.1038/s41562-020-0912-z
    Kline, P., & Santos, A. (2012). A score based approach to wild bootstrap inference. Journal of Econometric Methods
    1, 23-41. doi:10.1515/2156-6674.1006

    Examples
    --------
    >>> from kzsurvey.modelling import make_design
    >>> random = np.random.default_rng(1)
    >>> table = pd.DataFrame(random.normal(size=(80, 4)), columns=["y", "x", "a", "b"])
    >>> table["y"] += table["x"]
    >>> found = specification_curve(table, outcomes=["y"], terms=["x"], controls=["a", "b"], design=make_design(table))
    >>> found.summary[["specifications", "median", "share_significant", "p_median"]].round(3).values.tolist()
    [[4.0, 0.883, 1.0, 0.001]]
    """
    check_rows(design, table, where, place="specification_curve")
    chosen = {"": None} if samples is None else dict(samples)
    fail_if(_choice_faults(table, outcomes, terms, chosen, weights), DesignError)
    domain = domain_rows(where, len(table), place="specification_curve")
    inside = {name: domain & domain_rows(flags, len(table), place=f"sample {name}") for name, flags in chosen.items()}
    designs = {"weighted": design, "unweighted": _unweighted(design)}
    choices = _choices(outcomes, terms, tuple(chosen), weights, controls, most, seed)
    standard = len(outcomes) > 1 or len(terms) > 1
    found = [
        _fitted(table, one, always, inside[one.sample], designs[one.weights], family, standard=standard, level=level)
        for one in choices
    ]
    rows = pd.DataFrame([{**_described(one, controls), **row} for one, (row, _) in zip(choices, found, strict=True)])
    parts = [part for _, part in found if part is not None]
    if not parts:
        first = rows["not_fitted"].iloc[0]
        raise DesignError(Fault("specification_curve", f"no specification with an answer ({first})", "at least one"))
    summary = _summary(rows.dropna(subset=["estimate"]), np.stack(parts, axis=1), len(rows), draws, seed, level)
    ordered = rows.sort_values("estimate", kind="stable", na_position="last").reset_index(drop=True)
    return SpecificationCurve(ordered, pd.DataFrame([summary]), design)


def _choice_faults(
    table: pd.DataFrame, outcomes: Sequence[str], terms: Sequence[str], samples: dict, weights: Sequence[str]
) -> list[Fault]:
    """Choices that are none."""
    faults = [
        Fault("specification_curve", f"no {name}", "at least one")
        for name, given in (("outcomes", outcomes), ("terms", terms), ("samples", samples), ("weights", weights))
        if not len(given)
    ]
    faults += [
        Fault("specification_curve", f"unknown column {name!r}", "columns of the table")
        for name in (*outcomes, *terms)
        if name not in table
    ]
    wrong = [name for name in weights if name not in WEIGHTS]
    return faults + [Fault("specification_curve", f"weights {name!r}", ", ".join(WEIGHTS)) for name in wrong]


def _unweighted(design: Design) -> Design:
    """The same clusters and strata with everybody counted once."""
    return replace(design, weight=np.ones(len(design)), calibrations=(), replicates=None)


def _choices(
    outcomes: Sequence[str],
    terms: Sequence[str],
    samples: Sequence[str],
    weights: Sequence[str],
    controls: Sequence[str],
    most: int,
    seed: int,
) -> list[_Choice]:
    """Every combination, or as many as are wanted, drawn at random."""
    count = len(outcomes) * len(terms) * len(samples) * len(weights) * 2 ** len(controls)
    every = (_Choice(*one, some) for some in _subsets(controls) for one in product(outcomes, terms, samples, weights))
    if count <= most:
        return list(every)
    kept = set(np.random.default_rng(seed).choice(count, size=most, replace=False).tolist())
    return [one for number, one in enumerate(every) if number in kept]


def _subsets(controls: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """All subsets, small ones first."""
    return (some for size in range(len(controls) + 1) for some in combinations(controls, size))


def _described(choice: _Choice, controls: Sequence[str]) -> dict:
    """The choice as columns."""
    flags = {f"control:{name}": name in choice.controls for name in controls}
    return {"outcome": choice.outcome, "term": choice.term, "sample": choice.sample, "weights": choice.weights, **flags}


def _fitted(
    table: pd.DataFrame,
    choice: _Choice,
    always: Sequence[str],
    inside: np.ndarray,
    design: Design,
    family: str,
    *,
    standard: bool,
    level: float,
) -> tuple[dict, np.ndarray | None]:
    """One specification: its row, and what each cluster adds to its error in standard errors."""
    outcome, term = f"`{choice.outcome}`", f"`{choice.term}`"
    formula = f"{outcome} ~ " + " + ".join([term, *always, *choice.controls])
    try:
        fit = fit_regression(table, formula, design=design, family=family, where=inside, level=level)
        part = standard_contributions(fit, choice.term)
    except SurveyError as error:
        return {"estimate": np.nan, "not_fitted": error.faults[0].found}, None
    row = fit.terms.loc[fit.terms["term"] == choice.term].iloc[0]
    scale = _scale(table, choice, fit, design) if standard else 1.0
    moved = {name: row[name] * scale for name in ("estimate", "std_error", "conf_low", "conf_high")}
    return {**moved, "df": row["df"], "p_value": row["p_value"], "n": row["n"], "not_fitted": ""}, part


def _scale(table: pd.DataFrame, choice: _Choice, fit: Fit, design: Design) -> float:
    """Standard deviations of the outcome (linear models) per standard deviation of the term, among the rows used."""
    rows = fit.extra["rows"]
    names = [choice.term, choice.outcome] if fit.kind == "linear" else [choice.term]
    sizes = [_deviation(table.loc[rows, name].to_numpy(dtype=float), design.weight[rows]) for name in names]
    return sizes[0] / sizes[1] if len(sizes) > 1 else sizes[0]


def _deviation(values: np.ndarray, weight: np.ndarray) -> float:
    """Weighted standard deviation."""
    return float(np.sqrt(np.average((values - np.average(values, weights=weight)) ** 2, weights=weight)))


def _summary(
    fitted: pd.DataFrame, parts: np.ndarray, tried: int, draws: int, seed: int, level: float
) -> dict[str, float]:
    """What the curve says, and how often it would say as much without any association."""
    size = fitted["std_error"].to_numpy()
    z = fitted["estimate"].to_numpy() / size
    critical = stdtrit(fitted["df"].to_numpy(), (1 + level) / 2)
    drawn = multipliers(len(parts), draws, seed) @ parts
    up = float((fitted["estimate"] > 0).mean())
    return {
        "specifications": tried,
        "fitted": len(fitted),
        "median": float(fitted["estimate"].median()),
        "low": float(fitted["estimate"].min()),
        "high": float(fitted["estimate"].max()),
        "share_same_sign": max(up, 1 - up),
        "share_significant": float(_significant(z[None], critical)[0]),
        "mean_z": float(z.mean()),
        "p_median": chance(np.abs(np.median(drawn * size, axis=1)), abs(float(np.median(z * size)))),
        "p_significant": chance(_significant(drawn, critical), float(_significant(z[None], critical)[0])),
        "p_mean_z": chance(np.abs(drawn.mean(axis=1)), abs(float(z.mean()))),
        "draws": draws,
        "n_low": int(fitted["n"].min()),
        "n_high": int(fitted["n"].max()),
    }


def _significant(z: np.ndarray, critical: np.ndarray) -> np.ndarray:
    """Share of significant estimates of the sign that more of them have, in each row."""
    return np.maximum((z > critical).mean(axis=1), (z < -critical).mean(axis=1))
