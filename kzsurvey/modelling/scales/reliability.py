"""How far the items of a scale agree, with a design-based interval, and what each item adds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.describing.estimates import design_for
from kzsurvey.modelling.sampling.design import Design, degrees_of_freedom, domain_rows
from kzsurvey.modelling.sampling.intervals import checked_level
from kzsurvey.modelling.sampling.variance import Linearised, infer
from kzsurvey.modelling.scales.measures import keyed
from kzsurvey.survey.record import Survey


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


def reliability(
    items: Sequence[str] | pd.DataFrame,
    table: pd.DataFrame | None = None,
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
    items : column names of ``table``, or a DataFrame
    table : DataFrame, one row per interview
    design : Design
        Where None, read from the columns ``weight``, ``stratum`` and ``cluster`` of ``table``.
    reverse, low, high : as in :func:`~kzsurvey.modelling.scales.measures.score`
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
    answers = items if isinstance(items, pd.DataFrame) else table[list(items)]
    design = design_for(answers if table is None else table, design, items, where)
    numbers = keyed(answers, reverse, low, high)
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
    reach = stdtrit(df, (1 + checked_level(level)) / 2) * std_error / (1 - alpha)
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
