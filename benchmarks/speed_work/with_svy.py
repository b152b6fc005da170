"""The work as svy does it: python with_svy.py WORK FOLDER, in an interpreter that has svy (and not kzsurvey)."""

import sys
from pathlib import Path

import numpy as np
import polars as pl
import svy
from timing import say, timed

from data import read

PREDICTORS = [f"x{number}" for number in range(1, 9)]


def logit(columns: dict, about: dict) -> tuple:
    sample = svy.Sample(pl.DataFrame(columns), svy.Design(stratum="stratum", psu="cluster", wgt="weight"))
    seconds, fit = timed(lambda: sample.glm.fit(y="y", x=PREDICTORS, family="binomial"))
    return seconds, [(one.est, one.se) for one in fit.coefs]


def raking(columns: dict, about: dict) -> tuple:
    frame = pl.DataFrame(columns).with_columns(pl.col("^v.*$").cast(pl.Int64))
    controls = {name: dict(enumerate(counts)) for name, counts in about["margins"].items()}
    sample = svy.Sample(frame, svy.Design(wgt="weight"))
    seconds, _ = timed(lambda: sample.weighting.rake(controls=controls, wgt_name="raked"))
    exact = sample.weighting.rake(controls=controls, wgt_name="raked", tol=1e-10, max_iter=2000)
    return seconds, exact.data["raked"].to_numpy()[:20], "svy stops at its default tolerance of 1e-4, ours at 1e-10"


def replicates(columns: dict, about: dict) -> tuple:
    made = sum(name.startswith("rep") for name in columns)
    weights = svy.RepWeights(method="Bootstrap", prefix="rep", n_reps=made)
    design = svy.Design(stratum="stratum", psu="cluster", wgt="weight", rep_wgts=weights)
    sample = svy.Sample(pl.DataFrame(columns), design)
    seconds, fit = timed(lambda: sample.glm.fit(y="y", x=PREDICTORS, family="binomial", method="replication"), least=2)
    return seconds, [(one.est, one.se) for one in fit.coefs]


WORK = {"logit": logit, "raking": raking, "replicates": replicates}

if __name__ == "__main__":
    seconds, values, *note = WORK[sys.argv[1].partition("_")[0]](*read(Path(sys.argv[2])))
    say(seconds, np.asarray(values, dtype=float), f"svy {svy.__version__}", *note)
