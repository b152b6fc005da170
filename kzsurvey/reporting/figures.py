"""Figures of the reports: drawn the same to the byte wherever they are drawn, and readable in grey.

Every figure names its axes with their units, the number of interviews and, while answers are simulated, that they are.
How each kind is drawn stands in :mod:`kzsurvey.reporting.drawing`.
"""

import warnings
from collections.abc import Callable
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

import matplotlib
import pandas as pd
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kzsurvey.errors import Fault, ReportError
from kzsurvey.reporting.drawing.axes import rows_height
from kzsurvey.reporting.drawing.bars import bars, histogram, parts
from kzsurvey.reporting.drawing.curves import choices_height, curve, specifications
from kzsurvey.reporting.drawing.imputed import chains, distributions, items_height, pairs_height
from kzsurvey.reporting.drawing.intervals import coefficients, dots, panels_height
from kzsurvey.reporting.drawing.labels import LABEL, narrow, wrapped
from kzsurvey.reporting.drawing.maps import network, network_height, positions
from kzsurvey.reporting.drawing.mediation_diagrams import mediation_height, paths
from kzsurvey.reporting.drawing.path_diagrams import structure, structure_height
from kzsurvey.reporting.drawing.style import DOTS, INK, LINE, SHADES, SOFT, SQUARE, STYLE, UPRIGHT, WIDTH, families
from kzsurvey.reporting.formats import shown

if TYPE_CHECKING:
    from kzsurvey.reporting.context import Report

__all__ = ["DOTS", "FIGURES", "INK", "LABEL", "LINE", "SHADES", "SOFT", "STYLE", "WIDTH", "Kind", "draw", "wrapped"]


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
        data = data.map(narrow).rename(columns=narrow)
        options = {name: narrow(value) for name, value in options.items()}
    with matplotlib.rc_context({**STYLE, "font.family": families()}), warnings.catch_warnings():
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


def _upright(data: pd.DataFrame) -> float:
    return UPRIGHT


def _square(data: pd.DataFrame) -> float:
    return SQUARE


FIGURES = {
    "dots": Kind(dots, "percent0", rows_height),
    "coefficients": Kind(coefficients, "number", panels_height),
    "bars": Kind(bars, "integer", rows_height),
    "parts": Kind(parts, "percent0", rows_height),
    "histogram": Kind(histogram, "integer", _upright, marks=True),
    "paths": Kind(paths, "number", mediation_height),
    "structure": Kind(structure, "number", structure_height),
    "curve": Kind(curve, "number", _upright),
    "chains": Kind(chains, "number", items_height),
    "distributions": Kind(distributions, "number", pairs_height),
    "specifications": Kind(specifications, "number", choices_height),
    "network": Kind(network, "number", network_height),
    "map": Kind(positions, "number", _square),
}


def _sign(figure: Figure, report: "Report", n: int | None) -> None:
    """Below the figure: how many interviews, and what kind of answers."""
    said = [] if n is None else [report.word("note_n").format(n=shown(n, "integer"))]
    if report.survey.simulated:
        said.append(report.word("simulated_mark"))
    if said:
        figure.supxlabel("  ·  ".join(said), x=0.99, ha="right", fontsize=8, color=SOFT)


def _png(figure: Figure) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
