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
from kzsurvey.modelling.regression.families import FAMILIES, Family
from kzsurvey.modelling.regression.formulas import prepare
from kzsurvey.modelling.regression.regression import outcome_numbers, regress
from kzsurvey.modelling.robustness.stepdown import chance, multipliers
from kzsurvey.modelling.sampling.design import Design, check_rows, domain_rows
from kzsurvey.modelling.sampling.intervals import checked_level, interval, p_value
from kzsurvey.modelling.sampling.variance import contributions
from kzsurvey.survey.references import WEIGHTS


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


_KNOWN = "outcome_that_everybody_has"
_ESTIMATES = ("estimate", "std_error", "conf_low", "conf_high")


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
        With more than one outcome or term, estimates are per standard deviation of the term, for linear models in
        standard deviations of the outcome (of all in the sample who have both), so that they can stand on one axis.
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
    fail_if(_choice_faults(table, outcomes, terms, chosen, weights, family), DesignError)
    domain = domain_rows(where, len(table), place="specification_curve")
    inside = {
        name: domain & domain_rows(flags, len(table), place=f"sample {name}", index=table.index)
        for name, flags in chosen.items()
    }
    designs = {"weighted": design, "unweighted": _unweighted(design)}
    written = [*(f"`{name}`" for name in terms), *always, *controls]
    material = _material(table, outcomes, written, FAMILIES[family], domain)
    choices = _choices(outcomes, terms, tuple(chosen), weights, controls, most, seed)
    found = [_fitted(material, one, always, inside[one.sample], designs[one.weights], level) for one in choices]
    rows = pd.DataFrame([{**_described(one, controls), **row} for one, (row, _) in zip(choices, found, strict=True)])
    if len(outcomes) > 1 or len(terms) > 1:
        rows = _standardised(rows, material, inside, designs)
    parts = [part for _, part in found if part is not None]
    if not parts:
        first = rows["not_fitted"].iloc[0]
        raise DesignError(Fault("specification_curve", f"no specification with an answer ({first})", "at least one"))
    summary = _summary(rows.dropna(subset=["estimate"]), np.stack(parts, axis=1), len(rows), draws, seed, level)
    ordered = rows.sort_values("estimate", kind="stable", na_position="last").reset_index(drop=True)
    return SpecificationCurve(ordered, pd.DataFrame([summary]), design)


def _choice_faults(
    table: pd.DataFrame,
    outcomes: Sequence[str],
    terms: Sequence[str],
    samples: dict,
    weights: Sequence[str],
    family: str,
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
    if family not in FAMILIES:
        faults.append(Fault("specification_curve", f"family {family!r}", ", ".join(FAMILIES)))
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


class _Material(NamedTuple):
    """Everything specifications are made of, evaluated once: missing where a variable is."""

    outcomes: dict[str, np.ndarray]
    terms: dict[str, np.ndarray]
    family: Family


def _material(
    table: pd.DataFrame, outcomes: Sequence[str], terms: Sequence[str], family: Family, inside: np.ndarray
) -> _Material:
    """Outcomes as numbers and terms as columns, for all rows of the domain that have them."""
    numbers = {}
    for name in outcomes:
        prepared = prepare(f"`{name}` ~ 1", table, name="specification_curve", where=inside)
        numbers[name] = np.full(len(table), np.nan)
        numbers[name][prepared.rows] = outcome_numbers(prepared, family, "specification_curve")
    columns, known = {}, table.assign(**{_KNOWN: 1.0})
    for term in terms:
        prepared = prepare(f"{_KNOWN} ~ {term}", known, name="specification_curve", where=inside)
        columns[term] = np.full((len(table), prepared.matrix.shape[1] - 1), np.nan)
        columns[term][prepared.rows] = prepared.matrix[:, 1:]
    return _Material(numbers, columns, family)


def _fitted(
    material: _Material, choice: _Choice, always: Sequence[str], inside: np.ndarray, design: Design, level: float
) -> tuple[dict, np.ndarray | None]:
    """One specification: its row, and what each cluster adds to its error in standard errors."""
    written, outcome = [f"`{choice.term}`", *always, *choice.controls], material.outcomes[choice.outcome]
    rows = inside & ~np.isnan(outcome)
    for term in written:
        rows &= ~np.isnan(material.terms[term]).any(axis=1)
    parts = {term: _coded(material.terms[term], rows) for term in written}
    names = ("Intercept", *(term.strip("`") for term, part in parts.items() for _ in part.T))
    matrix = np.column_stack([np.ones(len(rows)), *parts.values()])
    try:
        found = regress(outcome, matrix, design=design, family=material.family, names=names, where=rows)
    except SurveyError as error:
        return {"estimate": np.nan, "not_fitted": error.faults[0].found}, None
    if found.in_one_cluster[1].any():
        return {"estimate": np.nan, "not_fitted": f"term {names[1]} rests on a single cluster"}, None
    estimate, std_error = found.estimate[1], np.sqrt(found.covariance[1, 1])
    low, high = interval(estimate, std_error, found.df, level=level)
    row = {"estimate": estimate, "std_error": std_error, "df": found.df, "conf_low": low, "conf_high": high}
    row |= {"p_value": p_value(estimate / std_error, found.df), "n": int(rows.sum()), "not_fitted": ""}
    return row, contributions(found.estimator, design)[:, 1] / std_error


def _coded(columns: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Columns of a term for these rows: of a category, those that somebody has, but for the first if all have one."""
    used = columns[rows]
    if columns.shape[1] == 1 or not np.isin(used, (0.0, 1.0)).all():
        return columns
    there = np.flatnonzero(used.any(axis=0))
    everybody = len(there) > 1 and (used.sum(axis=1) == 1).all()
    return columns[:, there[1:] if everybody else there if len(there) else [0]]


def _standardised(
    rows: pd.DataFrame, material: _Material, inside: dict[str, np.ndarray], designs: dict[str, Design]
) -> pd.DataFrame:
    """Per standard deviation of the term; in standard deviations of the outcome, where the model is linear."""
    chosen = ["outcome", "term", "sample", "weights"]
    scales = {}
    for outcome, term, sample, weights in set(rows[chosen].itertuples(index=False, name=None)):
        x, y = material.terms[f"`{term}`"][:, 0], material.outcomes[outcome]
        known = inside[sample] & ~np.isnan(x) & ~np.isnan(y)
        weight = designs[weights].weight[known]
        unit = _deviation(y[known], weight) if material.family.name == "linear" else 1.0
        scales[outcome, term, sample, weights] = _deviation(x[known], weight) / unit
    scale = np.array([scales[key] for key in rows[chosen].itertuples(index=False, name=None)])
    return rows.assign(**{name: rows[name] * scale for name in _ESTIMATES})


def _deviation(values: np.ndarray, weight: np.ndarray) -> float:
    """Weighted standard deviation."""
    return float(np.sqrt(np.average((values - np.average(values, weights=weight)) ** 2, weights=weight)))


def _summary(
    fitted: pd.DataFrame, parts: np.ndarray, tried: int, draws: int, seed: int, level: float
) -> dict[str, float]:
    """What the curve says, and how often it would say as much without any association."""
    size = fitted["std_error"].to_numpy()
    z = fitted["estimate"].to_numpy() / size
    critical = stdtrit(fitted["df"].to_numpy(), (1 + checked_level(level)) / 2)
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
