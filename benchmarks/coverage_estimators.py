"""How often 95 % intervals hold the truth, over many simulated clustered samples.

python benchmarks/coverage_estimators.py [SAMPLES]      prints a table; 1000 samples take about a minute
"""

import sys
from collections.abc import Callable

import numpy as np
import pandas as pd

from kzsurvey import modelling as m
from kzsurvey.modelling.intervals import interval

STRATA, SPREAD = 4, 0.5


def population(seed: int, villages: int = 600, size: int = 40) -> dict[str, np.ndarray]:
    """A fixed population of villages in strata; outcomes differ between villages, and rarely happen for ``rare``."""
    rng = np.random.default_rng(seed)
    village = np.repeat(np.arange(villages), size)
    effect = rng.normal(0, SPREAD, villages)[village]
    load = rng.normal(0, 1, villages)[village]  # the same for all of a village, as vacancies are
    x = rng.normal(0, 1, len(village)) + 0.3 * effect
    y = 1 + 0.5 * load + 0.4 * x + effect + rng.normal(0, 1, len(village))
    chance = 1 / (1 + np.exp(-(-0.5 + 0.4 * load + 0.5 * x + effect)))
    happened = (rng.random(len(village)) < chance) * 1.0
    rare = (rng.random(len(village)) < 0.03 * np.exp(effect)) * 1.0
    return {"village": village, "stratum": village % STRATA, "load": load, "x": x, "y": y, "b": happened, "rare": rare}


def sample(
    people: dict[str, np.ndarray], clusters: int, each: int, rng: np.random.Generator
) -> tuple[np.ndarray, m.Design]:
    """Rows of a stratified two-stage sample, unequally many per stratum, and its design (with replacement)."""
    share = np.array([0.4, 0.3, 0.2, 0.1])
    rows, weight = [], []
    for stratum in range(STRATA):
        here = np.unique(people["village"][people["stratum"] == stratum])
        count = max(2, round(clusters * share[stratum]))
        for village in rng.choice(here, count, replace=False):
            who = np.flatnonzero(people["village"] == village)
            rows.append(rng.choice(who, each, replace=False))
            weight.append(np.full(each, len(here) / count * len(who) / each))
    at = np.concatenate(rows)
    design = m.make_design(weight=np.concatenate(weight), strata=people["stratum"][at], clusters=people["village"][at])
    return at, design


def matrix(people: dict[str, np.ndarray], at: np.ndarray | slice) -> np.ndarray:
    """Intercept, village load, personal x."""
    return np.column_stack([np.ones(len(people["x"][at])), people["load"][at], people["x"][at]])


def truths(people: dict[str, np.ndarray]) -> dict[str, float]:
    """What each estimator estimates: its own value on the whole population."""
    everybody = m.make_design(weight=np.ones(len(people["x"])))
    everything = matrix(people, slice(None))
    linear = m.regress(people["y"], everything, design=everybody).estimate
    logistic = m.regress(people["b"], everything, design=everybody, family="logistic").estimate
    means = {"mean": people["y"].mean(), "share": people["b"].mean(), "rare share": people["rare"].mean()}
    slopes = zip(("load", "x"), linear[1:], logistic[1:], strict=True)
    for term, line, log_odds in slopes:
        means |= {f"linear {term}": line, f"logistic {term}": log_odds}
    return means


def intervals(people: dict[str, np.ndarray], at: np.ndarray, design: m.Design) -> dict[str, tuple[float, float]]:
    """Every estimator's interval on one sample."""
    found = {"mean": _ends(m.mean(people["y"][at], design=design))}
    found["share"] = _ends(m.proportion(people["b"][at], design=design))
    found["rare share"] = _ends(m.proportion(people["rare"][at], design=design, method="beta"))
    for name, outcome, family in (("linear", "y", "linear"), ("logistic", "b", "logistic")):
        fit = m.regress(people[outcome][at], matrix(people, at), design=design, family=family)
        low, high = interval(fit.estimate, np.sqrt(np.diag(fit.covariance)), fit.df)
        found |= {f"{name} {term}": (low[at], high[at]) for at, term in ((1, "load"), (2, "x"))}
    return found


def _ends(estimates: m.Estimates) -> tuple[float, float]:
    """The first interval."""
    return tuple(estimates.table[["conf_low", "conf_high"]].iloc[0])


def coverage(
    clusters: int, each: int, samples: int, *, seed: int = 1, show: Callable[[str], None] = print
) -> pd.DataFrame:
    """Share of the intervals that hold the truth, one row per estimator."""
    people = population(seed)
    truth, rng = truths(people), np.random.default_rng(seed + 1)
    hits = []
    for _ in range(samples):
        at, design = sample(people, clusters, each, rng)
        found = intervals(people, at, design)
        hits.append({name: low <= truth[name] <= high for name, (low, high) in found.items()})
    table = pd.DataFrame(hits).mean().rename("covered").to_frame()
    show(f"{clusters} clusters of {each}, {samples} samples")
    show((100 * table).round(1).T.to_string())
    return table


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    for clusters, each in ((120, 4), (60, 8), (24, 20)):
        coverage(clusters, each, count)
