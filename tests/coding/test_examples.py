"""A codebook tests itself with its examples."""

from pathlib import Path

import pytest

from kzsurvey.coding import example_faults
from kzsurvey.survey import read_survey

ROOT = Path(__file__).parents[2]
STAFF = {"pattern": "缺人手?", "example": "村里缺人\n  缺人手  \n"}


def test_examples_that_get_their_code_are_no_faults(with_codes):
    assert example_faults(with_codes({"C1": STAFF})) == []


def test_an_example_that_gets_another_code_is_named_with_its_place(with_codes):
    survey = with_codes({"C1": STAFF, "C2": {"pattern": "工资低", "example": "工资低\n缺人"}})
    assert [str(fault) for fault in example_faults(survey)] == [
        "codes.csv, row 3, column example: found example '缺人' gets C1; allowed: C2"
    ]


def test_every_example_without_a_code_is_named(with_codes):
    survey = with_codes({"C1": {"pattern": "缺人", "example": "不缺人\n累"}, "C2": {"pattern": "钱", "example": "人"}})
    assert [(fault.row, fault.found) for fault in example_faults(survey)] == [
        (2, "example '不缺人' gets no code"),
        (2, "example '累' gets no code"),
        (3, "example '人' gets no code"),
    ]


def test_an_example_may_get_other_codes_beside_its_own(with_codes):
    assert example_faults(with_codes({"C1": STAFF, "C2": {"pattern": "村里"}})) == []


def test_an_example_of_a_parent_may_get_a_child_but_not_the_other_way(with_codes):
    parent, child = {"pattern": "工资"}, {"pattern": "工资低", "parent": "C1"}
    assert example_faults(with_codes({"C1": {**parent, "example": "工资低"}, "C1.1": child})) == []
    (fault,) = example_faults(with_codes({"C1": parent, "C1.1": {**child, "example": "工资少"}}))
    assert (fault.found, fault.allowed) == ("example '工资少' gets C1", "C1.1")


def test_an_example_is_read_with_the_scheme_of_its_code(with_codes):
    survey = with_codes({"C1": STAFF, "T1": {"pattern": "累", "scheme": "other", "example": "缺人"}})
    assert [fault.found for fault in example_faults(survey)] == ["example '缺人' gets no code"]


def test_examples_of_codes_for_people_are_not_read(with_codes):
    assert example_faults(with_codes({"C1": {"pattern": "", "example": "缺人"}})) == []


def test_where_rules_are_at_fault_their_faults_are_told(with_codes):
    (fault,) = example_faults(with_codes({"C1": {"pattern": "(人", "example": "人"}}))
    assert fault.column == "pattern"


@pytest.mark.parametrize("folder", ["data/raw/kizilsu", "tests/surveys/data/raw/market"])
def test_every_example_of_a_committed_codebook_gets_its_code(folder):
    assert [str(fault) for fault in example_faults(read_survey(ROOT / folder))] == []
