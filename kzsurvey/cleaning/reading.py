"""What reading one written answer gives: a value, or why there is none, and what is worth telling."""

from typing import NamedTuple

# Unusual only where the rest of the column is written otherwise: a whole file in traditional characters is no finding.
SCRIPT, POINT = "another script than the form's", "a decimal point in an option"
HABITS = (SCRIPT, POINT)


class Read(NamedTuple):
    """One written answer, read as the type of its question.

    Attributes
    ----------
    value : object
        None where there is no value.
    reason : str
        Why there is none, one of MISSING_REASONS; empty where there is a value.
    findings : tuple of (kind, rule)
        Kinds as in ``KINDS``; empty where the answer was written as expected.
    """

    value: object = None
    reason: str = ""
    findings: tuple[tuple[str, str], ...] = ()


def refused(kind: str, rule: str) -> Read:
    """An answer that cannot be taken.

    Examples
    --------
    >>> refused("unreadable", "not a number")
    Read(value=None, reason='invalid', findings=(('unreadable', 'not a number'),))
    """
    return Read(None, "invalid", ((kind, rule),))


def taken(value: object, *findings: tuple[str, str]) -> Read:
    """An answer that has a value; each finding is (kind, rule)."""
    return Read(value, "", tuple(finding for finding in findings if finding[0]))
