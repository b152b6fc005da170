"""How the scales of a survey measure: reliability by several coefficients, and what factors their items have in common.

What cannot be computed is named with its reason, so that one item costs its own row and not the report.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from kzsurvey.errors import SurveyError
from kzsurvey.modelling.sampling.design import Design
from kzsurvey.modelling.scales.coefficients import coefficients
from kzsurvey.modelling.scales.factors import (
    FactorAnalysis,
    ParallelAnalysis,
    factor_analysis,
    parallel_analysis,
    sampling_adequacy,
    single_factor,
)
from kzsurvey.modelling.scales.measures import keyed
from kzsurvey.survey.record import Survey

_TWO = ("alpha", "ordinal_alpha")
_MORE = ("alpha", "omega", "ordinal_alpha", "ordinal_omega")


@dataclass(frozen=True, eq=False)
class CommonFactors:
    """What the items of all scales of a survey have in common.

    Attributes
    ----------
    adequacy, by_item : DataFrame, from :func:`kzsurvey.modelling.sampling_adequacy`; empty where there is none
    parallel : ParallelAnalysis or None
    analysis : FactorAnalysis or None, with as many factors as parallel analysis keeps
    single : DataFrame, from :func:`kzsurvey.modelling.single_factor`
    scale_of : dict of item to its scale
    reasons : tuple of str, what could not be computed and why
    """

    adequacy: pd.DataFrame
    by_item: pd.DataFrame
    parallel: ParallelAnalysis | None
    analysis: FactorAnalysis | None
    single: pd.DataFrame
    scale_of: dict[str, str]
    reasons: tuple[str, ...] = field(default=())


def scale_coefficients(
    analysis: pd.DataFrame, survey: Survey, *, design: Design
) -> tuple[pd.DataFrame, dict[str, str]]:
    """Alpha and omega of every scale of two items or more, plain and for ordinal answers.

    Parameters
    ----------
    analysis : DataFrame, one row per interview
    survey : Survey
    design : Design

    Returns
    -------
    table : DataFrame, one row per scale and coefficient: ``measure`` and the columns of ``coefficients``
    reasons : dict of a scale to why it has none

    Examples
    --------
    >>> import kzsurvey as kz
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> analysis = kz.analyse(interviews, kz.code(interviews, survey), survey)
    >>> table, reasons = scale_coefficients(analysis, survey, design=kz.sample_design(analysis, survey))
    >>> table["coefficient"].tolist()[:1]
    ['alpha']
    """
    found, reasons = [], {}
    for name, row in survey.measures.iterrows():
        items = [item for item in row["items"] if item in analysis]
        if len(items) < 2:
            continue
        try:
            rows = coefficients(
                items,
                analysis,
                design=design,
                kinds=_TWO if len(items) == 2 else _MORE,
                reverse=[item for item in row["reversed"] if item in items],
                low=row["low"],
                high=row["high"],
                where=analysis[items].notna().any(axis=1).to_numpy(),
            )
            found.append(rows.assign(measure=name))
        except SurveyError as error:
            reasons[str(name)] = error.faults[0].found
    return (pd.concat(found, ignore_index=True) if found else pd.DataFrame({"measure": []})), reasons


def common_factors(
    analysis: pd.DataFrame, survey: Survey, *, design: Design, draws: int = 200, seed: int = 1
) -> CommonFactors | None:
    """Adequacy, number of factors, loadings and the single factor of the items of all scales together.

    Parameters
    ----------
    analysis : DataFrame, one row per interview
    survey : Survey
    design : Design
    draws, seed : of parallel analysis

    Returns
    -------
    CommonFactors; None where there are fewer than three items in scales

    Examples
    --------
    >>> import kzsurvey as kz
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> analysis = kz.analyse(interviews, kz.code(interviews, survey), survey)
    >>> found = common_factors(analysis, survey, design=kz.sample_design(analysis, survey), draws=20)
    >>> found is None or sorted(found.scale_of) == sorted(found.by_item["item"])
    True
    """
    items, scale_of = _all_items(analysis, survey)
    if items.shape[1] < 3:
        return None
    where, reasons = items.notna().all(axis=1).to_numpy(), []

    def tried(function: object, **options: object) -> object:
        try:
            return function(items, design=design, where=where, **options)
        except SurveyError as error:
            reasons.append(error.faults[0].found)
            return None

    adequacy = tried(sampling_adequacy)
    parallel = tried(parallel_analysis, draws=draws, seed=seed)
    kept = parallel.factors if parallel else 0
    factors = tried(factor_analysis, factors=kept) if kept else None
    single = tried(single_factor)
    nothing = pd.DataFrame()
    summary, by_item = adequacy if adequacy else (nothing, pd.DataFrame({"item": []}))
    return CommonFactors(
        summary,
        by_item,
        parallel,
        factors,
        nothing if single is None else single,
        scale_of,
        tuple(dict.fromkeys(reasons)),
    )


def _all_items(analysis: pd.DataFrame, survey: Survey) -> tuple[pd.DataFrame, dict[str, str]]:
    """The items of all scales of two or more, each once, reversed ones turned round; and the scale of each."""
    columns, scale_of = {}, {}
    for name, row in survey.measures.iterrows():
        items = [item for item in row["items"] if item in analysis and item not in columns]
        if len(row["items"]) < 2 or not items or not np.isfinite(row["low"]):
            continue
        turned = keyed(analysis[items], [item for item in row["reversed"] if item in items], row["low"], row["high"])
        columns |= {item: turned[item] for item in items}
        scale_of |= dict.fromkeys(items, str(name))
    return pd.DataFrame(columns, index=analysis.index), scale_of
