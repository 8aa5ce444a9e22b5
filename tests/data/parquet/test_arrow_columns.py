from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numerai_pipeline.data.parquet.arrow_columns import (
    IllegalValue,
    byte_codes,
    era_values,
    feature_codes,
    id_values,
    shows_quarters,
    target_values,
)

INTEGERS = [pa.int8(), pa.uint8(), pa.int16(), pa.int32(), pa.int64(), pa.uint64()]
FLOATS = [pa.float16(), pa.float32(), pa.float64()]


def chunked(values: list[Any], kind: pa.DataType) -> pa.ChunkedArray:
    """Two chunks, the second of them a slice that does not start at a byte."""
    half = len(values) // 2
    padded = pa.array([None, None, None, *values], pa.float64()).cast(kind)
    return pa.chunked_array([padded[3 : 3 + half], padded[3 + half :]])


# Arrow sets up its arithmetic when it is first used, which may take half a second.
@pytest.mark.parametrize("kind", INTEGERS + FLOATS, ids=str)
@settings(deadline=None)
@given(values=st.lists(st.sampled_from([0, 1, 2, 3, 4, None]), min_size=1))
def test_every_number_type_gives_the_same_codes(
    kind: pa.DataType, values: list[int | None]
) -> None:
    codes = feature_codes(chunked(values, kind), in_quarters=False)
    assert codes.dtype == np.uint8
    assert codes.tolist() == [5 if value is None else value for value in values]


@pytest.mark.parametrize("kind", FLOATS, ids=str)
def test_the_old_quarters_give_the_same_codes(kind: pa.DataType) -> None:
    values = [0, 0.25, 0.5, 0.75, 1, None, float("nan")]
    codes = feature_codes(chunked(values, kind), in_quarters=True)
    assert codes.tolist() == [0, 1, 2, 3, 4, 5, 5]


def test_int8_without_nulls_is_not_copied() -> None:
    array = pa.array([0, 1, 4], pa.int8())
    codes = feature_codes(pa.chunked_array([array]), in_quarters=False)
    assert codes.ctypes.data == array.buffers()[1].address


@pytest.mark.parametrize("kind", [pa.int8(), pa.uint8()], ids=str)
def test_columns_of_bytes_are_checked_together(kind: pa.DataType) -> None:
    columns = [pa.chunked_array([[0, 4], [1]], kind), pa.chunked_array([[3, 2, 2]])]
    columns[1] = columns[1].cast(kind)
    codes = byte_codes(columns)
    assert codes is not None
    assert codes.dtype == np.uint8
    assert codes.tolist() == [[0, 4, 1], [3, 2, 2]]


@pytest.mark.parametrize("value", [None, 5, -1])
def test_columns_of_bytes_with_another_value_are_left_alone(value: int | None) -> None:
    columns = [
        pa.chunked_array([pa.array([0, last], pa.int8())]) for last in (1, value)
    ]
    assert byte_codes(columns) is None


@pytest.mark.parametrize(
    ("values", "kind", "in_quarters", "row"),
    [
        ([0, 5], pa.int8(), False, 1),
        ([-1, 0], pa.int8(), False, 0),
        ([0, None, 300], pa.int64(), False, 2),
        ([0, 0.25], pa.float32(), False, 1),
        ([0, 0.3], pa.float32(), True, 1),
        ([0, 1.25], pa.float32(), True, 1),
        ([float("inf")], pa.float64(), False, 0),
    ],
)
def test_a_value_that_is_none_of_five_is_found(
    values: list[Any], kind: pa.DataType, in_quarters: bool, row: int
) -> None:
    column = pa.chunked_array([pa.array(values, kind)])
    with pytest.raises(IllegalValue, match="one of the five feature values") as error:
        feature_codes(column, in_quarters=in_quarters)
    assert error.value.row == row


def test_a_column_of_text_is_no_feature_and_no_target() -> None:
    column = pa.chunked_array([["a"]])
    with pytest.raises(
        IllegalValue, match="'string', but must be an integer or a float"
    ):
        feature_codes(column, in_quarters=False)
    with pytest.raises(IllegalValue, match="'string', but must be a float column"):
        target_values(column)


@pytest.mark.parametrize(
    ("values", "found"),
    [([0.0, 0.5], True), ([0.0, 2.0], False), ([0.0, 1.0, None], None), ([None], None)],
)
def test_one_value_tells_how_floats_are_scaled(
    values: list[float | None], found: bool | None
) -> None:
    assert shows_quarters(pa.chunked_array([pa.array(values, pa.float32())])) is found


def test_targets_keep_their_bits() -> None:
    values = np.array([0.0, -0.0, 0.1, np.nan], np.float32)
    found = target_values(pa.chunked_array([values]))
    np.testing.assert_array_equal(found.view(np.uint32), values.view(np.uint32))
    with_null = target_values(chunked([0.5, None, 1.0], pa.float64()))
    np.testing.assert_array_equal(with_null, np.array([0.5, np.nan, 1], np.float32))


def test_an_infinite_target_is_refused() -> None:
    with pytest.raises(IllegalValue, match="is inf, but must be finite"):
        target_values(pa.chunked_array([[0.5, float("inf")]]))


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary()], ids=str)
def test_ids_have_a_fixed_width(kind: pa.DataType) -> None:
    values = ["n000000000000001", "n1", ""]
    found = id_values(pa.chunked_array([pa.array(["x", *values]).cast(kind)[1:]]))
    assert found.dtype == "S16"
    assert found.tolist() == [value.encode() for value in values]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (["n1", None], "is None, but must be present"),
        (["n1", "n0123456789abcdef"], "must be at most 16 bytes long"),
    ],
)
def test_ids_that_do_not_fit_are_refused(values: list[Any], sentence: str) -> None:
    with pytest.raises(IllegalValue, match=sentence) as error:
        id_values(pa.chunked_array([values]))
    assert error.value.row == 1


def test_eras_are_numbers_and_x_is_zero() -> None:
    found = era_values(pa.chunked_array([["0001", "era12", "X", "eraX"], ["1198"]]))
    assert found.tolist() == [1, 12, 0, 0, 1198]
    assert era_values(pa.chunked_array([[7, 8]])).tolist() == [7, 8]


@pytest.mark.parametrize("era", ["week 3", "99999", None])
def test_an_era_that_is_none_is_refused(era: str | None) -> None:
    with pytest.raises(IllegalValue, match="but must be a number") as error:
        era_values(pa.chunked_array([["0001", era]]))
    assert error.value.row == 1


@pytest.mark.parametrize("values_of", [id_values, era_values])
def test_a_column_that_is_no_text_is_refused(values_of: Any) -> None:
    columns = [pa.array([[1]]), pa.array([b"\xff"]), pa.array([{"a": 1}])]
    for column in columns:
        with pytest.raises(IllegalValue, match="but must be text or a number"):
            values_of(pa.chunked_array([column]))
