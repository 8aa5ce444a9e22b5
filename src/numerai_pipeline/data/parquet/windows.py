"""Parquet -> packed planes, column by column, on all cores, in bounded memory.

A window's columns are decoded a slice at a time and packed as they come into planes:
byte j of all rows, then byte j + 1 of all rows. Nothing of the size of the decoded
features ever exists. A window whose planes are too large for memory, such as a row
group of a million rows, goes through a temporary file instead.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from numerai_pipeline.data.parquet import arrow_columns
from numerai_pipeline.data.parquet.limits import (
    DEFAULT,
    STRIP_ROWS,
    Limits,
    bytes_a_value,
    planes_a_slice,
)
from numerai_pipeline.data.parquet.planes import Planes, PlaneStore
from numerai_pipeline.data.parquet.source import ParquetSource, Window
from numerai_pipeline.data.shards import packing
from numerai_pipeline.data.shards.packing import FEATURES_PER_BYTE, Bytes, packed_width

TargetCoder = Callable[[int, npt.NDArray[np.float32]], npt.NDArray[Any]]


@dataclass(frozen=True)
class Strip:
    """Consecutive rows of a file, packed; valid until the next strip is taken.

    Attributes:
        start: number of the first row in the file.
        x: ``(rows, P)`` uint8, see ``packing``.
        y: ``(T, rows)``, each target as the caller's ``code_target`` returned it.
        ids: ``(rows,)`` S16.
    """

    start: int
    x: Bytes
    y: npt.NDArray[Any]
    ids: npt.NDArray[np.bytes_]


@dataclass(frozen=True)
class _Work:
    """A window that is being packed."""

    window: Window
    planes: Planes
    slices: list[Future[None]]
    targets: list[Future[npt.NDArray[Any]]]
    ids: Future[npt.NDArray[np.bytes_]]


def packed_strips(
    source: ParquetSource,
    features: Sequence[str],
    targets: Sequence[str],
    *,
    code_target: TargetCoder,
    scratch: Path,
    wanted: npt.NDArray[np.bool_] | None = None,
    limits: Limits = DEFAULT,
) -> Iterator[Strip]:
    """Decode and pack a file, strip by strip, in its order.

    While one window is consumed, the next one is being packed.

    Args:
        source: the file; its columns have been required.
        features: names of the features, in the order of the packing.
        targets: names of the targets.
        code_target: makes of a target's number and ``(rows,)`` float32 values what
            ``Strip.y`` holds.
        scratch: folder for temporary files.
        wanted: ``(n_rows,)``; row groups without a wanted row are skipped.
        limits: threads and memory.

    Raises:
        DataError: as ``ParquetSource``.
    """
    windows = source.windows(wanted)
    store = PlaneStore(
        [window.rows for window in windows],
        width=packed_width(len(features)),
        scratch=scratch,
        max_bytes=limits.plane_bytes,
    )
    packer = _Packer(source, features, limits.slice_bytes)
    hand_on = _HandOn(packed_width(len(features)))
    pool = ThreadPoolExecutor(limits.n_workers)

    def start(turn: int) -> _Work:
        window = windows[turn]
        planes = store.planes(turn, window.rows)
        return _Work(
            window,
            planes,
            slices=[
                pool.submit(packer.pack, window, planes, first, last)
                for first, last in packer.slices(window)
            ],
            targets=[
                pool.submit(_coded, source, window, number, name, code_target)
                for number, name in enumerate(targets)
            ],
            ids=pool.submit(source.ids, window),
        )

    try:
        works = [start(0)] if windows else []
        for turn in range(len(windows)):
            work = works.pop()
            if turn + 1 < len(windows):
                works.append(start(turn + 1))
            yield from hand_on.strips(work)
    finally:
        pool.shutdown(cancel_futures=True)
        hand_on.close()
        store.close()


class _Packer:
    """Packs slices of columns into planes."""

    def __init__(
        self, source: ParquetSource, features: Sequence[str], slice_bytes: int
    ) -> None:
        self._source, self._features = source, features
        self._slice_bytes = slice_bytes
        self._in_quarters = source.holds_quarters()
        self._width = packed_width(len(features))
        self._are_bytes = all(
            pa.types.is_int8(kind) or pa.types.is_uint8(kind)
            for kind in (source.schema.field(name).type for name in features)
        )
        self._bytes_a_value = bytes_a_value(source, features)

    def slices(self, window: Window) -> list[tuple[int, int]]:
        """Return ranges of planes that are decoded together."""
        step = planes_a_slice(window.rows, self._bytes_a_value, self._slice_bytes)
        return [
            (first, min(first + step, self._width))
            for first in range(0, self._width, step)
        ]

    def pack(self, window: Window, planes: Planes, first: int, last: int) -> None:
        """Decode the columns of some planes and pack them."""
        places = [
            self._features[place * self._width : (place + 1) * self._width][first:last]
            for place in range(FEATURES_PER_BYTE)
        ]
        names = [name for place in places for name in place]
        codes = self._codes(window, names)
        ends = np.cumsum([len(place) for place in places])
        planes.put(first, packing.pack_columns(np.split(codes, ends[:-1])))

    def _codes(self, window: Window, names: Sequence[str]) -> Bytes:
        """Return ``(len(names), rows)`` uint8."""
        decoded = self._source.read(window, names)
        columns = [decoded[name] for name in names]
        codes = arrow_columns.byte_codes(columns) if self._are_bytes else None
        if codes is not None:
            return codes
        codes = np.empty((len(names), window.rows), np.uint8)
        for row, (name, column) in enumerate(zip(names, columns, strict=True)):
            with self._source.naming(name, window):
                codes[row] = arrow_columns.feature_codes(
                    column, in_quarters=self._in_quarters
                )
        return codes


def _coded(
    source: ParquetSource, window: Window, number: int, name: str, code: TargetCoder
) -> npt.NDArray[Any]:
    return code(number, source.target(window, name))


class _HandOn:
    """Makes rows of planes, one strip ahead of the one that is being used.

    Not in the pool of the packing, whose queue holds all of the next window.
    """

    def __init__(self, width: int) -> None:
        self._buffers = [np.empty((STRIP_ROWS, width), np.uint8) for _ in range(2)]
        self._thread = ThreadPoolExecutor(1)

    def strips(self, work: _Work) -> Iterator[Strip]:
        """Wait for a window and hand on its rows."""
        for future in work.slices:
            future.result()
        targets = [future.result() for future in work.targets]
        ids = work.ids.result()
        rows = work.window.rows
        edges = [*range(0, rows, STRIP_ROWS), rows]
        ahead: list[Future[Strip]] = []
        for turn, (start, stop) in enumerate(pairwise(edges)):
            part = slice(start, stop)
            made = self._thread.submit(
                self._strip, work, self._buffers[turn % 2], part, targets, ids[part]
            )
            ahead.append(made)
            if turn:
                yield ahead.pop(0).result()
        yield ahead.pop().result()

    def close(self) -> None:
        """End the thread."""
        self._thread.shutdown(cancel_futures=True)

    def _strip(
        self,
        work: _Work,
        buffer: Bytes,
        part: slice,
        targets: Sequence[npt.NDArray[Any]],
        ids: npt.NDArray[np.bytes_],
    ) -> Strip:
        x = buffer[: len(ids)]
        packing.transpose(work.planes.rows(part.start, part.stop), out=x)
        y = [target[part] for target in targets]
        return Strip(
            start=work.window.start + part.start,
            x=x,
            y=np.stack(y) if y else np.empty((0, len(ids)), np.float32),
            ids=ids,
        )
