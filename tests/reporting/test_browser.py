"""In a browser a page asks nobody for anything, complains of nothing, and fits a telephone."""

import shutil

import pytest

from kzsurvey.reporting import run_notebooks

CELLS = """
import pandas as pd
import kzsurvey as kz

report = kz.open_report("data/raw/kizilsu", language="zh")
report
"""
SHOW = """
wide = pd.DataFrame({f"column {number}": [1.5, 2.5] for number in range(14)}, index=pd.Index(["甲", "乙"], name="code"))
kz.table(wide, report, caption={"zh": "宽表", "en": "A wide table"})
rows = pd.DataFrame({"label": ["政策落不了地", "人手不足"], "estimate": [0.4, 0.2]}).assign(conf_low=0.1, conf_high=0.5)
kz.figure(rows, report, kind="dots", caption={"zh": "图", "en": "A figure"}, n=500)
"""
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "microsoft-edge")
WIDTHS = (390, 1280)

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser on this machine: none of {', '.join(BROWSERS)}")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield opened
        opened.close()


@pytest.fixture
def pages(built, tmp_path, notebook, warm):
    text = "## 一\n\n$\\sum_i w_i$\n\n## 二\n\n" + "很长的一段话，" * 40
    notebook(
        tmp_path / "notebooks" / "page.ipynb", ("code", CELLS), ("zh", text), ("en", "## A\n\n## B"), ("code", SHOW)
    )
    return run_notebooks(built, languages=["zh", "en"], progress=lambda line: None)


def test_a_page_makes_no_request_has_no_error_and_never_scrolls_sideways(browser, pages):
    for path in pages:
        for width in WIDTHS:
            page = browser.new_page(viewport={"width": width, "height": 900})
            requests, errors = [], []
            page.on("request", lambda request, seen=requests: seen.append(request.url))
            page.on("console", lambda message, seen=errors: seen.append(message.text))
            page.on("pageerror", lambda error, seen=errors: seen.append(str(error)))
            page.goto(path.as_uri())
            page.evaluate("document.fonts.ready")
            asked = [url for url in requests if not url.startswith(("data:", path.as_uri()))]
            assert (asked, errors) == ([], [])
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            page.close()


def test_chinese_is_laid_out_with_the_embedded_font(browser, pages):
    page = browser.new_page()
    page.goto(pages[0].as_uri())
    loaded = "document.fonts.ready.then(() => [...document.fonts].map(font => font.family + ' ' + font.status))"
    assert page.evaluate(loaded) == ["Kz Han loaded"]
    page.close()


def test_the_contents_lead_to_their_sections(browser, pages):
    page = browser.new_page(viewport={"width": 390, "height": 500})
    page.goto(pages[0].as_uri())
    page.get_by_role("link", name="二").click()
    assert page.evaluate("document.querySelector(location.hash).textContent") == "二"
    page.close()
