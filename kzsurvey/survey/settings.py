"""survey.toml: read, checked key by key, and brought into the shape that a Survey holds."""

import math
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from kzsurvey.errors import DefinitionError, Fault
from kzsurvey.files import sha256
from kzsurvey.survey.record import MISSING_REASONS, Delivered, Model, Scheme
from kzsurvey.survey.sheets import listed, near, read_text

FILE = "survey.toml"


class Kind(NamedTuple):
    """What a key of survey.toml may hold."""

    allowed: str
    fits: Callable[[object], bool]


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def _is_words(value: object) -> bool:
    return isinstance(value, dict) and all(isinstance(part, str) for part in value.values())


def _is_value_or_values(value: object) -> bool:
    return _is_text(value) or _is_texts(value)


TEXT = Kind("a text in quotes", _is_text)
TEXTS = Kind('a list of texts, ["..."]', _is_texts)
WORDS = Kind('a table of texts, {en = "..."}', _is_words)
FLAG = Kind("true or false", lambda value: isinstance(value, bool))
WHOLE = Kind("a whole number, 1 or more", lambda value: _is_number(value) and isinstance(value, int) and value >= 1)
SEVERAL = Kind("a whole number, 2 or more", lambda value: WHOLE.fits(value) and value >= 2)
POSITIVE = Kind("a number above 0", lambda value: _is_number(value) and value > 0)
SEPARATOR = Kind(
    'one sign, such as "," ";" "|" or "\\t"',
    lambda value: _is_text(value) and (value == "" or (len(value) == 1 and value.isascii() and value not in '\r\n\0"')),
)
SHARE = Kind("a number between 0 and 1", lambda value: _is_number(value) and 0 < value <= 1)
BOUNDS = Kind(
    "two numbers, the low one first: [0.2, 5.0]",
    lambda value: (
        isinstance(value, list)
        and (not value or (len(value) == 2 and all(map(_is_number, value)) and 0 <= value[0] < value[1]))
    ),
)
WHERE = Kind(
    "a table of column = value", lambda value: isinstance(value, dict) and all(map(_is_value_or_values, value.values()))
)
TITLES = Kind(
    'tables of texts, {en = "..."}', lambda value: isinstance(value, dict) and all(map(_is_words, value.values()))
)


def one_of(*words: str) -> Kind:
    """One of a few words."""
    return Kind(listed(word or '""' for word in words), lambda value: value in words)


TOP = {
    "name": TEXT, "wave": TEXT, "simulated": FLAG, "smallest_cell": WHOLE, "languages": WORDS, "title": WORDS,
}  # fmt: skip
NEEDED = ("name", "languages")
SECTIONS = {
    "interview": {
        **dict.fromkeys(("id", "respondent", "interviewer", "date", "start", "end"), TEXT),
        "shortest_minutes": POSITIVE,
        "near_duplicate": SHARE,
    },
    "missing": dict.fromkeys(MISSING_REASONS, TEXTS),
    "places": {"questions": TEXTS},
    "columns": {"ignore": TEXTS, "rename": WORDS},
    "sample": {
        "strata": TEXTS,
        "clusters": TEXTS,
        "weight": TEXT,
        "population": TEXTS,
        "lonely": one_of("fail", "certainty", "adjust", "average"),
    },
    "reports": {"groups": TEXTS, "notebooks": TEXTS, "titles": TITLES},
    "screening": {"names": TEXTS, "keep": TEXTS},
    "codings": {"stand": one_of("rules", "people")},
    "weighting": {
        "method": one_of("raking", "poststratification", "linear", "logit", ""),
        "margins": TEXTS,
        "bounds": BOUNDS,
    },
    "imputation": {"sets": SEVERAL, "cycles": WHOLE, "seed": WHOLE, "also": TEXTS, "reasons": TEXTS},
}
LISTS = {
    "delivered": {
        **dict.fromkeys(("file", "sheet", "encoding", "sha256"), TEXT),
        "separator": SEPARATOR,
        "header_row": WHOLE,
        "columns": WORDS,
        "where": WHERE,
    },
    "schemes": {"name": TEXT, "questions": TEXTS, "title": WORDS},
    "models": {
        **dict.fromkeys(("name", "kind", "formula", "hypothesis", "term", "where"), TEXT),
        "expected": one_of("positive", "negative", ""),
        "imputed": FLAG,
        "title": WORDS,
        "text": WORDS,
    },
    "specifications": {
        **dict.fromkeys(("name", "model"), TEXT),
        **dict.fromkeys(("outcomes", "terms", "controls", "always", "weights"), TEXTS),
        "samples": WORDS,
        "title": WORDS,
    },
    "plans": {**dict.fromkeys(("name", "kind", "model"), TEXT), "replications": WHOLE, "title": WORDS},
}
NEEDED_IN_LIST = {
    "delivered": ("file",),
    "schemes": ("name", "questions"),
    "models": ("name", "kind", "formula"),
    "specifications": ("name", "model", "outcomes", "terms"),
    "plans": ("name", "kind", "model"),
}
DEFAULTS = {
    "interview": {"near_duplicate": 0.95},
    "sample": {"strata": (), "clusters": (), "weight": "", "population": (), "lonely": "adjust"},
    "weighting": {"method": "", "margins": (), "bounds": ()},
}


