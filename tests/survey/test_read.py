"""A definition is read as a whole, and everything that is wrong in it is said at once, with its place."""

import dataclasses
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kzsurvey.errors import DefinitionError
from kzsurvey.survey import definition_faults, read_survey


def test_a_sound_definition_becomes_a_survey_with_every_documented_column(market):
    survey = read_survey(market)
    assert (survey.name, survey.wave, survey.simulated, survey.smallest_cell) == ("market", "2024", True, 3)
    assert dict(survey.languages) == {"zh": "中文", "en": "English"}
    assert survey.missing["refused"] == ("拒答", "refused", "-9")
    assert survey.sample["strata"] == ("market",)
    assert survey.sample["weight"] == ""
    assert survey.weighting["bounds"] == (0.2, 5.0)
    assert survey.schemes["trouble"].questions == ("troubles",)
    assert survey.models["stay"].kind == "logistic"
    assert survey.models["stay"].title["en"] == "Contentment and staying"
    assert survey.delivered[0].path == market / "delivered" / "visits.csv"
    assert survey.delivered[0].columns == {"每周天数": "days_week"}
    assert survey.ignored_columns == ("序号",)


def test_questions_carry_their_origin_their_group_and_what_the_group_asks_for(market):
    questions = read_survey(market).questions
    pay = questions.loc["helper_pay"]
    assert (pay["type"], pay["unit"], pay["file"], pay["row"]) == ("integer", "yuan", "questions.csv", 17)
    assert (pay["group"], pay["relevant"], pay["constraint"]) == ("stall", "${helper} = 'yes'", ". > 0 and . <= 1000")
    assert questions.at["market", "required"] == "yes"
    assert questions.loc["thanks", "type"] == "note"
    assert (questions.drop(columns="row").dtypes == "str").all()


def test_the_smaller_tables_are_typed(market):
    survey = read_survey(market)
    content = survey.measures.loc["content"]
    assert content["items"] == ("like_place", "like_work", "tired")
    assert (content["reversed"], content["smallest"], content["low"], content["high"]) == (("tired",), 2, 1.0, 5.0)
    assert survey.frame["count"].tolist() == [40.0, 30.0, 20.0]
    assert survey.choices.set_index("name").at["north", "aliases"] == ("北门集市", "North gate")
    assert survey.codes.index.tolist() == ["T1", "T1.1", "T2"]
    assert survey.lexicon.at["rent", "pattern"] == "租金|摊位费|房租"
    assert survey.corrections.loc[0, ["interview", "question", "new"]].tolist() == ["M07", "days_week", "7"]
    assert survey.words.at["interviews", "en"] == "visits"


def test_files_that_a_survey_may_do_without_give_empty_tables_with_their_columns(market):
    whole = read_survey(market)
    text = (market / "survey.toml").read_text(encoding="utf-8")
    (market / "survey.toml").write_text(text[: text.index("[weighting]")], encoding="utf-8")
    for name in ("codes", "lexicon", "measures", "frame", "corrections", "words"):
        (market / f"{name}.csv").unlink()
    survey = read_survey(market)
    for name in ("codes", "lexicon", "measures", "frame", "corrections", "words"):
        assert getattr(survey, name).empty
        assert list(getattr(survey, name).columns) == list(getattr(whole, name).columns)


def test_a_survey_cannot_be_changed(market):
    survey = read_survey(market)
    with pytest.raises(dataclasses.FrozenInstanceError):
        survey.name = "other"
    with pytest.raises(TypeError):
        survey.languages["fr"] = "français"
    with pytest.raises(TypeError):
        survey.settings["models"][0]["kind"] = "other"


def test_text_stays_text(market):
    for name in ("choices.csv", "frame.csv"):
        path = market / name
        path.write_text(path.read_text(encoding="utf-8").replace("market,north", "market,007"), encoding="utf-8")
    path = market / "choices.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("market,south", "market,NA"), encoding="utf-8")
    assert [fault.row for fault in definition_faults(market)] == [3]
    (market / "frame.csv").write_text("variable,value,count\nmarket,NA,1\n", encoding="utf-8")
    assert read_survey(market).options("market").index.tolist() == ["007", "NA", "river"]


