"""Replicate weights made from a design: jackknife, balanced half-samples, Fay's method, rescaling bootstrap.

They repeat the first stage of sampling; what they cannot repeat (later stages under a finite population, weights that
are calibrated already, a lonely stratum) is refused by name. Calibrating the design afterwards calibrates every one.
"""

from dataclasses import replace

import numpy as np

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.sampling.design import CENTRES, Design, Replicates, degrees_of_freedom


def jackknife(design: Design, *, centre: str = "mean") -> Design:
    r"""Jackknife: every replicate leaves out one cluster (JK1 without strata, JKn with them).

    Parameters
    ----------
    design : Design, not calibrated yet
    centre : {"mean", "estimate"}
        What deviations are taken from: the mean of the replicates, as R does by default, or the full-sample estimate.

    Returns
    -------
    Design, with one replicate for each cluster

    Raises
    ------
    DesignError
        A calibrated design; later stages that count; nothing but strata without replicates.

    Notes
    -----
    The others of the cluster's stratum weigh :math:`n_h / (n_h - 1)` times as much, and the squared deviation counts
    :math:`(1 - n_h / N_h) (n_h - 1) / n_h`. Strata of which all clusters were drawn need no replicates. A lonely
    stratum has none under ``certainty``; under ``average`` the others count more, by the share of clusters they hold;
    under ``adjust`` it is left out as a whole and every other row weighs :math:`H / (H - 1)`, all as in R's
    ``jknweights``.

    References
    ----------
    Rust, K. F., & Rao, J. N. K. (1996). Variance estimation for complex surveys using replication techniques.
    Statistical Methods in Medical Research 5, 283-310. doi:10.1177/096228029600500305

    Examples
    --------
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> replicated = jackknife(make_design(weight=[2.0, 2.0, 2.0], population=[6, 6, 6]))
    >>> replicated.replicates.weight.tolist()
    [[0.0, 3.0, 3.0], [3.0, 0.0, 3.0], [3.0, 3.0, 0.0]]
    >>> replicated.replicates.factor.round(4).tolist()
    [0.3333, 0.3333, 0.3333]
    """
    _refuse(design, "the jackknife")
    first = design.stages[0]
    strata, own, single = len(first.drawn), first.stratum, first.alone[first.stratum]
    raised = (first.drawn / np.maximum(first.drawn - 1, 1))[own]
    scale = (1 - first.drawn / first.population)[own] / raised
    scale[single] = 0.0
    factors = np.where(own[:, None] == own, raised[:, None], 1.0)
    if design.lonely == "adjust" and single.any():
        factors[:, single], scale[single] = strata / (strata - 1), (strata - 1) / strata
    if design.lonely == "average" and single.any():
        scale *= len(own) / (~single).sum()
    np.fill_diagonal(factors, 0.0)
    kept = scale > 0
    return _with(design, factors[:, kept], scale[kept], centre, "jackknife")


