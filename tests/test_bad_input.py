"""What a researcher can get wrong: one message that names the place, exit status 2, nothing half-written.

Each case damages a copy of the market survey and says which words the message must hold.
"""

import csv
import os
import shutil
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from kzsurvey.__main__ import main

MARKET = Path(__file__).parent / "surveys" / "data" / "raw" / "market"
TOML, VISITS = "survey.toml", "delivered/visits.csv"
DELIVERED = f'file = "{VISITS}"'


@pytest.fixture
def market(tmp_path):
    return Path(shutil.copytree(MARKET, tmp_path / "克州 data" / "data" / "raw" / "market"))


def files(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def refused(capsys, folder, *arguments):
    """The message of a command that must fail; what lay in the project before lies there after, and nothing else."""
    project = folder.parents[2]
    before = files(project)
    assert main([str(argument) for argument in arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("kzsurvey: ")
    assert "Traceback" not in said
    assert files(project) == before
    return said


def swap(file, old, new):
    """Replace the first place where a text stands."""

    def damage(folder):
        text = (folder / file).read_text(encoding="utf-8")
        assert old in text
        (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")

    return damage


def put(file, content):
    """Give a file another content."""
    return lambda folder: (folder / file).write_bytes(content)


def add(file, line):
    """Write one more line at the end of a file."""
    return lambda folder: (folder / file).write_bytes((folder / file).read_bytes() + f"{line}\n".encode())


def rows(change, file=VISITS):
    """Change the rows of a table; the header is the first of them."""

    def damage(folder):
        with open(folder / file, encoding="utf-8", newline="") as text:
            changed = change(list(csv.reader(text)))
        with open(folder / file, "w", encoding="utf-8", newline="") as text:
            csv.writer(text).writerows(changed)

    return damage


def answer(question, text):
    """Everybody gives the same answer."""

    def change(table):
        place = table[0].index(question)
        return [table[0], *([*row[:place], text, *row[place + 1 :]] for row in table[1:])]

    return rows(change)


def stated(**settings):
    """Say more about the delivered file in survey.toml."""
    said = "".join(f'\n{key} = "{value}"' for key, value in settings.items())
    return swap(TOML, DELIVERED, DELIVERED + said)


def workbook(damage):
    """Deliver a workbook, then damage it."""

    def do(folder):
        path = folder / "delivered" / "visits.xlsx"
        pd.read_csv(folder / VISITS, dtype="str").to_excel(path, sheet_name="visits", index=False)
        swap(TOML, "visits.csv", "visits.xlsx")(folder)
        damage(path)

    return do


def with_half_a_sheet(path):
    """A whole zip file in which one part is cut."""
    with zipfile.ZipFile(path) as old:
        parts = {name: old.read(name) for name in old.namelist()}
    with zipfile.ZipFile(path, "w") as new:
        for name, content in parts.items():
            new.writestr(name, content[: len(content) // 2] if name.endswith("sheet1.xml") else content)


def removed(folder):
    """Corrections that take every interview out."""
    with open(folder / VISITS, encoding="utf-8", newline="") as text:
        taken = [f"{row['visit_id']},,,remove,,," for row in csv.DictReader(text)]
    add("corrections.csv", "\n".join(taken))(folder)


def several(folder):
    """Faults in three files at once."""
    swap("frame.csv", "market,north,40", "market,north,-4")(folder)
    swap("measures.csv", "mean,2", "median,2")(folder)
    swap("questions.csv", "integer,days_week", "number,days_week")(folder)


DEFINITIONS = {
    "an open quotation mark": (add("frame.csv", '"market,x'), ["frame.csv, row 5", "no CSV"]),
    "a folder for a file": (
        lambda folder: ((folder / "words.csv").unlink(), (folder / "words.csv").mkdir()),
        ["words.csv: found a folder"],
    ),
    "a form without questions": (rows(lambda table: table[:1], "questions.csv"), ["questions.csv, row 2"]),
    "a list for a text": (swap(TOML, 'name = "trouble"', 'name = ["trouble"]'), ["['trouble']", "a text in quotes"]),
    "a text for a table": (swap(TOML, "[languages]", 'screening = "x"\n[languages]'), ["column screening", "'x'"]),
    "a separator of two signs": (stated(separator="ab"), ["separator", "'ab'", "one sign"]),
    "a place for a date": (swap(TOML, '"visit_date"', '"market"'), ["interview.date", "'market', a select_one"]),
    "a group that was not asked": (add(TOML, '[reports]\ngroups = ["zebra"]'), ["reports.groups", "'zebra'"]),
    "an item twice": (swap("measures.csv", "like_place like_work", "tired tired"), ["row 2, column items", "second"]),
    "a threshold without end": (swap("measures.csv", "mean,2", "mean,1e400"), ["row 2, column smallest", "1e400"]),
    "two codes of one column": (swap("codes.csv", "trouble,T2", "trouble,T1_1"), ["column code", "'T1_1'", "'T1.1'"]),
    "a formula that breaks off": (swap(TOML, "days_week + C", "days_week + + * C"), ["models.earnings.formula"]),
    "three files at once": (several, ["3 faults", "frame.csv, row 2", "measures.csv, row 2", "questions.csv, row 13"]),
}

DELIVERIES = {
    "only a byte order mark": (put(VISITS, b"\xef\xbb\xbf"), ["visits.csv: found an empty file"]),
    "a codec that is none for text": (stated(encoding="undefined"), ["column encoding", "'undefined'", "gb18030"]),
    "another encoding than stated": (stated(encoding="big5"), ["visits.csv, row 1", "not big5", "utf-8"]),
    "another file than registered": (stated(sha256="00ff"), ["visits.csv", "sha256", "00ff"]),
    "a header beyond the end": (swap(TOML, DELIVERED, f"{DELIVERED}\nheader_row = 99"), ["visits.csv, row 99"]),
    "a workbook named csv": (
        lambda folder: (
            workbook(lambda path: path.replace(folder / VISITS))(folder),
            swap(TOML, "xlsx", "csv")(folder),
        ),
        ["visits.csv", "workbook", "CSV"],
    ),
    "a workbook cut off": (
        workbook(lambda path: path.write_bytes(path.read_bytes()[:4000])),
        ["visits.xlsx", "cannot be read", "save it again"],
    ),
    "a workbook damaged inside": (workbook(with_half_a_sheet), ["visits.xlsx", "cannot be read", "save it again"]),
    "a cell too many": (rows(lambda table: [*table[:3], [*table[3], "x"], *table[4:]]), ["visits.csv, row 4", "22"]),
    "a column twice but for case": (
        rows(lambda table: [[*row, " MARKET " if row is table[0] else row[7]] for row in table]),
        ["visits.csv, row 1", "'market'", "'MARKET'"],
    ),
    "no interview left": (removed, ["visits.csv", "no interview left of 20 rows", "correction 20"]),
    "one interview": (rows(lambda table: table[:2]), ["survey.toml, column sample", "single cluster"]),
}

DESIGNS = {
    "a constant outcome": (answer("takings_day", "300"), ["model earnings", "constant outcome"]),
    "collinear terms": (swap(TOML, "C(market)", "I(2 * days_week)"), ["model earnings", "combination of days_week"]),
    "no term at all": (
        lambda folder: (
            swap(TOML, 'hypothesis = "H1"\nterm = "days_week"\n', "")(folder),
            swap(TOML, "days_week + C(market)", "0")(folder),
        ),
        ["model earnings", "without terms"],
    ),
    "weights of nobody": (swap(TOML, 'lonely = "adjust"', 'weight = "helper_pay"'), ["column weight", "missing"]),
    "a value that nobody has": (
        lambda folder: (
            add("choices.csv", "market,west,西市,West,,")(folder),
            add("frame.csv", "market,west,9,")(folder),
        ),
        ["frame.csv, column market", "'west'", "without interviews"],
    ),
}


@pytest.mark.parametrize("case", DEFINITIONS)
def test_a_definition_at_fault_is_refused_with_its_place(capsys, market, case):
    damage, words = DEFINITIONS[case]
    damage(market)
    said = refused(capsys, market, "check", market)
    assert [word for word in words if word not in said] == []


@pytest.mark.parametrize("case", [*DELIVERIES, *DESIGNS])
def test_a_build_that_cannot_be_made_says_why_and_writes_nothing(capsys, market, case):
    damage, words = {**DELIVERIES, **DESIGNS}[case]
    damage(market)
    said = refused(capsys, market, "build", market)
    assert [word for word in words if word not in said] == []


@pytest.mark.parametrize("end", [b"\r\n", b"\r"])
def test_line_ends_of_other_systems_and_a_byte_order_mark_change_no_answer(capsys, market, end):
    assert main(["build", str(market)]) == 0
    processed = market.parents[1] / "processed" / "market" / "interviews.parquet"
    first = pd.read_parquet(processed)
    put(VISITS, b"\xef\xbb\xbf" + (market / VISITS).read_bytes().replace(b"\n", end))(market)
    assert main(["build", str(market)]) == 0
    pd.testing.assert_frame_equal(pd.read_parquet(processed), first)


def test_a_stray_zero_byte_does_not_turn_a_file_into_another_encoding(capsys, market):
    put(VISITS, (market / VISITS).read_bytes().replace(b"K03", b"K\x0003", 1))(market)
    assert main(["build", str(market)]) == 0
    assert "20 interviews" in capsys.readouterr().out


@pytest.mark.parametrize(("question", "text"), [("每周天数", str(2**80)), ("troubles", "租金太高，" * 20_000)])
def test_an_answer_of_any_length_is_read(capsys, market, question, text):
    rows(
        lambda table: [
            table[0],
            [text if head == question else cell for head, cell in zip(*table[:2], strict=True)],
            *table[2:],
        ]
    )(market)
    assert main(["build", str(market)]) == 0


def test_a_survey_with_nothing_but_a_form_and_answers_is_built(capsys, market):
    for name in ("codes", "lexicon", "measures", "frame", "corrections", "words"):
        (market / f"{name}.csv").unlink()
    head, rename = 'name = "market"\n[languages]\nzh = "中文"\nen = "English"\n', '{ "每周天数" = "days_week" }'
    rest = (
        f'[interview]\nid = "visit_id"\n[columns]\nignore = ["序号"]\nrename = {rename}\n[[delivered]]\n{DELIVERED}\n'
    )
    put(TOML, (head + rest).encode())(market)
    assert main(["build", str(market)]) == 0
    assert "20 interviews" in capsys.readouterr().out


def test_a_table_changed_by_hand_is_never_reported(capsys, market):
    assert main(["build", str(market)]) == 0
    for name in ("analysis", "terms"):
        put(f"{name}.parquet", b"changed")(market.parents[1] / "processed" / "market")
    said = refused(capsys, market, "report", market)
    assert [
        word for word in ("2 faults", "analysis.parquet", "terms.parquet", "kzsurvey build") if word not in said
    ] == []


@pytest.mark.parametrize(("font", "words"), [("nowhere.otf", "no file"), (str(MARKET / TOML), "no font file")])
def test_a_font_that_is_none_is_named_once(capsys, market, monkeypatch, font, words):
    assert main(["build", str(market)]) == 0
    monkeypatch.setenv("KZ_FONT", font)
    said = refused(capsys, market, "report", market)
    assert said.startswith("kzsurvey: KZ_FONT: found ")
    assert words in said


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("files = 3\nmess = 'x'\n", ["2 faults", "column files", "column mess"]),
        ("[interviews]\n[[files]]\nfile = '../../../stray.csv'\n", ["stray.csv", "below the survey's folder"]),
        ("[interviews]\n[[files]]\nfile = 'delivered/a.csv'\nseparator = 'ab'\n", ["separator", "one sign"]),
    ],
)
def test_a_simulation_that_is_declared_wrong_writes_nothing(capsys, market, text, words):
    put("simulation.toml", text.encode())(market)
    said = refused(capsys, market, "simulate", market)
    assert [word for word in words if word not in said] == []


def test_a_file_where_a_folder_is_needed_is_named(capsys, market):
    put("processed", b"")(market.parents[1])
    assert "processed" in refused(capsys, market, "build", market)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root and Windows may read every file")
@pytest.mark.parametrize("file", [TOML, "questions.csv", VISITS])
def test_a_file_that_may_not_be_read_is_named(capsys, market, file):
    (market / file).chmod(0)
    assert main(["build", str(market)]) == 2
    assert Path(file).name in capsys.readouterr().err
