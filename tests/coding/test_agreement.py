"""Coefficients of agreement: published values, bad input, intervals from whole units."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kzsurvey.coding.intercoder.agreement import COEFFICIENTS, agreement, confusion, confusion_matrix
from kzsurvey.coding.intercoder.coefficients import STATISTICS
from kzsurvey.errors import CodingError

SHARED = Path(__file__).parents[2].parent / "shared"
IRRCAC = SHARED / "data" / "irrcac_irr_small"
GAP = None
# Krippendorff (2011), Computing Krippendorff's Alpha-Reliability, section C: four coders, twelve units.
CANONICAL = pd.DataFrame(
    {
        "A": [1, 2, 3, 3, 2, 1, 4, 1, 2, GAP, GAP, GAP],
        "B": [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, GAP, 3],
        "C": [GAP, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, GAP],
        "D": [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, GAP],
    }
)
USUAL_OF_PAIRS = ("holsti", "percent_pairs", "conger", "fleiss", "alpha", "ac1", "brennan_prediger")
SETS = "A,A,A|AB,AB,A|B,B,B|AB,BC,C|C,C,BC|none,none,A"


def estimate(table, coefficient, **options):
    return agreement(table, coefficients=coefficient, **options).loc[0, "estimate"]


def sets(text):
    cells = [[frozenset(cell.replace("none", "")) for cell in row.split(",")] for row in text.split("|")]
    return pd.DataFrame(cells, columns=["x", "y", "z"])


def crossed(counts, codes):
    """Two coders from a table of counts."""
    rows = [
        (a, b)
        for a, line in zip(codes, counts, strict=True)
        for b, n in zip(codes, line, strict=True)
        for _ in range(n)
    ]
    return pd.DataFrame(rows, columns=["one", "two"])


@pytest.mark.parametrize(
    ("level", "published"),
    [
        ("nominal", 0.743421052631579),
        ("ordinal", 0.8153875037548814),
        ("interval", 0.8491071428571428),
        ("ratio", 0.7974027747116121),
    ],
)
def test_alpha_of_the_canonical_table_is_the_published_one_at_every_level(level, published):
    assert estimate(CANONICAL, "alpha", level=level) == pytest.approx(published, abs=1e-12)


def test_gwet_fleiss_and_brennan_prediger_of_the_canonical_table_are_those_of_irrcac():
    found = agreement(CANONICAL, coefficients=["ac1", "fleiss", "brennan_prediger"]).set_index("coefficient")
    assert found["estimate"].round(5).tolist() == [0.77544, 0.76117, 0.77273]
    assert found.loc["ac1", "gwet_error"] == pytest.approx(0.14295, abs=5e-6)


def test_ac2_with_quadratic_weights_has_the_value_and_the_error_of_irrcac():
    found = agreement(CANONICAL, coefficients="ac2", weights="quadratic").loc[0]
    assert found["estimate"] == pytest.approx(0.914, abs=5e-4)
    assert found["gwet_error"] == pytest.approx(0.10396, abs=5e-6)


@pytest.mark.parametrize(
    ("counts", "codes", "kappa", "ac1"),
    [
        ([[13, 0, 0], [0, 20, 7], [0, 4, 56]], "ean", 0.79641, 0.84933),
        ([[40, 6, 4, 15], [4, 25, 1, 5], [4, 2, 21, 9], [17, 13, 12, 45]], "sbdo", 0.4315, 0.45616),
    ],
)
def test_cohen_and_conger_of_two_coders_are_the_same_and_as_published(counts, codes, kappa, ac1):
    found = agreement(crossed(counts, codes), coefficients=["cohen", "conger", "ac1"])["estimate"].round(5)
    assert found.tolist() == [kappa, kappa, ac1]


@pytest.mark.parametrize(
    ("level", "all_units", "without_last"),
    [("masi", 1043 / 2148, 367 / 696), ("jaccard", 715 / 1344, 248 / 423), ("nominal", 37 / 88, 40 / 89)],
)
def test_alpha_of_sets_of_codes_is_exact(level, all_units, without_last):
    assert estimate(sets(SETS), "alpha", level=level) == pytest.approx(all_units, abs=1e-12)
    assert estimate(sets(SETS.rpartition("|")[0]), "alpha", level=level) == pytest.approx(without_last, abs=1e-12)


def test_one_code_of_two_coders_has_the_right_alpha():
    table = crossed([[50, 75], [75, 800]], [1, 0])
    found = agreement(table, coefficients=["cohen", "alpha", "pabak"])["estimate"].round(4)
    assert found.tolist() == [0.3143, 0.3146, 0.7]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("file", "index", "ac1", "error", "fleiss", "alpha", "brennan"),
    [
        ("cac.raw4raters", 0, 0.77544, 0.14295, 0.76117, 0.74342, 0.77273),
        ("cac.raw5obser", 0, 0.49662, 0.12197, 0.45762, 0.48053, 0.48741),
        ("cac.raw.gender", 0, 0.20808, 0.0907, 0.12889, 0.14341, 0.18333),
    ],
)
def test_tables_of_irrcac(file, index, ac1, error, fleiss, alpha, brennan):
    if not IRRCAC.exists():
        pytest.skip(f"{IRRCAC} is not here")
    table = pd.read_csv(IRRCAC / f"{file}.csv", index_col=index)
    found = agreement(table, coefficients=["ac1", "fleiss", "alpha", "brennan_prediger"])
    assert found["estimate"].round(5).tolist() == [ac1, fleiss, alpha, brennan]
    assert found.loc[0, "gwet_error"] == pytest.approx(error, abs=5e-6)


@pytest.mark.shared
def test_fleiss_kappa_of_the_diagnoses():
    if not IRRCAC.exists():
        pytest.skip(f"{IRRCAC} is not here")
    assert estimate(pd.read_csv(IRRCAC / "irr_diagnoses.csv"), "fleiss") == pytest.approx(0.430, abs=5e-4)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("variable", "published"),
    [
        ("pop_elite", [0.733, 0.861, 0.339]),
        ("pop_people", [0.778, 0.916, 0.287]),
        ("pop_othering", [0.867, 0.945, 0.566]),
    ],
)
def test_posts_coded_by_six_have_the_published_agreement(variable, published):
    path = SHARED / "data" / "tidycomm_fbposts" / "fbposts.csv"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    found = agreement(
        pd.read_csv(path), unit="post_id", coder="coder_id", code=variable, coefficients=["percent", "holsti", "alpha"]
    )
    assert found["estimate"].round(3).tolist() == published


def test_resampling_whole_units_gives_the_wide_interval():
    low, high = agreement(CANONICAL, coefficients="alpha", interval="percentile").loc[0, ["conf_low", "conf_high"]]
    assert low == pytest.approx(0.415, abs=0.03)
    assert high == 1


def test_a_list_of_codings_gives_what_the_frame_gives_whatever_its_order():
    rows = CANONICAL.reset_index(names="unit").melt("unit", var_name="coder", value_name="code").dropna()
    names = {"unit": "unit", "coder": "coder", "code": "code", "interval": "bca"}
    shuffled = agreement(rows.sample(frac=1, random_state=3), **names)
    pd.testing.assert_frame_equal(agreement(rows, **names), shuffled)
    assert shuffled["estimate"].tolist() == pytest.approx(agreement(CANONICAL)["estimate"].tolist())


def test_weights_of_ones_on_the_diagonal_change_nothing():
    names = ["conger", "fleiss", "ac2", "brennan_prediger", "percent_pairs"]
    plain = agreement(CANONICAL, coefficients=names)["estimate"]
    weighted = agreement(CANONICAL, coefficients=names, weights=np.eye(5))["estimate"]
    assert weighted.tolist() == plain.tolist()


def test_weights_of_numbers_follow_the_numbers_and_those_of_words_their_places():
    table = crossed([[5, 2, 1], [1, 6, 2], [0, 1, 4]], [1, 2, 5])
    own = pd.DataFrame([[1, 0.75, 0], [0.75, 1, 0.25], [0, 0.25, 1]], index=[1, 2, 5], columns=[1, 2, 5])
    assert estimate(table, "cohen", weights="linear") == pytest.approx(estimate(table, "cohen", weights=own))
    words = table.replace({1: "low", 2: "mid", 5: "high"})
    by_place = estimate(table.replace({5: 3}), "cohen", weights="quadratic")
    assert estimate(words, "cohen", weights="quadratic", codes=["low", "mid", "high"]) == pytest.approx(by_place)


def test_quadratically_weighted_fleiss_is_nearly_interval_alpha():
    table = crossed([[50, 20, 10], [10, 60, 20], [5, 10, 40]], [1, 2, 3])
    fleiss, alpha = estimate(table, "fleiss", weights="quadratic"), estimate(table, "alpha", level="interval")
    assert 1 - alpha == pytest.approx((1 - fleiss) * (450 - 1) / 450, rel=1e-9)


def test_each_code_is_looked_at_as_given_or_not():
    found = agreement(CANONICAL, coefficients="alpha", by="code").set_index("code")["estimate"]
    alone = CANONICAL.eq(3).astype(float).where(CANONICAL.notna())
    assert found[3] == pytest.approx(estimate(alone, "alpha"))
    assert found.index.tolist() == [1, 2, 3, 4, 5]


def test_sets_of_codes_are_split_into_codes():
    found = agreement(sets(SETS), coefficients=["alpha", "ac1"], by="code")
    assert found["code"].tolist() == ["A", "A", "B", "B", "C", "C"]
    has_b = sets(SETS).map(lambda cell: int("B" in cell))
    assert found.loc[2, "estimate"] == pytest.approx(estimate(has_b, "alpha"))


def test_every_pair_of_coders_has_a_row_on_the_units_both_coded():
    found = agreement(CANONICAL, coefficients="cohen", by="pair")
    assert len(found) == 6
    assert found.loc[0, ["coder", "other", "units"]].tolist() == ["A", "B", 9]
    assert found.loc[0, "estimate"] == pytest.approx(estimate(CANONICAL[["A", "B"]].dropna(), "cohen"))
    ac1 = agreement(CANONICAL, coefficients="ac1", by="pair").loc[0, "estimate"]
    assert ac1 == pytest.approx(estimate(CANONICAL[["A", "B"]].dropna(), "ac1", codes=[1, 2, 3, 4, 5]))


def test_the_coder_who_departs_from_the_others_is_seen():
    table = pd.DataFrame({"ann": [0, 1] * 20, "ben": [0, 1] * 20, "eva": [0, 1, 1, 0] * 10})
    found = agreement(table, coefficients="percent_pairs", by="coder").set_index("coder")
    assert found["estimate"].to_dict() == {"ann": 0.75, "ben": 0.75, "eva": 0.5}
    assert found["units"].tolist() == [40] * 3
    assert found["pairs"].tolist() == [80] * 3


def test_agreement_over_time_is_that_of_the_units_of_each_month():
    month = pd.Series(["may"] * 6 + ["april"] * 6)
    found = agreement(CANONICAL, coefficients="alpha", over=month, codes=[1, 2, 3, 4, 5])
    assert found["over"].tolist() == ["april", "may"]
    assert found.loc[1, "estimate"] == pytest.approx(estimate(CANONICAL[:6], "alpha"))


def test_answers_of_one_interview_are_one_draw():
    once = crossed([[20, 4], [5, 21]], "ab")
    twice = pd.concat([once, once], ignore_index=True)
    single = agreement(once, coefficients="percent").loc[0]
    apart = agreement(twice, coefficients="percent").loc[0]
    together = agreement(twice, coefficients="percent", clusters=list(range(50)) * 2).loc[0]
    assert together["std_error"] == pytest.approx(single["std_error"])
    assert apart["std_error"] < 0.75 * single["std_error"]


def test_clusters_may_be_a_level_of_the_index_or_a_column_of_the_list():
    index = pd.MultiIndex.from_product([range(6), ["p", "q"]], names=["interview", "question"])
    frame = agreement(CANONICAL.set_axis(index), coefficients="ac1", clusters="interview")
    rows = CANONICAL.reset_index(names="unit").melt("unit", var_name="coder", value_name="code").dropna()
    rows["interview"] = rows["unit"] // 2
    listed = agreement(rows, unit="unit", coder="coder", code="code", coefficients="ac1", clusters="interview")
    assert listed.loc[0, "std_error"] == pytest.approx(frame.loc[0, "std_error"])
    assert np.isnan(frame.loc[0, "gwet_error"])


def test_the_linearised_error_is_the_spread_of_resamples():
    rng = np.random.default_rng(4)
    true = rng.integers(0, 3, 400)
    table = pd.DataFrame({c: np.where(rng.random(400) < 0.8, true, rng.integers(0, 3, 400)) for c in "xyz"})
    for name in set(COEFFICIENTS) - {"cohen", "ac2", "pabak"}:
        found = agreement(table, coefficients=name, interval="percentile", resamples=2000).loc[0]
        assert found["conf_high"] - found["conf_low"] == pytest.approx(3.92 * found["std_error"], rel=0.08)


@pytest.mark.parametrize("interval", ["jackknife", "bca", "percentile"])
def test_the_same_seed_gives_the_same_interval_inside_the_possible(interval):
    first, second = (agreement(CANONICAL, interval=interval, seed=5) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    assert (first["conf_low"] <= first["estimate"]).all()
    assert (first["conf_high"] >= first["estimate"]).all()
    assert first["conf_high"].max() <= 1


@pytest.mark.parametrize("interval", ["jackknife", "bca", "percentile"])
def test_perfect_agreement_of_few_units_is_not_proof(interval):
    table = pd.DataFrame({"ann": [0, 1] * 20, "ben": [0, 1] * 20})
    found = agreement(table, interval=interval).set_index("coefficient")
    assert (found["estimate"] == 1).all()
    assert found["conf_low"]["percent"] == pytest.approx(1 - 3.689 / 40, abs=1e-3)
    assert found["conf_low"]["alpha"] == pytest.approx(1 - 2 * 3.689 / 40, abs=1e-3)
    assert (found["conf_high"] == 1).all()
    assert found["note"].str.contains("no disagreement seen").all()


def test_units_that_are_all_alike_say_nothing_of_the_error():
    found = agreement(pd.DataFrame({"ann": [0, 1] * 10, "ben": [1, 0] * 10}), coefficients=["percent", "alpha"])
    assert found["estimate"].tolist() == pytest.approx([0, -0.95])
    assert found[["conf_low", "conf_high"]].isna().all(axis=None)
    assert (found["note"] == "all units are alike: no interval").all()


def test_a_code_given_once_has_no_interval():
    table = pd.DataFrame({"ann": [1] + [0] * 49, "ben": [0] * 50})
    found = agreement(table, coefficients="alpha").loc[0]
    assert found["estimate"] == pytest.approx(0, abs=1e-9)
    assert found[["conf_low", "conf_high"]].isna().all()
    assert found["note"].startswith("all hangs on one unit")
    drawn = agreement(table, coefficients="alpha", interval="percentile").loc[0, "note"]
    assert "resamples, which are left out" in drawn


def test_one_code_for_everything_leaves_kappa_undefined_and_says_so():
    table = pd.DataFrame({"ann": [1] * 10, "ben": [1] * 10})
    found = agreement(table, codes=[0, 1]).set_index("coefficient")
    assert found.loc["alpha", ["estimate", "std_error", "conf_low", "conf_high"]].isna().all()
    assert found.loc["alpha", "note"].startswith("not defined: every coding is the same")
    assert found["estimate"].dropna().to_dict() == {"percent": 1, "holsti": 1, "ac1": 1, "brennan_prediger": 1}


def test_a_constant_coder_is_named():
    table = pd.DataFrame({"ann": [1] * 10, "ben": [0, 1] * 5})
    found = agreement(table, coefficients=["cohen"]).loc[0]
    assert found["estimate"] == 0
    assert found["note"].endswith("ann gave the same code to every unit")


def test_units_that_nobody_or_only_one_coded_are_counted_in_the_note():
    table = pd.DataFrame({"ann": ["a", "b", None, "a"], "ben": ["a", "a", "", None]})
    found = agreement(table, coefficients="alpha").loc[0]
    assert found[["units", "coders", "pairs"]].tolist() == [2, 2, 2]
    assert "units nobody coded, left out: 1; units coded by one coder only: 1" in found["note"]


def test_coders_without_a_common_unit_have_no_agreement():
    table = pd.DataFrame({"ann": ["a", None], "ben": [None, "b"]})
    found = agreement(table)
    assert found["estimate"].isna().all()
    assert found["note"].str.startswith("no unit was coded by two coders").all()


def test_sixty_percent_missing_is_a_result_near_that_of_all():
    rng = np.random.default_rng(2)
    true = rng.integers(0, 4, 3000)
    full = pd.DataFrame({c: np.where(rng.random(3000) < 0.85, true, rng.integers(0, 4, 3000)) for c in "wxyz"})
    some = full.astype("Int64").mask(rng.random(full.shape) < 0.6)
    names = list(USUAL_OF_PAIRS)
    difference = agreement(full, coefficients=names)["estimate"] - agreement(some, coefficients=names)["estimate"]
    assert difference.abs().max() < 0.03


@pytest.mark.parametrize(
    ("table", "options", "words"),
    [
        (CANONICAL[["A"]], {}, "1 coder"),
        (CANONICAL, {"codes": [1, 2, 3, 4]}, "code 5 (3 times)"),
        (CANONICAL.astype("str").where(CANONICAL.notna()), {"level": "ordinal"}, "order is not known"),
        (CANONICAL.astype("str").where(CANONICAL.notna()), {"weights": "linear"}, "order is not known"),
        (CANONICAL.astype("str").where(CANONICAL.notna()), {"level": "interval"}, "codes that are numbers"),
        (CANONICAL - 3, {"level": "ratio"}, "numbers from 0 upward"),
        (sets(SETS), {"level": "ordinal"}, "sets of codes at level 'ordinal'"),
        (sets(SETS), {"codes": ["A", "B"]}, "code 'C' (5 times)"),
        (CANONICAL, {"weights": np.ones((5, 5)) * 2}, "from 0 to 1"),
        (CANONICAL, {"weights": np.eye(3)}, "one row and column per code: 5"),
        (CANONICAL, {"weights": pd.DataFrame(np.eye(2), index=[1, 2], columns=[1, 2])}, "no row and column for 3"),
        (CANONICAL, {"clusters": "interview"}, "a level of the index"),
        (CANONICAL, {"clusters": [None] * 12}, "12 units without a value of clusters"),
        (CANONICAL[:0], {}, "no units"),
        (CANONICAL, {"codes": [1, 2, 3, 4, 5, 5]}, "5 twice"),
        (CANONICAL.replace({5: np.inf}), {"level": "interval"}, "finite numbers"),
        (sets("none,none,none"), {"by": "code"}, "no code in any coding"),
        (CANONICAL.set_axis(list("AABC"), axis=1), {}, "several columns of coder 'A'"),
    ],
)
def test_what_a_researcher_gets_wrong_is_named(table, options, words):
    with pytest.raises(CodingError) as caught:
        agreement(table, **options)
    assert words in str(caught.value)


def listed(rows):
    return pd.DataFrame(rows, columns=["unit", "coder", "code", "interview"])


@pytest.mark.parametrize(
    ("rows", "options", "words"),
    [
        ([("u", "ann", "a", 1), ("u", "ann", "b", 1), ("u", "ben", "a", 1)], {}, "2 codes of unit 'u' by coder 'ann'"),
        ([("u", None, "a", 1), ("u", "ben", "a", 1)], {}, "rows without a value"),
        ([("u", "ann", "a", 1), ("u", "ben", "a", 2)], {"clusters": "interview"}, "1 units with several values"),
        ([("u", "ann", "a", 1)], {"over": "month"}, "no column 'month'"),
    ],
)
def test_a_wrong_list_of_codings_is_named(rows, options, words):
    with pytest.raises(CodingError) as caught:
        agreement(listed(rows), unit="unit", coder="coder", code="code", **options)
    assert words in str(caught.value)


def test_a_row_without_a_code_says_that_nothing_applies_where_several_may_be_given():
    rows = [("u", "ann", "a"), ("u", "ann", "b"), ("u", "ben", "a"), ("v", "ann", None), ("v", "ben", None)]
    table = pd.DataFrame(rows, columns=["unit", "coder", "code"])
    found = agreement(table, unit="unit", coder="coder", code="code", several=True, by="code", coefficients="percent")
    assert found[["code", "estimate", "units"]].to_numpy().tolist() == [["a", 1.0, 2], ["b", 0.5, 2]]


def test_ordered_categories_bring_their_order_and_their_list():
    kind = pd.CategoricalDtype(["low", "mid", "high"], ordered=True)
    table = pd.DataFrame({"ann": ["low", "mid", "low"], "ben": ["low", "low", "mid"]}, dtype=kind)
    numbers = pd.DataFrame({"ann": [1, 2, 1], "ben": [1, 1, 2]})
    assert estimate(table, "alpha", level="ordinal") == estimate(numbers, "alpha", level="ordinal")
    assert estimate(table, "brennan_prediger") == estimate(numbers, "brennan_prediger", codes=[1, 2, 3])


def test_coefficients_that_do_not_fit_are_missing_with_a_reason():
    three = agreement(CANONICAL, coefficients="cohen").loc[0, "note"]
    assert "of two coders" in three
    assert "by='code'" in agreement(sets(SETS), coefficients="ac1").loc[0, "note"]
    one = pd.DataFrame({"ann": ["a"] * 3, "ben": ["a"] * 3})
    assert "one code only" in agreement(one, coefficients="ac1").loc[0, "note"]


def test_pabak_of_more_than_two_codes_and_ac2_without_weights_say_what_they_are():
    found = agreement(CANONICAL, coefficients=["pabak", "ac2"])["note"]
    assert found.str.contains("Brennan and Prediger|the same as AC1").all()


def test_one_cluster_has_no_interval():
    found = agreement(CANONICAL, coefficients="alpha", clusters=[1] * 12).loc[0]
    assert found[["std_error", "conf_low", "conf_high"]].isna().all()
    assert "one cluster: no interval" in found["note"]


def test_usual_coefficients_of_numbers_are_those_that_make_sense():
    found = agreement(CANONICAL, level="interval")
    assert found["coefficient"].tolist() == ["percent", "alpha"]


@pytest.mark.parametrize(
    "options",
    [{"by": "x"}, {"interval": "x"}, {"confidence": 2}, {"coefficients": ["kappa"]}, {"level": "x"}, {"weights": "x"},
     {"unit": "u"}, {"clusters": [1, 2]}, {"by": "code", "level": "ordinal"}],
)  # fmt: skip
def test_options_that_do_not_exist_are_faults_of_the_caller(options):
    with pytest.raises((ValueError, TypeError)) as caught:
        agreement(CANONICAL, **options)
    assert not isinstance(caught.value, CodingError)


def test_names_and_orders_of_units_coders_and_codes_do_not_matter():
    table = CANONICAL.sample(frac=1, random_state=4)[["C", "A", "D", "B"]].map(
        lambda code: {1: 4, 4: 1}.get(code, code)
    )
    for name in set(COEFFICIENTS) - {"cohen"}:
        first, second = (agreement(each, coefficients=name).loc[0] for each in (CANONICAL, table))
        assert first[["estimate", "std_error", "conf_low", "conf_high"]].tolist() == pytest.approx(
            second[["estimate", "std_error", "conf_low", "conf_high"]].tolist()
        )


def test_a_column_of_the_list_may_be_the_month_and_a_month_without_pairs_is_a_row():
    rows = [("u", "ann", 1, "may"), ("u", "ben", 1, "may"), ("v", "ann", 2, "may"), ("v", "ben", 1, "may")]
    table = pd.DataFrame([*rows, ("w", "ann", 2, "june")], columns=["unit", "coder", "code", "month"])
    found = agreement(table, unit="unit", coder="coder", code="code", over="month", coefficients="percent")
    assert found["over"].tolist() == ["june", "may"]
    assert found["units"].tolist() == [0, 2]
    assert found["estimate"].isna().tolist() == [True, False]


def test_clusters_of_a_series_follow_the_names_of_units():
    owner = pd.Series(np.arange(12) // 2, index=CANONICAL.index).sample(frac=1, random_state=1)
    found = agreement(CANONICAL, coefficients="alpha", clusters=owner)
    pd.testing.assert_frame_equal(found, agreement(CANONICAL, coefficients="alpha", clusters=np.arange(12) // 2))


def test_the_seed_is_recorded_with_the_result():
    found = agreement(CANONICAL, interval="bca", seed=11)
    assert found.attrs == {"level": "nominal", "interval": "bca", "resamples": 1000, "seed": 11, "confidence": 0.95}


def test_only_a_table_is_taken():
    with pytest.raises(TypeError, match="DataFrame"):
        agreement([[1, 2]])


def test_every_coefficient_is_described():
    assert set(COEFFICIENTS) == set(STATISTICS)


def test_confusion_says_who_gave_what_where_they_differ():
    table = pd.DataFrame({"ann": list("aabbc"), "ben": list("abccc"), "eva": ["a", None, "b", "b", "c"]})
    found = confusion(table)
    assert found.loc[0].tolist() == ["ann", "ben", "b", "c", 2, 0.4]
    assert found[found["other"] == "eva"].to_numpy().tolist() == [["ben", "eva", "c", "b", 2, 0.5]]


def test_confusion_of_sets_names_the_codes_that_only_one_gave():
    found = confusion(sets("AB,A,A|C,B,B"))
    assert found[["coder", "other", "code", "other_code"]].to_numpy().tolist() == [
        ["x", "y", "B", ""],
        ["x", "y", "C", "B"],
        ["x", "z", "B", ""],
        ["x", "z", "C", "B"],
    ]


def test_the_confusion_matrix_counts_all_pairs_of_codings():
    table = confusion_matrix(CANONICAL)
    assert np.triu(table).sum() == agreement(CANONICAL)["pairs"][0]
    assert (table.to_numpy() == table.to_numpy().T).all()


def test_perfect_agreement_has_an_empty_confusion():
    assert confusion(pd.DataFrame({"ann": [1, 2], "ben": [1, 2]})).empty
