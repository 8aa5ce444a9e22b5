"""One record of a shard: a block of rows as a ``tf.train.Example`` in a TFRecord frame.

The frame is: length (uint64, little endian), masked CRC-32C of the length, the
Example, masked CRC-32C of the Example. Frame and Example are written by hand, which is
forty lines, because TensorFlow and its memory are then not needed to write or read
shards; the checksum is google-crc32c's, which uses the processor's instruction for it.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

import google_crc32c
import numpy as np
import numpy.typing as npt

# Ids are `n` and 15 hex digits.
ID_BYTES = 16

_LENGTH = struct.Struct("<Q")
_CRC = struct.Struct("<I")
_CRC_BITS = 0xFFFFFFFF
_MASK_DELTA = 0xA282EAD8
HEADER_BYTES = _LENGTH.size + _CRC.size
FRAME_BYTES = HEADER_BYTES + _CRC.size

# Field numbers of tensorflow/core/example/{example,feature}.proto.
_EXAMPLE_FEATURES, _FEATURES_ENTRY, _ENTRY_KEY, _ENTRY_VALUE = 1, 1, 1, 2
_BYTES_LIST, _FLOAT_LIST, _INT64_LIST, _LIST_VALUE = 1, 2, 3, 1
_LENGTH_DELIMITED = 2


class BrokenRecord(ValueError):
    """The bytes are not a record of shards; the caller adds the file's name."""


@dataclass(frozen=True)
class PackedBlock:
    """Rows of one era as they lie in a record.

    Attributes:
        era: number of the era.
        x: ``(rows, P)`` uint8, three features per byte.
        y: ``(rows, T)`` uint8, codes into the palettes, 255 where missing.
        ids: ``(rows,)`` S16.
    """

    era: int
    x: npt.NDArray[np.uint8]
    y: npt.NDArray[np.uint8]
    ids: npt.NDArray[np.bytes_]


def encode_record(block: PackedBlock) -> bytes:
    """Return the framed record of a block."""
    example = b"".join(
        example_parts(
            {
                b"era": int64_feature(block.era),
                b"id": bytes_feature(block.ids.tobytes()),
                b"y": bytes_feature(block.y.tobytes()),
                b"x": bytes_feature(block.x.tobytes()),
            }
        )
    )
    return b"".join(
        [frame_header(len(example)), example, _CRC.pack(masked_crc32c(example))]
    )


def decode_record(
    record: bytes, *, era: int, rows: int, width: int, n_targets: int
) -> PackedBlock:
    """Return the block of a framed record, without copying it.

    Args:
        record: the whole frame.
        era: the era that it must hold.
        rows: how many rows it must have.
        width: P, bytes of features per row.
        n_targets: T, bytes of targets per row.

    Raises:
        BrokenRecord: if a byte has changed, or the content is another.
    """
    features = _parse_example(_unframed(record))
    try:
        block = PackedBlock(
            era=_first_varint(features["era"], _INT64_LIST),
            x=_bytes_of(features["x"]).reshape(rows, width),
            y=_bytes_of(features["y"]).reshape(rows, n_targets),
            ids=_bytes_of(features["id"]).view(f"S{ID_BYTES}").reshape(rows),
        )
    except (KeyError, ValueError) as error:
        raise BrokenRecord(f"it is not a block of {rows} rows ({error})") from error
    if block.era != era:
        raise BrokenRecord(f"it holds era {block.era:04d}")
    return block


def _unframed(record: bytes) -> memoryview:
    view = memoryview(record)
    if len(view) < FRAME_BYTES:
        raise BrokenRecord(f"it ends after {len(view)} bytes")
    length, example, crc = view[: _LENGTH.size], view[HEADER_BYTES:-4], view[-4:]
    if _LENGTH.unpack(length)[0] != len(example):
        raise BrokenRecord("its length is not the one in its header")
    if _CRC.unpack(view[_LENGTH.size : HEADER_BYTES])[0] != masked_crc32c(length):
        raise BrokenRecord("the checksum of its header does not match")
    if _CRC.unpack(crc)[0] != masked_crc32c(example):
        raise BrokenRecord("its checksum does not match its content")
    return example


