"""Cleaning types every answer, keeps every row or says why not, and tells every change."""

from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kzsurvey.cleaning import KINDS, clean, read_answers
from kzsurvey.cleaning.kinds import issue_rows
from kzsurvey.cleaning.typed import order_of_questions
from kzsurvey.errors import DefinitionError
from kzsurvey.tables import ISSUE_ACTIONS, check_table

YES_NO = [
    {"list_name": "yn", "name": "yes", "label::中文": "是", "label::English": "Yes"},
    {"list_name": "yn", "name": "no", "label::中文": "否", "label::English": "No"},
]
PLACES = [
    {"list_name": "county", "name": "akto", "label::中文": "阿克陶县", "label::English": "Akto"},
    *(
        {"list_name": "county", "name": name, "label::中文": label}
        for name, label in (("artux", "阿图什市"), ("wuqia", "乌恰县"))
    ),
    {"list_name": "town", "name": "suntag", "label::中文": "松他克乡", "aliases": "松他克镇", "county": "artux"},
    {"list_name": "town", "name": "azak", "label::中文": "阿扎克乡", "county": "artux"},
    {"list_name": "town", "name": "kansu", "label::中文": "康苏镇", "county": "wuqia"},
    {"list_name": "town", "name": "toyun", "label::中文": "托云乡", "county": "wuqia"},
]


def cleaned(make, questions, text, **options):
    survey = make(questions, {"a.csv": text}, **options)
    return clean(read_answers(survey), survey)


def told(issues, *columns):
    return [
        tuple(row) for row in issues[list(columns)].astype(object).where(issues[list(columns)].notna(), None).to_numpy()
    ]


def test_every_type_of_question_gets_its_type(make):
    questions = [
        {"type": kind, "name": name}
        for kind, name in (
            ("integer", "n"), ("decimal", "x"), ("text", "t"), ("date", "d"), ("time", "h"), ("datetime", "m"),
            ("select_one yn", "o"), ("select_multiple yn", "s"),
        )
    ]  # fmt: skip
    text = "id,n,x,t,d,h,m,o,s\n1,3,0.5, hi ,2019-03-05,8:05,2019-03-05T08:05:00,是,no yes\n2,,,,,,,,yes\n"
    interviews, issues = cleaned(make, questions, text, choices=YES_NO)
    row = interviews.loc["1"]
    assert (row["n"], row["x"], row["t"], row["h"], row["o"], row["s"]) == (3, 0.5, "hi", "08:05:00", "yes", "yes no")
    assert str(row["d"]) == "2019-03-05 00:00:00"
    assert row[["s__yes", "s__no"]].all()
    assert interviews.loc["2", "n__missing"] == "no_answer"
    assert pd.isna(interviews.loc["2", "o"])
    types = ["Int64", "Float64", "str", "datetime64[us]", "str", "datetime64[us]", "category", "str"]
    assert interviews[list("nxtdhmos")].dtypes.astype(str).tolist() == types
    assert issues.empty


AGE = {"type": "integer", "name": "age", "constraint": ". >= 0 and . <= 98"}


@pytest.mark.parametrize(
    ("constraint", "value", "reason"), [(". <= 98", pd.NA, "dont_know"), ("", 99, None), (". <= 150", 99, None)]
)
def test_a_numeric_code_counts_only_where_the_constraint_rules_the_number_out(make, constraint, value, reason):
    interviews, issues = cleaned(make, [{**AGE, "constraint": constraint}], "id,age\n1,99\n")
    assert interviews["age"].tolist() == [value]
    assert interviews["age__missing"].astype(object).where(interviews["age__missing"].notna(), None).tolist() == [
        reason
    ]
    assert issues["kind"].tolist() == (["missing_code"] if reason else [])


@pytest.mark.parametrize(
    ("answer", "kind", "rule"),
    [
        ("120", "constraint", ". >= 0 and . <= 98"),
        ("many", "unreadable", "not a number"),
        ("拒答", "missing_code", None),
    ],
)
def test_an_answer_that_cannot_stand_is_missing_and_told_with_its_rule(make, answer, kind, rule):
    interviews, issues = cleaned(make, [AGE], f"id,age\n1,{answer}\n")
    assert interviews["age"].isna().all()
    assert issues[["kind", "action", "before"]].to_numpy().tolist() == [[kind, "set_missing", answer]]
    assert rule is None or issues["rule"].tolist() == [rule]


