"""A simulation knows its truth, plants what it declares, writes equal bytes for equal seeds, touches nothing real."""

import csv
import dataclasses
import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kzsurvey.cleaning import KINDS, clean, read_answers
from kzsurvey.errors import DefinitionError, SurveyError
from kzsurvey.simulate import draw_truth, population_parameters, read_plan, simulate
from kzsurvey.simulate.delivery import deliver
from kzsurvey.simulate.grammar import clauses_of
from kzsurvey.simulate.invented import PHONE, check_digit
from kzsurvey.survey import compile_expression, new_survey, read_survey

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "data" / "raw" / "kizilsu"
TRUTH = ROOT / "tests" / "truth" / "kizilsu"


@pytest.fixture(scope="module")
def survey():
    return read_survey(FOLDER, check_delivered=False)


@pytest.fixture(scope="module")
def plan(survey):
    return read_plan(survey)


@pytest.fixture(scope="module")
def made(survey, plan):
    return deliver(survey, plan, interviews=500, seed=1)


@pytest.fixture(scope="module")
def large(survey, plan):
    many = dataclasses.replace(plan, clusters=pd.concat([plan.clusters] * 40, ignore_index=True))
    return draw_truth(survey, 20_000, 7, plan=many, text=False).interviews


@pytest.fixture
def copy(tmp_path):
    folder = tmp_path / "data" / "raw" / "kizilsu"
    shutil.copytree(FOLDER, folder, ignore=shutil.ignore_patterns("delivered"))
    return folder


def changed(folder, old, new):
    path = folder / "simulation.toml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    return read_survey(folder, check_delivered=False)


def digests(folder):
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in (folder / "delivered").iterdir()}


def slope(large, y, *x):
    columns = [pd.to_numeric(large[name].astype("object")).astype("float64") for name in (y, *x)]
    table = pd.concat(columns, axis=1).dropna().to_numpy()
    return np.linalg.lstsq(np.column_stack([np.ones(len(table)), table[:, 1:]]), table[:, 0], rcond=None)[0][1:]


# the files -----------------------------------------------------------------------------------------------------------


def test_the_committed_files_are_what_seed_1_gives(copy):
    simulate(copy, seed=1)
    assert digests(copy) == digests(FOLDER)


def test_the_same_seed_gives_the_same_bytes_with_another_hash_seed(copy):
    simulate(copy, interviews=80, seed=3)
    before = digests(copy)
    command = "import sys; from kzsurvey.simulate import simulate; simulate(sys.argv[1], interviews=80, seed=3)"
    environment = {**os.environ, "PYTHONHASHSEED": "12345"}
    subprocess.run([sys.executable, "-c", command, str(copy)], check=True, env=environment, cwd=ROOT)
    assert digests(copy) == before


def test_another_seed_gives_other_answers(survey, plan, made):
    other = draw_truth(survey, 500, 2, plan=plan, text=False).interviews
    assert not other["workload"].equals(made.truth.interviews["workload"])


def test_the_mess_does_not_alter_the_truth(survey, plan, made):
    clean_plan = dataclasses.replace(plan, mess={})
    without = deliver(survey, clean_plan, interviews=500, seed=1)
    pd.testing.assert_frame_equal(without.truth.interviews, made.truth.interviews)
    assert without.faults.empty


def test_fifty_interviews_are_enough_for_all_four_files(copy):
    paths = simulate(copy, interviews=50, seed=5)
    assert sorted(path.name for path in paths) == ["akqi.csv", "akto.csv", "artux.xlsx", "wuqia.csv"]


def test_simulated_answers_are_never_laid_beside_real_ones(copy):
    settings = copy / "survey.toml"
    settings.write_text(settings.read_text("utf-8").replace("simulated = true", "simulated = false", 1), "utf-8")
    with pytest.raises(SurveyError, match="simulated = false"):
        simulate(copy)
    assert not (copy / "delivered").exists()


def test_every_file_decodes_to_the_text_that_was_meant(made):
    for name, (team, lines) in made.files.items():
        if name.endswith(".csv"):
            with open(FOLDER / name, encoding=team.encoding, newline="") as file:
                assert list(csv.reader(file)) == lines


def test_the_big5_file_is_traditional_and_has_lost_no_character(made):
    _, lines = made.files["delivered/akqi.csv"]
    text = "".join(cell for line in lines for cell in line)
    assert "鄉" in text
    assert not re.search(r"[乡县这说们]", text)
    assert text.count("?") == 0


