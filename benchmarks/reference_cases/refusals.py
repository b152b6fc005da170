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


def errors_of_the_model(estimator: str) -> Callable[[Case], object]:
    """Ask for errors that hold only where the estimator is efficient."""
    ordered = estimator == "DWLS"
    return lambda case: m.fit_paths(
        case.table, "visual =~ x1 + x2 + x3", estimator=estimator, ordered=ordered, errors="model", name=case.name
    )


def part(reason: str) -> tuple[str, None]:
    return reason, None


LEFT: dict[str, tuple[str, Callable[[Case], object] | None]] = {
    "TL.twolevel": (
        "models of two levels: not offered; clusters enter the errors (TL.cluster)",
        declared("paths", "level: 1\nfw =~ y1 + y2 + y3\nlevel: 2\nfb =~ y1 + y2 + y3"),
    ),
    "HS.cfa_dwls": (
        "in part: errors without the sandwich are wrong for this estimator; estimates and fit are compared",
        errors_of_the_model("DWLS"),
    ),
    "HS.cfa_uls": (
        "in part: errors without the sandwich are wrong for this estimator; estimates and fit are compared",
        errors_of_the_model("ULS"),
    ),
    "HS.reliability": part("in part: omega2 is omega here, omega3 (over the observed variance) is not offered"),
    "capability": part("no number to compare: R's lavaan refuses clusters with ordinal items, which fit_paths fits"),
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
