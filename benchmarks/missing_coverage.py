"""How often pooled 95 % intervals hold the truth where answers are missing at random, and how far complete cases err.

    python benchmarks/missing_coverage.py [--ways random complete_cases ...] [--samples 1000] [--designs 60x8 30x16]
                                          [--to benchmarks/missing_coverage.csv]

Samples of villages are drawn unequally from a fixed population in four strata; the truth is what the estimator gives of
the whole population. A quarter to a third of four items are missing with a chance that depends on what everybody
answered. Ways: ``all`` answers (no gaps), ``complete_cases``, and imputation with ``random``, ``fixed`` or no
(``none``) effects of villages. ``--to`` replaces the rows that were measured again and keeps the others.
"""

import argparse
from collections.abc import Callable, Iterable
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from coverage_estimators import ALLOCATIONS, SPREAD, STRATA, sample

from kzsurvey import modelling as m
from kzsurvey.errors import SurveyError

ITEMS = ("about", "load", "x", "y", "b", "o")
WAYS = ("all", "complete_cases", "random", "fixed", "none")
Ends = dict[str, tuple[float, float, float]]


@lru_cache
def people_of(seed: int, villages: int = 2400, size: int = 40) -> pd.DataFrame:
    """Villages in strata; ``about`` is what everybody answered, ``load`` is the same for all of a village."""
    rng = np.random.default_rng(seed)
    village = np.repeat(np.arange(villages), size)
    count = len(village)
    effect = rng.normal(0, SPREAD, villages)[village]
    load = rng.normal(0, 1, villages)[village]
    x = rng.normal(0, 1, count) + 0.3 * effect
    y = 1 + 0.5 * load + 0.4 * x + effect + 0.2 * (village % STRATA) + rng.normal(0, 1, count)
    about = 0.6 * y + 0.3 * x + rng.normal(0, 1, count)
    leaning = 0.4 * load + 0.5 * x + 0.3 * about + effect
    b = (rng.random(count) < 1 / (1 + np.exp(0.7 - leaning))) * 1.0
    o = np.searchsorted([-1.2, 0.2, 1.2, 2.4], leaning + rng.logistic(size=count)) + 1.0
    columns = {"village": village, "stratum": village % STRATA, "load": load, "about": about, "x": x, "y": y}
    return pd.DataFrame(columns | {"b": b, "o": o})


