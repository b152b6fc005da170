"""Open answers put together from clauses: which code each clause carries is known because it was asked for."""

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from kzsurvey.simulate.plan import OpenQuestion, Plan

LONGEST, LONGEST_JOINT = 580, 6
_NUMERALS = "一二三四五六七八九"


class Clause(NamedTuple):
    """One clause as written: the code it carries or denies (empty: none) and its words."""

    code: str
    words: str
    negated: bool


class Grammar(NamedTuple):
    """The grammar of a plan, ready for use.

    Attributes
    ----------
    templates : dict of (kind, code) to clauses with slots
        Kind: ``said``, ``denied``, ``aside``.
    words : dict of slot to its words
    joints : dict of kind to what joins clauses
    """

    templates: dict[tuple[str, str], list[str]]
    words: dict[str, list[str]]
    joints: dict[str, list[str]]


def grammar_of(plan: Plan) -> Grammar:
    """The tables of a plan as a grammar."""
    templates: dict[tuple[str, str], list[str]] = {}
    for kind, code, clause in zip(plan.clauses["kind"], plan.clauses["code"], plan.clauses["clause"], strict=True):
        templates.setdefault((kind, code), []).append(clause)
    return Grammar(templates, _lists(plan.slots, "slot"), _lists(plan.joints, "kind"))


def _lists(table: pd.DataFrame, key: str) -> dict[str, list[str]]:
    return {name: words.split("|") for name, words in zip(table[key], table["words"], strict=True)}


def write(
    plan: Plan,
    entry: OpenQuestion,
    codes: pd.DataFrame,
    interviews: pd.Index,
    generator: np.random.Generator,
    *,
    text: bool,
) -> tuple[pd.Series, pd.DataFrame]:
    """Write the answers to one open question.

    Parameters
    ----------
    plan : Plan
        Holds the grammar: clauses, slots, joints.
    entry : OpenQuestion
    codes : DataFrame, one row per interview
        One flag per code, and ``answered``.
    interviews : Index
    generator : numpy Generator
    text : bool
        False: no words, only which codes are named.

    Returns
    -------
    answers : Series of text, missing where the question has no answer
    mentions : DataFrame, one row per clause
    """
    if not text:
        return _unwritten(entry, codes, interviews)
    grammar, answers, found = grammar_of(plan), [], []
    names = codes.columns.drop("answered")
    flags, answered = codes[names].to_numpy(), codes["answered"].to_numpy()
    for interview, row, given in zip(interviews, flags, answered, strict=True):
        if not given:
            answers.append(None)
            continue
        named = list(names[row])
        clauses = _clauses(grammar, entry, named, generator)
        answer, places = _joined(grammar, clauses, generator)
        answers.append(answer)
        found += [
            (interview, entry.question, start, end, clause.code, clause.words, clause.negated)
            for clause, (start, end) in zip(clauses, places, strict=True)
        ]
    return pd.Series(answers, index=interviews, dtype="str"), no_mentions(found)


def _unwritten(entry: OpenQuestion, codes: pd.DataFrame, interviews: pd.Index) -> tuple[pd.Series, pd.DataFrame]:
    """No words, only which codes are named."""
    names = codes.columns.drop("answered")
    rows, columns = np.nonzero(codes[names].to_numpy())
    said = {"interview": interviews[rows], "question": entry.question, "start": 0, "end": 0}
    told = pd.DataFrame({**said, "code": names[columns], "clause": "", "negated": False})
    return pd.Series(None, index=interviews, dtype="str"), no_mentions().pipe(lambda none: told.astype(none.dtypes))


def no_mentions(rows: list[tuple] | None = None) -> pd.DataFrame:
    """Rows of the truth about open answers, typed; none by default."""
    columns = ["interview", "question", "start", "end", "code", "clause", "negated"]
    types = {"start": "int64", "end": "int64", "negated": "bool"}
    table = pd.DataFrame(rows or [], columns=columns)
    return table.astype({column: types.get(column, "str") for column in columns})


