"""Codings from a spreadsheet: all rows, or a list of those that cannot be."""

import pandas as pd
import pytest

from kzsurvey.coding import import_codings, read_actions
from kzsurvey.errors import CodingError


def put(desk, text, name="codes.csv"):
    path = desk.survey.folder.parent / name
    path.write_text(text, "utf-8")
    return path


def taken(desk, text, **options):
    options = {"coder": "ann", **options}
    return import_codings(desk.survey, desk.interviews, put(desk, text), **options)


def test_a_row_for_each_coding(desk):
    written = taken(
        desk, "interview,code,quote,start,end,memo\nM01,T1.1,租金太高,,,clear\nM04,T2,,7,11,\nM03,T2,,,,\nM02,,,,,\n"
    )
    assert written[["action", "interview", "start", "end", "code", "memo"]].fillna(-1).to_numpy().tolist() == [
        ["add", "M01", 0, 4, "T1.1", "clear"], ["add", "M04", 7, 11, "T2", ""],
        ["add", "M03", -1, -1, "T2", ""], ["nothing", "M02", -1, -1, "", ""],
    ]  # fmt: skip
    assert desk.read().answers["decided"].all()


def test_a_column_for_each_code(desk):
    written = taken(desk, "interview,T1.1,code_T2\nM01,1,0\nM02,0,0\nM04,yes,1\nM03,,\n")
    assert written[["interview", "action", "code"]].to_numpy().tolist() == [
        ["M01", "add", "T1.1"], ["M02", "nothing", ""], ["M04", "add", "T1.1"], ["M04", "add", "T2"],
    ]  # fmt: skip


def test_a_workbook_of_several_coders(desk, tmp_path):
    rows = [("ann", "M01", "T1.1"), ("ben", "M01", "T2"), ("ben", "M02", None)]
    pd.DataFrame(rows, columns=["coder", "interview", "code"]).to_excel(tmp_path / "a.xlsx", index=False)
    written = import_codings(desk.survey, desk.interviews, tmp_path / "a.xlsx")
    assert written.groupby("coder")["action"].agg(list).to_dict() == {"ann": ["add"], "ben": ["add", "nothing"]}


def test_a_quote_in_other_letters_is_found(desk):
    written = taken(desk, "interview,code,quote\nM04,T2,客人也少\nM01,T1.1,租金太髙\n".replace("髙", "高"))
    assert written["quote"].tolist() == ["客人也少", "租金太高"]
    assert taken(desk, "interview,code,quote\nM20,T1.1,租金高，客人少\n")["end"].tolist() == [7]


def test_taking_the_same_sheet_again_writes_nothing(desk):
    text = "interview,code,quote\nM01,T1.1,租金太高\nM02,,\nM03,T2,\n"
    assert len(taken(desk, text)) == 3
    assert taken(desk, text).empty
    assert len(read_actions(desk.survey).table) == 3


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("interview,code\nM99,T2\n", "codes.csv, row 2, column interview: found interview 'M99'"),
        ("interview,code\nM05,T2\n", "M05, which has no answer to troubles"),
        ("interview,code\nM01,T9\n", "row 2, column code: found code 'T9'"),
        ("interview,question,code\nM01,trouble,T2\n", "question 'trouble'; allowed: troubles; did you mean troubles"),
        ("interview,code,quote\nM01,T2,没有\n", "quote '没有', which stands 0 times"),
        ("interview,code,quote\nM04,T2,年\n", "quote '年', which stands 2 times in the answer; .*start and end say"),
        ("interview,code,start,end\nM01,T2,3,99\n", "a span from '3' to '99'; allowed: 0 <= start < end <= 10"),
        ("interview,codes\nM01,T2\n", "column codes: found an unknown column"),
        ("interview,T2\nM01,maybe\n", "row 2, column T2: found 'maybe'; allowed: 1 or 0"),
        ("interview,T2\nM01,1\nM01,0\n", "row 3, column interview: found M01 a second time"),
        ("code\nT2\n", "column interview: found no such column"),
        ("interview,code\nM01,T2\nM01,\n", "nothing of ann at troubles of M01, where codes stand"),
    ],
)
def test_what_cannot_be_is_told_with_its_row_and_nothing_is_written(desk, text, told):
    with pytest.raises(CodingError, match=told):
        taken(desk, text)
    assert not desk.path("ann").exists()


def test_all_rows_at_fault_are_told_at_once(desk):
    with pytest.raises(CodingError) as error:
        taken(desk, "interview,code\nM99,T2\nM01,T9\nM01,T2\n")
    assert [fault.row for fault in error.value.faults] == [2, 3]


def test_whose_codings_they_are_must_be_known(desk):
    with pytest.raises(CodingError, match="column coder: found no such column"):
        taken(desk, "interview,code\nM01,T2\n", coder="")


def test_a_file_that_is_not_there_is_told(desk):
    with pytest.raises(CodingError, match="nowhere.csv: found no such file"):
        import_codings(desk.survey, desk.interviews, desk.survey.folder / "nowhere.csv", coder="ann")


@pytest.mark.parametrize("second", ["a/b", "..", "", "Ann"])
def test_nothing_is_written_where_one_coder_has_no_name_for_a_file(desk, second):
    with pytest.raises(CodingError, match="coder"):
        taken(desk, f"interview,code,coder\nM01,T2,ann\nM02,T2,{second}\n", coder="")
    assert not (desk.survey.folder / "codings").exists()


@pytest.mark.parametrize("sheet", ["interview,code,quote\nM01\n", "interview,T1.1,T2\nM02,0,0\nM01,1\n"])
def test_a_row_that_ends_before_its_codes_decides_nothing(desk, sheet):
    with pytest.raises(CodingError, match="a row that does not end before its codes"):
        taken(desk, sheet)
    assert not (desk.survey.folder / "codings").exists()


@pytest.mark.parametrize("header", ["interview,code,code", "interview,T2,code_T2", "interview,T1.1,T1.1"])
def test_two_columns_of_one_thing_are_told(desk, header):
    with pytest.raises(CodingError, match=r"row 1, column .*: found 2 columns of"):
        taken(desk, f"{header}\nM01,1,0\n")
