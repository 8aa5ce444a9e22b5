"""Shards -> rows in memory, choosing eras, features and targets on the way."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import DataError
from numerai_pipeline.data.block import Block
from numerai_pipeline.data.catalog import did_you_mean
from numerai_pipeline.data.readers.packed_rows import PackedRows, aligned_empty
from numerai_pipeline.data.shards.manifest import (
    BlockEntry,
    ShardFile,
    ShardManifest,
    SplitEntry,
)
from numerai_pipeline.data.shards.packing import pack, packed_width, unpack
from numerai_pipeline.data.shards.records import (
    BrokenRecord,
    PackedBlock,
    decode_record,
)

REMEDY = "Run `nai etl` to make the shards again."

Columns = npt.NDArray[np.intp]


class ShardReader:
    """Reads a folder of shards through its manifest.

    Only the blocks of the eras that are asked for are read; each is checked against
    its checksum when it is.

    Args:
        folder: the folder that ``build_shards`` made.

    Raises:
        DataError: if the manifest is missing, broken or of a foreign version; later
            if a file is missing, cut or changed, or a split, era, feature or target
            is asked for that is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = ShardManifest.load(folder)
        self._loaded: dict[str, tuple[object, PackedRows]] = {}

    def eras(self, split: str) -> tuple[int, ...]:
        """Return the eras of a split, ascending."""
        return self._split(split).eras

    def n_rows(self, split: str, eras: Sequence[int] | None = None) -> int:
        """Return how many rows a split, or some of its eras, have."""
        return sum(block.rows for _, block in self._chosen(split, eras))

    def blocks(
        self,
        split: str,
        *,
        eras: Sequence[int] | None = None,
        features: Sequence[str] | None = None,
        targets: Sequence[str] | None = None,
    ) -> Iterator[Block]:
        """Read a split block by block: up to 2,048 rows of one era each.

        Args:
            split: ``train`` or ``valid``.
            eras: eras wanted; None means all. They come in ascending order.
            features: features wanted, in this order; None means all.
            targets: targets wanted, in this order; None means all.
        """
        columns = self._columns(features)
        palettes = self._palettes(targets)
        for packed in self._packed_blocks(split, eras):
            y = np.empty((len(packed.ids), len(palettes)), np.float32)
            for column, (index, values) in enumerate(palettes):
                y[:, column] = values[packed.y[:, index]]
            yield Block(
                x=unpack(packed.x, len(self.manifest.features), columns),
                y=y,
                ids=packed.ids,
                eras=np.full(len(packed.ids), packed.era, np.int16),
            )

    def read(
        self,
        split: str,
        *,
        eras: Sequence[int] | None = None,
        features: Sequence[str] | None = None,
        targets: Sequence[str] | None = None,
    ) -> Block:
        """Read a split as one block, a byte a feature and row.

        Takes the arguments of ``blocks``.
        """
        n_rows = self.n_rows(split, eras)
        columns, palettes = self._columns(features), self._palettes(targets)
        n_features = len(self.manifest.features if columns is None else columns)
        whole = Block(
            x=np.empty((n_rows, n_features), np.uint8),
            y=np.empty((n_rows, len(palettes)), np.float32),
            ids=np.empty(n_rows, "S16"),
            eras=np.empty(n_rows, np.int16),
        )
        start = 0
        for block in self.blocks(split, eras=eras, features=features, targets=targets):
            rows = slice(start, start + len(block))
            whole.x[rows], whole.y[rows] = block.x, block.y
            whole.ids[rows], whole.eras[rows] = block.ids, block.eras
            start += len(block)
        return whole

    def load(
        self,
        split: str,
        *,
        features: Sequence[str] | None = None,
        target: str,
        eras: Sequence[int] | None = None,
    ) -> PackedRows:
        """Read a split into memory, packed; rows without the target are dropped.

        A row of all 2,748 features takes 916 bytes, of which nothing is copied later.
        """
        columns = self._columns(features)
        ((index, values),) = self._palettes([target])
        n_all = len(self.manifest.features)
        n_features = n_all if columns is None else len(columns)
        n_rows = self.n_rows(split, eras)
        x = aligned_empty((n_rows, packed_width(n_features)), np.uint8)
        y = aligned_empty((n_rows,), np.float32)
        end = 0
        for block in self._packed_blocks(split, eras):
            of_target = values[block.y[:, index]]
            is_there = ~np.isnan(of_target)
            packed = block.x
            if columns is not None:
                packed = pack(unpack(packed, n_all, columns))
            start, end = end, end + int(np.count_nonzero(is_there))
            np.compress(is_there, packed, axis=0, out=x[start:end])
            y[start:end] = of_target[is_there]
        if not end:
            raise DataError(
                f"{self.folder}: no row of split '{split}' has the target '{target}'. "
                "Choose other eras or another target."
            )
        return PackedRows(x=x[:end], y=y[:end], n_features=n_features)

    def dataset(
        self,
        split: str,
        *,
        target: str,
        batch_rows: int,
        missing: float,
        features: Sequence[str] | None = None,
        shuffle_seed: int | None = None,
        eras: Sequence[int] | None = None,
        epoch: int = 0,
    ) -> Any:
        """Return one epoch of a split as a ``tf.data.Dataset``.

        The packed rows stay in memory for the next epoch with the same selection; see
        ``load`` for their size and ``PackedRows.dataset`` for the rest.
        """
        selection = (
            target,
            None if features is None else tuple(features),
            None if eras is None else tuple(eras),
        )
        found = self._loaded.get(split)
        if found is None or found[0] != selection:
            self._loaded.pop(split, None)  # before there are two of them in memory
            rows = self.load(split, features=features, target=target, eras=eras)
            found = self._loaded[split] = (selection, rows)
        return found[1].dataset(
            batch_rows=batch_rows,
            missing=missing,
            shuffle_seed=shuffle_seed,
            epoch=epoch,
        )

    def _split(self, name: str) -> SplitEntry:
        splits = self.manifest.splits
        if name not in splits:
            raise DataError(
                f"{self.folder} has no split '{name}'. "
                f"{did_you_mean(name, splits)} `nai etl` makes them."
            )
        return splits[name]

    def _chosen(
        self, split: str, eras: Sequence[int] | None
    ) -> Iterator[tuple[ShardFile, BlockEntry]]:
        found = self._split(split)
        wanted = set(found.eras if eras is None else eras)
        missing = sorted(wanted - set(found.eras))
        if missing:
            raise DataError(
                f"{self.folder}: split '{split}' has no era {missing[0]:04d} "
                f"({len(missing)} of {len(wanted)} eras are not there). It has "
                f"{len(found.eras)}, {found.eras[0]:04d} to {found.eras[-1]:04d}."
            )
        for shard in found.shards:
            for block in shard.blocks:
                if block.era in wanted:
                    yield shard, block

    def _packed_blocks(
        self, split: str, eras: Sequence[int] | None
    ) -> Iterator[PackedBlock]:
        for shard, chosen in groupby(self._chosen(split, eras), key=itemgetter(0)):
            path = self.folder / shard.name
            with _opened(path, shard) as file:
                for _, entry in chosen:
                    yield self._block(path, file, entry)

    def _block(self, path: Path, file: BinaryIO, entry: BlockEntry) -> PackedBlock:
        file.seek(entry.offset)
        try:
            return decode_record(
                file.read(entry.bytes),
                era=entry.era,
                rows=entry.rows,
                width=self.manifest.width,
                n_targets=len(self.manifest.targets),
            )
        except BrokenRecord as error:
            raise DataError(
                f"{path} is broken: the block of era {entry.era:04d} at byte "
                f"{entry.offset:,} cannot be read: {error}. {REMEDY}"
            ) from error

    def _columns(self, features: Sequence[str] | None) -> Columns | None:
        """Return the positions of features, None for all of them as they lie."""
        known = self.manifest.features
        if features is None or tuple(features) == known:
            return None
        position = {name: index for index, name in enumerate(known)}
        for name in features:
            if name not in position:
                raise DataError(
                    f"{self.folder} has no feature '{name}'. "
                    f"{did_you_mean(name, known)} Run `nai etl --feature-set all`."
                )
        return np.array([position[name] for name in features], np.intp)

    def _palettes(
        self, targets: Sequence[str] | None
    ) -> list[tuple[int, npt.NDArray[np.float32]]]:
        """Return the position and the 256 values of each target."""
        known = self.manifest.target_names
        names = known if targets is None else targets
        for name in names:
            if name not in known:
                raise DataError(
                    f"{self.folder} has no target '{name}'. "
                    f"{did_you_mean(name, known)} Run `nai etl --target {name}`."
                )
        positions = [known.index(name) for name in names]
        return [(at, self.manifest.targets[at].values()) for at in positions]


@contextmanager
def _opened(path: Path, shard: ShardFile) -> Iterator[BinaryIO]:
    if not path.is_file():
        raise DataError(f"{path} does not exist, but the manifest lists it. {REMEDY}")
    found = path.stat().st_size
    if found != shard.bytes:
        raise DataError(
            f"{path} has {found:,} bytes, but the manifest says {shard.bytes:,}: it "
            f"was cut or changed. {REMEDY}"
        )
    with path.open("rb") as file:
        yield file
