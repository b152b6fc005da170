"""Errors and degrees of freedom of a regression in few clusters: residuals corrected for what the fit took of them."""

import numpy as np

from kzsurvey.errors import DesignError, Fault
from kzsurvey.modelling.regression.families import working
from kzsurvey.modelling.regression.solving import Problem, Solution
from kzsurvey.modelling.sampling.design import Design

CORRECTIONS = ("none", "CR1", "CR1S", "CR2", "CR3")
_LARGEST = 2000  # rows of a cluster whose directions are all needed


def small_sample_faults(correction: str, design: Design, place: str) -> list[Fault]:
    """What keeps a design from having its errors corrected for few clusters."""
    if correction not in CORRECTIONS:
        return [Fault(place, f"small_sample {correction!r}", ", ".join(CORRECTIONS))]
    if correction == "none":
        return []
    lacking = {
        "replicate weights": design.replicates is not None,
        "a finite population": bool(np.isfinite(design.stages[0].population).any()),
    }
    hint = "leave small_sample out, or describe the design by weights, strata and clusters alone"
    return [
        Fault(place, f"small_sample {correction} with {what}", "clusters and weights", hint=hint)
        for what, there in lacking.items()
        if there
    ]


def corrected(
    problem: Problem, solution: Solution, weight: np.ndarray, cluster: np.ndarray, correction: str
) -> tuple[np.ndarray, np.ndarray]:
    r"""Covariance of coefficients and the degrees of freedom of each, corrected for few clusters.

    Parameters
    ----------
    problem : Problem, of the rows used
    solution : Solution
    weight : (n,) array
    cluster : (n,) array of integers
    correction : {"CR1", "CR1S", "CR2", "CR3"}

    Returns
    -------
    covariance : (p, p) array
    df : (p,) array, Satterthwaite's

    Raises
    ------
    DesignError
        Fewer than two clusters in the rows used.

    Notes
    -----
    With X and the working residuals e scaled so that e has variance 1, W the sampling weights and M the inverse of the
    information, each cluster g counts :math:`X_g^T W_g A_g e_g`. ``CR2`` takes for :math:`A_g` the inverse square root
    of the variance that :math:`e_g` has left under the model, :math:`[(I - H)(I - H)^T]_{gg}`, so that the covariance
    is unbiased where rows are independent; ``CR3`` takes :math:`(I - H_{gg})^{-1}` (the jackknife), ``CR1`` the
    constant of m clusters :math:`m / (m - 1)`, ``CR1S`` Stata's constant. The degrees of freedom are those of the
    chi-square distribution with the mean and variance of each term's variance under that model. Strata, and margins
    that the weights are calibrated to, are not credited: where outcomes differ between strata, or along the margins,
    beyond what the terms say, the errors are on the safe side.

    References
    ----------
    Bell, R. M., & McCaffrey, D. F. (2002). Bias reduction in standard errors for linear regression with multi-stage
    samples. Survey Methodology 28, 169-181. https://www150.statcan.gc.ca/n1/pub/12-001-x/2002002/article/9058-eng.pdf
    Pustejovsky, J. E., & Tipton, E. (2018). Small-sample methods for cluster-robust variance estimation and hypothesis
    testing in fixed effects models. Journal of Business & Economic Statistics 36, 672-683.
    doi:10.1080/07350015.2016.1247004
    """
    _, curvature, _ = working(problem.family, problem.y, solution.eta, loss=False)
    root, variance = np.sqrt(curvature), problem.family.variance(problem.family.mean(solution.eta))
    e, (X, back) = solution.residual / root, _apart((problem.columns * root).T, weight)
    middle = (X * (weight**2)[:, None]).T @ X
    order = np.argsort(cluster, kind="stable")
    edges = np.flatnonzero(np.diff(cluster[order])) + 1
    members = np.split(order, edges)
    if len(members) < 2:
        found = f"{len(members)} cluster in the rows used"
        raise DesignError(Fault(problem.place, found, "at least two clusters"))
    equal = bool((variance == variance[0]).all())
    most = max(map(len, members))
    if correction == "CR2" and not equal and most > _LARGEST:
        found = f"small_sample CR2 with {most} rows in a cluster"
        raise DesignError(Fault(problem.place, found, f"at most {_LARGEST} rows", hint="CR3, or none"))
    parts = [
        _cluster(X[rows], e[rows], weight[rows], None if equal else variance[rows], back, middle, correction)
        for rows in members
    ]
    scores = np.array([part[0] for part in parts])
    plain, weighted, sizes = (np.array([part[number] for part in parts]) for number in (1, 2, 3))
    constant = _constant(correction, len(members), *X.shape)
    covariance = constant * back.T @ (scores.T @ scores) @ back
    df = [_satterthwaite(plain[..., j], weighted[..., j], sizes[:, j], middle) for j in range(X.shape[1])]
    return covariance, np.array(df)


