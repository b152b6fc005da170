"""Classes of a number for a histogram: round limits, and long tails that do not squeeze the rest into one class."""

import math
from itertools import pairwise

import numpy as np
import pandas as pd

STEPS = (1, 2, 5, 10)


def classes(values: pd.Series, *, most: int = 10) -> pd.DataFrame:
    """Count a number in classes of equal, round width over the range from its 1st to its 95th percentile.

    Parameters
    ----------
    values : Series, one number per interview
    most : int
        Classes at most, the last one apart: it is open and takes all that is larger. What is smaller is in the first.

    Returns
    -------
    DataFrame, one row per class
        ``label`` and ``estimate``, the count. A class has its lower limit and not its upper one.

    Examples
    --------
    >>> classes(pd.Series([*range(20, 60), 400, 4000]), most=4)
        label  estimate
    0   20–40        20
    1   40–60        20
    2    ≥ 60         2
    """
    known = values.dropna().astype(float)
    if known.empty:
        return pd.DataFrame({"label": pd.Series(dtype="str"), "estimate": pd.Series(dtype="int64")})
    low, high = known.quantile(0.01), known.quantile(0.95)
    step = _step((high - low) / max(most - 1, 1))
    first, last = math.floor(low / step), math.floor(high / step) + 1
    limits = step * np.arange(first, last + 1)
    inner = np.clip(np.searchsorted(limits, known, side="right") - 1, 0, len(limits) - 1)
    names = [f"{_limit(left)}–{_limit(right)}" for left, right in pairwise(limits)]
    if known.min() < limits[0]:
        names[0] = f"< {_limit(limits[1])}"
    counts = np.bincount(inner, minlength=len(limits))
    return pd.DataFrame({"label": [*names, f"≥ {_limit(limits[-1])}"], "estimate": counts})


def _step(width: float) -> float:
    """The next round width: 1, 2 or 5 times a power of ten."""
    if width <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(width))
    return next(step * power for step in STEPS if step * power >= width * (1 - 1e-9))


def _limit(value: float) -> str:
    return f"{value:.10g}"
