"""The one join: what models see, weights, strata, clusters, codes; every fault of a definition at once."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kzsurvey as kz
from kzsurvey import modelling as m
from kzsurvey.errors import DesignError

MARKET = Path(__file__).parents[1] / "surveys" / "data" / "raw" / "market"


@pytest.fixture(scope="module")
def survey():
    return kz.read_survey(MARKET)


@pytest.fixture(scope="module")
def interviews(survey):
    return kz.clean(kz.read_answers(survey), survey).interviews


@pytest.fixture(scope="module")
def mentions(survey, interviews):
    return kz.code(interviews, survey)


@pytest.fixture(scope="module")
def analysis(survey, interviews, mentions):
    return m.analyse(interviews, mentions, survey)


def sampled(survey, **sample):
    return replace(survey, sample={**survey.sample, **sample})


def test_rows_are_the_interviews_in_their_order(analysis, interviews):
    assert analysis.index.equals(interviews.index)


def test_no_text_no_direct_identifier_and_no_place_of_origin_gets_in(analysis):
    assert not {"troubles", "keeper_id", "visit_id", "file", "row", "troubles__missing"} & set(analysis)
    assert {"market", "days_week", "takings_week", "content", "goods", "goods__tea"} <= set(analysis)
    assert analysis["goods__tea"].dtype == "Int64"


def test_weights_sum_to_the_frame(analysis, survey):
    frame = survey.frame.set_index("value")["count"].astype(float)
    reached = analysis.groupby("market", observed=True)["weight"].sum()
    np.testing.assert_allclose(reached[frame.index], frame)


def test_without_a_frame_every_weight_is_1_or_the_base_weight(interviews, mentions, survey):
    plain = replace(survey, weighting={"method": ""})
    assert m.analyse(interviews, mentions, plain)["weight"].eq(1).all()
    assert m.weighting(interviews, plain) is None
    based = m.analyse(interviews, mentions, sampled(plain, weight="days_week"))
    assert based["weight"].tolist() == interviews["days_week"].astype(float).tolist()


def test_margins_left_unnamed_are_all_of_the_frame(interviews, mentions, survey, analysis):
    every = replace(survey, weighting={"method": "raking", "margins": ()})
    assert m.analyse(interviews, mentions, every)["weight"].tolist() == pytest.approx(analysis["weight"].tolist())


@pytest.mark.parametrize("method", ["poststratification", "linear", "logit"])
def test_every_method_meets_the_frame(interviews, mentions, survey, method):
    bounds = (0.1, 9.0) if method == "logit" else ()
    other = replace(survey, weighting={"method": method, "margins": ("market",), "bounds": bounds})
    analysis = m.analyse(interviews, mentions, other)
    counts = survey.frame.set_index("value")["count"].astype(float)
    reached = analysis.groupby("market", observed=True)["weight"].sum()
    assert reached.to_dict() == pytest.approx(counts[reached.index].to_dict())
    assert "calibrated" in repr(m.sample_design(analysis, other))


def test_replicates_of_a_sample_are_brought_to_the_frame_too(analysis, survey):
    design = m.sample_design(analysis, survey, replicate=m.jackknife)
    assert design.weight == pytest.approx(analysis["weight"].to_numpy())
    reached = design.replicates.weight.T @ pd.get_dummies(analysis["market"]).to_numpy(dtype=float)
    assert reached == pytest.approx(np.broadcast_to(reached[0], reached.shape))
    plain = m.sample_design(analysis, replace(survey, weighting={}), replicate=m.jackknife)
    assert plain.replicates.weight.shape == design.replicates.weight.shape


def test_an_interview_without_a_margin_keeps_its_share_of_the_weights(interviews, mentions, survey):
    unknown = interviews.assign(market=interviews["market"].mask(interviews.index == "M01"))
    found = m.analyse(unknown, mentions, sampled(survey, strata=()))
    assert found["weight"].sum() == pytest.approx(90)
    assert found.at["M01", "weight"] == pytest.approx(90 / len(interviews))


def test_an_interview_without_a_stratum_takes_that_of_its_cluster(interviews, mentions, survey):
    known = interviews["keeper_id"].duplicated(keep=False)
    lost = interviews.index[known][0]
    unknown = interviews.assign(market=interviews["market"].mask(interviews.index == lost))
    found = m.analyse(unknown, mentions, replace(survey, weighting={}))
    assert found.at[lost, "stratum"] == interviews.at[lost, "market"]


def test_an_interview_without_a_cluster_is_a_cluster_of_its_own(interviews, mentions, survey):
    unknown = interviews.assign(keeper_id=interviews["keeper_id"].mask(interviews.index.isin(["M01", "M02"])))
    found = m.analyse(unknown, mentions, survey)["cluster"]
    assert found[["M01", "M02"]].tolist() == ["(M01)", "(M02)"]


def test_without_clusters_the_interviews_of_one_respondent_are_one(interviews, mentions, survey, analysis):
    found = m.analyse(interviews, mentions, sampled(survey, clusters=()))
    assert found["cluster"].tolist() == analysis["cluster"].tolist()
    alone = replace(sampled(survey, clusters=()), interview={"id": "visit_id"})
    assert m.analyse(interviews, mentions, alone)["cluster"].is_unique


def test_a_cluster_name_in_two_strata_means_two_clusters(interviews, mentions, survey):
    same = interviews.assign(keeper_id="one")
    found = m.analyse(same, mentions, survey)["cluster"]
    assert set(found) == {"north / one", "south / one", "river / one"}


def test_strata_are_crossed(interviews, mentions, survey):
    found = m.analyse(interviews, mentions, sampled(survey, strata=("market", "helper"), clusters=()))["stratum"]
    assert any(name.startswith("north / ") for name in found)


def test_a_parent_counts_when_a_code_below_it_does(analysis, mentions):
    high_rent = mentions.loc[mentions["code"] == "T1.1", "interview"]
    assert analysis.loc[high_rent, "code_T1_1"].eq(1).all()
    assert analysis.loc[high_rent, "code_T1"].eq(1).all()
    assert analysis["code_T1"].sum() == high_rent.nunique()


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("no_answer", 0), ("dont_know", 0), ("not_asked", pd.NA), ("refused", pd.NA), ("lost", pd.NA)],
)
def test_named_nothing_is_0_and_not_asked_is_missing(interviews, mentions, survey, reason, expected):
    silent = interviews.copy()
    silent.loc["M02", ["troubles", "troubles__missing"]] = [np.nan, reason]
    found = m.analyse(silent, mentions[mentions["interview"] != "M02"], survey).at["M02", "code_T2"]
    assert found is expected if expected is pd.NA else found == expected


def test_mentions_of_strangers_are_a_fault_of_the_program(interviews, mentions, survey):
    with pytest.raises(ValueError, match="unknown interviews or codes"):
        m.analyse(interviews, mentions.assign(code="X9"), survey)


def test_the_design_knows_the_margins_and_the_strata(analysis, survey):
    design = m.sample_design(analysis, survey)
    assert "3 strata" in repr(design)
    assert "calibrated" in repr(design)
    assert m.total("one", analysis.assign(one=1.0), design=design).table["std_error"][0] == pytest.approx(0, abs=1e-9)


def test_further_stages_and_populations_come_from_questions(analysis, survey):
    staged = sampled(survey, clusters=("keeper_id", "aisle"), population=("stalls",))
    design = m.sample_design(analysis.assign(stalls=50), staged)
    assert [len(stage.drawn) for stage in design.stages] == [3, len(design.stages[0].stratum)]
    assert "finite population" in repr(design)


def test_every_unknown_question_is_listed_at_once(interviews, mentions, survey):
    wrong = replace(
        sampled(survey, strata=("region",), weight="w"), weighting={"method": "raking", "margins": ("size",)}
    )
    with pytest.raises(DesignError) as caught:
        m.analyse(interviews, mentions, wrong)
    found = str(caught.value)
    assert all(name in found for name in ("'region'", "'w'", "'size'", "no counts of 'size'"))


def test_a_frame_that_cannot_be_met_and_a_bad_measure_come_together(interviews, mentions, survey):
    frame = survey.frame.assign(value=survey.frame["value"].replace("river", "lake"))
    scales = survey.measures.copy()
    scales.at["content", "items"] = ("like_place", "tierd")
    with pytest.raises(DesignError) as caught:
        m.analyse(interviews, mentions, replace(survey, frame=frame, measures=scales))
    found = str(caught.value)
    assert "frame.csv, column market: found value 'lake'" in found
    assert "'river'" in found
    assert "unknown item 'tierd'" in found


def test_base_weights_that_stand_for_nobody_are_refused(interviews, mentions, survey):
    bad = interviews.assign(base=[0.0] + [1.0] * (len(interviews) - 1))
    with pytest.raises(DesignError, match="1 of 20 weights not above 0"):
        m.analyse(bad, mentions, sampled(survey, weight="base"))


def test_every_item_that_cannot_be_scored_is_listed(interviews, mentions, survey):
    scales = survey.measures.copy()
    scales.at["content", "items"] = ("like_place", "like_work", "stall_kind")
    with pytest.raises(DesignError, match="content: stall_kind"):
        m.analyse(interviews, mentions, replace(survey, measures=scales.assign(reversed=[()])))


def test_a_survey_without_measures_has_no_reliabilities(analysis, survey):
    scales, items = m.reliabilities(analysis, replace(survey, measures=survey.measures.iloc[:0]))
    assert len(scales) == len(items) == 0
