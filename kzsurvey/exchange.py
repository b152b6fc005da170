"""Coded projects in and out: a survey as a file for other programs, their files as codings or as a new survey."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from kzsurvey.cleaning import clean, read_answers
from kzsurvey.coding import entry, read_codings, record
from kzsurvey.coding.exchange import (
    STANDARD,
    Positions,
    Project,
    draft_survey,
    not_taken_csv,
    open_answers,
    read_qdc,
    read_qdpx,
    survey_codings,
    survey_project,
    write_qdc,
    write_qdpx,
)
from kzsurvey.errors import CodingError, Fault, fail_if
from kzsurvey.files import whole_file
from kzsurvey.survey import Survey, read_survey

NOT_TAKEN = "not_taken.csv"


class Exchanged(NamedTuple):
    """What went out or came in.

    Attributes
    ----------
    project : Project
    codings : DataFrame
        What was recorded, as :class:`kzsurvey.coding.exchange.Incoming` has it; empty on the way out.
    not_taken : DataFrame
        What has no place on the other side.
    written : list of Path
    """

    project: Project
    codings: pd.DataFrame
    not_taken: pd.DataFrame
    written: list[Path]


def export_project(
    folder: str | Path, path: str | Path, *, variables: Sequence[str] = (), positions: Positions = STANDARD
) -> Exchanged:
    """Write a survey for other programs: its codebook (.qdc), or all of it (.qdpx).

    Parameters
    ----------
    folder : path
        The definition of the survey; its delivered answers are read and screened, its codings are those that stand.
    path : path
        Ends in ``.qdc`` or ``.qdpx``.
    variables : sequence of str
        Closed questions to show beside each case, see :func:`kzsurvey.coding.exchange.survey_project`.
    positions : Positions
        How to count places in texts: NVivo needs ``Positions("utf-16")``.

    Returns
    -------
    Exchanged
        What a project has no place for is also written beside the file, as ``<name>.not_taken.csv``.

    Raises
    ------
    SurveyError
        The survey, a variable or the ending of the file is at fault; nothing has been written.
    """
    path = Path(path)
    writers = {".qdc": write_qdc, ".qdpx": lambda project, file: write_qdpx(project, file, positions=positions)}
    if path.suffix.lower() not in writers:
        raise CodingError(
            Fault(str(path), f"a file that ends in {path.suffix!r}", ".qdc (the codebook) or .qdpx (all)")
        )
    survey = read_survey(folder)
    interviews, codings = pd.DataFrame(index=pd.Index([], name="interview", dtype="str")), None
    if path.suffix.lower() == ".qdpx":
        interviews, _ = clean(read_answers(survey), survey)
        codings = read_codings(survey, interviews)
    project = survey_project(survey, interviews, codings, variables=variables)
    written = [writers[path.suffix.lower()](project, path), *_listed(project.not_taken, path)]
    return Exchanged(project, pd.DataFrame(), project.not_taken, written)


def import_project(
    path: str | Path, folder: str | Path, *, coder: str = "", positions: Positions | None = None
) -> Exchanged:
    """Read a project of another program into a survey, or as a new survey.

    Parameters
    ----------
    path : path
        A ``.qdpx`` (or ``.qde``), or a ``.qdc``, which makes a new survey with a codebook only.
    folder : path
        A survey: the project is one that was exported from it, and its codings are added. Anything else: the folder to
        make, with the texts as answers, the codes as codebook and the codings; its name is the survey's name.
    coder : str
        Whose codings they are to be; by default those of the project's users.
    positions : Positions, optional
        How the program counted places; found out when not given.

    Returns
    -------
    Exchanged
        What has no place in a survey is also written: to ``not_taken.csv`` of a new survey, else beside the file that
        was read.

    Raises
    ------
    SurveyError
        The file, the survey or its fit with the project is at fault; nothing has been written.
    """
    path, folder = Path(path), Path(folder)
    project = read_qdc(path) if path.suffix.lower() == ".qdc" else read_qdpx(path, positions=positions)
    if (folder / "survey.toml").exists():
        return _into_survey(project, path, folder, coder)
    with _whole_folder(folder) as beside:
        codings, not_taken = _as_survey(project, beside, coder)
        written = sorted(file.relative_to(beside) for file in beside.rglob("*") if file.is_file())
    return Exchanged(project, codings, not_taken, [folder / file for file in written if not file.name.startswith(".")])


def how_read(project: Project) -> str:
    """How the places of a project were read, and what spoke for it; nothing where it has no places."""
    if project.passages.empty:
        return ""
    told = f"places were read as: {project.positions}"
    if project.evidence.empty:
        return told
    fits = project.evidence.set_index(["unit", "lines", "end"]).loc[tuple(project.positions)]
    named = f"{fits['named']} of {fits['passages']} passages are named after their words"
    return f"{told}; {named}, {fits['at_words']} begin and end at word borders"


def _into_survey(project: Project, path: Path, folder: Path, coder: str) -> Exchanged:
    """The codings of a project, added to those of the survey it came from."""
    if path.suffix.lower() == ".qdc":
        hint = "read it into a new folder, and take over rows of its codes.csv by hand"
        raise CodingError(Fault(path.name, f"a codebook, while {folder} has one", "a project", hint=hint))
    survey = read_survey(folder)
    interviews, _ = clean(read_answers(survey), survey)
    incoming = survey_codings(project, survey, interviews, coder=coder)
    fail_if(_known_coders(incoming.codings, survey), CodingError)
    _record(incoming.codings, survey, interviews)
    coders = incoming.codings["coder"].unique()
    files = [survey.folder / "codings" / f"{name}.csv" for name in coders]
    return Exchanged(project, *incoming, [*files, *_listed(incoming.not_taken, path)])


def _as_survey(project: Project, folder: Path, coder: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The folder of a new survey, read once through the stages so that its codings lie on its screened answers."""
    draft = draft_survey(project, folder.name)
    for name, text in draft.files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8", newline="")
    survey = read_survey(folder)
    codings, not_taken = pd.DataFrame(), project.not_taken
    if draft.sources:
        interviews, _ = clean(read_answers(survey), survey)
        codings, not_taken = survey_codings(project, survey, interviews, coder=coder, sources=draft.sources)
        _record(codings, survey, interviews)
    not_taken = pd.concat([not_taken, pd.DataFrame(draft.not_taken, columns=not_taken.columns)], ignore_index=True)
    (folder / NOT_TAKEN).write_text(not_taken_csv(not_taken), encoding="utf-8", newline="")
    return codings, not_taken


