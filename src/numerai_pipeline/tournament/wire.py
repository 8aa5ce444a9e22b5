"""Requests to the tournament: a timeout on each, an end to all, typed errors.

What went wrong is carried as a value (``Failure``) up to the deadline, not as a
chain of exceptions: an exception of the HTTP library holds the request with its
headers, and these hold the keys.
"""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx

from numerai_pipeline.core import Clock, TournamentRefused
from numerai_pipeline.tournament.access import Access
from numerai_pipeline.tournament.patience import (
    Failure,
    Patience,
    failure_of_error,
    failure_of_status,
    http_date,
)

# Enough of a page that is not GraphQL to recognise it in an error.
_EXCERPT_CHARACTERS = 80
_PAGE_CHARACTERS = 8_192

# All scores of a model over its years are a few MB; more than this is a mistake.
_MOST_BYTES = 64 << 20

_PAGE = re.compile(rb"\s*<(!doctype|html)", re.IGNORECASE)


class AnsweredErrors(TournamentRefused):
    """The answer was GraphQL errors.

    Attributes:
        messages: one per error, as the server wrote them.
        status: HTTP status of the answer; Numerai's is 200.
    """

    def __init__(self, text: str, messages: tuple[str, ...], status: int) -> None:
        super().__init__(text)
        self.messages = messages
        self.status = status


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
        self.clock = clock
        self._timeout_seconds = timeout_seconds
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
        return Patience(self.clock, seconds=self._deadline_seconds)

    def now(self) -> datetime:
        """Return the time that the last answer was dated, to the second.

        It is the tournament's clock that opens and closes rounds: the machine's own
        may be wrong, and a simulated one is elsewhere. It is asked only if the last
        answer had no date.
        """
        return self._answered_at or self.clock.now()

    @property
    def busy(self) -> str:
        """What the error says when the patience is spent."""
        if self.access.is_simulated:
            return (
                f"The simulated tournament at {self.access.origin} returned no usable "
                "response. Check that `nai simulate` runs there, then rerun."
            )
        return (
            f"{self.access.host} returned no usable response. Check the network and "
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
        # Compressed, a few bytes could become more than the memory holds.
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
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
        status, page = answer
        if status >= 300:
            return Failure(f"the upload answered HTTP {status}")
        # What signs a user in to a network answers everything, and stores nothing.
        return Failure("the upload answered a web page") if _PAGE.match(page) else None

    def _send(
        self, request: httpx.Request, patience: Patience
    ) -> tuple[int, bytes] | Failure:
        try:
            response = self._http.send(request, stream=True)
        except httpx.RequestError as error:
            return self._redacted(failure_of_error(error))
        # The timeout starts again with each byte; this does not, and leaves time for
        # another connection.
        whole = Patience(self.clock, seconds=self._timeout_seconds)
        content = bytearray()
        try:
            if response.headers.get("content-encoding", "identity") != "identity":
                return Failure("a compressed answer, which was not asked for")
            for chunk in response.iter_raw():
                content += chunk
                if whole.is_over or patience.is_over:
                    return Failure("an answer that did not end in time")
                if len(content) > _MOST_BYTES:
                    return Failure(f"an answer of more than {_MOST_BYTES:,} bytes")
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
        self._answered_at = http_date(headers.get("date", ""))

    def _data(self, status: int, content: bytes) -> dict[str, Any] | Failure:
        try:
            answer = self._cleaned(json.loads(content))
        except (ValueError, RecursionError):
            answer = None
        errors = answer.get("errors") if isinstance(answer, dict) else None
        if errors:
            messages = _messages(errors)
            raise AnsweredErrors(
                f"{self.access.host} refused: {'; '.join(messages)}. Fix what it "
                "names, then rerun; where that is nothing of yours, rerun later.",
                messages,
                status,
            )
        if status >= 300:
            raise TournamentRefused(
                f"{self.access.host} refused with HTTP {status}. {_advice(status)}"
            )
        data = answer.get("data") if isinstance(answer, dict) else None
        if not isinstance(data, dict):
            # Cut to size last: half a key would not be found.
            text = " ".join(content.decode(errors="replace").split())
            excerpt = self.access.clean(text[:_PAGE_CHARACTERS])[:_EXCERPT_CHARACTERS]
            return Failure(f"an answer that is not GraphQL: {excerpt!r}")
        return data

    def _cleaned(self, value: Any) -> Any:
        """Return an answer whose texts may be printed and stored."""
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
            "whose key may upload submissions."
        )
    return "Check [tournament] url in numerai.toml and NUMERAI_API_URL."
