"""Which answers belong together when a machine is judged: those of one interview, and those that say nearly the same.

A machine that learned one of two nearly equal answers knows the other by heart. Only what is far from all it learned
tells how it does on answers that nobody has read.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from kzsurvey.coding.suggestions.ngrams import Runs, count_ngrams

SIMILAR = 0.6  # shared part of the runs of three characters, from which on two answers are nearly the same
STOCK = 0.05  # of the interviews: what so many say is a stock answer
_STOCK_AT_LEAST = 5
_BANDS, _ROWS, _NEIGHBOURS = 32, 3, 10
_ODD, _SHIFT = np.uint32(0x9E3779B1), np.uint32(15)


class Groups(NamedTuple):
    """Which answers are kept together.

    Attributes
    ----------
    group : (n,) int array
    stock : (n,) bool array
        Answers that so many interviews share (沒有, 工资低) that they would tie all of them together. They link
        nothing, and are therefore never judged.
    """

    group: np.ndarray
    stock: np.ndarray


def answer_groups(interviews: Sequence[str], texts: Sequence[str], *, similar: float = SIMILAR) -> Groups:
    """Tie together the answers of one interview, and answers that are nearly the same.

    Parameters
    ----------
    interviews : sequence of str, one per answer
    texts : sequence of str, folded
    similar : float, Jaccard similarity of their runs of three characters; punctuation aside

    Returns
    -------
    Groups

    Notes
    -----
    Candidates are found by MinHash in 32 bands of 3 values: of pairs with a similarity of .6, one in two thousand
    is missed, of pairs with .7 fewer than one in a million. Every candidate is then compared exactly.

    References
    ----------
    Broder, A. Z. (1997). On the resemblance and containment of documents. Proceedings of Compression and Complexity of
    Sequences, 21-29. doi:10.1109/SEQUEN.1997.666900

    Examples
    --------
    >>> texts = ["村里的年轻人都出去打工了", "村里的年轻人都出去打工了。", "工资太低了", "水管冻坏了", "年轻人都出去了"]
    >>> answer_groups(["a", "b", "b", "c", "d"], texts).group.tolist()
    [0, 0, 0, 1, 2]
    """
    alike = alike_texts(texts, similar=similar)
    interview = pd.factorize(pd.Series(list(interviews), dtype="str"))[0]
    pairs = pd.DataFrame({"alike": alike, "interview": interview}).drop_duplicates()
    spread = pairs["alike"].value_counts()
    limit = max(_STOCK_AT_LEAST, STOCK * len(np.unique(interview)))
    stock = pd.Series(alike).map(spread).to_numpy() > limit
    free = np.where(stock, alike.max(initial=-1) + 1 + np.arange(len(alike)), alike)
    return Groups(_tied(np.stack([interview, free], axis=1)), stock)


def alike_texts(texts: Sequence[str], *, similar: float = SIMILAR) -> np.ndarray:
    """(n,) number of the cluster of nearly equal texts that each text is in.

    Examples
    --------
    >>> alike_texts(["缺人手", "缺人手。", "水管冻坏了"]).tolist()
    [1, 1, 0]
    """
    distinct, number = np.unique(np.array([_letters(text) for text in texts], dtype=object), return_inverse=True)
    return _alike(list(distinct), similar)[number]


def _letters(text: str) -> str:
    """A text without what is neither a letter nor a digit; as it is where nothing else is in it."""
    return "".join(character for character in text if character.isalnum()) or text


def _alike(texts: list[str], similar: float) -> np.ndarray:
    """Number of the cluster of nearly equal texts that each distinct text is in."""
    runs = count_ngrams(texts, runs=Runs(3, 3, 3))
    runs.data[:] = 1.0
    size = np.diff(runs.indptr)
    edges = [np.zeros((0, 2), dtype=np.int64)]
    for first, second in _candidates(runs):
        shared = np.asarray(runs[first].multiply(runs[second]).sum(axis=1)).ravel()
        near = shared >= similar * (size[first] + size[second] - shared)
        edges.append(np.stack([first[near], second[near]], axis=1))
    edge = np.concatenate(edges)
    graph = sparse.coo_array((np.ones(len(edge)), (edge[:, 0], edge[:, 1])), shape=(len(texts), len(texts)))
    return connected_components(graph, directed=False)[1].astype(np.int64)


def _candidates(runs: sparse.csr_array) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of texts that share all values of a band of their signatures."""
    some = np.flatnonzero(np.diff(runs.indptr))
    if len(some) < 2:
        return
    mixed = runs.indices.astype(np.uint32) * _ODD
    mixed ^= mixed >> _SHIFT
    factors = (2 * np.arange(_BANDS * _ROWS, dtype=np.uint32) + 1) * np.uint32(0x85EBCA6B)
    seen = {0}
    for band in range(_BANDS):
        values = []
        for factor in factors[band * _ROWS : (band + 1) * _ROWS]:
            value = mixed * factor
            value ^= value >> _SHIFT
            values.append(np.minimum.reduceat(value * _ODD, runs.indptr[some]))
        order = np.lexsort(values)
        for distance in range(1, min(_NEIGHBOURS, len(some) - 1) + 1):
            same = np.all([value[order[distance:]] == value[order[:-distance]] for value in values], axis=0)
            if not same.any():
                break
            first, second = some[order[:-distance][same]], some[order[distance:][same]]
            key = np.minimum(first, second) * runs.shape[0] + np.maximum(first, second)
            new = np.array([number not in seen for number in key.tolist()])
            seen.update(key.tolist())
            yield first[new], second[new]


