"""The shipped survey asks what its study asks, of whom it should, and nothing it must not ask."""

import re
from pathlib import Path

import pandas as pd
import pytest

from kzsurvey.survey import compile_expression, definition_faults, read_survey

FOLDER = Path(__file__).parents[1] / "data" / "raw" / "kizilsu"
# Counts of the study's frame, typed from its article and not from the definition.
FRAME = {
    "county_committee": 4,
    "prefecture_committee": 21,
    "leading_group_prefecture": 51,
    "leading_group_county": 108,
    "township_committee": 37,
    "village_branch": 231,
    "street_committee": 2,
    "community_committee": 35,
}
FORBIDDEN = re.compile(
    "民族|族别|宗教|信仰|信教|清真寺|礼拜|政治面貌|党员|入党|政治立场|政治观点|思想动态"
    r"|ethnic|national minorit|religio|\bfaith|mosque|\bpray|party member|political|ideolog",
    re.IGNORECASE,
)
RESIDENT_ITEMS = {"service_received", "visits_year", "resident_satisfaction"}
STAFF_GROUPS = {"staffing", "pay", "work", "outcomes"}


@pytest.fixture(scope="module")
def survey():
    return read_survey(FOLDER, check_delivered=False)


@pytest.fixture(scope="module")
def asked(survey):
    """Who is asked what: one row per role, one column per question with a condition."""
    roles = list(survey.options("role").index)
    blank = dict.fromkeys(survey.questions.index, "")
    people = pd.DataFrame([{**blank, "role": role, "level": "village"} for role in roles], index=roles)
    conditions = survey.questions["relevant"]
    names = frozenset(survey.questions.index)
    return pd.DataFrame(
        {name: compile_expression(text, names=names).mask(people) for name, text in conditions.items() if text}
    )


def answered(survey):
    """Questions somebody answers: no notes and nothing computed."""
    return survey.questions[~survey.questions["type"].isin(["note", "calculate"])]


def test_the_shipped_definition_has_no_fault():
    assert definition_faults(FOLDER) == []


def test_the_frame_holds_every_published_count(survey):
    assert survey.frame.set_index("value")["count"].astype(int).to_dict() == FRAME
    assert set(survey.frame["variable"]) == {"organisation_kind"}
    assert survey.frame["source"].ne("").all()


def test_the_frame_and_the_form_name_the_same_kinds_of_organisation(survey):
    assert list(survey.options("organisation_kind").index) == list(FRAME)
    assert (
        survey.frame.set_index("value").loc[["leading_group_prefecture", "leading_group_county"], "count"].sum() == 159
    )


def test_the_places_are_four_counties_with_the_townships_of_the_frame(survey):
    townships = survey.options("township")
    in_the_frame = townships[~townships.index.str.endswith("_direct")]
    assert set(survey.options("county").index) == {"artux", "akto", "wuqia", "akqi"} == set(townships["county"])
    assert len(in_the_frame) == FRAME["township_committee"] + FRAME["street_committee"]


def test_every_village_lies_in_a_township_of_its_own_county(survey):
    villages, townships = survey.options("village"), survey.options("township")
    assert (townships["county"].reindex(villages["township"]).to_numpy() == villages["county"].to_numpy()).all()
    assert set(villages["township"]) == set(townships.index)
    assert set(villages["organisation_kind"]) == set(FRAME)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_question_and_every_option_is_worded_in_both_languages(survey, language):
    assert survey.questions[f"label_{language}"].ne("").all()
    assert survey.choices[f"label_{language}"].ne("").all()
    assert survey.measures[f"label_{language}"].ne("").all()
    constrained = survey.questions["constraint"].ne("")
    assert survey.questions.loc[constrained, f"constraint_message_{language}"].ne("").all()


def test_the_wordings_of_the_two_languages_are_not_mixed_up(survey):
    chinese = r"[\u4e00-\u9fff]"
    assert survey.questions["label_zh"].str.contains(chinese).all()
    assert not survey.questions["label_en"].str.contains(chinese).any()
    assert not survey.choices["label_en"].str.contains(chinese).any()


def test_no_two_options_of_a_list_can_be_written_alike(survey):
    for _, options in survey.choices.groupby("list_name"):
        written = [{row["name"], row["label_zh"], row["label_en"], *row["aliases"]} for _, row in options.iterrows()]
        folded = [word.casefold() for words in written for word in {word.casefold() for word in words}]
        assert len(folded) == len(set(folded))


def test_no_way_of_writing_an_option_means_missing(survey):
    missing = {word for words in survey.missing.values() for word in words}
    for column in ("label_zh", "label_en"):
        assert missing.isdisjoint(survey.choices[column])
    assert missing.isdisjoint(survey.choices["aliases"].explode())


def test_nothing_is_asked_about_ethnicity_religion_or_political_opinion(survey):
    columns = [name for name in survey.questions if name.startswith(("label_", "hint_"))]
    wordings = pd.concat([survey.questions[name] for name in columns] + [survey.questions.index.to_series()])
    options = survey.choices[~survey.choices["list_name"].isin(survey.places)]
    wordings = pd.concat([wordings, options["label_zh"], options["label_en"], options["name"]])
    assert [wording for wording in wordings if FORBIDDEN.search(wording)] == []


