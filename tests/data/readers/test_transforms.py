import numpy as np
import pytest

from numerai_pipeline.data import decode_features
from numerai_pipeline.data.readers.transforms import decode_packed
from numerai_pipeline.data.shards.packing import pack, unpack


def test_codes_are_values_and_five_is_missing() -> None:
    codes = np.array([[0, 1, 2], [3, 4, 5]], np.uint8)
    found = decode_features(codes, missing=-1.5)
    assert found.dtype == np.float32
    assert found.tolist() == [[0, 1, 2], [3, 4, -1.5]]
    assert np.isnan(decode_features(codes, missing=np.nan)[1, 2])


@pytest.mark.parametrize("n_features", [1, 2, 3, 4, 5, 6, 7, 50])
@pytest.mark.parametrize("missing", [2.0, -1.5])
def test_defect_9_training_and_prediction_share_one_transform(
    n_features: int, missing: float
) -> None:
    codes = np.random.default_rng(n_features).integers(0, 6, (97, n_features), np.uint8)
    found = decode_packed(pack(codes), n_features, missing).numpy()
    np.testing.assert_array_equal(found, decode_features(codes, missing))


def test_every_byte_unpacks_alike_in_numpy_and_in_tensorflow() -> None:
    packed = np.arange(216, dtype=np.uint8).reshape(1, -1)
    found = decode_packed(packed, 3 * 216, 2.0).numpy()
    expected = decode_features(unpack(packed, 3 * 216), 2.0)
    np.testing.assert_array_equal(found, expected)
