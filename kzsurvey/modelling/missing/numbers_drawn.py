"""Numbers imputed for all sets at once: draws of a Bayesian linear model, and predictive mean matching on it."""

from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from kzsurvey.modelling.missing.layout import Groups
from kzsurvey.modelling.missing.streams import Streams

_RIDGE = 1e-5  # relative, and only where a matrix is singular without it
_FIRST, _LATER = 8, 2  # sweeps over the variances of a model with clusters, in the first cycle and after it


class Spread(NamedTuple):
    """Variances of a model with clusters: (m,) of people, (m,) of clusters."""

    people: np.ndarray
    clusters: np.ndarray


class Line(NamedTuple):
    """A linear model in all sets: at its centre, and drawn.

    Attributes
    ----------
    centre, drawn : (m, p) arrays, coefficients
    centre_effect, drawn_effect : (m, C) arrays, of clusters; None without clusters
    sigma : (m,) array, standard deviation of a person
    spread : Spread or None, kept for the next cycle
    ridged : (m,) bool array, sets whose predictors repeated each other
    """

    centre: np.ndarray
    drawn: np.ndarray
    centre_effect: np.ndarray | None
    drawn_effect: np.ndarray | None
    sigma: np.ndarray
    spread: Spread | None
    ridged: np.ndarray

    def predicted(self, matrix: np.ndarray, codes: np.ndarray | None, *, drawn: bool) -> np.ndarray:
        """(m, k) expected values of rows."""
        coefficients, effect = (self.drawn, self.drawn_effect) if drawn else (self.centre, self.centre_effect)
        value = times(coefficients, matrix)
        return value if effect is None else value + effect[:, codes]


def draw_line(
    y: np.ndarray, matrix: np.ndarray, streams: Streams, *, groups: Groups | None = None, spread: Spread | None = None
) -> Line:
    r"""Draw a linear model from its posterior under the usual flat prior, in all sets.

    Parameters
    ----------
    y : (k,) array, observed
    matrix : (m, p, k) array, predictors as rows
    streams : Streams
    groups : Groups, clusters with an effect of their own
    spread : Spread, of the cycle before

    Returns
    -------
    Line

    Notes
    -----
    :math:`\sigma^2 = RSS / \chi^2_{k - p}`, :math:`\beta \sim N(\hat\beta, \sigma^2 (X X^T)^{-1})`. With clusters,
    coefficients and effects are drawn together, given the two variances, and the variances given them: a Gibbs sampler
    whose sweeps go on from cycle to cycle, with a flat prior on the standard deviation between clusters.

    References
    ----------
    Gelman, A. (2006). Prior distributions for variance parameters in hierarchical models. Bayesian Analysis 1,
    515-534. doi:10.1214/06-BA117A
    """
    gram = products(matrix)
    right = matrix @ y
    if groups is not None:
        return _with_clusters(y, matrix, gram, right, streams, groups, spread)
    root, ridged = rooted(gram)
    centre = solved(root, right)
    left = y - times(centre, matrix)
    rss = (left**2).sum(axis=1)
    sigma = np.sqrt(rss / streams.chi_square(len(y) - matrix.shape[1]))
    drawn = centre + sigma[:, None] * spread_out(root, streams.normal(matrix.shape[1]))
    return Line(centre, drawn, None, None, sigma, None, ridged)


def _with_clusters(
    y: np.ndarray,
    matrix: np.ndarray,
    gram: np.ndarray,
    right: np.ndarray,
    streams: Streams,
    groups: Groups,
    spread: Spread | None,
) -> Line:
    """Sweeps of the Gibbs sampler."""
    sums = np.add.reduceat(matrix, groups.starts, axis=2)
    totals = np.add.reduceat(y, groups.starts)
    sizes = np.diff(np.append(groups.starts, len(y)))
    sweeps = _LATER if spread else _FIRST
    spread = spread or Spread(np.full(len(matrix), 0.8 * y.var()), np.full(len(matrix), 0.2 * y.var()))
    for _ in range(sweeps):
        shrink = spread.clusters[:, None] / (spread.people[:, None] + sizes * spread.clusters[:, None])
        root, ridged = rooted(gram - products(sums * np.sqrt(shrink)[:, None, :]))
        centre = solved(root, right - np.matmul(sums, (shrink * totals)[:, :, None])[:, :, 0])
        noise = spread_out(root, streams.normal(matrix.shape[1]))
        drawn = centre + np.sqrt(spread.people)[:, None] * noise
        centre_effect = shrink * (totals - times(centre, sums))
        drawn_effect = shrink * (totals - times(drawn, sums))
        drawn_effect = drawn_effect + np.sqrt(spread.people[:, None] * shrink) * streams.normal(len(sizes))
        left = y - times(drawn, matrix) - np.repeat(drawn_effect, sizes, axis=1)
        used = spread
        spread = Spread(
            (left**2).sum(axis=1) / streams.chi_square(len(y)),
            (drawn_effect**2).sum(axis=1) / streams.chi_square(len(sizes) - 1),
        )
    centre_all, drawn_all = (
        everywhere(effect, groups, np.sqrt(scale), streams)
        for effect, scale in ((centre_effect, 0 * used.clusters), (drawn_effect, used.clusters))
    )
    return Line(centre, drawn, centre_all, drawn_all, np.sqrt(used.people), spread, ridged)


