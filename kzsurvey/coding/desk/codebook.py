"""The codebook as the desk shows it, and the pinyin initials by which a code is found while one types."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kzsurvey.survey import Survey


def shown_codes(survey: "Survey") -> list[dict]:
    """Every code with its names and how to use it, in the order of the codebook."""
    return [
        {
            "code": code,
            "scheme": row["scheme"],
            "parent": row["parent"],
            "name": {language: row[f"name_{language}"] for language in survey.languages},
            "definition": {language: row[f"definition_{language}"] for language in survey.languages},
            "use_when": row["use_when"],
            "not_when": row["not_when"],
            "example": row["example"],
            "initials": initials(next((name for name in _names(row, survey) if _is_chinese(name)), "")),
        }
        for code, row in survey.codes.iterrows()
    ]


def shown_schemes(survey: "Survey") -> list[dict]:
    """The schemes with the questions that each is applied to."""
    return [
        {"name": scheme.name, "title": dict(scheme.title), "questions": list(scheme.questions)}
        for scheme in survey.schemes.values()
    ]


def initials(name: str) -> list[str]:
    """The letters a Chinese name is found by: for each character those of its readings, as the words around it ask.

    Parameters
    ----------
    name : str

    Returns
    -------
    list of str
        One entry per Chinese character or letter; punctuation and spaces have none.

    Examples
    --------
    >>> initials("任务繁重")
    ['r', 'w', 'f', 'z']
    >>> initials("落不了地 A1")
    ['l', 'b', 'l', 'd', 'a', '1']
    """
    from pypinyin import Style, pinyin

    read = pinyin(name, style=Style.FIRST_LETTER, heteronym=True, errors=list)
    letters = ("".join(dict.fromkeys(reading[:1].lower() for reading in readings)) for readings in read)
    return [letter for letter in letters if letter.isalnum()]


def _names(row: dict, survey: "Survey") -> Iterable[str]:
    return (row[f"name_{language}"] for language in survey.languages)


def _is_chinese(text: str) -> bool:
    return any("\u3400" <= character <= "\u9fff" for character in text)
