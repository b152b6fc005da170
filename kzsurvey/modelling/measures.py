"""Scales: scores from several items, and how far the items agree; every score says when it is missing, and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.design import Design, degrees_of_freedom, domain_rows
from kzsurvey.modelling.estimates import design_for
from kzsurvey.modelling.variance import Linearised, infer
from kzsurvey.survey.record import Survey

RULES = ("mean", "sum")


@dataclass(frozen=True, eq=False)
class Reliability:
    """How far the items of a scale agree.

    Attributes
    ----------
    scale : DataFrame, one row
        ``items``, ``alpha``, ``std_error``, ``df``, ``conf_low``, ``conf_high``, ``alpha_unweighted``, ``n``,
        ``n_dropped`` (rows of the domain that miss an item).
    items : DataFrame, one row per item
        ``mean``, ``sd``, ``item_rest`` (correlation with the sum of the other items), ``alpha_if_dropped``.
    """

    scale: pd.DataFrame
    items: pd.DataFrame

    def _repr_html_(self) -> str:
        """Both tables, in a notebook."""
        return self.scale.to_html() + self.items.to_html()


class _Moments(NamedTuple):
    """Weighted moments of the items."""

    mean: np.ndarray
    covariance: np.ndarray


def score(
    items: pd.DataFrame,
    *,
    reverse: Sequence[str] = (),
    low: float | None = None,
    high: float | None = None,
    rule: str = "mean",
    smallest: int | None = None,
) -> pd.Series:
    """Scale scores from items.

    Parameters
    ----------
    items : DataFrame, one row per interview, one column per item
        Numbers, or categories whose names are numbers; other ordered categories count from 1.
    reverse : names of the items that mean the opposite
        They become ``low + high - item``.
    low, high : float
        Range of an item; needed where one is reversed.
    rule : {"mean", "sum"}
        ``sum`` of the answered items is brought up to the number of all items.
    smallest : int
        Fewest answered items that still make a score; all of them where None.

    Returns
    -------
    Series of Float64, one score per row, missing where fewer items were answered

    Raises
    ------
    DesignError
        Items in words without an order; a reversed item that is none of the items; no range to reverse by; answers
        outside the range.

    Examples
    --------
    >>> items = pd.DataFrame({"a": [5, 4, None], "b": [1, None, None]})
    >>> score(items, reverse=["b"], low=1, high=5, smallest=1).tolist()
    [5.0, 4.0, <NA>]
    """
    numbers = _keyed(items, reverse, low, high)
    if rule not in RULES:
        raise DesignError(Fault("measures.csv", f"rule {rule!r}", ", ".join(RULES)))
    answered = numbers.notna().sum(axis=1)
    value = numbers.mean(axis=1) * (1 if rule == "mean" else numbers.shape[1])
    enough = numbers.shape[1] if smallest is None else max(int(smallest), 1)
    return value.where(answered >= enough).astype("Float64")


def measures(interviews: pd.DataFrame, survey: Survey) -> pd.DataFrame:
    """Score of every measure a survey defines.

    Parameters
    ----------
    interviews : DataFrame, one row per interview
    survey : Survey

    Returns
    -------
    DataFrame, one Float64 column per measure

    Examples
    --------
    >>> import kzsurvey as kz
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> list(measures(interviews, survey)) == list(survey.measures.index)
    True
    """
    _check_items(interviews, survey)
    columns, faults = {}, []
    for name, measure in survey.measures.iterrows():
        try:
            columns[name] = _scored(interviews, measure)
        except DesignError as error:
            faults += [
                Fault(fault.file, fault.found, fault.allowed, column=f"{name}: {fault.column}")
                for fault in error.faults
            ]
    fail_if(faults, DesignError)
    return pd.DataFrame(columns, index=interviews.index)


def reliability(
    items: Sequence[str] | pd.DataFrame,
    frame: pd.DataFrame | None = None,
    *,
    design: Design | None = None,
    reverse: Sequence[str] = (),
    low: float | None = None,
    high: float | None = None,
    where: np.ndarray | pd.Series | None = None,
    level: float = 0.95,
) -> Reliability:
    r"""Cronbach's alpha of a scale with a design-based interval, and what each item adds.

    Parameters
    ----------
    items : column names of ``frame``, or a DataFrame
    frame : DataFrame, one row per interview
    design : Design
        Where None, read from the columns ``weight``, ``stratum`` and ``cluster`` of ``frame``.
    reverse, low, high : as in :func:`score`
    where : (n,) bool array, the domain
    level : float, of the interval

    Returns
    -------
    Reliability

    Raises
    ------
    DesignError
        Fewer than two items; nobody who answered all; an item that does not vary.

    Notes
    -----
    :math:`\alpha = \frac{k}{k - 1} (1 - \sum_j v_j / v_T)` with weighted variances of the items and of their sum,
    from rows with all items. Its error comes from the scores :math:`\sum_j ((x_j - \bar x_j)^2 - v_j)` and
    :math:`(T - \bar T)^2 - v_T` through the variance core, so it knows strata and clusters and asks for no normal
    items, unlike the interval of Feldt. The interval is symmetric on :math:`\log(1 - \alpha)`.

    References
    ----------
    Maydeu-Olivares, A., Coffman, D. L., & Hartmann, W. M. (2007). Asymptotically distribution-free interval estimation
    of coefficient alpha. Psychological Methods 12, 157-176. doi:10.1037/1082-989X.12.2.157

    Examples
    --------
    >>> answers = pd.DataFrame({"a": [1, 2, 3, 4, 5], "b": [2, 2, 3, 5, 5], "c": [1, 3, 2, 4, 4]})
    >>> reliability(["a", "b", "c"], answers).scale[["items", "alpha", "n"]].round(3).to_dict("records")
    [{'items': 3, 'alpha': 0.949, 'n': 5}]
    """
    table = items if isinstance(items, pd.DataFrame) else frame[list(items)]
    design = design_for(table if frame is None else frame, design, items, where)
    numbers = _keyed(table, reverse, low, high)
    inside = domain_rows(where, len(numbers))
    rows = inside & numbers.notna().all(axis=1).to_numpy()
    values = numbers.to_numpy()[rows]
    fail_if(_item_faults(numbers, values), DesignError)
    point, covariance = infer(_alpha_estimator(values, rows, len(design)), design)
    df = degrees_of_freedom(design, rows)
    alpha, std_error = float(point[0]), float(np.sqrt(covariance[0, 0]))
    conf_low, conf_high = _alpha_interval(alpha, std_error, df, level)
    row = {"items": values.shape[1], "alpha": alpha, "std_error": std_error, "df": df, "conf_low": conf_low}
    row |= {"conf_high": conf_high, "alpha_unweighted": _alpha(_moments(values, np.ones(len(values))).covariance)}
    row |= {"n": int(rows.sum()), "n_dropped": int(inside.sum() - rows.sum())}
    return Reliability(pd.DataFrame([row]), _item_table(numbers.columns, _moments(values, design.weight[rows])))


def reliabilities(
    analysis: pd.DataFrame, survey: Survey, *, design: Design | None = None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Reliability of every measure of two items or more: a row per measure, and a row per item.

    About those who answered at least one item; ``n_dropped`` counts those of them who did not answer all.

    Parameters
    ----------
    analysis : DataFrame, one row per interview
    survey : Survey
    design : Design

    Examples
    --------
    >>> import kzsurvey as kz
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> scales, items = reliabilities(kz.analyse(interviews, kz.code(interviews, survey), survey), survey)
    >>> list(scales)[:3]
    ['measure', 'items', 'alpha']
    """
    several = {name: row for name, row in survey.measures.iterrows() if len(row["items"]) > 1}
    found = {
        name: reliability(
            list(row["items"]),
            analysis,
            design=design,
            reverse=row["reversed"],
            low=row["low"],
            high=row["high"],
            where=analysis[list(row["items"])].notna().any(axis=1).to_numpy(),
        )
        for name, row in several.items()
    }
    scales = [one.scale.assign(measure=name) for name, one in found.items()]
    items = [one.items.assign(measure=name) for name, one in found.items()]
    return tuple(_stacked(parts) for parts in (scales, items))


