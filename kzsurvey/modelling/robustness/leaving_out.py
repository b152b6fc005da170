"""Findings without a part of the sample: a county, a village, the fewest villages that carry all of it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.errors import DesignError, Fault, SurveyError, fail_if
from kzsurvey.modelling.regression.results import Fit
from kzsurvey.modelling.sampling.design import check_rows
from kzsurvey.modelling.sampling.intervals import interval

Refit = Callable[[np.ndarray], Fit]


def leave_one_out(refit: Refit, groups: pd.Series, *, term: str) -> pd.DataFrame:
    """Fit a model again without each group in turn.

    Parameters
    ----------
    refit : function of (n,) bool array, the rows that stay, giving a Fit
        ``lambda where: fit_regression(table, formula, design=design, where=where)``. The rows left out keep their place
        in the design, as in any domain.
    groups : (n,) Series
        Who belongs where; rows without a group always stay.
    term : str

    Returns
    -------
    DataFrame, first the whole sample, then one row per group left out
        ``left_out`` (missing for the whole sample), ``estimate``, ``std_error``, ``conf_low``, ``conf_high``,
        ``p_value``, ``n``, ``change`` (from the whole sample's estimate), ``not_fitted`` (why there is no estimate,
        empty where there is one).

    Raises
    ------
    DesignError
        Fewer than two groups; an unknown term; a model that cannot be fitted to the whole sample.

    Examples
    --------
    >>> from kzsurvey.modelling import fit_regression, make_design
    >>> table = pd.DataFrame({"y": [1.0, 2.0, 4.0, 4.0, 6.0, 9.0], "x": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]})
    >>> table["county"] = ["a", "a", "b", "b", "c", "c"]
    >>> design = make_design(table)
    >>> found = leave_one_out(lambda where: fit_regression(table, "y ~ x", design=design, where=where),
    ...                       table["county"], term="x")
    >>> found[["left_out", "estimate", "change", "n"]].round(2).values.tolist()
    [[nan, 1.49, 0.0, 6], ['a', 1.7, 0.21, 4], ['b', 1.53, 0.04, 4], ['c', 1.1, -0.39, 4]]
    """
    names = groups.dropna().unique()
    if len(names) < 2:
        raise DesignError(Fault("leave_one_out", f"{len(names)} group", "at least two groups"))
    flags = groups.to_numpy(dtype=object)
    everybody = refit(np.ones(len(groups), dtype=bool))
    if "design" in everybody.extra:
        check_rows(everybody.extra["design"], groups, place="leave_one_out")
    whole = _term_row(everybody, term)
    rows = [{"left_out": np.nan, **whole, "not_fitted": ""}]
    for name in sorted(names, key=str):
        stays = np.array([pd.isna(value) or value != name for value in flags])
        rows.append({"left_out": name, **_without(refit, stays, term)})
    table = pd.DataFrame(rows)
    table.insert(len(table.columns) - 1, "change", table["estimate"] - whole["estimate"])
    return table


class Influence(NamedTuple):
    """How much of a finding single clusters carry.

    Attributes
    ----------
    clusters : DataFrame, one row per cluster with somebody in the model, the most influential first
        ``cluster`` (code in the design), ``n``, ``change`` (of the estimate without it), ``in_std_errors``. For the
        research group's own eyes: a village can be recognised, so reports show :attr:`summary` only.
    summary : DataFrame, one row
        ``estimate``, ``std_error``, ``clusters``, ``largest_change`` and ``largest_in_std_errors``, ``estimate_low``
        and ``estimate_high`` (estimates without any one cluster), ``fewest_for_interval`` (clusters without which the
        interval includes 0), ``fewest_for_sign`` (without which the sign changes); missing where half of the clusters
        would not do.
    """

    clusters: pd.DataFrame
    summary: pd.DataFrame

    def _repr_html_(self) -> str:
        """What may be shown."""
        return self.summary.to_html(index=False)


def influence(fit: Fit, *, term: str, level: float = 0.95) -> Influence:
    r"""How much of an estimate single clusters carry, and how few of them carry all of it.

    Parameters
    ----------
    fit : Fit with an ``estimator`` and a ``design``: regressions, ordinal and mediation models
    term : str
    level : float, of the interval that is to include 0

    Returns
    -------
    Influence

    Raises
    ------
    DesignError
        An unknown term; a kind of fit that cannot be fitted again.

    Notes
    -----
    Changes are those of the fit repeated without each cluster. The fewest clusters are found as Broderick, Giordano and
    Meager propose: clusters are sorted by what each adds to the estimate (to first order), left out one more at a time
    in that order, and the model is fitted again each time; the count is of a set that does undo the finding, and a
    smaller one of another make-up cannot be ruled out.

    References
    ----------
    Broderick, T., Giordano, R., & Meager, R. (2023). An automatic finite-sample robustness metric: when can dropping a
    little data make a big difference? arXiv:2011.14999

    Examples
    --------
    >>> from kzsurvey.modelling import fit_regression, make_design
    >>> table = pd.DataFrame({"y": [1.0, 2.0, 3.0, 4.0, 5.0, 30.0], "x": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]})
    >>> fit = fit_regression(table, "y ~ x", design=make_design(table))
    >>> found = influence(fit, term="x")
    >>> found.clusters[["cluster", "change"]].head(1).round(2).values.tolist()
    [[5.0, -3.43]]
    """
    number, design = _place_of(fit, term), fit.extra["design"]
    code = design.stages[0].cluster
    inside = np.bincount(code[fit.extra["rows"]], minlength=len(design.stages[0].stratum))
    members = np.flatnonzero(inside)
    row = _term_row(fit, term)
    changes = np.array([_refitted(fit, design.weight * (code != one), number) for one in members]) - row["estimate"]
    order = np.argsort(-np.abs(changes), kind="stable")
    table = pd.DataFrame({"cluster": members, "n": inside[members], "change": changes})
    table = table.assign(in_std_errors=changes / row["std_error"]).iloc[order].reset_index(drop=True)
    fewest = _fewest(fit, term, number, level)
    summary = {
        "estimate": row["estimate"],
        "std_error": row["std_error"],
        "clusters": len(members),
        "largest_change": table["change"].iloc[0],
        "largest_in_std_errors": table["in_std_errors"].iloc[0],
        "estimate_low": row["estimate"] + np.nanmin(changes),
        "estimate_high": row["estimate"] + np.nanmax(changes),
        **fewest,
    }
    return Influence(table, pd.DataFrame([summary]))


def _fewest(fit: Fit, term: str, number: int, level: float) -> dict[str, float]:
    """How few clusters carry the interval's distance from 0, and the sign; missing beyond half of them."""
    design, row = fit.extra["design"], _term_row(fit, term)
    code, sign = design.stages[0].cluster, np.sign(row["estimate"])
    full = fit.extra["estimator"](design.weight)
    carried = np.bincount(code, weights=design.weight * (full.scores @ full.bread[number])) * sign
    order = [one for one in np.argsort(-carried, kind="stable") if carried[one] > 0]
    excluded = row["conf_low"] * row["conf_high"] > 0
    found = {"fewest_for_interval": np.nan if excluded else 0.0, "fewest_for_sign": np.nan}
    weight = design.weight.copy()
    for count, one in enumerate(order[: len(carried) // 2], start=1):
        weight[code == one] = 0.0
        estimate = _refitted(fit, weight, number) * sign
        if np.isnan(estimate):
            break
        if np.isnan(found["fewest_for_interval"]) and _reaches_zero(estimate, row, level):
            found["fewest_for_interval"] = float(count)
        if estimate <= 0:
            return {**found, "fewest_for_sign": float(count)}
    return found


def _reaches_zero(estimate: float, row: dict, level: float) -> bool:
    """Whether the interval around a new estimate, as long as that of the whole sample, includes 0."""
    low, _ = interval(np.array([estimate]), np.array([row["std_error"]]), row["df"], level=level)
    return bool(low[0] <= 0)


def _refitted(fit: Fit, weight: np.ndarray, number: int) -> float:
    """One coefficient under other weights; missing where the model has no answer then."""
    try:
        return float(fit.extra["estimator"](weight).estimate[number])
    except SurveyError:
        return float("nan")


def _without(refit: Refit, stays: np.ndarray, term: str) -> dict:
    """The term's row without one group, or why there is none."""
    try:
        return {**_term_row(refit(stays), term), "not_fitted": ""}
    except SurveyError as error:
        return {"not_fitted": error.faults[0].found}


def _term_row(fit: Fit, term: str) -> dict:
    """Numbers of one term."""
    row = fit.terms.iloc[_number_of(fit, term)]
    return {name: row[name] for name in ("estimate", "std_error", "df", "conf_low", "conf_high", "p_value", "n")}


def _place_of(fit: Fit, term: str) -> int:
    """Where the term stands, in a fit that can be repeated under other weights."""
    needed = {"estimator", "design", "rows"} - set(fit.extra)
    place = f"model {fit.model}".strip()
    fail_if([Fault(place, f"a fit of the kind {fit.kind}", "one that can be repeated")] if needed else [], DesignError)
    return _number_of(fit, term)


def _number_of(fit: Fit, term: str) -> int:
    names = fit.terms["term"].tolist()
    if term not in names:
        raise DesignError(Fault(f"model {fit.model}".strip(), f"no term {term!r}", ", ".join(names)))
    return names.index(term)
