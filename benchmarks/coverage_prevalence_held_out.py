"""Whether intervals for shares of codes hold the truth in settings that nobody looked at while they were made.

    python benchmarks/coverage_prevalence_held_out.py [--what one codebook survey ...] [--samples 1000] [--to FILE]

The settings are drawn by a seed that was written down before the first run, and none was taken out or added after:
number of answers, share of them coded by hand, sensitivity and specificity of the machine, share with the code.
``one``: one code per sample. ``codebook``: six codes of .5 to 40 % in one sample, in interviews of three answers whose
codes and machine errors go together. ``survey``: the answers are a clustered sample themselves. ``regressions``,
``plan`` (answers still to code for a wanted width) and ``stopping`` (recall of .9 with 95 % confidence).
"""

import argparse
from functools import cache
from itertools import product
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from coverage_prevalence import Row, Tally, machine_codes, wilson

from kzsurvey import modelling as m
from kzsurvey.errors import SurveyError

SETTINGS_SEED, SEEDS = 20261129, (11, 12, 13)
SHARES = (0.005, 0.01, 0.03, 0.07, 0.15, 0.40)


class Setting(NamedTuple):
    """One situation: answers, of these coded, and how good the machine is."""

    answers: int
    coded: int
    sensitivity: float
    specificity: float


def settings(count: int, seed: int = SETTINGS_SEED) -> list[Setting]:
    """Situations drawn at random."""
    rng = np.random.default_rng(seed)
    drawn = []
    for _ in range(count):
        answers = int(np.exp(rng.uniform(np.log(250), np.log(5000))))
        coded = int(np.clip(answers * rng.uniform(0.08, 0.4), 60, 500))
        drawn.append(Setting(answers, coded, round(rng.uniform(0.45, 0.95), 2), round(rng.uniform(0.85, 0.995), 3)))
    return drawn


def one(samples: int) -> list[Row]:
    """One code in each sample."""
    return [
        {"part": "one", **row}
        for setting, share in product(settings(10), SHARES)
        for row in _one(setting, share, samples)
    ]


