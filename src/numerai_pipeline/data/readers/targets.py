"""The targets of blocks: as they are stored, or derived from those."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import Target, parse_target
from numerai_pipeline.data.readers.choosing import Palette, chosen_palettes
from numerai_pipeline.data.readers.neutral_targets import NeutralTarget
from numerai_pipeline.data.shards.manifest import BlockEntry, ShardFile, ShardManifest
from numerai_pipeline.data.shards.records import PackedBlock

if TYPE_CHECKING:
    from numerai_pipeline.data.readers.reader import ShardReader

Values = npt.NDArray[np.float32]


class BlockPlaces:
    """Where each block of shards begins within its era.

    Attributes:
        rows_of_era: era -> its rows, of all splits.
    """

    def __init__(self, manifest: ShardManifest) -> None:
        self.rows_of_era: dict[int, int] = {}
        self._starts: dict[tuple[str, int], int] = {}
        for shard in manifest.shards:
            for block in shard.blocks:
                start = self.rows_of_era.get(block.era, 0)
                self._starts[shard.name, block.offset] = start
                self.rows_of_era[block.era] = start + block.rows

    def rows(self, shard: ShardFile, block: BlockEntry) -> slice:
        """Return which rows of its era a block holds."""
        start = self._starts[shard.name, block.offset]
        return slice(start, start + block.rows)


class TargetColumns:
    """Targets that are read together, stored or derived.

    Args:
        reader: the shards.
        names: targets wanted, in this order; None: all that are stored.

    Raises:
        ConfigError: if a name cannot be read, or there is no such feature set.
        DataError: if a target is not there, or a file that it needs.
    """

    def __init__(self, reader: "ShardReader", names: Sequence[str] | None) -> None:
        wanted = reader.manifest.target_names if names is None else names
        self._columns = [_column(reader, parse_target(name)) for name in wanted]
        self._places = reader.places

    def __len__(self) -> int:
        """Return the number of targets."""
        return len(self._columns)

    def make(self, eras: Sequence[int]) -> None:
        """Make what is kept beside the shards and is not there yet."""
        for column in self._columns:
            if isinstance(column, NeutralTarget):
                column.make(eras)

    def values(
        self, packed: PackedBlock, shard: ShardFile, entry: BlockEntry
    ) -> Values:
        """Return ``(rows, len(self))`` float32 of a block, NaN: missing."""
        values = np.empty((len(packed.ids), len(self)), np.float32)
        for place, column in enumerate(self._columns):
            if isinstance(column, NeutralTarget):
                of_era = column.of_era(packed.era)
                values[:, place] = of_era[self._places.rows(shard, entry)]
            else:
                values[:, place] = column.values(packed.y)
        return values


class _StoredTarget:
    """A stored target, a mean or a weighted sum of some."""

    def __init__(self, target: Target, palettes: Sequence[Palette]) -> None:
        self._weights = target.weights or (1 / len(palettes),) * len(palettes)
        self._palettes = palettes
        self._is_plain = not target.is_derived

    def values(self, codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.floating]:
        """Return ``(rows,)`` values of ``(rows, T)`` codes."""
        stored = [of_code[codes[:, at]] for at, of_code in self._palettes]
        if self._is_plain:
            return stored[0]
        terms = zip(self._weights, stored, strict=True)
        total = np.zeros(len(codes))
        for weight, one in terms:
            total += weight * one.astype(np.float64)
        return total


def _column(reader: "ShardReader", target: Target) -> _StoredTarget | NeutralTarget:
    palettes = chosen_palettes(reader.folder, reader.manifest, target.names)
    if target.neutral is not None:
        return reader.neutral_target(target)
    return _StoredTarget(target, palettes)
