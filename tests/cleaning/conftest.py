"""Small surveys written inside a test: questions, options, settings and delivered files."""

import csv
from pathlib import Path

import pytest

from kzsurvey.survey import read_survey

SETTINGS = """
name = "{name}"
simulated = true
[languages]
zh = "中文"
en = "English"
[interview]
id = "id"
{interview}
[missing]
dont_know = ["不知道", "99"]
refused = ["拒答", "-9"]
no_answer = ["无", "-"]
{more}
"""
ID = {"type": "text", "name": "id", "required": "yes"}


def write_table(path: Path, rows: list[dict]) -> None:
    """Write rows of which each may have its own columns."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def make(tmp_path):
    """Make a survey: ``make(questions, files, choices=, interview=, more=, corrections=, delivered=)``."""

    def make(questions, files, *, choices=(), interview="", more="", corrections=(), delivered=None):
        folder = tmp_path / "data" / "raw" / "small"
        (folder / "delivered").mkdir(parents=True, exist_ok=True)
        rows = [{"label::中文": "", "label::English": "", **ID}]
        rows += [
            {"label::中文": f"{row['name']}问", "label::English": f"About {row['name']}", **row} for row in questions
        ]
        write_table(folder / "questions.csv", rows)
        if choices:
            write_table(folder / "choices.csv", [{"aliases": "", **row} for row in choices])
        if corrections:
            write_table(
                folder / "corrections.csv",
                [{"reason": "call-back", "who": "", "when": "", **row} for row in corrections],
            )
        for name, content in files.items():
            data = content if isinstance(content, bytes) else content.encode()
            (folder / "delivered" / name).write_bytes(data)
        entries = delivered or "".join(f'[[delivered]]\nfile = "delivered/{name}"\n' for name in files)
        text = SETTINGS.format(name="small", interview=interview, more=f"{more}\n{entries}")
        (folder / "survey.toml").write_text(text, encoding="utf-8")
        return read_survey(folder)

    return make
