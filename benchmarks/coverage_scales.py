"""How often 95 % intervals of scale coefficients hold the truth, over many simulated samples of villages.

    python benchmarks/coverage_scales.py [--samples 1000] [--designs 60x8] [--to benchmarks/coverage_scales.csv]

Nine items of five levels, a general and three group factors, everything partly the same within a village, unequal
weights. The truth is what the estimators themselves give of two million people.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from kzsurvey import modelling as m
from kzsurvey.errors import SurveyError

ITEMS = [f"q{k}" for k in range(1, 10)]
CUTS = [-1.1, -0.3, 0.4, 1.2]
KINDS = ["alpha", "omega", "omega_total", "omega_hierarchical", "ordinal_alpha", "ordinal_omega"]
ALIKE = 0.1  # share of every variance that lies between villages


def people(villages: int, size: int, seed: int) -> pd.DataFrame:
    """Answers of villages with weights."""
    random = np.random.default_rng(seed)
    village = np.repeat(np.arange(villages), size)

    def variable(count: int) -> np.ndarray:
        between = random.normal(size=(villages, count))[village]
        return np.sqrt(ALIKE) * between + np.sqrt(1 - ALIKE) * random.normal(size=(len(village), count))

    general, groups, own = variable(1), np.repeat(variable(3), 3, axis=1), variable(9)
    latent = 0.6 * general + 0.5 * groups + np.sqrt(1 - 0.36 - 0.25) * own
    table = pd.DataFrame(np.searchsorted(CUTS, latent) + 1, columns=ITEMS)
    return table.assign(village=village, weight=random.uniform(1, 3, villages)[village])


def estimates(table: pd.DataFrame) -> pd.DataFrame:
    """Every estimate with its interval."""
    design = m.make_design(table, weight="weight", clusters="village")
    rows = [m.coefficients(ITEMS, table, design=design, kinds=KINDS).rename(columns={"coefficient": "estimator"})]
    adequacy, _ = m.sampling_adequacy(ITEMS, table, design=design)
    rows.append(adequacy.assign(estimator="kmo", estimate=adequacy["kmo"]))
    one = m.single_factor(ITEMS, table, design=design)
    rows.append(one.assign(estimator="single " + one["method"], estimate=one["share"]))
    factors = m.factor_analysis(ITEMS, table, factors=3, design=design)
    first = factors.loadings.groupby("item")["estimate"].transform("max") == factors.loadings["estimate"]
    rows.append(factors.loadings[first].assign(estimator="loading " + factors.loadings["item"]))
    rows.append(factors.correlations.iloc[:1].assign(estimator="factor correlation"))
    return pd.concat(rows)[["estimator", "estimate", "conf_low", "conf_high"]].set_index("estimator")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--designs", nargs="+", default=["60x8"])
    parser.add_argument("--to", type=Path)
    options = parser.parse_args()
    truth = (
        pd.concat([estimates(people(25_000, 8, 90 + part))["estimate"] for part in range(10)]).groupby(level=0).mean()
    )
    found = []
    for design in options.designs:
        villages, size = map(int, design.split("x"))
        held, refused = [], 0
        for seed in range(1, options.samples + 1):
            try:
                rows = estimates(people(villages, size, seed))
            except SurveyError:
                refused += 1
                continue
            held.append((rows["conf_low"] <= truth[rows.index]) & (truth[rows.index] <= rows["conf_high"]))
        share = pd.concat(held, axis=1).mean(axis=1)
        table = pd.DataFrame(
            {"what": "scales", "estimator": share.index, "nominal": 0.95, "coverage": share.to_numpy()}
        )
        table["simulation_error"] = np.sqrt(table["coverage"] * (1 - table["coverage"]) / len(held))
        found.append(table.assign(refused=refused))
    table = pd.concat(found).merge(truth.rename("truth"), left_on="estimator", right_index=True)
    print(table.round(4).to_string(index=False))
    if options.to:
        table.round(5).to_csv(options.to, index=False)


if __name__ == "__main__":
    main()
