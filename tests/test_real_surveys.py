"""Surveys of others pass through every stage with a definition folder alone, and agree with what their owners say.

What is ours lies in ``tests/surveys/<survey>``; forms, answers, logs and frames stay where they are.
"""

import csv
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
import pytest

from kzsurvey.survey import new_survey

SURVEYS = Path(__file__).parent / "surveys"
SHARED = Path(__file__).parents[2] / "shared" / "data"
REACH = SHARED / "reach_talafar_kobo"
GSS = SHARED / "gss_panel_qwl"
CORRECTION = ("interview", "question", "old", "new", "reason", "who", "when")

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not REACH.is_dir(), reason="the answers of other projects are not part of this one"),
]


def read(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype="str", keep_default_na=False, encoding="utf-8-sig")


def laid_over(drafted: pd.DataFrame, over: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    """A drafted sheet with the cells of another laid over it: rows of a known key are filled in, others come behind."""
    rows = {tuple(row[key]): dict(row) for _, row in over.iterrows()}
    merged = [
        {**row, **{name: text for name, text in rows.pop(tuple(row[part] for part in key), {}).items() if text}}
        for row in drafted.to_dict("records")
    ]
    return pd.DataFrame([*merged, *rows.values()]).fillna("")


def corrections_of(log: pd.DataFrame, raw: pd.DataFrame) -> Iterator[dict[str, str]]:
    """What the log changed, as corrections: an option of a question is told as the whole answer it leaves."""
    answers = {interview: dict(row) for interview, row in raw.set_index("X_uuid").iterrows()}
    for entry in log[log["change_type"] != "no_action"].to_dict("records"):
        told = {"interview": entry["X_uuid"], "reason": entry["reason"] or entry["issue"]}
        told |= {"who": f"enumerator {entry['enumerator_num']}", "when": entry["X.U.FEFF.reported_date"]}
        if entry["change_type"] == "remove_survey":
            yield {**told, "question": "", "old": "", "new": "remove"}
            continue
        answer = answers[entry["X_uuid"]]
        question, _, option = entry["questions"].partition(".")
        old, new = entry["old_value"] or answer[question], entry["new_value"]
        if option:
            chosen = [part for part in answer[question].split() if part != option]
            old, new = answer[question], " ".join([*chosen, option] if entry["new_value"] == "1" else chosen)
        yield {**told, "question": question, "old": old, "new": new}
        answer[question] = answer[entry["questions"]] = new


def reach_folder(project: Path) -> Path:
    """The whole definition of the household survey: the draft from its form, what is ours over it, the delivery."""
    folder, ours = project / "data" / "raw" / "reach_talafar", SURVEYS / "reach_talafar"
    new_survey(folder, form=REACH / "cleaningtools_survey.csv")
    raw, frame = read(REACH / "cleaningtools_raw_data.csv"), read(REACH / "cleaningtools_sample_frame.csv")
    for name in ("survey.toml", "measures.csv", "words.csv", "README.md"):
        shutil.copy(ours / name, folder / name)
    questions = laid_over(read(folder / "questions.csv"), read(ours / "questions_over.csv"), ["name"])
    questions.to_csv(folder / "questions.csv", index=False)
    # the form lists the neighbourhoods by name, the export and the frame by pseudonym
    places = pd.DataFrame({"list_name": "neighbourhoods", "name": frame["Neighbourhood"]})
    places["label::English (en)"] = places["label::Arabic (ar)"] = places["name"]
    choices = laid_over(read(folder / "choices.csv"), read(ours / "choices_over.csv"), ["list_name", "name"])
    # what means that there is no answer is named in survey.toml, and would rank beside the answers as an option
    drop = choices["list_name"].eq("neighbourhoods") | choices["name"].isin(["dont_know", "prefer_not_answer"])
    pd.concat([choices[~drop], places]).fillna("").to_csv(folder / "choices.csv", index=False)
    counts = pd.DataFrame({"variable": "neighbourhood", "value": frame["Neighbourhood"]})
    counts.assign(count=frame["Total.no.of.HH"], source="sample frame of the field teams").to_csv(
        folder / "frame.csv", index=False
    )
    with open(folder / "corrections.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, CORRECTION)
        writer.writeheader()
        writer.writerows(corrections_of(read(REACH / "cleaningtools_cleaning_log.csv"), raw))
    shutil.copy(REACH / "cleaningtools_raw_data.csv", folder / "delivered" / "raw_data.csv")
    return folder


def gss_folder(project: Path) -> Path:
    """The whole definition of the working-life questions: ours, and the answers of those who have a weight."""
    folder = shutil.copytree(SURVEYS / "gss_work", project / "data" / "raw" / "gss_work")
    (folder / "delivered").mkdir()
    rows = read(GSS / "gss_panel06_long.csv")
    rows[rows["wtpannr12"] != ""].to_csv(folder / "delivered" / "gss_panel06_long.csv", index=False)
    return folder
