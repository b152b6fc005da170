"""Folders of codings become one: in any order the same bytes, nothing lost, contradictions told."""

import shutil
from itertools import permutations

import pytest

from kzsurvey.coding import entry, merge_codings, read_actions, record, replay
from kzsurvey.errors import CodingError
from kzsurvey.survey import read_survey


@pytest.fixture
def copies(desk, tmp_path):
    """Three copies of a survey in which Ann and Ben had coded a little, and then went on apart."""
    desk.do("ann", "add", "M01", words="太高", code="T1")
    desk.do("ann", "nothing", "M02")
    desk.do("ben", "nothing", "M02")
    folders = [shutil.copytree(desk.survey.folder, tmp_path / name / "market") for name in "abc"]
    return [desk._replace(survey=read_survey(folder)) for folder in folders]


def folders(copies):
    return [copy.survey.folder / "codings" for copy in copies]


def content(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.glob("*.csv"))}


def state(folder):
    return b"".join(table.to_csv().encode() for table in replay(read_actions(folder).table))


def test_merging_in_any_order_and_in_steps_gives_the_same_bytes(copies, tmp_path):
    one, other, third = copies
    one.do("ann", "undo", of=one.do("ann", "add", "M03", code="T2"))
    other.do("ann", "remove", of=1)
    other.do("ann", "add", "M04", words="客人也少", code="T2")
    third.do("eve", "nothing", "M10")
    third.do("ann", "undo", of=2)
    merged = []
    for number, order in enumerate(permutations(folders(copies))):
        merge_codings(order, tmp_path / f"all{number}")
        merge_codings(order[:2], tmp_path / f"two{number}")
        merge_codings([tmp_path / f"two{number}", order[2]], tmp_path / f"steps{number}")
        merged += [tmp_path / f"all{number}", tmp_path / f"steps{number}"]
    assert len({str(content(folder)) for folder in merged}) == 1
    assert len({state(folder) for folder in merged}) == 1
    spans = replay(read_actions(merged[0]).table).spans
    assert spans[["interview", "code"]].to_numpy().tolist() == [["M04", "T2"]]


def test_merging_again_changes_nothing(copies, tmp_path):
    copies[0].do("ann", "nothing", "M10")
    copies[1].do("ann", "nothing", "M13")
    merge_codings(folders(copies), tmp_path / "out")
    before = content(tmp_path / "out")
    report = merge_codings(folders(copies), tmp_path / "out")
    assert content(tmp_path / "out") == before
    assert report.set_index("coder")["actions"].to_dict() == {"ann": 4, "ben": 1}


def test_copies_that_differ_keep_both_and_the_report_says_so(copies, tmp_path):
    copies[0].do("ann", "nothing", "M10")
    copies[1].do("ann", "add", "M10", code="T1")
    copies[2].do("ben", "nothing", "M13")
    report = merge_codings(folders(copies), tmp_path / "out").set_index("coder")
    assert report.loc["ann", ["files", "actions", "common", "what"]].tolist() == [3, 4, 2, "both kept"]
    assert report.loc["ben", ["files", "actions", "common", "what"]].tolist() == [3, 2, 1, "one copy longer"]
    answers = replay(read_actions(tmp_path / "out").table).answers
    assert answers.loc[answers["interview"] == "M10", ["nothing", "codes"]].to_numpy().tolist() == [[False, 1]]


def test_an_undo_still_means_the_action_it_meant_when_numbers_change(copies, tmp_path):
    copies[0].do("ann", "nothing", "M10")
    given = copies[1].do("ann", "add", "M03", code="T2")
    copies[0].do("ann", "nothing", "M13")
    copies[1].do("ann", "undo", of=given)
    merge_codings(folders(copies)[:2], tmp_path / "out")
    table = read_actions(tmp_path / "out").table
    undo = table[(table["action"] == "undo")].iloc[0]
    assert table.set_index("number").loc[undo["of"], ["action", "interview"]].tolist() == ["add", "M03"]
    assert undo["of"] == given + 1


def test_a_moment_told_in_two_ways_is_a_fault_and_nothing_is_written(copies, tmp_path):
    path = copies[1].path("ann")
    path.write_text(path.read_text("utf-8").replace(",T1,", ",T2,"), "utf-8")
    with pytest.raises(CodingError, match="two different actions of ann at .*one copy was changed by hand"):
        merge_codings(folders(copies), tmp_path / "out")
    assert content(tmp_path / "out") == {}


def test_coders_who_differ_by_case_are_told(copies, tmp_path):
    record(copies[0].survey, "Eve", entry("nothing", "M02", "troubles", "没什么困难"))
    record(copies[1].survey, "eve", entry("nothing", "M02", "troubles", "没什么困难"))
    with pytest.raises(CodingError, match="coder 'eve' beside 'Eve'"):
        merge_codings(folders(copies), tmp_path / "out")


def test_a_folder_that_is_not_there_is_told(copies, tmp_path):
    with pytest.raises(CodingError, match="no such folder"):
        merge_codings([tmp_path / "nowhere", *folders(copies)], tmp_path / "out")


def test_what_lies_in_the_target_takes_part(copies):
    copies[0].do("eve", "nothing", "M10")
    target = folders(copies)[2]
    copies[2].do("ann", "nothing", "M13")
    merge_codings(folders(copies)[:1], target)
    assert sorted(content(target)) == ["ann.csv", "ben.csv", "eve.csv"]
    assert len(read_actions(target, coder="ann").table) == 3


def test_a_folder_named_as_a_file_of_codings_is_none(desk, tmp_path):
    desk.do("ann", "nothing", "M02")
    (desk.path("ann").parent / "old.csv").mkdir()
    assert merge_codings([desk.path("ann").parent], tmp_path / "merged")["coder"].tolist() == ["ann"]
