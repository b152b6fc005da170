"""Indirect effects under correlated errors: Theorem 4 in R, medsens, and derivatives by brute force."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError
from kzsurvey.modelling.effects.correlated_errors import _asked, _scene, mediation_sensitivity
from kzsurvey.modelling.effects.mediation import mediate

REFERENCE = Path(__file__).parents[1] / "reference"
SHARED = Path(__file__).parents[2].parent / "shared"
R = json.loads((REFERENCE / "sensitivity.json").read_text())["mediation"]
MEDIATOR, OUTCOME = "load ~ vacancies + pay + level", "leave ~ vacancies + pay + level + load"
CROSSED = "quit ~ vacancies * load + pay + level"


@pytest.fixture(scope="module")
def people():
    return pd.read_csv(REFERENCE / "sensitivity.csv")


@pytest.fixture(scope="module")
def design(people):
    return m.make_design(people, weight="weight", strata="stratum", clusters="cluster")


@pytest.fixture(scope="module")
def fits(people, design):
    return {
        "mediator": m.fit_regression(people, MEDIATOR, design=design, name="H4"),
        "linear": m.fit_regression(people, OUTCOME, design=design, name="H4"),
        "probit": m.fit_regression(people, CROSSED, design=design, family="probit", name="H4"),
    }


def jackknife(design):
    first = design.stages[0]
    clusters = np.arange(len(first.stratum))
    stratum = first.stratum[first.cluster]
    factor = first.drawn / (first.drawn - 1)
    out = first.cluster[:, None] == clusters
    same = stratum[:, None] == first.stratum
    weight = design.weight[:, None] * np.where(out, 0, np.where(same, factor[stratum][:, None], 1))
    return m.with_replicates(design, weight, factor=1 / factor[first.stratum])


def sensed(people, fits, kind, **options):
    return mediation_sensitivity(
        fits["mediator"], fits[kind], table=people, treatment="vacancies", low=3, high=4, rho=R["rho"], **options
    )


def test_the_linear_effect_is_theorem_4(people, fits):
    found = sensed(people, fits, "linear")
    np.testing.assert_allclose(found.table["estimate"], R["linear"], rtol=1e-9)
    np.testing.assert_allclose(found.zero["rho"], R["zero"], rtol=1e-9)
    np.testing.assert_allclose(found.zero["r2_star"], R["zero"] ** 2, rtol=1e-9)
    np.testing.assert_allclose(found.table["r2_tilde"], np.square(R["rho"]) * R["unexplained"], rtol=1e-9)
    assert found.table["effect"].eq("indirect").all()


def test_a_probit_effect_is_that_of_a_fit_at_each_rho(people, fits):
    found = sensed(people, fits, "probit").table.set_index("effect")["estimate"]
    np.testing.assert_allclose(found["indirect_control"], np.array(R["probit"])[:, 0], rtol=1e-7)
    np.testing.assert_allclose(found["indirect_treated"], np.array(R["probit"])[:, 1], rtol=1e-7)


def test_replicate_weights_give_the_jackknife_of_r(people, design):
    own = jackknife(design)
    fits = {
        "mediator": m.fit_regression(people, MEDIATOR, design=own),
        "linear": m.fit_regression(people, OUTCOME, design=own),
        "probit": m.fit_regression(people, CROSSED, design=own, family="probit"),
    }
    np.testing.assert_allclose(
        sensed(people, fits, "linear").table["std_error"], R["linear_error_jackknife"], rtol=1e-7
    )
    found = sensed(people, fits, "probit").table.set_index("effect")["std_error"]
    np.testing.assert_allclose(found["indirect_control"], np.array(R["probit_error_jackknife"])[:, 0], rtol=1e-5)


def test_linearised_errors_are_near_the_jackknife(people, fits):
    found = sensed(people, fits, "linear").table
    np.testing.assert_allclose(found["std_error"], R["linear_error_jackknife"], rtol=0.1)
    probit = sensed(people, fits, "probit").table.set_index("effect")["std_error"]
    np.testing.assert_allclose(probit["indirect_treated"], np.array(R["probit_error_jackknife"])[:, 1], rtol=0.15)


def moved_by_its_scores(fit, design):
    """The fit as its bread has it: that of a probit model is the expected information, not the observed one."""
    full = fit.extra["estimator"](design.weight)

    def moved(weight):
        return full._replace(estimate=full.estimate + full.bread @ ((weight - design.weight) @ full.scores))

    return replace(fit, extra=fit.extra | {"estimator": moved})


@pytest.mark.parametrize("kind", ["linear", "probit"])
def test_effects_move_with_weights_as_their_scores_say(people, design, fits, kind):
    outcome = fits["linear"] if kind == "linear" else moved_by_its_scores(fits["probit"], design)
    scene = _scene(_asked(fits["mediator"], outcome, "vacancies", 3, 4), people)
    estimator, weight = scene.effects(np.array([-0.5, 0.3])), people["weight"].to_numpy()
    influence, step = estimator(weight), 1e-4
    for row in (0, 50, 200):
        above, below = (estimator(weight + sign * step * (np.arange(len(weight)) == row)).estimate for sign in (1, -1))
        expected = influence.bread @ influence.scores[row]
        np.testing.assert_allclose((above - below) / (2 * step), expected, rtol=1e-5, atol=1e-9)


def test_without_correlation_it_is_the_mediation_itself(people, design):
    for kind, outcome in {"linear": "leave ~ vacancies * load + pay + level", "probit": CROSSED}.items():
        kinds = {outcome.partition(" ")[0]: kind}
        fit = mediate(people, outcome=outcome, mediators=MEDIATOR, treatment="vacancies", design=design, kinds=kinds)
        found = mediation_sensitivity(fit, table=people, rho=[0])
        expected = fit.terms.set_index("term").loc[found.table["effect"]]
        np.testing.assert_allclose(found.table["estimate"], expected["estimate"], rtol=1e-9)
        np.testing.assert_allclose(found.table["std_error"], expected["std_error"], rtol=1e-6)


def test_the_effect_is_nothing_at_its_zero_and_its_interval_ends_there(people, fits):
    for kind in ("linear", "probit"):
        zero = sensed(people, fits, kind).zero
        at = zero.loc[0, ["rho", "conf_low", "conf_high"]].to_numpy(dtype=float)
        found = mediation_sensitivity(
            fits["mediator"], fits[kind], table=people, treatment="vacancies", low=3, high=4, rho=at
        ).table.head(3)
        assert abs(found["estimate"][0]) < 1e-9
        ends = np.minimum(found["conf_low"].abs(), found["conf_high"].abs())[1:]
        assert (ends < 1e-3 * found["std_error"][1:]).all()


def test_many_rows_are_done_some_correlations_at_a_time(people, fits, monkeypatch):
    whole = sensed(people, fits, "probit")
    monkeypatch.setattr("kzsurvey.modelling.effects.correlated_errors._CELLS", 9 * len(people))
    parts = sensed(people, fits, "probit")
    pd.testing.assert_frame_equal(whole.table, parts.table)
    pd.testing.assert_frame_equal(whole.zero, parts.zero)


def test_products_with_covariates_are_averaged(people, design):
    first = m.fit_regression(people, "load ~ vacancies * pay", design=design)
    second = m.fit_regression(people, "leave ~ load * pay + vacancies * pay", design=design)
    found = mediation_sensitivity(first, second, table=people, treatment="vacancies", low=0, high=1, rho=[0.4]).table
    a, b = (fit.terms.set_index("term")["estimate"] for fit in (first, second))
    moved = a["vacancies"] + a["vacancies:pay"] * people["pay"]
    left = [fit.summary["deviance"] for fit in (second, first)]
    k = 0.4 / np.sqrt(1 - 0.4**2) * np.sqrt(left[0] / left[1])
    expected = np.average(moved * (b["load"] + b["load:pay"] * people["pay"] - k), weights=people["weight"])
    np.testing.assert_allclose(found["estimate"][0], expected, rtol=1e-9)


@pytest.mark.shared
def test_medsens_is_reproduced_up_to_where_its_iteration_stops():
    if not (SHARED / "refs" / "models.json").exists():
        pytest.skip(f"no reference values in {SHARED.name}/refs")
    R = json.loads((SHARED / "refs" / "models.json").read_text())["cases"]["jobs.medsens"]["result"]
    table = pd.read_csv(SHARED / "refs" / "data" / "mediation_jobs.csv")
    design, covariates = m.make_design(weight=np.ones(len(table))), "econ_hard + sex + age"
    fits = [
        m.fit_regression(table, f"{one} + {covariates}", design=design)
        for one in ("job_seek ~ treat", "depress2 ~ treat + job_seek")
    ]
    found = mediation_sensitivity(*fits, table=table, treatment="treat")
    theirs = np.ravel(R["d0"])
    np.testing.assert_allclose(found.table["estimate"], theirs, rtol=2e-4)
    np.testing.assert_allclose(found.table["estimate"][19], theirs[19], rtol=1e-9)
    nearest = found.table.loc[found.table["estimate"].abs().idxmin()]
    np.testing.assert_allclose(
        nearest[["rho", "r2_star", "r2_tilde"]].astype(float), [R["err_cr"], R["R2star"], R["R2tilde"]], rtol=1e-9
    )


@pytest.mark.parametrize(
    ("first", "second", "options", "message"),
    [
        (("quit ~ vacancies", "probit"), (OUTCOME, "linear"), {}, "a mediator of kind probit; allowed: a linear"),
        ((MEDIATOR, "linear"), ("quit ~ load + vacancies", "logistic"), {}, "of kind logistic.*a probit model"),
        ((MEDIATOR, "linear"), ("leave ~ load + vacancies", "linear"), {}, "pay, which the formula of leave lacks"),
        ((MEDIATOR, "linear"), ("leave ~ vacancies + pay + level", "linear"), {}, "load not in the formula of leave"),
        (
            (MEDIATOR, "linear"),
            (OUTCOME, "linear"),
            {"treatment": "pey"},
            "pey not in the formula of load.*perhaps pay",
        ),
        ((MEDIATOR, "linear"), (OUTCOME, "linear"), {"treatment": ""}, "or both fits and a treatment"),
        ((MEDIATOR, "linear"), (OUTCOME, "linear"), {"rho": [1.0]}, "correlations between -1 and 1"),
        ((MEDIATOR, "linear"), (OUTCOME + " + np.exp(load)", "linear"), {}, "bends in mediator load"),
    ],
)
def test_what_has_no_closed_form_is_named(people, design, first, second, options, message):
    fits = [m.fit_regression(people, formula, design=design, family=family) for formula, family in (first, second)]
    with pytest.raises(DesignError, match=message):
        mediation_sensitivity(*fits, table=people, **{"treatment": "vacancies", **options})


def test_models_that_do_not_belong_together_are_named(people, design, fits):
    where = people["level"].ne("county").to_numpy()
    some = m.fit_regression(people, OUTCOME, design=design, where=where)
    with pytest.raises(DesignError, match="not all the same"):
        mediation_sensitivity(fits["mediator"], some, table=people, treatment="vacancies")
    equal = m.fit_regression(people, OUTCOME, design=m.make_design(people, clusters="cluster"))
    with pytest.raises(DesignError, match="two designs"):
        mediation_sensitivity(fits["mediator"], equal, table=people, treatment="vacancies")
    with pytest.raises(DesignError, match="one table"):
        mediation_sensitivity(fits["mediator"], fits["linear"], table=people.head(9), treatment="vacancies")


def test_a_correction_for_few_clusters_reaches_every_rho(people, design):
    plain, few = (
        [m.fit_regression(people, one, design=design, small_sample=kind) for one in (MEDIATOR, OUTCOME)]
        for kind in ("none", "CR2")
    )
    at_zero = mediate(people, outcome=OUTCOME, mediators=MEDIATOR, treatment="vacancies", design=design,
                      small_sample="CR2").terms.set_index("term").loc["indirect"]  # fmt: skip
    options = {"table": people, "treatment": "vacancies", "rho": [0.0, 0.3]}
    found, before = mediation_sensitivity(*few, **options).table, mediation_sensitivity(*plain, **options).table
    np.testing.assert_allclose(found["estimate"], before["estimate"])
    np.testing.assert_allclose(found.loc[0, ["std_error"]].to_numpy(float), at_zero["std_error"], rtol=1e-7)
    assert (found["std_error"] != before["std_error"]).all()


def test_several_mediators_are_refused(people, design):
    fit = mediate(people, outcome="leave ~ load + pay + vacancies", mediators=["load ~ vacancies", "pay ~ vacancies"],
                  treatment="vacancies", design=design)  # fmt: skip
    with pytest.raises(DesignError, match="2 mediators"):
        mediation_sensitivity(fit, table=people)


def test_kinds_are_named_with_their_article_right(people, design):
    ranked = people.assign(rank=pd.cut(people["leave"], 3, labels=False))
    fits = m.fit_regression(people, MEDIATOR, design=design), m.fit_ordinal(
        ranked, "rank ~ vacancies + pay + level + load", design=design)  # fmt: skip
    with pytest.raises(DesignError, match="an outcome of kind ordinal"):
        mediation_sensitivity(*fits, table=ranked, treatment="vacancies")
