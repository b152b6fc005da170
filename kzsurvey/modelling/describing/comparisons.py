"""Comparisons of groups with design-based tests, each with an effect size and an interval of it.

Tests follow R's survey (``svyttest``, ``regTermTest``, ``svyranktest``, ``svychisq``). A comparison that has no answer
(one group, a group without anybody or in a single cluster, values that do not vary) is refused by name.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import chdtrc, expit, fdtrc, logit, ndtri

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.describing.estimates import (
    Columns,
    chosen_columns,
    design_for,
    group_codes,
    mean,
    smooth,
)
from kzsurvey.modelling.describing.numbers import numbers_of
from kzsurvey.modelling.regression.regression import wald_test
from kzsurvey.modelling.regression.results import holm
from kzsurvey.modelling.sampling.design import Design, degrees_of_freedom, domain_rows
from kzsurvey.modelling.sampling.intervals import interval, length_interval, p_value
from kzsurvey.modelling.sampling.variance import Linearised, effective_df, infer


@dataclass(frozen=True, eq=False)
class Test:
    """One test, with how large the effect is.

    Attributes
    ----------
    name : str, the test
    variable, by : str, what is compared, between which groups
    symbol : str, of the statistic: ``t``, ``F`` or ``chi2``
    statistic, df, df_below, p_value : float
        ``df_below`` are the degrees of freedom of the error under an F (missing for others).
    effect_name : str
    effect, conf_low, conf_high : float
        The effect size and its design-based interval.
    n, n_dropped : int
        Rows used; rows of the domain without a value or a group.
    effects : DataFrame, one row per effect size
        ``effect``, ``estimate``, ``std_error``, ``conf_low``, ``conf_high``.
    groups : DataFrame, one row per group (per cell of a cross table)
    pairs : DataFrame, one row per pair of groups
        Empty for two groups; ``p_holm`` is adjusted for the number of pairs.
    """

    __test__ = False  # pytest takes a class of this name for tests

    name: str
    variable: str
    by: str
    symbol: str
    statistic: float
    df: float
    df_below: float
    p_value: float
    effect_name: str
    effect: float
    conf_low: float
    conf_high: float
    n: int
    n_dropped: int
    effects: pd.DataFrame = field(repr=False)
    groups: pd.DataFrame = field(repr=False)
    pairs: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)

    @property
    def table(self) -> pd.DataFrame:
        """The test as one tidy row."""
        return pd.DataFrame([{name: getattr(self, name) for name in _ROW}])

    def _repr_html_(self) -> str:
        """The test, its groups, effects and pairs, in a notebook."""
        parts = [self.table, self.groups, self.effects, self.pairs]
        return "".join(part.to_html(index=False) for part in parts if len(part))


_ROW = (
    "name", "variable", "by", "symbol", "statistic", "df", "df_below", "p_value",
    "effect_name", "effect", "conf_low", "conf_high", "n", "n_dropped",
)  # fmt: skip


class _Compared(NamedTuple):
    """Values and groups, checked.

    ``y`` (n,) is 0 and ``code`` (n,) -1 outside; ``df`` is of the design among the rows inside.
    """

    y: np.ndarray
    code: np.ndarray
    inside: np.ndarray
    names: list[str]
    design: Design
    variable: str
    by: str
    n_dropped: int
    df: float

    def flags(self) -> np.ndarray:
        """(n, k) array, 1 in the column of a row's group."""
        return (self.code[:, None] == np.arange(len(self.names))).astype(float)


def t_test(
    values: Columns,
    table: pd.DataFrame | None = None,
    *,
    by: Columns | None = None,
    design: Design | None = None,
    where: np.ndarray | pd.Series | None = None,
    against: float = 0.0,
    level: float = 0.95,
    df: str = "design",
) -> Test:
    r"""Difference between the means of two groups, or of one mean from a number.

    Parameters
    ----------
    values : column name of ``table``, or (n,) array
        Numbers, or options with numbers for names or with an order (counted from 1). For measurements before and
        after, their difference, without ``by``.
    table : DataFrame, one row per interview
    by : column name of ``table``, or Series or array
        Two groups; the difference is the second less the first. None compares the mean of all with ``against``.
    design : Design
        Where None, read from the columns ``weight``, ``stratum`` and ``cluster`` of ``table``.
    where : (n,) bool array, the domain
    against : float
        What the mean of all is compared with (the middle of a scale, say).
    level : float, of the intervals
    df : {"design", "satterthwaite"}, as in :func:`mean`

    Returns
    -------
    Test
        Effect: Hedges' g; ``effects`` has the difference and Cohen's d as well, all of the second group less the first.

    Raises
    ------
    DesignError
        Not two groups; a group without anybody or in a single cluster; values in words, or that do not vary.

    Notes
    -----
    The test is that of the slope of a regression on the group, with one degree of freedom less than the design, as
    R's ``svyttest`` (which takes one off for a single mean as well, where none is due). Cohen's d is the difference
    over the pooled standard deviation :math:`\sqrt{\frac{n}{n-2} \sum w (y - \bar y_g)^2 / \sum w}`, Hedges' g is d
    times :math:`1 - 3 / (4 (n - 2) - 1)`; their errors come from the same variance core, so that the interval knows
    clusters and weights.

    References
    ----------
    Hedges, L. V. (1981). Distribution theory for Glass's estimator of effect size and related estimators. Journal of
    Educational Statistics 6, 107-128. doi:10.3102/10769986006002107

    Examples
    --------
    >>> table = pd.DataFrame({"load": [2.0, 3.0, 4.0, 4.0, 5.0, 6.0], "head": [0, 0, 0, 1, 1, 1]})
    >>> found = t_test("load", table, by="head")
    >>> round(found.statistic, 3), found.df, found.effect_name, round(found.effect, 3)
    (2.739, 4.0, "Hedges' g", 1.6)
    """
    if by is None:
        return _one_sample(values, table, design, where, against, level, df)
    compared = _compared(values, by, table, design, where, "t_test", most=2)
    estimator = _two_group_estimator(compared, 0, 1)
    df = _free(estimator, compared, df, 1)
    found = _finite(*infer(estimator, compared.design), "t_test")
    effects = _effect_rows(("difference in means", "Cohen's d", "Hedges' g"), *found, df, level)
    return _test(
        "t test", compared, "t", _first_t(effects), df, np.nan, effects, 2, groups=_means(compared, level)
    )  # fmt: skip