MARKET = Path(__file__).parents[1] / "surveys" / "data" / "raw" / "market"
FAULTS = [
    # file, what stands there, what it is replaced by, what is said
    ("survey.toml", 'name = "market"', 'name = "bazaar"', "survey.toml, column name: found 'bazaar'.*'market'"),
    ("survey.toml", "smallest_cell = 3", 'smallest_cell = "3"', "column smallest_cell: found '3'.*whole number"),
    ("survey.toml", "smallest_cell", "smalest_cell", "smalest_cell: found an unknown key.*mean smallest_cell"),
    ("survey.toml", "simulated = true", "simulated = yes", "survey.toml, row 5: found text that is no TOML"),
    ("survey.toml", 'id = "visit_id"', 'id = "visit"', "interview.id: found 'visit'.*did you mean visit_id"),
    ("survey.toml", 'id = "visit_id"', "", "interview.id: found no such key"),
    ("survey.toml", "[interview]", "[interviews]", "column interviews: found an unknown key.*did you mean interview"),
    ("survey.toml", "shortest_minutes = 3", "shortest_minutes = 0", "interview.shortest_minutes: found 0"),
    ("survey.toml", "near_duplicate = 0.95", "near_duplicate = 95", "interview.near_duplicate: found 95"),
    ("survey.toml", "refused =", "refuse =", "missing.refuse: found an unknown key.*did you mean refused"),
    ("survey.toml", 'refused = ["拒答", "refused", "-9"]', "refused = -9", r"missing.refused: found -9.*list of texts"),
    ("survey.toml", 'questions = ["market"]', 'questions = ["troubles"]', "places.questions: found 'troubles'"),
    ("survey.toml", '"每周天数" = "days_week"', '"每周天数" = "days"', "columns.rename: found 'days'"),
    ("survey.toml", 'strata = ["market"]', 'strata = ["markets"]', "sample.strata: found 'markets'.*mean market"),
    ("survey.toml", 'clusters = ["keeper_id"]', 'weight = "market"', "sample.weight: found 'market'.*a number"),
    ("survey.toml", 'lonely = "adjust"', 'lonely = "ajust"', "sample.lonely: found 'ajust'.*fail, certainty, adjust"),
    ("survey.toml", 'margins = ["market"]', 'margins = ["aisle"]', "margins: found 'aisle'.*frame.csv: market"),
    ("survey.toml", 'margins = ["market"]', "", "weighting.margins: found a method without margins"),
    ("survey.toml", "bounds = [0.2, 5.0]", "bounds = [5.0, 0.2]", "weighting.bounds: found .*low one first"),
    ("survey.toml", 'method = "raking"', 'method = "rake"', "weighting.method: found 'rake'.*linear, logit"),
    ("survey.toml", 'method = "raking"', 'method = "poststratification"', "weighting.bounds: found bounds .*of postst"),
    (
        "survey.toml",
        'method = "raking"\nmargins = ["market"]',
        'method = "poststratification"\nmargins = ["market", "market"]',
        "weighting.margins: found poststratification to 2 margins",
    ),
    (
        "survey.toml",
        'raking"\nmargins = ["market"]\nbounds = [0.2, 5.0]',
        'logit"\nmargins = ["market"]',
        "weighting.bounds: found logit without bounds",
    ),
    (
        "survey.toml",
        'raking"\nmargins = ["market"]\nbounds = [0.2, 5.0]',
        'logit"\nmargins = ["market"]\nbounds = [1.2, 5.0]',
        "weighting.bounds: found logit with bounds .1.2, 5.0.; allowed: a number below 1",
    ),
    ("survey.toml", 'questions = ["troubles"]', 'questions = ["goods"]', "trouble.questions: found 'goods'.*open"),
    ("survey.toml", 'file = "delivered/visits.csv"', 'file = "delivered/visit.csv"', "mean delivered/visits.csv"),
    ("survey.toml", 'file = "delivered/visits.csv"', 'sheet = "a"', "column delivered.1.file: found no such key"),
    ("survey.toml", 'visits.csv"', 'visits.csv"\nsha256 = "00"', "delivered/visits.csv: found sha256 .*allowed: 00"),
    ("survey.toml", 'zh = "集市摊主访谈"', 'fr = "Marché"', "column title: found 'fr'.*languages: zh, en"),
    ("survey.toml", 'kind = "linear"', "", "models.earnings.kind: found no such key"),
    ("survey.toml", 'kind = "linear"', 'kind = "lineal"', "earnings.kind: found 'lineal'.*did you mean linear"),
    ("survey.toml", 'wave = "2024"', "wave = “2024”", "row 4: .*“ ” in this line: TOML is written with"),
    (
        "survey.toml",
        "[[schemes]]",
        '[[plans]]\nname = "next"\nkind = "slop"\nmodel = "stay"\n[[schemes]]',
        "plans.next.kind: found 'slop'.*did you mean slope",
    ),
    ("survey.toml", 'name = "stay"', 'name = "earnings"', "column models: found 'earnings' a second time"),
    ("survey.toml", 'term = "days_week"', "", "models.earnings.term: found a hypothesis without a term"),
    ("survey.toml", 'term = "days_week"', 'term = "helper"', "models.earnings.term: found 'helper'.*days_week"),
    ("survey.toml", "~ days_week + C", "~ days_weak + C", "earnings.formula: found 'days_weak'.*mean days_week"),
    ("survey.toml", "~ days_week + C", "~ days_week + + (C", "models.earnings.formula: found 'takings_day ~"),
    ("survey.toml", "takings_day ~ days_week", "days_week", "models.earnings.formula: found .*outcome ~"),
    ("survey.toml", 'expected = "positive"', 'expected = "up"', "models.earnings.expected: found 'up'"),
    ("survey.toml", 'where = "${days_week} >= 1"', 'where = "${days} >"', "models.stay.where: found the end too early"),
    ("questions.csv", "type,name", "typ,name", "row 1, column typ: found an unknown column.*did you mean type"),
    ("questions.csv", ",unit,level", ",unit,unit", "row 1, column unit: found this column 2 times"),
    ("questions.csv", "label::English", "label::Englisch", "the language 'Englisch'.*did you mean English"),
    ("questions.csv", "integer,days_week", "number,days_week", "row 13, column type: found type 'number'"),
    ("questions.csv", "integer,days_week", "intger,days_week", "did you mean integer"),
    ("questions.csv", "integer,days_week", "rank,days_week", "type rank, which is not supported"),
    ("questions.csv", "integer,days_week", "select_one_from_file a.csv,days_week", "copy the list into the choices"),
    ("questions.csv", "integer,days_week", ",days_week", "question days_week without a type"),
    ("questions.csv", "text,keeper_id", "text,visit_id", "row 3, column name: found visit_id a second time.*row 2"),
    ("questions.csv", "text,troubles", "text,my troubles", "found name 'my troubles'"),
    ("questions.csv", "text,asked_by", "text,weight", "found name 'weight'.*a column of that name"),
    ("questions.csv", "text,asked_by", "text,", "row 4, column name: found an empty cell"),
    ("questions.csv", "select_one kind", "select_one kinds", "row 11, column type: found list 'kinds'.*mean kind"),
    ("questions.csv", "begin_group,stall", "begin repeat,stall", "row 8, column type: found type begin repeat"),
    ("questions.csv", "begin_group,views", "note,views", "end group without a beginning"),
    ("questions.csv", "end_group", "note", "begin group stall that never ends"),
    ("questions.csv", "${helper} = 'yes'", "${helpers} = 'yes'", r"row 17, column relevant: .*question \$\{helpers\}"),
    ("questions.csv", "market=${market}", "markt=${market}", "choice_filter: .* unknown word markt.*mean market"),
    ("questions.csv", "${days_week} >= 1", "today() > ${visit_date} and .", r"column relevant: found \. at character"),
    ("questions.csv", "${days_week} * ${takings_day}", "${takings_week} * 2", "found a circle: takings_week"),
    ("questions.csv", "${days_week} * ${takings_day}", "", "column calculation: found nothing to calculate"),
    ("questions.csv", "yuan,ratio,none", "yuan,ratios,none", "column level: found level 'ratios'.*did you mean ratio"),
    ("questions.csv", ",quasi", ",direkt", "column sensitivity: found sensitivity 'direkt'.*did you mean direct"),
    ("choices.csv", "market,south", "market,north", "row 3, column name: found market north a second time.*row 2"),
    ("choices.csv", "market,south", "market,missing", "row 3, column name: found an option named missing"),
    ("choices.csv", "goods,tea", "goods,green tea", "found name 'green tea'.*without spaces"),
    ("choices.csv", "goods,tea", ",tea", "column list_name: found an empty cell"),
    ("choices.csv", "label::English", "label::French", "column label::English: found no such column"),
    ("choices.csv", "label::English", "label::English,list_name", "column list_name: found this column 2 times"),
    ("codes.csv", "trouble,T2", "trouble,T1", "row 4, column code: found T1 a second time"),
    ("codes.csv", "trouble,T2", "troubel,T2", "column scheme: found scheme 'troubel'.*did you mean trouble"),
    ("codes.csv", "T1.1,T1,", "T1.1,T9,", "row 3, column parent: found parent 'T9'"),
    ("codes.csv", "trouble,T1,,", "trouble,T1,T1.1,", "found T1 above itself"),
    ("codes.csv", "{rent}", "{rents}", r"column pattern: found word list \{rents\}.*did you mean rent"),
    ("codes.csv", "(?:少|差|淡)", "(?:少|差|淡", "row 4, column pattern: found pattern"),
    ("codes.csv", "use_when", "use_wen", "column use_wen: found an unknown column.*did you mean use_when"),
    ("lexicon.csv", "租金|", "租金(|", "lexicon.csv, row 2, column pattern: found pattern"),
    ("lexicon.csv", "rent,", "my rent,", "lexicon.csv, row 2, column name: found name 'my rent'"),
    ("measures.csv", "like_work tired,tired", "like_wrk tired,tired", "items: found item 'like_wrk'.*mean like_work"),
    ("measures.csv", "tired,tired,", "tired,troubles,", "column reversed: found item 'troubles'"),
    ("measures.csv", ",mean,", ",means,", "column rule: found rule 'means'.*did you mean mean"),
    ("measures.csv", "2,1,5", "2,1,five", "column high: found 'five'"),
    ("measures.csv", "2,1,5", "4,1,5", "column smallest: found 4.*from 1 to 3"),
    ("measures.csv", "2,1,5", "2,5,1", "column low: found low 5, high 1"),
    ("measures.csv", "2,1,5", "2,,", "column low: found no range"),
    ("measures.csv", "\ncontent,", "\nmarket,", "column measure: found name 'market'"),
    ("measures.csv", "like_place like_work tired", "", "column items: found no items"),
    ("frame.csv", "market,south", "markets,south", "column variable: found variable 'markets'.*did you mean market"),
    ("frame.csv", "market,south", "market,suoth", "column value: found value 'suoth'.*did you mean south"),
    ("frame.csv", "market,south", "market,north", "row 3, column value: found market north a second time"),
    ("frame.csv", "south,30", "south,none", "column count: found count 'none'"),
    ("frame.csv", "south,30", "south,-1", "column count: found count '-1'"),
    ("corrections.csv", "M07,days_week", "M07,days_weak", "column question: found question 'days_weak'"),
    ("corrections.csv", "M07,days_week", "M07,", "column question: found an empty cell.*remove"),
    ("corrections.csv", "M07,days_week", ",days_week", "column interview: found an empty cell"),
    ("words.csv", "key,zh,en", "key,zh,eng", "column eng: found an unknown column"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "said"), FAULTS, ids=[f"{row[0]}: {row[3][:50]}" for row in FAULTS])
