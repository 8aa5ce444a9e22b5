"""The official client with its HTTP replaced: the only import of numerapi.

numerapi 3.1.1 posts without a timeout, loses the message of every response that is
not 200, repeats mutations after a 5xx, reads ``.env`` files and configures the root
logger. Only its GraphQL documents and its parsing of responses are used.
"""

import logging
from collections.abc import Mapping
from typing import Any

from numerapi import NumerAPI

from numerai_pipeline.tournament.graphql import GraphQLClient


class NumerapiClient(NumerAPI):
    """``numerapi.NumerAPI`` over a ``GraphQLClient``; it holds no keys."""

    def __init__(self, graphql: GraphQLClient) -> None:
        # logging.basicConfig does nothing while the root logger has a handler.
        root, guard = logging.getLogger(), logging.NullHandler()
        root.addHandler(guard)
        try:
            super().__init__(show_progress_bars=False)  # type: ignore[no-untyped-call]
        finally:
            root.removeHandler(guard)
        self._graphql = graphql

    def _login(
        self, public_id: str | None = None, secret_key: str | None = None
    ) -> None:
        """Read no keys: the GraphQL client has them."""
        del public_id, secret_key
        self.token = ("", "")

    def raw_query(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        authorization: bool = False,  # noqa: FBT001, FBT002 - numerapi's signature
        **_retries: object,
    ) -> dict[str, Any]:
        """Send with ``GraphQLClient.ask``; return the shape that numerapi expects."""
        return {"data": self._graphql.ask(query, variables, needs_keys=authorization)}
