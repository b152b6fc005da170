"""Effects along a number, and estimates along all specifications of a model."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from kzsurvey.reporting.drawing.axes import explain_groups, name_rows, number_both
from kzsurvey.reporting.drawing.labels import LABEL, wrapped
from kzsurvey.reporting.drawing.style import BROKEN, DASHES, INK, LINE, ROW, SHADES, SOFT, UPRIGHT
from kzsurvey.reporting.formats import shown_tick

if TYPE_CHECKING:
    from kzsurvey.reporting.context import Report

_CURVE = ("estimate", "conf_low", "conf_high")  # columns of a specification curve that are not choices
_BINS = 120  # along a specification curve: more cannot be told apart


def curve(
    figure: Figure,
    data: pd.DataFrame,
    report: "Report",
    *,
    format: str,
    axis: str = "",
    upright: str = "",
    middle: tuple[float, float] | None = None,
    marks: Sequence[float] = (),
) -> None:
    """An effect along a number, with the band of its intervals; dotted lines where the interval ends at 0."""
    axes = figure.subplots()
    groups = list(dict.fromkeys(data["group"])) if "group" in data else [None]
    for number, group in enumerate(groups):
        part = data if group is None else data[data["group"] == group]
        x, low, high, line = (
            part[name].to_numpy(dtype=float) for name in ("value", "conf_low", "conf_high", "estimate")
        )
        axes.fill_between(x, low, high, color=SHADES[2], alpha=0.75 if len(groups) == 1 else 0.35, linewidth=0)
        for end in (low, high):
            axes.plot(x, end, color=SHADES[1], linewidth=0.7)
        axes.plot(x, line, color=INK, linewidth=1.6, linestyle=DASHES[number % len(DASHES)], label=group)
    if len(groups) > 1:
        explain_groups(axes, groups)
    axes.axhline(0, color=SOFT, linewidth=0.9, linestyle=BROKEN, zorder=1)
    for mark in marks:
        axes.axvline(mark, color=INK, linewidth=0.9, linestyle=(0, (1, 2)))
    axes.margins(x=0.0, y=0.08)
    axes.spines["left"].set_visible(True)
    number_both(axes, format, axis, upright)
    if middle is not None:
        across = axes.get_xaxis_transform()
        axes.plot(middle, (0.012, 0.012), color=INK, linewidth=4, solid_capstyle="butt", transform=across, zorder=5)


def specifications(
    figure: Figure, data: pd.DataFrame, report: "Report", *, format: str, axis: str = "", upright: str = ""
) -> None:
    """Estimates of many specifications in their order with their intervals; below, which choices each of them made.

    A row of shades per choice: the darker, the more of the specifications that stand there made it.
    """
    choices = [name for name in data.columns if name not in _CURVE]
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(UPRIGHT, ROW * max(len(choices), 1)))
    place = np.arange(1, len(data) + 1)
    low, high, line = (data[name].to_numpy(dtype=float) for name in ("conf_low", "conf_high", "estimate"))
    above.vlines(place, low, high, color=SHADES[2], linewidth=min(max(0.4, 250 / max(len(data), 1)), 2.5))
    clear = (low > 0) | (high < 0)
    for which, shade in ((clear, INK), (~clear, SHADES[1])):
        above.plot(place[which], line[which], ".", color=shade, markersize=3 if len(data) > 100 else 6)
    above.axhline(0, color=SOFT, linewidth=0.9, linestyle=BROKEN)
    above.set_title(wrapped(upright, 2 * LABEL), loc="left", fontsize=9)
    above.yaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    above.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown_tick(value, format, above.get_yticks())))
    above.grid(axis="y", color=LINE, linewidth=0.6)
    edges = np.linspace(0.5, len(data) + 0.5, min(len(data), _BINS) + 1)
    share = np.stack([_shares_of(data[name].to_numpy(dtype=float), place, edges) for name in choices])
    below.pcolormesh(edges, np.arange(len(choices) + 1) - 0.5, share, cmap=_greys(), vmin=0, vmax=1, linewidth=0)
    name_rows(below, choices)
    below.set_xlim(0.5, len(data) + 0.5)
    below.set_xlabel(wrapped(axis, 3 * LABEL))
    below.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))


def choices_height(data: pd.DataFrame) -> float:
    """Height of a specification curve with a row per choice below it."""
    return UPRIGHT + 0.6 + 0.8 * ROW * sum(name not in _CURVE for name in data.columns)


def _shares_of(flags: np.ndarray, place: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Share of the specifications between two edges that made a choice."""
    total, _ = np.histogram(place, bins=edges)
    made, _ = np.histogram(place, bins=edges, weights=flags)
    return made / np.maximum(total, 1)


def _greys() -> LinearSegmentedColormap:
    """From the paper to the ink."""
    return LinearSegmentedColormap.from_list("kz", ["white", SHADES[0]])
