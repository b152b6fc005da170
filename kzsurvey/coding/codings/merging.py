"""Folders of codings become one, in any order with the same bytes; what copies of a file add is kept."""

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd

from kzsurvey.coding.codings.actions import COLUMNS, FOLDER, HEADER, files_of, lines, name_faults, read_actions
from kzsurvey.coding.codings.writing import locked
from kzsurvey.errors import CodingError, Fault, fail_if
from kzsurvey.files import whole_file

REPORT = ("coder", "files", "actions", "common", "what")
_TOLD = [name for name in COLUMNS if name not in ("number", "of")]
_SHOWN = 10


def merge_codings(folders: Iterable[str | Path], into: str | Path) -> pd.DataFrame:
    """Bring the codings of several folders together.

    Parameters
    ----------
    folders : iterable of path
        Each holds files ``<coder>.csv``, as ``codings/`` of a survey does.
    into : path
        Where the merged files are written; files that lie there already take part.

    Returns
    -------
    DataFrame, one row per coder
        ``coder``, ``files`` (in how many folders), ``actions`` (in the merged file), ``common`` (that all copies
        share), ``what``: one file, copies alike, one copy longer, or both kept.

    Raises
    ------
    CodingError
        A file is at fault; two copies tell the same moment differently, so that one of them was changed by hand; coders
        whose names differ by case alone. Nothing has been written.

    Notes
    -----
    An action is known by its coder and its time, which no two actions of a file share. Where copies of one file went
    different ways (two machines, say), the merged file holds the actions of all of them in the order of their times,
    numbered anew; ``of`` names the same actions as before. So merging is a union: its order does not matter, and
    merging again changes nothing.

    Examples
    --------
    >>> import tempfile
    >>> merge_codings([tempfile.mkdtemp()], tempfile.mkdtemp()).columns.tolist()
    ['coder', 'files', 'actions', 'common', 'what']
    """
    into = Path(into)
    sources = [*map(Path, folders), into]
    absent = [folder for folder in sources[:-1] if not folder.is_dir()]
    fail_if((Fault(str(folder), "no such folder", "a folder of codings") for folder in absent), CodingError)
    into.mkdir(parents=True, exist_ok=True)
    found = [files_of(folder) for folder in sources]
    names = sorted({path.stem for paths, _ in found for path in paths})
    fail_if([*(fault for _, faults in found for fault in faults), *name_faults(names)], CodingError)
    with ExitStack() as held:
        for name in names:
            held.enter_context(locked(into / f".{name}.lock", name))
        merged = _all_merged(names, list(dict.fromkeys(folder.resolve() for folder in sources)))
        for name, table in merged.items():
            _write(into / f"{name}.csv", table)
    rows = [[name, *table.attrs["told"]] for name, table in merged.items()]
    return pd.DataFrame(rows, columns=list(REPORT))


def _all_merged(names: list[str], folders: list[Path]) -> dict[str, pd.DataFrame]:
    """The merged actions of every coder, or all faults at once."""
    merged, faults = {}, []
    for name in names:
        try:
            there = [folder for folder in folders if (folder / f"{name}.csv").is_file()]
            copies = [read_actions(folder, coder=name).table for folder in there]
            merged[name] = _merged([copy[list(COLUMNS)] for copy in copies], name)
        except CodingError as error:
            faults += error.faults
    fail_if(faults, CodingError)
    return merged


def _merged(copies: list[pd.DataFrame], coder: str) -> pd.DataFrame:
    """The union of the copies of one file, and what is to be told of it."""
    longest = max(copies, key=len)
    common = min(_common(copy, longest) for copy in copies)
    if all(_common(copy, longest) == len(copy) for copy in copies):
        what = "one file" if len(copies) == 1 else "copies alike" if common == len(longest) else "one copy longer"
        longest.attrs = {"told": (len(copies), len(longest), common, what)}
        return longest
    union = pd.concat([_by_time(copy) for copy in copies], ignore_index=True)
    union = union.drop_duplicates([*_TOLD, "of_time"], ignore_index=True)
    fail_if(_contradictions(union, coder), CodingError)
    union = union.sort_values("time", ignore_index=True)
    number = pd.Series(np.arange(1, len(union) + 1), index=union["time"])
    of = pd.array(union["of_time"].map(number), dtype="Int64")
    union = union.assign(number=number.to_numpy(), of=of)[list(COLUMNS)]
    union.attrs = {"told": (len(copies), len(union), common, "both kept")}
    return union


def _common(copy: pd.DataFrame, longest: pd.DataFrame) -> int:
    """How many actions two copies share from the first on."""
    length = min(len(copy), len(longest))
    one, other = (table.iloc[:length].reset_index(drop=True) for table in (copy, longest))
    same = ((one == other) | (one.isna() & other.isna())).fillna(False).all(axis=1).to_numpy(bool)
    return length if same.all() else int(same.argmin())


def _by_time(copy: pd.DataFrame) -> pd.DataFrame:
    """Actions that name the action they refer to by its time, which stays when numbers change."""
    moment = copy.set_index("number")["time"]
    return copy.assign(of_time=copy["of"].map(moment).astype("str"))


def _contradictions(union: pd.DataFrame, coder: str) -> Iterator[Fault]:
    """Moments of which two copies tell different things."""
    hint = "one copy was changed by hand: take out the wrong one"
    for moment in union.loc[union["time"].duplicated(), "time"].unique()[:_SHOWN]:
        found = f"two different actions of {coder} at {moment}"
        yield Fault(f"{FOLDER}/{coder}.csv", found, "one action at a time", column="time", hint=hint)


def _write(path: Path, table: pd.DataFrame) -> None:
    content = HEADER + lines(table)
    if not path.exists() or path.read_bytes() != content:
        with whole_file(path) as beside:
            beside.write_bytes(content)
