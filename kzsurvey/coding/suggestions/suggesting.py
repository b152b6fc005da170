"""Suggestions as mentions, each with the words that spoke for it; for a person to accept or reject, never counted.

A score is a sum over places in the text, so what is shown as the reason of a suggestion is the whole of its reason.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.coding.rules.phrases import statements
from kzsurvey.coding.rules.text import Folded, fold
from kzsurvey.coding.suggestions.learning import Suggester, suggestion_probabilities
from kzsurvey.coding.suggestions.material import KEY
from kzsurvey.coding.suggestions.ngrams import COLUMNS, Places, ngram_places
from kzsurvey.errors import CodingError, Fault, fail_if

_KINDS = {
    "interview": "str", "question": "str", "start": "int64", "end": "int64",
    "code": "str", "source": "str", "coder": "str", "score": "float64", "stands": "bool",
}  # fmt: skip


def suggest(
    suggester: Suggester, answers: pd.DataFrame, *, least: float | None = None, without: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Suggest codes for answers.

    Parameters
    ----------
    suggester : Suggester
    answers : DataFrame, one row per answer
        ``interview``, ``question``, ``text``; not changed.
    least : float
        Probability from which a code is suggested; ``suggester.threshold`` where None.
    without : DataFrame, one row per answer and code
        ``interview``, ``question``, ``code``: what a person decided already, or rejected (``spans`` and ``rejected`` of
        :func:`kzsurvey.coding.read_codings`); not suggested again.

    Returns
    -------
    DataFrame, one row per suggestion
        As mentions (``kzsurvey.tables.TABLES["mentions"]``): ``start`` and ``end`` of the statement that spoke most
        for the code, in the text as given; ``source`` is ``model``, ``coder`` the suggester's name, ``score`` the
        probability; ``stands`` is false: no analysis counts them.

    Raises
    ------
    CodingError
        Answers twice or without text; ``least`` outside 0 to 1.

    Notes
    -----
    Suggestions belong to the desk. Tables and models count what people and rules said; shares that lean on a machine go
    through :func:`kzsurvey.modelling.prevalence`, which corrects them.

    Examples
    --------
    >>> from kzsurvey.coding.suggestions.learning import learn_suggestions
    >>> said = [f"{what}{how}" for what in ("工资", "奖金", "人手", "人员") for how in ("太少", "不够", "少", "不足")]
    >>> answers = pd.DataFrame({"interview": [f"i{n}" for n in range(16)], "question": "causes", "text": said})
    >>> suggester = learn_suggestions(answers, answers.assign(code="C1.1", value=["人" in one for one in said]), seed=1)
    >>> new = pd.DataFrame({"interview": ["x"], "question": "causes", "text": ["路远。人手不夠！"]})
    >>> suggest(suggester, new)[["interview", "start", "end", "code", "source"]].to_dict("records")
    [{'interview': 'x', 'start': 3, 'end': 7, 'code': 'C1.1', 'source': 'model'}]
    """
    least = suggester.threshold if least is None else least
    if not 0 <= least <= 1:
        raise CodingError(Fault("suggest", f"least {least}", "a probability", column="least"))
    chance = suggestion_probabilities(suggester, answers)
    values = chance.to_numpy(dtype=float)
    row, column = np.nonzero(values >= least)
    codes = chance.columns.to_numpy()[column]
    kept = ~_decided(chance.index[row], codes, without)
    row, column, codes = row[kept], column[kept], codes[kept]
    numbers = pd.Index(suggester.codes).get_indexer(codes)
    texts = dict(zip(np.unique(row), fold(answers["text"].astype("str").iloc[np.unique(row)]), strict=True))
    spans = [_span(suggester, texts[place], number) for place, number in zip(row, numbers, strict=True)]
    table = pd.DataFrame(
        {
            "interview": answers["interview"].to_numpy()[row],
            "question": answers["question"].to_numpy()[row],
            "start": [span[0] for span in spans],
            "end": [span[1] for span in spans],
            "code": codes,
            "source": "model",
            "coder": suggester.name,
            "score": values[row, column],
            "stands": False,
        }
    ).astype(_KINDS)
    return table.assign(order=row).sort_values(["order", "start", "code"], ignore_index=True).drop(columns="order")


