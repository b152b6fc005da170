"""Rules with negation over many answers: our speed beside pyahocorasick and plain Python, on the same answers.

    .venv/bin/python benchmarks/rules.py [--answers 100000] [--phrases 6] [--peers FOLDER]

``--peers`` names the site-packages of an environment that has pyahocorasick, which is no dependency of the project;
where it is not found the script says so. CPU time of one process (``time.process_time``); every way codes the same
answers with the same dictionary: strings that the shipped codebook needs, code by code. Each is made ready before the
clock starts.

- ``kzsurvey``: :func:`kzsurvey.coding.code_texts`.
- ``pyahocorasick``: the automaton finds phrases, Python does the rest with our functions: same codes, same places.
- ``pyahocorasick, simple``: a negation word in the six characters before a phrase denies it; no clauses, no contest.
- ``re``: one regular expression of all phrases per code, Python for the rest as above.
- ``shipped``: the whole shipped codebook, 428 long expressions, without and with its weighted phrases.
"""

import argparse
import random
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from time import process_time

import pandas as pd

from kzsurvey.coding import code_texts, compile_rules, fold
from kzsurvey.coding.rules.negation import denied
from kzsurvey.coding.rules.text import clause, clause_borders
from kzsurvey.survey import Survey, read_survey

ROOT = Path(__file__).parents[1]
SHIPPED = ROOT / "data" / "raw" / "kizilsu"
NEGATIONS = re.compile("不|没|未|无|非|别")


