"""The kinds of figures of the reports: drawn the same to the byte wherever they are drawn, and readable in grey.

Every figure names its axes with their units, the number of interviews and, while answers are simulated, that they are.
"""

import textwrap
import unicodedata
import warnings
from collections.abc import Callable, Sequence
from io import BytesIO
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import matplotlib
import numpy as np
import pandas as pd
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from kzsurvey.errors import Fault, ReportError
from kzsurvey.reporting.fonts import chinese_font
from kzsurvey.reporting.formats import shown, shown_tick

if TYPE_CHECKING:
    from kzsurvey.reporting.context import Report

WIDTH, ROW, MARGIN, PANEL = 5.6, 0.31, 1.0, 0.68  # inches; MARGIN is what stands around the rows
UPRIGHT, SQUARE = 3.0, 4.9  # inches high
LABEL = 26  # width of a label in Latin letters; a Chinese character takes two
DOTS = 180  # per inch
INK, SOFT, LINE = "#1d2b36", "#5b6b78", "#c9d1d8"
SHADES = ("#1f3a4d", "#6f93ab", "#b9cedb", "#e6edf1", "#f6f2e7")
DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)))
BOX, LEVEL, BOX_LABEL = (1.55, 0.62), 1.05, 20  # inches of a box and between boxes; Latin letters in a box
QUOTES = str.maketrans("“”‘’", "\"\"''")
STEP = 0.34  # inches between codes of a network
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.edgecolor": LINE,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": INK,
    "ytick.major.size": 0,
    "axes.axisbelow": True,
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "kzsurvey",
}
_CURVE = ("estimate", "conf_low", "conf_high")  # columns of a specification curve that are not choices
_BINS = 120  # along a specification curve: more cannot be told apart
_PAPER = {"bbox": {"facecolor": "white", "edgecolor": "none", "pad": 1.2, "alpha": 0.9}}


class Kind(NamedTuple):
    """How a kind of figure is drawn, how its numbers are written unless told, how many inches high it is."""

    draw: Callable[..., None]
    format: str
    height: Callable[[pd.DataFrame], float]
    marks: bool = False  # whether what is withheld keeps its place, with a mark


def draw(
    data: pd.DataFrame, report: "Report", *, kind: str, n: int | None = None, format: str, **options: object
) -> bytes:
    """Draw a figure.

    Parameters
    ----------
    data : DataFrame, one row per thing drawn
        Column ``label``; ``dots`` and ``coefficients``: ``estimate``, ``conf_low``, ``conf_high``, optional ``group``;
        ``bars``: ``estimate``; ``parts``: one column of shares per part, in order. ``paths``, a row per arrow:
        ``path``, ``source``, ``target``, ``estimate``, ``conf_low``, ``conf_high``; where a box stands follows from the
        arrows in and out of it. ``structure``: the same of a path model, with ``form`` (``measures``, ``explains``,
        ``covaries``), from :func:`kzsurvey.modelling.path_arrows`. ``curve``: ``value`` (along the horizontal axis),
        ``estimate``, ``conf_low``, ``conf_high``, optional ``group``. ``specifications``, a row per specification in
        their order: ``estimate``, ``conf_low``, ``conf_high``, and a column of flags per choice, named as readers know
        it. ``chains`` and ``distributions``: as the functions of :mod:`kzsurvey.reporting.imputations` make them.
        ``network``, a row per pair: ``first``, ``second``, ``estimate``, optional ``conf_low``, ``conf_high``,
        ``count_first``, ``count_second``. ``map``: ``label``, ``group`` (two kinds of points), ``x``, ``y``, optional
        ``width``, ``height``, ``angle`` of an ellipse.
    report : Report
    kind : str
        A key of ``FIGURES``.
    n : int
        Interviews, written into the figure.
    format : str
        How numbers on the axis are written.
    **options
        ``axis``: text of the value axis; of ``network`` what the width of lines means. Of ``curve``,
        ``specifications`` and ``map`` also ``upright``: text of the vertical axis, above it; of ``curve`` ``middle``:
        from where to where a bar on the horizontal axis says that the middle half of the sample is; ``marks``: values
        at which the interval ends at 0.

    Returns
    -------
    bytes
        A PNG file without date and without the name of the program.

    Raises
    ------
    ReportError
        No font has a character of a label.
    """
    if not report.language.startswith("zh"):
        data = data.map(_narrow).rename(columns=_narrow)
        options = {name: _narrow(value) for name, value in options.items()}
    with matplotlib.rc_context({**STYLE, "font.family": _families()}), warnings.catch_warnings():
        warnings.filterwarnings("error", message="Glyph .* missing from")
        figure = Figure(figsize=(WIDTH, FIGURES[kind].height(data)), dpi=DOTS)
        FigureCanvasAgg(figure)
        FIGURES[kind].draw(figure, data, report, format=format, **options)
        _sign(figure, report, n)
        try:
            return _png(figure)
        except UserWarning as warning:
            hint = "name a font file that has it in the environment variable KZ_FONT"
            raise ReportError(Fault("figure", str(warning), "characters that the font has", hint=hint)) from None


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
        _legend(axes, groups)
    if format.startswith("percent"):
        axes.set_xlim(left=min(0.0, axes.get_xlim()[0]) if (data["estimate"] < 0).any() else 0.0)
    _rows(axes, labels)
    _values(axes, format, axis)