def one_way(
    values: Columns,
    table: pd.DataFrame | None = None,
    *,
    by: Columns,
    design: Design | None = None,
    where: np.ndarray | pd.Series | None = None,
    level: float = 0.95,
) -> Test:
    r"""Do the means of several groups differ: a Wald F test, the place of the one-way analysis of variance.

    Parameters
    ----------
    values : column name of ``table``, or (n,) array of numbers
    by : column name of ``table``, or Series or array
        Two groups or more.

    Other parameters as in :func:`t_test`.

    Returns
    -------
    Test
        Effect: eta squared. ``pairs`` holds every difference of two means, with Holm's adjustment and Hedges' g.

    Raises
    ------
    DesignError
        As :func:`t_test`; more groups than the clusters can tell apart.

    Notes
    -----
    F is the Wald statistic of the differences over their number k - 1, with the degrees of freedom of the design less
    k - 1 below the line, as R's ``regTermTest``. Eta squared is the weighted sum of squares between groups over that of
    all. Omega squared takes off what the errors of the means alone would make of it, the trace of the covariance of the
    standardised deviations :math:`\sqrt{W_g / W} (\bar y_g - \bar y) / s`; in a simple random sample that is the usual
    correction, in clusters a larger one. The interval is
    :func:`~kzsurvey.modelling.sampling.intervals.length_interval` of those deviations, squared.

    References
    ----------
    Olejnik, S., & Algina, J. (2003). Generalized eta and omega squared statistics. Psychological Methods 8, 434-447.
    doi:10.1037/1082-989X.8.4.434

    Examples
    --------
    >>> table = pd.DataFrame({"load": [2.0, 3.0, 4.0, 4.0, 5.0, 6.0, 1.0, 2.0, 4.0], "place": list("aaabbbccc")})
    >>> found = one_way("load", table, by="place")
    >>> round(found.statistic, 3), found.df, found.df_below, round(found.effect, 3)
    (5.961, 2.0, 6.0, 0.571)
    """
    compared = _compared(values, by, table, design, where, "one_way")
    statistic, df, df_below = _wald_of_means(compared, "one_way")
    effects = _eta_rows(compared, df_below, level, "eta squared", "omega squared")
    pairs = _mean_pairs(compared, df_below, level) if len(compared.names) > 2 else pd.DataFrame()
    return _test(
        "one-way", compared, "F", statistic, df, df_below, effects, 0, groups=_means(compared, level), pairs=pairs
    )


def rank_test(
    values: Columns,
    table: pd.DataFrame | None = None,
    *,
    by: Columns,
    design: Design | None = None,
    where: np.ndarray | pd.Series | None = None,
    scores: str = "wilcoxon",
    ties: str = "weight",
    level: float = 0.95,
) -> Test:
    r"""Are the values of some groups higher: Wilcoxon for two groups, Kruskal-Wallis for more, by design-based ranks.

    Parameters
    ----------
    values : column name of ``table``, or (n,) array
        Numbers, or an ordered category.
    by : column name of ``table``, or Series or array
    scores : {"wilcoxon", "median", "normal"}
        What is made of the ranks: themselves, whether they are above the middle, normal scores (van der Waerden).
    ties : {"weight", "rows"}
        Rank of equal values: ``weight`` takes the middle of their weight, in whatever order they stand. ``rows`` takes
        the mean over them of the middle of each row's own weight, as R's ``svyranktest`` does; where weights differ,
        that depends on the order of the rows.

    Other parameters as in :func:`t_test`.

    Returns
    -------
    Test
        Effect: for two groups the probability of superiority, that somebody of the second group has the higher value
        (ties count half), with the rank-biserial correlation (twice that, less 1) in ``effects``; for more groups eta
        squared of the rank scores, and every pair in ``pairs``, with Holm's adjustment.

    Raises
    ------
    DesignError
        As :func:`t_test`.

    Notes
    -----
    Ranks are estimated for the population: the weight below a value and half of that at it, over all. The test compares
    mean scores as a regression on the group does, with scores taken as known, as R's ``svyranktest``. The interval of
    the probability of superiority takes its error from the scores :math:`F_1(y) - \theta` and
    :math:`1 - F_2(y) - \theta` and is symmetric on the log odds.

    References
    ----------
    Lumley, T., & Scott, A. J. (2013). Two-sample rank tests under complex sampling. Biometrika 100, 831-842.
    doi:10.1093/biomet/ast027

    Examples
    --------
    >>> table = pd.DataFrame({"load": [2, 3, 3, 4, 4, 5, 6, 3], "head": [0, 0, 0, 0, 1, 1, 1, 1]})
    >>> found = rank_test("load", table, by="head")
    >>> found.effect_name, round(found.effect, 3), round(found.p_value, 3)
    ('probability of superiority', 0.844, 0.082)
    """
    if scores not in SCORES:
        raise DesignError(Fault("rank_test", f"scores {scores!r}", ", ".join(SCORES)))
    if ties not in ("weight", "rows"):
        raise DesignError(Fault("rank_test", f"ties {ties!r}", "weight, rows"))
    compared = _compared(values, by, table, design, where, "rank_test")
    ranked = compared._replace(y=_rank_scores(compared, SCORES[scores], ties))
    if np.ptp(ranked.y[ranked.inside]) == 0:
        raise DesignError(Fault("rank_test", f"{compared.variable} with one rank score for all", "values that vary"))
    groups = _means(ranked, level).rename(columns={"mean": "mean_rank_score"})
    if len(compared.names) == 2:
        df = _enough(compared.df - 1, "rank_test")
        difference = _first_t(_effect_rows(("d",), *_mean_differences(ranked), df, level))
        effects = _superiority_rows(compared, _mean_differences(ranked), df, level)
        return _test(f"{_NAMES[scores][0]} test", compared, "t", difference, df, np.nan, effects, 1, groups=groups)
    statistic, df, df_below = _wald_of_means(ranked, "rank_test")
    effects = _eta_rows(ranked, df_below, level, "rank eta squared", "rank omega squared")
    pairs = _rank_pairs(compared, level, scores=scores, ties=ties)
    return _test(
        f"{_NAMES[scores][1]} test", compared, "F", statistic, df, df_below, effects, 0, groups=groups, pairs=pairs
    )


