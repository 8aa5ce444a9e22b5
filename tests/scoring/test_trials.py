"""PSR, the deflated Sharpe ratio and PBO are purgedcv's numbers."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numerai_pipeline.core import DataError
from numerai_pipeline.scoring import (
    deflated_sharpe,
    expected_best_sharpe,
    overfit_probability,
    probabilistic_sharpe,
)


@pytest.fixture(scope="module")
def purgedcv():
    """Import it only where these tests run: it takes a second."""
    import purgedcv

    return purgedcv


def trials(seed, n_eras=120, n_trials=7):
    return np.random.default_rng(seed).normal(0.01, 0.02, (n_eras, n_trials))


@pytest.mark.parametrize("threshold", [0.0, 0.4, 0.6])
def test_psr_of_independent_scores_is_purgedcvs(purgedcv, threshold):
    values = trials(1)[:, 0] ** 3
    found = probabilistic_sharpe(np.append(values, np.nan), threshold, horizon=1)
    expected = purgedcv.probabilistic_sharpe_ratio(values, threshold)
    assert found == pytest.approx(expected, abs=1e-12)


def test_deflated_sharpe_of_independent_scores_is_purgedcvs(purgedcv):
    values = trials(2)
    sharpes = values.mean(axis=0) / values.std(axis=0)
    found = deflated_sharpe(values[:, 0], np.append(sharpes, np.nan), horizon=1)
    expected = purgedcv.deflated_sharpe_ratio(values[:, 0], 7, sharpes.var(ddof=1))
    assert found == pytest.approx(expected, abs=1e-12)
    alone = deflated_sharpe(values[:, 0], sharpes[:1], horizon=1)
    assert alone == probabilistic_sharpe(values[:, 0], horizon=1)


def test_overlapping_scores_are_less_sure():
    values = np.repeat(trials(3, 30)[:, 0], 4) + 0.002
    assert probabilistic_sharpe(values, horizon=4) > 0.5
    assert probabilistic_sharpe(values, horizon=4) < probabilistic_sharpe(
        values, horizon=1
    )
    assert math.isnan(probabilistic_sharpe(values[:31], horizon=4))


def test_the_best_of_many_trials_without_skill_reaches_what_is_expected():
    best = np.random.default_rng(4).normal(scale=0.1, size=(2_000, 50)).max(axis=1)
    assert best.mean() == pytest.approx(expected_best_sharpe(0.1, 50), rel=0.03)
    with pytest.raises(DataError, match="there are 0 trials"):
        expected_best_sharpe(0.1, 0)


@pytest.mark.parametrize("n_eras", [80, 85])
@pytest.mark.parametrize("n_trials", [2, 6, 7])
def test_pbo_is_purgedcvs(purgedcv, n_eras, n_trials):
    values = trials(n_eras, n_eras, n_trials)
    values[:, 1] = 0.01  # no spread, no Sharpe ratio
    expected = purgedcv.probability_of_backtest_overfitting(values.T, n_splits=6)
    assert overfit_probability(values, 6) == expected.pbo


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 999), st.randoms(use_true_random=False))
def test_pbo_does_not_see_the_order_of_the_trials(seed, random):
    values = trials(seed)
    shuffled = list(range(values.shape[1]))
    random.shuffle(shuffled)
    assert overfit_probability(values[:, shuffled], 8) == overfit_probability(values, 8)


def test_pbo_is_small_where_one_trial_is_better_and_large_where_luck_turns():
    better = trials(5, 160, 10)
    better[:, 3] += 0.02
    assert overfit_probability(better) < 0.01
    noise = np.random.default_rng(6).normal(scale=0.001, size=(160, 10))
    turning = noise + 0.01 * np.eye(10)[np.arange(160) // 16]
    assert overfit_probability(turning) > 0.8


@pytest.mark.parametrize(
    ("values", "n_blocks", "message"),
    [
        (np.zeros((40, 1)), 4, "there are 1 trials to choose from"),
        (np.full((40, 2), np.nan), 4, "some scores are NaN or infinite"),
        (np.zeros((40, 2)), 5, "there are 5 blocks. Choose an even number"),
        (np.zeros((31, 2)), 16, "there are 31 eras for 16 blocks, but each needs 2"),
    ],
)
def test_trials_that_cannot_be_halved_are_refused(values, n_blocks, message):
    with pytest.raises(DataError, match=message):
        overfit_probability(values, n_blocks)
