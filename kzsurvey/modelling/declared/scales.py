"""How the scales of a survey measure: reliability by several coefficients, and what factors their items have in common.

What cannot be computed is named with its reason, so that one item costs its own row and not the report.
"""

from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import pandas as pd

from kzsurvey.errors import SurveyError
from kzsurvey.modelling.paths.comparing import Invariance, invariance
from kzsurvey.modelling.paths.composites import composite_reliability
from kzsurvey.modelling.paths.further import standardised
from kzsurvey.modelling.paths.paths import fit_paths
from kzsurvey.modelling.paths.results import PathFit
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
            reasons[str(name)] = _reason(error)
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
            reasons.append(_reason(error))
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


@dataclass(frozen=True, eq=False)
class Measurement:
    """The scales of a survey as one measurement model: every item measures its own scale and nothing else.

    Attributes
    ----------
    fit : PathFit or None
    loadings : DataFrame, one row per item: ``measure``, ``item``, standardised ``estimate`` with its interval
    composites : DataFrame, from :func:`kzsurvey.modelling.composite_reliability`
    correlations : DataFrame, one row per pair of scales: ``first``, ``second``, ``estimate`` with its interval
    groups : str, the column whose groups were compared; empty where none could be
    invariance : Invariance or None
    reasons : tuple of str, what could not be computed and why
    """

    fit: PathFit | None
    loadings: pd.DataFrame
    composites: pd.DataFrame
    correlations: pd.DataFrame
    groups: str
    invariance: Invariance | None
    reasons: tuple[str, ...]


def measurement(analysis: pd.DataFrame, survey: Survey, *, design: Design, groups: str = "") -> Measurement | None:
    """Confirmatory factor analysis of all scales of three items or more, as ordinal answers under the design.

    Parameters
    ----------
    analysis : DataFrame, one row per interview
    survey : Survey
    design : Design
    groups : str, a column in whose groups the loadings, intercepts and residuals are compared (as numbers, by ML)

    Returns
    -------
    Measurement; None where no scale has three items

    Examples
    --------
    >>> import kzsurvey as kz
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> analysis = kz.analyse(interviews, kz.code(interviews, survey), survey)
    >>> found = measurement(analysis, survey, design=kz.sample_design(analysis, survey))
    >>> found is None or found.fit is None or len(found.loadings) > 2
    True
    """
    items, scale_of = _all_items(analysis, survey)
    own = {name: [item for item in scale_of if scale_of[item] == name] for name in dict.fromkeys(scale_of.values())}
    own = {name: members for name, members in own.items() if len(members) > 2}
    if not own:
        return None
    latent = {f"scale_{number}": name for number, name in enumerate(own, start=1)}
    syntax = "\n".join(f"{short} =~ {' + '.join(own[name])}" for short, name in latent.items())
    where, reasons = items[[item for members in own.values() for item in members]].notna().any(axis=1), []
    table, nothing = items.assign(**({groups: analysis[groups]} if groups else {})), pd.DataFrame()

    def tried(function: object, *given: object, **options: object) -> object:
        try:
            return function(*given, **options)
        except SurveyError as error:
            reasons.append(_reason(error))
            return None

    fit = tried(fit_paths, table, syntax, design=design, ordered=True, where=where.to_numpy(), name="scales")
    ladder = tried(invariance, table, syntax, design=design, groups=groups, where=where.to_numpy()) if groups else None
    composites = tried(composite_reliability, fit) if fit else None
    loadings, correlations = _told(fit, latent, own) if fit else (nothing, nothing)
    composites = nothing if composites is None else composites.assign(measure=composites["latent"].map(latent))
    return Measurement(fit, loadings, composites, correlations, groups, ladder, tuple(reasons))


def _told(fit: PathFit, latent: dict[str, str], own: dict[str, list[str]]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Standardised loadings, and the correlations of the scales."""
    terms = standardised(fit).set_index("term")
    numbers = ["estimate", "conf_low", "conf_high", "df", "n"]
    loadings = [
        {"measure": name, "item": item, **terms.loc[f"{short} =~ {item}", numbers]}
        for short, name in latent.items()
        for item in own[name]
    ]
    pairs = [
        {"first": latent[one], "second": latent[other], **terms.loc[f"{one} ~~ {other}", numbers]}
        for one, other in combinations(latent, 2)
    ]
    return pd.DataFrame(loadings), pd.DataFrame(pairs)


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


def _reason(error: SurveyError) -> str:
    """What was found, and of which item."""
    fault = error.faults[0]
    return f"{fault.column}: {fault.found}" if fault.column else fault.found
