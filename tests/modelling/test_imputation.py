"""Imputation fills what was asked for and nothing else, the same for a seed, and says what it left out."""

import numpy as np
import pandas as pd
import pytest

from kzsurvey import modelling as m
from kzsurvey.errors import DesignError
from kzsurvey.modelling.missing.settled import settled_table


def answers(n=240, seed=1):
    """Numbers, two, ordered and unordered answers that hang together, with gaps."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    table = pd.DataFrame({"a": a, "hours": np.round(40 + 6 * a + rng.normal(0, 3, n))})
    table["yes"] = (rng.random(n) < 1 / (1 + np.exp(-a))) * 1
    rank = np.searchsorted([-1.0, 0.2, 1.4], a + rng.logistic(size=n))
    table["mood"] = pd.Categorical.from_codes(rank, ["bad", "poor", "fair", "good"], ordered=True)
    table["role"] = np.array(["head", "clerk", "guard"])[
        (a[:, None] * [0, 1, -1] + rng.gumbel(size=(n, 3))).argmax(axis=1)
    ]
    table = table.astype({"hours": "Int64", "yes": "Int64", "role": "str"})
    for name in ("hours", "yes", "mood", "role"):
        table[name] = table[name].where(rng.random(n) > 0.25 / (1 + np.exp(-a)) + 0.05)
    return table


ITEMS = ["a", "hours", "yes", "mood", "role"]


@pytest.fixture(scope="module")
def imputed():
    return m.impute(answers(), ITEMS, sets=5, cycles=5, seed=3)


def test_every_gap_is_filled_and_no_answer_changed(imputed):
    given = imputed.table
    for table in imputed:
        assert not table[ITEMS].isna().any(axis=None)
        known = given[ITEMS].notna()
        assert table[ITEMS].where(known).equals(given[ITEMS].where(known))
        assert table.dtypes.equals(given.dtypes)


def test_imputed_values_are_answers_that_somebody_gave(imputed):
    table = imputed.completed(2)
    assert set(table["role"]) == {"head", "clerk", "guard"}
    assert set(table["hours"]) <= set(imputed.table["hours"].dropna())
    assert table["mood"].cat.ordered


def test_sets_differ(imputed):
    one, two = imputed.completed(1), imputed.completed(2)
    assert not one.equals(two)


def test_the_same_seed_gives_the_same_sets_whatever_the_order_of_columns(imputed):
    given = answers()
    again = m.impute(given[ITEMS[::-1]], ITEMS[::-1], sets=5, cycles=5, seed=3)
    for number in range(1, 6):
        pd.testing.assert_frame_equal(again.completed(number)[ITEMS], imputed.completed(number)[ITEMS])
    other = m.impute(given, ITEMS, sets=5, cycles=5, seed=4)
    assert not other.completed(1).equals(imputed.completed(1))


def test_a_set_is_the_same_among_few_and_among_many(imputed):
    many = m.impute(answers(), ITEMS, sets=9, cycles=5, seed=3)
    pd.testing.assert_frame_equal(many.completed(5), imputed.completed(5))


def test_the_table_given_is_not_changed():
    table = answers()
    before = table.copy(deep=True)
    list(m.impute(table, ITEMS, sets=2, cycles=1))
    pd.testing.assert_frame_equal(table, before)


def test_what_was_not_asked_is_never_imputed():
    table = answers()
    asked = table["role"].ne("guard") | table["role"].isna()
    reasons = np.where(~asked, "not_asked", np.where(table["hours"].isna(), "refused", None))
    table = table.assign(hours=table["hours"].where(asked), hours__missing=reasons)
    found = m.impute(table, ITEMS, sets=3, cycles=3)
    row = found.items.set_index("item").loc["hours"]
    assert row["not_asked"] == (~asked).sum()
    assert row["asked"] == asked.sum()
    for whole in found:
        assert whole.loc[~asked, "hours"].isna().all()
        assert whole.loc[asked, "hours"].notna().all()


def test_a_reason_can_be_left_out():
    table = answers()
    reasons = np.where(table["hours"].isna(), np.where(table["a"] > 0, "dont_know", "refused"), None)
    found = m.impute(table.assign(hours__missing=reasons), ITEMS, sets=2, cycles=2, reasons=["refused"])
    whole = found.completed(1)
    assert whole.loc[reasons == "dont_know", "hours"].isna().all()
    assert whole.loc[reasons == "refused", "hours"].notna().all()


def test_values_follow_what_predicts_them():
    rng = np.random.default_rng(5)
    x = rng.normal(size=400)
    table = pd.DataFrame({"x": x, "y": (2 * x + rng.normal(0, 0.5, 400))})
    gap = x > 0.5
    table["y"] = table["y"].where(~gap | (rng.random(400) < 0.3))
    found = m.impute(table, ["x", "y"], methods={"y": "normal"}, sets=10, cycles=2)
    pooled = m.with_imputations(found, lambda t, d: m.fit_regression(t, "y ~ x", design=d))
    assert pooled.table["estimate"].iloc[1] == pytest.approx(2.0, abs=0.1)
    assert m.with_imputations(found, lambda t, d: m.mean("y", t, design=d)).table["estimate"].iloc[0] == pytest.approx(
        2 * x.mean(), abs=0.15
    )


def test_bounds_of_numbers_hold():
    table = answers().assign(hours=lambda t: t["hours"].astype(float))
    found = m.impute(table, ITEMS, methods={"hours": "normal"}, bounds={"hours": (0, 70)}, sets=5, cycles=2)
    values = np.concatenate([whole.loc[table["hours"].isna(), "hours"] for whole in found])
    assert values.min() >= 0
    assert values.max() <= 70
    assert not np.isin(values, table["hours"]).all()


def likert(n=200, seed=2):
    rng = np.random.default_rng(seed)
    f = rng.normal(size=n)
    table = pd.DataFrame({f"q{k}": np.clip(np.round(3 + f + rng.normal(0, 0.8, n)), 1, 5) for k in range(1, 5)})
    table["q4"] = 6 - table["q4"]
    table["out"] = f + rng.normal(size=n)
    gaps = rng.random((n, 4)) < 0.15
    table[["q1", "q2", "q3", "q4"]] = table[["q1", "q2", "q3", "q4"]].mask(gaps)
    return table


SCALE = m.Scale(("q1", "q2", "q3", "q4"), reverse=("q4",), low=1, high=5)


def test_scores_are_made_anew_from_imputed_items():
    names = ["q1", "q2", "q3", "q4", "out"]
    found = m.impute(likert(), names, scales={"load": SCALE}, sets=3, cycles=3)
    for whole in found:
        by_hand = (whole["q1"] + whole["q2"] + whole["q3"] + 6 - whole["q4"]) / 4
        assert whole["load"].astype(float).to_numpy() == pytest.approx(by_hand.to_numpy())


def test_other_items_are_predicted_by_the_score_and_not_by_its_items():
    table = likert()
    table["out"] = table["out"].where(np.arange(200) % 7 > 0)
    found = m.impute(table, ["q1", "q2", "q3", "q4", "out"], scales={"load": SCALE}, sets=3, cycles=3)
    counts = found.items.set_index("item")["predictors"]
    assert counts["out"] == 1
    assert counts["q1"] == 4


def test_a_score_can_be_imputed_itself():
    table = likert()
    table["load"] = m.score(table[["q1", "q2", "q3", "q4"]], reverse=["q4"], low=1, high=5)
    found = m.impute(table, ["load", "out"], sets=3, cycles=2)
    assert found.items.set_index("item").loc["load", "method"] == "pmm"
    assert found.completed(1)["load"].notna().all()
    with pytest.raises(DesignError, match="both as a score and as an item"):
        m.impute(table, ["load", "q1", "q2", "q3", "q4"], scales={"load": SCALE})


def test_what_is_derived_is_made_anew():
    share = {"share": lambda table: table["hours"].astype(float) / 100}
    found = m.impute(answers(), ITEMS, derived=share, sets=2, cycles=2)
    whole = found.completed(2)
    assert whole["share"].to_numpy() == pytest.approx(whole["hours"].to_numpy(dtype=float) / 100)


def test_predictors_can_be_chosen():
    found = m.impute(answers(), ITEMS, predictors={"hours": ["a"]}, sets=2, cycles=2)
    assert found.items.set_index("item").loc["hours", "predictors"] == 1


def test_visits_follow_the_order_asked_for():
    plain = m.impute(answers(), ITEMS, sets=2, cycles=1)
    named = m.impute(answers(), ITEMS, sets=2, cycles=1, order=["role", "mood", "yes", "hours"])
    assert named.trace["item"].unique().tolist() == ["role", "mood", "yes", "hours"]
    assert plain.trace["item"].unique().tolist() == answers()[ITEMS].isna().sum()[1:].sort_values().index.tolist()


def clustered(villages=40, each=6, seed=3):
    rng = np.random.default_rng(seed)
    village = np.repeat(np.arange(villages), each)
    table = pd.DataFrame({"village": village, "stratum": village % 2, "weight": 1.0 + village % 5})
    table["x"] = rng.normal(size=len(village))
    table["y"] = table["x"] + 1.5 * rng.normal(size=villages)[village] + rng.normal(size=len(village))
    table["y"] = table["y"].where(rng.random(len(village)) > 0.5)
    return table, m.make_design(table, weight="weight", strata="stratum", clusters="village")


def between(tables):
    """Variance of villages' means, over sets."""
    return np.mean([table.groupby("village")["y"].mean().var() for table in tables])


