"""Calibration, trimming, replicate weights, lonely clusters."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from kzsurvey import modelling as m
from reference_cases import EXACT, Case, Check, Checked, api_design, estimates, terms

STYPE = {"E": 4421, "H": 755, "M": 1018}


def known_totals(table: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, float]]:
    """The columns calibrated to, and what they sum to in the population."""
    known = pd.DataFrame({"one": 1.0, "H": table["stype"].eq("H") * 1.0, "M": table["stype"].eq("M") * 1.0})
    totals = {"one": 6194.0, "H": 755.0, "M": 1018.0, "api99": 3914069.0}
    return known.assign(api99=table["api99"].astype(float)), totals


def calibrated(distance: str, bounds: tuple[float, float] | None = None) -> Check:
    """A calibration to numbers of schools and the sum of last year's scores."""

    def check(case: Case) -> Checked:
        known, totals = known_totals(case.table)
        found = m.calibrate(known, totals, design=api_design(case), distance=distance, bounds=bounds)
        yield from with_weights(case, found.design)

    return check


def with_weights(case: Case, design: m.Design) -> Checked:
    yield from estimates(m.mean(["api00", "enroll"], case.table, design=design), case.result)
    yield from estimates(m.total("enroll", case.table, design=design), case.result["total_enroll"])
    yield "weights", design.weight, case.result["weights"], EXACT


def poststratified_case(case: Case) -> Checked:
    yield from with_weights(case, m.poststratify(case.table["stype"], STYPE, design=api_design(case)).design)


def trim_case(case: Case) -> Checked:
    known, totals = known_totals(case.table)
    weight = m.calibrate(known, totals, design=api_design(case)).design.weight
    yield "weights", m.trim(weight, low=20, high=60), case.result, EXACT


def lonely_case(case: Case) -> Checked:
    lonely = case.call.split("='")[1].split("'")[0]
    design = m.make_design(case.table, weight="pw", strata="stype", lonely=lonely)
    yield from estimates(m.mean("api00", case.table, design=design), case.result["mean"])
    yield from estimates(m.total("enroll", case.table, design=design), case.result["total"])
    fit = m.fit_regression(case.table, "api00 ~ ell + meals", design=design)
    yield from terms(fit, case.result["glm"], EXACT, EXACT)


def jackknife_case(described: dict[str, str]) -> Callable[[Case], Checked]:
    """R's jackknife; the weights are made here, as the files of them are not always there."""

    def check(case: Case) -> Checked:
        table, result = case.table, case.result
        design = m.jackknife(m.make_design(table, weight="pw", population="fpc", **described))
        scales = result["scale"] * np.sort(np.asarray(result["rscales"], dtype=float))
        yield "factors", np.sort(design.replicates.factor), scales, EXACT
        yield from estimates(m.mean(["api00", "api99"], table, design=design), result["mean"])
        yield from estimates(m.total("enroll", table, design=design), result["total"])
        yield from estimates(m.ratio("api.stu", "enroll", table, design=design), result["ratio"])
        yield from estimates(m.mean("api99", table, design=design, by="stype"), result["by"])
        fit = m.fit_regression(table, "api00 ~ ell + meals + mobility", design=design)
        yield "glm estimate", fit.terms["estimate"], result["glm"]["est"], EXACT
        yield "glm std_error", fit.terms["std_error"], result["glm"]["se"], EXACT
        median = m.quantile("api00", table, design=design, interval="mean").table.iloc[0]
        yield "median", median[["estimate", "conf_low", "conf_high", "std_error"]].to_list(), result["median"], EXACT

    return check


def samplics_case(case: Case) -> Checked:
    columns = [column for column in case.table if column.startswith(("jkw_", "jkwgt", "jk", "rep"))]
    factor = (len(columns) - 1) / len(columns)
    base = m.make_design(case.table, weight="finalwgt")
    design = m.with_replicates(base, case.table[columns].to_numpy(dtype=float), factor=factor)
    found = m.ratio("weight", "height", case.table, design=design)
    yield "ratio", found.table["estimate"], case.result["ratio"], EXACT
    yield "std_error", found.table["std_error"], case.result["se"], EXACT
    yield from estimates(m.mean(["weight", "height"], case.table, design=design), case.result["mean"])


CHECKS: dict[str, Check] = {
    "clus1.poststrat": poststratified_case,
    "*.cal_raking": calibrated("raking"),
    "*.cal_logit": calibrated("logit", (0.4, 2.5)),
    "*.cal_bounded": calibrated("linear", (0.5, 2.0)),
    "*.cal_linear": calibrated("linear"),
    "clus1.trim": trim_case,
    "rep.jk1": jackknife_case({"clusters": "dnum"}),
    "rep.jkn": jackknife_case({"strata": "stype"}),
    "samplics.nhanes2jk": samplics_case,
    "lonely": lonely_case,
}
