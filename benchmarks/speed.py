"""Seconds and memory of the library beside its peers: the same work on the same data in one run.

    python benchmarks/speed.py [--work logit_million ordinal] [--svy PYTHON] [--rscript Rscript]
                              [--threads 1] [--to speed.csv]

PYTHON is an interpreter with the package svy (also the variable SVY_PYTHON); peers that are not there are named absent.
Timed is the work itself, from data in memory and a described design to estimates and standard errors: not the start of
a process, not reading. Best of several runs, everybody in a process of its own, with the threads it takes by itself
(``--threads 1``: one for everybody). Memory is the peak of that process, with interpreter, packages and data. ``--to``
keeps the rows of other work in the file, and puts the table into README.md as well.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import tables
from speed_work import data

HERE = Path(__file__).parent / "speed_work"


class Asked(NamedTuple):
    """What is asked of a piece of work: of the ratio to a peer, of the seconds, of the memory in MB."""

    title: str
    peers: dict[str, float]
    seconds: float = np.inf
    memory: float = np.inf


# The ratio of our seconds to a peer's that must not be exceeded; nothing is asked where it is infinite.
WORK = {
    "logit_million": Asked(
        "logit, 8 predictors, 40 strata, 2000 clusters, 1M rows", {"svy": 0.6, "R": 1 / 8}, memory=1000
    ),
    "logit_500": Asked("the same at 500 rows", {"svy": np.inf, "R": np.inf}, seconds=0.003),
    "ordinal": Asked("ordinal logit, design-based, 100k rows", {"R": 1 / 10, "statsmodels": 1 / 40}),
    "mediation_500": Asked(
        "mediation, logistic outcome, 1000 cluster-bootstrap draws, n = 500",
        {"R": 1 / 20, "statsmodels": 1 / 150, "statsmodels_arrays": np.inf},
    ),
    "mediation_10k": Asked("the same, n = 10k", {"R": 1 / 20, "statsmodels": np.inf, "statsmodels_arrays": np.inf}),
    "mixed": Asked("random intercept, 100k rows, 2000 groups", {"R": 1 / 5}),
    "raking": Asked("raking, 100k rows, 6 margins", {"svy": 1 / 5, "R": np.inf}),
    "replicates": Asked("logit with 500 bootstrap replicates, n = 10k", {"svy": 1 / 4, "R": np.inf}),
}
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS")


class Result(NamedTuple):
    """What somebody took for a piece of work; ``absent`` says why there is nothing."""

    seconds: float = np.nan
    memory: float = np.nan
    values: tuple[float, ...] = ()
    version: str = ""
    note: str = ""
    absent: str = ""


def measured(command: list[str], work: str, folder: Path) -> Result:
    """Run the work in a process of its own."""
    try:
        process = subprocess.run([*command, work, str(folder)], capture_output=True, text=True, check=False)
    except OSError as error:
        return Result(absent=f"{command[0]}: {error.strerror}")
    lines = [line for line in process.stdout.splitlines() if line.startswith(("RESULT ", "ABSENT "))]
    if not lines:
        return Result(absent=(process.stderr.strip().splitlines() or ["nothing said"])[-1][:120])
    if lines[-1].startswith("ABSENT "):
        return Result(absent=lines[-1].removeprefix("ABSENT "))
    found = json.loads(lines[-1].removeprefix("RESULT "))
    memory, *values = (
        np.nan if value in (None, "NA") else float(value) for value in (found["memory"], *found["values"])
    )
    return Result(found["seconds"], memory, tuple(values), found["version"], found["note"])


def rows(work: str, commands: dict[str, list[str]]) -> Iterator[dict]:
    """One row per peer, ours repeated beside each."""
    asked = WORK[work]
    with tempfile.TemporaryDirectory() as place:
        data.write(work, Path(place))
        ours = measured(commands["ours"], work, Path(place))
        if ours.absent:
            raise RuntimeError(f"{work}: {ours.absent}")
        for peer, ratio in asked.peers.items():
            found = measured(commands[peer], work, Path(place)) if commands.get(peer) else Result(absent="not given")
            yield {
                "work": work,
                "what": asked.title,
                "ours": ours.seconds,
                "ours_mb": ours.memory,
                "peer": found.version or f"{peer} absent: {found.absent}",
                "peer_seconds": found.seconds,
                "peer_mb": found.memory,
                "ratio": ours.seconds / found.seconds,
                "asked": ratio,
                "seconds_asked": asked.seconds,
                "mb_asked": asked.memory,
                "differs": largest_difference(ours.values, found.values),
                "reached": reached(ours, found, asked, ratio),
                "note": found.note,
            }


def reached(ours: Result, found: Result, asked: Asked, ratio: float) -> str:
    """``yes``, ``no``, or nothing where nothing can be said."""
    kept = [ours.seconds <= asked.seconds, ours.memory <= asked.memory]
    if np.isfinite(ratio) and np.isfinite(found.seconds):
        kept.append(ours.seconds / found.seconds <= ratio)
    elif np.isinf(asked.seconds) and np.isinf(asked.memory):
        return ""
    return "yes" if all(kept) else "no"


def largest_difference(ours: tuple[float, ...], theirs: tuple[float, ...]) -> float:
    """Largest relative difference of the numbers both gave; missing where the peer does other work."""
    if len(ours) != len(theirs) or not np.isfinite(theirs).all():
        return np.nan
    return float(np.max(np.abs(np.subtract(ours, theirs)) / np.abs(theirs)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", nargs="+", choices=WORK, default=list(WORK))
    parser.add_argument("--svy", default=os.environ.get("SVY_PYTHON", ""))
    parser.add_argument("--rscript", default="Rscript")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--to", type=Path)
    options = parser.parse_args()
    if options.threads:
        os.environ |= dict.fromkeys(THREADS, str(options.threads))  # for the processes started from here
    commands = {
        "ours": [sys.executable, str(HERE / "ours.py")],
        "svy": [options.svy, str(HERE / "with_svy.py")] if options.svy else [],
        "R": [options.rscript, str(HERE / "with_r.R")],
        "statsmodels": [sys.executable, str(HERE / "with_statsmodels.py")],
        "statsmodels_arrays": [sys.executable, str(HERE / "with_statsmodels.py"), "arrays"],
    }
    found = []
    for work in options.work:
        for row in rows(work, commands):
            found.append(row)
            print(tables.speed_line(row), flush=True)
    if options.to:
        new = pd.DataFrame(found).assign(date=date.today().isoformat())
        write(new, options.to)


def write(new: pd.DataFrame, path: Path) -> None:
    """Replace the rows measured again, and the tables of README.md."""
    old = pd.read_csv(path, keep_default_na=False, na_values=[""]) if path.exists() else new.iloc[:0]
    both = pd.concat([old[~old["work"].isin(new["work"])], new]) if len(old) else new
    order = both["work"].map({name: number for number, name in enumerate(WORK)})
    both = both.iloc[np.argsort(order, kind="stable")]
    both.to_csv(path, index=False, lineterminator="\n", float_format="%.4g")
    tables.main()


if __name__ == "__main__":
    main()