def test_people_of_a_village_stay_alike():
    table, design = clustered()
    options = {"design": design, "sets": 10, "cycles": 3, "methods": {"y": "normal"}}
    spread = {way: between(m.impute(table, ["x", "y"], clusters=way, **options)) for way in ("random", "fixed", "none")}
    assert spread["none"] < 0.7 * spread["random"]
    assert spread["random"] < spread["fixed"]


def test_the_design_predicts_every_item():
    table, design = clustered()
    found = {
        way: m.impute(table, ["x", "y"], design=design, sets=2, cycles=1, weights=way).items.set_index("item")
        for way in ("covariate", "interactions", "none")
    }
    assert found["none"].loc["y", "predictors"] == 2
    assert found["covariate"].loc["y", "predictors"] == 3
    assert found["interactions"].loc["y", "predictors"] == 4
    fixed = m.impute(table, ["x", "y"], design=design, sets=2, cycles=1, clusters="fixed")
    assert fixed.items.set_index("item").loc["y", "predictors"] > 30


# bad input


def test_faults_are_all_told_at_once():
    table = answers().assign(empty=np.nan, flat=[1.0, None] * 120, endless=[np.inf, None] * 120)
    with pytest.raises(DesignError) as raised:
        m.impute(table, [*ITEMS, "empty", "flat", "endless"], methods={"role": "pmm"})
    told = str(raised.value)
    assert len(raised.value.faults) == 4
    assert "column empty: found no answer at all among those asked" in told
    assert "column flat: found the same answer from all who answered" in told
    assert "column endless: found numbers that are not finite" in told
    assert "column role: found method pmm for answers in categories" in told


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"items": ["hours", "horus"]}, "unknown column 'horus'.*perhaps hours"),
        ({"items": ["hours", "hours"]}, "a second time"),
        ({"items": []}, "no columns"),
        ({"methods": {"hours": "magic"}}, "method 'magic'"),
        ({"methods": {"pay": "pmm"}}, "methods of 'pay'"),
        ({"methods": {"mood": "logistic"}}, "method logistic for 4 different answers"),
        ({"bounds": {"hours": (45, 50)}}, "answers outside the bounds"),
        ({"bounds": {"mood": (1, 2)}}, "bounds of an item in categories"),
        ({"predictors": {"hours": ["pay"]}}, "unknown item 'pay'"),
        ({"reasons": ["not_asked"]}, "what was not asked is never imputed"),
        ({"clusters": "mixed"}, "clusters 'mixed'"),
        ({"weights": "both"}, "weights 'both'"),
        ({"order": ["hours"]}, "order"),
        ({"sets": 1}, "sets = 1"),
        ({"cycles": 0}, "cycles = 0"),
        ({"scales": {"load": m.Scale(("mood", "pay"))}}, "item 'pay' of load"),
        ({"scales": {"load": m.Scale(("mood", "role"))}}, "in words without an order"),
    ],
)
def test_what_cannot_be_imputed_is_refused_by_name(options, message):
    with pytest.raises(DesignError, match=message):
        m.impute(answers(), options.pop("items", ITEMS), **options)


