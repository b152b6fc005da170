"""The house keeps its order: imports go one way, notebooks hold no code of their own and no outputs."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "kzsurvey"
MAY_IMPORT = {
    "errors": set(),
    "files": set(),
    "tables": {"errors", "files"},
    "survey": {"errors", "files", "tables"},
    "cleaning": {"errors", "files", "tables", "survey"},
    "coding": {"errors", "files", "tables", "survey"},
    "modelling": {"errors", "files", "tables", "survey"},
    "reporting": {"errors", "files", "tables", "survey", ""},
    "simulate": {"errors", "files", "tables", "survey"},
    "build": {"errors", "files", "tables", "survey", "cleaning", "coding", "modelling", "reporting", ""},
    "exchange": {"errors", "files", "survey", "cleaning", "coding"},
    "rehearsal": {"errors", "tables", "survey", "coding", "modelling", "simulate", ""},
    "__main__": {"errors", "files", "survey", "coding", "build", "exchange", "rehearsal", "simulate", ""},
    "__init__": set(),
}
# Inside a stage too: a folder imports those before it, never those after it.
FOLDERS = {
    "modelling": (
        *("sampling", "regression", "describing", "scales", "effects"),
        *("coded", "missing", "paths", "robustness", "planning", "declared"),
    ),
    "coding": ("rules", "intercoder", "versions", "codings", "exchange", "suggestions", "exploring", "desk"),
    "reporting": ("drawing",),
}


def stage(path):
    """The part of the house a module belongs to: its top-level module or package."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_stages(path):
    """Every part of the house that a module imports; the package itself is the empty string."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = (
                [f"{node.module}.{alias.name}" for alias in node.names] if node.module == "kzsurvey" else [node.module]
            )
        else:
            continue
        for name in names:
            if name and name.split(".")[0] == "kzsurvey":
                part = (name.split(".") + [""])[1]
                found.add(part if part in MAY_IMPORT else "")
    return found


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_one_way(path):
    part = stage(path)
    assert part in MAY_IMPORT, f"{part} has no place in the house"
    # only the type of a Survey is looked at in tables.py, never at run time
    allowed = MAY_IMPORT[part] | {part} | ({"survey"} if part == "tables" else set())
    assert imported_stages(path) <= allowed


@pytest.mark.parametrize("stage_name", FOLDERS)
def test_folders_of_a_stage_stand_in_one_order(stage_name):
    order = FOLDERS[stage_name]
    assert {path.name for path in (PACKAGE / stage_name).iterdir() if (path / "__init__.py").exists()} == set(order)
    backwards = [
        (path.name, later)
        for place, folder in enumerate(order)
        for path in (PACKAGE / stage_name / folder).glob("*.py")
        for later in order[place + 1 :]
        if f"kzsurvey.{stage_name}.{later}." in path.read_text(encoding="utf-8")
    ]
    assert not backwards


def test_how_figures_are_drawn_knows_nothing_of_the_rest_of_reporting_but_formats_and_fonts():
    below = {"drawing", "fonts", "formats"}
    for path in (PACKAGE / "reporting" / "drawing").glob("*.py"):
        imports = (
            node for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.ImportFrom)
        )
        parts = [node.module.split(".") for node in imports]
        assert {part[2] for part in parts if part[:2] == ["kzsurvey", "reporting"]} <= below, path.name


def test_the_check_of_imports_sees_an_import_the_wrong_way(tmp_path):
    module = tmp_path / "module.py"
    module.write_text(
        "from kzsurvey.coding import code\nfrom kzsurvey import build\nimport kzsurvey.modelling.sampling.design\n"
    )
    assert imported_stages(module) == {"coding", "build", "modelling"}


def notebooks():
    return sorted((ROOT / "notebooks").glob("*.ipynb"))


def test_there_are_notebooks():
    assert len(notebooks()) >= 4


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.name)
def test_a_notebook_defines_nothing_and_holds_no_output(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert not any(cell["outputs"] or cell["execution_count"] for cell in code)
    for cell in code:
        kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
        assert not any(isinstance(node, kinds) for node in ast.walk(ast.parse("".join(cell["source"]))))


@pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.name)
def test_a_notebook_speaks_both_languages(path):
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    said = [tag for cell in cells for tag in cell["metadata"].get("tags", ())]
    assert {"zh", "en"} <= set(said)


def test_at_most_twenty_names_are_offered_at_the_top_and_each_is_there():
    import kzsurvey

    names = [name for name in kzsurvey.__all__ if not name.startswith("__")]
    assert len(names) <= 20
    assert all(getattr(kzsurvey, name) is not None for name in names)


def test_a_definition_is_checked_for_the_kinds_of_models_and_plans_that_there_are():
    from kzsurvey.modelling import ESTIMATORS
    from kzsurvey.modelling.planning.power import KINDS
    from kzsurvey.survey.references import MODELS, PLANS

    assert (set(MODELS), set(PLANS)) == (set(ESTIMATORS), set(KINDS))


@pytest.mark.parametrize("stage_name", ["modelling"])
def test_every_name_a_stage_offers_is_there(stage_name):
    stage_module = importlib.import_module(f"kzsurvey.{stage_name}")
    assert all(getattr(stage_module, name) is not None for name in stage_module.__all__)


def test_importing_the_package_loads_no_table_library():
    script = "import sys, kzsurvey.__main__; print([m for m in ('pandas', 'numpy', 'matplotlib') if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_lock_files_name_no_host_and_every_package_has_a_hash():
    locks = sorted(ROOT.glob("requirements*.lock"))
    assert len(locks) == 3
    for lock in locks:
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text
        assert all("--hash=sha256:" in part for part in text.split("\n\n") if "==" in part)
