"""The equations of a mediation stacked into one estimator, and what is drawn from it.

Parameters, averages of expected outcomes and effects are one function of the weights, so that their covariance, with
what it owes to the covariates in the sample and to residual variances, comes from the one variance core.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag

from kzsurvey.modelling.effects.refits import BLOCK, Equation, bootstrap_factors, refit, warm_start
from kzsurvey.modelling.effects.scenes import Side
from kzsurvey.modelling.effects.worlds import Equations, Scene, means, rows_and_gradient, settings
from kzsurvey.modelling.regression.results import Fit
from kzsurvey.modelling.sampling.design import Design
from kzsurvey.modelling.sampling.variance import Estimator, Linearised, joined, transformed


@dataclass(frozen=True, eq=False)
class Fitted:
    """One fitted equation on the rows used.

    Attributes
    ----------
    side : Side, maker of its matrices
    fit : Fit, by the estimators of the house
    y : (m,) array, the outcome; the code of its level where it has levels
    matrix : (m, p) array
    cuts : int, thresholds, which come first among the parameters
    levels : tuple, values of an outcome that has levels, lowest first
    """

    side: Side
    fit: Fit
    y: np.ndarray
    matrix: np.ndarray
    cuts: int
    levels: tuple


@dataclass(frozen=True, eq=False)
class Terms:
    """Terms as contrasts of averages, one of them a ratio.

    Attributes
    ----------
    names : tuple of str
    contrast : (T, K) array; the row of the ratio is that of its numerator
    ratio : tuple of int, places of the ratio, its numerator and its denominator
    """

    names: tuple[str, ...]
    contrast: np.ndarray
    ratio: tuple[int, int, int]

    def estimate(self, averages: np.ndarray) -> np.ndarray:
        """(T,) or (T, B) array."""
        found = self.contrast @ averages
        place, above, below = self.ratio
        with np.errstate(all="ignore"):
            found[place] = found[above] / found[below]
        return found

    def gradient(self, averages: np.ndarray) -> np.ndarray:
        """(T, K) array."""
        found = self.contrast.copy()
        place, above, below = self.ratio
        top, bottom = self.contrast[above] @ averages, self.contrast[below] @ averages
        with np.errstate(all="ignore"):
            found[place] = (self.contrast[above] - top / bottom * self.contrast[below]) / bottom
        return found


@dataclass(frozen=True, eq=False)
class Stack:
    """Everything that is worked out once.

    Attributes
    ----------
    fitted : tuple of Fitted, mediators first, outcome last
    equations : Equations, where each has its parameters
    scenes : tuple of Scene, the covariates as they are, then each value of each moderator
    paths : list of (slice, matrix), from :func:`kzsurvey.modelling.effects.worlds.path_matrices`
    terms : Terms
    rows : (n,) bool array
    design : Design
    """

    fitted: tuple[Fitted, ...]
    equations: Equations
    scenes: tuple[Scene, ...]
    paths: list[tuple[slice, np.ndarray]]
    terms: Terms
    rows: np.ndarray
    design: Design

    @property
    def share(self) -> np.ndarray:
        """(m,) array, weights of the rows used, adding to 1."""
        weight = self.design.weight[self.rows]
        return weight / weight.sum()

    @property
    def df(self) -> float:
        """Degrees of freedom: the fewest of any coefficient on the paths."""
        df = np.full(self.equations.size, np.inf)
        for one, place in zip(self.fitted, _places(self), strict=True):
            df[place] = one.fit.terms["df"]
        return float(min(df[place][np.abs(matrix).max(axis=0) > 0].min() for place, matrix in self.paths))


def effect_terms(
    mediators: tuple[str, ...], scenes: tuple[str, ...], moderators: dict[str, list], given: np.ndarray
) -> Terms:
    """Every term as a contrast of the averages: the worlds of each scene, then the paths.

    Parameters
    ----------
    mediators : tuple of str
    scenes : tuple of str, the first without a name
    moderators : mapping of moderator to its values, in the order of the scenes
    given : (2k,) bool array, paths that there are

    Examples
    --------
    >>> terms = effect_terms(("m",), ("",), {}, np.array([True, True]))
    >>> dict(zip(terms.names, terms.estimate(np.array([0.0, 2.0, 1.0, 4.0, 7.0, 8.0])).tolist()))
    {'indirect': 2.5, 'indirect_control': 2.0, 'indirect_treated': 3.0, 'direct': 1.5, 'direct_control': 1.0, \
'direct_treated': 2.0, 'total': 4.0, 'proportion_mediated': 0.625, 'a': 7.0, 'b': 8.0}
    """
    worlds = settings(len(mediators))
    count = len(worlds) * len(scenes) + len(given)
    unit = np.eye(count)
    parts = [_scene_effects(unit[at * len(worlds) : (at + 1) * len(worlds)]) for at in range(len(scenes))]
    rows = parts[0] | {"proportion_mediated": parts[0]["indirect"]}
    several = len(mediators) > 1
    for one, mediator in enumerate(mediators if several else ()):
        control, treated = unit[4 + 2 * one] - unit[0], unit[3] - unit[5 + 2 * one]
        rows[f"indirect[{mediator}]"] = (control + treated) / 2
    paths = [f"{path}[{mediator}]" if several else path for path in "ab" for mediator in mediators]
    rows |= {path: unit[count - len(paths) + at] for at, path in enumerate(paths) if given[at]}
    for called, part in zip(scenes[1:], parts[1:], strict=True):
        rows |= {f"{effect}[{called}]": part[effect] for effect in ("indirect", "direct", "total")}
    rows |= _index_rows(moderators, parts)
    names = tuple(rows)
    ratio = tuple(names.index(one) for one in ("proportion_mediated", "indirect", "total"))
    return Terms(names, np.array(list(rows.values())), ratio)


def stacked(stack: Stack) -> Estimator:
    """Parameters, averages and terms, one after the other, as one function of the weights.

    Parameters
    ----------
    stack : Stack

    Returns
    -------
    estimator : function of (n,) weights giving a Linearised
    """
    house = joined(*(one.fit.extra["estimator"] for one in stack.fitted))
    rows, size = stack.rows, stack.equations.size

    def averages(weight: np.ndarray) -> Linearised:
        inner, own = house(weight), weight[rows]
        share = own / own.sum()
        spread, spread_scores, spread_slopes = _spread_of_residuals(stack, inner.estimate, share)
        theta = np.concatenate([inner.estimate, spread])
        values, gradient = row_values(stack, theta, share)
        found = share @ values
        more = np.zeros((len(rows), len(spread) + len(found)))
        more[rows] = np.hstack([spread_scores, values - found])
        bread = block_diag(inner.bread, np.eye(more.shape[1]) / own.sum())
        bread[len(inner.estimate) : size] += spread_slopes @ bread[: len(inner.estimate)]
        bread[size:] += gradient @ bread[:size]
        return Linearised(np.concatenate([theta, found]), np.hstack([inner.scores, more]), bread)

    def everything(at: np.ndarray) -> np.ndarray:
        return np.concatenate([at, stack.terms.estimate(at[size:])])

    def slopes(at: np.ndarray) -> np.ndarray:
        own = stack.terms.gradient(at[size:])
        return np.vstack([np.eye(len(at)), np.hstack([np.zeros((len(own), size)), own])])

    return transformed(averages, everything, slopes)


def row_values(stack: Stack, theta: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What is averaged, row by row, and how its averages move with the parameters.

    Parameters
    ----------
    stack : Stack
    theta : (P,) array
    share : (m,) array, adding to 1

    Returns
    -------
    values : (m, K) array
    gradient : (K, P) array
    """
    parts = [rows_and_gradient(stack.equations, scene, theta, share) for scene in stack.scenes]
    values = np.zeros((len(share), len(stack.paths)))
    gradient = np.zeros((len(stack.paths), stack.equations.size))
    for at, (place, matrix) in enumerate(stack.paths):
        values[:, at] = matrix @ theta[place]
        gradient[at, place] = share @ np.broadcast_to(matrix, (len(share), matrix.shape[1]))
    return np.hstack([part for part, _ in parts] + [values]), np.vstack([slope for _, slope in parts] + [gradient])