def test_a_fault_is_named_with_its_place(faults_after, file, old, new, said):
    faults = faults_after(file, old, new)
    assert any(re.search(said, fault) for fault in faults), faults


def test_all_faults_of_all_files_are_listed_at_once(faults_after):
    faults_after("survey.toml", "smallest_cell = 3", "smallest_cell = -3")
    faults_after("codes.csv", "trouble,T2", "troubel,T2")
    faults_after("frame.csv", "south,30", "south,x")
    faults_after("questions.csv", "integer,days_week", "number,days_week")
    faults = faults_after("measures.csv", ",mean,", ",median,")
    files = {fault.split(",")[0] for fault in faults}
    assert files == {"survey.toml", "codes.csv", "frame.csv", "questions.csv", "measures.csv"}


def test_reading_a_faulty_definition_raises_all_its_faults(market, faults_after):
    faults = faults_after("frame.csv", "south,30", "south,x")
    with pytest.raises(DefinitionError) as problem:
        read_survey(market)
    assert [str(fault) for fault in problem.value.faults] == faults


@pytest.mark.parametrize("file", ["survey.toml", "questions.csv", "choices.csv", "codes.csv", "frame.csv"])
def test_an_empty_file_is_named(market, file):
    (market / file).write_text("")
    allowed = "name and languages" if file == "survey.toml" else "a header and rows"
    assert f"{file}: found an empty file; allowed: {allowed}" in [str(fault) for fault in definition_faults(market)]


