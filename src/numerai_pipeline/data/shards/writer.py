"""Writing a split as shard files: rows in, blocks of one era out."""

import hashlib
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from numerai_pipeline.data.shards.layouts import Layout
from numerai_pipeline.data.shards.manifest import BlockEntry, ShardFile, SplitEntry
from numerai_pipeline.data.shards.packing import Bytes
from numerai_pipeline.data.shards.records import ID_BYTES, PackedBlock, last_crc

# A block is one seek and one checksum: 2,048 rows x 973 bytes = 2 MB.
ROWS_PER_BLOCK = 2_048

SHARD_SUFFIX = ".tfr"


class SplitWriter:
    """Collects the rows of a split into blocks, and the blocks into files.

    Args:
        folder: where the files go.
        name: name of the split; files are called ``train_0000.tfr`` and so on.
        layout: how a block lies in a file.
        rows_per_shard: a file is closed before it would hold more.
        per_era: no file holds two eras, and its name says which:
            ``train_era0012_0000.tfr``.
        done: files that are whole already; the rows after theirs are expected.
        closed: called with each file once it is on disk.
    """

    def __init__(
        self,
        folder: Path,
        name: str,
        *,
        layout: Layout,
        rows_per_shard: int,
        per_era: bool,
        done: Sequence[ShardFile],
        closed: Callable[[ShardFile], None],
    ) -> None:
        self._folder, self._name, self._layout = folder, name, layout
        self._rows_per_shard, self._per_era = rows_per_shard, per_era
        capacity = min(ROWS_PER_BLOCK, rows_per_shard)
        self._x = np.empty((capacity, layout.width), np.uint8)
        self._y = np.empty((capacity, layout.n_targets), np.uint8)
        self._ids = np.empty(capacity, f"S{ID_BYTES}")
        self._era, self._n_filled = 0, 0
        self._shards = list(done)
        self._closed = closed
        self._open: _OpenShard | None = None

    def add(self, era: int, x: Bytes, y: Bytes, ids: npt.NDArray[np.bytes_]) -> None:
        """Add rows of one era, in the order in which they are to be read.

        Args:
            era: their era; not below that of the rows before.
            x: ``(rows, P)`` uint8, packed features.
            y: ``(T, rows)`` uint8 codes of the targets.
            ids: ``(rows,)`` S16.
        """
        if era != self._era:
            self._end_block()
            if self._per_era:
                self._end_shard()
            self._era = era
        done = 0
        while done < len(ids):
            step = min(len(self._ids) - self._n_filled, len(ids) - done)
            source = slice(done, done + step)
            block = slice(self._n_filled, self._n_filled + step)
            self._x[block] = x[source]
            self._y[block] = y[:, source].T
            self._ids[block] = ids[source]
            done += step
            self._n_filled += step
            if self._n_filled == len(self._ids):
                self._end_block()

    def close(self) -> SplitEntry:
        """Write what is left and return what was written."""
        self._end_block()
        self._end_shard()
        eras = dict.fromkeys(era for shard in self._shards for era in shard.eras)
        return SplitEntry(
            eras=tuple(eras),
            rows=sum(shard.rows for shard in self._shards),
            shards=tuple(self._shards),
        )

    def abort(self) -> None:
        """Throw the file away that is open."""
        if self._open:
            self._open.abort()

    def _end_block(self) -> None:
        rows, self._n_filled = self._n_filled, 0
        if not rows:
            return
        if self._open and self._open.rows + rows > self._rows_per_shard:
            self._end_shard()
        if not self._open:
            self._open = _OpenShard(self._folder / self._next_name(), self._layout)
        block = PackedBlock(self._era, self._x[:rows], self._y[:rows], self._ids[:rows])
        self._open.write(block)

    def _next_name(self) -> str:
        if not self._per_era:
            return f"{self._name}_{len(self._shards):04d}{SHARD_SUFFIX}"
        series = f"{self._name}_era{self._era:04d}_"
        number = sum(shard.name.startswith(series) for shard in self._shards)
        return f"{series}{number:04d}{SHARD_SUFFIX}"

    def _end_shard(self) -> None:
        if self._open:
            shard = self._open.close()
            self._open = None
            self._shards.append(shard)
            self._closed(shard)


class _OpenShard:
    """A file that is being written, with its checksum so far."""

    def __init__(self, path: Path, layout: Layout) -> None:
        self.rows = 0
        self._path, self._layout = path, layout
        self.file: BinaryIO = path.open("wb")
        self._digest = hashlib.sha256()
        self._blocks: list[BlockEntry] = []
        self._bytes = 0

    def write(self, block: PackedBlock) -> None:
        record = self._layout.encode(block)
        self.file.write(record)
        self._digest.update(record)
        rows = len(block.ids)
        self._blocks.append(
            BlockEntry(
                era=block.era,
                rows=rows,
                offset=self._bytes,
                bytes=len(record),
                crc32c=last_crc(record),
            )
        )
        self._bytes += len(record)
        self.rows += rows

    def abort(self) -> None:
        self.file.close()
        self._path.unlink(missing_ok=True)

    def close(self) -> ShardFile:
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        return ShardFile(
            name=self._path.name,
            bytes=self._bytes,
            sha256=self._digest.hexdigest(),
            rows=self.rows,
            blocks=tuple(self._blocks),
        )
