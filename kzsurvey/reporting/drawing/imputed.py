"""Pictures of an imputation: its chains from cycle to cycle, and imputed answers beside observed ones."""

from itertools import product
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from kzsurvey.reporting.drawing.axes import legend_columns
from kzsurvey.reporting.drawing.labels import wrapped
from kzsurvey.reporting.drawing.style import DASHES, INK, LINE, MARKERS, SHADES
from kzsurvey.reporting.formats import shown_tick

if TYPE_CHECKING:
    from kzsurvey.reporting.context import Report


def chains(figure: Figure, data: pd.DataFrame, report: "Report", *, format: str, axis: str = "") -> None:
    """Mean and spread of imputed answers from cycle to cycle: a thin line per set, a thick one for all of them."""
    labels = list(dict.fromkeys(data["label"]))
    statistics = list(dict.fromkeys(data["statistic"]))
    grid = figure.subplots(len(labels), len(statistics), squeeze=False, sharex=True)
    for (row, label), (column, statistic) in product(enumerate(labels), enumerate(statistics)):
        axes = grid[row, column]
        part = data[(data["label"] == label) & (data["statistic"] == statistic)]
        lines = part.pivot_table("estimate", "cycle", "set")
        axes.plot(lines.index, lines.to_numpy(), color=SHADES[1], linewidth=0.7, alpha=0.75)
        axes.plot(lines.index, lines.mean(axis=1), color=INK, linewidth=1.8)
        title = _panel_title(label, report.word(f"chain_{statistic}"), column)
        axes.set_title(title, loc="left", fontsize=8.5, linespacing=1.3)
        _panel(axes, format)
    for axes in grid[-1]:
        axes.set_xlabel(axis or report.word("cycle"))
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))


def distributions(figure: Figure, data: pd.DataFrame, report: "Report", *, format: str, axis: str = "") -> None:
    """Observed and imputed answers: densities of numbers, shares of categories; a band from set to set."""
    labels, groups = list(dict.fromkeys(data["label"])), list(dict.fromkeys(data["group"]))
    rows = -(-len(labels) // 2)
    grid = figure.subplots(rows, min(len(labels), 2), squeeze=False).ravel()
    for axes, label in zip(grid, labels, strict=False):
        part = data[data["label"] == label]
        drawn = _shares if part["text"].ne("").any() else _densities
        for number, group in enumerate(groups):
            drawn(axes, part[part["group"] == group], number)
        axes.set_title(wrapped(label, 38), loc="left", fontsize=8.5, linespacing=1.3)
        _panel(axes, "percent0" if drawn is _shares else format)
        axes.set_ylim(0, 1.1 * part[["estimate", "high"]].to_numpy(dtype=float).max())
    for axes in grid[len(labels) :]:
        axes.set_axis_off()
    looks = [(DASHES[number], MARKERS[number], "white" if number else INK) for number in range(len(groups))]
    handles = [Line2D([], [], color=INK, ls=ls, marker=marker, mfc=mfc, ms=5) for ls, marker, mfc in looks]
    look = {"ncols": legend_columns(groups), "frameon": False, "fontsize": 8.5, "handlelength": 3.4}
    figure.legend(handles, groups, loc="outside upper left", **look)


def items_height(data: pd.DataFrame) -> float:
    """Height of a figure with a row of panels per item."""
    return 0.7 + 1.35 * max(data["label"].nunique(), 1)


def pairs_height(data: pd.DataFrame) -> float:
    """Height of a figure with two items in a row."""
    return 0.8 + 1.6 * max(-(-data["label"].nunique() // 2), 1)


def _panel_title(label: str, statistic: str, column: int) -> str:
    """Of the first panel of a row, what the row is about; of all, what is drawn."""
    return f"{wrapped(label, 34)}\n{statistic}" if column == 0 else f"\n{statistic}"


def _panel(axes: Axes, format: str) -> None:
    """Scales of one small panel."""
    axes.yaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown_tick(value, format, axes.get_yticks())))
    axes.tick_params(labelsize=7.5)
    axes.grid(axis="y", color=LINE, linewidth=0.6)
    axes.margins(x=0.03, y=0.1)


def _densities(axes: Axes, part: pd.DataFrame, number: int) -> None:
    """One group of answers in numbers."""
    x, middle, low, high = (part[column].to_numpy(dtype=float) for column in ("value", "estimate", "low", "high"))
    if number:
        axes.fill_between(x, low, high, color=SHADES[2], alpha=0.8, linewidth=0)
    axes.plot(x, middle, color=INK, linewidth=1.4, linestyle=DASHES[number % len(DASHES)])
    axes.xaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: shown_tick(value, "number", axes.get_xticks())))


def _shares(axes: Axes, part: pd.DataFrame, number: int) -> None:
    """One group of answers in categories."""
    x = part["value"].to_numpy(dtype=float) + 0.18 * number - 0.09
    axes.vlines(x, part["low"], part["high"], color=SHADES[1], linewidth=2.2)
    axes.plot(
        x, part["estimate"], MARKERS[number], color=INK, markerfacecolor="white" if number else INK, markersize=5,
        linestyle="none",
    )  # fmt: skip
    axes.set_xticks(part["value"], [wrapped(text, 10) for text in part["text"]])
    axes.set_xlim(0.4, len(part) + 0.6)
