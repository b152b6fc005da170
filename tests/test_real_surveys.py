"""Surveys of others pass through every stage with a definition folder alone, and agree with what their owners say.

What is ours lies in ``tests/surveys/<survey>``; forms, answers, logs and frames stay where they are.
"""

import csv
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kzsurvey.__main__ import main
from kzsurvey.modelling import mean, sample_design
from kzsurvey.reporting import run_notebooks
from kzsurvey.survey import new_survey, read_survey
from kzsurvey.tables import read_processed

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
    """A drafted sheet with the cells of another laid over it: rows of a known key are filled in, others come behind.

    An empty cell leaves what was drafted, ``-`` empties it.
    """
    rows = {tuple(row[key]): {name: text for name, text in row.items() if text} for _, row in over.iterrows()}
    merged = [{**row, **rows.pop(tuple(row[part] for part in key), {})} for row in drafted.to_dict("records")]
    return pd.DataFrame([*merged, *rows.values()]).fillna("").replace("-", "")


def corrections_of(log: pd.DataFrame) -> Iterator[dict[str, str]]:
    """What the log changed, as corrections; where it does not say what stood there, anything may have."""
    for entry in log[log["change_type"] != "no_action"].to_dict("records"):
        told = {"interview": entry["X_uuid"], "reason": entry["reason"] or entry["issue"]}
        told |= {"who": f"enumerator {entry['enumerator_num']}", "when": entry["X.U.FEFF.reported_date"]}
        if entry["change_type"] == "remove_survey":
            yield {**told, "question": "", "old": "", "new": "remove"}
            continue
        yield {**told, "question": entry["questions"], "old": entry["old_value"] or "*", "new": entry["new_value"]}


