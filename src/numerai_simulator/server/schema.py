"""Numerai's schema with a resolver behind each of its fields."""

import logging
import re
from importlib.resources import files
from typing import Any

from ariadne import graphql_sync, make_executable_schema
from graphql import GraphQLError, GraphQLSchema

from numerai_simulator.errors import Refusal, not_simulated
from numerai_simulator.server.resolvers import (
    account,
    compute,
    profiles,
    rounds,
    scores,
    submissions,
)
from numerai_simulator.server.resolvers.context import Context

_PARTS = (
    account.query,
    account.mutation,
    compute.query,
    compute.mutation,
    profiles.query,
    rounds.query,
    scores.query,
    submissions.query,
    submissions.mutation,
)


# How graphql-core names a field of Signals or Crypto, which the schema lacks.
_OTHER_TOURNAMENT = re.compile(r"Cannot query field '(\w*(?:signals|crypto)\w*)'", re.I)


def _is_unforeseen(record: logging.LogRecord) -> bool:
    """Return whether a GraphQL error is a bug here, not a mistake of the client."""
    error = record.exc_info[1] if record.exc_info else None
    cause = getattr(error, "original_error", None)
    # graphql-core's own errors are of documents and variables that do not fit.
    return cause is not None and not isinstance(cause, Refusal | GraphQLError)


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
    _, result = graphql_sync(
        schema,
        document,
        context_value=context,
        logger=_logger,
        error_formatter=_format_error,
    )
    return dict(result)


def _format_error(error: GraphQLError, debug: bool = False) -> dict[str, Any]:  # noqa: FBT001, FBT002 - as ariadne calls it
    """Return an error as JSON; fields of other tournaments are named as such."""
    del debug
    formatted = dict(error.formatted)
    unknown = _OTHER_TOURNAMENT.match(error.message)
    if unknown:
        what = f"{unknown[1]}, only tournament 8, Classic, is"
        formatted["message"] = str(not_simulated(what))
    return formatted
