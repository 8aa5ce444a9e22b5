import numpy as np
import pytest

from numerai_pipeline.core import DataError
from numerai_pipeline.models import (
    Recipe,
    check_recipe,
    family,
    load_keras,
    load_network,
)


@pytest.fixture
def untrained(tmp_path):
    """A function that writes an untrained network and returns its path."""

    def write(seed=1, name="untrained.keras", **parameters):
        mlp = family("mlp")
        table = mlp.Parameters(units=(8, 4), **parameters)
        path = tmp_path / name
        mlp.write_untrained(table, n_features=6, seed=seed, path=path)
        return path

    return write


CODES = np.random.default_rng(1).integers(0, 5, (50, 6)).astype(np.float32)


def test_an_untrained_network_predicts_around_one_half(untrained):
    predictions = family("mlp").load(untrained()).predict(CODES)
    assert predictions.shape == (50,)
    assert predictions.dtype == np.float32
    assert np.abs(predictions - 0.5).mean() < 1.0


def test_the_first_layer_centers_codes(untrained):
    model = load_network(untrained())
    centered = model.get_layer("center")(np.array([[0, 1, 2, 3, 4, 2]], np.float32))
    assert np.asarray(centered).tolist() == [[-1, -0.5, 0, 0.5, 1, 0]]


def test_the_seed_decides_the_first_weights(untrained):
    def first_weights(seed, name):
        return load_network(untrained(seed, name)).get_weights()[0]

    assert np.array_equal(first_weights(1, "a.keras"), first_weights(1, "b.keras"))
    assert not np.array_equal(first_weights(1, "a.keras"), first_weights(2, "c.keras"))


@pytest.mark.parametrize("normalization", ["batch", "layer", "none"])
def test_parameters_shape_the_network(untrained, normalization):
    model = load_network(
        untrained(normalization=normalization, activation="relu", dropout=0.0)
    )
    kinds = [type(layer).__name__ for layer in model.layers]
    assert kinds.count("Dense") == 3
    assert kinds.count("BatchNormalization") == 2 * (normalization == "batch")
    assert kinds.count("LayerNormalization") == 2 * (normalization == "layer")
    assert model.get_layer("dense_1").units == 8


def test_predictions_do_not_depend_on_the_rows_beside_them(untrained):
    predictor = family("mlp").load(untrained())
    alone = np.concatenate([predictor.predict(row[None]) for row in CODES[:5]])
    np.testing.assert_allclose(alone, predictor.predict(CODES)[:5], atol=1e-6)


def test_keras_reads_an_untrained_file_without_us(untrained):
    model = load_keras().saving.load_model(untrained())
    assert model.input_shape == (None, 6)


def test_a_network_made_by_hand_has_no_origin(untrained, tmp_path):
    load_network(untrained()).save(tmp_path / "mine.keras")
    assert family("mlp").spec_of(tmp_path / "mine.keras") is None
    assert family("mlp").spec_of(untrained())["n_features"] == 6
    checked = check_recipe(Recipe(family="mlp"))
    assert checked.write_untrained(
        tmp_path / "mine.keras", n_features=6, into=tmp_path / "a.keras"
    )


def broken_files():
    yield "empty", lambda _: b""
    yield "cut by a byte", lambda whole: whole[:-1]
    yield "cut in half", lambda whole: whole[: len(whole) // 2]
    yield "not Keras at all", lambda _: b"<html>maintenance</html>"
    yield "a bit flipped", lambda whole: _flip(whole, len(whole) // 2)


def _flip(whole, at):
    return whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]


@pytest.mark.parametrize(
    "breaking", [pytest.param(f, id=name) for name, f in broken_files()]
)
def test_a_broken_file_is_named(untrained, breaking):
    path = untrained()
    path.write_bytes(breaking(path.read_bytes()))
    with pytest.raises(DataError, match=r"untrained\.keras is .*Train the model"):
        family("mlp").load(path)
    # Before it is copied into a run, where the same would fail again.
    with pytest.raises(DataError, match=r"untrained\.keras is .*Delete it; the next"):
        family("mlp").spec_of(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"best\.keras does not exist"):
        family("mlp").load(tmp_path / "best.keras")
