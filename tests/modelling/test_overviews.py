"""Tables of a whole survey are made of what can be computed; what cannot costs its own row."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from kzsurvey import modelling as m


@pytest.fixture
def people():
    rng = np.random.default_rng(5)
    trait = rng.normal(3, 0.8, 120)
    items = {name: (trait + rng.normal(0, 0.7, 120)).round().clip(1, 5) for name in ("i1", "i2", "i3")}
    table = pd.DataFrame(items).assign(flat=3.0, load=trait)
    table["place"] = pd.Categorical(["hill"] * 60 + ["river"] * 57 + ["isle"] * 3)
    table["half"] = pd.Categorical(["north", "south"] * 60)
    return table


@pytest.fixture
def design(people):
    return m.make_design(weight=np.ones(len(people)))


def measures(**scales):
    rows = [{"items": items, "reversed": (), "low": 1.0, "high": 5.0} for items in scales.values()]
    return SimpleNamespace(measures=pd.DataFrame(rows, index=list(scales)))


def test_a_scale_that_has_no_reliability_does_not_cost_the_others_theirs(people, design):
    found = m.scale_tables(people, measures(good=("i1", "i2", "i3"), bad=("i1", "flat"), one=("i2",)), design=design)
    assert found.scales["measure"].tolist() == ["good"]
    assert found.items["item"].tolist() == ["i1", "i2", "i3"]
    assert list(found.reasons) == ["bad"]
    assert "flat" in found.reasons["bad"]


def test_groups_of_few_are_not_compared_and_two_groups_have_a_t(people, design):
    found = m.group_tests(["load"], ["place", "half"], people, design=design, smallest=5)
    assert found["groups"].tolist() == [2, 2]
    assert found["effect_name"].tolist() == ["Hedges' g", "Hedges' g"]
    assert found["n"].tolist() == [117, 120]
    three = m.group_tests(["load"], ["place"], people, design=design, smallest=2).iloc[0]
    assert (three["groups"], three["effect_name"], three["df"]) == (3, "eta squared", 2)


def test_a_test_that_cannot_be_made_says_why_and_leaves_the_family_whole(people, design):
    found = m.group_tests(["load", "flat"], ["half"], people, design=design)
    assert found["p_value"].isna().tolist() == [False, True]
    assert found["reason"].iloc[1]
    assert found["p_holm"].iloc[0] == pytest.approx(found["p_value"].iloc[0])
    alone = m.group_tests(["load"], ["place"], people.head(60), design=m.make_design(weight=np.ones(60)))
    assert "fewer than two groups" in alone["reason"].iloc[0]


def test_a_group_in_one_cluster_is_not_compared(people):
    clusters = np.where(people["half"] == "north", 0, 1 + np.arange(len(people)) // 4)
    found = m.group_tests(["load"], ["half"], people, design=m.make_design(clusters=clusters))
    assert found["groups"].tolist() == [1]
    assert found["p_value"].isna().all()


def test_correlations_are_of_numbers_that_vary(people, design):
    reliable = pd.Series({"i1": 0.8, "elsewhere": 0.7})
    found = m.correlated(["i1", "flat", "place", "load", "nowhere", "i1"], people, design=design, reliability=reliable)
    assert found.variables["variable"].tolist() == ["i1", "load"]
    assert found.variables["reliability"].iloc[0] == 0.8
    assert m.correlated(["i1", "flat"], people, design=design) is None


def test_variables_that_never_meet_have_no_table(people, design):
    apart = people.assign(i1=people["i1"].where(people.index < 60), i2=people["i2"].where(people.index >= 60))
    assert m.correlated(["i1", "i2"], apart, design=design) is None


def test_the_sample_is_shown_by_its_frame_and_by_groups_without_one(people, design):
    frame = pd.DataFrame({"variable": ["half", "half", "gone"], "value": ["north", "south", "x"], "count": [10, 30, 1]})
    shares, tests = m.sample_overview(people, SimpleNamespace(frame=frame), ["place"], design=design)
    assert shares["variable"].unique().tolist() == ["half", "place"]
    assert shares.loc[shares["variable"] == "half", "frame_share"].tolist() == [0.25, 0.75]
    assert shares.loc[shares["variable"] == "place", "frame_share"].isna().all()
    assert tests["variable"].tolist() == ["half"]
    none = pd.DataFrame({"variable": [], "value": [], "count": []})
    assert m.sample_overview(people, SimpleNamespace(frame=none), [], design=design)[0].empty
