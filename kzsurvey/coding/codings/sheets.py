"""Codings made in a spreadsheet become actions like all others, or a list of rows that cannot."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from kzsurvey.coding.codings.actions import (
    COLUMNS,
    KINDS,
    Entry,
    entry,
    files_of,
    folder_of,
    name_faults,
    read_actions,
)
from kzsurvey.coding.codings.anchoring import occurrences
from kzsurvey.coding.codings.deciding import column_of
from kzsurvey.coding.codings.replaying import State, replay
from kzsurvey.coding.codings.writing import record
from kzsurvey.coding.rules.text import fold
from kzsurvey.errors import CodingError, DefinitionError, Fault, fail_if
from kzsurvey.survey.sheets import Row, Sheet, listed, near, read_csv_sheet, read_workbook, repeated, sheet_of

if TYPE_CHECKING:
    from kzsurvey.survey import Survey

LONG = ("coder", "interview", "question", "code", "start", "end", "quote", "memo")
YES, NO = ("1", "true", "yes", "x", "是"), ("0", "false", "no", "否")


class _Sheet(NamedTuple):
    """What the rows of a sheet are read with."""

    sheet: Sheet
    survey: "Survey"
    interviews: pd.DataFrame
    questions: list[str]
    coder: str


def import_codings(
    survey: "Survey", interviews: pd.DataFrame, path: str | Path, *, coder: str = "", sheet: str = ""
) -> pd.DataFrame:
    r"""Write codings from a spreadsheet to the files of their coders.

    Parameters
    ----------
    survey : Survey
    interviews : DataFrame, one row per interview
    path : path
        A CSV file or a workbook. Long: a row for each coding, with ``interview``, ``question`` (not needed where the
        survey has one open question), ``code`` (empty: nothing applies), and if wanted ``start`` and ``end`` (counted
        from 0) or ``quote``, ``memo``, ``coder``. Wide: a row for each answer, with ``interview``, ``question`` and a
        column for each code, named as the code or as in ``analysis``, with 1 or 0; a row of zeros says that nothing
        applies, one without anything that the answer was not coded.
    coder : str
        Whose codings they are, where there is no column ``coder``.
    sheet : str
        Of a workbook; the first where not given.

    Returns
    -------
    DataFrame, one row per action that was written
        What stands already is not written again.

    Raises
    ------
    CodingError
        Every row that is at fault, and nothing is written: unknown interviews, questions, codes; a quote that does not
        stand in the answer, or stands there more than once; a span outside its text.

    Examples
    --------
    >>> import shutil, tempfile
    >>> import kzsurvey as kz
    >>> folder = Path(shutil.copytree("tests/surveys/data/raw/market", tempfile.mkdtemp() + "/market"))
    >>> survey = kz.read_survey(folder)
    >>> interviews, _ = kz.clean(kz.read_answers(survey), survey)
    >>> _ = (folder.parent / "ann.csv").write_text("interview,code,quote\nM01,T1.1,租金太高\nM02,,\n")
    >>> written = import_codings(survey, interviews, folder.parent / "ann.csv", coder="ann")
    >>> written[["action", "quote", "code"]].to_dict("list")
    {'action': ['add', 'nothing'], 'quote': ['租金太高', ''], 'code': ['T1.1', '']}
    """
    read = _Sheet(_read(Path(path), sheet), survey, interviews, _open_questions(survey), coder)
    fail_if(_header_faults(read), CodingError)
    rows = _long if "code" in read.sheet.header else _wide
    entries, faults = {}, []
    for row in read.sheet:
        try:
            fail_if(_row_faults(row, read), CodingError)
            for name, made in rows(row, read):
                entries.setdefault(name, []).append(made)
        except CodingError as error:
            faults += error.faults
    fail_if(faults, CodingError)
    paths, wrong = files_of(folder_of(survey))
    fail_if([*wrong, *name_faults(dict.fromkeys([*(path.stem for path in paths), *entries]))], CodingError)
    state = replay(read_actions(survey).table)
    fail_if((fault for name, made in entries.items() for fault in _contrary(made, name, state, path)), CodingError)
    new = {name: _not_there(made, name, state) for name, made in entries.items()}
    written = [record(survey, name, made) for name, made in new.items() if made]
    return pd.concat(written, ignore_index=True) if written else pd.DataFrame(columns=list(COLUMNS)).astype(KINDS)


def _read(path: Path, sheet: str) -> Sheet:
    """The rows of a CSV file or of one sheet of a workbook."""
    try:
        if path.suffix.lower() not in (".xlsx", ".xls"):
            return read_csv_sheet(path)
        book = read_workbook(path)
        if sheet and sheet not in book:
            raise CodingError(Fault(path.name, f"no sheet {sheet!r}", listed(book)))
        return sheet_of(path.name, book[sheet or next(iter(book))])
    except DefinitionError as error:
        raise CodingError(error.faults) from None


def _open_questions(survey: "Survey") -> list[str]:
    return list(dict.fromkeys(question for each in survey.schemes.values() for question in each.questions))


def _codes_by_column(survey: "Survey") -> Mapping[str, str]:
    return {name: code for code in survey.codes.index for name in (code, column_of(code))}


def _header_faults(read: _Sheet) -> list[Fault]:
    """Columns that are missing, unknown, or cannot be told apart."""
    header, codes = read.sheet.header, _codes_by_column(read.survey)
    wide = "code" not in header
    known = ["coder", "interview", "question", *codes] if wide else list(LONG)
    needed = ["interview", *["question"] * (len(read.questions) > 1), *["coder"] * (not read.coder)]
    faults = [read.sheet.fault(1, name, "no such column", listed(known)) for name in needed if name not in header]
    faults += [
        read.sheet.fault(1, name, "an unknown column", listed(known), near(name, known))
        for name in header
        if name and name not in known
    ]
    meant = {name: codes.get(name, name) for name in dict.fromkeys(header) if name} if wide else {}
    columns = [meant.get(name, name) for name in header if name]
    faults += [
        read.sheet.fault(1, name, f"{columns.count(name)} columns of {name}", "one column of each")
        for name in dict.fromkeys(columns)
        if columns.count(name) > 1
    ]
    if wide and not any(name in codes for name in header):
        faults.append(read.sheet.fault(1, "code", "no such column", "code, or a column for each code"))
    if wide and not faults:
        key = [name for name in ("coder", "interview", "question") if name in header]
        faults += repeated(read.sheet, read.sheet, key, "interview")
    return faults


def _row_faults(row: Row, read: _Sheet) -> Iterator[Fault]:
    """A row without a coder, or one that ends before it says what was coded."""
    if not (row["coder"] or read.coder):
        yield read.sheet.fault(row, "coder", "no coder", "a coder in every row")
    said = ["code"] if "code" in read.sheet.header else [*set(read.sheet.header) & set(_codes_by_column(read.survey))]
    if any(name not in row.cells for name in said):
        found = f"{len(row.cells)} cells under a header of {len(read.sheet.header)}"
        yield read.sheet.fault(row, None, found, "a row that does not end before its codes", "was the file cut off?")


def _long(row: Row, read: _Sheet) -> Iterator[tuple[str, Entry]]:
    """One coding."""
    interview, question, text = _answer(row, read)
    code = row["code"]
    fail_if(_code_faults(row, "code", code, question, read), CodingError)
    start, end = _span(row, text, read) if code else (None, None)
    action = "add" if code else "nothing"
    made = entry(action, interview, question, text, start=start, end=end, code=code, memo=row["memo"])
    yield row["coder"] or read.coder, made


def _wide(row: Row, read: _Sheet) -> Iterator[tuple[str, Entry]]:
    """All codes of one answer."""
    codes = {name: code for name, code in _codes_by_column(read.survey).items() if name in read.sheet.header}
    cells = {code: row[name].lower() for name, code in codes.items()}
    strange = [name for name, code in codes.items() if cells[code] not in (*YES, *NO, "")]
    fail_if((read.sheet.fault(row, name, repr(row[name]), "1 or 0") for name in strange), CodingError)
    if not any(cells.values()):
        return
    interview, question, text = _answer(row, read)
    given = [code for code, cell in cells.items() if cell in YES]
    columns = {code: name for name, code in codes.items()}
    fail_if((fault for code in given for fault in _code_faults(row, columns[code], code, question, read)), CodingError)
    coder = row["coder"] or read.coder
    for code in given:
        yield coder, entry("add", interview, question, text, code=code)
    if not given:
        yield coder, entry("nothing", interview, question, text)


def _code_faults(row: Row, column: str, code: str, question: str, read: _Sheet) -> Iterator[Fault]:
    """A code that is not in the codebook, or not for this question."""
    codes, schemes = read.survey.codes, read.survey.schemes
    if code and code not in codes.index:
        yield read.sheet.fault(row, column, f"code {code!r}", "a code of codes.csv", near(code, codes.index))
    elif code and question not in (questions := schemes[codes.at[code, "scheme"]].questions):
        yield read.sheet.fault(row, column, f"code {code} at {question}", f"at {listed(questions)}")


def _answer(row: Row, read: _Sheet) -> tuple[str, str, str]:
    """Interview, question and text that a row is about."""
    interview, question = row["interview"], row["question"] or read.questions[0]
    if question not in read.questions:
        hint = near(question, read.questions)
        raise CodingError(read.sheet.fault(row, "question", f"question {question!r}", listed(read.questions), hint))
    if interview not in read.interviews.index:
        raise CodingError(read.sheet.fault(row, "interview", f"interview {interview!r}", "an interview after cleaning"))
    text = read.interviews.at[interview, question]
    if pd.isna(text):
        found = f"{interview}, which has no answer to {question}"
        raise CodingError(read.sheet.fault(row, "interview", found, "an answer that was given"))
    return interview, question, str(text)


def _span(row: Row, text: str, read: _Sheet) -> tuple[int | None, int | None]:
    """Where a coding stands: as said, or where its quote is found, or on the whole answer."""
    start, end = row["start"], row["end"]
    if start or end:
        if not (start.isdecimal() and end.isdecimal() and 0 <= int(start) < int(end) <= len(text)):
            found, allowed = f"a span from {start!r} to {end!r}", f"0 <= start < end <= {len(text)}"
            raise CodingError(read.sheet.fault(row, "start", found, allowed))
        return int(start), int(end)
    if not row["quote"]:
        return None, None
    folded, quote = fold([text, row["quote"]])
    places = occurrences(quote.text, folded.text) if quote.text else []
    if len(places) != 1:
        found = f"quote {row['quote']!r}, which stands {len(places)} times in the answer"
        hint = "start and end say which one is meant" if places else ""
        raise CodingError(read.sheet.fault(row, "quote", found, "words that stand there once", hint))
    return folded.span(places[0], places[0] + len(quote.text))


def _contrary(entries: list[Entry], coder: str, state: State, path: str | Path) -> Iterator[Fault]:
    """Answers to which nothing applies, and codes do."""
    spans = state.spans[(state.spans["coder"] == coder) & (state.spans["role"] == "coder")]
    coded = {*spans[["interview", "question"]].itertuples(index=False, name=None)}
    coded |= {(one.interview, one.question) for one in entries if one.action == "add"}
    for one in entries:
        if one.action == "nothing" and (one.interview, one.question) in coded:
            found = f"nothing of {coder} at {one.question} of {one.interview}, where codes stand"
            yield Fault(Path(path).name, found, "codes, or nothing", column="code")


def _not_there(entries: list[Entry], coder: str, state: State) -> list[Entry]:
    """Codings and decisions that do not stand already."""
    mine = (table[(table["coder"] == coder) & (table["role"] == "coder")] for table in (state.spans, state.answers))
    spans, answers = mine
    places = spans[["interview", "question", "start", "end", "code"]].astype("object")
    there = set(places.where(places.notna(), None).itertuples(index=False, name=None))
    nothing = answers.loc[answers["nothing"], ["interview", "question"]].itertuples(index=False, name=None)
    there |= {(interview, question, None, None, "") for interview, question in nothing}
    keys = {one: (one.interview, one.question, one.start, one.end, one.code) for one in entries}
    return [one for one, key in keys.items() if key not in there]
