"""The one transform between codes and what a model sees.

Training and prediction both go through here: in numpy, or as TensorFlow graph
operations that unpack as well. A test holds the two equal, bit for bit.
"""

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import columns
from numerai_pipeline.data.shards.packing import N_CODES, packed_width, unpack

# Numerai's releases write this bin for a missing value.
_MIDDLE_BIN = 2

# Codes of so many rows, 350 KB at full width, stay in a core's own cache until they
# are decoded: 128 rows at once made 490,000 rows/s where a whole batch made 160,000.
_STRIP_ROWS = 128


def fill_missing(codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return feature codes in which a missing one counts as the middle bin.

    Whole numbers, as exposure and neutralization multiply them.

    >>> fill_missing(np.array([0, 4, 5], np.uint8))
    array([0, 4, 2], dtype=uint8)
    """
    return np.where(codes == columns.MISSING_CODE, np.uint8(_MIDDLE_BIN), codes)


def decode_features(
    codes: npt.NDArray[np.uint8], missing: float
) -> npt.NDArray[np.float32]:
    """Return what a model sees of feature codes.

    Args:
        codes: uint8 in 0..5, any shape.
        missing: value of a missing feature, code 5.

    Returns:
        float32 of the same shape: 0..4 as they are, ``missing`` for code 5.

    >>> decode_features(np.array([0, 4, 5], np.uint8), missing=2.0)
    array([0., 4., 2.], dtype=float32)
    """
    features = np.empty(codes.shape, np.float32)
    _decode(codes, missing, features)
    return features


def decode_rows(
    packed: npt.NDArray[np.uint8],
    n_features: int,
    missing: float,
    out: npt.NDArray[np.float32 | np.int8] | None = None,
) -> npt.NDArray[np.float32 | np.int8]:
    """Unpack and decode in numpy.

    Args:
        packed: ``(rows, P)`` uint8, see ``packing``.
        n_features: F, how many features were packed.
        missing: value of a missing feature.
        out: ``(rows, F)`` float32, or int8 where ``missing`` fits into it, to write
            into; None: a new array of float32.

    Returns:
        ``(rows, F)``, equal to ``decode_features(unpack(...))``.
    """
    features = np.empty((len(packed), n_features), np.float32) if out is None else out
    for start in range(0, len(packed), _STRIP_ROWS):
        strip = slice(start, start + _STRIP_ROWS)
        _decode(unpack(packed[strip], n_features), missing, features[strip])
    return features


def _decode(
    codes: npt.NDArray[np.uint8],
    missing: float,
    out: npt.NDArray[np.float32 | np.int8],
) -> None:
    is_missing = np.asarray(codes == columns.MISSING_CODE)
    if float(missing).is_integer() and -128 <= missing < 128:
        # A whole number takes the place of the code as a byte, which is four times
        # less to go over than floats; bytes wrap around, so that 5 + (-6) is -1.
        wrapped = (int(missing) - columns.MISSING_CODE) % 256
        moved = is_missing.view(np.uint8) * np.uint8(wrapped)
        moved += codes
        out[...] = moved.view(np.int8)
    else:
        out[...] = codes
        np.copyto(out, np.float32(missing), where=is_missing)


def decode_packed(packed: Any, n_features: int, missing: float) -> Any:
    """Unpack and decode as TensorFlow operations, in a graph or eagerly.

    Args:
        packed: ``(rows, P)`` uint8 tensor, see ``packing``.
        n_features: F, how many features were packed.
        missing: value of a missing feature.

    Returns:
        ``(rows, F)`` float32 tensor, equal to ``decode_features(unpack(...))``.
    """
    import tensorflow as tf

    width = packed_width(n_features)
    value = tf.cast(packed, tf.float32)
    # Whole numbers up to 255 are exact in float32, and 0.001 lifts no quotient over
    # the next one. Float operations run 240,000 rows/s on 2 cores; TensorFlow's
    # integer division 110,000, look-ups 50,000.
    first_two = tf.floor(value * (1 / N_CODES) + 0.001)
    first = tf.floor(first_two * (1 / N_CODES) + 0.001)
    planes = [
        first,
        (first_two - first * N_CODES)[:, : n_features - width],
        (value - first_two * N_CODES)[:, : max(n_features - 2 * width, 0)],
    ]
    code = float(columns.MISSING_CODE)
    decoded = [tf.where(plane == code, np.float32(missing), plane) for plane in planes]
    return tf.ensure_shape(tf.concat(decoded, axis=1), (None, n_features))


def compiled_decoder(n_features: int, missing: float) -> Any:
    """Return ``decode_packed`` of such rows, compiled for the CPU.

    TensorFlow's operations go over memory a score of times, the compiled ones once:
    300,000 rows/s and core instead of 130,000, for a fifth of a second of compiling.
    One that was compiled is kept for the next epoch.
    """
    # As text, because NaN is not equal to itself and would not be found again.
    return _compiled(n_features, float(missing).hex())


@cache
def _compiled(n_features: int, missing: str) -> Any:
    import tensorflow as tf

    value = float.fromhex(missing)
    return tf.function(
        lambda packed: decode_packed(packed, n_features, value), jit_compile=True
    )
