"""Pooling of imputed sets: Rubin's rules as mice applies them."""

import numpy as np
import pandas as pd

from kzsurvey import modelling as m
from reference_cases import EXACT, Case, Check, Checked


def pooled_case(case: Case) -> Checked:
    """``pool(with(imp, lm(chl ~ age + bmi)))``, with the errors of ``lm``, not those of a design."""
    sets = [table.reset_index(drop=True) for _, table in case.table.groupby(".imp")]
    pooled = m.with_imputations(sets, lambda table, design: least_squares(table, "chl", ["age", "bmi"]))
    names = {"est": "estimate", "se": "std_error", "df": "df", "riv": "riv", "lambda": "share", "fmi": "fmi"}
    for reference, name in names.items():
        yield name, pooled.table[name], case.result[reference], EXACT
    yield "p_value", pooled.table["p_value"], case.result["p"], 1e-8
    rubin = m.rubin(
        np.array([result["estimate"] for result in pooled.results]),
        np.array([result["std_error"] ** 2 for result in pooled.results]),
        df=np.array(case.result["dfcom"], dtype=float),
    )
    yield "within", rubin.within, case.result["ubar"], EXACT
    yield "between", rubin.between, case.result["b"], EXACT
    yield "total", rubin.std_error**2, case.result["t"], EXACT


def least_squares(table: pd.DataFrame, outcome: str, terms: list[str]) -> pd.DataFrame:
    """A linear model as R's ``lm`` gives it."""
    matrix = np.column_stack([np.ones(len(table)), table[terms]])
    inverse = np.linalg.inv(matrix.T @ matrix)
    best = inverse @ matrix.T @ table[outcome].to_numpy()
    df = len(table) - len(best)
    covariance = inverse * float(((table[outcome] - matrix @ best) ** 2).sum()) / df
    about = {"model": "", "n": len(table), "n_dropped": 0, "outcome": outcome, "kind": "linear"}
    return m.terms_table(("Intercept", *terms), best, covariance, df, **about)


CHECKS: dict[str, Check] = {"mice.pool_lm": pooled_case}
