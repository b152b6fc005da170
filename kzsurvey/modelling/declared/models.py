"""Declared models: each kind of model is one function, and a family of hypotheses is judged as a family.

A new kind (ordinal, mediation, ...) is a function ``(analysis, model, design) -> Fit`` and one line in ``ESTIMATORS``.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from kzsurvey.errors import DesignError, Fault, SurveyError, fail_if
from kzsurvey.modelling.declared.analysis import in_definition, sample_design
from kzsurvey.modelling.declared.imputed import impute_analysis
from kzsurvey.modelling.describing.estimates import design_from_columns
from kzsurvey.modelling.effects.mediation import mediate
from kzsurvey.modelling.missing.imputation import Imputed
from kzsurvey.modelling.missing.pooling import with_imputations
from kzsurvey.modelling.regression.formulas import nearest, unknown_variables
from kzsurvey.modelling.regression.mixed import fit_mixed
from kzsurvey.modelling.regression.ordinal import fit_ordinal
from kzsurvey.modelling.regression.regression import fit_regression
from kzsurvey.modelling.regression.results import TERM_COLUMNS, Fit, benjamini_hochberg
from kzsurvey.modelling.sampling.design import Design
from kzsurvey.survey import compile_expression
from kzsurvey.survey.record import Model, Survey
from kzsurvey.tables import check_table

Estimate = Callable[[pd.DataFrame, Model, Design], Fit]


def fit(analysis: pd.DataFrame | Imputed, model: Model, *, design: Design | None = None) -> Fit:
    """Fit one declared model.

    Parameters
    ----------
    analysis : DataFrame, one row per interview, or Imputed
        Over imputed sets the terms are pooled; ``extra["imputation"]`` then tells what the gaps cost.
    model : Model, from ``survey.models`` or made by hand
    design : Design
        Where None, read from the columns ``weight``, ``stratum`` and ``cluster``; :func:`sample_design` knows more
        (further stages, finite populations, what the weights are calibrated to).

    Returns
    -------
    Fit

    Raises
    ------
    DesignError
        An unknown kind, variable, option or term; whatever the kind cannot do with this design and these data; a
        model declared as imputed over a table that is not.

    Examples
    --------
    >>> analysis = pd.DataFrame({"workload": [2.0, 3.0, 3.5, 5.0, 4.0], "inspections": [1, 2, 3, 4, 5]})
    >>> model = Model(name="load", kind="linear", formula="workload ~ inspections", hypothesis="H3", term="inspections")
    >>> fit(analysis, model).terms[["term", "estimate", "hypothesis"]].round(2).to_dict("records")
    [{'term': 'Intercept', 'estimate': 1.7, 'hypothesis': ''},
     {'term': 'inspections', 'estimate': 0.6, 'hypothesis': 'H3'}]
    >>> fit(analysis, Model(name="load", kind="cubic", formula="workload ~ inspections"))
    Traceback (most recent call last):
    kzsurvey.errors.DesignError: model load: found unknown kind 'cubic'; \
