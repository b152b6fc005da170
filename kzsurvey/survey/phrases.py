"""What teaches the rules of a codebook: sentences that people coded, and the weighted phrases learned from them."""

import io
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from kzsurvey.errors import DefinitionError, Fault, fail_if
from kzsurvey.survey.record import Survey
from kzsurvey.survey.sheets import (
    column_faults,
    listed,
    near,
    read_csv_sheet,
    read_text,
    readable,
    repeated,
    table,
)

SENTENCES, PHRASES = "sentences.csv", "phrases.csv"
COLUMNS = ("code", "phrase", "weight")
SETTINGS = ("(pattern)", "(first)", "(further)", "(any)")


_NONE = pd.DataFrame(
    {"code": pd.Series(dtype="str"), "phrase": pd.Series(dtype="str"), "weight": pd.Series(dtype=float)}
)


class Weights(NamedTuple):
    """The table ``phrases`` as documented in :class:`kzsurvey.survey.Survey`, and all faults."""

    table: pd.DataFrame
    faults: list[Fault]


def read_phrases(folder: Path | None, codes: Collection[str]) -> Weights:
    """Read ``phrases.csv``; without it the table is empty.

    Parameters
    ----------
    folder : Path, or None where the file is not to be read
    codes : collection of str
        The codes of codes.csv.

    Returns
    -------
    Weights
    """
    if folder is None or not (folder / PHRASES).exists():
        return Weights(_NONE, [])
    try:
        cells = pd.read_csv(io.StringIO(read_text(folder / PHRASES)), dtype="str", keep_default_na=False)
    except pd.errors.ParserError as problem:
        return Weights(_NONE, [Fault(PHRASES, f"text that is no CSV ({problem})", "what kzsurvey teach writes")])
    if tuple(cells) != COLUMNS:
        return Weights(_NONE, [Fault(PHRASES, f"columns {listed(cells)}", listed(COLUMNS), row=1)])
    cells.index += 2
    weight = pd.to_numeric(cells["weight"], errors="coerce")
    return Weights(cells.assign(weight=weight), list(_phrase_faults(cells, weight, codes)))


def read_sentences(survey: Survey) -> pd.DataFrame:
    """The sentences that teach the rules of a survey.

    Parameters
    ----------
    survey : Survey
        Its folder holds ``sentences.csv``: columns ``sentence``, ``question`` (an open question of survey.toml),
        ``codes`` (separated by spaces; none is an answer too) and, if wanted, ``patterns``: ``yes`` where the patterns
        of codes.csv were made with this sentence in view, so that it cannot say how well they do.

    Returns
    -------
    DataFrame, one row per sentence
        The same columns; ``codes`` a tuple, ``patterns`` a flag. The examples of codes.csv stand at the end.

    Raises
    ------
    DefinitionError
        No such file, a column missing, a sentence twice, an unknown question or code; all of them at once.

    Examples
    --------
    >>> from kzsurvey.survey import read_survey
    >>> read_sentences(read_survey("data/raw/kizilsu")).columns.tolist()
    ['sentence', 'question', 'codes', 'patterns']
    """
    sheet = read_csv_sheet(survey.folder / SENTENCES)
    needed = ("sentence", "question", "codes")
    faults = column_faults(sheet, needed=needed, known=(*needed, "patterns"), strict=True)
    sheet = readable(sheet, needed)
    faults += repeated(sheet, sheet, ["sentence", "question"], "sentence")
    codes: dict[str, set[str]] = {}
    for scheme in survey.schemes.values():
        for question in scheme.questions:
            codes.setdefault(question, set()).update(survey.codes.index[survey.codes["scheme"] == scheme.name])
    for row in sheet:
        if row["question"] not in codes:
            found, hint = f"question {row['question']!r}", near(row["question"], codes)
            faults.append(sheet.fault(row, "question", found, listed(codes), hint))
            continue
        wrong = [code for code in row["codes"].split() if code not in codes[row["question"]]]
        faults += [
            sheet.fault(row, "codes", f"code {code!r}", listed(sorted(codes[row["question"]]))) for code in wrong
        ]
    fail_if(faults, DefinitionError)
    taught = [{name: row[name] for name in (*needed, "patterns")} for row in sheet]
    found = table([*taught, *_examples(survey, {row["sentence"] for row in sheet})], [*needed, "patterns"])
    return found.assign(codes=[tuple(codes.split()) for codes in found["codes"]], patterns=found["patterns"].eq("yes"))


def _examples(survey: Survey, known: Collection[str]) -> Iterator[dict[str, str]]:
    """The examples of the codebook that are not among the sentences; patterns are made with them in view."""
    finest = survey.codes[~survey.codes.index.isin(survey.codes["parent"])]
    for code, row in finest.iterrows():
        for example in filter(None, map(str.strip, row["example"].splitlines())):
            question = survey.schemes[row["scheme"]].questions[0]
            if example not in known:
                yield {"sentence": example, "question": question, "codes": code, "patterns": "yes"}


def _phrase_faults(cells: pd.DataFrame, weight: pd.Series, codes: Collection[str]) -> Iterator[Fault]:
    """Weights that are no numbers, codes that are not in the codebook, rows that stand twice, settings that lack."""
    for row, found in cells.loc[weight.isna(), "weight"].items():
        yield Fault(PHRASES, f"weight {found!r}", "a number", row=row, column="weight")
    unknown = ~cells["code"].isin([*codes, "", "(any)"])
    for row, found in cells.loc[unknown, "code"].drop_duplicates().items():
        yield Fault(PHRASES, f"code {found!r}", "a code of codes.csv", row=row, column="code", hint=near(found, codes))
    for row in cells.index[cells.duplicated(["code", "phrase"])]:
        yield Fault(PHRASES, f"{cells.at[row, 'phrase']!r} a second time", "once per code", row=row, column="phrase")
    absent = [name for name in SETTINGS if name not in set(cells.loc[cells["code"] == "", "phrase"])]
    if absent:
        yield Fault(PHRASES, f"no row {listed(absent)}", "what kzsurvey teach writes", hint="run kzsurvey teach again")
