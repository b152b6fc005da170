"""Shares of a survey's codes: a sample on record, rules corrected by it, the numbers of the estimator by itself."""

from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest

import kzsurvey as kz
from kzsurvey import modelling as m
from kzsurvey.errors import DefinitionError, DesignError
from kzsurvey.survey.coding_sample import read_coding_sample
from kzsurvey.survey.record import Scheme

MARKET = Path(__file__).parents[1] / "surveys" / "data" / "raw" / "market"
CODES = ["code_T1", "code_T1_1", "code_T2"]


@pytest.fixture
def survey(tmp_path):
    return replace(kz.read_survey(MARKET), folder=tmp_path)


@pytest.fixture
def analysis():
    """Two hundred interviews with codes of rules; every tenth was not asked."""
    rng = np.random.default_rng(3)
    index = pd.Index([f"i{number:03}" for number in range(200)], name="interview")
    low = pd.Series(rng.random(200) < 0.2, index=index).astype("Int64")
    other = pd.Series(rng.random(200) < 0.1, index=index).astype("Int64")
    table = pd.DataFrame({"code_T1": low, "code_T1_1": low, "code_T2": other})
    table.iloc[::10] = pd.NA
    market = np.where(np.arange(200) % 2, "north", "south")
    return table.assign(market=market, weight=1.0, stratum=market, cluster=index.astype(str))


def hand_coded(analysis, drawn):
    """People agree with the rules, but for every eighth interview."""
    human = analysis.loc[drawn.index, CODES]
    differing = pd.Series(np.arange(len(human)) % 8 == 0, index=human.index)
    return human.mask(differing, 1 - human)


def test_a_sample_is_kept_with_all_that_its_chances_rest_on(analysis, survey):
    drawn = m.draw_coding_sample(analysis, survey, 60, seed=7)
    kept = read_coding_sample(survey)
    asked = analysis.index[analysis["code_T2"].notna()]
    assert sorted(kept.index) == sorted(asked)
    back = kept[kept["order"].notna()].sort_values("order")
    assert back.index.tolist() == drawn.index.tolist()
    for name in ("stratum", "stratum_size", "stratum_drawn", "seed"):
        assert back[name].tolist() == drawn[name].tolist()
    assert np.allclose(back["probability"], drawn["probability"])
    sizes = kept.groupby("stratum").agg(size=("stratum_size", "first"), there=("seed", "size"))
    assert (sizes["size"] == sizes["there"]).all()


def test_a_sample_is_never_drawn_over(analysis, survey):
    m.draw_coding_sample(analysis, survey, 60, seed=7)
    before = (survey.folder / "coding_sample.csv").read_bytes()
    with pytest.raises(DefinitionError, match="a sample that was drawn before"):
        m.draw_coding_sample(analysis, survey, 60, seed=8)
    assert (survey.folder / "coding_sample.csv").read_bytes() == before


def test_the_shares_are_those_of_the_estimator_on_the_same_sample(analysis, survey):
    drawn = m.draw_coding_sample(analysis, survey, 60, seed=7)
    human = hand_coded(analysis, drawn)
    found = kz.prevalence(analysis, human, survey, finite=True)
    machine = analysis[CODES].astype("Float64")
    alone = m.prevalence(machine, human.astype("Float64"), probability=drawn).table
    for name in ("estimate", "conf_low", "conf_high", "n", "n_coded", "n_positive", "method"):
        assert found[name].tolist() == alone[name].tolist()
    assert found["variable"].tolist() == CODES
    assert (found["estimate"] > analysis[CODES].mean().to_numpy()).all()


def test_shares_by_group_have_a_row_for_each(analysis, survey):
    drawn = m.draw_coding_sample(analysis, survey, 60, seed=7)
    found = kz.prevalence(analysis, hand_coded(analysis, drawn), survey, by="market", codes=["T2"], finite=True)
    assert found[["variable", "market"]].to_numpy().tolist() == [["code_T2", "north"], ["code_T2", "south"]]
    assert found["n"].sum() == 180


def test_interviews_coded_beyond_the_sample_do_not_count(analysis, survey):
    drawn = m.draw_coding_sample(analysis, survey, 60, seed=7)
    human = hand_coded(analysis, drawn)
    others = analysis.index.difference(drawn.index)[:30]
    more = pd.concat([human, 1 - analysis.loc[others, CODES].fillna(0)])
    pd.testing.assert_frame_equal(
        kz.prevalence(analysis, human, survey, finite=True), kz.prevalence(analysis, more, survey, finite=True)
    )


