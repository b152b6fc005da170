"""Means, totals, ratios, proportions, variances, quantiles, reliabilities and comparisons of groups."""

import numpy as np
import pandas as pd

from kzsurvey import modelling as m
from reference_cases import EXACT, GLM, Case, Check, Checked, api_design, estimates


def mean_case(case: Case) -> Checked:
    yield from estimates(m.mean(["api00", "api99", "growth"], case.table, design=api_design(case)), case.result)


def factor_case(case: Case) -> Checked:
    yield from estimates(m.shares("stype", case.table, design=api_design(case)), case.result)


def total_case(case: Case) -> Checked:
    yield from estimates(m.total("enroll", case.table, design=api_design(case)), case.result)


def ratio_case(case: Case) -> Checked:
    yield from estimates(m.ratio("api.stu", "enroll", case.table, design=api_design(case)), case.result)


def by_total_case(case: Case) -> Checked:
    yield from estimates(m.total("enroll", case.table, design=api_design(case), by="stype"), case.result)


def by_case(case: Case) -> Checked:
    yield from estimates(m.mean("api99", case.table, design=api_design(case), by="stype"), case.result)


def by2_case(case: Case) -> Checked:
    found = m.mean(["api99", "api00"], case.table, design=api_design(case), by=["sch.wide", "stype"])
    yield from estimates(found, case.result)


def subset_case(case: Case) -> Checked:
    where = (case.table["comp.imp"] == "Yes").to_numpy()
    found = m.mean("api00", case.table, design=api_design(case), where=where)
    yield from estimates(found, case.result)
    yield "df", found.table["df"], case.result["degf"], EXACT


def deff_case(case: Case) -> Checked:
    for kind, key in (("finite", "deff"), ("replace", "deff_replace")):
        found = m.mean("api00", case.table, design=api_design(case), deff=kind)
        yield f"deff {kind}", found.table["deff"], case.result[key], EXACT


def contrast_case(case: Case) -> Checked:
    found = m.mean(["api00", "api99"], case.table, design=api_design(case))
    yield from estimates(m.contrast(found, {"change": [1, -1]}), case.result)


def degf_case(case: Case) -> Checked:
    yield "df", m.degrees_of_freedom(api_design(case)), case.result, EXACT


def proportion_case(case: Case) -> Checked:
    method = case.call.split("method='")[1].split("'")[0]
    # R finds these by glm, which stops early, and reads the ends of the profile off a spline through it; the root
    # itself is in tests/reference/descriptive.R and held to 1e-9
    estimate, ends = {"logit": (GLM, 1e-7), "likelihood": (GLM, 5e-5)}.get(method, (EXACT, EXACT))
    wide = (case.table["sch.wide"] == "Yes").astype(int)
    found = m.proportion(wide, design=api_design(case), method=method).table
    yield "estimate", found["estimate"], case.result["est"], estimate
    yield "interval", found[["conf_low", "conf_high"]], case.result["ci"], ends


def variance_case(case: Case) -> Checked:
    found = m.variances(["api00", "api99"], case.table, design=api_design(case), covariances=True).table
    upper = np.triu_indices(2)
    yield "estimate", found["estimate"], np.array(case.result["var"])[upper], EXACT
    yield "std_error", found["std_error"], np.reshape(case.result["se"], (2, 2))[upper], EXACT


def quantile_case(case: Case) -> Checked:
    definition = case.call.split("qrule='")[1].split("'")[0]
    options = {"p": case.result["p"], "definition": definition, "interval": "mean"}
    found = m.quantile("api00", case.table, design=api_design(case), **options).table
    for column, key in (("estimate", "est"), ("conf_low", "lo"), ("conf_high", "hi"), ("std_error", "se")):
        yield column, found[column], case.result[key], EXACT


def t_case(case: Case) -> Checked:
    found = m.t_test("api00", case.table, by="comp.imp", design=api_design(case))
    yield "t", found.statistic, case.result["t"], EXACT
    yield "df", found.df, case.result["df"], EXACT
    yield "p_value", found.p_value, case.result["p"], 1e-7
    difference = found.effects.iloc[0]
    yield "estimate", difference["estimate"], case.result["diff"], EXACT
    yield "interval", difference[["conf_low", "conf_high"]].to_list(), case.result["ci"], EXACT


def rank_case(case: Case) -> Checked:
    found = m.rank_test("api00", case.table, by="comp.imp", design=api_design(case), ties="rows")
    yield "t", found.statistic, case.result["t"], EXACT
    yield "df", found.df, case.result["df"], EXACT
    yield "p_value", found.p_value, case.result["p"], 1e-7
    yield "estimate", np.diff(found.groups["mean_rank_score"]), case.result["est"], EXACT


