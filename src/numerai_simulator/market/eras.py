"""The tables of one day: ids, features, targets, and others' predictions.

Feature j of group g is ``sqrt(h) * u . z[g] + sqrt(1 - h) * e`` with a unit vector
u over the group's three latent exposures, a share h between 0.15 and 0.6, and fresh
standard normal e, cut at the normal quintiles into 0..4. Features of a group are so
correlated, and each alone says little.

A target is the return over its horizon, plus its own part, ranked within the day
and cut into 0, .25, .5, .75, 1 at 5, 25, 75 and 95 %.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from numerai_simulator.market.catalog import (
    GROUP_SIZES,
    HORIZONS,
    MAIN_NAME,
    TARGET_NAMES,
    TARGETS,
    Catalog,
)
from numerai_simulator.market.spec import MarketSpec, era_day
from numerai_simulator.market.stocks import (
    FACTORS_PER_GROUP,
    N_LATENT,
    Doubles,
    Floats,
    Stocks,
    generator,
)

Codes = NDArray[np.int8]
Ids = NDArray[np.str_]

_QUINTILES = norm.ppf([0.2, 0.4, 0.6, 0.8]).astype(np.float32)
_TARGET_CUTS = (0.05, 0.25, 0.75, 0.95)
_SHARED = (0.15, 0.6)
# How far features of the set `small` point to what pays: they are the most telling
# ones, and a model learns from 24 of them.
_TILT = 1.0
_MIDDLE = 2

# Normals in the table of feature noise: 4 MB, and 380 places for each feature.
_NOISE_LENGTH = 1 << 20

# The group that early eras lack, outside of the set `small`, and the share of training
# eras that do.
LATE_GROUP = "faith"
LATE_GROUP_SHARE = 0.15

# Auxiliary targets of these names are missing altogether in early training eras,
# those of the others for some rows of every era.
LATE_NAMES = frozenset({"teager2b", "waldo"})
_LATE_NAMES_SHARE = 0.2
_SPARSE_NAMES = frozenset({"agnes", "ralph", "xerxes"})
_SPARSE_SHARE = 0.05

# How much of a forecast is noise, by who makes it. `meta` knows the expected payoffs of
# the day, the others what the past has taught; see `Eras._learned`.
_FORECASTS = {
    "meta": ("expected", 0.65),
    "lgbm_ender20": ("learned", 0.45),
    "lgbm_ender60": ("learned", 0.55),
    "lgbm_cyrusd20": ("learned", 0.50),
    "lgbm_cyrusd60": ("learned", 0.60),
    "lgbm_teager2b20": ("learned", 0.55),
    "lgbm_victor20": ("learned", 0.60),
    "lgbm_xerxes20": ("learned", 0.65),
    "lgbm_ct_blend": ("learned", 0.40),
    "example": ("learned", 0.80),
}
BENCHMARKS = tuple(who for who in _FORECASTS if who.startswith("lgbm"))

# Numerai trains its benchmark models again for every 156 of the 574 training eras, on
# all eras before them less eight.
_WALK_FORWARD = 156 / 574
_PURGE_ERAS = 8


@dataclass(frozen=True)
class Day:
    """What everything of one day is made from; rows are in the order of the ids.

    Attributes:
        day: the business day.
        stocks: which stocks the rows are, ``(rows,)``.
        ids: ``(rows,)``, ascending.
        latent: all stocks' latent exposures, ``(n_stocks, N_LATENT)``.
        own_parts: the targets' own parts, ``(rows, names)``.
    """

    day: int
    stocks: NDArray[np.int64]
    ids: Ids
    latent: Floats
    own_parts: Floats


class Eras:
    """Makes the tables of any day, the same ones each time."""

    def __init__(self, spec: MarketSpec, catalog: Catalog) -> None:
        self._spec = spec
        self._stocks = Stocks(spec)
        payoffs = self._stocks.payoffs.typical()[:N_LATENT]
        self._groups = _loadings(spec, catalog, payoffs)
        self._late = _late_features(catalog)
        # What the eras up to one have paid, summed; one entry per chunk of benchmarks.
        self._shown: dict[int, Doubles] = {}
        rng = generator(spec.seed, "feature noise")
        self._noise = rng.standard_normal(_NOISE_LENGTH + spec.max_rows, np.float32)

    def day(self, day: int) -> Day:
        """Return the rows of a day."""
        stocks = self._stocks.listed(day)
        ids = _ids(self._spec.seed, day, len(stocks))
        order = np.argsort(ids)
        return Day(
            day,
            stocks[order],
            ids[order],
            self._stocks.latent(day),
            self._stocks.own_parts(day)[stocks[order]],
        )

    def features(self, at: Day) -> Codes:
        """Return all features of v5.3, ``(n_features, rows)`` int8 0..4.

        A feature's noise is a window of one long table of normals, which begins at a
        place of its own on each day. No two features of a day begin at the same, so
        their rows are independent, in a fifth of the time that fresh draws take.
        """
        spec, n_rows = self._spec, len(at.ids)
        codes = np.empty((spec.n_features, n_rows), np.int8)
        late_until = 5 * round(LATE_GROUP_SHARE * spec.n_train_eras)
        rng = generator(spec.seed, "features", at.day)
        begins = rng.choice(_NOISE_LENGTH, spec.n_features, replace=False)
        windows = sliding_window_view(self._noise, n_rows)
        for group, (positions, loadings, own) in self._groups.items():
            first = FACTORS_PER_GROUP * list(GROUP_SIZES).index(group)
            latent = at.latent[at.stocks, first : first + FACTORS_PER_GROUP]
            values = loadings @ np.ascontiguousarray(latent.T)
            values += windows[begins[positions]] * own[:, None]
            codes[positions] = _quintiles(values)
        if at.day <= late_until:
            codes[self._late] = _MIDDLE
        return codes

    def targets(self, at: Day, *, known_days: int) -> Floats:
        """Return all targets in the order of ``TARGETS``, ``(rows, 41)``.

        Args:
            at: the rows.
            known_days: business days that are over since; a target whose horizon
                is longer is NaN.
        """
        columns = {}
        for horizon in HORIZONS:
            is_known = horizon <= known_days
            returns = self.raw_returns(at, horizon)[at.stocks] if is_known else None
            for name in TARGET_NAMES:
                columns[f"target_{name}_{horizon}"] = self._target(at, name, returns)
        columns[TARGETS[0]] = columns[f"target_{MAIN_NAME}_{HORIZONS[0]}"]
        return np.column_stack([columns[name] for name in TARGETS])

    def truth(self, at: Day, *, n_days: int) -> Floats:
        """Return the main target as it stands after ``n_days``, ``(rows,)``."""
        return _cut(self.raw_returns(at, n_days)[at.stocks])

    def raw_returns(self, at: Day, n_days: int) -> Doubles:
        """Return the returns of all stocks after a day, ``(n_stocks,)``."""
        exposures = self._stocks.exposures(at.latent)
        return self._stocks.returns(at.day, n_days, exposures)

    def forecast(self, at: Day, who: str) -> Doubles:
        """Return somebody's predictions, ``(rows,)`` ranked into (0, 1)."""
        knowledge, noise = _FORECASTS[who]
        payoffs = self._stocks.payoffs
        # Ten days ahead is the middle of the 20 that are predicted.
        weights = (
            payoffs.expected(at.day + 10)
            if knowledge == "expected"
            else self._learned(at.day)
        )
        value = self._stocks.exposures(at.latent[at.stocks]) @ weights
        value /= value.std()
        rng = generator(self._spec.seed, f"forecast {who}", at.day)
        value = np.sqrt(1 - noise**2) * value
        value += noise * rng.standard_normal(len(value))
        return np.asarray((rankdata(value) - 0.5) / len(value))

    def _learned(self, day: int) -> Doubles:
        """Return the payoffs that the eras before a day's chunk have shown."""
        n_chunk = max(1, round(_WALK_FORWARD * self._spec.n_train_eras))
        begin = 1 + (day // era_day(1) - 1) // n_chunk * n_chunk
        last = max(2, begin - _PURGE_ERAS)
        if last not in self._shown:
            self._shown[last] = self._stocks.payoffs.realised(0, era_day(last))
        return self._shown[last]

    def _target(self, at: Day, name: str, returns: Doubles | None) -> Floats:
        spec = self._spec
        late_until = 5 * round(_LATE_NAMES_SHARE * spec.n_train_eras)
        is_early = name in LATE_NAMES and at.day <= late_until
        if returns is None or is_early:
            return np.full(len(at.ids), np.nan, np.float32)
        own = self._stocks.own_share(name)
        part = at.own_parts[:, TARGET_NAMES.index(name)]
        target = _cut(np.sqrt(1 - own) * returns / returns.std() + np.sqrt(own) * part)
        if name in _SPARSE_NAMES:
            rng = generator(spec.seed, f"missing {name}", at.day)
            target[rng.random(len(target)) < _SPARSE_SHARE] = np.nan
        return target


def _loadings(
    spec: MarketSpec, catalog: Catalog, payoffs: Doubles
) -> dict[str, tuple[NDArray[np.int64], Floats, Floats]]:
    """Return for each group its columns, their loadings and their own shares."""
    rng = generator(spec.seed, "loadings")
    group_of = np.array(catalog.group_of)
    is_small = np.isin(catalog.features, catalog.sets["small"])
    groups = {}
    for group, paying in zip(
        GROUP_SIZES, payoffs.reshape(-1, FACTORS_PER_GROUP), strict=True
    ):
        positions = np.flatnonzero(group_of == group)
        unit = rng.standard_normal((len(positions), FACTORS_PER_GROUP))
        unit /= np.linalg.norm(unit, axis=1, keepdims=True)
        towards = np.sign(unit @ paying)[:, None] * paying / np.linalg.norm(paying)
        unit += _TILT * is_small[positions, None] * towards
        unit /= np.linalg.norm(unit, axis=1, keepdims=True)
        shared = rng.uniform(*_SHARED, size=(len(positions), 1))
        groups[group] = (
            positions,
            (np.sqrt(shared) * unit).astype(np.float32),
            np.sqrt(1 - shared[:, 0]).astype(np.float32),
        )
    return groups


def _late_features(catalog: Catalog) -> NDArray[np.int64]:
    """Return the columns that early eras lack."""
    small = set(catalog.sets["small"])
    pairs = zip(catalog.features, catalog.group_of, strict=True)
    return np.flatnonzero(
        [group == LATE_GROUP and name not in small for name, group in pairs]
    )


def _quintiles(values: Floats) -> Codes:
    codes: Codes = (values > _QUINTILES[0]).view(np.int8)
    for cut in _QUINTILES[1:]:
        codes += values > cut
    return codes


def _cut(values: NDArray[np.floating]) -> Floats:
    """Cut values by rank into the five target values."""
    share = (rankdata(values, method="ordinal") - 0.5) / len(values)
    return np.asarray(np.searchsorted(_TARGET_CUTS, share) / 4, np.float32)


def _ids(seed: int, day: int, n_rows: int) -> Ids:
    """Return ids as Numerai writes them, ``n`` and 15 hex digits, new every day."""
    numbers = generator(seed, "ids", day).integers(0, 1 << 60, size=n_rows)
    return np.array([f"n{number:015x}" for number in numbers.tolist()])
