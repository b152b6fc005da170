"""Puts the measured figures into README.md, between the marks that name them: python benchmarks/tables.py."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

HERE = Path(__file__).parent
LOW, HIGH = 0.93, 0.97


def main() -> None:
    """Write every table whose CSV is there."""
    readme = HERE / "README.md"
    text = readme.read_text("utf-8")
    for name, make in TABLES.items():
        path = HERE / f"{name}.csv"
        start, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
        if path.exists() and start in text:
            before, _, rest = text.partition(start)
            after = rest.partition(end)[2]
            text = "\n".join([before + start, "", *make(pd.read_csv(path)), "", end + after])
    readme.write_text(text, "utf-8")


def speed(table: pd.DataFrame) -> Iterator[str]:
    """Ours beside every peer."""
    days = sorted(set(table["date"]))
    yield f"Measured {' to '.join(dict.fromkeys([days[0], days[-1]]))}; seconds, and MB of the whole process."
    yield ""
    yield "| work | ours | peer | ratio | asked | reached | numbers differ by | note |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    yield from (speed_line(row) for row in table.to_dict("records"))


def speed_line(row: Mapping[str, object]) -> str:
    """One row of the table of speed."""
    pairs = (("ours", "ours_mb"), ("peer_seconds", "peer_mb"))
    ours, theirs = (f"{row[seconds]:.4g} s, {row[memory]:.0f} MB" for seconds, memory in pairs)
    peer = f"{row['peer']}: {theirs}" if np.isfinite(row["peer_seconds"]) else row["peer"]
    ratio = f"{row['ratio']:.3f}" if np.isfinite(row["ratio"]) else ""
    asked = " and ".join(part for part in (_ratio(row["asked"]), _limits(row)) if part)
    differs = f"{row['differs']:.0e}" if np.isfinite(row["differs"]) else ""
    cells = (row["what"], ours, peer, ratio, asked, row["reached"], differs, row["note"])
    return "| " + " | ".join("" if pd.isna(cell) else str(cell) for cell in cells) + " |"


def _ratio(asked: float) -> str:
    return f"{asked:.3g}" if np.isfinite(asked) else ""


def _limits(row: Mapping[str, object]) -> str:
    limits = {"seconds_asked": "s", "mb_asked": "MB"}
    return ", ".join(f"{row[key]:g} {unit}" for key, unit in limits.items() if np.isfinite(row[key]))


def coverage(table: pd.DataFrame) -> Iterator[str]:
    """Range of each part by number of clusters, and what lies outside 93 to 97 %."""
    yield "| what | strata | villages | intervals | samples | coverage | mean | beyond 93-97 % by twice its error |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- |"
    for (what, allocation, clusters), rows in table.groupby(["what", "allocation", "clusters"], sort=False):
        share, error = rows["coverage"], 2 * rows["simulation_error"]
        outside = rows[(share + error < LOW) | (share - error > HIGH)]
        named = "; ".join(f"{row.estimator} {100 * row.coverage:.1f}" for row in outside.itertuples())
        ends = f"{100 * share.min():.1f} to {100 * share.max():.1f}"
        cells = (
            what,
            allocation,
            clusters,
            len(rows),
            int(rows["samples"].max()),
            ends,
            f"{100 * share.mean():.1f}",
            named,
        )
        yield "| " + " | ".join(str(cell) for cell in cells) + " |"


def findings(table: pd.DataFrame) -> Iterator[str]:
    """Share of surveys without links in which a hypothesis is found."""
    yield "| hypothesis | model | term | p < 0.05 | adjusted p < 0.05 | samples | simulation error |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for row in table.to_dict("records"):
        cells = [row["hypothesis"], row["model"], f"`{row['term']}`" if pd.notna(row["term"]) else ""]
        cells += [f"{100 * row[name]:.1f} %" if pd.notna(row[name]) else "" for name in ("found", "found_adjusted")]
        cells += [row["samples"], f"{100 * row['simulation_error']:.1f}"]
        yield "| " + " | ".join("" if pd.isna(cell) else str(cell) for cell in cells) + " |"


def path_coverage(table: pd.DataFrame) -> Iterator[str]:
    """Range of the coverage of all terms, and how often true models are rejected."""
    heads = ("what", "villages x people", "samples", "refused", "terms", "coverage", "mean", "plain rejects")
    yield f"| {' | '.join((*heads, 'scaled', 'adjusted'))} |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for (what, villages, each), part in table.groupby(["what", "villages", "each"], sort=False):
        tests = part[part["term"].str.contains("chi-square")].set_index("term")["coverage"]
        terms = part[~part["term"].str.contains("chi-square")]["coverage"]
        told = [f"{100 * tests[name]:.1f} %" if name in tests else "" for name in REJECTS]
        shared = f"{part['samples'].iloc[0]} | {part['refused'].iloc[0]} | {len(terms)}"
        covered = f"{100 * terms.min():.1f} to {100 * terms.max():.1f} | {100 * terms.mean():.1f}"
        yield f"| {what} | {villages} x {each} | {shared} | {covered} | {' | '.join(told)} |"


REJECTS = ("chi-square rejects", "scaled chi-square rejects", "adjusted chi-square rejects")


def path_speed(table: pd.DataFrame) -> Iterator[str]:
    """Ours beside lavaan's."""
    yield "| work | n | ours | lavaan | ratio | asked | draws without a solution |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for row in table.to_dict("records"):
        peer = f"{row['lavaan']}: {row['peer']:.3g} s"
        cells = (row["work"], row["n"], f"{row['ours']:.3g} s", peer, f"{row['ratio']:.3f}", f"{row['asked']:.3g}")
        yield "| " + " | ".join(map(str, (*cells, row["failed"]))) + " |"


