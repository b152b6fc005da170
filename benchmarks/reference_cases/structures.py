"""Path models beside lavaan's: estimates, errors, standardised values, fit indices, modification indices."""

from typing import NamedTuple

import numpy as np

from kzsurvey import modelling as m
from reference_cases import Case, Check, Checked

NEAR = 1e-4
CFA = "visual =~ x1 + x2 + x3\ntextual =~ x4 + x5 + x6\nspeed =~ x7 + x8 + x9\n"
DEMOCRACY = (
    "ind60 =~ x1 + x2 + x3\ndem60 =~ y1 + y2 + y3 + y4\ndem65 =~ y5 + y6 + y7 + y8\n"
    "dem60 ~ a*ind60\ndem65 ~ c*ind60 + b*dem60\n"
)
RESIDUALS = "y1 ~~ y5\ny2 ~~ y4 + y6\ny3 ~~ y7\ny4 ~~ y8\ny6 ~~ y8"
FIT = {
    "chi_square": "chisq",
    "df": "df",
    "p_value": "pvalue",
    "baseline_chi_square": "baseline.chisq",
    "baseline_df": "baseline.df",
    "cfi": "cfi",
    "tli": "tli",
    "rmsea": "rmsea",
    "rmsea_low": "rmsea.ci.lower",
    "rmsea_high": "rmsea.ci.upper",
    "rmsea_p_close": "rmsea.pvalue",
    "srmr": "srmr",
    "log_likelihood": "logl",
    "aic": "aic",
    "bic": "bic",
    "parameters": "npar",
}


class Made(NamedTuple):
    """How a case is fitted here; ``kept``: the part of R's errors that is compared."""

    syntax: str
    options: dict
    weight: str | None = None
    clusters: str | None = None
    errors: bool = True


CASES = {
    "HS.cfa_ml": Made(CFA, {"errors": "model"}),
    "HS.cfa_mlr": Made(CFA, {}),
    "HS.cfa_gls": Made(CFA, {"estimator": "GLS", "errors": "model"}),
    "HS.cfa_uls": Made(CFA, {"estimator": "ULS"}, errors=False),
    "HS.cfa_wls": Made(CFA, {"estimator": "WLS", "errors": "model"}),
    "HS.cfa_fiml_mlr": Made(CFA, {"missing": "fiml"}),
    "HS.cfa_listwise": Made(CFA, {"errors": "model"}),
    "HS.group_scalar": Made(CFA, {"groups": "school", "equal": ["loadings", "intercepts"], "errors": "model"}),
    "HS.cfa_cluster": Made(CFA, {"means": True}, clusters="cl"),
    "HS.cfa_weights_cluster": Made(CFA, {"means": True}, weight="w", clusters="cl"),
    "HS.cfa_wlsmv": Made(CFA, {"ordered": True}),
    "HS.cfa_dwls": Made(CFA, {"ordered": True}, errors=False),
    "PD.sem_ml": Made(DEMOCRACY + RESIDUALS, {"errors": "model"}),
    "PD.sem_indirect": Made(DEMOCRACY + "ind := a*b\ntot := c + a*b", {"errors": "model"}),
    "HS.path_mediation_cluster_w": Made(
        "x7 ~ a*x4 + sex\nx9 ~ b*x7 + c*x4 + sex\nind := a*b\ntotal := c + a*b\nprop := ind/total",
        {"means": True},
        weight="w",
        clusters="cl",
    ),
    "TL.cluster": Made(
        "fw =~ y1 + y2 + y3\nfb =~ y4 + y5 + y6\nfw ~ x1 + x2 + x3\nfb ~ fw", {"means": True}, clusters="cluster"
    ),
}


def fitted(case: Case, made: Made) -> m.PathFit:
    """The model under the design of the case."""
    weight = made.weight or np.ones(len(case.table))
    design = m.make_design(case.table, weight=weight, clusters=made.clusters)
    return m.fit_paths(case.table, made.syntax, design=design, **made.options)