SKIP = [
    {"type": "select_one yn", "name": "staff"},
    {"type": "integer", "name": "hours", "relevant": "${staff} = 'yes'", "required": "yes"},
]


def test_not_asked_is_not_no_answer(make):
    interviews, issues = cleaned(make, SKIP, "id,staff,hours\n1,yes,\n2,no,\n3,no,40\n4,no,不知道\n", choices=YES_NO)
    assert interviews["hours__missing"].tolist() == ["no_answer", "not_asked", "not_asked", "not_asked"]
    assert told(issues, "interview", "kind", "action", "before") == [
        ("3", "skip", "set_missing", "40"),
        ("1", "required", "flagged", None),
    ]


def test_an_answer_stays_where_nobody_can_know_whether_it_was_to_be_asked(make):
    interviews, issues = cleaned(make, SKIP, "id,staff,hours\n1,perhaps,40\n2,,38\n3,,\n", choices=YES_NO)
    assert interviews["hours"].tolist() == [40, 38, pd.NA]
    assert told(issues[issues["question"] == "hours"], "interview", "kind", "action") == [
        ("1", "skip", "flagged"),
        ("2", "skip", "flagged"),
    ]


TOWNS = [
    {"type": "select_one county", "name": "county"},
    {"type": "select_one town", "name": "town", "choice_filter": "county = ${county}"},
]


@pytest.mark.parametrize(
    ("county", "town", "value", "kinds"),
    [
        ("阿图什市", "松他克乡", "suntag", []),
        ("阿图什市", "松他克镇", "suntag", ["place_spelling"]),
        ("阿图什市", "松塔克乡", "suntag", ["place_spelling"]),
        ("阿图什市", "康苏镇", None, ["choice_filter"]),
        ("", "康苏镇", "kansu", []),
        ("阿图什市", "北京", None, ["place_unknown"]),
        ("阿图什市", "不知道", None, ["missing_code"]),
    ],
)
def test_a_place_lies_where_the_answer_before_says(make, county, town, value, kinds):
    more = '[places]\nquestions = ["county", "town"]'
    interviews, issues = cleaned(make, TOWNS, f"id,county,town\n1,{county},{town}\n", choices=PLACES, more=more)
    assert interviews["town"].astype(object).where(interviews["town"].notna(), None).tolist() == [value]
    assert issues["kind"].tolist() == kinds


def test_rules_see_clean_values_whatever_the_order_of_the_form(make):
    questions = [
        {"type": "integer", "name": "filled", "constraint": ". <= ${posts}"},
        {"type": "integer", "name": "posts"},
        {"type": "calculate", "name": "open", "calculation": "${posts} - ${filled}"},
    ]
    interviews, issues = cleaned(make, questions, "id,filled,posts,open\n1,九,10人,1\n2,12,10,-2\n3,2,,\n")
    assert interviews["open"].tolist() == [1, pd.NA, pd.NA]
    assert told(issues, "question", "kind") == [
        ("posts", "number_form"),
        ("filled", "number_form"),
        ("filled", "constraint"),
        ("open", "calculated"),
    ]


def test_a_circle_of_constraints_is_cut_not_followed_for_ever(make):
    questions = [{"type": "integer", "name": a, "constraint": f". <= ${{{b}}}"} for a, b in (("a", "b"), ("b", "a"))]
    survey = make(questions, {"a.csv": "id,a,b\n1,1,1\n"})
    assert sorted(order_of_questions(survey)) == ["a", "b", "id"]
    assert clean(read_answers(survey), survey).interviews["a"].tolist() == [1]


WIDE = [{"type": "integer", "name": f"q{number}"} for number in range(24)]
HEAD = "id," + ",".join(question["name"] for question in WIDE) + "\n"


def line(name, *answers, length=24):
    return (
        ",".join([name, *map(str, answers), *[str(len(answers) + place) for place in range(length - len(answers))]])
        + "\n"
    )


def test_rows_delivered_again_are_removed_and_told(make):
    text = (
        HEAD
        + line("a")
        + line("a")
        + line("b", *range(40, 52))
        + line("b", *range(30, 42)).replace(",23\n", ",\n")
        + line(" ", 9)
        + line("c")
    )
    interviews, issues = cleaned(make, WIDE, text)
    assert interviews.index.tolist() == ["a", "b"]
    assert told(issues, "interview", "row", "kind", "action") == [
        (None, 6, "empty_id", "removed"),
        ("a", 3, "duplicate_id", "removed"),
        ("b", 5, "conflicting_id", "removed"),
        ("c", 7, "duplicate_content", "removed"),
    ]
    assert interviews.loc["b", "q0"] == 40