def balanced(design: Design, *, rho: float = 0.0, hadamard: np.ndarray | None = None, centre: str = "mean") -> Design:
    r"""Balanced repeated replication: half-samples of one cluster from each stratum, or Fay's mix of both halves.

    Parameters
    ----------
    design : Design, with two clusters in every stratum, not calibrated yet
    rho : float, from 0 up to (not including) 1
        What is left of the weight of the half left out; above 0, every replicate uses every row (Fay's method).
    hadamard : (R, R) array of two values, more rows than strata
        The matrix that chooses the halves, its first row of one value: row h + 1 is the h-th stratum in order of
        appearance, and the value of the first row takes the second cluster. :func:`hadamard_matrix` where None.
    centre : {"mean", "estimate"}

    Returns
    -------
    Design

    Raises
    ------
    DesignError
        Strata without exactly two clusters; a finite population, which half-samples know nothing of; a calibrated
        design.

    Notes
    -----
    Weights are :math:`2 - \rho` and :math:`\rho` times those of the design, and each squared deviation counts
    :math:`1 / (R (1 - \rho)^2)`.

    References
    ----------
    Judkins, D. R. (1990). Fay's method for variance estimation. Journal of Official Statistics 6, 223-239.

    McCarthy, P. J. (1969). Pseudo-replication: half samples. Review of the International Statistical Institute 37,
    239-264. doi:10.2307/1402116

    Examples
    --------
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> design = make_design(strata=[1, 1, 2, 2, 3, 3], clusters=[1, 2, 3, 4, 5, 6])
    >>> balanced(design).replicates.weight.astype(int).tolist()
    [[0, 2, 0, 2], [2, 0, 2, 0], [0, 0, 2, 2], [2, 2, 0, 0], [0, 2, 2, 0], [2, 0, 0, 2]]
    """
    if not 0 <= rho < 1:
        raise DesignError(Fault("replicates", f"rho {rho:g}", "a number from 0 up, below 1"))
    _refuse(design, "balanced replication")
    first = design.stages[0]
    told = [
        (first.drawn != 2, "strata without exactly two clusters", "two clusters in every stratum"),
        (np.isfinite(first.population), "strata with a finite population", "none: half-samples know nothing of it"),
    ]
    hint = "jackknife and bootstrap do with both"
    fail_if(
        [
            Fault("replicates", f"{int(bad.sum())} {found}", allowed, hint=hint)
            for bad, found, allowed in told
            if bad.any()
        ],
        DesignError,
    )
    strata = len(first.drawn)
    matrix = hadamard_matrix(strata + 1) if hadamard is None else _balanced_signs(hadamard, strata)
    side = np.ones(len(first.stratum), dtype=bool)
    side[np.unique(first.stratum, return_index=True)[1]] = False
    chosen = (matrix[1 : strata + 1] > 0)[first.stratum] == side[:, None]
    factors = np.where(chosen, 2 - rho, rho)
    scale = np.full(matrix.shape[1], 1 / (matrix.shape[1] * (1 - rho) ** 2))
    return _with(design, factors, scale, centre)


def bootstrap(design: Design, *, replicates: int = 500, seed: int, centre: str = "mean") -> Design:
    r"""Rescaling bootstrap: n - 1 clusters drawn again with replacement in each stratum of n (Rao and Wu).

    Parameters
    ----------
    design : Design, not calibrated yet
    replicates : int
    seed : int
    centre : {"mean", "estimate"}

    Returns
    -------
    Design

    Raises
    ------
    DesignError
        A calibrated design; later stages that count; lonely strata that are to be other than ``certainty``.

    Notes
    -----
    A cluster drawn :math:`r` times weighs :math:`1 - \lambda + \lambda r n_h / (n_h - 1)` times as much, with
    :math:`\lambda = \sqrt{1 - n_h / N_h}`; each squared deviation counts :math:`1 / (R - 1)`. Without finite
    populations these are the weights of R's ``subbootstrap``, which takes no notice of them.

    References
    ----------
    Rao, J. N. K., & Wu, C. F. J. (1988). Resampling inference with complex survey data. Journal of the American
    Statistical Association 83, 231-241. doi:10.1080/01621459.1988.10478591

    Rao, J. N. K., Wu, C. F. J., & Yue, K. (1992). Some recent work on resampling methods for complex surveys. Survey
    Methodology 18, 209-217.

    Examples
    --------
    >>> from kzsurvey.modelling.sampling.design import make_design
    >>> bootstrap(make_design(weight=[2.0, 2.0, 2.0]), replicates=4, seed=1).replicates.weight.tolist()
    [[3.0, 0.0, 0.0, 3.0], [3.0, 6.0, 3.0, 0.0], [0.0, 0.0, 3.0, 3.0]]
    """
    if replicates < 2:
        raise DesignError(Fault("replicates", f"{replicates} replicates", "at least 2; 200 or more for intervals"))
    _refuse(design, "the bootstrap")
    first = design.stages[0]
    if first.alone.any() and design.lonely != "certainty":
        found = f"{int(first.alone.sum())} strata with a single cluster under lonely {design.lonely}"
        hint = "merge strata, or choose lonely certainty"
        raise DesignError(Fault("replicates", found, "two or more to draw from", hint=hint))
    draw = np.random.default_rng(seed)
    factors = np.ones((len(first.stratum), replicates))
    order = np.argsort(first.stratum, kind="stable")
    members = np.split(order, np.cumsum(first.drawn.astype(int))[:-1])
    for rows, count, population in zip(members, first.drawn.astype(int), first.population, strict=True):
        if 1 < count < population:
            drawn = draw.multinomial(count - 1, np.full(count, 1 / count), size=replicates).T
            part = np.sqrt(1 - count / population)
            factors[rows] = 1 - part + part * count / (count - 1) * drawn
    return _with(design, factors, np.full(replicates, 1 / (replicates - 1)), centre)


