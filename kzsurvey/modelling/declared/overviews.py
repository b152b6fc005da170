"""What a report shows before its models, for every scale and group that a survey declares.

Each table is made of what can be computed; what cannot is listed with its reason, so that one constant item or one
group in a single cluster costs its own row and not the report.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from kzsurvey.errors import SurveyError
from kzsurvey.modelling.describing.comparisons import one_way, t_test
from kzsurvey.modelling.describing.correlations import Correlations, correlations
from kzsurvey.modelling.regression.results import holm
from kzsurvey.modelling.sampling.design import Design
from kzsurvey.modelling.scales.items import item_analysis, sample_table
from kzsurvey.modelling.scales.reliability import reliability
from kzsurvey.survey.record import Survey


@dataclass(frozen=True, eq=False)
class Scales:
    """The scales of a survey.

    Attributes
    ----------
    scales : DataFrame, one row per scale: ``measure`` and the columns of :attr:`Reliability.scale`
    items : DataFrame, one row per item: ``measure`` and the columns of :attr:`ItemAnalysis.items`
    reasons : dict of a scale to why something of it could not be computed
    """

    scales: pd.DataFrame
    items: pd.DataFrame
    reasons: dict[str, str] = field(default_factory=dict)


def scale_tables(analysis: pd.DataFrame, survey: Survey, *, design: Design) -> Scales:
    """Reliability and item analysis of every scale of two items or more, among those who answered at least one item.

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
    >>> analysis = kz.analyse(interviews, kz.code(interviews, survey), survey)
    >>> found = scale_tables(analysis, survey, design=kz.sample_design(analysis, survey))
    >>> len(found.scales) + len(found.reasons) >= sum(len(row["items"]) > 1 for _, row in survey.measures.iterrows())
    True
    """
    scales, items, reasons = [], [], {}
    for name, row in survey.measures.iterrows():
        names = [item for item in row["items"] if item in analysis]
        if len(names) < 2:
            continue
        keyed = {"reverse": row["reversed"], "low": row["low"], "high": row["high"], "design": design}
        keyed["where"] = analysis[names].notna().any(axis=1).to_numpy()
        try:
            scales.append(reliability(names, analysis, **keyed).scale.assign(measure=name))
            items.append(item_analysis(names, analysis, **keyed).items.assign(measure=name))
        except SurveyError as error:
            reasons[str(name)] = str(error)
    return Scales(_stacked(scales), _stacked(items), reasons)


def group_tests(
    variables: Sequence[str],
    groups: Sequence[str],
    analysis: pd.DataFrame,
    *,
    design: Design,
    smallest: int = 5,
    level: float = 0.95,
) -> pd.DataFrame:
    """Tests of every variable between the groups of every grouping, with effect sizes.

    Parameters
    ----------
    variables : columns of numbers
    groups : columns in categories
    analysis : DataFrame, one row per interview
    design : Design
    smallest : int
        Groups with fewer interviews, or in a single cluster, are not compared.
    level : float, of the intervals

    Returns
    -------
    DataFrame, one row per variable and grouping
        ``variable``, ``by``, ``groups`` (compared), ``statistic`` (t of two groups, else F), ``df``, ``df_below``,
        ``p_value``, ``p_holm`` (over the tests of the call), ``effect_name``, ``effect``, ``conf_low``, ``conf_high``,
        ``n``, ``reason`` (why there is no number).

    Examples
    --------
    >>> from kzsurvey.modelling import make_design
    >>> table = pd.DataFrame({"load": [2.0, 3, 4, 4, 5, 6], "head": list("aaabbb")})
    >>> found = group_tests(["load"], ["head"], table, design=make_design(weight=np.ones(6)), smallest=2)
    >>> found[["variable", "by", "groups", "effect_name"]].to_dict("records")
    [{'variable': 'load', 'by': 'head', 'groups': 2, 'effect_name': "Hedges' g"}]
    """
    columns = [
        "variable", "by", "groups", "statistic", "df", "df_below", "p_value", "p_holm",
        "effect_name", "effect", "conf_low", "conf_high", "n", "reason",
    ]  # fmt: skip
    rows = [_tested(name, by, analysis, design, smallest, level) for by in groups for name in variables]
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(p_holm=holm(table["p_value"].to_numpy(dtype=float)))


def sample_overview(
    analysis: pd.DataFrame, survey: Survey, groups: Sequence[str], *, design: Design
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Who is in the sample, by the variables of the frame and by groups; a variable that cannot be shown is left out.

    Parameters
    ----------
    analysis : DataFrame, one row per interview
    survey : Survey
    groups : columns in categories, shown without a frame where the frame does not have them
    design : Design

    Returns
    -------
    shares, tests : DataFrames
        As :func:`sample_table`.

    Examples
    --------
    >>> import kzsurvey as kz
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> analysis = kz.analyse(interviews, kz.code(interviews, survey), survey)
    >>> shares, tests = sample_overview(analysis, survey, ["market"], design=kz.sample_design(analysis, survey))
    >>> set(shares["variable"]), tests["variable"].tolist()
    ({'market'}, ['market'])
    """
    parts = []
    for name in dict.fromkeys([*survey.frame["variable"], *groups]):
        try:
            parts.append(sample_table(analysis, survey.frame, variables=[name], design=design))
        except SurveyError:
            continue
    columns = ["variable", "value", "n", "share", "weighted_share", "frame_count", "frame_share"]
    if not parts:
        return pd.DataFrame(columns=columns), pd.DataFrame(columns=["variable"])
    shares, tests = (pd.concat(tables, ignore_index=True) for tables in zip(*parts, strict=True))
    return shares[columns], tests


