import math

import numpy as np
import pytest

from numerai_pipeline.models import ReconstructionLoss, family, load_keras

keras = load_keras()


HEAD = np.array([[0.3], [0.7]], np.float32)


def test_the_mean_square_is_added_in_training_alone():
    layer = ReconstructionLoss(0.5, "mse")
    x, told = np.array([[1, 0], [0, 0]]), np.array([[0, 0], [0, 2]])
    inputs = [keras.ops.array(part, "float32") for part in (x, told, HEAD)]
    np.testing.assert_array_equal(layer(inputs), HEAD)
    assert layer.losses == []
    np.testing.assert_array_equal(layer(inputs, training=True), HEAD)
    # Half of the mean of 1, 0, 0 and 4.
    assert float(layer.losses[0]) == pytest.approx(0.625)


def test_the_crossentropy_of_codes_is_added():
    layer = ReconstructionLoss(2.0, "crossentropy")
    logits = np.zeros((1, 2, 5), np.float32)
    logits[0, 0, 3] = math.log(4)  # 4 of 8
    inputs = [keras.ops.array(part) for part in (np.array([[3.0, 0]]), logits, HEAD)]
    layer(inputs, training=True)
    assert float(layer.losses[0]) == pytest.approx(math.log(2) + math.log(5))


@pytest.mark.parametrize(("code", "counts_as"), [(-1, 0), (7, 4), (2.4, 2)])
def test_a_value_outside_of_the_classes_counts_as_the_nearest(code, counts_as):
    layer = ReconstructionLoss(1.0, "crossentropy")
    logits = np.arange(5, dtype=np.float32)[None, None]
    expected = np.log(np.exp(logits).sum()) - counts_as
    layer([np.array([[code]], np.float32), logits, HEAD[:1]], training=True)
    assert float(layer.losses[0]) == pytest.approx(float(expected), rel=1e-5)


def test_it_is_made_again_from_its_config():
    layer = ReconstructionLoss(0.25, "crossentropy", name="loss")
    again = ReconstructionLoss.from_config(layer.get_config())
    assert (again.weight, again.kind, again.name) == (0.25, "crossentropy", "loss")
    assert again.compute_dtype == "float32"


@pytest.mark.parametrize("name", ["autoencoder", "autoencoding_classifier"])
def test_the_loss_in_training_has_the_reconstruction_in_it(name):
    kind = family(name)
    weight = kind.Parameters().reconstruction_weight
    model = kind.network(kind.Parameters(units=(4,), dropout=0.0), 6)
    x = np.tile(np.arange(5, dtype=np.float32)[:, None], (1, 6))
    y = np.full((5, 1), 0.5, np.float32)
    model.compile("sgd", "mse", jit_compile=False)
    # Nothing is told yet: the variance of -1 -.5 0 .5 1, and log 5.
    start = {"autoencoder": 0.5, "autoencoding_classifier": math.log(5)}[name]
    assert model.train_on_batch(x, y) == pytest.approx(weight * start, rel=1e-5)
    assert model.test_on_batch(x, y) < 1e-3
