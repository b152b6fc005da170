"""What a fitted path model hands out: the house's terms, fit indices, explained variance, and how the fit went."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.modelling.paths.estimation import Fitted, Sample
from kzsurvey.modelling.paths.matrices import filled
from kzsurvey.modelling.paths.parameters import term_name
from kzsurvey.modelling.paths.solving import complex_slopes
from kzsurvey.modelling.paths.standardising import (
    all_values,
    covariate_moments,
    defined_values,
    explained_shares,
    full_variances,
    labels_of,
)
from kzsurvey.modelling.paths.syntax import Definition
from kzsurvey.modelling.paths.testing import ChiSquare, Saturated
from kzsurvey.modelling.regression.results import Fit, terms_table


class Solved(NamedTuple):
    """What further questions about a fit need: the sample, the solution and its design-based covariance.

    ``covariance`` is of all free parameters, covariate moments included; ``covariates`` says whether those count as
    sampled. ``request`` holds the arguments the model was fitted with.
    """

    sample: Sample
    fitted: Fitted
    saturated: Saturated
    covariance: np.ndarray
    test: ChiSquare
    baseline: ChiSquare
    definitions: tuple[Definition, ...]
    df: float
    level: float
    request: dict[str, Any]


@dataclass(frozen=True, eq=False)
class PathFit(Fit):
    """A fitted path model.

    Attributes
    ----------
    parameters : DataFrame, one row per parameter of the model
        ``lhs``, ``op``, ``rhs``, ``group``, ``label``, ``free``, ``estimate``, ``std_error``.
    indices : DataFrame, one row per fit index
        ``index``, ``value``, ``scaled``, ``robust``.
    explained : DataFrame, one row per variable that something explains
        ``variable``, ``group``, ``r2``.
    states : tuple of str
        What a reader has to know: negative variances, empty cells, correlations above 1 ...
    solved : Solved
    """

    parameters: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)
    indices: pd.DataFrame = field(default_factory=pd.DataFrame)
    explained: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)
    states: tuple[str, ...] = ()
    solved: Solved | None = field(default=None, repr=False)

    def _repr_html_(self) -> str:
        """Terms, indices and states, in a notebook."""
        said = "".join(f"<li>{state}</li>" for state in self.states)
        return self.terms.to_html() + self.indices.to_html(index=False) + (f"<ul>{said}</ul>" if said else "")

    def __str__(self) -> str:
        """The same as text."""
        columns = ["term", "estimate", "std_error", "df", "conf_low", "conf_high", "p_value"]
        tables = [self.terms[columns].round(3).to_string(index=False), self.indices.round(3).to_string(index=False)]
        return "\n\n".join([f"{self.kind} {self.model}".strip(), *tables, *self.states])


def counted_rows(fitted: Fitted) -> list[int]:
    """Places of the parameters that are terms: free ones of the model."""
    return [number for number, row in enumerate(fitted.model.rows) if row.free >= 0 and row.role == "model"]


def term_values(solved: Solved, theta: np.ndarray) -> np.ndarray:
    """(..., terms) values of all terms: free parameters, then what is defined."""
    model = solved.fitted.model
    values = all_values(model, theta, covariate_moments(solved.sample))
    defined = defined_values(solved.definitions, labels_of(model, values), theta.shape[:-1])
    return np.concatenate([values[..., counted_rows(solved.fitted)], defined], axis=-1)


def delta(function: Any, theta: np.ndarray, covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values of a smooth function of the parameters, and their covariance."""
    slopes = complex_slopes(function, theta)
    return np.real(function(theta)), slopes @ covariance @ slopes.T