def coefficients(figure: Figure, data: pd.DataFrame, report: "Report", *, format: str, axis: str = "") -> None:
    """Coefficients with their intervals around zero, each on a scale of its own, because their units differ."""
    rows = figure.subplots(max(len(data), 1), 1, squeeze=False)[:, 0]
    for axes, (_, row) in zip(rows, data.iterrows(), strict=False):
        _points(axes, row.to_frame().T, np.zeros(1), 0, None)
        axes.axvline(0, color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=0)
        reach = 1.15 * max(abs(float(row["conf_low"])), abs(float(row["conf_high"])), 1e-12)
        axes.set_xlim(-reach, reach)
        axes.locator_params(axis="x", nbins=5)
        _rows(axes, [row["label"]])
        _values(axes, format, "")
    rows[-1].set_xlabel(axis)


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
    _rows(axes, list(data["label"]))
    _values(axes, format, axis)


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
    _legend(axes, names)
    _rows(axes, list(data["label"]))
    _values(axes, format, axis)


def histogram(figure: Figure, data: pd.DataFrame, report: "Report", *, format: str, axis: str = "") -> None:
    """Counts per class of a number: column ``label`` names the class, ``estimate`` is the count or missing."""
    axes = figure.subplots()
    place, counts = np.arange(len(data)), data["estimate"].to_numpy(dtype=float, na_value=np.nan)
    axes.bar(place, counts, width=0.96, color=SHADES[1], edgecolor=INK, linewidth=0.5)
    for at in place[np.isnan(counts)]:
        mark = report.word("mark_withheld")
        axes.annotate(mark, (at, 0), (0, 3), textcoords="offset points", ha="center", color=SOFT)
    crowded = 0.08 * sum(_width(character) for label in data["label"] for character in label) > 0.75 * WIDTH
    axes.set_xticks(place, list(data["label"]), rotation=40 if crowded else 0, ha="right" if crowded else "center")
    axes.set_xlabel(axis)
    axes.set_ylabel(report.word("interviews_count"))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value, "integer")))
    axes.grid(axis="y", color=LINE, linewidth=0.6)


def paths(figure: Figure, data: pd.DataFrame, report: "Report", *, format: str, axis: str = "") -> None:
    """A diagram of mediation: what comes first on the left, the outcome on the right, mediators between and above.

    An arrow is broken where its interval includes 0.
    """
    figure.set_layout_engine("none")
    axes = figure.add_axes((0, 0, 1, 1))
    height = figure.get_size_inches()[1]
    axes.set(xlim=(0, WIDTH), ylim=(0, height))
    axes.axis("off")
    places = _boxes(data)
    for name, (x, y) in places.items():
        text = {"ha": "center", "va": "center", "size": 9, "zorder": 4}
        axes.text(x, y, wrapped(name, BOX_LABEL), **text)
        axes.add_patch(_box(x, y))
    for row in data.itertuples(index=False):
        _arrow(axes, places[row.source], places[row.target], clear=_excludes_zero(row))
        x, y, side = _beside(places[row.source], places[row.target])
        axes.text(x, y, _on_arrow(row, format), ha=side, va="center", size=8.5, zorder=5, **_PAPER)


