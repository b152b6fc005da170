"""Any estimator over imputed sets: run in each of them, and its tidy table pooled row by row by Rubin's rules.

The pooled table has the columns of the estimator's own, so that whatever prints or plots it goes on working; what the
gaps cost stands in further columns.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.describing.comparisons import Test
from kzsurvey.modelling.describing.estimates import design_from_columns
from kzsurvey.modelling.missing.imputation import Imputed
from kzsurvey.modelling.missing.rubin import PooledTest, Rubin, pooled_statistics, pooled_wald, rubin
from kzsurvey.modelling.regression.comparing import LikelihoodRatio
from kzsurvey.modelling.regression.results import Fit, holm
from kzsurvey.modelling.sampling.design import Design
from kzsurvey.modelling.sampling.intervals import interval, p_value
from kzsurvey.modelling.scales.reliability import Reliability

_POOLED = ("estimate", "std_error", "df", "conf_low", "conf_high", "p_value")
_COUNTS = ("n", "n_dropped")
_OF_ONE_SET = ("p_adjusted", "p_holm", "statistic", "t")  # follow from the errors of one set: no mean of them is theirs
COSTS = ("riv", "share", "fmi", "efficiency")


class Scale(NamedTuple):
    """A scale to pool on: there, back, and the slope of the way there; 0 stays 0 where there is a test of it."""

    there: Callable[[np.ndarray], np.ndarray]
    back: Callable[[np.ndarray], np.ndarray]
    slope: Callable[[np.ndarray], np.ndarray]
    tests_zero: bool = True


# In the order they are tried: the first on which the intervals of all sets are symmetric is the one to pool on.
SCALES = {
    "identity": Scale(lambda x: x, lambda x: x, np.ones_like),
    "fisher": Scale(np.arctanh, np.tanh, lambda x: 1 / (1 - x**2)),
    "logit": Scale(logit, expit, lambda x: 1 / (x * (1 - x)), tests_zero=False),
    "log": Scale(np.log, np.exp, lambda x: 1 / x, tests_zero=False),
    "complement": Scale(lambda x: -np.log1p(-x), lambda x: -np.expm1(-x), lambda x: 1 / (1 - x)),
}


@dataclass(frozen=True, eq=False)
class Pooled:
    """What an estimator says over all imputed sets.

    Attributes
    ----------
    table : DataFrame, one row per estimate
        The columns of the estimator's own table, pooled, and ``riv`` (relative increase of the variance by the gaps),
        ``share`` (fraction of the variance due to them), ``fmi`` (fraction of missing information), ``efficiency``
        (against infinitely many sets), ``scale`` (what it was pooled on).
    covariance : (p, p) array or None
        Within plus (1 + 1/m) between, where the estimator tells covariances.
    test : PooledTest or None
        For results that are a test: D2 of its statistics (of a t test, the pooled difference).
    sets : int
    results : tuple, what each set gave
    converged : bool
        Whether the chains had settled; True for sets made elsewhere, of which that is not known.
    """

    table: pd.DataFrame
    covariance: np.ndarray | None
    test: PooledTest | None
    sets: int
    results: tuple = field(repr=False)
    converged: bool = True

    @property
    def fit(self) -> Fit:
        """The first set's Fit with the pooled terms and covariance: for whatever takes a Fit and only reads those.

        Raises
        ------
        TypeError
            The estimator does not give a Fit.
        """
        first = self.results[0]
        if not isinstance(first, Fit):
            raise TypeError(f"the estimator gave a {type(first).__name__}, not a Fit")
        terms = self.table[list(first.terms.columns)]
        summary = {
            key: value if isinstance(value, str) else float(np.mean([found.summary[key] for found in self.results]))
            for key, value in first.summary.items()
        }
        summary |= {key: self.table[key].iloc[0].item() for key in _COUNTS} | {"sets": self.sets}
        costs = self.table[["term", *COSTS]]
        return Fit(first.model, first.kind, terms, summary, self.covariance, {"imputation": costs})

    def wald(self, terms: Sequence[str] = ()) -> PooledTest:
        """Test that some terms are all 0 (D1); all but intercept and thresholds where none are named.

        Raises
        ------
        DesignError
            Unknown terms; an estimator without covariances.
        """
        if self.covariance is None:
            raise DesignError(Fault("pooled test", "an estimator without covariances", "a model, or Estimates"))
        names = self.table[_label(self.table)].astype(str).tolist()
        wanted = list(terms) or [name for name in names if name != "Intercept" and "|" not in name]
        unknown = [name for name in wanted if name not in names]
        fail_if([Fault("pooled test", f"unknown term {name!r}", ", ".join(names)) for name in unknown], DesignError)
        at = [names.index(name) for name in wanted]
        found = [_read(result) for result in self.results]
        estimate = np.array([part.table["estimate"].to_numpy(dtype=float)[at] for part in found])
        covariance = np.array([part.covariance[np.ix_(at, at)] for part in found])
        df = min(float(part.table["df"].to_numpy(dtype=float)[at].min()) for part in found)
        return pooled_wald(estimate, covariance, df=df)

    def _repr_html_(self) -> str:
        """The table, in a notebook, and a word where the chains had not settled."""
        warning = "" if self.converged else "<p>The chains of the imputation had not settled.</p>"
        return self.table.to_html(index=False) + warning


def with_imputations(
    imputed: Imputed | Iterable[pd.DataFrame],
    analysis: Callable[[pd.DataFrame, Design], object],
    *,
    design: Design | None = None,
    level: float = 0.95,
) -> Pooled:
    """Run an estimator in every imputed set and pool what it says.

    Parameters
    ----------
    imputed : Imputed, or DataFrames, one per imputed set
    analysis : function of (table, design) giving a Fit, Estimates, Correlations, Reliability, Test, LikelihoodRatio,
        or a DataFrame with ``estimate`` and ``std_error``
        ``lambda table, design: fit_regression(table, "y ~ x", design=design)``. A domain that depends on imputed
        answers is made inside the function; everything else the function needs it closes over.
    design : Design
        Where None, the one that the sets were imputed with, or else the columns ``weight``, ``stratum``, ``cluster``.
    level : float, of the intervals

    Returns
    -------
    Pooled

    Raises
    ------
    DesignError
        Fewer than two sets; what the estimator refuses, with the number of the set; tables with other rows in one set
        than in another (a category nobody has in one of them); a result without estimates and errors.

    Notes
    -----
    Degrees of freedom are Barnard and Rubin's from those of the estimator, which are those of the design. Estimates
    are pooled on the scale on which their own intervals are symmetric (the log odds of a proportion, Fisher's z of a
    correlation, the log of a variance); an interval that is symmetric on none of them is pooled as it stands. A row
    that is the same in all sets is left as it is.

    References
    ----------
    Rubin, D. B. (1987). Multiple imputation for nonresponse in surveys. Wiley. doi:10.1002/9780470316696

    Examples
    --------
    >>> from kzsurvey.modelling.describing.estimates import mean
    >>> sets = [pd.DataFrame({"hours": [40.0, 50.0, 60.0, guess]}) for guess in (45.0, 55.0, 50.0)]
    >>> pooled = with_imputations(sets, lambda table, design: mean("hours", table, design=design))
    >>> pooled.table[["variable", "estimate", "std_error", "fmi"]].round(3).to_dict("records")
    [{'variable': 'hours', 'estimate': 50.0, 'std_error': 4.449, 'fmi': 0.48}]
    """
    own = imputed.design if isinstance(imputed, Imputed) else None
    results, faults = [], []
    for number, table in enumerate(imputed, start=1):
        try:
            results.append(analysis(table, design or own or design_from_columns(table)))
        except DesignError as error:
            faults += [replace(fault, file=f"{fault.file} (imputed set {number})") for fault in error.faults]
    fail_if(faults, DesignError)
    converged = imputed.converged if isinstance(imputed, Imputed) else True
    return replace(pool(results, level=level), converged=converged)


def pool(results: Sequence[object], *, level: float = 0.95) -> Pooled:
    """Pool what an estimator gave in each of several imputed sets; see :func:`with_imputations`.

    Parameters
    ----------
    results : sequence of what one estimator gave, one per set
    level : float, of the intervals

    Examples
    --------
    >>> table = pd.DataFrame({"term": ["x"], "std_error": [0.2], "df": [30.0]})
    >>> pool([table.assign(estimate=value) for value in (1.0, 1.1, 0.9)]).table["std_error"].round(4).tolist()
    [0.2309]
    """
    found = [_read(result) for result in results]
    fail_if(_unlike_faults(found), DesignError)
    first = found[0]
    tables = [part.table for part in found]
    table = _pooled_table(tables, level) if len(first.table) else first.table
    covariance = None
    if all(part.covariance is not None for part in found):
        estimates = np.array([part["estimate"].to_numpy(dtype=float) for part in tables])
        within = np.mean([part.covariance for part in found], axis=0)
        covariance = within + (1 + 1 / len(found)) * np.atleast_2d(np.cov(estimates, rowvar=False))
    return Pooled(table, covariance, _pooled_test(found, table), len(found), tuple(results))


class _Read(NamedTuple):
    """What a result tells: its tidy table, its covariance, the chi-square statistic and its degrees of freedom."""

    table: pd.DataFrame
    covariance: np.ndarray | None = None
    statistic: float = np.nan
    above: float = np.nan


def _read(result: object) -> _Read:
    """A result of any kind as a tidy table with ``estimate``, ``std_error`` and ``df``."""
    if isinstance(result, Fit):
        return _Read(result.terms, result.covariance)
    if isinstance(result, Test):
        factor = {"chi2": 1.0, "F": result.df}.get(result.symbol, np.nan)
        df = result.df if result.symbol == "t" else result.df_below
        return _Read(result.effects.assign(df=df), None, result.statistic * factor, result.df)
    if isinstance(result, LikelihoodRatio):
        return _Read(pd.DataFrame(), None, result.statistic / float(np.mean(result.weights)), float(result.df))
    if isinstance(result, Reliability):
        names = {"alpha": "estimate"}
        return _Read(result.scale.rename(columns=names))
    table = result if isinstance(result, pd.DataFrame) else getattr(result, "table", None)
    if not isinstance(table, pd.DataFrame) or not {"estimate", "std_error"} <= set(table):
        allowed = "a Fit, Estimates, Correlations, Reliability, Test, or a table with estimate and std_error"
        raise DesignError(Fault("imputation", f"a result of kind {type(result).__name__} to pool", allowed))
    covariance = getattr(result, "covariance", None)
    return _Read(table if "df" in table else table.assign(df=np.inf), covariance)


def _labels(table: pd.DataFrame) -> pd.DataFrame:
    """The columns that say what a row is."""
    words = [name for name in table if not pd.api.types.is_float_dtype(table[name].dtype) and name not in _COUNTS]
    return table[words].astype(str).reset_index(drop=True)


def _label(table: pd.DataFrame) -> str:
    """The column that names the rows."""
    return next(name for name in ("term", "variable", "effect", *table.columns) if name in table)


def _unlike_faults(found: list[_Read]) -> list[Fault]:
    """Sets in which the estimator has other rows."""
    if len(found) < 2:
        return [Fault("imputation", f"{len(found)} imputed sets", "two sets or more, better twenty")]
    first = _labels(found[0].table)
    faults = []
    for number, part in enumerate(found[1:], start=2):
        other = _labels(part.table)
        if not first.equals(other):
            rows = {tuple(row) for row in other.to_numpy()} ^ {tuple(row) for row in first.to_numpy()}
            named = "; ".join(sorted(" ".join(filter(None, row)) for row in rows)[:4])
            hint = "a category that nobody has in one of the sets? merge it with another before imputing"
            text = f"other rows in imputed set {number} than in set 1 ({named})"
            faults.append(Fault("imputation", text, "the same rows in all", hint=hint))
    return faults


def _pooled_table(tables: list[pd.DataFrame], level: float) -> pd.DataFrame:
    """One table of all, row by row."""
    first = tables[0]
    stacked = {
        name: np.array([table[name].to_numpy(dtype=float, na_value=np.nan) for table in tables])
        for name in first
        if pd.api.types.is_numeric_dtype(first[name].dtype) and not pd.api.types.is_bool_dtype(first[name].dtype)
    }
    scales = _scales(stacked)
    pooled = _on_scales(stacked, scales, level)
    columns = {name: _column(first, name, stacked, pooled) for name in first}
    costs = {name: pooled[name] for name in COSTS}
    return pd.DataFrame(columns | costs | {"scale": pd.array(scales, dtype="str")})


def _column(
    first: pd.DataFrame, name: str, stacked: dict[str, np.ndarray], pooled: dict[str, np.ndarray]
) -> np.ndarray | pd.api.extensions.ExtensionArray:
    """A column of the pooled table: pooled, the smallest count, or the mean of what else the estimator tells."""
    if name in pooled:
        return pooled[name]
    if name == "p_holm" and "p_value" in pooled:
        return holm(pooled["p_value"])
    if name in _OF_ONE_SET:
        return np.full(len(first), np.nan)
    if name == "n":
        return stacked[name].min(axis=0).astype(int)
    if name == "n_dropped":
        return stacked[name].max(axis=0).astype(int)
    if name in stacked and pd.api.types.is_float_dtype(first[name].dtype):
        return stacked[name].mean(axis=0)
    return first[name].array


def _scales(stacked: dict[str, np.ndarray]) -> list[str]:
    """For each row, the scale on which its intervals are symmetric in all sets."""
    ends = ("estimate", "conf_low", "conf_high")
    estimate, low, high = (stacked.get(name, stacked["estimate"]) for name in ends)
    chosen = np.full(estimate.shape[1], "identity", dtype=object)
    open_ = np.ones(estimate.shape[1], dtype=bool)
    with np.errstate(all="ignore"):
        for name, scale in SCALES.items():
            middle, below, above = (scale.there(part) for part in (estimate, low, high))
            skew = np.abs(above + below - 2 * middle) <= 1e-7 * np.maximum(np.abs(above - below), 1e-12)
            fits = open_ & skew.all(axis=0) & np.isfinite(middle).all(axis=0)
            chosen[fits], open_ = name, open_ & ~fits
    return list(chosen)


def _on_scales(stacked: dict[str, np.ndarray], scales: list[str], level: float) -> dict[str, np.ndarray]:
    """Pooled columns, each row on its scale; the error is told on the scale of the estimate."""
    rows = np.array(scales)
    width = len(rows)
    found = {name: np.full(width, np.nan) for name in (*_POOLED, *COSTS)}
    for name in dict.fromkeys(scales):
        at = np.flatnonzero(rows == name)
        scale = SCALES[name]
        estimate = stacked["estimate"][:, at]
        slope = scale.slope(estimate)
        complete = stacked["df"][:, at].min(axis=0)
        pooled = rubin(scale.there(estimate), (slope * stacked["std_error"][:, at]) ** 2, df=complete)
        for column, values in _told(pooled, scale, level).items():
            found[column][at] = values
    return _as_they_are(stacked, found)


def _told(pooled: Rubin, scale: Scale, level: float) -> dict[str, np.ndarray]:
    """What is told of estimates pooled on a scale."""
    low, high = interval(pooled.estimate, pooled.std_error, pooled.df, level=level)
    estimate = scale.back(pooled.estimate)
    with np.errstate(divide="ignore", invalid="ignore"):
        p = p_value(pooled.estimate / pooled.std_error, pooled.df)
    return {
        "estimate": estimate,
        "std_error": pooled.std_error / scale.slope(estimate),
        "df": pooled.df,
        "conf_low": scale.back(low),
        "conf_high": scale.back(high),
        "p_value": p if scale.tests_zero else np.full_like(p, np.nan),
        "riv": pooled.riv,
        "share": pooled.share,
        "fmi": pooled.fmi,
        "efficiency": pooled.efficiency,
    }


def _as_they_are(stacked: dict[str, np.ndarray], found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Rows without a gap keep the numbers of the estimator, whatever interval it makes; columns it has, no others."""
    with np.errstate(invalid="ignore"):
        same = np.ptp(stacked["estimate"], axis=0) + np.ptp(stacked["std_error"], axis=0) == 0
    for name in _POOLED:
        if name in stacked:
            found[name] = np.where(same, stacked[name][0], found[name])
    return {name: values for name, values in found.items() if name in stacked or name in COSTS}


def _pooled_test(found: list[_Read], table: pd.DataFrame) -> PooledTest | None:
    """Of results that are a test."""
    if np.isfinite([part.statistic for part in found]).all():
        return pooled_statistics(np.array([part.statistic for part in found]), found[0].above)
    if "effect" in table and len(table) and "df" in table:
        row = table.iloc[0]
        t = row["estimate"] / row["std_error"]
        return PooledTest(float(t**2), 1.0, float(row["df"]), float(p_value(t, row["df"])), float(row["riv"]), "D1")
    return None
