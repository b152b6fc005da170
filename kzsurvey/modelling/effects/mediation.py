"""What part of an effect runs through a mediator, with the variance of the design that the sample was drawn by.

Mediators and outcome are fitted by the estimators of the house and stacked into one; effects are averages over the
rows of the domain, so that weights, strata, stages, calibration and replicate weights count as they do for a mean.
What is computed are contrasts of models. They are effects only under assumptions that no data can show: every result
names them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtrit

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.effects.pathways import (
    Fitted,
    Stack,
    bootstrap_draws,
    effect_terms,
    quasi_draws,
    row_values,
    stacked,
)
from kzsurvey.modelling.effects.scenes import (
    Side,
    known_value,
    level_codes,
    make_scene,
    mediator_levels,
    treatment_values,
)
from kzsurvey.modelling.effects.worlds import LINK, Equations, Mediator, Outcome, path_matrices
from kzsurvey.modelling.regression.few_clusters import small_sample_faults
from kzsurvey.modelling.regression.formulas import Prepared, nearest, prepare
from kzsurvey.modelling.regression.ordinal import fit_ordinal
from kzsurvey.modelling.regression.regression import fit_regression
from kzsurvey.modelling.regression.results import Fit, resting_faults, terms_table, variables_in_one_cluster
from kzsurvey.modelling.sampling.design import Design, check_rows
from kzsurvey.modelling.sampling.threads import one_thread
from kzsurvey.modelling.sampling.variance import Estimator, Linearised, infer

INTERVALS = ("delta", "quasi", "bootstrap", "replicates")
_FAILED = 0.05  # share of draws without a solution above which a bootstrap says nothing
ASSUMPTIONS = (
    "Sequential ignorability: given the covariates, nothing unmeasured moves both the treatment and what follows it, "
    "nor both a mediator and the outcome, and no covariate is itself moved by the treatment. "
    "The data cannot show this; without it the figures are associations."
)
_PARALLEL = " The mediators do not move each other."


@one_thread
def mediate(
    table: pd.DataFrame,
    *,
    outcome: str,
    mediators: str | Sequence[str] | Mapping[str, str],
    treatment: str,
    design: Design,
    kinds: Mapping[str, str] | None = None,
    low: object = None,
    high: object = None,
    at: Mapping[str, Sequence[object]] | None = None,
    category: str = "",
    interval: str = "delta",
    draws: int = 1000,
    seed: int = 1,
    small_sample: str = "none",
    df: str = "design",
    where: np.ndarray | None = None,
    name: str = "",
    level: float = 0.95,
) -> Fit:
    r"""Split an effect into what runs through mediators and what does not.

    Parameters
    ----------
    table : DataFrame, one row per interview
    outcome : str
        Formula of the outcome, with the treatment and every mediator: ``"leave ~ load * pay + vacancies"``. Products of
        treatment and mediator, and of mediator and covariate, are read from it.
    mediators : formula, formulas, or mapping of mediator to formula
        ``"load ~ vacancies + pay"``: each with the treatment and without the other mediators.
    treatment : str
        A column: numbers, or two categories (of more, ``low`` and ``high`` choose two).
    design : Design, of the rows of the table
    kinds : mapping of mediator or outcome to {"linear", "logistic", "probit", "ordinal", "ordinal_probit"}
        Linear where nothing is said.
    low, high : values of the treatment compared
        Where None: its two values, where it has two; else half a unit below and above its weighted mean, so that
        effects are per unit. They count as fixed.
    at : mapping of moderator to values
        Effects where everybody has that value, the other covariates as they are.
    category : str
        Of an ordinal outcome: effects on the probability of this level, in place of the expected score (levels that
        are numbers count as such, others 1, 2, ...).
    interval : {"delta", "quasi", "bootstrap", "replicates"}
        ``delta``: linearised (from replicate weights, where the design has them), Student's t. ``quasi``: percentiles
        of draws from the joint distribution of all parameters and of the covariates averaged over. ``bootstrap``:
        percentiles over clusters drawn again within strata. ``replicates``: as ``delta``, of a design with replicates.
    draws, seed : int, for ``quasi`` and ``bootstrap``
    small_sample : {"none", "CR1", "CR1S", "CR2", "CR3"}
        Correction of the coefficients' errors for few clusters, as in :func:`regress`; not of ordinal equations, and
        not with ``bootstrap``. Degrees of freedom are then the fewest of the coefficients on the paths.
    df : {"design", "satterthwaite"}, as in :func:`regress`; the fewest of the coefficients on the paths
    where : (n,) bool array, the domain
    name : str, what messages call the model
    level : float, of the intervals

    Returns
    -------
    Fit, of kind ``mediation``
        Terms ``indirect``, ``direct`` (means of ``_control`` and ``_treated``, the other held at low or at high),
        ``total``, ``proportion_mediated``, ``a`` and ``b``; with several mediators ``indirect`` is the joint one, and
        ``indirect[m]``, ``a[m]``, ``b[m]`` are of each; ``indirect[w=1]``, ``direct[w=1]``, ``total[w=1]`` at values of
        moderators and ``index[w]``. ``extra`` holds ``equations`` and ``reduced`` (the fits, with what an analysis of
        sensitivity needs), ``parameters`` (of all equations, the outcome's last; then residual variances) with their
        ``joint_covariance``, ``gradient`` of the terms in them, ``draws``, ``joint_significance``, ``estimator``,
        ``rows``, ``design`` and ``stack``.

    Raises
    ------
    DesignError
        A treatment or mediator that is missing from a formula, constant, or of more than two categories; mediators
        that move each other; unknown kinds, values, intervals; what the models themselves refuse; a bootstrap in which
        more than one draw in twenty has no solution, or of weights that would have to be calibrated again.

    Notes
    -----
    With Y(t, s) the outcome under treatment t and mediators as under s, effects are contrasts of
    :math:`\theta(t, s) = \sum_i w_i E[Y(t, s) \mid c_i] / \sum_i w_i`: indirect :math:`\theta(t, 1) - \theta(t, 0)`,
    direct :math:`\theta(1, s) - \theta(0, s)`; of one mediator among several
    :math:`\theta(t, s_j = 1, t) - \theta(t, s_j = 0, t)`. All are on the scale of the expected outcome. Paths a and b
    are on the linear predictors, so that in linear models without products indirect = a b. A linear mediator in a
    logistic or probit outcome is averaged over its residual (variance estimated, and part of the errors); mediators
    with levels are summed over them. Residuals of linear mediators may be correlated; a mediator with levels is
    taken as independent of the others given treatment and covariates.

    The p value of a delta interval is that of Student's t for the estimate. For the indirect effect this test is
    conservative where both paths are near 0: at a = b = 0 it hardly ever rejects, and no test of a product does much
    better. Where one path is 0 and the other is not, it still rejects less often than it says (3.3 % in place of 5, for
    a path five times its error), while the test by draws, and ``joint_significance_p``, the larger p value of the two
    paths, keep what they say. The proportion mediated has Fieller's interval under ``delta`` (and the p value of the
    indirect effect); where the total cannot be told from 0, ``total_near_0`` is true and no such interval has ends.

    The index of moderated mediation is the difference of the indirect effects at the last and the first value of the
    moderator, per unit of it; Hayes's index, where one of the paths is moderated and the models are linear.

    References
    ----------
    Imai, K., Keele, L., & Tingley, D. (2010). A general approach to causal mediation analysis. Psychological Methods
    15, 309-334. doi:10.1037/a0020761

    Imai, K., & Yamamoto, T. (2013). Identification and sensitivity analysis for multiple causal mechanisms. Political
    Analysis 21, 141-171. doi:10.1093/pan/mps040

    Hayes, A. F. (2015). An index and test of linear moderated mediation. Multivariate Behavioral Research 50, 1-22.
    doi:10.1080/00273171.2014.962683

    MacKinnon, D. P., Lockwood, C. M., Hoffman, J. M., West, S. G., & Sheets, V. (2002). A comparison of methods to test
    mediation and other intervening variable effects. Psychological Methods 7, 83-104. doi:10.1037/1082-989X.7.1.83

    Examples
    --------
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> x = np.arange(12.0)
    >>> load = 0.5 * x + np.tile([1.0, -1.0, 0.0], 4)
    >>> table = pd.DataFrame({"vacancies": x, "load": load, "leave": 2 * load + np.tile([0.2, 0.1, -0.3, 0.0], 3)})
    >>> fit = mediate(table, outcome="leave ~ load + vacancies", mediators="load ~ vacancies", treatment="vacancies",
    ...               design=make_design(weight=np.ones(12)), name="H4")
    >>> fit.terms.set_index("term").loc[["a", "b", "indirect", "direct", "total"], "estimate"].round(3).to_dict()
    {'a': 0.472, 'b': 1.995, 'indirect': 0.942, 'direct': -0.008, 'total': 0.934}
    """
    title = f"model {name}".strip()
    check_rows(design, table, where, place=title)
    asked = _asked(outcome, mediators, treatment, kinds, at, title)
    faults = _option_faults(interval, draws, seed, level, design, title)
    fail_if(faults + _correction_faults(small_sample, asked, interval, design, title), DesignError)
    prepared, rows = _usable(table, asked, where, name)
    values = treatment_values(table.loc[rows, treatment], design.weight[rows], low=low, high=high, title=title)
    fitted = _fitted(
        table, asked, prepared, rows, design, name, {"level": level, "df": df, "small_sample": small_sample}
    )
    stack = _stack(table.loc[rows], asked, fitted, values, category, title)
    found = _inferred(stack, interval, draws, seed, title)
    domain = len(table) if where is None else int(np.sum(where))
    about = {
        "model": name,
        "n": int(rows.sum()),
        "n_dropped": domain - int(rows.sum()),
        "outcome": fitted[-1].side.name,
        "kind": "mediation",
    }
    drawn = {"draws": draws, "draws_failed": found.failed, "seed": seed} if found.draws is not None else {}
    interval = "replicates" if interval == "delta" and design.replicates is not None else interval
    said = {"treatment": treatment, "low": values[0], "high": values[1], "interval": interval} | drawn
    said |= {"small_sample": small_sample}
    return _result(stack, found, about, said, level)


class _Asked(NamedTuple):
    """The declaration, in one form."""

    formulas: dict[str, str]  # by outcome of the formula: mediators first, outcome last
    kinds: dict[str, str]
    treatment: str
    at: dict[str, list]


def _asked(outcome: str, mediators: object, treatment: str, kinds: object, at: object, title: str) -> _Asked:
    """Formulas by name, a kind for each, moderators with their values."""
    faults = []
    if not isinstance(mediators, (str, Mapping, list, tuple)):
        faults.append(Fault(title, f"mediators = {mediators!r}", "a formula, formulas, or formulas by mediator"))
    if not isinstance(kinds or {}, Mapping):
        faults.append(Fault(title, f"kinds = {kinds!r}", 'a kind by mediator or outcome: {load = "linear"}'))
    if not isinstance(at or {}, Mapping):
        faults.append(Fault(title, f"at = {at!r}", "values by moderator: {pay = [1, 3, 5]}"))
    fail_if(faults, DesignError)
    listed = mediators if isinstance(mediators, Mapping) else [mediators] if isinstance(mediators, str) else mediators
    written = list(listed.values()) if isinstance(listed, Mapping) else list(listed)
    formulas = {_left(formula): formula for formula in [*written, outcome]}
    called = list(listed) if isinstance(listed, Mapping) else list(formulas)[:-1]
    faults = [
        Fault(title, f"mediator {one} with formula {formula!r}", f"{one} ~ ...")
        for one, formula in zip(called, written, strict=False)
        if _left(formula) != one
    ]
    if not written or len(formulas) < len(written) + 1:
        faults.append(
            Fault(title, f"{len(written)} mediators, {len(formulas) - 1} with names of their own", "one or more")
        )
    kinds = dict(kinds or {})
    faults += [
        Fault(title, f"a kind for {one!r}", ", ".join(formulas), hint=nearest(str(one), formulas))
        for one in kinds if one not in formulas
    ]  # fmt: skip
    faults += [
        Fault(title, f"unknown kind {kind!r} for {one}", ", ".join(LINK), hint=nearest(str(kind), LINK))
        for one, kind in kinds.items() if kind not in LINK
    ]  # fmt: skip
    fail_if(faults, DesignError)
    moderators = {
        one: list(value) if isinstance(value, (list, tuple, np.ndarray)) else [value]
        for one, value in dict(at or {}).items()
    }
    return _Asked(formulas, {one: kinds.get(one, "linear") for one in formulas}, str(treatment), moderators)


def _left(formula: str) -> str:
    """Left side of a formula."""
    return str(formula).partition("~")[0].strip()


def _option_faults(interval: str, draws: int, seed: int, level: float, design: Design, title: str) -> list[Fault]:
    """Intervals that are not known, or that this design does not have."""
    faults = []
    if interval not in INTERVALS:
        hint = nearest(str(interval), INTERVALS)
        faults.append(Fault(title, f"unknown interval {interval!r}", ", ".join(INTERVALS), hint=hint))
    if interval == "replicates" and design.replicates is None:
        faults.append(
            Fault(title, "interval replicates, of a design without replicate weights", "delta, quasi, bootstrap")
        )
    if interval in ("quasi", "bootstrap") and not (isinstance(draws, (int, np.integer)) and draws >= 100):
        faults.append(Fault(title, f"{draws} draws", "a whole number from 100 up"))
    if interval in ("quasi", "bootstrap") and not (isinstance(seed, (int, np.integer)) and seed >= 0):
        faults.append(Fault(title, f"seed {seed!r}", "a whole number from 0 up"))
    if not 0 < level < 1:
        faults.append(Fault(title, f"level {level}", "a number between 0 and 1"))
    return faults + (_bootstrap_faults(design, title) if interval == "bootstrap" else [])


def _correction_faults(correction: str, asked: _Asked, interval: str, design: Design, title: str) -> list[Fault]:
    """Corrections for few clusters that these equations, or this interval, do not have."""
    faults = small_sample_faults(correction, design, title)
    if correction == "none":
        return faults
    ordinal = [one for one, kind in asked.kinds.items() if kind.startswith("ordinal")]
    faults += [Fault(title, f"small_sample {correction} of {one}, which is ordinal", "none") for one in ordinal]
    if interval == "bootstrap":
        faults.append(Fault(title, f"interval bootstrap with small_sample {correction}", "delta, quasi"))
    return faults


_REPLICATES = "or replicate weights, made before calibration, with interval replicates"


def _bootstrap_faults(design: Design, title: str) -> list[Fault]:
    """What drawing clusters again does not do justice to."""
    first = design.stages[0]
    alone = int(((first.drawn == 1) & (first.population > 1)).sum())
    further = any(np.any(stage.share > 0) for stage in design.stages[1:])
    reasons = {
        "calibrated weights (each draw would have to be calibrated again)": bool(design.calibrations),
        "replicate weights": design.replicates is not None,
        "several stages of a finite population": further,
        f"{alone} strata with a single cluster": alone > 0 and design.lonely != "certainty",
    }
    return [
        Fault(title, f"interval bootstrap of a design with {reason}", "delta, quasi", hint=_REPLICATES)
        for reason, there in reasons.items()
        if there
    ]


def _usable(
    table: pd.DataFrame, asked: _Asked, where: np.ndarray | None, name: str
) -> tuple[dict[str, Prepared], np.ndarray]:
    """Every formula read, and the rows that all of them can use."""
    title = f"model {name}".strip()
    prepared = {one: prepare(formula, table, name=name, where=where) for one, formula in asked.formulas.items()}
    fail_if(_formula_faults(prepared, asked, table, title), DesignError)
    rows = np.logical_and.reduce([part.rows for part in prepared.values()])
    if not rows.any():
        raise DesignError(Fault(title, "nobody in its domain with every variable known", "at least one interview"))
    return prepared, rows


def _fitted(
    table: pd.DataFrame,
    asked: _Asked,
    prepared: Mapping[str, Prepared],
    rows: np.ndarray,
    design: Design,
    name: str,
    options: Mapping[str, object],
) -> tuple[Fitted, ...]:
    """Every equation, by the estimators of the house."""
    used, found = table.loc[rows], []
    for one, formula in asked.formulas.items():
        called, kind = f"{name} ({one})".strip(), asked.kinds[one]
        fit = _FITTERS[kind](table, formula, design=design, where=rows, name=called, **options)
        alone = variables_in_one_cluster(fit)
        paths = [variable for variable in (asked.treatment, *asked.formulas) if variable in alone]
        fail_if(resting_faults(called, paths), DesignError)
        found.append(_on_rows(used, prepared[one].outcome[rows[prepared[one].rows]], one, kind, fit))
    return tuple(found)


_FITTERS: dict[str, Callable[..., Fit]] = {
    "linear": lambda *given, **options: fit_regression(*given, family="linear", **options),
    "logistic": lambda *given, **options: fit_regression(*given, family="logistic", **options),
    "probit": lambda *given, **options: fit_regression(*given, family="probit", **options),
    "ordinal": lambda *given, small_sample, **options: fit_ordinal(*given, link="logit", **options),
    "ordinal_probit": lambda *given, small_sample, **options: fit_ordinal(*given, link="probit", **options),
}


def _formula_faults(prepared: dict[str, Prepared], asked: _Asked, table: pd.DataFrame, title: str) -> list[Fault]:
    """Variables that must, or must not, stand in a formula."""
    uses = {one: set(map(str, part.spec.required_variables)) for one, part in prepared.items()}
    *mediators, outcome = asked.formulas
    needed = [(one, asked.treatment, "treatment") for one in asked.formulas]
    needed += [(outcome, mediator, "mediator") for mediator in mediators]
    faults = [
        Fault(
            title,
            f"{role} {wanted} not in the formula of {one}",
            f"{one} ~ {wanted} + ...",
            hint=nearest(wanted, uses[one]),
        )
        for one, wanted, role in needed
        if wanted not in uses[one]
    ]
    faults += [
        Fault(title, f"{other} in the formula of mediator {one}", "mediators side by side, and no outcome before them")
        for one in mediators
        for other in asked.formulas
        if other in uses[one]
    ]
    faults += [Fault(title, f"mediator {one}", "a column of analysis") for one in mediators if one not in table]
    known = set().union(*uses.values()) - {asked.treatment, *asked.formulas}
    faults += [
        Fault(title, f"no moderator {one!r}", ", ".join(sorted(known)) or "a covariate", hint=nearest(one, known))
        for one in asked.at
        if one not in known
    ]
    return faults + [
        Fault(title, f"moderator {one} without values", "one value or more")
        for one, values in asked.at.items()
        if not values
    ]


def _on_rows(used: pd.DataFrame, outcome: pd.Series, one: str, kind: str, fit: Fit) -> Fitted:
    """Numbers of an equation on the rows used."""
    spec, ordinal = fit.extra["spec"], kind.startswith("ordinal")
    keep = np.array([str(column) != "Intercept" or not ordinal for column in spec.column_names], dtype=bool)
    side = Side(one, kind, spec, keep)
    levels = mediator_levels(outcome, kind)
    y = level_codes(outcome, levels) if levels else outcome.to_numpy(dtype=float)
    return Fitted(side, fit, y, side.matrix(used, fit.model), len(levels) - 1 if ordinal else 0, levels)


def _stack(
    used: pd.DataFrame,
    asked: _Asked,
    fitted: tuple[Fitted, ...],
    values: tuple[object, object],
    category: str,
    title: str,
) -> Stack:
    """Matrices of both worlds, for the covariates as they are and for each value of a moderator, and the terms."""
    equations = _equations(fitted, category, title)
    moderators = {
        one: [known_value(used[one], value, title=title) for value in wanted] for one, wanted in asked.at.items()
    }
    cases = [("", {})] + [
        (f"{one}={value:g}" if isinstance(value, float) else f"{one}={value}", {one: value})
        for one, wanted in moderators.items()
        for value in wanted
    ]
    sides, levels = tuple(one.side for one in fitted), tuple(one.levels for one in equations.mediators)
    options = {"treatment": asked.treatment, "values": values, "levels": levels, "title": title}
    scenes = tuple(make_scene(used, sides, moderator=case, name=called, **options) for called, case in cases)
    paths, given = path_matrices(equations, scenes[0])
    names = tuple(one.name for one in equations.mediators)
    terms = effect_terms(names, tuple(one.name for one in scenes), moderators, given)
    first = fitted[0].fit.extra
    return Stack(fitted, equations, scenes, paths, terms, first["rows"], first["design"])


def _equations(fitted: tuple[Fitted, ...], category: str, title: str) -> Equations:
    """Where every equation has its parameters."""
    sizes = [len(one.fit.covariance) for one in fitted]
    ends = np.cumsum(sizes)
    places = [slice(int(end - size), int(end)) for end, size in zip(ends, sizes, strict=True)]
    mediators = tuple(
        Mediator(one.side.name, one.side.kind, place, one.cuts, one.levels)
        for one, place in zip(fitted[:-1], places, strict=False)
    )
    last = fitted[-1]
    outcome = Outcome(last.side.kind, places[-1], last.cuts, _scores(last, category, title))
    numbers = sum(not one.levels for one in mediators)
    pairs = numbers * (numbers + 1) // 2 if LINK[outcome.kind] else 0
    size = int(ends[-1])
    return Equations(mediators, outcome, slice(size, size + pairs), size + pairs)


def _scores(outcome: Fitted, category: str, title: str) -> np.ndarray:
    """What the levels of an ordinal outcome count: themselves, their number, or 1 for one of them."""
    levels = [f"{level:g}" if isinstance(level, float) else str(level) for level in outcome.levels]
    if not outcome.cuts:
        if category:
            raise DesignError(
                Fault(title, f"category {category!r} of a {outcome.side.kind} outcome", "an ordinal outcome")
            )
        return np.zeros(0)
    if category:
        if str(category) not in levels:
            hint = nearest(str(category), levels)
            raise DesignError(Fault(title, f"unknown category {category!r}", ", ".join(levels), hint=hint))
        return np.array([float(level == str(category)) for level in levels])
    try:
        return np.array([float(level) for level in levels])
    except ValueError:
        return np.arange(1.0, len(levels) + 1)


class _Found(NamedTuple):
    """Estimates with their errors.

    Attributes
    ----------
    estimate : (P + K + T,) array, parameters, averages, terms
    joint : (P + K + T, P + K + T) array, design-based
    covariance : (T, T) array, of the terms; from the draws, where there are any
    draws : (T, B) array or None
    failed : int, draws without a solution
    """

    estimate: np.ndarray
    joint: np.ndarray
    covariance: np.ndarray
    draws: np.ndarray | None
    failed: int


_DRAWN = {"quasi": quasi_draws, "bootstrap": bootstrap_draws}


def _inferred(stack: Stack, interval: str, draws: int, seed: int, title: str) -> _Found:
    """Estimate and covariance; draws, where the interval is of draws."""
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate, joint = infer(stacked(stack), stack.design)
    start = len(estimate) - len(stack.terms.names)
    covariance = joint[start:, start:]
    if interval not in _DRAWN:
        return _Found(estimate, joint, covariance, None, 0)
    with np.errstate(all="ignore"):  # draws without a solution are missing, and counted
        averages = _DRAWN[interval](stack, estimate[:start], joint[:start, :start], draws=draws, seed=seed)
    drawn = stack.terms.estimate(averages)
    sound = np.isfinite(drawn).all(axis=0)
    failed = int((~sound).sum())
    if failed > _FAILED * draws:
        found, hint = f"{failed} of {draws} draws without a solution", "a rare level or term; interval delta or quasi"
        raise DesignError(Fault(title, found, f"at most {_FAILED:.0%}", hint=hint))
    drawn = drawn[:, sound]
    ratio = stack.terms.ratio[0]
    spread = np.cov(drawn)
    spread[ratio], spread[:, ratio] = covariance[ratio], covariance[:, ratio]  # draws of a ratio have no variance
    return _Found(estimate, joint, spread, drawn, failed)


def _result(stack: Stack, found: _Found, about: Mapping[str, object], said: Mapping[str, object], level: float) -> Fit:
    """Terms, summary and all that further analysis needs."""
    names, size = stack.terms.names, stack.equations.size
    table = terms_table(names, found.estimate[-len(names) :], found.covariance, stack.df, level=level, **about)
    table = _with_fieller(table, found, level) if found.draws is None else _with_percentiles(table, found, level)
    total = table.set_index("term").loc["total"]
    joint = _joint_significance(table, [one.name for one in stack.equations.mediators])
    first = stack.fitted[-1].fit.summary
    summary = {
        "n": about["n"],
        "n_dropped": about["n_dropped"],
        "clusters": first["clusters"],
        "strata": first["strata"],
        "df": stack.df,
        **said,
        "total_near_0": bool(total["conf_low"] <= 0 <= total["conf_high"]),
        "joint_significance_p": float(joint.max(skipna=False)),
        "assumptions": ASSUMPTIONS + (_PARALLEL if len(stack.fitted) > 2 else ""),
    }
    averages = found.estimate[size : -len(names)]
    gradient = stack.terms.gradient(averages) @ row_values(stack, found.estimate[:size], stack.share)[1]
    extra = {
        "equations": {one.side.name: _about_equation(one, stack) for one in stack.fitted},
        "reduced": _reduced(stack),
        "parameters": found.estimate[:size],
        "gradient": gradient,
        "joint_covariance": found.joint[:size, :size],
        "draws": None if found.draws is None else pd.DataFrame(found.draws.T, columns=list(names)),
        "joint_significance": joint,
        "estimator": _terms_only(stack),
        "rows": stack.rows,
        "design": stack.design,
        "stack": stack,
    }
    return Fit(str(about["model"]), "mediation", table, summary, found.covariance, extra)


def _terms_only(stack: Stack) -> Estimator:
    """The terms as a function of the weights."""
    count, whole = len(stack.terms.names), stacked(stack)

    def estimator(weight: np.ndarray) -> Linearised:
        found = whole(weight)
        return Linearised(found.estimate[-count:], found.scores, found.bread[-count:])

    return estimator


def _with_fieller(table: pd.DataFrame, found: _Found, level: float) -> pd.DataFrame:
    """The ratio's interval by Fieller: all ratios that a test does not reject; without ends where they have none."""
    covariance, names = found.covariance, list(table["term"])
    place, above, below = (names.index(one) for one in ("proportion_mediated", "indirect", "total"))
    top, bottom = table["estimate"].iloc[[above, below]]
    reach = float(stdtrit(table["df"].iloc[0], (1 + level) / 2)) ** 2
    square = bottom**2 - reach * covariance[below, below]
    cross = top * bottom - reach * covariance[above, below]
    last = top**2 - reach * covariance[above, above]
    ends = (np.nan, np.nan)
    if square > 0:
        half = np.sqrt(max(cross**2 - square * last, 0.0))
        ends = ((cross - half) / square, (cross + half) / square)
    row = table.index[place]
    table = table.copy()
    table.loc[row, ["conf_low", "conf_high"]] = ends
    table.loc[row, "p_value"] = table["p_value"].iloc[above]
    return table


