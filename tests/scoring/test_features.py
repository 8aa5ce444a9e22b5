"""Exposure, neutralization and FNC are numerai-tools' numbers, whatever the columns."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numerai_tools.scoring import (
    feature_neutral_corr,
    gaussian,
    max_feature_correlation,
    neutralize,
    pearson_correlation,
    tie_kept_rank,
)

from numerai_pipeline.core import DataError
from numerai_pipeline.scoring import (
    EraFeatures,
    fnc_of_era,
    gaussian_ranks,
    neutral_of_era,
)

TOLERANCE = 1e-9
N_ROWS, N_FEATURES, N_MODELS = 300, 40, 3


@pytest.fixture(scope="module")
def codes():
    """Draw codes of which one column is constant, two are equal, two are opposite."""
    codes = np.random.default_rng(1).integers(0, 6, (N_ROWS, N_FEATURES), np.uint8)
    codes[:, 3], codes[:, 7], codes[:, 11] = 2, codes[:, 9], 5 - codes[:, 12]
    return codes


@pytest.fixture(scope="module")
def predictions(codes):
    noise = np.random.default_rng(2).normal(size=(N_ROWS, N_MODELS))
    return np.round(noise + codes[:, :1], 1)


@pytest.fixture(scope="module")
def targets():
    return np.random.default_rng(3).integers(0, 5, N_ROWS) / 4


# The codes of the shards, the floats of older data, and what no float32 holds.
types = pytest.mark.parametrize(
    "cast",
    [
        lambda codes: codes,
        lambda codes: codes.astype(np.float32) / 4,
        lambda codes: codes.astype(np.int64) * 12_345,
        lambda codes: np.asfortranarray(codes) * 0.1,
    ],
    ids=["codes", "floats", "large", "tenths"],
)


def frame(columns, prefix):
    ids = [f"n{row:05d}" for row in range(len(columns))]
    names = [f"{prefix}_{at}" for at in range(columns.shape[1])]
    return pd.DataFrame(columns, ids, names).astype(float)


@types
@pytest.mark.parametrize("proportion", [0.0, 0.3, 1.0])
def test_neutral_predictions_are_numerai_tools(codes, predictions, cast, proportion):
    x = cast(codes)
    found = EraFeatures(x).projection().neutralize(predictions, proportion)
    expected = neutralize(frame(predictions, "p"), frame(x, "f"), proportion)
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


@types
@pytest.mark.parametrize("proportion", [0.25, 0.5, 1.0])
def test_ranked_predictions_are_neutralized_as_numerai_tools_does(
    codes, predictions, cast, proportion
):
    x, one = cast(codes), predictions[:, 0]
    features = EraFeatures(x)
    found = neutral_of_era(one, features.projection(), proportion)
    ranked = gaussian(tie_kept_rank(frame(one[:, None], "p")))
    expected = neutralize(ranked, frame(x, "f"), proportion)["p_0"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
    # Of the covariance with each feature the other share is left.
    before, after = (
        features.exposures(values) * values.std()
        for values in (gaussian_ranks(one), found)
    )
    np.testing.assert_allclose(after, (1 - proportion) * before, atol=TOLERANCE)


def test_nothing_is_left_of_predictions_that_a_feature_makes(codes):
    binary = (codes[:, :1] > 2).astype(np.uint8)
    projection = EraFeatures(binary).projection()
    assert not neutral_of_era(binary[:, 0], projection, 1.0).any()
    assert not neutral_of_era(np.ones(N_ROWS), projection, 0.5).any()
    broken = np.where(np.arange(N_ROWS) == 3, np.inf, 1.0)
    assert np.isnan(neutral_of_era(broken, projection, 0.5)).all()


@types
def test_fnc_is_feature_neutral_corr(codes, predictions, targets, cast):
    x = cast(codes)
    found = fnc_of_era(predictions, targets, EraFeatures(x).projection())
    series = pd.Series(targets, frame(x, "f").index, name="target")
    expected = feature_neutral_corr(frame(predictions, "p"), frame(x, "f"), series)
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


def test_rows_without_a_target_are_neutralized_but_not_scored(
    codes, predictions, targets
):
    lacking = np.where(np.arange(N_ROWS) % 10 == 0, np.nan, targets)
    found = fnc_of_era(predictions, lacking, EraFeatures(codes).projection())
    series = pd.Series(lacking, frame(codes, "f").index, name="target")
    expected = feature_neutral_corr(frame(predictions, "p"), frame(codes, "f"), series)
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)


@types
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_exposures_are_pearson_correlations(codes, predictions, cast):
    features = frame(cast(codes), "f")
    found = EraFeatures(cast(codes)).exposures(predictions)
    models = frame(predictions, "p")
    for at, name in enumerate(models):
        one = models[name]
        expected = features.apply(lambda f, one=one: pearson_correlation(f, one))
        expected.iloc[3] = np.nan  # rounding of a constant's mean, in pandas
        np.testing.assert_allclose(found[:, at], expected, rtol=0, atol=TOLERANCE)
        varied = features.drop(columns="f_3")
        assert np.nanmax(np.abs(found[:, at])) == pytest.approx(
            max_feature_correlation(one, varied)[1], abs=TOLERANCE
        )


def test_the_shape_of_one_model_is_kept(codes, predictions):
    features = EraFeatures(codes)
    projection = features.projection()
    for score in (features.exposures, projection.explained, projection.neutralize):
        np.testing.assert_allclose(
            score(predictions[:, 0]), score(predictions)[:, 0], atol=1e-12
        )


def test_a_set_of_features_is_projected_onto_alone(codes, predictions):
    places = np.array([12, 3, 20, 11])
    subset = EraFeatures(codes).projection(places)
    alone = EraFeatures(codes[:, places]).projection()
    assert subset.rank == alone.rank == 2
    np.testing.assert_allclose(
        subset.explained(predictions), alone.explained(predictions), atol=1e-12
    )


def test_columns_without_copies_need_no_pivots(codes, predictions):
    places = np.arange(13, N_FEATURES)
    alone = EraFeatures(codes[:, [3, *places]])
    found = alone.projection().neutralize(predictions)
    expected = neutralize(frame(predictions, "p"), frame(codes[:, places], "f"))
    np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE)
    assert alone.projection().rank == len(places)


def test_the_rank_leaves_out_constant_and_repeated_columns(codes):
    assert EraFeatures(codes).projection().rank == N_FEATURES - 3
    assert EraFeatures(codes * 0.1).projection().rank == N_FEATURES - 3


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 30))
def test_a_neutral_prediction_is_orthogonal_to_every_feature(seed, n_features):
    rng = np.random.default_rng(seed)
    codes = rng.integers(0, rng.integers(1, 6), (40, n_features), np.uint8)
    values = rng.normal(size=(40, 2)) + codes[:, :1]
    features = EraFeatures(codes)
    projection = features.projection()
    neutral = projection.neutralize(values)
    assert np.abs(codes.T @ neutral).max() < TOLERANCE
    assert np.abs(neutral.sum(axis=0)).max() < TOLERANCE
    np.testing.assert_allclose(projection.neutralize(neutral), neutral, atol=TOLERANCE)
    half = projection.neutralize(values, 0.5)
    np.testing.assert_allclose(half, (values + neutral) / 2, atol=TOLERANCE)


def test_near_copies_of_a_column_are_still_orthogonal():
    rng = np.random.default_rng(4)
    one = rng.normal(size=(200, 1))
    x = np.hstack([one, one + 1e-4 * rng.normal(size=(200, 3))])
    neutral = EraFeatures(x).projection().neutralize(rng.normal(size=200))
    assert np.abs(x.T @ neutral).max() < 1e-8


def test_features_without_spread_take_the_mean_alone(predictions):
    features = EraFeatures(np.full((N_ROWS, 4), 2, np.uint8))
    projection = features.projection()
    assert projection.rank == 0
    np.testing.assert_allclose(
        projection.neutralize(predictions), predictions - predictions.mean(axis=0)
    )
    assert np.isnan(features.exposures(predictions)).all()


def test_fnc_is_not_defined_where_the_features_leave_rounding(codes, targets):
    few = EraFeatures(codes[:40]).projection()
    assert few.rank == N_FEATURES - 3
    assert not few.is_defined
    assert np.isnan(fnc_of_era(np.arange(40.0)[:, None], targets[:40], few)).all()


def test_fnc_is_not_defined_for_some_models(codes, targets):
    binary = (codes[:, 0] > 2).astype(np.uint8)
    x = np.column_stack([codes, binary])
    rng = np.random.default_rng(5)
    usual, equal, lacking = rng.normal(size=N_ROWS), np.ones(N_ROWS), np.ones(N_ROWS)
    lacking[0] = np.nan
    models = np.column_stack([equal, usual, lacking, binary])
    scores = fnc_of_era(models, targets, EraFeatures(x).projection())
    assert np.isnan(scores).tolist() == [True, False, True, True]
    nothing = fnc_of_era(models[:, [0, 2]], targets, EraFeatures(x).projection())
    assert np.isnan(nothing).all()


def test_a_linear_model_has_no_fnc_and_a_new_signal_keeps_its_own(codes):
    rng = np.random.default_rng(6)
    signal = rng.normal(size=N_ROWS)
    projection = EraFeatures(codes).projection()
    new = projection.neutralize(signal)
    [kept] = fnc_of_era(signal[:, None], new, projection)
    assert kept > 0.95
    explained = gaussian_ranks(projection.explained(signal))
    [lost] = fnc_of_era(explained[:, None], new, projection)
    assert abs(lost) < 0.2


def test_broken_shapes_are_refused(codes):
    with pytest.raises(DataError, match=r"have the shape \(1, 40\), but two rows"):
        EraFeatures(codes[:1])
    with pytest.raises(DataError, match="12 predictions for the features of 300 rows"):
        EraFeatures(codes).exposures(np.arange(12.0))
