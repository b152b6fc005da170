"""Whether the chains have settled: each has forgotten where it was, and all of them together go nowhere."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from kzsurvey.modelling.sampling.intervals import p_value

_LONG, _FEWEST = 8, 3  # cycles from which a chain is cut into halves; fewest that say anything
_DRIFT = 1e-4  # probability below which a common drift is one


def settled_table(names: Sequence[str], trace: np.ndarray) -> pd.DataFrame:
    r"""Convergence of the chains, item by item, over the second half of the cycles.

    Parameters
    ----------
    names : sequence of str, the items
    trace : (cycles, items, 2, m) array, mean and standard deviation of imputed values

    Returns
    -------
    DataFrame, one row per item and statistic
        ``item``, ``statistic`` (``mean``, ``sd``), ``rhat``, ``memory`` (cycles until a value is forgotten),
        ``drift_p`` (that the chains together go nowhere), ``cycles`` (counted), ``settled`` (memory no longer than the
        cycles counted, and no drift; missing where fewer than three cycles, or no variation, tell nothing).

    Notes
    -----
    Each set needs one draw from where its chain has settled, not an average along the chain. So what counts is whether
    the chains have forgotten where they were: ``memory`` is Geyer's initial positive sequence of autocorrelations,
    which are taken over all chains about their common mean, so that chains stuck apart remember for ever. The usual
    :math:`\hat R = \sqrt{(W (T - 1) / T + B / T) / W}` is told beside it; in five to ten cycles it often exceeds 1.2
    for items of few gaps whose chains have long forgotten where they began.

    References
    ----------
    Geyer, C. J. (1992). Practical Markov chain Monte Carlo. Statistical Science 7, 473-483. doi:10.1214/ss/1177011137
    Gelman, A., & Rubin, D. B. (1992). Inference from iterative simulation using multiple sequences. Statistical
    Science 7, 457-472. doi:10.1214/ss/1177011136

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
            memory, drift = _memory(chains), _drift(chains)
            told = pd.NA if np.isnan(memory) else bool(memory <= len(chains) and not drift < _DRIFT)
            row = {"item": name, "statistic": statistic, "rhat": _rhat(chains), "memory": memory, "drift_p": drift}
            rows.append(row | {"cycles": len(chains), "settled": told})
    columns = ["item", "statistic", "rhat", "memory", "drift_p", "cycles", "settled"]
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
    if half < _FEWEST or chains.shape[1] < 2:
        return np.nan
    parts = np.concatenate([chains[start : start + half] for start in range(0, len(chains) - half + 1, half)], axis=1)
    within, between = parts.var(axis=0, ddof=1).mean(), parts.mean(axis=0).var(ddof=1)
    if within <= 1e-24:
        return np.nan if between <= 1e-24 else np.inf
    return float(np.sqrt((half - 1) / half + between / within))


def _memory(chains: np.ndarray) -> float:
    """Integrated autocorrelation time of (T, m) chains, about the mean of all of them in each cycle."""
    left = chains - chains.mean(axis=1, keepdims=True)
    size = (left**2).mean()
    if len(chains) < _FEWEST or size <= 1e-24:
        return np.nan
    lags = [1.0, *((left[lag:] * left[:-lag]).mean() / size for lag in range(1, len(chains)))]
    total = 0.0
    for first in range(0, len(lags) - 1, 2):
        pair = lags[first] + lags[first + 1]
        if pair <= 0:
            break
        total += pair
    return float(max(2 * total - 1, 1.0))


def _drift(chains: np.ndarray) -> float:
    """Probability of so large a common move between the two halves of (T, m) chains."""
    half = len(chains) // 2
    if len(chains) < _FEWEST:
        return np.nan
    moves = chains[-half:].mean(axis=0) - chains[:half].mean(axis=0)
    error = moves.std(ddof=1) / np.sqrt(len(moves))
    if error <= 1e-12 * (1 + np.abs(moves).max()):
        return 1.0 if np.abs(moves).max() <= 1e-12 else 0.0
    return float(p_value(moves.mean() / error, len(moves) - 1))
