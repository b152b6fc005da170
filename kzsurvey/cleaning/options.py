"""Answers to closed questions: which option was meant, by its name, its label in any language, or an alias.

A misspelt place is taken where one place of the form fits clearly better than every other, and never guessed.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd
from rapidfuzz import fuzz

from kzsurvey.cleaning.folding import fold, lookup, simplify, widths
from kzsurvey.cleaning.reading import POINT, SCRIPT, Read, refused, taken

CLEAR = ((70, 15), (65, 30))  # similarity, and how far every other place must be behind
DOUBTFUL_SCORE = 50
_MANY = re.compile(r"[┋|;；、,，\n]+")
_NUMBERING = re.compile(r"^(?:[(（]?[a-z0-9]{1,2}[.、)）:：]\s*)(?=\S)", re.IGNORECASE)
_ANNOTATION = re.compile(r"【[^】]*】|〖[^〗]*〗")
_SPECIFIED = re.compile(r"〖[^〗]*〗")
_MARKS = re.compile(r"[\s。．.!！,，'’\"“”\-–—_()（）·]+")
_PLACE_ENDING = re.compile(
    r"(?:维吾尔|柯尔克孜|塔吉克)?(?:民族|自治)*(?:市|县|区|乡|镇|村|社区|街道|street|county|city|town(?:ship)?|village)$"
)
_NAME = re.compile(r"\w+", re.ASCII)
_COUNTED = re.compile(r"[0-9一二三四五六七八九十]+")
_WHOLE_FLOAT = re.compile(r"(-?\d+)\.0+")


@dataclass(frozen=True)
class Options:
    """The options of a question, ready to be looked up.

    Attributes
    ----------
    names : tuple of str
        In the order of the form, each once.
    exact : dict of written form to name
        Names, labels and aliases as they stand.
    folded : dict of folded form to name
    written : frozenset of str
        Names and labels as they stand, also without spaces; aliases left out.
    forms : tuple of (folded form, name)
        All of them, for places.
    """

    names: tuple[str, ...]
    exact: dict[str, str]
    folded: dict[str, str]
    written: frozenset[str]
    forms: tuple[tuple[str, str], ...]


def options_of(choices: pd.DataFrame, languages: Collection[str]) -> Options:
    """Options from the rows of ``choices`` that belong to one question.

    Parameters
    ----------
    choices : DataFrame, one row per option, index ``name``
        Columns ``label_<language>`` and ``aliases``.
    languages : collection of str

    Returns
    -------
    Options
        A form that means two options is left out, it would be a guess. Names come before labels, labels before aliases.

    Examples
    --------
    >>> choices = pd.DataFrame({"label_zh": ["是", "否"], "aliases": [("对",), ()]}, index=["yes", "no"])
    >>> options_of(choices, ["zh"]).exact
    {'对': 'yes', '是': 'yes', '否': 'no', 'yes': 'yes', 'no': 'no'}
    """
    names = tuple(dict.fromkeys(choices.index))
    labels = [(label, name) for code in languages for name, label in choices[f"label_{code}"].items() if label]
    aliases = [(alias, name) for name, written in choices["aliases"].items() for alias in written]
    tiers = [aliases, labels, [(name, name) for name in names]]
    labelled = [(form, name) for tier in tiers[1:] for form, name in tier]
    exact: dict[str, str] = {}
    folded: dict[str, str] = {}
    for tier in tiers:
        exact |= lookup([("".join(form.split()), name) for form, name in tier]) | lookup(tier)
        folded |= lookup([(fold(form), name) for form, name in tier])
    named = frozenset(form for label, _ in labelled for form in (label, "".join(label.split())) if form in exact)
    forms = tuple(dict.fromkeys((fold(form), name) for tier in reversed(tiers) for form, name in tier if form))
    return Options(names, exact, folded, named, forms)


def read_option(text: str, options: Options) -> Read:
    """One option from one written answer.

    Examples
    --------
    >>> choices = pd.DataFrame({"label_zh": ["满意", "不满意"], "aliases": [(), ()]}, index=["4", "2"])
    >>> options = options_of(choices, ["zh"])
    >>> [read_option(text, options).value for text in ("满意", "4.0", "Ａ．不满意", "滿意 ")]
    ['4', '4', '2', '4']
    >>> read_option("一般", options).findings
    (('option_unknown', 'none of the options'),)
    """
    plain = text.strip()
    edges = () if plain == text else (("spacing", "spaces around the option"),)
    for form, habit in ((plain, ""), (simplify(plain), SCRIPT), (_WHOLE_FLOAT.sub(r"\1", plain), POINT)):
        if form in options.written:
            return taken(options.exact[form], *edges, ("option_form" if habit and not edges else "", habit))
    close = simplify("".join(plain.split()))
    if close in options.written:
        return taken(options.exact[close], ("spacing", "spaces inside the option"))
    for form, rule in _looser(plain):
        name = options.exact.get(form) or options.folded.get(form)
        if name is not None:
            return taken(name, ("option_form", rule))
    return refused("option_unknown", "none of the options")


def _looser(plain: str) -> list[tuple[str, str]]:
    """Looser ways to read an answer, with what is unusual about it."""
    folded = fold(plain)
    bare = fold(_NUMBERING.sub("", widths(_ANNOTATION.sub("", plain))))
    return [
        (plain, "another wording of the option"),
        (folded, "width, case, spaces or wording"),
        (fold(_SPECIFIED.sub("", plain)), "annotation"),
        (bare, "numbering or annotation"),
        (_MARKS.sub("", bare), "punctuation"),
    ]


def read_options(text: str, options: Options) -> Read:
    """Several options from one written answer, as names in the order of the form with a space between.

    A part that is none of the options is told, and the others stand; where none is an option nothing does. What people
    wrote into 〖〗 beside an option is no part of the answer.

    Examples
    --------
    >>> choices = pd.DataFrame({"label_zh": ["运动", "阅读"], "aliases": [(), ()]}, index=["sport", "books"])
    >>> read_options("阅读┋运动", options_of(choices, ["zh"])).value
    'sport books'
    >>> read_options("阅读┋钓鱼", options_of(choices, ["zh"]))
    Read(value='books', reason='', findings=(('option_unknown', 'none of the options: 钓鱼'),))
    """
    bare = _SPECIFIED.sub("", text)
    parts = _split(bare, options)
    reads = [read_option(part, options) for part in parts]
    wrong = [part.strip() for part, read in zip(parts, reads, strict=True) if read.value is None]
    rule = f"none of the options: {', '.join(wrong)}"
    chosen = {read.value for read in reads if read.value is not None}
    if wrong and not chosen:
        return refused("option_unknown", rule)
    beside = ("option_form" if bare != text else "", "what was written beside an option is left out")
    findings = dict.fromkeys(
        finding for read in reads if read.value for finding in read.findings if finding[0] != "spacing"
    )
    unknown = ("option_unknown" if wrong else "", rule)
    return taken(" ".join(name for name in options.names if name in chosen), *findings, beside, unknown)


def _split(text: str, options: Options) -> list[str]:
    """The parts of an answer: at separators, or at spaces where every part is an option's name."""
    plain = text.strip()
    if plain in options.exact or fold(plain) in options.folded:
        return [plain]
    words = plain.split()
    if all(word in options.exact for word in words):
        return words
    for pattern in (r"┋", r"[┋|;；\n]+", _MANY, r"[\s┋|;；、,，/]+"):
        parts = [part for part in re.split(pattern, plain) if part.strip()]
        if len(parts) > 1 and all(read_option(part, options).value is not None for part in parts):
            return parts
    parts = [part for part in _MANY.split(plain) if part.strip()]
    names = len(parts) == 1 and all(_NAME.fullmatch(word) for word in words) and set(words) & set(options.names)
    return words if names else parts


