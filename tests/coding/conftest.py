"""A small made-up codebook: rules written inside a test, and what they find."""

from dataclasses import replace
from pathlib import Path

import pytest

from kzsurvey.coding import code_texts, compile_rules
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
