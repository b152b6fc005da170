"""Tests of a family of hypotheses that know how the tests hang together: Romano and Wolf's step-down method.

Holm's adjustment must be ready for the worst case; here the dependence of the tests is drawn from the sample itself, by
clusters, so that tests that say nearly the same thing do not cost twice.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.regression.results import Fit
from kzsurvey.modelling.sampling.variance import contributions

_FEW = 12  # clusters up to which six values of a multiplier are drawn in place of two signs
_FEWEST = 99  # draws below which no p value reaches 0.01


def romano_wolf(
    fits: Sequence[Fit] | Mapping[str, Fit],
    terms: Sequence[str] | Mapping[str, str],
    *,
    draws: int = 9999,
    seed: int = 1,
) -> pd.DataFrame:
    r"""Adjust the p values of one term in each of several models for their number, with their dependence.

    Parameters
    ----------
    fits : sequence of Fit, or mapping of name to Fit
        All fitted with designs of the same rows and clusters.
    terms : the term of each fit that is tested, in the same order or by the same names
    draws : int
        Draws of all test statistics together.
    seed : int

    Returns
    -------
    DataFrame, one row per hypothesis, in the order given
        ``model``, ``term``, ``estimate``, ``std_error``, ``statistic`` (t), ``p_value`` (of the fit, by itself) and
        ``p_adjusted``: the probability that, were none of the hypotheses not yet rejected true, any of their statistics
        would be as large. Those below q are found with at most a chance q of any false finding in the family.

    Raises
    ------
    DesignError
        Fewer than two fits; an unknown term; a kind of fit that cannot be drawn again; designs of different clusters.

    Notes
    -----
    Errors of all estimates are drawn at once by a score (wild cluster) bootstrap: what each cluster adds to each
    estimate, :func:`~kzsurvey.modelling.sampling.variance.contributions`, times a random sign of the cluster. The
    covariance of the draws is the design-based covariance of the estimates. Step-down: the largest statistic is held
    against the largest of all drawn ones, the next against the largest of those left.

    References
    ----------
    Romano, J. P., & Wolf, M. (2005). Exact and approximate stepdown methods for multiple hypothesis testing. Journal of
    the American Statistical Association 100, 94-108. doi:10.1198/016214504000000539
    Kline, P., & Santos, A. (2012). A score based approach to wild bootstrap inference. Journal of Econometric Methods
    1, 23-41. doi:10.1515/2156-6674.1006

    Examples
    --------
    >>> from kzsurvey.modelling import fit_regression, make_design
    >>> table = pd.DataFrame({"a": [1.0, 2.0, 4.0, 4.0, 6.0, 7.0], "x": [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]})
    >>> table["b"] = 2 * table["a"]
    >>> design = make_design(table)
    >>> fits = [fit_regression(table, f"{name} ~ x", design=design, name=name) for name in "ab"]
    >>> found = romano_wolf(fits, ["x", "x"], draws=999)
    >>> found["p_adjusted"].nunique()  # the same test twice costs nothing
    1
    """
    named = dict(fits) if isinstance(fits, Mapping) else dict(enumerate(fits))
    wanted = dict(terms) if isinstance(terms, Mapping) else dict(enumerate(terms))
    fail_if(_family_faults(named, wanted), DesignError)
    rows = pd.concat([_row(fit, wanted[name]) for name, fit in named.items()], ignore_index=True)
    alone = rows.loc[rows["std_error"].isna(), "term"]
    fail_if([Fault("romano_wolf", f"term {term} without an error", "errors of all") for term in alone], DesignError)
    parts = np.stack([standard_contributions(fit, wanted[name]) for name, fit in named.items()], axis=1)
    statistic = (rows["estimate"] / rows["std_error"]).to_numpy()
    drawn = np.abs(multipliers(len(parts), draws, seed) @ parts)
    rows.insert(4, "statistic", statistic)
    return rows.assign(p_adjusted=_stepped_down(np.abs(statistic), drawn))


def standard_contributions(fit: Fit, term: str) -> np.ndarray:
    """What each cluster adds to the error of one term, in standard errors: squares that sum to 1.

    Parameters
    ----------
    fit : Fit
    term : str

    Returns
    -------
    (K,) array

    Examples
    --------
    >>> from kzsurvey.modelling import fit_regression, make_design
    >>> table = pd.DataFrame({"y": [1.0, 2.0, 4.0, 4.0], "x": [0.0, 1.0, 2.0, 3.0]})
    >>> fit = fit_regression(table, "y ~ x", design=make_design(table))
    >>> float((standard_contributions(fit, "x") ** 2).sum().round(9))
    1.0
    """
    place = f"model {fit.model}".strip()
    if "estimator" not in fit.extra or "design" not in fit.extra:
        raise DesignError(Fault(place, f"a fit of the kind {fit.kind}", "a fit whose errors can be drawn again"))
    names = fit.terms["term"].tolist()
    if term not in names:
        raise DesignError(Fault(place, f"no term {term!r}", ", ".join(names)))
    own = contributions(fit.extra["estimator"], fit.extra["design"])[:, names.index(term)]
    size = np.sqrt(own @ own)
    if not size > 0:
        raise DesignError(Fault(place, f"a term {term!r} without an error", "an estimate that varies"))
    return own / size


def multipliers(clusters: int, draws: int, seed: int) -> np.ndarray:
    """Random multipliers with mean 0 and variance 1: signs, and among few clusters six values, so that draws differ.

    Parameters
    ----------
    clusters, draws : int
    seed : int

    Returns
    -------
    (draws, clusters) array

    References
    ----------
    Webb, M. D. (2023). Reworking wild bootstrap-based inference for clustered errors. Canadian Journal of Economics 56,
    839-858. doi:10.1111/caje.12661

    Examples
    --------
    >>> multipliers(20, 99, 1).shape, sorted(set(multipliers(20, 99, 1).ravel().tolist()))
    ((99, 20), [-1.0, 1.0])
    """
    if draws < _FEWEST:
        raise DesignError(Fault("joint test", f"{draws} draws", f"{_FEWEST} or more"))
    random = np.random.default_rng(seed)
    if clusters > _FEW:
        return 2.0 * random.integers(0, 2, size=(draws, clusters)) - 1.0
    values = np.sqrt([0.5, 1.0, 1.5])
    return random.choice(np.concatenate([-values, values]), size=(draws, clusters))


def chance(drawn: np.ndarray, statistic: float) -> float:
    """Share of draws as large as a statistic, which counts as a draw itself, so that it is never 0.

    Examples
    --------
    >>> chance(np.array([0.5, 1.0, 3.0]), 2.0)
    0.5
    """
    return float((1 + (drawn >= statistic - 1e-12).sum()) / (1 + len(drawn)))


def _stepped_down(statistic: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Adjusted p values from the largest statistic to the smallest."""
    order = np.argsort(-statistic, kind="stable")
    largest = np.maximum.accumulate(drawn[:, order[::-1]], axis=1)[:, ::-1]  # of this hypothesis and all after it
    single = [chance(largest[:, place], statistic[number]) for place, number in enumerate(order)]
    adjusted = np.empty(len(order))
    adjusted[order] = np.maximum.accumulate(single)
    return adjusted