def test_a_file_in_another_encoding_is_named(market):
    path = market / "codes.csv"
    path.write_bytes(path.read_text(encoding="utf-8").encode("gb18030"))
    assert [fault.found for fault in definition_faults(market)] == ["bytes that are not UTF-8 (line 1 of the file)"]


def test_a_byte_order_mark_and_semicolons_of_a_spreadsheet_are_read(market):
    path = market / "frame.csv"
    path.write_text(path.read_text(encoding="utf-8").replace(",", ";"), encoding="utf-8-sig")
    assert read_survey(market).frame["count"].sum() == 90


def test_rows_are_counted_as_in_a_spreadsheet_also_below_a_cell_with_line_breaks(market):
    path = market / "codes.csv"
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") > 5
    path.write_text(text + "\ntrouble,T3,T9\n", encoding="utf-8")
    faults = definition_faults(market)
    assert [(fault.row, fault.column) for fault in faults] == [(6, "parent")]


def test_a_row_longer_than_the_header_is_a_fault_not_lost(market):
    path = market / "frame.csv"
    path.write_text(path.read_text(encoding="utf-8") + "market,river,1,a,b\n", encoding="utf-8")
    assert [fault.found for fault in definition_faults(market)] == ["5 cells under a header of 4"]


def test_a_quote_that_never_ends_is_a_fault(market):
    path = market / "frame.csv"
    path.write_text(path.read_text(encoding="utf-8") + 'market,"river,1,a\n', encoding="utf-8")
    assert "text that is no CSV" in definition_faults(market)[0].found


