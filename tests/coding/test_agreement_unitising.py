"""Alpha for unitising: the published example, overlaps, bad spans."""

import numpy as np
import pandas as pd
import pytest

from kzsurvey.coding.intercoder.unitising import unitising_alpha
from kzsurvey.errors import CodingError

# Krippendorff (2019), Content Analysis, figure 12.11: three observers, a continuum of 60.
BOOK = {
    "alex": [(0, 7, "1"), (7, 13, "2"), (30, 32, "5"), (32, 37, "6"), (37, 44, "6"), (44, 60, "7")],
    "paul": [(0, 7, "1"), (7, 13, "3"), (13, 21, "5"), (32, 44, "6")],
    "suzan": [(0, 7, "1"), (7, 13, "4"), (13, 21, "5"), (32, 37, "6"), (37, 41, "6"), (41, 44, "6")],
}


def spans(marked, unit="text"):
    rows = [(unit, coder, *span) for coder, listed in marked.items() for span in listed]
    return pd.DataFrame(rows, columns=["unit", "coder", "start", "end", "code"])


def family(table, lengths, **options):
    found = unitising_alpha(table, lengths, **options)
    return found[found["code"] == ""].set_index("coefficient")["estimate"]


def test_the_books_example_has_the_published_values():
    found = family(spans(BOOK), {"text": 60})
    assert found["u_alpha"] == pytest.approx(0.510, abs=5e-4)
    assert found["u_binary"] == pytest.approx(0.413, abs=1e-3)
    assert found["cu_alpha"] == pytest.approx(0.724, abs=5e-4)


def test_codes_of_the_books_example_agree_wholly_or_not_at_all():
    found = unitising_alpha(spans(BOOK), {"text": 60}).query("coefficient == 'ku_alpha'").set_index("code")["estimate"]
    assert found.dropna().to_dict() == {"1": 1, "2": 0, "3": 0, "4": 0, "5": 1, "6": 1}
    assert np.isnan(found["7"])


def test_long_texts_of_single_characters_are_nominal_alpha():
    rng = np.random.default_rng(1)
    codes = {coder: rng.integers(0, 2, 300) for coder in ("ann", "ben")}
    marked = {coder: [(n, n + 1, "a") for n in np.flatnonzero(held)] for coder, held in codes.items()}
    total = np.concatenate(list(codes.values()))
    expected = 2 * total.sum() * (600 - total.sum()) / (600 * 599)
    alpha = 1 - np.mean(codes["ann"] != codes["ben"]) / expected
    assert family(spans(marked), {"text": 300})["u_alpha"] == pytest.approx(alpha)


def test_the_same_spans_agree_wholly():
    marked = [(0, 4, "a"), (6, 9, "b")]
    found = family(spans({"ann": marked, "ben": marked}), {"text": 12})
    assert found.tolist() == [1, 1, 1]


def test_texts_are_drawn_whole():
    table = pd.concat([spans(BOOK, unit) for unit in "abcdef"])[:-4]
    found = unitising_alpha(table, dict.fromkeys("abcdef", 60)).loc[1]
    assert found["conf_low"] < found["estimate"] < found["conf_high"]
    clustered = unitising_alpha(table, dict.fromkeys("abcdef", 60), clusters=dict(zip("abcdef", "xxxyyy", strict=True)))
    assert clustered.loc[1, "std_error"] != pytest.approx(found["std_error"])
    assert found[["units", "coders", "pairs"]].tolist() == [6, 3, 18]


def test_one_text_has_no_interval():
    found = unitising_alpha(spans(BOOK), {"text": 60}).loc[0]
    assert found[["std_error", "conf_low", "conf_high"]].isna().all()
    assert "no interval" in found["note"]


def test_a_text_that_nobody_marked_is_agreement_on_nothing():
    before = family(spans(BOOK), {"text": 60})["u_binary"]
    assert family(spans(BOOK), {"text": 60, "other": 200})["u_binary"] > before


def test_texts_that_a_coder_did_not_read_can_be_told_apart_from_unmarked_ones():
    table = pd.concat([spans(BOOK, "a"), spans({"alex": [(0, 30, "1")]}, "b")])
    only_read = unitising_alpha(table, {"a": 60, "b": 30}, read_by_all=False)
    assert only_read.loc[1, "estimate"] == pytest.approx(family(spans(BOOK), {"text": 60})["u_alpha"])
    assert "left out: 1" in only_read.loc[0, "note"]
    unmarked = pd.DataFrame([("b", "paul", np.nan, np.nan, None)], columns=table.columns)
    read = unitising_alpha(pd.concat([table, unmarked]), {"a": 60, "b": 30}, read_by_all=False)
    assert read.loc[1, "estimate"] < only_read.loc[1, "estimate"]


def test_overlapping_codes_of_a_coder_are_a_value_of_their_own():
    marked = {"ann": [(0, 6, "a"), (4, 10, "b")], "ben": [(0, 6, "a"), (4, 10, "b")]}
    found = unitising_alpha(spans(marked), {"text": 20})
    assert found["code"].tolist() == ["", "", "", "a", "b", "a + b"]
    assert found["note"].str.contains("overlapping").all()
    assert found.loc[1, "estimate"] == 1


def test_no_text_read_by_two_is_a_row_without_a_number():
    table = pd.concat([spans({"ann": [(0, 2, "a")]}, "a"), spans({"ben": [(0, 2, "a")]}, "b")])
    found = unitising_alpha(table, {"a": 5, "b": 5}, read_by_all=False)
    assert found["estimate"].isna().all()
    assert found["note"].eq("no text was read by two coders").all()


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("t", "ann", 0, 30, "a"), ("t", "ben", 0, 2, "a")], "0 <= start < end <= 10"),
        ([("t", "ann", 3, 3, "a"), ("t", "ben", 0, 2, "a")], "a span from 3 to 3"),
        ([("t", "ann", 0, 3, "a"), ("x", "ben", 0, 2, "a")], "text 'x'"),
        ([("t", "ann", 0, 3, "a")], "1 coder"),
        ([("t", "ann", 0, 3, None), ("t", "ben", 0, 2, "a")], "1 spans; allowed: a code in every row"),
        ([("t", "ann", 0.5, 3, "a"), ("t", "ben", 0, 2, "a")], "whole numbers"),
        ([("t", "ann", 0, None, "a"), ("t", "ben", 0, 2, "a")], "a span from 0 to nan"),
        ([("t", None, 0, 3, "a"), ("t", "ben", 0, 2, "a"), ("t", "eva", 0, 2, "a")], "a coder in every row"),
    ],
)
def test_wrong_spans_are_named(rows, words):
    table = pd.DataFrame(rows, columns=["unit", "coder", "start", "end", "code"])
    with pytest.raises(CodingError) as caught:
        unitising_alpha(table, {"t": 10})
    assert words in str(caught.value)


def test_every_text_belongs_to_a_cluster():
    with pytest.raises(CodingError, match="no entry for text 'other'"):
        unitising_alpha(spans(BOOK), pd.Series({"text": 60, "other": 5}), clusters={"text": 1})


def test_missing_columns_are_all_named():
    with pytest.raises(CodingError) as caught:
        unitising_alpha(pd.DataFrame({"unit": [], "coder": []}), {})
    assert len(caught.value.faults) == 3


def test_texts_in_which_nobody_marked_anything_agree():
    rows = [("t", "ann", None, None, None), ("t", "ben", None, None, None)]
    found = unitising_alpha(pd.DataFrame(rows, columns=["unit", "coder", "start", "end", "code"]), {"t": 10})
    assert found["units"].tolist() == [1] * len(found)
