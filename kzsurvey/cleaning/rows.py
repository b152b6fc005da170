"""Which delivered rows are interviews: rows without an id or delivered again are taken out, each with an issue."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.cleaning.folding import fold, widths
from kzsurvey.cleaning.kinds import Issue, Origin, issue_rows
from kzsurvey.survey import Survey

FEWEST_ANSWERS = 10  # two short interviews may agree throughout by chance; below this none is removed for it
FEWEST_COMPARED = 15  # ... and below this they are not compared for nearly the same answers
_LARGEST_GROUP = 2000


class Rows(NamedTuple):
    """Rows that stay, and what was found.

    Attributes
    ----------
    kept : (n,) array of bool
    issues : list of issues
    """

    kept: np.ndarray
    issues: list[Issue]


def interview_ids(answers: pd.DataFrame, survey: Survey) -> np.ndarray:
    """Interview ids in ordinary width without spaces around them; None where a row has none."""
    column = answers[survey.interview["id"]]
    ids = {value: widths(value) or None for value in column.dropna().unique()}
    return np.array([ids.get(value) for value in column], dtype=object)


def settle_rows(answers: pd.DataFrame, origin: Origin, survey: Survey) -> Rows:
    """Find the rows that are interviews, each once.

    Parameters
    ----------
    answers : DataFrame, one row per delivered row
    origin : Origin, same rows
    survey : Survey

    Returns
    -------
    Rows
        Every row is kept or has exactly one issue with action ``removed``.

    Notes
    -----
    The same id with the same content: the first row stays. The same id with other content: the row with most answers
    stays, of equals the first. The same content under another id: the first stays, where at least
    ``FEWEST_ANSWERS`` questions were answered. Content is every answer but id, date and times, compared folded.
    """
    content = content_codes(answers, survey)
    kept = origin.interview != np.array(None)
    issues = issue_rows(origin.at(~kept), kind="empty_id", action="removed", rule="no interview id")
    for settle in (_same_id, _same_content):
        rows = np.flatnonzero(kept)
        removed, found = settle(content[rows], origin.at(rows))
        kept[rows[removed]] = False
        issues += found
    return Rows(kept, issues)


def content_codes(answers: pd.DataFrame, survey: Survey) -> np.ndarray:
    """Answers as numbers, one column per question: equal numbers for equal folded text, -1 for no answer.

    Id, date, start and end of the interview and calculations are no content.
    """
    questions = survey.questions.index[~survey.questions["type"].isin(["note", "calculate"])]
    left_out = {survey.interview.get(part) for part in ("id", "date", "start", "end")}
    columns = [_codes(answers[name]) for name in questions if name not in left_out]
    return np.stack(columns, axis=1) if columns else np.empty((len(answers), 0), dtype=np.int32)


def _codes(column: pd.Series) -> np.ndarray:
    """Numbers of folded texts."""
    codes, distinct = pd.factorize(column)
    folded = np.array([fold(value) for value in distinct] + [""], dtype=object)
    numbers, _ = pd.factorize(np.where(folded == "", None, folded))
    return numbers[codes].astype(np.int32)


def _same_id(content: np.ndarray, origin: Origin) -> tuple[np.ndarray, list[Issue]]:
    """Rows whose id another row has: one stays."""
    ids = pd.Series(origin.interview)
    table = pd.DataFrame({"id": ids, "answered": -(content >= 0).sum(axis=1)})[ids.duplicated(keep=False)]
    best = table.sort_values("answered", kind="stable").drop_duplicates("id")
    stays = table["id"].map(pd.Series(best.index, index=best["id"]))
    stays = stays[stays != stays.index].astype(int)
    removed = stays.index.to_numpy()
    differing = (content[removed] != content[stays.to_numpy()]).sum(axis=1)
    issues = []
    for row, other, number in zip(removed, stays, differing, strict=True):
        place = f"{origin.file[other]} row {origin.row[other]}"
        kind = "conflicting_id" if number else "duplicate_id"
        rule = (
            f"{number} answers differ from {place}, which has more answers or came first" if number else f"as {place}"
        )
        issues += issue_rows(origin.at([row]), kind=kind, action="removed", rule=rule)
    return removed, issues


def _same_content(content: np.ndarray, origin: Origin) -> tuple[np.ndarray, list[Issue]]:
    """Rows whose answers all equal those of an earlier row under another id."""
    keys = pd.Series(_row_keys(content))
    earlier = keys.index.to_series().groupby(keys).transform("first").to_numpy()
    removed = np.flatnonzero(((content >= 0).sum(axis=1) >= FEWEST_ANSWERS) & (earlier != np.arange(len(content))))
    rules = [f"all answers as interview {interview}" for interview in origin.interview[earlier[removed]]]
    return removed, issue_rows(origin.at(removed), kind="duplicate_content", action="removed", rule=rules)


def near_duplicates(answers: pd.DataFrame, origin: Origin, survey: Survey) -> list[Issue]:
    """Flag interviews of which nearly all answers equal those of an earlier one.

    Parameters
    ----------
    answers : DataFrame, one row per interview
    origin : Origin, same rows
    survey : Survey
        ``interview.near_duplicate``: the share of equal answers, among questions that either of the two answered; all
        but one answer is enough in any case. Interviews of fewer than ``FEWEST_COMPARED`` answers are left alone.

    Returns
    -------
    list of issues, one per interview flagged

    Notes
    -----
    With a share s of Q questions at most d = max(1, floor((1 - s) Q)) answers differ; of d + 1 blocks of questions at
    least one is then equal throughout (pigeonhole), so only interviews that agree on a whole block are compared.
    """
    share = survey.interview.get("near_duplicate", 0.95)
    codes = content_codes(answers, survey)
    blocks = max(1, int((1 - share) * codes.shape[1] + 1e-9)) + 1
    nearest: dict[int, tuple[float, int]] = {}
    for block in range(blocks):
        for earlier, later, equal in _close_pairs(codes, codes[:, block::blocks], share):
            nearest[later] = max(nearest.get(later, (0.0, 0)), (equal, earlier))
    found = sorted(nearest)
    rules = [f"{nearest[row][0]:.0%} of answers as interview {origin.interview[nearest[row][1]]}" for row in found]
    return issue_rows(origin.at(found), kind="near_duplicate", action="flagged", rule=rules) if found else []


def _row_keys(block: np.ndarray) -> np.ndarray:
    """One number per row, equal for equal rows."""
    return pd.util.hash_pandas_object(pd.DataFrame(block), index=False).to_numpy()


def _close_pairs(codes: np.ndarray, block: np.ndarray, share: float) -> list[tuple[int, int, float]]:
    """Pairs of rows that agree on a block, some of it answered, and on a share of all answers."""
    rows = np.flatnonzero((block >= 0).any(axis=1))
    keys = _row_keys(block)[rows]
    order = np.argsort(keys, kind="stable")
    borders = np.flatnonzero(np.diff(keys[order])) + 1
    groups = [np.sort(rows[group]) for group in np.split(order, borders) if 1 < len(group) <= _LARGEST_GROUP]
    return [pair for group in groups for pair in _compared(codes, group, share)]


def _compared(codes: np.ndarray, group: np.ndarray, share: float) -> list[tuple[int, int, float]]:
    """Pairs of one group whose share of equal answers is high enough."""
    found = []
    for place, row in enumerate(group[:-1]):
        others = group[place + 1 :]
        either = (codes[others] >= 0) | (codes[row] >= 0)
        counted = either.sum(axis=1)
        equal = ((codes[others] == codes[row]) & either).sum(axis=1)
        near = (equal >= share * counted) | (equal >= counted - 1)
        hits = np.flatnonzero(near & (counted >= FEWEST_COMPARED))
        found += [(int(row), int(others[hit]), float(equal[hit] / counted[hit])) for hit in hits]
    return found
