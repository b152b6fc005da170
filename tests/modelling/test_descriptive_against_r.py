"""Quantiles, variances, tests of groups, effects and correlations are R's (tests/reference/descriptive.R)."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kzsurvey import modelling as m
from kzsurvey.modelling.sampling.intervals import length_interval

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "descriptive.json").read_text())
SHARES = R["shares"]
ITEMS = ["item1", "item2", "item3", "item4"]


@pytest.fixture(scope="module")
def people():
    table = pd.read_csv(REFERENCE / "modelling.csv")
    return table.assign(z=pd.Categorical(table["z"], ["low", "middle", "high"]))


def plain(people, **weight):
    return m.make_design(people, **{"weight": "weight"} | weight, strata="stratum", clusters="cluster")


def staged(people):
    sizes = ["villages", "households"]
    return m.make_design(people, weight="weight", strata="stratum", clusters=["cluster", "person"], population=sizes)


def jackknife(people):
    base = plain(people)
    first = base.stages[0]
    out = first.cluster[:, None] == np.arange(len(first.stratum))
    beside = first.stratum[first.cluster][:, None] == first.stratum
    drawn = first.drawn[first.stratum]
    weight = base.weight[:, None] * np.where(out, 0.0, np.where(beside, drawn / (drawn - 1), 1.0))
    return m.with_replicates(base, weight, factor=(drawn - 1) / drawn, df=24)


DESIGNS = {"plain": plain, "staged": staged, "jackknife": jackknife}


@pytest.fixture(scope="module", params=["plain", "staged"])
def case(request, people):
    return request.param, DESIGNS[request.param](people)


@pytest.fixture(scope="module", params=list(DESIGNS))
def any_case(request, people):
    return request.param, DESIGNS[request.param](people)


def same(found, wanted, tolerance=1e-9):
    np.testing.assert_allclose(np.ravel(np.asarray(found, dtype=float)), np.ravel(wanted), rtol=tolerance, atol=1e-13)


def same_quantiles(found, wanted):
    names = {"estimate": "estimate", "conf_low": "low", "conf_high": "high", "std_error": "std_error"}
    for ours, theirs in names.items():
        same(found.table[ours], np.array(wanted[theirs], dtype=float))


@pytest.mark.parametrize("definition", list(R["quantiles"]["plain"]["rules"]))
def test_every_definition_of_a_quantile(any_case, people, definition):
    name, design = any_case
    if (name, definition) == ("jackknife", "shahvaish"):
        pytest.skip("R scales the weights of the other designs only")
    found = m.quantile("hours", people, p=SHARES, design=design, definition=definition)
    same(found.table["estimate"], R["quantiles"][name]["rules"][definition])


def test_every_interval_of_a_quantile(any_case, people):
    name, design = any_case
    for interval, wanted in R["quantiles"][name]["intervals"].items():
        known = "replicates" if interval == "quantile" else interval
        same_quantiles(m.quantile("hours", people, p=SHARES, design=design, interval=known), wanted)


def test_interpolated_quantiles_ratings_and_a_domain(any_case, people):
    name, design = any_case
    wanted, options = R["quantiles"][name], {"p": SHARES, "design": design, "interval": "mean"}
    same_quantiles(m.quantile("hours", people, definition="hf7", **options), wanted["linear"])
    same_quantiles(m.quantile("item1", people, definition="math", **options), wanted["ratings"])
    if name != "jackknife":  # R counts the degrees of freedom of a domain anew there
        same_quantiles(m.quantile("hours", people, where=people["b"] == 1, **options), wanted["domain"])


def test_variances_and_covariances(any_case, people):
    name, design = any_case
    found = m.variances(["hours", "visits"], people, design=design, covariances=True).table
    same(found["estimate"], R["variances"][name]["estimate"])
    same(found["std_error"], R["variances"][name]["std_error"])
    same(m.variances("y", people, design=design).table["estimate"], R["variances"][name]["missing"])


def test_the_profile_likelihood_interval(case, people):
    name, design = case
    found = m.proportion("b", people, design=design, method="likelihood").table[["conf_low", "conf_high"]]
    same(found, R["likelihood"][name]["exact"])
    same(found, R["likelihood"][name]["survey"], 1e-4)  # R interpolates its profile


def test_two_means(case, people):
    name, design = case
    wanted, found = R["groups"][name]["t"], m.t_test("hours", people, by="b", design=design)
    same([found.statistic, found.df, found.p_value], [wanted["statistic"], wanted["df"], wanted["p"]])
    same(found.effects.loc[0, ["estimate", "conf_low", "conf_high"]], [wanted["difference"], *wanted["ci"]])
    some = m.t_test("hours", people, by="b", design=design, where=people["z"] != "high")
    wanted = R["groups"][name]["t_domain"]
    same([some.statistic, some.df, some.p_value], [wanted["statistic"], wanted["df"], wanted["p"]])


def test_several_means(case, people):
    name, design = case
    wanted, found = R["groups"][name]["one_way"], m.one_way("hours", people, by="z", design=design)
    same([found.statistic, found.df, found.df_below, found.p_value], [wanted[k] for k in ("F", "df", "df_below", "p")])


@pytest.mark.parametrize("scores", ["wilcoxon", "median", "normal"])
def test_ranks_of_two_groups(case, people, scores):
    name, design = case
    wanted = R["groups"][name][scores]
    found = m.rank_test("visits", people, by="b", design=design, scores=scores, ties="rows")
    same([found.statistic, found.df, found.p_value], [wanted["statistic"], wanted["df"], wanted["p"]])


def test_ranks_of_several_groups(case, people):
    name, design = case
    wanted, found = R["groups"][name]["kruskal"], m.rank_test("visits", people, by="z", design=design, ties="rows")
    same([found.statistic * found.df, found.df_below, found.p_value], [wanted[k] for k in ("chisq", "df_below", "p")])


@pytest.mark.parametrize("statistic", ["F", "wald", "adjusted"])
def test_cross_tables(case, people, statistic):
    name, design = case
    known = {"adjusted": "adjusted wald"}.get(statistic, statistic)
    wanted = R["groups"][name]["F_b" if statistic == "F" else statistic]
    found = m.chi_square("z", people, by="b", design=design, statistic=known)
    same([found.statistic, found.df, found.df_below, found.p_value], [wanted["statistic"], *wanted["df"], wanted["p"]])


def test_cross_tables_of_strata_in_a_domain_and_by_chi_square(case, people):
    name, design = case
    groups = R["groups"][name]
    same(m.chi_square("z", people, by="stratum", design=design).p_value, groups["F"]["p"], 1e-8)
    some = m.chi_square("z", people, by="b", design=design, where=people["stratum"] != "west")
    same([some.statistic, some.p_value], [groups["F_domain"]["statistic"], groups["F_domain"]["p"]])
    first = m.chi_square("z", people, by="b", design=design, statistic="chisq")
    same([first.df, first.p_value], [groups["chisq"]["df"], groups["chisq"]["p"]])


def test_tests_under_replicate_weights(people):
    design = jackknife(people)
    found, wanted = m.t_test("hours", people, by="b", design=design), R["jackknife"]["t"]
    same([found.statistic, found.df], [wanted["statistic"], wanted["df"]])
    found, wanted = m.chi_square("z", people, by="b", design=design), R["jackknife"]["F"]
    same([found.statistic, found.p_value], [wanted["statistic"], wanted["p"]])


def statistics(people, design):
    two = m.t_test("hours", people, by="b", design=design).effects
    pearson = m.correlations(["hours", "visits"], people, design=design).table
    rho = m.correlations(["item1", "visits"], people, design=design, method="spearman").table
    partial = m.correlations(["hours", "visits"], people, design=design, controls=["item1", "item3"]).table
    found = {"cohen": two.iloc[1], "hedges": two.iloc[2], "pearson": pearson.iloc[0], "spearman": rho.iloc[0]}
    found |= {"partial": partial.iloc[0], "eta": m.one_way("hours", people, by="z", design=design).effects.iloc[0]}
    found["superiority"] = m.rank_test("visits", people, by="b", design=design).effects.iloc[1]
    found["missing_pair"] = m.correlations(["x", "y"], people, design=design).table.iloc[0]
    return found | {"cramer": m.chi_square("z", people, by="b", design=design).effects.iloc[0]}


def test_effect_sizes_and_correlations_with_their_errors(any_case, people):
    name, design = any_case
    for key, row in statistics(people, design).items():
        wanted = R["statistics"][name][key]
        same(row["estimate"], wanted["estimate"])
        if not (name == "jackknife" and key in ("eta", "cramer")):  # errors of lengths are those of their vectors
            same(row["std_error"], wanted["std_error"], 1e-7 if name != "jackknife" else 1e-9)


def test_the_interval_of_a_length():
    for wanted in R["lengths"]:
        found = length_interval(np.array(wanted["vector"]), np.diag(wanted["variance"]), wanted["df"])
        same(found, wanted["ends"], 1e-8)


def test_the_sample_against_the_frame(people):
    frame = pd.DataFrame({"variable": "z", "value": ["low", "middle", "high"], "count": [500, 300, 200]})
    row = m.sample_table(people, frame, design=plain(people))[1].iloc[0]
    same(row[["chi_square", "F", "df", "df_below", "p_value"]].astype(float), list(R["fit"].values()))


def test_items_by_upper_and_lower_groups(people):
    found = m.item_analysis(ITEMS, people, design=plain(people), low=1, high=5)
    same(found.scale[["cut_lower", "cut_upper"]] * 4, R["cut"])
    names = {"statistic": "critical_ratio", "df": "critical_ratio_df", "p": "critical_ratio_p"}
    for theirs, ours in names.items():
        same(found.items[ours], [one[theirs] for one in R["critical"]])
    same(found.items["item_rest"][0], R["rest"])
    same(found.items["alpha_if_dropped"], m.reliability(ITEMS, people, design=plain(people)).items["alpha_if_dropped"])
