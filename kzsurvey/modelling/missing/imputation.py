"""Multiple imputation by chained equations: answers that were asked for and not given, guessed several times over.

What was not asked stays without a value. Everything left out of a model, and every guard it needed, is reported.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.describing.estimates import design_for
from kzsurvey.modelling.missing.chains import run_chains, started
from kzsurvey.modelling.missing.layout import Choices, Layout, columns_of, event_table, with_steps
from kzsurvey.modelling.missing.settled import settled_table, trace_table
from kzsurvey.modelling.missing.streams import Streams
from kzsurvey.modelling.missing.variables import IMPUTED_REASONS, Variable, read_variables
from kzsurvey.modelling.sampling.design import Design, check_rows
from kzsurvey.modelling.scales.measures import score

Derived = Mapping[str, Callable[[pd.DataFrame], pd.Series]]


@dataclass(frozen=True)
class Scale:
    """A score that is made from items in every imputed set, and stands in for them in the models of other items.

    Attributes
    ----------
    items, reverse : tuples of str
    low, high : float or None, range of an item; needed where one is reversed
    rule : str, ``mean`` or ``sum``
    """

    items: tuple[str, ...]
    reverse: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    rule: str = "mean"


@dataclass(frozen=True, eq=False)
class Imputed:
    """A table with its gaps filled several times; iterating gives one whole table after the other.

    Attributes
    ----------
    table : DataFrame, as it was given
    design : Design
    items : DataFrame, one row per column used
        ``item``, ``method`` (empty where nothing is missing), ``asked``, ``observed``, ``imputed``, ``not_asked``,
        ``predictors`` (columns in its model).
    events : DataFrame, one row per thing a user should know
        ``item``, ``predictor``, ``cycle`` (0: before the first), ``event`` (``constant``, ``repeats others``,
        ``one answer``, ``perfect prediction``, ``ridge``, ``no centre``), ``detail``.
    trace : DataFrame, one row per item, statistic, cycle and set
    convergence : DataFrame, one row per item and statistic
        As :func:`~kzsurvey.modelling.missing.settled.settled_table` gives it.
    sets, cycles, seed : int
    drawn : mapping of item to (m, k) array, imputed numbers or codes
    """

    table: pd.DataFrame
    design: Design
    items: pd.DataFrame
    events: pd.DataFrame
    trace: pd.DataFrame
    convergence: pd.DataFrame
    sets: int
    cycles: int
    seed: int
    drawn: Mapping[str, np.ndarray] = field(repr=False)
    variables: Mapping[str, Variable] = field(repr=False)
    scales: Mapping[str, Scale] = field(repr=False)
    derived: Derived = field(repr=False)

    @property
    def converged(self) -> bool:
        """Whether no chain was found that had not settled."""
        return not (~self.convergence["settled"].fillna(True)).any()

    def __len__(self) -> int:
        """Number of sets."""
        return self.sets

    def __iter__(self) -> Iterator[pd.DataFrame]:
        """The sets, one table each."""
        return (self.completed(number) for number in range(1, self.sets + 1))

    def __repr__(self) -> str:
        """What was done, in a line."""
        gaps = self.items["imputed"]
        state = "" if self.converged else ", chains not settled"
        return (
            f"Imputed({self.sets} sets of {len(self.table)} rows, {int((gaps > 0).sum())} items with "
            f"{int(gaps.sum())} gaps, {self.cycles} cycles, {len(self.events)} events{state})"
        )

    def _repr_html_(self) -> str:
        """What was imputed, what was noticed, and whether the chains have settled, in a notebook."""
        parts = [self.items, self.events, self.convergence]
        return "".join(part.to_html(index=False) for part in parts if len(part))

    def completed(self, number: int) -> pd.DataFrame:
        """One of the sets as a whole table, scores and what is derived made anew.

        Parameters
        ----------
        number : int, 1 to ``sets``
        """
        columns = {
            name: _filled(self.table[name], self.variables[name], values[number - 1])
            for name, values in self.drawn.items()
        }
        table = self.table.assign(**columns)
        for name, scale in self.scales.items():
            made = score(
                table[list(scale.items)], reverse=scale.reverse, low=scale.low, high=scale.high, rule=scale.rule
            )
            table = table.assign(**{name: made})
        for name, make in self.derived.items():
            table = table.assign(**{name: make(table)})
        return table


def impute(
    table: pd.DataFrame,
    items: Sequence[str],
    *,
    design: Design | None = None,
    sets: int = 20,
    cycles: int = 10,
    seed: int = 1,
    methods: Mapping[str, str] | None = None,
    predictors: Mapping[str, Sequence[str]] | None = None,
    scales: Mapping[str, Scale] | None = None,
    derived: Derived | None = None,
    asked: Mapping[str, object] | None = None,
    reasons: Sequence[str] = IMPUTED_REASONS,
    bounds: Mapping[str, tuple[float, float]] | None = None,
    clusters: str = "random",
    weights: str = "covariate",
    order: str | Sequence[str] = "increasing",
    donors: int = 5,
) -> Imputed:
    r"""Fill the gaps of a table several times by chained equations.

    Parameters
    ----------
    table : DataFrame, one row per interview
        A column ``<item>__missing`` says why an item has no value; what was not asked is left alone.
    items : column names
        Those with gaps to fill and those to predict from: all that later models use, the outcome among them, and what
        tells who does not answer.
    design : Design
        Where None, read from the columns ``weight``, ``stratum`` and ``cluster``.
    sets : int, m
    cycles : int
    seed : int
        The same seed gives the same values, whatever the order of ``items`` or columns; set 3 of 5 is set 3 of 20.
    methods : mapping of item to a key of ``METHODS``
        Else numbers by ``pmm``, two answers by ``logistic``, ordered categories by ``ordinal``, others by ``nominal``.
    predictors : mapping of item to the items that predict it
        Else all others. The design always does.
    scales : mapping of score to Scale
        Scores are made anew in every set. Items of a scale are predicted by one another and by the scores of the other
        scales; other items by scores only. A score given among ``items`` instead is imputed as a number itself.
    derived : mapping of column to a function of the table
        Made anew in every set (a share from two counts), after the scores.
    asked : mapping of item to (n,) bool array
        Who was asked, in place of ``<item>__missing``.
    reasons : why a value may be missing and still be imputed
        Without ``dont_know``, those who do not know stay without a value.
    bounds : mapping of item to (low, high)
        Of numbers by ``normal``.
    clusters : {"random", "fixed", "none"}
        An effect of every first-stage cluster on every item: drawn from a normal distribution, a column per cluster
        (for few, large clusters), or none.
    weights : {"covariate", "interactions", "none"}
        The log weight predicts every item, alone or also times every predictor.
    order : {"increasing", "decreasing"} or list of items
        Of the visits, by the number of gaps.
    donors : int, of predictive mean matching

    Returns
    -------
    Imputed

    Raises
    ------
    DesignError
        Everything at once: unknown columns or options; an item without any answer, or with the same from all; no more
        answers than predictors; numbers outside their bounds; fewer than two sets.

    Notes
    -----
    Each cycle visits the items with gaps one after the other: a model of the item on all others is learnt from those
    who answered it, its parameters are drawn from their posterior, and the gaps are drawn from it. All sets advance
    together. Ordered items predict by their rank, as numbers do; categories by a column each. An item that some were
    not asked predicts them by that fact alone.

    The design is part of every model, because leaving it out biases design-based estimates (Reiter and others): strata
    as columns, the log weight as a covariate (with ``interactions``, which keep weighted regressions consistent where
    slopes differ with the weight, as Seaman and others show), clusters as random effects, because fixed ones overstate
    and none understate the variance between clusters (Andridge), and because Quartagno and others find them to hold
    coverage. For categories, coefficients are drawn from the curvature at the centre they share with the effects of
    clusters, effects by a Metropolis step; in clusters of four people and two answers the spread between clusters then
    comes out an eighth too small, from eight people on as by quadrature.

    Where an answer can be predicted perfectly, rows are added as White, Daniel and Royston do, and that is reported.
    Predictors that are constant or repeat others among those who answered are left out and reported.

    References
    ----------
    Raghunathan, T. E., Lepkowski, J. M., Van Hoewyk, J., & Solenberger, P. (2001). A multivariate technique for
    multiply imputing missing values using a sequence of regression models. Survey Methodology 27, 85-95.
    van Buuren, S., & Groothuis-Oudshoorn, K. (2011). mice: Multivariate imputation by chained equations in R. Journal
    of Statistical Software 45(3). doi:10.18637/jss.v045.i03
    Reiter, J. P., Raghunathan, T. E., & Kinney, S. K. (2006). The importance of modeling the sampling design in
    multiple imputation for missing data. Survey Methodology 32, 143-149.
    Seaman, S. R., White, I. R., Copas, A. J., & Li, L. (2012). Combining multiple imputation and inverse-probability
    weighting. Biometrics 68, 129-137. doi:10.1111/j.1541-0420.2011.01666.x
    Andridge, R. R. (2011). Quantifying the impact of fixed effects modeling of clusters in multiple imputation for
    cluster randomized trials. Biometrical Journal 53, 57-74. doi:10.1002/bimj.201000140
    Quartagno, M., Carpenter, J. R., & Goldstein, H. (2020). Multiple imputation with survey weights: a multilevel
    approach. Journal of Survey Statistics and Methodology 8, 965-989. doi:10.1093/jssam/smz036
    Eekhout, I., de Vet, H. C. W., de Boer, M. R., Twisk, J. W. R., & Heymans, M. W. (2018). Passive imputation and
    parcel summaries are both valid to handle missing items in studies with many multi-item scales. Statistical Methods
    in Medical Research 27, 1128-1140. doi:10.1177/0962280216654511

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> table = pd.DataFrame({"posts": rng.normal(size=60)})
    >>> table["hours"] = (40 + 5 * table["posts"] + rng.normal(size=60)).where(rng.random(60) < 0.8)
    >>> imputed = impute(table, ["posts", "hours"], sets=5, seed=2)
    >>> imputed
    Imputed(5 sets of 60 rows, 1 items with 10 gaps, 10 cycles, 0 events)
    >>> bool(imputed.completed(1)["hours"].notna().all())
    True
    """
    design = design_for(table, design)
    check_rows(design, table, place="imputation")
    numbers, scales = {"sets": (sets, 2), "cycles": (cycles, 1), "donors": (donors, 1), "seed": (seed, 0)}, scales or {}
    faults = [_number_fault(name, given, least) for name, (given, least) in numbers.items() if not _whole(given, least)]
    fail_if([*faults, *_scale_faults(table, scales, items)], DesignError)
    options = {"methods": methods or {}, "asked": asked or {}, "bounds": bounds or {}}
    variables = read_variables(table, list(items), reasons=reasons, **options)
    signs = {
        name: [(item, -1.0 if item in scale.reverse else 1.0) for item in scale.items] for name, scale in scales.items()
    }
    choices = Choices(predictors or {}, signs, weights, clusters, order)
    streams = {variable.name: Streams(seed, variable.name, sets) for variable in variables}
    layout = columns_of(variables, design, choices)
    stack, first = started(layout, variables, streams, sets)
    layout, events = with_steps(layout, variables, design, choices, stack[0])
    chained = run_chains(layout, stack, first, streams, cycles=cycles, donors=donors)
    names = [step.variable.name for step in layout.steps]
    return Imputed(
        table=table,
        design=design,
        items=_item_table(variables, layout),
        events=event_table([*_answer_events(variables), *events, *_first_of_each(chained.events)]),
        trace=trace_table(names, chained.trace),
        convergence=settled_table(names, chained.trace),
        sets=sets,
        cycles=cycles,
        seed=seed,
        drawn=chained.values,
        variables={variable.name: variable for variable in variables},
        scales=scales,
        derived=dict(derived or {}),
    )


def _whole(given: object, least: int) -> bool:
    return isinstance(given, int | np.integer) and given >= least


def _number_fault(name: str, value: object, least: int) -> Fault:
    return Fault("imputation", f"{name} = {value}", f"a whole number, {least} or more")


def _scale_faults(table: pd.DataFrame, scales: Mapping[str, Scale], items: Sequence[str]) -> list[Fault]:
    """Scales whose items are not imputed, or have no rank, or that are imputed themselves as well."""
    faults = []
    for name, scale in scales.items():
        strangers = [item for item in (*scale.items, *scale.reverse) if item not in items]
        faults += [
            Fault("imputation", f"item {item!r} of {name}", "the columns of the imputation", column=name)
            for item in dict.fromkeys(strangers)
        ]
        if name in items:
            hint = "its items and a scale, or the score alone"
            faults.append(Fault("imputation", f"{name!r} both as a score and as an item", hint, column=name))
        words = [item for item in scale.items if item in table and _without_rank(table[item])]
        faults += [
            Fault("imputation", f"item {item!r} in words without an order", "items with an order", column=name)
            for item in words
        ]
    return faults


def _without_rank(column: pd.Series) -> bool:
    plain = pd.api.types.is_numeric_dtype(column.dtype) or getattr(column.dtype, "ordered", False)
    return not plain and column.nunique() > 2


def _item_table(variables: Sequence[Variable], layout: Layout) -> pd.DataFrame:
    """What was done with each column."""
    counts = {step.variable.name: step.count - 1 for step in layout.steps}
    rows = [
        {
            "item": variable.name,
            "method": variable.method if variable.name in counts else "",
            "asked": int(variable.asked.sum()),
            "observed": int(variable.observed.sum()),
            "imputed": int(variable.missing.sum()),
            "not_asked": int((~variable.asked).sum()),
            "predictors": counts.get(variable.name, 0),
        }
        for variable in variables
    ]
    return pd.DataFrame(rows)


def _answer_events(variables: Sequence[Variable]) -> list[dict[str, object]]:
    """Categories of imputed items that rest on one answer."""
    return [
        {
            "item": variable.name,
            "predictor": "",
            "cycle": 0,
            "event": "one answer",
            "detail": f"only one person answered {variable.levels[code]}",
        }
        for variable in variables
        if variable.levels and variable.missing.any()
        for code, count in enumerate(np.bincount(variable.numbers[variable.observed].astype(int)))
        if count == 1
    ]


def _first_of_each(events: list[dict[str, object]]) -> list[dict[str, object]]:
    """Events of the chains, of every kind and item the first."""
    found: dict[tuple, dict[str, object]] = {}
    for event in events:
        found.setdefault((event["item"], event["event"]), event)
    return list(found.values())


def _filled(column: pd.Series, variable: Variable, values: np.ndarray) -> pd.Series:
    """A column with its gaps filled, of its own kind where the values allow that."""
    rows = np.flatnonzero(variable.missing)
    if not variable.levels:
        whole = column.to_numpy(dtype=float, na_value=np.nan, copy=True)
        whole[rows] = values
        kept = variable.method == "pmm"
        made = pd.Series(whole, index=column.index, name=column.name)
        integer = pd.api.types.is_integer_dtype(column.dtype)
        return made.astype(column.dtype if kept or not integer else "Float64")
    answers = np.empty(len(variable.levels), dtype=object)
    answers[:] = variable.levels
    plain = column.astype("object")
    plain.iloc[rows] = answers[values.astype(int)]
    return plain.astype(column.dtype)
