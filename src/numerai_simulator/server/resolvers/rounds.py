"""Rounds, their times and what they pay; the data files and their addresses."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import cache
from itertools import islice
from typing import Any

from ariadne import QueryType

from numerai_simulator.clock import format_time
from numerai_simulator.errors import NO_ROUND, Refusal, not_simulated
from numerai_simulator.server.files import is_live
from numerai_simulator.server.resolvers.context import (
    CLASSIC,
    Answer,
    Context,
    Info,
    classic_only,
)
from numerai_simulator.server.scoring import (
    CLIP,
    METRICS,
    STAKE_THRESHOLD,
    VERSION,
    Metric,
    nmr,
)
from numerai_simulator.server.state import stable_id
from numerai_simulator.server.timetable import (
    SCORE_DAYS,
    day_at,
    day_number,
)

TARGET = "main"

query = QueryType()


@query.field("listDatasets")
def resolve_list_datasets(
    _: None,
    info: Info,
    *,
    tournament: int | None = None,
    **_round: int | None,
) -> list[str]:
    """List all files; they are the same in every round."""
    classic_only(tournament)
    return info.context.simulator.files.names()


@query.field("dataset")
def resolve_dataset(
    _: None,
    info: Info,
    *,
    filename: str,
    tournament: int | None = None,
    **arguments: int | None,
) -> str:
    """Return the url of a file; live data of the latest round, or of one asked for.

    Any round may be named with a file that is the same in every round, as
    Numerai's notebooks do.
    """
    classic_only(tournament)
    context = info.context
    timetable = context.simulator.timetable
    latest = timetable.latest_opened(context.now)
    number = arguments.get("round") or latest
    if is_live(filename):
        if latest < timetable.first_round:
            raise Refusal(NO_ROUND)
        if not timetable.first_round <= number <= latest:
            raise not_simulated(
                f"live data of round {number}, only of {timetable.first_round} to "
                f"{latest}"
            )
    return context.base_url + context.simulator.files.address(filename, number)


@query.field("rounds")
def resolve_rounds(
    _: None,
    info: Info,
    *,
    tournament: int | None = None,
    number: int | None = None,
    target: str | None = None,
    status: str | None = None,
    limit: int | None = None,
) -> list[Answer]:
    """List the rounds that have opened, latest first.

    Number 0 is the round that opened last, whether or not its window has ended;
    before the first one, that is Numerai's error. Only ``UPCOMING`` shows the
    round that opens next.
    """
    classic_only(tournament)
    context = info.context
    chosen = (
        round_answer(context, number)
        for number in _numbers(context, number, status)
        if status in (None, _status(context, number))
    )
    if target not in (None, TARGET):
        return []
    return list(islice(chosen, limit))


def _numbers(
    context: Context, number: int | None, status: str | None
) -> Iterator[int] | range | list[int]:
    timetable = context.simulator.timetable
    latest = timetable.latest_opened(context.now)
    if number is None:
        return range(latest + (status == "UPCOMING"), 0, -1)
    if number == 0:
        if latest < timetable.first_round:
            raise Refusal(NO_ROUND)
        return [latest]
    return [number] if 1 <= number <= latest + 1 else []


def _status(context: Context, number: int) -> str:
    timetable = context.simulator.timetable
    if context.now < timetable.opens(number):
        return "UPCOMING"
    if context.now < timetable.closes(number):
        return "OPEN"
    return "RESOLVING" if context.now < timetable.resolves(number) else "RESOLVED"


def round_answer(context: Context, number: int) -> Answer:
    """Describe a round as Numerai's type ``Round``."""
    timetable = context.simulator.timetable
    closes = format_time(timetable.closes(number))
    is_resolved = _status(context, number) == "RESOLVED"
    opens = timetable.opens(number)
    data_day = day_at(day_number(opens.date()) - 1)
    # Asked for up to four times, or, in a list of all rounds, not at all.
    factor = cache(lambda: context.simulator.season.payout_factor(number))
    return {
        "id": round_id(number),
        "tournament": CLASSIC,
        "number": number,
        "target": TARGET,
        "openTime": format_time(opens),
        "closeTime": closes,
        "closeStakingTime": closes,
        "scoreTime": format_time(timetable.scores(number, 1)),
        "resolveTime": format_time(timetable.resolves(number)),
        "resolvedGeneral": is_resolved,
        "resolvedStaking": is_resolved,
        "payoutFactor": lambda _info: nmr(factor()),
        "stakeThreshold": float(STAKE_THRESHOLD),
        "dataDatestamp": int(data_day.strftime("%Y%m%d")),
        "roundScoreConfigs": lambda _info: [
            _score_config(context, number, metric, factor) for metric in METRICS
        ],
    }


def round_id(number: int) -> str:
    """Return the id of a round."""
    return stable_id("round", number)


def multiplier(number: int, metric: Metric) -> dict[str, Any]:
    """Describe what a metric pays in a round, as Numerai's ``PayoutMultiplier``."""
    return {
        "id": stable_id("round score config", f"{number}/{metric.name}"),
        "scoreConfigId": stable_id("score config", metric.name),
        "name": metric.name,
        "version": VERSION,
        "displayName": metric.display_name,
        "multiplier": float(metric.multiplier),
    }


def _score_config(
    context: Context, number: int, metric: Metric, factor: Callable[[], Decimal]
) -> Answer:
    timetable = context.simulator.timetable
    paid = float(metric.multiplier)
    return {
        **multiplier(number, metric),
        "roundNumberStart": 1,
        "roundNumberEnd": None,
        "totalScoreDays": SCORE_DAYS,
        "returnsLagDays": 2,
        "dataDelayDays": 1,
        "universe": None,
        "isCanonScore": True,
        "isPayout": paid != 0,
        "scoringStart": format_time(timetable.scores(number, 1)),
        "scoringEnd": format_time(timetable.resolves(number)),
        "minMultiplier": paid,
        "maxMultiplier": paid,
        "defaultMultiplier": paid,
        "clipThreshold": float(CLIP),
        "stakeThreshold": float(STAKE_THRESHOLD),
        "payoutFactor": float(factor()),
    }
