"""Cases out of scope: the reason, and what the library says to whoever asks it all the same."""

from collections.abc import Callable
from fnmatch import fnmatchcase

from kzsurvey import modelling as m
from kzsurvey.errors import SurveyError
from kzsurvey.survey.record import Model
from reference_cases import Case


def declared(kind: str, formula: str) -> Callable[[Case], object]:
    """Declare such a model over the data of the case."""
    return lambda case: m.fit(case.table, Model(name=case.name, kind=kind, formula=formula))


def part(reason: str) -> tuple[str, None]:
    return reason, None


LEFT: dict[str, tuple[str, Callable[[Case], object] | None]] = {
    **dict.fromkeys(
        ("bfi.alpha_[AEN]", "bfi.poly_alpha", "bfi.omega1", "bfi.kmo"),
        part("scales (pairwise alpha, polychoric correlations, factor analysis): a part of its own, no function here"),
    ),
    "mice.pool": part(
        "multiple imputation: a part of its own; every model here leaves rows with gaps out and counts them"
    ),
    "design_sem": (
        "structural equations: a part of its own",
        declared("sem", "visual =~ x1 + x2 + x3"),
    ),
    "capability": (
        "structural equations: a part of its own; R's lavaan refuses this one too",
        declared("sem", "visual =~ x1 + x2 + x3"),
    ),
    "p.adjust": part("in part: Holm, Benjamini-Hochberg; the others are in statsmodels.stats.multitest"),
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
