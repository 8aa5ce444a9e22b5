"""An ensemble's predictions: what changes them, and what must not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numerai_pipeline.core import DataError
from numerai_pipeline.scoring import blend, gaussian_ranks, rank_per_era

# Few distinct values make ties, and members whose predictions are all equal.
VALUES = st.sampled_from([-3.0, 0.1, 0.2, 0.25, 7.0])


@st.composite
def ensembles(draw):
    """Draw predictions of members, eras (some of one row) and weights."""
    n_members = draw(st.integers(1, 4))
    row = st.tuples(st.integers(1, 3), *[VALUES] * n_members)
    rows = np.array(draw(st.lists(row, min_size=1, max_size=30)))
    weight = st.integers(0, 5)
    weights = draw(st.lists(weight, min_size=n_members, max_size=n_members).filter(any))
    return rows[:, 1:], rows[:, 0].astype(np.int16), np.array(weights) / sum(weights)


@settings(max_examples=60, deadline=None)
@given(ensembles())
def test_a_blend_is_the_weighted_sum_of_gaussianized_ranks_per_era(drawn):
    predictions, eras, weights = drawn
    found = blend(predictions, eras, weights)
    for era in np.unique(eras):
        rows = predictions[eras == era]
        expected = sum(
            weight * gaussian_ranks(member)
            for weight, member in zip(weights, rows.T, strict=True)
        )
        np.testing.assert_allclose(found[eras == era], expected, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(ensembles(), st.randoms(use_true_random=False))
def test_neither_the_order_of_members_nor_that_of_rows_matters(drawn, random):
    predictions, eras, weights = drawn
    members = random.sample(range(len(weights)), len(weights))
    rows = random.sample(range(len(eras)), len(eras))
    # To the last bit: what is tied must not be parted by the order of a sum.
    np.testing.assert_array_equal(
        blend(predictions[rows][:, members], eras[rows], weights[members]),
        blend(predictions, eras, weights)[rows],
    )


@settings(max_examples=60, deadline=None)
@given(ensembles(), st.integers(0, 3))
def test_only_the_order_of_a_members_predictions_matters(drawn, place):
    predictions, eras, weights = drawn
    changed = predictions.copy()
    changed[:, place % len(weights)] = np.exp(changed[:, place % len(weights)]) - 1e6
    np.testing.assert_array_equal(
        blend(changed, eras, weights), blend(predictions, eras, weights)
    )


@settings(max_examples=60, deadline=None)
@given(ensembles())
def test_only_the_ratios_of_the_weights_matter_to_ranks(drawn):
    predictions, eras, weights = drawn
    np.testing.assert_array_equal(
        rank_per_era(blend(predictions, eras, 3 * weights), eras),
        rank_per_era(blend(predictions, eras, weights), eras),
    )


def test_a_member_that_predicts_nothing_leaves_the_era_to_the_others():
    predictions = np.array([[5.0, 1.0], [5.0, 2.0], [5.0, 0.0], [9.0, 8.0]])
    found = blend(predictions, np.array([1, 1, 1, 2]), np.array([0.9, 0.1]))
    np.testing.assert_allclose(found[:3], 0.1 * gaussian_ranks(predictions[:3, 1]))
    assert found[3] == 0


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_predictions_that_are_not_finite_are_refused_by_era(broken):
    predictions = np.array([[1.0, 2.0], [3.0, broken]])
    with pytest.raises(DataError, match="1 of 2 predictions, in era 8, are NaN"):
        blend(predictions, np.array([7, 8]), np.array([0.5, 0.5]))


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ([1.0], "1 weights for 2 members"),
        ([1.5, -0.5], "the weights are 1.5, -0.5, but none may be negative"),
        ([0.0, 0.0], "sum must be above 0"),
        ([np.nan, 1.0], "the weights are nan, 1"),
    ],
)
def test_weights_that_are_none_are_refused(weights, says):
    with pytest.raises(DataError, match=says):
        blend(np.ones((2, 2)), np.array([1, 1]), np.array(weights))
