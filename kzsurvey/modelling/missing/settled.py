"""Whether the chains have settled: between the chains no more differences than within them, and no drift."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

LIMIT = 1.2
_LONG = 8  # cycles from which a chain is cut into halves


def settled_table(names: Sequence[str], trace: np.ndarray) -> pd.DataFrame:
    r"""Convergence of the chains, item by item.

    Parameters
    ----------
    names : sequence of str, the items
    trace : (cycles, items, 2, m) array, mean and standard deviation of imputed values

    Returns
    -------
    DataFrame, one row per item and statistic
        ``item``, ``statistic`` (``mean``, ``sd``), ``rhat``, ``autocorrelation`` (of neighbouring cycles), ``cycles``
        (counted: the second half), ``settled`` (rhat below 1.2; missing where too few cycles or no variation tell).

    Notes
    -----
    :math:`\hat R = \sqrt{(W (T - 1) / T + B / T) / W}` over the second half of the chains, cut in two again where it is
    long enough, so that a drift counts as well. With ten cycles that is a coarse measure, which finds chains stuck
    apart and no finer faults.

    References
    ----------
    Gelman, A., & Rubin, D. B. (1992). Inference from iterative simulation using multiple sequences. Statistical
    Science 7, 457-472. doi:10.1214/ss/1177011136
    Geyer, C. J. (1992). Practical Markov chain Monte Carlo. Statistical Science 7, 473-483. doi:10.1214/ss/1177011137

    Examples
    --------
    >>> apart = np.zeros((20, 1, 2, 4)) + np.arange(4) + np.random.default_rng(1).normal(0, 0.1, (20, 1, 2, 4))
    >>> settled_table(["hours"], apart)["settled"].tolist()
    [False, False]
    """
    later = trace[len(trace) // 2 :]
    rows = []
    for number, name in enumerate(names):
        for place, statistic in enumerate(("mean", "sd")):
            chains = later[:, number, place]
            rhat = _rhat(chains)
            row = {"item": name, "statistic": statistic, "rhat": rhat, "autocorrelation": _autocorrelation(chains)}
            told = pd.NA if np.isnan(rhat) else bool(rhat < LIMIT)
            rows.append(row | {"cycles": len(chains), "settled": told})
    columns = ["item", "statistic", "rhat", "autocorrelation", "cycles", "settled"]
    return pd.DataFrame(rows, columns=columns).astype({"settled": "boolean"})


def trace_table(names: Sequence[str], trace: np.ndarray) -> pd.DataFrame:
    """The trace, one row per item, statistic, cycle and set.

    Examples
    --------
    >>> trace_table(["hours"], np.zeros((2, 1, 2, 3))).shape
    (12, 5)
    """
    cycles, _, _, sets = trace.shape
    index = pd.MultiIndex.from_product(
        [range(1, cycles + 1), names, ["mean", "sd"], range(1, sets + 1)], names=["cycle", "item", "statistic", "set"]
    )
    table = pd.DataFrame({"value": trace.reshape(-1)}, index=index).reset_index()
    return table[["item", "statistic", "cycle", "set", "value"]]


def _rhat(chains: np.ndarray) -> float:
    """Potential scale reduction of (T, m) chains, long ones cut into halves."""
    half = len(chains) // 2 if len(chains) >= _LONG else len(chains)
    if half < 3 or chains.shape[1] < 2:
        return np.nan
    parts = np.concatenate([chains[start : start + half] for start in range(0, len(chains) - half + 1, half)], axis=1)
    within, between = parts.var(axis=0, ddof=1).mean(), parts.mean(axis=0).var(ddof=1)
    if within <= 1e-24:
        return np.nan if between <= 1e-24 else np.inf
    return float(np.sqrt((half - 1) / half + between / within))


def _autocorrelation(chains: np.ndarray) -> float:
    """Correlation of neighbouring cycles, about the mean of each chain."""
    left = chains - chains.mean(axis=0)
    total = (left**2).sum()
    return float((left[1:] * left[:-1]).sum() / total) if total > 1e-24 else np.nan
