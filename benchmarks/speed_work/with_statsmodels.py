"""The work as statsmodels does it: python with_statsmodels.py [arrays] WORK FOLDER."""

import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import statsmodels
import statsmodels.api as sm
from statsmodels.miscmodels.ordinal_model import OrderedModel
from statsmodels.stats.mediation import Mediation
from timing import say, timed

from data import read

PREDICTORS = [f"x{number}" for number in range(1, 9)]


def ordinal(table: pd.DataFrame) -> tuple:
    def fit() -> object:
        return OrderedModel(table["y"].astype(int), table[PREDICTORS], distr="logit").fit(method="bfgs", disp=False)

    seconds, _ = timed(fit, least=1)
    return seconds, np.full(16, np.nan), "unweighted, without a design"


def mediation(table: pd.DataFrame, arrays: bool) -> tuple:
    draws = 40 if len(table) <= 1000 else 10
    binomial, right = sm.families.Binomial(), ["treated", "x1", "x2"]
    if arrays:
        outcome = sm.GLM(table["y"], sm.add_constant(table[["mediator", *right]]), family=binomial)
        mediator = sm.OLS(table["mediator"], sm.add_constant(table[right]))
        places = ([2, 1], 1)  # of the treatment in both matrices, of the mediator in the first
    else:
        outcome = sm.GLM.from_formula("y ~ mediator + treated + x1 + x2", table, family=binomial)
        mediator = sm.OLS.from_formula("mediator ~ treated + x1 + x2", table)
        places = ("treated", "mediator")
    seconds, _ = timed(lambda: Mediation(outcome, mediator, *places).fit(method="bootstrap", n_rep=draws), least=1)
    way = "arrays" if arrays else "formulas"
    note = f"{way}; {draws} draws, times {1000 // draws}; rows drawn again, not clusters; unweighted"
    return seconds * 1000 / draws, np.full(3, np.nan), note


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    columns, _ = read(Path(sys.argv[-1]))
    table, work = pd.DataFrame(columns), sys.argv[-2]
    seconds, values, note = ordinal(table) if work == "ordinal" else mediation(table, sys.argv[1] == "arrays")
    say(seconds, values, f"statsmodels {statsmodels.__version__}", note)
