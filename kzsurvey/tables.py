"""The six tables: their columns documented and checked, their files written and read, here and nowhere else.

``answers`` and ``interviews`` and ``analysis`` also have one column per question (or measure, or code), which depend on
the survey; the columns below are those that every survey has.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kzsurvey.errors import Fault, ReportError, fail_if
from kzsurvey.files import sha256, whole_file

if TYPE_CHECKING:
    import pandas as pd

    from kzsurvey.survey import Survey

MANIFEST = "manifest.json"
ALSO_CSV = ("issues", "mentions", "terms")
SIGNIFICANT_DIGITS = 10  # kinds of processors differ beyond it


@dataclass(frozen=True)
class Table:
    """What a table holds.

    Attributes
    ----------
    row : str
        What one row is.
    index : str
        Name of the index; empty for a plain row number.
    columns : dict of column to (kind, meaning)
        Kind: ``text``, ``integer``, ``number``, ``flag``.
    open : bool
        More columns may follow (one per question, measure, code).
    """

    row: str
    index: str
    columns: dict[str, tuple[str, str]]
    open: bool = False


ISSUE_ACTIONS = ("changed", "set_missing", "removed", "flagged")

TABLES = {
    "answers": Table(
        row="one delivered row: an interview as it was sent, text only",
        index="",
        columns={
            "file": ("text", "name of the delivered file"),
            "sheet": ("text", "sheet, empty for a text file"),
            "row": ("integer", "row in that file, the header is row 1"),
            "encoding": ("text", "encoding it was read in, with ? where in doubt; empty for binary formats"),
        },
        open=True,
    ),
    "interviews": Table(
        row="one interview",
        index="interview",
        columns={
            "file": ("text", "name of the delivered file"),
            "row": ("integer", "row in that file"),
        },
        open=True,  # <question> typed, <question>__missing (why there is no value), <question>__<option> (flag)
    ),
    "issues": Table(
        row="one finding or one change",
        index="",
        columns={
            "interview": ("text", "interview id; missing where the row had none"),
            "file": ("text", "name of the delivered file"),
            "sheet": ("text", "sheet, empty for a text file"),
            "row": ("integer", "row in that file"),
            "question": ("text", "question; missing where the whole interview is meant"),
            "kind": ("text", "what kind of finding, see kzsurvey.cleaning.KINDS"),
            "action": ("text", "changed, set_missing, removed or flagged"),
            "before": ("text", "as delivered; [withheld] where it was personal"),
            "after": ("text", "as it stands now; missing where there is no value now"),
            "rule": ("text", "the rule that found it"),
        },
    ),
    "mentions": Table(
        row="one code found in one place of one open answer",
        index="",
        columns={
            "interview": ("text", "interview id"),
            "question": ("text", "open question"),
            "start": ("integer", "first character, counted from 0 in the answer as it stands in interviews"),
            "end": ("integer", "one past the last character"),
            "code": ("text", "code of the codebook"),
            "source": ("text", "person, rule or model"),
            "coder": ("text", "who, or which rule"),
            "score": ("number", "1 for persons and rules, a probability for models"),
            "stands": ("flag", "counted in analysis"),
        },
    ),
    "analysis": Table(
        row="one interview",
        index="interview",
        columns={
            "weight": ("number", "interviews or units represented; sums to the frame where there is one"),
            "stratum": ("text", "stratum of the sample design"),
            "cluster": ("text", "first-stage cluster of the sample design"),
        },
        open=True,  # closed questions, measures, code_<code with _ for .> (0, 1, missing where not asked)
    ),
    "terms": Table(
        row="one term of one declared model",
        index="",
        columns={
            "model": ("text", "name of the model"),
            "term": ("text", "term of the formula"),
            "estimate": ("number", "on the scale of the linear predictor"),
            "std_error": ("number", "design-based"),
            "df": ("number", "degrees of freedom of the interval and the test"),
            "conf_low": ("number", "lower end of the 95 % interval"),
            "conf_high": ("number", "upper end of the 95 % interval"),
            "p_value": ("number", "two-sided"),
            "n": ("integer", "interviews used"),
            "n_dropped": ("integer", "interviews in the model's domain left out because a value is missing"),
            "outcome": ("text", "left side of the formula"),
            "kind": ("text", "kind of model"),
            "hypothesis": ("text", "hypothesis this term tests; empty for the other terms"),
            "p_adjusted": ("number", "Benjamini-Hochberg over the declared family; missing outside it"),
        },
    ),
}


def check_table(table: "pd.DataFrame", name: str) -> "pd.DataFrame":
    """Return the table as it is, or say what in it is not as documented.

    Parameters
    ----------
    table : DataFrame
    name : str
        A key of ``TABLES``.

    Raises
    ------
    TypeError
        A column is missing, unknown or of the wrong kind; the index has the wrong name or is not unique.
        This is a fault of the program, never of the data.
    """
    wanted = TABLES[name]
    faults = [f"no column {column}" for column in wanted.columns if column not in table]
    if not wanted.open:
        faults += [f"unknown column {column}" for column in table if column not in wanted.columns]
    faults += [
        f"column {column} is {table[column].dtype}, must be {kind}"
        for column, (kind, _) in wanted.columns.items()
        if column in table and not _is_kind(table[column], kind)
    ]
    if wanted.index and (table.index.name != wanted.index or not table.index.is_unique):
        faults.append(f"index must be unique and named {wanted.index}")
    if table.columns.has_duplicates:
        faults.append("a column stands twice")
    if faults:
        raise TypeError(f"table {name}: {'; '.join(faults)}")
    return table


def _is_kind(column: "pd.Series", kind: str) -> bool:
    """Whether a column is of the documented kind; an empty object column may be any."""
    from pandas.api import types

    tests = {
        "text": lambda dtype: types.is_string_dtype(dtype) or isinstance(dtype, types.CategoricalDtype),
        "integer": types.is_integer_dtype,
        "number": types.is_numeric_dtype,
        "flag": types.is_bool_dtype,
    }
    return tests[kind](column.dtype)


def write_tables(tables: "Mapping[str, pd.DataFrame]", folder: Path, *, manifest: Mapping[str, Any]) -> dict[str, Path]:
    """Write checked tables as Parquet, the small ones also as CSV, and last the manifest that vouches for them.

    Parameters
    ----------
    tables : mapping of table name to DataFrame
    folder : Path
        ``data/processed/<survey>``.
    manifest : mapping
        What the tables were made from; rows, columns and hash of each table are added.

    Returns
    -------
    dict of table name to the Parquet file
    """
    rounded = {name: _rounded(check_table(table, name)) for name, table in tables.items()}
    paths = {name: folder / f"{name}.parquet" for name in rounded}
    for name, table in rounded.items():
        with whole_file(paths[name]) as beside:
            table.to_parquet(beside)
        if name in ALSO_CSV:
            with whole_file(folder / f"{name}.csv") as beside:
                table.to_csv(beside, index=bool(TABLES[name].index), encoding="utf-8-sig", lineterminator="\n")
    described = {
        name: {"rows": len(table), "columns": table.shape[1], "sha256": sha256(paths[name])}
        for name, table in rounded.items()
    }
    with whole_file(folder / MANIFEST) as beside:
        text = json.dumps({**manifest, "tables": described}, ensure_ascii=False, indent=2)
        beside.write_text(text + "\n", encoding="utf-8", newline="\n")
    return paths


def read_processed(survey: "Survey", name: str) -> "pd.DataFrame":
    """Read one of the six tables of a survey that has been built.

    Parameters
    ----------
    survey : Survey
    name : str
        answers, interviews, issues, mentions, analysis or terms.

    Returns
    -------
    DataFrame
        As documented in ``kzsurvey.tables.TABLES``.

    Raises
    ------
    ReportError
        The survey has not been built, or a table is not the one that the build wrote.

    Examples
    --------
    >>> import kzsurvey as kz
    >>> kz.read_processed(kz.read_survey("tests/surveys/data/raw/market"), "analyses")
    Traceback (most recent call last):
    ...
    kzsurvey.errors.ReportError: table analyses: found no such table; allowed: answers, interviews, issues, ...
    """
    import pandas as pd

    if name not in TABLES:
        raise ReportError(Fault(f"table {name}", "no such table", ", ".join(TABLES)))
    path = survey.processed / f"{name}.parquet"
    fail_if(table_faults(survey, [name]), ReportError)
    return pd.read_parquet(path)


def table_faults(survey: "Survey", names: Iterable[str] = tuple(TABLES)) -> list[Fault]:
    """Tables of a survey that are missing, or are not the ones that the build wrote; nothing when all are whole."""
    listed, faults = read_manifest(survey)["tables"], []
    for name in names:
        path = survey.processed / f"{name}.parquet"
        entry = listed.get(name)
        if not isinstance(entry, dict) or not path.is_file():
            faults.append(Fault(str(path), "no such file", "the tables of a build", hint=_build_hint(survey)))
        elif sha256(path) != entry.get("sha256"):
            found = "a table that is not the one the build wrote"
            faults.append(Fault(str(path), found, "unchanged tables", hint=_build_hint(survey)))
    return faults


def read_manifest(survey: "Survey") -> dict[str, Any]:
    """What the tables of a survey were made from, and their hashes."""
    path = survey.processed / MANIFEST
    if not path.exists():
        fault = Fault(
            str(survey.folder), "a survey that has not been built", "a built survey", hint=_build_hint(survey)
        )
        raise ReportError(fault)
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        manifest = None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("tables"), dict):
        raise ReportError(Fault(str(path), "no manifest of a build", "as written", hint=_build_hint(survey)))
    return manifest


def _build_hint(survey: "Survey") -> str:
    return f"run: kzsurvey build {survey.folder}"


def _rounded(table: "pd.DataFrame") -> "pd.DataFrame":
    """The table with its decimals at the number of digits that every processor agrees on."""
    import numpy as np
    from pandas.api import types

    def significant(column: "pd.Series") -> "pd.Series":
        values = column.to_numpy(dtype=float, na_value=np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            digits = SIGNIFICANT_DIGITS - 1 - np.floor(np.log10(np.abs(values)))
            power = 10.0 ** np.clip(np.nan_to_num(digits, posinf=0), -300, 300)
            result = np.where(np.isfinite(values), np.round(values * power) / power, values)
        return column.where(column.isna(), result).astype(column.dtype)

    decimals = [name for name in table if types.is_float_dtype(table[name].dtype)]
    return table.assign(**{name: significant(table[name]) for name in decimals})
