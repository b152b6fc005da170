"""There is always a Chinese font, or a sentence that says how to get one."""

import base64
from io import BytesIO
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont
from matplotlib import font_manager

from kzsurvey.errors import ReportError
from kzsurvey.reporting import fonts


def test_a_named_font_comes_first(monkeypatch):
    other = font_manager.findfont("DejaVu Sans")
    monkeypatch.setenv("KZ_FONT", other)
    assert fonts.chinese_font() == Path(other)


def test_a_named_file_that_is_no_font_is_refused(monkeypatch):
    monkeypatch.setenv("KZ_FONT", __file__)
    with pytest.raises(ReportError, match="no font file"):
        fonts.chinese_font()


def test_a_named_font_that_is_no_file_is_refused(monkeypatch):
    monkeypatch.setenv("KZ_FONT", "/no/such/font.otf")
    with pytest.raises(ReportError, match="KZ_FONT: found no file /no/such/font.otf"):
        fonts.chinese_font()


def test_without_the_package_a_font_of_the_system_serves(monkeypatch):
    monkeypatch.setattr(fonts, "PACKAGE", "no-such-package-of-fonts")
    monkeypatch.setattr(fonts, "SYSTEM", ("No Such Family", "DejaVu Sans"))
    assert fonts.chinese_font().name == "DejaVuSans.ttf"


def test_without_any_font_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setattr(fonts, "PACKAGE", "no-such-package-of-fonts")
    monkeypatch.setattr(fonts, "SYSTEM", ())
    with pytest.raises(ReportError, match="install no-such-package-of-fonts"):
        fonts.chinese_font()


def test_an_embedded_font_has_the_characters_of_the_text_and_a_space_and_no_others():
    uri = fonts.embedded("克州 abc 访谈")
    font = TTFont(BytesIO(base64.b64decode(uri.partition(",")[2])))
    assert set(font.getBestCmap()) == {0x20, *map(ord, "克州访谈")}


def test_the_same_text_gives_the_same_font():
    first = fonts.embedded("克孜勒苏")
    fonts._subset.cache_clear()
    assert fonts.embedded("苏勒孜克") == first


def test_quotation_marks_are_embedded_only_where_they_are_chinese():
    assert fonts.embedded("“ ”") == ""
    assert fonts.embedded("“ ”", first=fonts.PUNCTUATION) != ""
