"""Every delivered file as one table of text: a row per delivered row, a column per question, nobody named in it."""

import re
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pandas as pd

from kzsurvey.cleaning.damage import mend, readings
from kzsurvey.cleaning.folding import fold
from kzsurvey.cleaning.headers import Names, Target, match_headers, question_names
from kzsurvey.cleaning.options import options_of
from kzsurvey.cleaning.protection import PARTS, protect
from kzsurvey.cleaning.readers import Sheet, read_sheet
from kzsurvey.cleaning.reading import Read
from kzsurvey.cleaning.screening import Screen, find_personal, make_screen, screen_text
from kzsurvey.cleaning.typed import reader_of
from kzsurvey.errors import DeliveryError, Fault, fail_if
from kzsurvey.survey import Survey
from kzsurvey.survey.record import Delivered
from kzsurvey.tables import check_table

ANYTHING = "*"
ORIGIN = ("file", "sheet", "row", "encoding")
LOST = "\ufffd" * 4  # stands for an answer that is lost and may have named somebody
_CHOSEN = frozenset(("true", "1", "1.0", "yes", "y", "x", "√", "✓", "是", "选中", "已选"))
_NOT_CHOSEN = frozenset(("", "false", "0", "0.0", "no", "n", "否", "未选", "na", "n/a"))
_EXPECTED = re.compile(r"[\d\s.,:/T+-]{0,10}")
_MISPLACED = re.compile(r"1[3-9]\d{9}|[1-9]\d{16}[\dXx]")  # a mobile phone or an identity number in the wrong cell
_SPECIFIED = re.compile(r"〖([^〗]*)〗")
_WHOLE_FLOAT = re.compile(r"(-?\d+)\.0+")


def read_answers(survey: Survey, *, key: bytes | None = None) -> pd.DataFrame:
    """Read all delivered files of a survey.

    Parameters
    ----------
    survey : Survey
    key : bytes, optional
        Key of the pseudonyms; by default the user's own, see :func:`kzsurvey.cleaning.protection.read_key`.

    Returns
    -------
    DataFrame, one row per delivered row
        ``file``, ``sheet``, ``row``, ``encoding`` and one text column per question, in the order of the form. An empty
        cell is ``""``; a question whose column the file does not have is missing. Direct identifiers are pseudonyms or
        empty, and open answers are screened.

    Raises
    ------
    DeliveryError
        A file cannot be read, a header is unknown or stands twice, or the id, or a question that everybody must
        answer, has no column. All faults of all files at once.

    Examples
    --------
    >>> from kzsurvey.survey import read_survey
    >>> answers = read_answers(read_survey("tests/surveys/data/raw/market"))
    >>> list(answers.columns[:4])
    ['file', 'sheet', 'row', 'encoding']
    """
    if not survey.delivered:
        there = sorted(f"delivered/{path.name}" for path in (survey.folder / "delivered").glob("[!.]*"))
        hint = "lay the files into delivered/ and register each with [[delivered]]"
        hint += f"; not registered: {', '.join(there)}" if there else ""
        raise DeliveryError(Fault("survey.toml", "no delivered file", "at least one", column="delivered", hint=hint))
    names, words = question_names(survey), _words(survey)
    tables, faults = [], []
    for delivered in survey.delivered:
        try:
            tables.append(_file_answers(delivered, survey, names, words))
        except DeliveryError as error:
            faults += error.faults
    fail_if(faults, DeliveryError)
    answers = pd.concat(tables, ignore_index=True)
    screened = _screened(answers, survey)
    return check_table(protect(screened, survey, key=key), "answers")


def _words(survey: Survey) -> frozenset[str]:
    """Words of the form beyond ASCII, as evidence for an encoding."""
    labels = [
        text
        for table in (survey.questions, survey.choices)
        for code in survey.languages
        for text in table[f"label_{code}"]
    ]
    return frozenset(fold(text) for text in labels if text and not text.isascii() and 2 <= len(text) <= 12)


def _file_answers(delivered: Delivered, survey: Survey, names: Names, words: frozenset[str]) -> pd.DataFrame:
    """The answers of one file."""
    sheet = _selected(read_sheet(delivered, words=words), delivered)
    targets, faults = match_headers(sheet.headers, delivered, survey, names)
    faults += _blank_header_faults(sheet, delivered) + _absent_faults(targets, delivered, survey)
    fail_if(faults, DeliveryError)
    columns = {
        target.question: _labelled(sheet, number, target.question, survey)
        for number, target in enumerate(targets)
        if target and not target.option
    }
    columns |= _folded_in(sheet, targets, columns, survey)
    columns |= _specified(columns, survey)
    asked = [name for name in survey.questions.index if survey.questions.at[name, "type"] != "note"]
    origin = {
        "file": pd.Series(delivered.path.name, index=sheet.cells.index, dtype="str"),
        "sheet": pd.Series(sheet.sheet, index=sheet.cells.index, dtype="str"),
        "row": pd.Series(sheet.rows, index=sheet.cells.index, dtype="Int64"),
        "encoding": pd.Series(sheet.encoding, index=sheet.cells.index, dtype="str"),
    }
    missing = pd.Series(np.nan, index=sheet.cells.index, dtype="str")
    return pd.DataFrame(origin | {name: columns.get(name, missing) for name in asked})


