"""Whether answers may stand for an organisation: how groups differ, how reliable their means are, how far they agree.

Everything is about groups taken together: no table ranks them; a group below the smallest cell is counted, not shown.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import fdtrc, fdtri, ndtri

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.describing.estimates import Columns, chosen_columns
from kzsurvey.modelling.describing.numbers import numbers_of
from kzsurvey.modelling.regression.formulas import nearest
from kzsurvey.modelling.sampling.design import domain_rows
from kzsurvey.modelling.sampling.intervals import checked_level, p_value

SIZES = ("mean", "effective")
_SLIGHT_SKEW = {5: 1.34, 7: 2.90}  # options: variance of answers that lean to one side, after James and co-authors
_AGREED = 0.70
_BLOCK = 2_000_000  # of group counts held at once while resampling


def intraclass(
    values: Columns,
    table: pd.DataFrame | None = None,
    *,
    groups: str | pd.Series | np.ndarray,
    where: np.ndarray | None = None,
    size: str = "mean",
    draws: int = 2000,
    seed: int = 1,
    level: float = 0.95,
) -> pd.DataFrame:
    r"""Intraclass correlations of answers in groups: ICC(1) of one answer, ICC(2) of a group's mean.

    Parameters
    ----------
    values : column(s) of the table, or arrays; numbers, or options in order
    table : DataFrame, one row per interview
    groups : column of the table, or (n,) array
    where : (n,) bool array, the domain
    size : {"mean", "effective"}
        What stands for the size of groups of unequal size: their mean, as Bliese and R's multilevel have it, or
        :math:`(N - \sum n_g^2 / N) / (G - 1)`, which makes the between-group variance unbiased.
    draws : int
        Resamples of the groups for the second interval; 0 for none.
    seed : int
    level : float

    Returns
    -------
    DataFrame, two rows per variable
        ``variable``, ``statistic`` (ICC1, ICC2), ``estimate``, ``conf_low``, ``conf_high`` (from the F distribution),
        ``resampled_low``, ``resampled_high`` (from resampling groups; missing for two groups), ``f``, ``df_between``,
        ``df_within``, ``p_value``, ``groups``, ``group_size`` (see ``size``), ``design_effect`` (what the groups cost a
        mean over interviews: 1 + (sum of squared sizes / N - 1) ICC1, at least 1), ``n``, ``n_dropped``, ``seed``.
        Estimates below 0 are kept: groups then differ less than chance makes them.

    Raises
    ------
    DesignError
        Unknown columns; words without an order; a single group; groups of one answer only; answers without variance,
        or without any inside the groups.

    Notes
    -----
    With the mean squares of the one-way analysis of variance, ICC1 = (MSB - MSW) / (MSB + (k - 1) MSW) and
    ICC2 = (MSB - MSW) / MSB. The F interval is exact for normal answers and groups of equal size. The second resamples
    groups and studentises the logarithm of F (by its infinitesimal jackknife), so that it asks nothing of the shape of
    the answers; the percentiles of ICC1 itself would be too narrow. Interviews count equally: with unequal weights a
    mean and its design effect come from :func:`kzsurvey.modelling.mean`.

    References
    ----------
    Bliese, P. D. (2000). Within-group agreement, non-independence, and reliability. In K. J. Klein & S. W. J. Kozlowski
    (Eds.), Multilevel theory, research, and methods in organizations (pp. 349-381). Jossey-Bass.
    McGraw, K. O., & Wong, S. P. (1996). Forming inferences about some intraclass correlation coefficients.
    Psychological Methods 1, 30-46. doi:10.1037/1082-989X.1.1.30
    Ukoumunne, O. C., Davison, A. C., Gulliford, M. C., & Chinn, S. (2003). Non-parametric bootstrap confidence
    intervals for the intraclass correlation coefficient. Statistics in Medicine 22, 3805-3821. doi:10.1002/sim.1643

    Examples
    --------
    >>> load = pd.DataFrame({"load": [1, 2, 3, 3, 4, 5, 2, 4, 5, 4], "office": list("aaabbbccdd")})
    >>> found = intraclass("load", load, groups="office", draws=0)
    >>> found[["statistic", "estimate", "conf_low", "conf_high", "f"]].round(3).to_dict("records")
    [{'statistic': 'ICC1', 'estimate': 0.439, 'conf_low': -0.284, 'conf_high': 0.944, 'f': 2.954},
     {'statistic': 'ICC2', 'estimate': 0.661, 'conf_low': -1.234, 'conf_high': 0.977, 'f': 2.954}]
    """
    if size not in SIZES:
        raise DesignError(Fault("intraclass", f"size {size!r}", ", ".join(SIZES), hint=nearest(str(size), SIZES)))
    columns = _numbers(values, table, "intraclass")
    labels = _labels(groups, table, columns, where, "intraclass")
    domain = domain_rows(where, len(columns))
    if not draws >= 0:
        raise DesignError(Fault("intraclass", f"{draws} draws", "0 or more"))
    checked_level(level)
    grouped = {name: _by_group(columns[name], labels, domain, "intraclass") for name in columns}
    fail_if([fault for name, own in grouped.items() for fault in _variance_faults(own, name)], DesignError)
    rows = [
        row
        for name, own in grouped.items()
        for row in _intraclass_rows(name, own, size=size, draws=draws, seed=seed, level=level)
    ]
    return pd.DataFrame(rows)


@dataclass(frozen=True, eq=False)
class Agreement:
    """How far the people of a group give the same answers.

    Attributes
    ----------
    table : DataFrame, one row per null distribution
        ``statistic`` (r_wg, or r_wg(j) for several items), ``null``, ``null_variance``, ``median``, ``lower_quartile``,
        ``upper_quartile``, ``share_above_70``, ``share_at_0`` (groups that differ more than the null, set to 0),
        ``groups``, ``groups_of_one`` (left out), ``n``, ``n_dropped``.
    groups : DataFrame, one row per group of at least the smallest cell, in the order of their names
        ``n``, and a column per null distribution. For looking up, not for ranking: values of small groups are unstable.
    groups_withheld : int, groups in the summary but too small to be shown
    note : str, which null distribution was left out, and why
    """

    table: pd.DataFrame
    groups: pd.DataFrame
    groups_withheld: int
    note: str = ""

    def _repr_html_(self) -> str:
        """The summary, in a notebook."""
        return self.table.to_html(index=False) + (f"<p>{self.note}</p>" if self.note else "")


def within_agreement(
    items: Columns,
    table: pd.DataFrame | None = None,
    *,
    groups: str | pd.Series | np.ndarray,
    options: int,
    low: float = 1.0,
    null: Sequence[str] | Mapping[str, float] | None = None,
    where: np.ndarray | None = None,
    smallest: int = 5,
) -> Agreement:
    r"""Agreement inside groups: :math:`r_{wg}` of an item, :math:`r_{wg(j)}` of several.

    Parameters
    ----------
    items : column(s) of the table, or arrays
        Items reversed already; interviews that leave out an item are left out.
    table : DataFrame, one row per interview
    groups : column of the table, or (n,) array
    options : int
        Points of the answer scale, ``low`` to ``low + options - 1``.
    low : float
    null : names, or mapping of names to variances
        What answers without agreement would look like: ``uniform``, :math:`(A^2 - 1) / 12`; ``slight_skew``, published
        for 5 (1.34) and 7 (2.90) points. Others by their variance: ``{"uniform": 2.0, "leaning": 1.0}``. Where None,
        both; of scales without a published ``slight_skew`` the first alone, with a note.
    where : (n,) bool array, the domain
    smallest : int
        People a group needs to be shown singly.

    Returns
    -------
    Agreement

    Raises
    ------
    DesignError
        Unknown columns, answers outside the scale, a null distribution without a published variance, no group of two.

    Notes
    -----
    :math:`r_{wg} = 1 - s^2 / \sigma^2` and, with the mean :math:`\bar s^2` of the variances of J items,
    :math:`r_{wg(j)} = J (1 - \bar s^2 / \sigma^2) / (J (1 - \bar s^2 / \sigma^2) + \bar s^2 / \sigma^2)`; below 0 (more
    variance than the null) they are set to 0, and counted.

    References
    ----------
    James, L. R., Demaree, R. G., & Wolf, G. (1984). Estimating within-group interrater reliability with and without
    response bias. Journal of Applied Psychology 69, 85-98. doi:10.1037/0021-9010.69.1.85
    LeBreton, J. M., & Senter, J. L. (2008). Answers to 20 questions about interrater reliability and interrater
    agreement. Organizational Research Methods 11, 815-852. doi:10.1177/1094428106296642

    Examples
    --------
    >>> answers = pd.DataFrame({"support": [4, 4, 5, 1, 5, 3, 2, 2, 3], "office": list("aaabbbccc")})
    >>> found = within_agreement("support", answers, groups="office", options=5, smallest=3)
    >>> found.table[["null", "median", "share_above_70", "share_at_0"]].round(3).to_dict("records")
    [{'null': 'uniform', 'median': 0.833, 'share_above_70': 0.667, 'share_at_0': 0.333},
     {'null': 'slight_skew', 'median': 0.751, 'share_above_70': 0.667, 'share_at_0': 0.333}]
    >>> found.groups["n"].to_dict()
    {'a': 3, 'b': 3, 'c': 3}
    """
    columns = _numbers(items, table, "within_agreement")
    labels = _labels(groups, table, columns, where, "within_agreement")
    published = options in _SLIGHT_SKEW
    wanted = null if null is not None else ("uniform", "slight_skew") if published else ("uniform",)
    variances = _null_variances(wanted, options)
    domain = domain_rows(where, len(columns))
    complete = domain & columns.notna().all(axis=1).to_numpy() & labels.notna().to_numpy()
    used = columns[complete]
    fail_if(_scale_faults(used, low, options), DesignError)
    by_group = used.groupby(labels[complete], observed=True, sort=True)
    sizes = by_group.size()
    several = sizes > 1
    if not several.any():
        raise DesignError(Fault("within_agreement", "no group of two or more", "several interviews in a group"))
    spread = by_group.var(ddof=1).mean(axis=1)[several]
    found = {name: _agreement(spread / variance, columns.shape[1]) for name, variance in variances.items()}
    about = {
        "groups": int(several.sum()),
        "groups_of_one": int((~several).sum()),
        "n": int(sizes[several].sum()),
        "n_dropped": int(domain.sum() - complete.sum()),
    }
    statistic = "r_wg" if columns.shape[1] == 1 else f"r_wg({columns.shape[1]})"
    rows = [
        {"statistic": statistic, "null": name, "null_variance": variances[name], **_spread_of(own), **about}
        for name, own in found.items()
    ]
    shown = pd.DataFrame({"n": sizes[several], **found})
    shown = shown[shown["n"] >= smallest]
    note = "" if published or null is not None else _left_out_note(options)
    return Agreement(pd.DataFrame(rows), shown, about["groups"] - len(shown), note)


def decompose_correlation(
    first: str,
    second: str,
    table: pd.DataFrame,
    *,
    groups: str | pd.Series | np.ndarray,
    where: np.ndarray | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    r"""Take a correlation apart into what links the means of groups and what links people inside groups.

    Parameters
    ----------
    first, second : str, columns of the table
    table : DataFrame, one row per interview
    groups : column of the table, or (n,) array
    where : (n,) bool array, the domain
    level : float

    Returns
    -------
    DataFrame, three rows
        ``part`` (total, between, within), ``estimate``, ``df``, ``conf_low``, ``conf_high`` (Fisher's z; missing for
        the total, whose rows depend on each other), ``eta_first``, ``eta_second`` (share of standard deviation, squared
        they sum to 1 over the parts), ``product`` (what the part adds to the total correlation), ``groups``, ``n``,
        ``n_dropped``.

    Raises
    ------
    DesignError
        As in :func:`intraclass`; a variable that varies between groups only, or inside groups only.

    Notes
    -----
    :math:`r = \eta_x \eta_y r_B + \sqrt{1 - \eta_x^2} \sqrt{1 - \eta_y^2} r_W`: a correlation of group means says
    nothing of the correlation inside groups, and either may have the other sign. Interviews count equally: a column of
    weights is not used, for the parts add up only so.

    References
    ----------
    Robinson, W. S. (1950). Ecological correlations and the behavior of individuals. American Sociological Review 15,
    351-357. doi:10.2307/2087176
    Dansereau, F., Alutto, J. A., & Yammarino, F. J. (1984). Theory testing in organizational behavior: The varient
    approach. Prentice-Hall.

    Examples
    --------
    >>> people = pd.DataFrame({"pay": [1.0, 2, 3, 4, 5, 6, 7, 8, 9, 3, 4, 6], "office": list("aaabbbcccddd")})
    >>> people["load"] = [5.0, 4, 3, 6, 6, 4, 8, 9, 6, 5, 4, 4]
    >>> decompose_correlation("pay", "load", people, groups="office")[["part", "estimate", "product"]].round(3)
          part  estimate  product
    0    total      0.58    0.580
    1  between      0.95    0.734
    2   within     -0.71   -0.154
    """
    columns = _numbers([first, second], table, "decompose_correlation")
    checked_level(level)
    labels = _labels(groups, table, columns, where, "decompose_correlation")
    domain = domain_rows(where, len(columns))
    complete = domain & columns.notna().all(axis=1).to_numpy()
    own = [_by_group(columns[name].where(complete), labels, domain, "decompose_correlation") for name in columns]
    fail_if(
        [fault for name, one in zip(columns, own, strict=True) for fault in _variance_faults(one, name)], DesignError
    )
    fail_if(_part_faults(columns, own), DesignError)
    code, count = own[0].code, len(own[0].size)
    values = np.column_stack([one.answers for one in own])
    means = np.column_stack([one.mean for one in own])[code]
    parts = {"total": values - values.mean(axis=0), "between": means - values.mean(axis=0), "within": values - means}
    df = {"total": np.nan, "between": count - 2.0, "within": len(code) - count - 1.0}
    whole = np.linalg.norm(parts["total"], axis=0)
    rows = [_part_row(name, part, df[name], whole, level) for name, part in parts.items()]
    return pd.DataFrame(rows).assign(groups=count, n=len(code), n_dropped=own[0].dropped)


def centred_by_group(
    table: pd.DataFrame, columns: str | Sequence[str], *, groups: str | pd.Series | np.ndarray
) -> pd.DataFrame:
    """Split columns into the mean of the group and the distance from it, for models that keep the two links apart.

    Parameters
    ----------
    table : DataFrame, one row per interview
    columns : column(s) of the table
    groups : column of the table, or (n,) array

    Returns
    -------
    DataFrame
        The table with ``<column>_between`` (mean of the group over those who answered) and ``<column>_within`` added;
        missing where the group is.

    References
    ----------
    Enders, C. K., & Tofighi, D. (2007). Centering predictor variables in cross-sectional multilevel models.
    Psychological Methods 12, 121-138. doi:10.1037/1082-989X.12.2.121

    Examples
    --------
    >>> people = pd.DataFrame({"pay": [1.0, 3.0, 5.0, None], "office": ["a", "a", "b", "b"]})
    >>> centred_by_group(people, "pay", groups="office")[["pay_between", "pay_within"]].values.tolist()
    [[2.0, -1.0], [2.0, 1.0], [5.0, 0.0], [5.0, nan]]
    """
    numbers = _numbers(columns, table, "centred_by_group")
    labels = _labels(groups, table, numbers, None, "centred_by_group")
    names = [f"{name}_{part}" for name in numbers for part in ("between", "within")]
    taken = [name for name in names if name in table]
    fail_if([Fault("centred_by_group", f"a column {name!r} already", "new names") for name in taken], DesignError)
    means = numbers.groupby(labels, observed=True).transform("mean")
    added = {}
    for name in numbers:
        added |= {f"{name}_between": means[name], f"{name}_within": numbers[name] - means[name]}
    return table.assign(**added)


class _Grouped(NamedTuple):
    """One variable by group: answers used, their group, and size, mean and sum of squares inside each group."""

    answers: np.ndarray
    code: np.ndarray
    size: np.ndarray
    mean: np.ndarray
    inside: np.ndarray
    dropped: int


def _numbers(values: Columns, table: pd.DataFrame | None, function: str) -> pd.DataFrame:
    """The columns asked for as floats; words without an order are refused by name."""
    columns, numbers, faults = chosen_columns(values, table), {}, []
    for name in columns:
        try:
            numbers[name] = numbers_of(columns[name])
        except DesignError as error:
            faults += [Fault(function, fault.found, fault.allowed, column=str(name)) for fault in error.faults]
    fail_if(faults, DesignError)
    return pd.DataFrame(numbers, index=columns.index)


def _labels(
    groups: object, table: pd.DataFrame | None, values: pd.DataFrame, where: object, function: str
) -> pd.Series:
    """The group of each row; groups, values and domain have to be of the same rows in the same order."""
    index = values.index if table is None else table.index
    for name, given in {"groups": groups, "where": where, "values": values}.items():
        if isinstance(given, (pd.Series, pd.DataFrame)) and not given.index.equals(index):
            found = f"{name} of other rows than the table, or in another order"
            raise DesignError(Fault(function, found, "the same rows in the same order"))
    rows = len(values)
    if isinstance(groups, str):
        known = [] if table is None else [str(column) for column in table]
        if groups not in known:
            hint = nearest(groups, known)
            raise DesignError(Fault(function, f"unknown column {groups!r}", "a column of the table", hint=hint))
        return table[groups]
    if len(groups) != rows:
        raise DesignError(Fault(function, f"{len(groups)} groups for {rows} rows", "one for every row"))
    return pd.Series(np.asarray(groups), index=index, name=getattr(groups, "name", None))


def _by_group(values: pd.Series, labels: pd.Series, domain: np.ndarray, function: str) -> _Grouped:
    """Group one variable; too few groups, or too little in them, are refused."""
    rows = domain & values.notna().to_numpy() & labels.notna().to_numpy()
    y, (code, found) = values.to_numpy()[rows], pd.factorize(labels[rows])
    size = np.bincount(code, minlength=len(found)).astype(float)
    name = str(values.name)
    if len(found) < 2:
        count = "no group" if not len(found) else "a single group"
        raise DesignError(Fault(function, f"{count} with answers", "two groups or more", column=name))
    if len(found) == len(y):
        raise DesignError(Fault(function, "groups of one answer only", "several in some groups", column=name))
    mean = np.bincount(code, weights=y) / size
    inside = np.bincount(code, weights=(y - mean[code]) ** 2)
    return _Grouped(y, code, size, mean, inside, int(domain.sum() - rows.sum()))


def _variance_faults(own: _Grouped, name: str) -> list[Fault]:
    """Nothing that could be shared between groups and people."""
    if np.ptp(own.answers) == 0:
        found = f"the same answer for all ({own.answers[0]:g})"
        return [Fault("groups", found, "answers that vary", column=str(name))]
    if own.inside.sum() <= 1e-14 * np.sum((own.answers - own.answers.mean()) ** 2):
        found, hint = "answers that are the same inside every group", "a variable of groups, not of people"
        return [Fault("groups", found, "answers that vary inside groups", column=str(name), hint=hint)]
    return []


def _part_faults(columns: pd.DataFrame, own: list[_Grouped]) -> list[Fault]:
    """Group means that are all the same."""
    return [
        Fault("groups", "group means that are all the same", "means that vary", column=str(name))
        for name, one in zip(columns, own, strict=True)
        if np.ptp(one.mean) <= 1e-12 * np.ptp(one.answers)
    ]


def _mean_squares(size: np.ndarray, mean: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, ...]:
    """Mean squares between and within, rows, groups and sum of squared sizes; arrays (..., G)."""
    n, groups = size.sum(axis=-1), np.sum(size > 0, axis=-1)
    grand = (size * mean).sum(axis=-1) / n
    between = (size * (mean - grand[..., None]) ** 2).sum(axis=-1)
    return between / (groups - 1), inside.sum(axis=-1) / (n - groups), n, groups, np.square(size).sum(axis=-1)


def _group_size(n: np.ndarray, groups: np.ndarray, squares: np.ndarray, size: str) -> np.ndarray:
    """What stands for the size of the groups."""
    return n / groups if size == "mean" else (n - squares / n) / (groups - 1)


def _intraclass_rows(
    name: str, own: _Grouped, *, size: str, draws: int, seed: int, level: float
) -> list[dict[str, object]]:
    """ICC1 and ICC2 of one variable."""
    between, within, n, groups, squares = _mean_squares(own.size, own.mean, own.inside)
    k, ratio, above, below = _group_size(n, groups, squares, size), between / within, groups - 1, n - groups
    tail = (1 - level) / 2
    ratios = np.array([ratio, ratio / fdtri(above, below, 1 - tail), ratio * fdtri(below, above, 1 - tail)])
    resampled = ratio * np.exp(_resampled_ends(own, draws, seed, level))
    one, one_resampled = ((found - 1) / (found + k - 1) for found in (ratios, resampled))
    about = {
        "f": float(ratio),
        "df_between": float(above),
        "df_within": float(below),
        "p_value": float(fdtrc(above, below, ratio)),
        "groups": int(groups),
        "group_size": float(k),
        "design_effect": float(max(1 + (squares / n - 1) * one[0], 1.0)),
        "n": int(n),
        "n_dropped": own.dropped,
        "seed": seed,
    }
    return [
        {
            "variable": name,
            "statistic": statistic,
            "estimate": float(found[0]),
            "conf_low": float(found[1]),
            "conf_high": float(found[2]),
            "resampled_low": float(ends[0]),
            "resampled_high": float(ends[1]),
            **about,
        }
        for statistic, found, ends in zip(
            ("ICC1", "ICC2"), (one, 1 - 1 / ratios), (one_resampled, 1 - 1 / resampled), strict=True
        )
    ]


def _resampled_ends(own: _Grouped, draws: int, seed: int, level: float) -> np.ndarray:
    """(2,) what to add to log F for the ends of its interval, from samples of groups drawn with replacement."""
    if not draws:
        return np.full(2, np.nan)
    rng, groups = np.random.default_rng(seed), len(own.size)
    full, error = _log_ratio(own.size[None], own.mean[None], own.inside[None])
    most, found = max(_BLOCK // groups, 1), []
    for first in range(0, draws, most):
        drawn = rng.integers(0, groups, (min(most, draws - first), groups))
        with np.errstate(divide="ignore", invalid="ignore"):
            logs, errors = _log_ratio(own.size[drawn], own.mean[drawn], own.inside[drawn])
            found.append((logs - full) / errors)
    away = np.concatenate(found)
    away = away[np.isfinite(away)]
    if not len(away) or np.ptp(away) < 1e-12:  # two groups: every sample that varies is the sample itself
        return np.full(2, np.nan)
    return -error * np.quantile(away, [(1 + level) / 2, (1 - level) / 2])


def _log_ratio(size: np.ndarray, mean: np.ndarray, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Log F of samples of groups (..., G), and its standard error from what each group moves it by."""
    between, within, n, groups, _ = _mean_squares(size, mean, inside)
    grand = ((size * mean).sum(axis=-1) / n)[..., None]
    df = (n - groups)[..., None]
    moved = size * (mean - grand) ** 2 / (between * (groups - 1))[..., None]
    moved = moved - inside / (within[..., None] * df) + (size - 1) / df
    centred = moved - moved.mean(axis=-1, keepdims=True)
    return np.log(between / within), np.sqrt(np.square(centred).sum(axis=-1) * groups / (groups - 1))


