"""Texts as counts of their characters and runs of characters, without word segmentation, and always the same numbers.

Runs are hashed to two million columns by arithmetic on code points, over many texts at once: no dictionary is built, no
seed is drawn, and the same text has the same columns on every computer. A Chinese character says as much as several
letters do, so runs go to two characters, and where all of them are letters, digits or marks of an alphabet, to four.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy import sparse

_BITS = 21  # of a column number
COLUMNS = 1 << _BITS
_TEXTS = 1 << (32 - _BITS)  # at once, so that text and column together are one number of 32 bits
_CHARACTERS, _ENTRIES = 1 << 14, 1 << 16  # at once, so that they stay in the processor's nearest memory
_STEP, _MIX = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xFF51AFD7ED558CCD)
_IDEOGRAPHS = 0x2E80  # the first code point of Chinese and its neighbours


class Runs(NamedTuple):
    """How long runs of characters are.

    Attributes
    ----------
    shortest, longest : int, of any characters
    letters : int, the longest of characters of alphabets
    """

    shortest: int = 1
    longest: int = 2
    letters: int = 4


RUNS = Runs()


def count_ngrams(texts: Sequence[str], *, runs: Runs = RUNS) -> sparse.csr_array:
    """Count the characters and runs of characters of texts.

    Parameters
    ----------
    texts : sequence of str, folded
    runs : Runs

    Returns
    -------
    (texts, COLUMNS) csr_array of float32, columns of each row in order

    Examples
    --------
    >>> counts = count_ngrams(["缺人缺", "人", "", "pay"])
    >>> counts.sum(axis=1).tolist(), counts.nnz
    ([5.0, 1.0, 0.0, 6.0], 11)
    """
    parts = list(_blocks(texts, runs)) or [(np.zeros(0, np.int32), np.zeros(0, np.float32), np.zeros(0, np.int64))]
    columns, counts, ends = (np.concatenate(part) for part in zip(*parts, strict=True))
    return sparse.csr_array((counts, columns, _cumulated(ends)), shape=(len(texts), COLUMNS))


def _blocks(texts: Sequence[str], runs: Runs) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Columns and counts of some texts at a time, and how many columns each text has."""
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    until = np.concatenate([[0], np.cumsum(lengths)])
    for start, end in _pieces(until, _CHARACTERS, _TEXTS):
        yield _counted("".join(texts[start:end]), lengths[start:end], runs)


def _pieces(until: np.ndarray, size: int, most: int) -> Iterator[tuple[int, int]]:
    """First row and one past the last of pieces that hold about ``size``, and no more than ``most`` rows."""
    start = 0
    while start < len(until) - 1:
        filled = int(np.searchsorted(until, until[start] + size, side="right")) - 1
        end = min(max(filled, start + 1), start + most)
        yield start, end
        start = end


