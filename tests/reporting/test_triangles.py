"""The triangle of correlations says how sure each is, and withholds pairs of few."""

import pandas as pd

from kzsurvey.reporting import table_output, triangle_cells

ABOUT = pd.DataFrame({"variable": ["hours", "pay"], "mean": [41.5, 3.0], "sd": [5.0, 0.8], "reliability": [None, 0.78]})


def pairs(**changed):
    row = {"first": "hours", "second": "pay", "estimate": -0.4, "conf_low": -0.6, "conf_high": -0.15}
    return pd.DataFrame([{**row, "p_value": 0.02, "n": 80, **changed}])


def test_a_correlation_stands_below_the_diagonal_with_stars_and_interval(report):
    cells = triangle_cells(pairs(), ABOUT, report)
    assert cells.index.tolist() == ["1 Hours per week (hours)", "2 pay"]
    assert cells[["1", "2"]].to_numpy().tolist() == [["–", ""], ["−0.40*\n[−0.60, −0.15]", "(0.78)"]]
    assert triangle_cells(pairs(p_value=0.0001), ABOUT, report).loc["2 pay", "1"].startswith("−0.40***")
    assert triangle_cells(pairs(p_value=0.2), ABOUT, report).loc["2 pay", "1"].startswith("−0.40\n")


def test_a_pair_of_few_interviews_is_withheld(report):
    assert triangle_cells(pairs(n=4), ABOUT, report).loc["2 pay", "1"] == "[c]"
    assert triangle_cells(pairs(estimate=float("nan")), ABOUT, report).loc["2 pay", "1"] == "–"


def test_cells_are_set_like_numbers_and_keep_their_lines(report):
    cells = triangle_cells(pairs(), ABOUT, report)
    html = table_output(cells, report, caption="", formats=dict.fromkeys(cells, "written")).bundle["text/html"]
    assert '<td class="kz-number kz-lines">−0.40*\n[−0.60, −0.15]</td>' in html
