from pathlib import Path
from typing import Any

import numpy as np
import pytest
from child import run_python

from numerai_pipeline.data import PackedRows
from numerai_pipeline.models import (
    UnpackFeatures,
    family,
    load_keras,
    load_network,
)

N_FEATURES, WIDTH, N_ROWS, MISSING = 8, 3, 600, 2.0
HOW: dict[str, Any] = {"batch_rows": 128, "missing": MISSING, "shuffle_seed": 3}


@pytest.fixture
def rows() -> PackedRows:
    rng = np.random.default_rng(1)
    return PackedRows(
        x=_aligned(rng.integers(0, 216, (N_ROWS, WIDTH), np.uint8)),
        y=_aligned(rng.random(N_ROWS, np.float32)),
        eras=np.ones(N_ROWS, np.int16),
        n_features=N_FEATURES,
    )


def _aligned(values: np.ndarray) -> np.ndarray:
    buffer = np.empty(values.nbytes + 64, np.uint8)
    start = -buffer.ctypes.data % 64
    found = buffer[start : start + values.nbytes].view(values.dtype)
    found = found.reshape(values.shape)
    found[...] = values
    return found


@pytest.fixture
def network(tmp_path: Path) -> Path:
    mlp = family("mlp")
    path = tmp_path / "plain.keras"
    # Dropout would draw from a layer's own seed, which counts calls.
    table = mlp.Parameters(units=(16, 8), dropout=0.0)
    mlp.write_untrained(table, n_features=N_FEATURES, seed=1, path=path)
    return path


def with_unpacking(plain: Any) -> Any:
    keras = load_keras()
    packed = keras.Input((WIDTH,), dtype="uint8")
    return keras.Model(packed, plain(UnpackFeatures(N_FEATURES, MISSING)(packed)))


def trained_losses(model: Any, rows: PackedRows, *, packed: bool) -> list[float]:
    # Not compiled with XLA, which would fuse the two differently.
    model.compile(optimizer="adam", loss="mse", jit_compile=False)
    losses = []
    for epoch in range(2):
        dataset = rows.dataset(**HOW, epoch=epoch, packed=packed)
        fitted = model.fit(dataset, shuffle=False, verbose=0)
        losses += fitted.history["loss"]
    return losses


@pytest.mark.slow
def test_packed_bytes_give_the_same_training_and_predictions(
    rows: PackedRows, network: Path
) -> None:
    plain, inner = load_network(network), load_network(network)
    packed = with_unpacking(inner)
    losses = trained_losses(plain, rows, packed=False)
    assert losses[1] < losses[0]
    assert trained_losses(packed, rows, packed=True) == losses
    found = packed.predict(rows.dataset(**HOW, packed=True), verbose=0)
    expected = plain.predict(rows.dataset(**HOW), verbose=0)
    np.testing.assert_array_equal(found, expected)
    # The network inside has learned, and reads floats as before.
    expected = inner.predict(rows.dataset(**HOW), verbose=0)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("missing", [MISSING, -0.5, np.nan])
def test_a_missing_feature_becomes_the_value(missing: float) -> None:
    # Columns 0, 2 and 4 are 5, 0 and 3; columns 1 and 3 are 1 and 5.
    packed = np.array([[5 * 36 + 3, 36 + 5 * 6]], np.uint8)
    found = np.asarray(UnpackFeatures(5, missing)(packed))
    np.testing.assert_array_equal(found, [[missing, 1, 0, missing, 3]])


def test_the_layer_follows_the_precision_of_keras() -> None:
    packed = np.zeros((1, 1), np.uint8)
    layer = UnpackFeatures(2, MISSING, dtype="mixed_float16")
    assert np.asarray(layer(packed)).dtype == np.float16


def test_the_door_does_not_import_keras() -> None:
    look = "import sys, numerai_pipeline.models; print('keras' in sys.modules)"
    assert run_python(look).stdout == "False\n"


def test_the_door_knows_no_other_name() -> None:
    with pytest.raises(ImportError, match="UnpackFeature'"):
        from numerai_pipeline.models import UnpackFeature  # type: ignore  # noqa: F401