def chi_square(
    values: Columns,
    table: pd.DataFrame | None = None,
    *,
    by: Columns,
    design: Design | None = None,
    where: np.ndarray | pd.Series | None = None,
    statistic: str = "F",
    level: float = 0.95,
) -> Test:
    r"""Are two answers in words linked: tests of a cross table.

    Parameters
    ----------
    values, by : column names of ``table``, or Series
        Rows and columns of the table.
    statistic : {"F", "chisq", "wald", "adjusted wald"}
        ``F``: Pearson's chi-square with the second-order correction of Rao and Scott. ``chisq``: with the first-order
        correction; ``statistic`` is the corrected one. ``wald``: Wald F of the differences between observed and
        expected counts; ``adjusted wald``: the same, mended for few clusters.
    level : float

    Other parameters as in :func:`t_test`.

    Returns
    -------
    Test
        Effect: Cramer's V (``phi`` for two by two; ``effects`` has both). ``groups`` has one row per cell: ``n``,
        ``share`` (of all, weighted), ``expected`` share without a link, ``residual`` (their difference over its
        design-based standard error, about normal where there is no link).

    Raises
    ------
    DesignError
        Fewer than two answers on either side; an answer in a single cluster; a Wald statistic that needs a cell
        without anybody.

    Notes
    -----
    The degrees of freedom of the design are clusters less strata, counting those with somebody of the domain who gave
    both answers.

    The interval of Cramer's V is :func:`~kzsurvey.modelling.sampling.intervals.length_interval` of the standardised
    residuals :math:`(p_{ij} - p_i p_j) / \sqrt{p_i p_j}`, whose squares sum to phi squared.

    References
    ----------
    Rao, J. N. K., & Scott, A. J. (1984). On chi-squared tests for multiway contingency tables with cell proportions
    estimated from survey data. Annals of Statistics 12, 46-60. doi:10.1214/aos/1176346391
    Thomas, D. R., & Rao, J. N. K. (1987). Small-sample comparisons of level and power for simple goodness-of-fit
    statistics under cluster sampling. Journal of the American Statistical Association 82, 630-636.
    doi:10.1080/01621459.1987.10478475

    Examples
    --------
    >>> table = pd.DataFrame({"leaves": list("nnynyynyyy"), "role": list("aaaaabbbbb")})
    >>> found = chi_square("leaves", table, by="role")
    >>> found.name, round(found.statistic, 3), found.effect_name, round(found.effect, 3)
    ('chi-square test (Rao-Scott F)', 1.5, 'phi', 0.408)
    """
    if statistic not in STATISTICS:
        raise DesignError(Fault("chi_square", f"statistic {statistic!r}", ", ".join(STATISTICS)))
    crossed = _crossed(values, by, table, design, where)
    name, symbol, function = STATISTICS[statistic]
    value, df, df_below = function(crossed)
    flags, shape = crossed.flags, crossed.shape
    found = infer(smooth(flags, lambda totals: _residuals(totals, shape)), crossed.design)
    vector, covariance = _finite(*found, "chi_square")
    smaller = min(shape) - 1
    ends = np.array(length_interval(vector, covariance, crossed.df, level=level))
    phi = float(np.linalg.norm(vector))
    error = _length_error(vector, covariance)
    rows_of = [("Cramer's V", 1 / np.sqrt(smaller)), ("phi", 1.0)][:: 1 if max(shape) > 2 else -1]
    effects = pd.DataFrame(
        [
            (effect, phi * k, error * k, *np.minimum(ends * k, 1.0 if k < 1 else np.sqrt(smaller)))
            for effect, k in rows_of
        ],
        columns=_EFFECTS,
    )
    probability = chdtrc(df, value) if np.isnan(df_below) else fdtrc(df, df_below, value)
    return _record(name, crossed, symbol, value, df, df_below, float(probability), effects, 0, _cell_table(crossed))


