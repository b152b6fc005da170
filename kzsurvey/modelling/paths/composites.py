"""How well a sum of items tells a latent variable: composite reliability, average variance extracted."""

import numpy as np
import pandas as pd

from kzsurvey.errors import DesignError, Fault
from kzsurvey.modelling.paths.matrices import Model
from kzsurvey.modelling.paths.results import PathFit, delta
from kzsurvey.modelling.paths.standardising import all_values, covariate_moments
from kzsurvey.modelling.sampling.intervals import interval


def composite_reliability(fit: PathFit) -> pd.DataFrame:
    r"""Composite reliability (omega) and average variance extracted of every latent variable with its own items.

    Parameters
    ----------
    fit : PathFit

    Returns
    -------
    DataFrame, two rows per latent variable (and group)
        ``latent``, ``group``, ``coefficient`` (``omega``, ``ave``), ``estimate``, ``std_error``, ``df``, ``conf_low``,
        ``conf_high``, ``items``, ``n``.

    Raises
    ------
    DesignError
        No latent variable whose items belong to it alone.

    Notes
    -----
    With loadings :math:`\lambda`, variance :math:`\psi` of the latent variable, residual variances :math:`\theta_i` and
    covariances :math:`\theta_{ij}` of its items, omega is :math:`\psi (\sum \lambda)^2` over itself plus
    :math:`\sum \theta_i + 2 \sum \theta_{ij}`, the average variance extracted :math:`\psi \sum \lambda^2` over itself
    plus :math:`\sum \theta_i`. Of ordinal items both are about the variables behind the answers. Errors by the delta
    method, intervals symmetric on log(1 - coefficient).

    References
    ----------
    Fornell, C., & Larcker, D. F. (1981). Evaluating structural equation models with unobservable variables and
    measurement error. Journal of Marketing Research 18, 39-50. doi:10.1177/002224378101800104

    Examples
    --------
    >>> from kzsurvey.modelling.paths.paths import fit_paths
    >>> random = np.random.default_rng(1)
    >>> load = random.normal(size=400)
    >>> table = pd.DataFrame({item: load + random.normal(size=400) for item in "abc"})
    >>> found = composite_reliability(fit_paths(table, "load =~ a + b + c"))
    >>> found[["coefficient", "estimate"]].round(2).values.tolist()
    [['omega', 0.69], ['ave', 0.43]]
    """
    solved = fit.solved
    model, moments = solved.fitted.model, covariate_moments(solved.sample)
    latent = [(name, group) for group in range(len(model.groups)) for name in model.variables.latent]
    places = {one: found for one in latent if (found := _places(model, *one))}
    if not places:
        found = "no latent variable whose items belong to it alone"
        raise DesignError(Fault(f"model {fit.model}".strip(), found, "name =~ item + item + item"))

    def values(theta: np.ndarray) -> np.ndarray:
        every = all_values(model, theta, moments)
        return np.stack([part for one in places.values() for part in _coefficients(every, one)], axis=-1)

    estimate, covariance = delta(values, solved.fitted.theta, solved.covariance)
    std_error = np.sqrt(np.diag(covariance)) / (1 - estimate)
    high, low = (1 - np.exp(end) for end in interval(np.log(1 - estimate), std_error, solved.df, level=solved.level))
    names = [(name, str(model.groups[group]), kind) for name, group in places for kind in ("omega", "ave")]
    table = pd.DataFrame(names, columns=["latent", "group", "coefficient"])
    table = table.assign(estimate=estimate, std_error=std_error * (1 - estimate), df=solved.df)
    counts = [len(one["loadings"]) for one in places.values() for _ in range(2)]
    return table.assign(conf_low=low, conf_high=high, items=counts, n=int(fit.summary["n"]))


def _places(model: Model, name: str, group: int) -> dict[str, list[int]]:
    """Where the parameters of one latent variable stand; nothing where its items measure others too."""
    own = [(number, row) for number, row in enumerate(model.rows) if row.group == group]
    loadings = {row.rhs: number for number, row in own if row.op == "=~" and row.lhs == name}
    shared = {row.rhs for _, row in own if row.op == "=~" and row.lhs != name}
    if len(loadings) < 2 or set(loadings) & (shared | set(model.variables.latent)):
        return {}
    pairs = [(number, row) for number, row in own if row.op == "~~"]
    inside = [(number, row) for number, row in pairs if {row.lhs, row.rhs} <= set(loadings)]
    return {
        "loadings": list(loadings.values()),
        "variance": [number for number, row in pairs if row.lhs == row.rhs == name],
        "own": [number for number, row in inside if row.lhs == row.rhs],
        "together": [number for number, row in inside if row.lhs != row.rhs],
    }


def _coefficients(every: np.ndarray, places: dict[str, list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Omega and the average variance extracted."""
    loadings, variance = every[..., places["loadings"]], every[..., places["variance"][0]]
    own, together = (every[..., places[name]].sum(axis=-1) for name in ("own", "together"))
    common, extracted = variance * loadings.sum(axis=-1) ** 2, variance * (loadings**2).sum(axis=-1)
    return common / (common + own + 2 * together), extracted / (extracted + own)