def read_place(text: str, options: Options, allowed: Collection[str]) -> Read:
    """A place of the form from one written answer.

    Parameters
    ----------
    text : str
    options : Options
        All places of the question.
    allowed : collection of str
        Names of those that lie where the answers before say; a misspelt name is looked for among these.

    Returns
    -------
    Read

    Notes
    -----
    Similarity is the normalised edit similarity (0-100) of folded forms, the better of with and without an ending such
    as 乡 or 村. A place is taken at 70 or more if every other place is 15 behind, at 65 if it is 30 behind (one
    character of three), only if numbers in both names are the same (二村 is never 三村), and never if it is short
    for several places.

    Examples
    --------
    >>> names, labels = ["akto", "akqi", "wuqia", "artux"], ["阿克陶县", "阿合奇县", "乌恰县", "阿图什市"]
    >>> choices = pd.DataFrame({"label_zh": labels, "aliases": [(), ("阿合其县",), (), ()]}, index=names)
    >>> options = options_of(choices, ["zh"])
    >>> read_place("阿合齐县", options, options.names)
    Read(value='akqi', reason='', findings=(('place_spelling', 'similarity 75, next 50'),))
    >>> read_place("阿县", options, options.names).findings[0][0]
    'place_doubtful'
    """
    read = read_option(text, options)
    if read.value is not None:
        rules = [rule for kind, rule in read.findings if kind == "option_form"]
        other = SCRIPT if rules == [SCRIPT] else "another name of the place"
        return taken(read.value, ("place_spelling", other)) if rules else read
    return _nearest(fold(_MARKS.sub("", widths(text))), options, allowed)


def _nearest(written: str, options: Options, allowed: Collection[str]) -> Read:
    """The place whose spelling is clearly nearest, or the finding that none is."""
    scores: dict[str, float] = {}
    for form, name in options.forms:
        if name in allowed and _COUNTED.findall(form) == _COUNTED.findall(written):
            scores[name] = max(scores.get(name, 0.0), _similarity(written, form))
    ranked = sorted(scores.values(), reverse=True) + [0.0, 0.0]
    best, second = ranked[:2]
    rule = f"similarity {best:.0f}, next {second:.0f}"
    if len(_shortened(written, options, allowed)) > 1:
        return refused("place_doubtful", "short for several places")
    if any(best >= score and best - second >= margin for score, margin in CLEAR):
        return taken(next(name for name in options.names if scores.get(name) == best), ("place_spelling", rule))
    return refused("place_doubtful" if best >= DOUBTFUL_SCORE else "place_unknown", rule)


def _shortened(written: str, options: Options, allowed: Collection[str]) -> set[str]:
    """Places of which the written name may be a short form: all its characters, in their order."""
    pattern = re.compile(".*".join(map(re.escape, _PLACE_ENDING.sub("", written))))
    return {name for form, name in options.forms if name in allowed and pattern.search(_PLACE_ENDING.sub("", form))}


def _similarity(written: str, form: str) -> float:
    """Edit similarity, the better of whole names and names without their endings."""
    bare_written, bare_form = _PLACE_ENDING.sub("", written), _PLACE_ENDING.sub("", form)
    whole = fuzz.ratio(written, form)
    return max(whole, fuzz.ratio(bare_written, bare_form)) if min(len(bare_written), len(bare_form)) >= 2 else whole
