"""XGBoost's binned data from packed shards: in memory, or in pages on disk.

XGBoost reads the rows block by block, several times. Their bins are known beforehand,
one for each value that a feature can have, so XGBoost takes them from a matrix with
each value once and does not search for them.

It keeps two bytes per value. Where they exceed the memory, they are in a file of pages
that are mapped one after the other while trees grow.
"""

import math
import shutil
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import xgboost
from filelock import FileLock, Timeout

from numerai_pipeline.core import Advance, ConfigError, columns, show_bytes
from numerai_pipeline.models import CLASS_VALUES
from numerai_pipeline.models.trees import XGBOOST_MAX_BIN
from numerai_pipeline.training.trees.backend import TreeJob, TreeRows

# Python, numpy, XGBoost and the reader, before any data.
_PROCESS_BYTES = 300 << 20

# Labels, weights, eras, positions in the tree and numpy's copies of them; then
# gradients, sums and predictions, for each class.
_ROW_BYTES = 64
_OUTPUT_BYTES = 32

# Per bin of a node: a sum of gradients and one of hessians, as float64.
_HISTOGRAM_BYTES = 16

# XGBoost's default, for an untrained model made by hand that does not set it.
_MAX_DEPTH = 6

# Pages of the file that are in memory at a time.
_PAGES_HELD = 2

# How often XGBoost reads the rows; used for the progress bar alone.
_PASSES_ON_DISK = 2
_PASSES_IN_MEMORY = 3

Matrix = Any

# Binned rows that are read together, and a page on disk. Larger pages make a tree from
# disk cheaper.
PAGE_BYTES = 200 << 20

# Rows are processed in pieces that fit into the processor's cache.
_PIECE_ROWS = 512

# A row-wise and a column-wise bin. If values can be missing, the first one has four
# bytes, and the second one an additional bit.
_VALUE_BYTES = 2.1

_VALUE_BYTES_IF_MISSING = 5.2

_NAME = "xgboost-pages"


@dataclass(frozen=True)
class MatrixPlan:
    """Where the training rows are kept.

    Attributes:
        is_on_disk: in pages on disk, not in memory.
        memory_bytes: memory of the whole training.
        disk_bytes: size of the pages; 0 in memory.
    """

    is_on_disk: bool
    memory_bytes: int
    disk_bytes: int


def plan_matrix(job: TreeJob, parameters: Mapping[str, Any]) -> MatrixPlan:
    """Choose memory if there is enough, since trees grow faster there.

    Args:
        job: the rows, and the memory that the process may use.
        parameters: what XGBoost is called with.

    Raises:
        ConfigError: if neither way fits.
    """
    n_rows, n_features = len(job.train), len(job.train.features)
    n_outputs = len(CLASS_VALUES) if job.is_classification else 1
    n_leaves = 2 ** int(parameters.get("max_depth", _MAX_DEPTH))
    n_leaves = min(n_leaves, n_rows, int(parameters.get("max_leaves", 0)) or n_leaves)
    matrix = int(value_bytes(job.train) * n_rows * n_features)
    block = rows_per_block(job.train) * n_features
    kind = handed_type(job.train)
    base = (
        _PROCESS_BYTES
        + (n_rows + len(job.validation)) * (_ROW_BYTES + n_outputs * _OUTPUT_BYTES)
        + n_leaves * n_features * len(job.train.known_values) * _HISTOGRAM_BYTES
        + block * (1 if kind == np.uint8 else 1 + kind.itemsize)
    )
    in_memory = base + matrix
    from_disk = base + min(_PAGES_HELD * PAGE_BYTES, matrix)
    if in_memory <= job.max_ram_bytes:
        return MatrixPlan(is_on_disk=False, memory_bytes=in_memory, disk_bytes=0)
    size = f"{n_rows:,} rows of {n_features:,} features"
    allowed = show_bytes(job.max_ram_bytes)
    if job.device != "cpu":
        raise ConfigError(
            f"XGBoost would need about {show_bytes(in_memory)} of memory for "
            f"{size}, but may use only {allowed}, and only the CPU grows trees "
            'from disk. Set device = "cpu" in model.toml [training], or raise '
            "--max-ram."
        )
    if from_disk > job.max_ram_bytes:
        raise ConfigError(
            f"XGBoost would need about {show_bytes(from_disk)} of memory for {size} "
            f"even with the data on disk, but may use only {allowed}. Raise "
            "--max-ram, choose fewer eras (nai etl --eras-subset) or a smaller "
            "feature_set."
        )
    return MatrixPlan(is_on_disk=True, memory_bytes=from_disk, disk_bytes=matrix)


def make_matrix(job: TreeJob, parameters: Mapping[str, Any]) -> Matrix:
    """Return the training rows with their bins, without labels; print the plan.

    Pages on disk are deleted with the matrix, at the latest when the process ends.

    Raises:
        ConfigError: if neither the memory nor the disk has enough space.
        DataError: if the shards are broken.
    """
    sweep(job.cache)
    plan = plan_matrix(job, parameters)
    where = (
        f"in pages on disk ({show_bytes(plan.disk_bytes)} in {job.cache}), which are "
        "deleted at the end"
        if plan.is_on_disk
        else "in memory"
    )
    job.progress.note(
        f"XGBoost: {len(job.train):,} rows of {len(job.train.features):,} features "
        f"{where}, about {show_bytes(plan.memory_bytes)} of memory."
    )
    title = "binning train rows for XGBoost"
    n_passes = _PASSES_ON_DISK if plan.is_on_disk else _PASSES_IN_MEMORY
    with job.progress.task(title, n_passes * len(job.train), "rows") as advance:
        if not plan.is_on_disk:
            return _matrix(xgboost.QuantileDMatrix, _Feed(job.train, advance))
        folder = PagesFolder(job.cache, plan.disk_bytes)
        try:
            feed = _Feed(job.train, advance, cache_prefix=str(folder.path / "page"))
            matrix = _matrix(xgboost.ExtMemQuantileDMatrix, feed)
        except BaseException:
            folder.delete()
            raise
        # XGBoost deletes its own file first, with the matrix.
        weakref.finalize(matrix, folder.delete)
        return matrix


