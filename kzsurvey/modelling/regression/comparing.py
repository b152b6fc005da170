"""Models side by side, and design-based tests of one model inside another."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import chdtrc, fdtrc, ndtr

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.regression.regression import wald_test
from kzsurvey.modelling.regression.results import Fit, one_cluster_faults

STATISTICS = (
    "n", "n_dropped", "clusters", "df", "r_squared", "deviance", "aic", "effective_parameters", "wald_f", "wald_p",
    "icc", "sigma", "log_likelihood",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Comparison:
    """Several models in one table.

    Attributes
    ----------
    long : DataFrame, one row per model and term, and per model and statistic
        ``model``, ``part`` (``term`` or ``statistic``), ``name``, ``estimate``, ``std_error``, ``conf_low``,
        ``conf_high``, ``p_value``; a statistic has its value in ``estimate``.
    wide : DataFrame, one row per term and statistic, one column per model, as text
    tests : DataFrame, one row per pair of models with the same outcome
        ``smaller``, ``larger``, ``terms`` (tested; ``x by org``: the variance of a slope between groups), ``f``,
        ``df``, ``df_below``, ``p_value`` (Wald), ``lr_p_value`` (likelihood ratio, where the kind has one), ``note``
        (why a pair has no test, or not both).
    """

    long: pd.DataFrame
    wide: pd.DataFrame
    tests: pd.DataFrame

    def _repr_html_(self) -> str:
        """The models side by side, in a notebook."""
        return self.wide.to_html()


class LikelihoodRatio(NamedTuple):
    """A likelihood-ratio test of Rao-Scott type; between models with group effects, of the usual one.

    Attributes
    ----------
    statistic : float, deviance of the smaller model less that of the larger, with weights that average 1
    df : int, terms tested; with group effects also variances and covariances
    df_below : float, degrees of freedom of the design; infinite with group effects
    weights : (df,) array, design effects of the terms: the statistic is a sum of chi-squares with these factors
    p_value : float
    """

    statistic: float
    df: int
    df_below: float
    weights: np.ndarray
    p_value: float


def compare(*fits: Fit, names: Sequence[str] = (), digits: int = 3) -> Comparison:
    """Put models side by side, and test those that lie inside each other.

    Parameters
    ----------
    fits : Fit, of any kinds
    names : sequence of str
        What to call the models; their own names where empty, numbered where these repeat.
    digits : int, decimals in ``wide``

    Returns
    -------
    Comparison

    Raises
    ------
    DesignError
        No models, or as many names as there are not models.

    Examples
    --------
    >>> from kzsurvey.modelling import fit_regression, make_design
    >>> table = pd.DataFrame({"y": [1.0, 2, 4, 4, 6, 5], "x": [0.0, 1, 2, 3, 4, 5], "z": [1.0, 0, 2, 0, 1, 0]})
    >>> design = make_design(weight=[1.0] * 6)
    >>> small = fit_regression(table, "y ~ x", design=design, name="pay")
    >>> large = fit_regression(table, "y ~ x + z", design=design, name="pay and load")
    >>> print(compare(small, large).wide.loc[["x", "z", "n"]].to_string())
                        pay          pay and load
    x  0.914 [0.392, 1.436]  0.994 [0.547, 1.441]
    z                        0.696 [0.111, 1.281]
    n                     6                     6
    >>> compare(small, large).tests[["smaller", "larger", "terms", "df"]].to_dict("records")
    [{'smaller': 'pay', 'larger': 'pay and load', 'terms': 'z', 'df': 1}]
    """
    if strange := [type(fit).__name__ for fit in fits if not isinstance(fit, Fit)]:
        raise TypeError(f"compare takes fits, with names=[...] to call them by, not {', '.join(strange)}")
    called = list(names) or _distinct([fit.model or fit.kind for fit in fits])
    if not fits or len(called) != len(fits) or len(set(called)) < len(called):
        found = f"{len(fits)} models with {len(set(called))} names"
        raise DesignError(Fault("compare", found, "at least one model, one name for each"))
    long = pd.concat([_long(fit, name) for fit, name in zip(fits, called, strict=True)], ignore_index=True)
    pairs = combinations(zip(fits, called, strict=True), 2)
    tests = [test for one, two in pairs if (test := _tested(one, two) or _tested(two, one) or _untested(one, two))]
    return Comparison(long, _wide(long, called, digits), pd.DataFrame(tests, columns=_TEST_COLUMNS))


def likelihood_ratio_test(larger: Fit, smaller: Fit) -> LikelihoodRatio:
    r"""Test the terms of a model that a smaller one leaves out, by the likelihood under the sampling weights.

    Parameters
    ----------
    larger, smaller : Fit
        Of one kind and outcome, on the same rows; all terms of the smaller are in the larger. Of
        :func:`kzsurvey.modelling.fit_mixed`: by the same groups, all slopes by group of the smaller in the larger.

    Returns
    -------
    LikelihoodRatio

    Raises
    ------
    DesignError
        Models that are not nested, or of a kind without a deviance; restricted likelihoods of other terms.

    Notes
    -----
    Under the design, the difference of deviances is distributed as :math:`\sum_j \delta_j \chi^2_1`, with
    :math:`\delta_j` the eigenvalues of :math:`V_0^{-1} V` (the covariance of the terms under the design over that of a
    simple random sample), divided by a chi-square of the design's degrees of freedom. The probability is the
    saddlepoint approximation that R's ``regTermTest(method = "LRT")`` takes.

    Models with group effects have equal weights: twice the difference of log likelihoods is a chi-square. Where the
    larger has one slope by group more, whose variance is 0 in the smaller, the probability is the mean of those of
    chi-squares with the degrees of freedom and with one less (Stram and Lee); for several slopes at once it is that of
    the plain chi-square, on the safe side.

    References
    ----------
    Rao, J. N. K., & Scott, A. J. (1984). On chi-squared tests for multiway contingency tables with cell proportions
    estimated from survey data. Annals of Statistics 12, 46-60. doi:10.1214/aos/1176346391
    Lumley, T., & Scott, A. (2014). Tests for regression models fitted to survey data. Australian & New Zealand Journal
    of Statistics 56, 1-14. doi:10.1111/anzs.12065
    Stram, D. O., & Lee, J. W. (1994). Variance components testing in the longitudinal mixed effects model. Biometrics
    50, 1171-1177. doi:10.2307/2533455

    Examples
    --------
    >>> from kzsurvey.modelling import fit_regression, make_design
    >>> table = pd.DataFrame({"y": [0, 0, 1, 0, 1, 1, 1, 0], "x": [0.0, 1, 2, 3, 4, 5, 6, 2]})
    >>> design = make_design(weight=[1.0] * 8)
    >>> both = [fit_regression(table, formula, design=design, family="logistic") for formula in ("y ~ x", "y ~ 1")]
    >>> round(likelihood_ratio_test(*both).p_value, 3)
    0.009
    """
    fail_if(_nesting_faults(larger, smaller), DesignError)
    if larger.kind == "mixed":
        return _mixed_ratio(larger, smaller)
    place = f"model {larger.model}".strip()
    if any("unscaled" not in fit.extra or "deviance" not in fit.summary for fit in (larger, smaller)):
        raise DesignError(Fault(place, f"no likelihood of kind {larger.kind}", "a regression or ordinal model"))
    tested = _left_out(larger, smaller)
    fail_if(one_cluster_faults(larger, larger.terms["term"].iloc[tested].tolist()), DesignError)
    places = np.ix_(tested, tested)
    factors = np.linalg.eigvals(np.linalg.solve(larger.extra["unscaled"][places], larger.covariance[places])).real
    statistic = float(smaller.summary["deviance"] - larger.summary["deviance"])
    below = float(larger.summary["df"])
    return LikelihoodRatio(statistic, len(tested), below, np.sort(factors)[::-1], _sum_p(statistic, factors, below))


_TEST_COLUMNS = ["smaller", "larger", "terms", "f", "df", "df_below", "p_value", "lr_p_value", "note"]


def _distinct(names: list[str]) -> list[str]:
    """Names with a number where they repeat."""
    counts = [names[: place + 1].count(name) for place, name in enumerate(names)]
    return [f"{name} ({count})" if names.count(name) > 1 else name for name, count in zip(names, counts, strict=True)]


def _long(fit: Fit, name: str) -> pd.DataFrame:
    """Terms and statistics of one model, one row each."""
    columns = ["estimate", "std_error", "conf_low", "conf_high", "p_value"]
    terms = fit.terms[["term", *columns]].rename(columns={"term": "name"}).assign(part="term")
    known = [key for key in STATISTICS if key in fit.summary]
    values = np.array([fit.summary[key] for key in known], dtype=float)
    numbers = pd.DataFrame({"name": known, "part": "statistic", "estimate": values})
    found = pd.concat([terms, numbers.reindex(columns=terms.columns)], ignore_index=True)
    return found.assign(model=name)[["model", "part", "name", *columns]]


def _wide(long: pd.DataFrame, models: list[str], digits: int) -> pd.DataFrame:
    """A column per model: estimates with their intervals, then statistics."""
    statistic = long["part"].eq("statistic")
    text = [
        _number(row.estimate, row.name_, digits) if row.part == "statistic" else _estimate(row, digits)
        for row in long.rename(columns={"name": "name_"}).itertuples()
    ]
    order = [*long.loc[~statistic, "name"].unique(), *(key for key in STATISTICS if key in set(long["name"]))]
    cells = long[["name", "model"]].assign(text=pd.array(text, dtype="str"))
    cells = cells.pivot_table("text", "name", "model", "first")
    return cells.reindex(index=order, columns=models).fillna("").rename_axis(index=None, columns=None)


def _number(value: float, name: str, digits: int) -> str:
    """A statistic; counts without decimals."""
    return f"{value:.0f}" if name in ("n", "n_dropped", "clusters", "df") else f"{value:.{digits}f}"


def _estimate(row: object, digits: int) -> str:
    """An estimate with its interval."""
    return f"{row.estimate:.{digits}f} [{row.conf_low:.{digits}f}, {row.conf_high:.{digits}f}]"


def _left_out(larger: Fit, smaller: Fit) -> np.ndarray:
    """Places of the terms of one model that another has not."""
    return np.flatnonzero(~larger.terms["term"].isin(set(smaller.terms["term"])).to_numpy())


def _same_outcome(one: Fit, other: Fit) -> bool:
    """Whether two models are about one outcome."""
    return one.terms["outcome"].iloc[0] == other.terms["outcome"].iloc[0]


def _parts(fit: Fit) -> list[str]:
    """Terms as they stand in the fit, then slopes by group."""
    return [*fit.terms["term"], *(f"{slope} by {fit.extra['groups']}" for slope in fit.extra.get("slopes", ()))]


def _inside(larger: Fit, smaller: Fit) -> bool:
    """Whether the terms of one model are among those of another of the same outcome."""
    alike = all(larger.extra.get(key) == smaller.extra.get(key) for key in ("groups", "likelihood"))
    same = larger.kind == smaller.kind and alike and _same_outcome(larger, smaller)
    return same and set(_parts(smaller)) < set(_parts(larger))


def _nesting_faults(larger: Fit, smaller: Fit) -> list[Fault]:
    """What keeps two models from a test."""
    place = f"models {larger.model} and {smaller.model}"
    if not _inside(larger, smaller):
        return [Fault(place, "models that are not nested", "one kind and outcome, all terms of one in the other")]
    if any("rows" not in fit.extra or "design" not in fit.extra for fit in (larger, smaller)):
        return [Fault(place, f"rows that kind {larger.kind} does not tell", "a regression or ordinal model")]
    rows, designs = ([fit.extra[key] for fit in (larger, smaller)] for key in ("rows", "design"))
    if not np.array_equal(*rows):
        found = f"models on different rows ({rows[0].sum()} and {rows[1].sum()})"
        return [Fault(place, found, "the same rows", hint="fit both where all variables are known")]
    if designs[0] is not designs[1] and not np.array_equal(designs[0].weight, designs[1].weight):
        return [Fault(place, "models under different weights", "one design")]
    return []


def _tested(smaller: tuple[Fit, str], larger: tuple[Fit, str]) -> dict[str, object] | None:
    """The tests of one pair, or why there is none; None where neither lies in the other."""
    (small, small_name), (large, large_name) = smaller, larger
    if not _inside(large, small):
        return None
    tested = _left_out(large, small)
    more = [part for part in _parts(large) if part not in _parts(small)]
    about = {"smaller": small_name, "larger": large_name, "terms": " + ".join(more)}
    faults = _nesting_faults(large, small)
    if faults:
        return about | {"note": f"{faults[0].found}; allowed: {faults[0].allowed}"}
    if large.kind == "mixed":
        return about | _mixed_tests(large, small)
    return about | _wald(large, tested) | {"lr_p_value": _ratio_p(large, small), "note": ""}


def _wald(large: Fit, tested: np.ndarray) -> dict[str, object]:
    """Whether some terms are all 0."""
    estimate = large.terms["estimate"].to_numpy()[tested]
    df = float(large.terms["df"].iloc[tested].min())
    f, rank, p = wald_test(estimate, large.covariance[np.ix_(tested, tested)], df)
    return {"f": f, "df": rank, "df_below": df, "p_value": p}


def _ratio_p(large: Fit, small: Fit) -> float:
    """Probability of the likelihood ratio, where the kind has one."""
    both = all("unscaled" in fit.extra and "deviance" in fit.summary for fit in (large, small))
    uncorrected = large.extra.get("small_sample", "none") == "none"
    return likelihood_ratio_test(large, small).p_value if both and uncorrected else np.nan


def _untested(one: tuple[Fit, str], other: tuple[Fit, str]) -> dict[str, object] | None:
    """A note on two models of one outcome of which neither lies in the other."""
    (first, first_name), (second, second_name) = one, other
    if not _same_outcome(first, second):
        return None
    note = "models that are not nested"
    if first.kind != second.kind:
        note = f"models of different kinds ({first.kind} and {second.kind})"
    elif set(_parts(first)) == set(_parts(second)):
        note = "models of the same terms"
    elif first.kind == "ordinal" and set(first.extra["columns"]) == set(second.extra["columns"]):
        note = "the same terms with other slopes by cut: proportional_odds_test is for these"
    return {"smaller": first_name, "larger": second_name, "terms": "", "note": note}


def _likelihood_faults(larger: Fit, smaller: Fit) -> list[Fault]:
    """Likelihoods of models with group effects that are not on one scale."""
    place = f"models {larger.model} and {smaller.model}"
    ways = [[fit.extra.get(key) for key in ("reml", "nodes")] for fit in (larger, smaller)]
    if ways[0] != ways[1]:
        return [Fault(place, "likelihoods of two sorts", "the same reml and nodes for both")]
    if ways[0][0] and len(_left_out(larger, smaller)):
        return [Fault(place, "restricted likelihoods of other terms", "reml=False for both")]
    return []


def _mixed_ratio(larger: Fit, smaller: Fit) -> LikelihoodRatio:
    """Of models with group effects."""
    fail_if(_likelihood_faults(larger, smaller), DesignError)
    statistic = 2 * (larger.summary["log_likelihood"] - smaller.summary["log_likelihood"])
    sizes = [1 + len(fit.extra["slopes"]) for fit in (larger, smaller)]
    variances = [size * (size + 1) // 2 for size in sizes]
    df = len(_left_out(larger, smaller)) + variances[0] - variances[1]
    p = float(chdtrc(df, max(statistic, 0.0)))
    if sizes[0] - sizes[1] == 1:
        p = (p + float(chdtrc(df - 1, max(statistic, 0.0)))) / 2
    return LikelihoodRatio(float(statistic), df, np.inf, np.ones(df), p)


def _mixed_tests(large: Fit, small: Fit) -> dict[str, object]:
    """Wald test of terms, where nothing else differs, and likelihood ratio, where the likelihoods may be compared."""
    slopes = large.extra["slopes"] != small.extra["slopes"]
    found = {} if slopes else _wald(large, _left_out(large, small))
    if faults := _likelihood_faults(large, small):
        return found | {"note": f"no likelihood ratio: {faults[0].found}; allowed: {faults[0].allowed}"}
    ratio = _mixed_ratio(large, small)
    return {"df": ratio.df} | found | {"lr_p_value": ratio.p_value, "note": ""}


def _sum_p(statistic: float, factors: np.ndarray, below: float) -> float:
    """Probability that a sum of chi-squares with factors, over a chi-square, is above a statistic.

    The saddlepoint approximation; near its singular point, where it has no value, that of Satterthwaite.
    """
    if not statistic > 0:
        return 1.0
    saddle = _saddlepoint(np.append(factors, -statistic / below), np.append(np.ones(len(factors)), below))
    if saddle is not None:
        return saddle
    mean, second = factors.mean(), (factors**2).mean()
    above = len(factors) * mean**2 / second
    return float(fdtrc(above, below, statistic / above / (second / mean)))


def _saddlepoint(factors: np.ndarray, counts: np.ndarray) -> float | None:
    """Probability that a sum of chi-squares of these degrees of freedom and factors is above 0 (Lugannani-Rice)."""
    factors = factors / factors.max()
    low = (1 / (2 * factors[factors < 0])).max() * 0.99999
    high = (1 / (2 * factors[factors > 0])).min() * 0.99999
    for _ in range(200):
        middle = (low + high) / 2
        rising = np.sum(counts * factors / (1 - 2 * middle * factors)) > 0
        low, high = (low, middle) if rising else (middle, high)
    place = (low + high) / 2
    if abs(place) < 1e-4:
        return None
    w = np.sign(place) * np.sqrt(np.sum(counts * np.log(1 - 2 * place * factors)))
    v = place * np.sqrt(2 * np.sum(counts * factors**2 / (1 - 2 * place * factors) ** 2))
    return float(ndtr(-(w + np.log(v / w) / w)))
