"""How far coders agree: coefficients with intervals, for all codes or one, all coders, pairs, or over time.

Promise: intervals come from whole units (or clusters of them); every number says on how many units, coders and pairs it
rests; where a coefficient is not defined it is missing and the note says why.
"""

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.coding.intercoder.coefficients import STATISTICS, Panel, Statistic, counts, ratio
from kzsurvey.coding.intercoder.distances import NUMBER_LEVELS, Weights, code_panel, make_panel
from kzsurvey.coding.intercoder.ratings import TABLE, Ratings, read_ratings
from kzsurvey.coding.intercoder.resampling import INTERVALS, WHOLE, Drawn, Spread, gwet_error, no_disagreement, spread
from kzsurvey.errors import CodingError, Fault, fail_if

SEED = 20201
COEFFICIENTS = {
    "percent": "share of units on which all coders who coded them agree",
    "percent_pairs": "mean share of pairs of coders that agree on a unit, with part credit where weights are given",
    "holsti": "2 M / (N1 + N2) of shared over all decisions, mean over pairs of coders",
    "cohen": "Cohen's kappa of two coders; weighted kappa where weights are given",
    "conger": "Conger's kappa: Cohen's, for any number of coders",
    "fleiss": "Fleiss' kappa: coders share one distribution of codes",
    "alpha": "Krippendorff's alpha at the level (or set distance) given",
    "ac1": "Gwet's AC1: stays sensible where nearly all give the same code",
    "ac2": "Gwet's AC2: AC1 with weights",
    "brennan_prediger": "Brennan and Prediger: by chance all codes are equally likely",
    "pabak": "prevalence- and bias-adjusted kappa: Brennan and Prediger's, of two codes",
}
USUAL = ("percent", "holsti", "conger", "fleiss", "alpha", "ac1", "brennan_prediger")
OF_NUMBERS = ("percent", "alpha")
OF_SETS = ("percent", "holsti", "conger", "fleiss", "alpha")
OF_LISTS = ("ac1", "ac2", "brennan_prediger", "pabak")
UNWEIGHTED = ("ac1", "pabak")
WITH_GWET = ("fleiss", "ac1", "ac2", "brennan_prediger", "pabak")
NUMBERS = ("estimate", "std_error", "conf_low", "conf_high", "gwet_error")


class Part(NamedTuple):
    """What one call of the coefficients is about.

    Attributes
    ----------
    labels : list of dict, one per layer: columns that say what a row is about
    panel : Panel
    clusters : (rows,) array
    units : (rows,) array, number of the unit of a row
    coders : tuple, names of the columns
    sets : bool, values are sets of codes
    remarks : tuple of str, for the notes
    """

    labels: list[dict]
    panel: Panel
    clusters: np.ndarray
    units: np.ndarray
    coders: tuple
    sets: bool
    remarks: tuple[str, ...]


