"""Rows of an era as they stand in the downloaded Parquet, read without the ETL."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import columns
from numerai_pipeline.data import Block
from numerai_pipeline.evaluation.leaks.suspect import Suspect


def original_files(suspect: Suspect) -> tuple[list[Path], str]:
    """Return the files that the shards were made from, and why there are none.

    Size and name have to agree: checking 12 GB against their checksums takes longer
    than all checks together.
    """
    sources = [
        source
        for source in suspect.shards.manifest.provenance.sources
        if source.name.endswith(".parquet")
    ]
    found = [
        suspect.data / source.name
        for source in sources
        if (suspect.data / source.name).is_file()
        and (suspect.data / source.name).stat().st_size == source.bytes
    ]
    if len(found) == len(sources):
        return found, ""
    return [], (
        f"the Parquet files that the shards were made from are not in {suspect.data}, "
        "so nothing was compared with them"
    )


def read_original(
    files: Sequence[Path], era: int, features: Sequence[str], targets: Sequence[str]
) -> tuple[Path, Block] | None:
    """Read an era.

    Args:
        files: in which to look for it.
        era: its number.
        features: wanted, in this order.
        targets: wanted, in this order.

    Returns:
        The file and the rows in its order; None if no file has the era.
    """
    import pyarrow.parquet as pq

    for path in files:
        table = pq.read_table(
            path,
            columns=[columns.ID, *features, *targets],
            filters=[(columns.ERA, "=", f"{era:04d}")],
        )
        if table.num_rows:
            return path, _block(table, era, features, targets)
    return None


def places_of(
    ids: npt.NDArray[np.bytes_], among: npt.NDArray[np.bytes_]
) -> npt.NDArray[np.intp]:
    """Return where each id stands among others; -1 where it does not.

    >>> places_of(np.array([b"c", b"x"]), np.array([b"b", b"c"])).tolist()
    [1, -1]
    """
    order = np.argsort(among)
    at = np.searchsorted(among, ids, sorter=order).clip(max=len(among) - 1)
    places = order[at]
    return np.where(among[places] == ids, places, -1)


def _block(
    table: Any, era: int, features: Sequence[str], targets: Sequence[str]
) -> Block:
    n_rows = table.num_rows
    x = np.empty((n_rows, len(features)), np.uint8)
    y = np.empty((n_rows, len(targets)), np.float32)
    for place, name in enumerate(features):
        x[:, place] = _codes(table[name])
    for place, name in enumerate(targets):
        y[:, place] = _floats(table[name])
    return Block(
        x=x,
        y=y,
        ids=np.array(table[columns.ID].to_pylist(), "S16"),
        eras=np.full(n_rows, era, np.int16),
    )


def _codes(column: Any) -> npt.NDArray[np.uint8]:
    """Return 0..4, or 5 where it is missing; old releases have 0.0, 0.25 ... 1.0."""
    import pyarrow as pa

    values = _floats(column)
    if pa.types.is_floating(column.type):
        values = values * 4
    return np.where(np.isnan(values), columns.MISSING_CODE, values.round()).astype(
        np.uint8
    )


def _floats(column: Any) -> npt.NDArray[np.float32]:
    values: npt.NDArray[np.float32] = (
        column.cast("float32").combine_chunks().to_numpy(zero_copy_only=False)
    )
    return values
