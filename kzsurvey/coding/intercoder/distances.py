"""How far apart two codings are: levels of measurement, weights of part agreement, sets of codes."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from kzsurvey.coding.intercoder.coefficients import Panel
from kzsurvey.coding.intercoder.ratings import TABLE, Ratings
from kzsurvey.errors import CodingError, Fault, fail_if

Weights = str | np.ndarray | pd.DataFrame | None


def make_panel(ratings: Ratings, level: str, weights: Weights) -> Panel:
    """One layer of codings with the distances that a level and weights say, checked.

    Parameters
    ----------
    ratings : Ratings
    level : str, one of LEVELS
    weights : None, "linear", "quadratic", "masi", "jaccard", or one row and column per code

    Returns
    -------
    Panel

    Raises
    ------
    CodingError
        A level or weights that the codes do not have: an order nobody gave, numbers that are none, sets.
    """
    fail_if(_level_faults(ratings, level), CodingError)
    sets = [value if isinstance(value, frozenset) else frozenset([value]) for value in ratings.distinct]
    decisions = np.maximum([len(value) for value in sets], 1).astype(float)
    same = np.eye(len(sets))
    shared = _shared(sets) if ratings.several else same
    scores = np.array(ratings.distinct, dtype=float) if level == "interval" else np.empty(0)
    distance = np.empty((0, 0)) if level == "interval" else LEVELS[level](ratings.distinct, sets)
    agreement = same if weights is None else _agreement(ratings, sets, weights)
    return Panel(ratings.numbers[None], agreement, distance, level, shared, np.append(decisions, 0.0), scores)


def code_panel(ratings: Ratings) -> Panel:
    """One layer per code: whether it was given, 1 or 0."""
    sets = [value if isinstance(value, frozenset) else (value,) for value in ratings.distinct]
    given = np.array([[code in value for value in sets] for code in ratings.codes], dtype=int)
    numbers = np.concatenate([given, np.full((len(given), 1), -1)], axis=1)[:, ratings.numbers]
    return Panel(numbers, np.eye(2), 1 - np.eye(2), "nominal", np.eye(2), np.array([1.0, 1.0, 0.0]), np.empty(0))


def _level_faults(ratings: Ratings, level: str) -> list[Fault]:
    """Why the codes cannot be read at a level."""
    if level not in LEVELS:
        raise ValueError(f"level={level!r}: allowed are {', '.join(LEVELS)}")
    if ratings.several and level not in SET_LEVELS:
        return [Fault(TABLE, f"sets of codes at level {level!r}", ", ".join(SET_LEVELS))]
    if level == "ordinal":
        return _order_faults(ratings, "level='ordinal'")
    return _number_faults(ratings.distinct, level) if level in NUMBER_LEVELS else []


def _order_faults(ratings: Ratings, asked: str) -> list[Fault]:
    if ratings.ordered and not ratings.several:
        return []
    text = ", ".join(map(str, ratings.codes))
    return [Fault(TABLE, f"{asked}, with codes whose order is not known: {text}", "codes in their order: codes=[...]")]


def _number_faults(values: Sequence, level: str) -> list[Fault]:
    """Codes that are not numbers, or below 0 where a ratio is asked."""
    other = [value for value in values if not isinstance(value, (int, float, np.number)) or isinstance(value, bool)]
    if other:
        return [Fault(TABLE, f"level={level!r} with the code {other[0]!r}", "codes that are numbers")]
    if not np.isfinite(np.array(values, dtype=float)).all():
        return [Fault(TABLE, f"level={level!r} with an infinite code", "finite numbers")]
    if level == "ratio" and min(values, default=0) < 0:
        return [Fault(TABLE, f"level='ratio' with the code {min(values)}", "numbers from 0 upward")]
    return []


def _agreement(ratings: Ratings, sets: list[frozenset], weights: Weights) -> np.ndarray:
    """Credit for a pair of values: 1 where they are the same."""
    if isinstance(weights, str):
        return _named_weights(ratings, sets, weights)
    return _own_weights(ratings, weights)


def _named_weights(ratings: Ratings, sets: list[frozenset], weights: str) -> np.ndarray:
    if weights in SET_WEIGHTS:
        return 1 - LEVELS[weights](ratings.distinct, sets)
    if weights not in POWERS:
        allowed = ", ".join([*POWERS, *SET_WEIGHTS])
        raise ValueError(f"weights={weights!r}: allowed are {allowed}, or a table of one row and column per code")
    fail_if(_order_faults(ratings, f"weights={weights!r}"), CodingError)
    numeric = not _number_faults(ratings.distinct, "interval")
    place = np.array(ratings.distinct, dtype=float) if numeric else np.arange(len(sets), dtype=float)
    gap = np.abs(place[:, None] - place)
    return 1 - (gap / max(gap.max(), 1e-300)) ** POWERS[weights]


def _own_weights(ratings: Ratings, weights: np.ndarray | pd.DataFrame) -> np.ndarray:
    """A table of the user's, in the order of the codes."""
    if isinstance(weights, pd.DataFrame):
        missing = [code for code in ratings.distinct if code not in weights.index or code not in weights.columns]
        found = f"no row and column for {', '.join(map(str, missing))}"
        fail_if([Fault("weights", found, "one per code")] * bool(missing), CodingError)
        weights = weights.loc[list(ratings.distinct), list(ratings.distinct)]
    table = np.asarray(weights, dtype=float)
    size = len(ratings.distinct)
    if table.shape != (size, size):
        raise CodingError(Fault("weights", f"a table of {table.shape}", f"one row and column per code: {size}"))
    sound = np.allclose(table, table.T) and np.allclose(np.diag(table), 1) and table.min() >= 0 and table.max() <= 1
    allowed = "1 on the diagonal, the same both ways, from 0 to 1"
    fail_if([Fault("weights", "weights that are no part agreement", allowed)] * (not sound), CodingError)
    return table


