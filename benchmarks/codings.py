"""CPU seconds of human codings: merging, reading, replaying, writing.

python benchmarks/codings.py [--to benchmarks/codings.csv]

500 interviews, 3 coders, 40 codes given to every interview by every coder: 60,000 actions.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

import kzsurvey as kz
from kzsurvey.coding import entry, human_codes, merge_codings, read_actions, read_codings, record, replay
from kzsurvey.coding.codings.actions import HEADER, KINDS, fingerprints, lines
from kzsurvey.survey import Survey

KIZILSU = Path(__file__).parents[1] / "data" / "raw" / "kizilsu"
CODERS = ("ann", "ben", "eve")
CODES, INTERVIEWS = 40, 500


def main() -> None:
    """Measure, print, and write where asked."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--to", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = list(measured(Path(folder)))
    table = pd.DataFrame(rows, columns=["work", "cpu seconds", "asked"])
    print(table.to_string(index=False))
    if options.to:
        table.to_csv(options.to, index=False)


def measured(folder: Path):
    """Every work with its CPU seconds."""
    survey = kz.read_survey(shutil.copytree(KIZILSU, folder / "data" / "raw" / "kizilsu"))
    interviews, _ = kz.clean(kz.read_answers(survey), survey)
    asked = coded(survey, interviews)
    apart = spread(asked, folder, diverged=False)
    yield "merge of 500 interviews x 3 coders x 40 codes, one folder each", best(lambda: merge(apart, folder)), 2.0
    both = spread(asked, folder, diverged=True)
    yield "the same, every coder on two machines that went apart", best(lambda: merge(both, folder)), 2.0
    merge_codings(both, survey.folder / "codings")
    actions = read_actions(survey).table
    yield "read the three files (60,000 actions)", best(lambda: read_actions(survey)), None
    yield "replay them", best(lambda: replay(actions)), None
    yield "read, replay, codebook, texts", best(lambda: read_codings(survey, interviews)), None
    codings = read_codings(survey, interviews)
    table = best(lambda: human_codes(codings, interviews, survey, unsettled="leave out"))
    yield "0/1 table of interviews by codes", table, None
    changed = interviews.assign(**{name: "嗯，" + interviews[name] for name in ("open_problems", "open_causes")})
    yield (
        "the same after every text changed (all spans found again)",
        best(lambda: read_codings(survey, changed), 1),
        None,
    )
    yield "read 100 files of 600 actions", best(lambda: read_actions(hundred(asked, folder))), None
    one = entry("add", interviews.index[0], "open_problems", str(interviews["open_problems"].iloc[0]), code="P1.1")
    yield "write one action beside 20,000 (fsync included)", best(lambda: record(survey, "ann", one), 20), None


def best(work: Callable[[], object], times: int = 5) -> float:
    """The least CPU seconds of several runs."""
    seconds = []
    for _ in range(times):
        began = time.process_time()
        work()
        seconds.append(time.process_time() - began)
    return round(min(seconds), 4)


def coded(survey: Survey, interviews: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Forty codes on stretches of the answers of every interview, by each coder."""
    rng = np.random.default_rng(1)
    texts = interviews["open_problems"].fillna("没有回答").astype(str)
    prints = dict(zip(texts.index, fingerprints(texts), strict=True))
    codes = survey.codes.index[survey.codes["scheme"].isin(["problem", "cause"])]
    made = {}
    for coder in CODERS:
        rows = pd.DataFrame(
            {
                "interview": np.repeat(texts.index.to_numpy()[:INTERVIEWS], CODES),
                "code": np.resize(codes, INTERVIEWS * CODES),
            }
        )
        text = texts[rows["interview"]].tolist()
        length = np.array([len(one) for one in text])
        start = (rng.random(len(rows)) * length).astype(int)
        end = np.minimum(start + 1 + (rng.random(len(rows)) * 9).astype(int), length)
        quote = [one[low:high] for one, low, high in zip(text, start, end, strict=True)]
        before = [one[max(low - 12, 0) : low] for one, low in zip(text, start, strict=True)]
        after = [one[high : high + 12] for one, high in zip(text, end, strict=True)]
        blank = {name: "" if kind == "str" else pd.NA for name, kind in KINDS.items()}
        told = {
            "coder": coder, "role": "coder", "action": "add", "question": "open_problems", "codebook": 1,
            "number": np.arange(1, len(rows) + 1), "time": times(len(rows)), "start": start, "end": end,
            "quote": quote, "before": before, "after": after, "answer": rows["interview"].map(prints),
        }  # fmt: skip
        made[coder] = (
            rows.assign(**{name: value for name, value in blank.items() if name not in rows})
            .assign(**told)[list(KINDS)]
            .astype(KINDS)
        )
    return made


def times(count: int) -> list[str]:
    """A time for each action, a second apart."""
    first = datetime(2026, 11, 1, tzinfo=UTC)
    return [f"{first + timedelta(seconds=place):%Y-%m-%dT%H:%M:%S}.000Z" for place in range(count)]


def spread(made: dict[str, pd.DataFrame], folder: Path, *, diverged: bool) -> list[Path]:
    """The files in folders: one for each coder; or two of each, which share the first half and not the rest."""
    folders = [folder / f"{'two' if diverged else 'one'}{number}" for number in range(3)]
    for place in folders:
        place.mkdir()
    for number, (coder, table) in enumerate(made.items()):
        half = len(table) // 2
        parts = [table] if not diverged else [half_of(table, half, 0), half_of(table, half, 1)]
        for other, part in enumerate(parts):
            (folders[(number + other) % 3] / f"{coder}.csv").write_bytes(HEADER + lines(part))
    return folders


def half_of(table: pd.DataFrame, half: int, which: int) -> pd.DataFrame:
    """The first half, and every second action of the rest."""
    part = pd.concat([table.iloc[:half], table.iloc[half + which :: 2]], ignore_index=True)
    return part.assign(number=np.arange(1, len(part) + 1))


def merge(folders: list[Path], folder: Path) -> None:
    target = folder / "merged"
    shutil.rmtree(target, ignore_errors=True)
    merge_codings(folders, target)


def hundred(made: dict[str, pd.DataFrame], folder: Path) -> Path:
    """A hundred files of 600 actions."""
    target = folder / "hundred"
    if not target.exists():
        target.mkdir()
        for number in range(100):
            part = made["ann"].iloc[number * 200 : number * 200 + 600].assign(coder=f"coder{number}")
            part = part.assign(number=np.arange(1, len(part) + 1))
            (target / f"coder{number}.csv").write_bytes(HEADER + lines(part))
    return target


if __name__ == "__main__":
    main()