def _tied(pairs: np.ndarray) -> np.ndarray:
    """Number of the component of each row, rows being tied by what they share in any column; in order of appearance."""
    offsets = np.concatenate([[0], np.cumsum(pairs.max(axis=0, initial=-1) + 1)])
    rows = np.arange(len(pairs)) + offsets[-1]
    ends = np.concatenate([column + offset for column, offset in zip(pairs.T, offsets[:-1], strict=True)])
    starts = np.tile(rows, pairs.shape[1])
    count = offsets[-1] + len(pairs)
    graph = sparse.coo_array((np.ones(len(starts)), (starts, ends)), shape=(count, count))
    return pd.factorize(connected_components(graph, directed=False)[1][offsets[-1] :])[0]


def assign_folds(group: np.ndarray, yes: np.ndarray, *, count: int, seed: int) -> np.ndarray:
    """Share out whole groups to folds, so that every code is about as frequent in each.

    Parameters
    ----------
    group : (n,) int array
    yes : (n, k) bool array, codes of the answers
    count : int
    seed : int

    Returns
    -------
    (n,) int array, fold of each answer

    Notes
    -----
    Groups go in order of the rarest code in them, each to the fold that has least of this code, then fewest answers.

    References
    ----------
    Sechidis, K., Tsoumakas, G., & Vlahavas, I. (2011). On the stratification of multi-label data. ECML PKDD, 145-158.
    doi:10.1007/978-3-642-23808-6_10

    Examples
    --------
    >>> yes = np.array([[1, 0], [1, 0], [1, 1], [0, 1], [0, 0], [0, 0]], dtype=bool)
    >>> fold = assign_folds(np.array([0, 0, 1, 2, 3, 4]), yes, count=2, seed=1)
    >>> bool(fold[0] == fold[1]), bool(fold[2] != fold[3])
    (True, True)
    """
    groups = int(group.max(initial=-1)) + 1
    member = sparse.csr_array((np.ones(len(group)), (group, np.arange(len(group)))), shape=(groups, len(group)))
    codes = np.column_stack([member @ yes.astype(float), np.bincount(group, minlength=groups)])
    rarest = np.where(codes > 0, codes.sum(axis=0), np.inf).argmin(axis=1)
    shuffled = np.random.default_rng(seed).permutation(groups)
    order = shuffled[np.lexsort([-codes[shuffled, -1], codes.sum(axis=0)[rarest[shuffled]]])]
    filled, fold = np.zeros((count, codes.shape[1])), np.zeros(groups, dtype=np.int64)
    for number in order:
        fold[number] = np.lexsort([filled[:, -1], filled[:, rarest[number]]])[0]
        filled[fold[number]] += codes[number]
    return fold[group]
