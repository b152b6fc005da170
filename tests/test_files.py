"""Files are written whole or not at all."""

import pytest

from kzsurvey.files import sha256, whole_file


def test_a_file_that_fails_half_way_leaves_the_old_one_and_nothing_beside_it(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(RuntimeError), whole_file(target) as beside:
        beside.write_text("half")
        raise RuntimeError
    assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_file_that_ends_well_takes_the_place_of_the_old_one(tmp_path):
    target = tmp_path / "new" / "a.txt"
    for text in ("first", "second"):
        with whole_file(target) as beside:
            beside.write_text(text)
    assert target.read_text() == "second"
    assert len(list(target.parent.iterdir())) == 1


def test_the_hash_is_that_of_the_bytes(tmp_path):
    (tmp_path / "empty").write_bytes(b"")
    assert sha256(tmp_path / "empty") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
