"""How often 95 % intervals hold the truth, over many simulated clustered samples.

    python benchmarks/coverage_estimators.py [--what means quantiles ...] [--samples 1000] [--designs 24x20 60x8 120x4]
                                             [--allocation mild] [--to benchmarks/coverage_estimators.csv]

Samples are drawn from a fixed population of villages in four strata, unequally; the truth is what the estimator itself
gives of the whole population (for models of groups: the values the data are drawn by). ``--to`` replaces the rows that
were measured again and keeps the others.
"""

import argparse
from collections.abc import Callable
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey import modelling as m
from kzsurvey.errors import SurveyError

STRATA, SPREAD = 4, 0.5
# Shares of the strata, which are of one size, in a sample. Under ``steep`` one stratum has a tenth of the clusters and
# a quarter of the people: the degrees of freedom that count are a third of those of the design.
ALLOCATIONS = {"mild": (0.35, 0.25, 0.2, 0.2), "steep": (0.4, 0.3, 0.2, 0.1)}
METHODS = ("logit", "likelihood", "beta", "asin", "wilson", "mean")
Ends = dict[str, tuple[float, float]]


def population(seed: int, villages: int = 2400, size: int = 40) -> pd.DataFrame:
    """Villages in strata; everything differs between villages, and some things rarely happen."""
    rng = np.random.default_rng(seed)
    village = np.repeat(np.arange(villages), size)
    count = len(village)
    effect = rng.normal(0, SPREAD, villages)[village]
    load = rng.normal(0, 1, villages)[village]  # the same for all of a village, as vacancies are
    x = rng.normal(0, 1, count) + 0.3 * effect
    half, group = (rng.random(count) < 0.4) * 1, village // STRATA % 3
    y = 1 + 0.5 * load + 0.4 * x + effect + 0.3 * half + 0.25 * group + rng.normal(0, 1, count)
    moderator = rng.normal(0, 1, count)
    mediator = 0.4 * load + 0.2 * x + 0.5 * effect + rng.normal(0, 1, count)
    leaning = 0.3 * load + (0.5 - 0.2 * moderator) * mediator + 0.3 * moderator + effect
    happened = {name: rng.random(count) < chance for name, chance in _chances(load, x, effect, leaning).items()}
    columns = {"village": village, "stratum": village % STRATA, "load": load, "x": x, "y": y}
    columns |= {"rating": np.searchsorted([-0.5, 0.6, 1.5, 2.6], y) + 1, "group": group}
    columns |= {"half": half, "moderator": moderator, "mediator": mediator}
    columns |= {"leaves": leaning + rng.normal(0, 1, count)}
    return pd.DataFrame(columns | {name: flags * 1.0 for name, flags in happened.items()})


def _chances(load: np.ndarray, x: np.ndarray, effect: np.ndarray, leaning: np.ndarray) -> dict[str, np.ndarray]:
    """Chances of what happens or not; the rare ones differ between villages as well."""
    rare = np.exp(effect - SPREAD**2 / 2)
    return {
        "b": 1 / (1 + np.exp(-(-0.5 + 0.4 * load + 0.5 * x + effect))),
        "p05": 0.05 * rare,
        "p02": 0.02 * rare,
        "quits": 1 / (1 + np.exp(0.3 - leaning)),
    }


def sample(
    people: pd.DataFrame, clusters: int, each: int, rng: np.random.Generator, shares: tuple[float, ...]
) -> tuple[pd.DataFrame, m.Design]:
    """Rows of a stratified two-stage sample, unequally many per stratum, and its design (with replacement)."""
    size = len(people) // people["village"].nunique()
    villages = len(people) // size
    rows, weight = [], []
    for stratum, share in enumerate(shares):
        here, count = np.arange(stratum, villages, STRATA), max(2, round(clusters * share))
        for village in rng.choice(here, count, replace=False):
            rows.append(village * size + rng.choice(size, each, replace=False))
            weight.append(np.full(each, len(here) / count * size / each))
    table = people.iloc[np.concatenate(rows)].reset_index(drop=True)
    return table, m.make_design(table, weight=np.concatenate(weight), strata="stratum", clusters="village")


class Found(NamedTuple):
    """Estimates and intervals by name, or what was refused."""

    estimates: dict[str, float]
    ends: Ends
    refused: tuple[str, ...] = ()


