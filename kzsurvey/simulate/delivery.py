"""The order of a simulation: truth, then how it is written, then what goes wrong, then files; nothing real is touched.

Simulated answers are only ever written where survey.toml says ``simulated = true``.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.errors import Fault, SurveyError, fail_if
from kzsurvey.files import whole_file
from kzsurvey.simulate.answers import as_written, teams_of
from kzsurvey.simulate.declaration import read_plan
from kzsurvey.simulate.lines import fill_not_asked, spoil_lines
from kzsurvey.simulate.mess import Planted, add_personal_data, spoil_cells
from kzsurvey.simulate.plan import Plan, Written
from kzsurvey.simulate.population import population_parameters
from kzsurvey.simulate.truth import Truth, draw_truth, generators
from kzsurvey.simulate.written import in_characters, in_file, write_file
from kzsurvey.survey import Survey, read_survey


class Delivery(NamedTuple):
    """What a simulation makes before it is written.

    Attributes
    ----------
    truth : Truth
    files : dict of path below the survey's folder to (Written, lines)
    faults : DataFrame, one row per planted fault
        ``kind``, ``interview``, ``file``, ``row``, ``question``, ``delivered``, ``truth``, ``expected``.
    """

    truth: Truth
    files: dict[str, tuple[Written, list[list[str]]]]
    faults: pd.DataFrame


def simulate(
    folder: str | Path, *, interviews: int = 500, seed: int = 1, truth: str | Path | None = None
) -> list[Path]:
    """Write simulated answers to a survey as field teams would deliver them.

    Parameters
    ----------
    folder : path
        The definition of the survey; its simulation.toml says how answers come about. Without one they are
        random valid answers from the form alone.
    interviews : int
    seed : int
        Same seed, same bytes.
    truth : path, optional
        Folder for what is true: interviews.csv, mentions.csv, faults.csv, parameters.csv.

    Returns
    -------
    list of Path
        The files written.

    Raises
    ------
    SurveyError
        The survey is not declared simulated; its definition or simulation.toml is wrong.
    """
    survey = read_survey(folder, check_delivered=False)
    if not survey.simulated:
        hint = "simulated answers are never laid beside real ones"
        raise SurveyError(Fault("survey.toml", "simulated = false", "simulated = true", column="simulated", hint=hint))
    plan = read_plan(survey)
    made = deliver(survey, plan, interviews=interviews, seed=seed)
    fail_if(_left_over(survey, made, interviews), SurveyError)
    paths = [write_file(survey.folder / name, lines, team) for name, (team, lines) in made.files.items()]
    return paths + (_write_truth(made, survey, plan, Path(truth)) if truth is not None else [])


def _left_over(survey: Survey, made: Delivery, interviews: int) -> list[Fault]:
    """Delivered files of an earlier simulation that this one would leave beside its own: two would be mixed."""
    own = {(survey.folder / name).resolve() for name in made.files}
    declared = {delivered.path.resolve(): delivered.path for delivered in survey.delivered if delivered.path.exists()}
    found = f"no answers for it among {interviews} interviews, and a file of an earlier simulation"
    return [
        Fault(str(path), found, "answers for every delivered file", hint="ask for more interviews")
        for resolved, path in declared.items()
        if resolved not in own and own & declared.keys()
    ]


def deliver(survey: Survey, plan: Plan, *, interviews: int = 500, seed: int = 1) -> Delivery:
    """Draw the truth and everything that is delivered of it, without writing a file.

    Parameters
    ----------
    survey : Survey
    plan : Plan
    interviews, seed : int

    Returns
    -------
    Delivery
    """
    streams = generators(seed)
    truth = draw_truth(survey, interviews, seed, plan=plan)
    told = truth.interviews.reset_index(drop=True)
    told.index = told.index.astype("float64")
    teams = teams_of(told, plan.files, survey)
    sheet, planted = _spoiled(told, teams, survey, plan, streams["mess"])
    return Delivery(truth, *_filed(sheet, planted, teams, survey, plan, streams["files"]))


def _spoiled(
    told: pd.DataFrame, teams: pd.Series, survey: Survey, plan: Plan, generator: np.random.Generator
) -> tuple[pd.DataFrame, list[Planted]]:
    """All interviews as text with everything that goes wrong; lines keep their order as the index."""
    styles = {team.file: _language_of_labels(team, survey) for team in plan.files}
    labels = teams.map(styles).astype("str")
    sheet = as_written(told, labels, survey)
    asked = told[[f"{question}__missing" for question in sheet]].astype("str") != "not_asked"
    asked.columns = sheet.columns
    sheet, planted = spoil_cells(sheet, told, teams, survey, plan, generator)
    if "skip" in plan.mess:
        sheet, found = fill_not_asked(sheet, asked, teams, plan.mess["skip"], generator)
        planted += found
    if "personal_data" in plan.mess:
        sheet, found = add_personal_data(sheet, plan.names["name"].tolist(), plan.mess["personal_data"], generator)
        planted += found
    sheet, found = spoil_lines(sheet, survey, plan.mess, generator)
    return sheet, _still_there(planted, found, sheet) + found


def _still_there(planted: list[Planted], added: list[Planted], sheet: pd.DataFrame) -> list[Planted]:
    """Faults of single answers that were delivered: gone where a line was sent half, twice where a copy is kept."""
    copies = {fault.line: fault.line // 1 for fault in added if fault.kind == "near_duplicate"}
    return [
        fault._replace(line=line)
        for fault in planted
        for line in (fault.line, *(copy for copy, origin in copies.items() if origin == fault.line))
        if fault.delivered in sheet.at[line, fault.question]
    ]


def _language_of_labels(team: Written, survey: Survey) -> str:
    return (team.language or next(iter(survey.languages))) if team.options == "label" else ""


def _filed(
    sheet: pd.DataFrame,
    planted: list[Planted],
    teams: pd.Series,
    survey: Survey,
    plan: Plan,
    generator: np.random.Generator,
) -> tuple[dict[str, tuple[Written, list[list[str]]]], pd.DataFrame]:
    """Each file's lines in its own characters, and where in the files each fault stands."""
    file_of = teams.reindex(sheet.index, method="ffill")
    files, tables = {}, []
    for team in plan.files:
        mine = sheet[file_of == team.file]
        if mine.empty:
            continue
        lines = in_file(mine, team, survey, generator)
        faults = _located([fault for fault in planted if fault.line in mine.index], mine, team, survey)
        width = len(lines[0])
        texts = in_characters([text for line in lines for text in line] + faults["delivered"].to_list(), team)
        count = width * len(lines)
        files[team.file] = (team, [texts[k : k + width] for k in range(0, count, width)])
        tables.append(faults.assign(delivered=pd.Series(texts[count:], index=faults.index, dtype="str")))
    return files, pd.concat(tables, ignore_index=True)


