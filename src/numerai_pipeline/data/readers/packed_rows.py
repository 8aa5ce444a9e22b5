"""A split, packed, and its shuffled batches."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, NotRequired, TypedDict, TypeVar

import numpy as np
import numpy.typing as npt

from numerai_pipeline.data.readers.memory import Recycled
from numerai_pipeline.data.readers.transforms import compiled_decoder, decode_rows

# Batches of numpy are made ahead by so many threads, outside of Python's lock: two
# made 830,000 rows/s of 2,748 features on two cores, one 660,000.
_THREADS = 2

# Of 4,096 rows a batch takes 45 MB; the second one hides a late thread.
_BATCHES_AHEAD = 2

Features = npt.NDArray[np.float32]
Batch = tuple[Features, npt.NDArray[np.float32]]
Item = TypeVar("Item")
Made = TypeVar("Made")


class Batching(TypedDict):
    """How rows are cut into batches; see ``PackedRows.batches``."""

    batch_rows: int
    missing: float
    shuffle_seed: NotRequired[int | None]
    epoch: NotRequired[int]
    start_batch: NotRequired[int]


@dataclass(frozen=True)
class PackedRows:
    """Rows with their targets, in the order of the shards.

    TensorFlow shares ``x`` and ``y``, so they begin at a multiple of 64 bytes.

    Attributes:
        x: ``(rows, P)`` uint8, three features a byte.
        y: ``(rows,)`` float32 for one target, ``(rows, T)`` for several; never NaN.
        eras: ``(rows,)`` int16.
        n_features: F, how many features are packed.
    """

    x: npt.NDArray[np.uint8]
    y: npt.NDArray[np.float32]
    eras: npt.NDArray[np.int16]
    n_features: int

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.y)

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
            return np.arange(len(self))
        return np.random.default_rng([shuffle_seed, epoch]).permutation(len(self))

    def batches(
        self,
        *,
        batch_rows: int,
        missing: float,
        shuffle_seed: int | None = None,
        epoch: int = 0,
        start_batch: int = 0,
    ) -> Iterator[Batch]:
        """Give one epoch, batch by batch, as arrays that are the caller's own.

        Two threads make batches ahead; their order is always the same.

        Args:
            batch_rows: rows a batch; the last batch has what is left.
            missing: value of a missing feature.
            shuffle_seed: see ``order``.
            epoch: see ``order``.
            start_batch: number of the first batch wanted, from 0, to go on where an
                epoch was left; those before it cost nothing.

        Yields:
            ``x (batch, F)`` float32 and ``y (batch,)`` or ``(batch, T)`` float32.
        """
        rest = self.order(shuffle_seed, epoch)[start_batch * batch_rows :]
        recycled = Recycled()

        def places() -> Iterator[tuple[npt.NDArray[np.int64], Features]]:
            for start in range(0, len(rest), batch_rows):
                rows = rest[start : start + batch_rows]
                yield rows, recycled.empty((len(rows), self.n_features))

        def batch(place: tuple[npt.NDArray[np.int64], Features]) -> Batch:
            rows, x = place
            decode_rows(self.x.take(rows, axis=0), self.n_features, missing, out=x)
            return x, self.y.take(rows, axis=0)

        yield from _made_ahead(batch, places())

    def dataset(
        self,
        *,
        batch_rows: int,
        missing: float,
        shuffle_seed: int | None = None,
        epoch: int = 0,
        start_batch: int = 0,
        packed: bool = False,
    ) -> Any:
        """Return one epoch as a ``tf.data.Dataset``, of the same batches.

        Rows are gathered, unpacked and decoded by TensorFlow's own threads, ahead of
        the model. The packed rows are shared with TensorFlow, not copied.

        Args:
            batch_rows: see ``batches``.
            missing: see ``batches``; without effect on packed rows.
            shuffle_seed: see ``order``.
            epoch: see ``order``.
            start_batch: see ``batches``.
            packed: leave three features in a byte, for a model that begins with
                ``UnpackFeatures``: a twelfth of the bytes travels to a GPU.

        Returns:
            Dataset of ``x (batch, F)`` float32, or ``(batch, P)`` uint8 if packed, and
            ``y`` as in ``batches``.
        """
        import tensorflow as tf

        x, y = (
            tf.experimental.dlpack.from_dlpack(array.__dlpack__())
            for array in (self.x, self.y)
        )
        decode = None if packed else compiled_decoder(self.n_features, missing)
        rest = self.order(shuffle_seed, epoch)[start_batch * batch_rows :]

        def batch(rows: Any, n_rows: Any) -> Any:
            found = tf.gather(x, rows)
            found = found if decode is None else decode(found)
            return found[:n_rows], tf.gather(y, rows[:n_rows])

        with tf.device("CPU:0"):
            return (
                tf.data.Dataset.from_tensor_slices(_filled_up(rest, batch_rows))
                .map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
                .prefetch(_BATCHES_AHEAD)
            )


def _filled_up(
    rows: npt.NDArray[np.int64], batch_rows: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Cut rows into batches of one length, for which the decoder is compiled once.

    Returns:
        ``(batches, batch_rows)`` row numbers, the last batch filled up with row 0, and
        ``(batches,)`` how many of each batch are wanted.
    """
    batch_rows = min(batch_rows, max(len(rows), 1))
    starts = np.arange(0, len(rows), batch_rows)
    filled = np.zeros(len(starts) * batch_rows, np.int64)
    filled[: len(rows)] = rows
    wanted = np.minimum(len(rows) - starts, batch_rows)
    return filled.reshape(-1, batch_rows), wanted


def _made_ahead(make: Callable[[Item], Made], items: Iterable[Item]) -> Iterator[Made]:
    """Make something of each item in threads; give it in the order of the items."""
    waiting: deque[Future[Made]] = deque()
    rest = iter(items)
    with ThreadPoolExecutor(_THREADS) as pool:
        waiting.extend(pool.submit(make, item) for item in islice(rest, _THREADS))
        while waiting:
            made = waiting.popleft().result()
            waiting.extend(pool.submit(make, item) for item in islice(rest, 1))
            yield made