class Collected:
    """Gathers estimates and intervals of one sample; a refusal counts, and stops nothing."""

    def __init__(self) -> None:
        self.estimates, self.ends, self.refused = {}, {}, []

    def add(self, name: str, work: Callable[[], pd.DataFrame], rows: dict[str, object] | None = None) -> None:
        """Rows of a table with ``estimate``, ``conf_low``, ``conf_high``; the first where none are named."""
        try:
            table = work()
        except SurveyError:
            self.refused += [f"{name} {row}".strip() for row in (rows or {"": 0})]
            return
        for label, row in (rows or {"": table.index[0]}).items():
            called = f"{name} {label}".strip()
            self.estimates[called] = float(table.loc[row, "estimate"])
            self.ends[called] = (float(table.loc[row, "conf_low"]), float(table.loc[row, "conf_high"]))

    def found(self) -> Found:
        return Found(self.estimates, self.ends, tuple(self.refused))


Measured = Callable[[pd.DataFrame, m.Design], Found]


def means(table: pd.DataFrame, design: m.Design) -> Found:
    to = Collected()
    to.add("mean", lambda: m.mean("y", table, design=design).table)
    to.add("total", lambda: m.total("y", table, design=design).table)
    to.add("ratio", lambda: m.ratio("y", "rating", table, design=design).table)
    to.add("variance", lambda: m.variances("y", table, design=design).table)
    by = m.mean("y", table, design=design, by="half")
    to.add("difference of means", lambda: m.differences(by).table)
    return to.found()


def proportions(table: pd.DataFrame, design: m.Design) -> Found:
    to = Collected()
    for column, name in (("b", ".40"), ("p05", ".05"), ("p02", ".02")):
        for method in METHODS:
            work = lambda column=column, method=method: m.proportion(column, table, design=design, method=method).table  # noqa: E731
            to.add(f"proportion {name}, {method}", work)
    return to.found()


def quantiles(table: pd.DataFrame, design: m.Design) -> Found:
    to = Collected()
    rows = {"p10": 0, "median": 1, "p90": 2}
    for interval in ("xlogit", "mean", "beta", "score"):
        options = {"p": [0.1, 0.5, 0.9], "design": design, "interval": interval}
        to.add(f"quantile, {interval},", lambda options=options: m.quantile("y", table, **options).table, rows)
    to.add("median of ratings, score", lambda: m.quantile("rating", table, design=design, interval="score").table)
    return to.found()


def regressions(table: pd.DataFrame, design: m.Design) -> Found:
    to = Collected()
    rows = {"load": 1, "x": 2}
    for family, outcome in (("linear", "y"), ("logistic", "b"), ("poisson", "rating")):
        options = {"design": design, "family": family}
        work = lambda outcome=outcome, options=options: m.fit_regression(table, f"{outcome} ~ load + x", **options)  # noqa: E731
        to.add(family, lambda work=work: work().terms, rows)
    to.add(
        "logistic CR2",
        lambda: m.fit_regression(table, "b ~ load + x", design=design, family="logistic", small_sample="CR2").terms,
        rows,
    )
    to.add(
        "marginal effect, logistic,",
        lambda: (
            m.marginal_effects(m.fit_regression(table, "b ~ load + x", design=design, family="logistic"), table).table
        ),
        {"load": 0, "x": 1},
    )
    return to.found()


def ordinal(table: pd.DataFrame, design: m.Design) -> Found:
    to = Collected()
    for link in ("logit", "probit", "cloglog"):
        work = lambda link=link: m.fit_ordinal(table, "rating ~ load + x", design=design, link=link).terms  # noqa: E731
        to.add(f"ordinal {link}", work, {"2|3": 1, "load": 4, "x": 5})
    return to.found()


def correlations(table: pd.DataFrame, design: m.Design) -> Found:
    to = Collected()
    names = ["x", "y", "mediator"]
    rows = {"x y": 0, "y mediator": 2}
    for method in ("pearson", "spearman"):
        work = lambda method=method: m.correlations(names, table, design=design, method=method).table  # noqa: E731
        to.add(method, work, rows)
    to.add("partial", lambda: m.correlations(["x", "y"], table, design=design, controls=["load"]).table)
    items = ["rating", "y", "mediator", "leaves"]
    to.add(
        "alpha",
        lambda: m.reliability(items, table, design=design).scale.rename(
            columns={"alpha": "estimate", "alpha_low": "conf_low", "alpha_high": "conf_high"}
        ),
    )
    return to.found()


