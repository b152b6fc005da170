"""How a sample was drawn, as a frozen record of integer codes: the one thing every estimator here knows of a sample.

A design never loses a row: a part of the sample (a domain) is a mask given to an estimator, so that clusters without
anybody of that part still count in the variance.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.errors import DesignError, Fault, fail_if

LONELY = ("fail", "certainty", "adjust", "average")
CENTRES = ("mean", "estimate")
Values = str | Sequence[object] | np.ndarray | pd.Series | None


@dataclass(frozen=True, eq=False)
class Stage:
    """One stage of sampling: clusters drawn inside strata (from the second stage on also inside the clusters above).

    A stratum below the first stage lies in one cluster of the stage above, and is that cluster where none is given.

    Attributes
    ----------
    cluster : (n,) array, code of each row's cluster, 0 to C - 1
    stratum : (C,) array, code of each cluster's stratum, 0 to H - 1
    drawn : (H,) array, clusters in the sample
    population : (H,) array, clusters in the population; infinite where no finite population is known
    share : (H,) array, fraction of the units above that were drawn (1 at the first stage)
    above : (H,) array, code of the cluster of the stage above that each stratum lies in (0 at the first stage)
    """

    cluster: np.ndarray
    stratum: np.ndarray
    drawn: np.ndarray
    population: np.ndarray
    share: np.ndarray
    above: np.ndarray

    @property
    def alone(self) -> np.ndarray:
        """(H,) flags of strata with a single cluster that is not all there is."""
        return (self.drawn == 1) & (self.population > 1)

    @property
    def counts(self) -> bool:
        """Whether the stage enters the variance: the first always, a further one below a finite population."""
        return bool(np.any(self.share > 0))


@dataclass(frozen=True, eq=False)
class Calibration:
    """What calibrating the weights to known totals has fixed, so that the variance can credit it.

    Attributes
    ----------
    residuals : function of (n, p) weighted scores giving their (n, p) residuals on the calibration variables
        What these need (a QR decomposition, cross tables) is computed when it is called for the first time.
    """

    residuals: Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Replicates:
    """Weights of repeated samples, for a variance from refits in place of linearisation.

    Attributes
    ----------
    weight : (n, R) array, complete (not factors on the sampling weight)
    factor : (R,) array, what each squared deviation counts: the ``scale`` times ``rscales`` of R's survey
    df : float, degrees of freedom
    centre : str, ``estimate`` (full-sample estimate) or ``mean`` (of the replicates)
    method : str, how they were made (``jackknife``); empty where that does not matter
    """

    weight: np.ndarray
    factor: np.ndarray
    df: float
    centre: str = "mean"
    method: str = ""


@dataclass(frozen=True, eq=False)
class Design:
    """How a sample was drawn. Made by :func:`make_design`, calibrated by the functions of ``calibration``.

    Attributes
    ----------
    weight : (n,) array, units of the population a row stands for
    stages : tuple of Stage, the first stage first
        Stages below the first enter the variance only where the first has a finite population, as in R's survey.
    lonely : str
        What a stratum with a single cluster adds to the variance: ``fail`` (refuse), ``certainty`` (nothing),
        ``adjust`` (its deviation from the mean of all clusters), ``average`` (the mean of the other strata). Below the
        first stage, "all" and "other" are those in the same cluster of the stage above, as in R's survey 4.5: a cluster
        with a single one drawn from it then adds nothing under ``adjust``.
    calibrations : tuple of Calibration
    replicates : Replicates or None
    index : Index of the table it was made from, or None
        Tables given with the design must have the same rows in the same order; of arrays only the number is known.
    """

    weight: np.ndarray
    stages: tuple[Stage, ...]
    lonely: str = "adjust"
    calibrations: tuple[Calibration, ...] = ()
    replicates: Replicates | None = None
    index: pd.Index | None = None

    def __len__(self) -> int:
        """Number of rows."""
        return len(self.weight)

    def __repr__(self) -> str:
        """The design in one line."""
        first = self.stages[0]
        parts = [f"{len(self)} rows", f"{len(first.drawn)} strata", f"{len(first.stratum)} clusters"]
        for number, (above, stage) in enumerate(zip(self.stages, self.stages[1:], strict=False), 2):
            own = len(stage.drawn) > len(above.stratum)
            inside = f" in {len(stage.drawn)} strata" if own else ""
            parts.append(f"{len(stage.stratum)} at stage {number}{inside}")
        parts += ["finite population"] if np.isfinite(first.population).any() else []
        parts += ["calibrated"] if self.calibrations else []
        parts += [f"{self.replicates.weight.shape[1]} replicates"] if self.replicates else []
        return f"Design({', '.join(parts)}, lonely {self.lonely})"


class _Codes(NamedTuple):
    """A column coded once: ``code`` of each row, and the ``first`` row with each code."""

    code: np.ndarray
    first: np.ndarray


def make_design(
    table: pd.DataFrame | None = None,
    *,
    weight: Values = None,
    strata: Values | Sequence[Values] = None,
    clusters: Values | Sequence[Values] = None,
    population: Values | Sequence[Values] = None,
    lower_strata: Sequence[Values | Sequence[Values]] = (),
    lonely: str = "adjust",
    nested: bool = False,
) -> Design:
    """Describe how a sample was drawn.

    Parameters
    ----------
    table : DataFrame, one row per interview
        Where the other arguments may name its columns; not needed for arrays. Its index tells later tables whether they
        have the same rows.
    weight : column or (n,) array, units of the population a row stands for
        All 1 where none is given.
    strata : column(s) or array(s)
        Strata of the first stage; several are crossed.
    clusters : column(s) or array(s), the first stage first
        None: every row was drawn by itself. Clusters of later stages lie inside those above them, so their names
        need not be unique.
    population : column(s) or array(s), one per stage
        Clusters in the population, for the finite population correction; constant within a stratum.
    lower_strata : one entry for each stage below the first: None, column(s) or array(s)
        Strata inside the clusters of the stage above; several are crossed.
    lonely : {"fail", "certainty", "adjust", "average"}
    nested : bool
        Names of clusters repeat from stratum to stratum and mean different clusters there.

    Returns
    -------
    Design

    Raises
    ------
    DesignError
        Weights missing or not above 0; a stratum or cluster missing; a cluster in two strata; a single cluster in all;
        a single cluster in a stratum under ``fail``, or nothing but those under ``average``; a population smaller than
        the sample or not constant; more populations or strata than stages.

    Examples
    --------
    >>> make_design(weight=[1, 1, 2, 2], strata=["a", "a", "b", "b"], clusters=[1, 2, 3, 4])
    Design(4 rows, 2 strata, 4 clusters, lonely adjust)
    >>> village, house = [1, 1, 1, 1, 2, 2, 2, 2], [1, 2, 3, 4, 1, 2, 3, 4]
    >>> hills = ["up", "up", "down", "down", "up", "up", "down", "down"]
    >>> make_design(clusters=[village, house], population=[[9] * 8, [30] * 8], lower_strata=[hills])
    Design(8 rows, 1 strata, 2 clusters, 8 at stage 2 in 4 strata, finite population, lonely adjust)
    >>> make_design(weight=[1, 0], clusters=[1, 2])
    Traceback (most recent call last):
    kzsurvey.errors.DesignError: design, column weight: found 1 of 2 weights not above 0; allowed: numbers above 0
    """
    if lonely not in LONELY:
        raise DesignError(Fault("design", f"lonely {lonely!r}", ", ".join(LONELY)))
    given = {"strata": _columns(table, strata), "clusters": _columns(table, clusters)}
    given["population"] = _columns(table, population)
    lower = _lower_columns(table, lower_strata)
    given["lower strata"] = [column for columns in lower for column in columns]
    rows = _row_count(table, weight, given)
    units = _weights(table, weight, rows)
    given["clusters"] = given["clusters"] or [("row", np.arange(rows))]
    fail_if([*_weight_faults(units), *_missing_faults(given), *_stage_faults(given, lower)], DesignError)
    stages = _stages(given, lower, rows, nested=nested)
    fail_if(_single_faults(stages, lonely), DesignError)
    return Design(weight=units, stages=stages, lonely=lonely, index=None if table is None else table.index)


def check_rows(design: Design, *tables: object, place: str = "design") -> Design:
    """The design, if it is of the rows of some tables or arrays, in their order; the one check of all estimators.

    Parameters
    ----------
    design : Design
    tables : DataFrame, Series or array of rows; whatever else (names of columns, None) is passed over
    place : str, what messages call the model or function

    Raises
    ------
    DesignError
        Another number of rows, other rows, or the same rows in another order.

    Examples
    --------
    >>> table = pd.DataFrame({"weight": [1.0, 2.0, 1.0]})
    >>> design = make_design(table, weight="weight")
    >>> check_rows(design, table, table["weight"]) is design
    True
    >>> check_rows(design, table[table["weight"] < 2])
    Traceback (most recent call last):
    kzsurvey.errors.DesignError: design: found 2 rows of a design of 3; allowed: the rows the design was made from, ...
    """
    if not isinstance(design, Design):
        raise TypeError(f"{place} needs a design, made by make_design(table, ...), not {type(design).__name__}")
    if tables and isinstance(tables[0], str):
        raise TypeError(f"{place} takes the table first, then the formula: found {tables[0]!r} for a table")
    for table in tables:
        if isinstance(table, (pd.DataFrame, pd.Series, np.ndarray)) and (found := _other_rows(design, table)):
            hint = "for a part of them, give the whole table and choose by where="
            raise DesignError(Fault(place, found, "the rows the design was made from, in their order", hint=hint))
    return design


def _other_rows(design: Design, table: pd.DataFrame | pd.Series | np.ndarray) -> str:
    """In what way the rows are not those of the design; empty where they are."""
    if len(table) != len(design):
        return f"{len(table)} rows of a design of {len(design)}"
    index = None if isinstance(table, np.ndarray) else table.index
    if index is None or design.index is None or index.equals(design.index):
        return ""
    same = not len(index.symmetric_difference(design.index))
    return "the rows in another order than in the design" if same else "rows that are not those of the design"


def domain_rows(where: object, rows: int, *, place: str = "domain", index: pd.Index | None = None) -> np.ndarray:
    """Flags of the rows of a domain; everybody where None.

    Parameters
    ----------
    where : (n,) bool array or Series, or None
    rows : int, n
    place : str, what messages call the model or function
    index : Index of the rows, which that of a Series must equal; None where it is checked elsewhere

    Raises
    ------
    DesignError
        Anything but True or False for every row; a Series of other rows, or of the rows in another order.

    Examples
    --------
    >>> domain_rows([True, False], 2).tolist(), domain_rows(None, 2).tolist()
    ([True, False], [True, True])
    >>> domain_rows("age > 30", 2)
    Traceback (most recent call last):
    kzsurvey.errors.DesignError: domain: found where 'age > 30'; allowed: True or False for every row: table["age"] > 30
    """
    if where is None:
        return np.ones(rows, dtype=bool)
    if isinstance(where, str) or np.ndim(where) != 1:
        raise DesignError(Fault(place, f"where {where!r}", 'True or False for every row: table["age"] > 30'))
    flags = pd.Series(where)
    if len(flags) != rows:
        raise DesignError(Fault(place, f"where of {len(flags)} rows for a table of {rows}", "one for every row"))
    if isinstance(where, pd.Series) and index is not None and not where.index.equals(index):
        found = "where of other rows than the table, or of its rows in another order"
        raise DesignError(Fault(place, found, "the rows of the table, in their order"))
    if unknown := int((~flags.isin([True, False])).sum()):
        found = f"where with {unknown} rows that are neither True nor False"
        raise DesignError(Fault(place, found, "True or False for every row", hint="fillna(False) leaves them out"))
    return flags.to_numpy(dtype=bool)


def degrees_of_freedom(design: Design, where: np.ndarray | None = None) -> float:
    """Clusters less strata, counting only those with somebody of the domain in them.

    With replicate weights, no more than the replicates have. (R counts the rank of the replicates within the domain,
    which is larger by the strata with a single cluster in it.)

    Parameters
    ----------
    design : Design
    where : (n,) bool array
        The domain; everybody where None.

    Examples
    --------
    >>> design = make_design(strata=[1, 1, 2, 2], clusters=[1, 2, 3, 4])
    >>> degrees_of_freedom(design), degrees_of_freedom(design, np.array([True, True, True, False]))
    (2.0, 1.0)
    """
    first, replicates = design.stages[0], design.replicates
    most = float(len(first.stratum) - len(first.drawn)) if replicates is None else replicates.df
    if where is None:
        return most
    inside = np.bincount(first.cluster[where], minlength=len(first.stratum)) > 0
    return float(min(inside.sum() - len(np.unique(first.stratum[inside])), most))


def with_replicates(
    design: Design, weight: np.ndarray, *, factor: np.ndarray | float, df: float | None = None, centre: str = "mean"
) -> Design:
    """Take the variance from replicate weights made elsewhere.

    Parameters
    ----------
    design : Design
    weight : (n, R) array, complete weights of each replicate
    factor : (R,) array or number
        What each squared deviation counts: ``scale`` x ``rscales`` in R's ``svrepdesign``; (R - 1) / R for JK1.
    df : float
        Rank of the replicate weights less 1 where None, as R counts it.
    centre : {"mean", "estimate"}

    Returns
    -------
    Design

    Raises
    ------
    DesignError
        Weights of another shape, missing or below 0; fewer than two sets, or one without any weight; factors or degrees
        of freedom that are none; a centre that is not known.

    Examples
    --------
    >>> design = make_design(weight=[1, 1, 1])
    >>> with_replicates(design, 1.5 * (1 - np.eye(3)), factor=2 / 3)
    Design(3 rows, 1 strata, 3 clusters, 3 replicates, lonely adjust)
    """
    weight = np.asarray(weight, dtype=float)
    factor = np.asarray(factor, dtype=float)
    fail_if(_replicate_faults(design, weight, factor, df, centre), DesignError)
    factor = np.broadcast_to(factor, weight.shape[1:]).copy()
    df = float(np.linalg.matrix_rank(weight, tol=1e-5 * np.abs(weight).max()) - 1) if df is None else float(df)
    return replace(design, replicates=Replicates(weight=weight, factor=factor, df=df, centre=centre))


def _replicate_faults(
    design: Design, weight: np.ndarray, factor: np.ndarray, df: float | None, centre: str
) -> list[Fault]:
    """Replicate weights that no variance can be taken from."""
    if weight.ndim != 2 or len(weight) != len(design) or weight.shape[1] < 2:
        found = f"replicate weights of shape {weight.shape}"
        return [Fault("design", found, f"{len(design)} rows, and a column for each of two replicates or more")]
    empty = np.flatnonzero(weight.sum(axis=0) == 0)
    checks = [
        (
            np.isfinite(weight).all() and (weight >= 0).all(),
            "replicate weights missing or below 0",
            "numbers from 0 up",
        ),
        (not len(empty), f"{len(empty)} replicates in which all weights are 0", "somebody with weight in each"),
        (
            factor.shape in ((), (1,), weight.shape[1:]) and np.isfinite(factor).all() and (factor >= 0).all(),
            f"factor {factor.tolist()}",
            f"a number from 0 up, or one for each of {weight.shape[1]} replicates",
        ),
        (df is None or df > 0, f"{df} degrees of freedom", "above 0"),
        (centre in CENTRES, f"unknown centre {centre!r}", ", ".join(CENTRES)),
    ]
    return [Fault("design", found, allowed) for sound, found, allowed in checks if not sound]


def _columns(table: pd.DataFrame | None, given: object) -> list[tuple[str, np.ndarray]]:
    """Name and values of each column: a list holds names where there is a table, or arrays, or else values."""
    if given is None or (isinstance(given, (str, list, tuple)) and not given):
        return []
    listed = isinstance(given, (list, tuple))
    named = listed and table is not None and isinstance(given[0], str)
    arrays = listed and isinstance(given[0], (list, tuple, np.ndarray, pd.Series))
    return [_column(table, column) for column in (given if named or arrays else [given])]


def _lower_columns(table: pd.DataFrame | None, given: object) -> list[list[tuple[str, np.ndarray]]]:
    """Strata of each stage below the first."""
    if isinstance(given, (str, pd.Series, np.ndarray)):
        raise TypeError("lower_strata holds one entry for each stage below the first: [None, 'ward']")
    return [_columns(table, columns) for columns in given or ()]


def _column(table: pd.DataFrame | None, given: object) -> tuple[str, np.ndarray]:
    """Name and values of one column."""
    if not isinstance(given, str):
        return str(getattr(given, "name", None) or "array"), pd.Series(given)
    if table is None or given not in table:
        raise DesignError(Fault("design", f"unknown column {given!r}", "a column of the table"))
    fail_if(repeated_names(table, [given], "design"), DesignError)
    return given, table[given]


def repeated_names(table: pd.DataFrame, names: Iterable[object], place: str) -> list[Fault]:
    """One fault for each of some names that several columns of a table have: which of them is meant nobody knows.

    Examples
    --------
    >>> table = pd.DataFrame([[1, 2, 3]], columns=["y", "x", "x"])
    >>> [str(fault) for fault in repeated_names(table, ["x", "y"], "model H1")]
    ['model H1, column x: found 2 columns of this name; allowed: one; rename or drop the others']
    """
    if table.columns.is_unique:
        return []
    counts = table.columns.value_counts()
    hint = "rename or drop the others"
    return [
        Fault(place, f"{counts[name]} columns of this name", "one", column=str(name), hint=hint)
        for name in dict.fromkeys(names)
        if name in counts.index and counts[name] > 1
    ]


def _row_count(table: pd.DataFrame | None, weight: Values, given: dict) -> int:
    """Number of rows; everything must have the same."""
    counts = [len(values) for columns in given.values() for _, values in columns]
    counts += [len(table)] if table is not None else []
    counts += [np.size(weight)] if weight is not None and not isinstance(weight, str) else []
    if not counts:
        raise TypeError("a design needs a table, or arrays")
    if len(set(counts)) > 1:
        found = f"columns of {' and '.join(map(str, sorted(set(counts))))} rows"
        raise DesignError(Fault("design", found, "a design needs columns of one length"))
    if not counts[0]:
        raise DesignError(Fault("design", "no rows", "at least two clusters"))
    return counts[0]


def _weights(table: pd.DataFrame | None, weight: Values, rows: int) -> np.ndarray:
    """Weights as numbers; NaN where missing."""
    if weight is None or (isinstance(weight, str) and not weight):
        return np.ones(rows)
    values = pd.to_numeric(pd.Series(_column(table, weight)[1]), errors="coerce")
    return values.to_numpy(dtype=float, na_value=np.nan, copy=True)


def _weight_faults(weight: np.ndarray) -> list[Fault]:
    """Weights that stand for nobody."""
    kinds = {"missing": np.isnan(weight), "infinite": np.isposinf(weight), "not above 0": weight <= 0}
    return [
        Fault("design", f"{int(bad.sum())} of {len(weight)} weights {kind}", "numbers above 0", column="weight")
        for kind, bad in kinds.items()
        if bad.any()
    ]


def _missing_faults(given: dict) -> list[Fault]:
    """Strata, clusters and population sizes that are not known for every row."""
    return [
        Fault(
            "design", f"{int(pd.isna(values).sum())} rows without a value", f"{role} known for every row", column=name
        )
        for role, columns in given.items()
        for name, values in columns
        if pd.isna(values).any()
    ] + [
        Fault("design", "population sizes that are no numbers", "counts of clusters", column=name)
        for name, values in given["population"]
        if pd.to_numeric(values, errors="coerce").isna().sum() > pd.isna(values).sum()
    ]


def _stage_faults(given: dict, lower: list) -> list[Fault]:
    """More population sizes or strata than stages."""
    stages = len(given["clusters"])
    told = [
        (len(given["population"]), stages, "population sizes", "at most one population size per stage"),
        (len(lower), stages - 1, "lower strata", "at most one entry per stage below the first"),
    ]
    return [
        Fault("design", f"{count} {what} for {stages} stages", allowed)
        for count, most, what, allowed in told
        if count > most
    ]


def _stages(given: dict, lower: list, rows: int, *, nested: bool) -> tuple[Stage, ...]:
    """Code strata and clusters from the first stage down; strata of a lower stage lie in the clusters above it."""
    above = _Codes(np.zeros(rows, dtype=np.int64), np.zeros(1, dtype=np.int64))
    own = [given["strata"], *lower, *[[]] * len(given["clusters"])]
    sizes = [pd.to_numeric(values, errors="coerce").to_numpy(dtype=float) for _, values in given["population"]]
    share, stages = np.ones(1), []
    for number, (name, values) in enumerate(given["clusters"]):
        strata = _crossed([above.code, *[column for _, column in own[number]]], rows) if own[number] else above
        inside = [strata.code] if nested else [above.code] if number else []
        cluster = _crossed([*inside, values], rows)
        size = sizes[number] if number < len(sizes) else np.full(rows, np.inf)
        stage = _stage(name, cluster, strata, size, (share, above.code))
        stages.append(stage)
        above, share = cluster, (stage.share * np.divide(stage.drawn, stage.population))[stage.stratum]
    return tuple(stages)


def _crossed(columns: list, rows: int) -> _Codes:
    """One code per combination of values, in order of first appearance; everything in one where there is no column."""
    code = np.zeros(rows, dtype=np.int64)
    for values in columns:
        own, found = pd.factorize(values)
        code = pd.factorize(code * max(len(found), 1) + own)[0]
    return _Codes(code, np.unique(code, return_index=True)[1])


def _stage(name: str, cluster: _Codes, strata: _Codes, size: np.ndarray, upper: tuple[np.ndarray, np.ndarray]) -> Stage:
    """One stage from coded rows, or what is wrong with it; ``upper``: share of each cluster above, its code by row."""
    stratum = strata.code[cluster.first]
    drawn = np.bincount(stratum, minlength=len(strata.first)).astype(float)
    population = size[strata.first]
    torn = len(np.unique(cluster.code[strata.code != stratum[cluster.code]]))
    changing = len(np.unique(strata.code[size != population[strata.code]]))
    small = int((population < drawn).sum())
    faults = [
        (torn, f"{torn} clusters in more than one stratum", "clusters inside strata", "nested=True if names repeat"),
        (changing, f"population sizes that change within {changing} strata", "one size per stratum", ""),
        (small, f"{small} strata with more clusters drawn than there are", "population counts", "not fractions"),
    ]
    fail_if([Fault("design", found, ok, column=name, hint=hint) for bad, found, ok, hint in faults if bad], DesignError)
    share, above = upper[0], upper[1][strata.first]
    return Stage(cluster.code, stratum, drawn, population, share[above], above)


def _single_faults(stages: tuple[Stage, ...], lonely: str) -> list[Fault]:
    """One cluster cannot tell how clusters differ."""
    if len(stages[0].stratum) == 1:
        return [Fault("design", "a single cluster", "at least two clusters")]
    return [
        fault
        for number, stage in enumerate(stages, 1)
        if stage.counts and stage.alone.any()
        for fault in _lonely_faults(stage, f" at stage {number}" if number > 1 else "", lonely)
    ]


def _lonely_faults(stage: Stage, where: str, lonely: str) -> list[Fault]:
    """Lonely strata that this treatment has no answer for."""
    alone, hint = stage.alone, "merge strata, or choose lonely certainty, adjust or average"
    if lonely == "fail":
        found = f"{int(alone.sum())} strata with a single cluster{where}"
        return [Fault("design", found, "two or more", hint=hint)]
    others = np.bincount(stage.above, weights=~alone)
    if lonely == "average" and not others[stage.above].all():
        found = f"a single cluster in every stratum{where}"
        return [Fault("design", found, "lonely average needs other strata", hint="choose lonely certainty or adjust")]
    return []
