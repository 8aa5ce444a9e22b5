import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numerai_pipeline.data.shards.crc32c import (
    crc32c,
    masked_crc32c,
    masked_crc32c_of_rows,
)


def bit_by_bit(data: bytes) -> int:
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


@pytest.mark.parametrize(
    ("data", "crc"),
    [
        (b"", 0),
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
    ],
)
def test_the_vectors_of_rfc_3720(data: bytes, crc: int) -> None:
    assert crc32c(data) == crc


@pytest.mark.parametrize(
    "n_bytes", [1, 4, 289, 290, 291, 444, 1_000, 5684, 5685, 5686, 7047, 11_370, 30_001]
)
def test_long_messages_are_folded_without_a_difference(n_bytes: int) -> None:
    data = np.random.default_rng(n_bytes).bytes(n_bytes)
    assert crc32c(data) == bit_by_bit(data)
    assert crc32c(memoryview(data)) == crc32c(data)


def test_every_size_of_fold_gives_what_its_halves_give() -> None:
    # Linear: the checksum of a xor of three messages is the xor of their checksums.
    source = np.random.default_rng(7)
    for exponent in range(13, 22):
        n_bytes = 2**exponent + int(source.integers(5_000))
        first, second = source.bytes(n_bytes), source.bytes(n_bytes)
        both = (int.from_bytes(first) ^ int.from_bytes(second)).to_bytes(n_bytes)
        assert crc32c(both) == crc32c(first) ^ crc32c(second) ^ crc32c(bytes(n_bytes))


@pytest.mark.parametrize("terms", [(5685, 1362, 426, 0), (290, 136, 113, 107, 32, 0)])
def test_the_sparse_polynomials_are_multiples_of_the_crc_polynomial(
    terms: tuple[int, ...],
) -> None:
    polynomial = 1 << 32 | 0x1EDC6F41
    message = sum(1 << term for term in terms)
    while message.bit_length() > 32:
        message ^= polynomial << message.bit_length() - 33
    assert message == 0


@given(st.integers(0, 6), st.integers(0, 12_000), st.integers(0, 99))
def test_many_messages_at_once_are_as_each_alone(
    n_messages: int, n_bytes: int, seed: int
) -> None:
    source = np.random.default_rng(seed)
    messages = source.integers(0, 256, (n_messages, n_bytes), np.uint8)
    found = masked_crc32c_of_rows(messages)
    assert found.dtype == np.uint32
    assert found.tolist() == [masked_crc32c(row.tobytes()) for row in messages]


def test_the_mask_is_that_of_tfrecord() -> None:
    # The frame of an 8-byte length of zero, as TensorFlow writes it.
    assert masked_crc32c(bytes(8)).to_bytes(4, "little").hex() == "29039807"
