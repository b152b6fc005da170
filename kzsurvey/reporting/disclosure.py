"""What may be published: no count of few interviews, nothing that rests on few, and nothing that gives them away.

A count is small when it is at least 1 and below the survey's smallest publishable cell; zeros are published. Small
counts are withheld, and as many larger ones with them as it takes that nobody who knows all sums can say of a withheld
count that it is small. Everything else here follows from that one sentence.
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd

TOTAL = "total"


def withhold(
    table: pd.DataFrame, *, smallest: int, counts: Sequence[str] = ("n",), sums: Sequence[str] | None = ()
) -> pd.DataFrame:
    """Empty every row of a table that rests on too few interviews, or would give away one that does.

    Parameters
    ----------
    table : DataFrame, one row per group
        Columns ``withheld`` (flag) of an earlier call are kept.
    smallest : int
        Smallest count that may be published.
    counts : names of columns that count interviews
        Where both ``n`` and ``count`` are among them, ``count`` is a part of ``n``, and the rest must not be small.
    sums : names of columns or index levels, or None
        Rows alike in these add up to a sum that is known: ``()`` all rows, ``None`` no rows (codes, of which one
        interview may have several).

    Returns
    -------
    DataFrame
        The same rows; in withheld ones every number is missing, and a last column ``withheld`` says which they are.

    Examples
    --------
    >>> counted = pd.DataFrame({"county": ["a", "b", "c"], "n": [40, 30, 2], "mean": [1.5, 2.5, 3.5]})
    >>> withhold(counted, smallest=5)["mean"].tolist()
    [1.5, nan, nan]
    """
    before = table["withheld"].to_numpy(dtype=bool) if "withheld" in table else np.zeros(len(table), dtype=bool)
    lines = _lines(table, sums)
    values = [table[name].to_numpy(dtype=float, na_value=0) for name in counts]
    if {"n", "count"} <= set(counts):
        values.append(table["n"].to_numpy(dtype=float, na_value=0) - table["count"].to_numpy(dtype=float, na_value=0))
    small = _any(_small(column, smallest) for column in values) & ~before if values else np.zeros(len(table), bool)
    hidden = small
    while True:  # a row hidden for one count may expose another one
        wider = _any(_hidden(column, lines, hidden, smallest) for column in values) if values else hidden
        if (wider == hidden).all():
            break
        hidden = wider
    mask = pd.Series(hidden | before, index=table.index)
    numbers = [name for name in table if pd.api.types.is_numeric_dtype(table[name].dtype) and name not in ("withheld",)]
    emptied = {name: table[name].astype(_nullable(table[name])).mask(mask) for name in numbers}
    rest = table.assign(**emptied)
    return rest.drop(columns="withheld", errors="ignore").assign(withheld=mask)


def withhold_cells(counts: pd.DataFrame, *, smallest: int) -> pd.DataFrame:
    """A table of counts with its sums, without the small ones and without what gives them away.

    Parameters
    ----------
    counts : DataFrame of whole numbers
        Rows and columns without sums; every interview stands in one cell.
    smallest : int

    Returns
    -------
    DataFrame
        With a last row and a last column ``total``; withheld counts are missing.

    Examples
    --------
    >>> counted = pd.DataFrame({"x": [10, 2, 30], "y": [20, 25, 8], "z": [9, 0, 40]}, index=["a", "b", "c"])
    >>> withhold_cells(counted, smallest=5)
              x     y     z  total
    a      <NA>    20  <NA>     39
    b      <NA>  <NA>     0     27
    c        30  <NA>  <NA>     78
    total    42    53    49    144
    """
    table = counts.copy()
    table[TOTAL] = table.sum(axis=1)
    table.loc[TOTAL] = table.sum()
    rows, columns = table.shape
    place = np.arange(rows * columns).reshape(rows, columns)
    lines = np.zeros((rows + columns, rows * columns))
    for line, cells in enumerate([*place, *place.T]):
        lines[line, cells[:-1]], lines[line, cells[-1]] = 1, -1
    values = table.to_numpy(dtype=float).ravel()
    hidden = _hidden(values, lines, _small(values, smallest), smallest)
    return table.astype("Int64").mask(hidden.reshape(rows, columns))


def largest_possible(values: np.ndarray, lines: np.ndarray, hidden: np.ndarray, cell: int) -> float:
    """What a reader who knows all sums can say of one withheld count: how large it may be.

    Parameters
    ----------
    values : (c,) array
        True counts.
    lines : (l, c) array
        Each row: the counts that add up to a known number (a sum inside the table has -1).
    hidden : (c,) array of bool
        Withheld counts; the reader knows that each is at least 1, since zeros are published (a zero is withheld only
        where another number of its row must be).
    cell : int
        A withheld one.

    Returns
    -------
    float
        Infinite where nothing binds it.
    """
    from scipy.optimize import linprog

    touching = lines[:, hidden]
    bound = np.abs(touching).sum(axis=1) > 0
    at = int(np.flatnonzero(hidden).searchsorted(cell))
    objective = np.zeros(touching.shape[1])
    objective[at] = -1
    bounds = [(min(value, 1), None) for value in values[hidden]]
    solved = linprog(objective, A_eq=touching[bound], b_eq=touching[bound] @ values[hidden], bounds=bounds)
    return -solved.fun if solved.success else np.inf


def _hidden(values: np.ndarray, lines: np.ndarray, hidden: np.ndarray, smallest: int) -> np.ndarray:
    """Withheld cells and those that must be withheld with them: the smallest that serves, one after the other."""
    result = hidden.copy()
    for cell in np.flatnonzero(hidden & _small(values, smallest)):
        while largest_possible(values, lines, result, cell) < smallest - 1e-6:
            if (more := _companion(values, lines, result, cell)) is None:
                break
            result[more] = True
    return result


def _companion(values: np.ndarray, lines: np.ndarray, hidden: np.ndarray, cell: int) -> int | None:
    """What to withhold next: where a withheld count is alone in its line, else beside the cell, else anywhere.

    Rather a count than a sum, rather one that serves two lines, rather a small one; zeros stay.
    """
    free = (values > 0) & ~hidden
    alone = np.abs(lines[:, hidden]).sum(axis=1) == 1
    serves = np.abs(lines[alone]).sum(axis=0)
    beside = np.abs(lines[lines[:, cell] != 0]).sum(axis=0) > 0
    found = next((candidates for candidates in (free & (serves > 0), free & beside, free) if candidates.any()), None)
    if found is None:
        return None
    is_sum = (lines < 0).any(axis=0)
    return min(np.flatnonzero(found), key=lambda at: (is_sum[at], -serves[at], values[at], at))


def _lines(table: pd.DataFrame, sums: Sequence[str] | None) -> np.ndarray:
    """Which rows add up to a known sum."""
    if sums is None or table.empty:
        return np.zeros((0, len(table)))
    if not sums:
        return np.ones((1, len(table)))
    flat = table.reset_index()
    line = flat.groupby(list(sums), observed=True, sort=True, dropna=False).ngroup().to_numpy()
    return (np.arange(line.max() + 1)[:, None] == line).astype(float)


def _small(values: np.ndarray, smallest: int) -> np.ndarray:
    return (values > 0) & (values < smallest)


def _any(masks: object) -> np.ndarray:
    return np.logical_or.reduce(list(masks))


def _nullable(column: pd.Series) -> object:
    """Whole numbers can be missing only in the nullable type."""
    return "Int64" if pd.api.types.is_integer_dtype(column.dtype) else column.dtype
