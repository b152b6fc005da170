"""Do the corrected shares of a survey hold the truth, through files of codings and a sample on record?

python benchmarks/codings_shares.py [--surveys 20] [--sample 100] [--to benchmarks/codings_shares.csv]

The shipped survey is simulated anew for each seed, as field teams would deliver it. Rules code all interviews; a sample
is drawn, coded by hand (the truth, written to the files of a coder action by action) and read back; ``kz.prevalence``
gives shares of the interviews with their intervals. Shown by the size of the true share: how many intervals hold it,
how wide they are beside those of the human codes alone, and how far the rules alone are off.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

import kzsurvey as kz
from kzsurvey.coding import Entry, entry, human_codes, record
from kzsurvey.modelling import draw_coding_sample
from kzsurvey.simulate import simulate

KIZILSU = Path(__file__).parents[1] / "data" / "raw" / "kizilsu"
SIZES = [0, 0.03, 0.075, 0.175, 1]
LABELS = ["to 3 %", "3 to 7.5 %", "7.5 to 17.5 %", "above 17.5 %"]


def main() -> None:
    """Simulate, code, correct, compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--surveys", type=int, default=20)
    parser.add_argument("--sample", type=int, default=100)
    parser.add_argument("--to", type=Path)
    options = parser.parse_args()
    found = pd.concat([one_survey(seed, options.sample) for seed in range(1, options.surveys + 1)])
    table = summary(found)
    print(table.to_string(index=False))
    if options.to:
        table.to_csv(options.to, index=False)


def one_survey(seed: int, size: int) -> pd.DataFrame:
    """One simulated survey: every code with its true share and its intervals."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(shutil.copytree(KIZILSU, Path(place) / "data" / "raw" / "kizilsu"))
        simulate(folder, interviews=500, seed=seed, truth=Path(place) / "truth")
        survey = kz.read_survey(folder)
        interviews, _ = kz.clean(kz.read_answers(survey), survey)
        said = pd.read_csv(Path(place) / "truth" / "mentions.csv", dtype=str, keep_default_na=False)
        analysis = kz.analyse(interviews, kz.code(interviews, survey), survey)
        drawn = draw_coding_sample(analysis, survey, size, seed=seed)
        true = true_codes(said, survey)
        code_by_hand(survey, interviews, true, drawn.index)
        human = human_codes(kz.read_codings(survey, interviews), interviews, survey)
        everybody = all_coded(interviews, true, survey, analysis)
        ours = kz.prevalence(analysis, human, survey, finite=True)
        alone = kz.prevalence(analysis, human, survey, method="human", finite=True)
    truth = everybody.mean()
    both = ours.assign(human_width=width(alone), seed=seed)
    rules = analysis[everybody.columns].astype("Float64").mean()
    return both.assign(true=both["variable"].map(truth), rules=both["variable"].map(rules))


def true_codes(said: pd.DataFrame, survey: kz.survey.Survey) -> pd.DataFrame:
    """What was said and not denied, in answers that the code's scheme reads."""
    said = said[(said["code"] != "") & (said["negated"].str.lower() != "true")]
    reads = said["code"].map(survey.codes["scheme"]).map(lambda scheme: survey.schemes[scheme].questions)
    meant = [question in questions for question, questions in zip(said["question"], reads, strict=True)]
    return said.loc[meant, ["interview", "question", "code"]].drop_duplicates()


def code_by_hand(survey: kz.survey.Survey, interviews: pd.DataFrame, true: pd.DataFrame, drawn: pd.Index) -> None:
    """A coder who makes no mistakes reads every answer of the interviews drawn."""
    codes = true.groupby(["interview", "question"])["code"].agg(list).to_dict()
    entries: list[Entry] = []
    for name in drawn:
        for question in dict.fromkeys(each for scheme in survey.schemes.values() for each in scheme.questions):
            if not isinstance(text := interviews.at[name, question], str):
                continue
            given = codes.get((name, question), [])
            entries += [entry("add", name, question, text, code=code) for code in given]
            entries += [entry("nothing", name, question, text)] * (not given)
    record(survey, "ann", entries)


def all_coded(
    interviews: pd.DataFrame, true: pd.DataFrame, survey: kz.survey.Survey, analysis: pd.DataFrame
) -> pd.DataFrame:
    """The truth of all interviews, in the shape of the codes in ``analysis``."""
    kinds = {"start": "int64", "end": "int64", "source": "str", "coder": "str", "score": "float64", "stands": "bool"}
    blank = {"start": 0, "end": 1, "source": "person", "coder": "truth", "score": 1.0, "stands": True}
    here = true[true["interview"].isin(interviews.index)].assign(**blank).astype(kinds)
    table = kz.analyse(interviews, here, survey)
    columns = [name for name in table if name.startswith("code_")]
    return table[columns].where(analysis[columns].notna()).astype("Float64")


def width(table: pd.DataFrame) -> np.ndarray:
    return (table["conf_high"] - table["conf_low"]).to_numpy()


def summary(found: pd.DataFrame) -> pd.DataFrame:
    """By the size of the true share."""
    holds = (found["conf_low"] <= found["true"] + 1e-12) & (found["true"] <= found["conf_high"] + 1e-12)
    off = {name: (found[name] - found["true"]).abs() for name in ("estimate", "rules")}
    size = pd.cut(found["true"], SIZES, labels=LABELS, include_lowest=True)
    rows = found.assign(**off, holds=holds, width=width(found), size=size)
    grouped = rows.groupby("size", observed=True)
    mean = grouped[["holds", "width", "human_width", "estimate", "rules"]].mean().astype(float).round(4)
    names = ["coverage", "width", "width of human codes alone", "error of the estimate", "error of rules alone"]
    return mean.set_axis(names, axis=1).assign(shares=grouped.size()).rename_axis("true share").reset_index()


if __name__ == "__main__":
    main()
