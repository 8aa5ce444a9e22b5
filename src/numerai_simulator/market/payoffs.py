"""What a unit of exposure to a latent factor earns, day by day.

The return of factor k on day d is ``f[k](d) = m[k](d) + s * e[k](d)``, with
independent standard normal noise e and the expected payoff

``m[k](d) = c * sign[k](d) * (a[k] + 0.5 * b[k] * sqrt(2) * cos(w[k] * d + p[k]))``:

a mean that the past teaches (a), a drift over one to three years (b, standard
normals like a), and a sign that flips for an eighth of the factors in each regime
of about two years. c makes the root of the sum of squares of all m, over the long run,
``signal / sqrt(20)``; s is ``0.45 * signal``. With idiosyncratic noise of variance 1 a
day, a forecaster who knows m then earns a CORR of about ``signal`` on average, and
its standard deviation from era to era is 0.45 of that besides the sampling
noise of ``1 / sqrt(rows)``.
"""

import numpy as np
from numpy.typing import NDArray

from numerai_simulator.market.randomness import generator

Doubles = NDArray[np.float64]

_DRIFT = 0.5
_DRIFT_PERIODS = (250.0, 750.0)
_REGIME_DAYS = 500
_FLIPPED_SHARE = 1 / 8
_DAYS = 20
_NOISE = 0.45


class Payoffs:
    """Expected and realised payoffs of ``n_factors``."""

    def __init__(self, seed: int, n_factors: int, signal: float) -> None:
        rng = generator(seed, "payoffs")
        self._seed = seed
        self._n_factors = n_factors
        self._noise = _NOISE * signal
        mean, drift = rng.standard_normal((2, n_factors))
        self._mean = mean
        self._drift = _DRIFT * np.sqrt(2) * drift
        self._frequency = 2 * np.pi / rng.uniform(*_DRIFT_PERIODS, size=n_factors)
        self._phase = rng.uniform(0, 2 * np.pi, size=n_factors)
        power = np.sum(mean**2 + (_DRIFT * drift) ** 2)
        self._scale = signal / np.sqrt(_DAYS * power)

    def expected(self, day: int) -> Doubles:
        """Return the expected payoffs of a day, ``(n_factors,)``."""
        drift = self._drift * np.cos(self._frequency * day + self._phase)
        return np.asarray(self._scale * self.signs(day) * (self._mean + drift))

    def typical(self) -> Doubles:
        """Return the payoffs that a long past teaches, ``(n_factors,)``."""
        return np.asarray(self._scale * self._mean)

    def signs(self, day: int) -> Doubles:
        """Return -1 for the factors that are flipped in a day's regime, else 1."""
        rng = generator(self._seed, "regime", day // _REGIME_DAYS)
        return np.where(rng.random(self._n_factors) < _FLIPPED_SHARE, -1.0, 1.0)

    def realised(self, day: int, n_days: int) -> Doubles:
        """Return the payoffs of the ``n_days`` after a day, summed."""
        total = np.zeros(self._n_factors)
        for later in range(day + 1, day + n_days + 1):
            noise = generator(self._seed, "factor returns", later)
            total += self.expected(later)
            total += self._noise * noise.standard_normal(self._n_factors)
        return total
