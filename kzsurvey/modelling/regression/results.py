"""What every kind of model gives: one tidy table of terms, one row of fit, and what tests over several models need."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from kzsurvey.errors import DesignError, Fault
from kzsurvey.modelling.sampling.intervals import interval, p_value


@dataclass(frozen=True, eq=False)
class Fit:
    """One fitted model.

    Attributes
    ----------
    model : str, its name
    kind : str, ``linear``, ``logistic``, ...
    terms : DataFrame, one row per term
        The columns of ``kzsurvey.tables.TABLES["terms"]``; ``hypothesis`` and ``p_adjusted`` are filled where the
        model is declared and fitted as one of a family.
    summary : mapping
        Numbers about the whole fit: ``n``, ``n_dropped``, ``clusters``, ``df``, and what the kind adds.
    covariance : (p, p) array, of the estimates, in the order of the terms
    extra : mapping
        What only this kind has (fitted values, a specification for predictions).
    """

    model: str
    kind: str
    terms: pd.DataFrame
    summary: Mapping[str, float]
    covariance: np.ndarray
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        """Numbers of the summary as those of Python, whatever computed them."""
        plain = {key: value.item() if isinstance(value, np.generic) else value for key, value in self.summary.items()}
        object.__setattr__(self, "summary", plain)

    def _repr_html_(self) -> str:
        """The terms, in a notebook."""
        return self.terms.to_html()


def terms_table(
    names: tuple[str, ...],
    estimate: np.ndarray,
    covariance: np.ndarray,
    df: float | np.ndarray,
    *,
    level: float = 0.95,
    **constant: object,
) -> pd.DataFrame:
    """Tidy rows of a fit.

    Parameters
    ----------
    names : tuple of str, one per term
    estimate : (p,) array
    covariance : (p, p) array
    df : float or (p,) array
    constant
        ``model``, ``n``, ``n_dropped``, ``outcome``, ``kind``: the same in every row.

    Examples
    --------
    >>> table = terms_table(("x",), np.array([2.0]), np.array([[1.0]]), 10, model="H1", n=12, n_dropped=0,
    ...                     outcome="y", kind="linear")
    >>> table[["term", "estimate", "conf_low", "p_value"]].round(3).to_dict("records")
    [{'term': 'x', 'estimate': 2.0, 'conf_low': -0.228, 'p_value': 0.073}]
    """
    std_error = np.sqrt(np.diag(covariance))
    low, high = interval(estimate, std_error, df, level=level)
    count = len(names)
    columns = constant | {
        "term": names,
        "estimate": estimate,
        "std_error": std_error,
        "df": np.full(count, df, dtype=float),
        "conf_low": low,
        "conf_high": high,
        "p_value": p_value(estimate / std_error, df),
        "hypothesis": "",
        "p_adjusted": np.nan,
    }
    return pd.DataFrame({name: _typed(name, columns[name], count) for name in TERM_COLUMNS})


TERM_COLUMNS = [
    "model", "term", "estimate", "std_error", "df", "conf_low", "conf_high", "p_value", "n", "n_dropped",
    "outcome", "kind", "hypothesis", "p_adjusted",
]  # fmt: skip


_WORDS = ("model", "term", "outcome", "kind", "hypothesis")


def _typed(name: str, values: object, count: int) -> object:
    """A column of terms, of its kind also where there is one value for all."""
    if name in _WORDS:
        return pd.array([values] * count if isinstance(values, str) else list(values), dtype="str")
    return np.broadcast_to(values, count)


def without_error(fit: Fit, slope: np.ndarray) -> np.ndarray:
    """Which functions of the coefficients rest on a single cluster, so that their error is unknown.

    Parameters
    ----------
    fit : Fit
    slope : (k, p) array, derivatives of the functions

    Returns
    -------
    (k,) flags
    """
    directions = fit.extra.get("directions_in_one_cluster")
    if directions is None or not directions.size:
        return np.zeros(len(slope), dtype=bool)
    return (np.abs(slope @ directions) > 1e-7 * (np.abs(slope) @ np.abs(directions))).any(axis=1)


def one_cluster_faults(fit: Fit, terms: Sequence[str]) -> list[Fault]:
    """Terms that no test can be made of, because they rest on a single cluster."""
    alone = fit.extra.get("in_one_cluster", ())
    return resting_faults(fit.model, [term for term in alone if term in terms or _without_cut(term) in terms])


def resting_faults(model: str, terms: Sequence[str]) -> list[Fault]:
    """One fault for each term that rests on a single cluster."""
    place, hint = f"model {model}".strip(), "merge categories, or leave these interviews out by where"
    return [
        Fault(place, f"term {term} that rests on a single cluster", "two clusters or more", hint=hint) for term in terms
    ]


def variables_in_one_cluster(fit: Fit) -> set[str]:
    """Names in terms that rest on a single cluster: ``C(level)[T.county]:pay`` holds level, county and pay."""
    return {part for term in fit.extra.get("in_one_cluster", ()) for part in re.split(r"[][:()`]", term)}


def _without_cut(term: str) -> str:
    """The column of a slope that an ordinal model lets differ by cut: ``pay:load:2|3`` is of ``pay:load``."""
    column, _, cut = term.rpartition(":")
    return column if "|" in cut else term


def benjamini_hochberg(p: np.ndarray) -> np.ndarray:
    """Adjust p values so that, among those below q, at most a share q is expected to be false.

    Parameters
    ----------
    p : (m,) array, one per hypothesis of the family; missing ones stay missing and do not count

    References
    ----------
    Benjamini, Y., & Hochberg, Y. (1995). Controlling the false discovery rate. Journal of the Royal Statistical
    Society B 57, 289-300. doi:10.1111/j.2517-6161.1995.tb02031.x

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03, 0.5])).round(4).tolist()
    [0.04, 0.0533, 0.0533, 0.5]
    """
    return _stepwise(p, lambda rank, count: count / rank, falling=True)


def holm(p: np.ndarray) -> np.ndarray:
    """Adjust p values so that the probability of any false finding among those below q is at most q.

    Parameters
    ----------
    p : (m,) array, one per hypothesis of the family; missing ones stay missing and do not count

    References
    ----------
    Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6,
    65-70. https://www.jstor.org/stable/4615733

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03, 0.5])).round(4).tolist()
    [0.04, 0.09, 0.09, 0.5]
    """
    return _stepwise(p, lambda rank, count: count - rank + 1, falling=False)


def _stepwise(p: np.ndarray, factor: object, *, falling: bool) -> np.ndarray:
    """Multiply sorted p values by a factor of their rank and make them monotone, from above or from below."""
    p = np.asarray(p, dtype=float)
    if ((p < 0) | (p > 1)).any():
        raise DesignError(Fault("p values", f"{p[(p < 0) | (p > 1)].tolist()}", "0 to 1"))
    adjusted = np.full_like(p, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    scaled = p[order] * factor(np.arange(1, len(order) + 1), len(order))
    monotone = np.minimum.accumulate(scaled[::-1])[::-1] if falling else np.maximum.accumulate(scaled)
    adjusted[order] = np.minimum(monotone, 1.0)
    return adjusted
