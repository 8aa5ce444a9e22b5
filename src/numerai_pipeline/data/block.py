"""Rows in memory, as every reader of this room returns them."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Block:
    """Some rows with features, targets, ids and eras.

    Attributes:
        x: ``(rows, F)`` uint8 codes; 0..4 are values, 5 is missing.
        y: ``(rows, T)`` float32 targets, NaN where missing.
        ids: ``(rows,)`` S16.
        eras: ``(rows,)`` int16; live rows, whose era is X, have 0.
    """

    x: npt.NDArray[np.uint8]
    y: npt.NDArray[np.float32]
    ids: npt.NDArray[np.bytes_]
    eras: npt.NDArray[np.int16]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.ids)


class RowIds:
    """The ids of some rows, to find others among them.

    >>> RowIds(np.array([b"n3", b"n1"])).places(np.array([b"n1", b"n2"]))
    array([ 1, -1])
    """

    def __init__(self, ids: npt.NDArray[np.bytes_]) -> None:
        self._ids = ids
        self._order = np.argsort(ids)
        self._sorted = ids[self._order]

    def places(self, ids: npt.NDArray[np.bytes_]) -> npt.NDArray[np.intp]:
        """Return ``(len(ids),)``: where each id is among the rows; -1: nowhere."""
        if len(ids) == len(self._ids) and (ids == self._ids).all():
            return np.arange(len(ids))
        near = np.searchsorted(self._sorted, ids).clip(max=len(self._ids) - 1)
        found: npt.NDArray[np.intp] = np.where(
            self._sorted[near] == ids, self._order[near], -1
        )
        return found

    def twice(self) -> npt.NDArray[np.bytes_]:
        """Return the ids that occur again, ascending."""
        again = np.flatnonzero(self._sorted[1:] == self._sorted[:-1])
        return self._sorted[again]
