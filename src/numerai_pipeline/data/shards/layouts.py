"""How a block of rows lies in a shard file: packed, or an Example a row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from numerai_pipeline.data.shards.packing import packed_width
from numerai_pipeline.data.shards.records import (
    PackedBlock,
    decode_record,
    encode_record,
)
from numerai_pipeline.data.shards.rows_records import RowsCodec


class Layout(Protocol):
    """What the writer and the reader need to know of a layout."""

    @property
    def width(self) -> int:
        """P, bytes of packed features per row in memory."""
        ...

    @property
    def n_targets(self) -> int:
        """T, targets of a row."""
        ...

    def encode(self, block: PackedBlock) -> bytes:
        """Return a block as it lies in a file: whole TFRecord frames."""
        ...

    def decode(self, content: bytes, *, era: int, rows: int) -> PackedBlock:
        """Return the block that lies in a file.

        Args:
            content: the bytes that the manifest lists for it.
            era: the era that it must hold.
            rows: how many rows it must have.

        Raises:
            BrokenRecord: if a byte has changed, or the content is another.
        """
        ...


def layout(
    name: str, *, n_features: int, palettes: Sequence[Sequence[float]]
) -> Layout:
    """Return a layout by its name.

    Args:
        name: ``packed`` or ``rows``.
        n_features: F, features of a row.
        palettes: values of each target.

    Raises:
        ValueError: if no layout has this name; manifest and options are checked before.
    """
    width, n_targets = packed_width(n_features), len(palettes)
    if name == "packed":
        return _PackedLayout(width, n_targets)
    if name == "rows":
        return _RowsLayout(width, n_targets, RowsCodec(n_features, palettes))
    raise ValueError(f"unknown layout {name!r}")


@dataclass(frozen=True)
class _PackedLayout:
    """One record per block, three features per byte; see ``records``."""

    width: int
    n_targets: int

    def encode(self, block: PackedBlock) -> bytes:
        return encode_record(block)

    def decode(self, content: bytes, *, era: int, rows: int) -> PackedBlock:
        return decode_record(
            content, era=era, rows=rows, width=self.width, n_targets=self.n_targets
        )


@dataclass(frozen=True)
class _RowsLayout:
    """One record per row, all values as floats; see ``rows_records``."""

    width: int
    n_targets: int
    codec: RowsCodec

    def encode(self, block: PackedBlock) -> bytes:
        return self.codec.encode(block)

    def decode(self, content: bytes, *, era: int, rows: int) -> PackedBlock:
        return self.codec.decode(content, era=era, rows=rows)
