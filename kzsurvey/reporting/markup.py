"""Tables and figures as HTML that a screen reader can read: captions, heads with their scope, texts for pictures."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from kzsurvey.reporting.words import direction

if TYPE_CHECKING:
    from kzsurvey.reporting.context import Report

LONG = 12  # letters from which a text asks for room on a narrow screen


class Column(NamedTuple):
    """One printed column: where its numbers come from, its head, and how a number is written."""

    names: tuple[str, ...]
    head: str
    format: str

    @property
    def numeric(self) -> bool:
        """Whether it is set flush with its last digit."""
        return self.format != "text"


def table_html(
    cells: Sequence[Sequence[str]], columns: Sequence[Column], row_heads: int, twin: Mapping[str, Any], report: "Report"
) -> str:
    """A table with three lines, in a box of its own that scrolls where the screen is narrow.

    Parameters
    ----------
    cells : rows of printed texts
    columns : one Column per text of a row
    row_heads : int
        How many columns, from the first, are heads of their rows.
    twin : mapping
        Its ``caption`` and ``notes`` are printed.
    report : Report
    """
    heads = "".join(f'<th scope="col"{_kind(column)}>{_label(column.head, report)}</th>' for column in columns)
    rows = "\n".join(f"<tr>{_row(cells, number, columns, row_heads, report)}</tr>" for number in range(len(cells)))
    title = f'<span class="kz-caption">{_label(twin["caption"], report)}{_simulated(report)}</span>'
    inner = f"<caption>{title}</caption>\n<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>"
    name = escape(twin["caption"])
    box = f'<div class="kz-scroll" tabindex="0" role="region" aria-label="{name}"><table>{inner}</table></div>'
    return f'<div class="kz-table">{box}{_notes(twin["notes"], report)}</div>'


def figure_html(picture: str, twin: Mapping[str, Any], report: "Report") -> str:
    """A figure with its caption and notes; the picture is inside, as text.

    Parameters
    ----------
    picture : str
        A PNG file in base64.
    twin : mapping
        Its ``caption``, ``alt`` and ``notes`` are printed.
    report : Report
    """
    name = escape(twin["caption"])
    image = f'<img alt="{escape(twin["alt"])}" src="data:image/png;base64,{picture}">'
    box = f'<div class="kz-scroll" tabindex="0" role="region" aria-label="{name}">{image}</div>'
    caption = f"<figcaption>{_label(twin['caption'], report)}{_simulated(report)}</figcaption>"
    return f'<figure class="kz-figure">{caption}{box}{_notes(twin["notes"], report)}</figure>'


def _row(cells: Sequence, number: int, columns: Sequence[Column], row_heads: int, report: "Report") -> str:
    """One row: its heads, then its cells."""
    heads = [_row_head(cells, number, level, row_heads, report) for level in range(row_heads)]
    rest = zip(cells[number][row_heads:], columns[row_heads:], strict=True)
    return "".join([*heads, *(f"<td{_kind(column, text)}>{_label(text, report)}</td>" for text, column in rest)])


def _row_head(cells: Sequence, number: int, level: int, row_heads: int, report: "Report") -> str:
    """The head of a row; outer heads span the rows they are about."""
    key, text = cells[number][: level + 1], cells[number][level]
    if level == row_heads - 1:
        return f'<th scope="row"{_long(text)}>{_label(text, report)}</th>'
    if number and cells[number - 1][: level + 1] == key:
        return ""
    below = cells[number:]
    span = next((count for count, line in enumerate(below) if line[: level + 1] != key), len(below))
    return f'<th scope="rowgroup" rowspan="{span}">{_label(text, report)}</th>'


def _kind(column: Column, text: str = "") -> str:
    lines = " kz-lines" if column.format == "written" else ""
    return f' class="kz-number{lines}"' if column.numeric else _long(text)


def _long(text: str) -> str:
    return ' class="kz-long"' if len(text) > LONG else ""


def _notes(notes: Sequence[str], report: "Report") -> str:
    return "".join(f'<p class="kz-note">{_label(note, report)}</p>' for note in notes)


def _simulated(report: "Report") -> str:
    return f' <span class="kz-mark">{escape(report.word("simulated"))}</span>' if report.survey.simulated else ""


def _label(text: str, report: "Report") -> str:
    """Text that, beside a language written from right to left, keeps the direction of its own."""
    return f'<bdi dir="auto">{escape(text)}</bdi>' if direction(report.language) == "rtl" else escape(text)
