"""Kills in the middle of coding: no acknowledged action is lost, and the replay is the same to the byte.

python benchmarks/codings_kills.py [--kills 1000] [--to benchmarks/codings_kills.csv]

A child process codes through ``record`` and tells each action as soon as it is acknowledged. Half of the children are
killed from outside (SIGKILL), at a random moment once they are coding; the others are stopped by the kernel in the
middle of a write, after a random number of its bytes (RLIMIT_FSIZE), which leaves half a line. After each kill every
action that was told must be there as it was told, what stood before must stand to the byte, the replay must give the
same bytes whatever the order of rows (and, after each hundred, in another process), and coding goes on.
"""

import argparse
import os
import random
import resource
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from kzsurvey.coding import Entry, entry, read_actions, record, replay
from kzsurvey.coding.codings.actions import COLUMNS, line
from kzsurvey.survey import Survey, read_survey

MARKET = Path(__file__).parents[1] / "tests" / "surveys" / "data" / "raw" / "market"
TEXTS = {f"M{number:02}": f"摊位费年年涨，客人也少，第{number}个“摊位”\n换行" for number in range(1, 21)}
OUTSIDE, INSIDE = "SIGKILL at a random moment", "stopped inside a write"
ALL_TO_CODE = 60  # actions a child does when nobody stops it
LONGEST = 0.1  # seconds from its first action until a child is killed


def main() -> None:
    """Kill, look, go on; then say what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--to", type=Path)
    options = parser.parse_args()
    rng = random.Random(options.seed)
    some_entry(rng)  # loads what every child needs
    rows = [
        round_of(kind, options.kills // 2, rng) for kind in ("SIGKILL at a random moment", "stopped inside a write")
    ]
    table = pd.DataFrame(rows)
    print(table.to_string(index=False))
    if options.to:
        table.to_csv(options.to, index=False)


def round_of(kind: str, kills: int, rng: random.Random) -> dict[str, object]:
    """So many kills of one kind, on files that grow; a new file each hundred."""
    seen = {"kind": kind, "kills": 0, "acknowledged": 0, "lost": 0, "torn lines": 0, "replays that differ": 0}
    while seen["kills"] < kills:
        survey = read_survey(shutil.copytree(MARKET, Path(tempfile.mkdtemp()) / "market"))
        kept: list[str] = []
        for _ in range(min(100, kills - seen["kills"])):
            before = content(survey)
            told = killed(survey, rng, inside=kind == INSIDE)
            kept += told
            seen["kills"] += 1
            seen["acknowledged"] += len(told)
            look(survey, kept, before, seen)
        seen["replays that differ"] += state(read_actions(survey).table) != apart(survey)
        print(seen, flush=True)
        shutil.rmtree(survey.folder.parent)
    return seen


def look(survey: Survey, kept: list[str], before: bytes, seen: dict[str, object]) -> None:
    """What is on disk after a kill, read by a process that knows nothing of it."""
    actions = read_actions(survey)
    there = {line([row[name] for name in COLUMNS]) for row in actions.table.to_dict("records")}
    seen["lost"] += sum(told not in there for told in kept)
    seen["torn lines"] += len(actions.torn)
    whole = before[: before.rfind(b"\n") + 1]  # what a kill before this one cut off may be put aside
    same = content(survey).startswith(whole) and state(actions.table) == state(actions.table.iloc[::-1])
    kept[:] = [told for told in kept if told in there]
    seen["replays that differ"] += not same


def state(actions: pd.DataFrame) -> bytes:
    """What stands, as bytes."""
    return b"".join(table.to_csv(index=False).encode() for table in replay(actions))


def apart(survey: Survey) -> bytes:
    """What stands when another process reads the files."""
    return in_child(lambda tell: os.write(tell, state(read_actions(survey).table)))[0]


def content(survey: Survey) -> bytes:
    path = survey.folder / "codings" / "ann.csv"
    return path.read_bytes() if path.exists() else b""


def killed(survey: Survey, rng: random.Random, *, inside: bool) -> list[str]:
    """The actions that a child was told are kept before it was killed."""
    seed, wait = rng.randrange(2**32), rng.random() * LONGEST
    limit = len(content(survey)) + rng.randrange(1, 4000) if inside else None
    told, status = in_child(
        lambda tell: code(survey, random.Random(seed), tell), kill_after=None if inside else wait, limit=limit
    )
    assert os.WIFSIGNALED(status) or not inside, "the child was to be stopped"
    return [part + "\n" for part in told.decode().split("\n")[:-1]]


def code(survey: Survey, rng: random.Random, tell: int) -> None:
    """Code without end, and tell every action that is acknowledged."""
    for _ in range(ALL_TO_CODE):
        made = record(survey, "ann", [some_entry(rng) for _ in range(rng.choice((1, 1, 1, 4)))])
        lines = "".join(line([row[name] for name in COLUMNS]) for row in made.to_dict("records"))
        os.write(tell, lines.encode())


def some_entry(rng: random.Random) -> Entry:
    """An action that may be done at any time."""
    interview, text = rng.choice(list(TEXTS.items()))
    start = rng.randrange(len(text) - 4)
    if rng.random() < 0.2:
        return entry("memo", interview, "troubles", text, memo="看“不懂”, \n再看" * rng.randrange(1, 20))
    code = rng.choice(["T1", "T1.1", "T2"])
    return entry("add", interview, "troubles", text, start=start, end=start + rng.randrange(1, 5), code=code)


def in_child(
    work: Callable[[int], object], *, kill_after: float | None = None, limit: int | None = None
) -> tuple[bytes, int]:
    """What a forked process says, and how it ended."""
    global TELL
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        if limit is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        work(writing)
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as said:
        told = said.read(1)
        if kill_after is not None:
            time.sleep(kill_after)
            os.kill(child, signal.SIGKILL)
        told += said.read()
    return told, os.waitpid(child, 0)[1]


if __name__ == "__main__":
    main()