allowed: linear, logistic, mediation, mixed, ordinal, paths, poisson, probit
    """
    if model.kind not in ESTIMATORS:
        known, hint = ", ".join(sorted(ESTIMATORS)), nearest(model.kind, ESTIMATORS)
        raise DesignError(Fault(f"model {model.name}", f"unknown kind {model.kind!r}", known, hint=hint))
    if isinstance(analysis, Imputed):
        plain = complete_cases(model)
        return with_imputations(analysis, lambda table, own: fit(table, plain, design=own), design=design).fit
    if model.imputed:
        hint = "fit(impute_analysis(analysis, survey), model), or fit(analysis, complete_cases(model))"
        found = "imputed = true over a table with gaps"
        raise DesignError(Fault(f"model {model.name}", found, "imputed sets", hint=hint))
    found = ESTIMATORS[model.kind](analysis, model, design or design_from_columns(analysis))
    return _with_hypothesis(found, model)


def complete_cases(model: Model) -> Model:
    """A declared model as one of the interviews that have every variable, whether it is imputed or not.

    Examples
    --------
    >>> complete_cases(Model(name="a", kind="linear", formula="y ~ x", imputed=True)).imputed
    False
    """
    return replace(model, imputed=False)


def fit_models(analysis: pd.DataFrame, survey: Survey, *, design: Design | None = None) -> pd.DataFrame:
    """Fit every model a survey declares and judge its hypotheses as one family.

    Parameters
    ----------
    analysis : DataFrame, one row per interview, from :func:`kzsurvey.modelling.analyse`
    survey : Survey
    design : Design
        Where None, :func:`kzsurvey.modelling.sample_design`.

    Returns
    -------
    DataFrame, one row per term of every model
        ``p_adjusted`` (Benjamini-Hochberg) stands in the row of each hypothesis' term; the family is all of them.
        Models with ``imputed = true`` are fitted over imputed sets (one imputation for all of them) and pooled.

    Raises
    ------
    DesignError
        The faults of all models at once.

    Examples
    --------
    >>> import kzsurvey as kz
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> terms = fit_models(kz.analyse(interviews, kz.code(interviews, survey), survey), survey)
    >>> set(terms["model"]) == set(survey.models)
    True
    """
    fits, faults = [], []
    try:
        design = sample_design(analysis, survey) if design is None and survey.models else design
        imputed = impute_analysis(analysis, survey, design=design)
    except SurveyError as error:
        raise DesignError(in_definition(error.faults)) from error
    for model in survey.models.values():
        try:
            fits.append(fit(imputed if model.imputed and imputed else analysis, model, design=design))
        except SurveyError as error:
            faults += in_definition(error.faults)
    fail_if(faults, DesignError)
    terms = pd.concat([found.terms for found in fits], ignore_index=True) if fits else _no_terms()
    family = terms["hypothesis"].ne("").to_numpy()
    adjusted = np.full(len(terms), np.nan)
    adjusted[family] = benjamini_hochberg(terms.loc[family, "p_value"].to_numpy())
    return check_table(terms.assign(p_adjusted=adjusted), "terms")


def domain(analysis: pd.DataFrame, model: Model) -> np.ndarray | None:
    """Rows a model is about, from its ``where``; None for everybody.

    Examples
    --------
    >>> analysis = pd.DataFrame({"hours": [40.0, 60.0, None]})
    >>> domain(analysis, Model(name="a", kind="linear", formula="y ~ x", where="${hours} > 50")).tolist()
    [False, True, False]
    """
    if not model.where:
        return None
    expression = compile_expression(
        model.where, names=list(analysis.columns), file=f"model {model.name}", column="where"
    )
    return expression.mask(analysis).to_numpy(dtype=bool)


def _regression(analysis: pd.DataFrame, model: Model, design: Design, *, family: str) -> Fit:
    """A regression with its family."""
    options = _options(model, ("offset", "small_sample", "df"))
    offset = str(options.get("offset", ""))
    fail_if(unknown_variables([offset] if offset else [], analysis, name=model.name), DesignError)
    return fit_regression(
        analysis,
        model.formula,
        design=design,
        family=family,
        name=model.name,
        where=domain(analysis, model),
        offset=offset,
        small_sample=str(options.get("small_sample", "none")),
        df=str(options.get("df", "design")),
    )


def _ordinal(analysis: pd.DataFrame, model: Model, design: Design) -> Fit:
    """A cumulative link model."""
    options = _options(model, ("link", "nonproportional", "offset", "df"))
    return fit_ordinal(
        analysis, model.formula, design=design, name=model.name, where=domain(analysis, model), **options
    )


_MEDIATION = (
    "treatment", "mediators", "kinds", "low", "high", "at", "category", "interval", "draws", "seed",
    "small_sample", "df",
)  # fmt: skip


def _mediation(analysis: pd.DataFrame, model: Model, design: Design) -> Fit:
    """An effect split by mediators; the formula of the model is that of the outcome."""
    options = _options(model, _MEDIATION)
    missing = [option for option in ("treatment", "mediators") if option not in options]
    fail_if([Fault(f"model {model.name}", f"no {option}", f"{option} = ...") for option in missing], DesignError)
    where = domain(analysis, model)
    return mediate(analysis, outcome=model.formula, design=design, name=model.name, where=where, **options)


def _mixed(analysis: pd.DataFrame, model: Model, design: Design) -> Fit:
    """A model with effects that vary by group."""
    options = _options(model, ("groups", "slopes", "reml", "family", "nodes"))
    if "groups" not in options:
        raise DesignError(Fault(f"model {model.name}", "no groups", "groups = the column that tells them"))
    return fit_mixed(analysis, model.formula, design=design, name=model.name, where=domain(analysis, model), **options)


_PATHS = (
    "estimator", "ordered", "missing", "groups", "equal", "partial", "means", "scale", "information", "likelihood",
    "empty_cells",
)  # fmt: skip


def _paths(analysis: pd.DataFrame, model: Model, design: Design) -> Fit:
    """Paths between observed and latent variables; the formula of the model is their syntax."""
    from kzsurvey.modelling.paths.paths import fit_paths  # a survey without one does not pay for it

    options = _options(model, _PATHS)
    try:
        return fit_paths(
            analysis, model.formula, design=design, name=model.name, where=domain(analysis, model), **options
        )
    except SurveyError as error:
        raise DesignError(_placed(fault) for fault in error.faults) from error


def _placed(fault: Fault) -> Fault:
    """A fault whose line is one of the formula, not of a file."""
    if fault.row is None:
        return fault
    where = f"line {fault.row}, sign {fault.column} of the formula"
    return replace(fault, found=f"{fault.found} ({where})", row=None, column=None)


ESTIMATORS: dict[str, Estimate] = {
    "linear": partial(_regression, family="linear"),
    "logistic": partial(_regression, family="logistic"),
    "probit": partial(_regression, family="probit"),
    "poisson": partial(_regression, family="poisson"),
    "ordinal": _ordinal,
    "mixed": _mixed,
    "mediation": _mediation,
    "paths": _paths,
}


def _options(model: Model, allowed: tuple[str, ...]) -> dict[str, object]:
    """The options of a declaration, all of them known to its kind."""
    place = f"model {model.name}"
    unknown = [name for name in model.options if name not in allowed]
    fail_if([Fault(place, f"unknown option {name!r}", ", ".join(allowed)) for name in unknown], DesignError)
    return dict(model.options)


def _with_hypothesis(found: Fit, model: Model) -> Fit:
    """Mark the term the hypothesis is about."""
    if not (model.hypothesis or model.term):
        return found
    names = found.terms["term"]
    if model.term not in set(names):
        place, allowed = f"model {model.name}", ", ".join(names)
        raise DesignError(Fault(place, f"no term {model.term!r}", allowed, hint=nearest(model.term, names)))
    if model.hypothesis and found.terms.loc[names == model.term, "p_value"].isna().all():
        found_said = f"term {model.term} without an error: it rests on a single cluster"
        hint = "merge categories, or leave these interviews out by where"
        raise DesignError(Fault(f"model {model.name}", found_said, "two clusters or more with it", hint=hint))
    terms = found.terms.copy()
    terms.loc[names == model.term, "hypothesis"] = model.hypothesis
    return replace(found, terms=terms)


def _no_terms() -> pd.DataFrame:
    """A table of terms without rows, every column of its kind."""
    text = ("model", "term", "outcome", "kind", "hypothesis")
    kinds = {
        name: "str" if name in text else "int64" if name in ("n", "n_dropped") else "float64" for name in TERM_COLUMNS
    }
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in kinds.items()})