def with_gaps(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Answers missing at random."""
    lean = {"x": -1.5 + 0.7 * table["about"], "y": -1.6 + 0.8 * table["about"], "b": -0.5 - 0.7 * table["about"]}
    lean["o"] = -1.3 + 0.5 * table["about"] + 0.5 * table["load"]
    chances = {name: 1 / (1 + np.exp(-value)) for name, value in lean.items()}
    return table.assign(
        **{name: table[name].where(rng.random(len(table)) > chance) for name, chance in chances.items()}
    )


Work = Callable[[pd.DataFrame, m.Design], object]
ESTIMATORS: dict[str, tuple[Work, tuple[str, ...]]] = {
    "mean y": (lambda t, d: m.mean("y", t, design=d), ("",)),
    "mean o": (lambda t, d: m.mean("o", t, design=d), ("",)),
    "proportion b": (lambda t, d: m.proportion("b", t, design=d), ("",)),
    "linear": (lambda t, d: m.fit_regression(t, "y ~ load + x", design=d), ("Intercept", "load", "x")),
    "logistic": (
        lambda t, d: m.fit_regression(t, "b ~ load + x", design=d, family="logistic"),
        ("Intercept", "load", "x"),
    ),
    "ordinal": (lambda t, d: m.fit_ordinal(t, "o ~ load + x", design=d), ("1|2", "2|3", "3|4", "4|5", "load", "x")),
}


def ends(name: str, found: object) -> Ends:
    """Estimate and interval of every number of an estimator."""
    table = found.terms if isinstance(found, m.Fit) else found.table
    rows = table.to_dict("records")
    return {
        f"{name} {label}".strip(): (row["estimate"], row["conf_low"], row["conf_high"])
        for label, row in zip(ESTIMATORS[name][1], rows, strict=True)
    }


def every(run: Callable[[Work], object]) -> Ends:
    """All numbers of all estimators, each run in one way."""
    return {key: value for name, (work, _) in ESTIMATORS.items() for key, value in ends(name, run(work)).items()}


def answered(way: str, whole: pd.DataFrame, gaps: pd.DataFrame, design: m.Design, seed: int, options: dict) -> Ends:
    """What one way of dealing with gaps says of one sample."""
    if way in ("all", "complete_cases"):
        table = whole if way == "all" else gaps
        return {
            key: value
            for name, (work, _) in ESTIMATORS.items()
            for key, value in ends(name, work(table, design)).items()
        }
    methods = {"o": "ordinal"}
    imputed = m.impute(gaps, ITEMS, design=design, clusters=way, seed=seed, methods=methods, **options)
    tables = list(imputed)
    return every(lambda work: m.with_imputations(tables, work, design=design))


@lru_cache
def truth_of(seed: int) -> dict[str, float]:
    people = people_of(seed)
    everybody = m.make_design(people, weight=np.ones(len(people)), clusters="village")
    return {
        key: value[0]
        for name, (work, _) in ESTIMATORS.items()
        for key, value in ends(name, work(people, everybody)).items()
    }


def measured(way: str, clusters: int, each: int, samples: int, *, seed: int = 1, options: dict) -> pd.DataFrame:
    """Bias and coverage of one way, one row per number."""
    truth, rng = truth_of(seed), np.random.default_rng(seed + 1)
    found, refused = [], 0
    for number in range(samples):
        whole, design = sample(people_of(seed), clusters, each, rng, ALLOCATIONS["mild"])
        gaps = with_gaps(whole, rng)
        try:
            found.append(answered(way, whole, gaps, design, number, options))
        except SurveyError:
            refused += 1
    rows = [row(way, key, np.array([one[key] for one in found]), value) for key, value in truth.items()]
    about = {"clusters": clusters, "each": each, "samples": len(found), "refused": refused}
    return pd.DataFrame(rows).assign(**about, **(options if way not in ("all", "complete_cases") else {}))


def row(way: str, name: str, numbers: np.ndarray, truth: float) -> dict[str, object]:
    """Bias and coverage of one number."""
    estimate, low, high = numbers.T
    covered = ((low <= truth) & (truth <= high)).mean()
    return {
        "way": way, "estimator": name, "truth": truth, "bias": estimate.mean() - truth, "spread": estimate.std(ddof=1),
        "bias_in_spreads": (estimate.mean() - truth) / estimate.std(ddof=1), "width": (high - low).mean(),
        "coverage": covered, "simulation_error": np.sqrt(covered * (1 - covered) / len(numbers)),
    }  # fmt: skip


def kept(path: Path, new: pd.DataFrame) -> pd.DataFrame:
    """What was measured before and not again, and the new rows."""
    both = pd.concat([pd.read_csv(path), new]) if path.exists() else new
    return both.drop_duplicates(["way", "estimator", "clusters", "each"], keep="last")


def main(given: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--designs", nargs="+", default=["60x8"])
    parser.add_argument("--sets", type=int, default=10)
    parser.add_argument("--cycles", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--to", type=Path)
    options = parser.parse_args(given)
    for text in options.designs:
        clusters, each = (int(part) for part in text.split("x"))
        for way in options.ways:
            chosen = {"sets": options.sets, "cycles": options.cycles}
            table = measured(way, clusters, each, options.samples, seed=options.seed, options=chosen)
            with pd.option_context("display.width", 200):
                print(table.round(4).to_string(index=False), flush=True)
            if options.to:
                made = {name: version(name) for name in ("kzsurvey", "numpy")}
                kept(options.to, table.assign(seed=options.seed, **made).round(5)).to_csv(
                    options.to, index=False, lineterminator="\n"
                )


if __name__ == "__main__":
    main()
