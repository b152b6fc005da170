"""Formulas over tables of interviews: nullable types, categories, and messages that name the term."""

import numpy as np
import pandas as pd
import pytest
from formulaic import Formula

from kzsurvey.errors import DesignError
from kzsurvey.modelling.regression.formulas import categorical_variables, model_matrix, nearest, prepare, variables_of


@pytest.fixture
def table():
    frame = pd.DataFrame({"y": pd.array([1, 2, 3, 4, None, 6], dtype="Int64"), "x": [1.0, 2, 3, 4, 5, 0]})
    frame["place"] = pd.Categorical(list("aabbbb"), categories=["a", "b", "c"])
    return frame.assign(flag=pd.array([True, False, True, False, None, True], dtype="boolean"))


def test_nullable_numbers_flags_and_categories_become_columns(table):
    found = prepare("y ~ x + place + flag", table)
    assert found.names == ("Intercept", "x", "place[T.b]", "flag")
    assert found.matrix[:, 3].tolist() == [1, 0, 1, 0, 1]
    assert found.n_dropped == 1


def test_the_left_side_may_be_an_expression(table):
    assert prepare("np.log(y) ~ x", table).outcome.tolist() == pytest.approx(np.log([1, 2, 3, 4, 6]))


def test_centring_sees_only_the_rows_used(table):
    found = prepare("y ~ center(x)", table, where=(table["place"] == "b").to_numpy())
    assert found.matrix[:, 1].sum() == pytest.approx(0)
    assert found.rows.tolist() == [False, False, True, True, False, True]


def test_categories_nobody_has_are_left_out(table):
    assert prepare("y ~ C(place)", table).names == ("Intercept", "C(place)[T.b]")


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("y ~ x +", "formula 'y ~ x \\+'"),
        ("~ x", "one outcome"),
        ("y", "one outcome"),
        ("y ~ x | place", "one outcome"),
        ("y + ~ x", "formula 'y \\+ ~ x'"),
        ("y ~ weight", "unknown variable 'weight'"),
        ("y ~ plce", "perhaps place"),
        ("y ~ shout(x)", "a term that cannot be evaluated.*shout"),
        ("y ~ np.log(x)", r"term np.log\(x\) is not a finite number in 1 interviews"),
    ],
)
def test_what_a_formula_asks_in_vain_is_named(table, formula, message):
    with pytest.raises(DesignError, match=message):
        prepare(formula, table, name="H1")


def test_every_unknown_variable_is_listed_at_once(table):
    with pytest.raises(DesignError) as caught:
        prepare("why ~ x1 + x2", table)
    assert len(caught.value.faults) == 3


def test_nothing_near_gives_no_hint():
    assert nearest("zzz", ["workload"]) == ""


def test_columns_with_spaces_or_signs_stand_in_backticks(table):
    odd = table.rename(columns={"x": "ODS code", "place": "ICS/STP", "y": "y 1"})
    found = prepare("`y 1` ~ np.log(`ODS code` + 1) + `ICS/STP`", odd)
    assert (found.left, found.names) == ("y 1", ("Intercept", "np.log(`ODS code` + 1)", "ICS/STP[T.b]"))
    np.testing.assert_array_equal(found.matrix, prepare("y ~ np.log(x + 1) + place", table).matrix)
    assert variables_of(found.spec) == ["ODS code", "ICS/STP"]
    assert categorical_variables(found.spec) == {"ICS/STP"}
    np.testing.assert_array_equal(model_matrix(found.spec, odd)[found.rows], found.matrix)


@pytest.mark.parametrize("formula", ["y ~ ODS code", "y ~ ODS/x", "y ~ Q('ODS code')"])
def test_a_name_that_needs_backticks_is_told_so(table, formula):
    odd = table.rename(columns={"place": "ODS/stp" if "/" in formula else "ODS code"})
    with pytest.raises(DesignError, match="`ODS/stp`|in backticks: `hours a week`"):
        prepare(formula, odd)


def test_messages_speak_of_the_table_at_hand(table):
    with pytest.raises(DesignError, match="unknown variable 'plce'; allowed: columns of the table; perhaps place"):
        prepare("y ~ plce", table)


@pytest.mark.parametrize(
    "formula", ["y ~ x", "y ~ x * z", "y ~ z + x:z + 0", "y ~ 1", "y ~ `hours a week` * x:z - x", "y ~ flag + x"]
)
def test_columns_of_numbers_give_what_formulaic_gives(table, formula):
    table = table.assign(z=[3, 1, 4, 1, 5, 9], **{"hours a week": [2.5, 7, 1, 8, 2, 8]}).dropna()
    ours = prepare(formula, table)
    theirs = Formula(formula.partition("~")[2]).get_model_matrix(table.astype(float, errors="ignore"))
    assert ours.names == tuple(theirs.columns)
    assert np.array_equal(ours.matrix, theirs.to_numpy())
    assert np.array_equal(model_matrix(ours.spec, table), ours.matrix)


def test_one_formula_takes_numbers_of_one_table_and_categories_of_another(table):
    assert prepare("y ~ place", table.assign(place=[1, 2, 3, 4, 5, 6])).names == ("Intercept", "place")
    assert prepare("y ~ place", table).names == ("Intercept", "place[T.b]")
    assert prepare("y ~ place", table.assign(place=[1, 2, 3, 4, 5, 7])).matrix[-1].tolist() == [1, 7]


def test_numbers_that_name_categories_are_named_as_they_are_written():
    table = pd.DataFrame({"y": [1.0, 2, 4, 3], "year": [2021, 2022, 2023, None], "x": [1.0, 2.5, 1.0, 2.5]})
    found = prepare("y ~ C(year) + C(x)", table)
    assert found.names == ("Intercept", "C(year)[T.2022]", "C(year)[T.2023]", "C(x)[T.2.5]")
    again = model_matrix(found.spec, table.astype({"year": "Int64"}).head(2))
    assert again.tolist() == found.matrix[:2].tolist()
    assert prepare("y ~ C(year) + year", table).names[1] == "C(year)[T.2022.0]"