_ROUNDING = 1e-10  # a variance this much smaller than that of a simple random sample is rounding
_ENDLESS = 1e9  # a statistic beyond has rounding for its error
_EFFECTS = ["effect", "estimate", "std_error", "conf_low", "conf_high"]
_NAMES = {
    "wilcoxon": ("Wilcoxon", "Kruskal-Wallis"),
    "median": ("median", "median"),
    "normal": ("van der Waerden", "van der Waerden"),
}
SCORES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "wilcoxon": lambda rank: rank,
    "median": lambda rank: (rank > 0.5).astype(float),
    "normal": ndtri,
}


def _compared(
    values: Columns, by: Columns, table: pd.DataFrame | None, design: Design | None,
    where: np.ndarray | pd.Series | None, function: str, most: int | None = None,
) -> _Compared:  # fmt: skip
    """Values by group, or what keeps them from being compared."""
    design = design_for(table, design, values, by, where)
    column = _one_column(values, table, function)
    numbers = _as_numbers(column, function).to_numpy(dtype=float)
    groups = chosen_columns(by, table)
    code, labels = group_codes(groups, None, len(numbers))
    names = [" / ".join(str(part) for part in row) for row in labels.itertuples(index=False)]
    domain = domain_rows(where, len(numbers), place=function)
    present = np.unique(code[domain & (code >= 0)])
    inside = domain & (code >= 0) & np.isfinite(numbers)
    named = " x ".join(str(name) for name in groups)
    faults = _group_faults(code, inside, present, names, design, function, named, most)
    faults += [] if faults else _constant_faults(numbers[inside], code[inside], function, str(column.name))
    fail_if(faults, DesignError)
    place = np.full(len(names) + 1, -1)
    place[present] = np.arange(len(present))
    centred = np.where(inside, numbers, 0.0)
    return _Compared(
        y=centred,
        code=np.where(inside, place[code], -1),
        inside=inside,
        names=[names[number] for number in present],
        design=design,
        variable=str(column.name),
        by=named,
        n_dropped=int(domain.sum() - inside.sum()),
        df=degrees_of_freedom(design, inside),
    )


def _one_column(values: Columns, table: pd.DataFrame | None, function: str) -> pd.Series:
    """The one variable a test is about."""
    columns = chosen_columns(values, table)
    if columns.shape[1] != 1:
        raise DesignError(Fault(function, f"{columns.shape[1]} variables", "one variable"))
    return columns.iloc[:, 0]


def _as_numbers(column: pd.Series, function: str) -> pd.Series:
    """Numbers as they are, options by the number that names them or by their order."""
    try:
        return numbers_of(column)
    except DesignError as error:
        allowed = error.faults[0].allowed
        raise DesignError(
            Fault(
                function,
                "words where numbers are needed",
                allowed,
                column=str(column.name),
                hint="chi_square for words",
            )
        ) from error


def _group_faults(
    code: np.ndarray, inside: np.ndarray, present: np.ndarray, names: Sequence[str],
    design: Design, function: str, by: str, most: int | None,
) -> list[Fault]:  # fmt: skip
    """Groups that cannot be compared."""
    if len(present) < 2 or (most and len(present) > most):
        allowed = "two groups" if most else "two groups or more"
        found = f"{len(present)} group{'' if len(present) == 1 else 's'}"
        found += f" ({', '.join(names[number] for number in present[:8])})" if len(present) else ""
        hint = "one_way or rank_test compare more than two" if len(present) > 2 else ""
        return [Fault(function, found, allowed, column=by, hint=hint)]
    faults = []
    for number in present:
        members = inside & (code == number)
        clusters = len(np.unique(design.stages[0].cluster[members]))
        if not members.any():
            faults.append(Fault(function, f"group {names[number]} without a known value", "somebody", column=by))
        elif clusters == 1:
            found, hint = f"group {names[number]} in a single cluster", "merge groups, or leave this one out by where"
            faults.append(Fault(function, found, "two clusters or more in every group", column=by, hint=hint))
    return faults


def _constant_faults(values: np.ndarray, code: np.ndarray, function: str, variable: str) -> list[Fault]:
    """Values that do not vary."""
    if np.ptp(values) == 0:
        found = f"the same value ({values[0]:g}) for all {len(values)}"
        return [Fault(function, found, "values that vary", column=variable)]
    spread = pd.Series(values).groupby(code).agg(np.ptp)
    if (spread == 0).all():
        return [Fault(function, "values that are the same within every group", "values that vary", column=variable)]
    return []


def _enough(df: float, function: str) -> float:
    """Degrees of freedom above 0, or the fault."""
    if df > 0:
        return df
    found = f"{df:g} degrees of freedom left (clusters less strata, less groups)"
    raise DesignError(Fault(function, found, "1 or more", hint="fewer groups, or more clusters"))


def _free(estimator: Callable[[np.ndarray], Linearised], compared: _Compared, rule: str, lost: int) -> float:
    """Degrees of freedom of the first of some estimates."""
    most = _enough(compared.df - lost, "t_test")
    if rule == "design":
        return most
    return float(effective_df(estimator(compared.design.weight), compared.df, compared.design, rule, lost=lost)[0])


