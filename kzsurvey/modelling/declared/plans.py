"""Plans of the next wave that a survey declares: power in samples shaped like its own."""

import pandas as pd

from kzsurvey.modelling.declared.claims import model_variables
from kzsurvey.modelling.declared.models import complete_cases, domain, fit
from kzsurvey.modelling.planning.power import power, sample_shape
from kzsurvey.modelling.sampling.design import Design
from kzsurvey.survey.record import Survey

_OWN = ("name", "kind", "model", "title")


def declared_plans(analysis: pd.DataFrame, survey: Survey, *, design: Design) -> dict[str, pd.DataFrame]:
    """The power of the plans that ``[[plans]]`` of survey.toml declares, by name.

    Whatever a plan does not say of its sample is as in this wave, among the interviews and variables of its model.

    Parameters
    ----------
    analysis : DataFrame, one row per interview
    survey : Survey
    design : Design

    Returns
    -------
    dict of name to DataFrame, as :func:`kzsurvey.modelling.power` gives it

    Raises
    ------
    DesignError
        A kind, an effect or a sample that cannot be.

    Examples
    --------
    >>> import kzsurvey as kz
    >>> declared_plans(pd.DataFrame(), kz.read_survey("tests/surveys/data/raw/market"), design=None)
    {}
    """
    return {entry["name"]: _planned(analysis, survey, entry, design) for entry in survey.settings.get("plans", ())}


def _planned(analysis: pd.DataFrame, survey: Survey, entry: dict, design: Design) -> pd.DataFrame:
    """One plan."""
    model = survey.models[entry["model"]]
    variables = model_variables([fit(analysis, complete_cases(model), design=design)])
    numbers = [name for name in variables if pd.api.types.is_numeric_dtype(analysis[name])]
    shape = sample_shape(numbers, analysis, design=design, where=domain(analysis, model))
    said = {name: value for name, value in entry.items() if name not in _OWN}
    return power(entry["kind"], **(shape | said))