def gaps(table: pd.DataFrame) -> Iterator[str]:
    """Range of coverage and largest bias of each way of dealing with gaps."""
    yield "| way | villages | numbers | samples | coverage | largest bias, in standard deviations of the estimate | width of the intervals, with all answers = 1 |"  # noqa: E501
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    whole = table[table["way"] == "all"].set_index("estimator")["width"]
    for (way, clusters), rows in table.groupby(["way", "clusters"], sort=False):
        worst = rows.loc[rows["bias_in_spreads"].abs().idxmax()]
        wider = (rows.set_index("estimator")["width"] / whole).mean()
        ends = f"{100 * rows['coverage'].min():.1f} to {100 * rows['coverage'].max():.1f}"
        named = worst["estimator"].replace("|", "\\|")
        bias = f"{worst['bias_in_spreads']:.2f} ({named})"
        yield f"| {way} | {clusters} | {len(rows)} | {rows['samples'].max()} | {ends} | {bias} | {wider:.2f} |"


def plain(table: pd.DataFrame) -> Iterator[str]:
    """A table as it is."""
    yield f"| {' | '.join(table.columns)} |"
    yield f"| {' | '.join('---' for _ in table.columns)} |"
    for row in table.astype("object").where(table.notna(), "").itertuples(index=False):
        yield f"| {' | '.join(str(cell) for cell in row)} |"


def percent(column: pd.Series) -> pd.Series:
    return (100 * column).map("{:.1f}".format)


def scale_coverage(table: pd.DataFrame) -> Iterator[str]:
    """Each coefficient, its truth and how often it is held."""
    shown = table.assign(coverage=percent(table["coverage"]), truth=table["truth"].round(3))
    yield from plain(shown[["estimator", "truth", "coverage", "refused"]])


def shares(table: pd.DataFrame) -> Iterator[str]:
    """Shares of 500 answers of which 100 are coded by hand."""
    shown = table[table["part"] == "shares"]
    shown = shown.assign(coverage=percent(shown["coverage"]), width=shown["width"].round(4))
    shown = shown.assign(width_of_wilson=shown["width_ratio"].round(3))
    yield from plain(shown[["share", "method", "coverage", "width", "width_of_wilson", "samples", "refused"]])


def held_out(table: pd.DataFrame) -> Iterator[str]:
    """Range of coverage in settings nobody looked at, by part and share."""
    rows = []
    for (part, share), found in table[table["coverage"].notna()].groupby(["part", "share"], dropna=False, sort=False):
        held = found["coverage"]
        ends = f"{100 * held.min():.1f} to {100 * held.max():.1f}"
        about = {"part": part, "share": share, "settings": len(found), "coverage": ends}
        about |= {"mean": f"{100 * held.mean():.1f}", "width_of_wilson": round(found["width_ratio"].mean(), 2)}
        rows.append(about)
    yield from plain(pd.DataFrame(rows))


def agreement_coverage(table: pd.DataFrame) -> Iterator[str]:
    """Range over all settings, by coefficient and number of answers."""
    rows = []
    for (coefficient, units), found in table.groupby(["coefficient", "units"], sort=False):
        held = found["coverage"]
        ends = f"{100 * held.min():.1f} to {100 * held.max():.1f}"
        rows.append({"coefficient": coefficient, "answers": units, "settings": len(found), "coverage": ends})
    yield from plain(pd.DataFrame(rows))


def rounded(table: pd.DataFrame) -> Iterator[str]:
    yield from plain(table.round(4))


TABLES = {
    "coverage_scales": scale_coverage,
    "coverage_prevalence": shares,
    "coverage_prevalence_held_out": held_out,
    "coverage_agreement": agreement_coverage,
    "suggestions_quality": rounded,
    "suggestions_speed": rounded,
    "further_speed": rounded,
    "codings": rounded,
    "codings_kills": rounded,
    "desk": rounded,
    "speed": speed,
    "coverage_estimators": coverage,
    "false_findings": findings,
    "paths_coverage": path_coverage,
    "paths_speed": path_speed,
    "missing_coverage": gaps,
}

if __name__ == "__main__":
    main()
