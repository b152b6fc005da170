"""Solutions on a common scale, and how much of each variable is explained, as smooth functions of the parameters.

All functions take (..., q) parameters, also complex ones, so that the delta method needs no derivatives by hand.
"""

from collections.abc import Sequence

import numpy as np

from kzsurvey.modelling.paths.estimation import Sample
from kzsurvey.modelling.paths.matrices import Block, Model, filled, reduced_form
from kzsurvey.modelling.paths.parameters import Parameter, parameter_values
from kzsurvey.modelling.paths.syntax import Definition

SCALES = ("all", "latent")


def covariate_moments(sample: Sample) -> list[np.ndarray]:
    """(x, x) weighted covariance of the covariates that are conditioned on, of each group."""
    at = [sample.variables.observed.index(name) for name in sample.variables.covariates]
    found = []
    for code in range(len(sample.columns.groups)):
        mine = sample.columns.group == code
        values, weight = sample.columns.answers[mine][:, at], sample.design.weight[mine]
        centred = values - np.average(values, axis=0, weights=weight)
        found.append((centred * weight[:, None]).T @ centred / weight.sum())
    return found


def full_variances(block: Block, theta: np.ndarray, covariates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(..., d) variances of all variables of one group, and (..., d) what of them is residual.

    A variable behind levels has the variance that its scale says, plus what covariates add; its residual variance is
    what the others leave of it.
    """
    reduced = reduced_form(block, theta)
    count = len(block.names)
    last = count - block.conditioned
    total = np.diagonal(reduced.covariance, axis1=-2, axis2=-1).copy()
    residual = np.zeros_like(total)
    own = block.spread.row == block.spread.column
    residual[..., block.spread.row[own]] = filled(block.spread, theta)[..., own]
    beside = np.zeros_like(total)
    if block.conditioned:
        onward = reduced.total[..., :, last:]
        beside = ((onward @ covariates) * onward).sum(axis=-1)
    ordinal = np.flatnonzero(block.ordinal)
    scale = np.ones((*theta.shape[:-1], block.observed), dtype=total.dtype)
    scale[..., block.scale.row] = filled(block.scale, theta)
    latent = 1 / scale[..., ordinal] ** 2
    residual[..., ordinal] = latent - (total[..., ordinal] - residual[..., ordinal])
    total[..., ordinal] = latent
    return total + beside, residual


def all_values(model: Model, theta: np.ndarray, covariates: Sequence[np.ndarray]) -> np.ndarray:
    """(..., rows) values of all parameters, those of residual variances of ordinal variables included."""
    values = np.array(parameter_values(model.rows, theta))
    for group, block in enumerate(model.blocks):
        _, residual = full_variances(block, theta, covariates[group])
        place = {name: number for number, name in enumerate(block.names)}
        for number, row in enumerate(model.rows):
            if row.group == group and row.role == "derived":
                values[..., number] = residual[..., place[row.lhs]]
    return values


def standardised_values(
    model: Model, theta: np.ndarray, covariates: Sequence[np.ndarray], scale: str = "all"
) -> np.ndarray:
    """(..., rows) values of all parameters, every variable (or every latent one) with variance 1.

    Covariances are standardised by the residual variances of the two, as correlations of residuals.
    """
    raw = all_values(model, theta, covariates)
    values = np.array(raw)
    for group, block in enumerate(model.blocks):
        total, residual = full_variances(block, theta, covariates[group])
        place = {name: number for number, name in enumerate(block.names)}
        kept = np.array([name in model.variables.latent or scale == "all" for name in block.names])
        with np.errstate(all="ignore"):  # of a negative variance nothing is standardised
            size = np.where(kept, np.sqrt(total), 1.0)
            inner = np.where(kept, np.sqrt(np.where(residual == 0, 1.0, residual)), 1.0)
            for number, row in enumerate(model.rows):
                if row.group == group:
                    values[..., number] = raw[..., number] * _factor(row, size, inner, place)
    return values


def _factor(row: Parameter, size: np.ndarray, inner: np.ndarray, place: dict[str, int]) -> np.ndarray:
    """What a parameter is multiplied by."""
    lhs = place[row.lhs]
    if row.op == "=~":
        return size[..., lhs] / size[..., place[row.rhs]]
    if row.op == "~":
        return size[..., place[row.rhs]] / size[..., lhs]
    if row.op == "~~" and row.lhs == row.rhs:
        return 1 / size[..., lhs] ** 2
    if row.op == "~~":
        return 1 / (inner[..., lhs] * inner[..., place[row.rhs]])
    return 1 / size[..., lhs] if row.op in ("~1", "|") else np.ones_like(size[..., lhs])


def explained_shares(
    model: Model, theta: np.ndarray, covariates: Sequence[np.ndarray]
) -> tuple[list[tuple[str, int]], np.ndarray]:
    """Variables that something explains, by group, and the (..., k) share of their variance that is not residual."""
    names, parts = [], []
    targets = [*model.variables.observed, *model.variables.latent]
    pointed = {row.rhs if row.op == "=~" else row.lhs for row in model.rows if row.op in ("=~", "~")}
    for group, block in enumerate(model.blocks):
        total, residual = full_variances(block, theta, covariates[group])
        place = {name: number for number, name in enumerate(block.names)}
        for name in targets:
            if name in pointed:
                names.append((name, group))
                with np.errstate(all="ignore"):
                    parts.append(1 - residual[..., place[name]] / total[..., place[name]])
    return names, np.stack(parts, axis=-1) if parts else np.zeros((*theta.shape[:-1], 0))


def defined_values(
    definitions: Sequence[Definition], known: dict[str, np.ndarray], lead: tuple[int, ...]
) -> np.ndarray:
    """(..., k) values of what ``:=`` defines; later definitions may use earlier ones."""
    known, parts = dict(known), []
    for one in definitions:
        value = np.broadcast_to(one.expression(known), lead)
        known[one.name] = value
        parts.append(value)
    return np.stack(parts, axis=-1) if parts else np.zeros((*lead, 0))


def labels_of(model: Model, values: np.ndarray) -> dict[str, np.ndarray]:
    """Values by label, from the (..., rows) values of all parameters; of a label used twice, the first."""
    found: dict[str, np.ndarray] = {}
    for number, row in enumerate(model.rows):
        if row.label and row.label not in found:
            found[row.label] = values[..., number]
    return found
