"""The two leaderboards, by stake as at Numerai."""

from ariadne import QueryType

from numerai_simulator.server.field import REPUTATION_ROUNDS
from numerai_simulator.server.metrics import BMC, CORR, METRICS, MMC
from numerai_simulator.server.payouts import CLIP, nmr
from numerai_simulator.server.resolvers.context import (
    Answer,
    Info,
    classic_only,
)
from numerai_simulator.server.standings import Standing

_ROUNDS_A_QUARTER = 65
_ROUNDS_A_YEAR = 260

query = QueryType()


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
            "return_13_weeks": _return(standing, _ROUNDS_A_QUARTER),
            "return_52_weeks": _return(standing, _ROUNDS_A_YEAR),
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
            "return1y": _return(standing, _ROUNDS_A_YEAR),
            "return3m": _return(standing, _ROUNDS_A_QUARTER),
            "returnAllTime": _return(standing, _ROUNDS_A_YEAR),
        }
        for rank, standing in _page(everyone, limit, offset)
    ]


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
