"""Bars: counts and shares, the parts of a scale, the classes of a number."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from kzsurvey.reporting.drawing.axes import explain_groups, name_rows, number_values
from kzsurvey.reporting.drawing.labels import width_of
from kzsurvey.reporting.drawing.style import INK, LINE, SHADES, SOFT, WIDTH
from kzsurvey.reporting.formats import shown

if TYPE_CHECKING:
    from kzsurvey.reporting.context import Report


def bars(figure: Figure, data: pd.DataFrame, report: "Report", *, format: str, axis: str = "") -> None:
    """One bar per label, its value written at its end."""
    axes = figure.subplots()
    place = np.arange(len(data))
    values = data["estimate"].to_numpy(dtype=float)
    axes.barh(place, values, height=0.62, color=SHADES[1], edgecolor=INK, linewidth=0.5)
    for at, value in zip(place, values, strict=True):
        axes.annotate(shown(value, format), (value, at), (4, 0), textcoords="offset points", va="center", color=INK)
    axes.margins(x=0.14)
    axes.set_xlim(left=0)
    name_rows(axes, list(data["label"]))
    number_values(axes, format, axis)


def parts(figure: Figure, data: pd.DataFrame, report: "Report", *, format: str, axis: str = "") -> None:
    """Shares that fill each row, the answers to a scale from its low to its high end."""
    axes = figure.subplots()
    names = [name for name in data if name != "label"]
    left = np.zeros(len(data))
    for number, name in enumerate(names):
        width = data[name].to_numpy(dtype=float)
        shade = SHADES[min(number * (len(SHADES) - 1) // max(len(names) - 1, 1), len(SHADES) - 1)]
        axes.barh(
            np.arange(len(data)), width, left=left, height=0.66, color=shade, edgecolor=INK, linewidth=0.5, label=name
        )
        for at, (start, share) in enumerate(zip(left, width, strict=True)):
            if share >= 0.07:
                colour = "white" if number == 0 else INK
                axes.text(
                    start + share / 2, at, shown(share, "percent0"), ha="center", va="center", color=colour, size=8
                )
        left = left + np.nan_to_num(width)
    axes.set_xlim(0, 1)
    explain_groups(axes, names)
    name_rows(axes, list(data["label"]))
    number_values(axes, format, axis)


def histogram(figure: Figure, data: pd.DataFrame, report: "Report", *, format: str, axis: str = "") -> None:
    """Counts per class of a number: column ``label`` names the class, ``estimate`` is the count or missing."""
    axes = figure.subplots()
    place, counts = np.arange(len(data)), data["estimate"].to_numpy(dtype=float, na_value=np.nan)
    axes.bar(place, counts, width=0.96, color=SHADES[1], edgecolor=INK, linewidth=0.5)
    for at in place[np.isnan(counts)]:
        mark = report.word("mark_withheld")
        axes.annotate(mark, (at, 0), (0, 3), textcoords="offset points", ha="center", color=SOFT)
    crowded = 0.08 * sum(width_of(label) for label in data["label"]) > 0.75 * WIDTH
    axes.set_xticks(place, list(data["label"]), rotation=40 if crowded else 0, ha="right" if crowded else "center")
    axes.set_xlabel(axis)
    axes.set_ylabel(report.word("interviews_count"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value, "integer")))
    axes.grid(axis="y", color=LINE, linewidth=0.6)
