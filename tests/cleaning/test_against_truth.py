"""Every fault planted in the simulated files is found, and nothing is said of what nobody planted.

``pytest -s`` prints the table: planted, found (as that kind, in that place), told (as another kind), read (the value is
right and there was nothing to tell), missed, and wrongly flagged (an issue of that kind where nothing was planted).
"""

from pathlib import Path

import pandas as pd
import pytest

from kzsurvey.cleaning import clean, read_answers
from kzsurvey.survey import read_survey

ROOT = Path(__file__).parents[2]
TRUTH = ROOT / "tests" / "truth" / "kizilsu" / "faults.csv"
PLACE = ["file", "row", "question"]
CLASSES = ["planted", "found", "told", "read", "missed", "wrongly flagged"]


@pytest.fixture(scope="module")
def survey():
    return read_survey(ROOT / "data" / "raw" / "kizilsu")


@pytest.fixture(scope="module")
def answers(survey):
    return read_answers(survey)


@pytest.fixture(scope="module")
def cleaned(answers, survey):
    return clean(answers, survey)


@pytest.fixture(scope="module")
def planted():
    return pd.read_csv(TRUTH, dtype=str, keep_default_na=False)


@pytest.fixture(scope="module")
def issues(cleaned):
    text = cleaned.issues.astype({"row": "str"})
    return text.assign(question=text["question"].fillna(""))


@pytest.fixture(scope="module")
def classed(planted, issues, cleaned):
    return planted.assign(status=[status(fault, issues, cleaned.interviews) for fault in planted.itertuples()])


@pytest.fixture(scope="module")
def wrong(planted, issues):
    """Issues at places where nothing was planted; a finding about a whole interview may stand for any answer in it."""
    rows = set(planted[["file", "row"]].itertuples(index=False, name=None))
    cells = set(planted[PLACE].itertuples(index=False, name=None))
    unknown = [
        (file, row, question) not in cells if question else (file, row) not in rows
        for file, row, question in issues[PLACE].itertuples(index=False, name=None)
    ]
    return issues[pd.Series(unknown, index=issues.index) & ~issues["kind"].isin(["column_absent", "encoding"])]


def status(fault, issues, interviews):
    here = issues[(issues["file"] == fault.file) & (issues["row"] == fault.row)]
    at = here[here["question"].isin([fault.question, ""])]
    if fault.kind in set(at["kind"]):
        return "found"
    if fault.question in set(here["question"]):
        return "told"
    row = interviews[(interviews["file"] == fault.file) & (interviews["row"].astype(str) == fault.row)]
    if fault.question and len(row) == 1 and fault.expected in values(row.iloc[0], fault.question):
        return "read"
    return "missed"


def values(row, question):
    """An answer as text, and the reason for which there is none."""
    value = row[question]
    number = f"{float(value):g}" if isinstance(value, int | float) else str(value)
    return {number, str(row[f"{question}__missing"])}


def test_the_table_of_planted_and_found(classed, wrong, capsys):
    table = pd.crosstab(classed["kind"], classed["status"]).reindex(columns=CLASSES[1:5], fill_value=0)
    table.insert(0, "planted", table.sum(axis=1))
    extra = wrong["kind"].value_counts()
    table = table.reindex(table.index.union(extra.index), fill_value=0)
    table["wrongly flagged"] = extra.reindex(table.index, fill_value=0)
    listed = classed.loc[classed["status"] != "found", ["kind", *PLACE, "delivered", "expected", "status"]]
    with capsys.disabled():
        print(f"\n{table.to_string()}\n\nnot found as planted:\n{listed.to_string()}\n\nwrongly flagged:")
        print(wrong[["kind", *PLACE, "before", "after", "rule"]].to_string())
    assert table["missed"].sum() == 0
    assert table["found"].sum() >= 0.98 * table["planted"].sum()
    assert table["wrongly flagged"].sum() <= 0.01 * table["planted"].sum()


def test_what_was_read_is_what_is_true(classed, cleaned, planted):
    """A changed answer has the value that is true; what cannot be known has none."""
    kept = (
        cleaned.interviews.reset_index().assign(row=lambda table: table["row"].astype(str)).set_index(["file", "row"])
    )
    checked = planted[(planted["question"] != "") & (planted["kind"] != "personal_data")]
    wrong = []
    for fault in checked.itertuples():
        if (fault.file, fault.row) in kept.index and fault.expected not in ("flagged", "lost", ""):
            row = kept.loc[(fault.file, fault.row)]
            if not same(row, fault):
                wrong.append((fault.kind, fault.file, fault.row, fault.question, fault.delivered, row[fault.question]))
    assert len(wrong) <= 0.005 * len(checked), wrong


def same(row, fault):
    """Whether an answer, or the reason for which there is none, is the expected one."""
    if fault.expected in values(row, fault.question):
        return True
    return str(row[fault.question]).removesuffix(" 00:00:00").startswith(fault.expected)


def test_no_planted_name_phone_or_identity_number_is_in_any_table(answers, cleaned, planted):
    secrets = planted.loc[planted["kind"] == "personal_data", "delivered"]
    for table in (answers, cleaned.interviews, cleaned.issues):
        text = "\n".join(table.astype(object).fillna("").astype(str).agg("\t".join, axis=1))
        assert [secret for secret in secrets if secret in text] == []


def test_no_direct_identifier_is_in_any_table(answers, cleaned):
    truth = pd.read_csv(TRUTH.parent / "interviews.csv", dtype=str, keep_default_na=False)
    people = set(truth["respondent_name"]) | set(truth["respondent_phone"]) | set(truth["respondent_id"])
    for table in (answers, cleaned.interviews, cleaned.issues):
        text = "\n".join(table.astype(object).fillna("").astype(str).agg("\t".join, axis=1))
        assert [person for person in sorted(people - {""}) if person in text] == []


def test_every_row_is_an_interview_or_has_one_reason_why_not(answers, cleaned):
    removed = cleaned.issues[cleaned.issues["action"] == "removed"]
    assert len(answers) == len(cleaned.interviews) + len(removed)
    assert not removed[["file", "row"]].duplicated().any()
