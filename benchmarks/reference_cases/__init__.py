"""Comparisons with R's reference values, one module per part of the library."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from kzsurvey import modelling as m

EXACT, ERRORS, GLM = 1e-9, 1e-3, 1e-8


class Case(NamedTuple):
    """One reference case: its name, the data it is about, the call in R, and what R gave."""

    name: str
    table: pd.DataFrame
    call: str
    result: dict
    data: Path

    @property
    def design(self) -> str:
        """The sample the case is about, the part of its name before the dot."""
        return self.name.partition(".")[0]


# What is compared, our number or numbers, R's, and the relative difference that is allowed.
Checked = Iterator[tuple[str, object, object, float]]
Check = Callable[[Case], Checked]


def api_design(case: Case) -> m.Design:
    """The designs of the California schools."""
    described = {
        "srs": {"population": "fpc"},
        "strat": {"strata": "stype", "population": "fpc"},
        "strat_nofpc": {"strata": "stype"},
        "clus1": {"clusters": "dnum", "population": "fpc"},
        "clus1_nofpc": {"clusters": "dnum"},
        "clus2": {"clusters": ["dnum", "snum"], "population": ["fpc1", "fpc2"]},
    }
    return m.make_design(case.table, weight="pw", **described[case.design])


def estimates(found: m.Estimates, result: dict, tolerance: float = EXACT) -> Checked:
    """Estimates beside those of ``svymean`` and its like."""
    yield "estimate", found.table["estimate"], result["est"], tolerance
    if "se" in result:
        yield "std_error", found.table["std_error"], result["se"], tolerance
    if "vcov" in result:
        yield "covariance", found.covariance, result["vcov"], tolerance


def terms(fit: m.Fit, result: dict, tolerance: float, errors: float) -> Checked:
    """Terms of a regression beside those of ``svyglm``."""
    yield "estimate", fit.terms["estimate"], result["est"], tolerance
    yield "std_error", fit.terms["std_error"], result["se"], errors
    yield "p_value", fit.terms["p_value"], result["p"], 20 * errors if errors > EXACT else 1e-7
    yield "df", fit.terms["df"].iloc[0], result["df_resid"], EXACT
    if "dispersion" in result and not fit.summary["n_dropped"]:  # with missing values R scales by weights of all rows
        yield "dispersion", fit.summary["dispersion"], result["dispersion"], max(tolerance, errors)