def test_the_row_with_most_answers_stays_of_two_with_one_id(make):
    interviews, issues = cleaned(make, WIDE, HEAD + "a,1" + "," * 23 + "\n" + line("a", 2))
    assert interviews.loc["a", "row"] == 3
    assert issues["rule"].tolist() == ["24 answers differ from a.csv row 3, which has more answers or came first"]


def test_nearly_the_same_answers_are_flagged_once(make):
    text = HEAD + line("a") + line("b", 99) + line("c", *range(50, 74))
    interviews, issues = cleaned(make, WIDE, text)
    assert len(interviews) == 3
    assert told(issues, "interview", "kind", "rule") == [("b", "near_duplicate", "96% of answers as interview a")]


def test_a_half_sent_interview_is_flagged_once_and_an_empty_one_removed(make):
    questions = [{**question, "required": "yes"} for question in WIDE]
    text = HEAD + line("a", *range(12), *[""] * 12) + line("b", *[""] * 24) + line("c", *[""] * 2)
    interviews, issues = cleaned(make, questions, text)
    assert interviews.index.tolist() == ["a", "c"]
    assert told(issues, "interview", "kind", "action") == [
        ("b", "incomplete", "removed"),
        ("a", "incomplete", "flagged"),
        ("c", "required", "flagged"),
        ("c", "required", "flagged"),
    ]


TIMES = [{"type": "time", "name": "start"}, {"type": "time", "name": "end"}]
PARTS = 'start = "start"\nend = "end"\nshortest_minutes = 10'


@pytest.mark.parametrize(
    ("end", "kinds"), [("09:30", []), ("09:05", ["too_short"]), ("08:30", ["end_before_start"]), ("", [])]
)
def test_impossible_durations_are_flagged(make, end, kinds):
    assert cleaned(make, TIMES, f"id,start,end\n1,09:00,{end}\n", interview=PARTS).issues["kind"].tolist() == kinds


def test_an_end_that_a_constraint_refuses_is_told_as_what_it_is(make):
    questions = [TIMES[0], {**TIMES[1], "constraint": ". > ${start}"}]
    issues = cleaned(make, questions, "id,start,end\n1,09:00,08:00\n", interview=PARTS).issues
    assert told(issues, "kind", "action") == [("end_before_start", "set_missing")]


def test_today_is_the_day_of_the_interview(make):
    questions = [{"type": "date", "name": "day"}, {"type": "date", "name": "since", "constraint": ". <= today()"}]
    text = "id,day,since\n1,2019/3/5,2019-03-05\n2,2019-03-05,2019-03-06\n"
    issues = cleaned(make, questions, text, interview='date = "day"').issues
    assert told(issues, "interview", "kind") == [("1", "date_form"), ("2", "constraint")]


CORRECTIONS = [
    {"interview": "1", "question": "age", "old": "30.0", "new": "31"},
    {"interview": "1", "question": "age", "old": "30", "new": "32"},
    {"interview": "2", "question": "age", "old": "40", "new": ""},
    {"interview": "3", "question": "", "old": "", "new": "remove"},
    {"interview": "3", "question": "age", "old": "5", "new": "6"},
    {"interview": "9", "question": "age", "old": "5", "new": "6"},
    {"interview": "4", "question": "age", "old": "7", "new": "7"},
]


def test_corrections_apply_exactly_or_say_why_not(make):
    text = "id,age,why\n1,30,x\n2,40,x\n3,5,x\n4,7,x\n"
    questions = [AGE, {"type": "text", "name": "why"}]
    interviews, issues = cleaned(make, questions, text, corrections=CORRECTIONS)
    assert interviews["age"].tolist() == [31, pd.NA, 7]
    assert interviews.loc["2", "age__missing"] == "invalid"
    assert told(issues, "interview", "kind", "action", "before", "after") == [
        ("1", "correction", "changed", "30", "31"),
        ("1", "correction_not_applied", "flagged", None, None),
        ("2", "correction", "set_missing", "40", None),
        ("3", "correction", "removed", None, None),
        ("3", "correction_not_applied", "flagged", None, None),
        ("9", "correction_not_applied", "flagged", None, None),
        ("4", "correction_not_applied", "flagged", None, None),
    ]
    assert issues["file"].iloc[5] == "corrections.csv"


