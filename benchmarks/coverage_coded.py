"""How often intervals of who says what hold the truth: log ratios of groups and of pairs of codes, ellipses of a map.

    .venv/bin/python benchmarks/coverage_coded.py [--samples 1000] [--to benchmarks/coverage_coded.csv]

A population of 600 villages in two strata; four codes whose shares differ by village and by group. Samples of villages
(20 or 40 in each stratum, 10 people from each); the truth is that of the population. An ellipse holds the truth where
the profile of the population, placed on the axes of the sample, lies inside.
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd

from kzsurvey.modelling import co_occurrence, correspondence, distinctive, make_design

CODES, GROUPS = ["P1", "P2", "P3", "P4"], ["a", "b", "c"]
SLOPES = np.array([[0.0, 0.8, -0.5], [0.5, -0.6, 0.0], [-0.6, 0.0, 0.8], [0.2, 0.2, -0.9]])
VILLAGES, PEOPLE, DRAWN = 600, 60, 10


def main() -> None:
    """Print the coverage of each kind of interval, and write it where asked."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--samples", type=int, default=1000)
    options.add_argument("--replicates", type=int, default=200)
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--to", type=Path)
    chosen = options.parse_args()
    people = population(np.random.default_rng(chosen.seed))
    truth = {"groups": true_ratios(people), "pairs": true_pairs(people), "map": true_profiles(people)}
    rows = []
    for villages in (20, 40):
        held, tried = defaultdict(int), defaultdict(int)
        for number in range(chosen.samples):
            sample = drawn(people, villages, np.random.default_rng((chosen.seed, villages, number)))
            for kind, hits in covered(sample, truth, chosen.replicates, number).items():
                held[kind] += int(hits.sum())
                tried[kind] += len(hits)
        rows += [(kind, 2 * villages, chosen.samples, held[kind] / tried[kind], tried[kind]) for kind in held]
    table = pd.DataFrame(rows, columns=["interval", "villages", "samples", "coverage", "intervals"])
    print(table.round(4).to_string(index=False))
    if chosen.to:
        table.round(4).to_csv(chosen.to, index=False, lineterminator="\n")


def population(draw: np.random.Generator) -> pd.DataFrame:
    """People of all villages, with what they would say."""
    count = VILLAGES * PEOPLE
    village = np.repeat(np.arange(VILLAGES), PEOPLE)
    group = draw.choice(3, count, p=[0.5, 0.3, 0.2])
    level = draw.normal(0, 0.6, (VILLAGES, len(CODES)))[village]
    chance = 1 / (1 + np.exp(0.8 - level - SLOPES[:, group].T))
    people = pd.DataFrame((draw.random(chance.shape) < chance).astype(float), columns=CODES)
    return people.assign(group=np.array(GROUPS)[group], village=village, stratum=village % 2)


def drawn(people: pd.DataFrame, villages: int, draw: np.random.Generator) -> pd.DataFrame:
    """Some villages of each stratum, some people of each."""
    chosen = np.concatenate([draw.choice(np.arange(s, VILLAGES, 2), villages, replace=False) for s in (0, 1)])
    rows = (chosen[:, None] * PEOPLE + np.array([draw.choice(PEOPLE, DRAWN, replace=False) for _ in chosen])).ravel()
    return people.iloc[rows].reset_index(drop=True)


def true_ratios(people: pd.DataFrame) -> pd.Series:
    """Log ratios of each group and code in the population."""
    found = {}
    for group in GROUPS:
        here = people["group"] == group
        for code in CODES:
            found[group, code] = np.log2(people.loc[here, code].mean() / people.loc[~here, code].mean())
    return pd.Series(found)


def true_pairs(people: pd.DataFrame) -> pd.Series:
    """Log ratios of each pair of codes in the population."""
    pairs = [(one, other) for place, one in enumerate(CODES) for other in CODES[place + 1 :]]
    return pd.Series(
        {(a, b): np.log2((people[a] * people[b]).mean() / people[a].mean() / people[b].mean()) for a, b in pairs}
    )


def true_profiles(people: pd.DataFrame) -> pd.DataFrame:
    """Of the mentions of each code in the population, the share of each group."""
    table = people.groupby("group")[CODES].sum().T
    return table.div(table.sum(axis=1), axis=0)


def covered(sample: pd.DataFrame, truth: dict, replicates: int, seed: int) -> dict[str, np.ndarray]:
    """Whether each interval and ellipse of a sample holds the truth."""
    design = make_design(sample, strata="stratum", clusters="village")
    groups = distinctive(sample[CODES], sample["group"], design=design)
    pairs = co_occurrence(sample[CODES], design=design)
    found = correspondence(sample[CODES], sample["group"], design=design, replicates=replicates, seed=seed)
    standard = found.columns[["x", "y"]].to_numpy() / found.inertia["singular_value"].to_numpy()[:2]
    true = truth["map"][found.columns["item"]].to_numpy() @ standard
    return {
        "log ratio of a group": inside(groups, truth["groups"], ["group", "item"]),
        "log ratio of a pair": inside(pairs, truth["pairs"], ["first", "second"]),
        "ellipse of a code": in_ellipse(found.rows, true),
    }


def inside(table: pd.DataFrame, truth: pd.Series, keys: list[str]) -> np.ndarray:
    """Whether each interval holds the truth."""
    true = truth[list(zip(*(table[key] for key in keys), strict=True))].to_numpy()
    return (table["conf_low"].to_numpy() <= true) & (true <= table["conf_high"].to_numpy())


def in_ellipse(points: pd.DataFrame, true: np.ndarray) -> np.ndarray:
    """Whether each ellipse holds the truth."""
    away = true - points[["x", "y"]].to_numpy()
    turn = np.radians(points["angle"].to_numpy())
    along = away[:, 0] * np.cos(turn) + away[:, 1] * np.sin(turn)
    across = -away[:, 0] * np.sin(turn) + away[:, 1] * np.cos(turn)
    return (along / points["width"]) ** 2 + (across / points["height"]) ** 2 <= 1


if __name__ == "__main__":
    main()
