"""The stocks: who is there on a day, their exposures, their returns.

The return of stock i on day d is ``r[i](d) = x[i](t) . f(d) + n[i](d)``: its
exposures to the factors as they are on the day t from which one looks ahead, the
factors' returns (`payoffs`), and standard normal noise of its own. Windows of
neighbouring eras draw the same n and f on the days they share, so their targets
overlap as real ones do: 15 of 20 days, 55 of 60.

Exposures x are the latent z of the groups of features, three a group, and a few
products of two of them, which a tree can find and a linear model cannot.
"""

import numpy as np

from numerai_simulator.market.catalog import (
    GROUP_SIZES,
    MAIN_NAME,
    TARGET_NAMES,
)
from numerai_simulator.market.payoffs import Doubles, Payoffs
from numerai_simulator.market.randomness import Floats, SlowFields, generator
from numerai_simulator.market.spec import MarketSpec, era_day

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
# Share of a target's variance that is its own: no feature tells of it.
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