class _Feed(xgboost.DataIter):
    """Hands the rows to XGBoost, which calls it from C.

    An exception cannot pass through C. XGBoost keeps exceptions, but not those that end
    a process, such as Ctrl-C: the remaining rows would be silently missing. So all of
    them are kept here.
    """

    def __init__(
        self, rows: TreeRows, advance: Advance, cache_prefix: str | None = None
    ) -> None:
        super().__init__(cache_prefix=cache_prefix)
        self.rows = rows
        self.exception: BaseException | None = None
        self._advance = advance
        self._blocks: Iterator[npt.NDArray[Any]] = iter(())

    def reset(self) -> None:
        """Start over at the first row."""
        self._blocks = handed_blocks(self.rows)

    def next(self, input_data: Callable[..., None]) -> bool:
        """Hand over the next block; return False if there is none."""
        if self.exception is not None:
            return False
        try:
            block = next(self._blocks, None)
            if block is None:
                return False
            input_data(data=block)
            self._advance(len(block))
        except BaseException as exception:  # noqa: BLE001 - raised again in _matrix
            self.exception = exception
            return False
        return True


def _matrix(kind: Any, feed: _Feed) -> Matrix:
    known = [value for value in feed.rows.known_values if not math.isnan(value)]
    column = np.array(known, np.float32)[:, None]
    each_value_once = np.repeat(column, len(feed.rows.features), axis=1)
    bins = xgboost.QuantileDMatrix(each_value_once, max_bin=XGBOOST_MAX_BIN)
    try:
        matrix = kind(
            feed,
            missing=missing_mark(feed.rows),
            max_bin=XGBOOST_MAX_BIN,
            ref=bins,
        )
    except xgboost.core.XGBoostError:
        if feed.exception is not None:
            raise feed.exception from None
        raise
    if feed.exception is not None:
        raise feed.exception
    matrix.feature_names = list(feed.rows.features)
    return matrix


def value_bytes(rows: TreeRows) -> float:
    """Return the bytes that XGBoost keeps per value."""
    return _VALUE_BYTES_IF_MISSING if math.isnan(rows.missing) else _VALUE_BYTES


def handed_type(rows: TreeRows) -> np.dtype[Any]:
    """Return the type of the values handed to XGBoost: bytes, if they fit."""
    is_byte = math.isnan(rows.missing) or rows.missing in range(256)
    return np.dtype(np.uint8 if is_byte else np.float32)


def missing_mark(rows: TreeRows) -> float:
    """Return the value that means missing in the rows handed to XGBoost."""
    return float(columns.MISSING_CODE) if math.isnan(rows.missing) else math.nan


def rows_per_block(rows: TreeRows) -> int:
    """Return how many rows are read together."""
    n_rows = int(PAGE_BYTES / value_bytes(rows) / max(1, len(rows.features)))
    return max(1, min(len(rows), n_rows))


def handed_blocks(rows: TreeRows) -> Iterator[npt.NDArray[Any]]:
    """Read the rows as they are handed to XGBoost.

    Yields:
        ``(rows, F)`` of ``handed_type``, valid until the next block is requested.
    """
    n_rows, kind = rows_per_block(rows), handed_type(rows)
    held = None if kind == np.uint8 else np.empty((n_rows, len(rows.features)), kind)
    for codes in rows.blocks(rows_per_block=n_rows):
        values: npt.NDArray[Any] = codes
        if held is not None:
            values = held[: len(codes)]
            values[:] = codes
        if not math.isnan(rows.missing):
            for start in range(0, len(values), _PIECE_ROWS):
                piece = values[start : start + _PIECE_ROWS]
                piece[piece == columns.MISSING_CODE] = rows.missing
        yield values


class PagesFolder:
    """An empty folder that this process locks until it is deleted.

    Args:
        cache: folder in which it is created.
        needed_bytes: size of what will be written.

    Raises:
        ConfigError: if the disk has too little space.
    """

    def __init__(self, cache: Path, needed_bytes: int) -> None:
        cache.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(cache).free
        if needed_bytes > free:
            raise ConfigError(
                f"XGBoost needs about {show_bytes(needed_bytes)} of disk in {cache} "
                f"while it trains, but {show_bytes(free)} are free. Free some, or "
                "raise --max-ram."
            )
        self.path = cache / f"{_NAME}-{uuid4().hex[:8]}"
        # First the lock, then the folder: a folder without a locked lock is a leftover.
        self._lock = _lock(self.path)
        self._lock.acquire()
        self.path.mkdir()

    def delete(self) -> None:
        """Delete it with its content."""
        _delete(self.path)
        self._lock.release()


def sweep(cache: Path) -> None:
    """Delete the folders that killed processes left, which no process locks."""
    for folder in cache.glob(f"{_NAME}-*/"):
        with suppress(Timeout), _lock(folder).acquire(timeout=0):
            _delete(folder)


def _lock(folder: Path) -> FileLock:
    return FileLock(_lock_path(folder))


def _lock_path(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.lock")


def _delete(folder: Path) -> None:
    """Delete a folder and its lock, which this process holds."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # Windows cannot delete an open file
        _lock_path(folder).unlink()