def reach_folder(project: Path) -> Path:
    """The whole definition of the household survey: the draft from its form, what is ours over it, the delivery."""
    folder, ours = project / "data" / "raw" / "reach_talafar", SURVEYS / "reach_talafar"
    new_survey(folder, form=REACH / "cleaningtools_survey.csv")
    frame = read(REACH / "cleaningtools_sample_frame.csv")
    for name in ("survey.toml", "measures.csv", "words.csv", "README.md"):
        shutil.copy(ours / name, folder / name)
    questions = laid_over(read(folder / "questions.csv"), read(ours / "questions_over.csv"), ["name"])
    questions.to_csv(folder / "questions.csv", index=False)
    # the form lists the neighbourhoods by name, the export and the frame by pseudonym
    places = pd.DataFrame({"list_name": "neighbourhoods", "name": frame["Neighbourhood"]})
    places["label::English (en)"] = places["label::Arabic (ar)"] = places["name"]
    choices = laid_over(read(folder / "choices.csv"), read(ours / "choices_over.csv"), ["list_name", "name"])
    pd.concat([choices[choices["list_name"] != "neighbourhoods"], places]).fillna("").to_csv(
        folder / "choices.csv", index=False
    )
    counts = pd.DataFrame({"variable": "neighbourhood", "value": frame["Neighbourhood"]})
    counts.assign(count=frame["Total.no.of.HH"], source="sample frame of the field teams").to_csv(
        folder / "frame.csv", index=False
    )
    with open(folder / "corrections.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, CORRECTION)
        writer.writeheader()
        writer.writerows(corrections_of(read(REACH / "cleaningtools_cleaning_log.csv")))
    shutil.copy(REACH / "cleaningtools_raw_data.csv", folder / "delivered" / "raw_data.csv")
    return folder


def gss_folder(project: Path) -> Path:
    """The whole definition of the working-life questions: ours, and the answers of those who have a weight."""
    folder = shutil.copytree(SURVEYS / "gss_work", project / "data" / "raw" / "gss_work")
    (folder / "delivered").mkdir()
    rows = read(GSS / "gss_panel06_long.csv")
    rows[rows["wtpannr12"] != ""].to_csv(folder / "delivered" / "gss_panel06_long.csv", index=False)
    return folder


def built(folder: Path) -> dict[str, pd.DataFrame]:
    """The tables of a survey that passes ``check`` and ``build`` on the command line."""
    assert [main([command, str(folder)]) for command in ("check", "build")] == [0, 0]
    return {name: read_processed(read_survey(folder), name) for name in ("interviews", "issues", "analysis", "terms")}


@pytest.fixture(scope="module")
def reach(tmp_path_factory):
    folder = reach_folder(tmp_path_factory.mktemp("reach"))
    return folder, built(folder)


@pytest.fixture(scope="module")
def gss(tmp_path_factory):
    folder = gss_folder(tmp_path_factory.mktemp("gss"))
    return folder, built(folder)


@pytest.fixture(scope="module")
def log():
    return read(REACH / "cleaningtools_cleaning_log.csv")


@pytest.fixture(scope="module")
def raw():
    return read(REACH / "cleaningtools_raw_data.csv")


# households and their water: what was delivered, and what the cleaning log says was done to it


def test_the_interviews_taken_out_are_those_of_the_log(reach, log):
    _, tables = reach
    removed = tables["issues"].query("action == 'removed'")
    wanted = set(log.loc[log["change_type"] == "remove_survey", "X_uuid"])
    assert (set(removed["interview"]), len(removed), len(tables["interviews"])) == (wanted, 54, 632 - 54)


def test_every_change_of_the_log_stands_in_the_interviews(reach, log):
    _, tables = reach
    interviews = tables["interviews"]
    changes = log[log["change_type"].isin(["change_response", "blank_response"])]
    changes = changes[changes["X_uuid"].isin(interviews.index)]
    wrong = [
        (entry.X_uuid, entry.questions)
        for entry in changes.itertuples()
        if not stands(interviews.loc[entry.X_uuid], entry.questions, entry.new_value)
    ]
    assert (len(changes), wrong) == (51 - 2, [])


def stands(interview: pd.Series, question: str, value: str) -> bool:
    """Whether an interview holds the value a log entry gives to a question, or to one of its options."""
    there = interview[question.replace(".", "__")]
    if "." in question:
        return value == "0" if pd.isna(there) else bool(there) == (value == "1")
    if value == "":
        return bool(pd.isna(there))
    if isinstance(there, pd.Timestamp):
        return there == pd.Timestamp(value)
    return there == value if isinstance(there, str) else float(there) == float(value)


def test_what_is_not_applied_is_what_the_log_says_twice(reach):
    _, tables = reach
    refused = tables["issues"].query("kind == 'correction_not_applied'")
    assert sorted(refused["rule"].str.partition(": ")[2]) == [
        "the answer is already what the correction says",
        "the answer is already what the correction says",
        "the interview was taken out by an earlier correction",
    ]
    assert tables["issues"].query("kind == 'correction'")["action"].value_counts().to_dict() == {
        "removed": 54,
        "changed": 44,
        "set_missing": 5,
    }


def test_after_cleaning_every_neighbourhood_holds_just_the_households_of_the_frame(reach):
    folder, tables = reach
    frame = read(folder / "frame.csv").set_index("value")["count"].astype(int)
    held = tables["analysis"]["neighbourhood"].astype("str").value_counts()
    assert held.reindex(frame.index).to_dict() == frame.to_dict()
    np.testing.assert_allclose(tables["analysis"]["weight"], 1.0)


def test_no_answer_is_outside_the_form_once_the_form_is_as_the_export(reach):
    _, tables = reach
    found = tables["issues"]["kind"].value_counts().to_dict()
    assert not {"option_unknown", "unreadable", "constraint", "skip", "choice_filter"} & set(found)
    assert (found["option_form"], found["missing_code"]) == (35, 357)


def test_where_the_log_and_the_export_disagree_is_what_the_readme_lists(log, raw):
    found = disagreements(log, raw)
    print(found.to_string())
    readme = (SURVEYS / "reach_talafar" / "README.md").read_text(encoding="utf-8")
    assert [line for kind, entries in found.items() if (line := f"| {kind} | {entries} |") not in readme] == []


def disagreements(log: pd.DataFrame, raw: pd.DataFrame) -> pd.Series:
    """Number of log entries per way in which they do not fit the export or one another."""
    answers = raw.set_index("X_uuid")
    removal, change = log["change_type"].eq("remove_survey"), log["change_type"].str.endswith("_response")
    known = log["questions"].isin(raw.columns)
    there = pd.Series(
        [answers.at[u, q] if q in answers else "" for u, q in zip(log["X_uuid"], log["questions"], strict=True)]
    )
    told = log["old_value"].ne("") & known
    as_number = [pd.to_numeric(text.str.replace(",", ""), errors="coerce") for text in (log["old_value"], there)]
    same_number = as_number[0].eq(as_number[1])
    option = log["questions"].str.contains(".", regex=False)
    seconds = pd.to_datetime(answers["end"]) - pd.to_datetime(answers["X.U.FEFF.start"])
    minutes = log["X_uuid"].map(seconds.dt.total_seconds() / 60)
    timed = log["issue"].str.startswith("Survey completed")
    off = (log["old_value"].str.extract(r"^([\d.]+) min$", expand=False).astype(float) - minutes).abs() > 0.1
    again = log.duplicated(["X_uuid", "questions", "change_type"])
    return pd.Series(
        {
            "interview not in the export": (~log["X_uuid"].isin(answers.index)).sum(),
            "question not in the export": (log["questions"].ne("") & ~known).sum(),
            "removal of an interview removed already": (removal & log.duplicated(["X_uuid", "change_type"])).sum(),
            "change told twice": (change & again).sum(),
            "change of an interview that is removed": (change & log["X_uuid"].isin(log[removal]["X_uuid"])).sum(),
            "change without an old value": (change & log["old_value"].eq("")).sum(),
            "change of one option of a question": (change & option).sum(),
            "old value of an option, 0 where the export has False": (told & option & there.eq("False")).sum(),
            "old value that is not the answer in the export": (
                told & ~option & ~same_number & log["old_value"].str.strip().ne(there.str.strip())
            ).sum(),
            "old value that is the same number in another form": (
                told & ~option & same_number & log["old_value"].ne(there)
            ).sum(),
            "note without consequence, told again": (~removal & ~change & again & log["questions"].ne("")).sum(),
            "length of an interview that is not end less start": (timed & off).sum(),
            "entry without the enumerator": log["enumerator_num"].eq("").sum(),
        }
    )


def test_the_household_report_is_made_in_arabic(reach):
    folder, _ = reach
    [page] = run_notebooks(
        read_survey(folder), languages=["ar"], notebooks=["04_report.ipynb"], progress=lambda _: None
    )
    text = page.read_text(encoding="utf-8")
    assert "الأسر وخدمة المياه في تلعفر" in text
    assert "578" in text


# working life: staffing, pay and workload with weights, strata and clusters


def test_everybody_with_a_weight_is_an_interview(gss):
    _, tables = gss
    found = tables["issues"].groupby("kind").size().to_dict()
    assert (len(tables["interviews"]), found) == (1536, {"incomplete": 53, "unreadable": 9})


def test_weighted_means_and_their_errors_are_those_of_r(gss):
    folder, tables = gss
    design = sample_design(tables["analysis"], read_survey(folder))
    ours = mean(list(MEANS_OF_R), tables["analysis"], design=design).table.set_index("variable")
    theirs = pd.DataFrame(MEANS_OF_R, index=["estimate", "std_error"]).T
    np.testing.assert_allclose(ours.loc[theirs.index, theirs.columns], theirs, rtol=1e-9)


def test_models_and_their_errors_are_those_of_r(gss):
    _, tables = gss
    for model, theirs in MODELS_OF_R.items():
        ours = tables["terms"].query("model == @model")[["estimate", "std_error"]].to_numpy(dtype=float)
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, err_msg=model)


