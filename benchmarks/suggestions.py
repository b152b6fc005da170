"""How good, how well calibrated and how fast suggestions are, beside scikit-learn's features and the shipped rules.

    python benchmarks/suggestions.py [--what quality speed ...] [--samples 1000] [--shared FOLDER] [--to FOLDER]

``quality``: sib200 (train + dev teach, test judges) and the sample of ASAP (train teaches, dev judges), with a picture
of reliability. ``speed``: n-gram features of answers of 200 characters, CPU seconds. ``sentences``: learned from the
coded sentences of the shipped survey, judged by the banks of clauses that teach nothing. ``rare``: codes with three to
thirty answers. ``intervals``: coverage. ``queue``: what answers picked by a machine bring.
"""

import argparse
import tempfile
import time
import warnings
from collections.abc import Callable
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score
from sklearn.svm import LinearSVC

from kzsurvey import coding
from kzsurvey.coding.rules.text import fold
from kzsurvey.coding.suggestions.judging import ratio_interval
from kzsurvey.coding.suggestions.ngrams import Runs, count_ngrams, learn_vocabulary, weigh_ngrams

KIZILSU = Path(__file__).parents[1] / "data" / "raw" / "kizilsu"
BANKS = Path(__file__).parents[1] / "tests" / "coding"
KEY = ["interview", "question"]


def long_labels(answers: pd.DataFrame, value: dict[str, np.ndarray]) -> pd.DataFrame:
    """One row per answer and code."""
    return pd.concat([answers[KEY].assign(code=code, value=given) for code, given in value.items()], ignore_index=True)


def sib200(folder: Path, *names: str) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Sentences and, per topic, whether it is theirs."""
    tables = [
        pd.read_csv(folder / "sib200_zh" / f"zho_Hans_{name}.tsv", sep="\t", quoting=3, dtype=str) for name in names
    ]
    table = pd.concat(tables, ignore_index=True)
    answers = pd.DataFrame({"interview": table["index_id"], "question": "sentence", "text": table["text"]})
    topics = sorted(table["category"].unique())
    return answers, {topic: (table["category"] == topic).to_numpy() * 1 for topic in topics}


def asap(folder: Path, name: str) -> tuple[pd.DataFrame, dict[str, np.ndarray]]:
    """Reviews and, per aspect, whether it is mentioned."""
    table = pd.read_csv(folder / "asap_sample" / f"{name}_sample.csv", dtype=str, encoding="utf-8-sig")
    answers = pd.DataFrame({"interview": table["index"], "question": "review", "text": table["reviewbody"]})
    return answers, {aspect: (table[aspect].astype(float) != -2).to_numpy() * 1 for aspect in table.columns[3:]}


def quality(options: argparse.Namespace) -> pd.DataFrame:
    """F1 in texts that taught nothing, beside the same features by scikit-learn; and the picture."""
    rows, shown = [], {}
    for name, teach, judge in (
        ("sib200", sib200(options.shared, "train", "dev"), sib200(options.shared, "test")),
        ("asap", asap(options.shared, "train"), asap(options.shared, "dev")),
    ):
        start = time.process_time()
        suggester = coding.learn_suggestions(teach[0], long_labels(*teach), seed=1)
        learned = time.process_time() - start
        chance = coding.suggestion_probabilities(suggester, judge[0])
        true = np.stack([judge[1][code] for code in chance], axis=1)
        given = chance.to_numpy() >= suggester.threshold
        if name == "sib200":
            given = chance.to_numpy() == chance.to_numpy().max(axis=1, keepdims=True)
        shown[name] = _reliability(judge[0], chance, true)
        rows.append({"data": name, "what": "suggestions", **_f1(true, given), "seconds": learned})
        rows += _plain(name, teach, judge, list(chance))
    _picture(shown, options.to / "suggestions_reliability.png")
    for name, table in shown.items():
        print(f"\n{name}\n{table.round(3).to_string(index=False)}")
    return pd.DataFrame(rows)


def _f1(true: np.ndarray, given: np.ndarray) -> dict[str, float]:
    return {f"{kind}_f1": f1_score(true, given, average=kind, zero_division=0) for kind in ("micro", "macro")}


def _plain(name: str, teach: tuple, judge: tuple, codes: list[str]) -> list[dict]:
    """The same linear model, without weights of ours, on our features and on scikit-learn's."""
    texts = [[one.text for one in fold(side[0]["text"])] for side in (teach, judge)]
    true = np.stack([judge[1][code] for code in codes], axis=1)
    rows = []
    for maker, runs in product((_our_features, _their_features), ((1, 2), (1, 3))):
        features = maker(texts, runs)
        scores = [
            LinearSVC(random_state=0).fit(features[0], teach[1][code]).decision_function(features[1]) for code in codes
        ]
        score = np.stack(scores, axis=1)
        given = score == score.max(axis=1, keepdims=True) if name == "sib200" else score > 0
        rows.append({"data": name, "what": f"LinearSVC, {maker.__name__[1:]} {runs}", **_f1(true, given)})
    return rows


