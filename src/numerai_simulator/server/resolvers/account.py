"""The account, its models and wallet, and what anyone sees of a model."""

import sqlite3
from decimal import Decimal

from ariadne import MutationType, QueryType

from numerai_simulator.clock import format_time
from numerai_simulator.errors import Refusal
from numerai_simulator.server import account as owner
from numerai_simulator.server.field import NAMES
from numerai_simulator.server.ids import stable_hash, stable_id
from numerai_simulator.server.metrics import CORR, MMC
from numerai_simulator.server.payouts import nmr
from numerai_simulator.server.resolvers.context import (
    CLASSIC,
    Answer,
    Context,
    Info,
    classic_only,
    owner_only,
)
from numerai_simulator.server.resolvers.scores import stakes
from numerai_simulator.server.resolvers.submissions import submission_answer
from numerai_simulator.server.standings import Ranks, Standing, find

_SCOPES = (
    "upload_submission",
    "stake",
    "read_submission_info",
    "read_user_info",
    "download_submission",
    "update_profile",
)

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
        raise Refusal(f"there is no account called {username!r}.")
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
    """Return what everyone may see of a model, ours or a competitor's."""
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


def _daily(date: str, mine: Standing, ranks: Ranks) -> Answer:
    return {
        "date": date,
        "corrRep": mine.reputations[CORR.display_name],
        "corrRank": ranks[CORR.display_name],
        "mmcRep": mine.reputations[MMC.display_name],
        "mmcRank": ranks[MMC.display_name],
    }
