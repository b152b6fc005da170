"""Which codes are named together, more often than chance would have it, under the survey's design."""

from collections.abc import Sequence
from itertools import combinations, product

import numpy as np
import pandas as pd

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.describing.estimates import design_for, smooth
from kzsurvey.modelling.regression.results import benjamini_hochberg
from kzsurvey.modelling.sampling.design import Design, check_rows, degrees_of_freedom, domain_rows, repeated_names
from kzsurvey.modelling.sampling.intervals import interval, p_value
from kzsurvey.modelling.sampling.variance import infer


def co_occurrence(
    said: pd.DataFrame,
    *,
    rows: Sequence[str] = (),
    columns: Sequence[str] = (),
    design: Design | None = None,
    where: np.ndarray | pd.Series | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    r"""Pairs of codes: how often both are named in one interview, beside what chance would give.

    Parameters
    ----------
    said : DataFrame, one row per interview
        A column per code: 1, 0, or missing where the question was not answered.
    rows, columns : names of columns of ``said``
        Pairs of one of each (problems and causes). Where no columns are named, all pairs of the rows; where no rows are
        named either, all pairs.
    design : Design
        Every interview drawn by itself where None.
    where : (n,) bool array, the domain
    level : float

    Returns
    -------
    DataFrame, one row per pair
        ``first``, ``second``, ``share`` (naming both; weighted), ``expected`` (the product of the two shares),
        ``log_ratio`` (of the two, to base 2: 1 is twice as often as by chance), ``conf_low``, ``conf_high``,
        ``statistic`` (t), ``df``, ``p_value``, ``p_adjusted`` (Benjamini-Hochberg), ``jaccard`` (both over either),
        ``count`` (interviews with both), ``count_first``, ``count_second``, ``n`` (with an answer for both). Where
        nobody names both the ratio is minus infinity and there is no test; where nobody answered for both, nothing is
        known and all is missing.

    Raises
    ------
    DesignError
        A column that is not there, values other than 0 and 1, no pair.

    Notes
    -----
    :math:`\log_2 \hat p_{ab} - \log_2 \hat p_a - \log_2 \hat p_b`, all from the interviews that answered for both; its
    error by linearisation, by clusters and strata. It is 0 where the two are independent.

    Examples
    --------
    >>> said = pd.DataFrame({"P1": [1, 1, 0, 0, 1, 0], "C1": [1, 1, 0, 0, 0, 1], "C2": [0, 0, 1, 1, 0, 0]})
    >>> found = co_occurrence(said, rows=["P1"], columns=["C1", "C2"])
    >>> found[["second", "count", "share", "expected", "log_ratio", "jaccard"]].round(3).to_dict("list")["log_ratio"]
    [0.415, -inf]
    """
    design = check_rows(design_for(said, design), said, place="co_occurrence")
    inside = domain_rows(where, len(design), place="co_occurrence", index=said.index)
    rows = list(rows) or list(said.columns)
    pairs = list(product(rows, columns)) if columns else list(combinations(rows, 2))
    fail_if(_faults(said, inside, pairs, [*rows, *columns]), DesignError)
    table = pd.DataFrame([_pair(said, first, second, inside, design, level) for first, second in pairs])
    table.insert(table.columns.get_loc("p_value") + 1, "p_adjusted", benjamini_hochberg(table["p_value"].to_numpy()))
    return table


def _pair(said: pd.DataFrame, first: str, second: str, inside: np.ndarray, design: Design, level: float) -> dict:
    """One pair of codes."""
    one, other = (said[name].to_numpy(dtype=float) for name in (first, second))
    given = inside & ~np.isnan(one) & ~np.isnan(other)
    a, b = np.where(given, one, 0.0), np.where(given, other, 0.0)
    flags = np.column_stack([a * b, a, b, given.astype(float)])
    counts = flags.sum(axis=0).astype(int)
    answered = design.weight @ flags[:, 3]
    both, one_share, other_share = (design.weight @ flags)[:3] / (answered if answered > 0 else np.nan)
    ratio, error = -np.inf if min(counts[1:3]) else np.nan, np.nan
    df = degrees_of_freedom(design, given)
    if counts[0]:
        point, covariance = infer(
            smooth(flags, lambda total: np.atleast_1d(np.log(total[0] * total[3] / (total[1] * total[2])))), design
        )
        ratio, error = point[0], np.sqrt(max(covariance[0, 0], 0.0))
    low, high = interval(ratio, error, df, level=level) if counts[0] else (np.nan, np.nan)
    statistic = ratio / error if error > 0 else np.nan
    either = one_share + other_share - both
    return {
        "first": first, "second": second, "share": both, "expected": one_share * other_share,
        "log_ratio": ratio / np.log(2), "conf_low": low / np.log(2), "conf_high": high / np.log(2),
        "statistic": statistic, "df": df, "p_value": float(p_value(statistic, df)),
        "jaccard": both / either if either > 0 else np.nan,
        "count": counts[0], "count_first": counts[1], "count_second": counts[2], "n": counts[3],
    }  # fmt: skip


def _faults(said: pd.DataFrame, inside: np.ndarray, pairs: list, names: list[str]) -> list[Fault]:
    """Columns that cannot be paired."""
    unknown = [name for name in dict.fromkeys(names) if name not in said]
    faults = [Fault("co_occurrence", f"column {name!r}", "a column of the table of codes") for name in unknown]
    faults += flag_faults(said.loc[inside, said.columns.isin(list(names))], "co_occurrence")
    return faults if pairs else [*faults, Fault("co_occurrence", "no pair of codes", "at least two codes")]


def flag_faults(said: pd.DataFrame, place: str) -> list[Fault]:
    """Columns of codes that are there twice, or hold more than 0 and 1."""
    once = said.loc[:, ~said.columns.duplicated()]
    return repeated_names(said, said.columns, place) + [
        Fault(place, f"{name} with values other than 0 and 1", "0, 1 or missing")
        for name in once
        if not once[name].dropna().isin([0, 1]).all()
    ]
