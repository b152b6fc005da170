import io
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy.stats import betabinom, hypergeom

from kzsurvey.errors import DesignError
from kzsurvey.modelling import (
    answers_to_code,
    coded_regression,
    contrast,
    differences,
    draw_sample,
    fit_regression,
    jackknife,
    make_design,
    mean,
    prevalence,
    recall_stop,
)
from kzsurvey.modelling.coded.prevalence import Cell, calibrated_prediction, posterior_interval

EVERY = ("auto", "human", "rogan-gladen", "poststratified", "difference", "ppi++", "dsl")


def answers(count=400, share=0.1, seed=1, sensitivity=0.8, specificity=0.95):
    """Machine codes of all answers, and the truth."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(count) < share) * 1
    draw = rng.random(count)
    said = np.where(truth == 1, draw < sensitivity, draw > specificity) * 1
    return pd.DataFrame({"pay": said}), pd.Series(truth, name="pay")


def drawn(count=400, size=100, **options):
    machine, truth = answers(count, **options)
    sample = draw_sample(machine, size, seed=3)
    return machine, truth, sample, truth.loc[sample.index]


def only(estimates):
    return estimates.table.iloc[0]


def test_a_sample_says_how_it_was_drawn_and_can_be_read_again():
    machine, _truth, sample, human = drawn()
    kept = pd.read_csv(io.StringIO(sample.to_csv()), index_col=0)
    assert len(sample) == 100
    assert (sample["stratum_drawn"] / sample["stratum_size"]).tolist() == sample["probability"].tolist()
    pd.testing.assert_frame_equal(
        prevalence(machine, human, probability=sample).table, prevalence(machine, human, probability=kept).table
    )


def test_the_same_seed_draws_the_same_answers():
    machine, _ = answers()
    assert draw_sample(machine, 50, seed=1).index.tolist() == draw_sample(machine, 50, seed=1).index.tolist()
    assert draw_sample(machine, 50, seed=1).index.tolist() != draw_sample(machine, 50, seed=2).index.tolist()


def test_flagged_answers_are_drawn_more_often_but_never_all():
    _machine, _, sample, _ = drawn(share=0.02)
    chance = sample.groupby("stratum")["probability"].first()
    assert chance["none"] < chance["pay"] <= 0.62
    assert sample.groupby("stratum").size().sum() == 100


def test_every_inclusion_probability_is_what_happens():
    machine = pd.DataFrame({"pay": [1] * 6 + [0] * 24})
    times = pd.Series(0, index=machine.index)
    for seed in range(200):
        times[draw_sample(machine, 10, seed=seed).index] += 1
    chance = draw_sample(machine, 10, seed=0).groupby("stratum")["probability"].first()
    assert np.allclose(times[:6] / 200, chance["pay"], atol=0.11)
    assert np.allclose(times[6:] / 200, chance["none"], atol=0.11)


def test_an_answer_with_several_codes_lies_in_the_stratum_of_the_rarest():
    machine = pd.DataFrame({"common": [1] * 30 + [0] * 70, "rare": [1] * 10 + [0] * 90})
    sample = draw_sample(machine, 40, seed=1)
    assert sample.groupby("stratum")["stratum_size"].first().to_dict() == {"common": 20, "none": 70, "rare": 10}
    assert (sample.index[sample["stratum"] == "rare"] < 10).all()


def test_strata_may_be_columns():
    frame = pd.DataFrame({"pay": [0] * 60, "county": ["a"] * 50 + ["b"] * 10, "role": ["x"] * 60})
    sample = draw_sample(frame, 12, strata=["county", "role"], seed=1)
    assert sample["stratum"].value_counts().to_dict() == {"a / x": 10, "b / x": 2}


def test_the_highest_probabilities_are_flagged():
    frame = pd.DataFrame({"pay": np.linspace(0, 0.4, 100)})
    sample = draw_sample(frame, 30, seed=1)
    assert sample.groupby("stratum")["stratum_size"].first().to_dict() == {"none": 80, "pay": 20}


@pytest.mark.parametrize(
    ("change", "options", "words"),
    [
        ({}, {"size": 1}, "size 1"),
        ({}, {"size": 900}, "size 900"),
        ({"pay": [np.nan] + [1] * 9}, {}, "1 machine codes missing"),
        ({"pay": [2] + [1] * 9}, {}, "outside 0 to 1"),
        ({"pay": ["yes"] * 10}, {}, "codes in words"),
        ({"none": [0, 1] * 5}, {}, "a code called none"),
        ({}, {"strata": "place"}, "unknown column 'place'"),
        ({"place": [None] + ["a"] * 9}, {"strata": "place", "codes": []}, "1 answers without a value"),
        ({"place": list("abcdefghij")}, {"strata": "place", "size": 5}, "at least 10"),
    ],
)
def test_what_cannot_be_drawn_is_named(change, options, words):
    frame = pd.DataFrame({"pay": [1] * 5 + [0] * 5} | change)
    with pytest.raises(DesignError, match=words):
        draw_sample(frame, **({"size": 6, "seed": 1} | options))


def test_answers_twice_are_refused():
    frame = pd.DataFrame({"pay": [1, 0, 1, 0]}, index=["a", "a", "b", "c"])
    with pytest.raises(DesignError, match="answers twice in the frame: a"):
        draw_sample(frame, 3, seed=1)


def test_shares_of_a_fully_coded_set_are_known():
    machine, truth = answers(60, 0.3)
    for method in ("human", "poststratified", "difference", "ppi++", "dsl"):
        row = only(prevalence(machine, truth, probability=1.0, method=method))
        assert row["estimate"] == pytest.approx(truth.mean())
        assert row["std_error"] == pytest.approx(0, abs=1e-9)
    row = only(prevalence(machine, truth, probability=1.0))
    assert row["conf_low"] == pytest.approx(row["conf_high"]) == pytest.approx(truth.mean())


@pytest.mark.parametrize("method", EVERY)
def test_every_method_stays_in_range_and_near_the_truth(method):
    machine, truth, sample, human = drawn(1000, 300, share=0.2)
    row = only(prevalence(machine, human, probability=sample, method=method))
    assert 0 <= row["conf_low"] <= row["estimate"] <= row["conf_high"] <= 1
    assert row["conf_low"] <= truth.mean() <= row["conf_high"]
    assert row["n"] == 1000
    assert row["n_coded"] == 300
    assert row["n_positive"] == human.sum()


@pytest.mark.parametrize("method", EVERY)
def test_rare_codes_stay_in_range_by_every_method(method):
    for seed in range(6):
        machine, truth = answers(300, 0.02, seed=seed)
        sample = draw_sample(machine, 60, seed=seed)
        human = truth.loc[sample.index]
        if method == "rogan-gladen" and not human.sum():
            continue
        row = only(prevalence(machine, human, probability=sample, method=method))
        assert 0 <= row["conf_low"] <= row["estimate"] <= row["conf_high"] <= 1
        assert row["conf_high"] > row["conf_low"]


def test_the_human_share_of_a_simple_sample_has_the_textbook_error():
    machine, truth = answers(200, 0.3)
    human = truth.iloc[np.random.default_rng(1).permutation(200)[:50]]
    row = only(prevalence(machine, human, probability=0.25, method="human"))
    share = human.mean()
    assert row["std_error"] == pytest.approx(np.sqrt(share * (1 - share) / 49 * 0.75))


def test_the_poststratified_share_and_error_are_the_textbook_ones():
    machine, _truth, sample, human = drawn()
    row = only(prevalence(machine, human, probability=sample, method="poststratified"))
    parts = sample.assign(y=human).groupby("stratum").agg(N=("stratum_size", "first"), n=("y", "size"), p=("y", "mean"))
    weight = parts["N"] / 400
    variance = (weight**2 * (1 - parts["n"] / parts["N"]) * parts["p"] * (1 - parts["p"]) / (parts["n"] - 1)).sum()
    assert row["estimate"] == pytest.approx((weight * parts["p"]).sum())
    assert row["std_error"] == pytest.approx(np.sqrt(variance))


def test_rogan_gladen_is_its_formula():
    machine, truth = answers(300, 0.3)
    human = truth.iloc[::3]
    said = machine["pay"].loc[human.index]
    sensitivity, specificity = said[human == 1].mean(), 1 - said[human == 0].mean()
    row = only(prevalence(machine, human, probability=1 / 3, method="rogan-gladen"))
    expected = (machine["pay"].mean() + specificity - 1) / (sensitivity + specificity - 1)
    assert row["estimate"] == pytest.approx(expected)


def test_the_tuned_power_is_the_regression_coefficient():
    machine, truth = answers(300, 0.3)
    human = truth.iloc[np.random.default_rng(2).permutation(300)[:90]]
    said = machine["pay"].loc[human.index]
    power = np.cov(human, said)[0, 1] / said.var()
    row = only(prevalence(machine, human, probability=0.3, method="ppi++"))
    assert row["estimate"] == pytest.approx(human.mean() + power * (machine["pay"].mean() - said.mean()))
    plain = only(prevalence(machine, human, probability=0.3, method="difference"))
    assert row["std_error"] <= plain["std_error"]


def test_the_interval_of_two_classes_is_the_sum_of_two_beta_binomials():
    chance = np.zeros(97)
    flagged, others = betabinom.pmf(np.arange(6), 5, 4.5, 1.5), betabinom.pmf(np.arange(71), 70, 0.5, 20.5)
    for (i, p), (j, q) in product(enumerate(flagged), enumerate(others)):
        chance[4 + i + j] += p * q
    below = np.cumsum(chance)
    low, high = posterior_interval([Cell(0.04, 0.05, 5, 5, 4), Cell(0.0, 0.7, 70, 20, 0)])
    for end, tail in ((low, 0.025), (high, 0.975)):
        count = np.searchsorted(below, tail)
        assert end * 100 == pytest.approx(count - 0.5 + (tail - below[count] + chance[count]) / chance[count])


def test_the_interval_of_many_answers_nears_that_of_endless_ones():
    ends = [posterior_interval([Cell(0.0, 1.0, left, 50, 5)]) for left in (4000, 50_000, 5_000_000)]
    assert np.allclose(ends[1], ends[2], atol=0.002)
    assert np.allclose(ends[0], ends[2], atol=0.004)
    low, high = posterior_interval([Cell(0.0, 1.0, 50_000, 2000, 200)])
    error = np.sqrt(0.1 * 0.9 * (1 / 2000 + 1 / 50_000))
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.01)


def test_a_survey_adds_its_own_error_and_a_census_none():
    machine, _truth, sample, human = drawn()
    alone = only(prevalence(machine, human, probability=sample))
    surveyed = only(prevalence(machine, human, probability=sample, design=make_design(weight=np.ones(400))))
    census = make_design(weight=np.ones(400), population=np.full(400, 400))
    counted = only(prevalence(machine, human, probability=sample, design=census))
    assert surveyed["std_error"] > alone["std_error"]
    assert surveyed["conf_high"] - surveyed["conf_low"] > alone["conf_high"] - alone["conf_low"]
    assert counted["std_error"] == pytest.approx(alone["std_error"])


def test_fully_coded_answers_of_a_survey_have_the_error_of_a_mean():
    machine, truth = answers(120, 0.3)
    design = make_design(weight=np.linspace(1, 3, 120), clusters=np.arange(120) // 6, strata=np.arange(120) // 60)
    expected = only(mean(truth, design=design))
    row = only(prevalence(machine, truth, probability=1.0, method="human", design=design))
    assert row["estimate"] == pytest.approx(expected["estimate"])
    assert row["std_error"] == pytest.approx(expected["std_error"])


def test_clusters_that_differ_make_the_interval_wider():
    cluster = np.arange(400) // 20
    truth = pd.Series((cluster % 4 == 0) * 1, name="pay")
    machine = pd.DataFrame({"pay": np.where(np.arange(400) % 11 == 0, 1 - truth, truth)})
    sample = draw_sample(machine, 120, seed=1)
    rows = [
        only(prevalence(machine, truth.loc[sample.index], probability=sample, design=design))
        for design in (make_design(weight=np.ones(400)), make_design(weight=np.ones(400), clusters=cluster))
    ]
    widths = [row["conf_high"] - row["conf_low"] for row in rows]
    assert widths[1] > 2 * widths[0]


def test_replicate_weights_give_an_error_of_about_the_same_size():
    machine, _truth, sample, human = drawn(share=0.3)
    design = make_design(weight=np.ones(400), clusters=np.arange(400) // 10)
    plain = only(prevalence(machine, human, probability=sample, design=design))
    refitted = only(prevalence(machine, human, probability=sample, design=jackknife(design)))
    assert refitted["std_error"] == pytest.approx(plain["std_error"], rel=0.1)


def test_groups_and_codes_come_in_one_table_with_their_covariance():
    machine, truth = answers(600, 0.3)
    machine = machine.assign(food=np.roll(machine["pay"], 7), county=["a", "b", "c"] * 200)
    truth = pd.DataFrame({"pay": truth, "food": np.roll(truth, 7)})
    sample = draw_sample(machine, 240, codes=["pay", "food"], seed=1)
    found = prevalence(machine, truth.loc[sample.index], probability=sample, by="county")
    assert found.table["variable"].tolist() == ["pay"] * 3 + ["food"] * 3
    assert found.table["county"].tolist() == ["a", "b", "c"] * 2
    assert found.covariance.shape == (6, 6)
    gap = contrast(found, {"b - a": [-1, 1, 0, 0, 0, 0]}).table.iloc[0]
    assert gap["estimate"] == pytest.approx(found.table["estimate"][1] - found.table["estimate"][0])
    assert differences(found).table["variable"].tolist() == ["pay b - a", "pay c - a", "food b - a", "food c - a"]
    assert (found.table["n_coded"].groupby(found.table["variable"]).sum() == 240).all()


def test_answers_without_machine_codes_are_outside_and_counted():
    machine, truth = answers(200, 0.3)
    wider = pd.concat([machine, pd.DataFrame({"pay": [np.nan] * 50}, index=range(200, 250))])
    human = truth.iloc[::4]
    row = only(prevalence(wider, human, probability=0.25))
    assert (row["n"], row["n_dropped"]) == (200, 50)
    assert row["estimate"] == pytest.approx(only(prevalence(machine, human, probability=0.25))["estimate"])


def test_answers_drawn_and_not_coded_yet_count_as_not_coded():
    machine, _truth, sample, human = drawn()
    gone = sample.index[:20]
    row = only(prevalence(machine, human.astype(float).mask(human.index.isin(gone)), probability=sample))
    assert row["n_coded"] == 80
    pd.testing.assert_series_equal(row, only(prevalence(machine, human.drop(gone), probability=sample)))


def test_answers_coded_stand_for_those_of_their_stratum_not_coded_yet():
    machine, _truth, sample, human = drawn(share=0.3)
    some = human.drop(sample.index[sample["stratum"] == "none"][:40])
    row = only(prevalence(machine, some, probability=sample, method="human"))
    parts = sample.assign(y=some).groupby("stratum").agg(N=("stratum_size", "first"), p=("y", "mean"))
    assert row["estimate"] == pytest.approx((parts["N"] * parts["p"]).sum() / 400)


def test_error_rates_of_the_machine_are_those_of_all_groups():
    machine, truth = answers(600, 0.3)
    group = pd.Series(np.arange(600) % 2)
    human = truth.iloc[np.random.default_rng(3).permutation(600)[:200]]
    said = machine["pay"].loc[human.index]
    sensitivity, specificity = said[human == 1].mean(), 1 - said[human == 0].mean()
    rows = prevalence(machine, human, probability=1 / 3, method="rogan-gladen", by=group).table
    expected = (machine["pay"].groupby(group).mean() + specificity - 1) / (sensitivity + specificity - 1)
    assert np.allclose(rows["estimate"], expected)


def test_a_survey_error_that_comes_out_too_small_is_not_believed():
    machine, _truth, sample, human = drawn(share=0.05)
    design = make_design(weight=np.ones(400))
    row = only(prevalence(machine, human * 0, probability=sample, design=design))
    assert row["std_error"] == 0
    assert row["conf_high"] > only(prevalence(machine, human * 0, probability=sample))["conf_high"]


def test_probabilities_with_a_class_of_few_yes_are_poststratified():
    rng = np.random.default_rng(1)
    chance = rng.beta(0.1, 6, 600)
    truth = pd.Series((rng.random(600) < chance) * 1, name="pay")
    assert (
        only(prevalence(pd.DataFrame({"pay": chance}), truth.iloc[::2], probability=0.5))["method"] == "poststratified"
    )


def test_automatic_choice_depends_on_the_machine():
    machine, truth, sample, human = drawn()
    assert only(prevalence(machine, human, probability=sample))["method"] == "poststratified"
    silent = prevalence(machine * 0, truth.iloc[::4], probability=0.25)
    assert only(silent)["method"] == "human"
    rng = np.random.default_rng(1)
    chance = 0.3 + 0.4 * rng.random(600)
    truth = pd.Series((rng.random(600) < chance) * 1, name="pay")
    probable = prevalence(pd.DataFrame({"pay": chance}), truth.iloc[::2], probability=0.5)
    assert only(probable)["method"] == "ppi++"


def test_probabilities_of_inclusion_may_differ_from_answer_to_answer():
    rng = np.random.default_rng(4)
    machine, truth = answers(2000, 0.2)
    chance = pd.Series(0.1 + 0.4 * rng.random(2000))
    coded = rng.random(2000) < chance
    row = only(prevalence(machine, truth[coded], probability=chance[coded], method="difference"))
    assert row["conf_low"] < truth.mean() < row["conf_high"]
    two = pd.Series(np.where(machine["pay"] == 1, 0.5, 0.1))
    coded = rng.random(2000) < two
    assert only(prevalence(machine, truth[coded], probability=two[coded]))["n_coded"] == coded.sum()


def test_probabilities_one_by_one_have_the_error_of_poisson_sampling():
    rng = np.random.default_rng(4)
    machine, truth = answers(2000, 0.2)
    chance = pd.Series(0.1 + 0.4 * rng.random(2000))
    coded = rng.random(2000) < chance
    row = only(prevalence(machine, truth[coded], probability=chance[coded], method="human"))
    y, p = truth[coded], chance[coded]
    size, share = (1 / p).sum(), (y / p).sum() / (1 / p).sum()
    assert row["estimate"] == pytest.approx(share)
    assert row["std_error"] == pytest.approx(np.sqrt(((1 - p) * ((y - share) / p) ** 2).sum()) / size, rel=0.01)


def test_a_calibrated_prediction_never_saw_its_own_human_code():
    machine, truth = answers(300, 0.3)
    expansion = (np.arange(300) % 3 == 0) * 3.0
    before = calibrated_prediction(machine["pay"].to_numpy(), truth.to_numpy() * 1.0, expansion)
    for row in (0, 30, 150):
        turned = truth.to_numpy() * 1.0
        turned[row] = 1 - turned[row]
        after = calibrated_prediction(machine["pay"].to_numpy(), turned, expansion)
        assert after[row] == before[row]
        assert after[1:3].tolist() != before[1:3].tolist()


def refusals():
    machine, truth, sample, human = drawn()
    group = pd.Series(np.where(machine.index.isin(sample.index), "seen", "unseen"))
    wrong = 1 - truth
    zero = sample["probability"].mask(sample.index == sample.index[0], 0.0)
    return {
        "no human codes": (machine, human.iloc[:0], {"probability": sample}),
        "one answer coded": (machine, human.iloc[:1], {"probability": 0.1}),
        "answers not in the sample": (machine, truth, {"probability": sample}),
        "inclusion probabilities 0": (machine, human, {"probability": zero}),
        "inclusion probabilities missing": (machine, human, {"probability": zero.replace(0.0, np.nan)}),
        "probability 0": (machine, human, {"probability": 0}),
        "probability None": (machine, human, {"probability": None}),
        "no human codes in stratum pay": (machine, human[sample["stratum"] == "none"], {"probability": sample}),
        "no human codes in group unseen": (machine, human, {"probability": sample, "by": group}),
        "machine codes that are 0 for all": (machine * 0, human, {"probability": 0.25, "method": "ppi++"}),
        "more than 1 together": (wrong.to_frame(), human, {"probability": 0.25, "method": "rogan-gladen"}),
        "human codes that are all 0": (machine, human * 0, {"probability": sample, "method": "rogan-gladen"}),
        "other than 0 and 1": (machine, human * 2, {"probability": sample}),
        "no machine codes of 'food'": (machine, human.rename("food"), {"probability": sample}),
        "without machine codes": (machine.iloc[:50], human, {"probability": 0.25}),
        "answers twice": (machine, pd.concat([human, human]), {"probability": sample}),
        "without stratum_size": (machine, human, {"probability": sample.drop(columns="stratum_size")}),
        "drawn from 400 answers": (
            pd.concat([machine, machine.set_axis(range(400, 800))]),
            human,
            {"probability": sample},
        ),
    }


@pytest.mark.parametrize("words", list(refusals()))
def test_bad_input_is_refused_by_name(words):
    machine, human, options = refusals()[words]
    with pytest.raises(DesignError, match=words):
        prevalence(machine, human, **options)


def test_a_coded_answer_needs_every_code():
    machine, _truth, sample, human = drawn()
    table = pd.DataFrame({"pay": human, "food": human.astype(float).mask(human.index == human.index[0])})
    with pytest.raises(DesignError, match="1 coded answers without this code"):
        prevalence(machine.assign(food=machine["pay"]), table, probability=sample)


def test_more_coded_answers_reach_the_wanted_width():
    machine, truth, sample, human = drawn(1000, 100)
    now = only(prevalence(machine, human, probability=sample))
    plan = answers_to_code(machine, human, probability=sample, width=0.05).iloc[0]
    assert plan["width"] == pytest.approx(now["conf_high"] - now["conf_low"])
    larger = draw_sample(machine, 100 + int(plan["more"]), seed=8)
    after = only(prevalence(machine, truth.loc[larger.index], probability=larger))
    assert after["conf_high"] - after["conf_low"] == pytest.approx(0.05, abs=0.015)


def test_a_width_the_survey_itself_does_not_allow_is_said_so():
    machine, _truth, sample, human = drawn()
    design = make_design(weight=np.ones(400))
    plan = answers_to_code(machine, human, probability=sample, width=0.02, design=design).iloc[0]
    assert plan["more"] is pd.NA
    assert plan["width_all"] > 0.02
    with pytest.raises(DesignError, match="width 2"):
        answers_to_code(machine, human, probability=sample, width=2)


def test_recall_bounds_are_exact():
    for found, remaining, size, positive in product((0, 30), (50, 200), (20, 50), (0, 2)):
        stop = recall_stop(found, remaining, size, positive)
        likely = [
            k
            for k in range(positive, remaining - size + positive + 1)
            if hypergeom.cdf(positive, remaining, k, size) > 0.05
        ]
        assert stop.missed_high == max(likely, default=positive) - positive
        known = found + positive
        whole = known + stop.missed_high
        assert stop.recall_low == pytest.approx(known / whole if whole else 1.0)
        assert stop.stop == (stop.recall_low >= 0.9)
        assert recall_stop(found, remaining, size + stop.more, positive).stop


def ever_wrong(found, remaining, missed, looks):
    """Probability that the rule, asked after every answer, stops with a recall below .9: exactly, look by look."""
    going, wrong = {0: 1.0}, 0.0
    for drawn in range(1, remaining + 1):
        after = dict.fromkeys(range(missed + 1), 0.0)
        for positive, chance in going.items():
            left = (missed - positive) / (remaining - drawn + 1)
            after[min(positive + 1, missed)] += chance * left
            after[positive] += chance * (1 - left)
        going = {}
        for positive, chance in after.items():
            if chance > 0 and recall_stop(found, remaining, drawn, positive, looks=looks).stop:
                wrong += chance * ((found + positive) / (found + missed) < 0.9 - 1e-12)
            elif chance > 0:
                going[positive] = chance
    return wrong


@pytest.mark.parametrize("missed", [3, 4])
def test_a_rule_asked_after_every_answer_errs_no_more_often_than_it_says(missed):
    assert ever_wrong(20, 40, missed, "any") <= 0.05
    assert recall_stop(20, 40, 38, looks="any").stop


def test_a_rule_for_one_look_errs_more_often_when_asked_after_every_answer():
    assert ever_wrong(50, 60, 8, "once") > 0.055
    one, ever = (recall_stop(40, 400, 150, 1, looks=looks) for looks in ("once", "any"))
    assert ever.missed_high > one.missed_high
    assert ever.more > one.more
    with pytest.raises(ValueError, match="looks 'twice'"):
        recall_stop(40, 400, 100, looks="twice")


def test_recall_counts_that_do_not_fit_are_refused():
    with pytest.raises(DesignError, match="3 of 2 of 1"):
        recall_stop(10, 1, 2, 3)
    with pytest.raises(DesignError, match="found -1"):
        recall_stop(-1, 10, 2)
    with pytest.raises(DesignError, match="recall 1"):
        recall_stop(10, 10, 2, recall=1)


def regression_data(seed=1):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=600)
    truth = (rng.random(600) < 1 / (1 + np.exp(-x))) * 1
    said = np.where(rng.random(600) < np.where(x > 0, 0.25, 0.05), 1 - truth, truth)
    table = pd.DataFrame({"x": x, "pay": said, "hours": 1 + truth + rng.normal(size=600)})
    return table, pd.Series(truth, name="pay"), make_design(weight=rng.uniform(1, 3, 600), clusters=np.arange(600) // 6)


@pytest.mark.parametrize(
    ("formula", "family"), [("pay ~ x", "linear"), ("pay ~ x", "logistic"), ("hours ~ pay + x", "linear")]
)
def test_a_regression_with_all_answers_coded_is_that_of_human_codes(formula, family):
    table, truth, design = regression_data()
    fit = coded_regression(table, formula, truth, probability=1.0, design=design, family=family)
    plain = fit_regression(table.assign(pay=truth), formula, design=design, family=family)
    assert np.allclose(fit.terms["estimate"], plain.terms["estimate"], atol=1e-9)
    assert np.allclose(fit.terms["std_error"], plain.terms["std_error"], rtol=1e-8)
    assert fit.summary["n_coded"] == 600


def test_a_corrected_regression_is_nearer_the_truth_than_the_machine():
    table, truth, design = regression_data()
    sample = draw_sample(table, 300, codes=["pay"], seed=1)
    options = {"design": design, "family": "logistic"}
    fit = coded_regression(table, "pay ~ x", truth.loc[sample.index], probability=sample, **options)
    best = fit_regression(table.assign(pay=truth), "pay ~ x", **options).terms["estimate"][1]
    machine = fit_regression(table, "pay ~ x", **options).terms["estimate"][1]
    assert abs(fit.terms["estimate"][1] - best) < abs(machine - best)
    assert (np.diag(fit.extra["second_phase"]) < np.diag(fit.covariance)).all()
    again = fit.extra["estimator"](design.weight)
    assert np.allclose(again.estimate, fit.terms["estimate"])
    assert fit.extra["predict"](again.estimate, table).shape == (600,)


@pytest.mark.parametrize(
    ("formula", "words"),
    [
        ("hours ~ x", "without a code"),
        ("np.log(pay + 1) ~ x", "a code as it is"),
        ("pay ~ y", "unknown variable 'y'"),
        ("hours ~ pay + I(2 * pay)", "repeat each other"),
    ],
)
def test_regressions_that_have_no_answer_are_refused_by_name(formula, words):
    table, truth, design = regression_data()
    with pytest.raises(DesignError, match=words):
        coded_regression(table, formula, truth.iloc[::2], probability=0.5, design=design)


def test_a_regression_on_too_few_human_codes_is_refused():
    table, truth, design = regression_data()
    with pytest.raises(DesignError, match="no human codes among the rows used"):
        coded_regression(
            table.assign(x=table["x"].mask(table.index < 300)),
            "pay ~ x",
            truth.iloc[:100],
            probability=0.2,
            design=design,
        )
    with pytest.raises(DesignError, match="coefficients on 1 degrees of freedom"):
        coded_regression(table, "pay ~ x", truth.iloc[[0, 9]], probability=0.1, design=design)