def path_terms(solved: Solved, about: dict[str, object]) -> tuple[pd.DataFrame, np.ndarray]:
    """Terms with intervals, and their covariance."""
    fitted = solved.fitted
    names = [term_name(fitted.model.rows[number], fitted.model.groups) for number in counted_rows(fitted)]
    names += [one.name for one in solved.definitions]
    values, covariance = delta(lambda theta: term_values(solved, theta), fitted.theta, solved.covariance)
    covariance = np.where(np.isfinite(covariance), covariance, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        table = terms_table(tuple(names), values, covariance, solved.df, level=solved.level, **about)
    return table, covariance


def parameter_frame(solved: Solved) -> pd.DataFrame:
    """Every parameter, fixed ones too."""
    model, theta = solved.fitted.model, solved.fitted.theta
    values = all_values(model, theta, covariate_moments(solved.sample))
    error = np.sqrt(np.maximum(np.diag(solved.covariance), 0.0))
    shown = [number for number, row in enumerate(model.rows) if row.role != "hidden"]
    rows = [
        (
            row.lhs, row.op, row.rhs, model.groups[row.group], "" if row.label[:1] == "." else row.label, row.free >= 0,
            row.role, values[number], error[row.free] if row.free >= 0 and row.role == "model" else np.nan,
        )
        for number, row in enumerate(model.rows) if number in set(shown)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["lhs", "op", "rhs", "group", "label", "free", "role", "estimate", "std_error"])


def explained_frame(solved: Solved) -> pd.DataFrame:
    """Share of the variance of each explained variable."""
    model = solved.fitted.model
    names, shares = explained_shares(model, solved.fitted.theta, covariate_moments(solved.sample))
    rows = [(name, model.groups[group], share) for (name, group), share in zip(names, shares, strict=True)]
    return pd.DataFrame(rows, columns=["variable", "group", "r2"])


def states_of(solved: Solved) -> tuple[str, ...]:
    """What has to be known about a solution: improper values, empty cells, what is held at 0, few clusters."""
    return (*_improper(solved), *_cells(solved), *_counts(solved))


def _improper(solved: Solved) -> list[str]:
    """Variances below 0, correlations beyond 1, latent covariances that are none, curvature that is no maximum."""
    found = []
    model, theta = solved.fitted.model, solved.fitted.theta
    covariates = covariate_moments(solved.sample)
    for group, block in enumerate(model.blocks):
        where = f" in group {model.groups[group]}" if len(model.groups) > 1 else ""
        total, residual = full_variances(block, theta, covariates[group])
        last = len(block.names) - block.conditioned
        for name, size, whole in zip(block.names[:last], residual, total, strict=False):
            if size < -1e-8 * max(abs(whole), 1e-12):
                found.append(f"negative variance{where}: {name} {size:.3g} (Heywood case)")
        latent = [number for number, name in enumerate(block.names) if name in model.variables.latent]
        spread = np.zeros((len(block.names),) * 2)
        entries = filled(block.spread, theta)
        spread[block.spread.row, block.spread.column] = spread[block.spread.column, block.spread.row] = entries
        inner = spread[np.ix_(latent, latent)]
        if (
            len(latent) > 1
            and np.all(np.diag(inner) >= 0)
            and np.linalg.eigvalsh(inner)[0] < -1e-8 * np.abs(inner).max()
        ):
            found.append(f"latent variables whose covariances are no covariances (not positive definite){where}")
    bend = solved.fitted.information
    if solved.fitted.slopes is None and len(bend) and not _curves_up(bend):
        found.append("the observed information is not positive definite: standard errors cannot be trusted")
    return found


def _curves_up(bend: np.ndarray) -> bool:
    """Whether a symmetric matrix is positive definite, whatever the units of its parameters."""
    size = np.sqrt(np.abs(np.diag(bend)))
    if not (np.diag(bend) > 0).all():
        return False
    scaled = bend / np.outer(size, size)
    return bool(np.linalg.eigvalsh((scaled + scaled.T) / 2)[0] > 0)


def _cells(solved: Solved) -> list[str]:
    """Tables of two ordinal items with cells that nobody is in."""
    sample, found = solved.sample, []
    names = sample.variables.modelled if sample.conditional else sample.variables.observed
    for code, one in enumerate(sample.statistics):
        where = f" in group {sample.columns.groups[code]}" if len(sample.columns.groups) > 1 else ""
        if np.linalg.eigvalsh(one.latent_covariance)[0] <= 0:
            found.append(f"polychoric correlations that are no correlation matrix (not positive definite){where}")
        empty = [pair for pair in one.pairs if pair.empty]
        mended = sum(pair.corrected for pair in one.pairs)
        if not empty:
            continue
        places = zip(*np.triu_indices(len(names), 1), strict=True)
        pairs = [f"{names[a]} x {names[b]}" for (a, b), pair in zip(places, one.pairs, strict=True) if pair.empty]
        shown = ", ".join(pairs[:4]) + (f" and {len(pairs) - 4} more" if len(pairs) > 4 else "")
        said = f"{len(pairs)} pairs of items with empty cells{where}: {shown}"
        found.append(
            said + (f"; {mended} tables of two by two got {sample.empty:g} in the empty cell" if mended else "")
        )
    return found


def _counts(solved: Solved) -> list[str]:
    """What is held at 0 or taken as numbers without being said, and clusters too few for all parameters together."""
    found, variables = [], solved.fitted.model.variables
    first = [name for name in variables.latent if name not in variables.explained | variables.indicators]
    apart = [f"{latent} with {covariate}" for latent in first for covariate in variables.covariates]
    if apart:
        more = " ..." if len(apart) > 4 else ""
        found.append(f"covariances held at 0, as in lavaan: {', '.join(apart[:4])}{more}")
    if solved.request["levelled"]:
        found.append("ordinal covariates taken as numbers: " + ", ".join(solved.request["levelled"]))
    count = len(counted_rows(solved.fitted))
    if np.isfinite(solved.df) and solved.df < count:
        found.append(
            f"{solved.df:g} degrees of freedom of the design for {count} parameters: single intervals hold, the scaled "
            "chi-square is rough"
        )
    return found


def names_of(fitted_rows: Sequence, groups: Sequence[str], count: int) -> list[str]:
    """A name for each free parameter."""
    names = [""] * count
    for row in fitted_rows:
        if row.free >= 0 and not names[row.free]:
            names[row.free] = term_name(row, groups)
    return names
