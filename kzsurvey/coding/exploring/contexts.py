"""Words in their context: every place of a phrase, a rule or a code, with what stands before and behind it.

Lines show what people said and not who they are: no identifier, and no combination of traits that few have.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from kzsurvey.coding.rules.deciding import read_text
from kzsurvey.coding.rules.expressions import make_matcher, matches
from kzsurvey.coding.rules.rules import Rules, compile_rules
from kzsurvey.coding.rules.text import fold
from kzsurvey.errors import CodingError, Fault, fail_if
from kzsurvey.survey.literals import either
from kzsurvey.survey.patterns import read_line
from kzsurvey.survey.sheets import listed, near

if TYPE_CHECKING:
    from kzsurvey.survey import Survey

SORTS = {
    "right": lambda line: (line["right"], line["words"], line["left"][::-1]),
    "left": lambda line: (line["left"][::-1], line["words"], line["right"]),
    "words": lambda line: (line["words"], line["right"], line["left"][::-1]),
}
_PRIVATE = ("direct", "special")


def concordance(
    interviews: pd.DataFrame,
    survey: "Survey",
    wanted: "str | pd.DataFrame",
    *,
    questions: Sequence[str] = (),
    columns: Sequence[str] = (),
    width: int = 15,
    sort: str = "right",
    rules: Rules | None = None,
) -> pd.DataFrame:
    """Keyword in context: each place where something is said, with the words around it.

    Parameters
    ----------
    interviews : DataFrame, one row per interview
    survey : Survey
    wanted : str or DataFrame
        A line of the rule language of codes.csv: a phrase, a regular expression, a code (``@C1.2``: where its patterns
        match) or all of these with operators. It counts where it is denied too; write STATED in front for the others.
        Or rows of the table ``mentions``: the places where somebody, or the rules, gave a code.
    questions : names of open questions; all open questions that codes are given to where none is named
    columns : names of questions to show beside
        Traits of the interview. Where fewer interviews than the survey's smallest cell share all of them, they are left
        empty.
    width : int, characters shown on either side
    sort : {"right", "left", "words"}
        By what follows, by what precedes (from the place backwards), by the words themselves.
    rules : Rules, optional
        From :func:`compile_rules`; compiled here when not given and needed.

    Returns
    -------
    DataFrame, one row per place
        ``question``, ``left``, ``words``, ``right``, then ``columns``. The id of the interview is not among them.

    Raises
    ------
    CodingError
        A rule that cannot be read, a question that is not an open one, a column that identifies people.

    Examples
    --------
    >>> from kzsurvey.survey import read_survey
    >>> survey = read_survey("data/raw/kizilsu")
    >>> said = pd.DataFrame({"open_causes": ["村里人手不够", "乡里人手缺", "人手少"]}, index=["a", "b", "c"])
    >>> concordance(said, survey, "人手", width=4)[["left", "words", "right"]].to_dict("list")
    {'left': ['村里', '', '乡里'], 'words': ['人手', '人手', '人手'], 'right': ['不够', '少', '缺']}
    """
    asked = dict.fromkeys(name for one in survey.schemes.values() for name in one.questions if name in interviews)
    questions = list(questions or asked)
    fail_if(_faults(interviews, survey, questions, columns, width, sort), CodingError)
    if isinstance(wanted, str):
        places = _places(interviews, survey, wanted, questions, rules)
    else:
        places = wanted.loc[wanted["question"].isin(questions), ["interview", "question", "start", "end"]]
        places = places.itertuples(index=False, name=None)
    traits = _traits(interviews, columns, survey.smallest_cell)
    lines = []
    for interview, question, start, end in places:
        text = str(interviews.at[interview, question])
        around = {
            "left": text[max(start - width, 0) : start],
            "words": text[start:end],
            "right": text[end : end + width],
        }
        lines.append({"question": question, **around, **{name: traits.at[interview, name] for name in columns}})
    lines.sort(key=SORTS[sort])
    table = pd.DataFrame(lines, columns=["question", "left", "words", "right", *columns])
    return table.astype(dict.fromkeys(["question", "left", "words", "right"], "str"))


def _places(
    interviews: pd.DataFrame, survey: "Survey", wanted: str, questions: Sequence[str], rules: Rules | None
) -> Iterator[tuple[object, str, int, int]]:
    """Where a line of the rule language matches."""
    words = survey.lexicon["pattern"].to_dict()
    line = read_line(wanted, words=words, codes=survey.codes.index, mood="MENTIONED")
    fail_if((Fault("concordance", *problem[:2], hint=problem.hint) for problem in line.problems), CodingError)
    rules = compile_rules(survey) if rules is None else rules
    families = rules.families
    matcher = make_matcher(
        line, lambda code: either(one.needs for rule in families[code] for one in rule.patterns), mood="MENTIONED"
    )
    for question in questions:
        given = interviews[question].dropna().astype(str)
        folded = {one.original: one for one in fold(given.unique())}
        found = {text: matches(matcher, read_text(one.text, rules)) for text, one in folded.items()}
        for interview, text in given.items():
            for one in sorted(dict.fromkeys(found[text])):
                yield interview, question, *folded[text].span(one.start, one.end)


def _traits(interviews: pd.DataFrame, columns: Sequence[str], smallest: int) -> pd.DataFrame:
    """Traits to be shown; those of few interviews are empty."""
    traits = interviews[list(columns)]
    if not len(traits.columns):
        return traits
    alike = traits.groupby(list(columns), dropna=False, observed=True)[traits.columns[0]].transform("size")
    return traits.astype("object").where(alike >= smallest, other=None)


def _faults(
    interviews: pd.DataFrame, survey: "Survey", questions: Sequence[str], columns: Sequence[str], width: int, sort: str
) -> Iterator[Fault]:
    """What cannot be shown, or must not be."""
    kinds, sensitivity = survey.questions["type"], survey.questions["sensitivity"]
    people = {survey.interview.get(role) for role in ("id", "respondent", "interviewer")}
    for name in questions:
        if kinds.get(name) != "text" or name in people or sensitivity.get(name) in _PRIVATE or name not in interviews:
            open_ = [one for one in kinds.index[kinds == "text"] if one in interviews and one not in people]
            yield Fault(
                "concordance", f"question {name!r}", f"an open question: {listed(open_)}", hint=near(name, open_)
            )
    for name in columns:
        if name not in interviews:
            yield Fault(
                "concordance", f"column {name!r}", "a column of interviews", hint=near(name, interviews.columns)
            )
        elif name in people or sensitivity.get(name) in _PRIVATE or kinds.get(name) == "text":
            yield Fault("concordance", f"column {name!r}, which can tell who said it", "traits that many share")
    if sort not in SORTS:
        yield Fault("concordance", f"sort {sort!r}", listed(SORTS), hint=near(sort, SORTS))
    if width < 0:
        yield Fault("concordance", f"width {width}", "0 or more characters")