def _with_percentiles(table: pd.DataFrame, found: _Found, level: float) -> pd.DataFrame:
    """Intervals and p values from draws."""
    draws = found.draws
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], axis=1)
    side = np.minimum((draws <= 0).sum(axis=1), (draws >= 0).sum(axis=1))
    return table.assign(conf_low=low, conf_high=high, p_value=np.minimum(2 * (side + 1) / (draws.shape[1] + 1), 1.0))


def _joint_significance(table: pd.DataFrame, mediators: list[str]) -> pd.Series:
    """The larger p value of the two paths of each mediator; missing where b is more than one number."""
    p = table.set_index("term")["p_value"]
    several = len(mediators) > 1
    paths = {one: [f"{path}[{one}]" if several else path for path in "ab"] for one in mediators}
    found = {one: max(p[path] for path in own) if set(own) <= set(p.index) else np.nan for one, own in paths.items()}
    return pd.Series(found, name="p_value", dtype=float)


def _about_equation(one: Fitted, stack: Stack) -> dict[str, object]:
    """Coefficients and, of linear equations, what is left unexplained."""
    about = {
        "fit": one.fit,
        "kind": one.side.kind,
        "coefficients": one.fit.terms.set_index("term")["estimate"],
        "r_squared": float(one.fit.summary["r_squared"]),
    }
    if one.side.kind != "linear":
        return about
    weight = stack.share * len(one.y)
    beta = about["coefficients"].to_numpy()
    squares = float(weight @ (one.y - one.matrix @ beta) ** 2)
    inverse = np.diag(np.linalg.inv((one.matrix * weight[:, None]).T @ one.matrix))
    partial = beta**2 / (beta**2 + squares * inverse)
    return about | {
        "residual_sd": float(np.sqrt(squares / (len(one.y) - len(beta)))),
        "partial_r_squared": pd.Series(partial, index=about["coefficients"].index),
    }


def _reduced(stack: Stack) -> dict[str, object]:
    """A linear outcome without its mediators: residual standard deviation, and correlation with theirs."""
    outcome, numbers = stack.fitted[-1], stack.equations.numbers
    if outcome.side.kind != "linear" or not numbers:
        return {}
    share = stack.share
    moved = [np.abs(slope).max(axis=0) > 0 for parts in stack.scenes[0].slopes.values() for slope in parts]
    kept = outcome.matrix[:, ~np.logical_or.reduce(moved)]
    root = np.sqrt(share)
    left = outcome.y - kept @ np.linalg.lstsq(kept * root[:, None], outcome.y * root, rcond=None)[0]
    size = float(np.sqrt(share @ left**2))
    correlations = {}
    for at in numbers:
        one = stack.fitted[at]
        residual = one.y - one.matrix @ one.fit.terms["estimate"].to_numpy()
        correlations[one.side.name] = float(share @ (residual * left) / (size * np.sqrt(share @ residual**2)))
    n = len(left)
    return {"residual_sd": size * float(np.sqrt(n / (n - kept.shape[1]))), "residual_correlation": correlations}
