"""The official client with its HTTP exchanged: the only import of numerapi.

numerapi 3.1.1 posts without a timeout, loses the message of every answer that is
not 200, repeats mutations after a 5xx, reads ``.env`` files and sets up the root
logger. Its documents and its reading of the answers are what is kept.
"""

import logging
from collections.abc import Mapping
from typing import Any

from numerapi import NumerAPI

from numerai_pipeline.tournament.wire import Wire


class Client(NumerAPI):
    """``numerapi.NumerAPI`` over a ``Wire``; it holds no keys."""

    def __init__(self, wire: Wire) -> None:
        # logging.basicConfig does nothing while the root logger has a handler.
        root, guard = logging.getLogger(), logging.NullHandler()
        root.addHandler(guard)
        try:
            super().__init__(show_progress_bars=False)  # type: ignore[no-untyped-call]
        finally:
            root.removeHandler(guard)
        self._wire = wire

    def _login(
        self, public_id: str | None = None, secret_key: str | None = None
    ) -> None:
        """Take no keys from anywhere: the wire has them."""
        del public_id, secret_key
        self.token = ("", "")

    def raw_query(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        authorization: bool = False,  # noqa: FBT001, FBT002 - numerapi's signature
        **_retries: object,
    ) -> dict[str, Any]:
        """Ask as ``Wire.ask`` does, in the shape that numerapi expects."""
        return {"data": self._wire.ask(query, variables, needs_keys=authorization)}