def theirs(case: Case, fit: m.PathFit, column: str) -> dict[str, float]:
    """Values of R by our terms; the second of two equal names is that of the second group."""
    groups, seen, found = fit.solved.sample.columns.groups, {}, {}
    param = case.result["param"]
    for lhs, op, rhs, value in zip(param["lhs"], param["op"], param["rhs"], param[column], strict=True):
        written = [lhs] if op == ":=" else [f"{lhs} {op} {rhs}".strip(), f"{rhs} {op} {lhs}".strip()]
        place = seen.get(written[0], 0)
        seen[written[0]] = place + 1
        suffix = f" [{groups[place]}]" if len(groups) > 1 else ""
        found |= {name + suffix: value for name in written[: 2 if op == "~~" else 1]}
    return found


def model_case(case: Case) -> Checked:
    made = CASES[case.name]
    fit = fitted(case, made)
    terms, n = fit.terms["term"].tolist(), fit.summary["n"]
    for what, column in (("estimate", "est"), ("std_error", "se")):
        known = theirs(case, fit, column)
        # rows drawn one by one are their own clusters here: n / (n - 1), which lavaan's MLR leaves out
        by_row = made.options.get("errors") != "model" and not made.clusters and fit.extra["estimator"] == "ML"
        size = np.sqrt((n - 1) / n) if what == "std_error" and by_row else 1.0
        if what == "estimate" or made.errors:
            yield what, size * fit.terms[what], [known[term] for term in terms], NEAR
    for scale, column in (("latent", "std.lv"), ("all", "std.all")):
        known, table = theirs(case, fit, column), m.standardised(fit, scale=scale)
        table = table[table["term"].isin(known)]
        yield f"standardised, {scale}", table["estimate"], [known[term] for term in table["term"]], NEAR
    yield from fit_case(case, fit, made)


def fit_case(case: Case, fit: m.PathFit, made: Made) -> Checked:
    """Fit indices; scaled ones where R's can be trusted."""
    table, given = fit.indices.set_index("index"), case.result["fit"]
    for index, name in FIT.items():
        if given.get(name) is not None and index in table.index:
            near = 1e-3 if index.startswith("rmsea_p") or index == "p_value" else NEAR
            yield index, table.loc[index, "value"], given[name], near
    test, n = fit.solved.test, fit.summary["n"]
    if given.get("chisq.scaling.factor") is None or made.clusters:
        return  # of clusters: not to be trusted, as the file says
    by_row = (n - 1) / n if fit.extra["estimator"] == "ML" else 1.0
    yield "scaling factor", by_row * test.scale, given["chisq.scaling.factor"], NEAR
    yield "scaled chi-square", test.scaled / by_row, given["chisq.scaled"], NEAR
    if by_row == 1.0:
        for index in ("cfi", "tli", "rmsea"):
            yield f"scaled {index}", table.loc[index, "scaled"], given[f"{index}.scaled"], NEAR
            yield f"robust {index}", table.loc[index, "robust"], given[f"{index}.robust"], NEAR


def polychoric_case(case: Case) -> Checked:
    found = m.polychoric(case.table, design=m.make_design(weight=np.ones(len(case.table))))
    yield "correlations", found.matrix().to_numpy(), case.result["R"], NEAR


def modification_case(case: Case) -> Checked:
    fit = fitted(case, CASES["HS.cfa_ml"])
    table = m.modification_indices(fit)
    table = table[table["term"].str.contains("~~|=~")].head(len(case.result["mi"]))
    yield "largest indices", table["mi"], case.result["mi"], NEAR
    yield "expected changes", table["epc"], case.result["epc"], NEAR


def jackknife_case(case: Case) -> Checked:
    """Clusters left out one at a time; R refits by the same optimiser to its own tolerance."""
    design = m.jackknife(m.make_design(case.table, weight="w", clusters="cl"))
    fit = m.fit_paths(case.table, CFA, design=design)
    terms = [name.replace("=~", " =~ ").replace("~~", " ~~ ") for name in case.result["names"]]
    found = fit.terms.set_index("term").loc[terms]
    yield "estimate", found["estimate"], case.result["est"], NEAR
    yield "std_error", found["std_error"], case.result["se"], NEAR


CHECKS: dict[str, Check] = {
    **dict.fromkeys(CASES, model_case),
    "HS.polychoric": polychoric_case,
    "HS.mi": modification_case,
    "design_sem.cfa_jk1": jackknife_case,
}