def _one_sample(
    values: Columns, table: pd.DataFrame | None, design: Design | None,
    where: np.ndarray | pd.Series | None, against: float, level: float, rule: str,
) -> Test:  # fmt: skip
    """One mean against a number."""
    design = design_for(table, design, values, where)
    column = _one_column(values, table, "t_test")
    numbers = _as_numbers(column, "t_test").to_numpy(dtype=float) - against
    domain = domain_rows(where, len(numbers), place="t_test")
    inside = domain & np.isfinite(numbers)
    if not inside.any():
        raise DesignError(Fault("t_test", "nobody with a value", "somebody", column=str(column.name)))
    fail_if(_constant_faults(numbers[inside], np.zeros(inside.sum()), "t_test", str(column.name)), DesignError)
    compared = _Compared(
        np.where(inside, numbers, 0.0), np.where(inside, 0, -1), inside, ["all"], design,
        str(column.name), "", int(domain.sum() - inside.sum()), degrees_of_freedom(design, inside),
    )  # fmt: skip
    n = int(inside.sum())
    columns = np.column_stack([inside, compared.y, compared.y**2]).astype(float)
    correction = 1 - 3 / (4 * (n - 1) - 1)

    def function(totals: np.ndarray) -> np.ndarray:
        centre = totals[1] / totals[0]
        size = centre / np.sqrt((totals[2] / totals[0] - centre**2) * n / (n - 1))
        return np.array([centre, size, size * correction])

    df = _free(smooth(columns, function), compared, rule, 0)
    found = _finite(*infer(smooth(columns, function), design), "t_test")
    effects = _effect_rows((f"mean less {against:g}", "Cohen's d", "Hedges' g"), *found, df, level)
    groups = _means(compared._replace(y=compared.y + against * inside), level)
    return _test("t test of one mean", compared, "t", _first_t(effects), df, np.nan, effects, 2, groups=groups)


def _two_group_estimator(compared: _Compared, first: int, second: int) -> Callable[[np.ndarray], Linearised]:
    """Difference of two means, Cohen's d and Hedges' g."""
    flags = compared.flags()[:, [first, second]]
    n = flags.sum()
    centre = compared.y[flags.any(axis=1)].mean()
    centred = (compared.y - centre)[:, None] * flags
    correction = 1 - 3 / (4 * (n - 2) - 1)

    def function(totals: np.ndarray) -> np.ndarray:
        units, sums, squares = totals[:2], totals[2:4], totals[4:]
        within = np.sum(squares - sums**2 / units) / np.sum(units) * n / (n - 2)
        difference = sums[1] / units[1] - sums[0] / units[0]
        size = difference / np.sqrt(within)
        return np.array([difference, size, size * correction])

    return smooth(np.hstack([flags, centred, centred**2]), function)


def _finite(point: np.ndarray, covariance: np.ndarray, function: str) -> tuple[np.ndarray, np.ndarray]:
    """Estimates that every set of replicate weights has as well."""
    if np.isfinite(point).all() and np.isfinite(covariance).all():
        return point, covariance
    found = "replicate weights under which a group has nobody or does not vary"
    raise DesignError(Fault(function, found, "all groups in every replicate", hint="merge groups"))


def _effect_rows(
    names: Sequence[str], point: np.ndarray, covariance: np.ndarray, df: float, level: float
) -> pd.DataFrame:
    """Effects with t intervals."""
    std_error = np.sqrt(np.diag(covariance))
    low, high = interval(point, std_error, df, level=level)
    return pd.DataFrame(dict(zip(_EFFECTS, (names, point, std_error, low, high), strict=True)))


def _first_t(effects: pd.DataFrame) -> float:
    """Statistic of the first effect, the difference tested."""
    estimate, std_error = effects.loc[0, ["estimate", "std_error"]]
    return float(estimate / std_error) if std_error > 0 else float("inf")


def _test(
    name: str, compared: _Compared, symbol: str, statistic: float, df: float, df_below: float,
    effects: pd.DataFrame, shown: int, *, groups: pd.DataFrame, pairs: pd.DataFrame | None = None,
) -> Test:  # fmt: skip
    """A test of means, with its probability."""
    chance = p_value(statistic, df) if symbol == "t" else fdtrc(df, df_below, statistic)
    found = _record(name, compared, symbol, statistic, df, df_below, float(chance), effects, shown, groups)
    return found if pairs is None else Test(**{**vars(found), "pairs": pairs})


def _record(
    name: str, about: object, symbol: str, statistic: float, df: float, df_below: float, chance: float,
    effects: pd.DataFrame, shown: int, groups: pd.DataFrame,
) -> Test:  # fmt: skip
    """The record of a test; ``shown`` is the effect that stands for it."""
    if not abs(statistic) < _ENDLESS:
        hint = "values do not differ between clusters, or weights are calibrated to them"
        raise DesignError(Fault(name, "no error to test against", "a standard error above 0", hint=hint))
    effect = effects.iloc[shown]
    return Test(
        name=name,
        variable=about.variable,
        by=about.by,
        symbol=symbol,
        statistic=float(statistic),
        df=float(df),
        df_below=float(df_below),
        p_value=chance,
        effect_name=effect["effect"],
        effect=float(effect["estimate"]),
        conf_low=float(effect["conf_low"]),
        conf_high=float(effect["conf_high"]),
        n=int(about.inside.sum()),
        n_dropped=about.n_dropped,
        effects=effects,
        groups=groups,
    )