def structure(figure: Figure, data: pd.DataFrame, report: "Report", *, format: str, axis: str = "") -> None:
    """A diagram of a path model: what measures, what explains, what covaries."""
    from kzsurvey.reporting.path_diagrams import draw_structure  # which draws with the colours of this module

    draw_structure(figure, data, report, format=format)


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
        _legend(axes, groups)
    axes.axhline(0, color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    for mark in marks:
        axes.axvline(mark, color=INK, linewidth=0.9, linestyle=(0, (1, 2)))
    axes.margins(x=0.0, y=0.08)
    axes.spines["left"].set_visible(True)
    _both_scales(axes, format, axis, upright)
    if middle is not None:
        across = axes.get_xaxis_transform()
        axes.plot(middle, (0.012, 0.012), color=INK, linewidth=4, solid_capstyle="butt", transform=across, zorder=5)


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
    look = {"ncols": _columns(groups), "frameon": False, "fontsize": 8.5, "handlelength": 3.4}
    figure.legend(handles, groups, loc="outside upper left", **look)


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
    above.axhline(0, color=SOFT, linewidth=0.9, linestyle=(0, (4, 3)))
    above.set_title(wrapped(upright, 2 * LABEL), loc="left", fontsize=9)
    above.yaxis.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    above.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown_tick(value, format, above.get_yticks())))
    above.grid(axis="y", color=LINE, linewidth=0.6)
    edges = np.linspace(0.5, len(data) + 0.5, min(len(data), _BINS) + 1)
    share = np.stack([_shares_of(data[name].to_numpy(dtype=float), place, edges) for name in choices])
    below.pcolormesh(edges, np.arange(len(choices) + 1) - 0.5, share, cmap=_greys(), vmin=0, vmax=1, linewidth=0)
    _rows(below, choices)
    below.set_xlim(0.5, len(data) + 0.5)
    below.set_xlabel(wrapped(axis, 3 * LABEL))
    below.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))


