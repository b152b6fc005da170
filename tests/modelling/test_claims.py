"""What models claim is asked of every kind, and a model without an answer costs no other its own."""

import numpy as np
import pandas as pd
import pytest

from kzsurvey import modelling as m
from kzsurvey.survey.record import Model


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"vacant": rng.uniform(0, 1, 240), "pay": rng.integers(1, 6, 240).astype(float)})
    table["load"] = 2 + table["vacant"] + rng.normal(0, 0.6, 240)
    table["leave"] = 1 + table["load"] * (1.1 - 0.25 * table["pay"]) + 0.3 * table["vacant"] + rng.normal(0, 0.5, 240)
    table["named"] = (rng.uniform(size=240) < 1 / (1 + np.exp(2 - table["load"]))).astype(int)
    table["kind"] = pd.Categorical(rng.choice(["office", "village"], 240))
    table["mood"] = pd.Categorical(
        np.where(table["leave"] > 3, "3", np.where(table["leave"] > 2, "2", "1")), ordered=True
    )
    return table


def fitted(people, formula, term, kind="linear", **options):
    name = options.pop("name", "model")
    model = Model(name=name, kind=kind, formula=formula, hypothesis="H1", term=term, options=options)
    return m.fit(people, model, design=m.make_design(weight=np.ones(len(people))))


def mediation(people, **options):
    options = {"treatment": "vacant", "mediators": ["load ~ vacant"]} | options
    return fitted(people, "leave ~ load + vacant", "indirect", "mediation", **options)


def test_each_kind_has_its_own_measures(people):
    fits = [
        fitted(people, "leave ~ load", "load"),
        fitted(people, "named ~ load", "load", "logistic"),
        mediation(people),
        fitted(people, "mood ~ load", "load", "ordinal"),
    ]
    measures = m.fragility(fits, people).groupby("model", sort=False)["measure"].agg(list)
    linear, logistic, mediated = ["partial_r2", "robustness_value"], ["e_value"], ["rho_at_zero", "robustness_value_a"]
    assert measures["model"] == [*linear, *logistic, *mediated, "robustness_value_b"]


def test_measures_are_those_of_the_functions_they_come_from(people):
    linear, mediated = fitted(people, "leave ~ load", "load"), mediation(people)
    found = m.fragility([linear, mediated], people).set_index("measure")
    value = m.robustness_value(linear, "load").iloc[0]
    assert found.at["robustness_value", "at_interval"] == pytest.approx(value["robustness_value_interval"])
    zero = m.mediation_sensitivity(mediated, table=people).zero.iloc[0]
    assert found.at["rho_at_zero", "estimate"] == pytest.approx(abs(zero["rho"]))
    assert 0 <= found.at["rho_at_zero", "at_interval"] <= found.at["rho_at_zero", "estimate"]


def test_a_measure_that_cannot_be_had_is_missing_with_its_reason(people):
    product = fitted(people, "named ~ load * pay", "load:pay", "logistic")
    formulas = {"treatment": "vacant", "mediators": ["load ~ vacant", "pay ~ vacant"]}
    two = fitted(people, "leave ~ load + pay + vacant", "indirect", "mediation", **formulas)
    found = m.fragility([product, two], people).set_index("measure")
    assert np.isnan(found.at["e_value", "estimate"])
    assert "load:pay" in found.at["e_value", "reason"]
    assert "one mediator" in found.at["rho_at_zero", "reason"]


def test_models_without_a_hypothesis_are_passed_over(people):
    plain = m.fit_regression(people, "leave ~ load", design=m.make_design(weight=np.ones(240)))
    assert m.claimed_term(plain) == ""
    assert m.fragility([plain], people).empty
    assert m.average_effects([plain], people).empty
    assert m.along_moderator(plain, people) is None


def test_probabilities_change_by_points_and_counts_by_themselves(people):
    logistic, poisson = (fitted(people, "named ~ load", "load", kind, name=kind) for kind in ("logistic", "poisson"))
    found = m.average_effects([logistic, poisson, fitted(people, "leave ~ load", "load")], people).set_index("model")
    assert found["unit"].to_dict() == {"logistic": "points", "poisson": "outcome_units"}
    wanted = m.marginal_effects(logistic, people, variables="load").table["conf_low"].iloc[0]
    assert found.at["logistic", "conf_low"] == pytest.approx(100 * wanted)


def test_an_ordinal_outcome_has_an_effect_on_each_of_its_levels(people):
    found = m.average_effects([fitted(people, "mood ~ load", "load", "ordinal")], people)
    assert found["category"].tolist() == ["1", "2", "3"]
    assert found["estimate"].sum() == pytest.approx(0, abs=1e-9)