def test_no_question_is_of_special_sensitivity(survey):
    assert not survey.questions["sensitivity"].eq("special").any()


def test_what_names_a_person_is_marked_direct_and_may_be_left_out(survey):
    direct = survey.questions[survey.questions["sensitivity"].eq("direct")]
    assert set(direct.index) == {"respondent_id", "respondent_name", "respondent_phone"}
    assert direct["required"].isin(["", "no", "false", False]).all()


def test_what_could_identify_indirectly_is_marked_quasi(survey):
    expected = ["village", "township", "age_band", "role", "gender", "education_band", "years_in_post", "open_problems"]
    assert survey.questions.loc[expected, "sensitivity"].eq("quasi").all()


def test_residents_are_asked_the_resident_items_and_no_staff_item(survey, asked):
    resident = asked.loc["resident"]
    assert set(resident.index[resident]) == RESIDENT_ITEMS
    staff_items = survey.questions.index[survey.questions["group"].str.contains("|".join(STAFF_GROUPS))]
    assert len(staff_items) >= 30
    assert not resident[staff_items].any()


def test_staff_are_asked_no_resident_item(asked):
    staff = asked.drop(index="resident")
    assert not staff[list(RESIDENT_ITEMS)].to_numpy().any()
    assert staff[["seconded", "pay_month", "workload_1", "leave_1"]].to_numpy().all()


def test_only_work_teams_and_their_first_secretaries_give_the_size_of_the_team(asked):
    assert set(asked.index[asked["team_size"]]) == {"work_team", "first_secretary"}


def test_everybody_is_asked_the_open_questions(survey):
    open_questions = survey.questions.loc[["open_problems", "open_causes", "open_proposals"]]
    assert open_questions["relevant"].eq("").all()
    assert open_questions["constraint"].str.contains("600").all()


def test_filled_posts_cannot_exceed_the_established_ones(survey):
    table = pd.DataFrame({name: [10, 10] for name in survey.questions.index})
    limit = compile_expression(survey.questions.at["posts_filled", "constraint"], names=frozenset(table.columns))
    assert list(limit.broken(table, value=pd.Series([10, 11], dtype="Int64"))) == [False, True]


def test_the_scales_have_the_items_of_the_study_and_a_reversed_one_for_pay_and_for_workload(survey):
    items = survey.measures["items"].map(len).to_dict()
    assert items == {"pay_satisfaction": 4, "workload": 5, "intention_to_leave": 3}
    assert survey.measures["reversed"].map(len).to_dict() == {
        "pay_satisfaction": 1,
        "workload": 1,
        "intention_to_leave": 0,
    }
    assert survey.questions.loc[survey.measures["items"].explode(), "type"].eq("select_one").all()
    assert survey.questions.loc[survey.measures["items"].explode(), "level"].eq("ordinal").all()


def test_a_five_point_scale_runs_from_one_to_five_in_order(survey):
    for scale in ("agree5", "satisfied5", "clear5"):
        names = survey.choices.loc[survey.choices["list_name"].eq(scale), "name"]
        assert list(names) == ["1", "2", "3", "4", "5"]


def test_the_six_hypotheses_are_declared_each_with_a_term_of_its_formula(survey):
    family = {model.hypothesis: model for model in survey.models.values() if model.hypothesis}
    assert sorted(family) == ["H1", "H2", "H3", "H4", "H5", "H6"]
    for model in family.values():
        assert model.expected in {"positive", "negative"}
        own = model.kind == "mediation" and model.term == "indirect"
        assert own or all(part in model.formula for part in model.term.split(":"))
        assert set(model.text) == set(model.title) == {"zh", "en"}


def test_no_hypothesis_is_worded_as_a_cause(survey):
    causal = re.compile("导致|造成|使得|引起|cause[sd]?|lead[s]? to|because|effect", re.IGNORECASE)
    for model in survey.models.values():
        assert not causal.search(model.text["en"]), model.name
        assert not causal.search(model.text["zh"]), model.name


def test_every_code_of_the_family_is_named_by_some_scheme(survey):
    assert set(survey.schemes) == {"problem", "cause", "proposal"}
    assert survey.schemes["cause"].questions == ("open_problems", "open_causes")
    assert {question for scheme in survey.schemes.values() for question in scheme.questions} <= set(
        answered(survey).index
    )


def test_the_share_of_unfilled_posts_is_computed_from_the_posts(survey):
    table = pd.DataFrame({"posts_established": [10, 4, 8], "posts_filled": [8, 4, None]}, dtype="Int64")
    share = compile_expression(survey.questions.at["vacancy_share", "calculation"], names=frozenset(table.columns))
    values = share.evaluate(table).astype("Float64")
    assert values[:2].tolist() == [0.2, 0.0]
    assert pd.isna(values[2])
