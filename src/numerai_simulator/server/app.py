"""The web application: GraphQL, files, uploads and the admin endpoint.

| method and path | does |
| --- | --- |
| ``POST /`` | Numerai's API |
| ``GET /files/...`` | hands out a data file; ranges, ETag, HEAD |
| ``PUT /uploads/NAME`` | takes the bytes of an upload |
| ``GET /uploads/NAME`` | hands out what was submitted |
| ``GET /admin/state`` | what the simulator is at |
| ``POST /admin/clock`` | moves the virtual clock |
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any, BinaryIO

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from numerai_simulator.clock import Clock, format_time, parse_time
from numerai_simulator.errors import Refusal, SetupError, SimulatorError
from numerai_simulator.server.local import BadRequestError, LocalOnly, read_json
from numerai_simulator.server.resolvers.context import Context
from numerai_simulator.server.schema import answer, load_schema
from numerai_simulator.server.simulator import Simulator
from numerai_simulator.storage import atomic_path

# Public id and secret key of the one account.
_TOKEN = "Token SIMULATED$SIMULATED"  # noqa: S105 - it opens nothing


def build_app(simulator: Simulator, middleware: Sequence[Middleware] = ()) -> Starlette:
    """Return the ASGI application of a simulator.

    Args:
        simulator: what answers.
        middleware: wrapped around everything, outermost first; this is where
            faults come in.
    """
    endpoints = _Endpoints(simulator)
    return Starlette(
        routes=[
            Route("/", endpoints.graphql, methods=["POST"]),
            Route("/files/live/{number:int}/{name:path}", endpoints.live_file),
            Route("/files/{name:path}", endpoints.file),
            Route("/uploads/{name}", endpoints.receive, methods=["PUT"]),
            Route("/uploads/{name}", endpoints.uploaded),
            Route("/admin/state", endpoints.state),
            Route("/admin/clock", endpoints.move_clock, methods=["POST"]),
        ],
        middleware=[
            *middleware,
            Middleware(_Dated, clock=simulator.clock),
            Middleware(LocalOnly),
        ],
    )


class _Dated:
    """Dates every answer by the tournament's clock, as a client sees the time."""

    def __init__(self, app: ASGIApp, clock: Clock) -> None:
        self._app = app
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = format_datetime(self._clock.now(), usegmt=True)
                MutableHeaders(scope=message)["Date"] = date
            await send(message)

        await self._app(scope, receive, dated)


