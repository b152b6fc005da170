"""Human codings beside those of rules in one table, and which of the two an analysis counts."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from kzsurvey.coding.codings.deciding import final_codes
from kzsurvey.coding.codings.standing import Codings

if TYPE_CHECKING:
    from kzsurvey.survey import Survey

STAND = ("rules", "people")


def with_people(
    mentions: pd.DataFrame, codings: Codings, interviews: pd.DataFrame, survey: "Survey", *, stand: str | None = None
) -> pd.DataFrame:
    """Mentions of rules and of people.

    Parameters
    ----------
    mentions : DataFrame, one row per mention
        From :func:`kzsurvey.coding.code`.
    codings : Codings
    interviews : DataFrame, one row per interview
    survey : Survey
    stand : {"rules", "people"}, optional
        Which ones ``analysis`` counts; where not given, as ``[codings]`` of survey.toml says, or else ``rules``.
        ``people``: those of people in the answers that people are done with, those of rules in all others.

    Returns
    -------
    DataFrame, one row per mention, in the order of interviews, questions, places
        As documented in ``kzsurvey.tables.TABLES["mentions"]``. Of source ``person``: every coding that stands, with
        its coder (``adjudicator:<name>`` of adjudications); not those that wait to be placed or coded anew.

    Examples
    --------
    >>> import kzsurvey as kz
    >>> from kzsurvey.coding import read_codings
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> mentions = kz.code(interviews, survey)
    >>> with_people(mentions, read_codings(survey, interviews), interviews, survey).equals(mentions)
    True
    """
    stand = stand or survey.settings.get("codings", {}).get("stand", "rules")
    if stand not in STAND:
        raise ValueError(f"stand={stand!r}: allowed are {', '.join(STAND)}")
    people = person_mentions(codings, interviews)
    both = pd.concat([mentions, people], ignore_index=True)
    if stand == "people":
        both = both.assign(stands=_stands(both, codings))
    place = {name: number for number, name in enumerate(survey.questions.index)}
    order = [
        interviews.index.get_indexer(both["interview"]),
        both["question"].map(place).to_numpy(),
        both["start"].to_numpy(),
        (both["source"] == "person").to_numpy(),
    ]
    return both.iloc[np.lexsort(order[::-1])].reset_index(drop=True) if len(people) else both


def person_mentions(codings: Codings, interviews: pd.DataFrame) -> pd.DataFrame:
    """Human codings as mentions, none of which an analysis counts yet.

    Parameters
    ----------
    codings : Codings
    interviews : DataFrame, one row per interview
    """
    spans = codings.spans[codings.spans["open"] != "split"]
    spans = spans[(spans["place"] != "lost") & (spans["open"] != "lost")]
    whole = spans["start"].isna()
    lengths = [len(str(interviews.at[row.interview, row.question])) for row in spans[whole].itertuples()]
    end = spans["end"].copy()
    end[whole] = lengths
    named = spans["coder"].where(spans["role"] == "coder", "adjudicator:" + spans["coder"])
    return pd.DataFrame(
        {
            "interview": spans["interview"],
            "question": spans["question"],
            "start": spans["start"].fillna(0).astype("int64"),
            "end": end.astype("int64"),
            "code": spans["code"],
            "source": pd.Series("person", index=spans.index, dtype="str"),
            "coder": named.astype("str"),
            "score": 1.0,
            "stands": False,
        }
    ).reset_index(drop=True)


def _stands(mentions: pd.DataFrame, codings: Codings) -> np.ndarray:
    """Of answers that people are done with their codes, of others those of rules."""
    final = final_codes(codings)
    by = dict(zip(zip(final["interview"], final["question"], strict=True), final["by"], strict=True))
    decided = [by.get(key, "") for key in zip(mentions["interview"], mentions["question"], strict=True)]
    person = (mentions["source"] == "person").to_numpy()
    mine = [coder in names.split("+") for coder, names in zip(mentions["coder"], decided, strict=True)]
    return np.where(person, np.array(mine, dtype=bool), np.array(decided, dtype=object) == "")
