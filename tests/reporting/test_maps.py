"""Networks and maps of codes: no label covers another, and what is small is withheld."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kzsurvey.reporting import figure_output
from kzsurvey.reporting.drawing.maps import _column, _labels, _room, _sides, network_height
from kzsurvey.reporting.drawing.style import families

PAIRS = pd.DataFrame(
    [("P1", "C1", 1.2, 0.4, 2.0, 30, 12), ("P2", "C1", 0.3, -0.4, 1.0, 30, 2), ("P2", "C2", 0.5, 0.1, 0.9, 30, 9)],
    columns=["first", "second", "estimate", "conf_low", "conf_high", "n", "count"],
)


def overlap(one, other):
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@pytest.mark.parametrize("seed", range(3))
def test_no_label_of_a_map_covers_another_label_or_a_point(seed):
    places = np.random.default_rng(seed).normal(size=(20, 2))
    labels = [f"P{number} 政策落不了地" if number % 2 else f"P{number} Meetings a formality" for number in range(20)]
    data = pd.DataFrame({"label": labels, "group": "code", "x": places[:, 0], "y": places[:, 1]})
    figure = Figure(figsize=(5.6, 4.9), dpi=180)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.1, 0.15, 0.85, 0.75))
    axes.set(xlim=(-3.5, 3.5), ylim=(-3, 3))
    with mpl.rc_context({"font.family": families()}):
        boxes = _labels(figure, axes, data)
    points = [(x - 6, y - 6, x + 6, y + 6) for x, y in axes.transData.transform(places)]
    assert not [pair for pair in ((a, b) for i, a in enumerate(boxes) for b in boxes[:i]) if overlap(*pair)]
    assert not [(box, point) for box in boxes for point in points if overlap(box, point)]


def test_labels_of_a_network_have_room_for_all_their_lines():
    name = "a very long name of a code that takes several lines of the column, number"
    long = PAIRS.assign(second=[f"{name} {number}" for number in range(3)])
    right = _sides(long)[1]
    heights = [y for _, y in _column(right, 1.0, network_height(long), long).values()]
    room = _room(right, long)
    assert np.allclose(-np.diff(heights), (room[1:] + room[:-1]) / 2)
    assert network_height(long) > network_height(PAIRS)


def test_problems_and_causes_stand_in_two_columns_and_codes_of_one_kind_in_one():
    assert _sides(PAIRS) == (["P1", "P2"], ["C1", "C2"])
    assert _sides(PAIRS.assign(second=["P2", "P3", "P3"])) == (["P1", "P2", "P3"], [])


def test_a_pair_that_few_name_is_not_drawn(report):
    drawn = figure_output(PAIRS, report, kind="network", caption="x", counts=["count"], sums=None)
    assert drawn.twin["withheld"] == 1
    assert ["P2", "C1"] not in [row[:2] for row in drawn.twin["rows"]]
