"""Columns of Numerai's Parquet files, or an error that names the file."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import DataError


def column_names(path: Path, remedy: str) -> list[str]:
    """Return the names of a file's columns.

    Args:
        path: the file.
        remedy: how to get a good one, such as ``nai download --live --force``.

    Raises:
        DataError: if the file is missing or broken.
    """
    import pyarrow.parquet as pq

    with _naming(path, remedy):
        return list(pq.read_schema(path).names)


def read_columns(path: Path, names: Sequence[str], remedy: str) -> Any:
    """Read columns of a file.

    Returns:
        A ``pyarrow.Table`` with these columns, in this order.

    Raises:
        DataError: if the file is missing or broken, or has no such column.
    """
    import pyarrow.parquet as pq

    there = column_names(path, remedy)
    lacking = [name for name in names if name not in there]
    if lacking:
        raise DataError(
            f"{path} has no column '{lacking[0]}' among its {len(there):,}. "
            f"Fetch it again with `{remedy}`."
        )
    with _naming(path, remedy):
        return pq.read_table(path, columns=list(names))


def read_numbers(path: Path, name: str, remedy: str) -> npt.NDArray[np.float64]:
    """Read a column as ``(rows,)`` float64, NaN where a value is missing.

    Raises:
        DataError: as ``read_columns``, or if it holds something else than finite
            numbers.
    """
    import pyarrow as pa

    column = read_columns(path, (name,), remedy)[name]
    try:
        values: npt.NDArray[np.float64] = column.cast(pa.float64()).to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(
            f"{path} has the column '{name}', which holds no numbers. Fetch it again "
            f"with `{remedy}`."
        ) from error
    n_infinite = int(np.isinf(values).sum())
    if n_infinite:
        raise DataError(
            f"{path} has {n_infinite:,} infinite values in the column '{name}'. Fetch "
            f"it again with `{remedy}`."
        )
    return values


@contextmanager
def _naming(path: Path, remedy: str) -> Iterator[None]:
    import pyarrow as pa

    if not path.is_file():
        raise DataError(f"{path} does not exist. Fetch it with `{remedy}`.")
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise DataError(
            f"{path} is not a whole Parquet file ({error}). "
            f"Fetch it again with `{remedy}`."
        ) from error
