"""Figures are the same to the byte, have every character they need, and fit what they show."""

from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from matplotlib import image

from kzsurvey.errors import ReportError
from kzsurvey.reporting.context import Report
from kzsurvey.reporting.drawing.mediation_diagrams import BOX, place_boxes
from kzsurvey.reporting.drawing.path_diagrams import lay_out
from kzsurvey.reporting.figures import FIGURES, WIDTH, draw

ROWS = pd.DataFrame(
    {"label": ["政策落不了地", "Hill"], "estimate": [0.4, -0.1], "conf_low": [0.3, -0.2], "conf_high": [0.5, 0.1]}
)
DATA = {
    "dots": pd.concat([ROWS.assign(group="甲"), ROWS.assign(group="乙", estimate=0.2)]),
    "coefficients": ROWS,
    "bars": ROWS.assign(estimate=[12, 3]),
    "parts": pd.DataFrame({"label": ["a", "b"], "不同意": [0.5, 0.02], "一般": [0.3, 0.28], "同意": [0.2, 0.7]}),
    "histogram": pd.DataFrame({"label": ["0–10", "10–20"], "estimate": [30, 12]}),
    "paths": pd.DataFrame(
        [
            ("a", "空编率", "Load", 1.9, 1.3, 2.4),
            ("b", "Load", "Leave", 0.5, 0.4, 0.6),
            ("c′", "空编率", "Leave", 0.2, -0.3, 0.7),
        ],
        columns=["path", "source", "target", "estimate", "conf_low", "conf_high"],
    ),
    "specifications": ROWS.drop(columns="label").assign(甲=[True, False], b=[True, True]),
    "structure": pd.DataFrame(
        [
            ("f =~ a", "measures", "报酬", "甲", 1.0, None, None),
            ("f =~ b", "measures", "报酬", "乙项", 0.7, 0.5, 0.9),
            ("y ~ f", "explains", "报酬", "Load", -0.4, -0.6, -0.2),
            ("z ~ y", "explains", "Load", "Leave", 0.5, 0.4, 0.6),
            ("z ~ f", "explains", "报酬", "Leave", 0.1, -0.1, 0.3),
            ("z ~ age", "explains", "Age", "Leave", 0.1, -0.1, 0.3),
        ],
        columns=["path", "form", "source", "target", "estimate", "conf_low", "conf_high"],
    ),
    "network": pd.DataFrame(
        [("政策落不了地", "Pay", 1.2, 0.4, 2.0, 30, 40), ("Meetings", "Pay", 0.3, -0.4, 1.0, 50, 40)],
        columns=["first", "second", "estimate", "conf_low", "conf_high", "count_first", "count_second"],
    ),
    "map": pd.DataFrame(
        {
            "label": ["政策", "Pay", "甲", "乙"],
            "group": ["code", "code", "县", "县"],
            "x": [0.1, 0.1, 0.1, -0.4],
            "y": [0.2, 0.2, 0.2, -0.1],
            "width": [0.1, 0.1, np.nan, 0.2],
            "height": 0.05,
            "angle": 20.0,
        }
    ),
    "curve": pd.DataFrame(
        {"value": [1, 2, 3.5], "estimate": [0.9, 0.5, 0.1], "conf_low": [0.6, 0.4, -0.2], "conf_high": [1.2, 0.6, 0.4]}
    ),
}

CYCLES = pd.DataFrame({"statistic": ["mean", "sd"] * 4, "cycle": [1, 1, 2, 2] * 2, "set": [1] * 4 + [2] * 4})
DATA["chains"] = pd.concat([CYCLES.assign(label=label, estimate=np.arange(8.0)) for label in ("工作量", "Pay")])
SPREAD = pd.DataFrame({"value": [1.0, 2.0, 1.0, 2.0], "group": ["observed"] * 2 + ["imputed"] * 2})
SPREAD = SPREAD.assign(estimate=[0.4, 0.6, 0.5, 0.5], low=[0.4, 0.6, 0.4, 0.3], high=[0.4, 0.6, 0.7, 0.6])
NAMED = SPREAD.assign(label="态度", text=["好", "差"] * 2)
DATA["distributions"] = pd.concat([SPREAD.assign(label="Pay", text=""), NAMED])


@pytest.mark.parametrize("kind", FIGURES)
def test_a_figure_drawn_twice_is_the_same_to_the_byte(report, kind):
    options = {"kind": kind, "n": 500, "format": FIGURES[kind].format, "axis": "比例 / share"}
    first, second = (draw(DATA[kind], report, **options) for _ in range(2))
    assert first == second
    assert b"Software" not in first


def test_chinese_is_drawn_and_not_as_boxes(report):
    one, other = (draw(ROWS.assign(label=text), report, kind="bars", format="integer") for text in ("县市", "乡镇"))
    assert one != other


def test_quotation_marks_are_wide_in_chinese_figures_only(survey):
    curly, straight = (ROWS.assign(label=text) for text in ("“Load” of", '"Load" of'))
    for language, same in (("en", True), ("zh", False)):
        report = Report(survey, language)
        drawn = [draw(rows, report, kind="bars", format="integer") for rows in (curly, straight)]
        assert (drawn[0] == drawn[1]) is same


def test_a_character_no_font_has_is_an_error_that_says_what_to_do(report):
    with pytest.raises(ReportError, match="KZ_FONT"):
        draw(ROWS.assign(label="\U00012000"), report, kind="bars", format="integer")


def test_the_same_figure_without_simulated_answers_differs(report, survey):
    from dataclasses import replace

    real = Report(replace(survey, simulated=False), "en")
    assert draw(ROWS, report, kind="dots", format="number") != draw(ROWS, real, kind="dots", format="number")


