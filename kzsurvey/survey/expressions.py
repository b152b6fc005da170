"""XLSForm expressions (``relevant``, ``constraint`` ...) compiled once and applied to whole columns.

An expression that compiles can be applied to every table that has its questions; what cannot be read is refused with
the function, or the sign, and its place.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from kzsurvey.errors import DefinitionError
from kzsurvey.survey.columns import days_of, known, to_flags, to_series
from kzsurvey.survey.functions import FUNCTIONS, Context, evaluate
from kzsurvey.survey.grammar import Node, Parser, Place, all_nodes, pattern_fault, tokens_of


@dataclass(frozen=True)
class Expression:
    """One expression, compiled.

    Attributes
    ----------
    text : str
        As written in the form.
    names : frozenset of str
        Questions it refers to; ``.`` is not among them.
    columns : frozenset of str
        Columns of the choices that a choice filter refers to.
    uses_today : bool
        Whether it can only be applied with ``today``.
    node : Node
    """

    text: str
    names: frozenset[str]
    columns: frozenset[str]
    uses_today: bool
    node: Node

    def mask(
        self,
        table: pd.DataFrame,
        *,
        value: pd.Series | None = None,
        today: "pd.Series | date | str | None" = None,
        option: "Mapping[str, pd.Series | str] | None" = None,
    ) -> pd.Series:
        """Where the expression holds.

        Parameters
        ----------
        table : DataFrame, one row per interview
            Typed columns, at least those in ``names``; a missing value is an unanswered question.
        value : Series, one answer per row of the table
            What ``.`` stands for.
        today : date, or Series of one date per row
            What ``today()`` stands for: the day of the interview.
        option : mapping of filter column to its value, or to one value per row of the table
            What the bare words of a choice filter stand for.

        Returns
        -------
        Series of bool
            Never missing. As in ODK, an unanswered question equals ``''``, differs from everything else, and no
            ``<`` or ``>`` with it holds.

        Examples
        --------
        >>> table = pd.DataFrame({"age": pd.array([17, 40, None], dtype="Int64")})
        >>> compile_expression("${age} >= 18", names=["age"]).mask(table).tolist()
        [False, True, False]
        """
        return self._flags(self._context(table, value, today, option, doubt=None))

    def broken(
        self,
        table: pd.DataFrame,
        *,
        value: pd.Series,
        today: "pd.Series | date | str | None" = None,
    ) -> pd.Series:
        """Where there is an answer and it does not meet this constraint.

        A comparison with a question that was not answered breaks nothing: only what can be judged is judged.

        Parameters
        ----------
        table : DataFrame, one row per interview
        value : Series, one answer per row of the table
        today : date, or Series of one date per row

        Returns
        -------
        Series of bool

        Examples
        --------
        >>> table = pd.DataFrame({"posts": pd.array([5, 5, None, 5], dtype="Int64")})
        >>> filled = pd.Series([4, 6, 6, None], dtype="Int64")
        >>> compile_expression(". <= ${posts}", names=["posts"]).broken(table, value=filled).tolist()
        [False, True, False, False]
        """
        met = self._flags(self._context(table, value, today, None, doubt=True))
        return ~met & known(value)

    def evaluate(
        self,
        table: pd.DataFrame,
        *,
        value: pd.Series | None = None,
        today: "pd.Series | date | str | None" = None,
    ) -> pd.Series:
        """The result of a calculation.

        Parameters
        ----------
        table : DataFrame, one row per interview
        value : Series, one answer per row of the table
        today : date, or Series of one date per row

        Returns
        -------
        Series
            ``Float64`` for numbers and for conditions (1 or 0), ``datetime64[us]`` for dates, ``str`` for text.

        Examples
        --------
        >>> table = pd.DataFrame({"pay": pd.array([3000, None], dtype="Int64"), "extra": [200.0, 100.0]})
        >>> compile_expression("${pay} + ${extra}", names=["pay", "extra"]).evaluate(table).tolist()
        [3200.0, <NA>]
        """
        context = self._context(table, value, today, None, doubt=None)
        with np.errstate(all="ignore"):
            return to_series(evaluate(self.node, context), table.index)

    def _context(self, table, value, today, option, *, doubt: bool | None) -> Context:
        if self.uses_today and today is None:
            raise ValueError(f"{self.text!r} asks for today(): pass today, the day of the interview")
        return Context(table, value, None if today is None else days_of(today), option or {}, doubt)

    def _flags(self, context: Context) -> pd.Series:
        with np.errstate(all="ignore"):
            flags = to_flags(evaluate(self.node, context)).data
        return pd.Series(np.broadcast_to(flags, len(context.table)).copy(), index=context.table.index)


def compile_expression(
    text: str,
    *,
    names: Collection[str],
    columns: Collection[str] = (),
    dot: bool = True,
    file: str = "",
    row: int | None = None,
    column: str = "",
) -> Expression:
    """Compile an XLSForm expression.

    Parameters
    ----------
    text : str
        Questions as ``${name}``, ``.`` for the answer itself, ``and or not() = != < <= > >= + - * div mod``, and the
        functions in ``kzsurvey.survey.functions.FUNCTIONS``.
    names : collection of str
        The questions there are.
    columns : collection of str
        Columns of the choices, which a choice filter names without ``${}``.
    dot : bool
        Whether ``.`` has a meaning here.
    file, row, column
        Where the expression stands, for messages.

    Returns
    -------
    Expression

    Raises
    ------
    DefinitionError
        It cannot be read, or it names a question, a function or a column that does not exist.

    References
    ----------
    ODK XForms specification, XPath functions, https://getodk.github.io/xforms-spec/#xpath-functions

    Examples
    --------
    >>> expression = compile_expression("selected(${stalls}, 'fish') and not(${open} = 'no')", names=["stalls", "open"])
    >>> sorted(expression.names)
    ['open', 'stalls']
    >>> place = {"file": "questions.csv", "row": 4, "column": "relevant"}
    >>> compile_expression("pulldata('prices', ${open})", names=["open"], **place)
    Traceback (most recent call last):
    ...
    kzsurvey.errors.DefinitionError: questions.csv, row 4, column relevant: found function pulldata() at character 1 ...
    """
    place = Place(text, file or "expression", row, column or None)
    node = Parser(list(tokens_of(text, place)), place, FUNCTIONS).whole()
    nodes = list(all_nodes(node))
    faults = [
        place.unknown("question", part, names) for part in nodes if part.kind == "name" and part.word not in names
    ]
    faults += [
        place.unknown("word", part, columns) for part in nodes if part.kind == "column" and part.word not in columns
    ]
    faults += [
        place.fault(f". at character {part.position}", "questions as ${name}; . has a meaning in a constraint only")
        for part in nodes
        if part.kind == "dot" and not dot
    ]
    faults += [fault for part in nodes if part.word == "regex" if (fault := pattern_fault(part, place))]
    if faults:
        raise DefinitionError(faults)
    return Expression(
        text,
        frozenset(part.word for part in nodes if part.kind == "name"),
        frozenset(part.word for part in nodes if part.kind == "column"),
        any(part.kind == "call" and part.word == "today" for part in nodes),
        node,
    )
