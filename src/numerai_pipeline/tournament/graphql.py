"""GraphQL over HTTP: a timeout per request, a deadline per call, typed errors.

Until the deadline an error is a value (``Failure``), not a chain of exceptions: an
exception of the HTTP library holds the request and its headers, which contain the keys.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from numerai_pipeline.core import Clock, TournamentRefused
from numerai_pipeline.tournament.access import Access, tls_context
from numerai_pipeline.tournament.deadline import (
    Deadline,
    Failure,
    failure_of_error,
    failure_of_status,
    http_date,
)

# Enough of a response that is not GraphQL to recognise it in an error message.
_EXCERPT_CHARACTERS = 80
_PAGE_CHARACTERS = 8_192

# All scores of a model over years are a few MB; more than this is an error.
_MOST_BYTES = 64 << 20

_PAGE = re.compile(rb"\s*<(!doctype|html)", re.IGNORECASE)


class GraphQLErrors(TournamentRefused):
    """The response contains GraphQL errors.

    Attributes:
        messages: one per error, as the server sent them.
        status: HTTP status of the response; 200 at Numerai.
    """

    def __init__(self, text: str, messages: tuple[str, ...], status: int) -> None:
        super().__init__(text)
        self.messages = messages
        self.status = status


class GraphQLClient:
    """Sends GraphQL documents and files to one tournament."""

    def __init__(
        self,
        access: Access,
        clock: Clock,
        *,
        timeout_seconds: float,
        deadline_seconds: float,
    ) -> None:
        self.access = access
        self.clock = clock
        self._timeout_seconds = timeout_seconds
        self._deadline_seconds = deadline_seconds
        self._server_time: datetime | None = None
        # No idle connections: calls are hours apart, and a kept connection would be
        # dead by then. Proxies from the environment are never used for loopback.
        self._http = httpx.Client(
            verify=tls_context(),
            timeout=timeout_seconds,
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=not access.is_simulated,
        )

    def deadline(self) -> Deadline:
        """Return the deadline of a call that begins now."""
        return Deadline(self.clock, seconds=self._deadline_seconds)

    def now(self) -> datetime:
        """Return the date of the last response, to the second.

        Rounds open and close by the tournament's clock; the local clock may be wrong,
        and a simulator has its own. The local clock is used only if the last response
        had no date.
        """
        return self._server_time or self.clock.now()

    @property
    def busy(self) -> str:
        """Error message for a passed deadline: what failed and what to do."""
        if self.access.is_simulated:
            return (
                f"The simulated tournament at {self.access.origin} returned no usable "
                "response. Check that `nai simulate` runs there, then rerun."
            )
        return (
            f"{self.access.host} returned no usable response. Check the network and "
            "Numerai's announcements, then rerun: finished steps are not repeated."
        )

    def ask(
        self,
        document: str,
        variables: Mapping[str, Any] | None = None,
        *,
        needs_keys: bool,
        deadline: Deadline | None = None,
    ) -> dict[str, Any]:
        """Send an idempotent document, with retries, and return its data.

        Args:
            document: GraphQL.
            variables: of the document.
            needs_keys: whether to send the keys.
            deadline: of the call that this request is part of; by default a new one.

        Returns:
            The ``data`` of the response.

        Raises:
            TournamentRefused: if the tournament returned an error.
            TournamentBusy: if it did not respond in time.
            ConfigError: if keys are needed and not set.
        """
        limit = deadline or self.deadline()
        return limit.retry_until(
            lambda: self.ask_once(
                document, variables, needs_keys=needs_keys, deadline=limit
            ),
            busy=self.busy,
        )

    def ask_once(
        self,
        document: str,
        variables: Mapping[str, Any] | None,
        *,
        needs_keys: bool,
        deadline: Deadline,
    ) -> dict[str, Any] | Failure:
        """Send a document once; after a ``Failure`` it may or may not be executed."""
        # A small compressed response could expand to more than the memory holds.
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if needs_keys:
            headers["Authorization"] = self.access.authorization()
        request = self._http.build_request(
            "POST",
            self.access.url,
            json={"query": document, "variables": variables},
            headers=headers,
        )
        response = self._send(request, deadline)
        if isinstance(response, Failure):
            return response
        status, content = response
        return self._data(status, content)

    def put(self, url: str, content: bytes, deadline: Deadline) -> Failure | None:
        """Store bytes at an upload URL, once, without keys and content type."""
        request = self._http.build_request("PUT", url, content=content)
        response = self._send(request, deadline)
        if isinstance(response, Failure):
            return response
        status, page = response
        if status >= 300:
            return Failure(f"HTTP {status} for the upload")
        # A captive portal returns a page for every request and stores nothing.
        return Failure("a web page for the upload") if _PAGE.match(page) else None

    def _send(
        self, request: httpx.Request, deadline: Deadline
    ) -> tuple[int, bytes] | Failure:
        try:
            response = self._http.send(request, stream=True)
        except httpx.RequestError as error:
            return self._redacted(failure_of_error(error))
        # The timeout of the library restarts with every byte; this one does not, and
        # leaves time for another connection.
        whole = Deadline(self.clock, seconds=self._timeout_seconds)
        content = bytearray()
        try:
            if response.headers.get("content-encoding", "identity") != "identity":
                return Failure("a compressed response, which was not requested")
            for chunk in response.iter_raw():
                content += chunk
                if whole.has_passed or deadline.has_passed:
                    return Failure("a response that did not end in time")
                if len(content) > _MOST_BYTES:
                    return Failure(f"a response of more than {_MOST_BYTES:,} bytes")
        except httpx.RequestError as error:
            return self._redacted(failure_of_error(error))
        finally:
            response.close()
        self._note_date(response.headers)
        later = failure_of_status(
            response.status_code, response.headers, self.clock.now()
        )
        return later or (response.status_code, bytes(content))

    def _note_date(self, headers: Mapping[str, str]) -> None:
        self._server_time = http_date(headers.get("date", ""))

    def _data(self, status: int, content: bytes) -> dict[str, Any] | Failure:
        try:
            response = self._cleaned(json.loads(content))
        except (ValueError, RecursionError):
            response = None
        errors = response.get("errors") if isinstance(response, dict) else None
        if errors:
            messages = _messages(errors)
            raise GraphQLErrors(
                f"{self.access.host} refused: {'; '.join(messages)}. Fix what it "
                "names, then rerun; if it is an error of the server, rerun later.",
                messages,
                status,
            )
        if status >= 300:
            raise TournamentRefused(
                f"{self.access.host} refused with HTTP {status}. {_advice(status)}"
            )
        data = response.get("data") if isinstance(response, dict) else None
        if not isinstance(data, dict):
            # Shortened last: part of a key would not be redacted.
            text = " ".join(content.decode(errors="replace").split())
            excerpt = self.access.clean(text[:_PAGE_CHARACTERS])[:_EXCERPT_CHARACTERS]
            return Failure(f"a response that is not GraphQL: {excerpt!r}")
        return data

    def _cleaned(self, value: Any) -> Any:
        """Return a response with texts that are safe to print and store."""
        if isinstance(value, str):
            return self.access.clean(value)
        if isinstance(value, list):
            return [self._cleaned(each) for each in value]
        if isinstance(value, dict):
            return {
                self.access.clean(key): self._cleaned(each)
                for key, each in value.items()
            }
        return value

    def _redacted(self, failure: Failure) -> Failure:
        return Failure(self.access.clean(failure.cause), failure.wait_seconds)


def _messages(errors: object) -> tuple[str, ...]:
    listed = errors if isinstance(errors, list) else [errors]
    texts = [
        str(error.get("message") or error.get("detail") or error)
        if isinstance(error, dict)
        else str(error)
        for error in listed
    ]
    return tuple(" ".join(text.split()).rstrip(".") for text in texts)


def _advice(status: int) -> str:
    if status in (401, 403):
        return (
            "Check that NUMERAI_PUBLIC_ID and NUMERAI_SECRET_KEY are a valid pair "
            "with permission to upload submissions."
        )
    return "Check [tournament] url in numerai.toml and NUMERAI_API_URL."
