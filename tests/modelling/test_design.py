"""A design is coded once, keeps every row, and refuses samples that cannot tell their own error."""

import dataclasses

import numpy as np
import pandas as pd
import pytest

from kzsurvey.errors import DesignError
from kzsurvey.modelling import degrees_of_freedom, make_design, with_replicates


def test_a_design_from_columns_equals_one_from_arrays():
    table = pd.DataFrame({"w": [1.0, 2, 3, 4], "s": list("aabb"), "c": [1, 2, 3, 4]})
    named = make_design(table, weight="w", strata="s", clusters="c")
    given = make_design(weight=table["w"].to_numpy(), strata=list("aabb"), clusters=[1, 2, 3, 4])
    assert repr(named) == repr(given) == "Design(4 rows, 2 strata, 4 clusters, lonely adjust)"


def test_several_strata_are_crossed_and_lower_stages_lie_inside_upper_ones():
    design = make_design(
        strata=[["a", "a", "b", "b"], [1, 2, 1, 1]], clusters=[[1, 2, 3, 4], [1, 1, 1, 1]], lonely="certainty"
    )
    assert [len(stage.drawn) for stage in design.stages] == [3, 4]
    assert len(design.stages[1].stratum) == 4


def test_names_of_clusters_may_repeat_only_where_that_is_said():
    strata, clusters = [1, 1, 2, 2], [1, 2, 1, 2]
    with pytest.raises(DesignError, match=r"2 clusters in more than one stratum.*nested=True"):
        make_design(strata=strata, clusters=clusters)
    assert len(make_design(strata=strata, clusters=clusters, nested=True).stages[0].stratum) == 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weight": [1.0, np.nan, 1.0]}, "1 of 3 weights missing"),
        ({"weight": [1.0, 0.0, -2.0]}, "2 of 3 weights not above 0"),
        ({"clusters": ["a", None, "b"]}, "1 rows without a value"),
        ({"strata": [1, 2, np.nan]}, "1 rows without a value"),
        ({"clusters": [5, 5, 5]}, "a single cluster"),
        ({"clusters": [1, 2, 3], "population": [2, 2, 2]}, "more clusters drawn than there are"),
        ({"clusters": [1, 2, 3], "population": [5, 5, 6]}, "population sizes that change within 1 strata"),
        ({"clusters": [1, 2, 3], "population": [[5, 5, 5], [9, 9, 9]]}, "2 population sizes for 1 stages"),
        ({"clusters": [1, 2, 3], "lower_strata": [[1, 1, 1]]}, "1 lower strata for 1 stages"),
        ({"strata": [1, 1, 2], "lonely": "fail"}, "1 strata with a single cluster"),
        ({"strata": [1, 2, 3], "lonely": "average"}, "a single cluster in every stratum"),
        ({"weight": [1, 2, 3], "lonely": "ignore"}, "lonely 'ignore'"),
        ({"weight": []}, "no rows"),
    ],
)
def test_samples_that_cannot_tell_their_error_are_refused(options, message):
    with pytest.raises(DesignError, match=message):
        make_design(**options)


TWO_STAGES = {"clusters": [[1, 1, 1, 2, 2, 2], [1, 2, 3, 1, 2, 3]], "population": [[9] * 6, [9] * 6]}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"lower_strata": [[1, 1, 2, 1, 1, 2]], "lonely": "fail"}, "2 strata with a single cluster at stage 2"),
        ({"lower_strata": [[1, 2, 3, 1, 1, 2]], "lonely": "average"}, "a single cluster in every stratum at stage 2"),
        ({"lower_strata": [[1, 1, None, 1, 1, 2]]}, "1 rows without a value; allowed: lower strata known"),
        (
            {"clusters": [TWO_STAGES["clusters"][0], [1, 2, 2, 1, 2, 3]], "lower_strata": [[1, 1, 2, 1, 1, 1]]},
            "1 clusters in",
        ),
    ],
)
def test_lower_stages_that_cannot_tell_their_error_are_refused(options, message):
    with pytest.raises(DesignError, match=message):
        make_design(**TWO_STAGES | options)


def test_lonely_units_at_a_stage_that_does_not_count_are_no_fault():
    design = make_design(clusters=[[1, 2, 3], [1, 1, 1]], lonely="fail")
    assert not design.stages[1].counts
    nested = make_design(**TWO_STAGES, lower_strata=[[1, 1, 2, 1, 1, 2]], nested=True)
    assert (
        repr(nested)
        == "Design(6 rows, 1 strata, 2 clusters, 6 at stage 2 in 4 strata, finite population, lonely adjust)"
    )
    with pytest.raises(TypeError, match="one entry for each stage"):
        make_design(**TWO_STAGES, lower_strata="ward")


def test_all_faults_come_at_once():
    with pytest.raises(DesignError) as caught:
        make_design(weight=[1.0, np.nan, 0.0], clusters=["a", None, "b"])
    assert len(caught.value.faults) == 3


def test_an_unknown_column_is_named_and_unequal_lengths_are_a_fault_of_the_program():
    with pytest.raises(DesignError, match="unknown column 'w'"):
        make_design(pd.DataFrame({"x": [1, 2]}), weight="w")
    with pytest.raises(ValueError, match="one length"):
        make_design(weight=[1.0, 2.0], clusters=[1, 2, 3])


def test_degrees_of_freedom_count_only_clusters_and_strata_with_somebody_of_the_domain():
    design = make_design(strata=[1, 1, 2, 2, 3, 3], clusters=[1, 2, 3, 4, 5, 6])
    assert degrees_of_freedom(design) == 3
    assert degrees_of_freedom(design, np.array([1, 1, 1, 0, 0, 0], dtype=bool)) == 1


def test_a_design_cannot_be_changed():
    design = make_design(weight=[1.0, 2.0])
    with pytest.raises(dataclasses.FrozenInstanceError):
        design.lonely = "fail"


def test_replicate_weights_are_checked():
    design = make_design(weight=[1.0, 1.0, 1.0])
    assert "3 replicates" in repr(with_replicates(design, 1.5 * (1 - np.eye(3)), factor=2 / 3))
    with pytest.raises(DesignError, match="below 0"):
        with_replicates(design, -np.eye(3), factor=1)
    with pytest.raises(ValueError, match="shape"):
        with_replicates(design, np.eye(2), factor=1)
