"""The chains: every item in turn imputed from all others, in all sets side by side, cycle after cycle."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kzsurvey.modelling.missing.categories_drawn import (
    Cumulative,
    Memory,
    Softmax,
    augmented,
    draw_categories,
    start_variance,
)
from kzsurvey.modelling.missing.layout import Layout, Step, encoded
from kzsurvey.modelling.missing.numbers_drawn import draw_line, draw_normal, matched
from kzsurvey.modelling.missing.streams import Streams
from kzsurvey.modelling.missing.variables import Variable
from kzsurvey.modelling.sampling.threads import one_thread


class Chained(NamedTuple):
    """What the chains leave.

    Attributes
    ----------
    values : dict of item to (m, k) array, imputed numbers or codes of the rows without an answer
    trace : (cycles, items, 2, m) array, mean and standard deviation of the imputed values after each cycle
    events : list of what was noticed
    """

    values: dict[str, np.ndarray]
    trace: np.ndarray
    events: list[dict[str, object]]


class _Kept(NamedTuple):
    """What a step remembers from cycle to cycle."""

    memory: object = None
    guarded: bool = False


def started(
    layout: Layout, variables: Sequence[Variable], streams: dict[str, Streams], sets: int
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The stack (m, P, n) before the first cycle: gaps filled with answers of others, drawn by chance.

    Returns
    -------
    stack, values filled in by item
    """
    rows = len(layout.weight)
    stack = np.empty((sets, len(layout.names), rows))
    stack[:, : len(layout.fixed)] = layout.fixed
    values = {}
    for variable in variables:
        block = layout.blocks[variable.name]
        stack[:, block.columns] = encoded(variable, block, variable.numbers)
        fill = np.flatnonzero(variable.missing)
        if len(fill):
            given = variable.numbers[variable.observed]
            values[variable.name] = given[streams[variable.name].choice(len(given), len(fill))]
            stack[:, block.columns, fill] = encoded(variable, block, values[variable.name])
    return stack, values


@one_thread
def run_chains(
    layout: Layout,
    stack: np.ndarray,
    values: dict[str, np.ndarray],
    streams: dict[str, Streams],
    *,
    cycles: int,
    donors: int,
) -> Chained:
    """Cycles over all items.

    Parameters
    ----------
    layout : Layout, with its steps
    stack : (m, P, n) array, from :func:`started`; changed
    values : dict of item to (m, k) array, filled in at the start
    streams : dict of item to Streams
    cycles : int
    donors : int, of predictive mean matching

    Returns
    -------
    Chained
    """
    sets, values, events = len(stack), dict(values), []
    kept = {step.variable.name: _Kept() for step in layout.steps}
    trace = np.empty((cycles, len(layout.steps), 2, sets))
    for cycle in range(cycles):
        for number, step in enumerate(layout.steps):
            name = step.variable.name
            found, kept[name], seen = _visited(step, layout, stack, kept[name], streams[name], donors)
            events += [{"item": name, "predictor": "", "cycle": cycle + 1} | event for event in seen]
            values[name] = found
            block = layout.blocks[name]
            stack[:, block.columns, step.fill] = encoded(step.variable, block, found)
            trace[cycle, number] = found.mean(axis=1), found.std(axis=1)
    return Chained(values, trace, events)


def _visited(
    step: Step, layout: Layout, stack: np.ndarray, kept: _Kept, streams: Streams, donors: int
) -> tuple[np.ndarray, _Kept, list[dict[str, str]]]:
    """Impute one item in all sets."""
    intercept = step.variable.method != "ordinal"
    learn, fill = (_matrix(step, layout, stack, rows, intercept=intercept) for rows in (step.learn, step.fill))
    visit = _number if step.variable.method in ("pmm", "normal") else _category
    return visit(step, learn, fill, kept, streams, donors)


def _matrix(step: Step, layout: Layout, stack: np.ndarray, rows: np.ndarray, *, intercept: bool) -> np.ndarray:
    """(m, p, k) predictors of some rows."""
    columns = step.columns if intercept else step.columns[1:]
    parts = [np.take(stack[:, columns], rows, axis=2)]
    for score in step.scores:
        items = np.take(stack[:, score.columns], rows, axis=2)
        parts.append(np.matmul(score.factor, items)[:, None])
    if len(step.weighted):
        again = [np.take(stack[:, step.weighted], rows, axis=2), *parts[1:]]
        parts += [part * layout.weight[rows] for part in again]
    return parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)


def _number(
    step: Step, learn: np.ndarray, fill: np.ndarray, kept: _Kept, streams: Streams, donors: int
) -> tuple[np.ndarray, _Kept, list[dict[str, str]]]:
    """A number, by a linear model."""
    variable = step.variable
    answers = variable.numbers[step.learn]
    centre, spread = answers.mean(), answers.std()
    line = draw_line((answers - centre) / spread, learn, streams, groups=step.groups, spread=kept.memory)
    events = _ridge_events(line.ridged)
    if (line.sigma < 1e-6).any():
        events.append({"event": "perfect prediction", "detail": "the others leave no doubt about its value"})
    if variable.method == "pmm":
        values = matched(line, answers, learn, fill, streams, donors=donors, groups=step.groups)
    else:
        bounds = tuple((end - centre) / spread for end in (variable.low, variable.high))
        codes = None if step.groups is None else step.groups.fill
        values = centre + spread * draw_normal(line, fill, streams, codes, bounds)
    return values, _Kept(line.spread), events


def _category(
    step: Step, learn: np.ndarray, fill: np.ndarray, kept: _Kept, streams: Streams, donors: int
) -> tuple[np.ndarray, _Kept, list[dict[str, str]]]:
    """A category, by a logistic, multinomial or proportional-odds model; guarded once a prediction was perfect."""
    variable, sets = step.variable, len(learn)
    answers, levels = variable.numbers[step.learn].astype(int), len(variable.levels)
    kind = Cumulative if variable.method == "ordinal" else Softmax
    memory: Memory | None = kept.memory
    variance = memory.variance if memory else start_variance(sets, levels, variable.method)
    codes = None if step.groups is None else step.groups.fill
    events: list[dict[str, str]] = []
    if not kept.guarded:
        model = kind(answers, learn, np.ones(len(answers)), levels, step.groups, variance)
        found = draw_categories(model, fill, streams, codes, memory)
        if found.arrived and not found.perfect:
            return found.values, _Kept(found.memory), _ridge_events(found.ridged)
        detail = "answers follow from others without doubt; rows added as White, Daniel and Royston do"
        events.append({"event": "perfect prediction", "detail": detail})
        memory = None
    more = augmented(answers, learn, levels, intercept=kind is Softmax)
    found = draw_categories(kind(*more, levels, step.groups, variance), fill, streams, codes, memory)
    if not found.arrived:
        events.append({"event": "no centre", "detail": "the most likely coefficients were not found in every set"})
    return found.values, _Kept(found.memory, guarded=True), events + _ridge_events(found.ridged)


def _ridge_events(ridged: np.ndarray) -> list[dict[str, str]]:
    if not ridged.any():
        return []
    return [
        {"event": "ridge", "detail": f"predictors that repeat each other in {int(ridged.sum())} of {len(ridged)} sets"}
    ]
