"""An XLSForm is read as its users write it: old and new spellings, several languages, groups, "other"."""

import datetime as dt
from pathlib import Path

import openpyxl
import pytest

from kzsurvey.errors import DefinitionError
from kzsurvey.survey.instrument import read_instrument
from kzsurvey.survey.xlsform import items_of, languages_of, read_csv_form, read_form, read_workbook_form

ENGLISH = {"en": "English"}


def workbook(folder, **sheets):
    """A workbook with these sheets, each a list of rows."""
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(folder / "form.xlsx")
    return folder / "form.xlsx"


def instrument(folder, survey, choices=(("list_name", "name", "label"), ("yn", "yes", "Yes")), languages=ENGLISH):
    return read_instrument(read_workbook_form(workbook(folder, survey=survey, choices=choices)), languages)


def said(made):
    return [str(fault) for fault in made.faults]


def test_a_workbook_is_read_as_text(tmp_path):
    rows = [
        ("type", "name", "label", "constraint"),
        ("integer", "n", 7, True),
        ("date", "d", dt.datetime(2024, 5, 1), 1.5),
    ]
    form = read_workbook_form(workbook(tmp_path, survey=rows))
    assert [row["label"] for row in form.survey] == ["7", "2024-05-01"]
    assert [row["constraint"] for row in form.survey] == ["TRUE", "1.5"]


def test_rows_keep_their_numbers_below_blank_rows(tmp_path):
    rows = [("type", "name", "label"), (), ("text", "a", "A"), (None, None), ("number", "b", "B")]
    assert said(instrument(tmp_path, rows))[0].startswith(
        "form.xlsx, sheet survey, row 5, column type: found type 'number'"
    )


@pytest.mark.parametrize(
    ("header", "usual"),
    [
        ("bind:relevant", "relevant"),
        ("bind::relevant", "relevant"),
        ("relevance", "relevant"),
        ("Relevant", "relevant"),
    ],
)
def test_old_spellings_of_headers_mean_the_same(tmp_path, header, usual):
    made = instrument(
        tmp_path, [("type", "name", "label", header), ("integer", "a", "A", ""), ("integer", "b", "B", "${a}>1")]
    )
    assert made.questions.at["b", usual] == "${a}>1"


@pytest.mark.parametrize("written", ["select_one yn", "select one yn", "select one from yn", "Select_one  yn"])
def test_old_spellings_of_types_mean_the_same(tmp_path, written):
    made = instrument(tmp_path, [("type", "name", "label"), (written, "a", "A")])
    assert made.questions.loc["a", ["type", "list_name"]].tolist() == ["select_one", "yn"]


@pytest.mark.parametrize(
    ("written", "type_"),
    [
        ("start", "datetime"), ("today", "date"), ("dateTime", "datetime"), ("deviceid", "text"), ("audit", "text"),
        ("geopoint", "text"), ("int", "integer"), ("string", "text"), ("range", "integer"), ("hidden", "text"),
    ],
)  # fmt: skip
def test_types_of_devices_and_pictures_become_those_a_table_can_hold(tmp_path, written, type_):
    made = instrument(tmp_path, [("type", "name", "label"), (written, "a", "A")])
    assert made.questions.at["a", "type"] == type_


def test_a_range_with_steps_below_one_is_decimal(tmp_path):
    rows = [("type", "name", "label", "parameters"), ("range", "a", "A", "start=0 end=1 step=0.5")]
    assert instrument(tmp_path, rows).questions.at["a", "type"] == "decimal"


def test_groups_hand_down_when_they_are_asked(tmp_path):
    rows = [
        ("type", "name", "label", "relevant"),
        ("integer", "n", "N", ""),
        ("begin group", "outer", "", "${n} > 1 or ${n} = 0"),
        ("begin_group", "inner", "", "FALSE"),
        ("text", "a", "A", "${n} < 9"),
        ("end_group", "", "", ""),
        ("text", "b", "B", ""),
        ("end group", "", "", ""),
        ("text", "c", "C", ""),
    ]
    made = instrument(tmp_path, rows)
    assert made.faults == []
    assert made.questions.loc[["a", "b", "c"], "relevant"].tolist() == [
        "(${n} > 1 or ${n} = 0) and (false()) and (${n} < 9)", "${n} > 1 or ${n} = 0", "",
    ]  # fmt: skip
    assert made.questions.loc[["a", "b", "c"], "group"].tolist() == ["outer/inner", "outer", ""]


def test_groups_that_cross_are_named(tmp_path):
    rows = [("type", "name", "label"), ("begin group", "g", ""), ("end repeat", "", "")]
    assert (
        "row 3, column type: found end repeat; allowed: end group; begin group stands in row 2"
        in said(instrument(tmp_path, rows))[0]
    )


def test_or_other_adds_an_option_and_the_question_that_asks_which(tmp_path):
    rows = [
        ("type", "name", "label", "relevant"),
        ("integer", "n", "N", ""),
        ("select_one yn or_other", "a", "A?", "${n}>1"),
    ]
    made = instrument(tmp_path, rows)
    assert made.faults == []
    assert made.choices["name"].tolist() == ["yes", "other"]
    assert made.choices["label_en"].tolist() == ["Yes", "Other"]
    assert made.questions.loc["a_other", ["type", "relevant", "label_en"]].tolist() == [
        "text", "(${n}>1) and (selected(${a}, 'other'))", "A? - Other",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("written", "kept"),
    [("yes", "yes"), ("TRUE", "yes"), ("true()", "yes"), ("no", ""), ("", ""), ("${a} = 'yes'", "${a} = 'yes'")],
)
def test_required_is_yes_nothing_or_a_condition(tmp_path, written, kept):
    made = instrument(tmp_path, [("type", "name", "label", "required"), ("select_one yn", "a", "A", written)])
    assert made.faults == []
    assert made.questions.at["a", "required"] == kept


