"""Tables, figures and sentences say the same to people and to writers of files, and nothing that gives anyone away."""

import base64
from dataclasses import replace

import pandas as pd
import pytest

from kzsurvey.reporting import figure, figure_output, said, say, table, table_output
from kzsurvey.reporting.context import Report
from kzsurvey.reporting.outputs import FIGURE_MIME, TABLE_MIME
from kzsurvey.reporting.prose import PROSE_MIME

SHARES = pd.DataFrame(
    {"estimate": [0.4213, 0.1], "conf_low": [0.38, 0.05], "conf_high": [0.46, 0.2], "n": [200, 150]},
    index=pd.Index(["hill", "river"], name="place"),
)


@pytest.fixture
def real(report):
    return Report(replace(report.survey, simulated=False), "en")


def test_a_table_has_a_caption_heads_with_scope_and_one_interval(report):
    made = table_output(SHARES, report, caption="Shares", formats={"estimate": "percent"}, n=350)
    html = made.bundle["text/html"]
    assert '<span class="kz-caption">Shares' in html
    assert html.count('scope="col"') == 4
    assert html.count('scope="row"') == 2
    assert '<td class="kz-number">[38.0%, 46.0%]</td>' in html
    assert "n = 350 interviews" in html
    assert "95% confidence intervals" in html


def test_the_twin_holds_the_numbers_at_full_precision(report):
    twin = table_output(SHARES, report, caption={"zh": "比例", "en": "Shares"}, n=350).twin
    assert twin["caption"] == "Shares"
    assert [column["name"] for column in twin["columns"]] == ["place", "estimate", "conf_low", "conf_high", "n"]
    assert twin["rows"][0] == ["hill", 0.4213, 0.38, 0.46, 200]
    assert (twin["n"], twin["simulated"], twin["row_heads"]) == (350, True, 1)


def test_every_output_holds_one_twin_and_text_for_people(report):
    outputs = {
        TABLE_MIME: table_output(SHARES, report, caption="Shares"),
        PROSE_MIME: said(report, en="{n} interviews.", n=12),
        FIGURE_MIME: figure_output(SHARES.assign(label=SHARES.index), report, kind="dots", caption="Shares"),
    }
    for mime, output in outputs.items():
        assert [key for key in output.bundle if key.startswith("application/")] == [mime]
        assert output.bundle["text/plain"] == repr(output) != ""
        assert output._repr_mimebundle_() == dict(output.bundle)


def test_a_small_group_and_the_one_that_would_give_it_away_are_withheld(report):
    counted = pd.DataFrame({"place": ["a", "b", "c"], "n": [90, 40, 3], "mean": [1.5, 2.5, 3.5]})
    made = table_output(counted, report, caption="Means")
    assert made.twin["rows"] == [["a", 90, 1.5], ["b", None, None], ["c", None, None]]
    assert made.twin["withheld"] == [[1, "mean"], [1, "n"], [2, "mean"], [2, "n"]]
    assert made.bundle["text/html"].count("[c]</td>") == 4
    assert "fewer than 5 interviews" in made.bundle["text/html"]


def test_counts_that_are_not_of_interviews_stay(report):
    made = table_output(pd.DataFrame({"kind": ["x"], "n": [2]}), report, caption="Files", counts=[])
    assert made.twin["rows"] == [["x", 2]]


def test_an_empty_cell_is_a_dash_unless_it_is_said_to_be_withheld(report):
    wide = pd.DataFrame({"a": [0.5, None]}, index=pd.Index(["x", "y"], name="code"))
    assert "[c]" not in table_output(wide, report, caption="", counts=[]).bundle["text/html"]
    assert "[c]</td>" in table_output(wide, report, caption="", counts=[], blank="withheld").bundle["text/html"]


def test_text_of_the_survey_cannot_become_markup(report):
    rows = pd.DataFrame({"code": [report.label("P1.1")], "findings": [7]})
    html = table_output(rows, report, caption="<b>Codes</b>").bundle["text/html"]
    assert "Too few &lt;people&gt;" in html
    assert "<b>Codes" not in html


def test_outer_row_heads_span_their_rows(report):
    index = pd.MultiIndex.from_tuples([("a", "x"), ("a", "y"), ("b", "x")], names=["group", "item"])
    html = table_output(pd.DataFrame({"findings": [1, 2, 3]}, index=index), report, caption="").bundle["text/html"]
    assert html.count('scope="rowgroup" rowspan="2"') == 1
    assert html.count('scope="rowgroup" rowspan="1"') == 1
    assert html.count('scope="row"') == 3