def test_traditional_answers_keep_the_length_of_the_true_ones_so_that_offsets_hold(made):
    _, lines = made.files["delivered/akqi.csv"]
    question = lines[0].index("您覺得基層組織的工作目前主要存在哪些問題？")
    identity = lines[0].index("訪談編號")
    answers = {line[identity]: line[question] for line in lines[1:] if line[question]}
    mentions = made.truth.mentions.query("question == 'open_problems'")
    true = made.truth.interviews["open_problems"].dropna()
    kept = [name for name in true.index.intersection(answers) if len(answers[name]) == len(true[name])]
    assert len(kept) > 50
    assert mentions["end"].le(mentions["interview"].map(true.str.len())).all()


# the truth -----------------------------------------------------------------------------------------------------------


def test_true_answers_keep_to_every_constraint_and_to_the_skip_logic(survey, made):
    table = made.truth.interviews
    for name, question in survey.questions.iterrows():
        if question["type"] == "note":
            continue
        if question["constraint"]:
            rule = compile_expression(question["constraint"], names=survey.questions.index)
            assert not rule.broken(table, value=table[name]).any(), name
        if question["relevant"]:
            asked = compile_expression(question["relevant"], names=survey.questions.index).mask(table)
            assert table.loc[~asked, name].isna().all(), name
        if question["required"]:
            assert not (table[f"{name}__missing"].astype("str") == "no_answer").any(), name


def test_a_quarter_or_more_are_residents_and_eight_per_cent_are_second_interviews(made):
    table = made.truth.interviews
    assert 0.20 < (table["role"].astype("str") == "resident").mean() < 0.32
    assert table["respondent_id"].duplicated().mean() == pytest.approx(0.08)


def test_second_interviews_of_one_person_are_alike(large):
    pairs = large[large["respondent_id"].duplicated(keep=False)].dropna(subset="pay_satisfaction")
    pairs = pairs.groupby("respondent_id")["pay_satisfaction"].agg(["first", "last", "size"]).query("size == 2")
    assert pairs["first"].corr(pairs["last"]) > 0.3


def test_the_structural_paths_of_the_six_hypotheses_are_there(large):
    assert slope(large, "vacancy_months", "pay_satisfaction")[0] < -0.8
    staffing, inspections = slope(large, "workload", "vacancy_share", "inspections_month")
    assert staffing > 1.0
    assert 0.04 < inspections < 0.10
    interaction = large.assign(product=large["workload"] * large["pay_satisfaction"])
    load, _, product = slope(interaction, "intention_to_leave", "workload", "pay_satisfaction", "product")
    assert load > 0.5
    assert -0.2 < product < -0.06


def test_the_parameters_on_file_are_those_of_the_superpopulation(survey, plan):
    drawn = population_parameters(survey, plan, interviews=20_000, seed=11).set_index(["model", "term"])["truth"]
    filed = pd.read_csv(TRUTH / "parameters.csv").set_index(["model", "term"])["truth"]
    assert set(drawn.index) == set(filed.index)
    hypotheses = [(model.name, model.term) for model in survey.models.values() if model.term]
    assert (drawn[hypotheses] / filed[hypotheses] - 1).abs().max() < 0.35


def test_every_mention_stands_where_the_truth_says(made):
    answers = made.truth.interviews
    for mention in made.truth.mentions.itertuples():
        assert answers.at[mention.interview, mention.question][mention.start : mention.end] == mention.clause


def test_every_code_that_is_drawn_has_several_hundred_clauses(plan):
    codes = {code for entry in plan.open for code in entry.codes}
    assert {code: count for code in codes if (count := len(set(clauses_of(plan, code)))) < 300} == {}


def test_open_answers_hold_none_one_two_or_three_codes_and_denied_ones(made):
    mentions = made.truth.mentions
    said = mentions[(mentions["code"] != "") & ~mentions["negated"]]
    counts = said.groupby(["interview", "question"])["code"].nunique()
    assert set(counts) == {1, 2, 3}
    assert mentions["negated"].sum() > 80
    assert (mentions["code"] == "").sum() > 500
    assert made.truth.interviews["open_causes"].str.len().max() > 250


def test_without_words_the_same_codes_are_named(survey, plan, made):
    silent = draw_truth(survey, 500, 1, plan=plan, text=False).mentions
    spoken = made.truth.mentions[(made.truth.mentions["code"] != "") & ~made.truth.mentions["negated"]]
    keys = ["interview", "question", "code"]
    assert set(map(tuple, silent[keys].to_numpy())) == set(map(tuple, spoken[keys].to_numpy()))


# the faults ----------------------------------------------------------------------------------------------------------


def test_faults_are_called_what_cleaning_calls_them(made):
    assert set(made.faults["kind"]) <= set(KINDS)


def test_faults_are_as_many_as_declared(made, plan):
    counts = made.faults["kind"].value_counts()
    exact = {kind: setting["count"] for kind, setting in plan.mess.items() if "count" in setting}
    assert {kind for kind in plan.mess if kind not in counts} == set()
    assert {kind: (counts[kind], wanted) for kind, wanted in exact.items() if abs(counts[kind] - wanted) > 1} == {}


