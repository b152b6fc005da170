"""Which interviews are coded by hand, and by which chance: ``coding_sample.csv``, drawn once and kept."""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from kzsurvey.errors import DefinitionError, Fault, fail_if
from kzsurvey.files import whole_file
from kzsurvey.survey.sheets import Row, Sheet, column_faults, read_csv_sheet, readable, repeated

if TYPE_CHECKING:
    from kzsurvey.survey.record import Survey

FILE = "coding_sample.csv"
COLUMNS = ("interview", "stratum", "stratum_size", "stratum_drawn", "probability", "order", "seed")


def read_coding_sample(survey: "Survey") -> pd.DataFrame:
    """The sample of interviews to be coded by hand, with those that were not drawn.

    Parameters
    ----------
    survey : Survey

    Returns
    -------
    DataFrame, one row per interview that could be drawn, index ``interview``
        ``stratum``, ``stratum_size`` (interviews in it), ``stratum_drawn``, ``probability`` (of being drawn), ``order``
        (of coding; missing where not drawn), ``seed``.

    Raises
    ------
    DefinitionError
        No sample has been drawn, or the file is not as it was written.
    """
    if not (survey.folder / FILE).is_file():
        hint = "draw one: kzsurvey.modelling.draw_coding_sample"
        raise DefinitionError(Fault(FILE, "no such file", f"a file in {survey.folder}", hint=hint))
    sheet = read_csv_sheet(survey.folder / FILE)
    fail_if(_faults(sheet), DefinitionError)
    cells = pd.DataFrame([[row[name] for name in COLUMNS] for row in sheet], columns=list(COLUMNS), dtype="str")
    kinds = {"stratum_size": "int64", "stratum_drawn": "int64", "probability": "float64", "seed": "int64"}
    order = pd.to_numeric(cells["order"]).astype("Int64")
    return cells.assign(order=order).astype(kinds).set_index("interview")


def write_coding_sample(survey: "Survey", sample: pd.DataFrame) -> Path:
    """Write a sample into the survey's folder; one that lies there already is never written over.

    Parameters
    ----------
    survey : Survey
    sample : DataFrame, one row per interview that could be drawn, index ``interview``
        The columns of :func:`read_coding_sample`.

    Raises
    ------
    DefinitionError
        A sample lies there already.
    """
    path = survey.folder / FILE
    if path.exists():
        hint = "what is coded rests on its chances; move it away where nothing has been coded yet"
        raise DefinitionError(Fault(FILE, "a sample that was drawn before", "a survey without one", hint=hint))
    with whole_file(path) as beside:
        sample.rename_axis("interview")[list(COLUMNS[1:])].to_csv(beside, lineterminator="\n", encoding="utf-8")
    return path


def coding_sample_faults(folder: Path) -> list[Fault]:
    """What is wrong in the file of a survey that has one."""
    if not (folder / FILE).is_file():
        return []
    try:
        return _faults(read_csv_sheet(folder / FILE))
    except DefinitionError as error:
        return list(error.faults)


def _faults(sheet: Sheet) -> list[Fault]:
    faults = column_faults(sheet, needed=COLUMNS, known=COLUMNS, strict=True)
    sheet = readable(sheet, COLUMNS)
    faults += repeated(sheet, sheet, ["interview"], "interview")
    return faults + [fault for row in sheet for fault in _row_faults(sheet, row)]


def _row_faults(sheet: Sheet, row: Row) -> list[Fault]:
    """Numbers that are none, or chances that do not follow from the counts."""
    whole = ["stratum_size", "stratum_drawn", "seed", *["order"] * bool(row["order"])]
    faults = [sheet.fault(row, name, repr(row[name]), "a whole number") for name in whole if not row[name].isdecimal()]
    if faults:
        return faults
    try:
        chance = float(row["probability"])
    except ValueError:
        chance = -1.0
    size, drawn = int(row["stratum_size"]), int(row["stratum_drawn"])
    if not (1 <= drawn <= size and abs(chance - drawn / size) < 1e-6):
        found = f"{drawn} of {size} drawn, probability {row['probability']}"
        return [sheet.fault(row, "probability", found, "the share of the stratum that was drawn")]
    return []
