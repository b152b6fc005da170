"""How an effect changes along a moderator: slopes at its values, a curve to draw, and where the effect is not 0.

The fitted formula itself is evaluated at values of term and moderator, so that centring, coding and products mean what
they meant in the fit; names of coefficients are never read.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import fdtri, stdtrit

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.effects.margins import marginal_effects
from kzsurvey.modelling.effects.scenes import known_value, set_to
from kzsurvey.modelling.regression.formulas import categorical_variables, model_matrix, nearest, unknown_variables
from kzsurvey.modelling.regression.results import Fit, without_error
from kzsurvey.modelling.sampling.design import check_rows
from kzsurvey.modelling.sampling.intervals import checked_level, interval, p_value

BANDS = ("pointwise", "simultaneous", "fdr")
SCALES = {
    "linear": "outcome", "logistic": "log odds", "probit": "probit index", "poisson": "log rate",
}  # fmt: skip
_SHARES = (0.1, 0.5, 0.9)  # quantiles of the moderator where nothing else is asked for
_GRID = 1000  # moderator values whose tests share a false discovery rate
_SAME = 1e-9  # relative difference of two slopes that is rounding


def simple_slopes(
    fit: Fit,
    term: str,
    moderator: str,
    at: Sequence[object] | str | None = None,
    *,
    table: pd.DataFrame,
    scale: str = "link",
    level: float = 0.95,
) -> pd.DataFrame:
    r"""Effect of a variable at values of a moderator, with design-based intervals.

    Parameters
    ----------
    fit : Fit, of a model whose formula has a product of the two variables
    term : str
        The variable whose effect is asked for (``workload``), or a term of it alone (``center(workload)``). Of a
        variable in categories: each category against the first.
    moderator : str, in the same way
    at : values of the moderator, ``"quantiles"`` or ``"sd"``
        Where None: each category; both values where there are two; else the weighted 10, 50 and 90 % quantiles, one
        row for those that fall together.
        ``"sd"``: the weighted mean, and one standard deviation below and above it. They count as fixed.
    table : DataFrame, the one the model was fitted to
    scale : {"link", "response"}
        ``link``: of the linear predictor, so log odds for a logistic model, where equal effects are not equal
        differences of probabilities. ``response``: of the expected outcome (a probability, a count), averaged over the
        rows used with the moderator set to each value, by :func:`kzsurvey.modelling.effects.margins.marginal_effects`.
    level : float, of the intervals, each for itself

    Returns
    -------
    DataFrame, one row per value (and category of the term)
        ``term``, ``contrast`` (of categories), ``moderator``, ``at``, ``estimate`` (per unit of the term),
        ``std_error``, ``df``, ``conf_low``, ``conf_high``, ``p_value``, ``n`` (rows of the fit), ``scale`` in words.

    Raises
    ------
    DesignError
        Variables that are not in the model, do not vary, or meet in no product; a formula that bends in the term;
        values that are not there; a kind of model without a formula of its own.

    Notes
    -----
    With l(v) the derivative of the row of the model matrix by the term where the moderator is v, the effect is
    :math:`l(v)^\top \hat\beta` with variance :math:`l(v)^\top V l(v)`, V the covariance of the design. Covariates that
    also stand in a product with the term are averaged over the rows used, by weight, and count as fixed. Where terms
    have degrees of freedom of their own (a correction for few clusters), the fewest of those combined count.

    References
    ----------
    Bauer, D. J., & Curran, P. J. (2005). Probing interactions in fixed and multilevel regression. Multivariate
    Behavioral Research 40, 373-400. doi:10.1207/s15327906mbr4003_5

    Examples
    --------
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> from kzsurvey.modelling.regression.regression import fit_regression
    >>> table = pd.DataFrame({"load": [1.0, 2, 3, 4, 5, 6, 7, 8], "pay": [1.0, 3, 2, 5, 4, 1, 2, 3]})
    >>> table["leave"] = table["load"] * (3 - 0.5 * table["pay"]) + [0.1, -0.1, 0, 0.2, -0.2, 0.1, 0, -0.1]
    >>> fit = fit_regression(table, "leave ~ center(load) * center(pay)", design=make_design(weight=np.ones(8)))
    >>> simple_slopes(fit, "load", "pay", [1, 5], table=table)[["at", "estimate", "df"]].round(3).to_dict("records")
    [{'at': 1.0, 'estimate': 2.503, 'df': 4.0}, {'at': 5.0, 'estimate': 0.454, 'df': 4.0}]
    """
    effect = _effect(fit, term, moderator, table)
    slopes = {"link": _slopes, "response": partial(_response_slopes, table=table)}
    if scale not in slopes:
        raise DesignError(
            Fault(effect.title, f"unknown scale {scale!r}", ", ".join(slopes), hint=nearest(scale, slopes))
        )
    rows = [slopes[scale](effect, value, level=level) for value in _values(effect, at)]
    return pd.concat(rows, ignore_index=True)


def interaction_curve(
    fit: Fit,
    term: str,
    moderator: str,
    *,
    table: pd.DataFrame,
    points: int = 101,
    band: str = "pointwise",
    level: float = 0.95,
) -> pd.DataFrame:
    """Effect of a variable along the whole observed range of a moderator, to be drawn.

    Parameters
    ----------
    fit, term, moderator, table : as in :func:`simple_slopes`
    points : int, values of the moderator; of one in categories, each of them
    band : {"pointwise", "simultaneous"}
        ``simultaneous``: the whole line lies in it with the probability of the level (moderators in whose values the
        effect is a straight line).
    level : float

    Returns
    -------
    DataFrame, one row per value
        ``contrast`` (of a term in categories), ``value``, ``estimate`` (the effect there), ``std_error``, ``df``,
        ``conf_low``, ``conf_high``.

    Raises
    ------
    DesignError
        As in :func:`simple_slopes`.

    Examples
    --------
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> from kzsurvey.modelling.regression.regression import fit_regression
    >>> table = pd.DataFrame({"x": [1.0, 2, 3, 4, 5, 6], "m": [1.0, 3, 2, 5, 4, 1], "y": [1.0, 3, 3, 9, 9, 5]})
    >>> fit = fit_regression(table, "y ~ x * m", design=make_design(weight=np.ones(6)))
    >>> interaction_curve(fit, "x", "m", table=table, points=3)[["value", "estimate"]].round(3).to_dict("list")
    {'value': [1.0, 3.0, 5.0], 'estimate': [0.809, 1.479, 2.149]}
    """
    effect = _effect(fit, term, moderator, table)
    title = effect.title
    if band not in BANDS[:2]:
        raise DesignError(Fault(title, f"unknown band {band!r}", ", ".join(BANDS[:2]), hint=nearest(str(band), BANDS)))
    if effect.categories:
        values: list = list(effect.categories)
    else:
        if not points >= 2:
            raise DesignError(Fault("interaction_curve", f"{points} points", "2 or more"))
        values = np.linspace(*effect.reach, points).tolist()
    critical = None
    if band == "simultaneous":
        _refuse_categories(effect)
        _refuse_bend(effect)
        critical = _critical(band, level)
    bent = bool(effect.categories) or _bends(effect)
    contrasts = np.stack([effect.contrast(value) for value in values]) if bent else _line(effect, values)
    frames = [
        _curve(effect, number, values, contrasts[:, number], level, critical) for number in range(len(effect.parts))
    ]
    return pd.concat(frames, ignore_index=True)


@dataclass(frozen=True, eq=False)
class JohnsonNeyman:
    """Where along a moderator an effect is told from 0.

    Attributes
    ----------
    regions : DataFrame, one row per piece of the observed range of the moderator, from below
        ``low``, ``high``, ``effect`` (``negative``, ``unclear`` where the interval includes 0, ``positive``), and
        ``n`` and ``share`` (by weight) of the interviews with such values. Reports withhold pieces of too few.
    boundaries : DataFrame, one row per value where the interval of the effect ends at 0
        ``value``, and whether it is ``observed`` (inside the range).
    crossing : float, where the estimated effect is 0
        The values around it at which the effect is unclear are its confidence set (Fieller), where ``pointwise``.
    critical, df : float, of the intervals
    scale : str, of the effect
    band : str
    """

    regions: pd.DataFrame
    boundaries: pd.DataFrame
    crossing: float
    critical: float
    df: float
    scale: str
    band: str

    def __repr__(self) -> str:
        """One line: the tables are in ``regions`` and ``boundaries``."""
        ends = ", ".join(f"{value:.4g}" for value in self.boundaries["value"])
        about = f"crossing={self.crossing:.4g}, band={self.band!r}, scale={self.scale!r}"
        return f"JohnsonNeyman(boundaries=[{ends}], {about}, {len(self.regions)} regions)"

    def _repr_html_(self) -> str:
        """The regions, in a notebook."""
        return self.regions.to_html()


def johnson_neyman(
    fit: Fit,
    term: str,
    moderator: str,
    *,
    table: pd.DataFrame,
    band: str = "pointwise",
    level: float = 0.95,
) -> JohnsonNeyman:
    r"""Values of a moderator at which the interval of an effect excludes 0.

    Parameters
    ----------
    fit, term, moderator, table : as in :func:`simple_slopes`
    band : {"pointwise", "simultaneous", "fdr"}
        ``pointwise``: Student's t at each value. ``simultaneous``: no false claim at any value, with the probability
        of the level (Potthoff). ``fdr``: of the claims over a grid of the observed range, a share of at most 1 - level
        is expected to be false (Esarey and Sumner).
    level : float

    Returns
    -------
    JohnsonNeyman

    Raises
    ------
    DesignError
        As in :func:`simple_slopes`; a moderator in categories; a formula that bends in the moderator.

    Notes
    -----
    With effect b0 + b1 v, the boundaries solve
    :math:`(b_1^2 - c^2 V_{11}) v^2 + 2 (b_0 b_1 - c^2 V_{01}) v + b_0^2 - c^2 V_{00} = 0`, c the quantile of Student's
    t with the degrees of freedom of the design, or :math:`\sqrt{2 F_{2, df}}` where simultaneous.

    References
    ----------
    Potthoff, R. F. (1964). On the Johnson-Neyman technique and some extensions thereof. Psychometrika 29, 241-256.
    doi:10.1007/BF02289721

    Esarey, J., & Sumner, J. L. (2018). Marginal effects in interaction models: Determining and controlling the false
    positive rate. Comparative Political Studies 51, 1144-1176. doi:10.1177/0010414017730080

    Examples
    --------
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> from kzsurvey.modelling.regression.regression import fit_regression
    >>> table = pd.DataFrame({"load": [1.0, 2, 3, 4, 5, 6, 7, 8], "pay": [1.0, 3, 2, 5, 4, 1, 2, 3]})
    >>> table["leave"] = table["load"] * (3 - 0.8 * table["pay"]) + [0.1, -0.1, 0, 0.2, -0.2, 0.1, 0, -0.1]
    >>> fit = fit_regression(table, "leave ~ load * pay", design=make_design(weight=np.ones(8)))
    >>> johnson_neyman(fit, "load", "pay", table=table).regions.round(2).to_dict("records")
    [{'low': 1.0, 'high': 3.6, 'effect': 'positive', 'n': 6, 'share': 0.75},
     {'low': 3.6, 'high': 3.84, 'effect': 'unclear', 'n': 0, 'share': 0.0},
     {'low': 3.84, 'high': 5.0, 'effect': 'negative', 'n': 2, 'share': 0.25}]
    """
    effect = _effect(fit, term, moderator, table)
    if band not in BANDS:
        raise DesignError(Fault(effect.title, f"unknown band {band!r}", ", ".join(BANDS), hint=nearest(band, BANDS)))
    _refuse_categories(effect)
    _refuse_bend(effect)
    line = _straight(effect)
    critical = _fdr_critical(line, effect.reach, level) if band == "fdr" else _critical(band, level)(line.df)
    ends = _roots(line, critical)
    low, high = effect.reach
    boundaries = pd.DataFrame({"value": ends, "observed": [low <= end <= high for end in ends]})
    crossing = float(-line.level[0] / line.level[1])
    regions = _regions(effect, line, ends, critical)
    return JohnsonNeyman(regions, boundaries, crossing, critical, line.df, _scale(fit), band)


def variable_of(fit: Fit, term: str) -> str:
    """The variable that is meant by its own name or by a term of it alone.

    Parameters
    ----------
    fit : Fit, of a formula
    term : str

    Returns
    -------
    str, a column of the table

    Raises
    ------
    DesignError
        A model without a formula of its own; a variable that is not in it.

    Examples
    --------
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> from kzsurvey.modelling.regression.regression import fit_regression
    >>> table = pd.DataFrame({"y": [1.0, 2.0, 4.0, 4.0], "load": [0.0, 1.0, 2.0, 3.0]})
    >>> variable_of(fit_regression(table, "y ~ center(load)", design=make_design(weight=np.ones(4))), "center(load)")
    'load'
    """
    title, spec = f"model {fit.model}".strip(), fit.extra.get("spec")
    if spec is None:
        found = f"a model of kind {fit.kind}, without one formula"
        raise DesignError(Fault(title, found, "a regression", hint="of a mediation: one of its equations"))
    known = {str(variable) for variable in spec.required_variables}
    if term in known:
        return term
    for columns, used in _uses(fit):
        names = [str(fit.extra["spec"].column_names[column]) for column in columns]
        if len(used) == 1 and term in names:
            return next(iter(used))
    raise DesignError(
        Fault(title, f"no variable {term!r}", ", ".join(sorted(known)), hint=nearest(term, sorted(known)))
    )


class _Part(NamedTuple):
    """What one contrast of the term does to the row of the model matrix: world against world, per unit."""

    label: str
    high: object
    low: object
    unit: float


@dataclass(frozen=True, eq=False)
class _Effect:
    """An effect as a function of the moderator.

    Attributes
    ----------
    parts : tuple of _Part, one, or one per category of the term beside the first
    cases : DataFrame, rows over which other variables in products with the term are averaged
    share : (m,) array, of the cases
    column : Series, moderator of the rows used
    weight : (m,) array, of the rows used
    categories : tuple, of the moderator; empty for numbers
    reach : tuple of two numbers, observed range of the moderator; missing for categories
    kept : (p,) array, place of each coefficient among the columns of the formula; -1 where it has none
    """

    fit: Fit
    title: str
    term: str
    moderator: str
    parts: tuple[_Part, ...]
    cases: pd.DataFrame
    share: np.ndarray
    column: pd.Series
    weight: np.ndarray
    categories: tuple
    reach: tuple[float, float]
    kept: np.ndarray

    def contrast(self, value: object) -> np.ndarray:
        """(K, p) array: weights of the coefficients in each effect where the moderator has a value."""
        world = set_to(self.cases, {self.moderator: value})
        found = np.stack([self._difference(world, part.high, part.low) / part.unit for part in self.parts])
        return self._of_coefficients(found)

    def _difference(self, world: pd.DataFrame, high: object, low: object) -> np.ndarray:
        spec = self.fit.extra["spec"]
        above, below = (
            model_matrix(spec, set_to(world, {self.term: value}), name=self.fit.model) for value in (high, low)
        )
        return self.share @ (above - below)

    def _of_coefficients(self, columns: np.ndarray) -> np.ndarray:
        lost = np.setdiff1d(np.flatnonzero(np.abs(columns).max(axis=0) > 0), self.kept)
        names = self.fit.extra["spec"].column_names
        fail_if(
            [
                Fault(self.title, f"term {names[column]} without one coefficient of its own", "one coefficient a term")
                for column in lost
            ],
            DesignError,
        )
        return np.where(self.kept >= 0, columns[:, self.kept], 0.0)


def _effect(fit: Fit, term: str, moderator: str, table: pd.DataFrame) -> _Effect:
    """What is asked for, or all that is wrong with it."""
    title = f"model {fit.model}".strip()
    term, moderator = variable_of(fit, term), variable_of(fit, moderator)
    if term == moderator:
        raise DesignError(Fault(title, f"{term} as term and as moderator", "two variables"))
    rows = fit.extra["rows"]
    if len(table) != len(rows):
        found = f"a table of {len(table)} rows, the model was fitted to one of {len(rows)}"
        raise DesignError(Fault(title, found, "the table of the fit"))
    check_rows(fit.extra["design"], table, place=title)
    needed = sorted(map(str, fit.extra["spec"].required_variables))
    fail_if(unknown_variables(needed, table, name=fit.model), DesignError)
    used, weight = table.loc[rows, needed], fit.extra["design"].weight[rows]
    fail_if(_constant_faults(used, (term, moderator), title), DesignError)
    others = set().union(*(names for _, names in _uses(fit) if term in names)) - {term, moderator}
    cases, share = (used, weight / weight.sum()) if others else (used.iloc[:1], np.ones(1))
    column, words = used[moderator], set(categorical_variables(fit.extra["spec"]))
    categories = _categories(column) if moderator in words else ()
    reach = (np.nan, np.nan) if categories else (float(column.min()), float(column.max()))
    parts = _differences(used[term]) if term in words else _per_unit(used[term])
    effect = _Effect(
        fit, title, term, moderator, parts, cases, share, column, weight, categories, reach, _places(fit)
    )  # fmt: skip
    _refuse_without_product(effect)
    _refuse_bent_term(effect, used[term])
    return effect


def _uses(fit: Fit) -> list[tuple[list[int], set[str]]]:
    """Columns of each term of the formula, and the variables in it."""
    spec = fit.extra["spec"]
    known = {str(variable) for variable in spec.required_variables}
    return [(spec.term_indices[term], {str(one) for one in spec.term_variables[term]} & known) for term in spec.terms]


def _places(fit: Fit) -> np.ndarray:
    """Column of the formula that each coefficient belongs to, by name; -1 for thresholds and the like."""
    columns = {str(name): place for place, name in enumerate(fit.extra["spec"].column_names)}
    return np.array([columns.get(str(name), -1) for name in fit.terms["term"]])


def _categories(column: pd.Series) -> tuple:
    """Categories that occur, in order."""
    return tuple(column.astype("category").cat.remove_unused_categories().cat.categories)


def _differences(column: pd.Series) -> tuple[_Part, ...]:
    """Each category with the first."""
    first, *others = _categories(column)
    return tuple(_Part(f"{other} - {first}", other, first, 1.0) for other in others)


def _per_unit(column: pd.Series) -> tuple[_Part, ...]:
    """One contrast, read as a straight line over its middle values."""
    values = column.astype(float)
    low, high = float(values.mean() - values.std()), float(values.mean() + values.std())
    return (_Part("", high, low, high - low),)


def _constant_faults(used: pd.DataFrame, names: tuple[str, str], title: str) -> list[Fault]:
    """Variables of one value."""
    return [
        Fault(title, f"{role} {name} is constant ({used[name].iloc[0]})", f"a {role} that varies")
        for role, name in zip(("term", "moderator"), names, strict=True)
        if used[name].nunique() < 2
    ]


def _refuse_without_product(effect: _Effect) -> None:
    """An effect that is the same at all values of the moderator."""
    values = effect.categories or (*effect.reach, sum(effect.reach) / 2)
    contrasts = np.stack([effect.contrast(value) for value in values])
    if np.ptp(contrasts, axis=0).max() <= _SAME * np.abs(contrasts).max():
        found = f"no product of {effect.term} and {effect.moderator} in the formula"
        raise DesignError(Fault(effect.title, found, f"{effect.term} * {effect.moderator}"))


def _refuse_bent_term(effect: _Effect, column: pd.Series) -> None:
    """An effect that differs along the term itself is not one number."""
    part = effect.parts[0]
    if part.label:
        return
    value = effect.categories[0] if effect.categories else effect.reach[0]
    near = part.low + 0.3 * part.unit
    whole = effect.contrast(value)[0]
    world = set_to(effect.cases, {effect.moderator: value})
    first = effect._of_coefficients(effect._difference(world, near, part.low)[None, :] / (near - part.low))[0]
    if np.abs(first - whole).max() > 1e-6 * np.abs(whole).max():
        hint = "average marginal effects take formulas that bend"
        raise DesignError(
            Fault(effect.title, f"a formula that bends in {effect.term}", f"{effect.term} itself", hint=hint)
        )


def _refuse_categories(effect: _Effect) -> None:
    """Between categories there are no values."""
    if effect.categories:
        words = ", ".join(map(str, effect.categories))
        found, hint = f"moderator {effect.moderator} in categories ({words})", "simple_slopes gives one effect for each"
        raise DesignError(Fault(effect.title, found, "a moderator that is a number", hint=hint))
    if len(effect.parts) > 1:
        found = f"term {effect.term} with {len(effect.parts) + 1} categories"
        raise DesignError(Fault(effect.title, found, "a number, or two categories", hint="simple_slopes takes several"))


def _bends(effect: _Effect) -> bool:
    """Whether the effect is anything but a straight line in the moderator."""
    low, high = effect.reach
    ends, near = [effect.contrast(value) for value in effect.reach], effect.contrast(low + 0.3 * (high - low))
    expected = 0.7 * ends[0] + 0.3 * ends[1]
    return bool(np.abs(near - expected).max() > 1e-6 * np.abs(near).max())


def _refuse_bend(effect: _Effect) -> None:
    """A closed form needs a straight line."""
    if _bends(effect):
        found, hint = f"a formula that bends in {effect.moderator}", "simple_slopes and interaction_curve take it"
        raise DesignError(Fault(effect.title, found, f"{effect.moderator} itself", hint=hint))


def _values(effect: _Effect, at: Sequence[object] | str | None) -> list:
    """Values of the moderator."""
    if effect.categories:
        wanted = effect.categories if at is None or isinstance(at, str) else at
        return [known_value(effect.column, value, title=effect.title) for value in wanted]
    column, weight = effect.column.astype(float).to_numpy(), effect.weight
    if at is not None and not isinstance(at, str):
        return [known_value(effect.column, value, title=effect.title) for value in at]
    own = np.unique(column)
    chosen = {
        None: lambda: own if len(own) == 2 else np.unique(_quantiles(column, weight)),
        "quantiles": lambda: np.unique(_quantiles(column, weight)),
        "sd": lambda: _around_mean(column, weight),
    }
    if at not in chosen:
        raise DesignError(Fault(effect.title, f"at = {at!r}", "values of the moderator, quantiles, sd"))
    return chosen[at]().tolist()


def _quantiles(column: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The smallest values with at least a share of the weight at or below them."""
    order = np.argsort(column, kind="stable")
    below = np.cumsum(weight[order]) / weight.sum()
    return column[order][np.minimum(np.searchsorted(below, np.array(_SHARES) - 1e-12), len(column) - 1)]


