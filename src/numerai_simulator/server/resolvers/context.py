"""What every resolver is given, and who may ask."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any

from graphql import GraphQLResolveInfo

from numerai_simulator.errors import NO_SESSION, Refusal, not_simulated
from numerai_simulator.server.simulator import Simulator

# Numerai Classic; Signals is 11, Crypto 12.
CLASSIC = 8

# An object of the schema, by the schema's own names.
Answer = dict[str, Any]
Resolver = Callable[..., Any]


@dataclass(frozen=True)
class Context:
    """One request.

    Args:
        simulator: the tournament, brought up to ``now``.
        now: the moment of the request, on the simulator's clock.
        base_url: how the client reached the server, with a slash at the end.
        is_owner: whether the token is the account's.
    """

    simulator: Simulator
    now: datetime
    base_url: str
    is_owner: bool


Info = GraphQLResolveInfo[Context]


def owner_only(resolver: Resolver) -> Resolver:
    """Refuse a request without the account's token."""

    @wraps(resolver)
    def guarded(parent: Any, info: Info, **arguments: Any) -> Any:
        if not info.context.is_owner:
            raise Refusal(NO_SESSION)
        return resolver(parent, info, **arguments)

    return guarded


def classic_only(tournament: int | None) -> None:
    """Refuse what concerns another tournament than Classic.

    Raises:
        Refusal: for Signals and Crypto.
    """
    if tournament not in (None, CLASSIC):
        raise not_simulated(f"tournament {tournament}, only {CLASSIC}, Classic, is")