def agreement(
    codings: pd.DataFrame,
    *,
    coefficients: Sequence[str] | str | None = None,
    by: str | None = None,
    over: object = None,
    level: str = "nominal",
    weights: Weights = None,
    codes: Sequence | None = None,
    several: bool = False,
    unit: str | None = None,
    coder: str | None = None,
    code: str | None = None,
    clusters: object = None,
    interval: str = "jackknife",
    confidence: float = 0.95,
    resamples: int = 1000,
    seed: int = SEED,
) -> pd.DataFrame:
    """Agreement of coders with intervals.

    Parameters
    ----------
    codings : DataFrame, one row per unit and one column per coder
        A missing cell is a unit that the coder did not code. A cell may hold a set of codes; the empty set says that
        nothing applies. With ``unit``, ``coder`` and ``code``: one row per coding instead; with ``several`` a coder may
        give several codes to a unit, and a row without a code says that nothing applies.
    coefficients : names in COEFFICIENTS; the usual ones for the level where not given
    by : None, "code" (each code as given or not), "pair" (of coders), "coder" (each against the others)
    over : column or level of the index, or one value per unit, as a month: rows for each value
    level : "nominal", "ordinal", "interval", "ratio" of codes; "nominal", "masi", "jaccard" of sets. For alpha.
    weights : "linear", "quadratic" (by numbers, or by places in ``codes``), "masi", "jaccard", or one row and column
        per code: part credit, for kappas, AC2, Brennan-Prediger and the share of pairs
    codes : sequence, all codes that may be given, in their order; those seen where it is not given
    clusters : as ``over``: what belongs together, as the interview of several answers
    interval : "jackknife", "bca" or "percentile"
    confidence : float
    resamples, seed : int, of "bca" and "percentile"

    Returns
    -------
    DataFrame, one row per coefficient (and code, pair, coder, value of ``over``)
        coefficient, estimate, std_error, conf_low, conf_high, gwet_error (of some coefficients, without clusters),
        units (coded by two at least), coders, pairs (of codings of the same unit), note. The level, the kind of
        interval and its seed are in ``attrs``.

    Raises
    ------
    CodingError
        One coder, codes that are not in the list, an order that is not known, a unit coded twice by a coder.

    Notes
    -----
    All coefficients are one minus observed over expected disagreement. The standard error is that of linearisation over
    clusters; Gwet's is the same where every unit was coded twice. The default interval leaves out one cluster at a
    time, takes t with C - 1 degrees of freedom on the scale of (1 - estimate)^(1/3) and carries the ends back; in
    simulations it holds the truth more evenly than quantiles of a bootstrap (benchmarks/agreement.py). Where nothing
    disagreed, the lower end is where so little would still be likely.

    References
    ----------
    Krippendorff (2019), Content Analysis, 4th ed., doi:10.4135/9781071878781; Gwet (2008),
    doi:10.1348/000711006X126600; Cohen (1968), doi:10.1037/h0026256; Fleiss (1971), doi:10.1037/h0031619;
    Conger (1980), doi:10.1037/0033-2909.88.2.322; Brennan and Prediger (1981), doi:10.1177/001316448104100307;
    Byrt et al. (1993), doi:10.1016/0895-4356(93)90018-V; Passonneau (2006), Measuring agreement on set-valued items
    (MASI), LREC; Efron (1987), doi:10.1080/01621459.1987.10478410.

    Examples
    --------
    >>> import pandas as pd
    >>> codings = pd.DataFrame({"ann": list("aabbc"), "ben": list("aabbb"), "eva": ["a", "b", "b", None, "c"]})
    >>> agreement(codings, coefficients=["percent", "alpha"])[["coefficient", "estimate", "units", "pairs"]].round(3)
      coefficient  estimate  units  pairs
    0     percent     0.600      5     13
    1       alpha     0.559      5     13
    >>> agreement(codings, coefficients="alpha", by="code")[["code", "estimate"]].round(3)
      code  estimate
    0    a     0.711
    1    b     0.469
    2    c     0.458
    """
    drawn = Drawn(interval, resamples, seed, confidence)
    _check_options(by, level, weights, drawn)
    ratings = read_ratings(
        codings, unit=unit, coder=coder, code=code, codes=codes, several=several, clusters=clusters, over=over
    )
    names = _names(coefficients, ratings, level, by)
    tables = [_table(part, names, drawn) for part in _parts(ratings, by, level, weights)]
    result = pd.DataFrame([row for rows in tables for row in rows])
    result.attrs = {"level": level, **drawn._asdict()}
    return result


def _check_options(by: str | None, level: str, weights: Weights, drawn: Drawn) -> None:
    if by not in SPLITS:
        raise ValueError(f"by={by!r}: allowed are {', '.join(map(repr, SPLITS))}")
    if by == "code" and (level != "nominal" or weights is not None):
        raise ValueError("by='code' looks at each code as given or not: level and weights have no part in it")
    if drawn.interval not in INTERVALS:
        raise ValueError(f"interval={drawn.interval!r}: allowed are {', '.join(INTERVALS)}")
    if not 0 < drawn.confidence < 1 or drawn.resamples < 1:
        raise ValueError("confidence lies between 0 and 1, and at least one resample is drawn")


def _names(asked: Sequence[str] | str | None, ratings: Ratings, level: str, by: str | None) -> list[str]:
    """Coefficients asked for, or those that fit the codes."""
    if asked is None:
        if by == "code":
            return list(USUAL)
        fitting = OF_SETS if ratings.several else OF_NUMBERS if level in NUMBER_LEVELS else USUAL
        return list(fitting)
    names = [asked] if isinstance(asked, str) else list(asked)
    unknown = [name for name in names if name not in COEFFICIENTS]
    if unknown or not names:
        raise ValueError(f"no coefficient {', '.join(map(repr, unknown))}: allowed are {', '.join(COEFFICIENTS)}")
    return names


