"""Stakes: moved at once, without a chain. The contracts of v3 are not simulated."""

from decimal import Decimal, InvalidOperation
from typing import Any

from ariadne import MutationType, QueryType

from numerai_simulator.clock import format_time
from numerai_simulator.errors import Refusal, not_simulated
from numerai_simulator.server.payouts import UNIT, nmr
from numerai_simulator.server.resolvers.context import (
    Answer,
    Context,
    Info,
    classic_only,
    owner_only,
)

_SIGNS = {"increase": 1, "decrease": -1}

query = QueryType()
mutation = MutationType()


@mutation.field("v2ChangeStake")
@owner_only
def resolve_change_stake(
    _: None,
    info: Info,
    *,
    value: str,
    type: str,
    tournamentNumber: int,
    modelId: str | None = None,
) -> Answer:
    """Move NMR between the wallet and a model's stake."""
    classic_only(tournamentNumber)
    if type not in _SIGNS:
        raise Refusal(f"{type!r} is neither 'increase' nor 'decrease'.")
    return _moved(info.context, modelId, type, _amount(value))


@mutation.field("releaseStake")
@owner_only
def resolve_release_stake(
    _: None,
    info: Info,
    *,
    drain: bool,
    modelId: str | None = None,
    amount: str | None = None,
) -> Answer:
    """Move NMR from a model's stake to the wallet; all of it to drain."""
    context = info.context
    model = context.simulator.account.model(modelId)
    wanted = Decimal(model["stake"]) if drain else _amount(amount or "")
    return {
        "id": model["id"],
        **_moved(context, model["id"], "decrease", wanted),
        "drain": drain,
    }


def _moved(
    context: Context, model_id: str | None, kind: str, amount: Decimal
) -> Answer:
    if amount:  # nothing to move where an empty stake is drained
        change = _SIGNS[kind] * amount
        context.simulator.account.change_stake(model_id, change, context.now)
    return {
        "dueDate": format_time(context.now),
        "requestedAmount": nmr(amount),
        "status": "confirmed",
        "type": kind,
    }


def _amount(text: str) -> Decimal:
    """Read an amount of NMR that can be moved.

    Raises:
        Refusal: if it is not a number, not positive, or finer than NMR's smallest unit.
    """
    try:
        amount = Decimal(text)
        is_whole = amount > 0 and amount == amount.quantize(UNIT)
    except InvalidOperation:  # not a number, or with more digits than a stake has
        is_whole = False
    if not is_whole:
        raise Refusal(
            f"{text!r} is not an amount of NMR that can be moved. Send a positive "
            "number with at most 18 decimals, such as 1.5."
        )
    return amount


@query.field("v3StakeAuth")
@query.field("v3StakeConfig")
@query.field("v3StakeRound")
@query.field("v3StakeClaim")
@owner_only
def resolve_v3(_: None, _info: Info, **_arguments: Any) -> Answer:
    """Refuse everything that belongs to the staking contracts."""
    raise not_simulated("staking v3, which lives on a blockchain")
