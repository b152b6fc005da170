"""Classes of a histogram have round limits, and a long tail does not squeeze the rest into one class."""

import pandas as pd

from kzsurvey.reporting import classes


def test_a_long_tail_goes_into_an_open_class():
    counted = classes(pd.Series([*range(20, 60)] * 5 + [4000] * 4))
    assert counted["label"].iloc[-1] == "≥ 60"
    assert counted["estimate"].iloc[-1] == 4
    assert counted["estimate"].max() < 0.3 * counted["estimate"].sum()


def test_no_number_is_lost_and_missing_ones_are_not_counted():
    counted = classes(pd.Series([0.5, *[30.0] * 150, *[45.5] * 150, None, 900.0]))
    assert counted["estimate"].sum() == 302
    assert counted["label"].iloc[0].startswith("< ")


def test_a_number_on_a_limit_is_in_the_class_it_begins():
    counted = classes(pd.Series([10, 20, 30, 40]), most=4).set_index("label")["estimate"]
    assert counted.to_dict() == {"10–20": 1, "20–30": 1, "30–40": 1, "≥ 40": 1}


def test_one_value_alone_and_no_value_are_classes_too():
    assert classes(pd.Series([7.0] * 9)).to_dict("list") == {"label": ["7–8", "≥ 8"], "estimate": [9, 0]}
    assert classes(pd.Series([], dtype=float)).empty
