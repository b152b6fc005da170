"""How one variable of a simulated interview is drawn, given its linear predictor; the only place that knows shapes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time
from typing import Any

import numpy as np
import pandas as pd

Drawn = np.ndarray | pd.Series
MINUTES_A_DAY = 24 * 60


@dataclass(frozen=True)
class Distribution:
    """One shape a variable can have.

    Attributes
    ----------
    draw : function
        Takes the linear predictor ((n,) array), the parameters, the table drawn so far and the generator.
    required, optional : tuple of str
        Parameters of a declaration in simulation.toml.
    """

    draw: Callable[[np.ndarray, Mapping[str, Any], pd.DataFrame, np.random.Generator], Drawn]
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


def _normal(location, parameters, table, generator):
    """Normal around the predictor."""
    return location + parameters["scale"] * generator.standard_normal(len(location))


def _lognormal(location, parameters, table, generator):
    """The predictor is the median on the log scale."""
    return np.exp(_normal(location, parameters, table, generator))


def _poisson(location, parameters, table, generator):
    """The predictor is the log of the mean."""
    return generator.poisson(np.exp(location))


def _negative_binomial(location, parameters, table, generator):
    """Poisson with a gamma-distributed mean: variance = mean + mean^2 / shape."""
    shape = parameters["shape"]
    return generator.poisson(generator.gamma(shape, np.exp(location) / shape))


def _binomial(location, parameters, table, generator):
    """Successes among ``trials`` (a number, or a variable drawn before); the predictor is the logit."""
    trials = parameters["trials"]
    trials = table[trials].fillna(0).to_numpy("int64") if isinstance(trials, str) else trials
    return generator.binomial(trials, _logistic(location))


def _bernoulli(location, parameters, table, generator):
    """The second of two ``values`` with the probability whose logit is the predictor."""
    values = np.array(parameters.get("values", [0, 1]), dtype=object)
    return values[(generator.random(len(location)) < _logistic(location)).astype(int)]


def _choice(location, parameters, table, generator):
    """One of ``options``; ``by`` names variables whose values (joined by /) choose among several lists of shares.

    ``shift`` adds a multiple of the predictor to the log share of an option.
    """
    shares, shift = parameters["options"], parameters.get("shift", {})
    group, lists = _groups(table, parameters.get("by", [])), shares if "by" in parameters else {"": shares}
    names = sorted({name for shared in lists.values() for name in shared})
    number, groups = pd.factorize(group)
    known = np.array([[lists.get(key, lists.get("other", {})).get(name, 0.0) for name in names] for key in groups])
    lost = known.sum(axis=1) == 0  # nobody said what these draw: all options alike, the form will not ask them
    weights = (known + lost[:, None])[number] * np.exp(np.outer(location, [shift.get(name, 0.0) for name in names]))
    reached = weights.cumsum(axis=1)
    drawn = generator.random(len(location)) * reached[:, -1]
    return np.array(names, dtype=object)[(drawn[:, None] >= reached).sum(axis=1)]


def _groups(table: pd.DataFrame, by: list[str]) -> pd.Series:
    """The values of some variables joined by a slash."""
    columns = [table[name].astype("object").fillna("").astype("str") for name in by]
    first = columns[0] if columns else pd.Series("", index=table.index, dtype="str")
    return first.str.cat(columns[1:], sep="/") if columns[1:] else first


def _subset(location, parameters, table, generator):
    """Each of ``options`` with its own chance, joined by spaces; ``none`` where no option came up."""
    names = np.array(list(parameters["options"]), dtype=object)
    picks = generator.random((len(location), len(names))) < np.array(list(parameters["options"].values()))
    patterns, number = np.unique(picks, axis=0, return_inverse=True)
    words = np.array([" ".join(names[pick]) or parameters["none"] for pick in patterns], dtype=object)
    return words[number]


def _ordinal(location, parameters, table, generator):
    """Cut a logistic latent variable at ``thresholds`` into ``values`` (1, 2, 3, ... where none are named)."""
    thresholds = np.array(parameters["thresholds"])
    values = np.array(parameters.get("values", range(1, len(thresholds) + 2)), dtype=object)
    return values[np.searchsorted(thresholds, location + generator.logistic(size=len(location)))]


def _uniform(location, parameters, table, generator):
    """Anything between ``least`` and ``most`` alike."""
    return generator.uniform(parameters["least"], parameters["most"], len(location))


def _number(location, parameters, table, generator):
    """Running numbers from 1, written as ``text`` says; ``by`` numbers within the values of a variable."""
    if by := parameters.get("by"):
        running = table.groupby(by, observed=True).cumcount() + 1
        return np.array([parameters["text"].format(k, by=v) for k, v in zip(running, table[by], strict=True)], object)
    return np.array([parameters["text"].format(k) for k in range(1, len(location) + 1)], dtype=object)


def _words(location, parameters, table, generator):
    """One of ``words``, all alike."""
    return np.array(parameters["words"], dtype=object)[generator.integers(len(parameters["words"]), size=len(location))]


def _same(location, parameters, table, generator):
    """The ``value`` itself for everybody."""
    return np.full(len(location), parameters["value"], dtype=object)


def _date(location, parameters, table, generator):
    """A day between ``first`` and ``last``, Sundays left out."""
    days = pd.date_range(parameters["first"], parameters["last"], unit="us")
    days = days[days.day_of_week < 6]
    return days[generator.integers(len(days), size=len(location))].to_numpy()


def _time(location, parameters, table, generator):
    """A full five minutes between ``first`` and ``last``."""
    first, last = minutes(parameters["first"]), minutes(parameters["last"])
    return clock(5 * np.round(generator.uniform(first, last, len(location)) / 5))


def _later(location, parameters, table, generator):
    """A time after the time ``of``, by a lognormal number of minutes of at least ``least``."""
    start = table[parameters["of"]].map(minutes).to_numpy("float64")
    lasted = np.maximum(np.round(_lognormal(location, parameters, table, generator)), parameters["least"])
    return clock(np.minimum(start + lasted, MINUTES_A_DAY - 1))


DISTRIBUTIONS: dict[str, Distribution] = {
    "normal": Distribution(_normal, ("scale",)),
    "lognormal": Distribution(_lognormal, ("scale",)),
    "poisson": Distribution(_poisson),
    "negative_binomial": Distribution(_negative_binomial, ("shape",)),
    "binomial": Distribution(_binomial, ("trials",)),
    "bernoulli": Distribution(_bernoulli, (), ("values",)),
    "choice": Distribution(_choice, ("options",), ("shift", "by")),
    "subset": Distribution(_subset, ("options", "none")),
    "ordinal": Distribution(_ordinal, ("thresholds",), ("values",)),
    "uniform": Distribution(_uniform, ("least", "most")),
    "number": Distribution(_number, ("text",), ("by",)),
    "words": Distribution(_words, ("words",)),
    "same": Distribution(_same, ("value",)),
    "date": Distribution(_date, ("first", "last")),
    "time": Distribution(_time, ("first", "last")),
    "later": Distribution(_later, ("of", "scale", "least")),
}


def likert(latent: np.ndarray, items: tuple[str, ...], parameters: Mapping, generator) -> dict[str, np.ndarray]:
    """Answers to the items of one scale: loading x latent + noise, cut at thresholds.

    Parameters
    ----------
    latent : (n,) array
        What the items have in common; mean about 0, standard deviation about 1.
    items : tuple of str
        In the order of ``loadings``; one loading may stand for all.
    parameters : mapping
        ``loadings``, ``noise`` (standard deviations), ``thresholds``.
    generator : numpy Generator

    Returns
    -------
    dict of item to (n,) array
        1, 2, ... before reversed items are turned round.

    Examples
    --------
    >>> parameters = {"loadings": [1.0], "noise": 0.0, "thresholds": [-1.5, -0.5, 0.5, 1.5]}
    >>> likert(np.array([-2.0, 0.0, 2.0]), ("busy",), parameters, np.random.default_rng(1))["busy"].tolist()
    [1, 3, 5]
    """
    loadings = np.broadcast_to(parameters["loadings"], len(items))
    noise = parameters["noise"] * generator.standard_normal((len(items), len(latent)))
    return {
        item: np.searchsorted(parameters["thresholds"], loading * latent + row) + 1
        for item, loading, row in zip(items, loadings, noise, strict=True)
    }


def minutes(clock_time: str | time) -> int:
    """Minutes since midnight of a time written as hours:minutes[:seconds]."""
    hour, minute = str(clock_time).split(":")[:2]
    return 60 * int(hour) + int(minute)


def clock(since_midnight: np.ndarray) -> np.ndarray:
    """Minutes since midnight written as ``HH:MM:SS``."""
    return np.array([f"{int(m) // 60:02d}:{int(m) % 60:02d}:00" for m in since_midnight], dtype=object)


def is_date(value: object) -> bool:
    """Whether a setting is a day, written as TOML or as text."""
    if isinstance(value, date):
        return True
    try:
        date.fromisoformat(str(value))
    except ValueError:
        return False
    return True


def _logistic(location: np.ndarray) -> np.ndarray:
    """Inverse logit, without overflow."""
    return 0.5 * (1 + np.tanh(0.5 * location))
