"""The encoding is judged by the text that comes out, and a doubt is told."""

import pytest

from kzsurvey.cleaning.encodings import commonness, decode

# Ordinary sentences that have nothing to do with the shipped survey.
SENTENCES = ("昨天晚上下了一场大雨", "他在图书馆看了两个小时的书", "这家饭店的面条很好吃", "火车晚点了二十分钟")
TRADITIONAL = ("昨天晚上下了一場大雨", "他在圖書館看了兩個小時的書", "這家飯店的麵條很好吃", "火車晚點了二十分鐘")


@pytest.mark.parametrize(
    ("encoding", "texts"),
    [
        ("gb18030", SENTENCES),
        ("big5hkscs", TRADITIONAL),
        ("utf-8", SENTENCES),
        ("utf-8-sig", TRADITIONAL),
        ("utf-16", SENTENCES),
    ],
)
def test_a_sentence_is_decoded_exactly_in_every_encoding_of_chinese(encoding, texts):
    for text in texts:
        decoded = decode(f"id,answer\n1,{text}\n".encode(encoding))
        assert decoded.text == f"id,answer\n1,{text}\n"
        assert not decoded.doubtful


def test_one_answer_in_a_file_of_ascii_is_enough():
    data = ("id,answer\n" + "1,plain\n" * 500).encode() + "2,这家饭店的面条很好吃\n".encode("gb18030")
    assert decode(data).encoding == "gb18030"


def test_japanese_and_umlauts_are_not_read_as_chinese():
    assert decode("名前,答え\n1,カタカナとひらがな\n".encode("cp932")).encoding == "cp932"
    assert decode("Straße,Müller wohnt in Köln\n".encode("cp1252")).encoding == "cp1252"


def test_utf16_without_a_mark_is_found_and_doubted():
    decoded = decode("id,name\n1,two\n".encode("utf-16-le"))
    assert decoded == ("id,name\n1,two\n", "utf-16-le", True)


def test_a_few_broken_bytes_leave_utf8_what_it_is_but_are_a_doubt():
    data = "这家饭店的面条很好吃，".encode() * 20 + b"\xe4\xb8" + b"\n"
    assert decode(data).encoding == "utf-8"
    assert decode(data).doubtful


def test_the_words_of_the_form_decide_a_close_race():
    name = "库兰萨日克"
    assert decode(name.encode("gb18030"), words=[name]).text == name


def test_plain_text_has_no_commonness():
    assert commonness("plain") == 0
