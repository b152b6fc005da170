"""Every case of the R reference values that is in scope: case, what, ours, R, relative difference, tolerance.

    python benchmarks/references.py FOLDER      FOLDER holds survey.json, models.json, sem.json ... and data/

Prints a table, writes nothing. Cases out of scope are listed with the reason and with the words by which the library
refuses them.
"""

import json
import sys
from fnmatch import fnmatchcase
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

sys.path.insert(0, str(Path(__file__).parent))  # also where a test loads this file by its path
from reference_cases import (
    Case,
    Check,
    descriptive,
    imputations,
    mediations,
    refusals,
    regressions,
    scales,
    structures,
    weights,
)

FILES = ("survey.json", "models.json", "design_extras.json", "sem.json")
CHECKS = (
    descriptive.CHECKS
    | weights.CHECKS
    | regressions.CHECKS
    | mediations.CHECKS
    | structures.CHECKS
    | scales.CHECKS
    | imputations.CHECKS
)


class Row(NamedTuple):
    """One number beside R's."""

    case: str
    what: str
    ours: float
    reference: float
    tolerance: float

    @property
    def difference(self) -> float:
        """Relative difference; absolute where R says 0."""
        scale = abs(self.reference) if abs(self.reference) > 1e-12 else 1.0
        return abs(self.ours - self.reference) / scale


def rows(folder: Path) -> tuple[list[Row], dict[str, str]]:
    """Compared numbers, and the cases left out, or compared in part only, with the reason."""
    found, left = [], {}
    for case in cases(folder):
        check, reason = check_of(case.name), refusals.reason(case)
        if check is None or reason:
            left[case.name] = reason or "no comparison written"
        for what, ours, reference, tolerance in check(case) if check else ():
            pairs = zip(np.ravel(ours), np.ravel(np.asarray(reference, dtype=float)), strict=True)
            found += [Row(case.name, what, float(a), float(b), tolerance) for a, b in pairs]
    return found, left


def cases(folder: Path) -> list[Case]:
    """All cases of all files that are there."""
    found = []
    for file in FILES:
        if (folder / file).exists():
            for name, case in json.loads((folder / file).read_text("utf-8"))["cases"].items():
                path = folder / "data" / case["dataset"]
                table = pd.read_csv(path) if path.is_file() else pd.DataFrame()
                found.append(Case(name, table, case["call"], case["result"], folder / "data"))
    return found


def check_of(name: str) -> Check | None:
    """The comparison of a case: by its name, else by the longest pattern that its beginning fits."""
    fitting = [pattern for pattern in CHECKS if fnmatchcase(name, f"{pattern}*")]
    return CHECKS[max(fitting, key=len)] if fitting else None


def main(folder: Path) -> int:
    """Print the worst number of every part of every case; 1 where one is out of tolerance."""
    found, left = rows(folder)
    table = pd.DataFrame([{**row._asdict(), "difference": row.difference} for row in found])
    table["share"] = (table["difference"] / table["tolerance"]).fillna(np.inf)
    worst = table.loc[table.groupby(["case", "what"], sort=False)["share"].idxmax()]
    print(f"{'case':26} {'what':22} {'ours':>22} {'R':>22} {'difference':>11} {'tolerance':>9}")
    for row in worst.itertuples():
        flag = "" if row.share <= 1 else "  <-- out of tolerance"
        numbers = f"{row.ours:22.12g} {row.reference:22.12g} {row.difference:11.1e} {row.tolerance:9.0e}"
        print(f"{row.case:26} {row.what:22} {numbers}{flag}")
    print("\nNot compared, or only in part:")
    for name, reason in left.items():
        print(f"{name:26} {reason}")
    compared, bad = table["case"].nunique(), int((table["share"] > 1).sum())
    print(f"\n{compared} cases, {len(table)} numbers, {bad} out of tolerance; {len(left)} not compared, or in part")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
