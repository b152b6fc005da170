"""Groups and clusters left out: the same fits as on the rest, and the fewest clusters that carry a finding."""

import numpy as np
import pandas as pd
import pytest

from kzsurvey.errors import DesignError
from kzsurvey.modelling import fit_ordinal, fit_regression, influence, leave_one_out, make_design, mediate


@pytest.fixture
def people():
    random = np.random.default_rng(4)
    table = pd.DataFrame(random.normal(size=(200, 3)), columns=["x", "m", "y"])
    table["m"] += 0.6 * table["x"]
    table["y"] += 0.6 * table["m"]
    return table.assign(village=np.arange(200) % 40, county=lambda rows: np.array(list("abcd"))[rows["village"] % 4])


def test_without_a_county_the_estimate_is_that_of_the_other_counties(people):
    design = make_design(people, strata="county", clusters="village")
    found = leave_one_out(
        lambda where: fit_regression(people, "y ~ m", design=design, where=where), people["county"], term="m"
    ).set_index("left_out")
    rest = (people["county"] != "b").to_numpy()
    alone = fit_regression(people, "y ~ m", design=design, where=rest).terms.iloc[1]
    assert found.loc["b", ["estimate", "std_error"]].tolist() == alone[["estimate", "std_error"]].tolist()
    assert found.loc["b", "change"] == found.loc["b", "estimate"] - found["estimate"].iloc[0]


def test_a_county_without_which_nothing_can_be_fitted_keeps_its_row(people):
    people["y"] = (people["county"] == "a").astype(float)
    people.loc[people["village"] == 0, "y"] = 0.0
    design = make_design(people, clusters="village")
    found = leave_one_out(
        lambda where: fit_regression(people, "y ~ x", design=design, where=where), people["county"], term="x"
    )
    lost = found[found["left_out"] == "a"].iloc[0]
    assert np.isnan(lost["estimate"])
    assert "constant outcome" in lost["not_fitted"]


def test_rows_without_a_group_always_stay(people):
    county = people["county"].mask(people["village"] < 4)
    design = make_design(people, clusters="village")
    found = leave_one_out(lambda where: fit_regression(people, "y ~ m", design=design, where=where), county, term="m")
    assert found["n"].iloc[0] == 200
    assert (found["n"].iloc[1:] == 200 - county.value_counts().sort_index().to_numpy()).all()


def fits(people, design):
    people = people.assign(level=pd.cut(people["y"], [-9, -0.5, 0.5, 9], labels=["low", "middle", "high"]))
    return {
        "m": fit_regression(people, "y ~ m", design=design),
        "x": fit_ordinal(people, "level ~ x", design=design),
        "indirect": mediate(people, outcome="y ~ m + x", mediators=["m ~ x"], treatment="x", design=design),
    }


def test_each_change_is_that_of_the_model_fitted_without_the_village(people):
    design = make_design(people, clusters="village")
    for term, fit in fits(people, design).items():
        first = influence(fit, term=term).clusters.iloc[0]
        rest = people[people["village"] != first["cluster"]].reset_index(drop=True)
        again = fits(rest, make_design(rest, clusters="village"))[term]
        difference = _estimate(again, term) - _estimate(fit, term)
        assert first["change"] == pytest.approx(difference, rel=1e-5)


def _estimate(fit, term):
    return fit.terms.loc[fit.terms["term"] == term, "estimate"].iloc[0]


def test_a_finding_of_one_village_is_told_from_a_finding_of_all(people):
    one = people.assign(y=people["y"] - 0.6 * people["m"])
    one.loc[one["village"] == 7, ["x", "y"]] = [4.0, 8.0]
    carried, shared = (
        influence(fit_regression(table, formula, design=make_design(table, clusters="village")), term=term).summary
        for table, formula, term in ((one, "y ~ x", "x"), (people, "y ~ m", "m"))
    )
    assert carried[["fewest_for_interval", "fewest_for_sign"]].iloc[0].max() <= 3
    assert not shared["fewest_for_sign"].iloc[0] <= 10


def test_the_fewest_villages_do_undo_the_finding(people):
    design = make_design(people, clusters="village")
    weak = people.assign(y=people["y"] - 0.45 * people["m"])
    fit = fit_regression(weak, "y ~ m", design=design)
    assert influence(fit, term="m").summary["fewest_for_interval"].iloc[0] >= 1


def test_what_cannot_be_left_out_is_refused(people):
    design = make_design(people, clusters="village")
    fit = fit_regression(people, "y ~ m", design=design)
    with pytest.raises(DesignError, match="no term 'pay'"):
        influence(fit, term="pay")
    with pytest.raises(DesignError, match="at least two groups"):
        leave_one_out(lambda where: fit, pd.Series("a", index=people.index), term="m")