def least_move(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    r"""The smallest linear change of some errors that gives them another covariance.

    Parameters
    ----------
    before, after : (p, p) arrays, covariances

    Returns
    -------
    (p, p) array
        A with :math:`A V A^T` the covariance after; of errors in units of those before, symmetric, and as near to no
        change as can be (the optimal transport of a normal distribution).

    References
    ----------
    Knott, M., & Smith, C. S. (1984). On the optimal mapping of distributions. Journal of Optimization Theory and
    Applications 43, 39-49. doi:10.1007/BF00934745

    Examples
    --------
    >>> least_move(np.diag([1.0, 4.0]), np.diag([4.0, 9.0])).tolist()
    [[2.0, 0.0], [0.0, 1.5]]
    """
    size = np.sqrt(np.diag(before))
    root = _power(before / np.outer(size, size), 0.5)
    middle = _power(root @ (after / np.outer(size, size)) @ root, 0.5)
    undone = np.linalg.pinv(root, rcond=1e-12, hermitian=True)
    return (undone @ middle @ undone) * np.outer(size, 1 / size)


def _power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    """A power of a symmetric matrix; directions of which nothing is left become 0."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    power = np.where(values > 1e-12, np.maximum(values, 1e-12) ** exponent, 0.0)
    return (vectors * power) @ vectors.T


def _constant(correction: str, clusters: int, rows: int, terms: int) -> float:
    """What the sum over clusters is multiplied with."""
    by_clusters = clusters / (clusters - 1)
    constants = {"CR1": by_clusters, "CR1S": by_clusters * (rows - 1) / (rows - terms)}
    return constants.get(correction, 1.0)


def _apart(X: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Columns turned so that their weighted squares are the unit matrix, and the way back to the coefficients.

    Sums of squares of columns that nearly repeat each other (a predictor far from 0, and the intercept) would lose the
    digits that the correction lives on.
    """
    size, root = np.linalg.norm(X, axis=0), np.sqrt(weight)[:, None]
    turned, triangle = np.linalg.qr(X / size * root)
    return turned / root, np.linalg.inv(triangle).T / size


def _cluster(
    X: np.ndarray,
    e: np.ndarray,
    weight: np.ndarray,
    variance: np.ndarray | None,
    back: np.ndarray,
    middle: np.ndarray,
    correction: str,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Corrected score of one cluster, and what its degrees of freedom need.

    The variance left differs from that of the model only in the few directions of X and of weight x X. Where rows
    differ in variance, the root is taken on the scale of variance x residual, as in R's clubSandwich, and needs all
    directions.
    """
    weighted = X * weight[:, None]
    pull = weighted @ back  # W X M: column j is the cluster's share in coefficient j
    if correction in ("CR2", "CR3"):
        basis = _basis(np.concatenate([X, weighted], axis=1))
        near, far = basis.T @ X, basis.T @ weighted
        hat = near @ far.T
        left = -hat - hat.T + near @ middle @ near.T if correction == "CR2" else -hat
        if correction == "CR2" and variance is not None:
            inner = np.eye(len(X)) + basis @ left @ basis.T
            root = _power(variance[:, None] * inner * variance, -0.5)
            e, pull = root @ (variance * e), variance[:, None] * (root @ pull)
        else:
            change = (
                _power(np.eye(len(left)) + left, -0.5) if correction == "CR2" else _inverse(np.eye(len(left)) + left)
            )
            change = change - np.eye(len(left))
            e, pull = e + basis @ (change @ (basis.T @ e)), pull + basis @ (change.T @ (basis.T @ pull))
    return weighted.T @ e, X.T @ pull, weighted.T @ pull, (pull**2).sum(axis=0)


def _basis(columns: np.ndarray) -> np.ndarray:
    """Orthonormal columns spanning the given ones."""
    size = np.linalg.norm(columns, axis=0)
    vectors, values, _ = np.linalg.svd(columns / np.where(size > 0, size, 1.0), full_matrices=False)
    return vectors[:, values > 1e-10 * max(values[0], 1e-300)]


def _inverse(left: np.ndarray) -> np.ndarray:
    """Inverse; directions of which nothing is left become 0."""
    return np.linalg.pinv(left, rcond=1e-12)


def _satterthwaite(plain: np.ndarray, weighted: np.ndarray, sizes: np.ndarray, middle: np.ndarray) -> float:
    """Degrees of freedom of one term from the cross-products of its clusters' shares."""
    cross = weighted @ plain.T
    products = np.diag(sizes) - cross - cross.T + plain @ middle @ plain.T
    return float(np.trace(products) ** 2 / (products**2).sum())
