import errno
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numerai_pipeline.core import DataError
from numerai_pipeline.data.readers.memory import Recycled, in_mapped_file, in_memory

CHUNKS = [np.full((rows, 3), rows, np.uint8) for rows in (2, 1, 4)]


def test_chunks_become_one_matrix(tmp_path: Path) -> None:
    expected = np.concatenate(CHUNKS)
    np.testing.assert_array_equal(in_memory(CHUNKS, 7, 3), expected)
    np.testing.assert_array_equal(in_mapped_file(CHUNKS, 7, 3, tmp_path), expected)
    assert list(tmp_path.iterdir()) == []


def test_fewer_rows_than_expected_are_no_rows_too_many(tmp_path: Path) -> None:
    assert in_memory(CHUNKS, 50, 3).shape == (7, 3)
    assert in_mapped_file(CHUNKS, 50, 3, tmp_path).shape == (7, 3)
    assert in_mapped_file([], 50, 3, tmp_path).shape == (0, 3)


def test_a_mapped_matrix_can_be_written_to_and_stays_its_own(tmp_path: Path) -> None:
    first = in_mapped_file(CHUNKS, 7, 3, tmp_path)
    second = in_mapped_file(CHUNKS, 7, 3, tmp_path)
    first[:] = 0
    assert second.min() == 1


def own_memory_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("RssAnon:")[1].split()[0]) * 1024


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="Linux tells it")
def test_a_mapped_matrix_is_no_memory_of_the_process(tmp_path: Path) -> None:
    before = own_memory_bytes()
    chunks = (np.full((1_000, 1_000), 1, np.uint8) for _ in range(50))
    mapped = in_mapped_file(chunks, 50_000, 1_000, tmp_path)
    assert mapped.sum(dtype=np.int64) == 50_000_000
    assert own_memory_bytes() - before < 10_000_000


def test_a_disk_without_room_is_said_before_a_byte_is_read(tmp_path: Path) -> None:
    def chunks() -> Iterator[np.ndarray]:
        pytest.fail("nothing was to be read")
        yield CHUNKS[0]

    n_rows = shutil.disk_usage(tmp_path).total
    with pytest.raises(
        DataError,
        match=rf"^{tmp_path} has .* free, but a memory-mapped matrix needs "
        rf"{3 * n_rows:,} bytes there. Free some space, .* without memory_map\.$",
    ):
        in_mapped_file(chunks(), n_rows, 3, tmp_path)


def test_a_write_that_fails_on_the_way_is_said(
    tmp_path: Path, small_files: Callable[..., Any]
) -> None:
    chunks = [np.zeros((1_000, 3), np.uint8)] * 2
    with (
        small_files(),
        pytest.raises(DataError, match=r"takes no temporary file \(.*File too large"),
    ):
        in_mapped_file(chunks, 2_000, 3, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_chunks_is_not_the_files(tmp_path: Path) -> None:
    def chunks() -> Iterator[np.ndarray]:
        yield CHUNKS[0]
        raise OSError(errno.EIO, os.strerror(errno.EIO), "train_0001.tfr")

    with pytest.raises(OSError, match=r"error.*train_0001\.tfr"):
        in_mapped_file(chunks(), 7, 3, tmp_path)


def test_a_folder_that_takes_no_file_is_named() -> None:
    with pytest.raises(DataError, match=r"/proc takes no temporary file .*without"):
        in_mapped_file([], 0, 3, Path("/proc"))


def test_memory_is_used_again_when_nobody_has_it() -> None:
    recycled = Recycled()
    first = recycled.empty((4, 3))
    place = first.ctypes.data
    assert recycled.empty((4, 3)).ctypes.data != place
    del first
    assert recycled.empty((3, 3)).ctypes.data == place
    assert recycled.empty((5, 3)).ctypes.data != place  # too small for it


@pytest.mark.parametrize(
    "keep",
    [lambda x: x, lambda x: x[2:, ::2], lambda x: x.T.ravel()[:1], memoryview],
    ids=["array", "slice", "reshaped", "buffer"],
)
def test_memory_that_somebody_has_is_left_alone(keep: Callable[..., Any]) -> None:
    recycled = Recycled()
    x = recycled.empty((4, 3))
    x[...] = 7
    kept = keep(x)
    del x
    for _ in range(3):
        recycled.empty((4, 3))[...] = 0
    assert np.all(np.asarray(kept) == 7)
