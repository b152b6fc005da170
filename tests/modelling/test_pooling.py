"""Rubin's rules give what mice, mitml and mitools give, for whatever estimator is run over the sets."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError

REFERENCE = Path(__file__).parents[1] / "reference"
R = json.loads((REFERENCE / "missing.json").read_text())


@pytest.fixture(scope="module")
def sets():
    long = pd.read_csv(REFERENCE / "missing.csv")
    return [group.drop(columns=".imp").reset_index(drop=True) for number, group in long.groupby(".imp") if number]


@pytest.fixture(scope="module")
def design(sets):
    return m.make_design(sets[0], weight="weight", strata="stratum", clusters="village")


def classical(table, outcome, terms):
    """A linear model with the errors of R's lm, as a tidy table."""
    matrix = np.column_stack([np.ones(len(table)), *(table[term] for term in terms)])
    inverse = np.linalg.inv(matrix.T @ matrix)
    best = inverse @ matrix.T @ table[outcome].to_numpy()
    df = len(table) - len(best)
    covariance = inverse * ((table[outcome] - matrix @ best) ** 2).sum() / df
    return m.terms_table(
        ("Intercept", *terms), best, covariance, df, model="", n=len(table), n_dropped=0, outcome=outcome, kind="linear"
    )


def line(table, design):
    return m.fit_regression(table, "y ~ x + z + b", design=design)


def test_a_linear_model_is_pooled_as_mice_pools_it(sets):
    pooled = m.with_imputations(sets, lambda table, design: classical(table, "y", ("x", "z", "b"))).table
    for name in ("estimate", "std_error", "df", "riv", "share", "fmi"):
        assert pooled[name].to_numpy() == pytest.approx(R["lm"][name], rel=1e-9)
    assert pooled["p_value"].to_numpy() == pytest.approx(R["lm"]["p_value"], rel=1e-7)


def test_without_degrees_of_freedom_they_are_those_of_a_large_sample(sets):
    tables = [classical(table, "y", ("x", "z", "b")).assign(df=np.inf) for table in sets]
    pooled = m.pool(tables).table
    for name in ("df", "fmi"):
        assert pooled[name].to_numpy() == pytest.approx(R["lm_large"][name], rel=1e-9)


def test_a_logistic_model_is_pooled_as_mice_pools_it(sets):
    plain = m.make_design(sets[0])
    fits = [m.fit_regression(table, "b ~ x + y", design=plain, family="logistic") for table in sets]
    estimates = np.array([fit.terms["estimate"] for fit in fits])
    variances = np.array([np.diag(fit.extra["unscaled"]) for fit in fits])
    pooled = m.rubin(estimates, variances, df=len(sets[0]) - 3)
    for name in ("estimate", "std_error", "df", "riv", "share", "fmi", "within", "between"):
        assert getattr(pooled, name) == pytest.approx(R["glm"][name], rel=1e-6)


def test_design_based_regression_is_pooled_as_mitools_pools_it(sets, design):
    pooled = m.with_imputations(sets, line, design=design)
    for name in ("estimate", "std_error", "df", "fmi"):
        assert pooled.table[name].to_numpy() == pytest.approx(R["svyglm"][name], rel=1e-7)
    assert np.sqrt(np.diag(pooled.covariance)) == pytest.approx(R["svyglm"]["std_error"], rel=1e-7)


def test_design_based_means_are_pooled_as_mitools_pools_them(sets, design):
    pooled = m.with_imputations(sets, lambda table, d: m.mean(["y", "z", "b"], table, design=d), design=design)
    for name in ("estimate", "std_error", "df", "fmi"):
        assert pooled.table[name].to_numpy() == pytest.approx(R["svymean"][name], rel=1e-9)


@pytest.mark.parametrize(("case", "df"), [("D1_df", 140.0), ("D1", np.inf)])
def test_several_coefficients_are_tested_as_mitml_tests_them(sets, case, df):
    tables = [classical(table, "y", ("x", "z", "b")) for table in sets]
    matrices = [np.column_stack([np.ones(len(table)), table[["x", "z", "b"]]]) for table in sets]
    covariances = []
    for table, matrix, terms in zip(sets, matrices, tables, strict=True):
        left = table["y"] - matrix @ terms["estimate"].to_numpy()
        covariances.append(np.linalg.inv(matrix.T @ matrix) * (left**2).sum() / (len(table) - 4))
    estimates = np.array([terms["estimate"] for terms in tables])[:, 2:]
    found = m.pooled_wald(estimates, np.array(covariances)[:, 2:, 2:], df=df)
    for name in ("f", "df", "df_below", "riv"):
        assert getattr(found, name) == pytest.approx(R[case][name], rel=1e-9)
    assert found.p_value == pytest.approx(R[case]["p_value"], rel=1e-7)


