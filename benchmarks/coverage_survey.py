"""How often the 95 % intervals of a survey's declared models hold the truth of its simulation.

    python benchmarks/coverage_survey.py [SURVEY] [--seeds 500] [--whole 20] [--interviews 500] [--first 1501] [--to F]

``--seeds`` surveys are drawn as they truly are and modelled; ``--whole`` of them also go the whole way: written as
field teams write, read, cleaned, coded by rules, modelled. Prints coverage per term; ``--to`` writes it as CSV.
"""

import argparse
import shutil
import tempfile
import tomllib
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from kzsurvey.cleaning import clean, read_answers
from kzsurvey.coding import code
from kzsurvey.modelling import analyse, fit_models
from kzsurvey.simulate import draw_truth, population_parameters, read_plan, simulate
from kzsurvey.survey import Survey, read_survey

FIRST_SEED = 1501  # the design of the simulation was settled on seeds before it


@lru_cache
def definition(folder: Path) -> tuple:
    survey = read_survey(folder, check_delivered=False)
    return survey, read_plan(survey)


def from_truth(seed: int, folder: Path, interviews: int) -> pd.DataFrame:
    """Terms of all models on the true answers and true codes of one survey."""
    survey, plan = definition(folder)
    truth = draw_truth(survey, interviews, seed, plan=plan, text=False)
    said = truth.mentions[truth.mentions["code"] != ""].assign(source="truth", coder="truth", score=1.0, stands=True)
    return modelled(truth.interviews, said.drop(columns=["clause", "negated"]), survey, seed)


def from_files(seed: int, folder: Path, interviews: int) -> pd.DataFrame:
    """Terms of all models on what is left of one survey after field teams, cleaning and coding by rules."""
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place) / "data" / "raw" / folder.name
        shutil.copytree(folder, copy)
        unlisted(copy / "survey.toml")
        simulate(copy, interviews=interviews, seed=seed)
        survey = read_survey(copy)
        cleaned = clean(read_answers(survey), survey)
        return modelled(cleaned.interviews, code(cleaned.interviews, survey), survey, seed)


def unlisted(settings: Path) -> None:
    """Take the checksums of the committed files out of a copy: other seeds make other files."""
    text = settings.read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("sha256")]
    tomllib.loads("\n".join(lines))
    settings.write_text("\n".join(lines) + "\n", "utf-8")


def modelled(interviews: pd.DataFrame, mentions: pd.DataFrame, survey: Survey, seed: int) -> pd.DataFrame:
    return fit_models(analyse(interviews, mentions, survey), survey).assign(seed=seed)


def coverage(terms: pd.DataFrame, parameters: pd.DataFrame) -> pd.DataFrame:
    """One row per term: truth, mean estimate, real and mean estimated standard error, share of intervals that hold."""
    known = terms.merge(parameters, on=["model", "term"], validate="many_to_one")
    known["held"] = (known["conf_low"] <= known["truth"]) & (known["truth"] <= known["conf_high"])
    grouped = known.groupby(["model", "term"], sort=False)
    table = grouped.agg(
        hypothesis=("hypothesis", "first"),
        truth=("truth", "first"),
        estimate=("estimate", "mean"),
        spread=("estimate", "std"),
        std_error=("std_error", "mean"),
        n=("n", "mean"),
        df=("df", "mean"),
        coverage=("held", "mean"),
        power=("p_value", lambda p: np.mean(p < 0.05)),
        surveys=("held", "size"),
    )
    return table.reset_index()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("survey", nargs="?", type=Path, default=Path("data/raw/kizilsu"))
    parser.add_argument("--seeds", type=int, default=500)
    parser.add_argument("--whole", type=int, default=20)
    parser.add_argument("--interviews", type=int, default=500)
    parser.add_argument("--first", type=int, default=FIRST_SEED)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--to", type=Path)
    options = parser.parse_args()
    survey, plan = definition(options.survey)
    parameters = population_parameters(survey, plan)
    tables = []
    with ProcessPoolExecutor(options.processes) as pool:
        for way, function, count in (("truth", from_truth, options.seeds), ("whole", from_files, options.whole)):
            if not count:
                continue
            task = partial(function, folder=options.survey, interviews=options.interviews)
            seeds = range(options.first, options.first + count)
            terms = pd.concat(pool.map(task, seeds, chunksize=5), ignore_index=True)
            tables.append(coverage(terms, parameters).assign(way=way))
            show(tables[-1])
    if options.to:
        made = {"first_seed": options.first, **{name: version(name) for name in ("kzsurvey", "numpy", "pandas")}}
        table = pd.concat(tables, ignore_index=True).assign(**made)
        table.round(5).to_csv(options.to, index=False, lineterminator="\n")


def show(table: pd.DataFrame) -> None:
    with pd.option_context("display.width", 200, "display.float_format", "{:.3f}".format):
        print(table.to_string(index=False))
    print(
        f"coverage: {table['coverage'].mean():.3f} ({table['coverage'].min():.3f} to {table['coverage'].max():.3f})",
        flush=True,
    )


if __name__ == "__main__":
    main()
