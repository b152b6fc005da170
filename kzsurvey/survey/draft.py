"""The first draft of a definition folder: from a form that exists already, or from a small example.

The folder is made whole or not at all, and a folder that holds anything is left alone.
"""

import csv
import io
import json
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from kzsurvey.errors import DefinitionError, Fault, fail_if
from kzsurvey.survey.instrument import read_instrument
from kzsurvey.survey.sheets import Row, Sheet
from kzsurvey.survey.xlsform import SELECT, Form, Item, items_of, languages_of, read_csv_form, read_workbook_form

TEMPLATES = Path(__file__).parents[1] / "templates"
EXAMPLE = "NAME-OF-THE-SURVEY"
IDS = ("uuid", "_uuid", "instanceid", "instance_id", "interview_id", "key")
DIRECT_TYPES = (
    "deviceid",
    "device id",
    "phonenumber",
    "phone number",
    "username",
    "email",
    "subscriberid",
    "simserial",
)
QUASI_TYPES = (
    "geopoint",
    "geotrace",
    "geoshape",
    "gps",
    "location",
    "start-geopoint",
    "audit",
    "caseid",
    "image",
    "audio",
)
DIRECT_NAMES = re.compile(
    r"(^|_)(name|surname|phone|telephone|tel|mobile|e?mail|passport|id_?card|id_?number)(_|$)", re.I
)
QUASI_NAMES = re.compile(r"(^|_)(gps|latitude|longitude|location|address|birth|dob)(_|$)", re.I)
LEVELS = {
    **dict.fromkeys(("integer", "decimal", "calculate"), "ratio"),
    **dict.fromkeys(("select_one", "select_multiple"), "nominal"),
}


class Guesses(NamedTuple):
    """Which questions seem to play a part of their own; empty where none does."""

    id: str
    interviewer: str
    date: str
    start: str
    end: str


def new_survey(folder: str | Path, *, form: str | Path | None = None) -> list[Path]:
    """Draft the folder of a new survey.

    Parameters
    ----------
    folder : path
        The folder to make, ``data/raw/<survey>``; it must not exist, or be empty. Its name is the survey's name.
    form : path, optional
        An XLSForm (.xlsx, .xls), a CSV file of questions with its choices beside it, or a folder with these.
        Without it the folder holds a small example to be changed.

    Returns
    -------
    list of Path
        The files that were written.

    Raises
    ------
    DefinitionError
        The folder is in use, its name cannot be a survey's name, or the form has faults; nothing has been written.

    Examples
    --------
    >>> folder = Path(tempfile.mkdtemp()) / "teahouses"
    >>> [path.name for path in new_survey(folder, form="tests/surveys/data/raw/market/questions.csv")]
    ['README.md', 'choices.csv', 'questions.csv', 'survey.toml']
    """
    folder = Path(folder)
    fail_if(_folder_faults(folder), DefinitionError)
    texts = _example(folder.name) if form is None else _draft(folder.name, Path(form))
    with _whole_folder(folder) as beside:
        (beside / "delivered").mkdir()
        for name, text in texts.items():
            (beside / name).write_text(text, encoding="utf-8", newline="\n")
    return [folder / name for name in sorted(texts)]


def _folder_faults(folder: Path) -> list[Fault]:
    """A folder in use, or with a name that no survey can have."""
    faults = []
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        faults.append(Fault(str(folder), "a folder that is in use", "a new or an empty folder"))
    if not re.fullmatch(r"[^\W_][\w\-]*", folder.name):
        faults.append(Fault(str(folder), f"name {folder.name!r}", "letters, digits, - and _"))
    return faults


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """A new folder beside ``folder``, which takes its place when the block ends well and vanishes when it does not."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        yield beside
        beside.chmod(0o755)
        if folder.exists():
            folder.rmdir()
        beside.replace(folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _example(name: str) -> dict[str, str]:
    """The files of the example, under the survey's own name."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in TEMPLATES.iterdir() if path.is_file()}
    own = {file: texts[file].replace(EXAMPLE, name) for file in ("survey.toml", "README.md")}
    return {**texts, **own}


def _draft(name: str, path: Path) -> dict[str, str]:
    """The files that a form gives."""
    form = _form_at(path)
    languages = languages_of(form)
    fail_if(read_instrument(form, languages).faults, DefinitionError)
    items, _ = items_of(form.survey)
    asked = {item.row.number: item for item in items}
    added = {
        "unit": lambda row: "",
        "level": lambda row: LEVELS.get(asked[row.number].type, "") if row.number in asked else "",
        "sensitivity": lambda row: _sensitivity(row) if row.number in asked else "",
    }
    texts = {
        "questions.csv": _csv(form.survey, added),
        "choices.csv": _csv(form.choices, {"aliases": lambda row: ""}),
        "survey.toml": _survey_toml(name, form, languages, _guesses(items)),
        "README.md": _readme(name, path.name, len(items)),
    }
    return {file: text for file, text in texts.items() if text}


def _form_at(path: Path) -> Form:
    """The form in a workbook, in a CSV file with its choices beside it, or in a folder."""
    if path.is_dir():
        path = _form_in(path)
    if path.suffix.lower() == ".csv":
        return read_csv_form(path, _choices_beside(path))
    return read_workbook_form(path)