def _means(compared: _Compared, level: float) -> pd.DataFrame:
    """Size, mean and standard deviation of every group."""
    index = compared.design.index
    names = pd.Series(pd.Categorical.from_codes(compared.code, compared.names), index, name="group")
    found = mean(
        pd.Series(compared.y, index, name="mean"), design=compared.design, by=names, where=compared.inside, level=level
    ).table
    flags, weight = compared.flags(), compared.design.weight[:, None]
    deviation = (compared.y[:, None] - found["estimate"].to_numpy()) * flags
    n = flags.sum(axis=0)
    spread = (weight * deviation**2).sum(axis=0) / (weight * flags).sum(axis=0)
    sd = np.sqrt(spread * np.divide(n, n - 1, out=np.full(len(n), np.nan), where=n > 1))
    columns = {"group": compared.names, "n": found["n"], "mean": found["estimate"], "sd": sd}
    return pd.DataFrame(columns | {name: found[name] for name in ("std_error", "conf_low", "conf_high")})


def _mean_function(groups: int) -> Callable[[np.ndarray], np.ndarray]:
    """Means of the groups from their units and sums."""
    return lambda totals: totals[groups:] / totals[:groups]


def _group_means(compared: _Compared) -> tuple[np.ndarray, np.ndarray]:
    """Means of all groups and their covariance."""
    flags = compared.flags()
    columns = np.hstack([flags, flags * compared.y[:, None]])
    return _finite(*infer(smooth(columns, _mean_function(flags.shape[1])), compared.design), "comparison of means")


def _mean_differences(compared: _Compared) -> tuple[np.ndarray, np.ndarray]:
    """Differences of all means from the first."""
    point, covariance = _group_means(compared)
    contrast = np.hstack([-np.ones((len(point) - 1, 1)), np.eye(len(point) - 1)])
    return contrast @ point, contrast @ covariance @ contrast.T


def _wald_of_means(compared: _Compared, function: str) -> tuple[float, float, float]:
    """F of the differences between means: statistic and its two degrees of freedom."""
    point, covariance = _mean_differences(compared)
    if (np.diag(covariance) * compared.inside.sum() < _ROUNDING * np.var(compared.y[compared.inside])).any():
        return np.inf, float(len(point)), 1.0
    df_below = _enough(compared.df - len(point), function)
    statistic, above, _ = wald_test(point, covariance, df_below)
    if above < len(point):
        found = f"{len(point) + 1} group means whose differences have an error of rank {above}"
        raise DesignError(Fault(function, found, "groups in enough clusters", column=compared.by, hint="merge groups"))
    return statistic, float(above), df_below


def _eta_rows(compared: _Compared, df: float, level: float, *names: str) -> pd.DataFrame:
    """Eta squared and omega squared, from the standardised deviations of the groups."""
    flags = compared.flags()
    groups = flags.shape[1]
    centred = (compared.y - compared.y[compared.inside].mean())[:, None] * flags

    def function(totals: np.ndarray) -> np.ndarray:
        units, sums, squares = totals[:groups], totals[groups:-1], totals[-1]
        whole, overall = np.sum(units), np.sum(sums) / np.sum(units)
        spread = squares / whole - overall**2
        return np.sqrt(units / whole) * (sums / units - overall) / np.sqrt(spread)

    columns = np.hstack([flags, centred, (centred**2).sum(axis=1, keepdims=True)])
    vector, covariance = infer(smooth(columns, function), compared.design)
    low, high = np.minimum(np.array(length_interval(vector, covariance, df, level=level)) ** 2, 1.0)
    eta, noise = vector @ vector, np.trace(covariance)
    error = 2 * np.sqrt(eta) * _length_error(vector, covariance)
    rows = [(names[0], eta, error, low, high), (names[1], max(eta - noise, 0.0), error, low, high)]
    return pd.DataFrame(rows, columns=_EFFECTS)


def _length_error(vector: np.ndarray, covariance: np.ndarray) -> float:
    """Standard error of the length of a vector; missing where it has none."""
    square = float(vector @ vector)
    return float(np.sqrt(max(vector @ covariance @ vector, 0.0) / square)) if square > 0 else float("nan")


def _mean_pairs(compared: _Compared, df: float, level: float) -> pd.DataFrame:
    """Every difference between two means."""
    rows = []
    for first, second in combinations(range(len(compared.names)), 2):
        found = _effect_rows(
            ("difference", "d", "g"), *infer(_two_group_estimator(compared, first, second), compared.design), df, level
        )
        difference, size = found.iloc[0], found.iloc[2]
        row = {"first": compared.names[first], "second": compared.names[second]}
        row |= {"difference": difference["estimate"], "std_error": difference["std_error"]}
        row |= {"conf_low": difference["conf_low"], "conf_high": difference["conf_high"]}
        row |= {"t": difference["estimate"] / difference["std_error"], "df": df, "hedges_g": size["estimate"]}
        rows.append(row | {"g_conf_low": size["conf_low"], "g_conf_high": size["conf_high"]})
    table = pd.DataFrame(rows)
    chance = p_value(table["t"].to_numpy(), df)
    table.insert(8, "p_value", chance)
    table.insert(9, "p_holm", holm(chance))
    return table