def test_a_correction_brings_no_personal_data_in(make):
    correction = [
        {"interview": "1", "question": "why", "old": "x", "new": "王建国主任不同意", "reason": "打13800138000问的"}
    ]
    interviews, issues = cleaned(make, [{"type": "text", "name": "why"}], "id,why\n1,x\n", corrections=correction)
    assert interviews["why"].tolist() == ["[姓名]主任不同意"]
    assert "打[电话]问的" in issues["rule"].iloc[0]


def test_damaged_text_is_restored_or_lost_and_told(make):
    exact = "今年雪下得特别大".encode("gb18030").decode("latin-1")
    text = f"id,why\n1,{exact}\n2,????\n3,雪很大\n"
    interviews, issues = cleaned(make, [{"type": "text", "name": "why"}], text)
    assert interviews["why"].tolist()[::2] == ["今年雪下得特别大", "雪很大"]
    assert interviews.loc["2", "why__missing"] == "lost"
    assert issues["action"].tolist() == ["changed", "set_missing"]


def test_an_encoding_in_doubt_and_an_absent_column_are_told_once_per_file(make):
    survey = make([AGE, {"type": "text", "name": "why"}], {"a.csv": "id,why\n1,x\n2,y\n".encode("utf-16-le")})
    issues = clean(read_answers(survey), survey).issues
    assert told(issues, "interview", "kind", "before") == [
        (None, "encoding", "utf-16-le"),
        (None, "column_absent", None),
    ]


def test_a_file_in_another_script_has_a_habit_not_findings(make):
    question = [{"type": "select_one town", "name": "town"}]
    files = {"a.csv": "id,town\n1,康蘇鎮\n2,托雲鄉\n", "b.csv": "id,town\n3,康苏镇\n4,康苏镇\n5,托雲鄉\n"}
    survey = make(question, files, choices=PLACES)
    interviews, issues = clean(read_answers(survey), survey)
    assert interviews["town"].tolist() == ["kansu", "toyun", "kansu", "kansu", "toyun"]
    assert issues["interview"].tolist() == ["5"]


def test_every_kind_and_action_is_in_the_vocabulary(make):
    assert all(meaning.endswith(".") for meaning in KINDS.values())
    with pytest.raises(ValueError, match="unknown kind"):
        issue_rows((), kind="surprise", action=ISSUE_ACTIONS[0])


ANSWERS = st.sampled_from(
    ["", " ", "3", "３", "99", "-9", "拒答", "yes", "是", "maybe", "2019/3/5", "????", "三千", "王书记", "1.5"]
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(st.sampled_from(["", "a", "b", "Ａ", "c "]), *[ANSWERS] * 5), min_size=1, max_size=8))
def test_rows_in_are_interviews_out_plus_rows_removed(make, rows):
    questions = [
        {"type": "integer", "name": "n", "constraint": ". < 90"},
        {"type": "select_one yn", "name": "o", "required": "yes"},
        {"type": "date", "name": "d", "relevant": "${o} = 'yes'"},
        {"type": "select_multiple yn", "name": "s"},
        {"type": "text", "name": "t", "relevant": "${n} > 1"},
    ]
    text = "id,n,o,d,s,t\n1,1,yes,,,\n" + "".join(",".join(row) + "\n" for row in rows)
    survey = make(questions, {"a.csv": text}, choices=YES_NO)
    answers = read_answers(survey)
    before = answers.copy()
    interviews, issues = clean(answers, survey)
    assert len(answers) == len(interviews) + (issues["action"] == "removed").sum()
    assert not issues.loc[issues["action"] == "removed", ["file", "row"]].duplicated().any()
    for name in ("n", "o", "d", "s", "t"):
        assert (interviews[name].isna() == interviews[f"{name}__missing"].notna()).all()
    check_table(interviews, "interviews")
    pd.testing.assert_frame_equal(answers, before)


RATING = [
    {"list_name": "r", "name": name, "label::中文": label, "label::English": ""}
    for name, label in (
        ("poor", "差"), ("good", "好"), ("not_applicable", "不适用"), ("dont_know", "说不上"), ("no_word", "拒答"),
    )
]  # fmt: skip


def cleaned_with_options_for_no_answer(make, questions, text):
    survey = make(questions, {"a.csv": text}, choices=RATING)
    survey = replace(survey, missing={"dont_know": ("Dont_Know",), "refused": ("拒答",)})
    return clean(read_answers(survey), survey)