def rank_of_several_case(case: Case) -> Checked:
    found = m.rank_test("api00", case.table, by="stype", design=api_design(case), ties="rows")
    yield "chi2", found.df * found.statistic, case.result["df"], EXACT  # the file has it and df the other way round
    yield "df", found.df, case.result["stat"], EXACT
    yield "p_value", found.p_value, case.result["p"], 1e-7


def chi_case(case: Case) -> Checked:
    table, result = case.table.rename(columns={"sch.wide": "sch_wide"}), case.result
    tests = {
        name: m.chi_square("sch_wide", table, by="stype", design=api_design(case), statistic=name)
        for name in ("F", "chisq", "wald")
    }
    yield "F", tests["F"].statistic, result["F"], EXACT
    yield "df", [tests["F"].df, tests["F"].df_below], result["F_df"], EXACT
    yield "p_value", tests["F"].p_value, result["F_p"], 1e-7
    phi = tests["chisq"].effects.set_index("effect")["estimate"]["phi"]
    yield "X2", tests["chisq"].n * phi**2, result["X2"], EXACT
    yield "X2 p_value", tests["chisq"].p_value, result["X2_p"], 1e-7
    yield "Wald", tests["wald"].statistic, result["Wald"], EXACT
    yield "Wald p_value", tests["wald"].p_value, result["Wald_p"], 1e-7


def nhanes_chi_case(case: Case) -> Checked:
    design = m.make_design(case.table, weight="WTMEC2YR", strata="SDMVSTRA", clusters="SDMVPSU", nested=True)
    table = case.table[["HI_CHOL", "race"]].astype("category")
    found = m.chi_square("HI_CHOL", table, by="race", design=design)
    yield "F", found.statistic, case.result["F"], EXACT
    yield "df", [found.df, found.df_below], case.result["df"], EXACT
    yield "p_value", found.p_value, case.result["p"], 1e-7


def alpha_case(case: Case) -> Checked:
    found = m.reliability(["ell", "mobility", "meals", "not.hsg"], case.table, design=api_design(case))
    yield "alpha", found.scale["alpha"], case.result, EXACT


def listwise_alpha_case(case: Case) -> Checked:
    letter = case.name[-1]
    items = case.table[[f"{letter}{number}" for number in range(1, 6)]]
    reverse = {"A": ["A1"], "C": ["C4", "C5"], "E": ["E1", "E2"], "N": [], "O": ["O2", "O5"]}[letter]
    design = m.make_design(weight=np.ones(len(items)))
    found = m.reliability(items, design=design, reverse=reverse, low=1, high=6)
    yield "n", found.scale["n"], case.result["n"], EXACT
    yield "alpha", found.scale["alpha"], case.result["alpha"], EXACT


def two_stage_case(case: Case) -> Checked:
    design = m.make_design(
        case.table, weight="weight", strata="stratid", clusters="psuid", population="Nh", nested=True
    )
    yield from estimates(m.mean("x", case.table, design=design), case.result["mean"])
    yield from estimates(m.total("x", case.table, design=design), case.result["total"])


def world_bank_design(table: pd.DataFrame) -> m.Design:
    return m.make_design(table, weight="hhweight", strata="geo1", clusters="ea", nested=True)


def world_bank_case(case: Case) -> Checked:
    design = world_bank_design(case.table)
    yield from estimates(m.mean("age", case.table, design=design), case.result["mean"])
    yield from estimates(m.mean("age", case.table, design=design, by="urbrur"), case.result["by"])


CHECKS: dict[str, Check] = {
    "fpc.with": two_stage_case,
    "wb.mean": world_bank_case,
    "nhanes.chisq": nhanes_chi_case,
    "bfi.alpha_listwise": listwise_alpha_case,
    "*.mean_factor": factor_case,
    "*.mean_deff": deff_case,
    "*.mean": mean_case,
    "*.total": total_case,
    "*.ratio": ratio_case,
    "*.by_total": by_total_case,
    "*.by2": by2_case,
    "*.by": by_case,
    "*.subset_mean": subset_case,
    "*.contrast": contrast_case,
    "*.degf": degf_case,
    "*.cralpha": alpha_case,
    "*.ciprop": proportion_case,
    "*.var": variance_case,
    "*.quantile": quantile_case,
    "*.ttest": t_case,
    "*.ranktest_kw": rank_of_several_case,
    "*.ranktest": rank_case,
    "*.chisq": chi_case,
}