def test_heads_carry_labels_and_units(report):
    html = table_output(pd.DataFrame({"place": ["Hill"], "hours": [41.5]}), report, caption="").bundle["text/html"]
    assert ">Hours per week (hours)</th>" in html


def test_labels_of_a_language_from_right_to_left_keep_their_direction(report):
    arabic = Report(report.survey, "ar")
    html = table_output(pd.DataFrame({"place": ["تل"], "hours": [41]}), arabic, caption="").bundle["text/html"]
    assert '<bdi dir="auto">ساعات العمل' in html


def test_simulated_answers_are_called_so_on_every_table_and_figure_until_they_are_real(report, real):
    data = SHARES.assign(label=SHARES.index)
    for asked, expected in ((report, True), (real, False)):
        made = figure_output(data, asked, kind="dots", caption="Shares")
        assert ("simulated data" in made.bundle["text/html"]) is expected
        assert ("simulated data" in table_output(SHARES, asked, caption="").bundle["text/html"]) is expected


def test_a_figure_has_an_alternative_text_made_from_its_data(report):
    made = figure_output(SHARES.assign(label=["Hill", "River"]), report, kind="dots", caption="Shares")
    assert made.twin["alt"].startswith("Dot chart; values shown: 2. Highest: Hill, 42%; lowest: River, 10%.")
    assert base64.b64decode(made.bundle["image/png"]).startswith(b"\x89PNG")


def test_an_alternative_text_can_be_given(report):
    data = SHARES.assign(label=["Hill", "River"])
    assert figure_output(data, report, kind="dots", caption="", alt={"en": "Own"}).twin["alt"] == "Own"


def test_the_alternative_text_of_a_diagram_names_every_arrow(report):
    row = {"path": "a", "source": "Pay", "target": "Load", "estimate": 1.25, "conf_low": 0.5, "conf_high": 2.0}
    made = figure_output(pd.DataFrame([row, row | {"path": "b"}]), report, kind="paths", caption="", n=60)
    assert made.twin["alt"] == "Path diagram. a: Pay to Load, 1.25 (0.50 to 2.00); b: Pay to Load, 1.25 (0.50 to 2.00)."


def test_the_alternative_text_of_a_curve_says_where_it_begins_and_ends(report):
    ends = pd.DataFrame({"value": [1.0, 4.5], "estimate": [0.8, 0.2], "conf_low": [0.6, -0.1], "conf_high": [1.0, 0.5]})
    made = figure_output(ends, report, kind="curve", caption="")
    assert made.twin["alt"] == "Curve: from 0.80 at 1.00 to 0.20 at 4.50."


def test_a_small_group_is_not_drawn_and_the_figure_says_so(report):
    data = SHARES.assign(label=["Hill", "River"], n=[200, 3])
    made = figure_output(data, report, kind="dots", caption="Shares", sums=None)
    assert [row[0] for row in made.twin["rows"]] == [0.4213]
    assert made.twin["withheld"] == 1
    assert any("Not drawn" in note for note in made.twin["notes"])


def test_an_unknown_kind_of_figure_names_the_known_ones(report):
    with pytest.raises(ValueError, match="allowed: dots"):
        figure_output(SHARES, report, kind="pie", caption="")


def test_a_sentence_is_said_in_the_language_of_the_report_with_its_numbers(report):
    texts = {"zh": "共 {n} 份。", "en": "{n} in all."}
    assert repr(said(report, **texts, n=1234)) == "1,234 in all."
    assert repr(said(Report(report.survey, "zh"), **texts, n=1234)) == "共 1,234 份。"
    assert repr(said(Report(report.survey, "ar"), **texts, n=1234)) == "1,234 in all."


def test_an_estimate_is_said_with_its_interval(report):
    made = said(report, en="{share:percent0} ({share.interval:percent0})", share=SHARES.loc["hill"])
    assert repr(made) == "42% (38% to 46%)"
    assert made.twin["numbers"] == {"share": {"estimate": 0.4213, "conf_low": 0.38, "conf_high": 0.46}}


@pytest.mark.parametrize("row", [{"n": 3}, {"n": 50, "withheld": True}, {"n": pd.NA}, {"n": 50, "count": 2}])
def test_an_estimate_on_few_interviews_is_not_said(report, row):
    made = said(report, en="{share:percent} {share.interval:percent}", share={**SHARES.loc["hill"], **row})
    assert "42" not in repr(made)
    assert "withheld" in repr(made)
    assert made.twin["numbers"] == {"share": {"withheld": True}}


