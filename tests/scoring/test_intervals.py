"""The intervals cover what they promise, though neighbouring scores are correlated."""

import math

import numpy as np
import pytest

from numerai_pipeline.scoring import mean_interval, n_effective, sharpe_interval

MEAN, STD, N_SERIES = 0.01, 0.02, 1_000

lengths = pytest.mark.parametrize(
    ("n", "horizon"), [(150, 4), (150, 12), (600, 4), (600, 12)]
)


def overlapping(n, horizon, n_series=N_SERIES):
    """Draw series of scores that are means of ``horizon`` returns they share."""
    rng = np.random.default_rng(horizon + n)
    returns = rng.normal(size=(n_series, n + horizon))
    total = returns.cumsum(axis=1)
    means = (total[:, horizon:] - total[:, :-horizon]) / math.sqrt(horizon)
    return MEAN + STD * means


def coverage(intervals, truth):
    return np.mean([each.low <= truth <= each.high for each in intervals])


@lengths
def test_the_interval_of_the_mean_covers_it(n, horizon):
    found = [mean_interval(one, horizon=horizon) for one in overlapping(n, horizon)]
    assert 0.92 < coverage(found, MEAN) < 0.97


@lengths
def test_the_interval_of_the_sharpe_ratio_covers_it(n, horizon):
    found = [sharpe_interval(one, horizon=horizon) for one in overlapping(n, horizon)]
    assert 0.92 < coverage(found, MEAN / STD) < 0.97


@lengths
def test_overlapping_scores_count_for_fewer(n, horizon):
    found = [n_effective(one, horizon=horizon) for one in overlapping(n, horizon, 200)]
    assert np.mean(found) == pytest.approx(n / horizon, rel=0.3)


def test_independent_scores_have_the_interval_of_a_bootstrap():
    from arch.bootstrap import IIDBootstrap  # takes a second

    widths = []
    for values in overlapping(400, 1, 12):
        mine = mean_interval(values, horizon=1)
        bootstrap = IIDBootstrap(values, seed=1)
        low, high = bootstrap.conf_int(np.mean, 300, method="percentile").ravel()
        widths.append(((mine.high - mine.low), (high - low)))
    mine, theirs = np.mean(widths, axis=0)
    # Student's t with 21 degrees of freedom is 6 % wider than a normal distribution.
    assert mine / theirs == pytest.approx(1.06, abs=0.06)


def test_independent_scores_count_as_they_are():
    alternating = np.tile([0.01, 0.03], 50)
    assert n_effective(alternating, horizon=4) == 100
    assert n_effective(np.full(50, 0.1), horizon=4) == 50


def test_a_trend_lasting_the_horizon_divides_the_scores_by_it():
    steps = np.repeat(np.tile([0.0, 1.0, 1.0, 0.0], 20), 4)
    # Autocorrelations .75, .5 and .25, which the end of the series makes smaller.
    assert n_effective(steps, horizon=4) == pytest.approx(len(steps) / 4, rel=0.02)


def test_below_eight_horizons_there_is_no_interval():
    values = np.sin(np.arange(31.0))
    for interval in (
        mean_interval(values, horizon=4),
        sharpe_interval(values, horizon=4),
    ):
        assert not math.isnan(interval.mean)
        assert math.isnan(interval.low)
        assert math.isnan(interval.high)
    assert math.isnan(n_effective(values, horizon=4))
    enough = np.append(values, [0.3, np.nan])
    assert mean_interval(enough, horizon=4).low < values.mean()
    assert n_effective(enough, horizon=4) <= 32


def test_equal_or_no_scores_have_no_sharpe_interval():
    equal = sharpe_interval(np.full(40, 0.1), horizon=4)
    assert all(map(math.isnan, (equal.mean, equal.low, equal.high)))
    nothing = sharpe_interval(np.full(3, np.nan), horizon=4)
    assert math.isnan(nothing.mean)
    assert math.isnan(mean_interval(np.array([]), horizon=4).mean)
