"""Room for packed rows that are still written column by column."""

import tempfile
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from numerai_pipeline.data.shards.packing import Bytes


class Planes(Protocol):
    """The packed bytes of a window's rows, ``(P, rows)``; put by several threads."""

    def put(self, first: int, content: Bytes) -> None:
        """Store the planes from ``first`` on, ``(n, rows)`` uint8, C-contiguous."""
        ...

    def rows(self, start: int, stop: int) -> Bytes:
        """Return all bytes of some rows, ``(P, stop - start)`` uint8."""
        ...


class MemoryPlanes:
    """Planes in a buffer that is lent."""

    def __init__(self, buffer: Bytes, width: int, rows: int) -> None:
        self._planes = buffer[: width * rows].reshape(width, rows)

    def put(self, first: int, content: Bytes) -> None:
        """Store planes."""
        self._planes[first : first + len(content)] = content

    def rows(self, start: int, stop: int) -> Bytes:
        """Return a view of some rows."""
        return self._planes[:, start:stop]


class DiskPlanes:
    """Planes in a temporary file that has no name and so never stays behind."""

    def __init__(self, file: Any, width: int, rows: int) -> None:
        self._file, self._width, self._rows = file, width, rows
        self._lock = threading.Lock()

    def put(self, first: int, content: Bytes) -> None:
        """Store planes."""
        with self._lock:
            self._file.seek(first * self._rows)
            self._file.write(content.data)

    def rows(self, start: int, stop: int) -> Bytes:
        """Read some rows back."""
        strip = np.empty((self._width, stop - start), np.uint8)
        with self._lock:
            for plane in range(self._width):
                self._file.seek(plane * self._rows + start)
                self._file.readinto(strip[plane].data)
        return strip


class PlaneStore:
    """Room for two windows, used in turn.

    Args:
        window_rows: rows of each window, in their order.
        width: P, planes of each.
        scratch: folder for temporary files.
        max_bytes: planes up to this size stay in memory.
    """

    def __init__(
        self,
        window_rows: Sequence[int],
        *,
        width: int,
        scratch: Path,
        max_bytes: int,
    ) -> None:
        sizes = [rows * width for rows in window_rows]
        capacity = max((size for size in sizes if size <= max_bytes), default=0)
        self._buffers = [np.empty(capacity, np.uint8) for _ in window_rows[:2]]
        self._width, self._scratch, self._max_bytes = width, scratch, max_bytes
        self._files: dict[int, Any] = {}
        self._stack = ExitStack()

    def planes(self, turn: int, rows: int) -> Planes:
        """Return room for a window; that of the one before last is given up."""
        if rows * self._width <= self._max_bytes:
            return MemoryPlanes(self._buffers[turn % 2], self._width, rows)
        if turn % 2 not in self._files:
            self._files[turn % 2] = self._stack.enter_context(
                tempfile.TemporaryFile(dir=self._scratch)  # noqa: SIM115 - closed there
            )
        return DiskPlanes(self._files[turn % 2], self._width, rows)

    def close(self) -> None:
        """Give back the space on disk."""
        self._stack.close()
