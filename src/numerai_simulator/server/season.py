"""What happens while time passes: windows close, scores come, rounds resolve."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

import numpy as np
import pandas as pd

from numerai_simulator.clock import format_time
from numerai_simulator.market import Market
from numerai_simulator.server.account import Account
from numerai_simulator.server.scoring import METRICS, nmr, payout, payout_factor, score
from numerai_simulator.server.standings import Field
from numerai_simulator.server.state import State
from numerai_simulator.server.submissions import Submissions
from numerai_simulator.server.timetable import SCORE_DAYS, Timetable

# The benchmark model is scored along with the submissions, under this name.
_BENCHMARK = "benchmark"
# Rounds kept in memory: a round is scored 20 times in turn with the others that
# are under way, and five new ones open per week.
_ROUNDS_IN_MEMORY = 32


class _Event(NamedTuple):
    """Something due: the end of a window (day 0) or a score day (1 to 20)."""

    moment: datetime
    number: int
    day: int


class _Entries(NamedTuple):
    """All that is scored in a round, and what it is scored beside."""

    predictions: pd.DataFrame
    models: dict[str, str]
    meta_model: pd.Series
    benchmark: pd.Series


class Season:
    """Brings the state up to a moment, each due event once and in order."""

    def __init__(
        self,
        market: Market,
        state: State,
        timetable: Timetable,
        field: Field,
        account: Account,
        submissions: Submissions,
    ) -> None:
        self._market = market
        self._state = state
        self._timetable = timetable
        self._field = field
        self._account = account
        self._submissions = submissions
        self._entries: dict[int, _Entries] = {}

    def advance(self, now: datetime) -> None:
        """Make everything happen that was due at ``now``.

        Each event is a transaction of its own: after a kill the next call goes on
        with the first event that is missing.
        """
        with self._state.lock:
            for event in sorted(self._due(now)):
                with self._state.transaction():
                    if event.day == 0:
                        self._close(event)
                    else:
                        self._score(event)

    def payout_factor(self, number: int) -> Decimal:
        """Return a round's payout factor, as it stands now while it is open."""
        row = self._state.row("SELECT * FROM rounds WHERE number = ?", number)
        if row is not None and row["payout_factor"] is not None:
            return Decimal(row["payout_factor"])
        return payout_factor(self._total_at_risk(number))

    def _due(self, now: datetime) -> list[_Event]:
        events = []
        for row in self._state.rows(
            "SELECT * FROM rounds WHERE scored_days < ?", SCORE_DAYS
        ):
            number = row["number"]
            if not row["is_closed"]:
                events.append(_Event(self._timetable.closes(number), number, 0))
            events += [
                _Event(self._timetable.scores(number, day), number, day)
                for day in range(row["scored_days"] + 1, SCORE_DAYS + 1)
            ]
        return [event for event in events if event.moment <= now]

    def _at_risk(self, number: int) -> dict[str, Decimal]:
        """Return the stakes on submissions that are in time, by model id."""
        return {
            row["model_id"]: Decimal(self._account.model(row["model_id"])["stake"])
            for row in self._submissions.selected(number)
            if not row["is_late"]
        }

    def _total_at_risk(self, number: int) -> Decimal:
        own = sum(self._at_risk(number).values(), Decimal(0))
        return own + self._field.total_stake

    def _close(self, event: _Event) -> None:
        """Put the stakes of the moment at risk."""
        for model_id, stake in self._at_risk(event.number).items():
            self._state.run(
                "INSERT INTO stakes (round, model_id, at_risk) VALUES (?, ?, ?)",
                event.number,
                model_id,
                nmr(stake),
            )
        self._state.run(
            "UPDATE rounds SET is_closed = 1, payout_factor = ? WHERE number = ?",
            nmr(payout_factor(self._total_at_risk(event.number))),
            event.number,
        )

    def _score(self, event: _Event) -> None:
        entries = self._entries_of(event.number)
        table = score(
            entries.predictions,
            self._market.truth(event.number, event.day),
            entries.meta_model,
            entries.benchmark,
        )
        for metric in (entry.display_name for entry in METRICS):
            values = table[metric].drop(_BENCHMARK)
            rivals = self._field.scores(
                metric, event.number, float(table[metric][_BENCHMARK])
            )
            everyone = np.concatenate([rivals, values.to_numpy()])
            for submission_id, value in values.items():
                self._state.run(
                    "INSERT INTO scores VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                    *(submission_id, entries.models[str(submission_id)]),
                    *(event.number, event.day, metric, float(value)),
                    *(float(np.mean(everyone <= value)), format_time(event.moment)),
                )
        self._state.run(
            "UPDATE rounds SET scored_days = ? WHERE number = ?",
            event.day,
            event.number,
        )
        if event.day == SCORE_DAYS:
            self._resolve(event)

    def _resolve(self, event: _Event) -> None:
        factor = self.payout_factor(event.number)
        for row in self._state.rows(
            "SELECT * FROM stakes WHERE round = ?", event.number
        ):
            final = {
                entry["metric"]: entry["value"]
                for entry in self._state.rows(
                    "SELECT metric, value FROM scores "
                    "WHERE round = ? AND day = ? AND model_id = ?",
                    *(event.number, event.day, row["model_id"]),
                )
            }
            amount = payout(Decimal(row["at_risk"]), factor, final).total
            self._account.pay(row["model_id"], amount, event.moment)
            self._state.run(
                "UPDATE stakes SET payout = ? WHERE round = ? AND model_id = ?",
                nmr(amount),
                event.number,
                row["model_id"],
            )
        self._entries.pop(event.number, None)

    def _entries_of(self, number: int) -> _Entries:
        """Return what is scored in a round, from memory after the first time.

        Nothing can change there any more: the first score comes days after the
        next round has opened, to which late submissions would go.
        """
        if number not in self._entries:
            while len(self._entries) >= _ROUNDS_IN_MEMORY:
                self._entries.pop(next(iter(self._entries)))
            benchmark = self._market.live_benchmark(number)
            predictions = self._submissions.predictions(number)
            self._entries[number] = _Entries(
                predictions.assign(**{_BENCHMARK: benchmark}),
                {
                    row["id"]: row["model_id"]
                    for row in self._submissions.selected(number)
                },
                self._market.live_meta_model(number),
                benchmark,
            )
        return self._entries[number]
