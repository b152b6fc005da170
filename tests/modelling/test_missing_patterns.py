"""Gaps are counted among those who were asked; tests of them know the design."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError
from kzsurvey.modelling.missing.little import gapped_moments

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "missing.json").read_text())["little"]


@pytest.fixture
def answers():
    return pd.DataFrame(
        {
            "hours": [40.0, None, None, 50.0, None, 45.0],
            "hours__missing": [None, "not_asked", "refused", None, "dont_know", None],
            "role": ["head", "resident", "clerk", "clerk", "head", "head"],
            "weight": [1.0, 5.0, 2.0, 1.0, 1.0, 1.0],
        }
    )


def test_not_asked_is_no_gap(answers):
    row = m.missing_counts(answers, ["hours"]).iloc[0]
    assert (row["asked"], row["not_asked"], row["missing"]) == (5, 1, 2)
    assert (row["refused"], row["dont_know"]) == (1, 1)
    assert row["estimate"] == pytest.approx(3 / 6)


def test_patterns_tell_not_asked_from_missing(answers):
    found = m.missing_patterns(answers, ["hours", "role"])
    assert found["n"].tolist() == [3, 2, 1]
    assert found.set_index("hours").loc["not asked", "share"] == pytest.approx(5 / 11)
    assert found.set_index("hours")["gaps"].to_dict() == {"answered": 0, "missing": 1, "not asked": 0}


def test_an_item_nobody_was_asked_is_refused(answers):
    nobody = answers["role"].eq("resident").to_numpy()
    with pytest.raises(DesignError, match="nobody who was asked 'hours'"):
        m.missing_counts(answers, ["hours"], where=nobody)


def test_who_misses_what_is_tested_with_the_design():
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"cluster": np.repeat(np.arange(30), 10), "age": rng.normal(size=300)})
    table["role"] = rng.choice(["a", "b", "c"], 300)
    table["pay"] = rng.normal(size=300)
    table["pay"] = table["pay"].where(
        rng.random(300) > np.where(table["role"] == "a", 0.5, 0.1) + 0.1 * (table["age"] > 0)
    )
    found = m.missing_by(table, ["pay"], ["role", "age"])
    assert found["test"].tolist() == ["chi-square test (Rao-Scott F)", "t test"]
    assert found.loc[0, "p_holm"] < 0.001
    alone = m.chi_square(table["pay"].isna().astype(str), table, by="role")
    assert found.loc[0, "p_value"] == pytest.approx(alone.p_value)


def test_a_link_that_cannot_be_tested_says_why(answers):
    found = m.missing_by(answers.assign(place="north"), ["hours"], ["place"])
    assert found.loc[0, "note"]
    assert np.isnan(found.loc[0, "p_value"])


def test_littles_statistic_is_that_of_r():
    table = pd.read_csv(REFERENCE / "missing.csv").query("`.imp` == 0")
    found = m.little_test(table, ["x", "y", "z", "b"], design=m.make_design(table))
    assert found.statistic == pytest.approx(R["statistic"], rel=1e-7)
    assert found.statistic_df == R["df"]
    assert found.statistic_p == pytest.approx(R["p_value"], rel=1e-6)


def test_moments_with_gaps_are_those_of_r():
    table = pd.read_csv(REFERENCE / "missing.csv").query("`.imp` == 0")
    found = gapped_moments(table[["x", "y", "z", "b"]].to_numpy(), np.ones(len(table)))
    assert found.mean == pytest.approx(R["mean"], rel=1e-8)
    assert found.covariance == pytest.approx(np.array(R["covariance"]), rel=1e-7)


def test_littles_test_leaves_out_who_was_not_asked():
    rng = np.random.default_rng(4)
    table = pd.DataFrame(rng.normal(size=(200, 2)), columns=["a", "b"])
    table["b"] = (table["b"] + table["a"]).where(rng.random(200) > 0.3)
    asked = rng.random(200) > 0.3
    told = table.assign(b=table["b"].where(asked), b__missing=np.where(asked, None, "not_asked"))
    kept = m.little_test(table[asked], ["a", "b"])
    found = m.little_test(told, ["a", "b"])
    assert found.n_not_asked == (~asked).sum()
    assert (found.n, found.statistic) == (kept.n, pytest.approx(kept.statistic))


def test_in_a_large_plain_sample_both_forms_of_littles_test_agree():
    rng = np.random.default_rng(6)
    table = pd.DataFrame(rng.normal(size=(3000, 3)) + rng.normal(size=(3000, 1)), columns=list("abc"))
    table["b"] = table["b"].where(rng.random(3000) > 0.3)
    table["c"] = table["c"].where(rng.random(3000) > 0.3)
    found = m.little_test(table, list("abc"))
    assert found.f == pytest.approx(found.statistic / found.statistic_df, rel=0.05)
    assert found.df == pytest.approx(found.statistic_df, rel=0.05)
    assert found.p_value == pytest.approx(found.statistic_p, abs=0.03)


def rejected(clustered, seeds=range(150)):
    """Shares of samples without a link in which the two forms of the test find one."""
    found = []
    for seed in seeds:
        rng = np.random.default_rng(seed)
        village = np.repeat(np.arange(30), 10)
        shared = rng.normal(size=(30, 3))[village] * (2.0 if clustered else 0.0)
        table = pd.DataFrame(shared + rng.normal(size=(300, 3)), columns=list("abc")).assign(cluster=village)
        chance = rng.beta(0.3, 0.7, 30)[village] if clustered else 0.25
        for name in "bc":
            table[name] = table[name].where(rng.random(300) > chance)
        result = m.little_test(table, list("abc"))
        found.append((result.p_value < 0.05, result.statistic_p < 0.05))
    return np.mean(found, axis=0)


def test_littles_test_holds_its_level_in_a_plain_sample():
    ours, plain = rejected(clustered=False)
    assert 0.01 <= ours <= 0.10
    assert 0.01 <= plain <= 0.10


def test_in_clusters_only_the_test_with_the_design_holds_its_level():
    ours, plain = rejected(clustered=True)
    assert ours <= 0.10
    assert plain > 0.30


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"a": [1.0, 2.0, 3.0], "b": [1.0, 3.0, 2.0]}, "a single pattern"),
        ({"a": [1.0, 1.0, 1.0], "b": [1.0, None, 2.0]}, "same answer from all"),
        ({"a": [1.0, 2.0, 3.0, 5.0, 4.0], "b": [2.0, 4.0, 6.0, 10.0, None]}, "items that repeat each other"),
        ({"a": ["x", "y", "z"], "b": [1.0, None, 2.0]}, "words"),
    ],
)
def test_what_littles_test_cannot_answer_is_refused(table, message):
    with pytest.raises(DesignError, match=message):
        m.little_test(pd.DataFrame(table), ["a", "b"])