def test_a_weighted_mean_by_hand_is_the_one_reported(gss):
    _, tables = gss
    rows = read(GSS / "gss_panel06_long.csv").query("wave == '1.0' and wtpannr12 != '' and toofewwk != ''")
    score = rows["toofewwk"].map({"Never": 1, "Rarely": 2, "Sometimes": 3, "Often": 4}).to_numpy(dtype=float)
    by_hand = np.average(score, weights=rows["wtpannr12"].astype(float))
    scored = tables["analysis"].dropna(subset="staff_shortage")
    assert np.average(scored["staff_shortage"].astype(float), weights=scored["weight"]) == pytest.approx(by_hand)


# Made by reference/gss_work.R: R 4.2.2, survey 4.1-1.
MEANS_OF_R = {
    "workload": (2.2743220773047, 0.0205648811298),
    "staff_shortage": (2.7585426492736, 0.0381088621904),
    "pay_fairness": (2.5575128494452, 0.0368955988294),
    "exhaustion": (3.1717887963752, 0.0351043971951),
    "job_satisfaction": (3.3621350385924, 0.0246689433914),
    "hrs1": (42.613134857538, 0.597922616444),
}
MODELS_OF_R = {
    "workload": [
        (1.60670121726792, 0.08142442006214),
        (0.17955797076562, 0.02482808789184),
        (0.00467126630384, 0.00136679342578),
        (-0.14726597385120, 0.04970100538947),
    ],
    "new_job": [
        (5.4810532202852, 0.67368425161187),
        (-1.1381935629992, 0.13567630383938),
        (-0.1876616832188, 0.11250163162227),
        (0.0300886210972, 0.10058584278413),
        (-0.0466614272133, 0.00680806970156),
    ],
}
