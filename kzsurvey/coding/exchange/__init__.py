"""Coded projects of other programs (NVivo, MAXQDA, ATLAS.ti, QualCoder ...), read and written as REFI-QDA files."""

from kzsurvey.coding.exchange.checking import project_faults
from kzsurvey.coding.exchange.reading import read_qdc, read_qdpx
from kzsurvey.coding.exchange.records import Positions, Project, project_of
from kzsurvey.coding.exchange.writing import write_qdc, write_qdpx

__all__ = ["Positions", "Project", "project_faults", "project_of", "read_qdc", "read_qdpx", "write_qdc", "write_qdpx"]
