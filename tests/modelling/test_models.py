"""Declared models: one dispatch, one family of hypotheses, and every fault with the name of its model."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import kzsurvey as kz
from kzsurvey import modelling as m
from kzsurvey.errors import DesignError
from kzsurvey.survey.record import Model
from kzsurvey.tables import check_table

MARKET = Path(__file__).parents[1] / "surveys" / "data" / "raw" / "market"


@pytest.fixture(scope="module")
def survey():
    return kz.read_survey(MARKET)


@pytest.fixture
def analysis():
    rng = np.random.default_rng(2)
    frame = pd.DataFrame({"weight": rng.uniform(1, 2, 90), "cluster": np.repeat(np.arange(30), 3), "stratum": "all"})
    frame["load"], frame["pay"] = rng.normal(size=90), rng.normal(size=90)
    frame["hours"] = 40 + 3 * frame["load"] + rng.normal(size=90)
    frame["role"] = pd.Categorical(rng.choice(["staff", "guest"], 90))
    frame["exposure"] = 0.5
    return frame.assign(named=(rng.random(90) < 0.4) * 1, visits=rng.poisson(3, 90)).rename_axis("interview")


def model(**changes):
    return Model(**({"name": "load", "kind": "linear", "formula": "hours ~ load + pay"} | changes))


def declared(survey, *models):
    return replace(survey, models={one.name: one for one in models}, weighting={}, sample={"lonely": "adjust"})


@pytest.mark.parametrize(
    ("kind", "outcome"), [("linear", "hours"), ("logistic", "named"), ("probit", "named"), ("poisson", "visits")]
)
def test_every_kind_fits(analysis, kind, outcome):
    fit = m.fit(analysis, model(kind=kind, formula=f"{outcome} ~ load"))
    assert fit.terms["kind"].unique().tolist() == [kind]
    assert fit.terms["outcome"].unique().tolist() == [outcome]
    assert check_table(fit.terms, "terms") is fit.terms
    assert "estimate" in fit._repr_html_()


def test_the_hypothesis_stands_in_the_row_of_its_term(analysis):
    terms = m.fit(analysis, model(hypothesis="H2", term="load")).terms
    assert terms["hypothesis"].tolist() == ["", "H2", ""]


def test_where_is_a_domain(analysis):
    fit = m.fit(analysis, model(where="${role} != 'guest'"))
    assert fit.terms["n"][0] == (analysis["role"] == "staff").sum()
    assert m.domain(analysis, model()) is None


def test_an_offset_is_an_option(analysis):
    fit = m.fit(analysis, model(kind="poisson", formula="visits ~ load", options={"offset": "exposure"}))
    plain = m.fit(analysis, model(kind="poisson", formula="visits ~ load"))
    assert fit.terms["estimate"][0] == pytest.approx(plain.terms["estimate"][0] - 0.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "logisitc"}, "model load: found unknown kind 'logisitc'; allowed: linear, .*; perhaps logistic"),
        ({"formula": "hours ~ laod"}, "model load: found unknown variable 'laod'; .*perhaps load"),
        ({"hypothesis": "H1", "term": "lod"}, "no term 'lod'; allowed: Intercept, load, pay; perhaps load"),
        ({"options": {"ofset": "x"}}, "unknown option 'ofset'; allowed: offset"),
        ({"options": {"offset": "x9"}}, "unknown variable 'x9'"),
        ({"where": "${load} > 99"}, "nobody in its domain"),
    ],
)
def test_what_a_declaration_gets_wrong_is_named(analysis, changes, message):
    with pytest.raises(DesignError, match=message):
        m.fit(analysis, model(**changes))


def test_the_family_is_every_hypothesis_and_nothing_else(analysis, survey):
    family = declared(
        survey,
        model(name="a", hypothesis="H1", term="load"),
        model(name="b", formula="hours ~ pay", hypothesis="H2", term="pay"),
        model(name="c", formula="hours ~ load"),
    )
    terms = m.fit_models(analysis.assign(stratum="all", cluster=analysis["cluster"].astype(str)), family)
    tested = terms[terms["hypothesis"] != ""]
    np.testing.assert_allclose(tested["p_adjusted"], m.benjamini_hochberg(tested["p_value"].to_numpy()))
    assert terms.loc[terms["hypothesis"] == "", "p_adjusted"].isna().all()


def test_the_faults_of_all_models_come_at_once(analysis, survey):
    wrong = declared(
        survey,
        model(name="a", formula="hours ~ laod"),
        model(name="b", kind="cubic"),
        model(name="c", where="${nobody} = 1"),
        model(name="d"),
    )
    with pytest.raises(DesignError) as caught:
        m.fit_models(analysis.assign(cluster=analysis["cluster"].astype(str)), wrong)
    found = str(caught.value)
    assert all(f"survey.toml, column model {name}: found" in found for name in "abc")
    assert "model d" not in found


def test_a_sample_that_cannot_tell_its_error_is_refused_before_any_model(analysis, survey):
    with pytest.raises(DesignError, match="survey.toml, column sample: found a single cluster"):
        m.fit_models(analysis.assign(cluster="one"), declared(survey, model()))


def test_a_survey_without_models_has_an_empty_table_of_terms(analysis, survey):
    assert len(m.fit_models(analysis, declared(survey))) == 0


def test_terms_are_the_same_from_a_table_read_back(analysis, survey, tmp_path):
    family = declared(survey, model(hypothesis="H1", term="load", where="${role} = 'staff'"))
    table = analysis.assign(cluster=analysis["cluster"].astype(str))
    table.to_parquet(tmp_path / "analysis.parquet")
    again = m.fit_models(pd.read_parquet(tmp_path / "analysis.parquet"), family)
    pd.testing.assert_frame_equal(m.fit_models(table, family), again)


def test_a_new_kind_is_one_function_and_one_line(analysis, monkeypatch):
    monkeypatch.setitem(
        m.ESTIMATORS, "halved", lambda table, one, design: m.fit_regression(table, one.formula, design=design)
    )
    assert len(m.fit(analysis, model(kind="halved")).terms) == 3


def test_the_market_survey_gives_its_declared_terms(survey):
    interviews, _ = kz.clean(kz.read_answers(survey), survey)
    terms = m.fit_models(kz.analyse(interviews, kz.code(interviews, survey), survey), survey)
    assert terms.loc[terms["hypothesis"] != "", "term"].tolist() == ["days_week", "content"]
    assert terms["std_error"].gt(0).all()
