"""A codebook tests itself: every example must get the code it stands beside."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from kzsurvey.coding.rules.mentions import code_texts
from kzsurvey.coding.rules.rules import Rules, compile_rules
from kzsurvey.errors import CodingError, Fault

if TYPE_CHECKING:
    import pandas as pd

    from kzsurvey.survey import Survey


def example_faults(survey: "Survey", *, rules: Rules | None = None) -> list[Fault]:
    """Examples of the codebook that do not get their own code.

    Parameters
    ----------
    survey : Survey
    rules : Rules, optional
        From :func:`compile_rules`; compiled here when not given.

    Returns
    -------
    list of Fault
        Empty when every example of every code with a pattern gets its code, or one below it (it may get others
        beside it). Where the rules themselves are at fault, their faults.

    Examples
    --------
    >>> from kzsurvey.survey import read_survey
    >>> example_faults(read_survey("data/raw/kizilsu"))
    []
    """
    try:
        rules = compile_rules(survey) if rules is None else rules
    except CodingError as error:
        return list(error.faults)
    implied = {rule.code: rule.ancestors for scheme in rules.schemes.values() for rule in scheme}
    rows = survey.codes[survey.codes.index.isin(list(implied))]
    return [
        fault for scheme, own in rows.groupby("scheme", sort=False) for fault in _faults(own, scheme, rules, implied)
    ]


def _faults(rows: "pd.DataFrame", scheme: str, rules: Rules, implied: Mapping[str, tuple[str, ...]]) -> Iterator[Fault]:
    """Faults of the codes of one scheme, whose examples are read together."""
    examples = [
        (code, line.strip())
        for code, cell in rows["example"].items()
        for line in str(cell).splitlines()
        if line.strip()
    ]
    found = code_texts([example for _, example in examples], rules, schemes=[scheme])
    for (code, example), here in zip(examples, found, strict=True):
        codes = sorted({one.code for one in here})
        if not any(code in (one, *implied[one]) for one in codes):
            got = f"gets {', '.join(codes)}" if codes else "gets no code"
            row = rows.loc[code]
            yield Fault(row["file"], f"example {example!r} {got}", code, row["row"], "example")
