"""What is published gives nobody away: not by itself, and not by subtraction."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from kzsurvey.reporting import withhold, withhold_cells

SMALLEST = 5
counts = st.lists(st.integers(0, 30), min_size=1, max_size=7)


def squares(rows, columns):
    return st.lists(st.lists(st.integers(0, 25), min_size=columns, max_size=columns), min_size=rows, max_size=rows)


def by_subtraction(table):
    """How many withheld counts a reader computes, line by line: the one that is alone in its line."""
    known = table.to_numpy(dtype=float, na_value=np.nan, copy=True)
    found = 0
    for grid in (known, known.T):
        for line in grid:
            alone = np.isnan(line)
            if alone.sum() == 1:
                line[alone] = np.nansum(line[:-1]) if alone[-1] else line[-1] - np.nansum(line[:-1])
                found += 1
    return found


def largest(table, place):
    """The most a reader with a computer can say of one withheld count, all sums being known."""
    values = table.to_numpy(dtype=float, na_value=np.nan)
    rows, columns = values.shape
    number = np.arange(values.size).reshape(rows, columns)
    equations, known = [], []
    for line in [*number, *number.T]:
        row = np.zeros(values.size)
        row[line[:-1]], row[line[-1]] = 1, -1
        equations.append(row)
        known.append(0.0)
    bounds = [(1, None) if np.isnan(value) else (value, value) for value in values.ravel()]
    objective = np.zeros(values.size)
    objective[number[place]] = -1
    solved = linprog(objective, A_eq=np.array(equations), b_eq=known, bounds=bounds)
    return -solved.fun if solved.success else np.inf


@settings(max_examples=60, deadline=None)
@given(counts)
def test_no_small_count_is_published_and_zeros_are(values):
    shown = withhold(pd.DataFrame({"n": values}), smallest=SMALLEST)["n"]
    assert not shown.dropna().between(1, SMALLEST - 1).any()
    assert shown[np.array(values) == 0].notna().all()


@settings(max_examples=60, deadline=None)
@given(counts)
def test_nobody_who_knows_the_sum_can_say_that_a_withheld_count_is_small(values):
    hidden = withhold(pd.DataFrame({"n": values}), smallest=SMALLEST)["n"].isna().to_numpy()
    rest = int(np.array(values)[hidden].sum())
    if hidden.any() and sum(values) >= SMALLEST and (np.array(values) > 0).sum() > 1:
        assert rest - (hidden.sum() - 1) >= SMALLEST or hidden.sum() == (np.array(values) > 0).sum()


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 4).flatmap(lambda rows: st.integers(2, 4).flatmap(lambda columns: squares(rows, columns))))
def test_an_attacker_with_all_sums_of_a_table_finds_nothing(values):
    counted = pd.DataFrame(values)
    table = withhold_cells(counted, smallest=SMALLEST)
    full = counted.assign(total=counted.sum(axis=1))
    full.loc["total"] = full.sum()
    small = (full.to_numpy() > 0) & (full.to_numpy() < SMALLEST)
    assert table.isna().to_numpy()[small].all()
    if table.iloc[-1, -1] is not pd.NA:
        exposed = [place for place in zip(*np.nonzero(small), strict=True) if largest(table, place) < SMALLEST - 1e-6]
        assert not exposed


def test_subtraction_would_have_found_the_count_that_is_withheld_alone():
    alone = pd.DataFrame({"x": [10, pd.NA, 40], "y": [20, 25, 45], "total": [30, 27, 85]}, dtype="Int64")
    assert by_subtraction(alone) > 0
    counted = pd.DataFrame({"x": [10, 2], "y": [20, 25]})
    assert by_subtraction(withhold_cells(counted, smallest=SMALLEST)) == 0


def test_whoever_is_withheld_keeps_no_mean_either():
    table = pd.DataFrame({"place": ["a", "b", "c"], "n": [40, 30, 2], "mean": [1.0, 2.0, 3.0]})
    shown = withhold(table, smallest=SMALLEST)
    assert shown["withheld"].tolist() == [False, True, True]
    assert shown["mean"].isna().tolist() == [False, True, True]
    assert shown["place"].tolist() == ["a", "b", "c"]


def test_a_count_that_leaves_few_others_is_withheld():
    table = pd.DataFrame({"n": [40, 40], "count": [38, 20], "estimate": [0.95, 0.5]})
    assert withhold(table, smallest=SMALLEST, counts=["n", "count"], sums=None)["estimate"].isna().tolist() == [
        True,
        False,
    ]


def test_a_zero_withheld_with_its_row_hides_nothing_of_a_small_count_beside_it():
    table = pd.DataFrame({"n": [3, 40, 50, 60], "count": [0, 1, 20, 30]})
    assert withhold(table, smallest=SMALLEST, counts=["n", "count"])["withheld"].tolist() == [True, True, True, False]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=2, max_size=6))
def test_neither_bases_nor_parts_nor_rests_give_a_small_number_away(pairs):
    n = np.array([part + rest for part, rest in pairs])
    count = np.array([part for part, _ in pairs])
    shown = withhold(pd.DataFrame({"n": n, "count": count}), smallest=SMALLEST, counts=["n", "count"])
    hidden = shown["withheld"].to_numpy()
    for values in (n, count, n - count):
        small = (values > 0) & (values < SMALLEST)
        assert hidden[small].all()
        if (hidden & small).any() and not hidden[values > 0].all():
            least = np.minimum(values[hidden], 1).sum() - 1
            assert values[hidden].sum() - least >= SMALLEST


def test_rows_that_do_not_add_up_need_no_companion():
    table = pd.DataFrame({"code": ["P1", "P2"], "count": [3, 90]})
    assert withhold(table, smallest=SMALLEST, counts=["count"], sums=None)["count"].isna().tolist() == [True, False]


def test_each_group_of_rows_with_a_sum_of_its_own_is_protected():
    table = pd.DataFrame({"code": ["P1", "P1", "P2", "P2"], "n": [3, 50, 40, 50]})
    assert withhold(table, smallest=SMALLEST, sums=["code"])["n"].isna().tolist() == [True, True, False, False]


def test_withholding_twice_is_withholding_once():
    once = withhold(pd.DataFrame({"n": [40, 30, 2]}), smallest=SMALLEST)
    pd.testing.assert_frame_equal(withhold(once, smallest=SMALLEST), once)


def test_the_input_is_not_changed_and_an_empty_table_stays_empty():
    table = pd.DataFrame({"n": [1, 9]})
    withhold(table, smallest=SMALLEST)
    assert table["n"].tolist() == [1, 9]
    assert withhold(table.head(0), smallest=SMALLEST).empty


def test_a_table_without_counts_is_published_as_it_is():
    table = pd.DataFrame({"estimate": [1.0]})
    assert withhold(table, smallest=SMALLEST, counts=[])["estimate"].tolist() == [1.0]


@pytest.mark.parametrize("values", [[[1, 1], [1, 1]], [[3, 0], [0, 0]], [[4, 30], [0, 0]]])
def test_hard_tables_are_withheld_as_far_as_it_takes(values):
    table = withhold_cells(pd.DataFrame(values), smallest=SMALLEST)
    assert not any(0 < value < SMALLEST for value in table.to_numpy().ravel() if value is not pd.NA)
    assert by_subtraction(table) == 0
