"""The shipped rules on clauses written from the definitions of the codebook alone, on which nothing is ever tuned.

Each clause is part of an answer to one of the three open questions, so only the schemes of that question can be given.
A clause may have several codes, or none. What counts are the sub-codes: one found as its parent only is not found.
"""

import csv
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from kzsurvey.coding import code
from kzsurvey.survey import read_survey

ROOT = Path(__file__).parents[2]
KINDS = {"plain", "double", "negation", "trap", "none"}


@pytest.fixture(scope="module")
def survey():
    return read_survey(ROOT / "data" / "raw" / "kizilsu")


@pytest.fixture(scope="module")
def bank():
    with Path(__file__).with_name("bank.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def judged(bank, survey):
    """For each clause the true sub-codes and those that the rules give."""
    answers = pd.DataFrame(
        {
            question: pd.Series({n: row["clause"] for n, row in enumerate(bank) if row["question"] == question})
            for question in ("open_problems", "open_causes", "open_proposals")
        },
        index=pd.RangeIndex(len(bank), name="interview"),
        dtype="str",
    )
    found = code(answers.set_index(answers.index.astype(str)), survey)
    parents = set(survey.codes["parent"])
    given = {number: set() for number in range(len(bank))}
    for interview, one in zip(found["interview"].astype(int), found["code"], strict=True):
        given[interview].add(one)
    return [(set(row["codes"].split()) - parents, given[number] - parents) for number, row in enumerate(bank)]


def counts_per_code(judged):
    """Right, given and true mentions of each code."""
    right = Counter(one for true, given in judged for one in true & given)
    given = Counter(one for _, codes in judged for one in codes)
    true = Counter(one for codes, _ in judged for one in codes)
    return {one: (right[one], given[one], true[one]) for one in sorted(given | true)}


def share(part, whole):
    return part / whole if whole else float("nan")


def test_the_bank_is_large_has_every_kind_and_no_clause_twice(bank):
    assert len(bank) >= 300
    assert {row["kind"] for row in bank} == KINDS
    assert len({row["clause"] for row in bank}) == len(bank)


def test_the_codes_of_the_bank_are_those_that_its_question_can_have(bank, survey):
    for row in bank:
        schemes = set(survey.codes.loc[row["codes"].split(), "scheme"])
        assert all(row["question"] in survey.schemes[scheme].questions for scheme in schemes), row


def test_most_codes_given_are_right_and_most_true_ones_are_found(judged):
    counts = counts_per_code(judged)
    right, given, true = (sum(column) for column in zip(*counts.values(), strict=True))
    print("\ncode   right given  true  precision  recall")
    for one, (hits, of_given, of_true) in {**counts, "all": (right, given, true)}.items():
        print(f"{one:5} {hits:6} {of_given:5} {of_true:5} {share(hits, of_given):10.3f} {share(hits, of_true):7.3f}")
    assert right / given >= 0.95
    assert right / true >= 0.90
