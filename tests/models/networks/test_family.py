"""What all families of networks can do, each on a planted signal of its kind."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numerai_pipeline.core import ConfigError, DataError
from numerai_pipeline.models import (
    KerasFamily,
    families,
    family,
    load_keras,
    load_network,
    save_network,
)

N_FEATURES, N_ROWS = 16, 2_000
OURS = [kind.name for kind in families() if isinstance(kind, KerasFamily)]

Table = tuple[np.ndarray, np.ndarray]


def independent() -> np.ndarray:
    codes = np.random.default_rng(3).integers(0, 5, (N_ROWS, N_FEATURES))
    return codes.astype(np.float32)


def in_classes(signal: np.ndarray) -> np.ndarray:
    """Return a target with Numerai's classes, whose correlation is far from 1."""
    noise = np.random.default_rng(4).normal(0, signal.std(), len(signal))
    noisy = signal + noise
    return np.digitize(noisy, np.quantile(noisy, [0.05, 0.25, 0.75, 0.95])) / 4


def sum_of_features() -> Table:
    codes = independent()
    return codes, in_classes(codes[:, :3].sum(axis=1))


def bend() -> Table:
    """No straight line tells it: the target is high at both ends of a feature."""
    codes = independent()
    return codes, in_classes(((codes[:, :3] - 2) ** 2).sum(axis=1))


def neighbours() -> Table:
    """A grid whose places count by the place below: nothing, each by itself."""
    codes = independent()
    grid = codes.reshape(-1, 4, 4) - 2
    return codes, in_classes((grid[:, 1:] * grid[:, :-1]).sum(axis=(1, 2)))


