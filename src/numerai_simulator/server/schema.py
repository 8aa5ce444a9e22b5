"""Numerai's schema with a resolver behind each of its fields."""

import logging
from importlib.resources import files
from typing import Any

from ariadne import graphql_sync, make_executable_schema
from graphql import GraphQLSchema

from numerai_simulator.errors import Refusal
from numerai_simulator.server.resolvers import (
    account,
    compute,
    datasets,
    leaderboards,
    rounds,
    scores,
    staking,
    submissions,
)
from numerai_simulator.server.resolvers.context import Context

_PARTS = (
    account.query,
    account.mutation,
    compute.query,
    compute.mutation,
    datasets.query,
    leaderboards.query,
    rounds.query,
    scores.query,
    staking.query,
    staking.mutation,
    submissions.query,
    submissions.mutation,
)


def _is_unforeseen(record: logging.LogRecord) -> bool:
    """Tell whether a GraphQL error is a bug here, not a mistake of the client."""
    error = record.exc_info[1] if record.exc_info else None
    cause = getattr(error, "original_error", None)
    return cause is not None and not isinstance(cause, Refusal)


_logger = logging.getLogger(__name__)
_logger.addFilter(_is_unforeseen)


def load_schema() -> GraphQLSchema:
    """Build the schema from ``schema.graphql`` and all resolvers."""
    text = files(__package__).joinpath("schema.graphql").read_text(encoding="utf-8")
    return make_executable_schema(text, *_PARTS)


def answer(schema: GraphQLSchema, document: Any, context: Context) -> dict[str, Any]:
    """Execute a GraphQL request.

    Args:
        schema: what ``load_schema`` returned.
        document: the JSON of the request: ``query`` and ``variables``.
        context: who asks, and when.

    Returns:
        The JSON of the answer: ``data``, and ``errors`` if there are any.
    """
    _, result = graphql_sync(schema, document, context_value=context, logger=_logger)
    return dict(result)
