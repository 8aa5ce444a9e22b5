"""Parquet -> rows in memory, for live and validation files."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import columns
from numerai_pipeline.data.block import Block
from numerai_pipeline.data.parquet.source import ParquetSource
from numerai_pipeline.data.parquet.windows import packed_strips
from numerai_pipeline.data.shards.packing import unpack


def read_parquet_blocks(
    path: Path,
    features: Sequence[str],
    *,
    targets: Sequence[str] = (),
    rows_per_block: int = 16_384,
) -> Iterator[Block]:
    """Read a Parquet file block by block, in its order, through the ETL's own path.

    Args:
        path: any file of a release with ids and eras; int8 or float features.
        features: features wanted, in this order.
        targets: targets wanted, in this order.
        rows_per_block: rows per block at most; a block may hold several eras.

    Raises:
        DataError: if the file or a column is missing, or a value is none that a
            release holds; nothing is read before the first block is asked for.
    """
    with ParquetSource(path) as source, tempfile.TemporaryDirectory() as scratch:
        source.require([columns.ERA, *features, *targets])
        eras = np.concatenate(
            [np.empty(0, np.int16), *(source.eras(part) for part in source.windows())]
        )
        for strip in packed_strips(
            source, features, targets, code_target=_as_it_is, scratch=Path(scratch)
        ):
            for start in range(0, len(strip.ids), rows_per_block):
                rows = slice(start, start + rows_per_block)
                ids = strip.ids[rows]
                first = strip.start + start
                yield Block(
                    x=unpack(strip.x[rows], len(features)),
                    y=np.ascontiguousarray(strip.y[:, rows].T),
                    ids=ids,
                    eras=eras[first : first + len(ids)],
                )


def _as_it_is(_number: int, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return values