def test_a_diagram_has_an_arrow_for_each_path_of_each_mediator(people):
    people = people.assign(wait=people["vacant"] + people["pay"])
    both = m.mediate(
        people,
        outcome="leave ~ load + wait + vacant",
        mediators=["load ~ vacant", "wait ~ vacant"],
        treatment="vacant",
        design=m.make_design(weight=np.ones(240)),
    )
    arrows = m.mediation_paths(both)
    assert arrows[["path", "source", "target"]].to_numpy().tolist() == [
        ["a", "vacant", "load"],
        ["b", "load", "leave"],
        ["a", "vacant", "wait"],
        ["b", "wait", "leave"],
        ["c", "vacant", "leave"],
    ]
    assert arrows.loc[2, "estimate"] == pytest.approx(both.terms.set_index("term").at["a[wait]", "estimate"])
    effects = m.mediation_effects(both)
    errors = both.terms.set_index("term")["std_error"]
    assert effects.set_index("effect").at["total", "std_error"] == errors["total"]
    assert arrows.set_index("path").at["c", "std_error"] == errors["direct"]
    assert effects.loc[effects["effect"] == "indirect", "of"].tolist() == ["", "load", "wait"]
    assert m.route(both) == ["vacant", "load", "wait", "leave"]
    assert m.route(both, "indirect[wait]") == ["vacant", "wait", "leave"]


def test_effects_at_low_and_high_are_told_only_where_they_differ(people):
    assert m.mediation_effects(mediation(people))["effect"].tolist() == [
        "indirect", "direct", "total", "proportion_mediated",
    ]  # fmt: skip
    crossed = m.mediate(
        people,
        outcome="leave ~ load * vacant",
        mediators="load ~ vacant",
        treatment="vacant",
        design=m.make_design(weight=np.ones(240)),
    )
    assert {"indirect_control", "direct_treated"} <= set(m.mediation_effects(crossed)["effect"])


def test_the_curve_of_rho_passes_through_the_fitted_effect_and_ends_nowhere_else(people):
    fit = mediation(people)
    curve, marks = m.indirect_along_rho(fit, people)
    indirect = fit.terms.set_index("term").at["indirect", "estimate"]
    assert curve.loc[curve["value"] == 0, "estimate"].item() == pytest.approx(indirect)
    assert all(-0.9 < mark < 0.9 for mark in marks)
    logistic = m.mediate(
        people,
        outcome="named ~ load + vacant",
        mediators="load ~ vacant",
        treatment="vacant",
        kinds={"named": "logistic"},
        design=m.make_design(weight=np.ones(240)),
    )
    assert m.indirect_along_rho(logistic, people)[0].empty


def test_no_end_of_a_curve_is_the_value_of_a_few(people):
    people = people.assign(pay=people["pay"].mask(people.index == 7, 40.0).mask(people.index == 9, -3.0))
    found = m.along_moderator(fitted(people, "leave ~ load * pay", "load:pay"), people, smallest=5)
    assert found.reach == (1.0, 5.0)
    assert found.curve["value"].between(1, 5).all()
    assert found.regions["low"].iloc[0] == 1.0
    assert found.regions["high"].iloc[-1] == 5.0
    assert 1 <= found.middle[0] < found.middle[1] <= 5


def test_regions_meet_where_the_marks_are(people):
    found = m.along_moderator(fitted(people, "leave ~ center(load) * center(pay)", "center(load):center(pay)"), people)
    assert (found.variable, found.moderator) == ("load", "pay")
    assert found.regions["effect"].tolist()[0] == "positive"
    assert found.marks == found.regions["high"].iloc[:-1].tolist()
    at = found.curve.iloc[(found.curve["value"] - found.marks[0]).abs().argmin()]
    assert min(abs(at["conf_low"]), abs(at["conf_high"])) < 0.05


def test_a_moderator_in_categories_has_slopes_and_no_curve(people):
    found = m.along_moderator(fitted(people, "leave ~ load * kind", "load:kind[T.village]"), people)
    assert found.slopes["at"].tolist() == ["office", "village"]
    assert found.curve.empty
    assert found.marks == []


def test_variables_of_models_come_in_the_order_in_which_they_are_named(people):
    fits = [fitted(people, "leave ~ pay + load", "load"), mediation(people)]
    assert m.model_variables(fits) == ["leave", "pay", "load", "vacant"]
    assert [str(one.terms["outcome"].iloc[0]) for one in m.equations(fits[1])] == ["load", "leave"]
