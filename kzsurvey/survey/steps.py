"""How a codebook came to be what it is: the steps of ``codebook_steps.csv``, and the codebook before each of them."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from kzsurvey.errors import Fault
from kzsurvey.survey.codebook import optional_sheet
from kzsurvey.survey.sheets import Row, Sheet, column_faults, listed, near, readable, table

FILE = "codebook_steps.csv"
NEEDED = ("version", "step", "code")
COLUMNS = (*NEEDED, "into", "parent", "scheme", "reason", "who", "when")
WIDTHS = ("narrower", "wider", "")  # what a new definition takes in, beside the old one


class Steps(NamedTuple):
    """The table ``steps`` as documented in :class:`kzsurvey.survey.Survey`, and all faults."""

    table: pd.DataFrame
    faults: list[Fault]


class Place(NamedTuple):
    """Where a code stands in a codebook."""

    scheme: str
    parent: str


Tree = dict[str, Place]


class Step(NamedTuple):
    """One change of a codebook: from one version to the next."""

    step: str
    code: str
    into: tuple[str, ...]
    parent: str
    scheme: str


def read_steps(folder: Path, codes: pd.DataFrame, schemes: Collection[str]) -> Steps:
    """Read the steps of a codebook, and check that they lead to it.

    Parameters
    ----------
    folder : Path
        May hold ``codebook_steps.csv``; without it the codebook is as it was at first, version 1.
    codes : DataFrame, one row per code
        The codebook as it is now.
    schemes : collection of str
        The schemes that survey.toml declares.

    Returns
    -------
    Steps
    """
    sheet = optional_sheet(folder / FILE)
    faults = column_faults(sheet, needed=NEEDED, known=(*COLUMNS, "note"), strict=True) if sheet.header else []
    sheet = readable(sheet, NEEDED)
    faults += [fault for row in sheet for fault in _cell_faults(sheet, row, schemes)]
    faults += [] if faults else _version_faults(sheet)
    if not faults:
        faults += [fault for _, problems in _backwards(codes, sheet) for fault in problems]
    records = [{**{name: row[name] for name in COLUMNS}, "file": sheet.file, "row": row.number} for row in sheet]
    made = table(records, [*COLUMNS, "file", "row"])
    return Steps(made if faults else made.astype({"version": "int64"}), faults)


def codebooks(codes: pd.DataFrame, steps: pd.DataFrame) -> dict[int, Tree]:
    """Every version of a codebook: which codes there were, of which scheme, below which code.

    Parameters
    ----------
    codes : DataFrame, one row per code, as it is now
    steps : DataFrame, one row per step

    Returns
    -------
    dict of version to its codes

    Examples
    --------
    >>> from kzsurvey.survey import read_survey
    >>> survey = read_survey("tests/surveys/data/raw/market")
    >>> list(codebooks(survey.codes, survey.steps))
    [1]
    """
    now = int(steps["version"].max()) if len(steps) else 1
    found, tree = {}, _tree(codes)
    for version in range(now, 1, -1):
        found[version] = dict(tree)
        for row in steps[steps["version"] == version].iloc[::-1].to_dict("records"):
            tree, _ = _UNDO[row["step"]](tree, step_of(row))
    return {1: tree, **dict(reversed(found.items()))}


def step_of(row: Mapping[str, str] | Row) -> Step:
    """One row of the file."""
    return Step(row["step"], row["code"], tuple(row["into"].split()), row["parent"], row["scheme"])


def _tree(codes: pd.DataFrame) -> Tree:
    return {code: Place(scheme, parent) for code, scheme, parent in codes[["scheme", "parent"]].itertuples()}


def _backwards(codes: pd.DataFrame, sheet: Sheet) -> Iterator[tuple[Tree, list[Fault]]]:
    """From the codebook as it is back to the first one; what does not lead to it is a fault of its row."""
    tree = _tree(codes)
    for row in reversed(list(sheet)):
        tree, problems = _UNDO[row["step"]](tree, step_of(row))
        yield tree, [sheet.fault(row, column, found, allowed) for column, found, allowed in problems]


def _cell_faults(sheet: Sheet, row: Row, schemes: Collection[str]) -> Iterator[Fault]:
    """What is wrong in one row by itself."""
    if not row["version"].isdecimal() or int(row["version"]) < 2:
        allowed = "a whole number, 2 or more: the first codebook is version 1"
        yield sheet.fault(row, "version", f"version {row['version']!r}", allowed)
    if row["step"] not in _UNDO:
        yield sheet.fault(row, "step", f"step {row['step']!r}", listed(_UNDO), near(row["step"], _UNDO))
        return
    if not row["code"]:
        yield sheet.fault(row, "code", "an empty cell", "a code")
    if row["scheme"] and row["scheme"] not in schemes:
        allowed = f"a scheme of survey.toml: {listed(schemes)}"
        yield sheet.fault(row, "scheme", f"scheme {row['scheme']!r}", allowed, near(row["scheme"], schemes))
    fits, allowed = _INTO[row["step"]]
    if not fits(step_of(row)):
        yield sheet.fault(row, "into", f"{row['step']} into {row['into']!r}", allowed)
    try:
        date.fromisoformat(row["when"] or "2000-01-01")
    except ValueError:
        yield sheet.fault(row, "when", f"{row['when']!r}", "a day, 2026-11-29, or nothing")


def _version_faults(sheet: Sheet) -> list[Fault]:
    """Versions that are left out, or go back."""
    faults, last = [], 1
    for row in sheet:
        version = int(row["version"])
        if not last <= version <= last + 1:
            faults.append(sheet.fault(row, "version", f"version {version} after {last}", f"{last} or {last + 1}"))
        last = version
    return faults


_INTO: Mapping[str, tuple[Callable[[Step], bool], str]] = {
    "add": (lambda step: not step.into, "nothing: the code that is added stands under code"),
    "merge": (lambda step: len(step.into) == 1 and step.code not in step.into, "the code that takes it in"),
    "split": (
        lambda step: len(set(step.into)) == len(step.into) >= 2,
        "two codes or more, separated by spaces (the code itself may be one of them)",
    ),
    "move": (lambda step: len(step.into) <= 1, "the code that it stands below now, or nothing"),
    "rename": (lambda step: len(step.into) == 1 and step.code not in step.into, "its new name"),
    "retire": (lambda step: not step.into, "nothing: its codings do not count any more"),
    "redefine": (lambda step: " ".join(step.into) in WIDTHS, "narrower, wider, or nothing where it is both"),
}
Problems = list[tuple[str, str, str]]


def _undo_add(tree: Tree, step: Step) -> tuple[Tree, Problems]:
    problems = _absent(tree, "code", step.code) + _above_something(tree, [step.code])
    return _without(tree, [step.code]), problems


def _undo_merge(tree: Tree, step: Step) -> tuple[Tree, Problems]:
    problems = _absent(tree, "into", *step.into) + _present(tree, step.code)
    return _restored(tree, step, beside=step.into[0], problems=problems)


def _undo_split(tree: Tree, step: Step) -> tuple[Tree, Problems]:
    made = [code for code in step.into if code != step.code]
    problems = _absent(tree, "into", *step.into)
    if step.code in step.into:
        return _without(tree, made), problems + _above_something(tree, made)
    problems += _present(tree, step.code) + _above_something(tree, made)
    restored, problems = _restored(tree, step, beside=step.into[0], problems=problems)
    return _without(restored, made), problems


def _undo_move(tree: Tree, step: Step) -> tuple[Tree, Problems]:
    problems = _absent(tree, "code", step.code)
    if problems:
        return tree, problems
    now = step.into[0] if step.into else ""
    if tree[step.code].parent != now:
        problems = [
            ("into", f"{step.code} moved below {now or 'no code'}", f"below {tree[step.code].parent or 'no code'}")
        ]
    problems += _absent(tree, "parent", *filter(None, [step.parent]))
    return {**tree, step.code: tree[step.code]._replace(parent=step.parent)}, problems


def _undo_rename(tree: Tree, step: Step) -> tuple[Tree, Problems]:
    (new,) = step.into
    problems = _absent(tree, "into", new) + _present(tree, step.code)
    if problems:
        return tree, problems
    before = {step.code if code == new else code: place for code, place in tree.items()}
    return {
        code: place._replace(parent=step.code) if place.parent == new else place for code, place in before.items()
    }, []


def _undo_retire(tree: Tree, step: Step) -> tuple[Tree, Problems]:
    return _restored(tree, step, beside="", problems=_present(tree, step.code))


def _undo_redefine(tree: Tree, step: Step) -> tuple[Tree, Problems]:
    return tree, _absent(tree, "code", step.code)


_UNDO: Mapping[str, Callable[[Tree, Step], tuple[Tree, Problems]]] = {
    "add": _undo_add,
    "merge": _undo_merge,
    "split": _undo_split,
    "move": _undo_move,
    "rename": _undo_rename,
    "retire": _undo_retire,
    "redefine": _undo_redefine,
}


def _restored(tree: Tree, step: Step, *, beside: str, problems: Problems) -> tuple[Tree, Problems]:
    """The codebook with a code that is not in it any more, of the scheme that can be seen or is said."""
    problems = problems + _absent(tree, "parent", *filter(None, [step.parent]))
    near_by = tree.get(step.parent) or tree.get(beside)
    scheme = step.scheme or (near_by.scheme if near_by else "")
    if not scheme and not problems:
        problems = [("scheme", f"{step.code}, whose scheme cannot be seen", "the scheme it belonged to")]
    return {**tree, step.code: Place(scheme, step.parent)}, problems


def _without(tree: Tree, codes: Iterable[str]) -> Tree:
    gone = set(codes)
    return {code: place for code, place in tree.items() if code not in gone}


def _absent(tree: Tree, column: str, *codes: str) -> Problems:
    """Codes that should be in the codebook after a step."""
    return [
        (
            column,
            f"{code}, which is not in the codebook after this step",
            "a code that the next steps, or codes.csv, know",
        )
        for code in codes
        if code not in tree
    ]


def _present(tree: Tree, code: str) -> Problems:
    """A code that should be gone after a step."""
    found = f"{code}, which is in the codebook after this step"
    return [("code", found, "a code that this step takes out")] if code in tree else []


def _above_something(tree: Tree, codes: Iterable[str]) -> Problems:
    """Codes that were not there before a step, and that others already stood below."""
    gone = set(codes)
    below = [code for code, place in tree.items() if place.parent in gone and code not in gone]
    return [
        ("code", f"{tree[code].parent}, which {code} stood below before", "a step that moves or adds what is below it")
        for code in below
    ]