def test_labels_without_a_language_are_in_the_first_one(tmp_path):
    made = instrument(
        tmp_path,
        [("type", "name", "label", "label::中文"), ("text", "a", "A", "甲")],
        [("list_name", "name", "label", "label::中文"), ("yn", "yes", "Yes", "是")],
        {"en": "English", "zh": "中文"},
    )
    assert made.faults == []
    assert made.questions.loc["a", ["label_en", "label_zh"]].tolist() == ["A", "甲"]


def test_labels_both_with_and_without_the_first_language_are_a_fault(tmp_path):
    made = instrument(tmp_path, [("type", "name", "label", "label::English"), ("text", "a", "A", "B")])
    assert said(made) == [
        "form.xlsx, sheet survey, row 1, column label: found labels without a language; "
        "allowed: label::English alone, or label alone"
    ]


def test_columns_of_others_are_left_alone(tmp_path):
    header = ("type", "name", "label", "my remarks", "media::image", "label::", None)
    assert instrument(tmp_path, [header, ("text", "a", "A", "x", "y", "", "z")]).faults == []


def test_the_languages_of_a_form_are_found(tmp_path):
    rows = [("type", "name", "label::English (en)", "label::中文", "label::Klingon"), ("text", "a", "A", "B", "C")]
    form = read_workbook_form(workbook(tmp_path, survey=rows))
    assert languages_of(form) == {"en": "English (en)", "zh": "中文", "klingon": "Klingon"}


def test_a_form_with_labels_in_no_language_has_its_default_language(tmp_path):
    rows = [("type", "name", "label"), ("text", "a", "A")]
    settings = [("form_title", "default_language"), ("Title", "Français")]
    form = read_workbook_form(workbook(tmp_path, survey=rows, settings=settings))
    assert languages_of(form) == {"fr": "Français"}


@pytest.mark.parametrize(
    ("sheets", "words"),
    [
        (("Survey", "choices"), "found sheet 'Survey'; allowed: sheet 'survey'"),
        (("survey", "choises"), "found sheet 'choises'; allowed: sheet 'choices'"),
        (("Sheet1",), "found sheets Sheet1; allowed: a sheet named 'survey'"),
    ],
)
def test_a_sheet_with_another_name_is_named(tmp_path, sheets, words):
    path = workbook(tmp_path, **{name: [("type", "name"), ("text", "a")] for name in sheets})
    with pytest.raises(DefinitionError, match=words):
        read_workbook_form(path)


def test_a_file_that_is_no_workbook_is_named(tmp_path):
    (tmp_path / "form.xlsx").write_text("type,name\n")
    with pytest.raises(DefinitionError, match=r"form.xlsx: found a file that cannot be read as a workbook"):
        read_form(tmp_path)
    with pytest.raises(DefinitionError, match="no such file"):
        read_workbook_form(tmp_path / "other.xlsx")


def test_sheets_that_are_no_part_of_a_form_may_hold_anything(tmp_path):
    rows = [("type", "name", "label"), ("text", "a", "A")]
    path = workbook(tmp_path, survey=rows, choices=[], settings=[], notes=[("x", "x"), (None, 1, 2)])
    assert read_instrument(read_workbook_form(path), ENGLISH).faults == []


def test_an_empty_sheet_is_named(tmp_path):
    with pytest.raises(DefinitionError, match="sheet survey: found an empty sheet"):
        read_workbook_form(workbook(tmp_path, survey=[]))


def test_all_sheets_may_stand_in_one_csv_file(tmp_path):
    text = "survey,,,\n,type,name,label\n\n,select_one yn,a,A\n"
    text += "choices,,,\n,list_name,name,label\n,yn,yes,Yes\n,yn,yes,Yes\n"
    (tmp_path / "form.csv").write_text(text, encoding="utf-8")
    form = read_csv_form(tmp_path / "form.csv", Path("none.csv"))
    made = read_instrument(form, ENGLISH)
    assert made.questions.index.tolist() == ["a"]
    assert said(made) == [
        "form.csv, sheet choices, row 8, column name: found yn yes a second time; allowed: once; "
        "it stands in row 7 already"
    ]


def test_a_form_without_options_needs_no_choices(tmp_path):
    (tmp_path / "questions.csv").write_text("type,name,label\ntext,a,A\n", encoding="utf-8")
    form = read_form(tmp_path)
    assert read_instrument(form, ENGLISH).faults == []
    assert items_of(form.survey)[0][0].name == "a"


def test_a_type_that_cannot_be_used_is_the_only_fault_not_what_refers_to_it(tmp_path):
    rows = [("type", "name", "label", "relevant"), ("number", "a", "A", ""), ("text", "b", "B", "${a} > 1")]
    assert len(said(instrument(tmp_path, rows))) == 1