def _our_features(texts: list[list[str]], runs: tuple[int, int]) -> list:
    counts = [count_ngrams(side, runs=Runs(runs[0], runs[1], runs[1])) for side in texts]
    vocabulary = learn_vocabulary(counts[0])
    return [weigh_ngrams(side, vocabulary) for side in counts]


def _their_features(texts: list[list[str]], runs: tuple[int, int]) -> list:
    vectors = TfidfVectorizer(analyzer="char", ngram_range=runs, min_df=2, sublinear_tf=True)
    return [vectors.fit_transform(texts[0]), *(vectors.transform(side) for side in texts[1:])]


def _reliability(answers: pd.DataFrame, chance: pd.DataFrame, true: np.ndarray) -> pd.DataFrame:
    """Classes of probability, answers as clusters."""
    group = np.repeat(np.arange(len(answers)), chance.shape[1])
    judged = pd.DataFrame({"probability": chance.to_numpy().ravel(), "value": true.ravel(), "group": group})
    return coding.suggestion_reliability(judged)


def _picture(shown: dict[str, pd.DataFrame], path: Path) -> None:
    """Observed shares over probabilities, one panel for each set."""
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from kzsurvey.reporting.figures import DOTS, INK, LINE, SHADES, STYLE

    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7.2, 3.9), dpi=DOTS)
        FigureCanvasAgg(figure)
        for axes, (name, table) in zip(figure.subplots(1, len(shown)), shown.items(), strict=True):
            axes.plot([0, 1], [0, 1], color=LINE, linewidth=1)
            ends = [table["share"] - table["conf_low"], table["conf_high"] - table["share"]]
            axes.errorbar(table["probability"], table["share"], ends, fmt="o", color=SHADES[0], ecolor=SHADES[1], ms=4)
            for row in table.itertuples():
                beside = {"fontsize": 6.5, "color": SHADES[1], "ha": "left", "va": "top"}
                axes.annotate(f"{row.n}", (row.probability + 0.02, row.share - 0.02), **beside)
            axes.set(xlim=(-0.02, 1.06), ylim=(-0.02, 1.02), aspect="equal", xlabel="probability suggested")
            axes.set_title(name, color=INK, fontsize=9, loc="left")
        figure.axes[0].set_ylabel("share with the code")
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={"Software": None})


def speed(options: argparse.Namespace) -> pd.DataFrame:
    """CPU seconds from folded texts to weighted features."""
    said = pd.read_csv(KIZILSU / "sentences.csv", dtype=str, keep_default_na=False)["sentence"].to_numpy()
    rng, rows = np.random.default_rng(1), []
    for count in (500, 2000, 20_000):
        texts = ["，".join(said[rng.integers(len(said), size=16)])[:200] for _ in range(count)]
        folded = [one.text for one in fold(texts)]
        for runs in ((1, 2), (1, 3), (2, 4)):
            ours = _best(lambda folded=folded, runs=runs: _our_features([folded], runs))
            theirs = _best(lambda folded=folded, runs=runs: _their_features([folded], runs))
            rows.append(
                {"answers": count, "runs": str(runs), "ours": ours, "scikit-learn": theirs, "ratio": theirs / ours}
            )
    return pd.DataFrame(rows)