def test_statistics_alone_are_pooled_as_mitml_pools_them():
    found = m.pooled_statistics(np.array(R["chi"]), 2)
    for name in ("f", "df", "df_below", "riv", "p_value"):
        assert getattr(found, name) == pytest.approx(R["D2"][name], rel=1e-9)


def test_the_test_of_a_pooled_model_is_that_of_its_coefficients(sets, design):
    pooled = m.with_imputations(
        sets, lambda table, d: m.fit_regression(table, "y ~ x + z + b", design=d), design=design
    )
    fits = pooled.results
    found = pooled.wald(["z", "b"])
    covariances = np.array([fit.covariance[2:, 2:] for fit in fits])
    by_hand = m.pooled_wald(np.array([fit.terms["estimate"][2:] for fit in fits]), covariances, df=19.0)
    assert found == pytest.approx(by_hand)
    with pytest.raises(DesignError, match="unknown term 'pay'"):
        pooled.wald(["pay"])


def test_sets_that_are_all_alike_give_what_one_gives(sets, design):
    same = [sets[0]] * 4
    for work in (
        lambda table, d: m.fit_ordinal(table.assign(o=pd.cut(table["y"], 4, labels=False)), "o ~ x", design=d),
        lambda table, d: m.proportion("b", table, design=d, method="beta"),
        lambda table, d: m.quantile("y", table, p=0.5, design=d),
        lambda table, d: m.correlations(["x", "y", "z"], table, design=d),
    ):
        pooled, one = m.with_imputations(same, work, design=design), work(sets[0], design)
        table = one.terms if isinstance(one, m.Fit) else one.table
        for name in ("estimate", "std_error", "df", "conf_low", "conf_high"):
            assert pooled.table[name].to_numpy() == pytest.approx(table[name].to_numpy())
        assert (pooled.table["fmi"] == 0).all()


WORK = {
    "logistic": lambda t, d: m.fit_regression(t, "b ~ x + y", design=d, family="logistic"),
    "ordinal": lambda t, d: m.fit_ordinal(t.assign(o=pd.cut(t["z"], [-9, 8, 10, 30], labels=False)), "o ~ x", design=d),
    "mixed": lambda t, d: m.fit_mixed(t, "y ~ x", groups="village"),
    "mediation": lambda t, d: m.mediate(t, outcome="z ~ y + x", mediators="y ~ x", treatment="x", design=d),
    "margins": lambda t, d: m.marginal_effects(
        m.fit_regression(t, "b ~ x + y", design=d, family="logistic"), t
    ),
    "mean": lambda t, d: m.mean("y", t, design=d, by="stratum"),
    "total": lambda t, d: m.total("y", t, design=d),
    "ratio": lambda t, d: m.ratio("y", "z", t, design=d),
    "shares": lambda t, d: m.shares("b", t, design=d),
    "variances": lambda t, d: m.variances("y", t, design=d),
    "quantile": lambda t, d: m.quantile("y", t, p=[0.25, 0.5], design=d),
    "differences": lambda t, d: m.differences(m.mean("y", t, design=d, by="stratum")),
    "correlations": lambda t, d: m.correlations(["x", "y", "z"], t, design=d),
    "reliability": lambda t, d: m.reliability(["x", "y"], t, design=d),
    "t test": lambda t, d: m.t_test("y", t, by="stratum", design=d),
    "one-way": lambda t, d: m.one_way("y", t, by="stratum", design=d),
    "rank test": lambda t, d: m.rank_test("y", t, by="stratum", design=d),
    "chi-square": lambda t, d: m.chi_square(t["b"].astype(str), t, by="stratum", design=d),
}  # fmt: skip


@pytest.mark.parametrize("name", WORK)
def test_every_estimator_takes_the_imputed_sets(sets, design, name):
    pooled = m.with_imputations(sets, WORK[name], design=design)
    table = pooled.table
    assert np.isfinite(table["estimate"]).all()
    assert table["fmi"].between(0, 1).all()
    assert table["efficiency"].between(6 / 7, 1).all()
    inside = table["estimate"].between(table.get("conf_low", -np.inf), table.get("conf_high", np.inf))
    assert inside.all()


