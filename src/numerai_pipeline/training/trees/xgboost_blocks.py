"""Blocks of rows as XGBoost is handed them: in training, and to look at them."""

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import columns
from numerai_pipeline.training.trees.library import TreeRows

# Of the binned rows, what is read together and is a page on disk. Larger pages make a
# tree from disk cheaper.
PAGE_BYTES = 200 << 20

# Rows are worked on in pieces that the processor's cache holds.
_PIECE_ROWS = 512

# A row-wise and a column-wise bin. Where a value can be missing, the first one becomes
# a number of four bytes, and the second gets a bit.
_VALUE_BYTES = 2.1
_VALUE_BYTES_IF_MISSING = 5.2


def value_bytes(rows: TreeRows) -> float:
    """Return what XGBoost keeps of a value."""
    return _VALUE_BYTES_IF_MISSING if math.isnan(rows.missing) else _VALUE_BYTES


def handed_type(rows: TreeRows) -> np.dtype[Any]:
    """Return the type of what XGBoost is handed: bytes, if all values are such."""
    is_byte = math.isnan(rows.missing) or rows.missing in range(256)
    return np.dtype(np.uint8 if is_byte else np.float32)


def missing_mark(rows: TreeRows) -> float:
    """Return what stands for a missing value in what XGBoost is handed."""
    return float(columns.MISSING_CODE) if math.isnan(rows.missing) else math.nan


def rows_per_block(rows: TreeRows) -> int:
    """Return how many rows are read together."""
    n_rows = int(PAGE_BYTES / value_bytes(rows) / max(1, len(rows.features)))
    return max(1, min(len(rows), n_rows))


def handed_blocks(rows: TreeRows) -> Iterator[npt.NDArray[Any]]:
    """Read the rows as XGBoost is handed them.

    Yields:
        ``(rows, F)`` of ``handed_type``, valid until the next one is asked for.
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