def _record(codings: pd.DataFrame, survey: Survey, interviews: pd.DataFrame) -> None:
    answers = open_answers(survey, interviews)
    for (coder, role), rows in codings.groupby(["coder", "role"], sort=True):
        entries = [
            entry(
                one.action,
                one.interview,
                one.question,
                answers[one.interview, one.question],
                start=None if pd.isna(one.start) else int(one.start),
                end=None if pd.isna(one.end) else int(one.end),
                code=one.code,
                memo=one.memo,
            )
            for one in rows.itertuples()
        ]
        record(survey, coder, entries, role=role)


def _known_coders(codings: pd.DataFrame, survey: Survey) -> Iterator[Fault]:
    """Coders who have codings already: what they did here and what they did elsewhere are not mixed unasked."""
    known = {path.stem.lower() for path in (survey.folder / "codings").glob("*.csv")}
    for name in codings["coder"].unique():
        if name.lower() in known:
            hint = f"name another, such as --coder {name}_2"
            yield Fault(
                "codings", f"coder {name}, who has codings in {survey.name} already", "a coder of its own", hint=hint
            )


def _listed(not_taken: pd.DataFrame, path: Path) -> list[Path]:
    """What was not taken, in a file beside the project."""
    if not_taken.empty:
        return []
    beside = path.with_name(f"{path.stem}.{NOT_TAKEN}")
    with whole_file(beside) as new:
        new.write_text(not_taken_csv(not_taken), encoding="utf-8-sig", newline="")
    return [beside]


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """A new folder of the same name elsewhere, which takes the place of ``folder`` when the block ends well."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        allowed = "a survey, or a new or empty folder"
        raise CodingError(Fault(str(folder), "a folder that is in use and no survey", allowed))
    folder.parent.mkdir(parents=True, exist_ok=True)
    around = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        (around / folder.name).mkdir()
        yield around / folder.name
        if folder.exists():
            folder.rmdir()
        os.replace(around / folder.name, folder)
    finally:
        shutil.rmtree(around, ignore_errors=True)
