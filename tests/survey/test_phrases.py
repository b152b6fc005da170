"""sentences.csv and phrases.csv: what is wrong in them is named with its row."""

import pytest

from kzsurvey.errors import DefinitionError
from kzsurvey.survey import definition_faults, read_survey
from kzsurvey.survey.phrases import read_sentences

HEAD = "code,phrase,weight\n,(pattern),2\n,(first),0\n,(further),1\n,(any),-1\n"


def phrase_faults(market, text):
    (market / "phrases.csv").write_text(text, encoding="utf-8")
    return [str(fault) for fault in definition_faults(market)]


def test_phrases_that_are_sound_are_read(market):
    assert phrase_faults(market, HEAD + "T2,客,1.5\n") == []
    assert read_survey(market).phrases["weight"].tolist() == [2, 0, 1, -1, 1.5]


def test_every_fault_of_the_phrases_is_named_with_its_row(market):
    said = phrase_faults(market, HEAD + "T2,客,heavy\nT9,人,1\nT2,少,1\nT2,少,2\n")
    assert [fault.split(":")[0] for fault in said] == [
        "phrases.csv, row 6, column weight",
        "phrases.csv, row 7, column code",
        "phrases.csv, row 9, column phrase",
    ]


def test_phrases_without_their_settings_ask_to_be_taught_again(market):
    said = phrase_faults(market, "code,phrase,weight\nT2,客,1\n")
    assert len(said) == 1
    assert "kzsurvey teach" in said[0]


def test_other_columns_are_no_phrases(market):
    assert "columns a, b" in phrase_faults(market, "a,b\n1,2\n")[0]


def test_sentences_are_read_with_the_examples_of_the_codebook(market):
    (market / "sentences.csv").write_text(
        "sentence,question,codes\n没有客人,troubles,T2\n还行,troubles,\n", encoding="utf-8"
    )
    read = read_sentences(read_survey(market))
    assert read["codes"].tolist()[:2] == [("T2",), ()]
    assert read["patterns"].tolist()[:2] == [False, False]
    assert read["patterns"].iloc[2:].all()


def test_every_fault_of_the_sentences_is_named_at_once(market):
    text = "sentence,question,codes\n人少,troubles,T9\n人少,troubles,T2\n人多,weather,T2\n"
    (market / "sentences.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DefinitionError) as error:
        read_sentences(read_survey(market))
    said = str(error.value)
    assert all(word in said for word in ("code 'T9'", "a second time", "question 'weather'"))