def test_interviews_drawn_and_not_coded_yet_count_as_not_drawn(analysis, survey):
    drawn = m.draw_coding_sample(analysis, survey, 60, seed=7)
    human = hand_coded(analysis, drawn).astype("Float64")
    human.iloc[40:] = pd.NA
    found = kz.prevalence(analysis, human, survey, finite=True)
    assert found["n_coded"].tolist() == [40] * 3


def test_a_scheme_put_to_some_interviews_is_a_domain(analysis, survey):
    """The shares of a scheme that half of the interviews were asked are those of a sample drawn from that half."""
    codes = survey.codes.copy()
    codes.loc["T2", "scheme"] = "other"
    schemes = MappingProxyType({name: Scheme(name, ("troubles",)) for name in ("trouble", "other")})
    split = replace(survey, codes=codes, schemes=schemes)
    asked_half = analysis.assign(code_T2=analysis["code_T2"].where(analysis["market"] == "north"))
    drawn = m.draw_coding_sample(asked_half, split, 80, seed=7)
    human = hand_coded(asked_half, drawn)
    found = kz.prevalence(asked_half, human, split, finite=True).set_index("variable")
    assert found["scheme"].tolist() == ["trouble", "trouble", "other"]
    north = asked_half["market"].eq("north") & asked_half["code_T2"].notna()
    assert found.loc["code_T2", "n"] == north.sum()
    assert found.loc["code_T2", "n_coded"] == (human["code_T2"].notna()).sum()
    sizes = read_coding_sample(split).loc[north[north].index, "stratum"].value_counts()
    inside = drawn[north[drawn.index].to_numpy()]
    inside = inside.assign(stratum_size=inside["stratum"].map(sizes))
    machine, own = (table[["code_T2"]].astype("Float64") for table in (asked_half, human.loc[inside.index]))
    alone = m.prevalence(machine, own, probability=inside)
    assert found.loc["code_T2", "estimate"] == pytest.approx(alone.table["estimate"].iloc[0])


def test_interviews_that_came_later_are_refused(analysis, survey):
    early = analysis.iloc[:150]
    drawn = m.draw_coding_sample(early, survey, 60, seed=7)
    with pytest.raises(DesignError, match=r"coding_sample.csv: found 45 interviews that are not in it \(i151, i152"):
        kz.prevalence(analysis, hand_coded(analysis, drawn), survey)


def test_shares_without_a_sample_are_refused(analysis, survey):
    with pytest.raises(DefinitionError, match="no such file.*draw one"):
        kz.prevalence(analysis, analysis[CODES], survey)


def test_people_cannot_correct_what_they_are_part_of(analysis, survey):
    m.draw_coding_sample(analysis, survey, 60, seed=7)
    settings = MappingProxyType({"codings": MappingProxyType({"stand": "people"})})
    with pytest.raises(DesignError, match="stand = 'people'.*allowed: rules"):
        kz.prevalence(analysis, analysis[CODES], replace(survey, settings=settings))


@pytest.mark.parametrize(
    ("options", "told"),
    [({"by": "markt"}, "by 'markt'; .*did you mean market"), ({"codes": ["T9"]}, "no codes 'code_T9' in analysis")],
)
def test_unknown_codes_and_groups_are_told(analysis, survey, options, told):
    drawn = m.draw_coding_sample(analysis, survey, 60, seed=7)
    with pytest.raises(DesignError, match=told):
        kz.prevalence(analysis, hand_coded(analysis, drawn), survey, **options)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("stratum_size", "size", "column size: found an unknown column"),
        ("i001,", "i002,", "column interview: found i002 a second time"),
        (",7\n", ",seven\n", "column seed: found 'seven'; allowed: a whole number"),
    ],
)
def test_a_sample_changed_by_hand_is_told(analysis, survey, old, new, told):
    m.draw_coding_sample(analysis, survey, 60, seed=7)
    path = survey.folder / "coding_sample.csv"
    path.write_text(path.read_text("utf-8").replace(old, new, 1), "utf-8")
    with pytest.raises(DefinitionError, match=told):
        read_coding_sample(survey)


def test_chances_that_do_not_follow_from_the_counts_are_told(analysis, survey):
    m.draw_coding_sample(analysis, survey, 60, seed=7)
    path = survey.folder / "coding_sample.csv"
    header, first, *rest = path.read_text("utf-8").splitlines()
    cells = first.split(",")
    path.write_text("\n".join([header, ",".join([*cells[:4], "0.9", *cells[5:]]), *rest]) + "\n", "utf-8")
    with pytest.raises(DefinitionError, match="row 2, column probability: .*the share of the stratum"):
        read_coding_sample(survey)
