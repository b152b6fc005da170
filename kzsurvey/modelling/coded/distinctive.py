"""What distinguishes groups: phrases or codes that one group uses more than the others, under the survey's design."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.coded.together import flag_faults
from kzsurvey.modelling.describing.comparisons import chi_square
from kzsurvey.modelling.describing.estimates import design_for, smooth
from kzsurvey.modelling.regression.formulas import unknown_variables
from kzsurvey.modelling.regression.results import benjamini_hochberg
from kzsurvey.modelling.sampling.design import Design, check_rows, degrees_of_freedom, domain_rows
from kzsurvey.modelling.sampling.intervals import interval, p_value
from kzsurvey.modelling.sampling.variance import infer


def distinctive(
    said: pd.DataFrame,
    by: pd.Series,
    *,
    design: Design | None = None,
    where: np.ndarray | pd.Series | None = None,
    groups: Sequence[object] = (),
    level: float = 0.95,
) -> pd.DataFrame:
    r"""Keyness: how many times as often each phrase or code is said in a group as in all the others.

    Parameters
    ----------
    said : DataFrame, one row per interview
        A column per phrase or code: 1, 0, or missing where the question was not answered (as from
        :func:`kzsurvey.coding.phrase_table`, or the columns ``code_...`` of ``analysis``).
    by : Series, the group of each interview; missing ones stand outside
    design : Design
        Every interview drawn by itself where None.
    where : (n,) bool array, the domain
    groups : groups to compare with the others; all where none is named
    level : float

    Returns
    -------
    DataFrame, one row per group and phrase
        ``group``, ``item``, ``share``, ``share_others`` (weighted), ``log_ratio`` (to base 2: 1 is twice as often),
        ``conf_low``, ``conf_high``, ``statistic`` (t), ``df``, ``p_value``, ``p_adjusted`` (Benjamini-Hochberg over all
        rows), ``count``, ``n``, ``count_others``, ``n_others``. Where one side never says it the ratio has no interval,
        and the test is that of the difference of the shares, with the error of the pooled share on that side: a few
        interviews in which nobody says it prove nothing.

    Raises
    ------
    DesignError
        No group, a group without anybody or with everybody, values other than 0 and 1, too few clusters.

    Notes
    -----
    With the weighted shares :math:`\hat p_g` and :math:`\hat p_o` the log ratio is
    :math:`\log_2 \hat p_g - \log_2 \hat p_o`; its error comes from the linearised scores of the four weighted totals,
    by clusters and strata, so that one talkative village is one observation. Without clusters and weights this is
    the log ratio of corpus linguistics with its large-sample interval.

    References
    ----------
    Hardie, A. (2014). Log ratio: an informal introduction. http://cass.lancs.ac.uk/log-ratio-an-informal-introduction/
    Binder, D. A. (1983). On the variances of asymptotically normal estimators from complex surveys. International
    Statistical Review, 51, 279-292. https://doi.org/10.2307/1402588

    Examples
    --------
    >>> said = pd.DataFrame({"人手": [1, 1, 1, 0, 1, 0, 0, 0], "检查": [0, 1, 0, 1, 0, 1, 0, 1]}, dtype=float)
    >>> found = distinctive(said, pd.Series(list("aaaabbbb")), groups=["a"])
    >>> found[["item", "share", "share_others", "log_ratio"]].round(2).to_dict("list")
    {'item': ['人手', '检查'], 'share': [0.75, 0.5], 'share_others': [0.25, 0.5], 'log_ratio': [1.58, 0.0]}
    """
    if not isinstance(by, pd.Series):
        raise TypeError(f"distinctive takes the groups as a Series, one per interview, not {type(by).__name__}")
    design = check_rows(design_for(said, design), said, by, place="distinctive")
    inside = domain_rows(where, len(design), place="distinctive", index=said.index) & by.notna().to_numpy()
    names = list(groups) or sorted(by[inside].unique(), key=str)
    fail_if(_faults(said, by, inside, names), DesignError)
    tables = [_against_others(said, (by == name).to_numpy(), inside, name, design, level) for name in names]
    table = pd.concat(tables, ignore_index=True)
    table.insert(table.columns.get_loc("p_value") + 1, "p_adjusted", benjamini_hochberg(table["p_value"].to_numpy()))
    return table


def codes_by_groups(
    codes: Sequence[str], table: pd.DataFrame, *, by: Sequence[str], design: Design | None = None, level: float = 0.95
) -> pd.DataFrame:
    """Which codes are linked with which traits of the respondents: one design-based test per pair.

    Parameters
    ----------
    codes : names of columns of 0 and 1
    table : DataFrame, one row per interview
    by : names of columns with groups
    design : Design
    level : float

    Returns
    -------
    DataFrame, one row per code and trait
        ``code``, ``by``, ``statistic`` (Rao-Scott F), ``df``, ``df_below``, ``p_value``, ``p_adjusted``
        (Benjamini-Hochberg over all rows), ``effect`` (Cramer's V, or phi), ``conf_low``, ``conf_high``, ``n``, and
        ``note``: why there is no test, where there is none.

    See Also
    --------
    kzsurvey.modelling.proportion : the shares themselves, with ``by=``.

    Examples
    --------
    >>> table = pd.DataFrame({"code_P1": [1, 0, 1, 1, 0, 0, 0, 1, 0, 0], "county": list("aaaaabbbbb")})
    >>> codes_by_groups(["code_P1"], table, by=["county"])[["code", "by", "statistic", "effect"]].round(3)
          code      by  statistic  effect
    0  code_P1  county        1.5   0.408
    """
    design = design_for(table, design)
    fail_if(unknown_variables([*codes, *by], table, name="codes_by_groups"), DesignError)
    rows = []
    for code in codes:
        for trait in by:
            row = {"code": code, "by": trait, "note": ""}
            try:
                found = chi_square(code, table, by=trait, design=design, level=level)
                kept = ("statistic", "df", "df_below", "p_value", "effect", "conf_low", "conf_high", "n")
                row |= {name: getattr(found, name) for name in kept}
            except DesignError as error:
                row["note"] = "; ".join(fault.found for fault in error.faults)
            rows.append(row)
    table = pd.DataFrame(rows, columns=_TESTS).astype(dict.fromkeys(_TESTS[2:10], "float64"))
    return table.assign(p_adjusted=benjamini_hochberg(table["p_value"].to_numpy()), n=table["n"].astype("Int64"))


_TESTS = [
    "code", "by", "statistic", "df", "df_below", "p_value", "p_adjusted", "effect", "conf_low", "conf_high", "n",
    "note",
]  # fmt: skip


def _against_others(
    said: pd.DataFrame, group: np.ndarray, inside: np.ndarray, name: object, design: Design, level: float
) -> pd.DataFrame:
    """One group beside the others, a row per item."""
    values = said.to_numpy(dtype=float)
    given = inside[:, None] & ~np.isnan(values)
    here, there = given & group[:, None], given & ~group[:, None]
    spoken = np.nan_to_num(values)
    columns = np.hstack([here * spoken, here, there * spoken, there])
    items = said.shape[1]
    counts = columns.sum(axis=0).reshape(4, items)
    both = (counts[0] > 0) & (counts[2] > 0)
    share, others = _shares(columns, items, design)
    ratio, error = _ratio(columns, items, design, both)
    difference, its_error = _difference(columns, items, design, ~both)
    df = np.array([degrees_of_freedom(design, rows) for rows in given.T])
    with np.errstate(divide="ignore", invalid="ignore"):
        statistic = np.where(both, ratio / error, difference / its_error)
        log_ratio = np.log2(share) - np.log2(others)
    low, high = interval(ratio, error, df, level=level)
    return pd.DataFrame(
        {
            "group": name, "item": said.columns, "share": share, "share_others": others, "log_ratio": log_ratio,
            "conf_low": low / np.log(2), "conf_high": high / np.log(2), "statistic": statistic, "df": df,
            "p_value": p_value(statistic, df), "count": counts[0].astype(int), "n": counts[1].astype(int),
            "count_others": counts[2].astype(int), "n_others": counts[3].astype(int),
        }
    )  # fmt: skip


def _shares(columns: np.ndarray, items: int, design: Design) -> tuple[np.ndarray, np.ndarray]:
    """Weighted shares in the group and among the others."""
    totals = (design.weight @ columns).reshape(4, items)
    with np.errstate(divide="ignore", invalid="ignore"):
        return totals[0] / totals[1], totals[2] / totals[3]


def _ratio(columns: np.ndarray, items: int, design: Design, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of the ratio of the shares, and its error, for some of the items; missing for the others."""
    found, error = np.full(items, np.nan), np.full(items, np.nan)

    def logarithm(totals: np.ndarray) -> np.ndarray:
        return np.atleast_1d(np.log(totals[0] / totals[1]) - np.log(totals[2] / totals[3]))

    for item in np.flatnonzero(which):
        point, covariance = infer(smooth(columns[:, item::items], logarithm), design)
        found[item], error[item] = point[0], np.sqrt(max(covariance[0, 0], 0.0))
    return found, error


def _difference(columns: np.ndarray, items: int, design: Design, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Difference of the shares where one side never says it, and its error; missing for the other items.

    Answers that are all the same show no variance. The silent side gets the variance that the pooled share would have
    among so few interviews, times the design effect of the other side.
    """
    found, error = np.full(items, np.nan), np.full(items, np.nan)
    for item in np.flatnonzero(which):
        own = columns[:, item::items]
        counts, totals = own.sum(axis=0), design.weight @ own
        shares = np.array([totals[0] / totals[1], totals[2] / totals[3]])
        pooled = (totals[0] + totals[2]) / (totals[1] + totals[3])
        said = [0, 1] if counts[0] else [2, 3]
        _, covariance = infer(smooth(own[:, said], lambda sums: np.atleast_1d(sums[0] / sums[1])), design)
        loud, silent = (shares[0], counts[3]) if counts[0] else (shares[1], counts[1])
        plain = loud * (1 - loud) / counts[said[1]]
        effect = max(covariance[0, 0] / plain, 1.0) if plain > 0 else 1.0
        found[item] = shares[0] - shares[1]
        error[item] = np.sqrt(covariance[0, 0] + effect * pooled * (1 - pooled) / silent)
    return found, error


def _faults(said: pd.DataFrame, by: pd.Series, inside: np.ndarray, names: list) -> list[Fault]:
    """Groups and values that cannot be compared."""
    faults = []
    for name in names:
        size = int((by[inside] == name).sum())
        if size in (0, int(inside.sum())):
            found = f"group {name!r} with {'nobody' if size == 0 else 'everybody'}"
            faults.append(Fault("distinctive", found, "some interviews inside and some outside"))
    if not names:
        faults.append(Fault("distinctive", "no group", "at least two groups"))
    wrong = flag_faults(said[inside], "distinctive")
    if wrong:
        return faults + wrong
    for item in said:
        values = said.loc[inside, item]
        sides = {(by[inside] == name)[values.notna()].nunique() for name in names}
        if sides - {2}:
            faults.append(Fault("distinctive", f"{item} answered on one side only", "answers inside and outside"))
    return faults
