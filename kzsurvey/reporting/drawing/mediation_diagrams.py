"""Diagrams of mediation: boxes, and arrows with their numbers."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from kzsurvey.reporting.drawing.labels import wrapped
from kzsurvey.reporting.drawing.style import BROKEN, INK, SHADES, WIDTH
from kzsurvey.reporting.formats import shown

if TYPE_CHECKING:
    from kzsurvey.reporting.context import Report

BOX, LEVEL, BOX_LABEL = (1.55, 0.62), 1.05, 20  # inches of a box and between boxes; Latin letters in a box
_PAPER = {"bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1.2, "alpha": 0.9}}


def paths(figure: Figure, data: pd.DataFrame, report: "Report", *, format: str, axis: str = "") -> None:
    """A diagram of mediation: what comes first on the left, the outcome on the right, mediators between and above.

    An arrow is broken where its interval includes 0.
    """
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    height = figure.get_size_inches()[1]
    axes.set(xlim=(0, WIDTH), ylim=(0, height))
    axes.axis("off")
    places = place_boxes(data)
    for name, (x, y) in places.items():
        text = {"ha": "center", "va": "center", "size": 9, "zorder": 4}
        axes.text(x, y, wrapped(name, BOX_LABEL), **text)
        axes.add_patch(_box(x, y))
    for row in data.itertuples(index=False):
        _arrow(axes, places[row.source], places[row.target], clear=_excludes_zero(row))
        x, y, side = _beside(places[row.source], places[row.target])
        axes.text(x, y, _on_arrow(row, format), ha=side, va="center", size=8.5, zorder=5, **_PAPER)


def mediation_height(data: pd.DataFrame) -> float:
    """Height of a diagram with its mediators one above the other."""
    return 0.7 + BOX[1] + LEVEL * max(len(_between(data)), 1)


def _between(data: pd.DataFrame) -> list[str]:
    """What arrows both go to and come from."""
    targets = set(data["target"])
    return [name for name in dict.fromkeys(data["source"]) if name in targets]


def place_boxes(data: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Centre of every box, in inches."""
    between = _between(data)
    first = [name for name in dict.fromkeys(data["source"]) if name not in between]
    last = [name for name in dict.fromkeys(data["target"]) if name not in between]
    ground = 0.45 + BOX[1] / 2
    places = {name: (0.1 + BOX[0] / 2, ground) for name in first}
    places |= {name: (WIDTH - 0.1 - BOX[0] / 2, ground) for name in last}
    return places | {name: (WIDTH / 2, ground + LEVEL * (level + 1)) for level, name in enumerate(between[::-1])}


def _box(x: float, y: float) -> FancyBboxPatch:
    corner = (x - BOX[0] / 2, y - BOX[1] / 2)
    look = {"boxstyle": "round,pad=0,rounding_size=0.06", "facecolor": SHADES[3], "edgecolor": INK}
    return FancyBboxPatch(corner, *BOX, linewidth=0.9, zorder=3, **look)


def _arrow(axes: Axes, source: tuple[float, float], target: tuple[float, float], *, clear: bool) -> None:
    """From the edge of one box to that of another."""
    begin, end = _edges(source, target)
    line = "-" if clear else BROKEN
    axes.annotate(
        "",
        xy=end,
        xytext=begin,
        zorder=2,
        arrowprops={"arrowstyle": "-|>", "color": INK, "linewidth": 1.1, "linestyle": line, "shrinkA": 0, "shrinkB": 1},
    )


def _edges(source: tuple[float, float], target: tuple[float, float]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Where an arrow leaves and arrives: sideways on one level, else by the top of the lower box."""
    half, up = BOX[0] / 2, BOX[1] / 2
    (x0, y0), (x1, y1) = source, target
    if np.isclose(y0, y1):
        return (x0 + half, y0), (x1 - half, y1)
    return ((x0, y0 + up), (x1 - half, y1)) if y1 > y0 else ((x0 + half, y0), (x1, y1 + up))


def _beside(source: tuple[float, float], target: tuple[float, float]) -> tuple[float, float, str]:
    """Where the number of an arrow stands, and which of its sides is there."""
    (x0, y0), (x1, y1) = _edges(source, target)
    if np.isclose(y0, y1):
        return (x0 + x1) / 2, y0 + 0.2, "center"
    x, y = (x0 + x1) / 2, (y0 + y1) / 2
    return (x - 0.08, y + 0.16, "right") if y1 > y0 else (x + 0.08, y + 0.16, "left")


def _on_arrow(row: tuple, format: str) -> str:
    """Name of the path, its estimate and interval."""
    beside = (row.estimate, row.conf_low, row.conf_high)
    if pd.isna(row.estimate):
        return row.path
    low, high = (shown(end, format, beside=beside) for end in beside[1:])
    return f"{row.path} = {shown(row.estimate, format, beside=beside)}\n[{low}, {high}]"


def _excludes_zero(row: tuple) -> bool:
    return bool(row.conf_low > 0 or row.conf_high < 0)
