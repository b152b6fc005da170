"""Notebooks to reports: executed for each language, written whole, the same bytes every time.

Nothing is written before every notebook has ended well in every language.
"""

import json
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

import kzsurvey
from kzsurvey import tables
from kzsurvey.errors import Fault, ReportError, SurveyError, fail_if
from kzsurvey.files import sha256, whole_file
from kzsurvey.reporting.exporter import ReportExporter
from kzsurvey.reporting.fonts import chinese_font
from kzsurvey.reporting.kernels import Execute, kernels
from kzsurvey.survey import Survey

PACKAGES = ("numpy", "pandas", "scipy", "matplotlib", "nbconvert", "fonttools", "latex2mathml", "pylopdf-fonts-zh-cn")
LOCK = "requirements.lock"
AT_ONCE = 2
TWIN = "application/vnd.kzsurvey."
BY_HAND = "by-hand"  # the tag of cells that people run and a report leaves out, such as the coding desk
NO_NOTEBOOK = (ValueError, TypeError, AttributeError, KeyError, nbformat.ValidationError)  # what nbformat raises at one


class Job(NamedTuple):
    """One notebook in one language."""

    notebook: Path
    language: str

    def __str__(self) -> str:
        return f"{self.notebook.name} ({self.language})"


class Made(NamedTuple):
    """What one job gave: the bytes of each file by its ending, and what its outputs say as data."""

    job: Job
    files: dict[str, bytes]
    outputs: list[dict[str, Any]]


def run_notebooks(
    survey: Survey,
    *,
    languages: Sequence[str] | None = None,
    notebooks: Sequence[str] | None = None,
    to: Sequence[str] = ("html",),
    progress: Callable[[str], None] = print,
    folder: Path | None = None,
) -> list[Path]:
    """Make the reports of a survey that has been built.

    Parameters
    ----------
    survey : Survey
    languages : language codes, optional
        Of those the survey has; all where none is named.
    notebooks : names of files, optional
        Default: those that ``[reports]`` of survey.toml names, else all.
    to : kinds of file
        Keys of ``WRITERS``.
    progress : function of one line of text
    folder : Path, optional
        Where the notebooks lie. Default: ``notebooks`` of the survey's project, else of this library's.

    Returns
    -------
    list of Path
        The reports, ``reports/<survey>/<language>/<notebook>.<kind>``. Beside them ``numbers.json`` holds every table,
        figure and number as data, ``manifest.json`` what the reports were made from.

    Raises
    ------
    ReportError
        The survey has not been built; there is no such language, notebook or kind of file; a notebook has failed.
        Nothing has been written then.
    """
    place = _folder(survey, folder)
    chosen = list(dict.fromkeys(languages or survey.languages))
    stems = list(notebooks or survey.reports.get("notebooks") or sorted(path.name for path in place.glob("*.ipynb")))
    fail_if(_faults(survey, chosen, stems, to, place), ReportError)
    chinese_font()  # a font that is not there is one fault here, and one per notebook later
    manifest = tables.read_manifest(survey)
    jobs = [Job(place / name, language) for name in stems for language in chosen]
    made = _make(jobs, survey, to, progress)
    paths = []
    for language in chosen:
        paths += _write([one for one in made if one.job.language == language], survey, language, manifest)
    return paths


def _folder(survey: Survey, folder: Path | None) -> Path:
    """Where the notebooks lie."""
    places = [folder] if folder else [survey.root / "notebooks", Path(kzsurvey.__file__).parents[1] / "notebooks"]
    if (found := next((place for place in places if place.is_dir()), None)) is None:
        raise ReportError(Fault(str(places[0]), "no such folder", "a folder of notebooks"))
    return found.resolve()


def _faults(
    survey: Survey, languages: Sequence[str], notebooks: Sequence[str], to: Sequence[str], folder: Path
) -> Iterable[Fault]:
    """Everything about the order that cannot be met."""
    definition = str(survey.folder / "survey.toml")
    for language in languages:
        if language not in survey.languages:
            yield Fault(definition, f"no language {language!r}", ", ".join(survey.languages))
    for kind in to:
        if kind not in WRITERS:
            yield Fault("reports", f"no kind of file {kind!r}", ", ".join(WRITERS))
    for name in notebooks:
        if not (folder / name).is_file():
            allowed = ", ".join(sorted(path.name for path in folder.glob("*.ipynb")))
            yield Fault(str(folder), f"no notebook {name!r}", allowed)
    if not notebooks:
        yield Fault(str(folder), "no notebook", "notebooks, *.ipynb")


