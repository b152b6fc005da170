"""Random numbers of the chains: a stream for every item and set, so that order and number of others do not matter."""

import zlib

import numpy as np


class Streams:
    """Streams of one item, one per set.

    Set 3 of 5 and set 3 of 20 draw the same numbers; so do a table and the same table with its columns in another
    order.

    Parameters
    ----------
    seed : int
    name : str, the item
    sets : int, m

    Examples
    --------
    >>> few, many = Streams(1, "hours", 2).normal(3), Streams(1, "hours", 5).normal(3)
    >>> bool((few == many[:2]).all())
    True
    """

    def __init__(self, seed: int, name: str, sets: int) -> None:
        key = zlib.crc32(name.encode("utf-8"))
        self._generators = [np.random.Generator(np.random.PCG64([seed, key, number])) for number in range(sets)]

    def normal(self, *shape: int) -> np.ndarray:
        """(m, *shape) standard normal numbers."""
        return np.stack([generator.standard_normal(shape) for generator in self._generators])

    def uniform(self, *shape: int) -> np.ndarray:
        """(m, *shape) numbers between 0 and 1."""
        return np.stack([generator.random(shape) for generator in self._generators])

    def chi_square(self, df: float) -> np.ndarray:
        """(m,) chi-square numbers."""
        return np.array([generator.chisquare(df) for generator in self._generators])

    def choice(self, most: int, count: int) -> np.ndarray:
        """(m, count) whole numbers from 0 to below ``most``."""
        return np.stack([generator.integers(0, most, count) for generator in self._generators])

    def permutation(self, count: int) -> np.ndarray:
        """(m, count) orders of so many things."""
        return np.stack([generator.permutation(count) for generator in self._generators])
