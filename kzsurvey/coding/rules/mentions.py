"""Open answers to the table ``mentions``; no answer is changed, and the same answer is read once."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import pandas as pd

from kzsurvey.coding.rules.deciding import Found
from kzsurvey.coding.rules.finding import find
from kzsurvey.coding.rules.rules import Rules, compile_rules
from kzsurvey.coding.rules.text import Folded, fold

if TYPE_CHECKING:
    from kzsurvey.survey import Survey

_KINDS = {
    "interview": "str", "question": "str", "start": "int64", "end": "int64",
    "code": "str", "source": "str", "coder": "str", "score": "float64", "stands": "bool",
}  # fmt: skip


def code(interviews: pd.DataFrame, survey: "Survey", *, rules: Rules | None = None) -> pd.DataFrame:
    """Code the open answers of a survey with the rules of its codebook.

    Parameters
    ----------
    interviews : DataFrame, one row per interview
        From :func:`kzsurvey.cleaning.clean`; not changed.
    survey : Survey
        Says which scheme of codes is meant for which question.
    rules : Rules, optional
        From :func:`compile_rules`; compiled here when not given.

    Returns
    -------
    DataFrame, one row per mention
        As documented in ``kzsurvey.tables.TABLES["mentions"]``, in the order of interviews, questions, places.

    Raises
    ------
    CodingError
        With every fault of the rules.

    Examples
    --------
    >>> import pandas as pd
    >>> from kzsurvey.survey import read_survey
    >>> survey = read_survey("data/raw/kizilsu")
    >>> answers = ["工资太低，但是不缺人手", "人手不夠"]
    >>> interviews = pd.DataFrame({"open_causes": answers}, index=pd.Index(["a", "b"], name="interview"))
    >>> code(interviews, survey)[["interview", "start", "end", "code"]]
      interview  start  end  code
    0         a      0    4  C1.2
    1         b      0    4  C1.1
    """
    rules = compile_rules(survey) if rules is None else rules
    asked: dict[str, list[str]] = {}
    for scheme in survey.schemes.values():
        for question in scheme.questions:
            asked.setdefault(question, []).append(scheme.name)
    rows = [
        row
        for question, schemes in asked.items()
        if question in interviews
        for row in _question_rows(interviews[question], rules, schemes)
    ]
    mentions = pd.DataFrame(rows, columns=["order", *_KINDS]).astype(_KINDS)
    return mentions.sort_values("order", kind="stable", ignore_index=True).drop(columns="order")


def code_texts(texts: Iterable[str], rules: Rules, *, schemes: Iterable[str] | None = None) -> list[list[Found]]:
    """Find the codes of texts that stand in no table.

    Parameters
    ----------
    texts : iterable of str
    rules : Rules
    schemes : iterable of str, optional
        Schemes to apply; all of them when not given.

    Returns
    -------
    list of list of Found
        One list for each text, in the same order.

    Examples
    --------
    >>> from kzsurvey.survey import read_survey
    >>> rules = compile_rules(read_survey("data/raw/kizilsu"))
    >>> code_texts(["多招一些年轻人"], rules, schemes=["proposal"])[0][0].code
    'M4'
    """
    texts = list(texts)
    folded = fold(dict.fromkeys(texts))
    found = find(rules, rules.schemes if schemes is None else schemes, [one.text for one in folded])
    original = {one.original: _in_original(one, places) for one, places in zip(folded, found, strict=True)}
    return [original[text] for text in texts]


def _in_original(folded: Folded, found: list[Found]) -> list[Found]:
    """Places in the text as it was given."""
    if not folded.starts:
        return found
    return [one._replace(start=low, end=high) for one in found for low, high in [folded.span(one.start, one.end)]]


def _question_rows(answers: pd.Series, rules: Rules, schemes: list[str]) -> list[tuple]:
    """Mentions in one question, each with the place of its interview in front."""
    given = answers.notna().to_numpy().nonzero()[0]
    texts = answers.iloc[given].astype(str).tolist()
    return [
        (place, answers.index[place], answers.name, one.start, one.end, one.code, "rule", _named(one), 1.0, True)
        for place, found in zip(given, code_texts(texts, rules, schemes=schemes), strict=True)
        for one in found
    ]


def _named(found: Found) -> str:
    """Which rule found it: the second pattern of P1.1 is ``rule:P1.1#2``."""
    return f"rule:{found.code}#{found.number}" if found.number else f"phrases:{found.code}"