def effect_sizes(table: pd.DataFrame, design: m.Design) -> Found:
    to = Collected()
    words = table.astype({"rating": str, "group": str})
    tests = {
        "t test": lambda: m.t_test("y", table, by="half", design=design),
        "one-way": lambda: m.one_way("y", table, by="group", design=design),
        "rank test": lambda: m.rank_test("rating", table, by="half", design=design),
        "chi-square": lambda: m.chi_square("rating", words, by="group", design=design),
    }
    for name, test in tests.items():
        work = lambda test=test: test().effects.set_index("effect")  # noqa: E731
        to.add(name, work, {effect: effect for effect in EFFECTS[name]})
    return to.found()


EFFECTS = {
    "t test": ("difference in means", "Cohen's d", "Hedges' g"),
    "one-way": ("eta squared", "omega squared"),
    "rank test": ("probability of superiority",),
    "chi-square": ("Cramer's V",),
}


def mediation(interval: str, small_sample: str = "none") -> Measured:
    """Logistic outcome without, linear outcome with a moderator of the second path."""
    called = interval if small_sample == "none" else f"{interval} {small_sample}"

    def measure(table: pd.DataFrame, design: m.Design) -> Found:
        to = Collected()
        options = {"treatment": "load", "mediators": "mediator ~ load + x", "design": design, "draws": 500}
        options |= {"interval": interval, "small_sample": small_sample, "low": 0, "high": 1}
        to.add(
            f"mediation, logistic, {called},",
            lambda: m.mediate(
                table, outcome="quits ~ mediator + load + x", kinds={"quits": "logistic"}, **options
            ).terms.set_index("term"),
            {term: term for term in ("indirect", "direct", "total")},
        )
        options["mediators"] = "mediator ~ load + x + moderator"
        to.add(
            f"moderated mediation, {called},",
            lambda: m.mediate(
                table, outcome="leaves ~ mediator * moderator + load + x", at={"moderator": [-1, 1]}, **options
            ).terms.set_index("term"),
            {term: term for term in ("indirect[moderator=-1]", "indirect[moderator=1]", "index[moderator]", "total")},
        )
        return to.found()

    return measure


def moderation(table: pd.DataFrame, design: m.Design) -> Found:
    """Slopes along a moderator, and where the effect is 0, without and with a correction for few clusters."""
    to, rows = Collected(), {f"at {value}": place for place, value in enumerate((-1, 0, 1))}
    about = ("mediator", "moderator")
    slopes = lambda fit: m.simple_slopes(fit, *about, [-1, 0, 1], table=table)  # noqa: E731
    ends = lambda fit: crossing(m.johnson_neyman(fit, *about, table=table))  # noqa: E731
    for kind in ("none", "CR2"):
        called = "" if kind == "none" else f" {kind}"
        options = {"design": design, "small_sample": kind}
        fit = m.fit_regression(table, "leaves ~ mediator * moderator + load + x", **options)
        to.add(f"slope{called}", partial(slopes, fit), rows)
        to.add(f"Johnson-Neyman crossing{called}", partial(ends, fit))
    return to.found()


def crossing(found: m.JohnsonNeyman) -> pd.DataFrame:
    """Where the effect is 0, and the boundaries around it; infinite where there is none on one side."""
    ends, at = found.boundaries["value"].to_numpy(), found.crossing
    low, high = ends[ends <= at].max(initial=-np.inf), ends[ends >= at].min(initial=np.inf)
    return pd.DataFrame({"estimate": [at], "conf_low": [low], "conf_high": [high]})


def corrected(table: pd.DataFrame, design: m.Design) -> Found:
    """What few clusters, and strata of unequal weight, ask for: fewer degrees of freedom, or CR2."""
    to, rows, right = Collected(), {"load": 1, "x": 2}, "load + x"
    fewer = {"design": design, "df": "satterthwaite"}
    to.add("mean, satterthwaite", lambda: m.mean("y", table, **fewer).table)
    to.add("ratio, satterthwaite", lambda: m.ratio("y", "rating", table, **fewer).table)
    to.add("variance, satterthwaite", lambda: m.variances("y", table, **fewer).table)
    share = lambda column, method: m.proportion(column, table, method=method, **fewer).table  # noqa: E731
    for column, name in (("b", ".40"), ("p05", ".05"), ("p02", ".02")):
        for method in ("logit", "beta"):
            to.add(f"proportion {name}, {method}, satterthwaite", partial(share, column, method))
    terms = lambda outcome, options: m.fit_regression(table, f"{outcome} ~ {right}", **options).terms  # noqa: E731
    for family, outcome in (("linear", "y"), ("logistic", "b")):
        to.add(f"{family} satterthwaite", partial(terms, outcome, fewer | {"family": family}), rows)
        few = {"design": design, "family": family, "small_sample": "CR2"}
        to.add(f"{family} CR2", partial(terms, outcome, few), rows)
    ranks = {"load": 4, "x": 5}
    to.add("ordinal logit satterthwaite", lambda: m.fit_ordinal(table, f"rating ~ {right}", **fewer).terms, ranks)
    return to.found()


