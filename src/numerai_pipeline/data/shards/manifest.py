"""``manifest.json`` of a folder of shards: what is in it, from what, and where.

It is written last: a folder with a manifest is whole.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from numerai_pipeline.core import DataError, Frozen, read_json, write_json
from numerai_pipeline.data.shards.packing import packed_width

SHARD_MANIFEST = "manifest.json"

# Counts changes of the format that an older reader would misread.
LAYOUT_VERSION = 1
LAYOUT = f"numerai-pipeline packed {LAYOUT_VERSION}"

# Code of a missing target; so a palette has at most 255 values.
MISSING_TARGET = 255


class SourceFile(Frozen):
    """A file that the shards were made from."""

    name: str
    bytes: int
    sha256: str


class TargetPalette(Frozen):
    """A target and the values that its codes stand for, exact as float32."""

    name: str
    palette: tuple[float, ...]

    def values(self) -> npt.NDArray[np.float32]:
        """Return ``(256,)`` float32: code -> value, NaN for 255 and what is unused."""
        values = np.full(MISSING_TARGET + 1, np.nan, np.float32)
        values[: len(self.palette)] = self.palette
        return values


class BlockEntry(Frozen):
    """Where a block lies in its file, with its frame; offset and bytes in bytes."""

    era: int
    rows: int
    offset: int
    bytes: int


class ShardFile(Frozen):
    """One file of a split."""

    name: str
    bytes: int
    sha256: str
    rows: int
    blocks: tuple[BlockEntry, ...]

    @property
    def eras(self) -> tuple[int, ...]:
        """Eras with rows in this file, ascending."""
        return tuple(dict.fromkeys(block.era for block in self.blocks))


class SplitEntry(Frozen):
    """The files of a split, in the order of their eras."""

    eras: tuple[int, ...]
    rows: int
    shards: tuple[ShardFile, ...]


class Dropped(Frozen):
    """What of the sources is in no split."""

    rows_without_target: int
    purged_eras: tuple[int, ...]
    purged_rows: int


class ShardManifest(Frozen):
    """All that is known of a folder of shards.

    Attributes:
        layout: name and version of the format.
        fingerprint: digest of the layout, sources and options; the same
            fingerprint means the same shards.
        data_version: data release, such as ``v5.3``.
        options: the options of the ETL, for people.
        sources: files read.
        features: names, in the order of the packing.
        targets: names in the order of the columns of ``y``, with palettes.
        dropped: rows and eras in no split.
        splits: name -> eras and files.
    """

    layout: str
    fingerprint: str
    data_version: str
    options: dict[str, Any]
    sources: tuple[SourceFile, ...]
    features: tuple[str, ...]
    targets: tuple[TargetPalette, ...]
    dropped: Dropped
    splits: dict[str, SplitEntry]

    @classmethod
    def load(cls, folder: Path) -> "ShardManifest":
        """Read the manifest of a folder of shards.

        Raises:
            DataError: if there is none, it is broken, or its layout is another.
        """
        path = folder / SHARD_MANIFEST
        if not path.is_file():
            raise DataError(
                f"{folder} holds no shards: there is no {SHARD_MANIFEST}. "
                "Run `nai etl` first."
            )
        content = read_json(path)
        layout = content.get("layout") if isinstance(content, dict) else None
        if layout != LAYOUT:
            raise DataError(
                f"{path} says layout {layout!r}, but this version reads {LAYOUT!r}. "
                "Run `nai etl` to make the shards again."
            )
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise DataError(
                f"{path} is broken at {place}: {first['msg']}. "
                "Run `nai etl` to make the shards again."
            ) from error

    def save(self, folder: Path) -> None:
        """Write the manifest into a folder, whole."""
        write_json(folder / SHARD_MANIFEST, self.model_dump(mode="json"))

    @property
    def target_names(self) -> tuple[str, ...]:
        """Names of the targets, in the order of the columns of ``y``."""
        return tuple(target.name for target in self.targets)

    @property
    def width(self) -> int:
        """P, bytes a row of features."""
        return packed_width(len(self.features))

    @property
    def n_rows(self) -> int:
        """Rows of all splits."""
        return sum(split.rows for split in self.splits.values())

    @property
    def n_bytes(self) -> int:
        """Bytes of all shard files."""
        return sum(shard.bytes for shard in self.shards)

    @property
    def shards(self) -> Sequence[ShardFile]:
        """The files of all splits."""
        return [shard for split in self.splits.values() for shard in split.shards]
