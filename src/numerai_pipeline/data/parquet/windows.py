"""Parquet -> packed planes, column by column, on all cores, in bounded memory.

A window's columns are decoded a slice at a time and packed as they come into planes:
byte j of all rows, then byte j + 1 of all rows. Nothing of the size of the decoded
features ever exists. A window whose planes are too large for memory, such as a row
group of a million rows, goes through a temporary file instead.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from numerai_pipeline.data.parquet import arrow_columns
from numerai_pipeline.data.parquet.planes import MAX_PLANE_BYTES, Planes, PlaneStore
from numerai_pipeline.data.parquet.source import ParquetSource, Window
from numerai_pipeline.data.shards import packing
from numerai_pipeline.data.shards.packing import FEATURES_PER_BYTE, Bytes, packed_width

# Decoded features of one slice, in each thread; Arrow takes several times that while
# it decodes. 8 MB are no faster and take 100 MB more.
SLICE_BYTES = 2 << 20

# Rows handed on together: 15 MB of packed features at full width.
STRIP_ROWS = 16_384

# More threads only wait for the one that writes.
MAX_WORKERS = 8

TargetCoder = Callable[[int, npt.NDArray[np.float32]], npt.NDArray[Any]]


@dataclass(frozen=True)
class Strip:
    """Consecutive rows of a file, packed; valid until the next strip is taken.

    Attributes:
        start: number of the first row in the file.
        planes: ``(P, rows)`` uint8, see ``packing``.
        y: ``(T, rows)``, each target as the caller's ``code_target`` returned it.
        ids: ``(rows,)`` S16.
    """

    start: int
    planes: Bytes
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
    max_plane_bytes: int = MAX_PLANE_BYTES,
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
        max_plane_bytes: a window with larger planes goes through a temporary file.

    Raises:
        DataError: as ``ParquetSource``.
    """
    windows = source.windows(wanted)
    store = PlaneStore(
        [window.rows for window in windows],
        width=packed_width(len(features)),
        scratch=scratch,
        max_bytes=max_plane_bytes,
    )
    packer = _Packer(source, features)
    pool = ThreadPoolExecutor(min(os.cpu_count() or 1, MAX_WORKERS))

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
            yield from _strips(work)
    finally:
        pool.shutdown(cancel_futures=True)
        store.close()


class _Packer:
    """Packs slices of columns into planes."""

    def __init__(self, source: ParquetSource, features: Sequence[str]) -> None:
        self._source, self._features = source, features
        self._in_quarters = source.holds_quarters(features)
        self._width = packed_width(len(features))
        types = [source.schema.field(name).type for name in features]
        self._bytes_a_value = max(
            (kind.bit_width // 8 for kind in types if _is_number(kind)), default=1
        )

    def slices(self, window: Window) -> list[tuple[int, int]]:
        """Return ranges of planes that are decoded together."""
        plane_bytes = FEATURES_PER_BYTE * window.rows * self._bytes_a_value
        step = max(1, SLICE_BYTES // plane_bytes)
        return [
            (first, min(first + step, self._width))
            for first in range(0, self._width, step)
        ]

    def pack(self, window: Window, planes: Planes, first: int, last: int) -> None:
        """Decode the columns of some planes and pack them."""
        places = [
            self._features[place * self._width :][first:last]
            for place in range(FEATURES_PER_BYTE)
        ]
        # The third place ends where the features do.
        names = [name for place in places for name in place]
        decoded = self._source.read(window, names)
        for plane in range(first, last):
            packed = np.zeros(window.rows, np.uint8)
            for place, of_place in enumerate(places):
                if plane - first < len(of_place):
                    name = of_place[plane - first]
                    codes = self._codes(decoded.pop(name), name, window)
                    packing.add_column(packed, codes, place=place)
            planes.put(plane, packed)

    def _codes(self, column: Any, name: str, window: Window) -> Bytes:
        with self._source.naming(name, window):
            return arrow_columns.feature_codes(column, in_quarters=self._in_quarters)


def _coded(
    source: ParquetSource, window: Window, number: int, name: str, code: TargetCoder
) -> npt.NDArray[Any]:
    return code(number, source.target(window, name))


def _strips(work: _Work) -> Iterator[Strip]:
    for future in work.slices:
        future.result()
    rows = work.window.rows
    targets = [future.result() for future in work.targets]
    y = np.stack(targets) if targets else np.empty((0, rows), np.float32)
    ids = work.ids.result()
    for start in range(0, rows, STRIP_ROWS):
        stop = min(start + STRIP_ROWS, rows)
        yield Strip(
            start=work.window.start + start,
            planes=work.planes.rows(start, stop),
            y=y[:, start:stop],
            ids=ids[start:stop],
        )


def _is_number(kind: Any) -> bool:
    return hasattr(kind, "bit_width")
