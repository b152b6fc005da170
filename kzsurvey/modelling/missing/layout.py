"""Which columns predict which item: the design beside the other items, without columns that repeat each other.

All m sets stand side by side in one array, so that every step of the chains is a few products of stacked matrices.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.missing.variables import Variable
from kzsurvey.modelling.sampling.design import Design

_REPEATED = 1e-7  # relative size of what is left of a column after the columns before it, as in R's lm
WEIGHTS = ("covariate", "interactions", "none")
CLUSTERS = ("random", "fixed", "none")
_FEWEST = 5  # clusters with answers that a random effect needs


class Block(NamedTuple):
    """Columns of one item: where they stand, and how a value becomes them."""

    columns: slice
    centre: np.ndarray
    spread: float


class Score(NamedTuple):
    """A scale score that stands in for its items: their columns and what each counts."""

    name: str
    columns: np.ndarray
    factor: np.ndarray


class Step(NamedTuple):
    """One visit of a cycle: an item, from whom its model is learnt, for whom it imputes, by what.

    Attributes
    ----------
    variable : Variable
    learn, fill : (k,) arrays, row numbers
    columns : (p,) array, of the stack; the first is the intercept
    scores : tuple of Score, further predictors
    weighted : array, columns that also count times the weight
    groups : Groups or None, clusters with an effect of their own
    """

    variable: Variable
    learn: np.ndarray
    fill: np.ndarray
    columns: np.ndarray
    scores: tuple[Score, ...]
    weighted: np.ndarray
    groups: "Groups | None"

    @property
    def count(self) -> int:
        """Predictors, with the intercept."""
        times = 2 if len(self.weighted) else 1
        return len(self.columns) + len(self.weighted) + times * len(self.scores)


@dataclass(frozen=True, eq=False)
class Groups:
    """Clusters of the rows of a step; rows stand in the order of their clusters.

    Attributes
    ----------
    learn, fill : arrays, cluster of each row, 0 to count - 1
    starts : array, the first row of each cluster that has rows to learn from
    present : array, those clusters
    count : int, clusters of the design
    """

    learn: np.ndarray
    fill: np.ndarray
    starts: np.ndarray
    present: np.ndarray
    count: int


@dataclass(frozen=True, eq=False)
class Layout:
    """Columns of the stack and the steps of a cycle.

    Attributes
    ----------
    blocks : mapping of item to Block
    fixed : (k, n) array, the first columns of the stack: intercept, who was asked what, strata, weight
    names : list of str, one per column of the stack
    owners : list of str, the item of each column; empty for the design
    weight : (n,) array, standardised log weight
    steps : tuple of Step, in the order of their visits
    """

    blocks: Mapping[str, Block]
    fixed: np.ndarray
    names: list[str]
    owners: list[str]
    weight: np.ndarray
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, eq=False)
class Choices:
    """What a user decides about the imputation models; see :func:`~kzsurvey.modelling.missing.imputation.impute`."""

    predictors: Mapping[str, Sequence[str]] = field(default_factory=dict)
    scales: Mapping[str, Sequence[tuple[str, float]]] = field(default_factory=dict)
    weights: str = "covariate"
    clusters: str = "random"
    order: str | Sequence[str] = "increasing"


def columns_of(variables: Sequence[Variable], design: Design, choices: Choices) -> Layout:
    """The columns of the stack, without steps.

    Parameters
    ----------
    variables : sequence of Variable
    design : Design
    choices : Choices

    Returns
    -------
    Layout
    """
    fixed, names = _fixed_columns(variables, design, choices)
    blocks, owners = {}, [""] * len(names)
    for variable in variables:
        width = max(len(variable.levels) - 1, 1) if variable.method == "nominal" else 1
        columns = slice(len(names), len(names) + width)
        names = names + [f"{variable.name}[{variable.levels[k + 1]}]" for k in range(width)] if width > 1 else [
            *names, variable.name,
        ]  # fmt: skip
        owners += [variable.name] * width
        blocks[variable.name] = _block(variable, columns)
    return Layout(blocks, fixed, names, owners, _log_weight(design))


def encoded(variable: Variable, block: Block, values: np.ndarray) -> np.ndarray:
    """Columns of an item.

    Parameters
    ----------
    variable : Variable
    block : Block
    values : (..., k) array, numbers or codes; NaN gives 0, the mean

    Returns
    -------
    (..., p, k) array
    """
    if variable.method == "nominal" and len(variable.levels) > 2:
        wanted = np.arange(1, len(variable.levels))[:, None]
        columns = (values[..., None, :] == wanted) - block.centre[:, None]
    else:
        columns = (values[..., None, :] - block.centre[0]) / block.spread
    return np.where(np.isnan(values[..., None, :]), 0.0, columns)


def with_steps(
    layout: Layout, variables: Sequence[Variable], design: Design, choices: Choices, start: np.ndarray
) -> tuple[Layout, list[dict[str, object]]]:
    """The steps of a cycle, each with the predictors it can use, and what was left out.

    Parameters
    ----------
    layout : Layout, of the columns
    variables : sequence of Variable
    design : Design
    choices : Choices
    start : (P, n) array, the stack of the first set before the first cycle

    Returns
    -------
    Layout, list of events

    Raises
    ------
    DesignError
        No more rows than predictors; unknown items in the choices.
    """
    fail_if(_choice_faults(variables, choices), DesignError)
    known = {variable.name: ~variable.missing for variable in variables}
    steps, events, faults = [], [], []
    for variable in _ordered([v for v in variables if v.missing.any()], choices.order):
        step, seen = _step(layout, variables, variable, design, choices, start, known)
        steps.append(step)
        events += seen
        if step.count >= len(step.learn):
            found = f"{step.count} predictors for {len(step.learn)} answers"
            hint = f"predictors={{{variable.name!r}: [...]}} chooses among them; scales= takes scores for items"
            faults.append(Fault("imputation", found, "more answers than predictors", column=variable.name, hint=hint))
    fail_if(faults, DesignError)
    return replace(layout, steps=tuple(steps)), events


def _fixed_columns(variables: Sequence[Variable], design: Design, choices: Choices) -> tuple[np.ndarray, list[str]]:
    """Intercept, who was asked what, strata, weight, and clusters where they are fixed."""
    rows = len(design)
    columns, names = [np.ones(rows)], ["intercept"]
    patterns = {variable.asked.tobytes(): variable for variable in variables if not variable.asked.all()}
    for variable in patterns.values():
        columns.append(variable.asked - variable.asked.mean())
        names.append(f"asked {variable.name}")
    first = design.stages[0]
    strata = first.stratum[first.cluster]
    sets = [("stratum", strata)] + ([("cluster", first.cluster)] if choices.clusters == "fixed" else [])
    for name, codes in sets:
        for code in range(1, int(codes.max()) + 1):
            columns.append((codes == code) - (codes == code).mean())
            names.append(f"{name} {code + 1}")
    if choices.weights != "none" and np.ptp(design.weight) > 1e-9 * design.weight.max():
        columns.append(_log_weight(design))
        names.append("weight")
    return np.array(columns), names


def _log_weight(design: Design) -> np.ndarray:
    """Logarithm of the weights, with mean 0 and standard deviation 1."""
    log = np.log(design.weight)
    spread = log.std()
    return (log - log.mean()) / (spread if spread > 1e-12 else 1.0)


def _block(variable: Variable, columns: slice) -> Block:
    """How an item becomes columns."""
    given = variable.numbers[variable.observed]
    if variable.method == "nominal" and len(variable.levels) > 2:
        shares = np.array([(given == code).mean() for code in range(1, len(variable.levels))])
        return Block(columns, shares, 1.0)
    spread = given.std()
    return Block(columns, np.array([given.mean()]), spread if spread > 1e-12 else 1.0)


def _ordered(variables: list[Variable], order: str | Sequence[str]) -> list[Variable]:
    """Items in the order of their visits; equal ones by their names."""
    if not isinstance(order, str):
        place = {name: number for number, name in enumerate(order)}
        return sorted(variables, key=lambda variable: place[variable.name])
    sign = -1 if order == "decreasing" else 1
    return sorted(variables, key=lambda variable: (sign * variable.missing.sum(), variable.name))


def _choice_faults(variables: Sequence[Variable], choices: Choices) -> list[Fault]:
    """Choices that name what is not there."""
    names = [variable.name for variable in variables]
    gaps = [variable.name for variable in variables if variable.missing.any()]
    given = [*choices.predictors, *(name for listed in choices.predictors.values() for name in listed)]
    given += [item for items in choices.scales.values() for item, _ in items]
    faults = [
        Fault("imputation", f"unknown item {name!r}", "the columns of the imputation")
        for name in dict.fromkeys(given)
        if name not in names
    ]
    words = {"weights": (choices.weights, WEIGHTS), "clusters": (choices.clusters, CLUSTERS)}
    faults += [
        Fault("imputation", f"{option} {value!r}", ", ".join(allowed))
        for option, (value, allowed) in words.items()
        if value not in allowed
    ]
    if isinstance(choices.order, str):
        wrong = choices.order not in ("increasing", "decreasing")
    else:
        wrong = not set(gaps) <= set(choices.order) <= set(names)
    if wrong:
        allowed = "increasing, decreasing, or a list of every item with gaps"
        faults.append(Fault("imputation", f"order {choices.order!r}", allowed))
    return faults


def _step(
    layout: Layout,
    variables: Sequence[Variable],
    variable: Variable,
    design: Design,
    choices: Choices,
    start: np.ndarray,
    known: dict[str, np.ndarray],
) -> tuple[Step, list[dict[str, object]]]:
    """One item with its predictors, and what was left out of them."""
    learn, fill = np.flatnonzero(variable.observed), np.flatnonzero(variable.missing)
    learn = learn[np.argsort(design.stages[0].cluster[learn], kind="stable")]
    scores = _scores(layout, variable, choices)
    columns = _candidates(layout, variables, variable, choices, scores)
    kept, events = _independent(layout, variable, columns, start, learn, known)
    weighted = np.array([], dtype=int)
    if choices.weights == "interactions" and "weight" in layout.names:
        weighted = _times_weight(layout, kept, start, learn)
    groups = _groups(design, learn, fill) if choices.clusters == "random" else None
    return Step(variable, learn, fill, kept, scores, weighted, groups), events


def _scores(layout: Layout, variable: Variable, choices: Choices) -> tuple[Score, ...]:
    """Scores of the scales that the item is no part of, each with standard deviation about 1."""
    found = []
    for name, items in choices.scales.items():
        if variable.name in (item for item, _ in items):
            continue
        at = np.array([layout.blocks[item].columns.start for item, _ in items])
        factor = np.array([sign * layout.blocks[item].spread for item, sign in items])
        found.append(Score(name, at, factor / np.abs(factor).sum()))
    return tuple(found)


def _candidates(
    layout: Layout, variables: Sequence[Variable], variable: Variable, choices: Choices, scores: tuple[Score, ...]
) -> np.ndarray:
    """Columns that may predict an item: those with few gaps first, the design last."""
    inside = {item for items in choices.scales.values() for item, _ in items}
    own_scale = {
        item for items in choices.scales.values() if variable.name in (name for name, _ in items) for item, _ in items
    }
    hidden = (inside - own_scale) | {variable.name}
    wanted = choices.predictors.get(variable.name)
    by_gaps = sorted(variables, key=lambda other: (other.missing.sum(), other.name))
    names = [v.name for v in by_gaps if v.name not in hidden and (wanted is None or v.name in wanted)]
    items = [column for name in names for column in range(*layout.blocks[name].columns.indices(len(layout.names)))]
    return np.array([0, *items, *range(1, len(layout.fixed))], dtype=int)


def _independent(
    layout: Layout,
    variable: Variable,
    columns: np.ndarray,
    start: np.ndarray,
    learn: np.ndarray,
    known: dict[str, np.ndarray],
) -> tuple[np.ndarray, list[dict[str, object]]]:
    """Columns that vary and do not repeat those before them, and an event for each other.

    Columns of the design that items tell already (a county that is a stratum) need no event: nothing is lost.
    """
    matrix = start[columns][:, learn]
    constant = np.ptp(matrix, axis=1) < 1e-12
    constant[0] = False
    events = [
        _event(variable, layout.names[column], "constant", "the same for all who answered")
        for column in columns[constant]
        if layout.owners[column]
    ]
    columns, matrix = columns[~constant], matrix[~constant]
    sure = np.ones(len(learn), dtype=bool)
    for name in {layout.owners[column] for column in columns} - {""}:
        sure &= known[name][learn]
    samples = [matrix] + ([matrix[:, sure]] if sure.sum() >= len(columns) + 10 and not sure.all() else [])
    for sample in samples:
        repeats = _repeats(sample)
        events += [
            _event(variable, layout.names[columns[at]], "repeats others", _named(sample, at, columns, layout.names))
            for at in repeats
            if layout.owners[columns[at]]
        ]
        kept = np.setdiff1d(np.arange(len(columns)), repeats)
        columns = columns[kept]
        samples[1:] = [other[kept] for other in samples[1:]]
    return columns, events


def _times_weight(layout: Layout, columns: np.ndarray, start: np.ndarray, learn: np.ndarray) -> np.ndarray:
    """Columns of items whose product with the weight does not follow from what is there already."""
    items = np.array([column for column in columns if layout.owners[column]], dtype=int)
    products = start[items][:, learn] * layout.weight[learn]
    repeats = _repeats(np.concatenate([start[columns][:, learn], products]))
    return np.delete(items, [at - len(columns) for at in repeats if at >= len(columns)])


def _repeats(matrix: np.ndarray) -> list[int]:
    """Rows of a (p, n) array that follow from those before them; none where there are more rows than columns."""
    if matrix.shape[0] > matrix.shape[1]:
        return []
    size = np.linalg.norm(matrix, axis=1)
    left = np.abs(np.diag(np.linalg.qr((matrix / np.where(size > 0, size, 1.0)[:, None]).T, mode="r")))
    return [int(at) for at in np.flatnonzero(left < _REPEATED)]


def _named(matrix: np.ndarray, at: int, columns: np.ndarray, names: list[str]) -> str:
    """What a column follows from."""
    factor = np.linalg.lstsq(matrix[:at].T, matrix[at], rcond=None)[0]
    used = [names[columns[k]] for k in np.flatnonzero(np.abs(factor) > 1e-6) if columns[k]]
    return " + ".join(used) or "the same for all who answered"


def _event(variable: Variable, predictor: str, event: str, detail: str) -> dict[str, object]:
    return {"item": variable.name, "predictor": predictor, "cycle": 0, "event": event, "detail": detail}


def _groups(design: Design, learn: np.ndarray, fill: np.ndarray) -> Groups | None:
    """Clusters, where there are some with several rows; rows come in the order of their clusters."""
    code = design.stages[0].cluster
    count = int(code.max()) + 1
    present, starts = np.unique(code[learn], return_index=True)
    if count == len(code) or len(present) < _FEWEST or len(present) == len(learn):
        return None
    return Groups(code[learn], code[fill], starts, present, count)


def event_table(events: Sequence[dict[str, object]]) -> pd.DataFrame:
    """Events as a table, each once.

    Examples
    --------
    >>> event_table([]).columns.tolist()
    ['item', 'predictor', 'cycle', 'event', 'detail']
    """
    columns = ["item", "predictor", "cycle", "event", "detail"]
    return pd.DataFrame(list(events), columns=columns).drop_duplicates(ignore_index=True)
