"""A page of a report stands alone: its language, its formulas, its font, and nothing from anywhere else."""

import re
import subprocess
import sys
from html.parser import HTMLParser

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from kzsurvey.reporting import ReportExporter
from kzsurvey.reporting.context import MIME, Report
from kzsurvey.reporting.exporter import markdown_html, page_facts

VOID = {"meta", "img", "br", "link", "hr", "input", "mspace", "wbr"}


class Outline(HTMLParser):
    """Every element in order, and those left open."""

    def __init__(self, page):
        super().__init__()
        self.open, self.found = [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def elements(self, tag):
        return [attributes for name, attributes in self.found if name == tag]


def prose(language, text):
    cell = new_markdown_cell(text, id=f"{language}{len(text)}")
    cell.metadata["tags"] = [language] if language else []
    return cell


def exported(*cells, stem="page", **facts):
    shown = {"language": "en", "title": "Orchards", "simulated": True, **facts}
    head = new_code_cell("report", id="head", outputs=[new_output("display_data", {MIME: shown, "text/plain": ""})])
    notebook = new_notebook(cells=[head, *cells])
    return ReportExporter().from_notebook_node(notebook, {"metadata": {"name": stem}})[0]


def test_a_page_has_the_cells_of_its_language_and_those_for_all():
    page = exported(prose("zh", "# 果园"), prose("en", "# Orchard"), prose("", "For all."))
    assert "Orchard</h1>" in page
    assert "For all." in page
    assert "果园" not in page


def test_a_cell_about_something_the_survey_has_not_is_left_out():
    cell = prose("en", "About codes.")
    cell.metadata["tags"] += ["needs-codes"]
    assert "About codes." in exported(cell, has=["codes", "models"])
    assert "About codes." not in exported(cell, has=["models"])


@pytest.mark.parametrize(
    ("language", "lang", "direction"), [("zh", "zh", "ltr"), ("ar", "ar", "rtl"), ("fr", "en", "ltr")]
)
def test_the_page_says_its_language_and_direction_and_falls_back_on_english(language, lang, direction):
    page = exported(prose("zh", "果园"), prose("en", "Orchard"), prose("ar", "بستان"), language=language)
    attributes = Outline(page).elements("html")[0]
    assert (attributes["lang"], attributes["dir"]) == (lang, direction)


def test_without_a_report_in_it_a_notebook_is_still_a_page(monkeypatch):
    monkeypatch.delenv("KZ_LANGUAGE", raising=False)
    page, _ = ReportExporter().from_notebook_node(new_notebook(cells=[prose("", "Plain text.")]))
    assert "Plain text." in page
    assert "simulated" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)


def test_a_page_is_well_formed_and_its_headings_are_linked():
    page = exported(prose("en", "# Title & all"), prose("en", "## One"), prose("en", "## Two\n\n### Deeper"))
    outline = Outline(page)
    assert outline.open == []
    links = [attributes["href"] for attributes in outline.elements("a")]
    targets = {attributes.get("id") for _, attributes in outline.found}
    assert {link.removeprefix("#") for link in links} <= targets
    assert [link for link in links if link != "#content"] == ["#s2", "#s3"]
    assert "<title>Title &amp; all · Orchards</title>" in page


def test_one_section_needs_no_contents():
    assert "kz-contents" not in exported(prose("en", "## One")).split("</style>")[1]


def test_the_survey_may_name_the_page():
    page = exported(prose("en", "# Of the notebook"), titles={"page": "Of the survey <1>"})
    assert "Of the survey &lt;1&gt;</h1>" in page
    assert "Of the notebook" not in page


def test_simulated_answers_are_called_so_at_the_top_and_at_the_foot_until_they_are_real():
    assert exported(prose("en", "Text."), simulated=True).count('role="note"') == 1
    assert 'role="note"' not in exported(prose("en", "Text."), simulated=False)


def test_a_page_asks_no_other_host_and_has_no_script():
    page = exported(prose("en", "# T\n\n$x_i^2$\n\n$$\\sum_i w_i$$"), prose("en", "汉字"))
    outline = Outline(page)
    assert outline.elements("script") == outline.elements("link") == outline.elements("iframe") == []
    assert not re.search(r"(src|href)=\"(?!#|data:)", page)
    assert not re.search(r"url\((?!data:)", page)


def test_formulas_are_mathml_inline_and_as_a_block():
    html = markdown_html("a $x_1$ b\n\n$$\\sum_i w_i$$")
    assert html.count("<math") == 2
    assert 'display="block"' in html
    assert "$" not in html


def test_the_font_comes_first_and_only_where_it_is_needed():
    assert "@font-face" not in exported(prose("en", "Latin only."))
    page = exported(prose("zh", "汉字"), language="zh")
    assert re.search(r'@font-face\{font-family:"Kz Han";src:url\(data:font/woff2;base64,', page)
    assert 'font-family:"Kz Han",' in page
    assert "unicode-range:U+2000-FFFF" in page
    assert "unicode-range:U+2E80-FFFF" in exported(prose("en", "汉字"))


def test_code_and_warnings_are_left_out_and_every_kind_of_output_is_kept():
    outputs = [
        new_output("stream", name="stderr", text="a warning"),
        new_output("stream", name="stdout", text="printed <1>"),
        new_output("execute_result", {"text/html": "<p>result</p>", "text/plain": "plain twin"}),
        new_output("display_data", {"text/markdown": "*said*"}),
        new_output("display_data", {"image/png": "iVBORw0KGgo=", "text/plain": "a picture"}),
        new_output("display_data", {"image/jpeg": "/9j/4AAQ", "text/plain": "a photo"}),
        new_output("display_data", {"image/svg+xml": "<svg></svg>"}),
        new_output("display_data", {"text/plain": "only <text>"}),
        new_output("error", ename="ValueError", evalue="no <such>", traceback=[]),
    ]
    page = exported(new_code_cell("secret = 1", id="c", outputs=outputs))
    for text in (
        "printed &lt;1&gt;",
        "<p>result</p>",
        "<em>said</em>",
        'alt="a picture"',
        "image/jpeg;base64,/9j/4AAQ",
    ):
        assert text in page
    for text in ("<svg></svg>", "only &lt;text&gt;", "ValueError: no &lt;such&gt;"):
        assert text in page
    for text in ("secret", "a warning", "plain twin"):
        assert text not in page


def test_the_facts_of_a_page_come_from_what_the_report_shows(report):
    bundle = Report(report.survey, "zh")._repr_mimebundle_()
    shown = new_code_cell("report", id="a", outputs=[new_output("execute_result", bundle)])
    facts = page_facts(new_notebook(cells=[shown, prose("zh", "文")]))
    assert (facts["language"], facts["prose"], facts["simulated"]) == ("zh", "zh", True)
    assert facts["words"]["contents"] == "目录"
    assert facts["titles"] == {"page": "果园报告"}


def test_nbconvert_knows_the_exporter_by_name(tmp_path):
    path = tmp_path / "page.ipynb"
    nbformat.write(new_notebook(cells=[prose("", "# 果园")]), path)
    command = [sys.executable, "-m", "nbconvert", "--to", "kzsurvey-html", str(path)]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path)
    assert "果园</h1>" in path.with_suffix(".html").read_text(encoding="utf-8")
