"""The other participants: twenty simulated models, so that a rank means something.

Nobody trains them. In every round a competitor scores what the market's
benchmark model scores, plus its own skill, plus luck:

``score(i, round) = benchmark(round) + skill_i + luck(i, round)``

with normal skill and luck that depend on the market's seed alone. Their spread
follows the noise of CORR over n rows, 1/sqrt(n), so that the field looks alike
in markets of any size.
"""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from numerai_simulator.server.ids import stable_id
from numerai_simulator.server.metrics import BMC, CORR, METRICS, MMC

NAMES = (
    "amber_heron",
    "blue_granite",
    "cedar_fox",
    "copper_tide",
    "dusty_comet",
    "early_frost",
    "far_lantern",
    "grey_plover",
    "hollow_oak",
    "iron_meadow",
    "jade_harbour",
    "late_thunder",
    "little_dipper",
    "marsh_walker",
    "north_ridge",
    "quiet_river",
    "red_pebble",
    "slow_glacier",
    "tin_whistle",
    "winter_barley",
)

# Shares of the noise of one round's CORR. A skill of half that noise takes
# about a month of rounds to tell from luck, as in the real tournament.
_SKILL = {CORR.display_name: 0.25, MMC.display_name: 0.12, BMC.display_name: 0.12}
_LUCK = {CORR.display_name: 0.6, MMC.display_name: 0.3, BMC.display_name: 0.3}
# What the benchmark scores in a round about which nothing is known.
_BENCHMARK = {CORR.display_name: 1.5, MMC.display_name: 0.1, BMC.display_name: 0.0}

# Rounds whose mean makes a reputation: four weeks.
REPUTATION_ROUNDS = 20

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Competitor:
    """A simulated participant with one model of the same name."""

    name: str
    id: str
    stake: Decimal


class Field:
    """All competitors of one market.

    Args:
        seed: the market's seed.
        rows_an_era: rows in a typical era, which sets the noise of a score.
    """

    def __init__(self, seed: int, rows_an_era: float) -> None:
        self._seed = seed
        self._noise = 1 / rows_an_era**0.5
        draws = np.random.default_rng([seed, 0])
        stakes = draws.lognormal(mean=8.5, sigma=1.0, size=len(NAMES))
        self.competitors = tuple(
            Competitor(name, stable_id("model", name), Decimal(int(stake)))
            for name, stake in zip(NAMES, stakes, strict=True)
        )
        self.total_stake = sum((c.stake for c in self.competitors), Decimal(0))
        self._skills = dict(
            zip(
                (metric.display_name for metric in METRICS),
                draws.standard_normal((len(METRICS), len(NAMES))),
                strict=True,
            )
        )

    def scores(self, metric: str, round_number: int, benchmark: float) -> Scores:
        """Return the field's scores in a round.

        Args:
            metric: display name of the score.
            round_number: the round.
            benchmark: what the benchmark model scored in it.

        Returns:
            ``(20,)`` float64, in the order of ``competitors``.
        """
        scores: Scores = (
            benchmark
            + self._noise * _SKILL[metric] * self._skills[metric]
            + self._noise * _LUCK[metric] * self._luck(metric, round_number)
        )
        return scores

    def reputations(self, metric: str, round_number: int) -> Scores:
        """Return the field's mean scores over the rounds up to a round, ``(20,)``."""
        benchmark = self._noise * _BENCHMARK[metric]
        rounds = range(max(1, round_number - REPUTATION_ROUNDS + 1), round_number + 1)
        history = [self.scores(metric, number, benchmark) for number in rounds]
        return np.asarray(np.mean(history, axis=0))

    def _luck(self, metric: str, round_number: int) -> Scores:
        place = [entry.display_name for entry in METRICS].index(metric)
        draws = np.random.default_rng([self._seed, 1, place, round_number])
        return draws.standard_normal(len(NAMES))