def everywhere(effect: np.ndarray, groups: Groups, scale: np.ndarray, streams: Streams) -> np.ndarray:
    """(m, C) effects of all clusters: those nobody of whom answered are drawn with a standard deviation."""
    whole = scale[:, None] * streams.normal(groups.count)
    whole[:, groups.present] = effect
    return whole


def draw_normal(
    line: Line, matrix: np.ndarray, streams: Streams, codes: np.ndarray | None, bounds: tuple[float, float]
) -> np.ndarray:
    """(m, k) values from a drawn model, within bounds (a normal distribution cut off at them)."""
    mean = line.predicted(matrix, codes, drawn=True)
    low, high = bounds
    if np.isinf(low) and np.isinf(high):
        return mean + line.sigma[:, None] * streams.normal(mean.shape[1])
    ends = [ndtr((end - mean) / line.sigma[:, None]) for end in (low, high)]
    place = ends[0] + streams.uniform(mean.shape[1]) * (ends[1] - ends[0])
    return np.clip(mean + line.sigma[:, None] * ndtri(np.clip(place, 1e-15, 1 - 1e-15)), low, high)


def matched(
    line: Line,
    y: np.ndarray,
    learn: np.ndarray,
    fill: np.ndarray,
    streams: Streams,
    *,
    donors: int,
    groups: Groups | None = None,
) -> np.ndarray:
    """(m, k) observed values of people with near predictions (predictive mean matching, type 1).

    Parameters
    ----------
    line : Line
    y : (n,) array, observed
    learn, fill : (m, p, n) and (m, p, k) arrays, predictors of those who answered and who did not
    streams : Streams
    donors : int, so many nearest, of whom one is chosen by chance
    groups : Groups

    Notes
    -----
    Donors by the coefficients at the centre, recipients by drawn ones. Donors with one prediction stand in random
    order.

    References
    ----------
    van Buuren, S. (2018). Flexible imputation of missing data (2nd ed.), section 3.4. Chapman & Hall.
    doi:10.1201/9780429492259
    """
    of = line.predicted(learn, None if groups is None else groups.learn, drawn=False)
    wanted = line.predicted(fill, None if groups is None else groups.fill, drawn=True)
    donors = min(donors, len(y))
    order = streams.permutation(len(y))
    shuffled = np.take_along_axis(of, order, axis=1)
    ranks = np.argsort(shuffled, axis=1, kind="stable")
    order = np.take_along_axis(order, ranks, axis=1)
    sorted_ = np.take_along_axis(shuffled, ranks, axis=1)
    place = np.stack([np.searchsorted(own, target) for own, target in zip(sorted_, wanted, strict=True)])
    first = _nearest(sorted_, wanted, place, donors)
    chosen = first + streams.choice(donors, wanted.shape[1])
    return y[np.take_along_axis(order, chosen, axis=1)]


def _nearest(sorted_: np.ndarray, wanted: np.ndarray, place: np.ndarray, donors: int) -> np.ndarray:
    """Where the nearest few of sorted numbers begin: a window that slides until its two ends are as near as can be."""
    count = sorted_.shape[1]
    best = np.clip(place - donors, 0, count - donors)
    for shift in range(1, donors + 1):
        start = np.clip(place - donors + shift, 0, count - donors)
        leaves, enters = np.clip(start - 1, 0, None), start + donors - 1
        nearer = np.abs(np.take_along_axis(sorted_, enters, axis=1) - wanted) < np.abs(
            np.take_along_axis(sorted_, leaves, axis=1) - wanted
        )
        best = np.where((start == best + 1) & nearer, start, best)
    return best


def products(matrix: np.ndarray) -> np.ndarray:
    """(m, p, p) products of the rows of each (p, k) matrix."""
    return np.matmul(matrix, matrix.transpose(0, 2, 1))


def times(coefficients: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """(m, k): coefficients (m, p) times the rows of (m, p, k)."""
    return np.matmul(coefficients[:, None, :], matrix)[:, 0]


def rooted(gram: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(m, p, p) inverses of the Cholesky roots, and (m,) flags of sets that needed a ridge for it."""
    ridged = np.zeros(len(gram), dtype=bool)
    try:
        root = np.linalg.cholesky(gram)
        size = np.sqrt(np.einsum("mpp->mp", gram))
        ridged = (np.einsum("mpp->mp", root) < 1e-6 * size).any(axis=1)
    except np.linalg.LinAlgError:
        ridged[:] = [_singular(own) for own in gram]
    if ridged.any():
        ridge = _RIDGE * np.einsum("mpp->mp", gram[ridged]).clip(1e-12)
        raised = gram.copy()
        raised[ridged] += ridge[:, :, None] * np.eye(gram.shape[1])
        root = np.linalg.cholesky(raised)
    return np.linalg.inv(root), ridged


def _singular(gram: np.ndarray) -> bool:
    try:
        return bool((np.diag(np.linalg.cholesky(gram)) < 1e-6 * np.sqrt(np.diag(gram))).any())
    except np.linalg.LinAlgError:
        return True


def solved(root: np.ndarray, right: np.ndarray) -> np.ndarray:
    """(m, p) solutions for (m, p) right sides, from inverses of Cholesky roots."""
    half = np.matmul(root, right[:, :, None])
    return np.matmul(root.transpose(0, 2, 1), half)[:, :, 0]


def spread_out(root: np.ndarray, normal: np.ndarray) -> np.ndarray:
    """(m, p) numbers with the inverse of the matrix for covariance, from standard normal ones."""
    return np.matmul(root.transpose(0, 2, 1), normal[:, :, None])[:, :, 0]
