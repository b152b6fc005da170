"""What declared models claim: how large it is, along what it changes, and how little it would take to undo it.

Every kind of model is asked for what it has. What it has no measure for is left out or missing with its reason: a table
of many models is never lost to one of them.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pandas as pd

from kzsurvey.errors import DesignError, SurveyError
from kzsurvey.modelling.describing.quantiles import weighted_quantile
from kzsurvey.modelling.effects.correlated_errors import mediation_sensitivity
from kzsurvey.modelling.effects.margins import marginal_effects
from kzsurvey.modelling.effects.moderation import interaction_curve, johnson_neyman, simple_slopes, variable_of
from kzsurvey.modelling.effects.sensitivity import e_value_of, robustness_value
from kzsurvey.modelling.regression.results import Fit

_FACTORS = re.compile(r":(?![^(\[]*[)\]])")  # between the factors of a product, not inside brackets
_EFFECT = re.compile(r"(?P<effect>\w+?)(?:_control|_treated)?(?:\[(?P<of>.*)\])?")
_RHO = np.round(np.linspace(-0.9, 0.9, 91), 2)
_FINE = 401  # points of a curve before its ends are cut
_NOWHERE = (np.nan, np.nan)


def claimed_term(fit: Fit) -> str:
    """The term that the hypothesis of a model is about; empty for a model without one.

    Examples
    --------
    >>> from kzsurvey.modelling import fit
    >>> from kzsurvey.survey import Model
    >>> table = pd.DataFrame({"y": [1.0, 2, 4, 3, 5], "x": [0, 1, 2, 3, 4]})
    >>> claimed_term(fit(table, Model(name="load", kind="linear", formula="y ~ x", hypothesis="H1", term="x")))
    'x'
    """
    return next(iter(fit.terms.loc[fit.terms["hypothesis"] != "", "term"]), "")


def equations(fit: Fit) -> list[Fit]:
    """The fits that a fit is made of: itself, or those of a mediation, the mediators' first.

    Examples
    --------
    >>> from kzsurvey.modelling import fit_regression, make_design
    >>> table = pd.DataFrame({"y": [1.0, 2, 4, 3, 5], "x": [0, 1, 2, 3, 4]})
    >>> [one.kind for one in equations(fit_regression(table, "y ~ x", design=make_design(weight=np.ones(5))))]
    ['linear']
    """
    return [equation["fit"] for equation in fit.extra.get("equations", {}).values()] or [fit]


def model_variables(fits: Iterable[Fit]) -> list[str]:
    """Columns that models are about, outcomes included, in the order in which they are first named.

    Examples
    --------
    >>> from kzsurvey.modelling import fit_regression, make_design
    >>> table = pd.DataFrame({"y": [1.0, 2, 4, 3, 5], "x": [0, 1, 2, 3, 4], "z": list("ababa")})
    >>> model_variables([fit_regression(table, "y ~ x + z", design=make_design(weight=np.ones(5)))])
    ['y', 'x', 'z']
    """
    names: dict[str, None] = {}
    for fit in fits:
        for equation in equations(fit)[::-1]:
            outcome = str(equation.terms["outcome"].iloc[0])
            spec = equation.extra.get("spec")
            written = [] if spec is None else [str(name) for name in spec.required_variables]
            text = " ".join(map(str, equation.terms["term"]))
            order = sorted(written, key=lambda name: (text.find(name) < 0, text.find(name), name))
            names |= dict.fromkeys([outcome, *order])
    return list(names)


def fragility(fits: Iterable[Fit], analysis: pd.DataFrame) -> pd.DataFrame:
    r"""How large every tested association is, and how strong something unmeasured would have to be to undo it.

    Parameters
    ----------
    fits : Fits, of models with a hypothesis; others are passed over
    analysis : DataFrame, the table that the models were fitted to

    Returns
    -------
    DataFrame, one row per model and measure
        ``model``, ``hypothesis``, ``term``, ``measure``, ``estimate`` (for the estimate itself), ``at_interval`` (for
        the end of its interval that is nearer to no association), ``n``, ``reason`` (why there is no number).

        Measures: ``partial_r2`` and ``robustness_value`` of linear models, ``e_value`` of logistic, probit and Poisson
        ones; of mediations ``rho_at_zero`` (size of the correlation of errors at which the indirect effect is 0) and
        the robustness values of both paths, ``robustness_value_a`` and ``robustness_value_b``.

    Notes
    -----
    See :func:`robustness_value`, :func:`e_value_of` and :func:`mediation_sensitivity` for what each supposes.

    Examples
    --------
    >>> from kzsurvey.modelling import fit
    >>> from kzsurvey.survey import Model
    >>> table = pd.DataFrame({"y": [1.0, 2, 4, 3, 5, 5, 9], "x": [0, 1, 2, 3, 4, 5, 6]})
    >>> load = fit(table, Model(name="load", kind="linear", formula="y ~ x", hypothesis="H1", term="x"))
    >>> fragility([load], table)[["hypothesis", "measure", "estimate"]].round(2).to_dict("records")
    [{'hypothesis': 'H1', 'measure': 'partial_r2', 'estimate': 0.84},
     {'hypothesis': 'H1', 'measure': 'robustness_value', 'estimate': 0.86}]
    """
    columns = ["model", "hypothesis", "term", "measure", "estimate", "at_interval", "n", "reason"]
    rows = []
    for fit in fits:
        if not (term := claimed_term(fit)):
            continue
        claim = fit.terms.loc[fit.terms["hypothesis"] != ""].iloc[0]
        about = {"model": fit.model, "hypothesis": claim["hypothesis"], "term": term, "n": int(claim["n"])}
        rows += [{**about, **_measured(name, how, fit, term, analysis)} for name, how in _MEASURES.get(fit.kind, ())]
    return pd.DataFrame(rows, columns=columns)


def average_effects(fits: Iterable[Fit], analysis: pd.DataFrame) -> pd.DataFrame:
    """Average effects of tested variables on the expected outcome, where the coefficients themselves are not that.

    Parameters
    ----------
    fits : Fits
        Passed over: linear models and mediations (whose terms are such effects), products, models without a hypothesis
        or without predictions.
    analysis : DataFrame, the table that the models were fitted to

    Returns
    -------
    DataFrame, one row per effect
        ``model``, ``hypothesis``, ``outcome``, ``variable``, ``contrast`` (of categories, else empty), ``category`` (of
        an ordinal outcome, else empty), ``estimate``, ``conf_low``, ``conf_high``, ``df``, ``p_value``, ``n`` and
        ``unit``: ``points`` for probabilities, whose effects are times 100 here, else ``outcome_units``.

    Examples
    --------
    >>> from kzsurvey.modelling import fit
    >>> from kzsurvey.survey import Model
    >>> table = pd.DataFrame({"y": [0, 0, 1, 0, 1, 1, 1, 0], "x": [0, 1, 2, 3, 4, 5, 6, 2]})
    >>> named = fit(table, Model(name="named", kind="logistic", formula="y ~ x", hypothesis="H6", term="x"))
    >>> average_effects([named], table)[["variable", "estimate", "unit"]].round(1).to_dict("records")
    [{'variable': 'x', 'estimate': 15.7, 'unit': 'points'}]
    """
    ends = ["estimate", "conf_low", "conf_high"]
    columns = [
        "model",
        "hypothesis",
        "outcome",
        "variable",
        "contrast",
        "category",
        *ends,
        "df",
        "p_value",
        "n",
        "unit",
    ]
    tables = []
    for fit in fits:
        found = _averages(fit, analysis)
        if len(found):
            claim = fit.terms.loc[fit.terms["hypothesis"] != ""].iloc[0]
            factor, unit = (1, "outcome_units") if fit.kind == "poisson" else (100, "points")
            about = {"model": fit.model, "hypothesis": claim["hypothesis"], "outcome": claim["outcome"], "unit": unit}
            contrast = found["contrast"].astype("str")
            told = {"contrast": contrast.where(~contrast.str.startswith("d/d"), "")}
            told["category"] = found["category"].astype("str") if "category" in found else ""
            tables.append(found.assign(**about, **told, **{name: factor * found[name] for name in ends})[columns])
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def route(fit: Fit, term: str = "") -> list[str]:
    """Treatment, mediators and outcome of a mediation, in this order; of a term of one mediator, only this one.

    Examples
    --------
    >>> from kzsurvey.modelling import make_design, mediate
    >>> x = np.arange(12.0)
    >>> load = 0.5 * x + np.tile([1.0, -1.0, 0.0], 4)
    >>> table = pd.DataFrame({"vacancies": x, "load": load, "leave": 2 * load + np.tile([0.2, 0.1, -0.3, 0.0], 3)})
    >>> route(mediate(table, outcome="leave ~ load + vacancies", mediators="load ~ vacancies", treatment="vacancies",
    ...               design=make_design(weight=np.ones(12))))
    ['vacancies', 'load', 'leave']
    """
    *mediators, outcome = _mediated(fit, "route")
    named = [one for one in mediators if term.endswith(f"[{one}]")]
    return [str(fit.summary["treatment"]), *(named or mediators), outcome]


def indirect_along_rho(fit: Fit, analysis: pd.DataFrame) -> tuple[pd.DataFrame, list[float]]:
    """The indirect effect of a mediation along the correlation of errors, to be drawn.

    Parameters
    ----------
    fit : Fit, of kind ``mediation``
    analysis : DataFrame, the table that the model was fitted to

    Returns
    -------
    curve : DataFrame, one row per correlation
        ``value``, ``estimate``, ``conf_low``, ``conf_high``. Without rows where the kinds have no closed form.
    marks : correlations at which the interval ends at 0

    Examples
    --------
    >>> from kzsurvey.modelling import make_design, mediate
    >>> x = np.arange(12.0)
    >>> load = 0.5 * x + np.tile([1.0, -1.0, 0.0], 4)
    >>> table = pd.DataFrame({"vacancies": x, "load": load, "leave": load + np.tile([0.9, 0.5, -1.0, -0.4], 3)})
    >>> fit = mediate(table, outcome="leave ~ load + vacancies", mediators="load ~ vacancies", treatment="vacancies",
    ...               design=make_design(weight=np.ones(12)))
    >>> curve, marks = indirect_along_rho(fit, table)
    >>> curve["value"].min().item(), round(curve.loc[curve["value"] == 0, "estimate"].item(), 3)
    (-0.9, 0.458)
    """
    try:
        found = mediation_sensitivity(fit, table=analysis, rho=_RHO)
    except SurveyError:
        return pd.DataFrame(), []
    table = found.table[found.table["effect"] == "indirect"].rename(columns={"rho": "value"})
    zero = found.zero.iloc[0]
    marks = [float(zero[name]) for name in ("conf_low", "conf_high") if abs(zero[name]) < abs(_RHO[0])]
    return table[["value", "estimate", "conf_low", "conf_high"]].reset_index(drop=True), marks


def mediation_paths(fit: Fit) -> pd.DataFrame:
    """The arrows of a mediation diagram.

    Parameters
    ----------
    fit : Fit, of kind ``mediation``

    Returns
    -------
    DataFrame, one row per arrow
        ``path`` (``a`` from the treatment to a mediator, ``b`` from a mediator to the outcome, ``c`` the direct
        effect), ``source``, ``target``, ``estimate``, ``std_error``, ``conf_low``, ``conf_high``, ``df``, ``p_value``,
        ``n``. A ``b`` that is more than one number (products with the mediator) is missing.

    Examples
    --------
    >>> from kzsurvey.modelling import make_design, mediate
    >>> x = np.arange(12.0)
    >>> load = 0.5 * x + np.tile([1.0, -1.0, 0.0], 4)
    >>> table = pd.DataFrame({"vacancies": x, "load": load, "leave": 2 * load + np.tile([0.2, 0.1, -0.3, 0.0], 3)})
    >>> fit = mediate(table, outcome="leave ~ load + vacancies", mediators="load ~ vacancies", treatment="vacancies",
    ...               design=make_design(weight=np.ones(12)))
    >>> mediation_paths(fit)[["path", "source", "target", "estimate"]].round(2).to_dict("records")
    [{'path': 'a', 'source': 'vacancies', 'target': 'load', 'estimate': 0.47},
     {'path': 'b', 'source': 'load', 'target': 'leave', 'estimate': 1.99},
     {'path': 'c', 'source': 'vacancies', 'target': 'leave', 'estimate': -0.01}]
    """
    *mediators, outcome = _mediated(fit, "mediation_paths")
    treatment, terms = str(fit.summary["treatment"]), fit.terms.set_index("term")
    several = len(mediators) > 1
    arrows = [
        (path, f"{path}[{one}]" if several else path, *ends)
        for one in mediators
        for path, ends in (("a", (treatment, one)), ("b", (one, outcome)))
    ]
    arrows.append(("c", "direct", treatment, outcome))
    found = terms.reindex([term for _, term, _, _ in arrows]).reset_index(drop=True)
    ends = pd.DataFrame(arrows, columns=["path", "term", "source", "target"]).drop(columns="term")
    columns = ["estimate", "std_error", "conf_low", "conf_high", "df", "p_value"]
    return pd.concat([ends, found[columns]], axis=1).assign(n=int(fit.summary["n"]))


def mediation_effects(fit: Fit) -> pd.DataFrame:
    """The effects of a mediation, each once.

    Parameters
    ----------
    fit : Fit, of kind ``mediation``

    Returns
    -------
    DataFrame, one row per effect
        ``effect`` (``indirect``, ``direct``, ``total``, ``proportion_mediated``, ``index``, those ``_control`` and
        ``_treated`` only where they differ), ``of`` (a mediator, a value of a moderator; else empty), ``estimate``,
        ``std_error``, ``conf_low``, ``conf_high``, ``df``, ``p_value``, ``n``. Paths are left to
        :func:`mediation_paths`.

    Examples
    --------
    >>> from kzsurvey.modelling import make_design, mediate
    >>> x = np.arange(12.0)
    >>> load = 0.5 * x + np.tile([1.0, -1.0, 0.0], 4)
    >>> table = pd.DataFrame({"vacancies": x, "load": load, "leave": 2 * load + np.tile([0.2, 0.1, -0.3, 0.0], 3)})
    >>> fit = mediate(table, outcome="leave ~ load + vacancies", mediators="load ~ vacancies", treatment="vacancies",
    ...               design=make_design(weight=np.ones(12)))
    >>> mediation_effects(fit)["effect"].tolist()
    ['indirect', 'direct', 'total', 'proportion_mediated']
    """
    _mediated(fit, "mediation_effects")
    terms = fit.terms[~fit.terms["term"].str.fullmatch(r"[ab](\[.*\])?")]
    parts = [_EFFECT.fullmatch(term) for term in terms["term"]]
    main = dict(zip(terms["term"], terms["estimate"], strict=True))
    kept = []
    for term, part, estimate in zip(terms["term"], parts, terms["estimate"], strict=True):
        whole = part["effect"] + (f"[{part['of']}]" if part["of"] is not None else "")
        kept.append(term == whole or not np.isclose(estimate, main.get(whole, np.nan), rtol=1e-9, atol=1e-12))
    named = terms.assign(
        effect=[re.sub(r"\[.*\]", "", term) for term in terms["term"]], of=[part["of"] or "" for part in parts]
    )
    columns = ["effect", "of", "estimate", "std_error", "conf_low", "conf_high", "df", "p_value", "n"]
    return named.loc[kept, columns].reset_index(drop=True)


@dataclass(frozen=True, eq=False)
class Moderation:
    """How a tested effect changes along a moderator, over the range that may be published.

    Attributes
    ----------
    variable, moderator : str, columns
    slopes : DataFrame, one row per chosen value of the moderator, as :func:`simple_slopes`
    curve : DataFrame, one row per value of the moderator
        ``value``, ``estimate``, ``std_error``, ``conf_low``, ``conf_high``, ``group`` where the variable is in
        categories. Without rows where the moderator is in categories.
    regions : DataFrame, one row per piece of the range
        ``low``, ``high``, ``effect`` (``negative``, ``unclear``, ``positive``). Without rows where there is no curve,
        or several.
    reach, middle : tuples of two numbers
        The range of the curve, and where the middle half of the sample is, by weight; missing without a curve.
    scale : str, of the effect: ``outcome``, ``log odds``, ...
    n : int
    """

    variable: str
    moderator: str
    slopes: pd.DataFrame
    curve: pd.DataFrame = field(default_factory=pd.DataFrame)
    regions: pd.DataFrame = field(default_factory=pd.DataFrame)
    reach: tuple[float, float] = _NOWHERE
    middle: tuple[float, float] = _NOWHERE
    scale: str = ""
    n: int = 0

    @property
    def marks(self) -> list[float]:
        """Values inside the range at which the interval ends at 0."""
        return [] if self.regions.empty else self.regions["low"].iloc[1:].tolist()


def along_moderator(fit: Fit, analysis: pd.DataFrame, *, smallest: int = 5, level: float = 0.95) -> Moderation | None:
    """The effect that a hypothesis says is weakened or strengthened, along what weakens or strengthens it.

    Parameters
    ----------
    fit : Fit, whose hypothesis is about a product of two variables: the effect is that of the first
    analysis : DataFrame, the table that the model was fitted to
    smallest : int
        So many interviews at least lie at or beyond each end of the range, so that no end is one person's value.
    level : float, of the intervals, each for itself

    Returns
    -------
    Moderation, or None
        None where the hypothesis is about no such product.

    Examples
    --------
    >>> from kzsurvey.modelling import fit
    >>> from kzsurvey.survey import Model
    >>> rng = np.random.default_rng(1)
    >>> table = pd.DataFrame({"load": rng.normal(3, 1, 80), "pay": rng.integers(1, 6, 80).astype(float)})
    >>> table["leave"] = table["load"] * (1 - 0.2 * table["pay"]) + rng.normal(0, 0.3, 80)
    >>> buffer = Model(name="buffer", kind="linear", formula="leave ~ load * pay", hypothesis="H5", term="load:pay")
    >>> found = along_moderator(fit(table, buffer), table)
    >>> found.variable, found.moderator, found.reach, found.regions["effect"].tolist()
    ('load', 'pay', (1.0, 5.0), ['positive', 'unclear'])
    """
    factors = _FACTORS.split(claimed_term(fit))
    if len(factors) != 2 or "spec" not in fit.extra:
        return None
    try:
        variable, moderator = (variable_of(fit, factor) for factor in factors)
        slopes = simple_slopes(fit, variable, moderator, table=analysis, level=level)
    except SurveyError:
        return None
    plain = Moderation(variable, moderator, slopes, scale=str(slopes["scale"].iloc[0]), n=int(fit.extra["rows"].sum()))
    return _along(plain, fit, analysis, smallest, level)


def _mediated(fit: Fit, function: str) -> dict[str, dict]:
    """The equations of a mediation, mediators first."""
    kind = getattr(fit, "kind", type(fit).__name__)
    if kind != "mediation":
        raise TypeError(f"{function} takes the fit of a mediation, not of kind {kind}")
    return fit.extra["equations"]


def _averages(fit: Fit, analysis: pd.DataFrame) -> pd.DataFrame:
    """Average effects of the tested variable of one model."""
    term = claimed_term(fit)
    if not term or fit.kind in ("linear", "mixed", "mediation"):
        return pd.DataFrame()
    try:
        return marginal_effects(fit, analysis, variables=variable_of(fit, term)).table
    except SurveyError:
        return pd.DataFrame()


def _measured(name: str, how: Callable, fit: Fit, term: str, analysis: pd.DataFrame) -> dict[str, object]:
    """One measure, or why there is none."""
    try:
        estimate, at_interval = how(fit, term, analysis)
    except SurveyError as error:
        return {"measure": name, "estimate": np.nan, "at_interval": np.nan, "reason": str(error)}
    return {"measure": name, "estimate": float(estimate), "at_interval": float(at_interval), "reason": ""}


def _partial(fit: Fit, term: str, analysis: pd.DataFrame) -> tuple[float, float]:
    return robustness_value(fit, term)["partial_r2"].iloc[0], np.nan


def _robust(fit: Fit, term: str, analysis: pd.DataFrame) -> tuple[float, float]:
    found = robustness_value(fit, term).iloc[0]
    return found["robustness_value"], found["robustness_value_interval"]


def _path_robust(fit: Fit, term: str, analysis: pd.DataFrame, *, path: str) -> tuple[float, float]:
    """Of the treatment in the mediator's equation, or of the mediator in the outcome's."""
    *mediators, outcome = fit.extra["equations"]
    equation, coefficient = (mediators[0], str(fit.summary["treatment"])) if path == "a" else (outcome, mediators[0])
    return _robust(fit.extra["equations"][equation]["fit"], coefficient, analysis)


def _risk(fit: Fit, term: str, analysis: pd.DataFrame) -> tuple[float, float]:
    """E-value of the ratio of average risks; of the coefficient, where the variable has several categories."""
    variable = variable_of(fit, term)
    try:
        found = e_value_of(fit, variable, table=analysis)
    except DesignError:
        found = e_value_of(fit, term)
    return found["e_value"].iloc[0], found["e_value_interval"].iloc[0]


def _rho(fit: Fit, term: str, analysis: pd.DataFrame) -> tuple[float, float]:
    """Sizes of the correlations at which the indirect effect, and at which the end of its interval is 0."""
    zero = mediation_sensitivity(fit, table=analysis).zero.iloc[0]
    low, high = zero["conf_low"], zero["conf_high"]
    return abs(zero["rho"]), 0.0 if low <= 0 <= high else min(abs(low), abs(high))


_MEASURES: dict[str, tuple[tuple[str, Callable], ...]] = {
    "linear": (("partial_r2", _partial), ("robustness_value", _robust)),
    **{kind: (("e_value", _risk),) for kind in ("logistic", "probit", "poisson")},
    "mediation": (
        ("rho_at_zero", _rho),
        *((f"robustness_value_{path}", partial(_path_robust, path=path)) for path in "ab"),
    ),
}


def _along(plain: Moderation, fit: Fit, analysis: pd.DataFrame, smallest: int, level: float) -> Moderation:
    """The same with its curve, where the moderator is a number with a range that may be published."""
    rows = fit.extra["rows"]
    known = analysis[plain.moderator][rows]
    if not pd.api.types.is_numeric_dtype(known.dtype) or known.nunique() <= 2 or len(known) < 2 * smallest:
        return plain
    values = known.to_numpy(dtype=float)
    ordered = np.sort(values)
    reach = (float(ordered[smallest - 1]), float(ordered[-smallest]))
    if not reach[0] < reach[1]:
        return plain
    curve = interaction_curve(fit, plain.variable, plain.moderator, table=analysis, points=_FINE, level=level)
    curve = curve[curve["value"].between(reach[0] - 1e-9, reach[1] + 1e-9)].reset_index(drop=True)
    quarters = weighted_quantile(values, fit.extra["design"].weight[rows], np.array([0.25, 0.75]))
    return replace(
        plain,
        curve=curve.rename(columns={"contrast": "group"}),
        regions=_regions(fit, plain.variable, plain.moderator, analysis, reach, level),
        reach=reach,
        middle=tuple(float(quarter) for quarter in quarters),
    )


def _regions(
    fit: Fit, variable: str, moderator: str, analysis: pd.DataFrame, reach: tuple[float, float], level: float
) -> pd.DataFrame:
    """Pieces of the range where the interval of the effect excludes 0, and where it does not."""
    try:
        found = johnson_neyman(fit, variable, moderator, table=analysis, level=level).regions
    except SurveyError:
        return pd.DataFrame()
    clipped = found.assign(low=found["low"].clip(lower=reach[0]), high=found["high"].clip(upper=reach[1]))
    return clipped.loc[clipped["low"] < clipped["high"], ["low", "high", "effect"]].reset_index(drop=True)
