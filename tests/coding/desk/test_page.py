"""What the browser is given is whole: one script in one scope, every word in both languages, no address of anything."""

import re

from kzsurvey.coding.desk.codebook import initials
from kzsurvey.coding.desk.page import MODULES, STATIC, script, style, words


def test_every_module_is_joined_once_and_no_name_stands_twice():
    assert {path.stem for path in STATIC.glob("*.js")} == set(MODULES)
    names = re.findall(r"^(?:async )?(?:function|const|let|class) (\w+)", script(), re.MULTILINE)
    assert len(names) == len(set(names)) > 50
    assert not re.search(r"^import |^export (?!default)", script(), re.MULTILINE)


def test_modules_import_only_what_comes_before_them():
    for place, name in enumerate(MODULES):
        text = (STATIC / f"{name}.js").read_text(encoding="utf-8")
        assert set(re.findall(r'from "\./([a-z]+)\.js"', text)) <= set(MODULES[:place])


def test_every_word_that_the_desk_says_is_there_in_both_languages():
    said = set(re.findall(r'\bsay\("(\w+)"', script())) | set(re.findall(r'word: "(\w+)"', script()))
    for language in ("zh", "en"):
        assert said <= {key for key, text in words()[language].items() if text}
    assert words()["zh"].keys() == words()["en"].keys()


def test_nothing_is_fetched_and_no_text_becomes_markup():
    whole = script() + style()
    assert "://" not in whole
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|url\(", whole)


def test_initials_follow_the_word_a_character_stands_in():
    assert initials("任务繁重") == ["r", "w", "f", "z"]
    assert initials("重新编码") == ["c", "x", "b", "m"]
    assert initials("权、责（集中）A1") == ["q", "z", "j", "z", "a", "1"]
