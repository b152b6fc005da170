"""The folder of a definition, read into one frozen Survey, with every fault listed at once."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from kzsurvey.errors import DefinitionError, Fault, fail_if
from kzsurvey.survey.codebook import read_codebook
from kzsurvey.survey.coding_sample import coding_sample_faults
from kzsurvey.survey.instrument import read_instrument
from kzsurvey.survey.lists import TABLES, Asked
from kzsurvey.survey.phrases import read_phrases
from kzsurvey.survey.record import Survey
from kzsurvey.survey.references import Known, reference_faults
from kzsurvey.survey.settings import FILE, delivered_faults, read_settings, survey_fields
from kzsurvey.survey.steps import read_steps
from kzsurvey.survey.xlsform import Form, languages_of, read_form


class Definition(NamedTuple):
    """A definition as far as it can be read: fields of a Survey, and all faults."""

    fields: dict[str, Any]
    faults: list[Fault]


def read_survey(folder: str | Path, *, check_delivered: bool = True, phrases: bool = True) -> Survey:
    """Read the definition of a survey and check it as a whole.

    Parameters
    ----------
    folder : path
        Holds ``survey.toml``, the form (``form.xlsx``, or ``questions.csv`` and ``choices.csv``) and, where the survey
        has them, ``codes.csv``, ``codebook_steps.csv``, ``lexicon.csv``, ``phrases.csv``, ``measures.csv``,
        ``frame.csv``, ``corrections.csv``, ``words.csv``.
    check_delivered : bool
        Whether the delivered files must be there already; not while they are still to be simulated.
    phrases : bool
        Whether to read ``phrases.csv``; not while it is made anew.

    Returns
    -------
    Survey

    Raises
    ------
    DefinitionError
        Lists every fault at once, so that one reading repairs the definition.

    Examples
    --------
    >>> survey = read_survey("tests/surveys/data/raw/market")
    >>> survey.name, list(survey.languages), survey.label("stall_kind", "en")
    ('market', ['zh', 'en'], 'What is mainly sold here?')
    >>> survey.options("stall_kind").index.tolist()
    ['fruit', 'meat', 'cloth']
    """
    definition = _read(Path(folder), check_delivered=check_delivered, taught=phrases)
    fail_if(definition.faults, DefinitionError)
    return Survey(folder=Path(folder), **definition.fields)


def definition_faults(folder: str | Path) -> list[Fault]:
    """List everything that is wrong in a definition; nothing when it is sound.

    Parameters
    ----------
    folder : path
        The definition of a survey.

    Returns
    -------
    list of Fault
        Each with file, row and column.

    Examples
    --------
    >>> definition_faults("tests/surveys/data/raw/market")
    []
    """
    return _read(Path(folder), check_delivered=True, taught=True).faults


def _read(folder: Path, *, check_delivered: bool, taught: bool) -> Definition:
    """Read part after part; a part that cannot be read only ends the reading of those that rest on it."""
    if not (folder / FILE).is_file() and (elsewhere := _elsewhere(folder)):
        found = "no survey.toml" if folder.is_dir() else "no such folder"
        hint = f"a survey is here: {', '.join(map(str, elsewhere))}"
        return Definition({}, [Fault(str(folder), found, "the folder of a survey", hint=hint)])
    if not folder.is_dir():
        return Definition({}, [Fault(str(folder), "no such folder", "the folder of a survey")])
    settings, faults = _attempt(read_settings, folder)
    form, unreadable = _attempt(read_form, folder)
    faults += unreadable
    if settings is None:
        return Definition({}, faults)
    languages = settings.usable.get("languages") or (languages_of(form) if form else {})
    read = {**settings.usable, "languages": languages}
    faults += [*settings.faults, *_name_faults(folder, read)]
    faults += delivered_faults(read, folder) if check_delivered else []
    tables, wrong = _read_tables(folder, form, read, taught=taught)
    faults += [*wrong, *coding_sample_faults(folder)]
    return Definition({} if faults else {**survey_fields(read, folder), **tables}, faults)


def _elsewhere(folder: Path) -> list[Path]:
    """The folders of surveys that may be meant: that of a file, one of this name where surveys lie, those below."""
    beside = folder.parent if folder.is_file() else Path("data/raw") / folder.name
    below = [path for pattern in ("*", "raw/*", "data/raw/*") for path in sorted(folder.glob(pattern))]
    return [path for path in (beside, *below) if (path / FILE).is_file()][:5]


def _read_tables(
    folder: Path, form: Form | None, read: Mapping[str, Any], *, taught: bool
) -> tuple[dict[str, Any], list[Fault]]:
    """The tables of a definition, and what is wrong in them and between them and survey.toml."""
    schemes = [scheme["name"] for scheme in read["schemes"]]
    codebook, faults = _attempt(read_codebook, folder, read["languages"], schemes)
    tables = {"codes": codebook.codes, "lexicon": codebook.lexicon} if codebook else {}
    faults += codebook.faults if codebook else []
    phrases, unreadable = _attempt(
        read_phrases, folder if taught else None, tuple(codebook.codes.index) if codebook else ()
    )
    tables |= {"phrases": phrases.table} if phrases else {}
    faults += phrases.faults if phrases else unreadable
    if codebook and not codebook.faults:
        steps, unreadable = _attempt(read_steps, folder, codebook.codes, schemes)
        tables |= {"steps": steps.table} if steps else {}
        faults += steps.faults if steps else unreadable
    if form is None:
        return tables, faults
    instrument = read_instrument(form, read["languages"], dated=bool(read["interview"].get("date")))
    tables |= {"questions": instrument.questions, "choices": instrument.choices}
    faults += instrument.faults
    asked = Asked(instrument.questions, instrument.choices, read["languages"])
    for name, reader in TABLES.items():
        part, unreadable = _attempt(reader, folder, asked)
        tables |= {name: part.table} if part else {}
        faults += part.faults if part else unreadable
    if tables.keys() >= set(Known._fields):
        faults += reference_faults(read, Known(**{name: tables[name] for name in Known._fields}))
    return tables, faults


def _attempt(reader: Callable, *arguments: object) -> tuple[Any, list[Fault]]:
    """What a reader gives, or nothing and its faults."""
    try:
        return reader(*arguments), []
    except DefinitionError as problem:
        return None, list(problem.faults)


def _name_faults(folder: Path, read: Mapping[str, Any]) -> list[Fault]:
    """A name that is not the folder's: everything made from a survey lies under its name."""
    name = folder.resolve().name
    if read.get("name", name) == name:
        return []
    return [Fault(FILE, repr(read["name"]), f"the name of its folder, {name!r}", column="name")]