def test_about_a_third_of_the_dates_are_in_another_form(made):
    assert 0.25 < (made.faults["kind"] == "date_form").sum() / 500 < 0.45


def test_every_fault_differs_from_the_truth_and_stands_where_it_says(made):
    for fault in made.faults.itertuples():
        if fault.question and fault.kind != "personal_data":
            assert fault.delivered != fault.truth, fault
    for name, (team, lines) in made.files.items():
        above = 1 if team.title else 0
        for fault in made.faults[made.faults["file"] == Path(name).name].itertuples():
            line = lines[fault.row - 1]
            assert fault.interview in line
            assert fault.delivered in line or any(fault.delivered in cell for cell in line)
            assert fault.row > above + 1


def test_the_committed_truth_is_what_seed_1_gives(made):
    faults = pd.read_csv(TRUTH / "faults.csv", dtype="str", keep_default_na=False)
    pd.testing.assert_frame_equal(faults, made.faults.astype("str"), check_dtype=False)


def test_no_planted_number_can_belong_to_anyone(made):
    cells = [cell for _, lines in made.files.values() for line in lines for cell in line]
    text = "\n".join(cells).translate(str.maketrans("", "", "- +"))
    phones = set(re.findall(r"(?<!\d)(?:86)?(1[3-9]\d{9})(?!\d)", text))
    identities = set(re.findall(r"(?<!\d)\d{17}[\dX](?![\dX])", text))
    assert phones == {PHONE}
    assert len(identities) > 5
    assert all(number[6:8] == "20" and int(number[6:10]) >= 2080 for number in identities)
    assert all(check_digit(number[:17]) == number[17] for number in identities)


def test_cleaning_gives_back_the_truth_of_all_closed_answers_that_were_not_spoilt(made):
    survey = read_survey(FOLDER)
    interviews = clean(read_answers(survey), survey).interviews
    true = made.truth.interviews
    spoilt = set(zip(made.faults["interview"], made.faults["question"], strict=True))
    half = set(made.faults.loc[made.faults["kind"].isin(["incomplete", "conflicting_id"]), "interview"])
    wrong = []
    for question in survey.questions.index[survey.questions["type"].isin(["integer", "decimal", "select_one"])]:
        for name in interviews.index.intersection(true.index).difference(half):
            if (name, question) in spoilt:
                continue
            got, wanted = interviews.at[name, question], true.at[name, question]
            if not (pd.isna(got) and pd.isna(wanted)) and got != wanted:
                wrong.append((name, question, got, wanted))
    assert wrong == []


# surveys without simulation.toml, and faults in it -------------------------------------------------------------------


def test_without_simulation_toml_answers_are_valid_and_random(tmp_path):
    folder = tmp_path / "data" / "raw" / "market"
    shutil.copytree(ROOT / "tests" / "surveys" / "data" / "raw" / "market", folder)
    settings = folder / "survey.toml"
    settings.write_text(re.sub(r"simulated = \w+", "simulated = true", settings.read_text("utf-8")), "utf-8")
    survey = read_survey(folder, check_delivered=False)
    truth = draw_truth(survey, 60, 1)
    assert len(truth.interviews) == 60
    for name, question in survey.questions.iterrows():
        if question["constraint"]:
            rule = compile_expression(question["constraint"], names=survey.questions.index)
            assert not rule.broken(truth.interviews, value=truth.interviews[name]).any(), name
    assert [path.name for path in simulate(folder, interviews=60)] == ["market.csv"]


