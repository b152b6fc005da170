"""What the declared models would find in the whole superpopulation: the truth that their intervals should cover."""

import dataclasses
import re
from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from kzsurvey.simulate.plan import Plan
from kzsurvey.simulate.truth import Truth, draw_truth
from kzsurvey.survey import Model, Survey, compile_expression

INTERVIEWS = 200_000
SEED = 2**31 - 1
_STEPS = 50


def population_parameters(
    survey: Survey, plan: Plan, *, interviews: int = INTERVIEWS, per_draw: int = 500, seed: int = SEED
) -> pd.DataFrame:
    r"""Coefficients of every declared model in the superpopulation.

    Parameters
    ----------
    survey : Survey
    plan : Plan
    interviews : int
        Size of the draw that stands for the superpopulation; its clusters multiply with it, so that effects of
        clusters average out as they do over repeated surveys.
    per_draw : int
        Interviews of one survey.
    seed : int

    Returns
    -------
    DataFrame, one row per term of a model
        ``model``, ``term``, ``truth``.

    Notes
    -----
    Each interview counts as the frame says (raking to the declared margins), and the coefficients solve the same
    estimating equations :math:`\sum_i w_i x_i (y_i - \mu(x_i\beta)) = 0` as the estimator under test, computed
    here on its own.
    """
    many = dataclasses.replace(
        plan, clusters=pd.concat([plan.clusters] * max(interviews // per_draw, 1), ignore_index=True)
    )
    truth = draw_truth(survey, interviews, seed, plan=many, text=False)
    table = with_codes(truth, survey)
    weight = frame_weights(table, survey)
    rows = [
        (model.name, term, value)
        for model in survey.models.values()
        if model.kind in TRUTHS
        for term, value in TRUTHS[model.kind](table, weight, model, survey).items()
    ]
    return pd.DataFrame(rows, columns=["model", "term", "truth"]).astype({"model": "str", "term": "str"})


def with_codes(truth: Truth, survey: Survey) -> pd.DataFrame:
    """True interviews with one 0/1 column per code, missing where none of its questions was asked."""
    said = truth.mentions[~truth.mentions["negated"] & (truth.mentions["code"] != "")]
    columns = {}
    for code, scheme in survey.codes["scheme"].items():
        questions = [question for question in survey.schemes[scheme].questions if question in truth.interviews]
        found = said.loc[(said["code"] == code) & said["question"].isin(questions), "interview"]
        named = pd.Series(truth.interviews.index.isin(found).astype("float64"), index=truth.interviews.index)
        asked = [truth.interviews[f"{question}__missing"].astype("str") != "not_asked" for question in questions]
        columns[f"code_{code.replace('.', '_')}"] = named.where(np.any(asked, axis=0))
    return truth.interviews.join(pd.DataFrame(columns))


def frame_weights(table: pd.DataFrame, survey: Survey) -> np.ndarray:
    """Weights that meet the counts of the frame for every declared margin, by iterative proportional fitting."""
    weight = np.ones(len(table))
    margins = survey.weighting.get("margins", ()) if survey.weighting.get("method") else ()
    for _ in range(_STEPS if len(margins) > 1 else 1):
        for margin in margins:
            counts = survey.frame[survey.frame["variable"] == margin].set_index("value")["count"].astype("float64")
            values = table[margin].astype("str")
            weight = (
                weight * values.map(counts / pd.Series(weight).groupby(values.to_numpy()).sum()).fillna(0).to_numpy()
            )
    return weight


def _coefficients(
    table: pd.DataFrame, weight: np.ndarray, model: Model, survey: Survey, *, beside: tuple[str, ...] = ()
) -> dict[str, float]:
    """Coefficients of one model, of interviews with all of its variables and those of the formulas beside it."""
    from formulaic import Formula

    asked = np.ones(len(table), dtype=bool)
    if model.where:
        asked = compile_expression(model.where, names=survey.questions.index).mask(table).to_numpy()
    named = re.findall(r"[^\W\d]\w*", " ".join((model.formula, *beside)))
    names = sorted(set(named) & set(table.columns))
    rows = table.loc[asked, names]
    rows = rows.astype({name: "float64" for name in names if pd.api.types.is_numeric_dtype(rows[name])})
    complete = rows.notna().all(axis=1).to_numpy()
    rows = rows[complete].apply(_without_empty)
    left, right = Formula(model.formula).get_model_matrix(rows)
    solve = _LINKS.get(model.kind, _linear)
    found = solve(right.to_numpy("float64"), left.to_numpy("float64")[:, 0], weight[asked][complete])
    return dict(zip(right.columns, found, strict=True))


def _effects(table: pd.DataFrame, weight: np.ndarray, model: Model, survey: Survey) -> dict[str, float]:
    """Effects of a mediation by one mediator, all linear, per unit of a number and without products; else none."""
    written = model.options.get("mediators", ())
    formulas = (written,) if isinstance(written, str) else tuple(written)
    plain = set(model.options) - _OF_INTERVALS == {"mediators", "treatment"} and not re.search(
        "[:*]", " ".join((model.formula, *formulas))
    )
    if len(formulas) != 1 or not plain:
        return {}
    treatment, mediator = str(model.options["treatment"]), formulas[0].partition("~")[0].strip()
    outcome = _coefficients(table, weight, model, survey, beside=formulas)
    first = dataclasses.replace(model, formula=formulas[0])
    a = _coefficients(table, weight, first, survey, beside=(model.formula,))[treatment]
    b, direct = outcome[mediator], outcome[treatment]
    effects = {f"{name}{of}": value for name, value in (("indirect", a * b), ("direct", direct)) for of in _WORLDS}
    return {**effects, "total": a * b + direct, "proportion_mediated": a * b / (a * b + direct), "a": a, "b": b}


def _without_empty(column: pd.Series) -> pd.Series:
    """A category without the options that nobody in the domain has."""
    return column.cat.remove_unused_categories() if isinstance(column.dtype, pd.CategoricalDtype) else column


def _linear(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    return np.linalg.solve(x.T @ (weight[:, None] * x), x.T @ (weight * y))


def _logistic(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Newton's method on the weighted log-likelihood."""
    beta = np.zeros(x.shape[1])
    for _ in range(_STEPS):
        mean = 0.5 * (1 + np.tanh(0.5 * (x @ beta)))
        step = np.linalg.solve(x.T @ ((weight * mean * (1 - mean))[:, None] * x), x.T @ (weight * (y - mean)))
        beta = beta + step
        if np.abs(step).max() < 1e-12:
            break
    return beta


_WORLDS = ("", "_control", "_treated")
_OF_INTERVALS = frozenset({"interval", "draws", "seed", "small_sample"})
_LINKS: Mapping[str, Callable] = {"linear": _linear, "logistic": _logistic}
TRUTHS: Mapping[str, Callable] = {"linear": _coefficients, "logistic": _coefficients, "mediation": _effects}