def _varint(value: int) -> bytes:
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def _field(number: int, *parts: bytes) -> list[bytes]:
    """Return a length-delimited field in parts, joined once, at the end."""
    size = sum(len(part) for part in parts)
    return [_varint(number << 3 | _LENGTH_DELIMITED) + _varint(size), *parts]


def masked_crc32c(content: bytes | memoryview | npt.NDArray[np.uint8]) -> int:
    """Return the CRC-32C as TFRecord files store it.

    Rotated by 15 bits plus a constant, so that the checksum of data that holds
    checksums is none of them.

    Args:
        content: contiguous bytes, which are not copied.

    Source: RFC 3720, section 12.1 (CRC-32C); TensorFlow's ``crc32c::Mask``.

    >>> hex(masked_crc32c(b"123456789"))
    '0xc78ab0e5'
    """
    # The library refuses a memoryview, which a NumPy array over it is not.
    crc: int = google_crc32c.value(np.frombuffer(content, np.uint8))
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & _CRC_BITS


def last_crc(record: bytes) -> int:
    """Return the checksum at the end of a frame, or of the last of several."""
    return int(_CRC.unpack(record[-_CRC.size :])[0])


def check_is_own(record: bytes, crc: int) -> None:
    """Check that a record, whole in itself, is the one that the manifest lists.

    Raises:
        BrokenRecord: if it is another one.
    """
    if last_crc(record) != crc:
        raise BrokenRecord("it is another block than the one in the manifest")


def frame_header(n_bytes: int) -> bytes:
    """Return what stands before an Example of so many bytes."""
    length = _LENGTH.pack(n_bytes)
    return length + _CRC.pack(masked_crc32c(length))


def bytes_feature(content: bytes) -> list[bytes]:
    """Return a feature of one bytes value, in parts of which ``content`` is one."""
    return _field(_BYTES_LIST, *_field(_LIST_VALUE, content))


def float_feature(content: bytes) -> list[bytes]:
    """Return a feature of floats (packed, little endian) in parts, as above."""
    return _field(_FLOAT_LIST, *_field(_LIST_VALUE, content))


def int64_feature(value: int) -> list[bytes]:
    """Return a feature of one non-negative number, in parts."""
    return _field(_INT64_LIST, *_field(_LIST_VALUE, _varint(value)))


def example_parts(features: dict[bytes, list[bytes]]) -> list[bytes]:
    """Return an Example of these features, in parts: nothing is copied."""
    entries: list[bytes] = []
    for name, feature in features.items():
        entry = _field(_ENTRY_KEY, name) + _field(_ENTRY_VALUE, *feature)
        entries += _field(_FEATURES_ENTRY, *entry)
    return _field(_EXAMPLE_FEATURES, *entries)


def _fields(message: memoryview) -> Iterator[tuple[int, memoryview]]:
    """Walk the length-delimited fields of a protobuf message."""
    position = 0
    while position < len(message):
        key, position = _read_varint(message, position)
        if key & 7 != _LENGTH_DELIMITED:
            raise BrokenRecord("its fields are not those of an Example")
        size, position = _read_varint(message, position)
        if position + size > len(message):
            raise BrokenRecord("a field is longer than the record")
        yield key >> 3, message[position : position + size]
        position += size


def _read_varint(message: memoryview, position: int) -> tuple[int, int]:
    value = shift = 0
    while position < len(message):
        byte = message[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise BrokenRecord("it ends within a number")


def _parse_example(example: memoryview) -> dict[str, memoryview]:
    return {
        _only(entry, _ENTRY_KEY).tobytes().decode(): _only(entry, _ENTRY_VALUE)
        for entry in _all(_only(example, _EXAMPLE_FEATURES), _FEATURES_ENTRY)
    }


def _all(message: memoryview, number: int) -> Iterator[memoryview]:
    return (content for found, content in _fields(message) if found == number)


def _only(message: memoryview, number: int) -> memoryview:
    for content in _all(message, number):
        return content
    raise BrokenRecord("a field of the Example is missing")


def _first_varint(feature: memoryview, kind: int) -> int:
    return _read_varint(_only(_only(feature, kind), _LIST_VALUE), 0)[0]


def _bytes_of(feature: memoryview) -> npt.NDArray[np.uint8]:
    return np.frombuffer(_only(_only(feature, _BYTES_LIST), _LIST_VALUE), np.uint8)
