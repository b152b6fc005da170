"""A delivered file becomes a sheet of text, or a fault that names file, row and what is wrong."""

import datetime

import openpyxl
import pandas as pd
import pyreadstat
import pytest

from kzsurvey.cleaning.readers import read_sheet
from kzsurvey.errors import DeliveryError
from kzsurvey.survey import Delivered


def written(tmp_path, data, name="a.csv", **options):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return Delivered(path, **options)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_in_the_header(tmp_path, separator):
    text = "id,a\n007,NA\n".replace(",", separator)
    sheet = read_sheet(written(tmp_path, text))
    assert sheet.headers == ("id", "a")
    assert sheet.cells.to_numpy().tolist() == [["007", "NA"]]


def test_rows_keep_their_number_when_empty_rows_and_line_breaks_stand_between(tmp_path):
    sheet = read_sheet(written(tmp_path, 'id,a\n1,"two\nlines"\n,\n\n2,x\n'))
    assert sheet.rows.tolist() == [2, 5]


def test_all_ragged_rows_are_told_at_once_with_their_numbers(tmp_path):
    with pytest.raises(DeliveryError) as error:
        read_sheet(written(tmp_path, "title\nid,a\n1,2,3\n1,2\n1\n", header_row=2))
    assert [(fault.row, fault.found) for fault in error.value.faults] == [(3, "3 cells"), (5, "1 cells")]


def test_a_quotation_mark_that_never_closes_is_a_fault_not_one_long_answer(tmp_path):
    with pytest.raises(DeliveryError, match="never closed"):
        read_sheet(written(tmp_path, 'id,a\n1,x\n2,"oops\n3,y\n4,z\n'))


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        (b"", {}, "an empty file"),
        (b"id,a\n", {}, "no rows below the header"),
        (b"id,a\n1,2\n", {"sha256": "00"}, "sha256"),
        (b"id,a\n1,2\n", {"encoding": "klingon"}, "encoding 'klingon'"),
        ("编号,甲\n1,乙\n".encode("gb18030"), {"encoding": "utf-8"}, "not utf-8.*gb18030"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(tmp_path, data, options, message):
    with pytest.raises(DeliveryError, match=message):
        read_sheet(written(tmp_path, data, **options))


def test_a_file_that_is_not_there_says_where_it_was_expected(tmp_path):
    with pytest.raises(DeliveryError, match="no file"):
        read_sheet(Delivered(tmp_path / "none.csv"))


def workbook(tmp_path, **sheets):
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(tmp_path / "a.xlsx")
    return tmp_path / "a.xlsx"


def test_spreadsheet_cells_become_text_as_a_person_reads_them(tmp_path):
    moment = datetime.datetime(2019, 3, 5)
    path = workbook(
        tmp_path, answers=[["id", "n", "d", "t"], ["007", 12.0, moment, datetime.time(8, 5)], [2, 0.5, None, None]]
    )
    sheet = read_sheet(Delivered(path))
    assert sheet.cells.to_numpy().tolist() == [["007", "12", "2019-03-05", "08:05:00"], ["2", "0.5", "", ""]]
    assert (sheet.sheet, sheet.encoding) == ("answers", "")


def test_a_wrong_sheet_names_the_sheets_there_are(tmp_path):
    path = workbook(tmp_path, answers=[["id"], ["1"]], notes=[["x"], ["y"]])
    with pytest.raises(DeliveryError, match="no sheet 'data'; allowed: answers, notes"):
        read_sheet(Delivered(path, sheet="data"))
    with pytest.raises(DeliveryError, match="several sheets"):
        read_sheet(Delivered(path))


def test_a_header_row_further_down_is_found_in_a_spreadsheet(tmp_path):
    path = workbook(tmp_path, answers=[["title", None], ["id", "a"], ["1", "x"]])
    assert read_sheet(Delivered(path, header_row=2)).rows.tolist() == [3]


def test_a_text_that_calls_itself_a_spreadsheet_is_refused(tmp_path):
    with pytest.raises(DeliveryError, match="cannot be read as a spreadsheet"):
        read_sheet(written(tmp_path, "id,a\n1,2\n", name="a.xlsx"))


def test_statistics_files_bring_their_labels_and_missing_codes(tmp_path):
    path = tmp_path / "a.sav"
    table = pd.DataFrame({"id": ["a", "b"], "q": [1.0, 9.0]})
    pyreadstat.write_sav(
        table, path, variable_value_labels={"q": {1.0: "满意", 9.0: "拒答"}}, missing_ranges={"q": [{"lo": 8, "hi": 9}]}
    )
    sheet = read_sheet(Delivered(path))
    assert sheet.cells[1].tolist() == ["1", "9"]
    assert sheet.labels[1] == {"1": "满意", "9": "拒答"}
    assert sheet.absent[1] == {"9"}


def test_a_broken_statistics_file_is_a_fault(tmp_path):
    with pytest.raises(DeliveryError, match="cannot be read"):
        read_sheet(written(tmp_path, b"not spss", name="a.sav"))
