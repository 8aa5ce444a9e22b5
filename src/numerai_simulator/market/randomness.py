"""Random numbers that any day can draw without those before it.

A generator is named by the seed, what it is for and a number, such as the day: the
same name gives the same numbers, whatever else was drawn.
"""

import zlib

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def generator(seed: int, purpose: str, number: int = 0) -> np.random.Generator:
    """Return the generator of that name.

    >>> draws = [generator(1, "ids", 7).integers(1000) for _ in range(2)]
    >>> bool(draws[0] == draws[1])
    True
    """
    words = (seed, zlib.crc32(purpose.encode()), number)
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(words)))


class SlowFields:
    """Many standard normal values a stock that change slowly from day to day.

    ``z[i, k](t) = sqrt(2 / H) * sum_h cos(w[k, h] * t + phase[i, k, h])``, with the
    same H frequencies for all stocks and a phase for each. Over the stocks it is
    close to a standard normal on every day (H = 4: kurtosis 2.6), independent
    between fields and between stocks; no day needs the one before.

    Args:
        seed: of the market.
        purpose: what the fields are for.
        n_stocks: stocks.
        n_fields: fields.
        periods: shortest and longest period, in business days.
    """

    _TERMS = 4

    def __init__(
        self,
        seed: int,
        purpose: str,
        *,
        n_stocks: int,
        n_fields: int,
        periods: tuple[float, float],
    ) -> None:
        rng = generator(seed, purpose)
        period = rng.uniform(*periods, size=(n_fields, self._TERMS))
        self._frequency = 2 * np.pi / period
        self._phase = rng.random(
            (n_stocks, n_fields, self._TERMS), dtype=np.float32
        ) * np.float32(2 * np.pi)

    def at(self, day: int) -> Floats:
        """Return the values on a day, ``(n_stocks, n_fields)``."""
        turned = np.remainder(self._frequency * day, 2 * np.pi).astype(np.float32)
        total = np.cos(self._phase + turned).sum(axis=2)
        return np.asarray(total * np.float32(np.sqrt(2 / self._TERMS)))