def _shares_of(flags: np.ndarray, place: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Share of the specifications between two edges that made a choice."""
    total, _ = np.histogram(place, bins=edges)
    made, _ = np.histogram(place, bins=edges, weights=flags)
    return made / np.maximum(total, 1)


def _greys() -> LinearSegmentedColormap:
    """From the paper to the ink."""
    return LinearSegmentedColormap.from_list("kz", ["white", SHADES[0]])


def network(figure: Figure, data: pd.DataFrame, report: "Report", *, format: str, axis: str = "") -> None:
    """Codes and the lines between those that are named together."""
    from kzsurvey.reporting.maps import draw_network

    draw_network(figure, data, report, format=format, axis=axis)


def positions(
    figure: Figure, data: pd.DataFrame, report: "Report", *, format: str, axis: str = "", upright: str = ""
) -> None:
    """Codes and groups on two dimensions, with their regions."""
    from kzsurvey.reporting.maps import draw_map

    draw_map(figure, data, report, format=format, axis=axis, upright=upright)


def _by_rows(data: pd.DataFrame) -> float:
    """Height of a figure with a row per label, higher where labels need several lines or rows hold several groups."""
    lines = max((wrapped(str(label)).count("\n") + 1 for label in data["label"]), default=1)
    groups = data["group"].nunique() if "group" in data else 1
    legend = 0.0 if groups == 1 else 0.19 * -(-groups // _columns(list(data["group"].unique())))
    return MARGIN + legend + ROW * max(data["label"].nunique(), 2) * max(1.0, 0.6 * lines, 0.5 * groups)


def _by_panels(data: pd.DataFrame) -> float:
    """Height of a figure with an axis per row."""
    return MARGIN + PANEL * max(len(data), 1)


def _by_mediators(data: pd.DataFrame) -> float:
    """Height of a diagram with its mediators one above the other."""
    return 0.7 + BOX[1] + LEVEL * max(len(_between(data)), 1)


def _by_choices(data: pd.DataFrame) -> float:
    """Height of a specification curve with a row per choice below it."""
    return UPRIGHT + 0.6 + 0.8 * ROW * sum(name not in _CURVE for name in data.columns)


def _by_structure(data: pd.DataFrame) -> float:
    """Height of the diagram of a path model."""
    from kzsurvey.reporting.path_diagrams import structure_height

    return structure_height(data)


def _by_codes(data: pd.DataFrame) -> float:
    """Height of a network."""
    from kzsurvey.reporting.maps import network_height

    return network_height(data)


def _square(data: pd.DataFrame) -> float:
    return SQUARE


def _fixed(data: pd.DataFrame) -> float:
    return UPRIGHT


def _by_items(data: pd.DataFrame) -> float:
    """Height of a figure with a row of panels per item."""
    return 0.7 + 1.35 * max(data["label"].nunique(), 1)


def _by_pairs_of_items(data: pd.DataFrame) -> float:
    """Height of a figure with two items in a row."""
    return 0.8 + 1.6 * max(-(-data["label"].nunique() // 2), 1)


FIGURES = {
    "dots": Kind(dots, "percent0", _by_rows),
    "coefficients": Kind(coefficients, "number", _by_panels),
    "bars": Kind(bars, "integer", _by_rows),
    "parts": Kind(parts, "percent0", _by_rows),
    "histogram": Kind(histogram, "integer", _fixed, marks=True),
    "paths": Kind(paths, "number", _by_mediators),
    "structure": Kind(structure, "number", _by_structure),
    "curve": Kind(curve, "number", _fixed),
    "chains": Kind(chains, "number", _by_items),
    "distributions": Kind(distributions, "number", _by_pairs_of_items),
    "specifications": Kind(specifications, "number", _by_choices),
    "network": Kind(network, "number", _by_codes),
    "map": Kind(positions, "number", _square),
}


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


def _rows(axes: Axes, labels: Sequence[str]) -> None:
    axes.set_yticks(range(len(labels)), [wrapped(label) for label in labels])
    axes.set_ylim(len(labels) - 0.4, -0.6)


def _between(data: pd.DataFrame) -> list[str]:
    """What arrows both go to and come from."""
    targets = set(data["target"])
    return [name for name in dict.fromkeys(data["source"]) if name in targets]


def _boxes(data: pd.DataFrame) -> dict[str, tuple[float, float]]:
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
    line = "-" if clear else (0, (4, 3))
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


def _both_scales(axes: Axes, format: str, axis: str, upright: str) -> None:
    """Numbers and names on both axes of a curve."""
    for along in (axes.xaxis, axes.yaxis):
        along.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10]))
    axes.set_xlabel(wrapped(axis, 3 * LABEL))
    axes.set_title(wrapped(upright, 3 * LABEL), loc="left", fontsize=9)  # upright letters are hard to read
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: shown_tick(value, "number", axes.get_xticks())))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown_tick(value, format, axes.get_yticks())))
    axes.grid(color=LINE, linewidth=0.6)


def _values(axes: Axes, format: str, axis: str) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10]))  # steps that one digit writes exactly
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: shown_tick(value, format, axes.get_xticks())))
    axes.grid(axis="x", color=LINE, linewidth=0.6)
    axes.set_xlabel(axis)


def _legend(axes: Axes, names: Sequence[str]) -> None:
    """What the markers or shades mean, above the axes, in as many columns as the figure is wide enough for."""
    axes.figure.legend(loc="outside upper left", ncols=_columns(names), frameon=False, fontsize=8.5)


def _columns(names: Sequence[str]) -> int:
    """Columns of a legend: its widest name and marker fit as often into the width of the figure."""
    widest = max(sum(map(_width, str(name))) for name in names)
    return max(1, min(len(names), int(WIDTH / (0.07 * widest + 0.6))))


def _sign(figure: Figure, report: "Report", n: int | None) -> None:
    """Below the figure: how many interviews, and what kind of answers."""
    said = [] if n is None else [report.word("note_n").format(n=shown(n, "integer"))]
    if report.survey.simulated:
        said.append(report.word("simulated_mark"))
    if said:
        figure.supxlabel("  ·  ".join(said), x=0.99, ha="right", fontsize=8, color=SOFT)


def _narrow(value: object) -> object:
    """Straight quotation marks: the curly ones of a Chinese font are as wide as a Chinese character."""
    return value.translate(QUOTES) if isinstance(value, str) else value


def _png(figure: Figure) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()


def _families() -> list[str]:
    """The Chinese font first, then the one that comes with matplotlib, for other scripts."""
    path = str(chinese_font())
    if not any(entry.fname == path for entry in font_manager.fontManager.ttflist):
        font_manager.fontManager.addfont(path)
    return [font_manager.FontProperties(fname=path).get_name(), "DejaVu Sans"]


def wrapped(label: str, width: int = LABEL) -> str:
    """A label in lines of at most so many Latin widths."""
    if not any(_width(character) == 2 for character in label):
        return "\n".join(textwrap.wrap(label, width)) or label
    total = sum(map(_width, label))
    fair = -(-total // -(-total // width))  # lines of about the same length, none with a single character
    lines, filled = [""], 0
    for character in label:
        if filled + _width(character) > fair + 1 and not _closes(character):
            lines, filled = [*lines, ""], 0
        lines[-1] += character
        filled += _width(character)
    return "\n".join(line.strip() for line in lines)


def _width(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _closes(character: str) -> bool:
    """Punctuation that never begins a line."""
    return character in "，。、；：！？）》」』”’%"
