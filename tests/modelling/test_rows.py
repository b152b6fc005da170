"""A design knows the rows it is of: a table in another order, or a part of it, is refused by name everywhere."""

import numpy as np
import pandas as pd
import pytest

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError


@pytest.fixture
def people():
    rng = np.random.default_rng(11)
    frame = pd.DataFrame({"weight": rng.uniform(1, 4, 120), "cluster": np.arange(120) // 6})
    frame["load"], frame["age"] = rng.normal(3, 1, 120), rng.integers(18, 60, 120)
    frame["leave"] = frame["load"] + rng.normal(0, 1, 120)
    frame["rare"] = rng.integers(1, 6, 120)
    frame["level"] = pd.Categorical(rng.choice(["low", "mid", "top"], 120), ["low", "mid", "top"], ordered=True)
    frame["two"] = np.where(frame["age"] > 40, "old", "young")
    return frame


@pytest.fixture
def design(people):
    return m.make_design(people, weight="weight", clusters="cluster")


PATHS = {"outcome": "leave ~ load + age", "mediators": "load ~ age", "treatment": "age"}
CODE = {"code": lambda table: (table["leave"] > 3) * 1.0}


def coded(table):
    """Codes of the machine, and those of people for every second interview."""
    return table.assign(**CODE)[["code"]], table.assign(**CODE)["code"].sort_index().iloc[::2]


ESTIMATORS = {
    "mean": lambda table, **given: m.mean("load", table, **given),
    "mean of a series": lambda table, **given: m.mean(table["load"], **given),
    "shares": lambda table, **given: m.shares("two", table, **given),
    "quantile": lambda table, **given: m.quantile("load", table, **given),
    "t_test": lambda table, **given: m.t_test("load", table, by="two", **given),
    "chi_square": lambda table, **given: m.chi_square("level", table, by="two", **given),
    "correlations": lambda table, **given: m.correlations(["load", "leave"], table, **given),
    "reliability": lambda table, **given: m.reliability(["load", "leave"], table, **given),
    "item_analysis": lambda table, **given: m.item_analysis(["load", "leave", "rare"], table, **given),
    "sample_table": lambda table, **given: m.sample_table(table, variables=["two"], **given),
    "fit_regression": lambda table, **given: m.fit_regression(table, "leave ~ load", **given),
    "fit_ordinal": lambda table, **given: m.fit_ordinal(table, "level ~ load", **given),
    "fit_mixed": lambda table, **given: m.fit_mixed(table, "leave ~ load", groups="cluster", **given),
    "mediate": lambda table, **given: m.mediate(table, **PATHS, **given),
    "sample_shape": lambda table, **given: m.sample_shape(["load"], table, **given),
    "coded_regression": lambda table, **given: m.coded_regression(
        table.assign(**CODE), "code ~ load", coded(table)[1], probability=0.5, **given
    ),
}
OF_ALL = ESTIMATORS | {
    "codes_by_groups": lambda table, **given: m.codes_by_groups(["code"], table.assign(**CODE), by=["two"], **given),
    "prevalence": lambda table, **given: m.prevalence(*coded(table), probability=0.5, **given),
    "answers_to_code": lambda table, **given: m.answers_to_code(*coded(table), probability=0.5, width=0.1, **given),
}


@pytest.mark.parametrize("estimate", OF_ALL.values(), ids=OF_ALL)
def test_rows_in_another_order_are_refused(people, design, estimate):
    with pytest.raises(DesignError, match="rows in another order"):
        estimate(people.sample(frac=1, random_state=1), design=design)


@pytest.mark.parametrize("estimate", OF_ALL.values(), ids=OF_ALL)
def test_a_part_of_the_rows_is_refused_and_where_is_named(people, design, estimate):
    with pytest.raises(DesignError, match=r"rows of a design of 120.*where="):
        estimate(people[people["age"] > 30], design=design)


@pytest.mark.parametrize("estimate", ESTIMATORS.values(), ids=ESTIMATORS)
def test_a_condition_in_words_is_no_domain(people, design, estimate):
    with pytest.raises(DesignError, match="where 'age > 30'.*True or False for every row"):
        estimate(people, design=design, where="age > 30")


@pytest.mark.parametrize("estimate", ESTIMATORS.values(), ids=ESTIMATORS)
def test_a_domain_of_another_table_is_refused(people, design, estimate):
    with pytest.raises(DesignError, match="where"):
        estimate(people, design=design, where=people.loc[people["age"] > 30, "load"] > 3)
    with pytest.raises(DesignError, match="rows in another order"):
        estimate(people, design=design, where=people.sort_values("age")["age"] > 30)


@pytest.mark.parametrize("name", ["fit_regression", "fit_ordinal", "mediate"])
def test_a_fit_without_a_design_says_how_one_is_made(people, name):
    with pytest.raises(TypeError, match="make_design"):
        ESTIMATORS[name](people, design=None)


def test_a_domain_with_unknown_rows_is_refused(people, design):
    some = (people["age"] > 30).astype("boolean").where(people["age"] < 50)
    with pytest.raises(DesignError, match="rows that are neither True nor False"):
        m.mean("load", people, design=design, where=some)
    assert m.mean("load", people, design=design, where=some.fillna(False)).table["n"][0] < 120


def test_groups_and_values_are_of_the_same_rows(people, design):
    with pytest.raises(DesignError, match="rows in another order"):
        m.mean("load", people, design=design, by=people["two"].sample(frac=1, random_state=1))
    with pytest.raises(DesignError, match="rows in another order"):
        m.t_test(people["load"].sample(frac=1, random_state=1), people, by="two")


def test_arrays_need_only_be_as_many(people, design):
    named, given = m.mean("load", people, design=design), m.mean(people["load"].to_numpy(), design=design)
    assert named.table["estimate"][0] == given.table["estimate"][0]
    with pytest.raises(DesignError, match="100 rows of a design of 120"):
        m.mean(np.ones(100), design=design)


def test_calibration_and_replicates_keep_the_rows(people, design):
    raked = m.rake(people, {"two": {"old": 50, "young": 70}}, design=design).design
    for made in (raked, m.jackknife(design)):
        with pytest.raises(DesignError, match="rows in another order"):
            m.mean("load", people.iloc[::-1], design=made)
    with pytest.raises(DesignError, match="rows in another order"):
        m.rake(people.iloc[::-1], {"two": {"old": 50, "young": 70}}, design=design)


def test_a_formula_before_the_table_is_told_apart(people, design):
    with pytest.raises(TypeError, match="table first, then the formula"):
        m.fit_regression("leave ~ load", people, design=design)


def test_an_unknown_family_is_refused_with_the_nearest_one(people, design):
    with pytest.raises(DesignError, match=r"unknown family 'logit'.*perhaps logistic"):
        m.fit_regression(people, "leave ~ load", design=design, family="logit")


def test_a_record_of_another_kind_is_named(people, design):
    level = m.fit_ordinal(people, "level ~ load", design=design)
    for function in (m.mediation_effects, m.mediation_paths, m.route):
        with pytest.raises(TypeError, match="a mediation.*not of kind ordinal"):
            function(level)
    with pytest.raises(TypeError, match="correlations.*not Estimates"):
        m.triangle(m.mean("load", people, design=design))
    with pytest.raises(TypeError, match="compare takes fits.*not str"):
        m.compare(level, "x")


def test_what_is_asked_of_a_fit_is_asked_with_its_own_rows(people, design):
    fit = m.fit_regression(people, "leave ~ load * age", design=design)
    split = m.mediate(people, **PATHS, design=design)
    mixed = m.fit_mixed(people, "leave ~ load", groups="cluster")
    turned = people.iloc[::-1]
    asked = [
        lambda: m.marginal_effects(fit, turned),
        lambda: m.marginal_effects(mixed, turned),
        lambda: m.simple_slopes(fit, "load", "age", table=turned),
        lambda: m.mediation_sensitivity(split, table=turned),
    ]
    for ask in asked:
        with pytest.raises(DesignError, match="rows in another order"):
            ask()
    with pytest.raises(DesignError, match="where 'age > 30'"):
        m.marginal_effects(fit, people, where="age > 30")
    assert len(m.predictions(fit, turned.head(5))) == 5


def test_agreement_in_groups_takes_no_condition_in_words(people):
    with pytest.raises(DesignError, match="where 'age > 30'"):
        m.intraclass("load", people, groups="cluster", where="age > 30", draws=0)


def test_groups_in_the_place_of_the_table_are_told_apart(people, design):
    for test in (m.t_test, m.one_way, m.rank_test, m.chi_square):
        with pytest.raises(TypeError, match="groups are given as by="):
            test("level", "two", by="two", design=design)


DOMAINS = {
    "missing_counts": lambda table, design, some: m.missing_counts(table, ["load"], design=design, where=some),
    "fit_mixed": lambda table, design, some: m.fit_mixed(table, "leave ~ load", groups="cluster", where=some),
    "sample": lambda table, design, some: m.specification_curve(
        table, outcomes=["leave"], terms=["load"], design=design, samples={"some": some}
    ),
    "correspondence": lambda table, design, some: m.correspondence(
        table[["load", "leave"]].gt(3) * 1.0, table["level"], design=design, where=some
    ),
    "intraclass": lambda table, design, some: m.intraclass("load", table, groups="cluster", where=some),
    "groups": lambda table, design, some: m.intraclass("load", table, groups=some),
    "agreement": lambda table, design, some: m.within_agreement("rare", table, groups=some, options=5),
    "centring": lambda table, design, some: m.centred_by_group(table, "load", groups=some),
    "asked": lambda table, design, some: m.asked_rows(table, "load", asked=some),
    "leave_one_out": lambda table, design, some: m.leave_one_out(
        lambda stays: m.fit_regression(table, "leave ~ load", design=design, where=stays), some, term="load"
    ),
}


@pytest.mark.parametrize("call", DOMAINS.values(), ids=DOMAINS)
def test_rows_chosen_or_grouped_in_another_order_are_refused(people, design, call):
    some = (people["age"] > 40).sample(frac=1, random_state=1)
    with pytest.raises(DesignError, match="order"):
        call(people, design, some)