def test_an_option_that_missing_names_is_a_reason_and_ranks_nowhere(make):
    question = [{"type": "select_one r", "name": "q", "level": "ordinal"}]
    text = "id,q\n1,good\n2,dont_know\n3,说不上\n4,no_word\n5,not_applicable\n"
    interviews, issues = cleaned_with_options_for_no_answer(make, question, text)
    assert interviews["q"].cat.categories.tolist() == ["poor", "good", "not_applicable"]
    assert interviews["q__missing"].astype("object").tolist()[1:4] == ["dont_know", "dont_know", "refused"]
    assert interviews.loc["5", "q"] == "not_applicable"
    assert told(issues, "interview", "kind", "action") == [
        (name, "missing_code", "set_missing") for name in ("2", "3", "4")
    ]


@pytest.mark.parametrize("split", [False, True])
def test_of_several_options_one_that_means_no_answer_is_dropped_beside_others(make, split):
    joined = "id,q\n1,poor dont_know\n2,dont_know\n3,poor\n"
    columns = "id,q.poor,q.dont_know\n1,1,1\n2,0,1\n3,1,0\n"
    question = [{"type": "select_multiple r", "name": "q"}]
    interviews, issues = cleaned_with_options_for_no_answer(make, question, columns if split else joined)
    assert interviews["q"].astype("object").where(interviews["q"].notna(), None).tolist() == ["poor", None, "poor"]
    assert interviews.loc["2", "q__missing"] == "dont_know"
    assert "q__dont_know" not in interviews
    assert told(issues, "interview", "kind", "action") == [
        ("1", "missing_code", "changed"),
        ("2", "missing_code", "set_missing"),
    ]


def test_a_question_without_a_column_is_not_delivered_and_nobody_left_it_out(make):
    questions = [
        {"type": "integer", "name": "n"},
        {"type": "integer", "name": "m"},
        {"type": "integer", "name": "big", "relevant": "${n} > 5"},
        {"type": "calculate", "name": "both", "calculation": "${n} + ${m}"},
    ]
    interviews, issues = cleaned(make, questions, "id,n\n1,9\n2,1\n3,\n")
    assert interviews["m__missing"].tolist() == ["not_delivered"] * 3
    assert interviews["both__missing"].tolist() == ["not_delivered"] * 3
    assert interviews["big__missing"].tolist() == ["not_delivered", "not_asked", "not_delivered"]
    assert issues["kind"].tolist() == ["column_absent"] * 2


def test_who_answered_more_than_a_third_is_never_removed_as_half_sent(make):
    questions = [{**question, "sensitivity": "quasi" if place < 12 else "none"} for place, question in enumerate(WIDE)]
    text = HEAD + line("a", *range(9), *[""] * 15) + line("b", *range(8), *[""] * 16)
    interviews, issues = cleaned(make, questions, text)
    assert interviews.index.tolist() == ["a"]
    assert told(issues, "interview", "kind", "action") == [
        ("b", "incomplete", "removed"),
        ("a", "incomplete", "flagged"),
    ]


SEVERAL = [{"type": "select_multiple r", "name": "q"}]


@pytest.mark.parametrize(
    ("question", "old", "new", "value", "kind"),
    [
        ("q.good", "0", "1", "poor good", "correction"),
        ("q__good", "FALSE", "True", "poor good", "correction"),
        ("q.poor", "*", "0", None, "correction"),
        ("q.good", "1", "0", "poor", "correction_not_applied"),
        ("q.poor", "1", "1", "poor", "correction_not_applied"),
        ("q.good", "", "1", "poor", "correction_not_applied"),
        ("q", "*", "good", "good", "correction"),
    ],
)
def test_a_correction_may_name_one_option_and_any_old_value(make, question, old, new, value, kind):
    correction = [{"interview": "1", "question": question, "old": old, "new": new}]
    interviews, issues = cleaned(make, SEVERAL, "id,q\n1,poor\n", choices=RATING, corrections=correction)
    assert interviews["q"].astype("object").where(interviews["q"].notna(), None).tolist() == [value]
    assert told(issues, "question", "kind") == [("q", kind)]


def test_an_option_is_corrected_to_1_or_0_only(make):
    correction = [{"interview": "1", "question": "q.good", "old": "poor", "new": "good"}]
    with pytest.raises(DefinitionError, match="whether the option is chosen"):
        make(SEVERAL, {"a.csv": "id,q\n1,poor\n"}, choices=RATING, corrections=correction)
