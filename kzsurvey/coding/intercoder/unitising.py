"""Agreement on spans: whether coders mark the same stretches of text, and give them the same codes.

Promise: every character of every text counts once per coder, marked or not; intervals come from whole texts (or
clusters of them); overlapping codes of one coder are a value of their own, never silently one of the two.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.coding.intercoder.agreement import NUMBERS, SEED
from kzsurvey.coding.intercoder.coefficients import Statistic, ratio
from kzsurvey.coding.intercoder.ratings import SHOWN
from kzsurvey.coding.intercoder.resampling import WHOLE, Drawn, Spread, spread
from kzsurvey.errors import CodingError, Fault, fail_if

TABLE = "spans"
COLUMNS = ("unit", "coder", "start", "end", "code")
FAMILY = {
    "u_binary": "marked or not, whatever the code",
    "u_alpha": "marked or not, and the code",
    "cu_alpha": "the code, where both marked something",
    "ku_alpha": "one code, where both marked something",
}


class Marked(NamedTuple):
    """One coder's partition of one text: cuts, and what is held between two (0: a gap)."""

    cuts: np.ndarray
    held: np.ndarray


def unitising_alpha(
    spans: pd.DataFrame,
    lengths: Mapping | pd.Series,
    *,
    read_by_all: bool = True,
    clusters: Mapping | pd.Series | None = None,
    interval: str = "jackknife",
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = SEED,
) -> pd.DataFrame:
    """Krippendorff's family of alphas for unitising.

    Parameters
    ----------
    spans : DataFrame, one row per span
        Columns unit (the text), coder, start, end (in characters, end not included), code. A row without start says
        that the coder read the text and marked nothing.
    lengths : mapping of unit to the length of the text in characters; texts that nobody marked belong here too
    read_by_all : bool, every coder read every text; otherwise only those where the coder has a row
    clusters : mapping of unit to what belongs together, as the interview of several answers
    interval, confidence, resamples, seed : as of :func:`~kzsurvey.coding.intercoder.agreement.agreement`, over texts

    Returns
    -------
    DataFrame, one row per coefficient, and per code for ku_alpha
        coefficient, code, estimate, std_error, conf_low, conf_high, units (texts read by two), coders, pairs (of coders
        of one text), note.

    Raises
    ------
    CodingError
        Columns that are not there, spans outside their text, unknown texts, one coder only.

    Notes
    -----
    The lengths of intersections of two coders' pieces are the observed coincidences l; the expected ones are products
    of their margins without a piece paired with itself, e_ck = l_.. (l_c l_k - [c = k] S_c) / (l_..^2 - sum S), where
    S_c sums the squared lengths of pieces of code c, and lengths for gaps. For cu_alpha and ku_alpha the length of a
    piece is the part that others marked too, in the mean over them.

    References
    ----------
    Krippendorff, Mathet, Bouvry and Widlöcher (2016), On the reliability of unitizing textual continua: Further
    developments, doi:10.1007/s11135-015-0266-1.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = [("t", "ann", 0, 4, "pay"), ("t", "ben", 0, 4, "pay"), ("t", "ann", 8, 10, "pay")]
    >>> spans = pd.DataFrame(rows, columns=["unit", "coder", "start", "end", "code"])
    >>> unitising_alpha(spans, {"t": 10})[["coefficient", "estimate", "units"]].round(3)
      coefficient  estimate  units
    0    u_binary     0.646      1
    1     u_alpha     0.646      1
    2    cu_alpha       NaN      1
    3    ku_alpha       NaN      1
    """
    lengths = dict(lengths.items())
    clusters = None if clusters is None else dict(clusters.items())
    _check(spans, lengths, clusters)
    coders = sorted(spans["coder"].unique().tolist(), key=str)
    drawn = Drawn(interval, resamples, seed, confidence)
    texts, labels = _texts(spans, lengths, coders, read_by_all)
    kept = {unit: marked for unit, marked in texts.items() if len(marked) > 1}
    if not kept:
        return pd.DataFrame([_row(name, "", None, 0, 0, 0, ["no text was read by two coders"]) for name in FAMILY])
    terms = np.stack([_terms(list(marked.values()), len(labels)) for marked in kept.values()])[None]
    owners = np.arange(len(kept)) if clusters is None else pd.factorize(pd.Series([clusters[unit] for unit in kept]))[0]
    found = spread(_family(terms, labels), owners, drawn)
    pairs = sum(len(marked) * (len(marked) - 1) // 2 for marked in kept.values())
    count = len(set().union(*(marked.keys() for marked in kept.values())))
    remarks = _remarks(labels, len(lengths) - len(kept), len(np.unique(owners)))
    result = pd.DataFrame([_row(*name, each, len(kept), count, pairs, remarks) for name, each in found.items()])
    result.attrs = drawn._asdict()
    return result


def _check(spans: pd.DataFrame, lengths: dict, clusters: dict | None) -> None:
    """All faults of spans at once."""
    absent = [name for name in COLUMNS if name not in spans]
    columns = ", ".join(map(str, spans.columns))
    fail_if((Fault(TABLE, f"no column {name!r}", columns, column=name) for name in absent), CodingError)
    marks = spans[spans["start"].notna() | spans["end"].notna()]
    faults = [
        Fault(TABLE, f"{count} {what}", f"a {name} in every row", column=name)
        for name, rows, what in (("unit", spans, "rows"), ("coder", spans, "rows"), ("code", marks, "spans"))
        if (count := int(rows[name].isna().sum()))
    ]
    if spans["coder"].nunique() < 2:
        faults.append(Fault(TABLE, f"{spans['coder'].nunique()} coder", "at least two coders of the same texts"))
    unknown = [unit for unit in spans["unit"].dropna().unique() if unit not in lengths]
    faults += [Fault(TABLE, f"text {unit!r}", "texts whose length is given", column="unit") for unit in unknown[:SHOWN]]
    ungrouped = [] if clusters is None else [unit for unit in lengths if unit not in clusters]
    faults += [Fault("clusters", f"no entry for text {unit!r}", "one per text") for unit in ungrouped[:SHOWN]]
    fail_if([*faults, *_misplaced(marks, lengths)], CodingError)


def _misplaced(marks: pd.DataFrame, lengths: dict) -> list[Fault]:
    """Spans that do not lie in their text."""
    known = marks[marks["unit"].map(lambda unit: unit in lengths).astype(bool)]
    size = known["unit"].map(lengths).astype("float64")  # of no span at all, text is no number
    start, end = (pd.to_numeric(known[name], errors="coerce") for name in ("start", "end"))
    sound = (start >= 0) & (start < end) & (end <= size) & (start % 1 == 0) & (end % 1 == 0)
    return [
        Fault(
            TABLE,
            f"a span from {row.start} to {row.end} in text {row.unit!r} by {row.coder}",
            f"whole numbers, 0 <= start < end <= {length:g}",
            hint="offsets count characters",
        )
        for row, length in zip(known[~sound].itertuples(), size[~sound], strict=True)
    ]


def _texts(spans: pd.DataFrame, lengths: dict, coders: list, everybody: bool) -> tuple[dict, list]:
    """Every text's partitions by coder, and the values: gap, then sets of codes in order."""
    rows = {key: group for key, group in spans.groupby(["unit", "coder"], sort=False)}
    pieces = {}
    for unit, length in lengths.items():
        readers = [coder for coder in coders if everybody or (unit, coder) in rows]
        pieces[unit] = {coder: _pieces(rows.get((unit, coder)), int(length)) for coder in readers}
    sets = {value for by in pieces.values() for _, values in by.values() for value in values if value}
    labels = [frozenset(), *sorted(sets, key=lambda value: (len(value), sorted(map(str, value))))]
    number = {value: place for place, value in enumerate(labels)}
    marked = {unit: {coder: _marked(*piece, number) for coder, piece in by.items()} for unit, by in pieces.items()}
    return marked, labels


def _marked(cuts: np.ndarray, values: list[frozenset], number: dict[frozenset, int]) -> Marked:
    return Marked(cuts, np.array([number[value] for value in values]))


def _pieces(rows: pd.DataFrame | None, length: int) -> tuple[np.ndarray, list[frozenset]]:
    """Cuts of one coder in one text, and the codes that hold between them."""
    if rows is None or rows["start"].isna().all():
        return np.array([0, length]), [frozenset()] * (length > 0) or [frozenset()]
    rows = rows[rows["start"].notna()]
    start, end = (pd.to_numeric(rows[name]).to_numpy(dtype=np.int64) for name in ("start", "end"))
    codes = rows["code"].tolist()
    cuts = np.unique(np.concatenate([[0, length], start, end]))
    holds = (start <= cuts[:-1, None]) & (cuts[1:, None] <= end)
    return cuts, [frozenset(code for code, held in zip(codes, row, strict=True) if held) for row in holds]


def _terms(marked: list[Marked], size: int) -> np.ndarray:
    """Summands of one text: coincidences (size x size), then self-pairings of all pieces, and of their marked parts."""
    cuts = np.unique(np.concatenate([each.cuts for each in marked]))
    length = np.diff(cuts).astype(float)
    piece = [np.searchsorted(each.cuts, cuts[:-1], side="right") - 1 for each in marked]
    value = np.stack([each.held[place] for each, place in zip(marked, piece, strict=True)])
    count = np.eye(size)[value].sum(axis=0)
    coincidences = ((count * length[:, None]).T @ count - np.diag(length @ count)) / (len(marked) - 1)
    by_others = ((value > 0).sum(axis=0) - (value > 0)) / (len(marked) - 1)
    whole, shared = np.zeros(size), np.zeros(size)
    for each, place, others in zip(marked, piece, by_others, strict=True):
        own = np.bincount(place, length, minlength=len(each.held))
        np.add.at(whole, each.held, np.where(each.held > 0, own**2, own))
        np.add.at(shared, each.held, np.bincount(place, length * others, minlength=len(each.held)) ** 2)
    return np.concatenate([coincidences.ravel(), whole, shared])


def _family(terms: np.ndarray, labels: list[frozenset]) -> dict[tuple[str, str], Statistic]:
    """The four alphas as formulas of the same sums."""
    size = len(labels)

    def parts(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        table = sums[..., : size * size].reshape(*sums.shape[:-1], size, size)
        return table, sums[..., size * size : size * (size + 1)], sums[..., size * (size + 1) :]

    def binary(sums: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        table, whole, _ = parts(sums)
        crossed, gap = table[..., 0, 1:].sum(axis=-1), table[..., 0, :].sum(axis=-1)
        total = table.sum(axis=(-2, -1))
        return _disagreements(2 * crossed, 2 * gap * (total - gap), total, whole.sum(axis=-1))

    def valued(sums: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
        table, *selves = parts(sums)
        table, own = table[..., first:, first:], selves[first][..., first:]
        margins, same = table.sum(axis=-1), np.diagonal(table, axis1=-2, axis2=-1).sum(axis=-1)
        total = margins.sum(axis=-1)
        return _disagreements(total - same, total**2 - (margins**2).sum(axis=-1), total, own.sum(axis=-1))

    def single(sums: np.ndarray, place: int) -> tuple[np.ndarray, np.ndarray]:
        table, _, shared = parts(sums)
        table = table[..., 1:, 1:]
        margin, same = table[..., place - 1].sum(axis=-1), table[..., place - 1, place - 1]
        total = table.sum(axis=(-2, -1))
        chance = ratio(margin * (total - margin), margin * total - shared[..., place])
        return ratio(margin - same, margin), chance

    named = {("u_binary", ""): binary}
    named |= {("u_alpha", ""): lambda sums: valued(sums, 0), ("cu_alpha", ""): lambda sums: valued(sums, 1)}
    for place, label in list(enumerate(labels))[1:]:
        named["ku_alpha", _name(label)] = lambda sums, place=place: single(sums, place)
    return {name: Statistic(terms, formula) for name, formula in named.items()}


def _disagreements(
    differing: np.ndarray, products: np.ndarray, total: np.ndarray, selves: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Observed and expected lengths that differ."""
    return differing, ratio(total * products, total**2 - selves)


def _name(label: frozenset) -> str:
    return " + ".join(sorted(map(str, label)))


def _remarks(labels: list[frozenset], alone: int, clusters: int) -> list[str]:
    """What a reader must know of all rows."""
    remarks = [f"texts read by fewer than two coders, left out: {alone}"] * (alone > 0)
    if any(len(label) > 1 for label in labels):
        remarks.append("overlapping codes of one coder count as a code of their own")
    return remarks + ["one text or cluster: no interval"] * (clusters < 2)


def _row(name: str, code: str, each: Spread | None, units: int, coders: int, pairs: int, remarks: list[str]) -> dict:
    """One row of the result."""
    numbers = dict.fromkeys(NUMBERS[:4], np.nan)
    notes = list(remarks)
    if each is not None and not np.isnan(each.estimate[0]):
        ends = (each.estimate, each.std_error, np.maximum(each.low, -1), np.minimum(each.high, 1))
        numbers = {key: float(value[0]) for key, value in zip(NUMBERS[:4], ends, strict=True)}
        if each.estimate[0] > WHOLE:
            notes.insert(0, "no disagreement seen: no interval")
            numbers |= {"conf_low": np.nan, "conf_high": np.nan}
    elif each is not None:
        notes.insert(0, "not defined: no disagreement could be expected")
    about = {"units": units, "coders": coders, "pairs": pairs, "note": "; ".join(notes)}
    return {"coefficient": name, "code": code, **numbers, **about}