def main() -> None:
    """Print one line for each way, and whether the codes agree."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--answers", type=int, default=100_000)
    options.add_argument("--length", type=int, default=200)
    options.add_argument("--peers", type=Path)
    options.add_argument("--phrases", type=int, default=6, help="of each code, at most")
    options.add_argument("--seed", type=int, default=1)
    chosen = options.parse_args()
    if chosen.peers:
        sys.path.append(str(chosen.peers))
    shipped = read_survey(SHIPPED, check_delivered=False)
    phrases = dictionary(shipped, chosen.phrases)
    answers = made_up_answers(chosen.answers, chosen.length, chosen.seed)
    characters = sum(map(len, answers))
    print(
        f"{len(answers)} answers, {characters} characters, "
        f"{sum(map(len, phrases.values()))} phrases of {len(phrases)} codes"
    )
    ways = {"kzsurvey": ours(shipped, phrases), "re": with_re(phrases), **with_automaton(phrases)}
    seconds, found = {}, {}
    for name, way in ways.items():
        began = process_time()
        found[name] = way(answers)
        seconds[name] = process_time() - began
    print(f"{sum(map(len, found['kzsurvey'])) / len(answers):.1f} codes in an answer")
    for name, took in seconds.items():
        agree = [[one[:3] for one in our] == their for our, their in zip(found["kzsurvey"], found[name], strict=True)]
        same = 1.0 if name == "kzsurvey" else sum(agree) / len(answers)
        print(
            f"{name:24} {took:7.2f} s CPU {characters / took / 1e6:7.2f} Mchar/s  "
            f"{took / seconds['kzsurvey']:5.2f} x ours  {same:.2%} of answers with the same codes in the same places"
        )
    for name, rules in whole_codebook(shipped).items():
        some = answers[: max(len(answers) // 25, 1)]
        began = process_time()
        code_texts(some, rules)
        took = process_time() - began
        print(f"{name:24} {took:7.2f} s CPU {sum(map(len, some)) / took / 1e6:7.2f} Mchar/s  ({len(some)} answers)")


def dictionary(survey: Survey, most: int) -> dict[str, list[str]]:
    """Phrases of two characters or more, code by code: strings of which the expressions of the codebook need one."""
    phrases: dict[str, list[str]] = {}
    seen: set[str] = set()
    for scheme in compile_rules(survey).schemes.values():
        for rule in scheme:
            needed = [one for line in rule.patterns for both in line.needs or () for one in sorted(both[0])]
            fresh = [one for one in dict.fromkeys(needed) if len(one) > 1 and one not in seen]
            seen.update(fresh)
            phrases[rule.code] = fresh[:most]
    return {code: several for code, several in phrases.items() if several}


def made_up_answers(count: int, length: int, seed: int) -> list[str]:
    """Answers of one length, put together from the sentences that teach the codebook."""
    sentences = pd.read_csv(SHIPPED / "sentences.csv")["sentence"].tolist()
    draw = random.Random(seed)
    answers = []
    for _ in range(count):
        answer = ""
        while len(answer) < length:
            answer += draw.choice(sentences) + draw.choice("，。；")
        answers.append(answer[:length])
    return answers


def ours(survey: Survey, phrases: dict[str, list[str]]) -> Callable:
    """The rule language, one phrase a line."""
    codes = survey.codes.loc[list(phrases)].assign(
        pattern=["\n".join(several) for several in phrases.values()], exclude="", parent="", scheme="all"
    )
    plain = replace(survey, codes=codes, lexicon=survey.lexicon.iloc[:0], phrases=survey.phrases.iloc[:0], schemes={})
    rules = compile_rules(plain)
    code_texts(["不缺人手"], rules)  # the index is made on first use
    return lambda answers: code_texts(answers, rules)


def whole_codebook(survey: Survey) -> dict:
    """The shipped rules: expressions alone, and with the weighted phrases."""
    rules = compile_rules(survey)
    named = {"shipped expressions": replace(rules, phrases=None), "shipped, with weights": rules}
    for one in named.values():
        code_texts(["不缺人手"], one)
    return named


def with_re(phrases: dict[str, list[str]]) -> Callable:
    """One regular expression per code, the longest phrases first."""
    patterns = {
        code: re.compile("|".join(map(re.escape, sorted(several, key=len, reverse=True))))
        for code, several in phrases.items()
    }
    fold_one = folder()

    def matches(text: str) -> Iterator[tuple[int, int, str]]:
        for code, pattern in patterns.items():
            for one in pattern.finditer(text):
                yield *one.span(), code

    return lambda answers: [standing(text, list(matches(text))) for text in map(fold_one, answers)]


def with_automaton(phrases: dict[str, list[str]]) -> dict[str, Callable]:
    """An Aho-Corasick automaton in C, where there is one."""
    try:
        import ahocorasick
    except ImportError:
        print("pyahocorasick: not found (--peers names an environment that has it)")
        return {}
    automaton = ahocorasick.Automaton()
    for code, several in phrases.items():
        for phrase in several:
            automaton.add_word(phrase, (len(phrase), code))
    automaton.make_automaton()
    fold_one = folder()

    def full(answers: list[str]) -> list:
        found = []
        for answer in answers:
            text = fold_one(answer)
            matches = [(end + 1 - length, end + 1, code) for end, (length, code) in automaton.iter(text)]
            found.append(standing(text, matches))
        return found

    def simple(answers: list[str]) -> list:
        found, denies = [], NEGATIONS.search
        for answer in answers:
            text = fold_one(answer)
            found.append(
                [
                    (end + 1 - length, end + 1, code)
                    for end, (length, code) in automaton.iter(text)
                    if not denies(text, max(end - length - 5, 0), end + 1 - length)
                ]
            )
        return found

    return {"pyahocorasick": full, "pyahocorasick, simple": simple}


def folder() -> Callable[[str], str]:
    """Traditional to simplified and wide to narrow by one table, as one would with str.translate."""
    every = [chr(number) for number in range(0x20, 0x10000) if not 0xD800 <= number < 0xE000]
    table = {ord(one.original): one.text for one in fold(every) if one.text != one.original}
    return lambda text: text.translate(table)


def standing(text: str, matches: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """The longest of overlapping matches of one code, what nothing denies, and the longest of several codes."""
    if not matches:
        return []
    kept: list[tuple[int, int, str]] = []
    for one in sorted(matches, key=lambda match: (match[0] - match[1], match[0])):
        if not any(one[2] == other[2] and one[0] < other[1] and other[0] < one[1] for other in kept):
            kept.append(one)
    borders = clause_borders(text)
    said = [one for one in kept if not denied(text, one[0], one[1], clause(text, borders, one[0], one[1]))]
    return sorted(
        one
        for one in said
        if not any(
            other[2] != one[2] and other[0] < one[1] and one[0] < other[1] and other[1] - other[0] > one[1] - one[0]
            for other in said
        )
    )


if __name__ == "__main__":
    main()
