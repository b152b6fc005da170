"""Correspondence analysis of codes and groups: a map of who says what, with regions of confidence."""

from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from scipy.special import fdtri

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.coded.together import flag_faults
from kzsurvey.modelling.describing.estimates import design_for
from kzsurvey.modelling.sampling.design import Design, check_rows, degrees_of_freedom, domain_rows
from kzsurvey.modelling.sampling.replication import bootstrap


@dataclass(frozen=True, eq=False)
class Correspondence:
    """A correspondence analysis.

    Attributes
    ----------
    inertia : DataFrame, one row per dimension
        ``dimension``, ``singular_value``, ``inertia``, ``share``, ``cumulative``.
    rows, columns : DataFrame, one row per code, per group
        ``item``, ``count`` (mentions, unweighted), ``mass``, ``inertia`` (its part of the total), ``x`` and ``y``
        (principal coordinates on two dimensions), ``contribution_x``, ``contribution_y`` (its part of the
        dimension), ``cos2_x``, ``cos2_y`` (what of its own inertia the dimension shows); with a bootstrap ``width``,
        ``height`` (half axes of the ellipse), ``angle`` (degrees of the first from the horizontal).
    n : int, interviews with a group and an answer
    total : float, inertia of the table
    level : float, of the ellipses
    replicates : int, samples drawn by the bootstrap; 0 without
    """

    inertia: pd.DataFrame
    rows: pd.DataFrame
    columns: pd.DataFrame
    n: int
    total: float
    level: float
    replicates: int = 0
    seed: int | None = field(default=None, repr=False)


def correspondence(
    said: pd.DataFrame,
    by: pd.Series,
    *,
    design: Design | None = None,
    where: np.ndarray | pd.Series | None = None,
    replicates: int = 0,
    seed: int | None = None,
    level: float = 0.95,
) -> Correspondence:
    r"""Map codes and groups so that those stand in one direction that go together.

    Parameters
    ----------
    said : DataFrame, one row per interview
        A column per code: 1, 0 or missing.
    by : Series, the group of each interview; missing ones stand outside
    design : Design
        Weights, and the clusters that the bootstrap draws. Every interview drawn by itself where None.
    where : (n,) bool array, the domain
    replicates : int
        Samples of the bootstrap for the ellipses; 0 for none.
    seed : int
        Needed with replicates.
    level : float, of the ellipses

    Returns
    -------
    Correspondence

    Raises
    ------
    DesignError
        Values other than 0 and 1; fewer than two codes or groups; a code that nobody names, a group that names nothing;
        replicates without a seed.

    Notes
    -----
    With the table of weighted mentions :math:`P`, its margins :math:`r` and :math:`c`, and the singular values of
    :math:`D_r^{-1/2} (P - r c^T) D_c^{-1/2} = U D V^T`, principal coordinates are :math:`D_r^{-1/2} U D` and
    :math:`D_c^{-1/2} V D`. The sign of a dimension is free: it is turned so that the heaviest contribution is positive.
    An ellipse is Hotelling's, from the covariance of the profiles of the bootstrap samples and the degrees of freedom
    of the design; each profile is placed on the axes of the full sample (partial bootstrap), so that axes do not turn
    or swap from sample to sample. Whole clusters are drawn, within strata (Rao and Wu); a calibration of the weights is
    not repeated in each sample, which makes ellipses rather too wide than too narrow.

    References
    ----------
    Greenacre, M. (2017). Correspondence analysis in practice (3rd ed.). Chapman & Hall/CRC.
    https://doi.org/10.1201/9781315369983
    Lebart, L. (2007). Which bootstrap for principal axes methods? In P. Brito et al. (Eds.), Selected contributions in
    data analysis and classification (pp. 581-588). Springer. https://doi.org/10.1007/978-3-540-73560-1_55

    Examples
    --------
    >>> said = pd.DataFrame({"P1": [1, 1, 0, 0, 1, 0], "P2": [0, 1, 1, 0, 0, 1], "P3": [0, 0, 1, 1, 1, 1]})
    >>> found = correspondence(said, pd.Series(list("aabbcc")))
    >>> found.inertia[["inertia", "share"]].round(4).to_dict("list")
    {'inertia': [0.4091, 0.0075], 'share': [0.9819, 0.0181]}
    """
    design = check_rows(design_for(said, design), said, by, place="correspondence")
    inside = domain_rows(where, len(design), place="correspondence", index=said.index) & by.notna().to_numpy()
    fail_if(flag_faults(said[inside], "correspondence"), DesignError)
    flags, groups, names = _flags(said, by, inside)
    counts = groups.T @ flags
    fail_if(_faults(counts, list(said.columns), names, replicates, seed), DesignError)
    weighted = (flags * design.weight[:, None]).T @ groups
    solved = _solved(weighted)
    if not solved.singular[0] > 1e-10:
        found = "groups that name the codes in the same proportions"
        raise DesignError(Fault("correspondence", found, "groups that differ"))
    drawn = _drawn(flags, groups, design, solved, replicates, seed) if replicates else (None, None)
    df = degrees_of_freedom(design, inside)
    rows = _points(solved, 0, list(said.columns), counts.sum(axis=0), drawn[0], df, level)
    columns = _points(solved, 1, names, counts.sum(axis=1), drawn[1], df, level)
    answered = inside & said.notna().any(axis=1).to_numpy()
    return Correspondence(
        _inertia(solved), rows, columns, int(answered.sum()), float((solved.singular**2).sum()), level, replicates, seed
    )


