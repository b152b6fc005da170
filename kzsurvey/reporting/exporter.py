"""A notebook as one page of HTML that needs nothing else: no script, no other file, no other host.

Works inside the build and as ``jupyter nbconvert --to kzsurvey-html``. What the page must know beside the cells
(survey, language, whether answers are simulated) comes from the output of ``open_report``.
"""

import html
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from latex2mathml.converter import convert as mathml
from nbconvert.exporters.templateexporter import TemplateExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from traitlets import default
from traitlets.config import Config

from kzsurvey.reporting.context import EXPORTER_WORDS, MATERIAL, MIME
from kzsurvey.reporting.fonts import CHINESE, PUNCTUATION, embedded
from kzsurvey.reporting.words import FALLBACK, PROSE, direction, word

TEMPLATES = Path(__file__).with_name("templates")
LANGUAGE_TAG = re.compile(r"[a-z]{2,3}(-[A-Za-z]+)?")
NEEDS = "needs-"  # before the name of what the survey must have: codes, frame, measures, models
HEADING = re.compile(r"<h(?P<level>[1-6])>(?P<text>.*?)</h(?P=level)>", re.DOTALL)
MIMES = ("text/html", "text/markdown", "image/svg+xml", "image/png", "image/jpeg", "text/plain")


class Heading(NamedTuple):
    """One line of the table of contents."""

    level: int
    anchor: str
    text: str


class ReportExporter(TemplateExporter):
    """Reports as HTML: cells of one language, tables, figures, formulas and fonts inside, code left out."""

    export_from_notebook = "kzsurvey HTML"
    output_mimetype = "text/html"

    @default("file_extension")
    def _file_extension_default(self) -> str:
        return ".html"

    @default("template_name")
    def _template_name_default(self) -> str:
        return "kzsurvey"

    @default("template_file")
    def _template_file_default(self) -> str:
        return "index.html.j2"

    @default("extra_template_basedirs")
    def _extra_template_basedirs_default(self) -> list[str]:
        return [str(TEMPLATES)]

    @property
    def default_config(self) -> Config:
        """People's forms of an output before machines'."""
        own = Config({"NbConvertBase": {"display_data_priority": list(MIMES)}})
        own.merge(super().default_config)
        return own

    def default_filters(self) -> Iterator[tuple[str, Any]]:
        """Those of nbconvert, and Markdown with MathML in place of a script."""
        yield from super().default_filters()
        yield "markdown2html", markdown_html

    def from_notebook_node(
        self, nb: NotebookNode, resources: dict[str, Any] | None = None, **options: Any
    ) -> tuple[str, dict[str, Any]]:
        """Turn a notebook into a page.

        Parameters
        ----------
        nb : NotebookNode
            Executed. Left out are cells tagged with another language than the page's (``zh``), and cells tagged with
            something the survey has not (``needs-codes``).
        resources : dict
            Of nbconvert; ``metadata.name`` is the notebook's stem.

        Returns
        -------
        tuple of page and resources
        """
        page = page_facts(nb)
        kept = nb.copy()
        kept.cells = [cell for cell in nb.cells if _belongs(cell, page)]
        resources = {**(resources or {}), "kzsurvey": page}
        body, resources = super().from_notebook_node(kept, resources, **options)
        stem = resources.get("metadata", {}).get("name", "")
        return _finished(body, page, page["titles"].get(stem, "")), resources


def page_facts(notebook: NotebookNode) -> dict[str, Any]:
    """What the page must know of its report.

    Parameters
    ----------
    notebook : NotebookNode

    Returns
    -------
    dict
        As ``Report`` shows it, and ``prose``: the language of the page's prose - the report's own where the notebook
        has cells in it, else English; empty where the notebook has no language at all.
    """
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", ()))
    found = next((output["data"][MIME] for output in outputs if MIME in output.get("data", {})), {})
    language = found.get("language") or os.environ.get("KZ_LANGUAGE") or FALLBACK
    written = {tag for cell in notebook.cells for tag in _languages(cell)}
    prose = next((code for code in (language, FALLBACK) if code in written), min(written, default=""))
    words = {key: word(key, prose or FALLBACK) for key in EXPORTER_WORDS}
    facts = {"title": "", "simulated": False, "titles": {}, "has": list(MATERIAL), "words": words, **found}
    if prose and prose != language:
        facts["words"] = words  # they stand in the prose: "Table", "Figure", the skip link
    return {**facts, "language": language, "prose": prose, "direction": direction(prose or language)}


