"""Where the search for a solution begins: simple moment estimates, scaled to the variables."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kzsurvey.modelling.paths.matrices import Model
from kzsurvey.modelling.paths.parameters import Parameter


class Moment(NamedTuple):
    """Moments of one group as a start needs them: means, covariances, thresholds by (variable, number)."""

    names: tuple[str, ...]
    mean: np.ndarray
    covariance: np.ndarray
    thresholds: dict[tuple[str, str], float]


def start_values(model: Model, moments: Sequence[Moment]) -> np.ndarray:
    """(q,) values to begin with; what the syntax says with ``start()`` stands.

    Parameters
    ----------
    model : Model
    moments : sequence of Moment, one per group
    """
    theta = np.full(model.count, np.nan)
    for group, moment in enumerate(moments):
        place = {name: number for number, name in enumerate(moment.names)}
        mine = [row for row in model.rows if row.group == group]
        measured = _measured(mine, moment, place)
        for row in mine:
            if row.free >= 0 and np.isnan(theta[row.free]):
                theta[row.free] = _start(row, measured, moment, place, model)
    return theta


def parameter_units(model: Model, moments: Sequence[Moment]) -> np.ndarray:
    """(q,) sizes that each parameter would have if everything had the spread that it has in the sample."""
    units = np.ones(model.count)
    for row in model.rows:
        if row.free < 0:
            continue
        moment = moments[row.group]
        spread = dict(zip(moment.names, np.sqrt(np.diag(moment.covariance)), strict=True))
        for latent in reversed([one for one in model.rows if one.op == "=~" and one.group == row.group]):
            spread[latent.lhs] = spread.get(latent.rhs, 1.0)  # that of its first item, in the end
        lhs, rhs = spread.get(row.lhs, 1.0), spread.get(row.rhs, 1.0)
        units[row.free] = {"=~": rhs / lhs, "~": lhs / rhs, "~~": lhs * rhs, "~1": lhs}.get(row.op, 1.0)
    return units


def _measured(rows: Sequence[Parameter], moment: Moment, place: dict[str, int]) -> dict[str, tuple[float, dict]]:
    """Variance of each latent variable, and the loading of each of its items, where the first has 1."""
    found: dict[str, tuple[float, dict]] = {}
    items = {row.lhs: [] for row in rows if row.op == "=~"}
    for row in rows:
        if row.op == "=~":
            items[row.lhs].append(row.rhs)
    stand_in = dict(place)  # a latent variable among the items of another is stood in for by its own first item
    waiting = list(items)
    while waiting:
        ready = [latent for latent in waiting if all(item in stand_in for item in items[latent])] or waiting[:1]
        for latent in ready:
            known = [item for item in items[latent] if item in stand_in]
            at = [stand_in[item] for item in known]
            matrix = moment.covariance[np.ix_(at, at)]
            matrix[np.diag_indices(len(at))] = [
                found[item][0] if item in found else matrix[k, k] for k, item in enumerate(known)
            ]
            sizes = _loadings(matrix)
            loadings = dict.fromkeys(items[latent], 1.0) | dict(zip(known, sizes, strict=True))
            found[latent] = (_variance(matrix, sizes), loadings)
            stand_in.setdefault(latent, at[0] if at else 0)
            waiting.remove(latent)
    return found


def _loadings(matrix: np.ndarray) -> np.ndarray:
    """Loadings relative to the first item, by the items that are neither (instruments)."""
    deviation = np.sqrt(np.diag(matrix))
    sizes = np.ones(len(matrix))
    for item in range(1, len(matrix)):
        others = [k for k in range(1, len(matrix)) if k != item]
        base = matrix[0, others] if others else matrix[0, :1]
        with np.errstate(all="ignore"):
            ratio = (matrix[item, others] if others else matrix[item, :1]) @ base / (base @ base)
        most = 3 * deviation[item] / deviation[0]
        sizes[item] = np.clip(ratio, -most, most) if np.isfinite(ratio) and ratio else deviation[item] / deviation[0]
    return sizes


def _variance(matrix: np.ndarray, sizes: np.ndarray) -> float:
    """Variance of the latent variable on the scale of the first item."""
    if len(sizes) < 2:
        return float(matrix[0, 0])
    with np.errstate(all="ignore"):
        told = np.mean(matrix[0, 1:] / sizes[1:])
    return float(np.clip(told if np.isfinite(told) else 0.0, 0.1 * matrix[0, 0], 0.9 * matrix[0, 0]))


def _start(
    row: Parameter, measured: dict[str, tuple[float, dict]], moment: Moment, place: dict[str, int], model: Model
) -> float:
    """Where one parameter begins."""
    if np.isfinite(row.value):
        return row.value
    if row.op == "=~":
        variance, loadings = measured[row.lhs]
        unit = all(
            one.free >= 0 or one.group != row.group for one in model.rows if one.op == "=~" and one.lhs == row.lhs
        )
        return float(loadings[row.rhs] * (np.sqrt(variance) if unit else 1.0))
    if row.op == "~~" and row.lhs == row.rhs:
        if row.lhs in measured:
            return measured[row.lhs][0]
        size = moment.covariance[place[row.lhs], place[row.lhs]]
        return float(size if row.role == "covariate" else 0.5 * size)
    if row.op == "~~":
        known = row.role == "covariate" or (row.lhs in place and row.rhs in place and not measured)
        return float(moment.covariance[place[row.lhs], place[row.rhs]]) if known else 0.0
    if row.op == "~1":
        return float(moment.mean[place[row.lhs]]) if row.lhs in place else 0.0
    if row.op == "|":
        return moment.thresholds.get((row.lhs, row.rhs), 0.0)
    return 1.0 if row.op == "~*~" else 0.0
