"""How often intervals for shares of codes, and for regressions on codes, hold the truth.

    python benchmarks/coverage_prevalence.py [--what shares methods ...] [--samples 2000] [--seed 1]
                                              [--to benchmarks/coverage_prevalence.csv]

``shares``: 500 answers of which 100 are coded by hand, drawn by ``draw_sample``; a machine with sensitivity .8 and
specificity .95; the truth is the share among the 500. Widths are compared with Wilson's interval, with finite
population correction, of 100 answers drawn and coded without a machine. The others: every method on the same samples;
other machines; groups; probabilities in place of 0 and 1; answers that are a clustered sample; regressions.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from kzsurvey import modelling as m
from kzsurvey.errors import SurveyError

ANSWERS, CODED, SHARES = 500, 100, (0.02, 0.05, 0.10, 0.25)
Row = dict[str, object]


def machine_codes(truth: np.ndarray, rng: np.random.Generator, sensitivity: float, specificity: float) -> np.ndarray:
    """What a machine makes of the truth."""
    draw = rng.random(len(truth))
    return np.where(truth == 1, draw < sensitivity, draw > specificity) * 1


def wilson(positive: int, drawn: int, of: int) -> tuple[float, float]:
    """Wilson's interval, with finite population correction."""
    size, share, z = drawn * (of - 1) / (of - drawn), positive / drawn, 1.959963984540054
    middle = (share + z**2 / (2 * size)) / (1 + z**2 / size)
    half = z / (1 + z**2 / size) * np.sqrt(share * (1 - share) / size + z**2 / (4 * size**2))
    return middle - half, middle + half


class Tally:
    """Counts what intervals hold."""

    def __init__(self) -> None:
        self.held, self.width, self.low, self.high, self.refused = 0, [], 0, 0, 0

    def add(self, low: float, high: float, truth: float) -> None:
        self.held += low - 1e-9 <= truth <= high + 1e-9
        self.low += truth < low - 1e-9
        self.high += truth > high + 1e-9
        self.width.append(high - low)

    def row(self, **about: object) -> Row:
        count = len(self.width)
        width = float(np.mean(self.width)) if count else np.nan
        parts = {"coverage": self.held, "truth_below": self.low, "truth_above": self.high}
        shares = {name: part / max(count, 1) for name, part in parts.items()}
        return {**about, **shares, "width": width, "samples": count, "refused": self.refused}


def _shares_by(methods: tuple[str, ...], samples: int, seed: int, machines: tuple, shares: tuple) -> list[Row]:
    """Every method on the same samples, beside Wilson's interval of human codes alone."""
    rows = []
    for sensitivity, specificity in machines:
        for share in shares:
            rng = np.random.default_rng(seed)
            tallies, alone = {name: Tally() for name in methods}, Tally()
            truth = (np.arange(ANSWERS) < round(ANSWERS * share)) * 1
            for number in range(samples):
                said = pd.DataFrame({"code": machine_codes(truth, rng, sensitivity, specificity)})
                sample = m.draw_sample(said, CODED, seed=seed * 1_000_000 + number)
                human = pd.Series(truth, name="code").loc[sample.index]
                for name, tally in tallies.items():
                    _tally(tally, share, lambda name=name, said=said, human=human, sample=sample: m.prevalence(
                        said, human, probability=sample, method=name
                    ).table)  # fmt: skip
                alone.add(*wilson(int(rng.choice(truth, CODED, replace=False).sum()), CODED, ANSWERS), share)
            wide = np.mean(alone.width)
            about = {"sensitivity": sensitivity, "specificity": specificity, "share": share}
            found = [(name, tally.row(**about, method=name)) for name, tally in tallies.items()]
            found += [("", alone.row(**about, method="Wilson, fpc, no machine"))]
            rows += [row | {"width_ratio": row["width"] / wide} for _, row in found]
    return rows


def _tally(tally: Tally, truth: float, work: Callable[[], pd.DataFrame]) -> None:
    """One interval, or one refusal."""
    try:
        table = work()
    except SurveyError:
        tally.refused += 1
        return
    tally.add(float(table["conf_low"].iloc[0]), float(table["conf_high"].iloc[0]), truth)


