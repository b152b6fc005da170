"""Scales: scores from several items; every score says when it is missing, and why."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from kzsurvey.errors import DesignError, Fault, fail_if
from kzsurvey.modelling.describing.numbers import numbers_of
from kzsurvey.modelling.sampling.design import repeated_names
from kzsurvey.survey.record import Survey

RULES = ("mean", "sum")


def score(
    items: pd.DataFrame,
    *,
    reverse: Sequence[str] = (),
    low: float | None = None,
    high: float | None = None,
    rule: str = "mean",
    smallest: int | None = None,
) -> pd.Series:
    """Scale scores from items.

    Parameters
    ----------
    items : DataFrame, one row per interview, one column per item
        Numbers, or categories whose names are numbers; other ordered categories count from 1.
    reverse : names of the items that mean the opposite
        They become ``low + high - item``.
    low, high : float
        Range of an item; needed where one is reversed.
    rule : {"mean", "sum"}
        ``sum`` of the answered items is brought up to the number of all items.
    smallest : int
        Fewest answered items that still make a score; all of them where None.

    Returns
    -------
    Series of Float64, one score per row, missing where fewer items were answered

    Raises
    ------
    DesignError
        Items in words without an order, or named twice; a reversed item that is none of the items; no range to reverse
        by; answers outside the range; more answers asked for than there are items.

    Examples
    --------
    >>> items = pd.DataFrame({"a": [5, 4, None], "b": [1, None, None]})
    >>> score(items, reverse=["b"], low=1, high=5, smallest=1).tolist()
    [5.0, 4.0, <NA>]
    """
    numbers = keyed(items, reverse, low, high)
    if rule not in RULES:
        raise DesignError(Fault("measures.csv", f"rule {rule!r}", ", ".join(RULES)))
    if smallest is not None and not smallest <= numbers.shape[1]:
        found = f"smallest {smallest} of {numbers.shape[1]} items"
        raise DesignError(Fault("measures.csv", found, "no more than there are items"))
    answered = numbers.notna().sum(axis=1)
    value = numbers.mean(axis=1) * (1 if rule == "mean" else numbers.shape[1])
    enough = numbers.shape[1] if smallest is None else max(int(smallest), 1)
    return value.where(answered >= enough).astype("Float64")


def measures(interviews: pd.DataFrame, survey: Survey) -> pd.DataFrame:
    """Score of every measure a survey defines.

    Parameters
    ----------
    interviews : DataFrame, one row per interview
    survey : Survey

    Returns
    -------
    DataFrame, one Float64 column per measure

    Examples
    --------
    >>> import kzsurvey as kz
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> list(measures(interviews, survey)) == list(survey.measures.index)
    True
    """
    _check_items(interviews, survey)
    columns, faults = {}, []
    for name, measure in survey.measures.iterrows():
        try:
            columns[name] = _scored(interviews, measure)
        except DesignError as error:
            faults += [
                Fault(fault.file, fault.found, fault.allowed, column=f"{name}: {fault.column}")
                for fault in error.faults
            ]
    fail_if(faults, DesignError)
    return pd.DataFrame(columns, index=interviews.index)


def keyed(items: pd.DataFrame, reverse: Sequence[str], low: float | None, high: float | None) -> pd.DataFrame:
    """Items as numbers, all meaning the same direction."""
    fail_if(repeated_names(items, items.columns, "measures.csv"), DesignError)
    unknown = [name for name in reverse if name not in items]
    fail_if(
        [Fault("measures.csv", f"reversed item {name!r}", ", ".join(items), column=name) for name in unknown],
        DesignError,
    )
    if len(reverse) and (pd.isna(low) or pd.isna(high)):
        raise DesignError(Fault("measures.csv", "a reversed item without low and high", "the range of an item"))
    numbers = pd.DataFrame({name: numbers_of(items[name]) for name in items})
    fail_if(_range_faults(numbers, low, high), DesignError)
    for name in reverse:
        numbers[name] = low + high - numbers[name]
    return numbers


def _range_faults(numbers: pd.DataFrame, low: float | None, high: float | None) -> list[Fault]:
    """Items with answers outside the range of the scale: a coded "don't know" would be scored as an opinion."""
    lowest = -np.inf if pd.isna(low) else low
    highest = np.inf if pd.isna(high) else high
    outside = numbers.lt(lowest) | numbers.gt(highest)
    return [
        Fault(
            "measures.csv",
            f"item {name} with answers outside the range: {', '.join(f'{value:g}' for value in sorted(set(wrong)))}",
            f"{lowest:g} to {highest:g}",
            column=name,
            hint='name a coded "don\'t know" under [missing] in survey.toml',
        )
        for name in numbers
        if len(wrong := numbers.loc[outside[name].fillna(False), name].astype(float))
    ]


def _check_items(interviews: pd.DataFrame, survey: Survey) -> None:
    """Every item is a question that was asked."""
    fail_if(
        [
            Fault("measures.csv", f"unknown item {item!r}", "questions of the form", column=str(name))
            for name, measure in survey.measures.iterrows()
            for item in measure["items"]
            if item not in interviews
        ],
        DesignError,
    )


def _scored(interviews: pd.DataFrame, measure: pd.Series) -> pd.Series:
    """One measure."""
    return score(
        interviews[list(measure["items"])],
        reverse=measure["reversed"],
        low=measure["low"],
        high=measure["high"],
        rule=measure["rule"],
        smallest=measure["smallest"],
    )
