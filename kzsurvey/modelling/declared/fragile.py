"""How fragile what a survey declares is: its models without each county, its specification curves, its controls.

A model that cannot answer one of these questions is left out of that answer, so that the others are not lost to it.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from kzsurvey.errors import SurveyError
from kzsurvey.modelling.declared.models import complete_cases, domain, fit
from kzsurvey.modelling.regression.results import Fit
from kzsurvey.modelling.robustness.leaving_out import leave_one_out
from kzsurvey.modelling.robustness.selection import oster
from kzsurvey.modelling.robustness.specifications import SpecificationCurve, specification_curve
from kzsurvey.modelling.sampling.design import Design
from kzsurvey.survey.record import Model, Survey

_INSIDE = "rows_that_stay"


def without_each(analysis: pd.DataFrame, model: Model, by: str, *, design: Design) -> pd.DataFrame:
    """A declared model fitted again without each group in turn, its tested term.

    Parameters
    ----------
    analysis : DataFrame, one row per interview
    model : Model with a ``term``
    by : str, the column whose groups are left out
    design : Design

    Returns
    -------
    DataFrame, as :func:`kzsurvey.modelling.leave_one_out` gives it; of an imputed model, over complete interviews

    Examples
    --------
    >>> from kzsurvey.modelling import make_design
    >>> analysis = pd.DataFrame({"y": [1.0, 2.0, 4.0, 4.0, 6.0, 9.0], "x": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]})
    >>> analysis["county"] = ["a", "a", "b", "b", "c", "c"]
    >>> model = Model(name="line", kind="linear", formula="y ~ x", term="x")
    >>> without_each(analysis, model, "county", design=make_design(analysis))["estimate"].round(2).tolist()
    [1.49, 1.7, 1.53, 1.1]
    """
    narrower = replace(complete_cases(model), where=f"({model.where or 'true()'}) and ${{{_INSIDE}}} = 1")

    def refit(stays: np.ndarray) -> Fit:
        return fit(analysis.assign(**{_INSIDE: stays.astype(int)}), narrower, design=design)

    return leave_one_out(refit, analysis[by], term=model.term)


def declared_curves(
    analysis: pd.DataFrame, survey: Survey, *, design: Design, draws: int = 999, seed: int = 1
) -> dict[str, SpecificationCurve]:
    """The specification curves that ``[[specifications]]`` of survey.toml declares, by name.

    Parameters
    ----------
    analysis : DataFrame, one row per interview
    survey : Survey
    design : Design
    draws, seed : of the joint tests

    Returns
    -------
    dict of name to SpecificationCurve

    Raises
    ------
    DesignError
        A declaration of which no specification has an answer.

    Examples
    --------
    >>> import kzsurvey as kz
    >>> declared_curves(pd.DataFrame(), kz.read_survey("tests/surveys/data/raw/market"), design=None)
    {}
    """
    return {
        entry["name"]: specification_curve(
            analysis,
            outcomes=entry["outcomes"],
            terms=entry["terms"],
            controls=entry.get("controls", ()),
            always=entry.get("always", ()),
            samples=_samples(analysis, entry.get("samples", {}) or {"": ""}),
            weights=entry.get("weights", ("weighted",)),
            design=design,
            family=survey.models[entry["model"]].kind,
            where=domain(analysis, survey.models[entry["model"]]),
            draws=draws,
            seed=seed,
        )
        for entry in survey.settings.get("specifications", ())
    }


def selection_on_controls(analysis: pd.DataFrame, survey: Survey, *, design: Design) -> pd.DataFrame:
    """Oster's delta of every linear model with a hypothesis and controls.

    Parameters
    ----------
    analysis : DataFrame, one row per interview
    survey : Survey
    design : Design

    Returns
    -------
    DataFrame, one row per model: ``hypothesis`` and ``model``, then as :func:`kzsurvey.modelling.oster`

    Examples
    --------
    >>> import kzsurvey as kz
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> analysis = kz.analyse(interviews, kz.code(interviews, survey), survey)
    >>> len(selection_on_controls(analysis, survey, design=kz.sample_design(analysis, survey))) <= len(survey.models)
    True
    """
    found = []
    for model in survey.models.values():
        if model.kind != "linear" or not model.hypothesis or ":" in model.term:
            continue
        try:
            row = oster(analysis, model.formula, term=model.term, design=design, where=domain(analysis, model))
        except SurveyError:
            continue
        found.append(row.assign(hypothesis=model.hypothesis, model=model.name))
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame({"hypothesis": []})


def _samples(analysis: pd.DataFrame, declared: dict[str, str]) -> dict[str, np.ndarray | None]:
    """Rows of each sample."""
    return {
        name: domain(analysis, Model(name=name, kind="", formula="", where=where)) for name, where in declared.items()
    }
