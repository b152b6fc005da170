"""Path models with latent variables, fitted under the survey's design: the one function a researcher calls."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.describing.estimates import design_for
from kzsurvey.modelling.paths.columns import MISSING, Columns, ordered_names, read_columns
from kzsurvey.modelling.paths.estimation import ESTIMATORS, Fitted, Sample, fit_model, group_moments, make_sample
from kzsurvey.modelling.paths.indices import fit_indices
from kzsurvey.modelling.paths.matrices import Model, make_model
from kzsurvey.modelling.paths.parameters import EQUAL, Choices, Variables, parameter_table, sort_variables
from kzsurvey.modelling.paths.results import (
    PathFit,
    Solved,
    explained_frame,
    names_of,
    parameter_frame,
    path_terms,
    states_of,
)
from kzsurvey.modelling.paths.solving import Constraints, unidentified
from kzsurvey.modelling.paths.starting import parameter_units
from kzsurvey.modelling.paths.syntax import Syntax, parse
from kzsurvey.modelling.paths.testing import baseline, chi_square, design_covariance, saturate
from kzsurvey.modelling.regression.formulas import nearest
from kzsurvey.modelling.sampling.design import Design, degrees_of_freedom, domain_rows
from kzsurvey.modelling.sampling.threads import one_thread

_KNOWN_AS = {"MLR": ("ML", "observed"), "MLM": ("ML", "expected"), "WLSMV": ("DWLS", "expected")}
ERRORS = ("design", "model")


@one_thread
def fit_paths(
    table: pd.DataFrame,
    syntax: str,
    *,
    design: Design | None = None,
    estimator: str = "",
    ordered: Sequence[str] | bool = (),
    missing: str = "listwise",
    groups: str = "",
    equal: Sequence[str] = (),
    partial: Sequence[str] = (),
    means: bool | None = None,
    scale: str = "first",
    errors: str = "design",
    information: str = "",
    likelihood: str = "normal",
    covariates: str = "sampled",
    empty_cells: float = 0.5,
    where: np.ndarray | pd.Series | None = None,
    name: str = "",
    level: float = 0.95,
) -> PathFit:
    r"""Fit a model of paths between observed and latent variables (SEM, CFA) under a sample design.

    Parameters
    ----------
    table : DataFrame, one row per interview
    syntax : str
        As in lavaan: ``load =~ hours + forms`` (measured by), ``leave ~ load + pay`` (explained by), ``~~``
        ((co)variances), ``~ 1`` (intercepts), ``|`` (thresholds), ``indirect := a*b``, ``a == b``; see
        :func:`~kzsurvey.modelling.paths.syntax.parse`. Defaults are those of ``sem`` and ``cfa``.
    design : Design
        Where None, read from the columns ``weight``, ``stratum`` and ``cluster`` of the table.
    estimator : {"ML", "DWLS", "WLS", "ULS", "GLS"}, or "MLR", "MLM", "WLSMV"
        DWLS where there are ordinal variables, else ML, where nothing is said. Weights and clusters enter all of them.
    ordered : names, or True, or False
        Ordinal variables (True: all that are no covariates); ordered categories of the table are ordinal anyway, unless
        False, which takes them as numbers.
    missing : {"listwise", "fiml", "pairwise"}
        ``fiml`` uses every answer (ML); ``pairwise`` those of each pair of variables (DWLS, WLS). Rows without a
        covariate are left out.
    groups : str, column of groups that are fitted together
    equal, partial : names
        What is the same in all groups: of ``loadings, intercepts, thresholds, regressions, residuals,
        residual_covariances, latent_variances, latent_covariances, means``; parameters (``"load =~ hours"``) that are
        not.
    means : bool
        Whether means are part of the model. None: where the syntax speaks of them, with groups, or with ``fiml``.
    scale : {"first", "unit"}
        What sets the scale of a latent variable: its first loading is 1, or its variance.
    errors : {"design", "model"}
        ``model``: from the information alone, for rows drawn one by one with equal weights and a right model (ML, GLS,
        WLS); Student's t becomes normal.
    information : {"observed", "expected"}
        Of ML; observed where nothing is said (expected for ``errors="model"`` and complete answers).
    likelihood : {"normal", "wishart"}
        Covariances divided by n, or by n - 1.
    covariates : {"sampled", "fixed"}
        Whether standardised terms count the sampling of covariates.
    empty_cells : float
        What the empty cell of a table of two binary items gets. It is reported.
    where : (n,) bool array, the domain
    name : str, what messages call the model
    level : float, of the intervals

    Returns
    -------
    PathFit, of kind ``paths``
        ``terms``, ``parameters``, ``indices``, ``explained``, ``states``. For more see :func:`standardised`,
        :func:`modification_indices`, :func:`compare_paths`, :func:`invariance`, :func:`path_bootstrap`. There are no
        factor scores: nothing here says anything about one person.

    Raises
    ------
    DesignError
        Syntax that cannot be read (with line and column); variables that are unknown, constant, empty, or combinations
        of others; a model that is not identified (with the names of its parameters); no convergence; what an estimator
        or a design cannot do.

    Notes
    -----
    Covariances of the parameters are sandwiches :math:`B V B^T` of the bread of the estimator and the design-based
    covariance V of the sums of its scores (ML) or of the influences on its moments (least squares), from the variance
    core: strata, clusters, finite populations, calibration and replicate weights. Clusters change errors and tests,
    never estimates: least squares weighs by the variances under simple random sampling.

    The influence on thresholds and polychoric correlations is Muthen's, with products of scores for the information;
    that on means, variances and covariances of numbers is exact, also where they are not normal.

    References
    ----------
    Bollen, K. A. (1989). Structural equations with latent variables. Wiley. doi:10.1002/9781118619179

    Muthen, B. (1984). A general structural equation model with dichotomous, ordered categorical, and continuous latent
    variable indicators. Psychometrika 49, 115-132. doi:10.1007/BF02294210

    Oberski, D. (2014). lavaan.survey: an R package for complex survey analysis of structural equation models. Journal
    of Statistical Software 57(1). doi:10.18637/jss.v057.i01

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> load = rng.normal(size=300)
    >>> items = {item: load + rng.normal(size=300) for item in ("hours", "forms", "visits")}
    >>> table = pd.DataFrame(items | {"leave": 0.5 * load + rng.normal(size=300)})
    >>> fit = fit_paths(table, "load =~ hours + forms + visits\nleave ~ load")
    >>> fit.terms.set_index("term").loc["leave ~ load", ["estimate", "std_error"]].round(2).to_dict()
    {'estimate': 0.38, 'std_error': 0.08}
    >>> fit.indices.set_index("index").loc["df", "value"].item()
    2.0
    """
    place = f"model {name}".strip()
    estimator, told = _KNOWN_AS.get(estimator, (estimator, information))
    request = {
        "estimator": estimator, "ordered": _listed(ordered), "missing": missing, "groups": groups,
        "equal": _listed(equal), "partial": _listed(partial), "means": means, "scale": scale, "errors": errors,
        "information": told, "likelihood": likelihood, "covariates": covariates, "empty_cells": empty_cells,
        "name": name, "level": level,
    }  # fmt: skip
    fail_if(_option_faults(request, place), DesignError)
    read = parse(syntax, place=place)
    design = design_for(table, design, where)
    inside = domain_rows(where, len(table), place=place)
    variables, estimator = _variables(read, table, request, place)
    levelled = ordered_names(table, variables.covariates, () if ordered is True else request["ordered"])
    columns = read_columns(table, variables, groups=groups, inside=inside, missing=missing, place=place)
    sample = make_sample(
        columns,
        variables,
        design,
        estimator=estimator,
        empty=empty_cells,
        unbiased=likelihood == "wishart",
        place=place,
    )
    fail_if(_design_faults(sample, errors, place), DesignError)
    model, constraints = _model(read, sample, request, place)
    kind = told or ("expected" if errors == "model" and missing == "listwise" else "observed")
    fitted = fit_model(sample, model, constraints=constraints, information=kind)
    fail_if(_solution_faults(sample, fitted, place), DesignError)
    return _result(sample, fitted, read, {**request, "information": kind, "levelled": levelled}, columns)


def _listed(names: object) -> object:
    """Names as they were meant: one is a list of one."""
    if isinstance(names, bool):
        return names
    return (names,) if isinstance(names, str) else tuple(names)


def _option_faults(request: dict, place: str) -> list[Fault]:
    """Options that are not known, or not known together."""
    allowed = {
        "estimator": ("", *ESTIMATORS),
        "missing": MISSING,
        "scale": ("first", "unit"),
        "errors": ERRORS,
        "information": ("", "observed", "expected"),
        "likelihood": ("normal", "wishart"),
        "covariates": ("sampled", "fixed"),
    }
    faults = []
    for option, words in allowed.items():
        if request[option] not in words:
            known = ", ".join(word for word in words if word)
            hint = nearest(str(request[option]), words)
            faults.append(Fault(place, f"{option} {request[option]!r}", known, hint=hint))
    for one in request["equal"]:
        if one not in EQUAL:
            faults.append(Fault(place, f"equal {one!r}", ", ".join(EQUAL), hint=nearest(str(one), EQUAL)))
    if (request["equal"] or request["partial"]) and not request["groups"]:
        faults.append(Fault(place, "equal or partial without groups", "groups= a column"))
    if not 0 < request["level"] < 1:
        faults.append(Fault(place, f"level {request['level']}", "a number between 0 and 1"))
    if not 0 <= request["empty_cells"] < np.inf:
        faults.append(Fault(place, f"empty_cells {request['empty_cells']}", "a number from 0 up"))
    if request["likelihood"] == "wishart" and request["missing"] != "listwise":
        faults.append(Fault(place, "likelihood wishart with answers missing", "missing listwise"))
    return faults


def _variables(read: Syntax, table: pd.DataFrame, request: dict, place: str) -> tuple[Variables, str]:
    """Kinds of the variables, and the estimator that suits them."""
    plain = sort_variables(read)
    variables = sort_variables(read, ordered_names(table, plain.observed, request["ordered"]))
    declared = request["ordered"] if not isinstance(request["ordered"], bool) else ()
    faults = [
        Fault(place, f"ordered variable {one!r}", ", ".join(plain.observed), hint=nearest(str(one), plain.observed))
        for one in declared if one not in plain.observed
    ]  # fmt: skip
    estimator = request["estimator"] or ("DWLS" if variables.ordered else "ML")
    if variables.ordered and estimator != "DWLS":
        found = f"estimator {estimator} with ordinal {', '.join(variables.ordered)}"
        faults.append(Fault(place, found, "DWLS", hint="or ordered=False, which takes them as numbers"))
    explains = [one for one in variables.ordered if one in variables.explaining]
    measured = [one for one in variables.ordered if one in {s.lhs for s in read.statements if s.op == "=~"}]
    for one in dict.fromkeys([*explains, *measured]):
        hint = "take it as a number, or make 0/1 columns of its categories"
        faults.append(
            Fault(place, f"ordinal {one} that explains something and is explained", "outcomes, items", hint=hint)
        )
    wrong = {"ML": "pairwise", "DWLS": "fiml", "WLS": "fiml", "ULS": "fiml", "GLS": "fiml"}[estimator]
    if request["missing"] == wrong or (request["missing"] == "pairwise" and estimator in ("ULS", "GLS")):
        usable = (
            "listwise, fiml"
            if estimator == "ML"
            else "listwise, pairwise"
            if estimator in ("DWLS", "WLS")
            else "listwise"
        )
        faults.append(Fault(place, f"missing {request['missing']} with estimator {estimator}", usable))
    if request["errors"] == "model" and estimator in ("DWLS", "ULS"):
        hint = "without the sandwich the errors of this estimator are wrong"
        faults.append(Fault(place, f"errors model with estimator {estimator}", "errors design", hint=hint))
    fail_if(faults, DesignError)
    return variables, estimator


def _design_faults(sample: Sample, errors: str, place: str) -> list[Fault]:
    """Errors of the model alone, where the design says otherwise."""
    if errors == "design":
        return []
    design, used = sample.design, sample.columns.used
    first, weight = design.stages[0], design.weight[used]
    reasons = {
        "clusters": len(np.unique(first.cluster[used])) < used.sum(),
        "strata": len(first.drawn) > 1,
        "unequal weights": bool(np.ptp(weight) > 1e-9 * weight.max()),
        "replicate weights": design.replicates is not None,
    }
    return [
        Fault(place, f"errors model of a design with {reason}", "errors design")
        for reason, there in reasons.items()
        if there
    ]


def _model(read: Syntax, sample: Sample, request: dict, place: str) -> tuple[Model, Constraints | None]:
    """The parameter table in matrices, and the constraints on it."""
    said = any(one.op in ("~1", "|") for one in read.statements)
    several = len(sample.columns.groups) > 1 or request["missing"] != "listwise" or bool(sample.variables.ordered)
    means = bool(said or several) if request["means"] is None else bool(request["means"])
    choices = Choices(
        groups=sample.columns.groups,
        thresholds={one: len(levels) - 1 for one, levels in sample.columns.levels.items()},
        means=means,
        scale=request["scale"],
        equal=request["equal"],
        partial=request["partial"],
        conditional=sample.conditional,
    )
    rows = parameter_table(read, sample.variables, choices, place=place)
    model = make_model(rows, sample.variables, sample.columns.groups, conditional=sample.conditional)
    places: dict[str, int | float] = {}
    for row in rows:
        if row.label:
            places.setdefault(row.label, row.free if row.free >= 0 else row.value)
    fail_if(_label_faults(read, places, place), DesignError)
    constraints = Constraints(read.constraints, places) if read.constraints else None
    if not model.count:
        raise DesignError(Fault(place, "a model without free parameters", "something to estimate"))
    return model, constraints


def _label_faults(read: Syntax, places: dict, place: str) -> list[Fault]:
    """Labels that definitions and constraints use and nobody gave."""
    faults, known = [], set(places)
    for one in (*read.definitions, *read.constraints):
        for label in one.expression.names:
            if label not in known:
                hint = nearest(label, known)
                allowed = "a label of a parameter (a*x) or an earlier definition"
                faults.append(Fault(place, f"unknown label {label!r}", allowed, one.line, str(one.column), hint))
        if one.name in places:
            faults.append(Fault(place, f"{one.name} is a label already", "another name", one.line, str(one.column)))
        if one in read.definitions:
            known.add(one.name)
    for one in read.constraints:
        used = [label for label in one.expression.names if isinstance(places.get(label), int)]
        if not used and set(one.expression.names) <= set(places):
            faults.append(
                Fault(place, f"constraint {one.text} of nothing free", "free labels", one.line, str(one.column))
            )
    return faults


def _solution_faults(sample: Sample, fitted: Fitted, place: str) -> list[Fault]:
    """A model that is not identified, or a search without an end."""
    model = fitted.model
    names = names_of(model.rows, model.groups, model.count)
    units = parameter_units(model, group_moments(sample))
    sound = np.isfinite(fitted.information).all()
    free = unidentified(fitted.information, fitted.slopes, names, units) if sound else []
    if free:
        found = f"a model that is not identified: {', '.join(free[:12])}" + (" ..." if len(free) > 12 else "")
        hint = _hint(model, free)
        return [Fault(place, found, "parameters that the data can tell apart", hint=hint)]
    if not fitted.converged or not np.isfinite(fitted.inverse).all():
        found = f"no solution after {fitted.steps} steps"
        hint = "other starting values: start(0.5)*; fewer parameters; latent variables that items share"
        return [Fault(place, found, "a model that converges", hint=hint)]
    return _broken_constraints(fitted, place)


def _broken_constraints(fitted: Fitted, place: str) -> list[Fault]:
    """Constraints that contradict each other: the search ends between them."""
    if fitted.constraints is None:
        return []
    gaps, size = np.abs(fitted.constraints(fitted.theta)), np.linalg.norm(fitted.slopes, axis=1)
    far = ~(gaps <= 1e-6 * (1 + size * np.abs(fitted.theta).max()))
    return [
        Fault(place, f"constraint {one.text} that is not met ({gap:.3g} off)", "constraints that can hold together",
              one.line, str(one.column))
        for one, gap, bad in zip(fitted.constraints.definitions, gaps, far, strict=True)
        if bad
    ]  # fmt: skip


def _hint(model: Model, free: Sequence[str]) -> str:
    """What to do about it."""
    counts: dict[str, int] = {}
    for row in model.rows:
        if row.op == "=~" and row.group == 0:
            counts[row.lhs] = counts.get(row.lhs, 0) + 1
    few = [name for name, count in counts.items() if count < 3]
    if few:
        return f"latent variables of fewer than three items: {', '.join(few)}; equal loadings or fixed values help"
    return "fix some of them, or leave paths out"


def _result(sample: Sample, fitted: Fitted, read: Syntax, request: dict, columns: Columns) -> PathFit:
    """Everything a fit says."""
    saturated = saturate(sample)
    robust = design_covariance(sample, fitted)
    covariance = robust if request["errors"] == "design" else fitted.inverse / sample.units
    test = chi_square(sample, saturated, fitted, robust, expected=request["information"] == "expected")
    base, base_test = baseline(sample, saturated, information=request["information"])
    df = degrees_of_freedom(sample.design, columns.used) if request["errors"] == "design" else float("inf")
    solved = Solved(
        sample, fitted, saturated, covariance, test, base_test, read.definitions, df, request["level"], request
    )
    outcomes = [one for one in sample.variables.explained]
    about = {
        "model": request["name"],
        "n": sample.count,
        "n_dropped": columns.dropped,
        "outcome": ", ".join(sorted(outcomes)) or ", ".join(sample.variables.latent),
        "kind": "paths",
    }
    terms, inner = path_terms(solved, about)
    endless = terms.loc[~np.isfinite(terms["estimate"].to_numpy(dtype=float)), "term"]
    place = f"model {request['name']}".strip()
    fail_if(
        [Fault(place, f"{one} is not a finite number", "a definition with a value") for one in endless], DesignError
    )
    clusters = np.unique(sample.design.stages[0].cluster[columns.used])
    summary = {"n": sample.count, "n_dropped": columns.dropped, "clusters": len(clusters), "df": df}
    summary |= {"steps": fitted.steps, "groups": len(columns.groups)}
    return PathFit(
        model=request["name"],
        kind="paths",
        terms=terms,
        summary=summary,
        covariance=inner,
        extra={"estimator": sample.estimator, "information": request["information"]},
        parameters=parameter_frame(solved),
        indices=fit_indices(sample, saturated, fitted, base, test, base_test),
        explained=explained_frame(solved),
        states=states_of(solved),
        solved=solved,
    )
