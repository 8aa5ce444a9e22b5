"""A split in memory, packed, and its shuffled batches."""

from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from numerai_pipeline.data.readers.transforms import decode_packed

# TensorFlow aborts the process over a shared array that does not begin at a
# multiple of this; numpy promises 16.
_ALIGNMENT = 64

Scalar = TypeVar("Scalar", bound=np.generic)


def aligned_empty(shape: tuple[int, ...], dtype: type[Scalar]) -> npt.NDArray[Scalar]:
    """Return an array that TensorFlow can share; its values are not set.

    >>> aligned_empty((3, 5), np.uint8).ctypes.data % 64
    0
    """
    n_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
    buffer = np.empty(n_bytes + _ALIGNMENT, np.uint8)
    start = -buffer.ctypes.data % _ALIGNMENT
    return buffer[start : start + n_bytes].view(dtype).reshape(shape)


@dataclass(frozen=True)
class PackedRows:
    """Rows with one target, in the order of the shards.

    Attributes:
        x: ``(rows, P)`` uint8, three features a byte, from ``aligned_empty``.
        y: ``(rows,)`` float32, never NaN, from ``aligned_empty``.
        n_features: F, how many features are packed.
    """

    x: npt.NDArray[np.uint8]
    y: npt.NDArray[np.float32]
    n_features: int

    def order(self, shuffle_seed: int | None, epoch: int) -> npt.NDArray[np.int64]:
        """Return the order of the rows in an epoch.

        Args:
            shuffle_seed: every row is equally likely at every place; None: as stored.
            epoch: number of the epoch, from 0; each has an order of its own, which
                depends on nothing else, so that training can go on at any epoch.

        Returns:
            ``(rows,)`` int64.
        """
        if shuffle_seed is None:
            return np.arange(len(self.y))
        return np.random.default_rng([shuffle_seed, epoch]).permutation(len(self.y))

    def dataset(
        self,
        *,
        batch_rows: int,
        missing: float,
        shuffle_seed: int | None = None,
        epoch: int = 0,
    ) -> Any:
        """Return one epoch as a ``tf.data.Dataset``.

        Rows are gathered, unpacked and decoded by TensorFlow's own threads, ahead of
        the model. The packed rows are shared with TensorFlow, not copied.

        Args:
            batch_rows: rows a batch; the last batch has what is left.
            missing: value of a missing feature.
            shuffle_seed: see ``order``.
            epoch: see ``order``.

        Returns:
            Dataset of ``x (batch, F)`` float32 and ``y (batch,)`` float32.
        """
        import tensorflow as tf

        x, y = (
            tf.experimental.dlpack.from_dlpack(array.__dlpack__())
            for array in (self.x, self.y)
        )

        def batch(rows: Any) -> Any:
            packed = tf.gather(x, rows)
            decoded = decode_packed(packed, self.n_features, missing)
            return decoded, tf.gather(y, rows)

        with tf.device("CPU:0"):
            return (
                tf.data.Dataset.from_tensor_slices(self.order(shuffle_seed, epoch))
                .batch(batch_rows)
                .map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
                .prefetch(tf.data.AUTOTUNE)
            )
