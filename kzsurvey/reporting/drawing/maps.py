"""Two figures of codes: which are named together (network), and who says what (map); no label covers another."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Ellipse, PathPatch
from matplotlib.path import Path
from matplotlib.ticker import FuncFormatter, MaxNLocator

from kzsurvey.reporting.drawing.labels import wrapped
from kzsurvey.reporting.drawing.style import BROKEN, DOTS, INK, LINE, SOFT, WIDTH
from kzsurvey.reporting.formats import shown, shown_tick

if TYPE_CHECKING:
    from kzsurvey.reporting.context import Report

THIN, THICK = 0.7, 4.5  # points of the weakest and the strongest line
SIDE, ALONE = 1.95, 3.0  # inches for the labels of a column, of two columns and of one
NAME, LONG = 25, 42  # Latin letters in a line of a label, with two columns or in a map, and with one
STEP = 0.34  # inches between codes of a network
_GAP = 5  # dots between labels
_TEXT = 0.145  # inches of a line of text
_PAPER = {"facecolor": "white", "edgecolor": "none", "pad": 0.6, "alpha": 0.8}
_LEGEND, _FOOT = 0.5, 0.35  # inches above and below a network
_MAP = (0.62, 0.85, 0.12, 0.42)  # inches left, below, right and above a map


def network_height(data: pd.DataFrame) -> float:
    """Inches of a network: room for the labels of the longer side."""
    left, right = _sides(data)
    return _LEGEND + _FOOT + max(_room(left, data).sum(), _room(right, data).sum(), 2 * STEP)


def network(figure: Figure, data: pd.DataFrame, report: "Report", *, format: str, axis: str = "") -> None:
    """Lines between codes, the thicker the larger ``estimate``; broken where the interval includes 0.

    Problems and causes stand in two columns; where codes of one kind are paired, they stand in one and arcs join them.
    """
    figure.set_layout_engine("none")
    height = figure.get_size_inches()[1]
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(0, height))
    axes.axis("off")
    left, right = _sides(data)
    first = SIDE if right else ALONE
    places = _column(left, first, height, data) | _column(right, WIDTH - SIDE, height, data)
    for name, (x, y) in places.items():
        leftmost = x == first
        axes.plot(x, y, "o" if leftmost else "s", color=INK, markersize=5, zorder=4)
        text = {"ha": "right" if leftmost else "left", "va": "center", "size": 8.5, "linespacing": 1.05}
        axes.text(x + (-0.1 if leftmost else 0.1), y, _named(name, data), **text)
    widths = _widths(data["estimate"].to_numpy(dtype=float))
    ordered = data.assign(width=widths).sort_values("width", kind="stable")
    for row in ordered.itertuples(index=False):
        _line(axes, places[row.first], places[row.second], row.width, clear=_is_clear(row))
    _explain(axes, data, report, format, axis)


def positions(
    figure: Figure, data: pd.DataFrame, report: "Report", *, format: str, axis: str = "", upright: str = ""
) -> None:
    """Points of two kinds with their regions: filled circles and hollow squares, full and broken ellipses."""
    figure.set_layout_engine("none")
    width, height = figure.get_size_inches()
    left, below, right, above = _MAP
    size = (width - left - right, height - below - above)
    axes = figure.add_axes((left / width, below / height, size[0] / width, size[1] / height))
    _limits(axes, data, size)
    axes.axhline(0, color=LINE, linewidth=0.8, zorder=0)
    axes.axvline(0, color=LINE, linewidth=0.8, zorder=0)
    kinds = list(dict.fromkeys(data["group"]))
    for number, kind in enumerate(kinds):
        part = data[data["group"] == kind]
        face = INK if number == 0 else "white"
        axes.plot(
            part["x"], part["y"], "os"[number % 2], color=INK, markerfacecolor=face, markersize=5.5, label=kind,
            linestyle="none", zorder=4,
        )  # fmt: skip
        for row in part.itertuples(index=False):
            _region(axes, row, broken=number > 0)
    for along, text in ((axes.xaxis, axis), (axes.yaxis, upright)):
        along.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
        along.set_major_formatter(FuncFormatter(lambda value, _, along=along: _tick(value, along)))
        along.set_label_text(text)
    axes.spines["left"].set_visible(True)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=len(kinds), frameon=False, fontsize=8.5)
    _labels(figure, axes, data)


def _sides(data: pd.DataFrame) -> tuple[list[str], list[str]]:
    """The codes of both columns; the second is empty where codes of one kind are paired."""
    first, second = list(dict.fromkeys(data["first"])), list(dict.fromkeys(data["second"]))
    return (first, second) if set(first).isdisjoint(second) else (list(dict.fromkeys([*first, *second])), [])


def _named(name: str, data: pd.DataFrame) -> str:
    """The label of a code with its interviews, in lines."""
    counts = _counts(data)
    text = f"{name} ({shown(counts[name], 'integer')})" if name in counts else name
    return wrapped(text, NAME if _sides(data)[1] else LONG)


def _room(names: Sequence[str], data: pd.DataFrame) -> np.ndarray:
    """Inches that each label takes."""
    lines = np.array([_named(name, data).count("\n") + 1 for name in names], dtype=float)
    return np.maximum(STEP, _TEXT * lines + 0.1)


def _column(names: Sequence[str], x: float, height: float, data: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Places of codes one below the other, in inches."""
    room = _room(names, data)
    room = room * (height - _LEGEND - _FOOT) / max(room.sum(), 1e-9)
    middle = height - _LEGEND - np.cumsum(room) + room / 2
    return {name: (x, float(y)) for name, y in zip(names, middle, strict=True)}


