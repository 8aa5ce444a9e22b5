"""Shards -> rows in memory, choosing eras, features and targets on the way."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import (
    SILENT,
    ConfigError,
    DataError,
    Progress,
    Target,
    columns,
    did_you_mean,
    parse_target,
)
from numerai_pipeline.data.block import Block
from numerai_pipeline.data.folds import Fold, default_fold, eras_subset
from numerai_pipeline.data.readers.choosing import chosen_columns
from numerai_pipeline.data.readers.memory import (
    aligned_empty,
    in_mapped_file,
    in_memory,
)
from numerai_pipeline.data.readers.neutral_targets import NeutralTarget
from numerai_pipeline.data.readers.packed_rows import PackedRows
from numerai_pipeline.data.readers.targets import BlockPlaces, TargetColumns
from numerai_pipeline.data.shards.layouts import layout
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
    check_is_own,
)

REMEDY = "Run `nai etl` to make the shards again."


class ShardReader:
    """Reads a folder of shards through its manifest.

    Only the blocks of the eras that are asked for are read; each is checked against
    its checksum when it is.

    Args:
        folder: the folder that ``build_shards`` made.
        lockbox_eras: how many of the newest eras to keep closed: they are read as if
            they were not there.
        data: folder of the release that they were made from, with the feature sets and
            the benchmark models that a target may be neutralized to; None: there is
            none, and no such target.
        progress: where the making of such targets is reported.

    Raises:
        DataError: if the manifest is missing, broken or of a foreign version; later
            if a file is missing, cut or changed, or a split, era, feature or target
            is asked for that is not there.
    """

    def __init__(
        self,
        folder: Path,
        *,
        lockbox_eras: int = 0,
        data: Path | None = None,
        progress: Progress = SILENT,
    ) -> None:
        self.folder, self.data, self.progress = folder, data, progress
        self.manifest = ShardManifest.load(folder)
        everything = sorted({e for one in self._splits(None) for e in one.eras})
        self.lockbox = tuple(everything[max(0, len(everything) - lockbox_eras) :])
        self._neutral: dict[Target, NeutralTarget] = {}
        self._layout = layout(
            self.manifest.layout_name,
            n_features=len(self.manifest.features),
            palettes=[target.palette for target in self.manifest.targets],
        )

    def opened(self) -> "ShardReader":
        """Return a reader of the same shards that reads the lockbox too."""
        return ShardReader(self.folder, data=self.data, progress=self.progress)

    @cached_property
    def places(self) -> BlockPlaces:
        """Where each block begins within its era."""
        return BlockPlaces(self.manifest)

    def neutral_target(self, target: Target) -> NeutralTarget:
        """Return what makes and keeps a neutralized target, always the same object.

        Raises:
            ConfigError: if there is no such feature set.
            DataError: if a file of the release is missing.
        """
        if target not in self._neutral:
            self._neutral[target] = NeutralTarget(self, target)
        return self._neutral[target]

    def neutral_targets(self, targets: Sequence[str]) -> list[NeutralTarget]:
        """Return those of some targets that are neutralized.

        Their features, files and digests decide their values; those of all other
        targets the shards alone decide.

        Raises:
            ConfigError: if there is no such feature set.
            DataError: if a file of the release is missing.
        """
        parsed = map(parse_target, targets)
        return [self.neutral_target(one) for one in parsed if one.neutral]

    def eras(self, split: str | None = None, *, purge: int = 0) -> tuple[int, ...]:
        """Return the eras of a split, ascending, without those of the lockbox.

        Args:
            split: as ``blocks`` takes it.
            purge: eras to leave out before the lockbox as well.
        """
        found = {era for one in self._splits(split) for era in one.eras}
        if self.lockbox:
            end = self.lockbox[0] - purge
            found = {era for era in found if era < end}
        return tuple(sorted(found))

    def default_fold(
        self, targets: Sequence[str], *, eras: str = "", allow_leak: bool = False
    ) -> Fold:
        """Return the fold of a training without other options.

        Args:
            targets: what is learned or scored by; the longest horizon is the purge.
            eras: which eras of the train split to learn from, as ``eras_subset``
                takes it; empty: all.
            allow_leak: keep the parts of the shards although they are nearer to each
                other than the purge, or rows of the same eras.

        Raises:
            ConfigError: if a part would be empty, or the parts leak and that is not
                allowed.
        """
        purge = self.purge(targets, allow_leak=allow_leak)
        try:
            fold = default_fold(
                {name: self.eras(name, purge=purge) for name in self.manifest.splits},
                purge=purge,
                learns_from=eras_subset(eras or "1-"),
            )
        except ConfigError as error:
            if not self.lockbox:
                raise
            raise ConfigError(f"{error} {self.about_lockbox(purge)}") from error
        if fold.by_rows and not allow_leak:
            raise ConfigError(
                f"{self.folder} was split by rows: validation rows have the eras of "
                "training rows, which share returns with them. Run "
                "`nai etl --split-by era`, or pass --allow-leak; scores will say so."
            )
        return fold

    def about_lockbox(self, purge: int) -> str:
        """Return a sentence on the eras that the lockbox takes away."""
        return (
            f"The lockbox takes the newest {len(self.lockbox)} eras, and {purge} more "
            "as a purge before it: lower [evaluation] lockbox_eras in numerai.toml if "
            "that is too many."
        )

    def purge(self, targets: Sequence[str], *, allow_leak: bool = False) -> int:
        """Return how many eras to leave out between two parts of a fold.

        Args:
            targets: what is learned or scored by; the longest horizon decides.
            allow_leak: leave out no more than the shards were made with.
        """
        purge = columns.purge_eras(tuple(targets))
        if not allow_leak:
            return purge
        packed = columns.purge_eras(self.manifest.target_names)
        own = self.manifest.provenance.options.get("purge")
        return min(purge, packed if own is None else int(own))

    def n_rows(self, split: str | None, eras: Sequence[int] | None = None) -> int:
        """Return how many rows a split, or some of its eras, have."""
        return sum(block.rows for _, block in self._chosen(split, eras))

    def blocks(
        self,
        split: str | None,
        *,
        eras: Sequence[int] | None = None,
        features: Sequence[str] | None = None,
        targets: Sequence[str] | None = None,
        start_block: int = 0,
    ) -> Iterator[Block]:
        """Read a split block by block: up to 2,048 rows of one era each.

        Args:
            split: ``train``, ``valid``, ``test`` or ``purged``; None: all of them.
            eras: eras wanted; None means all. They come in ascending order.
            features: features wanted, in this order; None means all.
            targets: targets wanted, in this order, by the names or texts that a recipe
                takes; None means all that are stored.
            start_block: number of the first block wanted, from 0, of those of these
                eras, to go on where a reading was left; no byte before it is read.
        """
        places = chosen_columns(self.folder, self.manifest, features)
        wanted = TargetColumns(self, targets)
        for packed, y in self._packed_blocks(split, eras, wanted, start_block):
            yield Block(
                x=unpack(packed.x, len(self.manifest.features), places),
                y=y,
                ids=packed.ids,
                eras=np.full(len(packed.ids), packed.era, np.int16),
            )

    def read(
        self,
        split: str | None,
        *,
        eras: Sequence[int] | None = None,
        features: Sequence[str] | None = None,
        targets: Sequence[str] | None = None,
    ) -> Block:
        """Read a split as one block, one byte per feature and row.

        Takes the arguments of ``blocks`` but its ``start_block``.
        """
        n_rows = self.n_rows(split, eras)
        places = chosen_columns(self.folder, self.manifest, features)
        n_features = len(self.manifest.features if places is None else places)
        n_targets = len(self.manifest.targets if targets is None else targets)
        whole = Block(
            x=np.empty((n_rows, n_features), np.uint8),
            y=np.empty((n_rows, n_targets), np.float32),
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
        split: str | None,
        *,
        features: Sequence[str] | None = None,
        target: str | Sequence[str],
        eras: Sequence[int] | None = None,
        memory_map: bool = False,
    ) -> PackedRows:
        """Read a split as one packed matrix, of which nothing is copied later.

        A row of all 2,748 features takes 916 bytes.

        Args:
            split: as ``blocks`` takes it.
            features: features wanted, in this order; None means all.
            target: name of a target, or several names; a row that lacks one of them
                is dropped.
            eras: eras wanted; None means all.
            memory_map: keep the matrix in an unnamed temporary file beside the shards
                instead of in memory, for a matrix that memory has no room for.

        Raises:
            DataError: as the class says; if no row is left; with ``memory_map`` if
                there is no room for the file.
        """
        names = [target] if isinstance(target, str) else target
        wanted = TargetColumns(self, names)
        places = chosen_columns(self.folder, self.manifest, features)
        n_features = len(self.manifest.features if places is None else places)
        n_rows, width = self.n_rows(split, eras), packed_width(n_features)
        y = aligned_empty((n_rows, len(names)), np.float32)
        row_eras = np.empty(n_rows, np.int16)
        end = 0

        def chunks() -> Iterator[npt.NDArray[np.uint8]]:
            nonlocal end
            for block, found in self._packed_blocks(split, eras, wanted):
                is_whole = ~np.isnan(found).any(axis=1)
                packed = block.x
                if not is_whole.all():
                    packed, found = packed[is_whole], found[is_whole]
                if places is not None:
                    packed = pack(unpack(packed, len(self.manifest.features), places))
                start, end = end, end + len(found)
                y[start:end], row_eras[start:end] = found, block.era
                if len(packed):
                    yield packed

        if memory_map:
            x = in_mapped_file(chunks(), n_rows, width, self.folder)
        else:
            x = in_memory(chunks(), n_rows, width)
        if not end:
            raise DataError(
                f"{self.folder}: no row of the chosen eras has the target "
                f"{' and '.join(map(repr, names))}. Choose other eras or another "
                "target."
            )
        return PackedRows(
            x=x,
            y=y[:end, 0] if isinstance(target, str) else y[:end],
            eras=row_eras[:end],
            n_features=n_features,
        )

    def _splits(self, name: str | None) -> tuple[SplitEntry, ...]:
        splits = self.manifest.splits
        if name is None:
            return tuple(splits.values())
        if name not in splits:
            raise DataError(
                f"{self.folder} has no split '{name}'. "
                f"{did_you_mean(name, splits)} `nai etl` makes them."
            )
        return (splits[name],)

    def _chosen(
        self, split: str | None, eras: Sequence[int] | None
    ) -> list[tuple[ShardFile, BlockEntry]]:
        found = self.eras(split)
        wanted = set(found if eras is None else eras)
        missing = sorted(wanted - set(found))
        if missing:
            raise DataError(self._lacks(split, missing, len(wanted)))
        chosen = [
            (shard, block)
            for one in self._splits(split)
            for shard in one.shards
            for block in shard.blocks
            if block.era in wanted
        ]
        # Within an era they stay in the order of splits and files.
        return sorted(chosen, key=lambda pair: pair[1].era)

    def _lacks(self, split: str | None, missing: Sequence[int], n_wanted: int) -> str:
        where = f": split '{split}'" if split else ""
        if missing[0] in self.lockbox:
            return (
                f"{self.folder}{where}: era {missing[0]:04d} is in the lockbox, whose "
                f"{len(self.lockbox)} eras only `nai score --open-lockbox` reads "
                "([evaluation] lockbox_eras in numerai.toml). What was made before it "
                "was set, such as a backtest, has to be made again without them."
            )
        found = self.eras(split)
        range_of = f", {found[0]:04d} to {found[-1]:04d}" if found else ""
        return (
            f"{self.folder}{where} has no era {missing[0]:04d} ({len(missing)} of "
            f"{n_wanted} eras are not there). It has {len(found)}{range_of}."
        )

    def _packed_blocks(
        self,
        split: str | None,
        eras: Sequence[int] | None,
        targets: TargetColumns,
        start_block: int = 0,
    ) -> Iterator[tuple[PackedBlock, npt.NDArray[np.float32]]]:
        """Read blocks, each with its ``(rows, T)`` targets."""
        wanted = self._chosen(split, eras)[start_block:]
        targets.make(tuple(dict.fromkeys(entry.era for _, entry in wanted)))
        for shard, chosen in groupby(wanted, key=itemgetter(0)):
            path = self.folder / shard.name
            with _opened(path, shard) as file:
                for _, entry in chosen:
                    packed = self._block(path, file, entry)
                    yield packed, targets.values(packed, shard, entry)

    def _block(self, path: Path, file: BinaryIO, entry: BlockEntry) -> PackedBlock:
        file.seek(entry.offset)
        try:
            content = file.read(entry.bytes)
            block = self._layout.decode(content, era=entry.era, rows=entry.rows)
            check_is_own(content, entry.crc32c)
        except BrokenRecord as error:
            raise DataError(
                f"{path} is broken: the block of era {entry.era:04d} at byte "
                f"{entry.offset:,} cannot be read: {error}. {REMEDY}"
            ) from error
        return block


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
