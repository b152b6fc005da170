"""Best of several runs of a piece of work, the same for everybody."""

import json
import time
from collections.abc import Callable

import numpy as np


def timed(
    work: Callable[[], object], *, least: int = 3, seconds: float = 3.0, patience: float = 20.0
) -> tuple[float, object]:
    """Shortest time and the last result: at least ``least`` runs and ``seconds``; one where one takes ``patience``."""
    found, taken = [], None
    while len(found) < least or (sum(found) < seconds and len(found) < 200):
        start = time.perf_counter()
        taken = work()
        found.append(time.perf_counter() - start)
        if found[0] > patience:
            break
    return min(found), taken


def say(seconds: float, values: object, version: str, note: str = "") -> None:
    """The result as one line that the caller reads; ``values`` tell whether all did the same work."""
    numbers = [float(value) for value in np.ravel(np.asarray(values, dtype=float))]
    print("RESULT " + json.dumps({"seconds": seconds, "values": numbers, "version": version, "note": note}), flush=True)
