"""Sentences whose numbers come from results, in the language of the report.

No number is typed by hand, and none that stands for too few interviews is said.
"""

import numbers
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from string import Formatter
from typing import TYPE_CHECKING, Any

import pandas as pd

from kzsurvey.reporting.formats import format_of, rounded, shown
from kzsurvey.reporting.outputs import COUNTS, Output, display
from kzsurvey.reporting.words import FALLBACK, PROSE, direction, word

if TYPE_CHECKING:
    from kzsurvey.reporting.context import Report

PROSE_MIME = "application/vnd.kzsurvey.prose+json"


def say(report: "Report", *, about: Mapping[str, Any] | None = None, **parts: Any) -> None:
    """Show a sentence with its numbers; see :func:`said` for the options."""
    display(said(report, about=about, **parts))


def said(report: "Report", *, about: Mapping[str, Any] | None = None, **parts: Any) -> Output:
    """A sentence whose numbers come from results, written in the report's language.

    Parameters
    ----------
    report : Report
    about : mapping of name to number
        Numbers that count no interviews and rest on none: files, models, days.
    **parts
        Named like a language: the sentence in that language, Markdown with ``{name}`` or ``{name:format}`` for a
        number. All others are what the names stand for: a count of interviews (int), a label (str), or an estimate (a
        row with ``estimate`` and ``n``), which may also be asked for its ``{name.interval}``.

    Returns
    -------
    Output
        text/markdown, ``application/vnd.kzsurvey.prose+json``, text/plain.

    Raises
    ------
    ValueError
        A number is typed by hand into a sentence.
    TypeError
        A bare decimal: nobody can tell on how many interviews it rests.

    Examples
    --------
    >>> from kzsurvey.reporting import open_report
    >>> report = open_report("tests/surveys/data/raw/market", language="en")
    >>> told = said(report, en="{n} interviews in {files} files; {few} broken off.", n=212, few=1, about={"files": 3})
    >>> print(told)
    212 interviews in 3 files; fewer than 3 broken off.
    """
    languages = {*report.survey.languages, *PROSE}
    texts = {name: text for name, text in parts.items() if name in languages}
    for text in texts.values():
        _no_typed_number(text)
    spoken = next((code for code in (report.language, FALLBACK) if code in texts), next(iter(texts), FALLBACK))
    values = {name: _spoken(name, value, report, spoken) for name, value in parts.items() if name not in languages}
    values |= {name: Spoken(value, report, language=spoken) for name, value in (about or {}).items()}
    template = report.text(texts)
    sentence = _Sentences().vformat(template, (), values)
    twin = {"text": sentence, "numbers": {name: value.data() for name, value in values.items()}}
    plain = re.sub(r"</?bdi[^>]*>", "", sentence)
    return Output({"text/markdown": sentence, PROSE_MIME: twin, "text/plain": plain})


@dataclass(frozen=True)
class Spoken:
    """A value inside a sentence: written by format, or by the words that stand for a withheld one.

    ``language`` is the sentence's: a label in another one keeps its own direction, and so does every value where one of
    the two is written from right to left.
    """

    value: Any
    report: "Report"
    language: str
    withheld: str = ""
    low: Any = None
    high: Any = None

    def __format__(self, specification: str) -> str:
        if self.withheld:
            return self.apart(self.withheld)
        if isinstance(self.value, str):
            label = re.sub(r"([\\`*_\[\]$#~|])", r"\\\1", escape(self.value, quote=False))
            own = self.report.language
            return self.apart(label) if own == self.language else f'<bdi lang="{escape(own)}">{label}</bdi>'
        if self.value is None or pd.isna(self.value):
            return word("mark_none", self.language, self.report.survey)
        return self.apart(shown(self.value, specification or format_of("", self.value), beside=self.row))

    def apart(self, written: str) -> str:
        """Isolated from the words around it, where they or labels beside it are written from right to left."""
        mixed = "rtl" in (direction(self.language), direction(self.report.language))
        return f"<bdi>{written}</bdi>" if mixed else written

    @property
    def row(self) -> tuple[Any, ...]:
        """The estimate and both ends of its interval, which are written with the same decimals."""
        return tuple(value for value in (self.value, self.low, self.high) if value is not None)

    @property
    def interval(self) -> "_Interval":
        """Both ends of the interval."""
        return _Interval(self)

    def data(self) -> Any:
        """The value as data; nothing where it is withheld."""
        if self.withheld:
            return {"withheld": True}
        if self.low is None:
            return rounded(self.value)
        return {"estimate": rounded(self.value), "conf_low": rounded(self.low), "conf_high": rounded(self.high)}


@dataclass(frozen=True)
class _Interval:
    """The interval of an estimate inside a sentence."""

    of: Spoken

    def __format__(self, specification: str) -> str:
        if self.of.withheld:
            return self.of.apart(self.of.withheld)
        low, high = (shown(end, specification or "number", beside=self.of.row) for end in (self.of.low, self.of.high))
        return self.of.apart(f"{low} {word('to', self.of.language, self.of.report.survey)} {high}")


class _Sentences(Formatter):
    """Sentences know no positions, only names."""

    def get_value(self, key: int | str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        if key not in kwargs:
            raise ValueError(f"the sentence asks for {{{key}}}, which is not given")
        return kwargs[key]


def _spoken(name: str, value: Any, report: "Report", language: str) -> Spoken:
    """A value of a sentence, withheld where it stands for too few interviews."""
    smallest, withheld = report.survey.smallest_cell, word("withheld", language, report.survey)
    if isinstance(value, str):
        return Spoken(value, report, language)
    if isinstance(value, pd.Series | Mapping):
        bases = [value[count] for count in COUNTS if count == "n" or count in value]
        few = bool(value.get("withheld", False)) or any(pd.isna(base) or 0 < base < smallest for base in bases)
        ends = {"low": value.get("conf_low"), "high": value.get("conf_high")}
        return Spoken(value["estimate"], report, language, withheld if few else "", **ends)
    if value is None or pd.isna(value):
        return Spoken(None, report, language, withheld)
    if not isinstance(value, numbers.Integral):
        raise TypeError(f"{name} is a bare decimal: give the row with its estimate and n, or name it under about")
    few = word("fewer_than", language, report.survey).format(smallest=smallest)
    return Spoken(int(value), report, language, few if 0 < value < smallest else "")


def _no_typed_number(text: str) -> None:
    literal = "".join(part for part, *_ in Formatter().parse(text))
    if found := re.search(r"\d[\d.,%]*", literal):
        raise ValueError(f"a number typed by hand, {found.group()!r}, in the sentence {text!r}")
