"""Targets as codes of one byte: positions in the list of values that occur."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from numerai_pipeline.data.shards.manifest import MISSING_TARGET


def palette_of(bits: Iterable[int]) -> tuple[float, ...]:
    """Return the values of a target, ascending.

    Args:
        bits: bit patterns of float32 values, in any order. Values that only differ
            in their bits, as 0.0 and -0.0 do, are different ones.

    >>> palette_of({0x3F800000, 0x3F000000})
    (0.5, 1.0)
    """
    found = np.array(sorted(bits), np.uint32)
    return tuple(sorted(found.view(np.float32).tolist()))


class PaletteCoder:
    """Turns target values into codes of their palettes."""

    def __init__(self, palettes: Sequence[Sequence[float]]) -> None:
        self._bits = []
        self._codes = []
        for palette in palettes:
            bits = np.array(palette, np.float32).view(np.uint32)
            order = np.argsort(bits)
            self._bits.append(np.append(bits[order], np.uint32(0xFFFFFFFF)))
            self._codes.append(np.append(order, MISSING_TARGET).astype(np.uint8))

    def __call__(
        self, number: int, values: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.uint8]:
        """Return the codes of a target.

        Args:
            number: position of the target.
            values: ``(rows,)`` float32, NaN where missing.

        Returns:
            ``(rows,)`` uint8, 255 where missing.
        """
        place = np.searchsorted(self._bits[number], values.view(np.uint32))
        codes = self._codes[number][place]
        codes[np.isnan(values)] = MISSING_TARGET
        return codes
