"""The vocabulary of ``issues``: every kind of finding cleaning can make, and how rows of ``issues`` are built."""

from collections.abc import Iterable, Mapping
from itertools import repeat
from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.tables import ISSUE_ACTIONS, TABLES

KINDS: Mapping[str, str] = {
    # the delivery
    "encoding": "The encoding of a text file was judged by its content and another reading is nearly as likely.",
    "column_absent": "A delivered file has no column for a question that is not required: no value for its interviews.",
    "personal_data": "A name, number or address of a person stood in an open answer and was replaced by a placeholder.",
    "damaged_text": "Text was damaged by a wrong conversion: restored where that is exact, else flagged or lost.",
    # rows
    "empty_id": "A row without an interview id cannot be an interview: removed.",
    "duplicate_id": "The same interview was delivered again with the same content: the later row is removed.",
    "conflicting_id": "One id with different content: the most complete row is kept, the others are removed.",
    "duplicate_content": "All answers equal those of an interview under another id: the later row is removed.",
    "near_duplicate": "Nearly all answers equal those of another interview: flagged.",
    "incomplete": "Sent before its end: the last third of the questions or more is empty. Removed if it says nothing.",
    "correction": "A hand correction from corrections.csv was applied.",
    "correction_not_applied": "A hand correction does not fit what was delivered and was not applied.",
    # single answers: how they are written
    "spacing": "An answer to a closed question was written with spaces around or inside it; read without them.",
    "number_form": "A number written in full-width digits, Chinese numerals, with separators or with words around it.",
    "number_unit": "A number written in another unit than the question's: converted.",
    "date_form": "A date in another form than year-month-day; read as the same day.",
    "time_form": "A time in another form than hours:minutes; read as the same time.",
    "option_form": "An option written in other width, case or punctuation than in the form; read as that option.",
    "place_spelling": "A place in another spelling or under an old name, with one clear match: replaced by that place.",
    "missing_code": "An answer that means there is none (99, 不知道, an option so named): the reason is kept.",
    # single answers: what cannot stand
    "place_doubtful": "A place whose spelling fits several places, or one too weakly: not guessed.",
    "place_unknown": "A place that fits no place of the form.",
    "date_doubtful": "A date whose day and month can be read either way: not guessed.",
    "unreadable": "An answer that cannot be read as the type of its question.",
    "option_unknown": "An answer, or a part of one, that is none of the options; the other parts stay.",
    "constraint": "A value the form does not allow; the rule names the constraint.",
    "choice_filter": "An option that the answer to an earlier question rules out.",
    "skip": "An answer to a question that was not to be asked.",
    "required": "A required question was asked and has no answer.",
    "calculated": "A delivered calculation differs from the one made from the answers; ours stands.",
    # whole interviews: plausibility
    "end_before_start": "The interview ends before it starts.",
    "too_short": "The interview took less time than the shortest plausible one.",
}

COLUMNS = tuple(TABLES["issues"].columns)
WITHHELD = "[withheld]"
Issue = tuple  # one row of ``issues``, in the order of COLUMNS


class Origin(NamedTuple):
    """Where each row comes from, column by column.

    Attributes
    ----------
    interview, file, sheet, row : (n,) arrays of object
    """

    interview: np.ndarray
    file: np.ndarray
    sheet: np.ndarray
    row: np.ndarray

    def at(self, where: np.ndarray) -> "Origin":
        """The rows at some positions, or where a mask holds."""
        return Origin(*(part[where] for part in self))


def issue_rows(
    origin: Origin,
    *,
    kind: str,
    action: str,
    question: str | None = None,
    before: object = None,
    after: object = None,
    rule: object = "",
) -> list[Issue]:
    """Rows of ``issues``, one per row of ``origin``.

    Parameters
    ----------
    origin : Origin, one row per finding
    kind : str
        A key of ``KINDS``.
    action : str
        ``changed``, ``set_missing``, ``removed`` or ``flagged``.
    question : str, optional
        None where the whole interview is meant.
    before, after, rule : str, or one value per row of ``origin``
        None means there is no value.

    Returns
    -------
    list of tuple
        For :func:`gather`.

    Examples
    --------
    >>> origin = Origin(*(np.array([part], dtype=object) for part in ("i1", "a.csv", "", 2)))
    >>> issue_rows(origin, kind="empty_id", action="removed", rule="no id")
    [('i1', 'a.csv', '', 2, None, 'empty_id', 'removed', None, None, 'no id')]
    """
    if kind not in KINDS or action not in ISSUE_ACTIONS:
        raise ValueError(f"unknown kind or action of an issue: {kind!r}, {action!r}")
    told = (question, kind, action, before, after, rule)
    repeated = [repeat(value) if isinstance(value, str) or value is None else value for value in told]
    return list(zip(*origin, *repeated, strict=False))


def gather(issues: Iterable[Issue]) -> pd.DataFrame:
    """All findings as the table ``issues``, in the order they were made."""
    table = pd.DataFrame(list(issues), columns=list(COLUMNS), dtype=object)
    return table.astype({column: "Int64" if column == "row" else "str" for column in COLUMNS})
