"""An indirect effect under errors of mediator and outcome that are correlated: what unmeasured causes of both would do.

Closed forms of Imai, Keele and Yamamoto for a linear mediator and a linear or probit outcome, written for any products
of treatment, mediator and covariates, with intervals of the design at every correlation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr, stdtrit

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.effects.scenes import set_to, treatment_values
from kzsurvey.modelling.effects.sensitivity import used_rows
from kzsurvey.modelling.regression.formulas import model_matrix, nearest
from kzsurvey.modelling.regression.results import Fit
from kzsurvey.modelling.sampling.intervals import checked_level, interval
from kzsurvey.modelling.sampling.variance import Estimator, Linearised, infer, joined, transformed

_STEPS = 5
_CELLS = 2_500_000  # rows times correlations held at once
_FINE = np.round(np.arange(-0.995, 0.9951, 0.01), 3)  # correlations among which the ends of an interval are looked for


@dataclass(frozen=True, eq=False)
class MediationSensitivity:
    """An indirect effect under correlated errors of mediator and outcome.

    Attributes
    ----------
    table : DataFrame, one row per effect and correlation
        ``effect`` (``indirect``; also ``indirect_control`` and ``indirect_treated`` where treatment and mediator
        interact), ``rho``, ``estimate``, ``std_error``, ``df``, ``conf_low``, ``conf_high``, ``r2_star``, ``r2_tilde``.
    zero : DataFrame, one row per effect
        ``rho`` at which the effect is 0 (missing where it is so nowhere short of +-0.995); ``conf_low`` and
        ``conf_high``: from where to where its interval includes 0 (to -1 or 1 where it does to the last);
        ``r2_star`` and ``r2_tilde`` at ``rho``.
    """

    table: pd.DataFrame
    zero: pd.DataFrame

    def _repr_html_(self) -> str:
        """Where the effect is 0, in a notebook."""
        return self.zero.to_html()


def mediation_sensitivity(
    fit: Fit,
    outcome_fit: Fit | None = None,
    *,
    table: pd.DataFrame,
    treatment: str = "",
    low: object = None,
    high: object = None,
    rho: Sequence[float] | None = None,
    level: float = 0.95,
) -> MediationSensitivity:
    r"""Indirect effect as a function of what mediator and outcome share unmeasured.

    Parameters
    ----------
    fit : Fit
        Of a mediation with one mediator, or of the mediator: a linear model.
    outcome_fit : Fit, of the outcome: linear or probit, fitted to the same rows
        With all covariates of the mediator's model. Not needed with a mediation.
    table : DataFrame, the one the models were fitted to
    treatment : str, a column; not needed with a mediation
    low, high : values of the treatment compared
        Where None, as in :func:`kzsurvey.modelling.effects.mediation.mediate`.
    rho : correlations between -1 and 1
        From -0.95 to 0.95 by 0.05 where None.
    level : float, of the intervals, each for itself

    Returns
    -------
    MediationSensitivity

    Raises
    ------
    DesignError
        Kinds of models without a closed form; models of different rows or designs; a mediator's covariate that the
        outcome's model lacks; several mediators; correlations that are none; formulas that bend in the mediator.

    Notes
    -----
    rho is the correlation of the errors of both models; sequential ignorability says it is 0. With coefficients as
    fitted (rho taken as 0), :math:`k = \frac{\rho}{\sqrt{1 - \rho^2}} \frac{\sigma_Y}{\sigma_M}` and residual
    deviations :math:`\sigma`, the linear effect is the average of :math:`(m_i(1) - m_i(0)) (b_i - k)`, with m the
    expected mediator and b its slope in the outcome's model; where nothing interacts that is Theorem 4 of Imai, Keele
    and Yamamoto, and 0 where rho is the correlation of the errors of mediator and outcome without the mediator. For a
    probit outcome :math:`\sigma_Y = 1`, and
    :math:`P(t, t') = \Phi\{[\eta_t(m(t')) - k (m(t') - m(t))] / \sqrt{1 + b_t^2 \sigma_M^2}\}`.

    Intervals are design-based, of all that is estimated (coefficients, residual deviations, averages), for each rho
    taken as known. :math:`R^{2*} = \rho^2` is the product of the shares of what is left of mediator and outcome that a
    confounder explains, :math:`\tilde R^2 = \rho^2 (1 - R_M^2)(1 - R_Y^2)` that of shares of all of them (for a probit
    outcome, of its latent variable).

    References
    ----------
    Imai, K., Keele, L., & Yamamoto, T. (2010). Identification, inference and sensitivity analysis for causal mediation
    effects. Statistical Science 25, 51-71. doi:10.1214/10-STS321

    Examples
    --------
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> from kzsurvey.modelling.regression.regression import fit_regression
    >>> x = np.arange(12.0)
    >>> load = 0.5 * x + np.tile([1.0, -1.0, 0.0], 4)
    >>> table = pd.DataFrame({"vacancies": x, "load": load, "leave": load + np.tile([0.9, 0.5, -1.0, -0.4], 3)})
    >>> design = make_design(weight=np.ones(12))
    >>> found = mediation_sensitivity(fit_regression(table, "load ~ vacancies", design=design),
    ...     fit_regression(table, "leave ~ load + vacancies", design=design), table=table, treatment="vacancies",
    ...     rho=[0, 0.5])
    >>> found.table[["rho", "estimate"]].round(3).to_dict("records"), found.zero["rho"].round(3).tolist()
    ([{'rho': 0.0, 'estimate': 0.458}, {'rho': 0.5, 'estimate': 0.217}], [0.739])
    """
    asked = _asked(fit, outcome_fit, treatment, low, high)
    grid = np.round(np.arange(-0.95, 0.951, 0.05), 2) if rho is None else np.atleast_1d(np.asarray(rho, dtype=float))
    fail_if(_mediation_faults(asked, table, grid), DesignError)
    scene = _scene(asked, table)
    df = float(min(side.terms["df"].min() for side in (asked.mediator, asked.outcome)))
    size, names = len(grid), ["indirect"]
    everywhere = np.concatenate([grid, _FINE])
    estimate, std_error = _estimates(scene, everywhere)
    if np.abs(estimate[1] - estimate[2]).max() > 1e-9 * np.abs(estimate).max():
        names += ["indirect_control", "indirect_treated"]
    products = np.array([1.0, (1 - asked.mediator.summary["r_squared"]) * (1 - scene.outcome_r2)])
    rows = [
        _along_rho(name, grid, estimate[at, :size], std_error[at, :size], df, products, level)
        for at, name in enumerate(names)
    ]
    zeros = [
        _zero_row(
            name, scene.zero(at, estimate[at, size:]), estimate[at, size:], std_error[at, size:], df, products, level
        )
        for at, name in enumerate(names)
    ]
    return MediationSensitivity(pd.concat(rows, ignore_index=True), pd.DataFrame(zeros))


class _Asked(NamedTuple):
    """Two equations and what is compared."""

    mediator: Fit
    outcome: Fit
    treatment: str
    low: object
    high: object
    title: str


def _asked(fit: Fit, outcome_fit: Fit | None, treatment: str, low: object, high: object) -> _Asked:
    """From a mediation, or from both fits."""
    title = f"model {fit.model}".strip()
    if fit.kind != "mediation":
        if outcome_fit is None or not treatment:
            raise DesignError(
                Fault(title, f"a fit of kind {fit.kind} alone", "a mediation, or both fits and a treatment")
            )
        return _Asked(fit, outcome_fit, treatment, low, high, title)
    fits = [equation["fit"] for equation in fit.extra["equations"].values()]
    if len(fits) != 2:
        raise DesignError(Fault(title, f"{len(fits) - 1} mediators", "one mediator", hint="one mediation for each"))
    values = (fit.summary["low"], fit.summary["high"]) if low is None and high is None else (low, high)
    return _Asked(*fits, fit.summary["treatment"], *values, title)


_CLOSED = {"linear", "probit"}


def _mediation_faults(asked: _Asked, table: pd.DataFrame, rho: np.ndarray) -> list[Fault]:
    """What has no closed form, or does not belong together."""
    mediator, outcome, title = asked.mediator, asked.outcome, asked.title
    faults = []
    if mediator.kind != "linear":
        faults.append(Fault(title, f"a mediator of kind {mediator.kind}", "a linear mediator"))
    if outcome.kind not in _CLOSED:
        hint = "a probit model of the same outcome" if outcome.kind == "logistic" else ""
        faults.append(Fault(title, f"an outcome of kind {outcome.kind}", "linear, probit", hint=hint))
    if faults:
        return faults
    if not ((np.abs(rho) < 1).all() and len(rho)):
        faults.append(Fault(title, f"rho {rho.tolist()}", "correlations between -1 and 1"))
    own, other = mediator.extra, outcome.extra
    if len(own["rows"]) != len(other["rows"]) or len(table) != len(own["rows"]):
        lengths = f"tables of {len(own['rows'])}, {len(other['rows'])} and {len(table)} rows"
        return [*faults, Fault(title, lengths, "one table")]
    if not np.array_equal(own["rows"], other["rows"]):
        found = f"models of {int(own['rows'].sum())} and {int(other['rows'].sum())} interviews, not all the same"
        faults.append(Fault(title, found, "the same interviews", hint="where= with everything known, or mediate"))
    if own["design"] is not other["design"] and not np.array_equal(own["design"].weight, other["design"].weight):
        faults.append(Fault(title, "models of two designs", "one design"))
    return faults + _formula_faults(asked)


def _formula_faults(asked: _Asked) -> list[Fault]:
    """Variables that must stand in a formula."""
    uses = [{str(one) for one in fit.extra["spec"].required_variables} for fit in (asked.mediator, asked.outcome)]
    mediator = _left(asked.mediator)
    needed = [(uses[0], asked.treatment, mediator), (uses[1], asked.treatment, _left(asked.outcome))]
    needed += [(uses[1], mediator, _left(asked.outcome))]
    return [
        Fault(asked.title, f"{wanted} not in the formula of {of}", f"{of} ~ {wanted} + ...", hint=nearest(wanted, used))
        for used, wanted, of in needed
        if wanted not in used
    ]


def _left(fit: Fit) -> str:
    """Outcome of a fit, as its formula has it."""
    return str(fit.terms["outcome"].iloc[0])


@dataclass(frozen=True, eq=False)
class _Scene:
    """Both equations on the rows used, with the treatment at both values.

    Attributes
    ----------
    sides : tuple of two Fits, mediator and outcome
    seen : tuple of two (m, p) arrays, their matrices as observed
    mediator : tuple of two (m, p) arrays, the mediator's matrix in both worlds
    base, slope : tuples of two (m, q) arrays
        The outcome's matrix in both worlds where the mediator is 0, and what a unit of it adds.
    rows : (n,) bool array
    """

    sides: tuple[Fit, Fit]
    seen: tuple[np.ndarray, np.ndarray]
    mediator: tuple[np.ndarray, np.ndarray]
    base: tuple[np.ndarray, np.ndarray]
    slope: tuple[np.ndarray, np.ndarray]
    rows: np.ndarray

    @property
    def linear(self) -> bool:
        """Whether the outcome is."""
        return self.sides[1].kind == "linear"

    @property
    def outcome_r2(self) -> float:
        """Share explained of the outcome; of its latent variable where it is probit."""
        fit = self.sides[1]
        if self.linear:
            return float(fit.summary["r_squared"])
        eta = self.seen[1] @ fit.terms["estimate"].to_numpy()
        share = self._share(fit.extra["design"].weight)
        spread = share @ (eta - share @ eta) ** 2
        return float(spread / (1 + spread))

    def effects(self, rho: np.ndarray) -> Estimator:
        """Average, control and treated indirect effect at each correlation, one after the other."""
        parts = self._linear_parts if self.linear else self._probit_parts(rho)
        if not self.linear:
            return transformed(parts, _with_average, lambda at: _with_average(np.eye(len(at))))
        odds = rho / np.sqrt(1 - rho**2)

        def value(at: np.ndarray) -> np.ndarray:
            return _with_average(np.concatenate([own - odds * at[3] * at[2] for own in at[:2]]))

        def gradient(at: np.ndarray) -> np.ndarray:
            one, none = np.ones_like(odds), np.zeros_like(odds)
            shared = (-odds * at[3], -odds * at[2])
            rows = np.vstack([np.stack([one, none, *shared], axis=1), np.stack([none, one, *shared], axis=1)])
            return _with_average(rows)

        return transformed(parts, value, gradient)

    def zero(self, which: int, fine: np.ndarray) -> float:
        """Correlation at which an effect (average, control, treated) is 0, from its values at many correlations."""
        weight = self.sides[1].extra["design"].weight
        if self.linear:
            control, treated, moved, ratio = self._linear_parts(weight).estimate
            needed = [(control + treated) / 2, control, treated][which] / (moved * ratio)
            return float(needed / np.sqrt(1 + needed**2))
        change = np.flatnonzero(np.sign(fine[:-1]) != np.sign(fine[1:]))
        if not len(change):
            return np.nan
        (low, high), (at_low, at_high) = _FINE[change[0] :][:2], fine[change[0] :][:2]
        for _ in range(_STEPS):  # secants: the curve is all but straight between neighbours
            if at_high == at_low:
                break
            new = high - at_high * (high - low) / (at_high - at_low)
            low, at_low, high, at_high = high, at_high, new, self._probit_effect(new, which)
        return float(high)

    def _share(self, weight: np.ndarray) -> np.ndarray:
        own = weight[self.rows]
        return own / own.sum()

    def _inner(self, weight: np.ndarray) -> tuple[Linearised, np.ndarray, np.ndarray, list[np.ndarray]]:
        """Both fits, the parameters of each, and residuals: what a score divides by is the row of its matrix."""
        own = [fit.extra["estimator"](weight) for fit in self.sides]
        residuals = [
            np.einsum("ip,ip->i", part.scores[self.rows], seen) / np.einsum("ip,ip->i", seen, seen)
            for part, seen in zip(own, self.seen, strict=True)
        ]
        return joined(*(lambda _, part=part: part for part in own))(weight), own[0].estimate, own[1].estimate, residuals

    def _stacked(
        self, weight: np.ndarray, inner: Linearised, averaged: np.ndarray, slopes: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Averages with scores and bread: of the rows, and of the parameters that they depend on."""
        own, share = weight[self.rows], self._share(weight)
        means = share @ averaged
        scores = np.zeros((len(weight), averaged.shape[1]))
        scores[self.rows] = averaged - means
        bread = np.hstack([slopes @ inner.bread, np.eye(len(means)) / own.sum()])
        return means, np.hstack([inner.scores, scores]), bread

    def _linear_parts(self, weight: np.ndarray) -> Linearised:
        """Indirect effects at rho = 0 (control, treated), what treatment moves the mediator by, ratio of deviations."""
        inner, alpha, beta, residuals = self._inner(weight)
        share = self._share(weight)
        difference = self.mediator[1] - self.mediator[0]
        moved, paths = difference @ alpha, [slope @ beta for slope in self.slope]
        averaged = np.stack([moved * paths[0], moved * paths[1], moved, *(left**2 for left in residuals)], axis=1)
        slopes = np.zeros((5, len(alpha) + len(beta)))
        for world, path in enumerate(paths):
            slopes[world] = np.concatenate([(share * path) @ difference, (share * moved) @ self.slope[world]])
        slopes[2, : len(alpha)] = share @ difference
        means, scores, bread = self._stacked(weight, inner, averaged, slopes)
        ratio = np.sqrt(means[4] / means[3])
        last = np.zeros((4, 5))
        last[:3, :3] = np.eye(3)
        last[3, 3:] = ratio / 2 * np.array([-1 / means[3], 1 / means[4]])
        return Linearised(np.array([*means[:3], ratio]), scores, last @ bread)

    def _probit_parts(self, rho: np.ndarray) -> Estimator:
        """Indirect effects (control, then treated) at each correlation."""

        def estimator(weight: np.ndarray) -> Linearised:
            inner, alpha, beta, residuals = self._inner(weight)
            variance = residuals[0] ** 2 * self._free(len(alpha))
            spread = self._share(weight) @ variance
            values, slopes = self._probit_rows(rho, alpha, beta, spread, self._share(weight))
            count = len(alpha) + len(beta)
            own = np.vstack([slopes[:, :count], np.zeros(count)])
            means, scores, bread = self._stacked(weight, inner, np.column_stack([values, variance]), own)
            bread[:-1] += np.outer(slopes[:, count], bread[-1])
            return Linearised(means[:-1], scores, bread[:-1])

        return estimator

    def _free(self, coefficients: int) -> float:
        """Rows over rows less coefficients, as R's lm has the residual variance."""
        n = int(self.rows.sum())
        return n / (n - coefficients)

    def _probit_rows(
        self, rho: np.ndarray, alpha: np.ndarray, beta: np.ndarray, spread: float, share: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Effects of each row, (m, 2R), and derivatives of their averages by alpha, beta and residual variance."""
        worlds = [self._world(world, alpha, beta, spread) for world in (0, 1)]
        ks = rho / np.sqrt(1 - rho**2) / np.sqrt(spread)
        values, slopes = [], []
        for sign, world in ((1.0, worlds[0]), (-1.0, worlds[1])):
            there, there_slope = self._probability(world, 0.0, share, crossed=False)
            for k in ks:
                crossed, crossed_slope = self._probability(world, k, share, crossed=True)
                values.append(sign * (crossed - there))
                slopes.append(sign * (crossed_slope - there_slope))
        return np.stack(values, axis=1), np.array(slopes)

    def _world(self, world: int, alpha: np.ndarray, beta: np.ndarray, spread: float) -> "_World":
        """Predictors with the treatment at one value."""
        own, other = self.mediator[world], self.mediator[1 - world]
        path = self.slope[world] @ beta
        return _World(
            own, other, self.base[world], self.slope[world], own @ alpha, other @ alpha, path,
            self.base[world] @ beta, spread, np.sqrt(1 + path**2 * spread),
        )  # fmt: skip

    def _probability(
        self, world: "_World", k: float, share: np.ndarray, *, crossed: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Probability where the mediator is as in this world, or as in the other; and how its average moves."""
        here, matrix = (world.there, world.other) if crossed else (world.here, world.own)
        away = here - world.here
        top = world.level + world.path * here - k * away
        z = top / world.size
        density = share * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
        scaled, pull = density / world.size, density * top / world.size**3
        of_alpha = (scaled * (world.path - k)) @ matrix + (scaled * k) @ world.own
        of_beta = scaled @ world.base + (scaled * here - pull * world.path * world.spread) @ world.slope
        of_spread = scaled @ (k / (2 * world.spread) * away) - (pull / 2) @ world.path**2
        return ndtr(z), np.concatenate([of_alpha, of_beta, [of_spread]])

    def _probit_effect(self, rho: float, which: int) -> float:
        """One effect at one correlation, from the sample."""
        weight = self.sides[1].extra["design"].weight
        alpha, beta = (fit.terms["estimate"].to_numpy() for fit in self.sides)
        share = self._share(weight)
        residual = self.sides[0].extra["estimator"](weight).scores[self.rows]
        left = np.einsum("ip,ip->i", residual, self.seen[0]) / np.einsum("ip,ip->i", self.seen[0], self.seen[0])
        spread = share @ left**2 * self._free(len(alpha))
        values, _ = self._probit_rows(np.array([rho]), alpha, beta, spread, share)
        return float(_with_average(share @ values)[which])


class _World(NamedTuple):
    """Predictors of both equations with the treatment at one value."""

    own: np.ndarray
    other: np.ndarray
    base: np.ndarray
    slope: np.ndarray
    here: np.ndarray
    there: np.ndarray
    path: np.ndarray
    level: np.ndarray
    spread: float
    size: np.ndarray


def _estimates(scene: _Scene, rho: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Estimates and errors, (3, R): average, control, treated; some correlations at a time where rows are many."""
    rows, design = int(scene.rows.sum()), scene.sides[1].extra["design"]
    parts = []
    for part in np.array_split(rho, int(np.ceil(len(rho) * rows / _CELLS))):
        estimate, covariance = infer(scene.effects(part), design)
        std_error = np.sqrt(np.clip(np.diag(covariance), 0, None))
        parts.append(np.stack([estimate, std_error]).reshape(2, 3, -1))
    estimate, std_error = np.concatenate(parts, axis=2)
    return estimate, std_error


def _with_average(halves: np.ndarray) -> np.ndarray:
    """Control and treated effects, with their mean before them."""
    half = len(halves) // 2
    return np.concatenate([(halves[:half] + halves[half:]) / 2, halves])


def _scene(asked: _Asked, table: pd.DataFrame) -> _Scene:
    """Matrices of both worlds."""
    used, title = used_rows(asked.mediator, table), asked.title
    used_rows(asked.outcome, table)
    rows = asked.mediator.extra["rows"]
    weight = asked.mediator.extra["design"].weight[rows]
    values = treatment_values(used[asked.treatment], weight, low=asked.low, high=asked.high, title=title)
    worlds = [set_to(used, {asked.treatment: value}) for value in values]
    sides = (asked.mediator, asked.outcome)
    seen = tuple(model_matrix(fit.extra["spec"], used, name=fit.model) for fit in sides)
    _refuse_covariates_apart(asked, *seen)
    moved = tuple(model_matrix(asked.mediator.extra["spec"], world, name=title) for world in worlds)
    base, slope = zip(*(_lines(asked, world) for world in worlds), strict=True)
    return _Scene(sides, seen, moved, base, slope, rows)


def _refuse_covariates_apart(asked: _Asked, mediator: np.ndarray, outcome: np.ndarray) -> None:
    """The mediator's error is a function of columns that the outcome's model must hold, or nothing is closed."""
    fitted = outcome @ np.linalg.lstsq(outcome, mediator, rcond=None)[0]
    left = np.linalg.norm(mediator - fitted, axis=0) > 1e-7 * np.linalg.norm(mediator, axis=0)
    names = [str(name) for name, own in zip(asked.mediator.extra["spec"].column_names, left, strict=True) if own]
    place = f"the formula of {_left(asked.outcome)}"
    fail_if(
        [Fault(asked.title, f"{name}, which {place} lacks", "covariates of the mediator there too") for name in names],
        DesignError,
    )


def _lines(asked: _Asked, world: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """The outcome's matrix where the mediator is 0, and what a unit of it adds."""
    name, spec = _left(asked.mediator), asked.outcome.extra["spec"]
    values = world[name].astype(float)
    low, high = float(values.mean() - values.std()), float(values.mean() + values.std())
    near = low + 0.3 * (high - low)
    below, between, above = (
        model_matrix(spec, set_to(world, {name: value}), name=asked.title) for value in (low, near, high)
    )
    slope = (above - below) / (high - low)
    if not np.allclose(between, below + (near - low) * slope, rtol=1e-7, atol=1e-7 * np.abs(above).max()):
        found, hint = f"an outcome formula that bends in mediator {name}", "leave powers and logs out"
        raise DesignError(Fault(asked.title, found, f"{name} itself, times other variables", hint=hint))
    return below - low * slope, slope


def _along_rho(
    name: str,
    rho: np.ndarray,
    estimate: np.ndarray,
    std_error: np.ndarray,
    df: float,
    products: np.ndarray,
    level: float,
) -> pd.DataFrame:
    """Rows of one effect."""
    low, high = interval(estimate, std_error, df, level=level)
    squares = rho[:, None] ** 2 * products
    return pd.DataFrame(
        {"effect": name, "rho": rho, "estimate": estimate, "std_error": std_error, "df": df, "conf_low": low,
         "conf_high": high, "r2_star": squares[:, 0], "r2_tilde": squares[:, 1]}
    )  # fmt: skip


def _zero_row(
    name: str, zero: float, estimate: np.ndarray, std_error: np.ndarray, df: float, products: np.ndarray, level: float
) -> dict[str, object]:
    """Where one effect is 0, and from where to where it may be."""
    beyond = np.abs(estimate) - stdtrit(df, (1 + checked_level(level)) / 2) * std_error
    unclear = np.flatnonzero(beyond <= 0)
    low, high = zero, zero
    if len(unclear):
        low, high = _crossing(beyond, unclear[0], -1), _crossing(beyond, unclear[-1], 1)
    star, tilde = zero**2 * products
    return {"effect": name, "rho": zero, "conf_low": low, "conf_high": high, "r2_star": star, "r2_tilde": tilde}


def _crossing(beyond: np.ndarray, last: int, step: int) -> float:
    """Correlation where an interval comes to exclude 0, between the last that includes it and its neighbour."""
    if not 0 <= last + step < len(_FINE):
        return float(step)
    inside, outside = beyond[last], beyond[last + step]
    return float(_FINE[last] + (_FINE[last + step] - _FINE[last]) * inside / (inside - outside))