class Settings(NamedTuple):
    """survey.toml without what is wrong in it, and all that is wrong."""

    usable: Mapping[str, Any]
    faults: list[Fault]


def read_settings(folder: Path) -> Settings:
    """Read survey.toml and check every key by itself; what the keys refer to is checked elsewhere.

    Parameters
    ----------
    folder : Path
        The definition of a survey.

    Raises
    ------
    DefinitionError
        The file is missing, empty or no TOML, or says too little to go on.

    Examples
    --------
    >>> settings = read_settings(Path("tests/surveys/data/raw/market"))
    >>> settings.usable["name"], settings.faults
    ('market', [])
    """
    try:
        read = tomllib.loads(read_text(folder / FILE))
    except tomllib.TOMLDecodeError as problem:
        line = re.search(r"line (\d+)", str(problem))
        row = int(line[1]) if line else None
        found = f"text that is no TOML ({problem})"
        raise DefinitionError(
            Fault(FILE, found, 'TOML: key = "text"', row=row, hint=_wide_signs(folder, row))
        ) from None
    return Settings(_usable(read), list(_key_faults(read)))


def _wide_signs(folder: Path, row: int | None) -> str:
    """A hint at signs that a Chinese keyboard or a word processor puts in place of those of TOML."""
    lines = read_text(folder / FILE).splitlines()
    line = lines[row - 1] if row and row <= len(lines) else ""
    there = [sign for sign in "“”‘’「」＂＝，［］" if sign in line]
    return f'{" ".join(there)} in this line: TOML is written with " = , [ ]' if there else ""


def _usable(read: Mapping[str, Any]) -> dict[str, Any]:
    """The keys whose values are of the right kind, so that one slip does not hide the others."""
    result = {key: value for key, value in read.items() if key in TOP and TOP[key].fits(value)}
    for name, keys in SECTIONS.items():
        given = read.get(name)
        result[name] = _fitting(given, keys) if isinstance(given, dict) else {}
    for name, keys in LISTS.items():
        given = read.get(name)
        entries = (
            [_fitting(entry, keys) for entry in given if isinstance(entry, dict)] if isinstance(given, list) else []
        )
        result[name] = [entry for entry in entries if all(entry.get(key) for key in NEEDED_IN_LIST[name])]
    return result


def _fitting(given: Mapping[str, Any], keys: Mapping[str, Kind]) -> dict[str, Any]:
    return {key: value for key, value in given.items() if key not in keys or keys[key].fits(value)}


def _key_faults(read: Mapping[str, Any]) -> Iterator[Fault]:
    """Keys that are unknown or missing, and values of the wrong kind."""
    yield from _table_faults("", {key: value for key, value in read.items() if key not in _nested()}, TOP, _nested())
    for key in NEEDED:
        if not read.get(key):
            yield Fault(FILE, "no such key" if key not in read else "nothing", TOP[key].allowed, column=key)
    for name, keys in SECTIONS.items():
        if not isinstance(read.get(name, {}), dict):
            yield Fault(FILE, f"{read[name]!r}", f"a section, [{name}]", column=name)
        else:
            yield from _table_faults(f"{name}.", read.get(name, {}), keys)
    for name, keys in LISTS.items():
        yield from _list_faults(name, read.get(name, []), keys)


def _nested() -> tuple[str, ...]:
    return (*SECTIONS, *LISTS)


def _table_faults(
    path: str, given: Mapping[str, Any], keys: Mapping[str, Kind], also: Iterable[str] = (), *, closed: bool = True
) -> Iterator[Fault]:
    for key, value in given.items():
        if key in keys and not keys[key].fits(value):
            yield Fault(FILE, f"{value!r}", keys[key].allowed, column=f"{path}{key}")
        elif key not in keys and closed:
            known = (*keys, *also)
            yield Fault(FILE, "an unknown key", listed(known, most=30), column=f"{path}{key}", hint=near(key, known))
        elif key not in keys and (hint := near(key, [name for name in keys if name not in given])):
            yield Fault(FILE, "an unknown key", listed(keys), column=f"{path}{key}", hint=hint)