def _left_out_note(options: int) -> str:
    """Why there is one null distribution where there could be two."""
    known = " and ".join(map(str, _SLIGHT_SKEW))
    return f"slight_skew is published for {known} options, not for {options}: null={{name: variance}} takes another"


def _null_variances(null: Sequence[str] | Mapping[str, float], options: int) -> dict[str, float]:
    """The variance of answers without agreement, by name."""
    place = "within_agreement"
    if options < 2 or options != int(options):
        raise DesignError(Fault(place, f"a scale of {options} options", "a whole number, at least 2"))
    if isinstance(null, Mapping):
        bad = [name for name, variance in null.items() if not 0 < variance < np.inf]
        fail_if([Fault(place, f"a variance of {null[name]} for null {name}", "above 0") for name in bad], DesignError)
        return {str(name): float(variance) for name, variance in null.items()}
    known = {"uniform": (options**2 - 1) / 12, "slight_skew": _SLIGHT_SKEW.get(options)}
    names = [null] if isinstance(null, str) else list(null)
    unknown = [
        Fault(place, f"null {name!r}", ", ".join(known), hint="or a mapping of names to variances")
        for name in names
        if name not in known
    ]
    missing = [
        Fault(
            place, f"null {name} of {options} options", "5 or 7 options", hint='null={"uniform": ..., "leaning": ...}'
        )
        for name in names
        if name in known and known[name] is None
    ]
    fail_if([*unknown, *missing], DesignError)
    return {name: float(known[name]) for name in names}