def _different(values: Sequence, sets: list[frozenset]) -> np.ndarray:
    return 1 - np.eye(len(values))


def _relative(values: Sequence, sets: list[frozenset]) -> np.ndarray:
    """((a - b) / (a + b))^2; 0 for two zeros."""
    score = np.array(values, dtype=float)
    total = score[:, None] + score
    return np.divide(score[:, None] - score, total, out=np.zeros_like(total), where=total > 0) ** 2


def _jaccard(values: Sequence, sets: list[frozenset]) -> np.ndarray:
    """1 - |A and B| / |A or B|; 0 for two empty sets."""
    both, _, either = _overlaps(sets)
    return 1 - np.divide(both, either, out=np.ones_like(either), where=either > 0)


def _masi(values: Sequence, sets: list[frozenset]) -> np.ndarray:
    """1 - Jaccard times 1 (the same), 2/3 (one holds the other), 1/3 (they overlap), 0 (nothing shared)."""
    both, size, either = _overlaps(sets)
    smaller = np.minimum(size[:, None], size)
    part = np.select([both == either, both == 0, both == smaller], [1.0, 0.0, 2 / 3], 1 / 3)
    return 1 - (1 - _jaccard(values, sets)) * part


def _overlaps(sets: list[frozenset]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sizes of intersections, of sets and of unions."""
    codes = sorted(set().union(*sets), key=str)
    given = np.array([[code in value for code in codes] for value in sets], dtype=float).reshape(len(sets), -1)
    both = given @ given.T
    size = given.sum(axis=1)
    return both, size, size[:, None] + size - both


def _shared(sets: list[frozenset]) -> np.ndarray:
    """Decisions that two sets share; "nothing applies" is one decision."""
    both, size, _ = _overlaps(sets)
    return both + ((size[:, None] == 0) & (size == 0))


POWERS = {"linear": 1, "quadratic": 2}
SET_WEIGHTS = ("jaccard", "masi")
SET_LEVELS = ("nominal", "jaccard", "masi")
NUMBER_LEVELS = ("interval", "ratio")
LEVELS: dict[str, Callable[[Sequence, list[frozenset]], np.ndarray]] = {
    "nominal": _different,
    "ordinal": _different,
    "interval": _different,
    "ratio": _relative,
    "jaccard": _jaccard,
    "masi": _masi,
}
