"""Imputation as a survey declares it: one for all imputed models, of what they name and what that is made from."""

import re
from collections.abc import Iterable
from functools import partial

import pandas as pd

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.declared.analysis import sample_design
from kzsurvey.modelling.missing.imputation import Derived, Imputed, Scale, impute
from kzsurvey.modelling.missing.variables import IMPUTED_REASONS, asked_rows
from kzsurvey.modelling.regression.formulas import formula_variables
from kzsurvey.modelling.sampling.design import Design
from kzsurvey.survey import compile_expression
from kzsurvey.survey.expressions import Expression
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
        As :func:`~kzsurvey.modelling.missing.imputation.impute`; chains that have not settled.

    Notes
    -----
    Imputed are the closed questions that the models name, those that their measures are made from, and those under
    ``also``; measures are made anew from imputed items. A calculation is made anew where all it is made from is among
    these, and else imputed as the number it is. Codes of open answers predict and are never imputed: an open answer
    that is not there was not given, and nobody knows what it would have named.

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
    derived = _calculations(survey, names)
    measures = [name for name in names if name in survey.measures.index]
    scales = {name: _scale(survey.measures.loc[name]) for name in measures}
    items = dict.fromkeys([*(name for name in names if name not in (*scales, *derived, *_DESIGN)),
                           *(item for scale in scales.values() for item in scale.items)])  # fmt: skip
    reasons = tuple(settings.get("reasons") or IMPUTED_REASONS)
    imputed = impute(
        analysis,
        list(items),
        design=sample_design(analysis, survey) if design is None else design,
        sets=int(settings.get("sets", 20)),
        cycles=int(settings.get("cycles", 10)),
        seed=int(settings.get("seed", 1)),
        scales=scales,
        derived=derived,
        asked={name: _asked(analysis, name, survey, reasons) for name in items},
    )
    fail_if(_unsettled(imputed), DesignError)
    return imputed


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


def _calculations(survey: Survey, names: Iterable[str]) -> Derived:
    """Calculations whose questions are all among the names: the column is made anew where it was without a value."""
    questions, found = survey.questions, {}
    for name in names:
        if name not in questions.index or not questions.at[name, "calculation"]:
            continue
        options = {"names": list(questions.index), "file": "form", "column": name}
        made = compile_expression(questions.at[name, "calculation"], **options)
        asked = questions.at[name, "relevant"]
        condition = compile_expression(asked, **options) if asked else None
        if (made.names | (condition.names if condition else set())) <= set(names) and not made.uses_today:
            found[name] = partial(_calculated, name=name, made=made, condition=condition)
    return found


def _calculated(table: pd.DataFrame, *, name: str, made: Expression, condition: Expression | None) -> pd.Series:
    """A calculation over a table without gaps."""
    values = made.evaluate(table).mask(table[sorted(made.names)].isna().any(axis=1))
    if condition is not None:
        values = values.where(condition.mask(table))
    own = table[name]
    return own.where(own.notna(), pd.to_numeric(values, errors="coerce").astype(own.dtype))


def _unsettled(imputed: Imputed) -> list[Fault]:
    """Chains that have not settled: terms have no place to say so."""
    if imputed.converged:
        return []
    apart = imputed.convergence.loc[~imputed.convergence["settled"].fillna(True), "item"]
    found = f"chains that have not settled after {imputed.cycles} cycles ({', '.join(dict.fromkeys(apart))})"
    hint = f"cycles = {3 * imputed.cycles}; or leave out items that follow from others"
    return [Fault("imputation", found, "chains that have settled", column="imputation", hint=hint)]


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