def test_a_test_over_sets_has_a_probability(sets, design):
    for name in ("t test", "one-way", "chi-square", "rank test"):
        pooled = m.with_imputations(sets, WORK[name], design=design)
        single = [result.p_value for result in pooled.results]
        assert min(single) / 3 < pooled.test.p_value <= 1
        assert pooled.test.df_below > 2


def test_a_t_test_over_sets_is_the_pooled_difference(sets, design):
    pooled = m.with_imputations(sets, WORK["t test"], design=design)
    by_hand = m.rubin(
        np.array([[result.effects["estimate"].iloc[0]] for result in pooled.results]),
        np.array([[result.effects["std_error"].iloc[0] ** 2] for result in pooled.results]),
        df=pooled.results[0].df,
    )
    assert pooled.test.f == pytest.approx((by_hand.estimate[0] / by_hand.std_error[0]) ** 2)
    assert pooled.test.df_below == pytest.approx(by_hand.df[0])


@pytest.mark.parametrize(
    ("name", "scale"), [("mean", "identity"), ("shares", "logit"), ("variances", "log"), ("correlations", "fisher"),
                        ("reliability", "complement"), ("margins", "identity")]
)  # fmt: skip
def test_an_estimate_is_pooled_on_the_scale_of_its_interval(sets, design, name, scale):
    assert set(m.with_imputations(sets, WORK[name], design=design).table["scale"]) == {scale}


def test_a_proportion_is_pooled_on_its_log_odds(sets, design):
    row = m.with_imputations(sets, lambda t, d: m.proportion("b", t, design=d), design=design)
    singles = pd.concat([result.table for result in row.results])
    odds = np.log(singles["estimate"] / (1 - singles["estimate"])).to_numpy()
    variance = (singles["std_error"] / singles["estimate"] / (1 - singles["estimate"])).to_numpy() ** 2
    by_hand = m.rubin(odds[:, None], variance[:, None], df=22.0)
    assert np.log(row.table["estimate"] / (1 - row.table["estimate"])).iloc[0] == pytest.approx(by_hand.estimate[0])
    assert 0 < row.table["conf_low"].iloc[0] < row.table["estimate"].iloc[0] < row.table["conf_high"].iloc[0] < 1


def test_a_pooled_fit_can_be_put_beside_others(sets, design):
    pooled = m.with_imputations(sets, WORK["logistic"], design=design)
    assert pooled.fit.terms.columns.tolist() == pooled.results[0].terms.columns.tolist()
    assert pooled.fit.summary["sets"] == 6
    assert "imputed" in m.compare(pooled.fit, pooled.results[0], names=["imputed", "first"]).wide.columns
    with pytest.raises(TypeError, match="gave a Estimates"):
        m.with_imputations(sets, WORK["mean"], design=design).fit  # noqa: B018


def test_a_single_set_cannot_be_pooled(sets, design):
    with pytest.raises(DesignError, match="1 imputed sets"):
        m.with_imputations(sets[:1], WORK["mean"], design=design)


def test_what_an_estimator_refuses_is_told_with_the_set(sets, design):
    broken = [sets[0], sets[1].assign(y=1.0)]
    with pytest.raises(DesignError, match=r"imputed set 2.*constant outcome"):
        m.with_imputations(broken, lambda t, d: m.fit_regression(t, "y ~ x", design=d), design=design)


def test_other_rows_in_one_set_are_refused_by_name(sets, design):
    kinds = [
        set_.assign(kind=np.where(set_["x"] > limit, "high", "low")) for set_, limit in zip(sets, (0, 9), strict=False)
    ]
    with pytest.raises(DesignError, match=r"other rows in imputed set 2 than in set 1 \(y high\)"):
        m.with_imputations(kinds, lambda t, d: m.mean("y", t, design=d, by="kind"), design=design)


def test_a_result_without_errors_is_refused(sets, design):
    with pytest.raises(DesignError, match="result of kind float to pool"):
        m.with_imputations(sets, lambda t, d: float(t["y"].mean()), design=design)


def test_gaps_never_raise_the_degrees_of_freedom():
    rng = np.random.default_rng(1)
    for df in (3.0, 10.0, 100.0):
        pooled = m.rubin(rng.normal(size=(5, 50)), np.ones((5, 50)), df=df)
        assert (pooled.df <= df).all()
        assert (pooled.df > 0).all()
        for _ in range(20):
            found = m.pooled_wald(rng.normal(size=(5, 3)), np.stack([np.eye(3)] * 5), df=df)
            assert 0 < found.df_below <= df
