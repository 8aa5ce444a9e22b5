"""A small tournament over real HTTP whose every answer can be made to go wrong.

A test queues faults by the kind of request; a request without a fault is answered
properly. Kinds are ``rounds``, ``files``, ``file_url``, ``models``, ``slot``,
``create``, ``submissions``, ``scores``, ``put`` and ``file``.
"""

import json
import re
import socket
import struct
import sys
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, BinaryIO
from urllib.parse import unquote

import pytest

from numerai_pipeline.core import TournamentSettings, VirtualClock
from numerai_pipeline.tournament import Tournament, connect

# The field of a document that tells what is asked, the most telling first.
_KIND_OF_FIELD = {
    "create_submission": "create",
    "submission_upload_auth": "slot",
    "submissionScores": "scores",
    "listDatasets": "files",
    "dataset(": "file_url",
    "rounds(": "rounds",
    "account": "models",
    "submissions(": "submissions",
}


@dataclass
class Request:
    """A request as it came in."""

    kind: str
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    """What is sent back; ``length`` is what Content-Length says, None: nothing."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = -1

    def all_headers(self) -> dict[str, str]:
        if self.status == 304:
            return self.headers
        length = len(self.body) if self.length == -1 else self.length
        framing = {} if length is None else {"Content-Length": str(length)}
        if length != len(self.body):
            framing["Connection"] = "close"  # only the end tells the end
        return {**self.headers, **framing}


@dataclass
class ServedFile:
    """A file that can be downloaded, and how the server treats it."""

    content: bytes
    etag: str | None
    content_type: str = "application/octet-stream"
    ignores_range: bool = False
    ignores_conditions: bool = False
    has_length: bool = True


# Gets the request and what would be the proper answer; returns the answer that is
# sent, or raises to send none.
Fault = Callable[[Request, Callable[[], Answer]], Answer]


class _NoAnswer(Exception):
    pass


class _Reset(Exception):
    pass


class ScriptedServer:
    """The state of the tournament, the script, and what was asked."""

    def __init__(self) -> None:
        # Five minutes after round 1000 opened; every answer is dated by it.
        self.clock = VirtualClock(datetime(2026, 11, 24, 12, 5, tzinfo=UTC))
        self.rounds: list[Any] = [
            {
                "number": 1000,
                "openTime": "2026-11-24T12:00:00Z",
                "closeTime": "2026-12-26T12:00:00Z",
                "closeStakingTime": "2026-11-24T13:00:00Z",
                "resolveTime": "2026-12-25T20:00:00Z",
            }
        ]
        self.models = {"alpha": "id-alpha", "beta": "id-beta"}
        self.submissions: list[dict[str, Any]] = []
        self.uploads: dict[str, bytes] = {}
        self.files: dict[str, ServedFile] = {}
        self.scores: list[dict[str, Any]] = []
        self.requests: list[Request] = []
        self.upload_base: str | None = None
        self.file_base: str | None = None
        self.drips_seconds: float | None = None
        self.date: str | None = None
        self._script: dict[str, deque[Fault]] = defaultdict(deque)
        self._n_slots = 0
        self.closing = threading.Event()
        self._lock = threading.Lock()
        self._http = _Server(("127.0.0.1", 0), _handler_of(self))
        self._http.daemon_threads = False
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.01}
        )
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def close(self) -> None:
        self.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def settings(self, **changes: Any) -> TournamentSettings:
        """Settings that find this server, with times that suit a test."""
        return TournamentSettings(
            **{
                "simulated": True,
                "url": self.url,
                # Long for this machine, also when it is busy: what hangs takes as long.
                "timeout_seconds": 1.0,
                "deadline_seconds": 60.0,
                **changes,
            }
        )

    def serve(
        self, name: str, content: bytes, *, etag: str | None = '"one"', **how: Any
    ) -> ServedFile:
        """Offer a file for download."""
        self.files[name] = ServedFile(content, etag, **how)
        return self.files[name]

    def asked(self, kind: str) -> list[Request]:
        """Return the requests of a kind so far."""
        with self._lock:
            return [request for request in self.requests if request.kind == kind]

    # The script.

    def on(self, kind: str, *faults: Fault) -> None:
        """Queue faults: the first for the next request of this kind, and so on."""
        self._script[kind].extend(faults)

    def status(self, status: int, body: bytes = b"", **headers: str) -> Fault:
        """Answer a status instead; ``retry_after="7"`` becomes ``Retry-After: 7``."""
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return lambda _request, _proper: Answer(status, body, named)

    def lost(self, status: int = 503) -> Fault:
        """Do what was asked, then answer as if it had failed."""

        def fault(_request: Request, proper: Callable[[], Answer]) -> Answer:
            proper()
            return Answer(status)

        return fault

    def html(self, status: int = 200) -> Fault:
        """Answer a maintenance page."""
        page = b"\n<!DOCTYPE html><html><body>Back soon</body></html>"
        return lambda _request, _proper: Answer(
            status, page, {"Content-Type": "text/html"}
        )

    def json(self, value: object) -> Fault:
        """Answer any JSON."""
        return lambda _request, _proper: Answer(200, json.dumps(value).encode())

    def errors(self, *messages: str) -> Fault:
        """Answer GraphQL errors, with status 200 as Numerai does."""
        return self.json({"errors": [{"message": text} for text in messages]})

    def echo_headers(self) -> Fault:
        """Answer a GraphQL error that repeats the request's headers."""
        return lambda request, _proper: Answer(
            200, json.dumps({"errors": [{"message": str(request.headers)}]}).encode()
        )

    def proper(self) -> Fault:
        """Answer properly: a place in the queue without a fault."""
        return lambda _request, proper: proper()

    def hang(self) -> Fault:
        """Say nothing until the client has gone or the server closes."""

        def fault(_request: Request, _proper: Callable[[], Answer]) -> Answer:
            self.closing.wait(60)
            raise _NoAnswer

        return fault

    def reset(self) -> Fault:
        """Cut the connection with a TCP reset."""

        def fault(_request: Request, _proper: Callable[[], Answer]) -> Answer:
            raise _Reset

        return fault

    def cut(self, at: int) -> Fault:
        """Answer properly but end the body after ``at`` bytes."""

        def fault(_request: Request, proper: Callable[[], Answer]) -> Answer:
            answer = proper()
            length = len(answer.body) if answer.length == -1 else answer.length
            return Answer(answer.status, answer.body[:at], answer.headers, length)

        return fault

    def altered(self, change: Callable[[Answer], Answer]) -> Fault:
        """Answer properly but for a change."""
        return lambda _request, proper: change(proper())

    def write_body(self, connection: BinaryIO, body: bytes) -> None:
        """Send a body at once or, if the server drips, byte by byte."""
        if self.drips_seconds is None:
            connection.write(body)
            return
        for byte in body:
            connection.write(bytes([byte]))
            if self.closing.wait(self.drips_seconds):
                return

    # The proper answers.

    def answer(self, request: Request) -> Answer:
        fault = None
        with self._lock:
            self.requests.append(request)
            queue = self._script[request.kind]
            if queue:
                fault = queue.popleft()
        if fault is None:
            return self._proper(request)
        return fault(request, lambda: self._proper(request))

    def kind_of(self, method: str, path: str, body: bytes) -> str:
        if path.startswith("/upload/"):
            return "put"
        if path.startswith("/data/"):
            return "file"
        document = json.loads(body)["query"] if method == "POST" else ""
        for name, kind in _KIND_OF_FIELD.items():
            if name in document:
                return kind
        return "unknown"

    def _proper(self, request: Request) -> Answer:
        if request.kind == "put":
            self.uploads[request.path.removeprefix("/upload/")] = request.body
            return Answer(200)
        if request.kind == "file":
            return self._file(request)
        variables = json.loads(request.body)["variables"] or {}
        data = getattr(self, f"_{request.kind}")(variables)
        return Answer(
            200, json.dumps(data).encode(), {"Content-Type": "application/json"}
        )

    def _rounds(self, variables: dict[str, Any]) -> dict[str, Any]:
        number = variables["number"]
        chosen = [r for r in self.rounds if number == 0 or r["number"] == number]
        return {"data": {"rounds": chosen}}

    def _files(self, _variables: dict[str, Any]) -> dict[str, Any]:
        return {"data": {"listDatasets": [*self.files]}}

    def _file_url(self, variables: dict[str, Any]) -> dict[str, Any]:
        name = variables["filename"]
        known = name in self.files
        base = self.file_base or self.url
        return {"data": {"dataset": f"{base}/data/{name}" if known else None}}

    def _models(self, _variables: dict[str, Any]) -> dict[str, Any]:
        models = [
            {"id": id_, "name": name, "tournament": 8}
            for name, id_ in self.models.items()
        ]
        return {"data": {"account": {"models": models}}}

    def _slot(self, variables: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            self._n_slots += 1
            name = f"{variables['filename']}-{self._n_slots}"
        base = self.upload_base or self.url
        slot = {"filename": name, "url": f"{base}/upload/{name}"}
        return {"data": {"submission_upload_auth": slot}}

    def _create(self, variables: dict[str, Any]) -> dict[str, Any]:
        if variables["filename"] not in self.uploads:
            return {"errors": [{"message": "nothing was uploaded"}]}
        with self._lock:
            submission = {
                "id": f"submission-{len(self.submissions) + 1}",
                "filename": variables["filename"],
                "insertedAt": "2026-11-24T12:06:00Z",
                "model": variables["modelId"],
                "trigger": variables["triggerId"],
                "selected": True,
                "round": self.rounds[0]["number"],
            }
            self.submissions.append(submission)
        return {"data": {"create_submission": {"id": submission["id"]}}}

    def _submissions(self, variables: dict[str, Any]) -> dict[str, Any]:
        own = [s for s in self.submissions if s["model"] == variables["modelId"]]
        return {
            "data": {
                "submissions": [
                    {key: s[key] for key in ("id", "filename", "insertedAt")}
                    for s in own
                ],
                "model": {
                    "submissions": [
                        {
                            "filename": s["filename"],
                            "selected": s["selected"],
                            "round": s["round"] and {"number": s["round"]},
                        }
                        for s in own
                    ]
                },
            }
        }

    def _scores(self, _variables: dict[str, Any]) -> dict[str, Any]:
        return {"data": {"submissionScores": self.scores}}

    def _file(self, request: Request) -> Answer:
        file = self.files.get(unquote(request.path.removeprefix("/data/")))
        if file is None:
            return Answer(404)
        headers = {"Content-Type": file.content_type}
        if file.etag:
            headers["ETag"] = file.etag
        known = request.headers.get("if-none-match")
        if known and known == file.etag and not file.ignores_conditions:
            return Answer(304, b"", headers)
        length = -1 if file.has_length else None
        wanted = re.fullmatch(r"bytes=(\d+)-", request.headers.get("range", ""))
        is_same = request.headers.get("if-range", file.etag) == file.etag
        if wanted is None or file.ignores_range or not is_same:
            return Answer(200, file.content, headers, length)
        start, total = int(wanted.group(1)), len(file.content)
        if start >= total:
            return Answer(416, b"", {"Content-Range": f"bytes */{total}"})
        headers["Content-Range"] = f"bytes {start}-{total - 1}/{total}"
        return Answer(206, file.content[start:], headers, length)


class _Server(ThreadingHTTPServer):
    def handle_error(self, *address: Any) -> None:
        """Print what went wrong, but not that a client has closed its connection."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(*address)


def _handler_of(server: ScriptedServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        # Connections are kept, so that a client that leaves one open is noticed.
        protocol_version = "HTTP/1.1"
        timeout = 5

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request(
                server.kind_of(self.command, self.path, body),
                self.command,
                self.path,
                {key.lower(): value for key, value in self.headers.items()},
                body,
            )
            try:
                self._send(server.answer(request))
            except _Reset:
                linger = struct.pack("ii", 1, 0)
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                self.connection.close()
                self.close_connection = True
            except (_NoAnswer, BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # nothing to say, or nobody listens

        do_GET = do_POST = do_PUT = _serve

        def _send(self, answer: Answer) -> None:
            self.send_response(answer.status)
            for key, value in answer.all_headers().items():
                self.send_header(key, value)
            self.end_headers()
            server.write_body(self.wfile, answer.body)

        def date_time_string(self, timestamp: float | None = None) -> str:
            del timestamp
            if server.date is not None:
                return server.date
            return format_datetime(server.clock.now(), usegmt=True)

        def log_message(self, *_args: object) -> None:
            pass

    return Handler


@pytest.fixture
def scripted_server() -> Iterator[ScriptedServer]:
    """A tournament with one open round, two models and no fault yet."""
    server = ScriptedServer()
    yield server
    server.close()


@pytest.fixture
def clock(scripted_server: ScriptedServer) -> VirtualClock:
    """The clock of the server and of whoever talks to it."""
    return scripted_server.clock


@pytest.fixture
def tournament(scripted_server: ScriptedServer, clock: VirtualClock) -> Tournament:
    """The scripted server, seen through the product."""
    return connect(scripted_server.settings(), clock=clock, environ={})