def _decided(answers: pd.MultiIndex, codes: np.ndarray, without: pd.DataFrame | None) -> np.ndarray:
    """Which suggestions are decided already."""
    if without is None or without.empty:
        return np.zeros(len(codes), dtype=bool)
    known = pd.MultiIndex.from_frame(without[[*KEY, "code"]].astype("str"))
    asked = pd.MultiIndex.from_arrays([answers.get_level_values(0), answers.get_level_values(1), codes])
    return asked.isin(known)


def explain(suggester: Suggester, text: str, code: str) -> pd.DataFrame:
    """What in an answer spoke for a code, and what against it.

    Parameters
    ----------
    suggester : Suggester
    text : str, as given
    code : str

    Returns
    -------
    DataFrame, one row per run of characters that has a weight, the heaviest first
        ``start``, ``end`` (in the text as given), ``words`` (the text there), ``weight`` (what it adds to the score).
        Runs that occur several times share their weight. ``attrs``: ``start`` (the score of an empty answer),
        ``score`` (``start`` plus all weights), ``probability``.

    Raises
    ------
    CodingError
        A code that the suggester did not learn.

    Examples
    --------
    >>> from kzsurvey.coding.suggestions.learning import learn_suggestions
    >>> said = [f"{what}{how}" for what in ("工资", "奖金", "人手", "人员") for how in ("太少", "不够", "少", "不足")]
    >>> answers = pd.DataFrame({"interview": [f"i{n}" for n in range(16)], "question": "causes", "text": said})
    >>> suggester = learn_suggestions(answers, answers.assign(code="C1.1", value=["人" in one for one in said]), seed=1)
    >>> explain(suggester, "缺人手", "C1.1")[["start", "end", "words"]].head(1).to_dict("records")
    [{'start': 1, 'end': 2, 'words': '人'}]
    """
    known = suggester.learned["learned"]
    if code not in known.index or not known[code]:
        listed = ", ".join(known.index[known])
        fail_if([Fault("explain", f"code {code!r}", f"codes that were learned: {listed}")], CodingError)
    number = suggester.codes.index(code)
    folded = fold([text])[0]
    voices = _voices(suggester, folded.text, number)
    spans = [folded.span(start, end) for start, end in zip(voices.start, voices.end, strict=True)]
    table = pd.DataFrame(
        {
            "start": pd.Series([span[0] for span in spans], dtype="int64"),
            "end": pd.Series([span[1] for span in spans], dtype="int64"),
            "words": pd.Series([text[slice(*span)] for span in spans], dtype="str"),
            "weight": voices.weight,
        }
    )
    table = table.iloc[np.argsort(-np.abs(voices.weight), kind="stable")].reset_index(drop=True)
    start = float(suggester.machine.weights.start[number])
    score = start + float(voices.weight.sum())
    chance = suggester.calibration.probability(np.full((1, len(suggester.codes)), score))[0, number]
    table.attrs |= {"start": start, "score": score, "probability": float(chance)}
    return table


class _Voices(NamedTuple):
    """Runs of characters of one folded text and what each adds to the score of one code."""

    start: np.ndarray
    end: np.ndarray
    weight: np.ndarray


def _voices(suggester: Suggester, text: str, number: int) -> _Voices:
    """Places with a weight; together they add up to the score."""
    places: Places = ngram_places(text, runs=suggester.runs)
    vocabulary = suggester.machine.vocabulary
    count = np.bincount(places.column, minlength=COLUMNS)[places.column]
    place = vocabulary.place[places.column]
    known = place >= 0
    start, end, count, place = places.start[known], places.end[known], count[known], place[known]
    value = (1 + np.log(count)) * vocabulary.rarity[place]
    size = np.sqrt((value**2 / count).sum())
    weight = value / count / size * suggester.machine.weights.weight[place, number] if len(value) else value
    told = weight != 0
    return _Voices(start[told], end[told], weight[told])


def _span(suggester: Suggester, folded: Folded, number: int) -> tuple[int, int]:
    """Where the statement stands that spoke most for a code; the whole answer where it has no statement."""
    voices = _voices(suggester, folded.text, number)
    said = statements(folded.text)
    if not said:
        return 0, len(folded.original)
    sums = [voices.weight[(voices.start >= start) & (voices.end <= end)].sum() for start, end in said]
    return folded.span(*said[int(np.argmax(sums))])
