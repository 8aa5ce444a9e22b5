import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerai_pipeline.data.shards.records import (
    BrokenRecord,
    PackedBlock,
    decode_record,
    encode_record,
    masked_crc32c,
)

SHAPE = {"era": 574, "rows": 3, "width": 4, "n_targets": 2}


@pytest.fixture(name="block")
def _block() -> PackedBlock:
    return PackedBlock(
        era=574,
        x=np.arange(12, dtype=np.uint8).reshape(3, 4),
        y=np.array([[0, 255], [4, 1], [2, 3]], np.uint8),
        ids=np.array([b"n000000000000001", b"n02", b""], "S16"),
    )


def test_a_block_comes_back_as_it_was(block: PackedBlock) -> None:
    found = decode_record(encode_record(block), **SHAPE)
    np.testing.assert_array_equal(found.x, block.x)
    np.testing.assert_array_equal(found.y, block.y)
    assert found.ids.tolist() == block.ids.tolist()
    assert found.era == 574


@given(
    st.integers(0, 32_767), st.integers(1, 300), st.integers(1, 70), st.integers(1, 50)
)
def test_any_shape_comes_back(era: int, rows: int, width: int, n_targets: int) -> None:
    rng = np.random.default_rng(rows)
    block = PackedBlock(
        era=era,
        x=rng.integers(0, 216, (rows, width), np.uint8),
        y=rng.integers(0, 256, (rows, n_targets), np.uint8),
        ids=np.array([b"n%015x" % row for row in range(rows)], "S16"),
    )
    shape = {"era": era, "rows": rows, "width": width, "n_targets": n_targets}
    found = decode_record(encode_record(block), **shape)
    np.testing.assert_array_equal(found.x, block.x)
    np.testing.assert_array_equal(found.y, block.y)


def test_every_flipped_bit_is_noticed(block: PackedBlock) -> None:
    record = encode_record(block)
    for position in range(len(record) * 8):
        broken = bytearray(record)
        broken[position // 8] ^= 1 << position % 8
        with pytest.raises(BrokenRecord):
            decode_record(bytes(broken), **SHAPE)


def test_every_cut_is_noticed(block: PackedBlock) -> None:
    record = encode_record(block)
    for length in range(len(record)):
        with pytest.raises(BrokenRecord):
            decode_record(record[:length], **SHAPE)


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"rows": 4}, "it is not a block of 4 rows"),
        ({"width": 5}, "it is not a block of 3 rows"),
        ({"era": 575}, "it holds era 0574"),
    ],
)
def test_another_shape_is_noticed(
    block: PackedBlock, changed: dict[str, int], sentence: str
) -> None:
    with pytest.raises(BrokenRecord, match=sentence):
        decode_record(encode_record(block), **{**SHAPE, **changed})


@pytest.mark.parametrize(
    ("content", "crc"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
    ],
)
def test_the_checksum_is_that_of_rfc_3720(content: bytes, crc: int) -> None:
    rotated = (masked_crc32c(content) - 0xA282EAD8) % 2**32
    assert (rotated << 15 | rotated >> 17) % 2**32 == crc


def test_the_mask_is_that_of_tfrecord() -> None:
    # The frame of an 8-byte length of zero, as TensorFlow writes it.
    assert masked_crc32c(bytes(8)).to_bytes(4, "little").hex() == "29039807"


def test_a_view_has_the_checksum_of_its_bytes() -> None:
    content = np.random.default_rng(1).bytes(1_000)
    part = memoryview(content)[12:900]
    assert masked_crc32c(part) == masked_crc32c(content[12:900])
