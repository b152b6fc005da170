"""Actions go to the end of their coder's file, and are reported as done only when they are on disk."""

import csv
import os
import re
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NamedTuple

import pandas as pd

from kzsurvey.coding.codings.actions import (
    ACTIONS,
    COLUMNS,
    FOLDER,
    HEADER,
    KINDS,
    NEEDS,
    ROLES,
    TARGETS,
    Entry,
    cells_of,
    files_of,
    folder_of,
    line,
    name_faults,
    whole_lines,
)
from kzsurvey.coding.codings.one_answer import Act, replay_one
from kzsurvey.coding.versions.steps import codebook_version
from kzsurvey.errors import CodingError, Fault, fail_if
from kzsurvey.survey.sheets import listed, near

if TYPE_CHECKING:
    from kzsurvey.survey import Survey

PATIENCE = 5.0  # seconds to wait for another process that writes the same file
_PAUSE = 0.01
_BRING_BACK = "bring back the file as it was written: its history is what shares rest on"
_MILLISECOND = timedelta(milliseconds=1)


class _Before(NamedTuple):
    """What a file holds before something is added to it: its lines, the last number, the last time."""

    lines: list[bytes]
    last: datetime | None
    file: str

    def action(self, number: int) -> dict[str, str]:
        """The cells of one action, by its number; the line must have been written by kzsurvey."""
        try:
            return cells_of(self.lines[number])
        except (ValueError, csv.Error):
            found = "a line that was not written by kzsurvey"
            raise CodingError(Fault(self.file, found, "whole lines", row=number + 1, hint=_BRING_BACK)) from None

    @property
    def count(self) -> int:
        """How many actions there are; the first line is the header."""
        return max(len(self.lines) - 1, 0)


def record(survey: "Survey", coder: str, entries: Entry | Iterable[Entry], *, role: str = "coder") -> pd.DataFrame:
    """Write actions to the file of a coder.

    Parameters
    ----------
    survey : Survey
    coder : str
        Also the name of the file, ``codings/<coder>.csv``.
    entries : Entry, or several
        From :func:`entry`; several are written at once.
    role : {"coder", "adjudicator"}
        An adjudication is a coding of its own, apart from what the same person coded before.

    Returns
    -------
    DataFrame, one row per action, as it now stands on disk
        When this function returns, the actions outlive a kill of the process and of the machine.

    Raises
    ------
    CodingError
        All that is wrong, before anything is written: an unknown code or action, a code that is not for the question,
        a reference to an action that is not there, ``nothing`` where codes stand; a file that another process has held
        for more than five seconds, or that was damaged.

    Notes
    -----
    Nothing stays open between calls. A line that a kill cut off was never reported as done: it is moved to
    ``.<coder>.torn`` beside the file, and the next action takes its number.

    Examples
    --------
    >>> import shutil, tempfile
    >>> from kzsurvey.coding import entry
    >>> from kzsurvey.survey import read_survey
    >>> folder = shutil.copytree("tests/surveys/data/raw/market", tempfile.mkdtemp() + "/market")
    >>> made = entry("add", "M01", "troubles", "摊位费年年涨", start=0, end=6, code="T1.1")
    >>> record(read_survey(folder), "ann", made)[["number", "action", "quote", "code"]].to_dict("records")
    [{'number': 1, 'action': 'add', 'quote': '摊位费年年涨', 'code': 'T1.1'}]
    """
    entries = [entries] if isinstance(entries, Entry) else list(entries)
    folder = folder_of(survey)
    paths, wrong = files_of(folder)
    others = [path.stem for path in paths if path.stem != coder]
    named = [fault for fault in name_faults([*others, coder]) if repr(coder) in fault.found]
    fail_if([*wrong, *named, *_faults_alone(entries, role, coder, survey)], CodingError)
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / f".{coder}.lock", coder):
        return _append(folder / f"{coder}.csv", coder, role, entries, codebook_version(survey))


def _append(path: Path, coder: str, role: str, entries: Sequence[Entry], codebook: int) -> pd.DataFrame:
    """Number the actions, write them, and wait until they are on disk."""
    with open(path, "a+b") as file:
        before = _before(path, file)
        whole = [_completed(one, before) for one in entries]
        fail_if(_faults_beside(whole, before, role, path), CodingError)
        times = _times(before.last, len(whole))
        rows = [
            {"number": before.count + place, "time": moment, "coder": coder, "role": role, "codebook": codebook}
            | one._asdict()
            for place, (one, moment) in enumerate(zip(whole, times, strict=True), start=1)
        ]
        lines = "".join(line([row[name] for name in COLUMNS]) for row in rows).encode()
        file.write(lines if before.lines else HEADER + lines)
        file.flush()
        os.fsync(file.fileno())
    if not before.count:
        _sync_folder(path.parent)
    return pd.DataFrame([[row[name] for name in COLUMNS] for row in rows], columns=list(COLUMNS)).astype(KINDS)