def markdown_html(source: str) -> str:
    """Markdown as HTML, formulas as MathML.

    Examples
    --------
    >>> markdown_html("**n** is $n$").removeprefix("<p><strong>n</strong> is ")[:5]
    '<math'
    """
    renderer = _Renderer(escape=False, exclude_anchor_links=True)
    return MarkdownWithMath(renderer=renderer).render(source).strip()


class _Renderer(IPythonRenderer):
    """Formulas become MathML while Markdown is read; before or after, Markdown would mangle them."""

    def inline_math(self, body: str) -> str:
        return mathml(body)

    def block_math(self, body: str) -> str:
        return f'<div class="kz-scroll" tabindex="0">{mathml(body, display="block")}</div>'


def _belongs(cell: NotebookNode, page: dict[str, Any]) -> bool:
    """Whether a cell is in the page's language, and about something that the survey has."""
    tags = cell.get("metadata", {}).get("tags", ())
    needs = {tag.removeprefix(NEEDS) for tag in tags if tag.startswith(NEEDS)}
    spoken = _languages(cell)
    return (not spoken or page["prose"] in ("", *spoken)) and needs <= set(page["has"])


def _languages(cell: NotebookNode) -> list[str]:
    """The languages a cell is for: its tags that look like a language; none means all."""
    return [tag for tag in cell.get("metadata", {}).get("tags", ()) if LANGUAGE_TAG.fullmatch(tag)]


def _finished(body: str, page: dict[str, Any], title: str) -> str:
    """The page with its headings numbered for links, its contents, its title and its font."""
    headings: list[Heading] = []

    def anchored(match: re.Match) -> str:
        level, text = int(match["level"]), match["text"].strip()
        if level == 1 and title:
            text = html.escape(title)
        headings.append(Heading(level, f"s{len(headings) + 1}", text))
        return f'<h{level} id="{headings[-1].anchor}">{text}</h{level}>'

    page_html = HEADING.sub(anchored, body)
    first = next((html.unescape(_plain(heading.text)) for heading in headings if heading.level == 1), page["title"])
    page_html = page_html.replace("<!--kz-title-->", html.escape(" · ".join(dict.fromkeys([first, page["title"]]))), 1)
    page_html = _with_contents(page_html, _contents(headings, page))
    page_html = "\n".join(line.rstrip() for line in page_html.splitlines()) + "\n"
    return page_html.replace("/*kz-font*/", _font_face(page_html, page["prose"] or page["language"]), 1)


def _contents(headings: Sequence[Heading], page: dict[str, Any]) -> str:
    """Links to the sections."""
    sections = [heading for heading in headings if heading.level == 2]
    if len(sections) < 2:
        return ""
    links = "\n".join(f'<li><a href="#{heading.anchor}">{_plain(heading.text)}</a></li>' for heading in sections)
    name = html.escape(page["words"]["contents"])
    return (
        f'<nav class="kz-contents" aria-label="{name}"><p class="kz-contents-head">{name}</p><ol>\n{links}\n</ol></nav>'
    )


def _with_contents(page_html: str, contents: str) -> str:
    """The contents before the first section, after the title and what introduces it."""
    section = page_html.rfind("<section", 0, max(page_html.find("<h2"), 0))
    return page_html if section < 0 or not contents else f"{page_html[:section]}{contents}\n{page_html[section:]}"


def _plain(text: str) -> str:
    return re.sub(r"<[^>]+>", "", text)


def _font_face(page_html: str, language: str) -> str:
    """The embedded font, in front of every other: a browser that meets it later keeps the boxes it has drawn.

    On a Chinese page its quotation marks and dashes are Chinese too; elsewhere they stay the reader's own.
    """
    first = PUNCTUATION if language.split("-")[0] == "zh" else CHINESE
    visible = html.unescape(re.sub(r'src="data:[^"]*"', "", page_html))
    uri = embedded(visible, first=first)
    if not uri:
        return ""
    span = f"U+{first:04X}-FFFF,U+10000-3FFFF"
    return f'@font-face{{font-family:"Kz Han";src:url({uri}) format("woff2");font-display:block;unicode-range:{span}}}'


__all__ = ["PROSE", "ReportExporter", "markdown_html", "page_facts"]
