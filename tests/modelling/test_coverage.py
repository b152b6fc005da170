"""Intervals hold the truth about as often as they say, on small simulated clustered samples."""

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "coverage_estimators.py"


@pytest.fixture(scope="module")
def simulation():
    spec = importlib.util.spec_from_file_location("coverage_estimators", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_intervals_hold_the_truth_in_200_samples(simulation):
    table = simulation.coverage(80, 5, 200, seed=3, show=lambda line: None)
    assert table["covered"].between(0.90, 0.995).all(), table
    assert 0.925 < table["covered"].mean() < 0.975
