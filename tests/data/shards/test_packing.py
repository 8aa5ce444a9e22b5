import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as stn

from numerai_pipeline.data.shards.packing import (
    pack,
    pack_columns,
    packed_width,
    transpose,
    unpack,
)

shapes = st.tuples(st.integers(0, 30), st.integers(1, 40))
tables = shapes.flatmap(
    lambda shape: stn.arrays(np.uint8, shape, elements=st.integers(0, 5))
)


@given(tables)
def test_defect_11_any_number_of_features_round_trips_bit_for_bit(
    codes: np.ndarray,
) -> None:
    packed = pack(codes)
    assert packed.dtype == np.uint8
    assert packed.shape == (len(codes), -(-codes.shape[1] // 3))
    np.testing.assert_array_equal(unpack(packed, codes.shape[1]), codes)


@given(tables, st.data())
def test_any_choice_of_columns_is_unpacked_alone(
    codes: np.ndarray, data: st.DataObject
) -> None:
    chosen = np.array(
        data.draw(st.lists(st.integers(0, codes.shape[1] - 1), max_size=9)), np.intp
    )
    found = unpack(pack(codes), codes.shape[1], chosen)
    np.testing.assert_array_equal(found, codes[:, chosen])


@given(tables)
def test_columns_pack_into_the_same_bytes_as_rows(codes: np.ndarray) -> None:
    width = packed_width(codes.shape[1])
    columns = np.ascontiguousarray(codes.T)
    places = [columns[start : start + width] for start in (0, width, 2 * width)]
    np.testing.assert_array_equal(pack_columns(places).T, pack(codes))


@given(stn.arrays(np.uint8, st.tuples(st.integers(0, 100), st.integers(0, 40))))
def test_planes_become_rows(planes: np.ndarray) -> None:
    wider = np.zeros((planes.shape[1], len(planes) + 1), np.uint8)
    transpose(planes, out=wider[:, 1:])
    np.testing.assert_array_equal(wider[:, 1:], planes.T)
    assert not wider[:, 0].any()


def test_byte_j_holds_the_columns_j_and_p_and_two_p_further() -> None:
    codes = np.array([[1, 2, 3, 4, 5]], np.uint8)  # P = 2
    first, second = 36 * 1 + 6 * 3 + 5, 36 * 2 + 6 * 4 + 0
    assert pack(codes).tolist() == [[first, second]]


def test_a_code_above_five_is_refused() -> None:
    with pytest.raises(ValueError, match=r"a code is 6, but codes are 0\.\.5"):
        pack(np.array([[6]], np.uint8))
