"""Tables are what they are documented to be, and are read back as they were written."""

import json
from types import SimpleNamespace

import pandas as pd
import pytest

from kzsurvey.errors import ReportError
from kzsurvey.tables import TABLES, check_table, read_processed, write_tables

MENTION = {
    "interview": ["i1"], "question": ["q"], "start": [0], "end": [2], "code": ["P1"],
    "source": ["rule"], "coder": ["rule:P1"], "score": [1.0], "stands": [True],
}  # fmt: skip


@pytest.fixture
def survey(tmp_path):
    return SimpleNamespace(processed=tmp_path / "processed", folder=tmp_path / "definition")


def test_every_column_of_every_table_says_what_it_means():
    for table in TABLES.values():
        assert table.row
        assert all(meaning for _, meaning in table.columns.values())


def test_a_missing_an_unknown_and_a_wrong_column_are_all_named():
    wrong = pd.DataFrame(MENTION).drop(columns="code").assign(start="0", mood=1)
    with pytest.raises(TypeError, match=r"no column code.*unknown column mood.*column start is str, must be integer"):
        check_table(wrong, "mentions")


def test_a_table_of_interviews_needs_a_unique_named_index():
    table = pd.DataFrame({"file": ["a", "a"], "row": [2, 3]}, index=pd.Index(["i1", "i1"], name="interview"))
    with pytest.raises(TypeError, match="index must be unique"):
        check_table(table, "interviews")


def test_a_table_written_is_the_table_read(survey):
    mentions = pd.DataFrame(MENTION)
    write_tables({"mentions": mentions}, survey.processed, manifest={"survey": "x"})
    pd.testing.assert_frame_equal(read_processed(survey, "mentions"), mentions)
    assert (survey.processed / "mentions.csv").read_bytes().startswith(b"\xef\xbb\xbfinterview")


def test_the_same_tables_give_the_same_bytes(survey):
    folders = [survey.processed / name for name in "ab"]
    for folder in folders:
        write_tables({"mentions": pd.DataFrame(MENTION)}, folder, manifest={})
    first, second = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert first == second


def test_numbers_are_kept_to_ten_digits_and_missing_ones_stay_missing(survey):
    index = pd.Index(list("abcd"), name="interview")
    table = pd.DataFrame(
        {
            "weight": [1 / 3, 2e-9 / 3, 0, 12345678901.25],
            "stratum": "s",
            "cluster": "c",
            "pay": [0.1, None, -2 / 3, 1e9],
        },
        index=index,
    ).astype({"pay": "Float64"})
    write_tables({"analysis": table}, survey.processed, manifest={})
    read = read_processed(survey, "analysis")
    assert read["weight"].tolist() == [0.3333333333, 6.666666667e-10, 0, 12345678900]
    assert read["pay"].isna().tolist() == [False, True, False, False]
    assert read["pay"].iloc[2] == -0.6666666667


def test_a_survey_not_built_is_told_how_to_build_it(survey):
    with pytest.raises(ReportError, match="not been built.*run: kzsurvey build"):
        read_processed(survey, "terms")


def test_a_table_changed_after_the_build_is_refused(survey):
    paths = write_tables({"mentions": pd.DataFrame(MENTION)}, survey.processed, manifest={})
    pd.DataFrame(MENTION).assign(code="P2").to_parquet(paths["mentions"])
    with pytest.raises(ReportError, match="not the one the build wrote"):
        read_processed(survey, "mentions")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"tables": 1}'])
def test_a_damaged_manifest_is_named(survey, text):
    survey.processed.mkdir()
    (survey.processed / "manifest.json").write_text(text)
    with pytest.raises(ReportError, match=r"manifest\.json: found no manifest of a build"):
        read_processed(survey, "terms")


def test_the_manifest_vouches_for_each_table(survey):
    write_tables({"mentions": pd.DataFrame(MENTION)}, survey.processed, manifest={"survey": "x"})
    manifest = json.loads((survey.processed / "manifest.json").read_text())
    assert manifest["tables"]["mentions"]["rows"] == 1
    assert manifest["survey"] == "x"