def _counts(data: pd.DataFrame) -> dict[str, float]:
    """Interviews that name each code, where the table tells."""
    counts = {}
    for side in ("first", "second"):
        if f"count_{side}" in data:
            counts |= dict(zip(data[side], data[f"count_{side}"], strict=True))
    return {name: count for name, count in counts.items() if pd.notna(count)}


def _widths(estimate: np.ndarray) -> np.ndarray:
    """Points of each line, in proportion to what it stands for."""
    most = np.nanmax(np.abs(estimate), initial=0.0)
    return THIN + (THICK - THIN) * np.abs(estimate) / most if most > 0 else np.full(len(estimate), THIN)


def _is_clear(row: tuple) -> bool:
    return not hasattr(row, "conf_low") or bool(row.conf_low > 0 or row.conf_high < 0)


def _line(axes: Axes, begin: tuple[float, float], end: tuple[float, float], width: float, *, clear: bool) -> None:
    """A line between two columns, or an arc beside one."""
    (x0, y0), (x1, y1) = begin, end
    bulge = x0 + 0.5 + 0.55 * abs(y1 - y0) if x0 == x1 else (x0 + x1) / 2
    path = Path([begin, (bulge, y0), (bulge, y1), end], [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4])
    look = {"edgecolor": INK, "linestyle": "-"} if clear else {"edgecolor": SOFT, "linestyle": BROKEN}
    axes.add_patch(PathPatch(path, facecolor="none", linewidth=width, alpha=0.9, capstyle="butt", zorder=2, **look))


def _explain(axes: Axes, data: pd.DataFrame, report: "Report", format: str, axis: str) -> None:
    """What the lines mean: the widths of the largest and the smallest number, and that broken ones may be chance."""
    estimate = data["estimate"].dropna().abs()
    ends = [(estimate.max(), THICK)] if len(estimate) else []
    if len(estimate) > 1 and estimate.min() < estimate.max():
        ends.append((estimate.min(), float(_widths(estimate.to_numpy())[estimate.argmin()])))
    keys = [Line2D([], [], color=INK, linewidth=width, label=shown(value, format)) for value, width in ends]
    if "conf_low" in data:
        keys.append(Line2D([], [], color=SOFT, linestyle=BROKEN, label=report.word("line_maybe_chance")))
    legend = axes.legend(
        handles=keys, loc="upper left", bbox_to_anchor=(0.0, 1.0), ncols=len(keys), frameon=False, fontsize=8,
        title=axis, title_fontsize=8.5, handlelength=2.2, columnspacing=1.4,
    )  # fmt: skip
    legend._legend_box.align = "left"