def _stacked(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Tables one under the other, the measure first."""
    if not parts:
        return pd.DataFrame({"measure": pd.Series(dtype="str")})
    table = pd.concat(parts, ignore_index=True)
    return table[["measure", *table.columns.drop("measure")]]


def numbers_of(column: pd.Series) -> pd.Series:
    """An item as floats: numbers as they are, categories by the number that names them or else by their order.

    Raises
    ------
    DesignError
        Words without an order.

    Examples
    --------
    >>> numbers_of(pd.Series(["2", "1", None], dtype="category")).tolist()
    [2.0, 1.0, nan]
    """
    if pd.api.types.is_numeric_dtype(column.dtype):
        return column.astype("Float64").astype(float)
    values = pd.Index(column.dropna().unique())
    categories = column.dtype.categories if isinstance(column.dtype, pd.CategoricalDtype) else values
    named = pd.to_numeric(pd.Series(list(categories), dtype="object"), errors="coerce")
    if named.notna().all():
        return column.astype("object").map(dict(zip(categories, named, strict=True))).astype(float)
    if getattr(column.dtype, "ordered", False):
        return column.cat.codes.astype(float).where(column.notna()) + 1
    allowed = "numbers, or options with numbers for names or with an order (level ordinal)"
    raise DesignError(Fault("measures.csv", "an item in words", allowed, column=str(column.name)))


def _check_items(interviews: pd.DataFrame, survey: Survey) -> None:
    """Every item is a question that was asked."""
    fail_if(
        [
            Fault("measures.csv", f"unknown item {item!r}", "questions of the form", column=str(name))
            for name, measure in survey.measures.iterrows()
            for item in measure["items"]
            if item not in interviews
        ],
        DesignError,
    )


def _scored(interviews: pd.DataFrame, measure: pd.Series) -> pd.Series:
    """One measure."""
    return score(
        interviews[list(measure["items"])],
        reverse=measure["reversed"],
        low=measure["low"],
        high=measure["high"],
        rule=measure["rule"],
        smallest=measure["smallest"],
    )


def _keyed(items: pd.DataFrame, reverse: Sequence[str], low: float | None, high: float | None) -> pd.DataFrame:
    """Items as numbers, all meaning the same direction."""
    unknown = [name for name in reverse if name not in items]
    fail_if(
        [Fault("measures.csv", f"reversed item {name!r}", ", ".join(items), column=name) for name in unknown],
        DesignError,
    )
    if len(reverse) and (pd.isna(low) or pd.isna(high)):
        raise DesignError(Fault("measures.csv", "a reversed item without low and high", "the range of an item"))
    numbers = pd.DataFrame({name: numbers_of(items[name]) for name in items})
    fail_if(_range_faults(numbers, low, high), DesignError)
    for name in reverse:
        numbers[name] = low + high - numbers[name]
    return numbers


def _range_faults(numbers: pd.DataFrame, low: float | None, high: float | None) -> list[Fault]:
    """Items with answers outside the range of the scale: a coded "don't know" would be scored as an opinion."""
    lowest = -np.inf if pd.isna(low) else low
    highest = np.inf if pd.isna(high) else high
    outside = numbers.lt(lowest) | numbers.gt(highest)
    return [
        Fault(
            "measures.csv",
            f"item {name} with answers outside the range: {', '.join(f'{value:g}' for value in sorted(set(wrong)))}",
            f"{lowest:g} to {highest:g}",
            column=name,
            hint='name a coded "don\'t know" under [missing] in survey.toml',
        )
        for name in numbers
        if len(wrong := numbers.loc[outside[name].fillna(False), name].astype(float))
    ]


def _item_faults(numbers: pd.DataFrame, values: np.ndarray) -> list[Fault]:
    """Scales that have no reliability."""
    if numbers.shape[1] < 2:
        return [Fault("reliability", f"{numbers.shape[1]} item", "at least two items")]
    if len(values) < 2:
        return [Fault("reliability", f"{len(values)} interviews with all items", "at least two")]
    constant = (values == values[0]).all(axis=0)
    if not constant.any() and np.ptp(values.sum(axis=1)) == 0:
        return [Fault("reliability", "items whose sum is the same for all", "a sum that varies", hint="reverse items?")]
    return [
        Fault("reliability", f"item {name} with one answer for all {len(values)}", "an item that varies")
        for name, flat in zip(numbers, constant, strict=True)
        if flat
    ]


def _moments(values: np.ndarray, weight: np.ndarray) -> _Moments:
    """Weighted means and covariances (divided by the sum of weights)."""
    mean = np.average(values, axis=0, weights=weight)
    centred = values - mean
    return _Moments(mean, (centred * weight[:, None]).T @ centred / weight.sum())


def _alpha(covariance: np.ndarray) -> float:
    """Cronbach's alpha from a covariance matrix; missing for a sum that does not vary."""
    count, total = len(covariance), covariance.sum()
    return float(count / (count - 1) * (1 - np.trace(covariance) / total)) if total > 0 else float("nan")


def _alpha_estimator(values: np.ndarray, rows: np.ndarray, count: int):
    """Alpha and its scores: those of the summed item variances and of the variance of the sum."""

    def estimator(weight: np.ndarray) -> Linearised:
        mean, covariance = _moments(values, weight[rows])
        centred = values - mean
        parts, whole = np.trace(covariance), covariance.sum()
        scores = np.zeros((count, 2))
        scores[rows, 0] = (centred**2).sum(axis=1) - parts
        scores[rows, 1] = centred.sum(axis=1) ** 2 - whole
        factor = len(covariance) / (len(covariance) - 1) / weight[rows].sum()
        return Linearised(np.array([_alpha(covariance)]), scores, factor * np.array([[-1 / whole, parts / whole**2]]))

    return estimator


def _alpha_interval(alpha: float, std_error: float, df: float, level: float) -> tuple[float, float]:
    """Interval that is symmetric on log(1 - alpha); missing without degrees of freedom."""
    if not df > 0 or not alpha < 1:
        return float("nan"), float("nan")
    reach = stdtrit(df, (1 + level) / 2) * std_error / (1 - alpha)
    return float(1 - (1 - alpha) * np.exp(reach)), float(1 - (1 - alpha) * np.exp(-reach))


def _item_table(names: pd.Index, moments: _Moments) -> pd.DataFrame:
    """What each item adds."""
    covariance, count = moments.covariance, len(names)
    rest = covariance.sum() - 2 * covariance.sum(axis=0) + np.diag(covariance)
    with np.errstate(divide="ignore", invalid="ignore"):
        item_rest = (covariance.sum(axis=0) - np.diag(covariance)) / np.sqrt(np.diag(covariance) * rest)
    keep = [np.delete(np.arange(count), number) for number in range(count)]
    dropped = [_alpha(covariance[np.ix_(some, some)]) if count > 2 else np.nan for some in keep]
    table = pd.DataFrame({"item": list(names), "mean": moments.mean, "sd": np.sqrt(np.diag(covariance))})
    return table.assign(item_rest=item_rest, alpha_if_dropped=dropped)