def _located(planted: list[Planted], sheet: pd.DataFrame, team: Written, survey: Survey) -> pd.DataFrame:
    """Faults of one file with their row; the header is row 1, or the row below the title."""
    first = 3 if team.title else 2
    rows = {line: first + k for k, line in enumerate(sheet.index)}
    ids = sheet[survey.interview["id"]]
    records = [
        (
            fault.kind,
            ids[fault.line],
            Path(team.file).name,
            rows[fault.line],
            fault.question,
            fault.delivered,
            fault.truth,
            fault.expected,
        )
        for fault in planted
    ]
    columns = ["kind", "interview", "file", "row", "question", "delivered", "truth", "expected"]
    table = pd.DataFrame(records, columns=columns)
    table = table.astype({column: "int64" if column == "row" else "str" for column in columns})
    return table.sort_values(["row", "question", "kind"], kind="stable")


def _write_truth(made: Delivery, survey: Survey, plan: Plan, folder: Path) -> list[Path]:
    """The truth as four CSV files, for tests."""
    questions = survey.questions.index[~survey.questions["type"].isin(["note"])]
    measures = [measure for measure in survey.measures.index if measure in made.truth.interviews]
    tables = {
        "interviews": made.truth.interviews[[*questions, *measures]].reset_index(drop=True),
        "mentions": made.truth.mentions,
        "faults": made.faults,
        "parameters": population_parameters(survey, plan),
    }
    return [_write_csv(table, folder / f"{name}.csv") for name, table in tables.items()]


def _write_csv(table: pd.DataFrame, path: Path) -> Path:
    with whole_file(path) as beside:
        table.to_csv(
            beside, index=False, encoding="utf-8", lineterminator="\n", float_format="%.6g", date_format="%Y-%m-%d"
        )
    return path
