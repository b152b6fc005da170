"""Answers and what people decided about them, matched and checked: the only thing a machine learns from."""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import sparse

from kzsurvey.coding.rules.text import fold
from kzsurvey.coding.suggestions.groups import answer_groups
from kzsurvey.coding.suggestions.ngrams import RUNS, Runs, count_ngrams
from kzsurvey.errors import CodingError, Fault, fail_if

KEY = ["interview", "question"]
_SHOWN = 5


class Material(NamedTuple):
    """Decided answers as numbers; rows of each array are answers.

    Attributes
    ----------
    answers : DataFrame, one row per answer
        ``interview``, ``question``, ``text``; those about which something was decided.
    codes : tuple of str
    labels : (n, k) array
        1 where a person gave the code, 0 where a person said it is not there, NaN where nobody decided.
    counts : (n, COLUMNS) csr_array, runs of characters
    group : (n,) int array, answers of one interview or nearly the same
    stock : (n,) bool array, stock answers
    runs : Runs, lengths of runs of characters
    """

    answers: pd.DataFrame
    codes: tuple[str, ...]
    labels: np.ndarray
    counts: sparse.csr_array
    group: np.ndarray
    stock: np.ndarray
    runs: Runs

    def part(self, rows: np.ndarray) -> "Material":
        """Some of the answers."""
        kept = np.flatnonzero(rows)
        return self._replace(
            answers=self.answers.iloc[kept].reset_index(drop=True),
            labels=self.labels[kept],
            counts=self.counts[kept],
            group=self.group[kept],
            stock=self.stock[kept],
        )


def match_material(answers: pd.DataFrame, labels: pd.DataFrame, *, runs: Runs = RUNS) -> Material:
    """Match answers with what people decided about them.

    Parameters
    ----------
    answers : DataFrame, one row per answer
        ``interview``, ``question``, ``text``; not changed.
    labels : DataFrame, one row per answer and code that a person decided
        ``interview``, ``question``, ``code``, ``value`` (1 or True: has it; 0 or False: has it not). What has no
        row is undecided, and never taken for a no.
    runs : Runs, lengths of runs of characters

    Returns
    -------
    Material

    Raises
    ------
    CodingError
        Columns missing; answers twice or without text; decisions about no answer, other than 0 and 1, or that
        contradict one another; nothing decided.

    Examples
    --------
    >>> answers = pd.DataFrame({"interview": ["a", "b"], "question": "causes", "text": ["工资低", "缺人"]})
    >>> labels = pd.DataFrame({"interview": ["a", "b"], "question": "causes", "code": "C1", "value": [0, 1]})
    >>> match_material(answers, labels).labels.tolist()
    [[0.0], [1.0]]
    """
    check_answers(answers)
    fail_if(_column_faults(labels, [*KEY, "code", "value"], "labels"), CodingError)
    decided = labels[[*KEY, "code", "value"]].drop_duplicates()
    rows = pd.MultiIndex.from_frame(answers[KEY].astype("str")).get_indexer(
        pd.MultiIndex.from_frame(decided[KEY].astype("str"))
    )
    fail_if(_label_faults(decided, rows), CodingError)
    codes = tuple(sorted(decided["code"].astype("str").unique()))
    table = np.full((len(answers), len(codes)), np.nan)
    table[rows, pd.Index(codes).get_indexer(decided["code"].astype("str"))] = decided["value"].astype(float)
    known = ~np.isnan(table).all(axis=1)
    kept = answers.loc[known, [*KEY, "text"]].reset_index(drop=True).astype("str")
    texts = [one.text for one in fold(kept["text"])]
    groups = answer_groups(kept["interview"], texts)
    return Material(kept, codes, table[known], count_ngrams(texts, runs=runs), *groups, runs)


def check_answers(answers: pd.DataFrame) -> None:
    """Refuse answers that stand twice or hold no text."""
    fail_if(_column_faults(answers, [*KEY, "text"], "answers"), CodingError)
    empty = answers.index[answers[[*KEY, "text"]].isna().any(axis=1)]
    twice = answers.loc[answers.duplicated(KEY), KEY].drop_duplicates()
    faults = []
    if len(empty):
        faults += [Fault("answers", f"{len(empty)} without interview, question or text", "answers that were given")]
    if len(twice):
        faults += [Fault("answers", f"{len(twice)} answers twice: {_shown(twice)}", "each answer once")]
    fail_if(faults, CodingError)


def _column_faults(table: pd.DataFrame, columns: list[str], name: str) -> list[Fault]:
    """Columns that are not there."""
    lacking = [column for column in columns if column not in table]
    return [Fault(name, f"no column {', '.join(lacking)}", ", ".join(columns))] if lacking else []


def _label_faults(decided: pd.DataFrame, rows: np.ndarray) -> list[Fault]:
    """Decisions that are none, or that are about nothing, or two about one thing."""
    faults = []
    if not len(decided):
        faults += [Fault("labels", "no decisions", "answers that people coded")]
    wrong = ~decided["value"].isin([0, 1])
    if wrong.any():
        faults += [Fault("labels", f"{int(wrong.sum())} values other than 0 and 1", "0 and 1", column="value")]
    unnamed = decided[[*KEY, "code"]].isna().any(axis=1)
    if unnamed.any():
        faults += [Fault("labels", f"{int(unnamed.sum())} without interview, question or code", "decisions by name")]
    strange = decided.loc[(rows < 0) & ~unnamed, KEY].drop_duplicates()
    if len(strange):
        found = f"decisions about {len(strange)} unknown answers: {_shown(strange)}"
        faults += [Fault("labels", found, "interview and question of an answer")]
    both = decided.loc[decided.duplicated([*KEY, "code"]), [*KEY, "code"]].drop_duplicates()
    if len(both):
        found = f"{len(both)} codes both given and denied: {_shown(both)}"
        faults += [Fault("labels", found, "one decision for each answer and code", hint="adjudicate first")]
    return faults


def _shown(table: pd.DataFrame) -> str:
    """The first of many."""
    words = [" / ".join(map(str, row)) for row in table.head(_SHOWN).itertuples(index=False)]
    return ", ".join([*words, "..."] if len(table) > _SHOWN else words)