def _list_faults(name: str, entries: object, keys: Mapping[str, Kind]) -> Iterator[Fault]:
    """Faults in the entries of a list such as ``[[models]]``."""
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        yield Fault(FILE, f"{name} that is no list of tables", f"[[{name}]], once per entry", column=name)
        return
    seen = set()
    for number, entry in enumerate(entries, start=1):
        called = next((entry[key] for key in ("name", "file") if entry.get(key) and _is_text(entry[key])), number)
        # a model or a plan may say more than every one does: each kind checks its own options
        yield from _table_faults(f"{name}.{called}.", entry, keys, closed=name not in ("models", "plans"))
        for key in NEEDED_IN_LIST[name]:
            if not entry.get(key):
                found = "no such key" if key not in entry else "nothing"
                yield Fault(FILE, found, keys[key].allowed, column=f"{name}.{called}.{key}")
        if called in seen:
            yield Fault(FILE, f"{called!r} a second time", "once", column=name)
        seen.add(called)


def survey_fields(read: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The part of a Survey that survey.toml holds, in the shape that :class:`kzsurvey.survey.Survey` documents.

    Parameters
    ----------
    read : mapping
        survey.toml without faults.
    folder : Path
        The definition of the survey; delivered files lie below it.
    """
    section = {name: {**DEFAULTS.get(name, {}), **read.get(name, {})} for name in SECTIONS}
    return {
        "name": read["name"],
        "wave": read.get("wave", ""),
        "simulated": read.get("simulated", False),
        "languages": MappingProxyType(dict(read["languages"])),
        "title": MappingProxyType(dict(read.get("title", {}))),
        "interview": frozen(section["interview"]),
        "missing": frozen(section["missing"]),
        "places": tuple(section["places"].get("questions", ())),
        "sample": frozen(section["sample"]),
        "weighting": frozen(section["weighting"]),
        "schemes": MappingProxyType({entry["name"]: _scheme(entry) for entry in read.get("schemes", ())}),
        "models": MappingProxyType({entry["name"]: _model(entry) for entry in read.get("models", ())}),
        "delivered": tuple(_delivered(entry, folder, section["columns"]) for entry in read.get("delivered", ())),
        "ignored_columns": tuple(section["columns"].get("ignore", ())),
        "smallest_cell": int(read.get("smallest_cell", 5)),
        "reports": frozen(read.get("reports", {})),
        "settings": frozen(read),
    }


def frozen(value: Any) -> Any:
    """Settings that cannot be changed: lists become tuples, tables read-only mappings."""
    if isinstance(value, Mapping):
        return MappingProxyType({key: frozen(part) for key, part in value.items()})
    return tuple(frozen(part) for part in value) if isinstance(value, list) else value


def delivered_faults(read: Mapping[str, Any], folder: Path) -> list[Fault]:
    """Delivered files that are missing, or are not the ones that were declared."""
    faults = []
    for entry in read.get("delivered", ()):
        path, wanted = folder / entry["file"], entry.get("sha256", "")
        if not path.is_file():
            there = sorted(f"delivered/{other.name}" for other in (folder / "delivered").glob("*"))
            found = f"{entry['file']}, which is {'a folder' if path.is_dir() else 'not there'}"
            hint = "" if path.is_dir() else near(entry["file"], there)
            if not there and read.get("simulated"):
                hint = f"simulated answers are written by: kzsurvey simulate {folder}"
            faults.append(Fault(FILE, found, f"a file in {folder}", column="delivered.file", hint=hint))
        elif not path.stat().st_size:
            faults.append(Fault(entry["file"], "an empty file", "answers as delivered"))
        elif wanted and sha256(path) != wanted.lower():
            hint = "the file has changed since it was declared"
            faults.append(Fault(entry["file"], f"sha256 {sha256(path)}", wanted, hint=hint))
    return faults


def _scheme(entry: Mapping[str, Any]) -> Scheme:
    return Scheme(entry["name"], tuple(entry["questions"]), frozen(entry.get("title", {})))


def _model(entry: Mapping[str, Any]) -> Model:
    known = {key: frozen(value) for key, value in entry.items() if key in LISTS["models"]}
    options = {key: value for key, value in entry.items() if key not in LISTS["models"]}
    return Model(**known, options=frozen(options))


def _delivered(entry: Mapping[str, Any], folder: Path, columns: Mapping[str, Any]) -> Delivered:
    """One delivered file; what is renamed in every file is renamed in this one, unless it says otherwise."""
    known = {key: frozen(value) for key, value in entry.items() if key not in ("file", "columns")}
    renamed = {**columns.get("rename", {}), **entry.get("columns", {})}
    return Delivered(folder / entry["file"], columns=MappingProxyType(renamed), **known)