def correlated(
    names: Sequence[str],
    analysis: pd.DataFrame,
    *,
    design: Design,
    reliability: pd.Series | None = None,
    smallest: int = 5,
) -> Correlations | None:
    """Correlations of those columns that are numbers with more than two values.

    Parameters
    ----------
    names : columns of ``analysis``; what is not there, no number or nearly constant is passed over
    analysis : DataFrame, one row per interview
    design : Design
    reliability : Series, by name of a variable
    smallest : int, interviews a variable must have at least

    Returns
    -------
    Correlations, or None
        None where fewer than two variables are left, or two of them never meet.

    Examples
    --------
    >>> from kzsurvey.modelling import make_design
    >>> table = pd.DataFrame({"pay": [1, 2, 3, 4, 5, 6], "load": [6, 5, 3, 4, 1, 2], "place": list("ababab")})
    >>> found = correlated(["pay", "load", "place"], table, design=make_design(weight=np.ones(6)))
    >>> found.variables["variable"].tolist()
    ['pay', 'load']
    """
    numbers = [name for name in dict.fromkeys(names) if name in analysis and _varies(analysis[name], smallest)]
    if len(numbers) < 2:
        return None
    known = {} if reliability is None else reliability.dropna().to_dict()
    known = {name: value for name, value in known.items() if name in numbers}
    try:
        return correlations(numbers, analysis, design=design, reliability=known)
    except SurveyError:
        return None


def _stacked(parts: list[pd.DataFrame]) -> pd.DataFrame:
    """Tables one under the other, the measure first."""
    if not parts:
        return pd.DataFrame({"measure": pd.Series(dtype="str")})
    table = pd.concat(parts, ignore_index=True)
    return table[["measure", *table.columns.drop("measure")]]


def _varies(column: pd.Series, smallest: int) -> bool:
    """A number of which something can be said."""
    numeric = pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_bool_dtype(column.dtype)
    return bool(numeric and column.notna().sum() >= smallest and column.nunique() > 2)


def _tested(
    name: str, by: str, analysis: pd.DataFrame, design: Design, smallest: int, level: float
) -> dict[str, object]:
    """One test, or why there is none."""
    known = (analysis[name].notna() & analysis[by].notna()).to_numpy()
    cluster = design.stages[0].cluster
    group = analysis[by].astype("object")
    here = pd.DataFrame({"group": group.to_numpy()[known], "cluster": np.asarray(cluster)[known]})
    sizes = here.groupby("group", observed=True)["cluster"].agg(["size", "nunique"])
    kept = sizes.index[(sizes["size"] >= smallest) & (sizes["nunique"] > 1)]
    row = {"variable": name, "by": by, "groups": len(kept), "n": int(here["group"].isin(kept).sum())}
    if len(kept) < 2:
        return row | {"reason": "fewer than two groups with enough interviews and clusters"}
    test = t_test if len(kept) == 2 else one_way
    try:
        inside = known & group.isin(kept).to_numpy()
        found = test(name, analysis, by=by, design=design, where=inside, level=level)
    except SurveyError as error:
        return row | {"reason": str(error)}
    told = ("statistic", "df", "df_below", "p_value", "effect_name", "effect", "conf_low", "conf_high", "n")
    return row | {one: getattr(found, one) for one in told} | {"reason": ""}
