"""Which of the matches of rules stand, decided for all matches of many texts at once.

The same decisions as in :mod:`kzsurvey.coding.rules.deciding`, for matches of one piece each that no exclude is near
to: that is most of them, and one look at an array costs a hundredth of one look at a match.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from kzsurvey.coding.rules.negation import denied, may_be_denied
from kzsurvey.coding.rules.scanning import Joined
from kzsurvey.coding.rules.text import borders_of, clauses


class Spans(NamedTuple):
    """Places where lines match, in order of place: arrays of equal length.

    Attributes
    ----------
    start, end : places in the joined texts
    line : number of the line
    rank : among the strings of the line; a search takes the first that fits
    """

    start: np.ndarray
    end: np.ndarray
    line: np.ndarray
    rank: np.ndarray

    def only(self, rows: np.ndarray) -> "Spans":
        """Some of them."""
        return Spans(*(column[rows] for column in self))


def in_order(one: Spans, other: Spans) -> Spans:
    """Two lots of matches as one, in order of place."""
    both = Spans(*(np.concatenate(columns) for columns in zip(one, other, strict=True)))
    return both.only(np.lexsort((both.rank, both.start)))


def settle(
    spans: Spans, joined: Joined, texts: Sequence[str], rule_of: np.ndarray, ancestors: Mapping[int, Sequence[int]]
) -> tuple[Spans, Spans]:
    """Decide which matches stand.

    Parameters
    ----------
    spans : Spans
    joined : Joined
    texts : sequence of str
        Those that were joined.
    rule_of : (lines,) array, the number of the rule
    ancestors : mapping of a rule to the rules of the codes above it, where there are such

    Returns
    -------
    (Spans, Spans)
        Those that stand, and those that a finer code in the same text implies.
    """
    spans = spans.only(_first_come(spans, spans.line, (spans.rank, spans.start)))
    rule = rule_of[spans.line]
    spans = spans.only(_first_come(spans, rule, (spans.line, spans.start, spans.start - spans.end)))
    spans = spans.only(~_denied(spans, joined, texts))
    rule = rule_of[spans.line]
    implied = _implied(joined.text_of(spans.start), rule, ancestors)
    finest = spans.only(~implied)
    return finest.only(~_overruled(finest, rule[~implied])), spans.only(implied)


def _pairs(spans: Spans) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the matches that overlap, each pair once."""
    first, second = [np.arange(0)], [np.arange(0)]
    here, step = np.arange(len(spans.start)), 1
    while len(here := here[here + step < len(spans.start)]):
        here = here[spans.start[here + step] < spans.end[here]]
        first.append(here)
        second.append(here + step)
        step += 1
    return np.concatenate(first), np.concatenate(second)


def _first_come(spans: Spans, group: np.ndarray, order: tuple[np.ndarray, ...]) -> np.ndarray:
    """(matches,) bool array: those that no earlier match of their group overlaps, earlier in an order that is given."""
    kept = np.ones(len(spans.start), dtype=bool)
    first, second = _pairs(spans)
    same = group[first] == group[second]
    first, second = first[same], second[same]
    if not len(first):
        return kept
    place = np.empty(len(kept), dtype=np.int64)
    place[np.lexsort(order)] = np.arange(len(kept))
    swap = place[first] > place[second]
    winner, loser = np.where(swap, second, first), np.where(swap, first, second)
    undecided = np.zeros(len(kept), dtype=bool)
    undecided[loser] = True
    kept[loser] = False
    while undecided.any():
        # who loses to a match that is kept is out; who loses to none that is left is kept
        undecided[loser[kept[winner]]] = False
        waiting = np.zeros(len(kept), dtype=bool)
        waiting[loser[undecided[winner]]] = True
        kept |= undecided & ~waiting
        undecided &= waiting
    return kept


def _denied(spans: Spans, joined: Joined, texts: Sequence[str]) -> np.ndarray:
    """(matches,) bool array: those that the words around them deny; most are seen to be safe without being read."""
    found = np.zeros(len(spans.start), dtype=bool)
    low, high = clauses(joined, borders_of(joined), spans.start, spans.end)
    doubtful = np.flatnonzero(may_be_denied(joined, spans.start, spans.end, low, high))
    text = joined.text_of(spans.start[doubtful])
    begins = joined.starts[text]
    columns = (text, *(column[doubtful] - begins for column in (spans.start, spans.end, low, high)))
    found[doubtful] = [
        denied(texts[number], start, end, (first, last))
        for number, start, end, first, last in zip(*(column.tolist() for column in columns), strict=True)
    ]
    return found


def _implied(text: np.ndarray, rule: np.ndarray, ancestors: Mapping[int, Sequence[int]]) -> np.ndarray:
    """(matches,) bool array: those of a code above another one that was found in the same text."""
    found = np.zeros(len(rule), dtype=bool)
    for finer, above in ancestors.items():
        texts = text[rule == finer]
        for general in above if len(texts) else ():
            found |= (rule == general) & np.isin(text, texts)
    return found


def _overruled(spans: Spans, rule: np.ndarray) -> np.ndarray:
    """(matches,) bool array: those that a longer match of another code overlaps."""
    first, second = _pairs(spans)
    length = spans.end - spans.start
    found = np.zeros(len(rule), dtype=bool)
    other = rule[first] != rule[second]
    found[first[other & (length[second] > length[first])]] = True
    found[second[other & (length[first] > length[second])]] = True
    return found