def _one(setting: Setting, share: float, samples: int) -> list[Row]:
    """All seeds of one situation, as one row."""
    tally, alone = Tally(), Tally()
    yes = max(round(setting.answers * share), 1)
    truth = (np.arange(setting.answers) < yes) * 1
    for seed in SEEDS:
        rng = np.random.default_rng([SETTINGS_SEED, seed])
        for number in range(samples // len(SEEDS)):
            said = pd.DataFrame({"code": machine_codes(truth, rng, setting.sensitivity, setting.specificity)})
            sample = m.draw_sample(said, setting.coded, seed=seed * 100_000 + number)
            table = m.prevalence(said, pd.Series(truth, name="code").loc[sample.index], probability=sample).table
            tally.add(table["conf_low"][0], table["conf_high"][0], yes / setting.answers)
            seen = rng.hypergeometric(yes, setting.answers - yes, setting.coded)
            alone.add(*wilson(int(seen), setting.coded, setting.answers), yes / setting.answers)
    return [_compared(tally, alone, setting, share)]


def _compared(tally: Tally, alone: Tally, setting: Setting, share: float) -> Row:
    """What an interval holds beside that of human codes alone."""
    row, plain = tally.row(**setting._asdict(), share=share), alone.row()
    return row | {"width_ratio": row["width"] / plain["width"], "human_only": plain["coverage"]}


def codebook(samples: int) -> list[Row]:
    """Six codes of one sample, in interviews of three answers."""
    rows = []
    for setting in settings(10, SETTINGS_SEED + 1):
        rng = np.random.default_rng(SETTINGS_SEED)
        truth = pd.DataFrame({f"c{share:g}": _clustered(setting.answers, share, rng) for share in SHARES})
        tallies, alone = {name: Tally() for name in truth}, {name: Tally() for name in truth}
        for seed, number in product(SEEDS, range(samples // len(SEEDS))):
            rng = np.random.default_rng([SETTINGS_SEED, seed, number])
            said = _said_together(truth, setting, rng)
            sample = m.draw_sample(said, setting.coded, seed=seed * 100_000 + number)
            table = m.prevalence(said, truth.loc[sample.index], probability=sample).table.set_index("variable")
            for name, tally in tallies.items():
                tally.add(table.at[name, "conf_low"], table.at[name, "conf_high"], truth[name].mean())
                seen = rng.hypergeometric(truth[name].sum(), (1 - truth[name]).sum(), setting.coded)
                alone[name].add(*wilson(int(seen), setting.coded, setting.answers), truth[name].mean())
        rows += [
            {"part": "codebook", **_compared(tallies[name], alone[name], setting, float(name[1:]))} for name in truth
        ]
    return rows


def _clustered(answers: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """Codes of answers, three to an interview, correlated within it; at least one answer has the code."""
    interview = np.arange(answers) // 3
    own = rng.beta(share * 3, (1 - share) * 3, interview[-1] + 1)  # correlation 1 / 4
    truth = (rng.random(answers) < own[interview]) * 1
    truth[0] |= not truth.any()
    return truth


def _said_together(truth: pd.DataFrame, setting: Setting, rng: np.random.Generator) -> pd.DataFrame:
    """Machine codes whose errors go together within an interview."""
    from scipy.stats import norm

    interview = np.arange(len(truth)) // 3
    said = {}
    for name in truth:
        shared, own = rng.normal(size=interview[-1] + 1)[interview], rng.normal(size=len(truth))
        draw = norm.cdf(np.sqrt(0.4) * shared + np.sqrt(0.6) * own)
        said[name] = np.where(truth[name] == 1, draw < setting.sensitivity, draw > setting.specificity) * 1
    return pd.DataFrame(said)


def survey(samples: int) -> list[Row]:
    """Answers of a clustered survey: 24 to 80 villages of 8 to 25 answers, shares that differ among villages."""
    rows, rng = [], np.random.default_rng(SETTINGS_SEED + 2)
    for setting, share in product(settings(4, SETTINGS_SEED + 2), SHARES[1:]):
        villages, each = int(rng.integers(24, 80)), int(rng.integers(8, 25))
        coded = int(villages * each * rng.uniform(0.15, 0.4))
        spread = rng.uniform(0.2, 0.6)
        own = share * np.exp(rng.normal(0, spread, 4000) - spread**2 / 2)
        population = rng.random((4000, 60)) < own[:, None]
        tally = Tally()
        for seed, number in product(SEEDS, range(samples // len(SEEDS))):
            draw = np.random.default_rng([SETTINGS_SEED, seed, number])
            place = draw.choice(4000, villages, replace=False)
            y = np.concatenate([draw.choice(population[one], each, replace=False) for one in place]) * 1
            said = pd.DataFrame({"code": machine_codes(y, draw, setting.sensitivity, setting.specificity)})
            sample = m.draw_sample(said, coded, seed=number)
            design = m.make_design(weight=np.full(len(y), 4000 * 60 / len(y)), clusters=np.repeat(place, each))
            human = pd.Series(y, name="code").loc[sample.index]
            try:
                table = m.prevalence(said, human, probability=sample, design=design).table
            except SurveyError:
                tally.refused += 1
                continue
            tally.add(table["conf_low"][0], table["conf_high"][0], population.mean())
        about = setting._replace(answers=villages * each, coded=coded)._asdict()
        rows.append({"part": "survey", **tally.row(**about, share=share), "villages": villages})
    return rows


def regressions(samples: int) -> list[Row]:
    """Codes as outcome and as predictor, with machines that err more where x is high."""
    rows, rng = [], np.random.default_rng(SETTINGS_SEED + 3)
    for kind, start in product(("logistic", "linear"), (-3.0, -2.0, 0.0)):
        villages, each = int(rng.integers(40, 120)), int(rng.integers(5, 12))
        coded, errors = int(villages * each * rng.uniform(0.2, 0.4)), np.sort(rng.uniform(0.02, 0.25, 2))
        slope = round(rng.uniform(0.3, 1.0), 2)
        truth = {"Intercept": start, "x": slope} if kind == "logistic" else {"Intercept": 1.0, "code": 0.8, "x": slope}
        tallies = {name: Tally() for name in truth}
        for seed, number in product(SEEDS, range(samples // len(SEEDS))):
            draw = np.random.default_rng([SETTINGS_SEED, seed, number])
            village = np.repeat(np.arange(villages), each)
            x = draw.normal(size=len(village)) + draw.normal(0, 0.5, villages)[village]
            y = (draw.random(len(x)) < 1 / (1 + np.exp(-start - slope * x))) * 1
            outcome = 1 + 0.8 * y + slope * x + draw.normal(size=len(x))
            error = draw.random(len(x)) < np.where(x > 0.5, errors[1], errors[0])
            table = pd.DataFrame({"x": x, "code": np.where(error, 1 - y, y), "outcome": outcome})
            sample = m.draw_sample(table, coded, codes=["code"], seed=number)
            design = m.make_design(weight=np.ones(len(x)), clusters=village)
            options = {"probability": sample, "design": design, "family": kind}
            formula = "code ~ x" if kind == "logistic" else "outcome ~ code + x"
            human = pd.Series(y, name="code").loc[sample.index]
            try:
                fit = m.coded_regression(table, formula, human, **options)
            except SurveyError:
                tallies["x"].refused += 1
                continue
            for row in fit.terms.itertuples():
                tallies[row.term].add(row.conf_low, row.conf_high, truth[row.term])
        share = float(np.mean(1 / (1 + np.exp(-start - slope * rng.normal(0, np.sqrt(1.25), 100_000)))))
        about = {"part": "regressions", "model": kind, "answers": villages * each, "coded": coded, "share": share}
        rows += [tally.row(**about, term=name) for name, tally in tallies.items()]
    return rows


def plan(samples: int) -> list[Row]:
    """Width reached after coding as many more answers as forecast for seven tenths of the width there is."""
    rows = []
    for setting, share in product(settings(6, SETTINGS_SEED + 4), (0.03, 0.07, 0.15, 0.40)):
        truth = pd.Series((np.arange(setting.answers) < round(setting.answers * share)) * 1, name="code")
        rng, reached, more, none = np.random.default_rng([SETTINGS_SEED, 5]), [], [], 0
        for number in range(samples // 10):
            said = pd.DataFrame(
                {"code": machine_codes(truth.to_numpy(), rng, setting.sensitivity, setting.specificity)}
            )
            sample = m.draw_sample(said, setting.coded, seed=number)
            human = truth.loc[sample.index]
            now = m.prevalence(said, human, probability=sample).table.iloc[0]
            wanted = 0.7 * (now["conf_high"] - now["conf_low"])
            count = m.answers_to_code(said, human, probability=sample, width=wanted)["more"].iloc[0]
            if count is pd.NA:
                none += 1
                continue
            larger = m.draw_sample(said, setting.coded + int(count), seed=samples + number)
            then = m.prevalence(said, truth.loc[larger.index], probability=larger).table.iloc[0]
            reached.append((then["conf_high"] - then["conf_low"]) / wanted)
            more.append(int(count))
        about = {"part": "plan", **setting._asdict(), "share": share, "samples": len(reached), "refused": none}
        low, middle, high = np.quantile(reached, [0.1, 0.5, 0.9])
        rows.append(about | {"more": np.mean(more), "width_over_wanted": middle, "tenth": low, "ninetieth": high})
    return rows


def stopping(samples: int) -> list[Row]:
    """How often the rule stops with a recall below .9, looked at once, or after every answer."""
    rows = []
    for found, remaining in ((9, 150), (25, 250), (40, 400), (100, 300)):
        tolerated = found / 9
        for missed in sorted({0, *(int(np.ceil(tolerated * factor)) for factor in (0.5, 1.01, 1.3, 2, 3))}):
            rng = np.random.default_rng([SETTINGS_SEED, found, missed])
            orders = [rng.permutation(np.arange(remaining) < missed).cumsum() for _ in range(samples)]
            fixed = remaining // 2
            once = [_stopped(found, remaining, missed, [(fixed, int(seen[fixed - 1]))], "once") for seen in orders]
            rows.append(_stop_row(found, remaining, missed, "once, at half", once))
            for looks in ("once", "any"):
                each = [
                    _stopped(found, remaining, missed, list(enumerate(map(int, seen), start=1)), looks)
                    for seen in orders
                ]
                rows.append(_stop_row(found, remaining, missed, f"{looks}, after every answer", each))
    return rows


def _stopped(found: int, remaining: int, missed: int, looks: list[tuple[int, int]], how: str) -> tuple[int, bool]:
    """Answers read until the rule stops (all where it does not), and whether recall is below .9 then."""
    for drawn, positive in looks:
        if _stops(found, remaining, drawn, positive, how):
            return drawn, (found + positive) / (found + missed) < 0.9 - 1e-12
    return remaining, False


@cache
def _stops(found: int, remaining: int, drawn: int, positive: int, looks: str) -> bool:
    return m.recall_stop(found, remaining, drawn, positive, looks=looks).stop


def _stop_row(found: int, remaining: int, missed: int, rule: str, stopped: list[tuple[int, bool]]) -> Row:
    read, wrong = np.array(stopped).T
    about = {"part": "stopping", "found": found, "remaining": remaining, "missed": missed, "rule": rule}
    return about | {"wrong": wrong.mean(), "read": read.mean(), "samples": len(read)}


PARTS = {
    "one": one,
    "codebook": codebook,
    "survey": survey,
    "regressions": regressions,
    "plan": plan,
    "stopping": stopping,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--what", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--to", type=Path)
    options = parser.parse_args()
    tables = [pd.DataFrame(PARTS[name](options.samples)) for name in options.what]
    for table in tables:
        print(table.round(4).to_string(index=False), flush=True)
    if options.to:
        pd.concat(tables).to_csv(options.to, index=False, float_format="%.5f")


if __name__ == "__main__":
    main()
