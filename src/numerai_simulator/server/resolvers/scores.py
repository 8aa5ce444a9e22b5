"""Scores of submissions, day by day, and the payouts that they lead to."""

import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, time
from decimal import Decimal
from itertools import groupby
from typing import Any, NamedTuple

from ariadne import QueryType

from numerai_simulator.clock import format_time
from numerai_simulator.errors import Refusal, not_simulated
from numerai_simulator.server.resolvers.context import (
    Answer,
    Context,
    Info,
    classic_only,
    owner_only,
)
from numerai_simulator.server.resolvers.rounds import (
    TARGET,
    multiplier,
    round_id,
)
from numerai_simulator.server.scoring import METRICS, VERSION, Payout, nmr, payout
from numerai_simulator.server.timetable import (
    SCORE_DAYS,
    SCORES_AFTER_MIDNIGHT,
    is_round_day,
)

# What an NMR is worth in dollars here; a round number that nobody mistakes.
NMR_IN_DOLLARS = Decimal(10)

query = QueryType()


class Stake(NamedTuple):
    """A stake on a round, with what it has earned, or would earn by today."""

    number: int
    model: sqlite3.Row
    at_risk: Decimal
    amount: Decimal
    is_settled: bool


def stakes(context: Context) -> list[Stake]:
    """Return all stakes on rounds whose window has closed, latest round first."""
    simulator = context.simulator
    found = []
    for row in simulator.state.rows("SELECT * FROM stakes ORDER BY round DESC"):
        at_risk, settled = Decimal(row["at_risk"]), row["payout"]
        if settled is None:
            latest = _latest_scores(context, row["round"], row["model_id"])
            factor = simulator.season.payout_factor(row["round"])
            amount = payout(at_risk, factor, latest).total
        else:
            amount = Decimal(settled)
        model = simulator.account.model(row["model_id"])
        found.append(Stake(row["round"], model, at_risk, amount, settled is not None))
    return found


@query.field("pendingModelPayouts")
@owner_only
def resolve_pending_payouts(_: None, info: Info, *, tournament: int) -> Answer:
    """Return what rounds have paid, and what open ones would pay by today."""
    classic_only(tournament)
    context = info.context
    everything = stakes(context)
    return {
        "actual": [_payout(context, s) for s in everything if s.is_settled],
        "pending": [_payout(context, s) for s in everything if not s.is_settled],
    }


@query.field("submissionScores")
def resolve_submission_scores(
    _: None,
    info: Info,
    *,
    modelId: str,
    tournament: int | None = None,
    lastNRounds: int | None = None,
    distinctOnRound: bool | None = None,
    **wanted: Any,
) -> list[Answer]:
    """Return the scores of a model, latest round and day first.

    ``wanted`` are the values that displayName, version, day and resolved must have.
    ``distinctOnRound`` keeps the latest of each metric in each round. Scores of
    competitors are not listed.
    """
    classic_only(tournament)
    context = info.context
    answers = [_score(context, row) for row in _score_rows(context, modelId)]
    answers = [
        answer
        for answer in answers
        if all(value in (None, answer[key]) for key, value in wanted.items())
    ]
    if lastNRounds is not None:
        numbers = sorted({answer["roundNumber"] for answer in answers})
        kept = set(numbers[-lastNRounds:] if lastNRounds > 0 else [])
        answers = [answer for answer in answers if answer["roundNumber"] in kept]
    if distinctOnRound:
        latest: dict[tuple[int, str], Answer] = {}
        for answer in answers:
            latest.setdefault((answer["roundNumber"], answer["displayName"]), answer)
        answers = list(latest.values())
    return answers


@query.field("v2RoundModelPerformances")
def resolve_round_performances(
    _: None, info: Info, *, modelId: str, tournament: int
) -> list[Answer]:
    """Return a model's rounds with their scores, latest round first."""
    classic_only(tournament)
    context = info.context
    rounds = context.simulator.state.rows(
        "SELECT DISTINCT round FROM submissions WHERE model_id = ? ORDER BY round DESC",
        modelId,
    )
    scores = {
        number: list(rows)
        for number, rows in groupby(
            _score_rows(context, modelId), key=lambda row: int(row["round"])
        )
    }
    return [
        _performance(context, row["round"], modelId, scores.get(row["round"], []))
        for row in rounds
    ]