def mixed(table: pd.DataFrame, design: m.Design) -> Found:
    """A table of groups drawn by the model itself; see :func:`groups`."""
    to = Collected()
    fit = m.fit_mixed(table, "y ~ load + x", groups="village")
    to.add("random intercept", lambda: fit.terms, {"load": 1, "x": 2})
    icc = {name: [fit.summary[key]] for name, key in zip(ENDS, ("icc", "icc_low", "icc_high"), strict=True)}
    to.add("random intercept icc", lambda: pd.DataFrame(icc))
    sloped = m.fit_mixed(table, "y ~ load + x", groups="village", slopes="x")
    to.add("random slope", lambda: sloped.terms, {"load": 1, "x": 2})
    return to.found()


ENDS = ("estimate", "conf_low", "conf_high")


def groups(clusters: int, each: int, rng: np.random.Generator) -> tuple[pd.DataFrame, m.Design]:
    """Villages drawn anew by a random-intercept model, all with one weight."""
    village = np.repeat(np.arange(clusters), each)
    load, x = rng.normal(size=clusters)[village], rng.normal(size=clusters * each)
    y = 0.5 * load + 0.4 * x + SPREAD * rng.normal(size=clusters)[village] + rng.normal(size=clusters * each)
    table = pd.DataFrame({"village": village, "load": load, "x": x, "y": y})
    return table, m.make_design(table, clusters="village")


def mixed_logistic(table: pd.DataFrame, design: m.Design) -> Found:
    """The same with an outcome of 0 and 1; see :func:`flags`."""
    to = Collected()
    fit = m.fit_mixed(table, "b ~ load + x", groups="village", family="logistic", nodes=9)
    to.add("mixed logistic", lambda: fit.terms, {"load": 1, "x": 2})
    return to.found()


def flags(clusters: int, each: int, rng: np.random.Generator) -> tuple[pd.DataFrame, m.Design]:
    """Villages drawn anew by a logistic random-intercept model."""
    village = np.repeat(np.arange(clusters), each)
    load, x = rng.normal(size=clusters)[village], rng.normal(size=clusters * each)
    eta = 0.5 * load + 0.4 * x + rng.normal(size=clusters)[village]
    table = pd.DataFrame({"village": village, "load": load, "x": x})
    table["b"] = (rng.random(len(table)) < 1 / (1 + np.exp(-eta))) * 1.0
    return table, m.make_design(table, clusters="village")


MIXED_TRUTH = {
    "random intercept load": 0.5,
    "random intercept x": 0.4,
    "random intercept icc": SPREAD**2 / (1 + SPREAD**2),
    "random slope load": 0.5,
    "random slope x": 0.4,
}


# Parts whose samples are drawn by the model itself: how, and the truth.
DRAWN_ANEW = {
    "mixed": (groups, MIXED_TRUTH),
    "mixed_logistic": (flags, {"mixed logistic load": 0.5, "mixed logistic x": 0.4}),
}


def quick(table: pd.DataFrame, design: m.Design) -> Found:
    to = Collected()
    to.add("mean", lambda: m.mean("y", table, design=design).table)
    to.add("proportion .40", lambda: m.proportion("b", table, design=design).table)
    to.add("proportion .02", lambda: m.proportion("p02", table, design=design, method="beta").table)
    rows = {"load": 1, "x": 2}
    to.add("linear", lambda: m.fit_regression(table, "y ~ load + x", design=design).terms, rows)
    to.add("logistic", lambda: m.fit_regression(table, "b ~ load + x", design=design, family="logistic").terms, rows)
    return to.found()


WHAT: dict[str, Measured] = {
    "means": means,
    "proportions": proportions,
    "quantiles": quantiles,
    "regressions": regressions,
    "ordinal": ordinal,
    "correlations": correlations,
    "effect_sizes": effect_sizes,
    "mixed": mixed,
    "mixed_logistic": mixed_logistic,
    "mediation_delta": mediation("delta"),
    "mediation_quasi": mediation("quasi"),
    "mediation_bootstrap": mediation("bootstrap"),
    "mediation_delta CR2": mediation("delta", "CR2"),
    "moderation": moderation,
    "corrected": corrected,
}
ALL = WHAT | {"quick": quick}


