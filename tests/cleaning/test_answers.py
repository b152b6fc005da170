"""All delivered files become one table of text; a file that does not fit the form says everything that is wrong."""

import pandas as pd
import pytest

from kzsurvey.cleaning import read_answers
from kzsurvey.errors import DeliveryError


def faults(survey):
    with pytest.raises(DeliveryError) as error:
        read_answers(survey)
    return [str(fault) for fault in error.value.faults]


QUESTIONS = [
    {"type": "integer", "name": "age", "label::中文": "年龄", "label::English": "Age"},
    {"type": "text", "name": "why", "label::中文": "为什么？", "label::English": "Why?"},
]


@pytest.mark.parametrize(
    "header",
    [
        "age", " AGE ", "\ufeffage", "年龄", "年齡", "年 龄", "3、年龄 ", "年龄【填空题】", "Age", "group/age",
        "a/b/age", "Q3.年龄", "Ａge", "X.U.FEFF.age",
    ],
)  # fmt: skip
def test_a_header_is_known_in_every_way_tools_write_it(make, header):
    survey = make(QUESTIONS, {"a.csv": f'id,"{header}",why\n1,30,x\n'})
    assert read_answers(survey)["age"].tolist() == ["30"]


def test_a_column_is_renamed_for_one_file_or_for_all(make):
    entry = '[columns.rename]\n"岁数" = "age"\n[[delivered]]\nfile = "delivered/a.csv"\ncolumns = {"理由" = "why"}\n'
    survey = make(QUESTIONS, {"a.csv": "id,岁数,理由\n1,30,x\n"}, delivered=entry)
    assert read_answers(survey)[["age", "why"]].to_numpy().tolist() == [["30", "x"]]


def test_tool_columns_are_left_out_and_ignored_ones_may_be_patterns(make):
    files = {"a.csv": "id,age,why,_uuid,X_index,来自IP,note_1,note_2\n1,30,x,u,1,10.0.0.1,a,b\n"}
    survey = make(QUESTIONS, files, more='[columns]\nignore = ["note_*"]')
    assert list(read_answers(survey).columns) == ["file", "sheet", "row", "encoding", "id", "age", "why"]


def test_all_faults_of_all_files_are_told_at_once(make):
    files = {"a.csv": "id,age,why,colour,Age\n1,30,x,red,31\n", "b.csv": "age,why\n1,2\n", "c.csv": "id,age,why\n1,2\n"}
    told = faults(make(QUESTIONS, files))
    assert len(told) == 4
    for part in ("unknown header 'colour'", "two columns for age: 'age' and 'Age'", "b.csv, column id", "c.csv, row 2"):
        assert any(part in fault for fault in told)


def test_a_required_question_without_a_column_is_a_fault_unless_only_some_are_asked(make):
    questions = [{**QUESTIONS[0], "required": "yes"}, {**QUESTIONS[1], "required": "yes", "relevant": "${age} > 3"}]
    assert faults(make(questions, {"a.csv": "id\n1\n"})) == [
        "a.csv, column age: found no column for it; allowed: a column per required question; "
        "rename the column that holds it under columns, or make the question optional"
    ]


def test_an_absent_column_is_missing_and_an_empty_cell_is_empty(make):
    survey = make(QUESTIONS, {"a.csv": "id,age\n1,\n"})
    row = read_answers(survey).loc[0]
    assert row["age"] == ""
    assert pd.isna(row["why"])


def test_a_label_of_two_questions_is_no_header(make):
    questions = [{**QUESTIONS[0], "name": name} for name in ("first", "second")]
    assert "label of several questions" in faults(make(questions, {"a.csv": "id,年龄\n1,2\n"}))[0]


def test_a_column_with_answers_and_no_header_is_a_fault(make):
    assert "no header over column 4" in faults(make(QUESTIONS, {"a.csv": "id,age,why,\n1,2,x,lost\n"}))[0]


def test_a_survey_without_files_says_where_to_put_them(make):
    assert "no delivered file" in faults(make(QUESTIONS, {}))[0]


def test_only_the_rows_asked_for_are_answers_and_keep_their_number(make):
    entry = '[[delivered]]\nfile = "delivered/a.csv"\nwhere = {wave = "1", kind = ["a", "b"]}\n'
    files = {"a.csv": "id,age,why,wave,kind\n1,30,x,1.0,a\n1,31,x,2.0,a\n2,40,y,1.0,b\n3,50,z,1.0,c\n"}
    answers = read_answers(make(QUESTIONS, files, delivered=entry))
    assert answers[["id", "row"]].to_numpy().tolist() == [["1", 2], ["2", 4]]


@pytest.mark.parametrize(("where", "message"), [('{wave = "9"}', "no row where"), ('{year = "1"}', "no column 'year'")])
def test_a_selection_that_finds_nothing_is_a_fault(make, where, message):
    entry = f'[[delivered]]\nfile = "delivered/a.csv"\nwhere = {where}\n'
    assert message in faults(make(QUESTIONS, {"a.csv": "id,age,why,wave\n1,30,x,1\n"}, delivered=entry))[0]


