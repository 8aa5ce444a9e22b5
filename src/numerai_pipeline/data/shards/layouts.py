"""How a block of rows lies in a shard file."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from numerai_pipeline.data.shards.packing import packed_width
from numerai_pipeline.data.shards.records import (
    PackedBlock,
    decode_record,
    encode_record,
)


class Layout(Protocol):
    """How a block of rows lies in a shard file."""

    name: str
    width: int
    n_targets: int

    def encode(self, block: PackedBlock) -> bytes: ...

    def decode(self, content: bytes, *, era: int, rows: int) -> PackedBlock: ...


@dataclass(frozen=True)
class _Packed:
    width: int
    n_targets: int
    name: str = "packed"

    def encode(self, block: PackedBlock) -> bytes:
        return encode_record(block)

    def decode(self, content: bytes, *, era: int, rows: int) -> PackedBlock:
        return decode_record(
            content, era=era, rows=rows, width=self.width, n_targets=self.n_targets
        )


def layout(
    name: str, *, n_features: int, palettes: Sequence[Sequence[float]]
) -> Layout:
    return _Packed(packed_width(n_features), len(palettes))
