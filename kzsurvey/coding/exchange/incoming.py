"""Codings of a project as codings of a survey: every passage is found again in the answer, or it is listed."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from kzsurvey.coding.exchange.carrying import Carrier, alike, carried, carrier
from kzsurvey.coding.exchange.codebooks import NO_CODE, Coded, codebook_of
from kzsurvey.coding.exchange.outgoing import ADJUDICATOR, open_answers, source_guid, source_name
from kzsurvey.coding.exchange.records import Project, frame_of
from kzsurvey.errors import CodingError, Fault, fail_if
from kzsurvey.survey.sheets import listed, near

if TYPE_CHECKING:
    from kzsurvey.survey import Survey

COLUMNS = {
    "coder": "str", "role": "str", "action": "str", "interview": "str", "question": "str",
    "start": "Int64", "end": "Int64", "code": "str", "memo": "str", "time": "str",
}  # fmt: skip
LONGEST_CODER = 40
ALIKE = 0.5  # share of two texts that must be the same before one is taken for the other, changed


class Incoming(NamedTuple):
    """What a project says about the answers of a survey.

    Attributes
    ----------
    codings : DataFrame, one row per action
        ``coder``, ``role``, ``action`` (add, nothing, memo), ``interview``, ``question``, ``start``, ``end`` (code
        points in the answer as in ``interviews``; missing for the whole answer), ``code``, ``memo``, and the ``time``
        that the project says.
    not_taken : DataFrame
        As in :class:`Project`: its rows, and those of what has no place in a survey.
    """

    codings: pd.DataFrame
    not_taken: pd.DataFrame


def survey_codings(
    project: Project,
    survey: "Survey",
    interviews: pd.DataFrame,
    *,
    coder: str = "",
    sources: Mapping[str, tuple[str, str]] | None = None,
) -> Incoming:
    """The codings of a project, on the answers of a survey.

    Parameters
    ----------
    project : Project
        From :func:`read_qdpx`; of this survey, coded further in another program.
    survey : Survey
    interviews : DataFrame, one row per interview
        From :func:`kzsurvey.cleaning.clean`.
    coder : str
        Whose codings they are to be; by default those of the project's users, under their names as far as names of
        coders allow.
    sources : mapping of guid of a source to (interview, question), optional
        Where the answers are called otherwise than :func:`survey_project` calls them, and are these texts for sure,
        whatever was screened in them.

    Returns
    -------
    Incoming

    Raises
    ------
    CodingError
        Codes that the codebook does not have; sources that are no answers of the survey, with codings on them; texts
        that are another answer altogether. All of them at once; nothing is guessed.

    Notes
    -----
    Where the text of a source is not that of the answer (line ends, something screened since), passages are carried
    over along what both have in common, and listed if their own words differ.
    """
    answers = open_answers(survey, interviews)
    found = _sources(project, survey, answers) if sources is None else sources
    carriers = _carriers(project, found, answers)
    coded = codebook_of(project)
    faults = [*_source_faults(project, found, carriers), *_code_faults(project, survey, coded, found)]
    fail_if(faults, CodingError)
    users = _coders(project, coder)
    rows = [*_coding_rows(project, coded, users), *_memo_rows(project, users)]
    kept, left = _placed(rows, project, found, carriers, answers, sure=sources is not None)
    kept, beside = _distinct(kept)
    table = pd.DataFrame({name: pd.Series([row[name] for row in kept], dtype=kind) for name, kind in COLUMNS.items()})
    left = [*project.not_taken.to_dict("records"), *left, *beside, *_unused_rows(project)]
    return Incoming(table, frame_of("not_taken", left))


def coder_name(user: str, taken: Mapping[str, str] | None = None) -> str:
    """A name that a file of codings can have, made of a user's; with a number where another user has it.

    Examples
    --------
    >>> coder_name("Li Ming (Kashgar)"), coder_name("  "), coder_name("li", {"u1": "LI"})
    ('Li_Ming_Kashgar', 'coder', 'li_2')
    """
    plain = re.sub(r"[^\w-]+", "_", user).strip("_-")[: LONGEST_CODER - 4] or "coder"
    others = {name.lower() for name in (taken or {}).values()}
    name, number = plain, 2
    while name.lower() in others:
        name, number = f"{plain}_{number}", number + 1
    return name


def _sources(project: Project, survey: "Survey", answers: pd.Series) -> dict[str, tuple[str, str]]:
    """Which answer each source is: by its guid, or by its name, to which programs add an ending."""
    by_guid = {source_guid(survey, *one): one for one in answers.index}
    by_name = {source_name(*one): one for one in answers.index}
    found = {}
    for one, name in project.sources["name"].items():
        place = (
            by_guid.get(one) or by_name.get(name) or by_name.get(re.sub(r"\.(txt|docx|rtf|odt|pdf)$", "", name.strip()))
        )
        found |= {one: place} if place else {}
    return found


def _carriers(project: Project, found: Mapping[str, tuple[str, str]], answers: pd.Series) -> dict[str, Carrier | None]:
    """How to get from each source to its answer, where their texts differ."""
    texts = project.sources["text"].to_dict()
    known = [one for one in found if one in texts and found[one] in answers.index and pd.notna(texts[one])]
    return {
        one: None if texts[one] == answers[found[one]] else carrier(texts[one], answers[found[one]]) for one in known
    }


def _source_faults(
    project: Project, found: Mapping[str, tuple[str, str]], carriers: Mapping[str, Carrier | None]
) -> Iterator[Fault]:
    """Sources with something on them that are no answers, or whose text is that of another answer."""
    sources, file = project.sources, project.name or "project"
    commented = sources.index[sources["description"] != ""]
    used = {*project.passages["source"], *project.codings["target"], *project.note_refs["owner"], *commented}
    for one, name in sources["name"].items():
        if one in used and one not in carriers:
            place = " ".join(found.get(one, ()))
            lost = f"source {name!r}, whose answer {place} is empty now" if place else f"source {name!r}"
            yield Fault(file, lost, "an answer of the survey, under the name it was exported with")
        elif one in used and carriers[one] and carriers[one].shared < ALIKE:
            found_text = f"source {name!r} with another text than the answer {' '.join(found[one])}"
            yield Fault(file, found_text, "the text that was exported")


def _code_faults(
    project: Project, survey: "Survey", coded: Coded, found: Mapping[str, tuple[str, str]]
) -> Iterator[Fault]:
    """Codes that were given and that the codebook does not have, or not for that question."""
    file, known = project.name or "project", [*survey.codes.index, NO_CODE]
    for one, times in project.codings["code"].value_counts(sort=False).items():
        code = coded.by_guid.get(one)
        if code not in known:
            allowed = "a code of codes.csv" if code else "a code, not the heading of a scheme"
            hint = near(code or "", known) or "add it to codes.csv, or take its codings off"
            yield Fault(file, f"code {project.codes.at[one, 'name']!r}, given {times} times", allowed, hint=hint)
    schemes = survey.codes["scheme"].to_dict()
    of_passages = project.passages["source"].to_dict()
    given = zip(project.codings["target"], project.codings["code"], strict=True)
    pairs = {(found.get(of_passages.get(target, target)), coded.by_guid.get(code)) for target, code in given}
    for place, code in sorted(pair for pair in pairs if pair[0] and pair[1] in schemes):
        questions = survey.schemes[schemes[code]].questions
        if place[1] not in questions:
            yield Fault(file, f"code {code} on {' '.join(place)}", f"an answer to {listed(questions)}")


def _coders(project: Project, coder: str) -> dict[str, tuple[str, str]]:
    """For each user, the name and the role of a coder; nobody is a coder too."""
    if coder:
        return dict.fromkeys(["", *project.users.index], (coder, "coder"))
    names: dict[str, str] = {}
    used = {"", *project.codings["user"], *project.passages["user"], *project.notes["user"], *project.sources["user"]}
    users: dict[str, tuple[str, str]] = {}
    for one in ["", *project.users.index]:
        if one not in used:
            continue
        name = project.users.at[one, "name"] if one else ""
        role = "adjudicator" if name.startswith(ADJUDICATOR) else "coder"
        plain = name.removeprefix(ADJUDICATOR)
        same = {other: taken for other, taken in names.items() if users[other][1] == role}
        names[one] = coder_name(plain, same)
        users[one] = (names[one], role)
    return users


def _coding_rows(project: Project, coded: Coded, users: Mapping[str, tuple[str, str]]) -> Iterator[dict]:
    """Codes that were given, each with the memos of its passage and its own."""
    notes = _notes_of(project)
    passages = {one.Index: one for one in project.passages.itertuples()}
    for one in project.codings.itertuples():
        passage = passages.get(one.target)
        user = one.user or (passage.user if passage else "")
        name, role = users.get(user, users[""])
        code = coded.by_guid[one.code]
        place = (
            {"source": passage.source, "start": passage.start, "end": passage.end}
            if passage
            else {"source": one.target}
        )
        said = [passage.description, *notes.get(one.target, ())] if passage else []
        memo = "\n".join(filter(None, [*said, *notes.get(one.Index, ())]))
        doing = {"action": "nothing", "code": ""} if code == NO_CODE else {"action": "add", "code": code}
        time = one.time or (passage.time if passage else "")
        yield {
            "coder": name,
            "role": role,
            **doing,
            "memo": memo,
            "time": time,
            "element": "Coding",
            "guid": one.Index,
            **place,
        }


def _memo_rows(project: Project, users: Mapping[str, tuple[str, str]]) -> Iterator[dict]:
    """Comments on passages without a code, and on whole answers."""
    notes, coded = _notes_of(project), set(project.codings["target"])
    nothing = {"action": "memo", "code": ""}
    for one in project.passages.itertuples():
        memo = "\n".join(filter(None, [one.description, *notes.get(one.Index, ())]))
        if one.Index not in coded and memo:
            name, role = users.get(one.user, users[""])
            place = {"source": one.source, "start": one.start, "end": one.end, "element": "PlainTextSelection"}
            yield {"coder": name, "role": role, **nothing, "memo": memo, "time": one.time, "guid": one.Index, **place}
    for one in project.sources[project.sources["description"] != ""].itertuples():
        name, role = users.get(one.user, users[""])
        place = {"source": one.Index, "element": "TextSource", "guid": one.Index}
        yield {"coder": name, "role": role, **nothing, "memo": one.description, "time": one.time, **place}
    refs = project.note_refs[project.note_refs["owner"].isin(project.sources.index)]
    for one in refs.itertuples():
        note = project.notes.loc[one.note]
        name, role = users.get(note["user"], users[""])
        place = {"source": one.owner, "element": "Note", "guid": one.note}
        yield {"coder": name, "role": role, **nothing, "memo": note["text"], "time": note["time"], **place}


def _placed(
    rows: Iterable[dict],
    project: Project,
    found: Mapping[str, tuple[str, str]],
    carriers: Mapping[str, Carrier | None],
    answers: pd.Series,
    *,
    sure: bool,
) -> tuple[list[dict], list[dict]]:
    """Rows on their answers; what has no place there, as rows of what was not taken."""
    texts = project.sources["text"].to_dict()
    kept, left = [], []
    for row in rows:
        source, place = row["source"], found[row["source"]]
        whole = {**row, "interview": place[0], "question": place[1], "start": pd.NA, "end": pd.NA}
        if "start" not in row:
            kept.append(whole)
            continue
        start, end = carried(carriers[source], row["start"], row["end"])
        told, reason = _same_words(
            texts[source][row["start"] : row["end"]], answers[place][start:end], place, sure=sure
        )
        left += [_left(row, reason)] if reason else []
        kept += [{**whole, "start": start, "end": end}] if told else []
    return kept, left


def _same_words(words: str, there: str, place: tuple[str, str], *, sure: bool) -> tuple[bool, str]:
    """Whether a passage can stand where it was carried to, and what is to be said of it."""
    where = " ".join(place)
    if words == there and words:
        return True, ""
    if not there or (not sure and alike(words, there) < ALIKE):
        return False, f"its words are not in the answer {where}"
    return True, f"kept, but its words in the answer {where} are not quite those it was given to"


def _distinct(rows: list[dict]) -> tuple[list[dict], list[dict]]:
    """One code on one passage by one coder is one coding; a further memo on it is a memo; codes are not nothing."""
    seen: dict[tuple, set[str]] = {}
    distinct, left, coded = [], [], {_answer(row) for row in rows if row["action"] == "add"}
    for row in rows:
        if row["action"] == "nothing" and _answer(row) in coded:
            left.append(_left(row, f"that no code applies to {row['interview']} {row['question']}, beside codes"))
            continue
        key = (*_answer(row), *(str(row[name]) for name in ("action", "start", "end", "code")))
        first = key not in seen
        memos = seen.setdefault(key, set())
        if first or (row["memo"] and row["memo"] not in memos):
            distinct.append(row if first else {**row, "action": "memo"})
        memos.add(row["memo"])
    return distinct, left


def _answer(row: Mapping[str, object]) -> tuple:
    return row["coder"], row["role"], row["interview"], row["question"]


def _unused_rows(project: Project) -> Iterator[dict]:
    """What stands in a project and neither gives a code nor comments an answer."""
    placed = project.note_refs[~project.note_refs["owner"].isin(["", *project.codes.index])]["note"]
    for one in project.notes[~project.notes.index.isin(placed)].itertuples():
        yield {"element": "Note", "guid": one.Index, "name": one.name, "reason": f"a memo on no answer: {one.text}"}
    said = {*project.codings["target"], *project.note_refs["owner"]}
    for one in project.passages[project.passages["description"] == ""].itertuples():
        if one.Index not in said:
            reason = "a passage with neither a code nor a comment"
            yield {"element": "PlainTextSelection", "guid": one.Index, "name": one.name, "reason": reason}
    if len(project.codings):
        yield {"element": "Coding", "reason": "the time of each coding: it becomes that of the import"}


def _notes_of(project: Project) -> dict[str, list[str]]:
    """The texts of the memos of each owner."""
    texts = project.notes["text"].to_dict()
    found: dict[str, list[str]] = {}
    for owner, note in project.note_refs.itertuples(index=False):
        found.setdefault(owner, []).append(texts[note])
    return found


def _left(row: Mapping[str, object], reason: str) -> dict[str, object]:
    told = f"{reason}; the comment on it: {row['memo']}" if row["memo"] else reason
    return {"element": row["element"], "guid": row["guid"], "name": row["code"], "reason": told}
