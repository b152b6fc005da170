"""The codebook as a page that coders read: what a code means, when it is used and when not, how often it was named."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from kzsurvey.errors import Fault, ReportError
from kzsurvey.reporting.words import direction, pick, word
from kzsurvey.survey.sheets import listed

if TYPE_CHECKING:
    from kzsurvey.survey import Survey

KINDS = ("markdown", "html")
DEEPEST = 6  # headings that HTML has
_SIGNS = re.compile(r"([\\`*_\[\]<>#|])")
_STYLE = """
body{font:1rem/1.6 system-ui,"Noto Sans CJK SC","Microsoft YaHei","PingFang SC",sans-serif;
color:#1a1a1a;background:#fff;margin:0 auto;max-width:46rem;padding:2rem 1rem}
h1{font-size:1.7rem;margin:0 0 .5rem}h2{font-size:1.35rem;border-bottom:2px solid #1a1a1a;margin:2.5rem 0 1rem}
h3{font-size:1.15rem;margin:2rem 0 .5rem}h4,h5,h6{font-size:1rem;margin:1.5rem 0 .3rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.3rem 1rem;margin:.5rem 0}
dt{font-weight:600;color:#444}dd{margin:0}
ul{margin:0;padding-inline-start:1.2rem}
.mark{border:1px solid #8a5a00;color:#6b4500;padding:.3rem .6rem}
a{color:#0b4f8a}@media(max-width:30rem){dl{grid-template-columns:1fr;gap:0}dd{margin-bottom:.5rem}}
"""


class Part(NamedTuple):
    """A heading and what stands below it.

    Attributes
    ----------
    level : int
    title : str
    mark : str, what links to it name; may be empty
    text : str
    facts : tuple of (word, lines)
    """

    level: int
    title: str
    mark: str = ""
    text: str = ""
    facts: tuple[tuple[str, tuple[str, ...]], ...] = ()


def codebook_page(
    survey: "Survey", *, language: str | None = None, mentions: pd.DataFrame | None = None, to: str = "markdown"
) -> str:
    """Write the codebook of a survey as a page.

    Parameters
    ----------
    survey : Survey
    language : language code, optional
        One of the survey's; its first where not given. What the codebook has in one language only is given in that one.
    mentions : DataFrame, one row per mention, optional
        Those that stand are counted: in how many interviews a code, or one below it, was named. Counts below the
        survey's smallest cell are not told.
    to : {"markdown", "html"}

    Returns
    -------
    str
        The whole page; the HTML page needs no other file.

    Raises
    ------
    ReportError
        The survey has no codebook, or not this language.

    Examples
    --------
    >>> from kzsurvey.survey import read_survey
    >>> page = codebook_page(read_survey("tests/surveys/data/raw/market"), language="en")
    >>> [line for line in page.splitlines() if line.startswith("#")]  # doctest: +NORMALIZE_WHITESPACE
    ['# Codebook: Interviews with stall keepers', '## Troubles', '### T1 Money', '#### T1.1 High rent',
     '### T2 Few customers']
    """
    language = language or next(iter(survey.languages))
    if language not in survey.languages:
        raise ReportError(Fault("survey.toml", f"language {language!r}", listed(survey.languages), column="languages"))
    if survey.codes.empty:
        raise ReportError(Fault("codes.csv", "no codes", "a codebook"))
    if to not in KINDS:
        raise ValueError(f"to={to!r}: allowed are {', '.join(KINDS)}")
    parts = list(_parts(survey, language, mentions))
    return _markdown(parts) if to == "markdown" else _html(parts, survey, language)


def _parts(survey: "Survey", language: str, mentions: pd.DataFrame | None) -> Iterator[Part]:
    """The page, heading by heading."""
    say = _speaker(survey, language)
    title = say("page_codebook", title=pick(survey.title, language) or survey.name)
    version = int(survey.steps["version"].max()) if len(survey.steps) else 1
    yield Part(1, title, text=say("page_version", version=version))
    counts = None if mentions is None else _counts(mentions, survey)
    for name, scheme in survey.schemes.items():
        asked = say("separator").join(survey.label(question, language) for question in scheme.questions)
        yield Part(2, pick(scheme.title, language) or name, name, say("page_questions", questions=asked))
        codes = survey.codes[survey.codes["scheme"] == name]
        for code, depth in _in_order(codes):
            yield _code(codes.loc[code], depth, survey, language, counts)
    if len(survey.steps):
        yield Part(2, say("page_changes"), "changes")
        for number, steps in survey.steps.groupby("version", sort=False):
            told = tuple(_step(step, say) for step in steps.to_dict("records"))
            yield Part(3, say("page_version", version=number), facts=(("", told),))


def _speaker(survey: "Survey", language: str) -> Callable[..., str]:
    """Words of one language, with their blanks filled."""
    return lambda key, **blanks: word(key, language, survey).format(**blanks)


def _in_order(codes: pd.DataFrame) -> Iterator[tuple[str, int]]:
    """Codes as a tree is read, each with its depth."""
    below = codes.groupby("parent", sort=False).groups

    def walk(parent: str, depth: int) -> Iterator[tuple[str, int]]:
        for code in below.get(parent, ()):
            yield code, depth
            yield from walk(code, depth + 1)

    yield from walk("", 0)


def _code(row: pd.Series, depth: int, survey: "Survey", language: str, counts: pd.Series | None) -> Part:
    """One code: its name and definition, when it is used, what is said, how often."""
    say = _speaker(survey, language)
    name, definition = (
        pick({code: row[f"{base}_{code}"] for code in survey.languages}, language) for base in ("name", "definition")
    )
    lines = {key: map(str.strip, row[key].splitlines()) for key in ("use_when", "not_when", "example")}
    told = {key: tuple(filter(None, each)) for key, each in lines.items()}
    facts = tuple((say(key), each) for key, each in told.items() if each)
    count = "" if counts is None else _told(int(counts[row.name]), survey.smallest_cell, say)
    text = definition if not count else f"{definition}\n{count}".strip()
    return Part(min(3 + depth, DEEPEST), f"{row.name} {name}".strip(), f"code-{row.name}", text, facts)


def _counts(mentions: pd.DataFrame, survey: "Survey") -> pd.Series:
    """In how many interviews each code, or one below it, was named."""
    parents = {code: parent for code, parent in survey.codes["parent"].items() if parent}
    level = mentions.loc[mentions["stands"].astype(bool), ["interview", "code"]]
    levels = [level]
    while len(level := level.assign(code=level["code"].map(parents)).dropna(subset="code")):
        levels.append(level)
    named = pd.concat(levels).drop_duplicates()
    return named["code"].value_counts().reindex(survey.codes.index, fill_value=0)


def _told(count: int, smallest: int, say: Callable[..., str]) -> str:
    """A count, or that it is small."""
    if not count:
        return say("page_count_none")
    return say("page_count_few", smallest=smallest) if count < smallest else say("page_count", n=count)


def _step(step: Mapping[str, str], say: Callable[..., str]) -> str:
    """One step of the codebook in words."""
    key = f"step_{step['step']}"
    if step["step"] == "redefine" and step["into"]:
        key = f"{key}_{step['into']}"
    elif step["step"] == "move" and not step["into"]:
        key = f"{key}_top"
    told = say(key, code=step["code"], into=say("separator").join(step["into"].split()))
    who = ", ".join(filter(None, (step["who"], step["when"])))
    reason = say("page_reason", reason=step["reason"]) if step["reason"] else ""
    return say("separator").join(filter(None, (told, reason, who)))


def _markdown(parts: Sequence[Part]) -> str:
    """The page in Markdown."""
    lines: list[str] = []
    for part in parts:
        lines += ["#" * part.level + " " + _plain(part.title), ""]
        lines += [line for text in part.text.splitlines() for line in (_plain(text), "")]
        for name, told in part.facts:
            head = f"**{_plain(name)}** " if name else ""
            lines += [f"- {head}{_plain(told[0])}"] if len(told) == 1 and name else []
            lines += [f"- {head}".rstrip()] * bool(name and len(told) > 1)
            indent = "  " if name else ""
            lines += [f"{indent}- {_plain(line)}" for line in told if not name or len(told) > 1]
        lines += [""] * bool(part.facts)
    return "\n".join(lines).rstrip("\n") + "\n"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is."""
    return _SIGNS.sub(r"\\\1", " ".join(text.split()))


def _html(parts: Sequence[Part], survey: "Survey", language: str) -> str:
    """The page in HTML, with a list of contents."""
    say = _speaker(survey, language)
    contents = f'<nav aria-label="{escape(say("contents"))}">{_contents(parts)}</nav>'
    mark = f'<p class="mark">{escape(say("simulated_mark"))}</p>' if survey.simulated else ""
    first, *rest = (_part_html(part) for part in parts)
    body = "\n".join([first, mark, contents, *rest])
    head = (
        f'<meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(parts[0].title)}</title><style>{_STYLE}</style>"
    )
    return (
        f'<!DOCTYPE html>\n<html lang="{escape(language)}" dir="{direction(language)}"><head>{head}</head>\n'
        f"<body><main>\n{body}\n</main></body></html>\n"
    )


def _contents(parts: Sequence[Part]) -> str:
    """Links to the schemes, and below each to the codes at its top."""
    made = ""
    for part in parts:
        link = f'<a href="#{escape(part.mark)}">{_bdi(part.title)}</a>'
        if part.level == 2:
            made += f"{'</ul></li>' if made else ''}<li>{link}<ul>"
        elif part.level == 3 and part.mark:
            made += f"<li>{link}</li>"
    return f"<ul>{made}</ul></li></ul>".replace("<ul></ul>", "")


def _part_html(part: Part) -> str:
    """One heading and what stands below it."""
    mark = f' id="{escape(part.mark)}"' if part.mark else ""
    heading = f"<h{part.level}{mark}>{_bdi(part.title)}</h{part.level}>"
    text = "".join(f"<p>{_bdi(line)}</p>" for line in part.text.splitlines())
    named = "".join(f"<dt>{_bdi(name)}</dt><dd>{_lines_html(told)}</dd>" for name, told in part.facts if name)
    plain = "".join(_lines_html(told, always=True) for name, told in part.facts if not name)
    return heading + text + (f"<dl>{named}</dl>" if named else "") + plain


def _lines_html(lines: Sequence[str], *, always: bool = False) -> str:
    if len(lines) == 1 and not always:
        return _bdi(lines[0])
    return f"<ul>{''.join(f'<li>{_bdi(line)}</li>' for line in lines)}</ul>"


def _bdi(text: str) -> str:
    """Text that keeps its own direction, whatever the page's is."""
    return f'<bdi dir="auto">{escape(text)}</bdi>'
