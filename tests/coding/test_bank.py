"""The shipped rules on clauses written from the definitions of the codebook alone.

Three writers, who saw neither patterns nor sentences, wrote a bank each, on which nothing is ever tuned: two of
ordinary sentences as they stand in interview notes, one of oblique ones (scenes, images, sarcasm). Each clause is part
of an answer to one of the three open questions, so only the schemes of that question can be given. A clause may have
several codes, or none. What counts are the sub-codes.
"""

import csv
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from opencc import OpenCC

from kzsurvey.coding import code, code_texts, compile_rules
from kzsurvey.survey import read_survey

ROOT = Path(__file__).parents[2]
KINDS = {"plain", "double", "negation", "trap", "none"}
# Precision and recall that the rules keep: where people speak plainly, and where they speak in images.
BANKS = {"bank.csv": (0.95, 0.93), "bank_second.csv": (0.96, 0.94), "bank_oblique.csv": (0.95, 0.83)}


@pytest.fixture(scope="module")
def survey():
    return read_survey(ROOT / "data" / "raw" / "kizilsu")


@pytest.fixture(scope="module", params=BANKS)
def name(request):
    return request.param


@pytest.fixture(scope="module")
def bank(name):
    with Path(__file__).with_name(name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def judged(bank, survey):
    """For each clause the true sub-codes and those that the rules give."""
    ids = pd.Index([str(number) for number in range(len(bank))], name="interview")
    asked = {row["question"] for row in bank}
    said = {
        one: {i: row["clause"] for i, row in zip(ids, bank, strict=True) if row["question"] == one} for one in asked
    }
    clauses = pd.DataFrame(said, index=ids, dtype="str")
    found = code(clauses, survey).groupby("interview")["code"].agg(set)
    parents = set(survey.codes["parent"])
    return [
        (set(row["codes"].split()) - parents, found.get(one, set()) - parents)
        for one, row in zip(ids, bank, strict=True)
    ]


def counts_per_code(judged):
    """Right, given and true mentions of each code."""
    right = Counter(one for true, given in judged for one in true & given)
    given = Counter(one for _, codes in judged for one in codes)
    true = Counter(one for codes, _ in judged for one in codes)
    return {one: (right[one], given[one], true[one]) for one in sorted(given | true)}


def test_the_bank_is_large_has_every_kind_and_no_clause_twice(bank):
    assert len(bank) >= 300
    assert {row["kind"] for row in bank} == KINDS
    assert len({row["clause"] for row in bank}) == len(bank)


def test_no_clause_of_the_bank_teaches_the_rules(bank):
    with (ROOT / "data" / "raw" / "kizilsu" / "sentences.csv").open(encoding="utf-8", newline="") as file:
        taught = {row["sentence"] for row in csv.DictReader(file)}
    assert not taught & {row["clause"] for row in bank}


def test_the_codes_of_the_bank_are_those_that_its_question_can_have(bank, survey):
    for row in bank:
        schemes = set(survey.codes.loc[row["codes"].split(), "scheme"])
        assert all(row["question"] in survey.schemes[scheme].questions for scheme in schemes), row


@pytest.mark.parametrize("spelling", ["s2t", "s2tw", "s2hk"])
def test_traditional_spelling_gets_the_same_codes(bank, survey, spelling):
    rules, converter = compile_rules(survey), OpenCC(spelling)
    clauses = [row["clause"] for row in bank]
    found, other = (
        [[(one.code, one.number) for one in here] for here in code_texts(texts, rules)]
        for texts in (clauses, [converter.convert(one) for one in clauses])
    )
    assert [one for one, *both in zip(clauses, found, other, strict=True) if both[0] != both[1]] == []


def test_the_rules_keep_their_precision_and_recall(judged, name):
    counts = counts_per_code(judged)
    right, given, true = (sum(column) for column in zip(*counts.values(), strict=True))
    print(f"\n{name}\ncode   right given  true")
    for one, numbers in {**counts, "all": (right, given, true)}.items():
        print("{:5} {:6} {:5} {:5}".format(one, *numbers))
    print(f"precision {right / given:.3f}, recall {right / true:.3f}")
    precision, recall = BANKS[name]
    assert right / given >= precision
    assert right / true >= recall