class _Endpoints:
    """What stands behind the routes.

    Whatever reads the state runs in a thread, so that a download goes on while
    scores are computed.
    """

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._schema = load_schema()

    async def graphql(self, request: Request) -> Response:
        """Answer a GraphQL request; always 200, as the client loses other messages."""
        try:
            document = read_json(request, await request.body())
        except ValueError:
            return JSONResponse({"errors": [{"message": "the body is not JSON"}]})
        except BadRequestError as problem:
            return JSONResponse(
                {"errors": [{"message": str(problem)}]}, status_code=problem.status
            )
        return JSONResponse(
            await run_in_threadpool(
                self._answer,
                document,
                base_url=str(request.base_url),
                is_owner=request.headers.get("authorization") == _TOKEN,
            )
        )

    async def file(self, request: Request) -> Response:
        """Hand out a file that is the same in every round."""
        return _file(self._simulator.files.find(request.path_params["name"]))

    async def live_file(self, request: Request) -> Response:
        """Hand out a file of a round, once it has opened."""
        return _file(
            await run_in_threadpool(
                self._live_file,
                request.path_params["name"],
                request.path_params["number"],
            )
        )

    async def receive(self, request: Request) -> Response:
        """Store the bytes of an upload, whole."""
        slot, name = self._simulator.uploads.slot, request.path_params["name"]
        try:
            path, max_bytes = await run_in_threadpool(slot, name)
            with atomic_path(path) as partial:
                with partial.open("wb") as file:
                    await _store(request, file, max_bytes)
                # Another request may have used the name up in the meantime.
                await run_in_threadpool(slot, name)
        except Refusal as refusal:
            return PlainTextResponse(str(refusal), status_code=403)
        except _TooLargeError:
            return PlainTextResponse(
                f"an upload of this kind may have {max_bytes} bytes.", status_code=413
            )
        except ClientDisconnect:
            return PlainTextResponse("the upload ended early", status_code=400)
        return Response()

    async def uploaded(self, request: Request) -> Response:
        """Hand out an upload that has become a submission."""
        return _file(
            await run_in_threadpool(
                self._simulator.uploads.find, request.path_params["name"]
            )
        )

    async def state(self, _request: Request) -> Response:
        """Return what the simulator is at."""
        return JSONResponse(await run_in_threadpool(self._state))

    async def move_clock(self, request: Request) -> Response:
        """Move the virtual clock; see ``_target``."""
        body = await request.body()
        try:
            order = read_json(request, body)
        except ValueError:
            order = None
        except BadRequestError as problem:
            return JSONResponse({"error": str(problem)}, status_code=problem.status)
        try:
            return JSONResponse(await run_in_threadpool(self._move_clock, order, body))
        except SimulatorError as refusal:
            return JSONResponse({"error": str(refusal)}, status_code=400)

    def _answer(
        self, document: Any, *, base_url: str, is_owner: bool
    ) -> dict[str, Any]:
        now = self._simulator.advance()
        context = Context(self._simulator, now, base_url, is_owner)
        return answer(self._schema, document, context)

    def _live_file(self, name: str, number: int) -> Path | None:
        timetable = self._simulator.timetable
        latest = timetable.latest_opened(self._simulator.advance())
        if not timetable.first_round <= number <= latest:
            return None
        return self._simulator.files.find_live(name, number)

    def _state(self) -> dict[str, Any]:
        simulator = self._simulator
        now = simulator.advance()
        timetable = simulator.timetable
        latest = timetable.latest_opened(now)
        has_begun = latest >= timetable.first_round
        names = {row["id"]: row["name"] for row in simulator.account.models()}
        return {
            "now": format_time(now),
            "market": simulator.market.spec.model_dump(mode="json"),
            "current_round": latest if has_begun else None,
            "is_open": has_begun and timetable.is_open(latest, now),
            "next_opening": format_time(timetable.next_opening(now)),
            "submissions": [
                {
                    "id": row["id"],
                    "model": names[row["model_id"]],
                    "round": row["round"],
                    "filename": row["filename"],
                    "inserted_at": row["inserted_at"],
                    "is_late": bool(row["is_late"]),
                    "is_selected": bool(row["is_selected"]),
                }
                for row in simulator.submissions.all()
            ],
        }

    def _move_clock(self, order: Any, body: bytes) -> dict[str, Any]:
        self._simulator.move_to(_target(self._simulator, order, body))
        return self._state()


class _TooLargeError(Exception):
    """An upload went over its limit; ends the writing of its file."""


async def _store(request: Request, file: BinaryIO, max_bytes: int) -> None:
    """Write a body into a file; one that is too large is read to its end, unwritten.

    A client that is still sending would never read the answer otherwise.
    """
    n_bytes = 0
    async for chunk in request.stream():
        n_bytes += len(chunk)
        if n_bytes <= max_bytes:
            file.write(chunk)
    if n_bytes > max_bytes:
        raise _TooLargeError


def _target(simulator: Simulator, order: Any, body: bytes) -> Any:
    """Return to which moment the clock shall be moved.

    Args:
        simulator: whose clock it is.
        order: the JSON of the request, None if it was not JSON.
        body: its bytes, for the error.

    Raises:
        SetupError: if it is not exactly one of the three ways to say it.
    """
    now = simulator.clock.now()
    readers: dict[str, Callable[[Any], Any]] = {
        "move_to": parse_time,
        "advance_seconds": lambda seconds: now + timedelta(seconds=float(seconds)),
        "to": lambda what: {"next_open": simulator.timetable.next_opening(now)}[what],
    }
    try:
        ((key, value),) = order.items()
        return readers[key](value)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        raise SetupError(
            f"{body[:200].decode(errors='replace')!r} moves no clock. Send "
            '{"move_to": "2026-11-25T12:05:00Z"}, {"advance_seconds": 3600} or '
            '{"to": "next_open"}.'
        ) from None


class _WholeFile(FileResponse):
    # Measured on loopback: 1,500 MB/s, against 300 with Starlette's 64 KiB.
    chunk_size = 1 << 20


def _file(path: Path | None) -> Response:
    if path is None:
        return PlainTextResponse("there is no such file", status_code=404)
    return _WholeFile(path)