def _best(work: Callable[[], object], times: int = 3) -> float:
    """CPU seconds of the fastest run."""
    seconds = []
    for _ in range(times):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def kizilsu() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The coded sentences of the shipped survey: answers and labels."""
    table = pd.read_csv(KIZILSU / "sentences.csv", dtype=str, keep_default_na=False)
    answers = pd.DataFrame({"question": table["question"], "text": table["sentence"]})
    answers.insert(0, "interview", [f"s{number}" for number in range(len(table))])
    given = table["codes"].str.split()
    parts = []
    for question, rows in table.groupby("question").groups.items():
        codes = sorted({code for one in given[rows] for code in one})
        here = answers.loc[rows]
        parts += [long_labels(here, {code: [int(code in one) for one in given[rows]] for code in codes})]
        print(f"{question}: {len(rows)} sentences, {len(codes)} codes")
    return answers, pd.concat(parts, ignore_index=True)


def sentences(options: argparse.Namespace) -> pd.DataFrame:
    """Precision and recall of sub-codes in clauses of three other writers."""
    from kzsurvey.survey import read_survey

    survey = read_survey(KIZILSU)
    parents = set(survey.codes["parent"])
    answers, labels = kizilsu()
    suggester = coding.learn_suggestions(answers, labels, seed=1)
    rules = coding.compile_rules(survey)
    rows = []
    for name in ("bank", "bank_second", "bank_oblique"):
        table = pd.read_csv(BANKS / f"{name}.csv", dtype=str, keep_default_na=False, encoding="utf-8-sig")
        said = pd.DataFrame({"question": table["question"], "text": table["clause"]})
        said.insert(0, "interview", [f"c{number}" for number in range(len(table))])
        true = {(place, code) for place, codes in enumerate(table["codes"].str.split()) for code in codes}
        found = coding.suggest(suggester, said)
        place = found["interview"].str[1:].astype(int)
        given = {"suggestions": set(zip(place, found["code"], strict=True)), "rules": set()}
        for row, one in said.iterrows():
            schemes = [scheme.name for scheme in survey.schemes.values() if one["question"] in scheme.questions]
            given["rules"] |= {(row, each.code) for each in coding.code_texts([one["text"]], rules, schemes=schemes)[0]}
        true = {one for one in true if one[1] not in parents}
        for who, pairs in given.items():
            pairs = {one for one in pairs if one[1] not in parents}
            right = len(pairs & true)
            row = {"bank": name, "who": who, "precision": right / len(pairs), "recall": right / len(true)}
            rows.append(row | {"f1": 2 * right / (len(pairs) + len(true))})
    return pd.DataFrame(rows)


def rare(options: argparse.Namespace) -> pd.DataFrame:
    """Codes of which only some answers are kept, in 400 answers; as frequent in those that judge."""
    answers, labels = kizilsu()
    here = answers[answers["question"] == "open_causes"].reset_index(drop=True)
    wide = labels[labels["question"] == "open_causes"].pivot_table("value", "interview", "code").loc[here["interview"]]
    sets = {"open_causes": (here, {code: wide[code].to_numpy() for code in wide})}
    sets["sib200"] = sib200(options.shared, "train", "dev", "test")
    rows = []
    for (name, material), kept in product(sets.items(), (3, 5, 10, 30)):
        parts = [
            _rare_part(*material, code, kept, seed)
            for code in material[1]
            for seed in range(max(options.samples // 200, 1))
        ]
        found = pd.concat(parts, ignore_index=True)
        for low, high in ((0, 1.01), (0, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 1.01)):
            part = found[found["p"].between(low, high, inclusive="left")]
            row = {"data": name, "answers_with_code": kept, "class": f"{low} to {min(high, 1)}", "n": len(part)}
            rows.append(row | {"probability": part["p"].mean(), "share": part["y"].mean()})
    return pd.DataFrame(rows)


def _rare_part(answers: pd.DataFrame, value: dict[str, np.ndarray], rare: str, kept: int, seed: int) -> pd.DataFrame:
    """One code made rare: probabilities and codes of answers that taught nothing."""
    rng = np.random.default_rng([list(value).index(rare), kept, seed])
    yes, no = (rng.permutation(np.flatnonzero(value[rare] == given)) for given in (1, 0))
    teach = np.concatenate([yes[:kept], no[: 400 - kept]])
    judge = np.concatenate([yes[kept : 2 * kept], no[400 - kept : 800 - 2 * kept]])
    labels = long_labels(answers.iloc[teach], {code: given[teach] for code, given in value.items()})
    suggester = coding.learn_suggestions(answers.iloc[teach], labels, seed=seed)
    chance = coding.suggestion_probabilities(suggester, answers.iloc[judge])
    return pd.DataFrame({"p": chance[rare].to_numpy(), "y": value[rare][judge]})


def intervals(options: argparse.Namespace) -> pd.DataFrame:
    """Coverage for precision in clusters: suggestions per interview vary, and so does how often they are right."""
    rows, rng = [], np.random.default_rng(1)
    for groups, share, spread in product((15, 40, 150), (0.5, 0.8, 0.95), (1e6, 4.0)):
        held, widths = 0, []
        for _ in range(options.samples):
            bottom = rng.poisson(1.5, groups) * 1.0
            own = rng.beta(share * spread, (1 - share) * spread, groups)
            top = rng.binomial(bottom.astype(int), own) * 1.0
            _, low, high = ratio_interval(top, bottom)
            held += low <= share <= high
            widths.append(high - low)
        about = {"interviews": groups, "precision": share, "clustered": spread < 10}
        rows.append(about | {"coverage": held / options.samples, "width": np.mean(widths), "samples": options.samples})
    return pd.DataFrame(rows)


def queue(options: argparse.Namespace) -> pd.DataFrame:
    """F1 in answers that taught nothing, after so many answers picked at random, by doubt, by gain."""
    answers, labels = kizilsu()
    sets = {"sib200": sib200(options.shared, "train", "dev")}
    for question in ("open_causes", "open_problems"):
        here = answers[answers["question"] == question].reset_index(drop=True)
        wide = labels[labels["question"] == question].pivot_table("value", "interview", "code").loc[here["interview"]]
        sets[question] = here, {code: wide[code].to_numpy() for code in wide}
    rows = []
    for (name, (answers, value)), seed in product(sets.items(), range(max(options.samples // 200, 1))):
        order = np.random.default_rng(seed).permutation(len(answers))
        judge, pool = order[: len(order) // 3], order[len(order) // 3 :]
        for by in coding.suggestions.queueing.ORDERS:
            for coded, micro, macro in _coded_by(by, answers, value, pool, judge):
                rows.append({"data": name, "by": by, "coded": coded, "micro_f1": micro, "macro_f1": macro})
    return pd.DataFrame(rows).groupby(["data", "coded", "by"], as_index=False).mean()


def _coded_by(by: str, answers: pd.DataFrame, value: dict, pool: np.ndarray, judge: np.ndarray) -> list[tuple]:
    """F1 after 100, 200, 300 and 400 answers, the first hundred at random."""
    coded, found = list(pool[:100]), []
    true = np.stack([given[judge] for given in value.values()], axis=1)
    for _ in range(4):
        teach = long_labels(answers.iloc[coded], {code: given[coded] for code, given in value.items()})
        suggester = coding.learn_suggestions(answers, teach, seed=1)
        chance = coding.suggestion_probabilities(suggester, answers.iloc[judge]).reindex(columns=list(value))
        given = chance.fillna(0).to_numpy() >= suggester.threshold
        found.append((len(coded), *_f1(true, given).values()))
        left = np.setdiff1d(pool, coded, assume_unique=True)
        if by == "random":
            coded += list(pool[len(coded) : len(coded) + 100])
        else:
            following = coding.next_answers(answers.iloc[left], 100, by=by, suggester=suggester)
            coded += list(pd.MultiIndex.from_frame(answers[KEY]).get_indexer(following.index))
    return found


PARTS = {
    "quality": quality, "speed": speed, "sentences": sentences, "rare": rare, "intervals": intervals, "queue": queue,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--what", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--to", type=Path, default=Path(tempfile.gettempdir()))
    options = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning, module="sklearn")
    for name in options.what:
        table = PARTS[name](options)
        print(f"\n{name}\n{table.round(4).to_string(index=False)}", flush=True)
        options.to.mkdir(parents=True, exist_ok=True)
        table.to_csv(options.to / f"suggestions_{name}.csv", index=False, float_format="%.5f")


if __name__ == "__main__":
    main()
