"""How often 95 % intervals of path models hold the truth, and how often true models are rejected, in clustered samples.

    python benchmarks/paths_coverage.py [--what ordinal ml fiml] [--samples 1000] [--villages 60] [--each 8]
                                        [--to benchmarks/paths_coverage.csv]

Villages in four strata; people answer alike within a village, in what they share (the latent variables) and item by
item. People are drawn the more probably the higher their workload, and weighted by the inverse: without weights the
estimates would be off. The truth is that of the population, in closed form. ``--to`` replaces the rows measured again.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey import modelling as m
from kzsurvey.errors import SurveyError
from kzsurvey.modelling.sampling.threads import one_thread

SYNTAX = (
    "pay =~ p1 + p2 + p3\nload =~ l1 + l2 + l3\nleave =~ v1 + v2 + v3\n"
    "load ~ a*pay\nleave ~ b*load + c*pay\nindirect := a*b"
)
ITEMS = ("p1", "p2", "p3", "l1", "l2", "l3", "v1", "v2", "v3")
LOADINGS = np.array([0.8, 0.7, 0.6, 0.8, 0.7, 0.6, 0.7, 0.8, 0.6])
A, B, C = -0.4, 0.5, -0.2
ALIKE = 0.15  # share of every variance that lies between villages
CUTS = ([-1, 0, 1], [-0.5, 0.8], [0.3], [-1.2, -0.2, 0.9], [0.0], [-0.6, 0.7], [-1, 0.2, 1.1], [-0.4, 0.9], [0.5])


class Sampled(NamedTuple):
    """Answers of one sample, and its design."""

    table: pd.DataFrame
    design: m.Design


def shared(rng: np.random.Generator, village: np.ndarray, columns: int) -> np.ndarray:
    """(n, columns) standard normal numbers, alike within villages."""
    between = rng.normal(size=(village.max() + 1, columns))[village]
    return np.sqrt(ALIKE) * between + np.sqrt(1 - ALIKE) * rng.normal(size=(len(village), columns))


def drawn(rng: np.random.Generator, villages: int, each: int) -> Sampled:
    """Draw villages, then people with probabilities that depend on their workload."""
    village = np.repeat(np.arange(villages), 4 * each)
    factors, unique = shared(rng, village, 3), shared(rng, village, 9)
    pay = factors[:, 0]
    load = A * pay + np.sqrt(1 - A**2) * factors[:, 1]
    explained = B**2 + C**2 + 2 * A * B * C
    leave = B * load + C * pay + np.sqrt(1 - explained) * factors[:, 2]
    latent = np.repeat(np.stack([pay, load, leave], axis=1), 3, axis=1)
    answers = LOADINGS * latent + np.sqrt(1 - LOADINGS**2) * unique
    chance = 1 / (1 + np.exp(1.1 - 0.6 * load))
    taken = rng.random(len(village)) < chance * (each / (4 * each) / chance.mean())
    table = pd.DataFrame(answers, columns=ITEMS)[taken]
    table = table.assign(village=village[taken], stratum=village[taken] % 4, weight=1 / chance[taken])
    table = table.reset_index(drop=True)
    return Sampled(table, m.make_design(table, weight="weight", strata="stratum", clusters="village"))


def truth(standard: bool) -> dict[str, float]:
    """Parameters of the population, the first loading of each latent variable being 1."""
    first = LOADINGS[[0, 3, 6]]
    found = {
        f"{latent} =~ {item}": LOADINGS[3 * k + j] / first[k]
        for k, latent in enumerate(("pay", "load", "leave"))
        for j, item in enumerate(ITEMS[3 * k : 3 * k + 3])
        if j
    }
    found |= {"load ~ pay": A * first[1] / first[0], "leave ~ load": B * first[2] / first[1]}
    found |= {"leave ~ pay": C * first[2] / first[0], "indirect": A * B * first[2] / first[0]}
    found |= {"pay ~~ pay": first[0] ** 2, "load ~~ load": (1 - A**2) * first[1] ** 2}
    found["leave ~~ leave"] = (1 - B**2 - C**2 - 2 * A * B * C) * first[2] ** 2
    if standard:
        return found | {
            f"{item} | t{k + 1}": cut for item, cuts in zip(ITEMS, CUTS, strict=True) for k, cut in enumerate(cuts)
        }
    return found | {f"{item} ~~ {item}": 1 - loading**2 for item, loading in zip(ITEMS, LOADINGS, strict=True)}


def ordinal(sample: Sampled, rng: np.random.Generator) -> m.PathFit:
    coded = {item: np.digitize(sample.table[item], cuts) for item, cuts in zip(ITEMS, CUTS, strict=True)}
    return m.fit_paths(sample.table.assign(**coded), SYNTAX, design=sample.design, ordered=True)


def likelihood(sample: Sampled, rng: np.random.Generator) -> m.PathFit:
    return m.fit_paths(sample.table, SYNTAX, design=sample.design)


def incomplete(sample: Sampled, rng: np.random.Generator) -> m.PathFit:
    """A fifth of the answers to six items missing, the more probably the higher the first item."""
    chance = 0.4 / (1 + np.exp(-sample.table["p1"].to_numpy()))
    gaps = {item: sample.table[item].mask(rng.random(len(chance)) < chance) for item in ITEMS[3:]}
    return m.fit_paths(sample.table.assign(**gaps), SYNTAX, design=sample.design, missing="fiml")


WAYS = {"ordinal": ordinal, "ml": likelihood, "fiml": incomplete}


@one_thread
def measured(what: str, samples: int, villages: int, each: int) -> pd.DataFrame:
    """Coverage of every term, and rejections of the (true) model."""
    known = truth(what == "ordinal")
    held, tests, refused = {term: [] for term in known}, [], 0
    errors: dict[str, list] = {term: [] for term in known}
    for seed in range(samples):
        rng = np.random.default_rng([seed, villages, each])
        try:
            fit = WAYS[what](drawn(rng, villages, each), rng)
        except SurveyError:
            refused += 1
            continue
        terms = fit.terms.set_index("term")
        for term, value in known.items():
            held[term].append(terms.loc[term, "conf_low"] <= value <= terms.loc[term, "conf_high"])
            errors[term].append((terms.loc[term, "estimate"] - value, terms.loc[term, "std_error"]))
        test = fit.solved.test
        tests.append((test.p_value < 0.05, test.p_scaled < 0.05, test.p_adjusted < 0.05))
    rows = [_row(term, held[term], np.array(errors[term])) for term in known]
    names = ("chi-square rejects", "scaled chi-square rejects", "adjusted chi-square rejects")
    rows += [(name, share, np.nan, np.nan) for name, share in zip(names, np.mean(tests, axis=0), strict=True)]
    table = pd.DataFrame(rows, columns=["term", "coverage", "bias", "error_ratio"])
    return table.assign(what=what, villages=villages, each=each, samples=samples, refused=refused)


def _row(term: str, held: list, errors: np.ndarray) -> tuple:
    """Coverage, bias in standard deviations of the estimate, and mean standard error over that deviation."""
    spread = errors[:, 0].std()
    return term, np.mean(held), errors[:, 0].mean() / spread, errors[:, 1].mean() / spread


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--what", nargs="+", default=list(WAYS), choices=WAYS)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--villages", type=int, default=60)
    parser.add_argument("--each", type=int, default=8)
    parser.add_argument("--to", type=Path)
    asked = parser.parse_args()
    for what in asked.what:
        table = measured(what, asked.samples, asked.villages, asked.each)
        print(table.round(3).to_string(index=False), flush=True)
        if asked.to:
            keys = ["what", "villages", "each"]
            old = pd.read_csv(asked.to) if asked.to.exists() else table.iloc[:0]
            new = table[keys].drop_duplicates()
            kept = old.merge(new, on=keys, how="left", indicator=True)["_merge"].eq("left_only").to_numpy()
            pd.concat([old[kept], table]).round(5).to_csv(asked.to, index=False)


if __name__ == "__main__":
    main()
