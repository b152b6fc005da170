"""A codebook tests itself: every example must get the code it stands beside."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from kzsurvey.coding.mentions import code_texts
from kzsurvey.coding.rules import compile_rules, rule_faults
from kzsurvey.errors import Fault

if TYPE_CHECKING:
    import pandas as pd

    from kzsurvey.survey import Survey


def example_faults(survey: "Survey") -> list[Fault]:
    """Examples of the codebook that do not get their own code.

    Parameters
    ----------
    survey : Survey

    Returns
    -------
    list of Fault
        Empty when every example of every code with a pattern gets its code (it may get others beside it). Where the
        rules themselves are at fault, their faults.

    Examples
    --------
    >>> from kzsurvey.survey import read_survey
    >>> example_faults(read_survey("data/raw/kizilsu"))
    []
    """
    if faults := rule_faults(survey):
        return faults
    rules = compile_rules(survey)
    ruled = {rule.code for scheme in rules.schemes.values() for rule in scheme}
    rows = ((code, row) for code, row in survey.codes.iterrows() if code in ruled)
    return [fault for code, row in rows for fault in _row_faults(code, row, rules)]


def _row_faults(code: str, row: "pd.Series", rules: "object") -> Iterator[Fault]:
    examples = [line.strip() for line in str(row["example"]).splitlines() if line.strip()]
    for example, found in zip(examples, code_texts(examples, rules, schemes=[row["scheme"]]), strict=True):
        codes = sorted({one.code for one in found})
        if code not in codes:
            got = f"gets {', '.join(codes)}" if codes else "gets no code"
            yield Fault(row["file"], f"example {example!r} {got}", code, row["row"], "example")