def factors() -> Table:
    """All features follow two factors, and the target follows one of them."""
    random = np.random.default_rng(5)
    hidden = random.normal(size=(N_ROWS, 2))
    loads = np.repeat([[1.0, 0.0], [0.0, 1.0]], N_FEATURES // 2, axis=0)
    noisy = hidden @ loads.T + random.normal(0, 0.3, (N_ROWS, N_FEATURES))
    codes = np.digitize(noisy, [-0.84, -0.25, 0.25, 0.84]).astype(np.float32)
    return codes, in_classes(hidden[:, 0])


@dataclass(frozen=True)
class Planted:
    """A signal of a family's kind, and a network small enough for it."""

    table: Callable[[], Table]
    parameters: dict[str, Any]
    epochs: int = 12


PLANTED = {
    "mlp": Planted(sum_of_features, {"units": [16], "dropout": 0.1}),
    "resnet": Planted(bend, {"width": 32, "hidden_dropout": 0.1}, 20),
    "tabm": Planted(bend, {"units": [32], "members": 4, "dropout": 0.1}, 20),
    "cnn": Planted(
        neighbours, {"filters": [32], "stride": 1, "units": [16], "dropout": 0.1}, 25
    ),
    "classifier": Planted(sum_of_features, {"units": [16], "dropout": 0.1}),
    "autoencoder": Planted(factors, {"units": [16], "bottleneck": 4}),
    "autoencoding_classifier": Planted(factors, {"units": [16], "bottleneck": 4}, 20),
}


def loss_of(learns: str) -> Any:
    """Return the loss that a raw head learns by."""
    ops = load_keras().ops

    def classes(y: Any, probabilities: Any) -> Any:
        codes = ops.cast(ops.round(4 * y), "int32")
        return ops.sparse_categorical_crossentropy(codes, probabilities)

    def members(y: Any, values: Any) -> Any:
        return ops.mean(ops.square(ops.expand_dims(y, -1) - values), axis=-1)

    return {"values": "mse", "classes": classes, "members": members}[learns]


@dataclass(frozen=True)
class Fitted:
    """A network that was trained, and the part of it that predicts."""

    kind: KerasFamily
    model: Any
    predicting: Any
    x: np.ndarray
    y: np.ndarray
    losses: list[float]


@cache
def fitted(name: str) -> Fitted:
    kind, planted = family(name), PLANTED[name]
    assert isinstance(kind, KerasFamily)
    keras = load_keras()
    keras.utils.set_random_seed(1)
    parameters = kind.Parameters.model_validate(planted.parameters)
    model = kind.network(parameters, N_FEATURES)
    optimizer = keras.optimizers.Adam(0.02, global_clipnorm=1.0)
    model.compile(optimizer, loss_of(kind.learns), jit_compile=False)
    x, y = planted.table()
    n_train = N_ROWS * 3 // 4
    history = model.fit(
        x[:n_train],
        y[:n_train, None],
        batch_size=250,
        epochs=planted.epochs,
        verbose=0,
    )
    predicting = kind.predicting(model, parameters)
    losses = history.history["loss"]
    return Fitted(kind, model, predicting, x[n_train:], y[n_train:], losses)


@pytest.mark.slow
@pytest.mark.parametrize("name", OURS)
def test_it_learns_a_planted_signal(name: str) -> None:
    found = fitted(name)
    values = found.predicting.predict_on_batch(found.x)
    # 0.7 at best, since half of the target's variance is noise.
    assert np.corrcoef(values[:, 0], found.y)[0, 1] > 0.4
    assert found.losses[-1] < found.losses[0]


@pytest.mark.parametrize("name", OURS)
def test_all_predictions_start_at_one_half(name: str) -> None:
    kind = family(name)
    assert isinstance(kind, KerasFamily)
    table = kind.Parameters(also_targets=("target_b", "target_c"))
    model = kind.network(table, N_FEATURES)
    shapes = {"values": (3,), "classes": (3, 5)}
    members = getattr(table, "members", 0)
    assert model.output_shape[1:] == shapes.get(kind.learns, (3, members))
    x = independent()[:4]
    np.testing.assert_allclose(
        kind.predicting(model, table).predict_on_batch(x), np.full((4, 3), 0.5)
    )


@pytest.mark.slow
def test_what_predicts_shares_the_layers_and_has_no_decoder() -> None:
    found = fitted("autoencoder")
    names = [layer.name for layer in found.predicting.layers]
    assert "bottleneck" in names
    assert not any("decode" in name or "reconstruct" in name for name in names)
    assert found.predicting.get_layer("target") is found.model.get_layer("target")


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_is_saved_and_ends_in_float32(
    name: str, precision: str, tmp_path: Path
) -> None:
    kind = family(name)
    assert isinstance(kind, KerasFamily)
    keras = load_keras()
    before = keras.config.dtype_policy()
    table = kind.Parameters(precision=precision)
    path = tmp_path / "untrained.keras"
    kind.write_untrained(table, n_features=N_FEATURES, seed=1, path=path)
    assert keras.config.dtype_policy() == before
    model = load_network(path)
    assert model.get_layer("center").compute_dtype == precision.removeprefix("mixed_")
    assert model.get_layer("target").compute_dtype == "float32"
    assert {weight.dtype for weight in model.trainable_weights} == {"float32"}
    values = kind.predicting(model, table).predict_on_batch(independent()[:2])
    np.testing.assert_allclose(values, 0.5, atol=1e-6)


def test_a_network_made_by_hand_predicts_by_its_output() -> None:
    keras = load_keras()
    by_hand = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    mlp = family("mlp")
    assert isinstance(mlp, KerasFamily)
    x = np.ones((2, 3), np.float32)
    found = mlp.predicting(by_hand, mlp.Parameters()).predict_on_batch(x)
    np.testing.assert_array_equal(found, by_hand.predict_on_batch(x))


def save_constant(path: Path, *values: float) -> None:
    keras = load_keras()
    inputs = keras.Input((2,))
    outputs = keras.layers.Dense(
        len(values),
        kernel_initializer="zeros",
        bias_initializer=keras.initializers.Constant(values[0]),
    )(inputs)
    save_network(keras.Model(inputs, outputs), path)


def test_networks_of_several_windows_predict_beside_each_other(tmp_path: Path) -> None:
    for number, value in ((2, 0.2), (1, 0.1), (3, 0.3)):
        save_constant(tmp_path / f"window-00{number}/best.keras", value)
    x = np.zeros((5, 2), np.float32)
    found = family("mlp").load(tmp_path / "best.keras").predict(x)
    np.testing.assert_allclose(found, np.tile([0.1, 0.2, 0.3], (5, 1)), rtol=1e-6)


def test_each_window_of_several_targets_has_its_columns(tmp_path: Path) -> None:
    save_constant(tmp_path / "window-001/best.keras", 0.1, 0.1)
    save_constant(tmp_path / "window-002/best.keras", 0.2, 0.2)
    x = np.zeros((3, 2), np.float32)
    found = family("mlp").load(tmp_path / "best.keras").predict(x)
    np.testing.assert_allclose(found[0], [0.1, 0.1, 0.2, 0.2], rtol=1e-6)
    alone = family("mlp").load(tmp_path / "window-001/best.keras").predict(x)
    assert alone.shape == (3, 2)


def test_a_folder_without_networks_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"best\.keras does not exist. Train"):
        family("mlp").load(tmp_path / "best.keras")


def test_a_network_past_the_memory_is_told(tmp_path):
    def build(*_):
        import tensorflow as tf

        # TensorFlow itself tries for ten seconds before it raises this.
        raise tf.errors.ResourceExhaustedError(None, None, "OOM")

    kind = replace(family("mlp"), build=build)
    with pytest.raises(
        ConfigError, match=r"'mlp' with these \[parameters\] does not fit"
    ):
        kind.write_untrained(
            kind.Parameters(), n_features=60, seed=1, path=tmp_path / "x"
        )
    assert not list(tmp_path.iterdir())
