"""A survey, its answers and its human codings as a project: no identifier goes out, nothing is left out unsaid."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from kzsurvey.coding.exchange.codebooks import NOTHING, codes_of, guid
from kzsurvey.coding.exchange.positions import quoted
from kzsurvey.coding.exchange.records import Project, project_of
from kzsurvey.errors import CodingError, Fault, fail_if
from kzsurvey.survey.sheets import listed, near

if TYPE_CHECKING:
    from kzsurvey.coding.codings import Codings
    from kzsurvey.survey import Survey

ADJUDICATOR = "adjudicator:"
TYPES = {"integer": "Integer", "decimal": "Float", "calculate": "Text", "date": "Date", "select_one": "Text"}
Rows = dict[str, list[dict]]


def survey_project(
    survey: "Survey",
    interviews: pd.DataFrame,
    codings: "Codings | None" = None,
    *,
    variables: Sequence[str] = (),
    language: str = "",
) -> Project:
    """A survey as a project: its codebook, its open answers, its human codings.

    Parameters
    ----------
    survey : Survey
    interviews : DataFrame, one row per interview
        From :func:`kzsurvey.cleaning.clean`: answers are screened, interviews have pseudonyms. Every answer to a
        question that has codes is a source; every interview is a case that holds its sources.
    codings : Codings, optional
        From :func:`kzsurvey.coding.read_codings`. Coders are users under the names that their files have.
    variables : sequence of str
        Closed questions to show beside each case; by default none.
    language : str
        Of names and labels; the survey's first when not given.

    Returns
    -------
    Project
        For :func:`write_qdpx` and :func:`write_qdc`; ``not_taken`` lists what a project has no place for.

    Raises
    ------
    CodingError
        A variable is not known, is not a closed question, or says directly who was interviewed.

    Notes
    -----
    A project lies in other hands beside the full words of each interview, so it says as little about people as it can:
    by default nothing, of the variables asked for none with sensitivity ``direct`` or ``special``, and of those with
    ``quasi`` only combinations that at least the survey's smallest publishable cell of interviews shares.

    Examples
    --------
    >>> from kzsurvey.survey import read_survey
    >>> survey = read_survey("tests/surveys/data/raw/market")
    >>> interviews = pd.DataFrame({"troubles": ["rent is high"]}, index=pd.Index(["v1"], name="interview"))
    >>> survey_project(survey, interviews)
    <Project 'market' of kzsurvey: 4 codes, 1 cases, 1 sources, 1 members, 2 not_taken>
    """
    language = language or next(iter(survey.languages))
    fail_if(_variable_faults(survey, variables), CodingError)
    answers = open_answers(survey, interviews)
    rows = _text_rows(survey, interviews, answers)
    shown, withheld = _shown(survey, interviews, variables)
    rows["variables"] = [_variable(survey, name, language) for name in variables]
    rows["variable_values"] = list(_values(survey, shown, language))
    rows["not_taken"] = withheld
    nothing = False
    if codings is not None:
        nothing = bool(codings.answers["nothing"].any())
        coded = _coded_rows(survey, answers, codings)
        rows |= {**coded, "not_taken": [*withheld, *coded["not_taken"]]}
    codes, rules_left = codes_of(survey, language, nothing=nothing)
    rows |= {"codes": codes, "not_taken": [*rules_left, *rows["not_taken"]]}
    about = {"name": survey.name, "origin": "kzsurvey", "description": survey.title.get(language, "")}
    return project_of(rows, **about)


def open_answers(survey: "Survey", interviews: pd.DataFrame) -> pd.Series:
    """The answers that have codes, interview by interview.

    Returns
    -------
    Series of str, one row per answer that says anything
        Index ``interview``, ``question``.
    """
    asked = dict.fromkeys(question for scheme in survey.schemes.values() for question in scheme.questions)
    columns = [question for question in asked if question in interviews]
    given = [
        (str(interview), question, str(text))
        for interview, texts in zip(interviews.index, interviews[columns].itertuples(index=False), strict=True)
        for question, text in zip(columns, texts, strict=True)
        if pd.notna(text) and text != ""
    ]
    answers = pd.DataFrame(given, columns=["interview", "question", "text"], dtype="str")
    return answers.set_index(["interview", "question"])["text"]


def source_name(interview: str, question: str) -> str:
    """What the source of an answer is called; other programs may change its guid, not this."""
    return f"{interview} {question}"


def source_guid(survey: "Survey", interview: str, question: str) -> str:
    """The guid of the source of an answer."""
    return guid(survey, "source", interview, question)


def _text_rows(survey: "Survey", interviews: pd.DataFrame, answers: pd.Series) -> Rows:
    """Sources, cases, and which sources are in which case."""
    sources, members = [], []
    for (interview, question), text in answers.items():
        one = source_guid(survey, interview, question)
        sources.append({"guid": one, "name": source_name(interview, question), "text": text})
        members.append({"case": guid(survey, "case", interview), "member": one})
    cases = [{"guid": guid(survey, "case", interview), "name": str(interview)} for interview in interviews.index]
    return {"sources": sources, "cases": cases, "members": members}


def _coded_rows(survey: "Survey", answers: pd.Series, codings: "Codings") -> Rows:
    """Users, passages, codings and memos."""
    here, known = answers.index, survey.codes.index
    spans = codings.spans[_pairs(codings.spans).isin(here)]
    lost = (spans["place"] == "lost") | ~spans["code"].isin(known)
    decided = codings.answers[codings.answers["nothing"] & _pairs(codings.answers).isin(here)]
    memos = codings.memos[_pairs(codings.memos).isin(here)]
    rows: Rows = {"passages": [], "codings": [], "notes": [], "note_refs": [], "not_taken": []}
    _add(rows, _lost_rows(codings, here, spans[lost]))
    spans = spans[~lost]
    whole = spans["start"].isna()
    _add(rows, _passage_rows(survey, answers, spans[~whole]))
    _add(rows, _whole_rows(survey, spans[whole]))
    _add(rows, _nothing_rows(survey, decided))
    _add(rows, _memo_rows(survey, answers, memos))
    names = sorted({_user(one) for table in (spans, memos, decided) for one in table.itertuples()})
    rows["users"] = [{"guid": guid(survey, "user", name), "name": name} for name in names]
    return rows


def _lost_rows(codings: "Codings", here: pd.MultiIndex, lost: pd.DataFrame) -> Iterator[tuple[str, dict]]:
    """What is known of codings and has no place any more, or only here."""
    for one in lost.itertuples():
        reason = f"code {one.code} of {_user(one)} on {one.interview} {one.question}, whose place is lost: {one.quote}"
        yield "not_taken", _left("Coding", reason)
    kinds = {"codings": codings.spans, "decisions": codings.answers, "memos": codings.memos}
    for kind, table in kinds.items():
        gone = table[~_pairs(table).isin(here)]
        for (interview, question), times in gone.groupby(["interview", "question"]).size().items():
            yield "not_taken", _left("Coding", f"{times} {kind} on {interview} {question}, an answer that is not there")
    if accepted := int((codings.spans["suggestion"] != "").sum()):
        yield "not_taken", _left("Coding", f"that {accepted} codings were accepted suggestions")
    if len(codings.rejected):
        yield "not_taken", _left("Coding", f"{len(codings.rejected)} suggestions that were rejected")


def _passage_rows(survey: "Survey", answers: pd.Series, spans: pd.DataFrame) -> Iterator[tuple[str, dict]]:
    """Codings on passages: the codes of one coder on the same words share a passage where they share the memo.

    A memo is the comment of its passage, because that is where most programs show it.
    """
    seen: set[str] = set()
    for one in spans.itertuples():
        user, place = _user(one), (one.interview, one.question, int(one.start), int(one.end))
        passage = guid(survey, "passage", *place, user, one.memo)
        if passage not in seen:
            seen.add(passage)
            yield "passages", _passage(survey, answers, place, passage, one)
        coding = {"guid": guid(survey, "coding", *place, user, one.code), "target": passage}
        yield (
            "codings",
            {**coding, "code": guid(survey, "code", one.code), "user": guid(survey, "user", user), "time": one.time},
        )


def _whole_rows(survey: "Survey", spans: pd.DataFrame) -> Iterator[tuple[str, dict]]:
    """Codings of whole answers, their memos as notes."""
    for one in spans.itertuples():
        user = _user(one)
        coding = guid(survey, "coding", one.interview, one.question, user, one.code)
        target = source_guid(survey, one.interview, one.question)
        stamps = {"user": guid(survey, "user", user), "time": one.time}
        yield "codings", {"guid": coding, "target": target, "code": guid(survey, "code", one.code), **stamps}
        if one.memo:
            note = guid(survey, "note", coding)
            yield "notes", {"guid": note, "name": f"{one.code}, {user}", "text": one.memo, **stamps}
            yield "note_refs", {"owner": coding, "note": note}


def _nothing_rows(survey: "Survey", decided: pd.DataFrame) -> Iterator[tuple[str, dict]]:
    """That an answer was read and no code applies is a code of its own on the whole answer."""
    for one in decided.itertuples():
        user = _user(one)
        coding = guid(survey, "coding", one.interview, one.question, user, NOTHING)
        target = source_guid(survey, one.interview, one.question)
        stamps = {"user": guid(survey, "user", user), "time": one.time}
        yield "codings", {"guid": coding, "target": target, "code": guid(survey, NOTHING), **stamps}


def _memo_rows(survey: "Survey", answers: pd.Series, memos: pd.DataFrame) -> Iterator[tuple[str, dict]]:
    """Memos that are not those of a coding: comments on a passage without a code, notes on a whole answer.

    A memo whose words are not found any more speaks of the whole answer.
    """
    for one in memos.itertuples():
        user, speaks = _user(one), f"{one.code}: {one.memo}" if one.code else one.memo
        if pd.notna(one.start):
            place = (one.interview, one.question, int(one.start), int(one.end))
            passage = guid(survey, "comment", *place, user, one.code, one.number)
            yield "passages", {**_passage(survey, answers, place, passage, one), "description": speaks}
            continue
        note = guid(survey, "note", one.interview, one.question, user, one.code, one.number)
        stamps = {"user": guid(survey, "user", user), "time": one.time}
        yield "notes", {"guid": note, "name": source_name(one.interview, one.question), "text": speaks, **stamps}
        yield "note_refs", {"owner": source_guid(survey, one.interview, one.question), "note": note}
        if one.place == "lost":
            place = (
                f"the place of a memo of {user} on {one.interview} {one.question}, which was written on: {one.quote}"
            )
            yield "not_taken", _left("Note", place)


def _passage(survey: "Survey", answers: pd.Series, place: tuple, passage: str, one: tuple) -> dict:
    interview, question, start, end = place
    words = quoted(answers[interview, question], start, end)
    stamps = {"user": guid(survey, "user", _user(one)), "time": one.time}
    source = source_guid(survey, interview, question)
    return {
        "guid": passage,
        "source": source,
        "start": start,
        "end": end,
        "name": words,
        "description": one.memo,
        **stamps,
    }


def _variable_faults(survey: "Survey", variables: Sequence[str]) -> Iterator[Fault]:
    questions = survey.questions
    closed = questions.index[questions["type"].isin(TYPES) & ~questions["sensitivity"].isin(["direct", "special"])]
    for name in variables:
        if name not in questions.index:
            yield Fault("variables", f"{name!r}", f"a closed question: {listed(closed)}", hint=near(name, closed))
        elif name not in closed:
            kind = questions.at[name, "sensitivity"]
            found = (
                f"{name}, which is {kind}" if kind in ("direct", "special") else f"{name}, which is no closed question"
            )
            yield Fault("variables", found, f"a closed question that names nobody: {listed(closed)}")


def _shown(survey: "Survey", interviews: pd.DataFrame, variables: Sequence[str]) -> tuple[pd.DataFrame, list[dict]]:
    """Values to show; those by which few interviews could be told apart are withheld, and it is said how many."""
    shown = interviews.reindex(columns=list(variables)).astype("object")
    telling = [name for name in variables if survey.questions.at[name, "sensitivity"] != "none"]
    if not telling:
        return shown, []
    sizes = shown.groupby(telling, dropna=False, sort=False)[telling[0]].transform("size")
    few = (sizes < survey.smallest_cell).to_numpy()
    shown.loc[few, telling] = None
    reason = (
        f"{', '.join(telling)} of {few.sum()} cases: fewer than {survey.smallest_cell} interviews share the combination"
    )
    return shown, [_left("VariableValue", reason)] if few.any() else []


def _variable(survey: "Survey", name: str, language: str) -> dict:
    kind = TYPES[survey.questions.at[name, "type"]]
    return {
        "guid": guid(survey, "variable", name),
        "name": name,
        "type": kind,
        "description": survey.label(name, language),
    }


def _values(survey: "Survey", shown: pd.DataFrame, language: str) -> Iterator[tuple[str, dict]]:
    for name in shown:
        labels: Mapping[str, str] = {}
        if survey.questions.at[name, "type"] == "select_one":
            labels = survey.offered(name)[f"label_{language}"].to_dict()
        for interview, value in shown[name].dropna().items():
            written = _written(value, TYPES[survey.questions.at[name, "type"]])
            owner = guid(survey, "case", interview)
            yield {"owner": owner, "variable": guid(survey, "variable", name), "value": labels.get(written) or written}


def _written(value: object, kind: str) -> str:
    """A value as XML writes it: a decimal number without an exponent, a day without its midnight."""
    if kind == "Date":
        return str(value)[:10]
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else f"{value:.10f}".rstrip("0")
    return str(value)


def _add(rows: Rows, more: Iterator[tuple[str, dict]]) -> None:
    for table, row in more:
        rows[table].append(row)


def _pairs(table: pd.DataFrame) -> pd.MultiIndex:
    return pd.MultiIndex.from_frame(table[["interview", "question"]])


def _user(one: tuple) -> str:
    return f"{ADJUDICATOR}{one.coder}" if one.role == "adjudicator" else one.coder


def _left(element: str, reason: str) -> dict:
    return {"element": element, "reason": reason}
