"""Every command prints what it did and where; a fault is one sentence, exit status 2, no traceback."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kzsurvey.__main__ import main

MARKET = Path(__file__).parent / "surveys" / "data" / "raw" / "market"
COMMANDS = ("new", "check", "simulate", "build", "report", "run", "export", "import")


@pytest.fixture
def market(tmp_path):
    return Path(shutil.copytree(MARKET, tmp_path / "data" / "raw" / "market"))


def files(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def fails(capsys, *arguments):
    """What a failing command says: one message on the error stream, no traceback."""
    assert main([str(argument) for argument in arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("kzsurvey: ")
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_every_command_comes_without_loading_a_table_library(command):
    script = (
        "import sys; from kzsurvey.__main__ import main\n"
        f"try: main(['{command}', '--help'])\n"
        "except SystemExit: print('loaded', [m for m in ('pandas', 'numpy') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert f"usage: kzsurvey {command}" in run.stdout
    assert "loaded []" in run.stdout


def test_an_unknown_command_is_refused_with_those_there_are(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["bild"])
    assert "'build'" in capsys.readouterr().err


def test_check_of_a_sound_survey_counts_what_it_found(capsys, market):
    assert main(["check", str(market)]) == 0
    assert "sound" in capsys.readouterr().out


def test_a_wrong_folder_is_told_where_a_survey_is(capsys, market, monkeypatch):
    monkeypatch.chdir(market.parents[2])
    for wrong in ("market", "data", "data/raw", ".", "data/raw/market/survey.toml"):
        said = fails(capsys, "check", wrong)
        assert said.endswith(f"a survey is here: {Path('data/raw/market')}\n")
    assert fails(capsys, "check", "nowhere").endswith("no such folder; allowed: the folder of a survey\n")


def test_a_first_look_leads_from_a_new_folder_to_tables(capsys, tmp_path):
    folder = tmp_path / "data" / "raw" / "clinics"
    assert main(["new", str(folder)]) == 0
    assert "register each with [[delivered]]" in fails(capsys, "build", folder)
    assert main(["simulate", str(folder), "--interviews", "60"]) == 0
    assert '[[delivered]], below it: file = "delivered/clinics.csv"' in capsys.readouterr().out
    assert "not registered: delivered/clinics.csv" in fails(capsys, "build", folder)
    settings = folder / "survey.toml"
    entry = '#[[delivered]]\n#file = "delivered/clinics.csv"\n'
    text = settings.read_text(encoding="utf-8")
    assert entry in text
    settings.write_text(text.replace(entry, entry.replace("#", "")), encoding="utf-8")
    (folder / "delivered" / "clinics.csv").unlink()
    assert f"kzsurvey simulate {folder}" in fails(capsys, "check", folder)
    assert main(["simulate", str(folder), "--interviews", "60"]) == 0
    assert "next:" not in capsys.readouterr().out
    assert main(["build", str(folder)]) == 0


def test_check_lists_all_faults_at_once(capsys, market):
    questions = (market / "questions.csv").read_text(encoding="utf-8")
    (market / "questions.csv").write_text(questions.replace("integer,", "number,"), encoding="utf-8")
    (market / "measures.csv").unlink()
    said = fails(capsys, "check", market)
    assert "faults" in said
    assert "questions.csv, row" in said


def test_a_code_whose_example_gets_another_code_is_a_fault(capsys, market):
    import pandas as pd

    codes = pd.read_csv(market / "codes.csv", dtype=str, keep_default_na=False)
    codes.loc[codes["code"] == "T1.1", "example"] = "没人来买东西"
    codes.to_csv(market / "codes.csv", index=False)
    said = fails(capsys, "check", market)
    assert "codes.csv, row 3, column example" in said


def test_a_build_writes_the_six_tables_and_leaves_the_definition_alone(capsys, market, tmp_path):
    before = files(market)
    assert main(["build", str(market)]) == 0
    assert files(market) == before
    written = {path.name for path in (tmp_path / "data" / "processed" / "market").iterdir()}
    assert {
        f"{name}.parquet" for name in ("answers", "interviews", "issues", "mentions", "analysis", "terms")
    } <= written
    assert "manifest.json" in written
    assert str(tmp_path / "data" / "processed" / "market") in capsys.readouterr().out


def test_building_twice_gives_the_same_bytes(capsys, market, tmp_path):
    main(["build", str(market)])
    first = files(tmp_path / "data" / "processed")
    main(["build", str(market)])
    assert files(tmp_path / "data" / "processed") == first


def test_a_build_that_fails_leaves_the_tables_of_the_last_good_one(capsys, market, tmp_path):
    main(["build", str(market)])
    first = files(tmp_path / "data" / "processed")
    toml = (market / "survey.toml").read_text(encoding="utf-8")
    (market / "survey.toml").write_text(toml.replace('formula = "', 'formula = "nonsense ~ '), encoding="utf-8")
    fails(capsys, "build", market)
    assert files(tmp_path / "data" / "processed") == first


def test_a_report_of_a_survey_not_built_says_how_to_build_it(capsys, market, tmp_path):
    said = fails(capsys, "report", market)
    assert "kzsurvey build" in said
    assert not (tmp_path / "reports").exists() or not files(tmp_path / "reports")


@pytest.mark.parametrize("command", ["check", "build", "report", "run", "simulate"])
def test_a_folder_that_is_not_there_is_named(capsys, tmp_path, command):
    assert "nowhere" in fails(capsys, command, tmp_path / "nowhere")


def test_a_report_after_a_change_of_the_definition_asks_for_a_new_build(capsys, market):
    main(["build", str(market)])
    codes = (market / "codes.csv").read_text(encoding="utf-8")
    (market / "codes.csv").write_text(codes.replace("High rent", "Rent"), encoding="utf-8")
    said = fails(capsys, "report", market)
    assert "codes.csv: found a change since the last build" in said
    assert "kzsurvey build" in said


def test_a_build_refuses_a_code_whose_example_gets_another_code(capsys, market, tmp_path):
    codes = (market / "codes.csv").read_text(encoding="utf-8")
    (market / "codes.csv").write_text(codes.replace("租金太高，快交不起了", "没人来买东西"), encoding="utf-8")
    assert "column example" in fails(capsys, "build", market)
    assert not (tmp_path / "data" / "processed").exists()


def test_a_language_the_survey_does_not_have_is_refused_with_those_it_has(capsys, market):
    main(["build", str(market)])
    said = fails(capsys, "report", market, "--language", "fr")
    assert "fr" in said
    assert "zh" in said


def test_a_kind_of_file_that_is_not_made_is_refused(capsys, market):
    main(["build", str(market)])
    assert "html" in fails(capsys, "report", market, "--to", "pptx")


def test_a_new_survey_is_drafted_and_is_never_written_over(capsys, tmp_path):
    folder = tmp_path / "data" / "raw" / "clinic"
    assert main(["new", str(folder)]) == 0
    assert "survey.toml" in capsys.readouterr().out
    before = files(folder)
    assert "clinic" in fails(capsys, "new", folder)
    assert files(folder) == before


def test_real_answers_are_never_mixed_with_simulated_ones(capsys, market):
    toml = (market / "survey.toml").read_text(encoding="utf-8")
    (market / "survey.toml").write_text(toml.replace("simulated = true", "simulated = false"), encoding="utf-8")
    before = files(market)
    assert "simulated" in fails(capsys, "simulate", market)
    assert files(market) == before


def test_fewer_than_one_interview_is_refused(capsys, market):
    with pytest.raises(SystemExit, match="2"):
        main(["simulate", str(market), "--interviews", "0"])
    assert "1 or more" in capsys.readouterr().err


def test_teaching_writes_the_phrases_and_says_how_well_they_do(capsys, market):
    rows = [f"{number}个客人,troubles,T2\n{number}天好," + "troubles," for number in range(10)]
    (market / "sentences.csv").write_text("\n".join(["sentence,question,codes", *rows]), encoding="utf-8")
    assert main(["teach", str(market)]) == 0
    assert "precision" in capsys.readouterr().out
    assert main(["check", str(market)]) == 0


def test_teaching_without_sentences_names_the_file(capsys, market):
    assert "sentences.csv" in fails(capsys, "teach", market)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a program whose pipe is closed in its own way")
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [["check", str(MARKET)], ["--help"], ["new"], ["check", "nowhere"]])
def test_a_closed_pipe_ends_a_command_quietly(arguments, unbuffered):
    environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
    command = [sys.executable, "-m", "kzsurvey", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        process.stdout.close()
        said = process.stderr.read().decode()
    assert "Traceback" not in said
    assert "Exception ignored" not in said
    if arguments == ["check", str(MARKET)]:
        assert process.returncode == 141


def test_a_build_that_nobody_reads_writes_nothing(market):
    command = [sys.executable, "-m", "kzsurvey", "build", str(market)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
    assert said == b""
    assert not list((market.parents[1] / "processed").glob("*/*.parquet"))
