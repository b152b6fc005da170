"""Means, totals, ratios, proportions and shares: domains, groups, missing values, intervals."""

import numpy as np
import pandas as pd
import pytest

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError


@pytest.fixture
def table():
    rng = np.random.default_rng(7)
    cluster = rng.integers(0, 15, 120)
    frame = pd.DataFrame({"weight": rng.uniform(1, 4, 120), "cluster": cluster, "stratum": cluster % 3})
    frame["hours"] = rng.normal(45, 8, 120) + cluster
    frame["role"] = pd.Categorical(rng.choice(["staff", "head"], 120), categories=["staff", "head", "guest"])
    frame["named"] = rng.integers(0, 2, 120)
    frame.loc[:9, "hours"] = np.nan
    frame.loc[5:7, "role"] = np.nan
    return frame


def test_a_domain_is_the_mean_computed_by_hand_and_keeps_the_clusters_outside(table):
    where = (table["role"] == "head").to_numpy()
    inside = table[where & table["hours"].notna()]
    found = m.mean("hours", table, where=where).table.iloc[0]
    assert found["estimate"] == pytest.approx(np.average(inside["hours"], weights=inside["weight"]))
    assert (found["n"], found["n_dropped"]) == (len(inside), int(where.sum()) - len(inside))
    alone = m.mean("hours", inside).table.iloc[0]
    assert found["std_error"] == pytest.approx(alone["std_error"], rel=0.05)


def test_groups_together_equal_groups_one_by_one(table):
    joint = m.mean("hours", table, by="role")
    for row in joint.table.itertuples():
        alone = m.mean("hours", table, where=(table["role"] == row.role).to_numpy()).table.iloc[0]
        assert row.estimate == pytest.approx(alone["estimate"])
        assert row.std_error == pytest.approx(alone["std_error"])
        assert (row.df, row.n, row.n_dropped) == (alone["df"], alone["n"], alone["n_dropped"])
    assert joint.n_ungrouped == 3


def test_differences_have_the_error_of_a_regression_on_the_group(table):
    means = m.mean("hours", table, by="role")
    found = m.differences(means).table.iloc[0]
    fit = m.fit_regression(
        table, "hours ~ role", design=m.make_design(table, weight="weight", strata="stratum", clusters="cluster")
    )
    assert found["variable"] == "hours head - staff"
    assert found["estimate"] == pytest.approx(fit.terms["estimate"][1])
    assert found["std_error"] == pytest.approx(fit.terms["std_error"][1])
    assert 0 < found["p_value"] < 1


def test_shares_keep_options_nobody_gave_and_add_up(table):
    found = m.shares("role", table).table
    assert found["value"].tolist() == ["staff", "head", "guest"]
    assert found["estimate"].sum() == pytest.approx(1)
    assert found["estimate"][2] == 0
    assert found["n"].tolist() == [117] * 3


def test_shares_by_group_have_a_row_per_answer_and_group(table):
    found = m.shares("role", table, by=["stratum", "named"]).table
    assert len(found) == 3 * 3 * 2
    assert np.allclose(found.groupby(["stratum", "named"])["estimate"].sum(), 1)


@pytest.mark.parametrize("method", ["logit", "beta", "asin", "wilson"])
def test_intervals_of_proportions_stay_between_0_and_1(method):
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"rare": (rng.random(80) < 0.03) * 1, "none": 0, "all": 1, "cluster": np.arange(80) // 4})
    found = m.proportion(["rare", "none", "all"], frame, method=method).table
    assert found["conf_low"].between(0, 1).all()
    assert found["conf_high"].between(0, 1).all()
    assert found["conf_low"][1] == 0
    assert 0 < found["conf_high"][1] < 0.2
    assert found["conf_high"][2] == 1


@pytest.mark.parametrize("method", ["logit", "beta", "asin", "wilson"])
def test_a_share_that_is_calibrated_to_is_its_own_interval(table, method):
    known = table.dropna()
    design = m.poststratify(known["role"].astype("str"), {"staff": 300, "head": 100}).design
    found = m.shares("role", known, design=design, method=method)
    np.testing.assert_allclose(found.table["conf_low"][:2], [0.75, 0.25])
    np.testing.assert_allclose(found.table["conf_high"][:2], [0.75, 0.25])


def test_the_wald_interval_may_leave_the_unit_interval(table):
    frame = pd.DataFrame({"rare": [1] + [0] * 19})
    assert m.proportion("rare", frame, method="mean").table["conf_low"][0] < 0


