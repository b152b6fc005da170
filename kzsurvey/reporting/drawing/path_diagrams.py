"""Diagrams of path models: latent variables as ellipses, observed ones as boxes, in the order in which paths lead.

Where something is explained, what explains it stands to the left of it and items hang below what they measure; else
items stand to the right of their latent variable, as papers draw a measurement model.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Ellipse, FancyArrowPatch, FancyBboxPatch

from kzsurvey.reporting.drawing.labels import wrapped
from kzsurvey.reporting.drawing.style import BROKEN, INK, SHADES, SOFT, WIDTH
from kzsurvey.reporting.formats import shown

if TYPE_CHECKING:
    from kzsurvey.reporting.context import Report

NODE, BOX, ITEM, GAP = (1.06, 0.5), (1.06, 0.32), (1.0, 0.27), 0.32  # inches: latent, observed, item, between blocks
STEP, TOP, FOOT, ARC = 0.31, 0.2, 0.45, 0.62  # inches between items, above and below everything, for an arc above
LEFT, RIGHT = 0.15, 0.5  # inches beside the columns; loadings stand on the right
_PAPER = {"bbox": {"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.92}}


class Layout(NamedTuple):
    """Where everything stands, in inches from the lower left.

    Attributes
    ----------
    nodes : mapping of latent or structural variable to its centre
    items : mapping of (latent variable, item) to the centre of the item's box
    height : float
    paths : bool, whether anything is explained
    """

    nodes: dict[str, tuple[float, float]]
    items: dict[tuple[str, str], tuple[float, float]]
    height: float
    paths: bool


def lay_out(data: pd.DataFrame) -> Layout:
    """Columns from left to right by the longest way of arrows to a variable; blocks from top to bottom.

    Parameters
    ----------
    data : DataFrame, one row per arrow
        ``form`` (``measures``, ``explains``, ``covaries``), ``source``, ``target``.
    """
    nodes, items = _members(data)
    depth = _depths(nodes, data)
    if not max(depth.values(), default=0):
        return _measurement(nodes, items)
    columns = [[name for name in nodes if depth[name] == level] for level in range(max(depth.values()) + 1)]
    latent = set(data.loc[data["form"] == "measures", "source"])
    tall = {name: NODE[1] if name in latent else BOX[1] for name in nodes}
    blocks = {name: tall[name] + (0.1 + STEP * len(items[name]) if items[name] else 0.0) for name in nodes}
    tallest = max(sum(blocks[name] + GAP for name in column) - GAP for column in columns)
    over = ARC * bool(_skipping(data, depth)) + TOP
    height = over + tallest + FOOT
    places, hung = {}, {}
    for level, column in enumerate(columns):
        x = LEFT + NODE[0] / 2 + level * (WIDTH - LEFT - RIGHT - NODE[0]) / (len(columns) - 1)
        y = height - over
        for name in column:
            # the first of every column on one line, whatever they are
            first = NODE[1] if name == column[0] else tall[name]
            places[name] = (x, y - first / 2)
            for number, item in enumerate(items[name]):
                hung[name, item] = (x + 0.06, y - tall[name] - 0.1 - STEP * (number + 0.5))
            y -= max(blocks[name], first) + GAP
    return Layout(places, hung, height, True)


def _measurement(nodes: list[str], items: dict[str, list[str]]) -> Layout:
    """Latent variables below one another, items to their right."""
    height = 2 * TOP + sum(max(STEP * len(items[name]), NODE[1]) + GAP for name in nodes) + FOOT - GAP
    places, hung, y = {}, {}, height - TOP
    for name in nodes:
        tall = max(STEP * len(items[name]), NODE[1])
        places[name] = (1.75, y - tall / 2)
        begin = y - tall / 2 + STEP * (len(items[name]) - 1) / 2
        for number, item in enumerate(items[name]):
            hung[name, item] = (4.6, begin - STEP * number)
        y -= tall + GAP
    return Layout(places, hung, height, False)


def _members(data: pd.DataFrame) -> tuple[list[str], dict[str, list[str]]]:
    """Variables with a place of their own, and the items that hang at each of them."""
    measures = data[data["form"] == "measures"]
    explains = data[data["form"] == "explains"]
    structural = dict.fromkeys([*measures["source"], *explains["source"], *explains["target"]])
    alone = data.loc[data["form"] == "covaries", ["source", "target"]].to_numpy().ravel()
    hanging = set(measures["target"]) - set(structural)
    structural |= dict.fromkeys(name for name in alone if name not in hanging)
    items = {name: [] for name in structural}
    for row in measures.itertuples():
        if row.target in hanging:
            items[row.source].append(row.target)
    return list(structural), items


def _depths(nodes: list[str], data: pd.DataFrame) -> dict[str, int]:
    """Length of the longest way to each variable; ways that run in a circle end where they began."""
    arrows = data[(data["form"] == "explains") | ((data["form"] == "measures") & data["target"].isin(nodes))]
    pairs = [(row.source, row.target) for row in arrows.itertuples()]
    depth = dict.fromkeys(nodes, 0)
    for _ in range(len(nodes)):
        for source, target in pairs:
            depth[target] = max(depth[target], min(depth[source] + 1, len(nodes) - 1))
    levels = {level: rank for rank, level in enumerate(sorted(set(depth.values())))}
    return {name: levels[level] for name, level in depth.items()}


def _skipping(data: pd.DataFrame, depth: dict[str, int]) -> bool:
    """Whether an arrow passes over a column."""
    arrows = data[data["form"] == "explains"]
    return any(depth[row.target] - depth[row.source] > 1 for row in arrows.itertuples())


def structure_height(data: pd.DataFrame) -> float:
    """Inches that a diagram needs."""
    return lay_out(data).height


def structure(figure: Figure, data: pd.DataFrame, report: "Report", *, format: str, axis: str = "") -> None:
    """Draw the diagram; an arrow is broken where its interval includes 0."""
    figure.set_layout_engine("none")
    layout = lay_out(data)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(0, layout.height))
    axes.axis("off")
    latent = set(data.loc[data["form"] == "measures", "source"])
    for name, place in layout.nodes.items():
        _node(axes, name, place, latent=name in latent)
    for (_, item), place in layout.items.items():
        _item(axes, item, place)
    arrived: dict[str, int] = {}
    for row in data.itertuples(index=False):
        if (row.source, row.target) in layout.items:
            _loading(axes, row, layout, format)
        elif row.form == "covaries":
            _covariance(axes, row, layout, format)
        else:
            order = arrived.setdefault(row.target, 0)
            arrived[row.target] += 1
            _path(axes, row, layout, format, order)


def _node(axes: Axes, name: str, place: tuple[float, float], *, latent: bool) -> None:
    """A latent variable, or an observed one that is part of the structure."""
    look = {"facecolor": SHADES[3] if latent else "white", "edgecolor": INK, "linewidth": 1.0, "zorder": 3}
    corner = (place[0] - BOX[0] / 2, place[1] - BOX[1] / 2)
    shape = Ellipse(place, *NODE, **look) if latent else FancyBboxPatch(corner, *BOX, boxstyle="square,pad=0", **look)
    axes.add_patch(shape)
    lines = wrapped(name, 15)
    size = 8.5 if latent or "\n" not in lines else 7
    axes.text(*place, lines, ha="center", va="center", size=size, zorder=4, linespacing=1.0)


def _item(axes: Axes, name: str, place: tuple[float, float]) -> None:
    corner = (place[0] - ITEM[0] / 2, place[1] - ITEM[1] / 2)
    look = {"facecolor": "white", "edgecolor": SOFT, "linewidth": 0.7, "zorder": 3}
    axes.add_patch(FancyBboxPatch(corner, *ITEM, boxstyle="square,pad=0", **look))
    lines = wrapped(name, 17)
    axes.text(
        *place, lines, ha="center", va="center", size=7.2 if "\n" not in lines else 5.8, zorder=4, linespacing=0.95
    )


def _number(row: tuple, format: str, *, interval: bool) -> str:
    """The estimate, with its interval below it where there is room; standardised ones to two decimals."""
    if pd.isna(row.estimate):
        return ""
    ends = [] if pd.isna(row.conf_low) else [row.conf_low, row.conf_high]
    small = max(abs(value) for value in (row.estimate, *ends)) < 2
    beside = (1.0, 0.5, 1.5) if small else (row.estimate, *ends)
    values = [round(float(value), 2) if small else value for value in (row.estimate, *ends)]
    said, *told = (shown(value, format, beside=beside) for value in values)
    return f"{said}\n[{told[0]}, {told[1]}]" if interval and told else said


def _clear(row: tuple) -> bool:
    return bool(pd.isna(row.conf_low) or row.conf_low > 0 or row.conf_high < 0)


def _arrow(
    axes: Axes, begin: tuple, end: tuple, *, clear: bool, bend: float = 0.0, both: bool = False, thin: bool = False
) -> None:
    look = (
        {"color": SOFT, "linewidth": 0.8, "mutation_scale": 7}
        if thin
        else {"color": INK, "linewidth": 1.1, "mutation_scale": 10}
    )
    look |= {
        "linestyle": "-" if clear else BROKEN,
        "arrowstyle": "<|-|>" if both else "-|>",
        "shrinkA": 0,
        "shrinkB": 0,
    }
    axes.add_patch(FancyArrowPatch(begin, end, connectionstyle=f"arc3,rad={bend}", zorder=2, **look))


def _loading(axes: Axes, row: tuple, layout: Layout, format: str) -> None:
    """From a latent variable to an item: along a stem below it, or straight to the right."""
    node, item = layout.nodes[row.source], layout.items[row.source, row.target]
    left = item[0] - ITEM[0] / 2
    if layout.paths:
        stem = left - 0.1
        axes.plot([stem, stem], [node[1] - 0.16, item[1]], color=SOFT, linewidth=0.8, zorder=1)
        text, right = _number(row, format, interval=False), item[0] + ITEM[0] / 2 + 0.04
        _arrow(axes, (stem, item[1]), (left, item[1]), clear=_clear(row), thin=True)
        axes.text(right, item[1], text, ha="left", va="center", size=7)
        return
    begin = _rim(node, (left, item[1]))
    _arrow(axes, begin, (left, item[1]), clear=_clear(row), thin=True)
    at = 0.72
    place = (begin[0] + at * (left - begin[0]), begin[1] + at * (item[1] - begin[1]))
    axes.text(*place, _number(row, format, interval=False), ha="center", va="center", size=7.5, zorder=5, **_PAPER)


def _rim(node: tuple[float, float], towards: tuple[float, float]) -> tuple[float, float]:
    """Where a line from the centre of an ellipse leaves it."""
    across, up = towards[0] - node[0], towards[1] - node[1]
    scale = 1 / np.hypot(across / (NODE[0] / 2), up / (NODE[1] / 2))
    return node[0] + scale * across, node[1] + scale * up


def _path(axes: Axes, row: tuple, layout: Layout, format: str, order: int) -> None:
    """What explains to what is explained; ``order``: how many arrows to it were drawn before."""
    begin, end = layout.nodes[row.source], layout.nodes[row.target]
    between = [place for place in layout.nodes.values() if begin[0] + 0.3 < place[0] < end[0] - 0.3]
    over = begin[0] < end[0] and any(abs(y - (begin[1] + end[1]) / 2) < 0.6 for _, y in between)
    if over and begin[1] > end[1] - 0.2:  # above what is in between
        start, stop, bend, lift = (begin[0], begin[1] + NODE[1] / 2), (end[0], end[1] + NODE[1] / 2), -0.17, 0.085
    elif over:  # below it
        start, stop, bend, lift = (begin[0] + BOX[0] / 2, begin[1]), (end[0] - 0.42, end[1] - NODE[1] / 2), 0.2, -0.1
    elif end[0] > begin[0] + 0.1:
        start, stop, bend, lift = (begin[0] + BOX[0] / 2, begin[1]), _arrival(begin, end, order), 0.0, 0.0
    else:  # back, or within a column
        start, stop, bend, lift = (begin[0], begin[1] - NODE[1] / 2), (end[0], end[1] + BOX[1] / 2), 0.0, 0.0
    _arrow(axes, start, stop, clear=_clear(row), bend=bend)
    text = _number(row, format, interval=True)
    across, up = stop[0] - start[0], stop[1] - start[1]
    if over or abs(up) < 0.25:
        place = (start[0] + across / 2, start[1] + up / 2 + lift * np.hypot(across, up) + (0.0 if over else 0.19))
        axes.text(*place, text, ha="center", va="center", size=7.8, zorder=5, **_PAPER)
    else:  # near where it begins, beside it, clear of the items above
        at = 0.16 if up > 0 else 0.3
        place = (start[0] + at * across + 0.07, start[1] + at * up - (0.05 if up > 0 else 0.0))
        axes.text(*place, text, ha="left", va="center", size=7.8, zorder=5, **_PAPER)


def _arrival(begin: tuple[float, float], end: tuple[float, float], order: int) -> tuple[float, float]:
    """Where an arrow from the left arrives: those from below somewhat lower, each at a place of its own."""
    if begin[1] > end[1] - 0.2:
        return end[0] - BOX[0] / 2, end[1]
    drop = min(0.06 * (order + 1), 0.17)
    inside = 1 - np.sqrt(max(1 - (drop / (NODE[1] / 2)) ** 2, 0.0))
    return end[0] - BOX[0] / 2 * (1 - inside), end[1] - drop


def _covariance(axes: Axes, row: tuple, layout: Layout, format: str) -> None:
    """A bow with two heads on the left of a column; residuals of items are not drawn."""
    if row.source not in layout.nodes or row.target not in layout.nodes:
        return
    one, other = sorted((layout.nodes[row.source], layout.nodes[row.target]), key=lambda place: -place[1])
    if abs(one[0] - other[0]) > 0.1:
        bend, start, stop = 0.35, (one[0], one[1] - NODE[1] / 2), (other[0], other[1] - NODE[1] / 2)
        middle = ((start[0] + stop[0]) / 2, min(start[1], stop[1]) - 0.2)
    else:
        places = sorted((y for x, y in layout.nodes.values() if abs(x - one[0]) < 0.1), reverse=True)
        apart = places.index(other[1]) - places.index(one[1])
        reach = one[1] - other[1]
        lower = 0.1 if apart == 1 else 0.0
        start, stop = (one[0] - NODE[0] / 2 + 0.02, one[1] - lower), (other[0] - NODE[0] / 2 + 0.02, other[1] + lower)
        bend = min(0.9, 0.62 * apart / max(reach, 0.1))
        middle = (start[0] - bend * (start[1] - stop[1]) / 2, (start[1] + stop[1]) / 2)
    _arrow(axes, start, stop, clear=_clear(row), bend=bend, both=True)
    axes.text(*middle, _number(row, format, interval=False), ha="center", va="center", size=7.8, zorder=5, **_PAPER)
