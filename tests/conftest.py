"""Every test starts from a clean world: no keys, no network but loopback."""

import os
import shutil
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

# Set before the first import of matplotlib, in child processes too.
os.environ["MPLBACKEND"] = "Agg"
# One thread is the fastest for data this small: the workers beside it take the others.
for _threads in ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"):
    os.environ.setdefault(_threads, "1")

pytest_plugins = ["scripted_server", "small_world", "tiny_market"]

_LOOPBACK = ("127.", "::1", "localhost")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what trains networks as slow, and begin with the files that take longest.

    So no worker is left with a long file at the end.
    """
    for item in items:
        if "networks" in item.path.parts:
            item.add_marker(pytest.mark.slow)
    n_slow = Counter(item.path for item in items if item.get_closest_marker("slow"))
    items.sort(key=lambda item: -n_slow[item.path])


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


@pytest.fixture(scope="session")
def made_once(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[str, Callable[[Path], object]], Path]:
    """Return what makes a folder once for all workers of the session; read only."""
    base = tmp_path_factory.getbasetemp()
    # A worker of pytest-xdist has a folder of its own in that of the session.
    session = base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base

    def make(name: str, write: Callable[[Path], object]) -> Path:
        folder, whole = session / name, session / f"{name}.whole"
        with FileLock(session / f"{name}.lock"):
            if not whole.exists():
                shutil.rmtree(folder, ignore_errors=True)
                write(folder)
                whole.touch()
        return folder

    return make


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
