"""Zip files from outside, read within bounds; zip files of our own, whose bytes depend on their content alone."""

import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from kzsurvey.errors import CodingError, Fault, fail_if
from kzsurvey.files import whole_file

MOST_ENTRIES = 200_000
MOST_PROJECT_BYTES = 200_000_000  # the description of a project; 20,000 codings take some 10 million
MOST_TEXT_BYTES = 50_000_000  # one text; a long book takes some 3 million
MOST_BYTES = 2_000_000_000  # all that is read of one file
MOST_RATIO = 200  # written text shrinks to a third or a tenth, never to a two-hundredth
_SMALL = 1_000_000  # below it, no ratio is a danger
_MOMENT = (1980, 1, 1, 0, 0, 0)  # the first that a zip file can write
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError, RuntimeError, ValueError)


class Archive(NamedTuple):
    """An open zip file whose entries have been looked at: none leaves it, none is there twice.

    ``entries`` are by their name in lower case, because some programs write ``Sources/`` and refer to ``sources/``.
    """

    file: str
    opened: zipfile.ZipFile
    entries: Mapping[str, zipfile.ZipInfo]


@contextmanager
def open_archive(path: Path) -> Iterator[Archive]:
    """Open a zip file from outside.

    Parameters
    ----------
    path : Path

    Yields
    ------
    Archive

    Raises
    ------
    CodingError
        The file is no zip file, is damaged, or has entries that would leave it, stand twice, are locked by a
        password, or would unfold to more than this program reads; with all such entries.
    """
    try:
        opened = zipfile.ZipFile(path)
    except _DAMAGED as problem:
        found = f"a file that cannot be opened as a zip file ({problem})"
        raise CodingError(Fault(path.name, found, "a .qdpx as a program exports it, whole")) from None
    with opened:
        entries = [entry for entry in opened.infolist() if not entry.is_dir()]
        fail_if(_entry_faults(path.name, entries), CodingError)
        yield Archive(path.name, opened, {entry.filename.lower(): entry for entry in entries})


def read_entry(archive: Archive, entry: zipfile.ZipInfo, *, most: int = MOST_TEXT_BYTES) -> bytes:
    """The bytes of one entry, never more than ``most``: the size that an entry claims is not believed.

    Raises
    ------
    CodingError
        It is damaged or too large.
    """
    place = f"{archive.file}/{entry.filename}"
    try:
        with archive.opened.open(entry) as stream:
            content = stream.read(most + 1)
    except _DAMAGED as problem:
        raise CodingError(Fault(place, f"a damaged entry ({problem})", "a whole file")) from None
    if len(content) > most:
        raise CodingError(Fault(place, f"more than {most:,} bytes", f"at most {most:,} bytes"))
    return content


def write_archive(path: str | Path, contents: Mapping[str, bytes]) -> Path:
    """Write a zip file whose bytes depend on ``contents`` alone.

    Parameters
    ----------
    path : path
    contents : mapping of entry name to bytes
        In the order of the file.

    Notes
    -----
    Entries are stored, not compressed: what compression gives depends on the version of a library that no lock file
    names.
    """
    path = Path(path)
    with whole_file(path) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_STORED) as made:
        for name, content in contents.items():
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.create_system, entry.external_attr = 3, 0o644 << 16
            made.writestr(entry, content)
    return path


def _entry_faults(file: str, entries: list[zipfile.ZipInfo]) -> list[Fault]:
    """What no honest project holds."""
    if len(entries) > MOST_ENTRIES:
        return [Fault(file, f"{len(entries):,} entries", f"at most {MOST_ENTRIES:,}")]
    faults, seen = [], set()
    for entry in entries:
        place, name = f"{file}/{entry.filename}", entry.filename.lower()
        if leaves(entry.filename):
            faults.append(Fault(place, "a path that leaves the zip file", "names inside it, such as sources/a.txt"))
        if name in seen:
            faults.append(Fault(place, "this entry a second time", "each entry once"))
        if entry.flag_bits & 1:
            faults.append(Fault(place, "an entry locked by a password", "entries that can be read"))
        read = name.endswith((".txt", ".qde"))  # pictures and sound are never unfolded
        if read and entry.file_size > _SMALL and entry.file_size > MOST_RATIO * max(entry.compress_size, 1):
            found = f"{entry.compress_size:,} bytes that unfold to {entry.file_size:,}"
            faults.append(Fault(place, found, f"at most {MOST_RATIO} times the size"))
        seen.add(name)
    total = sum(entry.file_size for entry in entries if entry.filename.lower().endswith((".txt", ".qde")))
    if total > MOST_BYTES:
        faults.append(Fault(file, f"texts of {total:,} bytes", f"at most {MOST_BYTES:,}"))
    return faults


def leaves(name: str) -> bool:
    r"""Whether a path inside a zip file points outside it.

    Examples
    --------
    >>> [leaves(name) for name in ("sources/a.txt", "../a.txt", "/etc/passwd", "C:/a.txt", "a\\..\\b")]
    [False, True, True, True, True]
    """
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return bool(re.match(r"[/\\]|[A-Za-z]:", name)) or ".." in parts
