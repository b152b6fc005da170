"""The files of coders: what is acknowledged stands, what is at fault is said with its place, nothing is lost."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kzsurvey.coding import entry, fingerprint, read_actions, record
from kzsurvey.coding.codings.actions import COLUMNS, HEADER, KINDS, cells_of, line, lines
from kzsurvey.errors import CodingError, SurveyError

ROOT = Path(__file__).parents[2]
CODER = Path(__file__).parent / "coder_process.py"


def test_an_action_on_disk_says_who_when_where_and_on_what_words(desk):
    made = record(desk.survey, "ann", desk.entry("add", "M01", words="租金太高", code="T1.1", memo="clear"))
    row = read_actions(desk.survey).table.iloc[0]
    pd.testing.assert_series_equal(made.iloc[0], row[list(COLUMNS)], check_names=False)
    assert row[["number", "coder", "role", "start", "end", "quote", "before", "after"]].tolist() == [
        1, "ann", "coder", 0, 4, "租金太高", "", "，快交不起了",
    ]  # fmt: skip
    assert (row["answer"], row["codebook"], row["memo"]) == (fingerprint("租金太高，快交不起了"), 1, "clear")


def test_numbers_go_on_and_times_never_go_back(desk, monkeypatch):
    desk.do("ann", "nothing", "M02")
    path = desk.path("ann")
    path.write_bytes(path.read_bytes().replace(b",20", b",29", 1))  # as if the clock had been far ahead
    numbers = record(desk.survey, "ann", [desk.entry("nothing", name) for name in ("M10", "M13", "M19")])["number"]
    assert numbers.tolist() == [2, 3, 4]
    assert read_actions(desk.survey).table["time"].is_monotonic_increasing


def test_an_action_is_one_line_whatever_is_in_it(desk):
    memo = 'one\ntwo\r\n"three", \\n four \\ \0 \u2028 五'
    desk.do("ann", "memo", "M01", memo=memo)
    assert desk.path("ann").read_bytes().count(b"\n") == 2
    assert desk.read().memos["memo"].tolist() == [memo]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=len(COLUMNS), max_size=len(COLUMNS)))
@settings(max_examples=200)
def test_any_text_comes_back_from_a_line_as_it_was(cells):
    written = line(cells).encode()
    assert written.count(b"\n") == 1
    assert list(cells_of(written).values()) == cells


def test_what_is_read_is_written_again_to_the_byte(desk):
    desk.do("ann", "memo", "M01", memo='a "b", c\n\\')
    desk.do("ann", "undo", of=desk.do("ann", "add", "M01", words="太高", code="T1"))
    assert HEADER + lines(read_actions(desk.survey).table) == desk.path("ann").read_bytes()


def test_a_line_cut_off_by_a_kill_is_told_put_aside_and_its_number_taken_again(desk):
    desk.do("ann", "nothing", "M02")
    desk.do("ann", "nothing", "M10")
    whole = desk.path("ann").read_bytes()
    desk.path("ann").write_bytes(whole[:-9])
    read = read_actions(desk.survey)
    assert (len(read.table), [fault.row for fault in read.torn]) == (1, [3])
    assert desk.read().issues["kind"].tolist() == ["coding_torn"]
    assert desk.do("ann", "nothing", "M13") == 2
    assert desk.read().answers["interview"].tolist() == ["M02", "M13"]
    aside = desk.path("ann").with_name(".ann.torn").read_bytes()
    assert whole.split(b"\n")[2].startswith(aside.rstrip(b"\n"))


@pytest.mark.parametrize("left", [b"", HEADER[:20], HEADER])
def test_a_file_with_no_action_yet_takes_the_first(desk, left):
    desk.path("ann").parent.mkdir()
    desk.path("ann").write_bytes(left)
    assert desk.do("ann", "nothing", "M02") == 1
    assert len(read_actions(desk.survey).table) == 1


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_wherever_a_line_was_cut_the_others_stand(desk, cut):
    desk.do("ann", "add", "M01", words="租金", code="T1.1")
    before = desk.read().spans
    kept = desk.path("ann").read_bytes()
    desk.do("ann", "add", "M20", words="客人少", code="T2")
    desk.path("ann").write_bytes(desk.path("ann").read_bytes()[: len(kept) + cut])
    pd.testing.assert_frame_equal(desk.read().spans, before)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("1,20", "3,20"), r"ann.csv, row 2, column number: found 3; allowed: the next number"),
        ((",add,", ",ad,"), r"row 2, column action: found 'ad'; allowed: add, accept"),
        ((",coder,add", ",boss,add"), r"row 2, column role: found 'boss'"),
        ((",ann,", ",eve,"), r"row 2, column coder: found 'eve'; allowed: the name of the file"),
        ((",0,4,", ",4,0,"), r"row 2, column start: found 4; allowed: 0 <= start < end"),
        ((",0,4,", ",,4,"), r"row 2, column start"),
        ((",0,4,", ",x,4,"), r"row 2: found start 'x', no whole number"),
        ((",T1.1,", ",,"), r"row 2, column code: found ''; allowed: a value for add"),
        ((",M01,", ",,"), r"row 2, column interview"),
        (("T", " "), r"row 2, column time: found '20.*'; allowed: 2026-11-29T05:04:12.345Z"),
        (("租金太高", '"租金'), r"row 2: found a line that has not 18 cells"),
        (("number,time", "no,time"), r"row 1: found columns no,time"),
    ],
)
def test_a_file_changed_by_hand_is_told_with_its_row(desk, change, told):
    desk.do("ann", "add", "M01", words="租金太高", code="T1.1")
    header, row = desk.path("ann").read_text("utf-8").splitlines()
    parts = [part.replace(*change, 1) if change[0] == "number,time" or part == row else part for part in (header, row)]
    changed = "".join(f"{part}\n" for part in parts)
    desk.path("ann").write_text(changed, "utf-8")
    with pytest.raises(CodingError, match=told):
        read_actions(desk.survey)


def test_all_faults_of_all_files_come_at_once(desk):
    for coder in ("ann", "ben"):
        desk.do(coder, "nothing", "M02")
        desk.path(coder).write_text(desk.path(coder).read_text("utf-8").replace("nothing", "nothin"), "utf-8")
    with pytest.raises(CodingError) as error:
        read_actions(desk.survey)
    assert [fault.file for fault in error.value.faults] == ["codings/ann.csv", "codings/ben.csv"]


def test_bytes_that_are_not_utf8_are_told_with_their_row(desk):
    desk.do("ann", "memo", "M01", memo="abc")
    desk.path("ann").write_bytes(desk.path("ann").read_bytes().replace(b"abc", b"a\xffc"))
    with pytest.raises(CodingError, match="row 2: found bytes that are not UTF-8"):
        read_actions(desk.survey)


def test_a_spreadsheet_may_have_saved_the_file_with_its_own_line_ends(desk):
    desk.do("ann", "nothing", "M02")
    path = desk.path("ann")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_actions(desk.survey).table["action"].tolist() == ["nothing"]


@pytest.mark.parametrize(
    ("action", "of", "told"),
    [
        ("undo", 9, "undo of action 9; allowed: the number of an action, 1 to 2"),
        ("undo", None, "undo of action None"),
        ("remove", 2, "remove of action 2, a nothing; allowed: the number of an action add, accept"),
    ],
)
def test_a_reference_that_cannot_be_meant_is_refused_before_it_is_written(desk, action, of, told):
    desk.do("ann", "add", "M01", code="T1")
    desk.do("ann", "nothing", "M02")
    before = desk.path("ann").read_bytes()
    with pytest.raises(CodingError, match=told):
        desk.do("ann", action, of=of)
    assert desk.path("ann").read_bytes() == before


def test_nobody_undoes_as_adjudicator_what_was_done_as_coder(desk):
    desk.do("ann", "add", "M01", code="T1")
    with pytest.raises(CodingError, match="as coder on troubles of M01"):
        desk.do("ann", "undo", of=1, role="adjudicator")


def test_all_that_is_wrong_with_actions_is_told_at_once_and_none_is_written(desk):
    wrong = [
        desk.entry("add", "M01", code="T9"), desk.entry("ad", "M01"), desk.entry("accept", "M01", code="T1"),
        entry("nothing", "M01", "trouble", "text"), entry("nothing", "M01", "troubles"),
    ]  # fmt: skip
    with pytest.raises(CodingError) as error:
        record(desk.survey, "ann", wrong)
    assert [fault.found for fault in error.value.faults] == [
        "code 'T9'", "action 'ad'", "accept without suggestion", "question 'trouble'", "nothing without the answer",
    ]  # fmt: skip
    assert not desk.path("ann").exists()


def test_nothing_applies_is_refused_while_codes_stand(desk):
    desk.do("ann", "add", "M01", code="T1")
    with pytest.raises(CodingError, match="nothing applies to troubles of M01, where codes stand"):
        desk.do("ann", "nothing", "M01")
    desk.do("ann", "nothing", "M01", role="adjudicator")


def test_a_span_outside_its_answer_is_refused(desk):
    with pytest.raises(CodingError, match="a span from 3 to 99; allowed: 0 <= start < end <= 10"):
        desk.entry("add", "M01", start=3, end=99, code="T1")


@pytest.mark.parametrize("name", ["", "../ann", "a b", "a/b", ".ann", "a" * 41])
def test_a_coder_is_named_as_a_file_can_be(desk, name):
    with pytest.raises(CodingError, match="letters, digits"):
        desk.do(name, "nothing", "M02")


def test_two_coders_differ_in_more_than_case(desk):
    desk.do("ann", "nothing", "M02")
    with pytest.raises(CodingError, match="coder 'Ann' beside 'ann'|coder 'ann' beside 'Ann'"):
        desk.do("Ann", "nothing", "M02")


def test_half_a_character_is_refused(desk):
    with pytest.raises(SurveyError, match="half a character"):
        desk.do("ann", "memo", "M01", memo="\ud800")


def test_a_file_with_a_foreign_last_line_takes_no_more(desk):
    desk.do("ann", "nothing", "M02")
    with open(desk.path("ann"), "ab") as file:
        file.write(b"something else\n")
    with pytest.raises(CodingError, match="a last line that was not written by kzsurvey"):
        desk.do("ann", "nothing", "M10")


def coder_process(desk, *arguments):
    """A process of its own that codes for Ann."""
    command = [sys.executable, str(CODER), str(desk.survey.folder), *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT, text=True, encoding="utf-8")


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL on Windows")
def test_a_killed_process_has_lost_nothing_that_it_was_told_is_kept(desk):
    acknowledged = 0
    for count in (1, 5):
        process = coder_process(desk, 100_000)
        told = [int(process.stdout.readline()) for _ in range(count)]
        os.kill(process.pid, signal.SIGKILL)
        told += [int(number) for number in process.communicate()[0].split()]
        acknowledged = max([acknowledged, *told])
        assert read_actions(desk.survey).table["number"].max() >= acknowledged
    assert acknowledged >= 6
    assert desk.do("ann", "confirm", "M02") > acknowledged


def test_two_processes_that_write_one_file_take_turns(desk):
    both = [coder_process(desk, 30) for _ in range(2)]
    told = [process.communicate()[0].split() for process in both]
    numbers = sorted(int(number) for each in told for number in each)
    assert numbers == list(range(1, 61))
    assert read_actions(desk.survey).table["number"].tolist() == numbers


@pytest.mark.skipif(sys.platform == "win32", reason="locks of another kind on Windows")
def test_a_file_that_another_process_holds_is_refused_clearly(desk, monkeypatch):
    import fcntl

    from kzsurvey.coding.codings import writing

    monkeypatch.setattr(writing, "PATIENCE", 0.05)
    desk.do("ann", "nothing", "M02")
    with open(desk.path("ann").with_name(".ann.lock"), "a+b") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(CodingError, match="which another process has held"):
            desk.do("ann", "nothing", "M10")
    assert desk.do("ann", "nothing", "M10") == 2


def test_the_table_has_its_columns_when_nobody_has_coded(desk):
    table = read_actions(desk.survey).table
    assert {name: str(table[name].dtype) for name in COLUMNS} == KINDS
    assert desk.read().spans.empty


def test_an_action_that_did_not_reach_the_disk_is_not_acknowledged(desk, monkeypatch):
    from kzsurvey.coding.codings import writing

    order = []
    monkeypatch.setattr(writing.os, "fsync", lambda handle: order.append(os.fstat(handle).st_size))
    desk.do("ann", "nothing", "M02")
    assert order[0] == desk.path("ann").stat().st_size  # the whole line was handed over before it was waited for

    def full(handle):
        raise OSError(28, "No space left on device", "ann.csv")

    monkeypatch.setattr(writing.os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        desk.do("ann", "nothing", "M10")


@pytest.mark.parametrize(
    "written", ["2026-13-29T05:04:12.345Z", "2026-02-30T05:04:12.345Z", "2026-11-29T25:04:12.345Z"]
)
def test_a_moment_that_no_calendar_has_is_told(desk, written):
    desk.do("ann", "nothing", "M02")
    content = desk.path("ann").read_text("utf-8").splitlines(keepends=True)
    moment = content[1].split(",")[1]
    desk.path("ann").write_text("".join(content).replace(moment, written), "utf-8")
    with pytest.raises(CodingError, match=f"row 2, column time: found '{written}'"):
        read_actions(desk.survey)


def test_a_file_with_line_breaks_of_its_own_kind_is_not_taken_for_a_line_cut_off(desk):
    desk.do("ann", "nothing", "M02")
    saved = desk.path("ann").read_bytes().replace(b"\n", b"\r")
    desk.path("ann").write_bytes(saved)
    with pytest.raises(CodingError, match="line breaks of another kind"):
        read_actions(desk.survey)
    with pytest.raises(CodingError, match="line breaks of another kind"):
        desk.do("ann", "nothing", "M10")
    assert desk.path("ann").read_bytes() == saved


def test_a_damaged_line_that_is_referred_to_is_told_with_its_row(desk):
    desk.do("ann", "add", "M01", words="租金", code="T1.1")
    desk.do("ann", "nothing", "M02")
    damaged = desk.path("ann").read_bytes().replace("租金".encode(), "租金".encode("gb18030"), 1)
    desk.path("ann").write_bytes(damaged)
    for action, options in (("remove", {"of": 1}), ("nothing", {})):
        with pytest.raises(CodingError, match="row 2: found a line that was not written by kzsurvey"):
            desk.do("ann", action, "M01", **options)
    assert desk.path("ann").read_bytes() == damaged


def test_a_file_or_folder_that_would_be_passed_over_is_told(desk):
    desk.do("ann", "nothing", "M02")
    (desk.path("ann").parent / "old.csv").mkdir()
    assert len(read_actions(desk.survey).table) == 1
    desk.path("ann").rename(desk.path("ann").with_suffix(".CSV"))
    with pytest.raises(CodingError, match="the ending of ann.CSV; allowed: .csv"):
        read_actions(desk.survey)
    with pytest.raises(CodingError, match="found a file; allowed: a folder"):
        read_actions(desk.path("ann").with_suffix(".CSV"))


@pytest.mark.parametrize("name", ["con", "NUL", "com1"])
def test_a_coder_is_not_named_as_a_device_of_windows(desk, name):
    with pytest.raises(CodingError, match="no device of Windows"):
        desk.do(name, "nothing", "M02")


@pytest.mark.parametrize("name", ["王小明", "Éva", "小_1-b"])
def test_a_coder_may_have_a_name_in_any_script(desk, name):
    desk.do(name, "nothing", "M02")
    assert desk.read().answers["coder"].tolist() == [name]


def test_an_answer_that_is_missing_cannot_be_coded():
    with pytest.raises(CodingError, match="found nan; allowed: the answer as text"):
        entry("nothing", "M01", "troubles", float("nan"))
    assert entry("add", "M01", "troubles", "工资低", start=pd.NA, end=pd.NA, code="T2").start is None


def test_half_a_character_in_an_answer_is_told_not_stumbled_over(desk):
    with pytest.raises(CodingError, match="half a character"):
        record(desk.survey, "ann", entry("add", "M01", "troubles", "工\ud83d资", start=0, end=2, code="T2"))


def test_a_time_up_to_which_to_read_must_be_one(desk):
    desk.do("ann", "nothing", "M02")
    with pytest.raises(CodingError, match="found until 'yesterday'"):
        desk.read(until="yesterday")
