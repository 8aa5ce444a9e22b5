"""What everyone may see: the profiles of models, and the leaderboards by stake."""

from ariadne import QueryType

from numerai_simulator.clock import format_time
from numerai_simulator.errors import Refusal
from numerai_simulator.server import account as owner
from numerai_simulator.server.resolvers.context import (
    Answer,
    Info,
    classic_only,
)
from numerai_simulator.server.resolvers.scores import stakes
from numerai_simulator.server.scoring import BMC, CLIP, CORR, METRICS, MMC, nmr
from numerai_simulator.server.standings import (
    NAMES,
    REPUTATION_ROUNDS,
    Ranks,
    Standing,
    find,
)
from numerai_simulator.server.state import stable_id

_ROUNDS_PER_QUARTER = 65
_ROUNDS_PER_YEAR = 260

query = QueryType()


@query.field("accountProfile")
def resolve_account_profile(
    _: None, info: Info, *, username: str, tournament: int | None = None
) -> Answer:
    """Return the models of any account; a competitor has one, named as itself."""
    classic_only(tournament)
    account = info.context.simulator.account
    if username == owner.USERNAME:
        models = [(row["id"], row["name"]) for row in account.models()]
    elif username in NAMES:
        models = [(stable_id("model", username), username)]
    else:
        raise Refusal(f"nobody has an account called {username!r}.")
    return {
        "models": [
            {"id": model_id, "name": name, "displayName": name}
            for model_id, name in models
        ]
    }


@query.field("v3UserProfile")
def resolve_profile(
    _: None,
    info: Info,
    *,
    modelName: str | None = None,
    model_name: str | None = None,
    tournament: int | None = None,
) -> Answer:
    """Return what everyone may see of a model, the account's or a competitor's."""
    classic_only(tournament)
    context = info.context
    simulator = context.simulator
    name = modelName or model_name or ""
    standing = find(simulator.standings.at(context.now), name)
    row = simulator.account.find(name)
    pending = sum(
        stake.amount
        for stake in stakes(context)
        if stake.model["name"] == name and not stake.is_settled
    )
    first_opening = simulator.timetable.opens(1)
    return {
        "id": stable_id("model", name),
        "startDate": row["inserted_at"] if row else format_time(first_opening),
        "username": name,
        "bio": row["bio"] if row else "A simulated competitor.",
        "nmrStaked": nmr(standing.stake),
        "stakeValue": nmr(standing.stake + pending) if standing.stake else None,
        "dailyModelPerformances": lambda _info: [
            _daily(date, mine, ranks)
            for date, mine, ranks in simulator.standings.history(name, context.now)
        ],
    }


@query.field("v2Leaderboard")
def resolve_leaderboard(
    _: None, info: Info, *, limit: int, offset: int
) -> list[Answer]:
    """Return the models by stake."""
    context = info.context
    everyone = context.simulator.standings.at(context.now)
    return [
        {
            "nmrStaked": nmr(standing.stake),
            "rank": rank,
            "username": standing.name,
            "corr20Rep": standing.reputations[CORR.display_name],
            "corr20V2Rep": standing.reputations[CORR.display_name],
            "mmcRep": standing.reputations[MMC.display_name],
            "bmcRep": standing.reputations[BMC.display_name],
            "team": False,
            "return_1_day": _return(standing, 1),
            "return_13_weeks": _return(standing, _ROUNDS_PER_QUARTER),
            "return_52_weeks": _return(standing, _ROUNDS_PER_YEAR),
        }
        for rank, standing in _page(everyone, limit, offset)
    ]


@query.field("accountLeaderboard")
def resolve_account_leaderboard(
    _: None,
    info: Info,
    *,
    limit: int,
    offset: int,
    tournament: int | None = None,
) -> list[Answer]:
    """Return the accounts by the stake of all their models.

    The simulated account stands there with its model of the largest stake.
    """
    classic_only(tournament)
    context = info.context
    accounts: dict[str, Standing] = {}
    for standing in context.simulator.standings.at(context.now):
        best = accounts.setdefault(standing.account, standing)
        if standing is not best:
            accounts[standing.account] = Standing(
                best.name, best.account, best.stake + standing.stake, best.reputations
            )
    everyone = sorted(accounts.values(), key=lambda entry: -entry.stake)
    return [
        {
            "displayName": standing.account,
            "username": standing.account,
            "nmrStaked": nmr(standing.stake),
            "rank": rank,
            "v2Corr20": standing.reputations[CORR.display_name],
            "mmc": standing.reputations[MMC.display_name],
            "return1y": _return(standing, _ROUNDS_PER_YEAR),
            "return3m": _return(standing, _ROUNDS_PER_QUARTER),
            "returnAllTime": _return(standing, _ROUNDS_PER_YEAR),
        }
        for rank, standing in _page(everyone, limit, offset)
    ]


def _daily(date: str, mine: Standing, ranks: Ranks) -> Answer:
    return {
        "date": date,
        "corrRep": mine.reputations[CORR.display_name],
        "corrRank": ranks[CORR.display_name],
        "mmcRep": mine.reputations[MMC.display_name],
        "mmcRank": ranks[MMC.display_name],
    }


def _page(
    everyone: list[Standing], limit: int, offset: int
) -> list[tuple[int, Standing]]:
    start = max(offset, 0)
    return list(enumerate(everyone, start=1))[start : start + max(limit, 0)]


def _return(standing: Standing, rounds: int) -> float | None:
    """Return a plausible return: the rate of a typical round, over so many rounds.

    Twenty rounds are under way at any time, so a day is worth a twentieth of one.
    """
    rates = [
        (standing.reputations[metric.display_name], float(metric.multiplier))
        for metric in METRICS
    ]
    rate = sum(value * paid for value, paid in rates if value is not None)
    if all(value is None for value, _ in rates):
        return None
    return rounds / REPUTATION_ROUNDS * max(min(rate, float(CLIP)), -float(CLIP))
