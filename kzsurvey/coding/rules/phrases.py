"""Weighted phrases: what many small words of a statement say together, where no single pattern says it.

``phrases.csv`` gives single characters and pairs of characters a weight for each code, learned from sentences that
people coded (:mod:`kzsurvey.coding.rules.teaching`). A statement gets a code when its phrases and the code's own
patterns together weigh enough, and when its phrases speak for there being any code at all: many statements say that
something is not so, and differ from those that complain of it in the same small words, whatever the code. The weights
stand in a file that opens in a spreadsheet, so every code can be traced.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from kzsurvey.coding.rules.scanning import Scanner, join, make_scanner

START, PATTERN, FIRST, FURTHER, ANY = "(start)", "(pattern)", "(first)", "(further)", "(any)"
LONGEST = 60  # characters of a statement; longer sentences are read comma by comma
# A comma before 但是 and its like ends a statement: what stands before it is often praise, what follows complaint.
_SENTENCE = re.compile(r"(?:(?!,(?:但(?!凡)|可是|然而|不过(?!如此)))[^。!?;…\n])+")
_PART = re.compile("[^,]+")


@dataclass(frozen=True, eq=False)
class Phrases:
    """The weighted phrases of a codebook.

    Attributes
    ----------
    codes : tuple of str
        Codes that have phrases.
    row : mapping of phrase to its row in ``weight``
    weight : (phrases, codes + 1) array
        The last column is for there being any code.
    start : (codes + 1,) array, what a statement without any phrase weighs
    pattern : float, what a match of the code's own patterns adds
    first, further : float
        What the heaviest code of a statement, and any other, must weigh more than.
    any : float
        What a statement must weigh more than in the last column to get a code.
    """

    codes: tuple[str, ...]
    row: Mapping[str, int]
    weight: np.ndarray
    start: np.ndarray
    pattern: float
    first: float
    further: float
    any: float

    @cached_property
    def scanner(self) -> Scanner:
        """Looks for all phrases; their numbers are their rows."""
        return make_scanner(self.row)

    def with_settings(self, pattern: float, first: float, further: float, any: float) -> "Phrases":
        """The same weights under other settings."""
        return replace(self, pattern=pattern, first=first, further=further, any=any)


def compile_phrases(table: pd.DataFrame) -> Phrases | None:
    """Make a table of weights ready for use.

    Parameters
    ----------
    table : DataFrame, one row per phrase and code
        Columns ``code``, ``phrase``, ``weight``, as in ``phrases.csv``.

    Returns
    -------
    Phrases, or None where the table has no code

    Examples
    --------
    >>> rows = [("T1", "(start)", -1.0), ("T1", "货", 3.0)]
    >>> rows += [("", "(pattern)", 1.5), ("", "(first)", 0.0), ("", "(further)", 1.0), ("", "(any)", -1.0)]
    >>> phrases = compile_phrases(pd.DataFrame(rows, columns=["code", "phrase", "weight"]))
    >>> weigh(["缺货", "人多"], phrases).round(2).tolist()
    [[1.12, 0.0], [-1.0, 0.0]]
    """
    settings = table[table["code"] == ""].set_index("phrase")["weight"]
    table = table[table["code"] != ""]
    if table["code"].isin([ANY]).all():
        return None
    codes, rows = [*dict.fromkeys(table.loc[table["code"] != ANY, "code"]), ANY], table["phrase"] != START
    start = table[~rows].set_index("code")["weight"].reindex(codes).fillna(0.0).to_numpy()
    row, phrases = pd.factorize(table.loc[rows, "phrase"])
    weight = np.zeros((len(phrases), len(codes)))
    weight[row, pd.Index(codes).get_indexer(table.loc[rows, "code"])] = table.loc[rows, "weight"]
    place = {phrase: number for number, phrase in enumerate(phrases)}
    return Phrases(tuple(codes[:-1]), place, weight, start, *settings[[PATTERN, FIRST, FURTHER, ANY]])


def weigh(statements: Sequence[str], phrases: Phrases) -> np.ndarray:
    """What the phrases of statements weigh for each code: ``start`` + sum of weights / root of the length.

    Parameters
    ----------
    statements : sequence of str, folded
    phrases : Phrases

    Returns
    -------
    (statements, codes + 1) array
        The last column is for there being any code.
    """
    joined = join(statements)
    hits = phrases.scanner.scan(joined)
    # a phrase counts once in a statement
    said = np.sort(joined.text_of(hits.start) * len(phrases.weight) + hits.string)
    said = said[np.diff(said, prepend=-1) > 0]
    places, columns = np.divmod(said, max(len(phrases.weight), 1))
    shape = (len(statements), len(phrases.weight))
    said = sparse.csr_array((np.ones(len(said)), (places, columns)), shape=shape)
    length = np.sqrt([max(len(text), 1) for text in statements])
    return phrases.start + (said @ phrases.weight) / length[:, None]


def pieces(text: str) -> Iterable[str]:
    """The single characters and the pairs of neighbours of a text.

    Examples
    --------
    >>> sorted(pieces("缺人手"))
    ['人', '人手', '手', '缺', '缺人']
    """
    return {*text, *(text[place : place + 2] for place in range(len(text) - 1))}


def statements(text: str) -> list[tuple[int, int]]:
    """Where the statements of a folded text begin and end: its sentences, cut at contrasts; long ones at commas.

    Examples
    --------
    >>> text = "人少,活多。工资低,但是不拖欠"
    >>> [text[start:end] for start, end in statements(text)]
    ['人少,活多', '工资低', '但是不拖欠']
    """
    found = [_trimmed(text, *sentence.span()) for sentence in _SENTENCE.finditer(text)]
    return [piece for start, end in found if start < end for piece in _cut(text, start, end)]


def chosen(weight: np.ndarray, matched: np.ndarray, phrases: Phrases) -> np.ndarray:
    """Which codes a statement gets.

    Parameters
    ----------
    weight : (statements, codes + 1) array, from :func:`weigh`; minus infinity for codes that cannot be given
    matched : (statements, codes) bool array, whether a pattern of the code matched
    phrases : Phrases

    Returns
    -------
    (statements, codes) bool array
    """
    total = weight[:, :-1] + phrases.pattern * matched
    heaviest = total == total.max(axis=1, keepdims=True)
    heavy = (heaviest & (total > phrases.first)) | (total > phrases.further)
    return heavy & (weight[:, -1:] > phrases.any)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """A stretch without spaces and commas at its ends."""
    inside = text[start:end]
    return start + len(inside) - len(inside.lstrip(" ,\t")), end - len(inside) + len(inside.rstrip(" ,\t"))


def _cut(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """One sentence, or where it is too long its comma-parts, as many together as fit."""
    if end - start <= LONGEST:
        return [(start, end)]
    cut: list[tuple[int, int]] = []
    for part in _PART.finditer(text, start, end):
        if cut and part.end() - cut[-1][0] <= LONGEST:
            cut[-1] = (cut[-1][0], part.end())
        else:
            cut.append(part.span())
    return [piece for piece in (_trimmed(text, *one) for one in cut) if piece[0] < piece[1]]
