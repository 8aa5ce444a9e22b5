"""``manifest.json`` of a folder of shards: contents, provenance and checksums.

It is written last: a folder with a manifest is whole.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict, Field, ValidationError

from numerai_pipeline.core import DataError, Frozen, digest_of, read_json, write_json
from numerai_pipeline.data.shards.packing import packed_width

SHARD_MANIFEST = "manifest.json"

# Counts changes of the format that an older reader would misread.
LAYOUT_VERSION = 1
LAYOUT_NAMES = ("packed", "rows")

REMEDY = "Run `nai etl` to rebuild the shards."

# Code of a missing target; so a palette has at most 255 values.
MISSING_TARGET = 255


def layout_text(name: str) -> str:
    """Return how a manifest names a layout and its version.

    >>> layout_text("packed")
    'numerai-pipeline packed 1'
    """
    return f"numerai-pipeline {name} {LAYOUT_VERSION}"


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
        """Return ``(256,)`` float32: code -> value, NaN for 255 and unused codes."""
        values = np.full(MISSING_TARGET + 1, np.nan, np.float32)
        values[: len(self.palette)] = self.palette
        return values


class BlockEntry(Frozen):
    """Where a block lies in its file, with its frames; offset and bytes in bytes.

    ``crc32c`` is the masked checksum at the end of its last frame; it shows whether a
    block, whole in itself, belongs to another file.
    """

    era: int
    rows: int
    offset: int
    bytes: int
    crc32c: int


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
    """Rows of the sources that are in no split.

    Purged eras are a split of their own; shards of version 0.1.0 dropped them.
    """

    rows_without_target: int = 0
    purged_eras: tuple[int, ...] = ()
    purged_rows: int = 0
    rows_not_chosen: int = 0
    rows_balanced_away: int = 0


class ClassShare(Frozen):
    """How many training rows have a target value, before and after balancing."""

    value: float
    rows_before: int
    rows_after: int


class FeatureGroup(Frozen):
    """Consecutive features that belong together."""

    name: str
    n_features: int


class Provenance(Frozen):
    """What decides the shards, byte for byte: the same provenance, the same shards."""

    layout: str
    options: dict[str, Any]
    sources: tuple[SourceFile, ...]

    @property
    def fingerprint(self) -> str:
        """Return 64 hex digits."""
        return digest_of(self.model_dump(mode="json"))

    def changes_since(self, before: "Provenance") -> list[str]:
        """Return what has changed, one phrase per change.

        >>> old = Provenance(layout="a 1", options={"split": 0.2}, sources=())
        >>> new = Provenance(layout="a 1", options={"split": 0.3}, sources=())
        >>> new.changes_since(old)
        ['split was 0.2 and is 0.3']
        """
        changes = []
        if self.layout != before.layout:
            changes.append(f"layout was {before.layout} and is {self.layout}")
        for name, value in self.options.items():
            old = before.options.get(name)
            if old != value and name != "layout":
                changes.append(f"{name} was {_short(old)} and is {_short(value)}")
        old_files = {file.name: file for file in before.sources}
        new_files = {file.name: file for file in self.sources}
        for name in sorted(old_files.keys() | new_files.keys()):
            old_file, new_file = old_files.get(name), new_files.get(name)
            if old_file and new_file and old_file.sha256 != new_file.sha256:
                changes.append(f"{name} has changed")
            elif not old_file or not new_file:
                changes.append(f"{name} {'was not' if new_file else 'was'} read")
        return changes


class ShardManifest(Frozen):
    """The description of a folder of shards.

    Attributes:
        provenance: layout, sources and options; ``origin`` in the file.
        data_version: data release, such as ``v5.3``.
        features: names, in the order of the packing.
        groups: how many features each group has, where they are ordered by group.
        targets: names in the order of the columns of ``y``, with palettes.
        dropped: rows and eras that are in no split.
        class_shares: how balancing changed the training rows; empty without it.
        splits: name -> eras and files.
        checksum: digest of all other fields; set by ``save``.
    """

    # The file keeps the key of the first version, so that older shards stay readable.
    model_config = ConfigDict(populate_by_name=True)

    provenance: Provenance = Field(alias="origin")
    data_version: str
    features: tuple[str, ...]
    groups: tuple[FeatureGroup, ...] = ()
    targets: tuple[TargetPalette, ...]
    dropped: Dropped
    class_shares: tuple[ClassShare, ...] = ()
    splits: dict[str, SplitEntry]
    checksum: str = ""

    @classmethod
    def load(cls, folder: Path) -> "ShardManifest":
        """Read the manifest of a folder of shards.

        Raises:
            DataError: if it is missing or broken, or has an unknown layout.
        """
        path = folder / SHARD_MANIFEST
        if not path.is_file():
            raise DataError(
                f"{folder} holds no shards: there is no {SHARD_MANIFEST}. "
                "Run `nai etl` first."
            )
        content = read_json(path, remedy=REMEDY)
        layout = _layout_of(content)
        if layout not in (layouts := [layout_text(name) for name in LAYOUT_NAMES]):
            raise DataError(
                f"{path} has the layout {layout!r}, but this version reads "
                f"{' and '.join(map(repr, layouts))}. {REMEDY}"
            )
        try:
            manifest = cls.model_validate(content)
        except ValidationError as error:
            first = error.errors()[0]
            place = ".".join(str(part) for part in first["loc"])
            raise DataError(
                f"{path} is broken at {place}: {first['msg']}. {REMEDY}"
            ) from error
        if manifest.checksum != manifest._digest():
            raise DataError(
                f"{path} has changed: its own checksum does not match. {REMEDY}"
            )
        return manifest

    def save(self, folder: Path) -> "ShardManifest":
        """Write the manifest into a folder, whole; return it with its checksum."""
        sealed = self.model_copy(update={"checksum": self._digest()})
        write_json(
            folder / SHARD_MANIFEST, sealed.model_dump(mode="json", by_alias=True)
        )
        return sealed

    def _digest(self) -> str:
        content = self.model_dump(mode="json", by_alias=True, exclude={"checksum"})
        return digest_of(content)

    @property
    def fingerprint(self) -> str:
        """Digest of the provenance: the same fingerprint means the same shards."""
        return self.provenance.fingerprint

    @property
    def layout_name(self) -> str:
        """How a block lies in a file: ``packed`` or ``rows``."""
        return self.provenance.layout.split()[1]

    @property
    def target_names(self) -> tuple[str, ...]:
        """Names of the targets, in the order of the columns of ``y``."""
        return tuple(target.name for target in self.targets)

    @property
    def width(self) -> int:
        """P, bytes of features per row."""
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


def _layout_of(content: Any) -> Any:
    try:
        return content["origin"]["layout"]
    except (KeyError, TypeError, IndexError):
        return None


def _short(value: Any) -> str:
    if value is None:
        return "not set"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) < 60 else text[:56] + " ..."
