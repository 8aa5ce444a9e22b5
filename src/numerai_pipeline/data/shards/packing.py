"""Three features per byte: the one packing of shards and of matrices in memory.

A code is 0..4 for a value and 5 for a missing one, six in all, and 6^3 = 216 fits
into a byte. With P = ceil(F / 3), byte j holds the columns j, P + j and 2P + j as
36a + 6b + c, so that unpacking writes three contiguous planes. Where F is not a
multiple of three, the places from F on hold code 0 and are never read.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]

FEATURES_PER_BYTE = 3
N_CODES = 6

# Value of a code at the first, second and third place of a byte.
_WEIGHTS = np.array([36, 6, 1], np.uint8)

# 16 take twice as long, 64 a sixth longer.
_TRANSPOSED_PLANES = 32


def packed_width(n_features: int) -> int:
    """Return how many bytes a row of features takes.

    >>> packed_width(2748), packed_width(1), packed_width(0)
    (916, 1, 0)
    """
    return -(-n_features // FEATURES_PER_BYTE)


def pack(codes: Bytes) -> Bytes:
    """Pack codes row by row.

    Args:
        codes: ``(rows, F)`` uint8 in 0..5.

    Returns:
        ``(rows, P)`` uint8 with P = ceil(F / 3).

    Raises:
        ValueError: if a code is above 5.

    >>> pack(np.array([[1, 2, 3, 4]], np.uint8))  # columns 0, 2, - and 1, 3, -
    array([[54, 96]], dtype=uint8)
    """
    if codes.size and codes.max() >= N_CODES:
        raise ValueError(f"a code is {codes.max()}, but codes are 0..5")
    rows, n_features = codes.shape
    width = packed_width(n_features)
    packed = np.zeros((rows, width), np.uint8)
    for place in range(FEATURES_PER_BYTE):
        plane = codes[:, place * width : (place + 1) * width]
        packed[:, : plane.shape[1]] += plane * _WEIGHTS[place]
    return packed


def pack_columns(codes: Sequence[Bytes]) -> Bytes:
    """Pack columns that lie one after the other, without making rows of them first.

    Args:
        codes: for each place of the bytes ``(n, rows)`` uint8 in 0..5: the columns
            ``j``, then ``P + j``, then ``2P + j`` of n neighbouring bytes j. A later
            place may have fewer columns than the first: the features end there.

    Returns:
        ``(n, rows)`` uint8: byte j of all rows, then byte j + 1 of all rows.

    >>> first, second = np.array([[1], [2]], np.uint8), np.array([[3]], np.uint8)
    >>> pack_columns([first, second])
    array([[54],
           [72]], dtype=uint8)
    """
    packed: Bytes = codes[0] * _WEIGHTS[0]
    for plane, weight in zip(codes[1:], _WEIGHTS[1:], strict=False):
        packed[: len(plane)] += plane * weight
    return packed


def transpose(planes: Bytes, out: Bytes) -> None:
    """Write planes as rows.

    Half a cache line of each row at a time: twice as fast as ``out[:] = planes.T``,
    which touches a line of 64 bytes again for every byte.

    Args:
        planes: ``(P, rows)`` uint8.
        out: ``(rows, P)`` uint8.
    """
    for first in range(0, len(planes), _TRANSPOSED_PLANES):
        last = first + _TRANSPOSED_PLANES
        out[:, first:last] = planes[first:last].T


def unpack(
    packed: Bytes, n_features: int, columns: npt.NDArray[np.intp] | None = None
) -> Bytes:
    """Return the codes of packed rows.

    Args:
        packed: ``(rows, P)`` uint8.
        n_features: F, how many features were packed.
        columns: which of them are wanted, in which order; None means all.

    Returns:
        ``(rows, F)`` or ``(rows, len(columns))`` uint8 in 0..5, C-contiguous.

    >>> unpack(np.array([[54, 96]], np.uint8), 4)
    array([[1, 2, 3, 4]], dtype=uint8)
    >>> unpack(np.array([[54, 96]], np.uint8), 4, np.array([3, 0]))
    array([[4, 1]], dtype=uint8)
    """
    width = packed_width(n_features)
    if columns is not None:
        place, byte = np.divmod(columns, max(width, 1))
        return packed.take(byte, axis=1) // _WEIGHTS[place] % np.uint8(N_CODES)
    codes = np.empty((len(packed), n_features), np.uint8)
    six = np.uint8(N_CODES)
    # Dividing by a constant is a vector instruction; a table look-up is six times
    # slower.
    first_two = packed // six
    first = first_two // six
    n_second = min(width, n_features - width)
    n_third = max(n_features - 2 * width, 0)
    codes[:, :width] = first
    second = codes[:, width : width + n_second]
    np.subtract(first_two[:, :n_second], first[:, :n_second] * six, out=second)
    third = codes[:, 2 * width :]
    np.subtract(packed[:, :n_third], first_two[:, :n_third] * six, out=third)
    return codes
