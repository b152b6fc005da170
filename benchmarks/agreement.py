"""Intervals of agreement: how often they hold the truth, and seconds beside the package krippendorff.

    python benchmarks/agreement.py [--what coverage speed] [--samples 2000] [--settings NAME ...]
                                   [--intervals jackknife bca percentile] [--peer PYTHON]
                                   [--to benchmarks/coverage_agreement.csv]

Coverage: coders see the true code of a unit with a given chance, and otherwise draw one by the distribution of codes;
in settings with clusters the true code of the answers of one interview hangs together, and so does what is hard. The
truth is the coefficient of two million units. PYTHON is an interpreter with numpy and krippendorff: it resamples whole
units and calls the package for each, in the same run; one thread for both.
"""

import argparse
import os
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from threadpoolctl import threadpool_limits

from kzsurvey.coding.intercoder.agreement import agreement
from kzsurvey.coding.intercoder.coefficients import STATISTICS, estimate
from kzsurvey.coding.intercoder.distances import make_panel
from kzsurvey.coding.intercoder.ratings import Ratings

LARGE = 2_000_000
CLUSTER = 4


class Setting(NamedTuple):
    """How codings come about: coders, shares of codes, chance of seeing the truth, gaps, level, clusters."""

    name: str
    coders: int
    shares: tuple[float, ...]
    seen: float
    missing: float = 0.0
    level: str = "nominal"
    clustered: bool = False


SETTINGS = (
    Setting("2 coders, even, alpha .81", 2, (0.5, 0.5), 0.9),
    Setting("2 coders, 30 %, alpha .56", 2, (0.7, 0.3), 0.75),
    Setting("2 coders, 10 %, alpha .81", 2, (0.9, 0.1), 0.9),
    Setting("3 coders, 10 %, alpha .81", 3, (0.9, 0.1), 0.9),
    Setting("3 coders, 60/40, alpha .25", 3, (0.6, 0.4), 0.5),
    Setting("3 coders, 4 codes, alpha .72", 3, (0.4, 0.3, 0.2, 0.1), 0.85),
    Setting("4 coders, 4 codes, 30 % missing", 4, (0.4, 0.3, 0.2, 0.1), 0.85, 0.3),
    Setting("3 coders, 5 ordered codes", 3, (0.1, 0.2, 0.3, 0.2, 0.2), 0.8, 0.0, "ordinal"),
    Setting("3 coders, 5 numbers", 3, (0.1, 0.2, 0.3, 0.2, 0.2), 0.8, 0.0, "interval"),
    Setting("3 coders, 30 %, interviews of 4 answers", 3, (0.7, 0.3), 0.85, 0.0, "nominal", True),
    Setting("3 coders, 5 %, alpha .81", 3, (0.95, 0.05), 0.9),
)


def codings(setting: Setting, units: int, rng: np.random.Generator) -> np.ndarray:
    """(units, coders) array of codes; -1 where not coded."""
    size, shape = len(setting.shares), (units, setting.coders)
    chance, hard = rng.random(units), np.zeros(units)
    if setting.clustered:
        owner = np.arange(units) // CLUSTER
        moved = rng.random(owner[-1] + 1)[owner]
        chance = np.where(rng.random(units) < 0.5, moved, chance)
        hard = 0.3 * (rng.random(owner[-1] + 1)[owner] - 0.5)
    limits = np.cumsum(setting.shares)
    true = np.minimum(np.searchsorted(limits, chance), size - 1)
    guess = np.minimum(np.searchsorted(limits, rng.random(shape)), size - 1)
    coded = np.where(rng.random(shape) < setting.seen + hard[:, None], true[:, None], guess)
    return np.where(rng.random(shape) < setting.missing, -1, coded)


def truth(setting: Setting, coefficient: str) -> float:
    """The coefficient of very many units."""
    numbers = codings(setting, LARGE, np.random.default_rng(99))
    size = len(setting.shares)
    names, clusters = tuple(range(setting.coders)), np.arange(LARGE)
    ratings = Ratings(numbers, tuple(range(size)), tuple(range(size)), names, clusters, None, True, 0)
    statistic = STATISTICS[coefficient](make_panel(ratings, setting.level, None))
    return float(estimate(statistic.formula, statistic.terms.sum(axis=1))[0])


def coverage(settings: tuple[Setting, ...], intervals: list[str], samples: int, seed: int = 7) -> pd.DataFrame:
    """One row per setting, coefficient, number of units and kind of interval."""
    rows = []
    for setting in settings:
        for coefficient in ("alpha", "cohen") if setting.coders == 2 else ("alpha",):
            true = truth(setting, coefficient)
            for units in (50, 100, 200):
                rng = np.random.default_rng([seed, units])
                drawn = [codings(setting, units, rng) for _ in range(samples)]
                about = {"setting": setting.name, "coefficient": coefficient, "units": units, "truth": true}
                for kind in intervals:
                    rows.append({**about, "interval": kind, **held(drawn, setting, coefficient, kind, true)})
                    print(
                        {key: round(value, 3) if isinstance(value, float) else value for key, value in rows[-1].items()}
                    )
    return pd.DataFrame(rows)