def test_a_group_in_one_cluster_has_no_interval_rather_than_a_wrong_one():
    frame = pd.DataFrame({"y": [1.0, 2.0, 3.0, 5.0], "cluster": [1, 1, 2, 3], "place": ["a", "a", "b", "b"]})
    found = m.mean("y", frame, by="place").table
    assert found["df"].tolist() == [0, 1]
    assert np.isnan(found["conf_low"][0])
    assert not np.isnan(found["conf_low"][1])


def test_nobody_with_a_value_is_shown_with_n_0():
    frame = pd.DataFrame({"y": [1.0, 2.0, np.nan], "place": ["a", "a", "b"]})
    found = m.mean("y", frame, by="place").table
    assert found["n"].tolist() == [2, 0]
    assert found[["estimate", "std_error", "deff"]].iloc[1].isna().all()


def test_totals_and_ratios_agree_with_each_other(table):
    known = table.dropna().assign(one=1.0)
    ratio = m.ratio("hours", "one", known).table.iloc[0]
    mean = m.mean("hours", known).table.iloc[0]
    assert ratio["variable"] == "hours/one"
    assert ratio["std_error"] == pytest.approx(mean["std_error"])
    total = m.total("hours", known).table.iloc[0]
    assert total["estimate"] == pytest.approx(mean["estimate"] * known["weight"].sum())


def test_a_simple_random_sample_has_design_effect_1():
    y = np.random.default_rng(2).normal(size=50)
    found = m.mean(y, design=m.make_design(weight=np.full(50, 3.0))).table
    assert found["deff"][0] == pytest.approx(1)
    finite = m.make_design(weight=np.full(50, 3.0), population=np.full(50, 150))
    assert m.mean(y, design=finite, deff="finite").table["deff"][0] == pytest.approx(1)


def test_contrasts_of_several_variables(table):
    both = m.mean(["hours", "named"], table)
    found = m.contrast(both, {"sum": [1, 1], "half": [0.5, 0]}).table
    assert found["estimate"].tolist() == pytest.approx([both.table["estimate"].sum(), both.table["estimate"][0] / 2])


def test_estimates_show_as_a_table_in_a_notebook(table):
    assert "std_error" in m.mean("hours", table)._repr_html_()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: m.mean("role", t), "column role: found words where numbers are needed"),
        (lambda t: m.proportion("hours", t), "values other than 0 and 1"),
        (lambda t: m.mean("huors", t), "unknown column 'huors'"),
        (lambda t: m.mean("hours", t, where=np.zeros(120, dtype=bool)), "nobody in it"),
    ],
)
def test_what_has_no_estimate_is_refused(table, call, message):
    with pytest.raises(DesignError, match=message):
        call(table)


def test_arrays_without_a_design_are_a_fault_of_the_program_and_what_is_asked_for_wrongly_is_not(table):
    with pytest.raises(TypeError, match="design"):
        m.mean([1.0, 2.0])
    with pytest.raises(DesignError, match="unknown method"):
        m.proportion("named", table, method="exact")
    with pytest.raises(DesignError, match="rows"):
        m.mean("hours", table, design=m.make_design(weight=[1.0, 1.0]))
    with pytest.raises(DesignError, match="numerators"):
        m.ratio(["hours", "named"], "weight", table)


def test_variances_by_group_are_those_of_pandas_and_stay_above_0(table):
    alone = m.make_design(weight=np.ones(len(table)))
    found = m.variances("hours", table, design=alone, by="role").table
    np.testing.assert_allclose(found["estimate"], table.groupby("role", observed=True)["hours"].var())
    assert (found["conf_low"] > 0).all()
    assert m.variances("named", pd.DataFrame({"named": [3.0, 3.0]})).table["estimate"][0] == 0


def test_covariances_come_with_the_names_of_both(table):
    found = m.variances(["hours", "named"], table, covariances=True).table
    assert found[["variable", "other"]].to_numpy().tolist() == [
        ["hours", "hours"], ["hours", "named"], ["named", "named"]
    ]  # fmt: skip
    assert found["n"].tolist() == [110, 110, 120]


def test_few_clusters_with_unequal_weight_leave_fewer_degrees_of_freedom(table):
    plain, fewer = m.mean("hours", table), m.mean("hours", table, df="satterthwaite")
    assert 1 < fewer.table["df"][0] < plain.table["df"][0] == 12
    assert fewer.table["conf_high"][0] > plain.table["conf_high"][0]
    assert fewer.table["std_error"][0] == plain.table["std_error"][0]
    even = m.mean([1.0, 2.0, 4.0, 1.0, 2.0, 4.0], design=m.make_design(strata=list("aaabbb")), df="satterthwaite")
    assert even.table["df"][0] == pytest.approx(4)


