"""Seconds of multiple imputation beside mice: the same table of 500 rows and 20 mixed items, in one run.

    python benchmarks/missing_speed.py [--sets 20] [--cycles 10] [--rscript Rscript] [--to benchmarks/missing_speed.csv]

Eight numbers (predictive mean matching), four items of two answers, five of five in order, three of four without order,
a tenth of each missing. Counted is the time of the processor, ours on one thread; reading and starting are left out.
mice takes its defaults, which enter an ordered item as four polynomial columns; ours enters it as one, by its rank.
Ours is therefore also timed with all items in categories without order: as many columns as mice has, and larger models.
"""

import argparse
import subprocess
import tempfile
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from kzsurvey.modelling import impute, make_design

ASKED = 1 / 8
SCRIPT = """
suppressMessages(library(mice))
arguments <- commandArgs(TRUE)
table <- read.csv(arguments[1])
for (name in grep("^o", names(table), value = TRUE)) table[[name]] <- factor(table[[name]], ordered = TRUE)
for (name in grep("^[bn]", names(table), value = TRUE)) table[[name]] <- factor(table[[name]])
invisible(mice(table[1:100, 1:4], m = 1, maxit = 1, printFlag = FALSE))
size <- as.integer(arguments[2:3])
taken <- system.time(mice(table, m = size[1], maxit = size[2], printFlag = FALSE, seed = 1))
cat("RESULT", taken[["user.self"]] + taken[["sys.self"]], as.character(packageVersion("mice")), "\\n")
"""


def mixed(rows: int = 500, seed: int = 1) -> pd.DataFrame:
    """Items that hang together by three things behind them."""
    rng = np.random.default_rng(seed)
    behind = rng.normal(size=(rows, 3))
    columns = {f"x{k}": behind @ rng.normal(size=3) * 0.6 + rng.normal(size=rows) for k in range(8)}
    columns |= {f"b{k}": (behind @ rng.normal(size=3) * 0.6 + rng.logistic(size=rows) > 0.3) * 1.0 for k in range(4)}
    cuts = [-1.5, -0.5, 0.5, 1.5]
    columns |= {
        f"o{k}": np.searchsorted(cuts, behind @ rng.normal(size=3) * 0.8 + rng.logistic(size=rows)) + 1.0
        for k in range(5)
    }
    for k in range(3):
        leaning = behind @ rng.normal(size=(3, 4)) * 0.7 + rng.gumbel(size=(rows, 4))
        columns[f"n{k}"] = leaning.argmax(axis=1) + 1.0
    table = pd.DataFrame(columns)
    return table.mask(rng.random(table.shape) < 0.1)


def as_answers(table: pd.DataFrame, *, ordered: bool) -> pd.DataFrame:
    """Items as ours takes them."""
    kinds = {name: pd.CategoricalDtype(sorted(table[name].dropna().unique()), ordered=name[0] == "o" and ordered)
             for name in table if name[0] in "on"}  # fmt: skip
    return table.astype(kinds)


def ours(table: pd.DataFrame, sets: int, cycles: int, **options: object) -> float:
    """Seconds of the processor, the better of two runs."""
    taken = []
    for _ in range(2):
        start = time.process_time()
        impute(table, list(table), sets=sets, cycles=cycles, **options)
        taken.append(time.process_time() - start)
    return min(taken)


def mice(table: pd.DataFrame, sets: int, cycles: int, rscript: str) -> tuple[float, str]:
    """Seconds of the processor and version; missing where there is no R or no mice."""
    with tempfile.TemporaryDirectory() as place:
        path, script = Path(place) / "table.csv", Path(place) / "mice.R"
        table.to_csv(path, index=False)
        script.write_text(SCRIPT, "utf-8")
        command = [rscript, str(script), str(path), str(sets), str(cycles)]
        try:
            said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        except OSError:
            said = ""
    line = next((line.split() for line in said.splitlines() if line.startswith("RESULT")), None)
    return (float(line[1]), f"mice {line[2]}") if line else (np.nan, "mice absent")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=20)
    parser.add_argument("--cycles", type=int, default=10)
    parser.add_argument("--rscript", default="Rscript")
    parser.add_argument("--to", type=Path)
    options = parser.parse_args()
    table, size = mixed(), (options.sets, options.cycles)
    answers = as_answers(table, ordered=True)
    design = make_design(clusters=np.repeat(np.arange(100), 5))
    ways = {
        "items in order by rank": ours(answers, *size),
        "all categories without order": ours(as_answers(table, ordered=False), *size),
        "with effects of 100 villages": ours(answers, *size, design=design),
    }
    peer, name = mice(table, *size, options.rscript)
    about = {"sets": options.sets, "cycles": options.cycles, "peer": name, "peer_seconds": peer, "asked": ASKED}
    found = pd.DataFrame(
        [{"way": way, "seconds": taken, "ratio": taken / peer, **about} for way, taken in ways.items()]
    )
    found = found.assign(kzsurvey=version("kzsurvey"), numpy=version("numpy"), date=date.today().isoformat())
    print(found.round(4).to_string(index=False))
    if options.to:
        found.round(4).to_csv(options.to, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
