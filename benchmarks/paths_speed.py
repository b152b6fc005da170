"""Seconds of CPU for a path model: one fit, and a cluster bootstrap of an indirect effect, beside lavaan in one run.

    python benchmarks/paths_speed.py [--draws 2000] [--peer-draws 100] [--to benchmarks/paths_speed.csv]

Some 500 interviews in 50 villages, nine items, three latent variables. The peer draws fewer, scaled up; its draws are
told not to compute errors and tests.
"""

import argparse
import json
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from paths_coverage import CUTS, ITEMS, SYNTAX, drawn

from kzsurvey import modelling as m

PEER = Path(__file__).with_name("paths_speed.R")


def data() -> pd.DataFrame:
    """500 rows."""
    table = drawn(np.random.default_rng(7), 50, 14).table
    kept = table.groupby("village").head(10)
    return kept.sample(500, random_state=1).sort_index().reset_index(drop=True) if len(kept) > 500 else kept


def coded(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(**{item: np.digitize(table[item], cuts) for item, cuts in zip(ITEMS, CUTS, strict=True)})


def seconds(work, times: int = 1) -> float:
    """Least CPU time of several runs."""
    found = []
    for _ in range(times):
        begin = time.process_time()
        work()
        found.append(time.process_time() - begin)
    return min(found)


def peer(table: pd.DataFrame, draws: int, ordinal: bool) -> dict:
    """What lavaan takes; empty where there is no R."""
    if not shutil.which("Rscript"):
        return {}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "data.csv"
        table.to_csv(path, index=False)
        command = ["Rscript", str(PEER), str(path), str(draws), str(int(ordinal))]
        run = subprocess.run(command, capture_output=True, text=True, check=False)
    return json.loads(run.stdout.splitlines()[-1]) if run.returncode == 0 else {}


def compared(kind: str, draws: int, peer_draws: int) -> list[dict]:
    """Rows of the table for one kind of items."""
    ordinal = kind == "ordinal"
    table = coded(data()) if ordinal else data()
    design = m.make_design(table, clusters=None if ordinal else "village")
    options = {"ordered": True} if ordinal else {"means": True}
    fit = m.fit_paths(table, SYNTAX, design=design, **options)
    single = seconds(lambda: m.fit_paths(table, SYNTAX, design=design, **options), 7)
    sampled = m.fit_paths(table, SYNTAX, design=m.make_design(table, clusters="village"), **options)
    boot = seconds(lambda: m.path_bootstrap(sampled, draws=draws))
    failed = m.path_bootstrap(sampled, draws=draws).failed
    theirs = peer(table, peer_draws, ordinal)
    last = fit.terms.iloc[-1]
    apart = abs(last["estimate"] / theirs["estimate"] - 1) if theirs else np.nan
    rows = [
        {"work": f"one fit, {kind}", "ours": single, "peer": theirs.get("single", np.nan), "asked": 1.0},
        {
            "work": f"{draws} cluster-bootstrap draws, {kind}",
            "ours": boot,
            "peer": theirs.get("draw", np.nan) * draws,
            "asked": 1 / 12,
        },
    ]
    extra = {"lavaan": theirs.get("lavaan", "absent"), "estimates_differ": apart, "failed": failed, "n": len(table)}
    return [row | {"ratio": row["ours"] / row["peer"]} | extra for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--peer-draws", type=int, default=100)
    parser.add_argument("--kinds", nargs="+", default=["numbers", "ordinal"])
    parser.add_argument("--to", type=Path)
    asked = parser.parse_args()
    table = pd.DataFrame([row for kind in asked.kinds for row in compared(kind, asked.draws, asked.peer_draws)])
    print(table.round(5).to_string(index=False))
    if asked.to:
        table.round(6).to_csv(asked.to, index=False)


if __name__ == "__main__":
    main()
