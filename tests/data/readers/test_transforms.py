import numpy as np
import pytest

from numerai_pipeline.data import decode_features, decode_packed
from numerai_pipeline.data.readers.transforms import compiled_decoder, decode_rows
from numerai_pipeline.data.shards.packing import pack, unpack


def test_codes_are_values_and_five_is_missing() -> None:
    codes = np.array([[0, 1, 2], [3, 4, 5]], np.uint8)
    found = decode_features(codes, missing=-1.5)
    assert found.dtype == np.float32
    assert found.tolist() == [[0, 1, 2], [3, 4, -1.5]]
    assert np.isnan(decode_features(codes, missing=np.nan)[1, 2])


@pytest.mark.parametrize("missing", [-129, -128, -1, 0, 0.1, 2, 5, 127, 128, 1e30])
def test_any_value_can_stand_for_a_missing_feature(missing: float) -> None:
    codes = np.array([[0, 1, 2, 3, 4, 5]], np.uint8)
    found = decode_features(codes, missing)
    np.testing.assert_array_equal(found, np.float32([[0, 1, 2, 3, 4, missing]]))
    assert codes.tolist() == [[0, 1, 2, 3, 4, 5]]


@pytest.mark.parametrize("n_features", [1, 2, 3, 4, 5, 6, 7, 50])
@pytest.mark.parametrize("missing", [2.0, -1.5, np.nan])
def test_defect_9_training_and_prediction_share_one_transform(
    n_features: int, missing: float
) -> None:
    rng = np.random.default_rng(n_features)
    # More rows than are decoded at once, and not a multiple.
    codes = rng.integers(0, 6, (297, n_features), np.uint8)
    packed, expected = pack(codes), decode_features(codes, missing)
    for found in (
        decode_rows(packed, n_features, missing),
        decode_packed(packed, n_features, missing).numpy(),
        compiled_decoder(n_features, missing)(packed).numpy(),
    ):
        assert found.dtype == np.float32
        np.testing.assert_array_equal(found, expected)


def test_a_compiled_decoder_is_compiled_once_for_nan_too() -> None:
    assert compiled_decoder(7, np.nan) is compiled_decoder(7, float("nan"))
    assert compiled_decoder(7, np.nan) is not compiled_decoder(7, 2.0)


def test_every_byte_unpacks_alike_in_numpy_and_in_tensorflow() -> None:
    packed = np.arange(216, dtype=np.uint8).reshape(1, -1)
    found = decode_packed(packed, 3 * 216, 2.0).numpy()
    expected = decode_features(unpack(packed, 3 * 216), 2.0)
    np.testing.assert_array_equal(found, expected)