def test_every_estimate_takes_the_rule_and_an_unknown_one_is_refused(table):
    options = {"design": m.make_design(table, weight="weight", strata="stratum", clusters="cluster")}
    two = table.assign(named=table["named"].astype("str"))
    asked = {
        "t": lambda df: m.t_test("hours", two, by="named", df=df, **options).df,
        "one mean": lambda df: m.t_test("hours", table=table, against=40, df=df, **options).df,
        "r": lambda df: m.correlations(["hours", "named"], table, df=df, **options).table["df"][0],
        "median": lambda df: m.quantile("hours", table, df=df, **options).table["df"][0],
        "score": lambda df: m.quantile("hours", table, df=df, interval="score", **options).table["df"][0],
        "share": lambda df: m.shares("role", table, df=df, **options).table["df"][0],
    }
    for ask in asked.values():
        assert 0 < ask("satterthwaite") < ask("design")
        with pytest.raises(DesignError, match="degrees of freedom by 'normal'"):
            ask("normal")


def test_calibrated_weights_and_replicates_know_what_the_rule_may_do(table):
    known = table.dropna()
    base = m.make_design(known, weight="weight", strata="stratum", clusters="cluster")
    post = m.poststratify(known["role"].astype("str"), {"staff": 300, "head": 100}, design=base).design
    assert 0 < m.mean("hours", known, design=post, df="satterthwaite").table["df"][0] < 12
    replicated = m.with_replicates(base, base.weight[:, None] * np.ones((1, 3)), factor=1.0, df=2)
    with pytest.raises(DesignError, match="replicate weights"):
        m.mean("hours", known, design=replicated, df="satterthwaite")


def test_differences_stay_within_a_variable_an_answer_and_a_p():
    table = pd.DataFrame({"staff": [1.0, 3, 5, 7], "burn": [100.0, 300, 200, 600], "year": [1, 1, 2, 2]})
    design = m.make_design(table)
    found = m.differences(m.mean(["staff", "burn"], table, design=design, by="year")).table
    assert dict(zip(found["variable"], found["estimate"], strict=True)) == {"staff 2 - 1": 4.0, "burn 2 - 1": 200.0}
    answers = table.assign(role=list("abbb"))
    found = m.differences(m.shares("role", answers, design=design, by="year")).table
    assert dict(zip(found["variable"], found["estimate"], strict=True)) == {"role a 2 - 1": -0.5, "role b 2 - 1": 0.5}
    found = m.differences(m.quantile("burn", table, p=[0.25, 0.75], design=design, by="year"), reference=1).table
    wanted = {"burn p=0.25 1 - 2": -100.0, "burn p=0.75 1 - 2": -300.0}
    assert dict(zip(found["variable"], found["estimate"], strict=True)) == wanted


def test_differences_without_groups_are_refused():
    table = pd.DataFrame({"staff": [1.0, 3, 5, 7], "burn": [100.0, 300, 200, 600]})
    with pytest.raises(DesignError, match=r"1 row of staff.*by=.*contrast"):
        m.differences(m.mean(["staff", "burn"], table))
    with pytest.raises(DesignError, match="reference 2"):
        m.differences(m.mean("staff", table, by=pd.Series([1, 1, 2, 2], name="year")), reference=2)


def test_a_domain_in_a_single_cluster_has_a_mean_and_no_error(table):
    found = m.mean("hours", table, where=(table["cluster"] == 3).to_numpy()).table.iloc[0]
    assert np.isfinite(found["estimate"])
    assert found[["std_error", "conf_low", "conf_high"]].isna().all()


def test_only_comparisons_with_a_group_of_one_cluster_lose_their_error(table):
    groups = table["cluster"].map(lambda cluster: "one" if cluster == 3 else "even" if cluster % 2 == 0 else "odd")
    found = m.differences(m.mean("hours", table, by=groups.rename("group"))).table.set_index("variable")
    assert np.isnan(found.loc["hours one - even", "std_error"])
    assert np.isfinite(found.loc["hours odd - even", ["std_error", "p_value"]].to_numpy(float)).all()


def test_the_total_of_a_single_cluster_has_the_error_of_the_others_having_none(table):
    inside = (table["cluster"] == 3).to_numpy()
    zeroed = m.total(np.where(inside, 1.0, 0.0), design=m.make_design(table, weight="weight", clusters="cluster")).table
    found = m.total(np.ones(120), design=m.make_design(table, weight="weight", clusters="cluster"), where=inside).table
    assert found["std_error"][0] == pytest.approx(zeroed["std_error"][0])


def test_what_is_infinite_counts_as_missing(table):
    endless = table.assign(hours=table["hours"].where(table.index != 20, np.inf))
    missing = table.assign(hours=table["hours"].where(table.index != 20))
    for function in (m.mean, m.variances, lambda *given: m.correlations(["hours", "named"], given[1])):
        pd.testing.assert_frame_equal(function("hours", endless).table, function("hours", missing).table)