def _scale_faults(used: pd.DataFrame, low: float, options: int) -> list[Fault]:
    """Answers that the scale does not have."""
    high = low + options - 1
    return [
        Fault("within_agreement", f"answers from {column.min():g} to {column.max():g}", f"{low:g} to {high:g}",
              column=str(name), hint="low and options describe the scale")
        for name, column in used.items()
        if len(column) and (column.min() < low or column.max() > high)
    ]  # fmt: skip


def _agreement(ratio: pd.Series, items: int) -> pd.Series:
    """r_wg, or r_wg(j), from the share of the null variance that is there."""
    agreed = items * (1 - ratio)
    return (agreed / (agreed + ratio)).where(ratio < 1, 0.0)


def _spread_of(own: pd.Series) -> dict[str, float]:
    """How agreement is spread over the groups."""
    lower, median, upper = np.quantile(own, [0.25, 0.5, 0.75])
    return {
        "median": float(median),
        "lower_quartile": float(lower),
        "upper_quartile": float(upper),
        "share_above_70": float((own > _AGREED).mean()),
        "share_at_0": float((own == 0).mean()),
    }


def _part_row(name: str, part: np.ndarray, df: float, whole: np.ndarray, level: float) -> dict[str, object]:
    """One part of a correlation."""
    length = np.linalg.norm(part, axis=0)
    estimate = float(part[:, 0] @ part[:, 1] / length.prod())
    low, high = np.nan, np.nan
    if df > 1 and abs(estimate) < 1:
        reach = ndtri((1 + level) / 2) / np.sqrt(df - 1)
        low, high = np.tanh(np.arctanh(estimate) + np.array([-reach, reach]))
    statistic = estimate * np.sqrt(df / max(1 - estimate**2, 1e-300)) if df > 0 else np.nan
    eta = length / whole
    return {
        "part": name,
        "estimate": estimate,
        "df": df,
        "conf_low": float(low),
        "conf_high": float(high),
        "p_value": float(p_value(np.float64(statistic), df)),
        "eta_first": float(eta[0]),
        "eta_second": float(eta[1]),
        "product": float(estimate * eta.prod()),
    }