SERVICES = [
    {"type": "select_multiple service", "name": "got", "label::中文": "得到的服务", "label::English": "Services"}
]
LIST = [
    {"list_name": "service", "name": str(number), "label::中文": label, "label::English": f"service {number}"}
    for number, label in enumerate(("看病", "修路", "贷款"), start=1)
]


@pytest.mark.parametrize(
    "files",
    [
        "id,got/1,got/2,got/3\na,True,False,True\n",
        "id,got.1,got.2,got.3\na,1,0,1\n",
        "id,got__1,got__2,got__3\na,yes,no,yes\n",
        "id,group/got/1,group/got/2,group/got/3\na,TRUE,,TRUE\n",
        "id,得到的服务:看病,得到的服务:修路,得到的服务:贷款\na,看病,,贷款\n",
        "id,得到的服务(看病),得到的服务(修路),得到的服务(贷款)\na,√,,√\n",
        "id,got,got/1,got/2,got/3\na,,1,0,1\n",
        "id,got\na,1 3\n",
    ],
)
def test_split_columns_of_a_multiple_choice_become_one_answer(make, files):
    assert read_answers(make(SERVICES, {"a.csv": files}, choices=LIST))["got"].tolist() == ["1 3"]


def test_what_is_written_behind_an_option_goes_to_the_text_beside_it(make):
    questions = [{**SERVICES[0], "type": "select_one service or_other"}]
    survey = make(questions, {"a.csv": "id,got\na,其他【请注明】〖修水渠〗\nb,看病\n"}, choices=LIST)
    answers = read_answers(survey)
    assert answers["got_other"].tolist() == ["修水渠", ""]
    assert answers["got"].tolist() == ["其他【请注明】", "看病"]


def test_labels_of_a_statistics_file_stand_for_its_codes(make, tmp_path):
    import pyreadstat

    table = pd.DataFrame({"id": ["a", "b", "c", "d"], "got": [1.0, 12.0, 98.0, 97.0]})
    labels = {"got": {1.0: "看病", 12.0: "修路", 98.0: "拒答", 97.0: "missing by design"}}
    path = tmp_path / "a.sav"
    pyreadstat.write_sav(table, path, variable_value_labels=labels, missing_ranges={"got": [{"lo": 97, "hi": 98}]})
    survey = make([{**SERVICES[0], "type": "select_one service"}], {"a.sav": path.read_bytes()}, choices=LIST)
    assert read_answers(survey)["got"].tolist() == ["1", "修路", "拒答", "无"]


def test_two_columns_with_one_header_are_told_apart_by_their_number(make):
    questions = [*QUESTIONS, {"type": "integer", "name": "age_of_spouse"}]
    entry = '[[delivered]]\nfile = "delivered/a.csv"\ncolumns = {"Age#2" = "age_of_spouse"}\n'
    text = "id,Age,Age,why,why\n1,30,31,x,y\n"
    told = faults(make(questions, {"a.csv": text}, delivered=entry))
    assert len(told) == 1
    assert "'why#2'" in told[0]
    survey = make(questions, {"a.csv": text}, more='[columns]\nignore = ["why#2"]', delivered=entry)
    assert read_answers(survey)[["age", "age_of_spouse", "why"]].to_numpy().tolist() == [["30", "31", "x"]]


@pytest.mark.parametrize(
    ("where", "kept"), [('"*"', ["1", "2", "3"]), ('["1", "2"]', ["1", "2"]), ('["*", "1"]', ["1", "2", "3"])]
)
def test_rows_are_asked_for_by_a_value_by_several_or_by_any(make, where, kept):
    entry = f'[[delivered]]\nfile = "delivered/a.csv"\nwhere = {{wave = {where}}}\n'
    survey = make(QUESTIONS, {"a.csv": "id,age,why,wave\n1,3,x,1.0\n2,4,y,2\n3,5,z,7\n4,6,w, \n"}, delivered=entry)
    assert read_answers(survey)["id"].tolist() == kept


MEASURED = [{"type": kind, "name": name} for kind, name in (("decimal", "w"), ("integer", "n"), ("datetime", "at"))]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("w", "0.4355032223936587"), ("w", "1234567890.1234567"), ("w", "6.2284804e-12"), ("n", "622848040256"),
        ("n", "05128331256"), ("at", "2021-07-05T09:04:33.123+03:00"), ("at", "2019年3月5日 08:05"),
    ],
)  # fmt: skip
def test_numbers_and_moments_are_no_accounts_and_no_phones(make, name, text):
    survey = make(MEASURED, {"a.csv": f"id,{name}\n1,{text}\n"})
    assert read_answers(survey)[name].tolist() == [text]


def test_a_text_in_a_closed_question_is_screened(make):
    yes = [{"list_name": "yn", "name": "yes", "label::中文": "是", "label::English": "Yes"}]
    survey = make([{"type": "select_one yn", "name": "o"}], {"a.csv": "id,o\n1,打13800138000问\n"}, choices=yes)
    assert read_answers(survey)["o"].tolist() == ["打[电话]问"]
