"""How often the declared hypotheses of a survey come out significant where nothing is linked.

    python benchmarks/false_findings.py [SURVEY] [--samples 1000] [--interviews 500] [--first 1501]
                                             [--linked workload] [--to F]

Surveys are drawn by simulation.toml with every link cut: of what a variable is drawn from, only its intercept and the
control that all models hold (the level of the organisation) stay, so that outcomes know nothing of the terms that the
hypotheses are about; strata, clusters, second interviews and weights are as ever. Prints how often each hypothesis has
p < 0.05 (4 to 6 % is what a sound test does), before and after the adjustment for the family, and how often its model
was refused. A variable named by ``--linked`` keeps its links, and only mediations are fitted then: with ``--linked
workload`` only the second path of the indirect effect through workload is cut. Where both are, its test rejects far
less often than it says.
"""

import argparse
import dataclasses
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from kzsurvey.errors import SurveyError
from kzsurvey.modelling import Design, analyse, benjamini_hochberg, fit, sample_design
from kzsurvey.simulate import draw_truth, read_plan
from kzsurvey.simulate.plan import Plan, Variable
from kzsurvey.survey import read_survey
from kzsurvey.survey.record import Model

OUTCOMES = ("vacancy_months", "workload", "intention_to_leave")
KEPT = ("intercept", "level=")


def unlinked(plan: Plan, linked: tuple[str, ...] = ()) -> Plan:
    """The plan without links into the outcomes of the models, and into what people say."""
    cut = set(OUTCOMES) - set(linked)
    variables = [_cut(variable) if variable.name in cut else variable for variable in plan.variables]
    questions = [
        dataclasses.replace(entry, codes={code: _kept(terms) for code, terms in entry.codes.items()})
        for entry in plan.open
    ]
    return dataclasses.replace(plan, variables=tuple(variables), open=tuple(questions))


def _cut(variable: Variable) -> Variable:
    return dataclasses.replace(variable, terms=_kept(variable.terms))


def _kept(terms: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in terms.items() if name.startswith(KEPT)}


@lru_cache
def definition(folder: Path, linked: tuple[str, ...]) -> tuple:
    survey = read_survey(folder, check_delivered=False)
    return survey, unlinked(read_plan(survey), linked)


def hypotheses(seed: int, folder: Path, interviews: int, linked: tuple[str, ...] = ()) -> pd.DataFrame:
    """The rows of the hypotheses' terms in one survey without links; empty ones where a model is refused."""
    survey, plan = definition(folder, linked)
    truth = draw_truth(survey, interviews, seed, plan=plan, text=False)
    said = truth.mentions[truth.mentions["code"] != ""].assign(source="truth", coder="truth", score=1.0, stands=True)
    analysis = analyse(truth.interviews, said.drop(columns=["clause", "negated"]), survey)
    design = sample_design(analysis, survey)
    models = [model for model in survey.models.values() if model.hypothesis]
    models = [model for model in models if model.kind == "mediation"] if linked else models
    rows = [_tested(analysis, model, design) for model in models]
    table = pd.DataFrame(rows).assign(seed=seed)
    return table.assign(p_adjusted=benjamini_hochberg(table["p_value"].to_numpy()))


def _tested(analysis: pd.DataFrame, model: Model, design: Design) -> dict[str, object]:
    """The row of the term that a hypothesis is about."""
    about = {"hypothesis": model.hypothesis, "model": model.name, "term": model.term, "kind": model.kind}
    empty = dict.fromkeys(("estimate", "std_error", "df", "p_value"), np.nan)
    try:
        terms = fit(analysis, model, design=design).terms
    except SurveyError:
        return about | empty
    return about | terms.loc[terms["hypothesis"] != "", list(empty)].iloc[0].to_dict()


def summary(rows: pd.DataFrame) -> pd.DataFrame:
    """One row per hypothesis, and one for any finding in the family after adjustment."""
    grouped = rows.groupby(["hypothesis", "model", "term"], sort=False)
    table = grouped.agg(
        kind=("kind", "first"),
        estimate=("estimate", "mean"),
        spread=("estimate", "std"),
        std_error=("std_error", "mean"),
        df=("df", "mean"),
        found=("p_value", lambda p: np.mean(p.dropna() < 0.05)),
        found_adjusted=("p_adjusted", lambda p: np.mean(p.dropna() < 0.05)),
        samples=("p_value", "count"),
        refused=("p_value", lambda p: int(p.isna().sum())),
    ).reset_index()
    anything = rows.groupby("seed")["p_adjusted"].min() < 0.05
    family = {"hypothesis": "any of the family", "found_adjusted": anything.mean(), "samples": len(anything)}
    table = pd.concat([table, pd.DataFrame([family])], ignore_index=True)
    share = table["found"].fillna(table["found_adjusted"])
    return table.assign(simulation_error=np.sqrt(share * (1 - share) / table["samples"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("survey", nargs="?", type=Path, default=Path("data/raw/kizilsu"))
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--interviews", type=int, default=500)
    parser.add_argument("--first", type=int, default=1501)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--linked", nargs="*", default=())
    parser.add_argument("--to", type=Path)
    options = parser.parse_args()
    task = partial(hypotheses, folder=options.survey, interviews=options.interviews, linked=tuple(options.linked))
    seeds = range(options.first, options.first + options.samples)
    with ProcessPoolExecutor(options.processes) as pool:
        table = summary(pd.concat(pool.map(task, seeds, chunksize=10), ignore_index=True))
    if options.linked:
        table = table[table["kind"].notna()]
        table = table.assign(hypothesis=table["hypothesis"] + ", second path cut", found_adjusted=np.nan)
    with pd.option_context("display.width", 200, "display.float_format", "{:.3f}".format):
        print(table.to_string(index=False))
    if options.to:
        made = {"first_seed": options.first, **{name: version(name) for name in ("kzsurvey", "numpy", "pandas")}}
        new = table.assign(**made).round(5)
        if options.to.exists():
            new = pd.concat([pd.read_csv(options.to), new]).drop_duplicates("hypothesis", keep="last")
        new.sort_values("hypothesis").to_csv(options.to, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