def test_a_small_count_and_a_withheld_one_are_not_said(report):
    made = said(report, en="{few}, {none}, {gone}.", few=3, none=0, gone=pd.NA)
    assert repr(made) == "fewer than 5, 0, (withheld: too few interviews)."
    assert made.twin["numbers"] == {"few": {"withheld": True}, "none": 0, "gone": {"withheld": True}}


def test_numbers_that_count_no_interviews_are_said_as_they_are(report):
    assert repr(said(report, en="{files} files, {p:p}", about={"files": 3, "p": float("nan")})) == "3 files, –"


def test_a_number_typed_by_hand_is_refused(report):
    with pytest.raises(ValueError, match=r"typed by hand, '42%'"):
        said(report, en="Of {n}, 42% agreed.", zh="", n=10)


def test_a_bare_decimal_is_refused(report):
    with pytest.raises(TypeError, match="share is a bare decimal"):
        said(report, en="{share}", share=0.42)


def test_a_name_without_a_value_is_named(report):
    with pytest.raises(ValueError, match="asks for {m}"):
        said(report, en="{m}", n=3)


def test_labels_in_a_sentence_cannot_become_markup(report):
    label = "a*b* <i> [x](y)"
    safe = "a\\*b\\* &lt;i&gt; \\[x\\](y)"
    assert said(report, en="{label}", label=label).bundle["text/markdown"] == safe
    other = said(report, zh="{label}", label=label).bundle["text/markdown"]
    assert other == f'<bdi lang="en">{safe}</bdi>'


def test_in_a_notebook_outputs_are_displayed(report, capsys):
    table(SHARES, report, caption="Shares")
    say(report, en="{n} interviews.", n=12)
    figure(SHARES.assign(label=SHARES.index), report, kind="dots", caption="Shares")
    shown = capsys.readouterr().out
    assert "Shares" in shown
    assert "12 interviews." in shown
    assert "Dot chart" in shown


def test_a_small_coefficient_is_written_with_its_interval_in_tables_and_sentences(report):
    row = pd.DataFrame({"estimate": [0.0042], "conf_low": [0.0007], "conf_high": [0.0077], "n": [90]}, index=["x"])
    html = table_output(row.rename_axis("term"), report, caption="").bundle["text/html"]
    assert ">0.0042</td>" in html
    assert ">[0.0007, 0.0077]</td>" in html
    assert repr(said(report, en="{b:number} ({b.interval:number})", b=row.loc["x"])) == "0.0042 (0.0007 to 0.0077)"


def test_intervals_on_few_clusters_are_marked_and_explained(report):
    rows = SHARES.assign(df=[40.0, 2.0])
    made = table_output(rows, report, caption="", sums=None)
    assert made.bundle["text/html"].count(" †</td>") == 1
    assert made.twin["few_clusters"] == [1]
    assert any("few clusters: the interval is unreliable" in note for note in made.twin["notes"])
    assert not any("few clusters" in note for note in table_output(SHARES, report, caption="").twin["notes"])
    drawn = figure_output(rows.assign(label=["Hill", "River"]), report, kind="dots", caption="", sums=None)
    assert drawn.twin["notes"][-1].endswith("for: River.")


def test_a_withheld_class_of_a_histogram_keeps_its_place_with_a_mark(report):
    counted = pd.DataFrame({"label": ["<10", "10–20", "≥ 20"], "estimate": [30, 12, 2]})
    made = figure_output(counted, report, kind="histogram", caption="", counts=["estimate"], n=44)
    assert made.twin["rows"] == [["<10", 30], ["10–20", None], ["≥ 20", None]]
    assert any(note.startswith("[c]: withheld") for note in made.twin["notes"])


def test_beside_a_language_from_right_to_left_every_value_of_a_sentence_is_isolated(report):
    arabic = Report(report.survey, "ar")
    made = said(arabic, en="{name}: {share.interval:number}, {few}.", name="تل", share=SHARES.loc["hill"], few=2)
    shown = '<bdi lang="ar">تل</bdi>: <bdi>0.38 to 0.46</bdi>, <bdi>fewer than 5</bdi>.'
    assert made.bundle["text/markdown"] == shown
    assert "<bdi>" not in said(report, en="{few}", few=9).bundle["text/markdown"]
