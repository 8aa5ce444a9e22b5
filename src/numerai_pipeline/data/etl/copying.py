"""Shards -> other shards: some of their eras, changed on the way."""

from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np

from numerai_pipeline.data.block import Block
from numerai_pipeline.data.readers.reader import ShardReader
from numerai_pipeline.data.shards.layouts import layout
from numerai_pipeline.data.shards.manifest import SplitEntry
from numerai_pipeline.data.shards.packing import pack
from numerai_pipeline.data.shards.palettes import PaletteCoder
from numerai_pipeline.data.shards.writer import SplitWriter

# The ETL's own default.
_ROWS_PER_SHARD = 65_536


def copy_shards(
    reader: ShardReader,
    folder: Path,
    *,
    eras: Collection[int],
    reason: str,
    change: Callable[[Block], Block] = lambda block: block,
    rows_per_era: int | None = None,
) -> ShardReader:
    """Write some eras of shards as shards of their own.

    The manifest is written last, and has another fingerprint than that of the
    original, so that nothing made from one is taken for the other's.

    Args:
        reader: the original.
        folder: is made; whoever calls this deletes it, and what a kill leaves of it.
        eras: which to copy; those that are not there are left out.
        reason: why it is another one, recorded in its provenance.
        change: gets all rows of an era and split, and returns as many.
        rows_per_era: at most so many of each era and split, evenly spread; None: all.

    Raises:
        DataError: if the original is broken.
    """
    folder.mkdir(parents=True)
    splits = {
        name: _copy_split(reader, folder, name, kept, change, rows_per_era)
        for name, split in reader.manifest.splits.items()
        if (kept := [era for era in split.eras if era in eras])
    }
    before = reader.manifest.provenance
    options = {**before.options, "copied": reason, "rows_per_era": rows_per_era}
    reader.manifest.model_copy(
        update={
            "provenance": before.model_copy(update={"options": options}),
            "splits": splits,
        }
    ).save(folder)
    return ShardReader(folder, data=reader.data, progress=reader.progress)


def _copy_split(
    reader: ShardReader,
    folder: Path,
    name: str,
    eras: list[int],
    change: Callable[[Block], Block],
    rows_per_era: int | None,
) -> SplitEntry:
    manifest = reader.manifest
    palettes = [target.palette for target in manifest.targets]
    writer = SplitWriter(
        folder,
        name,
        layout=layout(
            manifest.layout_name, n_features=len(manifest.features), palettes=palettes
        ),
        rows_per_shard=_ROWS_PER_SHARD,
        per_era=False,
        done=(),
        closed=lambda _shard: None,
    )
    coder = PaletteCoder(palettes)
    try:
        for era in eras:
            block = change(_thinned(reader.read(name, eras=(era,)), rows_per_era))
            codes = [coder(place, block.y[:, place]) for place in range(len(palettes))]
            writer.add(era, pack(block.x), np.stack(codes), block.ids)
        return writer.close()
    except BaseException:
        writer.abort()
        raise


def _thinned(block: Block, n_rows: int | None) -> Block:
    if n_rows is None or len(block) <= n_rows:
        return block
    rows = np.linspace(0, len(block) - 1, n_rows).astype(np.intp)
    return Block(block.x[rows], block.y[rows], block.ids[rows], block.eras[rows])
