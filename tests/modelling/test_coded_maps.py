"""Who says what: ratios, pairs and maps of codes are R's (tests/reference/coded.R), and refuse what they cannot do."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kzsurvey.errors import DesignError
from kzsurvey.modelling import co_occurrence, codes_by_groups, correspondence, distinctive, make_design

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "coded.json").read_text())
CODES = ["P1", "P2", "P3", "P4", "P5"]


@pytest.fixture(scope="module")
def people():
    return pd.read_csv(REFERENCE / "coded.csv")


@pytest.fixture(scope="module")
def design(people):
    return make_design(people, weight="weight", strata="stratum", clusters="cluster")


def test_log_ratios_of_groups_and_their_errors_are_those_of_a_log_linear_model(people, design):
    found = distinctive(people[CODES], people["group"], design=design).set_index(["group", "item"])
    for case in R["distinctive"]:
        row = found.loc[(case["group"], case["item"])]
        assert row["log_ratio"] == pytest.approx(case["estimate"], rel=1e-6, abs=1e-9)
        assert row["log_ratio"] / row["statistic"] == pytest.approx(case["std_error"], rel=1e-5)


def test_log_ratios_of_pairs_and_their_errors_are_those_of_r(people, design):
    found = co_occurrence(people[CODES], design=design).set_index(["first", "second"])
    for case in R["together"]:
        row = found.loc[(case["first"], case["second"])]
        assert row["log_ratio"] == pytest.approx(case["estimate"], rel=1e-9, abs=1e-12)
        assert row["log_ratio"] / row["statistic"] == pytest.approx(case["std_error"], rel=1e-9)
        assert row["share"] == pytest.approx(case["share"], rel=1e-12)


def test_singular_values_masses_and_inertia_are_those_of_ca_and_corresp(people, design):
    found = correspondence(people[CODES], people["group"], design=design)
    assert found.inertia["singular_value"].to_numpy() == pytest.approx(R["singular"], rel=1e-10)
    assert found.inertia["singular_value"].to_numpy()[:2] == pytest.approx(R["corresp"], rel=1e-4)  # of rounded counts
    for mine, theirs in ((found.rows, R["rows"]), (found.columns, R["columns"])):
        assert mine["mass"].to_numpy() == pytest.approx(theirs["mass"], rel=1e-10)
        assert mine["inertia"].to_numpy() == pytest.approx(theirs["inertia"], rel=1e-9)


def test_coordinates_are_those_of_ca_but_for_the_sign_of_a_dimension(people, design):
    found = correspondence(people[CODES], people["group"], design=design)
    singular = np.array(R["singular"])
    for mine, theirs in ((found.rows, R["rows"]), (found.columns, R["columns"])):
        principal = np.array(theirs["standard"]) * singular
        for place, axis in enumerate("xy"):
            assert np.abs(mine[axis].to_numpy()) == pytest.approx(np.abs(principal[:, place]), rel=1e-8, abs=1e-12)
            part = np.array(theirs["mass"]) * np.array(theirs["standard"])[:, place] ** 2
            assert mine[f"contribution_{axis}"].to_numpy() == pytest.approx(part, rel=1e-8, abs=1e-12)
    signs = np.sign([found.rows["x"], np.array(R["rows"]["standard"])[:, 0]])
    other = np.sign([found.columns["x"], np.array(R["columns"]["standard"])[:, 0]])
    assert len({*(signs[0] * signs[1]), *(other[0] * other[1])}) == 1


def test_contributions_of_a_dimension_add_up_to_one_and_inertia_to_its_total(people, design):
    found = correspondence(people[CODES], people["group"], design=design)
    for table in (found.rows, found.columns):
        assert table[["contribution_x", "contribution_y"]].sum().to_numpy() == pytest.approx([1, 1])
        assert table["inertia"].sum() == pytest.approx(found.total)
        assert (table["cos2_x"] + table["cos2_y"] <= 1 + 1e-12).all()


def test_the_same_seed_draws_the_same_ellipses_and_clusters_widen_them(people, design):
    options = {"replicates": 200, "seed": 4}
    first, second = (correspondence(people[CODES], people["group"], design=design, **options) for _ in range(2))
    pd.testing.assert_frame_equal(first.rows, second.rows)
    assert (first.rows["width"] >= first.rows["height"]).all()
    often = pd.concat([people] * 4, ignore_index=True)
    rows, drawn = make_design(often), make_design(clusters=np.tile(np.arange(len(people)), 4))
    narrow, wide = (correspondence(often[CODES], often["group"], design=one, **options) for one in (rows, drawn))
    assert (wide.rows["width"] / narrow.rows["width"]).mean() == pytest.approx(2, abs=0.2)


def test_two_groups_make_a_map_of_one_dimension(people, design):
    found = correspondence(people[CODES], people["stratum"], design=design)
    assert len(found.inertia) == 1
    assert (found.rows["y"] == 0).all()


def test_a_phrase_that_one_side_never_says_has_no_interval_but_a_test(people, design):
    said = people[["P1"]].where(people["group"] != "d", 0.0)
    row = distinctive(said, people["group"], design=design, groups=["d"]).iloc[0]
    assert (row["share"], row["count"], row["log_ratio"]) == (0, 0, -np.inf)
    assert np.isnan(row["conf_low"])
    assert row["p_value"] < 1e-3


def test_missing_answers_leave_the_counts(people, design):
    found = distinctive(people[CODES], people["group"], design=design, groups=["a"]).set_index("item")
    assert found.at["P5", "n"] + found.at["P5", "n_others"] == people["P5"].notna().sum()
    assert found.at["P1", "n"] + found.at["P1", "n_others"] == len(people)


def test_a_pair_that_nobody_names_has_no_test(people, design):
    said = pd.DataFrame({"one": people["P1"], "other": 1 - people["P1"]})
    row = co_occurrence(said, design=design).iloc[0]
    assert (row["count"], row["log_ratio"]) == (0, -np.inf)
    assert np.isnan(row["p_value"])


def test_tests_that_cannot_be_made_say_why(people, design):
    frame = people.assign(never=0, one="x")
    found = codes_by_groups(["P1", "never"], frame, by=["group", "one"], design=design)
    assert found["note"].eq("").tolist() == [True, False, False, False]
    assert found["p_adjusted"].notna().tolist() == [True, False, False, False]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda p, d: distinctive(p[["P1"]] * 2, p["group"], design=d), "P1 with values other than 0 and 1"),
        (lambda p, d: distinctive(p[["P1"]], p["group"], design=d, groups=["z"]), "group 'z' with nobody"),
        (lambda p, d: co_occurrence(p[["P1"]], design=d), "no pair of codes"),
        (lambda p, d: co_occurrence(p[["P1"]], rows=["P1"], columns=["P9"], design=d), "column 'P9'"),
        (lambda p, d: correspondence(p[["P1"]], p["group"], design=d), "1 codes and 4 groups"),
        (lambda p, d: correspondence(p[CODES].assign(P1=0), p["group"], design=d), "code P1 that nobody names"),
        (lambda p, d: correspondence(p[CODES], p["group"], design=d, replicates=9), "replicates without a seed"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(people, design, call, message):
    with pytest.raises(DesignError, match=message):
        call(people, design)


def test_few_interviews_in_which_nobody_says_it_prove_nothing():
    said = pd.DataFrame({"a": np.r_[np.zeros(17), np.ones(18), np.zeros(465)]})
    group = pd.Series(np.r_[np.full(17, "few"), np.full(483, "others")])
    row = distinctive(said, group, groups=["few"]).iloc[0]
    assert row["count"] == 0
    assert row["p_value"] == pytest.approx(0.42, abs=0.03)  # Fisher's exact test has 1.0


def test_the_score_test_of_a_side_without_any_holds_its_level_in_clusters():
    random, found = np.random.default_rng(3), []
    while len(found) < 300:
        village = np.repeat(np.arange(40), 8)
        chance = 0.03 * np.exp(random.normal(0, 0.5, 40) - 0.125)[village]
        said = pd.DataFrame({"a": (random.uniform(size=320) < chance).astype(float)})
        group = pd.Series(np.where(village < 8, "here", "there"))
        row = distinctive(said, group, groups=["here"], design=make_design(said, clusters=village)).iloc[0]
        if row["count"] == 0 < row["count_others"]:
            found.append(row["p_value"] < 0.05)
    assert np.mean(found) < 0.12


@pytest.mark.parametrize("what", ["map", "distinctive", "pairs"])
def test_codes_that_are_no_flags_or_stand_twice_are_told(what):
    said, by = pd.DataFrame({"P1": [1, 0, 1, 0], "P2": [0, 1, 1, 0]}), pd.Series(list("aabb"))
    work = {"map": lambda codes: correspondence(codes, by), "distinctive": lambda codes: distinctive(codes, by),
            "pairs": co_occurrence}[what]  # fmt: skip
    with pytest.raises(DesignError, match="P1 with values other than 0 and 1"):
        work(said + 2)
    with pytest.raises(DesignError, match="column P1: found 2 columns of this name"):
        work(pd.concat([said, said], axis=1))


def test_of_two_codes_that_nobody_answered_for_nothing_is_known():
    row = co_occurrence(pd.DataFrame({"P1": [1, None, 0, None], "P2": [None, 1, None, 0]}, dtype="Float64")).iloc[0]
    assert row["n"] == 0
    assert row[["share", "expected", "log_ratio"]].isna().all()