def _rank_scores(compared: _Compared, function: Callable[[np.ndarray], np.ndarray], ties: str) -> np.ndarray:
    """Score of the estimated population rank of every row inside, 0 outside."""
    inside = compared.inside
    order = np.argsort(compared.y[inside], kind="stable")
    weight = compared.design.weight[inside][order]
    middle = np.cumsum(weight) - weight / 2
    _, code = np.unique(compared.y[inside][order], return_inverse=True)
    share = np.ones(len(code)) if ties == "rows" else weight
    rank = np.bincount(code, weights=share * middle) / np.bincount(code, weights=share) / weight.sum()
    scores = np.zeros(len(inside))
    scores[np.flatnonzero(inside)[order]] = function(rank[code])
    return scores


def _superiority_estimator(compared: _Compared) -> Callable[[np.ndarray], Linearised]:
    """Probability that somebody of the second group has a higher value than somebody of the first; ties count half."""
    _, code = np.unique(compared.y, return_inverse=True)
    first, second = compared.flags().T

    def estimator(weight: np.ndarray) -> Linearised:
        lower, upper = (np.bincount(code, weights=weight * flags) for flags in (first, second))
        units = lower.sum(), upper.sum()
        with np.errstate(divide="ignore", invalid="ignore"):
            below = ((np.cumsum(lower) - lower / 2) / units[0])[code]
            above = 1 - ((np.cumsum(upper) - upper / 2) / units[1])[code]
            point = (weight * second) @ below / units[1]
            scores = second * (below - point) / units[1] + first * (above - point) / units[0]
        return Linearised(np.array([point]), scores[:, None], np.eye(1))

    return estimator


def _superiority_rows(
    compared: _Compared, difference: tuple[np.ndarray, np.ndarray], df: float, level: float
) -> pd.DataFrame:
    """The difference of mean rank scores, the probability of superiority and the rank-biserial correlation."""
    point, covariance = _finite(*infer(_superiority_estimator(compared), compared.design), "rank_test")
    chance, error = float(point[0]), float(np.sqrt(covariance[0, 0]))
    low = high = np.nan
    if 1e-9 < chance < 1 - 1e-9:  # who is always above has no error, and no interval
        low, high = expit(interval(logit(chance), error / (chance * (1 - chance)), df, level=level))
    rows = [("probability of superiority", chance, error, low, high)]
    rows += [("rank-biserial correlation", 2 * chance - 1, 2 * error, 2 * low - 1, 2 * high - 1)]
    scores = _effect_rows(("difference in mean rank score",), *difference, df, level)
    return pd.concat([scores, pd.DataFrame(rows, columns=_EFFECTS)], ignore_index=True)


def _rank_pairs(compared: _Compared, level: float, **options: str) -> pd.DataFrame:
    """Every pair of groups by itself, ranked anew."""
    rows = []
    code, index = compared.code, compared.design.index
    values = pd.Series(compared.y, index, name=compared.variable)
    groups = pd.Series(pd.Categorical.from_codes(code, compared.names), index, name=compared.by)
    for first, second in combinations(range(len(compared.names)), 2):
        found = rank_test(
            values, by=groups, design=compared.design, where=np.isin(code, (first, second)), level=level, **options
        )
        row = {"first": compared.names[first], "second": compared.names[second], "probability": found.effect}
        row |= {"conf_low": found.conf_low, "conf_high": found.conf_high, "t": found.statistic, "df": found.df}
        rows.append(row | {"p_value": found.p_value})
    table = pd.DataFrame(rows)
    return table.assign(p_holm=holm(table["p_value"].to_numpy()))


class _Crossed(NamedTuple):
    """A cross table, checked: ``flags`` (n, r x c), 1 in the column of a row's cell, row answers outermost."""

    flags: np.ndarray
    shape: tuple[int, int]
    labels: pd.DataFrame
    inside: np.ndarray
    design: Design
    variable: str
    by: str
    n_dropped: int
    df: float


def _crossed(
    values: Columns, by: Columns, table: pd.DataFrame | None, design: Design | None,
    where: np.ndarray | pd.Series | None,
) -> _Crossed:  # fmt: skip
    """Both answers of every row, or what keeps them from being crossed."""
    design = design_for(table, design, values, by, where)
    sides = [_one_column(side, table, "chi_square") for side in (values, by)]
    count = len(sides[0])
    domain = domain_rows(where, count, place="chi_square")
    coded = [group_codes(side.to_frame(), None, count) for side in sides]
    inside = domain & (coded[0][0] >= 0) & (coded[1][0] >= 0)
    codes, answers, faults = [], [], []
    for (code, labels), side in zip(coded, sides, strict=True):
        present = np.unique(code[inside])
        names = [str(label) for label in labels.iloc[:, 0]]
        faults += _group_faults(code, inside, present, names, design, "chi_square", str(side.name), None)
        codes.append(np.searchsorted(present, code))
        answers.append(labels.iloc[present, 0].reset_index(drop=True))
    fail_if(faults, DesignError)
    shape = (len(answers[0]), len(answers[1]))
    cell = np.where(inside, codes[0] * shape[1] + codes[1], -1)
    labels = pd.DataFrame({"row": answers[0].repeat(shape[1]).to_numpy(), "column": [*answers[1]] * shape[0]})
    df = _enough(degrees_of_freedom(design, inside), "chi_square")
    flags = (cell[:, None] == np.arange(shape[0] * shape[1])).astype(float)
    names = [str(side.name) for side in sides]
    return _Crossed(flags, shape, labels, inside, design, *names, int(domain.sum() - inside.sum()), df)