def test_more_predictors_than_answers_are_refused_with_a_way_out():
    rng = np.random.default_rng(1)
    table = pd.DataFrame(rng.normal(size=(30, 40)), columns=[f"x{k}" for k in range(40)])
    table.loc[:2, "x0"] = np.nan
    with pytest.raises(DesignError, match=r"x0: found 40 predictors for 27 answers.*predictors="):
        m.impute(table, list(table))
    found = m.impute(table, list(table), predictors={"x0": ["x1", "x2"]}, sets=2, cycles=2)
    assert found.completed(1)["x0"].notna().all()


def test_predictors_that_repeat_others_are_left_out_and_told():
    table = answers()
    table = table.assign(twice=2 * table["a"], flat=1.0, total=table["a"] + table["hours"].astype(float))
    found = m.impute(table, [*ITEMS, "twice", "flat", "total"], sets=2, cycles=2)
    told = found.events.set_index(["item", "predictor"])["event"]
    assert told["yes", "twice"] == "repeats others"
    assert told["yes", "flat"] == "constant"
    assert told["yes", "total"] == "repeats others"
    named = found.events.query("item == 'yes' and predictor == 'total'")["detail"].iloc[0]
    assert named == "a + hours"


def test_a_category_of_one_person_is_told_and_imputed_from():
    table = answers()
    table.loc[table.index[table["role"].eq("guard")][0], "role"] = "cook"
    found = m.impute(table, ITEMS, sets=3, cycles=3)
    event = found.events.query("event == 'one answer'").iloc[0]
    assert event["item"] == "role"
    assert "cook" in event["detail"]
    assert found.completed(1)["role"].notna().all()