def _around_mean(column: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Weighted mean, and one standard deviation on both sides."""
    centre = np.average(column, weights=weight)
    n = len(column)
    size = np.sqrt(np.average((column - centre) ** 2, weights=weight) * n / (n - 1))
    return centre + size * np.array([-1.0, 0.0, 1.0])


def _slopes(effect: _Effect, value: object, *, level: float) -> pd.DataFrame:
    """Rows of one value of the moderator."""
    estimate, std_error, df = _estimates(effect.fit, effect.contrast(value))
    low, high = interval(estimate, std_error, df, level=level)
    found = pd.DataFrame({"estimate": estimate, "std_error": std_error, "df": df, "conf_low": low, "conf_high": high})
    found["p_value"] = p_value(estimate / std_error, df)
    labels = {"contrast": [part.label for part in effect.parts]} if effect.parts[0].label else {}
    return _labelled(effect, value, labels, found, _scale(effect.fit))


def _response_slopes(effect: _Effect, value: object, *, table: pd.DataFrame, level: float) -> pd.DataFrame:
    """The same, of the expected outcome."""
    fit, world = effect.fit, set_to(table, {effect.moderator: value})
    found = marginal_effects(fit, world, variables=effect.term, level=level).table
    labels = {name: found[name] for name in ("contrast", "category") if name in found}
    return _labelled(effect, value, labels, found[list(_NUMBERS)], "expected outcome")


_NUMBERS = ("estimate", "std_error", "df", "conf_low", "conf_high", "p_value")


def _labelled(effect: _Effect, value: object, labels: dict, found: pd.DataFrame, scale: str) -> pd.DataFrame:
    """What the rows are about, before and after their numbers."""
    about = {"term": effect.term} | labels | {"moderator": effect.moderator, "at": value}
    rows = pd.concat([pd.DataFrame(about, index=found.index), found], axis=1)
    return rows.assign(n=len(effect.column), scale=scale)


def _estimates(fit: Fit, contrast: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Linear combinations of coefficients, their errors and degrees of freedom (the fewest of those combined)."""
    estimate = contrast @ fit.terms["estimate"].to_numpy()
    variance = np.einsum("kp,pq,kq->k", contrast, fit.covariance, contrast)
    df = fit.terms["df"].to_numpy()
    fewest = np.where(np.abs(contrast) > 0, df, np.inf).min(axis=1)
    return estimate, np.sqrt(np.where(without_error(fit, contrast), np.nan, np.maximum(variance, 0.0))), fewest


def _scale(fit: Fit) -> str:
    """Scale of the linear predictor."""
    kind = fit.extra.get("likelihood", fit.kind)
    if kind == "ordinal":
        return f"{_INDEX.get(fit.extra.get('link', 'logit'), 'index')} of a higher level"
    return SCALES.get(kind, "linear predictor")


_INDEX = {"logit": "log odds", "probit": "probit index"}  # other links have no name for theirs


def _curve(
    effect: _Effect, number: int, values: list, contrast: np.ndarray, level: float, critical: object
) -> pd.DataFrame:
    """One line."""
    estimate, std_error, df = _estimates(effect.fit, contrast)
    low, high = interval(estimate, std_error, df, level=level)
    if critical:
        reach = np.array([critical(one) for one in df]) * std_error
        low, high = estimate - reach, estimate + reach
    label = effect.parts[number].label
    about = ({"contrast": label} if label else {}) | {"value": values, "estimate": estimate}
    return pd.DataFrame(about | {"std_error": std_error, "df": df, "conf_low": low, "conf_high": high})


def _line(effect: _Effect, values: list) -> np.ndarray:
    """Contrasts of a straight line at many values, from its two ends."""
    low, high = effect.reach
    ends = [effect.contrast(value) for value in effect.reach]
    part = ((np.array(values) - low) / (high - low))[:, None, None]
    return (1 - part) * ends[0] + part * ends[1]


def _critical(band: str, level: float) -> object:
    """Function of the degrees of freedom giving how many standard errors an interval reaches."""
    checked_level(level)
    if band == "simultaneous":
        return lambda df: float(np.sqrt(2 * fdtri(2, df, level)))
    return lambda df: float(stdtrit(df, (1 + level) / 2))


class _Straight(NamedTuple):
    """Effect = level[0] + level[1] v, with its covariance; solved around a middle value for precision."""

    level: np.ndarray
    middle: float
    centred: np.ndarray
    covariance: np.ndarray
    df: float

    def at(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Effect and standard error."""
        away = np.asarray(values) - self.middle
        rows = np.stack([np.ones_like(away), away], axis=1)
        return rows @ self.centred, np.sqrt(np.einsum("kp,pq,kq->k", rows, self.covariance, rows))


def _straight(effect: _Effect) -> _Straight:
    """The line between the ends of the observed range."""
    low, high = effect.reach
    below, above = (effect.contrast(value)[0] for value in effect.reach)
    middle, slope = (below + above) / 2, (above - below) / (high - low)
    rows = np.stack([middle, slope])
    if without_error(effect.fit, rows).any():
        found, hint = f"an effect of {effect.term} that rests on a single cluster", "merge categories"
        raise DesignError(Fault(effect.title, found, "two clusters or more", hint=hint))
    centred, _, df = _estimates(effect.fit, rows)
    centre = (low + high) / 2
    whole = np.array([centred[0] - centre * centred[1], centred[1]])
    return _Straight(whole, centre, centred, rows @ effect.fit.covariance @ rows.T, float(df.min()))


def _roots(line: _Straight, critical: float) -> list[float]:
    """Values of the moderator where the interval ends at 0, from below."""
    (b0, b1), V, c2 = line.centred, line.covariance, critical**2
    square, cross, last = b1**2 - c2 * V[1, 1], b0 * b1 - c2 * V[0, 1], b0**2 - c2 * V[0, 0]
    under = cross**2 - square * last
    if under <= 0:
        return []
    far = -(cross + np.copysign(np.sqrt(under), cross))
    ends = [far / square] if square else []
    ends += [last / far] if far else []
    return sorted(float(line.middle + end) for end in ends)


def _regions(effect: _Effect, line: _Straight, ends: list[float], critical: float) -> pd.DataFrame:
    """Pieces of the observed range."""
    low, high = effect.reach
    cuts = np.array([low, *(end for end in ends if low < end < high), high])
    estimate, std_error = line.at((cuts[:-1] + cuts[1:]) / 2)
    clear = np.abs(estimate) > critical * std_error
    words = np.where(clear, np.where(estimate > 0, "positive", "negative"), "unclear")
    place = np.clip(np.searchsorted(cuts, effect.column.astype(float), side="right") - 1, 0, len(words) - 1)
    share = np.bincount(place, weights=effect.weight, minlength=len(words)) / effect.weight.sum()
    n = np.bincount(place, minlength=len(words))
    return pd.DataFrame({"low": cuts[:-1], "high": cuts[1:], "effect": words, "n": n, "share": share})


def _fdr_critical(line: _Straight, reach: tuple[float, float], level: float) -> float:
    """Critical value at which the tests along a grid keep their false discovery rate (Benjamini and Hochberg)."""
    estimate, std_error = line.at(np.linspace(*reach, _GRID))
    p = np.sort(p_value(estimate / std_error, line.df))
    rank = np.arange(1, _GRID + 1)
    passed = rank[p <= rank / _GRID * (1 - level)]
    share = (passed.max() if len(passed) else 1) / _GRID
    return float(stdtrit(line.df, 1 - share * (1 - level) / 2))