@dataclass(frozen=True, eq=False)
class _Solved:
    """Masses, singular values and singular vectors of both sides (0 rows, 1 columns)."""

    masses: tuple[np.ndarray, np.ndarray]
    singular: np.ndarray
    vectors: tuple[np.ndarray, np.ndarray]

    def standard(self, side: int) -> np.ndarray:
        """Standard coordinates."""
        return self.vectors[side] / np.sqrt(self.masses[side])[:, None]

    def principal(self, side: int) -> np.ndarray:
        """Principal coordinates."""
        return self.standard(side) * self.singular


def _flags(said: pd.DataFrame, by: pd.Series, inside: np.ndarray) -> tuple[np.ndarray, np.ndarray, list]:
    """(n, codes) and (n, groups) arrays of 0 and 1, 0 outside; the groups in their own order."""
    values = np.nan_to_num(said.to_numpy(dtype=float)) * inside[:, None]
    given = by[inside]
    ordered = isinstance(by.dtype, pd.CategoricalDtype)
    names = [one for one in by.cat.categories if (given == one).any()] if ordered else sorted(given.unique(), key=str)
    groups = np.column_stack([(by == name).fillna(False).to_numpy(dtype=float) * inside for name in names] or [inside])
    return values, groups, names


def _faults(counts: np.ndarray, codes: list, groups: list, replicates: int, seed: int | None) -> list[Fault]:
    """What leaves nothing to map."""
    faults = []
    if len(codes) < 2 or len(groups) < 2:
        faults.append(Fault("correspondence", f"{len(codes)} codes and {len(groups)} groups", "two or more of each"))
    else:
        never = [code for code, count in zip(codes, counts.sum(axis=0), strict=True) if count == 0]
        silent = [group for group, count in zip(groups, counts.sum(axis=1), strict=True) if count == 0]
        faults += [Fault("correspondence", f"code {code} that nobody names", "codes that are named") for code in never]
        faults += [Fault("correspondence", f"group {one} that names nothing", "groups that do") for one in silent]
    if replicates and seed is None:
        faults.append(Fault("correspondence", "replicates without a seed", "seed=, a whole number"))
    return faults


def _solved(weighted: np.ndarray) -> _Solved:
    """Singular values of the standardised residuals, without those that are 0 by construction."""
    share = weighted / weighted.sum()
    row, column = share.sum(axis=1), share.sum(axis=0)
    residuals = (share - np.outer(row, column)) / np.sqrt(np.outer(row, column))
    left, values, right = np.linalg.svd(residuals, full_matrices=False)
    kept = min(weighted.shape) - 1
    left, values, right = left[:, :kept], values[:kept], right[:kept].T
    heaviest = np.abs(left).argmax(axis=0)
    sign = np.sign(left[heaviest, np.arange(kept)])
    return _Solved((row, column), values, (left * sign, right * sign))


def _inertia(solved: _Solved) -> pd.DataFrame:
    inertia = solved.singular**2
    share = inertia / inertia.sum() if inertia.sum() > 0 else np.full(len(inertia), np.nan)
    return pd.DataFrame(
        {
            "dimension": np.arange(1, len(inertia) + 1), "singular_value": solved.singular, "inertia": inertia,
            "share": share, "cumulative": np.cumsum(share),
        }
    )  # fmt: skip


def _points(
    solved: _Solved, side: int, names: list, counts: np.ndarray, drawn: np.ndarray | None, df: float, level: float
) -> pd.DataFrame:
    """Rows or columns of the map."""
    coordinates, mass, inertia = solved.principal(side), solved.masses[side], solved.singular**2
    own = (coordinates**2).sum(axis=1)
    table = pd.DataFrame({"item": names, "count": counts.astype(int), "mass": mass, "inertia": mass * own})
    for dimension, axis in enumerate("xy"):
        there = dimension < len(inertia)
        place = coordinates[:, dimension] if there else np.zeros(len(mass))
        with np.errstate(divide="ignore", invalid="ignore"):
            part = mass * place**2 / inertia[dimension] if there else np.full(len(mass), np.nan)
            table = table.assign(**{axis: place, f"contribution_{axis}": part, f"cos2_{axis}": place**2 / own})
    return table if drawn is None else table.join(_ellipses(drawn, df, level))


def _drawn(
    flags: np.ndarray, groups: np.ndarray, design: Design, solved: _Solved, replicates: int, seed: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """(replicates, items, 2) arrays: profiles of samples of clusters, on the axes of the full sample."""
    uncalibrated = replace(design, calibrations=(), replicates=None)
    weights = bootstrap(uncalibrated, replicates=replicates, seed=seed).replicates.weight
    places: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
    standard = [np.pad(solved.standard(side), ((0, 0), (0, 1)))[:, :2] for side in (0, 1)]
    for weight in weights.T:
        table = (flags * weight[:, None]).T @ groups
        with np.errstate(divide="ignore", invalid="ignore"):
            places[0].append((table / table.sum(axis=1, keepdims=True)) @ standard[1])
            places[1].append((table.T / table.sum(axis=0)[:, None]) @ standard[0])
    return np.array(places[0]), np.array(places[1])


def _ellipses(drawn: np.ndarray, df: float, level: float) -> pd.DataFrame:
    """Half axes and angle of the ellipse that holds a share of each cloud."""
    rows = []
    reach = 2 * df / (df - 1) * float(fdtri(2, df - 1, level)) if df > 1 else np.nan
    for cloud in np.moveaxis(drawn, 1, 0):
        cloud = cloud[np.isfinite(cloud).all(axis=1)]
        if len(cloud) < 3:
            rows.append((np.nan, np.nan, np.nan))
            continue
        variance, axes = np.linalg.eigh(np.cov(cloud.T))
        height, width = np.sqrt(np.maximum(variance, 0) * reach)
        rows.append((width, height, float(np.degrees(np.arctan2(axes[1, 1], axes[0, 1])))))
    return pd.DataFrame(rows, columns=["width", "height", "angle"])
