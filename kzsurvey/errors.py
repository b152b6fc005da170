"""Errors that a researcher can act on: every fault names its place, what was found and what is allowed.

A stage collects all faults it can see and raises once, so that one reading repairs the file.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, order=True)
class Fault:
    """One thing that is wrong, and where.

    Attributes
    ----------
    file : str
        The file (or table) at fault, as the user would name it.
    found : str
        What was found there.
    allowed : str
        What is allowed there.
    row : int or None
        Row of the file, counted as a spreadsheet does: the header is row 1.
    column : str or None
        Column header, question, setting or model that is meant.
    hint : str
        What to do about it, where that is not obvious.

    Examples
    --------
    >>> print(Fault("questions.csv", "type 'number'", "integer, decimal, text", row=7, column="type"))
    questions.csv, row 7, column type: found type 'number'; allowed: integer, decimal, text
    """

    file: str
    found: str
    allowed: str = ""
    row: int | None = None
    column: str | None = None
    hint: str = ""

    def __str__(self) -> str:
        """One sentence."""
        place = [self.file]
        if self.row is not None:
            place.append(f"row {self.row}")
        if self.column:
            place.append(f"column {self.column}")
        parts = [f"found {self.found}"]
        if self.allowed:
            parts.append(f"allowed: {self.allowed}")
        if self.hint:
            parts.append(self.hint)
        return f"{', '.join(place)}: {'; '.join(parts)}"


class SurveyError(ValueError):
    """Base of every error about a survey's own files and choices; the command line shows it without a traceback.

    Parameters
    ----------
    faults : Fault, or several
        Everything that is wrong, not only the first.

    Examples
    --------
    >>> print(SurveyError([Fault("a.csv", "an empty file", "a header and rows"), Fault("b.csv", "no file")]))
    2 faults
      a.csv: found an empty file; allowed: a header and rows
      b.csv: found no file
    """

    def __init__(self, faults: Fault | Iterable[Fault]) -> None:
        self.faults = (faults,) if isinstance(faults, Fault) else tuple(faults)
        lines = [str(fault) for fault in self.faults]
        super().__init__(lines[0] if len(lines) == 1 else "\n  ".join([f"{len(lines)} faults", *lines]))

    def __reduce__(self) -> tuple:
        """Errors cross process borders whole."""
        return type(self), (self.faults,)


class DefinitionError(SurveyError):
    """The definition of a survey is wrong or incomplete."""


class DeliveryError(SurveyError):
    """A delivered file cannot be read as answers to this survey."""


class CodingError(SurveyError):
    """A code, a rule or a human coding is wrong."""


class DesignError(SurveyError):
    """A sample design, a weighting or a model asks for what cannot be computed."""


class ReportError(SurveyError):
    """A report cannot be made."""


def fail_if(faults: Iterable[Fault], error: type[SurveyError]) -> None:
    """Raise one error with all faults, if there are any."""
    if faults := list(faults):
        raise error(faults)
