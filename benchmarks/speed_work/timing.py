"""Best of several runs of a piece of work, the same for everybody."""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path

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
    told = {"seconds": seconds, "memory": peak(), "values": numbers, "version": version, "note": note}
    print("RESULT " + json.dumps(told), flush=True)


def peak() -> float:
    """Most memory this process has held, in MB; missing where the system does not say (no Linux).

    What the system says of a finished child would count the memory of the parent it was forked from.
    """
    status = Path("/proc/self/status")
    lines = status.read_text("ascii").splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), math.nan)