def _make(jobs: Sequence[Job], survey: Survey, to: Sequence[str], progress: Callable[[str], None]) -> list[Made]:
    """Every job done, or one error that names all that failed."""
    with kernels() as execute, ThreadPoolExecutor(AT_ONCE) as pool:
        futures = [pool.submit(_made, job, survey, to, execute, progress) for job in jobs]
        try:
            results = [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    faults = [fault for result in results if isinstance(result, ReportError) for fault in result.faults]
    fail_if(dict.fromkeys(faults), ReportError)
    return results


def _made(
    job: Job, survey: Survey, to: Sequence[str], execute: Execute, progress: Callable[[str], None]
) -> Made | ReportError:
    """One job done, or what went wrong in it."""
    began = time.monotonic()
    environment = {"KZ_SURVEY": str(survey.folder.resolve()), "KZ_LANGUAGE": job.language}
    try:
        notebook = read_notebook(job.notebook)
        notebook.cells = [cell for cell in notebook.cells if BY_HAND not in cell.metadata.get("tags", ())]
        _executed(notebook, job, environment, execute)
        files = {kind: WRITERS[kind](notebook, job) for kind in to}
    except ReportError as error:
        return error
    progress(f"  {job.notebook.stem:<20} {job.language}  {time.monotonic() - began:.1f} s")
    return Made(job, files, typed_outputs(notebook))


def _executed(notebook: NotebookNode, job: Job, environment: dict[str, str], execute: Execute) -> None:
    """Run the cells; what a researcher must know of a failure is its cell and its message."""
    try:
        execute(notebook, job.notebook.parent, environment)
    except CellExecutionError as error:
        number = next(number for number, cell in enumerate(notebook.cells, 1) if _failed(cell))
        raise ReportError(_faults_of_cell(f"{job}, cell {number}", error.ename, error.evalue)) from None
    except (DeadKernelError, RuntimeError) as error:
        raise ReportError(Fault(str(job), f"a kernel that ended before the notebook did: {error}")) from None


def _faults_of_cell(place: str, name: str, message: str) -> list[Fault]:
    """What went wrong in a cell; a fault of the researcher's keeps its own words."""
    if name not in {kind.__name__ for kind in (SurveyError, *_kinds(SurveyError))}:
        return [Fault(place, f"{name}: {message}")]
    lines = [line.strip() for line in message.splitlines()]
    parts = [line.partition(": found ") for line in (lines[1:] or lines)]
    return [Fault(f"{place}, {where}", found) if found else Fault(place, where) for where, _, found in parts]


def read_notebook(path: Path) -> NotebookNode:
    """A notebook without the outputs of whoever ran it last.

    Raises
    ------
    ReportError
        The file is no notebook.
    """
    try:
        notebook = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
        nbformat.validate(notebook)
    except NO_NOTEBOOK as error:
        raise ReportError(
            Fault(str(path), f"no notebook: {str(error).splitlines()[0]}", "a Jupyter notebook")
        ) from None
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def typed_outputs(notebook: NotebookNode) -> list[dict[str, Any]]:
    """What the outputs of a notebook say, as data: cell number, kind, and the JSON twin."""
    return [
        {"cell": number, "kind": mime.removeprefix(TWIN).removesuffix("+json"), **content}
        for number, cell in enumerate(notebook.cells, 1)
        for output in cell.get("outputs", ())
        for mime, content in sorted(output.get("data", {}).items())
        if mime.startswith(TWIN)
    ]


def _html(notebook: NotebookNode, job: Job) -> bytes:
    page, _ = ReportExporter().from_notebook_node(notebook, {"metadata": {"name": job.notebook.stem}})
    return page.encode("utf-8")


WRITERS: dict[str, Callable[[NotebookNode, Job], bytes]] = {"html": _html}


def _write(made: Sequence[Made], survey: Survey, language: str, manifest: dict[str, Any]) -> list[Path]:
    """The files of one language, its numbers, and last the manifest that vouches for them."""
    folder = survey.report_folder / language
    paths = []
    for one in made:
        for kind, content in one.files.items():
            paths.append(folder / f"{one.job.notebook.stem}.{kind}")
            with whole_file(paths[-1]) as beside:
                beside.write_bytes(content)
    head = {"survey": survey.name, "wave": survey.wave, "simulated": survey.simulated, "language": language}
    _write_json(folder / "numbers.json", {**head, "notebooks": {one.job.notebook.stem: one.outputs for one in made}})
    lock = Path(kzsurvey.__file__).parents[1] / LOCK
    inputs = {
        "definition": manifest.get("inputs", {}),
        "tables": {name: about["sha256"] for name, about in manifest["tables"].items()},
        "notebooks": {one.job.notebook.name: sha256(one.job.notebook) for one in made},
        "lock": sha256(lock) if lock.exists() else "",
    }
    versions = {"kzsurvey": kzsurvey.__version__, **{name: version(name) for name in PACKAGES}}
    reports = {path.name: sha256(path) for path in [*paths, folder / "numbers.json"]}
    _write_json(folder / "manifest.json", {**head, "made_with": versions, "inputs": inputs, "reports": reports})
    return paths


def _write_json(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False)
    with whole_file(path) as beside:
        beside.write_text(text + "\n", encoding="utf-8", newline="\n")


def _failed(cell: NotebookNode) -> bool:
    return any(output.output_type == "error" for output in cell.get("outputs", ()))


def _kinds(error: type) -> list[type]:
    return [kind for child in error.__subclasses__() for kind in (child, *_kinds(child))]
