"""How much stronger than on the observed controls selection on unobserved ones would have to be: Oster's delta."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.regression.families import FAMILIES
from kzsurvey.modelling.regression.formulas import Prepared, prepare
from kzsurvey.modelling.regression.regression import outcome_numbers, refuse_repeats
from kzsurvey.modelling.sampling.design import Design, check_rows, degrees_of_freedom
from kzsurvey.modelling.sampling.intervals import interval
from kzsurvey.modelling.sampling.variance import Estimator, Linearised, infer, transformed

_REACH = 1.3  # times the R squared with all controls: the R squared that Oster proposes to reckon with


class _Moments(NamedTuple):
    """What Oster's formulas need: both regressions, variances, and what the controls leave of the term's variance."""

    short: float
    r_short: float
    long: float
    r_long: float
    var_y: float
    var_x: float
    rest_x: float


def oster(
    table: pd.DataFrame,
    formula: str,
    *,
    term: str,
    design: Design,
    always: tuple[str, ...] = (),
    where: np.ndarray | None = None,
    r_max: float | None = None,
    proportion: float = 1.0,
    target: float = 0.0,
    level: float = 0.95,
) -> pd.DataFrame:
    r"""How strong selection on unobserved controls would have to be to make an association what it is not.

    Parameters
    ----------
    table : DataFrame, one row per interview
    formula : str, of the linear model with all observed controls
    term : str, the term in question
    design : Design
    always : names of terms that are no controls in this sense (strata, say) and stand in both models
        Outcome, term and controls are first freed of them.
    where : (n,) bool array, the domain
    r_max : float, R squared of a model with all controls, observed or not
        1.3 times that with the observed ones (at most 1) where None, as Oster proposes.
    proportion : float, selection on unobserved controls in units of that on observed ones, for ``adjusted``
    target : float, the association that ``delta`` is to make of it
    level : float, of the interval

    Returns
    -------
    DataFrame, one row
        ``term``, ``estimate_short`` and ``r_squared_short`` (without the controls), ``estimate`` and ``r_squared``
        (with them), ``r_max``, ``target``, ``delta`` (how strong selection on unobserved controls would have to be, in
        units of that on the observed ones, for the association to be the target), ``proportion``, ``adjusted`` (the
        association if selection were that strong; missing where none fits), its ``std_error``, ``df``, ``conf_low``
        and ``conf_high``, ``n``, ``n_dropped``.

    Raises
    ------
    DesignError
        No such term, or one of several columns; no controls; controls that repeat each other; ``r_max`` that no further
        control can reach.

    Notes
    -----
    With :math:`\mathring\beta, \mathring R` without and :math:`\tilde\beta, \tilde R` with the controls,
    :math:`\nu = \tilde\beta - \beta^*` the bias left, the variances :math:`\sigma_y^2, \sigma_x^2` of outcome and term
    and :math:`\tau_x` what the controls leave of the latter, Oster's proposition 3 is

    .. math:: \delta = \frac{\nu (\tilde R - \mathring R) \sigma_y^2 \tau_x
        + \nu \sigma_x^2 \tau_x g^2 + 2 \nu^2 \tau_x g \sigma_x^2 + \nu^3 (\tau_x \sigma_x^2 - \tau_x^2)}
        {(R_{max} - \tilde R) \sigma_y^2 g \sigma_x^2 + \nu (R_{max} - \tilde R) \sigma_y^2 (\sigma_x^2 - \tau_x)
        + \nu^2 \tau_x g \sigma_x^2 + \nu^3 (\tau_x \sigma_x^2 - \tau_x^2)}

    with :math:`g = \mathring\beta - \tilde\beta`. ``adjusted`` is the root :math:`\beta^*` for the given proportion
    that grows out of no bias at all. All is a smooth function of weighted moments, so its error comes from the variance
    core. What the numbers say of selection is an assumption, not an estimate.

    References
    ----------
    Oster, E. (2019). Unobservable selection and coefficient stability: theory and evidence. Journal of Business &
    Economic Statistics 37, 187-204. doi:10.1080/07350015.2016.1227711

    Examples
    --------
    >>> from kzsurvey.modelling import make_design
    >>> random = np.random.default_rng(1)
    >>> table = pd.DataFrame(random.normal(size=(200, 2)), columns=["x", "c"])
    >>> table["x"] += table["c"]
    >>> table["y"] = table["x"] + table["c"] + random.normal(size=200)
    >>> found = oster(table, "y ~ x + c", term="x", design=make_design(table))
    >>> found[["estimate_short", "estimate", "delta", "adjusted"]].round(2).values.tolist()
    [[1.51, 1.03, 0.97, -0.05]]
    """
    check_rows(design, table, where, place="oster")
    prepared = prepare(formula, table, name="oster", where=where)
    fail_if(_formula_faults(prepared.names, term, always), DesignError)
    refuse_repeats(prepared.matrix, prepared.names, "oster")
    columns, first = _columns(prepared, term, always)
    products = _products(columns, prepared.rows)

    def adjusted(means: np.ndarray) -> np.ndarray:
        moments = _moments(means, columns.shape[1], first)
        limit = min(_REACH * moments.r_long, 1.0) if r_max is None else r_max
        return np.array([_adjusted(moments, limit, proportion)])

    moments = _moments(products(design.weight).estimate, columns.shape[1], first)
    limit = min(_REACH * moments.r_long, 1.0) if r_max is None else float(r_max)
    fail_if(_limit_faults(limit, moments.r_long), DesignError)
    estimate, covariance = infer(transformed(products, adjusted), design)
    std_error, df = np.sqrt(covariance[0]), degrees_of_freedom(design, prepared.rows) - prepared.matrix.shape[1] + 1
    low, high = interval(estimate, std_error, df, level=level)
    row = {"term": term, "estimate_short": moments.short, "r_squared_short": moments.r_short}
    row |= {"estimate": moments.long, "r_squared": moments.r_long, "r_max": limit, "target": target}
    row |= {"delta": _delta(moments, limit, moments.long - target), "proportion": proportion, "adjusted": estimate}
    row |= {"std_error": std_error, "df": df, "conf_low": low, "conf_high": high}
    return pd.DataFrame(row | {"n": int(prepared.rows.sum()), "n_dropped": prepared.n_dropped})


def _formula_faults(names: tuple[str, ...], term: str, always: tuple[str, ...]) -> list[Fault]:
    """Formulas without the term, or without controls."""
    unknown = [one for one in (term, *always) if not _places(names, one)]
    if unknown:
        return [Fault("oster", f"no term {one!r}", ", ".join(names)) for one in unknown]
    if len(_places(names, term)) > 1:
        return [Fault("oster", f"term {term!r} of several columns", "a term of one column")]
    taken = {place for one in (term, "Intercept", *always) for place in _places(names, one)}
    return [] if len(taken) < len(names) else [Fault("oster", "a formula without controls", "controls beside the term")]


def _places(names: tuple[str, ...], term: str) -> list[int]:
    """Columns of the matrix that a term stands for; a category has one per level."""
    return [number for number, name in enumerate(names) if name == term or name.startswith(f"{term}[")]


def _limit_faults(limit: float, reached: float) -> list[Fault]:
    """An R squared that no further control can reach."""
    if reached + 1e-9 < limit <= 1:
        return []
    return [Fault("oster", f"r_max {limit:g}", f"above {reached:.3f} (that with the controls), at most 1")]


def _columns(prepared: Prepared, term: str, always: tuple[str, ...]) -> tuple[np.ndarray, int]:
    """Columns in the order: intercept and what is always taken out, outcome, term, controls; and where these begin."""
    names = prepared.names
    base = [place for one in always for place in _places(names, one)]
    taken = {*base, *_places(names, term), *_places(names, "Intercept")}
    rest = [place for place in range(len(names)) if place not in taken]
    outcome = outcome_numbers(prepared, FAMILIES["linear"], "oster")
    ones, x = np.ones(len(outcome)), prepared.matrix[:, _places(names, term)]
    parts = [ones, prepared.matrix[:, base], outcome, x, prepared.matrix[:, rest]]
    return np.column_stack(parts), 1 + len(base)


def _products(columns: np.ndarray, rows: np.ndarray) -> Estimator:
    """Weighted means of all products of two columns, with their scores."""
    above = np.triu_indices(columns.shape[1])
    values = np.zeros((len(rows), len(above[0])))
    values[rows] = columns[:, above[0]] * columns[:, above[1]]

    def estimator(weight: np.ndarray) -> Linearised:
        total = weight[rows].sum()
        means = weight @ values / total
        return Linearised(means, np.where(rows[:, None], values - means, 0.0), np.eye(len(means)) / total)

    return estimator


def _moments(means: np.ndarray, size: int, first: int) -> _Moments:
    """Both regressions from the means of products, freed of the columns before ``first``."""
    square = np.empty((size, size))
    above = np.triu_indices(size)
    square[above] = square.T[above] = means
    taken, crossed = square[:first, :first], square[:first, first:]
    rest = square[first:, first:] - crossed.T @ np.linalg.solve(taken, crossed)
    var_y, var_x, both = rest[0, 0], rest[1, 1], rest[0, 1]
    slopes = np.linalg.solve(rest[1:, 1:], rest[1:, 0])
    explained = rest[1, 2:] @ np.linalg.solve(rest[2:, 2:], rest[2:, 1])
    r_long = slopes @ rest[1:, 0] / var_y
    return _Moments(both / var_x, both**2 / var_x / var_y, slopes[0], r_long, var_y, var_x, var_x - explained)


def _cubics(moments: _Moments, limit: float) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of the two cubics in the bias whose ratio is delta, from the constant up."""
    gap, rest, var_x = moments.short - moments.long, moments.rest_x, moments.var_x
    found = (moments.r_long - moments.r_short) * moments.var_y
    left = (limit - moments.r_long) * moments.var_y
    square, cube = rest * gap * var_x, rest * var_x - rest**2
    above = np.array([0.0, found * rest + var_x * rest * gap**2, 2 * square, cube])
    return above, np.array([left * gap * var_x, left * (var_x - rest), square, cube])


def _delta(moments: _Moments, limit: float, bias: float) -> float:
    """Proportion of selection that leaves such a bias; infinite where none does."""
    above, below = (float(cubic @ bias ** np.arange(4)) for cubic in _cubics(moments, limit))
    return above / below if below else float("inf")


def _adjusted(moments: _Moments, limit: float, proportion: float) -> float:
    """The association without the bias that selection in this proportion would leave; missing where none fits."""
    above, below = _cubics(moments, limit)
    towards = np.sign(proportion * below[0])  # where the bias goes as selection grows out of nothing
    if towards == 0:
        return moments.long
    roots = np.polynomial.polynomial.polyroots(np.trim_zeros(above - proportion * below, "b"))
    real = roots[np.abs(roots.imag) < 1e-9 * (1 + np.abs(roots))].real * towards
    return float(moments.long - towards * real[real > 0].min()) if (real > 0).any() else float("nan")