def _parts(ratings: Ratings, by: str | None, level: str, weights: Weights) -> Iterator[Part]:
    """What rows are about: all units, or those of each group; then codes, pairs or coders within."""
    empty = by == "code" and not ratings.codes
    fail_if([Fault(TABLE, "no code in any coding", "codes, or codes=[...]")] * empty, CodingError)
    panel = code_panel(ratings) if by == "code" else make_panel(ratings, level, weights)
    whole = Part(
        [{"code": code} for code in ratings.codes] if by == "code" else [{}],
        panel,
        ratings.clusters,
        np.arange(len(ratings.numbers)),
        ratings.coders,
        ratings.several and by != "code",
        (f"units nobody coded, left out: {ratings.empty}",) * (ratings.empty > 0),
    )
    for part in _over(whole, ratings.groups):
        yield from SPLITS[by](part)


def _over(whole: Part, groups: np.ndarray | None) -> Iterator[Part]:
    if groups is None:
        yield whole
        return
    numbers, labels = pd.factorize(pd.Series(groups).infer_objects(), sort=True)
    for number, label in enumerate(labels):
        yield _rows(whole, numbers == number, [{"over": label, **labels_of} for labels_of in whole.labels])


def _rows(part: Part, rows: np.ndarray, labels: list[dict], columns: Sequence[int] | None = None) -> Part:
    """Some of the units, and some of the coders."""
    kept = list(range(len(part.coders))) if columns is None else list(columns)
    numbers = part.panel.numbers[:, rows][..., kept]
    return part._replace(
        labels=labels,
        panel=part.panel._replace(numbers=numbers),
        clusters=part.clusters[rows],
        units=part.units[rows],
        coders=tuple(part.coders[place] for place in kept),
    )


def _all_coders(part: Part) -> Iterator[Part]:
    yield part


def _pairs(part: Part) -> Iterator[Part]:
    """Every two coders, on the units that both coded."""
    for left, right in combinations(range(len(part.coders)), 2):
        both = (part.panel.numbers[0][:, [left, right]] >= 0).all(axis=1)
        names = {"coder": part.coders[left], "other": part.coders[right]}
        yield _rows(part, both, [{**labels, **names} for labels in part.labels], (left, right))


def _against_others(part: Part) -> Iterator[Part]:
    """Every coder beside each other one: the pairs of one unit stay in one cluster."""
    for place, name in enumerate(part.coders):
        others = [other for other in range(len(part.coders)) if other != place]
        pieces = []
        for other in others:
            both = (part.panel.numbers[0][:, [place, other]] >= 0).all(axis=1)
            pieces.append(_rows(part, both, [{**labels, "coder": name} for labels in part.labels], (place, other)))
        yield pieces[0]._replace(
            panel=part.panel._replace(numbers=np.concatenate([piece.panel.numbers for piece in pieces], axis=1)),
            clusters=np.concatenate([piece.clusters for piece in pieces]),
            units=np.concatenate([piece.units for piece in pieces]),
            coders=(name, "the others"),
        )


SPLITS = {None: _all_coders, "code": _all_coders, "pair": _pairs, "coder": _against_others}


def _table(part: Part, names: list[str], drawn: Drawn) -> list[dict]:
    """Rows of one part: layers, and coefficients within."""
    basis = _basis(part)
    left = {name: reason for name in names if (reason := _not_defined(name, part, basis))}
    panels = {name: _panel_for(name, part.panel) for name in names if name not in left}
    statistics = {name: STATISTICS[name](panel) for name, panel in panels.items()}
    found = spread(statistics, part.clusters, drawn) if statistics else {}
    bounded = {
        name: _bounded(each, statistics[name], panels[name], name, basis.clusters, drawn)
        for name, each in found.items()
    }
    gwet = {name: _gwet_error(statistics[name], name, part, basis.clusters) for name in found}
    return [
        _row(name, layer, bounded.get(name), gwet.get(name), part, basis, left.get(name, ""))
        for layer in range(len(part.labels))
        for name in names
    ]


def _gwet_error(statistic: Statistic, name: str, part: Part, clusters: int) -> np.ndarray:
    """Gwet's analytic error, of single units."""
    alone = clusters == len(part.clusters)
    return gwet_error(statistic) if name in WITH_GWET and alone else np.full(len(part.labels), np.nan)


class Basis(NamedTuple):
    """On what a part rests: units coded by two at least, coders who coded any of them, pairs, clusters, remarks."""

    units: int
    coders: int
    pairs: int
    clusters: int
    remarks: list[list[str]]


