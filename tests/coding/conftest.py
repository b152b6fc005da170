"""A small made-up codebook: rules written inside a test, and what they find."""

import zipfile
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from kzsurvey.coding import code_texts, compile_rules
from kzsurvey.coding.exchange.records import COLUMNS, WITHOUT_GUID
from kzsurvey.survey import read_survey
from kzsurvey.survey.record import Scheme

MARKET = Path(__file__).parents[1] / "surveys" / "data" / "raw" / "market"


@pytest.fixture(scope="session")
def market():
    """The survey of the stall keepers, as it is committed."""
    return read_survey(MARKET)


@pytest.fixture
def with_codes(market):
    """The market survey under other rules: ``with_codes({code: {pattern, parent, ...}}, lexicon={name: words})``."""

    def make(rules, *, lexicon=None, questions=("troubles",)):
        empty = dict.fromkeys(market.codes.columns, "")
        rows = [{**empty, "scheme": "trouble", "file": "codes.csv", **rule} for rule in rules.values()]
        codes = market.codes.iloc[:0].reindex(list(rules)).assign(**{"row": range(2, len(rows) + 2)})
        for column in [*empty, "file"]:
            if column != "row":
                codes[column] = [row[column] for row in rows]
        lists = market.lexicon.iloc[:0].reindex(list(lexicon or {}))
        lists = lists.assign(pattern=list((lexicon or {}).values()), file="lexicon.csv", row=range(2, len(lists) + 2))
        return replace(market, codes=codes, lexicon=lists, schemes={"trouble": Scheme("trouble", tuple(questions))})

    return make


@pytest.fixture
def spans(with_codes):
    """What rules find in a text: a list of (code, words of the original)."""

    def find(text, rules, **options):
        found = code_texts([text], compile_rules(with_codes(rules, **options)))[0]
        return [(one.code, text[one.start : one.end]) for one in found]

    return find


REFI = Path(__file__).parent / "refi"


@pytest.fixture
def packed(tmp_path):
    """A .qdpx as a program writes it: ``packed("qualcoder", {name of a text: its content}, folder="sources")``."""

    def make(project, texts, *, folder="sources", name="project.qde", change=()):
        written = project if project.lstrip().startswith("<") else (REFI / f"{project}.qde").read_text(encoding="utf-8")
        for old, new in change:
            assert old in written
            written = written.replace(old, new)
        path = tmp_path / "given.qdpx"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
            made.writestr(name, written.encode())
            for file, text in texts.items():
                made.writestr(f"{folder}/{file}", text if isinstance(text, bytes) else text.encode())
        return path

    return make


@pytest.fixture(scope="session")
def same():
    """Whether two projects hold the same, table by table; what was not taken of the first is not in the second."""

    def compare(one, other):
        for table in [name for name in COLUMNS if name != "not_taken"]:
            left, right = getattr(one, table), getattr(other, table)
            if table in WITHOUT_GUID:  # pairs, in no order of their own
                left, right = (rows.sort_values(list(rows), ignore_index=True) for rows in (left, right))
            pd.testing.assert_frame_equal(left, right, obj=table)
        assert (one.name, one.description) == (other.name, other.description)

    return compare