def test_more_rows_make_a_higher_figure(report):
    many = pd.DataFrame({"label": [f"row {number}" for number in range(30)], "estimate": 1.0})
    heights = [
        image.imread(BytesIO(draw(rows, report, kind="bars", format="integer"))).shape[0] for rows in (ROWS, many)
    ]
    assert heights[1] > 3 * heights[0]


def test_a_figure_of_shares_is_readable_in_grey(report):
    pixels = image.imread(BytesIO(draw(DATA["parts"], report, kind="parts", format="percent0")))[:, :, :3]
    grey = np.round(pixels.mean(axis=2), 1)
    assert len(np.unique(grey)) >= 5


def test_shares_start_at_zero_unless_one_is_negative(report):
    positive = ROWS.assign(estimate=[0.4, 0.3], conf_low=[0.3, 0.2], conf_high=[0.5, 0.4])
    drawn = [draw(rows, report, kind="dots", format="percent0") for rows in (positive, ROWS)]
    assert drawn[0] != drawn[1]


def test_an_empty_figure_is_drawn_empty(report):
    assert draw(ROWS.head(0), report, kind="coefficients", format="number").startswith(b"\x89PNG")
    assert draw(ROWS.head(0), report, kind="dots", format="number").startswith(b"\x89PNG")


def test_a_broken_arrow_says_that_the_interval_includes_zero(report):
    clear = DATA["paths"].assign(conf_low=[1.3, 0.4, 0.1])
    broken, whole = (draw(data, report, kind="paths", format="number") for data in (DATA["paths"], clear))
    assert broken != whole


def test_several_mediators_stand_one_above_the_other_and_boxes_do_not_touch():
    more = DATA["paths"].assign(source=["空编率", "Wait", "空编率"], target=["Wait", "Leave", "Leave"])
    both = pd.concat([DATA["paths"], more]).reset_index(drop=True)
    places = place_boxes(both)
    assert FIGURES["paths"].height(both) > FIGURES["paths"].height(DATA["paths"])
    assert places["Load"][0] == places["Wait"][0]
    assert abs(places["Load"][1] - places["Wait"][1]) > BOX[1]
    assert places["空编率"][0] + BOX[0] < places["Leave"][0]
    top = max(y for _, y in places.values()) + BOX[1] / 2
    assert top < FIGURES["paths"].height(both)


def test_a_path_without_a_number_is_drawn_with_its_name(report):
    unknown = DATA["paths"].assign(estimate=[1.9, np.nan, 0.2], conf_low=np.nan, conf_high=np.nan)
    assert draw(unknown, report, kind="paths", format="number").startswith(b"\x89PNG")


def test_marks_and_the_middle_half_are_drawn_on_a_curve(report):
    plain, marked = (
        draw(DATA["curve"], report, kind="curve", format="number", axis="Pay", upright="Effect", **options)
        for options in ({}, {"middle": (1.5, 2.5), "marks": [3.1]})
    )
    assert plain != marked


def test_each_group_of_a_curve_has_a_line_of_its_own(report):
    two = pd.concat([DATA["curve"].assign(group="甲"), DATA["curve"].assign(group="乙", estimate=0.0)])
    assert draw(two, report, kind="curve", format="number") != draw(
        DATA["curve"], report, kind="curve", format="number"
    )


def test_a_choice_is_dark_where_specifications_made_it(report):
    rows = pd.DataFrame({"estimate": np.arange(40) / 40, "conf_low": 0.0, "conf_high": 1.0})
    early, late = (
        image.imread(BytesIO(draw(rows.assign(made=flags), report, kind="specifications", format="number")))
        for flags in (rows.index < 20, rows.index >= 20)
    )
    below = slice(int(0.83 * early.shape[0]), int(0.87 * early.shape[0]))
    left, right = slice(150, 450), slice(700, 900)
    assert early[below, left, :3].mean() < early[below, right, :3].mean()
    assert late[below, left, :3].mean() > late[below, right, :3].mean()


def test_a_curve_is_readable_in_grey(report):
    pixels = image.imread(BytesIO(draw(DATA["curve"], report, kind="curve", format="number")))[:, :, :3]
    assert len(np.unique(np.round(pixels.mean(axis=2), 1))) >= 5


def test_what_explains_stands_left_of_what_it_explains_and_items_stand_at_their_latent_variable():
    layout = lay_out(DATA["structure"])
    left = [layout.nodes[name][0] for name in ("报酬", "Load", "Leave")]
    assert left == sorted(left)
    assert layout.nodes["Age"][0] == left[0]
    assert set(layout.items) == {("报酬", "甲"), ("报酬", "乙项")}
    boxes = [*layout.nodes.values(), *layout.items.values()]
    assert all(0.5 < x < WIDTH - 0.5 and 0.4 < y < layout.height for x, y in boxes)


def test_a_measurement_model_has_its_items_on_the_right():
    measured = DATA["structure"].iloc[:2]
    both = pd.concat([measured, measured.assign(source="负荷", target=["丙", "丁"])])
    layout = lay_out(both)
    assert all(layout.items[key][0] > layout.nodes[key[0]][0] + 1 for key in layout.items)
    assert layout.height > lay_out(measured).height


def test_an_arrow_is_broken_where_its_interval_holds_0(report):
    clear = DATA["structure"].assign(conf_low=0.05, conf_high=0.9)
    pictures = [draw(data, report, kind="structure", format="number") for data in (DATA["structure"], clear)]
    assert pictures[0] != pictures[1]
