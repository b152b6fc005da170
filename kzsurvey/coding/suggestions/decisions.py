"""What people decided at the desk, as a machine can learn from it: answers, and codes that are there or not there."""

from typing import TYPE_CHECKING

import pandas as pd

from kzsurvey.coding.codings.deciding import final_codes
from kzsurvey.coding.codings.standing import Codings
from kzsurvey.coding.suggestions.material import KEY
from kzsurvey.coding.versions.steps import codes_at

if TYPE_CHECKING:
    from kzsurvey.survey import Survey


def open_answers(interviews: pd.DataFrame, survey: "Survey") -> pd.DataFrame:
    """The answers that have codes, one below the other.

    Parameters
    ----------
    interviews : DataFrame, one row per interview
        From :func:`kzsurvey.cleaning.clean`; not changed.
    survey : Survey

    Returns
    -------
    DataFrame, one row per answer that was given, question by question
        ``interview``, ``question``, ``text``.

    Examples
    --------
    >>> import kzsurvey as kz
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> open_answers(interviews, survey).columns.tolist()
    ['interview', 'question', 'text']
    """
    asked = dict.fromkeys(question for scheme in survey.schemes.values() for question in scheme.questions)
    questions = [question for question in asked if question in interviews]
    wide = interviews[questions].rename_axis("interview").reset_index()
    said = wide.melt("interview", var_name="question", value_name="text").dropna(ignore_index=True)
    return said[[*KEY, "text"]].astype("str")


def human_labels(codings: Codings, survey: "Survey", *, several: str = "agreed") -> pd.DataFrame:
    """Codes that people gave to answers they are done with, and codes they did not give.

    Parameters
    ----------
    codings : Codings
        From :func:`kzsurvey.coding.read_codings`.
    survey : Survey
    several : {"agreed", "majority"}, as of :func:`kzsurvey.coding.final_codes`

    Returns
    -------
    DataFrame, one row per decided answer and code of its question
        ``interview``, ``question``, ``code``, ``value``: the ``labels`` of :func:`learn_suggestions`. A code above
        one that was given is neither there nor missing: it has no row.

    Examples
    --------
    >>> import kzsurvey as kz
    >>> from kzsurvey.coding import read_codings
    >>> survey = kz.read_survey("tests/surveys/data/raw/market")
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> human_labels(read_codings(survey, interviews), survey)["value"].tolist()
    []
    """
    final = final_codes(codings, several=several)
    tree = codes_at(survey, codings.version)
    asked = pd.DataFrame(
        [
            (question, code)
            for scheme in survey.schemes.values()
            for question in scheme.questions
            for code in tree.index[tree["scheme"] == scheme.name]
        ],
        columns=["question", "code"],
        dtype="str",
    )
    every = final[[*KEY, "codes"]].merge(asked, on="question")
    above = [{one for code in codes for one in _ancestors(code, tree["parent"])} for codes in every["codes"]]
    given = [code in codes for code, codes in zip(every["code"], every["codes"], strict=True)]
    implied = [code in codes for code, codes in zip(every["code"], above, strict=True)]
    labels = every[[*KEY, "code"]].assign(value=pd.Series(given, index=every.index, dtype="int64"))
    open_ = pd.Series(implied, index=every.index, dtype=bool) & (labels["value"] == 0)
    return labels[~open_].reset_index(drop=True)


def _ancestors(code: str, parents: pd.Series) -> list[str]:
    """The codes above one."""
    above: list[str] = []
    while (code := parents.get(code, "")) and code not in above:
        above.append(code)
    return above
