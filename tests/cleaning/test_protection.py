"""Direct identifiers leave at the first stage; the same person is the same pseudonym however the id is written."""

import stat
import sys

import pytest

from kzsurvey.cleaning import clean, read_answers
from kzsurvey.cleaning.protection import key_file, pseudonym, read_key
from kzsurvey.errors import DeliveryError

QUESTIONS = [
    {"type": "text", "name": "person", "sensitivity": "direct"},
    {"type": "text", "name": "phone", "sensitivity": "direct"},
    {"type": "text", "name": "belief", "sensitivity": "special"},
    {"type": "text", "name": "why"},
    {"type": "integer", "name": "age"},
]
FILE = (
    "id,person,phone,belief,why,age\n1,Ｒ００７ ,13800138000,x,王小明说13800138000,1\n"
    "2,r007,,y,好,13800138000\n3,拒答,,,,\n"
)


def test_people_are_pseudonyms_and_other_identifiers_are_empty(make):
    survey = make(QUESTIONS, {"a.csv": FILE}, interview='respondent = "person"')
    answers = read_answers(survey)
    assert answers["person"].iloc[0] == answers["person"].iloc[1] != "r007"
    assert answers["person"].iloc[2] == "拒答"
    assert answers["phone"].tolist() == answers["belief"].tolist() == ["", "", ""]


def test_no_table_holds_what_was_taken_out(make):
    survey = make(QUESTIONS, {"a.csv": FILE.replace("王小明", "王小明书记")}, interview='respondent = "person"')
    answers = read_answers(survey)
    interviews, issues = clean(answers, survey)
    for table in (answers, interviews, issues):
        text = table.to_csv()
        assert [secret for secret in ("13800138000", "王小明", "R007", "r007") if secret in text] == []
    assert issues.loc[issues["kind"] == "personal_data", "before"].unique().tolist() == ["[withheld]"]


def test_a_name_from_any_direct_column_is_taken_out_of_every_answer(make):
    file = "id,person,phone,belief,why,age\n1,钱钟书,,,,1\n2,x1,,,昨天钱钟书又来了,2\n"
    assert read_answers(make(QUESTIONS, {"a.csv": file}))["why"].tolist() == ["", "昨天[姓名]又来了"]


def test_a_damaged_answer_that_named_somebody_is_not_kept_in_its_damaged_form(make):
    broken = "他们都说我叫王建国没错，电话是13800138000号".encode().decode("gb18030", "replace")
    assert "\ufffd" in broken
    exact = "我叫王建国。".encode("gb18030").decode("latin-1")
    file = f"id,person,phone,belief,why,age\n1,,,,{broken},1\n2,,,,{exact},2\n"
    first, second = read_answers(make(QUESTIONS, {"a.csv": file}))["why"]
    assert first == "\ufffd" * 4
    assert second == "我叫[姓名]。"


def test_a_pseudonym_depends_on_the_key_and_on_the_part_played():
    key = b"0123456789abcdef"
    made = pseudonym("R7", part="respondent", key=key)
    assert len(made) == 12
    assert made != pseudonym("R7", part="interviewer", key=key) != pseudonym("R7", part="interviewer", key=key[::-1])


def test_the_key_comes_from_the_environment_and_must_be_long_enough(monkeypatch):
    monkeypatch.setenv("KZ_KEY", "long enough to protect people")
    assert read_key() == b"long enough to protect people"
    monkeypatch.setenv("KZ_KEY", "short")
    with pytest.raises(DeliveryError, match="a key of 5 characters"):
        read_key()


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the folder for settings is elsewhere there")
def test_a_key_is_made_once_outside_the_project_and_only_the_user_can_read_it(monkeypatch, tmp_path):
    monkeypatch.delenv("KZ_KEY", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "settings"))
    first = read_key()
    assert len(first) == 64
    assert read_key() == first
    assert key_file().is_relative_to(tmp_path)
    assert stat.S_IMODE(key_file().stat().st_mode) == 0o600


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="the folder for settings is elsewhere there")
def test_a_key_that_cannot_be_made_is_a_fault(monkeypatch, tmp_path):
    monkeypatch.delenv("KZ_KEY", raising=False)
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "file"))
    with pytest.raises(DeliveryError, match="no key for pseudonyms"):
        read_key()


def test_simulated_people_get_a_public_key(monkeypatch):
    monkeypatch.setenv("KZ_KEY", "short")
    assert read_key(simulated=True) == read_key(simulated=True)
