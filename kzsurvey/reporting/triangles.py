"""The triangle of correlations that papers print: each with its interval, reliabilities on the diagonal."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kzsurvey.reporting.formats import shown

if TYPE_CHECKING:
    from kzsurvey.reporting.context import Report

STARS = (0.05, 0.01, 0.001)


def triangle_cells(pairs: pd.DataFrame, variables: pd.DataFrame, report: "Report") -> pd.DataFrame:
    r"""Cells of the triangle as they are printed, for :func:`table` with ``formats`` of kind ``written``.

    Parameters
    ----------
    pairs : DataFrame, one row per pair
        ``first``, ``second``, ``estimate``, ``conf_low``, ``conf_high``, ``p_value``, ``n``.
    variables : DataFrame, one row per variable
        ``variable``, ``mean``, ``sd``, ``reliability`` (missing where there is none).
    report : Report
        A pair with fewer interviews than its survey's smallest cell is withheld.

    Returns
    -------
    DataFrame of text, one row per variable, index ``variable``: numbered labels
        ``mean``, ``sd``, and a column per variable, named by its number; none for a last one without reliability. In a
        cell stand the correlation, with ``*`` for p below 0.05, ``**`` for 0.01, ``***`` for 0.001, and under it its
        interval.

    Examples
    --------
    >>> from kzsurvey.reporting import open_report
    >>> report = open_report("tests/surveys/data/raw/market", language="en")
    >>> pairs = pd.DataFrame({"first": ["pay"], "second": ["load"], "estimate": [-0.4], "conf_low": [-0.6],
    ...                       "conf_high": [-0.15], "p_value": [0.004], "n": [80]})
    >>> about = pd.DataFrame({"variable": ["pay", "load"], "mean": [2.5, 3.0], "sd": [0.7, 0.8],
    ...                       "reliability": [0.81, None]})
    >>> triangle_cells(pairs, about, report).drop(columns=["mean", "sd"]).to_dict("list")
    {'1': ['(0.81)', '−0.40**\n[−0.60, −0.15]']}
    """
    names = variables["variable"].tolist()
    place = {name: number for number, name in enumerate(names)}
    cells = np.full((len(names), len(names)), "", dtype=object)
    for number, value in enumerate(variables["reliability"]):
        cells[number, number] = report.word("mark_none") if pd.isna(value) else f"({_two(value)})"
    for row in pairs.itertuples():
        cells[place[row.second], place[row.first]] = _cell(row, report)
    told = len(names) - bool(variables["reliability"].isna().iloc[-1])  # a last column that would hold a dash alone
    columns = {str(number + 1): cells[:, number] for number in range(told)}
    numbers = {name: [shown(value, "number") for value in variables[name]] for name in ("mean", "sd")}
    labels = [f"{number} {report.head(name)}" for number, name in enumerate(names, start=1)]
    return pd.DataFrame(numbers | columns, index=pd.Index(labels, name="variable"), dtype="str")


def _cell(row: tuple, report: "Report") -> str:
    """A correlation, its stars and its interval."""
    if row.n < report.survey.smallest_cell:
        return report.word("mark_withheld")
    if pd.isna(row.estimate):
        return report.word("mark_none")
    stars = "*" * sum(row.p_value < limit for limit in STARS)
    return f"{_two(row.estimate)}{stars}\n[{_two(row.conf_low)}, {_two(row.conf_high)}]"


def _two(value: float) -> str:
    return shown(round(float(value), 2), "number", beside=(1.0, 0.5, 1.5))
