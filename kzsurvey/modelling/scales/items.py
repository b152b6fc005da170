"""What every questionnaire paper prints first: its items, one by one, and its sample against the frame."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy.special import fdtrc

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.describing.comparisons import t_test
from kzsurvey.modelling.describing.correlations import correlations
from kzsurvey.modelling.describing.estimates import Columns, chosen_columns, design_for, smooth
from kzsurvey.modelling.describing.numbers import numbers_of
from kzsurvey.modelling.describing.quantiles import weighted_quantile
from kzsurvey.modelling.sampling.design import Design, degrees_of_freedom, domain_rows
from kzsurvey.modelling.sampling.variance import infer
from kzsurvey.modelling.scales.reliability import reliability
from kzsurvey.survey.record import Survey


@dataclass(frozen=True, eq=False)
class ItemAnalysis:
    """How the items of a scale were answered, and how well each tells people apart.

    Attributes
    ----------
    items : DataFrame, one row per item
        ``item``, ``n``, ``missing`` (rows of the domain without an answer), ``missing_share``, ``mean``, ``sd``,
        ``floor`` and ``ceiling`` (weighted share with the lowest and highest answer), ``item_rest`` (correlation with
        the mean of the other items) with ``item_rest_low``, ``item_rest_high`` and ``item_rest_p``,
        ``alpha_if_dropped``, ``mean_lower`` and ``mean_upper`` (of the groups with low and high scores),
        ``discrimination`` (their difference), ``critical_ratio`` (its t, 决断值), ``critical_ratio_df``,
        ``critical_ratio_p``.
    answers : DataFrame, one row per item and answer
        ``item``, ``answer``, ``n``, ``share`` (weighted).
    scale : DataFrame, one row
        As :attr:`kzsurvey.modelling.Reliability.scale`, with ``n_lower``, ``n_upper``, ``cut_lower``, ``cut_upper``.
    """

    items: pd.DataFrame
    answers: pd.DataFrame = field(repr=False)
    scale: pd.DataFrame = field(repr=False)

    def _repr_html_(self) -> str:
        """All three tables, in a notebook."""
        return "".join(table.to_html(index=False) for table in (self.scale, self.items, self.answers))


def item_analysis(
    items: Columns,
    table: pd.DataFrame | None = None,
    *,
    design: Design | None = None,
    reverse: Sequence[str] = (),
    low: float | None = None,
    high: float | None = None,
    where: np.ndarray | pd.Series | None = None,
    extreme: float = 0.27,
    level: float = 0.95,
) -> ItemAnalysis:
    r"""Analyse the items of a scale.

    Parameters
    ----------
    items : column names of ``table``, or a DataFrame
    table : DataFrame, one row per interview
    design : Design
        Where None, read from the columns ``weight``, ``stratum`` and ``cluster`` of ``table``.
    reverse : names of the items that mean the opposite
        They become ``low + high - item``, also in their mean and distribution.
    low, high : float
        Range of an item, which says what floor and ceiling are; the answers that occur where None.
    where : (n,) bool array, the domain
    extreme : float
        Weighted share of people in the lower, and in the upper group by the mean of all items; who scores the same as
        the last of a group belongs to it.
    level : float, of the intervals

    Returns
    -------
    ItemAnalysis

    Raises
    ------
    DesignError
        Fewer than two items; items in words, with answers outside the range, or that do not vary; groups that cannot be
        compared (in a single cluster, or nobody between them).

    Notes
    -----
    The critical ratio is the design-based t of :func:`t_test` between the upper and the lower group. Groups and
    everything about the scale are of those who answered all items; the mean, the distribution and what is missing are
    of all.

    References
    ----------
    Kelley, T. L. (1939). The selection of upper and lower groups for the validation of test items. Journal of
    Educational Psychology 30, 17-24. doi:10.1037/h0057123

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> trait = rng.normal(3, 1, 200)
    >>> answers = pd.DataFrame({name: (trait + rng.normal(0, 0.8, 200)).round().clip(1, 5) for name in "abc"})
    >>> found = item_analysis(["a", "b", "c"], answers, low=1, high=5)
    >>> found.items[["item", "n", "mean", "item_rest", "critical_ratio"]].round(2).to_dict("records")[0]
    {'item': 'a', 'n': 200, 'mean': 2.84, 'item_rest': 0.58, 'critical_ratio': 14.45}
    """
    columns = chosen_columns(items, table)
    design = design_for(table if table is not None else columns, design, items, where)
    inside = domain_rows(where, len(columns))
    scale = reliability(columns, design=design, reverse=reverse, low=low, high=high, where=inside, level=level)
    if not 0 < extreme < 0.5:
        raise DesignError(Fault("item_analysis", f"extreme groups of {extreme:g}", "a share above 0 and below 0.5"))
    numbers = pd.DataFrame({name: numbers_of(columns[name]) for name in columns})
    numbers[list(reverse)] = (low or 0) + (high or 0) - numbers[list(reverse)]
    total = numbers.mean(axis=1).where(numbers.notna().all(axis=1).to_numpy() & inside)
    group, about = _extreme_groups(total, design, extreme)
    ends = [numbers[inside].min() if low is None else low, numbers[inside].max() if high is None else high]
    rows = [
        _answered(numbers[name], inside, design, *(end if np.isscalar(end) else end[name] for end in ends))
        | _item_rest(numbers, name, total, design, level)
        | {"alpha_if_dropped": dropped}
        | _discrimination(numbers[name], group, design)
        for name, dropped in zip(numbers, scale.items["alpha_if_dropped"], strict=True)
    ]
    answers = pd.concat([_distribution(numbers[name], inside, design) for name in numbers], ignore_index=True)
    return ItemAnalysis(pd.DataFrame(rows), answers, scale.scale.assign(**about))


def sample_table(
    analysis: pd.DataFrame,
    survey: Survey | pd.DataFrame | None = None,
    *,
    variables: Sequence[str] | None = None,
    design: Design | None = None,
    where: np.ndarray | pd.Series | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    r"""Who is in the sample, beside who is in the frame.

    Parameters
    ----------
    analysis : DataFrame, one row per interview
    survey : Survey, or its frame: DataFrame with ``variable``, ``value``, ``count``
    variables : names of columns of ``analysis``
        All variables of the frame where None; others have no frame share, and no test.
    design : Design
        Where None, read from the columns ``weight``, ``stratum`` and ``cluster`` of ``analysis``.
    where : (n,) bool array, the domain

    Returns
    -------
    shares : DataFrame, one row per variable and value
        ``variable``, ``value``, ``n``, ``share`` (of interviews, in the sample as it is), ``weighted_share``,
        ``frame_count``, ``frame_share``, ``difference`` (share less frame share). Interviews without a value have a
        row with a missing ``value`` and no shares.
    tests : DataFrame, one row per variable of the frame
        ``variable``, ``chi_square`` (Pearson's, of ``n`` interviews), ``design_effect`` (mean generalised one), ``F``,
        ``df``, ``df_below``, ``p_value``, ``effect`` (Cohen's w), ``n``, ``note``.

    Raises
    ------
    DesignError
        Unknown variables; no frame and no variables; values that the frame does not have; nobody with a value.

    Notes
    -----
    The test asks whether the sample, before weighting, could come from the frame: every interview counts the same, and
    strata and clusters are those of the design. It is Pearson's chi-square with the second-order correction of Rao and
    Scott. Weights raked to the frame would agree with it by construction. Where the design fixes the shares (strata) or
    leaves too few clusters, the test is missing and ``note`` says so.

    References
    ----------
    Rao, J. N. K., & Scott, A. J. (1981). The analysis of categorical data from complex sample surveys. Journal of the
    American Statistical Association 76, 221-230. doi:10.1080/01621459.1981.10477633

    Examples
    --------
    >>> frame = pd.DataFrame({"variable": ["sex", "sex"], "value": ["f", "m"], "count": [500, 500]})
    >>> shares, tests = sample_table(pd.DataFrame({"sex": list("fffmffmfff")}), frame)
    >>> shares[["value", "n", "share", "frame_share"]].to_dict("records")
    [{'value': 'f', 'n': 8, 'share': 0.8, 'frame_share': 0.5}, {'value': 'm', 'n': 2, 'share': 0.2, 'frame_share': 0.5}]
    >>> tests[["variable", "F", "p_value"]].round(3).to_dict("records")
    [{'variable': 'sex', 'F': 5.062, 'p_value': 0.051}]
    """
    frame = survey.frame if isinstance(survey, Survey) else survey
    known = [] if frame is None else list(dict.fromkeys(frame["variable"]))
    wanted = known if variables is None else list(variables)
    if not wanted:
        raise DesignError(Fault("sample_table", "no variables", "variables of the analysis, or a frame"))
    unknown = [name for name in wanted if name not in analysis]
    fail_if(
        [Fault("sample_table", f"unknown column {name!r}", "a column of the table") for name in unknown], DesignError
    )
    design = design_for(analysis, design, where)
    inside = domain_rows(where, len(analysis))
    counts = {name: frame[frame["variable"] == name].set_index("value")["count"] for name in known}
    texts = {name: analysis[name].astype("object").map(_text, na_action="ignore").where(inside) for name in wanted}
    fail_if([fault for name in wanted for fault in _sample_faults(texts[name], counts.get(name), name)], DesignError)
    shares = [_sample_rows(name, texts[name], analysis[name], counts.get(name), inside, design) for name in wanted]
    tests = [_fit_test(name, texts[name], counts[name], design) for name in wanted if name in counts]
    columns = ["variable", "chi_square", "design_effect", "F", "df", "df_below", "p_value", "effect", "n", "note"]
    return pd.concat(shares, ignore_index=True), pd.DataFrame(tests, columns=columns)


def _extreme_groups(total: pd.Series, design: Design, extreme: float) -> tuple[pd.Series, dict[str, float]]:
    """Who scores low and high, and where the cuts are."""
    values, known = total.to_numpy(), total.notna().to_numpy()
    cuts = weighted_quantile(values[known], design.weight[known], np.array([extreme, 1 - extreme]), definition="math")
    if cuts[0] >= cuts[1]:
        found, hint = f"the same score ({cuts[0]:g}) at the cuts of both extreme groups", "a smaller share (extreme)"
        raise DesignError(Fault("item_analysis", found, "scores that tell people apart", hint=hint))
    names = np.select([values <= cuts[0], values >= cuts[1]], ["lower", "upper"], default="")
    group = pd.Series(names, total.index, dtype="str", name="score group").where(names != "")
    size = {f"n_{name}": int((names == name).sum()) for name in ("lower", "upper")}
    return group, size | {"cut_lower": cuts[0], "cut_upper": cuts[1]}


def _answered(item: pd.Series, inside: np.ndarray, design: Design, low: float, high: float) -> dict[str, object]:
    """How one item was answered."""
    known = inside & item.notna().to_numpy()
    values, weight = item.to_numpy()[known], design.weight[known]
    centre, missing = np.average(values, weights=weight), int(inside.sum() - known.sum())
    spread = np.average((values - centre) ** 2, weights=weight) * len(values) / (len(values) - 1)
    row = {"item": item.name, "n": len(values), "missing": missing, "missing_share": missing / inside.sum()}
    row |= {"mean": centre, "sd": np.sqrt(spread)}
    return row | {name: np.average(values == end, weights=weight) for name, end in (("floor", low), ("ceiling", high))}


def _item_rest(numbers: pd.DataFrame, name: str, total: pd.Series, design: Design, level: float) -> dict[str, float]:
    """Correlation of an item with the mean of the others."""
    rest = numbers.drop(columns=name).mean(axis=1)
    pair = pd.DataFrame({str(name): numbers[name], "the other items": rest})
    row = correlations(pair, design=design, where=total.notna().to_numpy(), level=level).table.iloc[0]
    ends = {"item_rest_low": row["conf_low"], "item_rest_high": row["conf_high"]}
    return {"item_rest": row["estimate"]} | ends | {"item_rest_p": row["p_value"]}


def _discrimination(item: pd.Series, group: pd.Series, design: Design) -> dict[str, float]:
    """Mean of an item in the upper group against the lower."""
    found = t_test(item, by=group, design=design)
    means, effect = found.groups["mean"], found.effects.iloc[0]
    row = {"mean_lower": means[0], "mean_upper": means[1], "discrimination": effect["estimate"]}
    row |= {"critical_ratio": found.statistic, "critical_ratio_df": found.df}
    return row | {"critical_ratio_p": found.p_value}


def _distribution(item: pd.Series, inside: np.ndarray, design: Design) -> pd.DataFrame:
    """Every answer to an item and its share."""
    known = inside & item.notna().to_numpy()
    values, weight = item.to_numpy()[known], design.weight[known]
    answers, code = np.unique(values, return_inverse=True)
    share = np.bincount(code, weights=weight) / weight.sum()
    return pd.DataFrame({"item": item.name, "answer": answers, "n": np.bincount(code), "share": share})


def _text(value: object) -> str:
    """A value as the frame writes it."""
    return f"{value:g}" if isinstance(value, (float, np.floating)) else str(value)


def _sample_faults(text: pd.Series, counts: pd.Series | None, name: str) -> list[Fault]:
    """Variables that cannot stand beside the frame."""
    if not text.notna().any():
        return [Fault("sample_table", "nobody with a value", "somebody", column=name)]
    if counts is None:
        return []
    extra = sorted(set(text.dropna()) - set(counts.index.astype(str)))
    allowed = ", ".join(counts.index.astype(str))
    return [
        Fault("sample_table", f"value {value!r} that the frame does not have", allowed, column=name) for value in extra
    ]


def _sample_rows(
    name: str, text: pd.Series, column: pd.Series, counts: pd.Series | None, inside: np.ndarray, design: Design
) -> pd.DataFrame:
    """Shares of one variable."""
    if counts is not None:
        values = [str(value) for value in counts.index]
    elif isinstance(column.dtype, pd.CategoricalDtype):
        values = [_text(value) for value in column.cat.categories]
    else:
        values = [_text(value) for value in sorted(column[inside].dropna().unique())]
    known = text.notna().to_numpy()
    flags = text.to_numpy()[:, None] == np.array(values, dtype=object)
    n = (flags & known[:, None]).sum(axis=0)
    weighted = design.weight @ (flags & known[:, None]) / design.weight[known].sum()
    table = pd.DataFrame({"variable": name, "value": values, "n": n, "share": n / known.sum()})
    count = np.full(len(values), np.nan) if counts is None else counts.to_numpy(dtype=float)
    table = table.assign(weighted_share=weighted, frame_count=count, frame_share=count / count.sum())
    table["difference"] = table["share"] - table["frame_share"]
    missing = int((inside & ~known).sum())
    return pd.concat([table, pd.DataFrame({"variable": [name], "n": [missing]})]) if missing else table


def _unweighted(design: Design) -> Design:
    """The same sample with every row counting the same."""
    replicates = design.replicates
    if replicates is not None:
        replicates = replace(replicates, weight=replicates.weight / design.weight[:, None])
    return replace(design, weight=np.ones(len(design)), calibrations=(), replicates=replicates)


def _fit_test(name: str, text: pd.Series, counts: pd.Series, design: Design) -> dict[str, object]:
    """Rao-Scott test of the sample's shares against the frame's."""
    expected = counts.to_numpy(dtype=float) / counts.sum()
    flags = (text.to_numpy()[:, None] == counts.index.astype(str).to_numpy()[expected > 0]).astype(float)
    expected, inside = expected[expected > 0], flags.any(axis=1)
    share, covariance = infer(smooth(flags, lambda totals: totals / np.sum(totals)), _unweighted(design))
    n, df = int(inside.sum()), degrees_of_freedom(design, inside)
    distance = float(np.sum((share - expected) ** 2 / expected))
    row = {"variable": name, "chi_square": n * distance, "effect": np.sqrt(distance), "n": n, "note": ""}
    effects = n * covariance / np.sqrt(np.outer(expected, expected))
    if not df > 0 or not np.trace(effects) > 1e-9 or not np.isfinite(effects).all():
        note = "the design fixes these shares" if df > 0 else "too few clusters"
        return row | dict.fromkeys(("design_effect", "F", "df", "df_below", "p_value"), np.nan) | {"note": note}
    first = np.trace(effects)
    above = first**2 / np.sum(effects**2)
    row |= {
        "design_effect": first / (len(expected) - 1),
        "F": n * distance / first,
        "df": above,
        "df_below": above * df,
    }
    return row | {"p_value": float(fdtrc(above, above * df, row["F"]))}
