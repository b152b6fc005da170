"""A definition folder to damage: a copy of the market survey, and what is then said about it."""

import shutil
from pathlib import Path

import pytest

from kzsurvey.survey import definition_faults

MARKET = Path(__file__).parents[1] / "surveys" / "data" / "raw" / "market"


@pytest.fixture
def market(tmp_path):
    """A copy of the market survey that a test may change."""
    return shutil.copytree(MARKET, tmp_path / "market")


@pytest.fixture
def faults_after(market):
    """The faults of the market survey after one text in one of its files was replaced by another."""

    def replace(file, old, new):
        path = market / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{old!r} does not stand in {file}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return [str(fault) for fault in definition_faults(market)]

    return replace
