"""From files to agreement: units are decided answers, nothing is a decision, and what cannot be computed is said."""

import numpy as np
import pytest

from kzsurvey.coding import agreement, coded_when, coder_marks, coder_sets, coding_agreement, unitising_alpha
from kzsurvey.errors import CodingError

SAID = ["M01", "M02", "M03", "M04", "M06", "M07", "M09", "M10", "M11", "M12"]


def all_read(desk, coder, codes):
    """A coder reads the first answers and gives each one code, or none."""
    for interview, code in zip(SAID, codes, strict=False):
        if code:
            desk.do(coder, "add", interview, code=code)
        else:
            desk.do(coder, "nothing", interview)


def test_cells_are_sets_nothing_is_empty_and_not_decided_is_missing(desk):
    all_read(desk, "ann", ["T1.1", "", "T2"])
    desk.do("ann", "add", "M01", code="T2")
    desk.do("ben", "nothing", "M02")
    desk.do("eve", "add", "M03", code="T1", role="adjudicator")
    sets = coder_sets(desk.read(), desk.survey)
    assert list(sets.columns) == ["ann", "ben"]
    assert sets["ann"].droplevel("question").to_dict() == {
        "M01": frozenset({"T1.1", "T2"}), "M02": frozenset(), "M03": frozenset({"T2"}),
    }  # fmt: skip
    assert sets["ben"].isna().tolist() == [True, False, True]


def test_codes_can_be_compared_at_the_top_of_the_tree(desk):
    all_read(desk, "ann", ["T1.1", "T2"])
    all_read(desk, "ben", ["T1", "T2"])
    read = desk.read()
    assert coding_agreement(read, desk.survey, coefficients="percent")["estimate"].tolist() == [0.5]
    assert coding_agreement(read, desk.survey, coefficients="percent", top=True)["estimate"].tolist() == [1.0]


def test_the_numbers_are_those_of_the_coefficients_on_the_same_sets(desk):
    all_read(desk, "ann", ["T1.1", "", "T2", "T2", "", "T1"])
    all_read(desk, "ben", ["T1.1", "", "T2", "T1", "", "T2"])
    found = coding_agreement(desk.read(), desk.survey)
    direct = agreement(coder_sets(desk.read(), desk.survey), clusters="interview")
    assert found[["coefficient", "estimate", "conf_low"]].equals(direct[["coefficient", "estimate", "conf_low"]])
    assert found.set_index("coefficient").loc["percent", "estimate"] == pytest.approx(4 / 6)


def test_agreement_over_time_has_rows_for_each_period(desk):
    all_read(desk, "ann", ["T1.1", "", "T2", "T2"])
    all_read(desk, "ben", ["T1.1", "", "T2", "T1"])
    for coder in ("ann", "ben"):
        text = desk.path(coder).read_text("utf-8")
        lines = text.splitlines(keepends=True)
        lines[1:3] = [
            line.replace(line.split(",")[1], f"2026-10-0{place}T08:00:00.000Z")
            for place, line in enumerate(lines[1:3], 1)
        ]
        desk.path(coder).write_text("".join(lines), "utf-8")
    found = coding_agreement(desk.read(), desk.survey, over="month", coefficients="percent")
    assert found[["over", "estimate", "units"]].to_numpy()[0].tolist() == ["2026-10", 1.0, 2]
    assert found["estimate"].tolist()[1] == 0.5
    assert coded_when(desk.read(), "day").iloc[0] == "2026-10-01"
    assert coded_when(desk.read(), "codebook").tolist() == [1] * 4


def test_agreement_of_each_coder_with_the_others(desk):
    for coder, codes in (("ann", ["T1.1", "", "T2"]), ("ben", ["T1.1", "", "T2"]), ("eve", ["T2", "T2", "T2"])):
        all_read(desk, coder, codes)
    found = coding_agreement(desk.read(), desk.survey, by="coder", coefficients="percent_pairs")
    assert found.set_index("coder")["estimate"].round(3).to_dict() == {"ann": 0.667, "ben": 0.667, "eve": 0.333}


def test_agreement_on_one_code_as_given_or_not(desk):
    all_read(desk, "ann", ["T1.1", "", "T2"])
    all_read(desk, "ben", ["T1.1", "", ""])
    found = coding_agreement(desk.read(), desk.survey, by="code", coefficients="percent").set_index("code")["estimate"]
    assert found.round(3).to_dict() == {"T1.1": 1.0, "T2": 0.667}


def test_one_coder_only_is_an_error_that_says_so(desk):
    all_read(desk, "ann", ["T1.1", ""])
    with pytest.raises(CodingError, match=r"1 coder \(ann\); allowed: at least two coders"):
        coding_agreement(desk.read(), desk.survey)


def test_nobody_has_coded_is_an_error_that_says_so(desk):
    with pytest.raises(CodingError, match="no answer that a coder has decided"):
        coding_agreement(desk.read(), desk.survey)


def test_a_scheme_that_is_not_there_is_told(desk):
    all_read(desk, "ann", ["T1.1"])
    with pytest.raises(CodingError, match="scheme 'troubel'; allowed: trouble; did you mean trouble"):
        coder_sets(desk.read(), desk.survey, scheme="troubel")


def test_a_coder_who_always_says_the_same_is_told(desk):
    all_read(desk, "ann", ["T2"] * 4)
    all_read(desk, "ben", ["T2", "T1", "T2", ""])
    found = coding_agreement(desk.read(), desk.survey, coefficients="alpha")
    assert "ann gave the same code to every unit" in found["note"].iloc[0]


def test_answers_that_two_coders_did_not_share_are_counted_out(desk):
    all_read(desk, "ann", ["T2"] * 10)
    desk.do("ben", "add", "M01", code="T2")
    desk.do("ben", "nothing", "M03")
    found = coding_agreement(desk.read(), desk.survey, coefficients="percent").iloc[0]
    assert (found["estimate"], found["units"]) == (0.5, 2)
    assert "units coded by one coder only: 8" in found["note"]


def test_sixty_in_a_hundred_missing_gives_a_number_with_its_units(desk):
    for number, coder in enumerate(("ann", "ben", "eve", "joe", "kim")):
        for place, interview in enumerate(SAID):
            if (place + number) % 5 < 2:
                desk.do(coder, "add", interview, code="T1" if place % 2 else "T2")
    sets = coder_sets(desk.read(), desk.survey)
    assert sets.isna().to_numpy().mean() == pytest.approx(0.6)
    found = coding_agreement(desk.read(), desk.survey, coefficients="alpha").iloc[0]
    assert (found["estimate"], found["units"]) == (1.0, 10)


def test_spans_go_to_the_alphas_of_unitising(desk):
    desk.do("ann", "add", "M01", words="租金太高", code="T1.1")
    desk.do("ben", "add", "M01", words="租金", code="T1.1")
    desk.do("ann", "nothing", "M02")
    desk.do("ben", "nothing", "M02")
    desk.do("ann", "add", "M03", code="T2")
    marks = coder_marks(desk.read(), desk.interviews, desk.survey)
    assert marks.lengths.to_dict() == {"M01 / troubles": 10, "M02 / troubles": 5, "M03 / troubles": 6}
    assert marks.spans["start"].isna().sum() == 2
    assert marks.spans.query("unit == 'M03 / troubles'")[["start", "end"]].to_numpy().tolist() == [[0, 6]]
    found = unitising_alpha(marks.spans, marks.lengths, clusters=marks.clusters, read_by_all=False)
    assert found["units"].iloc[0] == 2
    assert 0 < found["estimate"].iloc[0] < 1
    assert not np.isnan(found["estimate"].iloc[1])
