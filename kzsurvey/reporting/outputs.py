"""Tables and figures as typed outputs: HTML and PNG for people, a JSON twin for writers of other kinds of files.

What a reader sees and what ``numbers.json`` holds come from the same call, and no count below the smallest publishable
cell passes through it.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kzsurvey.reporting.disclosure import withhold
from kzsurvey.reporting.formats import format_of, rounded, shown
from kzsurvey.reporting.markup import Column, figure_html, table_html

if TYPE_CHECKING:
    from kzsurvey.reporting.context import Report

TABLE_MIME = "application/vnd.kzsurvey.table+json"
FIGURE_MIME = "application/vnd.kzsurvey.figure+json"
COUNTS = ("n", "count")
INTERVAL_OF = ("estimate", "alpha", "conf_low", "conf_high")  # what an interval is of, and its ends
FEW = 8  # degrees of freedom below which an interval is marked
Texts = Mapping[str, str] | str


@dataclass(frozen=True)
class Output:
    """One output of a notebook cell, in every form a reader or a writer of files needs.

    Attributes
    ----------
    bundle : mapping of MIME type to content
        Holds exactly one ``application/vnd.kzsurvey.*+json``: the twin.
    """

    bundle: Mapping[str, Any]

    @property
    def twin(self) -> Mapping[str, Any]:
        """What the output says, as data."""
        return next(content for mime, content in self.bundle.items() if mime.startswith("application/vnd.kzsurvey."))

    def __repr__(self) -> str:
        return self.bundle["text/plain"]

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, Any]:
        return dict(self.bundle)


def display(output: Output) -> None:
    """Show an output in the cell of a notebook; outside one, its text is printed."""
    from IPython.display import display as show

    show(output)


def table(data: pd.DataFrame, report: "Report", **options: Any) -> None:
    """Show a table; see :func:`table_output` for the options."""
    display(table_output(data, report, **options))


def figure(data: pd.DataFrame, report: "Report", *, kind: str, **options: Any) -> None:
    """Show a figure; see :func:`figure_output` for the options."""
    display(figure_output(data, report, kind=kind, **options))


def table_output(
    data: pd.DataFrame,
    report: "Report",
    *,
    caption: Texts,
    heads: Mapping[str, Texts] | None = None,
    formats: Mapping[str, str] | None = None,
    notes: Sequence[Texts] = (),
    n: int | None = None,
    counts: Sequence[str] | None = None,
    sums: Sequence[str] | None = (),
    blank: str = "none",
    sampling: bool = True,
) -> Output:
    """A table as readers of a paper know it, and its JSON twin.

    Parameters
    ----------
    data : DataFrame, one row per printed row
        Levels of a named index are row heads; without one the first column is. ``conf_low`` and ``conf_high`` are
        printed as one interval; ``df`` beside them is not printed, but intervals on fewer than 8 degrees of freedom
        are marked. Other columns in their order.
    report : Report
    caption : text, or mapping of language to text
    heads : mapping of column to text
        Else the word of the reports, the label of the question or measure, or the name itself; a unit is added.
    formats : mapping of column to a key of ``FORMATS``
        Else from the column's name and type.
    notes : texts
    n : int
        Interviews the table rests on.
    counts : names of columns
        Those that count interviews: rows with fewer than the survey's smallest cell are withheld, and as many more as
        it takes that they cannot be computed from the sum. Default: ``n`` and ``count``, where there are such columns.
        ``()`` for a table whose counts are not about persons.
    sums : names of columns or index levels, or None
        As for :func:`kzsurvey.reporting.withhold`: which rows add up to a sum that readers know.
    blank : str
        What an empty cell means: ``none`` (there is no number) or ``withheld``.
    sampling : bool
        Whether intervals are those of the survey's sample; a note says so.

    Returns
    -------
    Output
        text/html, ``application/vnd.kzsurvey.table+json``, text/plain.

    Examples
    --------
    >>> from kzsurvey.reporting import open_report
    >>> report = open_report("tests/surveys/data/raw/market", language="en")
    >>> counted = pd.DataFrame({"group": ["a", "b", "c"], "count": [40, 30, 2]})
    >>> table_output(counted, report, caption="Interviews").twin["rows"]
    [['a', 40], ['b', None], ['c', None]]
    """
    safe = _withheld(data, report, counts, sums)
    mask = safe.pop("withheld")
    flat = safe if _plain_index(safe) else safe.reset_index()
    flat.columns = [str(name) for name in flat.columns]
    few = _few(flat)
    flat = flat.drop(columns="df") if "df" in flat and "conf_low" in flat else flat
    row_heads = 1 if _plain_index(safe) else safe.index.nlevels
    columns = _columns(flat, report, heads or {}, formats or {})
    marks = _marks(flat, mask.to_numpy(), row_heads, blank)
    lines = _notes(report, notes, n, hidden=bool(marks), interval=sampling and "conf_low" in flat, mark="note_withheld")
    lines += [report.word("note_few")] if few.any() else []
    twin = {
        "caption": report.text(caption),
        "columns": [
            {"name": name, "head": column.head, "format": column.format} for column in columns for name in column.names
        ],
        "row_heads": row_heads,
        "rows": [[rounded(flat.at[row, name]) for column in columns for name in column.names] for row in flat.index],
        "withheld": [list(mark) for mark in sorted(marks)],
        "few_clusters": [int(row) for row in few.nonzero()[0]],
        "notes": lines,
        "n": n,
        "simulated": report.survey.simulated,
    }
    cells = _cells(flat, columns, marks, few, report)
    html = table_html(cells, columns, row_heads, twin, report)
    plain = "\n".join([twin["caption"], "\t".join(column.head for column in columns), *map("\t".join, cells)])
    return Output({"text/html": html, TABLE_MIME: twin, "text/plain": plain})


def figure_output(
    data: pd.DataFrame,
    report: "Report",
    *,
    kind: str,
    caption: Texts,
    alt: Texts = "",
    notes: Sequence[Texts] = (),
    n: int | None = None,
    counts: Sequence[str] | None = None,
    sums: Sequence[str] | None = (),
    format: str = "",
    sampling: bool = True,
    **options: Any,
) -> Output:
    """A figure with the text that stands in for it, and its JSON twin.

    Parameters
    ----------
    data : DataFrame, one row per thing drawn
        As the kind of figure asks; rows withheld are not drawn.
    report : Report
    kind : str
        A key of ``kzsurvey.reporting.figures.FIGURES``.
    caption : text, or mapping of language to text
    alt : text, or mapping of language to text
        Else what is drawn, its highest and its lowest value.
    notes, n, counts, sums
        As for a table.
    format : str
        How a number is written: a key of ``FORMATS``.
    sampling : bool
        Whether intervals are those of the survey's sample; a note says so.
    **options
        Of the kind of figure.

    Returns
    -------
    Output
        image/png, text/html with the figure and its data, ``application/vnd.kzsurvey.figure+json``, text/plain.
    """
    from kzsurvey.reporting.figures import FIGURES, draw

    if kind not in FIGURES:
        raise ValueError(f"no kind of figure {kind!r}; allowed: {', '.join(FIGURES)}")
    safe = _withheld(data, report, counts, sums)
    mask = safe.pop("withheld")
    kept = FIGURES[kind].marks
    drawn = safe if kept else safe[~mask.to_numpy()]
    few = drawn[_few(drawn)]
    written = format or FIGURES[kind].format
    picture = draw(drawn, report, kind=kind, n=n, format=written, **options)
    lines = _notes(
        report,
        notes,
        None,
        hidden=bool(mask.any()),
        interval=sampling and "conf_low" in safe,
        mark="note_withheld" if kept else "note_not_drawn",
    )
    lines += [report.word("note_few_drawn").format(names=_named(few))] if len(few) else []
    said_alt = report.text(alt) or _alt(drawn, report, kind, written)
    twin = {
        "caption": report.text(caption),
        "alt": said_alt,
        "kind": kind,
        "columns": [str(name) for name in drawn.columns],
        "rows": [[rounded(value) for value in row] for row in drawn.itertuples(index=False)],
        "withheld": int(mask.sum()),
        "notes": lines,
        "n": n,
        "simulated": report.survey.simulated,
    }
    encoded = base64.b64encode(picture).decode("ascii")
    html = figure_html(encoded, twin, report)
    return Output({"text/html": html, "image/png": encoded, FIGURE_MIME: twin, "text/plain": said_alt})


def _withheld(
    data: pd.DataFrame, report: "Report", counts: Sequence[str] | None, sums: Sequence[str] | None
) -> pd.DataFrame:
    """The data without what may not be published, and a column ``withheld`` that says where."""
    names = [name for name in COUNTS if name in data] if counts is None else list(counts)
    known = data if "withheld" in data else data.assign(withheld=False)
    return withhold(known, smallest=report.survey.smallest_cell, counts=names, sums=sums) if names else known


def _plain_index(data: pd.DataFrame) -> bool:
    return data.index.nlevels == 1 and data.index.name is None


def _columns(flat: pd.DataFrame, report: "Report", heads: Mapping, formats: Mapping) -> list[Column]:
    """What is printed: every column, the two ends of an interval as one."""
    columns = []
    for name in flat.columns:
        if name == "conf_high":
            continue
        names = ("conf_low", "conf_high") if name == "conf_low" else (name,)
        like = "estimate" if name == "conf_low" and "estimate" in formats else name
        head = report.text(heads[name]) if name in heads else report.head(name)
        columns.append(Column(names, head, formats.get(like) or format_of(name, flat[name])))
    return columns


def _marks(flat: pd.DataFrame, mask: Any, row_heads: int, blank: str) -> set[tuple[int, str]]:
    """Row number and column of every withheld cell."""
    empty = flat.isna()
    names = flat.columns[row_heads:]
    return {
        (row, name)
        for name in names
        for row in range(len(flat))
        if empty[name].iloc[row] and (mask[row] or blank == "withheld")
    }


def _notes(
    report: "Report", notes: Sequence[Texts], n: int | None, *, hidden: bool, interval: bool, mark: str
) -> list[str]:
    """The notes given, and those that what is shown calls for."""
    lines = [report.text(note) for note in notes]
    if interval:
        lines.append(report.word("note_interval"))
    if hidden:
        lines.append(report.word(mark).format(smallest=report.survey.smallest_cell))
    if n is not None:
        lines.append(report.word("note_n").format(n=shown(n, "integer")))
    return lines


def _cells(
    flat: pd.DataFrame, columns: Sequence[Column], marks: set, few: np.ndarray, report: "Report"
) -> list[list[str]]:
    """Every cell as it is printed."""
    withheld, none = report.word("mark_withheld"), report.word("mark_none")
    cells = []
    for row in range(len(flat)):
        line, beside = [], _estimate(flat.iloc[row])
        for column in columns:
            values = [flat[name].iloc[row] for name in column.names]
            if any((row, name) in marks for name in column.names):
                line.append(withheld)
            elif any(pd.isna(value) for value in values):
                line.append(none)
            else:
                own = beside if column.names[0] in INTERVAL_OF else ()
                written = _joined([shown(value, column.format, beside=own) for value in values])
                line.append(f"{written} †" if few[row] and "conf_low" in column.names else written)
        cells.append(line)
    return cells


def _estimate(row: pd.Series) -> list[float]:
    """An estimate and its interval, which are written with the same decimals; in its place what the interval is of."""
    return [float(row[name]) for name in INTERVAL_OF if name in row and pd.notna(row[name])]


def _few(data: pd.DataFrame) -> np.ndarray:
    """Which rows have an interval on so few degrees of freedom that it means little."""
    if not {"df", "conf_low"} <= set(data):
        return np.zeros(len(data), dtype=bool)
    return (data["df"].lt(FEW) & data["conf_low"].notna()).fillna(False).to_numpy(dtype=bool)


def _named(rows: pd.DataFrame) -> str:
    """What the rows of a figure are called, each group once where there are groups."""
    called = next((name for name in ("group", "label", "path") if name in rows), rows.columns[0])
    return "; ".join(dict.fromkeys(rows[called].astype("str")))


def _joined(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"[{', '.join(parts)}]"


def _alt(drawn: pd.DataFrame, report: "Report", kind: str, written: str) -> str:
    """What a figure shows, for those who cannot see it."""
    name = report.word(f"figure_{kind}")
    known = drawn.dropna(subset=["estimate"]) if "estimate" in drawn else drawn.head(0)
    shape = next((needed for needed in ALTS if set(needed) <= set(drawn) and len(known)), ())
    if not shape:
        return report.word("alt_plain").format(kind=name, rows=len(drawn))
    return ALTS[shape](known, report, name, written)


def _alt_paths(known: pd.DataFrame, report: "Report", name: str, written: str) -> str:
    """Every arrow with its number."""
    arrows = [
        report.word("alt_path").format(
            path=row["path"],
            source=row["source"],
            target=row["target"],
            estimate=shown(row["estimate"], written, beside=_estimate(row)),
            low=shown(row["conf_low"], written, beside=_estimate(row)),
            high=shown(row["conf_high"], written, beside=_estimate(row)),
        )
        for _, row in known.iterrows()
    ]
    return report.word("alt_paths").format(kind=name, arrows=report.word("separator").join(arrows))


def _alt_curve(known: pd.DataFrame, report: "Report", name: str, written: str) -> str:
    """Where the curve begins and ends."""
    first, last = known.iloc[0], known.iloc[-1]
    return report.word("alt_curve").format(
        kind=name,
        first=shown(first["value"], "number"),
        begin=shown(first["estimate"], written, beside=_estimate(first)),
        last=shown(last["value"], "number"),
        end=shown(last["estimate"], written, beside=_estimate(last)),
    )


def _alt_range(known: pd.DataFrame, report: "Report", name: str, written: str) -> str:
    """The highest and the lowest of the values."""
    ordered = known.sort_values("estimate", kind="stable")
    low, high = ordered.iloc[0], ordered.iloc[-1]
    return report.word("alt_range").format(
        kind=name,
        rows=len(known),
        highest=high["label"],
        high=shown(high["estimate"], written),
        lowest=low["label"],
        low=shown(low["estimate"], written),
    )


def _alt_chains(known: pd.DataFrame, report: "Report", name: str, written: str) -> str:
    """How many items, sets and cycles."""
    counts = {"items": known["label"].nunique(), "sets": known["set"].nunique(), "cycles": known["cycle"].max()}
    return report.word("alt_chains").format(kind=name, **counts)


def _alt_distributions(known: pd.DataFrame, report: "Report", name: str, written: str) -> str:
    """Which items."""
    labels = report.word("separator").join(known["label"].drop_duplicates())
    return report.word("alt_distributions").format(kind=name, labels=labels)


def _alt_specifications(known: pd.DataFrame, report: "Report", name: str, written: str) -> str:
    """How many specifications, and how far apart."""
    low, high = (shown(value, written) for value in (known["estimate"].min(), known["estimate"].max()))
    return report.word("alt_specifications").format(kind=name, rows=len(known), low=low, high=high)


ALTS = {
    ("cycle", "set"): _alt_chains,
    ("low", "high", "text"): _alt_distributions,
    ("source", "target", "conf_low"): _alt_paths,
    ("value", "conf_low"): _alt_curve,
    ("label",): _alt_range,
    ("estimate", "conf_low"): _alt_specifications,
}
