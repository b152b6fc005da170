"""Our side of the timed work: python ours.py WORK FOLDER. Timed from table and design to the table of terms."""

import sys
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from timing import say, timed

from data import read
from kzsurvey import modelling as m

PREDICTORS = " + ".join(f"x{number}" for number in range(1, 9))


def logit(table: pd.DataFrame, about: dict) -> tuple:
    design = m.make_design(table, weight="weight", strata="stratum", clusters="cluster")
    seconds, fit = timed(lambda: m.fit_regression(table, f"y ~ {PREDICTORS}", design=design, family="logistic"))
    return seconds, fit.terms[["estimate", "std_error"]]


def ordinal(table: pd.DataFrame, about: dict) -> tuple:
    table = table.assign(y=table["y"].astype(int))
    design = m.make_design(table, weight="weight", strata="stratum", clusters="cluster")
    seconds, fit = timed(lambda: m.fit_ordinal(table, f"y ~ {PREDICTORS}", design=design))
    return seconds, fit.terms.loc[4:, ["estimate", "std_error"]]


def mediation(table: pd.DataFrame, about: dict) -> tuple:
    design = m.make_design(table, weight="weight", strata="stratum", clusters="cluster")
    options = {"kinds": {"y": "logistic"}, "interval": "bootstrap", "draws": 1000, "seed": 1}
    right = "treated + x1 + x2"
    seconds, fit = timed(
        lambda: m.mediate(
            table,
            outcome=f"y ~ mediator + {right}",
            mediators=f"mediator ~ {right}",
            treatment="treated",
            design=design,
            **options,
        )
    )
    terms = fit.terms.set_index("term")
    return seconds, terms.loc[["indirect", "direct", "total"], "estimate"]


def mixed(table: pd.DataFrame, about: dict) -> tuple:
    table = table.assign(cluster=table["cluster"].astype(int))
    seconds, fit = timed(lambda: m.fit_mixed(table, f"y ~ {PREDICTORS}", groups="cluster"))
    return seconds, fit.terms[["estimate", "std_error"]]


def raking(table: pd.DataFrame, about: dict) -> tuple:
    frame = table.drop(columns="weight").astype(int)
    targets = {name: dict(enumerate(counts)) for name, counts in about["margins"].items()}
    design = m.make_design(table, weight="weight")
    seconds, found = timed(lambda: m.rake(frame, targets, design=design))
    return seconds, found.design.weight[:20]


def replicates(table: pd.DataFrame, about: dict) -> tuple:
    made = [name for name in table if name.startswith("rep")]
    weight, table = table[made].to_numpy(), table.drop(columns=made)
    base = m.make_design(table, weight="weight", strata="stratum", clusters="cluster")
    design = m.with_replicates(base, weight, factor=1 / len(made), centre="mean")
    seconds, fit = timed(lambda: m.fit_regression(table, f"y ~ {PREDICTORS}", design=design, family="logistic"))
    return seconds, fit.terms[["estimate", "std_error"]]


WORK = {"logit": logit, "ordinal": ordinal, "mediation": mediation, "mixed": mixed, "raking": raking}
WORK["replicates"] = replicates

if __name__ == "__main__":
    columns, about = read(Path(sys.argv[2]))
    say(*WORK[sys.argv[1].partition("_")[0]](pd.DataFrame(columns), about), f"kzsurvey {version('kzsurvey')}")