def clauses_of(plan: Plan, code: str, kind: str = "said") -> Iterator[str]:
    """Every clause the grammar can write for a code, in the order of the file (for counting them).

    Examples
    --------
    >>> clauses = pd.DataFrame({"code": ["A"], "kind": ["said"], "clause": ["{who} is {how}"]})
    >>> slots = pd.DataFrame({"slot": ["who", "how"], "words": ["he|she", "busy"]})
    >>> plan = Plan(clauses, 0.0, (), (), (), {}, clauses, slots)
    >>> list(clauses_of(plan, "A"))
    ['he is busy', 'she is busy']
    """
    grammar = grammar_of(plan)
    for template in grammar.templates.get((kind, code), []):
        yield from _expanded(template, grammar.words)


def _expanded(template: str, words: dict[str, list[str]]) -> Iterator[str]:
    """A template with all words in its first slot, and so on."""
    slot = re.search(r"\{(\w+)\}", template)
    if slot is None:
        yield template
        return
    for word in words[slot.group(1)]:
        yield from _expanded(template[: slot.start()] + word + template[slot.end() :], words)


def _clauses(grammar: Grammar, entry: OpenQuestion, named: list[str], generator) -> list[Clause]:
    """The clauses of one answer in the order they are said."""
    templates = grammar.templates
    chosen = [Clause(code, _filled(grammar, templates["said", code], generator), False) for code in named]
    denied = [code for kind, code in templates if kind == "denied" and code not in named and code in entry.codes]
    if denied and generator.random() < entry.negated:
        code = denied[generator.integers(len(denied))]
        chosen.append(Clause(code, _filled(grammar, templates["denied", code], generator), True))
    rambling = generator.random() < entry.long
    wanted = int(generator.integers(6, 25)) if rambling else int(not chosen or generator.random() < entry.aside)
    asides = list(generator.permutation(templates.get(("aside", ""), []))[:wanted])
    again = named * int(generator.integers(1, 4)) if rambling else []
    more = [("", [aside]) for aside in asides] + [(code, templates["said", code]) for code in again]
    chosen += [Clause(code, _filled(grammar, choices, generator), False) for code, choices in more]
    chosen = _short_enough(chosen)
    return [chosen[k] for k in generator.permutation(len(chosen))]


def _short_enough(clauses: list[Clause]) -> list[Clause]:
    """The clauses that fit into one answer, the first ones first; each has room for what joins it to the others."""
    length = np.cumsum([len(clause.words) + LONGEST_JOINT for clause in clauses])
    return [clause for clause, reached in zip(clauses, length, strict=True) if reached <= LONGEST]


def _filled(grammar: Grammar, templates: list[str], generator) -> str:
    """One template, each slot filled at random."""
    words = grammar.words
    template = templates[generator.integers(len(templates))]
    return re.sub(r"\{(\w+)\}", lambda slot: words[slot[1]][generator.integers(len(words[slot[1]]))], template)


def _joined(grammar: Grammar, clauses: list[Clause], generator) -> tuple[str, list[tuple[int, int]]]:
    """One answer, and where in it each clause stands."""
    joints = grammar.joints
    style = int(generator.integers(5))
    answer, places = _one(joints.get("opener", [""]), generator) if generator.random() < 0.4 else "", []
    for number, clause in enumerate(clauses):
        joint = _joint(joints, style, number, len(clauses), generator)
        start = len(answer) + len(joint)
        answer += joint + clause.words
        places.append((start, len(answer)))
    if generator.random() < 0.6:
        answer += _one(joints.get("end", ["。"]), generator)
    return answer, places


def _joint(joints: dict[str, list[str]], style: int, number: int, count: int, generator) -> str:
    """What stands before a clause: a numeral, a connective, or a stop."""
    stop = "" if number == 0 else _one(joints.get("stop", ["，"]), generator)
    if style == 0 and count > 1:
        return f"{stop}{number + 1}、"
    if style == 1 and count > 1:
        return f"{stop}{_NUMERALS[min(number, 8)]}是"
    if number and style == 2:
        return stop + _one(joints.get("connective", [""]), generator)
    return stop


def _one(words: list[str], generator) -> str:
    return words[generator.integers(len(words))]
