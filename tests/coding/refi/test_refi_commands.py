"""`kzsurvey export` and `kzsurvey import`: what people type, what they see, what is on disk afterwards."""

import csv
import shutil
import zipfile
from pathlib import Path

import pytest

from kzsurvey.__main__ import main
from kzsurvey.cleaning import clean, read_answers
from kzsurvey.coding import entry, read_codings, record
from kzsurvey.coding.exchange import read_qdc, read_qdpx
from kzsurvey.survey import definition_faults, read_survey

MARKET = Path(__file__).parents[2] / "surveys" / "data" / "raw" / "market"
TEXT = "46ACDB89-832F-4998-A542-D579FCBE8F1F.txt"


@pytest.fixture
def market(tmp_path):
    return Path(shutil.copytree(MARKET, tmp_path / "data" / "raw" / "market"))


@pytest.fixture
def coded(market):
    """The market survey with one coding, and the answer it is on."""
    survey = read_survey(market)
    interviews, _ = clean(read_answers(survey), survey)
    one, text = next(iter(interviews["troubles"].dropna().items()))
    record(survey, "ann", entry("add", one, "troubles", text, start=0, end=3, code="T1.1", memo="first"))
    return market, one, text


def run(*arguments):
    return main([str(argument) for argument in arguments])


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_export_writes_a_project_and_beside_it_what_was_not_taken(coded, tmp_path, capsys):
    market, _, text = coded
    assert run("export", market, "--to", tmp_path / "out.qdpx") == 0
    said = capsys.readouterr().out
    assert "<Project 'market' of kzsurvey: 1 users, 4 codes" in said
    assert str(tmp_path / "out.not_taken.csv") in said
    project = read_qdpx(tmp_path / "out.qdpx")
    assert project.passages[["name", "description"]].to_numpy().tolist() == [[text[:3], "first"]]


def test_export_of_the_codebook_needs_no_answers(market, tmp_path):
    assert run("export", market, "--to", tmp_path / "out.qdc") == 0
    assert len(read_qdc(tmp_path / "out.qdc").codes) == 4


def test_export_to_another_kind_of_file_and_of_an_unknown_question_is_refused(market, tmp_path, capsys):
    assert run("export", market, "--to", tmp_path / "out.docx") == 2
    assert "found a file that ends in '.docx'; allowed: .qdc" in capsys.readouterr().err
    assert run("export", market, "--to", tmp_path / "out.qdpx", "--variables", "stal_kind") == 2
    assert "did you mean stall_kind?" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_what_was_exported_comes_back_as_a_coder_of_its_own(coded, tmp_path, capsys):
    market, one, _ = coded
    assert run("export", market, "--to", tmp_path / "out.qdpx", "--positions", "utf-16") == 0
    assert run("import", tmp_path / "out.qdpx", market) == 2
    assert "coder ann, who has codings in market already" in capsys.readouterr().err
    assert run("import", tmp_path / "out.qdpx", market, "--coder", "ann_2") == 0
    assert "places were read as: utf-16" in capsys.readouterr().out
    survey = read_survey(market)
    spans = read_codings(survey, clean(read_answers(survey), survey)[0]).spans
    assert spans[["coder", "interview", "start", "end", "code", "memo"]].to_numpy().tolist() == [
        ["ann", one, 0, 3, "T1.1", "first"], ["ann_2", one, 0, 3, "T1.1", "first"]]  # fmt: skip


def test_a_codebook_is_not_laid_over_that_of_a_survey(market, tmp_path, capsys):
    assert run("export", market, "--to", tmp_path / "out.qdc") == 0
    before = files(market)
    assert run("import", tmp_path / "out.qdc", market) == 2
    assert "a codebook, while" in capsys.readouterr().err
    assert files(market) == before


