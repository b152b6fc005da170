"""Pictures of an imputation: whether the chains have settled, and whether what was imputed looks like what was said.

Items that fewer people than the smallest publishable cell have left open are not shown: the rest would be about them.
"""

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from kzsurvey.reporting.context import Report

MOST = 6  # items in one picture


def chain_rows(trace: pd.DataFrame, items: pd.DataFrame, report: "Report", *, most: int = MOST) -> pd.DataFrame:
    """Rows of a figure of kind ``chains`` from the trace of an imputation.

    Parameters
    ----------
    trace : DataFrame, one row per item, statistic, cycle and set
        ``Imputed.trace``.
    items : DataFrame, one row per item
        ``Imputed.items``; ``imputed`` counts the gaps.
    report : Report
    most : int, items shown, those with most gaps

    Returns
    -------
    DataFrame
        ``label``, ``statistic``, ``cycle``, ``set``, ``estimate``.

    Examples
    --------
    >>> from kzsurvey.reporting import open_report
    >>> report = open_report("tests/surveys/data/raw/market", language="en")
    >>> trace = pd.DataFrame({"item": ["a", "b"], "statistic": "mean", "cycle": 1, "set": 1, "value": [2.0, 3.0]})
    >>> chain_rows(trace, pd.DataFrame({"item": ["a", "b"], "imputed": [30, 2]}), report)["label"].tolist()
    ['a']
    """
    shown = _shown(items, report, most)
    rows = trace[trace["item"].isin(shown)].rename(columns={"value": "estimate"})
    return _labelled(rows, shown, report)[["label", "statistic", "cycle", "set", "estimate"]]


def distribution_rows(
    distributions: pd.DataFrame, items: pd.DataFrame, report: "Report", *, most: int = MOST
) -> pd.DataFrame:
    """Rows of a figure of kind ``distributions`` from observed and imputed answers.

    Parameters
    ----------
    distributions : DataFrame, from ``kzsurvey.modelling.distributions``
    items, report, most : as for :func:`chain_rows`

    Returns
    -------
    DataFrame
        ``label``, ``group`` (in the report's words), ``value``, ``text``, ``estimate``, ``low``, ``high``.
    """
    shown = _shown(items, report, most)
    rows = distributions[distributions["item"].isin(shown)]
    options = {name: report.options(name) for name in shown if name in report.survey.questions.index}
    named = [options.get(row.item, {}).get(row.text, row.text) for row in rows.itertuples()]
    told = rows.assign(text=pd.array(named, dtype="str"), group=rows["group"].map(report.word))
    return _labelled(told, shown, report)[["label", "group", "value", "text", "estimate", "low", "high"]]


def _shown(items: pd.DataFrame, report: "Report", most: int) -> list[str]:
    """Items with gaps enough to be shown, those with most of them first."""
    enough = items[items["imputed"] >= report.survey.smallest_cell]
    return enough.sort_values("imputed", ascending=False, kind="stable")["item"].head(most).tolist()


def _labelled(rows: pd.DataFrame, shown: list[str], report: "Report") -> pd.DataFrame:
    """Rows in the order shown, with what the report calls their items."""
    place = {name: number for number, name in enumerate(shown)}
    ordered = rows.iloc[rows["item"].map(place).argsort(kind="stable")]
    return ordered.assign(label=[report.head(name) for name in ordered["item"]]).reset_index(drop=True)