def _limits(axes: Axes, data: pd.DataFrame, size: tuple[float, float]) -> None:
    """One scale for both axes, wide enough for all points and regions and for labels beside them."""
    reach = data["width"].fillna(0).to_numpy(dtype=float) if "width" in data else np.zeros(len(data))
    ends = [(min((data[axis] - reach).min(), 0), max((data[axis] + reach).max(), 0)) for axis in "xy"]
    span = [1.12 * (high - low) or 1.0 for low, high in ends]
    scale = max(span[0] / size[0], span[1] / size[1])
    for set_limits, (low, high), inches in zip((axes.set_xlim, axes.set_ylim), ends, size, strict=True):
        middle = (low + high) / 2
        set_limits(middle - scale * inches / 2, middle + scale * inches / 2)


def _region(axes: Axes, row: tuple, *, broken: bool) -> None:
    """The ellipse of a point, where it has one."""
    if not hasattr(row, "width") or pd.isna(row.width):
        return
    line = (0, (3, 2)) if broken else "-"
    axes.add_patch(
        Ellipse(
            (row.x, row.y), 2 * row.width, 2 * row.height, angle=row.angle, facecolor="none", edgecolor=SOFT,
            linewidth=0.8, linestyle=line, zorder=1,
        )
    )  # fmt: skip


def _tick(value: float, along: object) -> str:
    return shown_tick(value, "number", along.get_majorticklocs())


def _labels(figure: Figure, axes: Axes, data: pd.DataFrame) -> list[tuple[float, float, float, float]]:
    """Put each label at the nearest free place around its point, with a line to it from afar; the boxes, in dots."""
    renderer = figure.canvas.get_renderer()
    points = axes.transData.transform(data[["x", "y"]].to_numpy(dtype=float))
    taken = [(x - 7, y - 7, x + 7, y + 7) for x, y in points]
    frame = axes.get_window_extent(renderer).extents
    for row, (x, y) in zip(data.itertuples(index=False), points, strict=True):
        style = {"size": 8, "zorder": 5, "linespacing": 1.0, "bbox": _PAPER}
        text = axes.text(0, 0, wrapped(str(row.label), NAME), ha="left", va="bottom", transform=None, **style)
        box = text.get_window_extent(renderer)
        width, height = box.width + 2 * _GAP, box.height + _GAP
        places = _around(x, y, width, height)
        at = next((place for place in places if _is_free(place, taken, frame)), (x, y, x + width, y + height))
        text.set_position((at[0] + _GAP, at[1] + _GAP / 2))
        taken.append(at)
        _join(axes, (x, y), at)
    return taken[len(points) :]


def _around(x: float, y: float, width: float, height: float) -> Iterator[tuple[float, float, float, float]]:
    """Boxes around a point, the nearest first, right before left before above and below."""
    turns = sorted(
        np.linspace(-np.pi, np.pi, 24, endpoint=False), key=lambda turn: (round(abs(np.sin(turn)), 6), -np.cos(turn))
    )
    for distance, turn in product(np.geomspace(9, 420, 18), turns):
        across, up = np.cos(turn), np.sin(turn)
        low, bottom = x + across * distance - (1 - across) / 2 * width, y + up * distance - (1 - up) / 2 * height
        yield low, bottom, low + width, bottom + height


def _is_free(box: tuple[float, ...], taken: Sequence[tuple[float, ...]], frame: Sequence[float]) -> bool:
    """Whether a box lies inside the axes and overlaps nothing."""
    inside = box[0] >= frame[0] and box[1] >= frame[1] and box[2] <= frame[2] and box[3] <= frame[3]
    return inside and not any(
        box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3] for other in taken
    )


def _join(axes: Axes, point: tuple[float, float], box: tuple[float, ...]) -> None:
    """A thin line from a point to a label that stands apart from it."""
    nearest = (np.clip(point[0], box[0], box[2]), np.clip(point[1], box[1], box[3]))
    if np.hypot(nearest[0] - point[0], nearest[1] - point[1]) > 0.09 * DOTS:
        axes.add_line(Line2D(*zip(point, nearest, strict=True), transform=None, color=SOFT, linewidth=0.6, zorder=3))
