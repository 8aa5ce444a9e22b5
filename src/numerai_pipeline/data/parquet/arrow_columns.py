"""One Arrow column -> one numpy array: codes, targets, ids, eras.

Everything that a release may hold is dealt with here, once: int8 as Numerai writes
it, any other integer or float type, nulls, NaN, and the old 0, .25, .5, .75, 1.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from numerai_pipeline.core import columns
from numerai_pipeline.data.shards.records import ID_BYTES

# The fifth of five values.
HIGHEST_CODE = 4

_ERA = re.compile(r"(?:era)?(\d{1,9}|X)")


class IllegalValue(ValueError):
    """A value that cannot be; the caller knows file, column and era and says so."""

    def __init__(self, row: int, found: object, expected: str) -> None:
        super().__init__(f"is {found!r}, but must be {expected}")
        self.row = row


def feature_codes(column: Any, *, in_quarters: bool) -> npt.NDArray[np.uint8]:
    """Return the codes of a feature column: 0..4, and 5 where it is null or NaN.

    Args:
        column: chunked Arrow array of an integer or float type.
        in_quarters: floats are 0, .25, .5, .75, 1 and not 0..4.

    Returns:
        ``(rows,)`` uint8; for int8 without nulls a view of Arrow's own memory.

    Raises:
        IllegalValue: if a value is none of the five.

    >>> feature_codes(pa.chunked_array([[0.0, 0.25, None, 1.0]]), in_quarters=True)
    array([0, 1, 5, 4], dtype=uint8)
    """
    array = _one_chunk(column)
    if pa.types.is_integer(array.type):
        return _integer_codes(array)
    if pa.types.is_floating(array.type):
        return _float_codes(array, 4.0 if in_quarters else 1.0)
    raise IllegalValue(0, str(array.type), "an integer or a float column")


def byte_codes(columns: Sequence[Any]) -> npt.NDArray[np.uint8] | None:
    """Return the codes of feature columns as Numerai writes them, all at once.

    One check for all of them costs a third of one for each, and threads that pack
    side by side wait less for each other.

    Args:
        columns: chunked Arrow arrays of int8 or uint8, of one length.

    Returns:
        ``(len(columns), rows)`` uint8 in 0..4; None if a value is missing or none of
        the five: ``feature_codes`` deals with one column at a time.
    """
    arrays = [_one_chunk(column) for column in columns]
    if any(array.null_count for array in arrays):
        return None
    codes = np.concatenate([_view(array) for array in arrays]).view(np.uint8)
    if codes.max(initial=0) > HIGHEST_CODE:
        return None
    return codes.reshape(len(arrays), -1)


def shows_quarters(column: Any) -> bool | None:
    """Return whether a float column is in quarters; None: it does not show.

    0.25, 0.5 and 0.75 show that it is, and whole numbers above 1 that it is not; other
    values show nothing and are refused where they are decoded.
    """
    values = _floats(_one_chunk(column))
    values = values[np.isfinite(values)]
    if np.isin(values, (0.25, 0.5, 0.75)).any():
        return True
    return False if np.isin(values, (2, 3, 4)).any() else None


def target_values(column: Any) -> npt.NDArray[np.float32]:
    """Return a target column as float32, NaN where it is missing.

    Raises:
        IllegalValue: if a value is infinite or not a number at all.
    """
    array = _one_chunk(column)
    if not (pa.types.is_floating(array.type) or pa.types.is_integer(array.type)):
        raise IllegalValue(0, str(array.type), "a float column")
    values = _floats(array).astype(np.float32, copy=False)
    if np.isinf(values).any():
        row = int(np.isinf(values).argmax())
        raise IllegalValue(row, float(values[row]), "finite")
    return values


def id_values(column: Any) -> npt.NDArray[np.bytes_]:
    """Return ids as ``(rows,)`` S16.

    Raises:
        IllegalValue: if an id is missing or longer than 16 bytes.
    """
    array = _text(column)
    if array.null_count:
        raise IllegalValue(_first_null(array), None, "present")
    n_bytes = _view(pc.binary_length(array))
    if n_bytes.max() > ID_BYTES:
        row = int(n_bytes.argmax())
        expected = f"at most {ID_BYTES} bytes long"
        raise IllegalValue(row, array[row].as_py(), expected)
    binary = array.cast(pa.binary())
    if n_bytes.min() < ID_BYTES:
        padding = pc.binary_repeat(pa.scalar(b"\0"), pa.array(ID_BYTES - n_bytes))
        binary = pc.binary_join_element_wise(binary, padding, b"")
    fixed = binary.cast(pa.binary(ID_BYTES))
    return np.frombuffer(fixed.buffers()[1], f"S{ID_BYTES}")[fixed.offset :][
        : len(fixed)
    ]


def era_values(column: Any) -> npt.NDArray[np.int16]:
    """Return eras as ``(rows,)`` int16; the live era X is 0.

    Raises:
        IllegalValue: if an era is neither a number nor X.

    >>> era_values(pa.chunked_array([["0012", "era13", "X"]]))
    array([12, 13,  0], dtype=int16)
    """
    coded = _text(column).dictionary_encode()
    if coded.null_count:
        raise IllegalValue(_first_null(coded), None, "a number or X")
    rows = _view(coded.indices)
    numbers = np.zeros(len(coded.dictionary), np.int16)
    for index, text in enumerate(coded.dictionary.to_pylist()):
        match = _ERA.fullmatch(text)
        if not match or (match[1] != columns.LIVE_ERA and int(match[1]) > 32_767):
            row = int(np.argmax(rows == index))
            raise IllegalValue(row, text, "a number of at most 32767, or X")
        numbers[index] = 0 if match[1] == columns.LIVE_ERA else int(match[1])
    eras: npt.NDArray[np.int16] = numbers[rows]
    return eras


def era_name(era: int) -> str:
    """Write an era as Numerai does.

    >>> era_name(12), era_name(0)
    ('0012', 'X')
    """
    return f"{era:04d}" if era else columns.LIVE_ERA


def _integer_codes(array: Any) -> npt.NDArray[np.uint8]:
    values = _view(array.fill_null(0) if array.null_count else array)
    if values.max(initial=0) > HIGHEST_CODE or values.min(initial=0) < 0:
        _check(values, (values > HIGHEST_CODE) | (values < 0))
    if array.null_count:
        values = _view(array.fill_null(columns.MISSING_CODE))
    return values.view(np.uint8) if values.itemsize == 1 else values.astype(np.uint8)


def _float_codes(array: Any, scale: float) -> npt.NDArray[np.uint8]:
    values = _floats(array)
    is_missing = np.isnan(values)
    scaled = np.where(is_missing, columns.MISSING_CODE, values * scale)
    legal = (scaled == np.rint(scaled)) & (scaled >= 0) & (scaled <= HIGHEST_CODE)
    _check(values, ~(legal | is_missing))
    return scaled.astype(np.uint8)


def _check(values: npt.NDArray[Any], is_illegal: npt.NDArray[np.bool_]) -> None:
    if is_illegal.any():
        row = int(is_illegal.argmax())
        raise IllegalValue(row, values[row].item(), "one of the five feature values")


def _floats(array: Any) -> npt.NDArray[Any]:
    """Return numbers as floats with NaN for null."""
    if pa.types.is_integer(array.type):
        array = array.cast(pa.float64())
    elif pa.types.is_float16(array.type):  # Arrow fills no nulls in these
        array = array.cast(pa.float32())
    return _view(array.fill_null(np.nan) if array.null_count else array)


def _first_null(array: Any) -> int:
    return int(_is_null(array).argmax())


def _is_null(array: Any) -> npt.NDArray[np.bool_]:
    return _view(array.is_null().cast(pa.uint8())).view(np.bool_)


def _view(array: Any) -> npt.NDArray[Any]:
    """Return an Arrow array without nulls as numpy sees it, uncopied.

    Not ``to_numpy``, which would import pandas: 0.2 seconds and 45 MB.
    """
    return np.from_dlpack(array)


def _text(column: Any) -> Any:
    """Return a column of text or of whole numbers as strings."""
    try:
        return _one_chunk(column).cast(pa.string())
    except pa.ArrowException:
        raise IllegalValue(0, str(column.type), "text or a number") from None


def _one_chunk(column: Any) -> Any:
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
