"""The other participants, and who stands where on any day.

Nobody trains them. In every round a competitor scores what the market's
benchmark model scores, plus its own skill, plus luck:

``score(i, round) = benchmark(round) + skill_i + luck(i, round)``

with normal skill and luck that depend on the market's seed alone. Their spread
follows the noise of CORR over n rows, 1/sqrt(n), so that the field looks alike
in markets of any size.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from numerai_simulator.clock import format_time
from numerai_simulator.errors import Refusal
from numerai_simulator.server.account import USERNAME, Account
from numerai_simulator.server.scoring import BMC, CORR, METRICS, MMC
from numerai_simulator.server.state import State, stable_id
from numerai_simulator.server.timetable import Timetable, is_round_day

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
# about a month of rounds to distinguish from luck, as in the real tournament.
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
        rows_per_era: rows in a typical era, which sets the noise of a score.
    """

    def __init__(self, seed: int, rows_per_era: float) -> None:
        self._seed = seed
        self._noise = 1 / rows_per_era**0.5
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


# Days of a model's history that its profile shows: twelve weeks of score days.
HISTORY_DAYS = 84

# A model's rank by each metric, 1 is best.
Ranks = dict[str, int]


@dataclass(frozen=True)
class Standing:
    """A model's place on a day.

    ``reputations`` holds the mean of its latest scores over its last 20 scored
    rounds, by metric; None where it has none yet.
    """

    name: str
    account: str
    stake: Decimal
    reputations: dict[str, float | None]


class Standings:
    """Reputations and ranks."""

    def __init__(
        self, state: State, timetable: Timetable, field: Field, account: Account
    ) -> None:
        self._state = state
        self._timetable = timetable
        self._field = field
        self._account = account

    def at(self, moment: datetime) -> list[Standing]:
        """Return all models as they stood at a moment, by stake, largest first."""
        own = [
            Standing(
                row["name"],
                USERNAME,
                Decimal(row["stake"]),
                self._own_reputations(row["id"], moment),
            )
            for row in self._account.models()
        ]
        return sorted(
            own + self._field_at(moment),
            key=lambda standing: (-standing.stake, standing.name),
        )

    def history(self, name: str, now: datetime) -> list[tuple[str, Standing, Ranks]]:
        """Return a model's standing and ranks on each score day, latest first.

        Raises:
            Refusal: if nobody has a model of that name.
        """
        days = []
        for back in range(HISTORY_DAYS):
            moment = now - timedelta(days=back)
            if not is_round_day(moment.date()):
                continue
            everyone = self.at(moment)
            mine = find(everyone, name)
            if mine.account == USERNAME and not any(
                value is not None for value in mine.reputations.values()
            ):
                break  # before its first score
            days.append(
                (
                    format_time(moment)[:10] + "T00:00:00Z",
                    mine,
                    {
                        metric.display_name: _rank(everyone, mine, metric.display_name)
                        for metric in METRICS
                    },
                )
            )
        return days

    def _field_at(self, moment: datetime) -> list[Standing]:
        # The newest round with a score is four round days older than the latest.
        scored = max(1, self._timetable.latest_opened(moment) - 4)
        tables = {
            metric.display_name: self._field.reputations(metric.display_name, scored)
            for metric in METRICS
        }
        return [
            Standing(
                rival.name,
                rival.name,
                rival.stake,
                {metric: float(values[place]) for metric, values in tables.items()},
            )
            for place, rival in enumerate(self._field.competitors)
        ]

    def _own_reputations(
        self, model_id: str, moment: datetime
    ) -> dict[str, float | None]:
        latest: dict[str, dict[int, float]] = defaultdict(dict)
        for row in self._state.rows(
            "SELECT * FROM scores WHERE model_id = ? AND date <= ? ORDER BY round, day",
            model_id,
            format_time(moment),
        ):
            latest[row["metric"]][row["round"]] = row["value"]
        return {
            metric.display_name: fmean(values[-REPUTATION_ROUNDS:])
            if (values := list(latest[metric.display_name].values()))
            else None
            for metric in METRICS
        }


def find(standings: list[Standing], name: str) -> Standing:
    """Return the standing of a model.

    Raises:
        Refusal: if nobody has a model of that name.
    """
    for standing in standings:
        if standing.name == name:
            return standing
    raise Refusal(f"nobody has a model called {name!r}.")


def _rank(everyone: list[Standing], mine: Standing, metric: str) -> int:
    own = mine.reputations[metric] or 0.0
    return 1 + sum((other.reputations[metric] or 0.0) > own for other in everyone)