def _before(path: Path, file: BinaryIO) -> _Before:
    """The lines of a file; what a kill cut off at its end is put aside first."""
    file.seek(0)
    whole, cut = whole_lines(file.read())
    if b"\r" in cut:  # a whole file, as another program saved it, and no line that was cut off
        found, allowed = "line breaks of another kind", "lines that end in LF or CRLF"
        raise CodingError(Fault(f"{FOLDER}/{path.name}", found, allowed, hint=_BRING_BACK))
    if cut:
        with open(path.with_name(f".{path.stem}.torn"), "ab") as aside:
            aside.write(cut + b"\n")
            aside.flush()
            os.fsync(aside.fileno())
        file.truncate(len(whole))
    lines = whole.split(b"\n")[:-1]
    there = _Before(lines, None, f"{FOLDER}/{path.name}")
    if not there.count:
        return there
    try:
        cells = there.action(there.count)
        last = datetime.fromisoformat(cells["time"])
        sound = cells["number"] == str(there.count) and last.tzinfo is not None
    except ValueError:
        sound = False
    if not sound:
        found = "a last line that was not written by kzsurvey"
        raise CodingError(Fault(there.file, found, "whole lines", row=len(lines), hint=_BRING_BACK))
    return there._replace(last=last)


def _completed(one: Entry, before: _Before) -> Entry:
    """An action with what the action that it refers to says."""
    if one.action not in TARGETS or one.of is None or not 1 <= one.of <= before.count:
        return one
    meant = before.action(one.of)
    filled = {name: getattr(one, name) or meant[name] for name in ("interview", "question")}
    return one._replace(**filled, code=one.code or (meant["code"] if one.action != "undo" else ""))


def _faults_alone(entries: Sequence[Entry], role: str, coder: str, survey: "Survey") -> Iterator[Fault]:
    """What is wrong with actions whatever stands in the file."""
    file = f"{FOLDER}/{coder}.csv"
    if role not in ROLES:
        yield Fault(file, f"role {role!r}", ", ".join(ROLES), column="role")
    if not entries:
        yield Fault(file, "no action", "one action or more")
    asked = _codes_of(survey)
    for one in entries:
        if one.action not in ACTIONS:
            yield Fault(
                file, f"action {one.action!r}", ", ".join(ACTIONS), column="action", hint=near(one.action, ACTIONS)
            )
        for name, actions in NEEDS.items():
            if one.action in actions and getattr(one, name) in ("", None):
                yield Fault(file, f"{one.action} without {name}", f"a {name}", column=name)
        if one.action not in TARGETS or one.question:
            yield from _place_faults(one, file, asked, survey)
        if not all(_writable(cell) for cell in one):
            yield Fault(file, f"{one.action} of {one.interview} with half a character", "text that UTF-8 can hold")


def _place_faults(one: Entry, file: str, asked: dict[str, list[str]], survey: "Survey") -> Iterator[Fault]:
    """Questions and codes that the survey does not have, or not together."""
    if not one.interview and one.action not in TARGETS:
        yield Fault(file, f"{one.action} without an interview", "an interview", column="interview")
    if one.question not in asked:
        hint = near(one.question, asked)
        yield Fault(file, f"question {one.question!r}", listed(asked), column="question", hint=hint)
    elif one.code and one.code not in survey.codes.index:
        hint = near(one.code, survey.codes.index)
        yield Fault(file, f"code {one.code!r}", "a code of codes.csv", column="code", hint=hint)
    elif one.code and one.code not in asked[one.question]:
        scheme = survey.codes.at[one.code, "scheme"]
        allowed = listed(survey.schemes[scheme].questions)
        yield Fault(
            file, f"code {one.code} at {one.question}", f"at {allowed}, which scheme {scheme} reads", column="code"
        )
    if not one.answer and one.action not in TARGETS:
        yield Fault(file, f"{one.action} without the answer", "the text it is about", column="answer")


