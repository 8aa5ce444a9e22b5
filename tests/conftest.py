"""Every test starts from a clean world: no keys, no network but loopback."""

import os
import socket
from collections.abc import Iterator
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
