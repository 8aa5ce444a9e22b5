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