def _counted(joined: str, lengths: np.ndarray, runs: Runs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One piece: number each run by text and column, sort, and count the equal ones."""
    text = np.repeat(np.arange(len(lengths), dtype=np.uint32), lengths)
    keys = [np.zeros(0, dtype=np.uint32)]
    for length, start, column in _hashed(joined, runs):
        first, last = text[start], text[length - 1 :][start]
        keys.append(((first << np.uint32(_BITS)) | column)[first == last])
    key = _sorted(np.concatenate(keys))
    new = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]])[: len(key)])
    counts = np.diff(new, append=len(key)).astype(np.float32)
    found = key[new]
    ends = np.bincount(found >> np.uint32(_BITS), minlength=len(lengths))
    return (found & np.uint32(COLUMNS - 1)).astype(np.int32), counts, ends


def _sorted(key: np.ndarray) -> np.ndarray:
    """Numbers of 32 bits in order, by their lower halves and then their upper ones: half the time of one sort."""
    key = key[np.argsort(key.astype(np.uint16), kind="stable")]
    return key[np.argsort((key >> np.uint32(16)).astype(np.uint16), kind="stable")]


def _hashed(joined: str, runs: Runs) -> Iterator[tuple[int, np.ndarray | slice, np.ndarray]]:
    """Length by length, where runs begin and their columns."""
    points = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    mixed = np.zeros(len(points), dtype=np.uint64)
    for length in range(1, min(runs.longest, len(points)) + 1):
        count = len(points) - length + 1
        mixed = (mixed[:count] + points[length - 1 :]) * _STEP
        if length >= runs.shortest:
            yield length, slice(count), _columns(mixed)
    letter = np.concatenate([points < _IDEOGRAPHS, [False]])
    alike = letter[: len(mixed)].copy()
    for place in range(1, runs.longest):
        alike &= letter[place : len(mixed) + place]
    start = np.flatnonzero(alike)
    mixed = mixed[start]
    for length in range(runs.longest + 1, runs.letters + 1):
        longer = letter[start + length - 1]
        start = start[longer]
        mixed = (mixed[longer] + points[start + length - 1]) * _STEP
        yield length, start, _columns(mixed)


def _columns(mixed: np.ndarray) -> np.ndarray:
    """Columns of hashes, whose low bits say little."""
    return ((mixed ^ (mixed >> np.uint64(32))) * _MIX >> np.uint64(64 - _BITS)).astype(np.uint32)


class Places(NamedTuple):
    """Every run of characters of one text.

    Attributes
    ----------
    start, end : (m,) int array, in the text
    column : (m,) int array, of :func:`count_ngrams`
    """

    start: np.ndarray
    end: np.ndarray
    column: np.ndarray


def ngram_places(text: str, *, runs: Runs = RUNS) -> Places:
    """Where the runs of characters of one text stand.

    Examples
    --------
    >>> places = ngram_places("缺人")
    >>> places.start.tolist(), places.end.tolist()
    ([0, 1, 0], [1, 2, 2])
    """
    every, found = np.arange(len(text)), list(_hashed(text, runs))
    nothing = np.zeros(0, dtype=np.int64)
    start = np.concatenate([nothing, *(every[place] for _, place, _ in found)])
    length = np.repeat([length for length, _, _ in found], [len(column) for _, _, column in found]).astype(np.int64)
    return Places(start, start + length, np.concatenate([nothing, *(column for _, _, column in found)]))


class Vocabulary(NamedTuple):
    """The columns that are worth a weight.

    Attributes
    ----------
    place : (COLUMNS,) int array, number among those kept; -1 for the others
    rarity : (kept,) array, inverse document frequency
    """

    place: np.ndarray
    rarity: np.ndarray


def learn_vocabulary(counts: sparse.csr_array, *, least: int = 2) -> Vocabulary:
    """Keep the columns that stand in ``least`` texts; the rarity of each is 1 + log((1 + n) / (1 + texts with it)).

    Examples
    --------
    >>> vocabulary = learn_vocabulary(count_ngrams(["缺人", "人多", "人少"]))
    >>> vocabulary.rarity.tolist()
    [1.0]
    """
    texts = np.bincount(counts.indices, minlength=COLUMNS)
    kept = np.flatnonzero(texts >= least)
    place = np.full(COLUMNS, -1, dtype=np.int32)
    place[kept] = np.arange(len(kept))
    return Vocabulary(place, 1 + np.log((1 + counts.shape[0]) / (1 + texts[kept])))


def weigh_ngrams(counts: sparse.csr_array, vocabulary: Vocabulary) -> sparse.csr_array:
    """Counts as features: (1 + log count) x rarity, each text of length 1.

    Parameters
    ----------
    counts : (texts, COLUMNS) csr_array, from :func:`count_ngrams`
    vocabulary : Vocabulary, of the texts that teach

    Returns
    -------
    (texts, kept) csr_array

    Examples
    --------
    >>> counts = count_ngrams(["缺人", "人多", "人少"])
    >>> weigh_ngrams(counts, learn_vocabulary(counts)).toarray().tolist()
    [[1.0], [1.0], [1.0]]
    """
    pieces = _pieces(counts.indptr, _ENTRIES, counts.shape[0])
    parts = [_weighed(counts, vocabulary, *rows) for rows in pieces] or [(counts.indices, counts.data, np.zeros(0))]
    columns, values, ends = (np.concatenate(part) for part in zip(*parts, strict=True))
    return sparse.csr_array((values, columns, _cumulated(ends)), shape=(counts.shape[0], len(vocabulary.rarity)))


def _weighed(
    counts: sparse.csr_array, vocabulary: Vocabulary, start: int, end: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Columns and values of some rows, and how many each has."""
    entries = slice(counts.indptr[start], counts.indptr[end])
    column = vocabulary.place[counts.indices[entries]]
    known = column >= 0
    column = column[known]
    value = (1 + np.log(counts.data[entries][known])) * vocabulary.rarity[column]
    row = np.repeat(np.arange(end - start), np.diff(counts.indptr[start : end + 1]))[known]
    size = np.sqrt(np.bincount(row, weights=value**2, minlength=end - start))
    return column, value / size[row], np.bincount(row, minlength=end - start)


def _cumulated(ends: np.ndarray) -> np.ndarray:
    """Where rows begin and end, in numbers of 32 bits where these suffice: linear models ask for them."""
    indptr = np.concatenate([[0], np.cumsum(ends)])
    return indptr.astype(np.int32 if indptr[-1] < 1 << 31 else np.int64)