def _basis(part: Part) -> Basis:
    coded = part.panel.numbers[0] >= 0
    count = coded.sum(axis=1)
    paired = count >= 2
    units, single = len(np.unique(part.units[paired])), len(np.unique(part.units[count == 1]))
    once = [f"units coded by one coder only: {single}"] * (single > 0)
    remarks = [[*part.remarks, *once, *_constant(numbers[paired], part.coders)] for numbers in part.panel.numbers]
    pairs = int((count * (count - 1) // 2).sum())
    coders = int(coded[paired].any(axis=0).sum())
    return Basis(units, coders, pairs, len(np.unique(part.clusters)), remarks)


def _constant(numbers: np.ndarray, coders: tuple) -> list[str]:
    """Coders who gave the same code to every unit."""
    low = np.where(numbers >= 0, numbers, np.iinfo(numbers.dtype).max).min(axis=0, initial=np.iinfo(numbers.dtype).max)
    high = numbers.max(axis=0, initial=-1)
    names = [str(coder) for coder, same in zip(coders, (low == high) & (len(numbers) > 1), strict=True) if same]
    return [f"{', '.join(names)} gave the same code to every unit"] if names else []


def _not_defined(name: str, part: Part, basis: Basis) -> str:
    """Why a coefficient cannot be computed, or nothing."""
    if basis.units == 0:
        return "no unit was coded by two coders"
    if name == "cohen" and len(part.coders) > 2:
        return "Cohen's kappa is of two coders: by='pair', or Conger's kappa for all"
    if name in OF_LISTS and part.sets:
        return "sets of codes have no fixed list: by='code'"
    if name in OF_LISTS and part.panel.size < 2:
        return "one code only: give all that may be given in codes="
    return ""


def _panel_for(name: str, panel: Panel) -> Panel:
    """Coefficients that take no weights see none."""
    return panel._replace(agreement=np.eye(panel.size)) if name in UNWEIGHTED else panel


def _bounded(each: Spread, statistic: Statistic, panel: Panel, name: str, clusters: int, drawn: Drawn) -> Spread:
    """Ends within what a coefficient can be, and a lower end where nothing disagreed."""
    if clusters < 2:
        return each
    each = no_disagreement(each, _dissent(name, statistic, panel), clusters, drawn.confidence)
    least = 0.0 if name in ("percent", "percent_pairs", "holsti") else -1.0
    return each._replace(low=np.maximum(each.low, least), high=np.minimum(each.high, 1.0))


def _dissent(name: str, statistic: Statistic, panel: Panel) -> np.ndarray:
    """What a coefficient loses when one coder of every unit differs, by as much as codings of different units do."""
    if name == "percent":
        return np.ones(len(panel.numbers))
    count = counts(panel)
    coded = count.sum(axis=-1)
    share = 2 / np.maximum((coded * (coded >= 2)).sum(axis=1) / np.maximum((coded >= 2).sum(axis=1), 1), 1)
    margins = ratio(count.sum(axis=1), count.sum(axis=(1, 2))[:, None])
    differing = 1 - (margins**2).sum(axis=-1)
    if name == "alpha":
        return np.nan_to_num(ratio(share, differing), nan=np.inf)
    mean = ratio(1 - ((margins @ panel.agreement) * margins).sum(axis=-1), differing)
    expected = statistic.formula(statistic.terms.sum(axis=1))[1]
    return np.nan_to_num(share * ratio(np.nan_to_num(mean, nan=1.0), expected), nan=np.inf)


def _row(
    name: str, layer: int, each: Spread | None, gwet: np.ndarray | None, part: Part, basis: Basis, reason: str
) -> dict:
    """One row of the result."""
    numbers = dict.fromkeys(NUMBERS, np.nan)
    notes = [reason] * bool(reason)
    if each is not None:
        columns = (each.estimate, each.std_error, each.low, each.high, gwet)
        found = dict(zip(NUMBERS, (float(column[layer]) for column in columns), strict=True))
        notes += _remarks(name, found, int(each.undefined[layer]), part.panel, basis)
        numbers = numbers if np.isnan(found["estimate"]) else found
    notes += basis.remarks[layer]
    about = {"units": basis.units, "coders": basis.coders, "pairs": basis.pairs, "note": "; ".join(notes)}
    return {**part.labels[layer], "coefficient": name, **numbers, **about}


def _remarks(name: str, found: dict, undefined: int, panel: Panel, basis: Basis) -> Iterator[str]:
    """What a reader must know of one number."""
    if np.isnan(found["estimate"]):
        yield "not defined: every coding is the same, so that no disagreement could be expected"
    elif found["estimate"] > WHOLE:
        yield "no disagreement seen: the lower end is where so little would still be likely"
    elif undefined and np.isnan(found["conf_low"]):
        yield "all hangs on one unit or cluster, without which it is not defined: no interval"
    elif np.isnan(found["conf_low"]) and basis.clusters > 1:
        yield "all units are alike: no interval"
    elif undefined:
        yield f"not defined in {undefined} resamples, which are left out"
    if basis.clusters < 2:
        yield "one cluster: no interval"
    if name == "ac2" and np.array_equal(panel.agreement, np.eye(panel.size)):
        yield "no weights: the same as AC1"
    if name == "pabak" and panel.size > 2:
        yield "more than two codes: Brennan and Prediger's coefficient"


def confusion(
    codings: pd.DataFrame,
    *,
    unit: str | None = None,
    coder: str | None = None,
    code: str | None = None,
    codes: Sequence | None = None,
    several: bool = False,
) -> pd.DataFrame:
    """Which codes stand against which where two coders differ, and who gave them.

    Parameters
    ----------
    codings, unit, coder, code, codes, several : as of :func:`agreement`

    Returns
    -------
    DataFrame, one row per pair of coders and pair of codes they gave to the same unit
        coder, other, code (given by coder), other_code, units, share (of the units both coded). Of sets, the codes that
        one gave and the other did not; an empty text where a coder gave nothing in return. Most frequent first.

    Examples
    --------
    >>> import pandas as pd
    >>> confusion(pd.DataFrame({"ann": list("aabbc"), "ben": list("aabbb")}))
      coder other code other_code  units  share
    0   ann   ben    c          b      1    0.2
    """
    ratings = read_ratings(codings, unit=unit, coder=coder, code=code, codes=codes, several=several)
    rows = []
    for left, right in combinations(range(len(ratings.coders)), 2):
        pair = ratings.numbers[:, [left, right]]
        both = pair[(pair >= 0).all(axis=1)]
        places, units = np.unique(both[both[:, 0] != both[:, 1]], axis=0, return_counts=True)
        names = {"coder": ratings.coders[left], "other": ratings.coders[right]}
        for (one, other), count in zip(places.tolist(), units.tolist(), strict=True):
            for mine, yours in _differing(ratings.distinct[one], ratings.distinct[other]):
                rows.append({**names, "code": mine, "other_code": yours, "units": count, "share": count / len(both)})
    columns = ["coder", "other", "code", "other_code", "units", "share"]
    table = pd.DataFrame(rows, columns=columns).groupby(columns[:4], sort=True, as_index=False).sum()
    return table.sort_values("units", ascending=False, kind="stable", ignore_index=True)


def _differing(one: object, other: object) -> list[tuple]:
    """Codes that stand against each other."""
    if not isinstance(one, frozenset):
        return [(one, other)]
    mine, yours = sorted(one - other, key=str) or [""], sorted(other - one, key=str) or [""]
    return [(left, right) for left in mine for right in yours]


def confusion_matrix(codings: pd.DataFrame, **columns: object) -> pd.DataFrame:
    """How often each two codes were given to the same unit by two coders, whoever they are.

    Parameters
    ----------
    codings, columns : as of :func:`confusion`

    Returns
    -------
    DataFrame, one row and one column per value, pairs of codings
        The same both ways; on the diagonal pairs that agree.

    Examples
    --------
    >>> import pandas as pd
    >>> confusion_matrix(pd.DataFrame({"ann": list("aabbc"), "ben": list("aabbb")}))
       a  b  c
    a  2  0  0
    b  0  2  1
    c  0  1  0
    """
    ratings = read_ratings(codings, **columns)
    given = np.eye(len(ratings.distinct) + 1, dtype=int)[ratings.numbers][..., :-1]
    count = given.sum(axis=1)
    pairs = count.T @ count - np.diag(count.sum(axis=0))
    pairs[np.diag_indices_from(pairs)] //= 2
    names = [
        " + ".join(sorted(map(str, value))) if isinstance(value, frozenset) else value for value in ratings.distinct
    ]
    return pd.DataFrame(pairs, index=names, columns=names)
