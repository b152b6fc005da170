"""The library gives what R gives, on every case of the shared reference values that is in scope."""

import importlib.util
from pathlib import Path

import pytest

SHARED = Path(__file__).parents[2].parent / "shared"
RUNNER = Path(__file__).parents[2] / "benchmarks" / "references.py"


@pytest.fixture(scope="module")
def compared():
    if not (SHARED / "refs" / "survey.json").exists():
        pytest.skip(f"no reference values in {SHARED.name}/refs")
    spec = importlib.util.spec_from_file_location("references", RUNNER)
    runner = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(runner)
    return runner.rows(SHARED / "refs")


@pytest.mark.shared
def test_every_number_in_scope_is_within_its_tolerance(compared):
    rows, _ = compared
    assert len({row.case for row in rows}) >= 168
    assert [row for row in rows if not row.difference <= row.tolerance] == []


@pytest.mark.shared
def test_cases_out_of_scope_are_listed_with_a_reason(compared):
    _, left = compared
    assert all(left.values())
    assert "found blocks (group:, level:)" in left["TL.twolevel"]
    compared = {
        "clus1.mean",
        "clus1.olr",
        "jobs.qb",
        "wine.clmm",
        "cbpp.glmer_agq",
        "HS.cfa_wlsmv",
        "design_sem.cfa_jk1",
    }
    assert not compared & set(left)
