"""Estimates with their intervals: on one scale, or each coefficient on a scale of its own."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kzsurvey.reporting.drawing.axes import explain_groups, name_rows, number_values
from kzsurvey.reporting.drawing.style import BROKEN, INK, MARGIN, MARKERS, PANEL, SOFT

if TYPE_CHECKING:
    from kzsurvey.reporting.context import Report


def dots(figure: Figure, data: pd.DataFrame, report: "Report", *, format: str, axis: str = "") -> None:
    """Estimates with their intervals, a row per label, a marker per group."""
    axes = figure.subplots()
    labels = list(dict.fromkeys(data["label"]))
    groups = list(dict.fromkeys(data.loc[data["estimate"].notna(), "group"])) if "group" in data else [None]
    for number, group in enumerate(groups):
        part = data if group is None else data[data["group"] == group]
        shift = 0.0 if len(groups) == 1 else (number - (len(groups) - 1) / 2) * 0.62 / len(groups)
        place = np.array([labels.index(label) for label in part["label"]], dtype=float) + shift
        _points(axes, part, place, number, group)
    if len(groups) > 1:
        explain_groups(axes, groups)
    if format.startswith("percent"):
        axes.set_xlim(left=min(0.0, axes.get_xlim()[0]) if (data["estimate"] < 0).any() else 0.0)
    name_rows(axes, labels)
    number_values(axes, format, axis)


def coefficients(figure: Figure, data: pd.DataFrame, report: "Report", *, format: str, axis: str = "") -> None:
    """Coefficients with their intervals around zero, each on a scale of its own, because their units differ."""
    rows = figure.subplots(max(len(data), 1), 1, squeeze=False)[:, 0]
    for axes, (_, row) in zip(rows, data.iterrows(), strict=False):
        _points(axes, row.to_frame().T, np.zeros(1), 0, None)
        axes.axvline(0, color=SOFT, linewidth=0.9, linestyle=BROKEN, zorder=0)
        reach = 1.15 * max(abs(float(row["conf_low"])), abs(float(row["conf_high"])), 1e-12)
        axes.set_xlim(-reach, reach)
        axes.locator_params(axis="x", nbins=5)
        name_rows(axes, [row["label"]])
        number_values(axes, format, "")
    rows[-1].set_xlabel(axis)


def panels_height(data: pd.DataFrame) -> float:
    """Height of a figure with an axis per row."""
    return MARGIN + PANEL * max(len(data), 1)


def _points(axes: Axes, part: pd.DataFrame, place: np.ndarray, number: int, group: str | None) -> None:
    """Markers of one group and their intervals; filled and hollow in turn, so that grey is enough."""
    estimate = part["estimate"].to_numpy(dtype=float)
    if "conf_low" in part:
        ends = part[["conf_low", "conf_high"]].to_numpy(dtype=float)
        axes.hlines(place, ends[:, 0], ends[:, 1], color=INK, linewidth=1.1)
    face = INK if number % 2 == 0 else "white"
    axes.plot(
        estimate, place, MARKERS[number % len(MARKERS)], color=INK, markerfacecolor=face, markersize=5.5, label=group
    )
