"""How much memory packing a Parquet file takes, and how to make it take less."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from numerai_pipeline.data.parquet.source import ParquetSource
from numerai_pipeline.data.shards.packing import FEATURES_PER_BYTE, packed_width
from numerai_pipeline.data.shards.records import ID_BYTES

# Rows handed on together: 7.5 MB of packed features at full width.
STRIP_ROWS = 8_192

# More threads only wait for the one that writes.
MAX_WORKERS = 8

_MIB = 1 << 20

# What Arrow keeps of the footer in memory, for each byte of it in the file.
_FOOTER_FACTOR = 12

# What Arrow holds of a column while it decodes it, beside the result: four bytes for
# the value as Parquet stores it, two for whether it is there, pages, and the column
# before as long as the allocator keeps it.
_DECODED_BYTES_A_ROW = 16

# The schema of 2,800 columns takes 10 MB whatever the footer's size, allocators keep
# what was freed, and threads bring stacks and file handles.
_SLACK_BYTES = 48 * _MIB
_SLACK_BYTES_A_WORKER = 12 * _MIB


@dataclass(frozen=True)
class Limits:
    """What packing may use.

    Attributes:
        n_workers: threads that decode; one more hands on rows.
        slice_bytes: decoded features that a thread holds at a time. At least one
            packed byte's three columns are decoded, whatever they take.
        plane_bytes: a window's packed rows up to this size stay in memory, of two
            windows at a time; larger ones go through a temporary file.
    """

    n_workers: int
    slice_bytes: int
    plane_bytes: int


# Slices of 2 MB take as long, 7 % less where a row group is huge, and 40 MB more; those
# of 0.5 MB take 12 % longer there. Planes: 146,000 rows of 2,748 features; more in
# memory is no faster than the temporary file.
DEFAULT = Limits(
    n_workers=min(os.cpu_count() or 1, MAX_WORKERS),
    slice_bytes=1 * _MIB,
    plane_bytes=128 * _MIB,
)


@dataclass(frozen=True)
class FileShape:
    """The properties of a file that decide how much memory it takes.

    Attributes:
        window_rows: rows of its windows, in their order.
        n_features: F, features to be packed.
        n_targets: T, targets to be read.
        bytes_a_value: of a decoded value of the widest feature.
        footer_bytes: size of the Parquet footer.
    """

    window_rows: tuple[int, ...]
    n_features: int
    n_targets: int
    bytes_a_value: int
    footer_bytes: int

    @classmethod
    def of(
        cls, source: ParquetSource, features: Sequence[str], targets: Sequence[str]
    ) -> "FileShape":
        """Return the shape of a file whose columns have been required."""
        return cls(
            window_rows=tuple(window.rows for window in source.windows()),
            n_features=len(features),
            n_targets=len(targets),
            bytes_a_value=bytes_a_value(source, features),
            footer_bytes=source.metadata.serialized_size,
        )


def peak_bytes(shape: FileShape, limits: Limits) -> int:
    """Estimate the memory that packing a file takes, its footer included.

    What the process held before it opened the file, and what the caller makes of the
    rows, come on top.

    >>> shape = FileShape((300_000,), 2748, 41, bytes_a_value=1, footer_bytes=600_000)
    >>> peak_bytes(shape, DEFAULT) >> 20
    131
    """
    rows = max(shape.window_rows, default=0)
    width = packed_width(shape.n_features)
    n_windows = min(len(shape.window_rows), 2)
    in_memory = [n for n in shape.window_rows if n * width <= limits.plane_bytes]
    planes = n_windows * max(in_memory, default=0) * width
    is_any_on_disk = len(in_memory) < len(shape.window_rows)
    strips = (2 + is_any_on_disk) * min(rows, STRIP_ROWS) * (width + shape.n_targets)
    kept = n_windows * rows * (shape.n_targets + ID_BYTES)
    return (
        _FOOTER_FACTOR * shape.footer_bytes
        + planes
        + strips
        + kept
        + limits.n_workers * _slice_peak(shape, limits.slice_bytes)
        + _SLACK_BYTES
    )


def limits_for(
    budget_bytes: int, shape: FileShape, *, n_workers: int = DEFAULT.n_workers
) -> Limits:
    """Return limits under which packing stays in a budget, as fast as they allow.

    What costs least time is dropped first: planes in memory, then the size of a
    slice, then threads.

    Args:
        budget_bytes: for packing, see ``peak_bytes``.
        shape: the file.
        n_workers: threads at most.

    Raises:
        ValueError: if no limits fit; it says how many bytes would.
    """
    width = packed_width(shape.n_features)
    packed = {rows * width for rows in shape.window_rows}
    sizes = sorted(
        {0, *(size for size in packed if size <= DEFAULT.plane_bytes)}, reverse=True
    )
    for workers in range(n_workers, 0, -1):
        for slice_bytes in (DEFAULT.slice_bytes, 0):
            limits = Limits(workers, slice_bytes, plane_bytes=0)
            if peak_bytes(shape, limits) > budget_bytes:
                continue
            larger = (replace(limits, plane_bytes=size) for size in sizes)
            return next(
                fits for fits in larger if peak_bytes(shape, fits) <= budget_bytes
            )
    raise ValueError(f"packing takes {needed_bytes(shape):,} bytes at least")


def needed_bytes(shape: FileShape) -> int:
    """Return the smallest budget for which there are limits."""
    return peak_bytes(shape, Limits(n_workers=1, slice_bytes=0, plane_bytes=0))


def bytes_a_value(source: ParquetSource, features: Sequence[str]) -> int:
    """Return how many bytes a decoded value of the widest feature takes."""
    kinds = [source.schema.field(name).type for name in features]
    return max((kind.bit_width // 8 for kind in kinds if _is_number(kind)), default=1)


def planes_a_slice(rows: int, bytes_a_value: int, slice_bytes: int) -> int:
    """Return how many packed bytes' columns are decoded together."""
    plane_bytes = FEATURES_PER_BYTE * rows * bytes_a_value
    return max(1, slice_bytes // max(plane_bytes, 1))


def _slice_peak(shape: FileShape, slice_bytes: int) -> int:
    """Return what a thread holds while it packs a slice of the widest window."""
    rows = max(shape.window_rows, default=0)
    n_planes = planes_a_slice(rows, shape.bytes_a_value, slice_bytes)
    n_columns = FEATURES_PER_BYTE * n_planes
    # As decoded, as codes in one piece, packed with a column's share in between.
    held = n_columns * (shape.bytes_a_value + 1) + 2 * n_planes
    return rows * (held + _DECODED_BYTES_A_ROW) + _SLACK_BYTES_A_WORKER


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