def hadamard_matrix(size: int) -> np.ndarray:
    """A matrix of 1 and -1 with orthogonal rows, the first all 1, with at least ``size`` rows and as few as known here.

    Parameters
    ----------
    size : int

    Notes
    -----
    Paley's construction from a prime p with p + 1 divisible by 4, doubled as often as it takes (Sylvester).

    References
    ----------
    Paley, R. E. A. C. (1933). On orthogonal matrices. Journal of Mathematics and Physics 12, 311-320.
    doi:10.1002/sapm1933121311

    Examples
    --------
    >>> matrix = hadamard_matrix(9)
    >>> matrix.shape, bool((matrix @ matrix.T == 12 * np.eye(12)).all())
    ((12, 12), True)
    """
    primes = [number for number in range(3, 2 * size + 8, 4) if all(number % low for low in range(3, number, 2))]
    doublings = {order: max(0, int(np.ceil(np.log2(size / order)))) for order in [1, *[prime + 1 for prime in primes]]}
    order, times = min(doublings.items(), key=lambda pair: pair[0] * 2 ** pair[1])
    matrix = _paley(order - 1) if order > 1 else np.ones((1, 1), dtype=int)
    for _ in range(times):
        matrix = np.kron(np.array([[1, 1], [1, -1]]), matrix)
    return matrix


def _paley(prime: int) -> np.ndarray:
    """Hadamard matrix of size prime + 1: squares of a field, bordered."""
    residue = np.full(prime, -1)
    residue[np.arange(1, prime) ** 2 % prime] = 1
    residue[0] = 0
    matrix = np.eye(prime + 1, dtype=int)
    matrix[0, 1:], matrix[1:, 0] = 1, -1
    matrix[1:, 1:] += residue[np.subtract.outer(np.arange(prime), np.arange(prime)) % prime]
    return matrix


def _balanced_signs(given: np.ndarray, strata: int) -> np.ndarray:
    """A Hadamard matrix given, as 1 and -1."""
    given = np.asarray(given)
    signs = np.where(given == given.flat[0], 1, -1) if given.size else given
    square = given.ndim == 2 and given.shape[0] == given.shape[1] > strata and len(np.unique(given)) == 2
    if not (
        square and (signs @ signs.T == len(signs) * np.eye(len(signs))).all() and abs(signs[0].sum()) == len(signs)
    ):
        allowed = f"a Hadamard matrix of two values, its first row of one, with more than {strata} rows"
        raise DesignError(Fault("replicates", f"a matrix of shape {given.shape}", allowed))
    return signs


def _refuse(design: Design, what: str) -> None:
    """What no replicates of the first stage can stand for."""
    lower = [number for number, stage in enumerate(design.stages[1:], 2) if stage.counts]
    told = [
        (
            bool(design.calibrations),
            "a design that is calibrated",
            "the design before",
            "calibrate what comes out of it",
        ),
        (
            bool(lower),
            f"stage {lower[0] if lower else 2} under a finite population",
            f"{what} for designs whose first stage alone counts",
            "leave the population out (a little too large a variance), or take the linearised variance",
        ),
    ]
    fail_if([Fault("replicates", found, allowed, hint=hint) for bad, found, allowed, hint in told if bad], DesignError)


def _with(design: Design, factors: np.ndarray, scale: np.ndarray, centre: str, method: str = "") -> Design:
    """The design with replicates, from factors by cluster."""
    if centre not in CENTRES:
        raise DesignError(Fault("replicates", f"unknown centre {centre!r}", ", ".join(CENTRES)))
    if not factors.shape[1]:
        raise DesignError(Fault("replicates", "no stratum that replicates tell anything of", "a cluster that varies"))
    weight = np.asfortranarray(factors)[design.stages[0].cluster] * design.weight[:, None]
    df = min(degrees_of_freedom(replace(design, replicates=None)), factors.shape[1] - 1)
    return replace(design, replicates=Replicates(np.asfortranarray(weight), scale, float(df), centre, method))
