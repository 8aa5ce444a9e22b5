"""What scores come to, beside Numerai's own formulas in pandas."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numerai_pipeline.scoring import (
    Scores,
    mean_interval,
    n_effective,
    sharpe_interval,
)


def scores(*values):
    return Scores(np.arange(1, len(values) + 1), np.array(values, dtype=np.float64))


@settings(deadline=None)
@given(st.lists(st.floats(-0.5, 0.5), min_size=2, max_size=60))
def test_summary_is_that_of_numerais_notebooks(values):
    summary = scores(*values).summary()
    series = pd.Series(values)
    total = series.cumsum()
    drawdown = (total.expanding(min_periods=1).max() - total).max()
    assert summary.mean == pytest.approx(series.mean(), abs=1e-15)
    assert summary.std == pytest.approx(series.std(ddof=0), abs=1e-12)
    assert summary.max_drawdown == pytest.approx(drawdown, abs=1e-12)
    assert summary.n_eras == len(values)
    if summary.std > 1e-6:
        assert summary.sharpe == pytest.approx(series.mean() / series.std(ddof=0))


def test_drawdown_starts_at_the_first_era():
    assert scores(-0.1, 0.2).summary().max_drawdown == 0
    assert scores(0.1, -0.2, 0.05, -0.1, 1).summary().max_drawdown == pytest.approx(
        0.25
    )


def test_undefined_eras_are_left_out_and_counted():
    summary = scores(0.01, math.nan, 0.03).summary()
    assert (summary.n_eras, summary.n_undefined) == (2, 1)
    assert summary.mean == pytest.approx(0.02)


def test_the_intervals_are_those_of_the_scores_apart():
    values = np.random.default_rng(1).normal(0.02, 0.02, 64)
    values[5] = math.nan
    every_fourth = Scores(np.arange(1, 257, 4), values)
    summary = every_fourth.summary(horizon=12)
    mean, ratio = mean_interval(values, horizon=3), sharpe_interval(values, horizon=3)
    assert (summary.mean, summary.low, summary.high) == (mean.mean, mean.low, mean.high)
    assert (summary.sharpe, summary.sharpe_low) == (ratio.mean, ratio.low)
    assert summary.sharpe_high == ratio.high
    assert summary.n_effective == n_effective(values, horizon=3)
    assert scores(*values).summary().low == mean_interval(values, horizon=4).low
    assert math.isnan(scores(*values).summary(horizon=12).low)


@pytest.mark.parametrize(
    ("step", "horizon", "expected"), [(1, 4, 4), (4, 4, 1), (4, 12, 3), (5, 12, 3)]
)
def test_a_horizon_is_fewer_scores_where_eras_are_left_out(step, horizon, expected):
    few = Scores(np.arange(1, 100, step), np.zeros(len(range(1, 100, step))))
    assert few.horizon_in_scores(horizon) == expected


def test_equal_scores_have_no_sharpe():
    assert math.isnan(scores(0.1, 0.1, 0.1).summary().sharpe)
    assert math.isnan(scores(0.0, 1e-250).summary().sharpe)
    assert math.isnan(scores(0.1).summary().sharpe)


def test_json_has_no_nan():
    summary = scores(math.nan, math.nan).summary()
    text = json.dumps(summary.to_dict(), allow_nan=False)
    assert json.loads(text) == {
        "mean": None,
        "low": None,
        "high": None,
        "std": None,
        "sharpe": None,
        "sharpe_low": None,
        "sharpe_high": None,
        "max_drawdown": None,
        "n_eras": 0,
        "n_effective": None,
        "n_undefined": 2,
    }