def _row(fit: Fit, term: str) -> pd.DataFrame:
    """The term's row of a fit."""
    return fit.terms.loc[fit.terms["term"] == term, ["model", "term", "estimate", "std_error", "p_value"]].head(1)


def _family_faults(fits: dict, terms: dict) -> list[Fault]:
    """Families that cannot be tested together."""
    if len(fits) < 2 or set(fits) != set(terms):
        return [Fault("romano_wolf", f"{len(fits)} fits and {len(terms)} terms", "two fits or more, a term for each")]
    unknown = [
        Fault(f"model {fit.model}".strip(), f"no term {terms[name]!r}", ", ".join(fit.terms["term"]))
        for name, fit in fits.items()
        if terms[name] not in set(fit.terms["term"])
    ]
    first = next(iter(fits.values())).extra.get("design")
    other = [fit.model for fit in fits.values() if not _same_clusters(first, fit.extra.get("design"))]
    return unknown + [
        Fault("romano_wolf", f"model {name} with other rows or clusters", "designs of the same rows and clusters")
        for name in other
    ]


def _same_clusters(one: object, other: object) -> bool:
    """Whether two designs have the same rows in the same clusters."""
    if one is other or one is None or other is None:
        return True
    same_rows = len(one) == len(other) and np.array_equal(one.stages[0].cluster, other.stages[0].cluster)
    return same_rows and (one.replicates is None) == (other.replicates is None)
