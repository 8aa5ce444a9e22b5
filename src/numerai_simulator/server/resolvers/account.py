"""The account, its models, wallet and stakes.

Stakes move at once, without a chain; the contracts of v3 are not simulated.
"""

import sqlite3
from decimal import Decimal, InvalidOperation
from typing import Any

from ariadne import MutationType, QueryType

from numerai_simulator.clock import format_time
from numerai_simulator.errors import Refusal, not_simulated
from numerai_simulator.server import account as owner
from numerai_simulator.server.resolvers.context import (
    CLASSIC,
    Answer,
    Context,
    Info,
    classic_only,
    owner_only,
)
from numerai_simulator.server.resolvers.submissions import submission_answer
from numerai_simulator.server.scoring import UNIT, nmr
from numerai_simulator.server.state import stable_hash

_SCOPES = (
    "upload_submission",
    "stake",
    "read_submission_info",
    "read_user_info",
    "download_submission",
    "update_profile",
)

_SIGNS = {"increase": 1, "decrease": -1}

query = QueryType()
mutation = MutationType()


@query.field("account")
@owner_only
def resolve_account(_: None, info: Info) -> Answer:
    """Return everything about the account."""
    context = info.context
    account = context.simulator.account
    return {
        "username": owner.USERNAME,
        "walletAddress": owner.WALLET,
        "availableNmr": nmr(account.balance()),
        "email": "simulated@localhost",
        "id": owner.ACCOUNT_ID,
        "mfaEnabled": False,
        "status": "VERIFIED",
        "insertedAt": account.inserted_at(),
        "models": [_model_answer(context, row) for row in account.models()],
        "apiTokens": [
            {"name": "simulated", "public_id": "SIMULATED", "scopes": list(_SCOPES)}
        ],
        "walletTxns": [_transaction(row) for row in account.transactions()],
    }


@query.field("model")
@owner_only
def resolve_model(
    _: None,
    info: Info,
    *,
    modelId: str | None = None,
) -> Answer:
    """Return one of the account's models."""
    context = info.context
    return _model_answer(context, context.simulator.account.model(modelId))


@mutation.field("setUserBio")
@owner_only
def resolve_set_bio(
    _: None, info: Info, *, value: str, modelId: str | None = None
) -> bool:
    """Set the text of a model's profile."""
    info.context.simulator.account.set_text(modelId, bio=value)
    return True


@mutation.field("setUserLink")
@owner_only
def resolve_set_link(
    _: None,
    info: Info,
    *,
    linkUrl: str,
    linkText: str | None = None,
    modelId: str | None = None,
) -> bool:
    """Set the link of a model's profile."""
    info.context.simulator.account.set_text(
        modelId, link_text=linkText, link_url=linkUrl
    )
    return True


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


@query.field("v3StakeAuth")
@query.field("v3StakeConfig")
@query.field("v3StakeRound")
@query.field("v3StakeClaim")
@owner_only
def resolve_v3(_: None, _info: Info, **_arguments: Any) -> Answer:
    """Refuse everything that belongs to the staking contracts."""
    raise not_simulated("staking v3, which lives on a blockchain")


def _model_answer(context: Context, row: sqlite3.Row) -> Answer:
    return {
        "id": row["id"],
        "name": row["name"],
        "displayName": row["name"],
        "tournament": CLASSIC,
        "submissions": lambda _info: [
            submission_answer(context, entry)
            for entry in context.simulator.submissions.of_model(row["id"])
        ],
        "v2Stake": {
            "status": "confirmed" if Decimal(row["stake"]) else None,
            "txHash": stable_hash("stake", row["id"]),
        },
    }


def _transaction(row: sqlite3.Row) -> Answer:
    stake = stable_hash("stake", row["model_id"])[:42]
    world = stable_hash("numerai", "treasury")[:42]
    sender, receiver = {
        "deposit": (world, owner.WALLET),
        "stake": (owner.WALLET, stake),
        "release": (stake, owner.WALLET),
        "payout": (world, stake),
        "burn": (stake, world),
    }[row["type"]]
    return {
        "amount": row["amount"],
        "from": sender,
        "to": receiver,
        "status": "confirmed",
        "time": row["time"],
        "tournament": CLASSIC if row["model_id"] else None,
        "txHash": stable_hash("transaction", row["number"]),
        "type": row["type"],
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
