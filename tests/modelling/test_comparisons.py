"""Comparisons of groups: against the classical tests where samples are simple, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError


@pytest.fixture
def table():
    rng = np.random.default_rng(5)
    frame = pd.DataFrame({"weight": rng.uniform(1, 4, 240), "cluster": np.arange(240) // 8})
    frame["place"] = pd.Categorical(rng.choice(["a", "b", "c"], 240), ["a", "b", "c", "d"])
    frame["two"] = np.where(frame["place"] == "a", "x", "y")
    frame["load"] = rng.normal(3, 1, 240) + 0.4 * (frame["two"] == "y")
    frame["rating"] = pd.Categorical(rng.choice(["low", "mid", "top"], 240), ["low", "mid", "top"], ordered=True)
    frame["same"] = 4.0
    return frame


def simple(table):
    return m.make_design(weight=np.ones(len(table)))


def parts(table, column):
    return [part["load"].to_numpy() for _, part in table.groupby(column, observed=True)]


def test_a_simple_sample_gives_about_the_classical_tests(table):
    found = m.t_test("load", table, by="two", design=simple(table))
    assert found.statistic == pytest.approx(-stats.ttest_ind(*parts(table, "two"), equal_var=False).statistic, rel=0.01)
    found = m.one_way("load", table, by="place", design=simple(table))
    assert found.statistic == pytest.approx(stats.f_oneway(*parts(table, "place")).statistic, rel=0.1)
    found = m.rank_test("load", table, by="place", design=simple(table))
    assert found.statistic * 2 == pytest.approx(stats.kruskal(*parts(table, "place")).statistic, rel=0.2)
    crossed = m.chi_square("rating", table, by="place", design=simple(table), statistic="chisq")
    wanted = stats.chi2_contingency(pd.crosstab(table["rating"], table["place"]), correction=False)
    assert crossed.statistic == pytest.approx(wanted.statistic, rel=0.1)


def test_effect_sizes_of_a_simple_sample_are_the_classical_ones(table):
    x, y = parts(table, "two")
    pooled = np.sqrt((((x - x.mean()) ** 2).sum() + ((y - y.mean()) ** 2).sum()) / (len(x) + len(y) - 2))
    found = m.t_test("load", table, by="two", design=simple(table)).effects.set_index("effect")["estimate"]
    assert found["Cohen's d"] == pytest.approx((y.mean() - x.mean()) / pooled)
    ranked = m.rank_test("load", table, by="two", design=simple(table))
    assert ranked.effect == pytest.approx(stats.mannwhitneyu(y, x).statistic / len(x) / len(y))
    whole, several = table["load"], m.one_way("load", table, by="place", design=simple(table)).effects
    between = sum(len(part) * (part.mean() - whole.mean()) ** 2 for part in parts(table, "place"))
    assert several["estimate"][0] == pytest.approx(between / ((whole - whole.mean()) ** 2).sum())
    error = (((whole - whole.mean()) ** 2).sum() - between) / 237
    omega = (between - 2 * error) / (((whole - whole.mean()) ** 2).sum() + error)
    assert several["estimate"][1] == pytest.approx(omega, abs=0.002)


def test_degrees_of_freedom_below_the_line_have_one_name(table):
    found = [m.one_way("load", table, by="place"), m.chi_square("two", table, by="place")]
    assert all(test.df_below == test.table["df_below"][0] > 0 for test in found)
    _, tests = m.sample_table(table, pd.DataFrame({"variable": ["two"] * 2, "value": ["x", "y"], "count": [50, 70]}))
    assert tests["df_below"][0] == 29


def test_a_cross_table_counts_the_clusters_of_its_domain(table):
    found = m.chi_square("two", table, by="rating", where=table["cluster"] < 10)
    assert found.df_below == pytest.approx(9 * found.df)


def test_the_effect_of_phi_is_that_of_a_two_by_two_table(table):
    high = pd.Series(np.where(table["load"] > 3, "yes", "no"), name="high")
    found = m.chi_square(high, by=table["two"], design=simple(table))
    assert found.effect_name == "phi"
    assert found.effect == pytest.approx(stats.contingency.association(pd.crosstab(high, table["two"]), "cramer"))
    assert found.groups["n"].sum() == 240
    assert found.groups["share"].sum() == pytest.approx(1)
    assert found.groups["residual"][0] == pytest.approx(-found.groups["residual"][1])


def test_a_test_of_two_groups_is_the_same_whichever_comes_first_and_however_rows_stand(table):
    turned = pd.Series(pd.Categorical(table["two"], ["y", "x"]), name="two")
    one, other = m.rank_test("rating", table, by="two"), m.rank_test(table["rating"], table, by=turned)
    assert one.effect == pytest.approx(1 - other.effect)
    shuffled = table.sample(frac=1, random_state=1)
    assert m.rank_test("rating", shuffled, by="two").p_value == pytest.approx(one.p_value, rel=1e-9)
    assert m.t_test("load", shuffled, by="two").p_value == pytest.approx(
        m.t_test("load", table, by="two").p_value, rel=1e-9
    )


def test_pairs_are_adjusted_by_holm_and_agree_with_the_test_of_two(table):
    found = m.one_way("load", table, by="place")
    assert found.pairs[["first", "second"]].to_numpy().tolist() == [["a", "b"], ["a", "c"], ["b", "c"]]
    np.testing.assert_allclose(found.pairs["p_holm"], m.holm(found.pairs["p_value"].to_numpy()))
    two = m.t_test("load", table, by="place", where=(table["place"] != "c").to_numpy())
    assert found.pairs["difference"][0] == pytest.approx(two.effects["estimate"][0])
    ranked = m.rank_test("load", table, by="place")
    by_two = m.rank_test("load", table, by="place", where=(table["place"] != "c").to_numpy())
    assert ranked.pairs["probability"][0] == pytest.approx(by_two.effect)
    assert (ranked.pairs["p_holm"] >= ranked.pairs["p_value"]).all()


def test_one_mean_against_the_middle_of_the_scale(table):
    found = m.t_test("load", table=table, against=3.0)
    row = m.mean("load", table).table.iloc[0]
    assert found.statistic == pytest.approx((row["estimate"] - 3) / row["std_error"])
    assert found.df == row["df"]
    assert found.groups["mean"][0] == pytest.approx(row["estimate"])


def test_options_count_as_the_numbers_that_name_them(table):
    named = pd.Series(pd.Categorical(np.tile(list("24"), 120), list("1234"), ordered=True), name="rating")
    found = m.t_test(named, table, by=table["two"]).groups
    assert found["mean"].between(2, 4).all()


def test_missing_values_and_groups_are_counted(table):
    table.loc[:4, "load"] = np.nan
    table.loc[3:9, "place"] = np.nan
    found = m.one_way("load", table, by="place")
    assert (found.n, found.n_dropped) == (230, 10)
    assert found.groups["n"].sum() == 230
    assert found.table.shape == (1, 14)
    assert "Hedges" not in found.table.to_string()
    assert found._repr_html_().count("<table") == 4


def test_intervals_of_lengths_stay_between_0_and_1(table):
    linked = table.assign(copy=table["two"])
    found = m.chi_square("copy", linked, by="two")
    assert found.effect == pytest.approx(1)
    assert 0 < found.conf_low <= found.conf_high <= 1
    none = m.one_way(np.tile([1.0, 2.0], 120), by=table["place"], design=simple(table))
    assert none.conf_low == 0


REFUSED = {
    "cells apart": (lambda t: m.chi_square("copy", t.assign(copy=t["place"].astype("str")), by="place"), "undefined"),
    "one group": (lambda t: m.t_test("load", t, by="two", where=t["two"] == "x"), "1 group .x."),
    "three groups": (lambda t: m.t_test("load", t, by="place"), "3 groups .a, b, c.; allowed: two groups; one_way"),
    "empty group": (
        lambda t: m.t_test(t["load"].where(t["two"] == "x"), by=t["two"], design=simple(t)),
        "group y without a known value",
    ),
    "one cluster": (
        lambda t: m.t_test("load", t, by=pd.Series(np.where(t["cluster"] == 2, "there", "here"))),
        "group there in a single cluster",
    ),
    "constant": (lambda t: m.one_way("same", t, by="place"), "column same: found the same value .4. for all 240"),
    "constant within": (
        lambda t: m.t_test((t["two"] == "x") * 1.0, by=t["two"], design=simple(t)),
        "the same within every group",
    ),
    "words": (lambda t: m.t_test("two", t, by="place"), "words where numbers are needed"),
    "unordered ranks": (lambda t: m.rank_test("place", t, by="two"), "words where numbers are needed"),
    "unknown column": (lambda t: m.t_test("lod", t, by="two"), "unknown column 'lod'"),
    "two variables": (lambda t: m.t_test(["load", "same"], t, by="two"), "2 variables"),
    "scores": (lambda t: m.rank_test("load", t, by="two", scores="savage"), "scores 'savage'"),
    "ties": (lambda t: m.rank_test("load", t, by="two", ties="first"), "ties 'first'"),
    "statistic": (lambda t: m.chi_square("two", t, by="place", statistic="G"), "statistic 'G'"),
    "one answer": (lambda t: m.chi_square("same", t, by="two"), "column same: found 1 group"),
    "few clusters for adjusted Wald": (
        lambda t: m.chi_square("rating", t, by="place", where=t["cluster"] < 4, statistic="adjusted wald"),
        "0 degrees of freedom left",
    ),
    "constant mean": (lambda t: m.t_test("same", table=t), "the same value"),
    "few clusters": (
        lambda t: m.one_way("load", t, by="place", where=t["cluster"] < 3),
        "0 degrees of freedom left",
    ),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_comparisons_without_an_answer_are_refused_by_name(table, name):
    ask, named = REFUSED[name]
    with pytest.raises(DesignError, match=named):
        ask(table)


@pytest.mark.parametrize("statistic", ["F", "chisq", "wald", "adjusted wald"])
def test_a_table_that_the_weights_are_calibrated_to_has_no_test(table, statistic):
    both = table["two"] + table["rating"].astype("str")
    base = m.make_design(table, weight="weight", clusters="cluster")
    design = m.poststratify(both, dict.fromkeys(sorted(both.unique()), 50), design=base).design
    with pytest.raises(DesignError, match="calibrated|undefined"):
        m.chi_square("two", table, by="rating", design=design, statistic=statistic)


def test_a_replicate_without_a_group_is_refused(table):
    base = m.make_design(table, weight="weight", clusters="cluster")
    out = base.weight[:, None] * np.column_stack([table["two"] == "x", table["cluster"] < 15, table["cluster"] > 9])
    design = m.with_replicates(base, out, factor=0.5, df=2)
    with pytest.raises(DesignError, match="replicate weights under which a group has nobody"):
        m.t_test("load", table, by="two", design=design)
