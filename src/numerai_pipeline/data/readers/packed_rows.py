"""A split, packed, and its shuffled batches."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, NotRequired, TypedDict, TypeVar, Unpack

import numpy as np
import numpy.typing as npt

from numerai_pipeline.data.readers.memory import Recycled
from numerai_pipeline.data.readers.transforms import compiled_decoder, decode_rows

# Batches of numpy are made ahead by so many threads, outside of Python's lock: two
# made 830,000 rows/s of 2,748 features on two cores, one 660,000.
_THREADS = 2

# Of 4,096 rows a batch takes 45 MB; the second one hides a late thread.
_BATCHES_AHEAD = 2

Features = npt.NDArray[np.float32 | np.int8]
Places = npt.NDArray[np.int64]
Batch = tuple[Features, npt.NDArray[np.float32]]
Item = TypeVar("Item")
Made = TypeVar("Made")


class Cutting(TypedDict):
    """How rows are cut into batches; see ``PackedRows.cuts``."""

    batch_rows: int
    shuffle_seed: NotRequired[int | None]
    epoch: NotRequired[int]
    start_batch: NotRequired[int]
    by_era: NotRequired[bool]


@dataclass(frozen=True)
class PackedRows:
    """Rows with their targets, in the order of the shards.

    TensorFlow shares ``x`` and ``y``, so they begin at a multiple of 64 bytes.

    Attributes:
        x: ``(rows, P)`` uint8, three features per byte.
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

    def cuts(
        self,
        *,
        batch_rows: int,
        shuffle_seed: int | None = None,
        epoch: int = 0,
        start_batch: int = 0,
        by_era: bool = False,
    ) -> list[Places]:
        """Return which rows each batch of an epoch holds.

        Args:
            batch_rows: rows per batch; the last batch has the rest.
            shuffle_seed: see ``order``.
            epoch: see ``order``.
            start_batch: number of the first batch wanted, from 0, to go on where an
                epoch was left; those before it cost nothing.
            by_era: each batch holds rows of one era, and each era gives as many
                batches as the largest one needs, of equal size; an era with fewer
                rows than that gives some of them again. Shuffled are the rows of
                each era and then the batches.

        Returns:
            ``(rows,)`` int64 each.
        """
        if by_era:
            cuts = self._cuts_by_era(batch_rows, shuffle_seed, epoch)
        else:
            order = self.order(shuffle_seed, epoch)
            starts = range(0, len(order), batch_rows)
            cuts = [order[start : start + batch_rows] for start in starts]
        return cuts[start_batch:]

    def _cuts_by_era(
        self, batch_rows: int, shuffle_seed: int | None, epoch: int
    ) -> list[Places]:
        sizes = np.unique(self.eras, return_counts=True)[1]
        if not len(sizes):
            return []
        of_eras = np.split(np.argsort(self.eras, kind="stable"), np.cumsum(sizes)[:-1])
        n_cuts = -(-int(sizes.max()) // batch_rows)
        is_shuffled = shuffle_seed is not None
        random = np.random.default_rng([shuffle_seed or 0, epoch])
        cuts: list[Places] = []
        for of_era in of_eras:
            rows = random.permutation(of_era) if is_shuffled else of_era
            rows = np.resize(rows, max(len(rows), n_cuts))
            cuts += np.array_split(rows, n_cuts)
        if is_shuffled:
            cuts = [cuts[place] for place in random.permutation(len(cuts))]
        return cuts

    def batches(
        self,
        *,
        missing: float,
        dtype: Literal["float32", "int8"] = "float32",
        **cutting: Unpack[Cutting],
    ) -> Iterator[Batch]:
        """Give one epoch, batch by batch, as arrays that are the caller's own.

        Two threads make batches ahead; their order is always the same.

        Args:
            missing: value of a missing feature; for int8 a whole number.
            dtype: of the features.
            **cutting: see ``cuts``.

        Yields:
            ``x (batch, F)`` of that dtype and ``y (batch,)`` or ``(batch, T)`` float32.
        """
        cuts = self.cuts(**cutting)
        recycled = Recycled()

        def places() -> Iterator[tuple[Places, Features]]:
            for rows in cuts:
                shape = len(rows), self.n_features
                is_float = dtype == "float32"
                x = recycled.empty(shape) if is_float else np.empty(shape, np.int8)
                yield rows, x

        def batch(place: tuple[Places, Features]) -> Batch:
            rows, x = place
            decode_rows(self.x.take(rows, axis=0), self.n_features, missing, out=x)
            return x, self.y.take(rows, axis=0)

        yield from _made_ahead(batch, places())

    def dataset(
        self,
        *,
        missing: float,
        packed: bool = False,
        weights: npt.NDArray[np.float32] | None = None,
        n_devices: int = 1,
        **cutting: Unpack[Cutting],
    ) -> Any:
        """Return one epoch as a ``tf.data.Dataset``, of the same batches.

        Rows are gathered, unpacked and decoded by TensorFlow's own threads, ahead of
        the model. The packed rows are shared with TensorFlow, not copied.

        Args:
            missing: value of a missing feature; without effect on packed rows.
            packed: leave three features in a byte, for a model that begins with
                ``UnpackFeatures``: a twelfth of the bytes travels to a GPU.
            weights: ``(rows,)`` of the rows; a third part of each batch is then the
                share of each row in the mean over its batch.
            n_devices: cut each batch into so many elements, one per device, whose
                thirds are shares in the mean over the whole batch. A device for which
                no row is left gets one that counts nothing.
            **cutting: see ``cuts``.

        Returns:
            Dataset of ``x (batch, F)`` float32, or ``(batch, P)`` uint8 if packed,
            ``y`` as in ``batches``, and with weights the shares ``(batch,)`` float32.
        """
        import tensorflow as tf

        x, y = (
            tf.experimental.dlpack.from_dlpack(array.__dlpack__())
            for array in (self.x, self.y)
        )
        of_rows = None if weights is None else tf.constant(weights)
        decode = None if packed else compiled_decoder(self.n_features, missing)
        cuts = self.cuts(**cutting)

        def batch(rows: Any, n_rows: Any, row_share: Any) -> Any:
            found = tf.gather(x, rows)
            found = found if decode is None else decode(found)
            wanted = rows[:n_rows]
            parts = (found[:n_rows], tf.gather(y, wanted))
            if of_rows is None:
                return parts
            return *parts, tf.gather(of_rows, wanted) * row_share

        with tf.device("CPU:0"):
            return (
                tf.data.Dataset.from_tensor_slices(_filled_up(cuts, n_devices))
                .map(batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
                .prefetch(_BATCHES_AHEAD * n_devices)
            )


def _filled_up(
    cuts: Sequence[Places], n_devices: int
) -> tuple[Places, Places, npt.NDArray[np.float32]]:
    """Make batches, or a device's parts of them, of one length each.

    The decoder is compiled once for one length.

    Returns:
        ``(parts, longest)`` row numbers, filled up with row 0, ``(parts,)`` how many
        of each part are wanted, and ``(parts,)`` float32 the share of one row in its
        batch.
    """
    parts = [part for rows in cuts for part in np.array_split(rows, n_devices)]
    filled = np.zeros((len(parts), max(map(len, parts), default=1)), np.int64)
    for place, part in zip(filled, parts, strict=True):
        place[: len(part)] = part
    wanted = np.array([len(part) for part in parts], np.int64)
    of_batch = np.repeat([len(rows) for rows in cuts], n_devices)
    row_share = np.where(wanted > 0, 1 / np.maximum(of_batch, 1), 0)
    return filled, np.maximum(wanted, 1), row_share.astype(np.float32)


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
