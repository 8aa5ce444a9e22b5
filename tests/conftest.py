"""Every test starts from a clean world: no keys, no network but loopback."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

# Set before the first import of matplotlib, in child processes too.
os.environ["MPLBACKEND"] = "Agg"

pytest_plugins = ["scripted_server"]

_LOOPBACK = ("127.", "::1", "localhost")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every NUMERAI_* variable and the API's trigger out of the environment."""
    for name in [*os.environ]:
        if name.startswith("NUMERAI_") or name == "TRIGGER_ID":
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True, scope="session")
def loopback_only() -> Iterator[None]:
    """Refuse connections that leave this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if isinstance(address, tuple) and not str(address[0]).startswith(_LOOPBACK):
            raise PermissionError(f"a test tried to reach {address}")
        connect(self, address)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", guarded)
    yield
    patch.undo()


@pytest.fixture
def small_files() -> Callable[[], AbstractContextManager[None]]:
    """Return a context in which no file of this process grows beyond 4 KB.

    Only inside of a test: the files to which pytest itself writes are no smaller.
    """

    @contextmanager
    def limited() -> Iterator[None]:
        import resource  # POSIX alone has it

        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, hard))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    return limited
