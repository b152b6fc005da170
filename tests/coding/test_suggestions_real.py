"""Suggestions on texts that nobody here wrote: topics of sentences, aspects of reviews."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kzsurvey.coding import learn_suggestions, suggestion_probabilities, suggestion_reliability

DATA = Path(__file__).parents[3] / "shared" / "data"
pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not DATA.exists(), reason="needs ../shared/data, which is not part of the project"),
]


def sentences(name):
    return pd.read_csv(DATA / "sib200_zh" / f"zho_Hans_{name}.tsv", sep="\t", quoting=3, dtype=str)


def reviews(name):
    return pd.read_csv(DATA / "asap_sample" / f"{name}_sample.csv", dtype=str, encoding="utf-8-sig")


def answers(interview, text):
    return pd.DataFrame({"interview": interview, "question": "q", "text": text})


def labels(table, values):
    return pd.concat([table[["interview", "question"]].assign(code=code, value=one) for code, one in values.items()])


def f1(true, given):
    """F1 of each column."""
    return 2 * (true & given).sum(axis=0) / (true.sum(axis=0) + given.sum(axis=0))


def test_topics_of_sentences_are_found():
    taught, judged = pd.concat([sentences("train"), sentences("dev")]), sentences("test")
    material = answers(taught["index_id"], taught["text"])
    values = {topic: (taught["category"] == topic) * 1 for topic in taught["category"].unique()}
    suggester = learn_suggestions(material, labels(material, values), seed=1)
    chance = suggestion_probabilities(suggester, answers(judged["index_id"], judged["text"]))
    true = judged["category"].to_numpy()[:, None] == chance.columns.to_numpy()
    given = chance.to_numpy() == chance.max(axis=1).to_numpy()[:, None]
    assert f1(true, given).mean() >= 0.80


def test_aspects_of_reviews_are_found_and_probabilities_hold_what_they_say():
    taught, judged = reviews("train"), reviews("dev")
    material = answers(taught["index"], taught["reviewbody"])
    values = {aspect: (taught[aspect].astype(float) != -2) * 1 for aspect in taught.columns[3:]}
    suggester = learn_suggestions(material, labels(material, values), seed=1)
    chance = suggestion_probabilities(suggester, answers(judged["index"], judged["reviewbody"]))
    true = (judged[chance.columns.tolist()].astype(float) != -2).to_numpy()
    assert f1(true.ravel(), chance.to_numpy().ravel() >= suggester.threshold) >= 0.56
    group = np.repeat(np.arange(len(judged)), chance.shape[1])
    table = pd.DataFrame({"probability": chance.to_numpy().ravel(), "value": true.ravel() * 1, "group": group})
    classes = suggestion_reliability(table)
    assert len(classes) == 10
    assert (classes["share"] - classes["probability"]).abs().max() < 0.12
    assert np.average((classes["share"] - classes["probability"]).abs(), weights=classes["n"]) < 0.04
