"""Made-up data of the timed work, written as plain doubles that Python and R read alike."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

Columns = dict[str, np.ndarray]
SLOPES = np.linspace(-0.4, 0.4, 8)


def clustered(rows: int, strata: int, clusters: int, seed: int = 1) -> tuple[Columns, np.ndarray, np.random.Generator]:
    """Weights, strata, clusters and eight predictors; and what they say of an outcome."""
    rng = np.random.default_rng(seed)
    cluster = rng.integers(0, clusters, rows)
    x = rng.normal(size=(rows, 8))
    columns = {"weight": rng.uniform(0.5, 2, rows), "stratum": cluster % strata * 1.0, "cluster": cluster * 1.0}
    columns |= {f"x{number}": x[:, number - 1] for number in range(1, 9)}
    return columns, x @ SLOPES + 0.3 * rng.normal(size=clusters)[cluster], rng


def logit(rows: int, strata: int, clusters: int) -> Columns:
    columns, eta, rng = clustered(rows, strata, clusters)
    return {"y": (rng.random(rows) < 1 / (1 + np.exp(0.5 - eta))) * 1.0, **columns}


def ordinal(rows: int, strata: int, clusters: int) -> Columns:
    """Five levels."""
    columns, eta, rng = clustered(rows, strata, clusters)
    return {"y": np.searchsorted([-1.5, -0.5, 0.5, 1.5], eta + rng.logistic(size=rows)) * 1.0, **columns}


def mediation(rows: int, clusters: int) -> Columns:
    """Treatment (0 or 1), a linear mediator, an outcome of 0 and 1."""
    columns, eta, rng = clustered(rows, 4, clusters)
    treated = (rng.random(rows) < 0.5) * 1.0
    mediator = 0.5 * treated + 0.3 * eta + rng.normal(size=rows)
    chance = 1 / (1 + np.exp(-(-0.3 + 0.4 * treated + 0.5 * mediator + 0.2 * columns["x1"])))
    kept = {name: columns[name] for name in ("weight", "stratum", "cluster", "x1", "x2")}
    return {"y": (rng.random(rows) < chance) * 1.0, "mediator": mediator, "treated": treated, **kept}


def mixed(rows: int, groups: int) -> Columns:
    columns, eta, rng = clustered(rows, 1, groups)
    effect = 0.4 * rng.normal(size=groups)[columns["cluster"].astype(int)]
    return {"y": 1 + eta + effect + rng.normal(size=rows), **columns}


def margins(rows: int) -> Columns:
    """Six questions with 5 to 10 answers."""
    rng = np.random.default_rng(1)
    found = {"weight": rng.uniform(1, 3, rows)}
    for number, size in enumerate(range(5, 11), 1):
        found[f"v{number}"] = rng.choice(size, rows, p=rng.dirichlet(np.full(size, 8))) * 1.0
    return found


def wanted_margins(columns: Columns) -> dict[str, list[float]]:
    """Counts a fifth up or down from those of the sample, summing to a million."""
    rng, wanted = np.random.default_rng(2), {}
    for name in (name for name in columns if name != "weight"):
        counts = np.bincount(columns[name].astype(int)) * rng.uniform(0.8, 1.2, int(columns[name].max()) + 1)
        wanted[name] = (counts / counts.sum() * 1e6).tolist()
    return wanted


def replicated(rows: int, strata: int, clusters: int, replicates: int) -> Columns:
    """The data of the logit with weights of a rescaling bootstrap in columns rep1, rep2, ..."""
    columns, rng = logit(rows, strata, clusters), np.random.default_rng(3)
    factors = np.zeros((clusters, replicates))
    for stratum in range(strata):
        members = np.arange(stratum, clusters, strata)
        drawn = rng.multinomial(len(members) - 1, np.full(len(members), 1 / len(members)), size=replicates).T
        factors[members] = drawn * len(members) / (len(members) - 1)
    weight = columns["weight"][:, None] * factors[columns["cluster"].astype(int)]
    return columns | {f"rep{number + 1}": weight[:, number] for number in range(replicates)}


DATA: dict[str, Callable[[], Columns]] = {
    "logit_million": lambda: logit(1_000_000, 40, 2000),
    "logit_500": lambda: logit(500, 10, 50),
    "ordinal": lambda: ordinal(100_000, 40, 2000),
    "mediation_500": lambda: mediation(500, 50),
    "mediation_10k": lambda: mediation(10_000, 200),
    "mixed": lambda: mixed(100_000, 2000),
    "raking": lambda: margins(100_000),
    "replicates": lambda: replicated(10_000, 20, 200, 500),
}


def write(work: str, folder: Path) -> None:
    """``data.bin`` (column after column) with its names and number of rows in ``data.json``."""
    columns = DATA[work]()
    about = {"names": list(columns), "rows": len(next(iter(columns.values())))}
    if work == "raking":
        about["margins"] = wanted_margins(columns)
    with (folder / "data.bin").open("wb") as file:
        for values in columns.values():
            values.astype("<f8").tofile(file)
    (folder / "data.json").write_text(json.dumps(about), "utf-8")


def read(folder: Path) -> tuple[Columns, dict]:
    about = json.loads((folder / "data.json").read_text("utf-8"))
    values = np.fromfile(folder / "data.bin", "<f8").reshape(len(about["names"]), about["rows"])
    return dict(zip(about["names"], values, strict=True)), about
