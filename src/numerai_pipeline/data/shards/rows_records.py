"""The rows layout: one ``tf.train.Example`` a row, all values as floats.

It is what the scripts wrote that this product replaces, for models that still read it.
Of the rows of one era every frame has the same size and, outside of the values, the
same bytes. So a block is a matrix with one frame per row, written and read by columns.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from numerai_pipeline.core import columns
from numerai_pipeline.data.shards.manifest import MISSING_TARGET
from numerai_pipeline.data.shards.packing import Bytes, pack, unpack
from numerai_pipeline.data.shards.palettes import PaletteCoder
from numerai_pipeline.data.shards.records import (
    HEADER_BYTES,
    ID_BYTES,
    BrokenRecord,
    PackedBlock,
    bytes_feature,
    example_parts,
    float_feature,
    frame_header,
    int64_feature,
    masked_crc32c,
)

_FLOAT_BYTES = 4
_CRC_BYTES = 4

# What a code of features stands for: NaN is missing.
_VALUES = np.array([0, 1, 2, 3, 4, np.nan], "<f4")


@dataclass(frozen=True)
class _Frame:
    """The frame of a row of some era, with zeros for the values.

    Attributes:
        content: its bytes; the last ones are for the checksum.
        is_fixed: ``(bytes,)`` which of them are the same in every row.
        x: where the features are.
        y: where the targets are.
        id: where the id is.
    """

    content: Bytes
    is_fixed: npt.NDArray[np.bool_]
    x: slice
    y: slice
    id: slice

    @classmethod
    def of(cls, era: int, n_features: int, n_targets: int) -> "_Frame":
        x, y = bytes(_FLOAT_BYTES * n_features), bytes(_FLOAT_BYTES * n_targets)
        id_ = bytes(ID_BYTES)
        parts = example_parts(
            {
                b"era": int64_feature(era),
                b"id": bytes_feature(id_),
                b"y": float_feature(y),
                b"x": float_feature(x),
            }
        )
        starts, end = {}, HEADER_BYTES
        for part in parts:
            starts[id(part)] = end  # x, y and id_ are among the parts themselves
            end += len(part)
        header = frame_header(end - HEADER_BYTES)
        frame = b"".join([header, *parts, bytes(_CRC_BYTES)])
        content = np.frombuffer(frame, np.uint8)
        x_place, y_place, id_place = (
            slice(starts[id(part)], starts[id(part)] + len(part))
            for part in (x, y, id_)
        )
        is_fixed = np.ones(len(content), np.bool_)
        for place in (x_place, y_place, id_place, slice(end, None)):
            is_fixed[place] = False
        return cls(content, is_fixed, x_place, y_place, id_place)


class RowsCodec:
    """Writes and reads blocks of rows.

    Args:
        n_features: F, features of a row.
        palettes: values of each target.
    """

    def __init__(self, n_features: int, palettes: Sequence[Sequence[float]]) -> None:
        self._n_features = n_features
        self._coder = PaletteCoder(palettes)
        self._values = np.full((len(palettes), MISSING_TARGET + 1), np.nan, "<f4")
        for target, palette in enumerate(palettes):
            self._values[target, : len(palette)] = palette

    def encode(self, block: PackedBlock) -> bytes:
        """Return the frames of a block's rows, one after the other."""
        frame = self._frame(block.era)
        rows = np.empty((len(block.ids), len(frame.content)), np.uint8)
        rows[:] = frame.content
        x = _VALUES[unpack(block.x, self._n_features)]
        y = np.empty((len(block.ids), len(self._values)), "<f4")
        for target, values in enumerate(self._values):
            y[:, target] = values[block.y[:, target]]
        rows[:, frame.x] = x.view(np.uint8)
        rows[:, frame.y] = y.view(np.uint8)
        rows[:, frame.id] = _bytes_of_ids(block.ids)
        rows[:, -_CRC_BYTES:] = _checksums(rows)[:, None].view(np.uint8)
        return rows.tobytes()

    def decode(self, content: bytes, *, era: int, rows: int) -> PackedBlock:
        """Return the block of frames.

        Raises:
            BrokenRecord: if a byte has changed, or the content is another.
        """
        frame = self._frame(era)
        if len(content) != rows * len(frame.content):
            raise BrokenRecord(f"it is not a block of {rows} rows")
        found = np.frombuffer(content, np.uint8).reshape(rows, -1)
        if (found[:, frame.is_fixed] != frame.content[frame.is_fixed]).any():
            raise BrokenRecord(f"it is not a block of {rows} rows of era {era:04d}")
        crc = np.ascontiguousarray(found[:, -_CRC_BYTES:]).view("<u4")[:, 0]
        if (_checksums(found) != crc).any():
            raise BrokenRecord("its checksum does not match its content")
        return PackedBlock(
            era=era,
            x=pack(_codes(_floats(found[:, frame.x]))),
            y=self._codes_of_targets(_floats(found[:, frame.y])),
            ids=np.ascontiguousarray(found[:, frame.id]).view(f"S{ID_BYTES}")[:, 0],
        )

    def _frame(self, era: int) -> _Frame:
        return _Frame.of(era, self._n_features, len(self._values))

    def _codes_of_targets(self, y: npt.NDArray[np.float32]) -> Bytes:
        codes = np.empty(y.shape, np.uint8)
        for target, values in enumerate(self._values):
            column = np.ascontiguousarray(y[:, target])
            of_column = self._coder(target, column)
            back = values[of_column]
            if (back.view(np.uint32) != column.view(np.uint32))[
                ~np.isnan(column)
            ].any():
                raise BrokenRecord("a target has a value that its palette has not")
            codes[:, target] = of_column
        return codes


def _checksums(frames: Bytes) -> npt.NDArray[np.uint32]:
    """Return the ``(n,)`` masked CRC-32C of the Examples in ``(n, bytes)`` frames."""
    examples = frames[:, HEADER_BYTES:-_CRC_BYTES]
    return np.array([masked_crc32c(example) for example in examples], "<u4")


def _codes(x: npt.NDArray[np.float32]) -> Bytes:
    is_missing = np.isnan(x)
    with np.errstate(invalid="ignore"):  # what fits no byte is refused below
        codes = np.where(is_missing, columns.MISSING_CODE, x).astype(np.uint8)
    if (((codes != x) | (codes >= columns.MISSING_CODE)) & ~is_missing).any():
        raise BrokenRecord("a feature has none of the five values")
    return codes


def _floats(content: Bytes) -> npt.NDArray[np.float32]:
    return np.ascontiguousarray(content).view("<f4")


def _bytes_of_ids(ids: npt.NDArray[np.bytes_]) -> Bytes:
    return np.ascontiguousarray(ids).view(np.uint8).reshape(len(ids), ID_BYTES)
