"""run.py knows what to set up and what to start, with the standard library alone."""

import ast
import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def run():
    spec = importlib.util.spec_from_file_location("run", ROOT / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_imports_nothing_but_the_standard_library():
    tree = ast.parse((ROOT / "run.py").read_text(encoding="utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names


@pytest.mark.parametrize(
    ("arguments", "job"),
    [
        ([], ["-m", "kzsurvey", "run", "data/raw/kizilsu"]),
        (["test", "-x"], ["-m", "pytest", "-x"]),
        (["check", "data/raw/kizilsu"], ["-m", "kzsurvey", "check", "data/raw/kizilsu"]),
    ],
)
def test_the_job_follows_the_first_word(run, arguments, job):
    assert run.command(arguments[0] if arguments else "main", arguments)[1:] == job


def test_every_lock_it_names_is_there(run):
    assert all((ROOT / lock).exists() for lock in [*run.LOCKS.values(), "requirements.lock"])


def test_a_change_of_the_lock_asks_for_a_new_installation(run, tmp_path, monkeypatch):
    for name in ("requirements.lock", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    monkeypatch.setattr(run, "ROOT", tmp_path)
    before = run.digest("requirements.lock")
    (tmp_path / "requirements.lock").write_text("other")
    assert run.digest("requirements.lock") != before


def test_children_write_bytecode_and_count_on_one_thread(run, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    environment = run.environment()
    assert "PYTHONDONTWRITEBYTECODE" not in environment
    assert environment["OPENBLAS_NUM_THREADS"] == "1"