def held(drawn: list[np.ndarray], setting: Setting, coefficient: str, kind: str, true: float) -> dict:
    """Shares of intervals that hold the truth, lie above or below it, and of samples without an interval."""
    ends = []
    for number, sample in enumerate(drawn):
        table = pd.DataFrame(sample).astype("Int64").mask(sample < 0)
        clusters = np.arange(len(sample)) // CLUSTER if setting.clustered else None
        codes = list(range(len(setting.shares)))
        found = agreement(
            table, coefficients=coefficient, level=setting.level, codes=codes, clusters=clusters, interval=kind,
            seed=number,
        )  # fmt: skip
        ends.append(found.loc[0, ["conf_low", "conf_high", "estimate"]].tolist())
    low, high, found = np.array(ends, dtype=float).T
    defined = ~np.isnan(found + low)
    share = float(((low <= true) & (true <= high))[defined].mean())
    return {
        "coverage": share,
        "above": float((low > true)[defined].mean()),
        "below": float((high < true)[defined].mean()),
        "width": float(np.nanmean(high - low)),
        "undefined": float(1 - defined.mean()),
        "samples": len(drawn),
        "simulation_error": float(np.sqrt(share * (1 - share) / defined.sum())),
    }


PEER = """
import sys, time
import numpy as np, krippendorff
data = np.load(sys.argv[1]); draws = int(sys.argv[2]); times = float(sys.argv[3])
rng = np.random.default_rng(1)
start = time.perf_counter(); values = []
for layer in data:
    values.append(krippendorff.alpha(reliability_data=layer.T, level_of_measurement="nominal"))
    for _ in range(draws):
        chosen = layer[rng.integers(0, len(layer), len(layer))]
        try:
            krippendorff.alpha(reliability_data=chosen.T, level_of_measurement="nominal")
        except ValueError:
            pass
print(time.perf_counter() - start, *values)
"""


def speed(peer: str, folder: Path, units: int = 500, coders: int = 3, codes: int = 40) -> pd.DataFrame:
    """Alpha with 1000 resamples: each of 40 codes given or not, and one code of 40 per unit."""
    rng = np.random.default_rng(2)
    shares = rng.dirichlet(np.full(codes, 2.0))
    true = rng.random((units, codes)) < np.minimum(3 * shares, 0.5)
    given = np.where(rng.random((coders, units, codes)) < 0.9, true, rng.random((coders, units, codes)) < shares)
    names = np.array([f"code{number:02d}" for number in range(codes)])
    sets = pd.DataFrame({c: [frozenset(names[row]) for row in given[c]] for c in range(coders)})
    one = rng.choice(codes, units, p=shares)
    single = np.where(rng.random((units, coders)) < 0.8, one[:, None], rng.choice(codes, (units, coders), p=shares))
    layers = given.transpose(2, 1, 0).astype(float)
    work = {
        "40 codes, each given or not": (sets, {"by": "code", "codes": list(names)}, layers),
        "one of 40 codes per unit": (pd.DataFrame(single), {}, single[None].astype(float)),
    }
    rows = []
    for what, (table, options, arrays) in work.items():
        for kind in ("percentile", "bca"):
            ours, values = best(lambda: agreement(table, coefficients="alpha", interval=kind, **options))  # noqa: B023
            rows.append({"what": what, "interval": kind, "ours": ours, **beside(peer, arrays, folder, values)})
            rows[-1]["ratio"] = rows[-1]["ours"] / rows[-1]["peer"]
    return pd.DataFrame(rows)


def best(work: object, runs: int = 7) -> tuple[float, np.ndarray]:
    """Seconds of the fastest run, and the estimates."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        found = work()
        seconds.append(time.perf_counter() - start)
    return min(seconds), found["estimate"].to_numpy()


def beside(peer: str, arrays: np.ndarray, folder: Path, values: np.ndarray, draws: int = 50) -> dict:
    """Seconds of the peer for 1000 resamples, from fewer; the largest difference of estimates."""
    path = folder / "agreement_speed.npy"
    np.save(path, arrays)
    done = subprocess.run(
        [peer, "-c", PEER, path, str(draws), "1"],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    )
    path.unlink()
    seconds, *theirs = map(float, done.stdout.split())
    return {"peer": seconds * 1001 / (draws + 1), "differs": float(np.abs(np.array(theirs) - values).max())}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--what", nargs="+", default=["coverage", "speed"], choices=["coverage", "speed"])
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--intervals", nargs="+", default=["jackknife"])
    parser.add_argument("--settings", nargs="+", help="names of settings; all where not given")
    parser.add_argument("--peer", default=sys.executable)
    parser.add_argument("--to", type=Path)
    asked = parser.parse_args()
    if "speed" in asked.what:
        with threadpool_limits(1):
            print(speed(asked.peer, Path(__file__).parent).round(6).to_string())
    if "coverage" in asked.what:
        wanted = tuple(each for each in SETTINGS if not asked.settings or each.name in asked.settings)
        table = coverage(wanted, asked.intervals, asked.samples)
        table = table.assign(numpy=version("numpy"))
        print(table.round(3).to_string())
        if asked.to:
            table.to_csv(asked.to, index=False, float_format="%.5f")


if __name__ == "__main__":
    main()
