"""Correlations: against NumPy and SciPy where samples are simple, the triangle, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError


@pytest.fixture
def table():
    rng = np.random.default_rng(8)
    frame = pd.DataFrame(rng.normal(size=(150, 3)) @ rng.normal(size=(3, 3)), columns=["pay", "load", "leave"])
    frame["rating"] = pd.Categorical(rng.integers(1, 6, 150).astype(str), list("12345"))
    frame["cluster"] = np.arange(150) // 5
    frame["same"], frame["word"] = 1.0, "a"
    frame.loc[:4, "pay"] = np.nan
    return frame


def equal(table):
    return m.make_design(weight=np.ones(len(table)))


def test_a_simple_sample_gives_the_classical_correlations(table):
    known = table.dropna()
    found = m.correlations(["pay", "load", "leave"], known, design=equal(known))
    np.testing.assert_allclose(found.matrix(), known[["pay", "load", "leave"]].corr())
    ranked = m.correlations(["load", "rating"], table, design=equal(table), method="spearman").table
    wanted = stats.spearmanr(table["load"], table["rating"].astype(float)).statistic
    assert ranked["estimate"][0] == pytest.approx(wanted)


def test_a_partial_correlation_is_that_of_residuals_and_of_the_inverse(table):
    known = table.dropna()
    found = m.correlations(["pay", "load", "leave"], known, design=equal(known), controls="others").table
    inverse = np.linalg.inv(known[["pay", "load", "leave"]].cov())
    wanted = -inverse / np.sqrt(np.outer(np.diag(inverse), np.diag(inverse)))
    np.testing.assert_allclose(found["estimate"], wanted[np.triu_indices(3, 1)])
    one = m.correlations(["pay", "load"], known, design=equal(known), controls=["leave"]).table.iloc[0]
    assert one["estimate"] == pytest.approx(found["estimate"][0])
    assert one["df"] == len(known) - 1 - 2


def test_every_pair_uses_the_rows_that_have_both(table):
    found = m.correlations(["pay", "load", "leave"], table).table
    assert found["n"].tolist() == [145, 145, 150]
    assert found["n_dropped"].tolist() == [5, 5, 0]
    assert (found["conf_low"] < found["estimate"]).all()
    assert (found["estimate"] < found["conf_high"]).all()
    assert (found["p_holm"] >= found["p_value"]).all()


def test_the_triangle_holds_reliabilities_stars_and_means(table):
    found = m.correlations(["pay", "load", "leave"], table, reliability={"load": 0.812})
    shown = m.triangle(found)
    assert list(shown) == ["variable", "mean", "sd", "1", "2", "3"]
    assert shown["2"].tolist()[:2] == ["", "(0.81)"]
    assert shown["1"][0] == "—"
    p, text = found.table["p_value"][0], shown["1"][1]
    assert text.count("*") == sum(p < limit for limit in (0.05, 0.01, 0.001))
    assert "*" not in m.triangle(found, stars=False)["1"][1]
    assert found._repr_html_().startswith("<table")
    assert found.matrix().loc["load", "load"] == 0.812


def test_a_variable_beside_its_double_is_a_perfect_correlation(table):
    found = m.correlations(pd.DataFrame({"a": table["load"], "b": -2 * table["load"]}), design=equal(table)).table.iloc[
        0
    ]
    assert (found["estimate"], found["conf_low"], found["conf_high"]) == (-1, -1, -1)
    assert np.isnan(found["p_value"])


REFUSED = {
    "constant": ({"values": ["load", "same"]}, "column same: found the same value"),
    "words": ({"values": ["load", "word"]}, "column word: found words"),
    "one variable": ({"values": ["load"]}, "1 variable"),
    "twice": ({"values": ["load", "load"]}, "load twice"),
    "unknown": ({"values": ["load", "pya"]}, "unknown column 'pya'"),
    "method": ({"values": ["load", "pay"], "method": "kendall"}, "method 'kendall'"),
    "controls": ({"values": ["load", "pay"], "method": "spearman", "controls": ["leave"]}, "controls with Spearman"),
    "determined": ({"values": ["load", "pay"], "controls": ["load"]}, "controls that determine"),
    "unknown control": ({"values": ["load", "pay"], "controls": ["lve"]}, "unknown column 'lve'"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_correlations_without_an_answer_are_refused_by_name(table, name):
    options, named = REFUSED[name]
    with pytest.raises(DesignError, match=named):
        m.correlations(table=table, **options)


def test_pairs_with_too_few_rows_or_clusters_are_refused(table):
    apart = table.assign(other=table["pay"].where(table.index < 7), pay=table["pay"].where(table.index > 4))
    with pytest.raises(DesignError, match="pay and other: found 2 rows with both"):
        m.correlations(["pay", "other"], apart)
    with pytest.raises(DesignError, match="0 degrees of freedom"):
        m.correlations(["load", "leave"], table, where=table["cluster"] < 2)
    beside = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0], "b": [1.0, 1.0, 1.0, np.nan], "c": [np.nan, 1.0, 2.0, 3.0]})
    with pytest.raises(DesignError, match="column b: found the same value"):
        m.correlations(["a", "b", "c"], beside)