@pytest.mark.parametrize("name", ["yes", "mood", "role"])
def test_perfect_predictions_are_told_and_give_values(name):
    table = answers()
    places = {"mood": ["bad", "poor", "fair", "good"], "role": ["head", "clerk", "guard"], "yes": [0, 1]}[name]
    table["a"] = table[name].astype("object").map({level: float(at) for at, level in enumerate(places)}).astype(float)
    table["a"] = table["a"].fillna(1.0) + np.random.default_rng(1).normal(0, 0.01, len(table))
    found = m.impute(table, ["a", name], sets=3, cycles=3)
    assert (found.events["event"] == "perfect prediction").any()
    assert found.completed(1)[name].notna().all()


def test_a_number_that_follows_from_others_is_told():
    table = answers()
    table["double"] = (2 * table["a"] + 1).where(np.arange(240) % 5 > 0)
    found = m.impute(table, ["a", "double"], sets=2, cycles=2)
    assert (found.events["event"] == "perfect prediction").any()


def test_chains_that_stay_apart_are_told():
    rng = np.random.default_rng(1)
    apart = np.arange(10) + rng.normal(0, 0.1, (20, 1, 2, 10))
    assert not settled_table(["pay"], apart)["settled"].any()
    assert settled_table(["pay"], apart - np.arange(10))["settled"].all()
    drifting = np.linspace(0, 5, 20)[:, None, None, None] + rng.normal(0, 0.3, (20, 1, 2, 10))
    assert not settled_table(["pay"], drifting)["settled"].any()


def test_the_scale_reduction_is_that_of_gelman_and_rubin():
    chains = np.array([[0.0, 2.0], [1.0, 3.0]] * 4)[:, None, None] * np.ones((1, 1, 2, 1))
    found = settled_table(["pay"], chains)
    assert found["rhat"].tolist() == pytest.approx([np.sqrt(3 / 4 + 2 / (1 / 3))] * 2)
    assert not found["settled"].any()


def test_the_memory_of_chains_is_that_of_their_kind():
    rng = np.random.default_rng(3)
    for slow, memory in ((0.0, 1.0), (0.5, 3.0), (0.8, 9.0)):
        chains = rng.normal(size=(400, 1, 2, 30))
        for cycle in range(1, 400):
            chains[cycle] = slow * chains[cycle - 1] + np.sqrt(1 - slow**2) * chains[cycle]
        found = settled_table(["pay"], chains)
        assert found["memory"].to_numpy() == pytest.approx([memory] * 2, rel=0.25)
        assert found["settled"].all()


def test_chains_that_have_settled_are_seldom_said_not_to_have():
    rng = np.random.default_rng(4)
    chains = rng.normal(size=(10, 500, 2, 20))
    for cycle in range(1, 10):
        chains[cycle] = 0.5 * chains[cycle - 1] + np.sqrt(0.75) * chains[cycle]
    assert settled_table(range(500), chains)["settled"].mean() > 0.995


def test_two_items_that_each_follow_from_the_other_do_not_settle_unseen():
    rng = np.random.default_rng(2)
    y = rng.normal(size=300)
    table = pd.DataFrame({"y": y, "z": y + 0.001 * rng.normal(size=300)})
    table.loc[:149] = np.nan
    found = m.impute(table.assign(x=rng.normal(size=300)), ["x", "y", "z"], sets=10, cycles=20)
    assert not found.converged
    assert "not settled" in repr(found)
    pooled = m.with_imputations(found, lambda t, d: m.mean("y", t, design=d))
    assert not pooled.converged
    assert "had not settled" in pooled._repr_html_()


def test_a_trace_has_a_row_for_every_item_cycle_and_set(imputed):
    assert len(imputed.trace) == 4 * 2 * 5 * 5
    last = imputed.trace.query("item == 'hours' and statistic == 'mean' and cycle == 5 and set == 1")["value"].iloc[0]
    assert last == pytest.approx(imputed.completed(1).loc[imputed.table["hours"].isna(), "hours"].mean())


def test_nothing_missing_gives_the_table_itself():
    table = answers().dropna().reset_index(drop=True)
    found = m.impute(table, ITEMS, sets=2, cycles=2)
    pd.testing.assert_frame_equal(found.completed(1), table)
    assert found.converged
