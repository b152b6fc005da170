"""The codebook as a page: everything a coder needs, in every language of the survey, and no small count."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from kzsurvey.errors import ReportError
from kzsurvey.reporting import codebook_page
from kzsurvey.survey import read_survey

MARKET = Path(__file__).parents[1] / "surveys" / "data" / "raw" / "market"
STEPS = [("merge", "T9", "T2", "too alike", "Ann", "2026-11-28"), ("redefine", "T2", "wider", "", "", "")]


@pytest.fixture(scope="module")
def market():
    return read_survey(MARKET)


def named(**interviews):
    rows = [(interview, code) for interview, codes in interviews.items() for code in codes]
    return pd.DataFrame(rows, columns=["interview", "code"]).assign(stands=True)


class Tags(HTMLParser):
    """Tags that open and close in pairs, and what stands in headings."""

    def __init__(self, page):
        super().__init__()
        self.open, self.faults, self.headings = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        if self.open.pop() != tag:
            self.faults.append(tag)

    def handle_data(self, data):
        if any(re.fullmatch("h[1-6]", tag) for tag in self.open):
            self.headings.append(data)


@pytest.mark.parametrize(
    ("language", "words"), [("zh", ["租金高", "适用", "不适用", "例句"]), ("en", ["High rent", "Use when"])]
)
@pytest.mark.parametrize("to", ["markdown", "html"])
def test_a_page_holds_names_definitions_rules_of_use_and_examples(market, language, words, to):
    page = codebook_page(market, language=language, to=to)
    for text in [*words, "T1.1", "rent or fees are called high", "摊位费年年涨"]:
        assert text in page


def test_an_html_page_is_whole_and_says_that_data_are_simulated(market):
    page = Tags(text := codebook_page(market, language="en", to="html"))
    assert (page.open, page.faults) == ([], [])
    assert page.headings == [
        "Codebook: Interviews with stall keepers",
        "Troubles",
        "T1 Money",
        "T1.1 High rent",
        "T2 Few customers",
    ]
    assert "simulated data" in text
    assert "http" not in text
    assert set(re.findall('href="#(.*?)"', text)) <= set(re.findall('id="(.*?)"', text))


def test_counts_are_of_interviews_with_parents_and_small_ones_are_not_told(market):
    mentions = named(a=["T1.1", "T1.1"], b=["T1.1"], c=["T1"], d=["T2"])
    page = codebook_page(market, language="en", mentions=mentions)
    counts = dict(re.findall(r"#+ (T\S*) .*\n\n.*\n\n(Named .*)\n", page))
    few = "Named in fewer than 3 interviews"
    assert counts == {"T1": "Named in 3 interviews", "T1.1": few, "T2": few}
    assert "Named in no interview" in codebook_page(market, language="en", mentions=named(a=["T1"]))


def test_mentions_that_do_not_stand_are_not_counted(market):
    mentions = named(a=["T2"], b=["T2"], c=["T2"]).assign(stands=False)
    assert "Named in 3" not in codebook_page(market, language="en", mentions=mentions)


def test_the_steps_of_the_codebook_are_told(market):
    steps = pd.DataFrame(STEPS, columns=["step", "code", "into", "reason", "who", "when"]).assign(version=2)
    page = codebook_page(replace(market, steps=steps), language="en")
    assert "Version 2" in page
    assert "T9 merged into T2; Reason: too alike; Ann, 2026-11-28" in page
    assert "T2 defined more widely" in page


def test_signs_of_markdown_and_html_show_as_they_are(market):
    codes = market.codes.assign(definition_en="a *b* <c> [d] & e")
    changed = replace(market, codes=codes)
    assert r"a \*b\* \<c\> \[d\] & e" in codebook_page(changed, language="en")
    assert "a *b* &lt;c&gt; [d] &amp; e" in codebook_page(changed, language="en", to="html")


def test_a_page_in_arabic_runs_from_right_to_left_and_falls_back_on_english(market):
    languages = {**market.languages, "ug": "ئۇيغۇرچە"}
    columns = {"name_ug": "پۇل", "definition_ug": ""}
    questions = market.questions.assign(label_ug="")
    own = replace(market, languages=languages, codes=market.codes.assign(**columns), questions=questions)
    page = codebook_page(own, language="ug", to="html")
    assert '<html lang="ug" dir="rtl">' in page
    assert "پۇل" in page
    assert "Troubles with income and costs" in page


def test_a_language_or_a_codebook_that_is_not_there_is_told(market):
    with pytest.raises(ReportError, match="language 'fr'; allowed: zh, en"):
        codebook_page(market, language="fr")
    with pytest.raises(ReportError, match="no codes"):
        codebook_page(replace(market, codes=market.codes.iloc[:0]), language="en")
