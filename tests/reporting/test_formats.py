"""Numbers are written the same way everywhere."""

import pandas as pd
import pytest

from kzsurvey.reporting.formats import format_of, rounded, shown, shown_tick


@pytest.mark.parametrize(
    ("value", "format", "text"),
    [
        (0.1234, "percent", "12.3%"),
        (0.005, "percent0", "0%"),
        (-0.0001, "number", "−0.00010"),
        (-1e-17, "number", "0.00"),
        (-1234.5, "number1", "−1,234.5"),
        (0.0009, "p", "<0.001"),
        (0.04949, "p", "0.049"),
        (1_000_000, "integer", "1,000,000"),
    ],
)
def test_a_number_is_written_by_its_format(value, format, text):
    assert shown(value, format) == text


def test_an_unknown_format_names_the_known_ones():
    with pytest.raises(ValueError, match="percent0"):
        shown(1, "euro")


@pytest.mark.parametrize(
    ("values", "format"),
    [(["a"], "text"), ([True], "text"), ([1], "integer"), ([1.5], "number"), (pd.array([1, None], "Int64"), "integer")],
)
def test_a_column_has_the_format_of_its_type(values, format):
    assert format_of("column", pd.Series(values)) == format


def test_a_column_known_by_name_has_its_own_format():
    assert format_of("p_value", pd.Series([0.5])) == "p"


def test_data_holds_plain_types_with_ten_digits():
    values = [pd.NA, 2 / 3, float("inf"), True, pd.Timestamp("2024-05-01"), pd.Series([7])[0]]
    assert [rounded(value) for value in values] == [None, 0.6666666667, None, True, "2024-05-01 00:00:00", 7]


def test_numbers_side_by_side_have_the_same_decimals():
    assert [shown(value, "number", beside=(79.02, 50.0, 115.0)) for value in (79.02, 115.0)] == ["79.0", "115.0"]
    assert [shown(value, "number") for value in (0.5, 512.34, 4714.2)] == ["0.50", "512.3", "4,714"]


def test_p_stands_behind_its_sign_in_a_sentence():
    assert [shown(value, "p_is") for value in (0.0001, 0.057)] == ["< 0.001", "= 0.057"]


@pytest.mark.parametrize(
    ("row", "texts"),
    [
        ((0.0042, 0.0001, 0.0083), ["0.0042", "0.0001", "0.0083"]),
        ((0.3, 0.004, 0.6), ["0.300", "0.004", "0.600"]),
        ((3.42, 3.37, 3.47), ["3.42", "3.37", "3.47"]),
        ((0.00042, -0.00031, 0.00115), ["0.00042", "−0.00031", "0.00115"]),
        ((0.0, 0.0, 0.0), ["0.00", "0.00", "0.00"]),
        ((-0.0043, -0.9668, 0.9582), ["0.00", "−0.97", "0.96"]),
    ],
)
def test_small_estimates_keep_two_digits_and_no_end_of_an_interval_becomes_nought(row, texts):
    assert [shown(value, "number", beside=row) for value in row] == texts


@pytest.mark.parametrize(
    ("ticks", "format", "text"),
    [
        ([0.0, 0.1, 0.2], "number", "0.2"),
        ([0, 2e-4], "number", "0.0002"),
        ([0, 0.1], "percent0", "10%"),
        ([5], "p", "5.000"),
    ],
)
def test_ticks_have_the_decimals_of_their_steps(ticks, format, text):
    assert shown_tick(ticks[-1], format, ticks) == text


def test_percentage_points_are_shares_times_a_hundred():
    assert [shown(value, "points") for value in (0.0233, -0.1)] == ["2.3", "−10.0"]
