"""Imputation as a survey declares it: one for all imputed models, of what they name and what that is made from."""

import re

import pandas as pd

from kzsurvey.modelling.declared.analysis import sample_design
from kzsurvey.modelling.missing.imputation import Imputed, Scale, impute
from kzsurvey.modelling.missing.variables import IMPUTED_REASONS, asked_rows
from kzsurvey.modelling.regression.formulas import formula_variables
from kzsurvey.modelling.sampling.design import Design
from kzsurvey.survey import compile_expression
from kzsurvey.survey.record import Model, Survey

_DESIGN = ("weight", "stratum", "cluster")


def impute_analysis(analysis: pd.DataFrame, survey: Survey, *, design: Design | None = None) -> Imputed | None:
    """Impute what the imputed models of a survey need; None where no model is imputed.

    Parameters
    ----------
    analysis : DataFrame, one row per interview, from :func:`kzsurvey.modelling.analyse`
    survey : Survey
    design : Design
        Where None, :func:`kzsurvey.modelling.sample_design`.

    Returns
    -------
    Imputed or None

    Raises
    ------
    DesignError
        As :func:`~kzsurvey.modelling.missing.imputation.impute`.

    Notes
    -----
    Imputed are the closed questions that the models name, those that their measures are made from, and those under
    ``also``; measures are made anew from imputed items. A calculation is imputed as the number it is. Codes of open
    answers predict and are never imputed: an open answer that is not there was not given, and nobody knows what it
    would have named.

    Examples
    --------
    >>> import kzsurvey as kz
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> impute_analysis(pd.DataFrame(), survey) is None
    True
    """
    models = [model for model in survey.models.values() if model.imputed]
    if not models:
        return None
    settings = survey.settings.get("imputation") or {}
    names = dict.fromkeys([*(name for model in models for name in variables_named(model)), *settings.get("also", ())])
    measures = [name for name in names if name in survey.measures.index]
    scales = {name: _scale(survey.measures.loc[name]) for name in measures}
    items = dict.fromkeys([*(name for name in names if name not in (*scales, *_DESIGN)),
                           *(item for scale in scales.values() for item in scale.items)])  # fmt: skip
    reasons = tuple(settings.get("reasons") or IMPUTED_REASONS)
    return impute(
        analysis,
        list(items),
        design=sample_design(analysis, survey) if design is None else design,
        sets=int(settings.get("sets", 20)),
        cycles=int(settings.get("cycles", 10)),
        seed=int(settings.get("seed", 1)),
        scales=scales,
        asked={name: _asked(analysis, name, survey, reasons) for name in items},
    )


def variables_named(model: Model) -> list[str]:
    """Variables of a declared model: of its formulas, its domain and its offset.

    Examples
    --------
    >>> variables_named(Model(name="H2", kind="linear", formula="load ~ center(pay) + C(level)", where="${role} = 'a'"))
    ['level', 'load', 'pay', 'role']
    """
    written = model.options.get("mediators", ())
    mediators = written.values() if hasattr(written, "values") else [written] if isinstance(written, str) else written
    found = [name for formula in (model.formula, *mediators) for name in formula_variables(formula, name=model.name)]
    found += [str(model.options[key]) for key in ("offset", "groups") if model.options.get(key)]
    if model.where:
        names = re.findall(r"\$\{(\w+)\}", model.where)
        found += sorted(compile_expression(model.where, names=names, file=f"model {model.name}").names)
    return list(dict.fromkeys(found))


def _scale(measure: pd.Series) -> Scale:
    """A measure as a scale of the imputation."""
    low, high = (None if pd.isna(measure[end]) else float(measure[end]) for end in ("low", "high"))
    return Scale(tuple(measure["items"]), tuple(measure["reversed"]), low, high, measure["rule"])


def _asked(analysis: pd.DataFrame, name: str, survey: Survey, reasons: tuple[str, ...]) -> object:
    """Who was asked: by the reasons of the question, for one of its options too; codes only where there is one."""
    question = name if f"{name}__missing" in analysis else name.partition("__")[0]
    if question not in survey.questions.index or f"{question}__missing" not in analysis:
        return analysis[name].notna().to_numpy()
    if question == name:
        return asked_rows(analysis, name, reasons=reasons)
    reason = analysis[f"{question}__missing"].astype("object")
    return (reason.isna() | reason.isin(list(reasons))).to_numpy()
