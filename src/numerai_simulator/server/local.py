"""Requests of programs on this machine, not of web pages; sent as JSON."""

import json
from ipaddress import ip_address
from typing import Any

import httpx
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


class LocalOnly:
    """Refuses what a web page sent: it must not reach a server of this machine.

    A page of another origin names itself in ``Origin``. Where a page's own name was
    pointed at this machine (DNS rebinding), ``Host`` holds that name.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request of this machine on, answer others with 403."""
        headers = Headers(scope=scope)
        host, origin = headers.get("host", ""), headers.get("origin")
        if is_loopback(f"http://{host}") and origin in (None, f"http://{host}"):
            await self._app(scope, receive, send)
            return
        refusal = PlainTextResponse(
            "only programs on this machine may ask: the header Host must name it, and "
            "Origin, if any, must be the same.",
            status_code=403,
        )
        await refusal(scope, receive, send)


def is_loopback(url: str) -> bool:
    """Return whether a URL stays on this machine.

    >>> is_loopback("http://127.0.0.1:8000/x"), is_loopback("https://numer.ai")
    (True, False)
    >>> is_loopback("http://127.0.0.1@evil.example"), is_loopback("nonsense")
    (False, False)
    """
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return False
    if parsed.scheme not in ("http", "https"):
        return False
    if parsed.host == "localhost":
        return True
    try:
        return ip_address(parsed.host).is_loopback
    except ValueError:
        return False


class BadRequestError(Exception):
    """A body that is not read; carries the status of the answer."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def read_json(request: Request, body: bytes) -> Any:
    """Return the JSON of a request.

    Raises:
        ValueError: if the body is not JSON.
        BadRequestError: if it is not sent as JSON, as a form of a web page could not
            be, or nests too deeply.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise BadRequestError("send the header Content-Type: application/json", 415)
    try:
        return json.loads(body)
    except RecursionError:
        raise BadRequestError("the JSON nests too deeply", 400) from None