def _form_in(folder: Path) -> Path:
    """The one file of a folder that can be a form."""
    for pattern in ("*.xlsx", "*.xls", "*survey*.csv", "*questions*.csv"):
        if found := sorted(folder.glob(pattern)):
            break
    if len(found) != 1:
        what = f"{len(found)} files that could be a form" if found else "no form"
        raise DefinitionError(Fault(str(folder), what, "one .xlsx, or survey.csv and choices.csv"))
    return found[0]


def _choices_beside(path: Path) -> Path:
    """The file of choices that goes with a file of questions: the same name with another word."""
    word = next((word for word in ("survey", "questions") if word in path.stem.lower()), path.stem)
    named = re.sub(word, "choices", path.name, flags=re.IGNORECASE)
    others = sorted(path.parent.glob("*choices*.csv"))
    beside = path.with_name(named)
    return others[0] if not beside.is_file() and len(others) == 1 else beside


def _csv(sheet: Sheet, added: Mapping[str, Callable[[Row], str]]) -> str:
    """A sheet as CSV with every column it had, and columns of ours behind them; nothing where there is no sheet."""
    if not sheet.header:
        return ""
    there = [column for column in sheet.header if column]
    new = [column for column in added if column not in there]
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*there, *new])
    writer.writerows([*(row[column] for column in there), *(added[column](row) for column in new)] for row in sheet)
    return text.getvalue()


def _sensitivity(row: Row) -> str:
    """How much an answer says about who gave it, guessed from the type and the name of its question."""
    kind, name = row["type"].lower(), row["name"]
    closed = SELECT.fullmatch(" ".join(kind.split())) or kind in ("note", "calculate", "integer", "decimal")
    if kind in DIRECT_TYPES or (not closed and DIRECT_NAMES.search(name)):
        return "direct"
    return "quasi" if kind in QUASI_TYPES or QUASI_NAMES.search(name) else "none"


def _guesses(items: Sequence[Item]) -> Guesses:
    """The questions that hold the id, the interviewer, the date, the start and the end of an interview."""
    kinds = {
        name: [item.name for item in items if item.row["type"].lower() == name] for name in ("today", "start", "end")
    }
    people = [item.name for item in items if re.search(r"enumerator|interviewer|surveyor|访员|调查员", item.name, re.I)]
    ids = [item.name for item in items if item.name.lower() in IDS]
    return Guesses(
        *(found[0] if found else "" for found in (ids, people, kinds["today"], kinds["start"], kinds["end"]))
    )


def _survey_toml(name: str, form: Form, languages: Mapping[str, str], guesses: Guesses) -> str:
    """The text of survey.toml, with what a person must still decide as comments."""
    title = next((row["form_title"] for row in form.settings), "") or name
    parts = [
        *first_lines(name, languages, title),
        "[interview]  # the questions that play a part of their own",
        *_interview_lines(guesses),
        "",
        "[missing]  # written answers that mean: no value, and why",
        "dont_know = []",
        "refused = []",
        "no_answer = []",
        "",
        "# One entry for each file that was delivered, laid in the folder delivered/:",
        "# [[delivered]]",
        '# file = "delivered/answers.csv"',
        "",
        "# All that may stand here is shown in the survey.toml that `kzsurvey new FOLDER` writes without a form.",
    ]
    return "\n".join(parts) + "\n"


def first_lines(name: str, languages: Mapping[str, str], title: str) -> list[str]:
    """How every draft of a survey.toml begins."""
    return [
        f"name = {quoted(name)}",
        'wave = ""',
        "simulated = false",
        "smallest_cell = 5  # the smallest number of interviews that may be published",
        "",
        "[languages]  # code = the word after :: in the headers of the form; the first is the default",
        *(f"{_key(code)} = {quoted(word)}" for code, word in languages.items()),
        "",
        "[title]",
        *(f"{_key(code)} = {quoted(title)}" for code in languages),
        "",
    ]


def _interview_lines(guesses: Guesses) -> Iterable[str]:
    if not guesses.id:
        yield "# Which question holds the id of an interview? ODK and KoboToolbox deliver it as instanceID or _uuid:"
        yield "# add a row of type text and name uuid to questions.csv, name it here, and tell which delivered header"
        yield '# is meant: [columns.rename], "_uuid" = "uuid".'
        yield 'id = ""'
    for part, question in guesses._asdict().items():
        if question:
            yield f"{part} = {quoted(question)}"


def _readme(name: str, form: str, questions: int) -> str:
    return f"""# {name}

Drafted from `{form}`: {questions} questions.

- Where the answers come from, who collected them and when:
- Who may see them, under which licence:
- Levels and sensitivities in `questions.csv` are guesses by type and name: look at each.

`kzsurvey check` lists what is still missing.
"""


def quoted(text: str) -> str:
    """A text as TOML writes it, which is as JSON does."""
    return json.dumps(text, ensure_ascii=False)


def _key(code: str) -> str:
    return code if re.fullmatch(r"[A-Za-z0-9_-]+", code) else quoted(code)
