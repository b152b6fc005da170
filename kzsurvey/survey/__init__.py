"""What was asked: the folder of a definition, read into one frozen Survey; its expressions, compiled."""

from kzsurvey.survey.draft import new_survey
from kzsurvey.survey.expressions import Expression, compile_expression
from kzsurvey.survey.read import definition_faults, read_survey
from kzsurvey.survey.record import Delivered, Model, Scheme, Survey
from kzsurvey.survey.steps import codebooks

__all__ = [
    "Delivered",
    "Expression",
    "Model",
    "Scheme",
    "Survey",
    "codebooks",
    "compile_expression",
    "definition_faults",
    "new_survey",
    "read_survey",
]