def _selected(sheet: Sheet, delivered: Delivered) -> Sheet:
    """Only the rows that the survey asks for."""
    if not delivered.where:
        return sheet
    folded = [fold(header) for header in sheet.headers]
    absent = [
        Fault(delivered.path.name, f"no column {column!r}", "a column of this file", column=f"where.{column}")
        for column in delivered.where
        if fold(column) not in folded
    ]
    fail_if(absent, DeliveryError)
    kept = np.ones(len(sheet.cells), dtype=bool)
    for column, wanted in delivered.where.items():
        values = {_comparable(value) for value in ((wanted,) if isinstance(wanted, str) else wanted)}
        there = sheet.cells[folded.index(fold(column))].map(_comparable)
        kept &= (there.isin(values) | ((there != "") & (ANYTHING in values))).to_numpy()
    if not kept.any():
        found, allowed = f"no row where {dict(delivered.where)}", "at least one"
        raise DeliveryError(Fault(delivered.path.name, found, allowed, column="where"))
    cells = sheet.cells[kept].reset_index(drop=True)
    return Sheet(sheet.headers, cells, sheet.rows[kept], sheet.sheet, sheet.encoding, sheet.labels, sheet.absent)


def _comparable(text: str) -> str:
    """A cell as it is compared with what the survey asks for: 1.0 is 1."""
    folded = fold(text)
    number = _WHOLE_FLOAT.fullmatch(folded)
    return number.group(1) if number else folded


def _blank_header_faults(sheet: Sheet, delivered: Delivered) -> list[Fault]:
    """Columns with answers and without a header."""
    faults = []
    for number, header in enumerate(sheet.headers):
        filled = np.flatnonzero((sheet.cells[number] != "").to_numpy())
        if not fold(header) and len(filled):
            found = f"no header over column {number + 1}, which holds {len(filled)} answers"
            row = int(sheet.rows[filled[0]])
            faults.append(Fault(delivered.path.name, found, "a header", row=row, column=f"column {number + 1}"))
    return faults


def _absent_faults(targets: list[Target | None], delivered: Delivered, survey: Survey) -> list[Fault]:
    """Questions that must have a column: the id, and those that everybody must answer.

    A required question that only some are asked may be absent (a file of residents has no column for staff), and
    so may a sensitive one: it was to leave anyway.
    """
    there = {target.question for target in targets if target}
    questions, identifier = survey.questions, survey.interview["id"]
    needed = (
        (questions["required"] == "yes")
        & (questions["relevant"] == "")
        & ~questions["type"].isin(["calculate", "note"])
        & ~questions["sensitivity"].isin(["direct", "special"])
    )
    hint = "rename the column that holds it under columns, or make the question optional"
    return [
        Fault(delivered.path.name, "no column for it", "a column per required question", column=name, hint=hint)
        for name in questions.index
        if name not in there and (needed[name] or name == identifier)
    ]


def _labelled(sheet: Sheet, number: int, question: str, survey: Survey) -> pd.Series:
    """A column of answers; where the file labels its codes, a code that is no option's name gives way to its label."""
    column = sheet.cells[number]
    labels, absent = sheet.labels.get(number, {}), sheet.absent.get(number, frozenset())
    if not labels and not absent:
        return column
    options = set(survey.offered(question).index) if survey.questions.at[question, "list_name"] else set()
    written = {fold(word) for words in survey.missing.values() for word in words}
    nothing = next(iter(survey.missing.get("no_answer", ())), "")
    meaning = {}
    for code in column.unique():
        label = labels.get(code, code)
        known = code in options or fold(code) in written
        taken = code if known or code not in labels else label
        meaning[code] = nothing if code in absent and fold(taken) not in written else taken
    return column.map(meaning).astype("str")


def _folded_in(
    sheet: Sheet, targets: list[Target | None], columns: Mapping[str, pd.Series], survey: Survey
) -> dict[str, pd.Series]:
    """select_multiple questions delivered as one column per option, as one answer: names with a space between.

    Where the joined answer is there as well it stands, and split columns fill only what it leaves empty.
    """
    split: dict[str, list[tuple[str, int]]] = {}
    for number, target in enumerate(targets):
        if target and target.option:
            split.setdefault(target.question, []).append((target.option, number))
    folded = {}
    for question, parts in split.items():
        answers = pd.Series("", index=sheet.cells.index, dtype="str")
        for option, number in parts:
            chosen = _chosen(sheet.cells[number], option, survey.offered(question))
            answers = answers.mask(chosen, answers + " " + option)
        answers = answers.str.strip()
        joined = columns.get(question)
        folded[question] = answers if joined is None else joined.mask(joined.str.strip() == "", answers)
    return folded


def _chosen(column: pd.Series, option: str, options: pd.DataFrame) -> pd.Series:
    """Where an option was ticked: a yes, the option's own name or label."""
    labels = options.loc[[option]].to_numpy().ravel()
    own = {fold(option), *(fold(label) for label in labels if isinstance(label, str))} - _NOT_CHOSEN
    ticks = {value: fold(value) in _CHOSEN | own for value in column.unique()}
    return column.map(ticks).astype(bool)