def averages_of_draws(stack: Stack, theta: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Averages of every scene, then of the paths, for each draw.

    Parameters
    ----------
    stack : Stack
    theta : (P, B) array
    share : (m, B) or (m, 1) array, adding to 1

    Returns
    -------
    (K, B) array
    """
    parts = [means(stack.equations, scene, theta, share) for scene in stack.scenes]
    paths = [
        np.sum((matrix.T @ share if len(matrix) > 1 else matrix.T) * theta[place], axis=0)
        for place, matrix in stack.paths
    ]
    return np.vstack([*parts, np.array(paths)])


def quasi_draws(stack: Stack, estimate: np.ndarray, covariance: np.ndarray, *, draws: int, seed: int) -> np.ndarray:
    """Averages under parameters drawn from their joint distribution.

    What the averages owe to the covariates in the sample, beside the parameters, is drawn with them. Draws are
    multivariate t with the degrees of freedom of the stack.

    Parameters
    ----------
    stack : Stack
    estimate : (P + K,) array, parameters and averages
    covariance : (P + K, P + K) array
    draws, seed : int

    Returns
    -------
    (K, draws) array
    """
    size, count = stack.equations.size, len(estimate)
    apart = np.eye(count)
    apart[size:, :size] = -row_values(stack, estimate[:size], stack.share)[1]
    own = apart @ covariance @ apart.T
    varies = np.diag(own) > 1e-12 * np.diag(covariance)  # a path has nothing of its own beside the parameters
    scale = np.sqrt(np.where(varies, np.diag(own), 1.0))
    spread, vectors = np.linalg.eigh(np.where(np.outer(varies, varies), own / np.outer(scale, scale), 0.0))
    rng = np.random.default_rng(seed)
    wide = np.sqrt(stack.df / rng.chisquare(stack.df, draws))
    moved = (scale[:, None] * vectors * np.sqrt(np.maximum(spread, 0.0))) @ rng.standard_normal((count, draws)) * wide
    theta = estimate[:size, None] + moved[:size]
    variances = [place for place, (one, other) in _spread_places(stack) if one == other]
    theta[variances] = np.maximum(theta[variances], 0.0)
    block = max(1, BLOCK // len(stack.share))
    share = stack.share[:, None]
    parts = [averages_of_draws(stack, theta[:, at : at + block], share) for at in range(0, draws, block)]
    return np.hstack(parts) + moved[size:]


def bootstrap_draws(stack: Stack, estimate: np.ndarray, covariance: np.ndarray, *, draws: int, seed: int) -> np.ndarray:
    """Averages over clusters drawn again within their strata, every equation fitted again.

    Parameters
    ----------
    stack : Stack
    estimate : (P + K,) array, parameters and averages; every refit starts there
    covariance : not used
    draws, seed : int

    Returns
    -------
    (K, draws) array, missing where a draw has no solution
    """
    design, rows = stack.design, stack.rows
    cluster, weight = design.stages[0].cluster[rows], design.weight[rows]
    present, code = np.unique(cluster, return_inverse=True)
    starts = [
        warm_start(Equation(one.side.kind, one.y, one.matrix, one.cuts, estimate[place]), weight, code)
        for one, place in zip(stack.fitted, _places(stack), strict=True)
    ]
    found = []
    for factor in bootstrap_factors(design, draws, rows=len(weight), seed=seed):
        own = weight[:, None] * factor[cluster]
        theta = np.vstack([refit(start, factor[present], own) for start in starts])
        share = own / own.sum(axis=0)
        theta = np.vstack([theta, _drawn_spread(stack, theta, share)])
        found.append(averages_of_draws(stack, theta, share))
    return np.hstack(found)


def _places(stack: Stack) -> list[slice]:
    """Where each equation has its parameters."""
    return [*(one.place for one in stack.equations.mediators), stack.equations.outcome.place]


def _scene_effects(unit: np.ndarray) -> dict[str, np.ndarray]:
    """Contrasts of the four worlds of a scene: outcome as under control or treatment, mediators likewise."""
    neither, carried, beside, both = unit[:4]
    return {
        "indirect": (carried - neither + both - beside) / 2,
        "indirect_control": carried - neither,
        "indirect_treated": both - beside,
        "direct": (beside - neither + both - carried) / 2,
        "direct_control": beside - neither,
        "direct_treated": both - carried,
        "total": both - neither,
    }


def _index_rows(moderators: dict[str, list], parts: list[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Indirect effect at the last value of a moderator less that at the first, per unit where it has units."""
    rows, first = {}, 1
    for moderator, values in moderators.items():
        last = first + len(values) - 1
        step = values[-1] - values[0] if isinstance(values[0], float) else 1.0
        if last > first and step:
            rows[f"index[{moderator}]"] = (parts[last]["indirect"] - parts[first]["indirect"]) / step
        first = last + 1
    return rows


def _spread_places(stack: Stack) -> Iterator[tuple[int, tuple[int, int]]]:
    """Place among the parameters, and pair of mediators, of every residual (co)variance that is one."""
    equations = stack.equations
    if equations.spread.start < equations.spread.stop:
        numbers = equations.numbers
        pairs = [(numbers[one], numbers[other]) for one in range(len(numbers)) for other in range(one + 1)]
        yield from enumerate(pairs, equations.spread.start)


def _scale(stack: Stack, one: int, other: int) -> float:
    """Rows over degrees of freedom, as R's lm has it, of a residual (co)variance."""
    n = len(stack.share)
    free = [n - stack.fitted[at].matrix.shape[1] for at in (one, other)]
    return n / float(np.sqrt(free[0] * free[1]))


def _spread_of_residuals(
    stack: Stack, theta: np.ndarray, share: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Residual (co)variances of mediators that are numbers, their scores, and their slopes in the coefficients."""
    fitted, mediators, pairs = stack.fitted, stack.equations.mediators, [pair for _, pair in _spread_places(stack)]
    residuals = {at: fitted[at].y - fitted[at].matrix @ theta[mediators[at].place] for pair in pairs for at in pair}
    found, scores = np.zeros(len(pairs)), np.zeros((len(share), len(pairs)))
    slopes = np.zeros((len(pairs), len(theta)))
    for place, (one, other) in enumerate(pairs):
        scale = _scale(stack, one, other)
        product = scale * residuals[one] * residuals[other]
        found[place] = share @ product
        scores[:, place] = product - found[place]
        for moved, fixed in ((one, other), (other, one)):
            slopes[place, mediators[moved].place] -= scale * (share * residuals[fixed]) @ fitted[moved].matrix
    return found, scores, slopes


def _drawn_spread(stack: Stack, theta: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Residual (co)variances of each draw."""
    fitted, mediators, pairs = stack.fitted, stack.equations.mediators, [pair for _, pair in _spread_places(stack)]
    residuals = {
        at: fitted[at].y[:, None] - fitted[at].matrix @ theta[mediators[at].place]
        for at in sorted({at for pair in pairs for at in pair})
    }
    found = [
        _scale(stack, one, other) * np.einsum("ib,ib,ib->b", share, residuals[one], residuals[other])
        for one, other in pairs
    ]
    return np.array(found).reshape(len(found), theta.shape[1])
