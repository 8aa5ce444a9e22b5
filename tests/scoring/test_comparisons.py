"""Two models on the same eras, and several comparisons at once."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numerai_pipeline.scoring import Scores, difference, holm, mean_interval

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=12).map(np.array)


def scores(seed, n=80, mean=0.02, first=1):
    values = np.random.default_rng(seed).normal(mean, 0.02, n)
    return Scores(np.arange(first, first + n), values)


def test_the_interval_is_that_of_the_paired_differences():
    a, b = scores(1), scores(2)
    found = difference(a, b, horizon=4)
    expected = mean_interval(a.values - b.values, horizon=4)
    assert (found.mean, found.low, found.high) == (
        expected.mean,
        expected.low,
        expected.high,
    )
    assert found.n_eras == 80


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.sampled_from([4, 12]))
def test_a_difference_is_antisymmetric(seed, horizon):
    a, b = scores(seed), scores(seed + 100, mean=0.015)
    there, back = difference(a, b, horizon=horizon), difference(b, a, horizon=horizon)
    assert there.mean == -back.mean
    # At 12 eras, 80 are too few for an interval.
    np.testing.assert_equal(
        (there.low, there.high, there.p_value, there.eras_needed),
        (-back.high, -back.low, back.p_value, back.eras_needed),
    )


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 200))
def test_p_value_interval_and_eras_needed_agree(seed):
    found = difference(scores(seed), scores(seed + 1_000, mean=0.01), horizon=4)
    is_clear = found.low > 0 or found.high < 0
    assert (found.p_value < 0.05) == is_clear
    assert (found.eras_needed <= found.n_eras) == is_clear


def test_half_the_difference_needs_four_times_the_eras():
    noisy = scores(3, n=200, mean=0.001)
    zeros = Scores(noisy.eras, np.zeros(200))
    halved = Scores(noisy.eras, noisy.values - noisy.values.mean() / 2)
    found = difference(noisy, zeros, horizon=4)
    less = difference(halved, zeros, horizon=4)
    assert found.eras_needed > 200
    # Student's t comes nearer to a normal distribution the more eras there are.
    assert less.eras_needed == pytest.approx(4 * found.eras_needed, rel=0.1)


def test_only_common_eras_with_both_scores_count():
    a, b = scores(1, n=60), scores(2, n=60, first=21)
    a.values[30] = math.nan
    found = difference(a, b, horizon=4)
    both = np.delete(a.values[20:] - b.values[:40], 10)
    assert found.n_eras == 39
    assert found.mean == pytest.approx(both.mean())


def test_every_fourth_era_shares_less_with_its_neighbour():
    a, b = scores(1, n=40), scores(2, n=40)
    sparse_a, sparse_b = Scores(a.eras * 4, a.values), Scores(b.eras * 4, b.values)
    assert math.isnan(difference(a, b, horizon=12).low)
    found = difference(sparse_a, sparse_b, horizon=12)
    assert found.low == mean_interval(a.values - b.values, horizon=3).low


@pytest.mark.parametrize("n_common", [0, 1, 31])
def test_too_few_eras_have_no_verdict(n_common):
    a, b = scores(1, n=40), scores(2, n=40, first=41 - n_common)
    found = difference(a, b, horizon=4)
    assert found.n_eras == n_common
    assert math.isnan(found.mean) == (n_common == 0)
    assert all(map(math.isnan, (found.low, found.high, found.p_value)))
    assert found.eras_needed is None


def test_a_model_does_not_differ_from_itself():
    found = difference(scores(1), scores(1), horizon=4)
    assert (found.mean, found.low, found.high, found.p_value) == (0, 0, 0, 1)
    assert found.eras_needed is None


def test_a_constant_lead_is_clear_at_once():
    a = Scores(np.arange(64), np.full(64, 0.5))
    found = difference(a, Scores(a.eras, np.zeros(64)), horizon=4)
    assert (found.low, found.p_value, found.eras_needed) == (0.5, 0, 32)


@settings(max_examples=50, deadline=None)
@given(p_values)
def test_holm_rejects_step_by_step(values):
    adjusted = holm(values)
    order = np.argsort(values)
    n = len(values)
    for level in (0.05, 0.5):
        passes = [values[at] * (n - step) <= level for step, at in enumerate(order)]
        n_rejected = passes.index(False) if False in passes else n
        assert (adjusted[order] <= level).tolist() == [
            step < n_rejected for step in range(n)
        ]
    assert ((values <= adjusted) & (adjusted <= 1)).all()
    assert (np.diff(adjusted[order]) >= 0).all()


def test_holm_leaves_out_what_is_not_known():
    values = np.array([0.04, math.nan, 0.01])
    np.testing.assert_allclose(holm(values), [0.04, math.nan, 0.02])
    assert holm(np.array([])).shape == (0,)