def _codes_of(survey: "Survey") -> dict[str, list[str]]:
    """The codes that each open question may get."""
    codes: dict[str, list[str]] = {}
    for scheme in survey.schemes.values():
        own = survey.codes.index[survey.codes["scheme"] == scheme.name].tolist()
        for question in scheme.questions:
            codes.setdefault(question, []).extend(own)
    return codes


def _faults_beside(entries: Sequence[Entry], before: _Before, role: str, path: Path) -> list[Fault]:
    """What is wrong with actions beside those that are there."""
    file = f"{FOLDER}/{path.name}"
    faults = [fault for one in entries if one.action in TARGETS for fault in _target_faults(one, before, role, file)]
    found = "nothing applies to {0.question} of {0.interview}, where codes stand"
    nothing = [one for one in entries if one.action == "nothing"]
    return faults + [Fault(file, found.format(one), "no codes there") for one in nothing if _coded(one, before, role)]


def _coded(one: Entry, before: _Before, role: str) -> bool:
    """Whether a code stands on an answer: what :func:`replay` says of it, of this answer alone and so in no time."""
    known = re.split(r'["\\]', one.interview)[0].encode()  # as it stands in a line, up to where signs are doubled
    cells = [before.action(number) for number, line in enumerate(before.lines) if number and known in line]
    wanted = (role, one.interview, one.question)
    mine = [row for row in cells if (row["role"], row["interview"], row["question"]) == wanted]
    return bool(replay_one([_act(row) for row in mine]).spans)


def _act(cells: dict[str, str]) -> Act:
    """An action as it stands in a line."""
    whole = {name: int(cells[name]) if cells[name] else None for name in ("number", "start", "end", "of")}
    return Act(**whole, **{name: cells[name] for name in ("action", "code", "memo")})


def _target_faults(one: Entry, before: _Before, role: str, file: str) -> Iterator[Fault]:
    """A reference to an action that is not there, or that cannot be meant."""
    if one.of is None or not 1 <= one.of <= before.count:
        yield Fault(
            file, f"{one.action} of action {one.of}", f"the number of an action, 1 to {before.count}", column="of"
        )
        return
    meant = before.action(one.of)
    if meant["action"] not in TARGETS[one.action]:
        found = f"{one.action} of action {one.of}, a {meant['action']}"
        yield Fault(file, found, f"the number of an action {', '.join(TARGETS[one.action])}", column="of")
    if (meant["role"], meant["interview"], meant["question"]) != (role, one.interview, one.question):
        found = f"{one.action} of action {one.of}, as {meant['role']} on {meant['question']} of {meant['interview']}"
        yield Fault(file, found, f"an action as {role} on {one.question} of {one.interview}", column="of")


def _times(last: datetime | None, count: int) -> list[str]:
    """Times of actions, each later than the one before, whatever the clock says."""
    moment = datetime.now(UTC)
    if last is not None:
        moment = max(moment, last + _MILLISECOND)
    moments = [moment + place * _MILLISECOND for place in range(count)]
    return [f"{each:%Y-%m-%dT%H:%M:%S}.{each.microsecond // 1000:03d}Z" for each in moments]


def _writable(cell: object) -> bool:
    try:
        str(cell).encode()
    except UnicodeEncodeError:
        return False
    return True


@contextmanager
def locked(path: Path, coder: str) -> Iterator[None]:
    """Hold a coder's file for one moment; the system lets go of it when the process dies.

    Parameters
    ----------
    path : Path
        Of the file that stands for the lock.
    coder : str

    Raises
    ------
    CodingError
        Another process has held it for more than five seconds.
    """
    with open(path, "a+b") as file:
        patient_until = time.monotonic() + PATIENCE
        while not _taken(file):
            if time.monotonic() > patient_until:
                found = f"the file of {coder}, which another process has held for {PATIENCE:g} seconds"
                raise CodingError(Fault(f"{FOLDER}/{coder}.csv", found, "a file that nobody else writes to just now"))
            time.sleep(_PAUSE)
        try:
            yield
        finally:
            _let_go(file)


if sys.platform == "win32":
    import msvcrt

    def _taken(file: BinaryIO) -> bool:
        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _let_go(file: BinaryIO) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

    def _sync_folder(folder: Path) -> None:
        """Windows keeps names of files by itself."""

else:
    import fcntl

    def _taken(file: BinaryIO) -> bool:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def _let_go(file: BinaryIO) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)

    def _sync_folder(folder: Path) -> None:
        """A new file's name is on disk only when its folder is."""
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
