"""The rows of a split as a CatBoost pool, with one byte per value in memory.

CatBoost needs a whole matrix and keeps it as long as its own pool lives. So the matrix
is in an unnamed temporary file, one feature after the other, which is emptied as soon
as CatBoost has put each value into its bin.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import ConfigError, Progress, show_bytes
from numerai_pipeline.models import CLASS_VALUES
from numerai_pipeline.models.trees import load_catboost
from numerai_pipeline.training.trees.backend import TreeJob, TreeRows

# Each feature's part of a block is one write: 16 KiB, 45 MB for all 2,748.
_PIECE_BYTES = 16_384

# A block as it is read, transposed, and decoded.
_N_BLOCKS = 3

# Python, numpy, CatBoost and the reader, before any data: 95 MiB, and other imports of
# the command.
_PROCESS_BYTES = 200 << 20

# Per training row, besides its features, while CatBoost grows: gradients, weights,
# sums, leaves, and the sums kept here. Measured: 250 to 400, and 870 to 1,250 for five
# classes.
_ROW_BYTES = 400
_CLASSES_ROW_BYTES = 1_250

# Per bin of a leaf in a tree that is not symmetric: two sums, as float64.
_BIN_BYTES = 2 * 8

# As a border this is below all values: what is less is missing.
_LOWEST = float(np.finfo(np.float32).min)


def check_room(job: TreeJob) -> None:
    """Print the memory that CatBoost needs for a job, and check it.

    Raises:
        ConfigError: if the job may not use that much, or the disk is too full.
    """
    needed = needed_bytes(job)
    n_rows, n_features = len(job.train) + len(job.validation), len(job.train.features)
    longest = max(len(job.train), len(job.validation))
    on_disk = longest * n_features * _dtype(job.train).itemsize
    data = f"{n_rows:,} rows of {n_features:,} features"
    job.progress.note(
        f"CatBoost: {data} at a byte per value, about {show_bytes(needed)} of memory, "
        f"and {show_bytes(on_disk)} of disk while it reads"
    )
    remedy = (
        "choose fewer eras (nai etl --eras-subset) or a smaller feature_set, or use "
        "the family lightgbm, which needs half a byte per value"
    )
    if needed > job.max_ram_bytes:
        raise ConfigError(
            f"CatBoost would need about {show_bytes(needed)} of memory for {data}, "
            f"but may use only {show_bytes(job.max_ram_bytes)}. Raise "
            f"--max-ram, {remedy}."
        )
    folder = job.cache.parent
    free = shutil.disk_usage(folder).free
    if on_disk > free:
        raise ConfigError(
            f"CatBoost needs {show_bytes(on_disk)} of disk in {folder} while it reads "
            f"{data}, but {show_bytes(free)} are free. Free some, {remedy}."
        )


def needed_bytes(job: TreeJob) -> int:
    """Return the memory that growing takes at its peak, without the system's cache."""
    n_features, n_train = len(job.train.features), len(job.train)
    row = _CLASSES_ROW_BYTES if job.is_classification else _ROW_BYTES
    sums = 2 * 8 * (len(CLASS_VALUES) if job.is_classification else 1)
    return (
        _PROCESS_BYTES
        + (n_train + len(job.validation)) * n_features
        + n_train * row
        + len(job.validation) * sums
        + max(_N_BLOCKS * _PIECE_BYTES * n_features, _histogram_bytes(job))
    )


