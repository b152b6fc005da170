"""Which option was meant, and what a wrong conversion left of a text."""

import pandas as pd
import pytest

from kzsurvey.cleaning.damage import mend, readings
from kzsurvey.cleaning.options import options_of, read_option, read_options, read_place

CHOICES = pd.DataFrame(
    {
        "label_zh": ["满意", "党组（县市）", "其他"],
        "label_en": ["Yes", "Group", "Other"],
        "aliases": [("蛮好", "ok"), (), ()],
    },
    index=["1", "2", "other"],
)
OPTIONS = options_of(CHOICES, ["zh", "en"])


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("1", "1", None),
        ("满意", "1", None),
        ("Yes", "1", None),
        ("党组（县市）", "2", None),
        ("满意　", "1", "spacing"),
        ("满 意", "1", "spacing"),
        ("滿意", "1", "option_form"),
        ("1.0", "1", "option_form"),
        ("１", "1", "option_form"),
        ("YES", "1", "option_form"),
        ("党组(县市)", "2", "option_form"),
        ("蛮好", "1", "option_form"),
        ("A、满意", "1", "option_form"),
        ("满意。", "1", "option_form"),
        ("其他【请注明】〖吃饭〗", "other", "option_form"),
        ("一般", None, "option_unknown"),
        ("3", None, "option_unknown"),
    ],
)
def test_an_option_is_known_by_name_label_and_alias(text, value, kind):
    read = read_option(text, OPTIONS)
    assert read.value == value
    assert [found for found, _ in read.findings] == ([kind] if kind else [])


def test_a_wording_of_two_options_is_none():
    choices = pd.DataFrame({"label_zh": ["是", "不是"], "aliases": [("对",), ("对",)]}, index=["y", "n"])
    assert read_option("对", options_of(choices, ["zh"])).value is None


@pytest.mark.parametrize(
    "text", ["other 1", "其他┋满意", "满意;其他", "满意、其他", "1,other", "Yes|Other", "蛮好\n其他"]
)
def test_several_options_are_split_at_every_usual_sign(text):
    assert read_options(text, OPTIONS).value == "1 other"


@pytest.mark.parametrize("text", ["满意┋吃饭", "吃饭;满意", "1 meals"])
def test_of_several_options_the_known_stand_and_the_unknown_is_told(text):
    read = read_options(text, OPTIONS)
    assert (read.value, read.reason) == ("1", "")
    assert [kind for kind, _ in read.findings] == ["option_unknown"]
    assert read_options("吃饭┋睡觉", OPTIONS).reason == "invalid"


@pytest.mark.parametrize("label", ["其他", "其他【请注明】"])
def test_what_stands_beside_an_option_is_no_part_of_the_answer(label):
    choices = pd.DataFrame({"label_zh": ["满意", label], "aliases": [(), ()]}, index=["1", "other"])
    read = read_options("满意┋其他【请注明】〖宠物、鱼〗", options_of(choices, ["zh"]))
    assert read.value == "1 other"
    assert {kind for kind, _ in read.findings} == {"option_form"}
    assert read_option("其他【请注明】〖宠物〗", options_of(choices, ["zh"])).value == "other"


VILLAGES = pd.DataFrame(
    {"label_zh": ["红柳滩村", "红柳湾村", "第二村", "第三村", "托云牧场"], "aliases": [()] * 5},
    index=["a", "b", "c", "d", "e"],
)
PLACES = options_of(VILLAGES, ["zh"])


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("红柳滩村", "a", None),
        ("红柳摊村", None, "place_doubtful"),
        ("托云木场", "e", "place_spelling"),
        ("第五村", None, "place_unknown"),
        ("北京", None, "place_unknown"),
    ],
)
def test_a_misspelt_place_is_taken_only_where_one_is_clearly_nearest(text, value, kind):
    read = read_place(text, PLACES, PLACES.names)
    assert (read.value, [found for found, _ in read.findings]) == (value, [kind] if kind else [])


def test_the_answer_before_narrows_what_a_misspelt_place_can_be():
    assert read_place("红柳摊村", PLACES, ["a", "e"]).value == "a"


SENTENCE = "我们村里人手不够，任务太重，检查太多"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("gb18030", "latin-1"), ("utf-8", "latin-1"), ("gb18030", "big5hkscs"), ("big5hkscs", "gb18030")],
)
def test_an_exact_way_back_restores_the_text(right, wrong):
    sentence = "我們村裡人手不夠" if right == "big5hkscs" else "我们村里人手不够"
    damaged = sentence.encode(right).decode(wrong, "replace")
    if damaged.encode(wrong, "replace").decode(right, "replace") == sentence:
        assert mend(damaged).text == sentence
        assert mend(damaged).rule
    else:
        assert mend(damaged).text is None


@pytest.mark.parametrize(
    "text", [SENTENCE, "plain English", "Müller", "Айбек иштейт", "ئۇيغۇر", "翡翠", "", "好", "25 °C"]
)
def test_sound_text_in_any_script_is_left_alone(text):
    assert mend(text) == (text, "")


@pytest.mark.parametrize("text", ["????", "锟斤拷锟斤拷锟斤拷", SENTENCE.encode().decode("ascii", "replace")])
def test_what_is_gone_is_lost(text):
    assert mend(text).text is None


def test_one_lost_character_in_a_long_answer_is_a_warning():
    text = SENTENCE.replace("重", "\ufffd")
    assert mend(text) == (text, "a few characters are lost")


def test_a_half_destroyed_conversion_is_lost_but_can_be_searched():
    damaged = (SENTENCE + "。13800138000").encode().decode("gb18030", "replace")
    assert mend(damaged).text is None
    assert any("13800138000" in reading for reading in readings(damaged))
