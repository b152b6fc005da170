"""The words that reports use beside the survey's own: kept in ``words.csv``, in as many languages as it has columns.

A survey's ``words.csv`` stands over the library's, word by word, and may add languages.
"""

import csv
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kzsurvey.survey import Survey

WORDS = Path(__file__).with_name("words.csv")
PROSE = ("zh", "en")  # languages the library itself writes in
FALLBACK = "en"
RIGHT_TO_LEFT = ("ar", "ckb", "fa", "he", "ps", "sd", "ug", "ur")


def word(key: str, language: str, survey: "Survey | None" = None) -> str:
    """One word or note of the reports in one language.

    Parameters
    ----------
    key : str
        As in the first column of ``words.csv``.
    language : str
        Where neither the survey nor the library has the word in this language, it is given in English.
    survey : Survey, optional
        Its own words come first.

    Returns
    -------
    str
        The key itself where nobody has a word for it.

    Examples
    --------
    >>> word("interviews", "en"), word("interviews", "zh")
    ('interviews', '访谈')
    >>> word("interviews", "ar")
    'interviews'
    """
    found = (*_own(key, survey, (language,)), _library().get(key, {}).get(language, ""))
    fallback = (*_own(key, survey, (FALLBACK,)), _library().get(key, {}).get(FALLBACK, ""))
    return next((text for text in (*found, *fallback) if text), key)


def has_word(key: str) -> bool:
    """Whether the library has a word for this key."""
    return key in _library()


def pick(texts: Mapping[str, str] | str, language: str) -> str:
    """The text in one language: that language, else English, else the first there is.

    Examples
    --------
    >>> pick({"zh": "县市", "en": "county"}, "ar")
    'county'
    """
    if isinstance(texts, str):
        return texts
    order = (language, FALLBACK, *texts)
    return next((texts[code] for code in order if texts.get(code)), "")


def direction(language: str) -> str:
    """Which way a language is written: ``ltr`` or ``rtl``."""
    return "rtl" if language.split("-")[0] in RIGHT_TO_LEFT else "ltr"


def _own(key: str, survey: "Survey | None", languages: Sequence[str]) -> list[str]:
    if survey is None or key not in survey.words.index:
        return []
    return [survey.words.at[key, code] for code in languages if code in survey.words]


@cache
def _library() -> dict[str, dict[str, str]]:
    with open(WORDS, encoding="utf-8-sig", newline="") as file:
        return {row.pop("key"): row for row in csv.DictReader(file)}
