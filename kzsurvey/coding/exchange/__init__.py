"""Coded projects of other programs (NVivo, MAXQDA, ATLAS.ti, QualCoder ...), read and written as REFI-QDA files."""

from kzsurvey.coding.exchange.checking import project_faults
from kzsurvey.coding.exchange.codebooks import Coded, codebook_of
from kzsurvey.coding.exchange.drafts import Draft, draft_survey, not_taken_csv
from kzsurvey.coding.exchange.incoming import Incoming, survey_codings
from kzsurvey.coding.exchange.outgoing import open_answers, survey_project
from kzsurvey.coding.exchange.reading import read_qdc, read_qdpx
from kzsurvey.coding.exchange.records import STANDARD, Positions, Project, project_of
from kzsurvey.coding.exchange.writing import write_qdc, write_qdpx

__all__ = [
    "STANDARD",
    "Coded",
    "Draft",
    "Incoming",
    "Positions",
    "Project",
    "codebook_of",
    "draft_survey",
    "not_taken_csv",
    "open_answers",
    "project_faults",
    "project_of",
    "read_qdc",
    "read_qdpx",
    "survey_codings",
    "survey_project",
    "write_qdc",
    "write_qdpx",
]
