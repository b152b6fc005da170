"""Cases out of scope: the reason, and what the library says to whoever asks it all the same."""

from collections.abc import Callable
from fnmatch import fnmatchcase

import pandas as pd

from kzsurvey import modelling as m
from kzsurvey.errors import SurveyError
from kzsurvey.survey.record import Model
from reference_cases import Case


def declared(kind: str, formula: str) -> Callable[[Case], object]:
    """Declare such a model over the data of the case."""
    return lambda case: m.fit(case.table, Model(name=case.name, kind=kind, formula=formula))


def ordinal_mixed(case: Case) -> object:
    table = case.table.assign(rating=pd.Categorical(case.table["rating"].astype(str), ordered=True))
    return m.fit_mixed(table, "rating ~ temp + contact", groups="judge", name=case.name)


def part(reason: str) -> tuple[str, None]:
    return reason, None


LEFT: dict[str, tuple[str, Callable[[Case], object] | None]] = {
    "wine.clmm": ("ordinal models with random effects: not offered", ordinal_mixed),
    "cbpp.glmer": (
        "logistic models with random effects: not offered",
        declared("mixed_logistic", "incidence ~ period + (1|herd)"),
    ),
    "bfi.alpha_[ACENO]": part(
        "alpha over pairwise complete answers: not offered, ours is over complete rows (alpha_listwise)"
    ),
    "bfi.poly_alpha": part("polychoric correlations come with the scales, a later part of the modelling"),
    "bfi.omega1": part("factor analysis comes with the scales, a later part of the modelling"),
    "bfi.kmo": part("factor analysis comes with the scales, a later part of the modelling"),
    "design_sem": (
        "structural equations are a later part of the modelling",
        declared("sem", "visual =~ x1 + x2 + x3"),
    ),
    "capability": (
        "structural equations are a later part of the modelling; R's lavaan refuses this one too",
        declared("sem", "visual =~ x1 + x2 + x3"),
    ),
    "p.adjust": part(
        "in part: Holm, Benjamini-Hochberg; others (Hochberg, Hommel, Bonferroni, Benjamini-Yekutieli) not offered"
    ),
    "design_mediation.boot": part("in part: R's replicate weights are not among the files, so only the estimates"),
}


def reason(case: Case) -> str:
    """Why a case is out of scope, and the refusal; empty for one that is in scope."""
    fitting = [pattern for pattern in LEFT if fnmatchcase(case.name, f"{pattern}*")]
    if not fitting:
        return ""
    why, ask = LEFT[max(fitting, key=len)]
    return f"{why}; refused: {refusal(case, ask)}" if ask else why


def refusal(case: Case, ask: Callable[[Case], object]) -> str:
    """What the library says; RuntimeError where it gives a number instead."""
    try:
        ask(case)
    except SurveyError as error:
        return " ".join(str(error).split())
    raise RuntimeError(f"{case.name}: not refused")
