"""Every estimator gives what R's survey gives, on a simulated two-stage sample (tests/reference/modelling.R)."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kzsurvey import modelling as m

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "modelling.json").read_text())
ITEMS = ["item1", "item2", "item3", "item4"]
TOTALS = {"one": 3800.0, "middle": 1100.0, "high": 800.0, "hours": 130000.0}
Z = {"low": 1900, "middle": 1100, "high": 800}
STRATA = {"east": 1100, "north": 1500, "south": 800, "west": 400}
NAMES = ["plain", "staged", "post", "raked", "greg", "logit"]


@pytest.fixture(scope="module")
def people():
    table = pd.read_csv(REFERENCE / "modelling.csv")
    return table.assign(z=pd.Categorical(table["z"], list(Z)), log_hours=np.log(table["hours"]))


def plain(people, strata="stratum", **options):
    return m.make_design(people, weight="weight", strata=strata, clusters="cluster", **options)


def filled(people):
    return people.fillna({"x": 10.0, "y": 28.0, "item2": 3.0})


def known(people):
    return pd.DataFrame(
        {
            "one": 1.0,
            "middle": people["z"].eq("middle") * 1.0,
            "high": people["z"].eq("high") * 1.0,
            "hours": people["hours"],
        }
    )


def staged(people):
    sizes = ["villages", "households"]
    return m.make_design(people, weight="weight", strata="stratum", clusters=["cluster", "person"], population=sizes)


CALIBRATED = {
    "post": lambda people: m.poststratify(people["z"], Z, design=plain(people)),
    "raked": lambda people: m.rake(people, {"z": Z, "stratum": STRATA}, design=plain(people)),
    "greg": lambda people: m.calibrate(known(people), TOTALS, design=plain(people)),
    "logit": lambda people: m.calibrate(
        known(people), TOTALS, design=plain(people), distance="logit", bounds=(0.4, 2.5)
    ),
}


@pytest.fixture(scope="module", params=NAMES)
def case(request, people):
    name = request.param
    if name in CALIBRATED:
        return R[name], filled(people), CALIBRATED[name](people).design
    return R[name], people, {"plain": plain, "staged": staged}[name](people)


def same(found, wanted, tolerance=1e-9):
    np.testing.assert_allclose(np.asarray(found, dtype=float).ravel(), np.ravel(wanted), rtol=tolerance, atol=1e-12)


def same_estimates(found, wanted):
    same(found.table["estimate"], wanted["estimate"])
    rounding = 1e-12 * np.max(np.abs(wanted["estimate"]))  # a calibrated total has no error but this
    np.testing.assert_allclose(found.table["std_error"], wanted["std_error"], rtol=1e-9, atol=rounding)


def same_terms(fit, wanted, tolerance=1e-9):
    for column in ("estimate", "std_error"):
        same(fit.terms[column], wanted[column], tolerance)
    same(fit.terms["p_value"], wanted["p_value"], 100 * tolerance)
    same(fit.terms["df"], np.full(len(fit.terms), wanted["df"]))
    same(1 - fit.summary["r_squared"], wanted["deviance"] / wanted["null_deviance"], tolerance)
    if not fit.summary["n_dropped"]:  # R scales by the weights of all rows, those without a value too
        same(fit.summary["dispersion"], wanted["dispersion"], 10 * tolerance)
        if wanted["aic"]:
            same([fit.summary["aic"], fit.summary["effective_parameters"]], wanted["aic"], 1e-6)


def test_degrees_of_freedom(case):
    wanted, _, design = case
    assert m.degrees_of_freedom(design) == wanted["df"]


def test_means_with_missing_values_dropped_as_a_domain(case):
    wanted, people, design = case
    both = m.mean(["y", "x"], people, design=design)
    same(both.table["estimate"], [wanted["mean_y"]["estimate"], wanted["mean_x"]["estimate"]])
    same(both.table["std_error"], [wanted["mean_y"]["std_error"], wanted["mean_x"]["std_error"]])
    same(both.table["deff"][0], wanted["deff_y"])


def test_totals_ratios_and_shares(case):
    wanted, people, design = case
    total = m.total("hours", people, design=design)
    same_estimates(total, wanted["total_hours"])
    np.testing.assert_allclose(total.table["deff"], wanted["deff_total"], rtol=1e-9, atol=1e-12)
    same_estimates(m.ratio("visits", "hours", people, design=design), wanted["ratio"])
    same_estimates(m.shares("z", people, design=design), wanted["shares_z"])


def test_groups_and_their_covariance(case):
    wanted, people, design = case
    means = m.mean("hours", people, design=design, by="z")
    same_estimates(means, wanted["mean_by"])
    same_estimates(m.total("hours", people, design=design, by="z"), wanted["total_by"])
    if wanted["covariance_by"]:
        same(means.covariance, wanted["covariance_by"])


def test_a_domain_keeps_the_whole_design(case):
    wanted, people, design = case
    found = m.mean("hours", people, design=design, where=people["b"] == 1)
    same_estimates(found, wanted["domain"])
    assert found.table["df"][0] == wanted["domain"]["df"]


@pytest.mark.parametrize("method", ["logit", "beta"])
def test_intervals_of_proportions(case, method):
    wanted, people, design = case
    found = m.proportion("b", people, design=design, method=method).table
    same(found[["conf_low", "conf_high"]], wanted[f"{method}_interval"])


@pytest.mark.parametrize(("key", "formula"), [("linear", "y ~ x + z"), ("interaction", "y ~ x * z")])
def test_linear_models(case, key, formula):
    wanted, people, design = case
    same_terms(m.fit_regression(people, formula, design=design), wanted[key])


def test_a_linear_model_in_a_domain(case):
    wanted, people, design = case
    where = (people["stratum"] != "west").to_numpy()
    fit = m.fit_regression(people, "y ~ x", design=design, where=where)
    same(fit.terms["estimate"], wanted["linear_domain"]["estimate"])
    same(fit.terms["std_error"], wanted["linear_domain"]["std_error"])
    assert fit.summary["df"] == wanted["linear_domain"]["df"]


@pytest.mark.parametrize("family", ["logistic", "probit", "poisson"])
def test_other_families(case, family):
    wanted, people, design = case
    formula, offset = ("visits ~ x + z", "log_hours") if family == "poisson" else ("b ~ x + z", "")
    fit = m.fit_regression(people, formula, design=design, family=family, offset=offset)
    same_terms(fit, wanted[family], 3e-8)  # R's last step: square root of the epsilon of its deviance


def test_the_wald_test(case):
    wanted, people, design = case
    fit = m.fit_regression(people, "y ~ x + z", design=design)
    found = m.wald_test(fit.terms["estimate"].to_numpy()[2:], fit.covariance[2:, 2:], fit.summary["df"])
    same(found, [wanted["wald"]["f"], wanted["wald"]["df"], wanted["wald"]["p"]], 1e-8)


def test_alpha_and_its_error(case):
    wanted, people, design = case
    found = m.reliability(ITEMS, people, design=design).scale
    same(found["alpha"], wanted["alpha"]["estimate"])
    same(found["std_error"], wanted["alpha"]["std_error"], 1e-7)  # R's side uses a numerical gradient


@pytest.mark.parametrize("name", list(CALIBRATED))
def test_calibrated_weights(people, name):
    same(CALIBRATED[name](people).design.weight, R["weights"][name])


def test_trimmed_weights(people):
    same(m.trim(people["weight"].to_numpy(), low=5, high=25), R["weights"]["trimmed"])


@pytest.mark.parametrize("lonely", ["certainty", "adjust", "average"])
def test_strata_with_a_single_cluster(people, lonely):
    design, wanted = plain(people, strata="lonely", lonely=lonely), R["lonely"][lonely]
    same_estimates(m.mean("y", people, design=design), wanted["mean_y"])
    same_terms(m.fit_regression(people, "y ~ x + z", design=design), wanted["linear"])
    assert m.degrees_of_freedom(design) == wanted["df"]


def test_replicate_weights(people):
    base, wanted = plain(people), R["jackknife"]
    first = base.stages[0]
    out = first.cluster[:, None] == np.arange(len(first.stratum))
    same_stratum = first.stratum[first.cluster][:, None] == first.stratum
    drawn = first.drawn[first.stratum]
    weight = base.weight[:, None] * np.where(out, 0.0, np.where(same_stratum, drawn / (drawn - 1), 1.0))
    design = m.with_replicates(base, weight, factor=(drawn - 1) / drawn, df=wanted["df"])
    same_estimates(m.mean("y", people, design=design), wanted["mean_y"])
    same_estimates(m.total("hours", people, design=design), wanted["total_hours"])
    same_estimates(m.ratio("visits", "hours", people, design=design), wanted["ratio"])
    same_terms(m.fit_regression(people, "y ~ x + z", design=design), wanted["linear"])
    fit = m.fit_regression(people, "b ~ x + z", design=design, family="logistic")
    same(fit.terms["std_error"], wanted["logistic"]["std_error"], 1e-7)
