"""Requests to the tournament: a timeout on each, an end to all, typed errors.

What went wrong is carried as a value (``Failure``) up to the deadline, not as a
chain of exceptions: an exception of the HTTP library holds the request with its
headers, and these hold the keys.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx

from numerai_pipeline.core import Clock, TournamentRefused
from numerai_pipeline.tournament.access import Access
from numerai_pipeline.tournament.patience import (
    Failure,
    Patience,
    failure_of_error,
    failure_of_status,
)

# Enough of a page that is not GraphQL to recognise it in an error.
_EXCERPT_CHARACTERS = 80


class Wire:
    """Sends documents and files to one tournament."""

    def __init__(
        self,
        access: Access,
        clock: Clock,
        *,
        timeout_seconds: float,
        deadline_seconds: float,
    ) -> None:
        self.access = access
        self._clock = clock
        self._deadline_seconds = deadline_seconds
        self._answered_at: datetime | None = None
        # No idle connections: calls are few and hours apart, a kept one would be
        # dead by then. A proxy of the environment is never asked for loopback.
        self._http = httpx.Client(
            timeout=timeout_seconds,
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=not access.is_simulated,
        )

    def patience(self) -> Patience:
        """Return the time that one call has, from now."""
        return Patience(self._clock, seconds=self._deadline_seconds)

    def now(self) -> datetime:
        """Return the time that the last answer was dated, to the second.

        It is the tournament's clock that opens and closes rounds: the machine's own
        may be wrong, and a simulated one is elsewhere. It is asked only if the last
        answer had no date.
        """
        return self._answered_at or self._clock.now()

    @property
    def busy(self) -> str:
        """What the error says when the patience is spent."""
        if self.access.is_simulated:
            return (
                f"The simulated tournament at {self.access.url} gives no usable answer."
                " Check that `nai simulate` runs there, then rerun."
            )
        return (
            f"{self.access.host} gives no usable answer. Check the network and "
            "Numerai's announcements, then rerun; what is done is not done again."
        )

    def ask(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        needs_keys: bool,
        patience: Patience | None = None,
    ) -> dict[str, Any]:
        """Send a document that may be sent twice, until it is answered.

        Args:
            document: GraphQL.
            variables: of the document.
            needs_keys: whether to send the keys along.
            patience: what is left of a longer call's time.

        Returns:
            The ``data`` of the answer.

        Raises:
            TournamentRefused: if the tournament answered an error.
            TournamentBusy: if it did not answer in time.
            ConfigError: if keys are needed and there are none.
        """
        limit = patience or self.patience()
        return limit.spend_on(
            lambda: self.ask_once(
                document, variables, needs_keys=needs_keys, patience=limit
            ),
            busy=self.busy,
        )

    def ask_once(
        self,
        document: str,
        variables: Mapping[str, Any] | None,
        *,
        needs_keys: bool,
        patience: Patience,
    ) -> dict[str, Any] | Failure:
        """Send a document once; a ``Failure`` leaves open whether it was executed."""
        headers = {"Accept": "application/json"}
        if needs_keys:
            headers["Authorization"] = self.access.authorization()
        request = self._http.build_request(
            "POST",
            self.access.url,
            json={"query": document, "variables": variables},
            headers=headers,
        )
        answer = self._send(request, patience)
        if isinstance(answer, Failure):
            return answer
        status, content = answer
        return self._data(status, content)

    def put(self, url: str, content: bytes, patience: Patience) -> Failure | None:
        """Store bytes at an upload URL: no keys, no content type; once."""
        request = self._http.build_request("PUT", url, content=content)
        answer = self._send(request, patience)
        if isinstance(answer, Failure):
            return answer
        status, _ = answer
        return None if status < 300 else Failure(f"the upload answered HTTP {status}")

    def _send(
        self, request: httpx.Request, patience: Patience
    ) -> tuple[int, bytes] | Failure:
        try:
            response = self._http.send(request, stream=True)
        except httpx.RequestError as error:
            return self._redacted(failure_of_error(error))
        try:
            content = b""
            for chunk in response.iter_bytes():
                content += chunk
                # The timeout starts anew with each byte; this does not.
                if patience.is_over:
                    return Failure("an answer that did not end in time")
        except httpx.RequestError as error:
            return self._redacted(failure_of_error(error))
        finally:
            response.close()
        self._note_date(response.headers)
        later = failure_of_status(
            response.status_code, response.headers, self._clock.now()
        )
        return later or (response.status_code, content)

    def _note_date(self, headers: Mapping[str, str]) -> None:
        try:
            moment = parsedate_to_datetime(headers.get("date", ""))
        except ValueError:
            self._answered_at = None
        else:
            # Without a zone it is UTC: HTTP has no other.
            self._answered_at = moment.replace(tzinfo=moment.tzinfo or UTC)

    def _data(self, status: int, content: bytes) -> dict[str, Any] | Failure:
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            answer = None
        errors = answer.get("errors") if isinstance(answer, dict) else None
        if errors:
            raise TournamentRefused(
                f"{self.access.host} refused: {self.access.redact(_messages(errors))}. "
                "Trying again will not help: mend what it names, then rerun."
            )
        if status >= 300:
            raise TournamentRefused(
                f"{self.access.host} refused with HTTP {status}. {_advice(status)}"
            )
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, dict):
            text = content[:_EXCERPT_CHARACTERS].decode(errors="replace")
            excerpt = self.access.redact(" ".join(text.split()))
            return Failure(f"an answer that is not GraphQL: {excerpt!r}")
        return data

    def _redacted(self, failure: Failure) -> Failure:
        return Failure(self.access.redact(failure.cause), failure.wait_seconds)


def _messages(errors: object) -> str:
    listed = errors if isinstance(errors, list) else [errors]
    texts = [
        str(error.get("message") or error.get("detail") or error)
        if isinstance(error, dict)
        else str(error)
        for error in listed
    ]
    return "; ".join(text.strip().rstrip(".") for text in texts)


def _advice(status: int) -> str:
    if status in (401, 403):
        return (
            "Check that NUMERAI_PUBLIC_ID and NUMERAI_SECRET_KEY are a valid pair "
            "whose key may upload submissions."
        )
    return "Check [tournament] url in numerai.toml and NUMERAI_API_URL."