def test_a_missing_folder_or_form_is_named(market, tmp_path):
    assert definition_faults(tmp_path / "nowhere")[0].found == "no such folder"
    (market / "questions.csv").unlink()
    assert [fault.found for fault in definition_faults(market)] == ["no form"]


def test_two_forms_are_one_too_many(market):
    shutil.copy(market / "questions.csv", market / "form.xlsx")
    assert definition_faults(market)[0].found == "form.xlsx and questions.csv"


def test_delivered_files_may_be_still_to_come(market):
    (market / "delivered" / "visits.csv").unlink()
    with pytest.raises(DefinitionError, match="which is not there.*kzsurvey simulate"):
        read_survey(market)
    assert read_survey(market, check_delivered=False).delivered[0].path.name == "visits.csv"


def test_an_empty_delivered_file_is_a_fault(market):
    (market / "delivered" / "visits.csv").write_text("")
    assert "delivered/visits.csv: found an empty file" in str(definition_faults(market)[0])


def test_today_needs_a_survey_that_says_when_an_interview_took_place(faults_after):
    assert faults_after("questions.csv", ". <= date('2024-12-31')", ". <= today()") == []
    said = faults_after("survey.toml", 'date = "visit_date"', "")
    assert said == [
        "questions.csv, row 5, column constraint: found today(); "
        "allowed: a survey that names the question interview.date in survey.toml"
    ]


def test_one_option_may_stand_under_several_values_of_a_filter(market, faults_after):
    assert faults_after("choices.csv", "row,s1,南一排,South aisle 1,,south", "row,n1,北一排,North aisle 1,,south") == []
    survey = read_survey(market)
    assert survey.options("aisle").index.tolist() == ["n1", "n2", "r1"]
    assert len(survey.choices.query("list_name == 'row'")) == 4


def test_an_option_of_a_model_that_is_misspelt_is_not_taken_for_an_option_of_its_kind(faults_after):
    faults = faults_after("survey.toml", 'expected = "positive"', 'expectd = "positive"')
    assert ["did you mean expected?" in fault for fault in faults] == [True]


def test_options_of_a_kind_of_model_are_kept(market, faults_after):
    assert faults_after("survey.toml", 'kind = "linear"', 'kind = "linear"\nmediator = "content"') == []
    assert read_survey(market).models["earnings"].options == {"mediator": "content"}


def test_reading_changes_no_file(market):
    before = {path: path.read_bytes() for path in market.rglob("*") if path.is_file()}
    read_survey(market)
    assert {path: path.read_bytes() for path in market.rglob("*") if path.is_file()} == before


def test_tables_of_two_readings_are_the_same(market):
    one, other = read_survey(market), read_survey(market)
    for name in ("questions", "choices", "codes", "measures", "frame"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name))


FILES = ("survey.toml", "questions.csv", "choices.csv", "codes.csv", "measures.csv", "frame.csv")
SIGNS = (",", '"', "\n", "'", "[", "]", "{", "}", "=", "$", "(", "3", "true", "\t", "。", "|", "::")


@settings(max_examples=40, deadline=None)
@given(st.sampled_from(FILES), st.floats(0, 1), st.integers(0, 40), st.sampled_from(SIGNS))
def test_a_damaged_definition_is_a_survey_or_a_list_of_faults(tmp_path_factory, file, place, lost, sign):
    folder = shutil.copytree(MARKET, tmp_path_factory.mktemp("damaged") / "market")
    text = (folder / file).read_text(encoding="utf-8")
    at = int(place * len(text))
    (folder / file).write_text(text[:at] + sign + text[at + lost :], encoding="utf-8")
    faults = definition_faults(folder)
    assert faults or read_survey(folder)