def _specified(columns: Mapping[str, pd.Series], survey: Survey) -> dict[str, pd.Series]:
    """What stands in 〖〗 behind an option goes to the text question beside it, where that has nothing else."""
    moved = {}
    for name, column in columns.items():
        beside = f"{name}_other"
        if beside not in survey.questions.index or not survey.questions.at[name, "list_name"]:
            continue
        said = column.str.extract(_SPECIFIED, expand=False).fillna("")
        if (said != "").any():
            there = columns.get(beside, pd.Series("", index=column.index, dtype="str"))
            moved[beside] = there.mask(there.str.strip() == "", said)
            moved[name] = column.str.replace(_SPECIFIED, "", regex=True)
    return moved


def _screened(answers: pd.DataFrame, survey: Survey) -> pd.DataFrame:
    """Answers without personal data; every distinct text is read once.

    Open answers are read whole; an answer to a closed question only where it is none that was to be expected.
    """
    screen = _survey_screen(answers, survey)
    questions = survey.questions
    parts = {survey.interview.get(part) for part in PARTS}
    protected = questions["sensitivity"].isin(["direct", "special"])
    screened = {}
    for name in questions.index[~protected & ~questions["type"].isin(["note", "calculate"])]:
        if name in answers and name not in parts:
            screened[name] = each_distinct(answers[name], _screener(name, screen, survey))
    return answers.assign(**screened)


def answer_screen(survey: Survey) -> Callable[[str], str]:
    """The function that takes personal data out of a text, as far as the definition alone tells.

    Parameters
    ----------
    survey : Survey

    Returns
    -------
    function of a text
        With the places of the form and the names in ``[screening]``; without the people in the delivered files, whose
        names left while those were read.

    Examples
    --------
    >>> from kzsurvey.survey import read_survey
    >>> answer_screen(read_survey("tests/surveys/data/raw/market"))("找他，电话13800138000")
    '找他，电话[电话]'
    """
    settings: Mapping = survey.settings.get("screening", {})
    screen = make_screen(places=[*_place_words(survey), *settings.get("keep", ())], also=settings.get("names", ()))
    return partial(screen_text, screen=screen)


def _survey_screen(answers: pd.DataFrame, survey: Survey) -> Screen:
    """The screen with the places of the form and the people in the direct identifiers."""
    sensitivity = survey.questions["sensitivity"]
    direct = [name for name in sensitivity.index[sensitivity == "direct"] if name in answers]
    people = {value for name in direct for value in answers[name].dropna().unique()}
    settings: Mapping = survey.settings.get("screening", {})
    places = [*_place_words(survey), *settings.get("keep", ())]
    return make_screen(places=places, people=people, also=settings.get("names", ()))


def _screener(name: str, screen: Screen, survey: Survey) -> Callable[[str], str]:
    """The function that takes personal data out of the answers to one question."""
    if survey.questions.at[name, "type"] == "text":
        return partial(_screen_open, screen=screen)
    if not survey.questions.at[name, "list_name"]:
        return partial(_screen_value, read=reader_of(survey, name), screen=screen)
    options = options_of(survey.offered(name), survey.languages)
    names = name not in survey.places
    return lambda text: text if fold(text) in options.folded else screen_text(text, screen, names=names)


def _screen_value(text: str, *, read: Callable[[str], Read], screen: Screen) -> str:
    """An answer to be a number or a moment; its digits are no account, unless they are all of a phone or identity."""
    if _EXPECTED.fullmatch(text):
        return text
    answered = read(text).value is not None and not _MISPLACED.fullmatch(text.strip())
    return text if answered else screen_text(text, screen)


def _screen_open(text: str, screen: Screen) -> str:
    """An open answer without personal data; a damaged one is also searched for what it may have said."""
    mended = mend(text)
    if not mended.rule:
        return screen_text(text, screen)
    if mended.text is None:
        return LOST if any(find_personal(reading, screen) for reading in readings(text)) else screen_text(text, screen)
    restored = screen_text(mended.text, screen)
    return screen_text(text, screen) if restored == mended.text else restored


def _place_words(survey: Survey) -> list[str]:
    """Labels and aliases of all options: a place or an office of the form is nobody's name."""
    choices = survey.choices
    labels = [text for code in survey.languages for text in choices[f"label_{code}"] if text]
    return [*labels, *(alias for aliases in choices["aliases"] for alias in aliases)]


def each_distinct(column: pd.Series, change: Callable[[str], object]) -> pd.Series:
    """A text column with every distinct value changed once; missing stays missing.

    Examples
    --------
    >>> each_distinct(pd.Series(["a", "b", "a"], dtype="str"), str.upper).tolist()
    ['A', 'B', 'A']
    """
    codes, distinct = pd.factorize(column)
    changed = np.empty(len(distinct) + 1, dtype=object)
    changed[:-1] = [change(value) for value in distinct]
    changed[-1] = np.nan
    return pd.Series(changed[codes], index=column.index, dtype="str")