@query.field("pipelineStatus")
def resolve_pipeline_status(
    _: None, info: Info, *, tournament: str, date: str | None = None
) -> Answer:
    """Return whether a day brings scores, and when they came."""
    if tournament != "classic":
        raise not_simulated(f"tournament {tournament!r}, only 'classic' is")
    context = info.context
    if date is None:
        day = context.now.date()
    else:
        try:
            day = datetime.fromisoformat(date).date()
        except ValueError:
            raise Refusal(
                f"{date!r} is not a date; write it like 2026-11-24."
            ) from None
    moment = datetime.combine(day, time(), tzinfo=UTC) + SCORES_AFTER_MIDNIGHT
    done = format_time(moment) if is_round_day(day) and moment <= context.now else None
    return {
        "dataReadyAt": done,
        "startedAt": done,
        "scoredAt": done,
        "resolvedAt": done,
        "isScoringDay": is_round_day(day),
        "tournament": tournament,
    }


def _payout(context: Context, stake: Stake) -> Answer:
    return {
        "roundId": round_id(stake.number),
        "roundNumber": stake.number,
        "roundResolveTime": format_time(
            context.simulator.timetable.resolves(stake.number)
        ),
        "modelId": stake.model["id"],
        "modelName": stake.model["name"],
        "modelDisplayName": stake.model["name"],
        "payoutNmr": nmr(stake.amount),
        "payoutValue": f"{stake.amount * NMR_IN_DOLLARS:.2f}",
        "currencySymbol": "$",
    }


def _score_rows(context: Context, model_id: str) -> list[sqlite3.Row]:
    return context.simulator.state.rows(
        "SELECT * FROM scores WHERE model_id = ? ORDER BY round DESC, day DESC, rowid",
        model_id,
    )


def _latest_scores(
    context: Context, number: int, model_id: str
) -> dict[str, float | None]:
    rows = context.simulator.state.rows(
        "SELECT * FROM scores WHERE round = ? AND model_id = ? ORDER BY day",
        number,
        model_id,
    )
    return {row["metric"]: row["value"] for row in rows}


def _score(context: Context, row: sqlite3.Row) -> Answer:
    timetable, number = context.simulator.timetable, row["round"]
    resolves = timetable.resolves(number)
    return {
        "roundId": round_id(number),
        "submissionId": row["submission_id"],
        "roundNumber": number,
        "roundResolveTime": format_time(resolves),
        "roundScoreTime": format_time(timetable.scores(number, 1)),
        "roundCloseStakingTime": format_time(timetable.closes(number)),
        "value": row["value"],
        "percentile": row["percentile"],
        "displayName": row["metric"],
        "version": VERSION,
        "date": row["date"],
        "day": row["day"],
        "resolveDate": format_time(resolves),
        "resolved": resolves <= context.now,
    }


def _performance(
    context: Context, number: int, model_id: str, rows: list[sqlite3.Row]
) -> Answer:
    simulator = context.simulator
    stake = simulator.state.row(
        "SELECT * FROM stakes WHERE round = ? AND model_id = ?", number, model_id
    )
    at_risk = Decimal(stake["at_risk"]) if stake else Decimal(0)
    factor = simulator.season.payout_factor(number)
    days = list(_performance_scores(rows, at_risk, factor))
    last_day = max((entry["day"] for entry in days), default=0)
    return {
        "atRisk": nmr(at_risk),
        "payoutMultipliers": [multiplier(number, metric) for metric in METRICS],
        "roundPayoutFactor": float(factor),
        "roundNumber": number,
        "roundOpenTime": format_time(simulator.timetable.opens(number)),
        "roundResolveTime": format_time(simulator.timetable.resolves(number)),
        "roundResolved": last_day == SCORE_DAYS,
        "roundTarget": TARGET,
        "submissionScores": [entry for entry in days if entry["day"] == last_day],
        "intraRoundSubmissionScores": days,
    }


def _performance_scores(
    rows: list[sqlite3.Row], at_risk: Decimal, factor: Decimal
) -> Iterator[dict[str, Any]]:
    for day, entries in groupby(rows, key=lambda row: int(row["day"])):
        metrics = {row["metric"]: row for row in entries}
        values = {name: row["value"] for name, row in metrics.items()}
        earned: Payout = payout(at_risk, factor, values)
        for name, row in metrics.items():
            part = nmr(earned.parts[name])
            yield {
                "date": row["date"],
                "day": day,
                "displayName": name,
                "percentile": row["percentile"],
                "value": row["value"],
                "payoutPending": None if day == SCORE_DAYS else part,
                "payoutSettled": part if day == SCORE_DAYS else None,
            }