@lru_cache
def people_of(seed: int) -> pd.DataFrame:
    return population(seed)


@lru_cache
def truth_of(what: str, seed: int) -> dict[str, float]:
    """What the estimators of a part give of the whole population."""
    if what in DRAWN_ANEW:
        return DRAWN_ANEW[what][1]
    people = people_of(seed)
    everybody = m.make_design(people, weight=np.ones(len(people)), clusters="village")
    closed = mediation("delta") if what.startswith("mediation") else ALL[what]
    found = closed(people, everybody).estimates
    return {name.replace(", delta,", f", {what.partition('_')[2]},"): value for name, value in found.items()}


def measured(
    what: str, clusters: int, each: int, samples: int, *, allocation: str = "mild", seed: int = 1
) -> pd.DataFrame:
    """Share of the intervals of one part that hold the truth, one row per estimator."""
    truth, rng, shares = truth_of(what, seed), np.random.default_rng(seed + 1), ALLOCATIONS[allocation]
    counts = {name: [0, 0, 0] for name in truth}  # held, answered, refused
    for _ in range(samples):
        if what in DRAWN_ANEW:
            drawn = DRAWN_ANEW[what][0](clusters, each, rng)
        else:
            drawn = sample(people_of(seed), clusters, each, rng, shares)
        try:
            found = ALL[what](*drawn)
        except SurveyError:
            found = Found({}, {}, tuple(truth))
        for name, (low, high) in found.ends.items():
            counts[name][0] += bool(low <= truth[name] <= high)
            counts[name][1] += 1
        for name in found.refused:
            counts[name][2] += 1
    table = pd.DataFrame(counts, index=["held", "answered", "refused"]).T
    covered = table["held"] / table["answered"]
    error = np.sqrt(covered * (1 - covered) / table["answered"])
    about = {"what": what, "estimator": table.index, "nominal": 0.95, "coverage": covered, "simulation_error": error}
    about |= {
        "clusters": clusters,
        "each": each,
        "allocation": allocation,
        "samples": table["answered"],
        "refused": table["refused"],
    }
    return pd.DataFrame(about | {"truth": pd.Series(truth)}).reset_index(drop=True)


def coverage(
    clusters: int, each: int, samples: int, *, seed: int = 1, show: Callable[[str], None] = print
) -> pd.DataFrame:
    """A few estimators only: what a test can wait for."""
    table = (
        measured("quick", clusters, each, samples, seed=seed)
        .set_index("estimator")[["coverage"]]
        .rename(columns={"coverage": "covered"})
    )
    show(f"{clusters} clusters of {each}, {samples} samples")
    show((100 * table).round(1).T.to_string())
    return table


def kept(path: Path, new: pd.DataFrame) -> pd.DataFrame:
    """What was measured before and not again, and the new rows, in the order of WHAT."""
    keys = ["what", "estimator", "clusters", "each", "allocation"]
    both = pd.concat([pd.read_csv(path), new]) if path.exists() else new
    both = both.drop_duplicates(keys, keep="last")
    known = both[both["what"].isin(WHAT)]
    return known.sort_values(["what", "allocation", "clusters"], key=_order, kind="stable")


def _order(column: pd.Series) -> pd.Series:
    return column.map({name: number for number, name in enumerate(WHAT)}) if column.name == "what" else column


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--what", nargs="+", choices=WHAT, default=list(WHAT))
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--designs", nargs="+", default=["24x20", "60x8", "120x4"])
    parser.add_argument("--allocation", choices=ALLOCATIONS, default="mild")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--to", type=Path)
    options = parser.parse_args()
    for what in options.what:
        for text in options.designs:
            clusters, each = (int(part) for part in text.split("x"))
            table = measured(what, clusters, each, options.samples, allocation=options.allocation, seed=options.seed)
            made = {name: version(name) for name in ("kzsurvey", "numpy")}
            with pd.option_context("display.width", 200, "display.max_colwidth", 60):
                print(table.drop(columns=["what", "nominal"]).round(4).to_string(index=False), flush=True)
            if options.to:
                new = table.assign(seed=options.seed, **made).round(5)
                kept(options.to, new).to_csv(options.to, index=False, lineterminator="\n")


if __name__ == "__main__":
    main()
