"""Suggestions are learned from decisions alone, calibrated, explained to the last digit, and never leave as facts."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from kzsurvey.coding import (
    explain,
    human_labels,
    judge_suggestions,
    learn_suggestions,
    learning_curve,
    next_answers,
    open_answers,
    suggest,
    suggestion_probabilities,
)
from kzsurvey.coding.rules.text import fold
from kzsurvey.coding.suggestions.calibration import fit_calibration
from kzsurvey.coding.suggestions.groups import answer_groups, assign_folds
from kzsurvey.coding.suggestions.judging import left_out_decisions, outer_folds, ratio_interval
from kzsurvey.coding.suggestions.learning import best_threshold, left_out_chance, left_out_scores
from kzsurvey.coding.suggestions.material import match_material
from kzsurvey.coding.suggestions.ngrams import (
    COLUMNS,
    Runs,
    count_ngrams,
    learn_vocabulary,
    ngram_places,
    weigh_ngrams,
)
from kzsurvey.errors import CodingError
from kzsurvey.modelling import prevalence
from kzsurvey.tables import check_table

PAY, STAFF, ROADS = "工资奖金补贴待遇收入", "人手编制岗位空缺干部", "道路水管房子供暖桥梁"
ENDS = ["太少", "不够", "一直没有解决", "说了几年", "谁也不管", "太差", "让人着急", "问题很大", "没有办法", "年年都提"]


def sentence(words, rng):
    """A sentence about something: three of its words and an ending."""
    pairs = [words[place : place + 2] for place in rng.permutation(len(words) // 2)[:3] * 2]
    return "".join([*pairs, ENDS[rng.integers(len(ENDS))]])


def material(count=120, seed=1, codes=("pay", "staff")):
    """Answers about pay, staff or roads, two to an interview, and what people decided."""
    rng = np.random.default_rng(seed)
    about = rng.integers(3, size=count)
    texts = [sentence((PAY, STAFF, ROADS)[what], rng) + f"{rng.integers(10_000)}" for what in about]
    interviews = [f"i{number // 2}" for number in range(count)]
    questions = [f"q{number % 2}" for number in range(count)]
    answers = pd.DataFrame({"interview": interviews, "question": questions, "text": texts})
    value = {"pay": about == 0, "staff": about == 1}
    labels = pd.concat([answers[["interview", "question"]].assign(code=code, value=value[code] * 1) for code in codes])
    return answers, labels.reset_index(drop=True)


@pytest.fixture(scope="module")
def taught():
    answers, labels = material()
    return learn_suggestions(answers, labels, seed=1)


def noise(texts, seed=1):
    """One interview per text, and a code that has nothing to do with any of them."""
    answers = pd.DataFrame({"interview": [f"i{n}" for n in range(len(texts))], "question": "q", "text": texts})
    value = np.random.default_rng(seed).integers(2, size=len(texts))
    return answers, answers.assign(code="c", value=value)[["interview", "question", "code", "value"]]


def invented(count, length=12, seed=3):
    """Texts of characters at random."""
    rng = np.random.default_rng(seed)
    return ["".join(chr(0x4E00 + point) for point in rng.integers(3000, size=length)) for _ in range(count)]


# features


@given(st.lists(st.text(max_size=30), max_size=8))
@settings(max_examples=60, deadline=None)
def test_counts_are_those_of_every_run_of_every_text(texts):
    counts = count_ngrams(texts, runs=Runs(1, 2, 3))
    assert counts.shape == (len(texts), COLUMNS)
    for row, text in enumerate(texts):
        runs = [text[at : at + n] for n in (1, 2, 3) for at in range(len(text) - n + 1)]
        runs = [run for run in runs if len(run) < 3 or max(run) < chr(0x2E80)]
        column = {run: ngram_places(run, runs=Runs(1, 2, 3)).column[-1] for run in set(runs)}
        found = dict(zip(counts[[row]].indices.tolist(), counts[[row]].data.tolist(), strict=True))
        assert found == Counter(column[run] for run in runs)
        assert sorted(ngram_places(text, runs=Runs(1, 2, 3)).column) == sorted(column[run] for run in runs)


def test_columns_are_the_same_on_every_computer():
    assert ngram_places("缺人pay", runs=Runs()).column[:4].tolist() == [1454422, 993125, 1695139, 1504838]


def test_letters_go_to_runs_of_four_and_chinese_to_two():
    places = ngram_places("缺人手pays")
    runs = {"缺人手pays"[start:end] for start, end in zip(places.start, places.end, strict=True)}
    assert {"缺", "缺人", "手p", "pays", "ays"} <= runs
    assert not {"缺人手", "手pa"} & runs


def test_many_texts_give_what_each_gives_alone():
    texts = [*invented(3000, 40), "", "字" * 40_000, "a"]
    together = count_ngrams(texts)
    for row in (0, 1, 1234, 2999, 3000, 3001, 3002):
        alone = count_ngrams([texts[row]])
        assert (together[[row]].indices == alone.indices).all()
        assert (together[[row]].data == alone.data).all()


def test_features_are_log_counts_by_rarity_of_length_one():
    counts = count_ngrams(["缺缺缺人", "缺路", "人路"], runs=Runs(1, 1, 1))
    features = weigh_ngrams(counts, learn_vocabulary(counts)).toarray()
    assert sorted(features[0][features[0] > 0] / features[0].max()) == pytest.approx([1 / (1 + np.log(3)), 1])
    assert (features**2).sum(axis=1) == pytest.approx([1, 1, 1])


# groups


def test_nearly_the_same_answers_and_those_of_one_interview_are_tied():
    said = "村里年轻人都出去打工了,剩下的都是老人和孩子"
    texts = [said, said.replace("老人", "老年人") + "。", "会议太多,表格也太多", "水管冬天总是冻坏"]
    groups = answer_groups(["a", "b", "b", "c"], texts)
    assert groups.group.tolist() == [0, 0, 0, 1]
    assert not groups.stock.any()


def test_a_changed_character_is_found_and_a_common_ending_is_not():
    texts = invented(400, 20)
    changed = [text[:9] + "改" + text[10:] for text in texts]
    ending = "这个问题一直没有得到解决"
    group = answer_groups([str(n) for n in range(800)], [*texts, *changed]).group
    assert (group[:400] == group[400:]).all()
    assert len(np.unique(group)) == 400
    assert len(np.unique(answer_groups(texts, [text + ending for text in texts]).group)) == 400


def test_what_everybody_says_ties_nobody_and_is_not_judged():
    texts = ["没有。"] * 30 + invented(60)
    groups = answer_groups([f"i{n}" for n in range(90)], texts)
    assert groups.stock.tolist() == [True] * 30 + [False] * 60
    assert len(np.unique(groups.group)) == 90
    judged = judge_suggestions(*noise(texts), seed=1)
    assert judged.n_stock == 30
    assert len(judged.answers) == 60


@given(st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_folds_hold_whole_groups_and_their_share_of_rare_codes(seed):
    rng = np.random.default_rng(seed)
    group = rng.integers(60, size=200)
    yes = np.stack([np.isin(group, rng.choice(60, 10, replace=False)), rng.random(200) < 0.4], axis=1)
    fold_ = assign_folds(group, yes, count=5, seed=seed)
    assert not pd.DataFrame({"group": group, "fold": fold_}).drop_duplicates()["group"].duplicated().any()
    holders = pd.Series(group[yes[:, 0]]).groupby(fold_[yes[:, 0]]).nunique()
    assert len(holders) == 5
    assert np.ptp(np.bincount(fold_)) < 40


# no leaks


def test_twins_of_answers_are_never_learned_from_when_they_are_judged():
    texts = invented(80, 14)
    twins = [text[:6] + "又" + text[7:] for text in texts]
    answers, labels = noise(texts + twins)
    labels["value"] = np.tile(labels["value"][:80], 2)
    judged = judge_suggestions(answers, labels, seed=1)
    found = judged.answers["probability"].groupby(judged.answers["value"]).mean()
    assert abs(found[1] - found[0]) < 0.1  # with twins across folds: above .4
    assert not judged.answers[["group", "fold"]].drop_duplicates()["group"].duplicated().any()


def test_no_score_of_an_answer_comes_from_its_own_decision():
    answers, labels = material(60)
    matched = match_material(answers, labels)
    fold_ = assign_folds(matched.group, matched.labels == 1, count=5, seed=1)
    before = left_out_scores(matched, fold_)
    turned = matched.labels.copy()
    turned[fold_ == 2] = 1 - turned[fold_ == 2]
    after = left_out_scores(matched._replace(labels=turned), fold_)
    assert (before[fold_ == 2] == after[fold_ == 2]).all()
    assert (before[fold_ != 2] != after[fold_ != 2]).any()


def test_no_calibration_comes_from_the_decisions_it_calibrates():
    rng = np.random.default_rng(1)
    scores, labels, fold_ = rng.normal(size=(90, 2)), rng.integers(2, size=(90, 2)) * 1.0, np.arange(90) % 3
    before = left_out_chance(scores, labels, fold_)
    turned = np.where((fold_ == 2)[:, None], 1 - labels, labels)
    after = left_out_chance(scores, turned, fold_)
    assert (before[fold_ == 2] == after[fold_ == 2]).all()
    assert (before[fold_ != 2] != after[fold_ != 2]).all()


def test_no_judged_suggestion_comes_from_the_decisions_that_judge_it():
    matched = match_material(*material(60))
    fold_ = outer_folds(matched, 3, seed=1)
    turned = np.where((fold_ == 2)[:, None], 1 - matched.labels, matched.labels)
    columns = ["interview", "question", "code", "probability", "suggested"]
    for number, same in ((2, True), (0, False)):
        before, after = (
            left_out_decisions(one, fold_, number, 1)[columns] for one in (matched, matched._replace(labels=turned))
        )
        assert before.equals(after) == same


def test_calibration_does_not_believe_a_machine_that_learned_noise_by_heart():
    answers, labels = noise(invented(300, 30))
    suggester = learn_suggestions(answers, labels, seed=1)
    new = pd.DataFrame({"interview": [f"n{k}" for k in range(200)], "question": "q", "text": invented(200, 30, seed=8)})
    for chance in (suggester.left_out["c"], suggestion_probabilities(suggester, new)["c"]):
        assert chance.between(0.3, 0.7).mean() > 0.95
    learned = suggester.machine.features @ suggester.machine.weights.weight + suggester.machine.weights.start
    assert ((learned[:, 0] > 0) == labels["value"]).mean() > 0.95  # it did learn it by heart


def test_answers_that_taught_get_probabilities_by_machines_that_did_not_see_them(taught):
    answers, _ = material()
    chance = suggestion_probabilities(taught, answers)
    pd.testing.assert_frame_equal(chance, taught.left_out[chance.columns])
    renamed = suggestion_probabilities(taught, answers.assign(interview="new" + answers["interview"]))
    assert not np.allclose(renamed.to_numpy(), chance.to_numpy())


# learning


def test_a_suggester_learns_what_people_decided(taught):
    answers, labels = material(60, seed=2)
    given_ = suggest(taught, answers.assign(interview="n" + answers["interview"]))
    check_table(given_, "mentions")
    right = labels[labels["value"] == 1].assign(interview="n" + labels["interview"])
    both = given_.merge(right, on=["interview", "question", "code"])
    assert len(both) >= 0.9 * max(len(given_), len(right))
    assert set(given_["source"]) == {"model"}
    assert set(given_["coder"]) == {taught.name}
    assert given_["score"].between(taught.threshold, 1).all()


def test_traditional_and_simplified_spelling_get_the_same_probability(taught):
    texts = ["幹部崗位空缺，編製不夠", "干部岗位空缺，编制不够"]
    new = pd.DataFrame({"interview": ["a", "b"], "question": "q0", "text": texts})
    chance = suggestion_probabilities(taught, new)
    assert chance.iloc[0].tolist() == chance.iloc[1].tolist()
    assert chance["staff"].iloc[0] > 0.5


def test_undecided_is_not_no_and_codes_stay_with_their_questions():
    answers, labels = material()
    some = labels[~((labels["code"] == "staff") & (labels["question"] == "q1"))]
    suggester = learn_suggestions(answers, some, seed=1)
    assert suggester.learned["answers"].to_dict() == {"pay": 120, "staff": 60}
    chance = suggestion_probabilities(suggester, answers.assign(interview="n" + answers["interview"]))
    assert chance["staff"].isna().groupby(level="question").mean().to_dict() == {"q0": 0.0, "q1": 1.0}


def test_the_same_decisions_in_any_order_give_the_same_suggester():
    answers, labels = material(60)
    once = learn_suggestions(answers, labels, seed=1)
    again = learn_suggestions(answers, labels.sample(frac=1, random_state=1), seed=1)
    assert once.name == again.name
    pd.testing.assert_frame_equal(once.left_out, again.left_out)
    assert learn_suggestions(answers, labels.assign(value=1 - labels["value"]), seed=1).name != once.name


def test_a_code_with_two_answers_is_refused_with_its_count():
    answers, labels = material()
    rare = answers[["interview", "question"]].assign(code="rare", value=[1, 0, 1] + [0] * 117)
    suggester = learn_suggestions(answers, pd.concat([labels, rare]), seed=1)
    row = suggester.learned.loc["rare"]
    assert (row["yes"], row["groups_yes"], row["learned"]) == (2, 2, False)
    assert row["reason"] == "fewer than 3 groups with it"
    assert "rare" not in suggestion_probabilities(suggester, answers)
    with pytest.raises(CodingError, match=r"code 'rare'; allowed: codes that were learned: pay, staff"):
        explain(suggester, "工资", "rare")


def test_a_code_with_three_answers_borrows_its_calibration_and_is_never_sure():
    answers, labels = material(240)
    place = [20, 90, 150]
    said = answers.assign(text=answers["text"].mask(answers.index.isin(place), "狗咬羊的事情" + answers["text"]))
    rare = said[["interview", "question"]].assign(code="rare", value=said.index.isin(place) * 1)
    suggester = learn_suggestions(said, pd.concat([labels, rare]), seed=1)
    chance = suggestion_probabilities(suggester, said.assign(interview="n" + said["interview"]))["rare"]
    assert chance.max() <= 0.8
    assert chance.iloc[place].min() > 5 * chance.drop(chance.index[place]).mean()
    assert chance.mean() == pytest.approx(3 / 240, abs=0.02)


def test_six_answers_move_the_common_calibration_less_than_six_hundred():
    rng = np.random.default_rng(1)
    score = rng.normal(size=(600, 3))
    label = (rng.random((600, 3)) < expit(2 * score)) * 1.0
    useless = (rng.random(600) < 0.5) * 1.0
    high = {}
    for count in (6, 600):
        for name, own in (("good", label[:, 2]), ("useless", useless)):
            table = np.column_stack([label[:, :2], np.where(np.arange(600) < count, own, np.nan)])
            high[count, name] = fit_calibration(score, table).probability(np.array([[2.0] * 3, [-2.0] * 3]))
    told = {key: (chance[0] - chance[1])[2] for key, chance in high.items()}
    assert told[600, "good"] - told[600, "useless"] > 0.7
    assert abs(told[6, "good"] - told[6, "useless"]) < 0.35
    high = {key: chance[0] for key, chance in high.items()}
    assert high[6, "good"][2] < high[6, "good"][0] - 0.1  # a rare code is never as sure
    assert high[600, "good"] == pytest.approx(expit([4.0] * 3), abs=0.05)


def test_calibrated_probabilities_are_as_frequent_as_they_say():
    rng = np.random.default_rng(2)
    score = rng.normal(size=(4000, 4))
    label = (rng.random(score.shape) < expit(np.array([-4, -2, 0, 1]) + 1.5 * score)) * 1.0
    chance = fit_calibration(score[:2000], label[:2000]).probability(score[2000:])
    for low in (0.0, 0.1, 0.3, 0.6):
        here = (chance >= low) & (chance < low + 0.2)
        assert label[2000:][here].mean() == pytest.approx(chance[here].mean(), abs=0.05)


def test_the_threshold_is_the_one_with_the_best_f1():
    rng = np.random.default_rng(3)
    chance = rng.random((300, 2)).round(2)
    label = (rng.random((300, 2)) < chance) * 1.0
    found = best_threshold(chance, label)

    def f1(threshold):
        given_ = chance >= threshold
        return 2 * (label * given_).sum() / (given_.sum() + label.sum())

    assert f1(found) == pytest.approx(max(f1(threshold) for threshold in np.arange(0, 1, 0.005)))


def refusals():
    answers, labels = material(60)
    twice = pd.concat([labels, labels.iloc[:1].assign(value=1 - labels["value"].iloc[0])])
    return {
        "no column text": (answers.drop(columns="text"), labels),
        "no column code": (answers, labels.drop(columns="code")),
        "1 answers twice: i0 / q0": (pd.concat([answers, answers.iloc[:1]]), labels),
        "1 without interview, question or text": (
            answers.assign(text=answers["text"].mask(answers.index == 3)),
            labels,
        ),
        "decisions about 1 unknown answers: i99 / q0": (
            answers,
            pd.concat([labels, pd.DataFrame([["i99", "q0", "pay", 1]], columns=labels.columns)]),
        ),
        "1 values other than 0 and 1": (answers, labels.assign(value=labels["value"].mask(labels.index == 0, 2))),
        "1 codes both given and denied": (answers, twice),
        "no decisions": (answers, labels.iloc[:0]),
        "2 groups of answers for 5 folds": (answers, labels[labels["interview"].isin(["i0", "i1"])]),
        "no code with 3 groups": (answers, labels.assign(value=0)),
    }


@pytest.mark.parametrize("words", list(refusals()))
def test_bad_input_is_refused_by_name(words):
    with pytest.raises(CodingError, match=words):
        learn_suggestions(*refusals()[words], seed=1)


def test_empty_and_strange_texts_get_a_probability_and_no_span_outside(taught):
    texts = ["", "。。。", "\U0001f600", "水" * 20_000, "؟ئىش", "\x00\u200b工资"]
    new = pd.DataFrame({"interview": [f"x{n}" for n in range(6)], "question": "q0", "text": texts})
    assert suggestion_probabilities(taught, new).notna().all().all()
    given_ = suggest(taught, new, least=0)
    lengths = given_["interview"].map(dict(zip(new["interview"], map(len, texts), strict=True)))
    assert ((given_["start"] >= 0) & (given_["end"] <= lengths)).all()
    assert len(given_) == 12


def test_nothing_to_suggest_is_an_empty_table(taught):
    answers, _ = material(4)
    check_table(suggest(taught, answers.iloc[:0]), "mentions")
    check_table(suggest(taught, answers, least=1.0), "mentions")
    with pytest.raises(CodingError, match="least 2"):
        suggest(taught, answers, least=2)


# explaining


@pytest.mark.parametrize(
    "text", ["干部岗位空缺，编制不够。工资补贴太少", "３０㎡的辦公室，幹部崗位空缺", "工资工资工资", ""]
)
def test_the_weights_of_an_explanation_are_the_whole_score(taught, text):
    new = pd.DataFrame({"interview": ["a"], "question": "q0", "text": [text]})
    found = explain(taught, text, "staff")
    assert found.attrs["start"] + found["weight"].sum() == pytest.approx(found.attrs["score"])
    assert found.attrs["probability"] == pytest.approx(suggestion_probabilities(taught, new)["staff"].iloc[0])
    for row in found.itertuples():
        assert text[row.start : row.end] == row.words


def test_what_spoke_for_a_code_is_shown_in_the_spelling_of_the_answer(taught):
    text = "路远。幹部崗位㎡空缺"
    found = explain(taught, text, "staff").query("weight > 0")
    assert {"崗位", "幹部"} <= set(found["words"])
    assert {one.text for one in fold(found["words"])} & {"岗位", "干部"}


def test_the_span_is_the_statement_that_spoke_for_the_code(taught):
    text = "道路桥梁太差。編制空缺，幹部崗位不夠！工资补贴太少"
    new = pd.DataFrame({"interview": ["a"], "question": "q0", "text": [text]})
    spans = suggest(taught, new, least=0).set_index("code")
    words = {code: text[spans.at[code, "start"] : spans.at[code, "end"]] for code in spans.index}
    assert words == {"staff": "編制空缺，幹部崗位不夠", "pay": "工资补贴太少"}


def test_what_a_person_decided_is_not_suggested_again(taught):
    answers, _ = material(30, seed=5)
    new = answers.assign(interview="n" + answers["interview"])
    every = suggest(taught, new)
    rest = suggest(taught, new, without=every.iloc[:3])
    pd.testing.assert_frame_equal(rest, every.iloc[3:].reset_index(drop=True))


# judging


def test_measures_are_those_of_the_left_out_decisions():
    answers, labels = material()
    labels["value"] = labels["value"].where(np.arange(240) % 9 > 0, 1 - labels["value"])
    judged = judge_suggestions(answers, labels, seed=1)
    table = judged.answers
    row = judged.codes.set_index("code").loc["pay"]
    part = table[table["code"] == "pay"]
    right = (part["suggested"] & (part["value"] == 1)).sum()
    assert row["precision"] == right / part["suggested"].sum()
    assert row["recall"] == right / part["value"].sum()
    assert row["f1"] == pytest.approx(2 / (1 / row["precision"] + 1 / row["recall"]))
    for name in ("precision", "recall", "f1"):
        assert (judged.codes[f"{name}_low"] <= judged.codes[name]).all()
        assert (judged.codes[name] <= judged.codes[f"{name}_high"]).all()
        assert judged.overall[f"{name}_low"].iloc[0] < judged.overall[name].iloc[0] < 1
    assert len(table) == len(labels)
    assert judged.reliability["n"].sum() == len(table)


def test_a_code_too_rare_to_learn_has_no_measures_and_says_so():
    answers, labels = material()
    rare = answers[["interview", "question"]].assign(code="rare", value=[1, 0, 1] + [0] * 117)
    judged = judge_suggestions(answers, pd.concat([labels, rare]), seed=1)
    row = judged.codes.set_index("code").loc["rare"]
    assert not row["learned"]
    assert row[["precision", "recall", "f1"]].isna().all()
    assert (row["answers"], row["yes"], row["suggested"]) == (120, 2, 0)


def test_intervals_are_those_of_clusters():
    rng = np.random.default_rng(1)
    top = rng.integers(2, size=40) * 1.0
    share, low, high = ratio_interval(top, np.ones(40))
    p, t = top.mean(), 2.0226909
    middle, half = p + t**2 / 78, t * np.sqrt(p * (1 - p) / 39 + t**2 / (4 * 39**2))
    assert (share, low, high) == pytest.approx(
        (p, (middle - half) / (1 + t**2 / 39), (middle + half) / (1 + t**2 / 39))
    )
    wider = ratio_interval(np.repeat(top[:10], 1) * 4, np.full(10, 4.0))
    assert wider[2] - wider[1] > 1.5 * (high - low)
    assert np.isnan(ratio_interval(np.zeros(3), np.zeros(3))).all()
    certain = ratio_interval(np.ones(5), np.ones(5))
    assert certain[1] < 0.6
    assert certain[2] == 1


def test_a_curve_rises_with_what_it_learns_from():
    answers, labels = material(160)
    answers["text"] += invented(160, 60)
    curve = learning_curve(answers, labels, sizes=(0.1, 0.4, 1), seed=1)
    assert curve["size"].tolist() == [0.1, 0.4, 1]
    assert curve["answers"].is_monotonic_increasing
    assert curve["f1"].iloc[0] < curve["f1"].iloc[2]
    whole = judge_suggestions(answers, labels, seed=1).overall.iloc[0]
    assert curve["f1"].iloc[2] == pytest.approx(whole["f1"])
    with pytest.raises(CodingError, match="sizes"):
        learning_curve(answers, labels, sizes=(0, 1), seed=1)


# the queue


def test_a_random_queue_is_a_sample_that_shares_can_be_corrected_with(taught):
    answers, labels = material(200, seed=6)
    queue = next_answers(answers, 80, by="random", seed=4)
    assert queue["probability"].tolist() == [0.4] * 80
    truth = labels.pivot_table("value", ["interview", "question"], "code")
    machine = suggestion_probabilities(taught, answers.assign(interview="n" + answers["interview"]))
    machine.index = truth.reindex(pd.MultiIndex.from_frame(answers[["interview", "question"]])).index
    found = prevalence(machine, truth.loc[queue.index], probability=queue).table
    assert (found["conf_low"] <= truth.mean().to_numpy()).all()
    assert (truth.mean().to_numpy() <= found["conf_high"]).all()
    pd.testing.assert_frame_equal(queue, next_answers(answers, 80, by="random", seed=4))


@pytest.mark.parametrize("by", ["uncertainty", "gain"])
def test_what_a_machine_picked_is_refused_as_a_sample(taught, by):
    answers, _ = material(60, seed=6)
    new = answers.assign(interview="n" + answers["interview"])
    queue = next_answers(new, 20, by=by, suggester=taught)
    assert queue["order"].tolist() == list(range(1, 21))
    assert queue["probability"].isna().all()
    machine = suggestion_probabilities(taught, new)
    human = pd.DataFrame({"pay": 1, "staff": 0}, index=queue.index)
    with pytest.raises(ValueError, match="inclusion probabilities missing|stratum"):
        prevalence(machine, human, probability=queue)


def test_the_most_doubtful_answers_come_first(taught):
    answers, _ = material(60, seed=7)
    new = answers.assign(interview="n" + answers["interview"])
    p = suggestion_probabilities(taught, new).to_numpy()
    doubt = -(p * np.log(p) + (1 - p) * np.log(1 - p)).sum(axis=1)
    queue = next_answers(new, 60, by="uncertainty", suggester=taught)
    assert len(queue) > 50
    assert np.allclose(queue["value"].iloc[:20], np.sort(doubt)[::-1][:20])


def test_gain_is_what_coding_an_answer_takes_off_the_variance(taught):
    from kzsurvey.coding.suggestions.classifier import STRENGTH

    answers, _ = material(40, seed=8)
    new = answers.assign(interview="n" + answers["interview"])
    p, taught_p = suggestion_probabilities(taught, new).to_numpy(), taught.left_out.to_numpy()
    features = weigh_ngrams(count_ngrams([one.text for one in fold(new["text"])]), taught.machine.vocabulary).toarray()
    old, w = taught.machine.features.toarray(), (taught_p * (1 - taught_p)).mean(axis=1)
    information = np.eye(old.shape[1]) / STRENGTH + (old.T * w) @ old

    def spread(information):
        variance = np.einsum("ij,ji->i", features, np.linalg.solve(information, features.T))
        return ((p * (1 - p)) ** 2).sum(axis=1) @ variance

    queue = next_answers(new, 3, by="gain", suggester=taught)
    rows = pd.MultiIndex.from_frame(new[["interview", "question"]]).get_indexer(queue.index)
    for row, value in zip(rows, queue["value"], strict=True):
        after = information + (p[row] * (1 - p[row])).mean() * np.outer(features[row], features[row])
        assert value == pytest.approx(spread(information) - spread(after), rel=1e-6)
        information = after


def test_of_twins_a_machine_picks_one(taught):
    answers, _ = material(30, seed=9)
    new = pd.concat([answers.assign(interview=kind + answers["interview"]) for kind in "ab"], ignore_index=True)
    for by in ("gain", "uncertainty"):
        queue = next_answers(new, 8, by=by, suggester=taught).reset_index()
        assert (queue["interview"].str[1:] + queue["question"]).nunique() == 8
        assert len(next_answers(new, 60, by=by, suggester=taught)) <= 30


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"by": "length"}, "by 'length'"),
        ({"by": "random"}, "random order without a seed"),
        ({"by": "gain"}, "code a random sample first"),
        ({"by": "random", "seed": 1, "size": 7}, "size 7"),
        ({"by": "random", "seed": 1, "size": 0}, "size 0"),
    ],
)
def test_queues_that_cannot_be_made_are_refused(options, words):
    answers, _ = material(6)
    with pytest.raises(CodingError, match=words):
        next_answers(answers, **({"size": 2} | options))


# from the desk


def test_a_machine_learns_from_the_files_of_coders(desk):
    """Ten stall keepers code themselves: what they gave, what they did not give, and nothing else."""
    answers = open_answers(desk.interviews, desk.survey)
    said = desk.interviews["troubles"].dropna()
    assert answers.set_index("interview")["text"].to_dict() == said.astype(str).to_dict()
    first, second, third = answers["interview"].iloc[:3]
    desk.do("anna", "add", first, code="T1.1")
    desk.do("anna", "add", second, code="T1")
    desk.do("anna", "nothing", third)
    labels = human_labels(desk.read(), desk.survey)
    table = labels.pivot_table("value", "interview", "code")
    assert table.loc[first].to_dict() == pytest.approx({"T1": np.nan, "T1.1": 1, "T2": 0}, nan_ok=True)
    assert table.loc[second].to_dict() == {"T1": 1, "T1.1": 0, "T2": 0}
    assert table.loc[third].to_dict() == {"T1": 0, "T1.1": 0, "T2": 0}
    assert len(labels) == 8
    with pytest.raises(CodingError, match="3 groups of answers for 5 folds"):
        learn_suggestions(answers, labels, seed=1)


def test_what_coders_disagree_on_teaches_nothing(desk):
    first = open_answers(desk.interviews, desk.survey)["interview"].iloc[0]
    desk.do("anna", "add", first, code="T1.1")
    desk.do("ben", "add", first, code="T2")
    assert human_labels(desk.read(), desk.survey).empty