def test_rules_that_ask_for_today_are_met_on_the_day_of_the_interview(tmp_path):
    folder = tmp_path / "clinics"
    new_survey(folder)
    text = (folder / "questions.csv").read_text("utf-8")
    born = "date,born,出生,Born,,,,,. < today(),,,,,none\n"
    lines = text.splitlines(keepends=True)
    age = "calculate,age,,,,,,,,,,years,ratio,none,int((today() - ${born}) div 365)\n"
    header = lines[0].rstrip("\n") + ",calculation\n"
    (folder / "questions.csv").write_text("".join([header, born, *lines[1:], age]), "utf-8")
    made = draw_truth(read_survey(folder, check_delivered=False), 80, 1).interviews
    assert (made["born"] < made["interview_date"]).all()
    assert made["interview_date"].dt.year.unique().tolist() == [2020]
    days = (made["interview_date"] - made["born"]).dt.days
    assert (made["age"] == days // 365).all()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('distribution = "normal"', 'distribution = "gauss"', r"distribution 'gauss'.*allowed: normal, lognormal"),
        ("shape = 6.0", "form = 6.0", r"no shape.*negative_binomial needs shape"),
        ("vacancy_share = 1.60", "vacancy = 1.60", r"'vacancy' in term 'vacancy'"),
        ("vacancy_share = 1.60", 'vacancy_share = "high"', r"coefficient 'high'"),
        ("second = 0.08", "secnd = 0.08", r"key 'secnd'"),
        ('level = "respondent"', 'level = "person"', r"level 'person'"),
        ('"C2.4" = { intercept', '"C9.9" = { intercept', r"code 'C9.9'"),
        ('question = "open_causes"', 'question = "open_cause"', r"question 'open_cause'"),
        ("resident = 0.46", "villager = 0.46", r"option 'villager'"),
        ("[mess]", "[mess]\nrain = { count = 1 }", r"kind 'rain'"),
        ("date_doubtful = { count = 3 }", "date_doubtful = { count = 3, share = 0.1 }", r"share and count"),
        ("duplicate_id = { count = 6 }", 'skip2 = { questions = ["x"] }', r"kind 'skip2'"),
        ('encoding = "gb18030"', 'encoding = "gb18031"', r"encoding 'gb18031'"),
        ('headers = "label"', 'headers = "labels"', r"headers = 'labels'"),
        ('file = "delivered/akto.csv"', 'file = "delivered/akto.doc"', r"\.csv or \.xlsx"),
        ('name = "workload"  ', 'name = "work_load"  ', r"a measure of measures.csv"),
        ("first = 2019-03-04", 'first = "spring"', r"first = 'spring'"),
        ('trials = "posts_established"', 'trials = "posts"', r"'posts' not drawn yet"),
        ('slots = "simulation/slots.csv"', 'slots = "simulation/slot.csv"', r"slot.csv: found no file"),
        ("[interviews]", "[interviews", r"simulation.toml: found"),
    ],
)
def test_a_fault_in_simulation_toml_is_named_with_its_place(copy, old, new, said):
    survey = changed(copy, old, new)
    with pytest.raises(DefinitionError, match=said):
        read_plan(survey)


def test_all_faults_of_simulation_toml_are_listed_at_once(copy):
    changed(copy, "second = 0.08", "secnd = 0.08")
    survey = changed(copy, "shape = 6.0", "form = 6.0")
    with pytest.raises(DefinitionError) as caught:
        read_plan(survey)
    assert len(caught.value.faults) == 3


@pytest.mark.parametrize(
    ("table", "row", "said"),
    [
        ("clauses", "X1,said,hello", r"row \d+, column code: found code 'X1'"),
        ("clauses", "P1.1,said,{nowhere}", r"slot 'nowhere'"),
        ("clusters", "artux,xingfu,atlantis,village_branch,3", r"'atlantis'"),
    ],
)
def test_a_fault_in_a_table_beside_it_is_named_with_its_row(copy, table, row, said):
    with open(copy / "simulation" / f"{table}.csv", "a", encoding="utf-8") as file:
        file.write(row + "\n")
    with pytest.raises(DefinitionError, match=said):
        read_plan(read_survey(copy, check_delivered=False))


def test_an_encoding_that_cannot_hold_a_character_is_refused_not_filled_with_question_marks(copy):
    survey = changed(copy, 'encoding = "big5hkscs"', 'encoding = "ascii"')
    with pytest.raises(DefinitionError, match=r"in ascii; allowed: characters it can hold"):
        deliver(survey, read_plan(survey), interviews=60, seed=1)


def test_interviews_that_no_file_takes_are_a_fault(copy):
    survey = changed(copy, "where = \"${county} = 'akto'\"", "where = \"${county} = 'nowhere'\"")
    with pytest.raises(DefinitionError, match="that no file takes"):
        deliver(survey, read_plan(survey), interviews=60, seed=1)


def test_a_constraint_that_chance_cannot_meet_asks_for_a_declaration(copy):
    path = copy / "questions.csv"
    text = path.read_text("utf-8-sig").replace(". >= 0 and . <= 366", ". = 1234567", 1)
    path.write_text(text, "utf-8")
    survey = changed(copy, 'name = "visits_year"\n', 'name = "visits_of_old"\n')
    toml = copy / "simulation.toml"
    toml.write_text(toml.read_text("utf-8").replace("visits_year = 0.0", "visits_of_old = 0.0"), "utf-8")
    with pytest.raises(SurveyError, match="chance alone does not meet"):
        draw_truth(survey, 60, 1)


def test_a_simulation_too_small_for_every_file_leaves_the_old_ones_alone(tmp_path):
    folder = Path(shutil.copytree(FOLDER, tmp_path / "data" / "raw" / "kizilsu"))
    before = {path.name: path.read_bytes() for path in (folder / "delivered").iterdir()}
    with pytest.raises(SurveyError, match="a file of an earlier simulation"):
        simulate(folder, interviews=1, seed=3)
    assert {path.name: path.read_bytes() for path in (folder / "delivered").iterdir()} == before
