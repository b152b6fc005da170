"""Effects along a moderator: R's numbers, straight algebra, and what is refused by name."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError
from kzsurvey.modelling.effects.moderation import interaction_curve, johnson_neyman, simple_slopes

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "sensitivity.json").read_text())["moderation"]
FORMULAS = {"linear": "leave ~ load * pay + vacancies + level", "logistic": "quit ~ load * pay + vacancies"}


@pytest.fixture(scope="module")
def people():
    return pd.read_csv(REFERENCE / "sensitivity.csv")


@pytest.fixture(scope="module")
def design(people):
    return m.make_design(people, weight="weight", strata="stratum", clusters="cluster")


def fitted(people, design, formula, family="linear", **options):
    return m.fit_regression(people, formula, design=design, family=family, name="H5", **options)


@pytest.mark.parametrize("family", ["linear", "logistic"])
def test_slopes_are_those_of_svyglm(people, design, family):
    fit, expected = fitted(people, design, FORMULAS[family], family), pd.DataFrame(R[family]["slopes"])
    found = simple_slopes(fit, "load", "pay", expected["at"], table=people)
    np.testing.assert_allclose(found[["estimate", "std_error"]], expected[["estimate", "std_error"]], rtol=1e-8)
    assert set(found["df"]) == {R[family]["df"]}
    assert set(found["scale"]) == {{"linear": "outcome", "logistic": "log odds"}[family]}


@pytest.mark.parametrize("band", ["pointwise", "simultaneous", "fdr"])
@pytest.mark.parametrize("family", ["linear", "logistic"])
def test_boundaries_are_the_closed_form_in_r(people, design, family, band):
    found = johnson_neyman(fitted(people, design, FORMULAS[family], family), "load", "pay", table=people, band=band)
    np.testing.assert_allclose(found.critical, R[family]["critical"][band], rtol=1e-9)
    np.testing.assert_allclose(found.boundaries["value"], R[family]["ends"][band], rtol=1e-8)
    inside = people["pay"].between(*found.boundaries["value"])
    unclear = found.regions.loc[found.regions["effect"] == "unclear", "share"].sum()
    np.testing.assert_allclose(unclear, np.average(inside if family == "linear" else ~inside, weights=people["weight"]))


def test_centring_moves_no_slope_and_no_boundary(people, design):
    plain = fitted(people, design, FORMULAS["linear"])
    centred = fitted(people, design, "leave ~ center(load) * center(pay) + vacancies + level")
    for function in (simple_slopes, interaction_curve):
        one, other = function(plain, "load", "pay", table=people), function(centred, "load", "pay", table=people)
        pd.testing.assert_frame_equal(one, other, rtol=1e-8)
    one, other = (johnson_neyman(fit, "load", "pay", table=people).regions for fit in (plain, centred))
    pd.testing.assert_frame_equal(one, other, rtol=1e-8)
    named = simple_slopes(centred, "center(load)", "center(pay)", table=people)
    pd.testing.assert_frame_equal(named, simple_slopes(centred, "load", "pay", table=people))


def test_a_moderator_in_categories_has_one_slope_for_each(people, design):
    found = simple_slopes(
        fitted(people, design, "leave ~ load * level + pay + vacancies"), "load", "level", table=people
    )
    assert found["at"].tolist() == ["county", "town", "village"]
    np.testing.assert_allclose(found[["estimate", "std_error"]], R["categories"], rtol=1e-8)


def test_a_term_in_categories_has_one_row_for_each_but_the_first(people, design):
    fit = fitted(people, design, "leave ~ C(level) * pay + vacancies")
    found = simple_slopes(fit, "level", "pay", [2, 4], table=people)
    assert found["contrast"].tolist() == ["town - county", "village - county"] * 2
    beta = fit.terms.set_index("term")["estimate"]
    expected = beta["C(level)[T.town]"] + 4 * beta["C(level)[T.town]:pay"]
    np.testing.assert_allclose(found["estimate"][2], expected, rtol=1e-10)
    curve = interaction_curve(fit, "level", "pay", table=people, points=3)
    assert curve["contrast"].tolist() == ["town - county"] * 3 + ["village - county"] * 3


def test_numbers_coded_as_categories_are_categories(people, design):
    table = people.assign(grade=people["level"].map({"county": 1, "town": 2, "village": 3}))
    found = simple_slopes(fitted(table, design, "leave ~ load * C(grade)"), "load", "grade", table=table)
    assert found["at"].tolist() == [1.0, 2.0, 3.0]


def test_probabilities_are_averaged_with_the_moderator_set(people, design):
    fit = fitted(people, design, FORMULAS["logistic"], "logistic")
    found = simple_slopes(fit, "load", "pay", [2, 4], table=people, scale="response")
    np.testing.assert_allclose(found["estimate"], R["share_per_unit"], rtol=1e-7)
    assert found["scale"].eq("expected outcome").all()


def test_default_values_are_weighted_quantiles_mean_and_deviation_or_the_only_two(people, design):
    table = people.assign(rich=(people["pay"] > 3) * 1)
    fit = fitted(table, design, "leave ~ load * pay + load * rich")
    at = simple_slopes(fit, "load", "pay", table=table)["at"].to_numpy()
    below = [np.average(people["pay"] <= value, weights=people["weight"]) for value in at]
    under = [np.average(people["pay"] < value, weights=people["weight"]) for value in at]
    assert (np.array(under) < [0.1, 0.5, 0.9]).all()
    assert (np.array(below) >= [0.1, 0.5, 0.9]).all()
    around = simple_slopes(fit, "load", "pay", "sd", table=table)["at"].to_numpy()
    np.testing.assert_allclose(around[1], np.average(people["pay"], weights=people["weight"]))
    np.testing.assert_allclose(around[2] - around[1], around[1] - around[0])
    assert simple_slopes(fit, "load", "rich", table=table)["at"].tolist() == [0, 1]


def test_other_moderators_of_the_term_are_averaged_over_the_rows(people, design):
    fit = fitted(people, design, "leave ~ load * pay + load * vacancies")
    beta, mean = fit.terms.set_index("term")["estimate"], np.average(people["vacancies"], weights=people["weight"])
    found = simple_slopes(fit, "load", "pay", [2], table=people)["estimate"][0]
    np.testing.assert_allclose(found, beta["load"] + 2 * beta["load:pay"] + mean * beta["load:vacancies"], rtol=1e-10)


def test_a_curve_ends_at_the_boundary_and_the_simultaneous_one_is_wider(people, design):
    fit = fitted(people, design, FORMULAS["linear"])
    end = johnson_neyman(fit, "load", "pay", table=people).boundaries["value"][0]
    at_end = simple_slopes(fit, "load", "pay", [end], table=people).iloc[0]
    assert abs(at_end["conf_low"]) < 1e-9
    one, wide = (
        interaction_curve(fit, "load", "pay", table=people, band=band) for band in ("pointwise", "simultaneous")
    )
    np.testing.assert_allclose(one["estimate"], wide["estimate"])
    assert (wide["conf_high"] > one["conf_high"]).all()


def test_a_correction_for_few_clusters_reaches_the_slopes(people):
    design = m.make_design(people, weight="weight", clusters="cluster")
    plain, corrected = (fitted(people, design, FORMULAS["linear"], small_sample=one) for one in ("none", "CR2"))
    one, other = (simple_slopes(fit, "load", "pay", [2], table=people).iloc[0] for fit in (plain, corrected))
    assert other["std_error"] > one["std_error"]
    assert other["df"] < one["df"]
    place = list(corrected.terms["term"]).index("load")
    at_zero = simple_slopes(corrected, "load", "pay", [0], table=people).iloc[0]
    np.testing.assert_allclose(at_zero["std_error"] ** 2, corrected.covariance[place, place])
    assert at_zero["df"] == corrected.terms["df"][place]


def test_a_domain_and_missing_answers_are_those_of_the_fit(people, design):
    holed = people.assign(pay=people["pay"].where(people["pay"] != 3))
    where = people["level"].ne("county").to_numpy()
    fit = fitted(holed, design, "leave ~ load * pay", where=where)
    used = holed[where & holed["pay"].notna()]
    assert interaction_curve(fit, "load", "pay", table=holed)["value"].iloc[0] == used["pay"].min()
    np.testing.assert_allclose(johnson_neyman(fit, "load", "pay", table=holed).regions["share"].sum(), 1)


def test_regions_are_a_confidence_set_of_the_crossing():
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"x": rng.normal(size=90), "m": rng.uniform(0, 4, 90)})
    design = m.make_design(weight=np.ones(90))
    table["strong"] = table["x"] * (table["m"] - 2) * 3 + 0.1 * rng.normal(size=90)
    found = johnson_neyman(m.fit_regression(table, "strong ~ x * m", design=design), "x", "m", table=table)
    assert found.regions["effect"].tolist() == ["negative", "unclear", "positive"]
    assert found.boundaries["value"][0] < found.crossing < found.boundaries["value"][1]
    table["none"] = rng.normal(size=90)
    nothing = johnson_neyman(
        m.fit_regression(table, "none ~ x * m", design=design), "x", "m", table=table, band="simultaneous"
    )
    assert nothing.regions["effect"].tolist() == ["unclear"]
    assert nothing.boundaries.empty


@pytest.mark.parametrize(
    ("formula", "term", "moderator", "message"),
    [
        ("leave ~ load * pay", "lod", "pay", "no variable 'lod'; allowed: load, pay; perhaps load"),
        ("leave ~ load + pay", "load", "pay", r"no product of load and pay in the formula; allowed: load \* pay"),
        ("leave ~ load * pay", "load", "load", "load as term and as moderator"),
        ("leave ~ np.exp(load) * pay", "load", "pay", "bends in load.*average marginal effects"),
        ("leave ~ load * fixed", "load", "fixed", "combination of"),
    ],
)  # fmt: skip
def test_what_has_no_simple_slope_is_named(people, design, formula, term, moderator, message):
    table = people.assign(fixed=2.0)
    with pytest.raises(DesignError, match=message):
        simple_slopes(fitted(table, design, formula), term, moderator, table=table)


def test_a_constant_moderator_is_named(people, design):
    fit = fitted(people, design, "leave ~ load * pay")
    with pytest.raises(DesignError, match="moderator pay is constant"):
        simple_slopes(fit, "load", "pay", table=people.assign(pay=1.0))


def test_what_has_no_region_is_named(people, design):
    with pytest.raises(DesignError, match=r"moderator level in categories \(county, town, village\).*simple_slopes"):
        johnson_neyman(fitted(people, design, "leave ~ load * level"), "load", "level", table=people)
    bent = fitted(people, design, "leave ~ load * np.log(pay)")
    with pytest.raises(DesignError, match="bends in pay"):
        johnson_neyman(bent, "load", "pay", table=people)
    assert len(interaction_curve(bent, "load", "pay", table=people, points=5)) == 5
    with pytest.raises(DesignError, match="term level with 3 categories"):
        johnson_neyman(fitted(people, design, "leave ~ level * pay"), "level", "pay", table=people)
    with pytest.raises(DesignError, match="unknown band 'fdr'; allowed: pointwise, simultaneous"):
        interaction_curve(fitted(people, design, "leave ~ load * pay"), "load", "pay", table=people, band="fdr")
    with pytest.raises(DesignError, match="unknown band 'fd'.*perhaps fdr"):
        johnson_neyman(fitted(people, design, "leave ~ load * pay"), "load", "pay", table=people, band="fd")


def test_values_scales_and_tables_that_are_not_known_are_named(people, design):
    fit = fitted(people, design, "leave ~ load * level")
    with pytest.raises(DesignError, match="level set to 'city'; allowed: county, town, village"):
        simple_slopes(fit, "load", "level", ["city"], table=people)
    with pytest.raises(DesignError, match="unknown scale 'odds'"):
        simple_slopes(fit, "load", "level", table=people, scale="odds")
    with pytest.raises(DesignError, match="a table of 3 rows"):
        simple_slopes(fit, "load", "level", table=people.head(3))
    with pytest.raises(DesignError, match="at = 'deciles'"):
        simple_slopes(fitted(people, design, "leave ~ load * pay"), "load", "pay", "deciles", table=people)


def test_an_ordinal_model_has_slopes_too(people, design):
    table = people.assign(rating=pd.cut(people["leave"], 3, labels=["low", "middle", "high"]))
    fit = m.fit_ordinal(table, "rating ~ load * pay", design=design, name="H5")
    found = simple_slopes(fit, "load", "pay", [2], table=table).iloc[0]
    beta = fit.terms.set_index("term")["estimate"]
    np.testing.assert_allclose(found["estimate"], beta["load"] + 2 * beta["load:pay"])


def test_the_scale_of_an_ordinal_model_is_that_of_its_link(people, design):
    ranked = people.assign(rank=pd.cut(people["leave"], 3, labels=False))
    words = {"logit": "log odds of a higher level", "probit": "probit index of a higher level"}
    for link, scale in words.items():
        fit = m.fit_ordinal(ranked, "rank ~ load * pay", design=design, link=link)
        assert set(simple_slopes(fit, "load", "pay", [2], table=ranked)["scale"]) == {scale}


def test_regions_of_an_effect_print_in_a_few_lines(people, design):
    fit = fitted(people, design, FORMULAS["linear"])
    text = repr(johnson_neyman(fit, "load", "pay", table=people))
    assert text.startswith("JohnsonNeyman(boundaries=[")
    assert "\n" not in text