def test_a_project_of_others_becomes_a_survey_that_is_sound_and_has_its_codings(packed, tmp_path, capsys):
    text = "工资太低😀，又留不住人，电话13800138000"
    folder = tmp_path / "data" / "raw" / "tea"
    assert run("import", packed("maxqda", {TEXT: text}), folder) == 0
    assert "recorded: {('Aygul', 'add'): 1, ('Aygul', 'memo'): 1}" in capsys.readouterr().out
    assert definition_faults(folder) == []
    survey = read_survey(folder)
    codings = read_codings(survey, clean(read_answers(survey), survey)[0])
    assert codings.spans[["interview", "quote", "code"]].to_numpy().tolist() == [["T1", "工资太低😀", "待遇低"]]
    assert codings.memos["memo"].tolist() == ["与待遇有关"]
    assert "13800138000" not in "".join(path.read_text(encoding="utf-8") for path in (folder / "codings").glob("*"))


def test_the_new_survey_can_be_checked_and_built(packed, tmp_path):
    folder = tmp_path / "data" / "raw" / "tea"
    assert run("import", packed("maxqda", {TEXT: "工资太低😀，又留不住人"}), folder) == 0
    assert run("check", folder) == 0
    assert run("build", folder) == 0


def test_a_passage_over_something_screened_takes_it_in_and_is_listed(packed, tmp_path):
    text = "工资太低😀，电话是13800138000，找我"
    change = [('endPosition="11" name="留不住人"', f'endPosition="{len(text) - 3}" name=""')]
    assert run("import", packed("maxqda", {TEXT: text}, change=change), tmp_path / "tea") == 0
    with open(tmp_path / "tea" / "not_taken.csv", encoding="utf-8", newline="") as file:
        reasons = [row["reason"] for row in csv.DictReader(file)]
    assert (
        "kept, but its words in the answer T1 text are not quite those it was given to; the comment on it: 与待遇有关"
        in reasons
    )
    assert "13800138000" not in "".join(reasons)
    survey = read_survey(tmp_path / "tea")
    memo = read_codings(survey, clean(read_answers(survey), survey)[0]).memos.iloc[0]
    answer = clean(read_answers(survey), survey)[0].at["T1", "text"]
    assert answer[memo["start"] : memo["end"]] == "话是[电话]"


def test_a_codebook_of_others_becomes_the_codebook_of_a_new_survey(market, tmp_path):
    assert run("export", market, "--to", tmp_path / "out.qdc") == 0
    assert run("import", tmp_path / "out.qdc", tmp_path / "new") == 0
    assert definition_faults(tmp_path / "new") == []
    new, old = read_survey(tmp_path / "new"), read_survey(market)
    kept = ["scheme", "parent", "name_zh", "name_en", "definition_zh", "use_when", "example"]
    assert new.codes[kept].equals(old.codes[kept])


@pytest.mark.parametrize("change", [
    [('endPosition="11"', 'endPosition="999"')],
    [("3A2F02\"/>\n        </Coding>", "3A2F99\"/>\n        </Coding>")],
])  # fmt: skip
def test_a_project_at_fault_leaves_no_folder_behind(packed, tmp_path, capsys, change):
    assert run("import", packed("maxqda", {TEXT: "工资太低😀，又留不住人"}, change=change), tmp_path / "tea") == 2
    assert "Traceback" not in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["given.qdpx"]


def test_a_folder_in_use_that_is_no_survey_is_left_alone(packed, tmp_path, capsys):
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "a.txt").write_text("mine", encoding="utf-8")
    assert run("import", packed("maxqda", {TEXT: "工资太低😀，又留不住人"}), tmp_path / "used") == 2
    assert "a folder that is in use and no survey" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "used").iterdir()] == ["a.txt"]


def test_a_project_that_is_not_of_this_survey_is_refused_whole(packed, market, capsys):
    before = files(market)
    assert run("import", packed("maxqda", {TEXT: "工资太低😀，又留不住人"}), market) == 2
    said = capsys.readouterr().err
    assert "source '摊主'; allowed: an answer of the survey" in said
    assert "code '待遇低', given 1 times" in said
    assert files(market) == before


def test_two_exports_of_one_survey_are_the_same_bytes(coded, tmp_path):
    market, *_ = coded
    for name in ("a", "b"):
        assert run("export", market, "--to", tmp_path / f"{name}.qdpx") == 0
    assert (tmp_path / "a.qdpx").read_bytes() == (tmp_path / "b.qdpx").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.qdpx") as made:
        assert made.testzip() is None
