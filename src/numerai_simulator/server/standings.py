"""Who stands where: reputations of all models, ours and the field's, on any day."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import fmean

from numerai_simulator.clock import format_time
from numerai_simulator.errors import Refusal
from numerai_simulator.server.account import USERNAME, Account
from numerai_simulator.server.field import REPUTATION_ROUNDS, Field
from numerai_simulator.server.metrics import METRICS
from numerai_simulator.server.state import State
from numerai_simulator.server.timetable import Timetable, is_round_day

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
    raise Refusal(f"there is no model called {name!r}.")


def _rank(everyone: list[Standing], mine: Standing, metric: str) -> int:
    own = mine.reputations[metric] or 0.0
    return 1 + sum((other.reputations[metric] or 0.0) > own for other in everyone)
