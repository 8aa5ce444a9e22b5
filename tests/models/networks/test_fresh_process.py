"""What was saved is loaded in a process that knows nothing of it.

One process for all of them, since it takes seconds to import TensorFlow.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from child import run_python

from numerai_pipeline.models import (
    KerasFamily,
    UnpackFeatures,
    families,
    load_keras,
    save_network,
)
from numerai_pipeline.models.networks.transform import parse_transform

pytestmark = pytest.mark.slow

N_FEATURES = 16
OURS = [kind for kind in families() if isinstance(kind, KerasFamily)]
SMALL: dict[str, dict[str, Any]] = {
    "resnet": {"width": 8},
    "cnn": {"filters": [4], "units": [8]},
    "autoencoder": {"units": [8], "bottleneck": 4},
    "autoencoding_classifier": {"units": [8], "bottleneck": 4},
}

ORIGINALS = {
    "NaN,2.0,_|Pad,2376,2420,0|YX,44,55": (2_376, (44, 55)),
    "NaN,2.0,_|YX,44,54": (2_376, (44, 54)),
    "NaN,2.0,-1|XY,22,108": (2_376, (22, 108)),
    "NaN,0.5,-1|Sparse,5,_": (2_376, (2_376,)),
    "NaN,0.5,0.5|C6,10,20": (1_050, (10, 20, 6)),
    "NaN,2.0,_|Slice,0,2000|Even,0,1000|ZYX,10,10,10": (2_376, (10, 10, 10)),
    "NaN,2.0,_|YXZ,22,27,4": (2_376, (22, 27, 4)),
    "NaN,2.0,_|ZP,8:480,0:35:325:615:905:1195:1485:1775:2132": (2_376, (8, 480)),
}

ELSEWHERE = """
import sys
from pathlib import Path
import numpy as np
import keras

folder = Path(sys.argv[1])
for path in sorted((folder / "transforms").glob("*.keras")):
    x, y = (np.load(path.with_name(f"{path.stem}_{end}.npy")) for end in "xy")
    assert (keras.saving.load_model(path).predict_on_batch(x) == y).all(), path
    print(path.stem)
print("numerai_pipeline" in sys.modules)

from numerai_pipeline.models import UnpackFeatures, family, load_network

for path in sorted(folder.glob("families/*/best.keras")):
    found = family(path.parent.name).load(path).predict(np.load(folder / "x.npy"))
    np.save(path.with_name("found.npy"), found)
model = load_network(folder / "packed.keras")
np.save(folder / "found.npy", model.predict_on_batch(np.load(folder / "packed.npy")))
layer = next(layer for layer in model.layers if isinstance(layer, UnpackFeatures))
print(layer.n_features, layer.missing, model.input_shape)
"""


@pytest.fixture(scope="module")
def transforms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Models of the original's transforms, with what each makes of a batch."""
    keras = load_keras()
    folder = tmp_path_factory.mktemp("transforms")
    random = np.random.default_rng(1)
    texts = [*ORIGINALS, "Mask|Slice,1000,3000|Even,1,900|Pad,900,930,-1|YX,31,30"]
    for number, text in enumerate(texts):
        n_features = ORIGINALS.get(text, (2_376, ()))[0]
        inputs = keras.Input((n_features,))
        model = keras.Model(inputs, parse_transform(text).apply(inputs) + 0.0)
        x = random.integers(0, 5, (3, n_features)).astype(np.float32)
        x[random.random(x.shape) < 0.1] = np.nan
        model.save(folder / f"{number}.keras")
        np.save(folder / f"{number}_x.npy", x)
        np.save(folder / f"{number}_y.npy", model.predict_on_batch(x))
    return folder


@pytest.mark.parametrize("text", ORIGINALS)
def test_the_originals_transforms_run(text: str, transforms: Path) -> None:
    n_features, shape = ORIGINALS[text]
    number = list(ORIGINALS).index(text)
    x, y = (np.load(transforms / f"{number}_{end}.npy") for end in "xy")
    assert parse_transform(text).shape(n_features) == shape
    assert y.shape == (3, *shape)
    np.testing.assert_array_equal(np.asarray(parse_transform(text).apply(x)), y)
    assert np.isfinite(y).all()


def with_random_weights(network: Any) -> Any:
    """Return a network that no longer predicts the same for all rows."""
    random = np.random.default_rng(1)
    # The variances of a normalization are weights too, and positive.
    weights = [np.abs(random.normal(0, 0.3, w.shape)) for w in network.get_weights()]
    network.set_weights(weights)
    return network


def save_all(folder: Path) -> dict[str, np.ndarray]:
    """Save a network of each family and one that unpacks; gives their predictions."""
    keras = load_keras()
    random = np.random.default_rng(2)
    x = random.integers(0, 5, (50, N_FEATURES)).astype(np.float32)
    np.save(folder / "x.npy", x)
    expected = {}
    for kind in OURS:
        table = kind.Parameters.model_validate(SMALL.get(kind.name, {"units": [8]}))
        predicting = kind.predicting(kind.network(table, N_FEATURES), table)
        with_random_weights(predicting)
        save_network(predicting, folder / "families" / kind.name / "best.keras")
        expected[kind.name] = predicting.predict_on_batch(x)[:, 0]
    codes = random.integers(0, 216, (50, 3), np.uint8)
    np.save(folder / "packed.npy", codes)
    inputs = keras.Input((3,), dtype="uint8")
    values = keras.layers.Dense(1)(UnpackFeatures(8, 2.0)(inputs))
    model = with_random_weights(keras.Model(inputs, values))
    save_network(model, folder / "packed.keras")
    return {**expected, "packed": model.predict_on_batch(codes)}


@pytest.fixture(scope="module")
def loaded(
    tmp_path_factory: pytest.TempPathFactory, transforms: Path
) -> tuple[Path, dict[str, np.ndarray], list[str]]:
    """The folder, what is expected, and what the process printed."""
    folder = tmp_path_factory.mktemp("saved")
    (folder / "transforms").symlink_to(transforms)
    expected = save_all(folder)
    return folder, expected, run_python(ELSEWHERE, folder).stdout.splitlines()


@pytest.mark.parametrize("name", [kind.name for kind in OURS])
def test_a_saved_network_predicts_the_same(name: str, loaded: Any) -> None:
    folder, expected, _ = loaded
    found = np.load(folder / "families" / name / "found.npy")
    assert found.shape == expected[name].shape
    assert np.ptp(found) > 0.01
    np.testing.assert_allclose(found, expected[name], atol=1e-6)


def test_keras_alone_loads_every_step(loaded: Any) -> None:
    printed = loaded[2]
    assert printed[:-1] == [*map(str, range(len(ORIGINALS) + 1)), "False"]


def test_a_saved_model_that_unpacks_is_loaded(loaded: Any) -> None:
    folder, expected, printed = loaded
    assert printed[-1] == "8 2.0 (None, 3)"
    assert np.ptp(expected["packed"]) > 0
    np.testing.assert_array_equal(np.load(folder / "found.npy"), expected["packed"])
