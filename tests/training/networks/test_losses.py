import numpy as np
import pytest

from numerai_pipeline.models import load_keras
from numerai_pipeline.scoring import corr_per_era
from numerai_pipeline.training.networks.losses import TargetLoss, smooth_corr

# Two rows with two targets each.
WANTED = np.array([[0.5, 0.0], [1.0, 0.25]], np.float32)


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        # Errors: 0.1, 0.2 and -0.5, 0.0.
        ("mse", [(0.01 + 0.04) / 2, 0.25 / 2]),
        ("mae", [(0.1 + 0.2) / 2, 0.5 / 2]),
        # Beyond 0.25 it is a line: 0.25 * (0.5 - 0.125).
        ("huber", [(0.005 + 0.02) / 2, 0.09375 / 2]),
    ],
)
def test_values_lose_by_their_errors(kind, expected):
    found = np.array([[0.6, 0.2], [0.5, 0.25]], np.float32)
    np.testing.assert_allclose(TargetLoss(kind).call(WANTED, found), expected, 1e-5)


def test_a_single_target_may_stand_without_a_column():
    found = np.array([[0.6], [0.5]], np.float32)
    np.testing.assert_allclose(
        TargetLoss("mse").call(WANTED[:, 0], found), [0.01, 0.25], 1e-5
    )


def test_classes_lose_the_logarithm_of_the_probability_of_theirs():
    found = np.full((2, 2, 5), 0.1, np.float32)
    found[0, 0, 2], found[0, 1, 0], found[1, 0, 4], found[1, 1, 1] = 0.5, 0.6, 0.7, 0.8
    np.testing.assert_allclose(
        TargetLoss("crossentropy", "classes").call(WANTED, found),
        [-(np.log(0.5) + np.log(0.6)) / 2, -(np.log(0.7) + np.log(0.8)) / 2],
        1e-5,
    )


def test_a_class_that_is_held_impossible_loses_a_finite_amount():
    found = np.zeros((2, 2, 5), np.float32)
    losses = np.asarray(TargetLoss("crossentropy", "classes").call(WANTED, found))
    assert np.isfinite(losses).all()


def test_every_member_learns_the_target_itself():
    found = np.zeros((2, 2, 3), np.float32)
    found[0, 0] = [0.5, 0.6, 0.4]
    # A mean of the members would have no error in the first target.
    np.testing.assert_allclose(
        TargetLoss("mse", "members").call(WANTED, found),
        [0.02 / 6, (1 + 0.0625) / 2],
        1e-5,
    )


@pytest.fixture
def era():
    random = np.random.default_rng(5)
    signal = random.normal(size=2_000)
    cuts = np.quantile(signal, [0.05, 0.25, 0.75, 0.95])
    targets = (np.digitize(signal, cuts) / 4).astype(np.float32)
    return targets, signal


@pytest.mark.parametrize("noise", [0.1, 1.0, 5.0, 50.0])
def test_the_smooth_corr_is_nearly_corr(era, noise):
    targets, signal = era
    random = np.random.default_rng(6)
    predictions = (signal + noise * random.normal(size=2_000)).astype(np.float32)
    corr = corr_per_era(predictions, targets, np.ones(2_000, int)).values[0]
    # Any scale and place.
    for found in (predictions, 0.5 + predictions / 100):
        smooth = smooth_corr(targets, found.astype(np.float32))
        assert float(smooth) == pytest.approx(corr, abs=0.01)


def test_the_loss_corr_is_one_less_corr_for_every_row(era):
    targets, signal = era
    found = np.stack([signal, -signal], axis=1).astype(np.float32)
    loss = TargetLoss("corr", "members")
    losses = np.asarray(loss.call(targets, found[:, None]))
    assert losses.shape == (2_000,)
    np.testing.assert_allclose(losses, 1.0, atol=1e-4)


def test_equal_predictions_have_a_way_up(era):
    import tensorflow as tf

    targets, _ = era
    found = tf.Variable(np.full((2_000, 1), 0.5, np.float32))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(TargetLoss("corr").call(targets, found))
    slope = np.asarray(tape.gradient(loss, found))[:, 0]
    assert np.isfinite(slope).all()
    assert np.corrcoef(-slope, targets)[0, 1] > 0.9


def test_equal_targets_teach_nothing():
    loss = TargetLoss("corr").call(np.ones(3, np.float32), np.eye(3, 1, dtype="f"))
    np.testing.assert_array_equal(loss, 1.0)


def test_a_saved_loss_is_the_same():
    saving = load_keras().saving
    loss = TargetLoss("crossentropy", "classes")
    again = saving.deserialize_keras_object(saving.serialize_keras_object(loss))
    assert again.get_config() == loss.get_config()
