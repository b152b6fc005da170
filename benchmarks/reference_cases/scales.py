"""Reliability coefficients, polychoric correlations, adequacy and factors beside psych and semTools."""

import numpy as np
import pandas as pd

from kzsurvey import modelling as m
from reference_cases import EXACT, Case, Check, Checked

REVERSED = {"A": ["A1"], "E": ["E1", "E2"], "O": ["O2", "O5"]}
POLYCHORIC = 1e-5  # psych's polychoric integrates its cells less finely


def scale_of(case: Case, **options: object) -> pd.DataFrame:
    """Coefficients of one scale of bfi."""
    name = case.name[-1]
    items = [f"{name}{number}" for number in range(1, 6)]
    given = {"design": m.make_design(case.table), "reverse": REVERSED.get(name, []), "low": 1, "high": 6}
    return m.coefficients(items, case.table, **given, **options)


def pairwise_case(case: Case) -> Checked:
    kinds = ["alpha", "standardised_alpha", "lambda6"]
    found = scale_of(case, kinds=kinds, missing="pairwise")
    reference = [case.result[name] for name in ("raw_alpha", "std_alpha", "G6")]
    yield "alpha, lambda6", found["estimate"], reference, EXACT


def ordinal_case(case: Case) -> Checked:
    yield "ordinal alpha", scale_of(case, kinds=["ordinal_alpha"])["estimate"], case.result["alpha"], POLYCHORIC


def omega_case(case: Case) -> Checked:
    yield "omega", scale_of(case, kinds=["omega"])["estimate"], case.result["omega"], 1e-6


def adequacy_case(case: Case) -> Checked:
    items, design = list(case.table.columns[:25]), m.make_design(case.table)
    summary, by_item = m.sampling_adequacy(items, case.table, design=design)
    yield "KMO", summary["kmo"], case.result["KMO"], EXACT
    yield "MSA", by_item["msa"], case.result["MSAi"], EXACT
    yield "Bartlett", summary["bartlett"], case.result["bartlett"], EXACT
    found = m.parallel_analysis(items, case.table, design=design, draws=2)
    yield "eigenvalues", found.table["eigenvalue"], case.result["eigen"], EXACT


def composite_case(case: Case) -> Checked:
    syntax = "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9"
    design = m.make_design(case.table)
    found = m.composite_reliability(m.fit_paths(case.table, syntax, design=design))
    values = dict(zip(case.result["rows"], np.array(case.result["values"], dtype=float), strict=True))
    for kind, name in (("omega", "omega"), ("ave", "avevar")):
        yield kind, found.loc[found["coefficient"] == kind, "estimate"], values[name], 1e-5
    for place, first in enumerate((1, 4, 7)):
        items = [f"x{number}" for number in range(first, first + 3)]
        alpha = m.coefficients(items, case.table, design=design, kinds=["alpha"])["estimate"]
        yield "alpha", alpha, values["alpha"][place], EXACT


CHECKS: dict[str, Check] = {
    "bfi.alpha_[AEN]": pairwise_case,
    "bfi.poly_alpha": ordinal_case,
    "bfi.omega1": omega_case,
    "bfi.kmo": adequacy_case,
    "HS.reliability": composite_case,
}