def _expected(totals: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the cells, and what they were without a link."""
    share = totals.reshape(shape) / np.sum(totals)
    return share, np.sum(share, axis=1)[:, None] * np.sum(share, axis=0)


def _residuals(totals: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Standardised residuals, whose squares sum to phi squared."""
    share, expected = _expected(totals, shape)
    return ((share - expected) / np.sqrt(expected)).ravel()


def _shares(crossed: _Crossed) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the cells and their covariance."""
    return infer(smooth(crossed.flags, lambda totals: totals / np.sum(totals)), crossed.design)


def _rao_scott(crossed: _Crossed) -> tuple[float, np.ndarray]:
    """Pearson's chi-square of n rows, and the generalised design effects (a matrix with them for eigenvalues)."""
    share, covariance = _shares(crossed)
    n, (r, c) = int(crossed.inside.sum()), crossed.shape
    _, expected = _expected(share, crossed.shape)
    statistic = n * np.sum((share - expected.ravel()) ** 2 / expected.ravel())
    sides = np.kron(np.eye(r), np.ones((c, 1))), np.kron(np.ones((r, 1)), np.eye(c))
    additive, _ = np.linalg.qr(np.hstack([sides[0], sides[1][:, 1:]]))
    full = np.kron(np.eye(r)[:, 1:], np.eye(c)[:, 1:])
    contrast = full - additive @ (additive.T @ full)
    inverse = np.divide(1.0, share, out=np.zeros_like(share), where=share > 0)
    scaled = inverse[:, None] * contrast
    simple = contrast.T @ scaled / n
    size = np.sqrt(np.diag(simple))
    if np.linalg.eigvalsh(simple / np.outer(size, size))[0] < 1e-10:
        found = "cells without anybody that leave the statistic undefined"
        raise DesignError(
            Fault("chi_square", found, "as many cells as can vary", column=crossed.by, hint="merge answers")
        )
    effects = np.linalg.solve(simple, scaled.T @ covariance @ scaled)
    return float(statistic), effects * (np.trace(effects) > _ROUNDING)


def _second_order(crossed: _Crossed) -> tuple[float, float, float]:
    """Rao-Scott F."""
    statistic, effects = _rao_scott(crossed)
    if not effects.any():
        return np.inf, np.nan, np.nan
    df = np.trace(effects) ** 2 / np.trace(effects @ effects)
    return statistic / np.trace(effects), df, df * crossed.df


def _first_order(crossed: _Crossed) -> tuple[float, float, float]:
    """Chi-square over the mean design effect."""
    statistic, effects = _rao_scott(crossed)
    mean_effect = np.trace(effects) / len(effects)
    return statistic / mean_effect if mean_effect else np.inf, float(len(effects)), np.nan


def _wald(crossed: _Crossed) -> tuple[float, float, float]:
    """Wald F of observed less expected counts."""
    shape, count = crossed.shape, (crossed.shape[0] - 1) * (crossed.shape[1] - 1)
    scale = np.sum(crossed.design.weight[crossed.inside])

    def function(totals: np.ndarray) -> np.ndarray:
        share, expected = _expected(totals, shape)
        return ((share - expected)[1:, 1:] * np.sum(totals) / scale).ravel()

    point, covariance = infer(smooth(crossed.flags, function), crossed.design)
    sure = np.diag(covariance) * crossed.inside.sum() < _ROUNDING
    statistic, rank, _ = (0.0, 0, 0.0) if sure.any() else wald_test(point, covariance, crossed.df)
    if rank < count:
        found, hint = "a Wald statistic that cells without anybody, or few clusters, leave undefined", "statistic F"
        raise DesignError(Fault("chi_square", found, "as many cells as can vary", column=crossed.by, hint=hint))
    return statistic, float(count), crossed.df


def _adjusted_wald(crossed: _Crossed) -> tuple[float, float, float]:
    """Wald F for few clusters."""
    statistic, count, df = _wald(crossed)
    return statistic * (df - count + 1) / df, count, _enough(df - count + 1, "chi_square")


STATISTICS = {
    "F": ("chi-square test (Rao-Scott F)", "F", _second_order),
    "chisq": ("chi-square test (Rao-Scott)", "chi2", _first_order),
    "wald": ("chi-square test (Wald)", "F", _wald),
    "adjusted wald": ("chi-square test (adjusted Wald)", "F", _adjusted_wald),
}


def _cell_table(crossed: _Crossed) -> pd.DataFrame:
    """What every cell holds."""
    shape = crossed.shape

    def function(totals: np.ndarray) -> np.ndarray:
        share, expected = _expected(totals, shape)
        return np.concatenate([share.ravel(), expected.ravel(), (share - expected).ravel()])

    point, covariance = infer(smooth(crossed.flags, function), crossed.design)
    share, expected, difference = np.split(point, 3)
    error = np.sqrt(np.diag(covariance))[2 * len(share) :]
    residual = np.divide(difference, error, out=np.full_like(error, np.nan), where=error > 1e-12)
    labels = crossed.labels.rename(columns={"row": crossed.variable, "column": crossed.by})
    n = crossed.flags.sum(axis=0).astype(int)
    return labels.assign(n=n, share=share, expected=expected, residual=residual)
