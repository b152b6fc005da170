"""CPU seconds of scale coefficients, of a specification curve and of power by simulation; psych beside the first.

    python benchmarks/further_speed.py [--rscript Rscript] [--to benchmarks/further_speed.csv]

Scales: five scales of nine items, 2,800 people in 200 villages; alpha, omega total and hierarchical (three group
factors), ours with design-based intervals, psych's without. Specifications: 1,024 regressions (two outcomes, two
terms, eight controls) of 500 people in 60 villages, with the joint test. Power: three plans, 1,000 samples each, of
the test of an indirect effect, in 60 villages of 8. No package of Debian does the last two; both are held to seconds.
"""

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from kzsurvey import modelling as m

SCRIPT = """
suppressMessages(library(psych))
items <- read.csv(commandArgs(TRUE)[1])
one <- function(k) {
  x <- items[, (9 * k - 8):(9 * k)]
  alpha(x); suppressWarnings(suppressMessages(omega(x, nfactors = 3, plot = FALSE)))
}
invisible(one(1))
taken <- system.time(for (k in 1:5) one(k))
cat("RESULT", taken[["user.self"]] + taken[["sys.self"]], as.character(packageVersion("psych")), "\\n")
"""


def items(people: int = 2800, villages: int = 200) -> pd.DataFrame:
    """Answers to 45 items of six levels, and the village."""
    rng = np.random.default_rng(1)
    village = np.arange(people) % villages
    scales = rng.normal(size=(villages, 5))[village] * 0.3 + rng.normal(size=(people, 5))
    groups = np.repeat(rng.normal(size=(people, 15)), 3, axis=1) * 0.6
    latent = np.repeat(scales, 9, axis=1) + groups + rng.normal(size=(people, 45))
    answers = np.searchsorted([-2.0, -1, 0, 1, 2], latent) + 1
    return pd.DataFrame(answers, columns=[f"q{k}" for k in range(45)]).assign(village=village)


def scales(table: pd.DataFrame) -> None:
    design = m.make_design(table, clusters="village")
    for k in range(5):
        names = [f"q{9 * k + j}" for j in range(9)]
        m.coefficients(names, table, design=design, kinds=["alpha", "omega_total", "omega_hierarchical"])


def specifications() -> None:
    rng = np.random.default_rng(1)
    village = np.repeat(np.arange(60), 9)[:500]
    table = pd.DataFrame(rng.normal(size=(500, 12)) + rng.normal(size=(60, 12))[village] * 0.4)
    table.columns = [*"yzab", *(f"c{k}" for k in range(8))]
    design = m.make_design(table.assign(village=village), clusters="village")
    found = m.specification_curve(
        table, outcomes=["y", "z"], terms=["a", "b"], controls=[f"c{k}" for k in range(8)], design=design
    )
    assert len(found.specifications) == 1024


def plans() -> None:
    m.power("mediation", villages=60, interviews=8, a=0.25, b=[0.1, 0.2, 0.3], direct=0.1, replications=1000)


def seconds(work: Callable[[], None]) -> float:
    """CPU seconds of this process, the better of two runs."""
    taken = []
    for _ in range(2):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)


def psych(table: pd.DataFrame, rscript: str) -> tuple[float, str]:
    """CPU seconds and version; missing where there is no R or no psych."""
    with tempfile.TemporaryDirectory() as place:
        path, script = Path(place) / "items.csv", Path(place) / "psych.R"
        table.drop(columns="village").to_csv(path, index=False)
        script.write_text(SCRIPT, "utf-8")
        try:
            told = subprocess.run([rscript, str(script), str(path)], capture_output=True, text=True, check=True).stdout
        except (OSError, subprocess.CalledProcessError):
            return np.nan, "psych absent"
    _, taken, number = told[told.index("RESULT") :].split()[:3]
    return float(taken), f"psych {number}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rscript", default="Rscript")
    parser.add_argument("--to", type=Path)
    options = parser.parse_args()
    table = items()
    theirs, peer = psych(table, options.rscript)
    work = (
        ("alpha, omega total and hierarchical of five scales, 2,800 people", lambda: scales(table), 1),
        ("1,024 specifications with their joint test", specifications, 60),
        ("power of an indirect effect, 3 x 1,000 samples", plans, 120),
    )
    rows = [{"what": what, "seconds": seconds(done), "asked_seconds": asked} for what, done, asked in work]
    rows[0] |= {"peer": peer, "peer_seconds": theirs}
    found = pd.DataFrame(rows).assign(kzsurvey=version("kzsurvey"), numpy=version("numpy"), date=str(date.today()))
    print(found.round(3).to_string(index=False))
    if options.to:
        found.round(4).to_csv(options.to, index=False)


if __name__ == "__main__":
    main()