def shares(samples: int, seed: int) -> list[Row]:
    return _shares_by(("auto",), samples, seed, ((0.8, 0.95),), SHARES)


def methods(samples: int, seed: int) -> list[Row]:
    every = ("auto", "human", "rogan-gladen", "difference", "ppi++", "dsl")
    return _shares_by(every, samples // 2, seed, ((0.8, 0.95),), SHARES)


def machines(samples: int, seed: int) -> list[Row]:
    kinds = ((0.5, 0.98), (0.6, 0.9), (0.95, 0.99), (0.9, 0.8))
    return _shares_by(("auto",), samples // 4, seed, kinds, (0.02, 0.1, 0.5))


def groups(samples: int, seed: int) -> list[Row]:
    """Two codes and three groups at once, 1500 answers, 240 coded."""
    rng, tallies = np.random.default_rng(seed), {}
    group = np.repeat(["a", "b", "c"], [750, 500, 250])
    chance = {
        "rare": np.repeat([0.04, 0.04, 0.10], [750, 500, 250]),
        "common": np.repeat([0.3, 0.2, 0.1], [750, 500, 250]),
    }
    truth = pd.DataFrame({name: (rng.random(1500) < p) * 1 for name, p in chance.items()}).assign(group=group)
    known = truth.melt("group", var_name="variable").groupby(["variable", "group"])["value"].mean()
    for number in range(samples // 4):
        said = pd.DataFrame({name: machine_codes(truth[name].to_numpy(), rng, 0.8, 0.95) for name in chance})
        sample = m.draw_sample(said, 240, seed=number)
        human = truth.loc[sample.index, list(chance)]
        table = m.prevalence(said.assign(group=group), human, probability=sample, by="group").table
        for row in table.itertuples():
            tally = tallies.setdefault((row.variable, row.group), Tally())
            tally.add(row.conf_low, row.conf_high, known[row.variable, row.group])
    return [tally.row(code=key[0], group=key[1], share=known[key]) for key, tally in sorted(tallies.items())]


def probabilities(samples: int, seed: int) -> list[Row]:
    """A machine that gives calibrated probabilities."""
    rows = []
    for share in (0.02, 0.05, 0.10, 0.25, 0.40):
        rng, tallies = np.random.default_rng(seed), {name: Tally() for name in ("auto", "ppi++", "dsl")}
        wide, chosen = [], 0
        for number in range(samples // 2):
            odds = rng.normal(0, 2, ANSWERS)
            odds += _shift(odds, share)
            p = 1 / (1 + np.exp(-odds))
            truth = pd.Series((rng.random(ANSWERS) < p) * 1, name="code")
            said = pd.DataFrame({"code": p})
            sample = m.draw_sample(said, CODED, seed=number)
            for name, tally in tallies.items():
                table = m.prevalence(said, truth.loc[sample.index], probability=sample, method=name).table
                tally.add(table["conf_low"].iloc[0], table["conf_high"].iloc[0], truth.mean())
                chosen += name == "auto" and table["method"].iloc[0] == "ppi++"
            ends = wilson(int(rng.choice(truth, CODED, replace=False).sum()), CODED, ANSWERS)
            wide.append(ends[1] - ends[0])
        for name, tally in tallies.items():
            row = tally.row(share=share, method=name)
            tuned = chosen / len(wide) if name == "auto" else np.nan
            rows.append(row | {"width_ratio": row["width"] / np.mean(wide), "chose_ppi": tuned})
    return rows


def _shift(odds: np.ndarray, share: float) -> float:
    """What to add to log odds for a mean chance."""
    low, high = -20.0, 20.0
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if np.mean(1 / (1 + np.exp(-odds - middle))) < share else (low, middle)
    return (low + high) / 2


def survey(samples: int, seed: int) -> list[Row]:
    """Answers are a clustered sample of a population: 40 villages of 20 answers in 2 strata, 160 coded."""
    rows = []
    for share in (0.02, 0.05, 0.10, 0.25):
        rng = np.random.default_rng(seed)
        tallies = {name: Tally() for name in ("auto", "human", "difference", "ppi++", "dsl")}
        villages = share * np.exp(rng.normal(0, 0.6, 2000) - 0.18)
        truth = rng.random((2000, 40)) < villages[:, None]
        for number in range(samples // 4):
            drawn = [
                rng.choice(np.arange(stratum, 2000, 2), count, replace=False) for stratum, count in ((0, 24), (1, 16))
            ]
            village = np.concatenate(drawn)
            y = np.concatenate([rng.choice(truth[place], 20, replace=False) for place in village]) * 1
            said = pd.DataFrame({"code": machine_codes(y, rng, 0.8, 0.95)})
            weight = np.repeat(np.where(village % 2 == 0, 1000 / 24, 1000 / 16), 20)
            design = m.make_design(weight=weight, strata=np.repeat(village % 2, 20), clusters=np.repeat(village, 20))
            sample = m.draw_sample(said, 160, seed=number)
            human = pd.Series(y, name="code").loc[sample.index]
            for name, tally in tallies.items():
                options = {"probability": sample, "method": name, "design": design}
                _tally(tally, truth.mean(), lambda options=options, said=said, human=human: m.prevalence(
                    said, human, **options
                ).table)  # fmt: skip
        rows += [tally.row(share=share, method=name) for name, tally in tallies.items()]
    return rows


def regressions(samples: int, seed: int) -> list[Row]:
    """1000 answers in 100 villages, 250 coded; the machine errs more often where x is high."""
    rng, tallies = np.random.default_rng(seed), {}
    for number in range(samples // 2):
        village = np.repeat(np.arange(100), 10)
        x = rng.normal(size=1000) + rng.normal(0, 0.5, 100)[village]
        y = (rng.random(1000) < 1 / (1 + np.exp(1 - 0.7 * x))) * 1
        outcome = 1 + 0.8 * y + 0.5 * x + rng.normal(0, 1, 1000)
        error = rng.random(1000) < np.where(x > 0.5, 0.25, 0.08)
        table = pd.DataFrame({"x": x, "code": np.where(error, 1 - y, y), "outcome": outcome})
        design = m.make_design(weight=np.ones(1000), clusters=village)
        sample = m.draw_sample(table, 250, codes=["code"], seed=number)
        human = pd.Series(y, name="code").loc[sample.index]
        models = {
            "logistic, code as outcome": ("code ~ x", "logistic", {"Intercept": -1.0, "x": 0.7}),
            "linear, code as predictor": ("outcome ~ code + x", "linear", {"Intercept": 1.0, "code": 0.8, "x": 0.5}),
        }
        for name, (formula, family, truth) in models.items():
            options = {"design": design, "family": family}
            corrected = m.coded_regression(table, formula, human, probability=sample, **options)
            plain = m.fit_regression(table, formula, **options)
            for kind, fit in (("corrected", corrected), ("machine codes as they are", plain)):
                for row in fit.terms.itertuples():
                    tally = tallies.setdefault((name, kind, row.term), Tally())
                    tally.add(row.conf_low, row.conf_high, truth[row.term])
    return [tally.row(model=key[0], codes=key[1], term=key[2]) for key, tally in tallies.items()]


PARTS = {
    "shares": shares,
    "methods": methods,
    "machines": machines,
    "groups": groups,
    "probabilities": probabilities,
    "survey": survey,
    "regressions": regressions,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--what", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--to", type=Path)
    options = parser.parse_args()
    tables = {}
    for name in options.what:
        tables[name] = pd.DataFrame(PARTS[name](options.samples, options.seed))
        print(f"\n{name}")
        print(tables[name].round(4).to_string(index=False), flush=True)
    if options.to:
        pd.concat(tables, names=["part"]).reset_index("part").to_csv(options.to, index=False, float_format="%.5f")


if __name__ == "__main__":
    main()