def quantized_pool(
    rows: TreeRows,
    label: npt.NDArray[np.generic] | None,
    *,
    scratch: Path,
    progress: Progress,
) -> Any:
    """Read the rows of a split into a quantized ``Pool``.

    Args:
        rows: the rows; each known value of a feature gets a bin of its own.
        label: ``(rows,)`` what is learned; None for validation rows.
        scratch: folder for a temporary file.
        progress: receives the rows done.

    Raises:
        ConfigError: if the folder cannot be written to, or the disk is full.
        DataError: if the shards are broken.
    """
    catboost = load_catboost()
    shape, dtype = (len(rows), len(rows.features)), _dtype(rows)
    with _scratch_file(scratch) as file:
        _write_by_feature(rows, dtype, file, progress)
        mapped = np.memmap(file, dtype, "r", shape=shape, order="F")
        pool = catboost.Pool(
            np.asarray(mapped), label=label, feature_names=list(rows.features)
        )
        with _disk_errors(), tempfile.TemporaryDirectory() as folder:
            borders = Path(folder) / "borders.tsv"
            text = borders_text(rows.known_values, len(rows.features))
            borders.write_text(text, encoding="utf-8")
            pool.quantize(input_borders=str(borders))
        # The matrix is not read again; this frees its disk space.
        file.truncate(0)
    return pool


def borders_text(known_values: Sequence[float], n_features: int) -> str:
    r"""Return a borders file of CatBoost: half-way between all known values.

    Args:
        known_values: what a feature can be, ascending, NaN last.
        n_features: how many features.

    >>> borders_text((0.0, 1.0, 2.0), 1)
    '0\t0.5\n0\t1.5\n'
    """
    values = np.asarray(known_values, np.float64)
    finite = values[~np.isnan(values)]
    borders = ((finite[1:] + finite[:-1]) / 2).tolist()
    ending = ""
    if len(finite) < len(values):
        # Missing is below all values: without the word CatBoost would put it elsewhere,
        # without an error.
        borders, ending = [_LOWEST, *borders], "\tMin"
    return "".join(
        f"{feature}\t{border}{ending}\n"
        for feature in range(n_features)
        for border in borders
    )


def _write_by_feature(
    rows: TreeRows, dtype: np.dtype[Any], file: BinaryIO, progress: Progress
) -> None:
    """Write the matrix feature by feature, block by block as it is read."""
    values = rows.values_of_codes.astype(dtype)
    n_rows, start = len(rows), 0
    blocks = rows.blocks(rows_per_block=_PIECE_BYTES // dtype.itemsize)
    with progress.task(f"reading {rows.split} for CatBoost", n_rows, "rows") as advance:
        for codes in blocks:
            by_feature = values[np.ascontiguousarray(codes.T)]
            for feature, piece in enumerate(by_feature):
                place = (feature * n_rows + start) * dtype.itemsize
                _write_at(file, place, piece.tobytes())
            start += len(codes)
            advance(len(codes))


@contextmanager
def _scratch_file(folder: Path) -> Iterator[BinaryIO]:
    """Open a temporary file without a name."""
    with ExitStack() as stack:
        with _disk_errors():
            file = stack.enter_context(tempfile.TemporaryFile(dir=folder, buffering=0))
        yield cast(BinaryIO, file)


def _write_at(file: BinaryIO, place: int, piece: bytes) -> None:
    while piece:
        with _disk_errors():
            written = os.pwrite(file.fileno(), piece, place)
        place, piece = place + written, piece[written:]


@contextmanager
def _disk_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ConfigError(
            f"a temporary file for CatBoost cannot be written ({error}). Free some "
            "disk space and make its folder writable, then train again."
        ) from error


def _dtype(rows: TreeRows) -> np.dtype[Any]:
    """Return the smallest type that CatBoost reads fast and that holds all values."""
    values = np.asarray(rows.known_values)
    is_small = np.isin(values, np.arange(256)).all()
    return np.dtype(np.uint8 if is_small else np.float32)


def _histogram_bytes(job: TreeJob) -> int:
    """Return the size of the histograms of a deep tree; symmetric trees need little."""
    if job.booster.get("grow_policy", "SymmetricTree") == "SymmetricTree":
        return 0
    n_leaves = min(2 ** int(job.booster["depth"]), len(job.train))
    n_values = len(CLASS_VALUES) if job.is_classification else 1
    share = float(job.booster.get("rsm", 1.0))
    n_bins = len(job.train.known_values) * len(job.train.features) * share
    return int(n_leaves * n_bins * n_values * _BIN_BYTES)
