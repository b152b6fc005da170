"""A small made-up codebook: rules written inside a test, and what they find."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pytest

from kzsurvey.cleaning import clean, read_answers
from kzsurvey.coding import code_texts, compile_rules, entry, read_codings, record
from kzsurvey.survey import Survey, read_survey
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


class Desk(NamedTuple):
    """A survey whose answers can be coded in a test, without a desk."""

    survey: Survey
    interviews: pd.DataFrame

    def entry(self, action, interview="", *, question="troubles", **options):
        """An action on an answer; ``words`` say where, by what stands there."""
        text = "" if interview == "" else self.interviews.at[interview, question]
        if words := options.pop("words", ""):
            options["start"] = text.index(words)
            options["end"] = options["start"] + len(words)
        return entry(action, interview, question if interview else "", text, **options)

    def do(self, coder, action, interview="", *, role="coder", **options):
        """One action, written; its number."""
        return int(record(self.survey, coder, self.entry(action, interview, **options), role=role)["number"].iloc[0])

    def said(self, **texts):
        """The same desk over other answers: ``M01="..."``."""
        changed = self.interviews.copy()
        for interview, text in texts.items():
            changed.loc[interview, "troubles"] = text
        return self._replace(interviews=changed)

    def with_steps(self, steps, codes):
        """The same desk after steps of the codebook: rows of codebook_steps.csv, and codes.csv as (code, parent)."""
        folder = self.survey.folder
        header = "version,step,code,into,parent,scheme\n"
        (folder / "codebook_steps.csv").write_text(header + "".join(f"{row}\n" for row in steps), encoding="utf-8")
        lines = "".join(f"trouble,{code},{parent},{code},{code}\n" for code, parent in codes)
        (folder / "codes.csv").write_text(f"scheme,code,parent,name::中文,name::English\n{lines}", encoding="utf-8")
        return self._replace(survey=read_survey(folder))

    def read(self, **options):
        """What stands."""
        return read_codings(self.survey, self.interviews, **options)

    def path(self, coder):
        """The file of a coder."""
        return self.survey.folder / "codings" / f"{coder}.csv"


@pytest.fixture(scope="session")
def cleaned(market):
    """The interviews of the stall keepers."""
    return clean(read_answers(market), market).interviews


@pytest.fixture
def desk(tmp_path, cleaned):
    """A copy of the market survey to code in."""
    return Desk(read_survey(shutil.copytree(MARKET, tmp_path / "market")), cleaned)
