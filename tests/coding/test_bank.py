"""The shipped rules on a bank of clauses written from the definitions of the codebook alone, on which nothing is tuned.

A clause may have several codes, or none. What counts are the sub-codes: one found as its parent only is not
found.
"""

import csv
from collections import Counter
from pathlib import Path

import pytest

from kzsurvey.coding import code_texts, compile_rules
from kzsurvey.survey import read_survey

ROOT = Path(__file__).parents[2]
BANK = Path(__file__).with_name("bank.csv")
KINDS = {"plain", "negation", "trap", "none"}


@pytest.fixture(scope="module")
def bank():
    """Clause, true codes and kind of each row."""
    if not BANK.exists():
        pytest.fail(f"{BANK.relative_to(ROOT)} is absent: the rules cannot be judged without clauses they never saw")
    with BANK.open(encoding="utf-8-sig", newline="") as file:
        return [(row["clause"], set(row["codes"].split()), row["kind"]) for row in csv.DictReader(file)]


@pytest.fixture(scope="module")
def judged(bank):
    """For each row the true sub-codes and those that the rules give."""
    survey = read_survey(ROOT / "data" / "raw" / "kizilsu")
    rules = compile_rules(survey)
    parents = set(survey.codes["parent"])
    given = code_texts([clause for clause, _, _ in bank], rules)
    return [
        (true - parents, {one.code for one in found} - parents) for (_, true, _), found in zip(bank, given, strict=True)
    ]


def counts_per_code(judged):
    """Right, given and true mentions of each code."""
    right = Counter(code for true, given in judged for code in true & given)
    given = Counter(code for _, codes in judged for code in codes)
    true = Counter(code for codes, _ in judged for code in codes)
    return {code: (right[code], given[code], true[code]) for code in sorted(given | true)}


def share(part, whole):
    return part / whole if whole else float("nan")


def test_the_bank_is_large_and_has_every_kind(bank):
    assert len(bank) >= 300
    assert {kind for _, _, kind in bank} >= KINDS


def test_the_codes_of_the_bank_are_those_of_the_codebook(bank):
    known = set(read_survey(ROOT / "data" / "raw" / "kizilsu").codes.index)
    assert set().union(*(codes for _, codes, _ in bank)) <= known


def test_rules_are_right_in_95_and_complete_in_90_of_100(judged):
    counts = counts_per_code(judged)
    right, given, true = (sum(column) for column in zip(*counts.values(), strict=True))
    print("\ncode   right given  true  precision  recall")
    for code, (hits, of_given, of_true) in {**counts, "all": (right, given, true)}.items():
        print(f"{code:5} {hits:6} {of_given:5} {of_true:5} {share(hits, of_given):10.3f} {share(hits, of_true):7.3f}")
    assert right / given >= 0.95
    assert right / true >= 0.90
