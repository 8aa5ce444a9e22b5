"""Where rows live: in memory, in a file that is mapped into it, in used memory."""

import errno
import mmap
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import DataError, show_bytes

# TensorFlow aborts the process over a shared array that does not begin at a
# multiple of this; numpy promises 16. A mapped file begins at a page.
_ALIGNMENT = 64

Bytes = npt.NDArray[np.uint8]
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


class Recycled:
    """Arrays whose memory is used again as soon as nobody has them any more.

    The system clears new memory page by page, which takes as long as decoding into
    it: 430,000 rows/s and core of 2,748 features with new memory for each batch,
    810,000 with memory that is used again. One thread at a time may ask.
    """

    def __init__(self) -> None:
        self._buffers: list[npt.NDArray[np.float32]] = []
        self._unused_count = 0

    def empty(self, shape: tuple[int, int]) -> npt.NDArray[np.float32]:
        """Return an array; its values are not set.

        A buffer is free when it is counted as it was before it was first lent: an
        array, and whatever is made of it without a copy, refers to its buffer.
        """
        size = shape[0] * shape[1]
        for at in range(len(self._buffers)):
            is_free = self._count(at) == self._unused_count
            if is_free and len(self._buffers[at]) >= size:
                return self._buffers[at][:size].reshape(shape)
        self._buffers.append(np.empty(size, np.float32))
        self._unused_count = self._count(-1)
        return self._buffers[-1][:size].reshape(shape)

    def _count(self, at: int) -> int:
        return sys.getrefcount(self._buffers[at])


def in_memory(chunks: Iterable[Bytes], n_rows: int, width: int) -> Bytes:
    """Return chunks of rows as one matrix in memory.

    Args:
        chunks: ``(any, width)`` uint8 each.
        n_rows: at most so many rows in all; memory that no row reaches stays unused.
        width: bytes per row.
    """
    matrix = aligned_empty((n_rows, width), np.uint8)
    end = 0
    for chunk in chunks:
        start, end = end, end + len(chunk)
        matrix[start:end] = chunk
    return matrix[:end]


def in_mapped_file(
    chunks: Iterable[Bytes], n_rows: int, width: int, folder: Path
) -> Bytes:
    """Return chunks of rows as one matrix in an unnamed temporary file.

    Its pages are the system's to drop when memory is short, and to read again. The
    file has no name that a killed process could leave behind; it is gone with the
    array. It is written before it is mapped, because a write to a map on a full disk
    kills the process.

    Args:
        chunks: ``(any, width)`` uint8 each, one row or more in all.
        n_rows: at most so many rows in all.
        width: bytes per row.
        folder: where the file lies.

    Raises:
        DataError: if the disk has no room for it, or the folder takes no files.
    """
    needed = n_rows * width
    if shutil.disk_usage(folder).free < needed:
        raise _no_room(folder, needed)
    with ExitStack() as stack:
        with _said_plainly(folder, needed):
            # Unbuffered, so that closing it after a full disk does not write again.
            file = stack.enter_context(tempfile.TemporaryFile(dir=folder, buffering=0))
        for chunk in chunks:
            rest = np.ravel(chunk).data
            with _said_plainly(folder, needed):
                while rest:
                    rest = rest[file.write(rest) :]
        if not os.fstat(file.fileno()).st_size:
            return aligned_empty((0, width), np.uint8)
        mapped = mmap.mmap(file.fileno(), 0)
    if hasattr(mmap, "MADV_RANDOM"):
        # Shuffled rows lie anywhere: reading ahead of each would read all the file.
        mapped.madvise(mmap.MADV_RANDOM)
    return np.frombuffer(mapped, np.uint8).reshape(-1, width)


@contextmanager
def _said_plainly(folder: Path, needed: int) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _no_room(folder, needed) from error
        raise DataError(
            f"{folder} takes no temporary file ({error}). Let it be written to, or "
            "read without memory_map."
        ) from error


def _no_room(folder: Path, needed: int) -> DataError:
    free = shutil.disk_usage(folder).free
    return DataError(
        f"{folder} has {show_bytes(free)} free, but a memory-mapped matrix needs "
        f"{needed:,} bytes there. Free some space, choose fewer eras or features, or "
        "read without memory_map."
    )
