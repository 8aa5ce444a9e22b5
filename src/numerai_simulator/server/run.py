"""Runs the server: until a signal comes, or as long as a ``with`` block lasts."""

import signal
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import uvicorn
from starlette.middleware import Middleware

from numerai_simulator.clock import Clock
from numerai_simulator.errors import SetupError
from numerai_simulator.market import SILENT, MarketSpec, Progress
from numerai_simulator.server.account import DEFAULT_MODELS
from numerai_simulator.server.app import build_app
from numerai_simulator.server.local import is_loopback
from numerai_simulator.server.simulator import Simulator, open_simulator

# How long requests under way may take to end before they are cut off.
_GRACE_SECONDS = 5
# How often the waiting main thread wakes, so that Ctrl-C works on every system.
_POLL_SECONDS = 0.2


@dataclass(frozen=True)
class RunningSimulator:
    """A server that answers now."""

    url: str
    simulator: Simulator

    @property
    def clock(self) -> Clock:
        """The clock of the tournament; moving it moves the tournament."""
        return self.simulator.clock

    @property
    def folder(self) -> Path:
        """Where everything lies."""
        return self.simulator.folder


def serve(
    simulator: Simulator,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    middleware: Sequence[Middleware] = (),
    ready: Callable[[str], None] = lambda _url: None,
) -> None:
    """Answer until SIGINT or SIGTERM; call from the main thread.

    Args:
        simulator: what answers; stays open.
        host: a name or address of this machine.
        port: 0 takes a free one.
        middleware: wrapped around the application.
        ready: called with the URL once the server answers.

    Raises:
        SetupError: if the host is not this machine, or the port is taken.
    """
    stop = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    earlier = {
        each: signal.signal(each, end) for each in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        with _answering(simulator, host, port, middleware) as url:
            ready(url)
            while not stop.wait(_POLL_SECONDS):
                pass
    finally:
        for each, handler in earlier.items():
            signal.signal(each, handler)


@contextmanager
def running_simulator(
    folder: Path,
    spec: MarketSpec | None = None,
    *,
    clock: Clock | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    models: Sequence[str] = DEFAULT_MODELS,
    middleware: Sequence[Middleware] = (),
    progress: Progress = SILENT,
) -> Iterator[RunningSimulator]:
    """Run a server in a thread of this process while the block lasts.

    Args:
        folder: as in ``open_simulator``, like spec, clock, models and progress.
        spec: the market.
        clock: the tournament's clock.
        host: a name or address of this machine.
        port: 0 takes a free one.
        models: names of the account's models.
        middleware: wrapped around the application.
        progress: where the progress of writing the market's files goes.

    Raises:
        SetupError: as ``open_simulator``, if the host is not this machine, or if the
            port is taken.
    """
    with (
        open_simulator(
            folder, spec, clock=clock, models=models, progress=progress
        ) as simulator,
        _answering(simulator, host, port, middleware) as url,
    ):
        yield RunningSimulator(url, simulator)


@contextmanager
def _answering(
    simulator: Simulator, host: str, port: int, middleware: Sequence[Middleware]
) -> Iterator[str]:
    """Answer in a thread while the block lasts; gives the url."""
    address = f"http://[{host}]" if ":" in host else f"http://{host}"
    if not is_loopback(address):
        raise SetupError(
            f"the simulator answers on this machine only, not on {host}. "
            "Use 127.0.0.1, ::1 or localhost."
        )
    listener = _listen(host, port)
    server = uvicorn.Server(
        uvicorn.Config(
            build_app(simulator, middleware),
            log_config=None,
            log_level="warning",
            access_log=False,
            lifespan="off",
            date_header=False,  # the application dates its answers by its own clock
            ws="none",
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
    )
    thread = threading.Thread(
        target=server.run, kwargs={"sockets": [listener]}, name="simulator"
    )
    try:
        thread.start()
        # The socket listens already: a client that comes early waits in its queue.
        yield f"{address}:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=128)
    except (OSError, OverflowError) as error:
        raise SetupError(
            f"cannot listen on {host} port {port}: {error}. "
            "Take another with --port, or end what listens there."
        ) from error
