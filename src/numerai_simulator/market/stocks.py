"""The stocks: who is listed on a day, their exposures, their returns.

The return of stock i on day d is ``r[i](d) = x[i](t) . f(d) + n[i](d)``: its
exposures to the factors as they are on the day t from which one looks ahead, the
factors' returns, and standard normal noise of its own. Windows of
neighbouring eras draw the same n and f on the days they share, so their targets
overlap as real ones do: 15 of 20 days, 55 of 60.

Exposures x are the latent z of the groups of features, three per group, and a few
products of two of them, which a tree can find and a linear model cannot.

**Payoffs.** The return of factor k on day d is ``f[k](d) = m[k](d) + s * e[k](d)``,
with independent standard normal noise e and the expected payoff

``m[k](d) = c * sign[k](d) * (a[k] + 0.5 * b[k] * sqrt(2) * cos(w[k] * d + p[k]))``:

a mean that the past teaches (a), a drift over one to three years (b, standard
normals like a), and a sign that flips for an eighth of the factors in each regime
of about two years. c makes the root of the sum of squares of all m, over the long run,
``signal / sqrt(20)``; s is ``0.45 * signal``. With idiosyncratic noise of variance 1
per day, a forecaster who knows m then earns a CORR of about ``signal`` on average, and
its standard deviation from era to era is 0.45 of that besides the sampling
noise of ``1 / sqrt(rows)``.

**Randomness.** A generator is named by the seed, what it is for and a number, such as
the day: the same name gives the same numbers, whatever else was drawn. So any day can
be made without those before it.
"""

import zlib

import numpy as np
from numpy.typing import NDArray

from numerai_simulator.market.catalog import (
    GROUP_SIZES,
    MAIN_NAME,
    TARGET_NAMES,
)
from numerai_simulator.market.spec import MarketSpec, era_day

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
    """Many standard normal values per stock that change slowly from day to day.

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


FACTORS_PER_GROUP = 3
N_LATENT = FACTORS_PER_GROUP * len(GROUP_SIZES)
_N_PRODUCTS = 8

# Stocks in all, for each stock of the largest era; the others are not listed.
_SPARE = 1.25
# By how much two days in a row differ, as a share of the growth over all eras.
_DAILY_STEP = 0.05
# One to four years: exposures move slowly from era to era.
_EXPOSURE_PERIODS = (250.0, 1_000.0)
_LISTING_PERIODS = (500.0, 2_000.0)
# Share of a target's variance that is its own and that no feature explains.
_OWN_SHARE = (0.05, 0.35)


class Stocks:
    """All stocks of a market over all time."""

    def __init__(self, spec: MarketSpec) -> None:
        self._spec = spec
        self.n_stocks = int(np.ceil(spec.max_rows * _SPARE))
        self.payoffs = Payoffs(spec.seed, N_LATENT + _N_PRODUCTS, spec.signal)
        rng = generator(spec.seed, "stocks")
        self._pairs = rng.permutation(N_LATENT)[: 2 * _N_PRODUCTS].reshape(2, -1)
        own = rng.uniform(*_OWN_SHARE, size=len(TARGET_NAMES))
        own[TARGET_NAMES.index(MAIN_NAME)] = 0.0
        self._own_share = own
        self._latent = self._fields("latent", N_LATENT, _EXPOSURE_PERIODS)
        self._own = self._fields("own", len(TARGET_NAMES), _EXPOSURE_PERIODS)
        self._listing = self._fields("listing", 1, _LISTING_PERIODS)

    def _fields(
        self, purpose: str, n_fields: int, periods: tuple[float, float]
    ) -> SlowFields:
        return SlowFields(
            self._spec.seed,
            purpose,
            n_stocks=self.n_stocks,
            n_fields=n_fields,
            periods=periods,
        )

    def listed(self, day: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """Return the stocks of a day, ``(rows,)``; few come or go in a week.

        Their number grows from ``min_rows`` to ``max_rows`` over the eras, and every
        other day has a few less: no two rounds in a row have files of the same size.
        """
        spec = self._spec
        grown = min(1.0, day / era_day(spec.n_eras))
        growth = spec.max_rows - spec.min_rows
        step = round(_DAILY_STEP * growth)
        n_rows = spec.min_rows + round((growth - step) * grown) + step * (day % 2)
        place = self._listing.at(day)[:, 0]
        return np.sort(np.argpartition(-place, n_rows - 1)[:n_rows])

    def latent(self, day: int) -> Floats:
        """Return the latent exposures of all stocks, ``(n_stocks, N_LATENT)``."""
        return self._latent.at(day)

    def exposures(self, latent: Floats) -> Floats:
        """Return the exposures to all factors, ``(n, N_LATENT + products)``."""
        first, second = self._pairs
        return np.hstack([latent, latent[:, first] * latent[:, second]])

    def noise(self, day: int, n_days: int) -> Floats:
        """Return the own returns of the ``n_days`` after a day, ``(n_stocks,)``."""
        total = np.zeros(self.n_stocks, np.float32)
        for later in range(day + 1, day + n_days + 1):
            rng = generator(self._spec.seed, "own returns", later)
            total += rng.standard_normal(self.n_stocks, dtype=np.float32)
        return total

    def returns(self, day: int, n_days: int, exposures: Floats) -> Doubles:
        """Return the returns of the ``n_days`` after a day, ``(n_stocks,)``."""
        factors = self.payoffs.realised(day, n_days)
        return np.asarray(exposures @ factors + self.noise(day, n_days))

    def own_parts(self, day: int) -> Floats:
        """Return the targets' own parts, ``(n_stocks, names)``, standard normal."""
        return self._own.at(day)

    def own_share(self, name: str) -> float:
        """Return the share of a target's variance that is its own."""
        return float(self._own_share[TARGET_NAMES.index(name)])
