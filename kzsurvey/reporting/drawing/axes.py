"""What figures of several kinds have in common: rows with names, axes with numbers, points, legends."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from kzsurvey.reporting.drawing.labels import LABEL, width_of, wrapped
from kzsurvey.reporting.drawing.style import LINE, MARGIN, ROW, WIDTH
from kzsurvey.reporting.formats import shown_tick


def rows_height(data: pd.DataFrame) -> float:
    """Height of a figure with a row per label, higher where labels need several lines or rows hold several groups."""
    lines = max((wrapped(str(label)).count("\n") + 1 for label in data["label"]), default=1)
    groups = data["group"].nunique() if "group" in data else 1
    legend = 0.0 if groups == 1 else 0.19 * -(-groups // legend_columns(list(data["group"].unique())))
    return MARGIN + legend + ROW * max(data["label"].nunique(), 2) * max(1.0, 0.6 * lines, 0.5 * groups)


def name_rows(axes: Axes, labels: Sequence[str]) -> None:
    """Labels beside the rows, the first on top."""
    axes.set_yticks(range(len(labels)), [wrapped(label) for label in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)


def number_values(axes: Axes, format: str, axis: str) -> None:
    """Numbers and the name of the horizontal axis."""
    axes.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))  # steps that one digit writes exactly
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: shown_tick(value, format, axes.get_xticks())))
    axes.grid(axis="x", color=LINE, linewidth=0.6)
    axes.set_xlabel(axis)


def number_both(axes: Axes, format: str, axis: str, upright: str) -> None:
    """Numbers and names on both axes of a curve."""
    for along in (axes.xaxis, axes.yaxis):
        along.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    axes.set_xlabel(wrapped(axis, 3 * LABEL))
    axes.set_title(wrapped(upright, 3 * LABEL), loc="left", fontsize=9)  # upright letters are hard to read
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: shown_tick(value, "number", axes.get_xticks())))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown_tick(value, format, axes.get_yticks())))
    axes.grid(color=LINE, linewidth=0.6)


def explain_groups(axes: Axes, names: Sequence[str]) -> None:
    """What the markers or shades mean, above the axes, in as many columns as the figure is wide enough for."""
    axes.figure.legend(loc="outside upper left", ncols=legend_columns(names), frameon=False, fontsize=8.5)


def legend_columns(names: Sequence[str]) -> int:
    """Columns of a legend: its widest name and marker fit as often into the width of the figure."""
    widest = max(width_of(str(name)) for name in names)
    return max(1, min(len(names), int(WIDTH / (0.07 * widest + 0.6))))
