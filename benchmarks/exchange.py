"""500 interviews, 3 open answers each, 40 codes, 20,000 codings: CPU seconds to write a project and read it back.

python benchmarks/exchange.py
"""

import tempfile
import time
import uuid
import zipfile
from pathlib import Path

import numpy as np

from kzsurvey.coding.exchange import Positions, project_of, read_qdpx, write_qdpx

INTERVIEWS, QUESTIONS, CODES, CODERS, CODINGS, SEED = 500, 3, 40, 3, 20_000, 1


def guid(*parts: object) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, repr(parts)))


def project(*, codings: int = CODINGS, seed: int = SEED):
    """Answers of 40 to 400 Chinese characters, some with signs outside the basic plane and line ends."""
    draw = np.random.default_rng(seed)
    letters = np.array(list("工资太低人手不够会议多检查任务重留住岗位空缺考核标准，。\n😀"))
    sources = [
        {"guid": guid("source", n), "name": f"KZ{n}", "text": "".join(draw.choice(letters, draw.integers(40, 400)))}
        for n in range(INTERVIEWS * QUESTIONS)
    ]
    above = [guid("code", n - n % 5) if n % 5 else "" for n in range(CODES)]
    codes = [{"guid": guid("code", n), "name": f"C{n}", "parent": parent} for n, parent in enumerate(above)]
    users = [{"guid": guid("user", n), "name": f"coder {n}"} for n in range(CODERS)]
    passages, given = [], []
    for n, source in enumerate(sorted(draw.integers(0, len(sources), codings).tolist())):
        text = sources[source]["text"]
        start = int(draw.integers(0, len(text) - 20))
        one = {"guid": guid("passage", n), "source": sources[source]["guid"], "start": start, "end": start + 15}
        stamps = {"user": users[n % CODERS]["guid"], "time": "2026-11-29T05:04:12.345Z"}
        passages.append({**one, "name": text[start : start + 15].replace("\n", " "), **stamps})
        code = codes[int(draw.integers(0, CODES))]["guid"]
        given.append({"guid": guid("coding", n), "target": one["guid"], "code": code, **stamps})
    return project_of({"users": users, "codes": codes, "sources": sources, "passages": passages, "codings": given})


def seconds(work) -> tuple[float, object]:
    before = time.process_time()
    result = work()
    return time.process_time() - before, result


def main() -> None:
    made = project()
    folder = Path(tempfile.mkdtemp())
    writing, path = seconds(lambda: write_qdpx(made, folder / "made.qdpx"))
    reading, back = seconds(lambda: read_qdpx(path))
    unsigned = of_another(path, folder / "other.qdpx")
    finding, _ = seconds(lambda: read_qdpx(unsigned))
    same = back.codings.equals(made.codings) and back.passages.equals(made.passages)
    print(f"{len(made.codings):,} codings, {path.stat().st_size:,} bytes, the same when read: {same}")
    print(
        f"write {writing:.2f}, read {reading:.2f}, read and find out how places are counted {finding:.2f} CPU seconds"
    )
    write_qdpx(made, path, positions=Positions("utf-16"))
    found = read_qdpx(of_another(path, folder / "other.qdpx")).positions
    print(f"written in UTF-16 units by a program that does not say so, read as: {found}")


def of_another(path: Path, other: Path) -> Path:
    """The same file as if another program had written it."""
    with zipfile.ZipFile(path) as given, zipfile.ZipFile(other, "w") as made:
        for entry in given.infolist():
            content = given.read(entry)
            if entry.filename == "project.qde":
                content = content.replace(b'origin="kzsurvey', b'origin="another').replace(b"[utf-16", b"[x")
            made.writestr(entry, content)
    return other


if __name__ == "__main__":
    main()
