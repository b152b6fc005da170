"""Organisations: what R gives (tests/reference/mixed.R), published values, identities, and nobody shown singly."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError
from kzsurvey.modelling.describing.organisations import _log_ratio

REFERENCE = Path(__file__).parents[1] / "reference"
SHARED = Path(__file__).parents[2].parent / "shared"
R = json.loads((REFERENCE / "mixed.json").read_text())


@pytest.fixture(scope="module")
def people():
    table = pd.read_csv(REFERENCE / "mixed.csv")
    return table.assign(o2=np.minimum(table["o"] + table["z"], 5))


def refusal(function, *arguments, **options):
    with pytest.raises(DesignError) as caught:
        function(*arguments, **options)
    return str(caught.value)


def test_intraclass_correlations_are_those_of_the_analysis_of_variance(people):
    one, two = m.intraclass("y", people, groups="org", draws=0).itertuples()
    case = R["intraclass"]
    np.testing.assert_allclose([one.f, one.estimate, two.estimate], [case["f"], case["icc1"], case["icc2"]], rtol=1e-10)
    np.testing.assert_allclose([one.conf_low, one.conf_high], case["ends1"], rtol=1e-10)
    np.testing.assert_allclose([two.conf_low, two.conf_high], case["ends2"], rtol=1e-10)
    effective = m.intraclass("y", people, groups="org", size="effective", draws=0)
    np.testing.assert_allclose(effective["estimate"][0], case["icc1_effective"], rtol=1e-10)


def test_icc1_of_equal_groups_is_that_of_the_mixed_model():
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"org": np.arange(200) % 20})
    table["y"] = rng.normal(size=20)[table["org"]] + rng.normal(size=200)
    found = m.intraclass("y", table, groups="org", draws=0)["estimate"][0]
    assert found == pytest.approx(m.fit_mixed(table, "y ~ 1", groups="org").summary["icc"], rel=1e-7)


@pytest.mark.shared
def test_well_being_of_soldiers_gives_the_published_values():
    path = SHARED / "data" / "multilevel_bh1996_klein2000" / "bh1996.csv"
    if not path.exists():
        pytest.skip(f"no data in {SHARED.name}")
    found = m.intraclass("WBEING", pd.read_csv(path), groups="GRP", draws=200).set_index("statistic")
    assert found["estimate"].round(4).tolist() == [0.0434, 0.7717]
    assert found.loc["ICC1", ["groups", "n", "df_within"]].tolist() == [99, 7382, 7283]
    assert 0.02 < found.loc["ICC1", "resampled_low"] < 0.0434 < found.loc["ICC1", "resampled_high"] < 0.07


def test_resampling_is_that_of_its_seed(people):
    first, second, other = (m.intraclass("y", people, groups="org", draws=300, seed=seed) for seed in (5, 5, 6))
    pd.testing.assert_frame_equal(first, second)
    assert first["resampled_low"][0] != other["resampled_low"][0]


def test_resampled_ends_are_near_those_of_f_where_answers_are_normal():
    rng = np.random.default_rng(8)
    table = pd.DataFrame({"org": np.arange(1200) % 150})
    table["y"] = 0.5 * rng.normal(size=150)[table["org"]] + rng.normal(size=1200)
    found = m.intraclass("y", table, groups="org", draws=2000)
    np.testing.assert_allclose(found["resampled_low"], found["conf_low"], atol=0.05)
    np.testing.assert_allclose(found["resampled_high"], found["conf_high"], atol=0.05)


def test_the_error_of_log_f_is_near_its_jackknife():
    rng = np.random.default_rng(9)
    size, mean = np.full(400, 3.0), rng.normal(size=400)
    inside = mean**2 * rng.chisquare(2, size=400)  # people differ more where the group is far out
    left = [_log_ratio(*(np.delete(part, group) for part in (size, mean, inside)))[0] for group in range(400)]
    expected = np.sqrt(399 * np.var(left))
    assert _log_ratio(size, mean, inside)[1] == pytest.approx(expected, rel=0.05)


def test_agreement_is_that_of_its_formula(people):
    one = m.within_agreement("o", people, groups="org", options=5, null=["uniform"]).table.iloc[0]
    two = m.within_agreement(["o", "o2"], people, groups="org", options=5, null="slight_skew").table.iloc[0]
    columns = ["lower_quartile", "median", "upper_quartile", "share_above_70", "share_at_0"]
    np.testing.assert_allclose(one[columns].astype(float), R["agreement"]["one"], rtol=1e-10)
    np.testing.assert_allclose(two[columns].astype(float), R["agreement"]["two"], rtol=1e-10)
    assert two["statistic"] == "r_wg(2)"


def test_small_groups_count_but_are_not_shown(people):
    found = m.within_agreement("o", people, groups="org", options=5, smallest=8)
    sizes = people.groupby("org").size()
    assert found.groups.index.tolist() == sizes[sizes >= 8].index.tolist()
    assert found.groups_withheld == ((sizes > 1) & (sizes < 8)).sum()
    assert found.table["groups"][0] == (sizes > 1).sum()
    assert found.table["groups_of_one"][0] == (sizes == 1).sum()


def test_a_correlation_is_the_sum_of_its_parts(people):
    found = m.decompose_correlation("x", "y", people, groups="org").set_index("part")
    case = R["correlation"]
    np.testing.assert_allclose(found["estimate"], [case["total"], case["between"], case["within"]], rtol=1e-10)
    np.testing.assert_allclose(found.loc["between", ["eta_first", "eta_second"]].astype(float), case["eta"], rtol=1e-10)
    assert found["product"]["between"] + found["product"]["within"] == pytest.approx(found["product"]["total"])
    assert found["n_dropped"].unique().tolist() == [3]


def test_centred_columns_sum_to_the_column(people):
    split = m.centred_by_group(people, ["x", "y"], groups="org")
    known = split["org"].notna()
    np.testing.assert_allclose((split["x_between"] + split["x_within"])[known], people["x"][known])
    assert split.groupby("org")["y_within"].mean().abs().max() < 1e-12
    assert "column 'x_between' already" in refusal(m.centred_by_group, split, "x", groups="org")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"org": "one"}, "a single group with answers"),
        ({"org": lambda table: table.index}, "groups of one answer only"),
        ({"y": 2.0}, "the same answer for all (2)"),
        ({"y": lambda table: table["w"]}, "the same inside every group"),
        ({"y": "much"}, "an item in words"),
    ],
)
def test_answers_without_variance_or_groups_are_refused(people, change, said):
    message = refusal(m.intraclass, "y", people.dropna().assign(**change), groups="org")
    assert said in message
    assert "y" in message


def test_unknown_columns_sizes_and_scales_are_refused(people):
    assert "unknown column 'orgs'" in refusal(m.intraclass, "y", people, groups="orgs")
    assert "unknown column 'yy'" in refusal(m.intraclass, "yy", people, groups="org")
    assert "size 'harmonic'" in refusal(m.intraclass, "y", people, groups="org", size="harmonic")
    assert "allowed: 1 to 3" in refusal(m.within_agreement, "o", people, groups="org", options=3, null="uniform")
    skewed = {"groups": "org", "options": 4, "null": "slight_skew"}
    assert "5 or 7 options" in refusal(m.within_agreement, "o", people, **skewed)
    assert "null 'flat'" in refusal(m.within_agreement, "o", people, groups="org", options=5, null="flat")
    assert "above 0" in refusal(m.within_agreement, "o", people, groups="org", options=5, null={"a": 0.0})
    alone = people.assign(org=people.index)
    assert "no group of two" in refusal(m.within_agreement, "o", alone, groups="org", options=5)
    flat = people.dropna().assign(flat=lambda table: table["y"] - table.groupby("org")["y"].transform("mean"))
    assert "means that are all the same" in refusal(m.decompose_correlation, "x", "flat", flat, groups="org")


def test_a_null_without_a_published_variance_is_left_out_with_a_note(people):
    found = m.within_agreement("o", people, groups="org", options=6)
    assert found.table["null"].tolist() == ["uniform"]
    assert "slight_skew is published for 5 and 7 options, not for 6" in found.note
    assert "slight_skew" in found._repr_html_()
    assert m.within_agreement("o", people, groups="org", options=5).note == ""
