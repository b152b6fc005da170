"""What simulation.toml declares, as frozen records."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

FILE = "simulation.toml"


@dataclass(frozen=True)
class Variable:
    """One declared variable.

    Attributes
    ----------
    name : str
        A question, a measure (its items are drawn), or a name of its own that later variables can use.
    distribution : str
        A key of ``DISTRIBUTIONS``, or ``likert`` for a measure.
    level : str
        ``cluster``, ``respondent`` or ``interview``: for whom one value is drawn.
    terms : mapping of term to coefficient
        The linear predictor: ``intercept``, ``x``, ``x=option``, ``log(x)``, products joined by ``:``.
    cluster, respondent : float
        Standard deviations of random effects added to the predictor.
    low, high, round : float or None
        Limits that values are moved to, and the step they are rounded to.
    parameters : mapping
        What the distribution asks for.
    """

    name: str
    distribution: str
    level: str
    terms: Mapping[str, float]
    cluster: float
    respondent: float
    low: float | None
    high: float | None
    round: float | None
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class OpenQuestion:
    """How answers to one open question are made up.

    Attributes
    ----------
    question : str
    empty, negated, aside, long : float
        Shares of answers that are left empty, hold a denied problem, hold a clause of no code, ramble on.
    most : int
        The largest number of codes in one answer.
    cluster, respondent : float
        Standard deviations of random effects on every code's predictor.
    codes : mapping of code to terms
        Logit of the probability that a respondent names it.
    """

    question: str
    empty: float
    most: int
    negated: float
    aside: float
    long: float
    cluster: float
    respondent: float
    codes: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Written:
    """How one field team writes its file.

    Attributes
    ----------
    file : str
        Path below the survey's folder; ``.csv`` or ``.xlsx``.
    where : str
        Expression: which interviews this team sent; empty means all.
    encoding : str
        Of a text file.
    headers, options : str
        ``label`` or ``name``: what stands in the header, and in answers with options.
    language : str
        Of labels.
    traditional : bool
        Written in traditional characters.
    title : str
        A line above the headers; empty means none.
    sheet, separator, extra : str
        Sheet name; separator of a text file; header of a running-number column that no one asked for.
    shuffled : bool
        Columns stand in an order of their own.
    """

    file: str
    where: str = ""
    encoding: str = "utf-8"
    headers: str = "name"
    options: str = "name"
    language: str = ""
    traditional: bool = False
    title: str = ""
    sheet: str = "Sheet1"
    separator: str = ","
    extra: str = ""
    shuffled: bool = False


@dataclass(frozen=True, eq=False)
class Plan:
    """The whole of simulation.toml, with the tables it names.

    Attributes
    ----------
    clusters : DataFrame, one row per cluster
        Questions that are fixed by where an interview is held, and ``interviews``: its share in the field work.
    second : float
        Share of interviews that are second interviews of a respondent.
    variables, open, files : tuples
    mess : mapping of kind of fault to its settings
    clauses, slots, joints : DataFrames
        The grammar of open answers.
    names : DataFrame, one row per invented name of a person
    spellings : DataFrame, one row per wrong spelling of an option
        ``kind`` of fault, ``question``, ``name`` of the option, ``written``.
    """

    clusters: pd.DataFrame
    second: float
    variables: tuple[Variable, ...]
    open: tuple[OpenQuestion, ...]
    files: tuple[Written, ...]
    mess: Mapping[str, Mapping[str, Any]]
    clauses: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["code", "kind", "clause"], dtype="str"))
    slots: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["slot", "words"], dtype="str"))
    joints: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["kind", "words"], dtype="str"))
    names: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=["name"], dtype="str"))
    spellings: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=["kind", "question", "name", "written"], dtype="str")
    )
